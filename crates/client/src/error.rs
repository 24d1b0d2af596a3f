//! What can go wrong between a caller and its server, in words for the person who has to put it right.

use std::time::Duration;

use kmip::enumerations::{Enumeration, ResultStatus};
use kmip::message::MessageError;
use kmip::operation::Operation;
use kmip::result_reason::ResultReason;
use kmip::{DecodeError, ProtocolVersion};

use crate::configuration::ConfigurationError;

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration cannot be used.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// No TCP connection came about.
    #[error("cannot connect to {endpoint}: {explanation}")]
    Connect {
        /// Where to.
        endpoint: String,
        /// Why not, and what to look at.
        explanation: String,
    },
    /// TLS failed, at the start or later.
    #[error("TLS with {endpoint} failed: {explanation}")]
    Tls {
        /// With whom.
        endpoint: String,
        /// Why, and what to look at.
        explanation: String,
    },
    /// Something took too long. The outcome of a request that was under way is unknown.
    #[error("no answer from {endpoint} within {limit:?} ({doing})")]
    TimedOut {
        /// From whom.
        endpoint: String,
        /// What was being done.
        doing: &'static str,
        /// The time-out.
        limit: Duration,
    },
    /// The connection ended. The outcome of a request that was under way is unknown.
    #[error("the connection to {endpoint} ended: {explanation}")]
    Ended {
        /// Whose connection.
        endpoint: String,
        /// How.
        explanation: String,
    },
    /// An earlier call failed half-way or was given up, so that requests and answers no longer match: connect again.
    #[error("the connection is unusable since an earlier call was not completed; connect again")]
    Unusable,
    /// The answer is longer than the limit.
    #[error("the server announces an answer of {announced} bytes, more than the limit of {limit}")]
    ResponseTooLong {
        /// Bytes announced.
        announced: u64,
        /// The limit.
        limit: usize,
    },
    /// The answer is no KMIP response.
    #[error("the server's answer cannot be understood: {0}")]
    Response(#[from] MessageError),
    /// The payload of an answer is not what the operation returns.
    #[error("the server's answer to {operation:?} cannot be understood: {error}")]
    Payload {
        /// What was asked for.
        operation: Operation,
        /// What is wrong.
        error: DecodeError,
    },
    /// The answer does not fit the request.
    #[error("the server's answer does not fit the request: {0}")]
    Mismatch(&'static str),
    /// The server and this client have no version in common.
    #[error("the server speaks none of the versions this client offers; it names {}", versions(.0))]
    NoCommonVersion(Vec<String>),
    /// The request cannot be said in the version of the connection. Nothing was sent.
    #[error("{what} does not exist in KMIP {version}, which this connection speaks")]
    NotInVersion {
        /// What cannot be said.
        what: String,
        /// The version of the connection.
        version: ProtocolVersion,
    },
    /// The server refused or failed.
    #[error(transparent)]
    Operation(#[from] OperationError),
}

impl Error {
    /// The Result Reason, if the server answered with one.
    #[must_use]
    pub const fn result_reason(&self) -> Option<ResultReason> {
        match self {
            Self::Operation(error) => Some(error.reason),
            _ => None,
        }
    }

    /// Whether the server may or may not have done what was asked: look before asking again.
    #[must_use]
    pub const fn outcome_unknown(&self) -> bool {
        matches!(
            self,
            Self::TimedOut { .. } | Self::Ended { .. } | Self::Response(_) | Self::Payload { .. } | Self::ResponseTooLong { .. }
        )
    }
}

fn versions(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// The server's own word that an operation did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationError {
    /// What was asked for; servers leave it out when they could not read the request.
    pub operation: Option<Operation>,
    /// Operation Failed, Operation Undone, or Operation Pending, which no call of this library asks for.
    pub status: ResultStatus,
    /// Why. General Failure if the server gave no reason.
    pub reason: ResultReason,
    /// The same in the server's words.
    pub message: Option<String>,
}

impl std::error::Error for OperationError {}

impl std::fmt::Display for OperationError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.operation {
            Some(operation) => f.write_str(&spoken(operation))?,
            None => f.write_str("the request")?,
        }
        f.write_str(match self.status {
            ResultStatus::OperationUndone => " was undone: ",
            ResultStatus::OperationPending => " is pending: ",
            _ => " failed: ",
        })?;
        f.write_str(&spoken(self.reason))?;
        match &self.message {
            Some(message) if !message.is_empty() => write!(f, " ({message})"),
            _ => Ok(()),
        }
    }
}

/// A value as the standard spells it, `Item Not Found`, or its number.
pub fn spoken<E: Enumeration>(value: E) -> String {
    match E::ROW.by_value(value.value(), ProtocolVersion::V3_0) {
        Some(row) => row.name.to_owned(),
        None => format!("0x{:08X}", value.value()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_a_sentence() {
        let mut error = OperationError {
            operation: Some(Operation::GetAttributes),
            status: ResultStatus::OperationFailed,
            reason: ResultReason::ItemNotFound,
            message: Some("no object 7".to_owned()),
        };
        assert_eq!(error.to_string(), "Get Attributes failed: Item Not Found (no object 7)");
        error.operation = None;
        error.message = None;
        error.status = ResultStatus::OperationUndone;
        error.reason = ResultReason(0x8000_0001);
        assert_eq!(error.to_string(), "the request was undone: 0x80000001");
    }
}
