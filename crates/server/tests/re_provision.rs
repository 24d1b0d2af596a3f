//! Re-Provision over real connections: a client replaces the certificate it connects with.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/program.rs"]
#[allow(dead_code, unreachable_pub, reason = "every test file uses its part")]
mod program;

use certs::{Authority, ClientProfile, Validity};
use kmip::attribute::{Attribute, TemplateAttribute};
use kmip::codec::Value;
use kmip::enumerations::{
    AsynchronousIndicator, CertificateRequestType, CertificateType, KeyFormatType, LinkType, ObjectType, QueryFunction,
    RevocationReasonCode,
};
use kmip::identifier::ObjectReference;
use kmip::message::{AsynchronousPreference, RequestHeader, ResponseMessage};
use kmip::object::{Certificate, CertificateRequest, KeyMaterial, KeyValue, ManagedObject};
use kmip::operation::Operation;
use kmip::payload::get::{GetRequest, GetResponse};
use kmip::payload::get_attributes::{GetAttributesRequest, GetAttributesResponse};
use kmip::payload::query::{QueryRequest, QueryResponse};
use kmip::payload::re_provision::{ReProvisionRequest, ReProvisionResponse};
use kmip::payload::register::{RegisterRequest, RegisterResponse};
use kmip::payload::revoke::{RevokeRequest, RevokeResponse};
use kmip::result_reason::ResultReason;
use kmip::structures::RevocationReason;
use kmip::{ProtocolVersion, Secret, tag};
use program::{Client, Program, kmipd_ok, settings};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use ttlv_codec::{Limits, Writer};

const VERSION: ProtocolVersion = ProtocolVersion::V2_1;

/// A server, its folder, and what of the folder goes with it.
struct Site {
    server: Program,
    folder: PathBuf,
    _root: TempDir,
}

impl Site {
    /// `kmipd dev`, whose configuration may be changed before it is served.
    fn start(change: impl FnOnce(String) -> String) -> Self {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("kmip-dev");
        let mut server = Program::dev(&folder);
        let file = folder.join("kmipd.toml");
        let before = std::fs::read_to_string(&file).unwrap();
        let after = change(before.clone());
        if after != before {
            server.signal("TERM");
            assert!(server.ended().success());
            std::fs::write(file, after).unwrap();
            server = Program::serve(&folder);
        }
        Self { server, folder, _root: root }
    }

    fn restart(&mut self) {
        self.server.signal("TERM");
        assert!(self.server.ended().success());
        self.server = Program::serve(&self.folder);
    }

    fn bundle(&self) -> PathBuf {
        self.folder.join("clients/demo")
    }

    /// A connection with the certificate that the demonstration client began with.
    fn old(&self) -> Client {
        Client::connect(self.server.address, &settings(&self.bundle())).unwrap()
    }

    /// A connection with another certificate and its key.
    fn with(&self, certificate: &[u8], key: PrivateKeyDer<'static>) -> Client {
        Client::connect(self.server.address, &self.settings(certificate, key)).unwrap()
    }

    fn settings(&self, certificate: &[u8], key: PrivateKeyDer<'static>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.folder.join("ca.pem")).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![CertificateDer::from(certificate.to_vec())], key)
            .unwrap();
        Arc::new(config)
    }
}

/// An operation, and what writes its payload.
type Item<'a> = (Operation, &'a dyn Fn(&mut Writer));

fn message(items: &[Item<'_>], change: impl FnOnce(&mut RequestHeader)) -> Vec<u8> {
    let mut header = RequestHeader::new(VERSION, i32::try_from(items.len()).unwrap());
    change(&mut header);
    let mut writer = Writer::new();
    writer.structure(tag::RequestMessage, |writer| {
        header.write(writer, tag::RequestHeader, VERSION);
        for (number, (operation, payload)) in (0_u8..).zip(items) {
            writer.structure(tag::BatchItem, |writer| {
                operation.write(writer, tag::Operation, VERSION);
                if items.len() > 1 {
                    writer.byte_string(tag::UniqueBatchItemID, &[number]);
                }
                payload(writer);
            });
        }
    });
    writer.finish()
}

fn payload(value: &impl Value) -> impl Fn(&mut Writer) {
    move |writer| value.write(writer, tag::RequestPayload, VERSION)
}

type Outcome = Result<Vec<u8>, (Option<ResultReason>, String)>;

fn outcomes(client: &mut Client, request: &[u8]) -> Vec<Outcome> {
    let bytes = client.exchange(request).unwrap().to_bytes();
    let message = ResponseMessage::read(&bytes, &Limits::default()).unwrap();
    let outcome = |item: kmip::message::ResponseBatchItem<'_>| match item.payload {
        Some(payload) if item.result_reason.is_none() => Ok(payload.raw().to_vec()),
        _ => Err((item.result_reason, item.result_message.unwrap_or_default())),
    };
    message.items.into_iter().map(outcome).collect()
}

