//! Keys under keys: Get and Export wrapped, what was registered wrapped, and the keys that wrap.

use std::sync::atomic::Ordering;

use crypto::SystemRandom;
use kmip::attribute::{Attribute, Attributes};
use kmip::codec::{DateTime, from_bytes};
use kmip::enumerations::{
    BlockCipherMode, CryptographicAlgorithm, EncodingOption, KeyWrapType, LinkType, ObjectType, PaddingMethod,
    RevocationReasonCode, UsageLimitsUnit, WrappingMethod,
};
use kmip::identifier::ObjectReference;
use kmip::masks::CryptographicUsageMask as Mask;
use kmip::object::{KeyBlock, KeyMaterial, KeyValue, ManagedObject, PlainKeyValue};
use kmip::operation::Operation;
use kmip::payload::create_key_pair::{CreateKeyPairRequest, CreateKeyPairResponse};
use kmip::payload::export::ExportResponse;
use kmip::payload::get::{GetRequest, GetResponse};
use kmip::payload::import::{ImportRequest, ImportResponse};
use kmip::result_reason::ResultReason;
use kmip::structures::{
    CryptographicParameters, EncryptionKeyInformation, KeyWrappingData, KeyWrappingSpecification, Link,
    MACSignatureKeyInformation, UsageLimits,
};
use kmip::{ProtocolVersion, Secret};

use crate::client::{Client, aes, aes_and, create_key_pair, export, get, locate, register, template};
use crate::objects::{KEY, opaque_object, secret_data, symmetric_key};
use crate::server::{START, Server, VERSIONS};

/// A key that wraps, and its bytes.
const KEK: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

fn mode(mode: BlockCipherMode) -> CryptographicParameters {
    CryptographicParameters { block_cipher_mode: Some(mode), ..CryptographicParameters::default() }
}

fn kek_object() -> ManagedObject {
    let mut object = symmetric_key();
    let block = object.key_block_mut().unwrap();
    block.key_value =
        Some(KeyValue::Plain(PlainKeyValue { key_material: KeyMaterial::Bytes(Secret::from_slice(&KEK)), attributes: None }));
    block.cryptographic_length = Some(128);
    object
}

fn kek_with(client: &mut Client<'_>, mask: Mask, more: Vec<Attribute>) -> String {
    let mut attributes = vec![Attribute::CryptographicUsageMask(mask), Attribute::ActivationDate(DateTime(START - 10))];
    attributes.extend(more);
    client.register(kek_object(), attributes)
}

fn kek(client: &mut Client<'_>) -> String {
    let parameters = Attribute::CryptographicParameters(mode(BlockCipherMode::NISTKeyWrap));
    kek_with(client, Mask::WrapKey | Mask::UnwrapKey, vec![parameters])
}

fn specification(kek: &str, encoding: Option<EncodingOption>) -> KeyWrappingSpecification {
    KeyWrappingSpecification {
        wrapping_method: WrappingMethod::Encrypt,
        encryption_key_information: Some(EncryptionKeyInformation {
            unique_identifier: kek.into(),
            cryptographic_parameters: Some(mode(BlockCipherMode::NISTKeyWrap)),
        }),
        mac_signature_key_information: None,
        attribute_names: Vec::new(),
        attribute_references: Vec::new(),
        encoding_option: encoding,
    }
}

fn wrapped(identifier: &str, specification: KeyWrappingSpecification) -> GetRequest {
    GetRequest { key_wrapping_specification: Some(specification), ..get(Some(identifier)) }
}

fn not_wrapped(identifier: &str) -> GetRequest {
    GetRequest { key_wrap_type: Some(KeyWrapType::NotWrapped), ..get(Some(identifier)) }
}

fn block(object: &ManagedObject) -> &KeyBlock {
    object.key_block().unwrap()
}

fn wrapped_bytes(object: &ManagedObject) -> &[u8] {
    match block(object).key_value.as_ref().unwrap() {
        KeyValue::Wrapped(bytes) => bytes.expose(),
        KeyValue::Plain(_) => panic!("the key is in clear"),
    }
}

fn opened(object: &ManagedObject) -> Secret {
    crypto::unwrap(&mode(BlockCipherMode::NISTKeyWrap), &KEK, wrapped_bytes(object), None).unwrap()
}

