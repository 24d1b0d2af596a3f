//! Obtain Lease: obtains a lease on an object.
//!
//! See 1.4, section 4.17; 2.1, section 6.1.35.

use crate::codec::{DateTime, Interval};
use crate::identifier::{ObjectReference, UniqueIdentifier};

structure! {
    /// The request payload of Obtain Lease.
    #[derive(Clone)]
    pub struct ObtainLeaseRequest {
        /// The object; the ID Placeholder if it is left out, which 3.0 does not allow.
        UniqueIdentifier => unique_identifier: Option<ObjectReference>, V1_0..;
    }
}

structure! {
    /// The response payload of Obtain Lease.
    #[derive(Clone)]
    pub struct ObtainLeaseResponse {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_0..;
        LeaseTime => lease_time: Interval, V1_0..;
        LastChangeDate => last_change_date: DateTime, V1_0..;
    }
}
