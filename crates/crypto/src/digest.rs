//! Digests, and comparison of secrets.

use aws_lc_rs::{constant_time, digest as hash};
use cmac::digest::DynDigest;
use kmip::enumerations::HashingAlgorithm;

use crate::error::CryptoError;

/// Who computes a hash.
#[derive(Clone, Copy)]
enum Maker {
    AwsLc(&'static hash::Algorithm),
    /// A crate of RustCrypto, for what aws-lc-rs lacks.
    Crate(&'static str, fn() -> Box<dyn DynDigest + Send>),
}

/// One hash function.
pub struct HashRow {
    /// Which.
    pub hash: HashingAlgorithm,
    /// Whether NIST approves of it (FIPS 180-4 and FIPS 202; SHA-1 until the end of 2030, and not for new signatures).
    pub approved: bool,
    maker: Maker,
}

impl HashRow {
    /// The crate that does the work.
    #[must_use]
    pub fn library(&self) -> &'static str {
        match self.maker {
            Maker::AwsLc(_) => "aws-lc-rs",
            Maker::Crate(name, _) => name,
        }
    }
}

impl std::fmt::Debug for HashRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.hash)
    }
}

macro_rules! hashes {
    ($($name:ident, $approved:literal => $library:ident $algorithm:tt;)*) => {
        /// The hash functions offered, in the order of the standard's numbers. MD2, MD4, Tiger, Whirlpool and RIPEMD-160 are
        /// not: the first two are broken, the others nobody asks a key server for.
        pub static HASHES: &[HashRow] = &[$(HashRow {
            hash: HashingAlgorithm::$name,
            approved: $approved,
            maker: hashes!(@ $library $algorithm),
        }),*];
    };
    (@ aws_lc_rs $algorithm:tt) => { Maker::AwsLc(&hash::$algorithm) };
    (@ md_5 $algorithm:tt) => { Maker::Crate("md-5", || Box::new(md5::$algorithm::default())) };
    (@ sha2 $algorithm:tt) => { Maker::Crate("sha2", || Box::new(sha2::$algorithm::default())) };
    (@ sha3 $algorithm:tt) => { Maker::Crate("sha3", || Box::new(sha3::$algorithm::default())) };
}

// MD5 and SHA-1 are there for old data and for what derives from them; what may sign is for `signature` to say.
hashes! {
    MD5, false => md_5 Md5;
    SHA_1, true => aws_lc_rs SHA1_FOR_LEGACY_USE_ONLY;
    SHA_224, true => aws_lc_rs SHA224;
    SHA_256, true => aws_lc_rs SHA256;
    SHA_384, true => aws_lc_rs SHA384;
    SHA_512, true => aws_lc_rs SHA512;
    SHA_512_224, true => sha2 Sha512_224;
    SHA_512_256, true => aws_lc_rs SHA512_256;
    SHA3_224, true => sha3 Sha3_224;
    SHA3_256, true => aws_lc_rs SHA3_256;
    SHA3_384, true => aws_lc_rs SHA3_384;
    SHA3_512, true => aws_lc_rs SHA3_512;
}

fn row(wanted: HashingAlgorithm) -> Option<&'static HashRow> {
    HASHES.iter().find(|row| row.hash == wanted)
}

/// Whether a hash function is offered.
#[must_use]
pub fn hash_supported(wanted: HashingAlgorithm) -> bool {
    row(wanted).is_some()
}

/// A digest of data that comes in parts.
pub struct Hasher(Engine);

enum Engine {
    AwsLc(hash::Context),
    Crate(Box<dyn DynDigest + Send>),
}

impl Hasher {
    /// Begins.
    ///
    /// # Errors
    /// [`CryptoError::UnsupportedHash`].
    pub fn new(wanted: HashingAlgorithm) -> Result<Self, CryptoError> {
        let row = row(wanted).ok_or(CryptoError::UnsupportedHash(wanted))?;
        Ok(Self(match row.maker {
            Maker::AwsLc(algorithm) => Engine::AwsLc(hash::Context::new(algorithm)),
            Maker::Crate(_, make) => Engine::Crate(make()),
        }))
    }

    /// Takes more data.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.0 {
            Engine::AwsLc(context) => context.update(data),
            Engine::Crate(digest) => digest.update(data),
        }
    }

    /// The digest.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        match self.0 {
            Engine::AwsLc(context) => context.finish().as_ref().to_vec(),
            Engine::Crate(digest) => digest.finalize().into_vec(),
        }
    }
}

/// The digest of data.
///
/// # Errors
/// [`CryptoError::UnsupportedHash`].
pub fn digest(wanted: HashingAlgorithm, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let mut hasher = Hasher::new(wanted)?;
    hasher.update(data);
    Ok(hasher.finish())
}

/// The SHA-256 digest of data: what the Digest attribute holds.
#[must_use]
pub fn sha256(data: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(hash::digest(&hash::SHA256, data).as_ref());
    out
}

/// Whether two secrets are the same, in a time that depends on their lengths only.
#[must_use]
pub fn equal(one: &[u8], other: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(one, other).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn known_answers() {
        // The message "abc" of FIPS 180-4 and FIPS 202.
        let known = [
            (HashingAlgorithm::MD5, "900150983cd24fb0d6963f7d28e17f72"),
            (HashingAlgorithm::SHA_512_224, "4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa"),
            (HashingAlgorithm::SHA3_224, "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf"),
            (HashingAlgorithm::SHA_1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (HashingAlgorithm::SHA_224, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
            (HashingAlgorithm::SHA_256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                HashingAlgorithm::SHA_384,
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
            ),
            (
                HashingAlgorithm::SHA_512,
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
            (HashingAlgorithm::SHA_512_256, "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"),
            (HashingAlgorithm::SHA3_256, "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
            (
                HashingAlgorithm::SHA3_384,
                "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25",
            ),
            (
                HashingAlgorithm::SHA3_512,
                "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
            ),
        ];
        assert_eq!(known.len(), HASHES.len());
        for (wanted, answer) in known {
            assert_eq!(hex(&digest(wanted, b"abc").unwrap()), answer, "{wanted:?}");
        }
        assert_eq!(hex(&sha256(b"abc")), hex(&digest(HashingAlgorithm::SHA_256, b"abc").unwrap()));
        assert_eq!(digest(HashingAlgorithm::MD4, b"abc"), Err(CryptoError::UnsupportedHash(HashingAlgorithm::MD4)));
        assert!(HASHES.is_sorted_by(|one, next| one.hash < next.hash));
    }

    #[test]
    fn parts_are_one_message() {
        for row in HASHES {
            let mut hasher = Hasher::new(row.hash).unwrap();
            for part in [&b"a"[..], b"", b"bc"] {
                hasher.update(part);
            }
            assert_eq!(hasher.finish(), digest(row.hash, b"abc").unwrap(), "{row:?}");
        }
    }

    #[test]
    fn comparison() {
        assert!(equal(b"secret", b"secret"));
        assert!(!equal(b"secret", b"secreT"));
        assert!(!equal(b"secret", b"secret1"));
        assert!(equal(b"", b""));
    }
}
