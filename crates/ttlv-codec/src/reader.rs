//! Walking items without copying.

use crate::{Error, ErrorKind, HEADER_LENGTH, Item, ItemType, Tag, Value, padded};

/// A sequence of items: a whole message, or the inside of a structure.
///
/// Reading never panics and never allocates, whatever the bytes. It does not descend by itself, so that the depth of a
/// message costs nothing until somebody asks; [`crate::check`] limits it beforehand.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Reads the items in `bytes`, which are a whole message: offsets count from its start.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// Whether no item is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Where the next item starts: bytes from the start of the message.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// The items that are left, as they were received.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.bytes
    }

    /// The tag of the next item, if one is there.
    #[must_use]
    pub fn peek(&self) -> Option<Tag> {
        match self.bytes {
            [a, b, c, ..] => Some(Tag(u32::from_be_bytes([0, *a, *b, *c]))),
            _ => None,
        }
    }

    /// The next item, or `None` at the end.
    ///
    /// # Errors
    /// If the bytes are not an item: see [`ErrorKind`]. The reader then stays where it was.
    pub fn next_item(&mut self) -> Result<Option<Item<'a>>, Error> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let offset = self.offset;
        let fail = |kind| Error { offset, kind };
        let Some((header, rest)) = self.bytes.split_first_chunk::<HEADER_LENGTH>() else {
            return Err(fail(ErrorKind::TruncatedHeader));
        };
        let [a, b, c, type_byte, length @ ..] = *header;
        let tag = Tag(u32::from_be_bytes([0, a, b, c]));
        let item_type = ItemType::from_byte(type_byte).ok_or(fail(ErrorKind::UnknownItemType(type_byte)))?;
        let length = u32::from_be_bytes(length) as usize;
        let truncated = fail(ErrorKind::TruncatedValue { length, available: rest.len() });
        if length > rest.len() || padded(length) > rest.len() {
            return Err(truncated);
        }
        if !item_type.allows_length(length) {
            return Err(fail(ErrorKind::WrongLength { item_type, length }));
        }
        let (content, padding) = rest[..padded(length)].split_at(length);
        if padding.iter().any(|byte| *byte != 0) {
            return Err(fail(ErrorKind::NonZeroPadding));
        }
        let value = value(item_type, content, offset).map_err(fail)?;
        let total = HEADER_LENGTH + padded(length);
        let item = Item { tag, offset, value, raw: &self.bytes[..total] };
        self.bytes = &self.bytes[total..];
        self.offset += total;
        Ok(Some(item))
    }
}

fn value(item_type: ItemType, content: &[u8], offset: usize) -> Result<Value<'_>, ErrorKind> {
    let wrong = || ErrorKind::WrongLength { item_type, length: content.len() };
    let four = || <[u8; 4]>::try_from(content).map_err(|_| wrong());
    let eight = || <[u8; 8]>::try_from(content).map_err(|_| wrong());
    let text = || std::str::from_utf8(content).map_err(|_| ErrorKind::InvalidUtf8);
    Ok(match item_type {
        ItemType::Structure => Value::Structure(Reader { bytes: content, offset: offset + HEADER_LENGTH }),
        ItemType::Integer => Value::Integer(i32::from_be_bytes(four()?)),
        ItemType::LongInteger => Value::LongInteger(i64::from_be_bytes(eight()?)),
        ItemType::BigInteger => Value::BigInteger(content),
        ItemType::Enumeration => Value::Enumeration(u32::from_be_bytes(four()?)),
        ItemType::Boolean => match u64::from_be_bytes(eight()?) {
            0 => Value::Boolean(false),
            1 => Value::Boolean(true),
            _ => return Err(ErrorKind::InvalidBoolean),
        },
        ItemType::TextString => Value::TextString(text()?),
        ItemType::ByteString => Value::ByteString(content),
        ItemType::DateTime => Value::DateTime(i64::from_be_bytes(eight()?)),
        ItemType::Interval => Value::Interval(u32::from_be_bytes(four()?)),
        ItemType::DateTimeExtended => Value::DateTimeExtended(i64::from_be_bytes(eight()?)),
        ItemType::Identifier => Value::Identifier(text()?),
        ItemType::Reference => Value::Reference(text()?),
        ItemType::NameReference => Value::NameReference(text()?),
    })
}
