//! Modify Attribute: changes an attribute of an object.
//!
//! See 1.4, section 4.15; 2.1, section 6.1.34.

use crate::attribute::AttributeInstance;
use crate::identifier::{ObjectReference, UniqueIdentifier};

structure! {
    /// The request payload of Modify Attribute.
    #[derive(Clone)]
    pub struct ModifyAttributeRequest {
        /// The object; the ID Placeholder if it is left out, which 3.0 does not allow.
        UniqueIdentifier => unique_identifier: Option<ObjectReference>, V1_0..;
        /// Which of several values to change; 1.x says so by Attribute Index.
        CurrentAttribute => current_attribute: Option<AttributeInstance>, V2_0..;
        Attribute / NewAttribute => new_attribute: AttributeInstance, V1_0..;
    }
}

structure! {
    /// The response payload of Modify Attribute.
    #[derive(Clone)]
    pub struct ModifyAttributeResponse {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_0..;
        Attribute => attribute: Option<AttributeInstance>, V1_0..V2_0;
    }
}
