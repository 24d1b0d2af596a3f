//! Interop: marks the begin and the end of a test case, and resets the server between them (2.0, section 6.1.26).
//!
//! Offered only where the configuration says so. Reset removes the objects of the caller and what it laid down for new ones, and of nobody else.

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
            InteropFunction::Reset => {
                Ok(Plan { search: Some(Search { with_reserved: true, ..Search::default() }), ..Plan::default() })
            }
            _ => Err(Error::invalid_field("Interop Function has an unknown value")),
        }
    }

    fn handle(_: &InteropRequest, loaded: Loaded, (): &(), _: &Context<'_>) -> Result<Done<InteropResponse>> {
        let mut done = Done::reply(InteropResponse {});
        done.concerned = loaded.found.iter().map(|found| found.identifier.clone()).collect();
        done.changes = loaded.found.into_iter().map(Change::Remove).collect();
        Ok(done)
    }
}
