//! Message authentication codes, in one call or in parts.
//!
//! HMAC over SHA-1 and SHA-2 is aws-lc-rs. Over the hashes it has no HMAC for, it is put together here from two hashes: the crate
//! `hmac` leaves the key of SHA-3 in memory when it is done. CMAC is the crate `cmac` over the block ciphers of
//! [`CIPHERS`](crate::CIPHERS), and takes as long as they do.
//!
//! Not offered: Poly1305 by itself, whose key must never be used twice, which a key server cannot promise of a managed key;
//! CBC-MAC, which is forged where messages have different lengths; GMAC is Encrypt in GCM of no data.

use aws_lc_rs::hmac as aws;
use cipher::common::InnerInit;
use cmac::Cmac;
use kmip::enumerations::{BlockCipherMode, CryptographicAlgorithm, HashingAlgorithm};
use kmip::structures::CryptographicParameters;
use zeroize::Zeroizing;

use crate::cipher::block::with_block_cipher;
use crate::digest::{Hasher, equal};
use crate::error::CryptoError;

/// What computes a MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacFunction {
    /// FIPS 198-1.
    Hmac(HashingAlgorithm),
    /// SP 800-38B.
    Cmac,
}

/// One function with the algorithm that names it.
#[derive(Debug, PartialEq, Eq)]
pub struct MacRow {
    /// The Cryptographic Algorithm of the parameters or of the key.
    pub algorithm: CryptographicAlgorithm,
    /// What it stands for in MAC and MAC Verify.
    pub function: MacFunction,
    /// The crates that do the work.
    pub library: &'static str,
    /// Whether NIST approves of it.
    pub approved: bool,
}

macro_rules! macs {
    ($($algorithm:ident, $function:ident $(($hash:ident))?, $library:literal, $approved:literal;)*) => {
        /// Every function that MAC and MAC Verify offer.
        pub const MACS: &[MacRow] = &[$(MacRow {
            algorithm: CryptographicAlgorithm::$algorithm,
            function: MacFunction::$function $((HashingAlgorithm::$hash))?,
            library: $library,
            approved: $approved,
        }),*];
    };
}

macs! {
    DES3, Cmac, "des, cmac", false;
    AES, Cmac, "aes, cmac", true;
    HMAC_SHA1, Hmac(SHA_1), "aws-lc-rs", true;
    HMAC_SHA224, Hmac(SHA_224), "aws-lc-rs", true;
    HMAC_SHA256, Hmac(SHA_256), "aws-lc-rs", true;
    HMAC_SHA384, Hmac(SHA_384), "aws-lc-rs", true;
    HMAC_SHA512, Hmac(SHA_512), "aws-lc-rs", true;
    HMAC_MD5, Hmac(MD5), "md-5", false;
    Camellia, Cmac, "camellia, cmac", false;
    HMAC_SHA3_224, Hmac(SHA3_224), "sha3", true;
    HMAC_SHA3_256, Hmac(SHA3_256), "aws-lc-rs", true;
    HMAC_SHA3_384, Hmac(SHA3_384), "aws-lc-rs", true;
    HMAC_SHA3_512, Hmac(SHA3_512), "aws-lc-rs", true;
}

/// Whether MAC and MAC Verify offer the algorithm.
#[must_use]
pub fn mac_supported(algorithm: CryptographicAlgorithm) -> bool {
    MACS.iter().any(|row| row.algorithm == algorithm)
}

/// A MAC of data that comes in parts.
pub struct Mac(Engine);

enum Engine {
    AwsLc(Box<aws::Context>),
    Crate(Box<dyn Tagging>),
}

/// A MAC of one of the crates, whichever.
trait Tagging: Send {
    fn update(&mut self, data: &[u8]);
    fn finish(self: Box<Self>) -> Vec<u8>;
}

struct Of<M>(M);

impl<M: cmac::Mac + Send> Tagging for Of<M> {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finish(self: Box<Self>) -> Vec<u8> {
        self.0.finalize().into_bytes().to_vec()
    }
}

/// HMAC as FIPS 198-1 defines it: the hash of a key and the hash of the same key and the data.
struct Nested {
    inner: Hasher,
    outer: Hasher,
}

impl Nested {
    /// `block` is how many bytes the hash takes at a time.
    fn begin(hash: HashingAlgorithm, key: &[u8], block: usize) -> Result<Mac, CryptoError> {
        let mut padded = Zeroizing::new(vec![0; block]);
        if key.len() > block {
            let short = Zeroizing::new(crate::digest(hash, key)?);
            padded.iter_mut().zip(short.iter()).for_each(|(byte, from)| *byte = *from);
        } else {
            padded.iter_mut().zip(key).for_each(|(byte, from)| *byte = *from);
        }
        let mut nested = Self { inner: Hasher::new(hash)?, outer: Hasher::new(hash)? };
        padded.iter_mut().for_each(|byte| *byte ^= 0x36);
        nested.inner.update(&padded);
        padded.iter_mut().for_each(|byte| *byte ^= 0x36 ^ 0x5C);
        nested.outer.update(&padded);
        Ok(Mac(Engine::Crate(Box::new(nested))))
    }
}

