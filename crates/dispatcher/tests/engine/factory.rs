//! Constraints and defaults: what a client has laid down for its new objects.

use kmip::ProtocolVersion;
use kmip::attribute::{Attribute, Attributes};
use kmip::codec::DateTime;
use kmip::enumerations::{
    BatchErrorContinuationOption, CryptographicAlgorithm, Enumeration as _, InteropFunction, ObjectType, QueryFunction,
    ResultStatus,
};
use kmip::masks::{CryptographicUsageMask, StorageStatusMask};
use kmip::operation::Operation;
use kmip::payload::create::{CreateRequest, CreateResponse};
use kmip::payload::create_key_pair::{CreateKeyPairRequest, CreateKeyPairResponse};
use kmip::payload::get_constraints::{GetConstraintsRequest, GetConstraintsResponse};
use kmip::payload::import::ImportRequest;
use kmip::payload::interop::{InteropRequest, InteropResponse};
use kmip::payload::query::{QueryRequest, QueryResponse};
use kmip::payload::set_constraints::{SetConstraintsRequest, SetConstraintsResponse};
use kmip::payload::set_defaults::{SetDefaultsRequest, SetDefaultsResponse};
use kmip::result_reason::ResultReason;
use kmip::structures::{Constraint, Constraints, DefaultsInformation, ObjectDefaults, ObjectGroups, ObjectTypes};

use crate::client::{Client, aes, create, locate, name, re_key, register, template};
use crate::objects::{secret_data, symmetric_key};
use crate::server::{Server, VERSIONS};

const NEWEST: ProtocolVersion = ProtocolVersion::V2_1;

fn algorithm(algorithm: CryptographicAlgorithm) -> Attribute {
    Attribute::CryptographicAlgorithm(algorithm)
}

fn group(text: &str) -> Attribute {
    Attribute::ObjectGroup(text.to_owned())
}

fn groups(of: &[&str]) -> Option<ObjectGroups> {
    let names = of.iter().map(|group| (*group).to_owned());
    (!of.is_empty()).then(|| ObjectGroups { object_groups: names.collect(), ..ObjectGroups::default() })
}

fn types(of: &[ObjectType]) -> Option<ObjectTypes> {
    (!of.is_empty()).then(|| ObjectTypes { object_types: of.to_vec() })
}

fn constraint(of: &[ObjectType], in_groups: &[&str], attributes: &[Attribute]) -> Constraint {
    let attributes: Attributes = attributes.iter().cloned().collect();
    Constraint { object_types: types(of), object_groups: groups(in_groups), attributes: Some(attributes) }
}

fn constrain(client: &mut Client<'_>, constraints: Option<Vec<Constraint>>) -> Result<(), ResultReason> {
    let request = SetConstraintsRequest { constraints: constraints.map(|constraints| Constraints { constraints }) };
    client.ask(Operation::SetConstraints, &request).result::<SetConstraintsResponse>().map(drop)
}

fn constraints(client: &mut Client<'_>) -> Vec<Constraint> {
    client.ask(Operation::GetConstraints, &GetConstraintsRequest {}).ok::<GetConstraintsResponse>().constraints.constraints
}

fn defaults(of: &[ObjectType], in_groups: &[&str], attributes: &[Attribute]) -> ObjectDefaults {
    ObjectDefaults {
        object_type: None,
        object_types: types(of),
        attributes: attributes.iter().cloned().collect(),
        object_groups: groups(in_groups),
    }
}

fn give(client: &mut Client<'_>, object_defaults: Option<Vec<ObjectDefaults>>) -> Result<(), ResultReason> {
    let defaults_information = object_defaults.map(|object_defaults| DefaultsInformation { object_defaults });
    let request = SetDefaultsRequest { defaults_information };
    client.ask(Operation::SetDefaults, &request).result::<SetDefaultsResponse>().map(drop)
}

fn queried(client: &mut Client<'_>, of: &[&str]) -> Vec<ObjectDefaults> {
    let request = QueryRequest { query_functions: vec![QueryFunction::QueryDefaultsInformation], object_groups: groups(of) };
    client.ask(Operation::Query, &request).ok::<QueryResponse>().defaults_information.unwrap().object_defaults
}

/// Whether an AES key of a length may be made, with more attributes.
fn makes(client: &mut Client<'_>, length: i32, more: &[Attribute]) -> Result<(), ResultReason> {
    let mut attributes = aes();
    attributes[1] = Attribute::CryptographicLength(length);
    attributes.extend_from_slice(more);
    client.ask(Operation::Create, &create(attributes)).result::<CreateResponse>().map(drop)
}

