//! Get: the object itself, in the format it is stored in or one it can be converted to (2.1, section 6.1.19).

use kmip::ProtocolVersion;
use kmip::identifier::UniqueIdentifier;
use kmip::payload::get::{GetRequest, GetResponse};
use policy::Permission;

use crate::error::Result;
use crate::operation::{Context, Done, Loaded, Operation, Plan};
use crate::release::{self, Form};

pub(crate) struct Get;

impl Operation for Get {
    type Request = GetRequest;
    type Response = GetResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::Get;
    const RELEASES_MATERIAL: bool = true;

    fn plan(request: &GetRequest, context: &Context<'_>) -> Result<Plan> {
        form(request).check()?;
        context.plan_one(request.unique_identifier.as_ref())
    }

    fn respell(response: &mut GetResponse, version: ProtocolVersion) -> Result<()> {
        release::check_spelling(&response.object, version)
    }

    fn handle(request: &GetRequest, loaded: Loaded, (): &(), context: &Context<'_>) -> Result<Done<GetResponse>> {
        let object = loaded.one()?.into_inner();
        let identifier = object.identifier.clone();
        let response = GetResponse {
            object_type: object.object_type,
            unique_identifier: UniqueIdentifier(identifier.clone()),
            object: release::release(&object, &form(request), context)?,
        };
        let mut done = Done::reply(response).about(&identifier);
        done.changes.extend(release::used(object));
        Ok(done)
    }
}

const fn form(request: &GetRequest) -> Form<'_> {
    Form {
        format: request.key_format_type,
        wrap_type: request.key_wrap_type,
        compression: request.key_compression_type,
        wrapping: request.key_wrapping_specification.as_ref(),
    }
}
