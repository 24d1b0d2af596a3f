//! What one request can make the server load, keep, generate and answer has bounds.

use std::future::Future as _;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Waker};

use audit::Outcome;
use dispatcher::Settings;
use kmip::ProtocolVersion;
use kmip::Secret;
use kmip::attribute::{Attribute, AttributeFilter, AttributeFilters, AttributeInstance, AttributeReference, VendorAttribute};
use kmip::enumerations::{BatchErrorContinuationOption, CryptographicAlgorithm, InteropFunction, OpaqueDataType, ResultStatus};
use kmip::masks::CryptographicUsageMask;
use kmip::object::{ManagedObject, OpaqueObject};
use kmip::operation::Operation;
use kmip::payload::create::CreateResponse;
use kmip::payload::create_key_pair::CreateKeyPairResponse;
use kmip::payload::interop::InteropRequest;
use kmip::payload::locate::LocateResponse;
use kmip::result_reason::ResultReason;
use kmip::structures::Name;
use ttlv_codec::{Limits, TreeValue};

use crate::client::{
    Client, Request, activate, add, aes, aes_and, create, create_key_pair, get, get_attributes, locate, modify, name, register,
};
use crate::objects::template_object;
use crate::server::{Server, VERSIONS, block_on};

const OLD: [ProtocolVersion; 2] = [ProtocolVersion::V1_0, ProtocolVersion::V1_4];

fn custom(name: &str, value: i32) -> Attribute {
    Attribute::Vendor(VendorAttribute {
        vendor_identification: "x".to_owned(),
        attribute_name: name.to_owned(),
        attribute_value: TreeValue::Integer(value),
    })
}

fn undoable(request: Request) -> Request {
    request.header(|header| header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Undo))
}

#[test]
fn a_request_names_few_templates_and_none_twice() {
    for version in OLD {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let names: Vec<String> = (0..9).map(|number| format!("template {number}")).collect();
        for called in &names {
            client.register(template_object(called, vec![custom("of a template", 1)]), vec![]);
        }
        let mut ask = |names: &[&str]| {
            let mut request = create(aes());
            request.attributes.names = names.iter().map(|called| Name::text(called)).collect();
            client.ask(Operation::Create, &request)
        };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(ask(&names[..8]).status, ResultStatus::Success, "{version}");
        ask(&names).fails_with(ResultReason::InvalidField);
        ask(&[names[0], names[1], names[0]]).fails_with(ResultReason::InvalidField);
    }
}

#[test]
fn attributes_are_counted_before_anything_is_made_of_them() {
    for version in VERSIONS {
        let server = Server::with(Settings { attributes_per_object: 20, ..Settings::default() });
        let mut client = server.client("fred", version);
        let many = |count| aes_and((3..count).map(|number| custom(&format!("a{number}"), 1)));
        client.ask(Operation::Create, &create(many(21))).fails_with(ResultReason::IndexOutOfBounds);
        assert_eq!(client.ask(Operation::Create, &create(many(12))).status, ResultStatus::Success, "{version}");
        if version.is_1x() {
            client.register(template_object("t", (0..12).map(|number| custom(&format!("b{number}"), 1)).collect()), vec![]);
            let mut request = create(many(12));
            request.attributes.names = vec![Name::text("t")];
            client.ask(Operation::Create, &request).fails_with(ResultReason::IndexOutOfBounds);
        }
    }
}

#[test]
fn a_get_attributes_names_at_most_1024() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes());
        let references = |count| {
            let reference = |number| AttributeReference::Vendor {
                vendor_identification: "x".to_owned(),
                attribute_name: format!("a{number}"),
            };
            (0..count).map(reference).collect()
        };
        let answer = client.ask(Operation::GetAttributes, &get_attributes(Some(&key), references(1_024)));
        assert_eq!(answer.status, ResultStatus::Success, "{version}");
        let answer = client.ask(Operation::GetAttributes, &get_attributes(Some(&key), references(1_025)));
        answer.fails_with(ResultReason::ServerLimitExceeded);
    }
}

#[test]
fn a_locate_has_at_most_64_conditions_and_judges_every_one() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let values: Vec<Attribute> = (0..64).map(|number| custom("same", number)).collect();
        let key = client.create(aes_and(values.iter().cloned()));
        assert_eq!(client.locate(values.clone()), [key.as_str()], "{version}");
        // The store narrows the search by the first conditions only.
        let mut other = values.clone();
        other[63] = custom("same", 64);
        assert_eq!(client.locate(other.clone()), Vec::<String>::new(), "{version}");
        other.push(custom("same", 1));
        client.ask(Operation::Locate, &locate(version, other)).fails_with(ResultReason::ServerLimitExceeded);
    }
}

