//! Derive Key: every method, what it is derived from, and who may.

use dispatcher::Settings;
use kmip::attribute::Attribute;
use kmip::codec::{ByteString, DateTime};
use kmip::enumerations::{
    BlockCipherMode, CryptographicAlgorithm, DerivationMethod as Method, Enumeration as _, HashingAlgorithm, KeyFormatType,
    LinkType, ObjectType, PaddingMethod, RevocationReasonCode, SecretDataType, UniqueIdentifierEnumeration, UsageLimitsUnit,
};
use kmip::identifier::ObjectReference;
use kmip::masks::CryptographicUsageMask as Mask;
use kmip::object::{KeyMaterial, KeyValue, ManagedObject, SecretData, SymmetricKey};
use kmip::operation::Operation;
use kmip::payload::create_key_pair::{CreateKeyPairRequest, CreateKeyPairResponse};
use kmip::payload::derive_key::{DeriveKeyRequest, DeriveKeyResponse};
use kmip::result_reason::ResultReason;
use kmip::structures::{CryptographicParameters, DerivationParameters, UsageLimits};
use kmip::{ProtocolVersion, Secret};

use crate::client::{Answer, Client, create_key_pair, get, template};
use crate::objects::{block, opaque_object};
use crate::server::{START, Server, VERSIONS};

const KEY: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

fn usable(mask: Mask) -> Vec<Attribute> {
    vec![Attribute::CryptographicUsageMask(mask), Attribute::ActivationDate(DateTime(START - 10))]
}

fn key(client: &mut Client<'_>, algorithm: CryptographicAlgorithm) -> String {
    let key_block = block(KeyFormatType::Raw, &KEY, Some(algorithm));
    client.register(ManagedObject::SymmetricKey(SymmetricKey { key_block }), usable(Mask::DeriveKey))
}

fn secret(client: &mut Client<'_>, bytes: &[u8]) -> String {
    let key_block = block(KeyFormatType::Opaque, bytes, None);
    let secret = SecretData { secret_data_type: SecretDataType::Password, key_block };
    client.register(ManagedObject::SecretData(secret), usable(Mask::DeriveKey))
}

fn aes(length: i32) -> Vec<Attribute> {
    vec![
        Attribute::CryptographicAlgorithm(CryptographicAlgorithm::AES),
        Attribute::CryptographicLength(length),
        Attribute::CryptographicUsageMask(Mask::Encrypt),
    ]
}

fn request(bases: &[&str], derivation_method: Method, derivation_parameters: DerivationParameters) -> DeriveKeyRequest {
    DeriveKeyRequest {
        object_type: ObjectType::SymmetricKey,
        unique_identifiers: bases.iter().map(|base| (*base).into()).collect(),
        derivation_method,
        derivation_parameters,
        attributes: template(aes(128)),
    }
}

fn hashed(hash: HashingAlgorithm) -> DerivationParameters {
    let cryptographic_parameters =
        Some(CryptographicParameters { hashing_algorithm: Some(hash), ..CryptographicParameters::default() });
    DerivationParameters { cryptographic_parameters, ..DerivationParameters::default() }
}

fn data(parameters: DerivationParameters, data: &[&[u8]]) -> DerivationParameters {
    DerivationParameters { derivation_data: data.iter().map(|data| Secret::from_slice(data)).collect(), ..parameters }
}

fn pbkdf2(salt: &[u8], count: i32) -> DerivationParameters {
    DerivationParameters {
        salt: Some(ByteString(salt.to_vec())),
        iteration_count: Some(count),
        ..DerivationParameters::default()
    }
}

fn ask(client: &mut Client<'_>, request: &DeriveKeyRequest) -> Answer {
    client.ask(Operation::DeriveKey, request)
}

#[track_caller]
fn derived(client: &mut Client<'_>, request: &DeriveKeyRequest) -> Vec<u8> {
    let identifier = ask(client, request).ok::<DeriveKeyResponse>().unique_identifier.0;
    material(&client.object(&identifier))
}

fn material(object: &ManagedObject) -> Vec<u8> {
    match object.key_block().unwrap().key_value.as_ref().unwrap() {
        KeyValue::Plain(plain) => match &plain.key_material {
            KeyMaterial::Bytes(bytes) => bytes.expose().to_vec(),
            KeyMaterial::Transparent(_) => panic!("a structure"),
        },
        KeyValue::Wrapped(_) => panic!("wrapped"),
    }
}

fn hmac(hash: HashingAlgorithm, key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = crypto::Mac::hmac(hash, key).unwrap();
    mac.update(data);
    mac.finish()
}

