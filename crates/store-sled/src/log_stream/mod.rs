//! The log stream: what the journal's log entries become once the journal no longer needs to hold them.
//!
//! It stores, finds and drops sealed blocks of consecutive entries, in segments of their own with a retention of their own; it
//! looks into them only to read. The journal is the truth until [`LogStream::sync`] has returned: after a crash the tail that
//! is not whole is cut off, and the journal appends it again.
//!
//! One thread appends and syncs. Readers open the files for themselves and hold no lock while they read the disk.
//!
//! Architecture invariant: a segment exists only when every one before it is whole and synced, so that damage before the last
//! segment is never the trace of a crash.

mod block;
mod check;
mod frame;
mod open;
mod segment;
#[cfg(test)]
mod tests;

pub(crate) use block::{first_unchained, open_block, seal_block};
pub(crate) use check::Check;

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::SystemTime;

use store::sealing::Keyring;
use store::{LogRecord, StoreError};

use self::frame::{Bad, Frame};
use self::segment::{Progress, Segment};
use crate::files;

/// The log entries on disk.
#[derive(Debug)]
pub(crate) struct LogStream {
    directory: PathBuf,
    /// The directory, open: for syncing its names.
    folder: File,
    /// A segment is not begun to be filled further when it would become longer than this, in bytes.
    segment_bytes: u64,
    /// In order. Only the last one grows.
    segments: RwLock<Vec<Arc<Segment>>>,
    writer: Mutex<Writer>,
}

/// What only the thread that appends needs.
#[derive(Debug)]
struct Writer {
    /// The last segment.
    file: Option<File>,
    /// The last segment is damaged: what comes goes into a new one.
    begins_anew: bool,
    /// Whether something was appended since the last sync.
    dirty: bool,
    /// Why nothing more is appended: after a failure nobody knows what the disk holds.
    failed: Option<String>,
    /// What failed last may be tried again: there were too many files open, or no memory.
    may_try_again: bool,
}

/// One segment, for who decides which to drop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentInfo {
    /// Its first entry.
    pub(crate) first: u64,
    /// Its last entry; one less than the first: it has none yet.
    pub(crate) last: u64,
    /// The length of the file.
    pub(crate) bytes: u64,
    /// When it was written last, by the file system's clock.
    pub(crate) modified: SystemTime,
}

impl LogStream {
    /// The last entry that was appended; 0: there is none.
    pub(crate) fn end(&self) -> u64 {
        self.list().last().map_or(0, |segment| segment.progress().last)
    }

    /// The first entry that is kept; one more than [`LogStream::end`]: there is none.
    pub(crate) fn first(&self) -> u64 {
        self.list().first().map_or(1, |segment| segment.first)
    }

    /// Appends a sealed block of so many entries from `first` on. One that is there already is left as it is.
    ///
    /// It is durable when [`LogStream::sync`] has returned, and readers see it at once.
    ///
    /// # Errors
    /// [`StoreError::Full`]: there is no room for it, and it may be tried again. [`StoreError::Failed`] for a block that does
    /// not follow the last one, and when writing fails; after the latter every append is [`StoreError::ReadOnly`], unless
    /// [`LogStream::may_try_again`].
    pub(crate) fn append(&self, first: u64, count: u32, sealed: &[u8]) -> Result<(), StoreError> {
        let mut writer = self.writer();
        writer.usable()?;
        let end = self.end();
        let refused = |cause: String| {
            let what = format!("appending {count} log entries from {first} on");
            Err(StoreError::Failed { what, cause })
        };
        let Some(bytes) = frame::encode(first, count, sealed) else {
            return refused(format!("{} bytes are no sealed block of them", sealed.len()));
        };
        let last = first + u64::from(count) - 1;
        if last <= end {
            return Ok(());
        }
        if first != end + 1 {
            return refused(format!("the log stream ends with entry {end}"));
        }
        let segment = self.segment_for(&mut writer, first, bytes.len() as u64)?;
        let offset = segment.progress().bytes;
        let Writer { file: Some(file), .. } = &*writer else {
            return refused("there is no segment to append to".into());
        };
        // At an offset: what a failed attempt left behind is written over by the next one, and cut off by the next start.
        if let Err(cause) = file.write_all_at(&bytes, offset) {
            return Err(writer.fail("appending to", &segment.path, &cause));
        }
        writer.dirty = true;
        segment.progress().extend(first, last, bytes.len() as u64);
        Ok(())
    }

