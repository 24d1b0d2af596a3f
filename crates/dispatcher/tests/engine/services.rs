//! Encrypt, Decrypt, Sign, Signature Verify, MAC, MAC Verify, Hash and the random bytes: what a key may be used for, and what comes of it.

use std::sync::atomic::Ordering;

use kmip::ProtocolVersion;
use kmip::Secret;
use kmip::attribute::{Attribute, TemplateAttribute};
use kmip::codec::{ByteString, DateTime, Value};
use kmip::enumerations::{
    BatchErrorContinuationOption, BlockCipherMode, CryptographicAlgorithm, DataEnumeration, HashingAlgorithm, KeyFormatType,
    PaddingMethod, ResultStatus, RevocationReasonCode, SecretDataType, UsageLimitsUnit, ValidityIndicator,
};
use kmip::masks::CryptographicUsageMask as Mask;
use kmip::object::{KeyBlock, KeyMaterial, KeyValue, ManagedObject, PlainKeyValue, SecretData, SymmetricKey};
use kmip::operation::Operation;
use kmip::payload::create_key_pair::{CreateKeyPairRequest, CreateKeyPairResponse};
use kmip::payload::decrypt::{DecryptRequest, DecryptResponse};
use kmip::payload::encrypt::{EncryptRequest, EncryptResponse};
use kmip::payload::hash::{HashRequest, HashResponse};
use kmip::payload::mac::{MACRequest, MACResponse};
use kmip::payload::mac_verify::{MACVerifyRequest, MACVerifyResponse};
use kmip::payload::rng_retrieve::{RNGRetrieveRequest, RNGRetrieveResponse};
use kmip::payload::rng_seed::{RNGSeedRequest, RNGSeedResponse};
use kmip::payload::sign::{SignRequest, SignResponse};
use kmip::payload::signature_verify::{SignatureVerifyRequest, SignatureVerifyResponse};
use kmip::result_reason::ResultReason;
use kmip::structures::{CryptographicParameters, Data, UsageLimits};

use crate::client::{Answer, Client, template};
use crate::concurrency::together;
use crate::server::{START, Server};

/// The versions that have these operations.
pub(crate) const VERSIONS: [ProtocolVersion; 5] =
    [ProtocolVersion::V1_2, ProtocolVersion::V1_3, ProtocolVersion::V1_4, ProtocolVersion::V2_0, ProtocolVersion::V2_1];

/// The services that use a key.
pub(crate) const WITH_KEY: [Operation; 6] =
    [Operation::Encrypt, Operation::Decrypt, Operation::Sign, Operation::SignatureVerify, Operation::MAC, Operation::MACVerify];

/// The fields of a request to any of the services.
#[derive(Clone, Default)]
pub(crate) struct Ask {
    pub(crate) key: Option<String>,
    pub(crate) parameters: Option<CryptographicParameters>,
    pub(crate) data: Option<Data>,
    pub(crate) digest: Option<Vec<u8>>,
    pub(crate) iv: Option<Vec<u8>>,
    pub(crate) aad: Option<Vec<u8>>,
    pub(crate) tag: Option<Vec<u8>>,
    /// The signature or code to verify.
    pub(crate) proof: Option<Vec<u8>>,
    pub(crate) correlation: Option<ByteString>,
    pub(crate) init: Option<bool>,
    pub(crate) last: Option<bool>,
}

/// The fields of a response of any of the services.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) key: String,
    pub(crate) data: Option<Vec<u8>>,
    pub(crate) iv: Option<Vec<u8>>,
    pub(crate) tag: Option<Vec<u8>>,
    pub(crate) valid: Option<bool>,
    pub(crate) correlation: Option<ByteString>,
}

