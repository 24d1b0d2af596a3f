//! The bytes of a segment: a header, then frames that each carry one sealed block. Numbers are big-endian.

use std::io::{self, ErrorKind, Read};

/// The format of a segment.
pub(super) const FORMAT: u16 = 1;

/// The largest sealed block in bytes: larger than any group of commits makes.
pub(super) const MAX_SEALED: usize = 64 << 20;

/// Magic, format, first sequence, checksum.
pub(super) const HEADER: usize = 8 + 2 + 8 + 4;

/// Length, checksum, first sequence, count: what comes before the sealed bytes of a frame.
pub(super) const PREFIX: usize = 4 + 4 + COVERED;

/// What the length counts and the checksum covers besides the sealed bytes: first sequence, count.
const COVERED: usize = 8 + 4;

const MAGIC: &[u8; 8] = b"kmipdlog";

/// Which entries a frame holds, and how long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) first: u64,
    pub(super) last: u64,
    /// The length of the sealed block in bytes.
    pub(super) sealed: usize,
    checksum: u32,
}

/// Why bytes are no header or no frame.
#[derive(Debug)]
pub(super) enum Bad {
    Io(io::Error),
    /// A newer release wrote them.
    NewerFormat(u16),
    Damaged(&'static str),
}

impl From<io::Error> for Bad {
    fn from(cause: io::Error) -> Self {
        match cause.kind() {
            ErrorKind::UnexpectedEof => Self::Damaged("it is cut off"),
            _ => Self::Io(cause),
        }
    }
}

impl Frame {
    pub(super) fn count(&self) -> u32 {
        (self.last - self.first + 1) as u32
    }

    /// The length of the whole frame in bytes.
    pub(super) fn length(&self) -> u64 {
        (PREFIX + self.sealed) as u64
    }

    /// Reads what comes before the sealed bytes. Nothing of it has been compared with the checksum yet; it only cannot be used
    /// for an allocation beyond the limit or a number beyond the largest.
    pub(super) fn read_prefix(from: &mut impl Read) -> Result<Self, Bad> {
        let mut bytes = [0; PREFIX];
        from.read_exact(&mut bytes)?;
        Self::parse(&bytes).ok_or(Bad::Damaged("it does not begin as a frame"))
    }

    pub(super) fn parse(bytes: &[u8; PREFIX]) -> Option<Self> {
        let number = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let first = u64::from(number(8)) << 32 | u64::from(number(12));
        let sealed = (number(0) as usize).checked_sub(COVERED).filter(|sealed| (1..=MAX_SEALED).contains(sealed))?;
        // The number after the last must be a number too.
        let last = first.checked_add(u64::from(number(16)))? - 1;
        (0 < first && first <= last).then_some(Self { first, last, sealed, checksum: number(4) })
    }

    /// The same with sealed bytes of another length.
    pub(super) fn of_length(self, sealed: usize) -> Self {
        Self { sealed, ..self }
    }

    /// Reads the sealed bytes into a buffer, replacing what it held, and compares the checksum.
    pub(super) fn read_sealed(&self, from: &mut impl Read, sealed: &mut Vec<u8>) -> Result<(), Bad> {
        sealed.resize(self.sealed, 0);
        from.read_exact(sealed)?;
        if self.is_intact(sealed) { Ok(()) } else { Err(Bad::Damaged("the checksum of a frame does not match")) }
    }

    pub(super) fn is_intact(&self, sealed: &[u8]) -> bool {
        let mut covered = [0; COVERED];
        covered[..8].copy_from_slice(&self.first.to_be_bytes());
        covered[8..].copy_from_slice(&self.count().to_be_bytes());
        crc32c::crc32c_append(crc32c::crc32c(&covered), sealed) == self.checksum
    }
}

/// The bytes of a frame; `None`: no reader would accept it.
pub(super) fn encode(first: u64, count: u32, sealed: &[u8]) -> Option<Vec<u8>> {
    if sealed.len() > MAX_SEALED {
        return None;
    }
    let mut bytes = Vec::with_capacity(PREFIX + sealed.len());
    bytes.extend_from_slice(&((COVERED + sealed.len()) as u32).to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&first.to_be_bytes());
    bytes.extend_from_slice(&count.to_be_bytes());
    bytes.extend_from_slice(sealed);
    let checksum = crc32c::crc32c(&bytes[8..]);
    bytes[4..8].copy_from_slice(&checksum.to_be_bytes());
    Frame::parse(bytes.first_chunk()?).map(|_| bytes)
}

/// The header of a segment.
pub(super) fn encode_header(first: u64) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..10].copy_from_slice(&FORMAT.to_be_bytes());
    bytes[10..18].copy_from_slice(&first.to_be_bytes());
    let checksum = crc32c::crc32c(&bytes[..HEADER - 4]);
    bytes[HEADER - 4..].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

