//! What outlives its message, over real connections: asynchronous requests and kill -9, and requests of the server.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/program.rs"]
#[allow(dead_code, unreachable_pub, reason = "every test file uses its part")]
mod program;

use kmip::ProtocolVersion;
use kmip::attribute::{Attribute, AttributeFilters, TemplateAttribute};
use kmip::codec::{ByteString, DateTime, Value};
use kmip::enumerations::{AsynchronousIndicator, CryptographicAlgorithm, EndpointRole, ObjectType, ResultStatus};
use kmip::masks::CryptographicUsageMask;
use kmip::message::{AsynchronousPreference, RequestHeader, RequestMessage, ResponseHeader, ResponseMessage};
use kmip::operation::Operation;
use kmip::payload::activate::ActivateRequest;
use kmip::payload::create::{CreateRequest, CreateResponse};
use kmip::payload::create_key_pair::{CreateKeyPairRequest, CreateKeyPairResponse};
use kmip::payload::discover_versions::DiscoverVersionsRequest;
use kmip::payload::locate::{LocateRequest, LocateResponse};
use kmip::payload::poll::PollRequest;
use kmip::payload::put::PutRequest;
use kmip::payload::set_endpoint_role::SetEndpointRoleRequest;
use kmip::structures::Name;
use kmip::tag;
use program::{Client, Program, settings};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use ttlv_codec::{Limits, Tree, Writer};

const VERSION: ProtocolVersion = ProtocolVersion::V2_1;

fn folder() -> (TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("kmip-dev");
    (root, folder)
}

fn connect(server: &Program, folder: &Path) -> Client {
    Client::connect(server.address, &settings(&folder.join("clients/demo"))).unwrap()
}

fn message(operation: Operation, payload: &impl Value, change: impl FnOnce(&mut RequestHeader)) -> Vec<u8> {
    let mut header = RequestHeader::new(VERSION, 1);
    change(&mut header);
    let mut writer = Writer::new();
    writer.structure(tag::RequestMessage, |writer| {
        header.write(writer, tag::RequestHeader, VERSION);
        writer.structure(tag::BatchItem, |writer| {
            operation.write(writer, tag::Operation, VERSION);
            payload.write(writer, tag::RequestPayload, VERSION);
        });
    });
    writer.finish()
}

/// The only item of a response: status, correlation value, payload.
fn item(response: &Tree) -> (ResultStatus, Option<ByteString>, Option<Vec<u8>>) {
    let bytes = response.to_bytes();
    let message = ResponseMessage::read(&bytes, &Limits::default()).unwrap();
    let item = &message.items[0];
    let payload = item.payload.map(|payload| payload.raw().to_vec());
    (item.result_status, item.asynchronous_correlation_value.clone(), payload)
}

fn ask<T: Value>(client: &mut Client, operation: Operation, payload: &impl Value) -> T {
    let response = client.exchange(&message(operation, payload, |_| {})).unwrap();
    let (status, _, payload) = item(&response);
    assert_eq!(status, ResultStatus::Success, "{response:?}");
    kmip::codec::from_bytes(&payload.unwrap(), VERSION).unwrap()
}

/// Has a request accepted; its correlation value.
fn submit(client: &mut Client, operation: Operation, payload: &impl Value) -> ByteString {
    let mandatory = Some(AsynchronousPreference(AsynchronousIndicator::Mandatory));
    let request = message(operation, payload, |header| header.asynchronous_indicator = mandatory);
    let response = client.exchange(&request).unwrap();
    let (status, value, _) = item(&response);
    assert_eq!(status, ResultStatus::OperationPending, "{response:?}");
    value.unwrap()
}

