//! Keys that are strings of octets and nothing else to whoever keeps them: Ed25519, X25519 (RFC 8410), ML-DSA (FIPS 204, RFC 9881)
//! and ML-KEM (FIPS 203, RFC 9935). All of it is computed by aws-lc-rs.
//!
//! The Cryptographic Length of the post-quantum keys, of which the standard says nothing, is that of the public key, so that both
//! halves of a pair have the same.

use aws_lc_rs::agreement::{self, X25519};
use aws_lc_rs::kem::{self, DecapsulationKey};
use aws_lc_rs::signature::{
    Ed25519KeyPair, KeyPair as _, ML_DSA_44, ML_DSA_44_SIGNING, ML_DSA_65, ML_DSA_65_SIGNING, ML_DSA_87, ML_DSA_87_SIGNING,
    PqdsaKeyPair, PqdsaSigningAlgorithm, PqdsaVerificationAlgorithm,
};
use kmip::Secret;
use kmip::enumerations::{CryptographicAlgorithm, HashingAlgorithm, RecommendedCurve};
use pkcs8::ObjectIdentifier;
use pkcs8::der::asn1::{AnyRef, OctetStringRef};
use pkcs8::der::{Decode, Encode, Reader, SliceReader, Tag, Tagged};

use crate::digest::digest;
use crate::error::CryptoError;
use crate::random::Random;

/// One algorithm with such keys.
#[derive(Debug)]
pub(crate) struct OctetRow {
    /// The algorithm the standard names, or [`CryptographicAlgorithm::EC`] where it names a curve only.
    pub(crate) algorithm: CryptographicAlgorithm,
    pub(crate) curve: Option<RecommendedCurve>,
    /// The Cryptographic Length, in bits.
    pub(crate) length: u32,
    pub(crate) oid: ObjectIdentifier,
    pub(crate) name: &'static str,
    /// The length of a public key, in bytes.
    public: usize,
    /// The length of a seed, from which the private key follows, in bytes.
    seed: usize,
    /// The length of a private key in full, in bytes. 0: there is the seed only.
    expanded: usize,
    pub(crate) scheme: OctetScheme,
}

/// What such a key is for, and what aws-lc-rs calls it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OctetScheme {
    Ed25519,
    X25519,
    /// Signing and verifying.
    MlDsa(&'static PqdsaSigningAlgorithm, &'static PqdsaVerificationAlgorithm),
    MlKem(&'static kem::Algorithm),
}

impl PartialEq for OctetRow {
    fn eq(&self, other: &Self) -> bool {
        self.oid == other.oid
    }
}

impl Eq for OctetRow {}

macro_rules! octet_keys {
    ($($algorithm:ident $(on $curve:ident)?, $length:literal, $oid:literal, $name:literal, $public:literal, $seed:literal, $expanded:literal, $scheme:expr;)*) => {
        /// The algorithms with keys that are octets.
        pub(crate) static OCTET_KEYS: &[OctetRow] = &[$(OctetRow {
            algorithm: CryptographicAlgorithm::$algorithm,
            curve: octet_keys!(@ $($curve)?),
            length: $length,
            oid: ObjectIdentifier::new_unwrap($oid),
            name: $name,
            public: $public,
            seed: $seed,
            expanded: $expanded,
            scheme: $scheme,
        }),*];
    };
    (@ $curve:ident) => { Some(RecommendedCurve::$curve) };
    (@) => { None };
}

octet_keys! {
    Ed25519, 256, "1.3.101.112", "Ed25519 key", 32, 32, 0, OctetScheme::Ed25519;
    EC on CURVE25519, 256, "1.3.101.110", "X25519 key", 32, 32, 0, OctetScheme::X25519;
    ML_KEM_512, 6400, "2.16.840.1.101.3.4.4.1", "ML-KEM-512 key", 800, 64, 1632, OctetScheme::MlKem(&kem::ML_KEM_512);
    ML_KEM_768, 9472, "2.16.840.1.101.3.4.4.2", "ML-KEM-768 key", 1184, 64, 2400, OctetScheme::MlKem(&kem::ML_KEM_768);
    ML_KEM_1024, 12544, "2.16.840.1.101.3.4.4.3", "ML-KEM-1024 key", 1568, 64, 3168, OctetScheme::MlKem(&kem::ML_KEM_1024);
    ML_DSA_44, 10496, "2.16.840.1.101.3.4.3.17", "ML-DSA-44 key", 1312, 32, 2560, OctetScheme::MlDsa(&ML_DSA_44_SIGNING, &ML_DSA_44);
    ML_DSA_65, 15616, "2.16.840.1.101.3.4.3.18", "ML-DSA-65 key", 1952, 32, 4032, OctetScheme::MlDsa(&ML_DSA_65_SIGNING, &ML_DSA_65);
    ML_DSA_87, 20736, "2.16.840.1.101.3.4.3.19", "ML-DSA-87 key", 2592, 32, 4896, OctetScheme::MlDsa(&ML_DSA_87_SIGNING, &ML_DSA_87);
}

