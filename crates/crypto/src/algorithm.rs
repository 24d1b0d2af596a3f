//! The table of what is offered.

use kmip::enumerations::CryptographicAlgorithm;

use crate::error::CryptoError;

/// What keys of an algorithm are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyClass {
    /// One secret key: Create.
    Symmetric,
    /// A private and a public key: Create Key Pair.
    Asymmetric,
}

/// Who makes the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// Keys that are random bytes, from [`Random`](crate::Random).
    Random,
    /// aws-lc-rs.
    AwsLc,
    /// aws-lc-rs, and the crate `rsa` for lengths below 2,048 bits, which aws-lc-rs does not make.
    AwsLcAndRsa,
}

impl Library {
    /// In words, for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Random => "random bytes",
            Self::AwsLc => "aws-lc-rs",
            Self::AwsLcAndRsa => "aws-lc-rs, rsa below 2048 bits",
        }
    }
}

/// The lengths of keys, as Cryptographic Length states them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lengths {
    /// These numbers of bits, each with the number of bytes of a stored key (0: not a fixed number).
    Listed(&'static [(u32, usize)]),
    /// All multiples of 8 bits from the first to the last, stored as they are.
    Range(u32, u32),
}

impl Lengths {
    /// How many bytes a key of this length has. None: the length is not offered.
    #[must_use]
    pub fn bytes(self, length: i32) -> Option<usize> {
        let length = u32::try_from(length).ok()?;
        match self {
            Self::Listed(list) => list.iter().find(|(bits, _)| *bits == length).map(|(_, bytes)| *bytes),
            Self::Range(first, last) => {
                ((first..=last).contains(&length) && length.is_multiple_of(8)).then_some(length as usize / 8)
            }
        }
    }

    /// In words, for people.
    #[must_use]
    pub fn describe(self) -> String {
        match self {
            Self::Listed(list) => list.iter().map(|(bits, _)| bits.to_string()).collect::<Vec<_>>().join(", "),
            Self::Range(first, last) => format!("{first} to {last} in steps of 8"),
        }
    }
}

/// One algorithm.
#[derive(Debug, PartialEq, Eq)]
pub struct AlgorithmRow {
    /// Which.
    pub algorithm: CryptographicAlgorithm,
    /// What its keys are.
    pub class: KeyClass,
    /// How long they can be.
    pub lengths: Lengths,
    /// Who makes them.
    pub library: Library,
}

impl AlgorithmRow {
    /// The error for a length that is not offered.
    pub(crate) fn invalid_length(&self, length: i32) -> CryptoError {
        CryptoError::InvalidLength { algorithm: self.algorithm, length, allowed: self.lengths.describe() }
    }
}

macro_rules! algorithms {
    ($($algorithm:ident, $class:ident, [$($lengths:tt)*], $library:ident;)*) => {
        /// The algorithms keys can be made for, in the order of the standard's numbers.
        pub const ALGORITHMS: &[AlgorithmRow] = &[$(AlgorithmRow {
            algorithm: CryptographicAlgorithm::$algorithm,
            class: KeyClass::$class,
            lengths: algorithms!(@ $($lengths)*),
            library: Library::$library,
        }),*];
    };
    (@ $first:literal..=$last:literal) => { Lengths::Range($first, $last) };
    (@ $($bits:literal => $bytes:literal),*) => { Lengths::Listed(&[$(($bits, $bytes)),*]) };
    (@ $($bits:literal),*) => { Lengths::Listed(&[$(($bits, $bits / 8)),*]) };
}

