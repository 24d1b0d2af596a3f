//! Private keys and their encodings.

use aws_lc_rs::signature::{EcdsaKeyPair, KeyPair as _};
use kmip::Secret;
use kmip::enumerations::{CryptographicAlgorithm, KeyFormatType};

use pkcs8::der::asn1::{AnyRef, OctetStringRef};
use pkcs8::der::{self, Decode, Encode};
use pkcs8::spki::AlgorithmIdentifierRef;
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};
use sec1::{EcParameters, EcPrivateKey};

use crate::curve::{CurveRow, curve_of_length, curve_of_oid};
use crate::error::CryptoError;
use crate::key::KeyFacts;
use crate::octet_key::{OctetPrivate, octet_row, octet_row_of_oid};
use crate::public_key::{self, EC, PublicKey, RSA, named_curve};
use crate::rsa_key::{self, RsaPrivateComponents, RsaPublicComponents};

const PKCS_8: &str = "PKCS#8 private key";
const SEC_1: &str = "elliptic-curve private key";

/// A private key that was understood. It has no `Debug` that shows more than its kind, and wipes itself.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateKey(pub(crate) Kind);

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Rsa(RsaPrivateComponents),
    Ec {
        curve: &'static CurveRow,
        /// Big-endian, as long as a coordinate of the curve.
        scalar: Secret,
        /// The public point, where the encoding had it.
        point: Option<Vec<u8>>,
    },
    Octets(OctetPrivate),
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let facts = self.facts();
        write!(f, "PrivateKey({:?}, {} bits)", facts.algorithm, facts.length)
    }
}

impl PrivateKey {
    /// Reads a key in one of the formats PKCS#1, PKCS#8 (not encrypted) and ECPrivateKey.
    ///
    /// # Errors
    /// Another format, an algorithm that is not known, or bytes that are not in the format.
    pub fn parse(format: KeyFormatType, bytes: &[u8]) -> Result<Self, CryptoError> {
        match format {
            KeyFormatType::PKCS_1 => Ok(Self(Kind::Rsa(rsa_key::read_private(bytes)?))),
            KeyFormatType::PKCS_8 => Self::from_pkcs8(bytes),
            KeyFormatType::ECPrivateKey => Self::from_sec1(bytes, None),
            _ => Err(CryptoError::UnsupportedFormat { what: "a private key", format }),
        }
    }

    /// Takes a key of an algorithm whose private keys are bytes and nothing else (Ed25519, ML-DSA, ML-KEM): Key Format Type Raw.
    ///
    /// # Errors
    /// Another algorithm, or bytes of another length.
    pub fn from_raw(algorithm: CryptographicAlgorithm, bytes: &[u8]) -> Result<Self, CryptoError> {
        let row =
            octet_row(algorithm).ok_or(CryptoError::UnsupportedFormat { what: "a private key", format: KeyFormatType::Raw })?;
        OctetPrivate::from_raw(row, bytes).map(Kind::Octets).map(Self)
    }

    fn from_pkcs8(bytes: &[u8]) -> Result<Self, CryptoError> {
        let info = PrivateKeyInfoRef::from_der(bytes).map_err(|error| CryptoError::invalid_key(PKCS_8, error))?;
        let key = info.private_key.as_bytes();
        match info.algorithm.oid {
            RSA => Ok(Self(Kind::Rsa(rsa_key::read_private(key)?))),
            EC => Self::from_sec1(key, Some(named_curve(&info.algorithm)?)),
            other => match octet_row_of_oid(other) {
                Some(row) => OctetPrivate::from_inner(row, key).map(Kind::Octets).map(Self),
                None => Err(CryptoError::invalid_key(PKCS_8, format!("the algorithm {other} is not supported"))),
            },
        }
    }

