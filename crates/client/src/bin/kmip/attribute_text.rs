//! Attributes as text: what people type, and what they read.

use std::time::SystemTime;

use kmip::attribute::{Attribute, AttributeInstance, AttributeReference, VendorAttribute};
use kmip::codec::DateTime;
use kmip::enumerations::{self, Enumeration};
use kmip::masks::{self, CryptographicUsageMask, Mask};
use kmip::text::xml::Element;
use kmip::{ProtocolVersion, tag, v1};
use serde_json::{Map, Value as Json, json};
use ttlv_codec::{ItemType, Limits, Reader, Tag, Tree, TreeValue, Writer};

use crate::output::Failure;

/// The attribute that a name means: as the standard spells it (`Object Group`), as XML does (`ObjectGroup`), in any case; `x-NAME` and
/// `y-NAME` are attributes of one's own, `VENDOR:NAME` those of a vendor (2.x).
pub(crate) fn reference(name: &str) -> Result<AttributeReference, Failure> {
    if let Some((vendor, attribute)) = name.split_once(':') {
        let (vendor_identification, attribute_name) = (vendor.to_owned(), attribute.to_owned());
        return Ok(AttributeReference::Vendor { vendor_identification, attribute_name });
    }
    match v1::attribute_reference(name) {
        AttributeReference::Unknown(_) => {}
        known => return Ok(known),
    }
    let wanted = folded(name);
    let row = tag::ALL.iter().find(|row| folded(row.xml_name) == wanted && kmip::attribute::rules_of(row.tag).is_some());
    row.map(|row| AttributeReference::Standard(row.tag)).ok_or_else(|| {
        Failure::usage(format!(
            "there is no attribute `{name}`; attributes of your own begin with x-, those of a vendor are VENDOR:NAME"
        ))
    })
}

/// An attribute from its name and the text of its value.
pub(crate) fn attribute(name: &str, text: &str) -> Result<Attribute, Failure> {
    let tag = match reference(name)? {
        AttributeReference::Standard(tag) => tag,
        AttributeReference::Vendor { vendor_identification, attribute_name } => {
            let attribute_value = TreeValue::TextString(text.to_owned());
            return Ok(Attribute::Vendor(VendorAttribute { vendor_identification, attribute_name, attribute_value }));
        }
        AttributeReference::Unknown(name) => return Err(Failure::usage(format!("there is no attribute `{name}`"))),
    };
    let wrong = |why: String| Failure::usage(format!("`{text}` is no value of {name}: {why}"));
    let tree = value_tree(tag, text).map_err(&wrong)?;
    let bytes = zeroize::Zeroizing::new(tree.to_bytes());
    let item = Reader::new(&bytes).next_item().map_err(|error| wrong(error.to_string()))?;
    // Read in the newest version that has the attribute, in which every value of it is known.
    let version = ProtocolVersion::ALL.into_iter().rev().filter(|version| *version < ProtocolVersion::V3_0);
    let version = version
        .into_iter()
        .find(|version| kmip::attribute::rules_of(tag).is_some_and(|rules| rules.versions.contains(*version)))
        .unwrap_or(ProtocolVersion::V3_0);
    let item = item.ok_or_else(|| wrong("it is empty".to_owned()))?;
    match Attribute::read_as(tag, &item, version) {
        Ok(Some(attribute)) => Ok(attribute),
        Ok(None) => Err(wrong("it cannot be set".to_owned())),
        Err(error) => Err(wrong(error.kind.to_string())),
    }
}

/// `NAME=VALUE` as an attribute.
pub(crate) fn assignment(text: &str) -> Result<Attribute, Failure> {
    let (name, value) = text.split_once('=').ok_or_else(|| Failure::usage(format!("`{text}` is not NAME=VALUE")))?;
    attribute(name, value)
}

/// A value of an enumeration from its name: as the standard or XML spells it, in any case.
pub(crate) fn enumeration<E: Enumeration>(text: &str) -> Result<E, Failure> {
    enumeration_value(E::ROW, text).map(E::from_value).map_err(Failure::Usage)
}

