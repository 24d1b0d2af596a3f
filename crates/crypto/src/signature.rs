//! Signatures: RSA (PKCS#1 v1.5 and PSS), ECDSA, Ed25519 and ML-DSA.
//!
//! What the Cryptographic Parameters leave open (1.4, section 3.6; 2.1, section 4.15):
//! - the padding of RSA is PKCS#1 v1.5;
//! - the hash is SHA-256, on longer curves the one of the curve's strength (SHA-384 on P-384, SHA-512 on P-521);
//! - PSS: the mask is made with the hash itself and the salt is as long as the hash. The table of the standard names SHA-1 and a
//!   block of it; the official cases, which leave both out, have the hash itself, and so has everybody else. A signature is
//!   judged more leniently: where the parameters leave them out, it may have either hash in its mask, and a salt of any length.
//!
//! Signatures of ECDSA are the DER structure of X9.62. Digested Data that comes without a hash and has not the length of the one
//! above is signed with PKCS#1 v1.5 as it is: the client has put the name of the hash before it, or wants none.

mod scheme;

use std::sync::LazyLock;

use aws_lc_rs::digest::{self as hash, Digest};
use aws_lc_rs::rsa as aws_rsa;
use aws_lc_rs::signature::{
    ED25519, EcdsaKeyPair, EcdsaVerificationAlgorithm, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaPssSaltLength, RsaSignatureEncoding, UnparsedPublicKey, VerificationAlgorithm,
};
use kmip::enumerations::{HashingAlgorithm, KeyFormatType, RecommendedCurve};
use kmip::structures::CryptographicParameters;
use zeroize::Zeroizing;

use crate::curve::CurveRow;
use crate::digest::Hasher;
use crate::error::CryptoError;
use crate::octet_key::{OctetPrivate, OctetScheme};
use crate::private_key::{self, PrivateKey};
use crate::public_key::{self, PublicKey};
use crate::random::Random;
use crate::rsa_key::{self, RsaPrivateComponents, RsaPublicComponents};
use crate::{rsa_operation, rsa_padding};

pub(crate) use scheme::mask_generator;
use scheme::{Scheme, kind_of_private, kind_of_public, other_key, scheme};

/// The shortest RSA key that aws-lc-rs works with, in bits.
pub(crate) const AWS_LC_RSA_BITS_MIN: u32 = 2_048;

/// The longest digest aws-lc-rs signs, in bytes. P-521 could take two more.
const DIGEST_MAX: usize = 64;

/// Signs a message that comes in parts.
#[derive(Debug)]
pub struct Signer {
    scheme: Scheme,
    key: PrivateKey,
    message: Message,
}

/// What is there of a message.
enum Message {
    Hashed(Hasher),
    /// What is signed as it is has to be there as a whole.
    Whole(Zeroizing<Vec<u8>>),
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({} bytes held)", self.held())
    }
}

impl Message {
    /// # Errors
    /// A hash that is not offered.
    fn new(scheme: Scheme) -> Result<Self, CryptoError> {
        Ok(match scheme.hash() {
            Some(hash) => Self::Hashed(Hasher::new(hash)?),
            None => Self::Whole(Zeroizing::default()),
        })
    }

    fn update(&mut self, data: &[u8]) {
        match self {
            Self::Hashed(hasher) => hasher.update(data),
            Self::Whole(bytes) => bytes.extend_from_slice(data),
        }
    }

    fn held(&self) -> usize {
        match self {
            Self::Hashed(_) => 0,
            Self::Whole(bytes) => bytes.len(),
        }
    }

    /// The digest, or the message where it is signed as it is.
    fn finish(self) -> Zeroizing<Vec<u8>> {
        match self {
            Self::Hashed(hasher) => Zeroizing::new(hasher.finish()),
            Self::Whole(bytes) => bytes,
        }
    }
}

impl Signer {
    /// # Errors
    /// Parameters that are not offered, that contradict each other or the key.
    pub fn new(parameters: &CryptographicParameters, key: &PrivateKey) -> Result<Self, CryptoError> {
        let scheme = scheme_to_sign(parameters, key)?;
        Ok(Self { scheme, key: key.clone(), message: Message::new(scheme)? })
    }

