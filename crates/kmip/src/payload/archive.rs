//! Archive: moves an object to the archive.
//!
//! See 1.4, section 4.22; 2.1, section 6.1.4.

use crate::identifier::{ObjectReference, UniqueIdentifier};

structure! {
    /// The request payload of Archive.
    #[derive(Clone)]
    pub struct ArchiveRequest {
        /// The object; the ID Placeholder if it is left out, which 3.0 does not allow.
        UniqueIdentifier => unique_identifier: Option<ObjectReference>, V1_0..;
    }
}

structure! {
    /// The response payload of Archive.
    #[derive(Clone)]
    pub struct ArchiveResponse {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_0..;
    }
}
