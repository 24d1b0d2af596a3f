//! Set Constraints: sets what new objects must look like.
//!
//! See 2.1, section 6.1.52.

use crate::structures::Constraints;

structure! {
    /// The request payload of Set Constraints.
    #[derive(Clone)]
    pub struct SetConstraintsRequest {
        /// Without it the constraints are cleared, as a published test case of 2.1 (TC-MD-24) expects.
        Constraints => constraints: Option<Constraints>, V2_1..;
    }
}

structure! {
    /// The response payload of Set Constraints. It is empty.
    #[derive(Clone, Default)]
    pub struct SetConstraintsResponse {}
}
