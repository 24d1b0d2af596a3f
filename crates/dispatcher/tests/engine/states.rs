//! State x Operation for every type of object: what can be done to an object in each state of its life.

use kmip::ProtocolVersion;
use kmip::attribute::{Attribute, AttributeReference};
use kmip::codec::Value;
use kmip::enumerations::{
    AdjustmentType, Enumeration as _, ObjectType, ResultStatus, RevocationReasonCode, State, UsageLimitsUnit,
};
use kmip::masks::CryptographicUsageMask;
use kmip::object::ManagedObject;
use kmip::operation::Operation;
use kmip::payload::adjust_attribute::AdjustAttributeRequest;
use kmip::payload::check::CheckRequest;
use kmip::payload::get_attribute_list::GetAttributeListRequest;
use kmip::payload::get_usage_allocation::GetUsageAllocationRequest;
use kmip::payload::obtain_lease::ObtainLeaseRequest;
use kmip::payload::re_key_key_pair::ReKeyKeyPairRequest;
use kmip::payload::set_attribute::SetAttributeRequest;
use kmip::result_reason::ResultReason;
use kmip::structures::UsageLimits;
use kmip::tag;

use crate::client::{Client, activate, add, delete, destroy, export, get, get_attributes, modify, re_key, revoke};
use crate::objects::every_type;
use crate::server::Server;
use crate::{key_use, services};

/// What an operation comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    /// Wrong Key Lifecycle State.
    Wrong,
    /// Object Destroyed.
    Gone,
    /// Permission Denied.
    Denied,
    /// Invalid Object Type.
    Type,
    /// Key Format Type Not Supported: what is registered here is no key that can be read.
    Unreadable,
    /// Invalid Field: nor a certificate.
    Field,
    /// Bad Cryptographic Parameters: the parameters are for keys of another algorithm.
    Bad,
}

use Outcome::{Bad, Denied, Done, Field, Gone, Type, Unreadable, Wrong};

impl Outcome {
    fn reason(self, version: ProtocolVersion) -> Option<ResultReason> {
        let reason = match self {
            Done => return None,
            Wrong => ResultReason::WrongKeyLifecycleState,
            Gone => ResultReason::ObjectDestroyed,
            Denied => ResultReason::PermissionDenied,
            Type => ResultReason::InvalidObjectType,
            Unreadable => ResultReason::KeyFormatTypeNotSupported,
            Field => ResultReason::InvalidField,
            Bad => ResultReason::BadCryptographicParameters,
        };
        Some(reason.at(version))
    }
}

const STATES: [State; 6] =
    [State::PreActive, State::Active, State::Deactivated, State::Compromised, State::Destroyed, State::DestroyedCompromised];

/// The requests, and one line each: what they come to in each state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::upper_case_acronyms)] // The standard spells MAC so.
enum Request {
    Get,
    GetAttributes,
    GetAttributeList,
    Check,
    Add,
    Modify,
    Delete,
    Set,
    Adjust,
    Lease,
    Allocate,
    Activate,
    Deactivate,
    Compromise,
    Destroy,
    Archive,
    Recover,
    ReKey,
    ReKeyKeyPair,
    Export,
    Encrypt,
    Decrypt,
    Sign,
    SignatureVerify,
    MAC,
    MACVerify,
}

