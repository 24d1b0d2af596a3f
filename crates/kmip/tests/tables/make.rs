//! Items of KMIP, made at random from the rows of the tables.

use kmip::ProtocolVersion;
use kmip::attribute::AttributeRules;
use kmip::attributes::ATTRIBUTES;
use kmip::codec::{Cardinality, MemberRow};
use kmip::enumerations::{Enumeration as _, ObjectType, holds_tag, of_tag};
use kmip::structures::ALL as STRUCTURES;
use kmip::{masks, tag};
use ttlv_codec::{ItemType, Tag, Tree, TreeValue};

/// Makes items for one version.
pub(crate) struct Make {
    pub(crate) version: ProtocolVersion,
    /// The type of Time Stamp, which depends on the structure it is in.
    pub(crate) time_stamp: ItemType,
    /// Whether some attributes of 1.x have an index.
    pub(crate) indices: bool,
    state: u64,
    depth: usize,
}

impl Make {
    /// The same seed makes the same items.
    pub(crate) fn new(version: ProtocolVersion, seed: u64) -> Self {
        Self {
            version,
            state: seed.wrapping_mul(0x2545_F491_4F6C_DD1D) ^ 0x5DEE_CE66,
            depth: 0,
            time_stamp: ItemType::DateTime,
            indices: true,
        }
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ mixed >> 31) % limit as u64) as usize
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    fn text(&mut self) -> String {
        self.one_of(&["", "a", "disk 7", "Grüße, 世界", "x-y", "a somewhat longer text of more than thirty-two bytes"]).to_owned()
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = self.one_of(&[0, 1, 7, 8, 9, 32]);
        (0..length).map(|_| self.below(256) as u8).collect()
    }

    /// The fields of a structure, in their order.
    pub(crate) fn fields(&mut self, members: &[MemberRow]) -> Vec<Tree> {
        let mut fields = Vec::new();
        let version = self.version;
        for member in members.iter().filter(|member| member.versions.contains(version)) {
            let tag = if self.version.is_1x() { member.tag_1x } else { member.tag };
            let count = match member.cardinality {
                Cardinality::Required => 1,
                // Deep structures end.
                _ if self.depth > 6 => 0,
                Cardinality::Optional => self.below(2),
                Cardinality::Repeated => self.below(3),
            };
            // A list of attributes: repeated in 1.x, one structure later, which Locate always has.
            let count = match (member.tag, version.is_1x()) {
                (tag::Attributes, true) if tag == tag::Attribute => self.below(3),
                (tag::Attributes, false) if member.cardinality == Cardinality::Repeated => 1,
                _ => count,
            };
            for _ in 0..count {
                fields.push(self.item(tag));
            }
        }
        fields
    }

    /// An item of a tag.
    pub(crate) fn item(&mut self, tag: Tag) -> Tree {
        self.depth += 1;
        let item = self.any_item(tag);
        self.depth -= 1;
        item
    }

    fn any_item(&mut self, tag: Tag) -> Tree {
        let value = match tag {
            tag::AnyManagedObject => return self.managed_object(),
            tag::Any => return Tree { tag: Tag(0x54_0001), value: self.any_value() },
            tag::Attribute if self.version.is_1x() => return self.attribute_1x(),
            tag::Attribute => return self.vendor_attribute(),
            tag::Attributes | tag::CommonAttributes | tag::PrivateKeyAttributes | tag::PublicKeyAttributes => {
                let count = if self.depth > 6 { 0 } else { self.below(4) };
                TreeValue::Structure((0..count).map(|_| self.attribute_2x()).collect())
            }
            tag::NewAttribute | tag::CurrentAttribute => TreeValue::Structure(vec![self.attribute_2x()]),
            tag::TemplateAttribute
            | tag::CommonTemplateAttribute
            | tag::PrivateKeyTemplateAttribute
            | tag::PublicKeyTemplateAttribute => {
                let names = (0..self.below(2)).map(|_| self.item(tag::Name)).collect::<Vec<_>>();
                let count = if self.depth > 6 { 0 } else { self.below(4) };
                let attributes = (0..count).map(|_| self.attribute_1x()).collect();
                TreeValue::Structure([names, attributes].concat())
            }
            tag::AttributeReference if self.coin() => TreeValue::Structure(vec![
                Tree { tag: tag::VendorIdentification, value: TreeValue::TextString(self.text()) },
                Tree { tag: tag::AttributeName, value: TreeValue::TextString(self.text()) },
            ]),
            tag::AttributeReference => TreeValue::Enumeration(self.attribute_rules().tag.0),
            tag::AttributeName => TreeValue::TextString(self.attribute_name()),
            tag::Credential => self.credential(),
            tag::VendorExtension => TreeValue::Structure(vec![self.item(tag::Any)]),
            tag::KeyMaterial if self.coin() => TreeValue::ByteString(self.bytes()),
            tag::KeyValue if self.coin() => TreeValue::ByteString(self.bytes()),
            _ => self.value(tag),
        };
        Tree { tag, value }
    }

    /// The types that a tag has in the version.
    fn types(&self, tag: Tag) -> Vec<ItemType> {
        let row = tag::by_tag(tag).unwrap_or_else(|| panic!("{tag:?} is no tag"));
        let old = self.version.is_1x();
        let newest = self.version >= ProtocolVersion::V3_0;
        let fits = |item_type: &ItemType| match item_type {
            ItemType::Identifier | ItemType::Reference | ItemType::NameReference => newest,
            ItemType::DateTimeExtended => !old,
            // Identifiers were texts up to 2.1.
            ItemType::TextString => !newest || !row.item_types.contains(&ItemType::Identifier),
            _ => true,
        };
        row.item_types.iter().copied().filter(fits).collect()
    }

    /// A value as the row of the tag says.
    pub(crate) fn value(&mut self, tag: Tag) -> TreeValue {
        let old = self.version.is_1x();
        let item_type = match tag {
            // Where the type depends on the version.
            tag::AsynchronousIndicator if old => ItemType::Boolean,
            tag::AsynchronousIndicator => ItemType::Enumeration,
            tag::ExtensionType if old => ItemType::Integer,
            tag::ExtensionType => ItemType::Enumeration,
            tag::Ephemeral if self.version < ProtocolVersion::V3_0 => ItemType::Boolean,
            tag::Ephemeral => ItemType::Enumeration,
            tag::Name | tag::RotateName if self.version >= ProtocolVersion::V3_0 => ItemType::TextString,
            tag::Name | tag::RotateName => ItemType::Structure,
            tag::Data if old => ItemType::ByteString,
            // Micro-seconds in a hashed password only.
            tag::TimeStamp => self.time_stamp,
            tag::UniqueIdentifier | tag::CertificateRequestUniqueIdentifier | tag::ReplacedUniqueIdentifier
                if self.version < ProtocolVersion::V3_0 =>
            {
                ItemType::TextString
            }
            // Texts in the table of tags, identifiers in the payloads of 3.0.
            tag::UniqueIdentifier | tag::CertificateRequestUniqueIdentifier | tag::ReplacedUniqueIdentifier if !old => {
                ItemType::Identifier
            }
            tag::LinkedObjectIdentifier if old => ItemType::TextString,
            tag::CertificateRequest if !old => ItemType::Structure,
            _ => {
                let types = self.types(tag);
                self.one_of(&types)
            }
        };
        match item_type {
            ItemType::Structure => self.structure(tag),
            ItemType::Integer => {
                let value = self.below(1 << 32) as u32;
                let bits = masks::of_tag(tag).map_or(u32::MAX, |row| row.known_in(self.version));
                TreeValue::Integer((value & bits).cast_signed())
            }
            ItemType::Enumeration => TreeValue::Enumeration(self.enumeration(tag)),
            other => self.leaf(other),
        }
    }

    fn leaf(&mut self, item_type: ItemType) -> TreeValue {
        let number = self.below(usize::MAX) as u64;
        match item_type {
            ItemType::Structure => TreeValue::Structure(vec![]),
            ItemType::Integer => TreeValue::Integer(number as i32),
            ItemType::LongInteger => TreeValue::LongInteger(number.cast_signed()),
            ItemType::BigInteger => TreeValue::BigInteger([number.to_be_bytes(), number.to_le_bytes()].concat()),
            ItemType::Enumeration => TreeValue::Enumeration(number as u32),
            ItemType::Boolean => TreeValue::Boolean(self.coin()),
            ItemType::TextString => TreeValue::TextString(self.text()),
            ItemType::ByteString => TreeValue::ByteString(self.bytes()),
            ItemType::DateTime => TreeValue::DateTime(number.cast_signed()),
            ItemType::Interval => TreeValue::Interval(number as u32),
            ItemType::DateTimeExtended => TreeValue::DateTimeExtended(number.cast_signed()),
            ItemType::Identifier => TreeValue::Identifier(self.text()),
            ItemType::Reference => TreeValue::Reference(self.text()),
            ItemType::NameReference => TreeValue::NameReference(self.text()),
        }
    }

    /// A value that a vendor might choose.
    fn any_value(&mut self) -> TreeValue {
        let types: Vec<ItemType> = ItemType::ALL.into_iter().take(if self.version.is_1x() { 10 } else { 11 }).collect();
        let item_type = self.one_of(&types);
        self.leaf(item_type)
    }

    fn enumeration(&mut self, tag: Tag) -> u32 {
        if holds_tag(tag) {
            return self.attribute_rules().tag.0;
        }
        let row = of_tag(tag).unwrap_or_else(|| panic!("{} has no enumeration", tag::display(tag)));
        let known: Vec<u32> = row.values.iter().filter(|row| row.versions.contains(self.version)).map(|row| row.value).collect();
        // Values of vendors, and of versions to come, are values too.
        if known.is_empty() || self.below(4) == 0 { self.one_of(&[0x8000_0001, 0x7FFF_FFF0]) } else { self.one_of(&known) }
    }

    fn structure(&mut self, tag: Tag) -> TreeValue {
        let name = match tag {
            tag::RandomNumberGenerator => "RNG Parameters",
            tag::CommonProtectionStorageMasks | tag::PrivateProtectionStorageMasks | tag::PublicProtectionStorageMasks => {
                "Protection Storage Masks"
            }
            _ => tag::by_tag(tag).map_or("", |row| row.name),
        };
        let rows: Vec<_> = STRUCTURES.iter().filter(|row| row.name == name).collect();
        assert!(!rows.is_empty(), "{} is a structure without rows", tag::display(tag));
        let row = self.one_of(&rows);
        TreeValue::Structure(self.fields(row.members))
    }

    fn managed_object(&mut self) -> Tree {
        let objects = [
            (ObjectType::Certificate, tag::Certificate),
            (ObjectType::CertificateRequest, tag::CertificateRequest),
            (ObjectType::OpaqueObject, tag::OpaqueObject),
            (ObjectType::PGPKey, tag::PGPKey),
            (ObjectType::PrivateKey, tag::PrivateKey),
            (ObjectType::PublicKey, tag::PublicKey),
            (ObjectType::SecretData, tag::SecretData),
            (ObjectType::SplitKey, tag::SplitKey),
            (ObjectType::SymmetricKey, tag::SymmetricKey),
            (ObjectType::Template, tag::Template),
        ];
        let known: Vec<Tag> = objects.into_iter().filter(|(kind, _)| kind.known_in(self.version)).map(|(_, tag)| tag).collect();
        let tag = self.one_of(&known);
        self.item(tag)
    }

    /// A user name and password, which every version has.
    fn credential(&mut self) -> TreeValue {
        let text = |tag, text| Tree { tag, value: TreeValue::TextString(text) };
        let value = vec![text(tag::Username, self.text()), text(tag::Password, self.text())];
        TreeValue::Structure(vec![
            Tree { tag: tag::CredentialType, value: TreeValue::Enumeration(1) },
            Tree { tag: tag::CredentialValue, value: TreeValue::Structure(value) },
        ])
    }

    fn attribute_rules(&mut self) -> &'static AttributeRules {
        let version = self.version;
        let known: Vec<&AttributeRules> = ATTRIBUTES.iter().filter(|rules| rules.versions.contains(version)).collect();
        self.one_of(&known)
    }

    fn attribute_name(&mut self) -> String {
        if self.below(4) == 0 {
            return self.one_of(&["x-Barcode", "y-", "x-Ü"]).to_owned();
        }
        tag::by_tag(self.attribute_rules().tag).unwrap().name.to_owned()
    }

    /// Name, perhaps index, and value.
    fn attribute_1x(&mut self) -> Tree {
        let rules = if self.below(5) == 0 { None } else { Some(self.attribute_rules()) };
        let (name, value) = match rules {
            Some(rules) => (tag::by_tag(rules.tag).unwrap().name.to_owned(), self.item(rules.tag).value.clone()),
            None => ("x-Barcode".to_owned(), self.any_value()),
        };
        self.attribute_of(name, value)
    }

    /// An Attribute structure around a value.
    pub(crate) fn attribute_of(&mut self, name: String, value: TreeValue) -> Tree {
        let mut fields = vec![Tree { tag: tag::AttributeName, value: TreeValue::TextString(name) }];
        if self.indices && self.coin() {
            fields.push(Tree { tag: tag::AttributeIndex, value: TreeValue::Integer(1 + self.below(99) as i32) });
        }
        fields.push(Tree { tag: tag::AttributeValue, value });
        Tree { tag: tag::Attribute, value: TreeValue::Structure(fields) }
    }

    fn attribute_2x(&mut self) -> Tree {
        if self.below(5) == 0 {
            return self.vendor_attribute();
        }
        let tag = self.attribute_rules().tag;
        self.item(tag)
    }

    fn vendor_attribute(&mut self) -> Tree {
        let fields = vec![
            Tree { tag: tag::VendorIdentification, value: TreeValue::TextString(self.text()) },
            Tree { tag: tag::AttributeName, value: TreeValue::TextString(self.text()) },
            Tree { tag: tag::AttributeValue, value: self.any_value() },
        ];
        Tree { tag: tag::Attribute, value: TreeValue::Structure(fields) }
    }
}