    /// Whether what failed last did so for a cause that is over by itself.
    pub(crate) fn may_try_again(&self) -> bool {
        self.writer().may_try_again
    }

    /// Makes everything that was appended durable.
    ///
    /// # Errors
    /// [`StoreError::Failed`], and from then on [`StoreError::ReadOnly`]: a sync that failed is never tried again.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        let mut writer = self.writer();
        writer.usable()?;
        writer.sync(&self.directory)
    }

    /// Reads at most `limit` entries from a sequence number on, or from the first one that is kept. Fewer only at the end.
    /// The caller verifies the chain.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] names the file and the offset; [`StoreError::NewerFormat`]; [`StoreError::Failed`].
    pub(crate) fn read(&self, from: u64, limit: usize, keyring: &Keyring) -> Result<Vec<LogRecord>, StoreError> {
        let mut records = Vec::new();
        let mut next = from.max(1);
        while records.len() < limit {
            let Some(segment) = self.locate(next) else { break };
            // What follows was dropped in the meantime: so was what was read so far, and the answer has no gap.
            if segment.first > next {
                records.clear();
            }
            next = next.max(segment.first);
            if segment.progress().last < next {
                break;
            }
            match read_segment(&segment, next, limit, keyring, &mut records) {
                Ok(()) => next = records.last().map_or(next, |record| record.sequence + 1),
                // It was dropped before it could be opened.
                Err(_) if self.first() > segment.first => {}
                Err(error) => return Err(error),
            }
        }
        Ok(records)
    }

    /// What there is, in order.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub(crate) fn segments(&self) -> Result<Vec<SegmentInfo>, StoreError> {
        let segments = self.list().clone();
        let mut found = Vec::with_capacity(segments.len());
        for segment in segments {
            match fs::metadata(&segment.path).and_then(|metadata| Ok((metadata.len(), metadata.modified()?))) {
                Ok((bytes, modified)) => {
                    found.push(SegmentInfo { first: segment.first, last: segment.progress().last, bytes, modified });
                }
                // Dropped in the meantime.
                Err(_) if self.first() > segment.first => {}
                Err(cause) => return Err(segment::error(&segment.path, 0, Bad::Io(cause))),
            }
        }
        Ok(found)
    }

    /// Removes the segments that end before an entry, the oldest first, but never the last one. Returns how many.
    ///
    /// # Errors
    /// [`StoreError::Failed`]. What was not removed is kept, with all that is behind it.
    pub(crate) fn drop_before(&self, sequence: u64) -> Result<usize, StoreError> {
        // One at a time: one that cannot be removed must not be overtaken by the next.
        let _writer = self.writer();
        let mut dropped = 0;
        loop {
            let oldest = match &mut *self.list_to_change() {
                segments if segments.len() > 1 && segments[1].first <= sequence => segments.remove(0),
                _ => return Ok(dropped),
            };
            // Synced one by one: a power cut must not leave a gap, whatever order the file system writes in.
            match fs::remove_file(&oldest.path) {
                Ok(()) => {}
                Err(cause) if cause.kind() == ErrorKind::NotFound => {}
                Err(cause) => {
                    let error = failed("removing", &oldest.path, &cause);
                    // It is there still, and nothing behind it goes before it does.
                    self.list_to_change().insert(0, oldest);
                    return Err(error);
                }
            }
            self.folder.sync_all().map_err(|cause| failed("removing", &oldest.path, &cause))?;
            dropped += 1;
        }
    }

    /// The segment that a frame of this length goes to: the last one, or a new one.
    fn segment_for(&self, writer: &mut Writer, first: u64, length: u64) -> Result<Arc<Segment>, StoreError> {
        let last = self.list().last().cloned();
        if let Some(segment) = last {
            let bytes = segment.progress().bytes;
            let has_room = bytes == frame::HEADER as u64 || bytes + length <= self.segment_bytes;
            if has_room && !writer.begins_anew {
                return Ok(segment);
            }
            // Before the next one exists this one is whole: see the invariant above.
            writer.sync(&self.directory)?;
        }
        let segment = Arc::new(Segment::new(&self.directory, first, Progress::empty(first)));
        writer.file = Some(self.create(writer, &segment)?);
        writer.begins_anew = false;
        self.list_to_change().push(Arc::clone(&segment));
        Ok(segment)
    }

    /// Makes the file of a new segment, whole or not at all.
    fn create(&self, writer: &mut Writer, segment: &Segment) -> Result<File, StoreError> {
        let new = segment.path.with_extension("new");
        let mut failed = |cause: io::Error| writer.fail("making", &segment.path, &cause);
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(true).write(true).mode(0o600).open(&new);
        let mut file = file.map_err(&mut failed)?;
        file.write_all(&frame::encode_header(segment.first)).map_err(&mut failed)?;
        file.sync_all().map_err(unretried).map_err(&mut failed)?;
        fs::rename(&new, &segment.path).map_err(&mut failed)?;
        self.folder.sync_all().map_err(unretried).map_err(&mut failed)?;
        Ok(file)
    }

    /// The segment that holds an entry, or the oldest if it is older; `None`: there are none.
    fn locate(&self, sequence: u64) -> Option<Arc<Segment>> {
        let segments = self.list();
        let position = segments.partition_point(|segment| segment.first <= sequence).saturating_sub(1);
        segments.get(position).cloned()
    }

    fn list(&self) -> RwLockReadGuard<'_, Vec<Arc<Segment>>> {
        self.segments.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn list_to_change(&self) -> RwLockWriteGuard<'_, Vec<Arc<Segment>>> {
        self.segments.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    fn usable(&mut self) -> Result<(), StoreError> {
        self.may_try_again = false;
        self.failed.as_ref().map_or(Ok(()), |cause| Err(StoreError::ReadOnly(cause.clone())))
    }

    fn sync(&mut self, directory: &Path) -> Result<(), StoreError> {
        if self.dirty
            && let Some(file) = &self.file
        {
            let synced = file.sync_data().map_err(unretried);
            synced.map_err(|cause| self.fail("syncing the last segment of", directory, &cause))?;
        }
        self.dirty = false;
        Ok(())
    }

    /// Takes note of a failure. A full disk is forgiven, and what is over by itself: nothing that counts was written.
    fn fail(&mut self, what: &str, path: &Path, cause: &io::Error) -> StoreError {
        if is_full(cause) {
            return StoreError::Full;
        }
        let error = failed(what, path, cause);
        if files::is_passing(cause) {
            self.may_try_again = true;
            return error;
        }
        self.failed.get_or_insert_with(|| error.to_string());
        error
    }
}

