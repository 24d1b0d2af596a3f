//! Set Endpoint Role, and what the server sends to a client that has the server's role.

use std::time::Duration;

use dispatcher::{Sending, Session};
use kmip::ProtocolVersion;
use kmip::Secret;
use kmip::attribute::{Attribute, AttributeReference};
use kmip::codec::{DateTime, Value as _};
use kmip::credential::{Authentication, Credential, SecretText, UsernameAndPassword};
use kmip::enumerations::{BatchErrorContinuationOption, EndpointRole, PutFunction, ResultStatus, RevocationReasonCode, State};
use kmip::message::{RequestHeader, RequestMessage, ResponseHeader};
use kmip::operation::Operation;
use kmip::payload::discover_versions::DiscoverVersionsRequest;
use kmip::payload::login::{LoginRequest, LoginResponse};
use kmip::payload::notify::NotifyRequest;
use kmip::payload::put::PutRequest;
use kmip::payload::re_key::ReKeyRequest;
use kmip::payload::set_endpoint_role::{SetEndpointRoleRequest, SetEndpointRoleResponse};
use kmip::result_reason::ResultReason;
use kmip::tag;
use ttlv_codec::{Limits, Writer};

use crate::client::{Client, activate, aes, aes_and, create, name};
use crate::objects::symmetric_key;
use crate::server::{START, Server, block_on};

const V2: ProtocolVersion = ProtocolVersion::V2_1;

fn take_role(client: &mut Client<'_>, endpoint_role: EndpointRole) -> Result<SetEndpointRoleResponse, ResultReason> {
    client.ask(Operation::SetEndpointRole, &SetEndpointRoleRequest { endpoint_role }).result()
}

/// A client that has the server's role.
fn listener<'a>(server: &'a Server, name: &str, version: ProtocolVersion) -> Client<'a> {
    let mut client = server.client(name, version);
    assert_eq!(take_role(&mut client, EndpointRole::Client).unwrap().endpoint_role, EndpointRole::Client);
    client
}

/// What the server sends next, if it has something to send; answered as the client is told to.
fn next_with(client: &Client<'_>, status: ResultStatus) -> Option<(RequestHeader, Operation, Vec<u8>)> {
    let engine = &client.server.engine;
    match block_on(engine.next_to_send(&client.session)) {
        Sending::Request(bytes) => {
            crate::fidelity::check(&bytes, client.version);
            let message = RequestMessage::read(&bytes, &Limits::default(), 1).unwrap();
            let operation = message.items[0].operation;
            let payload = message.items[0].payload.raw().to_vec();
            let response = response(message.version, operation, status);
            engine.answered(&client.session, &response).unwrap();
            Some((message.header, operation, payload))
        }
        Sending::Nothing => None,
        Sending::End(cause) => panic!("{cause}"),
    }
}

fn next(client: &Client<'_>) -> Option<(RequestHeader, Operation, Vec<u8>)> {
    next_with(client, ResultStatus::Success)
}

fn put(client: &Client<'_>) -> PutRequest {
    let (_, operation, payload) = next(client).expect("there is something to send");
    assert_eq!(operation, Operation::Put);
    kmip::codec::from_bytes(&payload, client.version).unwrap()
}

fn notify(client: &Client<'_>) -> NotifyRequest {
    let (_, operation, payload) = next(client).expect("there is something to send");
    assert_eq!(operation, Operation::Notify);
    kmip::codec::from_bytes(&payload, client.version).unwrap()
}

fn response(version: ProtocolVersion, operation: Operation, status: ResultStatus) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.structure(tag::ResponseMessage, |writer| {
        let header = ResponseHeader {
            protocol_version: version.into(),
            time_stamp: DateTime(START),
            nonce: None,
            server_hashed_password: None,
            attestation_types: Vec::new(),
            client_correlation_value: None,
            server_correlation_value: None,
            batch_count: Some(1),
        };
        header.write(writer, tag::ResponseHeader, version);
        writer.structure(tag::BatchItem, |writer| {
            operation.write(writer, tag::Operation, version);
            status.write(writer, tag::ResultStatus, version);
            if status == ResultStatus::OperationFailed {
                ResultReason::GeneralFailure.write(writer, tag::ResultReason, version);
            }
        });
    });
    writer.finish()
}

