//! The payloads of all operations, one file each. A row with two tags has that of 1.x first, that of 2.0 and later second.

pub mod activate;
pub mod add_attribute;
pub mod adjust_attribute;
pub mod archive;
pub mod cancel;
pub mod certify;
pub mod check;
pub mod create;
pub mod create_credential;
pub mod create_group;
pub mod create_key_pair;
pub mod create_split_key;
pub mod create_user;
pub mod deactivate;
pub mod decrypt;
pub mod delegated_login;
pub mod delete_attribute;
pub mod derive_key;
pub mod destroy;
pub mod discover_versions;
pub mod encrypt;
pub mod export;
pub mod get;
pub mod get_attribute_list;
pub mod get_attributes;
pub mod get_constraints;
pub mod get_usage_allocation;
pub mod hash;
pub mod import;
pub mod interop;
pub mod join_split_key;
pub mod locate;
pub mod log;
pub mod login;
pub mod logout;
pub mod mac;
pub mod mac_verify;
pub mod modify_attribute;
pub mod notify;
pub mod obliterate;
pub mod obtain_lease;
pub mod ping;
pub mod pkcs_11;
pub mod poll;
pub mod process;
pub mod put;
pub mod query;
pub mod query_asynchronous_requests;
pub mod re_certify;
pub mod re_key;
pub mod re_key_key_pair;
pub mod re_provision;
pub mod recover;
pub mod register;
pub mod revoke;
pub mod rng_retrieve;
pub mod rng_seed;
pub mod set_attribute;
pub mod set_constraints;
pub mod set_defaults;
pub mod set_endpoint_role;
pub mod sign;
pub mod signature_verify;
pub mod validate;

pub use activate::{ActivateRequest, ActivateResponse};
pub use add_attribute::{AddAttributeRequest, AddAttributeResponse};
pub use adjust_attribute::{AdjustAttributeRequest, AdjustAttributeResponse};
pub use archive::{ArchiveRequest, ArchiveResponse};
pub use cancel::{CancelRequest, CancelResponse};
pub use certify::{CertifyRequest, CertifyResponse};
pub use check::{CheckRequest, CheckResponse};
pub use create::{CreateRequest, CreateResponse};
pub use create_credential::{CreateCredentialRequest, CreateCredentialResponse};
pub use create_group::{CreateGroupRequest, CreateGroupResponse};
pub use create_key_pair::{CreateKeyPairRequest, CreateKeyPairResponse};
pub use create_split_key::{CreateSplitKeyRequest, CreateSplitKeyResponse};
pub use create_user::{CreateUserRequest, CreateUserResponse};
pub use deactivate::{DeactivateRequest, DeactivateResponse};
pub use decrypt::{DecryptRequest, DecryptResponse};
pub use delegated_login::{DelegatedLoginRequest, DelegatedLoginResponse};
pub use delete_attribute::{DeleteAttributeRequest, DeleteAttributeResponse};
pub use derive_key::{DeriveKeyRequest, DeriveKeyResponse};
pub use destroy::{DestroyRequest, DestroyResponse};
pub use discover_versions::{DiscoverVersionsRequest, DiscoverVersionsResponse};
pub use encrypt::{EncryptRequest, EncryptResponse};
pub use export::{ExportRequest, ExportResponse};
pub use get::{GetRequest, GetResponse};
pub use get_attribute_list::{GetAttributeListRequest, GetAttributeListResponse};
pub use get_attributes::{GetAttributesRequest, GetAttributesResponse};
pub use get_constraints::{GetConstraintsRequest, GetConstraintsResponse};
pub use get_usage_allocation::{GetUsageAllocationRequest, GetUsageAllocationResponse};
pub use hash::{HashRequest, HashResponse};
pub use import::{ImportRequest, ImportResponse};
pub use interop::{InteropRequest, InteropResponse};
pub use join_split_key::{JoinSplitKeyRequest, JoinSplitKeyResponse};
pub use locate::{LocateRequest, LocateResponse};
pub use log::{LogRequest, LogResponse};
pub use login::{LoginRequest, LoginResponse};
pub use logout::{LogoutRequest, LogoutResponse};
pub use mac::{MACRequest, MACResponse};
pub use mac_verify::{MACVerifyRequest, MACVerifyResponse};
pub use modify_attribute::{ModifyAttributeRequest, ModifyAttributeResponse};
pub use notify::{NotifyRequest, NotifyResponse};
pub use obliterate::{ObliterateRequest, ObliterateResponse};
pub use obtain_lease::{ObtainLeaseRequest, ObtainLeaseResponse};
pub use ping::{PingRequest, PingResponse};
pub use pkcs_11::{PKCS11Request, PKCS11Response};
pub use poll::PollRequest;
pub use process::{ProcessRequest, ProcessResponse};
pub use put::{PutRequest, PutResponse};
pub use query::{QueryRequest, QueryResponse};
pub use query_asynchronous_requests::{QueryAsynchronousRequestsRequest, QueryAsynchronousRequestsResponse};
pub use re_certify::{ReCertifyRequest, ReCertifyResponse};
pub use re_key::{ReKeyRequest, ReKeyResponse};
pub use re_key_key_pair::{ReKeyKeyPairRequest, ReKeyKeyPairResponse};
pub use re_provision::{ReProvisionRequest, ReProvisionResponse};
pub use recover::{RecoverRequest, RecoverResponse};
pub use register::{RegisterRequest, RegisterResponse};
pub use revoke::{RevokeRequest, RevokeResponse};
pub use rng_retrieve::{RNGRetrieveRequest, RNGRetrieveResponse};
pub use rng_seed::{RNGSeedRequest, RNGSeedResponse};
pub use set_attribute::{SetAttributeRequest, SetAttributeResponse};
pub use set_constraints::{SetConstraintsRequest, SetConstraintsResponse};
pub use set_defaults::{SetDefaultsRequest, SetDefaultsResponse};
pub use set_endpoint_role::{SetEndpointRoleRequest, SetEndpointRoleResponse};
pub use sign::{SignRequest, SignResponse};
pub use signature_verify::{SignatureVerifyRequest, SignatureVerifyResponse};
pub use validate::{ValidateRequest, ValidateResponse};

