//! Reading everything, for `kmipd db check`.

use std::fs::{self, File};
use std::path::Path;
use std::sync::{Arc, Mutex, RwLock};

use store::log::LogEnd;
use store::sealing::Keyring;
use store::{LogRecord, StoreError};

use super::frame::{Bad, Frame};
use super::segment::{self, FrameReader, Progress, Segment};
use super::{LogStream, Writer, damaged_block, failed, first_unchained, open_block};

/// How many damages are reported one by one.
const MAX_REPORTS: usize = 1000;

/// What a check found.
#[derive(Debug, Default)]
pub(crate) struct Check {
    /// How many segments were read.
    pub(crate) segments: usize,
    /// How many entries are as they were written.
    pub(crate) entries: u64,
    /// Each damage by file and offset, in order; the first thousand of them.
    pub(crate) damages: Vec<StoreError>,
    /// How many there are.
    pub(crate) damaged: u64,
    /// The last entry and its hash, if the last block is as it was written.
    pub(crate) end: Option<LogEnd>,
}

/// What follows the last whole frame of the log stream.
#[derive(Debug)]
pub(crate) struct Torn {
    /// What is wrong there, and where.
    pub(crate) error: StoreError,
    /// How many bytes there are.
    pub(crate) bytes: u64,
}

impl Check {
    fn report(&mut self, error: StoreError) {
        self.damaged += 1;
        if self.damages.len() < MAX_REPORTS {
            self.damages.push(error);
        }
    }
}

impl LogStream {
    /// The log stream of a directory as it lies there: nothing is made, written or cut off. What follows its last whole frame
    /// is told. Entries up to `durable` have left the journal: what is damaged of them is damage, whatever follows.
    ///
    /// # Errors
    /// [`StoreError`]: it cannot be read at all.
    pub(crate) fn examine(directory: &Path, durable: u64) -> Result<(Self, Option<Torn>), StoreError> {
        let mut firsts = Vec::new();
        let entries = fs::read_dir(directory).map_err(|cause| match cause.kind() {
            std::io::ErrorKind::NotFound => {
                StoreError::Damaged { what: format!("the log stream in {}", directory.display()), cause: "it is missing".into() }
            }
            _ => failed("examining", directory, &cause),
        })?;
        for entry in entries {
            let name = entry.map_err(|cause| failed("examining", directory, &cause))?.file_name();
            firsts.extend(name.to_str().and_then(segment::first_of));
        }
        firsts.sort_unstable();
        let mut segments = Vec::with_capacity(firsts.len());
        let mut torn = None;
        for (at, first) in firsts.iter().enumerate() {
            let segment = Segment::new(directory, *first, Progress::empty(*first));
            let bytes = fs::metadata(&segment.path).map_err(|cause| failed("examining", &segment.path, &cause))?.len();
            match firsts.get(at + 1) {
                Some(next) => *segment.progress() = Progress::unread(bytes, next - 1),
                None => torn = find_end(&segment, bytes, durable)?,
            }
            segments.push(Arc::new(segment));
        }
        let writer = Writer {
            file: None,
            begins_anew: false,
            dirty: false,
            failed: Some("it is only looked at".into()),
            may_try_again: false,
        };
        let folder = File::open(directory).map_err(|cause| failed("opening", directory, &cause))?;
        let log = Self {
            directory: directory.into(),
            folder,
            segment_bytes: 0,
            segments: RwLock::new(segments),
            writer: Mutex::new(writer),
        };
        Ok((log, torn))
    }

    /// Reads every block, opens it and follows the chain. Damage is reported and passed over. `read` is told how many bytes
    /// were read since it was told last.
    ///
    /// # Errors
    /// [`StoreError::Failed`]: reading itself failed.
    pub(crate) fn check(&self, keyring: &Keyring, read: &mut dyn FnMut(u64)) -> Result<Check, StoreError> {
        let mut check = Check::default();
        // The end of what was read, while its hash is known.
        let mut chain = (self.first() == 1).then_some(LogEnd::EMPTY);
        let segments = self.list().clone();
        for segment in segments {
            match check_segment(&segment, keyring, &mut chain, &mut check, read) {
                Ok(()) => check.segments += 1,
                // Dropped in the meantime.
                Err(_) if self.first() > segment.first => chain = None,
                Err(error @ StoreError::Failed { .. }) => return Err(error),
                Err(error) => {
                    check.report(error);
                    chain = None;
                }
            }
        }
        check.end = chain;
        Ok(check)
    }
}

