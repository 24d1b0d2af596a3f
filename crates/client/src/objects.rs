//! Managed objects from bytes, and the bytes in them.

use kmip::Secret;
use kmip::enumerations::{CertificateType, CryptographicAlgorithm, KeyFormatType, OpaqueDataType, SecretDataType};
use kmip::object::{
    Certificate, KeyBlock, KeyMaterial, KeyValue, ManagedObject, OpaqueObject, PlainKeyValue, PrivateKey, PublicKey, SecretData,
    SymmetricKey,
};
use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef, UintRef};
use pkcs8::der::{self, Decode, Reader, SliceReader};
use pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

/// The Opaque Data Type of opaque objects whose kind nobody needs to know: the first of the range for private use, which other
/// clients use for the same.
const OPAQUE: OpaqueDataType = OpaqueDataType(0x8000_0000);

/// Why bytes are not a key that can be registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyEncodingError {
    /// They are not the DER of the format.
    #[error("not a key in the format {0:?}: {1}")]
    Der(KeyFormatType, der::Error),
    /// The algorithm is none that has a name in KMIP here.
    #[error("a key of algorithm {0}, which this client does not know")]
    Algorithm(ObjectIdentifier),
    /// The format is none that this client reads.
    #[error("keys in the format {0:?} cannot be read here")]
    Format(KeyFormatType),
}

/// A symmetric key in format Raw.
#[must_use]
pub fn symmetric_key(material: Secret, algorithm: CryptographicAlgorithm) -> ManagedObject {
    let bits = bits(material.len());
    ManagedObject::SymmetricKey(SymmetricKey { key_block: key_block(KeyFormatType::Raw, material, Some((algorithm, bits))) })
}

/// Secret data, such as a password, in format Opaque.
#[must_use]
pub fn secret_data(material: Secret, secret_data_type: SecretDataType) -> ManagedObject {
    ManagedObject::SecretData(SecretData { secret_data_type, key_block: key_block(KeyFormatType::Opaque, material, None) })
}

/// An opaque object.
#[must_use]
pub fn opaque_object(value: Secret) -> ManagedObject {
    ManagedObject::OpaqueObject(OpaqueObject { opaque_data_type: OPAQUE, opaque_data_value: value })
}

/// An X.509 certificate in DER.
#[must_use]
pub fn certificate(der: Secret) -> ManagedObject {
    ManagedObject::Certificate(Certificate { certificate_type: CertificateType::X_509, certificate_value: der })
}

/// A private or public key in DER: PKCS#8, PKCS#1 (`public` says which half) or `ECPrivateKey`, or X.509 (a Subject Public Key Info).
/// Algorithm and length are read from the key.
///
/// # Errors
/// If it is not a key of that format, or of an unknown algorithm.
pub fn from_der(der: Secret, format: KeyFormatType, public: bool) -> Result<ManagedObject, KeyEncodingError> {
    let fail = |error| KeyEncodingError::Der(format, error);
    let bytes = der.expose();
    let (is_public, kind) = match format {
        KeyFormatType::PKCS_8 => {
            let info = PrivateKeyInfoRef::from_der(bytes).map_err(fail)?;
            (false, kind(&info.algorithm, || rsa_modulus_bits(info.private_key.as_bytes(), true)).map_err(fail)?)
        }
        KeyFormatType::X_509 => {
            let info = SubjectPublicKeyInfoRef::from_der(bytes).map_err(fail)?;
            let rsa = || rsa_modulus_bits(info.subject_public_key.as_bytes().unwrap_or_default(), false);
            (true, kind(&info.algorithm, rsa).map_err(fail)?)
        }
        KeyFormatType::PKCS_1 => (public, Ok((CryptographicAlgorithm::RSA, rsa_modulus_bits(bytes, !public).map_err(fail)?))),
        KeyFormatType::ECPrivateKey => (false, Ok((CryptographicAlgorithm::ECDSA, ec_private_key_bits(bytes).map_err(fail)?))),
        other => return Err(KeyEncodingError::Format(other)),
    };
    let key_block = key_block(format, der, Some(kind.map_err(KeyEncodingError::Algorithm)?));
    Ok(if is_public {
        ManagedObject::PublicKey(PublicKey { key_block })
    } else {
        ManagedObject::PrivateKey(PrivateKey { key_block })
    })
}

/// The bytes of an object: its key material, certificate or value. None if the material is the fields of a transparent key, or
/// the server did not send it. Of a wrapped key, these are the wrapped bytes.
#[must_use]
pub fn material(object: &ManagedObject) -> Option<&Secret> {
    match object {
        ManagedObject::Certificate(object) => Some(&object.certificate_value),
        ManagedObject::CertificateRequest(object) => Some(&object.certificate_request_value),
        ManagedObject::OpaqueObject(object) => Some(&object.opaque_data_value),
        _ => match object.key_block()?.key_value.as_ref()? {
            KeyValue::Wrapped(bytes) => Some(bytes),
            KeyValue::Plain(PlainKeyValue { key_material: KeyMaterial::Bytes(bytes), .. }) => Some(bytes),
            KeyValue::Plain(_) => None,
        },
    }
}

fn key_block(format: KeyFormatType, material: Secret, kind: Option<(CryptographicAlgorithm, i32)>) -> KeyBlock {
    KeyBlock {
        key_format_type: format,
        key_compression_type: None,
        key_value: Some(KeyValue::Plain(PlainKeyValue { key_material: KeyMaterial::Bytes(material), attributes: None })),
        cryptographic_algorithm: kind.map(|(algorithm, _)| algorithm),
        cryptographic_length: kind.map(|(_, bits)| bits),
        key_wrapping_data: None,
    }
}

