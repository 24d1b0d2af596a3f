//! The contract of every store, on one in another process: slow; then unreliable too, and with two clients.

use std::process;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use store::contract::remote::{Conditions, OtherProcess, RemoteStore, Settling, serve_if_asked};
use store::contract::{Backend, block_on, load, put};
use store::{Change, Commit, Store, StoreError, Tenant, Token};

const SERVES: &str = "the_store_is_in_another_process_that_ends_with_this_one";

/// This test serves where another started it to that end.
#[test]
fn the_store_is_in_another_process_that_ends_with_this_one() {
    if serve_if_asked().expect("serve") {
        return;
    }
    let other = start(&Conditions::SLOW);
    assert_ne!(other.id(), process::id());
    let store = other.connect();
    assert!(load(&store, "a").is_none());
    assert!(store.writable().is_ok());
    assert!(other.release().expect("wait").success());
    let gone = block_on(store.load(Tenant::DEFAULT, &["a"]));
    assert!(matches!(gone, Err(StoreError::Failed { .. })), "{gone:?}");
    assert!(store.writable().is_err());
}

fn start(conditions: &Conditions) -> OtherProcess {
    OtherProcess::start(SERVES, conditions).expect("the other process")
}

fn one(identifier: &str, token: Option<Token>) -> Commit {
    Commit { token, changes: vec![Change::Put(put(identifier, None, b""))], log: vec![identifier.into()], ..Commit::default() }
}

#[test]
fn requests_wait_for_the_store_and_not_for_each_other() {
    const REQUESTS: usize = 16;
    let conditions = Conditions { latency: Duration::from_millis(300), ..Conditions::SLOW };
    let other = start(&conditions);
    let store = other.connect();
    let barrier = Barrier::new(REQUESTS);
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..REQUESTS {
            scope.spawn(|| {
                barrier.wait();
                load(&store, "a")
            });
        }
    });
    let took = began.elapsed();
    assert!(took >= conditions.latency && took < conditions.latency * REQUESTS as u32 / 2, "{took:?}");
}

/// With every connection ending, each commit was made, or will be, or was not; whoever asks learns it for good.
#[test]
fn outcomes_are_unknown_until_they_are_settled() {
    let other = start(&Conditions { latency: Duration::from_millis(1), conflicts: 0, unknown: 60, seed: 5 });
    let (store, asker) = (other.connect(), other.connect());
    let (mut made, mut lost) = (Vec::new(), Vec::new());
    for number in 0..120_u8 {
        let (token, identifier) = (Token([number; 16]), number.to_string());
        match block_on(store.commit(Tenant::DEFAULT, one(&identifier, Some(token)))) {
            Ok(revision) => made.push((identifier, revision)),
            Err(StoreError::UnknownOutcome { .. }) => match block_on(asker.settle(Tenant::DEFAULT, token)).expect("settle") {
                Some(revision) => made.push((identifier, revision)),
                None => lost.push((identifier, token)),
            },
            Err(other) => panic!("{other}"),
        }
    }
    assert!(made.len() > 20 && lost.len() > 20, "{} {}", made.len(), lost.len());
    // What is late has come by now.
    thread::sleep(Duration::from_millis(100));
    for (identifier, revision) in &made {
        assert_eq!(load(&store, identifier).expect("record").revision, *revision);
    }
    for (identifier, token) in &lost {
        assert!(load(&store, identifier).is_none(), "{identifier} was made after it had been settled");
        assert_eq!(block_on(asker.settle(Tenant::DEFAULT, *token)).expect("settle"), None);
    }
    assert_eq!(block_on(asker.read_log(1, usize::MAX)).expect("log").len(), made.len());
}

#[test]
fn an_entry_of_the_log_may_be_unknown_too() {
    let other = start(&Conditions { latency: Duration::ZERO, conflicts: 100, unknown: 0, seed: 0 });
    let store = other.connect();
    // Nobody can be in conflict with it.
    block_on(store.log(Tenant::DEFAULT, vec![b"entry".to_vec()])).expect("log");
    let refused = block_on(store.commit(Tenant::DEFAULT, one("a", None)));
    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    assert!(load(&store, "a").is_none());
    let other = start(&Conditions { latency: Duration::ZERO, conflicts: 0, unknown: 50, seed: 0 });
    let store = other.connect();
    let unknown = |_: &i32| {
        let logged = block_on(store.log(Tenant::DEFAULT, vec![b"entry".to_vec()]));
        matches!(logged, Err(StoreError::UnknownOutcome { .. }))
    };
    let count = (0..40).filter(unknown).count();
    assert!(count > 5 && count < 35, "{count}");
}

/// One client of a store that is slow.
struct Slow {
    store: RemoteStore,
    _other: OtherProcess,
}

impl Backend for Slow {
    type Store = RemoteStore;

    fn create() -> Self {
        let other = start(&Conditions::SLOW);
        Self { store: other.connect(), _other: other }
    }

    fn store(&self) -> &RemoteStore {
        &self.store
    }
}

/// Two clients of a store that is slow and unreliable.
struct Unreliable {
    store: Settling,
    _other: OtherProcess,
}

impl Backend for Unreliable {
    type Store = Settling;

    fn create() -> Self {
        let other = start(&Conditions::UNRELIABLE);
        Self { store: Settling::new(vec![other.connect(), other.connect()]), _other: other }
    }

    fn store(&self) -> &Settling {
        &self.store
    }
}

mod slow {
    use super::Slow;

    store::contract_tests!(Slow);
}

mod unreliable {
    use super::Unreliable;

    store::contract_tests!(Unreliable);
}

/// The conditions are what they say: otherwise the tests above prove nothing.
#[test]
fn unreliable_stores_make_trouble() {
    let backend = Unreliable::create();
    for number in 0..100 {
        block_on(backend.store.commit(Tenant::DEFAULT, one(&number.to_string(), None))).expect("commit");
    }
    assert!(backend.store.troubles() >= 10, "{}", backend.store.troubles());
    assert_eq!(block_on(backend.store.read_log(1, usize::MAX)).expect("log").len(), 100);
}
