//! RNG Seed: takes the client's seed, and uses none of it (2.1, section 6.1.50).
//!
//! The generator is one for all clients, seeded by the operating system, and its library takes no seed from outside. So the answer is the
//! true one that the standard provides for: the seed is ignored, and zero bytes of it were used, which no client may take for an error. To
//! accept a part or all of it (CS-RNG-O-1 and -2) would be a lie, and to refuse it (CS-RNG-O-4) stops clients that can do without.

use kmip::payload::rng_seed::{RNGSeedRequest, RNGSeedResponse};
use policy::Permission;

use crate::error::Result;
use crate::operation::{Context, Done, Loaded, Operation, Plan};

pub(crate) struct RNGSeed;

impl Operation for RNGSeed {
    type Request = RNGSeedRequest;
    type Response = RNGSeedResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::RNGSeed;

    fn plan(_: &RNGSeedRequest, _: &Context<'_>) -> Result<Plan> {
        Ok(Plan::default())
    }

    fn handle(request: &RNGSeedRequest, _: Loaded, (): &(), context: &Context<'_>) -> Result<Done<RNGSeedResponse>> {
        context.batch.data(&request.data)?;
        Ok(Done::reply(RNGSeedResponse { data_length: 0 }))
    }
}
