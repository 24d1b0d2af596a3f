//! Get Attributes: returns attributes of an object.
//!
//! See 1.4, section 4.12; 2.1, section 6.1.20.

use crate::attribute::{AttributeReference, Attributes};
use crate::identifier::{ObjectReference, UniqueIdentifier};

structure! {
    /// The request payload of Get Attributes.
    #[derive(Clone)]
    pub struct GetAttributesRequest {
        /// The object; the ID Placeholder if it is left out, which 3.0 does not allow.
        UniqueIdentifier => unique_identifier: Option<ObjectReference>, V1_0..;
        /// Which; all without one.
        AttributeName / AttributeReference => attribute_references: Vec<AttributeReference>, V1_0..;
    }
}

structure! {
    /// The response payload of Get Attributes.
    #[derive(Clone)]
    pub struct GetAttributesResponse {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_0..;
        Attribute / Attributes => attributes: Attributes, V1_0..;
    }
}