#[test]
fn new_objects_satisfy_the_constraints_in_every_version() {
    let server = Server::new();
    let mut setter = server.client("fred", NEWEST);
    assert_eq!(constraints(&mut setter), []);
    let of_keys = |in_groups: &[&str], length| {
        let attributes = [algorithm(CryptographicAlgorithm::AES), Attribute::CryptographicLength(length)];
        constraint(&[ObjectType::SymmetricKey], in_groups, &attributes)
    };
    let all = vec![of_keys(&["strong"], 256), of_keys(&[], 192), of_keys(&[], 128)];
    constrain(&mut setter, Some(all.clone())).unwrap();
    assert_eq!(constraints(&mut setter), all);
    for version in VERSIONS {
        let mut client = server.client("fred", version);
        let violated = Err(ResultReason::ConstraintViolation.at(version));
        // Each constraint for all groups is an alternative.
        assert_eq!(makes(&mut client, 192, &[]), Ok(()), "{version}");
        assert_eq!(makes(&mut client, 128, &[]), Ok(()), "{version}");
        assert_eq!(makes(&mut client, 256, &[]), violated, "{version}");
        // What names the group of the object prevails.
        assert_eq!(makes(&mut client, 256, &[group("strong")]), Ok(()), "{version}");
        assert_eq!(makes(&mut client, 192, &[group("strong")]), violated, "{version}");
        assert_eq!(makes(&mut client, 192, &[group("other")]), Ok(()), "{version}");
        // The key that is brought has 256 bits.
        let brought = register(symmetric_key(), vec![]);
        client.ask(Operation::Register, &brought).fails_with(ResultReason::ConstraintViolation);
        client.register(symmetric_key(), vec![group("strong")]);
        // A key in place of another is a new one.
        constrain(&mut setter, None).unwrap();
        let key = setter.create(aes());
        constrain(&mut setter, Some(all.clone())).unwrap();
        client.ask(Operation::ReKey, &re_key(Some(&key))).fails_with(ResultReason::ConstraintViolation);
        // And so is one that comes from another server.
        if Operation::Import.known_in(version) {
            let imported = ImportRequest {
                unique_identifier: "imported".into(),
                object_type: (!version.is_1x()).then_some(ObjectType::SymmetricKey),
                replace_existing: None,
                key_wrap_type: None,
                attributes: aes().into_iter().collect(),
                object: symmetric_key(),
            };
            client.ask(Operation::Import, &imported).fails_with(ResultReason::ConstraintViolation);
        }
        // Other types, and other clients, are free.
        client.register(secret_data(), vec![]);
        client.create_key_pair();
        assert_eq!(makes(&mut server.client("barney", version), 256, &[]), Ok(()), "{version}");
    }
    assert_eq!(constraints(&mut server.client("barney", NEWEST)), []);
    constrain(&mut setter, None).unwrap();
    assert_eq!(constraints(&mut setter), []);
    assert_eq!(makes(&mut setter, 256, &[]), Ok(()));
}

#[test]
fn a_constraint_is_for_both_halves_of_a_pair_and_masks_are_limits() {
    let server = Server::new();
    let mut client = server.client("fred", NEWEST);
    let uses = |mask| Attribute::CryptographicUsageMask(mask);
    let verify_only = uses(CryptographicUsageMask::Verify);
    constrain(&mut client, Some(vec![constraint(&[ObjectType::PublicKey], &[], &[verify_only])])).unwrap();
    client.create_key_pair();
    let pair = crate::client::create_key_pair();
    let more = CryptographicUsageMask::Verify | CryptographicUsageMask::Encrypt;
    let pair = CreateKeyPairRequest { public_key_attributes: Some(template(vec![uses(more)])), ..pair };
    let objects = server.objects();
    client.ask(Operation::CreateKeyPair, &pair).fails_with(ResultReason::ConstraintViolation);
    assert_eq!(server.objects(), objects, "neither half is made");
}

