//! Known encodings: the examples of the standard (1.4, section 9.1.2), and the types that came later.

#![allow(clippy::unwrap_used)] // A failed unwrap is a failed test.

use ttlv_codec::{Error, ErrorKind, HEADER_LENGTH, ItemType, Limits, Reader, Tag, Tree, TreeValue, Value, Writer, padded};

const TAG: Tag = Tag(0x42_0020);

/// Bytes from hexadecimal with spaces and bars.
fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn examples() -> Vec<(&'static str, TreeValue)> {
    let text = |text: &str| text.to_owned();
    vec![
        ("420020 | 02 | 00000004 | 0000000800000000", TreeValue::Integer(8)),
        ("420020 | 03 | 00000008 | 01B69B4BA5749200", TreeValue::LongInteger(123_456_789_000_000_000)),
        (
            "420020 | 04 | 00000010 | 0000000003FD35EB6BC2DF4618080000",
            TreeValue::BigInteger(bytes("0000000003FD35EB6BC2DF4618080000")),
        ),
        ("420020 | 05 | 00000004 | 000000FF00000000", TreeValue::Enumeration(255)),
        ("420020 | 06 | 00000008 | 0000000000000001", TreeValue::Boolean(true)),
        ("420020 | 07 | 0000000B | 48656C6C6F20576F726C640000000000", TreeValue::TextString(text("Hello World"))),
        ("420020 | 08 | 00000003 | 0102030000000000", TreeValue::ByteString(vec![1, 2, 3])),
        ("420020 | 09 | 00000008 | 0000000047DA67F8", TreeValue::DateTime(1_205_495_800)),
        ("420020 | 0A | 00000004 | 000D2F0000000000", TreeValue::Interval(864_000)),
        (
            "420020 | 01 | 00000020 | 420004 | 05 | 00000004 | 000000FE00000000 | 420005 | 02 | 00000004 | 000000FF00000000",
            TreeValue::Structure(vec![
                Tree { tag: Tag(0x42_0004), value: TreeValue::Enumeration(254) },
                Tree { tag: Tag(0x42_0005), value: TreeValue::Integer(255) },
            ]),
        ),
        ("420020 | 0B | 00000008 | 000448536B2E2E00", TreeValue::DateTimeExtended(0x0004_4853_6B2E_2E00)),
        ("420020 | 0C | 00000002 | 6964000000000000", TreeValue::Identifier(text("id"))),
        ("420020 | 0D | 00000003 | 7265660000000000", TreeValue::Reference(text("ref"))),
        ("420020 | 0E | 00000008 | 6E616D652D726566", TreeValue::NameReference(text("name-ref"))),
        // The ends of the ranges, and nothing at all.
        ("420020 | 02 | 00000004 | 8000000000000000", TreeValue::Integer(i32::MIN)),
        ("420020 | 03 | 00000008 | FFFFFFFFFFFFFFFF", TreeValue::LongInteger(-1)),
        ("420020 | 04 | 00000008 | FFFFFFFFFFFFFFFE", TreeValue::BigInteger(bytes("FFFFFFFFFFFFFFFE"))),
        ("420020 | 06 | 00000008 | 0000000000000000", TreeValue::Boolean(false)),
        ("420020 | 07 | 00000000 |", TreeValue::TextString(String::new())),
        ("420020 | 07 | 00000005 | C3BCE282AC000000", TreeValue::TextString(text("ü€"))),
        ("420020 | 08 | 00000000 |", TreeValue::ByteString(vec![])),
        ("420020 | 09 | 00000008 | FFFFFFFFFFFFFFFF", TreeValue::DateTime(-1)),
        ("420020 | 0A | 00000004 | FFFFFFFF00000000", TreeValue::Interval(u32::MAX)),
        ("420020 | 01 | 00000000 |", TreeValue::Structure(vec![])),
    ]
}