impl Ask {
    pub(crate) fn of(key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..Self::default() }
    }

    pub(crate) fn data(mut self, data: &[u8]) -> Self {
        self.data = Some(Data::Bytes(Secret::from_slice(data)));
        self
    }

    pub(crate) fn with(mut self, parameters: CryptographicParameters) -> Self {
        self.parameters = Some(parameters);
        self
    }

    /// Hands the payload of an operation to `send`.
    #[rustfmt::skip]
    pub(crate) fn payload<T>(&self, operation: Operation, send: impl FnOnce(&dyn Payload) -> T) -> T {
        let unique_identifier = self.key.as_deref().map(Into::into);
        let (cryptographic_parameters, data) = (self.parameters.clone(), self.data.clone());
        let (correlation_value, init_indicator, final_indicator) = (self.correlation.clone(), self.init, self.last);
        let iv_counter_nonce = self.iv.clone().map(ByteString);
        let authenticated_encryption_additional_data = self.aad.clone().map(ByteString);
        let digested_data = self.digest.clone().map(ByteString);
        let proof = self.proof.clone().map(ByteString);
        match operation {
            Operation::Encrypt => send(&EncryptRequest {
                unique_identifier, cryptographic_parameters, data, iv_counter_nonce, correlation_value, init_indicator,
                final_indicator, authenticated_encryption_additional_data,
            }),
            Operation::Decrypt => send(&DecryptRequest {
                unique_identifier, cryptographic_parameters, data, iv_counter_nonce, correlation_value, init_indicator,
                final_indicator, authenticated_encryption_additional_data,
                authenticated_encryption_tag: self.tag.clone().map(ByteString),
            }),
            Operation::Sign => send(&SignRequest {
                unique_identifier, cryptographic_parameters, data, digested_data, correlation_value, init_indicator,
                final_indicator,
            }),
            Operation::SignatureVerify => send(&SignatureVerifyRequest {
                unique_identifier, cryptographic_parameters, data, digested_data, signature_data: proof, correlation_value,
                init_indicator, final_indicator,
            }),
            Operation::MAC => send(&MACRequest {
                unique_identifier, cryptographic_parameters, data, correlation_value, init_indicator, final_indicator,
            }),
            Operation::MACVerify => send(&MACVerifyRequest {
                unique_identifier, cryptographic_parameters, data, mac_data: proof, correlation_value, init_indicator,
                final_indicator,
            }),
            Operation::Hash => send(&HashRequest {
                cryptographic_parameters: cryptographic_parameters.unwrap_or_default(), data, correlation_value, init_indicator,
                final_indicator,
            }),
            other => panic!("{other:?} is no service"),
        }
    }
}

