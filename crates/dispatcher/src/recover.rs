//! Recover: an archived object is on-line again (2.1, section 6.1.42). One that is on-line stays so.

use kmip::attribute::AttributeReference;
use kmip::identifier::UniqueIdentifier;
use kmip::payload::recover::{RecoverRequest, RecoverResponse};
use kmip::tag;
use policy::Permission;

use crate::error::Result;
use crate::operation::{Change, Context, Done, Loaded, Operation, Placeholder, Plan};

pub(crate) struct Recover;

impl Operation for Recover {
    type Request = RecoverRequest;
    type Response = RecoverResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::Recover;
    const TAKES_ARCHIVED: bool = true;

    fn plan(request: &RecoverRequest, context: &Context<'_>) -> Result<Plan> {
        context.plan_one(request.unique_identifier.as_ref())
    }

    fn handle(_: &RecoverRequest, loaded: Loaded, (): &(), context: &Context<'_>) -> Result<Done<RecoverResponse>> {
        let mut object = loaded.one()?.into_inner();
        let identifier = object.identifier.clone();
        let response = RecoverResponse { unique_identifier: UniqueIdentifier(identifier.clone()) };
        let mut done = Done::reply(response).about(&identifier);
        // What has been recovered is what the items that follow mean (1.4, section 4; 2.1, section 6.1).
        done.placeholder = Placeholder::Set(identifier);
        if !object.is_archived() {
            return Ok(done);
        }
        // The date goes with the state it dates (1.4, section 3.32).
        object.instances.retain(|instance| !instance.attribute.is(&AttributeReference::Standard(tag::ArchiveDate)));
        object.touch(context.now);
        Ok(done.with(Change::Write(Box::new(object))))
    }
}
