//! Sealing of what a durable store writes: nothing a client stored is on disk in clear, and a changed byte is noticed.
//!
//! Three layers of keys, so that one small file decides what can still be read:
//!
//! - The [`RootKey`] lives outside the data directory. It wraps (AES Key Wrap, RFC 3394) the keys of the key file.
//! - The key file holds the epoch keys, the key of the log and the key of the set hash: a [`Keyring`].
//! - Every sealing draws a data key of its own, used once: AES-256-GCM over the contents, with a [`Label`] as associated
//!   data that says what the contents are. An epoch key wraps the data key. Deleting an epoch key kills every copy
//!   sealed under it.
//!
//! `docs/storage-format.md` draws the bytes.

mod keyring;
mod record;
mod root_key;
mod secret;
pub mod stream;

pub use keyring::{Keyring, KeyringError};
pub use record::{DecodedRecord, decode_record, encode_record};
pub use root_key::{RootKey, RootKeyError, RootKeyIdentifier};
pub use secret::SecretSeal;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use std::fmt;
use zeroize::Zeroizing;

use crate::{Revision, Tenant};

/// The format of a sealed value.
pub const FORMAT: u8 = 1;

/// The format byte of a value that the test build wrote without sealing it.
#[cfg(feature = "insecure-unsealed-for-tests")]
const FORMAT_UNSEALED: u8 = 0;

/// How many bytes sealing adds.
pub const OVERHEAD: usize = HEADER + TAG;

const TAG: usize = 16;
const DATA_KEY: usize = 32;
const WRAPPED_KEY: usize = DATA_KEY + 8;
const HEADER: usize = 1 + 1 + 4 + 8 + WRAPPED_KEY + NONCE_LEN;
const ASSOCIATED: usize = 5 + 1 + 1 + 4 + 4 + 8 + 4 + 8;

/// What a sealed value is, so that one can never stand in for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A record: its identifier, owner, terms and body.
    Record = 1,
    /// An entry of the log.
    LogEntry = 2,
    /// The head: what the store must hold.
    Head = 3,
    /// Entries of the log that have no sequence number yet.
    LogAhead = 4,
}

/// What a sealed value is and where it belongs; authenticated with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// What it is.
    pub kind: Kind,
    /// Whose it is; [`Tenant::DEFAULT`] where that has no meaning.
    pub tenant: Tenant,
    /// The commit that created it; for a log entry its sequence number.
    pub number: u64,
    /// Which change of that commit created it.
    pub position: u32,
    /// The commit that wrote this version of it.
    pub revision: Revision,
}

/// Why a sealed value could not be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    /// The bytes are not a sealed value of this label under these keys.
    #[error("{0}")]
    Damaged(&'static str),
    /// The epoch key was deleted, or never belonged to this store.
    #[error("it is sealed under epoch {0}, whose key is not in the key file")]
    NoEpochKey(u32),
    /// A newer release wrote it.
    #[error("it has format {0}, and this release reads format {FORMAT}")]
    NewerFormat(u8),
    /// The operating system gave no random bytes, or the cipher failed.
    #[error("{0} failed")]
    Failed(&'static str),
}

/// The revision in the clear header of a sealed value; nothing else is known of it until it is opened.
pub fn revision_of(sealed: &[u8]) -> Option<Revision> {
    sealed.get(6..14)?.try_into().ok().map(|bytes| Revision(u64::from_be_bytes(bytes)))
}

impl Label {
    fn associated(&self, format: u8, epoch: u32) -> [u8; ASSOCIATED] {
        let mut bytes = *b"kmipd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        bytes[5] = format;
        bytes[6] = self.kind as u8;
        bytes[7..11].copy_from_slice(&epoch.to_be_bytes());
        bytes[11..15].copy_from_slice(&self.tenant.0.to_be_bytes());
        bytes[15..23].copy_from_slice(&self.number.to_be_bytes());
        bytes[23..27].copy_from_slice(&self.position.to_be_bytes());
        bytes[27..35].copy_from_slice(&self.revision.0.to_be_bytes());
        bytes
    }
}

/// Random bytes for the data keys and nonces of what is sealed together, drawn at once: a draw takes a third of a sealing's time.
/// It is not kept from one group of commits to the next: the copy of a virtual machine must not find the same bytes in its memory.
#[derive(Default)]
pub struct Randomness {
    bytes: Zeroizing<Vec<u8>>,
    used: usize,
}

impl Randomness {
    const EACH: usize = DATA_KEY + NONCE_LEN;

    /// What this is drawn for at once at the most; it is drawn again for more.
    const MOST: usize = 64;

    /// Draws the bytes of so many sealings.
    ///
    /// # Errors
    /// [`SealingError::Failed`] when there are no random bytes.
    pub fn for_seals(count: usize) -> Result<Self, SealingError> {
        let mut bytes = Zeroizing::new(vec![0; Self::EACH * count.clamp(1, Self::MOST)]);
        rand::fill(&mut bytes).map_err(|_| SealingError::Failed("drawing random bytes"))?;
        Ok(Self { bytes, used: 0 })
    }

    /// The bytes of one sealing, which no other gets.
    fn next(&mut self) -> Result<&[u8], SealingError> {
        if self.bytes.len() < self.used + Self::EACH {
            *self = Self::for_seals(Self::MOST)?;
        }
        let begin = self.used;
        self.used += Self::EACH;
        Ok(&self.bytes[begin..self.used])
    }
}

impl fmt::Debug for Randomness {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Randomness")
    }
}

