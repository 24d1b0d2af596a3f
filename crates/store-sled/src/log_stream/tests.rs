//! What was appended is read back, a torn tail is cut and nothing else, damage is named, and retention leaves no gap.

use std::collections::HashSet;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use proptest::prelude::*;
use store::Revision;
use store::log::LogEnd;
use store::sealing::{Randomness, RootKey};
use tempfile::TempDir;

use super::*;

/// The length of a segment where one is enough.
const SEGMENT: u64 = 16 << 20;

/// A sealed block and where it belongs.
struct Block {
    first: u64,
    count: u32,
    sealed: Vec<u8>,
}

/// A chain of entries, in blocks, and a directory for a stream of them.
struct Fixture {
    keyring: Keyring,
    records: Vec<LogRecord>,
    blocks: Vec<Block>,
    directory: TempDir,
}

impl Fixture {
    /// One block for each number: of so many entries.
    fn new(counts: &[usize]) -> Self {
        let keyring = Keyring::generate(&RootKey::generate().expect("root key")).expect("keyring").0;
        let mut end = LogEnd::EMPTY;
        let (mut records, mut blocks) = (Vec::new(), Vec::new());
        for (number, count) in counts.iter().enumerate() {
            let entries: Vec<_> =
                (0..*count).map(|entry| end.append(vec![entry as u8; (number * 31 + entry * 7) % 300])).collect();
            let sealed = seal_block(&keyring, &mut Randomness::default(), Revision(number as u64), &entries).expect("seal");
            blocks.push(Block { first: entries[0].sequence, count: *count as u32, sealed });
            records.extend(entries);
        }
        Self { keyring, records, blocks, directory: tempfile::tempdir().expect("directory") }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    fn open(&self, segment_bytes: u64, durable: u64) -> Result<LogStream, StoreError> {
        LogStream::open(&self.path(), segment_bytes, durable)
    }

    fn filled(&self, segment_bytes: u64) -> LogStream {
        let stream = self.open(segment_bytes, 0).expect("open");
        self.append_all(&stream);
        stream.sync().expect("sync");
        stream
    }

    fn append_all(&self, stream: &LogStream) {
        self.blocks.iter().for_each(|block| block.append_to(stream).expect("append"));
    }

    fn assert_whole(&self, stream: &LogStream) {
        assert_eq!(stream.end(), self.records.len() as u64);
        assert!(stream.read(1, usize::MAX, &self.keyring).expect("read") == self.records);
        let check = stream.check(&self.keyring, &mut |_| {}).expect("check");
        assert_eq!((check.damaged, check.entries), (0, stream.end()), "{:?}", check.damages);
    }

    /// The files of the stream, in order.
    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = fs::read_dir(self.path()).expect("directory").map(|entry| entry.expect("entry").path()).collect();
        files.sort();
        files
    }
}

impl Block {
    fn append_to(&self, stream: &LogStream) -> Result<(), StoreError> {
        stream.append(self.first, self.count, &self.sealed)
    }

    fn last(&self) -> u64 {
        self.first + u64::from(self.count) - 1
    }

