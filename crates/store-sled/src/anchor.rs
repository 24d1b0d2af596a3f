//! The anchor: a copy of the last durable head outside the journal.
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

use store::sealing::{Keyring, Randomness, SealingError};

use crate::files;
use crate::head::{Head, SEALED, Where};
use crate::open::OpenError;

const NAME: &str = "anchor";
const BLOCK: u64 = 4096;

/// What was found of the anchor.
#[derive(Debug)]
pub(crate) enum Found {
    /// At least the frame of this head was durable.
    Known(Anchor, Head),
    /// Both copies are lost, for this cause.
    Lost(String),
}

/// What the anchor is, in errors.
pub(crate) const WHAT: &str = "the anchor of the store";

#[derive(Debug)]
pub(crate) struct Anchor {
    file: Arc<File>,
    /// Which copy is written next: 0 or 1.
    turn: u64,
}

impl Anchor {
    pub(crate) fn create(directory: &Path, keyring: &Keyring, head: &Head) -> Result<Self, OpenError> {
        let failed = |cause: io::Error| OpenError::failed(format!("making the anchor in {}", directory.display()), cause);
        let path = directory.join(NAME);
        let file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path).map_err(failed)?;
        let mut anchor = Self { file: Arc::new(file), turn: 0 };
        for _ in 0..2 {
            anchor.write(keyring, &mut Randomness::default(), head).map_err(failed)?;
        }
        anchor.file.sync_all().map_err(failed)?;
        files::sync_directory(directory).map_err(failed)?;
        Ok(anchor)
    }

    /// Opens the anchor and reads the head it has.
    pub(crate) fn open(directory: &Path, keyring: &Keyring) -> Result<Found, OpenError> {
        let path = directory.join(NAME);
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Found::Lost("it is missing".into())),
            Err(cause) => return Err(OpenError::failed(format!("opening {}", path.display()), cause)),
        };
        let read = |turn: u64| {
            let mut sealed = [0; SEALED];
            file.read_exact_at(&mut sealed, turn * BLOCK).map_err(|_| SealingError::Damaged("it is too short"))?;
            Head::open(keyring, Where::Anchor, &sealed)
        };
        // One copy may be torn by a power cut.
        let (turn, head) = match (read(0), read(1)) {
            (Ok(first), Ok(second)) if first.frame > second.frame => (1, first),
            (_, Ok(second)) => (0, second),
            (Ok(first), Err(_)) => (1, first),
            (Err(SealingError::NewerFormat(format)), Err(_)) => {
                return Err(OpenError::sealing(WHAT, SealingError::NewerFormat(format)));
            }
            (Err(error), Err(_)) => return Ok(Found::Lost(format!("both copies of it are damaged: {error}"))),
        };
        Ok(Found::Known(Self { file: Arc::new(file), turn }, head))
    }

    /// Writes the head into the older copy.
    pub(crate) fn write(&mut self, keyring: &Keyring, random: &mut Randomness, head: &Head) -> io::Result<()> {
        let sealed = head.seal_with(keyring, random, Where::Anchor).map_err(io::Error::other)?;
        self.file.write_all_at(&sealed, self.turn * BLOCK)?;
        self.turn = 1 - self.turn;
        Ok(())
    }

    /// The file, for syncing it elsewhere.
    pub(crate) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }
}
