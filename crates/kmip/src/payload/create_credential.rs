//! Create Credential: makes a credential, of one of these kinds.
//!
//! See 3.0, section 6.1.9.

use crate::attribute::Attributes;
use crate::enumerations::CredentialType;
use crate::identifier::UniqueIdentifier;
use crate::object::Certificate;
use crate::structures::{DeviceCredential, HashedPasswordCredential, OTPCredential, PasswordCredential};

structure! {
    /// The request payload of Create Credential.
    #[derive(Clone)]
    pub struct CreateCredentialRequest {
        CredentialType => credential_type: CredentialType, V3_0..;
        Attributes => attributes: Attributes, V3_0..;
        PasswordCredential => password_credential: Option<PasswordCredential>, V3_0..;
        DeviceCredential => device_credential: Option<DeviceCredential>, V3_0..;
        HashedPasswordCredential => hashed_password_credential: Option<HashedPasswordCredential>, V3_0..;
        OTPCredential => otp_credential: Option<OTPCredential>, V3_0..;
        Certificate => certificate: Option<Certificate>, V3_0..;
    }
}

structure! {
    /// The response payload of Create Credential.
    #[derive(Clone)]
    pub struct CreateCredentialResponse {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V3_0..;
    }
}