#[test]
fn what_a_request_leaves_out_the_defaults_say() {
    let server = Server::new();
    let mut setter = server.client("fred", NEWEST);
    let aes = algorithm(CryptographicAlgorithm::AES);
    let keys = [ObjectType::SymmetricKey];
    let all = vec![
        defaults(&keys, &[], &[aes.clone(), Attribute::CryptographicLength(128), Attribute::Comment("plain".to_owned())]),
        defaults(&keys, &["strong"], &[Attribute::CryptographicLength(256)]),
        defaults(
            &[ObjectType::PrivateKey, ObjectType::PublicKey],
            &[],
            &[algorithm(CryptographicAlgorithm::ECDSA), Attribute::CryptographicLength(256)],
        ),
    ];
    let nothing = |object_type| CreateRequest { object_type, attributes: template(vec![]), protection_storage_masks: None };
    setter.ask(Operation::Create, &nothing(ObjectType::SymmetricKey)).fails_with(ResultReason::InvalidField);
    give(&mut setter, Some(all.clone())).unwrap();
    assert_eq!(queried(&mut setter, &[]), all);
    let unknown = QueryRequest {
        query_functions: vec![QueryFunction::QueryDefaultsInformation],
        object_groups: groups(&["strong", "other"]),
    };
    setter.ask(Operation::Query, &unknown).fails_with(ResultReason::UnknownObjectGroup);
    setter.create(crate::client::aes_and([group("other")]));
    assert_eq!(queried(&mut setter, &["other"]), [all[0].clone(), all[2].clone()]);
    assert_eq!(queried(&mut setter, &["strong", "other"]), all);
    server.client("barney", NEWEST).ask(Operation::Query, &unknown).fails_with(ResultReason::UnknownObjectGroup);
    for version in VERSIONS {
        let mut client = server.client("fred", version);
        let made = |client: &mut Client<'_>, attributes: Vec<Attribute>| {
            let key = client.ask(Operation::Create, &create(attributes)).ok::<CreateResponse>().unique_identifier.0;
            let attributes = client.attributes(&key);
            assert_eq!(attributes.cryptographic_algorithm(), Some(&CryptographicAlgorithm::AES), "{version}");
            (attributes.cryptographic_length().copied(), attributes.comment().cloned())
        };
        let comment =
            |text: &str| kmip::tag::by_tag(kmip::tag::Comment).unwrap().versions.contains(version).then(|| text.to_owned());
        assert_eq!(made(&mut client, vec![]), (Some(128), comment("plain")), "{version}");
        assert_eq!(made(&mut client, vec![group("strong")]), (Some(256), comment("plain")), "{version}");
        let own = vec![Attribute::CryptographicLength(192), group("strong")];
        assert_eq!(made(&mut client, own), (Some(192), comment("plain")), "{version}: what is said prevails");
        // A key that is brought keeps what it is.
        let key = client.register(symmetric_key(), vec![]);
        assert_eq!(client.attributes(&key).cryptographic_length(), Some(&256), "{version}");
        let pair = CreateKeyPairRequest {
            common_attributes: None,
            private_key_attributes: None,
            public_key_attributes: None,
            ..crate::client::create_key_pair()
        };
        let pair: CreateKeyPairResponse = client.ask(Operation::CreateKeyPair, &pair).ok();
        let half = client.attributes(&pair.public_key_unique_identifier.0);
        assert_eq!(half.cryptographic_algorithm(), Some(&CryptographicAlgorithm::ECDSA), "{version}");
        // They are the client's own.
        let mut other = server.client("barney", version);
        other.ask(Operation::Create, &create(vec![])).fails_with(ResultReason::InvalidField);
    }
    give(&mut setter, None).unwrap();
    assert_eq!(queried(&mut setter, &[]), []);
    setter.ask(Operation::Create, &nothing(ObjectType::SymmetricKey)).fails_with(ResultReason::InvalidField);
}

#[test]
fn what_the_defaults_add_obeys_what_holds_for_requests() {
    let server = Server::with(dispatcher::Settings { attributes_per_object: 6, ..dispatcher::Settings::default() });
    let mut client = server.client("fred", NEWEST);
    let keys = [ObjectType::SymmetricKey];
    let ends = Attribute::DeactivationDate(DateTime(crate::server::START));
    give(&mut client, Some(vec![defaults(&keys, &[], &[ends, Attribute::Comment("both".to_owned())])])).unwrap();
    let begins = |date| aes().into_iter().chain([Attribute::ActivationDate(DateTime(date))]).collect::<Vec<_>>();
    let late = create(begins(crate::server::START + 1));
    client.ask(Operation::Create, &late).fails_with(ResultReason::InvalidAttributeValue);
    let many = create(begins(0).into_iter().chain([group("one more")]).collect());
    client.ask(Operation::Create, &many).fails_with(ResultReason::ServerLimitExceeded);
    let brought = register(symmetric_key(), vec![Attribute::ActivationDate(DateTime(crate::server::START + 1))]);
    client.ask(Operation::Register, &brought).fails_with(ResultReason::InvalidAttributeValue);
    assert!(client.locate(vec![]).is_empty());
    client.ask(Operation::Create, &create(begins(0))).ok::<CreateResponse>();
}

