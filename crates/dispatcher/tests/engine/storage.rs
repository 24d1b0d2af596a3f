//! Archive, Recover and Obtain Lease: whether an object is at hand.

use kmip::ProtocolVersion;
use kmip::attribute::{AttributeReference, TemplateAttribute};
use kmip::codec::{DateTime, Interval};
use kmip::enumerations::{ObjectType, ResultStatus, RevocationReasonCode};
use kmip::masks::StorageStatusMask;
use kmip::operation::Operation;
use kmip::payload::check::{CheckRequest, CheckResponse};
use kmip::payload::create::CreateRequest;
use kmip::result_reason::ResultReason;
use kmip::structures::Name;
use kmip::tag;

use crate::client::{Client, activate, add, aes, aes_and, delete, destroy, locate, modify, name, revoke};
use crate::objects::{every_type, template_object};
use crate::server::{START, Server, VERSIONS};

/// The objects in some kinds of storage.
fn kept(client: &mut Client<'_>, mask: Option<StorageStatusMask>) -> Vec<String> {
    let mut request = locate(client.version, vec![]);
    request.storage_status_mask = mask;
    client.locate_with(request)
}

#[test]
fn an_archived_object_has_to_be_recovered_first() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes_and([name("mine")]));
        server.set_time(START + 10);
        assert_eq!(client.archive(&key).unwrap().unique_identifier.0, key);
        server.set_time(START + 20);
        let id = Some(key.as_str());
        let archived = |answer: crate::client::Answer| answer.fails_with(ResultReason::ObjectArchived);
        archived(client.get(&key));
        archived(client.ask(Operation::AddAttribute, &add(id, name("more"))));
        archived(client.ask(Operation::ModifyAttribute, &modify(id, None, name("other").into())));
        archived(client.ask(Operation::DeleteAttribute, &delete(id, name("mine").reference(), None)));
        archived(client.ask(Operation::Activate, &activate(id)));
        archived(client.ask(Operation::Revoke, &revoke(id, RevocationReasonCode::KeyCompromise)));
        archived(client.ask(Operation::Destroy, &destroy(id)));
        assert_eq!(client.archive(&key).unwrap_err(), ResultReason::ObjectArchived);
        assert_eq!(client.lease(&key).unwrap_err(), ResultReason::ObjectArchived);
        assert_eq!(client.allocate(&key, 1).unwrap_err(), ResultReason::ObjectArchived);

        // What is known of it stays at hand.
        assert_eq!(client.attributes(&key).archive_date(), Some(&DateTime(START + 10)), "{version}");
        assert!(client.attribute_list(&key).contains(&AttributeReference::Standard(tag::ArchiveDate)), "{version}");

        assert_eq!(client.recover(&key).unwrap().unique_identifier.0, key);
        client.object(&key);
        let attributes = client.attributes(&key);
        assert_eq!(attributes.archive_date(), None, "{version}: the date goes with the archive");
        assert_eq!(attributes.last_change_date(), Some(&DateTime(START + 20)), "{version}");
        // What is on-line stays so, and nothing has changed.
        server.set_time(START + 30);
        client.recover(&key).unwrap();
        assert_eq!(client.attributes(&key), attributes, "{version}");
        assert_eq!(client.recover("nobody").unwrap_err(), ResultReason::ObjectNotFound.at(version));
        assert_eq!(client.archive("nobody").unwrap_err(), ResultReason::ObjectNotFound.at(version));
        client.destroy(&key).unwrap();
        assert_eq!(client.archive(&key).unwrap_err(), ResultReason::ObjectDestroyed.at(version));
    }
}

