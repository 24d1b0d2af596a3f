//! How a store is doing, for those who run it.

use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime};

use store::StoreError;

use crate::SledStore;

/// How a store is doing: counters that cost nothing to read.
#[derive(Clone, Debug)]
pub struct Status {
    /// How many records there are.
    pub records: u64,
    /// How many groups of commits were ever made durable: the frames of the journal, those that were dropped included.
    pub frames: u64,
    /// How many of them, since the store was opened, the thread that made the commit wrote itself.
    pub frames_alone: u64,
    /// About how long the journal is, in bytes.
    pub journal_bytes: u64,
    /// How many bytes of it are not in sled yet, and are kept in memory.
    pub overlay_bytes: u64,
    /// How long the oldest of them waits.
    pub behind: Duration,
    /// How many snapshots were written since the store was opened.
    pub snapshots: u64,
    /// How often sled was made again since the store was opened.
    pub rebuilds: u64,
    /// Why sled, which is damaged, could not be made again; it is tried again. `None`: it is not damaged, or is being made.
    pub rebuild_failure: Option<String>,
    /// The last entry of the log; 0: there is none.
    pub log_entries: u64,
    /// How many of them are dropped already.
    pub log_dropped: u64,
    /// The room that is left on the file system, in bytes.
    pub free_bytes: Option<u64>,
}

/// What happened since the store was opened.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) alone: AtomicU64,
    pub(crate) snapshots: AtomicU64,
    pub(crate) rebuilds: AtomicU64,
}

/// A segment of the log, which is dropped whole or kept whole.
#[derive(Clone, Copy, Debug)]
pub struct LogSegment {
    /// Its first entry.
    pub first: u64,
    /// Its last entry; one less than the first: it has none yet.
    pub last: u64,
    /// The length of the file in bytes.
    pub bytes: u64,
    /// When it was written to last: no entry of it is newer.
    pub modified: SystemTime,
}

impl SledStore {
    /// How the store is doing.
    pub fn status(&self) -> Status {
        let shared = &self.shared;
        let head = shared.published().head.clone();
        let (overlay_bytes, behind) = shared.pending.behind();
        Status {
            records: head.count,
            frames: head.frame,
            frames_alone: shared.counters.alone.load(Relaxed),
            journal_bytes: shared.segments.bytes_behind(0),
            overlay_bytes,
            behind,
            snapshots: shared.counters.snapshots.load(Relaxed),
            rebuilds: shared.counters.rebuilds.load(Relaxed),
            rebuild_failure: shared.rebuild_failure.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            log_entries: head.log.sequence,
            log_dropped: shared.log.first() - 1,
            free_bytes: shared.free().ok(),
        }
    }

    /// The segments of the log, the oldest first. [`store::Store::drop_log`] drops those that end before an entry, but never the last.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub fn log_segments(&self) -> Result<Vec<LogSegment>, StoreError> {
        let segments = self.shared.log.segments()?.into_iter();
        Ok(segments
            .map(|segment| LogSegment {
                first: segment.first,
                last: segment.last,
                bytes: segment.bytes,
                modified: segment.modified,
            })
            .collect())
    }
}