/// Reads from one segment on, up to its end.
fn read_segment(
    segment: &Segment,
    from: u64,
    limit: usize,
    keyring: &Keyring,
    records: &mut Vec<LogRecord>,
) -> Result<(), StoreError> {
    let mut reader = segment.reader(from)?;
    let mut sealed = Vec::new();
    while records.len() < limit {
        let offset = reader.offset;
        let Some(frame) = reader.next_prefix().map_err(|bad| reader.error(offset, bad))? else { break };
        if frame.last < from {
            reader.skip(&frame).map_err(|bad| reader.error(offset, bad))?;
            continue;
        }
        reader.sealed(&frame, &mut sealed).map_err(|bad| reader.error(offset, bad))?;
        let opened = open_block(keyring, frame.first, frame.count(), &sealed);
        let opened = opened.map_err(|cause| damaged_block(segment, offset, &frame, &cause))?;
        let wanted = opened.into_iter().skip_while(|record| record.sequence < from);
        records.extend(wanted.take(limit - records.len()));
    }
    Ok(())
}

fn damaged_block(segment: &Segment, offset: u64, frame: &Frame, cause: &impl ToString) -> StoreError {
    let what =
        format!("the block of log entries {} to {} in {} at byte {offset}", frame.first, frame.last, segment.path.display());
    StoreError::Damaged { what, cause: cause.to_string() }
}

fn failed(what: &str, path: &Path, cause: &io::Error) -> StoreError {
    StoreError::Failed { what: format!("{what} {}", path.display()), cause: cause.to_string() }
}

fn is_full(cause: &io::Error) -> bool {
    matches!(cause.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// An error of a sync, which counts as a failure even if the cause is a full disk.
fn unretried(cause: io::Error) -> io::Error {
    if is_full(&cause) { io::Error::other(cause) } else { files::final_error(cause) }
}
