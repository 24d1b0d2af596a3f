//! Modify Attribute: another value in place of one (2.1, section 6.1.34).

use kmip::ProtocolVersion;
use kmip::attribute::Attribute;
use kmip::identifier::UniqueIdentifier;
use kmip::payload::modify_attribute::{ModifyAttributeRequest, ModifyAttributeResponse};
use kmip::result_reason::ResultReason;
use policy::Permission;

use crate::change;
use crate::error::{Error, Result};
use crate::object::StoredObject;
use crate::operation::{Change, Context, Done, Loaded, Operation, Plan};

pub(crate) struct ModifyAttribute;

impl Operation for ModifyAttribute {
    type Request = ModifyAttributeRequest;
    type Response = ModifyAttributeResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::ModifyAttribute;

    fn plan(request: &ModifyAttributeRequest, context: &Context<'_>) -> Result<Plan> {
        let mut plan = context.plan_one(request.unique_identifier.as_ref())?;
        if let Attribute::Name(name) = &request.new_attribute.attribute
            && !context.version.is_1x()
        {
            plan.free_names.push(name.clone());
            plan.names_the_object = true;
        }
        Ok(plan)
    }

    fn handle(
        request: &ModifyAttributeRequest,
        loaded: Loaded,
        (): &(),
        context: &Context<'_>,
    ) -> Result<Done<ModifyAttributeResponse>> {
        let mut object = loaded.one()?.into_inner();
        let new = &request.new_attribute;
        let reference = new.attribute.reference();
        let rules = change::rules(&reference)?;
        // The rule comes first: a client learns that an attribute is not its to change even where it has no value.
        change::check(rules.client_modifies, &object, &reference, Some(&new.attribute), context.now)?;
        let at = instance(&object, request, context.version)?;
        let replaced = change::replace(&mut object, at, new.attribute.clone(), context)?;
        let identifier = object.identifier.clone();
        let response =
            ModifyAttributeResponse { unique_identifier: UniqueIdentifier(identifier.clone()), attribute: Some(replaced) };
        Ok(Done::reply(response).with(Change::Write(Box::new(object))).about(&identifier))
    }
}

/// Where the value stands that is to be replaced: 1.x names it by index, 2.x by the value itself or not at all.
fn instance(object: &StoredObject, request: &ModifyAttributeRequest, version: ProtocolVersion) -> Result<usize> {
    let new = &request.new_attribute;
    let reference = new.attribute.reference();
    let of_this = |at: &usize| object.instances[*at].attribute.is(&reference);
    let mut candidates = (0..object.instances.len()).filter(of_this);
    if version.is_1x() {
        let index = new.index.unwrap_or(0);
        let found = candidates.find(|at| object.instances[*at].index == index);
        return found.ok_or_else(|| match object.values(&reference).next() {
            Some(_) => not_found(&reference, object),
            // 1.2, section 11.16: "A specified attribute does not exist (i.e., it needs to first be added)" is Invalid Field.
            None => Error::invalid_field(format!("The object has no {reference}; it has to be added first")),
        });
    }
    if let Some(current) = &request.current_attribute {
        if current.attribute.reference() != reference {
            return Err(Error::invalid_field("Current Attribute and New Attribute are different attributes"));
        }
        return candidates
            .find(|at| object.instances[*at].attribute == current.attribute)
            .ok_or_else(|| not_found(&reference, object));
    }
    let first = candidates.next().ok_or_else(|| not_found(&reference, object))?;
    if candidates.next().is_some() {
        return Err(Error::new(
            ResultReason::MultiValuedAttribute,
            format!("{reference} has several values; Current Attribute must say which one"),
        ));
    }
    Ok(first)
}

/// No value of the attribute is the one meant.
pub(crate) fn not_found(reference: &kmip::attribute::AttributeReference, object: &StoredObject) -> Error {
    if object.values(reference).next().is_some() {
        Error::new(ResultReason::AttributeInstanceNotFound, format!("{reference} has no such value"))
    } else {
        Error::new(ResultReason::AttributeNotFound, format!("The object has no {reference}"))
    }
}
