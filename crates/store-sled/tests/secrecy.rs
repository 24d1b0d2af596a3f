//! Nothing a client stored is on disk in clear. The control run, with sealing off, finds all of it: the search works.

use std::fs;
use std::path::Path;

use store::contract::{block_on, put, term};
use store::sealing::RootKey;
use store::{Change, Commit, Put, Store, Tenant};
use store_sled::{Options, SledStore};

const RECORDS: usize = 1000;

/// 32 bytes that no other record has.
fn secret(number: usize) -> Vec<u8> {
    let mut state = number as u64 + 1;
    let next = || {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (state >> 33) as u8
    };
    std::iter::repeat_with(next).take(32).collect()
}

fn fill(store: &SledStore) {
    for start in (0..RECORDS).step_by(50) {
        let change = |number: usize| {
            let terms = vec![term(7, &format!("term of number {number}"))];
            let owner = format!("owner of number {number}");
            // As clients may choose one: Import in KMIP.
            let identifier = format!("identifier of number {number}");
            Change::Put(Put { owner, terms, ..put(&identifier, None, &secret(number)) })
        };
        let changes = (start..start + 50).map(change).collect();
        let log = (start..start + 50).map(|number| format!("logged about number {number}").into()).collect();
        block_on(store.commit(Tenant::DEFAULT, Commit { changes, log, ..Commit::default() })).expect("commit");
    }
}

/// All bytes of all files below a directory, and their names.
fn read_all(directory: &Path, bytes: &mut Vec<u8>) {
    for entry in fs::read_dir(directory).expect("directory") {
        let entry = entry.expect("entry");
        bytes.extend_from_slice(entry.file_name().as_encoded_bytes());
        if entry.file_type().expect("type").is_dir() {
            read_all(&entry.path(), bytes);
        } else {
            bytes.extend(fs::read(entry.path()).expect("file"));
        }
    }
}

/// How many of the records have their secret, identifier, owner, term and log entry in the files.
fn found(directory: &Path) -> [usize; 5] {
    let mut bytes = Vec::new();
    read_all(directory, &mut bytes);
    // Every place where one of the texts or secrets may begin, by its first four bytes: a search for each would take minutes.
    let mut starts = std::collections::HashMap::<[u8; 4], Vec<usize>>::new();
    let texts = |number: usize| {
        ["identifier of", "owner of", "term of", "logged about"].map(|what| format!("{what} number {number}").into_bytes())
    };
    let firsts: std::collections::HashSet<[u8; 4]> = (0..RECORDS)
        .flat_map(|number| texts(number).into_iter().chain([secret(number)]))
        .map(|needle| needle[..4].try_into().expect("4 bytes"))
        .collect();
    for (at, window) in bytes.windows(4).enumerate() {
        if let Some(first) = firsts.get(window) {
            starts.entry(*first).or_default().push(at);
        }
    }
    let holds =
        |needle: &[u8]| starts.get(&needle[..4]).is_some_and(|starts| starts.iter().any(|at| bytes[*at..].starts_with(needle)));
    let mut found = [0; 5];
    for number in 0..RECORDS {
        found[0] += usize::from(holds(&secret(number)));
        for (count, text) in found[1..].iter_mut().zip(texts(number)) {
            *count += usize::from(holds(&text));
        }
    }
    found
}

#[test]
fn nothing_a_client_stored_is_on_disk() {
    let directory = tempfile::tempdir().expect("directory");
    let root = RootKey::create_file(&directory.path().join("root.key")).expect("root key");
    let data = directory.path().join("data");
    let store = SledStore::create(&data, &root, &Options::default()).expect("create");
    fill(&store);
    assert_eq!(found(&data), [0; 5], "while it is open");
    drop(store);
    assert_eq!(found(&data), [0; 5], "after it was closed");
}

#[test]
fn control_without_sealing_all_of_it_is_found() {
    let directory = tempfile::tempdir().expect("directory");
    let root = RootKey::generate().expect("root key");
    let data = directory.path().join("data");
    let store = SledStore::create_unsealed_for_tests(&data, &root, &Options::default()).expect("create");
    fill(&store);
    drop(store);
    // Of a term only its keyed hash is kept, sealed or not.
    assert_eq!(found(&data), [RECORDS, RECORDS, RECORDS, 0, RECORDS]);
    // Such a store cannot be taken for a real one.
    assert!(SledStore::open(&data, &root, &Options::default()).expect_err("unsealed").to_string().contains("not sealed"));
}
