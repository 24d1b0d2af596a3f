//! How table rows become bytes and back.
//!
//! A [`Value`] is one item; a [`Member`] is one row of a structure. The Rust type of a row is its cardinality: `T` is
//! required, `Option<T>` optional, `Vec<T>` repeated. Every row has a range of versions: the reader refuses a field that
//! the message's version does not define, the writer leaves it out.
//!
//! A row may have two tags, `TemplateAttribute / Attributes => attributes: TemplateAttribute, V1_0..;`: the first is the
//! spelling of 1.x, the second that of 2.0 and later. Types whose content differs as well look at the version.

use ttlv_codec::{Error as TtlvError, ErrorKind, Item, ItemType, Reader, Tag, Tree, TreeValue, Value as Ttlv, Writer};

use crate::secret::Secret;
use crate::version::{ProtocolVersion, Versions};

/// A message that is TTLV, but not KMIP of its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct DecodeError {
    /// Where: bytes from the start of the message.
    pub offset: usize,
    /// What is wrong.
    pub kind: DecodeErrorKind,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeErrorKind {
    /// It is not even TTLV.
    #[error("{0}")]
    Malformed(ErrorKind),
    /// A required field is missing.
    #[error("{} is missing", name(*.0))]
    Missing(Tag),
    /// A field stands where the version of the message does not have it.
    #[error("{} is not expected here", name(*.0))]
    Unexpected(Tag),
    /// A field that the version of the message knows stands a second time, or in a wrong place.
    #[error("{} stands twice, or in a wrong place", name(*.0))]
    Misplaced(Tag),
    /// A field has another item type than the standard gives it.
    #[error("{} must not be of type {found:?}", name(*.tag))]
    WrongType {
        /// The field.
        tag: Tag,
        /// The type it has.
        found: ItemType,
    },
    /// A field has a value that means nothing.
    #[error("{}: {what}", name(*.tag))]
    Invalid {
        /// The field.
        tag: Tag,
        /// What is wrong with the value.
        what: &'static str,
    },
}

/// The standard's name of a tag, or its number.
fn name(tag: Tag) -> String {
    if tag == crate::tag::AnyManagedObject {
        return "The managed object".to_owned();
    }
    crate::tag::by_tag(tag).map_or_else(|| format!("{tag:?}"), |row| row.name.to_owned())
}

impl From<TtlvError> for DecodeError {
    fn from(error: TtlvError) -> Self {
        Self { offset: error.offset, kind: DecodeErrorKind::Malformed(error.kind) }
    }
}

impl DecodeError {
    /// `item` has a type that its tag does not allow.
    #[must_use]
    pub const fn wrong_type(item: &Item<'_>) -> Self {
        Self { offset: item.offset, kind: DecodeErrorKind::WrongType { tag: item.tag, found: item.item_type() } }
    }

    /// `item` has a value that means nothing.
    #[must_use]
    pub const fn invalid(item: &Item<'_>, what: &'static str) -> Self {
        Self { offset: item.offset, kind: DecodeErrorKind::Invalid { tag: item.tag, what } }
    }

    /// `item` does not belong here.
    #[must_use]
    pub const fn unexpected(item: &Item<'_>) -> Self {
        Self { offset: item.offset, kind: DecodeErrorKind::Unexpected(item.tag) }
    }
}

/// The result of reading.
pub type Result<T, E = DecodeError> = std::result::Result<T, E>;

/// One item.
pub trait Value: Sized {
    /// Reads the value of `item`, of a message of `version`.
    ///
    /// # Errors
    /// If its type or content is not what this type is.
    fn read(item: &Item<'_>, version: ProtocolVersion) -> Result<Self>;

    /// Writes the value under `tag`, as `version` spells it.
    fn write(&self, writer: &mut Writer, tag: Tag, version: ProtocolVersion);
}

/// How often a field may be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cardinality {
    /// Exactly once.
    Required,
    /// At most once.
    Optional,
    /// Any number of times.
    Repeated,
}

/// One row of a structure.
pub trait Member: Sized {
    /// How often the field may be there.
    const CARDINALITY: Cardinality;

    /// Reads the field from where the reader stands.
    ///
    /// # Errors
    /// If it is missing or wrong.
    fn read_member(fields: &mut Fields<'_>, tag: Tag, in_version: bool) -> Result<Self>;

    /// Writes the field, if there is anything to write.
    fn write_member(&self, writer: &mut Writer, tag: Tag, version: ProtocolVersion);
}

/// A row, as data: for documentation, the comparison with the standard's tables, and tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberRow {
    /// The tag up to 1.4.
    pub tag_1x: Tag,
    /// The tag from 2.0 on.
    pub tag: Tag,
    /// The versions that have the field.
    pub versions: Versions,
    /// How often it may be there.
    pub cardinality: Cardinality,
}