#[test]
fn examples_read_and_write() {
    for (hex, value) in examples() {
        let tree = Tree { tag: TAG, value };
        assert_eq!(tree.to_bytes(), bytes(hex), "{hex}");
        assert_eq!(Tree::parse(&bytes(hex), &Limits::default()).unwrap(), tree, "{hex}");
        // What a reader gave, a writer writes again.
        let encoded = bytes(hex);
        let item = Reader::new(&encoded).next_item().unwrap().unwrap();
        let mut writer = Writer::new();
        writer.item(TAG, &item.value);
        assert_eq!(writer.finish(), encoded, "{hex}");
        assert_eq!(item.raw(), encoded, "{hex}");
        assert_eq!(item.item_type() as u8, encoded[3]);
    }
}

#[test]
fn every_item_type_has_its_byte_and_an_example() {
    let shown: Vec<u8> = examples().iter().map(|(hex, _)| bytes(hex)[3]).collect();
    for byte in 0..=255 {
        let item_type = ItemType::from_byte(byte);
        assert_eq!(item_type.map(|item_type| item_type as u8), (1..=0x0E).contains(&byte).then_some(byte));
        assert_eq!(item_type.is_some(), shown.contains(&byte), "0x{byte:02X}");
    }
}

#[test]
fn big_integers_are_extended_by_their_sign() {
    for (value, encoded) in [
        ("", "0000000000000000"),
        ("01", "0000000000000001"),
        ("7F", "000000000000007F"),
        ("80", "FFFFFFFFFFFFFF80"),
        ("0080", "0000000000000080"),
        ("0102030405060708", "0102030405060708"),
        ("80000000000000000000", "FFFFFFFFFFFF8000 0000000000000000"),
    ] {
        let mut writer = Writer::new();
        writer.big_integer(TAG, &bytes(value));
        let written = writer.finish();
        assert_eq!(written[HEADER_LENGTH..], bytes(encoded), "{value}");
        assert_eq!(usize::from(written[7]), bytes(encoded).len());
    }
}

#[test]
fn what_no_encoder_may_send_is_refused_with_its_place() {
    use ErrorKind as K;
    let wrong = |item_type, length| K::WrongLength { item_type, length };
    for (hex, offset, kind) in [
        ("", 0, K::TruncatedHeader),
        ("420020 | 02 | 000000", 0, K::TruncatedHeader),
        ("420020 | 02 | 00000004", 0, K::TruncatedValue { length: 4, available: 0 }),
        ("420020 | 02 | 00000004 | 00000008", 0, K::TruncatedValue { length: 4, available: 4 }),
        ("420020 | 08 | FFFFFFFF | 0000000000000000", 0, K::TruncatedValue { length: 0xFFFF_FFFF, available: 8 }),
        ("420020 | 00 | 00000000", 0, K::UnknownItemType(0)),
        ("420020 | 0F | 00000000", 0, K::UnknownItemType(0x0F)),
        ("420020 | FF | 00000000", 0, K::UnknownItemType(0xFF)),
        ("420020 | 02 | 00000003 | 0000080000000000", 0, wrong(ItemType::Integer, 3)),
        ("420020 | 02 | 00000008 | 0000000000000008", 0, wrong(ItemType::Integer, 8)),
        ("420020 | 03 | 00000004 | 0000000800000000", 0, wrong(ItemType::LongInteger, 4)),
        ("420020 | 04 | 00000004 | 0000000800000000", 0, wrong(ItemType::BigInteger, 4)),
        ("420020 | 04 | 00000000", 0, wrong(ItemType::BigInteger, 0)),
        ("420020 | 06 | 00000001 | 0100000000000000", 0, wrong(ItemType::Boolean, 1)),
        ("420020 | 06 | 00000008 | 0000000000000002", 0, K::InvalidBoolean),
        ("420020 | 06 | 00000008 | 0100000000000001", 0, K::InvalidBoolean),
        ("420020 | 02 | 00000004 | 0000000800000001", 0, K::NonZeroPadding),
        ("420020 | 08 | 00000003 | 0102030000000100", 0, K::NonZeroPadding),
        ("420020 | 07 | 00000002 | C3C3000000000000", 0, K::InvalidUtf8),
        ("420020 | 0C | 00000001 | FF00000000000000", 0, K::InvalidUtf8),
        ("420020 | 07 | 00000003 | EDA0800000000000", 0, K::InvalidUtf8),
        ("420020 | 08 | 00000000 | 00", 8, K::TrailingBytes),
        ("420020 | 01 | 00000004 | 00000000", 0, K::TruncatedValue { length: 4, available: 4 }),
        ("420020 | 01 | 00000004 | 0000000000000000", 0, wrong(ItemType::Structure, 4)),
        ("420020 | 01 | 00000008 | 420020 | 02 | 00000004", 8, K::TruncatedValue { length: 4, available: 0 }),
        // An item that reaches out of its structure, though the message is long enough.
        (
            "420020 | 01 | 00000018 | 420020 | 01 | 00000008 | 420020 | 07 | 00000001 | 4100000000000000",
            16,
            K::TruncatedValue { length: 1, available: 0 },
        ),
        ("420020 | 01 | 00000010 | 420020 | 02 | 00000004 | 0000000000000001", 8, K::NonZeroPadding),
    ] {
        let result = Tree::parse(&bytes(hex), &Limits::default());
        assert_eq!(result.unwrap_err(), Error { offset, kind }, "{hex}");
    }
}

