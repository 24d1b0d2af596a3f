//! A frame: what one group of commits changed, all of it or nothing.
//!
//! ```text
//!   0   4  "kmjf"
//!   4   4  length of the body
//!   8   4  CRC-32C of everything after it, the length before it, and the hash at the end
//!  12   8  sequence: 1, 2, 3 ...
//!  20  32  the hash of the frame before
//!  52   n  body: the sealed head after the group, the changes, the log entries
//!  52+n 32 hash: HMAC-SHA-256 over the hash before, the sequence, and the body
//! ```
//!
//! A frame begins at a multiple of 4 KiB and is padded with zeros to the next: a block that holds an acknowledged frame is
//! never written again. The checksum tells a torn frame from a whole one, quickly; the hash makes a frame one of this store,
//! and the next after the one before.

use std::sync::Arc;

use store::MAX_COMMIT;
use store::sealing::{Keyring, OVERHEAD};

use crate::head::{Head, SEALED, Where};
use crate::layout::Number;

/// Frames begin at multiples of this.
pub(crate) const BLOCK: usize = 4096;

const MAGIC: [u8; 4] = *b"kmjf";
pub(super) const HEADER: usize = 52;
const HASH: usize = 32;

/// The longest body: a group is as large as the largest commit, and its records have seals, identifiers and owners.
pub(crate) const MAX_FRAME: usize = 4 * MAX_COMMIT;

/// The hash before the first frame.
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

/// A frame as bytes, padded to whole blocks, and its hash.
pub(crate) fn encode(
    keyring: &Keyring,
    previous: &[u8; HASH],
    sequence: u64,
    head: &[u8],
    changes: &[Changed],
    log: Option<&LogBlock>,
) -> (Vec<u8>, [u8; HASH]) {
    let body = head.len()
        + 4
        + changes.iter().map(|change| size_of_change(change.sealed.as_deref().map(<[u8]>::len))).sum::<usize>()
        + 12
        + log.map_or(0, |log| 4 + log.sealed.len());
    let mut bytes = Vec::with_capacity((HEADER + body + HASH).next_multiple_of(BLOCK));
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&(body as u32).to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&sequence.to_be_bytes());
    bytes.extend_from_slice(previous);
    bytes.extend_from_slice(head);
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
    let hash = keyring.chain(previous, &[&sequence.to_be_bytes(), &bytes[HEADER..]]);
    bytes.extend_from_slice(&hash);
    let checksum = checksum(&bytes).to_be_bytes();
    bytes[8..12].copy_from_slice(&checksum);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    (bytes, hash)
}

/// Of the length and of everything after the checksum.
fn checksum(frame: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&frame[4..8]), &frame[12..])
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
    if header[..4] != MAGIC {
        return Found::Broken("it does not begin as one");
    }
    let body = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize;
    if body > MAX_FRAME {
        return Found::Broken("its length is larger than any frame's");
    }
    let Some(frame) = bytes.get(..HEADER + body + HASH) else { return Found::Broken("it is cut off") };
    if checksum(frame).to_be_bytes() != header[8..12] {
        return Found::Broken("its checksum does not match");
    }
    let mut sequence = [0; 8];
    sequence.copy_from_slice(&header[12..20]);
    Found::Whole { sequence: u64::from_be_bytes(sequence), bytes: frame, length: frame.len().next_multiple_of(BLOCK) }
}

/// Takes a whole frame apart, after its hash is found to be right.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn decode(keyring: &Keyring, frame: &[u8]) -> Result<Frame, String> {
    const FORM: &str = "its contents do not have the form of a frame";
    let (covered, hash) = frame.split_last_chunk::<HASH>().ok_or(FORM)?;
    let (header, body) = covered.split_first_chunk::<HEADER>().ok_or(FORM)?;
    let mut previous = START;
    previous.copy_from_slice(&header[20..]);
    if keyring.chain(&previous, &[&header[12..20], body]) != *hash {
        return Err("it was not written by this store".into());
    }
    let mut sequence = [0; 8];
    sequence.copy_from_slice(&header[12..20]);
    let mut rest = body;
    let head = take(&mut rest, SEALED).ok_or(FORM)?;
    let head = Head::open(keyring, Where::Journal, head).map_err(|error| format!("its head: {error}"))?;
    let (changes, log) = parts(&mut rest).filter(|_| rest.is_empty()).ok_or(FORM)?;
    let sequence = u64::from_be_bytes(sequence);
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
