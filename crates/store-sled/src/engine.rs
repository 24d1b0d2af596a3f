//! sled, guarded: every call is wrapped so that a panic inside becomes an error, and what was applied is on the disk, not
//! only handed to the operating system, when [`Engine::sync`] returns.

use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use sled::{Db, IVec, Tree};
use store::StoreError;

use crate::files;
use crate::journal::Changed;
use crate::layout::{self, Number};

/// The largest segments sled has. With smaller ones, values of 16 KiB already become files that nobody syncs.
const SEGMENT: usize = 16 << 20;

/// The only key of the tree "head".
const HEAD: &[u8] = b"head";

/// sled lets go of its own lock a little after it was dropped: (attempts, pause between them).
const OPENING: (u32, Duration) = (100, Duration::from_millis(20));

pub(crate) struct Engine {
    /// There until the engine is dropped.
    handles: Option<Handles>,
    /// sled's file, for syncing it. Open all the time: the kernel reports a failed write once to each open file.
    file: File,
    blobs: PathBuf,
    /// Every call fails as one that meets a sector that cannot be read.
    #[cfg(test)]
    pub(crate) unreadable: std::sync::atomic::AtomicBool,
}

/// sled itself: it closes when these are dropped.
struct Handles {
    records: Tree,
    head: Tree,
    db: Db,
}

/// Why the engine failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    #[error("{0}")]
    Io(io::Error),
    #[error("{0}")]
    Damaged(String),
    #[error("{0}")]
    Failed(String),
    /// Nothing was done, and nothing is wrong with sled: it may be tried again.
    #[error("{0}")]
    Refused(io::Error),
    /// There is no sled at this moment: it is being opened again, or made again.
    #[error("sled could not be opened again")]
    Absent,
}

impl EngineError {
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, Self::Io(cause) if matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }

    /// Whether it is over by itself, and no reason to make sled again.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Io(cause) => files::is_passing(cause),
            Self::Refused(_) | Self::Absent => true,
            Self::Damaged(_) | Self::Failed(_) => false,
        }
    }

    /// As the store's error, of an operation on something. sled's files hold nothing that cannot be made again: whatever keeps
    /// them from being read, an unreadable sector as well as a flipped bit, is damage that heals.
    pub(crate) fn during(self, what: impl Into<String>) -> StoreError {
        let (what, is_passing) = (what.into(), self.is_full() || self.is_passing());
        match self {
            Self::Damaged(cause) => StoreError::Damaged { what, cause },
            other if is_passing => StoreError::Failed { what, cause: other.to_string() },
            other => StoreError::Damaged { what, cause: format!("sled cannot be read: {other}") },
        }
    }
}

impl From<sled::Error> for EngineError {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(cause) => Self::Io(cause),
            sled::Error::Corruption { .. } => Self::Damaged(format!("sled found corruption ({error})")),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<io::Error> for EngineError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Calls into sled and catches its panics, which are how it reports much of the damage it finds.
fn guarded<T>(call: impl FnOnce() -> Result<T, EngineError>) -> Result<T, EngineError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(EngineError::Damaged(format!("sled panicked: {text}")))
    })
}

impl Engine {
    /// Opens sled in a directory of its own; makes it if it is not there.
    pub(crate) fn open(objects: &Path, cache_bytes: u64) -> Result<Self, EngineError> {
        let config = sled::Config::new()
            .path(objects)
            .cache_capacity(cache_bytes)
            .mode(sled::Mode::HighThroughput)
            .segment_size(SEGMENT)
            .use_compression(false)
            .flush_every_ms(None);
        let mut attempts = OPENING.0;
        let db = loop {
            match guarded(|| Ok(config.open()?)) {
                // Ours is the only process at it, by our own lock: it is an earlier store of this one, still closing.
                Err(EngineError::Io(cause)) if attempts > 0 && cause.to_string().contains("could not acquire lock") => {
                    attempts -= 1;
                    thread::sleep(OPENING.1);
                }
                result => break result?,
            }
        };
        guarded(|| {
            let (records, head) = (db.open_tree("records")?, db.open_tree("head")?);
            Ok(Self {
                handles: Some(Handles { records, head, db }),
                file: File::open(objects.join("db"))?,
                blobs: objects.join("blobs"),
                #[cfg(test)]
                unreadable: std::sync::atomic::AtomicBool::new(false),
            })
        })
    }

    fn handles(&self) -> Result<&Handles, EngineError> {
        self.handles.as_ref().ok_or(EngineError::Absent)
    }

    fn records(&self) -> Result<&Tree, EngineError> {
        self.handles().map(|handles| &handles.records)
    }

    #[cfg(test)]
    fn meet(&self) -> Result<(), EngineError> {
        match self.unreadable.load(std::sync::atomic::Ordering::SeqCst) {
            true => Err(io::Error::from(rustix::io::Errno::IO).into()),
            false => Ok(()),
        }
    }

    #[cfg(not(test))]
    const fn meet(&self) -> Result<(), EngineError> {
        Ok(())
    }

    /// Reads the sealed bytes of a record.
    pub(crate) fn read(&self, number: Number) -> Result<Option<Vec<u8>>, EngineError> {
        self.meet()?;
        let Some(chunk) = guarded(|| Ok(self.records()?.get(number.key(0))?))? else { return Ok(None) };
        self.join(number, &chunk).map(Some)
    }

