//! Text encodings of TTLV items ("KMIP Additional Message Encodings" 1.0; KMIP 2.1 profiles, "XML Profile").
//!
//! [`xml`] turns elements into items and back, one by one, without knowing which message they belong to: tags, item types, names of
//! enumeration values and names of mask bits all come from the vocabulary's tables.

mod names;
mod value;
pub mod xml;

use ttlv_codec::ItemType;

/// Why a text is not an item, or an item has no text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {kind}")]
pub struct Error {
    /// The names of the items from the outermost to the one that is wrong, separated by `/`.
    pub path: String,
    /// What is wrong with it.
    pub kind: ErrorKind,
}

/// What is wrong with an item's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// The text is not well formed.
    #[error("not well formed: {0}")]
    Syntax(String),
    /// The text is longer than the limit.
    #[error("{length} bytes of text, the limit is {limit}")]
    TooLong {
        /// Bytes of text.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// Structures are nested deeper than the limit.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// There are more items than the limit.
    #[error("more than {limit} items")]
    TooManyItems {
        /// The limit.
        limit: usize,
    },
    /// The name is neither a tag of the standard nor `0x` and six hexadecimal digits.
    #[error("no tag of this name")]
    UnknownTag,
    /// The type is none of the normalised names of item types.
    #[error("no item type `{0}`")]
    UnknownType(String),
    /// The value does not fit the type; the value itself may be secret and is not shown.
    #[error("the value is no {0:?}")]
    Value(ItemType),
    /// The name of an enumeration value or of a mask bit is not known.
    #[error("no value named `{0}`")]
    UnknownName(String),
    /// A structure has a value, or another item has items inside.
    #[error("a structure has items, any other item a value")]
    Shape,
    /// The text holds a character that XML 1.0 cannot carry.
    #[error("a character that XML cannot carry")]
    Character,
}

impl ErrorKind {
    /// The error at the item named `name`, before its parents have added themselves.
    fn at(self, name: &str) -> Error {
        Error { path: name.to_owned(), kind: self }
    }
}

impl Error {
    /// The error seen from the structure `parent`.
    fn inside(mut self, parent: &str) -> Self {
        self.path.insert(0, '/');
        self.path.insert_str(0, parent);
        self
    }
}
