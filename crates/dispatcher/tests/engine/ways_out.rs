//! Ways to have a key that must not leave the server, to use one more than it allows, or to have the server work without end: what a
//! hostile client tries.

use std::sync::atomic::Ordering;

use dispatcher::{Settings, StreamSettings};
use kmip::attribute::Attribute;
use kmip::codec::{ByteString, DateTime};
use kmip::enumerations::{
    AsynchronousIndicator, BatchErrorContinuationOption, BlockCipherMode, CryptographicAlgorithm, DerivationMethod,
    HashingAlgorithm, KeyFormatType, ObjectType, ResultStatus, RevocationReasonCode, SecretDataType, SplitKeyMethod,
    UsageLimitsUnit,
};
use kmip::masks::CryptographicUsageMask as Mask;
use kmip::message::AsynchronousPreference;
use kmip::object::{KeyMaterial, KeyValue, ManagedObject, SecretData};
use kmip::operation::Operation;
use kmip::payload::create_key_pair::CreateKeyPairResponse;
use kmip::payload::create_split_key::{CreateSplitKeyRequest, CreateSplitKeyResponse};
use kmip::payload::derive_key::{DeriveKeyRequest, DeriveKeyResponse};
use kmip::payload::join_split_key::{JoinSplitKeyRequest, JoinSplitKeyResponse};
use kmip::payload::mac::{MACRequest, MACResponse};
use kmip::payload::poll::PollRequest;
use kmip::result_reason::ResultReason;
use kmip::structures::{CryptographicParameters, Data, DerivationParameters};
use kmip::{ProtocolVersion, Secret};

use crate::client::{Client, Request, create_key_pair, get, object, template};
use crate::key_use::{left, limits};
use crate::objects::block;
use crate::server::{START, Server, block_on};
use crate::services::{ALL, Ask, hmac, key, mode, sequence, serve};

/// The versions in which a key can be kept on the server.
const VERSIONS: [ProtocolVersion; 3] = [ProtocolVersion::V1_4, ProtocolVersion::V2_0, ProtocolVersion::V2_1];

fn active(mask: Mask) -> Vec<Attribute> {
    vec![Attribute::CryptographicUsageMask(mask), Attribute::ActivationDate(DateTime(START - 1))]
}

fn secret(client: &mut Client<'_>, bytes: &[u8], attributes: Vec<Attribute>) -> String {
    let key_block = block(KeyFormatType::Opaque, bytes, None);
    let secret = SecretData { secret_data_type: SecretDataType::Password, key_block };
    client.register(ManagedObject::SecretData(secret), attributes)
}

fn pad() -> CryptographicParameters {
    CryptographicParameters {
        cryptographic_algorithm: Some(CryptographicAlgorithm::OneTimePad),
        ..CryptographicParameters::default()
    }
}

#[test]
fn a_secret_is_no_pad_because_a_request_says_so() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let mut attributes = active(Mask::Encrypt | Mask::Decrypt);
        attributes.push(Attribute::Extractable(false));
        let kept = secret(&mut client, b"correct horse", attributes);
        let zeros = Ask::of(&kept).with(pad()).data(&[0; 13]);
        for operation in [Operation::Encrypt, Operation::Decrypt] {
            let refused = serve(&mut client, operation, &zeros).unwrap_err();
            assert_eq!(refused, ResultReason::BadCryptographicParameters.at(version), "{version} {operation:?}");
        }
        // Cryptographic Parameters are for a client to add. They make no pad either.
        client.add(&kept, Attribute::CryptographicParameters(pad())).unwrap();
        let refused = serve(&mut client, Operation::Encrypt, &Ask::of(&kept).data(&[0; 13])).unwrap_err();
        assert_eq!(refused, ResultReason::BadCryptographicParameters.at(version), "{version}");
    }
}

fn splitting(key: &str) -> CreateSplitKeyRequest {
    CreateSplitKeyRequest {
        object_type: ObjectType::SplitKey,
        unique_identifier: object(Some(key)),
        split_key_parts: 2,
        split_key_threshold: 2,
        split_key_method: SplitKeyMethod::XOR,
        prime_field_size: None,
        attributes: template(vec![]),
        protection_storage_masks: None,
    }
}