#[rustfmt::skip]
const TABLE: [(Request, [Outcome; 6]); 26] = [
    //                         Pre-Active Active  Deactivated Compromised Destroyed Destroyed Compromised
    (Request::Get,              [Done,    Done,   Done,       Done,       Gone,     Gone]),
    (Request::GetAttributes,    [Done,    Done,   Done,       Done,       Done,     Done]),
    (Request::GetAttributeList, [Done,    Done,   Done,       Done,       Done,     Done]),
    (Request::Check,            [Done,    Done,   Done,       Done,       Done,     Done]),
    (Request::Add,              [Done,    Done,   Done,       Done,       Done,     Done]),
    (Request::Modify,           [Done,    Done,   Done,       Done,       Done,     Done]),
    (Request::Delete,           [Done,    Done,   Done,       Done,       Done,     Done]),
    (Request::Set,              [Done,    Done,   Done,       Done,       Done,     Done]),
    (Request::Adjust,           [Done,    Done,   Done,       Done,       Done,     Done]),
    (Request::Lease,            [Done,    Done,   Done,       Denied,     Denied,   Denied]),
    (Request::Allocate,         [Denied,  Done,   Denied,     Denied,     Denied,   Denied]),
    (Request::Activate,         [Done,    Wrong,  Wrong,      Wrong,      Gone,     Gone]),
    (Request::Deactivate,       [Done,    Done,   Wrong,      Wrong,      Gone,     Gone]),
    (Request::Compromise,       [Done,    Done,   Done,       Wrong,      Done,     Gone]),
    (Request::Destroy,          [Done,    Wrong,  Done,       Done,       Gone,     Gone]),
    (Request::Archive,          [Done,    Done,   Done,       Done,       Gone,     Gone]),
    (Request::Recover,          [Done,    Done,   Done,       Done,       Done,     Done]),
    (Request::ReKey,            [Done,    Done,   Done,       Done,       Gone,     Gone]),
    // Of what is destroyed, its attributes.
    (Request::Export,           [Done,    Done,   Done,       Done,       Done,     Done]),
    // The keys here are no pair.
    (Request::ReKeyKeyPair,     [Denied,  Denied, Denied,     Denied,     Gone,     Gone]),
    // What protects, and what processes the protected.
    (Request::Encrypt,          [Wrong,   Done,   Wrong,      Wrong,      Wrong,    Wrong]),
    (Request::Sign,             [Wrong,   Done,   Wrong,      Wrong,      Wrong,    Wrong]),
    (Request::MAC,              [Wrong,   Done,   Wrong,      Wrong,      Wrong,    Wrong]),
    (Request::Decrypt,          [Wrong,   Done,   Done,       Done,       Wrong,    Wrong]),
    (Request::SignatureVerify,  [Wrong,   Done,   Done,       Done,       Wrong,    Wrong]),
    (Request::MACVerify,        [Wrong,   Done,   Done,       Done,       Wrong,    Wrong]),
];

/// The types for which a line is another one.
fn by_type(request: Request, object_type: ObjectType, version: ProtocolVersion, outcome: Outcome) -> Outcome {
    let is_key = matches!(
        object_type,
        ObjectType::SymmetricKey
            | ObjectType::PublicKey
            | ObjectType::PrivateKey
            | ObjectType::SplitKey
            | ObjectType::SecretData
            | ObjectType::PGPKey
    );
    let cannot_be_re_keyed = if version.is_1x() { Denied } else { Type };
    match request {
        // Up to 1.4, what is gone is in a wrong state like any other (1.4, sections 11.20 and 11.22).
        Request::Activate | Request::Deactivate | Request::Compromise | Request::Destroy
            if version.is_1x() && matches!(outcome, Gone) && object_type != ObjectType::Template =>
        {
            Wrong
        }
        // A template has no life but that it is there until it is destroyed.
        Request::Check | Request::Activate | Request::Deactivate | Request::Compromise if object_type == ObjectType::Template => {
            Type
        }
        // Nor a lease (1.4, appendix B).
        Request::Lease if object_type == ObjectType::Template => Denied,
        Request::Allocate if !is_key => Type,
        Request::ReKey if object_type != ObjectType::SymmetricKey => cannot_be_re_keyed,
        Request::ReKeyKeyPair if object_type != ObjectType::PrivateKey => cannot_be_re_keyed,
        Request::Encrypt | Request::Decrypt | Request::Sign | Request::SignatureVerify | Request::MAC | Request::MACVerify => {
            match (served(request, object_type), outcome) {
                // 1.x has no other word for an object that cannot be used so.
                (None, _) | (Some(Type), Done) => cannot_be_re_keyed,
                (Some(of_use), Done) => of_use,
                (Some(_), other) => other,
            }
        }
        _ => outcome,
    }
}

