//! Create Key Pair: makes a private and a public key.
//!
//! See 1.4, section 4.2; 2.1, section 6.1.9.

use crate::attribute::TemplateAttribute;
use crate::identifier::UniqueIdentifier;
use crate::structures::ProtectionStorageMasks;

structure! {
    /// The request payload of Create Key Pair.
    #[derive(Clone)]
    pub struct CreateKeyPairRequest {
        CommonTemplateAttribute / CommonAttributes => common_attributes: Option<TemplateAttribute>, V1_0..;
        PrivateKeyTemplateAttribute / PrivateKeyAttributes => private_key_attributes: Option<TemplateAttribute>, V1_0..;
        PublicKeyTemplateAttribute / PublicKeyAttributes => public_key_attributes: Option<TemplateAttribute>, V1_0..;
        CommonProtectionStorageMasks => common_protection_storage_masks: Option<ProtectionStorageMasks>, V2_0..;
        PrivateProtectionStorageMasks => private_protection_storage_masks: Option<ProtectionStorageMasks>, V2_0..;
        PublicProtectionStorageMasks => public_protection_storage_masks: Option<ProtectionStorageMasks>, V2_0..;
    }
}

structure! {
    /// The response payload of Create Key Pair.
    #[derive(Clone)]
    pub struct CreateKeyPairResponse {
        PrivateKeyUniqueIdentifier => private_key_unique_identifier: UniqueIdentifier, V1_0..;
        PublicKeyUniqueIdentifier => public_key_unique_identifier: UniqueIdentifier, V1_0..;
        PrivateKeyTemplateAttribute => private_key_template_attribute: Option<TemplateAttribute>, V1_0..V2_0;
        PublicKeyTemplateAttribute => public_key_template_attribute: Option<TemplateAttribute>, V1_0..V2_0;
    }
}