/// The row of an algorithm that names its keys by itself.
pub(crate) fn octet_row(algorithm: CryptographicAlgorithm) -> Option<&'static OctetRow> {
    OCTET_KEYS.iter().find(|row| row.algorithm == algorithm && row.curve.is_none())
}

/// The row of the keys on a curve for key agreement.
pub(crate) fn octet_row_of_curve(curve: RecommendedCurve) -> Option<&'static OctetRow> {
    OCTET_KEYS.iter().find(|row| row.curve == Some(curve))
}

pub(crate) fn octet_row_of_oid(oid: ObjectIdentifier) -> Option<&'static OctetRow> {
    OCTET_KEYS.iter().find(|row| row.oid == oid)
}

/// A private key: its seed, or what follows from it, or both.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct OctetPrivate {
    pub(crate) row: &'static OctetRow,
    seed: Option<Secret>,
    expanded: Option<Secret>,
}

impl OctetPrivate {
    /// Takes a private key as it is: Key Format Type Raw.
    ///
    /// # Errors
    /// A length that is neither that of a seed nor that of a key.
    pub(crate) fn from_raw(row: &'static OctetRow, bytes: &[u8]) -> Result<Self, CryptoError> {
        let bytes_of = |length: usize| (length != 0 && bytes.len() == length).then(|| Secret::from_slice(bytes));
        Self { row, seed: bytes_of(row.seed), expanded: bytes_of(row.expanded) }.checked()
    }

    /// Reads what a PKCS#8 structure has inside.
    pub(crate) fn from_inner(row: &'static OctetRow, inner: &[u8]) -> Result<Self, CryptoError> {
        let invalid = |cause| CryptoError::invalid_key(row.name, cause);
        let outer = AnyRef::from_der(inner).map_err(invalid)?;
        let (mut seed, mut expanded) = (None, None);
        match outer.tag() {
            Tag::OctetString if row.expanded == 0 => seed = Some(outer.value()),
            Tag::OctetString => expanded = Some(outer.value()),
            Tag::ContextSpecific { constructed: false, number } if number.value() == 0 && row.expanded != 0 => {
                seed = Some(outer.value());
            }
            Tag::Sequence if row.expanded != 0 => {
                let mut reader = SliceReader::new(outer.value()).map_err(invalid)?;
                let mut next = || reader.decode::<&OctetStringRef>().map(OctetStringRef::as_bytes).map_err(invalid);
                (seed, expanded) = (Some(next()?), Some(next()?));
                reader.finish().map_err(invalid)?;
            }
            _ => {}
        }
        let secret = |bytes: Option<&[u8]>| bytes.map(Secret::from_slice);
        Self { row, seed: secret(seed), expanded: secret(expanded) }.checked()
    }

    fn checked(self) -> Result<Self, CryptoError> {
        let row = self.row;
        let fits = |part: &Option<Secret>, length| part.as_ref().is_none_or(|part| part.len() == length);
        let none = self.seed.is_none() && self.expanded.is_none();
        if none || !fits(&self.seed, row.seed) || !fits(&self.expanded, row.expanded) {
            return Err(CryptoError::invalid_key(row.name, "wrong length"));
        }
        match (&self.seed, &self.expanded, row.scheme) {
            (Some(seed), Some(_), OctetScheme::MlDsa(algorithm, _)) => {
                // Both were given: they must be the same key.
                let of_seed = PqdsaKeyPair::from_seed(algorithm, seed.expose());
                if of_seed.is_err()
                    || of_seed.ok().map(|pair| pair.public_key().as_ref().to_vec()) != self.public_of_expanded().ok()
                {
                    return Err(CryptoError::invalid_key(row.name, "the seed and the key differ"));
                }
            }
            (_, Some(expanded), OctetScheme::MlKem(_)) => {
                // The hash of the public key stands behind it (FIPS 203, section 7.3).
                let (public, rest) = mlkem_public(row, expanded.expose());
                if digest(HashingAlgorithm::SHA3_256, public)? != rest[..32] {
                    return Err(CryptoError::invalid_key(row.name, "the public key inside is not the one that was hashed"));
                }
            }
            _ => {}
        }
        Ok(self)
    }

    /// What a PKCS#8 structure has inside: the seed where it is known.
    pub(crate) fn inner(&self) -> Result<Secret, CryptoError> {
        let failed = |_| CryptoError::Failed("encoding a private key");
        let octets = |secret: &Secret| {
            OctetStringRef::new(secret.expose()).and_then(|octets| octets.to_der()).map(Secret::new).map_err(failed)
        };
        match (&self.seed, &self.expanded) {
            // Every length of a seed is one byte.
            (Some(seed), None) if self.row.expanded != 0 => Ok(Secret::new([&[0x80, seed.len() as u8], seed.expose()].concat())),
            (Some(seed), None) => octets(seed),
            (Some(seed), Some(expanded)) => {
                let parts = Secret::new([octets(seed)?.expose(), octets(expanded)?.expose()].concat());
                AnyRef::new(Tag::Sequence, parts.expose()).and_then(|any| any.to_der()).map(Secret::new).map_err(failed)
            }
            (None, Some(expanded)) => octets(expanded),
            (None, None) => Err(CryptoError::Failed("encoding a private key")),
        }
    }

