//! What can be wrong with bytes, and where.

use crate::{ItemType, Reader, Tag, Value};

/// A message that is not TTLV, with the place where it stops being so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct Error {
    /// Offset in bytes, from the start of the message, of the item that is wrong.
    pub offset: usize,
    /// What is wrong with it.
    pub kind: ErrorKind,
}

/// What is wrong with an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// The bytes end inside the 8 bytes of tag, type and length.
    #[error("the header of the item is cut off")]
    TruncatedHeader,
    /// The length points past the end of the enclosing structure or message.
    #[error("the item announces {length} bytes, {available} are there")]
    TruncatedValue {
        /// What the length field says.
        length: usize,
        /// What is there.
        available: usize,
    },
    /// Bytes follow the end of the message.
    #[error("bytes follow the end of the message")]
    TrailingBytes,
    /// The type byte is none of those defined.
    #[error("0x{0:02X} is not an item type")]
    UnknownItemType(u8),
    /// A type of fixed length has another length.
    #[error("{item_type:?} has {length} bytes")]
    WrongLength {
        /// The type of the item.
        item_type: ItemType,
        /// The length it announces.
        length: usize,
    },
    /// A padding byte is not zero.
    #[error("the padding is not zero")]
    NonZeroPadding,
    /// A Boolean is neither 0 nor 1.
    #[error("the Boolean is neither 0 nor 1")]
    InvalidBoolean,
    /// A text is not UTF-8.
    #[error("the text is not UTF-8")]
    InvalidUtf8,
    /// Structures are nested deeper than the limit.
    #[error("structures are nested deeper than {limit}")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// The message has more items than the limit.
    #[error("the message has more than {limit} items")]
    TooManyItems {
        /// The limit.
        limit: usize,
    },
    /// The message is longer than the limit.
    #[error("the message has {length} bytes, more than {limit}")]
    TooLong {
        /// Length of the message.
        length: usize,
        /// The limit.
        limit: usize,
    },
}

/// The tags from the outermost structure down to the item at `offset`, for messages to people.
///
/// Walks the message again, so that the happy path carries no path. Bytes that cannot be walked end the path early.
#[must_use]
pub fn path_at(bytes: &[u8], offset: usize) -> Vec<Tag> {
    let mut path = Vec::new();
    let mut reader = Reader::new(bytes);
    while let Ok(Some(item)) = reader.next_item() {
        if offset >= item.offset && offset < item.offset + item.raw().len() {
            path.push(item.tag);
            match item.value {
                Value::Structure(children) if offset > item.offset => reader = children,
                _ => break,
            }
        }
    }
    path
}
