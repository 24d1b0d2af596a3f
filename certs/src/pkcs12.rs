//! PKCS#12 files (RFC 7292), for clients that take certificate and key as one file with a password.

use crate::{CertificateError, Issued};
use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};

/// Rounds of the key derivation. The file's password is long and random, so that this only has to be above the usual minimum.
const ITERATIONS: u32 = 10_000;

/// A PKCS#12 file with a certificate, its key and its authority: AES-256 with PBKDF2 (HMAC-SHA-256), which Windows Server 2019,
/// Java 8u301 and OpenSSL 1.1 read. Older ones do not; they take the PEM files.
///
/// # Errors
/// When the encoder refuses a part.
pub fn pkcs12(issued: &Issued, authority_der: &[u8], name: &str, password: &str) -> Result<Vec<u8>, CertificateError> {
    let failed = |cause: p12_keystore::error::Error| CertificateError::Failed {
        what: "encode the PKCS#12 file",
        cause: cause.to_string(),
    };
    let key = PrivateKey::from_der(&issued.key_der).map_err(failed)?;
    let chain =
        [Certificate::from_der(&issued.certificate_der).map_err(failed)?, Certificate::from_der(authority_der).map_err(failed)?];
    let mut store = KeyStore::new();
    store.add_entry(name, KeyStoreEntry::PrivateKeyChain(PrivateKeyChain::new(name, key, chain)));
    store.writer(password).encryption_iterations(ITERATIONS).mac_iterations(ITERATIONS).write().map_err(failed)
}
