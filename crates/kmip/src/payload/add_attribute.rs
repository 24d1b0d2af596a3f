//! Add Attribute: adds an attribute to an object.
//!
//! See 1.4, section 4.14; 2.1, section 6.1.2.

use crate::attribute::AttributeInstance;
use crate::identifier::{ObjectReference, UniqueIdentifier};

structure! {
    /// The request payload of Add Attribute.
    #[derive(Clone)]
    pub struct AddAttributeRequest {
        /// The object; the ID Placeholder if it is left out, which 3.0 does not allow.
        UniqueIdentifier => unique_identifier: Option<ObjectReference>, V1_0..;
        /// In place of New Attribute in seven published test cases of 2.0.
        CurrentAttribute => current_attribute: Option<AttributeInstance>, V2_0..;
        Attribute / NewAttribute => new_attribute: Option<AttributeInstance>, V1_0..;
    }
}

structure! {
    /// The response payload of Add Attribute.
    #[derive(Clone)]
    pub struct AddAttributeResponse {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_0..;
        Attribute => attribute: Option<AttributeInstance>, V1_0..V2_0;
    }
}
