//! Create Split Key and Join Split Key: keys in parts, and what parts make no key.

use kmip::attribute::Attribute;
use kmip::codec::BigInteger;
use kmip::enumerations::{
    CryptographicAlgorithm, Enumeration as _, KeyFormatType, ObjectType, ResultStatus, SecretDataType, SplitKeyMethod as Method,
};
use kmip::masks::CryptographicUsageMask as Mask;
use kmip::object::{ManagedObject, SecretData, SplitKey};
use kmip::operation::Operation;
use kmip::payload::create_split_key::{CreateSplitKeyRequest, CreateSplitKeyResponse};
use kmip::payload::get::GetResponse;
use kmip::payload::join_split_key::{JoinSplitKeyRequest, JoinSplitKeyResponse};
use kmip::result_reason::ResultReason;
use kmip::{ProtocolVersion, Secret};

use crate::client::{Answer, Client, aes, aes_and, get, name, object, template};
use crate::objects::{KEY, block, opaque_object, symmetric_key};
use crate::server::{Server, VERSIONS};

const METHODS: [(Method, i32); 4] = [
    (Method::XOR, 4),
    (Method::PolynomialSharingGF2_8, 2),
    (Method::PolynomialSharingGF2_16, 3),
    (Method::PolynomialSharingPrimeField, 2),
];

fn versions() -> impl Iterator<Item = ProtocolVersion> {
    VERSIONS.into_iter().filter(|version| Operation::CreateSplitKey.known_in(*version))
}

fn splitting(key: Option<&str>, split_key_method: Method, threshold: i32) -> CreateSplitKeyRequest {
    CreateSplitKeyRequest {
        object_type: ObjectType::SplitKey,
        unique_identifier: object(key),
        split_key_parts: 4,
        split_key_threshold: threshold,
        split_key_method,
        prime_field_size: None,
        attributes: template(vec![]),
        protection_storage_masks: None,
    }
}

fn joining(parts: &[String], object_type: ObjectType) -> JoinSplitKeyRequest {
    JoinSplitKeyRequest {
        object_type,
        unique_identifiers: parts.iter().map(|part| part.as_str().into()).collect(),
        secret_data_type: None,
        attributes: None,
        protection_storage_masks: None,
    }
}

#[track_caller]
fn split(client: &mut Client<'_>, request: &CreateSplitKeyRequest) -> Vec<String> {
    let response: CreateSplitKeyResponse = client.ask(Operation::CreateSplitKey, request).ok();
    response.unique_identifiers.into_iter().map(|identifier| identifier.0).collect()
}

fn join(client: &mut Client<'_>, parts: &[String], object_type: ObjectType) -> Answer {
    client.ask(Operation::JoinSplitKey, &joining(parts, object_type))
}

#[track_caller]
fn joined(client: &mut Client<'_>, parts: &[String], object_type: ObjectType) -> ManagedObject {
    let identifier = join(client, parts, object_type).ok::<JoinSplitKeyResponse>().unique_identifier.0;
    client.object(&identifier)
}

fn part(object: &ManagedObject) -> &SplitKey {
    match object {
        ManagedObject::SplitKey(part) => part,
        other => panic!("{:?} is no split key", other.object_type()),
    }
}

