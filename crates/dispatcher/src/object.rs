//! A stored object: its attributes with their indices, and what the client stored.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use kmip::ProtocolVersion;
use kmip::attribute::{Attribute, AttributeInstance, AttributeReference, Attributes};
use kmip::codec::DateTime;
use kmip::enumerations::{LinkType, ObjectType, State};
use kmip::identifier::{ObjectReference, UniqueIdentifier};
use kmip::object::ManagedObject;
use kmip::tag;
use store::Revision;

use crate::error::{Error, Result};
use crate::lifecycle::{self, Dates};

/// An attribute value and its index among the values of the same attribute. Indices never move while the value lives.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Instance {
    /// The Attribute Index of 1.x.
    pub(crate) index: i32,
    /// The attribute.
    pub(crate) attribute: Attribute,
}

/// A managed object with its attributes.
///
/// Three attributes are not kept but computed: Unique Identifier, Object Type and State.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StoredObject {
    /// Its identifier.
    pub(crate) identifier: String,
    /// Whose it is.
    pub(crate) owner: String,
    /// Its type, which outlives the object itself.
    pub(crate) object_type: ObjectType,
    /// The revision it was loaded at; `None`: it is new.
    pub(crate) revision: Option<Revision>,
    /// Its attributes, in the order they were given.
    pub(crate) instances: Vec<Instance>,
    /// What the client stored; `None` once it is destroyed, or where the key is held elsewhere.
    pub(crate) object: Option<ManagedObject>,
    /// The version of the request that brought the object, in whose spelling it is kept.
    pub(crate) spelling: ProtocolVersion,
}

