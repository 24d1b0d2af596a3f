//! A stream comes back as it was written, or not at all.

use std::io::{self, Write};

use proptest::prelude::*;

use super::*;

const KIND: StreamKind = StreamKind::Snapshot;

fn keyring() -> Keyring {
    Keyring::generate(&RootKey::generate().expect("root key")).expect("keyring").0
}

fn write(keys: KeySource<'_>, kind: StreamKind, header: &[u8], items: &[Vec<u8>]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), keys, kind, header).expect("begin");
    items.iter().for_each(|item| writer.item(item).expect("item"));
    writer.finish().expect("finish")
}

fn read(keys: KeySource<'_>, kind: StreamKind, bytes: &[u8]) -> Result<(Vec<u8>, Vec<Vec<u8>>), StreamError> {
    let (mut reader, header) = Reader::open(bytes, keys, kind)?;
    let mut items = Vec::new();
    while let Some(item) = reader.next()? {
        items.push(item.to_vec());
    }
    assert!(reader.next().expect("still at the end").is_none());
    Ok((header, items))
}

/// Items whose bytes fill so many chunks, the last one exactly so far.
fn items(total: usize) -> Vec<Vec<u8>> {
    let mut left = total;
    let mut items = Vec::new();
    while left > 0 {
        let length = (left - LENGTH).min(50_000);
        // What is left must hold the length of an item.
        let length = if left - LENGTH - length > 0 && left - LENGTH - length < LENGTH { length - LENGTH } else { length };
        items.push((0..length).map(|byte| (byte + items.len()) as u8).collect());
        left -= LENGTH + length;
    }
    items
}

/// The chunks of a stream with this header: where each begins and ends.
fn chunks(bytes: &[u8], header: usize) -> Vec<std::ops::Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = PREFIX + header + TAG;
    while start < bytes.len() {
        let length = u32::from_be_bytes(bytes[start..start + LENGTH].try_into().expect("length")) & !LAST;
        let end = start + LENGTH + length as usize + TAG;
        ranges.push(start..end);
        start = end;
    }
    ranges
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_items_come_back(
        header in prop::collection::vec(any::<u8>(), 0..MAX_HEADER),
        lengths in prop::collection::vec(prop_oneof![0_usize..100, 0_usize..300_000], 0..12),
        byte in any::<u8>(),
    ) {
        let keyring = keyring();
        let items: Vec<_> = lengths.iter().map(|length| (0..*length).map(|at| byte.wrapping_add((at / 7) as u8)).collect()).collect();
        let bytes = write((&keyring).into(), KIND, &header, &items);
        let (found_header, found) = read((&keyring).into(), KIND, &bytes).expect("read");
        prop_assert!(found_header == header && found == items);
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), whole_prefix in any::<bool>()) {
        let keyring = keyring();
        let bytes = if whole_prefix { [write((&keyring).into(), KIND, b"h", &[]), bytes].concat() } else { bytes };
        let intact = whole_prefix && bytes.len() == PREFIX + 1 + TAG + LENGTH + TAG;
        prop_assert_eq!(read((&keyring).into(), KIND, &bytes).is_ok(), intact);
    }
}

#[test]
fn items_and_chunks_of_every_size_around_a_boundary_come_back() {
    let keyring = keyring();
    for total in [0, 4, 5, CHUNK - 1, CHUNK, CHUNK + 4, CHUNK + 5, 2 * CHUNK, 3 * CHUNK + 17] {
        let items = items(total);
        let bytes = write((&keyring).into(), KIND, b"", &items);
        assert_eq!(bytes.len(), PREFIX + TAG + total + total.div_ceil(CHUNK).max(1) * (LENGTH + TAG), "{total}");
        assert!(read((&keyring).into(), KIND, &bytes).expect("read").1 == items, "{total}");
    }
    let largest = vec![vec![7; MAX_ITEM], vec![8; MAX_ITEM]];
    assert!(read((&keyring).into(), KIND, &write((&keyring).into(), KIND, b"", &largest)).expect("read").1 == largest);
}

