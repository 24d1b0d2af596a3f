//! The journal: what was acknowledged, in order. Everything else in the directory can be made again from it and a snapshot.
//!
//! One thread at a time appends: a frame for each group of commits, one write and one `fdatasync`. Frames lie in segments, which are
//! made ahead and dropped whole once a snapshot holds what they tell.

pub(crate) mod frame;
pub(crate) mod scan;
mod segment;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

pub(crate) use frame::{BLOCK, Changed, Frame, LogBlock, MAX_FRAME, START};

use self::segment::Segment;
use crate::files;

/// The segments of a journal, as the writer, the background and a check share them.
#[derive(Debug)]
pub(crate) struct Segments {
    directory: PathBuf,
    /// The directory, open: for syncing its names.
    folder: File,
    /// How large a segment is made, in bytes.
    size: u64,
    state: Mutex<State>,
    /// A segment was made ahead, or could not be.
    prepared: Condvar,
    /// The next frame begins a new segment: the one that is being written is damaged.
    leave: AtomicBool,
}

#[derive(Debug)]
struct State {
    /// By ordinal: the sequence of the first frame in each segment that has one.
    first: BTreeMap<u64, u64>,
    /// The last frame.
    last: u64,
    /// Bytes in the segment that is being written.
    used: u64,
    /// Made ahead.
    next: Option<Segment>,
    /// It is being made.
    preparing: bool,
}

impl Segments {
    fn new(directory: PathBuf, folder: File, size: u64, state: State) -> Self {
        Self { directory, folder, size, state: Mutex::new(state), prepared: Condvar::new(), leave: AtomicBool::new(false) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The first frame that is kept; `None`: there is no frame yet.
    pub(crate) fn first(&self) -> Option<u64> {
        self.state().first.first_key_value().map(|(_, first)| *first)
    }

    /// About how many bytes of journal there are behind a frame: whole segments, and what is used of the last.
    pub(crate) fn bytes_behind(&self, frame: u64) -> u64 {
        let state = self.state();
        let whole = state.first.iter().skip(1).filter(|(_, first)| **first > frame + 1).count() as u64;
        if state.last > frame { whole * self.size + state.used } else { 0 }
    }

    /// How many bytes the segment that is being written can still take.
    pub(crate) fn left(&self) -> u64 {
        self.size.saturating_sub(self.state().used)
    }

    /// How many bytes the journal can take without any room on the disk: in the segment that is being written, and the next.
    pub(crate) fn room(&self) -> u64 {
        let state = self.state();
        let next = if state.next.is_some() { self.size } else { 0 };
        self.size.saturating_sub(state.used) + next
    }

    /// Makes the next segment when the current one is half full, so that the writer need not wait for it.
    pub(crate) fn prepare(&self) -> io::Result<()> {
        let ordinal = {
            let mut state = self.state();
            if state.next.is_some() || state.preparing || state.used < self.size / 2 {
                return Ok(());
            }
            state.preparing = true;
            state.first.last_key_value().map_or(1, |(ordinal, _)| ordinal + 1)
        };
        // The writer goes on meanwhile.
        let made = Segment::create(&self.directory, &self.folder, ordinal, self.size);
        let mut state = self.state();
        state.preparing = false;
        self.prepared.notify_all();
        state.next = Some(made?);
        Ok(())
    }

    /// Lets the next frame begin a new segment, so that the one that is being written can be dropped.
    pub(crate) fn leave(&self) {
        self.leave.store(true, Ordering::Relaxed);
    }

    /// Drops segments that tell nothing beyond a frame. The one that is being written stays.
    pub(crate) fn drop_until(&self, frame: u64) -> Result<u64, DropError> {
        let mut dropped = 0;
        loop {
            let ordinal = {
                let state = self.state();
                let mut segments = state.first.iter();
                let (Some((ordinal, _)), Some((_, next))) = (segments.next(), segments.next()) else { break };
                if *next > frame + 1 {
                    break;
                }
                *ordinal
            };
            // One after the other, so that no gap is left by a power cut.
            match fs::remove_file(segment::path(&self.directory, ordinal)) {
                // By an attempt whose sync failed.
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
                removed => removed.map_err(DropError::Remove)?,
            }
            self.folder.sync_all().map_err(DropError::Sync)?;
            self.state().first.remove(&ordinal);
            dropped += 1;
        }
        Ok(dropped)
    }
}

/// The end of the journal, where frames are appended.
#[derive(Debug)]
pub(crate) struct Journal {
    segments: Arc<Segments>,
    segment: Segment,
    /// Where the next frame goes.
    offset: u64,
    /// The last frame, and its hash.
    sequence: u64,
    hash: [u8; 32],
    /// A frame was written and is not synced.
    unsynced: Option<Unsynced>,
}

#[derive(Debug)]
struct Unsynced {
    length: u64,
    hash: [u8; 32],
}

/// Why a frame was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppendError {
    /// There was no room, and nothing of the frame is left.
    #[error("no space left on the device")]
    Full,
    /// It could not be begun, and nothing of it was written: it may be tried again.
    #[error("{0}")]
    Refused(io::Error),
    /// Nobody knows what is on the disk.
    #[error("{0}")]
    Failed(io::Error),
}

/// Why segments were not dropped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DropError {
    /// It is there still.
    #[error("{0}")]
    Remove(io::Error),
    /// Nobody knows which names the directory has on the disk.
    #[error("{0}")]
    Sync(io::Error),
}

