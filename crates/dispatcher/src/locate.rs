//! Locate: the client's objects that satisfy every condition, the newest first (2.1, section 6.1.28).

use std::borrow::Cow;

use kmip::ProtocolVersion;
use kmip::attribute::{Attribute, AttributeFilter, AttributeReference};
use kmip::enumerations::{ObjectGroupMember, UniqueIdentifierEnumeration};
use kmip::identifier::UniqueIdentifier;
use kmip::masks::StorageStatusMask;
use kmip::payload::locate::{LocateRequest, LocateResponse};
use kmip::result_reason::ResultReason;
use kmip::tag;
use policy::Permission;
use store::Term;
use ttlv_codec::{Tag, TreeValue, Writer};

use crate::error::{Error, Result};
use crate::object::StoredObject;
use crate::operation::{Context, Done, Judge, Loaded, Operation, Placeholder, Plan, Search};
use crate::record;

/// Conditions that one request may have.
const MAX_FILTERS: usize = 64;

/// Terms that the store is asked for: the first few leave little for the rest to tell apart.
const MAX_TERMS: usize = 8;

pub(crate) struct Locate;

impl Operation for Locate {
    type Request = LocateRequest;
    type Response = LocateResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::Locate;

    fn plan(request: &LocateRequest, context: &Context<'_>) -> Result<Plan> {
        if request.maximum_items.is_some_and(|items| items < 0) || request.offset_items.is_some_and(|items| items < 0) {
            return Err(Error::invalid_field("Maximum Items and Offset Items must not be negative"));
        }
        let wrapped = request.template_attribute.as_ref().map_or(0, |wrapped| wrapped.attributes.0.len());
        if request.attributes.0.len() + wrapped > MAX_FILTERS {
            return Err(Error::new(ResultReason::ServerLimitExceeded, "The request has too many conditions"));
        }
        let filters = filters(request, context.version)?;
        for filter in &filters {
            // A name that is misspelt must not find everything.
            if !filter.reference.in_version(context.version) {
                return Err(Error::new(
                    ResultReason::InvalidAttribute,
                    format!("{} is not the name of an attribute", filter.reference),
                ));
            }
        }
        let terms = filters.iter().filter_map(|filter| term(filter, context.version)).take(MAX_TERMS).collect();
        let judge = Conditions {
            storage_status: request.storage_status_mask.unwrap_or(StorageStatusMask::OnLineStorage),
            fresh: wants_fresh(request),
            conditions: grouped(filters),
        };
        // Those who page are owed the count of all; fresh keys come in the order they were made, the last found first.
        let limit = (request.offset_items.is_none() && !wants_fresh(request)).then(|| maximum(request, context));
        Ok(Plan { search: Some(Search { terms, judge: Some(Box::new(judge)), limit }), ..Plan::default() })
    }

    fn handle(request: &LocateRequest, mut loaded: Loaded, (): &(), context: &Context<'_>) -> Result<Done<LocateResponse>> {
        if wants_fresh(request) {
            // Fresh keys of a group are handed out in the order they were made, so that none grows old unused.
            loaded.found.reverse();
        }
        let skip = request.offset_items.and_then(|items| usize::try_from(items).ok()).unwrap_or(0);
        let found = loaded.found.iter().skip(skip).take(maximum(request, context));
        let found: Vec<&String> = found.map(|found| &found.identifier).collect();
        let response = LocateResponse {
            // The count of all is of use to those who page; others get what the published test cases show: identifiers alone.
            located_items: request.offset_items.and_then(|_| i32::try_from(loaded.found.len()).ok()),
            unique_identifiers: found.iter().map(|identifier| UniqueIdentifier((*identifier).clone())).collect(),
        };
        let mut done = Done::reply(response);
        done.placeholder = match found.as_slice() {
            [only] => Placeholder::Set((*only).clone()),
            _ => Placeholder::Clear,
        };
        done.returned = found.into_iter().map(|identifier| (UniqueIdentifierEnumeration::Locate, identifier.clone())).collect();
        Ok(done)
    }
}

/// Whether the request wants keys of a group that nobody has got yet.
fn wants_fresh(request: &LocateRequest) -> bool {
    request.object_group_member == Some(ObjectGroupMember::GroupMemberFresh)
}

/// How many identifiers the response may hold.
fn maximum(request: &LocateRequest, context: &Context<'_>) -> usize {
    let asked_for = request.maximum_items.and_then(|items| usize::try_from(items).ok());
    asked_for.unwrap_or(usize::MAX).min(context.settings.located_items)
}

/// What a request asks of an object, put in order once and not for each object.
struct Conditions {
    storage_status: StorageStatusMask,
    fresh: bool,
    /// All conditions on one attribute together.
    conditions: Vec<(AttributeReference, Vec<TreeValue>)>,
}

