//! Attributes: any value of any of them, in each version that has it, tagged and, up to 1.4, by name.

use kmip::ProtocolVersion;
use kmip::attribute::{Attribute, AttributeInstance, AttributeReference, Attributes, VendorAttribute};
use kmip::attributes::ATTRIBUTES;
use kmip::codec::{from_bytes, to_bytes};
use kmip::enumerations::{CryptographicAlgorithm, ObjectType, State, of_tag};
use kmip::{tag, v1};
use proptest::prelude::*;
use ttlv_codec::{ItemType, Reader, Tree, TreeValue, Writer};

use crate::make::Make;

fn read_tagged(tree: &Tree, version: ProtocolVersion) -> kmip::codec::Result<Attribute> {
    let bytes = tree.to_bytes();
    let item = Reader::new(&bytes).next_item().unwrap().unwrap();
    Attribute::read_tagged(&item, version)
}

fn write_tagged(attribute: &Attribute, version: ProtocolVersion) -> Vec<u8> {
    let mut writer = Writer::new();
    attribute.write_tagged(&mut writer, version);
    writer.finish()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_value_reads_and_writes_in_every_version_that_has_it(seed in any::<u64>()) {
        for (number, rules) in (0..).zip(ATTRIBUTES) {
            for version in ProtocolVersion::ALL {
                let shown = format!("{} in {version}", tag::display(rules.tag));
                let has_it = rules.versions.contains(version);
                // Another version makes the value where this one has no such attribute.
                let spelling = if has_it { version } else { rules.versions.since };
                let mut make = Make::new(spelling, seed.wrapping_add(number));
                let tree = make.item(rules.tag);
                let read = read_tagged(&tree, version);
                if !has_it {
                    prop_assert!(read.is_err(), "{} is refused", shown);
                    let attribute = read_tagged(&tree, spelling).unwrap();
                    prop_assert_eq!(write_tagged(&attribute, version), [], "{} is left out", shown);
                    if version.is_1x() {
                        let named = to_bytes(&AttributeInstance::from(attribute), tag::Attribute, version);
                        prop_assert_eq!(named, [], "{} is left out by name", shown);
                    }
                    continue;
                }
                let attribute = read.map_err(|error| TestCaseError::fail(format!("{shown}: {error} {tree:?}")))?;
                prop_assert_eq!(attribute.tag(), rules.tag);
                prop_assert_eq!(write_tagged(&attribute, version), tree.to_bytes(), "{}", shown);
                prop_assert!(attribute.is(&attribute.reference()));
                if !version.is_1x() {
                    continue;
                }
                // By name, index and value.
                let name = tag::by_tag(rules.tag).unwrap().name.to_owned();
                let named = make.attribute_of(name, tree.value.clone()).to_bytes();
                let instance = from_bytes::<AttributeInstance>(&named, version).unwrap();
                prop_assert_eq!(&instance.attribute, &attribute, "{}", shown);
                prop_assert_eq!(to_bytes(&instance, tag::Attribute, version), named, "{}", shown);
            }
        }
    }

    /// What 1.x lifts, it lowers again, and the plain spelling between them is that of 2.x.
    #[test]
    fn lists_of_attributes_survive_every_spelling(seed in any::<u64>()) {
        for version in ProtocolVersion::ALL {
            let mut make = Make::new(version, seed);
            let tree = if version.is_1x() { make.item(tag::TemplateAttribute) } else { make.item(tag::Attributes) };
            let bytes = tree.to_bytes();
            let read = from_bytes::<kmip::attribute::TemplateAttribute>(&bytes, version).unwrap();
            prop_assert_eq!(to_bytes(&read, tree.tag, version), bytes, "{}", version);
        }
    }

    #[test]
    fn any_name_lifts_and_lowers(text in "\\PC{0,20}") {
        for name in [text.clone(), format!("x-{text}"), format!("y-{text}"), format!("z-{text}")] {
            let reference = v1::attribute_reference(&name);
            let vendor = name.starts_with("x-") || name.starts_with("y-");
            prop_assert_eq!(matches!(reference, AttributeReference::Vendor { .. }), vendor, "{}", name);
            if vendor {
                prop_assert_eq!(v1::attribute_name(&reference), Some(name));
            }
        }
    }

    #[test]
    fn custom_attributes_of_any_value_survive(seed in any::<u64>(), name in "\\PC{0,20}") {
        for version in ProtocolVersion::ALL {
            let mut make = Make::new(version, seed);
            let Tree { value, .. } = make.item(tag::Any);
            let attribute = Attribute::Vendor(VendorAttribute {
                vendor_identification: "x".to_owned(),
                attribute_name: name.clone(),
                attribute_value: value,
            });
            let instance = AttributeInstance { index: None, attribute };
            let tag = if version.is_1x() { tag::Attribute } else { tag::NewAttribute };
            let bytes = to_bytes(&instance, tag, version);
            prop_assert_eq!(from_bytes::<AttributeInstance>(&bytes, version).unwrap(), instance, "{}", version);
        }
    }
}

