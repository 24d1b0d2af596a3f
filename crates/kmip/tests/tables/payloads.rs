//! Payloads of every operation.

use kmip::ProtocolVersion;
use kmip::codec::{Cardinality, MemberRow, Value, from_bytes, to_bytes};
use kmip::enumerations::Enumeration as _;
use kmip::operation::Operation;
use kmip::payload::*;
use kmip::tag;
use ttlv_codec::{Tag, Tree, TreeValue};

use crate::make::Make;

/// How many payloads of each kind are made for each version.
const ROUNDS: u64 = 24;

/// What is wrong with a payload type in one version; empty if nothing is.
type Judge = fn(Operation, &[MemberRow], Tag) -> Vec<String>;

macro_rules! all_payloads {
    ($($operation:ident => $request:ident, $response:ident;)*) => {
        /// Calls a judge for the request and the response of every operation.
        macro_rules! judge {
            ($judge:ident) => {{
                let judges: Vec<(Operation, &[MemberRow], Tag, Judge)> = vec![$(
                    (Operation::$operation, $request::MEMBERS, tag::RequestPayload, $judge::<$request>),
                    (Operation::$operation, $response::MEMBERS, tag::ResponsePayload, $judge::<$response>),
                )*];
                // Every operation is here, twice.
                assert_eq!(judges.len(), 2 * ALL.len());
                let found: Vec<String> =
                    judges.into_iter().flat_map(|(operation, members, tag, judge)| judge(operation, members, tag)).collect();
                assert!(found.is_empty(), "{} of them:\n{}", found.len(), found[..found.len().min(40)].join("\n"));
            }};
        }
    };
}

