//! Get Constraints: returns what new objects must look like.
//!
//! See 2.1, section 6.1.22.

use crate::structures::Constraints;

structure! {
    /// The request payload of Get Constraints. It is empty.
    #[derive(Clone, Default)]
    pub struct GetConstraintsRequest {}
}

structure! {
    /// The response payload of Get Constraints.
    #[derive(Clone)]
    pub struct GetConstraintsResponse {
        Constraints => constraints: Constraints, V2_1..;
    }
}
