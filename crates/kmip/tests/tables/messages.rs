//! Messages: whole requests and responses, what is wrong with them, and in which version to say so.

use kmip::ProtocolVersion;
use kmip::codec::{DateTime, DecodeErrorKind, Value as _, from_bytes, to_bytes};
use kmip::message::{
    MessageErrorKind, RequestHeader, RequestMessage, ResponseBatchItem, ResponseHeader, ResponseMessage, VersionNumbers,
    write_request_item,
};
use kmip::operation::Operation;
use kmip::payload::activate::ActivateRequest;
use kmip::tag;
use proptest::prelude::*;
use ttlv_codec::{Limits, Tree, TreeValue, Writer};

use crate::make::Make;

fn activate() -> ActivateRequest {
    ActivateRequest { unique_identifier: Some("an object".into()) }
}

fn request(version: ProtocolVersion, header: &RequestHeader, items: usize) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.structure(tag::RequestMessage, |writer| {
        header.write(writer, tag::RequestHeader, version);
        for number in 0..items {
            let identifier = [number as u8];
            write_request_item(writer, version, Operation::Activate, Some(&identifier), &activate());
        }
    });
    writer.finish()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_request_is_read_as_it_was_written(seed in any::<u64>(), items in 1..5_usize) {
        for version in ProtocolVersion::ALL {
            // A header of any fields, of which version and count tell the truth.
            let fields = Make::new(version, seed).fields(RequestHeader::MEMBERS);
            let tree = Tree { tag: tag::RequestHeader, value: TreeValue::Structure(fields) };
            let mut header = from_bytes::<RequestHeader>(&tree.to_bytes(), version).unwrap();
            header.protocol_version = version.into();
            header.batch_count = (version < ProtocolVersion::V3_0).then(|| i32::try_from(items).unwrap());
            let bytes = request(version, &header, items);
            let message = RequestMessage::read(&bytes, &Limits::default(), 10).unwrap();
            prop_assert_eq!(message.version, version);
            prop_assert_eq!(&message.header, &header);
            prop_assert_eq!(message.items.len(), items);
            for (number, item) in message.items.iter().enumerate() {
                prop_assert_eq!(item.operation, Operation::Activate);
                let named = item.unique_batch_item_id.as_ref().map(|identifier| identifier.0.clone());
                prop_assert_eq!(named, (version < ProtocolVersion::V3_0).then(|| vec![number as u8]));
                prop_assert_eq!(ActivateRequest::read(&item.payload, version).unwrap(), activate());
            }
            // One item fewer is allowed.
            if items > 0 {
                let error = RequestMessage::read(&bytes, &Limits::default(), items - 1).err().unwrap();
                prop_assert_eq!(error.error, MessageErrorKind::TooManyItems { limit: items - 1 });
                prop_assert_eq!(error.version, Some(version.into()));
            }
        }
    }

    #[test]
    fn any_response_is_read_and_written_back(seed in any::<u64>(), items in 0..4_usize) {
        for version in ProtocolVersion::ALL {
            let mut make = Make::new(version, seed);
            let fields = make.fields(ResponseHeader::MEMBERS);
            let tree = Tree { tag: tag::ResponseHeader, value: TreeValue::Structure(fields) };
            let mut header = from_bytes::<ResponseHeader>(&tree.to_bytes(), version).unwrap();
            header.protocol_version = version.into();
            let mut writer = Writer::new();
            writer.structure(tag::ResponseMessage, |writer| {
                header.write(writer, tag::ResponseHeader, version);
                for _ in 0..items {
                    writer.structure(tag::BatchItem, |writer| {
                        make.item(tag::Operation).write(writer);
                        make.item(tag::ResultStatus).write(writer);
                        make.item(tag::ResultReason).write(writer);
                        make.item(tag::ResultMessage).write(writer);
                        writer.structure(tag::ResponsePayload, |writer| make.item(tag::Any).write(writer));
                        make.item(tag::MessageExtension).write(writer);
                    });
                }
            });
            let bytes = writer.finish();
            let message = ResponseMessage::read(&bytes, &Limits::default()).unwrap();
            prop_assert_eq!(&message.header, &header);
            let mut writer = Writer::new();
            writer.structure(tag::ResponseMessage, |writer| {
                message.header.write(writer, tag::ResponseHeader, version);
                for item in &message.items {
                    item.write(writer, version, None::<fn(&mut Writer)>);
                }
            });
            prop_assert_eq!(writer.finish(), bytes, "{}", version);
        }
    }

    #[test]
    fn any_damage_is_an_error_or_another_message(seed in any::<u64>(), at in any::<prop::sample::Index>(), bit in 0..8_u32) {
        for version in ProtocolVersion::ALL {
            let count = (version < ProtocolVersion::V3_0).then_some(2);
            let mut header = RequestHeader::new(version, 2);
            header.batch_count = count;
            header.client_correlation_value = (seed % 2 == 0).then(|| "job".to_owned());
            let mut bytes = request(version, &header, 2);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            match RequestMessage::read(&bytes, &Limits::default(), 10) {
                Ok(message) => prop_assert!(message.items.len() <= 2),
                Err(error) => match error.error {
                    MessageErrorKind::Decode(error) => prop_assert!(error.offset <= bytes.len()),
                    other => prop_assert!(error.version.is_some(), "{}", other),
                },
            }
            prop_assert!(RequestMessage::read(&bytes[..at], &Limits::default(), 10).is_err());
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(RequestMessage::read(&bytes, &Limits::default(), 10).is_err());
        prop_assert!(ResponseMessage::read(&bytes, &Limits::default()).is_err());
    }
}

