//! Validate: checks a chain of certificates.
//!
//! See 1.4, section 4.24; 2.1, section 6.1.57.

use crate::codec::DateTime;
use crate::enumerations::ValidityIndicator;
use crate::identifier::ObjectReference;
use crate::object::Certificate;

structure! {
    /// The request payload of Validate.
    #[derive(Clone)]
    pub struct ValidateRequest {
        Certificate => certificates: Vec<Certificate>, V1_0..;
        UniqueIdentifier => unique_identifiers: Vec<ObjectReference>, V1_0..;
        /// The time to check at; without it, now.
        ValidityDate => validity_date: Option<DateTime>, V1_0..;
    }
}

structure! {
    /// The response payload of Validate.
    #[derive(Clone)]
    pub struct ValidateResponse {
        ValidityIndicator => validity_indicator: ValidityIndicator, V1_0..;
    }
}
