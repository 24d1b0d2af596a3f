//! What a client has laid down for its new objects: Constraints, which they must satisfy, and defaults for what a request leaves out
//! (2.1, sections 6.1.22, 6.1.52, 6.1.53, 7.6 and 7.22).
//!
//! They are those of the client that laid them down and concern the objects it makes, in every version: objects are their owner's, and
//! no client decides what another one may make. They are kept as an object of the client under an identifier that no request reaches.
//!
//! - What names a group of the object prevails over what names no group, which is for all others.
//! - Of several constraints of the same rank one must be satisfied: an alternative is a constraint of its own, while what must hold
//!   together is in one. A constraint is satisfied if the object has, of each attribute named in it, one of the values named.
//! - Defaults of the same rank are taken in their order, each for what has no value yet.

use kmip::ProtocolVersion;
use kmip::attribute::{Attribute, Attributes, SetBy};
use kmip::codec::{self, Value as _};
use kmip::enumerations::{Enumeration as _, ObjectType, OpaqueDataType};
use kmip::object::{ManagedObject, OpaqueObject};
use kmip::result_reason::ResultReason;
use kmip::structures::{Constraints, DefaultsInformation, ObjectDefaults, ObjectGroups, ObjectTypes};
use kmip::tag;

use crate::change;
use crate::creation;
use crate::environment::Settings;
use crate::error::{Error, Result};
use crate::hex;
use crate::object::StoredObject;
use crate::operation::{Change, Context};

/// What the identifiers begin with that are the server's own.
const RESERVED: &str = "kmipd:";

/// The version they are spelled in: the first that has both.
const SPELLING: ProtocolVersion = ProtocolVersion::V2_1;

/// Constraints, or Object Defaults, that one client may lay down.
const ENTRIES_MAX: usize = 64;

/// Attributes in all of them together. They are judged for each new object.
const ATTRIBUTES_MAX: usize = 1_024;

/// What a client has laid down.
#[derive(Clone, Default)]
pub(crate) struct Factory {
    /// What new objects must look like.
    pub(crate) constraints: Constraints,
    /// What they get.
    pub(crate) defaults: DefaultsInformation,
    /// Where both are kept; `None`: nothing was ever laid down.
    pub(crate) kept: Option<StoredObject>,
}

/// Whether no request may name or find an object of this identifier.
pub(crate) fn is_reserved(identifier: &str) -> bool {
    identifier.starts_with(RESERVED)
}

/// Where a client's rules are kept. Names of clients may be long.
pub(crate) fn identifier(owner: &str) -> String {
    const FACTORY: &str = "factory:";
    // At its full length from the beginning: each request that makes an object asks for it.
    let mut identifier = String::with_capacity(RESERVED.len() + FACTORY.len() + 64);
    identifier.push_str(RESERVED);
    identifier.push_str(FACTORY);
    hex::push(&crypto::sha256(owner.as_bytes()), &mut identifier);
    identifier
}

impl Factory {
    /// What is in a client's object.
    ///
    /// # Errors
    /// General Failure, if it cannot be read.
    pub(crate) fn of(kept: Option<StoredObject>) -> Result<Self> {
        let Some(kept) = kept else { return Ok(Self::default()) };
        let damaged = |cause: &dyn std::fmt::Display| Error::general_failure(format_args!("{}: {cause}", kept.identifier));
        let Some(ManagedObject::OpaqueObject(opaque)) = &kept.object else { return Err(damaged(&"it is no opaque object")) };
        let mut reader = ttlv_codec::Reader::new(opaque.opaque_data_value.expose());
        let (mut constraints, mut defaults) = (Constraints::default(), DefaultsInformation::default());
        while let Some(item) = reader.next_item().map_err(|error| damaged(&error))? {
            match item.tag {
                tag::Constraints => {
                    constraints = Constraints::read(&item, SPELLING).map_err(|error| damaged(&error.kind))?;
                }
                tag::DefaultsInformation => {
                    defaults = DefaultsInformation::read(&item, SPELLING).map_err(|error| damaged(&error.kind))?;
                }
                _ => return Err(damaged(&"it holds something else")),
            }
        }
        Ok(Self { constraints, defaults, kept: Some(kept) })
    }