#[test]
fn every_method_computes_what_its_standard_says() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let password = secret(&mut client, b"password");
        let aes_key = key(&mut client, CryptographicAlgorithm::AES);
        let hmac_key = key(&mut client, CryptographicAlgorithm::HMAC_SHA384);
        let sha256 = HashingAlgorithm::SHA_256;
        // RFC 6070: SHA-1 is assumed.
        let from_password = derived(&mut client, &request(&[&password], Method::PBKDF2, pbkdf2(b"salt", 4_096)));
        assert_eq!(from_password, [0x4B, 0, 0x79, 1, 0xB7, 0x65, 0x48, 0x9A, 0xBE, 0xAD, 0x49, 0xD9, 0x26, 0xF7, 0x21, 0xD0]);
        let mut with_hash = pbkdf2(b"salt", 2);
        with_hash.cryptographic_parameters = hashed(sha256).cryptographic_parameters;
        let expected = crypto::pbkdf2(sha256, b"password", b"salt", 2, 16).unwrap();
        assert_eq!(derived(&mut client, &request(&[&password], Method::PBKDF2, with_hash)), expected.expose());
        let digest = crypto::digest(sha256, &KEY).unwrap();
        assert_eq!(derived(&mut client, &request(&[&aes_key], Method::HASH, hashed(sha256))), digest[..16]);
        // The algorithm of the key says the hash, whatever the parameters say.
        let own = hmac(HashingAlgorithm::SHA_384, &KEY, b"data");
        let given = data(hashed(sha256), &[b"data"]);
        assert_eq!(derived(&mut client, &request(&[&hmac_key], Method::HMAC, given.clone())), own[..16]);
        let named = hmac(sha256, &KEY, b"data");
        assert_eq!(derived(&mut client, &request(&[&aes_key], Method::HMAC, given)), named[..16]);
        // Secret Data in place of Derivation Data, named first or last.
        let beside = secret(&mut client, b"data");
        for bases in [[&*aes_key, &*beside], [&*beside, &*aes_key]] {
            assert_eq!(derived(&mut client, &request(&bases, Method::HMAC, hashed(sha256))), named[..16], "{version}");
        }
        // Encrypted with an IV of zeros, and with one that is given.
        for iv in [None, Some([9; 16])] {
            let cipher = CryptographicParameters {
                block_cipher_mode: Some(BlockCipherMode::CBC),
                padding_method: Some(PaddingMethod::PKCS5),
                ..CryptographicParameters::default()
            };
            let parameters = DerivationParameters {
                cryptographic_parameters: Some(cipher.clone()),
                initialization_vector: iv.map(|iv| ByteString(iv.to_vec())),
                ..DerivationParameters::default()
            };
            let cipher = CryptographicParameters { cryptographic_algorithm: Some(CryptographicAlgorithm::AES), ..cipher };
            let random = crypto::SystemRandom::new();
            let iv = iv.unwrap_or_default();
            let mut expected = crypto::Encryptor::new(&cipher, &KEY, Some(&iv), None, &random).unwrap();
            let mut out = expected.update(b"twenty bytes of data").unwrap();
            out.extend(expected.finish().unwrap().0);
            let asked = request(&[&aes_key], Method::ENCRYPT, data(parameters, &[b"twenty bytes of data"]));
            assert_eq!(derived(&mut client, &asked), out[..16], "{version}");
        }
        // The counter before, the length behind, 32 bits each.
        let fixed = [&b"label\0context"[..], &128_u32.to_be_bytes()].concat();
        let counter = 1_u32.to_be_bytes();
        let given = data(hashed(sha256), &[b"label\0context"]);
        let first = |parts: &[&[u8]]| hmac(sha256, &KEY, &parts.concat())[..16].to_vec();
        assert_eq!(derived(&mut client, &request(&[&aes_key], Method::NIST800_108_C, given.clone())), first(&[&counter, &fixed]));
        let feedback = DerivationParameters { initialization_vector: Some(ByteString(vec![7; 3])), ..given.clone() };
        assert_eq!(
            derived(&mut client, &request(&[&aes_key], Method::NIST800_108_F, feedback)),
            first(&[&[7; 3], &counter, &fixed])
        );
        let chain = hmac(sha256, &KEY, &fixed);
        assert_eq!(
            derived(&mut client, &request(&[&aes_key], Method::NIST800_108_DPI, given)),
            first(&[&chain, &counter, &fixed])
        );
        if version >= ProtocolVersion::V1_2 {
            // CMAC of the key's own cipher, and no counter at all.
            let cmac = CryptographicParameters {
                block_cipher_mode: Some(BlockCipherMode::CMAC),
                counter_length: Some(0),
                ..CryptographicParameters::default()
            };
            let given = DerivationParameters { cryptographic_parameters: Some(cmac), ..DerivationParameters::default() };
            let mut mac = crypto::Mac::cmac(CryptographicAlgorithm::AES, &KEY).unwrap();
            mac.update(&fixed);
            let asked = request(&[&aes_key], Method::NIST800_108_F, data(given, &[b"label\0context"]));
            assert_eq!(derived(&mut client, &asked), mac.finish(), "{version}");
        }
        if version >= ProtocolVersion::V2_0 {
            let given = DerivationParameters { salt: Some(ByteString(vec![1, 2])), ..DerivationParameters::default() };
            let expected = crypto::hkdf(sha256, &KEY, &[1, 2], b"info", 16).unwrap();
            assert_eq!(derived(&mut client, &request(&[&aes_key], Method::HKDF, data(given, &[b"info"]))), expected.expose());
            let access = secret(&mut client, b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
            let scope = data(DerivationParameters::default(), &[b"20120215", b"us-east-1", b"iam"]);
            let signing = derived(&mut client, &request(&[&access], Method::AWSSignatureVersion4, scope));
            assert_eq!(signing[..4], [0xF4, 0x78, 0x0E, 0x2D]);
        } else {
            ask(&mut client, &request(&[&aes_key], Method::HKDF, hashed(sha256))).fails_with(ResultReason::InvalidField);
        }
    }
}

