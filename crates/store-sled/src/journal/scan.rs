//! Reading the journal: when a store opens, when sled is made again, and when everything is checked.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use store::sealing::Keyring;

use super::frame::{self, Found, HEADER};
use super::segment::{self, BadHeader, Segment};
use super::{BLOCK, Frame, Journal, MAX_FRAME, START, Segments, State};
use crate::open::OpenError;

/// No segment is longer: one that is larger than usual holds one frame.
const MAX_SEGMENT: u64 = 2 * MAX_FRAME as u64;

/// So much of a segment is read for the frame it begins with, in bytes.
const FIRST: u64 = 256 << 10;

/// What is known before the frames are read.
#[derive(Debug)]
pub(crate) struct Opened {
    directory: std::path::PathBuf,
    ordinals: Vec<u64>,
    /// By ordinal: the sequence of the first frame, of segments that have one. Not authenticated yet.
    first: BTreeMap<u64, u64>,
}

/// Where the frames end.
#[derive(Debug)]
pub(crate) struct End {
    /// The last frame and its hash; 0 and zeros: there is none.
    pub(crate) sequence: u64,
    pub(crate) hash: [u8; 32],
    ordinal: u64,
    offset: u64,
    /// Where the last frame is: segment, offset and length.
    last: Option<(u64, u64, u64)>,
    /// How many bytes follow the last frame that are no frame: a write that was cut off.
    pub(crate) torn: u64,
    /// What is damaged of what was read, and nobody needs.
    pub(crate) needless: Vec<Needless>,
}

/// Damaged bytes that tell nothing: they are written anew.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Needless {
    /// The header of a segment.
    Header(u64),
    /// What follows the last frame of a segment that others follow, from an offset on: it was zeros.
    Unused(u64, u64),
}

impl Needless {
    /// Which segment it is in, and what it is.
    pub(crate) fn describe(self, directory: &Path) -> (String, String) {
        let (ordinal, what) = match self {
            Self::Header(ordinal) => (ordinal, "its header is damaged, and tells nothing that is needed".to_owned()),
            Self::Unused(ordinal, offset) => (ordinal, format!("its unused bytes, from byte {offset} on, are no longer zeros")),
        };
        (format!("the journal segment {}", segment::path(directory, ordinal).display()), what)
    }
}

/// Finds the segments of a journal and the frame each begins with. What an interruption left is taken away.
pub(crate) fn open(directory: &Path) -> Result<Opened, OpenError> {
    let failed = |cause: io::Error| OpenError::failed(format!("reading the journal in {}", directory.display()), cause);
    segment::remove_unfinished(directory).map_err(failed)?;
    look(directory)
}

/// Finds the segments of a journal and the frame each begins with, and changes nothing.
pub(crate) fn look(directory: &Path) -> Result<Opened, OpenError> {
    let failed = |cause: io::Error| OpenError::failed(format!("reading the journal in {}", directory.display()), cause);
    let ordinals = segment::list(directory).map_err(failed)?;
    for pair in ordinals.windows(2) {
        if pair[1] != pair[0] + 1 {
            return Err(OpenError::Damaged {
                what: "the journal".into(),
                cause: format!("segment {:016x} is missing", pair[0] + 1),
            });
        }
    }
    if ordinals.is_empty() {
        return Err(OpenError::Damaged { what: "the journal".into(), cause: "it has no segments".into() });
    }
    let mut first = BTreeMap::new();
    for ordinal in &ordinals {
        let file = File::open(segment::path(directory, *ordinal)).map_err(failed)?;
        let mut header = [0; HEADER];
        match file.read_exact_at(&mut header, BLOCK as u64) {
            Ok(()) if header[..4] != [0; 4] => {
                let mut sequence = [0; 8];
                sequence.copy_from_slice(&header[12..20]);
                first.insert(*ordinal, u64::from_be_bytes(sequence));
            }
            Ok(()) => {}
            Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(cause) => return Err(failed(cause)),
        }
    }
    Ok(Opened { directory: directory.into(), ordinals, first })
}

impl Opened {
    /// The first frame that is there; `None`: there is none.
    pub(crate) fn first(&self) -> Option<u64> {
        self.first.first_key_value().map(|(_, first)| *first)
    }