use crate::codec::MemberRow;
use crate::operation::Operation;

/// The payloads of one operation, as data.
#[derive(Clone, Copy, Debug)]
pub struct PayloadRow {
    /// The operation.
    pub operation: Operation,
    /// The fields of its request payload.
    pub request: &'static [MemberRow],
    /// The fields of its response payload; none where the response is that of another operation (Poll).
    pub response: Option<&'static [MemberRow]>,
}

macro_rules! payloads {
    ($($operation:ident => $request:ty $(, $response:ty)?;)*) => {
        /// The payloads of every operation, in the order of their codes.
        pub const ALL: &[PayloadRow] = &[$(PayloadRow {
            operation: Operation::$operation,
            request: <$request>::MEMBERS,
            response: {
                #[allow(unused_mut, unused_assignments)]
                let mut response = None;
                $(response = Some(<$response>::MEMBERS);)?
                response
            },
        },)*];
    };
}

payloads! {
    Create => create::CreateRequest, create::CreateResponse;
    CreateKeyPair => create_key_pair::CreateKeyPairRequest, create_key_pair::CreateKeyPairResponse;
    Register => register::RegisterRequest, register::RegisterResponse;
    ReKey => re_key::ReKeyRequest, re_key::ReKeyResponse;
    DeriveKey => derive_key::DeriveKeyRequest, derive_key::DeriveKeyResponse;
    Certify => certify::CertifyRequest, certify::CertifyResponse;
    ReCertify => re_certify::ReCertifyRequest, re_certify::ReCertifyResponse;
    Locate => locate::LocateRequest, locate::LocateResponse;
    Check => check::CheckRequest, check::CheckResponse;
    Get => get::GetRequest, get::GetResponse;
    GetAttributes => get_attributes::GetAttributesRequest, get_attributes::GetAttributesResponse;
    GetAttributeList => get_attribute_list::GetAttributeListRequest, get_attribute_list::GetAttributeListResponse;
    AddAttribute => add_attribute::AddAttributeRequest, add_attribute::AddAttributeResponse;
    ModifyAttribute => modify_attribute::ModifyAttributeRequest, modify_attribute::ModifyAttributeResponse;
    DeleteAttribute => delete_attribute::DeleteAttributeRequest, delete_attribute::DeleteAttributeResponse;
    ObtainLease => obtain_lease::ObtainLeaseRequest, obtain_lease::ObtainLeaseResponse;
    GetUsageAllocation => get_usage_allocation::GetUsageAllocationRequest, get_usage_allocation::GetUsageAllocationResponse;
    Activate => activate::ActivateRequest, activate::ActivateResponse;
    Revoke => revoke::RevokeRequest, revoke::RevokeResponse;
    Destroy => destroy::DestroyRequest, destroy::DestroyResponse;
    Archive => archive::ArchiveRequest, archive::ArchiveResponse;
    Recover => recover::RecoverRequest, recover::RecoverResponse;
    Validate => validate::ValidateRequest, validate::ValidateResponse;
    Query => query::QueryRequest, query::QueryResponse;
    Cancel => cancel::CancelRequest, cancel::CancelResponse;
    Poll => poll::PollRequest;
    Notify => notify::NotifyRequest, notify::NotifyResponse;
    Put => put::PutRequest, put::PutResponse;
    ReKeyKeyPair => re_key_key_pair::ReKeyKeyPairRequest, re_key_key_pair::ReKeyKeyPairResponse;
    DiscoverVersions => discover_versions::DiscoverVersionsRequest, discover_versions::DiscoverVersionsResponse;
    Encrypt => encrypt::EncryptRequest, encrypt::EncryptResponse;
    Decrypt => decrypt::DecryptRequest, decrypt::DecryptResponse;
    Sign => sign::SignRequest, sign::SignResponse;
    SignatureVerify => signature_verify::SignatureVerifyRequest, signature_verify::SignatureVerifyResponse;
    MAC => mac::MACRequest, mac::MACResponse;
    MACVerify => mac_verify::MACVerifyRequest, mac_verify::MACVerifyResponse;
    RNGRetrieve => rng_retrieve::RNGRetrieveRequest, rng_retrieve::RNGRetrieveResponse;
    RNGSeed => rng_seed::RNGSeedRequest, rng_seed::RNGSeedResponse;
    Hash => hash::HashRequest, hash::HashResponse;
    CreateSplitKey => create_split_key::CreateSplitKeyRequest, create_split_key::CreateSplitKeyResponse;
    JoinSplitKey => join_split_key::JoinSplitKeyRequest, join_split_key::JoinSplitKeyResponse;
    Import => import::ImportRequest, import::ImportResponse;
    Export => export::ExportRequest, export::ExportResponse;
    Log => log::LogRequest, log::LogResponse;
    Login => login::LoginRequest, login::LoginResponse;
    Logout => logout::LogoutRequest, logout::LogoutResponse;
    DelegatedLogin => delegated_login::DelegatedLoginRequest, delegated_login::DelegatedLoginResponse;
    AdjustAttribute => adjust_attribute::AdjustAttributeRequest, adjust_attribute::AdjustAttributeResponse;
    SetAttribute => set_attribute::SetAttributeRequest, set_attribute::SetAttributeResponse;
    SetEndpointRole => set_endpoint_role::SetEndpointRoleRequest, set_endpoint_role::SetEndpointRoleResponse;
    PKCS_11 => pkcs_11::PKCS11Request, pkcs_11::PKCS11Response;
    Interop => interop::InteropRequest, interop::InteropResponse;
    ReProvision => re_provision::ReProvisionRequest, re_provision::ReProvisionResponse;
    SetDefaults => set_defaults::SetDefaultsRequest, set_defaults::SetDefaultsResponse;
    SetConstraints => set_constraints::SetConstraintsRequest, set_constraints::SetConstraintsResponse;
    GetConstraints => get_constraints::GetConstraintsRequest, get_constraints::GetConstraintsResponse;
    QueryAsynchronousRequests => query_asynchronous_requests::QueryAsynchronousRequestsRequest, query_asynchronous_requests::QueryAsynchronousRequestsResponse;
    Process => process::ProcessRequest, process::ProcessResponse;
    Ping => ping::PingRequest, ping::PingResponse;
    CreateGroup => create_group::CreateGroupRequest, create_group::CreateGroupResponse;
    Obliterate => obliterate::ObliterateRequest, obliterate::ObliterateResponse;
    CreateUser => create_user::CreateUserRequest, create_user::CreateUserResponse;
    CreateCredential => create_credential::CreateCredentialRequest, create_credential::CreateCredentialResponse;
    Deactivate => deactivate::DeactivateRequest, deactivate::DeactivateResponse;
}

