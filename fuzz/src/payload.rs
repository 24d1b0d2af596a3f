//! The payloads of every operation, as their tables say.

use crate::same;
use kmip::ProtocolVersion;
use kmip::codec::Value;
use kmip::operation::Operation;
use kmip::payload::*;
use ttlv_codec::Item;

/// Reads a payload as the request and as the response of its operation; what can be read must come back the same.
///
/// Returns whether it is a request.
pub(crate) fn payload(operation: Operation, item: &Item<'_>, version: ProtocolVersion) -> bool {
    macro_rules! payloads {
        ($($name:ident => $request:ident, $response:ident;)*) => {
            match operation {
                $(Operation::$name => {
                    if let Ok(response) = $response::read(item, version) {
                        same(&response, item.tag, version);
                    }
                    let request = $request::read(item, version);
                    if let Ok(request) = &request {
                        same(request, item.tag, version);
                    }
                    request.is_ok()
                })*
                _ => false,
            }
        };
    }
    payloads! {
        Create => CreateRequest, CreateResponse;
        CreateKeyPair => CreateKeyPairRequest, CreateKeyPairResponse;
        Register => RegisterRequest, RegisterResponse;
        ReKey => ReKeyRequest, ReKeyResponse;
        DeriveKey => DeriveKeyRequest, DeriveKeyResponse;
        Certify => CertifyRequest, CertifyResponse;
        ReCertify => ReCertifyRequest, ReCertifyResponse;
        Locate => LocateRequest, LocateResponse;
        Check => CheckRequest, CheckResponse;
        Get => GetRequest, GetResponse;
        GetAttributes => GetAttributesRequest, GetAttributesResponse;
        GetAttributeList => GetAttributeListRequest, GetAttributeListResponse;
        AddAttribute => AddAttributeRequest, AddAttributeResponse;
        ModifyAttribute => ModifyAttributeRequest, ModifyAttributeResponse;
        DeleteAttribute => DeleteAttributeRequest, DeleteAttributeResponse;
        ObtainLease => ObtainLeaseRequest, ObtainLeaseResponse;
        GetUsageAllocation => GetUsageAllocationRequest, GetUsageAllocationResponse;
        Activate => ActivateRequest, ActivateResponse;
        Revoke => RevokeRequest, RevokeResponse;
        Destroy => DestroyRequest, DestroyResponse;
        Archive => ArchiveRequest, ArchiveResponse;
        Recover => RecoverRequest, RecoverResponse;
        Validate => ValidateRequest, ValidateResponse;
        Query => QueryRequest, QueryResponse;
        Cancel => CancelRequest, CancelResponse;
        // Its answer is that of the operation it asks about.
        Poll => PollRequest, PollRequest;
        Notify => NotifyRequest, NotifyResponse;
        Put => PutRequest, PutResponse;
        ReKeyKeyPair => ReKeyKeyPairRequest, ReKeyKeyPairResponse;
        DiscoverVersions => DiscoverVersionsRequest, DiscoverVersionsResponse;
        Encrypt => EncryptRequest, EncryptResponse;
        Decrypt => DecryptRequest, DecryptResponse;
        Sign => SignRequest, SignResponse;
        SignatureVerify => SignatureVerifyRequest, SignatureVerifyResponse;
        MAC => MACRequest, MACResponse;
        MACVerify => MACVerifyRequest, MACVerifyResponse;
        RNGRetrieve => RNGRetrieveRequest, RNGRetrieveResponse;
        RNGSeed => RNGSeedRequest, RNGSeedResponse;
        Hash => HashRequest, HashResponse;
        CreateSplitKey => CreateSplitKeyRequest, CreateSplitKeyResponse;
        JoinSplitKey => JoinSplitKeyRequest, JoinSplitKeyResponse;
        Import => ImportRequest, ImportResponse;
        Export => ExportRequest, ExportResponse;
        Log => LogRequest, LogResponse;
        Login => LoginRequest, LoginResponse;
        Logout => LogoutRequest, LogoutResponse;
        DelegatedLogin => DelegatedLoginRequest, DelegatedLoginResponse;
        AdjustAttribute => AdjustAttributeRequest, AdjustAttributeResponse;
        SetAttribute => SetAttributeRequest, SetAttributeResponse;
        SetEndpointRole => SetEndpointRoleRequest, SetEndpointRoleResponse;
        PKCS_11 => PKCS11Request, PKCS11Response;
        Interop => InteropRequest, InteropResponse;
        ReProvision => ReProvisionRequest, ReProvisionResponse;
        SetDefaults => SetDefaultsRequest, SetDefaultsResponse;
        SetConstraints => SetConstraintsRequest, SetConstraintsResponse;
        GetConstraints => GetConstraintsRequest, GetConstraintsResponse;
        QueryAsynchronousRequests => QueryAsynchronousRequestsRequest, QueryAsynchronousRequestsResponse;
        Process => ProcessRequest, ProcessResponse;
        Ping => PingRequest, PingResponse;
        CreateGroup => CreateGroupRequest, CreateGroupResponse;
        Obliterate => ObliterateRequest, ObliterateResponse;
        CreateUser => CreateUserRequest, CreateUserResponse;
        CreateCredential => CreateCredentialRequest, CreateCredentialResponse;
        Deactivate => DeactivateRequest, DeactivateResponse;
    }
}
