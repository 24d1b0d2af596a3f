//! Attributes: what the standard says about each one is a row; a value is a variant of [`Attribute`].
//!
//! The rows are in [`crate::attributes`]; the shapes of 1.x (Attribute Name, Index and Value, Template-Attribute) in
//! [`crate::v1`].

use ttlv_codec::{Item, Tag, TreeValue, Writer};

use crate::codec::{Cardinality, DecodeError, Fields, Member, Result, Value};
use crate::object::ObjectTypes;
use crate::operation::Operation;
use crate::structures::Name;
use crate::version::{ProtocolVersion, Versions};
use crate::{tag, v1};

pub use crate::attributes::Attribute;

/// Who gives an attribute its first value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetBy {
    /// Only the server.
    Server,
    /// Only a client.
    Client,
    /// Either.
    Either,
}

/// When somebody may change or delete an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permitted {
    /// Never.
    No,
    /// Always.
    Yes,
    /// While the object is Pre-Active.
    WhilePreActive,
    /// While the object is Pre-Active or Active.
    WhilePreActiveOrActive,
    /// While the object is Pre-Active or Active and the date has not been reached.
    UntilReached,
    /// Only from False to True.
    ToTrue,
    /// Only from True to False.
    ToFalse,
    /// Until Get Usage Allocation has been performed.
    UntilAllocated,
    /// Only while it has no value.
    WhileAbsent,
}

/// How many values an object may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instances {
    /// At most one.
    One,
    /// Any number.
    Many,
}

/// The rules of an attribute: the table that the standard prints under each.
#[derive(Clone, Copy, Debug)]
pub struct AttributeRules {
    /// Its tag, which also names it.
    pub tag: Tag,
    /// The versions that have it.
    pub versions: Versions,
    /// Whether every object it applies to has a value.
    pub always_has_value: bool,
    /// Who sets it first.
    pub set_by: SetBy,
    /// When the server may change it.
    pub server_modifies: Permitted,
    /// When a client may change it.
    pub client_modifies: Permitted,
    /// When a client may delete it.
    pub client_deletes: Permitted,
    /// How many values it may have.
    pub instances: Instances,
    /// Operations that may set it without being asked.
    pub implicitly_set_by: &'static [Operation],
    /// The object types that may have it.
    pub applies_to: ObjectTypes,
}

/// The rules of custom attributes (1.4, section 3.39) and vendor attributes (2.1, section 4): clients do with them as they like.
pub const VENDOR_ATTRIBUTE_RULES: AttributeRules = AttributeRules {
    tag: tag::Attribute,
    versions: versions!(V1_0..),
    always_has_value: false,
    set_by: SetBy::Either,
    server_modifies: Permitted::Yes,
    client_modifies: Permitted::Yes,
    client_deletes: Permitted::Yes,
    instances: Instances::Many,
    implicitly_set_by: &[],
    applies_to: ObjectTypes::ALL,
};

