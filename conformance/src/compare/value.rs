//! Values that are no structures: what must be equal, what is bound to a name, what may be anything of its type.

use kmip::text::xml::Element;
use ttlv_codec::ItemType;

use super::{Judge, Verdict};
use crate::bindings::{Origin, date_text, seconds_of_now};

/// `$NOW` may be this many seconds away: permitted by the profiles for clocks and slow tests.
const NOW_TOLERANCE_S: i64 = 180;

/// Longer values are shortened in messages.
const SHOWN_CHARACTERS: usize = 96;

/// Fields that hold key material or what is computed with it.
const MATERIAL: [&str; 14] = [
    "KeyMaterial",
    "KeyValue",
    "CertificateValue",
    "DigestValue",
    "Data",
    "SignatureData",
    "MACData",
    "IVCounterNonce",
    "AuthenticatedEncryptionTag",
    "CertificateSerialNumber",
    "IssuerDistinguishedName",
    "SubjectDistinguishedName",
    "AttributeValue",
    "OpaqueDataValue",
];

impl Judge<'_> {
    pub(super) fn value(&mut self, expected: &Element, actual: &Element, attribute: Option<&str>) -> Verdict {
        let generated_format = self.origin == Origin::Generated && expected.name == "KeyMaterial";
        if expected.item_type != actual.item_type && !generated_format {
            return Err(self.difference(describe(expected), describe(actual)));
        }
        if expected.value.starts_with('$') {
            return self.named_value(expected, actual);
        }
        let equal = || same_value(expected, actual, attribute);
        match expected.item_type {
            _ if self.varies(&expected.name, attribute) => Ok(()),
            ItemType::DateTime | ItemType::DateTimeExtended => {
                // A date the server chose may be any; one that the client set must be kept.
                if self.bindings.was_sent(&expected.value) && !equal() {
                    return Err(self.difference(describe(expected), describe(actual)));
                }
                Ok(())
            }
            ItemType::ByteString | ItemType::BigInteger if self.in_material(&expected.name) => self.material(expected, actual),
            ItemType::Structure => Ok(()),
            _ if is_identifier(expected) && !self.bindings.was_sent(&expected.value) => {
                self.bindings.bind_literal(&expected.value, &actual.value).map_err(|bound| self.difference(bound, &actual.value))
            }
            _ if equal() => Ok(()),
            // An identifier of the file that stands for the server's own.
            _ if self.bindings.resolve(&expected.value) == Some(&actual.value) => Ok(()),
            _ => Err(self.difference(describe(expected), describe(actual))),
        }
    }

    /// A name of the file: a date relative to now, or something to be bound.
    fn named_value(&mut self, expected: &Element, actual: &Element) -> Verdict {
        if let Some(near) = near_now(expected, actual) {
            return near.map_err(|wanted| self.difference(wanted, describe(actual)));
        }
        // Get answers with the object that was asked for; some files name another one.
        if self.operation == "Get" && expected.name == "UniqueIdentifier" {
            let asked = self.request_payload().and_then(|payload| payload.child("UniqueIdentifier"));
            let asked = asked.and_then(|asked| self.bindings.resolve(&asked.value));
            if asked == Some(&actual.value) && self.bindings.variable(&expected.value).is_some() {
                return Ok(());
            }
        }
        let bound = self.bindings.bind(&expected.value, &actual.value);
        bound.map_err(|bound| self.difference(format!("{} = {bound}", expected.value), describe(actual)))
    }

    /// Fields whose content is the server's own.
    fn varies(&self, name: &str, attribute: Option<&str>) -> bool {
        match name {
            "TimeStamp" | "LeaseTime" | "ResultMessage" | "Nonce" | "ServerInformation" | "ServerCorrelationValue" => true,
            "AttributeValue" => attribute == Some("Lease Time"),
            // The format of generated material is the server's choice unless the client named one.
            "KeyFormatType" => {
                self.origin == Origin::Generated
                    && self.request_payload().is_none_or(|payload| payload.child("KeyFormatType").is_none())
            }
            _ => false,
        }
    }

    fn in_material(&self, name: &str) -> bool {
        MATERIAL.contains(&name) || self.path.iter().any(|parent| parent == "KeyMaterial")
    }

    /// Key material, digests and results of cryptographic operations: exact where the client can know them.
    fn material(&mut self, expected: &Element, actual: &Element) -> Verdict {
        if self.bindings.resolve(&expected.value).is_none() {
            if same_value(expected, actual, None) {
                return Ok(());
            }
            if let Origin::Supplied { material, .. } = &self.origin
                && self.operation == "Get"
                && material.contains(&actual.value.to_ascii_lowercase())
            {
                // What the client registered, although the file shows something else.
                return Ok(());
            }
            if !self.material_varies(&expected.value) {
                return Err(self.difference(describe(expected), describe(actual)));
            }
        }
        let bound = self.bindings.bind_literal(&expected.value, &actual.value);
        bound.map_err(|bound| self.difference(shortened(&bound), describe(actual)))
    }

    fn material_varies(&self, literal: &str) -> bool {
        let sent = self.bindings.was_sent(literal);
        match self.operation {
            "RNGRetrieve" => true,
            "Hash" => false,
            "Decrypt" => self.origin == Origin::Generated && !sent,
            "Encrypt" | "Sign" | "MAC" => self.is_randomised() || (!matches!(self.origin, Origin::Supplied { .. }) && !sent),
            _ => match self.origin {
                Origin::Generated => !sent,
                Origin::Unknown => !sent,
                Origin::Supplied { .. } => false,
            },
        }
    }
}

