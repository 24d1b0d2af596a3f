//! Destroy: the material is gone, what is known about it stays (2.1, section 6.1.15).

use kmip::attribute::Attribute;
use kmip::codec::DateTime;
use kmip::identifier::UniqueIdentifier;
use kmip::payload::destroy::{DestroyRequest, DestroyResponse};
use policy::Permission;

use crate::error::{Error, Result};
use crate::lifecycle::{self, Event};
use crate::operation::{Change, Context, Done, Loaded, Operation, Plan};

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
        lifecycle::next(object.state(context.now), Event::Destroy)
            .map_err(|reason| Error::new(reason, "The object cannot be destroyed in its state"))?;
        // The store writes the record anew under a new data key: nothing of the material is left in it.
        object.object = None;
        object.set(Attribute::DestroyDate(DateTime(context.now)));
        object.touch(context.now);
        let identifier = object.identifier.clone();
        let response = DestroyResponse { unique_identifier: UniqueIdentifier(identifier.clone()) };
        Ok(Done::reply(response).with(Change::Write(Box::new(object))).about(&identifier))
    }
}