/// The table of attributes. Makes the enumeration [`Attribute`] and all that follows from a row.
macro_rules! attributes {
    ($($name:ident($type:ty) => $accessor:ident, $since:ident .. $($until:ident)?, {
        always_has_value: $always:literal, set_by: $set_by:ident, server_modifies: $server_modifies:ident,
        client_modifies: $client_modifies:ident, client_deletes: $client_deletes:ident, instances: $instances:ident,
        implicitly_set_by: [$($operation:ident),*], applies_to: $applies_to:expr $(,)?
    };)*) => {
        /// An attribute and one value of it.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs, non_camel_case_types)]
        pub enum Attribute {
            $($name($type),)*
            /// A custom attribute of 1.x, a vendor attribute of 2.x.
            Vendor($crate::attribute::VendorAttribute),
        }

        /// The rules of every attribute of the standard.
        pub const ATTRIBUTES: &[$crate::attribute::AttributeRules] = &[$($crate::attribute::AttributeRules {
            tag: $crate::tag::$name,
            versions: $crate::versions!($since .. $($until)?),
            always_has_value: $always,
            set_by: $crate::attribute::SetBy::$set_by,
            server_modifies: $crate::attribute::Permitted::$server_modifies,
            client_modifies: $crate::attribute::Permitted::$client_modifies,
            client_deletes: $crate::attribute::Permitted::$client_deletes,
            instances: $crate::attribute::Instances::$instances,
            implicitly_set_by: &[$($crate::operation::Operation::$operation),*],
            applies_to: $applies_to,
        },)*];

        impl Attribute {
            /// Its tag: [`crate::tag::Attribute`] for vendor attributes.
            #[must_use]
            pub const fn tag(&self) -> ttlv_codec::Tag {
                match self { $(Self::$name(_) => $crate::tag::$name,)* Self::Vendor(_) => $crate::tag::Attribute }
            }

            /// Reads a value of the attribute with this tag, or `None` if no attribute has it.
            ///
            /// # Errors
            /// If the value has the wrong type.
            pub fn read_as(
                tag: ttlv_codec::Tag, item: &ttlv_codec::Item<'_>, version: $crate::version::ProtocolVersion,
            ) -> $crate::codec::Result<Option<Self>> {
                Ok(Some(match tag {
                    $($crate::tag::$name => Self::$name($crate::codec::Value::read(item, version)?),)*
                    _ => return Ok(None),
                }))
            }

            /// Writes the value under a tag.
            pub fn write_as(
                &self, tag: ttlv_codec::Tag, writer: &mut ttlv_codec::Writer, version: $crate::version::ProtocolVersion,
            ) {
                match self {
                    $(Self::$name(value) => $crate::codec::Value::write(value, writer, tag, version),)*
                    Self::Vendor(vendor) => $crate::codec::Value::write(vendor, writer, tag, version),
                }
            }
        }

        /// One accessor per attribute: its first value.
        impl $crate::attribute::Attributes {
            $(
                #[doc = concat!("The first value of ", stringify!($name), ".")]
                #[must_use]
                pub fn $accessor(&self) -> Option<&$type> {
                    self.0.iter().find_map(|instance| match &instance.attribute {
                        Attribute::$name(value) => Some(value),
                        _ => None,
                    })
                }
            )*
        }
    };
}
pub(crate) use attributes;

impl Attribute {
    /// Its rules.
    #[must_use]
    pub fn rules(&self) -> &'static AttributeRules {
        rules_of(self.tag()).unwrap_or(&VENDOR_ATTRIBUTE_RULES)
    }

    /// What names it: everything but its value.
    #[must_use]
    pub fn reference(&self) -> AttributeReference {
        match self {
            Self::Vendor(vendor) => AttributeReference::Vendor {
                vendor_identification: vendor.vendor_identification.clone(),
                attribute_name: vendor.attribute_name.clone(),
            },
            _ => AttributeReference::Standard(self.tag()),
        }
    }

    /// Whether `reference` names it.
    #[must_use]
    pub fn is(&self, reference: &AttributeReference) -> bool {
        match (self, reference) {
            (Self::Vendor(vendor), AttributeReference::Vendor { vendor_identification, attribute_name }) => {
                vendor.vendor_identification == *vendor_identification && vendor.attribute_name == *attribute_name
            }
            (Self::Vendor(_), _) => false,
            (_, AttributeReference::Standard(tag)) => self.tag() == *tag,
            _ => false,
        }
    }

    /// Reads an attribute as 2.x spells it: the tag names it.
    ///
    /// # Errors
    /// If the version has no such attribute, or the value has the wrong type.
    pub fn read_tagged(item: &Item<'_>, version: ProtocolVersion) -> Result<Self> {
        if item.tag == tag::Attribute {
            return Ok(Self::Vendor(VendorAttribute::read(item, version)?));
        }
        if !rules_of(item.tag).is_some_and(|rules| rules.versions.contains(version)) {
            return Err(DecodeError::unexpected(item));
        }
        Self::read_as(item.tag, item, version)?.ok_or(DecodeError::unexpected(item))
    }

    /// Writes an attribute as 2.x spells it. Writes nothing if the version does not know it.
    pub fn write_tagged(&self, writer: &mut Writer, version: ProtocolVersion) {
        if self.rules().versions.contains(version) {
            self.write_as(self.tag(), writer, version);
        }
    }
}

/// The rules of the attribute with this tag.
#[must_use]
pub fn rules_of(tag: Tag) -> Option<&'static AttributeRules> {
    let number = NUMBERS.get(usize::try_from(tag.0.checked_sub(FIRST_TAG)?).ok()?)?;
    crate::attributes::ATTRIBUTES.get(usize::from(*number))
}

