//! Locate: the client's objects that satisfy every condition, the newest first (2.1, section 6.1.28).

use std::borrow::Cow;

use kmip::ProtocolVersion;
use kmip::attribute::{Attribute, AttributeFilter, AttributeReference};
use kmip::enumerations::{Enumeration as _, ObjectGroupMember, ObjectType, UniqueIdentifierEnumeration};
use kmip::identifier::UniqueIdentifier;
use kmip::masks::{self, StorageStatusMask};
use kmip::payload::locate::{LocateRequest, LocateResponse};
use kmip::result_reason::ResultReason;
use kmip::tag;
use policy::Permission;
use store::Range;
use ttlv_codec::{Tag, TreeValue};

use crate::error::{Error, Result};
use crate::keys::{self, Wanted};
use crate::object::StoredObject;
use crate::operation::{Context, Done, Judge, Loaded, Operation, Placeholder, Plan, Search};

/// Conditions that one request may have.
const MAX_FILTERS: usize = 64;

/// Objects after a page that are counted for those who page: each is loaded and judged, for a number that the server may leave
/// out (2.1, section 6.1.28). A page costs no more than this, however many objects there are.
const COUNTED_AHEAD: usize = 4_096;

/// Found objects that the log names, so that what nobody looks for any more can be told; of more found ones, none.
const RECORDED: usize = 16;

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
        if request.template_attribute.as_ref().is_some_and(|wrapped| !wrapped.names.is_empty()) {
            // A condition that is passed over would find everything (1.4, section 11.10).
            return Err(Error::invalid_field("The server does not look for objects by the names of templates"));
        }
        if request.object_group_member.is_some_and(|member| !member.known_in(context.version)) {
            return Err(Error::new(ResultReason::UnknownEnumeration, "Object Group Member has a value that means nothing"));
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
            if let AttributeReference::Standard(tag) = filter.reference
                && !is_well_typed(tag, &filter.value)
            {
                let text = format!("The value of {}, or a field of it, has a wrong type", filter.reference);
                return Err(Error::new(ResultReason::InvalidMessage, text));
            }
        }
        let storage_status = request.storage_status_mask.unwrap_or(StorageStatusMask::OnLineStorage);
        let judge = Conditions { storage_status, fresh: wants_fresh(request), conditions: grouped(filters) };
        let wanted = wanted(&judge, context.now);
        let with_public = can_be_public(&judge.conditions);
        let limit = if can_be_satisfied(&judge) { limit(request, context) } else { 0 };
        let search = Search {
            wanted,
            only: only(&judge.conditions),
            judge: Some(Box::new(judge)),
            limit: Some(limit),
            with_others: true,
            with_public,
            with_reserved: false,
            // Fresh keys of a group are handed out in the order they were made, so that none grows old unused.
            oldest_first: wants_fresh(request),
        };
        Ok(Plan { search: Some(search), ..Plan::default() })
    }

    fn handle(request: &LocateRequest, loaded: Loaded, (): &(), context: &Context<'_>) -> Result<Done<LocateResponse>> {
        let found = loaded.found.iter().skip(offset(request)).take(maximum(request, context));
        let found: Vec<&String> = found.map(|found| &found.identifier).collect();
        // The count of all is of use to those who page; others get what the published test cases show: identifiers alone. A
        // search that its limit ended has no count.
        let is_counted = request.offset_items.is_some() && loaded.found.len() < limit(request, context);
        let response = LocateResponse {
            located_items: is_counted.then(|| i32::try_from(loaded.found.len()).ok()).flatten(),
            unique_identifiers: found.iter().map(|identifier| UniqueIdentifier((*identifier).clone())).collect(),
        };
        let mut done = Done::reply(response);
        // Who finds a few objects looked for them; who lists thousands looked for none of them.
        if found.len() <= RECORDED {
            done.concerned = found.iter().map(|identifier| (*identifier).clone()).collect();
        }
        done.placeholder = match found.as_slice() {
            [only] => Placeholder::Set((*only).clone()),
            _ => Placeholder::Clear,
        };
        done.returned = found.into_iter().map(|identifier| (UniqueIdentifierEnumeration::Locate, identifier.clone())).collect();
        Ok(done)
    }
}

