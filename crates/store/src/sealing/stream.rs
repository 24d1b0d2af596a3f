//! A sealed stream: many items in one file, for snapshots, the saved index and exports.
//!
//! A stream has a data key of its own, wrapped by a key of the store or by a root key. A header in clear says what it is and is
//! authenticated before anything is read. The items follow in chunks, each AES-256-GCM under the data key with its number as
//! nonce (the STREAM construction); the last one is marked, so that a stream that was cut, extended or reordered is an error.
//! `docs/storage-format.md` draws the bytes.
//!
//! A [`Reader`] authenticates each chunk before it hands out an item of it, but it learns that the stream is whole only at
//! its end: act on nothing that cannot be undone before [`Reader::next`] returned `None`.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub use read::Reader;
pub use write::Writer;

use std::io;

use aes_kw::KwAes256;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::{Keyring, Kind, RootKey, RootKeyIdentifier, TAG, WRAPPED_KEY};
use crate::MAX_BODY;

/// The format of a stream.
pub const FORMAT: u16 = 1;

/// The longest header a caller may give, in bytes.
pub const MAX_HEADER: usize = 1024;

/// The largest item in bytes: a sealed record of the largest body, with room for its identifier, owner and seal.
pub const MAX_ITEM: usize = MAX_BODY + (64 << 10);

const MAGIC: &[u8; 8] = b"kmipdstr";

/// The format of a stream that the test build wrote without sealing it.
#[cfg(feature = "insecure-unsealed-for-tests")]
const FORMAT_UNSEALED: u16 = 0;

/// The clear bytes of every chunk but the last, which may have fewer: large enough for the cipher's full speed, small enough
/// to be held in memory twice.
const CHUNK: usize = 128 << 10;

/// Where the caller's header begins: magic, format, kind, sort of wrapping key, its number or identifier, wrapped key, length.
const PREFIX: usize = 8 + 2 + 1 + 1 + 8 + WRAPPED_KEY + 2;

/// The length in front of a chunk and of an item.
const LENGTH: usize = 4;

/// In the length of a chunk: it is the last one.
const LAST: u32 = 1 << 31;

/// What a stream holds, so that one can never stand in for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum StreamKind {
    /// All records of a store at one moment.
    Snapshot = 1,
    /// The saved index that finds records.
    Index = 2,
    /// The contents of a store on their way to another.
    Export = 3,
}

impl StreamKind {
    fn read(byte: u8) -> Option<Self> {
        [Self::Snapshot, Self::Index, Self::Export].into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// Which key wraps the data key of a stream.
#[derive(Clone, Copy, Debug)]
pub enum KeySource<'a> {
    /// The keys of a store: the current epoch key wraps, and shredding that epoch kills the stream.
    Keyring(&'a Keyring),
    /// A root key itself, for a stream that is opened where there is no key file.
    Root(&'a RootKey),
}

impl<'a> From<&'a Keyring> for KeySource<'a> {
    fn from(keyring: &'a Keyring) -> Self {
        Self::Keyring(keyring)
    }
}

impl<'a> From<&'a RootKey> for KeySource<'a> {
    fn from(root: &'a RootKey) -> Self {
        Self::Root(root)
    }
}

/// Why a stream could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// Reading or writing the bytes failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is not what was written.
    #[error("{what}, at byte {offset}")]
    Damaged {
        /// What was found.
        what: &'static str,
        /// The first byte of the part that is wrong.
        offset: u64,
    },
    /// A newer release wrote it.
    #[error("the stream has format {0}, and this release reads format {FORMAT}")]
    NewerFormat(u16),
    /// It holds something else.
    #[error("the stream holds {found:?}, where {expected:?} was expected")]
    WrongKind {
        /// What was asked for.
        expected: StreamKind,
        /// What it holds.
        found: StreamKind,
    },
    /// The epoch key was deleted, or never belonged to this store.
    #[error("the stream is sealed under epoch {0}, whose key is not in the key file")]
    NoEpochKey(u32),
    /// It belongs to another root key.
    #[error("the stream is sealed under root key {expected}, not under root key {given}")]
    WrongRootKey {
        /// The root key it is sealed under.
        expected: RootKeyIdentifier,
        /// The one that was given.
        given: RootKeyIdentifier,
    },
    /// It is sealed under a root key and the keys of a store were given, or the other way round.
    #[error("the stream is sealed under {0}")]
    WrongKeySource(&'static str),
    /// A header or an item is larger than a stream takes.
    #[error("{what} has {size} bytes; a stream takes {limit}")]
    TooLarge {
        /// Which of the two.
        what: &'static str,
        /// Its size in bytes.
        size: usize,
        /// The largest size in bytes.
        limit: usize,
    },
    /// The operating system gave no random bytes, the cipher failed, or the stream is used after an error.
    #[error("{0} failed")]
    Failed(&'static str),
}

impl KeySource<'_> {
    /// The byte that says which sort of key wraps, and the 8 that say which one.
    fn wrapping(&self) -> (u8, [u8; 8], Wrapping<'_>) {
        match self {
            Self::Keyring(keyring) => {
                let (epoch, key) = keyring.wrapping_key(Kind::Record);
                (1, u64::from(epoch).to_be_bytes(), Wrapping::Borrowed(key))
            }
            Self::Root(root) => (2, root.identifier().0, Wrapping::Owned(Box::new(root.wrapping()))),
        }
    }

    /// The key that a header asks for.
    fn unwrapping(&self, sort: u8, number: [u8; 8]) -> Result<Wrapping<'_>, StreamError> {
        match (self, sort) {
            (Self::Keyring(keyring), 1) => {
                let number = u64::from_be_bytes(number);
                let epoch = u32::try_from(number).map_err(|_| StreamError::Damaged { what: "it names no epoch", offset: 12 })?;
                keyring.unwrapping_key(Kind::Record, epoch).map(Wrapping::Borrowed).ok_or(StreamError::NoEpochKey(epoch))
            }
            (Self::Root(root), 2) if root.identifier().0 == number => Ok(Wrapping::Owned(Box::new(root.wrapping()))),
            (Self::Root(root), 2) => {
                Err(StreamError::WrongRootKey { expected: RootKeyIdentifier(number), given: root.identifier() })
            }
            (Self::Root(_), 1) => Err(StreamError::WrongKeySource("the keys of a store, not under a root key")),
            (Self::Keyring(_), 2) => Err(StreamError::WrongKeySource("a root key, not under the keys of this store")),
            _ => Err(StreamError::Damaged { what: "it names an unknown sort of key", offset: 11 }),
        }
    }

