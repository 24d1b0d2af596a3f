//! Public keys and their encodings.

use kmip::enumerations::{CryptographicAlgorithm, KeyFormatType};
use pkcs8::ObjectIdentifier;
use pkcs8::der::asn1::{AnyRef, BitStringRef, UintRef};
use pkcs8::der::{self, Decode, Encode, Reader, SliceReader};
use pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use crate::curve::{CurveRow, curve_of_oid};
use crate::error::CryptoError;
use crate::key::KeyFacts;
use crate::octet_key::{self, OctetRow, octet_row, octet_row_of_oid};
use crate::rsa_key::{self, RsaPublicComponents};

pub(crate) const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
pub(crate) const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const DSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10040.4.1");

const SPKI: &str = "X.509 public key";

/// A public key that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(pub(crate) Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Rsa(RsaPublicComponents),
    /// A point as SEC 1 encodes it.
    Ec {
        curve: &'static CurveRow,
        point: Vec<u8>,
    },
    Octets {
        row: &'static OctetRow,
        bytes: Vec<u8>,
    },
}

impl PublicKey {
    /// Reads a key in one of the formats PKCS#1 and X.509 (Subject Public Key Info).
    ///
    /// # Errors
    /// Another format, an algorithm that is not known, or bytes that are not in the format.
    pub fn parse(format: KeyFormatType, bytes: &[u8]) -> Result<Self, CryptoError> {
        match format {
            KeyFormatType::PKCS_1 => Ok(Self(Kind::Rsa(rsa_key::read_public(bytes)?))),
            KeyFormatType::X_509 => Self::from_spki(bytes),
            _ => Err(CryptoError::UnsupportedFormat { what: "a public key", format }),
        }
    }

    /// Takes a key of an algorithm whose public keys are bytes and nothing else (Ed25519, ML-DSA, ML-KEM): Key Format Type Raw.
    ///
    /// # Errors
    /// Another algorithm, or bytes of another length.
    pub fn from_raw(algorithm: CryptographicAlgorithm, bytes: &[u8]) -> Result<Self, CryptoError> {
        let row =
            octet_row(algorithm).ok_or(CryptoError::UnsupportedFormat { what: "a public key", format: KeyFormatType::Raw })?;
        Self::from_octets(row, bytes)
    }

    pub(crate) fn from_octets(row: &'static OctetRow, bytes: &[u8]) -> Result<Self, CryptoError> {
        octet_key::check_public(row, bytes)?;
        Ok(Self(Kind::Octets { row, bytes: bytes.to_vec() }))
    }

    fn from_spki(bytes: &[u8]) -> Result<Self, CryptoError> {
        let info = SubjectPublicKeyInfoRef::from_der(bytes).map_err(|error| CryptoError::invalid_key(SPKI, error))?;
        let key = key_bits(&info)?;
        match info.algorithm.oid {
            RSA | RSA_PSS => Ok(Self(Kind::Rsa(rsa_key::read_public(key)?))),
            EC => Self::from_point(named_curve(&info.algorithm)?, key),
            other => match octet_row_of_oid(other) {
                Some(row) => Self::from_octets(row, key),
                None => Err(CryptoError::invalid_key(SPKI, format!("the algorithm {other} is not supported"))),
            },
        }
    }

    /// Takes a point of a curve, compressed or not, as SEC 1 encodes it. Its size is checked, not that it is on the curve.
    ///
    /// # Errors
    /// A point that has the wrong size for the curve.
    pub fn from_point(curve: &'static CurveRow, point: &[u8]) -> Result<Self, CryptoError> {
        let fits = match point.first() {
            Some(0x04 | 0x06 | 0x07) => point.len() == 1 + 2 * curve.bytes(),
            Some(0x02 | 0x03) => point.len() == 1 + curve.bytes(),
            _ => false,
        };
        if !fits {
            return Err(CryptoError::invalid_key("elliptic-curve point", format!("wrong size for {:?}", curve.curve)));
        }
        Ok(Self(Kind::Ec { curve, point: point.to_vec() }))
    }

    /// Makes a key of the numbers of Transparent RSA Public Key.
    ///
    /// # Errors
    /// A modulus or exponent of zero.
    pub fn from_rsa_components(components: RsaPublicComponents) -> Result<Self, CryptoError> {
        if rsa_key::bits(&components.modulus) == 0 || rsa_key::bits(&components.public_exponent) == 0 {
            return Err(CryptoError::invalid_key("RSA public key", "a number is zero"));
        }
        // Written and read, so that the numbers have no leading zeros.
        rsa_key::read_public(&rsa_key::write_public(&components)?).map(Kind::Rsa).map(Self)
    }

    /// The numbers, of an RSA key.
    #[must_use]
    pub fn rsa_components(&self) -> Option<&RsaPublicComponents> {
        match &self.0 {
            Kind::Rsa(components) => Some(components),
            Kind::Ec { .. } | Kind::Octets { .. } => None,
        }
    }

    /// The point as SEC 1 encodes it, of an elliptic-curve key: Q String of the transparent structure.
    #[must_use]
    pub fn point(&self) -> Option<&[u8]> {
        match &self.0 {
            Kind::Rsa(_) | Kind::Octets { .. } => None,
            Kind::Ec { point, .. } => Some(point),
        }
    }

