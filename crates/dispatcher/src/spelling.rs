//! What an object of one version is to a client of another: nothing goes out that the client's version does not define.
//!
//! Tags are left out by the tables of `kmip`. Values of enumerations and bits of masks survive in them, so that they can be
//! stored; here they are judged when they come in attributes, and before they are sent. Values that no version defines are
//! vendors', and pass on their way out.

use kmip::ProtocolVersion;
use kmip::attribute::{Attribute, Attributes};
use kmip::enumerations::{CryptographicAlgorithm, Enumeration as _, of_tag};
use kmip::masks::{CryptographicUsageMask, Mask as _};
use kmip::object::ManagedObject;
use kmip::result_reason::ResultReason;
use ttlv_codec::{Reader, Tag, Tree, TreeValue, Writer};

use crate::error::{Error, Result};

/// An attribute as `version` can spell it: without the bits of a mask that only other versions define, and not at all if
/// its value is one that only other versions define.
#[must_use]
pub(crate) fn attribute(attribute: &Attribute, version: ProtocolVersion) -> Option<Attribute> {
    if let Attribute::CryptographicUsageMask(mask) = attribute {
        let row = CryptographicUsageMask::ROW;
        let defined = row.bits.iter().fold(0, |bits, row| bits | row.value);
        return Some(Attribute::CryptographicUsageMask(CryptographicUsageMask(mask.0 & !(defined & !row.known_in(version)))));
    }
    if *attribute == Attribute::CryptographicAlgorithm(CryptographicAlgorithm::EC)
        && !CryptographicAlgorithm::EC.known_in(version)
    {
        // Up to 1.1 there is ECDSA alone, and a certificate always has an algorithm (1.1, section 3.4).
        return Some(Attribute::CryptographicAlgorithm(CryptographicAlgorithm::ECDSA));
    }
    let value = attribute.to_tree(version).ok()?;
    (!is_foreign(attribute.tag(), &value, version)).then(|| attribute.clone())
}

/// Refuses an attribute with a value that the client's own version does not define: neither by a name, nor as one of a vendor's.
///
/// # Errors
/// Invalid Attribute Value.
pub(crate) fn check(attribute: &Attribute, version: ProtocolVersion) -> Result<()> {
    // Masks lose the bits that are not the version's when they are read.
    let is_spelled = match attribute {
        Attribute::CryptographicUsageMask(_) => true,
        Attribute::Vendor(vendor) => !is_foreign(attribute.tag(), &vendor.attribute_value, version),
        _ => is_defined(attribute.tag(), &attribute.to_tree(version)?, version),
    };
    if is_spelled {
        return Ok(());
    }
    let text = format!("{} has a value that version {version} does not define", attribute.reference());
    Err(Error::new(ResultReason::InvalidAttributeValue, text))
}

/// Attributes as `version` can spell them.
pub(crate) fn attributes(attributes: &mut Attributes, version: ProtocolVersion) {
    attributes.0.retain_mut(|instance| match attribute(&instance.attribute, version) {
        Some(attribute) => {
            instance.attribute = attribute;
            true
        }
        None => false,
    });
}

/// Whether an object has a value in it that only other versions define.
#[must_use]
pub(crate) fn is_foreign_object(object: &ManagedObject, version: ProtocolVersion) -> bool {
    let mut writer = Writer::new();
    object.write_tagged(&mut writer, version);
    match Reader::new(writer.bytes()).next_item().ok().flatten().map(|item| Tree::read(&item)) {
        Some(Ok(tree)) => is_foreign(tree.tag, &tree.value, version),
        _ => true,
    }
}

/// Whether a version defines all values of enumerations, or leaves them to vendors (2.1, section 11).
fn is_defined(tag: Tag, value: &TreeValue, version: ProtocolVersion) -> bool {
    match value {
        TreeValue::Structure(fields) => fields.iter().all(|field| is_defined(field.tag, &field.value, version)),
        TreeValue::Enumeration(value) => of_tag(tag).is_none_or(|row| row.known_in(*value, version)),
        _ => true,
    }
}

fn is_foreign(tag: Tag, value: &TreeValue, version: ProtocolVersion) -> bool {
    match value {
        TreeValue::Structure(fields) => fields.iter().any(|field| is_foreign(field.tag, &field.value, version)),
        // 1.x has no such type (1.4, section 9.1.1.2), and its clients cannot read on behind it.
        TreeValue::DateTimeExtended(_) => version.is_1x(),
        TreeValue::Enumeration(value) => {
            of_tag(tag).is_some_and(|row| !row.known_in(*value, version) && row.values.iter().any(|known| known.value == *value))
        }
        _ => false,
    }
}