#[test]
fn a_key_is_split_and_joined() {
    for version in versions() {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.register(symmetric_key(), vec![Attribute::CryptographicUsageMask(Mask::Encrypt)]);
        for (method, threshold) in METHODS {
            let parts = split(&mut client, &splitting(Some(&key), method, threshold));
            assert_eq!(parts.len(), 4);
            for (number, identifier) in (1..).zip(&parts) {
                let object = client.object(identifier);
                let part = part(&object);
                assert_eq!((part.split_key_parts, part.key_part_identifier, part.split_key_threshold), (4, number, threshold));
                assert_eq!(part.prime_field_size.is_some(), method == Method::PolynomialSharingPrimeField, "{version}");
                let block = &part.key_block;
                assert_eq!(
                    (block.cryptographic_algorithm, block.cryptographic_length),
                    (Some(CryptographicAlgorithm::AES), Some(256))
                );
                let attributes = client.attributes(identifier);
                assert_eq!(attributes.cryptographic_usage_mask(), Some(&Mask::Encrypt), "{version}");
            }
            let enough = &parts[4 - threshold as usize..];
            assert_eq!(joined(&mut client, enough, ObjectType::SymmetricKey), symmetric_key(), "{version} {method:?}");
            assert_eq!(joined(&mut client, &parts, ObjectType::SymmetricKey), symmetric_key());
            join(&mut client, &enough[1..], ObjectType::SymmetricKey).fails_with(ResultReason::CryptographicFailure);
            let twice = [&enough[1..], &enough[1..2]].concat();
            join(&mut client, &twice, ObjectType::SymmetricKey).fails_with(ResultReason::CryptographicFailure);
            // Another splitting of the same key: its parts fit in number, and in nothing else.
            let others = split(&mut client, &splitting(Some(&key), method, threshold));
            let mixed = [&parts[..1], &others[1..]].concat();
            join(&mut client, &mixed, ObjectType::SymmetricKey).fails_with(ResultReason::CryptographicFailure);
        }
    }
}

#[test]
fn a_new_key_exists_in_parts_alone() {
    for version in versions() {
        let server = Server::new();
        let mut client = server.client("fred", version);
        for (method, threshold) in METHODS {
            let before = server.objects();
            let mut request = splitting(None, method, threshold);
            client.ask(Operation::CreateSplitKey, &request).fails_with(ResultReason::InvalidField);
            request.attributes = template(aes());
            let batch = client.request().item(Operation::CreateSplitKey, &request).item(Operation::Get, &get(None));
            let answers = client.send(batch);
            let parts: CreateSplitKeyResponse = answers.items[0].ok();
            assert_eq!(server.objects(), before + 4, "{version} {method:?}");
            // The ID Placeholder names the first part.
            assert_eq!(part(&answers.items[1].ok::<GetResponse>().object).key_part_identifier, 1);
            let parts: Vec<String> = parts.unique_identifiers.into_iter().map(|identifier| identifier.0).collect();
            let key = joined(&mut client, &parts, ObjectType::SymmetricKey);
            assert_eq!(key.key_block().unwrap().cryptographic_length, Some(256));
            assert_eq!(joined(&mut client, &parts, ObjectType::SymmetricKey), key, "{version}");
        }
    }
}

#[test]
fn private_keys_and_secrets_are_split_too() {
    for version in versions() {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let (private, public) = client.create_key_pair();
        let secret = {
            let key_block = block(KeyFormatType::Opaque, &[0, 0, 7, 8, 9, 1], None);
            let secret = SecretData { secret_data_type: SecretDataType::Password, key_block };
            client.register(ManagedObject::SecretData(secret), vec![])
        };
        let original = {
            let mut request = get(Some(&private));
            request.key_format_type = Some(KeyFormatType::PKCS_8);
            client.ask(Operation::Get, &request).ok::<GetResponse>().object
        };
        for (method, threshold) in METHODS {
            let parts = split(&mut client, &splitting(Some(&secret), method, threshold));
            let mut request = joining(&parts, ObjectType::SecretData);
            request.secret_data_type = Some(SecretDataType::Password);
            let identifier = client.ask(Operation::JoinSplitKey, &request).ok::<JoinSplitKeyResponse>().unique_identifier.0;
            let ManagedObject::SecretData(again) = client.object(&identifier) else { panic!("no secret data") };
            assert_eq!(again.secret_data_type, SecretDataType::Password);
            let expected = block(KeyFormatType::Raw, &[0, 0, 7, 8, 9, 1], None).key_value;
            assert_eq!(again.key_block.key_value, expected, "{version} {method:?}: zeros in front stay");
            join(&mut client, &parts, ObjectType::PrivateKey).fails_with(ResultReason::CryptographicFailure);
            join(&mut client, &parts, ObjectType::SymmetricKey).fails_with(ResultReason::InvalidField);
            if method == Method::PolynomialSharingGF2_16 {
                continue;
            }
            let parts = split(&mut client, &splitting(Some(&private), method, threshold));
            let key = joined(&mut client, &parts, ObjectType::PrivateKey);
            assert_eq!(key, original, "{version} {method:?}");
        }
        let wrong = if version.is_1x() { ResultReason::InvalidField } else { ResultReason::InvalidObjectType };
        let opaque = client.register(opaque_object(), vec![]);
        for identifier in [public, opaque] {
            let request = splitting(Some(&identifier), Method::XOR, 4);
            client.ask(Operation::CreateSplitKey, &request).fails_with(wrong);
            join(&mut client, &[identifier], ObjectType::SymmetricKey).fails_with(wrong);
        }
    }
}