    fn length(&self) -> usize {
        frame::PREFIX + self.sealed.len()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn what_was_appended_is_read_back(
        counts in prop::collection::vec(1_usize..9, 1..40),
        segment_bytes in 200_u64..20_000,
        reopened in prop::collection::hash_set(0_usize..40, 0..6),
        windows in prop::collection::vec((0_u64..200, 0_usize..60), 8),
    ) {
        let fixture = Fixture::new(&counts);
        let mut stream = fixture.open(segment_bytes, 0).expect("open");
        for (number, block) in fixture.blocks.iter().enumerate() {
            block.append_to(&stream).expect("append");
            if reopened.contains(&number) {
                stream.sync().expect("sync");
                drop(stream);
                stream = fixture.open(segment_bytes, block.last()).expect("open");
            }
        }
        fixture.assert_whole(&stream);
        for (from, limit) in windows {
            let expected: Vec<_> = fixture.records.iter().filter(|record| record.sequence >= from).take(limit).cloned().collect();
            prop_assert!(stream.read(from, limit, &fixture.keyring).expect("read") == expected);
        }
        let segments = stream.segments().expect("segments");
        let mut next = 1;
        for segment in &segments {
            prop_assert_eq!(segment.first, next);
            next = segment.last + 1;
            // Only a single block may be longer than a segment.
            let blocks = fixture.blocks.iter().filter(|block| (segment.first..=segment.last).contains(&block.first)).count();
            prop_assert!(segment.bytes <= segment_bytes || blocks == 1);
        }
        prop_assert_eq!(next, stream.end() + 1);
    }
}

#[test]
fn a_tail_cut_at_any_byte_keeps_its_whole_frames_and_is_completed() {
    let fixture = Fixture::new(&[1, 2, 1]);
    drop(fixture.filled(SEGMENT));
    let file = &fixture.files()[0];
    let bytes = fs::read(file).expect("segment");
    let mut ends = vec![(frame::HEADER, 0)];
    for block in &fixture.blocks {
        ends.push((ends[ends.len() - 1].0 + block.length(), block.last()));
    }
    assert_eq!(ends[ends.len() - 1].0, bytes.len());
    for length in frame::HEADER..=bytes.len() {
        fs::write(file, &bytes[..length]).expect("cut");
        let (kept, end) = *ends.iter().rfind(|(offset, _)| *offset <= length).expect("the header is whole");
        // What was synced must be there, and then the file is left as it is.
        if end < fixture.records.len() as u64 {
            match fixture.open(SEGMENT, end + 1) {
                Err(StoreError::Damaged { .. }) => assert_eq!(fs::metadata(file).expect("file").len(), length as u64),
                other => panic!("{length} bytes: {other:?}"),
            }
            fs::write(file, &bytes[..length]).expect("cut");
        }
        let stream = fixture.open(SEGMENT, end).expect("open");
        assert_eq!(stream.end(), end, "{length} bytes");
        assert_eq!(fs::metadata(file).expect("file").len(), kept as u64);
        fixture.append_all(&stream);
        fixture.assert_whole(&stream);
        assert!(fs::read(file).expect("segment") == bytes);
    }
}

/// A damaged byte costs the entries of its frame, if the journal no longer has them, and nothing else: not the start, not those
/// behind it, and not what comes.
#[test]
fn a_changed_byte_of_the_last_segment_costs_its_frame_or_nothing() {
    let fixture = Fixture::new(&[2, 1, 3, 2]);
    let (last, before) = fixture.blocks.split_last().expect("blocks");
    let stream = fixture.open(SEGMENT, 0).expect("open");
    before.iter().for_each(|block| block.append_to(&stream).expect("append"));
    stream.sync().expect("sync");
    drop(stream);
    let file = &fixture.files()[0];
    let bytes = fs::read(file).expect("segment");
    let mut starts = vec![frame::HEADER];
    before.iter().for_each(|block| starts.push(starts[starts.len() - 1] + block.length()));
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x20;
        fs::write(file, &changed).expect("write");
        let stream = fixture.open(SEGMENT, 6).expect("the start is not refused");
        assert!(fs::read(file).expect("segment") == changed, "byte {at}: damage is left as it is");
        assert_eq!(stream.end(), 6, "byte {at}");
        last.append_to(&stream).expect("append");
        stream.sync().expect("sync");
        let damaged = starts.iter().rposition(|start| at >= *start);
        let check = stream.check(&fixture.keyring, &mut |_| {}).expect("check");
        match damaged {
            // The header tells nothing that is needed.
            None => fixture.assert_whole(&stream),
            Some(damaged) => {
                assert_eq!(fixture.files().len(), 2, "byte {at}: what comes is in a segment of its own");
                let lost = u64::from(before[damaged].count);
                assert_eq!((check.damaged, check.entries), (1, 8 - lost), "byte {at}: {:?}", check.damages);
                for block in &fixture.blocks {
                    let read = stream.read(block.first, block.count as usize, &fixture.keyring);
                    match read {
                        Ok(records) => assert!(records == fixture.records[block.first as usize - 1..block.last() as usize]),
                        Err(StoreError::Damaged { what, .. }) => {
                            assert!(
                                block.first == before[damaged].first && what.contains(&*file.to_string_lossy()),
                                "{at}: {what}"
                            );
                        }
                        Err(other) => panic!("byte {at}: {other}"),
                    }
                }
            }
        }
        drop(stream);
        // So it is at the next start, whatever is the last segment then.
        assert_eq!(fixture.open(SEGMENT, 8).expect("open again").end(), 8, "byte {at}");
        fixture.files().iter().skip(1).for_each(|file| fs::remove_file(file).expect("remove"));
        // The journal has everything: what is not whole is a trace of a crash.
        if at >= frame::HEADER {
            fs::write(file, &changed).expect("write");
            let stream = fixture.open(SEGMENT, 0).expect("open");
            fixture.append_all(&stream);
            fixture.assert_whole(&stream);
        }
    }
    // What was cut off is no accident of the disk.
    for length in [frame::HEADER, starts[1], starts[2] + 5, starts[2] + 30, bytes.len() - 1] {
        fs::write(file, &bytes[..length]).expect("write");
        assert!(matches!(fixture.open(SEGMENT, 6), Err(StoreError::Damaged { .. })), "cut at {length}");
    }
}