#[test]
fn a_reader_that_failed_stays_where_it_was() {
    let encoded = bytes("420020 | 02 | 00000004 | 0000000800000000 | 420021 | 06 | 00000008 | 0000000000000002");
    let mut reader = Reader::new(&encoded);
    assert_eq!(reader.peek(), Some(TAG));
    assert!(matches!(reader.next_item().unwrap().unwrap().value, Value::Integer(8)));
    for _ in 0..3 {
        assert_eq!((reader.offset(), reader.peek()), (16, Some(Tag(0x42_0021))));
        assert!(reader.next_item().is_err());
    }
}

#[test]
fn padding_fills_eights() {
    for (length, expected) in [(0, 0), (1, 8), (7, 8), (8, 8), (9, 16), (16, 16)] {
        assert_eq!(padded(length), expected);
        let mut writer = Writer::new();
        writer.byte_string(TAG, &vec![0xFF; length]);
        assert_eq!(writer.len(), HEADER_LENGTH + expected);
        assert!(writer.bytes()[HEADER_LENGTH + length..].iter().all(|byte| *byte == 0));
    }
}

#[test]
fn a_writer_takes_back_and_overwrites() {
    let mut writer = Writer::new();
    let open = writer.begin(TAG);
    writer.integer(TAG, 1);
    let at = writer.len();
    writer.enumeration(TAG, 2);
    let end = writer.len();
    writer.text_string(TAG, "taken back");
    writer.truncate(end);
    writer.overwrite(at, 3);
    writer.end(open);
    let expected = TreeValue::Structure(vec![
        Tree { tag: TAG, value: TreeValue::Integer(1) },
        Tree { tag: TAG, value: TreeValue::Enumeration(3) },
    ]);
    assert_eq!(Tree::parse(&writer.finish(), &Limits::default()).unwrap(), Tree { tag: TAG, value: expected });
}

#[test]
fn debug_shows_no_contents() {
    let secret = || "the secret".to_owned();
    for value in [
        TreeValue::TextString(secret()),
        TreeValue::ByteString(secret().into_bytes()),
        TreeValue::BigInteger(secret().into_bytes()),
        TreeValue::Identifier(secret()),
        TreeValue::Reference(secret()),
        TreeValue::NameReference(secret()),
    ] {
        let shown = format!("{:?}", Tree { tag: TAG, value: TreeValue::Structure(vec![Tree { tag: TAG, value }]) });
        assert!(shown.contains("10 bytes") && !shown.contains("secret") && !shown.contains("115, 101"), "{shown}");
    }
}
