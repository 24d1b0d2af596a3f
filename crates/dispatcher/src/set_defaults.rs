//! Set Defaults: what the client's new objects get from now on where a request leaves it out (2.1, section 6.1.53).

use kmip::payload::set_defaults::{SetDefaultsRequest, SetDefaultsResponse};
use policy::Permission;

use crate::error::Result;
use crate::factory::{self, Factory};
use crate::operation::{Context, Done, Loaded, Operation, Plan};

pub(crate) struct SetDefaults;

impl Operation for SetDefaults {
    type Request = SetDefaultsRequest;
    type Response = SetDefaultsResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::SetDefaults;
    const USES_FACTORY: bool = true;

    fn plan(request: &SetDefaultsRequest, _: &Context<'_>) -> Result<Plan> {
        request.defaults_information.as_ref().map_or(Ok(()), factory::check_defaults)?;
        Ok(Plan::default())
    }

    fn handle(request: &SetDefaultsRequest, _: Loaded, (): &(), context: &Context<'_>) -> Result<Done<SetDefaultsResponse>> {
        let defaults = request.defaults_information.clone().unwrap_or_default();
        let changed = Factory { defaults, ..context.factory.clone() };
        Ok(Done::reply(SetDefaultsResponse {}).with(changed.keep(context)))
    }
}
