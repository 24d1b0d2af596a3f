//! What a key may be used for, how its uses are counted and recorded, and what the other items of a batch have of them.

use std::sync::atomic::Ordering;

use dispatcher::{RngSeed, Settings};
use kmip::ProtocolVersion;
use kmip::Secret;
use kmip::attribute::Attribute;
use kmip::codec::DateTime;
use kmip::enumerations::{
    BatchErrorContinuationOption, BlockCipherMode, CryptographicAlgorithm, DataEnumeration, KeyFormatType, ResultStatus,
    RevocationReasonCode, SecretDataType, UsageLimitsUnit,
};
use kmip::masks::CryptographicUsageMask as Mask;
use kmip::object::{KeyBlock, KeyMaterial, KeyValue, ManagedObject, PlainKeyValue, SecretData, SymmetricKey};
use kmip::operation::Operation;
use kmip::payload::decrypt::{DecryptRequest, DecryptResponse};
use kmip::payload::encrypt::{EncryptRequest, EncryptResponse};
use kmip::payload::mac::{MACRequest, MACResponse};
use kmip::payload::rng_retrieve::{RNGRetrieveRequest, RNGRetrieveResponse};
use kmip::payload::rng_seed::{RNGSeedRequest, RNGSeedResponse};
use kmip::result_reason::ResultReason;
use kmip::structures::{CryptographicParameters, Data, UsageLimits};

use crate::client::Client;
use crate::concurrency::together;
use crate::server::{START, Server};
use crate::services::{ALL, Ask, VERSIONS, WITH_KEY, block, hmac, key, mode, sequence, serve, signature};

/// A request that would succeed with a fitting key.
pub(crate) fn fitting(operation: Operation, key: &str) -> Ask {
    let parameters = match operation {
        Operation::Encrypt | Operation::Decrypt => mode(BlockCipherMode::ECB),
        Operation::Sign | Operation::SignatureVerify => signature(),
        _ => hmac(),
    };
    let verifies = matches!(operation, Operation::SignatureVerify | Operation::MACVerify);
    Ask { proof: verifies.then(|| vec![1; 32]), ..Ask::of(key).with(parameters).data(&[1; 16]) }
}

#[test]
fn a_key_is_used_as_its_mask_and_its_type_allow() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let masks = [
            (Operation::Encrypt, Mask::Encrypt),
            (Operation::Decrypt, Mask::Decrypt),
            (Operation::MAC, Mask::MACGenerate),
            (Operation::MACVerify, Mask::MACVerify),
        ];
        for (allowed, mask) in masks {
            let key = key(&mut client, &sequence(16), mask, vec![]);
            for (operation, _) in masks {
                let got = serve(&mut client, operation, &fitting(operation, &key));
                if operation == allowed {
                    got.unwrap();
                } else {
                    assert_eq!(got.unwrap_err(), ResultReason::IncompatibleCryptographicUsageMask.at(version), "{version}");
                }
            }
            let wrong = if version.is_1x() { ResultReason::PermissionDenied } else { ResultReason::InvalidObjectType };
            for operation in [Operation::Sign, Operation::SignatureVerify] {
                assert_eq!(serve(&mut client, operation, &fitting(operation, &key)).unwrap_err(), wrong, "{version}");
            }
        }
        for operation in WITH_KEY {
            let nobody = serve(&mut client, operation, &fitting(operation, "nobody")).unwrap_err();
            assert_eq!(nobody, ResultReason::ObjectNotFound.at(version));
        }
        // What is sensitive and must not leave the server can be used: that is what it is here for.
        if version >= ProtocolVersion::V1_4 {
            let kept = vec![Attribute::Sensitive(true), Attribute::Extractable(false)];
            let key = key(&mut client, &sequence(16), ALL, kept);
            serve(&mut client, Operation::Encrypt, &fitting(Operation::Encrypt, &key)).unwrap();
        }
    }
}