#[cfg(test)]
mod tests {
    use ttlv_codec::{Limits, Tag, Tree, TreeValue};

    use super::*;
    use crate::attribute::{Attribute, AttributeInstance, Attributes, TemplateAttribute};
    use crate::codec::{from_bytes, to_bytes};
    use crate::enumerations::{Enumeration, ObjectType, State};
    use crate::identifier::{ObjectReference, UniqueIdentifier};
    use crate::tag;
    use crate::version::ProtocolVersion;

    /// The tags of the fields that `value` has on the wire, and that it is read back.
    fn fields<T: crate::codec::Value + PartialEq + std::fmt::Debug>(value: &T, version: ProtocolVersion) -> Vec<Tag> {
        let bytes = to_bytes(value, tag::RequestPayload, version);
        assert_eq!(&from_bytes::<T>(&bytes, version).unwrap(), value, "{version}");
        let tree = Tree::parse(&bytes, &Limits::default()).unwrap();
        match &tree.value {
            TreeValue::Structure(fields) => fields.iter().map(|field| field.tag).collect(),
            other => panic!("{other:?} is no structure"),
        }
    }

    #[test]
    fn every_operation_has_payloads_of_its_versions() {
        let operations: Vec<u32> = ALL.iter().map(|row| row.operation.0).collect();
        let values: Vec<u32> = Operation::ROW.values.iter().map(|row| row.value).collect();
        assert_eq!(operations, values);
        for (row, operation) in ALL.iter().zip(Operation::ROW.values) {
            for member in row.request.iter().chain(row.response.unwrap_or_default()) {
                assert!(operation.versions.contains(member.versions.since), "{} {:?}", operation.name, member.tag);
            }
        }
    }

