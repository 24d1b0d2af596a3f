use proptest::prelude::*;
use ttlv_codec::{Limits, Tag, Tree, TreeValue};

use super::*;
use crate::{ProtocolVersion, tag};

fn tree_of(xml: &str) -> Result<Tree, Error> {
    Element::parse(xml, &Limits::default())?.to_tree()
}

fn value_of(xml: &str) -> TreeValue {
    tree_of(xml).unwrap().value.clone()
}

fn xml_of(tag: Tag, value: TreeValue, version: ProtocolVersion) -> String {
    Element::from_tree(&Tree { tag, value }, version).to_xml().unwrap()
}

#[test]
fn every_type_is_read_and_written_as_the_standard_shows() {
    let rows = [
        (r#"<BatchCount type="Integer" value="-10"/>"#, TreeValue::Integer(-10)),
        (r#"<UsageLimitsCount type="LongInteger" value="1152921504606846976"/>"#, TreeValue::LongInteger(1 << 60)),
        (r#"<X type="BigInteger" value="ff00000000000001"/>"#, TreeValue::BigInteger(vec![0xff, 0, 0, 0, 0, 0, 0, 1])),
        (r#"<ObjectType type="Enumeration" value="SymmetricKey"/>"#, TreeValue::Enumeration(2)),
        (r#"<ObjectType type="Enumeration" value="0x80000001"/>"#, TreeValue::Enumeration(0x8000_0001)),
        (r#"<BatchOrderOption type="Boolean" value="true"/>"#, TreeValue::Boolean(true)),
        (r#"<AttributeName type="TextString" value="a &lt;&quot;&amp;&#10; b"/>"#, TreeValue::TextString("a <\"&\n b".into())),
        (r#"<MACSignature type="ByteString" value="c50f77"/>"#, TreeValue::ByteString(vec![0xc5, 0x0f, 0x77])),
        (r#"<ArchiveDate type="DateTime" value="2001-01-01T00:00:00+00:00"/>"#, TreeValue::DateTime(978_307_200)),
        (r#"<Offset type="Interval" value="27"/>"#, TreeValue::Interval(27)),
        (
            r#"<TTLV tag="0x540001" type="DateTimeExtended" value="1969-12-31T23:59:59.999999+00:00"/>"#,
            TreeValue::DateTimeExtended(-1),
        ),
        (r#"<UniqueIdentifier type="Identifier" value="i"/>"#, TreeValue::Identifier("i".into())),
        (r#"<NextLink type="Reference" value="r"/>"#, TreeValue::Reference("r".into())),
        (r#"<GroupLink type="NameReference" value="n"/>"#, TreeValue::NameReference("n".into())),
    ];
    for (xml, value) in rows {
        let tree = tree_of(xml).unwrap();
        assert_eq!(tree.value, value, "{xml}");
        assert_eq!(Element::from_tree(&tree, ProtocolVersion::V3_0).to_xml().unwrap().trim_end(), xml);
    }
}

#[test]
fn other_spellings_are_understood() {
    assert_eq!(value_of(r#"<ArchiveDate type="DateTime" value="2001-01-01T10:00:00+10:00"/>"#), TreeValue::DateTime(978_307_200));
    assert_eq!(value_of(r#"<ArchiveDate type="DateTime" value="2001-01-01T00:00:00Z"/>"#), TreeValue::DateTime(978_307_200));
    assert_eq!(value_of(r#"<ArchiveDate type="DateTime" value="2001-01-01T00:00:00"/>"#), TreeValue::DateTime(978_307_200));
    assert_eq!(value_of(r#"<ArchiveDate type="DateTime" value="0xffffffffffffffff"/>"#), TreeValue::DateTime(-1));
    assert_eq!(value_of(r#"<BatchCount type="Integer" value="0xffffffff"/>"#), TreeValue::Integer(-1));
    assert_eq!(value_of(r#"<ObjectType type="Enumeration" value="0x00000002"/>"#), TreeValue::Enumeration(2));
    assert_eq!(value_of(r#"<Fresh type="Boolean" value="0"/>"#), TreeValue::Boolean(false));
    assert_eq!(value_of(r#"<MACSignature type="ByteString" value="C50F77"/>"#), TreeValue::ByteString(vec![0xc5, 0x0f, 0x77]));
    // Big Integers are sign-extended to a multiple of 8 bytes.
    let negative = value_of(r#"<X type="BigInteger" value="0x80"/>"#);
    assert_eq!(negative, TreeValue::BigInteger(vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x80]));
    assert_eq!(tree_of(r#"<PrivateKeyTemplateAttribute type="Structure"/>"#).unwrap().value, TreeValue::Structure(vec![]));
    let namespaced = r#"<k:BatchCount xmlns:k="urn:oasis:tc:kmip:xmlns" type="Integer" value="1"/>"#;
    assert_eq!(value_of(namespaced), TreeValue::Integer(1));
    let general = r#"<TTLV tag="0x420001" name="ActivationDate" type="DateTime" value="1970-01-01T00:00:01Z"/>"#;
    assert_eq!(tree_of(general).unwrap(), Tree { tag: tag::ActivationDate, value: TreeValue::DateTime(1) });
}

#[test]
fn masks_are_names_hex_or_numbers() {
    for text in [
        "Encrypt Decrypt CertificateSign",
        "0x0000100c",
        "CertificateSign 0x00000004 0x0000008",
        "4108",
        "Decrypt   Encrypt CertificateSign",
    ] {
        let xml = format!(r#"<CryptographicUsageMask type="Integer" value="{text}"/>"#);
        assert_eq!(value_of(&xml), TreeValue::Integer(0x100c), "{text}");
    }
    let written = xml_of(tag::CryptographicUsageMask, TreeValue::Integer(0x4000_000c), ProtocolVersion::V1_2);
    assert_eq!(written, "<CryptographicUsageMask type=\"Integer\" value=\"Encrypt Decrypt 0x40000000\"/>\n");
    assert_eq!(value_of(&written), TreeValue::Integer(0x4000_000c));
    assert_eq!(value_of(r#"<CryptographicUsageMask type="Integer" value=""/>"#), TreeValue::Integer(0));
    // Another Integer has no components.
    assert!(tree_of(r#"<BatchCount type="Integer" value="Encrypt"/>"#).is_err());
}

#[test]
fn an_attribute_value_is_typed_by_the_attribute_name() {
    let xml = r#"<Attribute>
  <AttributeName type="TextString" value="Cryptographic Algorithm"/>
  <AttributeValue type="Enumeration" value="AES"/>
</Attribute>
"#;
    let tree = tree_of(xml).unwrap();
    let TreeValue::Structure(items) = &tree.value else { panic!() };
    assert_eq!(items[1].value, TreeValue::Enumeration(3));
    assert_eq!(Element::from_tree(&tree, ProtocolVersion::V1_0).to_xml().unwrap(), xml);

    let mask = xml
        .replace("Cryptographic Algorithm", "Cryptographic Usage Mask")
        .replace("Enumeration", "Integer")
        .replace("AES", "Sign Verify");
    let TreeValue::Structure(items) = &tree_of(&mask).unwrap().value.clone() else { panic!() };
    assert_eq!(items[1].value, TreeValue::Integer(3));

    // A vendor's attribute of the same name is the vendor's own.
    let vendor = xml.replace("<AttributeName", "<VendorIdentification type=\"TextString\" value=\"x\"/>\n  <AttributeName");
    assert_eq!(tree_of(&vendor).unwrap_err().kind, ErrorKind::UnknownName("AES".into()));
}

#[test]
fn an_attribute_reference_names_a_tag() {
    let xml = "<AttributeReference type=\"Enumeration\" value=\"State\"/>\n";
    assert_eq!(value_of(xml), TreeValue::Enumeration(tag::State.0));
    assert_eq!(xml_of(tag::AttributeReference, TreeValue::Enumeration(tag::State.0), ProtocolVersion::V2_1), xml);
    assert_eq!(value_of(r#"<AttributeReference type="Enumeration" value="0x00540001"/>"#), TreeValue::Enumeration(0x0054_0001));
}

#[test]
fn names_follow_the_version() {
    let written = |version| xml_of(tag::HashingAlgorithm, TreeValue::Enumeration(0x0f), version);
    assert!(written(ProtocolVersion::V1_4).contains("SHA_3_256"), "{}", written(ProtocolVersion::V1_4));
    assert!(written(ProtocolVersion::V2_0).contains("SHA3_256"), "{}", written(ProtocolVersion::V2_0));
    assert_eq!(value_of(&written(ProtocolVersion::V1_4)), value_of(&written(ProtocolVersion::V2_0)));
}

#[test]
fn limits_come_first() {
    let nested = |levels: usize| format!("{}{}", "<Attribute>".repeat(levels), "</Attribute>".repeat(levels));
    let limits = Limits { length: 10_000, depth: 8, items: 20 };
    assert!(Element::parse(&nested(8), &limits).is_ok());
    assert_eq!(Element::parse(&nested(9), &limits).unwrap_err().kind, ErrorKind::TooDeep { limit: 8 });
    let wide = |items: usize| format!("<Attribute>{}</Attribute>", "<BatchItem/>".repeat(items));
    assert!(Element::parse(&wide(19), &limits).is_ok());
    assert_eq!(Element::parse(&wide(20), &limits).unwrap_err().kind, ErrorKind::TooManyItems { limit: 20 });
    let long = format!("<Attribute><!-- {} --></Attribute>", "x".repeat(10_000));
    assert!(matches!(Element::parse(&long, &limits).unwrap_err().kind, ErrorKind::TooLong { .. }));
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let rows = [
        ("<Attribute>", "not well formed"),
        ("<Attribute></BatchItem>", "not well formed"),
        ("", "not well formed"),
        ("<!DOCTYPE a [<!ENTITY x \"y\">]><Attribute/>", "document type"),
        ("<Attribute><Nothing/></Attribute>", "Attribute/Nothing: no tag of this name"),
        ("<TTLV tag=\"0x42\"/>", "0x42: no tag"),
        ("<BatchCount type=\"Number\" value=\"1\"/>", "no item type `Number`"),
        ("<BatchCount type=\"Integer\" value=\"2147483648\"/>", "BatchCount: the value is no Integer"),
        ("<MACSignature type=\"ByteString\" value=\"abc\"/>", "the value is no ByteString"),
        ("<ObjectType type=\"Enumeration\" value=\"Thing\"/>", "no value named `Thing`"),
        ("<ObjectType type=\"Enumeration\" value=\"0x2\"/>", "the value is no Enumeration"),
        ("<BatchCount type=\"Integer\" value=\"1\"><Attribute/></BatchCount>", "a structure has items"),
        ("<Attribute value=\"1\"/>", "a structure has items"),
        ("<AttributeName type=\"TextString\" value=\"&unknown;\"/>", "not well formed"),
    ];
    for (xml, message) in rows {
        let error = tree_of(xml).unwrap_err().to_string();
        assert!(error.contains(message), "{xml}: {error}");
    }
    let control = Tree { tag: tag::AttributeName, value: TreeValue::TextString("\u{1}".into()) };
    assert_eq!(Element::from_tree(&control, ProtocolVersion::V1_0).to_xml().unwrap_err().kind, ErrorKind::Character);
}

#[test]
fn debug_shows_no_value() {
    let element = Element::parse(r#"<KeyMaterial type="ByteString" value="5ec2e7"/>"#, &Limits::default()).unwrap();
    assert!(!format!("{element:?}").contains("5ec2e7"));
}

fn any_row() -> impl Strategy<Value = &'static tag::TagRow> {
    (0..tag::ALL.len()).prop_map(|index| &tag::ALL[index])
}

/// Tags with and without names, enumerations, masks, and the ones whose meaning depends on a sibling.
fn any_tag() -> impl Strategy<Value = Tag> {
    prop_oneof![
        4 => any_row().prop_map(|row| row.tag),
        1 => (0x54_0000_u32..0x55_0000).prop_map(Tag),
        1 => Just(tag::AttributeValue),
        1 => Just(tag::AttributeReference),
    ]
}

fn any_text() -> impl Strategy<Value = String> {
    // XML 1.0 carries no control characters; everything else must survive.
    "[\t\n\r -\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]{0,12}"
}

fn any_leaf() -> impl Strategy<Value = TreeValue> {
    prop_oneof![
        any::<i32>().prop_map(TreeValue::Integer),
        any::<i64>().prop_map(TreeValue::LongInteger),
        prop::collection::vec(any::<[u8; 8]>(), 1..4).prop_map(|words| TreeValue::BigInteger(words.concat())),
        any::<u32>().prop_map(TreeValue::Enumeration),
        (0_u32..0x30).prop_map(TreeValue::Enumeration),
        any_tag().prop_map(|tag| TreeValue::Enumeration(tag.0)),
        any::<bool>().prop_map(TreeValue::Boolean),
        any_text().prop_map(TreeValue::TextString),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(TreeValue::ByteString),
        any::<i64>().prop_map(TreeValue::DateTime),
        (-70_000_000_000_i64..300_000_000_000).prop_map(TreeValue::DateTime),
        any::<u32>().prop_map(TreeValue::Interval),
        any::<i64>().prop_map(TreeValue::DateTimeExtended),
        (-70_000_000_000_000_000_i64..300_000_000_000_000_000).prop_map(TreeValue::DateTimeExtended),
        any_text().prop_map(TreeValue::Identifier),
        any_text().prop_map(TreeValue::Reference),
        any_text().prop_map(TreeValue::NameReference),
    ]
}

fn any_attribute() -> impl Strategy<Value = Tree> {
    (any_row(), any_leaf()).prop_map(|(row, value)| Tree {
        tag: tag::Attribute,
        value: TreeValue::Structure(vec![
            Tree { tag: tag::AttributeName, value: TreeValue::TextString(row.name.to_owned()) },
            Tree { tag: tag::AttributeValue, value },
        ]),
    })
}

fn any_tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![(any_tag(), any_leaf()).prop_map(|(tag, value)| Tree { tag, value }), any_attribute()];
    leaf.prop_recursive(4, 40, 6, |inner| {
        (any_tag(), prop::collection::vec(inner, 0..6)).prop_map(|(tag, items)| Tree { tag, value: TreeValue::Structure(items) })
    })
}

proptest! {
    #[test]
    fn any_tree_survives_the_round_trip(tree in any_tree(), version in proptest::sample::select(&ProtocolVersion::ALL[..])) {
        let xml = Element::from_tree(&tree, version).to_xml().unwrap();
        prop_assert_eq!(tree_of(&xml).unwrap(), tree, "{}", xml);
    }

    #[test]
    fn any_text_is_an_item_or_an_error(text in any_text()) {
        let _ = tree_of(&text);
        let _ = tree_of(&format!("<Attribute {text}>"));
        let _ = tree_of(&format!("<BatchItem><TimeStamp type=\"DateTime\" value=\"{text}\"/></BatchItem>"));
    }
}
