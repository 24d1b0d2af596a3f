//! Keys that the server rotates by itself: when, with what dates, and when not.

use std::sync::atomic::Ordering;

use dispatcher::Rotations;
use kmip::ProtocolVersion;
use kmip::attribute::{Attribute, Attributes};
use kmip::codec::{DateTime, Interval};
use kmip::enumerations::{CryptographicAlgorithm, LinkType, RevocationReasonCode, State};
use kmip::identifier::ObjectReference;
use kmip::operation::Operation;
use kmip::payload::create_key_pair::CreateKeyPairResponse;
use kmip::structures::RotateName;

use crate::client::{Client, aes_and, create_key_pair, name, template};
use crate::server::{START, Server, block_on};

const DAY: i64 = 86_400;

fn rotating(seconds: u32) -> Vec<Attribute> {
    vec![
        Attribute::RotateAutomatic(true),
        Attribute::RotateInterval(Interval(seconds)),
        Attribute::RotateName(RotateName::text("the disk keys")),
    ]
}

fn client(server: &Server) -> Client<'_> {
    server.client("fred", ProtocolVersion::V2_1)
}

fn rotate(server: &Server) -> (usize, usize) {
    let Rotations { done, failed } = block_on(server.engine.rotate()).unwrap();
    (done, failed)
}

fn replacement(attributes: &Attributes) -> Option<String> {
    attributes.iter().find_map(|attribute| match attribute {
        Attribute::Link(link) if link.link_type == LinkType::ReplacementObjectLink => match &link.linked_object_identifier {
            ObjectReference::Identifier(identifier) => Some(identifier.clone()),
            _ => None,
        },
        _ => None,
    })
}

#[test]
fn a_key_is_rotated_when_its_interval_has_passed_and_not_before() {
    let server = Server::new();
    let mut client = client(&server);
    let key = client.create(aes_and(rotating(86_400).into_iter().chain([
        name("disk"),
        Attribute::RotateOffset(Interval(60)),
        Attribute::ActivationDate(DateTime(START)),
        Attribute::DeactivationDate(DateTime(START + DAY)),
    ])));
    server.set_time(START + DAY - 1);
    assert_eq!(rotate(&server), (0, 0));
    assert_eq!(client.attributes(&key).rotate_generation(), None);
    server.set_time(START + DAY);
    assert_eq!(rotate(&server), (1, 0));
    assert_eq!(rotate(&server), (0, 0), "once");

    let old = client.attributes(&key);
    let new = replacement(&old).unwrap();
    assert_eq!((old.rotate_latest(), old.rotate_date()), (Some(&false), Some(&DateTime(START + DAY))));
    assert_eq!((old.rotate_automatic(), old.name()), (Some(&false), None));
    let attributes = client.attributes(&new);
    assert_eq!((attributes.rotate_latest(), attributes.rotate_generation()), (Some(&true), Some(&1)));
    assert_eq!(attributes.rotate_automatic(), Some(&true));
    assert_eq!(attributes.rotate_interval(), Some(&Interval(86_400)));
    assert_eq!(attributes.name().unwrap().name_value, "disk");
    assert_eq!(attributes.initial_date(), Some(&DateTime(START + DAY)));
    assert_eq!(attributes.activation_date(), Some(&DateTime(START + DAY + 60)), "by the Rotate Offset");
    assert_eq!(attributes.deactivation_date(), Some(&DateTime(START + 2 * DAY + 60)));
    let set = vec![Attribute::RotateName(RotateName::text("the disk keys"))];
    assert_eq!(client.locate(set.clone()), [new.as_str(), key.as_str()]);
    assert_eq!(client.locate(set.into_iter().chain([Attribute::RotateLatest(true)]).collect()), [new.as_str()]);
}

#[test]
fn intervals_that_passed_while_the_server_was_down_are_not_made_up_for() {
    let server = Server::new();
    let mut client = client(&server);
    for number in 0..200 {
        client.create(aes_and(rotating(60).into_iter().chain([name(&number.to_string())])));
    }
    server.set_time(START + 30 * DAY);
    server.trouble.slept_ms.store(0, Ordering::SeqCst);
    assert_eq!(rotate(&server), (200, 0));
    assert_eq!(server.objects(), 400);
    assert!(server.trouble.slept_ms.load(Ordering::SeqCst) >= 2_000, "clients have their turn in between");
    assert_eq!(rotate(&server), (0, 0));
    server.set_time(START + 30 * DAY + 60);
    assert_eq!(rotate(&server), (200, 0), "each of the new ones in its turn");
    assert_eq!(client.locate(vec![name("7")]).len(), 1);
}

#[test]
fn a_search_for_what_is_due_costs_what_is_due() {
    let server = Server::new();
    let mut client = client(&server);
    for interval in [0, 60, 600] {
        client.create(aes_and(rotating(interval)));
    }
    for _ in 0..50 {
        client.create(aes_and([]));
    }
    server.set_time(START + 60);
    server.trouble.loaded.store(0, Ordering::SeqCst);
    assert_eq!(rotate(&server), (1, 0), "an interval of nothing is none");
    assert!(server.trouble.loaded.load(Ordering::SeqCst) < 8);
}

