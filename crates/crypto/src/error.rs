//! What can go wrong.

use kmip::enumerations::{CryptographicAlgorithm, HashingAlgorithm, KeyFormatType, RecommendedCurve};

/// Why something was not done. The texts hold names and numbers, never key material, and may be shown to a client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// The operating system gave no random bytes.
    #[error("no random bytes are to be had")]
    NoRandomBytes,
    /// Keys of the algorithm cannot be made here, or not by this operation.
    #[error("{wanted} keys of the algorithm {algorithm:?} are not offered")]
    UnsupportedAlgorithm {
        /// The algorithm asked for.
        algorithm: CryptographicAlgorithm,
        /// `symmetric` or `asymmetric`.
        wanted: &'static str,
    },
    /// The algorithm has no keys of the length.
    #[error("{algorithm:?} keys of {length} bits are not offered, only of {allowed}")]
    InvalidLength {
        /// The algorithm asked for.
        algorithm: CryptographicAlgorithm,
        /// The length asked for, in bits.
        length: i32,
        /// What would be accepted.
        allowed: String,
    },
    /// The number of bytes is not one that a key of the algorithm can have.
    #[error("{bytes} bytes are no {algorithm:?} key")]
    InvalidSize {
        /// The algorithm.
        algorithm: CryptographicAlgorithm,
        /// How many bytes there are.
        bytes: usize,
    },
    /// Nothing is known about the curve, or keys on it cannot be made here.
    #[error("the curve {0:?} is not offered")]
    UnsupportedCurve(RecommendedCurve),
    /// The curve and the length that were asked for contradict each other.
    #[error("the curve {curve:?} has keys of {actual} bits, not of {length}")]
    CurveLength {
        /// The curve asked for.
        curve: RecommendedCurve,
        /// The length of its keys, in bits.
        actual: u32,
        /// The length asked for, in bits.
        length: i32,
    },
    /// The hash is not offered.
    #[error("the hash {0:?} is not offered")]
    UnsupportedHash(HashingAlgorithm),
    /// Keys of this kind have no such format, or it is not offered.
    #[error("{what} cannot be read or written as {format:?}")]
    UnsupportedFormat {
        /// What kind of key.
        what: &'static str,
        /// The format asked for.
        format: KeyFormatType,
    },
    /// The bytes are not a key in the format they claim to be in.
    #[error("not a {format}: {cause}")]
    InvalidKey {
        /// The format.
        format: &'static str,
        /// What is wrong.
        cause: String,
    },
    /// The bytes are not a certificate.
    #[error("not an X.509 certificate: {0}")]
    InvalidCertificate(String),
    /// The algorithm, mode, padding or hash is not offered, or not together.
    #[error("{0}")]
    UnsupportedParameters(String),
    /// The parameters contradict each other, the key or the data: a nonce or tag of a wrong length, data that is no multiple of a block.
    #[error("{0}")]
    BadParameters(String),
    /// The mode has no tags of this length.
    #[error("{0}")]
    TagLength(String),
    /// The mode needs an IV, counter or nonce, and there is none.
    #[error("the mode needs an IV, counter or nonce")]
    MissingIv,
    /// What was to be decrypted, unwrapped or unpadded is not right. Which of its parts is not may be told to nobody: all of them are
    /// this one error, after the same work.
    #[error("the cryptographic operation failed")]
    Refused,
    /// A library failed where it should not.
    #[error("{0} failed")]
    Failed(&'static str),
}

impl CryptoError {
    /// A key that cannot be read, with the cause as a library puts it (positions and tags, no contents).
    pub(crate) fn invalid_key(format: &'static str, cause: impl std::fmt::Display) -> Self {
        Self::InvalidKey { format, cause: cause.to_string() }
    }
}