    /// Takes the next part of the message.
    ///
    /// # Errors
    /// None at present.
    pub fn update(&mut self, data: &[u8]) -> Result<(), CryptoError> {
        self.message.update(data);
        Ok(())
    }

    /// How many bytes of the message are kept in memory until the end: all of them where the algorithm does its own hashing.
    #[must_use]
    pub fn held(&self) -> usize {
        self.message.held()
    }

    /// The signature of all parts.
    ///
    /// # Errors
    /// A key that is not used or is none, a salt that does not fit it, or no random bytes.
    pub fn finish(self, random: &dyn Random) -> Result<Vec<u8>, CryptoError> {
        sign(self.scheme, &self.key, &self.message.finish(), true, random)
    }
}

/// Signs a digest that the client made: Digested Data.
///
/// # Errors
/// Those of [`Signer`], and a digest that has not the length of the hash.
pub fn sign_digest(
    parameters: &CryptographicParameters,
    key: &PrivateKey,
    digest: &[u8],
    random: &dyn Random,
) -> Result<Vec<u8>, CryptoError> {
    let scheme = scheme_to_sign(parameters, key)?;
    sign(scheme, key, digest, check_digest(scheme, digest)?, random)
}

/// Two messages with the same MD5 are made in seconds: what was signed with it may be verified, but nothing new is.
fn scheme_to_sign(parameters: &CryptographicParameters, key: &PrivateKey) -> Result<Scheme, CryptoError> {
    let scheme = scheme(parameters, kind_of_private(key))?.ok_or_else(other_key)?;
    if scheme.hash() == Some(HashingAlgorithm::MD5) {
        return Err(CryptoError::UnsupportedParameters(
            "nothing is signed with MD5; such signatures are only verified".to_owned(),
        ));
    }
    Ok(scheme)
}

/// Whether the name of the hash belongs before a digest that the client made.
fn check_digest(scheme: Scheme, digest: &[u8]) -> Result<bool, CryptoError> {
    let Some(hash) = scheme.hash() else {
        return Err(CryptoError::UnsupportedParameters(
            "keys that do their own hashing sign and verify Data, not Digested Data".to_owned(),
        ));
    };
    let fits = digest.len() == rsa_padding::hash_length(hash)?;
    match scheme {
        // ECDSA takes as many bits of a digest as the curve has.
        Scheme::Ecdsa { .. } if !digest.is_empty() && digest.len() <= DIGEST_MAX => Ok(true),
        Scheme::Ecdsa { .. } => Err(CryptoError::BadParameters(format!("the digest is empty or longer than {DIGEST_MAX} bytes"))),
        Scheme::Pkcs1 { named: false, .. } => Ok(fits),
        Scheme::Pkcs1 { hash, .. } | Scheme::Pss { hash, .. } if !fits => {
            Err(CryptoError::BadParameters(format!("{} bytes are no digest of {hash:?}", digest.len())))
        }
        Scheme::Pkcs1 { .. } | Scheme::Pss { .. } | Scheme::Whole(_) => Ok(true),
    }
}

fn sign(scheme: Scheme, key: &PrivateKey, digest: &[u8], name_hash: bool, random: &dyn Random) -> Result<Vec<u8>, CryptoError> {
    match (&key.0, scheme) {
        (private_key::Kind::Rsa(components), Scheme::Pkcs1 { hash, .. }) => {
            sign_pkcs1(components, name_hash.then_some(hash), digest, random)
        }
        (private_key::Kind::Rsa(components), Scheme::Pss { hash, mask, salt }) => {
            let salt = salt.unwrap_or(digest.len());
            sign_pss(components, (hash, mask.unwrap_or(hash)), digest, salt, random)
        }
        (private_key::Kind::Ec { curve, .. }, Scheme::Ecdsa { .. }) => sign_ecdsa(key, curve, digest),
        (private_key::Kind::Octets(key), Scheme::Whole(_)) => sign_whole(key, digest),
        _ => Err(other_key()),
    }
}

