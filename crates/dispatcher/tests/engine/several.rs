//! Several dispatchers on one store, many clients on each: as if there were one.

use std::collections::HashSet;
use std::sync::Barrier;
use std::thread;

use kmip::ProtocolVersion;
use kmip::attribute::{Attribute, AttributeReference, VendorAttribute};
use kmip::enumerations::{BatchErrorContinuationOption, RevocationReasonCode, State};
use kmip::operation::Operation;
use kmip::payload::create::CreateResponse;
use kmip::result_reason::ResultReason;
use ttlv_codec::TreeValue;

use crate::client::{Client, activate, aes, aes_and, create, modify, name};
use crate::server::{Server, block_on};
use store::Store as _;

const THREADS: usize = 8;

/// Versions in which the threads speak, in turn.
const MIXED: [ProtocolVersion; 4] = [ProtocolVersion::V1_0, ProtocolVersion::V2_1, ProtocolVersion::V1_4, ProtocolVersion::V2_0];

/// From here on a name is of one object only.
const NEW: [ProtocolVersion; 2] = [ProtocolVersion::V2_0, ProtocolVersion::V2_1];

/// Runs one client per thread, in turn on every server, all starting together.
fn together<T: Send>(
    servers: &[Server],
    versions: &[ProtocolVersion],
    work: impl Fn(usize, &mut Client<'_>) -> T + Sync,
) -> Vec<T> {
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        let run = |number: usize| {
            let (barrier, work) = (&barrier, &work);
            scope.spawn(move || {
                let mut client = servers[number % servers.len()].client("fred", versions[number % versions.len()]);
                barrier.wait();
                work(number, &mut client)
            })
        };
        let threads: Vec<_> = (0..THREADS).map(run).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn nothing_that_was_acknowledged_is_lost() {
    let servers = Server::several(2);
    let shared = servers[0].client("fred", ProtocolVersion::V2_1).create(aes());
    let lives = together(&servers, &MIXED, |thread, client| {
        let mut living = Vec::new();
        for number in 0..40 {
            let key = client.create(aes());
            let attribute = Attribute::Vendor(VendorAttribute {
                vendor_identification: "x".to_owned(),
                attribute_name: format!("T{thread}-{number}"),
                attribute_value: TreeValue::Integer(1),
            });
            client.add(&shared, attribute).unwrap();
            if number % 2 == 0 {
                client.destroy(&key).unwrap();
            } else {
                client.activate(&key).unwrap();
                living.push(key);
            }
        }
        living
    });
    for server in &servers {
        let mut client = server.client("fred", ProtocolVersion::V2_1);
        let found: HashSet<String> = client.locate(vec![Attribute::State(State::Active)]).into_iter().collect();
        assert_eq!(found, lives.iter().flatten().cloned().collect());
        let vendor = client.attribute_list(&shared);
        let vendor = vendor.iter().filter(|reference| matches!(reference, AttributeReference::Vendor { .. })).count();
        assert_eq!(vendor, THREADS * 40);
        assert_eq!(server.objects(), 1 + THREADS * 40);
    }
    // One log, in one order, each entry once.
    let log = block_on(servers[0].engine.store().read_log(1, usize::MAX)).unwrap();
    assert!(log.iter().map(|record| record.sequence).eq(1..=log.len() as u64));
}

#[test]
fn of_two_changes_to_one_state_one_is_first() {
    for version in MIXED {
        let servers = Server::several(2);
        for _ in 0..20 {
            let key = servers[0].client("fred", version).create(aes());
            let results = together(&servers, &[version], |thread, client| match thread % 4 {
                0 | 1 => client.activate(&key).map(drop),
                2 => client.revoke(&key, RevocationReasonCode::KeyCompromise).map(drop),
                _ => client.destroy(&key).map(drop),
            });
            let done = |kind: &dyn Fn(usize) -> bool| {
                results.iter().enumerate().filter(|(thread, result)| kind(thread % 4) && result.is_ok()).count()
            };
            assert!(done(&|kind| kind < 2) <= 1, "{version}: activated at most once: {results:?}");
            assert_eq!(done(&|kind| kind == 2), 1, "{version}: compromised once: {results:?}");
            assert!(done(&|kind| kind == 3) <= 1, "{version}: destroyed at most once: {results:?}");
            let state = servers[1].client("fred", version).state(&key);
            let expected = if done(&|kind| kind == 3) == 1 { State::DestroyedCompromised } else { State::Compromised };
            assert_eq!(state, expected, "{version}: {results:?}");
        }
    }
}

#[test]
fn a_name_is_given_once() {
    for version in NEW {
        let servers = Server::several(3);
        for round in 0..40 {
            let called = || name(&format!("name {round}"));
            let held: Vec<String> = (0..THREADS).map(|_| servers[0].client("fred", version).create(aes())).collect();
            let results: Vec<Result<(), ResultReason>> = together(&servers, &[version], |thread, client| match thread % 4 {
                0 => client.ask(Operation::Create, &create(aes_and([called()]))).result::<CreateResponse>().map(drop),
                1 => client.add(&held[thread], called()).map(drop),
                2 => {
                    client.add(&held[thread], name(&format!("before {thread} {round}"))).unwrap();
                    client.modify(&held[thread], called()).map(drop)
                }
                _ => {
                    let request = client
                        .request()
                        .header(|header| header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Undo))
                        .item(Operation::Create, &create(aes_and([called()])))
                        .item(Operation::Activate, &activate(None));
                    client.send(request).items[0].result::<CreateResponse>().map(drop)
                }
            });
            assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{version} {round} {results:?}");
            let taken = Err(ResultReason::NonUniqueNameAttribute);
            assert!(results.iter().all(|result| result.is_ok() || *result == taken), "{version} {round} {results:?}");
            let found = servers[1].client("fred", version).locate(vec![called()]);
            assert_eq!(found.len(), 1, "{version} {round}");
        }
    }
}

#[test]
fn a_name_wanders_but_is_never_in_two_places() {
    for version in NEW {
        let servers = Server::several(2);
        let results = together(&servers, &[version], |_, client| {
            let mut held = 0;
            for _ in 0..60 {
                if let Ok(made) = client.ask(Operation::Create, &create(aes_and([name("wandering")]))).result::<CreateResponse>()
                {
                    // Nobody else has it now.
                    assert_eq!(client.locate(vec![name("wandering")]), [made.unique_identifier.0.as_str()]);
                    held += 1;
                    if held % 2 == 0 {
                        client.destroy(&made.unique_identifier.0).unwrap();
                    } else {
                        let elsewhere = name(&made.unique_identifier.0);
                        let change = modify(Some(&made.unique_identifier.0), None, elsewhere.into());
                        assert!(client.ask(Operation::ModifyAttribute, &change).reason.is_none());
                    }
                }
            }
            held
        });
        assert!(results.iter().sum::<usize>() >= THREADS, "{version} {results:?}");
        assert!(servers[0].client("fred", version).locate(vec![name("wandering")]).is_empty(), "{version}");
    }
}

#[test]
fn names_of_1_x_and_of_different_owners_stand_in_nobodys_way() {
    let servers = Server::several(2);
    let old =
        together(&servers, &[ProtocolVersion::V1_0, ProtocolVersion::V1_4], |_, client| client.create(aes_and([name("common")])));
    assert_eq!(servers[0].client("fred", ProtocolVersion::V1_4).locate(vec![name("common")]).len(), old.len());
    for version in NEW {
        let wilma = servers[1].client("wilma", version).ask(Operation::Create, &create(aes_and([name(&version.to_string())])));
        let fred = servers[0].client("fred", version).ask(Operation::Create, &create(aes_and([name(&version.to_string())])));
        wilma.ok::<CreateResponse>();
        fred.ok::<CreateResponse>();
    }
}