#[test]
fn dates_open_and_close_a_key() {
    for version in VERSIONS {
        let wrong = ResultReason::WrongKeyLifecycleState.at(version);
        let server = Server::new();
        let mut client = server.client("fred", version);
        let dates = vec![Attribute::ProcessStartDate(DateTime(START + 10)), Attribute::ProtectStopDate(DateTime(START + 20))];
        let key = key(&mut client, &sequence(16), ALL, dates);
        for (time, protects, processes) in
            [(START, true, false), (START + 9, true, false), (START + 10, true, true), (START + 20, false, true)]
        {
            server.set_time(time);
            for (operation, allowed) in [
                (Operation::Encrypt, protects),
                (Operation::MAC, protects),
                (Operation::Decrypt, processes),
                (Operation::MACVerify, processes),
            ] {
                let got = serve(&mut client, operation, &fitting(operation, &key)).map(drop);
                assert_eq!(got, if allowed { Ok(()) } else { Err(wrong) }, "{version} {time} {operation:?}");
            }
        }
    }
}

#[test]
fn the_parameters_of_a_key_are_those_it_is_used_with() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let own = vec![
            Attribute::CryptographicParameters(mode(BlockCipherMode::CBC)),
            Attribute::CryptographicParameters(mode(BlockCipherMode::CTR)),
        ];
        let key = key(&mut client, &sequence(16), ALL, own);
        let with = |parameters: Option<CryptographicParameters>| Ask {
            parameters,
            iv: Some(vec![1; 16]),
            ..Ask::of(&key).data(&sequence(16))
        };
        let mut encrypt = |parameters| serve(&mut client, Operation::Encrypt, &with(parameters)).map(|got| got.data);
        let cbc = encrypt(Some(mode(BlockCipherMode::CBC))).unwrap();
        let ctr = encrypt(Some(mode(BlockCipherMode::CTR))).unwrap();
        assert_ne!(cbc, ctr);
        assert_eq!(encrypt(None).unwrap(), cbc, "{version}: the first of them");
        assert_eq!(encrypt(Some(CryptographicParameters::default())).unwrap(), cbc, "{version}");
        let bad = Err(ResultReason::BadCryptographicParameters.at(version));
        assert_eq!(encrypt(Some(mode(BlockCipherMode::OFB))), bad, "{version}: none of them");
        let camellia = CryptographicParameters {
            cryptographic_algorithm: Some(CryptographicAlgorithm::Camellia),
            ..mode(BlockCipherMode::CBC)
        };
        assert_eq!(encrypt(Some(camellia)), bad, "{version}: it is an AES key");
    }
}

pub(crate) fn limits(total: i64, usage_limits_unit: UsageLimitsUnit) -> Attribute {
    Attribute::UsageLimits(UsageLimits { usage_limits_total: total, usage_limits_count: None, usage_limits_unit })
}

pub(crate) fn left(client: &mut Client<'_>, key: &str) -> i64 {
    client.attributes(key).usage_limits().unwrap().usage_limits_count.unwrap()
}

#[test]
fn what_protects_is_counted() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        for (unit, each) in [(UsageLimitsUnit::Byte, 16), (UsageLimitsUnit::Object, 1)] {
            let key = key(&mut client, &sequence(16), ALL, vec![limits(3 * each, unit)]);
            serve(&mut client, Operation::Decrypt, &fitting(Operation::Decrypt, &key)).unwrap();
            serve(&mut client, Operation::MACVerify, &fitting(Operation::MACVerify, &key)).unwrap();
            assert_eq!(left(&mut client, &key), 3 * each, "{version}: what processes is not");
            serve(&mut client, Operation::Encrypt, &fitting(Operation::Encrypt, &key)).unwrap();
            serve(&mut client, Operation::MAC, &fitting(Operation::MAC, &key)).unwrap();
            client.allocate(&key, each).unwrap();
            assert_eq!(left(&mut client, &key), 0, "{version}");
            let denied = serve(&mut client, Operation::Encrypt, &fitting(Operation::Encrypt, &key)).unwrap_err();
            assert_eq!(denied, ResultReason::PermissionDenied, "{version}");
            let exceeded = serve(&mut client, Operation::MAC, &fitting(Operation::MAC, &key)).unwrap_err();
            assert_eq!(exceeded, ResultReason::UsageLimitExceeded.at(version), "{version}");
            serve(&mut client, Operation::Decrypt, &fitting(Operation::Decrypt, &key)).unwrap();
        }
        // What fails costs nothing.
        let key = key(&mut client, &sequence(16), ALL, vec![limits(16, UsageLimitsUnit::Byte)]);
        let odd = Ask::of(&key).with(mode(BlockCipherMode::ECB)).data(&[1; 15]);
        serve(&mut client, Operation::Encrypt, &odd).unwrap_err();
        assert_eq!(left(&mut client, &key), 16, "{version}");
        // A full disk cannot take what is used, so that nothing is.
        server.trouble.full.store(true, Ordering::SeqCst);
        serve(&mut client, Operation::Encrypt, &fitting(Operation::Encrypt, &key)).unwrap_err();
        server.trouble.full.store(false, Ordering::SeqCst);
        assert_eq!(left(&mut client, &key), 16, "{version}");
    }
}