#[test]
fn the_pseudorandom_function_is_named_as_a_hash_or_as_an_hmac() {
    // Cryptographic Parameters have had an algorithm since 1.2.
    for version in VERSIONS.into_iter().filter(|version| *version >= ProtocolVersion::V1_2) {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let password = secret(&mut client, b"password");
        let aes_key = key(&mut client, CryptographicAlgorithm::AES);
        let as_hmac = |hash| {
            let cryptographic_algorithm = Some(CryptographicAlgorithm::HMAC_SHA512);
            let named = CryptographicParameters {
                cryptographic_algorithm,
                hashing_algorithm: hash,
                ..CryptographicParameters::default()
            };
            DerivationParameters { cryptographic_parameters: Some(named), ..DerivationParameters::default() }
        };
        let sha512 = HashingAlgorithm::SHA_512;
        let mut methods =
            vec![(Method::PBKDF2, &password, pbkdf2(b"salt", 3)), (Method::HMAC, &aes_key, DerivationParameters::default())];
        methods.extend([Method::NIST800_108_C, Method::HKDF].map(|method| (method, &aes_key, DerivationParameters::default())));
        for (method, base, rest) in methods.into_iter().filter(|(method, ..)| method.known_in(version)) {
            let given: &[&[u8]] = if method == Method::PBKDF2 { &[] } else { &[b"data"] };
            let asked = |cryptographic_parameters| {
                let named = DerivationParameters { cryptographic_parameters, ..rest.clone() };
                request(&[base], method, data(named, given))
            };
            let expected = derived(&mut client, &asked(hashed(sha512).cryptographic_parameters));
            for hash in [None, Some(sha512)] {
                let got = derived(&mut client, &asked(as_hmac(hash).cryptographic_parameters));
                assert_eq!(got, expected, "{version} {method:?} {hash:?}");
            }
            let other = asked(as_hmac(Some(HashingAlgorithm::SHA_256)).cryptographic_parameters);
            ask(&mut client, &other).fails_with(ResultReason::BadCryptographicParameters);
        }
    }
}

