//! Enumerations: one table per enumeration, one row per value.
//!
//! An enumeration is open, a newtype over the number on the wire, so that vendor values (`0x8XXXXXXX`) and values of
//! later versions survive a round trip. Its constants are named as in the XML encoding. A value whose name changed
//! between versions has a row, and a constant, for each name.

use std::collections::HashMap;
use std::sync::LazyLock;

use ttlv_codec::Tag;

use crate::tag;
use crate::version::{ProtocolVersion, Versions};

/// One value of an enumeration, or one bit of a mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueRow {
    /// The number on the wire.
    pub value: u32,
    /// The name in the XML and JSON encodings, `SHA_256`.
    pub xml_name: &'static str,
    /// The name as the standard spells it, `SHA-256`.
    pub name: &'static str,
    /// The versions in which the value has this name.
    pub versions: Versions,
}

/// One enumeration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnumerationRow {
    /// The name as the standard spells it, `Hashing Algorithm`.
    pub name: &'static str,
    /// The tags whose items of type Enumeration hold its values.
    pub tags: &'static [Tag],
    /// Its values in the order of their numbers.
    pub values: &'static [ValueRow],
}

impl EnumerationRow {
    /// The row of a value in a version; where that version does not define the value, the newest row it has.
    #[must_use]
    pub fn by_value(&self, value: u32, version: ProtocolVersion) -> Option<&'static ValueRow> {
        let rows = || self.values.iter().filter(|row| row.value == value);
        rows().find(|row| row.versions.contains(version)).or_else(|| rows().next_back())
    }

    /// The value with this name of the XML encoding in any version, spellings of published test cases included.
    #[must_use]
    pub fn by_xml_name(&self, xml_name: &str) -> Option<u32> {
        let row = self.values.iter().find(|row| row.xml_name == xml_name);
        row.map(|row| row.value).or_else(|| {
            let alias = ALIASES.iter().find(|alias| alias.enumeration == self.name && alias.xml_name == xml_name);
            alias.map(|alias| alias.value)
        })
    }

    /// Whether `version` defines the value. Extensions (`0x8XXXXXXX`) are allowed in every version.
    #[must_use]
    pub fn known_in(&self, value: u32, version: ProtocolVersion) -> bool {
        value >> 28 == 8 || self.values.iter().any(|row| row.value == value && row.versions.contains(version))
    }
}

/// An enumeration as a Rust type.
pub trait Enumeration: Copy + Eq {
    /// What the standard says about it.
    const ROW: &'static EnumerationRow;

    /// The value with this number on the wire.
    fn from_value(value: u32) -> Self;

    /// The number on the wire.
    fn value(self) -> u32;

    /// The name in the XML encoding of `version` (of the newest version, where that one does not define the value).
    fn name(self, version: ProtocolVersion) -> Option<&'static str> {
        Self::ROW.by_value(self.value(), version).map(|row| row.xml_name)
    }

    /// Whether `version` defines the value.
    fn known_in(self, version: ProtocolVersion) -> bool {
        Self::ROW.known_in(self.value(), version)
    }
}

/// A spelling that published test cases use in place of the name in the tables.
struct Alias {
    enumeration: &'static str,
    xml_name: &'static str,
    value: u32,
}

const ALIASES: &[Alias] = &[
    // The table says Usage Limit Exceeded; TC-LOGIN-3.
    Alias { enumeration: "Result Reason", xml_name: "UsageLimitsExceeded", value: 0x1A },
    // The table says Not Authorised; TC-DLOGIN-2.
    Alias { enumeration: "Result Reason", xml_name: "NotAuthorized", value: 0x39 },
];

