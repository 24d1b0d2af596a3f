//! Join Split Key: makes a key of its parts.
//!
//! See 1.4, section 4.39; 2.1, section 6.1.27.

use crate::attribute::TemplateAttribute;
use crate::enumerations::{ObjectType, SecretDataType};
use crate::identifier::{ObjectReference, UniqueIdentifier};
use crate::structures::ProtectionStorageMasks;

structure! {
    /// The request payload of Join Split Key.
    #[derive(Clone)]
    pub struct JoinSplitKeyRequest {
        ObjectType => object_type: ObjectType, V1_2..;
        UniqueIdentifier => unique_identifiers: Vec<ObjectReference>, V1_2..;
        SecretDataType => secret_data_type: Option<SecretDataType>, V1_2..;
        TemplateAttribute / Attributes => attributes: Option<TemplateAttribute>, V1_2..;
        ProtectionStorageMasks => protection_storage_masks: Option<ProtectionStorageMasks>, V2_0..;
    }
}

structure! {
    /// The response payload of Join Split Key.
    #[derive(Clone)]
    pub struct JoinSplitKeyResponse {
        /// The published test cases leave it out.
        ObjectType => object_type: Option<ObjectType>, V1_2..V1_3;
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_2..;
        TemplateAttribute => template_attribute: Option<TemplateAttribute>, V1_2..V2_0;
    }
}