fn bits(bytes: usize) -> i32 {
    i32::try_from(bytes.saturating_mul(8)).unwrap_or(i32::MAX)
}

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// Curves and algorithms with a length of their own.
const LENGTHS: &[(&str, CryptographicAlgorithm, i32)] = &[
    ("1.2.840.10045.3.1.1", CryptographicAlgorithm::ECDSA, 192),
    ("1.3.132.0.33", CryptographicAlgorithm::ECDSA, 224),
    ("1.2.840.10045.3.1.7", CryptographicAlgorithm::ECDSA, 256),
    ("1.3.132.0.10", CryptographicAlgorithm::ECDSA, 256),
    ("1.3.132.0.34", CryptographicAlgorithm::ECDSA, 384),
    ("1.3.132.0.35", CryptographicAlgorithm::ECDSA, 521),
    ("1.3.101.112", CryptographicAlgorithm::Ed25519, 256),
    ("1.3.101.113", CryptographicAlgorithm::Ed448, 456),
];

type Kind = Result<(CryptographicAlgorithm, i32), ObjectIdentifier>;

/// Algorithm and length of a key; an identifier that is not known here otherwise.
fn kind(algorithm: &AlgorithmIdentifierRef<'_>, rsa_bits: impl FnOnce() -> der::Result<i32>) -> der::Result<Kind> {
    if algorithm.oid == RSA {
        return Ok(Ok((CryptographicAlgorithm::RSA, rsa_bits()?)));
    }
    let name = if algorithm.oid == EC {
        algorithm.parameters.map(|parameters| parameters.decode_as::<ObjectIdentifier>()).transpose()?.unwrap_or(EC)
    } else {
        algorithm.oid
    };
    let row = LENGTHS.iter().find(|(oid, _, _)| ObjectIdentifier::new(oid) == Ok(name));
    Ok(row.map(|(_, algorithm, bits)| (*algorithm, *bits)).ok_or(name))
}

/// The length of the modulus of a PKCS#1 key. A private key has a version number in front of it.
fn rsa_modulus_bits(der: &[u8], private: bool) -> der::Result<i32> {
    let mut reader = SliceReader::new(der)?;
    reader.sequence(|fields| {
        if private {
            UintRef::decode(fields)?;
        }
        let modulus = UintRef::decode(fields)?;
        while !fields.is_finished() {
            AnyRef::decode(fields)?;
        }
        let bytes = modulus.as_bytes();
        let leading = bytes.first().map_or(0, |byte| i32::try_from(byte.leading_zeros()).unwrap_or(0));
        Ok::<_, der::Error>(bits(bytes.len()) - leading)
    })
}

/// The length of an elliptic curve key (RFC 5915): its private number has the length of the curve's order.
fn ec_private_key_bits(der: &[u8]) -> der::Result<i32> {
    let mut reader = SliceReader::new(der)?;
    reader.sequence(|fields| {
        UintRef::decode(fields)?;
        let number = <&OctetStringRef>::decode(fields)?;
        while !fields.is_finished() {
            AnyRef::decode(fields)?;
        }
        Ok::<_, der::Error>(if number.as_bytes().len() == 66 { 521 } else { bits(number.as_bytes().len()) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back() {
        let bytes = || Secret::from_slice(&[1, 2, 3]);
        let objects = [
            symmetric_key(bytes(), CryptographicAlgorithm::AES),
            secret_data(bytes(), SecretDataType::Password),
            opaque_object(bytes()),
            certificate(bytes()),
        ];
        for object in objects {
            assert_eq!(material(&object), Some(&bytes()), "{object:?}");
        }
        let key = symmetric_key(Secret::new(vec![0; 32]), CryptographicAlgorithm::AES);
        assert_eq!(key.key_block().unwrap().cryptographic_length, Some(256));
    }

    #[test]
    fn length_of_an_rsa_modulus() {
        // SEQUENCE { INTEGER 0x0080…01 (24 bits), INTEGER 3 }.
        let public = [0x30, 0x09, 0x02, 0x04, 0x00, 0x80, 0x00, 0x01, 0x02, 0x01, 0x03];
        let key = from_der(Secret::from_slice(&public), KeyFormatType::PKCS_1, true).unwrap();
        assert_eq!(key.key_block().unwrap().cryptographic_length, Some(24));
        let error = from_der(Secret::from_slice(&[0x30, 0x00]), KeyFormatType::PKCS_8, false).unwrap_err();
        assert!(matches!(error, KeyEncodingError::Der(KeyFormatType::PKCS_8, _)));
    }

    #[test]
    fn kind_of_a_subject_public_key_info() {
        // A Subject Public Key Info: P-256, an (invalid, but well-formed) point.
        let mut der = vec![0x30, 0x19, 0x30, 0x13];
        der.extend([0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01]);
        der.extend([0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]);
        der.extend([0x03, 0x02, 0x00, 0x04]);
        let key = from_der(Secret::new(der), KeyFormatType::X_509, true).unwrap();
        let block = key.key_block().unwrap();
        assert_eq!(block.cryptographic_algorithm, Some(CryptographicAlgorithm::ECDSA));
        assert_eq!(block.cryptographic_length, Some(256));
    }
}
