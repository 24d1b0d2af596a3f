//! The rules that Add, Modify, Set, Adjust and Delete Attribute share: which attribute a client may change, when, and how.

use kmip::attribute::{Attribute, AttributeInstance, AttributeReference, AttributeRules, Instances, Permitted, SetBy};
use kmip::codec::DateTime;
use kmip::enumerations::State;
use kmip::result_reason::ResultReason;
use kmip::tag;

use crate::creation;
use crate::error::{Error, Result};
use crate::object::{Instance, StoredObject};
use crate::operation::Context;
use crate::spelling;

/// An attribute that clients must not touch.
pub(crate) fn read_only(reference: &AttributeReference) -> Error {
    Error::new(ResultReason::AttributeReadOnly, format!("{reference} cannot be changed by a client"))
}

/// The same refusal for Add, Set and Adjust Attribute, whose tables of errors have Read Only Attribute where those of Modify and Delete
/// Attribute have Attribute Read Only (2.1, sections 6.1.2, 6.1.3 and 6.1.51). The older versions know neither.
pub(crate) fn as_read_only_attribute(error: Error) -> Error {
    match error.reason {
        ResultReason::AttributeReadOnly => Error { reason: ResultReason::ReadOnlyAttribute, ..error },
        _ => error,
    }
}

/// Whether an attribute is one that servers make and name: `y-Name` in 1.x, that of the vendor `y` later (1.4, section 3.39; 2.1, section
/// 4.60). This server makes none; those of another one come by Import, and stay as they are.
pub(crate) fn is_the_servers_own(reference: &AttributeReference) -> bool {
    matches!(reference, AttributeReference::Vendor { vendor_identification, .. } if vendor_identification == "y")
}

/// Gives an object one more value of an attribute, as far as its client may. Returns the index and the value as it is kept.
///
/// # Errors
/// Invalid Attribute, Attribute Read Only, Attribute Single Valued, Invalid Attribute Value, Wrong Key Lifecycle State, and those of
/// limits.
pub(crate) fn add(object: &mut StoredObject, given: &AttributeInstance, context: &Context<'_>) -> Result<AttributeInstance> {
    let AttributeInstance { index, attribute } = given.clone();
    let reference = attribute.reference();
    let rules = rules(&reference)?;
    if rules.set_by == SetBy::Server || is_the_servers_own(&reference) {
        return Err(read_only(&reference));
    }
    if context.version.is_1x() && index.is_some_and(|index| index != 0) {
        // The server gives the index (1.4, sections 4.14 and 11.13); 0, which many clients always send, says nothing.
        return Err(Error::invalid_field("A new value of an attribute must not have an Attribute Index"));
    }
    if !rules.applies_to.contains(object.object_type) {
        // Up to 1.4 adding what the object cannot have is denied (1.4, section 11.13).
        let reason = if context.version.is_1x() { ResultReason::PermissionDenied } else { ResultReason::InvalidAttribute };
        return Err(Error::new(reason, format!("{reference} does not apply to this type of object")));
    }
    if rules.instances == Instances::One && object.values(&reference).next().is_some() {
        return Err(creation::single_valued(&reference));
    }
    let own = object.attributes().filter(|attribute| attribute.rules().set_by != SetBy::Server).count();
    creation::check_count(own + 1, context.settings)?;
    if !matches!(rules.client_modifies, Permitted::No) {
        // A date that could not be changed any more cannot be given for the first time either.
        check(rules.client_modifies, object, &reference, Some(&attribute), context.now)?;
    }
    spelling::check(&attribute, context.version)?;
    let attribute = creation::completed(attribute)?;
    if object.values(&reference).any(|other| other.attribute == attribute) {
        let error = creation::given_twice(&reference);
        // 1.4, section 11.15.
        let reason = if context.version.is_1x() { ResultReason::IllegalOperation } else { error.reason };
        return Err(Error::new(reason, error.text));
    }
    let added = object.add(attribute.clone());
    creation::check_values(object)?;
    creation::check_dates(object)?;
    follow(object, &reference, context.now);
    Ok(AttributeInstance { index: Some(added), attribute })
}

/// Puts a value in place of the one at `at`. Whether the client may is for [`check`] to say. Returns the index and the value as it is
/// kept.
///
/// # Errors
/// Invalid Attribute Value, and those of limits.
pub(crate) fn replace(object: &mut StoredObject, at: usize, new: Attribute, context: &Context<'_>) -> Result<AttributeInstance> {
    let reference = new.reference();
    spelling::check(&new, context.version)?;
    let attribute = creation::completed(new)?;
    let doubled = |(other, instance): (usize, &Instance)| other != at && instance.attribute == attribute;
    if object.instances.iter().enumerate().any(doubled) {
        return Err(creation::given_twice(&reference));
    }
    object.instances[at].attribute = attribute.clone();
    let index = object.instances[at].index;
    creation::check_values(object)?;
    creation::check_dates(object)?;
    follow(object, &reference, context.now);
    Ok(AttributeInstance { index: Some(index), attribute })
}