impl Keyring {
    /// Seals a value under a data key of its own.
    ///
    /// # Errors
    /// [`SealingError::Failed`] when there are no random bytes.
    pub fn seal(&self, label: &Label, contents: &[u8]) -> Result<Vec<u8>, SealingError> {
        self.seal_with(&mut Randomness::for_seals(1)?, label, contents)
    }

    /// Seals a value under a data key of its own, of which the random bytes are drawn already.
    ///
    /// # Errors
    /// [`SealingError::Failed`] when there are no random bytes.
    pub fn seal_with(&self, random: &mut Randomness, label: &Label, contents: &[u8]) -> Result<Vec<u8>, SealingError> {
        let (epoch, _) = self.wrapping_key(label.kind);
        self.seal_beside(random, label.kind, label.revision, &label.associated(FORMAT, epoch), contents)
    }

    /// Seals a value under a data key of its own, with what stands beside it in clear instead of a label: it opens beside the same
    /// bytes alone, and whoever opens it knows that nobody changed them. They must not begin as a label does.
    ///
    /// # Errors
    /// [`SealingError::Failed`] when there are no random bytes.
    pub fn seal_beside(
        &self,
        random: &mut Randomness,
        kind: Kind,
        revision: Revision,
        beside: &[u8],
        contents: &[u8],
    ) -> Result<Vec<u8>, SealingError> {
        let (data_key, nonce) = random.next()?.split_at(DATA_KEY);
        let (epoch, wrapping) = self.wrapping_key(kind);

        let mut sealed = Vec::with_capacity(OVERHEAD + contents.len());
        sealed.push(self.format());
        sealed.push(kind as u8);
        sealed.extend_from_slice(&epoch.to_be_bytes());
        sealed.extend_from_slice(&revision.0.to_be_bytes());
        let mut wrapped = [0; WRAPPED_KEY];
        wrapping.wrap_key(data_key, &mut wrapped).map_err(|_| SealingError::Failed("wrapping a data key"))?;
        sealed.extend_from_slice(&wrapped);
        sealed.extend_from_slice(nonce);
        sealed.extend_from_slice(contents);

        #[cfg(feature = "insecure-unsealed-for-tests")]
        if self.format() == FORMAT_UNSEALED {
            sealed.extend_from_slice(&[0; TAG]);
            return Ok(sealed);
        }
        // The data key is new, so the nonce could be a constant; a random one costs nothing and asks for no proof.
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealingError::Failed("making a nonce"))?;
        let tag = cipher(data_key)?.seal_in_place_separate_tag(nonce, Aad::from(beside), &mut sealed[HEADER..]);
        sealed.extend_from_slice(tag.map_err(|_| SealingError::Failed("sealing"))?.as_ref());
        Ok(sealed)
    }

    /// Opens a sealed value that must have this label. Returns its contents, never any others.
    ///
    /// # Errors
    /// [`SealingError`] says what is wrong with it.
    pub fn open(&self, label: &Label, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealingError> {
        self.open_with(label.kind, label.revision, sealed, |epoch| label.associated(FORMAT, epoch))
    }

    /// Opens a value that was sealed beside these bytes.
    ///
    /// # Errors
    /// [`SealingError`] says what is wrong with it, or with what stands beside it.
    pub fn open_beside(
        &self,
        kind: Kind,
        revision: Revision,
        beside: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealingError> {
        self.open_with(kind, revision, sealed, |_| beside)
    }

    fn open_with<A: AsRef<[u8]>>(
        &self,
        kind: Kind,
        revision: Revision,
        sealed: &[u8],
        associated: impl FnOnce(u32) -> A,
    ) -> Result<Zeroizing<Vec<u8>>, SealingError> {
        let Some((header, contents)) = sealed.split_at_checked(HEADER) else {
            return Err(SealingError::Damaged("it is too short"));
        };
        let Some((contents, tag)) = contents.len().checked_sub(TAG).and_then(|length| contents.split_at_checked(length)) else {
            return Err(SealingError::Damaged("it is too short"));
        };
        if header[0] > FORMAT {
            return Err(SealingError::NewerFormat(header[0]));
        }
        if header[0] != self.format() {
            return Err(SealingError::Damaged("it is not sealed"));
        }
        if header[1] != kind as u8 {
            return Err(SealingError::Damaged("it is of another kind"));
        }
        if revision_of(sealed) != Some(revision) {
            return Err(SealingError::Damaged("it has another revision"));
        }
        #[cfg(feature = "insecure-unsealed-for-tests")]
        if self.format() == FORMAT_UNSEALED {
            return Ok(Zeroizing::new(contents.to_vec()));
        }
        let epoch = u32::from_be_bytes([header[2], header[3], header[4], header[5]]);
        let wrapping = self.unwrapping_key(kind, epoch).ok_or(SealingError::NoEpochKey(epoch))?;
        let (wrapped, nonce) = header[14..].split_at(WRAPPED_KEY);
        let mut data_key = Zeroizing::new([0; DATA_KEY]);
        wrapping.unwrap_key(wrapped, &mut *data_key).map_err(|_| SealingError::Damaged("its data key cannot be unwrapped"))?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealingError::Failed("making a nonce"))?;
        let mut opened = Zeroizing::new(vec![0; contents.len()]);
        cipher(&*data_key)?
            .open_separate_gather(nonce, Aad::from(associated(epoch)), contents, tag, &mut opened)
            .map_err(|_| SealingError::Damaged("it cannot be authenticated"))?;
        Ok(opened)
    }
}