    fn format(&self) -> u16 {
        #[cfg(feature = "insecure-unsealed-for-tests")]
        if let Self::Keyring(keyring) = self
            && keyring.format() == super::FORMAT_UNSEALED
        {
            return FORMAT_UNSEALED;
        }
        FORMAT
    }
}

/// A key that wraps data keys, where it is or made for this stream.
enum Wrapping<'a> {
    Borrowed(&'a KwAes256),
    Owned(Box<KwAes256>),
}

impl Wrapping<'_> {
    fn key(&self) -> &KwAes256 {
        match self {
            Self::Borrowed(key) => key,
            Self::Owned(key) => key,
        }
    }
}

/// The cipher of one stream. Each number seals once.
struct Cipher {
    key: LessSafeKey,
    /// The number of the next sealing: 0 is the header, then come the chunks.
    number: u64,
    #[cfg(feature = "insecure-unsealed-for-tests")]
    unsealed: bool,
}

impl Cipher {
    #[cfg_attr(not(feature = "insecure-unsealed-for-tests"), allow(unused_variables, reason = "there is one format to seal"))]
    fn new(data_key: &[u8], format: u16) -> Result<Self, StreamError> {
        let key = UnboundKey::new(&AES_256_GCM, data_key).map_err(|_| StreamError::Failed("setting up the cipher"))?;
        Ok(Self {
            key: LessSafeKey::new(key),
            number: 0,
            #[cfg(feature = "insecure-unsealed-for-tests")]
            unsealed: format == FORMAT_UNSEALED,
        })
    }

    fn nonce(&mut self) -> Result<Nonce, StreamError> {
        let mut nonce = [0; NONCE_LEN];
        nonce[NONCE_LEN - 8..].copy_from_slice(&self.number.to_be_bytes());
        self.number = self.number.checked_add(1).ok_or(StreamError::Failed("counting chunks"))?;
        Ok(Nonce::assume_unique_for_key(nonce))
    }

    /// Seals bytes where they are and returns the tag.
    fn seal(&mut self, associated: &[u8], bytes: &mut [u8]) -> Result<[u8; TAG], StreamError> {
        let nonce = self.nonce()?;
        #[cfg(feature = "insecure-unsealed-for-tests")]
        if self.unsealed {
            return Ok([0; TAG]);
        }
        let sealed = self.key.seal_in_place_separate_tag(nonce, Aad::from(associated), bytes);
        let mut tag = [0; TAG];
        tag.copy_from_slice(sealed.map_err(|_| StreamError::Failed("sealing"))?.as_ref());
        Ok(tag)
    }

    /// Opens bytes and their tag where they are; says whether they are authentic. Only the bytes without the tag are then clear.
    fn open(&mut self, associated: &[u8], bytes: &mut [u8]) -> Result<bool, StreamError> {
        let nonce = self.nonce()?;
        #[cfg(feature = "insecure-unsealed-for-tests")]
        if self.unsealed {
            return Ok(true);
        }
        Ok(self.key.open_in_place(nonce, Aad::from(associated), bytes).is_ok())
    }
}

/// A buffer of exactly this capacity, so that it never grows and leaves a copy of what it held in freed memory.
fn buffer(capacity: usize) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(Vec::with_capacity(capacity))
}
