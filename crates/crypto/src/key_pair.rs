//! Making key pairs.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{self as aws_rsa, KeySize};
use kmip::enumerations::{CryptographicAlgorithm, KeyFormatType, RecommendedCurve};
use zeroize::Zeroizing;

use crate::algorithm::{KeyClass, algorithm};
use crate::curve::{CurveRow, curve, curve_of_length};
use crate::error::CryptoError;
use crate::octet_key::{self, OctetRow, octet_row, octet_row_of_curve};
use crate::private_key::PrivateKey;
use crate::public_key::PublicKey;
use crate::random::{Expanded, Random};
use crate::rsa_key;

/// How often a number that is no private key of a curve is drawn anew. One draw in 2^32 is, on the curves offered.
const SCALAR_DRAWS: usize = 64;

/// A private and a public key that belong together.
#[derive(Debug)]
pub struct KeyPair {
    /// The private key.
    pub private: PrivateKey,
    /// The public key.
    pub public: PublicKey,
}

/// Makes a key pair: slow for RSA, up to seconds. Of RSA the public exponent is 65537; of elliptic curves the curve is the
/// one named, else the one the length means.
///
/// RSA keys of 2,048 bits and more and ML-KEM keys come from aws-lc-rs and its own generator; everything else is drawn from `random`.
///
/// # Errors
/// An algorithm, a length or a curve that is not offered, contradicting ones, or no random bytes.
pub fn generate_key_pair(
    random: &dyn Random,
    algorithm_wanted: CryptographicAlgorithm,
    length: Option<i32>,
    curve_wanted: Option<RecommendedCurve>,
) -> Result<KeyPair, CryptoError> {
    let row = algorithm(algorithm_wanted)
        .filter(|row| row.class == KeyClass::Asymmetric)
        .ok_or(CryptoError::UnsupportedAlgorithm { algorithm: algorithm_wanted, wanted: "asymmetric" })?;
    let private = if algorithm_wanted == CryptographicAlgorithm::RSA {
        let length = length.unwrap_or_default();
        row.lengths.bytes(length).ok_or_else(|| row.invalid_length(length))?;
        rsa(random, length).and_then(|key| key.ok_or_else(|| row.invalid_length(length)))?
    } else if let Some(octets) = octets(algorithm_wanted, curve_wanted)? {
        if let Some(length) = length.filter(|length| i32::try_from(octets.length) != Ok(*length)) {
            return Err(match curve_wanted {
                Some(curve) => CryptoError::CurveLength { curve, actual: octets.length, length },
                None => row.invalid_length(length),
            });
        }
        PrivateKey::from_octets(octet_key::generate(octets, random)?)
    } else {
        let curve = match (curve_wanted, length) {
            (Some(wanted), length) => {
                let row = curve(wanted).ok_or(CryptoError::UnsupportedCurve(wanted))?;
                match length {
                    Some(length) if i32::try_from(row.length) != Ok(length) => {
                        return Err(CryptoError::CurveLength { curve: wanted, actual: row.length, length });
                    }
                    _ => row,
                }
            }
            (None, length) => {
                let length = length.unwrap_or_default();
                curve_of_length(length).filter(|curve| curve.offered()).ok_or_else(|| row.invalid_length(length))?
            }
        };
        elliptic(random, curve)?
    };
    Ok(KeyPair { public: private.public_key()?, private })
}

/// The keys that are octets which an algorithm and a curve mean: Ed25519 keys are on CURVE25519 without saying so, and keys on it
/// that are for key agreement, or for whatever there is, are X25519's.
fn octets(algorithm: CryptographicAlgorithm, curve: Option<RecommendedCurve>) -> Result<Option<&'static OctetRow>, CryptoError> {
    match (octet_row(algorithm), algorithm, curve) {
        (None, CryptographicAlgorithm::EC | CryptographicAlgorithm::ECDH, Some(curve)) => Ok(octet_row_of_curve(curve)),
        (Some(row), CryptographicAlgorithm::Ed25519, Some(RecommendedCurve::CURVE25519)) | (Some(row), _, None) => Ok(Some(row)),
        (Some(_), _, Some(curve)) => Err(CryptoError::UnsupportedCurve(curve)),
        (None, ..) => Ok(None),
    }
}

/// None: not a length that either library makes.
fn rsa(random: &dyn Random, length: i32) -> Result<Option<PrivateKey>, CryptoError> {
    let size = match length {
        2048 => KeySize::Rsa2048,
        3072 => KeySize::Rsa3072,
        4096 => KeySize::Rsa4096,
        8192 => KeySize::Rsa8192,
        1024 => {
            let key = ::rsa::RsaPrivateKey::new(&mut Expanded::new(random)?, 1024);
            let key = key.map_err(|_| CryptoError::Failed("making an RSA key"))?;
            return PrivateKey::from_rsa_components(&rsa_key::from_crate(&key)?).map(Some);
        }
        _ => return Ok(None),
    };
    let failed = CryptoError::Failed("making an RSA key");
    let key = aws_rsa::KeyPair::generate(size).map_err(|_| failed.clone())?;
    // Its buffer wipes itself.
    let der: Pkcs8V1Der<'_> = key.as_der().map_err(|_| failed)?;
    PrivateKey::parse(KeyFormatType::PKCS_8, der.as_ref()).map(Some)
}

/// Draws numbers until one is a private key of the curve (FIPS 186-5, A.2.2).
fn elliptic(random: &dyn Random, curve: &'static CurveRow) -> Result<PrivateKey, CryptoError> {
    if !curve.offered() {
        return Err(CryptoError::UnsupportedCurve(curve.curve));
    }
    let mut scalar = Zeroizing::new(vec![0; curve.bytes()]);
    for _ in 0..SCALAR_DRAWS {
        random.fill(&mut scalar)?;
        // The length of P-521 is not whole bytes: the bits above it are no part of the draw.
        scalar[0] &= 0xFF >> (curve.bytes() as u32 * 8 - curve.length);
        if let Ok(key) = PrivateKey::from_scalar(curve, &scalar)
            && key.public_key().is_ok()
        {
            return Ok(key);
        }
    }
    Err(CryptoError::NoRandomBytes)
}
