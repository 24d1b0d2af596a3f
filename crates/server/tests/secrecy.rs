//! Nothing a client stored is in the server's directory in clear: not raw, not in hexadecimal digits, not in Base64. The control run,
//! with sealing off, finds all of it in every form: the search works. Nor are the secrets of second factors.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/program.rs"]
#[allow(dead_code, unreachable_pub, reason = "every test file uses its part")]
mod program;

use kmip::tag;
use program::{Client, Credential, Program, create, kmipd_ok, settings, succeeded};
use server::attestation::Platforms;
use server::config::Config;
use server::engine::EngineService;
use server::policies::Policies;
use server::service::Service;
use server::users::Users;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use store::sealing::RootKey;
use store_sled::{Options, SledStore};
use ttlv_codec::{Limits, Tree, TreeValue, Writer};

const KEYS: usize = 1_000;
/// Keys registered by one request; with the texts, two items each.
const BATCH: usize = 50;
/// What is searched for, in the order of the counts: the bytes, digits in both cases, and Base64 of a text in which the key begins at
/// each of the three places that change its spelling.
const FORMS: usize = 6;

/// 32 bytes that no other key has (splitmix64).
fn key(number: usize) -> Vec<u8> {
    let mut state = number as u64 * 4;
    let mut word = || {
        state += 1;
        let mut mixed = state.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ mixed >> 31).to_be_bytes()
    };
    std::iter::repeat_with(&mut word).take(4).flatten().collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Base64 of bytes after `before` others, without the letters that those or what follows have a share in.
fn base64(before: usize, bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<bool> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect();
    let begin = (6 - before * 8 % 6) % 6;
    let letter = |six: &[bool]| char::from(LETTERS[six.iter().fold(0, |value, bit| value * 2 + usize::from(*bit))]);
    bits[begin..].chunks_exact(6).map(letter).collect()
}

#[test]
fn base64_is_that_of_everybody_else() {
    assert_eq!(base64(0, b"Many hands make light work."), "TWFueSBoYW5kcyBtYWtlIGxpZ2h0IHdvcmsu");
    // "aMany" and "aaMany" without the letters the first bytes have a share in.
    assert_eq!(base64(1, b"Many"), "1hbn");
    assert_eq!(base64(2, b"Many"), "NYW55");
}

fn forms(number: usize) -> [Vec<u8>; FORMS] {
    let key = key(number);
    let digits = hexadecimal(&key);
    let texts = [digits.to_uppercase(), digits, base64(0, &key), base64(1, &key), base64(2, &key)];
    let [upper, lower, first, second, third] = texts.map(String::into_bytes);
    [key, lower, upper, first, second, third]
}

/// Registers keys, and beside each a secret that holds its text forms, as clients do that keep encoded keys.
fn register(numbers: std::ops::Range<usize>) -> Vec<u8> {
    let mut writer = Writer::default();
    let items = i32::try_from(numbers.len() * 2).unwrap();
    let register = |writer: &mut Writer, identifier: usize, object_type: u32, mask: i32, object: &dyn Fn(&mut Writer)| {
        writer.structure(tag::BatchItem, |writer| {
            writer.enumeration(tag::Operation, 3);
            writer.byte_string(tag::UniqueBatchItemID, &identifier.to_be_bytes());
            writer.structure(tag::RequestPayload, |writer| {
                writer.enumeration(tag::ObjectType, object_type);
                writer.structure(tag::TemplateAttribute, |writer| {
                    writer.structure(tag::Attribute, |writer| {
                        writer.text_string(tag::AttributeName, "Cryptographic Usage Mask");
                        writer.integer(tag::AttributeValue, mask);
                    });
                });
                object(writer);
            });
        });
    };
    let key_block = |writer: &mut Writer, format: u32, material: &[u8], length: Option<i32>| {
        writer.structure(tag::KeyBlock, |writer| {
            writer.enumeration(tag::KeyFormatType, format);
            writer.structure(tag::KeyValue, |writer| writer.byte_string(tag::KeyMaterial, material));
            if let Some(length) = length {
                writer.enumeration(tag::CryptographicAlgorithm, 3);
                writer.integer(tag::CryptographicLength, length);
            }
        });
    };
    writer.structure(tag::RequestMessage, |writer| {
        writer.structure(tag::RequestHeader, |writer| {
            writer.structure(tag::ProtocolVersion, |writer| {
                writer.integer(tag::ProtocolVersionMajor, 1);
                writer.integer(tag::ProtocolVersionMinor, 4);
            });
            writer.integer(tag::BatchCount, items);
        });
        for number in numbers.clone() {
            register(writer, number * 2, 2, 12, &|writer| {
                writer.structure(tag::SymmetricKey, |writer| key_block(writer, 1, &key(number), Some(256)));
            });
            let texts = forms(number)[1..].join(&b' ');
            register(writer, number * 2 + 1, 7, 2, &|writer| {
                writer.structure(tag::SecretData, |writer| {
                    writer.enumeration(tag::SecretDataType, 1);
                    key_block(writer, 2, &texts, None);
                });
            });
        }
    });
    writer.finish()
}