    /// Completes a record of which chunk 0 is there.
    fn join(&self, number: Number, chunk: &[u8]) -> Result<Vec<u8>, EngineError> {
        let damaged = || EngineError::Damaged("its first chunk does not have the form of one".into());
        let (length, start) = layout::first(chunk).ok_or_else(damaged)?;
        let mut sealed = start.to_vec();
        for part in 1..layout::chunks(length) {
            let chunk = guarded(|| Ok(self.records()?.get(number.key(part))?))?;
            let chunk = chunk.ok_or_else(|| EngineError::Damaged(format!("its chunk {part} is missing")))?;
            sealed.extend_from_slice(&chunk);
        }
        if sealed.len() != length {
            return Err(EngineError::Damaged(format!("it has {} bytes instead of {length}", sealed.len())));
        }
        Ok(sealed)
    }

    /// Shows every record to a visitor, in the order of tenants and creation. What belongs to no record is shown as damage.
    pub(crate) fn visit<E: From<EngineError>>(
        &self,
        mut visitor: impl FnMut(Number, Result<Vec<u8>, EngineError>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut entries = self.records()?.iter();
        let mut expected: Option<(Number, u16)> = None;
        while let Some((key, value)) = guarded(|| Ok(entries.next().transpose()?))? {
            let Some((number, part)) = Number::read(&key) else {
                return Err(EngineError::Damaged(format!("the tree of records has a key of {} bytes", key.len())).into());
            };
            if part == 0 {
                let sealed = self.join(number, &value);
                expected = sealed.as_ref().ok().map(|sealed| (number, layout::chunks(sealed.len())));
                visitor(number, sealed)?;
            } else if expected.is_none_or(|(of, chunks)| of != number || part >= chunks) {
                visitor(number, Err(EngineError::Damaged(format!("chunk {part} belongs to nothing"))))?;
            }
        }
        Ok(())
    }

    /// The numbers of the records that come after one, at most so many.
    pub(crate) fn numbers_after(&self, after: Option<Number>, limit: usize) -> Result<Vec<Number>, EngineError> {
        self.meet()?;
        guarded(|| {
            let start = after.map_or(Vec::new(), |after| after.key(u16::MAX).to_vec());
            let mut numbers = Vec::new();
            for key in self.records()?.range(start..).keys() {
                let Some((number, part)) = Number::read(&key?) else {
                    return Err(EngineError::Damaged("the tree of records has a key of another form".into()));
                };
                if part == 0 {
                    numbers.push(number);
                    if numbers.len() == limit {
                        break;
                    }
                }
            }
            Ok(numbers)
        })
    }

    pub(crate) fn read_head(&self) -> Result<Option<IVec>, EngineError> {
        guarded(|| Ok(self.handles()?.head.get(HEAD)?))
    }

    /// Writes a record, or takes it away, chunk by chunk: until the last, a reader may find a mixture, which does not open.
    ///
    /// Chunk 0 tells how many there are. It comes last, so that applying the change again finds all that must go.
    pub(crate) fn apply(&self, change: &Changed) -> Result<(), EngineError> {
        self.meet()?;
        guarded(|| {
            let (number, records) = (change.number, self.records()?);
            let before = records.get(number.key(0))?;
            let chunks: Vec<_> = change.sealed.iter().flat_map(|sealed| layout::split(sealed)).collect();
            let after = chunks.len() as u16;
            match before.map(|chunk| layout::first(&chunk).map(|(length, _)| layout::chunks(length))) {
                None => {}
                Some(Some(before)) => {
                    for part in (after.max(1)..before).rev() {
                        records.remove(number.key(part))?;
                    }
                }
                // It is damaged: whatever there is goes.
                Some(None) => {
                    for key in records.range(number.key(after.max(1))..=number.key(u16::MAX)).keys() {
                        records.remove(key?)?;
                    }
                }
            }
            for (part, chunk) in (0..after).zip(chunks).rev() {
                records.insert(number.key(part), chunk)?;
            }
            if change.sealed.is_none() {
                records.remove(number.key(0))?;
            }
            Ok(())
        })
    }

    /// Notes up to where everything was applied: after it was.
    pub(crate) fn write_head(&self, sealed: &[u8]) -> Result<(), EngineError> {
        guarded(|| Ok(self.handles()?.head.insert(HEAD, sealed).map(drop)?))
    }

    /// Brings everything applied so far to the disk. After an error nobody knows what is there: it is never tried again.
    pub(crate) fn sync(&self) -> Result<(), EngineError> {
        guarded(|| Ok(self.handles()?.db.flush()?))?;
        // Values of at most 60 KiB in the largest segments never become files of their own; if one does, it is synced.
        let refused = |cause| if files::is_passing(&cause) { EngineError::Refused(cause) } else { EngineError::Io(cause) };
        if fs::read_dir(&self.blobs).map_err(refused)?.next().is_some() {
            files::sync_all(&self.blobs)?;
        }
        Ok(self.file.sync_data()?)
    }
}

impl Drop for Engine {
    /// sled syncs once more when it closes, and panics if it cannot. What is there was synced before, or is in the journal.
    fn drop(&mut self) {
        let handles = self.handles.take();
        let closed = guarded(|| {
            drop(handles);
            Ok(())
        });
        if let Err(error) = closed {
            tracing::warn!(%error, "closing sled failed; what it may lack is taken from the journal at the next start");
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Engine({})", self.blobs.display())
    }
}
