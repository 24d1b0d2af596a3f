//! Get Constraints: what the client's new objects must look like (2.1, section 6.1.22).

use kmip::payload::get_constraints::{GetConstraintsRequest, GetConstraintsResponse};
use policy::Permission;

use crate::error::Result;
use crate::operation::{Context, Done, Loaded, Operation, Plan};

pub(crate) struct GetConstraints;

impl Operation for GetConstraints {
    type Request = GetConstraintsRequest;
    type Response = GetConstraintsResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::GetConstraints;
    const USES_FACTORY: bool = true;

    fn plan(_: &GetConstraintsRequest, _: &Context<'_>) -> Result<Plan> {
        Ok(Plan::default())
    }

    fn handle(_: &GetConstraintsRequest, _: Loaded, (): &(), context: &Context<'_>) -> Result<Done<GetConstraintsResponse>> {
        Ok(Done::reply(GetConstraintsResponse { constraints: context.factory.constraints.clone() }))
    }
}