/// How often a request lets go of its thread, although a store in memory never lets it wait.
fn yields(client: &mut Client<'_>, request: Request) -> usize {
    let bytes = request.bytes();
    let mut future = pin!(client.server.engine.handle(&mut client.session, &bytes));
    let mut task = Context::from_waker(Waker::noop());
    let mut yields = 0;
    while future.as_mut().poll(&mut task).is_pending() {
        yields += 1;
    }
    yields
}

#[test]
fn a_long_search_lets_go_of_its_thread_and_ends_when_enough_is_found() {
    for version in [ProtocolVersion::V1_4, ProtocolVersion::V2_1] {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let keys: Vec<String> = (0..200).map(|_| client.create(aes())).collect();
        let search = |maximum_items, offset_items| {
            // A condition that no index answers: each object is looked at.
            let mut request = locate(version, vec![Attribute::CryptographicUsageMask(CryptographicUsageMask::Encrypt)]);
            (request.maximum_items, request.offset_items) = (maximum_items, offset_items);
            request
        };
        let all = client.request().item(Operation::Locate, &search(None, None));
        assert!(yields(&mut client, all) >= 5, "{version}");
        let one = client.request().item(Operation::Locate, &search(Some(1), None));
        assert_eq!(yields(&mut client, one), 0, "{version}");
        assert_eq!(client.locate_with(search(Some(2), None)), [keys[199].as_str(), keys[198].as_str()], "{version}");
        assert_eq!(client.locate_with(search(Some(0), None)), Vec::<String>::new(), "{version}");
        let paged: LocateResponse = client.ask(Operation::Locate, &search(Some(1), Some(1))).ok();
        assert_eq!(paged.located_items, Some(200), "{version}: those who page are told how many there are");
        assert_eq!(paged.unique_identifiers[0].0, keys[198]);
    }
}

#[test]
fn indices_end_at_65535() {
    for version in OLD {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let mut request = create(aes_and([name("zero")]));
        request.attributes.attributes.0.push(AttributeInstance { index: Some(65_535), attribute: name("one") });
        let key = client.ask(Operation::Create, &request).ok::<CreateResponse>().unique_identifier.0;
        let at = |index, called: &str| {
            let mut request = add(Some(&key), name(called));
            request.new_attribute = Some(AttributeInstance { index: Some(index), attribute: name(called) });
            request
        };
        for index in [i32::MAX, 65_536, -1] {
            client.ask(Operation::AddAttribute, &at(index, "n")).fails_with(ResultReason::InvalidField);
            let mut request = create(aes());
            request.attributes.attributes.0.push(AttributeInstance { index: Some(index), attribute: name("n") });
            client.ask(Operation::Create, &request).fails_with(ResultReason::InvalidField);
        }
        let added = client.add(&key, name("next")).unwrap().attribute.unwrap();
        assert_eq!(added.index, Some(2), "{version}: the server numbers them, whatever the client said");
    }
}

#[test]
fn a_pair_is_generated_once_however_often_its_batch_collides() {
    for version in OLD {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes());
        let what = vec![Attribute::CryptographicAlgorithm(CryptographicAlgorithm::ECDSA), Attribute::CryptographicLength(256)];
        client.register(template_object("pair", what), vec![]);
        let mut pair = create_key_pair();
        pair.common_attributes = Some(kmip::attribute::TemplateAttribute {
            names: vec![Name::text("pair")],
            attributes: kmip::attribute::Attributes::default(),
        });
        let request =
            undoable(client.request().item(Operation::Activate, &activate(Some(&key)))).item(Operation::CreateKeyPair, &pair);
        server.trouble.conflicts.store(3, Ordering::SeqCst);
        let answers = client.send(request).items;
        assert_eq!(server.trouble.conflicts.load(Ordering::SeqCst), 0, "{version}: it collided");
        answers[1].ok::<CreateKeyPairResponse>();
        assert_eq!(server.trouble.worked.load(Ordering::SeqCst), 1, "{version}");
        assert_eq!(client.attributes(&key).state(), Some(&kmip::enumerations::State::Active), "{version}");
    }
}

#[test]
fn a_batch_with_undo_is_no_larger_than_a_commit() {
    let limits = Limits { length: 64 << 20, ..Limits::default() };
    for version in [ProtocolVersion::V1_4, ProtocolVersion::V2_1] {
        let server = Server::with(Settings { limits, object_size: 4 << 20, ..Settings::default() });
        let large = ManagedObject::OpaqueObject(OpaqueObject {
            opaque_data_type: OpaqueDataType(0x8000_0001),
            opaque_data_value: Secret::new(vec![7; 3 << 20]),
        });
        let mut request = undoable(Request::new(version));
        for _ in 0..12 {
            request = request.item(Operation::Register, &register(large.clone(), vec![]));
        }
        let answers = server.client("fred", version).send(request).items;
        assert_eq!(answers.len(), 11, "{version}: ten of 3 MiB fit into 32 MiB");
        answers[10].fails_with(ResultReason::ServerLimitExceeded);
        assert_eq!(server.objects(), 0);
    }
}