/// A key as a client has it that wrapped it itself.
fn wrapped_object(kek: &str, bytes: &[u8], encoding: Option<EncodingOption>) -> ManagedObject {
    let bytes = crypto::wrap(&mode(BlockCipherMode::NISTKeyWrap), &KEK, bytes, &SystemRandom::new()).unwrap().bytes;
    let mut object = symmetric_key();
    let block = object.key_block_mut().unwrap();
    block.key_value = Some(KeyValue::Wrapped(Secret::new(bytes)));
    block.key_wrapping_data = Some(KeyWrappingData {
        wrapping_method: WrappingMethod::Encrypt,
        encryption_key_information: Some(EncryptionKeyInformation {
            unique_identifier: kek.into(),
            cryptographic_parameters: Some(mode(BlockCipherMode::NISTKeyWrap)),
        }),
        mac_signature_key_information: None,
        mac_signature: None,
        iv_counter_nonce: None,
        encoding_option: encoding,
    });
    object
}

fn with_encoding() -> impl Iterator<Item = ProtocolVersion> {
    VERSIONS.into_iter().filter(|version| *version >= ProtocolVersion::V1_1)
}

fn with_wrap_type() -> impl Iterator<Item = ProtocolVersion> {
    VERSIONS.into_iter().filter(|version| *version >= ProtocolVersion::V1_4)
}

#[test]
fn a_key_is_returned_under_another() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let kek = kek(&mut client);
        let key = client.register(symmetric_key(), vec![Attribute::CryptographicUsageMask(Mask::Encrypt)]);
        let encodings = [None, Some(EncodingOption::TTLVEncoding), Some(EncodingOption::NoEncoding)];
        for encoding in if version >= ProtocolVersion::V1_1 { &encodings[..] } else { &encodings[..1] } {
            let request = wrapped(&key, specification(&kek, *encoding));
            let object = client.ask(Operation::Get, &request).ok::<GetResponse>().object;
            let data = block(&object).key_wrapping_data.as_ref().unwrap();
            assert_eq!(data.encryption_key_information, specification(&kek, None).encryption_key_information, "{version}");
            assert_eq!(data.encoding_option, *encoding);
            let opened = opened(&object);
            match encoding {
                Some(EncodingOption::NoEncoding) => assert_eq!(opened.expose(), KEY),
                _ => {
                    let value: PlainKeyValue = from_bytes(opened.expose(), version).unwrap();
                    assert_eq!(value.key_material, KeyMaterial::Bytes(Secret::from_slice(KEY)), "{version}");
                    assert!(value.attributes.is_none());
                }
            }
        }
        // Nothing changed but the freshness.
        assert_eq!(client.object(&key), symmetric_key());
    }
}

#[test]
fn attributes_are_wrapped_with_the_key() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let kek = kek(&mut client);
        let key = client.register(symmetric_key(), vec![Attribute::CryptographicUsageMask(Mask::Encrypt)]);
        let mut asked = specification(&kek, None);
        asked.attribute_names = vec!["Cryptographic Usage Mask".to_owned(), "State".to_owned(), "x-none".to_owned()];
        let object = client.ask(Operation::Get, &wrapped(&key, asked.clone())).ok::<GetResponse>().object;
        let value: PlainKeyValue = from_bytes(opened(&object).expose(), version).unwrap();
        let attributes = value.attributes.unwrap();
        assert_eq!(attributes.cryptographic_usage_mask(), Some(&Mask::Encrypt), "{version}");
        assert!(attributes.state().is_some() && attributes.0.len() == 2, "{version}: {attributes:?}");
        if version >= ProtocolVersion::V1_1 {
            asked.encoding_option = Some(EncodingOption::NoEncoding);
            client.ask(Operation::Get, &wrapped(&key, asked)).fails_with(ResultReason::EncodingOptionError);
        }
    }
}

