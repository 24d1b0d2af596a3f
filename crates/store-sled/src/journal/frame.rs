//! A frame: what one group of commits changed, all of it or nothing.
//!
//! ```text
//!   0   4  "kmjg"
//!   4   4  length n of the body
//!   8   4  CRC-32C of everything after it, and the length before it
//!  12   8  sequence: 1, 2, 3 ...
//!  20  32  the mark of the frame before
//!  52   n  body: the changes, the log entries
//!  52+n 178 the head after the group, sealed with bytes 12 to 51+n beside it
//! ```
//!
//! A frame begins at a multiple of 4 KiB and is padded with zeros to the next: a block that holds an acknowledged frame is
//! never written again. The checksum tells a torn frame from a whole one, quickly; the seal makes a frame one of this store,
//! and the next after the one before: the mark of a frame is the end of its seal, 32 bytes that depend on a key which no other seal has.
//!
//! Frames of format 1 are read, and not written: they begin with "kmjf", the head is sealed for itself and comes first in the body, and
//! their end and mark is HMAC-SHA-256 over the mark before, the sequence and the body.

use std::sync::Arc;

use store::MAX_COMMIT;
use store::sealing::{Keyring, OVERHEAD, Randomness, SealingError};

use crate::head::{Head, SEALED, Where};
use crate::layout::Number;

/// Frames begin at multiples of this.
pub(crate) const BLOCK: usize = 4096;

const MAGIC: [u8; 4] = *b"kmjg";
const MAGIC_1: [u8; 4] = *b"kmjf";
pub(super) const HEADER: usize = 52;
/// The length of a mark, and of all that follows the body in a frame of format 1.
const HASH: usize = 32;

/// The longest body: a group is as large as the largest commit, and its records have seals, identifiers and owners.
pub(crate) const MAX_FRAME: usize = 4 * MAX_COMMIT;

/// The mark before the first frame.
pub(crate) const START: [u8; HASH] = [0; HASH];

/// One change of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Changed {
    pub(crate) number: Number,
    /// The sealed record; `None`: it is gone.
    pub(crate) sealed: Option<Arc<[u8]>>,
}

/// Consecutive log entries, sealed as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogBlock {
    /// The sequence number of the first entry.
    pub(crate) first: u64,
    pub(crate) count: u32,
    pub(crate) sealed: Arc<[u8]>,
}

impl LogBlock {
    /// The sequence number of the last entry.
    pub(crate) fn last(&self) -> u64 {
        self.first + u64::from(self.count) - 1
    }
}

/// A frame that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) sequence: u64,
    pub(crate) previous: [u8; HASH],
    pub(crate) hash: [u8; HASH],
    /// What the store holds after the group.
    pub(crate) head: Head,
    pub(crate) changes: Vec<Changed>,
    pub(crate) log: Option<LogBlock>,
}

/// How many bytes a change adds to a body.
pub(crate) fn size_of_change(sealed: Option<usize>) -> usize {
    CHANGE + sealed.map_or(0, |sealed| 4 + sealed)
}

const CHANGE: usize = 1 + 4 + 8 + 4;

/// Where frames are made, one after the other: at a multiple of [`BLOCK`] in memory, from where the kernel can give them to the
/// disk without a copy.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
}

impl Buffer {
    /// The room that is kept from one frame to the next at the most, in bytes.
    const KEPT: usize = 1 << 20;

