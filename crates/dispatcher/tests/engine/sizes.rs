//! How large an object may be, and how many attributes it may have.

use dispatcher::Settings;
use kmip::ProtocolVersion;
use kmip::Secret;
use kmip::attribute::{Attribute, AttributeReference, VendorAttribute};
use kmip::enumerations::{CertificateType, KeyFormatType, OpaqueDataType, ResultStatus, WrappingMethod};
use kmip::object::{Certificate, KeyMaterial, KeyValue, ManagedObject, OpaqueObject, SymmetricKey};
use kmip::operation::Operation;
use kmip::result_reason::ResultReason;
use ttlv_codec::{Limits, Tag, Tree, TreeValue};

use crate::client::{aes, aes_and, create, create_key_pair, name, register};
use crate::objects::{block, opaque_object, secret_data, symmetric_key, template_object};
use crate::server::{Server, VERSIONS};

const MEBIBYTE: usize = 1 << 20;

/// As the server reads requests.
fn server() -> Server {
    Server::with(Settings { limits: Limits { length: 2 << 20, ..Limits::default() }, ..Settings::default() })
}

fn custom(number: usize) -> Attribute {
    Attribute::Vendor(VendorAttribute {
        vendor_identification: "x".to_owned(),
        attribute_name: format!("a{number}"),
        attribute_value: TreeValue::TextString("value".to_owned()),
    })
}

/// Objects with so many bytes of material.
fn objects(size: usize) -> Vec<ManagedObject> {
    let bytes = vec![7; size];
    let mut secret = secret_data();
    if let Some(block) = secret.key_block_mut()
        && let Some(KeyValue::Plain(plain)) = &mut block.key_value
    {
        plain.key_material = KeyMaterial::Bytes(Secret::from_slice(&bytes));
    }
    let mut wrapped = block(KeyFormatType::Raw, &[], None);
    wrapped.key_value = Some(KeyValue::Wrapped(Secret::from_slice(&bytes)));
    wrapped.key_wrapping_data = Some(kmip::structures::KeyWrappingData {
        wrapping_method: WrappingMethod::Encrypt,
        encryption_key_information: Some(kmip::structures::EncryptionKeyInformation {
            unique_identifier: "kept by the client".into(),
            cryptographic_parameters: None,
        }),
        mac_signature_key_information: None,
        mac_signature: None,
        iv_counter_nonce: None,
        encoding_option: None,
    });
    vec![
        ManagedObject::OpaqueObject(OpaqueObject {
            opaque_data_type: OpaqueDataType(0x8000_0001),
            opaque_data_value: Secret::from_slice(&bytes),
        }),
        ManagedObject::Certificate(Certificate {
            certificate_type: CertificateType::X_509,
            certificate_value: Secret::from_slice(&bytes),
        }),
        secret,
        ManagedObject::SymmetricKey(SymmetricKey { key_block: wrapped }),
    ]
}

#[test]
fn an_object_of_a_mebibyte_is_kept_and_one_byte_more_is_refused_by_name() {
    for version in VERSIONS {
        let server = server();
        let mut client = server.client("fred", version);
        for object in objects(MEBIBYTE) {
            let identifier = client.register(object.clone(), vec![]);
            assert!(client.object(&identifier) == object, "{version}: it comes back as it was");
        }
        let kept = server.objects();
        for object in objects(MEBIBYTE + 1) {
            let answer = client.ask(Operation::Register, &register(object, vec![]));
            answer.fails_with(ResultReason::ServerLimitExceeded);
            let text = "The object has 1048577 bytes; the server keeps objects of at most 1048576";
            assert_eq!(answer.message.as_deref(), Some(text), "{version}");
        }
        if version.is_1x() {
            let large = |length| Attribute::ContactInformation("c".repeat(length));
            let answer = client.ask(Operation::Register, &register(template_object("t", vec![large(MEBIBYTE)]), vec![]));
            answer.fails_with(ResultReason::ServerLimitExceeded);
            client.register(template_object("t", vec![large(MEBIBYTE - 1_000)]), vec![]);
        }
        assert_eq!(server.objects(), kept + usize::from(version.is_1x()), "{version}");
    }
}

#[test]
fn a_thousand_attributes_are_kept_with_a_mebibyte_and_one_more_is_refused() {
    for version in VERSIONS {
        let server = server();
        let mut client = server.client("fred", version);
        let many = |count| (0..count).map(custom).collect::<Vec<_>>();
        let object = objects(MEBIBYTE).remove(0);
        let identifier = client.register(object.clone(), many(1_000));
        let listed = client.attribute_list(&identifier);
        let vendor = listed.iter().filter(|reference| matches!(reference, AttributeReference::Vendor { .. })).count();
        assert_eq!(vendor, 1_000, "{version}");
        assert_eq!(client.locate(vec![custom(999)]), [identifier.as_str()], "{version}");
        assert!(client.object(&identifier) == object, "{version}");
        let answer = client.ask(Operation::Register, &register(object, many(1_001)));
        answer.fails_with(ResultReason::IndexOutOfBounds);
        let text = "The object would have 1001 attributes; the server keeps at most 1000 with an object";
        assert_eq!(answer.message.as_deref(), Some(text), "{version}");
        let answer = client.ask(Operation::Create, &create(aes_and(many(998))));
        answer.fails_with(ResultReason::IndexOutOfBounds);
        client.create(aes_and(many(997)));
        // Those of each key of a pair are counted by themselves.
        let mut pair = create_key_pair();
        pair.private_key_attributes.as_mut().unwrap().attributes.0.extend(many(999).into_iter().map(Into::into));
        client.ask(Operation::CreateKeyPair, &pair).fails_with(ResultReason::IndexOutOfBounds);
        assert_eq!(client.add(&identifier, name("one more")).map(drop), Err(ResultReason::IndexOutOfBounds.at(version)));
        assert_eq!(server.objects(), 2, "{version}");
    }
}