/// Finds where the whole frames of the last segment end, and takes note of it.
fn find_end(segment: &Segment, length: u64, durable: u64) -> Result<Option<Torn>, StoreError> {
    *segment.progress() = Progress::unread(length, u64::MAX);
    let mut reader = segment.reader_of_all()?;
    let mut progress = Progress::empty(segment.first);
    let mut sealed = Vec::new();
    let mut torn = None;
    while reader.offset < length {
        let offset = reader.offset;
        match next(&mut reader, &mut sealed) {
            Ok(Some(frame)) => progress.extend(frame.first, frame.last, frame.length()),
            Ok(None) => break,
            Err(bad @ Bad::Io(_)) => return Err(reader.error(offset, bad)),
            Err(bad) => {
                let error = reader.error(offset, bad);
                // What the journal no longer has is reported as damage when all is read. The rest is cut off at the next start.
                if reader.expected <= durable && reader.resume()? {
                    progress.pass_over(reader.expected, reader.offset);
                } else {
                    torn = Some(Torn { error, bytes: length - offset });
                    break;
                }
            }
        }
    }
    *segment.progress() = progress;
    Ok(torn)
}

/// Checks one segment; an error says that it cannot be read at all.
fn check_segment(
    segment: &Segment,
    keyring: &Keyring,
    chain: &mut Option<LogEnd>,
    check: &mut Check,
    read: &mut dyn FnMut(u64),
) -> Result<(), StoreError> {
    let mut reader = segment.reader_of_all()?;
    let last = segment.progress().last;
    let mut sealed = Vec::new();
    loop {
        let offset = reader.offset;
        match next(&mut reader, &mut sealed) {
            Ok(None) => return Ok(()),
            Ok(Some(frame)) => match open_block(keyring, frame.first, frame.count(), &sealed) {
                Ok(records) => follow(segment, offset, &frame, &records, chain, check),
                Err(cause) => {
                    check.report(damaged_block(segment, offset, &frame, &cause));
                    *chain = None;
                }
            },
            Err(bad) => {
                let missing = reader.expected;
                let error = reader.error(offset, bad);
                if matches!(error, StoreError::Failed { .. }) {
                    return Err(error);
                }
                let resumed = reader.resume()?;
                check.report(unreadable(error, missing, if resumed { reader.expected - 1 } else { last }));
                *chain = None;
                if !resumed {
                    return Ok(());
                }
            }
        }
        read(reader.offset - offset);
    }
}

fn next(reader: &mut FrameReader, sealed: &mut Vec<u8>) -> Result<Option<Frame>, Bad> {
    let Some(frame) = reader.next_prefix()? else { return Ok(None) };
    reader.sealed(&frame, sealed)?;
    Ok(Some(frame))
}

/// Follows the chain through the records of a block; where its beginning is not known, it begins with the first of them.
fn follow(segment: &Segment, offset: u64, frame: &Frame, records: &[LogRecord], chain: &mut Option<LogEnd>, check: &mut Check) {
    let end_of = |record: &LogRecord| LogEnd { sequence: record.sequence, hash: record.hash };
    let (mut end, rest) = match (chain.take(), records) {
        (Some(end), _) => (end, records),
        (None, [first, rest @ ..]) => (end_of(first), rest),
        (None, []) => return,
    };
    if let Some(sequence) = first_unchained(&mut end, rest) {
        let cause = format!("log entry {sequence} does not follow the entry before it");
        check.report(damaged_block(segment, offset, frame, &cause));
    } else {
        check.entries += records.len() as u64;
    }
    *chain = records.last().map(end_of);
}

fn unreadable(error: StoreError, first: u64, last: u64) -> StoreError {
    match error {
        StoreError::Damaged { what, cause } if first <= last => {
            StoreError::Damaged { what, cause: format!("{cause}; log entries {first} to {last} cannot be read") }
        }
        other => other,
    }
}