#[test]
fn every_flipped_bit_and_every_cut_is_an_error() {
    let keyring = keyring();
    let mut bytes = write((&keyring).into(), KIND, b"header", &[b"first".to_vec(), vec![], b"third".to_vec()]);
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(read((&keyring).into(), KIND, &bytes).is_err(), "bit {bit}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    for length in 0..bytes.len() {
        match read((&keyring).into(), KIND, &bytes[..length]) {
            Err(StreamError::Damaged { what: "the stream is cut off", .. }) => {}
            other => panic!("{length} bytes: {other:?}"),
        }
    }
    assert!(read((&keyring).into(), KIND, &bytes).is_ok());
    bytes.push(0);
    assert!(matches!(read((&keyring).into(), KIND, &bytes), Err(StreamError::Damaged { .. })));
}

#[test]
fn a_flipped_bit_or_cut_anywhere_in_many_chunks_is_an_error() {
    let keyring = keyring();
    let mut bytes = write((&keyring).into(), KIND, b"header", &items(3 * CHUNK + 100));
    for byte in (0..bytes.len()).step_by(1021) {
        bytes[byte] ^= 0x10;
        assert!(read((&keyring).into(), KIND, &bytes).is_err(), "byte {byte}");
        bytes[byte] ^= 0x10;
        assert!(read((&keyring).into(), KIND, &bytes[..byte]).is_err(), "{byte} bytes");
    }
}

#[test]
fn chunks_cannot_be_dropped_swapped_repeated_or_taken_from_another_stream() {
    let keyring = keyring();
    let bytes = write((&keyring).into(), KIND, b"header", &items(3 * CHUNK + 100));
    let other = write((&keyring).into(), KIND, b"header", &items(3 * CHUNK + 100));
    let ranges = chunks(&bytes, 6);
    assert_eq!(ranges.len(), 4);
    let front = bytes[..ranges[0].start].to_vec();
    let built = |parts: &[&[u8]]| [&front[..], &parts.concat()].concat();
    let [first, second, third, last] = [0, 1, 2, 3].map(|chunk| &bytes[ranges[chunk].clone()]);
    assert_eq!(built(&[first, second, third, last]), bytes);
    // A chunk made the last one by its length alone.
    let mut marked = second.to_vec();
    marked[0] |= 0x80;
    for (what, changed) in [
        ("cut after a whole chunk", built(&[first, second])),
        ("no chunk at all", built(&[])),
        ("cut and marked", built(&[first, &marked])),
        ("dropped", built(&[first, third, last])),
        ("swapped", built(&[second, first, third, last])),
        ("repeated", built(&[first, first, second, third, last])),
        ("extended", built(&[first, second, third, last, last])),
        ("of another stream", built(&[first, &other[ranges[1].clone()], third, last])),
        ("the front of another stream", [&other[..front.len()], &bytes[front.len()..]].concat()),
    ] {
        assert!(matches!(read((&keyring).into(), KIND, &changed), Err(StreamError::Damaged { .. })), "{what}");
    }
}