#[test]
fn a_limit_is_not_overdrawn_by_many_at_once() {
    for version in [ProtocolVersion::V1_2, ProtocolVersion::V2_1] {
        let server = Server::new();
        let key = key(&mut server.client("fred", version), &sequence(16), ALL, vec![limits(100 * 16 + 8, UsageLimitsUnit::Byte)]);
        let done = together(&server, version, |_, client| {
            let mut done = 0;
            for _ in 0..25 {
                match serve(client, Operation::Encrypt, &fitting(Operation::Encrypt, &key)) {
                    Ok(_) => done += 1,
                    Err(reason) => assert_eq!(reason, ResultReason::PermissionDenied, "{version}"),
                }
            }
            done
        });
        assert_eq!(done.into_iter().sum::<usize>(), 100, "{version}");
        assert_eq!(left(&mut server.client("fred", version), &key), 8, "{version}");
    }
}

#[test]
fn a_limit_is_one_for_two_servers() {
    let version = ProtocolVersion::V2_1;
    let servers = Server::several(2);
    let key = key(&mut servers[0].client("fred", version), &sequence(16), ALL, vec![limits(60, UsageLimitsUnit::Object)]);
    let done: usize = std::thread::scope(|scope| {
        let run = |number: usize| {
            let (server, key) = (&servers[number % 2], &key);
            scope.spawn(move || {
                let mut client = server.client("fred", version);
                let ask = fitting(Operation::MAC, key);
                (0..20).filter(|_| serve(&mut client, Operation::MAC, &ask).is_ok()).count()
            })
        };
        let threads: Vec<_> = (0..6).map(run).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(done, 60);
    assert_eq!(left(&mut servers[1].client("fred", version), &key), 0);
}

#[test]
fn a_wrapped_or_absent_key_is_not_used() {
    let version = ProtocolVersion::V2_1;
    let server = Server::new();
    let mut client = server.client("fred", version);
    let attributes = || vec![Attribute::CryptographicUsageMask(ALL), Attribute::ActivationDate(DateTime(START - 1))];
    let key_block = |key_value, key_wrapping_data| KeyBlock {
        key_value,
        key_wrapping_data,
        ..block(KeyFormatType::Raw, &sequence(16), Some(CryptographicAlgorithm::AES))
    };
    let under = key(&mut client, &[9; 16], Mask::WrapKey | Mask::UnwrapKey, vec![]);
    let wrapping = kmip::structures::KeyWrappingData {
        wrapping_method: kmip::enumerations::WrappingMethod::Encrypt,
        encryption_key_information: Some(kmip::structures::EncryptionKeyInformation {
            unique_identifier: under.as_str().into(),
            cryptographic_parameters: Some(mode(BlockCipherMode::NISTKeyWrap)),
        }),
        mac_signature_key_information: None,
        mac_signature: None,
        iv_counter_nonce: None,
        encoding_option: Some(kmip::enumerations::EncodingOption::NoEncoding),
    };
    let bytes = KeyMaterial::Bytes(Secret::from_slice(&sequence(16)));
    let plain = KeyValue::Plain(PlainKeyValue { key_material: bytes, attributes: None });
    for (value, wrapped, reason) in [
        (Some(plain), Some(wrapping.clone()), ResultReason::PermissionDenied),
        (Some(KeyValue::Wrapped(Secret::from_slice(&sequence(24)))), Some(wrapping), ResultReason::PermissionDenied),
        (None, None, ResultReason::KeyValueNotPresent),
    ] {
        let key = ManagedObject::SymmetricKey(SymmetricKey { key_block: key_block(value, wrapped) });
        let key = client.register(key, attributes());
        for operation in [Operation::Encrypt, Operation::Decrypt, Operation::MAC, Operation::MACVerify] {
            assert_eq!(serve(&mut client, operation, &fitting(operation, &key)).unwrap_err(), reason, "{operation:?}");
        }
    }
}

#[test]
fn a_one_time_pad_is_no_shorter_than_the_data() {
    for version in [ProtocolVersion::V1_3, ProtocolVersion::V1_4, ProtocolVersion::V2_1] {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key_block = block(KeyFormatType::Opaque, &[0xF0; 20], None);
        let pad = SecretData { secret_data_type: SecretDataType::Password, key_block };
        let attributes = |algorithm: Option<CryptographicAlgorithm>| {
            let mut attributes = vec![
                Attribute::CryptographicUsageMask(Mask::Encrypt | Mask::Decrypt),
                Attribute::ActivationDate(DateTime(START - 1)),
            ];
            attributes.extend(algorithm.map(Attribute::CryptographicAlgorithm));
            attributes
        };
        let of_pad = ManagedObject::SecretData(pad);
        let other = client.register(of_pad.clone(), attributes(None));
        let pad = client.register(of_pad, attributes(Some(CryptographicAlgorithm::OneTimePad)));
        let got = serve(&mut client, Operation::Encrypt, &Ask::of(&pad).data(&[0xFF; 20])).unwrap();
        assert_eq!(got.data, Some(vec![0x0F; 20]), "{version}");
        let got = serve(&mut client, Operation::Decrypt, &Ask::of(&pad).data(&[0x0F; 20])).unwrap();
        assert_eq!(got.data, Some(vec![0xFF; 20]), "{version}");
        let long = serve(&mut client, Operation::Encrypt, &Ask::of(&pad).data(&[0xFF; 21])).unwrap_err();
        assert_eq!(long, ResultReason::BadCryptographicParameters.at(version));
        let no_pad = serve(&mut client, Operation::Encrypt, &Ask::of(&other).data(&[0xFF; 2])).unwrap_err();
        let wrong = if version.is_1x() { ResultReason::PermissionDenied } else { ResultReason::InvalidObjectType };
        assert_eq!(no_pad, wrong, "{version}");
    }
}

#[test]
fn a_later_item_uses_the_result_of_an_earlier_one() {
    for version in [ProtocolVersion::V2_0, ProtocolVersion::V2_1] {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = key(&mut client, &sequence(16), ALL, vec![]);
        let clear = sequence(16);
        let encrypt = EncryptRequest {
            unique_identifier: Some(key.as_str().into()),
            cryptographic_parameters: Some(mode(BlockCipherMode::ECB)),
            data: Some(Data::Bytes(Secret::from_slice(&clear))),
            iv_counter_nonce: None,
            correlation_value: None,
            init_indicator: None,
            final_indicator: None,
            authenticated_encryption_additional_data: None,
        };
        let decrypt = |data| DecryptRequest {
            unique_identifier: Some(key.as_str().into()),
            cryptographic_parameters: Some(mode(BlockCipherMode::ECB)),
            data: Some(data),
            iv_counter_nonce: None,
            correlation_value: None,
            init_indicator: None,
            final_indicator: None,
            authenticated_encryption_additional_data: None,
            authenticated_encryption_tag: None,
        };
        let request = client
            .request()
            .header(|header| header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Continue))
            .item(Operation::Encrypt, &encrypt)
            .item(Operation::RNGRetrieve, &RNGRetrieveRequest { data_length: 16 })
            .item(Operation::Decrypt, &decrypt(Data::Enumeration(DataEnumeration::Encrypt)))
            .item(Operation::Decrypt, &decrypt(Data::Position(0)))
            .item(Operation::Decrypt, &decrypt(Data::Position(-4)))
            .item(Operation::Decrypt, &decrypt(Data::Enumeration(DataEnumeration::Hash)))
            .item(Operation::Decrypt, &decrypt(Data::Position(5)))
            .item(Operation::Decrypt, &decrypt(Data::Position(-6)));
        let answers = client.send(request).items;
        for answer in &answers[2..5] {
            let got: DecryptResponse = answer.ok();
            assert_eq!(got.data.unwrap().bytes().unwrap().expose(), clear, "{version}");
        }
        for answer in &answers[5..] {
            answer.fails_with(ResultReason::InvalidField);
        }
    }
}

#[test]
fn data_that_are_not_to_be_returned_are_there_for_later_items() {
    for version in [ProtocolVersion::V2_0, ProtocolVersion::V2_1] {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = key(&mut client, &sequence(16), ALL, vec![]);
        let encrypt = |data| EncryptRequest {
            unique_identifier: Some(key.as_str().into()),
            cryptographic_parameters: Some(mode(BlockCipherMode::ECB)),
            data: Some(data),
            iv_counter_nonce: None,
            correlation_value: None,
            init_indicator: None,
            final_indicator: None,
            authenticated_encryption_additional_data: None,
        };
        let mac = MACRequest {
            unique_identifier: Some(key.as_str().into()),
            cryptographic_parameters: None,
            data: Some(Data::Position(-1)),
            correlation_value: None,
            init_indicator: None,
            final_indicator: None,
        };
        let request = client
            .request()
            .ephemeral(Operation::RNGRetrieve, &RNGRetrieveRequest { data_length: 16 })
            .ephemeral(Operation::Encrypt, &encrypt(Data::Position(-1)))
            .ephemeral(Operation::MAC, &mac)
            .item(Operation::Encrypt, &encrypt(Data::Position(1)))
            .item(Operation::Encrypt, &encrypt(Data::Position(0)));
        let answers = client.send(request).items;
        assert_eq!(answers[0].ok::<RNGRetrieveResponse>().data, None, "{version}");
        let encrypted: EncryptResponse = answers[1].ok();
        assert_eq!((encrypted.unique_identifier.0.as_str(), encrypted.data), (key.as_str(), None), "{version}");
        assert_eq!(answers[2].ok::<MACResponse>().mac_data, None, "{version}");
        // What was held back was there: encrypted twice, and encrypted once.
        let (twice, once): (EncryptResponse, EncryptResponse) = (answers[3].ok(), answers[4].ok());
        let again = client.ask(Operation::Encrypt, &encrypt(once.data.unwrap())).ok::<EncryptResponse>();
        assert_eq!(again.data, twice.data, "{version}");
    }
}

#[test]
fn random_bytes_and_seeds() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let mut retrieve = |data_length| client.ask(Operation::RNGRetrieve, &RNGRetrieveRequest { data_length });
        let one: RNGRetrieveResponse = retrieve(100).ok();
        let other: RNGRetrieveResponse = retrieve(100).ok();
        assert_eq!(one.data.as_ref().unwrap().bytes().unwrap().len(), 100);
        assert_ne!(one.data, other.data, "{version}");
        for length in [0, -1, i32::MIN, i32::MAX, (256 << 10) + 1] {
            retrieve(length).fails_with(ResultReason::InvalidField);
        }
        retrieve(256 << 10).ok::<RNGRetrieveResponse>();
        // Unless it is told otherwise, the server takes no seed, and says so.
        let seed = RNGSeedRequest { data: Data::Bytes(Secret::from_slice(&[1; 64])) };
        assert_eq!(client.ask(Operation::RNGSeed, &seed).ok::<RNGSeedResponse>().data_length, 0, "{version}");
    }
}

