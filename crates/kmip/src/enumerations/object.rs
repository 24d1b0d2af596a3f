//! Managed objects and their attributes.

enumeration! {
    /// What kind of text an Alternative Name holds.
    pub enum AlternativeNameType("Alternative Name Type") in [AlternativeNameType] {
        0x01 => UninterpretedTextString, "Uninterpreted Text String", V1_2..;
        0x02 => URI, "URI", V1_2..;
        0x03 => ObjectSerialNumber, "Object Serial Number", V1_2..;
        0x04 => EmailAddress, "Email Address", V1_2..;
        0x05 => DNSName, "DNS Name", V1_2..;
        0x06 => X_500DistinguishedName, "X.500 Distinguished Name", V1_2..;
        0x07 => IPAddress, "IP Address", V1_2..;
    }
}

enumeration! {
    /// The encoding of a certificate request.
    pub enum CertificateRequestType("Certificate Request Type") in [CertificateRequestType] {
        0x01 => CRMF, "CRMF", V1_0..;
        0x02 => PKCS_10, "PKCS#10", V1_0..;
        0x03 => PEM, "PEM", V1_0..;
        0x04 => PGP, "PGP", V1_0..V2_0;
    }
}

enumeration! {
    /// The encoding of a certificate.
    pub enum CertificateType("Certificate Type") in [CertificateType] {
        0x01 => X_509, "X.509", V1_0..;
        0x02 => PGP, "PGP", V1_0..;
    }
}

enumeration! {
    /// Why an object became Deactivated.
    pub enum DeactivationReasonCode("Deactivation Reason Code") in [DeactivationReasonCode] {
        0x01 => Unspecified, "Unspecified", V3_0..;
        0x02 => DeactivationDate, "Deactivation Date", V3_0..;
        0x03 => ProtectStopDate, "Protect Stop Date", V3_0..;
        0x04 => UsageLimit, "Usage Limit", V3_0..;
    }
}

enumeration! {
    /// The relation a Link stands for (one attribute per relation in 3.0).
    pub enum LinkType("Link Type") in [LinkType] {
        0x101 => CertificateLink, "Certificate Link", V1_0..V3_0;
        0x102 => PublicKeyLink, "Public Key Link", V1_0..V3_0;
        0x103 => PrivateKeyLink, "Private Key Link", V1_0..V3_0;
        0x104 => DerivationBaseObjectLink, "Derivation Base Object Link", V1_0..V3_0;
        0x105 => DerivedKeyLink, "Derived Key Link", V1_0..V3_0;
        0x106 => ReplacementObjectLink, "Replacement Object Link", V1_0..V3_0;
        0x107 => ReplacedObjectLink, "Replaced Object Link", V1_0..V3_0;
        0x108 => ParentLink, "Parent Link", V1_2..V3_0;
        0x109 => ChildLink, "Child Link", V1_2..V3_0;
        0x10A => PreviousLink, "Previous Link", V1_2..V3_0;
        0x10B => NextLink, "Next Link", V1_2..V3_0;
        0x10C => PKCS_12CertificateLink, "PKCS#12 Certificate Link", V1_4..V3_0;
        0x10D => PKCS_12PasswordLink, "PKCS#12 Password Link", V1_4..V3_0;
        0x10E => WrappingKeyLink, "Wrapping Key Link", V2_0..V3_0;
    }
}

enumeration! {
    /// What kind of text a Name holds.
    pub enum NameType("Name Type") in [NameType] {
        0x01 => UninterpretedTextString, "Uninterpreted Text String", V1_0..V3_0;
        0x02 => URI, "URI", V1_0..V3_0;
    }
}

enumeration! {
    /// Whether an object belongs to users or to the running of the system.
    pub enum ObjectClass("Object Class") in [ObjectClass] {
        0x01 => User, "User", V3_0..;
        0x02 => System, "System", V3_0..;
    }
}

enumeration! {
    /// Which members of a group Locate returns.
    pub enum ObjectGroupMember("Object Group Member") in [ObjectGroupMember] {
        0x01 => GroupMemberFresh, "Group Member Fresh", V1_1..V3_0;
        0x02 => GroupMemberDefault, "Group Member Default", V1_1..V3_0;
    }
}

enumeration! {
    /// Kinds of managed objects.
    pub enum ObjectType("Object Type") in [ObjectType] {
        0x01 => Certificate, "Certificate", V1_0..;
        0x02 => SymmetricKey, "Symmetric Key", V1_0..;
        0x03 => PublicKey, "Public Key", V1_0..;
        0x04 => PrivateKey, "Private Key", V1_0..;
        0x05 => SplitKey, "Split Key", V1_0..;
        0x06 => Template, "Template", V1_0..V2_0;
        0x07 => SecretData, "Secret Data", V1_0..;
        0x08 => OpaqueObject, "Opaque Object", V1_0..;
        0x09 => PGPKey, "PGP Key", V1_2..;
        0x0A => CertificateRequest, "Certificate Request", V2_0..;
        0x0B => User, "User", V3_0..;
        0x0C => Group, "Group", V3_0..;
        0x0D => PasswordCredential, "Password Credential", V3_0..;
        0x0E => DeviceCredential, "Device Credential", V3_0..;
        0x0F => OneTimePasswordCredential, "One Time Password Credential", V3_0..;
        0x10 => HashedPasswordCredential, "Hashed Password Credential", V3_0..;
    }
}

