//! The anchor: a copy of a recent head outside sled.
//!
//! A flipped bit can make sled take acknowledged commits for the torn end of a write, and come up as it was before them,
//! consistent and wrong. The head inside sled goes back with the rest; the anchor does not. A store whose head is older than
//! its anchor does not open.
//!
//! The anchor follows the head: it is written with the next group of commits, or soon after the last, so that it costs no
//! fsync of its own while commits are waiting. An anchor that is behind says less, never anything wrong. Its two copies are
//! written in turns, each in a block of its own, so that a torn write leaves the other.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use store::Revision;
use store::sealing::{Keyring, SealingError};

use crate::head::{Head, SEALED, Where};
use crate::open::OpenError;

const NAME: &str = "anchor";
const BLOCK: u64 = 4096;

#[derive(Debug)]
pub(crate) struct Anchor {
    file: File,
    /// The commit it was written for last.
    revision: Revision,
    /// Which copy is written next: 0 or 1.
    turn: u64,
}

impl Anchor {
    pub(crate) fn create(directory: &Path, keyring: &Keyring, head: &Head) -> Result<Self, OpenError> {
        let failed = |cause: io::Error| OpenError::failed(format!("making the anchor in {}", directory.display()), cause);
        let path = directory.join(NAME);
        let file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path).map_err(failed)?;
        let mut anchor = Self { file, revision: Revision(0), turn: 0 };
        for _ in 0..2 {
            anchor.write(keyring, head).map_err(failed)?;
        }
        anchor.sync().map_err(failed)?;
        Ok(anchor)
    }

    /// Opens the anchor and compares it with the head.
    pub(crate) fn open(directory: &Path, keyring: &Keyring, head: &Head) -> Result<Self, OpenError> {
        let damaged = |cause: String| OpenError::Damaged { what: "the store".into(), cause };
        let path = directory.join(NAME);
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound => damaged("its anchor is missing".into()),
            _ => OpenError::failed(format!("opening {}", path.display()), cause),
        })?;
        let read = |turn: u64| {
            let mut sealed = [0; SEALED];
            file.read_exact_at(&mut sealed, turn * BLOCK).map_err(|_| SealingError::Damaged("it is too short"))?;
            Head::open(keyring, Where::Anchor, &sealed)
        };
        // One copy may be torn by a power cut.
        let (turn, anchored) = match (read(0), read(1)) {
            (Ok(first), Ok(second)) if first.revision > second.revision => (1, first),
            (_, Ok(second)) => (0, second),
            (Ok(first), Err(_)) => (1, first),
            (Err(error), Err(_)) => return Err(damaged(format!("both copies of its anchor are damaged: {error}"))),
        };
        if head.revision < anchored.revision {
            let (now, then) = (head.revision.0, anchored.revision.0);
            return Err(damaged(format!("sled went back to commit {now}, and commit {then} was durable already")));
        }
        if head.revision == anchored.revision && *head != anchored {
            return Err(damaged("its head is not the one of its anchor".into()));
        }
        Ok(Self { file, revision: anchored.revision, turn })
    }

    pub(crate) fn is_behind(&self, head: &Head) -> bool {
        self.revision < head.revision
    }

    pub(crate) fn write(&mut self, keyring: &Keyring, head: &Head) -> io::Result<()> {
        let sealed = head.seal(keyring, Where::Anchor).map_err(io::Error::other)?;
        self.file.write_all_at(&sealed, self.turn * BLOCK)?;
        self.turn = 1 - self.turn;
        self.revision = head.revision;
        Ok(())
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}
