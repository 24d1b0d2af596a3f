//! What Re-key and Re-key Key Pair share: the new object in place of an existing one (2.1, sections 6.1.46 and 6.1.47).
//!
//! The replacement has a life of its own, with the attributes of the existing object but for those that tell of that one's life.
//! It takes over the names. Both objects change in one commit, which carries the revision of the existing one: of two requests that
//! replace one object at the same time, the second sees the link of the first and is refused.

use kmip::attribute::{Attribute, AttributeInstance, AttributeReference, Instances};
use kmip::codec::{DateTime, Interval};
use kmip::enumerations::{LinkType, ObjectType};
use kmip::object::KeyBlock;
use kmip::result_reason::ResultReason;
use kmip::tag;
use ttlv_codec::Tag;

use crate::creation;
use crate::error::{Error, Result};
use crate::object::{Instance, StoredObject};
use crate::operation::Context;

/// Attributes that are the existing object's own: of its life, its material, its relations. The replacement gets its own or none.
const NOT_COPIED: &[Tag] = &[
    tag::AlwaysSensitive,
    tag::ArchiveDate,
    tag::CompromiseDate,
    tag::CompromiseOccurrenceDate,
    tag::DestroyDate,
    tag::Digest,
    tag::Fresh,
    tag::InitialDate,
    tag::KeyFormatType,
    tag::KeyValueLocation,
    tag::KeyValuePresent,
    tag::LastChangeDate,
    tag::Link,
    tag::NeverExtractable,
    tag::OriginalCreationDate,
    tag::RandomNumberGenerator,
    tag::RevocationReason,
    tag::RotateDate,
    tag::RotateGeneration,
    tag::RotateLatest,
    tag::ShortUniqueIdentifier,
];

/// The dates that an offset moves.
const MOVED_DATES: [Tag; 4] = [tag::ActivationDate, tag::ProcessStartDate, tag::ProtectStopDate, tag::DeactivationDate];

/// Whether an object of this type can be replaced now. Its state does not matter as long as it is not destroyed: a compromised
/// key is the one that most needs to be.
///
/// # Errors
/// Permission Denied (1.x) or Invalid Object Type for another type, Object Destroyed, Key Value Not Present, and Permission Denied
/// for a wrapped key and an object that has been replaced: there is only one replacement (2.1, section 11.28).
pub(crate) fn check(existing: &StoredObject, wanted: ObjectType, context: &Context<'_>) -> Result<()> {
    if existing.object_type != wanted {
        // Up to 1.4 such an object is "not able to be re-keyed" (1.4, section 11.5).
        let reason = if context.version.is_1x() { ResultReason::PermissionDenied } else { ResultReason::InvalidObjectType };
        return Err(Error::new(reason, "An object of this type cannot be re-keyed so"));
    }
    let is_elsewhere = |block: &KeyBlock| block.key_value.is_none();
    if existing.material()?.key_block().is_some_and(is_elsewhere) {
        return Err(Error::key_value_not_present());
    }
    if existing.material()?.key_block().is_some_and(|block| block.key_wrapping_data.is_some()) {
        let text = "The key was registered wrapped; only who wrapped it can make another in its place";
        return Err(Error::new(ResultReason::PermissionDenied, text));
    }
    if existing.linked(LinkType::ReplacementObjectLink).is_some() {
        return Err(Error::new(ResultReason::PermissionDenied, "The object has been replaced already"));
    }
    Ok(())
}

