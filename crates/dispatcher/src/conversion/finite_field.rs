//! Keys of DSA and Diffie-Hellman: transparent, PKCS#8, Subject Public Key Info (2.1, sections 3.5, 3.6, 3.9 and 3.10). Nothing
//! here computes with them.

use crypto::{CryptoError, FiniteFieldGroup, FiniteFieldPrivateKey, FiniteFieldPublicKey};
use kmip::Secret;
use kmip::codec::BigInteger;
use kmip::enumerations::{CryptographicAlgorithm, KeyFormatType as Format};
use kmip::object::KeyMaterial;
use kmip::structures::{TransparentDHPrivateKey, TransparentDHPublicKey, TransparentDSAPrivateKey, TransparentDSAPublicKey};

use super::{big, fields, transparent, unsigned};

/// Reads a private key, given its format.
///
/// # Errors
/// Another format, another algorithm, or material that is not in it.
pub(crate) fn private(format: Format, material: &KeyMaterial) -> Result<FiniteFieldPrivateKey, CryptoError> {
    match (format, material) {
        (Format::PKCS_8, KeyMaterial::Bytes(bytes)) => FiniteFieldPrivateKey::from_pkcs8(bytes.expose()),
        (Format::TransparentDSAPrivateKey, _) => {
            let TransparentDSAPrivateKey { p, q, g, x } = fields(material)?;
            Ok(FiniteFieldPrivateKey { group: dsa(&p, &q, &g)?, x: Secret::from_slice(unsigned(&x)?) })
        }
        (Format::TransparentDHPrivateKey, _) => {
            let TransparentDHPrivateKey { p, q, g, j, x } = fields(material)?;
            let group = diffie_hellman(&p, q.as_ref(), &g, j.as_ref())?;
            Ok(FiniteFieldPrivateKey { group, x: Secret::from_slice(unsigned(&x)?) })
        }
        _ => Err(CryptoError::UnsupportedFormat { what: "a private key", format }),
    }
}

/// Reads a public key, given its format.
///
/// # Errors
/// As [`private`].
pub(crate) fn public(format: Format, material: &KeyMaterial) -> Result<FiniteFieldPublicKey, CryptoError> {
    match (format, material) {
        (Format::X_509, KeyMaterial::Bytes(bytes)) => FiniteFieldPublicKey::from_spki(bytes.expose()),
        (Format::TransparentDSAPublicKey, _) => {
            let TransparentDSAPublicKey { p, q, g, y } = fields(material)?;
            Ok(FiniteFieldPublicKey { group: dsa(&p, &q, &g)?, y: unsigned(&y)?.to_vec() })
        }
        (Format::TransparentDHPublicKey, _) => {
            let TransparentDHPublicKey { p, q, g, j, y } = fields(material)?;
            let group = diffie_hellman(&p, q.as_ref(), &g, j.as_ref())?;
            Ok(FiniteFieldPublicKey { group, y: unsigned(&y)?.to_vec() })
        }
        _ => Err(CryptoError::UnsupportedFormat { what: "a public key", format }),
    }
}

/// Writes a private key.
///
/// # Errors
/// A format that is not one of its algorithm.
pub(super) fn write_private(key: &FiniteFieldPrivateKey, wanted: Format) -> Result<KeyMaterial, CryptoError> {
    let FiniteFieldGroup { algorithm, p, q, g, j } = &key.group;
    let (p, g, x) = (big(p), big(g), big(key.x.expose()));
    match (wanted, *algorithm, q) {
        (Format::PKCS_8, ..) => key.to_pkcs8().map(KeyMaterial::Bytes),
        (Format::TransparentDSAPrivateKey, CryptographicAlgorithm::DSA, Some(q)) => {
            transparent(&TransparentDSAPrivateKey { p, q: big(q), g, x })
        }
        (Format::TransparentDHPrivateKey, CryptographicAlgorithm::DH, q) => {
            transparent(&TransparentDHPrivateKey { p, q: q.as_deref().map(big), g, j: j.as_deref().map(big), x })
        }
        (format, ..) => Err(CryptoError::UnsupportedFormat { what: "a private key", format }),
    }
}

/// Writes a public key.
///
/// # Errors
/// As [`write_private`].
pub(super) fn write_public(key: &FiniteFieldPublicKey, wanted: Format) -> Result<KeyMaterial, CryptoError> {
    let FiniteFieldGroup { algorithm, p, q, g, j } = &key.group;
    let (p, g, y) = (big(p), big(g), big(&key.y));
    match (wanted, *algorithm, q) {
        (Format::X_509, ..) => key.to_spki().map(Secret::new).map(KeyMaterial::Bytes),
        (Format::TransparentDSAPublicKey, CryptographicAlgorithm::DSA, Some(q)) => {
            transparent(&TransparentDSAPublicKey { p, q: big(q), g, y })
        }
        (Format::TransparentDHPublicKey, CryptographicAlgorithm::DH, q) => {
            transparent(&TransparentDHPublicKey { p, q: q.as_deref().map(big), g, j: j.as_deref().map(big), y })
        }
        (format, ..) => Err(CryptoError::UnsupportedFormat { what: "a public key", format }),
    }
}

fn dsa(p: &BigInteger, q: &BigInteger, g: &BigInteger) -> Result<FiniteFieldGroup, CryptoError> {
    let algorithm = CryptographicAlgorithm::DSA;
    Ok(FiniteFieldGroup { algorithm, p: number(p)?, q: Some(number(q)?), g: number(g)?, j: None })
}

fn diffie_hellman(
    p: &BigInteger,
    q: Option<&BigInteger>,
    g: &BigInteger,
    j: Option<&BigInteger>,
) -> Result<FiniteFieldGroup, CryptoError> {
    let (q, j) = (q.map(number).transpose()?, j.map(number).transpose()?);
    Ok(FiniteFieldGroup { algorithm: CryptographicAlgorithm::DH, p: number(p)?, q, g: number(g)?, j })
}

fn number(number: &BigInteger) -> Result<Vec<u8>, CryptoError> {
    unsigned(number).map(<[u8]>::to_vec)
}
