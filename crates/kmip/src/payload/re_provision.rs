//! Re-Provision: replaces the certificate a client connects with.
//!
//! See 2.1, section 6.1.48.

use crate::identifier::UniqueIdentifier;
use crate::object::{Certificate, CertificateRequest};

structure! {
    /// The request payload of Re-Provision.
    #[derive(Clone)]
    pub struct ReProvisionRequest {
        CertificateRequest => certificate_request: Option<CertificateRequest>, V2_0..;
        Certificate => certificate: Option<Certificate>, V2_0..;
    }
}

structure! {
    /// The response payload of Re-Provision.
    #[derive(Clone)]
    pub struct ReProvisionResponse {
        UniqueIdentifier => unique_identifier: Option<UniqueIdentifier>, V2_0..;
    }
}
