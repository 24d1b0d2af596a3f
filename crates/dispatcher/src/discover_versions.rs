//! Discover Versions: the versions both sides speak, in the server's order of preference (2.1, section 6.1.16).

use kmip::payload::discover_versions::{DiscoverVersionsRequest, DiscoverVersionsResponse};
use policy::Permission;

use crate::engine::OFFERED;
use crate::error::Result;
use crate::operation::{Context, Done, Loaded, Operation, Plan};

pub(crate) struct DiscoverVersions;

impl Operation for DiscoverVersions {
    type Request = DiscoverVersionsRequest;
    type Response = DiscoverVersionsResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::DiscoverVersions;

    fn plan(_: &DiscoverVersionsRequest, _: &Context<'_>) -> Result<Plan> {
        Ok(Plan::default())
    }

    fn handle(request: &DiscoverVersionsRequest, _: Loaded, (): &(), _: &Context<'_>) -> Result<Done<DiscoverVersionsResponse>> {
        let asked = &request.protocol_versions;
        let shared = OFFERED.into_iter().map(Into::into).filter(|version| asked.is_empty() || asked.contains(version));
        Ok(Done::reply(DiscoverVersionsResponse { protocol_versions: shared.collect() }))
    }
}
