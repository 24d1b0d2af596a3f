//! Notify: tells a client of changed attributes.
//!
//! See 1.4, section 5.1; 2.1, section 6.2.2.

use crate::attribute::{AttributeReference, Attributes};
use crate::identifier::UniqueIdentifier;

structure! {
    /// The request payload of Notify.
    #[derive(Clone)]
    pub struct NotifyRequest {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_0..;
        /// The new values.
        Attribute / Attributes => attributes: Option<Attributes>, V1_0..;
        /// Attributes that were removed.
        AttributeReference => attribute_references: Vec<AttributeReference>, V2_0..;
    }
}

structure! {
    /// The response payload of Notify. It is empty.
    #[derive(Clone, Default)]
    pub struct NotifyResponse {}
}
