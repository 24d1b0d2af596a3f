//! Properties: any tree writes and reads to itself; any bytes at all are read without a panic, and errors know their place.

#![allow(clippy::unwrap_used)] // A failed unwrap is a failed test.

use proptest::prelude::*;
use ttlv_codec::{Error, HEADER_LENGTH, ItemType, Limits, Reader, Tag, Tree, TreeValue, Value, Writer, check, path_at};

fn tags() -> impl Strategy<Value = Tag> {
    (0..=0xFF_FFFF_u32).prop_map(Tag)
}

fn leaves() -> impl Strategy<Value = TreeValue> {
    let big = prop::collection::vec(any::<[u8; 8]>(), 1..5).prop_map(|words| TreeValue::BigInteger(words.concat()));
    prop_oneof![
        any::<i32>().prop_map(TreeValue::Integer),
        any::<i64>().prop_map(TreeValue::LongInteger),
        big,
        any::<u32>().prop_map(TreeValue::Enumeration),
        any::<bool>().prop_map(TreeValue::Boolean),
        any::<String>().prop_map(TreeValue::TextString),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(TreeValue::ByteString),
        any::<i64>().prop_map(TreeValue::DateTime),
        any::<u32>().prop_map(TreeValue::Interval),
        any::<i64>().prop_map(TreeValue::DateTimeExtended),
        any::<String>().prop_map(TreeValue::Identifier),
        any::<String>().prop_map(TreeValue::Reference),
        any::<String>().prop_map(TreeValue::NameReference),
    ]
}

fn trees() -> impl Strategy<Value = Tree> {
    let values = leaves().prop_recursive(6, 48, 6, |inside| {
        let children = (tags(), inside).prop_map(|(tag, value)| Tree { tag, value });
        prop::collection::vec(children, 0..6).prop_map(TreeValue::Structure)
    });
    (tags(), values).prop_map(|(tag, value)| Tree { tag, value })
}

/// Trees that have something inside.
fn structures() -> impl Strategy<Value = Tree> {
    (tags(), prop::collection::vec(trees(), 1..6)).prop_map(|(tag, inside)| Tree { tag, value: TreeValue::Structure(inside) })
}

fn items(tree: &Tree) -> usize {
    match &tree.value {
        TreeValue::Structure(inside) => 1 + inside.iter().map(items).sum::<usize>(),
        _ => 1,
    }
}

/// Structures inside one another.
fn depth(tree: &Tree) -> usize {
    match &tree.value {
        TreeValue::Structure(inside) => 1 + inside.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Reads everything there is to read, as far as it goes.
fn walk(mut reader: Reader<'_>, end: usize, depth: usize) -> Result<(), Error> {
    while let Some(item) = reader.next_item()? {
        assert!(item.offset + item.raw().len() <= end, "an item ends where its structure does, or before");
        assert_eq!(item.raw().len() % 8, 0);
        if let Value::Structure(inside) = item.value
            && depth < 64
        {
            walk(inside, item.offset + item.raw().len(), depth + 1)?;
        }
    }
    Ok(())
}

/// The offsets of all items of a message, in order.
fn offsets(reader: Reader<'_>, all: &mut Vec<usize>) {
    let mut reader = reader;
    while let Ok(Some(item)) = reader.next_item() {
        all.push(item.offset);
        if let Value::Structure(inside) = item.value {
            offsets(inside, all);
        }
    }
}

fn exercise(bytes: &[u8]) -> Result<Tree, Error> {
    let limits = Limits::default();
    let checked = check(bytes, &limits);
    let walked = walk(Reader::new(bytes), bytes.len(), 0);
    let parsed = Tree::parse(bytes, &limits);
    assert_eq!(checked.err(), parsed.as_ref().err().copied(), "the check and the tree agree");
    for error in [checked.err(), walked.err()].into_iter().flatten() {
        assert!(error.offset <= bytes.len(), "{error:?}");
        assert!(!error.to_string().is_empty());
        let _ = path_at(bytes, error.offset);
    }
    parsed
}

proptest! {
    #[test]
    fn any_tree_writes_and_reads_to_itself(tree in trees()) {
        let bytes = tree.to_bytes();
        prop_assert_eq!(bytes.len() % 8, 0);
        let read = exercise(&bytes).unwrap();
        prop_assert_eq!(&read, &tree);
        // The other way round: what was read writes to the same bytes.
        prop_assert_eq!(read.to_bytes(), bytes);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = exercise(&bytes);
    }

    /// Bytes that look like items more often than pure chance makes them.
    #[test]
    fn any_item_like_bytes_are_read_without_a_panic(
        parts in prop::collection::vec((tags(), 0..=0x10_u8, 0..40_u32, prop::collection::vec(any::<u8>(), 0..5)), 0..12)
    ) {
        let mut bytes = Vec::new();
        for (tag, item_type, length, content) in parts {
            bytes.extend_from_slice(&tag.0.to_be_bytes()[1..]);
            bytes.push(item_type);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(&content);
            bytes.resize(bytes.len().next_multiple_of(8), 0);
        }
        if let Ok(tree) = exercise(&bytes) {
            prop_assert_eq!(tree.to_bytes(), bytes, "there is one encoding");
        }
    }

    #[test]
    fn every_truncation_is_an_error_inside_the_message(tree in structures()) {
        let bytes = tree.to_bytes();
        for end in 0..bytes.len() {
            let error = exercise(&bytes[..end]).unwrap_err();
            prop_assert!(error.offset <= end);
        }
    }

    #[test]
    fn any_flipped_bits_are_read_without_a_panic(
        tree in structures(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u32), 1..4),
    ) {
        let mut bytes = tree.to_bytes();
        for (index, bit) in flips {
            let at = index.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        // One encoding per tree: other bytes are another tree, or none.
        if let Ok(other) = exercise(&bytes) {
            prop_assert_eq!(other.to_bytes(), bytes);
        }
    }

    #[test]
    fn the_limit_of_items_is_exact(tree in trees()) {
        let bytes = tree.to_bytes();
        let count = items(&tree);
        let limits = Limits { items: count, ..Limits::default() };
        prop_assert!(check(&bytes, &limits).is_ok());
        let limits = Limits { items: count - 1, ..Limits::default() };
        prop_assert!(check(&bytes, &limits).is_err());
    }

    #[test]
    fn the_limit_of_depth_is_exact(tree in structures()) {
        let bytes = tree.to_bytes();
        let deep = depth(&tree);
        let limits = Limits { depth: deep, ..Limits::default() };
        prop_assert!(check(&bytes, &limits).is_ok());
        let limits = Limits { depth: deep - 1, ..Limits::default() };
        prop_assert!(check(&bytes, &limits).is_err());
    }

    #[test]
    fn the_limit_of_length_is_exact(tree in trees()) {
        let bytes = tree.to_bytes();
        let limits = Limits { length: bytes.len(), ..Limits::default() };
        prop_assert!(check(&bytes, &limits).is_ok());
        let limits = Limits { length: bytes.len() - 1, ..Limits::default() };
        prop_assert!(check(&bytes, &limits).is_err());
    }

    #[test]
    fn the_path_of_every_item_ends_at_it(tree in structures()) {
        let bytes = tree.to_bytes();
        let mut all = Vec::new();
        offsets(Reader::new(&bytes), &mut all);
        prop_assert_eq!(all.len(), items(&tree));
        for offset in all {
            let path = path_at(&bytes, offset);
            prop_assert_eq!(path[0], tree.tag);
            let header = &bytes[offset..offset + HEADER_LENGTH];
            let tag = Tag(u32::from_be_bytes([0, header[0], header[1], header[2]]));
            prop_assert_eq!(path.last(), Some(&tag));
        }
    }

    #[test]
    fn any_path_is_found_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), offset in any::<usize>()) {
        let _ = path_at(&bytes, offset);
        let _ = path_at(&bytes, offset % 128);
    }
}