#[test]
fn a_key_that_may_not_wrap_does_not() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes());
        let refused = |client: &mut Client<'_>, kek: &str, reason| {
            client.ask(Operation::Get, &wrapped(&key, specification(kek, None))).fails_with(reason);
        };
        refused(&mut client, "nobody has it", ResultReason::WrappingObjectNotFound);
        let other = kek(&mut server.client("barney", version));
        refused(&mut client, &other, ResultReason::PermissionDenied);
        let wraps = Mask::WrapKey | Mask::UnwrapKey;
        let without = kek_with(&mut client, Mask::Encrypt | Mask::Decrypt | Mask::UnwrapKey, vec![]);
        refused(&mut client, &without, ResultReason::IncompatibleCryptographicUsageMask);
        let young = client.register(kek_object(), vec![Attribute::CryptographicUsageMask(wraps)]);
        refused(&mut client, &young, ResultReason::WrongKeyLifecycleState);
        let opaque = client.register(opaque_object(), vec![]);
        refused(&mut client, &opaque, ResultReason::InvalidObjectType);
        let secret = client.register(secret_data(), vec![Attribute::CryptographicUsageMask(wraps)]);
        refused(&mut client, &secret, ResultReason::InvalidObjectType);
        let kw = kek(&mut client);
        let of_another_mode = {
            let mut asked = specification(&kw, None);
            let information = asked.encryption_key_information.as_mut().unwrap();
            information.cryptographic_parameters = Some(mode(BlockCipherMode::AESKeyWrapPadding));
            asked
        };
        let reason = if version.is_1x() { ResultReason::ItemNotFound } else { ResultReason::BadCryptographicParameters };
        client.ask(Operation::Get, &wrapped(&key, of_another_mode)).fails_with(reason);
        client.ask(Operation::Get, &wrapped(&kw, specification(&kw, None))).fails_with(ResultReason::InvalidField);
        let archived = kek(&mut client);
        client.archive(&archived).unwrap();
        refused(&mut client, &archived, ResultReason::WrappingObjectArchived);
        let old = kek(&mut client);
        client.revoke(&old, RevocationReasonCode::Superseded).unwrap();
        refused(&mut client, &old, ResultReason::WrongKeyLifecycleState);
        client.destroy(&old).unwrap();
        refused(&mut client, &old, ResultReason::WrappingObjectDestroyed);
        let itself_wrapped = client.register(
            wrapped_object(&kw, &[9; 16], None),
            vec![Attribute::CryptographicUsageMask(wraps), Attribute::ActivationDate(DateTime(START - 10))],
        );
        refused(&mut client, &itself_wrapped, ResultReason::PermissionDenied);
        // What has no key cannot be wrapped.
        client.ask(Operation::Get, &wrapped(&opaque, specification(&kw, None))).fails_with(ResultReason::InvalidObjectType);
        // Half a specification.
        let mut half = specification(&kw, None);
        half.encryption_key_information = None;
        client.ask(Operation::Get, &wrapped(&key, half.clone())).fails_with(ResultReason::InvalidField);
        for method in [WrappingMethod::TR_31, WrappingMethod(0x8000_0001)] {
            half.wrapping_method = method;
            client.ask(Operation::Get, &wrapped(&key, half.clone())).fails_with(ResultReason::FeatureNotSupported);
        }
    }
}

#[test]
fn what_is_sensitive_leaves_wrapped_alone() {
    for version in with_wrap_type() {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let kek = kek(&mut client);
        let sensitive = client.create(aes_and([Attribute::Sensitive(true)]));
        let kept = client.create(aes_and([Attribute::Extractable(false)]));
        client.get(&sensitive).fails_with(ResultReason::Sensitive);
        client.ask(Operation::Get, &not_wrapped(&sensitive)).fails_with(ResultReason::Sensitive);
        let request = wrapped(&sensitive, specification(&kek, None));
        assert_eq!(wrapped_bytes(&client.ask(Operation::Get, &request).ok::<GetResponse>().object).len() % 8, 0);
        let mut request = export(Some(&sensitive));
        request.key_wrapping_specification = Some(specification(&kek, None));
        let exported: ExportResponse = client.ask(Operation::Export, &request).ok();
        wrapped_bytes(&exported.object.unwrap());
        client.ask(Operation::Get, &wrapped(&kept, specification(&kek, None))).fails_with(ResultReason::NotExtractable);
        // A key that says it is wrapped, and is not: a MAC hides nothing.
        let mut claimed = symmetric_key();
        claimed.key_block_mut().unwrap().key_wrapping_data = Some(KeyWrappingData {
            wrapping_method: WrappingMethod::MACSign,
            encryption_key_information: None,
            mac_signature_key_information: Some(MACSignatureKeyInformation {
                unique_identifier: kek.as_str().into(),
                cryptographic_parameters: None,
            }),
            mac_signature: None,
            iv_counter_nonce: None,
            encoding_option: None,
        });
        let claimed_identifier = client.register(claimed.clone(), vec![Attribute::Sensitive(true)]);
        client.get(&claimed_identifier).fails_with(ResultReason::Sensitive);
        // One that claims to be encrypted has to say by what.
        let data = claimed.key_block_mut().unwrap().key_wrapping_data.as_mut().unwrap();
        data.wrapping_method = WrappingMethod::Encrypt;
        client.ask(Operation::Register, &register(claimed.clone(), vec![])).fails_with(ResultReason::InvalidField);
        let data = claimed.key_block_mut().unwrap().key_wrapping_data.as_mut().unwrap();
        data.wrapping_method = WrappingMethod(0x8000_0001);
        data.mac_signature_key_information = None;
        client.ask(Operation::Register, &register(claimed, vec![])).fails_with(ResultReason::InvalidField);
    }
}

