//! Import: an object with all its attributes, its identifier among them, as another server exported it (2.1, section 6.1.25).
//!
//! Who sets an attribute does not matter here: all are taken over as they are, also those that only the server sets. What is missing
//! is set as for an object that is registered.

use kmip::attribute::{Attribute, AttributeInstance, Instances};
use kmip::codec::DateTime;
use kmip::enumerations::{Enumeration as _, KeyWrapType, State, UniqueIdentifierEnumeration};
use kmip::identifier::UniqueIdentifier;
use kmip::object::ManagedObject;
use kmip::payload::import::{ImportRequest, ImportResponse};
use kmip::result_reason::ResultReason;
use kmip::structures::Name;
use kmip::tag;
use policy::Permission;
use ttlv_codec::Tag;

use crate::authorise::Authorised;
use crate::creation::{self, Origin};
use crate::error::{Error, Result};
use crate::object::{Instance, StoredObject};
use crate::operation::{Change, Context, Done, KeyUse, Loaded, Material, Operation, Plan, Weight};
use crate::register;
use crate::service::is_slow;
use crate::spelling;
use crate::wrapping::{self, Keys};

/// The longest identifier that is taken over, in bytes. Clients are known that hold 64.
const IDENTIFIER_MAX: usize = 128;

/// Attributes that are not kept but follow from the object.
const COMPUTED: [Tag; 3] = [tag::UniqueIdentifier, tag::ObjectType, tag::State];

pub(crate) struct Import;

/// An object that came wrapped, and the keys it was unwrapped with.
pub(crate) struct Unwrapped {
    managed: Box<ManagedObject>,
    keys: Keys,
}

impl Operation for Import {
    type Request = ImportRequest;
    type Response = ImportResponse;
    type Prepared = Option<Unwrapped>;

    const PERMISSION: Permission = Permission::Import;
    const PREPARES_FROM_OBJECTS: bool = true;
    const USES_FACTORY: bool = true;

    fn weight(_: &ImportRequest, loaded: &Loaded) -> Weight {
        if loaded.keys.iter().any(|key| is_slow(key)) { Weight::Brief } else { Weight::Light }
    }

    fn plan(request: &ImportRequest, context: &Context<'_>) -> Result<Plan> {
        let object_type = request.object.object_type();
        match request.object_type {
            Some(stated) if stated != object_type => {
                return Err(Error::invalid_field("Object Type differs from the type of the object"));
            }
            None if !context.version.is_1x() => {
                return Err(Error::new(ResultReason::InvalidMessage, "Object Type is missing"));
            }
            _ => {}
        }
        if !object_type.known_in(context.version) {
            return Err(creation::unknown_object_type(context.version));
        }
        check_wrapping(request)?;
        let UniqueIdentifier(identifier) = &request.unique_identifier;
        if identifier.len() > IDENTIFIER_MAX {
            return Err(Error::invalid_field(format!("Unique Identifier has more than {IDENTIFIER_MAX} bytes")));
        }
        if identifier.chars().any(char::is_control) {
            return Err(Error::invalid_field("Unique Identifier must not hold control characters"));
        }
        creation::check_count(request.attributes.0.len(), context.settings)?;
        let mut plan = Plan { perhaps: (!identifier.is_empty()).then(|| identifier.clone()), ..Plan::default() };
        if !context.version.is_1x() {
            plan.free_names = names(request);
            plan.names_the_object = true;
        }
        Ok(plan)
    }

    fn keys(request: &ImportRequest, _: &[Authorised], keys: &[Authorised], _: &Context<'_>) -> Result<Vec<KeyUse>> {
        let unwraps = request.key_wrap_type == Some(KeyWrapType::NotWrapped);
        Ok(if unwraps { wrapping::needed_to_unwrap(request.object.key_block(), keys) } else { Vec::new() })
    }

    fn prepares(request: &ImportRequest) -> bool {
        request.key_wrap_type == Some(KeyWrapType::NotWrapped)
    }

    fn prepare(request: &ImportRequest, material: &Material<'_>) -> Result<Option<Unwrapped>> {
        let mut managed = Box::new(request.object.clone());
        let mut keys = Keys::of(material.keys.iter().cloned());
        wrapping::unwrap(&mut managed, material.at.version, &mut keys, material.into())?;
        Ok(keys.were_used().then_some(Unwrapped { managed, keys }))
    }

