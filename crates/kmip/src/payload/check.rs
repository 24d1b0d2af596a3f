//! Check: asks whether an object may be used in some way.
//!
//! See 1.4, section 4.10; 2.1, section 6.1.7.

use crate::codec::Interval;
use crate::identifier::{ObjectReference, UniqueIdentifier};
use crate::masks::CryptographicUsageMask;

structure! {
    /// The request payload of Check.
    #[derive(Clone)]
    pub struct CheckRequest {
        /// The object; the ID Placeholder if it is left out, which 3.0 does not allow.
        UniqueIdentifier => unique_identifier: Option<ObjectReference>, V1_0..;
        UsageLimitsCount => usage_limits_count: Option<i64>, V1_0..;
        CryptographicUsageMask => cryptographic_usage_mask: Option<CryptographicUsageMask>, V1_0..;
        LeaseTime => lease_time: Option<Interval>, V1_0..;
    }
}

structure! {
    /// The response payload of Check.
    #[derive(Clone)]
    pub struct CheckResponse {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_0..;
        UsageLimitsCount => usage_limits_count: Option<i64>, V1_0..;
        CryptographicUsageMask => cryptographic_usage_mask: Option<CryptographicUsageMask>, V1_0..;
        LeaseTime => lease_time: Option<Interval>, V1_0..;
    }
}
