//! Frames and segments: what is read is what was written, and what is not is told.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use store::sealing::{Keyring, Randomness, RootKey};
use store::{Revision, Tenant};
use tempfile::TempDir;

use super::frame::{self, Found};
use super::*;
use crate::head::Head;
use crate::layout::Number;
use crate::open::OpenError;

const SIZE: u64 = 64 << 10;

struct Fixture {
    directory: TempDir,
    keyring: Keyring,
}

impl Fixture {
    fn new() -> Self {
        let keyring = Keyring::generate(&RootKey::generate().expect("root key")).expect("keyring").0;
        Self { directory: tempfile::tempdir().expect("directory"), keyring }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn head(&self, sequence: u64) -> Head {
        Head { frame: sequence, revision: Revision(sequence), ..Head::EMPTY }
    }

    /// A frame of one change of so many bytes.
    fn append(&self, journal: &mut Journal, length: usize) {
        let (sequence, previous) = journal.next();
        let head = self.head(sequence);
        let number = Number { tenant: Tenant::DEFAULT, created: sequence, position: 0 };
        let changes = [Changed { number, sealed: Some(vec![sequence as u8; length.max(82)].into()) }];
        let mut buffer = frame::Buffer::default();
        let random = &mut Randomness::default();
        let hash = frame::encode(&mut buffer, &self.keyring, random, &previous, &head, &changes, None).expect("encode");
        journal.append(buffer.frame(), hash).expect("append");
        journal.sync().expect("sync");
    }

    fn read(&self, from: u64, durable: u64) -> Result<(Vec<u64>, scan::End), OpenError> {
        let mut seen = Vec::new();
        let end = scan::open(self.path())?.read(&self.keyring, from, u64::MAX, durable, |frame| {
            seen.push(frame.sequence);
            Ok(())
        })?;
        Ok((seen, end))
    }

    fn resume(&self) -> Journal {
        let opened = scan::open(self.path()).expect("open");
        let end = opened.read(&self.keyring, 1, u64::MAX, 0, |_| Ok(())).expect("read");
        opened.resume(&end, SIZE).expect("resume")
    }

    fn flip(&self, ordinal: u64, byte: usize) {
        let path = segment::path(self.path(), ordinal);
        let mut bytes = fs::read(&path).expect("read");
        bytes[byte] ^= 0x10;
        fs::write(path, bytes).expect("write");
    }
}

#[test]
fn frames_come_back_over_segments_and_restarts() {
    let fixture = Fixture::new();
    let mut journal = Journal::create(fixture.path(), SIZE).expect("create");
    for length in [1, 5000, 30_000, 100, 200_000, 70] {
        fixture.append(&mut journal, length);
    }
    drop(journal);
    let mut journal = fixture.resume();
    journal.segments().prepare().expect("prepare");
    for _ in 0..20 {
        fixture.append(&mut journal, 9_000);
        journal.segments().prepare().expect("prepare");
    }
    let (seen, end) = fixture.read(1, 26).expect("read");
    assert_eq!((seen, end.torn), ((1..=26).collect::<Vec<_>>(), 0));
    // From the segment on that has the frame.
    let (seen, _) = fixture.read(20, 26).expect("read");
    assert!(seen[0] > 5 && seen[0] <= 20 && seen.ends_with(&[26]), "{seen:?}");
    // What a snapshot has may go, in whole segments, never the last.
    assert!(journal.segments().drop_until(20).expect("drop") > 0);
    let (seen, _) = fixture.read(1, 26).expect("read");
    assert!(seen[0] > 5 && seen[0] <= 21 && seen.ends_with(&[26]), "{seen:?}");
    journal.segments().drop_until(26).expect("drop");
    assert!(fixture.read(1, 26).expect("read").0.ends_with(&[26]));
    fixture.append(&mut journal, 1);
    drop(journal);
    assert!(fixture.read(1, 27).expect("read").0.ends_with(&[26, 27]));
}

/// A frame goes past the pages that the kernel has of the file, or, where it cannot, through them: what is read is what was written.
#[test]
fn what_is_written_past_the_cache_is_what_is_read() {
    let fixture = Fixture::new();
    let folder = File::open(fixture.path()).expect("folder");
    let mut segment = Segment::create(fixture.path(), &folder, 1, SIZE).expect("create");
    let path = segment::path(fixture.path(), 1);
    let memory = [1, 2, 3, 4].map(|byte| vec![byte; 3 * BLOCK]);
    for (number, memory) in (1..).zip(&memory) {
        // All of it is in the cache, as it was before.
        let mut expected = fs::read(&path).expect("read");
        let start = memory.as_ptr().align_offset(BLOCK);
        // From the third on, the kernel cannot take it as it lies.
        let start = if number < 3 { start } else { start + 1 };
        let frame = &memory[start..start + BLOCK];
        segment.write(frame, (number * BLOCK) as u64).expect("write");
        expected[number * BLOCK..][..BLOCK].copy_from_slice(frame);
        assert!(fs::read(&path).expect("read") == expected, "{number}");
        segment.file.sync_data().expect("sync");
    }
}

#[test]
fn a_write_that_was_cut_off_is_removed_and_one_that_was_durable_is_damage() {
    let fixture = Fixture::new();
    let mut journal = Journal::create(fixture.path(), SIZE).expect("create");
    for _ in 0..3 {
        fixture.append(&mut journal, 5000);
    }
    drop(journal);
    // The third frame begins at block 5 of the file.
    for byte in [5 * BLOCK, 5 * BLOCK + 30, 6 * BLOCK + 100] {
        fixture.flip(1, byte);
        let (seen, end) = fixture.read(1, 2).expect("read");
        assert_eq!((seen, end.sequence), (vec![1, 2], 2), "byte {byte}");
        assert!(end.torn > 4000);
        match fixture.read(1, 3) {
            Err(OpenError::Damaged { what, cause }) => {
                assert!(what.contains("byte 20480") && cause.contains("frame 3"), "{what}: {cause}");
            }
            other => panic!("{other:?}"),
        }
        fixture.flip(1, byte);
    }
    fixture.flip(1, 5 * BLOCK + 30);
    let mut journal = fixture.resume();
    assert_eq!(journal.next().0, 3);
    fixture.append(&mut journal, 1);
    drop(journal);
    assert_eq!(fixture.read(1, 3).expect("read").0, [1, 2, 3]);
}

#[test]
fn damage_before_whole_frames_is_named() {
    let fixture = Fixture::new();
    let mut journal = Journal::create(fixture.path(), SIZE).expect("create");
    for _ in 0..12 {
        fixture.append(&mut journal, 9000);
    }
    drop(journal);
    for (ordinal, byte) in [(1, BLOCK + 5), (1, BLOCK + 60), (2, BLOCK + 2), (1, 4 * BLOCK + 13)] {
        fixture.flip(ordinal, byte);
        match fixture.read(1, 0) {
            Err(OpenError::Damaged { what, .. }) => assert!(what.contains(&format!("{ordinal:016x}")), "{what}"),
            other => panic!("segment {ordinal}, byte {byte}: {other:?}"),
        }
        fixture.flip(ordinal, byte);
    }
    // Padding is nobody's.
    fixture.flip(1, 4 * BLOCK - 1);
    assert_eq!(fixture.read(1, 12).expect("read").0.len(), 12);
    fs::remove_file(segment::path(fixture.path(), 2)).expect("remove");
    assert!(matches!(fixture.read(1, 0), Err(OpenError::Damaged { .. })));
}

#[test]
fn a_frame_of_another_store_is_none_of_this_one() {
    let (fixture, other) = (Fixture::new(), Fixture::new());
    let mut journal = Journal::create(fixture.path(), SIZE).expect("create");
    other.append(&mut journal, 10);
    assert!(matches!(fixture.read(1, 0), Err(OpenError::Damaged { .. })));
}

proptest! {
    #[test]
    fn a_frame_comes_back_and_any_flip_is_noticed(
        lengths in prop::collection::vec(prop::option::of(82_usize..5000), 0..6), log in prop::option::of((1_u64..1000, 1_u32..50)),
        at in any::<prop::sample::Index>(), bit in 0..8_u8,
    ) {
        let fixture = Fixture::new();
        let changes: Vec<_> = (0..).zip(lengths).map(|(position, length)| Changed {
            number: Number { tenant: Tenant(3), created: 9, position },
            sealed: length.map(|length| vec![position as u8; length].into()),
        }).collect();
        let log = log.map(|(first, count)| LogBlock { first, count, sealed: Arc::from(vec![7; 100]) });
        let head = fixture.head(5);
        let (mut buffer, random) = (frame::Buffer::default(), &mut Randomness::default());
        let hash = frame::encode(&mut buffer, &fixture.keyring, random, &[1; 32], &head, &changes, log.as_ref());
        let hash = hash.expect("encode");
        prop_assert_eq!(buffer.frame().as_ptr().align_offset(BLOCK), 0);
        let mut bytes = buffer.frame().to_vec();
        prop_assert_eq!(bytes.len() % BLOCK, 0);
        let length = {
            let Found::Whole { sequence: 5, bytes: whole, .. } = frame::look(&bytes) else { panic!("not whole") };
            let frame = frame::decode(&fixture.keyring, whole).expect("decode");
            prop_assert_eq!(frame, Frame { sequence: 5, previous: [1; 32], hash, head, changes, log });
            whole.len()
        };
        let at = at.index(length);
        bytes[at] ^= 1 << bit;
        let is_whole = matches!(frame::look(&bytes), Found::Whole { .. });
        prop_assert!(!is_whole);
        // Nor does it help to know how the checksum is made.
        if at >= 12 {
            prop_assert!(frame::decode(&fixture.keyring, &bytes[..length]).is_err());
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let fixture = Fixture::new();
        let _ = frame::look(&bytes);
        let _ = frame::decode(&fixture.keyring, &bytes);
    }
}

/// What nobody needs is no reason not to start, and is written anew: the header of a segment, the unused end of a full one, and all of
/// one that was made ahead.
#[test]
fn damage_that_nobody_needs_is_written_anew() {
    let fixture = Fixture::new();
    let mut journal = Journal::create(fixture.path(), SIZE).expect("create");
    // Of 8 KiB each: seven fit, and the end of the segment stays unused.
    (0..11).for_each(|_| fixture.append(&mut journal, 5000));
    journal.segments().prepare().expect("prepare");
    (0..3).for_each(|_| fixture.append(&mut journal, 5000));
    assert_eq!(journal.segments().room() / SIZE, 1, "there is a segment made ahead");
    drop(journal);
    let path = |ordinal| super::segment::path(fixture.path(), ordinal);
    let whole: Vec<_> = (1..=3).map(|ordinal| fs::read(path(ordinal)).expect("read")).collect();
    assert_eq!(fixture.read(1, 14).expect("read").0.len(), 14);
    for (ordinal, at) in [(1, 3), (2, 9), (3, 12), (3, 20), (1, SIZE as usize - 4000), (1, SIZE as usize - 4096), (3, 9000)] {
        let mut bytes = whole[ordinal - 1].clone();
        bytes[at] ^= 1;
        fs::write(path(ordinal as u64), bytes).expect("write");
        assert_eq!(fixture.read(1, 14).expect("read").0.len(), 14, "{ordinal} at {at}");
        drop(fixture.resume());
        for (ordinal, whole) in (1..).zip(&whole) {
            assert!(fs::read(path(ordinal)).expect("read") == *whole, "segment {ordinal} after {at}");
        }
    }
    // One that was made ahead is empty, or gone to its half.
    for length in [0, 100, 5000] {
        fs::write(path(3), &whole[2][..length]).expect("write");
        drop(fixture.resume());
        assert!(fs::read(path(3)).expect("read") == whole[2], "{length}");
    }
    // A segment in the place of another one is no such thing.
    fs::write(path(3), &whole[1]).expect("write");
    assert!(fixture.read(1, 14).is_err());
    // Nor is a frame that is missing.
    fs::write(path(3), &whole[2]).expect("write");
    let mut bytes = whole[1].clone();
    bytes[4096..4096 + 8192].fill(0);
    fs::write(path(2), bytes).expect("write");
    assert!(fixture.read(1, 14).is_err());
}
