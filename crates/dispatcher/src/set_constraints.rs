//! Set Constraints: what the client's new objects must look like from now on (2.1, section 6.1.52).

use kmip::payload::set_constraints::{SetConstraintsRequest, SetConstraintsResponse};
use policy::Permission;

use crate::error::Result;
use crate::factory::{self, Factory};
use crate::operation::{Context, Done, Loaded, Operation, Plan};

pub(crate) struct SetConstraints;

impl Operation for SetConstraints {
    type Request = SetConstraintsRequest;
    type Response = SetConstraintsResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::SetConstraints;
    const USES_FACTORY: bool = true;

    fn plan(request: &SetConstraintsRequest, _: &Context<'_>) -> Result<Plan> {
        request.constraints.as_ref().map_or(Ok(()), factory::check_constraints)?;
        Ok(Plan::default())
    }

    fn handle(
        request: &SetConstraintsRequest,
        _: Loaded,
        (): &(),
        context: &Context<'_>,
    ) -> Result<Done<SetConstraintsResponse>> {
        let constraints = request.constraints.clone().unwrap_or_default();
        let changed = Factory { constraints, ..context.factory.clone() };
        Ok(Done::reply(SetConstraintsResponse {}).with(changed.keep(context)))
    }
}
