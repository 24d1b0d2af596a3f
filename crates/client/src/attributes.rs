//! A list of attributes, written the way it is said.

use kmip::ProtocolVersion;
use kmip::attribute::{Attribute, AttributeFilter, AttributeFilters, TemplateAttribute};
use kmip::enumerations::{CryptographicAlgorithm, ObjectType, State};
use kmip::masks::CryptographicUsageMask;
use kmip::operation::Operation;
use kmip::structures::Name;

use crate::error::Error;

/// Attributes for a new object, or that a found object must have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttributeList(Vec<Attribute>);

impl AttributeList {
    /// No attributes.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Any attribute.
    #[must_use]
    pub fn with(mut self, attribute: Attribute) -> Self {
        self.0.push(attribute);
        self
    }

    /// A Name.
    #[must_use]
    pub fn name(self, name: &str) -> Self {
        self.with(Attribute::Name(Name::text(name)))
    }

    /// An Object Group.
    #[must_use]
    pub fn group(self, group: &str) -> Self {
        self.with(Attribute::ObjectGroup(group.to_owned()))
    }

    /// An Object Type.
    #[must_use]
    pub fn object_type(self, object_type: ObjectType) -> Self {
        self.with(Attribute::ObjectType(object_type))
    }

    /// A State.
    #[must_use]
    pub fn state(self, state: State) -> Self {
        self.with(Attribute::State(state))
    }

    /// A Cryptographic Algorithm.
    #[must_use]
    pub fn algorithm(self, algorithm: CryptographicAlgorithm) -> Self {
        self.with(Attribute::CryptographicAlgorithm(algorithm))
    }

    /// A Cryptographic Length in bits.
    #[must_use]
    pub fn length(self, bits: i32) -> Self {
        self.with(Attribute::CryptographicLength(bits))
    }

    /// A Cryptographic Usage Mask.
    #[must_use]
    pub fn usage(self, mask: CryptographicUsageMask) -> Self {
        self.with(Attribute::CryptographicUsageMask(mask))
    }

    /// Whether there is a Cryptographic Usage Mask.
    pub(crate) fn has_usage(&self) -> bool {
        self.0.iter().any(|attribute| matches!(attribute, Attribute::CryptographicUsageMask(_)))
    }

    /// As Create and Register have it, in a version.
    ///
    /// # Errors
    /// If the version does not have one of the attributes: without it, the object would not be what was asked for.
    pub fn template(self, version: ProtocolVersion) -> Result<TemplateAttribute, Error> {
        self.check(version)?;
        Ok(TemplateAttribute { names: Vec::new(), attributes: self.0.into_iter().collect() })
    }

    /// As Locate has it, in a version: the conditions that an object has exactly these values.
    ///
    /// # Errors
    /// If the version does not have one of the attributes: without it, Locate would find more than was asked for.
    pub fn filters(&self, version: ProtocolVersion) -> Result<AttributeFilters, Error> {
        self.check(version)?;
        let all: Result<Vec<_>, _> = self.0.iter().map(|attribute| AttributeFilter::exactly(attribute, version)).collect();
        all.map(AttributeFilters).map_err(|error| Error::Payload { operation: Operation::Locate, error })
    }

    fn check(&self, version: ProtocolVersion) -> Result<(), Error> {
        self.0.iter().try_for_each(|attribute| check_attribute(attribute, version))
    }
}

/// That a version can say an attribute.
pub(crate) fn check_attribute(attribute: &Attribute, version: ProtocolVersion) -> Result<(), Error> {
    let reference = attribute.reference();
    let sayable = !version.is_1x() || kmip::v1::attribute_name(&reference).is_some();
    if reference.in_version(version) && sayable {
        return Ok(());
    }
    Err(Error::NotInVersion { what: format!("the attribute {reference}"), version })
}

impl FromIterator<Attribute> for AttributeList {
    fn from_iter<T: IntoIterator<Item = Attribute>>(attributes: T) -> Self {
        Self(attributes.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_version_cannot_say_is_not_left_out_silently() {
        let comment = || AttributeList::new().with(Attribute::Comment("spare".to_owned()));
        assert!(comment().template(ProtocolVersion::V1_4).is_ok());
        let error = comment().template(ProtocolVersion::V1_2).unwrap_err();
        assert!(error.to_string().contains("Comment does not exist in KMIP 1.2"), "{error}");
        assert!(comment().filters(ProtocolVersion::V1_2).is_err());
        assert_eq!(comment().filters(ProtocolVersion::V2_1).unwrap().0.len(), 1);
    }
}