    /// The key as it is: Key Format Type Raw. The seed where it is known and enough to use the key.
    pub(crate) fn raw(&self) -> Result<Secret, CryptoError> {
        let (first, second) = match self.row.scheme {
            OctetScheme::MlKem(_) => (&self.expanded, &self.seed),
            _ => (&self.seed, &self.expanded),
        };
        first.clone().or_else(|| second.clone()).ok_or(CryptoError::Failed("encoding a private key"))
    }

    /// The public half.
    pub(crate) fn public(&self) -> Result<Vec<u8>, CryptoError> {
        let row = self.row;
        let invalid = |error| CryptoError::invalid_key(row.name, error);
        match (row.scheme, &self.seed, &self.expanded) {
            (OctetScheme::Ed25519, Some(_), _) => Ok(self.ed25519()?.public_key().as_ref().to_vec()),
            (OctetScheme::X25519, Some(seed), _) => {
                let key = agreement::PrivateKey::from_private_key(&X25519, seed.expose()).map_err(invalid)?;
                let public = key.compute_public_key().map_err(|_| CryptoError::Failed("computing a public key"))?;
                Ok(public.as_ref().to_vec())
            }
            (OctetScheme::MlDsa(..), ..) => Ok(self.mldsa()?.public_key().as_ref().to_vec()),
            (OctetScheme::MlKem(_), _, Some(expanded)) => Ok(mlkem_public(row, expanded.expose()).0.to_vec()),
            (OctetScheme::MlKem(_), ..) => Err(CryptoError::UnsupportedParameters(
                "an ML-KEM key of which there is the seed only is kept, but not computed with".to_owned(),
            )),
            _ => Err(CryptoError::Failed("computing a public key")),
        }
    }

    fn public_of_expanded(&self) -> Result<Vec<u8>, CryptoError> {
        Self { seed: None, ..self.clone() }.public()
    }

    /// # Errors
    /// A key of another kind.
    pub(crate) fn ed25519(&self) -> Result<Ed25519KeyPair, CryptoError> {
        let seed = self.seed.as_ref().ok_or(CryptoError::Failed("reading an Ed25519 key"))?;
        Ed25519KeyPair::from_seed_unchecked(seed.expose()).map_err(|error| CryptoError::invalid_key(self.row.name, error))
    }

    /// # Errors
    /// A key of another kind.
    pub(crate) fn mldsa(&self) -> Result<PqdsaKeyPair, CryptoError> {
        let OctetScheme::MlDsa(algorithm, _) = self.row.scheme else { return Err(CryptoError::Failed("reading an ML-DSA key")) };
        match (&self.seed, &self.expanded) {
            (Some(seed), _) => PqdsaKeyPair::from_seed(algorithm, seed.expose()),
            (None, Some(expanded)) => PqdsaKeyPair::from_raw_private_key(algorithm, expanded.expose()),
            (None, None) => return Err(CryptoError::Failed("reading an ML-DSA key")),
        }
        .map_err(|error| CryptoError::invalid_key(self.row.name, error))
    }

    /// # Errors
    /// A key of another kind, or an ML-KEM key of which there is the seed only.
    pub(crate) fn expanded(&self) -> Result<&Secret, CryptoError> {
        self.expanded.as_ref().ok_or_else(|| {
            CryptoError::UnsupportedParameters("a key of which there is the seed only is kept, but not computed with".to_owned())
        })
    }

    /// # Errors
    /// A key of which there is no seed.
    pub(crate) fn seed(&self) -> Result<&Secret, CryptoError> {
        self.seed.as_ref().ok_or(CryptoError::Failed("reading a private key"))
    }
}

/// The public key inside a private key of ML-KEM, and what comes after it: its hash and the secret for rejection.
fn mlkem_public<'a>(row: &OctetRow, expanded: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    let start = row.expanded - row.public - 64;
    expanded[start..].split_at(row.public)
}

/// Checks the length of a public key.
///
/// # Errors
/// Another length.
pub(crate) fn check_public(row: &'static OctetRow, bytes: &[u8]) -> Result<(), CryptoError> {
    if bytes.len() == row.public { Ok(()) } else { Err(CryptoError::invalid_key(row.name, "wrong length")) }
}

/// Makes a private key. Keys of ML-KEM come from aws-lc-rs and its own generator, of which it tells no seed.
pub(crate) fn generate(row: &'static OctetRow, random: &dyn Random) -> Result<OctetPrivate, CryptoError> {
    if let OctetScheme::MlKem(algorithm) = row.scheme {
        let failed = |_| CryptoError::Failed("making an ML-KEM key");
        let key = DecapsulationKey::generate(algorithm).map_err(failed)?.key_bytes().map_err(failed)?;
        return OctetPrivate { row, seed: None, expanded: Some(Secret::from_slice(key.as_ref())) }.checked();
    }
    let mut seed = vec![0; row.seed];
    let filled = random.fill(&mut seed);
    let seed = Secret::new(seed);
    filled?;
    OctetPrivate { row, seed: Some(seed), expanded: None }.checked()
}
