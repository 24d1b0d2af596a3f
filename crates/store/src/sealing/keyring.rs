//! The keys of a store, and the small file that holds them wrapped under the root key.
//!
//! The file: magic (8 bytes), format (2), identifier of the root key (8), number of keys (2), then for each key its purpose
//! (1), number (4) and wrapped form (40); at the end the SHA-256 of all that. Numbers are big-endian. The checksum tells damage
//! from a wrong root key; what guards against changes is the wrapping.

use std::collections::BTreeMap;
use std::fmt;

use aes_kw::KwAes256;
use aws_lc_rs::{digest, hmac, rand};
use zeroize::Zeroizing;

use super::root_key::wrapping_key;
use super::{Kind, RootKey, RootKeyIdentifier};
use crate::index::{Place, TermHasher};
use crate::{Revision, Tenant};

const MAGIC: &[u8; 8] = b"kmipdkey";
const FILE_FORMAT: u16 = 2;
/// The first one, of stores whose terms are hashed with HMAC-SHA-256. It is read, and not written.
const FILE_FORMAT_1: u16 = 1;
const KEY: usize = 32;
const WRAPPED: usize = KEY + 8;
const PREFIX: usize = 8 + 2 + 8 + 2;
const ENTRY: usize = 1 + 4 + WRAPPED;
const CHECKSUM: usize = 32;

/// What a key of the file is for.
const EPOCH: u8 = 1;
const LOG: u8 = 2;
const SET: u8 = 3;
const TERMS_HMAC: u8 = 4;
const JOURNAL: u8 = 5;
const TERMS: u8 = 6;
/// Those of a new store.
const PURPOSES: [u8; 5] = [EPOCH, LOG, SET, TERMS, JOURNAL];

/// The keys that seal a store. `Debug` shows the epochs only.
pub struct Keyring {
    /// For records, by epoch.
    epochs: WrappingKeys,
    /// For log entries, which are kept when an epoch is shredded.
    logs: WrappingKeys,
    set: hmac::Key,
    /// For the hashes of terms.
    terms: TermHasher,
    /// For the chain of the journal.
    journal: hmac::Key,
    #[cfg(feature = "insecure-unsealed-for-tests")]
    unsealed: bool,
}

/// Numbered keys that wrap data keys.
struct WrappingKeys {
    all: BTreeMap<u32, KwAes256>,
    /// The number of the key that wraps new data keys: the greatest of `all`.
    current: u32,
}

impl WrappingKeys {
    fn new(all: BTreeMap<u32, KwAes256>) -> Option<Self> {
        let current = *all.last_key_value()?.0;
        Some(Self { all, current })
    }
}

/// Why a key file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// It belongs to another root key.
    #[error("the store belongs to root key {expected}, not to root key {given}")]
    WrongRootKey {
        /// The root key the store belongs to.
        expected: RootKeyIdentifier,
        /// The one that was given.
        given: RootKeyIdentifier,
    },
    /// A newer release wrote it.
    #[error("the key file has format {0}, and this release reads format {FILE_FORMAT}")]
    NewerFormat(u16),
    /// It is not what was written.
    #[error("{0}")]
    Damaged(&'static str),
    /// The operating system gave no random bytes.
    #[error("there are no random bytes for the keys of a store")]
    Random,
}

