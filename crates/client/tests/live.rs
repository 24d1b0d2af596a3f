//! The library and the program against the real server.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use client::{AttributeList, Client, Configuration, Error, OFFERED, material, opaque_object, secret_data, symmetric_key};
use common::kmipd::Kmipd;
use kmip::attribute::{Attribute, AttributeReference};
use kmip::enumerations::{
    BatchErrorContinuationOption, CryptographicAlgorithm, ObjectType, QueryFunction, RevocationReasonCode, SecretDataType, State,
};
use kmip::masks::CryptographicUsageMask;
use kmip::operation::Operation;
use kmip::payload::{ActivateRequest, CreateRequest, GetRequest};
use kmip::result_reason::ResultReason;
use kmip::{DateTime, ProtocolVersion, Secret, tag};
use serde_json::Value as Json;

async fn connect(kmipd: &Kmipd, version: ProtocolVersion) -> Client {
    let configuration = Configuration::load(&kmipd.client_toml()).unwrap().with_version(version);
    Client::connect(&configuration).await.unwrap()
}

#[tokio::test]
async fn a_key_lives_its_life_in_every_version() {
    let kmipd = Kmipd::start();
    for version in OFFERED {
        let mut client = connect(&kmipd, version).await;
        let name = format!("disk in {version}");
        let attributes = AttributeList::new().name(&name).group("array-1");
        let key = client.create_symmetric_key(CryptographicAlgorithm::AES, 256, attributes).await.unwrap();

        let found = client.locate(AttributeList::new().name(&name), None).await.unwrap();
        assert_eq!(found.unique_identifiers, std::slice::from_ref(&key), "{version}");
        let object = client.get(&key).await.unwrap();
        assert_eq!(object.object_type(), ObjectType::SymmetricKey);
        assert_eq!(material(&object).unwrap().len(), 32);

        let attributes = client.get_attributes(&key, &[]).await.unwrap();
        assert_eq!(attributes.state(), Some(&State::PreActive), "{version}");
        assert_eq!(attributes.cryptographic_length(), Some(&256));
        assert_eq!(attributes.object_group().map(String::as_str), Some("array-1"));
        let list = client.get_attribute_list(&key).await.unwrap();
        assert!(list.contains(&AttributeReference::Standard(tag::CryptographicAlgorithm)), "{version}");

        client.add_attribute(&key, Attribute::ContactInformation("ops".to_owned())).await.unwrap();
        client.modify_attribute(&key, Attribute::ContactInformation("storage".to_owned()), None, None).await.unwrap();
        let contact = AttributeReference::Standard(tag::ContactInformation);
        let attributes = client.get_attributes(&key, std::slice::from_ref(&contact)).await.unwrap();
        assert_eq!(attributes.contact_information().map(String::as_str), Some("storage"), "{version}");
        client.delete_attribute(&key, &contact, None, None).await.unwrap();

        client.activate(&key).await.unwrap();
        let destroyed = client.destroy(&key).await.unwrap_err();
        assert!(matches!(destroyed, Error::Operation(_)), "{version}: an active key cannot be destroyed: {destroyed}");
        client.revoke(&key, RevocationReasonCode::KeyCompromise, Some("lost"), Some(DateTime(1_000_000_000))).await.unwrap();
        let attributes = client.get_attributes(&key, &[AttributeReference::Standard(tag::State)]).await.unwrap();
        assert_eq!(attributes.state(), Some(&State::Compromised), "{version}");
        client.destroy(&key).await.unwrap();

        let missing = client.get(&"no such object".into()).await.unwrap_err();
        let expected = [ResultReason::ItemNotFound, ResultReason::ObjectNotFound];
        assert!(missing.result_reason().is_some_and(|reason| expected.contains(&reason)), "{version}: {missing}");
        client.close().await;
    }
}

#[tokio::test]
async fn the_newest_version_is_agreed_on_and_the_server_tells_about_itself() {
    let kmipd = Kmipd::start();
    let configuration = Configuration::load(&kmipd.client_toml()).unwrap();
    let mut client = Client::connect(&configuration).await.unwrap();
    assert_eq!(client.version(), ProtocolVersion::V2_1);
    let versions = client.server_versions().await.unwrap();
    assert!(OFFERED.iter().all(|version| versions.contains(&(*version).into())), "{versions:?}");
    let functions = [QueryFunction::QueryOperations, QueryFunction::QueryServerInformation];
    let answer = client.query(&functions).await.unwrap();
    assert!(answer.operations.contains(&Operation::Create) && answer.vendor_identification.is_some());
}

