//! Create: makes a symmetric key.
//!
//! See 1.4, section 4.1; 2.1, section 6.1.8.

use crate::attribute::TemplateAttribute;
use crate::enumerations::ObjectType;
use crate::identifier::UniqueIdentifier;
use crate::structures::ProtectionStorageMasks;

structure! {
    /// The request payload of Create.
    #[derive(Clone)]
    pub struct CreateRequest {
        ObjectType => object_type: ObjectType, V1_0..;
        TemplateAttribute / Attributes => attributes: TemplateAttribute, V1_0..;
        ProtectionStorageMasks => protection_storage_masks: Option<ProtectionStorageMasks>, V2_0..;
    }
}

structure! {
    /// The response payload of Create.
    #[derive(Clone)]
    pub struct CreateResponse {
        ObjectType => object_type: ObjectType, V1_0..;
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_0..;
        TemplateAttribute => template_attribute: Option<TemplateAttribute>, V1_0..V2_0;
    }
}