/// What the use of an object of a type comes to in a state that allows it; `None`: the type is not for it.
fn served(request: Request, object_type: ObjectType) -> Option<Outcome> {
    match (request, object_type) {
        (Request::Encrypt | Request::Decrypt | Request::MAC | Request::MACVerify, ObjectType::SymmetricKey)
        | (Request::MAC | Request::MACVerify, ObjectType::SecretData) => Some(Done),
        // It is no one-time pad.
        (Request::Encrypt | Request::Decrypt, ObjectType::SecretData) => Some(Type),
        (Request::Decrypt, ObjectType::PrivateKey) | (Request::SignatureVerify | Request::Encrypt, ObjectType::PublicKey) => {
            Some(Unreadable)
        }
        (Request::Sign, ObjectType::PrivateKey) => Some(Bad),
        (Request::SignatureVerify | Request::Encrypt, ObjectType::Certificate) => Some(Field),
        _ => None,
    }
}

fn contact(text: &str) -> Attribute {
    Attribute::ContactInformation(text.to_owned())
}

/// An object in a state; `None`: it is not for objects of its type.
fn object(client: &mut Client<'_>, object: ManagedObject, state: State) -> Option<String> {
    let limits = UsageLimits { usage_limits_total: 10, usage_limits_count: None, usage_limits_unit: UsageLimitsUnit::Object };
    let uses = services::ALL | CryptographicUsageMask::Sign | CryptographicUsageMask::Verify;
    let attributes = match object.object_type() {
        ObjectType::Template if !matches!(state, State::PreActive | State::Destroyed) => return None,
        ObjectType::Template => vec![contact("first")],
        _ => vec![contact("first"), Attribute::UsageLimits(limits), Attribute::CryptographicUsageMask(uses)],
    };
    let identifier = client.register(object, attributes);
    if matches!(state, State::Active | State::Deactivated) {
        client.activate(&identifier).unwrap();
    }
    if state == State::Deactivated {
        client.revoke(&identifier, RevocationReasonCode::Superseded).unwrap();
    }
    if matches!(state, State::Compromised | State::DestroyedCompromised) {
        client.revoke(&identifier, RevocationReasonCode::KeyCompromise).unwrap();
    }
    if matches!(state, State::Destroyed | State::DestroyedCompromised) {
        client.destroy(&identifier).unwrap();
    }
    Some(identifier)
}

