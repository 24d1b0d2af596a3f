//! What a header asks for, and messages that are none.

use dispatcher::Settings;
use kmip::ProtocolVersion;
use kmip::codec::DateTime;
use kmip::enumerations::{AsynchronousIndicator, ResultStatus};
use kmip::message::{AsynchronousPreference, RequestHeader, VersionNumbers};
use kmip::operation::Operation;
use kmip::payload::discover_versions::{DiscoverVersionsRequest, DiscoverVersionsResponse};
use kmip::payload::interop::InteropRequest;
use kmip::result_reason::ResultReason;
use kmip::tag;
use ttlv_codec::Writer;

use crate::client::{Request, aes, create, get};
use crate::server::{START, Server, VERSIONS};

#[test]
fn a_response_that_would_be_too_large_leaves_nothing_behind() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let request = client.request().item(Operation::Create, &create(aes()));
        let size = i32::try_from(client.send(request).size).unwrap();
        assert_eq!(server.objects(), 1);
        let limited = |size| {
            let request = Request::new(version).header(|header| header.maximum_response_size = Some(size));
            request.item(Operation::Create, &create(aes()))
        };
        let answers = client.send(limited(size - 1));
        assert_eq!(answers.items[0].operation, Some(Operation::Create), "{version}");
        answers.items[0].fails_with(ResultReason::ResponseTooLarge);
        assert_eq!(server.objects(), 1, "{version}: a refused Create leaves nothing");
        assert_eq!(client.send(limited(size)).items[0].status, ResultStatus::Success, "{version}");
        assert_eq!(server.objects(), 2);
    }
}

#[test]
fn the_server_has_a_limit_of_its_own() {
    let server = Server::with(Settings { response_size: 300, ..Settings::default() });
    let mut client = server.client("fred", ProtocolVersion::V1_4);
    let key = client.create(aes());
    client.get(&key).fails_with(ResultReason::ResponseTooLarge);
    let request = client.request().header(|header| header.maximum_response_size = Some(1 << 20));
    let answers = client.send(request.item(Operation::Get, &get(Some(&key))));
    answers.items[0].fails_with(ResultReason::ResponseTooLarge);
}

#[test]
fn a_size_that_is_none_is_refused() {
    for version in VERSIONS {
        for size in [0, -1, i32::MIN] {
            let server = Server::new();
            let mut client = server.client("fred", version);
            let request = client.request().header(|header| header.maximum_response_size = Some(size));
            client.send(request.item(Operation::Create, &create(aes()))).items[0].fails_with(ResultReason::InvalidField);
            assert_eq!(server.objects(), 0);
        }
    }
}

#[test]
fn the_server_answers_at_once_unless_it_must_not() {
    for version in VERSIONS {
        for (indicator, served) in [
            (AsynchronousIndicator::Optional, true),
            (AsynchronousIndicator::Prohibited, true),
            // 1.x has no way to say it.
            (AsynchronousIndicator::Mandatory, version.is_1x()),
        ] {
            let server = Server::new();
            let mut client = server.client("fred", version);
            let request =
                client.request().header(|header| header.asynchronous_indicator = Some(AsynchronousPreference(indicator)));
            let request = request.item(Operation::Create, &create(aes())).item(Operation::Get, &get(None));
            let answers = client.send(request).items;
            assert_eq!(answers.len(), 2);
            for answer in answers {
                if served {
                    assert_eq!(answer.status, ResultStatus::Success, "{version} {indicator:?}");
                } else {
                    assert_eq!(answer.status, ResultStatus::OperationPending, "{version}");
                }
            }
        }
    }
}

#[test]
fn time_stamps_are_compared_where_the_server_is_told_to() {
    for (tolerance, difference, served) in [
        (None, 1_000_000_000, true),
        (Some(60), 60, true),
        (Some(60), -60, true),
        (Some(60), 61, false),
        (Some(60), -61, false),
        (Some(0), 0, true),
        (Some(u64::MAX), -i64::MAX, true),
        (Some(60), i64::MAX - START, false),
    ] {
        for version in VERSIONS {
            let server = Server::with(Settings { time_stamp_tolerance_s: tolerance, ..Settings::default() });
            let mut client = server.client("fred", version);
            let time = DateTime(START.wrapping_add(difference));
            let request = client.request().header(|header| header.time_stamp = Some(time));
            let answers = client.send(request.item(Operation::Create, &create(aes())));
            if served {
                assert_eq!(answers.items[0].status, ResultStatus::Success, "{version} {tolerance:?} {difference}");
            } else {
                answers.items[0].fails_with(ResultReason::InvalidMessage);
            }
            assert_eq!(answers.header.time_stamp, DateTime(START), "the time of the server");
            assert_eq!(server.objects(), usize::from(served));
        }
    }
}

