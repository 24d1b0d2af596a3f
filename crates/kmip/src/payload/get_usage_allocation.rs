//! Get Usage Allocation: reserves a part of the usage limits of an object.
//!
//! See 1.4, section 4.18; 2.1, section 6.1.23.

use crate::identifier::{ObjectReference, UniqueIdentifier};

structure! {
    /// The request payload of Get Usage Allocation.
    #[derive(Clone)]
    pub struct GetUsageAllocationRequest {
        /// The object; the ID Placeholder if it is left out, which 3.0 does not allow.
        UniqueIdentifier => unique_identifier: Option<ObjectReference>, V1_0..;
        UsageLimitsCount => usage_limits_count: i64, V1_0..;
    }
}

structure! {
    /// The response payload of Get Usage Allocation.
    #[derive(Clone)]
    pub struct GetUsageAllocationResponse {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_0..;
    }
}
