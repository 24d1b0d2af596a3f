//! What Query asks and tells.

enumeration! {
    /// How clients become known to the server.
    pub enum ClientRegistrationMethod("Client Registration Method") in [ClientRegistrationMethod] {
        0x01 => Unspecified, "Unspecified", V1_3..;
        0x02 => ServerPreGenerated, "Server Pre-Generated", V1_3..;
        0x03 => ServerOnDemand, "Server On-Demand", V1_3..;
        0x04 => ClientGenerated, "Client Generated", V1_3..;
        0x05 => ClientRegistered, "Client Registered", V1_3..;
    }
}

enumeration! {
    /// What the server does to a key that is destroyed.
    pub enum DestroyAction("Destroy Action") in [DestroyAction] {
        0x01 => Unspecified, "Unspecified", V1_3..;
        0x02 => KeyMaterialDeleted, "Key Material Deleted", V1_3..;
        0x03 => KeyMaterialShredded, "Key Material Shredded", V1_3..;
        0x04 => MetaDataDeleted, "Meta Data Deleted", V1_3..;
        0x05 => MetaDataShredded, "Meta Data Shredded", V1_3..;
        0x06 => Deleted, "Deleted", V1_3..;
        0x07 => Shredded, "Shredded", V1_3..;
    }
}

enumeration! {
    /// What a client asks about the server.
    pub enum QueryFunction("Query Function") in [QueryFunction] {
        0x01 => QueryOperations, "Query Operations", V1_0..;
        0x02 => QueryObjects, "Query Objects", V1_0..;
        0x03 => QueryServerInformation, "Query Server Information", V1_0..;
        0x04 => QueryApplicationNamespaces, "Query Application Namespaces", V1_0..;
        0x05 => QueryExtensionList, "Query Extension List", V1_1..;
        0x06 => QueryExtensionMap, "Query Extension Map", V1_1..;
        0x07 => QueryAttestationTypes, "Query Attestation Types", V1_2..;
        0x08 => QueryRNGs, "Query RNGs", V1_3..;
        0x09 => QueryValidations, "Query Validations", V1_3..;
        0x0A => QueryProfiles, "Query Profiles", V1_3..;
        0x0B => QueryCapabilities, "Query Capabilities", V1_3..;
        0x0C => QueryClientRegistrationMethods, "Query Client Registration Methods", V1_3..;
        0x0D => QueryDefaultsInformation, "Query Defaults Information", V2_0..;
        0x0E => QueryStorageProtectionMasks, "Query Storage Protection Masks", V2_0..;
        0x0F => QueryCredentialInformation, "Query Credential Information", V3_0..;
    }
}

enumeration! {
    /// How key material is made unreadable.
    pub enum ShreddingAlgorithm("Shredding Algorithm") in [ShreddingAlgorithm] {
        0x01 => Unspecified, "Unspecified", V1_3..;
        0x02 => Cryptographic, "Cryptographic", V1_3..;
        0x03 => Unsupported, "Unsupported", V1_3..;
    }
}

enumeration! {
    /// Whether the server unwraps keys that are registered wrapped.
    pub enum UnwrapMode("Unwrap Mode") in [UnwrapMode] {
        0x01 => Unspecified, "Unspecified", V1_3..;
        0x02 => Processed, "Processed", V1_3..;
        0x03 => NotProcessed, "Not Processed", V1_3..;
    }
}

enumeration! {
    /// Who validated the server.
    pub enum ValidationAuthorityType("Validation Authority Type") in [ValidationAuthorityType] {
        0x01 => Unspecified, "Unspecified", V1_3..;
        0x02 => NISTCMVP, "NIST CMVP", V1_3..;
        0x03 => CommonCriteria, "Common Criteria", V1_3..;
    }
}

enumeration! {
    /// What was validated.
    pub enum ValidationType("Validation Type") in [ValidationType] {
        0x01 => Unspecified, "Unspecified", V1_3..;
        0x02 => Hardware, "Hardware", V1_3..;
        0x03 => Software, "Software", V1_3..;
        0x04 => Firmware, "Firmware", V1_3..;
        0x05 => Hybrid, "Hybrid", V1_3..;
    }
}