#[test]
fn what_is_registered_wrapped_is_linked_with_the_key_that_wraps_it() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let kek = kek(&mut client);
        let links = |client: &mut Client<'_>, identifier: &str| -> Vec<Link> {
            let attributes = client.attributes(identifier);
            attributes
                .iter()
                .filter_map(|attribute| if let Attribute::Link(link) = attribute { Some(link.clone()) } else { None })
                .collect()
        };
        let link = Link { link_type: LinkType::WrappingKeyLink, linked_object_identifier: ObjectReference::from(kek.as_str()) };
        let key = client.register(wrapped_object(&kek, KEY, None), vec![]);
        // 1.x does not define it.
        assert_eq!(links(&mut client, &key), if version.is_1x() { vec![] } else { vec![link.clone()] }, "{version}");
        if !version.is_1x() {
            // A client may say so itself.
            let key = client.register(wrapped_object(&kek, KEY, None), vec![Attribute::Link(link.clone())]);
            assert_eq!(links(&mut client, &key), [link], "{version}");
        }
        let clear = client.register(symmetric_key(), vec![]);
        assert_eq!(links(&mut client, &clear), [], "{version}");
    }
}

#[test]
fn what_was_registered_wrapped_is_unwrapped_for_those_who_ask() {
    for version in with_wrap_type() {
        let server = Server::new();
        let mut client = server.client("fred", version);
        // The test cases of the standard unwrap with a key that may only wrap.
        for mask in [Mask::UnwrapKey, Mask::WrapKey] {
            let kek_identifier = kek_with(&mut client, mask, vec![]);
            let plain = PlainKeyValue { key_material: KeyMaterial::Bytes(Secret::from_slice(KEY)), attributes: None };
            let encoded = kmip::codec::to_bytes(&plain, kmip::tag::KeyValue, version);
            for (bytes, encoding) in [(&KEY[..], Some(EncodingOption::NoEncoding)), (&encoded[..], None)] {
                let object = wrapped_object(&kek_identifier, bytes, encoding);
                let key = client.register(object.clone(), vec![]);
                assert_eq!(client.object(&key), object);
                let clear = client.ask(Operation::Get, &not_wrapped(&key)).ok::<GetResponse>().object;
                assert_eq!(clear, symmetric_key(), "{version}");
                let other = kek(&mut client);
                let request = wrapped(&key, specification(&other, Some(EncodingOption::NoEncoding)));
                let again = client.ask(Operation::Get, &request).ok::<GetResponse>().object;
                assert_eq!(opened(&again).expose(), KEY);
                // It is kept as it came.
                assert_eq!(client.object(&key), object);
                client.modify(&key, Attribute::Sensitive(true)).unwrap();
                client.ask(Operation::Get, &not_wrapped(&key)).fails_with(ResultReason::Sensitive);
                assert_eq!(client.object(&key), object);
            }
        }
    }
}

/// Also of what a client of 1.x registered, or what was imported, whoever can name the link learns what hangs on the key.
#[test]
fn what_is_wrapped_by_a_key_is_found_by_the_link_whatever_version_brought_it() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let kek = kek(&mut client);
        let wrapped = client.register(wrapped_object(&kek, KEY, None), vec![]);
        client.register(symmetric_key(), vec![]);
        let link = Link { link_type: LinkType::WrappingKeyLink, linked_object_identifier: kek.as_str().into() };
        let mut expected = vec![wrapped];
        if version >= ProtocolVersion::V1_4 {
            let request = ImportRequest {
                unique_identifier: "imported".into(),
                object_type: (!version.is_1x()).then_some(ObjectType::SymmetricKey),
                replace_existing: None,
                key_wrap_type: None,
                attributes: Attributes::default(),
                object: wrapped_object(&kek, KEY, None),
            };
            client.ask(Operation::Import, &request).ok::<ImportResponse>();
            expected.insert(0, "imported".to_owned());
        }
        let mut newest = server.client("fred", ProtocolVersion::V2_1);
        let found = newest.locate_with(locate(ProtocolVersion::V2_1, vec![Attribute::Link(link)]));
        assert_eq!(found, expected, "{version}");
    }
}

#[test]
fn a_wrapping_key_that_is_not_there_is_as_much_work_as_one_that_is() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let (key, kek) = (client.create(aes()), kek(&mut client));
        for (kek, times) in [(kek.as_str(), 0), ("nobody has this", 1)] {
            client.ask(Operation::Get, &wrapped(&key, specification(kek, None)));
            assert_eq!(server.trouble.loaded_none.swap(0, Ordering::SeqCst), times, "{version}");
        }
    }
}