/// A payload whose type does not matter any more.
pub(crate) trait Payload {
    fn ask(&self, client: &mut Client<'_>, operation: Operation) -> Answer;
}

impl<T: Value> Payload for T {
    fn ask(&self, client: &mut Client<'_>, operation: Operation) -> Answer {
        client.ask(operation, self)
    }
}

fn read(operation: Operation, answer: &Answer) -> Result<Got, ResultReason> {
    let bytes = |data: Option<Data>| data.and_then(|data| data.bytes().map(|bytes| bytes.expose().to_vec()));
    let plain = |bytes: Option<ByteString>| bytes.map(|bytes| bytes.0);
    let valid = |indicator: Option<ValidityIndicator>| indicator.map(|indicator| indicator == ValidityIndicator::Valid);
    Ok(match operation {
        Operation::Encrypt => {
            let got: EncryptResponse = answer.result()?;
            Got {
                key: got.unique_identifier.0,
                data: bytes(got.data),
                iv: plain(got.iv_counter_nonce),
                tag: plain(got.authenticated_encryption_tag),
                valid: None,
                correlation: got.correlation_value,
            }
        }
        Operation::Decrypt => {
            let got: DecryptResponse = answer.result()?;
            Got { key: got.unique_identifier.0, data: bytes(got.data), correlation: got.correlation_value, ..Got::default() }
        }
        Operation::Sign => {
            let got: SignResponse = answer.result()?;
            let data = plain(got.signature_data);
            Got { key: got.unique_identifier.0, data, correlation: got.correlation_value, ..Got::default() }
        }
        Operation::SignatureVerify => {
            let got: SignatureVerifyResponse = answer.result()?;
            let valid = valid(got.validity_indicator);
            Got { key: got.unique_identifier.0, valid, correlation: got.correlation_value, ..Got::default() }
        }
        Operation::MAC => {
            let got: MACResponse = answer.result()?;
            Got { key: got.unique_identifier.0, data: plain(got.mac_data), correlation: got.correlation_value, ..Got::default() }
        }
        Operation::MACVerify => {
            let got: MACVerifyResponse = answer.result()?;
            let valid = valid(got.validity_indicator);
            Got { key: got.unique_identifier.0, valid, correlation: got.correlation_value, ..Got::default() }
        }
        Operation::Hash => {
            let got: HashResponse = answer.result()?;
            Got { data: bytes(got.data), correlation: got.correlation_value, ..Got::default() }
        }
        other => panic!("{other:?} is no service"),
    })
}

/// Asks for a service.
#[track_caller]
pub(crate) fn serve(client: &mut Client<'_>, operation: Operation, ask: &Ask) -> Result<Got, ResultReason> {
    let answer = ask.payload(operation, |payload| payload.ask(client, operation));
    read(operation, &answer)
}

pub(crate) fn mode(mode: BlockCipherMode) -> CryptographicParameters {
    CryptographicParameters { block_cipher_mode: Some(mode), ..CryptographicParameters::default() }
}

pub(crate) fn hmac() -> CryptographicParameters {
    CryptographicParameters {
        cryptographic_algorithm: Some(CryptographicAlgorithm::HMAC_SHA256),
        ..CryptographicParameters::default()
    }
}

pub(crate) fn signature() -> CryptographicParameters {
    CryptographicParameters {
        cryptographic_algorithm: Some(CryptographicAlgorithm::ECDSA),
        hashing_algorithm: Some(HashingAlgorithm::SHA_256),
        ..CryptographicParameters::default()
    }
}

fn block(format: KeyFormatType, bytes: &[u8], algorithm: Option<CryptographicAlgorithm>) -> KeyBlock {
    crate::objects::block(format, bytes, algorithm)
}

/// A key that is Active, for these uses.
pub(crate) fn key(client: &mut Client<'_>, bytes: &[u8], mask: Mask, more: Vec<Attribute>) -> String {
    let key_block = block(KeyFormatType::Raw, bytes, Some(CryptographicAlgorithm::AES));
    let mut attributes = vec![Attribute::CryptographicUsageMask(mask), Attribute::ActivationDate(DateTime(START - 1))];
    attributes.extend(more);
    client.register(ManagedObject::SymmetricKey(SymmetricKey { key_block }), attributes)
}

pub(crate) const ALL: Mask = Mask(Mask::Encrypt.0 | Mask::Decrypt.0 | Mask::MACGenerate.0 | Mask::MACVerify.0);

fn sequence(length: u8) -> Vec<u8> {
    (0..length).collect()
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().map(|digit| u8::try_from(digit.to_digit(16).unwrap()).unwrap()).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[test]
fn known_answers() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        // FIPS 197, appendix C.1.
        let aes = key(&mut client, &sequence(16), ALL, vec![]);
        let (clear, encrypted) = (hex("00112233445566778899aabbccddeeff"), hex("69c4e0d86a7b0430d8cdb78070b4c55a"));
        let ask = Ask::of(&aes).with(mode(BlockCipherMode::ECB));
        let got = serve(&mut client, Operation::Encrypt, &ask.clone().data(&clear)).unwrap();
        assert_eq!(got, Got { key: aes.clone(), data: Some(encrypted.clone()), ..Got::default() }, "{version}");
        let got = serve(&mut client, Operation::Decrypt, &ask.data(&encrypted)).unwrap();
        assert_eq!(got, Got { key: aes, data: Some(clear), ..Got::default() }, "{version}");

        // RFC 4231, test case 2.
        let jefe = key(&mut client, b"Jefe", ALL, vec![]);
        let ask = Ask::of(&jefe).with(hmac()).data(b"what do ya want for nothing?");
        let code = hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let got = serve(&mut client, Operation::MAC, &ask).unwrap();
        assert_eq!(got, Got { key: jefe.clone(), data: Some(code.clone()), ..Got::default() }, "{version}");
        for (proof, valid) in [(code.clone(), true), (code[..31].to_vec(), false), (vec![0; 32], false)] {
            let ask = Ask { proof: Some(proof), ..ask.clone() };
            let got = serve(&mut client, Operation::MACVerify, &ask).unwrap();
            assert_eq!(got, Got { key: jefe.clone(), valid: Some(valid), ..Got::default() }, "{version}");
        }

        // FIPS 180-4.
        let sha256 =
            CryptographicParameters { hashing_algorithm: Some(HashingAlgorithm::SHA_256), ..CryptographicParameters::default() };
        let got = serve(&mut client, Operation::Hash, &Ask::default().with(sha256).data(b"abc")).unwrap();
        let digest = hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(got, Got { data: Some(digest), ..Got::default() }, "{version}");
    }
}