/// Whether a value, and every field in it, has a type that its tag can have. Fields may be left out, so that no structure is read
/// as a whole.
fn is_well_typed(tag: Tag, value: &TreeValue) -> bool {
    if let TreeValue::Structure(fields) = value
        && !fields.iter().all(|field| is_well_typed(field.tag, &field.value))
    {
        return false;
    }
    tag::by_tag(tag).is_none_or(|row| row.item_types.is_empty() || row.item_types.contains(&value.item_type()))
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

/// How many objects to skip.
fn offset(request: &LocateRequest) -> usize {
    request.offset_items.and_then(|items| usize::try_from(items).ok()).unwrap_or(0)
}

/// How many objects to find at most. Those who page are told the count of all, as long as not too many follow their page.
fn limit(request: &LocateRequest, context: &Context<'_>) -> usize {
    let maximum = maximum(request, context);
    if request.object_group_member == Some(ObjectGroupMember::GroupMemberDefault) {
        // The default of a group is one object: the newest, unless some are skipped (2.1, section 6.1.28).
        return offset(request).saturating_add(maximum.min(1));
    }
    match request.offset_items {
        None => maximum,
        // One more tells that there are more.
        Some(_) => [maximum, COUNTED_AHEAD.min(context.settings.located_items), 1]
            .into_iter()
            .fold(offset(request), usize::saturating_add),
    }
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
        let kept = match (object.is_destroyed(), object.is_archived()) {
            (true, _) => StorageStatusMask::DestroyedStorage,
            (false, true) => StorageStatusMask::ArchivalStorage,
            (false, false) => StorageStatusMask::OnLineStorage,
        };
        if !wants(self, kept) {
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

/// The conditions of a request. Some clients of 1.x wrap them into a Template-Attribute. A date of the largest value is as good as none
/// (2.1, section 6.1.28) but as the end of a range.
fn filters(request: &LocateRequest, version: ProtocolVersion) -> Result<Vec<AttributeFilter>> {
    let mut filters = request.attributes.0.clone();
    for attribute in request.template_attribute.iter().flat_map(|wrapped| wrapped.attributes.iter()) {
        filters.push(AttributeFilter::exactly(attribute, version)?);
    }
    let is_alone = |filter: &AttributeFilter| filters.iter().filter(|other| other.reference == filter.reference).count() == 1;
    let is_none = |filter: &AttributeFilter| filter.value == TreeValue::DateTime(i64::MAX) && is_alone(filter);
    let says_nothing: Vec<bool> = filters.iter().map(is_none).collect();
    let mut says_nothing = says_nothing.into_iter();
    filters.retain(|_| says_nothing.next() != Some(true));
    Ok(filters)
}

/// What the store narrows the search with.
fn wanted(judge: &Conditions, now: i64) -> Wanted {
    let mut wanted = Wanted { is_exact: true, ..Wanted::default() };
    for (reference, values) in &judge.conditions {
        wanted.add(reference, values, now);
    }
    if judge.fresh {
        wanted.terms.push(keys::fresh());
        wanted.is_exact = false;
    }
    let kept = [StorageStatusMask::OnLineStorage, StorageStatusMask::ArchivalStorage, StorageStatusMask::DestroyedStorage]
        .map(|kept| wants(judge, kept));
    match kept {
        [_, _, false] => wanted.terms.push(keys::destroyed(false)),
        [false, false, true] => wanted.terms.push(keys::destroyed(true)),
        _ => {}
    }
    if kept == [false, true, false] {
        // The archived have a date. Those that are not have none, which cannot be asked for.
        wanted.ranges.push(Range::whole(tag::ArchiveDate.0));
    }
    if kept == [true, false, false] {
        wanted.without.push(tag::ArchiveDate.0);
    } else {
        // The names that only the living have say nothing of the others.
        wanted.is_exact = false;
        wanted.terms.retain(|term| !keys::is_living_name(term));
    }
    wanted
}

/// Whether objects that are kept so are searched.
fn wants(judge: &Conditions, kept: StorageStatusMask) -> bool {
    judge.storage_status & kept == kept
}

/// Whether there can be an object that is wanted: it is kept somewhere, and an identifier is a text.
fn can_be_satisfied(judge: &Conditions) -> bool {
    let everywhere = StorageStatusMask::OnLineStorage | StorageStatusMask::ArchivalStorage | StorageStatusMask::DestroyedStorage;
    let is_stored = judge.storage_status.intersects(everywhere);
    let is_misspelt = |(reference, values): &(AttributeReference, Vec<TreeValue>)| {
        *reference == IDENTIFIER && !values.iter().all(|value| matches!(value, TreeValue::TextString(_)))
    };
    is_stored && !judge.conditions.iter().any(is_misspelt)
}

/// Whether an object that satisfies the conditions can be one that everybody may read: a type of object may be asked for that never is.
fn can_be_public(conditions: &[(AttributeReference, Vec<TreeValue>)]) -> bool {
    let is_public = |value: &TreeValue| {
        [ObjectType::Certificate, ObjectType::PublicKey].iter().any(|public| *value == TreeValue::Enumeration(public.0))
    };
    conditions.iter().all(|(reference, values)| *reference != OBJECT_TYPE || values.iter().all(is_public))
}

const OBJECT_TYPE: AttributeReference = AttributeReference::Standard(tag::ObjectType);
const IDENTIFIER: AttributeReference = AttributeReference::Standard(tag::UniqueIdentifier);

/// The only object that can satisfy the conditions: it is loaded, and nothing is searched.
fn only(conditions: &[(AttributeReference, Vec<TreeValue>)]) -> Option<String> {
    let (_, values) = conditions.iter().find(|(reference, _)| *reference == IDENTIFIER)?;
    match values.first() {
        Some(TreeValue::TextString(identifier)) => Some(identifier.clone()),
        _ => None,
    }
}

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
    if let Some((from, to)) = keys::range(wanted) {
        let in_range = |value: &Cow<'_, TreeValue>| match (&wanted[0], &**value) {
            (TreeValue::DateTime(_), TreeValue::DateTime(date))
            | (TreeValue::DateTimeExtended(_), TreeValue::DateTimeExtended(date)) => (from..=to).contains(date),
            _ => false,
        };
        return Ok(values.iter().any(in_range));
    }
    Ok(wanted.iter().all(|wanted| values.iter().any(|value| matches_value(reference, wanted, value))))
}

/// Whether one value satisfies one condition: equality, but containment for masks, at least as much for usage limits, and
/// only the fields that are given for structures.
fn matches_value(reference: &AttributeReference, wanted: &TreeValue, value: &TreeValue) -> bool {
    let is = |tag: Tag| *reference == AttributeReference::Standard(tag);
    let is_mask = matches!(reference, AttributeReference::Standard(tag) if masks::of_tag(*tag).is_some());
    match (wanted, value) {
        (TreeValue::Integer(wanted), TreeValue::Integer(value)) if is_mask => wanted & value == *wanted,
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