/// A usage mask from names, separated by commas.
pub(crate) fn usage(text: &str) -> Result<CryptographicUsageMask, Failure> {
    mask_value(CryptographicUsageMask::ROW, text).map(CryptographicUsageMask::from_bits).map_err(Failure::Usage)
}

/// A time: `now`, seconds since 1970, or as in 2026-01-31T12:00:00Z.
pub(crate) fn date(text: &str) -> Result<DateTime, Failure> {
    match value_tree(tag::ActivationDate, text) {
        Ok(Tree { value, .. }) => match value {
            TreeValue::DateTime(seconds) => Ok(DateTime(seconds)),
            _ => Err(Failure::usage(format!("`{text}` is not a time"))),
        },
        Err(why) => Err(Failure::usage(format!("`{text}` is not a time: {why}"))),
    }
}

/// Names are compared without case and without what stands between words.
fn folded(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn enumeration_value(row: &enumerations::EnumerationRow, text: &str) -> Result<u32, String> {
    if let Some(value) = text.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
        return Ok(value);
    }
    let wanted = folded(text);
    let found = row.values.iter().find(|row| folded(row.xml_name) == wanted || folded(row.name) == wanted);
    found.map(|row| row.value).ok_or_else(|| {
        let mut known: Vec<&str> = row.values.iter().map(|row| row.xml_name).collect();
        known.dedup();
        known.truncate(30);
        format!("there is no {} `{text}`; known are {}", row.name, known.join(", "))
    })
}

fn mask_value(row: &masks::MaskRow, text: &str) -> Result<u32, String> {
    let mut bits = 0;
    for name in text.split([',', ' ', '|']).filter(|name| !name.is_empty()) {
        let wanted = folded(name);
        let bit = row.bits.iter().find(|bit| folded(bit.xml_name) == wanted);
        bits |= bit.map(|bit| bit.value).ok_or_else(|| {
            let known: Vec<&str> = row.bits.iter().map(|bit| bit.xml_name).collect();
            format!("there is no {} `{name}`; known are {}", row.name, known.join(", "))
        })?;
    }
    Ok(bits)
}

/// The item that a text stands for, by what the tables say about the tag.
fn value_tree(tag: Tag, text: &str) -> Result<Tree, String> {
    let row = tag::by_tag(tag).ok_or("an unknown tag")?;
    if row.item_types.contains(&ItemType::Structure) {
        return structure(tag, text);
    }
    if let Some(enumeration) = enumerations::of_tag(tag) {
        return Ok(Tree { tag, value: TreeValue::Enumeration(enumeration_value(enumeration, text)?) });
    }
    if let Some(mask) = masks::of_tag(tag) {
        return Ok(Tree { tag, value: TreeValue::Integer(mask_value(mask, text)?.cast_signed()) });
    }
    // The first type is that of the oldest versions; a link to an object is a text.
    let item_type = if row.item_types.contains(&ItemType::TextString) { ItemType::TextString } else { row.item_types[0] };
    let text = match (item_type, text) {
        (ItemType::DateTime, "now") => return Ok(Tree { tag, value: TreeValue::DateTime(now()) }),
        (ItemType::DateTime, seconds) if seconds.parse::<i64>().is_ok() => {
            return Ok(Tree { tag, value: TreeValue::DateTime(seconds.parse().unwrap_or_default()) });
        }
        (ItemType::DateTime, date) => date.replace(' ', "T"),
        (_, text) => text.to_owned(),
    };
    let element = Element { name: row.xml_name.to_owned(), item_type, value: text, children: Vec::new() };
    element.to_tree().map_err(|error| error.kind.to_string())
}

