//! Version fidelity: a response contains nothing that its version does not define. Real clients stop at an unknown tag.

use kmip::ProtocolVersion;
use kmip::attribute::{AttributeReference, rules_of};
use kmip::enumerations::{holds_tag, of_tag};
use kmip::{masks, tag, v1};
use ttlv_codec::{ItemType, Limits, Tag, Tree, TreeValue};

/// Walks a message.
#[track_caller]
pub(crate) fn check(bytes: &[u8], version: ProtocolVersion) {
    let limits = Limits { length: 64 << 20, items: 1 << 20, ..Limits::default() };
    let message = Tree::parse(bytes, &limits).expect("the response is TTLV");
    if let Err(what) = item(&message, message.tag, version) {
        panic!("{what} in a response of {version}");
    }
}

/// Checks one item, whose value is that of the tag `means` (another than its own only under Attribute Value).
fn item(tree: &Tree, means: Tag, version: ProtocolVersion) -> Result<(), String> {
    let shown = tag::display(tree.tag);
    let row = tag::by_tag(tree.tag).ok_or(format!("{shown} is no tag"))?;
    if !row.versions.contains(version) {
        return Err(format!("the tag {shown}"));
    }
    let meaning = tag::by_tag(means).ok_or(format!("{means:?} is no tag"))?;
    let item_type = item_type(&tree.value);
    // The table of tags gives one type only: a request to certify, in 1.x. Since 2.0 it is an object too.
    let request_object = means == tag::CertificateRequest && item_type == ItemType::Structure && !version.is_1x();
    if !meaning.item_types.contains(&item_type) && !request_object {
        return Err(format!("{item_type:?} under {}", meaning.xml_name));
    }
    match &tree.value {
        TreeValue::Structure(_) if version.is_1x() && tree.tag == tag::Attribute => attribute_1x(tree, version),
        TreeValue::Structure(inside) => {
            for child in inside {
                if [tag::Attributes, tag::NewAttribute, tag::CurrentAttribute].contains(&tree.tag) {
                    attribute_2x(child, version)?;
                }
                // The operation of an item is the client's own word, whatever it was.
                if tree.tag != tag::BatchItem || child.tag != tag::Operation {
                    item(child, child.tag, version)?;
                }
            }
            Ok(())
        }
        TreeValue::Enumeration(value) if holds_tag(means) => {
            let known = AttributeReference::Standard(Tag(*value)).in_version(version);
            if known { Ok(()) } else { Err(format!("a reference to {}", tag::display(Tag(*value)))) }
        }
        TreeValue::Enumeration(value) if means != tag::AttributeValue => {
            let known = of_tag(means).is_some_and(|row| row.known_in(*value, version));
            if known { Ok(()) } else { Err(format!("the value 0x{value:X} of {}", meaning.xml_name)) }
        }
        TreeValue::Integer(value) => {
            let bits = masks::of_tag(means).map_or(u32::MAX, |row| row.known_in(version));
            if value.cast_unsigned() & !bits == 0 { Ok(()) } else { Err(format!("the bits 0x{value:X} of {}", meaning.xml_name)) }
        }
        TreeValue::TextString(text) if version.is_1x() && tree.tag == tag::AttributeName => attribute_name(text, version),
        _ => Ok(()),
    }
}

fn attribute_name(text: &str, version: ProtocolVersion) -> Result<(), String> {
    let known = v1::attribute_reference(text).in_version(version);
    if known { Ok(()) } else { Err(format!("the attribute {text}")) }
}

/// Name, index and value.
fn attribute_1x(tree: &Tree, version: ProtocolVersion) -> Result<(), String> {
    let TreeValue::Structure(inside) = &tree.value else { return Err("an Attribute without fields".to_owned()) };
    let field = |tag| inside.iter().find(|child| child.tag == tag);
    let Some(TreeValue::TextString(name)) = field(tag::AttributeName).map(|name| &name.value) else {
        return Err("an Attribute without a name".to_owned());
    };
    attribute_name(name, version)?;
    let value = field(tag::AttributeValue).ok_or(format!("{name} without a value"))?;
    if inside.iter().any(|child| ![tag::AttributeName, tag::AttributeIndex, tag::AttributeValue].contains(&child.tag)) {
        return Err(format!("another field in {name}"));
    }
    match v1::attribute_reference(name) {
        AttributeReference::Standard(tag) => item(value, tag, version),
        _ => item(value, tag::AttributeValue, version),
    }
}

