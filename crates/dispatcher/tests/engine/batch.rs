//! The batch loop: order, Stop, Continue, Undo, what one item tells the next.

use kmip::ProtocolVersion;
use kmip::attribute::Attribute;
use kmip::enumerations::{BatchErrorContinuationOption as Option_, ResultStatus, State, UniqueIdentifierEnumeration as Kind};
use kmip::identifier::ObjectReference;
use kmip::message::MessageExtension;
use kmip::operation::Operation;
use kmip::payload::activate::{ActivateRequest, ActivateResponse};
use kmip::payload::create::CreateResponse;
use kmip::payload::create_key_pair::CreateKeyPairResponse;
use kmip::payload::get::GetResponse;
use kmip::payload::get_attributes::GetAttributesResponse;
use kmip::payload::register::RegisterResponse;
use kmip::result_reason::ResultReason;
use kmip::tag;
use ttlv_codec::{Tree, TreeValue};

use crate::client::{
    Answer, Request, activate, add, aes, create, create_key_pair, destroy, get, get_attributes, get_reference, locate, name,
    register,
};
use crate::objects::{KEY, symmetric_key};
use crate::server::{Server, VERSIONS};

fn continuation(request: Request, option: Option_) -> Request {
    request.header(|header| header.batch_error_continuation_option = Some(option))
}

fn statuses(answers: &[Answer]) -> Vec<ResultStatus> {
    answers.iter().map(|answer| answer.status).collect()
}

const DONE: ResultStatus = ResultStatus::Success;
const FAILED: ResultStatus = ResultStatus::OperationFailed;
const UNDONE: ResultStatus = ResultStatus::OperationUndone;

/// Create, an item that fails, Create.
fn three(version: ProtocolVersion) -> Request {
    Request::new(version)
        .item(Operation::Create, &create(aes()))
        .item(Operation::Get, &get(Some("nobody has this identifier")))
        .item(Operation::Create, &create(aes()))
}

#[test]
fn stop_is_the_default_and_keeps_what_was_done() {
    for version in VERSIONS {
        for option in [None, Some(Option_::Stop)] {
            let server = Server::new();
            let request = three(version).header(|header| header.batch_error_continuation_option = option);
            let answers = server.client("fred", version).send(request).items;
            assert_eq!(statuses(&answers), [DONE, FAILED], "{version} {option:?}");
            answers[1].fails_with(ResultReason::ObjectNotFound);
            assert_eq!(server.objects(), 1, "{version} {option:?}");
        }
    }
}

#[test]
fn continue_goes_on() {
    for version in VERSIONS {
        let server = Server::new();
        let answers = server.client("fred", version).send(continuation(three(version), Option_::Continue)).items;
        assert_eq!(statuses(&answers), [DONE, FAILED, DONE], "{version}");
        assert_eq!(server.objects(), 2, "{version}");
    }
}

#[test]
fn an_unknown_option_is_refused_for_every_item() {
    for version in VERSIONS {
        let server = Server::new();
        let answers = server.client("fred", version).send(continuation(three(version), Option_(9))).items;
        assert_eq!(answers.len(), 3);
        answers.iter().for_each(|answer| answer.fails_with(ResultReason::InvalidField));
        assert_eq!(server.objects(), 0);
    }
}

#[test]
fn undo_takes_everything_back() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let kept = client.create(aes());
        let request = client
            .request()
            .item(Operation::Create, &create(aes()))
            .item(Operation::Activate, &activate(None))
            .item(Operation::GetAttributes, &get_attributes(None, vec![]))
            .item(Operation::Activate, &activate(Some(&kept)))
            .item(Operation::Destroy, &destroy(Some(&kept)))
            .item(Operation::Create, &create(aes()));
        let answers = client.send(continuation(request, Option_::Undo)).items;
        // The Destroy of an Active key fails, which the change before it in the same batch made it.
        assert_eq!(statuses(&answers), [UNDONE, UNDONE, UNDONE, UNDONE, FAILED], "{version}");
        answers[4].fails_with(ResultReason::WrongKeyLifecycleState);
        // What was undone still says what it was.
        let made = answers[0].payload::<CreateResponse>().unique_identifier;
        assert_eq!(answers[1].payload::<ActivateResponse>().unique_identifier, made);
        let seen = answers[2].payload::<GetAttributesResponse>().attributes;
        assert_eq!(seen.state(), Some(&State::Active), "an item sees what its predecessors did");
        assert_eq!(client.state(&kept), State::PreActive, "{version}");
        client.get(&made.0).fails_with(ResultReason::ObjectNotFound);
        assert_eq!(server.objects(), 1);
    }
}