/// `Field=value,Field=value`; names and the like have one field that matters, which may stand alone.
fn structure(tag: Tag, text: &str) -> Result<Tree, String> {
    let leaf = |tag, text: &str| Tree { tag, value: TreeValue::TextString(text.to_owned()) };
    let kind = |tag, value| Tree { tag, value: TreeValue::Enumeration(value) };
    let fields = match tag {
        tag::Name | tag::RotateName => vec![leaf(tag::NameValue, text), kind(tag::NameType, 1)],
        tag::AlternativeName => vec![leaf(tag::AlternativeNameValue, text), kind(tag::AlternativeNameType, 1)],
        _ => text
            .split(',')
            .map(|field| {
                let (name, value) = field.split_once('=').ok_or_else(|| format!("`{field}` is not FIELD=VALUE"))?;
                let wanted = folded(name);
                let row =
                    tag::ALL.iter().find(|row| folded(row.xml_name) == wanted).ok_or(format!("there is no field `{name}`"))?;
                value_tree(row.tag, value)
            })
            .collect::<Result<_, String>>()?,
    };
    Ok(Tree { tag, value: TreeValue::Structure(fields) })
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    i64::try_from(since).unwrap_or(i64::MAX)
}

/// An attribute to read: its name, its index, its value as text and as JSON.
pub(crate) struct Shown {
    pub(crate) name: String,
    pub(crate) index: Option<i32>,
    pub(crate) text: String,
    pub(crate) json: Json,
}

/// How an attribute that the server sent reads.
pub(crate) fn show(instance: &AttributeInstance, version: ProtocolVersion) -> Shown {
    let attribute = &instance.attribute;
    let mut writer = Writer::new();
    match attribute {
        Attribute::Vendor(vendor) => vendor.attribute_value.write(&mut writer, tag::AttributeValue),
        _ => attribute.write_as(attribute.tag(), &mut writer, version),
    }
    let bytes = zeroize::Zeroizing::new(writer.finish());
    let element = Tree::parse(&bytes, &Limits::default()).map(|tree| Element::from_tree(&tree, version));
    let (text, json) = element.map_or((String::new(), Json::Null), |element| (element_text(&element), element_json(&element)));
    Shown { name: attribute.reference().to_string(), index: instance.index, text, json }
}

fn element_of<V: kmip::codec::Value>(value: &V, tag: Tag, version: ProtocolVersion) -> Option<Element> {
    let mut writer = Writer::new();
    value.write(&mut writer, tag, version);
    let bytes = zeroize::Zeroizing::new(writer.finish());
    Tree::parse(&bytes, &Limits::default()).ok().map(|tree| Element::from_tree(&tree, version))
}

/// Any payload or part of one as JSON, with the names of XML.
pub(crate) fn value_json<V: kmip::codec::Value>(value: &V, tag: Tag, version: ProtocolVersion) -> Json {
    element_of(value, tag, version).map_or(Json::Null, |element| element_json(&element))
}

/// Any part of a payload on one line.
pub(crate) fn value_text<V: kmip::codec::Value>(value: &V, tag: Tag, version: ProtocolVersion) -> String {
    element_of(value, tag, version).map_or(String::new(), |element| element_text(&element))
}

/// A structure of a payload, a line per field.
pub(crate) fn value_lines<V: kmip::codec::Value>(value: &V, tag: Tag, version: ProtocolVersion) -> Vec<String> {
    element_of(value, tag, version).map_or(Vec::new(), |element| {
        element.children.iter().map(|field| format!("{}: {}", field.name, element_text(field))).collect()
    })
}

fn element_text(element: &Element) -> String {
    match (element.item_type, element.name.as_str(), element.children.as_slice()) {
        (ItemType::Structure, "Name" | "RotateName", [value, _]) => element_text(value),
        (ItemType::Structure, _, children) => {
            children.iter().map(|child| format!("{}={}", child.name, element_text(child))).collect::<Vec<_>>().join(",")
        }
        // What a server or another client stored must not be able to steer the terminal.
        (ItemType::TextString | ItemType::Identifier | ItemType::Reference | ItemType::NameReference, _, _) => {
            element.value.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
        }
        _ => element.value.clone(),
    }
}