    /// The last log entry before the first frame; 0: the journal has all, or is empty.
    pub(crate) fn log_before(&self, keyring: &Keyring) -> Result<u64, OpenError> {
        let Some((ordinal, first)) = self.first.first_key_value().filter(|(_, first)| **first > 1) else { return Ok(0) };
        // Most frames are short. One that is not whole in the first part of the segment is looked for in all of it.
        let (mut bytes, _) = load(&self.directory, *ordinal, FIRST)?;
        if !matches!(frame::look(bytes.get(BLOCK..).unwrap_or_default()), Found::Whole { .. }) {
            (bytes, _) = load(&self.directory, *ordinal, MAX_SEGMENT)?;
        }
        let Found::Whole { bytes, .. } = frame::look(bytes.get(BLOCK..).unwrap_or_default()) else {
            // Reading it says what is wrong, if it is needed at all.
            return Ok(0);
        };
        let frame = frame::decode(keyring, bytes);
        let frame = frame.map_err(|cause| OpenError::Damaged { what: format!("frame {first} of the journal"), cause })?;
        Ok(frame.log.map_or(frame.head.log.sequence, |log| log.first - 1))
    }

    /// Reads the frames from the segment on that has a given one, or from the first, up to another, and shows each to a
    /// visitor.
    ///
    /// A torn end is no error: [`End::torn`] tells. Damage in front of whole frames is one, and so is an end before a frame
    /// that is known to have been durable.
    pub(crate) fn read(
        &self,
        keyring: &Keyring,
        from: u64,
        until: u64,
        durable: u64,
        visitor: impl FnMut(Frame) -> Result<(), OpenError>,
    ) -> Result<End, OpenError> {
        let start = self.first.iter().rev().find(|(_, first)| **first <= from).or(self.first.first_key_value());
        let start = start.map_or(self.ordinals[0], |(ordinal, _)| *ordinal);
        let ordinals: Vec<u64> = self.ordinals.iter().copied().filter(|ordinal| *ordinal >= start).collect();
        let mut reading = Reading {
            directory: &self.directory,
            keyring,
            until,
            durable,
            visitor,
            last: None,
            last_at: None,
            end: None,
            needless: Vec::new(),
        };
        for (at, ordinal) in ordinals.iter().enumerate() {
            if !reading.segment(*ordinal, &ordinals[at + 1..])? {
                break;
            }
        }
        let (ordinal, offset, torn) = reading.end.unwrap_or((start, BLOCK as u64, 0));
        let (sequence, hash) = reading.last.unwrap_or((0, START));
        if sequence < durable {
            let cause = format!("it ends with frame {sequence}, and frame {durable} was durable already");
            return Err(OpenError::Damaged { what: "the journal".into(), cause });
        }
        Ok(End { sequence, hash, ordinal, offset, last: reading.last_at, torn, needless: reading.needless })
    }