#[tokio::test]
async fn what_is_registered_comes_back() {
    let kmipd = Kmipd::start();
    let mut client = connect(&kmipd, ProtocolVersion::V1_4).await;
    let bytes = || Secret::from_slice(b"0123456789abcdef");
    for object in [
        symmetric_key(bytes(), CryptographicAlgorithm::AES),
        secret_data(bytes(), SecretDataType::Password),
        opaque_object(bytes()),
    ] {
        let kind = object.object_type();
        let mut attributes = AttributeList::new().name(&format!("{kind:?}"));
        if kind != ObjectType::OpaqueObject {
            attributes = attributes.usage(kmip::masks::CryptographicUsageMask::Encrypt);
        }
        let identifier = client.register(object, attributes).await.unwrap();
        let object = client.get(&identifier).await.unwrap();
        assert_eq!((object.object_type(), material(&object)), (kind, Some(&bytes())));
    }
    let found = client.locate(AttributeList::new(), Some(2)).await.unwrap();
    assert_eq!(found.unique_identifiers.len(), 2);
}

#[tokio::test]
async fn a_batch_passes_the_new_key_on_and_reports_each_item() {
    let kmipd = Kmipd::start();
    for version in [ProtocolVersion::V1_0, ProtocolVersion::V1_4, ProtocolVersion::V2_1] {
        let mut client = connect(&kmipd, version).await;
        let mut batch = client.batch();
        let attributes = AttributeList::new()
            .algorithm(CryptographicAlgorithm::AES)
            .length(128)
            .usage(kmip::masks::CryptographicUsageMask::Encrypt);
        let create = batch.push(&CreateRequest {
            object_type: ObjectType::SymmetricKey,
            attributes: attributes.template(version).unwrap(),
            protection_storage_masks: None,
        });
        let get = |identifier: Option<&str>| GetRequest {
            unique_identifier: identifier.map(Into::into),
            key_format_type: None,
            key_wrap_type: None,
            key_compression_type: None,
            key_wrapping_specification: None,
        };
        let activate = batch.push(&ActivateRequest { unique_identifier: None });
        let read = batch.push(&get(None));
        // A failure empties the ID Placeholder, so this comes last.
        let missing = batch.push(&get(Some("no such object")));
        batch.on_error(BatchErrorContinuationOption::Continue);
        let results = client.send(batch).await.unwrap();
        let key = results.get(&create).unwrap().unique_identifier;
        assert_eq!(results.get(&activate).unwrap().unique_identifier, key, "{version}");
        assert!(results.get(&missing).unwrap_err().result_reason().is_some());
        assert_eq!(results.get(&read).unwrap().unique_identifier, key, "{version}");
        assert_eq!(results.first_error().and_then(|error| error.operation), Some(Operation::Get));
    }
}

#[test]
fn a_password_is_sent_with_every_request() {
    let kmipd = Kmipd::start();
    kmipd.add_user("anna", "correct horse");
    let config = kmipd.client_toml();
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text + "\nusername = \"anna\"\npassword_file = \"password\"\n").unwrap();
    let password = config.with_file_name("password");
    std::fs::write(&password, "correct horse\n").unwrap();
    let key = stdout(&kmipd.kmip(&["create"]));
    assert_eq!(stdout(&kmipd.kmip(&["locate"])), key);

    std::fs::write(&password, "wrong horse\n").unwrap();
    let refused = kmipd.kmip(&["locate"]);
    assert_eq!(refused.status.code(), Some(1));
    let complaint = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(complaint.contains("Authentication Not Successful"), "{complaint}");
}

#[test]
fn the_same_without_a_runtime() {
    let kmipd = Kmipd::start();
    let configuration = Configuration::load(&kmipd.client_toml()).unwrap();
    let mut client = client::blocking::Client::connect(&configuration).unwrap();
    let key = client
        .wait(async |client| client.create_symmetric_key(CryptographicAlgorithm::AES, 256, AttributeList::new()).await)
        .unwrap();
    let answer = client.call(&ActivateRequest { unique_identifier: Some(key.clone().into()) }).unwrap();
    assert_eq!(answer.unique_identifier, key);
}

