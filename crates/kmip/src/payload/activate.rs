//! Activate: activates an object.
//!
//! See 1.4, section 4.19; 2.1, section 6.1.1.

use crate::identifier::{ObjectReference, UniqueIdentifier};

structure! {
    /// The request payload of Activate.
    #[derive(Clone)]
    pub struct ActivateRequest {
        /// The object; the ID Placeholder if it is left out, which 3.0 does not allow.
        UniqueIdentifier => unique_identifier: Option<ObjectReference>, V1_0..;
    }
}

structure! {
    /// The response payload of Activate.
    #[derive(Clone)]
    pub struct ActivateResponse {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_0..;
    }
}
