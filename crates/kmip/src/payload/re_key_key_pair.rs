//! Re-key Key Pair: makes a new key pair in place of an existing one.
//!
//! See 1.4, section 4.5; 2.1, section 6.1.47.

use crate::attribute::TemplateAttribute;
use crate::codec::Interval;
use crate::identifier::{ObjectReference, UniqueIdentifier};
use crate::structures::ProtectionStorageMasks;

structure! {
    /// The request payload of Re-key Key Pair.
    #[derive(Clone)]
    pub struct ReKeyKeyPairRequest {
        /// The private key, up to 2.1.
        PrivateKeyUniqueIdentifier => private_key_unique_identifier: Option<ObjectReference>, V1_1..V3_0;
        /// The private key, in 3.0.
        UniqueIdentifier => unique_identifier: Option<ObjectReference>, V3_0..;
        Offset => offset: Option<Interval>, V1_1..;
        CommonTemplateAttribute / CommonAttributes => common_attributes: Option<TemplateAttribute>, V1_1..;
        PrivateKeyTemplateAttribute / PrivateKeyAttributes => private_key_attributes: Option<TemplateAttribute>, V1_1..;
        PublicKeyTemplateAttribute / PublicKeyAttributes => public_key_attributes: Option<TemplateAttribute>, V1_1..;
        CommonProtectionStorageMasks => common_protection_storage_masks: Option<ProtectionStorageMasks>, V2_0..;
        PrivateProtectionStorageMasks => private_protection_storage_masks: Option<ProtectionStorageMasks>, V2_0..;
        PublicProtectionStorageMasks => public_protection_storage_masks: Option<ProtectionStorageMasks>, V2_0..;
    }
}

structure! {
    /// The response payload of Re-key Key Pair.
    #[derive(Clone)]
    pub struct ReKeyKeyPairResponse {
        PrivateKeyUniqueIdentifier => private_key_unique_identifier: UniqueIdentifier, V1_1..;
        PublicKeyUniqueIdentifier => public_key_unique_identifier: UniqueIdentifier, V1_1..;
        PrivateKeyTemplateAttribute => private_key_template_attribute: Option<TemplateAttribute>, V1_1..V2_0;
        PublicKeyTemplateAttribute => public_key_template_attribute: Option<TemplateAttribute>, V1_1..V2_0;
    }
}