/// Reads the header of a segment that must begin with this sequence number. One that is damaged is none the less passed: it tells
/// nothing that the name of the file and the frames do not tell.
pub(super) fn read_header(from: &mut impl Read, first: u64) -> Result<(), Bad> {
    let mut bytes = [0; HEADER];
    from.read_exact(&mut bytes)?;
    let format = u16::from_be_bytes([bytes[8], bytes[9]]);
    let (covered, checksum) = bytes.split_at(HEADER - 4);
    if bytes[..8] != *MAGIC || checksum != crc32c::crc32c(covered).to_be_bytes() {
        return Ok(());
    }
    if format > FORMAT {
        return Err(Bad::NewerFormat(format));
    }
    if format != FORMAT || bytes[10..18] != first.to_be_bytes() {
        return Err(Bad::Damaged("it is not the segment its name says"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Format 1, as it is drawn in `docs/storage-format.md`. It does not change: a change is a new format.
    const SEGMENT: [u8; HEADER + PREFIX + 5] = [
        b'k', b'm', b'i', b'p', b'd', b'l', b'o', b'g', 0, 1, 0, 0, 0, 0, 0, 0, 1, 2, 0x84, 0xd1, 0x4f, 0x6e, // header
        0, 0, 0, 17, 0x61, 0xea, 0x93, 0x36, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 3, b'b', b'l', b'o', b'c', b'k', // frame
    ];

    #[test]
    fn the_bytes_of_format_1() {
        let bytes = [&encode_header(0x102)[..], &encode(0x102, 3, b"block").expect("frame")].concat();
        assert_eq!(bytes, SEGMENT);
        let mut from = &SEGMENT[..];
        read_header(&mut from, 0x102).expect("header");
        let frame = Frame::read_prefix(&mut from).expect("prefix");
        assert_eq!((frame.first, frame.last, frame.count(), frame.length()), (0x102, 0x104, 3, PREFIX as u64 + 5));
        let mut sealed = vec![9; 100];
        frame.read_sealed(&mut from, &mut sealed).expect("sealed");
        assert_eq!(sealed, b"block");
        // The checksum is CRC-32C: its check value.
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn every_flipped_bit_of_a_frame_is_noticed() {
        let read = |bytes: &[u8]| {
            let mut from = bytes;
            read_header(&mut from, 0x102)?;
            Frame::read_prefix(&mut from)?.read_sealed(&mut from, &mut Vec::new())
        };
        assert!(read(&SEGMENT).is_ok());
        for bit in 0..SEGMENT.len() * 8 {
            let mut bytes = SEGMENT;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&bytes).is_ok(), bit < HEADER * 8, "bit {bit}");
        }
        for length in 0..SEGMENT.len() {
            assert!(read(&SEGMENT[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn a_frame_that_no_reader_takes_is_not_written() {
        assert!(encode(1, 1, b"").is_none());
        assert!(encode(1, 0, b"block").is_none());
        assert!(encode(0, 1, b"block").is_none());
        assert!(encode(u64::MAX, 1, b"block").is_none());
        assert!(encode(1, 1, &vec![0; MAX_SEALED + 1]).is_none());
        assert!(encode(u64::MAX - 1, 1, b"block").is_some());
    }

    #[test]
    fn a_newer_format_is_told_from_damage() {
        let mut bytes = encode_header(1);
        bytes[9] = 2;
        assert!(read_header(&mut &bytes[..], 1).is_ok(), "damage tells nothing");
        assert!(matches!(read_header(&mut &encode_header(2)[..], 1), Err(Bad::Damaged(_))));
        let checksum = crc32c::crc32c(&bytes[..HEADER - 4]);
        bytes[HEADER - 4..].copy_from_slice(&checksum.to_be_bytes());
        assert!(matches!(read_header(&mut &bytes[..], 1), Err(Bad::NewerFormat(2))));
    }
}
