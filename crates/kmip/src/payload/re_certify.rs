//! Re-certify: renews a certificate.
//!
//! See 1.4, section 4.8; 2.1, section 6.1.45.

use crate::attribute::TemplateAttribute;
use crate::codec::{ByteString, Interval};
use crate::enumerations::CertificateRequestType;
use crate::identifier::{ObjectReference, UniqueIdentifier};
use crate::structures::ProtectionStorageMasks;

structure! {
    /// The request payload of Re-certify.
    #[derive(Clone)]
    pub struct ReCertifyRequest {
        /// The object; the ID Placeholder if it is left out, which 3.0 does not allow.
        UniqueIdentifier => unique_identifier: Option<ObjectReference>, V1_0..;
        CertificateRequestUniqueIdentifier => certificate_request_unique_identifier: Option<ObjectReference>, V2_0..;
        /// How the certificate request is encoded. Required in 1.0.
        CertificateRequestType => certificate_request_type: Option<CertificateRequestType>, V1_0..;
        /// Required in 1.0.
        CertificateRequest / CertificateRequestValue => certificate_request: Option<ByteString>, V1_0..;
        Offset => offset: Option<Interval>, V1_0..;
        TemplateAttribute / Attributes => attributes: Option<TemplateAttribute>, V1_0..;
        ProtectionStorageMasks => protection_storage_masks: Option<ProtectionStorageMasks>, V2_0..;
    }
}

structure! {
    /// The response payload of Re-certify.
    #[derive(Clone)]
    pub struct ReCertifyResponse {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_0..;
        TemplateAttribute => template_attribute: Option<TemplateAttribute>, V1_0..V2_0;
    }
}