#[test]
fn authenticated_encryption_and_the_ivs_of_the_server() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = key(&mut client, &sequence(32), ALL, vec![]);
        let has_tag = version >= ProtocolVersion::V1_4;
        let parameters = CryptographicParameters {
            block_cipher_mode: Some(BlockCipherMode::GCM),
            tag_length: Some(16),
            random_iv: Some(true),
            ..CryptographicParameters::default()
        };
        let clear = sequence(100);
        let ask = Ask::of(&key).with(parameters.clone()).data(&clear);
        let one = serve(&mut client, Operation::Encrypt, &ask).unwrap();
        let other = serve(&mut client, Operation::Encrypt, &ask).unwrap();
        assert_ne!(one.iv, other.iv, "{version}");
        assert_eq!(
            (one.tag.is_some(), one.data.as_ref().unwrap().len()),
            (has_tag, if has_tag { 100 } else { 116 }),
            "{version}"
        );
        let ask = Ask::of(&key).with(CryptographicParameters { random_iv: None, ..parameters.clone() }).data(&clear);
        let with_iv = serve(&mut client, Operation::Encrypt, &Ask { iv: Some(vec![1; 12]), ..ask.clone() }).unwrap();
        assert_eq!(with_iv.iv, None, "{version}: the client knows it");
        let missing = serve(&mut client, Operation::Encrypt, &ask).unwrap_err();
        assert_eq!(missing, ResultReason::MissingInitializationVector.at(version));
        assert_eq!(serve(&mut client, Operation::Decrypt, &ask).unwrap_err(), ResultReason::InvalidMessage, "{version}");
        let parts = CryptographicParameters { tag_length: Some(1), ..parameters.clone() };
        let short = serve(&mut client, Operation::Encrypt, &Ask { parameters: Some(parts), ..ask }).unwrap_err();
        assert_eq!(short, ResultReason::GeneralFailure, "{version}");

        let decrypt = Ask { iv: one.iv.clone(), tag: one.tag.clone(), ..Ask::of(&key).with(parameters) };
        let sealed = one.data.unwrap();
        let got = serve(&mut client, Operation::Decrypt, &decrypt.clone().data(&sealed)).unwrap();
        assert_eq!(got.data, Some(clear), "{version}");
        let mut broken = sealed.clone();
        broken[7] ^= 1;
        let failed = serve(&mut client, Operation::Decrypt, &decrypt.clone().data(&broken)).unwrap_err();
        assert_eq!(failed, ResultReason::CryptographicFailure, "{version}");
        if has_tag {
            let ask = Ask { aad: Some(b"other".to_vec()), ..decrypt.data(&sealed) };
            assert_eq!(serve(&mut client, Operation::Decrypt, &ask).unwrap_err(), ResultReason::CryptographicFailure);
        }
    }
}

#[test]
fn key_pairs_sign_and_verify() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let (private, public) = client.create_key_pair();
        client.activate(&private).unwrap();
        client.activate(&public).unwrap();
        let ask = Ask::of(&private).with(signature()).data(b"message");
        let got = serve(&mut client, Operation::Sign, &ask).unwrap();
        let proof = got.data.unwrap();
        for (data, valid) in [(&b"message"[..], true), (b"massage", false)] {
            let ask = Ask { proof: Some(proof.clone()), ..Ask::of(&public).with(signature()).data(data) };
            let got = serve(&mut client, Operation::SignatureVerify, &ask).unwrap();
            assert_eq!(got, Got { key: public.clone(), valid: Some(valid), ..Got::default() }, "{version}");
        }
        let ask = Ask::of(&public).with(signature()).data(b"message");
        let missing = serve(&mut client, Operation::SignatureVerify, &ask).unwrap_err();
        assert_eq!(missing, ResultReason::InvalidMessage, "{version}: there is no signature");
        if version >= ProtocolVersion::V1_4 {
            let digest = crypto::digest(HashingAlgorithm::SHA_256, b"message").unwrap();
            let ask = Ask { digest: Some(digest), ..Ask::of(&private).with(signature()) };
            let of_digest = serve(&mut client, Operation::Sign, &ask).unwrap().data;
            let whole = Ask { proof: of_digest, ..Ask::of(&public).with(signature()).data(b"message") };
            assert_eq!(serve(&mut client, Operation::SignatureVerify, &whole).unwrap().valid, Some(true), "{version}");
            let ask = Ask { key: Some(public.clone()), proof: Some(proof), ..ask };
            assert_eq!(serve(&mut client, Operation::SignatureVerify, &ask).unwrap().valid, Some(true), "{version}");
            let both = ask.data(b"message");
            assert_eq!(serve(&mut client, Operation::SignatureVerify, &both).unwrap_err(), ResultReason::InvalidField);
        }
    }
}