impl Keyring {
    /// Draws the keys of a new store; returns them with the contents of its key file.
    ///
    /// # Errors
    /// [`KeyringError::Random`].
    pub fn generate(root: &RootKey) -> Result<(Self, Vec<u8>), KeyringError> {
        let mut file = Vec::with_capacity(PREFIX + PURPOSES.len() * ENTRY + CHECKSUM);
        file.extend_from_slice(MAGIC);
        file.extend_from_slice(&FILE_FORMAT.to_be_bytes());
        file.extend_from_slice(&root.identifier().0);
        file.extend_from_slice(&(PURPOSES.len() as u16).to_be_bytes());
        for purpose in PURPOSES {
            let mut key = Zeroizing::new([0; KEY]);
            rand::fill(&mut *key).map_err(|_| KeyringError::Random)?;
            let mut wrapped = [0; WRAPPED];
            root.wrapping().wrap_key(&*key, &mut wrapped).map_err(|_| KeyringError::Damaged("a key cannot be wrapped"))?;
            file.push(purpose);
            file.extend_from_slice(&1_u32.to_be_bytes());
            file.extend_from_slice(&wrapped);
        }
        file.extend_from_slice(digest::digest(&digest::SHA256, &file).as_ref());
        Ok((Self::read(root, &file)?, file))
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// [`KeyringError`] tells a wrong root key, a newer format and damage apart.
    pub fn read(root: &RootKey, file: &[u8]) -> Result<Self, KeyringError> {
        const SHORT: KeyringError = KeyringError::Damaged("the key file is too short");
        let (magic, rest) = file.split_first_chunk().ok_or(SHORT)?;
        let (format, rest) = rest.split_first_chunk().ok_or(SHORT)?;
        if magic != MAGIC {
            return Err(KeyringError::Damaged("the key file does not begin as one"));
        }
        let format = u16::from_be_bytes(*format);
        if format > FILE_FORMAT {
            return Err(KeyringError::NewerFormat(format));
        }
        let (covered, checksum) = file.split_last_chunk::<CHECKSUM>().ok_or(SHORT)?;
        if !matches!(format, FILE_FORMAT_1 | FILE_FORMAT) || digest::digest(&digest::SHA256, covered).as_ref() != checksum {
            return Err(KeyringError::Damaged("the checksum of the key file does not match"));
        }
        let (identifier, rest) = rest.split_first_chunk().ok_or(SHORT)?;
        let expected = RootKeyIdentifier(*identifier);
        if expected != root.identifier() {
            return Err(KeyringError::WrongRootKey { expected, given: root.identifier() });
        }
        let (count, rest) = rest.split_first_chunk().ok_or(SHORT)?;
        let count = usize::from(u16::from_be_bytes(*count));
        let entries = rest.strip_suffix(checksum).filter(|entries| entries.len() == count * ENTRY).ok_or(SHORT)?;

        let (mut epochs, mut logs) = (BTreeMap::new(), BTreeMap::new());
        let (mut set, mut terms, mut journal) = (None, None, None);
        for entry in entries.chunks_exact(ENTRY) {
            let number = u32::from_be_bytes([entry[1], entry[2], entry[3], entry[4]]);
            let mut key = Zeroizing::new([0; KEY]);
            root.wrapping()
                .unwrap_key(&entry[5..], &mut *key)
                .map_err(|_| KeyringError::Damaged("a key of the key file cannot be unwrapped"))?;
            match entry[0] {
                EPOCH => drop(epochs.insert(number, wrapping_key(&key))),
                LOG => drop(logs.insert(number, wrapping_key(&key))),
                SET => set = Some(hmac::Key::new(hmac::HMAC_SHA256, &*key)),
                TERMS_HMAC => terms = Some(TermHasher::hmac(&key)),
                TERMS => terms = key.first_chunk().map(TermHasher::from_key),
                JOURNAL => journal = Some(hmac::Key::new(hmac::HMAC_SHA256, &*key)),
                _ => return Err(KeyringError::Damaged("the key file holds a key of an unknown purpose")),
            }
        }
        const LACKING: KeyringError = KeyringError::Damaged("the key file lacks a key");
        Ok(Self {
            epochs: WrappingKeys::new(epochs).ok_or(LACKING)?,
            logs: WrappingKeys::new(logs).ok_or(LACKING)?,
            set: set.ok_or(LACKING)?,
            terms: terms.ok_or(LACKING)?,
            journal: journal.ok_or(LACKING)?,
            #[cfg(feature = "insecure-unsealed-for-tests")]
            unsealed: false,
        })
    }

    /// The same keys, sealing nothing: for the control run of a test that searches files for key bytes.
    #[cfg(feature = "insecure-unsealed-for-tests")]
    #[must_use]
    pub fn unsealed_for_tests(self) -> Self {
        Self { unsealed: true, ..self }
    }

    /// What a record adds to a set hash: HMAC-SHA-256 over where it stands. Without the key nobody can choose older
    /// versions of records whose sum is the same.
    pub fn set_element(&self, tenant: Tenant, place: &Place) -> [u8; 32] {
        let mut bytes = [0; 4 + 8 + 4 + 8];
        bytes[..4].copy_from_slice(&tenant.0.to_be_bytes());
        bytes[4..12].copy_from_slice(&place.created.0.to_be_bytes());
        bytes[12..16].copy_from_slice(&place.position.to_be_bytes());
        let Revision(revision) = place.revision;
        bytes[16..].copy_from_slice(&revision.to_be_bytes());
        let mut element = [0; 32];
        element.copy_from_slice(hmac::sign(&self.set, &bytes).as_ref());
        element
    }

    /// What hashes the terms of this store's records, always the same.
    pub fn term_hasher(&self) -> TermHasher {
        self.terms.clone()
    }

    /// A link of the journal's chain: HMAC-SHA-256 over the link before and some bytes in several parts. Where the parts begin
    /// is not covered: all but one have a fixed length, or their lengths are in them.
    pub fn chain(&self, previous: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.journal);
        context.update(previous);
        parts.iter().for_each(|part| context.update(part));
        let mut link = [0; 32];
        link.copy_from_slice(context.sign().as_ref());
        link
    }

