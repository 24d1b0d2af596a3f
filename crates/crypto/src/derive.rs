//! Keys from keys: PBKDF2 (RFC 8018), HKDF (RFC 5869), the key derivation functions of SP 800-108, and AWS Signature Version 4.
//!
//! PBKDF2 over SHA-1 and SHA-2 is aws-lc-rs. All else is HMAC or CMAC of [`Mac`](crate::Mac), called as the standards say: what is
//! added here is concatenation, and as constant in time as that.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2 as aws;
use kmip::Secret;
use kmip::enumerations::{CryptographicAlgorithm, HashingAlgorithm};
use zeroize::Zeroizing;

use crate::digest::digest;
use crate::error::CryptoError;
use crate::mac::Mac;

/// The longest block of a hash that HMAC is computed over, in bytes: that of SHA-3-224. A longer key is replaced by its digest
/// (FIPS 198-1, section 4).
const HMAC_BLOCK_MAX: usize = 144;

/// A pseudorandom function under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PseudorandomFunction {
    /// HMAC over a hash.
    Hmac(HashingAlgorithm),
    /// CMAC of a block cipher.
    Cmac(CryptographicAlgorithm),
}

impl PseudorandomFunction {
    fn apply(self, key: &[u8], parts: &[&[u8]]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let mut mac = match self {
            Self::Hmac(hash) => Mac::hmac(hash, key)?,
            Self::Cmac(algorithm) => Mac::cmac(algorithm, key)?,
        };
        parts.iter().for_each(|part| mac.update(part));
        Ok(Zeroizing::new(mac.finish()))
    }
}

/// How the blocks of SP 800-108 follow from one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Iteration<'a> {
    /// Counter mode: each block from its number.
    Counter,
    /// Feedback mode: each block from the one before; the first from an IV.
    Feedback {
        /// The IV, which may be empty.
        iv: &'a [u8],
    },
    /// Double-pipeline mode: each block from an element of a chain of its own.
    DoublePipeline,
}

/// Derives a key from a key by SP 800-108. `fixed` is the whole of the fixed input; the counter stands before it and has `counter_bits`,
/// a whole number of bytes up to 32 bits; the modes other than counter mode can do without it.
///
/// # Errors
/// A function that is not offered or does not fit the key, a counter of another length, more bytes than it can count.
pub fn nist_800_108(
    iteration: Iteration<'_>,
    function: PseudorandomFunction,
    key: &[u8],
    fixed: &[u8],
    counter_bits: Option<u32>,
    length: usize,
) -> Result<Secret, CryptoError> {
    let counter_bytes = match counter_bits {
        None if iteration != Iteration::Counter => 0,
        Some(bits @ (8 | 16 | 24 | 32)) => bits as usize / 8,
        _ => return Err(CryptoError::BadParameters("a counter has 8, 16, 24 or 32 bits".to_owned())),
    };
    let mut derived = Zeroizing::new(Vec::with_capacity(length));
    let mut before: Zeroizing<Vec<u8>> = Zeroizing::new(match iteration {
        Iteration::Counter => Vec::new(),
        Iteration::Feedback { iv } => iv.to_vec(),
        Iteration::DoublePipeline => fixed.to_vec(),
    });
    let mut number = 0_u32;
    while derived.len() < length {
        number = number.checked_add(1).ok_or_else(too_long)?;
        let counter = number.to_be_bytes();
        let (above, counter) = counter.split_at(counter.len() - counter_bytes);
        if counter_bytes > 0 && above.iter().any(|byte| *byte != 0) {
            return Err(too_long());
        }
        if iteration == Iteration::DoublePipeline {
            before = function.apply(key, &[&before])?;
        }
        let block = function.apply(key, &[&before, counter, fixed])?;
        let wanted = (length - derived.len()).min(block.len());
        derived.extend_from_slice(block.get(..wanted).unwrap_or_default());
        if let Iteration::Feedback { .. } = iteration {
            before = block;
        }
    }
    Ok(Secret::from_slice(&derived))
}

/// Derives a key from a key by HKDF: extract, then expand.
///
/// # Errors
/// A hash that is not offered, more bytes than 255 times its length.
pub fn hkdf(hash: HashingAlgorithm, key: &[u8], salt: &[u8], info: &[u8], length: usize) -> Result<Secret, CryptoError> {
    let function = PseudorandomFunction::Hmac(hash);
    // A salt that is not there is zeros, which HMAC fills an empty key with.
    let extracted = function.apply(salt, &[key])?;
    let mut derived = Zeroizing::new(Vec::with_capacity(length));
    let mut before = Zeroizing::new(Vec::new());
    let mut number = 0_u8;
    while derived.len() < length {
        number = number.checked_add(1).ok_or_else(too_long)?;
        before = function.apply(&extracted, &[&before, info, &[number]])?;
        let wanted = (length - derived.len()).min(before.len());
        derived.extend_from_slice(before.get(..wanted).unwrap_or_default());
    }
    Ok(Secret::from_slice(&derived))
}