#[test]
fn a_seed_is_used_as_far_as_the_configuration_says() {
    for version in VERSIONS {
        // What a server with such a generator gives after a seed, and how much of the seed it says that it used.
        let after = |rng_seed: RngSeed, seed: &[u8]| {
            let server = Server::with(Settings { rng_seed, ..Settings::default() });
            let mut client = server.client("fred", version);
            let seed = RNGSeedRequest { data: Data::Bytes(Secret::from_slice(seed)) };
            let used = client.ask(Operation::RNGSeed, &seed).result::<RNGSeedResponse>().map(|response| response.data_length);
            let retrieve = RNGRetrieveRequest { data_length: 32 };
            let got: RNGRetrieveResponse = client.ask(Operation::RNGRetrieve, &retrieve).ok();
            (used, got.data)
        };
        let plain = after(RngSeed::Ignore, &[1; 32]);
        assert_eq!(plain.0, Ok(0));
        assert_eq!(after(RngSeed::Ignore, &[2; 32]), plain, "{version}: nothing of it was used");
        let refused = after(RngSeed::Refuse, &[1; 32]);
        assert_eq!(refused, (Err(ResultReason::PermissionDenied), plain.1.clone()), "{version}");
        let all = RngSeed::Accept { bytes: 4_096 };
        let whole = after(all, &[1; 32]);
        assert_eq!(whole.0, Ok(32));
        assert_eq!(after(all, &[1; 32]), whole);
        assert_ne!(whole.1, plain.1, "{version}: it was mixed in");
        let last = [[1; 16], [2; 16]].concat();
        assert_ne!(after(all, &last).1, whole.1, "{version}: to its last byte");
        let part = RngSeed::Accept { bytes: 16 };
        assert_eq!(after(part, &last), after(part, &[1; 32]), "{version}: as far as it says");
        assert_eq!(after(part, &last).0, Ok(16));
        assert_ne!(after(part, &[2; 32]).1, after(part, &last).1);
    }
}