fn try_ask<T: Value>(client: &mut Client, operation: Operation, request: &impl Value) -> Result<T, ResultReason> {
    match outcomes(client, &message(&[(operation, &payload(request))], |_| {})).remove(0) {
        Ok(payload) => Ok(kmip::codec::from_bytes(&payload, VERSION).unwrap()),
        Err((reason, _)) => Err(reason.unwrap()),
    }
}

fn ask<T: Value>(client: &mut Client, operation: Operation, request: &impl Value) -> T {
    try_ask(client, operation, request).unwrap()
}

const NOTHING: ReProvisionRequest = ReProvisionRequest { certificate_request: None, certificate: None };

fn signing(request: Vec<u8>, certificate_request_type: CertificateRequestType) -> ReProvisionRequest {
    let certificate_request_value = Secret::from_slice(&request);
    ReProvisionRequest {
        certificate_request: Some(CertificateRequest { certificate_request_type, certificate_request_value }),
        certificate: None,
    }
}

fn x_509(certificate: &[u8]) -> Certificate {
    Certificate { certificate_type: CertificateType::X_509, certificate_value: Secret::from_slice(certificate) }
}

fn bringing(certificate: &[u8]) -> ReProvisionRequest {
    ReProvisionRequest { certificate_request: None, certificate: Some(x_509(certificate)) }
}

fn re_provision(client: &mut Client, request: &ReProvisionRequest) -> Result<String, ResultReason> {
    let response: ReProvisionResponse = try_ask(client, Operation::ReProvision, request)?;
    Ok(response.unique_identifier.unwrap().0)
}

fn get_request(object: ObjectReference) -> GetRequest {
    GetRequest {
        unique_identifier: Some(object),
        key_format_type: None,
        key_wrap_type: None,
        key_compression_type: None,
        key_wrapping_specification: None,
    }
}

fn value_of(object: ManagedObject) -> Vec<u8> {
    match object {
        ManagedObject::Certificate(certificate) => certificate.certificate_value.expose().to_vec(),
        ManagedObject::PrivateKey(key) => {
            assert_eq!(key.key_block.key_format_type, KeyFormatType::PKCS_8);
            match key.key_block.key_value.unwrap() {
                KeyValue::Plain(plain) => match plain.key_material {
                    KeyMaterial::Bytes(bytes) => bytes.expose().to_vec(),
                    KeyMaterial::Transparent(_) => panic!("PKCS#8 is bytes"),
                },
                KeyValue::Wrapped(_) => panic!("it is not wrapped"),
            }
        }
        other => panic!("{:?}", other.object_type()),
    }
}

fn get(client: &mut Client, identifier: &str) -> Vec<u8> {
    let response: GetResponse = ask(client, Operation::Get, &get_request(ObjectReference::from(identifier)));
    value_of(response.object)
}

fn attributes(client: &mut Client, identifier: &str) -> Vec<Attribute> {
    let request =
        GetAttributesRequest { unique_identifier: Some(ObjectReference::from(identifier)), attribute_references: Vec::new() };
    let response: GetAttributesResponse = ask(client, Operation::GetAttributes, &request);
    response.attributes.iter().cloned().collect()
}

fn offers(client: &mut Client) -> bool {
    let request = QueryRequest { query_functions: vec![QueryFunction::QueryOperations], object_groups: None };
    ask::<QueryResponse>(client, Operation::Query, &request).operations.contains(&Operation::ReProvision)
}

/// That a request over a connection is refused because of its certificate, and that it was the last.
fn assert_ended(mut client: Client) {
    let request =
        message(&[(Operation::Query, &payload(&QueryRequest { query_functions: vec![], object_groups: None }))], |_| {});
    let (reason, text) = outcomes(&mut client, &request).remove(0).unwrap_err();
    assert_eq!(reason, Some(ResultReason::AuthenticationNotSuccessful));
    assert!(text.contains("Re-Provision"), "{text}");
    assert!(client.exchange(&request).is_err(), "the connection is closed");
}

fn subject(certificate: &[u8]) -> String {
    x509_parser::parse_x509_certificate(certificate).unwrap().1.subject().to_string()
}

