//! Decrypt: what was encrypted, in clear (2.1, section 6.1.11).
//!
//! What authenticated encryption protects leaves the server only once all of it has been authenticated; in a stream, with its end. Whatever is
//! wrong with the ciphertext, its tag or its padding is one failure.

use crypto::CryptoError;
use kmip::codec::ByteString;
use kmip::enumerations::{CryptographicAlgorithm, DataEnumeration, ObjectType};
use kmip::identifier::UniqueIdentifier;
use kmip::operation::Operation as Code;
use kmip::payload::decrypt::{DecryptRequest, DecryptResponse};
use kmip::result_reason::ResultReason;
use kmip::structures::CryptographicParameters;
use policy::Permission;
use zeroize::Zeroizing;

use crate::encrypt::{collect, data_of_public_key, only_a_pad};
use crate::error::{Error, Result};
use crate::key_material;
use crate::object::StoredObject;
use crate::one_time_pad::OneTimePad;
use crate::operation::Material;
use crate::service::{Output, Part, Service};
use crate::use_of_key::Use;

pub(crate) struct Decrypt;

/// A decryption that has begun.
pub(crate) enum Decryption {
    Cipher(Box<crypto::Decryptor>),
    Pad(OneTimePad),
    PrivateKey { parameters: CryptographicParameters, key: Box<crypto::PrivateKey>, data: Zeroizing<Vec<u8>> },
}

impl Service for Decrypt {
    type Request = DecryptRequest;
    type Response = DecryptResponse;
    type State = Decryption;

    const OPERATION: Code = Code::Decrypt;
    const PERMISSION: Permission = Permission::Decrypt;
    const USE: Option<Use> = Some(Use::Decrypt);
    const RESULT: Option<DataEnumeration> = Some(DataEnumeration::Decrypt);

    fn part(request: &DecryptRequest) -> Part<'_> {
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
        request: &DecryptRequest,
        key: Option<&StoredObject>,
        parameters: CryptographicParameters,
        material: &Material<'_>,
    ) -> Result<Decryption> {
        let key = key.ok_or_else(Error::object_not_found)?;
        if parameters.cryptographic_algorithm == Some(CryptographicAlgorithm::OneTimePad) {
            return Ok(Decryption::Pad(OneTimePad::new(key_material::symmetric(key)?)));
        }
        match key.object_type {
            ObjectType::PrivateKey => {
                let key = Box::new(key_material::private(key)?);
                Ok(Decryption::PrivateKey { parameters, key, data: data_of_public_key() })
            }
            ObjectType::SymmetricKey => {
                let iv = request.iv_counter_nonce.as_ref().map(|iv| iv.0.as_slice());
                let aad = request.authenticated_encryption_additional_data.as_ref().map(|data| data.0.as_slice());
                let tag = request.authenticated_encryption_tag.as_ref().map(|tag| tag.0.as_slice());
                let key = key_material::symmetric(key)?;
                let decryptor = crypto::Decryptor::new(&parameters, key.expose(), iv, aad, tag).map_err(|error| match error {
                    // Only Encrypt can do without: the server makes an IV, and knows none afterwards (CS-BC-M-11 to -13).
                    CryptoError::MissingIv => Error::new(ResultReason::InvalidMessage, error.to_string()),
                    error => error.into(),
                })?;
                Ok(Decryption::Cipher(Box::new(decryptor)))
            }
            _ => Err(only_a_pad(material.at)),
        }
    }

    fn update(state: &mut Decryption, _: &DecryptRequest, data: &[u8]) -> Result<Output> {
        match state {
            Decryption::Cipher(decryptor) => Ok(Output::of(decryptor.update(data)?)),
            Decryption::Pad(pad) => Ok(Output::of(pad.apply(data)?)),
            Decryption::PrivateKey { data: held, .. } => collect(held, data),
        }
    }

    fn finish(state: Decryption, request: &DecryptRequest, material: &Material<'_>) -> Result<Output> {
        match state {
            Decryption::Cipher(mut decryptor) => {
                // The standard wants the tag with the first part, which a client that streams what it receives does not have yet.
                if let (Some(tag), Some(_)) = (&request.authenticated_encryption_tag, &request.correlation_value) {
                    decryptor.set_tag(&tag.0);
                }
                Ok(Output::of(decryptor.finish()?))
            }
            Decryption::Pad(_) => Ok(Output::default()),
            Decryption::PrivateKey { parameters, key, data } => {
                Ok(Output::of(crypto::decrypt(&parameters, &key, &data, material.settings.pkcs1_decryption)?))
            }
        }
    }

    fn held(state: &Decryption) -> usize {
        match state {
            Decryption::Cipher(decryptor) => decryptor.held(),
            Decryption::Pad(_) => 0,
            Decryption::PrivateKey { data, .. } => data.len(),
        }
    }

    fn response(key: UniqueIdentifier, output: &Output, correlation_value: Option<ByteString>) -> DecryptResponse {
        DecryptResponse { unique_identifier: key, data: output.data(), correlation_value }
    }
}
