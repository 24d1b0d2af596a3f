//! Encrypt: the data, encrypted by the server with a key that need not leave it (2.1, section 6.1.17).
//!
//! A symmetric key encrypts as it is given data; what goes to a public key is encrypted at the end, since it is one number. Up to 1.3 there is no
//! field for the tag of authenticated encryption: it is the end of the data.

use kmip::codec::ByteString;
use kmip::enumerations::{CryptographicAlgorithm, DataEnumeration, ObjectType};
use kmip::identifier::UniqueIdentifier;
use kmip::operation::Operation as Code;
use kmip::payload::encrypt::{EncryptRequest, EncryptResponse};
use kmip::result_reason::ResultReason;
use kmip::structures::CryptographicParameters;
use kmip::{ProtocolVersion, Secret};
use policy::Permission;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::key_material;
use crate::object::StoredObject;
use crate::one_time_pad::OneTimePad;
use crate::operation::Material;
use crate::service::{Output, Part, Service};
use crate::use_of_key::{self, At, Use};

/// The most that is encrypted to a public key, in bytes: more than any key can take.
pub(crate) const ASYMMETRIC_BYTES: usize = 2_048;

pub(crate) struct Encrypt;

/// An encryption that has begun.
pub(crate) enum Encryption {
    Cipher {
        encryptor: Box<crypto::Encryptor>,
        /// Whether the tag goes behind the data.
        appends_tag: bool,
        /// The IV that the server made, until it is given out.
        iv: Option<Vec<u8>>,
    },
    Pad(OneTimePad),
    PublicKey {
        parameters: CryptographicParameters,
        key: Box<crypto::PublicKey>,
        data: Zeroizing<Vec<u8>>,
    },
}

impl Service for Encrypt {
    type Request = EncryptRequest;
    type Response = EncryptResponse;
    type State = Encryption;

    const OPERATION: Code = Code::Encrypt;
    const PERMISSION: Permission = Permission::Encrypt;
    const USE: Option<Use> = Some(Use::Encrypt);
    const RESULT: Option<DataEnumeration> = Some(DataEnumeration::Encrypt);

    fn part(request: &EncryptRequest) -> Part<'_> {
        Part {
            unique_identifier: request.unique_identifier.as_ref(),
            cryptographic_parameters: request.cryptographic_parameters.as_ref(),
            data: request.data.as_ref(),
            digested_data: None,
            additional_data: request.authenticated_encryption_additional_data.as_ref(),
            correlation_value: request.correlation_value.as_ref(),
            init_indicator: request.init_indicator,
            final_indicator: request.final_indicator,
        }
    }

    fn begin(
        request: &EncryptRequest,
        key: Option<&StoredObject>,
        parameters: CryptographicParameters,
        material: &Material<'_>,
    ) -> Result<Encryption> {
        let key = key.ok_or_else(Error::object_not_found)?;
        if parameters.cryptographic_algorithm == Some(CryptographicAlgorithm::OneTimePad) {
            return Ok(Encryption::Pad(OneTimePad::new(key_material::symmetric(key)?)));
        }
        match key.object_type {
            ObjectType::PublicKey | ObjectType::Certificate => {
                let key = Box::new(key_material::public(key)?);
                Ok(Encryption::PublicKey { parameters, key, data: data_of_public_key() })
            }
            ObjectType::SymmetricKey => {
                let iv = request.iv_counter_nonce.as_ref().map(|iv| iv.0.as_slice());
                let aad = request.authenticated_encryption_additional_data.as_ref().map(|data| data.0.as_slice());
                let key = key_material::symmetric(key)?;
                let encryptor = Box::new(crypto::Encryptor::new(&parameters, key.expose(), iv, aad, material.random)?);
                let iv = encryptor.generated_iv().map(<[u8]>::to_vec);
                Ok(Encryption::Cipher { encryptor, appends_tag: material.at.version < ProtocolVersion::V1_4, iv })
            }
            _ => Err(only_a_pad(material.at)),
        }
    }

    fn update(state: &mut Encryption, _: &EncryptRequest, data: &[u8]) -> Result<Output> {
        match state {
            Encryption::Cipher { encryptor, iv, .. } => {
                Ok(Output { iv: iv.take(), ..Output::of(Secret::new(encryptor.update(data)?)) })
            }
            Encryption::Pad(pad) => Ok(Output::of(pad.apply(data)?)),
            Encryption::PublicKey { data: held, .. } => collect(held, data),
        }
    }

    fn finish(state: Encryption, _: &EncryptRequest, material: &Material<'_>) -> Result<Output> {
        match state {
            Encryption::Cipher { encryptor, appends_tag, iv } => {
                let (mut rest, mut tag) = encryptor.finish()?;
                if appends_tag {
                    rest.extend(tag.take().unwrap_or_default());
                }
                Ok(Output { iv, tag, ..Output::of(Secret::new(rest)) })
            }
            Encryption::Pad(_) => Ok(Output::default()),
            Encryption::PublicKey { parameters, key, data } => {
                Ok(Output::of(Secret::new(crypto::encrypt(&parameters, &key, &data, material.random)?)))
            }
        }
    }

    fn held(state: &Encryption) -> usize {
        match state {
            Encryption::PublicKey { data, .. } => data.len(),
            Encryption::Cipher { encryptor, .. } => encryptor.held(),
            Encryption::Pad(_) => 0,
        }
    }

    fn response(key: UniqueIdentifier, output: &Output, correlation_value: Option<ByteString>) -> EncryptResponse {
        EncryptResponse {
            unique_identifier: key,
            data: output.data(),
            iv_counter_nonce: output.iv.clone().map(ByteString),
            correlation_value,
            authenticated_encryption_tag: output.tag.clone().map(ByteString),
        }
    }
}

/// Where data for a key that takes them in one piece are collected: as long as it can get, so that it leaves no copies behind.
pub(crate) fn data_of_public_key() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(Vec::with_capacity(ASYMMETRIC_BYTES))
}

/// Collects data for a key that takes them in one piece.
///
/// # Errors
/// Bad Cryptographic Parameters for more than any key takes.
pub(crate) fn collect(held: &mut Zeroizing<Vec<u8>>, data: &[u8]) -> Result<Output> {
    if data.len() > ASYMMETRIC_BYTES - held.len() {
        let text = "The data are longer than what a key of this kind can take";
        return Err(Error::new(ResultReason::BadCryptographicParameters, text));
    }
    held.extend_from_slice(data);
    Ok(Output::default())
}

/// Secret Data is no key of a cipher.
pub(crate) fn only_a_pad(at: At) -> Error {
    Error::new(use_of_key::wrong_type(at), "Secret Data encrypts and decrypts as a one-time pad only")
}