#[test]
fn a_new_object_is_put_and_a_change_is_notified() {
    for version in [ProtocolVersion::V2_0, V2] {
        let server = Server::new();
        let mut other = server.client("fred", ProtocolVersion::V1_2);
        let before = other.create(aes());
        let listener = listener(&server, "fred", version);
        assert!(next(&listener).is_none());
        let key = other.create(aes_and([name("key")]));
        let (header, operation, payload) = next(&listener).unwrap();
        assert_eq!(operation, Operation::Put);
        assert_eq!((header.protocol_version, header.time_stamp), (version.into(), Some(DateTime(START))));
        assert!(header.server_correlation_value.is_some());
        let none = (header.maximum_response_size, header.asynchronous_indicator, header.batch_order_option);
        assert_eq!(none, (None, None, None));
        let request: PutRequest = kmip::codec::from_bytes(&payload, version).unwrap();
        assert_eq!((request.unique_identifier.0.as_str(), request.put_function), (key.as_str(), PutFunction::New));
        assert_eq!(server.client("fred", version).attributes(&key).fresh(), Some(&false), "{version}: by the Put");
        assert_eq!(request.object, server.client("fred", version).object(&key));
        let attributes = request.attributes.unwrap();
        assert!(attributes.0.iter().any(|instance| instance.attribute == name("key")));
        // Who was told has it: it is no longer fresh, which is no event.
        assert_eq!(server.client("fred", version).attributes(&key).fresh(), Some(&false), "{version}");
        assert!(next(&listener).is_none());

        server.set_time(START + 7);
        other.activate(&before).unwrap();
        let request = notify(&listener);
        assert_eq!(request.unique_identifier.0, before);
        let told: Vec<Attribute> = request.attributes.unwrap().0.into_iter().map(|instance| instance.attribute).collect();
        assert!(told.contains(&Attribute::State(State::Active)), "{told:?}");
        assert!(told.contains(&Attribute::LastChangeDate(DateTime(START + 7))), "{told:?}");
        assert!(told.contains(&Attribute::ActivationDate(DateTime(START + 7))));
        assert!(!told.iter().any(|attribute| matches!(attribute, Attribute::CryptographicAlgorithm(_))), "what changed alone");
        assert!(request.attribute_references.is_empty());

        other.add(&before, name("first")).unwrap();
        other.add(&before, name("second")).unwrap();
        notify(&listener);
        notify(&listener);
        // One of two names is gone: the one that is left is told.
        other.delete(&before, AttributeReference::Standard(tag::Name)).unwrap();
        let request = notify(&listener);
        assert!(request.attribute_references.is_empty());
        assert!(request.attributes.unwrap().0.iter().any(|instance| instance.attribute == name("second")));
        server.client("fred", V2).delete(&before, AttributeReference::Standard(tag::Name)).unwrap();
        assert_eq!(notify(&listener).attribute_references, [AttributeReference::Standard(tag::Name)]);
        other.revoke(&before, RevocationReasonCode::KeyCompromise).unwrap();
        notify(&listener);
        other.destroy(&before).unwrap();
        let told = notify(&listener).attributes.unwrap();
        assert!(told.0.iter().any(|instance| matches!(instance.attribute, Attribute::DestroyDate(_))));
        assert!(next(&listener).is_none());
    }
}

#[test]
fn what_replaces_another_object_says_so() {
    let server = Server::new();
    let mut other = server.client("fred", V2);
    let old = other.create(aes_and([name("key")]));
    let listener = listener(&server, "fred", V2);
    let request = ReKeyRequest {
        unique_identifier: Some(old.as_str().into()),
        offset: None,
        attributes: None,
        protection_storage_masks: None,
    };
    assert_eq!(other.ask(Operation::ReKey, &request).status, ResultStatus::Success);
    let mut replaced = false;
    while let Some((_, operation, payload)) = next(&listener) {
        if operation == Operation::Put {
            let request: PutRequest = kmip::codec::from_bytes(&payload, V2).unwrap();
            assert_eq!(request.put_function, PutFunction::Replace);
            assert_eq!(request.replaced_unique_identifier.unwrap().0, old);
            replaced = true;
        }
    }
    assert!(replaced);
}

