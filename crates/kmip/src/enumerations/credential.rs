//! Credentials, attestation and tickets.

enumeration! {
    /// The form of the evidence in an attestation credential.
    pub enum AttestationType("Attestation Type") in [AttestationType] {
        0x01 => TPMQuote, "TPM Quote", V1_2..;
        0x02 => TCGIntegrityReport, "TCG Integrity Report", V1_2..;
        0x03 => SAMLAssertion, "SAML Assertion", V1_2..;
    }
}

enumeration! {
    /// What a Credential Value holds.
    pub enum CredentialType("Credential Type") in [CredentialType] {
        0x01 => UsernameAndPassword, "Username and Password", V1_0..;
        0x02 => Device, "Device", V1_1..;
        0x03 => Attestation, "Attestation", V1_2..;
        0x04 => OneTimePassword, "One Time Password", V2_0..;
        0x05 => HashedPassword, "Hashed Password", V2_0..;
        0x06 => Ticket, "Ticket", V2_0..;
        0x07 => Password, "Password", V3_0..;
        0x08 => Certificate, "Certificate", V3_0..;
    }
}

enumeration! {
    /// One-time-password algorithms.
    pub enum OTPAlgorithm("OTP Algorithm") in [OTPAlgorithm] {
        0x01 => HOTP, "HOTP", V3_0..;
        0x02 => TOTP, "TOTP", V3_0..;
    }
}

enumeration! {
    /// What a ticket is for.
    pub enum TicketType("Ticket Type") in [TicketType] {
        0x01 => Login, "Login", V2_0..;
    }
}
