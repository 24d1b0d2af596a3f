//! The contract of [`Store`] as tests any backend runs: `store::contract_tests!(Backend)` in a test module makes one test of
//! each, `store::durable_contract_tests!(Backend)` adds those for a backend that survives being closed.
//!
//! They panic where the contract is broken, as tests do.

mod logs;
mod races;
pub mod remote;
mod search;

pub use logs::{a_dropped_log_goes_on_after_reopening, the_log_is_chained, the_log_is_dropped_from_its_beginning};
pub use races::loads_and_commits_have_one_order;
pub use search::{a_name_is_given_once, finds_by_ranges_of_numbers, guards_are_kept, pages_are_in_a_stable_order};

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use zeroize::Zeroizing;

use crate::log::LogEnd;
use crate::{
    Change, Commit, Guard, MAX_BODY, MAX_FACETS, MAX_IDENTIFIER, MAX_LOG_ENTRY, MAX_OWNER, Number, Page, Put, Query, Range,
    Record, Revision, Store, StoreError, Tenant, Term,
};

/// A backend under test: a store and whatever must live as long (a temporary directory, a server).
pub trait Backend {
    /// The store.
    type Store: Store;
    /// Makes an empty store.
    fn create() -> Self;
    /// The store.
    fn store(&self) -> &Self::Store;
}

/// A backend whose records outlive it.
pub trait DurableBackend: Backend {
    /// Closes the store and opens it again.
    fn reopen(self) -> Self;
}

