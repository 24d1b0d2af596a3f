//! Interop: marks the begin and the end of a test case, and resets the server between them (2.0, section 6.1.26).
//!
//! Offered only where the configuration says so. Reset removes the objects of the caller, and of nobody else.

use kmip::ProtocolVersion;
use kmip::enumerations::InteropFunction;
use kmip::payload::interop::{InteropRequest, InteropResponse};
use policy::Permission;

use crate::error::{Error, Result};
use crate::operation::{Change, Context, Done, Loaded, Operation, Plan, Search};

pub(crate) struct Interop;

impl Operation for Interop {
    type Request = InteropRequest;
    type Response = InteropResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::Interop;

    fn plan(request: &InteropRequest, _: &Context<'_>) -> Result<Plan> {
        match request.interop_function {
            InteropFunction::Begin | InteropFunction::End => Ok(Plan::default()),
            InteropFunction::Reset => Ok(Plan { search: Some(Search { keep: true, ..Search::default() }), ..Plan::default() }),
            _ => Err(Error::invalid_field("Interop Function has an unknown value")),
        }
    }

    fn prepare(_: &InteropRequest, _: ProtocolVersion, _: &dyn crypto::Random) -> Result<()> {
        Ok(())
    }

    fn handle(_: &InteropRequest, loaded: Loaded, (): &(), _: &Context<'_>) -> Result<Done<InteropResponse>> {
        let mut done = Done::reply(InteropResponse {});
        done.concerned = loaded.found;
        let objects = loaded.objects.into_iter();
        done.changes = objects.map(|object| Change::Remove(Box::new(object.into_inner()))).collect();
        Ok(done)
    }
}
