//! The commands that talk to a server.

use std::fmt::Write as _;

use client::{AttributeList, Client, Configuration, Error, spoken};
use kmip::attribute::Attribute;
use kmip::codec::{Cardinality, DateTime};
use kmip::enumerations::{
    CryptographicAlgorithm, Enumeration, InteropFunction, KeyFormatType, ObjectType, QueryFunction, RevocationReasonCode, State,
};
use kmip::identifier::UniqueIdentifier;
use kmip::masks::CryptographicUsageMask;
use kmip::object::ManagedObject;
use kmip::operation::Operation;
use kmip::payload::{GetRequest, LocateRequest, QueryResponse};
use kmip::{ProtocolVersion, tag};
use serde_json::{Map, Value as Json, json};

use crate::arguments::{
    Arguments, Attributes, Check, Command, Create, CreateKeyPair, Get, Interop, Locate, NewObject, Query, Register, Revoke,
};
use crate::attribute_text::{self as text, assignment, date, enumeration, usage};
use crate::output::{self, Failure, Output};
use crate::{cascade, input, material, rotations, services};

/// Runs a command that needs the server.
pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let output = Output { json: arguments.json };
    let configuration = configuration(&arguments)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::other(format!("the system gives no event queue: {error}")))?;
    runtime.block_on(async {
        let mut session = Session { client: None, configuration, output };
        let result = session.run(arguments.command).await;
        if let Some(client) = session.client {
            client.close().await;
        }
        result
    })
}

fn configuration(arguments: &Arguments) -> Result<Configuration, Failure> {
    let path = arguments.config.clone().or_else(|| std::env::var_os("KMIP_CONFIG").map(Into::into));
    let path = path.ok_or_else(|| {
        Failure::usage(
            "which server? Give --config FILE, or name the file in KMIP_CONFIG (kmipd makes one: clients/NAME/client.toml)",
        )
    })?;
    let configuration = Configuration::load(&path)?;
    match &arguments.protocol {
        None => Ok(configuration),
        Some(version) => {
            let version = client::parse_version(version).map_err(|error| Failure::usage(error.to_string()))?;
            Ok(configuration.with_version(version))
        }
    }
}

/// A command under way. The command line is judged before the connection is made, so that mistakes cost nothing.
struct Session {
    client: Option<Client>,
    configuration: Configuration,
    output: Output,
}

impl Session {
    async fn client(&mut self) -> Result<&mut Client, Error> {
        if self.client.is_none() {
            self.client = Some(Client::connect(&self.configuration).await?);
        }
        self.client.as_mut().ok_or(Error::Unusable)
    }

    async fn run(&mut self, command: Command) -> Result<(), Failure> {
        let output = self.output;
        match command {
            Command::Create(arguments) => self.create(arguments).await,
            Command::CreateKeyPair(arguments) => self.create_key_pair(arguments).await,
            Command::Register(arguments) => self.register(arguments).await,
            Command::Get(arguments) => self.get(arguments).await,
            Command::Locate(arguments) => self.locate(arguments).await,
            Command::ReKey(arguments) => rotations::re_key(self.client().await?, output, &arguments).await,
            Command::Rotations => rotations::list(self.client().await?, output).await,
            Command::Attributes { command } => self.attributes(command).await,
            Command::Activate(objects) => {
                self.each(&objects.identifiers, "activated", async |client, id| client.activate(id).await).await
            }
            Command::Destroy(objects) => {
                self.each(&objects.identifiers, "destroyed", async |client, id| client.destroy(id).await).await
            }
            Command::Revoke(arguments) => self.revoke(arguments).await,
            Command::Check(arguments) => self.check(arguments).await,
            Command::Encrypt(arguments) => services::encrypt(self.client().await?, output, arguments).await,
            Command::Decrypt(arguments) => services::decrypt(self.client().await?, output, arguments).await,
            Command::Sign(arguments) => services::sign(self.client().await?, output, arguments).await,
            Command::Verify(arguments) => services::verify(self.client().await?, output, arguments).await,
            Command::Mac(arguments) => services::mac(self.client().await?, output, arguments).await,
            Command::MacVerify(arguments) => services::mac_verify(self.client().await?, output, arguments).await,
            Command::Hash(arguments) => services::hash(self.client().await?, output, arguments).await,
            Command::Random(arguments) => services::random(self.client().await?, output, arguments).await,
            Command::Derive(arguments) => services::derive(self.client().await?, output, arguments).await,
            Command::Split(arguments) => services::split(self.client().await?, output, arguments).await,
            Command::Join(arguments) => services::join(self.client().await?, output, arguments).await,
            Command::Wrap(arguments) => services::wrap(self.client().await?, output, arguments).await,
            Command::Query(arguments) => self.query(arguments).await,
            Command::Versions => self.versions().await,
            Command::Interop(arguments) => self.interop(arguments).await,
            Command::Ttlv { .. } | Command::Completions { .. } => Err(Failure::usage("this command needs no server")),
        }
    }

