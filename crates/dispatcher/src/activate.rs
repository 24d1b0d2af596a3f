//! Activate: a Pre-Active object becomes Active, now (2.1, section 6.1.1).

use kmip::attribute::Attribute;
use kmip::codec::DateTime;
use kmip::enumerations::ObjectType;
use kmip::identifier::UniqueIdentifier;
use kmip::payload::activate::{ActivateRequest, ActivateResponse};
use kmip::result_reason::ResultReason;
use policy::Permission;

use crate::error::{Error, Result};
use crate::lifecycle::{self, Event};
use crate::operation::{Change, Context, Done, Loaded, Operation, Plan};

pub(crate) struct Activate;

impl Operation for Activate {
    type Request = ActivateRequest;
    type Response = ActivateResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::Activate;

    fn plan(request: &ActivateRequest, context: &Context<'_>) -> Result<Plan> {
        context.plan_one(request.unique_identifier.as_ref())
    }

    fn handle(_: &ActivateRequest, loaded: Loaded, (): &(), context: &Context<'_>) -> Result<Done<ActivateResponse>> {
        let mut object = loaded.one()?.into_inner();
        if object.object_type == ObjectType::Template {
            return Err(Error::new(ResultReason::InvalidObjectType, "A template has no state"));
        }
        let text = "Only a Pre-Active object can be activated";
        lifecycle::step(object.state(context.now), Event::Activate, context.version, text)?;
        object.set(Attribute::ActivationDate(DateTime(context.now)));
        object.touch(context.now);
        let identifier = object.identifier.clone();
        let response = ActivateResponse { unique_identifier: UniqueIdentifier(identifier.clone()) };
        Ok(Done::reply(response).with(Change::Write(Box::new(object))).about(&identifier))
    }
}
