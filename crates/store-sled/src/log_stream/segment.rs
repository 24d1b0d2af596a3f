//! One file of the log stream, and a reader that goes through its frames.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use store::StoreError;

use super::frame::{self, Bad, Frame};

/// How far apart the marks are that a reader can begin at, in bytes.
const STRIDE: u64 = 256 << 10;

/// One file, its frames and where they are.
#[derive(Debug)]
pub(super) struct Segment {
    /// The first sequence number, which is also the name.
    pub(super) first: u64,
    pub(super) path: PathBuf,
    progress: Mutex<Progress>,
}

/// How far a segment reaches.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    /// The length of what is whole.
    pub(super) bytes: u64,
    /// The last entry; one less than the first of the segment: there is none yet.
    pub(super) last: u64,
    /// Where some frames begin, in order; `None`: nobody has looked yet.
    marks: Option<Vec<Mark>>,
}

/// Where a frame begins, and with which entry.
#[derive(Clone, Copy, Debug)]
struct Mark {
    sequence: u64,
    offset: u64,
}

impl Progress {
    pub(super) fn empty(first: u64) -> Self {
        Self { bytes: frame::HEADER as u64, last: first - 1, marks: Some(Vec::new()) }
    }

    /// A segment that was there before, in which nobody has looked yet.
    pub(super) fn unread(bytes: u64, last: u64) -> Self {
        Self { bytes, last, marks: None }
    }

    /// Takes note of a frame at the end, of so many bytes.
    pub(super) fn extend(&mut self, first: u64, last: u64, length: u64) {
        note(self.marks.get_or_insert_default(), first, self.bytes);
        self.bytes += length;
        self.last = last;
    }
}

impl Progress {
    /// Passes over what is damaged, up to a whole frame behind it, which a reader can begin at.
    pub(super) fn pass_over(&mut self, first: u64, offset: u64) {
        self.bytes = offset;
        self.last = first - 1;
        self.marks.get_or_insert_default().push(Mark { sequence: first, offset });
    }
}

fn note(marks: &mut Vec<Mark>, sequence: u64, offset: u64) {
    if marks.last().is_none_or(|mark| offset - mark.offset >= STRIDE) {
        marks.push(Mark { sequence, offset });
    }
}

impl Segment {
    pub(super) fn new(directory: &Path, first: u64, progress: Progress) -> Self {
        Self { first, path: directory.join(name(first)), progress: Mutex::new(progress) }
    }

    pub(super) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A reader that begins at or before an entry. The first time, it goes through the segment to find where its frames are.
    pub(super) fn reader(&self, sequence: u64) -> Result<FrameReader, StoreError> {
        let Progress { bytes, last, marks } = self.progress().clone();
        let marks = match marks {
            Some(marks) => marks,
            None => {
                let marks = self.look(bytes, last)?;
                self.progress().marks.get_or_insert_with(|| marks.clone());
                marks
            }
        };
        let position = marks.partition_point(|mark| mark.sequence <= sequence).checked_sub(1);
        let start = position.map_or(Mark { sequence: self.first, offset: frame::HEADER as u64 }, |position| marks[position]);
        FrameReader::open(self, start, bytes, last)
    }

    /// A reader from the header on.
    pub(super) fn reader_of_all(&self) -> Result<FrameReader, StoreError> {
        let Progress { bytes, last, .. } = self.progress().clone();
        FrameReader::open(self, Mark { sequence: self.first, offset: frame::HEADER as u64 }, bytes, last)
    }

    /// Where frames begin. Who reads from before a damaged one meets it, who begins behind it does not.
    fn look(&self, bytes: u64, last: u64) -> Result<Vec<Mark>, StoreError> {
        let mut reader = FrameReader::open(self, Mark { sequence: self.first, offset: frame::HEADER as u64 }, bytes, last)?;
        let mut marks = Vec::new();
        loop {
            let offset = reader.offset;
            match reader.next_prefix() {
                Ok(Some(frame)) if reader.skip(&frame).is_ok() => note(&mut marks, frame.first, offset),
                Ok(None) => return Ok(marks),
                // What is behind the damage can be read from there.
                _ => match reader.resume() {
                    Ok(true) => marks.push(Mark { sequence: reader.expected, offset: reader.offset }),
                    _ => return Ok(marks),
                },
            }
        }
    }
}

/// An error about a file of the log stream.
pub(super) fn error(path: &Path, offset: u64, bad: Bad) -> StoreError {
    let path = path.display();
    match bad {
        Bad::Io(cause) => StoreError::Failed { what: format!("reading {path} at byte {offset}"), cause: cause.to_string() },
        Bad::NewerFormat(format) => {
            StoreError::NewerFormat(format!("{path} has format {format}, and this release reads format {}", frame::FORMAT))
        }
        Bad::Damaged(cause) => StoreError::Damaged { what: format!("{path} at byte {offset}"), cause: cause.into() },
    }
}