/// An RSA key pair that encrypts.
fn rsa(client: &mut Client<'_>) -> (String, String) {
    let with = |mask| -> Option<TemplateAttribute> {
        Some(template(vec![Attribute::CryptographicUsageMask(mask), Attribute::ActivationDate(DateTime(START - 1))]))
    };
    let request = CreateKeyPairRequest {
        common_attributes: Some(template(vec![
            Attribute::CryptographicAlgorithm(CryptographicAlgorithm::RSA),
            Attribute::CryptographicLength(2048),
        ])),
        private_key_attributes: with(Mask::Decrypt),
        public_key_attributes: with(Mask::Encrypt),
        common_protection_storage_masks: None,
        private_protection_storage_masks: None,
        public_protection_storage_masks: None,
    };
    let response: CreateKeyPairResponse = client.ask(Operation::CreateKeyPair, &request).ok();
    (response.private_key_unique_identifier.0, response.public_key_unique_identifier.0)
}

#[test]
fn rsa_decrypts_with_oaep_and_with_pkcs1_only_where_that_is_allowed() {
    let version = ProtocolVersion::V2_1;
    for allowed in [false, true] {
        let server = Server::with(dispatcher::Settings { pkcs1_decryption: allowed, ..dispatcher::Settings::default() });
        let mut client = server.client("fred", version);
        let (private, public) = rsa(&mut client);
        for padding in [PaddingMethod::OAEP, PaddingMethod::PKCS1V1_5] {
            let parameters = CryptographicParameters {
                padding_method: Some(padding),
                hashing_algorithm: (padding == PaddingMethod::OAEP).then_some(HashingAlgorithm::SHA_256),
                ..CryptographicParameters::default()
            };
            let ask = Ask::of(&public).with(parameters.clone()).data(b"secret");
            let sealed = serve(&mut client, Operation::Encrypt, &ask).unwrap().data.unwrap();
            let worked = server.trouble.worked.load(Ordering::SeqCst);
            let got = serve(&mut client, Operation::Decrypt, &Ask::of(&private).with(parameters.clone()).data(&sealed));
            assert_eq!(server.trouble.worked.load(Ordering::SeqCst), worked + 1, "on threads of its own");
            if padding == PaddingMethod::OAEP || allowed {
                assert_eq!(got.unwrap().data.as_deref(), Some(&b"secret"[..]), "{padding:?}");
                let wrong = serve(&mut client, Operation::Decrypt, &Ask::of(&private).with(parameters).data(&[7; 256]));
                assert_eq!(wrong.unwrap_err(), ResultReason::CryptographicFailure, "{padding:?}");
            } else {
                assert_eq!(got.unwrap_err(), ResultReason::UnsupportedCryptographicParameters);
            }
        }
        let ask = Ask::of(&public).data(&[1; 4_000]);
        assert_eq!(serve(&mut client, Operation::Encrypt, &ask).unwrap_err(), ResultReason::BadCryptographicParameters);
    }
}

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
        assert_eq!(no_pad, ResultReason::InvalidObjectType.at(version));
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
fn random_bytes_and_seeds() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let mut retrieve = |data_length| client.ask(Operation::RNGRetrieve, &RNGRetrieveRequest { data_length });
        let one: RNGRetrieveResponse = retrieve(100).ok();
        let other: RNGRetrieveResponse = retrieve(100).ok();
        assert_eq!(one.data.bytes().unwrap().len(), 100);
        assert_ne!(one.data, other.data, "{version}");
        for length in [0, -1, i32::MIN, i32::MAX, (256 << 10) + 1] {
            retrieve(length).fails_with(ResultReason::InvalidField);
        }
        retrieve(256 << 10).ok::<RNGRetrieveResponse>();
        // The generator takes no seed, and says so.
        let seed = RNGSeedRequest { data: Data::Bytes(Secret::from_slice(&[1; 64])) };
        assert_eq!(client.ask(Operation::RNGSeed, &seed).ok::<RNGSeedResponse>().data_length, 0, "{version}");
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