#[test]
fn nobody_is_told_of_what_is_not_his() {
    let server = Server::new();
    let (fred, barney) = (listener(&server, "fred", V2), listener(&server, "barney", V2));
    let key = server.client("barney", V2).create(aes());
    assert!(next(&fred).is_none());
    assert_eq!(put(&barney).unique_identifier.0, key);
    // Nor of what was undone or refused.
    let mut other = server.client("fred", V2);
    let request = other.request().header(|header| {
        header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Undo);
    });
    let request = request.item(Operation::Create, &create(aes())).item(Operation::Activate, &activate(Some("nobody's")));
    assert_eq!(other.send(request).items[0].status, ResultStatus::OperationUndone);
    assert!(next(&fred).is_none());
    // Two connections of one client are both told.
    let second = listener(&server, "fred", V2);
    other.create(aes());
    assert_eq!(put(&fred), put(&second));
}

#[test]
fn what_must_not_leave_the_server_is_not_put() {
    let server = Server::new();
    let listener = listener(&server, "fred", V2);
    let mut other = server.client("fred", V2);
    for attribute in [Attribute::Sensitive(true), Attribute::Extractable(false)] {
        let key = other.register(symmetric_key(), vec![attribute]);
        let request = notify(&listener);
        assert_eq!(request.unique_identifier.0, key);
        assert!(request.attributes.unwrap().0.iter().any(|instance| matches!(instance.attribute, Attribute::InitialDate(_))));
    }
}

#[test]
fn what_is_sent_is_in_the_log() {
    let server = Server::new();
    let listener = listener(&server, "fred", V2);
    let key = server.client("fred", V2).create(aes());
    put(&listener);
    let record = server.log().pop().unwrap();
    assert_eq!(record.action, audit::Action::Operation(Operation::Put.0));
    assert_eq!((record.actor.as_str(), record.identifiers), ("fred", vec![key]));
    // No record, no key.
    server.client("fred", V2).create(aes());
    server.trouble.read_only.store(true, std::sync::atomic::Ordering::SeqCst);
    assert!(matches!(block_on(server.engine.next_to_send(&listener.session)), Sending::End(_)));
}

#[test]
fn a_client_that_refuses_is_told_more_and_one_that_answers_something_else_is_not() {
    let server = Server::new();
    let listener = listener(&server, "fred", V2);
    let mut other = server.client("fred", V2);
    other.create(aes());
    other.create(aes());
    assert!(next_with(&listener, ResultStatus::OperationFailed).is_some());
    assert!(next_with(&listener, ResultStatus::OperationFailed).is_some());
    let engine = &server.engine;
    let good = response(V2, Operation::Put, ResultStatus::Success);
    assert!(engine.answered(&listener.session, &good).is_err(), "nothing was sent");
    for bad in [
        response(V2, Operation::Notify, ResultStatus::Success),
        good[..good.len() - 8].to_vec(),
        vec![],
        listener.request().item(Operation::Create, &create(aes())).bytes(),
    ] {
        other.create(aes());
        assert!(matches!(block_on(engine.next_to_send(&listener.session)), Sending::Request(_)));
        assert!(engine.answered(&listener.session, &bad).is_err());
    }
}

#[test]
fn a_client_that_takes_too_little_loses_its_connection() {
    let server = Server::new();
    let listener = listener(&server, "fred", V2);
    let mut other = server.client("fred", V2);
    for _ in 0..257 {
        other.create(aes());
    }
    assert!(matches!(block_on(server.engine.next_to_send(&listener.session)), Sending::End(_)));
}

