//! Register: stores an object that the client has.
//!
//! See 1.4, section 4.3; 2.1, section 6.1.43.

use crate::attribute::TemplateAttribute;
use crate::enumerations::ObjectType;
use crate::identifier::UniqueIdentifier;
use crate::object::ManagedObject;
use crate::structures::ProtectionStorageMasks;

structure! {
    /// The request payload of Register.
    #[derive(Clone)]
    pub struct RegisterRequest {
        ObjectType => object_type: ObjectType, V1_0..;
        TemplateAttribute / Attributes => attributes: TemplateAttribute, V1_0..;
        AnyManagedObject => object: ManagedObject, V1_0..;
        ProtectionStorageMasks => protection_storage_masks: Option<ProtectionStorageMasks>, V2_0..;
    }
}

structure! {
    /// The response payload of Register.
    #[derive(Clone)]
    pub struct RegisterResponse {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_0..;
        TemplateAttribute => template_attribute: Option<TemplateAttribute>, V1_0..V2_0;
    }
}