// DES and 3DES keys are stored with their parity bits, and some clients count them: both lengths are known. The shortest
// RSA keys are there because the standard's own test cases make them; what is too weak is for the configuration to say.
// An AES key of 512 bits is two of 256 for XTS, which takes one of 256 as two of 128.
// The length of an RSA or elliptic-curve key says nothing of its encoding's size; that of a post-quantum key is that of the public
// key, since the standard says nothing of it.
algorithms! {
    DES, Symmetric, [56 => 8, 64 => 8], Random;
    DES3, Symmetric, [112 => 16, 128 => 16, 168 => 24, 192 => 24], Random;
    AES, Symmetric, [128, 192, 256, 512], Random;
    RSA, Asymmetric, [1024 => 0, 2048 => 0, 3072 => 0, 4096 => 0, 8192 => 0], AwsLcAndRsa;
    ECDSA, Asymmetric, [256 => 0, 384 => 0, 521 => 0], AwsLc;
    HMAC_SHA1, Symmetric, [8..=8192], Random;
    HMAC_SHA224, Symmetric, [8..=8192], Random;
    HMAC_SHA256, Symmetric, [8..=8192], Random;
    HMAC_SHA384, Symmetric, [8..=8192], Random;
    HMAC_SHA512, Symmetric, [8..=8192], Random;
    HMAC_MD5, Symmetric, [8..=8192], Random;
    ECDH, Asymmetric, [256 => 0, 384 => 0, 521 => 0], AwsLc;
    Blowfish, Symmetric, [32..=448], Random;
    Camellia, Symmetric, [128, 192, 256], Random;
    CAST5, Symmetric, [40..=128], Random;
    IDEA, Symmetric, [128], Random;
    MARS, Symmetric, [128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448], Random;
    RC2, Symmetric, [40..=1024], Random;
    RC4, Symmetric, [40..=2048], Random;
    RC5, Symmetric, [40..=2040], Random;
    SKIPJACK, Symmetric, [80], Random;
    Twofish, Symmetric, [128, 192, 256], Random;
    EC, Asymmetric, [256 => 0, 384 => 0, 521 => 0], AwsLc;
    ChaCha20, Symmetric, [128, 256], Random;
    Poly1305, Symmetric, [256], Random;
    ChaCha20Poly1305, Symmetric, [256], Random;
    HMAC_SHA3_224, Symmetric, [8..=8192], Random;
    HMAC_SHA3_256, Symmetric, [8..=8192], Random;
    HMAC_SHA3_384, Symmetric, [8..=8192], Random;
    HMAC_SHA3_512, Symmetric, [8..=8192], Random;
    ARIA, Symmetric, [128, 192, 256], Random;
    SEED, Symmetric, [128], Random;
    SM4, Symmetric, [128], Random;
    GOST28147_89, Symmetric, [256], Random;
    Ed25519, Asymmetric, [256 => 0], AwsLc;
    ML_KEM_512, Asymmetric, [6400 => 0], AwsLc;
    ML_KEM_768, Asymmetric, [9472 => 0], AwsLc;
    ML_KEM_1024, Asymmetric, [12544 => 0], AwsLc;
    ML_DSA_44, Asymmetric, [10496 => 0], AwsLc;
    ML_DSA_65, Asymmetric, [15616 => 0], AwsLc;
    ML_DSA_87, Asymmetric, [20736 => 0], AwsLc;
}

/// The row of an algorithm. None: no keys can be made for it.
#[must_use]
pub fn algorithm(algorithm: CryptographicAlgorithm) -> Option<&'static AlgorithmRow> {
    ALGORITHMS.iter().find(|row| row.algorithm == algorithm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_order_and_single() {
        assert!(ALGORITHMS.is_sorted_by(|one, next| one.algorithm < next.algorithm));
    }

    #[test]
    fn lengths() {
        let bytes = |name, length| algorithm(name).and_then(|row| row.lengths.bytes(length));
        assert_eq!(bytes(CryptographicAlgorithm::AES, 256), Some(32));
        assert_eq!(bytes(CryptographicAlgorithm::AES, 255), None);
        assert_eq!(bytes(CryptographicAlgorithm::DES3, 168), Some(24));
        assert_eq!(bytes(CryptographicAlgorithm::DES3, 112), Some(16));
        assert_eq!(bytes(CryptographicAlgorithm::HMAC_SHA256, 8192), Some(1024));
        for length in [i32::MIN, -8, 0, 7, 12, 8200, i32::MAX] {
            assert_eq!(bytes(CryptographicAlgorithm::HMAC_SHA256, length), None, "{length}");
        }
        assert_eq!(algorithm(CryptographicAlgorithm(0x8000_0001)), None);
    }
}
