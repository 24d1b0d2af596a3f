//! Get Attribute List: returns the names of the attributes of an object.
//!
//! See 1.4, section 4.13; 2.1, section 6.1.21.

use crate::attribute::AttributeReference;
use crate::identifier::{ObjectReference, UniqueIdentifier};

structure! {
    /// The request payload of Get Attribute List.
    #[derive(Clone)]
    pub struct GetAttributeListRequest {
        /// The object; the ID Placeholder if it is left out, which 3.0 does not allow.
        UniqueIdentifier => unique_identifier: Option<ObjectReference>, V1_0..;
    }
}

structure! {
    /// The response payload of Get Attribute List.
    #[derive(Clone)]
    pub struct GetAttributeListResponse {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_0..;
        AttributeName / AttributeReference => attribute_references: Vec<AttributeReference>, V1_0..;
    }
}