#[test]
fn two_parties_agree() {
    for version in VERSIONS.into_iter().filter(|version| Method::AsymmetricKey.known_in(*version)) {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let pair = |client: &mut Client<'_>| {
            let common =
                vec![Attribute::CryptographicAlgorithm(CryptographicAlgorithm::ECDH), Attribute::CryptographicLength(256)];
            let request = CreateKeyPairRequest {
                common_attributes: Some(template(common)),
                private_key_attributes: Some(template(usable(Mask::DeriveKey))),
                public_key_attributes: Some(template(usable(Mask::DeriveKey))),
                ..create_key_pair()
            };
            let pair: CreateKeyPairResponse = client.ask(Operation::CreateKeyPair, &request).ok();
            (pair.private_key_unique_identifier.0, pair.public_key_unique_identifier.0)
        };
        let (one, other) = (pair(&mut client), pair(&mut client));
        let none = DerivationParameters::default;
        let here = derived(&mut client, &request(&[&one.0, &other.1], Method::AsymmetricKey, none()));
        let there = derived(&mut client, &request(&[&one.1, &other.0], Method::AsymmetricKey, none()));
        assert_eq!(here, there, "{version}");
        let mut long = request(&[&one.0, &other.1], Method::AsymmetricKey, none());
        long.object_type = ObjectType::SecretData;
        long.attributes = template(vec![Attribute::CryptographicLength(264)]);
        ask(&mut client, &long).fails_with(ResultReason::CryptographicFailure);
        ask(&mut client, &request(&[&one.0], Method::AsymmetricKey, none())).fails_with(ResultReason::InvalidField);
        let reason = if version.is_1x() { ResultReason::InvalidField } else { ResultReason::InvalidObjectType };
        ask(&mut client, &request(&[&one.0], Method::HASH, hashed(HashingAlgorithm::SHA_256))).fails_with(reason);
    }
}

#[test]
fn what_is_derived_is_linked_with_its_bases() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let base = key(&mut client, CryptographicAlgorithm::HMAC_SHA256);
        let beside = secret(&mut client, b"data");
        let mut asked = request(&[&base, &beside], Method::HMAC, DerivationParameters::default());
        asked.object_type = ObjectType::SecretData;
        asked.attributes = template(vec![Attribute::CryptographicLength(200)]);
        let made = ask(&mut client, &asked).ok::<DeriveKeyResponse>().unique_identifier.0;
        let object = client.object(&made);
        assert_eq!(material(&object), hmac(HashingAlgorithm::SHA_256, &KEY, b"data")[..25], "{version}");
        assert!(matches!(object, ManagedObject::SecretData(SecretData { secret_data_type: SecretDataType::Seed, .. })));
        let linked = |client: &mut Client<'_>, from: &str, wanted: LinkType| -> Vec<String> {
            let links = client.attributes(from);
            let links = links.iter().filter_map(|attribute| match attribute {
                Attribute::Link(link) if link.link_type == wanted => match &link.linked_object_identifier {
                    ObjectReference::Identifier(identifier) => Some(identifier.clone()),
                    _ => None,
                },
                _ => None,
            });
            links.collect()
        };
        assert_eq!(linked(&mut client, &made, LinkType::DerivationBaseObjectLink), [base.clone(), beside.clone()]);
        for from in [&base, &beside] {
            assert_eq!(linked(&mut client, from, LinkType::DerivedKeyLink), std::slice::from_ref(&made), "{version}");
        }
        // The ID Placeholder names what was made, and nothing to derive from.
        let mut batch = client.request().item(Operation::DeriveKey, &asked).item(Operation::Get, &get(None));
        if !version.is_1x() {
            let placeholder = ObjectReference::Enumeration(UniqueIdentifierEnumeration::IDPlaceholder);
            asked.unique_identifiers = vec![placeholder];
            batch = batch.item(Operation::DeriveKey, &asked);
        }
        let answers = client.send(batch);
        assert_eq!(answers.items[1].status, kmip::enumerations::ResultStatus::Success, "{version}");
        if let Some(answer) = answers.items.get(2) {
            answer.fails_with(ResultReason::InvalidField);
        }
    }
}

#[test]
fn what_may_not_be_derived_from_is_not() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let hash = || hashed(HashingAlgorithm::SHA_256);
        let refused = |client: &mut Client<'_>, base: &str, reason| {
            ask(client, &request(&[base], Method::HASH, hash())).fails_with(reason);
            assert_eq!(client.locate(vec![Attribute::CryptographicUsageMask(Mask::Encrypt)]).len(), 0, "{version}");
        };
        refused(&mut client, "nobody has it", ResultReason::ObjectNotFound);
        let other = key(&mut server.client("barney", version), CryptographicAlgorithm::AES);
        refused(&mut client, &other, ResultReason::PermissionDenied);
        let object = || {
            let key_block = block(KeyFormatType::Raw, &KEY, Some(CryptographicAlgorithm::AES));
            ManagedObject::SymmetricKey(SymmetricKey { key_block })
        };
        let without = client.register(object(), usable(Mask::Decrypt));
        let mask = if version.is_1x() { ResultReason::InvalidField } else { ResultReason::IncompatibleCryptographicUsageMask };
        refused(&mut client, &without, mask);
        let young = client.register(object(), vec![Attribute::CryptographicUsageMask(Mask::DeriveKey)]);
        refused(&mut client, &young, ResultReason::WrongKeyLifecycleState);
        let old = key(&mut client, CryptographicAlgorithm::AES);
        client.revoke(&old, RevocationReasonCode::Superseded).unwrap();
        refused(&mut client, &old, ResultReason::WrongKeyLifecycleState);
        let opaque = client.register(opaque_object(), vec![]);
        let kind = if version.is_1x() { ResultReason::PermissionDenied } else { ResultReason::InvalidObjectType };
        refused(&mut client, &opaque, kind);
        let limits = UsageLimits { usage_limits_total: 1, usage_limits_count: None, usage_limits_unit: UsageLimitsUnit::Object };
        let mut attributes = usable(Mask::DeriveKey);
        attributes.push(Attribute::UsageLimits(limits));
        let once = client.register(object(), attributes);
        derived(&mut client, &request(&[&once], Method::HASH, hash()));
        ask(&mut client, &request(&[&once], Method::HASH, hash())).fails_with(ResultReason::UsageLimitExceeded);
    }
}

