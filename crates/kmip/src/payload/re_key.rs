//! Re-key: makes a new key in place of an existing one.
//!
//! See 1.4, section 4.4; 2.1, section 6.1.46.

use crate::attribute::TemplateAttribute;
use crate::codec::Interval;
use crate::identifier::{ObjectReference, UniqueIdentifier};
use crate::structures::ProtectionStorageMasks;

structure! {
    /// The request payload of Re-key.
    #[derive(Clone)]
    pub struct ReKeyRequest {
        /// The object; the ID Placeholder if it is left out, which 3.0 does not allow.
        UniqueIdentifier => unique_identifier: Option<ObjectReference>, V1_0..;
        Offset => offset: Option<Interval>, V1_0..;
        TemplateAttribute / Attributes => attributes: Option<TemplateAttribute>, V1_0..;
        ProtectionStorageMasks => protection_storage_masks: Option<ProtectionStorageMasks>, V2_0..;
    }
}

structure! {
    /// The response payload of Re-key.
    #[derive(Clone)]
    pub struct ReKeyResponse {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_0..;
        TemplateAttribute => template_attribute: Option<TemplateAttribute>, V1_0..V2_0;
    }
}
