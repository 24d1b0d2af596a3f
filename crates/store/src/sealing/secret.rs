//! Small secrets of the server itself, in files outside of its store, sealed under a key that follows from the root key.
//!
//! The bytes: format (1), nonce (12), AES-256-GCM over the secret (with its tag, 16). What the secret is about is authenticated with it,
//! so that nobody puts one in another's place. The key is HMAC-SHA-256 over a text, under the root key: it is no other's.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use zeroize::Zeroizing;

use super::{RootKey, SealingError, TAG};

const FORMAT: u8 = 1;
const PREFIX: usize = 1 + NONCE_LEN;
const PURPOSE: &[u8] = b"kmipd secrets outside of the store";

/// Seals secrets outside of a store. `Debug` shows nothing of its key.
pub struct SecretSeal(LessSafeKey);

impl fmt::Debug for SecretSeal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretSeal")
    }
}

impl SecretSeal {
    /// The one that follows from a root key.
    ///
    /// # Errors
    /// [`SealingError::Failed`] when the cipher cannot be set up.
    pub fn of(root: &RootKey) -> Result<Self, SealingError> {
        let key = root.derived(PURPOSE);
        let key = UnboundKey::new(&AES_256_GCM, &*key).map_err(|_| SealingError::Failed("setting up the cipher"))?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Seals a secret that is about something.
    ///
    /// # Errors
    /// [`SealingError::Failed`] when there are no random bytes.
    pub fn seal(&self, about: &str, secret: &[u8]) -> Result<Vec<u8>, SealingError> {
        // A server seals far fewer secrets than the 2^32 that random nonces are good for under one key.
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).map_err(|_| SealingError::Failed("drawing random bytes"))?;
        let mut sealed = Vec::with_capacity(PREFIX + secret.len() + TAG);
        sealed.push(FORMAT);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(secret);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(associated(about)), &mut sealed[PREFIX..]);
        sealed.extend_from_slice(tag.map_err(|_| SealingError::Failed("sealing"))?.as_ref());
        Ok(sealed)
    }

    /// Opens a secret that is about something.
    ///
    /// # Errors
    /// [`SealingError`] when it is not what was sealed about that, under this key.
    pub fn open(&self, about: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealingError> {
        let Some((prefix, contents)) = sealed.split_at_checked(PREFIX).filter(|(_, contents)| contents.len() >= TAG) else {
            return Err(SealingError::Damaged("it is too short"));
        };
        if prefix[0] != FORMAT {
            return Err(SealingError::NewerFormat(prefix[0]));
        }
        let nonce = Nonce::try_assume_unique_for_key(&prefix[1..]).map_err(|_| SealingError::Failed("making a nonce"))?;
        let (contents, tag) = contents.split_at(contents.len() - TAG);
        let mut opened = Zeroizing::new(vec![0; contents.len()]);
        self.0
            .open_separate_gather(nonce, Aad::from(associated(about)), contents, tag, &mut opened)
            .map_err(|_| SealingError::Damaged("it cannot be authenticated"))?;
        Ok(opened)
    }
}

fn associated(about: &str) -> Vec<u8> {
    [b"kmipd secret".as_slice(), &[FORMAT], about.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_opened_as_what_it_is_about_under_its_own_root_key_alone() {
        let root = RootKey::generate().expect("root key");
        let (seal, again) = (SecretSeal::of(&root).expect("seal"), SecretSeal::of(&root).expect("seal"));
        let secret = b"twenty bytes of this";
        let sealed = seal.seal("totp alice", secret).expect("seal");
        assert_eq!(*again.open("totp alice", &sealed).expect("open"), secret);
        assert!(!sealed.windows(4).any(|window| secret.windows(4).any(|clear| clear == window)));
        assert_ne!(seal.seal("totp alice", secret).expect("seal"), sealed, "no two are alike");
        assert!(seal.open("totp bob", &sealed).is_err());
        let other = SecretSeal::of(&RootKey::generate().expect("root key")).expect("seal");
        assert!(other.open("totp alice", &sealed).is_err());
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(seal.open("totp alice", &changed).is_err(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(seal.open("totp alice", &sealed[..length]).is_err(), "{length} bytes");
        }
    }
}
