//! Pages of a Locate while objects come and go.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use kmip::ProtocolVersion;
use kmip::attribute::Attribute;
use kmip::operation::Operation;
use kmip::payload::locate::{LocateRequest, LocateResponse};

use crate::client::{Client, aes, aes_and, locate};
use crate::server::{Server, VERSIONS};

fn group() -> Attribute {
    Attribute::ObjectGroup("g".to_owned())
}

fn page(version: ProtocolVersion, maximum: i32, offset: i32) -> LocateRequest {
    let mut request = locate(version, vec![group()]);
    request.maximum_items = Some(maximum);
    request.offset_items = Some(offset);
    request
}

/// Every page from the first to the first that is empty; `between` runs before each.
fn walk(client: &mut Client<'_>, size: i32, mut between: impl FnMut(&mut Client<'_>)) -> Vec<String> {
    let mut all = Vec::new();
    for number in 0.. {
        between(client);
        let found = client.locate_with(page(client.version, size, number * size));
        if found.is_empty() {
            break;
        }
        all.extend(found);
    }
    all
}

/// Offset Items came with 1.3.
fn versions() -> impl Iterator<Item = ProtocolVersion> {
    VERSIONS.into_iter().filter(|version| *version >= ProtocolVersion::V1_3)
}

#[test]
fn what_others_make_moves_no_page() {
    for version in versions() {
        let server = Server::new();
        let mut fred = server.client("fred", version);
        let mut wilma = server.client("wilma", version);
        let mut made: Vec<String> = (0..50).map(|_| fred.create(aes_and([group()]))).collect();
        made.reverse();
        let found = walk(&mut fred, 7, |fred| {
            wilma.create(aes_and([group()]));
            fred.create(aes());
        });
        assert_eq!(found, made, "{version}: another's, and those of no group, are in no page");
    }
}

#[test]
fn what_is_made_meanwhile_comes_first_and_hides_nothing() {
    for version in versions() {
        let server = Server::new();
        let mut client = server.client("fred", version);
        let mut made: Vec<String> = (0..50).map(|_| client.create(aes_and([group()]))).collect();
        made.reverse();
        let mut rounds = 0;
        let found = walk(&mut client, 7, |client| {
            rounds += 1;
            if rounds > 1 && rounds < 6 {
                client.create(aes_and([group()]));
            }
        });
        // Each new object moves the others on by one: the last of a page is the first of the next one again.
        assert_eq!(found.len(), made.len() + 4, "{version}");
        let mut distinct = found.clone();
        distinct.dedup();
        assert_eq!(distinct, made, "{version}: in order, and none is missing");
    }
}

#[test]
fn a_search_sees_every_object_once_while_others_come_and_go() {
    for version in [ProtocolVersion::V1_4, ProtocolVersion::V2_1] {
        let server = Server::new();
        let mut stay: Vec<String> = (0..300).map(|_| server.client("fred", version).create(aes_and([group()]))).collect();
        stay.reverse();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut client = server.client("fred", version);
                    while !done.load(Ordering::SeqCst) {
                        let short_lived = client.create(aes_and([group()]));
                        client.destroy(&short_lived).unwrap();
                    }
                });
            }
            let mut client = server.client("fred", version);
            for _ in 0..10 {
                let found = client.locate(vec![group()]);
                let of_them: Vec<&String> = found.iter().filter(|identifier| stay.contains(identifier)).collect();
                assert_eq!(of_them, stay.iter().collect::<Vec<_>>(), "{version}");
                let mut distinct = found.clone();
                distinct.sort();
                distinct.dedup();
                assert_eq!(distinct.len(), found.len(), "{version}");
            }
            done.store(true, Ordering::SeqCst);
        });
    }
}

#[test]
fn those_who_page_are_told_how_many_there_are_unless_very_many_follow() {
    for version in versions() {
        let server = Server::with(dispatcher::Settings { located_items: 20, ..dispatcher::Settings::default() });
        let mut client = server.client("fred", version);
        (0..23).for_each(|_| drop(client.create(aes_and([group()]))));
        let mut count = |maximum, offset| {
            let response: LocateResponse = client.ask(Operation::Locate, &page(version, maximum, offset)).ok();
            (response.located_items, response.unique_identifiers.len())
        };
        assert_eq!(count(3, 0), (Some(23), 3), "{version}");
        assert_eq!(count(3, 22), (Some(23), 1), "{version}");
        assert_eq!(count(3, i32::MAX), (Some(23), 0), "{version}");
        server.client("fred", version).create(aes_and([group()]));
        assert_eq!(count(3, 0), (None, 3), "{version}: more than 20 follow the page");
        assert_eq!(count(3, 1), (Some(24), 3), "{version}");
    }
}