#[test]
fn what_makes_no_sense_is_refused() {
    let server = Server::new();
    let mut client = server.client("fred", NEWEST);
    let keys = [ObjectType::SymmetricKey];
    let length = Attribute::CryptographicLength;
    for (refused, reason) in [
        (vec![defaults(&[], &[], &[length(128)])], ResultReason::InvalidField),
        (vec![defaults(&[ObjectType(0x77)], &[], &[length(128)])], ResultReason::InvalidObjectType),
        (vec![defaults(&keys, &[], &[Attribute::InitialDate(DateTime(0))])], ResultReason::InvalidField),
        (vec![defaults(&keys, &[], &[name("same for all")])], ResultReason::InvalidField),
        (vec![defaults(&keys, &[], &[length(128), length(256)])], ResultReason::InvalidField),
        (vec![defaults(&keys, &[], &[length(-1)])], ResultReason::InvalidField),
        (vec![defaults(&keys, &[], &[]); 65], ResultReason::InvalidField),
    ] {
        assert_eq!(give(&mut client, Some(refused)), Err(reason));
    }
    for (refused, reason) in [
        (vec![constraint(&[ObjectType(0x77)], &[], &[])], ResultReason::InvalidObjectType),
        (vec![constraint(&keys, &[], &[]); 65], ResultReason::InvalidField),
        (vec![constraint(&keys, &[], &vec![length(1); 1_025])], ResultReason::InvalidField),
    ] {
        assert_eq!(constrain(&mut client, Some(refused)), Err(reason));
    }
    assert_eq!(server.objects(), 0, "nothing was kept");
    for version in VERSIONS.into_iter().filter(|version| !Operation::SetDefaults.known_in(*version)) {
        let mut client = server.client("fred", version);
        for operation in [Operation::SetDefaults, Operation::SetConstraints, Operation::GetConstraints] {
            client.ask(operation, &GetConstraintsRequest {}).fails_with(ResultReason::OperationNotSupported);
        }
    }
}

#[test]
fn they_are_no_object_that_a_request_can_reach() {
    let server = Server::new();
    let mut client = server.client("fred", NEWEST);
    constrain(&mut client, Some(vec![constraint(&[ObjectType::SymmetricKey], &[], &aes())])).unwrap();
    let everywhere = StorageStatusMask::OnLineStorage | StorageStatusMask::ArchivalStorage | StorageStatusMask::DestroyedStorage;
    let all = kmip::payload::locate::LocateRequest { storage_status_mask: Some(everywhere), ..locate(NEWEST, vec![]) };
    assert!(client.locate_with(all).is_empty());
    assert!(client.locate(vec![Attribute::ObjectType(ObjectType::OpaqueObject)]).is_empty());
    let log = server.log();
    assert!(log.iter().all(|record| record.identifiers.is_empty()), "{log:?}");
    let query = store::Query::default();
    let kept = crate::server::block_on(store::Store::find(
        server.engine.store(),
        store::Tenant::DEFAULT,
        &query,
        store::Page::first(10),
    ));
    let [hidden] = kept.unwrap().identifiers.try_into().unwrap();
    client.get(&hidden).fails_with(ResultReason::ObjectNotFound);
    assert_eq!(client.destroy(&hidden).unwrap_err(), ResultReason::ObjectNotFound);
    assert!(client.locate(vec![Attribute::UniqueIdentifier(kmip::identifier::UniqueIdentifier(hidden))]).is_empty());
    // A reset takes them away.
    let reset = InteropRequest { interop_function: InteropFunction::Reset, interop_identifier: None };
    client.ask(Operation::Interop, &reset).ok::<InteropResponse>();
    assert_eq!(server.objects(), 0);
    assert_eq!(constraints(&mut client), []);
}

#[test]
fn an_undone_batch_lays_nothing_down() {
    let server = Server::new();
    let mut client = server.client("fred", NEWEST);
    let set = SetConstraintsRequest {
        constraints: Some(Constraints { constraints: vec![constraint(&[ObjectType::SymmetricKey], &[], &[group("never")])] }),
    };
    let request = client
        .request()
        .header(|header| header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Undo))
        .item(Operation::SetConstraints, &set)
        .item(Operation::Create, &create(aes()));
    let answers = client.send(request);
    assert_eq!(answers.items[0].status, ResultStatus::OperationUndone);
    assert_eq!(answers.items[1].reason, Some(ResultReason::ConstraintViolation), "the batch sees what it laid down");
    assert_eq!(constraints(&mut client), []);
    assert_eq!(makes(&mut client, 256, &[]), Ok(()));
}
