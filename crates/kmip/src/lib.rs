//! The vocabulary of KMIP 1.0 to 3.0: versions, tags, enumerations, structures, attributes, objects, messages, payloads.
//!
//! Every fact of the protocol is one row of a table; the codec, the version gate, the text encodings, Query, the docs and the
//! tests read the row. The model inside is the plain spelling of 2.x; [`v1`] knows the shapes of 1.x.

#[macro_use]
pub mod version;
#[macro_use]
pub mod codec;

pub mod attribute;
pub mod attributes;
pub mod credential;
pub mod enumerations;
pub mod identifier;
pub mod masks;
pub mod message;
pub mod object;
pub mod operation;
pub mod payload;
pub mod result_reason;
pub mod secret;
pub mod structures;
pub mod tag;
pub mod text;
pub mod v1;

pub use codec::{BigInteger, ByteString, DateTime, DateTimeExtended, DecodeError, DecodeErrorKind, Interval};
pub use secret::Secret;
pub use version::{ProtocolVersion, Versions};