#[test]
fn undo_without_a_failure_keeps_everything() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let request = client
            .request()
            .item(Operation::Create, &create(aes()))
            .item(Operation::Locate, &locate(version, vec![]))
            .item(Operation::Activate, &activate(None))
            .item(Operation::Create, &create(aes()))
            .item(Operation::Destroy, &destroy(None));
        let answers = client.send(continuation(request, Option_::Undo)).items;
        assert_eq!(statuses(&answers), [DONE; 5], "{version}");
        let first = answers[0].payload::<CreateResponse>().unique_identifier.0;
        assert_eq!(client.state(&first), State::Active);
        let second = answers[3].payload::<CreateResponse>().unique_identifier.0;
        assert_eq!(client.state(&second), State::Destroyed);
    }
}

#[test]
fn a_search_sees_what_the_batch_did_before_it() {
    for version in VERSIONS {
        for option in [Option_::Stop, Option_::Undo] {
            let server = Server::new();
            let mut client = server.client("fred", version);
            client.create(aes());
            let request = client
                .request()
                .item(Operation::Create, &create(crate::client::aes_and([name("new")])))
                .item(Operation::Locate, &locate(version, vec![name("new")]))
                .item(Operation::Get, &get(None));
            let answers = client.send(continuation(request, option)).items;
            assert_eq!(statuses(&answers), [DONE; 3], "{version} {option:?}");
            let made = answers[0].ok::<CreateResponse>().unique_identifier;
            assert_eq!(answers[2].ok::<GetResponse>().unique_identifier, made);
        }
    }
}

#[test]
fn the_placeholder_follows_the_batch() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let request = client
            .request()
            .item(Operation::Register, &register(symmetric_key(), vec![]))
            .item(Operation::Activate, &activate(None))
            .item(Operation::Get, &get(None))
            .item(Operation::AddAttribute, &add(None, name("placed")))
            .item(Operation::GetAttributes, &get_attributes(None, vec![]));
        let answers = client.send(request).items;
        let made = answers[0].ok::<RegisterResponse>().unique_identifier;
        assert_eq!(answers[1].ok::<ActivateResponse>().unique_identifier, made);
        assert_eq!(answers[2].ok::<GetResponse>().unique_identifier, made);
        let attributes = answers[4].ok::<GetAttributesResponse>().attributes;
        assert_eq!(attributes.state(), Some(&State::Active));
        assert!(attributes.iter().any(|attribute| *attribute == name("placed")), "{version}");
        // The next message starts without one.
        client.ask(Operation::Get, &get(None)).fails_with(ResultReason::ObjectNotFound);
    }
}

#[test]
fn the_placeholder_of_a_key_pair_is_the_private_key() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let request = client.request().item(Operation::CreateKeyPair, &create_key_pair()).item(Operation::Get, &get(None));
        let answers = client.send(request).items;
        let pair = answers[0].ok::<CreateKeyPairResponse>();
        assert_eq!(answers[1].ok::<GetResponse>().unique_identifier, pair.private_key_unique_identifier, "{version}");
    }
}

#[test]
fn the_placeholder_is_empty_after_a_search_without_or_with_many_matches() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let older = client.create(aes());
        let newer = client.create(aes());
        let mut one = locate(version, vec![]);
        one.maximum_items = Some(1);
        for (search, expected) in [
            (locate(version, vec![name("nobody")]), Err(ResultReason::ObjectNotFound)),
            (locate(version, vec![]), Err(ResultReason::ObjectNotFound)),
            (one, Ok(newer.clone())),
        ] {
            let request = client
                .request()
                .item(Operation::Get, &get(Some(&older)))
                .item(Operation::Create, &create(aes()))
                .item(Operation::Destroy, &destroy(None))
                .item(Operation::Locate, &search)
                .item(Operation::Get, &get(None));
            let answers = client.send(request).items;
            let found = answers[4].result::<GetResponse>().map(|response| response.unique_identifier.0);
            assert_eq!(found, expected.map_err(|reason: ResultReason| reason.at(version)), "{version}");
        }
    }
}

