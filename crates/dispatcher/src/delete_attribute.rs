//! Delete Attribute: a value, or all values of an attribute (2.1, section 6.1.13).

use kmip::ProtocolVersion;
use kmip::attribute::{AttributeInstance, AttributeReference};
use kmip::identifier::UniqueIdentifier;
use kmip::payload::delete_attribute::{DeleteAttributeRequest, DeleteAttributeResponse};
use kmip::result_reason::ResultReason;
use policy::Permission;

use crate::change;
use crate::error::{Error, Result};
use crate::modify_attribute::not_found;
use crate::object::{Instance, StoredObject};
use crate::operation::{Change, Context, Done, Loaded, Operation, Plan};

pub(crate) struct DeleteAttribute;

impl Operation for DeleteAttribute {
    type Request = DeleteAttributeRequest;
    type Response = DeleteAttributeResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::DeleteAttribute;

    fn plan(request: &DeleteAttributeRequest, context: &Context<'_>) -> Result<Plan> {
        context.plan_one(request.unique_identifier.as_ref())
    }

    fn handle(
        request: &DeleteAttributeRequest,
        loaded: Loaded,
        (): &(),
        context: &Context<'_>,
    ) -> Result<Done<DeleteAttributeResponse>> {
        let mut object = loaded.one()?.into_inner();
        let reference = named(request)?;
        let rules = change::rules(&reference).map_err(|error| match context.version.is_1x() {
            // 1.4, section 11.17.
            true => Error::new(ResultReason::AttributeNotFound, error.text),
            false => error,
        })?;
        if rules.always_has_value {
            return Err(change::read_only(&reference));
        }
        change::check(rules.client_deletes, &object, &reference, None, context.now)?;
        let deleted = take(&mut object, request, &reference, context.version)?;
        change::follow(&mut object, &reference, context.now);
        let identifier = object.identifier.clone();
        let response = DeleteAttributeResponse {
            unique_identifier: UniqueIdentifier(identifier.clone()),
            attribute: Some(AttributeInstance { index: Some(deleted.index), attribute: deleted.attribute }),
        };
        Ok(Done::reply(response).with(Change::Write(Box::new(object))).about(&identifier))
    }
}

/// The attribute that is to lose a value.
fn named(request: &DeleteAttributeRequest) -> Result<AttributeReference> {
    match (&request.current_attribute, &request.attribute_reference) {
        (Some(current), _) => Ok(current.attribute.reference()),
        (None, Some(reference)) => Ok(reference.clone()),
        (None, None) => Err(Error::new(ResultReason::InvalidMessage, "The request names no attribute")),
    }
}

/// Takes the value away that 1.x names by index and 2.x by itself; without either, 2.x means all of them. Returns the first.
fn take(
    object: &mut StoredObject,
    request: &DeleteAttributeRequest,
    reference: &AttributeReference,
    version: ProtocolVersion,
) -> Result<Instance> {
    if version == ProtocolVersion::V1_0 && request.attribute_index.is_none() && object.values(reference).count() > 1 {
        // 1.0, section 4.15; 1.1 takes the first.
        return Err(Error::invalid_field(format!("{reference} has several values; Attribute Index must say which one")));
    }
    let index = version.is_1x().then(|| request.attribute_index.unwrap_or(0));
    let current = request.current_attribute.as_ref().map(|current| &current.attribute);
    let meant = |instance: &Instance| {
        instance.attribute.is(reference)
            && index.is_none_or(|index| instance.index == index)
            && current.is_none_or(|current| instance.attribute == *current)
    };
    let first = object.instances.iter().find(|instance| meant(instance)).cloned();
    let first = first.ok_or_else(|| not_found(reference, object))?;
    object.instances.retain(|instance| !meant(instance));
    Ok(first)
}