#[test]
fn every_name_of_1_x_is_the_attribute_it_says() {
    for rules in ATTRIBUTES {
        let name = tag::by_tag(rules.tag).unwrap().name;
        let reference = v1::attribute_reference(name);
        assert_eq!(reference, AttributeReference::Standard(rules.tag), "{name}");
        assert_eq!(v1::attribute_name(&reference).as_deref(), Some(name));
        for version in ProtocolVersion::ALL {
            assert_eq!(reference.in_version(version), rules.versions.contains(version), "{name} {version}");
        }
    }
    for name in ["", "Favourite Colour", "State ", "state", "Batch Count", "x"] {
        let reference = v1::attribute_reference(name);
        let unknown = !matches!(reference, AttributeReference::Standard(_)) && !reference.in_version(ProtocolVersion::V1_4);
        assert!(unknown || name == "State ", "{name}");
    }
}

#[test]
fn a_vendor_other_than_x_and_y_is_not_written_to_1_x() {
    let attribute = Attribute::Vendor(VendorAttribute {
        vendor_identification: "acme".to_owned(),
        attribute_name: "Colour".to_owned(),
        attribute_value: TreeValue::TextString("blue".to_owned()),
    });
    for version in ProtocolVersion::ALL {
        let mut writer = Writer::new();
        kmip::codec::Value::write(&AttributeInstance::from(attribute.clone()), &mut writer, tag::Attribute, version);
        assert_eq!(writer.is_empty(), version.is_1x(), "{version}");
    }
}

/// Numbers that no table has, as vendors and later versions use them.
#[test]
fn unknown_values_of_enumerations_survive() {
    let mut attributes = 0;
    for rules in ATTRIBUTES {
        let row = tag::by_tag(rules.tag).unwrap();
        if !row.item_types.contains(&ItemType::Enumeration) || of_tag(rules.tag).is_none() {
            continue;
        }
        for version in ProtocolVersion::ALL.into_iter().filter(|version| rules.versions.contains(*version)) {
            for value in [0, 0x7FFF_FFFF, 0x8000_0001, u32::MAX] {
                let tree = Tree { tag: rules.tag, value: TreeValue::Enumeration(value) };
                // Since 2.0 some identifiers may be spelled as enumerations too, in requests; the attribute is a text.
                let Ok(attribute) = read_tagged(&tree, version) else {
                    assert_eq!(rules.tag, tag::UniqueIdentifier);
                    continue;
                };
                assert_eq!(write_tagged(&attribute, version), tree.to_bytes(), "{} {version}", row.name);
                attributes += 1;
            }
        }
    }
    assert!(attributes > 200, "{attributes}");
    assert_eq!(format!("{:?}", CryptographicAlgorithm(0x8000_0001)), "0x80000001");
}

#[test]
fn types_that_an_attribute_does_not_have_are_refused() {
    let mut refused = 0;
    for rules in ATTRIBUTES {
        let row = tag::by_tag(rules.tag).unwrap();
        for version in ProtocolVersion::ALL.into_iter().filter(|version| rules.versions.contains(*version)) {
            for value in [
                TreeValue::Structure(vec![]),
                TreeValue::Integer(1),
                TreeValue::LongInteger(1),
                TreeValue::BigInteger(vec![0; 8]),
                TreeValue::Enumeration(1),
                TreeValue::Boolean(true),
                TreeValue::TextString("1".to_owned()),
                TreeValue::ByteString(vec![1]),
                TreeValue::DateTime(1),
                TreeValue::Interval(1),
                TreeValue::DateTimeExtended(1),
            ] {
                let tree = Tree { tag: rules.tag, value };
                let bytes = tree.to_bytes();
                let item_type = Reader::new(&bytes).next_item().unwrap().unwrap().item_type();
                if !row.item_types.contains(&item_type) {
                    assert!(read_tagged(&tree, version).is_err(), "{} of type {item_type:?} in {version}", row.name);
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 3_000, "{refused}");
}

#[test]
fn accessors_give_the_first_value() {
    let attributes: Attributes = [
        Attribute::State(State::Active),
        Attribute::ObjectGroup("a".to_owned()),
        Attribute::ObjectGroup("b".to_owned()),
        Attribute::ObjectType(ObjectType::SymmetricKey),
    ]
    .into_iter()
    .collect();
    assert_eq!(attributes.state(), Some(&State::Active));
    assert_eq!(attributes.object_group().map(String::as_str), Some("a"));
    assert_eq!(attributes.object_type(), Some(&ObjectType::SymmetricKey));
    assert_eq!(attributes.name(), None);
}