all_payloads! {
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

fn versions(operation: Operation) -> impl Iterator<Item = ProtocolVersion> {
    ProtocolVersion::ALL.into_iter().filter(move |version| operation.known_in(*version))
}

fn payload(tag: Tag, fields: Vec<Tree>) -> Vec<u8> {
    Tree { tag, value: TreeValue::Structure(fields) }.to_bytes()
}

fn survives<T: Value>(operation: Operation, members: &[MemberRow], tag: Tag) -> Vec<String> {
    let mut found = Vec::new();
    for version in versions(operation) {
        for round in 0..ROUNDS {
            let mut make = Make::new(version, round * 1_000 + u64::from(operation.0));
            // The index of a condition does not matter, and is not kept.
            make.indices = operation != Operation::Locate;
            let bytes = payload(tag, make.fields(members));
            let shown = || format!("{operation:?} {} in {version}, round {round}", kmip::tag::display(tag));
            match from_bytes::<T>(&bytes, version) {
                Ok(read) if to_bytes(&read, tag, version) == bytes => {}
                Ok(_) => found.push(format!("{}: written otherwise", shown())),
                Err(error) => found.push(format!("{}: {error}", shown())),
            }
        }
    }
    found
}

#[test]
fn any_payload_reads_and_writes_in_every_version_that_has_it() {
    judge!(survives);
}

/// A field where the version does not have it, in the place where another version has it.
fn refuses<T: Value>(operation: Operation, members: &[MemberRow], payload_tag: Tag) -> Vec<String> {
    let mut found = Vec::new();
    for version in versions(operation) {
        for (number, foreign) in members.iter().enumerate() {
            let elsewhere = ProtocolVersion::ALL.into_iter().find(|version| foreign.versions.contains(*version));
            if foreign.versions.contains(version) || foreign.tag == tag::Any || foreign.tag == tag::AnyManagedObject {
                continue;
            }
            let mut make = Make::new(version, number as u64);
            let mut fields = make.fields(&members[..number]);
            // Of the version that has the field, spelled as that version spells it.
            let mut other = Make::new(elsewhere.unwrap(), 7);
            let foreign_tag = if version.is_1x() { foreign.tag_1x } else { foreign.tag };
            let Tree { value, .. } = other.item(if other.version.is_1x() { foreign.tag_1x } else { foreign.tag });
            fields.push(Tree { tag: foreign_tag, value });
            fields.extend(make.fields(&members[number + 1..]));
            if from_bytes::<T>(&payload(payload_tag, fields), version).is_ok() {
                found.push(format!("{operation:?} in {version} takes {}", tag::display(foreign_tag)));
            }
        }
    }
    found
}

#[test]
fn fields_of_another_version_are_refused() {
    judge!(refuses);
}

/// What a newer version wrote, an older one is written without.
fn drops<T: Value>(operation: Operation, members: &[MemberRow], payload_tag: Tag) -> Vec<String> {
    let mut found = Vec::new();
    for newer in versions(operation) {
        for older in versions(operation).filter(|older| *older < newer) {
            for round in 0..6 {
                let bytes = payload(payload_tag, Make::new(newer, round).fields(members));
                let Ok(read) = from_bytes::<T>(&bytes, newer) else { continue };
                let written = to_bytes(&read, payload_tag, older);
                let tree = Tree::parse(&written, &ttlv_codec::Limits::default()).unwrap();
                let TreeValue::Structure(fields) = &tree.value else { panic!("a payload is a structure") };
                let known = |field: &Tree| {
                    members.iter().filter(|row| row.versions.contains(older)).any(|row| {
                        let tag = if older.is_1x() { row.tag_1x } else { row.tag };
                        tag == field.tag || tag == tag::Any || tag == tag::AnyManagedObject
                    })
                };
                for field in fields.iter().filter(|field| !known(field)) {
                    found.push(format!("{operation:?} of {newer} writes {} to {older}", tag::display(field.tag)));
                }
            }
        }
    }
    found
}

#[test]
fn fields_of_newer_versions_are_left_out() {
    judge!(drops);
}

/// Required fields are required.
fn requires<T: Value>(operation: Operation, members: &[MemberRow], payload_tag: Tag) -> Vec<String> {
    let mut found = Vec::new();
    for version in versions(operation) {
        let here = |row: &&MemberRow| row.versions.contains(version);
        for missing in members.iter().filter(here).filter(|row| row.cardinality == Cardinality::Required) {
            let missing_tag = if version.is_1x() { missing.tag_1x } else { missing.tag };
            // Repeated in 1.x, where none is allowed too.
            if version.is_1x() && missing_tag == tag::Attribute {
                continue;
            }
            let rest: Vec<MemberRow> = members.iter().filter(|row| *row != missing).copied().collect();
            let bytes = payload(payload_tag, Make::new(version, 3).fields(&rest));
            if from_bytes::<T>(&bytes, version).is_ok() {
                found.push(format!("{operation:?} in {version} does without {}", tag::display(missing_tag)));
            }
        }
    }
    found
}

#[test]
fn required_fields_are_required() {
    judge!(requires);
}

/// Nothing may follow the last field, and nothing may come twice that comes once.
fn ends<T: Value>(operation: Operation, members: &[MemberRow], payload_tag: Tag) -> Vec<String> {
    if members.iter().any(|row| row.tag == tag::Any) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for version in versions(operation) {
        let fields = Make::new(version, 5).fields(members);
        let extra = Tree { tag: tag::BatchItem, value: TreeValue::Structure(vec![]) };
        let followed = payload(payload_tag, [fields.clone(), vec![extra]].concat());
        if from_bytes::<T>(&followed, version).is_ok() {
            found.push(format!("{operation:?} in {version} takes a Batch Item at its end"));
        }
        let single = members.iter().filter(|row| row.cardinality != Cardinality::Repeated && row.versions.contains(version));
        for row in single {
            let tag = if version.is_1x() { row.tag_1x } else { row.tag };
            let at = fields.iter().position(|field| field.tag == tag);
            if let Some(at) = at.filter(|_| tag != tag::Attribute) {
                let doubled = [&fields[..=at], &fields[at..]].concat();
                if from_bytes::<T>(&payload(payload_tag, doubled), version).is_ok() {
                    found.push(format!("{operation:?} in {version} takes {} twice", tag::display(tag)));
                }
            }
        }
    }
    found
}

#[test]
fn payloads_end_where_their_rows_do() {
    judge!(ends);
}