#[test]
fn depth_has_a_ceiling_that_no_setting_lifts() {
    let nested = |levels: usize| {
        let mut writer = Writer::new();
        let open: Vec<_> = (0..levels).map(|_| writer.begin(Tag(0x42_0001))).collect();
        open.into_iter().rev().for_each(|open| writer.end(open));
        writer.finish()
    };
    let unlimited = Limits { depth: usize::MAX, length: usize::MAX, items: usize::MAX };
    assert!(check(&nested(Limits::DEPTH_CEILING), &unlimited).is_ok());
    assert!(check(&nested(Limits::DEPTH_CEILING + 1), &unlimited).is_err());
    assert!(check(&nested(Limits::default().depth), &Limits::default()).is_ok());
    assert!(check(&nested(Limits::default().depth + 1), &Limits::default()).is_err());
    // As deep as a mebibyte can be: refused at the limit, not at the end of the stack.
    let error = Tree::parse(&nested(100_000), &Limits::default()).unwrap_err();
    assert_eq!(error.offset, Limits::default().depth * HEADER_LENGTH);
}

#[test]
fn paths_of_a_known_message() {
    let (message, header, item) = (Tag(0x42_0078), Tag(0x42_0077), Tag(0x42_000F));
    let mut writer = Writer::new();
    writer.structure(message, |writer| {
        writer.structure(header, |writer| writer.integer(Tag(0x42_006A), 1));
        writer.structure(item, |_| {});
    });
    let bytes = writer.finish();
    for (offset, expected) in [
        (0, vec![message]),
        (8, vec![message, header]),
        (16, vec![message, header, Tag(0x42_006A)]),
        (31, vec![message, header, Tag(0x42_006A)]),
        (32, vec![message, item]),
        (40, vec![]),
    ] {
        assert_eq!(path_at(&bytes, offset), expected, "{offset}");
    }
    // Where the bytes cannot be walked, the path ends early.
    assert_eq!(path_at(&bytes[..20], 16), []);
    let mut broken = bytes.clone();
    broken[19] = 0x77;
    assert_eq!(path_at(&broken, 16), [message, header]);
}

#[test]
fn lengths_that_a_type_allows() {
    for item_type in ItemType::ALL {
        for length in 0..40_usize {
            let expected = match item_type {
                ItemType::Integer | ItemType::Enumeration | ItemType::Interval => length == 4,
                ItemType::LongInteger | ItemType::Boolean | ItemType::DateTime | ItemType::DateTimeExtended => length == 8,
                ItemType::Structure => length % 8 == 0,
                ItemType::BigInteger => length % 8 == 0 && length > 0,
                _ => true,
            };
            assert_eq!(item_type.allows_length(length), expected, "{item_type:?} {length}");
        }
    }
}
