//! Delete Attribute: removes an attribute from an object.
//!
//! See 1.4, section 4.16; 2.1, section 6.1.13.

use crate::attribute::{AttributeInstance, AttributeReference};
use crate::identifier::{ObjectReference, UniqueIdentifier};

structure! {
    /// The request payload of Delete Attribute.
    #[derive(Clone)]
    pub struct DeleteAttributeRequest {
        /// The object; the ID Placeholder if it is left out, which 3.0 does not allow.
        UniqueIdentifier => unique_identifier: Option<ObjectReference>, V1_0..;
        /// Which of several values to remove; 1.x says so by Attribute Index.
        CurrentAttribute => current_attribute: Option<AttributeInstance>, V2_0..;
        AttributeName / AttributeReference => attribute_reference: Option<AttributeReference>, V1_0..;
        AttributeIndex => attribute_index: Option<i32>, V1_0..V2_0;
    }
}

structure! {
    /// The response payload of Delete Attribute.
    #[derive(Clone)]
    pub struct DeleteAttributeResponse {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_0..;
        Attribute => attribute: Option<AttributeInstance>, V1_0..V2_0;
    }
}