fn cipher(data_key: &[u8]) -> Result<LessSafeKey, SealingError> {
    let key = UnboundKey::new(&AES_256_GCM, data_key).map_err(|_| SealingError::Failed("setting up the cipher"))?;
    Ok(LessSafeKey::new(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABEL: Label = Label { kind: Kind::Record, tenant: Tenant(3), number: 1 << 40, position: 5, revision: Revision(9) };

    fn keyring() -> Keyring {
        Keyring::generate(&RootKey::generate().expect("root key")).expect("keyring").0
    }

    #[test]
    fn what_was_sealed_is_opened() {
        let keyring = keyring();
        for length in [0, 1, 16, 1000, 100_000] {
            let contents = vec![0x5a; length];
            let sealed = keyring.seal(&LABEL, &contents).expect("seal");
            assert_eq!(sealed.len(), length + OVERHEAD);
            assert_eq!(revision_of(&sealed), Some(LABEL.revision));
            assert_eq!(*keyring.open(&LABEL, &sealed).expect("open"), contents);
        }
    }

    #[test]
    fn no_two_sealings_have_the_same_random_bytes() {
        let mut seen = std::collections::HashSet::new();
        for mut random in
            [Randomness::default(), Randomness::for_seals(1).expect("draw"), Randomness::for_seals(1000).expect("draw")]
        {
            for _ in 0..200 {
                assert!(seen.insert(random.next().expect("draw").to_vec()));
            }
        }
    }

    #[test]
    fn contents_are_not_in_the_sealed_bytes_and_no_two_are_alike() {
        let keyring = keyring();
        let contents = b"sixteen bytes or so, twice over";
        let (first, second) = (keyring.seal(&LABEL, contents).expect("seal"), keyring.seal(&LABEL, contents).expect("seal"));
        assert!(!first.windows(8).any(|window| contents.windows(8).any(|clear| clear == window)));
        assert!(first[14..].chunks(8).zip(second[14..].chunks(8)).all(|(a, b)| a != b));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let keyring = keyring();
        let mut sealed = keyring.seal(&LABEL, b"contents").expect("seal");
        for bit in 0..sealed.len() * 8 {
            sealed[bit / 8] ^= 1 << (bit % 8);
            assert!(keyring.open(&LABEL, &sealed).is_err(), "bit {bit}");
            sealed[bit / 8] ^= 1 << (bit % 8);
        }
        for length in 0..sealed.len() {
            assert!(keyring.open(&LABEL, &sealed[..length]).is_err(), "{length} bytes");
        }
        assert!(keyring.open(&LABEL, &sealed).is_ok());
    }

    #[test]
    fn a_label_cannot_be_exchanged() {
        let keyring = keyring();
        let sealed = keyring.seal(&LABEL, b"contents").expect("seal");
        for other in [
            Label { kind: Kind::Head, ..LABEL },
            Label { kind: Kind::LogEntry, ..LABEL },
            Label { tenant: Tenant(4), ..LABEL },
            Label { number: LABEL.number + 1, ..LABEL },
            Label { position: 6, ..LABEL },
            Label { revision: Revision(10), ..LABEL },
        ] {
            assert!(keyring.open(&other, &sealed).is_err());
            // Not even when the clear header is changed to fit.
            let mut fitted = sealed.clone();
            fitted[1] = other.kind as u8;
            fitted[6..14].copy_from_slice(&other.revision.0.to_be_bytes());
            assert!(keyring.open(&other, &fitted).is_err());
        }
    }

    #[test]
    fn what_was_sealed_beside_bytes_opens_beside_them_alone() {
        let keyring = keyring();
        let (kind, revision) = (Kind::Head, Revision(9));
        for length in [1, 44, 5000] {
            let mut beside = vec![0x17; length];
            let mut random = Randomness::default();
            let sealed = keyring.seal_beside(&mut random, kind, revision, &beside, b"contents").expect("seal");
            assert_eq!(*keyring.open_beside(kind, revision, &beside, &sealed).expect("open"), b"contents");
            assert!(keyring.open_beside(kind, revision, &beside[1..], &sealed).is_err());
            assert!(keyring.open(&Label { kind, revision, ..LABEL }, &sealed).is_err());
            beside[length / 2] ^= 1;
            assert!(keyring.open_beside(kind, revision, &beside, &sealed).is_err());
        }
    }

    #[test]
    fn another_stores_keys_open_nothing() {
        let sealed = keyring().seal(&LABEL, b"contents").expect("seal");
        assert!(matches!(keyring().open(&LABEL, &sealed), Err(SealingError::Damaged(_))));
    }

    #[test]
    fn a_newer_format_is_named() {
        let keyring = keyring();
        let mut sealed = keyring.seal(&LABEL, b"contents").expect("seal");
        sealed[0] = FORMAT + 1;
        assert!(matches!(keyring.open(&LABEL, &sealed), Err(SealingError::NewerFormat(2))));
        sealed[0] = 0;
        assert!(matches!(keyring.open(&LABEL, &sealed), Err(SealingError::Damaged("it is not sealed"))));
    }
}