/// A replacement for an object, still without material. What the request gives prevails; names and other attributes that may have
/// several values are added to the existing ones.
///
/// # Errors
/// Invalid Message for dates beside an offset, Illegal Operation for dates that an offset cannot move, and those of
/// [`creation::apply`].
pub(crate) fn new(
    existing: &StoredObject,
    given: Vec<AttributeInstance>,
    offset: Option<Interval>,
    context: &Context<'_>,
) -> Result<StoredObject> {
    let mut object =
        StoredObject::new(context.new_identifier()?, existing.owner.clone(), existing.object_type, existing.spelling);
    let copied = |instance: &&Instance| !NOT_COPIED.contains(&instance.attribute.tag());
    object.instances = existing.instances.iter().filter(copied).cloned().collect();
    if let Some(Interval(offset)) = offset {
        if given.iter().any(|instance| MOVED_DATES.contains(&instance.attribute.tag())) {
            return Err(Error::new(ResultReason::InvalidMessage, "Offset and the dates it moves must not both be given"));
        }
        move_dates(&mut object, context.now.saturating_add(i64::from(offset)), context)?;
    }
    object.instances.iter_mut().for_each(|instance| start_anew(&mut instance.attribute));
    let generation = existing.first(|attribute| match attribute {
        Attribute::RotateGeneration(generation) => Some(*generation),
        _ => None,
    });
    give(&mut object, given, context)?;
    object.set(Attribute::RotateGeneration(generation.unwrap_or(0).saturating_add(1)));
    object.set(Attribute::RotateLatest(true));
    object.add(creation::link(LinkType::ReplacedObjectLink, &existing.identifier));
    Ok(object)
}

/// Moves the dates: the activation to a new date, the others by as much (2.1, tables 303 and 308).
fn move_dates(object: &mut StoredObject, activation: i64, context: &Context<'_>) -> Result<()> {
    let by = object.dates().activation.map(|existing| activation.saturating_sub(existing));
    for instance in &mut object.instances {
        let (Attribute::ProcessStartDate(DateTime(date))
        | Attribute::ProtectStopDate(DateTime(date))
        | Attribute::DeactivationDate(DateTime(date))) = &mut instance.attribute
        else {
            continue;
        };
        let Some(by) = by else {
            let reason = if context.version.is_1x() { ResultReason::IllegalOperation } else { ResultReason::InvalidField };
            return Err(Error::new(reason, "Offset cannot move dates of an object that has no Activation Date"));
        };
        *date = date.saturating_add(by);
    }
    object.set(Attribute::ActivationDate(DateTime(activation)));
    Ok(())
}

/// What is counted is counted from the beginning.
fn start_anew(attribute: &mut Attribute) {
    if let Attribute::UsageLimits(limits) = attribute {
        limits.usage_limits_count = Some(limits.usage_limits_total);
    }
}

/// Gives the attributes of a request to a replacement that has those of the existing object.
fn give(object: &mut StoredObject, given: Vec<AttributeInstance>, context: &Context<'_>) -> Result<()> {
    let had = object.instances.clone();
    for AttributeInstance { attribute, .. } in &given {
        let reference = attribute.reference();
        if attribute.rules().instances == Instances::One {
            object.instances.retain(|instance| !instance.attribute.is(&reference));
        }
    }
    let has = |attribute: &Attribute| had.iter().any(|instance| instance.attribute == *attribute);
    let is_new =
        |instance: &AttributeInstance| instance.attribute.rules().instances == Instances::One || !has(&instance.attribute);
    // Its indices are those of a new object; here they come after those of the existing one.
    let given = given.into_iter().filter(is_new).map(|instance| AttributeInstance { index: None, ..instance });
    let given: Vec<AttributeInstance> = given.collect();
    creation::check_count(object.instances.len() + given.len(), context.settings)?;
    creation::apply(object, given, context)
}

/// Notes on the existing object what replaced it. It keeps its state (1.0, section 4.4), and loses its names. It is not rotated any
/// more.
pub(crate) fn retire(existing: &mut StoredObject, replacement: &str, now: i64) {
    existing.instances.retain(|instance| !instance.attribute.is(&AttributeReference::Standard(tag::Name)));
    existing.add(creation::link(LinkType::ReplacementObjectLink, replacement));
    existing.set(Attribute::RotateLatest(false));
    existing.set(Attribute::RotateDate(DateTime(now)));
    if existing.attributes().any(|attribute| *attribute == Attribute::RotateAutomatic(true)) {
        existing.set(Attribute::RotateAutomatic(false));
    }
    existing.touch(now);
}
