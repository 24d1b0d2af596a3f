//! Create Split Key: makes a key in parts, or splits an existing one.
//!
//! See 1.4, section 4.38; 2.1, section 6.1.10.

use crate::attribute::TemplateAttribute;
use crate::codec::BigInteger;
use crate::enumerations::{ObjectType, SplitKeyMethod};
use crate::identifier::{ObjectReference, UniqueIdentifier};
use crate::structures::ProtectionStorageMasks;

structure! {
    /// The request payload of Create Split Key.
    #[derive(Clone)]
    pub struct CreateSplitKeyRequest {
        ObjectType => object_type: ObjectType, V1_2..;
        /// The key to split; a new one without it.
        UniqueIdentifier => unique_identifier: Option<ObjectReference>, V1_2..;
        SplitKeyParts => split_key_parts: i32, V1_2..;
        SplitKeyThreshold => split_key_threshold: i32, V1_2..;
        SplitKeyMethod => split_key_method: SplitKeyMethod, V1_2..;
        PrimeFieldSize => prime_field_size: Option<BigInteger>, V1_2..;
        TemplateAttribute / Attributes => attributes: TemplateAttribute, V1_2..;
        ProtectionStorageMasks => protection_storage_masks: Option<ProtectionStorageMasks>, V2_0..;
    }
}

structure! {
    /// The response payload of Create Split Key.
    #[derive(Clone)]
    pub struct CreateSplitKeyResponse {
        /// The published test cases leave it out.
        ObjectType => object_type: Option<ObjectType>, V1_2..V1_3;
        UniqueIdentifier => unique_identifiers: Vec<UniqueIdentifier>, V1_2..;
        TemplateAttribute => template_attribute: Option<TemplateAttribute>, V1_2..V2_0;
    }
}