    #[test]
    fn attributes_are_spelled_as_the_version_wants() {
        let attributes: Attributes = [Attribute::State(State::Active)].into_iter().collect();
        let create = CreateRequest {
            object_type: ObjectType::SymmetricKey,
            attributes: TemplateAttribute { names: Vec::new(), attributes: attributes.clone() },
            protection_storage_masks: None,
        };
        assert_eq!(fields(&create, ProtocolVersion::V1_2), [tag::ObjectType, tag::TemplateAttribute]);
        assert_eq!(fields(&create, ProtocolVersion::V2_0), [tag::ObjectType, tag::Attributes]);

        let response =
            GetAttributesResponse { unique_identifier: UniqueIdentifier("1".to_owned()), attributes: attributes.clone() };
        assert_eq!(fields(&response, ProtocolVersion::V1_0), [tag::UniqueIdentifier, tag::Attribute]);
        assert_eq!(fields(&response, ProtocolVersion::V2_1), [tag::UniqueIdentifier, tag::Attributes]);

        let add = AddAttributeRequest {
            unique_identifier: Some(ObjectReference::from("1")),
            current_attribute: None,
            new_attribute: Some(AttributeInstance::from(Attribute::State(State::Active))),
        };
        assert_eq!(fields(&add, ProtocolVersion::V1_4), [tag::UniqueIdentifier, tag::Attribute]);
        assert_eq!(fields(&add, ProtocolVersion::V2_0), [tag::UniqueIdentifier, tag::NewAttribute]);
    }

    #[test]
    fn a_response_holds_only_what_its_version_defines() {
        let response = LocateResponse { located_items: Some(7), unique_identifiers: vec![UniqueIdentifier::from("1")] };
        let bytes = to_bytes(&response, tag::ResponsePayload, ProtocolVersion::V1_2);
        let read = from_bytes::<LocateResponse>(&bytes, ProtocolVersion::V1_2).unwrap();
        assert_eq!(read, LocateResponse { located_items: None, ..response });
        let newer = to_bytes(
            &LocateResponse { located_items: Some(7), unique_identifiers: Vec::new() },
            tag::ResponsePayload,
            ProtocolVersion::V1_3,
        );
        assert!(from_bytes::<LocateResponse>(&newer, ProtocolVersion::V1_2).is_err());
    }

    #[test]
    fn an_empty_payload_is_an_empty_structure() {
        assert_eq!(fields(&PingRequest {}, ProtocolVersion::V2_1), []);
        let extra = to_bytes(
            &ActivateRequest { unique_identifier: Some(ObjectReference::from("1")) },
            tag::RequestPayload,
            ProtocolVersion::V2_1,
        );
        assert!(from_bytes::<PingRequest>(&extra, ProtocolVersion::V2_1).is_err());
    }
}