fn parts_of(client: &mut Client<'_>, key: &str) -> Vec<String> {
    let response: CreateSplitKeyResponse = client.ask(Operation::CreateSplitKey, &splitting(key)).ok();
    response.unique_identifiers.into_iter().map(|identifier| identifier.0).collect()
}

fn joining(parts: &[String], object_type: ObjectType, attributes: Vec<Attribute>) -> JoinSplitKeyRequest {
    JoinSplitKeyRequest {
        object_type,
        unique_identifiers: parts.iter().map(|part| part.as_str().into()).collect(),
        secret_data_type: None,
        attributes: Some(template(attributes)),
        protection_storage_masks: None,
    }
}

#[test]
fn parts_make_a_key_for_no_more_than_the_key_was_for() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let kept = key(&mut client, &sequence(16), Mask::Encrypt, vec![Attribute::Extractable(false)]);
        let parts = parts_of(&mut client, &kept);
        let of = |algorithm| vec![Attribute::CryptographicAlgorithm(algorithm)];
        let with_mask = |mask| vec![Attribute::CryptographicUsageMask(mask)];
        // As a pad, the key would encrypt zeros: that is the key.
        for (object_type, attributes) in [
            (ObjectType::SecretData, of(CryptographicAlgorithm::OneTimePad)),
            (ObjectType::SymmetricKey, of(CryptographicAlgorithm::Camellia)),
            (ObjectType::SymmetricKey, with_mask(Mask::Encrypt | Mask::Decrypt)),
            (ObjectType::SymmetricKey, with_mask(Mask::DeriveKey)),
        ] {
            let request = joining(&parts, object_type, attributes);
            client.ask(Operation::JoinSplitKey, &request).fails_with(ResultReason::PermissionDenied);
        }
        let request = joining(&parts, ObjectType::SymmetricKey, vec![]);
        let again: JoinSplitKeyResponse = client.ask(Operation::JoinSplitKey, &request).ok();
        let mask = client.attributes(&again.unique_identifier.0).cryptographic_usage_mask().copied();
        assert_eq!(mask, Some(Mask::Encrypt), "{version}");
        // The control: who can have the key anyway can have it for anything.
        let free = key(&mut client, &sequence(16), Mask::Encrypt, vec![]);
        let parts = parts_of(&mut client, &free);
        let request = joining(&parts, ObjectType::SymmetricKey, with_mask(Mask::Encrypt | Mask::Decrypt));
        client.ask(Operation::JoinSplitKey, &request).ok::<JoinSplitKeyResponse>();
    }
}

#[test]
fn parts_are_no_way_round_the_limits_of_a_key() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let limiting = [
            limits(16, UsageLimitsUnit::Byte),
            Attribute::ProcessStartDate(DateTime(START + 10)),
            Attribute::ProtectStopDate(DateTime(START + 10)),
            Attribute::DeactivationDate(DateTime(START + 10)),
        ];
        for keeps in [Attribute::Extractable(false), Attribute::Sensitive(true)] {
            for limit in &limiting {
                let limited = key(&mut client, &sequence(16), ALL, vec![limit.clone(), keeps.clone()]);
                client.ask(Operation::CreateSplitKey, &splitting(&limited)).fails_with(ResultReason::PermissionDenied);
            }
            let old = key(&mut client, &sequence(16), ALL, vec![keeps]);
            parts_of(&mut client, &old);
            client.revoke(&old, RevocationReasonCode::Superseded).unwrap();
            client.ask(Operation::CreateSplitKey, &splitting(&old)).fails_with(ResultReason::PermissionDenied);
        }
        for limit in &limiting {
            let limited = key(&mut client, &sequence(16), ALL, vec![limit.clone()]);
            parts_of(&mut client, &limited);
        }
    }
}

