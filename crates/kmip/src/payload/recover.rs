//! Recover: brings an object back from the archive.
//!
//! See 1.4, section 4.23; 2.1, section 6.1.42.

use crate::identifier::{ObjectReference, UniqueIdentifier};

structure! {
    /// The request payload of Recover.
    #[derive(Clone)]
    pub struct RecoverRequest {
        /// The object; the ID Placeholder if it is left out, which 3.0 does not allow.
        UniqueIdentifier => unique_identifier: Option<ObjectReference>, V1_0..;
    }
}

structure! {
    /// The response payload of Recover.
    #[derive(Clone)]
    pub struct RecoverResponse {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_0..;
    }
}
