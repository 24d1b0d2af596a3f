//! Query: what the server can do, as far as it does it (2.1, section 6.1.40).

use kmip::enumerations::{
    ClientRegistrationMethod, DestroyAction, Enumeration as _, ObjectType, ProfileName, QueryFunction, RNGMode,
    ShreddingAlgorithm, UnwrapMode,
};
use kmip::masks::ProtectionStorageMask;
use kmip::payload::query::{QueryRequest, QueryResponse};
use kmip::result_reason::ResultReason;
use kmip::structures::{CapabilityInformation, ProfileInformation, ProtectionStorageMasks, ServerInformation};
use policy::Permission;

use crate::creation;
use crate::error::{Error, Result};
use crate::factory;
use crate::operation::{Context, Done, Loaded, Operation, Plan};
use crate::operations::{SUPPORTED, offered};

/// The object types that Register takes and Get returns.
pub const OBJECT_TYPES: &[ObjectType] = &[
    ObjectType::Certificate,
    ObjectType::SymmetricKey,
    ObjectType::PublicKey,
    ObjectType::PrivateKey,
    ObjectType::SplitKey,
    ObjectType::Template,
    ObjectType::SecretData,
    ObjectType::OpaqueObject,
    ObjectType::PGPKey,
    ObjectType::CertificateRequest,
];

/// The profiles whose operations (a test below) and object types are all there. Their published test cases are part of the
/// conformance run (`cargo xtask conformance`), whose `known-failures.txt` names none of them.
const PROFILES: &[ProfileName] = &[
    ProfileName::OpaqueManagedObjectStoreServerKMIPV1_0,
    ProfileName::OpaqueManagedObjectStoreServerKMIPV1_2,
    ProfileName::OpaqueManagedObjectStoreServerKMIPV1_4,
    ProfileName::SymmetricKeyLifecycleServerKMIPV1_0,
    ProfileName::SymmetricKeyLifecycleServerKMIPV1_2,
    ProfileName::SymmetricKeyLifecycleServerKMIPV1_4,
    ProfileName::AsymmetricKeyLifecycleServerKMIPV1_0,
    ProfileName::AsymmetricKeyLifecycleServerKMIPV1_2,
    ProfileName::AsymmetricKeyLifecycleServerKMIPV1_4,
    ProfileName::TapeLibraryServerKMIPV1_0,
    ProfileName::TapeLibraryServerKMIPV1_2,
    ProfileName::StorageArrayWithSelfEncryptingDriveServerKMIPV1_0,
    ProfileName::StorageArrayWithSelfEncryptingDriveServerKMIPV1_2,
    ProfileName::StorageArrayWithSelfEncryptingDriveServerKMIPV1_4,
    ProfileName::SymmetricKeyFoundryServerKMIPV1_0,
    ProfileName::SymmetricKeyFoundryServerKMIPV1_2,
    ProfileName::SymmetricKeyFoundryServerKMIPV1_4,
    ProfileName::BaselineServer,
    ProfileName::OpaqueManagedObjectStoreServer,
    ProfileName::SymmetricKeyLifecycleServer,
    ProfileName::AsymmetricKeyLifecycleServer,
    ProfileName::StorageArrayWithSelfEncryptingDriveServer,
    ProfileName::SymmetricKeyFoundryServer,
    ProfileName::AESXTSServer,
    ProfileName::BasicCryptographicServerKMIPV1_2,
    ProfileName::BasicCryptographicServerKMIPV1_4,
    ProfileName::AdvancedCryptographicServerKMIPV1_2,
    ProfileName::AdvancedCryptographicServerKMIPV1_4,
    ProfileName::RNGCryptographicServerKMIPV1_2,
    ProfileName::RNGCryptographicServerKMIPV1_4,
    ProfileName::BasicCryptographicServer,
    ProfileName::AdvancedCryptographicServer,
    ProfileName::RNGCryptographicServer,
];

/// What can be asked, and what the answer is here: the documentation is made from it.
pub const QUERY_FUNCTIONS: &[(QueryFunction, &str)] = &[
    (QueryFunction::QueryOperations, "the operations of the first table, as the version knows them"),
    (QueryFunction::QueryObjects, "the types of objects below, as the version knows them"),
    (QueryFunction::QueryServerInformation, "the maker, the server's name and its release"),
    (QueryFunction::QueryApplicationNamespaces, "none: the server makes no Application Data for clients"),
    (QueryFunction::QueryExtensionList, "none: the server defines no tags of its own"),
    (QueryFunction::QueryExtensionMap, "none: the server defines no tags of its own"),
    (QueryFunction::QueryAttestationTypes, "TPM Quote, where the configuration names the platform of a client; else none"),
    (QueryFunction::QueryRNGs, "CTR_DRBG with AES-256"),
    (QueryFunction::QueryValidations, "none: the server has not been validated by an authority"),
    (QueryFunction::QueryProfiles, "the profiles whose operations are all there and whose published test cases pass"),
    (
        QueryFunction::QueryCapabilities,
        "streaming, undo and continuation of batches; attestation as above; destroyed material is deleted",
    ),
    (QueryFunction::QueryClientRegistrationMethods, "certificates made on the server, or signed from a client's request"),
    (QueryFunction::QueryDefaultsInformation, "the defaults that the client has set (Set Defaults)"),
    (QueryFunction::QueryStorageProtectionMasks, "software"),
];

