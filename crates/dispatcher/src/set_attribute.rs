//! Set Attribute: the value of an attribute, whether it had one or not (2.1, section 6.1.51).

use kmip::attribute::Attribute;
use kmip::identifier::UniqueIdentifier;
use kmip::payload::set_attribute::{SetAttributeRequest, SetAttributeResponse};
use policy::Permission;

use crate::change;
use crate::error::Result;
use crate::operation::{Change, Context, Done, Loaded, Operation, Plan};

pub(crate) struct SetAttribute;

impl Operation for SetAttribute {
    type Request = SetAttributeRequest;
    type Response = SetAttributeResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::SetAttribute;

    fn plan(request: &SetAttributeRequest, context: &Context<'_>) -> Result<Plan> {
        let mut plan = context.plan_one(request.unique_identifier.as_ref())?;
        if let Attribute::Name(name) = &request.new_attribute.attribute {
            plan.free_names.push(name.clone());
            plan.names_the_object = true;
        }
        Ok(plan)
    }

    fn handle(
        request: &SetAttributeRequest,
        loaded: Loaded,
        (): &(),
        context: &Context<'_>,
    ) -> Result<Done<SetAttributeResponse>> {
        let mut object = loaded.one()?.into_inner();
        change::set(&mut object, request.new_attribute.attribute.clone(), context)?;
        let identifier = object.identifier.clone();
        let response = SetAttributeResponse { unique_identifier: UniqueIdentifier(identifier.clone()) };
        Ok(Done::reply(response).with(Change::Write(Box::new(object))).about(&identifier))
    }
}
