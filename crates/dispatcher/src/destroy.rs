//! Destroy: the material is gone, what is known about it stays (2.1, section 6.1.15).

use kmip::attribute::Attribute;
use kmip::codec::DateTime;
use kmip::enumerations::ObjectType;
use kmip::identifier::UniqueIdentifier;
use kmip::payload::destroy::{DestroyRequest, DestroyResponse};
use policy::Permission;

use crate::error::Result;
use crate::lifecycle::{self, Event};
use crate::operation::{Change, Context, Done, Found, Loaded, Operation, Plan};

pub(crate) struct Destroy;

impl Operation for Destroy {
    type Request = DestroyRequest;
    type Response = DestroyResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::Destroy;

    fn plan(request: &DestroyRequest, context: &Context<'_>) -> Result<Plan> {
        context.plan_one(request.unique_identifier.as_ref())
    }

    fn handle(_: &DestroyRequest, loaded: Loaded, (): &(), context: &Context<'_>) -> Result<Done<DestroyResponse>> {
        let mut object = loaded.one()?.into_inner();
        let text = "The object cannot be destroyed in its state";
        lifecycle::step(object.state(context.now), Event::Destroy, context.version, text)?;
        if object.object_type == ObjectType::Template {
            // With all that is known of it (1.4, section 4.21).
            let identifier = object.identifier.clone();
            let response = DestroyResponse { unique_identifier: UniqueIdentifier(identifier.clone()) };
            let found = Found { identifier: identifier.clone(), revision: object.revision };
            return Ok(Done::reply(response).with(Change::Remove(found)).about(&identifier));
        }
        // The store writes the record anew under a new data key: nothing of the material is left in it.
        object.object = None;
        object.set(Attribute::DestroyDate(DateTime(context.now)));
        object.touch(context.now);
        let identifier = object.identifier.clone();
        let response = DestroyResponse { unique_identifier: UniqueIdentifier(identifier.clone()) };
        Ok(Done::reply(response).with(Change::Write(Box::new(object))).about(&identifier))
    }
}
