//! Destroy: destroys the key material of an object.
//!
//! See 1.4, section 4.21; 2.1, section 6.1.15.

use crate::identifier::{ObjectReference, UniqueIdentifier};

structure! {
    /// The request payload of Destroy.
    #[derive(Clone)]
    pub struct DestroyRequest {
        /// The object; the ID Placeholder if it is left out, which 3.0 does not allow.
        UniqueIdentifier => unique_identifier: Option<ObjectReference>, V1_0..;
    }
}

structure! {
    /// The response payload of Destroy.
    #[derive(Clone)]
    pub struct DestroyResponse {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_0..;
    }
}
