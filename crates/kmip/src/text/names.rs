//! Names of tags, enumeration values and mask bits, looked up in the vocabulary's tables.

use ttlv_codec::{ItemType, Tag};

use crate::{ProtocolVersion, enumerations, masks, tag};

/// The normalised name of an item type.
pub(super) const fn item_type_name(item_type: ItemType) -> &'static str {
    match item_type {
        ItemType::Structure => "Structure",
        ItemType::Integer => "Integer",
        ItemType::LongInteger => "LongInteger",
        ItemType::BigInteger => "BigInteger",
        ItemType::Enumeration => "Enumeration",
        ItemType::Boolean => "Boolean",
        ItemType::TextString => "TextString",
        ItemType::ByteString => "ByteString",
        ItemType::DateTime => "DateTime",
        ItemType::Interval => "Interval",
        ItemType::DateTimeExtended => "DateTimeExtended",
        ItemType::Identifier => "Identifier",
        ItemType::Reference => "Reference",
        ItemType::NameReference => "NameReference",
    }
}

/// The item type with this normalised name.
pub(super) fn item_type_of_name(name: &str) -> Option<ItemType> {
    ItemType::ALL.into_iter().find(|item_type| item_type_name(*item_type) == name)
}

/// The tag called `name`: the normalised name or `0x` and six hexadecimal digits.
pub(super) fn tag_of_name(name: &str) -> Option<Tag> {
    if let Some(row) = tag::by_xml_name(name) {
        return Some(row.tag);
    }
    let digits = name.strip_prefix("0x")?;
    if digits.len() != 6 {
        return None;
    }
    u32::from_str_radix(digits, 16).ok().map(Tag)
}

/// The text of a tag: its normalised name, or hexadecimal where the standard has none.
pub(super) fn tag_text(tag: Tag) -> String {
    match tag::by_tag(tag) {
        Some(row) => row.xml_name.to_owned(),
        None => format!("0x{:06x}", tag.0),
    }
}

/// The number of the enumeration value called `name` in items with this tag. A renamed value keeps its number, so any version's
/// spelling is understood.
pub(super) fn enumeration_of_name(tag: Tag, name: &str) -> Option<u32> {
    enumerations::by_xml_name(tag, name)
}

/// The name of an enumeration value in this version.
pub(super) fn enumeration_text(tag: Tag, value: u32, version: ProtocolVersion) -> Option<String> {
    enumerations::xml_name(tag, value, version).map(str::to_owned)
}

/// The bits called `name` in masks with this tag.
pub(super) fn mask_of_name(tag: Tag, name: &str) -> Option<u32> {
    masks::of_tag(tag)?.by_xml_name(name)
}

/// The names of the bits of a mask, space-separated, with one hexadecimal component for the bits without a name; nothing
/// if the tag is no mask.
pub(super) fn mask_text(tag: Tag, bits: u32, version: ProtocolVersion) -> Option<String> {
    let mask = masks::of_tag(tag)?;
    let mut names = Vec::new();
    let mut nameless = 0;
    for bit in (0..u32::BITS).map(|shift| 1 << shift).filter(|bit| bits & bit != 0) {
        let rows = || mask.rows_of(bit);
        match rows().find(|row| row.versions.contains(version)).or_else(|| rows().last()) {
            Some(row) => names.push(row.xml_name.to_owned()),
            None => nameless |= bit,
        }
    }
    if nameless != 0 {
        names.push(format!("0x{nameless:08x}"));
    }
    Some(names.join(" "))
}