/// Goes through the frames of a segment, each of which must follow the one before.
#[derive(Debug)]
pub(super) struct FrameReader {
    path: PathBuf,
    file: BufReader<File>,
    /// Where the next frame begins.
    pub(super) offset: u64,
    /// What is whole ends here.
    end: u64,
    /// The entry the next frame must begin with.
    pub(super) expected: u64,
    /// The last entry there may be.
    last: u64,
}

impl FrameReader {
    fn open(segment: &Segment, start: Mark, end: u64, last: u64) -> Result<Self, StoreError> {
        let failed = |bad: Bad| error(&segment.path, 0, bad);
        let file = File::open(&segment.path).map_err(|cause| match cause.kind() {
            ErrorKind::NotFound => failed(Bad::Damaged("it is missing")),
            _ => failed(Bad::Io(cause)),
        })?;
        let mut file = BufReader::with_capacity(64 << 10, file);
        frame::read_header(&mut file, segment.first).map_err(failed)?;
        // To where it is, whatever was read of the header.
        file.seek(SeekFrom::Start(start.offset)).map_err(|cause| failed(Bad::Io(cause)))?;
        Ok(Self { path: segment.path.clone(), file, offset: start.offset, end, expected: start.sequence, last })
    }

    /// Reads what comes before the sealed bytes of the next frame; [`FrameReader::skip`] or [`FrameReader::sealed`] must follow.
    /// `None`: the segment is at its end, with every entry it must have.
    pub(super) fn next_prefix(&mut self) -> Result<Option<Frame>, Bad> {
        if self.offset >= self.end {
            return if self.expected > self.last { Ok(None) } else { Err(Bad::Damaged("it ends too early")) };
        }
        let frame = Frame::read_prefix(&mut self.file)?;
        if frame.first != self.expected {
            return Err(Bad::Damaged("a frame does not follow the one before"));
        }
        if frame.last > self.last {
            return Err(Bad::Damaged("a frame holds entries of the next segment"));
        }
        if self.offset + frame.length() > self.end {
            return Err(Bad::Damaged("a frame is longer than what is left"));
        }
        Ok(Some(frame))
    }

    pub(super) fn skip(&mut self, frame: &Frame) -> Result<(), Bad> {
        self.file.seek_relative(frame.sealed as i64)?;
        self.pass(frame);
        Ok(())
    }

    pub(super) fn sealed(&mut self, frame: &Frame, sealed: &mut Vec<u8>) -> Result<(), Bad> {
        frame.read_sealed(&mut self.file, sealed)?;
        self.pass(frame);
        Ok(())
    }

    fn pass(&mut self, frame: &Frame) {
        self.offset += frame.length();
        self.expected = frame.last + 1;
    }

    /// An error about the frame that begins at an offset, which should have held the next entry.
    pub(super) fn error(&self, offset: u64, bad: Bad) -> StoreError {
        match error(&self.path, offset, bad) {
            StoreError::Damaged { what, cause } => {
                StoreError::Damaged { what, cause: format!("{cause}, where log entry {} should be", self.expected) }
            }
            other => other,
        }
    }

    /// After damage: goes on at the next whole frame of a later entry, if there is one. It may take as long as reading the rest
    /// of the segment a few times; a frame that was not damaged is never missed.
    pub(super) fn resume(&mut self) -> Result<bool, StoreError> {
        let path = self.path.clone();
        let failed = |cause: io::Error| error(&path, 0, Bad::Io(cause));
        let mut sealed = Vec::new();
        let mut window = Vec::new();
        let mut start = self.offset + 1;
        while start + (frame::PREFIX as u64) < self.end {
            let length = (self.end - start).min(STRIDE) as usize;
            window.resize(length, 0);
            self.file.seek(SeekFrom::Start(start)).map_err(failed)?;
            self.file.read_exact(&mut window).map_err(failed)?;
            for (at, bytes) in window.windows(frame::PREFIX).enumerate() {
                let offset = start + at as u64;
                let found = bytes.try_into().ok().and_then(Frame::parse);
                let Some(found) = found.filter(|found| self.can_be(found, offset)) else { continue };
                self.file.seek(SeekFrom::Start(offset + frame::PREFIX as u64)).map_err(failed)?;
                if found.read_sealed(&mut self.file, &mut sealed).is_ok() {
                    self.file.seek(SeekFrom::Start(offset)).map_err(failed)?;
                    self.offset = offset;
                    self.expected = found.first;
                    return Ok(true);
                }
            }
            start += (length - frame::PREFIX + 1) as u64;
        }
        Ok(false)
    }

    fn can_be(&self, frame: &Frame, offset: u64) -> bool {
        frame.first >= self.expected && frame.last <= self.last && offset + frame.length() <= self.end
    }
}

/// The name of a segment.
pub(super) fn name(first: u64) -> String {
    format!("{first:016x}.log")
}

/// The first sequence number of a segment of this name; `None`: it is no segment.
pub(super) fn first_of(name: &str) -> Option<u64> {
    let first = u64::from_str_radix(name.strip_suffix(".log")?, 16).ok().filter(|first| *first > 0)?;
    (self::name(first) == name).then_some(first)
}