#[test]
fn a_count_that_lies_is_told() {
    for version in ProtocolVersion::ALL.into_iter().filter(|version| *version < ProtocolVersion::V3_0) {
        for announced in [-1, 0, 2, i32::MAX, i32::MIN] {
            let bytes = request(version, &RequestHeader::new(version, announced), 1);
            let error = RequestMessage::read(&bytes, &Limits::default(), 10).err().unwrap();
            assert_eq!(error.error, MessageErrorKind::BatchCount { announced, found: 1 }, "{version}");
            assert_eq!(error.version, Some(version.into()));
        }
        let header = RequestHeader { batch_count: None, ..RequestHeader::new(version, 0) };
        let bytes = request(version, &header, 1);
        let error = RequestMessage::read(&bytes, &Limits::default(), 10).err().unwrap();
        let MessageErrorKind::Decode(error) = error.error else { panic!("{error:?}") };
        assert_eq!(error.kind, DecodeErrorKind::Missing(tag::BatchCount), "{version}");
    }
}

#[test]
fn a_version_that_does_not_exist_is_told_with_its_numbers() {
    for (major, minor) in [(0, 0), (1, 5), (1, -1), (2, 2), (3, 1), (9, 9), (i32::MAX, i32::MIN)] {
        let numbers = VersionNumbers { major, minor };
        let header = RequestHeader { protocol_version: numbers, ..RequestHeader::new(ProtocolVersion::V1_0, 1) };
        let bytes = request(ProtocolVersion::V1_0, &header, 1);
        let error = RequestMessage::read(&bytes, &Limits::default(), 10).err().unwrap();
        assert_eq!(error.error, MessageErrorKind::UnsupportedVersion(numbers));
        assert_eq!(error.version, Some(numbers));
    }
}

#[test]
fn header_fields_of_later_versions_are_refused_and_left_out() {
    let header = RequestHeader {
        client_correlation_value: Some("job".to_owned()),
        attestation_capable_indicator: Some(true),
        ..RequestHeader::new(ProtocolVersion::V1_4, 1)
    };
    for version in ProtocolVersion::ALL {
        // Written as 1.4 has it, under another version's number.
        let mut writer = Writer::new();
        let claimed = RequestHeader { protocol_version: version.into(), ..header.clone() };
        writer.structure(tag::RequestMessage, |writer| {
            claimed.write(writer, tag::RequestHeader, ProtocolVersion::V1_4);
            write_request_item(writer, version, Operation::Activate, None, &activate());
        });
        let read = RequestMessage::read(&writer.finish(), &Limits::default(), 10).is_ok();
        assert_eq!(read, (ProtocolVersion::V1_4..ProtocolVersion::V3_0).contains(&version), "{version}");
        let bytes = to_bytes(&header, tag::RequestHeader, version);
        let written = from_bytes::<RequestHeader>(&bytes, version).unwrap();
        assert_eq!(written.client_correlation_value.is_some(), version >= ProtocolVersion::V1_4, "{version}");
        assert_eq!(written.attestation_capable_indicator.is_some(), version >= ProtocolVersion::V1_2, "{version}");
    }
    let response = ResponseHeader {
        protocol_version: ProtocolVersion::V1_0.into(),
        time_stamp: DateTime(1),
        nonce: None,
        server_hashed_password: None,
        attestation_types: vec![],
        client_correlation_value: Some("job".to_owned()),
        server_correlation_value: Some("1".to_owned()),
        batch_count: Some(1),
    };
    let bytes = to_bytes(&response, tag::ResponseHeader, ProtocolVersion::V1_0);
    let written = from_bytes::<ResponseHeader>(&bytes, ProtocolVersion::V1_0).unwrap();
    assert_eq!((written.client_correlation_value, written.server_correlation_value), (None, None));
}

#[test]
fn an_item_of_a_response_is_read_field_by_field() {
    let version = ProtocolVersion::V1_2;
    let item = ResponseBatchItem {
        operation: Some(Operation::Get),
        unique_batch_item_id: Some(kmip::codec::ByteString(vec![7])),
        result_status: kmip::enumerations::ResultStatus::OperationFailed,
        result_reason: Some(kmip::result_reason::ResultReason::ItemNotFound),
        result_message: Some("gone".to_owned()),
        asynchronous_correlation_value: None,
        payload: None,
        message_extension: None,
    };
    let mut writer = Writer::new();
    writer.structure(tag::ResponseMessage, |writer| {
        let header = ResponseHeader {
            protocol_version: version.into(),
            time_stamp: DateTime(0),
            nonce: None,
            server_hashed_password: None,
            attestation_types: vec![],
            client_correlation_value: None,
            server_correlation_value: None,
            batch_count: Some(1),
        };
        header.write(writer, tag::ResponseHeader, version);
        item.write(writer, version, None::<fn(&mut Writer)>);
    });
    let bytes = writer.finish();
    let message = ResponseMessage::read(&bytes, &Limits::default()).unwrap();
    let read = &message.items[0];
    assert_eq!(read.operation, item.operation);
    assert_eq!(read.unique_batch_item_id, item.unique_batch_item_id);
    assert_eq!(read.result_status, item.result_status);
    assert_eq!(read.result_reason, item.result_reason);
    assert_eq!(read.result_message, item.result_message);
    assert!(read.payload.is_none() && read.message_extension.is_none());
}