#[test]
fn what_makes_no_sense_is_refused_in_words() {
    for version in VERSIONS {
        let server = Server::with(Settings { derivation_iterations: 100, ..Settings::default() });
        let mut client = server.client("fred", version);
        let base = key(&mut client, CryptographicAlgorithm::AES);
        let password = secret(&mut client, b"password");
        let beside = secret(&mut client, b"data");
        let sha256 = || hashed(HashingAlgorithm::SHA_256);
        let none = DerivationParameters::default;
        let invalid = ResultReason::InvalidField;
        let both = ResultReason::InvalidMessage;
        for (bases, method, parameters, reason) in [
            (vec![&*base], Method::HASH, none(), invalid),
            (vec![&*base], Method::HASH, data(sha256(), &[b"data"]), both),
            (vec![&*base], Method::HMAC, sha256(), invalid),
            (vec![&*base], Method::HMAC, data(none(), &[b"data"]), invalid),
            (vec![&*base, &*beside], Method::HMAC, data(sha256(), &[b"data"]), both),
            (vec![&*base, &*base], Method::HMAC, sha256(), invalid),
            (vec![&*base, &*beside, &*password], Method::HMAC, sha256(), invalid),
            (vec![], Method::HMAC, sha256(), invalid),
            (vec![&*base], Method::NIST800_108_C, data(none(), &[b"data"]), invalid),
            (vec![&*password], Method::PBKDF2, none(), invalid),
            (vec![&*password], Method::PBKDF2, pbkdf2(b"salt", 0), invalid),
            (vec![&*password], Method::PBKDF2, pbkdf2(b"salt", -1), invalid),
            (vec![&*password], Method::PBKDF2, pbkdf2(b"salt", 101), invalid),
            (vec![&*password], Method::PBKDF2, data(pbkdf2(b"salt", 1), &[b"data"]), both),
            (vec![&*base], Method(0x8000_0001), sha256(), invalid),
        ] {
            let asked = request(&bases, method, parameters);
            let answer = ask(&mut client, &asked);
            assert_eq!(answer.result::<DeriveKeyResponse>().err(), Some(reason), "{version} {method:?} {:?}", answer.message);
        }
        // The limit counts all blocks: twenty bytes of SHA-1 are one, 32 are two.
        let mut long = request(&[&password], Method::PBKDF2, pbkdf2(b"salt", 60));
        derived(&mut client, &long);
        long.attributes = template(aes(256));
        ask(&mut client, &long).fails_with(invalid);
        // More than there is.
        let mut asked = request(&[&base], Method::HASH, sha256());
        asked.object_type = ObjectType::SecretData;
        asked.attributes = template(vec![Attribute::CryptographicLength(264)]);
        ask(&mut client, &asked).fails_with(ResultReason::CryptographicFailure);
        for attributes in [vec![], vec![Attribute::CryptographicLength(12)], vec![Attribute::CryptographicLength(65_544)]] {
            asked.attributes = template(attributes);
            ask(&mut client, &asked).fails_with(invalid);
        }
        asked.object_type = ObjectType::SymmetricKey;
        asked.attributes = template(vec![Attribute::CryptographicLength(128)]);
        ask(&mut client, &asked).fails_with(invalid);
        asked.object_type = ObjectType::PrivateKey;
        ask(&mut client, &asked).fails_with(if version.is_1x() { invalid } else { ResultReason::InvalidObjectType });
    }
}