/// Whether the date that was received is near the one that `$NOW` or an offset from it means; `None`: no such date is expected.
///
/// # Errors
/// What is wanted, in words.
pub(super) fn near_now(expected: &Element, actual: &Element) -> Option<Result<(), String>> {
    let seconds = seconds_of_now(&expected.value)?;
    let near = date_of(actual).is_some_and(|received| (received - seconds).abs() <= NOW_TOLERANCE_S);
    Some(if near { Ok(()) } else { Err(format!("{} within {NOW_TOLERANCE_S} s", date_text(seconds))) })
}

/// Whether two values are the same: as numbers where names differ, and without regard to the case of hexadecimal digits.
pub(super) fn same_value(expected: &Element, actual: &Element, attribute: Option<&str>) -> bool {
    if expected.value == actual.value {
        return true;
    }
    let tree = |element: &Element| match attribute {
        Some(attribute) => element.to_tree_as_attribute(attribute),
        None => element.to_tree(),
    };
    matches!((tree(expected), tree(actual)), (Ok(expected), Ok(actual)) if expected == actual)
}

/// Whether a field names an object.
fn is_identifier(element: &Element) -> bool {
    matches!(element.item_type, ItemType::TextString | ItemType::Identifier | ItemType::Reference)
        && (element.name.ends_with("UniqueIdentifier") || element.name == "LinkedObjectIdentifier")
}

/// The seconds since 1970 of a date.
fn date_of(element: &Element) -> Option<i64> {
    match element.to_tree().ok()?.value {
        ttlv_codec::TreeValue::DateTime(seconds) => Some(seconds),
        ttlv_codec::TreeValue::DateTimeExtended(micro_seconds) => Some(micro_seconds.div_euclid(1_000_000)),
        _ => None,
    }
}

/// A value for people.
pub(super) fn describe(element: &Element) -> String {
    match element.item_type {
        ItemType::Structure => "a structure".to_owned(),
        ItemType::TextString => format!("\"{}\"", shortened(&element.value)),
        other => format!("{other:?} {}", shortened(&element.value)),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}… ({} characters)", &text[..end], text.chars().count()),
        None => text.to_owned(),
    }
}