fn stdout(output: &std::process::Output) -> String {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{complaint}");
    String::from_utf8(output.stdout.clone()).unwrap().trim_end().to_owned()
}

fn json(output: &std::process::Output) -> Json {
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

#[test]
fn the_program_takes_a_key_through_its_life() {
    let kmipd = Kmipd::start();
    let run = |arguments: &[&str]| kmipd.kmip(arguments);
    for version in ["1.0", "1.2", "1.4", "2.0", "2.1"] {
        let run = |arguments: &[&str]| run(&[&["--protocol", version], arguments].concat());
        let name = format!("program {version}");
        let key = stdout(&run(&["create", "--length", "128", "--name", &name, "--group", "g", "--usage", "encrypt,decrypt"]));
        assert_eq!(stdout(&run(&["locate", "--name", &name])), key);
        assert_eq!(stdout(&run(&["locate", "--name", &name, "--type", "symmetric-key", "--state", "active"])), "");
        assert_eq!(stdout(&run(&["get", &key])).len(), 32);
        let got = json(&run(&["--json", "get", &key]));
        assert_eq!((&got["cryptographic_algorithm"], &got["cryptographic_length"]), (&"AES".into(), &128.into()));

        let attributes = stdout(&run(&["attributes", "get", &key, "State", "Name"]));
        assert!(attributes.contains("Pre") && attributes.contains(&name), "{version}: {attributes}");
        stdout(&run(&["attributes", "add", &key, "x-Barcode", "A1"]));
        let all = json(&run(&["--json", "attributes", "get", &key]));
        let barcode = all["attributes"].as_array().unwrap().iter().find(|row| row["name"] == "x-Barcode");
        assert_eq!(barcode.unwrap()["value"], "A1", "{version}");
        stdout(&run(&["attributes", "modify", &key, "x-Barcode", "A2"]));
        assert!(stdout(&run(&["attributes", "list", &key])).contains("x-Barcode"));
        stdout(&run(&["attributes", "delete", &key, "x-Barcode"]));

        stdout(&run(&["activate", &key]));
        assert_eq!(stdout(&run(&["check", &key, "--usage", "encrypt"])), "allowed");
        assert_eq!(run(&["check", &key, "--usage", "sign"]).status.code(), Some(1));
        stdout(&run(&["revoke", &key, "--reason", "superseded", "--message", "replaced"]));
        assert_eq!(stdout(&run(&["destroy", &key])), format!("destroyed {key}"));

        let refused = run(&["--json", "get", "no such object"]);
        assert_eq!(refused.status.code(), Some(1));
        let document = json(&refused);
        assert!(document["error"]["result_reason"].as_str().unwrap().contains("Not Found"), "{document}");
        assert!(String::from_utf8_lossy(&refused.stderr).contains("Get failed"));
    }
}

#[test]
fn the_program_registers_what_is_in_files_and_writes_it_back() {
    let kmipd = Kmipd::start();
    let file = |name: &str| kmipd.scratch(name).to_str().unwrap().to_owned();
    let authority = certs::Authority::mint("a", certs::KeyKind::Rsa3072, certs::Validity::days(1)).unwrap();
    std::fs::write(file("raw"), [7; 32]).unwrap();
    std::fs::write(file("hex"), "00".repeat(16)).unwrap();
    std::fs::write(file("base64"), "aHVudGVyMg==\n").unwrap();
    std::fs::write(file("certificate"), authority.certificate_pem()).unwrap();
    std::fs::write(file("key"), authority.key_pem().as_bytes()).unwrap();
    let register = |name: &str, more: &[&str]| stdout(&kmipd.kmip(&[&["register", &file(name)], more].concat()));

    let raw = register("raw", &["--kind", "symmetric-key", "--name", "n", "--activate"]);
    stdout(&kmipd.kmip(&["get", &raw, "--out", &file("raw again")]));
    assert_eq!(std::fs::read(file("raw again")).unwrap(), [7; 32]);
    let hex = register("hex", &["--kind", "opaque", "--encoding", "hex"]);
    assert_eq!(stdout(&kmipd.kmip(&["get", &hex])), "00".repeat(16));
    let password = register("base64", &["--kind", "password", "--encoding", "base64"]);
    assert_eq!(kmipd.kmip(&["get", &password, "--encoding", "raw"]).stdout, b"hunter2");
    let certificate = register("certificate", &[]);
    let pem = stdout(&kmipd.kmip(&["get", &certificate, "--encoding", "pem"]));
    assert_eq!(pem.replace('\r', ""), authority.certificate_pem().replace('\r', "").trim_end());
    let key = register("key", &["--kind", "private-key"]);
    let document = json(&kmipd.kmip(&["--json", "get", &key]));
    assert_eq!((&document["cryptographic_algorithm"], &document["cryptographic_length"]), (&"RSA".into(), &3072.into()));
    assert_eq!(document["key_format_type"], "PKCS_8");

    let located = json(&kmipd.kmip(&["--json", "--protocol", "1.4", "locate", "--max", "2", "--offset", "0"]));
    assert_eq!((located["unique_identifiers"].as_array().unwrap().len(), &located["located_items"]), (2, &5.into()));
}

#[test]
fn the_program_makes_key_pairs_and_asks_questions() {
    let kmipd = Kmipd::start();
    let pair = json(&kmipd.kmip(&["--json", "create-key-pair", "--algorithm", "ecdsa", "--private-name", "signer"]));
    let private = pair["private_key_unique_identifier"].as_str().unwrap();
    assert_eq!(stdout(&kmipd.kmip(&["locate", "--name", "signer"])), private);
    let public = pair["public_key_unique_identifier"].as_str().unwrap();
    assert!(stdout(&kmipd.kmip(&["attributes", "get", public, "Object Type"])).contains("PublicKey"));

    assert!(stdout(&kmipd.kmip(&["versions"])).contains("1.4"));
    let query = stdout(&kmipd.kmip(&["query"]));
    assert!(query.contains("operations\n") && query.contains("  Create Key Pair\n"), "{query}");
    let query = json(&kmipd.kmip(&["--json", "query", "operations"]));
    assert!(query["Operation"].as_array().unwrap().contains(&"Create".into()), "{query}");

    let one_of_two = kmipd.kmip(&["--json", "activate", private, "no such object"]);
    assert_eq!(one_of_two.status.code(), Some(1));
    let document = json(&one_of_two);
    assert!(document["objects"][0].get("error").is_none() && document["objects"][1].get("error").is_some(), "{document}");
}

#[test]
fn the_program_replaces_keys_and_lists_those_the_server_replaces() {
    let kmipd = Kmipd::start();
    let run = |arguments: &[&str]| kmipd.kmip(arguments);
    let key = stdout(&run(&["create", "--length", "128", "--name", "by hand"]));
    let new = stdout(&run(&["re-key", &key, "--offset", "0"]));
    assert_eq!(stdout(&run(&["locate", "--name", "by hand"])), new);
    let refused = run(&["re-key", &key]);
    assert_eq!(refused.status.code(), Some(1), "there is one replacement only");

    let rotating = |name: &str, interval: &str| {
        let (interval, automatic) = (format!("RotateInterval={interval}"), "RotateAutomatic=true");
        stdout(&run(&["create", "--name", name, "--attribute", automatic, "--attribute", &interval]))
    };
    let later = rotating("in a day", "86400");
    let sooner = rotating("in an hour", "3600");
    let listed = stdout(&run(&["rotations"]));
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 2, "{listed}");
    assert!(lines[0].contains(&sooner) && lines[0].ends_with("every 3600 s  generation 0  in an hour"), "{listed}");
    assert!(lines[1].contains(&later), "{listed}");
    let document = json(&run(&["--json", "rotations"]));
    assert_eq!(document["rotations"][1]["unique_identifier"], later.as_str());
    assert_eq!(document["rotations"][1]["is_due"], false);
    assert_eq!(run(&["--protocol", "1.4", "rotations"]).status.code(), Some(1));

    // The server replaces what is due by itself.
    let old = rotating("in a second", "1");
    let name = ["locate", "--name", "in a second"];
    let begun = std::time::Instant::now();
    while stdout(&run(&name)) == old {
        assert!(begun.elapsed() < std::time::Duration::from_secs(60), "it is not rotated");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    let latest = json(&run(&["--json", "rotations"]));
    let latest = latest["rotations"].as_array().unwrap().iter().find(|key| key["name"] == "in a second").unwrap();
    assert!(latest["rotate_generation"].as_i64().unwrap() >= 1);
}

#[tokio::test]
async fn what_hangs_on_a_key_is_revoked_with_it_and_only_if_somebody_says_so() {
    use kmip::enumerations::LinkType;
    use kmip::structures::Link;
    let kmipd = Kmipd::start();
    let mut client = connect(&kmipd, ProtocolVersion::V2_1).await;
    let linked = |links: &[(LinkType, &str)]| {
        links.iter().fold(AttributeList::new(), |attributes, (link_type, other)| {
            attributes.with(Attribute::Link(Link { link_type: *link_type, linked_object_identifier: (*other).into() }))
        })
    };
    let make = async |client: &mut Client, attributes: AttributeList| {
        client.create_symmetric_key(CryptographicAlgorithm::AES, 256, attributes).await.unwrap().0
    };
    let base = make(&mut client, linked(&[])).await;
    let derived = make(&mut client, linked(&[(LinkType::DerivationBaseObjectLink, &base)])).await;
    // It tells of one that tells of it: a circle. And its replacement is none of the matter.
    let leaf = make(&mut client, linked(&[(LinkType::ParentLink, &derived), (LinkType::ChildLink, &base)])).await;
    let other = make(&mut client, linked(&[(LinkType::ReplacedObjectLink, &base)])).await;
    let wrapped = register_wrapped(&mut client, &leaf).await;
    let states = async |client: &mut Client| {
        let mut states = Vec::new();
        for key in [&base, &derived, &leaf, &wrapped, &other] {
            let state = [AttributeReference::Standard(tag::State)];
            states.push(*client.get_attributes(&key.as_str().into(), &state).await.unwrap().state().unwrap());
        }
        states
    };

    let asked = kmipd.kmip(&["revoke", &base, "--cascade"]);
    assert_eq!(asked.status.code(), Some(2), "nobody is there to ask: {asked:?}");
    let plan = kmipd.kmip(&["revoke", &base, "--cascade", "--dry-run"]);
    let text = String::from_utf8(plan.stdout).unwrap();
    assert!(plan.status.success() && text.contains("4 of 4 objects"), "{text}");
    assert_eq!(states(&mut client).await, [State::PreActive; 5]);

    let done = kmipd.kmip(&["revoke", &base, "--cascade", "--yes", "--reason", "key-compromise"]);
    let text = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success(), "{text}");
    let order: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("revoked ")).collect();
    assert_eq!(order, [&base, &derived, &leaf, &wrapped], "what others hang on comes first");
    let compromised = State::Compromised;
    assert_eq!(states(&mut client).await, [compromised, compromised, compromised, compromised, State::PreActive]);

    let again = kmipd.kmip(&["--json", "revoke", &base, "nobody-has-this", "--cascade", "--yes", "--reason", "key-compromise"]);
    assert_eq!(again.status.code(), Some(1), "one of them is unknown: {again:?}");
    let document: Json = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(document["objects"].as_array().unwrap().len(), 0, "the others are compromised already: {document}");
    assert_eq!(document["plan"][0]["skipped"], "is Compromised already");
    assert!(document["plan"][1]["unknown"].is_string());
    assert_eq!(kmipd.kmip(&["revoke", &base, "--yes"]).status.code(), Some(2));
    client.close().await;
}

