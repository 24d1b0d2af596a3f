//! A store that was written by the first release of each format opens, and everything in it is there.
//!
//! `cargo run -p store-sled --example fixture -- DIR` writes one of the current format.

use std::fs;
use std::path::{Path, PathBuf};

use store::contract::{block_on, load, term};
use store::log::LogEnd;
use store::sealing::RootKey;
use store::{Page, Query, Range, Store, Tenant};
use store_sled::{OpenError, Options, SledStore};
use tempfile::TempDir;
use zeroize::Zeroizing;

const RECORDS: usize = 20;

fn fixture(format: &str) -> (RootKey, TempDir, PathBuf) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(format);
    let root = fs::read(source.join("root.key")).expect("root key");
    let root = RootKey::from_bytes(Zeroizing::new(root.try_into().expect("32 bytes")));
    let directory = tempfile::tempdir().expect("directory");
    let data = directory.path().join("data");
    copy_tree(&source.join("data"), &data);
    (root, directory, data)
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir(to).expect("directory");
    for entry in fs::read_dir(from).expect("directory") {
        let entry = entry.expect("entry");
        let to = to.join(entry.file_name());
        if entry.file_type().expect("type").is_dir() {
            copy_tree(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("copy");
        }
    }
}

fn check(store: &SledStore) {
    for number in 0..RECORDS {
        let identifier = format!("record {number}");
        let record = load(store, &identifier).expect("record");
        assert_eq!((&*record.owner, &record.body[..]), (&*format!("owner {}", number % 3), format!("body {number}").as_bytes()));
        let query = Query {
            owner: Some(record.owner),
            terms: vec![term(1, &identifier)],
            ranges: vec![Range { field: 2, from: number as i64, to: number as i64 }],
            ..Query::default()
        };
        let found = block_on(store.find(Tenant::DEFAULT, &query, Page::first(9))).expect("find");
        assert_eq!(found.identifiers, [identifier]);
    }
    assert_eq!(load(store, "changing").expect("record").body[..], *b"body 19");
    let log = block_on(store.read_log(1, 100)).expect("log");
    let mut end = LogEnd::EMPTY;
    for (number, record) in log.iter().enumerate() {
        assert!(end.precedes(record) && record.entry == format!("entry {number}").as_bytes());
        end = LogEnd { sequence: record.sequence, hash: record.hash };
    }
    assert_eq!(log.len(), RECORDS);
}

/// What is not of the present form is made again from the rest: that of the first release, an index and hashes of terms of
/// another kind.
#[test]
fn a_store_of_each_format_opens() {
    for format in ["format-1", "format-2", "format-3"] {
        let (root, _directory, data) = fixture(format);
        for _ in 0..2 {
            check(&SledStore::open(&data, &root, &Options::default()).expect("open"));
        }
        // The index from records alone.
        fs::remove_dir_all(data.join("index")).expect("remove");
        fs::create_dir(data.join("index")).expect("directory");
        check(&SledStore::open(&data, &root, &Options::default()).expect("open"));
    }
}

#[test]
fn a_newer_format_of_any_file_is_refused_by_its_number() {
    // Where each file has its format number, in the low byte, and which one is newer than what this release knows.
    for (file, at, newer) in [("keys", 9, 3), ("journal/0000000000000005.journal", 9, 2), ("log/0000000000000001.log", 9, 2)] {
        let (root, _directory, data) = fixture("format-1");
        let mut bytes = fs::read(data.join(file)).expect("read");
        bytes[at] = newer;
        if !file.starts_with("keys") {
            let checksum = crc32c::crc32c(&bytes[..18]).to_be_bytes();
            bytes[18..22].copy_from_slice(&checksum);
        }
        fs::write(data.join(file), bytes).expect("write");
        match SledStore::open(&data, &root, &Options::default()) {
            Err(error @ OpenError::NewerFormat { .. }) => {
                assert!(error.to_string().contains(&newer.to_string()), "{file}: {error}")
            }
            other => panic!("{file}: {other:?}"),
        }
    }
}
