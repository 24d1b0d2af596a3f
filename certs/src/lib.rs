//! The certificate profiles kmipd mints: an authority, servers, clients, and requests made on an appliance.
//!
//! The profiles follow RFC 5280 and the authentication profiles of KMIP (a TLS server, a TLS client, both with certificates).
//! Private keys live in the values returned here until the caller writes them to a file; nothing is written by this crate.
//! README.md in this folder describes each profile in a table.

mod authority;
mod pkcs12;
mod request;

pub use authority::{Authority, ClientProfile, Issued, KeyKind, Requested, RevocationList, ServerProfile, Validity};
pub use pkcs12::pkcs12;
pub use request::{RequestFacts, proved_key};

/// Why a certificate was not made.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A PEM text, certificate or key cannot be read.
    #[error("{what} cannot be read: {cause}")]
    Unreadable {
        /// Which text.
        what: &'static str,
        /// What the parser said.
        cause: String,
    },
    /// A name cannot be put in a certificate.
    #[error("the name {name:?} cannot be put in a certificate: {cause}")]
    Name {
        /// The name.
        name: String,
        /// Why not.
        cause: String,
    },
    /// A signing request is refused.
    #[error("the signing request is refused: {0}")]
    Request(String),
    /// The library that encodes and signs failed.
    #[error("{what}: {cause}")]
    Failed {
        /// What was being done.
        what: &'static str,
        /// What happened.
        cause: String,
    },
}

impl CertificateError {
    /// An error of the library, with what was being done.
    pub(crate) fn failed(what: &'static str) -> impl FnOnce(rcgen::Error) -> Self {
        move |cause| Self::Failed { what, cause: cause.to_string() }
    }
}
