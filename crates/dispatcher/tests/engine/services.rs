//! Encrypt, Decrypt, Sign, Signature Verify, MAC, MAC Verify, Hash and the random bytes: what a key may be used for, and what comes of it.

use std::sync::atomic::Ordering;

use kmip::ProtocolVersion;
use kmip::Secret;
use kmip::attribute::{Attribute, TemplateAttribute};
use kmip::codec::{ByteString, DateTime, Value};
use kmip::enumerations::{
    BlockCipherMode, CryptographicAlgorithm, HashingAlgorithm, KeyFormatType, PaddingMethod, ValidityIndicator,
};
use kmip::masks::CryptographicUsageMask as Mask;
use kmip::object::{KeyBlock, ManagedObject, SymmetricKey};
use kmip::operation::Operation;
use kmip::payload::create_key_pair::{CreateKeyPairRequest, CreateKeyPairResponse};
use kmip::payload::decrypt::{DecryptRequest, DecryptResponse};
use kmip::payload::encrypt::{EncryptRequest, EncryptResponse};
use kmip::payload::hash::{HashRequest, HashResponse};
use kmip::payload::mac::{MACRequest, MACResponse};
use kmip::payload::mac_verify::{MACVerifyRequest, MACVerifyResponse};
use kmip::payload::sign::{SignRequest, SignResponse};
use kmip::payload::signature_verify::{SignatureVerifyRequest, SignatureVerifyResponse};
use kmip::result_reason::ResultReason;
use kmip::structures::{CryptographicParameters, Data};

use crate::client::{Answer, Client, template};
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

pub(crate) fn block(format: KeyFormatType, bytes: &[u8], algorithm: Option<CryptographicAlgorithm>) -> KeyBlock {
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

pub(crate) fn sequence(length: u8) -> Vec<u8> {
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