    /// Does the same to each object and reports each; a failure does not keep the others from their turn.
    async fn each(
        &mut self,
        identifiers: &[String],
        done: &str,
        operation: impl AsyncFn(&mut Client, &UniqueIdentifier) -> Result<(), Error>,
    ) -> Result<(), Failure> {
        let output = self.output;
        let client = self.client().await?;
        let mut documents = Vec::new();
        let mut failed = false;
        for identifier in identifiers {
            match operation(client, &identifier.as_str().into()).await {
                Ok(()) => {
                    documents.push(json!({ "unique_identifier": identifier }));
                    if !output.json {
                        output::line(format_args!("{done} {identifier}"));
                    }
                }
                Err(error @ Error::Operation(_)) => {
                    failed = true;
                    output::complain(format_args!("{identifier}: {error}"));
                    documents.push(json!({ "unique_identifier": identifier, "error": output::error_document(&error) }));
                }
                Err(error) => return Err(error.into()),
            }
        }
        if output.json {
            output::line(format_args!("{:#}", json!({ "objects": documents })));
        }
        if failed { Err(Failure::Reported) } else { Ok(()) }
    }

    async fn create(&mut self, arguments: Create) -> Result<(), Failure> {
        let algorithm: CryptographicAlgorithm = enumeration(&arguments.algorithm)?;
        let attributes = new_object(&arguments.object)?;
        let client = self.client().await?;
        let identifier = client.create_symmetric_key(algorithm, arguments.length, attributes).await?;
        if arguments.object.activate {
            client.activate(&identifier).await.map_err(|error| half_done(&identifier, &error))?;
        }
        self.created(&identifier);
        Ok(())
    }

    fn created(&self, identifier: &UniqueIdentifier) {
        self.output.result(identifier, || json!({ "unique_identifier": identifier.0 }));
    }

    async fn create_key_pair(&mut self, arguments: CreateKeyPair) -> Result<(), Failure> {
        let algorithm: CryptographicAlgorithm = enumeration(&arguments.algorithm)?;
        let length = arguments.length.unwrap_or(if algorithm == CryptographicAlgorithm::RSA { 2048 } else { 256 });
        let mut common: AttributeList = arguments.attribute.iter().map(|text| assignment(text)).collect::<Result<_, _>>()?;
        common = common.algorithm(algorithm).length(length);
        for group in &arguments.group {
            common = common.group(group);
        }
        let half = |name: &Option<String>, usage| {
            let attributes = AttributeList::new().usage(usage);
            name.as_ref().map_or(attributes.clone(), |name| attributes.name(name))
        };
        let (private_usage, public_usage) = if algorithm == CryptographicAlgorithm::ECDH {
            (CryptographicUsageMask::KeyAgreement, CryptographicUsageMask::KeyAgreement)
        } else if algorithm == CryptographicAlgorithm::RSA {
            (
                CryptographicUsageMask::Sign | CryptographicUsageMask::Decrypt | CryptographicUsageMask::UnwrapKey,
                CryptographicUsageMask::Verify | CryptographicUsageMask::Encrypt | CryptographicUsageMask::WrapKey,
            )
        } else {
            (CryptographicUsageMask::Sign, CryptographicUsageMask::Verify)
        };
        let private = half(&arguments.private_name, private_usage);
        let public = half(&arguments.public_name, public_usage);
        let client = self.client().await?;
        let pair = client.create_key_pair(common, private, public).await?;
        if arguments.activate {
            for identifier in [&pair.private_key, &pair.public_key] {
                client.activate(identifier).await.map_err(|error| half_done(&pair.private_key, &error))?;
            }
        }
        let text = format!("private key {}\npublic key  {}", pair.private_key, pair.public_key);
        self.output.result(text, || {
            json!({
                "private_key_unique_identifier": pair.private_key.0,
                "public_key_unique_identifier": pair.public_key.0,
            })
        });
        Ok(())
    }