    fn handle(
        request: &ImportRequest,
        loaded: Loaded,
        unwrapped: &Option<Unwrapped>,
        context: &Context<'_>,
    ) -> Result<Done<ImportResponse>> {
        let existing = loaded.perhaps;
        if existing.is_some() && request.replace_existing != Some(true) {
            return Err(Error::new(ResultReason::ObjectAlreadyExists, "An object has this Unique Identifier already"));
        }
        let identifier = match &request.unique_identifier.0 {
            // The server assigns one (2.1, section 6.1.25).
            none if none.is_empty() => context.new_identifier()?,
            given => given.clone(),
        };
        // What is replaced stays its owner's.
        let owner = existing.as_ref().map_or(&context.actor.name, |existing| &existing.owner).clone();
        let mut object = StoredObject::new(identifier.clone(), owner, request.object.object_type(), context.version);
        object.revision = existing.and_then(|existing| existing.revision);
        for instance in &request.attributes.0 {
            spelling::check(&instance.attribute, context.version)?;
            take_over(&mut object, instance)?;
        }
        creation::check_values(&object)?;
        creation::check_dates(&object)?;
        assume_state(&mut object, request, context.now);
        let managed = match unwrapped {
            // Here the standard wants the key stored unwrapped (2.1, section 6.1.25); the store seals it like every other.
            Some(Unwrapped { managed, keys }) => {
                Keys::new(loaded.keys).use_like(keys, context.into())?;
                ManagedObject::clone(managed)
            }
            None => request.object.clone(),
        };
        register::take_in(&mut object, managed, context)?;
        let given = object.instances.clone();
        creation::complete(&mut object, Origin::Registered, context)?;
        // What the server sets for new objects gives way to what the object comes with, but for what is true of its material alone.
        let is_given = |attribute: &Attribute| {
            attribute.tag() != tag::KeyFormatType && given.iter().any(|instance| instance.attribute.is(&attribute.reference()))
        };
        let set: Vec<Instance> = object.instances.drain(..).filter(|instance| !is_given(&instance.attribute)).collect();
        object.instances =
            given.into_iter().filter(|instance| instance.attribute.tag() != tag::KeyFormatType).chain(set).collect();
        if object.is_destroyed() {
            object.object = None;
        }
        let response = ImportResponse { unique_identifier: UniqueIdentifier(identifier.clone()) };
        let mut done = Done::reply(response).with(Change::Write(Box::new(object)));
        done = done.returning(UniqueIdentifierEnumeration::Import, &identifier);
        Ok(done)
    }
}

/// How the object is to be stored.
///
/// # Errors
/// Key Wrap Type Not Supported.
fn check_wrapping(request: &ImportRequest) -> Result<()> {
    match request.key_wrap_type {
        Some(KeyWrapType::NotWrapped | KeyWrapType::AsRegistered) | None => Ok(()),
        Some(_) => Err(Error::new(ResultReason::KeyWrapTypeNotSupported, "The server does not know the Key Wrap Type")),
    }
}

/// The names that the object of a request will have.
fn names(request: &ImportRequest) -> Vec<Name> {
    let mut names: Vec<Name> = Vec::new();
    for attribute in request.attributes.iter() {
        if let Attribute::Name(name) = attribute
            && !names.contains(name)
        {
            names.push(name.clone());
        }
    }
    names
}

/// Gives an object an attribute as it was.
fn take_over(object: &mut StoredObject, given: &AttributeInstance) -> Result<()> {
    let AttributeInstance { index, attribute } = given;
    let reference = attribute.reference();
    let rules = attribute.rules();
    let invalid = |text: &'static str| Err(Error::new(ResultReason::InvalidAttributeValue, text));
    match attribute {
        Attribute::UniqueIdentifier(UniqueIdentifier(other)) if *other != object.identifier => {
            return invalid("Unique Identifier of the attributes differs from that of the object");
        }
        Attribute::ObjectType(other) if *other != object.object_type => {
            return invalid("Object Type of the attributes differs from the type of the object");
        }
        Attribute::Name(name) if name.name_value.is_empty() => return invalid("A Name must not be empty"),
        // What was used elsewhere stays used; more than all, or less than nothing, cannot be left.
        Attribute::UsageLimits(limits)
            if limits.usage_limits_count.is_some_and(|count| !(0..=limits.usage_limits_total).contains(&count))
                || limits.usage_limits_total < 0 =>
        {
            return invalid("Usage Limits Count must be from 0 to Usage Limits Total");
        }
        Attribute::CryptographicLength(length) if *length < 0 => return invalid("Cryptographic Length must not be negative"),
        _ => {}
    }
    if COMPUTED.contains(&attribute.tag()) {
        return Ok(());
    }
    if !rules.applies_to.contains(object.object_type) {
        let text = format!("{reference} does not apply to this type of object");
        return Err(Error::new(ResultReason::InvalidAttribute, text));
    }
    if rules.instances == Instances::One && object.values(&reference).next().is_some() {
        return Err(creation::single_valued(&reference));
    }
    if object.values(&reference).any(|other| other.attribute == *attribute) {
        return Err(creation::given_twice(&reference));
    }
    match index {
        Some(index) if !StoredObject::INDICES.contains(index) => return Err(creation::wrong_index(&reference)),
        Some(index) if object.values(&reference).all(|other| other.index != *index) => {
            object.instances.push(Instance { index: *index, attribute: attribute.clone() });
        }
        _ => {
            object.add(attribute.clone());
        }
    }
    Ok(())
}

/// A State follows from dates. Where an object comes with a state and without the date that makes it, it has reached it now. Where
/// its dates say something else, they are right: time has passed since the export.
fn assume_state(object: &mut StoredObject, request: &ImportRequest, now: i64) {
    let Some(state) = request.attributes.state() else { return };
    let dates = object.dates();
    let date = DateTime(now);
    if matches!(*state, State::Destroyed | State::DestroyedCompromised) && dates.destroy.is_none() {
        object.set(Attribute::DestroyDate(date));
    }
    if matches!(*state, State::Compromised | State::DestroyedCompromised) && dates.compromise.is_none() {
        object.set(Attribute::CompromiseDate(date));
    }
    if matches!(*state, State::Deactivated) && dates.deactivation.is_none() {
        object.set(Attribute::DeactivationDate(date));
    }
    if matches!(*state, State::Active) && dates.activation.is_none() {
        object.set(Attribute::ActivationDate(date));
    }
}