#[test]
fn correlation_values_come_back_to_those_that_use_them() {
    let server = Server::new();
    let mut seen = std::collections::HashSet::new();
    for version in VERSIONS {
        let knows = version >= ProtocolVersion::V1_4;
        let mut client = server.client("fred", version);
        let request = client.request().header(|header| header.client_correlation_value = Some("job 7".to_owned()));
        let answers = client.send(request.item(Operation::Create, &create(aes())));
        assert_eq!(answers.header.client_correlation_value, knows.then(|| "job 7".to_owned()), "{version}");
        assert_eq!(answers.header.server_correlation_value.is_some(), knows, "{version}");
        if let Some(value) = answers.header.server_correlation_value {
            assert!(value.len() > 16 && seen.insert(value.clone()), "{version}: {value} was there before");
            // A client that answers with the server's value gets one again.
            let request = client.request().header(|header| header.server_correlation_value = Some(value));
            let answers = client.send(request.item(Operation::Create, &create(aes())));
            assert_eq!(answers.header.client_correlation_value, None);
            assert!(seen.insert(answers.header.server_correlation_value.unwrap()));
        }
        assert_eq!(answers.header.nonce, None);
        // PyKMIP stops at a Server Correlation Value that it did not ask for.
        let request = client.request();
        let answers = client.send(request.item(Operation::Create, &create(aes())));
        assert_eq!((answers.header.client_correlation_value, answers.header.server_correlation_value), (None, None));
    }
}

#[test]
fn where_no_attestation_is_evaluated_what_a_client_says_of_it_changes_nothing_and_one_proves_nothing() {
    for version in VERSIONS.into_iter().filter(|version| *version >= ProtocolVersion::V1_2) {
        let server = Server::new();
        let mut client = server.client("fred", version);
        for capable in [true, false] {
            let request = client.request().header(|header| {
                header.attestation_capable_indicator = Some(capable);
                header.attestation_types = vec![kmip::enumerations::AttestationType::TPMQuote];
            });
            let answers = client.send(request.item(Operation::Create, &create(aes())));
            assert_eq!(answers.items[0].status, ResultStatus::Success, "{version}");
            assert!(answers.header.attestation_types.is_empty() && answers.header.nonce.is_none());
        }
        let attestation = kmip::credential::Attestation {
            nonce: kmip::credential::Nonce {
                nonce_id: kmip::codec::ByteString(vec![1]),
                nonce_value: kmip::codec::ByteString(vec![2]),
            },
            attestation_type: kmip::enumerations::AttestationType::TPMQuote,
            attestation_measurement: Some(kmip::codec::ByteString(vec![3])),
            attestation_assertion: None,
        };
        let credentials = vec![kmip::credential::Credential::Attestation(attestation)];
        let request = client
            .request()
            .header(|header| header.authentication = Some(kmip::credential::Authentication { credentials }))
            .item(Operation::Create, &create(aes()));
        client.send(request).items[0].fails_with(ResultReason::AttestationFailed);
        assert_eq!(server.objects(), 2);
    }
}

/// A Create in a message that claims a version.
fn claiming(major: i32, minor: i32) -> Vec<u8> {
    let spelling = ProtocolVersion::from_numbers(major, minor).unwrap_or(ProtocolVersion::V1_0);
    let mut request = Request::new(spelling);
    request.header = RequestHeader { protocol_version: VersionNumbers { major, minor }, ..request.header };
    request.item(Operation::Create, &create(aes())).bytes()
}

#[test]
fn versions_that_the_server_does_not_speak_are_answered_in_one_it_does() {
    for ((major, minor), answered) in [
        ((3, 0), ProtocolVersion::V2_1),
        ((9, 9), ProtocolVersion::V2_1),
        ((2, 2), ProtocolVersion::V2_1),
        ((1, 5), ProtocolVersion::V1_4),
        ((1, -1), ProtocolVersion::V1_4),
        ((0, 9), ProtocolVersion::V2_1),
        ((i32::MIN, i32::MAX), ProtocolVersion::V2_1),
    ] {
        let server = Server::new();
        let answers = server.client("fred", ProtocolVersion::V1_0).send_bytes(&claiming(major, minor));
        assert_eq!(answers.items.len(), 1);
        assert_eq!(answers.header.protocol_version, answered.into(), "{major}.{minor}");
        answers.items[0].fails_with(ResultReason::UnsupportedProtocolVersion);
        assert!(!answers.close, "the client may try another version");
        assert_eq!(server.objects(), 0);
    }
}

#[test]
fn discover_versions_answers_with_what_both_speak_in_the_order_of_the_server() {
    let all: Vec<VersionNumbers> = VERSIONS.into_iter().rev().map(VersionNumbers::from).collect();
    let numbers = |major, minor| VersionNumbers { major, minor };
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        for (asked, expected) in [
            (vec![], all.clone()),
            (vec![numbers(1, 0), numbers(1, 2), numbers(2, 1)], vec![numbers(2, 1), numbers(1, 2), numbers(1, 0)]),
            (vec![numbers(3, 0), numbers(1, 4), numbers(0, 1)], vec![numbers(1, 4)]),
            (vec![numbers(9, 9)], vec![]),
        ] {
            let request = DiscoverVersionsRequest { protocol_versions: asked };
            let answer = client.ask(Operation::DiscoverVersions, &request);
            if version == ProtocolVersion::V1_0 {
                answer.fails_with(ResultReason::OperationNotSupported);
            } else {
                assert_eq!(answer.ok::<DiscoverVersionsResponse>().protocol_versions, expected, "{version}");
            }
        }
    }
}