#[test]
fn the_placeholder_is_empty_when_what_would_have_set_it_failed() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let request = client
            .request()
            .item(Operation::Create, &create(aes()))
            .item(Operation::Get, &get(Some("nobody has this identifier")))
            .item(Operation::Get, &get(None));
        let answers = client.send(continuation(request, Option_::Continue)).items;
        assert_eq!(statuses(&answers), [DONE, FAILED, DONE], "{version}: what names nothing does not empty it");
        let request = client
            .request()
            .item(Operation::Create, &create(aes()))
            .item(Operation::Create, &create(vec![]))
            .item(Operation::Destroy, &destroy(None));
        let answers = client.send(continuation(request, Option_::Continue)).items;
        assert_eq!(statuses(&answers), [DONE, FAILED, FAILED], "{version}: the second key is meant, and there is none");
        answers[2].fails_with(ResultReason::ObjectNotFound);
    }
}

#[test]
fn identifiers_of_2_0_name_what_earlier_items_returned() {
    for version in [ProtocolVersion::V2_0, ProtocolVersion::V2_1] {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let by = |reference| get_reference(Some(reference));
        let request = client
            .request()
            .item(Operation::Create, &create(crate::client::aes_and([name("created")])))
            .item(Operation::CreateKeyPair, &create_key_pair())
            .item(Operation::Register, &register(symmetric_key(), vec![]))
            .item(Operation::Locate, &locate(version, vec![name("created")]))
            .item(Operation::Get, &by(ObjectReference::Enumeration(Kind::Create)))
            .item(Operation::Get, &by(ObjectReference::Enumeration(Kind::CreateKeyPairPrivateKey)))
            .item(Operation::Get, &by(ObjectReference::Enumeration(Kind::CreateKeyPairPublicKey)))
            .item(Operation::Get, &by(ObjectReference::Enumeration(Kind::Register)))
            .item(Operation::Get, &by(ObjectReference::Enumeration(Kind::Locate)))
            .item(Operation::Get, &by(ObjectReference::Enumeration(Kind::IDPlaceholder)))
            .item(Operation::Get, &by(ObjectReference::Position(0)))
            .item(Operation::Get, &by(ObjectReference::Position(-2)));
        let answers = client.send(request).items;
        let created = answers[0].ok::<CreateResponse>().unique_identifier;
        let pair = answers[1].ok::<CreateKeyPairResponse>();
        let registered = answers[2].ok::<RegisterResponse>().unique_identifier;
        let expected = [
            &created,
            &pair.private_key_unique_identifier,
            &pair.public_key_unique_identifier,
            &registered,
            &created,
            &created,
            &created,
            &registered,
        ];
        for (answer, expected) in answers[4..].iter().zip(expected) {
            assert_eq!(answer.ok::<GetResponse>().unique_identifier, *expected, "{version}");
        }
        for nothing in [
            ObjectReference::Enumeration(Kind::Create),
            ObjectReference::Enumeration(Kind::ReKey),
            ObjectReference::Position(0),
            ObjectReference::Position(i32::MIN),
        ] {
            client
                .ask(Operation::Activate, &ActivateRequest { unique_identifier: Some(nothing) })
                .fails_with(ResultReason::ObjectNotFound);
        }
    }
}

#[test]
fn names_of_items_are_echoed() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let request = client
            .request()
            .item_with(Operation::Create, Some(b"\x00\x01 one"), &create(aes()), &[])
            .item_with(Operation::Get, Some(b""), &get(None), &[])
            .item_with(Operation::Get, Some(b"three"), &get(Some("nobody has this identifier")), &[]);
        let identifiers: Vec<_> = client.send(request).items.into_iter().map(|answer| answer.identifier).collect();
        assert_eq!(identifiers, [Some(b"\x00\x01 one".to_vec()), Some(vec![]), Some(b"three".to_vec())], "{version}");
        let request = client.request().item(Operation::Create, &create(aes()));
        assert_eq!(client.send(request).items[0].identifier, None);
    }
}