#[test]
fn what_an_unfinished_segment_left_is_cleared() {
    let fixture = Fixture::new(&[1; 20]);
    let stream = fixture.filled(1000);
    let left = fixture.path().join(format!("{:016x}.new", stream.end() + 1));
    fs::write(&left, b"half a header").expect("write");
    drop(stream);
    // A segment that holds no frame yet.
    fs::write(fixture.path().join(segment::name(21)), frame::encode_header(21)).expect("write");
    let stream = fixture.open(1000, 20).expect("open");
    assert!(!left.exists());
    assert_eq!(stream.end(), 20);
    fixture.assert_whole(&stream);
    let mut end = LogEnd { sequence: 20, hash: fixture.records[19].hash };
    let sealed =
        seal_block(&fixture.keyring, &mut Randomness::default(), Revision(21), &[end.append(b"next".to_vec())]).expect("seal");
    stream.append(21, 1, &sealed).expect("append");
    assert_eq!(stream.read(20, 9, &fixture.keyring).expect("read").len(), 2);
    assert!(fixture.files().last().expect("file").ends_with(segment::name(21)));
}

#[test]
fn a_missing_stream_or_segment_is_an_error() {
    let fixture = Fixture::new(&[1; 40]);
    drop(fixture.filled(1500));
    let files = fixture.files();
    assert!(files.len() > 4, "{files:?}");
    let bytes = fs::read(&files[2]).expect("segment");
    fs::remove_file(&files[2]).expect("remove");
    let stream = fixture.open(1500, 40).expect("the last segment is whole");
    match stream.read(1, usize::MAX, &fixture.keyring) {
        Err(StoreError::Damaged { what, cause }) => {
            assert!(what.contains(&*files[1].to_string_lossy()) && cause.contains("ends too early"), "{what}: {cause}");
        }
        other => panic!("{other:?}"),
    }
    let check = stream.check(&fixture.keyring, &mut |_| {}).expect("check");
    assert_eq!(check.damaged, 1);
    assert!(check.damages[0].to_string().contains("cannot be read"), "{}", check.damages[0]);
    drop(stream);
    fs::write(&files[2], bytes).expect("write");
    fixture.assert_whole(&fixture.open(1500, 40).expect("open"));

    fs::remove_file(files.last().expect("file")).expect("remove");
    assert!(matches!(fixture.open(1500, 40), Err(StoreError::Damaged { .. })));
    fs::remove_dir_all(fixture.path()).expect("remove");
    assert!(matches!(fixture.open(1500, 40), Err(StoreError::Damaged { .. })));
}

#[test]
fn damage_before_the_last_segment_is_named_and_the_rest_is_read() {
    let fixture = Fixture::new(&[2; 60]);
    let stream = fixture.filled(4000);
    let files = fixture.files();
    let bytes = fs::read(&files[1]).expect("segment");
    let info = stream.segments().expect("segments")[1];
    for at in (0..bytes.len()).step_by(11) {
        let mut changed = bytes.clone();
        changed[at] ^= 4;
        fs::write(&files[1], changed).expect("write");
        let stream = fixture.open(4000, 120).expect("the last segment is whole");
        match stream.read(info.first, (info.last - info.first + 1) as usize, &fixture.keyring) {
            Ok(_) if at < frame::HEADER => {}
            Err(StoreError::Damaged { what, .. }) => assert!(what.contains(&*files[1].to_string_lossy()), "{what}"),
            other => panic!("byte {at}: {other:?}"),
        }
        let before = stream.read(1, info.first as usize - 1, &fixture.keyring).expect("before");
        let after = stream.read(info.last + 1, usize::MAX, &fixture.keyring).expect("after");
        assert!(before == fixture.records[..info.first as usize - 1] && after == fixture.records[info.last as usize..]);
        // All other blocks of the segment are found again. Its header tells nothing.
        let check = stream.check(&fixture.keyring, &mut |_| {}).expect("check");
        let (damaged, lost) = if at < frame::HEADER { (0, 0) } else { (1, 2) };
        assert_eq!(check.damaged, damaged, "byte {at}: {:?}", check.damages);
        assert_eq!(check.entries, 120 - lost, "byte {at}: {:?}", check.damages);
    }
    fs::write(&files[1], &bytes[..bytes.len() - 5]).expect("write");
    let check = fixture.open(4000, 120).expect("open").check(&fixture.keyring, &mut |_| {}).expect("check");
    assert_eq!((check.damaged, check.entries), (1, 118), "{:?}", check.damages);
}

