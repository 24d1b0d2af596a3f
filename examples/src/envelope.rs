//! The format of a sealed file: which key, then the contents under AES-256-GCM.
//!
//! ```text
//! magic       8 bytes, "KMIPENV" and the format number 1
//! length      1 byte, of the identifier
//! identifier  the Unique Identifier of the key
//! nonce       12 bytes, random
//! contents    encrypted, followed by a tag of 16 bytes
//! ```
//!
//! Everything in front of the contents is authenticated with them: a file cannot be made to name another key.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use kmip::Secret;

const MAGIC: &[u8; 8] = b"KMIPENV\x01";

/// Why a file is not sealed or opened.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// The key is not one of AES-256.
    #[error("the key has {0} bytes; an AES-256 key has 32")]
    Key(usize),
    /// The key's identifier does not fit into the format.
    #[error("an identifier of {0} bytes does not fit")]
    Identifier(usize),
    /// The system has no random bytes.
    #[error("no random bytes are to be had")]
    Random,
    /// The bytes are not in the format.
    #[error("this is not a sealed file")]
    Format,
    /// The file was changed, or sealed under another key.
    #[error("the file was changed since it was sealed, or this is not its key")]
    Authentication,
}

/// A sealed file, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The Unique Identifier of the key.
    pub identifier: &'a str,
    head: &'a [u8],
    nonce: [u8; NONCE_LEN],
    sealed: &'a [u8],
}

fn aead(key: &Secret) -> Result<LessSafeKey, EnvelopeError> {
    UnboundKey::new(&AES_256_GCM, key.expose()).map(LessSafeKey::new).map_err(|_| EnvelopeError::Key(key.len()))
}

/// Seals contents under a key.
///
/// # Errors
/// If the key is not one of AES-256, or its identifier has more than 255 bytes.
pub fn seal(identifier: &str, key: &Secret, contents: &[u8]) -> Result<Vec<u8>, EnvelopeError> {
    let length = u8::try_from(identifier.len()).map_err(|_| EnvelopeError::Identifier(identifier.len()))?;
    // Random nonces of 96 bits are good for 2^32 files under one key (NIST SP 800-38D, 8.3).
    let mut nonce = [0; NONCE_LEN];
    rand::fill(&mut nonce).map_err(|_| EnvelopeError::Random)?;

    let mut file = MAGIC.to_vec();
    file.push(length);
    file.extend_from_slice(identifier.as_bytes());
    file.extend_from_slice(&nonce);
    let mut sealed = contents.to_vec();
    let nonce = Nonce::assume_unique_for_key(nonce);
    aead(key)?.seal_in_place_append_tag(nonce, Aad::from(&file), &mut sealed).map_err(|_| EnvelopeError::Authentication)?;
    file.append(&mut sealed);
    Ok(file)
}

impl<'a> Envelope<'a> {
    /// Takes a sealed file apart, so that its key can be fetched.
    ///
    /// # Errors
    /// If it is not one.
    pub fn parse(file: &'a [u8]) -> Result<Self, EnvelopeError> {
        let parse = || {
            let (length, rest) = file.strip_prefix(MAGIC)?.split_first()?;
            let (identifier, rest) = rest.split_at_checked(usize::from(*length))?;
            let (nonce, sealed) = rest.split_first_chunk()?;
            let head = &file[..file.len() - sealed.len()];
            Some(Self { identifier: std::str::from_utf8(identifier).ok()?, head, nonce: *nonce, sealed })
        };
        parse().ok_or(EnvelopeError::Format)
    }

    /// The contents.
    ///
    /// # Errors
    /// If the file was changed, or the key is not the one it was sealed under.
    pub fn open(&self, key: &Secret) -> Result<Vec<u8>, EnvelopeError> {
        let mut contents = self.sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(self.nonce);
        let opened = aead(key)?.open_in_place(nonce, Aad::from(self.head), &mut contents);
        let length = opened.map_err(|_| EnvelopeError::Authentication)?.len();
        contents.truncate(length);
        Ok(contents)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> Secret {
        Secret::new(vec![byte; 32])
    }

    #[test]
    fn sealed_files_open_under_their_key_only() {
        let file = seal("key-1", &key(7), b"the contents").unwrap();
        let envelope = Envelope::parse(&file).unwrap();
        assert_eq!(envelope.identifier, "key-1");
        assert_eq!(envelope.open(&key(7)).unwrap(), b"the contents");
        assert_eq!(envelope.open(&key(8)), Err(EnvelopeError::Authentication));
        assert!(!file.windows(8).any(|window| window == b"contents"));
        assert_ne!(file, seal("key-1", &key(7), b"the contents").unwrap(), "a nonce is used once");
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let file = seal("key-1", &key(7), b"the contents").unwrap();
        for position in 0..file.len() {
            let mut changed = file.clone();
            changed[position] ^= 1;
            assert!(Envelope::parse(&changed).and_then(|envelope| envelope.open(&key(7))).is_err(), "byte {position}");
        }
        for length in 0..file.len() {
            let cut = Envelope::parse(&file[..length]).and_then(|envelope| envelope.open(&key(7)));
            assert!(cut.is_err(), "cut to {length}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(seal("key-1", &Secret::new(vec![1; 16]), b"").unwrap_err(), EnvelopeError::Key(16));
        assert_eq!(seal(&"x".repeat(256), &key(7), b"").unwrap_err(), EnvelopeError::Identifier(256));
    }
}
