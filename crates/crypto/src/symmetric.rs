//! Symmetric keys.

use kmip::Secret;
use kmip::enumerations::CryptographicAlgorithm;
use zeroize::Zeroize;

use crate::algorithm::{KeyClass, algorithm};
use crate::error::CryptoError;
use crate::random::Random;

/// Makes a symmetric key; `length` is the Cryptographic Length in bits. Keys of DES and 3DES get odd parity.
///
/// # Errors
/// An algorithm or a length that is not offered, or no random bytes.
pub fn generate_symmetric(
    random: &dyn Random,
    algorithm_wanted: CryptographicAlgorithm,
    length: i32,
) -> Result<Secret, CryptoError> {
    let size = symmetric_bytes(algorithm_wanted, length)?;
    let mut key = vec![0; size];
    if let Err(error) = random.fill(&mut key) {
        key.zeroize();
        return Err(error);
    }
    if matches!(algorithm_wanted, CryptographicAlgorithm::DES | CryptographicAlgorithm::DES3) {
        key.iter_mut().for_each(|byte| *byte = odd_parity(*byte));
    }
    Ok(Secret::new(key))
}

/// How many bytes a symmetric key of a Cryptographic Length has.
///
/// # Errors
/// An algorithm or a length that is not offered.
pub fn symmetric_bytes(algorithm_wanted: CryptographicAlgorithm, length: i32) -> Result<usize, CryptoError> {
    let row = algorithm(algorithm_wanted)
        .filter(|row| row.class == KeyClass::Symmetric)
        .ok_or(CryptoError::UnsupportedAlgorithm { algorithm: algorithm_wanted, wanted: "symmetric" })?;
    row.lengths.bytes(length).ok_or_else(|| row.invalid_length(length))
}

/// The Cryptographic Length of a symmetric key that was registered as bytes: the bits of 3DES and DES without parity,
/// all bits of others.
///
/// # Errors
/// A number of bytes that no key of an algorithm in the table has. Keys of other algorithms are not judged.
pub fn symmetric_length(algorithm_claimed: CryptographicAlgorithm, bytes: usize) -> Result<u32, CryptoError> {
    let invalid = CryptoError::InvalidSize { algorithm: algorithm_claimed, bytes };
    let bits = u32::try_from(bytes).ok().and_then(|bytes| bytes.checked_mul(8)).filter(|bits| *bits > 0);
    let bits = bits.ok_or_else(|| invalid.clone())?;
    match algorithm_claimed {
        CryptographicAlgorithm::DES | CryptographicAlgorithm::DES3 => match (algorithm_claimed, bytes) {
            (CryptographicAlgorithm::DES, 8) => Ok(56),
            // One key used three times is a legal, if pointless, keying option.
            (CryptographicAlgorithm::DES3, 8) => Ok(56),
            (CryptographicAlgorithm::DES3, 16) => Ok(112),
            (CryptographicAlgorithm::DES3, 24) => Ok(168),
            _ => Err(invalid),
        },
        _ => match algorithm(algorithm_claimed) {
            Some(row) if row.class == KeyClass::Asymmetric => Err(invalid),
            Some(row) if i32::try_from(bits).ok().and_then(|bits| row.lengths.bytes(bits)).is_none() => Err(invalid),
            _ => Ok(bits),
        },
    }
}

/// The byte with its lowest bit such that an odd number of bits is set (FIPS 46-3).
fn odd_parity(byte: u8) -> u8 {
    let upper = byte & 0xFE;
    upper | u8::from(upper.count_ones().is_multiple_of(2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::{ALGORITHMS, Lengths};
    use crate::random::SystemRandom;
    use crate::random::tests::{Dry, Still};

    #[test]
    fn every_length_in_the_table_makes_a_key_that_size() {
        for row in ALGORITHMS.iter().filter(|row| row.class == KeyClass::Symmetric) {
            let lengths: Vec<(i32, usize)> = match row.lengths {
                Lengths::Listed(list) => list.iter().map(|(bits, bytes)| (*bits as i32, *bytes)).collect(),
                Lengths::Range(first, last) => [first, last].map(|bits| (bits as i32, bits as usize / 8)).to_vec(),
            };
            for (length, size) in lengths {
                let key = generate_symmetric(&SystemRandom::new(), row.algorithm, length).unwrap();
                assert_eq!(key.len(), size, "{:?} {length}", row.algorithm);
                assert!(symmetric_length(row.algorithm, size).is_ok(), "{:?} {length}", row.algorithm);
            }
        }
    }

    #[test]
    fn keys_are_the_random_bytes() {
        let expected = {
            let mut bytes = [0; 48];
            Still::default().fill(&mut bytes).unwrap();
            bytes
        };
        let random = Still::default();
        let first = generate_symmetric(&random, CryptographicAlgorithm::AES, 256).unwrap();
        let second = generate_symmetric(&random, CryptographicAlgorithm::AES, 128).unwrap();
        assert_eq!(first.expose(), &expected[..32]);
        assert_eq!(second.expose(), &expected[32..]);
    }

    #[test]
    fn des_keys_have_odd_parity() {
        for (algorithm, length) in [(CryptographicAlgorithm::DES3, 168), (CryptographicAlgorithm::DES, 56)] {
            let key = generate_symmetric(&SystemRandom::new(), algorithm, length).unwrap();
            assert!(key.expose().iter().all(|byte| byte.count_ones() % 2 == 1));
        }
        assert_eq!([0x00, 0x01, 0xFE, 0xFF, 0x10].map(odd_parity), [0x01, 0x01, 0xFE, 0xFE, 0x10]);
    }

    #[test]
    fn what_is_not_offered_is_refused_in_words() {
        let refused = |algorithm, length| generate_symmetric(&SystemRandom::new(), algorithm, length).unwrap_err().to_string();
        assert_eq!(refused(CryptographicAlgorithm::AES, 129), "AES keys of 129 bits are not offered, only of 128, 192, 256, 512");
        assert_eq!(
            refused(CryptographicAlgorithm::Blowfish, -1),
            "Blowfish keys of -1 bits are not offered, only of 32 to 448 in steps of 8"
        );
        assert_eq!(refused(CryptographicAlgorithm::RSA, 2048), "symmetric keys of the algorithm RSA are not offered");
        assert_eq!(
            generate_symmetric(&Dry, CryptographicAlgorithm::AES, 128).unwrap_err(),
            CryptoError::NoRandomBytes,
            "a failure is never a key of zeros"
        );
    }

    #[test]
    fn lengths_of_registered_keys() {
        assert_eq!(symmetric_length(CryptographicAlgorithm::AES, 16), Ok(128));
        assert_eq!(symmetric_length(CryptographicAlgorithm::DES3, 16), Ok(112));
        assert_eq!(symmetric_length(CryptographicAlgorithm::DES3, 24), Ok(168));
        assert_eq!(symmetric_length(CryptographicAlgorithm(0x8000_0001), 3), Ok(24));
        for (algorithm, bytes) in
            [(CryptographicAlgorithm::AES, 17), (CryptographicAlgorithm::DES3, 20), (CryptographicAlgorithm::AES, 0)]
        {
            assert!(symmetric_length(algorithm, bytes).is_err(), "{algorithm:?} {bytes}");
        }
        assert!(symmetric_length(CryptographicAlgorithm::AES, usize::MAX).is_err());
    }
}