/// The fields of a structure while it is read.
pub struct Fields<'a> {
    reader: Reader<'a>,
    /// The version of the message.
    pub version: ProtocolVersion,
}

impl<'a> Fields<'a> {
    /// The fields of `item`.
    ///
    /// # Errors
    /// If it is not a structure.
    pub fn of(item: &Item<'a>, version: ProtocolVersion) -> Result<Self> {
        match item.value {
            Ttlv::Structure(reader) => Ok(Self { reader, version }),
            _ => Err(DecodeError::wrong_type(item)),
        }
    }

    /// The tag of the next field.
    #[must_use]
    pub fn peek(&self) -> Option<Tag> {
        self.reader.peek()
    }

    /// The next field, whatever it is.
    ///
    /// # Errors
    /// If it is not TTLV.
    pub fn next_item(&mut self) -> Result<Option<Item<'a>>> {
        Ok(self.reader.next_item()?)
    }

    /// The next field if it has this tag.
    ///
    /// # Errors
    /// If it is not TTLV.
    pub fn take(&mut self, tag: Tag) -> Result<Option<Item<'a>>> {
        if self.peek() == Some(tag) { self.next_item() } else { Ok(None) }
    }

    /// That a required field is not there.
    #[must_use]
    pub const fn missing(&self, tag: Tag) -> DecodeError {
        DecodeError { offset: self.reader.offset(), kind: DecodeErrorKind::Missing(tag) }
    }

    /// Ends the structure.
    ///
    /// # Errors
    /// If a field is left that nothing has read.
    pub fn end(mut self) -> Result<()> {
        match self.next_item()? {
            None => Ok(()),
            Some(item) if crate::tag::by_tag(item.tag).is_some_and(|row| row.versions.contains(self.version)) => {
                Err(DecodeError { offset: item.offset, kind: DecodeErrorKind::Misplaced(item.tag) })
            }
            Some(item) => Err(DecodeError::unexpected(&item)),
        }
    }
}

impl<T: Value> Member for T {
    const CARDINALITY: Cardinality = Cardinality::Required;

    fn read_member(fields: &mut Fields<'_>, tag: Tag, _in_version: bool) -> Result<Self> {
        match fields.take(tag)? {
            Some(item) => T::read(&item, fields.version),
            None => Err(fields.missing(tag)),
        }
    }

    fn write_member(&self, writer: &mut Writer, tag: Tag, version: ProtocolVersion) {
        self.write(writer, tag, version);
    }
}

impl<T: Value> Member for Option<T> {
    const CARDINALITY: Cardinality = Cardinality::Optional;

    fn read_member(fields: &mut Fields<'_>, tag: Tag, in_version: bool) -> Result<Self> {
        if !in_version {
            return Ok(None);
        }
        fields.take(tag)?.map(|item| T::read(&item, fields.version)).transpose()
    }

    fn write_member(&self, writer: &mut Writer, tag: Tag, version: ProtocolVersion) {
        if let Some(value) = self {
            value.write(writer, tag, version);
        }
    }
}

impl<T: Value> Member for Vec<T> {
    const CARDINALITY: Cardinality = Cardinality::Repeated;

    fn read_member(fields: &mut Fields<'_>, tag: Tag, in_version: bool) -> Result<Self> {
        let mut all = Self::new();
        while in_version && let Some(item) = fields.take(tag)? {
            all.push(T::read(&item, fields.version)?);
        }
        Ok(all)
    }

    fn write_member(&self, writer: &mut Writer, tag: Tag, version: ProtocolVersion) {
        for value in self {
            value.write(writer, tag, version);
        }
    }
}