#[test]
fn operations_that_are_not_there_are_not_supported() {
    for version in VERSIONS {
        let server = Server::with(Settings { interop: false, ..Settings::default() });
        let mut client = server.client("fred", version);
        let reset = InteropRequest { interop_function: kmip::enumerations::InteropFunction::Reset, interop_identifier: None };
        client.create(aes());
        for operation in [Operation::Certify, Operation::Notify, Operation(0x77), Operation(0x8000_0001), Operation::Obliterate] {
            client.ask(operation, &get(None)).fails_with(ResultReason::OperationNotSupported);
        }
        client.ask(Operation::Interop, &reset).fails_with(ResultReason::OperationNotSupported);
        assert_eq!(server.objects(), 1);
    }
}

#[test]
fn fields_of_another_version_are_refused_and_named() {
    // Offset Items came with 1.3.
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let payload = OneInteger;
        let answer = client.ask(Operation::Locate, &payload);
        if version < ProtocolVersion::V1_3 {
            answer.fails_with(ResultReason::InvalidField);
            assert!(answer.message.as_ref().unwrap().contains("Offset Items"), "{:?}", answer.message);
        } else {
            assert_eq!(answer.status, ResultStatus::Success, "{version}");
        }
    }
    struct OneInteger;
    impl kmip::codec::Value for OneInteger {
        fn read(_: &ttlv_codec::Item<'_>, _: ProtocolVersion) -> kmip::codec::Result<Self> {
            Ok(Self)
        }
        fn write(&self, writer: &mut Writer, tag: ttlv_codec::Tag, _: ProtocolVersion) {
            writer.structure(tag, |writer| writer.integer(tag::OffsetItems, 0));
        }
    }
}

#[test]
fn bytes_that_are_no_message_get_an_answer_and_the_connection_ends() {
    let good = Request::new(ProtocolVersion::V1_2).item(Operation::Create, &create(aes())).bytes();
    let mut other_tag = good.clone();
    other_tag[2] = 0x7B;
    let mut response = Writer::new();
    response.structure(tag::RequestMessage, |_| {});
    let garbage: [&[u8]; 9] = [
        b"",
        b"G",
        b"GET / HTTP/1.1\r\n\r\n",
        &[0xFF; 64],
        &[0; 64],
        &good[..good.len() - 1],
        &[&good[..], b"\0\0\0\0\0\0\0\0"].concat(),
        &other_tag,
        &response.finish(),
    ];
    for bytes in garbage {
        let server = Server::new();
        let answers = server.client("fred", ProtocolVersion::V1_0).send_bytes(bytes);
        assert_eq!(answers.items.len(), 1);
        assert!(answers.close, "{bytes:?}");
        assert_eq!(answers.items[0].operation, None);
        answers.items[0].fails_with(ResultReason::InvalidMessage);
        assert_eq!(server.objects(), 0);
    }
}

/// Damage anywhere in a message: never a panic, always an answer, and never more objects than the message asks for.
#[test]
fn damaged_messages_are_answered() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let request = client.request().item(Operation::Create, &create(aes())).item(Operation::Get, &get(None));
        let good = request.bytes();
        for at in 0..good.len() {
            client.send_bytes(&good[..at]);
            for bit in [0x01, 0x08, 0x80] {
                let mut damaged = good.clone();
                damaged[at] ^= bit;
                let before = server.objects();
                client.send_bytes(&damaged);
                assert!(server.objects() <= before + 1);
            }
        }
    }
}

#[test]
fn a_message_deeper_than_the_limit_is_refused() {
    let server = Server::new();
    let mut writer = Writer::new();
    let open: Vec<_> = (0..200).map(|_| writer.begin(tag::RequestMessage)).collect();
    open.into_iter().rev().for_each(|open| writer.end(open));
    let answers = server.client("fred", ProtocolVersion::V1_0).send_bytes(&writer.finish());
    assert!(answers.close);
    answers.items[0].fails_with(ResultReason::InvalidMessage);
    assert!(answers.items[0].message.as_ref().unwrap().contains("deeper"));
}

#[test]
fn the_error_of_a_field_does_not_stop_the_connection() {
    let server = Server::new();
    let mut client = server.client("fred", ProtocolVersion::V2_1);
    struct Nothing;
    impl kmip::codec::Value for Nothing {
        fn read(_: &ttlv_codec::Item<'_>, _: ProtocolVersion) -> kmip::codec::Result<Self> {
            Ok(Self)
        }
        fn write(&self, writer: &mut Writer, tag: ttlv_codec::Tag, _: ProtocolVersion) {
            writer.structure(tag, |_| {});
        }
    }
    let request = client.request().item(Operation::Create, &Nothing);
    let answers = client.send(request);
    assert!(!answers.close);
    answers.items[0].fails_with(ResultReason::InvalidMessage);
    assert!(answers.items[0].message.as_ref().unwrap().contains("Object Type"));
}
