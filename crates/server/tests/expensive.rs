//! Requests that are right in form and ask for very much, against the program itself: each is answered in time, the server's memory
//! stays, and an honest client is served meanwhile.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/program.rs"]
#[allow(dead_code, unreachable_pub, reason = "every test file uses its part")]
mod program;

#[path = "common/attack.rs"]
#[allow(dead_code, unreachable_pub, reason = "every test file uses its part")]
mod attack;

use attack::{Attacked, GROWTH_MAX};
use kmip::tag;
use program::{Client, create, find, get, reason, succeeded, text};
use std::time::{Duration, Instant};
use ttlv_codec::{Tree, TreeValue, Writer};

/// Connections that send the same expensive request at one time.
const CLIENTS: usize = 8;
/// How often each sends it.
const ROUNDS: usize = 4;
/// In what time an expensive request is answered, among the others and without optimisation.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// Sends a request from many clients at once; every answer, with the most memory the server had meanwhile.
fn from_all(attacked: &Attacked, request: &[u8]) -> Vec<Tree> {
    let answers = std::thread::scope(|scope| {
        let send = || {
            let mut client = attacked.connect();
            let exchange = |_| {
                let begun = Instant::now();
                let answer = client.exchange(request).unwrap();
                assert!(begun.elapsed() < ANSWERED_WITHIN, "an answer took {:?}", begun.elapsed());
                answer
            };
            (0..ROUNDS).map(exchange).collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(send)).collect();
        while threads.iter().any(|thread| !thread.is_finished()) {
            check_memory(attacked);
            std::thread::sleep(Duration::from_millis(20));
        }
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    check_memory(attacked);
    answers
}

fn check_memory(attacked: &Attacked) {
    let grown = attacked.server.memory().saturating_sub(attacked.memory);
    assert!(grown <= GROWTH_MAX, "memory grew by {} MiB", grown >> 20);
}

fn attribute(writer: &mut Writer, name: &str, value: impl FnOnce(&mut Writer)) {
    writer.structure(tag::Attribute, |writer| {
        writer.text_string(tag::AttributeName, name);
        value(writer);
    });
}

fn name(writer: &mut Writer, tag: ttlv_codec::Tag, name: &str) {
    writer.structure(tag, |writer| {
        writer.text_string(tag::NameValue, name);
        writer.enumeration(tag::NameType, 1);
    });
}

/// Registers a template with as much in it as fits a request, then makes keys from twenty thousand names of it.
#[test]
fn many_template_names() {
    let attacked = Attacked::begin();
    let mut client = attacked.connect();
    let template = program::request(3, None, |writer| {
        writer.enumeration(tag::ObjectType, 6);
        writer.structure(tag::TemplateAttribute, |writer| {
            attribute(writer, "Name", |writer| name(writer, tag::AttributeValue, "t"));
        });
        writer.structure(tag::Template, |writer| {
            for number in 0..900 {
                let value = "x".repeat(1_000);
                attribute(writer, &format!("x-{number}"), |writer| writer.text_string(tag::AttributeValue, &value));
            }
        });
    });
    let made = client.exchange(&template).unwrap();
    assert!(succeeded(&made), "{made:?}");
    let with_names = |count: usize| {
        program::request(1, None, |writer| {
            writer.enumeration(tag::ObjectType, 2);
            writer.structure(tag::TemplateAttribute, |writer| {
                for _ in 0..count {
                    name(writer, tag::Name, "t");
                }
                attribute(writer, "Cryptographic Algorithm", |writer| writer.enumeration(tag::AttributeValue, 3));
                attribute(writer, "Cryptographic Length", |writer| writer.integer(tag::AttributeValue, 256));
                attribute(writer, "Cryptographic Usage Mask", |writer| writer.integer(tag::AttributeValue, 12));
            });
        })
    };
    let made = client.exchange(&with_names(1)).unwrap();
    assert!(succeeded(&made), "one name of it is right: {made:?}");
    for answer in from_all(&attacked, &with_names(20_000)) {
        assert!(!succeeded(&answer), "{answer:?}");
    }
    attacked.end();
}

#[test]
fn sixteen_thousand_attribute_names() {
    let attacked = Attacked::begin();
    let identifier = text(&attacked.connect().exchange(&create(None)).unwrap(), tag::UniqueIdentifier).unwrap();
    let ask = |names: &dyn Fn(usize) -> String, count: usize| {
        program::request(11, None, |writer| {
            writer.text_string(tag::UniqueIdentifier, &identifier);
            (0..count).for_each(|number| writer.text_string(tag::AttributeName, &names(number)));
        })
    };
    let few = attacked.connect().exchange(&ask(&|number| format!("x-{number}"), 100)).unwrap();
    assert!(succeeded(&few), "{few:?}");
    for answer in from_all(&attacked, &ask(&|number| format!("x-{number}"), 16_000)) {
        assert!(!succeeded(&answer), "{answer:?}");
    }
    for answer in from_all(&attacked, &ask(&|_| "State".to_owned(), 16_000)) {
        assert!(!succeeded(&answer), "{answer:?}");
    }
    attacked.end();
}

#[test]
fn a_search_by_thousands_of_values() {
    let attacked = Attacked::begin();
    let mut client = attacked.connect();
    for _ in 0..300 {
        assert!(succeeded(&client.exchange(&create(None)).unwrap()));
    }
    let search = |count: usize, filter: &dyn Fn(&mut Writer, usize)| {
        program::request(8, None, |writer| (0..count).for_each(|number| filter(writer, number)))
    };
    let length = |writer: &mut Writer, _| {
        attribute(writer, "Cryptographic Length", |writer| writer.integer(tag::AttributeValue, 256));
    };
    let custom = |writer: &mut Writer, number: usize| {
        attribute(writer, &format!("x-{number}"), |writer| writer.text_string(tag::AttributeValue, "value"));
    };
    let found = client.exchange(&search(4, &length)).unwrap();
    assert!(succeeded(&found), "{found:?}");
    for filter in [&length as &dyn Fn(&mut Writer, usize), &custom] {
        for answer in from_all(&attacked, &search(12_000, filter)) {
            assert!(!succeeded(&answer), "{answer:?}");
        }
    }
    attacked.end();
}

#[test]
fn thousands_of_credentials() {
    let attacked = Attacked::begin();
    let mut writer = Writer::default();
    writer.structure(tag::RequestMessage, |writer| {
        writer.structure(tag::RequestHeader, |writer| {
            writer.structure(tag::ProtocolVersion, |writer| {
                writer.integer(tag::ProtocolVersionMajor, 1);
                writer.integer(tag::ProtocolVersionMinor, 4);
            });
            writer.structure(tag::Authentication, |writer| {
                for number in 0..8_000 {
                    writer.structure(tag::Credential, |writer| {
                        writer.enumeration(tag::CredentialType, 1);
                        writer.structure(tag::CredentialValue, |writer| {
                            writer.text_string(tag::Username, &format!("user {number}"));
                            writer.text_string(tag::Password, "a password like any other");
                        });
                    });
                }
            });
            writer.integer(tag::BatchCount, 1);
        });
        writer.structure(tag::BatchItem, |writer| {
            writer.enumeration(tag::Operation, 30);
            writer.structure(tag::RequestPayload, |_| ());
        });
    });
    let begun = Instant::now();
    for answer in from_all(&attacked, &writer.finish()) {
        assert!(!succeeded(&answer), "{answer:?}");
        assert_ne!(reason(&answer), Some(3), "refused before any password is tried: {answer:?}");
    }
    assert!(begun.elapsed() < ANSWERED_WITHIN, "no password was hashed: {:?}", begun.elapsed());
    attacked.end();
}

/// Twenty clients ask for 15 MB each and read nothing.
#[test]
fn large_responses_that_nobody_reads() {
    let attacked = Attacked::begin();
    let mut client = attacked.connect();
    let register = program::request(3, None, |writer| {
        writer.enumeration(tag::ObjectType, 8);
        writer.structure(tag::TemplateAttribute, |_| ());
        writer.structure(tag::OpaqueObject, |writer| {
            writer.enumeration(tag::OpaqueDataType, 0x8000_0001);
            writer.byte_string(tag::OpaqueDataValue, &vec![0x5A; 1024 * 1024]);
        });
    });
    let large = text(&client.exchange(&register).unwrap(), tag::UniqueIdentifier).unwrap();
    let small = text(&client.exchange(&create(None)).unwrap(), tag::UniqueIdentifier).unwrap();
    let mut unread: Vec<Client> = (0..20).map(|_| attacked.connect()).collect();
    for client in &mut unread {
        client.send(&gets(&large, 15)).unwrap();
    }
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(5) {
        check_memory(&attacked);
        // What others need goes on: small responses never wait for large ones.
        let got = client.exchange(&get(&small)).unwrap();
        assert!(succeeded(&got) && find(&got, tag::KeyMaterial).is_some(), "{got:?}");
        assert!(succeeded(&client.exchange(&create(None)).unwrap()));
        std::thread::sleep(Duration::from_millis(50));
    }
    let more = client.exchange(&gets(&large, 15)).unwrap();
    assert!(successes(&more) < 15, "the memory for responses is full");
    drop(unread);
    let begun = Instant::now();
    loop {
        if successes(&client.exchange(&gets(&large, 15)).unwrap()) == 15 {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "the memory is given back when the clients are gone");
        std::thread::sleep(Duration::from_millis(50));
    }
    attacked.end();
}

fn successes(tree: &Tree) -> usize {
    let TreeValue::Structure(items) = &tree.value else {
        return usize::from(tree.tag == tag::ResultStatus && tree.value == TreeValue::Enumeration(0));
    };
    items.iter().map(successes).sum()
}

/// A request of KMIP 1.4 with so many Gets of one object.
fn gets(identifier: &str, count: u8) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.structure(tag::RequestMessage, |writer| {
        writer.structure(tag::RequestHeader, |writer| {
            writer.structure(tag::ProtocolVersion, |writer| {
                writer.integer(tag::ProtocolVersionMajor, 1);
                writer.integer(tag::ProtocolVersionMinor, 4);
            });
            writer.integer(tag::BatchCount, i32::from(count));
        });
        for number in 0..count {
            writer.structure(tag::BatchItem, |writer| {
                writer.enumeration(tag::Operation, 10);
                writer.byte_string(tag::UniqueBatchItemID, &[number]);
                writer.structure(tag::RequestPayload, |writer| writer.text_string(tag::UniqueIdentifier, identifier));
            });
        }
    });
    writer.finish()
}
