//! One key in another Key Format Type (2.1, sections 3.4 to 3.12 and 11.25).
//!
//! A conversion reads the key, so that a key whose encoding is not known is available as it was registered and not otherwise.

mod compression;
mod finite_field;

use crypto::{CryptoError, KeyFacts, PrivateKey, PublicKey, RsaPrivateComponents, RsaPublicComponents};
use kmip::codec::{BigInteger, Value, from_bytes, to_bytes};
use kmip::enumerations::{KeyFormatType as Format, ObjectType, RecommendedCurve};
use kmip::object::{KeyBlock, KeyMaterial, KeyValue, ManagedObject};
use kmip::result_reason::ResultReason;
use kmip::structures::{
    TransparentECPrivateKey, TransparentECPublicKey, TransparentRSAPrivateKey, TransparentRSAPublicKey, TransparentSymmetricKey,
};
use kmip::{ProtocolVersion, Secret, tag};
use zeroize::Zeroizing;

pub(crate) use compression::compress;

use crate::creation;
use crate::error::{Error, Result};

/// Gives an object another format.
///
/// # Errors
/// Key Format Type Not Supported.
pub(crate) fn convert(object: &mut ManagedObject, wanted: Format) -> Result<()> {
    let unsupported =
        || Error::new(ResultReason::KeyFormatTypeNotSupported, "The object is not available in this Key Format Type");
    let object_type = object.object_type();
    // What has no Key Block is in one format, which its attribute says (2.1, section 4.26).
    if object.key_block().is_none() {
        return if creation::only_format(object) == Some(wanted) { Ok(()) } else { Err(unsupported()) };
    }
    let Some(block) = object.key_block_mut() else { return Err(unsupported()) };
    let format = block.key_format_type;
    if format == wanted {
        return Ok(());
    }
    let material = plain_material(block).ok_or_else(unsupported)?;
    let converted = match object_type {
        ObjectType::PrivateKey => private(block, material).and_then(|key| write_private(&key, wanted)).or_else(|cause| {
            let key = finite_field::private(format, material).map_err(|_| cause)?;
            finite_field::write_private(&key, wanted)
        }),
        ObjectType::PublicKey => public(block, material).and_then(|key| write_public(&key, wanted)).or_else(|cause| {
            let key = finite_field::public(format, material).map_err(|_| cause)?;
            finite_field::write_public(&key, wanted)
        }),
        ObjectType::SymmetricKey => bytes(format, material).and_then(|key| write_bytes(&key, wanted)),
        // Secret data is bytes, whatever they mean.
        ObjectType::SecretData => match (material, wanted) {
            (KeyMaterial::Bytes(bytes), Format::Raw | Format::Opaque) => Ok(KeyMaterial::Bytes(bytes.clone())),
            _ => return Err(unsupported()),
        },
        _ => return Err(unsupported()),
    };
    let converted = converted.map_err(|cause| unsupported().because(cause))?;
    if let Some(KeyValue::Plain(plain)) = &mut block.key_value {
        plain.key_material = converted;
    }
    block.key_format_type = wanted;
    Ok(())
}

/// The material of a key block, unless it is wrapped: what was wrapped without an encoding looks like a key and is none.
pub(crate) fn plain_material(block: &KeyBlock) -> Option<&KeyMaterial> {
    match &block.key_value {
        Some(KeyValue::Plain(plain)) if block.key_wrapping_data.is_none() => Some(&plain.key_material),
        _ => None,
    }
}

/// Algorithm and length of a private key, as the key itself has them; `None`: it cannot be read.
pub(crate) fn private_facts(block: &KeyBlock, material: &KeyMaterial) -> Option<KeyFacts> {
    match private(block, material) {
        Ok(key) => Some(key.facts()),
        Err(_) => finite_field::private(block.key_format_type, material).ok().map(|key| key.group.facts()),
    }
}

/// The same of a public key.
pub(crate) fn public_facts(block: &KeyBlock, material: &KeyMaterial) -> Option<KeyFacts> {
    match public(block, material) {
        Ok(key) => Some(key.facts()),
        Err(_) => finite_field::public(block.key_format_type, material).ok().map(|key| key.group.facts()),
    }
}