#[test]
fn every_type_of_object_is_archived_and_found_there() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let all: Vec<String> = every_type(version).into_iter().map(|object| client.register(object, vec![])).collect();
        for identifier in &all {
            client.archive(identifier).unwrap();
            client.get(identifier).fails_with(ResultReason::ObjectArchived);
        }
        let on_line = client.create(aes());
        let gone = client.create(aes());
        client.destroy(&gone).unwrap();
        let newest_first: Vec<String> = all.iter().rev().cloned().collect();
        assert_eq!(kept(&mut client, None), [on_line.as_str()], "{version}");
        assert_eq!(kept(&mut client, Some(StorageStatusMask::ArchivalStorage)), newest_first, "{version}");
        let both = StorageStatusMask::ArchivalStorage | StorageStatusMask::OnLineStorage;
        assert_eq!(kept(&mut client, Some(both)), [std::slice::from_ref(&on_line), &newest_first[..]].concat(), "{version}");
        let no_longer = StorageStatusMask::ArchivalStorage | StorageStatusMask::DestroyedStorage;
        assert_eq!(kept(&mut client, Some(no_longer)), [&[gone], &newest_first[..]].concat(), "{version}");
        for identifier in &all {
            client.recover(identifier).unwrap();
            client.object(identifier);
        }
        assert_eq!(kept(&mut client, Some(StorageStatusMask::ArchivalStorage)), Vec::<String>::new(), "{version}");
        assert_eq!(kept(&mut client, None).len(), all.len() + 1, "{version}");
    }
}

#[test]
fn an_archived_template_makes_nothing() {
    for version in VERSIONS.into_iter().filter(|version| version.is_1x()) {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let template = client.register(template_object("shape", aes()), vec![]);
        let by_template = CreateRequest {
            object_type: ObjectType::SymmetricKey,
            attributes: TemplateAttribute { names: vec![Name::text("shape")], ..TemplateAttribute::default() },
            protection_storage_masks: None,
        };
        client.archive(&template).unwrap();
        client.ask(Operation::Create, &by_template).fails_with(ResultReason::ObjectArchived);
        client.recover(&template).unwrap();
        assert_eq!(client.ask(Operation::Create, &by_template).status, ResultStatus::Success, "{version}");
    }
}

#[test]
fn a_lease_is_given_as_long_as_the_object_may_be_used() {
    for version in VERSIONS {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes());
        let granted = |client: &mut Client<'_>, changed: i64| {
            let lease = client.lease(&key).unwrap();
            assert_eq!((lease.lease_time, lease.last_change_date), (Interval(3_600), DateTime(changed)), "{version}");
        };
        granted(&mut client, START);
        server.set_time(START + 10);
        client.activate(&key).unwrap();
        server.set_time(START + 20);
        granted(&mut client, START + 10);
        client.revoke(&key, RevocationReasonCode::CessationOfOperation).unwrap();
        granted(&mut client, START + 20);
        client.revoke(&key, RevocationReasonCode::KeyCompromise).unwrap();
        assert_eq!(client.lease(&key).unwrap_err(), ResultReason::PermissionDenied, "{version}: compromised");
        client.destroy(&key).unwrap();
        assert_eq!(client.lease(&key).unwrap_err(), ResultReason::PermissionDenied, "{version}: destroyed");
        assert_eq!(client.lease("nobody").unwrap_err(), ResultReason::ObjectNotFound.at(version));
    }
}

#[test]
fn check_says_which_lease_would_be_given() {
    for version in [ProtocolVersion::V1_0, ProtocolVersion::V2_1] {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let key = client.create(aes());
        let mut check = |seconds| {
            let request = CheckRequest {
                unique_identifier: Some(key.as_str().into()),
                usage_limits_count: None,
                cryptographic_usage_mask: None,
                lease_time: Some(Interval(seconds)),
            };
            client.ask(Operation::Check, &request).result::<CheckResponse>().map(drop)
        };
        assert_eq!(check(3_600), Ok(()));
        assert_eq!(check(3_601), Err(ResultReason::PermissionDenied));
        // 0 is a lease without end.
        assert_eq!(check(0), Err(ResultReason::PermissionDenied));
    }
}