/// Object groups in one request. Each is a search.
const GROUPS_MAX: usize = 64;

pub(crate) struct Query;

impl Operation for Query {
    type Request = QueryRequest;
    type Response = QueryResponse;
    type Prepared = ();

    const PERMISSION: Permission = Permission::Query;
    const USES_FACTORY: bool = true;

    fn plan(request: &QueryRequest, context: &Context<'_>) -> Result<Plan> {
        let asks = request.query_functions.contains(&QueryFunction::QueryDefaultsInformation);
        let named = request.object_groups.iter().filter(|_| asks).flat_map(|groups| &groups.object_groups);
        // What somebody has laid something down for is known, be it empty still.
        let groups: Vec<String> = named.filter(|group| !context.factory.names_group(group)).cloned().collect();
        if groups.len() > GROUPS_MAX {
            let text = format!("The request names too many object groups; the server looks for {GROUPS_MAX}");
            return Err(Error::new(ResultReason::ServerLimitExceeded, text));
        }
        Ok(Plan { groups, ..Plan::default() })
    }

    fn handle(request: &QueryRequest, _: Loaded, (): &(), context: &Context<'_>) -> Result<Done<QueryResponse>> {
        let version = context.version;
        let mut response = empty();
        for function in &request.query_functions {
            match *function {
                QueryFunction::QueryOperations => {
                    let offered = |operation: &_| offered(*operation, version, context.settings);
                    response.operations = SUPPORTED.iter().copied().filter(offered).collect();
                }
                QueryFunction::QueryObjects => {
                    let known = |object_type: &ObjectType| object_type.known_in(version);
                    response.object_types = OBJECT_TYPES.iter().copied().filter(known).collect();
                }
                QueryFunction::QueryServerInformation => {
                    response.vendor_identification = Some(context.settings.vendor_identification.clone());
                    response.server_information = Some(server_information());
                }
                QueryFunction::QueryRNGs => response.rng_parameters = vec![creation::random_number_generator()],
                QueryFunction::QueryProfiles => {
                    let known = |profile: &ProfileName| profile.known_in(version);
                    response.profile_information = PROFILES.iter().copied().filter(known).map(profile_information).collect();
                }
                QueryFunction::QueryCapabilities => {
                    response.capability_information = vec![capabilities(!context.attestor.types().is_empty())];
                }
                QueryFunction::QueryClientRegistrationMethods => {
                    // Certificates are made by the server's administrator, on the server or from a client's request.
                    response.client_registration_methods =
                        vec![ClientRegistrationMethod::ServerPreGenerated, ClientRegistrationMethod::ClientGenerated];
                }
                QueryFunction::QueryDefaultsInformation => {
                    let defaults = factory::for_groups(&context.factory.defaults, request.object_groups.as_ref());
                    response.defaults_information = Some(defaults);
                }
                QueryFunction::QueryStorageProtectionMasks => {
                    response.protection_storage_masks =
                        Some(ProtectionStorageMasks { protection_storage_masks: vec![ProtectionStorageMask::Software] });
                }
                QueryFunction::QueryAttestationTypes => response.attestation_types = context.attestor.types(),
                // The server has no namespaces, extensions or validations to report, and passes over functions it does not know.
                _ => {}
            }
        }
        Ok(Done::reply(response))
    }
}

const fn empty() -> QueryResponse {
    QueryResponse {
        operations: Vec::new(),
        object_types: Vec::new(),
        vendor_identification: None,
        server_information: None,
        application_namespaces: Vec::new(),
        extension_information: Vec::new(),
        attestation_types: Vec::new(),
        rng_parameters: Vec::new(),
        profile_information: Vec::new(),
        validation_information: Vec::new(),
        capability_information: Vec::new(),
        client_registration_methods: Vec::new(),
        defaults_information: None,
        protection_storage_masks: None,
        credential_information: None,
    }
}

