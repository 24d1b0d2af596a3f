//! Why a cryptographic service fails: one row for each situation, and no reason that the section of the operation does not have.

use kmip::ProtocolVersion;
use kmip::attribute::Attribute;
use kmip::codec::DateTime;
use kmip::enumerations::{
    BlockCipherMode, CryptographicAlgorithm, HashingAlgorithm, KeyFormatType, PaddingMethod, SecretDataType, UsageLimitsUnit,
};
use kmip::masks::CryptographicUsageMask as Mask;
use kmip::object::{ManagedObject, SecretData, SymmetricKey};
use kmip::operation::Operation;
use kmip::result_reason::ResultReason;
use kmip::structures::CryptographicParameters;

use crate::client::Client;
use crate::key_use::{fitting, limits};
use crate::objects::{block, opaque_object};
use crate::server::{START, Server};
use crate::services::{ALL, Ask, VERSIONS, WITH_KEY, hmac, key, mode, sequence, serve, signature};

use Operation as O;
use ResultReason as R;

const UNSUPPORTED: R = R::UnsupportedCryptographicParameters;
const BAD: R = R::BadCryptographicParameters;

/// The reasons that any operation can have (2.1, the tables of section 6.1).
const OF_ALL: [R; 5] =
    [R::FeatureNotSupported, R::InvalidField, R::InvalidMessage, R::OperationNotSupported, R::PermissionDenied];

/// Those that the section of an operation adds (2.1, sections 6.1.11.1, 6.1.17.1, 6.1.24.1, 6.1.32.1, 6.1.33.1, 6.1.55.1, 6.1.56.1).
fn of_section(operation: Operation) -> Vec<R> {
    let mut reasons = vec![R::CryptographicFailure, R::InvalidCorrelationValue];
    if operation == Operation::Hash {
        return reasons;
    }
    reasons.extend([
        R::BadCryptographicParameters,
        R::IncompatibleCryptographicUsageMask,
        R::InvalidObjectType,
        R::KeyValueNotPresent,
        R::ObjectNotFound,
        R::WrongKeyLifecycleState,
    ]);
    if !matches!(operation, Operation::MAC | Operation::MACVerify) {
        reasons.push(R::UnsupportedCryptographicParameters);
    }
    if matches!(operation, Operation::Encrypt | Operation::Decrypt) {
        reasons.push(R::MissingInitializationVector);
    }
    if matches!(operation, Operation::Encrypt | Operation::Sign | Operation::MAC) {
        reasons.push(R::UsageLimitExceeded);
    }
    reasons
}

struct Objects {
    aes: String,
    private: String,
    public: String,
    secret: String,
    opaque: String,
}

impl Objects {
    fn new(client: &mut Client<'_>) -> Self {
        let (private, public) = client.create_key_pair();
        client.activate(&private).unwrap();
        client.activate(&public).unwrap();
        let secret =
            SecretData { secret_data_type: SecretDataType::Password, key_block: block(KeyFormatType::Opaque, &[1; 20], None) };
        let usable = vec![Attribute::CryptographicUsageMask(ALL), Attribute::ActivationDate(DateTime(START - 1))];
        Self {
            aes: key(client, &sequence(16), ALL, vec![]),
            private,
            public,
            secret: client.register(ManagedObject::SecretData(secret), usable),
            opaque: client.register(opaque_object(), vec![]),
        }
    }

    /// The key that an operation takes.
    fn of(&self, operation: Operation) -> &str {
        match operation {
            Operation::Sign => &self.private,
            Operation::SignatureVerify => &self.public,
            _ => &self.aes,
        }
    }
}

fn hashing(hash: HashingAlgorithm) -> CryptographicParameters {
    CryptographicParameters { hashing_algorithm: Some(hash), ..CryptographicParameters::default() }
}

fn algorithm(algorithm: CryptographicAlgorithm) -> CryptographicParameters {
    CryptographicParameters { cryptographic_algorithm: Some(algorithm), ..CryptographicParameters::default() }
}

fn padded(padding: PaddingMethod) -> CryptographicParameters {
    CryptographicParameters { padding_method: Some(padding), ..mode(BlockCipherMode::CBC) }
}

