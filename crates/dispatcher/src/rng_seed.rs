//! RNG Seed: what a client adds to the generator (2.1, section 6.1.50).
//!
//! The generator is one for all clients and seeded by the operating system. The standard leaves it to the server whether it takes anything
//! from outside, and wants to be told how much of it: `services.rng_seed` of the configuration decides. By default the seed is ignored, and
//! the answer is that zero bytes of it were used, which no client may take for an error. A server that accepts seeds mixes them into all that
//! its generator gives from then on ([`crypto::SeededRandom`]), up to a number of bytes: a seed of a client can add to what others get, and
//! take nothing from it. One that refuses them is for operators who want to see that nobody tried.

use kmip::payload::rng_seed::{RNGSeedRequest, RNGSeedResponse};
use kmip::result_reason::ResultReason;
use policy::Permission;

use crate::environment::RngSeed;
use crate::error::{Error, Result};
use crate::operation::{Context, Done, Loaded, Material, Operation, Plan};

pub(crate) struct RNGSeed;

impl Operation for RNGSeed {
    type Request = RNGSeedRequest;
    type Response = RNGSeedResponse;
    /// How many bytes were used.
    type Prepared = usize;

    const PERMISSION: Permission = Permission::RNGSeed;

    fn plan(_: &RNGSeedRequest, _: &Context<'_>) -> Result<Plan> {
        Ok(Plan::default())
    }

    fn prepare(request: &RNGSeedRequest, material: &Material<'_>) -> Result<usize> {
        let data = material.batch.data(&request.data)?.expose();
        match material.settings.rng_seed {
            RngSeed::Ignore => Ok(0),
            RngSeed::Accept { bytes } => Ok(material.random.seed(data.get(..bytes).unwrap_or(data))?),
            RngSeed::Refuse => Err(Error::new(ResultReason::PermissionDenied, "The server takes no seeds from its clients")),
        }
    }

    fn handle(_: &RNGSeedRequest, _: Loaded, used: &usize, _: &Context<'_>) -> Result<Done<RNGSeedResponse>> {
        let data_length = i32::try_from(*used).map_err(Error::general_failure)?;
        Ok(Done::reply(RNGSeedResponse { data_length }))
    }
}