fn server_information() -> ServerInformation {
    ServerInformation {
        server_name: Some("kmipd".to_owned()),
        server_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        product_name: Some("kmipd".to_owned()),
        ..ServerInformation::default()
    }
}

const fn profile_information(profile_name: ProfileName) -> ProfileInformation {
    ProfileInformation { profile_name, profile_version: None, server_uri: None, server_port: None }
}

const fn capabilities(evaluates_attestations: bool) -> CapabilityInformation {
    CapabilityInformation {
        streaming_capability: Some(true),
        asynchronous_capability: Some(true),
        attestation_capability: Some(evaluates_attestations),
        batch_undo_capability: Some(true),
        batch_continue_capability: Some(true),
        // What was registered wrapped is kept as it is, and unwrapped for those who ask for it so.
        unwrap_mode: Some(UnwrapMode::Processed),
        destroy_action: Some(DestroyAction::KeyMaterialDeleted),
        shredding_algorithm: Some(ShreddingAlgorithm::Unsupported),
        rng_mode: Some(RNGMode::SharedInstantiation),
        quantum_safe_capability: Some(false),
    }
}

#[cfg(test)]
mod tests {
    use kmip::operation::Operation as Code;

    use super::*;

    /// The operations of the Baseline Server, which every other profile builds on.
    const BASELINE: &[Code] = &[
        Code::Locate,
        Code::Check,
        Code::Get,
        Code::GetAttributes,
        Code::GetAttributeList,
        Code::AddAttribute,
        Code::ModifyAttribute,
        Code::DeleteAttribute,
        Code::Activate,
        Code::Revoke,
        Code::Destroy,
        Code::Query,
        Code::DiscoverVersions,
    ];

    /// The operations of the Advanced Cryptographic Server.
    const ADVANCED: &[Code] = &[
        Code::Encrypt,
        Code::Decrypt,
        Code::Sign,
        Code::SignatureVerify,
        Code::MAC,
        Code::MACVerify,
        Code::RNGRetrieve,
        Code::RNGSeed,
        Code::Hash,
    ];

    /// What a profile wants beside the baseline.
    fn wanted(profile: ProfileName) -> (&'static [Code], &'static [ObjectType]) {
        let name = profile.name(kmip::ProtocolVersion::V2_1).unwrap();
        if name == "BaselineServer" {
            (&[Code::Query], &[])
        } else if name.starts_with("TapeLibraryServer") || name.starts_with("SymmetricKeyFoundryServer") || name == "AESXTSServer"
        {
            (&[Code::Create], &[ObjectType::SymmetricKey])
        } else if name.starts_with("StorageArrayWithSelfEncryptingDriveServer") {
            (&[Code::Register], &[ObjectType::SecretData])
        } else if name.starts_with("OpaqueManagedObjectStoreServer") {
            (&[Code::Register], &[ObjectType::OpaqueObject])
        } else if name.starts_with("SymmetricKeyLifecycleServer") {
            (&[Code::Create], &[ObjectType::SymmetricKey])
        } else if name.starts_with("AsymmetricKeyLifecycleServer") {
            (&[Code::CreateKeyPair], &[ObjectType::PublicKey, ObjectType::PrivateKey])
        } else if name.starts_with("BasicCryptographicServer") {
            (&[Code::Encrypt, Code::Decrypt], &[ObjectType::SymmetricKey])
        } else if name.starts_with("AdvancedCryptographicServer") {
            let objects = &[ObjectType::SymmetricKey, ObjectType::PublicKey, ObjectType::PrivateKey];
            (ADVANCED, objects)
        } else if name.starts_with("RNGCryptographicServer") {
            (&[Code::RNGRetrieve, Code::RNGSeed], &[])
        } else {
            panic!("{name}: say here what it wants")
        }
    }

    #[test]
    fn every_function_of_every_version_is_documented() {
        for row in QueryFunction::ROW.values {
            let function = QueryFunction(row.value);
            let is_offered = crate::engine::OFFERED.iter().any(|version| function.known_in(*version));
            let documented = QUERY_FUNCTIONS.iter().filter(|(documented, _)| *documented == function).count();
            assert_eq!(documented, usize::from(is_offered), "{function:?}");
        }
    }

    #[test]
    fn profiles_are_claimed_whole() {
        assert!(BASELINE.iter().all(|operation| SUPPORTED.contains(operation)));
        for profile in PROFILES {
            let (operations, object_types) = wanted(*profile);
            assert!(operations.iter().all(|operation| SUPPORTED.contains(operation)), "{profile:?}");
            assert!(object_types.iter().all(|object_type| OBJECT_TYPES.contains(object_type)), "{profile:?}");
        }
    }
}