/// What can be wrong with the parameters and the data, the key being right.
fn situations(objects: &Objects) -> Vec<(&'static str, Operation, Ask, R)> {
    let of = |operation: Operation| Ask::of(objects.of(operation)).data(&[1; 16]);
    let verifying = |operation: Operation| Ask { proof: Some(vec![1; 32]), ..of(operation) };
    let with_iv = |ask: Ask| Ask { iv: Some(vec![1; 16]), ..ask };
    let secret = Ask::of(&objects.secret).data(&[1; 16]);
    let pcbc = mode(BlockCipherMode::PCBC);
    let tiger = CryptographicParameters { hashing_algorithm: Some(HashingAlgorithm::Tiger), ..signature() };
    let cbc_mac = mode(BlockCipherMode::CBC_MAC);
    let other_hash = CryptographicParameters { hashing_algorithm: Some(HashingAlgorithm::SHA_1), ..hmac() };
    vec![
        ("a mode that is not offered", O::Encrypt, with_iv(of(O::Encrypt)).with(pcbc.clone()), UNSUPPORTED),
        ("a mode that is not offered", O::Decrypt, with_iv(of(O::Decrypt)).with(pcbc), UNSUPPORTED),
        (
            "a padding that is none of a cipher",
            O::Encrypt,
            with_iv(of(O::Encrypt)).with(padded(PaddingMethod::SSL3)),
            UNSUPPORTED,
        ),
        (
            "a padding that is none of a cipher",
            O::Decrypt,
            with_iv(of(O::Decrypt)).with(padded(PaddingMethod::SSL3)),
            UNSUPPORTED,
        ),
        ("a hash that is not offered", O::Sign, of(O::Sign).with(tiger.clone()), UNSUPPORTED),
        ("a hash that is not offered", O::SignatureVerify, verifying(O::SignatureVerify).with(tiger), UNSUPPORTED),
        ("a hash that is not offered", O::Hash, Ask::default().with(hashing(HashingAlgorithm::MD4)).data(b"a"), R::InvalidField),
        ("a MAC that is not offered", O::MAC, of(O::MAC).with(cbc_mac.clone()), BAD),
        ("a MAC that is not offered", O::MACVerify, verifying(O::MACVerify).with(cbc_mac), BAD),
        ("a hash that is not the algorithm's", O::MAC, of(O::MAC).with(other_hash.clone()), BAD),
        ("a hash that is not the algorithm's", O::MACVerify, verifying(O::MACVerify).with(other_hash), BAD),
        ("no mode", O::Encrypt, of(O::Encrypt), BAD),
        ("no mode", O::Decrypt, of(O::Decrypt), BAD),
        ("no hash", O::Hash, Ask::default().data(b"a"), R::InvalidField),
        ("no algorithm", O::MAC, secret.clone(), BAD),
        ("no algorithm", O::MACVerify, Ask { proof: Some(vec![1; 32]), ..secret.clone() }, BAD),
        ("a cipher for bytes that are no key of it", O::MAC, secret.clone().with(algorithm(CryptographicAlgorithm::AES)), BAD),
        ("an algorithm that is not the key's", O::Encrypt, of(O::Encrypt).with(algorithm(CryptographicAlgorithm::Camellia)), BAD),
        ("an algorithm that is not the key's", O::Decrypt, of(O::Decrypt).with(algorithm(CryptographicAlgorithm::DES3)), BAD),
        ("an algorithm that is not the key's", O::Sign, of(O::Sign).with(algorithm(CryptographicAlgorithm::RSA)), BAD),
        ("an algorithm that is not the key's", O::MAC, of(O::MAC).with(algorithm(CryptographicAlgorithm::Camellia)), BAD),
        ("no IV", O::Encrypt, of(O::Encrypt).with(mode(BlockCipherMode::CBC)), R::MissingInitializationVector),
        ("no IV", O::Decrypt, of(O::Decrypt).with(mode(BlockCipherMode::CBC)), R::InvalidMessage),
        (
            "an IV of a wrong length",
            O::Encrypt,
            Ask { iv: Some(vec![1; 15]), ..of(O::Encrypt) }.with(mode(BlockCipherMode::CBC)),
            BAD,
        ),
        ("no whole blocks", O::Encrypt, Ask::of(&objects.aes).data(&[1; 15]).with(mode(BlockCipherMode::ECB)), BAD),
        ("no padding", O::Decrypt, with_iv(of(O::Decrypt)).with(padded(PaddingMethod::PKCS5)), R::CryptographicFailure),
        ("no padding", O::Decrypt, with_iv(of(O::Decrypt)).with(padded(PaddingMethod::ANSIX9_23)), R::CryptographicFailure),
        (
            "a tag that is wrong",
            O::Decrypt,
            Ask { tag: Some(vec![0; 16]), ..with_iv(of(O::Decrypt)) }.with(mode(BlockCipherMode::GCM)),
            R::CryptographicFailure,
        ),
        ("no signature", O::SignatureVerify, of(O::SignatureVerify).with(signature()), R::InvalidMessage),
        ("no code", O::MACVerify, of(O::MACVerify).with(hmac()), R::InvalidMessage),
        ("no data", O::Encrypt, Ask::of(&objects.aes).with(mode(BlockCipherMode::ECB)), R::InvalidMessage),
        ("no data", O::Sign, Ask::of(&objects.private).with(signature()), R::InvalidMessage),
        ("no data", O::MAC, Ask::of(&objects.aes).with(hmac()), R::InvalidMessage),
        ("no data", O::Hash, Ask::default().with(hashing(HashingAlgorithm::SHA_256)), R::InvalidMessage),
        ("secret data for a cipher", O::Encrypt, secret.clone().with(mode(BlockCipherMode::ECB)), R::InvalidObjectType),
        ("secret data for a cipher", O::Decrypt, secret.with(mode(BlockCipherMode::ECB)), R::InvalidObjectType),
    ]
}

