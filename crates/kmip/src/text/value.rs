//! The text of a value that is no structure.

use std::fmt::Write as _;

use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};
use ttlv_codec::{ItemType, Tag, TreeValue};

use super::{ErrorKind, names};
use crate::{ProtocolVersion, masks};

/// The value of type `item_type` that `text` stands for. `meaning` is the tag whose enumeration or mask names it.
pub(super) fn read(text: &str, item_type: ItemType, meaning: Tag) -> Result<TreeValue, ErrorKind> {
    let wrong = || ErrorKind::Value(item_type);
    Ok(match item_type {
        ItemType::Structure => return Err(ErrorKind::Shape),
        ItemType::Integer => TreeValue::Integer(read_integer(text, meaning)?),
        ItemType::LongInteger => TreeValue::LongInteger(read_long(text).ok_or_else(wrong)?),
        ItemType::BigInteger => TreeValue::BigInteger(read_big_integer(text).ok_or_else(wrong)?),
        ItemType::Enumeration => TreeValue::Enumeration(read_enumeration(text, meaning)?),
        ItemType::Boolean => TreeValue::Boolean(match text {
            "true" | "1" => true,
            "false" | "0" => false,
            _ => return Err(wrong()),
        }),
        ItemType::TextString => TreeValue::TextString(text.to_owned()),
        ItemType::ByteString => TreeValue::ByteString(read_hex(text).ok_or_else(wrong)?),
        ItemType::DateTime => {
            let seconds = fixed_hex(text, 16).map(u64::cast_signed).or_else(|| Some(read_date(text)?.unix_timestamp()));
            TreeValue::DateTime(seconds.ok_or_else(wrong)?)
        }
        ItemType::Interval => {
            let seconds = fixed_hex(text, 8).and_then(|bits| u32::try_from(bits).ok()).or_else(|| text.parse().ok());
            TreeValue::Interval(seconds.ok_or_else(wrong)?)
        }
        ItemType::DateTimeExtended => {
            let exact = || i64::try_from(read_date(text)?.unix_timestamp_nanos().div_euclid(1000)).ok();
            TreeValue::DateTimeExtended(fixed_hex(text, 16).map(u64::cast_signed).or_else(exact).ok_or_else(wrong)?)
        }
        ItemType::Identifier => TreeValue::Identifier(text.to_owned()),
        ItemType::Reference => TreeValue::Reference(text.to_owned()),
        ItemType::NameReference => TreeValue::NameReference(text.to_owned()),
    })
}

/// The text of a value that is no structure, and its type.
pub(super) fn write(value: &TreeValue, meaning: Tag, version: ProtocolVersion) -> Option<(ItemType, String)> {
    Some(match value {
        TreeValue::Structure(_) => return None,
        TreeValue::Integer(value) => {
            let text = names::mask_text(meaning, value.cast_unsigned(), version).unwrap_or_else(|| value.to_string());
            (ItemType::Integer, text)
        }
        TreeValue::LongInteger(value) => (ItemType::LongInteger, value.to_string()),
        TreeValue::BigInteger(value) => (ItemType::BigInteger, hex(value)),
        TreeValue::Enumeration(value) => {
            let name = names::enumeration_text(meaning, *value, version);
            (ItemType::Enumeration, name.unwrap_or_else(|| format!("0x{value:08x}")))
        }
        TreeValue::Boolean(value) => (ItemType::Boolean, value.to_string()),
        TreeValue::TextString(value) => (ItemType::TextString, value.clone()),
        TreeValue::ByteString(value) => (ItemType::ByteString, hex(value)),
        TreeValue::DateTime(value) => (ItemType::DateTime, date_text(*value, None)),
        TreeValue::Interval(value) => (ItemType::Interval, value.to_string()),
        TreeValue::DateTimeExtended(value) => {
            let text = date_text(value.div_euclid(1_000_000), Some(value.rem_euclid(1_000_000)));
            // Outside the calendar the seconds alone are not the value.
            let text = if text.starts_with("0x") { format!("0x{value:016x}") } else { text };
            (ItemType::DateTimeExtended, text)
        }
        TreeValue::Identifier(value) => (ItemType::Identifier, value.clone()),
        TreeValue::Reference(value) => (ItemType::Reference, value.clone()),
        TreeValue::NameReference(value) => (ItemType::NameReference, value.clone()),
    })
}

/// A decimal number, eight hexadecimal digits, or the components of a mask.
fn read_integer(text: &str, meaning: Tag) -> Result<i32, ErrorKind> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    if masks::of_tag(meaning).is_none() {
        let bits = fixed_hex(text, 8).and_then(|bits| u32::try_from(bits).ok());
        return bits.map(u32::cast_signed).ok_or(ErrorKind::Value(ItemType::Integer));
    }
    let mut bits = 0;
    for component in text.split_ascii_whitespace() {
        bits |= match component.strip_prefix("0x") {
            // The standard's own example shortens the digits.
            Some(digits) if digits.len() <= 8 => {
                u32::from_str_radix(digits, 16).map_err(|_| ErrorKind::Value(ItemType::Integer))?
            }
            _ => names::mask_of_name(meaning, component).ok_or_else(|| ErrorKind::UnknownName(component.to_owned()))?,
        };
    }
    Ok(bits.cast_signed())
}

fn read_long(text: &str) -> Option<i64> {
    fixed_hex(text, 16).map(u64::cast_signed).or_else(|| text.parse().ok())
}

fn read_enumeration(text: &str, meaning: Tag) -> Result<u32, ErrorKind> {
    if text.starts_with("0x") {
        let number = fixed_hex(text, 8).and_then(|bits| u32::try_from(bits).ok());
        return number.ok_or(ErrorKind::Value(ItemType::Enumeration));
    }
    names::enumeration_of_name(meaning, text).ok_or_else(|| ErrorKind::UnknownName(text.to_owned()))
}

/// Hexadecimal digits, with or without `0x`, sign-extended to a multiple of 8 bytes as on the wire.
fn read_big_integer(text: &str) -> Option<Vec<u8>> {
    let digits = read_hex(text.strip_prefix("0x").unwrap_or(text))?;
    let first = *digits.first()?;
    let missing = digits.len().next_multiple_of(8) - digits.len();
    let mut bytes = vec![if first & 0x80 == 0 { 0 } else { 0xff }; missing];
    bytes.extend_from_slice(&digits);
    Some(bytes)
}

/// The value of exactly `digits` hexadecimal digits after `0x`.
fn fixed_hex(text: &str, digits: usize) -> Option<u64> {
    let text = text.strip_prefix("0x").filter(|text| text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u64::from_str_radix(text, 16).ok()
}

fn read_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// An xsd:dateTime; without a zone it is taken as UTC.
fn read_date(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).or_else(|_| OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339)).ok()
}

/// The date `seconds` after 1970 in UTC, with micro-seconds if given; sixteen hexadecimal digits outside the years 0 to 9999.
fn date_text(seconds: i64, micros: Option<i64>) -> String {
    let date = OffsetDateTime::from_unix_timestamp(seconds).map(|date| date.to_offset(UtcOffset::UTC));
    let Some(date) = date.ok().filter(|date| (0..=9999).contains(&date.year())) else {
        return format!("0x{seconds:016x}");
    };
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    let (hour, minute, second) = (date.hour(), date.minute(), date.second());
    let fraction = micros.map(|micros| format!(".{micros:06}")).unwrap_or_default();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}+00:00")
}