impl Tagging for Nested {
    fn update(&mut self, data: &[u8]) {
        self.inner.update(data);
    }

    fn finish(mut self: Box<Self>) -> Vec<u8> {
        self.outer.update(&Zeroizing::new(self.inner.finish()));
        self.outer.finish()
    }
}

impl Mac {
    /// Begins. The Cryptographic Algorithm says which function: one of HMAC with its hash, or a block cipher for CMAC. An AES key
    /// may be used for HMAC if the parameters name it.
    ///
    /// # Errors
    /// A function that is not offered, or a key that the block cipher cannot have.
    pub fn new(parameters: &CryptographicParameters, key: &[u8]) -> Result<Self, CryptoError> {
        let algorithm = parameters
            .cryptographic_algorithm
            .ok_or_else(|| CryptoError::BadParameters("the Cryptographic Algorithm is missing".to_owned()))?;
        let row = MACS.iter().find(|row| row.algorithm == algorithm).ok_or_else(|| {
            CryptoError::UnsupportedParameters(format!("no MAC is computed with the algorithm {algorithm:?} here"))
        })?;
        match (row.function, parameters.block_cipher_mode, parameters.hashing_algorithm) {
            (MacFunction::Hmac(own), _, Some(hash)) if own != hash => {
                Err(CryptoError::BadParameters(format!("{algorithm:?} cannot have the hash {hash:?}")))
            }
            (MacFunction::Hmac(hash), ..) => Self::hmac(hash, key),
            (MacFunction::Cmac, None | Some(BlockCipherMode::CMAC), _) => Self::cmac(algorithm, key),
            (MacFunction::Cmac, Some(mode), _) => {
                Err(CryptoError::UnsupportedParameters(format!("{algorithm:?} in the mode {mode:?} is no MAC here: CMAC is")))
            }
        }
    }

    /// HMAC over any hash of [`HASHES`](crate::HASHES), with a key of any length.
    ///
    /// # Errors
    /// [`CryptoError::UnsupportedHash`].
    pub fn hmac(hash: HashingAlgorithm, key: &[u8]) -> Result<Self, CryptoError> {
        let aws = |algorithm| Ok(Self(Engine::AwsLc(Box::new(aws::Context::with_key(&aws::Key::new(algorithm, key))))));
        match hash {
            HashingAlgorithm::SHA_1 => aws(aws::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
            HashingAlgorithm::SHA_224 => aws(aws::HMAC_SHA224),
            HashingAlgorithm::SHA_256 => aws(aws::HMAC_SHA256),
            HashingAlgorithm::SHA_384 => aws(aws::HMAC_SHA384),
            HashingAlgorithm::SHA_512 => aws(aws::HMAC_SHA512),
            HashingAlgorithm::MD5 => Nested::begin(hash, key, 64),
            HashingAlgorithm::SHA_512_224 | HashingAlgorithm::SHA_512_256 => Nested::begin(hash, key, 128),
            HashingAlgorithm::SHA3_224 => Nested::begin(hash, key, 144),
            HashingAlgorithm::SHA3_256 => Nested::begin(hash, key, 136),
            HashingAlgorithm::SHA3_384 => Nested::begin(hash, key, 104),
            HashingAlgorithm::SHA3_512 => Nested::begin(hash, key, 72),
            other => Err(CryptoError::UnsupportedHash(other)),
        }
    }

    /// CMAC over a block cipher.
    ///
    /// # Errors
    /// A key that the cipher cannot have, or no block cipher of the table.
    pub fn cmac(algorithm: CryptographicAlgorithm, key: &[u8]) -> Result<Self, CryptoError> {
        with_block_cipher!(algorithm, key, |cipher|
            wide => Ok(Self(Engine::Crate(Box::new(Of(Cmac::inner_init(cipher)))))),
            narrow => Ok(Self(Engine::Crate(Box::new(Of(Cmac::inner_init(cipher))))))
        )
    }

    /// Takes more data.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.0 {
            Engine::AwsLc(context) => context.update(data),
            Engine::Crate(mac) => mac.update(data),
        }
    }

    /// The MAC, as long as the hash or the block.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        match self.0 {
            Engine::AwsLc(context) => context.sign().as_ref().to_vec(),
            Engine::Crate(mac) => mac.finish(),
        }
    }

    /// Whether a MAC is the one of the data, all of it: a shorter one would be easier to forge. The time depends on lengths only.
    #[must_use]
    pub fn verify(self, mac: &[u8]) -> bool {
        equal(&Zeroizing::new(self.finish()), mac)
    }
}