impl Judge for Conditions {
    fn wants(&self, object: &StoredObject, context: &Context<'_>) -> Result<bool> {
        let destroyed = object.is_destroyed();
        let kept = if destroyed { StorageStatusMask::DestroyedStorage } else { StorageStatusMask::OnLineStorage };
        if self.storage_status & kept != kept {
            return Ok(false);
        }
        if self.fresh && !object.attributes().any(|attribute| *attribute == Attribute::Fresh(true)) {
            return Ok(false);
        }
        for (reference, wanted) in &self.conditions {
            if !satisfied(object, reference, wanted, context)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The conditions by attribute, in the order the attributes were named first.
fn grouped(filters: Vec<AttributeFilter>) -> Vec<(AttributeReference, Vec<TreeValue>)> {
    let mut groups: Vec<(AttributeReference, Vec<TreeValue>)> = Vec::new();
    for AttributeFilter { reference, value } in filters {
        match groups.iter_mut().find(|(known, _)| *known == reference) {
            Some((_, values)) => values.push(value),
            None => groups.push((reference, vec![value])),
        }
    }
    groups
}

/// The conditions of a request. Some clients of 1.x wrap them into a Template-Attribute.
fn filters(request: &LocateRequest, version: ProtocolVersion) -> Result<Vec<AttributeFilter>> {
    let mut filters = request.attributes.0.clone();
    for attribute in request.template_attribute.iter().flat_map(|wrapped| wrapped.attributes.iter()) {
        filters.push(AttributeFilter::exactly(attribute, version)?);
    }
    Ok(filters)
}

/// What the store can find the condition by, if it is one of equality with a whole value.
fn term(filter: &AttributeFilter, version: ProtocolVersion) -> Option<Term> {
    let attribute = match &filter.reference {
        AttributeReference::Standard(tag) => {
            let mut writer = Writer::new();
            filter.value.write(&mut writer, *tag);
            let item = ttlv_codec::Reader::new(writer.bytes()).next_item().ok()??;
            Attribute::read_as(*tag, &item, version).ok()??
        }
        AttributeReference::Vendor { vendor_identification, attribute_name } => {
            Attribute::Vendor(kmip::attribute::VendorAttribute {
                vendor_identification: vendor_identification.clone(),
                attribute_name: attribute_name.clone(),
                attribute_value: filter.value.clone(),
            })
        }
        AttributeReference::Unknown(_) => return None,
    };
    match attribute {
        // Half a value: only a look at each object can tell.
        Attribute::ApplicationSpecificInformation(information) if information.application_data.is_none() => None,
        Attribute::Vendor(vendor) if matches!(vendor.attribute_value, TreeValue::Structure(_)) => None,
        Attribute::ObjectType(object_type) => Some(record::object_type_term(object_type)),
        attribute => record::term(&attribute),
    }
}

/// Dates of which two in one request form a range.
const DATES: &[Tag] = &[
    tag::ActivationDate,
    tag::ArchiveDate,
    tag::CompromiseDate,
    tag::CompromiseOccurrenceDate,
    tag::DeactivationDate,
    tag::DestroyDate,
    tag::InitialDate,
    tag::LastChangeDate,
    tag::OriginalCreationDate,
    tag::ProcessStartDate,
    tag::ProtectStopDate,
    tag::RotateDate,
];

/// Whether an object satisfies all conditions on one attribute.
fn satisfied(object: &StoredObject, reference: &AttributeReference, wanted: &[TreeValue], context: &Context<'_>) -> Result<bool> {
    let computed = object.computed(reference, context.now);
    let kept = object.values(reference).map(|instance| &instance.attribute);
    let mut values: Vec<Cow<'_, TreeValue>> = Vec::new();
    for attribute in computed.iter().chain(kept) {
        values.push(match attribute {
            // As long as a client likes: it is not copied.
            Attribute::Vendor(vendor) => Cow::Borrowed(&vendor.attribute_value),
            attribute => Cow::Owned(attribute.to_tree(context.version)?),
        });
    }
    if let AttributeReference::Standard(tag) = reference
        && DATES.contains(tag)
        && let [TreeValue::DateTime(one), TreeValue::DateTime(other)] = wanted
    {
        let range = *one.min(other)..=*one.max(other);
        return Ok(values.iter().any(|value| matches!(&**value, TreeValue::DateTime(date) if range.contains(date))));
    }
    Ok(wanted.iter().all(|wanted| values.iter().any(|value| matches_value(reference, wanted, value))))
}

/// Whether one value satisfies one condition: equality, but containment for masks, at least as much for usage limits, and
/// only the fields that are given for structures.
fn matches_value(reference: &AttributeReference, wanted: &TreeValue, value: &TreeValue) -> bool {
    let is = |tag: Tag| *reference == AttributeReference::Standard(tag);
    match (wanted, value) {
        (TreeValue::Integer(wanted), TreeValue::Integer(value))
            if is(tag::CryptographicUsageMask) || is(tag::ProtectionStorageMask) =>
        {
            wanted & value == *wanted
        }
        (TreeValue::Structure(wanted), TreeValue::Structure(value)) => wanted.iter().all(|wanted| {
            value.iter().any(|value| {
                value.tag == wanted.tag
                    && match (&wanted.value, &value.value) {
                        (TreeValue::LongInteger(wanted), TreeValue::LongInteger(value)) if is(tag::UsageLimits) => {
                            value >= wanted
                        }
                        (wanted, value) => wanted == value,
                    }
            })
        }),
        (wanted, value) => wanted == value,
    }
}
