//! TTLV: the binary encoding of KMIP messages, items of Tag, Type, Length and Value (KMIP 2.1, section 11.1).
//!
//! - [`check`] goes once over a whole message and enforces every limit before anything is allocated.
//! - [`Reader`] walks items without copying; texts and bytes borrow from the message.
//! - [`Writer`] writes in one pass; the length of a structure is filled in when it ends.
//! - [`Tree`] owns its items, for values whose shape nobody knows and for the text encodings.
//!
//! The crate knows item types and lengths. It knows no tag of KMIP.

mod check;
mod error;
mod item;
mod reader;
mod tree;
mod writer;

pub use check::{Limits, check};
pub use error::{Error, ErrorKind, path_at};
pub use item::{HEADER_LENGTH, Item, ItemType, Tag, Value, padded};
pub use reader::Reader;
pub use tree::{Tree, TreeValue};
pub use writer::{OpenStructure, Writer};
