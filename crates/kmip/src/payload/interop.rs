//! Interop: marks the beginning and the end of an interoperability test, or resets the server for it.
//!
//! See 2.1, section 6.1.26.

use crate::enumerations::InteropFunction;

structure! {
    /// The request payload of Interop.
    #[derive(Clone)]
    pub struct InteropRequest {
        InteropFunction => interop_function: InteropFunction, V2_0..;
        /// The table requires it; a Reset has no use for it.
        InteropIdentifier => interop_identifier: Option<String>, V2_0..;
    }
}

structure! {
    /// The response payload of Interop. It is empty.
    #[derive(Clone, Default)]
    pub struct InteropResponse {}
}