fn successes(tree: &Tree) -> usize {
    let TreeValue::Structure(items) = &tree.value else {
        return usize::from(tree.tag == tag::ResultStatus && tree.value == TreeValue::Enumeration(0));
    };
    items.iter().map(successes).sum()
}

fn requests() -> impl Iterator<Item = Vec<u8>> {
    (0..KEYS).step_by(BATCH).map(|start| register(start..start + BATCH))
}

/// All bytes of all files below a directory, and their names; without the certificates, which are no secrets, and the clients' own
/// files.
fn read_all(directory: &Path, bytes: &mut Vec<u8>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let path = entry.path();
        bytes.extend_from_slice(entry.file_name().as_encoded_bytes());
        if entry.file_type().unwrap().is_dir() {
            if !path.ends_with("clients") {
                read_all(&path, bytes);
            }
        } else if entry.file_type().unwrap().is_file() && path.extension().is_none_or(|extension| extension != "pem") {
            bytes.extend(std::fs::read(path).unwrap());
        }
    }
}

/// How many of the keys are in the files, by form.
fn found(bytes: &[u8]) -> [usize; FORMS] {
    let all: Vec<[Vec<u8>; FORMS]> = (0..KEYS).map(forms).collect();
    let first = |needle: &[u8]| u64::from_be_bytes(needle[..8].try_into().unwrap());
    let firsts: HashSet<u64> = all.iter().flatten().map(|needle| first(needle)).collect();
    // A table of what the first two bytes can be spares most look-ups.
    let mut begins = vec![false; 1 << 16];
    firsts.iter().for_each(|first| begins[usize::try_from(first >> 48).unwrap()] = true);
    let mut places = HashMap::<u64, Vec<usize>>::new();
    for (at, window) in bytes.windows(8).enumerate() {
        if begins[usize::from(window[0]) << 8 | usize::from(window[1])] && firsts.contains(&first(window)) {
            places.entry(first(window)).or_default().push(at);
        }
    }
    let mut found = [0; FORMS];
    for needles in &all {
        for (count, needle) in found.iter_mut().zip(needles) {
            let holds = |places: &Vec<usize>| places.iter().any(|at| bytes[*at..].starts_with(needle));
            *count += usize::from(places.get(&first(needle)).is_some_and(holds));
        }
    }
    found
}

#[test]
fn a_thousand_registered_keys_are_nowhere_in_the_directory() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("kmip-dev");
    let mut server = Program::dev(&folder);
    let mut client = Client::connect(server.address, &settings(&folder.join("clients/demo"))).unwrap();
    for request in requests() {
        let answer = client.exchange(&request).unwrap();
        assert_eq!(successes(&answer), BATCH * 2, "{answer:?}");
    }
    // The log of the program lies beside its folder.
    let search = |when: &str| {
        let mut bytes = Vec::new();
        read_all(root.path(), &mut bytes);
        assert!(bytes.len() > KEYS * 400, "the objects are somewhere: {} bytes", bytes.len());
        assert_eq!(found(&bytes), [0; FORMS], "{when}");
    };
    search("while the server runs");
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0));
    search("after it has ended");
}

