//! What can be told of a key from its encoding.

use kmip::enumerations::{CryptographicAlgorithm, KeyFormatType, ObjectType, RecommendedCurve};

use crate::octet_key::OctetRow;

/// What a key's encoding says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyFacts {
    /// The algorithm: RSA, EC, DSA, Ed25519, ML-DSA or ML-KEM. Keys of X25519 are EC, on the curve CURVE25519.
    pub algorithm: CryptographicAlgorithm,
    /// The Cryptographic Length, in bits.
    pub length: u32,
    /// The curve, where there is one.
    pub curve: Option<RecommendedCurve>,
}

impl KeyFacts {
    pub(crate) fn of_octets(row: &OctetRow) -> Self {
        Self { algorithm: row.algorithm, length: row.length, curve: row.curve }
    }
}

/// The Key Format Type in which an object is returned when the client asks for none and none was registered.
///
/// Where the standard's default is a transparent structure (EC and DSA keys), the encoding that every version and
/// client knows stands in its place.
#[must_use]
pub fn default_format(object: ObjectType, algorithm: CryptographicAlgorithm) -> KeyFormatType {
    let rsa = algorithm == CryptographicAlgorithm::RSA;
    match object {
        ObjectType::PrivateKey if rsa => KeyFormatType::PKCS_1,
        ObjectType::PrivateKey => KeyFormatType::PKCS_8,
        ObjectType::PublicKey if rsa => KeyFormatType::PKCS_1,
        ObjectType::PublicKey | ObjectType::Certificate => KeyFormatType::X_509,
        _ => KeyFormatType::Raw,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_formats() {
        use {CryptographicAlgorithm as Algorithm, KeyFormatType as Format, ObjectType as Type};
        for (object, algorithm, format) in [
            (Type::SymmetricKey, Algorithm::AES, Format::Raw),
            (Type::PrivateKey, Algorithm::RSA, Format::PKCS_1),
            (Type::PublicKey, Algorithm::RSA, Format::PKCS_1),
            (Type::PrivateKey, Algorithm::EC, Format::PKCS_8),
            (Type::PublicKey, Algorithm::ECDSA, Format::X_509),
            (Type::PrivateKey, Algorithm::Ed25519, Format::PKCS_8),
            (Type::PublicKey, Algorithm::ML_DSA_65, Format::X_509),
            (Type::Certificate, Algorithm::RSA, Format::X_509),
            (Type::SecretData, Algorithm::AES, Format::Raw),
        ] {
            assert_eq!(default_format(object, algorithm), format, "{object:?} {algorithm:?}");
        }
    }
}