/// Writes the type, its constants and its row.
macro_rules! enumeration {
    (
        $(#[$doc:meta])*
        pub enum $type:ident($name:literal) in [$($tag:ident),* $(,)?] {
            $($value:literal => $xml_name:ident, $value_name:literal, $since:ident .. $($until:ident)?;)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(non_camel_case_types)]
        pub struct $type(pub u32);

        #[allow(non_upper_case_globals)]
        impl $type {
            $(
                #[doc = concat!("`", stringify!($value), "` ", $value_name, ".")]
                pub const $xml_name: Self = Self($value);
            )*
        }

        impl $crate::enumerations::Enumeration for $type {
            const ROW: &'static $crate::enumerations::EnumerationRow = &$crate::enumerations::EnumerationRow {
                name: $name,
                tags: &[$($crate::tag::$tag),*],
                values: &[$($crate::enumerations::ValueRow {
                    value: $value,
                    xml_name: stringify!($xml_name),
                    name: $value_name,
                    versions: $crate::versions!($since .. $($until)?),
                },)*],
            };

            fn from_value(value: u32) -> Self {
                Self(value)
            }

            fn value(self) -> u32 {
                self.0
            }
        }

        impl $crate::codec::Value for $type {
            fn read(
                item: &ttlv_codec::Item<'_>,
                _version: $crate::version::ProtocolVersion,
            ) -> $crate::codec::Result<Self> {
                match item.value {
                    ttlv_codec::Value::Enumeration(value) => Ok(Self(value)),
                    _ => Err($crate::codec::DecodeError::wrong_type(item)),
                }
            }

            fn write(
                &self,
                writer: &mut ttlv_codec::Writer,
                tag: ttlv_codec::Tag,
                _version: $crate::version::ProtocolVersion,
            ) {
                writer.enumeration(tag, self.0);
            }
        }

        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::enumerations::debug(*self, f)
            }
        }
    };
}
pub(crate) use enumeration;

/// The name, or the number when there is none.
pub(crate) fn debug<E: Enumeration>(value: E, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    match value.name(ProtocolVersion::V3_0) {
        Some(name) => f.write_str(name),
        None => write!(f, "0x{:08X}", value.value()),
    }
}

/// Declares the modules' types here and collects their rows.
macro_rules! registry {
    ($($module:ident::{$($type:ident),* $(,)?};)*) => {
        $(pub use $module::{$($type),*};)*

        /// Every enumeration of every version.
        pub const ALL: &[&EnumerationRow] = &[
            $($(<$type as Enumeration>::ROW,)*)*
            <crate::operation::Operation as Enumeration>::ROW,
            <crate::result_reason::ResultReason as Enumeration>::ROW,
        ];
    };
}

mod credential;
mod cryptographic;
mod key;
mod message;
mod object;
mod pkcs11;
mod profile;
mod query;
mod random;

registry! {
    credential::{AttestationType, CredentialType, OTPAlgorithm, TicketType};
    cryptographic::{
        BlockCipherMode, CryptographicAlgorithm, DerivationMethod, DigitalSignatureAlgorithm, HashingAlgorithm,
        KeyRoleType, MaskGenerator, NISTKeyType, PaddingMethod, RecommendedCurve, SplitKeyMethod, SplitKeyPolynomial,
    };
    key::{EncodingOption, KeyCompressionType, KeyFormatType, KeyValueLocationType, KeyWrapType, WrappingMethod};
    message::{
        AdjustmentType, AsynchronousIndicator, BatchErrorContinuationOption, CancellationResult, DataEnumeration,
        EndpointRole, Ephemeral, InteropFunction, ItemTypeEnumeration, ProcessingStage, PutFunction, ResultStatus,
        ValidityIndicator,
    };
    object::{
        AlternativeNameType, CertificateRequestType, CertificateType, DeactivationReasonCode, LinkType, NameType,
        ObjectClass, ObjectGroupMember, ObjectType, OpaqueDataType, ProtectionLevel, RevocationReasonCode, RotateNameType,
        SecretDataType, State, UniqueIdentifierEnumeration, UsageLimitsUnit,
    };
    pkcs11::{PKCS_11Function, PKCS_11ReturnCode};
    profile::{ProfileName};
    query::{
        ClientRegistrationMethod, DestroyAction, QueryFunction, ShreddingAlgorithm, UnwrapMode, ValidationAuthorityType,
        ValidationType,
    };
    random::{DRBGAlgorithm, FIPS186Variation, RNGAlgorithm, RNGMode};
}

/// The enumeration whose values a tag carries. None for a tag that carries no enumeration, for Attribute Value
/// (depends on the Attribute Name beside it), and for the tags of [`holds_tag`].
#[must_use]
pub fn of_tag(tag: Tag) -> Option<&'static EnumerationRow> {
    static INDEX: LazyLock<HashMap<Tag, &'static EnumerationRow>> =
        LazyLock::new(|| ALL.iter().flat_map(|row| row.tags.iter().map(|tag| (*tag, *row))).collect());
    INDEX.get(&tag).copied()
}

