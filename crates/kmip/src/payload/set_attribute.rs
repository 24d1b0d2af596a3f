//! Set Attribute: sets an attribute that has one value at most.
//!
//! See 2.1, section 6.1.51.

use crate::attribute::AttributeInstance;
use crate::identifier::{ObjectReference, UniqueIdentifier};

structure! {
    /// The request payload of Set Attribute.
    #[derive(Clone)]
    pub struct SetAttributeRequest {
        /// The object; the ID Placeholder if it is left out, which 3.0 does not allow.
        UniqueIdentifier => unique_identifier: Option<ObjectReference>, V2_0..;
        NewAttribute => new_attribute: AttributeInstance, V2_0..;
    }
}

structure! {
    /// The response payload of Set Attribute.
    #[derive(Clone)]
    pub struct SetAttributeResponse {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V2_0..;
    }
}
