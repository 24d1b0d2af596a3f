//! The names of objects in messages.

use ttlv_codec::{Item, Tag, Value as Ttlv, Writer};

use crate::codec::{DecodeError, Result, Value};
use crate::enumerations::UniqueIdentifierEnumeration;
use crate::version::ProtocolVersion;

/// The identifier of an object as the server gives it: a Text String up to 2.1, an Identifier in 3.0.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UniqueIdentifier(pub String);

impl std::fmt::Display for UniqueIdentifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for UniqueIdentifier {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Value for UniqueIdentifier {
    fn read(item: &Item<'_>, version: ProtocolVersion) -> Result<Self> {
        match item.value {
            Ttlv::TextString(text) if version < ProtocolVersion::V3_0 => Ok(text.into()),
            Ttlv::Identifier(text) if version >= ProtocolVersion::V3_0 => Ok(text.into()),
            _ => Err(DecodeError::wrong_type(item)),
        }
    }

    fn write(&self, writer: &mut Writer, tag: Tag, version: ProtocolVersion) {
        if version < ProtocolVersion::V3_0 {
            writer.text_string(tag, &self.0);
        } else {
            writer.identifier(tag, &self.0);
        }
    }
}

/// How a request names an object (2.1, section 4.65): by identifier or, from 2.0 on, by what an earlier item of the batch did.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ObjectReference {
    /// The identifier.
    Identifier(String),
    /// The ID Placeholder, or what the last operation of a kind returned (since 2.0).
    Enumeration(UniqueIdentifierEnumeration),
    /// The n-th identifier of the response so far; negative numbers count back from its end (since 2.0).
    Position(i32),
    /// A reference (3.0).
    Reference(String),
    /// A reference by name (3.0).
    NameReference(String),
}

impl From<&str> for ObjectReference {
    fn from(text: &str) -> Self {
        Self::Identifier(text.to_owned())
    }
}

impl From<UniqueIdentifier> for ObjectReference {
    fn from(identifier: UniqueIdentifier) -> Self {
        Self::Identifier(identifier.0)
    }
}

impl Value for ObjectReference {
    fn read(item: &Item<'_>, version: ProtocolVersion) -> Result<Self> {
        let since_3_0 = version >= ProtocolVersion::V3_0;
        Ok(match item.value {
            Ttlv::TextString(text) if !since_3_0 => Self::Identifier(text.to_owned()),
            Ttlv::Identifier(text) if since_3_0 => Self::Identifier(text.to_owned()),
            Ttlv::Enumeration(value) if !version.is_1x() => Self::Enumeration(UniqueIdentifierEnumeration(value)),
            Ttlv::Integer(position) if !version.is_1x() => Self::Position(position),
            Ttlv::Reference(text) if since_3_0 => Self::Reference(text.to_owned()),
            Ttlv::NameReference(text) if since_3_0 => Self::NameReference(text.to_owned()),
            _ => return Err(DecodeError::wrong_type(item)),
        })
    }

    fn write(&self, writer: &mut Writer, tag: Tag, version: ProtocolVersion) {
        match self {
            Self::Identifier(text) if version < ProtocolVersion::V3_0 => writer.text_string(tag, text),
            Self::Identifier(text) => writer.identifier(tag, text),
            Self::Enumeration(value) => writer.enumeration(tag, value.0),
            Self::Position(position) => writer.integer(tag, *position),
            Self::Reference(text) => writer.reference(tag, text),
            Self::NameReference(text) => writer.name_reference(tag, text),
        }
    }
}
