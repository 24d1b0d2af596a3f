//! Ping: the server is alive (2.1, section 6.1.36).

use kmip::payload::ping::{PingRequest, PingResponse};
use policy::Permission;

use crate::error::Result;
use crate::operation::{Context, Done, Loaded, Operation, Plan};

pub(crate) struct Ping;

impl Operation for Ping {
    type Request = PingRequest;
    type Response = PingResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::Ping;

    fn plan(_: &PingRequest, _: &Context<'_>) -> Result<Plan> {
        Ok(Plan::default())
    }

    fn handle(_: &PingRequest, _: Loaded, (): &(), _: &Context<'_>) -> Result<Done<PingResponse>> {
        Ok(Done::reply(PingResponse {}))
    }
}