/// A structure: `Tag => field: Type, versions;`, in the order of the wire.
///
/// Makes the struct with `Debug` and `PartialEq`; further derives are written above it.
#[macro_export]
macro_rules! structure {
    ($(#[$meta:meta])* pub struct $name:ident {
        $($(#[$field_meta:meta])* $tag:ident $(/ $tag_2x:ident)? => $field:ident: $type:ty, $since:ident .. $($until:ident)?;)*
    }) => {
        $(#[$meta])*
        #[derive(Debug, PartialEq)]
        pub struct $name { $($(#[$field_meta])* #[allow(missing_docs)] pub $field: $type,)* }

        impl $name {
            /// The rows of the structure.
            pub const MEMBERS: &'static [$crate::codec::MemberRow] = &[$({
                #[allow(unused_mut, unused_assignments)]
                let mut tag = $crate::tag::$tag;
                $(tag = $crate::tag::$tag_2x;)?
                $crate::codec::MemberRow {
                    tag_1x: $crate::tag::$tag,
                    tag,
                    versions: $crate::versions!($since .. $($until)?),
                    cardinality: <$type as $crate::codec::Member>::CARDINALITY,
                }
            },)*];
        }

        impl $crate::codec::Value for $name {
            #[allow(unused_variables, unused_mut)]
            fn read(
                item: &ttlv_codec::Item<'_>, version: $crate::version::ProtocolVersion,
            ) -> $crate::codec::Result<Self> {
                let mut fields = $crate::codec::Fields::of(item, version)?;
                let this = Self {
                    $($field: $crate::codec::Member::read_member(
                        &mut fields,
                        $crate::structure!(@tag version, $tag $(/ $tag_2x)?),
                        $crate::versions!($since .. $($until)?).contains(version),
                    )?,)*
                };
                fields.end()?;
                Ok(this)
            }

            #[allow(unused_variables)]
            fn write(
                &self, writer: &mut ttlv_codec::Writer, tag: ttlv_codec::Tag, version: $crate::version::ProtocolVersion,
            ) {
                writer.structure(tag, |writer| {
                    $(if $crate::versions!($since .. $($until)?).contains(version) {
                        let tag = $crate::structure!(@tag version, $tag $(/ $tag_2x)?);
                        $crate::codec::Member::write_member(&self.$field, writer, tag, version);
                    })*
                });
            }
        }
    };
    (@tag $version:ident, $tag:ident) => { $crate::tag::$tag };
    (@tag $version:ident, $tag:ident / $tag_2x:ident) => {
        if $version.is_1x() { $crate::tag::$tag } else { $crate::tag::$tag_2x }
    };
}

macro_rules! primitives {
    ($($(#[$meta:meta])* $type:ty, $item:ident, $writer:ident, |$raw:ident| $from:expr, |$value:ident| $to:expr;)*) => { $(
        impl Value for $type {
            fn read(item: &Item<'_>, _version: ProtocolVersion) -> Result<Self> {
                match item.value { Ttlv::$item($raw) => Ok($from), _ => Err(DecodeError::wrong_type(item)) }
            }
            fn write(&self, writer: &mut Writer, tag: Tag, _version: ProtocolVersion) {
                let $value = self;
                writer.$writer(tag, $to);
            }
        }
    )* };
}

primitives! {
    i32, Integer, integer, |raw| raw, |value| *value;
    i64, LongInteger, long_integer, |raw| raw, |value| *value;
    bool, Boolean, boolean, |raw| raw, |value| *value;
    String, TextString, text_string, |raw| raw.to_owned(), |value| value;
    ByteString, ByteString, byte_string, |raw| Self(raw.to_vec()), |value| &value.0;
    Secret, ByteString, byte_string, |raw| Self::from_slice(raw), |value| value.expose();
    BigInteger, BigInteger, big_integer, |raw| Self(Secret::from_slice(raw)), |value| value.0.expose();
    DateTime, DateTime, date_time, |raw| Self(raw), |value| value.0;
    DateTimeExtended, DateTimeExtended, date_time_extended, |raw| Self(raw), |value| value.0;
    Interval, Interval, interval, |raw| Self(raw), |value| value.0;
}

/// Seconds since 1970 (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DateTime(pub i64);

/// Micro-seconds since 1970 (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTimeExtended(pub i64);

/// Seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval(pub u32);

/// Bytes that are no secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ByteString(pub Vec<u8>);

/// A big integer: two's complement, big-endian; wiped when dropped, since most of them are parts of private keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BigInteger(pub Secret);

/// A value of any type, under any tag.
impl Value for TreeValue {
    fn read(item: &Item<'_>, _version: ProtocolVersion) -> Result<Self> {
        Ok(Self::read(&item.value)?)
    }

    fn write(&self, writer: &mut Writer, tag: Tag, _version: ProtocolVersion) {
        Self::write(self, writer, tag);
    }
}

impl Value for Tree {
    fn read(item: &Item<'_>, _version: ProtocolVersion) -> Result<Self> {
        Ok(Self::read(item)?)
    }

    fn write(&self, writer: &mut Writer, _tag: Tag, _version: ProtocolVersion) {
        Self::write(self, writer);
    }
}

/// Writes one value as a whole message or record.
pub fn to_bytes<T: Value>(value: &T, tag: Tag, version: ProtocolVersion) -> Vec<u8> {
    let mut writer = Writer::new();
    value.write(&mut writer, tag, version);
    writer.finish()
}

/// Reads one value from bytes that are exactly one item.
///
/// # Errors
/// If they are not.
pub fn from_bytes<T: Value>(bytes: &[u8], version: ProtocolVersion) -> Result<T> {
    let mut reader = Reader::new(bytes);
    let item = reader.next_item()?.ok_or(TtlvError { offset: 0, kind: ErrorKind::TruncatedHeader })?;
    if !reader.is_empty() {
        return Err(TtlvError { offset: reader.offset(), kind: ErrorKind::TrailingBytes }.into());
    }
    T::read(&item, version)
}
