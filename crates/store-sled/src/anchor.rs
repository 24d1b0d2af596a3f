//! The anchor: which frame of the journal was durable last, outside the journal.
//!
//! A flipped bit in the last frame of the journal looks like a write that was cut off, and one in sled can make it come up as
//! it was before acknowledged commits, consistent and wrong. The anchor tells which frame was durable: a journal that ends
//! before it is damaged, not torn.
//!
//! It is written, and given to the kernel, after a group was synced and before the group is acknowledged; it is synced when
//! sled is. So it survives the end of the process with every acknowledged group, and after a power cut it may be behind: then
//! it says less, never anything wrong. Its two copies are written in turns, each in a block of its own, so that a torn write
//! leaves the other.
//!
//! What it protects against is the loss of the last frames alone. If both copies are lost, sled, the log stream and the index tell
//! whether that can have happened: where all of them have what the journal's last frame told, and nothing follows that frame, the
//! store was closed in order, and the anchor is made anew. Where sled is behind, frames may have been there that nobody knows of any
//! more: such a store is refused. Against somebody who puts back all files of an earlier day the anchor is no protection, lost or
//! not: it would be put back, too.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use store::sealing::{Keyring, SealingError};

use crate::files;
use crate::head::{Head, SEALED, Where};
use crate::open::OpenError;

const NAME: &str = "anchor";
const BLOCK: u64 = 4096;

/// What was found of the anchor.
#[derive(Debug)]
pub(crate) enum Found {
    /// At least this frame was durable.
    Known(Anchor, Anchored),
    /// Both copies are lost, for this cause.
    Lost(String),
}

/// A frame that was durable, and how it is told from any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Anchored {
    pub(crate) frame: u64,
    known: Known,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Known {
    Mark([u8; 32]),
    /// What an earlier release wrote.
    Head(Box<Head>),
}

impl Anchored {
    /// Whether it is the frame of that number that has this head and this mark.
    pub(crate) fn is(&self, head: &Head, mark: &[u8; 32]) -> bool {
        match &self.known {
            Known::Mark(known) => known == mark,
            Known::Head(known) => **known == *head,
        }
    }

    /// Reads what [`Anchor::write`] wrote, or what an earlier release did.
    fn read(keyring: &Keyring, file: &File, at: u64) -> Result<Self, SealingError> {
        const SHORT: SealingError = SealingError::Damaged("it is too short");
        let mut copy = [0; COPY];
        file.read_exact_at(&mut copy, at).map_err(|_| SHORT)?;
        if copy[0] == FORMAT {
            let (told, code) = copy.split_last_chunk::<32>().ok_or(SHORT)?;
            let (frame, mark) = told[1..].split_first_chunk().ok_or(SHORT)?;
            let (frame, mark) = (u64::from_be_bytes(*frame), mark.try_into().map_err(|_| SHORT)?);
            if keyring.chain(&mark, &[PURPOSE, &frame.to_be_bytes()]) != *code {
                return Err(SealingError::Damaged("it cannot be authenticated"));
            }
            return Ok(Self { frame, known: Known::Mark(mark) });
        }
        let mut sealed = [0; SEALED];
        file.read_exact_at(&mut sealed, at).map_err(|_| SHORT)?;
        let head = Head::open(keyring, Where::Anchor, &sealed)?;
        Ok(Self { frame: head.frame, known: Known::Head(Box::new(head)) })
    }
}

/// The format of a copy, its first byte. Format 1 was a sealed head, which begins with 1 (or 0, in the test build that seals nothing).
const FORMAT: u8 = 2;

/// Format, frame, its mark, and a code over both.
const COPY: usize = 1 + 8 + 32 + 32;

/// Makes the code one of the anchor.
const PURPOSE: &[u8] = b"kmipd anchor";

/// What the anchor is, in errors.
pub(crate) const WHAT: &str = "the anchor of the store";

#[derive(Debug)]
pub(crate) struct Anchor {
    file: Arc<File>,
    /// Which copy is written next: 0 or 1.
    turn: u64,
}

impl Anchor {
    pub(crate) fn create(directory: &Path, keyring: &Keyring, frame: u64, mark: &[u8; 32]) -> Result<Self, OpenError> {
        let failed = |cause: io::Error| OpenError::failed(format!("making the anchor in {}", directory.display()), cause);
        let path = directory.join(NAME);
        let file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path).map_err(failed)?;
        let mut anchor = Self { file: Arc::new(file), turn: 0 };
        for _ in 0..2 {
            anchor.write(keyring, frame, mark).map_err(failed)?;
        }
        anchor.file.sync_all().map_err(failed)?;
        files::sync_directory(directory).map_err(failed)?;
        Ok(anchor)
    }

    /// Opens the anchor and reads which frame it tells of.
    pub(crate) fn open(directory: &Path, keyring: &Keyring) -> Result<Found, OpenError> {
        let path = directory.join(NAME);
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Found::Lost("it is missing".into())),
            Err(cause) => return Err(OpenError::failed(format!("opening {}", path.display()), cause)),
        };
        let read = |turn: u64| Anchored::read(keyring, &file, turn * BLOCK);
        // One copy may be torn by a power cut.
        let (turn, anchored) = match (read(0), read(1)) {
            (Ok(first), Ok(second)) if first.frame > second.frame => (1, first),
            (_, Ok(second)) => (0, second),
            (Ok(first), Err(_)) => (1, first),
            (Err(SealingError::NewerFormat(format)), Err(_)) => {
                return Err(OpenError::sealing(WHAT, SealingError::NewerFormat(format)));
            }
            (Err(error), Err(_)) => return Ok(Found::Lost(format!("both copies of it are damaged: {error}"))),
        };
        Ok(Found::Known(Self { file: Arc::new(file), turn }, anchored))
    }

    /// Writes a frame and its mark into the older copy.
    pub(crate) fn write(&mut self, keyring: &Keyring, frame: u64, mark: &[u8; 32]) -> io::Result<()> {
        let mut copy = [FORMAT; COPY];
        copy[1..9].copy_from_slice(&frame.to_be_bytes());
        copy[9..41].copy_from_slice(mark);
        copy[41..].copy_from_slice(&keyring.chain(mark, &[PURPOSE, &frame.to_be_bytes()]));
        self.file.write_all_at(&copy, self.turn * BLOCK)?;
        self.turn = 1 - self.turn;
        Ok(())
    }

    /// The file, for syncing it elsewhere.
    pub(crate) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }
}