/// Derives a key from a password by PBKDF2. The work is `iterations` times the blocks of the hash in `length`: the caller limits it.
///
/// # Errors
/// A hash that is not offered, no iterations, nothing to derive.
pub fn pbkdf2(
    hash: HashingAlgorithm,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
    length: usize,
) -> Result<Secret, CryptoError> {
    let count = NonZeroU32::new(iterations)
        .ok_or_else(|| CryptoError::BadParameters("the Iteration Count must be at least 1".to_owned()))?;
    if length == 0 {
        return Err(CryptoError::BadParameters("there is nothing to derive".to_owned()));
    }
    let mut derived = Zeroizing::new(vec![0; length]);
    let algorithm = match hash {
        HashingAlgorithm::SHA_1 => Some(aws::PBKDF2_HMAC_SHA1),
        HashingAlgorithm::SHA_256 => Some(aws::PBKDF2_HMAC_SHA256),
        HashingAlgorithm::SHA_384 => Some(aws::PBKDF2_HMAC_SHA384),
        HashingAlgorithm::SHA_512 => Some(aws::PBKDF2_HMAC_SHA512),
        _ => None,
    };
    if let Some(algorithm) = algorithm {
        aws::derive(algorithm, count, salt, password, &mut derived);
        return Ok(Secret::from_slice(&derived));
    }
    let function = PseudorandomFunction::Hmac(hash);
    // Once, and not again with each iteration: whoever chooses the password and the iterations would choose their product.
    let short = (password.len() > HMAC_BLOCK_MAX).then(|| digest(hash, password).map(Zeroizing::new)).transpose()?;
    let password = short.as_ref().map_or(password, |short| &short[..]);
    let block_length = function.apply(password, &[])?.len();
    for (block, number) in derived.chunks_mut(block_length).zip(1_u32..) {
        let mut last = function.apply(password, &[salt, &number.to_be_bytes()])?;
        let mut sum = last.clone();
        for _ in 1..iterations {
            last = function.apply(password, &[&last])?;
            sum.iter_mut().zip(last.iter()).for_each(|(sum, last)| *sum ^= last);
        }
        block.iter_mut().zip(sum.iter()).for_each(|(block, sum)| *block = *sum);
    }
    Ok(Secret::from_slice(&derived))
}

/// The signing key of AWS Signature Version 4: HMAC-SHA-256 over the date, the region and the service, one under the other.
///
/// # Errors
/// None that a caller could cause.
pub fn aws_signature_version_4(key: &[u8], scope: [&[u8]; 3]) -> Result<Secret, CryptoError> {
    let function = PseudorandomFunction::Hmac(HashingAlgorithm::SHA_256);
    let mut current = Zeroizing::new([b"AWS4", key].concat());
    for part in scope.into_iter().chain([&b"aws4_request"[..]]) {
        current = function.apply(&current, &[part])?;
    }
    Ok(Secret::from_slice(&current))
}