fn ask(client: &mut Client<'_>, request: Request, identifier: &str) -> Result<(), ResultReason> {
    fn send(client: &mut Client<'_>, operation: Operation, payload: &impl Value) -> Result<(), ResultReason> {
        let answer = client.ask(operation, payload);
        match answer.status {
            ResultStatus::Success => Ok(()),
            _ => Err(answer.reason.unwrap()),
        }
    }
    let id = Some(identifier);
    let unique_identifier = || Some(identifier.into());
    match request {
        Request::Get => send(client, Operation::Get, &get(id)),
        Request::GetAttributes => send(client, Operation::GetAttributes, &get_attributes(id, vec![])),
        Request::GetAttributeList => {
            let request = GetAttributeListRequest { unique_identifier: unique_identifier() };
            send(client, Operation::GetAttributeList, &request)
        }
        Request::Check => {
            let request = CheckRequest {
                unique_identifier: unique_identifier(),
                usage_limits_count: None,
                cryptographic_usage_mask: None,
                lease_time: None,
            };
            send(client, Operation::Check, &request)
        }
        Request::Add => send(client, Operation::AddAttribute, &add(id, Attribute::ObjectGroup("group".to_owned()))),
        Request::Modify => send(client, Operation::ModifyAttribute, &modify(id, None, contact("second").into())),
        Request::Delete => {
            send(client, Operation::DeleteAttribute, &delete(id, contact("").reference(), client.version.is_1x().then_some(0)))
        }
        Request::Set => {
            let new_attribute = contact("third").into();
            send(client, Operation::SetAttribute, &SetAttributeRequest { unique_identifier: unique_identifier(), new_attribute })
        }
        Request::Adjust => {
            let request = AdjustAttributeRequest {
                unique_identifier: unique_identifier(),
                attribute_reference: AttributeReference::Standard(tag::ProtectionPeriod),
                adjustment_type: AdjustmentType::Increment,
                adjustment_value: None,
            };
            send(client, Operation::AdjustAttribute, &request)
        }
        Request::Lease => send(client, Operation::ObtainLease, &ObtainLeaseRequest { unique_identifier: unique_identifier() }),
        Request::Allocate => {
            let request = GetUsageAllocationRequest { unique_identifier: unique_identifier(), usage_limits_count: 1 };
            send(client, Operation::GetUsageAllocation, &request)
        }
        Request::Activate => send(client, Operation::Activate, &activate(id)),
        Request::Deactivate => send(client, Operation::Revoke, &revoke(id, RevocationReasonCode::CessationOfOperation)),
        Request::Compromise => send(client, Operation::Revoke, &revoke(id, RevocationReasonCode::CACompromise)),
        Request::Destroy => send(client, Operation::Destroy, &destroy(id)),
        Request::Archive => client.archive(identifier).map(drop),
        Request::Recover => client.recover(identifier).map(drop),
        Request::Export => send(client, Operation::Export, &export(id)),
        Request::Encrypt | Request::Decrypt | Request::Sign | Request::SignatureVerify | Request::MAC | Request::MACVerify => {
            services::serve(client, operation(request), &key_use::fitting(operation(request), identifier)).map(drop)
        }
        Request::ReKey => send(client, Operation::ReKey, &re_key(id)),
        Request::ReKeyKeyPair => {
            let request = ReKeyKeyPairRequest {
                private_key_unique_identifier: unique_identifier(),
                unique_identifier: None,
                offset: None,
                common_attributes: None,
                private_key_attributes: None,
                public_key_attributes: None,
                common_protection_storage_masks: None,
                private_protection_storage_masks: None,
                public_protection_storage_masks: None,
            };
            send(client, Operation::ReKeyKeyPair, &request)
        }
    }
}

const fn operation(request: Request) -> Operation {
    match request {
        Request::Set => Operation::SetAttribute,
        Request::Adjust => Operation::AdjustAttribute,
        Request::ReKeyKeyPair => Operation::ReKeyKeyPair,
        Request::Export => Operation::Export,
        Request::Encrypt => Operation::Encrypt,
        Request::Decrypt => Operation::Decrypt,
        Request::Sign => Operation::Sign,
        Request::SignatureVerify => Operation::SignatureVerify,
        Request::MAC => Operation::MAC,
        Request::MACVerify => Operation::MACVerify,
        _ => Operation::Get,
    }
}

#[test]
fn every_cell() {
    let mut cells = 0;
    for version in [ProtocolVersion::V1_0, ProtocolVersion::V1_4, ProtocolVersion::V2_0, ProtocolVersion::V2_1] {
        let server = Server::new();
        let mut client = server.client("fred", version);
        for managed in every_type(version) {
            let object_type = managed.object_type();
            for (request, line) in TABLE.iter().filter(|(request, _)| operation(*request).known_in(version)) {
                for (state, outcome) in STATES.into_iter().zip(line) {
                    let Some(identifier) = object(&mut client, managed.clone(), state) else { continue };
                    let gone = matches!(state, State::Destroyed | State::DestroyedCompromised);
                    let expected = match object_type {
                        // A template is destroyed with all that is known of it (1.4, section 4.21).
                        ObjectType::Template if gone => Some(ResultReason::ObjectNotFound.at(version)),
                        _ => by_type(*request, object_type, version, *outcome).reason(version),
                    };
                    let found = ask(&mut client, *request, &identifier).err();
                    assert_eq!(found, expected, "{version} {object_type:?} {state:?} {request:?}");
                    cells += 1;
                }
            }
        }
    }
    assert!(cells > 3_000, "{cells}");
}
