//! Archive: an object goes into long-term storage (2.1, section 6.1.4).
//!
//! Where that storage is, is the server's own affair: here it stays in the store, sealed as before. Its attributes can be read, and
//! Locate finds it where it is told to look; for all else it has to be recovered (1.4, section 4).

use kmip::attribute::Attribute;
use kmip::codec::DateTime;
use kmip::identifier::UniqueIdentifier;
use kmip::payload::archive::{ArchiveRequest, ArchiveResponse};
use kmip::result_reason::ResultReason;
use policy::Permission;

use crate::error::{Error, Result};
use crate::operation::{Change, Context, Done, Loaded, Operation, Plan};

pub(crate) struct Archive;

impl Operation for Archive {
    type Request = ArchiveRequest;
    type Response = ArchiveResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::Archive;

    fn plan(request: &ArchiveRequest, context: &Context<'_>) -> Result<Plan> {
        context.plan_one(request.unique_identifier.as_ref())
    }

    fn handle(_: &ArchiveRequest, loaded: Loaded, (): &(), context: &Context<'_>) -> Result<Done<ArchiveResponse>> {
        let mut object = loaded.one()?.into_inner();
        if object.is_destroyed() {
            // It is in destroyed storage, which is neither on-line nor the archive.
            return Err(Error::new(ResultReason::ObjectDestroyed, "The object has been destroyed"));
        }
        object.set(Attribute::ArchiveDate(DateTime(context.now)));
        object.touch(context.now);
        let identifier = object.identifier.clone();
        let response = ArchiveResponse { unique_identifier: UniqueIdentifier(identifier.clone()) };
        Ok(Done::reply(response).with(Change::Write(Box::new(object))).about(&identifier))
    }
}