    fn from_sec1(bytes: &[u8], curve: Option<&'static CurveRow>) -> Result<Self, CryptoError> {
        let key = EcPrivateKey::from_der(bytes).map_err(|error| CryptoError::invalid_key(SEC_1, error))?;
        let named = key.parameters.and_then(EcParameters::named_curve);
        let named = named
            .map(|oid| curve_of_oid(oid).ok_or_else(|| CryptoError::invalid_key(SEC_1, format!("the curve {oid} is not known"))));
        let curve = match (named.transpose()?, curve) {
            (Some(inner), Some(outer)) if inner != outer => {
                return Err(CryptoError::invalid_key(SEC_1, "two different curves are named"));
            }
            (Some(curve), _) | (None, Some(curve)) => curve,
            // The encoding may leave the curve to its surroundings, of which KMIP has none: the size tells.
            (None, None) => {
                curve_of_scalar(key.private_key.len()).ok_or_else(|| CryptoError::invalid_key(SEC_1, "the curve is not named"))?
            }
        };
        let mut new = Self::from_scalar(curve, key.private_key)?;
        if let (Kind::Ec { point, .. }, Some(public)) = (&mut new.0, key.public_key) {
            PublicKey::from_point(curve, public)?;
            *point = Some(public.to_vec());
        }
        Ok(new)
    }

    /// Takes the private number of a curve, unsigned and big-endian: D of the transparent structure.
    ///
    /// # Errors
    /// Zero, or a number that is too long for the curve.
    pub fn from_scalar(curve: &'static CurveRow, scalar: &[u8]) -> Result<Self, CryptoError> {
        let zeros = scalar.iter().take_while(|byte| **byte == 0).count();
        let significant = &scalar[zeros..];
        let size = curve.bytes();
        if significant.is_empty() || significant.len() > size {
            return Err(CryptoError::invalid_key(SEC_1, format!("the number does not fit {:?}", curve.curve)));
        }
        let mut padded = vec![0; size];
        padded[size - significant.len()..].copy_from_slice(significant);
        Ok(Self(Kind::Ec { curve, scalar: Secret::new(padded), point: None }))
    }

    pub(crate) fn from_octets(key: OctetPrivate) -> Self {
        Self(Kind::Octets(key))
    }

    /// Makes a key of the numbers of Transparent RSA Private Key; what is missing is computed.
    ///
    /// # Errors
    /// Numbers that do not suffice or that do not make a key.
    pub fn from_rsa_components(components: &RsaPrivateComponents) -> Result<Self, CryptoError> {
        let der = rsa_key::write_private(components)?;
        Ok(Self(Kind::Rsa(rsa_key::read_private(der.expose())?)))
    }

    /// The numbers, of an RSA key.
    #[must_use]
    pub fn rsa_components(&self) -> Option<&RsaPrivateComponents> {
        match &self.0 {
            Kind::Rsa(components) => Some(components),
            Kind::Ec { .. } | Kind::Octets(_) => None,
        }
    }

    /// The private number, of an elliptic-curve key: D of the transparent structure.
    #[must_use]
    pub fn scalar(&self) -> Option<&Secret> {
        match &self.0 {
            Kind::Rsa(_) | Kind::Octets(_) => None,
            Kind::Ec { scalar, .. } => Some(scalar),
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
            Kind::Octets(key) => KeyFacts::of_octets(key.row),
        }
    }

    /// The public half: computed by aws-lc-rs, or on curves it lacks taken from the encoding.
    ///
    /// # Errors
    /// A curve that is only recognised and no public half in the encoding; numbers that do not make a key.
    pub fn public_key(&self) -> Result<PublicKey, CryptoError> {
        match &self.0 {
            Kind::Rsa(components) => {
                let public_exponent = components.public_exponent.clone().unwrap_or_default();
                PublicKey::from_rsa_components(RsaPublicComponents { modulus: components.modulus.clone(), public_exponent })
            }
            Kind::Ec { curve, scalar, point } => match (curve.algorithm, point) {
                (Some(algorithm), _) => {
                    let der = write_sec1(scalar, Some(curve), None)?;
                    let pair = EcdsaKeyPair::from_private_key_der(algorithm, der.expose())
                        .map_err(|error| CryptoError::invalid_key(SEC_1, error))?;
                    PublicKey::from_point(curve, pair.public_key().as_ref())
                }
                (None, Some(point)) => PublicKey::from_point(curve, point),
                (None, None) => Err(CryptoError::UnsupportedCurve(curve.curve)),
            },
            Kind::Octets(key) => PublicKey::from_octets(key.row, &key.public()?),
        }
    }

