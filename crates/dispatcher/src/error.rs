//! Why an operation failed: a Result Reason, a text for the client, and a cause for the log alone.

use std::borrow::Cow;
use std::fmt;

use kmip::codec::{DecodeError, DecodeErrorKind};
use kmip::result_reason::ResultReason;
use store::StoreError;

/// The failure of an operation. Never carries key material.
#[derive(Debug)]
pub(crate) struct Error {
    /// The reason, before the fallback for the client's version.
    pub(crate) reason: ResultReason,
    /// What the client is told. Plain ASCII: some clients decode texts byte by byte.
    pub(crate) text: Cow<'static, str>,
    /// What only the log is told.
    pub(crate) cause: Option<String>,
}

/// The result of an operation.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure without a private cause.
    #[must_use]
    pub(crate) fn new(reason: ResultReason, text: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, text: text.into(), cause: None }
    }

    /// Adds what only the log is told.
    #[must_use]
    pub(crate) fn because(mut self, cause: impl fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// No object has this identifier, or none that the client may know of.
    #[must_use]
    pub(crate) fn object_not_found() -> Self {
        Self::new(ResultReason::ObjectNotFound, "No object has this Unique Identifier")
    }

    /// There is no such key that wraps, or none that the client may know of.
    #[must_use]
    pub(crate) fn wrapping_object_not_found() -> Self {
        Self::new(ResultReason::WrappingObjectNotFound, "No key to wrap or unwrap with has this Unique Identifier")
    }

    /// A field has a value that cannot be used.
    #[must_use]
    pub(crate) fn invalid_field(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ResultReason::InvalidField, text)
    }

    /// The same failure of an operation whose reasons lack Unsupported Cryptographic Parameters (2.1, sections 6.1.18, 6.1.19, 6.1.32 and
    /// 6.1.33): to it, parameters that it does not know are bad ones.
    #[must_use]
    pub(crate) fn parameters_are_bad(self) -> Self {
        match self.reason {
            ResultReason::UnsupportedCryptographicParameters => Self { reason: ResultReason::BadCryptographicParameters, ..self },
            _ => self,
        }
    }

    /// The key is held elsewhere (1.2, section 2.1.3).
    #[must_use]
    pub(crate) fn key_value_not_present() -> Self {
        Self::new(ResultReason::KeyValueNotPresent, "The server does not hold the key value")
    }

    /// Other requests were always faster.
    #[must_use]
    pub(crate) fn kept_changing() -> Self {
        let text = "The objects of the request kept changing; try again";
        Self::new(ResultReason::GeneralFailure, text)
    }

    /// The server failed; the client is not told how.
    #[must_use]
    pub(crate) fn general_failure(cause: impl fmt::Display) -> Self {
        Self::new(ResultReason::GeneralFailure, "The server could not perform the operation").because(cause)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.reason, self.text)?;
        match &self.cause {
            Some(cause) => write!(f, " ({cause})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// A payload that cannot be decoded: Invalid Message, but Invalid Field for a field the version does not define (1.4,
/// section 11.1) and for a value out of its range.
impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        let reason = match error.kind {
            DecodeErrorKind::Malformed(_)
            | DecodeErrorKind::Missing(_)
            | DecodeErrorKind::Misplaced(_)
            | DecodeErrorKind::WrongType { .. } => ResultReason::InvalidMessage,
            DecodeErrorKind::Unexpected(_) | DecodeErrorKind::Invalid { .. } => ResultReason::InvalidField,
        };
        Self::new(reason, error.kind.to_string()).because(format_args!("at byte {}", error.offset))
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let text = match error {
            StoreError::TooLarge { size, limit, .. } => {
                let text = format!("The object with its attributes has {size} bytes; the server keeps at most {limit}");
                return Self::new(ResultReason::ServerLimitExceeded, text).because(error);
            }
            StoreError::Full => "The server has no space left",
            StoreError::ReadOnly(_) => "The server accepts no changes at the moment",
            StoreError::Conflict { .. } | StoreError::Taken { .. } => "The object was changed by another request; try again",
            StoreError::UnknownOutcome { .. } => "The server cannot tell whether the change was made; look before trying again",
            StoreError::Damaged { .. } | StoreError::NewerFormat(_) | StoreError::Failed { .. } => {
                "The server could not perform the operation"
            }
        };
        Self::new(ResultReason::GeneralFailure, text).because(error)
    }
}

/// What cannot be made is the request's fault, and the texts of `crypto` say why; only the rest is a failure.
impl From<crypto::CryptoError> for Error {
    fn from(error: crypto::CryptoError) -> Self {
        use crypto::CryptoError as C;
        let reason = match &error {
            C::UnsupportedFormat { .. } => ResultReason::KeyFormatTypeNotSupported,
            C::UnsupportedParameters(_) | C::UnsupportedHash(_) => ResultReason::UnsupportedCryptographicParameters,
            C::BadParameters(_) => ResultReason::BadCryptographicParameters,
            // What the published cases expect (CS-BC-M-GCM-1), in every version.
            C::TagLength(_) => ResultReason::GeneralFailure,
            C::MissingIv => ResultReason::MissingInitializationVector,
            C::NoRandomBytes | C::Failed(_) | C::Refused => {
                return Self::new(ResultReason::CryptographicFailure, "The cryptographic operation failed").because(error);
            }
            _ => ResultReason::InvalidField,
        };
        Self::new(reason, error.to_string())
    }
}