/// Polls until the request is done.
fn result<T: Value>(client: &mut Client, value: &ByteString) -> T {
    let begun = Instant::now();
    loop {
        let poll = PollRequest { asynchronous_correlation_value: value.clone() };
        let response = client.exchange(&message(Operation::Poll, &poll, |_| {})).unwrap();
        match item(&response) {
            (ResultStatus::Success, _, payload) => return kmip::codec::from_bytes(&payload.unwrap(), VERSION).unwrap(),
            (ResultStatus::OperationPending, ..) => {}
            _ => panic!("{response:?}"),
        }
        assert!(begun.elapsed() < Duration::from_secs(240), "it is never done");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn template(attributes: Vec<Attribute>) -> TemplateAttribute {
    TemplateAttribute { names: vec![], attributes: attributes.into_iter().collect() }
}

fn create(name: &str) -> CreateRequest {
    let attributes = vec![
        Attribute::CryptographicAlgorithm(CryptographicAlgorithm::AES),
        Attribute::CryptographicLength(256),
        Attribute::CryptographicUsageMask(CryptographicUsageMask::Encrypt),
        Attribute::Name(Name::text(name)),
    ];
    CreateRequest { object_type: ObjectType::SymmetricKey, attributes: template(attributes), protection_storage_masks: None }
}

fn rsa() -> CreateKeyPairRequest {
    let common = vec![Attribute::CryptographicAlgorithm(CryptographicAlgorithm::RSA), Attribute::CryptographicLength(2048)];
    CreateKeyPairRequest {
        common_attributes: Some(template(common)),
        private_key_attributes: Some(template(vec![Attribute::CryptographicUsageMask(CryptographicUsageMask::Sign)])),
        public_key_attributes: Some(template(vec![Attribute::CryptographicUsageMask(CryptographicUsageMask::Verify)])),
        common_protection_storage_masks: None,
        private_protection_storage_masks: None,
        public_protection_storage_masks: None,
    }
}

fn all_objects(client: &mut Client) -> HashSet<String> {
    let everything = LocateRequest {
        maximum_items: None,
        offset_items: None,
        storage_status_mask: None,
        object_group_member: None,
        object_class_mask: None,
        attributes: AttributeFilters(vec![]),
        template_attribute: None,
    };
    let response: LocateResponse = ask(client, Operation::Locate, &everything);
    response.unique_identifiers.into_iter().map(|identifier| identifier.0).collect()
}

/// Each of many requests is done exactly once, however often the server is killed meanwhile.
#[test]
fn accepted_requests_survive_kill_9_and_are_done_once() {
    let (_root, folder) = folder();
    let mut server = Program::dev(&folder);
    let mut client = connect(&server, &folder);
    let mut values = Vec::new();
    for round in 0..3 {
        for _ in 0..6 {
            values.push(submit(&mut client, Operation::CreateKeyPair, &rsa()));
        }
        // In the middle of the work: sooner or later in each round.
        std::thread::sleep(Duration::from_millis(150 * round));
        server.signal("KILL");
        server.ended();
        server = Program::dev(&folder);
        client = connect(&server, &folder);
    }
    server.logged("asynchronous requests of before the start");
    let mut made = HashSet::new();
    for value in &values {
        let pair: CreateKeyPairResponse = result(&mut client, value);
        made.insert(pair.private_key_unique_identifier.0);
        made.insert(pair.public_key_unique_identifier.0);
    }
    assert_eq!(made.len(), 2 * values.len());
    assert_eq!(all_objects(&mut client), made, "nothing was made that nobody was told of");
    // What was done stays done, and its result can be polled again.
    server.signal("KILL");
    server.ended();
    let server = Program::dev(&folder);
    let mut client = connect(&server, &folder);
    for value in &values {
        let pair: CreateKeyPairResponse = result(&mut client, value);
        assert!(made.contains(&pair.private_key_unique_identifier.0));
    }
    assert_eq!(all_objects(&mut client), made);
}

/// Reads a request of the server.
fn receive_request(client: &mut Client) -> (Operation, Vec<u8>) {
    use std::io::Read;
    let mut bytes = vec![0; 8];
    client.0.read_exact(&mut bytes).unwrap();
    assert_eq!(bytes[..4], [0x42, 0x00, 0x78, 0x01], "a request message");
    let length = u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]) as usize;
    bytes.resize(8 + length, 0);
    client.0.read_exact(&mut bytes[8..]).unwrap();
    let message = RequestMessage::read(&bytes, &Limits::default(), 1).unwrap();
    (message.items[0].operation, message.items[0].payload.raw().to_vec())
}

