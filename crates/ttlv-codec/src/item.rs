//! One item: tag, type, length, value.

use std::fmt;

use crate::Reader;

/// Bytes of tag, type and length in front of every value.
pub const HEADER_LENGTH: usize = 8;

/// A tag: 24 bits on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub u32);

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:06X}", self.0)
    }
}

/// The type of an item, as its byte on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ItemType {
    /// A sequence of items.
    Structure = 0x01,
    /// 32 bits, signed.
    Integer = 0x02,
    /// 64 bits, signed.
    LongInteger = 0x03,
    /// Any multiple of 64 bits, signed, big-endian.
    BigInteger = 0x04,
    /// 32 bits, unsigned.
    Enumeration = 0x05,
    /// 64 bits, 0 or 1.
    Boolean = 0x06,
    /// UTF-8.
    TextString = 0x07,
    /// Any bytes.
    ByteString = 0x08,
    /// Seconds since 1970 (UTC), 64 bits, signed.
    DateTime = 0x09,
    /// Seconds, 32 bits, unsigned.
    Interval = 0x0A,
    /// Micro-seconds since 1970 (UTC), 64 bits, signed (since 2.0).
    DateTimeExtended = 0x0B,
    /// UTF-8 (3.0).
    Identifier = 0x0C,
    /// UTF-8 (3.0).
    Reference = 0x0D,
    /// UTF-8 (3.0).
    NameReference = 0x0E,
}

impl ItemType {
    /// Every item type, in the order of their bytes.
    pub const ALL: [Self; 14] = [
        Self::Structure,
        Self::Integer,
        Self::LongInteger,
        Self::BigInteger,
        Self::Enumeration,
        Self::Boolean,
        Self::TextString,
        Self::ByteString,
        Self::DateTime,
        Self::Interval,
        Self::DateTimeExtended,
        Self::Identifier,
        Self::Reference,
        Self::NameReference,
    ];

    /// The type with this byte.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte).wrapping_sub(1)).copied()
    }

    /// Whether a value of this type may have `length` bytes.
    #[must_use]
    pub const fn allows_length(self, length: usize) -> bool {
        match self {
            Self::Integer | Self::Enumeration | Self::Interval => length == 4,
            Self::LongInteger | Self::Boolean | Self::DateTime | Self::DateTimeExtended => length == 8,
            // A Big Integer is sign-extended by its sender to a multiple of 8; a structure is made of padded items.
            Self::BigInteger => length.is_multiple_of(8) && length > 0,
            Self::Structure => length.is_multiple_of(8),
            Self::TextString | Self::ByteString | Self::Identifier | Self::Reference | Self::NameReference => true,
        }
    }
}

/// `length` rounded up to the multiple of 8 that it occupies on the wire.
#[must_use]
pub const fn padded(length: usize) -> usize {
    length.next_multiple_of(8)
}

/// An item that borrows from the message.
#[derive(Clone, Copy)]
pub struct Item<'a> {
    /// Its tag.
    pub tag: Tag,
    /// Where it starts: bytes from the start of the message.
    pub offset: usize,
    /// Its value.
    pub value: Value<'a>,
    pub(crate) raw: &'a [u8],
}

impl<'a> Item<'a> {
    /// The whole item as it was received, header and padding included.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The type of its value.
    #[must_use]
    pub const fn item_type(&self) -> ItemType {
        self.value.item_type()
    }
}

/// A value that borrows from the message.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    /// The items of a structure.
    Structure(Reader<'a>),
    /// An Integer.
    Integer(i32),
    /// A Long Integer.
    LongInteger(i64),
    /// A Big Integer: two's complement, big-endian, a multiple of 8 bytes.
    BigInteger(&'a [u8]),
    /// An Enumeration.
    Enumeration(u32),
    /// A Boolean.
    Boolean(bool),
    /// A Text String.
    TextString(&'a str),
    /// A Byte String.
    ByteString(&'a [u8]),
    /// A Date-Time in seconds since 1970.
    DateTime(i64),
    /// An Interval in seconds.
    Interval(u32),
    /// A Date-Time Extended in micro-seconds since 1970.
    DateTimeExtended(i64),
    /// An Identifier.
    Identifier(&'a str),
    /// A Reference.
    Reference(&'a str),
    /// A Name Reference.
    NameReference(&'a str),
}

impl Value<'_> {
    /// The type of the value.
    #[must_use]
    pub const fn item_type(&self) -> ItemType {
        match self {
            Self::Structure(_) => ItemType::Structure,
            Self::Integer(_) => ItemType::Integer,
            Self::LongInteger(_) => ItemType::LongInteger,
            Self::BigInteger(_) => ItemType::BigInteger,
            Self::Enumeration(_) => ItemType::Enumeration,
            Self::Boolean(_) => ItemType::Boolean,
            Self::TextString(_) => ItemType::TextString,
            Self::ByteString(_) => ItemType::ByteString,
            Self::DateTime(_) => ItemType::DateTime,
            Self::Interval(_) => ItemType::Interval,
            Self::DateTimeExtended(_) => ItemType::DateTimeExtended,
            Self::Identifier(_) => ItemType::Identifier,
            Self::Reference(_) => ItemType::Reference,
            Self::NameReference(_) => ItemType::NameReference,
        }
    }
}