/// Before the first tag of the standard.
const FIRST_TAG: u32 = 0x42_0000;

/// The place of each tag among the attributes: objects have dozens of values, whose rules are looked up again and again.
static NUMBERS: [u8; 512] = {
    let attributes = crate::attributes::ATTRIBUTES;
    assert!(attributes.len() < 255, "a place takes a byte");
    let mut numbers = [u8::MAX; 512];
    let mut place = 0;
    while place < attributes.len() {
        numbers[(attributes[place].tag.0 - FIRST_TAG) as usize] = place as u8;
        place += 1;
    }
    numbers
};

structure! {
    /// A vendor attribute (2.1, section 4): what 1.x calls a custom attribute, `x-Name` having vendor `x`.
    #[derive(Clone)]
    pub struct VendorAttribute {
        VendorIdentification => vendor_identification: String, V1_0..;
        AttributeName => attribute_name: String, V1_0..;
        AttributeValue => attribute_value: TreeValue, V1_0..;
    }
}

/// The name of an attribute: a text in 1.x, a tag or the two names of a vendor attribute in 2.x.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AttributeReference {
    /// An attribute of the standard.
    Standard(Tag),
    /// A vendor attribute.
    Vendor {
        /// Whose it is.
        vendor_identification: String,
        /// Its name.
        attribute_name: String,
    },
    /// A name of 1.x that is neither in the standard nor begins with `x-` or `y-`.
    Unknown(String),
}

impl AttributeReference {
    /// Whether `version` knows the attribute.
    #[must_use]
    pub fn in_version(&self, version: ProtocolVersion) -> bool {
        match self {
            Self::Standard(tag) => rules_of(*tag).is_some_and(|rules| rules.versions.contains(version)),
            Self::Vendor { .. } => true,
            Self::Unknown(_) => false,
        }
    }

    /// The rules of the attribute; `None` for unknown names.
    #[must_use]
    pub fn rules(&self) -> Option<&'static AttributeRules> {
        match self {
            Self::Standard(tag) => rules_of(*tag),
            Self::Vendor { .. } => Some(&VENDOR_ATTRIBUTE_RULES),
            Self::Unknown(_) => None,
        }
    }
}

/// How much of a name that a client chose is repeated to it and in the log, in characters.
const SHOWN: usize = 64;

/// Names of clients are cut to 64 characters: they may be very long.
impl std::fmt::Display for AttributeReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Standard(tag) => match tag::by_tag(*tag) {
                Some(row) => f.write_str(row.name),
                None => write!(f, "{tag:?}"),
            },
            Self::Vendor { vendor_identification, attribute_name } => {
                write!(f, "{vendor_identification:.SHOWN$}-{attribute_name:.SHOWN$}")
            }
            Self::Unknown(name) => write!(f, "{name:.SHOWN$}"),
        }
    }
}

impl Value for AttributeReference {
    fn read(item: &Item<'_>, version: ProtocolVersion) -> Result<Self> {
        match item.value {
            ttlv_codec::Value::TextString(name) if version.is_1x() => Ok(v1::attribute_reference(name)),
            ttlv_codec::Value::Enumeration(code) if !version.is_1x() => Ok(Self::Standard(Tag(code))),
            ttlv_codec::Value::Structure(_) if !version.is_1x() => {
                let mut fields = Fields::of(item, version)?;
                let vendor_identification = Member::read_member(&mut fields, tag::VendorIdentification, true)?;
                let attribute_name = Member::read_member(&mut fields, tag::AttributeName, true)?;
                fields.end()?;
                Ok(Self::Vendor { vendor_identification, attribute_name })
            }
            _ => Err(DecodeError::wrong_type(item)),
        }
    }

    fn write(&self, writer: &mut Writer, tag: Tag, version: ProtocolVersion) {
        if version.is_1x() {
            if let Some(name) = v1::attribute_name(self) {
                writer.text_string(tag, &name);
            }
            return;
        }
        match self {
            Self::Standard(attribute) => writer.enumeration(tag, attribute.0),
            Self::Vendor { vendor_identification, attribute_name } => writer.structure(tag, |writer| {
                writer.text_string(tag::VendorIdentification, vendor_identification);
                writer.text_string(tag::AttributeName, attribute_name);
            }),
            Self::Unknown(_) => {}
        }
    }
}