fn too_long() -> CryptoError {
    CryptoError::BadParameters("more bytes are wanted than the derivation method gives".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn password_based() {
        // RFC 6070.
        for (password, salt, iterations, answer) in [
            (&b"password"[..], &b"salt"[..], 1, "0c60c80f961f0e71f3a9b524af6012062fe037a6"),
            (b"password", b"salt", 4_096, "4b007901b765489abead49d926f721d065a429c1"),
            (b"pass\0word", b"sa\0lt", 4_096, "56fa6aa75548099dcc37d7f03425e0c3"),
        ] {
            let answer = bytes(answer);
            let derived = pbkdf2(HashingAlgorithm::SHA_1, password, salt, iterations, answer.len()).unwrap();
            assert_eq!(derived.expose(), answer);
        }
        assert!(pbkdf2(HashingAlgorithm::SHA_1, b"a", b"b", 0, 16).is_err());
        assert!(pbkdf2(HashingAlgorithm::SHA_1, b"a", b"b", 1, 0).is_err());
    }

    /// What is computed here is what aws-lc-rs computes, where it does.
    #[test]
    fn password_based_by_hand() {
        let function = PseudorandomFunction::Hmac(HashingAlgorithm::SHA_256);
        let first = function.apply(b"password", &[b"salt", &1_u32.to_be_bytes()]).unwrap();
        assert_eq!(pbkdf2(HashingAlgorithm::SHA_256, b"password", b"salt", 1, 32).unwrap().expose(), &first[..]);
        for hash in [HashingAlgorithm::SHA_224, HashingAlgorithm::SHA3_256, HashingAlgorithm::MD5] {
            let short = pbkdf2(hash, b"password", b"salt", 3, 5).unwrap();
            let long = pbkdf2(hash, b"password", b"salt", 3, 150).unwrap();
            assert_eq!(long.expose()[..5], *short.expose(), "{hash:?}");
            // HMAC of a long key is that of its digest.
            let digest = digest(hash, &[7; 1_000]).unwrap();
            assert_eq!(pbkdf2(hash, &[7; 1_000], b"salt", 3, 50), pbkdf2(hash, &digest, b"salt", 3, 50), "{hash:?}");
        }
        // A password of a mebibyte is hashed once: with each of the iterations it would take minutes.
        pbkdf2(HashingAlgorithm::SHA_224, &vec![7; 1 << 20], b"salt", 20_000, 28).unwrap();
    }

    #[test]
    fn extract_and_expand() {
        // RFC 5869, section A.1.
        let salt: Vec<u8> = (0..=12).collect();
        let info: Vec<u8> = (0xF0..=0xF9).collect();
        let answer = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
        assert_eq!(hkdf(HashingAlgorithm::SHA_256, &[0x0B; 22], &salt, &info, 42).unwrap().expose(), bytes(answer));
        assert!(hkdf(HashingAlgorithm::SHA_256, &[1], &[], &[], 255 * 32).is_ok());
        assert!(hkdf(HashingAlgorithm::SHA_256, &[1], &[], &[], 255 * 32 + 1).is_err());
    }

    #[test]
    fn counter_feedback_and_double_pipeline() {
        let function = PseudorandomFunction::Hmac(HashingAlgorithm::SHA_256);
        // NIST CAVS, KDFCTR, HMAC_SHA256, a counter of 8 bits before the fixed data.
        let key = bytes("3edc6b5b8f7aadbd713732b482b8f979286e1ea3b8f8f99c30c884cfe3349b83");
        let fixed = bytes(
            "98e9988bb4cc8b34d7922e1c68ad692ba2a1d9ae15149571675f17a77ad49e80c8d2a85e831a26445b1f0ff44d7084a17206b4896c8112daad18605a",
        );
        let derived = nist_800_108(Iteration::Counter, function, &key, &fixed, Some(8), 16).unwrap();
        assert_eq!(derived.expose(), bytes("6c037652990674a07844732d0ad985f9"));
        // NIST CAVS, KDFDblPipeline, HMAC_SHA256, without a counter.
        let key = bytes("7d4f86fdfd1c4ba04c674a68d60316d12c99c1b1f44f0a8e02bd2601377ebcd9");
        let fixed =
            bytes("921ab061920b191de12f746ac9de08004f2c20f01775e27bcacdc21ee4a5ff0387758f36d8ec71c7a8c8208284f650b611837e");
        let derived = nist_800_108(Iteration::DoublePipeline, function, &key, &fixed, None, 64).unwrap();
        let answer = concat!(
            "506bc2ba51410b2a6e7c05d33891520ddd5f702ad3d6203d76d8dae1216d0783",
            "d8c59fae2e821d8eff2d8ddd93a6741c8f144fb96e9ca7d7c532468f213f5efe"
        );
        assert_eq!(derived.expose(), bytes(answer));
        // By hand: the second block of feedback mode has the first before it.
        let feedback =
            |length| nist_800_108(Iteration::Feedback { iv: b"iv" }, function, b"key", b"fixed", Some(32), length).unwrap();
        let first = function.apply(b"key", &[b"iv", &1_u32.to_be_bytes(), b"fixed"]).unwrap();
        let second = function.apply(b"key", &[&first, &2_u32.to_be_bytes(), b"fixed"]).unwrap();
        assert_eq!(feedback(64).expose(), [&first[..], &second[..]].concat());
        assert_eq!(feedback(33).expose(), &[&first[..], &second[..1]].concat()[..]);
        let none = nist_800_108(Iteration::Feedback { iv: b"iv" }, function, b"key", b"fixed", None, 32).unwrap();
        assert_eq!(none.expose(), &function.apply(b"key", &[b"iv", b"fixed"]).unwrap()[..]);
        for bits in [None, Some(0), Some(7), Some(64)] {
            assert!(nist_800_108(Iteration::Counter, function, b"key", b"fixed", bits, 16).is_err(), "{bits:?}");
        }
        assert!(nist_800_108(Iteration::Counter, function, b"key", b"fixed", Some(8), 255 * 32).is_ok());
        assert!(nist_800_108(Iteration::Counter, function, b"key", b"fixed", Some(8), 255 * 32 + 1).is_err());
    }

    #[test]
    fn signing_key() {
        // The example of the AWS documentation.
        let derived = aws_signature_version_4(b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", [b"20120215", b"us-east-1", b"iam"]);
        let answer = "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d";
        assert_eq!(derived.unwrap().expose(), bytes(answer));
    }
}