#[test]
fn what_cannot_be_unwrapped_says_no_more_than_that() {
    for version in with_wrap_type() {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let kek_identifier = kek(&mut client);
        // A structure in a structure in a structure: what is inside meets the limits of a message, too.
        let deep: Vec<u8> = (0..4_000_u32)
            .flat_map(|level| [vec![0x42, 0x00, 0x45, 0x01], ((3_999 - level) * 8).to_be_bytes().to_vec()].concat())
            .collect();
        for (bytes, encoding) in [(&deep[..], None), (&[0; 24], None), (&KEY[..], None)] {
            let key = client.register(wrapped_object(&kek_identifier, bytes, encoding), vec![]);
            client.ask(Operation::Get, &not_wrapped(&key)).fails_with(ResultReason::CryptographicFailure);
        }
        let mut object = wrapped_object(&kek_identifier, KEY, Some(EncodingOption::NoEncoding));
        let mut bytes = wrapped_bytes(&object).to_vec();
        bytes[20] ^= 1;
        object.key_block_mut().unwrap().key_value = Some(KeyValue::Wrapped(Secret::new(bytes)));
        let key = client.register(object, vec![]);
        client.ask(Operation::Get, &not_wrapped(&key)).fails_with(ResultReason::CryptographicFailure);
        let unknown = client.register(wrapped_object("kept by the client", KEY, None), vec![]);
        client.ask(Operation::Get, &not_wrapped(&unknown)).fails_with(ResultReason::WrappingObjectNotFound);
        let foreign = kek(&mut server.client("barney", version));
        let key = client.register(wrapped_object(&foreign, KEY, Some(EncodingOption::NoEncoding)), vec![]);
        client.ask(Operation::Get, &not_wrapped(&key)).fails_with(ResultReason::PermissionDenied);
    }
}

#[test]
fn an_import_unwraps_where_it_is_asked_to() {
    for version in with_wrap_type() {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let kek = kek(&mut client);
        let object = wrapped_object(&kek, KEY, Some(EncodingOption::NoEncoding));
        let mut request = ImportRequest {
            unique_identifier: "unwrapped".into(),
            object_type: (!version.is_1x()).then_some(ObjectType::SymmetricKey),
            replace_existing: None,
            key_wrap_type: Some(KeyWrapType::NotWrapped),
            attributes: kmip::attribute::Attributes::default(),
            object: object.clone(),
        };
        client.ask(Operation::Import, &request).ok::<ImportResponse>();
        assert_eq!(client.object("unwrapped"), symmetric_key(), "{version}");
        request.unique_identifier = "as it was".into();
        request.key_wrap_type = Some(KeyWrapType::AsRegistered);
        client.ask(Operation::Import, &request).ok::<ImportResponse>();
        assert_eq!(client.object("as it was"), object);
        request.unique_identifier = "lost".into();
        request.key_wrap_type = Some(KeyWrapType::NotWrapped);
        request.object = wrapped_object("nobody has it", KEY, None);
        client.ask(Operation::Import, &request).fails_with(ResultReason::WrappingObjectNotFound);
    }
}

#[test]
fn a_wrap_takes_from_the_usage_limits() {
    for version in with_encoding() {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let limits = UsageLimits { usage_limits_total: 2, usage_limits_count: None, usage_limits_unit: UsageLimitsUnit::Object };
        let kek = kek_with(&mut client, Mask::WrapKey, vec![Attribute::UsageLimits(limits)]);
        let key = client.create(aes());
        let request = wrapped(&key, specification(&kek, None));
        for left in [1, 0] {
            client.ask(Operation::Get, &request).ok::<GetResponse>();
            let count = client.attributes(&kek).usage_limits().unwrap().usage_limits_count;
            assert_eq!(count, Some(left), "{version}");
        }
        client.ask(Operation::Get, &request).fails_with(ResultReason::UsageLimitExceeded);
        // What was refused took nothing, and a full disk is no way round a limit.
        let limits = UsageLimits { usage_limits_total: 9, usage_limits_count: None, usage_limits_unit: UsageLimitsUnit::Object };
        let kek = kek_with(&mut client, Mask::WrapKey, vec![Attribute::UsageLimits(limits)]);
        server.trouble.full.store(true, std::sync::atomic::Ordering::SeqCst);
        client.ask(Operation::Get, &wrapped(&key, specification(&kek, None))).fails_with(ResultReason::GeneralFailure);
        server.trouble.full.store(false, std::sync::atomic::Ordering::SeqCst);
    }
}

/// An RSA key pair: the private key, which unwraps, and the public key, which wraps.
fn wrapping_pair(client: &mut Client<'_>) -> (String, String) {
    let active = |mask| template(vec![Attribute::CryptographicUsageMask(mask), Attribute::ActivationDate(DateTime(START - 10))]);
    let common = vec![Attribute::CryptographicAlgorithm(CryptographicAlgorithm::RSA), Attribute::CryptographicLength(2_048)];
    let request = CreateKeyPairRequest {
        common_attributes: Some(template(common)),
        private_key_attributes: Some(active(Mask::UnwrapKey)),
        public_key_attributes: Some(active(Mask::WrapKey)),
        ..create_key_pair()
    };
    let pair: CreateKeyPairResponse = client.ask(Operation::CreateKeyPair, &request).ok();
    (pair.private_key_unique_identifier.0, pair.public_key_unique_identifier.0)
}