/// An attribute of an object: a value and, in 1.x, its index among the values of the same attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeInstance {
    /// The index; in a request `None` stands for 0.
    pub index: Option<i32>,
    /// The attribute.
    pub attribute: Attribute,
}

impl From<Attribute> for AttributeInstance {
    fn from(attribute: Attribute) -> Self {
        Self { index: None, attribute }
    }
}

/// An attribute alone in a field: `Attribute` in 1.x; in 2.x `New Attribute` or `Current Attribute`, a structure around one.
impl Value for AttributeInstance {
    fn read(item: &Item<'_>, version: ProtocolVersion) -> Result<Self> {
        if version.is_1x() {
            return v1::read_attribute(item, version);
        }
        let mut fields = Fields::of(item, version)?;
        let inner = fields.next_item()?.ok_or(fields.missing(tag::Attribute))?;
        let attribute = Attribute::read_tagged(&inner, version)?;
        fields.end()?;
        Ok(attribute.into())
    }

    fn write(&self, writer: &mut Writer, tag: Tag, version: ProtocolVersion) {
        if version.is_1x() {
            v1::write_attribute(self, writer, tag, version);
        } else {
            writer.structure(tag, |writer| self.attribute.write_tagged(writer, version));
        }
    }
}

/// A list of attributes: repeated `Attribute` items in 1.x, one `Attributes` structure in 2.x.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Attributes(pub Vec<AttributeInstance>);

impl Attributes {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The attributes, without their indices.
    pub fn iter(&self) -> impl Iterator<Item = &Attribute> {
        self.0.iter().map(|instance| &instance.attribute)
    }

    /// Adds one.
    pub fn push(&mut self, attribute: Attribute) {
        self.0.push(attribute.into());
    }

    /// Reads the inside of an `Attributes` structure of 2.x.
    ///
    /// # Errors
    /// If something in it is no attribute of the version.
    pub fn read_structure(item: &Item<'_>, version: ProtocolVersion) -> Result<Self> {
        let mut fields = Fields::of(item, version)?;
        let mut all = Vec::new();
        while let Some(inner) = fields.next_item()? {
            all.push(Attribute::read_tagged(&inner, version)?.into());
        }
        Ok(Self(all))
    }

    fn write_structure(&self, writer: &mut Writer, tag: Tag, version: ProtocolVersion) {
        writer.structure(tag, |writer| {
            for instance in &self.0 {
                instance.attribute.write_tagged(writer, version);
            }
        });
    }
}

impl FromIterator<Attribute> for Attributes {
    fn from_iter<T: IntoIterator<Item = Attribute>>(iter: T) -> Self {
        Self(iter.into_iter().map(AttributeInstance::from).collect())
    }
}

impl Member for Attributes {
    const CARDINALITY: Cardinality = Cardinality::Required;

    fn read_member(fields: &mut Fields<'_>, tag: Tag, in_version: bool) -> Result<Self> {
        if fields.version.is_1x() {
            return Ok(Self(Member::read_member(fields, tag, in_version)?));
        }
        match fields.take(tag)? {
            Some(item) => Self::read_structure(&item, fields.version),
            None => Err(fields.missing(tag)),
        }
    }

    fn write_member(&self, writer: &mut Writer, tag: Tag, version: ProtocolVersion) {
        if version.is_1x() {
            self.0.write_member(writer, tag, version);
        } else {
            self.write_structure(writer, tag, version);
        }
    }
}

impl Member for Option<Attributes> {
    const CARDINALITY: Cardinality = Cardinality::Optional;

    fn read_member(fields: &mut Fields<'_>, tag: Tag, in_version: bool) -> Result<Self> {
        if in_version && fields.peek() == Some(tag) { Attributes::read_member(fields, tag, true).map(Some) } else { Ok(None) }
    }

    fn write_member(&self, writer: &mut Writer, tag: Tag, version: ProtocolVersion) {
        if let Some(attributes) = self {
            attributes.write_member(writer, tag, version);
        }
    }
}

/// The attributes a request gives to an object: `Template-Attribute` in 1.x, which may also name templates, and `Attributes`
/// in 2.x.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct TemplateAttribute {
    /// Templates whose attributes apply too (1.x only).
    pub names: Vec<Name>,
    /// The attributes.
    pub attributes: Attributes,
}