    /// The frame that was made last.
    pub(crate) fn frame(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Begins a frame of at most so many bytes.
    fn begin(&mut self, length: usize) {
        let needed = length + BLOCK;
        if self.bytes.capacity() < needed || self.bytes.capacity() > Self::KEPT.max(needed) {
            self.bytes = Vec::with_capacity(needed);
        }
        self.bytes.clear();
        self.start = self.bytes.as_ptr().align_offset(BLOCK).min(BLOCK);
        self.bytes.resize(self.start, 0);
    }
}

/// Makes the frame of a head, padded to whole blocks, and returns its mark.
///
/// # Errors
/// When there are no random bytes.
pub(crate) fn encode(
    buffer: &mut Buffer,
    keyring: &Keyring,
    random: &mut Randomness,
    previous: &[u8; HASH],
    head: &Head,
    changes: &[Changed],
    log: Option<&LogBlock>,
) -> Result<[u8; HASH], SealingError> {
    let body = 4
        + changes.iter().map(|change| size_of_change(change.sealed.as_deref().map(<[u8]>::len))).sum::<usize>()
        + 12
        + log.map_or(0, |log| 4 + log.sealed.len());
    buffer.begin((HEADER + body + SEALED).next_multiple_of(BLOCK));
    let Buffer { bytes, start } = buffer;
    let start = *start;
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&(body as u32).to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&head.frame.to_be_bytes());
    bytes.extend_from_slice(previous);
    bytes.extend_from_slice(&(changes.len() as u32).to_be_bytes());
    for change in changes {
        bytes.push(u8::from(change.sealed.is_some()));
        bytes.extend_from_slice(&change.number.tenant.0.to_be_bytes());
        bytes.extend_from_slice(&change.number.created.to_be_bytes());
        bytes.extend_from_slice(&change.number.position.to_be_bytes());
        if let Some(sealed) = &change.sealed {
            bytes.extend_from_slice(&(sealed.len() as u32).to_be_bytes());
            bytes.extend_from_slice(sealed);
        }
    }
    bytes.extend_from_slice(&log.map_or(0, |log| log.first).to_be_bytes());
    bytes.extend_from_slice(&log.map_or(0, |log| log.count).to_be_bytes());
    if let Some(log) = log {
        bytes.extend_from_slice(&(log.sealed.len() as u32).to_be_bytes());
        bytes.extend_from_slice(&log.sealed);
    }
    let sealed = head.seal_frame(keyring, random, &bytes[start + CHECKED..])?;
    bytes.extend_from_slice(&sealed);
    let checksum = checksum(&bytes[start..]).to_be_bytes();
    bytes[start + 8..start + CHECKED].copy_from_slice(&checksum);
    bytes.resize(start + (bytes.len() - start).next_multiple_of(BLOCK), 0);
    mark(&sealed).ok_or(SealingError::Failed("marking a frame"))
}

/// Where what the checksum covers begins.
const CHECKED: usize = 12;

/// The mark that the seal of a frame ends with.
fn mark(sealed: &[u8]) -> Option<[u8; HASH]> {
    sealed.last_chunk().copied()
}

/// Of the length and of everything after the checksum.
fn checksum(frame: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&frame[4..8]), &frame[CHECKED..])
}

/// What lies at a place where a frame may begin.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// A whole frame, of this many bytes with its padding.
    Whole { sequence: u64, bytes: &'a [u8], length: usize },
    /// Nothing was written here.
    Nothing,
    /// Something else.
    Broken(&'static str),
}

/// Looks at the bytes from a multiple of [`BLOCK`] on.
pub(crate) fn look(bytes: &[u8]) -> Found<'_> {
    let Some(header) = bytes.first_chunk::<HEADER>() else {
        return if bytes.iter().all(|byte| *byte == 0) { Found::Nothing } else { Found::Broken("it is cut off") };
    };
    if header.iter().all(|byte| *byte == 0) {
        return Found::Nothing;
    }
    let end = match [header[0], header[1], header[2], header[3]] {
        MAGIC => SEALED,
        MAGIC_1 => HASH,
        _ => return Found::Broken("it does not begin as one"),
    };
    let body = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize;
    if body > MAX_FRAME {
        return Found::Broken("its length is larger than any frame's");
    }
    let Some(frame) = bytes.get(..HEADER + body + end) else { return Found::Broken("it is cut off") };
    if checksum(frame).to_be_bytes() != header[8..CHECKED] {
        return Found::Broken("its checksum does not match");
    }
    let mut sequence = [0; 8];
    sequence.copy_from_slice(&header[12..20]);
    Found::Whole { sequence: u64::from_be_bytes(sequence), bytes: frame, length: frame.len().next_multiple_of(BLOCK) }
}