    /// The key in one of the formats PKCS#1 (RSA), ECPrivateKey (EC), Raw (Ed25519, ML-DSA, ML-KEM) and PKCS#8. Elliptic-curve
    /// keys include the public half where it is known or can be computed.
    ///
    /// # Errors
    /// Another format.
    pub fn encode(&self, format: KeyFormatType) -> Result<Secret, CryptoError> {
        match (&self.0, format) {
            (Kind::Rsa(components), KeyFormatType::PKCS_1) => rsa_key::write_private(components),
            (Kind::Rsa(components), KeyFormatType::PKCS_8) => {
                write_pkcs8(RSA, Some(AnyRef::NULL), &rsa_key::write_private(components)?)
            }
            (Kind::Ec { curve, scalar, .. }, KeyFormatType::ECPrivateKey) => {
                write_sec1(scalar, Some(curve), self.public_point().as_deref())
            }
            (Kind::Ec { curve, scalar, .. }, KeyFormatType::PKCS_8) => {
                // The curve is named once, outside (RFC 5915, section 3, and what other programs write).
                let inner = write_sec1(scalar, None, self.public_point().as_deref())?;
                write_pkcs8(EC, Some(AnyRef::from(&curve.oid)), &inner)
            }
            (Kind::Octets(key), KeyFormatType::PKCS_8) => write_pkcs8(key.row.oid, None, &key.inner()?),
            // A curve alone does not name the key: the bytes could not be read again.
            (Kind::Octets(key), KeyFormatType::Raw) if key.row.curve.is_none() => key.raw(),
            (Kind::Octets(key), _) => Err(CryptoError::UnsupportedFormat { what: key.row.name, format }),
            (Kind::Rsa(_), _) => Err(CryptoError::UnsupportedFormat { what: "an RSA private key", format }),
            (Kind::Ec { .. }, _) => Err(CryptoError::UnsupportedFormat { what: "an elliptic-curve private key", format }),
        }
    }

    fn public_point(&self) -> Option<Vec<u8>> {
        match self.public_key() {
            Ok(PublicKey(public_key::Kind::Ec { point, .. })) => Some(point),
            _ => None,
        }
    }
}

/// The NIST prime curve whose private numbers have this many bytes.
fn curve_of_scalar(bytes: usize) -> Option<&'static CurveRow> {
    let length = match bytes {
        24 => 192,
        28 => 224,
        32 => 256,
        48 => 384,
        66 => 521,
        _ => return None,
    };
    curve_of_length(length)
}

fn write_sec1(scalar: &Secret, named: Option<&CurveRow>, point: Option<&[u8]>) -> Result<Secret, CryptoError> {
    let key = EcPrivateKey {
        private_key: scalar.expose(),
        parameters: named.map(|curve| EcParameters::NamedCurve(curve.oid)),
        public_key: point,
    };
    key.to_der().map(Secret::new).map_err(|_| CryptoError::Failed("encoding a private key"))
}

fn write_pkcs8(oid: ObjectIdentifier, parameters: Option<AnyRef<'_>>, key: &Secret) -> Result<Secret, CryptoError> {
    let write = || -> der::Result<Vec<u8>> {
        let algorithm = AlgorithmIdentifierRef { oid, parameters };
        PrivateKeyInfoRef::new(algorithm, OctetStringRef::new(key.expose())?).to_der()
    };
    write().map(Secret::new).map_err(|_| CryptoError::Failed("encoding a private key"))
}