fn accept(client: &mut Client, operation: Operation) {
    let mut writer = Writer::new();
    writer.structure(tag::ResponseMessage, |writer| {
        let header = ResponseHeader {
            protocol_version: VERSION.into(),
            time_stamp: DateTime(1_790_000_000),
            nonce: None,
            server_hashed_password: None,
            attestation_types: Vec::new(),
            client_correlation_value: Some("mine".to_owned()),
            server_correlation_value: None,
            batch_count: Some(1),
        };
        header.write(writer, tag::ResponseHeader, VERSION);
        writer.structure(tag::BatchItem, |writer| {
            operation.write(writer, tag::Operation, VERSION);
            ResultStatus::Success.write(writer, tag::ResultStatus, VERSION);
        });
    });
    client.send(&writer.finish()).unwrap();
}

fn take_role(client: &mut Client) {
    let role = SetEndpointRoleRequest { endpoint_role: EndpointRole::Client };
    let response = client.exchange(&message(Operation::SetEndpointRole, &role, |_| {})).unwrap();
    assert_eq!(item(&response).0, ResultStatus::Success, "{response:?}");
}

#[test]
fn a_client_with_the_servers_role_is_told_of_its_objects() {
    let (_root, folder) = folder();
    drop(Program::dev(&folder));
    // A short time without a request, so that the server asks whether the client is there.
    let file = folder.join("kmipd.toml");
    let written = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{written}\n[limits]\nidle_timeout_ms = 700\n")).unwrap();
    let server = Program::dev(&folder);
    let mut listener = connect(&server, &folder);
    take_role(&mut listener);
    let (operation, payload) = receive_request(&mut listener);
    assert_eq!(operation, Operation::DiscoverVersions);
    let versions: DiscoverVersionsRequest = kmip::codec::from_bytes(&payload, VERSION).unwrap();
    assert_eq!(versions.protocol_versions.len(), 7);
    accept(&mut listener, operation);

    let mut client = connect(&server, &folder);
    let key: CreateResponse = ask(&mut client, Operation::Create, &create("told"));
    let next = |listener: &mut Client| loop {
        let (operation, payload) = receive_request(listener);
        accept(listener, operation);
        if operation != Operation::DiscoverVersions {
            return (operation, payload);
        }
    };
    let (operation, payload) = next(&mut listener);
    assert_eq!(operation, Operation::Put);
    let put: PutRequest = kmip::codec::from_bytes(&payload, VERSION).unwrap();
    assert_eq!(put.unique_identifier, key.unique_identifier);
    let mut client = connect(&server, &folder);
    let activate = ActivateRequest { unique_identifier: Some(key.unique_identifier.0.as_str().into()) };
    let response = client.exchange(&message(Operation::Activate, &activate, |_| {})).unwrap();
    assert_eq!(item(&response).0, ResultStatus::Success);
    assert_eq!(next(&mut listener).0, Operation::Notify);

    // A client with the server's role asks for nothing.
    listener.send(&message(Operation::Create, &create("asked"), |_| {})).unwrap();
    assert!(listener.receive().is_err(), "the connection ends");
    server.logged("sends what nobody asked for");
    // One that does not answer is not waited for.
    let mut silent = connect(&server, &folder);
    take_role(&mut silent);
    drop(silent);
    let mut client = connect(&server, &folder);
    let _: CreateResponse = ask(&mut client, Operation::Create, &create("nobody listens"));
    assert_eq!(all_objects(&mut client).len(), 2);
}