/// Whether two values are of one attribute. Of the standard's attributes, each is a variant.
fn is_value_of_the_same(one: &Attribute, other: &Attribute) -> bool {
    match (one, other) {
        (Attribute::Vendor(one), Attribute::Vendor(other)) => {
            one.vendor_identification == other.vendor_identification && one.attribute_name == other.attribute_name
        }
        _ => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}

impl StoredObject {
    /// The indices that values may have.
    pub(crate) const INDICES: RangeInclusive<i32> = 0..=65_535;

    /// More attributes than a new key usually gets.
    const USUAL: usize = 24;

    /// A new object without attributes.
    #[must_use]
    pub(crate) fn new(identifier: String, owner: String, object_type: ObjectType, spelling: ProtocolVersion) -> Self {
        Self {
            identifier,
            owner,
            object_type,
            revision: None,
            instances: Vec::with_capacity(Self::USUAL),
            object: None,
            spelling,
        }
    }

    /// Its attributes, in the order they were given.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.instances.iter().map(|instance| &instance.attribute)
    }

    /// The values of one attribute.
    pub(crate) fn values<'a>(&'a self, reference: &'a AttributeReference) -> impl Iterator<Item = &'a Instance> {
        self.instances.iter().filter(move |instance| instance.attribute.is(reference))
    }

    /// The first of its attributes for which `pick` has an answer: `object.first(|a| pick!(a, Attribute::Fresh))`.
    pub(crate) fn first<T>(&self, pick: impl Fn(&Attribute) -> Option<T>) -> Option<T> {
        self.attributes().find_map(pick)
    }

    /// The dates its state follows from.
    #[must_use]
    pub(crate) fn dates(&self) -> Dates {
        let mut dates = Dates::default();
        for attribute in self.attributes() {
            match attribute {
                Attribute::ActivationDate(DateTime(date)) => dates.activation = Some(*date),
                Attribute::DeactivationDate(DateTime(date)) => dates.deactivation = Some(*date),
                Attribute::CompromiseDate(DateTime(date)) => dates.compromise = Some(*date),
                Attribute::DestroyDate(DateTime(date)) => dates.destroy = Some(*date),
                _ => {}
            }
        }
        dates
    }

    /// Its state at a moment, in seconds since 1970.
    #[must_use]
    pub(crate) fn state(&self, now: i64) -> State {
        lifecycle::state(&self.dates(), now)
    }

    /// Whether it is gone.
    #[must_use]
    pub(crate) fn is_destroyed(&self) -> bool {
        self.dates().destroy.is_some()
    }

    /// Whether its Operation Policy Name lets everybody read it: certificates and public keys under the policy `default` (1.4, section
    /// 3.18.2). Under any other name, which means nothing to this server, and without one an object is its owner's alone.
    #[must_use]
    pub(crate) fn is_public(&self) -> bool {
        let named = |attribute: &Attribute| matches!(attribute, Attribute::OperationPolicyName(name) if name == "default");
        matches!(self.object_type, ObjectType::Certificate | ObjectType::PublicKey) && self.attributes().any(named)
    }

    /// Whether it is in the archive.
    #[must_use]
    pub(crate) fn is_archived(&self) -> bool {
        self.attributes().any(|attribute| matches!(attribute, Attribute::ArchiveDate(_)))
    }

    /// Refuses an object that is in the archive.
    ///
    /// # Errors
    /// Object Archived.
    pub(crate) fn check_is_on_line(&self) -> Result<()> {
        use kmip::result_reason::ResultReason;
        if self.is_archived() {
            return Err(Error::new(ResultReason::ObjectArchived, "The object is archived; it has to be recovered first"));
        }
        Ok(())
    }

    /// One of the attributes that are not kept but computed.
    #[must_use]
    pub(crate) fn computed(&self, reference: &AttributeReference, now: i64) -> Option<Attribute> {
        match *reference {
            AttributeReference::Standard(tag::UniqueIdentifier) => {
                Some(Attribute::UniqueIdentifier(UniqueIdentifier(self.identifier.clone())))
            }
            AttributeReference::Standard(tag::ObjectType) => Some(Attribute::ObjectType(self.object_type)),
            // A template is no cryptographic object (1.4, section 3.22).
            AttributeReference::Standard(tag::State) if self.object_type != ObjectType::Template => {
                Some(Attribute::State(self.state(now)))
            }
            _ => None,
        }
    }

    /// Everything it has an attribute for, the computed ones first.
    #[must_use]
    pub(crate) fn view(&self, now: i64) -> Attributes {
        let computed = [tag::UniqueIdentifier, tag::ObjectType, tag::State].map(AttributeReference::Standard);
        let computed = computed.iter().filter_map(|reference| self.computed(reference, now)).map(AttributeInstance::from);
        let kept = self
            .instances
            .iter()
            .map(|instance| AttributeInstance { index: Some(instance.index), attribute: instance.attribute.clone() });
        Attributes(computed.chain(kept).collect())
    }

    /// Adds a value at the index after the highest, or the lowest free one where there is none after it; returns the index.
    pub(crate) fn add(&mut self, attribute: Attribute) -> i32 {
        let reference = attribute.reference();
        let after = self.values(&reference).map(|instance| instance.index.saturating_add(1)).max().unwrap_or(0);
        let next = if Self::INDICES.contains(&after) {
            after
        } else {
            let taken: HashSet<i32> = self.values(&reference).map(|instance| instance.index).collect();
            // Objects have far fewer values than there are indices.
            Self::INDICES.clone().find(|index| !taken.contains(index)).unwrap_or(after)
        };
        self.instances.push(Instance { index: next, attribute });
        next
    }

    /// Gives a single-valued attribute its value, in place of any other.
    pub(crate) fn set(&mut self, attribute: Attribute) {
        match self.instances.iter_mut().find(|instance| is_value_of_the_same(&instance.attribute, &attribute)) {
            Some(instance) => instance.attribute = attribute,
            None => self.instances.push(Instance { index: 0, attribute }),
        }
    }

    /// Gives an attribute a value unless it has one.
    pub(crate) fn set_if_absent(&mut self, attribute: Attribute) {
        if !self.attributes().any(|other| is_value_of_the_same(other, &attribute)) {
            self.instances.push(Instance { index: 0, attribute });
        }
    }

    /// The object that a link of a type leads to.
    pub(crate) fn linked(&self, link_type: LinkType) -> Option<&str> {
        self.attributes().find_map(|attribute| match attribute {
            Attribute::Link(link) if link.link_type == link_type => match &link.linked_object_identifier {
                ObjectReference::Identifier(identifier) => Some(identifier.as_str()),
                _ => None,
            },
            _ => None,
        })
    }

    /// Notes that the object changed.
    pub(crate) fn touch(&mut self, now: i64) {
        self.set(Attribute::LastChangeDate(DateTime(now)));
    }

    /// How many bytes its material takes, about.
    #[must_use]
    pub(crate) fn material_length(&self) -> usize {
        let mut writer = ttlv_codec::Writer::new();
        if let Some(object) = &self.object {
            object.write_tagged(&mut writer, self.spelling);
        }
        writer.len()
    }

    /// Whether it must not leave the server, or only under another key (1.4, sections 3.47 and 3.49; 2.1, sections 4.23 and 4.55).
    pub(crate) fn must_not_leave(&self) -> bool {
        self.attributes().any(|attribute| matches!(attribute, Attribute::Sensitive(true) | Attribute::Extractable(false)))
    }

    /// Its material, as long as it has one. Of a key that is held elsewhere it is what is known of it (1.2, section 2.1.3), which Get
    /// returns without a Key Value.
    ///
    /// # Errors
    /// Object Destroyed, or Key Value Not Present where there is nothing.
    pub(crate) fn material(&self) -> Result<&ManagedObject> {
        use kmip::result_reason::ResultReason;
        match &self.object {
            Some(object) => Ok(object),
            None if self.is_destroyed() => Err(Error::new(ResultReason::ObjectDestroyed, "The object has been destroyed")),
            None => Err(Error::key_value_not_present()),
        }
    }
}