#[test]
fn a_request_is_signed_and_the_old_certificate_ends_with_the_first_use_of_the_new_one() {
    let mut site = Site::start(|config| config);
    let mut old = site.old();
    assert!(offers(&mut old));
    // What the request says of names is nobody's concern: the client stays who it is.
    let requested = Authority::request(&ClientProfile::named("somebody else", Validity::days(1))).unwrap();
    let pem = requested.request_pem.clone().into_bytes();
    let identifier = re_provision(&mut old, &signing(pem, CertificateRequestType::PEM)).unwrap();
    let certificate = get(&mut old, &identifier);
    assert_eq!(subject(&certificate), "CN=demo");
    let key = || PrivateKeyDer::from_pem_slice(requested.key_pem.as_bytes()).unwrap();

    // The answer may have been lost: the old one holds, over new connections, too, and after a restart.
    let lost = Authority::request(&ClientProfile::named("demo", Validity::days(1))).unwrap();
    let lost_identifier =
        re_provision(&mut site.old(), &signing(lost.request_pem.clone().into_bytes(), CertificateRequestType::PKCS_10)).unwrap();
    let lost_certificate = get(&mut old, &lost_identifier);
    site.restart();
    let mut old = site.old();
    assert_eq!(get(&mut old, &identifier), certificate);

    // The new one is of the same client, and ends the old one: on open connections and new ones.
    let mut new = site.with(&certificate, key());
    assert_eq!(get(&mut new, &identifier), certificate);
    assert_ended(old);
    assert_ended(site.old());
    // So has the other new one, which was not used first.
    let lost_key = || PrivateKeyDer::from_pem_slice(lost.key_pem.as_bytes()).unwrap();
    assert_ended(site.with(&lost_certificate, lost_key()));

    site.restart();
    assert_ended(site.old());
    assert_ended(site.with(&lost_certificate, lost_key()));
    let mut new = site.with(&certificate, key());
    assert_eq!(get(&mut new, &identifier), certificate);
    // Nor can the old one come back.
    let old = CertificateDer::from_pem_file(site.bundle().join("cert.pem")).unwrap();
    assert_eq!(re_provision(&mut new, &bringing(&old)), Err(ResultReason::InvalidField));
    let log = kmipd_ok(&["audit", "show", "--config", site.folder.join("kmipd.toml").to_str().unwrap()], "");
    assert!(log.contains("ReProvision") && log.contains("certificate ended"), "{log}");
}

#[test]
fn the_server_makes_key_and_certificate() {
    let site = Site::start(|config| config);
    let mut old = site.old();
    let identifier = re_provision(&mut old, &NOTHING).unwrap();
    let private = get(&mut old, &identifier);
    let linked = attributes(&mut old, &identifier).into_iter().find_map(|attribute| match attribute {
        Attribute::Link(link) if link.link_type == LinkType::PKCS_12CertificateLink => Some(link.linked_object_identifier),
        _ => None,
    });
    let Some(ObjectReference::Identifier(linked)) = linked else { panic!("{linked:?}") };
    let certificate = get(&mut old, &linked);
    let mut new = site.with(&certificate, PrivateKeyDer::try_from(private).unwrap());
    assert_eq!(get(&mut new, &linked), certificate);
    assert_ended(old);
    // And on, from one to the next.
    let identifier = re_provision(&mut new, &NOTHING).unwrap();
    assert_eq!(get(&mut new, &identifier).len(), get(&mut new, &identifier).len());
}

#[test]
fn a_certificate_from_elsewhere_has_to_name_the_same_client() {
    let site = Site::start(|config| config);
    let config = site.folder.join("kmipd.toml");
    let add = |name: &str| {
        let out = site.folder.join(format!("{name}-2"));
        kmipd_ok(&["client", "add", name, "--config", config.to_str().unwrap(), "--out", out.to_str().unwrap()], "");
        out
    };
    let der = |bundle: &Path| CertificateDer::from_pem_file(bundle.join("cert.pem")).unwrap().to_vec();
    let (own, others) = (add("demo"), add("barney"));
    let mut old = site.old();
    for (request, reason) in [
        (bringing(&der(&others)), ResultReason::InvalidField),
        (bringing(&der(&site.bundle())), ResultReason::InvalidField),
        (bringing(b"no certificate"), ResultReason::InvalidField),
        (signing(b"no request".to_vec(), CertificateRequestType::PKCS_10), ResultReason::InvalidField),
        (signing(b"no request".to_vec(), CertificateRequestType::CRMF), ResultReason::FeatureNotSupported),
        (
            ReProvisionRequest { certificate: Some(x_509(&der(&own))), ..signing(vec![], CertificateRequestType::PKCS_10) },
            ResultReason::InvalidField,
        ),
    ] {
        assert_eq!(re_provision(&mut old, &request), Err(reason));
    }
    let stranger = Authority::mint("stranger", certs::KeyKind::EcdsaP256, Validity::days(1)).unwrap();
    let strange = stranger.client(&ClientProfile::named("demo", Validity::days(1))).unwrap();
    assert_eq!(re_provision(&mut old, &bringing(&strange.certificate_der)), Err(ResultReason::InvalidField));

    // Whoever made a request has to have its key.
    let requested = Authority::request(&ClientProfile::named("demo", Validity::days(1))).unwrap();
    let (_, block) = x509_parser::pem::parse_x509_pem(requested.request_pem.as_bytes()).unwrap();
    let mut forged = block.contents.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(re_provision(&mut old, &signing(forged, CertificateRequestType::PKCS_10)), Err(ResultReason::InvalidField));

    let identifier = re_provision(&mut old, &bringing(&der(&own))).unwrap();
    assert_eq!(get(&mut old, &identifier), der(&own));
    let mut new = Client::connect(site.server.address, &settings(&own)).unwrap();
    assert_eq!(get(&mut new, &identifier), der(&own));
    assert_ended(old);
}