    pub(super) fn format(&self) -> u8 {
        #[cfg(feature = "insecure-unsealed-for-tests")]
        if self.unsealed {
            return super::FORMAT_UNSEALED;
        }
        super::FORMAT
    }

    /// The key that wraps new data keys of a kind, and its number.
    pub(super) fn wrapping_key(&self, kind: Kind) -> (u32, &KwAes256) {
        let keys = self.keys(kind);
        (keys.current, &keys.all[&keys.current])
    }

    pub(super) fn unwrapping_key(&self, kind: Kind, number: u32) -> Option<&KwAes256> {
        self.keys(kind).all.get(&number)
    }

    fn keys(&self, kind: Kind) -> &WrappingKeys {
        match kind {
            Kind::Record | Kind::Head => &self.epochs,
            Kind::LogEntry | Kind::LogAhead => &self.logs,
        }
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Keyring(epochs {:?})", self.epochs.all.keys())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Label;
    use super::*;

    const LABEL: Label = Label { kind: Kind::LogEntry, tenant: Tenant::DEFAULT, number: 1, position: 0, revision: Revision(1) };

    #[test]
    fn a_key_file_opens_to_the_same_keys() {
        let root = RootKey::generate().expect("root key");
        let (keyring, file) = Keyring::generate(&root).expect("keyring");
        let sealed = keyring.seal(&LABEL, b"entry").expect("seal");
        let again = Keyring::read(&root, &file).expect("open");
        assert_eq!(*again.open(&LABEL, &sealed).expect("open"), b"entry");
        let place = Place { created: Revision(1), position: 2, revision: Revision(3) };
        assert_eq!(again.set_element(Tenant(1), &place), keyring.set_element(Tenant(1), &place));
        assert_ne!(again.set_element(Tenant(1), &place), keyring.set_element(Tenant(2), &place));
        assert_eq!(again.term_hasher().hash(1, b"name"), keyring.term_hasher().hash(1, b"name"));
        let link = again.chain(&[1; 32], &[b"one", b"two"]);
        assert_eq!(link, keyring.chain(&[1; 32], &[b"onetwo"]));
        assert_ne!(link, keyring.chain(&[2; 32], &[b"onetwo"]));
        assert_ne!(link, Keyring::generate(&root).expect("keyring").0.chain(&[1; 32], &[b"onetwo"]));
    }

    #[test]
    fn another_root_key_is_told_from_damage() {
        let root = RootKey::generate().expect("root key");
        let other = RootKey::generate().expect("root key");
        let (_, mut file) = Keyring::generate(&root).expect("keyring");
        match Keyring::read(&other, &file) {
            Err(KeyringError::WrongRootKey { expected, given }) => {
                assert!(expected == root.identifier() && given == other.identifier());
            }
            result => panic!("{result:?}"),
        }
        for bit in 0..file.len() * 8 {
            file[bit / 8] ^= 1 << (bit % 8);
            let result = Keyring::read(&root, &file);
            assert!(matches!(result, Err(KeyringError::Damaged(_) | KeyringError::NewerFormat(_))), "bit {bit}: {result:?}");
            file[bit / 8] ^= 1 << (bit % 8);
        }
        for length in 0..file.len() {
            assert!(matches!(Keyring::read(&root, &file[..length]), Err(KeyringError::Damaged(_))), "{length} bytes");
        }
        file[8] = 1;
        assert!(matches!(Keyring::read(&root, &file), Err(KeyringError::NewerFormat(0x0102))));
    }
}
