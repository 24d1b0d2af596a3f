//! Add Attribute: one more value (2.1, section 6.1.2).

use kmip::attribute::{Attribute, AttributeInstance};
use kmip::identifier::UniqueIdentifier;
use kmip::payload::add_attribute::{AddAttributeRequest, AddAttributeResponse};
use kmip::result_reason::ResultReason;
use policy::Permission;

use crate::change;
use crate::error::{Error, Result};
use crate::operation::{Change, Context, Done, Loaded, Operation, Plan};

pub(crate) struct AddAttribute;

impl Operation for AddAttribute {
    type Request = AddAttributeRequest;
    type Response = AddAttributeResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::AddAttribute;

    fn plan(request: &AddAttributeRequest, context: &Context<'_>) -> Result<Plan> {
        let mut plan = context.plan_one(request.unique_identifier.as_ref())?;
        if let Attribute::Name(name) = &given(request)?.attribute
            && !context.version.is_1x()
        {
            plan.free_names.push(name.clone());
            plan.names_the_object = true;
        }
        Ok(plan)
    }

    fn handle(
        request: &AddAttributeRequest,
        loaded: Loaded,
        (): &(),
        context: &Context<'_>,
    ) -> Result<Done<AddAttributeResponse>> {
        let mut object = loaded.one()?.into_inner();
        let added = change::add(&mut object, given(request)?, context).map_err(change::as_read_only_attribute)?;
        let identifier = object.identifier.clone();
        let response = AddAttributeResponse { unique_identifier: UniqueIdentifier(identifier.clone()), attribute: Some(added) };
        Ok(Done::reply(response).with(Change::Write(Box::new(object))).about(&identifier))
    }
}

/// The attribute to add. Published test cases of 2.0 carry it as Current Attribute.
fn given(request: &AddAttributeRequest) -> Result<&AttributeInstance> {
    let given = request.new_attribute.as_ref().or(request.current_attribute.as_ref());
    given.ok_or_else(|| Error::new(ResultReason::InvalidMessage, "The attribute to add is missing"))
}
