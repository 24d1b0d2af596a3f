//! What the program says, and its exit status.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use client::{Error, spoken};
use serde_json::{Value, json};

/// Why a command did not succeed.
pub(crate) enum Failure {
    /// The command line is wrong: exit status 2.
    Usage(String),
    /// The server refused, could not be reached, or answered nonsense: exit status 1.
    Client(Error),
    /// Anything else that failed: exit status 1.
    Other(String),
    /// Some of several objects failed, and that has been said: exit status 1.
    Reported,
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    pub(crate) fn other(message: impl Into<String>) -> Self {
        Self::Other(message.into())
    }

    /// The exit status.
    pub(crate) fn status(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Client(_) | Self::Other(_) | Self::Reported => ExitCode::from(1),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Client(error)
    }
}

impl From<client::ConfigurationError> for Failure {
    fn from(error: client::ConfigurationError) -> Self {
        Self::Other(error.to_string())
    }
}

/// Where results go: lines for people, or one JSON document for scripts.
#[derive(Clone, Copy)]
pub(crate) struct Output {
    /// Whether JSON was asked for.
    pub(crate) json: bool,
}

impl Output {
    /// Prints a result.
    pub(crate) fn result(self, text: impl Display, json: impl FnOnce() -> Value) {
        if self.json { line(format_args!("{:#}", json())) } else { line(text) }
    }

    /// Prints why a command failed: a sentence on standard error and, for scripts, a document on standard output.
    pub(crate) fn failure(self, failure: &Failure) {
        match failure {
            Failure::Usage(message) | Failure::Other(message) => {
                complain(message);
                if self.json {
                    line(format_args!("{:#}", json!({ "error": { "message": message } })));
                }
            }
            Failure::Client(error) => {
                complain(error);
                if self.json {
                    line(format_args!("{:#}", json!({ "error": error_document(error) })));
                }
            }
            Failure::Reported => {}
        }
    }
}

/// An error for scripts.
pub(crate) fn error_document(error: &Error) -> Value {
    match error {
        Error::Operation(failed) => json!({
            "message": error.to_string(),
            "operation": failed.operation.map(spoken),
            "result_status": spoken(failed.status),
            "result_reason": spoken(failed.reason),
            "result_message": failed.message,
        }),
        _ => json!({ "message": error.to_string(), "outcome_unknown": error.outcome_unknown() }),
    }
}

/// A line on standard output. Nobody is left to be told when the reader has gone.
pub(crate) fn line(text: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// A line on standard error.
pub(crate) fn complain(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "kmip: {text}");
}

/// Bytes as they are on standard output.
pub(crate) fn raw(bytes: &[u8]) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    output
        .write_all(bytes)
        .and_then(|()| output.flush())
        .map_err(|error| Failure::other(format!("cannot write to standard output: {error}")))
}
