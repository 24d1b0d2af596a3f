//! How the Cryptographic Parameters have a message signed.

use kmip::enumerations::{
    CryptographicAlgorithm, DigitalSignatureAlgorithm, HashingAlgorithm, MaskGenerator, PaddingMethod, RecommendedCurve,
};
use kmip::structures::CryptographicParameters;

use crate::asymmetric::{AsymmetricUse, rsa_padding_offered};
use crate::curve::CurveRow;
use crate::error::CryptoError;
use crate::octet_key::{OctetRow, OctetScheme};
use crate::private_key::{self, PrivateKey};
use crate::public_key::{self, PublicKey};
use crate::rsa_padding;

/// How a message is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Pkcs1 {
        hash: HashingAlgorithm,
        /// Whether the parameters name it.
        named: bool,
    },
    Pss {
        hash: HashingAlgorithm,
        mask: Option<HashingAlgorithm>,
        salt: Option<usize>,
    },
    Ecdsa {
        hash: HashingAlgorithm,
    },
    /// The message is signed as it is: Ed25519, ML-DSA.
    Whole(&'static OctetRow),
}

impl Scheme {
    /// What is made of the message before it is signed, if anything.
    pub(super) fn hash(self) -> Option<HashingAlgorithm> {
        match self {
            Self::Pkcs1 { hash, .. } | Self::Pss { hash, .. } | Self::Ecdsa { hash } => Some(hash),
            Self::Whole(_) => None,
        }
    }
}