#[test]
fn each_use_of_a_key_is_recorded_and_nothing_of_the_data() {
    let version = ProtocolVersion::V2_1;
    let server = Server::new();
    let mut client = server.client("fred", version);
    let secret = b"nobody may read this in a log!!!";
    let key = key(&mut client, secret, ALL, vec![]);
    let before = server.log().len();
    for operation in [Operation::Encrypt, Operation::Decrypt, Operation::MAC, Operation::MACVerify] {
        let mut ask = fitting(operation, &key);
        ask = ask.data(secret);
        serve(&mut client, operation, &ask).unwrap();
        let record = server.log().pop().unwrap();
        assert_eq!(record.action, audit::Action::Operation(operation.0));
        assert_eq!((record.actor.as_str(), &record.identifiers[..]), ("fred", &[key.clone()][..]));
        assert_eq!(record.outcome, audit::Outcome::Success);
    }
    assert_eq!(server.log().len(), before + 4);
    assert!(server.raw_log().iter().all(|entry| !entry.windows(8).any(|window| secret.windows(8).any(|part| part == window))));
    // Without its record no use of a key is answered.
    server.trouble.read_only.store(true, Ordering::SeqCst);
    for operation in [Operation::Encrypt, Operation::Decrypt, Operation::MAC, Operation::MACVerify] {
        assert!(serve(&mut client, operation, &fitting(operation, &key)).is_err(), "{operation:?}");
    }
}

#[test]
fn an_undone_batch_gives_back_what_it_used() {
    let version = ProtocolVersion::V2_1;
    let server = Server::new();
    let mut client = server.client("fred", version);
    let key = key(&mut client, &sequence(16), ALL, vec![limits(16, UsageLimitsUnit::Byte)]);
    let mac = MACRequest {
        unique_identifier: Some(key.as_str().into()),
        cryptographic_parameters: Some(hmac()),
        data: Some(Data::Bytes(Secret::from_slice(&[1; 16]))),
        correlation_value: None,
        init_indicator: None,
        final_indicator: None,
    };
    let request = client
        .request()
        .header(|header| header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Undo))
        .item(Operation::MAC, &mac)
        .item(Operation::Get, &crate::client::get(Some("nobody")));
    let answers = client.send(request);
    assert_eq!(answers.items[0].status, ResultStatus::OperationUndone);
    assert_eq!(left(&mut client, &key), 16);
    client.revoke(&key, RevocationReasonCode::Superseded).unwrap();
}