/// Whether the values of an Enumeration under this tag are themselves tags.
#[must_use]
pub fn holds_tag(tag: Tag) -> bool {
    tag == tag::AttributeReference || tag == tag::Tag
}

/// The XML name of an Enumeration's value under a tag, whichever table it comes from.
#[must_use]
pub fn xml_name(tag: Tag, value: u32, version: ProtocolVersion) -> Option<&'static str> {
    if holds_tag(tag) {
        return crate::tag::by_tag(Tag(value)).map(|row| row.xml_name);
    }
    of_tag(tag)?.by_value(value, version).map(|row| row.xml_name)
}

/// The value with an XML name under a tag, whichever table it comes from.
#[must_use]
pub fn by_xml_name(tag: Tag, xml_name: &str) -> Option<u32> {
    if holds_tag(tag) {
        return crate::tag::by_xml_name(xml_name).map(|row| row.tag.0);
    }
    of_tag(tag)?.by_xml_name(xml_name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result_reason::ResultReason;
    use ttlv_codec::ItemType;

    #[test]
    fn every_tag_of_type_enumeration_has_its_enumeration() {
        for row in tag::ALL.iter().filter(|row| row.item_types.contains(&ItemType::Enumeration)) {
            let open = row.tag == tag::AttributeValue || row.tag == tag::CustomAttribute;
            assert_eq!(of_tag(row.tag).is_none(), open || holds_tag(row.tag), "{}", row.xml_name);
        }
        for row in ALL {
            for tag in row.tags {
                let row = tag::by_tag(*tag).unwrap();
                assert!(row.item_types.contains(&ItemType::Enumeration), "{}", row.xml_name);
            }
        }
    }

    #[test]
    fn one_enumeration_per_tag_and_one_name_per_value_and_version() {
        let tags: Vec<Tag> = ALL.iter().flat_map(|row| row.tags).copied().collect();
        assert_eq!(tags.len(), tags.iter().collect::<std::collections::HashSet<_>>().len());
        for row in ALL {
            assert!(row.values.windows(2).all(|pair| pair[0].value <= pair[1].value), "{}", row.name);
            for value in row.values {
                for version in ProtocolVersion::ALL {
                    let names = row.values.iter().filter(|other| other.value == value.value && other.versions.contains(version));
                    assert!(names.count() <= 1, "{} {}", row.name, value.name);
                }
                assert_eq!(row.by_xml_name(value.xml_name), Some(value.value), "{} {}", row.name, value.name);
            }
        }
    }

    #[test]
    fn names_follow_the_version() {
        assert_eq!(HashingAlgorithm::SHA3_256.name(ProtocolVersion::V1_4), Some("SHA_3_256"));
        assert_eq!(HashingAlgorithm::SHA_3_256.name(ProtocolVersion::V2_0), Some("SHA3_256"));
        assert_eq!(CryptographicAlgorithm::ChaCha20.name(ProtocolVersion::V1_0), Some("ChaCha20"));
        assert!(!CryptographicAlgorithm::ChaCha20.known_in(ProtocolVersion::V1_0));
        assert!(OpaqueDataType(0x8000_0001).known_in(ProtocolVersion::V1_0));
        assert_eq!(format!("{:?}", PaddingMethod::None), "None");
        assert_eq!(format!("{:?}", CryptographicAlgorithm(0x8000_0001)), "0x80000001");
    }

    #[test]
    fn names_of_cases_and_of_tags_are_found() {
        assert_eq!(by_xml_name(tag::ResultReason, "NotAuthorized"), Some(ResultReason::NotAuthorised.0));
        assert_eq!(by_xml_name(tag::OTPDigest, "SHA3_256"), Some(0x20));
        assert_eq!(by_xml_name(tag::MaskGenerator, "MGF1"), Some(1));
        assert_eq!(by_xml_name(tag::AttributeReference, "State"), Some(tag::State.0));
        assert_eq!(xml_name(tag::AttributeReference, tag::State.0, ProtocolVersion::V2_0), Some("State"));
        assert_eq!(xml_name(tag::ExtensionType, 0x0B, ProtocolVersion::V2_0), Some("DateTimeExtended"));
    }
}
