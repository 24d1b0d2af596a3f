//! Adjust Attribute: changes an attribute relative to its value.
//!
//! See 2.1, section 6.1.3.

use crate::attribute::AttributeReference;
use crate::enumerations::AdjustmentType;
use crate::identifier::{ObjectReference, UniqueIdentifier};
use crate::structures::AdjustmentValue;

structure! {
    /// The request payload of Adjust Attribute.
    #[derive(Clone)]
    pub struct AdjustAttributeRequest {
        /// The object; the ID Placeholder if it is left out, which 3.0 does not allow.
        UniqueIdentifier => unique_identifier: Option<ObjectReference>, V2_0..;
        AttributeReference => attribute_reference: AttributeReference, V2_0..;
        AdjustmentType => adjustment_type: AdjustmentType, V2_0..;
        /// 1 without it.
        AdjustmentValue => adjustment_value: Option<AdjustmentValue>, V2_0..;
    }
}

structure! {
    /// The response payload of Adjust Attribute.
    #[derive(Clone)]
    pub struct AdjustAttributeResponse {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V2_0..;
    }
}