    /// Goes on writing where the frames end. What is left of a write that was cut off is cleared first.
    pub(crate) fn resume(self, end: &End, size: u64) -> Result<Journal, OpenError> {
        let name = segment::path(&self.directory, end.ordinal).display().to_string();
        let failed = |cause: io::Error| OpenError::failed(format!("opening the journal segment {name}"), cause);
        // A segment that was made and is about to be used must keep its name.
        let folder = File::open(&self.directory).map_err(failed)?;
        folder.sync_all().map_err(failed)?;
        for needless in end.needless.iter().copied() {
            let (segment, damage) = needless.describe(&self.directory);
            tracing::error!(%segment, %damage, "nothing of it is needed; it is written anew");
            match needless {
                // One that has no frame yet is made again below.
                Needless::Header(ordinal) if ordinal > end.ordinal => Ok(()),
                Needless::Header(ordinal) => Segment::open(&self.directory, ordinal).and_then(|segment| segment.write_header()),
                Needless::Unused(ordinal, offset) => {
                    Segment::open(&self.directory, ordinal).and_then(|segment| segment.clear(offset))
                }
            }
            .map_err(failed)?;
        }
        let segment = Segment::open(&self.directory, end.ordinal).map_err(failed)?;
        if end.torn > 0 {
            tracing::warn!(
                segment = %name, offset = end.offset, bytes = end.torn, frame = end.sequence + 1,
                "the journal ends in a write that was cut off and never acknowledged; it is removed"
            );
            segment.clear(end.offset).map_err(failed)?;
        }
        // It may have been written and never synced, or its sync have failed, after which the operating system shows bytes that
        // the disk does not have. It is about to be visible: it is brought to the disk now. All before it are there.
        if let Some((ordinal, offset, length)) = end.last {
            let segment = Segment::open(&self.directory, ordinal).map_err(failed)?;
            let mut frame = vec![0; length as usize];
            // The padding of a frame that was cut off behind its last byte is zeros.
            let read = segment.file.metadata().map_err(failed)?.len().saturating_sub(offset).min(length) as usize;
            segment.file.read_exact_at(&mut frame[..read], offset).map_err(failed)?;
            segment.file.write_all_at(&frame, offset).map_err(failed)?;
            segment.file.sync_all().map_err(failed)?;
        }
        // What was made ahead is used; anything later was never written to.
        let mut next = None;
        for ordinal in self.ordinals.iter().copied().filter(|ordinal| *ordinal > end.ordinal) {
            let is_bad = segment::is_bad(&self.directory, ordinal).map_err(failed)?;
            let segment = match is_bad {
                true => Segment::create(&self.directory, &folder, ordinal, size),
                false => Segment::open(&self.directory, ordinal),
            };
            let segment = segment.map_err(failed)?;
            if end.torn > 0 {
                segment.clear(BLOCK as u64).map_err(failed)?;
            }
            if next.is_none() {
                next = Some(segment);
            }
        }
        let first = self.first.into_iter().filter(|(ordinal, first)| *ordinal <= end.ordinal && *first <= end.sequence).collect();
        let state = State { first, last: end.sequence, used: end.offset, next, preparing: false };
        let segments = Arc::new(Segments::new(self.directory, folder, size, state));
        Ok(Journal { segments, segment, offset: end.offset, sequence: end.sequence, hash: end.hash, unsynced: None })
    }
}

struct Reading<'a, V> {
    directory: &'a Path,
    keyring: &'a Keyring,
    until: u64,
    durable: u64,
    visitor: V,
    /// The last frame and its hash.
    last: Option<(u64, [u8; 32])>,
    /// Segment, offset and length of it.
    last_at: Option<(u64, u64, u64)>,
    /// Segment and offset behind it, and what follows there.
    end: Option<(u64, u64, u64)>,
    needless: Vec<Needless>,
}

