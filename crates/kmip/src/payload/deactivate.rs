//! Deactivate: deactivates an object.
//!
//! See 3.0, section 6.1.14.

use crate::codec::DateTime;
use crate::identifier::{ObjectReference, UniqueIdentifier};
use crate::structures::DeactivationReason;

structure! {
    /// The request payload of Deactivate.
    #[derive(Clone)]
    pub struct DeactivateRequest {
        UniqueIdentifier => unique_identifier: ObjectReference, V3_0..;
        DeactivationReason => deactivation_reason: Option<DeactivationReason>, V3_0..;
        DeactivationDate => deactivation_date: Option<DateTime>, V3_0..;
    }
}

structure! {
    /// The response payload of Deactivate.
    #[derive(Clone)]
    pub struct DeactivateResponse {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V3_0..;
    }
}
