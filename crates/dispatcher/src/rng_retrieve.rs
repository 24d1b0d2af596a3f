//! RNG Retrieve: random bytes from the generator that the server makes keys with (2.1, section 6.1.49).

use std::sync::Arc;

use kmip::Secret;
use kmip::enumerations::DataEnumeration;
use kmip::payload::rng_retrieve::{RNGRetrieveRequest, RNGRetrieveResponse};
use kmip::structures::Data;
use policy::Permission;

use crate::error::{Error, Result};
use crate::operation::{Context, Done, Loaded, Operation, Plan};

/// The most bytes of one request: the generator gives as many in a fraction of a millisecond. Who needs more asks again.
const LENGTH_MAX: usize = 256 << 10;

pub(crate) struct RNGRetrieve;

impl Operation for RNGRetrieve {
    type Request = RNGRetrieveRequest;
    type Response = RNGRetrieveResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::RNGRetrieve;

    fn plan(_: &RNGRetrieveRequest, _: &Context<'_>) -> Result<Plan> {
        Ok(Plan::default())
    }

    fn handle(request: &RNGRetrieveRequest, _: Loaded, (): &(), context: &Context<'_>) -> Result<Done<RNGRetrieveResponse>> {
        let length = usize::try_from(request.data_length).ok().filter(|length| (1..=LENGTH_MAX).contains(length));
        let length = length.ok_or_else(|| Error::invalid_field(format!("Data Length must be from 1 to {LENGTH_MAX}")))?;
        let mut bytes = zeroize::Zeroizing::new(vec![0; length]);
        context.random.fill(&mut bytes)?;
        let bytes = Secret::new(std::mem::take(&mut *bytes));
        let kept = (!context.version.is_1x()).then(|| (DataEnumeration::RNGRetrieve, Arc::new(bytes.clone())));
        let data = (!context.ephemeral).then_some(Data::Bytes(bytes));
        Ok(Done { data: kept, ..Done::reply(RNGRetrieveResponse { data }) })
    }
}