/// The hashes that aws-lc-rs signs with by RSA. The order is that of the encodings below.
fn aws_lc_hash(hash: HashingAlgorithm) -> Option<(usize, &'static hash::Algorithm)> {
    match hash {
        HashingAlgorithm::SHA_256 => Some((0, &hash::SHA256)),
        HashingAlgorithm::SHA_384 => Some((1, &hash::SHA384)),
        HashingAlgorithm::SHA_512 => Some((2, &hash::SHA512)),
        _ => None,
    }
}

static PKCS1_ENCODINGS: [&RsaSignatureEncoding; 3] = [&RSA_PKCS1_SHA256, &RSA_PKCS1_SHA384, &RSA_PKCS1_SHA512];

/// One for each length of a salt, because aws-lc-rs wants them to live for ever. A key of 8,192 bits has room for no more.
static PSS_ENCODINGS: LazyLock<[Vec<RsaSignatureEncoding>; 3]> = LazyLock::new(|| {
    let all = |encoding: fn() -> RsaSignatureEncoding| {
        (0..1024).map(|length| encoding().with_pss_salt_length(RsaPssSaltLength::Custom(length))).collect()
    };
    [all(|| RSA_PSS_SHA256), all(|| RSA_PSS_SHA384), all(|| RSA_PSS_SHA512)]
});

fn aws_lc_sign(
    key: &RsaPrivateComponents,
    encoding: &'static RsaSignatureEncoding,
    algorithm: &'static hash::Algorithm,
    digest: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    let failed = CryptoError::Failed("signing");
    rsa_key::usable(&key.modulus, key.public_exponent.as_deref().unwrap_or_default())?;
    let der = rsa_key::write_private(key)?;
    let key = aws_rsa::KeyPair::from_der(der.expose()).map_err(|error| CryptoError::invalid_key("RSA private key", error))?;
    let digest = Digest::import_less_safe(digest, algorithm).map_err(|_| failed.clone())?;
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign_digest(encoding, &digest, &mut signature).map_err(|_| failed)?;
    Ok(signature)
}

/// Signs by PKCS#1 v1.5 (RFC 8017, section 8.2); without a hash, no name of one is put before the bytes.
fn sign_pkcs1(
    key: &RsaPrivateComponents,
    hash: Option<HashingAlgorithm>,
    digest: &[u8],
    random: &dyn Random,
) -> Result<Vec<u8>, CryptoError> {
    let bits = rsa_key::bits(&key.modulus);
    if bits >= AWS_LC_RSA_BITS_MIN
        && let Some((position, algorithm)) = hash.and_then(aws_lc_hash)
    {
        return aws_lc_sign(key, PKCS1_ENCODINGS[position], algorithm, digest);
    }
    let info = match hash {
        Some(hash) => rsa_padding::digest_info(hash, digest)?,
        None => digest.to_vec(),
    };
    let padded = rsa_padding::pkcs1_signature(&info, bits.div_ceil(8) as usize)?;
    Ok(rsa_operation::private(key, &padded, random)?.to_vec())
}

/// Signs by PSS (RFC 8017, section 8.1).
fn sign_pss(
    key: &RsaPrivateComponents,
    hashes: (HashingAlgorithm, HashingAlgorithm),
    digest: &[u8],
    salt: usize,
    random: &dyn Random,
) -> Result<Vec<u8>, CryptoError> {
    let bits = rsa_key::bits(&key.modulus);
    rsa_key::usable(&key.modulus, key.public_exponent.as_deref().unwrap_or_default())?;
    if (digest.len() + salt).saturating_add(2) > (bits - 1).div_ceil(8) as usize {
        return Err(CryptoError::BadParameters(format!("a salt of {salt} bytes does not fit the key and the hash")));
    }
    if bits >= AWS_LC_RSA_BITS_MIN
        && hashes.0 == hashes.1
        && let Some((position, algorithm)) = aws_lc_hash(hashes.0)
        && let Some(encoding) = PSS_ENCODINGS[position].get(salt)
    {
        return aws_lc_sign(key, encoding, algorithm, digest);
    }
    let mut bytes = Zeroizing::new(vec![0; salt]);
    random.fill(&mut bytes)?;
    let padded = rsa_padding::pss_signature(hashes, digest, &bytes, bits)?;
    Ok(rsa_operation::private(key, &padded, random)?.to_vec())
}