#[test]
fn an_authentic_block_off_the_chain_is_found_by_a_check() {
    let fixture = Fixture::new(&[1, 1, 1]);
    let stream = fixture.open(SEGMENT, 0).expect("open");
    fixture.blocks[0].append_to(&stream).expect("append");
    let forged = LogRecord { sequence: 2, hash: [7; 32], entry: b"forged".to_vec() };
    stream
        .append(2, 1, &seal_block(&fixture.keyring, &mut Randomness::default(), Revision(2), &[forged]).expect("seal"))
        .expect("append");
    let check = stream.check(&fixture.keyring, &mut |_| {}).expect("check");
    assert!(check.damaged == 1 && check.damages[0].to_string().contains("log entry 2"), "{:?}", check.damages);
    // Another store's block does not open at all.
    let other = Fixture::new(&[1, 1, 1]);
    other.blocks[2].append_to(&stream).expect("append");
    assert!(matches!(stream.read(3, 1, &fixture.keyring), Err(StoreError::Damaged { .. })));
}

#[test]
fn what_is_there_is_skipped_and_a_gap_is_refused() {
    let fixture = Fixture::new(&[2, 3, 1]);
    let stream = fixture.open(SEGMENT, 0).expect("open");
    let [first, second, third] = &fixture.blocks[..] else { panic!("three blocks") };
    assert!(matches!(second.append_to(&stream), Err(StoreError::Failed { .. })));
    first.append_to(&stream).expect("append");
    assert!(matches!(third.append_to(&stream), Err(StoreError::Failed { .. })));
    assert!(matches!(stream.append(3, 0, b"sealed"), Err(StoreError::Failed { .. })));
    assert!(matches!(stream.append(3, 1, b""), Err(StoreError::Failed { .. })));
    for block in [first, second, first, second, third, first] {
        block.append_to(&stream).expect("append");
    }
    // It overlaps the end.
    assert!(matches!(stream.append(6, 2, b"sealed"), Err(StoreError::Failed { .. })));
    fixture.assert_whole(&stream);
    let whole = frame::HEADER + fixture.blocks.iter().map(Block::length).sum::<usize>();
    assert_eq!(fs::metadata(&fixture.files()[0]).expect("file").len(), whole as u64);
}

#[test]
fn retention_drops_the_oldest_whole_segments_and_never_the_last() {
    let fixture = Fixture::new(&[2; 60]);
    let stream = fixture.filled(4000);
    let segments = stream.segments().expect("segments");
    assert!(segments.len() > 4);
    assert_eq!(stream.drop_before(segments[0].last).expect("drop"), 0);
    assert_eq!(stream.drop_before(segments[2].first + 1).expect("drop"), 2);
    assert_eq!((stream.first(), stream.end()), (segments[2].first, 120));
    let kept = &fixture.records[segments[2].first as usize - 1..];
    for stream in [stream, fixture.open(4000, 120).expect("open")] {
        assert!(stream.read(1, usize::MAX, &fixture.keyring).expect("read") == kept);
        let check = stream.check(&fixture.keyring, &mut |_| {}).expect("check");
        assert_eq!((check.damaged, check.entries), (0, kept.len() as u64), "{:?}", check.damages);
    }
    let stream = fixture.open(4000, 120).expect("open");
    stream.drop_before(u64::MAX).expect("drop");
    assert_eq!(stream.segments().expect("segments").len(), 1);
    assert_eq!((fixture.files().len(), stream.end()), (1, 120));
}