/// What kind of key signs or verifies.
#[derive(Clone, Copy)]
pub(super) enum KeyKind {
    Rsa,
    Elliptic(&'static CurveRow),
    Octets(&'static OctetRow),
}

macro_rules! signature_algorithms {
    ($($name:ident => $algorithm:ident, $hash:ident;)*) => {
        /// What the Digital Signature Algorithms say: the algorithm of the key and the hash. That of PSS says no hash.
        const SIGNATURE_ALGORITHMS: &[(DigitalSignatureAlgorithm, CryptographicAlgorithm, Option<HashingAlgorithm>)] =
            &[$((DigitalSignatureAlgorithm::$name, CryptographicAlgorithm::$algorithm, signature_algorithms!(@ $hash))),*];
    };
    (@ none) => { None };
    (@ $hash:ident) => { Some(HashingAlgorithm::$hash) };
}

signature_algorithms! {
    MD2WithRSAEncryption => RSA, MD2;
    MD5WithRSAEncryption => RSA, MD5;
    SHA_1WithRSAEncryption => RSA, SHA_1;
    SHA_224WithRSAEncryption => RSA, SHA_224;
    SHA_256WithRSAEncryption => RSA, SHA_256;
    SHA_384WithRSAEncryption => RSA, SHA_384;
    SHA_512WithRSAEncryption => RSA, SHA_512;
    RSASSA_PSS => RSA, none;
    DSAWithSHA_1 => DSA, SHA_1;
    DSAWithSHA224 => DSA, SHA_224;
    DSAWithSHA256 => DSA, SHA_256;
    ECDSAWithSHA_1 => ECDSA, SHA_1;
    ECDSAWithSHA224 => ECDSA, SHA_224;
    ECDSAWithSHA256 => ECDSA, SHA_256;
    ECDSAWithSHA384 => ECDSA, SHA_384;
    ECDSAWithSHA512 => ECDSA, SHA_512;
    SHA3_256WithRSAEncryption => RSA, SHA3_256;
    SHA3_384WithRSAEncryption => RSA, SHA3_384;
    SHA3_512WithRSAEncryption => RSA, SHA3_512;
}

/// Finds how the parameters have it signed. None: in a way that keys of another kind sign.
pub(super) fn scheme(parameters: &CryptographicParameters, key: KeyKind) -> Result<Option<Scheme>, CryptoError> {
    let mut algorithm = parameters.cryptographic_algorithm;
    let mut hash = parameters.hashing_algorithm;
    let mut padding = parameters.padding_method;
    if let Some(both) = parameters.digital_signature_algorithm {
        let (_, of_key, hash_named) = SIGNATURE_ALGORITHMS.iter().find(|row| row.0 == both).ok_or_else(|| {
            CryptoError::UnsupportedParameters(format!("the Digital Signature Algorithm {both:?} is not offered"))
        })?;
        if hash.is_some() && hash_named.is_some() && hash != *hash_named {
            return Err(CryptoError::BadParameters(format!(
                "the Hashing Algorithm is not that of the Digital Signature Algorithm {both:?}"
            )));
        }
        hash = hash.or(*hash_named);
        if both == DigitalSignatureAlgorithm::RSASSA_PSS {
            padding = padding.or(Some(PaddingMethod::PSS));
        }
        // The algorithm of the key may be given in more general terms.
        if *of_key != CryptographicAlgorithm::ECDSA || !matches!(algorithm, Some(CryptographicAlgorithm::EC)) {
            if algorithm.is_some_and(|algorithm| algorithm != *of_key) {
                return Ok(None);
            }
            algorithm = Some(*of_key);
        }
    }
    match key {
        KeyKind::Rsa => {
            if !matches!(algorithm, None | Some(CryptographicAlgorithm::RSA)) {
                return Ok(None);
            }
            let named = hash.is_some();
            let hash = hash.unwrap_or(HashingAlgorithm::SHA_256);
            rsa_padding::hash_length(hash)?;
            let padding = padding.unwrap_or(PaddingMethod::PKCS1V1_5);
            if !rsa_padding_offered(AsymmetricUse::Signature, padding) {
                return Err(CryptoError::UnsupportedParameters(format!(
                    "RSA signatures with the padding {padding:?} are not offered, only with PKCS1 v1.5 and PSS"
                )));
            }
            match padding {
                PaddingMethod::PSS => pss(parameters, hash).map(Some),
                _ => Ok(Some(Scheme::Pkcs1 { hash, named })),
            }
        }
        KeyKind::Elliptic(curve) => {
            if !matches!(algorithm, None | Some(CryptographicAlgorithm::EC | CryptographicAlgorithm::ECDSA)) {
                return Ok(None);
            }
            if !matches!(padding, None | Some(PaddingMethod::None)) {
                return Err(CryptoError::BadParameters("ECDSA has no padding".to_owned()));
            }
            let hash = hash.unwrap_or(match curve.curve {
                RecommendedCurve::P_384 => HashingAlgorithm::SHA_384,
                RecommendedCurve::P_521 => HashingAlgorithm::SHA_512,
                _ => HashingAlgorithm::SHA_256,
            });
            rsa_padding::hash_length(hash)?;
            Ok(Some(Scheme::Ecdsa { hash }))
        }
        KeyKind::Octets(row) => {
            if algorithm.is_some_and(|algorithm| algorithm != row.algorithm) {
                return Ok(None);
            }
            if !matches!(row.scheme, OctetScheme::Ed25519 | OctetScheme::MlDsa(..)) {
                return Err(CryptoError::BadParameters("keys for key agreement or encapsulation do not sign".to_owned()));
            }
            // Ed25519 and ML-DSA do their own hashing; the forms in which a hash comes before it have no name in KMIP.
            if hash.is_some() || !matches!(padding, None | Some(PaddingMethod::None)) {
                return Err(CryptoError::BadParameters(format!("{:?} has no hash and no padding", row.algorithm)));
            }
            Ok(Some(Scheme::Whole(row)))
        }
    }
}

fn pss(parameters: &CryptographicParameters, hash: HashingAlgorithm) -> Result<Scheme, CryptoError> {
    mask_generator(parameters)?;
    // The number RFC 8017 has for the usual trailer, and the trailer itself.
    if !matches!(parameters.trailer_field, None | Some(1 | 0xBC)) {
        return Err(CryptoError::UnsupportedParameters("only the Trailer Field 1 is offered, which is the byte BC".to_owned()));
    }
    let mask = parameters.mask_generator_hashing_algorithm;
    mask.map(rsa_padding::hash_length).transpose()?;
    let salt = parameters.salt_length.map(usize::try_from).transpose();
    let salt = salt.map_err(|_| CryptoError::BadParameters("the Salt Length is negative".to_owned()))?;
    Ok(Scheme::Pss { hash, mask, salt })
}

/// # Errors
/// A Mask Generator that is not offered.
pub(crate) fn mask_generator(parameters: &CryptographicParameters) -> Result<(), CryptoError> {
    match parameters.mask_generator {
        None | Some(MaskGenerator::MGF1) => Ok(()),
        Some(other) => Err(CryptoError::UnsupportedParameters(format!("the Mask Generator {other:?} is not offered"))),
    }
}

pub(super) fn other_key() -> CryptoError {
    CryptoError::BadParameters("the Cryptographic Parameters are for keys of another algorithm".to_owned())
}

pub(super) fn kind_of_private(key: &PrivateKey) -> KeyKind {
    match &key.0 {
        private_key::Kind::Rsa(_) => KeyKind::Rsa,
        private_key::Kind::Ec { curve, .. } => KeyKind::Elliptic(curve),
        private_key::Kind::Octets(key) => KeyKind::Octets(key.row),
    }
}

pub(super) fn kind_of_public(key: &PublicKey) -> KeyKind {
    match &key.0 {
        public_key::Kind::Rsa(_) => KeyKind::Rsa,
        public_key::Kind::Ec { curve, .. } => KeyKind::Elliptic(curve),
        public_key::Kind::Octets { row, .. } => KeyKind::Octets(row),
    }
}
