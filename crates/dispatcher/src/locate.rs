//! Locate: the client's objects that satisfy every condition, the newest first (2.1, section 6.1.28).

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
use crate::operation::{Context, Done, Loaded, Operation, Placeholder, Plan, Search};
use crate::record;

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
        let terms = filters.iter().filter_map(|filter| term(filter, context.version)).collect();
        Ok(Plan { search: Some(Search { terms, keep: false }), ..Plan::default() })
    }

    fn prepare(_: &LocateRequest, _: ProtocolVersion, _: &dyn crypto::Random) -> Result<()> {
        Ok(())
    }

    fn matches(request: &LocateRequest, object: &StoredObject, context: &Context<'_>) -> Result<bool> {
        let online = StorageStatusMask::OnLineStorage;
        let searched = request.storage_status_mask.unwrap_or(online);
        let kept = if object.is_destroyed() { StorageStatusMask::DestroyedStorage } else { online };
        if searched & kept != kept {
            return Ok(false);
        }
        if request.object_group_member == Some(ObjectGroupMember::GroupMemberFresh)
            && !object.attributes().any(|attribute| *attribute == Attribute::Fresh(true))
        {
            return Ok(false);
        }
        let filters = filters(request, context.version)?;
        let mut judged: Vec<&AttributeReference> = Vec::new();
        for filter in &filters {
            if judged.contains(&&filter.reference) {
                continue;
            }
            judged.push(&filter.reference);
            let same: Vec<&TreeValue> =
                filters.iter().filter(|other| other.reference == filter.reference).map(|other| &other.value).collect();
            if !satisfied(object, &filter.reference, &same, context)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn handle(request: &LocateRequest, mut loaded: Loaded, (): &(), context: &Context<'_>) -> Result<Done<LocateResponse>> {
        if request.object_group_member == Some(ObjectGroupMember::GroupMemberFresh) {
            // Fresh keys of a group are handed out in the order they were made, so that none grows old unused.
            loaded.found.reverse();
        }
        let items = |items: Option<i32>| items.and_then(|items| usize::try_from(items).ok());
        let skip = items(request.offset_items).unwrap_or(0);
        let take = items(request.maximum_items).unwrap_or(usize::MAX).min(context.settings.located_items);
        let found: Vec<&String> = loaded.found.iter().skip(skip).take(take).collect();
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
fn satisfied(
    object: &StoredObject,
    reference: &AttributeReference,
    wanted: &[&TreeValue],
    context: &Context<'_>,
) -> Result<bool> {
    let mut values = Vec::new();
    for attribute in object.view(context.now).iter().filter(|attribute| attribute.is(reference)) {
        values.push(attribute.to_tree(context.version)?);
    }
    if let AttributeReference::Standard(tag) = reference
        && DATES.contains(tag)
        && let [TreeValue::DateTime(one), TreeValue::DateTime(other)] = wanted
    {
        let range = *one.min(other)..=*one.max(other);
        return Ok(values.iter().any(|value| matches!(value, TreeValue::DateTime(date) if range.contains(date))));
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