fn oaep(public: &str) -> KeyWrappingSpecification {
    let mut asked = specification(public, None);
    let oaep = CryptographicParameters { padding_method: Some(PaddingMethod::OAEP), ..CryptographicParameters::default() };
    asked.encryption_key_information.as_mut().unwrap().cryptographic_parameters = Some(oaep);
    asked
}

#[test]
fn a_public_key_wraps_and_its_private_key_unwraps() {
    for version in with_wrap_type() {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let (private, public) = wrapping_pair(&mut client);
        let key = client.register(symmetric_key(), vec![]);
        let mut object = client.ask(Operation::Get, &wrapped(&key, oaep(&public))).ok::<GetResponse>().object;
        assert_eq!(wrapped_bytes(&object).len(), 256);
        // Either half may be named.
        for named in [public, private] {
            let data = object.key_block_mut().unwrap().key_wrapping_data.as_mut().unwrap();
            data.encryption_key_information.as_mut().unwrap().unique_identifier = ObjectReference::Identifier(named);
            let again = client.register(object.clone(), vec![]);
            let worked = || server.trouble.worked.load(Ordering::SeqCst);
            let before = worked();
            let clear = client.ask(Operation::Get, &not_wrapped(&again)).ok::<GetResponse>().object;
            assert_eq!(clear, symmetric_key(), "{version}");
            assert_eq!(worked(), before + 1, "{version}: no other request waits for a private key");
            client.ask(Operation::Get, &get(Some(&again))).ok::<GetResponse>();
            assert_eq!(worked(), before + 1, "{version}: what is not unwrapped takes no time");
            // It is done once, however often its commit meets another.
            server.trouble.conflicts.store(2, Ordering::SeqCst);
            let other = client.register(object.clone(), vec![]);
            server.trouble.conflicts.store(2, Ordering::SeqCst);
            client.ask(Operation::Get, &not_wrapped(&other)).ok::<GetResponse>();
            assert_eq!(worked(), before + 2, "{version}");
            let import = ImportRequest {
                unique_identifier: "".into(),
                object_type: (!version.is_1x()).then_some(ObjectType::SymmetricKey),
                replace_existing: None,
                key_wrap_type: Some(KeyWrapType::NotWrapped),
                attributes: kmip::attribute::Attributes::default(),
                object: object.clone(),
            };
            let imported = client.ask(Operation::Import, &import).ok::<ImportResponse>().unique_identifier.0;
            assert_eq!(worked(), before + 3, "{version}");
            assert_eq!(client.object(&imported), symmetric_key(), "{version}");
        }
    }
}

#[test]
fn a_key_that_was_changed_while_it_was_unwrapped_is_not_given_out() {
    let version = ProtocolVersion::V2_1;
    let server = Server::new();
    let mut client = server.client("fred", version);
    let (private, public) = wrapping_pair(&mut client);
    let key = client.register(symmetric_key(), vec![]);
    let object = client.ask(Operation::Get, &wrapped(&key, oaep(&public))).ok::<GetResponse>().object;
    let fresh = |client: &mut Client<'_>| client.register(object.clone(), vec![]);
    // What somebody else does with the key or with what unwraps it while the private key is at work.
    let meanwhile = |client: &mut Client<'_>, key: &str, change: &(dyn Fn(&mut Client<'_>) + Sync)| {
        std::thread::scope(|scope| {
            let (started, begun) = std::sync::mpsc::channel();
            let (done, ended) = std::sync::mpsc::channel::<()>();
            let server = &server;
            scope.spawn(move || {
                begun.recv().unwrap();
                change(&mut server.client("fred", version));
                done.send(()).unwrap();
            });
            *server.trouble.meanwhile.lock().unwrap() = Some(Box::new(move || {
                started.send(()).unwrap();
                ended.recv().unwrap();
            }));
            client.ask(Operation::Get, &not_wrapped(key))
        })
    };
    let one = fresh(&mut client);
    let replaced = meanwhile(&mut client, &one, &|client| {
        let request = ImportRequest {
            unique_identifier: one.as_str().into(),
            object_type: Some(ObjectType::SymmetricKey),
            replace_existing: Some(true),
            key_wrap_type: None,
            attributes: kmip::attribute::Attributes::default(),
            object: symmetric_key(),
        };
        client.ask(Operation::Import, &request).ok::<ImportResponse>();
    });
    replaced.fails_with(ResultReason::GeneralFailure);
    // Another change of the key makes the request begin again, and not the private key.
    let two = fresh(&mut client);
    let worked = server.trouble.worked.load(Ordering::SeqCst);
    let changed = meanwhile(&mut client, &two, &|client| {
        client.set(&two, Attribute::Comment("changed".to_owned())).unwrap();
    });
    assert_eq!(changed.ok::<GetResponse>().object, symmetric_key());
    assert_eq!(server.trouble.worked.load(Ordering::SeqCst), worked + 1);
    let three = fresh(&mut client);
    let kept = meanwhile(&mut client, &three, &|client| {
        client.set(&three, Attribute::Extractable(false)).map(drop).unwrap_or_else(|_| {
            client.modify(&three, Attribute::Extractable(false)).unwrap();
        });
    });
    kept.fails_with(ResultReason::NotExtractable);
    let four = fresh(&mut client);
    let destroyed = meanwhile(&mut client, &four, &|client| {
        client.set(&four, Attribute::Comment("changed".to_owned())).unwrap();
        client.revoke(&private, RevocationReasonCode::Superseded).unwrap();
        client.destroy(&private).unwrap();
    });
    destroyed.fails_with(ResultReason::WrappingObjectDestroyed);
}