/// Signs by ECDSA (FIPS 186-5, section 6.4), with any hash: of a digest it takes the leftmost bits, as many as the curve has, as
/// a number. So the digest of any hash is handed over as one of the hash that aws-lc-rs has for the curve: a longer one cut, a
/// shorter one with zeros before it.
fn sign_ecdsa(key: &PrivateKey, curve: &'static CurveRow, digest: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let ecdsa = curve.algorithm.ok_or(CryptoError::UnsupportedCurve(curve.curve))?;
    let der = key.encode(KeyFormatType::ECPrivateKey)?;
    let key = EcdsaKeyPair::from_private_key_der(ecdsa, der.expose())
        .map_err(|error| CryptoError::invalid_key("elliptic-curve private key", error))?;
    let signature = key.sign_digest(&as_digest_of_curve(curve, digest)?).map_err(|_| CryptoError::Failed("signing"))?;
    Ok(signature.as_ref().to_vec())
}

/// Signs a message by Ed25519 (RFC 8032) or ML-DSA (FIPS 204, with an empty context).
fn sign_whole(key: &OctetPrivate, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let failed = |_| CryptoError::Failed("signing");
    match key.row.scheme {
        OctetScheme::Ed25519 => Ok(key.ed25519()?.try_sign(message).map_err(failed)?.as_ref().to_vec()),
        OctetScheme::MlDsa(algorithm, _) => {
            let mut signature = vec![0; algorithm.signature_len()];
            key.mldsa()?.sign(message, &mut signature).map_err(failed)?;
            Ok(signature)
        }
        OctetScheme::X25519 | OctetScheme::MlKem(_) => Err(other_key()),
    }
}

fn as_digest_of_curve(curve: &CurveRow, digest: &[u8]) -> Result<Digest, CryptoError> {
    let algorithm = match curve.curve {
        RecommendedCurve::P_384 => &hash::SHA384,
        RecommendedCurve::P_521 => &hash::SHA512,
        _ => &hash::SHA256,
    };
    let length = algorithm.output_len();
    let cut = &digest[..digest.len().min(length)];
    let mut number = vec![0; length];
    number[length - cut.len()..].copy_from_slice(cut);
    Digest::import_less_safe(&number, algorithm).map_err(|_| CryptoError::Failed("signing"))
}

/// Verifies the signature of a message that comes in parts.
#[derive(Debug)]
pub struct Verifier {
    /// None: keys of this kind make no such signatures.
    scheme: Option<(Scheme, Message)>,
    key: PublicKey,
}

impl Verifier {
    /// Parameters for keys of another algorithm are no error: no signature is valid by them.
    ///
    /// # Errors
    /// Parameters that are not offered or that contradict each other, or a key that is not used.
    pub fn new(parameters: &CryptographicParameters, key: &PublicKey) -> Result<Self, CryptoError> {
        let scheme = scheme(parameters, kind_of_public(key))?;
        if scheme.is_some() {
            usable(key)?;
        }
        let scheme = scheme.map(|scheme| Ok((scheme, Message::new(scheme)?))).transpose()?;
        Ok(Self { scheme, key: key.clone() })
    }

    /// Takes the next part of the message.
    ///
    /// # Errors
    /// None at present.
    pub fn update(&mut self, data: &[u8]) -> Result<(), CryptoError> {
        if let Some((_, message)) = &mut self.scheme {
            message.update(data);
        }
        Ok(())
    }

    /// How many bytes of the message are kept in memory until the end: all of them where the algorithm does its own hashing.
    #[must_use]
    pub fn held(&self) -> usize {
        self.scheme.as_ref().map_or(0, |(_, message)| message.held())
    }

