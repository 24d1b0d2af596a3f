//! Log entries of what changed nothing: not waited for, and not lost.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use store::sealing::RootKey;
use store::{Commit, Store, Tenant};
use store_sled::{Options, SledStore};

/// Polls until the future is ready: the store wakes from a thread of its own.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Whether the future is ready at once.
fn ready<T>(future: impl Future<Output = T>) -> bool {
    pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

fn entries(store: &SledStore) -> Vec<Vec<u8>> {
    wait(store.read_log(1, 100)).expect("log").into_iter().map(|record| record.entry).collect()
}

#[test]
fn entries_are_kept_in_order_without_anybody_waiting() {
    let directory = tempfile::tempdir().expect("directory");
    let data = directory.path().join("data");
    let root = RootKey::generate().expect("root key");
    let store = SledStore::create(&data, &root, &Options::default()).expect("create");

    // No entries are no reason for the writer to do anything, least of all to stop.
    assert!(ready(store.log(Tenant::DEFAULT, Vec::new())));
    std::thread::sleep(Duration::from_millis(120));

    assert!(ready(store.log(Tenant::DEFAULT, vec![b"one".to_vec(), b"two".to_vec()])), "nobody waits for a sync");
    let started = Instant::now();
    while entries(&store).len() < 2 {
        assert!(started.elapsed() < Duration::from_secs(10), "the entries never became durable");
        std::thread::sleep(Duration::from_millis(5));
    }

    // Entries travel with the commit that follows them.
    assert!(ready(store.log(Tenant::DEFAULT, vec![b"three".to_vec()])));
    wait(store.commit(Tenant::DEFAULT, Commit { log: vec![b"four".to_vec()], ..Commit::default() })).expect("commit");
    let all = [b"one".to_vec(), b"two".to_vec(), b"three".to_vec(), b"four".to_vec()];
    assert_eq!(entries(&store), all);

    // Closing writes what is left.
    assert!(ready(store.log(Tenant::DEFAULT, vec![b"five".to_vec()])));
    drop(store);
    let store = SledStore::open(&data, &root, &Options::default()).expect("open");
    assert_eq!(entries(&store).last().map(Vec::as_slice), Some(b"five".as_slice()));
    assert_eq!(entries(&store).len(), 5);
}

#[test]
fn a_log_that_is_too_far_behind_takes_nothing_more() {
    let directory = tempfile::tempdir().expect("directory");
    let root = RootKey::generate().expect("root key");
    let store = SledStore::create(&directory.path().join("data"), &root, &Options::default()).expect("create");
    let entry = vec![0; 1 << 30 >> 6 | 1 << 20];
    assert!(wait(store.log(Tenant::DEFAULT, vec![entry])).is_err());
    assert!(wait(store.log(Tenant::DEFAULT, vec![b"small".to_vec()])).is_ok());
}

/// The files of entries that the journal may lack, by their names.
fn ahead(data: &std::path::Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let files = std::fs::read_dir(data.join("ahead")).expect("directory").map(|entry| entry.expect("entry").path());
    files.map(|path| (path.clone(), std::fs::read(path).expect("file"))).collect()
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir(to).expect("directory");
    for entry in std::fs::read_dir(from).expect("directory").map(|entry| entry.expect("entry")) {
        let to = to.join(entry.file_name());
        match entry.file_type().expect("type").is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), to).expect("copy")),
        }
    }
}

#[test]
fn an_entry_survives_the_end_of_the_process_from_the_moment_it_is_taken_and_is_there_once() {
    let directory = tempfile::tempdir().expect("directory");
    let (data, killed) = (directory.path().join("data"), directory.path().join("killed"));
    let root = RootKey::generate().expect("root key");
    drop(SledStore::create(&data, &root, &Options::default()).expect("create"));
    // As the files are when nothing of what follows is in the journal.
    copy(&data, &killed);

    let store = SledStore::open(&data, &root, &Options::default()).expect("open");
    for entry in [b"one", b"two", b"one"] {
        assert!(ready(store.log(Tenant::DEFAULT, vec![entry.to_vec()])));
    }
    let given = ahead(&data);
    assert!(given.iter().any(|(_, bytes)| bytes.starts_with(b"kmipdahd")));
    // A process that is killed leaves these and an older journal ...
    std::fs::create_dir_all(killed.join("ahead")).expect("directory");
    for (path, bytes) in &given {
        std::fs::write(killed.join("ahead").join(path.file_name().expect("name")), bytes).expect("write");
    }
    // ... or a newer one.
    drop(store);
    assert_eq!(
        std::fs::read_dir(data.join("ahead")).expect("directory").count(),
        0,
        "nothing is left of a store that was closed"
    );
    given.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).expect("write"));

    let all = [b"one", b"two", b"one"].map(|entry| entry.to_vec());
    for path in [&killed, &data] {
        for _ in 0..2 {
            let store = SledStore::open(path, &root, &Options::default()).expect("open");
            let started = Instant::now();
            while entries(&store).len() < all.len() && started.elapsed() < Duration::from_secs(10) {
                std::thread::sleep(Duration::from_millis(5));
            }
            std::thread::sleep(Duration::from_millis(120));
            assert_eq!(entries(&store), all, "{}", path.display());
        }
    }
}

#[test]
fn where_that_is_wanted_an_entry_is_durable_when_it_is_taken() {
    let directory = tempfile::tempdir().expect("directory");
    let root = RootKey::generate().expect("root key");
    let options = Options { durable_log: true, ..Options::default() };
    let store = SledStore::create(&directory.path().join("data"), &root, &options).expect("create");
    wait(store.log(Tenant::DEFAULT, vec![b"one".to_vec()])).expect("log");
    assert_eq!(entries(&store), [b"one"]);
}