fn element_json(element: &Element) -> Json {
    match element.item_type {
        ItemType::Structure => {
            let mut fields = Map::new();
            for child in &element.children {
                let value = element_json(child);
                match fields.get_mut(&child.name) {
                    None => {
                        fields.insert(child.name.clone(), value);
                    }
                    // A repeated field becomes an array.
                    Some(Json::Array(values)) => values.push(value),
                    Some(first) => *first = Json::Array(vec![first.take(), value]),
                }
            }
            Json::Object(fields)
        }
        ItemType::Integer | ItemType::LongInteger | ItemType::Interval => {
            element.value.parse::<i64>().map_or_else(|_| json!(element.value), |number| json!(number))
        }
        ItemType::Boolean => json!(element.value == "true"),
        _ => json!(element.value),
    }
}

#[cfg(test)]
mod tests {
    use kmip::enumerations::{CryptographicAlgorithm, State};
    use kmip::structures::Name;

    use super::*;

    fn parse(name: &str, text: &str) -> Attribute {
        match attribute(name, text) {
            Ok(attribute) => attribute,
            Err(Failure::Usage(message)) => panic!("{message}"),
            Err(_) => panic!("another failure"),
        }
    }

    #[test]
    fn what_people_type() {
        assert_eq!(parse("Name", "disk"), Attribute::Name(Name::text("disk")));
        assert_eq!(parse("object group", "array-1"), Attribute::ObjectGroup("array-1".to_owned()));
        assert_eq!(parse("CryptographicLength", "256"), Attribute::CryptographicLength(256));
        assert_eq!(parse("cryptographic-algorithm", "aes"), Attribute::CryptographicAlgorithm(CryptographicAlgorithm::AES));
        assert_eq!(parse("State", "pre-active"), Attribute::State(State::PreActive));
        assert_eq!(parse("Activation Date", "1970-01-01T00:01:00Z"), Attribute::ActivationDate(DateTime(60)));
        assert_eq!(parse("Activation Date", "60"), Attribute::ActivationDate(DateTime(60)));
        let usage = CryptographicUsageMask::Encrypt | CryptographicUsageMask::WrapKey;
        assert_eq!(parse("Cryptographic Usage Mask", "encrypt,wrap-key"), Attribute::CryptographicUsageMask(usage));
        let Attribute::ApplicationSpecificInformation(information) =
            parse("Application Specific Information", "ApplicationNamespace=ssl,ApplicationData=www")
        else {
            panic!("another attribute")
        };
        assert_eq!((information.application_namespace.as_str(), information.application_data.as_deref()), ("ssl", Some("www")));
        let Attribute::Vendor(vendor) = parse("x-Barcode", "A1") else { panic!("another attribute") };
        assert_eq!((vendor.vendor_identification.as_str(), vendor.attribute_name.as_str()), ("x", "Barcode"));
    }

    #[test]
    fn mistakes_are_explained() {
        for (name, text, words) in [
            ("Colour", "red", "no attribute `Colour`"),
            ("State", "tired", "known are PreActive"),
            ("Cryptographic Usage Mask", "encrypt,paint", "no Cryptographic Usage Mask `paint`"),
            ("Cryptographic Length", "long", "is no value of"),
            ("Link", "x", "FIELD=VALUE"),
        ] {
            let Err(Failure::Usage(message)) = attribute(name, text) else { panic!("{name} {text}") };
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn what_people_read() {
        for (name, text) in [("Name", "disk"), ("State", "Active"), ("Cryptographic Length", "256"), ("x-Barcode", "A1")] {
            let shown = show(&parse(name, text).into(), ProtocolVersion::V1_4);
            assert_eq!((shown.name.as_str(), shown.text.as_str()), (name, text));
        }
        let shown = show(&parse("Object Group", "a\u{1b}[2J").into(), ProtocolVersion::V2_1);
        assert_eq!(shown.text, "a\\u{1b}[2J");
    }
}
