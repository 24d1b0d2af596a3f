//! Encryption with RSA keys: OAEP and PKCS#1 v1.5 (RFC 8017, section 7).
//!
//! What the Cryptographic Parameters leave open (1.4, section 3.6; 2.1, section 4.15): the padding is OAEP, its hash SHA-256, the
//! hash of its mask SHA-1, its label (P Source) empty.

use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512, OaepAlgorithm,
    OaepPrivateDecryptingKey, OaepPublicEncryptingKey, Pkcs1PrivateDecryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use kmip::Secret;
use kmip::enumerations::{CryptographicAlgorithm, HashingAlgorithm, KeyFormatType, PaddingMethod};
use kmip::structures::CryptographicParameters;
use zeroize::Zeroizing;

use crate::asymmetric::{AsymmetricUse, rsa_padding_offered};
use crate::digest::digest;
use crate::error::CryptoError;
use crate::private_key::PrivateKey;
use crate::public_key::PublicKey;
use crate::random::{Random, SystemRandom};
use crate::signature::{AWS_LC_RSA_BITS_MIN, mask_generator};
use crate::{rsa_key, rsa_operation, rsa_padding};

/// How a message is encrypted.
enum Scheme<'a> {
    Oaep { hashes: (HashingAlgorithm, HashingAlgorithm), label: &'a [u8] },
    Pkcs1,
}

fn scheme(parameters: &CryptographicParameters) -> Result<Scheme<'_>, CryptoError> {
    if !matches!(parameters.cryptographic_algorithm, None | Some(CryptographicAlgorithm::RSA)) {
        return Err(CryptoError::BadParameters("the Cryptographic Parameters are for keys of another algorithm".to_owned()));
    }
    let padding = parameters.padding_method.unwrap_or(PaddingMethod::OAEP);
    if !rsa_padding_offered(AsymmetricUse::Encryption, padding) {
        return Err(CryptoError::UnsupportedParameters(format!(
            "RSA encryption with the padding {padding:?} is not offered, only with OAEP and PKCS1 v1.5"
        )));
    }
    match padding {
        PaddingMethod::OAEP => {
            mask_generator(parameters)?;
            let hash = parameters.hashing_algorithm.unwrap_or(HashingAlgorithm::SHA_256);
            let mask = parameters.mask_generator_hashing_algorithm.unwrap_or(HashingAlgorithm::SHA_1);
            for hash in [hash, mask] {
                rsa_padding::hash_length(hash)?;
                digest(hash, b"")?;
            }
            let label = parameters.p_source.as_ref().map_or(&[][..], |label| &label.0);
            Ok(Scheme::Oaep { hashes: (hash, mask), label })
        }
        _ => Ok(Scheme::Pkcs1),
    }
}

/// What aws-lc-rs has for a pair of hashes.
fn aws_lc_oaep(hashes: (HashingAlgorithm, HashingAlgorithm)) -> Option<&'static OaepAlgorithm> {
    match hashes {
        (HashingAlgorithm::SHA_1, HashingAlgorithm::SHA_1) => Some(&OAEP_SHA1_MGF1SHA1),
        (HashingAlgorithm::SHA_256, HashingAlgorithm::SHA_256) => Some(&OAEP_SHA256_MGF1SHA256),
        (HashingAlgorithm::SHA_384, HashingAlgorithm::SHA_384) => Some(&OAEP_SHA384_MGF1SHA384),
        (HashingAlgorithm::SHA_512, HashingAlgorithm::SHA_512) => Some(&OAEP_SHA512_MGF1SHA512),
        _ => None,
    }
}

