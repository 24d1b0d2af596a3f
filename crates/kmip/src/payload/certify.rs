//! Certify: makes a certificate for a public key.
//!
//! See 1.4, section 4.7; 2.1, section 6.1.6.

use crate::attribute::TemplateAttribute;
use crate::codec::ByteString;
use crate::enumerations::CertificateRequestType;
use crate::identifier::{ObjectReference, UniqueIdentifier};
use crate::structures::ProtectionStorageMasks;

structure! {
    /// The request payload of Certify.
    #[derive(Clone)]
    pub struct CertifyRequest {
        /// The public key; may be left out in 3.0 too.
        UniqueIdentifier => unique_identifier: Option<ObjectReference>, V1_0..;
        /// How the certificate request is encoded. Required in 1.0.
        CertificateRequestType => certificate_request_type: Option<CertificateRequestType>, V1_0..;
        /// Required in 1.0.
        CertificateRequest / CertificateRequestValue => certificate_request: Option<ByteString>, V1_0..;
        TemplateAttribute / Attributes => attributes: Option<TemplateAttribute>, V1_0..;
        ProtectionStorageMasks => protection_storage_masks: Option<ProtectionStorageMasks>, V2_0..;
    }
}

structure! {
    /// The response payload of Certify.
    #[derive(Clone)]
    pub struct CertifyResponse {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_0..;
        TemplateAttribute => template_attribute: Option<TemplateAttribute>, V1_0..V2_0;
    }
}