#[test]
fn a_mac_or_signature_goes_with_the_key() {
    for version in with_wrap_type() {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let kek = kek(&mut client);
        let key = client.register(symmetric_key(), vec![]);
        let active = |mask| vec![Attribute::CryptographicUsageMask(mask), Attribute::ActivationDate(DateTime(START - 10))];
        let mac_key = {
            let mut object = symmetric_key();
            object.key_block_mut().unwrap().cryptographic_algorithm = Some(CryptographicAlgorithm::HMAC_SHA256);
            client.register(object, active(Mask::MACGenerate | Mask::MACVerify))
        };
        let pair = CreateKeyPairRequest {
            private_key_attributes: Some(template(active(Mask::Sign))),
            public_key_attributes: Some(template(active(Mask::Verify))),
            ..create_key_pair()
        };
        let pair: CreateKeyPairResponse = client.ask(Operation::CreateKeyPair, &pair).ok();
        for authenticating in [mac_key, pair.private_key_unique_identifier.0] {
            for method in [WrappingMethod::MACSign, WrappingMethod::EncryptThenMACSign, WrappingMethod::MACSignThenEncrypt] {
                let mut asked = specification(&kek, None);
                asked.wrapping_method = method;
                if method == WrappingMethod::MACSign {
                    asked.encryption_key_information = None;
                }
                client.ask(Operation::Get, &wrapped(&key, asked.clone())).fails_with(ResultReason::InvalidField);
                asked.mac_signature_key_information = Some(MACSignatureKeyInformation {
                    unique_identifier: authenticating.as_str().into(),
                    cryptographic_parameters: None,
                });
                let mut object = client.ask(Operation::Get, &wrapped(&key, asked)).ok::<GetResponse>().object;
                let again = client.register(object.clone(), vec![]);
                let clear = client.ask(Operation::Get, &not_wrapped(&again)).ok::<GetResponse>().object;
                assert_eq!(clear, symmetric_key(), "{version} {method:?}");
                let data = object.key_block_mut().unwrap().key_wrapping_data.as_mut().unwrap();
                data.mac_signature.as_mut().unwrap().0[3] ^= 1;
                let forged = client.register(object.clone(), vec![]);
                client.ask(Operation::Get, &not_wrapped(&forged)).fails_with(ResultReason::CryptographicFailure);
            }
        }
        // A MAC hides nothing.
        let sensitive = client.create(aes_and([Attribute::Sensitive(true)]));
        let mut asked = specification(&kek, None);
        asked.wrapping_method = WrappingMethod::MACSign;
        asked.mac_signature_key_information =
            Some(MACSignatureKeyInformation { unique_identifier: kek.as_str().into(), cryptographic_parameters: None });
        client.ask(Operation::Get, &wrapped(&sensitive, asked)).fails_with(ResultReason::Sensitive);
    }
}

#[test]
fn a_ticket_has_to_reach_the_wrapping_key() {
    let version = ProtocolVersion::V2_1;
    let server = Server::new();
    let mut client = server.client("fred", version);
    let kek = kek(&mut client);
    let key = client.create(aes());
    let request = wrapped(&key, specification(&kek, None));
    for (objects, allowed) in [(vec![key.as_str()], false), (vec![key.as_str(), kek.as_str()], true)] {
        let right = kmip::structures::Right {
            usage_limits: None,
            operations: None,
            objects: crate::tickets::objects(&objects),
            object_groups: None,
        };
        let ticket = crate::tickets::delegate(&mut client, vec![right]);
        let answer = crate::tickets::ask(&mut client, &ticket, Operation::Get, &request);
        match allowed {
            true => drop(answer.ok::<GetResponse>()),
            false => answer.fails_with(ResultReason::NotAuthorised),
        }
    }
}