/// Reads the private key of a key block, given its material, in any format that is understood.
///
/// # Errors
/// Another format, or material that is not in it.
pub(crate) fn private(block: &KeyBlock, material: &KeyMaterial) -> Result<PrivateKey, CryptoError> {
    let format = block.key_format_type;
    match (material, block.cryptographic_algorithm) {
        (KeyMaterial::Bytes(bytes), Some(algorithm)) if format == Format::Raw => PrivateKey::from_raw(algorithm, bytes.expose()),
        (KeyMaterial::Bytes(bytes), _) => PrivateKey::parse(format, bytes.expose()),
        (KeyMaterial::Transparent(_), _) if format == Format::TransparentRSAPrivateKey => {
            let numbers: TransparentRSAPrivateKey = fields(material)?;
            let secret =
                |number: &Option<BigInteger>| number.as_ref().map(|number| unsigned(number).map(Secret::from_slice)).transpose();
            let public_exponent = numbers.public_exponent.as_ref().map(|number| unsigned(number).map(<[u8]>::to_vec));
            PrivateKey::from_rsa_components(&RsaPrivateComponents {
                modulus: unsigned(&numbers.modulus)?.to_vec(),
                private_exponent: secret(&numbers.private_exponent)?,
                public_exponent: public_exponent.transpose()?,
                p: secret(&numbers.p)?,
                q: secret(&numbers.q)?,
                prime_exponent_p: secret(&numbers.prime_exponent_p)?,
                prime_exponent_q: secret(&numbers.prime_exponent_q)?,
                crt_coefficient: secret(&numbers.crt_coefficient)?,
            })
        }
        (KeyMaterial::Transparent(_), _) if is_private_curve(format) => {
            let key: TransparentECPrivateKey = fields(material)?;
            PrivateKey::from_scalar(curve(key.recommended_curve)?, unsigned(&key.d)?)
        }
        (KeyMaterial::Transparent(_), _) => Err(CryptoError::UnsupportedFormat { what: "a private key", format }),
    }
}

/// Reads the public key of a key block, given its material, in any format that is understood.
///
/// # Errors
/// Another format, or material that is not in it.
pub(crate) fn public(block: &KeyBlock, material: &KeyMaterial) -> Result<PublicKey, CryptoError> {
    let format = block.key_format_type;
    match (material, block.cryptographic_algorithm) {
        (KeyMaterial::Bytes(bytes), Some(algorithm)) if format == Format::Raw => PublicKey::from_raw(algorithm, bytes.expose()),
        (KeyMaterial::Bytes(bytes), _) => PublicKey::parse(format, bytes.expose()),
        (KeyMaterial::Transparent(_), _) if format == Format::TransparentRSAPublicKey => {
            let numbers: TransparentRSAPublicKey = fields(material)?;
            PublicKey::from_rsa_components(RsaPublicComponents {
                modulus: unsigned(&numbers.modulus)?.to_vec(),
                public_exponent: unsigned(&numbers.public_exponent)?.to_vec(),
            })
        }
        (KeyMaterial::Transparent(_), _) if is_public_curve(format) => {
            let key: TransparentECPublicKey = fields(material)?;
            PublicKey::from_point(curve(key.recommended_curve)?, key.q_string.expose())
        }
        (KeyMaterial::Transparent(_), _) => Err(CryptoError::UnsupportedFormat { what: "a public key", format }),
    }
}

/// Reads the bytes of a symmetric key.
///
/// # Errors
/// A format whose bytes are not those of the key.
pub(crate) fn bytes(format: Format, material: &KeyMaterial) -> Result<Secret, CryptoError> {
    match (material, format) {
        (KeyMaterial::Bytes(bytes), Format::Raw) => Ok(bytes.clone()),
        (KeyMaterial::Transparent(_), Format::TransparentSymmetricKey) => {
            fields::<TransparentSymmetricKey>(material).map(|key| key.key)
        }
        _ => Err(CryptoError::UnsupportedFormat { what: "a symmetric key", format }),
    }
}

fn write_private(key: &PrivateKey, wanted: Format) -> Result<KeyMaterial, CryptoError> {
    if wanted == Format::TransparentRSAPrivateKey
        && let Some(numbers) = key.rsa_components()
    {
        let secret = |number: &Option<Secret>| number.as_ref().map(|number| big(number.expose()));
        return transparent(&TransparentRSAPrivateKey {
            modulus: big(&numbers.modulus),
            private_exponent: secret(&numbers.private_exponent),
            public_exponent: numbers.public_exponent.as_deref().map(big),
            p: secret(&numbers.p),
            q: secret(&numbers.q),
            prime_exponent_p: secret(&numbers.prime_exponent_p),
            prime_exponent_q: secret(&numbers.prime_exponent_q),
            crt_coefficient: secret(&numbers.crt_coefficient),
        });
    }
    if is_private_curve(wanted)
        && let (Some(scalar), Some(recommended_curve)) = (key.scalar(), key.facts().curve)
    {
        return transparent(&TransparentECPrivateKey { recommended_curve, d: big(scalar.expose()) });
    }
    key.encode(wanted).map(KeyMaterial::Bytes)
}