#[test]
fn a_secret_is_not_encrypted_into_a_key_that_leaves() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let mine = key(&mut client, &sequence(16), Mask::DeriveKey | Mask::Decrypt, vec![]);
        let request = |beside: &str| DeriveKeyRequest {
            object_type: ObjectType::SecretData,
            unique_identifiers: vec![mine.as_str().into(), beside.into()],
            derivation_method: DerivationMethod::ENCRYPT,
            derivation_parameters: DerivationParameters {
                cryptographic_parameters: Some(mode(BlockCipherMode::ECB)),
                ..DerivationParameters::default()
            },
            attributes: template(vec![Attribute::CryptographicLength(128)]),
        };
        for keeps in [Attribute::Sensitive(true), Attribute::Extractable(false)] {
            let mut attributes = active(Mask::DeriveKey);
            attributes.push(keeps);
            let kept = secret(&mut client, b"sixteen bytes it", attributes);
            client.ask(Operation::DeriveKey, &request(&kept)).fails_with(ResultReason::PermissionDenied);
        }
        // The control: it would have been the secret, for whoever has the key.
        let open = secret(&mut client, b"sixteen bytes it", active(Mask::DeriveKey));
        let derived = client.ask(Operation::DeriveKey, &request(&open)).ok::<DeriveKeyResponse>().unique_identifier.0;
        let object = client.object(&derived);
        let Some(KeyValue::Plain(plain)) = &object.key_block().unwrap().key_value else { panic!("wrapped") };
        let KeyMaterial::Bytes(bytes) = &plain.key_material else { panic!("a structure") };
        let ask = Ask::of(&mine).with(mode(BlockCipherMode::ECB)).data(bytes.expose());
        let opened = serve(&mut client, Operation::Decrypt, &ask).unwrap();
        assert_eq!(opened.data.as_deref(), Some(&b"sixteen bytes it"[..]), "{version}");
    }
}

fn mac(key: &str) -> MACRequest {
    MACRequest {
        unique_identifier: Some(key.into()),
        cryptographic_parameters: Some(hmac()),
        data: Some(Data::Bytes(Secret::from_slice(&[1; 16]))),
        correlation_value: None,
        init_indicator: None,
        final_indicator: None,
    }
}

/// Two codes and a key, and then something that fails.
fn doomed(client: &Client<'_>, limited: &str, free: &str) -> Request {
    let request = client
        .request()
        .header(|header| header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Undo))
        .item(Operation::MAC, &mac(limited))
        .item(Operation::MAC, &mac(free))
        .item(Operation::MAC, &mac(limited))
        .item(Operation::Get, &get(Some(free)));
    request.item(Operation::Get, &get(Some("nobody")))
}

#[test]
fn what_a_limit_gets_back_is_not_given_out() {
    for version in [ProtocolVersion::V1_2, ProtocolVersion::V1_4, ProtocolVersion::V2_0, ProtocolVersion::V2_1] {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let limited = key(&mut client, &sequence(16), ALL, vec![limits(32, UsageLimitsUnit::Byte)]);
        let free = key(&mut client, &sequence(16), ALL, vec![]);
        for _ in 0..3 {
            let items = client.send(doomed(&client, &limited, &free)).items;
            let given: Vec<bool> = items.iter().map(|item| item.payload.is_some()).collect();
            assert_eq!(given, [false, true, false, true, false], "{version}");
            assert!(items[..4].iter().all(|item| item.status == ResultStatus::OperationUndone), "{version}");
            assert_eq!(items[1].payload::<MACResponse>().unique_identifier.0, free);
            assert_eq!(left(&mut client, &limited), 32, "{version}");
        }
        // The control: what is not undone is counted and given out.
        let request = client.request().item(Operation::MAC, &mac(&limited)).item(Operation::MAC, &mac(&limited));
        for item in client.send(request).items {
            item.ok::<MACResponse>();
        }
        assert_eq!(left(&mut client, &limited), 0, "{version}");
    }
}

#[test]
fn nor_is_it_given_out_later() {
    let server = Server::new();
    let mut client = server.client("fred", ProtocolVersion::V2_1);
    let limited = key(&mut client, &sequence(16), ALL, vec![limits(32, UsageLimitsUnit::Byte)]);
    let free = key(&mut client, &sequence(16), ALL, vec![]);
    let request = doomed(&client, &limited, &free)
        .header(|header| header.asynchronous_indicator = Some(AsynchronousPreference(AsynchronousIndicator::Mandatory)));
    let accepted = client.send(request).items;
    assert_eq!(block_on(server.engine.work_off()), 1);
    let mut given = Vec::new();
    for item in accepted {
        let poll = PollRequest { asynchronous_correlation_value: item.correlation_value.unwrap() };
        let request = client.request().item(Operation::Poll, &poll);
        given.push(client.send(request).items[0].payload.is_some());
    }
    assert_eq!(given, [false, true, false, true, false]);
    assert_eq!(left(&mut client, &limited), 32);
}

