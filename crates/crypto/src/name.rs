//! The parts of a distinguished name.

use x509_parser::der_parser::asn1_rs::{Any, Tag};
use x509_parser::objects::oid2abbrev;
use x509_parser::oid_registry::{self, Oid};
use x509_parser::x509::X509Name;

macro_rules! name_parts {
    ($($(#[$doc:meta])* $field:ident = $oid:expr;)*) => {
        /// The parts of a distinguished name that KMIP has attributes for, each in the order of the name.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct NameParts {
            $($(#[$doc])* pub $field: Vec<String>,)*
        }

        impl NameParts {
            fn of(&mut self, kind: &Oid<'_>) -> Option<&mut Vec<String>> {
                $(if *kind == $oid { return Some(&mut self.$field); })*
                None
            }
        }
    };
}

name_parts! {
    /// CN.
    common_name = oid_registry::OID_X509_COMMON_NAME;
    /// O.
    organization = oid_registry::OID_X509_ORGANIZATION_NAME;
    /// OU.
    organizational_unit = oid_registry::OID_X509_ORGANIZATIONAL_UNIT;
    /// Email (PKCS#9).
    email = oid_registry::OID_PKCS9_EMAIL_ADDRESS;
    /// C.
    country = oid_registry::OID_X509_COUNTRY_NAME;
    /// ST.
    state = oid_registry::OID_X509_STATE_OR_PROVINCE_NAME;
    /// L.
    locality = oid_registry::OID_X509_LOCALITY_NAME;
    /// UID.
    user_id = oid_registry::OID_USERID;
    /// Serial Number, that of the name.
    serial_number = oid_registry::OID_X509_SERIALNUMBER;
    /// Title.
    title = oid_registry::OID_X509_TITLE;
    /// DC.
    domain_component = oid_registry::OID_DOMAIN_COMPONENT;
    /// DN Qualifier.
    dn_qualifier = oid_registry::OID_X509_DN_QUALIFIER;
}

impl NameParts {
    /// Collects the parts; those that are not text are left out.
    pub(crate) fn read(name: &X509Name<'_>) -> Self {
        let mut parts = Self::default();
        for attribute in name.iter_attributes() {
            if let Some(text) = text(attribute.attr_value())
                && let Some(values) = parts.of(attribute.attr_type())
            {
                values.push(text);
            }
        }
        parts
    }
}

/// A distinguished name as text (RFC 4514): the parts in reverse order, special characters escaped.
pub(crate) fn name_text(name: &X509Name<'_>) -> String {
    let mut parts: Vec<String> = name
        .iter_attributes()
        .map(|attribute| {
            let kind = oid2abbrev(attribute.attr_type(), x509_parser::objects::oid_registry())
                .map_or_else(|_| attribute.attr_type().to_id_string(), str::to_owned);
            let value = text(attribute.attr_value()).map_or_else(|| hexadecimal(attribute.as_slice()), |text| escaped(&text));
            format!("{kind}={value}")
        })
        .collect();
    parts.reverse();
    parts.join(",")
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold("#".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

fn escaped(text: &str) -> String {
    let last = text.chars().count().saturating_sub(1);
    let mut escaped = String::new();
    for (at, character) in text.chars().enumerate() {
        let at_edge = (at == 0 && matches!(character, ' ' | '#')) || (at == last && character == ' ');
        if at_edge || matches!(character, ',' | '+' | '"' | '\\' | '<' | '>' | ';') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// The text of any of the string types that certificates use.
fn text(value: &Any<'_>) -> Option<String> {
    let bytes = value.data;
    match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString | Tag::VisibleString => {
            String::from_utf8(bytes.to_vec()).ok()
        }
        // In practice Latin-1, of which every byte is the character of that number.
        Tag::TeletexString => Some(bytes.iter().map(|byte| char::from(*byte)).collect()),
        Tag::BmpString => {
            let (units, rest) = bytes.as_chunks::<2>();
            if !rest.is_empty() {
                return None;
            }
            char::decode_utf16(units.iter().map(|unit| u16::from_be_bytes(*unit))).collect::<Result<_, _>>().ok()
        }
        Tag::UniversalString => {
            let (units, rest) = bytes.as_chunks::<4>();
            if !rest.is_empty() {
                return None;
            }
            units.iter().map(|unit| char::from_u32(u32::from_be_bytes(*unit))).collect()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_are_escaped() {
        for (text, expected) in [
            ("plain", "plain"),
            ("a,b+c", "a\\,b\\+c"),
            (" both ", "\\ both\\ "),
            ("#1 #2", "\\#1 #2"),
            ("\"<\\>;", "\\\"\\<\\\\\\>\\;"),
            ("", ""),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }
}
