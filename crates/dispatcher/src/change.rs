//! The rules that Add, Modify and Delete Attribute share: which attribute a client may change, and when.

use kmip::attribute::{Attribute, AttributeReference, AttributeRules, Permitted};
use kmip::codec::DateTime;
use kmip::enumerations::State;
use kmip::result_reason::ResultReason;
use kmip::tag;

use crate::error::{Error, Result};
use crate::object::StoredObject;

/// An attribute that clients must not touch.
pub(crate) fn read_only(reference: &AttributeReference) -> Error {
    Error::new(ResultReason::AttributeReadOnly, format!("{reference} cannot be changed by a client"))
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