    async fn register(&mut self, arguments: Register) -> Result<(), Failure> {
        let algorithm: CryptographicAlgorithm = enumeration(&arguments.algorithm)?;
        let object = material::read(&arguments.file, arguments.encoding, arguments.kind, algorithm)?;
        let mut attributes = new_object(&arguments.object)?;
        if arguments.object.usage.is_none() {
            // Servers want to know, and opaque objects have no use but to be kept.
            attributes = match registered_usage(&object) {
                Some(usage) => attributes.usage(usage),
                None => attributes,
            };
        }
        let client = self.client().await?;
        let identifier = client.register(object, attributes).await?;
        if arguments.object.activate {
            client.activate(&identifier).await.map_err(|error| half_done(&identifier, &error))?;
        }
        self.created(&identifier);
        Ok(())
    }

    async fn get(&mut self, arguments: Get) -> Result<(), Failure> {
        let key_format_type: Option<KeyFormatType> = arguments.key_format.as_deref().map(enumeration).transpose()?;
        let request = GetRequest {
            unique_identifier: Some(arguments.identifier.as_str().into()),
            key_format_type,
            key_wrap_type: None,
            key_compression_type: None,
            key_wrapping_specification: None,
        };
        let (output, client) = (self.output, self.client().await?);
        let answer = client.call(&request).await?;
        let version = client.version();
        if output.json && arguments.out.is_none() {
            output::line(format_args!("{:#}", object_document(&answer.unique_identifier, &answer.object, version)));
            return Ok(());
        }
        material::write(&answer.object, arguments.encoding, arguments.out.as_deref(), arguments.force)?;
        if let Some(out) = &arguments.out {
            let text = format!("{} written to {}", answer.unique_identifier, out.display());
            output.result(text, || json!({ "unique_identifier": answer.unique_identifier.0, "file": out }));
        }
        Ok(())
    }

    async fn locate(&mut self, arguments: Locate) -> Result<(), Failure> {
        let mut filter: AttributeList = arguments.attribute.iter().map(|text| assignment(text)).collect::<Result<_, _>>()?;
        if let Some(name) = &arguments.name {
            filter = filter.name(name);
        }
        if let Some(object_type) = &arguments.object_type {
            filter = filter.object_type(enumeration::<ObjectType>(object_type)?);
        }
        if let Some(group) = &arguments.group {
            filter = filter.group(group);
        }
        if let Some(state) = &arguments.state {
            filter = filter.state(enumeration::<State>(state)?);
        }
        if let Some(algorithm) = &arguments.algorithm {
            filter = filter.algorithm(enumeration(algorithm)?);
        }
        if let Some(length) = arguments.length {
            filter = filter.length(length);
        }
        let (output, client) = (self.output, self.client().await?);
        let version = client.version();
        if arguments.offset.is_some() && version < ProtocolVersion::V1_3 {
            return Err(Error::NotInVersion { what: "--offset".to_owned(), version }.into());
        }
        let request = LocateRequest {
            maximum_items: arguments.max,
            offset_items: arguments.offset,
            storage_status_mask: None,
            object_group_member: None,
            object_class_mask: None,
            attributes: filter.filters(version)?,
            template_attribute: None,
        };
        let found = client.call(&request).await?;
        let identifiers: Vec<&str> = found.unique_identifiers.iter().map(|identifier| identifier.0.as_str()).collect();
        if output.json {
            let document = json!({ "unique_identifiers": identifiers, "located_items": found.located_items });
            output::line(format_args!("{document:#}"));
        } else {
            identifiers.iter().for_each(output::line);
        }
        Ok(())
    }

