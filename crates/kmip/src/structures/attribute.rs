//! The structures that attributes have as values.

use ttlv_codec::{Item, Tag, Value as Ttlv, Writer};

use crate::codec::{self, ByteString, Cardinality, Fields, Member, MemberRow, Value};
use crate::enumerations::{
    AlternativeNameType, DeactivationReasonCode, HashingAlgorithm, KeyFormatType, KeyValueLocationType, LinkType, NameType,
    RevocationReasonCode, RotateNameType, UsageLimitsUnit,
};
use crate::identifier::ObjectReference;
use crate::tag;
use crate::version::ProtocolVersion;

/// A name: a structure of text and type up to 2.1, the bare text in 3.0, where the type is always the first of them.
macro_rules! typed_name {
    ($(#[$meta:meta])* pub struct $name:ident {
        $value_tag:ident => $value:ident: String, $type_tag:ident => $type:ident: $type_type:ident, $since:ident .. V3_0
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name {
            /// The text.
            pub $value: String,
            /// What kind of text it is.
            pub $type: $type_type,
        }

        impl $name {
            /// The rows of the structure, up to 2.1.
            pub const MEMBERS: &'static [MemberRow] = &[
                Self::row(tag::$value_tag),
                Self::row(tag::$type_tag),
            ];

            const fn row(tag: Tag) -> MemberRow {
                let versions = $crate::versions!($since .. V3_0);
                MemberRow { tag_1x: tag, tag, versions, cardinality: Cardinality::Required }
            }
        }

        impl $name {
            /// An uninterpreted text as a name.
            #[must_use]
            pub fn text(text: &str) -> Self {
                Self { $value: text.to_owned(), $type: $type_type::UninterpretedTextString }
            }
        }

        impl Value for $name {
            fn read(item: &Item<'_>, version: ProtocolVersion) -> codec::Result<Self> {
                if let (Ttlv::TextString(text), true) = (&item.value, version >= ProtocolVersion::V3_0) {
                    return Ok(Self::text(text));
                }
                let mut fields = Fields::of(item, version)?;
                let $value = Member::read_member(&mut fields, tag::$value_tag, true)?;
                let $type = Member::read_member(&mut fields, tag::$type_tag, true)?;
                fields.end()?;
                Ok(Self { $value, $type })
            }

            fn write(&self, writer: &mut Writer, tag: Tag, version: ProtocolVersion) {
                if version >= ProtocolVersion::V3_0 {
                    return writer.text_string(tag, &self.$value);
                }
                writer.structure(tag, |writer| {
                    self.$value.write(writer, tag::$value_tag, version);
                    self.$type.write(writer, tag::$type_tag, version);
                });
            }
        }
    };
}

typed_name! {
    /// The name a client gives an object (2.1, section 4.32).
    pub struct Name { NameValue => name_value: String, NameType => name_type: NameType, V1_0..V3_0 }
}

typed_name! {
    /// The name that the rotations of a key share (2.1, section 4.53).
    pub struct RotateName {
        RotateNameValue => rotate_name_value: String, RotateNameType => rotate_name_type: RotateNameType, V2_1..V3_0
    }
}

structure! {
    /// Another name of an object, such as a serial number (2.1, section 4.2).
    #[derive(Clone, Eq, Hash)]
    pub struct AlternativeName {
        AlternativeNameValue => alternative_name_value: String, V1_2..;
        AlternativeNameType => alternative_name_type: AlternativeNameType, V1_2..;
    }
}

structure! {
    /// Data an application keeps with an object (2.1, section 4.4). Up to 1.2 clients must send the data; later the server
    /// makes them up, for namespaces it knows, if they are left out.
    #[derive(Clone, Eq, Hash)]
    pub struct ApplicationSpecificInformation {
        ApplicationNamespace => application_namespace: String, V1_0..;
        ApplicationData => application_data: Option<String>, V1_0..;
    }
}

structure! {
    /// Why an object was deactivated (3.0).
    #[derive(Clone, Eq, Hash)]
    pub struct DeactivationReason {
        DeactivationReasonCode => deactivation_reason_code: DeactivationReasonCode, V3_0..;
        DeactivationMessage => deactivation_message: Option<String>, V3_0..;
    }
}

structure! {
    /// A digest of the key value (2.1, section 4.21). The server may be unable to make one of a wrapped key.
    #[derive(Clone, Eq, Hash)]
    pub struct Digest {
        HashingAlgorithm => hashing_algorithm: HashingAlgorithm, V1_0..;
        DigestValue => digest_value: Option<ByteString>, V1_0..;
        KeyFormatType => key_format_type: Option<KeyFormatType>, V1_1..;
    }
}

structure! {
    /// Where the key value is that the server does not have (2.1, section 4.27).
    #[derive(Clone, Eq, Hash)]
    pub struct KeyValueLocation {
        KeyValueLocationValue => key_value_location_value: String, V1_2..;
        KeyValueLocationType => key_value_location_type: KeyValueLocationType, V1_2..;
    }
}

structure! {
    /// A relation to another object (2.1, section 4.31). 3.0 has an attribute per relation instead.
    #[derive(Clone, Eq, Hash)]
    pub struct Link {
        LinkType => link_type: LinkType, V1_0..V3_0;
        LinkedObjectIdentifier => linked_object_identifier: ObjectReference, V1_0..V3_0;
    }
}

structure! {
    /// Why an object was revoked (2.1, section 4.47).
    #[derive(Clone, Eq, Hash)]
    pub struct RevocationReason {
        RevocationReasonCode => revocation_reason_code: RevocationReasonCode, V1_0..;
        RevocationMessage => revocation_message: Option<String>, V1_0..;
    }
}

structure! {
    /// How often a key may be used to protect (2.1, section 4.59). Clients set total and unit; the server counts.
    #[derive(Clone, Eq, Hash)]
    pub struct UsageLimits {
        UsageLimitsTotal => usage_limits_total: i64, V1_0..;
        UsageLimitsCount => usage_limits_count: Option<i64>, V1_0..;
        UsageLimitsUnit => usage_limits_unit: UsageLimitsUnit, V1_0..;
    }
}
