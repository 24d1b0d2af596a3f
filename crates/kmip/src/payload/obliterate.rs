//! Obliterate: removes an object without a trace.
//!
//! See 3.0, section 6.1.39.

use crate::identifier::ObjectReference;

structure! {
    /// The request payload of Obliterate.
    #[derive(Clone)]
    pub struct ObliterateRequest {
        UniqueIdentifier => unique_identifier: ObjectReference, V3_0..;
    }
}

structure! {
    /// The response payload of Obliterate. It is empty.
    #[derive(Clone, Default)]
    pub struct ObliterateResponse {}
}