impl Value for TemplateAttribute {
    fn read(item: &Item<'_>, version: ProtocolVersion) -> Result<Self> {
        if version.is_1x() {
            return v1::read_template_attribute(item, version);
        }
        Ok(Self { names: Vec::new(), attributes: Attributes::read_structure(item, version)? })
    }

    fn write(&self, writer: &mut Writer, tag: Tag, version: ProtocolVersion) {
        if version.is_1x() {
            v1::write_template_attribute(self, writer, tag, version);
        } else {
            self.attributes.write_structure(writer, tag, version);
        }
    }
}

/// A condition of a Locate: an attribute and the value it must have. The value keeps the shape it was sent in, because a
/// structure may leave fields out that do not matter (2.1, section 6.1.28).
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeFilter {
    /// The attribute.
    pub reference: AttributeReference,
    /// The value, in the spelling of the request's version.
    pub value: TreeValue,
}

impl AttributeFilter {
    /// The condition that an attribute has exactly this value, as a version spells it.
    ///
    /// # Errors
    /// Never, unless the value cannot be written.
    pub fn exactly(attribute: &Attribute, version: ProtocolVersion) -> Result<Self> {
        Ok(Self { reference: attribute.reference(), value: attribute.to_tree(version)? })
    }
}

impl Attribute {
    /// Its value alone, as a version spells it.
    ///
    /// # Errors
    /// Never, unless the value cannot be written.
    pub fn to_tree(&self, version: ProtocolVersion) -> Result<TreeValue> {
        if let Self::Vendor(vendor) = self {
            return Ok(vendor.attribute_value.clone());
        }
        let mut writer = Writer::new();
        self.write_as(self.tag(), &mut writer, version);
        match ttlv_codec::Reader::new(writer.bytes()).next_item()? {
            Some(item) => Ok(TreeValue::read(&item.value)?),
            None => Ok(TreeValue::Structure(Vec::new())),
        }
    }
}

/// The conditions of a Locate: repeated `Attribute` items in 1.x, one `Attributes` structure in 2.x, which PyKMIP leaves out
/// when it is empty.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct AttributeFilters(pub Vec<AttributeFilter>);

impl AttributeFilters {
    fn read_tagged(item: &Item<'_>, version: ProtocolVersion) -> Result<AttributeFilter> {
        if item.tag == tag::Attribute {
            let vendor = VendorAttribute::read(item, version)?;
            let reference = AttributeReference::Vendor {
                vendor_identification: vendor.vendor_identification.clone(),
                attribute_name: vendor.attribute_name.clone(),
            };
            return Ok(AttributeFilter { reference, value: vendor.attribute_value.clone() });
        }
        let reference = AttributeReference::Standard(item.tag);
        if !reference.in_version(version) {
            return Err(DecodeError::unexpected(item));
        }
        Ok(AttributeFilter { reference, value: TreeValue::read(&item.value)? })
    }
}

impl Member for AttributeFilters {
    const CARDINALITY: Cardinality = Cardinality::Repeated;

    fn read_member(fields: &mut Fields<'_>, tag: Tag, _in_version: bool) -> Result<Self> {
        let version = fields.version;
        let mut filters = Vec::new();
        if version.is_1x() {
            while let Some(item) = fields.take(tag)? {
                filters.push(v1::read_attribute_filter(&item, version)?);
            }
        } else if let Some(item) = fields.take(tag)? {
            let mut inside = Fields::of(&item, version)?;
            while let Some(item) = inside.next_item()? {
                filters.push(Self::read_tagged(&item, version)?);
            }
        }
        Ok(Self(filters))
    }

    fn write_member(&self, writer: &mut Writer, tag: Tag, version: ProtocolVersion) {
        if version.is_1x() {
            for filter in &self.0 {
                v1::write_attribute_filter(filter, writer, tag);
            }
            return;
        }
        writer.structure(tag, |writer| {
            for filter in &self.0 {
                match &filter.reference {
                    AttributeReference::Standard(tag) => filter.value.write(writer, *tag),
                    AttributeReference::Vendor { vendor_identification, attribute_name } => {
                        writer.structure(tag::Attribute, |writer| {
                            writer.text_string(tag::VendorIdentification, vendor_identification);
                            writer.text_string(tag::AttributeName, attribute_name);
                            filter.value.write(writer, tag::AttributeValue);
                        });
                    }
                    AttributeReference::Unknown(_) => {}
                }
            }
        });
    }
}
