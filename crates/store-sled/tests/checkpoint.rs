//! What is saved beside the journal, at different times, is put together again at a start.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use store::contract::{commit, load, put};
use store::sealing::RootKey;
use store::{Change, Revision};
use store_sled::{Options, SledStore};

/// Segments so small that there are many, and neither index nor snapshot is ever saved by itself.
fn options() -> Options {
    let (segment_bytes, index_bytes, snapshot_bytes) = (1 << 20, u64::MAX >> 2, u64::MAX >> 2);
    Options { segment_bytes, index_bytes, snapshot_bytes, apply_after: Duration::from_millis(20), ..Options::default() }
}

/// Writes one record, many times: much journal, and little to save.
fn write(store: &SledStore, mut revision: Option<Revision>, times: u8) -> Option<Revision> {
    for number in 1..=times {
        let change = Change::Put(put("changing", revision, &vec![number; 100_000]));
        revision = Some(commit(store, vec![change]).expect("commit"));
    }
    revision
}

/// Waits until a directory holds what is asked for.
fn wait(directory: &Path, what: &str, enough: impl Fn(&[String]) -> bool) {
    let begun = Instant::now();
    loop {
        let names = fs::read_dir(directory).expect("list").map(|entry| entry.expect("entry").file_name());
        let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort_unstable();
        if enough(&names) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}: {names:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Found by `cargo xtask powercut`: the journal is dropped behind a snapshot, not behind the saved index.
#[test]
fn an_index_that_was_saved_before_the_journal_begins_is_made_again() {
    let directory = tempfile::tempdir().expect("directory");
    let (root, data) = (RootKey::generate().expect("root key"), directory.path().join("data"));
    let store = SledStore::create(&data, &root, &Options { index_bytes: 1, ..options() }).expect("create");
    let revision = write(&store, None, 20);
    wait(&data.join("index"), "an index is saved", |names| names.iter().any(|name| name.ends_with(".index")));
    drop(store);
    let store = SledStore::open(&data, &root, &Options { snapshot_bytes: 1, ..options() }).expect("open");
    write(&store, revision, 100);
    let kept = "0000000000000006.journal";
    wait(&data.join("journal"), "the journal is dropped", |names| names.iter().all(|name| name.as_str() >= kept));
    drop(store);
    let store = SledStore::open(&data, &root, &options()).expect("open");
    assert_eq!(load(&store, "changing").expect("record").body[..], [100; 100_000]);
}