/// An attribute of the version, or one of a vendor.
fn attribute_2x(tree: &Tree, version: ProtocolVersion) -> Result<(), String> {
    let vendor = match &tree.value {
        TreeValue::Structure(inside) => {
            let tags: Vec<Tag> = inside.iter().map(|child| child.tag).collect();
            tree.tag == tag::Attribute && tags == [tag::VendorIdentification, tag::AttributeName, tag::AttributeValue]
        }
        _ => false,
    };
    let known = rules_of(tree.tag).is_some_and(|rules| rules.versions.contains(version));
    if known || vendor { Ok(()) } else { Err(format!("the attribute {}", tag::display(tree.tag))) }
}

fn item_type(value: &TreeValue) -> ItemType {
    match value {
        TreeValue::Structure(_) => ItemType::Structure,
        TreeValue::Integer(_) => ItemType::Integer,
        TreeValue::LongInteger(_) => ItemType::LongInteger,
        TreeValue::BigInteger(_) => ItemType::BigInteger,
        TreeValue::Enumeration(_) => ItemType::Enumeration,
        TreeValue::Boolean(_) => ItemType::Boolean,
        TreeValue::TextString(_) => ItemType::TextString,
        TreeValue::ByteString(_) => ItemType::ByteString,
        TreeValue::DateTime(_) => ItemType::DateTime,
        TreeValue::Interval(_) => ItemType::Interval,
        TreeValue::DateTimeExtended(_) => ItemType::DateTimeExtended,
        TreeValue::Identifier(_) => ItemType::Identifier,
        TreeValue::Reference(_) => ItemType::Reference,
        TreeValue::NameReference(_) => ItemType::NameReference,
    }
}

mod tests {
    use super::*;

    /// The walk itself finds what it looks for: one line per thing that must not pass.
    #[test]
    fn what_a_version_does_not_define_is_found() {
        let leaf = |tag, value| Tree { tag, value };
        let inside = |tag, children: Vec<Tree>| Tree { tag, value: TreeValue::Structure(children) };
        let custom = |name: &str, value| {
            let name = leaf(tag::AttributeName, TreeValue::TextString(name.to_owned()));
            inside(tag::Attribute, vec![name, leaf(tag::AttributeValue, value)])
        };
        use ProtocolVersion::{V1_0, V1_1, V1_4, V2_0, V2_1};
        for (tree, bad, good) in [
            (leaf(tag::OffsetItems, TreeValue::Integer(1)), V1_0, V1_4),
            (leaf(tag::TemplateAttribute, TreeValue::Structure(vec![])), V2_0, V1_4),
            (leaf(tag::ObjectType, TreeValue::Enumeration(9)), V1_1, V1_4),
            (leaf(tag::CryptographicUsageMask, TreeValue::Integer(0x10_0000)), V1_4, V2_0),
            (custom("Fresh", TreeValue::Boolean(true)), V1_0, V1_1),
            (custom("Object Type", TreeValue::Enumeration(9)), V1_1, V1_4),
            (inside(tag::Attributes, vec![leaf(tag::RotateGeneration, TreeValue::Integer(1))]), V2_0, V2_1),
            (leaf(tag::AttributeReference, TreeValue::Enumeration(tag::RotateLatest.0)), V2_0, V2_1),
        ] {
            assert!(item(&tree, tree.tag, bad).is_err(), "{tree:?} in {bad}");
            assert_eq!(item(&tree, tree.tag, good), Ok(()), "{tree:?} in {good}");
        }
        assert!(item(&leaf(Tag(0x54_0001), TreeValue::Integer(1)), Tag(0x54_0001), V2_1).is_err());
        assert!(item(&leaf(tag::BatchCount, TreeValue::LongInteger(1)), tag::BatchCount, V2_1).is_err());
    }
}