#[test]
fn readers_read_while_entries_are_appended_and_dropped() {
    let fixture = Fixture::new(&[3; 600]);
    let stream = fixture.open(8000, 0).expect("open");
    let finished = AtomicBool::new(false);
    let (stream, fixture_ref, done) = (&stream, &fixture, &finished);
    thread::scope(|scope| {
        let reader = move |step: u64| {
            let mut seen = HashSet::new();
            let mut from = 1;
            while !done.load(Ordering::Acquire) {
                let records = stream.read(from, 50, &fixture_ref.keyring).expect("read");
                for record in &records {
                    assert!(*record == fixture_ref.records[record.sequence as usize - 1]);
                }
                assert!(records.windows(2).all(|pair| pair[0].sequence + 1 == pair[1].sequence));
                seen.extend(records.iter().map(|record| record.sequence));
                from = if from + step > stream.end() { stream.first() } else { from + step };
            }
            seen.len()
        };
        let readers = [7, 23].map(|step| scope.spawn(move || reader(step)));
        for (number, block) in fixture_ref.blocks.iter().enumerate() {
            block.append_to(stream).expect("append");
            if number % 50 == 49 {
                stream.sync().expect("sync");
                stream.drop_before(block.first.saturating_sub(200)).expect("drop");
            }
        }
        thread::sleep(std::time::Duration::from_millis(50));
        done.store(true, Ordering::Release);
        for reader in readers {
            assert!(reader.join().expect("reader") > 0);
        }
    });
    assert!(stream.first() > 1 && stream.end() == 1800);
}

#[test]
fn a_full_disk_is_forgiven_and_any_other_failure_is_not() {
    let fixture = Fixture::new(&[1, 2, 1]);
    let stream = fixture.open(SEGMENT, 0).expect("open");
    let [first, second, third] = &fixture.blocks[..] else { panic!("three blocks") };
    first.append_to(&stream).expect("append");
    let full = OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let file = stream.writer().file.replace(full);
    assert!(matches!(second.append_to(&stream), Err(StoreError::Full)));
    assert!(matches!(second.append_to(&stream), Err(StoreError::Full)));
    assert_eq!(stream.end(), 2 - 1);
    stream.writer().file = file;
    second.append_to(&stream).expect("there is room again");
    stream.sync().expect("sync");

    // A file that cannot be written.
    stream.writer().file = Some(File::open(&fixture.files()[0]).expect("open"));
    assert!(matches!(third.append_to(&stream), Err(StoreError::Failed { .. })));
    assert!(matches!(third.append_to(&stream), Err(StoreError::ReadOnly(_))));
    assert!(matches!(stream.sync(), Err(StoreError::ReadOnly(_))));
    assert_eq!(stream.read(1, 9, &fixture.keyring).expect("reads go on").len(), 3);
    drop(stream);

    let stream = fixture.open(SEGMENT, 3).expect("open");
    third.append_to(&stream).expect("append");
    // A file that cannot be synced.
    stream.writer().file = Some(OpenOptions::new().write(true).open("/dev/full").expect("/dev/full"));
    assert!(matches!(stream.sync(), Err(StoreError::Failed { .. })));
    assert!(matches!(stream.sync(), Err(StoreError::ReadOnly(_))));
    drop(stream);
    fixture.assert_whole(&fixture.open(SEGMENT, 3).expect("open"));
}

#[test]
fn files_are_private_and_hold_nothing_in_clear() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::new(&[1; 50]);
    drop(fixture.filled(2000));
    assert_eq!(fs::metadata(fixture.path()).expect("directory").permissions().mode() & 0o777, 0o700);
    for file in fixture.files() {
        assert_eq!(fs::metadata(&file).expect("file").permissions().mode() & 0o777, 0o600);
        let bytes = fs::read(&file).expect("file");
        assert!(!fixture.records.iter().any(|record| bytes.windows(32).any(|window| window == record.hash)));
    }
}

#[test]
fn a_segment_that_cannot_be_removed_keeps_those_behind_it() {
    let fixture = Fixture::new(&[1; 40]);
    let stream = fixture.filled(1500);
    let files = fixture.files();
    // A directory that is not empty, under its name, is no file that can be removed.
    let aside = fixture.directory.path().join("aside");
    fs::rename(&files[0], &aside).expect("rename");
    fs::create_dir(&files[0]).expect("directory");
    for _ in 0..2 {
        assert!(matches!(stream.drop_before(40), Err(StoreError::Failed { .. })));
        assert!(fixture.files() == files && stream.first() == 1);
    }
    fs::remove_dir(&files[0]).expect("remove");
    fs::rename(&aside, &files[0]).expect("rename");
    fixture.assert_whole(&stream);
    // One that somebody else removed is gone.
    fs::remove_file(&files[0]).expect("remove");
    assert_eq!(stream.drop_before(40).expect("drop"), files.len() - 1);
}
