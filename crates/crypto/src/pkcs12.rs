//! PKCS#12 files (RFC 7292): a private key with its certificates, under a password.

mod der;
mod open;
mod read;

pub use read::{PKCS12_CHAIN_MAX, Pkcs12Contents, read_pkcs12};

use kmip::Secret;
use kmip::enumerations::KeyFormatType;
use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey as Pkcs12Key, PrivateKeyChain};

use crate::error::CryptoError;
use crate::private_key::PrivateKey;

/// Rounds of the key derivation: a few milliseconds for each file.
const ITERATIONS: u32 = 10_000;

/// Writes a private key and its certificates, its own first, as a PKCS#12 file: AES-256 with PBKDF2 (HMAC-SHA-256). The alias is the
/// Friendly Name in the file. It takes some milliseconds.
///
/// What is here of the key and the password is wiped. The library that writes the file is not so careful: the copy of the key that its
/// `PrivateKey` holds and the bytes that it encrypts in place are freed as they are (the second are overwritten by the encryption), and
/// so are the keys that it derives. It offers no way to wipe them.
///
/// # Errors
/// Certificates that are none, or what the encoder refuses.
pub fn write_pkcs12(key: &PrivateKey, chain: &[&[u8]], alias: &str, password: &str) -> Result<Secret, CryptoError> {
    let der = key.encode(KeyFormatType::PKCS_8)?;
    let key = Pkcs12Key::from_der(der.expose()).map_err(|_| CryptoError::Failed("encoding a private key"))?;
    let chain: Result<Vec<Certificate>, _> = chain.iter().map(|certificate| Certificate::from_der(certificate)).collect();
    let chain = chain.map_err(|error| CryptoError::InvalidCertificate(error.to_string()))?;
    let mut store = KeyStore::new();
    store.add_entry(alias, KeyStoreEntry::PrivateKeyChain(PrivateKeyChain::new(alias, key, chain)));
    let writer = store.writer(password).encryption_iterations(ITERATIONS).mac_iterations(ITERATIONS);
    writer.write().map(Secret::new).map_err(|_| CryptoError::Failed("encoding a PKCS#12 file"))
}

#[cfg(test)]
mod tests {
    use kmip::enumerations::CryptographicAlgorithm;
    use p12_keystore::Pkcs12ImportPolicy;

    use super::*;
    use crate::{SystemRandom, generate_key_pair};

    #[test]
    fn what_is_written_is_read_with_the_password_alone() {
        let key = generate_key_pair(&SystemRandom::new(), CryptographicAlgorithm::EC, Some(256), None).unwrap().private;
        let signer = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["disk".to_owned()]).unwrap().self_signed(&signer).unwrap();
        let file = write_pkcs12(&key, &[certificate.der()], "alias", "password").unwrap();
        let read = |password: &str| KeyStore::from_pkcs12(file.expose(), password, Pkcs12ImportPolicy::Strict);
        assert!(read("passwore").is_err());
        let store = read("password").unwrap();
        let (alias, chain) = store.private_key_chain().unwrap();
        assert_eq!(alias, "alias");
        assert!(chain.key().as_der() == key.encode(KeyFormatType::PKCS_8).unwrap().expose());
        assert_eq!(chain.certs().iter().map(Certificate::as_der).collect::<Vec<_>>(), [certificate.der().as_ref()]);
        assert!(write_pkcs12(&key, &[b"none"], "alias", "password").is_err());
    }
}