    async fn attributes(&mut self, command: Attributes) -> Result<(), Failure> {
        let output = self.output;
        match command {
            Attributes::Get { identifier, names } => {
                let references = names.iter().map(|name| text::reference(name)).collect::<Result<Vec<_>, _>>()?;
                let client = self.client().await?;
                let attributes = client.get_attributes(&identifier.as_str().into(), &references).await?;
                let version = client.version();
                let shown: Vec<text::Shown> = attributes.0.iter().map(|instance| text::show(instance, version)).collect();
                if output.json {
                    let all: Vec<Json> = shown
                        .iter()
                        .map(|shown| json!({ "name": shown.name, "index": shown.index.unwrap_or(0), "value": shown.json }))
                        .collect();
                    output::line(format_args!("{:#}", json!({ "unique_identifier": identifier, "attributes": all })));
                } else {
                    let width = shown.iter().map(|shown| shown.name.len()).max().unwrap_or(0);
                    for text::Shown { name, index, text, .. } in shown {
                        let index = index.filter(|index| *index > 0).map(|index| format!("[{index}] ")).unwrap_or_default();
                        output::line(format_args!("{name:width$}  {index}{text}"));
                    }
                }
            }
            Attributes::List { identifier } => {
                let list = self.client().await?.get_attribute_list(&identifier.as_str().into()).await?;
                let names: Vec<String> = list.iter().map(ToString::to_string).collect();
                output.result(names.join("\n"), || json!({ "unique_identifier": identifier, "attribute_names": names }));
            }
            Attributes::Add { identifier, name, value } => {
                let attribute = text::attribute(&name, &value)?;
                self.client().await?.add_attribute(&identifier.as_str().into(), attribute).await?;
                output.result(format_args!("added {name}"), || json!({ "unique_identifier": identifier }));
            }
            Attributes::Modify { identifier, name, value, index, current } => {
                let attribute = text::attribute(&name, &value)?;
                let current = current.map(|current| text::attribute(&name, &current)).transpose()?;
                let client = self.client().await?;
                only_in(client.version(), index.is_some(), current.is_some())?;
                client.modify_attribute(&identifier.as_str().into(), attribute, index, current).await?;
                output.result(format_args!("modified {name}"), || json!({ "unique_identifier": identifier }));
            }
            Attributes::Delete { identifier, name, index, current } => {
                let reference = text::reference(&name)?;
                let current = current.map(|current| text::attribute(&name, &current)).transpose()?;
                let client = self.client().await?;
                only_in(client.version(), index.is_some(), current.is_some())?;
                client.delete_attribute(&identifier.as_str().into(), &reference, index, current).await?;
                output.result(format_args!("deleted {name}"), || json!({ "unique_identifier": identifier }));
            }
        }
        Ok(())
    }

    async fn revoke(&mut self, arguments: Revoke) -> Result<(), Failure> {
        let reason: RevocationReasonCode = enumeration(&arguments.reason)?;
        let since: Option<DateTime> = arguments.since.as_deref().map(date).transpose()?;
        let compromise = [RevocationReasonCode::KeyCompromise, RevocationReasonCode::CACompromise].contains(&reason);
        if since.is_some() && !compromise {
            return Err(Failure::usage("--since is for --reason key-compromise and ca-compromise"));
        }
        // The standard requires the date with such a reason; "now" is the honest answer of somebody who does not know it.
        let since = if compromise { Some(since.map_or_else(|| date("now"), Ok)?) } else { None };
        let message = arguments.message.as_deref();
        if arguments.cascade {
            let reason = cascade::Reason { code: reason, message, since };
            let consent = cascade::Consent { yes: arguments.yes, dry_run: arguments.dry_run };
            let output = self.output;
            let report = arguments.impact.as_deref().map(cascade::read_report).transpose()?.unwrap_or_default();
            return cascade::run(self.client().await?, output, &arguments.objects.identifiers, &report, &reason, consent).await;
        }
        self.each(&arguments.objects.identifiers, "revoked", async |client, identifier| {
            client.revoke(identifier, reason, message, since).await
        })
        .await
    }