/// Registers a key that is wrapped; the server links it to what it is wrapped with.
async fn register_wrapped(client: &mut Client, under: &str) -> String {
    use kmip::enumerations::{KeyFormatType, WrappingMethod};
    use kmip::object::{KeyBlock, KeyValue, ManagedObject, SymmetricKey};
    use kmip::structures::{EncryptionKeyInformation, KeyWrappingData};
    let key_block = KeyBlock {
        key_format_type: KeyFormatType::Raw,
        key_compression_type: None,
        key_value: Some(KeyValue::Wrapped(Secret::from_slice(&[7; 24]))),
        cryptographic_algorithm: Some(CryptographicAlgorithm::AES),
        cryptographic_length: Some(128),
        key_wrapping_data: Some(KeyWrappingData {
            wrapping_method: WrappingMethod::Encrypt,
            encryption_key_information: Some(EncryptionKeyInformation {
                unique_identifier: under.into(),
                cryptographic_parameters: None,
            }),
            mac_signature_key_information: None,
            mac_signature: None,
            iv_counter_nonce: None,
            encoding_option: None,
        }),
    };
    let mask = Attribute::CryptographicUsageMask(CryptographicUsageMask::Encrypt);
    let object = ManagedObject::SymmetricKey(SymmetricKey { key_block });
    client.register(object, AttributeList::new().with(mask)).await.unwrap().0
}