#[test]
fn the_server_waits_until_there_is_something_to_send() {
    let server = Server::new();
    let listener = listener(&server, "fred", V2);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| block_on(server.engine.has_to_send(&listener.session)));
        std::thread::sleep(Duration::from_millis(50));
        assert!(!waiting.is_finished());
        server.client("fred", V2).create(aes());
        waiting.join().unwrap();
    });
    put(&listener);
    let Sending::Request(probe) = server.engine.probe(&listener.session) else { panic!() };
    let message = RequestMessage::read(&probe, &Limits::default(), 1).unwrap();
    let payload = DiscoverVersionsRequest::read(&message.items[0].payload, V2).unwrap();
    assert_eq!(payload.protocol_versions.len(), 7);
    let answer = response(V2, Operation::DiscoverVersions, ResultStatus::OperationFailed);
    server.engine.answered(&listener.session, &answer).unwrap();
}

#[test]
fn roles_that_cannot_be_taken() {
    let server = Server::new();
    let mut client = server.client("fred", V2);
    assert_eq!(take_role(&mut client, EndpointRole::Server).unwrap().endpoint_role, EndpointRole::Server);
    assert_eq!(take_role(&mut client, EndpointRole(7)).unwrap_err(), ResultReason::InvalidField);
    let login = LoginRequest { lease_time: None, request_count: None, usage_limits: None };
    let ticket = client.ask(Operation::Login, &login).ok::<LoginResponse>().ticket;
    let credential = kmip::credential::Credential::Ticket(kmip::credential::TicketCredential { ticket });
    let request =
        client.request().item(Operation::SetEndpointRole, &SetEndpointRoleRequest { endpoint_role: EndpointRole::Client });
    let request = request.header(|header| {
        header.authentication = Some(kmip::credential::Authentication { credentials: vec![credential] });
    });
    client.send(request).items[0].fails_with(ResultReason::PermissionDenied);
    assert!(matches!(block_on(server.engine.next_to_send(&client.session)), Sending::Nothing));
    let many: Vec<Client<'_>> = (0..16).map(|_| listener(&server, "fred", V2)).collect();
    assert_eq!(take_role(&mut client, EndpointRole::Client).unwrap_err(), ResultReason::ServerLimitExceeded);
    drop(many);
    take_role(&mut client, EndpointRole::Client).unwrap();
    // A role taken in a batch that is undone was not taken.
    let mut client = server.client("barney", V2);
    let role = SetEndpointRoleRequest { endpoint_role: EndpointRole::Client };
    let request = client.request().item(Operation::SetEndpointRole, &role).item(Operation::Activate, &activate(Some("nobody's")));
    let request = request.header(|header| {
        header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Undo);
    });
    assert_eq!(client.send(request).items[0].status, ResultStatus::OperationUndone);
    server.client("barney", V2).create(aes());
    assert!(matches!(block_on(server.engine.next_to_send(&client.session)), Sending::Nothing));
    let _: &Session = &client.session;
}

#[test]
fn a_role_that_a_password_was_good_for_ends_when_the_users_change() {
    let server = Server::new();
    let mut client = server.client("gateway", V2);
    let wilma = Credential::UsernameAndPassword(UsernameAndPassword {
        username: "wilma".to_owned(),
        password: Some(SecretText(Secret::from_slice(b"password of wilma"))),
    });
    let request = SetEndpointRoleRequest { endpoint_role: EndpointRole::Client };
    let request = client.request().item(Operation::SetEndpointRole, &request);
    let authentication = Some(Authentication { credentials: vec![wilma] });
    let answers = client.send(request.header(|header| header.authentication = authentication));
    answers.items[0].ok::<SetEndpointRoleResponse>();
    let of_certificate = listener(&server, "wilma", V2);
    let mut wilma = server.client("wilma", V2);
    wilma.create(aes());
    put(&client);
    wilma.create(aes());
    server.users_changed();
    assert!(matches!(block_on(server.engine.next_to_send(&client.session)), Sending::End(_)));
    put(&of_certificate);
    put(&of_certificate);
}
