//! Digests, and comparison of secrets.

use aws_lc_rs::{constant_time, digest as hash};
use kmip::enumerations::HashingAlgorithm;

use crate::error::CryptoError;

/// One hash function.
#[derive(Debug)]
pub struct HashRow {
    /// Which.
    pub hash: HashingAlgorithm,
    algorithm: &'static hash::Algorithm,
}

macro_rules! hashes {
    ($($name:ident => $algorithm:ident;)*) => {
        /// The hash functions offered, in the order of the standard's numbers; all by aws-lc-rs.
        pub static HASHES: &[HashRow] = &[$(HashRow { hash: HashingAlgorithm::$name, algorithm: &hash::$algorithm }),*];
    };
}

hashes! {
    SHA_1 => SHA1_FOR_LEGACY_USE_ONLY;
    SHA_224 => SHA224;
    SHA_256 => SHA256;
    SHA_384 => SHA384;
    SHA_512 => SHA512;
    SHA_512_256 => SHA512_256;
    SHA3_256 => SHA3_256;
    SHA3_384 => SHA3_384;
    SHA3_512 => SHA3_512;
}

fn row(wanted: HashingAlgorithm) -> Option<&'static HashRow> {
    HASHES.iter().find(|row| row.hash == wanted)
}

/// Whether a hash function is offered.
#[must_use]
pub fn hash_supported(wanted: HashingAlgorithm) -> bool {
    row(wanted).is_some()
}

/// The digest of data.
///
/// # Errors
/// [`CryptoError::UnsupportedHash`].
pub fn digest(wanted: HashingAlgorithm, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let row = row(wanted).ok_or(CryptoError::UnsupportedHash(wanted))?;
    Ok(hash::digest(row.algorithm, data).as_ref().to_vec())
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
        assert_eq!(digest(HashingAlgorithm::MD5, b"abc"), Err(CryptoError::UnsupportedHash(HashingAlgorithm::MD5)));
    }

    #[test]
    fn comparison() {
        assert!(equal(b"secret", b"secret"));
        assert!(!equal(b"secret", b"secreT"));
        assert!(!equal(b"secret", b"secret1"));
        assert!(equal(b"", b""));
    }
}