#[test]
fn a_batch_count_that_lies_is_refused_as_a_whole() {
    for version in VERSIONS {
        for announced in [-1, 0, 1, 3, i32::MAX] {
            let server = Server::new();
            let mut client = server.client("fred", version);
            let request = client.request().item(Operation::Create, &create(aes())).item(Operation::Create, &create(aes()));
            let answers = client.send_bytes(&request.bytes_announcing(announced));
            assert_eq!(answers.items.len(), 1);
            assert_eq!(answers.items[0].version, version);
            assert_eq!(answers.items[0].operation, None);
            answers.items[0].fails_with(ResultReason::InvalidMessage);
            assert_eq!(server.objects(), 0, "{version} {announced}");
        }
    }
}

#[test]
fn too_many_items_are_refused_as_a_whole() {
    for version in VERSIONS {
        let server = Server::with(dispatcher::Settings { batch_items: 32, ..dispatcher::Settings::default() });
        let mut client = server.client("fred", version);
        let of = |count| (0..count).fold(Request::new(version), |request, _| request.item(Operation::Create, &create(aes())));
        let answers = client.send(of(33)).items;
        assert_eq!(answers.len(), 1);
        answers[0].fails_with(ResultReason::ServerLimitExceeded);
        assert_eq!(server.objects(), 0, "{version}");
        // Tape libraries send this many.
        assert_eq!(statuses(&client.send(of(32)).items), [DONE; 32], "{version}");
        assert_eq!(server.objects(), 32);
    }
}

#[test]
fn a_batch_without_items_is_answered() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let request = client.request();
        let answers = client.send(request).items;
        assert_eq!(answers.len(), 1, "{version}");
        answers[0].fails_with(ResultReason::InvalidMessage);
    }
}

#[test]
fn critical_extensions_stop_a_message_and_others_do_not() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let extension = |criticality_indicator| MessageExtension {
            vendor_identification: "acme".to_owned(),
            criticality_indicator,
            vendor_extension: Tree { tag: tag::VendorExtension, value: TreeValue::Structure(vec![]) },
        };
        let request = client.request().item_with(Operation::Create, None, &create(aes()), &[extension(false)]).item_with(
            Operation::Create,
            None,
            &create(aes()),
            &[extension(true)],
        );
        let answers = client.send(request).items;
        assert_eq!(statuses(&answers), [FAILED, FAILED], "{version}");
        for answer in answers {
            answer.fails_with(ResultReason::UnknownMessageExtension);
        }
        assert_eq!(server.objects(), 0, "{version}");
        let request = client.request().item_with(Operation::Create, None, &create(aes()), &[extension(false)]);
        assert_eq!(statuses(&client.send(request).items), [DONE], "{version}");
    }
}

#[test]
fn a_batch_of_an_old_array_works_across_one_message() {
    // Locate by two custom attributes, Get, Get Attributes, as one message of 1.0.
    let version = ProtocolVersion::V1_0;
    let server = Server::new();
    let mut client = server.client("array", version);
    let custom = |name: &str, value: &str| {
        Attribute::Vendor(kmip::attribute::VendorAttribute {
            vendor_identification: "x".to_owned(),
            attribute_name: name.to_owned(),
            attribute_value: TreeValue::TextString(value.to_owned()),
        })
    };
    let key = client.register(symmetric_key(), vec![custom("ResourceID", "r-1"), custom("SystemID", "s-1")]);
    client.register(symmetric_key(), vec![custom("ResourceID", "r-2"), custom("SystemID", "s-1")]);
    let request = client
        .request()
        .item(Operation::Locate, &locate(version, vec![custom("ResourceID", "r-1"), custom("SystemID", "s-1")]))
        .item(Operation::Get, &get(None))
        .item(Operation::GetAttributes, &get_attributes(None, vec![]));
    let answers = client.send(request).items;
    let response = answers[1].ok::<GetResponse>();
    assert_eq!(response.unique_identifier.0, key);
    let Some(kmip::object::KeyValue::Plain(plain)) = &response.object.key_block().unwrap().key_value else { panic!() };
    assert_eq!(plain.key_material, kmip::object::KeyMaterial::Bytes(kmip::Secret::from_slice(KEY)));
    assert_eq!(answers[2].ok::<GetAttributesResponse>().unique_identifier.0, key);
}