    /// The change that keeps them.
    pub(crate) fn keep(self, context: &Context<'_>) -> Change {
        let Self { constraints, defaults, kept } = self;
        let mut bytes = codec::to_bytes(&constraints, tag::Constraints, SPELLING);
        bytes.extend(codec::to_bytes(&defaults, tag::DefaultsInformation, SPELLING));
        let owner = &context.actor.name;
        let new = || StoredObject::new(identifier(owner), owner.clone(), ObjectType::OpaqueObject, SPELLING);
        let mut object = kept.unwrap_or_else(new);
        object.object = Some(ManagedObject::OpaqueObject(OpaqueObject {
            opaque_data_type: OpaqueDataType(VENDORS_DATA),
            opaque_data_value: kmip::Secret::new(bytes),
        }));
        object.touch(context.now);
        Change::Write(Box::new(object))
    }

    /// Gives a new object what its request left out. Together with what the request gives, it obeys what holds for requests.
    ///
    /// # Errors
    /// Those of [`creation::apply`].
    pub(crate) fn complete(&self, object: &mut StoredObject, settings: &Settings) -> Result<()> {
        let given = object.instances.len();
        self.fill(object);
        if object.instances.len() > given {
            creation::check_count(object.instances.len(), settings)?;
            creation::check_values(object)?;
            creation::check_dates(object)?;
        }
        Ok(())
    }

    /// The same without judging what comes of it.
    pub(crate) fn fill(&self, object: &mut StoredObject) {
        let (own, general): (Vec<_>, Vec<_>) = self
            .defaults
            .object_defaults
            .iter()
            .filter(|defaults| concerns(&types(defaults), object.object_type))
            .partition(|defaults| names_group_of(defaults.object_groups.as_ref(), object));
        let general = general.into_iter().filter(|defaults| is_for_all(defaults.object_groups.as_ref()));
        for defaults in own.into_iter().chain(general) {
            // Several values of one attribute come together or not at all.
            let absent: Vec<&Attribute> =
                defaults.attributes.iter().filter(|attribute| object.values(&attribute.reference()).next().is_none()).collect();
            for attribute in absent {
                if attribute.rules().applies_to.contains(object.object_type) {
                    // They were judged when they were set. What the server fills in begins with each object.
                    object.add(creation::completed(attribute.clone()).unwrap_or_else(|_| attribute.clone()));
                }
            }
        }
    }

    /// Whether a new object may be made.
    ///
    /// # Errors
    /// Constraint Violation.
    pub(crate) fn check(&self, object: &StoredObject) -> Result<()> {
        let concerning = || {
            let all = self.constraints.constraints.iter();
            all.filter(|constraint| concerns(&constraint.object_types.clone().unwrap_or_default(), object.object_type))
        };
        let own = || concerning().filter(|constraint| names_group_of(constraint.object_groups.as_ref(), object));
        let general = || concerning().filter(|constraint| is_for_all(constraint.object_groups.as_ref()));
        let satisfies = |attributes: &Option<Attributes>| attributes.as_ref().is_none_or(|wanted| has_all(object, wanted));
        let allowed = if own().next().is_some() {
            own().any(|constraint| satisfies(&constraint.attributes))
        } else {
            general().next().is_none() || general().any(|constraint| satisfies(&constraint.attributes))
        };
        if allowed {
            return Ok(());
        }
        Err(Error::new(ResultReason::ConstraintViolation, "The object does not satisfy the constraints the client has set"))
    }
}

impl Factory {
    /// Whether the client has laid down something for a group.
    pub(crate) fn names_group(&self, group: &String) -> bool {
        let of_constraints = self.constraints.constraints.iter().map(|constraint| &constraint.object_groups);
        let mut all = of_constraints.chain(self.defaults.object_defaults.iter().map(|defaults| &defaults.object_groups));
        all.any(|groups| groups.as_ref().is_some_and(|groups| groups.object_groups.contains(group)))
    }
}

/// A type of the range that is left to vendors.
const VENDORS_DATA: u32 = 0x8000_0000;

/// The types that Object Defaults are for: spelled as one, or as several.
fn types(defaults: &ObjectDefaults) -> ObjectTypes {
    let mut types = defaults.object_types.clone().unwrap_or_default();
    types.object_types.extend(defaults.object_type);
    types
}

/// Whether a list of types names this one. An empty list is for all types.
fn concerns(types: &ObjectTypes, object_type: ObjectType) -> bool {
    types.object_types.is_empty() || types.object_types.contains(&object_type)
}

/// Whether a list of groups is for objects of any group, and of none.
fn is_for_all(groups: Option<&ObjectGroups>) -> bool {
    groups.is_none_or(|groups| groups.object_groups.is_empty())
}

