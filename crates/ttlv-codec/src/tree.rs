//! Items that own their values.

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{Error, ErrorKind, Item, ItemType, Limits, Reader, Tag, Value, Writer, check};

/// An item and everything inside it, owned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tree {
    /// Its tag.
    pub tag: Tag,
    /// Its value.
    pub value: TreeValue,
}

/// The value of a [`Tree`]. Texts and bytes are wiped when it is dropped, and Debug shows only their lengths.
#[derive(Clone, PartialEq, Eq)]
pub enum TreeValue {
    /// The items of a structure.
    Structure(Vec<Tree>),
    /// An Integer.
    Integer(i32),
    /// A Long Integer.
    LongInteger(i64),
    /// A Big Integer: two's complement, big-endian.
    BigInteger(Vec<u8>),
    /// An Enumeration.
    Enumeration(u32),
    /// A Boolean.
    Boolean(bool),
    /// A Text String.
    TextString(String),
    /// A Byte String.
    ByteString(Vec<u8>),
    /// A Date-Time in seconds since 1970.
    DateTime(i64),
    /// An Interval in seconds.
    Interval(u32),
    /// A Date-Time Extended in micro-seconds since 1970.
    DateTimeExtended(i64),
    /// An Identifier.
    Identifier(String),
    /// A Reference.
    Reference(String),
    /// A Name Reference.
    NameReference(String),
}

impl Tree {
    /// The tree of one message, within `limits`.
    ///
    /// # Errors
    /// As [`check`].
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        check(bytes, limits)?;
        match Reader::new(bytes).next_item()? {
            Some(item) => Self::read(&item),
            None => Err(Error { offset: 0, kind: ErrorKind::TruncatedHeader }),
        }
    }

    /// The tree of an item of a message that [`check`] has passed (which bounds the recursion).
    ///
    /// # Errors
    /// If the inside of a structure is not TTLV.
    pub fn read(item: &Item<'_>) -> Result<Self, Error> {
        Ok(Self { tag: item.tag, value: TreeValue::read(&item.value)? })
    }

    /// Writes the item.
    pub fn write(&self, writer: &mut Writer) {
        self.value.write(writer, self.tag);
    }

    /// The item as bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.write(&mut writer);
        writer.finish()
    }
}

impl TreeValue {
    /// The type of the item.
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

    /// The value owned.
    ///
    /// # Errors
    /// If the inside of a structure is not TTLV.
    pub fn read(value: &Value<'_>) -> Result<Self, Error> {
        Ok(match *value {
            Value::Structure(mut inside) => {
                let mut children = Vec::new();
                while let Some(child) = inside.next_item()? {
                    children.push(Tree::read(&child)?);
                }
                Self::Structure(children)
            }
            Value::Integer(value) => Self::Integer(value),
            Value::LongInteger(value) => Self::LongInteger(value),
            Value::BigInteger(value) => Self::BigInteger(value.to_vec()),
            Value::Enumeration(value) => Self::Enumeration(value),
            Value::Boolean(value) => Self::Boolean(value),
            Value::TextString(value) => Self::TextString(value.to_owned()),
            Value::ByteString(value) => Self::ByteString(value.to_vec()),
            Value::DateTime(value) => Self::DateTime(value),
            Value::Interval(value) => Self::Interval(value),
            Value::DateTimeExtended(value) => Self::DateTimeExtended(value),
            Value::Identifier(value) => Self::Identifier(value.to_owned()),
            Value::Reference(value) => Self::Reference(value.to_owned()),
            Value::NameReference(value) => Self::NameReference(value.to_owned()),
        })
    }

    /// Writes the value under `tag`.
    pub fn write(&self, writer: &mut Writer, tag: Tag) {
        match self {
            Self::Structure(children) => {
                writer.structure(tag, |writer| children.iter().for_each(|child| child.write(writer)));
            }
            Self::Integer(value) => writer.integer(tag, *value),
            Self::LongInteger(value) => writer.long_integer(tag, *value),
            Self::BigInteger(value) => writer.big_integer(tag, value),
            Self::Enumeration(value) => writer.enumeration(tag, *value),
            Self::Boolean(value) => writer.boolean(tag, *value),
            Self::TextString(value) => writer.text_string(tag, value),
            Self::ByteString(value) => writer.byte_string(tag, value),
            Self::DateTime(value) => writer.date_time(tag, *value),
            Self::Interval(value) => writer.interval(tag, *value),
            Self::DateTimeExtended(value) => writer.date_time_extended(tag, *value),
            Self::Identifier(value) => writer.identifier(tag, value),
            Self::Reference(value) => writer.reference(tag, value),
            Self::NameReference(value) => writer.name_reference(tag, value),
        }
    }
}

impl Zeroize for TreeValue {
    fn zeroize(&mut self) {
        match self {
            Self::BigInteger(bytes) | Self::ByteString(bytes) => bytes.zeroize(),
            Self::TextString(text) | Self::Identifier(text) | Self::Reference(text) | Self::NameReference(text) => text.zeroize(),
            _ => {}
        }
    }
}

impl ZeroizeOnDrop for TreeValue {}

impl Drop for TreeValue {
    fn drop(&mut self) {
        self.zeroize();
    }
}

impl std::fmt::Debug for TreeValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Structure(children) => f.debug_tuple("Structure").field(children).finish(),
            Self::Integer(value) => write!(f, "Integer({value})"),
            Self::LongInteger(value) => write!(f, "LongInteger({value})"),
            Self::BigInteger(bytes) => write!(f, "BigInteger({} bytes)", bytes.len()),
            Self::Enumeration(value) => write!(f, "Enumeration(0x{value:08X})"),
            Self::Boolean(value) => write!(f, "Boolean({value})"),
            Self::TextString(text) => write!(f, "TextString({} bytes)", text.len()),
            Self::ByteString(bytes) => write!(f, "ByteString({} bytes)", bytes.len()),
            Self::DateTime(value) => write!(f, "DateTime({value})"),
            Self::Interval(value) => write!(f, "Interval({value})"),
            Self::DateTimeExtended(value) => write!(f, "DateTimeExtended({value})"),
            Self::Identifier(text) => write!(f, "Identifier({} bytes)", text.len()),
            Self::Reference(text) => write!(f, "Reference({} bytes)", text.len()),
            Self::NameReference(text) => write!(f, "NameReference({} bytes)", text.len()),
        }
    }
}