fn write_public(key: &PublicKey, wanted: Format) -> Result<KeyMaterial, CryptoError> {
    if wanted == Format::TransparentRSAPublicKey
        && let Some(numbers) = key.rsa_components()
    {
        let (modulus, public_exponent) = (big(&numbers.modulus), big(&numbers.public_exponent));
        return transparent(&TransparentRSAPublicKey { modulus, public_exponent });
    }
    if is_public_curve(wanted)
        && let (Some(point), Some(recommended_curve)) = (key.point(), key.facts().curve)
    {
        return transparent(&TransparentECPublicKey { recommended_curve, q_string: Secret::from_slice(point) });
    }
    key.encode(wanted).map(Secret::new).map(KeyMaterial::Bytes)
}

fn write_bytes(key: &Secret, wanted: Format) -> Result<KeyMaterial, CryptoError> {
    match wanted {
        // Whoever knows the key's bytes may call them opaque; the other way there is no telling.
        Format::Raw | Format::Opaque => Ok(KeyMaterial::Bytes(key.clone())),
        Format::TransparentSymmetricKey => transparent(&TransparentSymmetricKey { key: key.clone() }),
        format => Err(CryptoError::UnsupportedFormat { what: "a symmetric key", format }),
    }
}

/// The formats that differ in name only: up to 1.4 there was one for each use of a curve.
const fn is_private_curve(format: Format) -> bool {
    matches!(
        format,
        Format::TransparentECPrivateKey
            | Format::TransparentECDSAPrivateKey
            | Format::TransparentECDHPrivateKey
            | Format::TransparentECMQVPrivateKey
    )
}

const fn is_public_curve(format: Format) -> bool {
    matches!(
        format,
        Format::TransparentECPublicKey
            | Format::TransparentECDSAPublicKey
            | Format::TransparentECDHPublicKey
            | Format::TransparentECMQVPublicKey
    )
}

fn curve(wanted: RecommendedCurve) -> Result<&'static crypto::CurveRow, CryptoError> {
    crypto::curve(wanted).ok_or(CryptoError::UnsupportedCurve(wanted))
}

/// The fields of a transparent key.
fn fields<T: Value>(material: &KeyMaterial) -> Result<T, CryptoError> {
    material.transparent().map_err(|error| invalid(&error))
}

fn transparent<T: Value>(fields: &T) -> Result<KeyMaterial, CryptoError> {
    let bytes = Zeroizing::new(to_bytes(fields, tag::KeyMaterial, ProtocolVersion::V3_0));
    from_bytes(&bytes, ProtocolVersion::V3_0).map_err(|error| invalid(&error))
}

fn invalid(cause: &dyn std::fmt::Display) -> CryptoError {
    CryptoError::InvalidKey { format: "transparent key", cause: cause.to_string() }
}

/// The bytes of a number that is not negative.
fn unsigned(number: &BigInteger) -> Result<&[u8], CryptoError> {
    match number.0.expose() {
        [first, ..] if first & 0x80 != 0 => Err(invalid(&"a number is negative")),
        bytes => Ok(bytes),
    }
}

/// A number from its bytes: a zero byte in front keeps it from being negative.
fn big(bytes: &[u8]) -> BigInteger {
    let mut number = Vec::with_capacity(bytes.len() + 1);
    if bytes.first().is_none_or(|first| first & 0x80 != 0) {
        number.push(0);
    }
    number.extend_from_slice(bytes);
    BigInteger(Secret::new(number))
}

#[cfg(test)]
mod tests {
    use kmip::enumerations::WrappingMethod;
    use kmip::object::{PlainKeyValue, SymmetricKey};
    use kmip::structures::KeyWrappingData;

    use super::*;

    #[test]
    fn what_is_wrapped_is_not_read_as_a_key() {
        let key = |key_wrapping_data| {
            let key_material = KeyMaterial::Bytes(Secret::from_slice(&[7; 24]));
            let key_block = KeyBlock {
                key_format_type: Format::Raw,
                key_compression_type: None,
                key_value: Some(KeyValue::Plain(PlainKeyValue { key_material, attributes: None })),
                cryptographic_algorithm: None,
                cryptographic_length: None,
                key_wrapping_data,
            };
            ManagedObject::SymmetricKey(SymmetricKey { key_block })
        };
        assert!(convert(&mut key(None), Format::TransparentSymmetricKey).is_ok());
        let mut wrapped = key(Some(KeyWrappingData {
            wrapping_method: WrappingMethod::Encrypt,
            encryption_key_information: None,
            mac_signature_key_information: None,
            mac_signature: None,
            iv_counter_nonce: None,
            encoding_option: None,
        }));
        let error = convert(&mut wrapped, Format::TransparentSymmetricKey).unwrap_err();
        assert_eq!(error.reason, ResultReason::KeyFormatTypeNotSupported);
        assert!(convert(&mut wrapped, Format::Raw).is_ok(), "as it is, it can be had");
    }
}