/// That a reason is the one, and that the operation has it.
#[track_caller]
fn check(version: ProtocolVersion, what: &str, operation: Operation, got: Result<(), R>, expected: R) {
    // 1.x has no other word for an object that is not able to be used so (1.4, sections 11.29 to 11.34).
    let expected = match expected {
        R::InvalidObjectType if version.is_1x() => R::PermissionDenied,
        other => other,
    };
    assert_eq!(got, Err(expected.at(version)), "{version} {operation:?}: {what}");
    if !version.is_1x() {
        let listed = OF_ALL.contains(&expected) || of_section(operation).contains(&expected);
        assert!(listed, "{version} {operation:?}: {what}: {expected:?} is not a reason of it");
    }
}

#[test]
fn every_failure_has_a_reason_of_its_operation() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let objects = Objects::new(&mut client);
        for (what, operation, mut ask, expected) in situations(&objects) {
            if version < ProtocolVersion::V1_4 && ask.tag.take().is_some() {
                // The tag is the end of the data.
                ask = ask.data(&[0; 32]);
            }
            let got = serve(&mut client, operation, &ask).map(drop);
            check(version, what, operation, got, expected);
        }
        for operation in WITH_KEY {
            let mut refused = |what: &str, key: &str, expected| {
                let got = serve(&mut client, operation, &fitting(operation, key)).map(drop);
                check(version, what, operation, got, expected);
            };
            refused("no such object", "nobody", R::ObjectNotFound);
            refused("an object that is no key", &objects.opaque, R::InvalidObjectType);
            let other =
                if matches!(operation, Operation::Sign | Operation::SignatureVerify) { &objects.aes } else { &objects.private };
            // An EC private key has no Decrypt in its mask; its type is looked at first elsewhere.
            let reason =
                if operation == Operation::Decrypt { R::IncompatibleCryptographicUsageMask } else { R::InvalidObjectType };
            refused("a key of another type", other, reason);
        }
    }
}

#[test]
fn every_key_out_of_use_has_a_reason_of_its_operation() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let young = |client: &mut Client<'_>| {
            let key_block = block(KeyFormatType::Raw, &sequence(16), Some(CryptographicAlgorithm::AES));
            client.register(ManagedObject::SymmetricKey(SymmetricKey { key_block }), vec![Attribute::CryptographicUsageMask(ALL)])
        };
        let young = young(&mut client);
        let (private, public) = client.create_key_pair();
        let unfit = key(&mut client, &sequence(16), Mask::WrapKey, vec![]);
        let used_up = key(&mut client, &sequence(16), ALL, vec![limits(15, UsageLimitsUnit::Byte)]);
        for operation in WITH_KEY {
            let of = match operation {
                Operation::Sign => &private,
                Operation::SignatureVerify => &public,
                _ => &young,
            };
            let got = serve(&mut client, operation, &fitting(operation, of)).map(drop);
            check(version, "Pre-Active", operation, got, R::WrongKeyLifecycleState);
            let lost = Ask { correlation: Some(kmip::codec::ByteString(vec![1; 16])), ..fitting(operation, of) };
            if version >= ProtocolVersion::V1_3 {
                let got = serve(&mut client, operation, &lost).map(drop);
                check(version, "no such stream", operation, got, R::InvalidCorrelationValue);
            }
            if matches!(operation, Operation::Sign | Operation::SignatureVerify) {
                continue;
            }
            let got = serve(&mut client, operation, &fitting(operation, &unfit)).map(drop);
            check(version, "another mask", operation, got, R::IncompatibleCryptographicUsageMask);
            // Encrypt has Permission Denied for it (section 6.1.17).
            let expected = match operation {
                Operation::Encrypt => R::PermissionDenied,
                Operation::MAC => R::UsageLimitExceeded,
                _ => continue,
            };
            let got = serve(&mut client, operation, &fitting(operation, &used_up)).map(drop);
            check(version, "used up", operation, got, expected);
        }
    }
}
