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