    async fn check(&mut self, arguments: Check) -> Result<(), Failure> {
        let mask = arguments.usage.as_deref().map(usage).transpose()?;
        let (output, client) = (self.output, self.client().await?);
        let answer = client.check(&arguments.identifier.as_str().into(), mask, arguments.count).await?;
        // The server repeats what is in the way (1.4, section 4.10).
        let mut against = Vec::new();
        if let Some(mask) = answer.cryptographic_usage_mask {
            against.push(format!("it may only be used for {mask:?}"));
        }
        if let Some(count) = answer.usage_limits_count {
            against.push(format!("{count} units are left"));
        }
        let allowed = against.is_empty();
        let text = if allowed { "allowed".to_owned() } else { format!("not allowed: {}", against.join("; ")) };
        output.result(text, || {
            json!({
                "unique_identifier": answer.unique_identifier.0,
                "allowed": allowed,
                "cryptographic_usage_mask": answer.cryptographic_usage_mask.map(|mask| format!("{mask:?}")),
                "usage_limits_count": answer.usage_limits_count,
                "lease_time_seconds": answer.lease_time.map(|time| time.0),
            })
        });
        if allowed { Ok(()) } else { Err(Failure::Reported) }
    }

    async fn query(&mut self, arguments: Query) -> Result<(), Failure> {
        let mut functions: Vec<QueryFunction> =
            arguments.functions.iter().map(|name| query_function(name)).collect::<Result<_, _>>()?;
        let (output, client) = (self.output, self.client().await?);
        let version = client.version();
        if functions.is_empty() {
            let known = QueryFunction::ROW.values.iter().filter(|row| row.versions.contains(version));
            functions = known.map(|row| QueryFunction::from_value(row.value)).collect();
        }
        let answer = client.query(&functions).await?;
        if output.json {
            output::line(format_args!("{:#}", query_document(&answer, version)));
        } else {
            output::line(query_text(&answer, version).trim_end());
        }
        Ok(())
    }

    async fn versions(&mut self) -> Result<(), Failure> {
        let (output, client) = (self.output, self.client().await?);
        let spoken_here = client.version();
        let versions: Vec<String> = match client.server_versions().await {
            Ok(versions) => versions.iter().map(|version| format!("{}.{}", version.major, version.minor)).collect(),
            Err(error) if spoken_here == ProtocolVersion::V1_0 && error.result_reason().is_some() => vec!["1.0".to_owned()],
            Err(error) => return Err(error.into()),
        };
        output.result(versions.join("\n"), || json!({ "versions": versions, "negotiated": spoken_here.to_string() }));
        Ok(())
    }

    async fn interop(&mut self, arguments: Interop) -> Result<(), Failure> {
        let function: InteropFunction = enumeration(&arguments.function)?;
        if function != InteropFunction::Reset && arguments.test_case.is_none() {
            return Err(Failure::usage("which test case begins or ends?"));
        }
        self.client().await?.interop(function, arguments.test_case.as_deref()).await?;
        self.output.result("done", || json!({}));
        Ok(())
    }
}

/// That the object is there although the command failed, so that nobody creates it again.
pub(crate) fn half_done(identifier: &UniqueIdentifier, error: &Error) -> Failure {
    Failure::other(format!("{identifier} was created, but not activated: {error}"))
}

/// 1.x tells the values of an attribute apart by index, 2.x by value.
fn only_in(version: ProtocolVersion, index: bool, current: bool) -> Result<(), Failure> {
    match (version.is_1x(), index, current) {
        (true, _, true) => Err(Failure::usage(format!("KMIP {version} tells values apart by --index, not by --current"))),
        (false, true, _) => Err(Failure::usage(format!("KMIP {version} tells values apart by --current, not by --index"))),
        _ => Ok(()),
    }
}

pub(crate) fn new_object(arguments: &NewObject) -> Result<AttributeList, Failure> {
    let mut attributes: AttributeList = arguments.attribute.iter().map(|text| assignment(text)).collect::<Result<_, _>>()?;
    for name in &arguments.name {
        attributes = attributes.name(name);
    }
    for group in &arguments.group {
        attributes = attributes.group(group);
    }
    if let Some(names) = &arguments.usage {
        attributes = attributes.with(Attribute::CryptographicUsageMask(usage(names)?));
    }
    Ok(attributes)
}

