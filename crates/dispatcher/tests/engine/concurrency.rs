//! Many clients at once: no update is lost, and what can succeed once succeeds once.

use std::sync::Barrier;
use std::thread;

use kmip::ProtocolVersion;
use kmip::attribute::{Attribute, AttributeReference, VendorAttribute};
use kmip::enumerations::{LinkType, State};
use kmip::operation::Operation;
use kmip::payload::create::CreateResponse;
use kmip::payload::re_key::ReKeyResponse;
use kmip::result_reason::ResultReason;
use kmip::structures::Link;
use ttlv_codec::TreeValue;

use crate::client::{aes, aes_and, create, name, re_key};
use crate::server::{Server, VERSIONS};

const THREADS: usize = 8;

/// Runs one client per thread, all starting together.
pub(crate) fn together<T: Send>(
    server: &Server,
    version: ProtocolVersion,
    work: impl Fn(usize, &mut crate::client::Client<'_>) -> T + Sync,
) -> Vec<T> {
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        let run = |number| {
            let (barrier, work) = (&barrier, &work);
            scope.spawn(move || {
                let mut client = server.client("fred", version);
                barrier.wait();
                work(number, &mut client)
            })
        };
        let threads: Vec<_> = (0..THREADS).map(run).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn no_update_is_lost() {
    const EACH: usize = 25;
    for version in [ProtocolVersion::V1_2, ProtocolVersion::V2_1] {
        let server = Server::new();
        let key = server.client("fred", version).create(aes());
        together(&server, version, |thread, client| {
            for number in 0..EACH {
                let attribute = Attribute::Vendor(VendorAttribute {
                    vendor_identification: "x".to_owned(),
                    attribute_name: format!("T{thread}-{number}"),
                    attribute_value: TreeValue::Integer(1),
                });
                client.add(&key, attribute).unwrap();
            }
        });
        let listed = server.client("fred", version).attribute_list(&key);
        let custom = listed.iter().filter(|reference| matches!(reference, AttributeReference::Vendor { .. })).count();
        assert_eq!(custom, THREADS * EACH, "{version}");
    }
}

#[test]
fn one_of_many_activations_succeeds() {
    for version in VERSIONS {
        let server = Server::new();
        for _ in 0..20 {
            let key = server.client("fred", version).create(aes());
            let results = together(&server, version, |_, client| client.activate(&key).map(drop));
            assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{version}");
            let wrong = ResultReason::WrongKeyLifecycleState.at(version);
            assert!(results.iter().all(|result| result.is_ok() || *result == Err(wrong)), "{version} {results:?}");
            assert_eq!(server.client("fred", version).state(&key), State::Active);
        }
    }
}

#[test]
fn re_key_against_activate_is_one_after_the_other() {
    for version in [ProtocolVersion::V1_2, ProtocolVersion::V2_1] {
        let server = Server::new();
        for round in 0..20 {
            let text = format!("round {round}");
            let key = server.client("fred", version).create(aes_and([name(&text)]));
            let results = together(&server, version, |thread, client| match thread % 2 {
                0 => client.activate(&key).map(|_| None),
                _ => {
                    let answer = client.ask(Operation::ReKey, &re_key(Some(&key)));
                    answer.result::<ReKeyResponse>().map(|response| Some(response.unique_identifier.0))
                }
            });
            let activated = results.iter().filter(|result| matches!(result, Ok(None))).count();
            let replaced: Vec<&String> = results.iter().filter_map(|result| result.as_ref().ok()?.as_ref()).collect();
            assert_eq!((activated, replaced.len()), (1, 1), "{version} {results:?}");
            let mut client = server.client("fred", version);
            assert_eq!(client.state(&key), State::Active, "{version}");
            // The name is the new key's, whichever came first, and the links lead both ways.
            assert_eq!(client.locate(vec![name(&text)]), [replaced[0].as_str()], "{version}");
            let linked = |client: &mut crate::client::Client<'_>, from: &str, kind: LinkType, to: &str| {
                let link = Attribute::Link(Link { link_type: kind, linked_object_identifier: to.into() });
                client.attributes(from).iter().any(|attribute| *attribute == link)
            };
            assert!(linked(&mut client, &key, LinkType::ReplacementObjectLink, replaced[0]), "{version}");
            assert!(linked(&mut client, replaced[0], LinkType::ReplacedObjectLink, &key), "{version}");
        }
    }
}

#[test]
fn modify_against_destroy_loses_neither() {
    for version in [ProtocolVersion::V1_2, ProtocolVersion::V2_1] {
        let server = Server::new();
        for _ in 0..20 {
            let contact = |text: String| Attribute::ContactInformation(text);
            let key = server.client("fred", version).create(aes_and([contact("nobody".to_owned())]));
            let results = together(&server, version, |thread, client| match thread {
                0 => client.destroy(&key).map(drop),
                _ => client.modify(&key, contact(thread.to_string())).map(drop),
            });
            assert!(results.iter().all(Result::is_ok), "{version} {results:?}");
            let mut client = server.client("fred", version);
            let attributes = client.attributes(&key);
            assert_eq!(attributes.state(), Some(&State::Destroyed), "{version}: no change brought it back");
            assert_ne!(attributes.contact_information().map(String::as_str), Some("nobody"), "{version}");
            client.get(&key).fails_with(ResultReason::ObjectDestroyed);
        }
    }
}

#[test]
fn archive_against_activate_is_one_after_the_other() {
    for version in [ProtocolVersion::V1_0, ProtocolVersion::V2_1] {
        let server = Server::new();
        for _ in 0..20 {
            let key = server.client("fred", version).create(aes());
            let results = together(&server, version, |thread, client| match thread % 2 {
                0 => client.archive(&key).map(drop),
                _ => client.activate(&key).map(drop),
            });
            let done = |parity| (0..).zip(&results).filter(|(thread, result)| thread % 2 == parity && result.is_ok()).count();
            assert_eq!(done(0), 1, "{version}: it is archived once");
            let mut client = server.client("fred", version);
            client.recover(&key).unwrap();
            // What was archived first was not activated.
            let expected = if done(1) == 1 { State::Active } else { State::PreActive };
            assert_eq!(client.state(&key), expected, "{version} {results:?}");
        }
    }
}

#[test]
fn one_of_many_destroys_succeeds() {
    for version in [ProtocolVersion::V1_0, ProtocolVersion::V2_1] {
        let server = Server::new();
        for _ in 0..20 {
            let key = server.client("fred", version).create(aes());
            let results = together(&server, version, |_, client| client.destroy(&key).map(drop));
            assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{version}");
        }
    }
}

#[test]
fn identifiers_are_never_given_twice() {
    let server = Server::new();
    let mut identifiers: Vec<String> =
        together(&server, ProtocolVersion::V2_1, |_, client| (0..50).map(|_| client.create(aes())).collect::<Vec<_>>()).concat();
    assert!(identifiers.iter().all(|identifier| identifier.len() <= 64 && identifier.is_ascii()), "libkmip holds 64 bytes");
    identifiers.sort();
    identifiers.dedup();
    assert_eq!(identifiers.len(), THREADS * 50);
    assert_eq!(server.objects(), THREADS * 50);
}

#[test]
fn a_name_is_given_once_from_2_0_on() {
    for version in [ProtocolVersion::V2_0, ProtocolVersion::V2_1] {
        let server = Server::new();
        for round in 0..50 {
            let request = create(aes_and([name(&format!("name {round}"))]));
            let results =
                together(&server, version, |_, client| client.ask(Operation::Create, &request).result::<CreateResponse>());
            assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{version} {round}");
        }
    }
}

#[test]
fn one_of_many_re_keys_succeeds() {
    for version in VERSIONS {
        let server = Server::new();
        for round in 0..20 {
            let key = server.client("fred", version).create(aes_and([name(&format!("{round}"))]));
            let results = together(&server, version, |_, client| client.re_key(&key));
            let new: Vec<&String> = results.iter().flatten().collect();
            assert_eq!(new.len(), 1, "{version} {results:?}");
            assert!(results.iter().all(|result| result.is_ok() || *result == Err(ResultReason::PermissionDenied)), "{results:?}");
            assert_eq!(server.client("fred", version).locate(vec![name(&format!("{round}"))]), [new[0].as_str()], "{version}");
        }
        assert_eq!(server.objects(), 40);
    }
}

/// Half of the clients re-key, half destroy: whatever comes first, what follows sees it.
#[test]
fn a_re_key_and_a_destruction_see_each_other() {
    for version in [ProtocolVersion::V1_2, ProtocolVersion::V2_1] {
        let server = Server::new();
        for _ in 0..40 {
            let key = server.client("fred", version).create(aes_and([name("mine")]));
            let results = together(&server, version, |thread, client| match thread % 2 {
                0 => client.re_key(&key).ok(),
                _ => client.destroy(&key).ok().map(|_| String::new()),
            });
            let mut client = server.client("fred", version);
            assert_eq!(client.state(&key), State::Destroyed, "{version}");
            let new: Vec<&String> = results.iter().flatten().filter(|new| !new.is_empty()).collect();
            assert!(new.len() <= 1, "{version} {results:?}");
            // The name is the replacement's, or that of the destroyed key.
            let named = client.attributes(&key).name().is_some();
            assert_eq!(named, new.is_empty(), "{version}");
            if let Some(new) = new.first() {
                client.destroy(new).unwrap();
            }
        }
    }
}