/// Makes one `#[test]` of each test of the contract.
#[macro_export]
macro_rules! contract_tests {
    ($backend:ty) => {
        $crate::contract_tests!($backend:
            what_was_put_is_loaded
            a_commit_is_all_or_nothing
            conflicts_are_told
            revisions_grow_and_never_repeat
            finds_by_owner_and_terms_newest_first
            terms_are_replaced
            pages_are_in_a_stable_order
            finds_by_ranges_of_numbers
            guards_are_kept
            a_name_is_given_once
            tenants_are_apart
            the_log_is_chained
            the_log_is_dropped_from_its_beginning
            a_commit_may_have_only_log_entries
            large_values
            limits_are_named
            counters_survive_contention
            a_load_is_of_one_moment
            loads_and_commits_have_one_order
        );
    };
    ($backend:ty: $($name:ident)*) => {
        $(#[test] fn $name() { $crate::contract::$name::<$backend>(); })*
    };
}

/// Makes one `#[test]` of each test of the contract that needs durability.
#[macro_export]
macro_rules! durable_contract_tests {
    ($backend:ty) => {
        $crate::contract_tests!($backend:
            everything_is_there_after_reopening
            order_and_numbers_go_on_after_reopening
            a_dropped_log_goes_on_after_reopening
        );
    };
}

/// Runs a future on this thread.
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

const TENANT: Tenant = Tenant::DEFAULT;

/// A record to write, with the owner "alice" and no terms.
pub fn put(identifier: &str, expected: Option<Revision>, body: &[u8]) -> Put {
    Put {
        identifier: identifier.into(),
        owner: "alice".into(),
        expected,
        body: Zeroizing::new(body.to_vec()),
        terms: Vec::new(),
        numbers: Vec::new(),
    }
}

/// A term with text as its value.
pub fn term(field: u32, value: &str) -> Term {
    Term { field, value: value.as_bytes().into() }
}

/// Commits changes of the default tenant and waits.
pub fn commit(store: &impl Store, changes: Vec<Change>) -> Result<Revision, StoreError> {
    block_on(store.commit(TENANT, Commit { changes, ..Commit::default() }))
}

/// Loads one record of the default tenant.
pub fn load(store: &impl Store, identifier: &str) -> Option<Record> {
    load_all(store, &[identifier]).pop().flatten()
}

fn load_all(store: &impl Store, identifiers: &[&str]) -> Vec<Option<Record>> {
    let records = block_on(store.load(TENANT, identifiers)).expect("load");
    assert_eq!(records.len(), identifiers.len());
    records
}

fn find(store: &impl Store, owner: Option<&str>, terms: &[Term]) -> Vec<String> {
    let query = Query { owner: owner.map(Into::into), terms: terms.to_vec(), ..Query::default() };
    find_all(store, TENANT, &query)
}

/// All that a query finds, in one page.
fn find_all(store: &impl Store, tenant: Tenant, query: &Query) -> Vec<String> {
    let found = block_on(store.find(tenant, query, Page::first(usize::MAX))).expect("find");
    assert_eq!(found.next, None);
    found.identifiers
}

#[track_caller]
fn assert_conflict(result: Result<Revision, StoreError>, expected: &str) {
    match result {
        Err(StoreError::Conflict { identifier }) if identifier == expected => {}
        other => panic!("expected a conflict about {expected}, got {other:?}"),
    }
}

/// Bytes that compress badly and differ per seed.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// A record is read as it was written, and absent ones are `None`, in the order asked for.
pub fn what_was_put_is_loaded<B: Backend>() {
    let backend = B::create();
    let store = backend.store();
    let first = commit(store, vec![Change::Put(put("a", None, b"body of a")), Change::Put(put("b", None, b""))]).expect("commit");
    let second =
        commit(store, vec![Change::Put(Put { owner: "bob".into(), ..put("a", Some(first), b"new body") })]).expect("commit");
    let records = load_all(store, &["b", "absent", "a", "b"]);
    let [Some(b), None, Some(a), Some(_)] = &records[..] else { panic!("{records:?}") };
    assert_eq!((&*a.identifier, &*a.owner, a.revision, a.created, &a.body[..]), ("a", "bob", second, first, &b"new body"[..]));
    assert_eq!((&*b.identifier, &*b.owner, b.revision, b.created, &b.body[..]), ("b", "alice", first, first, &b""[..]));
    commit(store, vec![Change::Remove { identifier: "a".into(), expected: second }]).expect("commit");
    assert!(load(store, "a").is_none());
    assert!(find(store, Some("bob"), &[]).is_empty());
    assert!(load_all(store, &[]).is_empty());
    assert!(store.writable().is_ok());
}

/// A commit with one conflict changes nothing: no record, no term, no log entry.
pub fn a_commit_is_all_or_nothing<B: Backend>() {
    let backend = B::create();
    let store = backend.store();
    let first = commit(store, vec![Change::Put(put("a", None, b"1")), Change::Put(put("b", None, b"1"))]).expect("commit");
    let changes = vec![
        Change::Put(Put { terms: vec![term(1, "x")], ..put("new", None, b"2") }),
        Change::Put(put("a", Some(first), b"2")),
        Change::Remove { identifier: "b".into(), expected: first },
        Change::Put(put("gone", Some(first), b"2")),
    ];
    assert_conflict(
        block_on(store.commit(TENANT, Commit { changes, log: vec![b"entry".to_vec()], ..Commit::default() })),
        "gone",
    );
    assert!(load(store, "new").is_none());
    assert!(find(store, None, &[term(1, "x")]).is_empty());
    assert_eq!(&load(store, "a").expect("a").body[..], b"1");
    assert_eq!(load(store, "b").expect("b").revision, first);
    assert!(block_on(store.read_log(1, 10)).expect("log").is_empty());
}

/// Exists although it must not; has another revision; is gone.
pub fn conflicts_are_told<B: Backend>() {
    let backend = B::create();
    let store = backend.store();
    let first = commit(store, vec![Change::Put(put("a", None, b"1"))]).expect("commit");
    assert_conflict(commit(store, vec![Change::Put(put("a", None, b"2"))]), "a");
    let second = commit(store, vec![Change::Put(put("a", Some(first), b"2"))]).expect("commit");
    assert_conflict(commit(store, vec![Change::Put(put("a", Some(first), b"3"))]), "a");
    assert_conflict(commit(store, vec![Change::Remove { identifier: "a".into(), expected: first }]), "a");
    commit(store, vec![Change::Remove { identifier: "a".into(), expected: second }]).expect("commit");
    assert_conflict(commit(store, vec![Change::Put(put("a", Some(second), b"3"))]), "a");
    assert_conflict(commit(store, vec![Change::Remove { identifier: "a".into(), expected: second }]), "a");
    let twice = vec![Change::Put(put("b", None, b"1")), Change::Put(put("b", None, b"2"))];
    assert!(commit(store, twice).is_err() && load(store, "b").is_none());
}

/// Each commit has a greater revision than all before; a record made again is a new one.
pub fn revisions_grow_and_never_repeat<B: Backend>() {
    let backend = B::create();
    let store = backend.store();
    let mut last = Revision(0);
    for round in 0..20 {
        let made = commit(store, vec![Change::Put(put("a", None, &[round]))]).expect("commit");
        let changed = commit(store, vec![Change::Put(put("a", Some(made), &[round, 1]))]).expect("commit");
        let record = load(store, "a").expect("a");
        assert_eq!((record.created, record.revision), (made, changed));
        let removed = commit(store, vec![Change::Remove { identifier: "a".into(), expected: changed }]).expect("commit");
        assert!(last < made && made < changed && changed < removed);
        last = removed;
    }
}

/// Every condition must hold; the newest record comes first, within a commit the later change.
pub fn finds_by_owner_and_terms_newest_first<B: Backend>() {
    let backend = B::create();
    let store = backend.store();
    for (number, owner) in ["alice", "bob", "alice", "bob"].into_iter().enumerate() {
        let make = |half: usize| {
            let terms = vec![term(1, "name"), term(2, &number.to_string()), term(3, &half.to_string()), term(3, "both")];
            Change::Put(Put { owner: owner.into(), terms, ..put(&format!("{number}-{half}"), None, b"") })
        };
        commit(store, vec![make(0), make(1)]).expect("commit");
    }
    let all = ["3-1", "3-0", "2-1", "2-0", "1-1", "1-0", "0-1", "0-0"];
    assert_eq!(find(store, None, &[]), all);
    assert_eq!(find(store, None, &[term(1, "name")]), all);
    assert_eq!(find(store, None, &[term(3, "both"), term(1, "name"), term(3, "1")]), ["3-1", "2-1", "1-1", "0-1"]);
    assert_eq!(find(store, Some("bob"), &[]), ["3-1", "3-0", "1-1", "1-0"]);
    assert_eq!(find(store, Some("bob"), &[term(3, "0"), term(2, "1")]), ["1-0"]);
    assert!(find(store, Some("alice"), &[term(2, "1")]).is_empty());
    assert!(find(store, Some("carol"), &[]).is_empty());
    assert!(find(store, None, &[term(2, "name")]).is_empty());
    // An update does not make a record newer.
    let first = load(store, "0-0").expect("0-0").revision;
    commit(store, vec![Change::Put(Put { terms: vec![term(1, "name")], ..put("0-0", Some(first), b"") })]).expect("commit");
    assert_eq!(find(store, None, &[term(1, "name")]), all);
}

/// A put replaces all earlier terms and the owner; a removal takes them away.
pub fn terms_are_replaced<B: Backend>() {
    let backend = B::create();
    let store = backend.store();
    let first = commit(store, vec![Change::Put(Put { terms: vec![term(1, "old"), term(2, "kept")], ..put("a", None, b"") })])
        .expect("commit");
    let terms = vec![term(2, "kept"), term(1, "new")];
    let second =
        commit(store, vec![Change::Put(Put { owner: "bob".into(), terms, ..put("a", Some(first), b"") })]).expect("commit");
    assert!(find(store, None, &[term(1, "old")]).is_empty());
    assert!(find(store, Some("alice"), &[]).is_empty());
    assert_eq!(find(store, Some("bob"), &[term(1, "new"), term(2, "kept")]), ["a"]);
    commit(store, vec![Change::Remove { identifier: "a".into(), expected: second }]).expect("commit");
    assert!(find(store, None, &[term(2, "kept")]).is_empty());
}

/// One identifier in two tenants is two records, and neither tenant sees the other's.
pub fn tenants_are_apart<B: Backend>() {
    let backend = B::create();
    let store = backend.store();
    let one = |body: &[u8]| Commit { changes: vec![Change::Put(put("a", None, body))], ..Commit::default() };
    let first = block_on(store.commit(Tenant(1), one(b"1"))).expect("commit");
    block_on(store.commit(Tenant(2), one(b"2"))).expect("commit");
    for (tenant, body) in [(1, b"1"), (2, b"2")] {
        let records = block_on(store.load(Tenant(tenant), &["a"])).expect("load");
        assert_eq!(&records[0].as_ref().expect("a").body[..], body);
        assert_eq!(find_all(store, Tenant(tenant), &Query::default()), ["a"]);
    }
    assert!(load(store, "a").is_none());
    let remove = || Commit { changes: vec![Change::Remove { identifier: "a".into(), expected: first }], ..Commit::default() };
    assert_eq!(block_on(store.tenants()).expect("tenants"), [Tenant(1), Tenant(2)]);
    assert_conflict(block_on(store.commit(Tenant(2), remove())), "a");
    block_on(store.commit(Tenant(1), remove())).expect("commit");
    assert_eq!(find_all(store, Tenant(2), &Query::default()), ["a"]);
}

/// A read is logged without a change; that commit has a revision too.
pub fn a_commit_may_have_only_log_entries<B: Backend>() {
    let backend = B::create();
    let store = backend.store();
    let only_log = || Commit { log: vec![b"read".to_vec()], ..Commit::default() };
    let first = block_on(store.commit(TENANT, only_log())).expect("commit");
    let second = commit(store, vec![Change::Put(put("a", None, b""))]).expect("commit");
    let third = block_on(store.commit(TENANT, only_log())).expect("commit");
    assert!(first < second && second < third);
    assert_eq!(block_on(store.read_log(1, 10)).expect("log").len(), 2);
    assert_eq!(find(store, None, &[]), ["a"]);
}

/// Bodies around the sizes where engines change their mind, up to the limit; growing and shrinking.
pub fn large_values<B: Backend>() {
    let backend = B::create();
    let store = backend.store();
    let mut revision = None;
    let sizes = [0, 1, 4095, 65_535, 65_536, 65_537, 1 << 20, (1 << 20) + 1, MAX_BODY, 300_000, 70_000, 10];
    for (seed, size) in (0..).zip(sizes) {
        let body = noise(size, seed);
        revision = Some(commit(store, vec![Change::Put(put("large", revision, &body))]).expect("commit"));
        let record = load(store, "large").expect("large");
        assert!(*record.body == body && Some(record.revision) == revision, "{size} bytes");
    }
    let many = (0..8).map(|number| Change::Put(put(&number.to_string(), None, &noise(1 << 20, number)))).collect();
    commit(store, many).expect("commit");
    for number in 0..8 {
        assert!(*load(store, &number.to_string()).expect("large").body == noise(1 << 20, number));
    }
}

/// What is too large is refused by name, and nothing of its commit is kept; the largest sizes work.
pub fn limits_are_named<B: Backend>() {
    let backend = B::create();
    let store = backend.store();
    let too_large = |result: Result<Revision, StoreError>| matches!(result, Err(StoreError::TooLarge { size, limit, .. }) if size == limit + 1);
    let longest = "i".repeat(MAX_IDENTIFIER);
    commit(store, vec![Change::Put(put(&longest, None, b"body"))]).expect("commit");
    assert_eq!(&load(store, &longest).expect("longest").body[..], b"body");
    assert!(too_large(commit(store, vec![Change::Put(put(&"i".repeat(MAX_IDENTIFIER + 1), None, b""))])));
    assert!(too_large(commit(
        store,
        vec![Change::Put(put("a", None, b"")), Change::Put(put("b", None, &vec![0; MAX_BODY + 1]))]
    )));
    assert!(load(store, "a").is_none());
    assert!(commit(store, vec![Change::Put(put("", None, b""))]).is_err());
    // Terms and numbers count with the body.
    let number = |value| Number { field: 7, value };
    let with = |length: usize, numbers: i64| {
        Change::Put(Put {
            terms: vec![term(1, "eight by")],
            numbers: (0..numbers).map(number).collect(),
            ..put("n", None, &vec![1; length])
        })
    };
    assert!(matches!(commit(store, vec![with(MAX_BODY - 16 - 119, 10)]), Err(StoreError::TooLarge { what, .. }) if what == "n"));
    let revision = commit(store, vec![with(MAX_BODY - 16 - 120, 10)]).expect("commit");
    commit(store, vec![Change::Remove { identifier: "n".into(), expected: revision }]).expect("commit");
    match commit(store, vec![with(0, MAX_FACETS as i64)]) {
        Err(StoreError::Failed { cause, .. }) if cause.starts_with("n has 10001 terms and numbers") => {}
        other => panic!("{other:?}"),
    }
    commit(store, vec![with(0, MAX_FACETS as i64 - 1)]).expect("commit");
    let last = Query { ranges: vec![Range { field: 7, from: MAX_FACETS as i64 - 2, to: i64::MAX }], ..Query::default() };
    assert_eq!(find_all(store, TENANT, &last), ["n"]);
    let guards = vec![Guard { owner: "a".repeat(MAX_OWNER + 1), term: term(1, "") }];
    assert!(too_large(block_on(store.commit(TENANT, Commit { guards, ..Commit::default() }))));
    let log = |size| Commit { log: vec![noise(size, 1)], ..Commit::default() };
    assert!(too_large(block_on(store.commit(TENANT, log(MAX_LOG_ENTRY + 1)))));
    block_on(store.commit(TENANT, log(MAX_LOG_ENTRY))).expect("commit");
    assert_eq!(block_on(store.read_log(1, 9)).expect("log")[0].entry, noise(MAX_LOG_ENTRY, 1));
}

/// Threads increment one record through conflicts, each with a record and a log entry of its own: nothing is lost.
pub fn counters_survive_contention<B: Backend>() {
    const THREADS: u64 = 8;
    const ROUNDS: u64 = 25;
    let backend = B::create();
    let store = backend.store();
    commit(store, vec![Change::Put(put("counter", None, &0_u64.to_be_bytes()))]).expect("commit");
    let increment = |own: &str| loop {
        let counter = load(store, "counter").expect("counter");
        let count = u64::from_be_bytes(counter.body[..].try_into().expect("8 bytes")) + 1;
        let changes = vec![
            Change::Put(put("counter", Some(counter.revision), &count.to_be_bytes())),
            Change::Put(Put { terms: vec![term(1, "made")], ..put(own, None, &count.to_be_bytes()) }),
        ];
        match block_on(store.commit(TENANT, Commit { changes, log: vec![own.as_bytes().to_vec()], ..Commit::default() })) {
            Ok(revision) => {
                // What was acknowledged is visible.
                assert_eq!(load(store, own).expect("own record").revision, revision);
                assert!(load(store, "counter").expect("counter").revision >= revision);
                return;
            }
            Err(StoreError::Conflict { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    };
    thread::scope(|scope| {
        for number in 0..THREADS {
            scope.spawn(move || (0..ROUNDS).for_each(|round| increment(&format!("{number}-{round}"))));
        }
    });
    assert_eq!(load(store, "counter").expect("counter").body[..], (THREADS * ROUNDS).to_be_bytes());
    let made = find(store, None, &[term(1, "made")]);
    let counts: Vec<_> = made.iter().map(|own| load(store, own).expect("own").body.to_vec()).collect();
    let expected: Vec<_> = (1..=THREADS * ROUNDS).rev().map(|count| count.to_be_bytes().to_vec()).collect();
    assert_eq!(counts, expected);
    let log = block_on(store.read_log(1, usize::MAX)).expect("log");
    let logged: Vec<_> = log.into_iter().rev().map(|record| String::from_utf8(record.entry).expect("text")).collect();
    assert_eq!(logged, made);
}

/// While pairs of records change together, in size too, every load sees both halves of one commit.
pub fn a_load_is_of_one_moment<B: Backend>() {
    let backend = B::create();
    let store = backend.store();
    let body = |round: u64| noise(if round.is_multiple_of(3) { 70_000 } else { 40 }, round);
    let both = |expected: Option<Revision>, round: u64| {
        commit(store, ["left", "right"].map(|name| Change::Put(put(name, expected, &body(round)))).into()).expect("commit")
    };
    let first = both(None, 0);
    thread::scope(|scope| {
        let writer = scope.spawn(move || (1..150).fold(first, |revision, round| both(Some(revision), round)));
        while !writer.is_finished() {
            let records = load_all(store, &["left", "right"]);
            let [Some(left), Some(right)] = &records[..] else { panic!("{records:?}") };
            assert!(left.revision == right.revision && left.body == right.body);
        }
    });
}

/// Bodies, owners, terms, revisions and the log are as they were.
pub fn everything_is_there_after_reopening<B: DurableBackend>() {
    let mut backend = B::create();
    let mut expected = Vec::new();
    for round in 0..3_u64 {
        let store = backend.store();
        for number in 0..50 {
            let identifier = format!("{round}-{number}");
            let body = noise(if number == 7 { 200_000 } else { number as usize * 11 }, number);
            let terms = vec![term(9, &identifier), term(8, "common")];
            let changes = vec![Change::Put(Put { owner: round.to_string(), terms, ..put(&identifier, None, &body) })];
            let revision =
                block_on(store.commit(TENANT, Commit { changes, log: vec![identifier.clone().into()], ..Commit::default() }))
                    .expect("commit");
            expected.push((identifier, round.to_string(), revision, body));
        }
        // One is changed, one removed.
        let (identifier, _, revision, body) = &mut expected[round as usize];
        *body = b"changed".to_vec();
        let change = Put { owner: "0".into(), terms: vec![term(8, "common")], ..put(identifier, Some(*revision), body) };
        *revision = commit(store, vec![Change::Put(change)]).expect("commit");
        let (identifier, _, revision, _) = expected.pop().expect("records");
        commit(store, vec![Change::Remove { identifier, expected: revision }]).expect("commit");

        let log = block_on(store.read_log(1, usize::MAX)).expect("log");
        backend = backend.reopen();
        let store = backend.store();
        assert_eq!(block_on(store.read_log(1, usize::MAX)).expect("log"), log);
        let newest: Vec<_> = expected.iter().rev().map(|(identifier, ..)| identifier.clone()).collect();
        assert_eq!(find(store, None, &[term(8, "common")]), newest);
        assert_eq!(find(store, None, &[]), newest);
        for (identifier, owner, revision, body) in &expected {
            let record = load(store, identifier).expect("record");
            assert!((&record.owner, record.revision, &*record.body) == (owner, *revision, body), "{identifier}");
        }
        assert_eq!(find(store, Some("0"), &[term(9, "0-5")]), ["0-5"]);
        assert!(find(store, None, &[term(9, "0-0")]).is_empty());
    }
}

/// Revisions never repeat across a restart, not even those of commits that left no record; neither does a place in the log.
pub fn order_and_numbers_go_on_after_reopening<B: DurableBackend>() {
    let mut backend = B::create();
    let mut last = Revision(0);
    let mut end = LogEnd::EMPTY;
    for round in 0..4 {
        let store = backend.store();
        let names = [format!("{round}-z"), format!("{round}-a")];
        let made = commit(store, names.iter().map(|name| Change::Put(put(name, None, b""))).collect()).expect("commit");
        let gone = commit(store, vec![Change::Put(put("gone", None, b""))]).expect("commit");
        let removed = commit(store, vec![Change::Remove { identifier: "gone".into(), expected: gone }]).expect("commit");
        assert!(last < made && made < gone && gone < removed);
        last = block_on(store.commit(TENANT, Commit { log: vec![b"entry".to_vec()], ..Commit::default() })).expect("commit");
        assert!(removed < last);
        let record = block_on(store.read_log(end.sequence + 1, 10)).expect("log").pop().expect("entry");
        assert!(end.precedes(&record));
        end = LogEnd { sequence: record.sequence, hash: record.hash };
        assert_eq!(find(store, None, &[])[..2], [format!("{round}-a"), format!("{round}-z")]);
        backend = backend.reopen();
        assert_eq!(find(backend.store(), None, &[])[..2], [format!("{round}-a"), format!("{round}-z")]);
    }
}
