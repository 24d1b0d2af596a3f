//! What is saved beside the journal, at different times, is put together again at a start.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use store::Change;
use store::contract::{commit, load, put};
use store::sealing::RootKey;
use store_sled::{Options, SledStore};

/// Segments so small that there are many, and neither index nor snapshot is ever saved by itself.
fn options() -> Options {
    let (segment_bytes, index_bytes, snapshot_bytes) = (1 << 20, u64::MAX >> 2, u64::MAX >> 2);
    Options { segment_bytes, index_bytes, snapshot_bytes, apply_after: Duration::from_millis(20), ..Options::default() }
}

fn write(store: &SledStore, name: &str) {
    for number in 0..40 {
        commit(store, vec![Change::Put(put(&format!("{name}{number}"), None, &[7; 100_000]))]).expect("commit");
    }
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
    write(&store, "a");
    wait(&data.join("index"), "an index is saved", |names| names.iter().any(|name| name.ends_with(".index")));
    drop(store);
    let store = SledStore::open(&data, &root, &Options { snapshot_bytes: 1, ..options() }).expect("open");
    write(&store, "b");
    let first = "0000000000000001.journal";
    wait(&data.join("journal"), "the journal is dropped", |names| names.len() <= 3 && !names.iter().any(|name| name == first));
    drop(store);
    let store = SledStore::open(&data, &root, &options()).expect("open");
    for name in ["a", "b"] {
        assert!(
            (0..40).all(|number| load(&store, &format!("{name}{number}")).is_some_and(|record| record.body.len() == 100_000))
        );
    }
}