    /// Algorithm and length.
    #[must_use]
    pub fn facts(&self) -> KeyFacts {
        match &self.0 {
            Kind::Rsa(components) => {
                KeyFacts { algorithm: CryptographicAlgorithm::RSA, length: rsa_key::bits(&components.modulus), curve: None }
            }
            Kind::Ec { curve, .. } => {
                KeyFacts { algorithm: CryptographicAlgorithm::EC, length: curve.length, curve: Some(curve.curve) }
            }
            Kind::Octets { row, .. } => KeyFacts::of_octets(row),
        }
    }

    /// The key in one of the formats PKCS#1 (RSA), Raw (Ed25519, ML-DSA, ML-KEM) and X.509 (Subject Public Key Info).
    ///
    /// # Errors
    /// Another format.
    pub fn encode(&self, format: KeyFormatType) -> Result<Vec<u8>, CryptoError> {
        match (&self.0, format) {
            (Kind::Rsa(components), KeyFormatType::PKCS_1) => rsa_key::write_public(components),
            (Kind::Rsa(components), KeyFormatType::X_509) => {
                write_spki(RSA, Some(AnyRef::NULL), &rsa_key::write_public(components)?)
            }
            (Kind::Ec { curve, point }, KeyFormatType::X_509) => write_spki(EC, Some(AnyRef::from(&curve.oid)), point),
            (Kind::Octets { row, bytes }, KeyFormatType::X_509) => write_spki(row.oid, None, bytes),
            // A curve alone does not name the key: the bytes could not be read again.
            (Kind::Octets { row, bytes }, KeyFormatType::Raw) if row.curve.is_none() => Ok(bytes.clone()),
            (Kind::Octets { row, .. }, _) => Err(CryptoError::UnsupportedFormat { what: row.name, format }),
            (Kind::Rsa(_), _) => Err(CryptoError::UnsupportedFormat { what: "an RSA public key", format }),
            (Kind::Ec { .. }, _) => Err(CryptoError::UnsupportedFormat { what: "an elliptic-curve public key", format }),
        }
    }
}

/// The curve an algorithm identifier names.
pub(crate) fn named_curve(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<&'static CurveRow, CryptoError> {
    let oid = algorithm.parameters_oid().map_err(|_| CryptoError::invalid_key(SPKI, "the curve is not named"))?;
    curve_of_oid(oid).ok_or_else(|| CryptoError::invalid_key(SPKI, format!("the curve {oid} is not known")))
}

/// Algorithm and length of any Subject Public Key Info, those of algorithms included that are only recognised.
pub(crate) fn spki_facts(bytes: &[u8]) -> Option<KeyFacts> {
    if let Ok(key) = PublicKey::from_spki(bytes) {
        return Some(key.facts());
    }
    let info = SubjectPublicKeyInfoRef::from_der(bytes).ok()?;
    match info.algorithm.oid {
        DSA => {
            // Dss-Parms: SEQUENCE of the primes p and q and of g; the length of a key is that of p.
            let parameters = info.algorithm.parameters?.value().to_vec();
            let mut reader = SliceReader::new(&parameters).ok()?;
            let p: UintRef<'_> = reader.decode().ok()?;
            Some(KeyFacts { algorithm: CryptographicAlgorithm::DSA, length: rsa_key::bits(p.as_bytes()), curve: None })
        }
        _ => None,
    }
}

fn key_bits<'a>(info: &SubjectPublicKeyInfoRef<'a>) -> Result<&'a [u8], CryptoError> {
    info.subject_public_key.as_bytes().ok_or_else(|| CryptoError::invalid_key(SPKI, "the key is not whole bytes"))
}

fn write_spki(oid: ObjectIdentifier, parameters: Option<AnyRef<'_>>, key: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let write = || -> der::Result<Vec<u8>> {
        SubjectPublicKeyInfoRef {
            algorithm: AlgorithmIdentifierRef { oid, parameters },
            subject_public_key: BitStringRef::from_bytes(key)?,
        }
        .to_der()
    };
    write().map_err(|_| CryptoError::Failed("encoding a public key"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dsa_keys_are_recognised_by_their_prime() {
        // Dss-Parms of a prime p of 512 bits, q = 5 and g = 2; the key is the number 3.
        let p = [&[0x02, 0x41, 0x00][..], &[0xC1; 64]].concat();
        let parameters = [&p[..], b"\x02\x01\x05\x02\x01\x02"].concat();
        let parameters = AnyRef::new(der::Tag::Sequence, &parameters).unwrap();
        let spki = write_spki(DSA, Some(parameters), b"\x02\x01\x03").unwrap();
        assert_eq!(spki_facts(&spki), Some(KeyFacts { algorithm: CryptographicAlgorithm::DSA, length: 512, curve: None }));
        assert!(PublicKey::parse(KeyFormatType::X_509, &spki).is_err(), "recognised, not understood");
    }

    #[test]
    fn points_have_the_size_of_their_curve() {
        let curve = crate::curve::curve(kmip::enumerations::RecommendedCurve::P_256).unwrap();
        for (first, length, fits) in [(4, 65, true), (2, 33, true), (3, 33, true), (4, 64, false), (2, 65, false), (0, 1, false)]
        {
            let mut point = vec![0; length];
            point[0] = first;
            assert_eq!(PublicKey::from_point(curve, &point).is_ok(), fits, "{first} {length}");
        }
        assert!(PublicKey::from_point(curve, &[]).is_err());
    }
}