fn names_group_of(groups: Option<&ObjectGroups>, object: &StoredObject) -> bool {
    let is_of = |attribute: &Attribute| match attribute {
        Attribute::ObjectGroup(group) => groups.is_some_and(|groups| groups.object_groups.contains(group)),
        _ => false,
    };
    object.attributes().any(is_of)
}

/// Whether an object has, of each attribute, one of the values; of a mask, no bit that the value has not.
fn has_all(object: &StoredObject, wanted: &Attributes) -> bool {
    let fits = |wanted: &Attribute, own: &Attribute| match (wanted, own) {
        (Attribute::CryptographicUsageMask(wanted), Attribute::CryptographicUsageMask(own)) => own.0 & !wanted.0 == 0,
        (wanted, own) => wanted == own,
    };
    wanted.iter().all(|first| {
        let reference = first.reference();
        let alternatives = || wanted.iter().filter(|other| other.is(&reference));
        object.attributes().any(|own| own.is(&reference) && alternatives().any(|wanted| fits(wanted, own)))
    })
}

/// Refuses constraints that say nothing sensible, or too much.
///
/// # Errors
/// Invalid Field, Invalid Object Type.
pub(crate) fn check_constraints(constraints: &Constraints) -> Result<()> {
    let all = &constraints.constraints;
    check_size(all.len(), all.iter().filter_map(|constraint| constraint.attributes.as_ref()))?;
    for constraint in all {
        check_types(&constraint.object_types.clone().unwrap_or_default())?;
    }
    Ok(())
}

/// Refuses defaults that no request could give itself, or too many.
///
/// # Errors
/// Invalid Field, Invalid Object Type.
pub(crate) fn check_defaults(defaults: &DefaultsInformation) -> Result<()> {
    let all = &defaults.object_defaults;
    check_size(all.len(), all.iter().map(|defaults| &defaults.attributes))?;
    for defaults in all {
        let types = types(defaults);
        if types.object_types.is_empty() {
            return Err(Error::invalid_field("Object Defaults must name the types of objects they are for"));
        }
        check_types(&types)?;
        for (at, attribute) in defaults.attributes.iter().enumerate() {
            let reference = attribute.reference();
            let rules = attribute.rules();
            let is_the_servers =
                (rules.set_by == SetBy::Server && !creation::may_be_stated(rules.tag)) || change::is_the_servers_own(&reference);
            let is_one = rules.instances == kmip::attribute::Instances::One;
            let is_second = is_one && defaults.attributes.iter().take(at).any(|other| other.is(&reference));
            // Two objects with one Name are not allowed, and what an object is cannot be left open.
            let is_its_own = matches!(attribute, Attribute::Name(_) | Attribute::ObjectType(_));
            if is_the_servers || is_second || is_its_own {
                return Err(Error::invalid_field(format!("{reference} cannot be a default, or not twice")));
            }
            creation::completed(attribute.clone()).map_err(|error| Error::invalid_field(error.text))?;
        }
    }
    Ok(())
}

fn check_types(types: &ObjectTypes) -> Result<()> {
    match types.object_types.iter().all(|object_type| object_type.known_in(SPELLING)) {
        true => Ok(()),
        false => Err(Error::new(ResultReason::InvalidObjectType, "Object Types names a type that is not known")),
    }
}

fn check_size<'a>(entries: usize, attributes: impl Iterator<Item = &'a Attributes>) -> Result<()> {
    let attributes: usize = attributes.map(|attributes| attributes.0.len()).sum();
    if entries > ENTRIES_MAX || attributes > ATTRIBUTES_MAX {
        let text = format!("There may be {ENTRIES_MAX} entries of {ATTRIBUTES_MAX} attributes in all");
        return Err(Error::invalid_field(text));
    }
    Ok(())
}

/// Object Defaults as Query reports them: all, or those for some groups and for all groups.
pub(crate) fn for_groups(defaults: &DefaultsInformation, groups: Option<&ObjectGroups>) -> DefaultsInformation {
    let Some(asked) = groups.filter(|groups| !groups.object_groups.is_empty()) else { return defaults.clone() };
    let is_asked_for = |defaults: &&ObjectDefaults| match &defaults.object_groups {
        None => true,
        Some(groups) => {
            groups.object_groups.is_empty() || groups.object_groups.iter().any(|group| asked.object_groups.contains(group))
        }
    };
    DefaultsInformation { object_defaults: defaults.object_defaults.iter().filter(is_asked_for).cloned().collect() }
}