#[test]
fn a_pair_is_rotated_once_and_as_a_pair() {
    let server = Server::new();
    let mut client = client(&server);
    for halves in [(true, true), (true, false), (false, true)] {
        server.set_time(START);
        let mut request = create_key_pair();
        let common = [Attribute::CryptographicAlgorithm(CryptographicAlgorithm::EC), Attribute::CryptographicLength(256)];
        request.common_attributes = Some(template(common.to_vec()));
        let of = |wanted: bool| Some(template(if wanted { rotating(60) } else { vec![] }));
        (request.private_key_attributes, request.public_key_attributes) = (of(halves.0), of(halves.1));
        let pair: CreateKeyPairResponse = client.ask(Operation::CreateKeyPair, &request).ok();
        server.set_time(START + 60);
        assert_eq!(rotate(&server), (1, 0), "{halves:?}");
        let private = replacement(&client.attributes(&pair.private_key_unique_identifier.0)).unwrap();
        let public = replacement(&client.attributes(&pair.public_key_unique_identifier.0)).unwrap();
        for half in [&private, &public] {
            assert_eq!(client.attributes(half).rotate_generation(), Some(&1));
            client.destroy(half).unwrap();
        }
    }
}

#[test]
fn keys_at_the_end_of_their_lives_are_not_rotated() {
    let server = Server::new();
    let mut client = client(&server);
    let keys: Vec<String> = (0..5).map(|_| client.create(aes_and(rotating(60)))).collect();
    client.destroy(&keys[0]).unwrap();
    client.revoke(&keys[1], RevocationReasonCode::KeyCompromise).unwrap();
    client.revoke(&keys[2], RevocationReasonCode::CessationOfOperation).unwrap();
    client.re_key(&keys[3]).unwrap();
    // Its replacement would be as deactivated as it is.
    client.modify(&keys[4], Attribute::DeactivationDate(DateTime(START + 30))).ok();
    client.add(&keys[4], Attribute::DeactivationDate(DateTime(START + 30))).ok();
    server.set_time(START + 60);
    assert_eq!(client.state(&keys[4]), State::Deactivated);
    assert_eq!(rotate(&server), (1, 0), "only the replacement that the client made");
    assert_eq!(server.objects(), 7);
}

#[test]
fn what_is_archived_is_rotated_when_it_is_recovered() {
    let server = Server::new();
    let mut client = client(&server);
    let key = client.create(aes_and(rotating(60)));
    client.archive(&key).unwrap();
    server.set_time(START + 60);
    let loaded = server.trouble.loaded.load(Ordering::SeqCst);
    assert_eq!(rotate(&server), (0, 0), "nothing is tried that cannot succeed");
    assert_eq!(server.trouble.loaded.load(Ordering::SeqCst), loaded, "nor looked at");
    client.recover(&key).unwrap();
    assert_eq!(rotate(&server), (1, 0));
}

#[test]
fn a_failure_is_tried_again_in_an_hour_and_stops_nobody() {
    let server = Server::new();
    let mut client = client(&server);
    // The offset has no Activation Date to move from.
    let bad = client.create(aes_and(
        rotating(60)
            .into_iter()
            .chain([Attribute::RotateOffset(Interval(0)), Attribute::DeactivationDate(DateTime(START + DAY))]),
    ));
    client.create(aes_and(rotating(60)));
    server.set_time(START + 60);
    assert_eq!(rotate(&server), (1, 1));
    assert_eq!(replacement(&client.attributes(&bad)), None);
    server.set_time(START + 61);
    assert_eq!(rotate(&server), (0, 0));
    server.set_time(START + 60 + 3_600);
    assert_eq!(rotate(&server), (1, 1));
}

#[test]
fn a_rotation_is_one_commit_with_its_record() {
    let server = Server::new();
    let mut client = client(&server);
    let key = client.create(aes_and(rotating(60).into_iter().chain([name("disk")])));
    server.set_time(START + 60);
    // What is not committed leaves the old key as it was, name and all.
    server.trouble.full.store(true, Ordering::SeqCst);
    assert_eq!(rotate(&server), (0, 1));
    server.trouble.full.store(false, Ordering::SeqCst);
    assert_eq!(server.objects(), 1);
    assert_eq!(client.locate(vec![name("disk")]), [key.as_str()]);
    // A commit of which nobody knows whether it was made is not made twice.
    server.set_time(START + 2 * DAY);
    server.trouble.unknown_made.store(1, Ordering::SeqCst);
    assert_eq!(rotate(&server), (1, 0));
    assert_eq!(server.objects(), 2);
    let record = server.log().pop().unwrap();
    assert_eq!((record.actor.as_str(), record.peer.as_deref()), ("fred", Some("automatic rotation")));
    assert!(record.identifiers.contains(&key));
}

#[test]
fn a_restart_goes_on_where_the_server_stopped() {
    let servers = Server::several(2);
    let mut before = client(&servers[0]);
    let keys: Vec<String> = (0..10).map(|_| before.create(aes_and(rotating(60)))).collect();
    for server in &servers {
        server.set_time(START + 60);
    }
    // The first gets as far as the fifth.
    for key in &keys[..5] {
        before.re_key(key).unwrap();
    }
    assert_eq!(rotate(&servers[1]), (5, 0));
    assert_eq!(servers[1].objects(), 20);
}
