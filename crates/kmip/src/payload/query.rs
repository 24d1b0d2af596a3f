//! Query: asks what the server is and can do.
//!
//! See 1.4, section 4.25; 2.1, section 6.1.40.

use crate::enumerations::{AttestationType, ClientRegistrationMethod, ObjectType, QueryFunction};
use crate::operation::Operation;
use crate::structures::{
    CapabilityInformation, CredentialInformation, DefaultsInformation, ExtensionInformation, ObjectGroups, ProfileInformation,
    ProtectionStorageMasks, RNGParameters, ServerInformation, ValidationInformation,
};

structure! {
    /// The request payload of Query.
    #[derive(Clone)]
    pub struct QueryRequest {
        QueryFunction => query_functions: Vec<QueryFunction>, V1_0..;
        ObjectGroups => object_groups: Option<ObjectGroups>, V2_1..V3_0;
    }
}

structure! {
    /// The response payload of Query.
    #[derive(Clone)]
    pub struct QueryResponse {
        Operation => operations: Vec<Operation>, V1_0..;
        ObjectType => object_types: Vec<ObjectType>, V1_0..;
        VendorIdentification => vendor_identification: Option<String>, V1_0..;
        ServerInformation => server_information: Option<ServerInformation>, V1_0..;
        ApplicationNamespace => application_namespaces: Vec<String>, V1_0..;
        ExtensionInformation => extension_information: Vec<ExtensionInformation>, V1_1..;
        AttestationType => attestation_types: Vec<AttestationType>, V1_2..;
        RNGParameters => rng_parameters: Vec<RNGParameters>, V1_3..;
        ProfileInformation => profile_information: Vec<ProfileInformation>, V1_3..;
        ValidationInformation => validation_information: Vec<ValidationInformation>, V1_3..;
        /// One at most in 3.0.
        CapabilityInformation => capability_information: Vec<CapabilityInformation>, V1_3..;
        ClientRegistrationMethod => client_registration_methods: Vec<ClientRegistrationMethod>, V1_3..;
        DefaultsInformation => defaults_information: Option<DefaultsInformation>, V2_0..;
        ProtectionStorageMasks => protection_storage_masks: Option<ProtectionStorageMasks>, V2_0..;
        CredentialInformation => credential_information: Option<CredentialInformation>, V3_0..;
    }
}