#[test]
fn a_message_that_is_kept_whole_is_counted() {
    let streams = StreamSettings { stream_memory: 1_000, ..StreamSettings::default() };
    let server = Server::with(Settings { streams, ..Settings::default() });
    let mut client = server.client("fred", ProtocolVersion::V2_1);
    let mut request = create_key_pair();
    request.common_attributes = Some(template(vec![Attribute::CryptographicAlgorithm(CryptographicAlgorithm::Ed25519)]));
    request.private_key_attributes = Some(template(active(Mask::Sign)));
    request.public_key_attributes = Some(template(active(Mask::Verify)));
    let pair: CreateKeyPairResponse = client.ask(Operation::CreateKeyPair, &request).ok();
    for (operation, key) in [
        (Operation::Sign, &pair.private_key_unique_identifier.0),
        (Operation::SignatureVerify, &pair.public_key_unique_identifier.0),
    ] {
        let proof = (operation == Operation::SignatureVerify).then(|| vec![0; 64]);
        let begin = Ask { init: Some(true), proof, ..Ask::of(key).data(&[1; 600]) };
        let begun = serve(&mut client, operation, &begin).unwrap();
        let more = Ask { correlation: begun.correlation, ..Ask::default() }.data(&[1; 600]);
        let refused = serve(&mut client, operation, &more).unwrap_err();
        assert_eq!(refused, ResultReason::ServerLimitExceeded, "{operation:?}");
    }
}

#[test]
fn a_derivation_is_not_more_work_than_is_allowed() {
    let server = Server::with(Settings { derivation_iterations: 1_000, ..Settings::default() });
    let mut client = server.client("fred", ProtocolVersion::V2_1);
    let base = key(&mut client, &sequence(16), Mask::DeriveKey, vec![]);
    let ask = |client: &mut Client<'_>, method, salt: usize, data: usize, block_cipher_mode| {
        let request = DeriveKeyRequest {
            object_type: ObjectType::SecretData,
            unique_identifiers: vec![base.as_str().into()],
            derivation_method: method,
            derivation_parameters: DerivationParameters {
                cryptographic_parameters: Some(CryptographicParameters {
                    hashing_algorithm: Some(HashingAlgorithm::SHA_256),
                    block_cipher_mode,
                    ..CryptographicParameters::default()
                }),
                salt: (salt > 0).then(|| ByteString(vec![1; salt])),
                iteration_count: (method == DerivationMethod::PBKDF2).then_some(1),
                derivation_data: if data > 0 { vec![Secret::new(vec![1; data])] } else { vec![] },
                ..DerivationParameters::default()
            },
            // Eight blocks of SHA-256.
            attributes: template(vec![Attribute::CryptographicLength(8 * 256)]),
        };
        client.ask(Operation::DeriveKey, &request)
    };
    let cmac = Some(BlockCipherMode::CMAC);
    for (method, salt, data, mode, allowed) in [
        (DerivationMethod::PBKDF2, 1_000, 0, None, true),
        (DerivationMethod::PBKDF2, 10_000, 0, None, false),
        (DerivationMethod::HKDF, 8, 1_000, None, true),
        (DerivationMethod::HKDF, 8, 10_000, None, false),
        (DerivationMethod::NIST800_108_C, 0, 1_000, None, true),
        (DerivationMethod::NIST800_108_C, 0, 10_000, None, false),
        (DerivationMethod::NIST800_108_DPI, 0, 10_000, None, false),
        (DerivationMethod::NIST800_108_C, 0, 500, cmac, true),
        (DerivationMethod::NIST800_108_C, 0, 1_000, cmac, false),
    ] {
        let answer = ask(&mut client, method, salt, data, mode);
        if allowed {
            answer.ok::<DeriveKeyResponse>();
        } else {
            answer.fails_with(ResultReason::InvalidField);
        }
    }
    assert!(server.trouble.worked.load(Ordering::SeqCst) > 0);
}