#[test]
fn attributes_that_are_added_one_by_one_are_counted_without_the_servers_own() {
    for version in [ProtocolVersion::V1_0, ProtocolVersion::V1_4, ProtocolVersion::V2_1] {
        let server = server();
        let mut client = server.client("fred", version);
        let key = client.register(opaque_object(), (0..960).map(custom).collect());
        let added = (960..).take_while(|number| client.add(&key, custom(*number)).is_ok()).last().unwrap() + 1;
        // Those that a client could have given, but left to the server, count.
        assert!((990..=1_000).contains(&added), "{version}: {added}");
        assert_eq!(client.add(&key, custom(added)).map(drop), Err(ResultReason::IndexOutOfBounds.at(version)));
        // The object is as useful as before, and room can be made.
        client.object(&key);
        let reference = custom(0).reference();
        client.delete(&key, reference).unwrap();
        client.add(&key, custom(added)).unwrap();
    }
}

#[test]
fn many_large_attributes_are_refused_by_their_size() {
    for version in [ProtocolVersion::V1_0, ProtocolVersion::V1_4, ProtocolVersion::V2_1] {
        let server = server();
        let mut client = server.client("fred", version);
        let key = client.register(opaque_object(), vec![]);
        let large = |number: u8| {
            Attribute::Vendor(VendorAttribute {
                vendor_identification: "x".to_owned(),
                attribute_name: format!("large{number}"),
                attribute_value: TreeValue::TextString("v".repeat(MEBIBYTE)),
            })
        };
        for number in 0..3 {
            client.add(&key, large(number)).unwrap();
        }
        let request = crate::client::add(Some(&key), large(3));
        let answer = client.ask(Operation::AddAttribute, &request);
        answer.fails_with(ResultReason::ServerLimitExceeded);
        assert!(answer.message.unwrap().contains("the server keeps at most 4194304"), "{version}");
        assert_eq!(client.locate(vec![large(2)]), [key.as_str()], "{version}: found by a value of any length");
        client.object(&key);
    }
}

#[test]
fn values_inside_attributes_are_counted() {
    let structure = |count: usize| {
        let field = |number: usize| Tree { tag: Tag(0x54_0010), value: TreeValue::Integer(i32::try_from(number).unwrap()) };
        Attribute::Vendor(VendorAttribute {
            vendor_identification: "x".to_owned(),
            attribute_name: format!("of {count}"),
            attribute_value: TreeValue::Structure((0..count).map(field).collect()),
        })
    };
    for version in VERSIONS {
        let server = server();
        let mut client = server.client("fred", version);
        client.ask(Operation::Create, &create(aes_and([structure(4_097)]))).fails_with(ResultReason::ServerLimitExceeded);
        let key = client.create(aes_and([structure(4_096)]));
        assert_eq!(client.add(&key, structure(1)).map(drop), Err(ResultReason::ServerLimitExceeded.at(version)));
        assert_eq!(client.locate(vec![structure(4_096)]), [key.as_str()], "{version}");
    }
}

#[test]
fn two_equal_values_of_an_attribute_are_one_too_many() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        for twice in [name("n"), custom(1), Attribute::ObjectGroup("g".to_owned())] {
            let both = || vec![twice.clone(), twice.clone()];
            client.ask(Operation::Create, &create(aes_and(both()))).fails_with(ResultReason::InvalidAttributeValue);
            let answer = client.ask(Operation::Register, &register(symmetric_key(), both()));
            answer.fails_with(ResultReason::InvalidAttributeValue);
        }
        let mut pair = create_key_pair();
        let private = pair.private_key_attributes.as_mut().unwrap();
        private.attributes.0.extend([custom(1).into(), custom(1).into()]);
        client.ask(Operation::CreateKeyPair, &pair).fails_with(ResultReason::InvalidAttributeValue);
        // What is said of both keys and of one is said once.
        let mut pair = create_key_pair();
        for part in [pair.common_attributes.as_mut(), pair.private_key_attributes.as_mut()] {
            part.unwrap().attributes.push(custom(1));
        }
        assert_eq!(client.ask(Operation::CreateKeyPair, &pair).status, ResultStatus::Success, "{version}");
        assert_eq!(server.objects(), 2, "{version}");
        if version.is_1x() {
            client.register(template_object("t", vec![custom(1), custom(2)]), vec![]);
            let mut request = create(aes_and([custom(1)]));
            request.attributes.names = vec![kmip::structures::Name::text("t")];
            assert_eq!(client.ask(Operation::Create, &request).status, ResultStatus::Success, "{version}: nor of a template's");
        } else {
            // The two keys of a pair are two objects.
            let mut pair = create_key_pair();
            for part in [pair.public_key_attributes.as_mut(), pair.private_key_attributes.as_mut()] {
                part.unwrap().attributes.push(name("of both"));
            }
            client.ask(Operation::CreateKeyPair, &pair).fails_with(ResultReason::NonUniqueNameAttribute);
        }
        client.create(aes());
    }
}