/// Encrypts to a public key.
///
/// # Errors
/// A key that is not RSA or is not used, parameters that are not offered, or data that is longer than the key and the padding
/// leave room for.
pub fn encrypt(
    parameters: &CryptographicParameters,
    key: &PublicKey,
    data: &[u8],
    random: &dyn Random,
) -> Result<Vec<u8>, CryptoError> {
    let components = key.rsa_components().ok_or_else(not_rsa)?;
    rsa_key::usable(&components.modulus, &components.public_exponent)?;
    let bits = rsa_key::bits(&components.modulus);
    let length = bits.div_ceil(8) as usize;
    let padded = match scheme(parameters)? {
        Scheme::Oaep { hashes, label } => {
            if bits >= AWS_LC_RSA_BITS_MIN
                && let Some(algorithm) = aws_lc_oaep(hashes)
            {
                rsa_padding::oaep_fits(hashes.0, data.len(), length)?;
                let failed = |_| CryptoError::Failed("encrypting");
                let key = PublicEncryptingKey::from_der(&key.encode(KeyFormatType::X_509)?)
                    .map_err(|error| CryptoError::invalid_key("RSA public key", error))?;
                let key = OaepPublicEncryptingKey::new(key).map_err(failed)?;
                let mut encrypted = vec![0; length];
                return Ok(key.encrypt(algorithm, data, &mut encrypted, Some(label)).map_err(failed)?.to_vec());
            }
            rsa_padding::oaep(hashes, label, data, length, random)?
        }
        Scheme::Pkcs1 => rsa_padding::pkcs1(data, length, random)?,
    };
    Ok(rsa_operation::public(components, &padded)?.to_vec())
}

/// Decrypts with a private key. That the padding of PKCS#1 v1.5 was wrong is something an attacker can make use of, however it is
/// told: it is decrypted only if `allow_pkcs1`, which is for the configuration to say.
///
/// # Errors
/// [`CryptoError::Refused`] for everything that can be wrong with the data, after the same work; a key that is not RSA or is not
/// used, or parameters that are not offered.
pub fn decrypt(
    parameters: &CryptographicParameters,
    key: &PrivateKey,
    data: &[u8],
    allow_pkcs1: bool,
) -> Result<Secret, CryptoError> {
    let components = key.rsa_components().ok_or_else(not_rsa)?;
    rsa_key::usable(&components.modulus, components.public_exponent.as_deref().unwrap_or_default())?;
    let scheme = scheme(parameters)?;
    if matches!(scheme, Scheme::Pkcs1) && !allow_pkcs1 {
        return Err(CryptoError::UnsupportedParameters("decryption with the padding PKCS1 v1.5 is not allowed here".to_owned()));
    }
    let bits = rsa_key::bits(&components.modulus);
    let length = bits.div_ceil(8) as usize;
    if data.len() != length {
        return Err(CryptoError::Refused);
    }
    let aws_lc_key = || {
        // Both are made of the same private key: a failure here says nothing of the data.
        let der = key.encode(KeyFormatType::PKCS_8)?;
        PrivateDecryptingKey::from_pkcs8(der.expose()).map_err(|error| CryptoError::invalid_key("RSA private key", error))
    };
    let failed = |_| CryptoError::Failed("decrypting");
    let mut opened = Zeroizing::new(vec![0; length]);
    let by_aws_lc = bits >= AWS_LC_RSA_BITS_MIN;
    match scheme {
        Scheme::Oaep { hashes, label } => match aws_lc_oaep(hashes).filter(|_| by_aws_lc) {
            Some(algorithm) => {
                let key = OaepPrivateDecryptingKey::new(aws_lc_key()?).map_err(failed)?;
                let opened = key.decrypt(algorithm, data, &mut opened, Some(label)).map_err(|_| CryptoError::Refused)?;
                Ok(Secret::from_slice(opened))
            }
            None => {
                let padded = rsa_operation::private(components, data, &SystemRandom::new())?;
                Ok(Secret::from_slice(&rsa_padding::oaep_open(hashes, label, padded)?))
            }
        },
        Scheme::Pkcs1 if by_aws_lc => {
            let key = Pkcs1PrivateDecryptingKey::new(aws_lc_key()?).map_err(failed)?;
            let opened = key.decrypt(data, &mut opened).map_err(|_| CryptoError::Refused)?;
            Ok(Secret::from_slice(opened))
        }
        Scheme::Pkcs1 => {
            let padded = rsa_operation::private(components, data, &SystemRandom::new())?;
            Ok(Secret::from_slice(&rsa_padding::pkcs1_open(&padded)?))
        }
    }
}

fn not_rsa() -> CryptoError {
    CryptoError::BadParameters("only RSA keys encrypt and decrypt".to_owned())
}
