//! The shapes of 1.x: attributes spelled as name, index and value, and the structures around them.
//!
//! The model inside is the plain spelling of 2.x; here it is lifted from 1.x and lowered to it, typed.

use ttlv_codec::{Item, Tag, Writer};

use crate::attribute::{
    Attribute, AttributeFilter, AttributeInstance, AttributeReference, Attributes, TemplateAttribute, VendorAttribute, rules_of,
};
use crate::codec::{DecodeError, Fields, Member, Result, Value};
use crate::tag;
use crate::version::ProtocolVersion;

/// Lifts an Attribute Name. `x-ID` and `y-ID` (1.4, section 3.39) become the vendors `x` and `y` with the name `ID`.
#[must_use]
pub fn attribute_reference(name: &str) -> AttributeReference {
    if let Some((vendor @ ("x" | "y"), rest)) = name.split_once('-') {
        return AttributeReference::Vendor { vendor_identification: vendor.to_owned(), attribute_name: rest.to_owned() };
    }
    // Names that were broken over lines somewhere on their way come with runs of spaces.
    let row = tag::by_name(name).or_else(|| tag::by_name(&name.split_whitespace().collect::<Vec<_>>().join(" ")));
    match row {
        Some(row) if rules_of(row.tag).is_some() => AttributeReference::Standard(row.tag),
        _ => AttributeReference::Unknown(name.to_owned()),
    }
}

/// Lowers to an Attribute Name. Vendors other than `x` and `y` cannot be spelled in 1.x.
#[must_use]
pub fn attribute_name(reference: &AttributeReference) -> Option<String> {
    match reference {
        AttributeReference::Standard(tag) => tag::by_tag(*tag).map(|row| row.name.to_owned()),
        AttributeReference::Vendor { vendor_identification, attribute_name } => {
            matches!(vendor_identification.as_str(), "x" | "y").then(|| format!("{vendor_identification}-{attribute_name}"))
        }
        AttributeReference::Unknown(name) => Some(name.clone()),
    }
}

/// Reads an Attribute structure: name, index, value (1.4, section 2.1.1).
///
/// # Errors
/// If the version has no attribute of that name, or the value has the wrong type.
pub fn read_attribute(item: &Item<'_>, version: ProtocolVersion) -> Result<AttributeInstance> {
    let mut fields = Fields::of(item, version)?;
    let name_item = fields.take(tag::AttributeName)?.ok_or(fields.missing(tag::AttributeName))?;
    let reference = AttributeReference::read(&name_item, version)?;
    let index = Member::read_member(&mut fields, tag::AttributeIndex, true)?;
    let value = fields.take(tag::AttributeValue)?.ok_or(fields.missing(tag::AttributeValue))?;
    fields.end()?;
    let attribute = match reference {
        AttributeReference::Vendor { vendor_identification, attribute_name } => Attribute::Vendor(VendorAttribute {
            vendor_identification,
            attribute_name,
            attribute_value: Value::read(&value, version)?,
        }),
        AttributeReference::Standard(tag) if reference.in_version(version) => {
            Attribute::read_as(tag, &value, version)?.ok_or(DecodeError::unexpected(&name_item))?
        }
        _ => return Err(DecodeError::invalid(&name_item, "no attribute of this version has this name")),
    };
    Ok(AttributeInstance { index, attribute })
}

/// Writes an Attribute structure. Writes nothing if the version cannot spell the attribute.
///
/// Index 0 is left out: clients of every version take its absence for 0, and many compare bytes.
pub fn write_attribute(instance: &AttributeInstance, writer: &mut Writer, tag: Tag, version: ProtocolVersion) {
    let attribute = &instance.attribute;
    if !attribute.rules().versions.contains(version) {
        return;
    }
    let Some(name) = attribute_name(&attribute.reference()) else { return };
    writer.structure(tag, |writer| {
        writer.text_string(tag::AttributeName, &name);
        if let Some(index) = instance.index.filter(|index| *index != 0) {
            writer.integer(tag::AttributeIndex, index);
        }
        match attribute {
            Attribute::Vendor(vendor) => vendor.attribute_value.write(writer, tag::AttributeValue),
            _ => attribute.write_as(tag::AttributeValue, writer, version),
        }
    });
}

/// Reads a Template-Attribute: names of templates, then attributes (1.4, section 2.1.8).
///
/// # Errors
/// If something else is in it.
pub fn read_template_attribute(item: &Item<'_>, version: ProtocolVersion) -> Result<TemplateAttribute> {
    let mut fields = Fields::of(item, version)?;
    let names = Member::read_member(&mut fields, tag::Name, true)?;
    let attributes = Attributes(Member::read_member(&mut fields, tag::Attribute, true)?);
    fields.end()?;
    Ok(TemplateAttribute { names, attributes })
}

/// Writes a Template-Attribute.
pub fn write_template_attribute(value: &TemplateAttribute, writer: &mut Writer, tag: Tag, version: ProtocolVersion) {
    writer.structure(tag, |writer| {
        value.names.write_member(writer, tag::Name, version);
        value.attributes.0.write_member(writer, tag::Attribute, version);
    });
}

/// Reads an Attribute structure as a condition of Locate. The index does not matter there.
///
/// # Errors
/// If it is no Attribute structure.
pub fn read_attribute_filter(item: &Item<'_>, version: ProtocolVersion) -> Result<AttributeFilter> {
    let mut fields = Fields::of(item, version)?;
    let reference = Member::read_member(&mut fields, tag::AttributeName, true)?;
    let _index: Option<i32> = Member::read_member(&mut fields, tag::AttributeIndex, true)?;
    let value = Member::read_member(&mut fields, tag::AttributeValue, true)?;
    fields.end()?;
    Ok(AttributeFilter { reference, value })
}

/// Writes a condition of Locate. Writes nothing if 1.x cannot spell the attribute.
pub fn write_attribute_filter(filter: &AttributeFilter, writer: &mut Writer, tag: Tag) {
    let Some(name) = attribute_name(&filter.reference) else { return };
    writer.structure(tag, |writer| {
        writer.text_string(tag::AttributeName, &name);
        filter.value.write(writer, tag::AttributeValue);
    });
}