/// What a registered object may be used for when nobody says otherwise.
fn registered_usage(object: &ManagedObject) -> Option<CryptographicUsageMask> {
    match object {
        ManagedObject::SymmetricKey(_) => Some(CryptographicUsageMask::Encrypt | CryptographicUsageMask::Decrypt),
        ManagedObject::PrivateKey(_) => Some(CryptographicUsageMask::Sign),
        ManagedObject::PublicKey(_) | ManagedObject::Certificate(_) | ManagedObject::SecretData(_) => {
            Some(CryptographicUsageMask::Verify)
        }
        _ => None,
    }
}

/// `operations` means `QueryOperations`.
fn query_function(name: &str) -> Result<QueryFunction, Failure> {
    enumeration(name).or_else(|failure| enumeration(&format!("Query{name}")).map_err(|_| failure))
}

/// What is known of an object that was got.
pub(crate) fn object_document(identifier: &UniqueIdentifier, object: &ManagedObject, version: ProtocolVersion) -> Json {
    let mut document = Map::new();
    document.insert("unique_identifier".to_owned(), json!(identifier.0));
    document.insert("object_type".to_owned(), json!(format!("{:?}", object.object_type())));
    if let Some(block) = object.key_block() {
        document.insert("key_format_type".to_owned(), json!(format!("{:?}", block.key_format_type)));
        if let Some(algorithm) = block.cryptographic_algorithm {
            document.insert("cryptographic_algorithm".to_owned(), json!(format!("{algorithm:?}")));
        }
        if let Some(length) = block.cryptographic_length {
            document.insert("cryptographic_length".to_owned(), json!(length));
        }
        document.insert("wrapped".to_owned(), json!(block.key_wrapping_data.is_some()));
    }
    match (client::material(object), object.key_block()) {
        (Some(bytes), _) => {
            document.insert("value_hex".to_owned(), json!(input::to_hex(bytes.expose()).as_str()));
        }
        (None, Some(block)) => {
            document.insert("key_block".to_owned(), text::value_json(block, tag::KeyBlock, version));
        }
        (None, None) => {}
    }
    Json::Object(document)
}

/// What Query answered, for scripts: what may be there more than once is an array, however often it is there.
fn query_document(answer: &QueryResponse, version: ProtocolVersion) -> Json {
    let mut document = text::value_json(answer, tag::ResponsePayload, version);
    let repeated = QueryResponse::MEMBERS.iter().filter(|row| row.cardinality == Cardinality::Repeated);
    for name in repeated.filter_map(|row| tag::by_tag(row.tag)).map(|row| row.xml_name) {
        if let Some(value) = document.get_mut(name).filter(|value| !value.is_array()) {
            *value = Json::Array(vec![value.take()]);
        }
    }
    document
}

/// What Query answered, for people.
fn query_text(answer: &QueryResponse, version: ProtocolVersion) -> String {
    let mut text = String::new();
    let mut section = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{title}");
            for line in lines {
                let _ = writeln!(text, "  {line}");
            }
        }
    };
    section("vendor", answer.vendor_identification.iter().cloned().collect());
    section(
        "server",
        answer.server_information.iter().flat_map(|server| text::value_lines(server, tag::ServerInformation, version)).collect(),
    );
    section("operations", answer.operations.iter().map(|operation: &Operation| spoken(*operation)).collect());
    section("object types", answer.object_types.iter().map(|object_type| spoken(*object_type)).collect());
    section("application namespaces", answer.application_namespaces.clone());
    section(
        "extensions",
        answer.extension_information.iter().map(|value| text::value_text(value, tag::ExtensionInformation, version)).collect(),
    );
    section(
        "random number generators",
        answer.rng_parameters.iter().map(|value| text::value_text(value, tag::RNGParameters, version)).collect(),
    );
    section(
        "profiles",
        answer.profile_information.iter().map(|value| text::value_text(value, tag::ProfileInformation, version)).collect(),
    );
    section(
        "capabilities",
        answer
            .capability_information
            .iter()
            .flat_map(|value| text::value_lines(value, tag::CapabilityInformation, version))
            .collect(),
    );
    text
}