#[test]
fn a_response_that_must_be_small_is_no_list_of_failures() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let many = |size| {
            let mut request = Request::new(version).header(|header| {
                header.maximum_response_size = Some(size);
                header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Continue);
            });
            for _ in 0..50 {
                request = request.item(Operation::Create, &create(aes()));
            }
            request
        };
        let answers = client.send(many(256));
        assert!(answers.size < 600, "{version}: {} bytes", answers.size);
        answers.items.last().unwrap().fails_with(ResultReason::ResponseTooLarge);
        // What stops a whole message, too.
        let answers = client.send(many(256).header(|header| header.maximum_response_size = Some(-1)));
        assert_eq!(answers.items.len(), 50, "{version}: a limit that is none is none");
    }
}

#[test]
fn a_reset_of_thousands_is_logged_in_parts() {
    let version = ProtocolVersion::V2_1;
    let server = Server::new();
    let mut client = server.client("fred", version);
    for _ in 0..9 {
        let request = (0..250).fold(client.request(), |request, _| request.item(Operation::Create, &create(aes())));
        client.send(request);
    }
    let before = server.log().len();
    let reset = InteropRequest { interop_function: InteropFunction::Reset, interop_identifier: None };
    let request = client.request().item(Operation::Interop, &reset).bytes();
    let lines = block_on(server.engine.handle(&mut client.session, &request)).items;
    assert_eq!((lines[0].result, lines[0].identifiers.len()), ("Success", 16), "a line of the log stays a line");
    assert_eq!(server.objects(), 0);
    let parts: Vec<usize> = server.log()[before..].iter().map(|record| record.identifiers.len()).collect();
    assert_eq!(parts, [500, 500, 500, 500, 250]);
}

#[test]
fn what_was_given_out_stays_in_the_log_when_its_batch_is_undone() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes());
        let before = server.log().len();
        // The first Get also changes the object: it takes the freshness.
        let request = undoable(client.request())
            .item(Operation::Get, &get(Some(&key)))
            .item(Operation::GetAttributes, &get_attributes(Some(&key), vec![]))
            .item(Operation::Activate, &activate(Some(&key)))
            .item(Operation::Get, &get(Some("nobody")));
        let answers = client.send(request).items;
        assert!(answers[..3].iter().all(|answer| answer.status == ResultStatus::OperationUndone), "{version}");
        let outcomes: Vec<Outcome> = server.log()[before..].iter().map(|record| record.outcome).collect();
        let failed = Outcome::Failure(ResultReason::ObjectNotFound.at(version).0);
        assert_eq!(outcomes, [Outcome::Success, Outcome::Success, Outcome::Undone, failed], "{version}");
    }
}

#[test]
fn records_keep_the_beginning_of_what_a_client_names() {
    for version in VERSIONS {
        let server = Server::new();
        server.client("fred", version).get(&format!("a{}", "ä".repeat(500))).fails_with(ResultReason::ObjectNotFound);
        assert_eq!(server.log().pop().unwrap().identifiers, [format!("a{}", "ä".repeat(31))], "{version}");
    }
}

#[test]
fn texts_repeat_the_beginning_of_what_a_client_names() {
    for version in OLD {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let mut request = locate(version, vec![]);
        let reference = AttributeReference::Unknown("n".repeat(10_000));
        request.attributes = AttributeFilters(vec![AttributeFilter { reference, value: TreeValue::Integer(1) }]);
        let answer = client.ask(Operation::Locate, &request);
        answer.fails_with(ResultReason::InvalidAttribute);
        let message = answer.message.unwrap();
        assert!(message.contains(&"n".repeat(64)) && message.len() < 200, "{version}: {message}");
    }
}

#[test]
fn a_missing_object_is_called_by_a_name() {
    for version in VERSIONS {
        let server = Server::new();
        // What Create takes is what Register takes, but for the object.
        let answer = server.client("fred", version).ask(Operation::Register, &create(aes()));
        answer.fails_with(ResultReason::InvalidMessage);
        assert_eq!(answer.message.as_deref(), Some("The managed object is missing"), "{version}");
    }
}

#[test]
fn no_attribute_gets_two_equal_values() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes_and([name("one"), name("two")]));
        let answer = client.ask(Operation::ModifyAttribute, &modify(Some(&key), Some(name("one")), name("two").into()));
        answer.fails_with(ResultReason::InvalidAttributeValue);
        // A value may stay what it is.
        let answer = client.ask(Operation::ModifyAttribute, &modify(Some(&key), Some(name("one")), name("one").into()));
        assert_eq!(answer.status, ResultStatus::Success, "{version} {:?}", answer.message);
    }
}