impl<V: FnMut(Frame) -> Result<(), OpenError>> Reading<'_, V> {
    /// Reads a segment. Returns whether frames may follow in later ones.
    fn segment(&mut self, ordinal: u64, later: &[u64]) -> Result<bool, OpenError> {
        let (bytes, has_header) = load(self.directory, ordinal, MAX_SEGMENT)?;
        if !has_header {
            self.needless.push(Needless::Header(ordinal));
        }
        let mut offset = BLOCK;
        loop {
            let rest = bytes.get(offset..).unwrap_or_default();
            let what = match frame::look(rest) {
                Found::Whole { sequence, bytes: whole, length } => {
                    match self.last {
                        Some((last, _)) if sequence != last + 1 => {
                            return Err(self.damaged(ordinal, offset, format!("frame {sequence} follows frame {last}")));
                        }
                        _ => {}
                    }
                    let frame = match frame::decode(self.keyring, whole) {
                        Ok(frame) => frame,
                        Err(cause) => return Err(self.damaged(ordinal, offset, format!("frame {sequence}: {cause}"))),
                    };
                    if self.last.is_some_and(|(_, hash)| hash != frame.previous) {
                        return Err(self.damaged(ordinal, offset, format!("frame {sequence} does not follow the one before it")));
                    }
                    self.last = Some((frame.sequence, frame.hash));
                    self.last_at = Some((ordinal, offset as u64, length as u64));
                    offset += length;
                    self.end = Some((ordinal, offset as u64, 0));
                    (self.visitor)(frame)?;
                    if sequence >= self.until {
                        // What follows is being written, perhaps.
                        return Ok(false);
                    }
                    continue;
                }
                Found::Nothing if rest.iter().all(|byte| *byte == 0) => {
                    // Later segments go on, or were made ahead.
                    return Ok(true);
                }
                Found::Nothing => "it is missing",
                Found::Broken(what) => what,
            };
            if let Some(next) = later.first()
                && self.goes_on_in(*next)?
            {
                self.needless.push(Needless::Unused(ordinal, offset as u64));
                return Ok(true);
            }
            let expected = self.last.map(|(last, _)| last + 1);
            let name = expected.map_or("the first frame".into(), |expected| format!("frame {expected}"));
            if let Some(sequence) = self.later_frame(&bytes, offset, later)? {
                let cause = format!("{name}: {what}, and frame {sequence} behind it is whole");
                return Err(self.damaged(ordinal, offset, cause));
            }
            if expected.is_none_or(|expected| expected <= self.durable) && self.durable > 0 {
                return Err(self.damaged(ordinal, offset, format!("{name}: {what}, and it was durable already")));
            }
            let torn = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1);
            self.end = Some((ordinal, offset as u64, torn));
            return Ok(false);
        }
    }

    /// Whether a segment begins with the frame that follows the last one: then nothing is missing between them.
    fn goes_on_in(&self, ordinal: u64) -> Result<bool, OpenError> {
        let Some((last, hash)) = self.last else { return Ok(false) };
        let (bytes, _) = load(self.directory, ordinal, MAX_SEGMENT)?;
        Ok(match frame::look(bytes.get(BLOCK..).unwrap_or_default()) {
            Found::Whole { sequence, bytes, .. } if sequence == last + 1 => {
                frame::decode(self.keyring, bytes).is_ok_and(|frame| frame.previous == hash)
            }
            _ => false,
        })
    }

    /// The sequence of a whole frame behind a place that holds none.
    fn later_frame(&self, bytes: &[u8], offset: usize, later: &[u64]) -> Result<Option<u64>, OpenError> {
        let behind = |bytes: &[u8], offset: usize| {
            (offset..bytes.len()).step_by(BLOCK).find_map(|at| match frame::look(&bytes[at..]) {
                Found::Whole { sequence, bytes, .. } if frame::decode(self.keyring, bytes).is_ok() => Some(sequence),
                _ => None,
            })
        };
        if let Some(found) = behind(bytes, offset + BLOCK) {
            return Ok(Some(found));
        }
        for ordinal in later {
            if let Some(found) = behind(&load(self.directory, *ordinal, MAX_SEGMENT)?.0, BLOCK) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn damaged(&self, ordinal: u64, offset: usize, cause: String) -> OpenError {
        let path = segment::path(self.directory, ordinal);
        OpenError::Damaged { what: format!("the journal segment {}, at byte {offset}", path.display()), cause }
    }
}

/// Reads so much of a segment, or all of it, and checks its header: whether it is as it was written. Without it, the frames
/// still tell that they are the right ones.
fn load(directory: &Path, ordinal: u64, limit: u64) -> Result<(Vec<u8>, bool), OpenError> {
    let path = segment::path(directory, ordinal);
    let name = || format!("the journal segment {}", path.display());
    let failed = |cause: io::Error| OpenError::failed(format!("reading {}", name()), cause);
    let length = fs::metadata(&path).map_err(failed)?.len();
    if length > MAX_SEGMENT {
        return Err(OpenError::Damaged { what: name(), cause: format!("it has {length} bytes, more than any segment") });
    }
    let mut bytes = vec![0; length.min(limit) as usize];
    File::open(&path).and_then(|file| file.read_exact_at(&mut bytes, 0)).map_err(failed)?;
    match segment::check_header(&bytes, ordinal) {
        Ok(()) => Ok((bytes, true)),
        Err(BadHeader::Damaged) => Ok((bytes, false)),
        Err(BadHeader::Newer(format)) => Err(OpenError::NewerFormat { what: name(), cause: format!("it has format {format}") }),
        Err(BadHeader::Foreign) => {
            Err(OpenError::Damaged { what: name(), cause: "its header is the one of another segment".into() })
        }
    }
}