#[test]
fn parts_of_what_must_not_leave_must_not_leave() {
    for version in versions().filter(|version| *version >= ProtocolVersion::V1_4) {
        let server = Server::new();
        let mut client = server.client("fred", version);
        for (attribute, reason) in
            [(Attribute::Sensitive(true), ResultReason::Sensitive), (Attribute::Extractable(false), ResultReason::NotExtractable)]
        {
            let key = client.create(aes_and([attribute.clone()]));
            let mut request = splitting(Some(&key), Method::PolynomialSharingGF2_8, 2);
            request.attributes = template(vec![Attribute::Sensitive(false), Attribute::Extractable(true)]);
            let parts = split(&mut client, &request);
            for part in &parts {
                client.get(part).fails_with(reason);
            }
            let mut request = joining(&parts, ObjectType::SymmetricKey);
            request.attributes = Some(template(vec![Attribute::Sensitive(false), Attribute::Extractable(true)]));
            let again = client.ask(Operation::JoinSplitKey, &request).ok::<JoinSplitKeyResponse>().unique_identifier.0;
            client.get(&again).fails_with(reason);
        }
    }
}

#[test]
fn parts_that_clients_registered_are_joined() {
    for version in versions() {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let share = |number: i32, bytes: &[u8], prime: Option<&[u8]>| {
            ManagedObject::SplitKey(SplitKey {
                split_key_parts: 4,
                key_part_identifier: number,
                split_key_threshold: 2,
                split_key_method: match prime {
                    Some(_) => Method::PolynomialSharingPrimeField,
                    None => Method::PolynomialSharingGF2_8,
                },
                prime_field_size: prime.map(|prime| BigInteger(Secret::from_slice(prime))),
                key_block: block(KeyFormatType::Raw, bytes, None),
            })
        };
        // 42 + 100 x modulo 257.
        let parts: Vec<String> = [(1, 142), (2, 242), (3, 85)]
            .into_iter()
            .map(|(number, value)| {
                client.register(share(number, &[0, value], Some(&[1, 1])), vec![Attribute::CryptographicLength(8)])
            })
            .collect();
        let ManagedObject::SecretData(secret) = joined(&mut client, &parts, ObjectType::SecretData) else { panic!("no secret") };
        assert_eq!(secret.key_block.key_value, block(KeyFormatType::Raw, &[42], None).key_value, "{version}");
        let other = client.register(share(4, &[0, 85], Some(&[1, 1])), vec![Attribute::CryptographicLength(8)]);
        let wrong = [&parts[..2], &[other][..]].concat();
        join(&mut client, &wrong, ObjectType::SecretData).fails_with(ResultReason::CryptographicFailure);
        let other = client.register(share(2, &[9; 2], None), vec![]);
        let wrong = [&parts[..1], &[other][..]].concat();
        join(&mut client, &wrong, ObjectType::SecretData).fails_with(ResultReason::CryptographicFailure);
        let same = client.register(share(1, &[0, 142], Some(&[1, 1])), vec![Attribute::CryptographicLength(8)]);
        let wrong = [&parts[..1], &[same][..]].concat();
        join(&mut client, &wrong, ObjectType::SecretData).fails_with(ResultReason::CryptographicFailure);
        join(&mut client, &[], ObjectType::SecretData).fails_with(ResultReason::InvalidMessage);
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for version in versions() {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.register(symmetric_key(), vec![]);
        let bad = ResultReason::BadCryptographicParameters;
        let prime_field = Method::PolynomialSharingPrimeField;
        for (method, parts, threshold, prime, reason) in [
            (Method::XOR, 4, 3, None, bad),
            (Method::PolynomialSharingGF2_8, 256, 3, None, bad),
            (Method::PolynomialSharingGF2_8, 4, 5, None, bad),
            (Method::PolynomialSharingGF2_8, 4, 1, None, bad),
            (Method::PolynomialSharingGF2_8, 4, 2, Some(&[1, 1][..]), bad),
            (prime_field, 4, 2, Some(&[1, 1]), bad),
            // 259 is no prime, 2^260 is even, the last one is negative.
            (prime_field, 4, 2, Some(&[1, 3]), bad),
            (prime_field, 4, 2, Some(&[0x10; 33]), bad),
            (prime_field, 4, 2, Some(&[0xFF; 33]), ResultReason::InvalidField),
            (Method(0x8000_0001), 4, 2, None, ResultReason::UnsupportedCryptographicParameters),
        ] {
            let mut request = splitting(Some(&key), method, threshold);
            request.split_key_parts = parts;
            request.prime_field_size = prime.map(|prime| BigInteger(Secret::from_slice(prime)));
            client.ask(Operation::CreateSplitKey, &request).fails_with(reason);
        }
        let mut request = splitting(Some(&key), Method::XOR, 4);
        request.object_type = ObjectType::SymmetricKey;
        let wrong = if version.is_1x() { ResultReason::InvalidField } else { ResultReason::InvalidObjectType };
        client.ask(Operation::CreateSplitKey, &request).fails_with(wrong);
        join(&mut client, std::slice::from_ref(&key), ObjectType::Certificate).fails_with(wrong);
        let mut request = splitting(Some(&key), Method::XOR, 4);
        request.attributes = template(vec![name("four of a name")]);
        let answer = client.ask(Operation::CreateSplitKey, &request);
        match version.is_1x() {
            true => assert_eq!(answer.status, ResultStatus::Success),
            false => answer.fails_with(ResultReason::NonUniqueNameAttribute),
        }
        let before = server.objects();
        let mut other = server.client("barney", version);
        other.ask(Operation::CreateSplitKey, &splitting(Some(&key), Method::XOR, 4)).fails_with(ResultReason::PermissionDenied);
        let parts = split(&mut client, &splitting(Some(&key), Method::XOR, 4));
        join(&mut other, &parts, ObjectType::SymmetricKey).fails_with(ResultReason::PermissionDenied);
        client.destroy(&parts[2]).unwrap();
        join(&mut client, &parts, ObjectType::SymmetricKey).fails_with(ResultReason::ObjectDestroyed);
        assert_eq!(server.objects(), before + 4, "{version}");
        assert_eq!(KEY.len(), 32);
    }
}

#[test]
fn what_would_be_too_much_at_one_time_is_refused() {
    for version in versions() {
        let server = Server::with(dispatcher::Settings { object_size: 4_096, ..dispatcher::Settings::default() });
        let mut client = server.client("fred", version);
        let key = client.register(symmetric_key(), vec![]);
        let mut request = splitting(Some(&key), Method::PolynomialSharingGF2_8, 2);
        request.split_key_parts = 128;
        let parts = split(&mut client, &request);
        assert_eq!(joined(&mut client, &parts[..2], ObjectType::SymmetricKey), symmetric_key());
        join(&mut client, &parts, ObjectType::SymmetricKey).fails_with(ResultReason::ServerLimitExceeded);
        request.split_key_parts = 129;
        client.ask(Operation::CreateSplitKey, &request).fails_with(ResultReason::ServerLimitExceeded);
    }
}