/// What becomes of a request whose key is in a state: of each use, one line.
#[rustfmt::skip]
const USES: [(&str, [Option<ResultReason>; 6]); 3] = {
    use ResultReason as R;
    const WRONG: Option<ResultReason> = Some(R::WrongKeyLifecycleState);
    const GONE: Option<ResultReason> = Some(R::WrappingObjectDestroyed);
    [
        //            Pre-Active Active Deactivated Compromised Destroyed Destroyed Compromised
        ("wrap",     [WRONG,     None,  WRONG,      WRONG,      GONE,     GONE]),
        // What is under a key that is out of use is not lost.
        ("unwrap",   [WRONG,     None,  None,       None,       GONE,     GONE]),
        ("import",   [WRONG,     None,  None,       None,       GONE,     GONE]),
    ]
};

#[test]
fn the_state_of_the_key_decides() {
    use kmip::enumerations::State;
    const STATES: [State; 6] =
        [State::PreActive, State::Active, State::Deactivated, State::Compromised, State::Destroyed, State::DestroyedCompromised];
    for version in with_wrap_type() {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes());
        for (of, line) in USES {
            for (state, expected) in STATES.into_iter().zip(line) {
                let kek = client.register(kek_object(), vec![Attribute::CryptographicUsageMask(Mask::WrapKey | Mask::UnwrapKey)]);
                let object = wrapped_object(&kek, KEY, Some(EncodingOption::NoEncoding));
                let under = client.register(object.clone(), vec![]);
                if matches!(state, State::Active | State::Deactivated) {
                    client.activate(&kek).unwrap();
                }
                if state == State::Deactivated {
                    client.revoke(&kek, RevocationReasonCode::Superseded).unwrap();
                }
                if matches!(state, State::Compromised | State::DestroyedCompromised) {
                    client.revoke(&kek, RevocationReasonCode::KeyCompromise).unwrap();
                }
                if matches!(state, State::Destroyed | State::DestroyedCompromised) {
                    client.destroy(&kek).unwrap();
                }
                let answer = match of {
                    "wrap" => client.ask(Operation::Get, &wrapped(&key, specification(&kek, None))),
                    "unwrap" => client.ask(Operation::Get, &not_wrapped(&under)),
                    _ => {
                        let request = ImportRequest {
                            unique_identifier: "".into(),
                            object_type: (!version.is_1x()).then_some(ObjectType::SymmetricKey),
                            replace_existing: None,
                            key_wrap_type: Some(KeyWrapType::NotWrapped),
                            attributes: kmip::attribute::Attributes::default(),
                            object,
                        };
                        client.ask(Operation::Import, &request)
                    }
                };
                let expected = expected.map(|reason| reason.at(version));
                assert_eq!(answer.reason, expected, "{version} {of} {state:?}: {:?}", answer.message);
            }
        }
    }
}

#[test]
fn the_server_makes_nothing_in_place_of_a_wrapped_key() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let kek = kek(&mut client);
        let key = client.register(wrapped_object(&kek, KEY, None), vec![]);
        assert_eq!(client.re_key(&key), Err(ResultReason::PermissionDenied), "{version}");
    }
}

/// PyKMIP cannot give a key Cryptographic Parameters, and reads what is wrapped in a structure alone.
#[test]
fn a_wrapping_key_without_parameters_gives_what_pykmip_reads() {
    for version in with_encoding() {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let kek = kek_with(&mut client, Mask::WrapKey, vec![]);
        let key = client.register(symmetric_key(), vec![]);
        let request = wrapped(&key, specification(&kek, Some(EncodingOption::NoEncoding)));
        let object = client.ask(Operation::Get, &request).ok::<GetResponse>().object;
        let bytes = match block(&object).key_value.as_ref().unwrap() {
            KeyValue::Plain(PlainKeyValue { key_material: KeyMaterial::Bytes(bytes), attributes: None }) => {
                assert!(version <= ProtocolVersion::V2_0, "{version}");
                bytes
            }
            KeyValue::Wrapped(bytes) => {
                assert!(version > ProtocolVersion::V2_0, "{version}");
                bytes
            }
            KeyValue::Plain(_) => panic!("{version}: what is this?"),
        };
        let opened = crypto::unwrap(&mode(BlockCipherMode::NISTKeyWrap), &KEK, bytes.expose(), None).unwrap();
        assert_eq!(opened.expose(), KEY, "{version}");
    }
}