/// Takes a whole frame apart, after its seal is found to be right.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn decode(keyring: &Keyring, frame: &[u8]) -> Result<Frame, String> {
    const FORM: &str = "its contents do not have the form of a frame";
    if frame.starts_with(&MAGIC_1) {
        return decode_1(keyring, frame);
    }
    let (rest, sealed) = frame.split_last_chunk::<SEALED>().ok_or(FORM)?;
    let (header, mut body) = rest.split_first_chunk::<HEADER>().ok_or(FORM)?;
    let head = Head::open_frame(keyring, &rest[CHECKED..], sealed);
    let head = head.map_err(|error| format!("it was not written by this store: {error}"))?;
    let hash = mark(sealed).ok_or(FORM)?;
    let (sequence, previous) = begin(header);
    let (changes, log) = parts(&mut body).filter(|_| body.is_empty()).ok_or(FORM)?;
    if head.frame != sequence {
        return Err("its head is of another frame".into());
    }
    Ok(Frame { sequence, previous, hash, head, changes, log })
}

/// The sequence of a frame, and the mark of the one before.
fn begin(header: &[u8; HEADER]) -> (u64, [u8; HASH]) {
    let (mut sequence, mut previous) = ([0; 8], START);
    sequence.copy_from_slice(&header[CHECKED..20]);
    previous.copy_from_slice(&header[20..]);
    (u64::from_be_bytes(sequence), previous)
}

/// A frame of format 1.
fn decode_1(keyring: &Keyring, frame: &[u8]) -> Result<Frame, String> {
    const FORM: &str = "its contents do not have the form of a frame";
    let (covered, hash) = frame.split_last_chunk::<HASH>().ok_or(FORM)?;
    let (header, body) = covered.split_first_chunk::<HEADER>().ok_or(FORM)?;
    let (sequence, previous) = begin(header);
    if keyring.chain(&previous, &[&sequence.to_be_bytes(), body]) != *hash {
        return Err("it was not written by this store".into());
    }
    let mut rest = body;
    let head = take(&mut rest, SEALED).ok_or(FORM)?;
    let head = Head::open(keyring, Where::Journal, head).map_err(|error| format!("its head: {error}"))?;
    let (changes, log) = parts(&mut rest).filter(|_| rest.is_empty()).ok_or(FORM)?;
    if head.frame != sequence {
        return Err("its head is of another frame".into());
    }
    Ok(Frame { sequence, previous, hash: *hash, head, changes, log })
}

fn parts(rest: &mut &[u8]) -> Option<(Vec<Changed>, Option<LogBlock>)> {
    let count = number(rest)? as usize;
    // Each change has its bytes in the frame: a damaged count asks for no memory.
    let mut changes = Vec::with_capacity(count.min(rest.len() / CHANGE));
    for _ in 0..count {
        let kind = take(rest, 1)?[0];
        let tenant = store::Tenant(number(rest)?);
        let number_of_record = Number { tenant, created: long(rest)?, position: number(rest)? };
        let sealed = match kind {
            0 => None,
            1 => {
                let length = number(rest)? as usize;
                Some(take(rest, length).filter(|sealed| sealed.len() >= OVERHEAD)?.into())
            }
            _ => return None,
        };
        changes.push(Changed { number: number_of_record, sealed });
    }
    let (first, count) = (long(rest)?, number(rest)?);
    let log = match count {
        0 => None,
        count => {
            let length = number(rest)? as usize;
            Some(LogBlock { first, count, sealed: take(rest, length)?.into() })
        }
    };
    Some((changes, log))
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u32::from_be_bytes(*bytes))
}

fn long(rest: &mut &[u8]) -> Option<u64> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u64::from_be_bytes(*bytes))
}
