//! Signed checkpoints: how far the log reached at a moment, so that a log whose end was cut off, or that was written anew, is told
//! from the one that was there.
//!
//! A checkpoint is a line of text that can be kept anywhere: in a file, in the log of another machine, on paper.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::chain::Verified;

/// What comes before the signed bytes, so that no other signature of the key is one of a checkpoint.
const CONTEXT: &[u8] = b"kmipd audit checkpoint 1\n";

/// Bytes of the secret that a key is made from, of a public key, and of a signature.
const SEED: usize = 32;
const PUBLIC: usize = 32;
const SIGNATURE: usize = 64;

/// What signs checkpoints: Ed25519. It has no `Debug` that shows it, and aws-lc-rs wipes it.
pub struct SigningKey(Ed25519KeyPair);

/// What verifies them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey([u8; PUBLIC]);

/// How far the log reached, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last entry and its hash.
    pub head: Verified,
    /// When, in microseconds since 1970-01-01T00:00:00Z.
    pub time_us: i64,
}

/// A checkpoint with its signature, which is not verified yet. Its text form is one line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// What it says.
    pub checkpoint: Checkpoint,
    signature: [u8; SIGNATURE],
}

/// The text is no checkpoint, or no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not {0}")]
pub struct NotOne(&'static str);

impl SigningKey {
    /// The key that 32 secret random bytes make.
    ///
    /// # Errors
    /// If they are not 32.
    pub fn from_seed(seed: &[u8]) -> Result<Self, NotOne> {
        let seed = Some(seed).filter(|seed| seed.len() == SEED);
        let pair = seed.and_then(|seed| Ed25519KeyPair::from_seed_unchecked(seed).ok());
        pair.map(Self).ok_or(NotOne("the 32 bytes of a signing key"))
    }

    /// What verifies its signatures.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; PUBLIC];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(bytes)
    }

    /// Signs a checkpoint.
    #[must_use]
    pub fn sign(&self, checkpoint: Checkpoint) -> SignedCheckpoint {
        let mut signature = [0; SIGNATURE];
        signature.copy_from_slice(self.0.sign(&signed_bytes(&checkpoint)).as_ref());
        SignedCheckpoint { checkpoint, signature }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public())
    }
}

impl SignedCheckpoint {
    /// Whether the owner of the key signed it.
    #[must_use]
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        UnparsedPublicKey::new(&ED25519, key.0).verify(&signed_bytes(&self.checkpoint), &self.signature).is_ok()
    }
}

fn signed_bytes(checkpoint: &Checkpoint) -> Vec<u8> {
    let Checkpoint { head, time_us } = checkpoint;
    [CONTEXT, &head.sequence.to_be_bytes(), &head.hash, &time_us.to_be_bytes()].concat()
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

fn read_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl FromStr for PublicKey {
    type Err = NotOne;

    fn from_str(text: &str) -> Result<Self, NotOne> {
        read_hex(text).map(Self).ok_or(NotOne("a public key of 64 hexadecimal digits in lower case"))
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Checkpoint { head, time_us } = &self.checkpoint;
        write!(f, "sequence={} hash=", head.sequence)?;
        write_hex(f, &head.hash)?;
        write!(f, " time_us={time_us} signature=")?;
        write_hex(f, &self.signature)
    }
}

impl fmt::Debug for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedCheckpoint({self})")
    }
}

impl FromStr for SignedCheckpoint {
    type Err = NotOne;

    /// Reads exactly what is written: another spelling of the same numbers is refused.
    fn from_str(line: &str) -> Result<Self, NotOne> {
        let mut parts = line.split(' ');
        let mut part = |name: &str| parts.next()?.strip_prefix(name)?.strip_prefix('=');
        let mut read = || {
            let sequence = part("sequence")?.parse().ok()?;
            let hash = read_hex(part("hash")?)?;
            let time_us = part("time_us")?.parse().ok()?;
            let signature = read_hex(part("signature")?)?;
            Some(Self { checkpoint: Checkpoint { head: Verified { sequence, hash }, time_us }, signature })
        };
        read().filter(|checkpoint| checkpoint.to_string() == line).ok_or(NotOne("a checkpoint"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed() -> (SigningKey, SignedCheckpoint) {
        let key = SigningKey::from_seed(&[7; SEED]).expect("32 bytes");
        let checkpoint = Checkpoint { head: Verified { sequence: 12, hash: [0xAB; 32] }, time_us: -5 };
        let signed = key.sign(checkpoint);
        (key, signed)
    }

    #[test]
    fn a_line_is_what_was_signed() {
        let (key, signed) = signed();
        let line = signed.to_string();
        assert!(line.starts_with("sequence=12 hash=abab") && line.contains(" time_us=-5 signature="), "{line}");
        assert_eq!(line.parse(), Ok(signed));
        assert!(signed.is_signed_by(&key.public()));
        assert_eq!(key.public().to_string().parse(), Ok(key.public()));
        let other = SigningKey::from_seed(&[8; SEED]).expect("32 bytes");
        assert!(!signed.is_signed_by(&other.public()));
        assert!(SigningKey::from_seed(&[7; SEED - 1]).is_err());
    }

    #[test]
    fn no_changed_line_is_signed() {
        let (key, signed) = signed();
        let line = signed.to_string();
        for position in 0..line.len() {
            for letter in [b'0', b'1', b'f', b' ', b'=', b'F', b'-', b'+'] {
                let mut changed = line.clone().into_bytes();
                if changed[position] == letter {
                    continue;
                }
                changed[position] = letter;
                let changed = String::from_utf8(changed).expect("ASCII");
                let accepted = changed.parse::<SignedCheckpoint>().is_ok_and(|read| read.is_signed_by(&key.public()));
                assert!(!accepted, "{changed}");
            }
            assert!(line[..position].parse::<SignedCheckpoint>().is_err());
        }
        assert!(format!("{line} ").parse::<SignedCheckpoint>().is_err());
    }

    #[test]
    fn debug_shows_no_secret() {
        let (key, _) = signed();
        assert_eq!(format!("{key:?}"), format!("SigningKey({})", key.public()));
    }
}