#[tokio::test]
async fn what_was_given_out_wrapped_is_revoked_as_the_administrators_report_says() {
    use kmip::enumerations::{BlockCipherMode, WrappingMethod};
    use kmip::structures::{CryptographicParameters, EncryptionKeyInformation, KeyWrappingSpecification};
    let kmipd = Kmipd::start();
    let mut client = connect(&kmipd, ProtocolVersion::V2_1).await;
    let wraps = AttributeList::new().with(Attribute::CryptographicUsageMask(CryptographicUsageMask::WrapKey));
    let wrapping = client.create_symmetric_key(CryptographicAlgorithm::AES, 256, wraps).await.unwrap();
    client.activate(&wrapping).await.unwrap();
    let key = client.create_symmetric_key(CryptographicAlgorithm::AES, 256, AttributeList::new()).await.unwrap();
    let request = GetRequest {
        unique_identifier: Some(key.0.as_str().into()),
        key_format_type: None,
        key_wrap_type: None,
        key_compression_type: None,
        key_wrapping_specification: Some(KeyWrappingSpecification {
            wrapping_method: WrappingMethod::Encrypt,
            encryption_key_information: Some(EncryptionKeyInformation {
                unique_identifier: wrapping.0.as_str().into(),
                cryptographic_parameters: Some(CryptographicParameters {
                    block_cipher_mode: Some(BlockCipherMode::NISTKeyWrap),
                    ..CryptographicParameters::default()
                }),
            }),
            mac_signature_key_information: None,
            attribute_names: Vec::new(),
            attribute_references: Vec::new(),
            encoding_option: None,
        }),
    };
    client.call(&request).await.unwrap();
    let report = kmipd.scratch("impact.json").display().to_string();
    let impact = |limit: &str| {
        let asked = kmipd.kmipd(&["report", "impact", &wrapping.0, "--format", "json", "--limit", limit, "--out", &report]);
        assert!(asked.status.success(), "{asked:?}");
    };
    // The record of a read is in the log soon.
    let revoke =
        |more: &[&str]| kmipd.kmip(&[&["revoke", &wrapping.0, "--cascade", "--reason", "key-compromise"], more].concat());
    let begun = std::time::Instant::now();
    let plan = loop {
        impact("10");
        let plan = String::from_utf8(revoke(&["--dry-run", "--impact", &report]).stdout).unwrap();
        if plan.contains("2 of 2 objects") {
            break plan;
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{plan}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    assert!(plan.contains(&format!("given out wrapped by {}", wrapping.0)), "{plan}");
    let without = revoke(&["--dry-run"]);
    assert!(String::from_utf8(without.stdout).unwrap().contains("1 of 1 objects"), "no link tells of it");
    let other = kmipd.kmip(&["revoke", &key.0, "--cascade", "--dry-run", "--impact", &report]);
    assert_eq!(other.status.code(), Some(2), "the report is about another key: {other:?}");
    assert!(revoke(&["--yes", "--impact", &report]).status.success());
    let state = [AttributeReference::Standard(tag::State)];
    assert_eq!(*client.get_attributes(&key, &state).await.unwrap().state().unwrap(), State::Compromised);
    impact("0");
    let cut = revoke(&["--dry-run", "--impact", &report]);
    assert!(!cut.status.success() && String::from_utf8_lossy(&cut.stderr).contains("--limit"), "{cut:?}");
    client.close().await;
}