#[test]
fn control_without_sealing_every_one_of_them_is_found() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("kmip");
    let plan = server::setup::Plan { hosts: vec!["localhost".to_owned()], listen: server::setup::default_listen(), dev: true };
    let config = Config::read(&server::setup::create(&folder, &plan).unwrap()).unwrap();
    std::fs::remove_dir_all(&config.store.path).unwrap();
    let key = RootKey::read_file(&config.store.root_key).unwrap();
    let store = SledStore::create_unsealed_for_tests(&config.store.path, &key, &Options::default()).unwrap();
    let service = EngineService::new(
        store,
        &config,
        Arc::new(Users::read(&config.users).unwrap()),
        Arc::new(Policies::read(&config).unwrap()),
        Arc::new(Platforms::read(&config, &policy::Rules::default()).unwrap()),
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut session = service.session(policy::Actor::new("demo"), &[], "127.0.0.1:1".parse().unwrap());
    for request in requests() {
        let answer = runtime.block_on(service.handle(&mut session, &request));
        assert_eq!(successes(&Tree::parse(&answer.bytes, &Limits::default()).unwrap()), BATCH * 2);
    }
    drop(service);
    let mut bytes = Vec::new();
    read_all(&folder, &mut bytes);
    assert_eq!(found(&bytes), [KEYS; FORMS]);
}

/// A secret as it could be written: raw, as authenticators take it, in digits, in Base64.
fn spellings(secret: &str) -> Vec<Vec<u8>> {
    let raw = server::totp::decode(secret).unwrap().to_vec();
    let digits = hexadecimal(&raw);
    let texts = [secret.to_owned(), secret.to_lowercase(), digits.to_uppercase(), digits];
    let base64 = (0..3).map(|before| base64(before, &raw));
    std::iter::once(raw.clone()).chain(texts.into_iter().chain(base64).map(String::into_bytes)).collect()
}

#[test]
fn the_secret_of_a_second_factor_is_nowhere_in_clear_and_that_of_an_older_file_is_sealed() {
    const PASSWORD: &str = "correct horse battery";
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("kmip-dev");
    let mut server = Program::dev(&folder);
    let config = folder.join("kmipd.toml").display().to_string();
    kmipd_ok(&["user", "add", "alice", "--config", &config, "--password-stdin"], PASSWORD);
    let printed = kmipd_ok(&["user", "totp", "alice", "--config", &config], "");
    let secret = printed.lines().find_map(|line| line.strip_prefix("secret: ")).unwrap();
    let counted = || {
        let mut bytes = Vec::new();
        read_all(root.path(), &mut bytes);
        let is_there = |spelling: &Vec<u8>| bytes.windows(spelling.len()).any(|window| window == spelling);
        spellings(secret).iter().filter(|spelling| is_there(spelling)).count()
    };
    let proves = |server: &Program, step: u64| {
        let code = server::totp::code(&server::totp::decode(secret).unwrap(), step);
        let password = format!("{PASSWORD}{}", String::from_utf8(code.to_vec()).unwrap());
        let mut client = Client::connect(server.address, &settings(&folder.join("clients/demo"))).unwrap();
        succeeded(&client.exchange(&create(Some(Credential::User("alice", &password)))).unwrap())
    };
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() / 30;
    let first = now();
    assert!(proves(&server, first));
    assert_eq!(counted(), 0, "while the server runs");
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0));
    assert_eq!(counted(), 0, "after it has ended");

    // As an earlier release wrote it; the search finds it.
    let users = folder.join("users.toml");
    let sealed = std::fs::read_to_string(&users).unwrap();
    let line = sealed.lines().find(|line| line.starts_with("totp_sealed = ")).unwrap();
    std::fs::write(&users, sealed.replace(line, &format!("totp = \"{secret}\""))).unwrap();
    assert_eq!(counted(), 1);
    let server = Program::dev(&folder);
    server.logged("were in clear");
    assert_eq!(counted(), 0, "sealed at the start");
    assert!(proves(&server, first + 1), "and it is the same");
    drop(server);
    let server = Program::dev(&folder);
    assert_eq!(server.log().matches("were in clear").count(), 1);
}