/// Gives an attribute its only value: for the first time, or in place of another.
///
/// # Errors
/// Multi Valued Attribute where it has several, Read Only Attribute, and those of [`add`] and [`replace`].
pub(crate) fn set(object: &mut StoredObject, new: Attribute, context: &Context<'_>) -> Result<()> {
    let reference = new.reference();
    let rules = rules(&reference)?;
    let several = || Error::new(ResultReason::MultiValuedAttribute, format!("{reference} has several values"));
    let done = match only_value(object, &reference).map_err(|()| several())? {
        None => add(object, &AttributeInstance::from(new), context),
        Some(at) => check(rules.client_modifies, object, &reference, Some(&new), context.now)
            .and_then(|()| replace(object, at, new, context)),
    };
    done.map(drop).map_err(as_read_only_attribute)
}

/// Where the only value of an attribute stands, if it has one.
///
/// # Errors
/// It has several.
pub(crate) fn only_value(object: &StoredObject, reference: &AttributeReference) -> Result<Option<usize>, ()> {
    let mut places = (0..object.instances.len()).filter(|at| object.instances[*at].attribute.is(reference));
    let first = places.next();
    if places.next().is_some() { Err(()) } else { Ok(first) }
}

/// The rules of an attribute that a request names.
///
/// # Errors
/// Invalid Attribute for a name that nobody knows.
pub(crate) fn rules(reference: &AttributeReference) -> Result<&'static AttributeRules> {
    reference
        .rules()
        .ok_or_else(|| Error::new(ResultReason::InvalidAttribute, format!("{reference} is not the name of an attribute")))
}

/// Whether a rule permits a change now.
///
/// # Errors
/// Attribute Read Only; Wrong Key Lifecycle State where the rule depends on the state.
pub(crate) fn check(
    permitted: Permitted,
    object: &StoredObject,
    reference: &AttributeReference,
    new: Option<&Attribute>,
    now: i64,
) -> Result<()> {
    if is_the_servers_own(reference) {
        return Err(read_only(reference));
    }
    let state = object.state(now);
    let wrong_state = || {
        Err(Error::new(ResultReason::WrongKeyLifecycleState, format!("{reference} cannot be changed in the state of the object")))
    };
    let living = matches!(state, State::PreActive | State::Active);
    match permitted {
        Permitted::Yes => Ok(()),
        Permitted::WhileAbsent if object.values(reference).next().is_none() => Ok(()),
        Permitted::No | Permitted::WhileAbsent => Err(read_only(reference)),
        Permitted::WhilePreActive if state == State::PreActive => Ok(()),
        Permitted::WhilePreActiveOrActive if living => Ok(()),
        Permitted::UntilReached if living && !reached(object, reference, now) => Ok(()),
        Permitted::WhilePreActive | Permitted::WhilePreActiveOrActive | Permitted::UntilReached => wrong_state(),
        Permitted::ToTrue if matches!(new, Some(Attribute::Sensitive(true))) => Ok(()),
        Permitted::ToFalse if matches!(new, Some(Attribute::Extractable(false))) => Ok(()),
        Permitted::ToTrue | Permitted::ToFalse => Err(read_only(reference)),
        Permitted::UntilAllocated => {
            let untouched = object.attributes().all(|attribute| match attribute {
                Attribute::UsageLimits(limits) => limits.usage_limits_count.is_none_or(|left| left == limits.usage_limits_total),
                _ => true,
            });
            if untouched { Ok(()) } else { Err(read_only(reference)) }
        }
    }
}

/// Whether the date in an attribute has come.
fn reached(object: &StoredObject, reference: &AttributeReference, now: i64) -> bool {
    object.values(reference).any(|instance| match &instance.attribute {
        Attribute::ProcessStartDate(DateTime(date)) | Attribute::ProtectStopDate(DateTime(date)) => *date <= now,
        _ => false,
    })
}

/// What else follows from a change of an attribute.
pub(crate) fn follow(object: &mut StoredObject, changed: &AttributeReference, now: i64) {
    if *changed == AttributeReference::Standard(tag::Extractable) {
        // Extractable only ever becomes False, which Never Extractable does not follow (2.1, section 4.36).
        object.set_if_absent(Attribute::NeverExtractable(false));
    }
    object.touch(now);
}