enumeration! {
    /// What an Opaque Object holds. The standard defines no value: all are extensions (`0x8XXXXXXX`).
    pub enum OpaqueDataType("Opaque Data Type") in [OpaqueDataType] {
    }
}

enumeration! {
    /// How well the server has to protect an object.
    pub enum ProtectionLevel("Protection Level") in [ProtectionLevel] {
        0x01 => High, "High", V2_0..;
        0x02 => Low, "Low", V2_0..;
    }
}

enumeration! {
    /// Why an object was revoked.
    pub enum RevocationReasonCode("Revocation Reason Code") in [RevocationReasonCode] {
        0x01 => Unspecified, "Unspecified", V1_0..;
        0x02 => KeyCompromise, "Key Compromise", V1_0..;
        0x03 => CACompromise, "CA Compromise", V1_0..;
        0x04 => AffiliationChanged, "Affiliation Changed", V1_0..;
        0x05 => Superseded, "Superseded", V1_0..;
        0x06 => CessationOfOperation, "Cessation of Operation", V1_0..;
        0x07 => PrivilegeWithdrawn, "Privilege Withdrawn", V1_0..;
    }
}

enumeration! {
    /// What kind of text a Rotate Name holds.
    pub enum RotateNameType("Rotate Name Type") in [RotateNameType] {
        0x01 => UninterpretedTextString, "Uninterpreted Text String", V2_1..V3_0;
        0x02 => URI, "URI", V2_1..V3_0;
    }
}

enumeration! {
    /// What a Secret Data object holds.
    pub enum SecretDataType("Secret Data Type") in [SecretDataType] {
        0x01 => Password, "Password", V1_0..;
        0x02 => Seed, "Seed", V1_0..;
    }
}

enumeration! {
    /// The life-cycle state of an object.
    pub enum State("State") in [State] {
        0x01 => PreActive, "Pre-Active", V1_0..;
        0x02 => Active, "Active", V1_0..;
        0x03 => Deactivated, "Deactivated", V1_0..;
        0x04 => Compromised, "Compromised", V1_0..;
        0x05 => Destroyed, "Destroyed", V1_0..;
        0x06 => DestroyedCompromised, "Destroyed Compromised", V1_0..;
    }
}

enumeration! {
    /// Identifiers that stand for the result of an earlier batch item.
    pub enum UniqueIdentifierEnumeration("Unique Identifier") in [
        UniqueIdentifier,
        LinkedObjectIdentifier,
        CertificateLink,
        ChildLink,
        DerivationObjectLink,
        DerivedObjectLink,
        NextLink,
        ParentLink,
        PKCS_12CertificateLink,
        PKCS_12PasswordLink,
        PreviousLink,
        PrivateKeyLink,
        PublicKeyLink,
        ReplacedObjectLink,
        ReplacementObjectLink,
        WrappingKeyLink,
        CredentialLink,
        PasswordLink,
        GroupLink,
        SplitKeyBaseLink,
        JoinedSplitKeyPartsLink,
        CertificateRequestLink,
    ] {
        0x01 => IDPlaceholder, "ID Placeholder", V2_0..;
        0x02 => Certify, "Certify", V2_0..;
        0x03 => Create, "Create", V2_0..;
        0x04 => CreateKeyPair, "Create Key Pair", V2_0..;
        0x05 => CreateKeyPairPrivateKey, "Create Key Pair Private Key", V2_0..;
        0x06 => CreateKeyPairPublicKey, "Create Key Pair Public Key", V2_0..;
        0x07 => CreateSplitKey, "Create Split Key", V2_0..;
        0x08 => DeriveKey, "Derive Key", V2_0..;
        0x09 => Import, "Import", V2_0..;
        0x0A => JoinSplitKey, "Join Split Key", V2_0..;
        0x0B => Locate, "Locate", V2_0..;
        0x0C => Register, "Register", V2_0..;
        0x0D => ReKey, "Re-key", V2_0..;
        0x0E => ReCertify, "Re-certify", V2_0..;
        0x0F => ReKeyKeyPair, "Re-key Key Pair", V2_0..;
        0x10 => ReKeyKeyPairPrivateKey, "Re-key Key Pair Private Key", V2_0..;
        0x11 => ReKeyKeyPairPublicKey, "Re-key Key Pair Public Key", V2_0..;
        0x12 => ReProvision, "Re-Provision", V3_0..;
        0x13 => CreateUser, "Create User", V3_0..;
        0x14 => CreateGroup, "Create Group", V3_0..;
        0x15 => CreateCredential, "Create Credential", V3_0..;
    }
}

enumeration! {
    /// What a usage limit counts.
    pub enum UsageLimitsUnit("Usage Limits Unit") in [UsageLimitsUnit] {
        0x01 => Byte, "Byte", V1_0..;
        0x02 => Object, "Object", V1_0..;
    }
}