#[test]
fn a_stream_opens_as_what_it_is_under_its_own_keys() {
    let (root, other_root) = (RootKey::generate().expect("root key"), RootKey::generate().expect("root key"));
    let (keyring, file) = Keyring::generate(&root).expect("keyring");
    let bytes = write((&keyring).into(), StreamKind::Index, b"header", &[b"item".to_vec()]);
    let again = Keyring::read(&root, &file).expect("keyring");
    assert_eq!(read((&again).into(), StreamKind::Index, &bytes).expect("read"), (b"header".to_vec(), vec![b"item".to_vec()]));
    let wrong_kind = read((&keyring).into(), KIND, &bytes);
    assert!(matches!(wrong_kind, Err(StreamError::WrongKind { expected: KIND, found: StreamKind::Index })));
    let another_store = Keyring::generate(&root).expect("keyring").0;
    assert!(matches!(read((&another_store).into(), StreamKind::Index, &bytes), Err(StreamError::Damaged { offset: 20, .. })));
    assert!(matches!(read((&root).into(), StreamKind::Index, &bytes), Err(StreamError::WrongKeySource(_))));
    let mut later_epoch = bytes;
    later_epoch[19] = 9;
    assert!(matches!(read((&keyring).into(), StreamKind::Index, &later_epoch), Err(StreamError::NoEpochKey(9))));

    let bytes = write((&root).into(), StreamKind::Export, b"header", &[b"item".to_vec()]);
    assert_eq!(read((&root).into(), StreamKind::Export, &bytes).expect("read").1, [b"item".to_vec()]);
    match read((&other_root).into(), StreamKind::Export, &bytes) {
        Err(StreamError::WrongRootKey { expected, given }) => {
            assert!(expected == root.identifier() && given == other_root.identifier());
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(read((&keyring).into(), StreamKind::Export, &bytes), Err(StreamError::WrongKeySource(_))));
}

#[test]
fn a_newer_format_is_named() {
    let keyring = keyring();
    let mut bytes = write((&keyring).into(), KIND, b"", &[]);
    bytes[9] = 2;
    assert!(matches!(read((&keyring).into(), KIND, &bytes), Err(StreamError::NewerFormat(2))));
    bytes[9] = 0;
    assert!(matches!(read((&keyring).into(), KIND, &bytes), Err(StreamError::Damaged { what: "it is not sealed", .. })));
}

#[test]
fn contents_are_not_in_the_bytes_and_the_header_is() {
    let keyring = keyring();
    let bytes = write((&keyring).into(), KIND, b"the header is in clear", &[b"sixteen bytes or so, twice over".to_vec()]);
    assert!(bytes.windows(22).any(|window| window == b"the header is in clear"));
    assert!(!bytes.windows(8).any(|window| b"sixteen bytes or so, twice over".windows(8).any(|clear| clear == window)));
}

#[test]
#[cfg(feature = "insecure-unsealed-for-tests")]
fn the_control_run_finds_what_a_search_must_not_find() {
    let sealing = keyring();
    let unsealed = keyring().unsealed_for_tests();
    let bytes = write((&unsealed).into(), KIND, b"", &[b"sixteen bytes or so, twice over".to_vec()]);
    assert!(bytes.windows(31).any(|window| window == b"sixteen bytes or so, twice over"));
    assert_eq!(read((&unsealed).into(), KIND, &bytes).expect("read").1.len(), 1);
    assert!(matches!(read((&sealing).into(), KIND, &bytes), Err(StreamError::Damaged { what: "it is not sealed", .. })));
}

#[test]
fn what_is_too_large_is_refused_and_leaves_the_stream_as_it_was() {
    let keyring = keyring();
    let long = [0; MAX_HEADER + 1];
    assert!(matches!(Writer::new(Vec::new(), &keyring, KIND, &long), Err(StreamError::TooLarge { .. })));
    let mut writer = Writer::new(Vec::new(), &keyring, KIND, b"").expect("begin");
    writer.item(b"first").expect("item");
    assert!(matches!(writer.item(&vec![0; MAX_ITEM + 1]), Err(StreamError::TooLarge { .. })));
    writer.item(b"second").expect("item");
    let bytes = writer.finish().expect("finish");
    assert_eq!(read((&keyring).into(), KIND, &bytes).expect("read").1, [b"first".to_vec(), b"second".to_vec()]);
}

#[test]
fn authentic_bytes_that_are_no_items_are_an_error() {
    let keyring = keyring();
    for clear in [&[0, 0, 0, 9, 1][..], &[0, 0], &[0xff, 0xff, 0xff, 0xff, 1]] {
        let mut writer = Writer::new(Vec::new(), &keyring, KIND, b"").expect("begin");
        writer.append(clear).expect("append");
        let bytes = writer.finish().expect("finish");
        assert!(matches!(read((&keyring).into(), KIND, &bytes), Err(StreamError::Damaged { .. })), "{clear:?}");
    }
}

/// Takes so many bytes, then fails once.
struct Failing {
    left: usize,
    failed: bool,
}

impl Write for Failing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.left && !self.failed {
            self.failed = true;
            return Err(io::Error::other("no more"));
        }
        self.left = self.left.saturating_sub(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_failed_write_is_never_followed_by_a_finished_stream() {
    let keyring = keyring();
    let mut writer = Writer::new(Failing { left: CHUNK / 2, failed: false }, &keyring, KIND, b"").expect("begin");
    assert!(matches!(writer.item(&vec![0; 2 * CHUNK]), Err(StreamError::Io(_))));
    assert!(matches!(writer.finish(), Err(StreamError::Failed(_))));

    let bytes = write((&keyring).into(), KIND, b"", &items(2 * CHUNK));
    let mut cut = &bytes[..bytes.len() - 1];
    let (mut reader, _) = Reader::open(&mut cut, &keyring, KIND).expect("open");
    let error = loop {
        match reader.next() {
            Ok(item) => assert!(item.is_some(), "a cut stream has no end"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StreamError::Damaged { .. }));
    assert!(matches!(reader.next(), Err(StreamError::Failed(_))));
}