/// Whether there was no room.
pub(crate) fn is_full(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl Journal {
    /// Makes the first segment of a new journal.
    pub(crate) fn create(directory: &Path, size: u64) -> io::Result<Self> {
        let folder = File::open(directory)?;
        let segment = Segment::create(directory, &folder, 1, size)?;
        let state = State { first: BTreeMap::new(), last: 0, used: 0, next: None, preparing: false };
        let segments = Arc::new(Segments::new(directory.into(), folder, size, state));
        Ok(Self { segments, segment, offset: BLOCK as u64, sequence: 0, hash: START, unsynced: None })
    }

    pub(crate) fn segments(&self) -> &Arc<Segments> {
        &self.segments
    }

    /// The number of the next frame and the hash it follows.
    pub(crate) fn next(&self) -> (u64, [u8; 32]) {
        (self.sequence + 1, self.hash)
    }

    /// Writes the next frame. It counts once [`Journal::sync`] has returned.
    pub(crate) fn append(&mut self, frame: &[u8], hash: [u8; 32]) -> Result<(), AppendError> {
        let length = frame.len() as u64;
        let leaves = self.segments.leave.load(Ordering::Relaxed);
        if self.offset > BLOCK as u64 && (self.offset + length > self.segments.size || leaves) {
            self.roll().map_err(|cause| match cause {
                cause if is_full(&cause) => AppendError::Full,
                cause if files::is_passing(&cause) => AppendError::Refused(cause),
                cause => AppendError::Failed(cause),
            })?;
        }
        if let Err(cause) = self.segment.write(frame, self.offset) {
            if !is_full(&cause) {
                return Err(AppendError::Failed(cause));
            }
            // A part of the frame may be there, even all that matters of it. It must not be found after a crash.
            self.segment.clear(self.offset).map_err(AppendError::Failed)?;
            return Err(AppendError::Full);
        }
        self.unsynced = Some(Unsynced { length, hash });
        Ok(())
    }

    /// Brings the frame that was appended to the disk. After an error nobody knows what is there: it is never tried again.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        let Some(Unsynced { length, hash }) = self.unsynced.take() else { return Ok(()) };
        self.segment.file.sync_data()?;
        self.offset += length;
        self.sequence += 1;
        self.hash = hash;
        let mut state = self.segments.state();
        state.first.entry(self.segment.ordinal).or_insert(self.sequence);
        state.last = self.sequence;
        state.used = self.offset;
        Ok(())
    }

    /// Goes on in the next segment.
    fn roll(&mut self) -> io::Result<()> {
        let ordinal = self.segment.ordinal + 1;
        let mut state = self.segments.state();
        while state.preparing {
            state = self.segments.prepared.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        self.segment = match state.next.take() {
            Some(next) if next.ordinal == ordinal => next,
            _ => {
                // Nobody else makes it, and nobody waits for it but the writer.
                state.preparing = true;
                drop(state);
                let made = Segment::create(&self.segments.directory, &self.segments.folder, ordinal, self.segments.size);
                state = self.segments.state();
                state.preparing = false;
                made?
            }
        };
        state.used = 0;
        self.segments.leave.store(false, Ordering::Relaxed);
        self.offset = BLOCK as u64;
        Ok(())
    }
}
