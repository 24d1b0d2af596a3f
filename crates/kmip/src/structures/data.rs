//! Values that may be of several types.

use ttlv_codec::{Item, Tag, Value as Ttlv, Writer};

use crate::codec::{self, DecodeError, Value};
use crate::enumerations::DataEnumeration;
use crate::secret::Secret;
use crate::version::ProtocolVersion;

/// The input or output of a cryptographic operation (2.1, section 7.9). It may be plaintext, so that it is wiped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// The data.
    Bytes(Secret),
    /// What the last operation of a kind in the batch returned (since 2.0).
    Enumeration(DataEnumeration),
    /// The n-th Data of the response so far; negative numbers count back from its end (since 2.0).
    Position(i32),
}

impl Data {
    /// The data, if they are here.
    #[must_use]
    pub const fn bytes(&self) -> Option<&Secret> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Enumeration(_) | Self::Position(_) => None,
        }
    }
}

impl From<Secret> for Data {
    fn from(bytes: Secret) -> Self {
        Self::Bytes(bytes)
    }
}

impl Value for Data {
    fn read(item: &Item<'_>, version: ProtocolVersion) -> codec::Result<Self> {
        match item.value {
            Ttlv::ByteString(bytes) => Ok(Self::Bytes(Secret::from_slice(bytes))),
            Ttlv::Enumeration(value) if !version.is_1x() => Ok(Self::Enumeration(DataEnumeration(value))),
            Ttlv::Integer(position) if !version.is_1x() => Ok(Self::Position(position)),
            _ => Err(DecodeError::wrong_type(item)),
        }
    }

    fn write(&self, writer: &mut Writer, tag: Tag, _version: ProtocolVersion) {
        match self {
            Self::Bytes(bytes) => writer.byte_string(tag, bytes.expose()),
            Self::Enumeration(value) => writer.enumeration(tag, value.0),
            Self::Position(position) => writer.integer(tag, *position),
        }
    }
}

/// By how much Adjust Attribute changes a value (2.1, section 6.1.3): of the type of the attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdjustmentValue {
    /// For an Integer.
    Integer(i32),
    /// For a Long Integer.
    LongInteger(i64),
    /// For an Interval, in seconds.
    Interval(u32),
}

impl Value for AdjustmentValue {
    fn read(item: &Item<'_>, _version: ProtocolVersion) -> codec::Result<Self> {
        match item.value {
            Ttlv::Integer(value) => Ok(Self::Integer(value)),
            Ttlv::LongInteger(value) => Ok(Self::LongInteger(value)),
            Ttlv::Interval(value) => Ok(Self::Interval(value)),
            _ => Err(DecodeError::wrong_type(item)),
        }
    }

    fn write(&self, writer: &mut Writer, tag: Tag, _version: ProtocolVersion) {
        match self {
            Self::Integer(value) => writer.integer(tag, *value),
            Self::LongInteger(value) => writer.long_integer(tag, *value),
            Self::Interval(value) => writer.interval(tag, *value),
        }
    }
}
