//! Derive Key: makes a key or secret data from others.
//!
//! See 1.4, section 4.6; 2.1, section 6.1.14.

use crate::attribute::TemplateAttribute;
use crate::enumerations::{DerivationMethod, ObjectType};
use crate::identifier::{ObjectReference, UniqueIdentifier};
use crate::structures::DerivationParameters;

structure! {
    /// The request payload of Derive Key.
    #[derive(Clone)]
    pub struct DeriveKeyRequest {
        ObjectType => object_type: ObjectType, V1_0..;
        /// The keys and secret data to derive from.
        UniqueIdentifier => unique_identifiers: Vec<ObjectReference>, V1_0..;
        DerivationMethod => derivation_method: DerivationMethod, V1_0..;
        DerivationParameters => derivation_parameters: DerivationParameters, V1_0..;
        TemplateAttribute / Attributes => attributes: TemplateAttribute, V1_0..;
    }
}

structure! {
    /// The response payload of Derive Key.
    #[derive(Clone)]
    pub struct DeriveKeyResponse {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_0..;
        TemplateAttribute => template_attribute: Option<TemplateAttribute>, V1_0..V2_0;
    }
}