    /// Whether it is the signature of all parts.
    #[must_use]
    pub fn verify(self, signature: &[u8]) -> bool {
        let Some((scheme, message)) = self.scheme else { return false };
        verify(scheme, &self.key, &message.finish(), true, signature).unwrap_or(false)
    }
}

/// Whether it is the signature of a digest that the client made: Digested Data.
///
/// # Errors
/// Those of [`Verifier::new`], and a digest that has not the length of the hash.
pub fn verify_digest(
    parameters: &CryptographicParameters,
    key: &PublicKey,
    digest: &[u8],
    signature: &[u8],
) -> Result<bool, CryptoError> {
    let Some(scheme) = scheme(parameters, kind_of_public(key))? else { return Ok(false) };
    usable(key)?;
    let name_hash = check_digest(scheme, digest)?;
    Ok(verify(scheme, key, digest, name_hash, signature).unwrap_or(false))
}

fn usable(key: &PublicKey) -> Result<(), CryptoError> {
    match &key.0 {
        public_key::Kind::Rsa(components) => rsa_key::usable(&components.modulus, &components.public_exponent),
        public_key::Kind::Ec { curve, .. } if curve.offered() => Ok(()),
        public_key::Kind::Ec { curve, .. } => Err(CryptoError::UnsupportedCurve(curve.curve)),
        public_key::Kind::Octets { .. } => Ok(()),
    }
}

fn verify(scheme: Scheme, key: &PublicKey, digest: &[u8], name_hash: bool, signature: &[u8]) -> Result<bool, CryptoError> {
    match (&key.0, scheme) {
        (public_key::Kind::Rsa(key), Scheme::Pkcs1 { hash, .. }) => {
            let Some(signed) = open(key, signature)? else { return Ok(false) };
            let info = if name_hash { rsa_padding::digest_info(hash, digest)? } else { digest.to_vec() };
            Ok(rsa_padding::pkcs1_signature(&info, signed.len())? == *signed)
        }
        (public_key::Kind::Rsa(key), Scheme::Pss { hash, mask, salt }) => {
            let Some(signed) = open(key, signature)? else { return Ok(false) };
            let bits = rsa_key::bits(&key.modulus);
            let masks = mask.map_or([hash, HashingAlgorithm::SHA_1], |mask| [mask, mask]);
            for mask in masks {
                if rsa_padding::pss_verify((hash, mask), digest, salt, bits, &signed)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        (public_key::Kind::Ec { curve, point }, Scheme::Ecdsa { .. }) => {
            let ecdsa = curve.algorithm.ok_or(CryptoError::UnsupportedCurve(curve.curve))?;
            let algorithm: &'static EcdsaVerificationAlgorithm = ecdsa;
            let digest = as_digest_of_curve(curve, digest)?;
            Ok(UnparsedPublicKey::new(algorithm, point).verify_digest(&digest, signature).is_ok())
        }
        (public_key::Kind::Octets { row, bytes }, Scheme::Whole(_)) => {
            let algorithm: &'static dyn VerificationAlgorithm = match row.scheme {
                OctetScheme::Ed25519 => &ED25519,
                OctetScheme::MlDsa(_, algorithm) => algorithm,
                OctetScheme::X25519 | OctetScheme::MlKem(_) => return Ok(false),
            };
            Ok(UnparsedPublicKey::new(algorithm, bytes).verify(digest, signature).is_ok())
        }
        _ => Ok(false),
    }
}

/// What was signed. None: a signature that has not the length of the modulus or is not smaller. Public numbers only: that the
/// crate `rsa` computes with them gives away nothing.
fn open(key: &RsaPublicComponents, signature: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, CryptoError> {
    if signature.len() != rsa_key::bits(&key.modulus).div_ceil(8) as usize {
        return Ok(None);
    }
    match rsa_operation::public(key, signature) {
        Err(CryptoError::Refused) => Ok(None),
        other => other.map(Some),
    }
}