#[test]
fn who_may_not() {
    let site = Site::start(|config| config);
    // A certificate that the client revoked as an object.
    let mut old = site.old();
    let certificate = CertificateDer::from_pem_file(site.bundle().join("cert.pem")).unwrap();
    let register = RegisterRequest {
        object_type: ObjectType::Certificate,
        attributes: TemplateAttribute::default(),
        object: ManagedObject::Certificate(x_509(&certificate)),
        protection_storage_masks: None,
    };
    let registered: RegisterResponse = ask(&mut old, Operation::Register, &register);
    let asynchronous = message(&[(Operation::ReProvision, &payload(&NOTHING))], |header| {
        header.asynchronous_indicator = Some(AsynchronousPreference(AsynchronousIndicator::Mandatory));
    });
    let (reason, _) = outcomes(&mut old, &asynchronous).remove(0).unwrap_err();
    assert_eq!(reason, Some(ResultReason::FeatureNotSupported));
    re_provision(&mut old, &NOTHING).unwrap();
    let revoke = RevokeRequest {
        unique_identifier: Some(ObjectReference::from(registered.unique_identifier)),
        revocation_reason: Some(RevocationReason {
            revocation_reason_code: RevocationReasonCode::KeyCompromise,
            revocation_message: None,
        }),
        compromise_occurrence_date: None,
    };
    ask::<RevokeResponse>(&mut old, Operation::Revoke, &revoke);
    assert_eq!(re_provision(&mut old, &NOTHING), Err(ResultReason::PermissionDenied));

    // A certificate that was revoked while the client is connected, in the moment before the list is read again, gets nothing;
    // here it is read at once, so that the connection ends.
    let config = site.folder.join("kmipd.toml");
    let pem = site.bundle().join("cert.pem");
    kmipd_ok(&["client", "revoke", pem.to_str().unwrap(), "--config", config.to_str().unwrap()], "");
    assert!(old.exchange(&message(&[(Operation::ReProvision, &payload(&NOTHING))], |_| {})).is_err());
}

#[test]
fn with_no_time_left_the_certificate_is_fetched_in_the_same_batch() {
    let site = Site::start(|config| config.replace("re_provision = true", "re_provision = true\nre_provision_grace_s = 0"));
    let requested = Authority::request(&ClientProfile::named("demo", Validity::days(1))).unwrap();
    let request = signing(requested.request_pem.into_bytes(), CertificateRequestType::PEM);
    let first = get_request(ObjectReference::Position(0));
    let batch = message(&[(Operation::ReProvision, &payload(&request)), (Operation::Get, &payload(&first))], |_| {});
    let mut old = site.old();
    let mut answers = outcomes(&mut old, &batch);
    let got: GetResponse = kmip::codec::from_bytes(&answers.remove(1).unwrap(), VERSION).unwrap();
    let certificate = value_of(got.object);
    assert_ended(old);
    assert_ended(site.old());
    let mut new = site.with(&certificate, PrivateKeyDer::from_pem_slice(requested.key_pem.as_bytes()).unwrap());
    assert!(offers(&mut new));
}

#[test]
fn it_is_off_unless_it_is_on_and_the_key_is_there() {
    for take_key in [false, true] {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("kmip");
        kmipd_ok(&["init", "--dir", folder.to_str().unwrap(), "--host", "localhost"], "");
        let file = folder.join("kmipd.toml");
        let mut config = std::fs::read_to_string(&file).unwrap();
        assert!(config.contains("re_provision = false"), "{config}");
        config = config.replace("listen = \"0.0.0.0:5696\"", "listen = \"127.0.0.1:0\"");
        if take_key {
            config = config.replace("re_provision = false", "re_provision = true");
            std::fs::remove_file(folder.join("ca-key.pem")).unwrap();
        }
        std::fs::write(&file, config).unwrap();
        let server = Program::serve(&folder);
        let mut client = Client::connect(server.address, &settings(&folder.join("clients/demo"))).unwrap();
        assert!(!offers(&mut client));
        assert_eq!(re_provision(&mut client, &NOTHING), Err(ResultReason::OperationNotSupported));
        if take_key {
            server.logged("Re-Provision is not offered");
        }
    }
}
