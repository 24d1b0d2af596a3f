//! Pages, ranges and guards.

use std::thread;

use super::{Backend, TENANT, block_on, commit, find, find_all, load, put, term};
use crate::{Change, Commit, Cursor, Found, Guard, Number, Page, Put, Query, Range, Revision, Store, StoreError, Tenant, Term};

fn named(identifier: &str, expected: Option<Revision>, name: &str) -> Change {
    Change::Put(Put { terms: vec![term(1, name)], ..put(identifier, expected, b"") })
}

fn guard(name: &str) -> Guard {
    Guard { owner: "alice".into(), term: term(1, name) }
}

fn guarded(store: &impl Store, guards: Vec<Guard>, changes: Vec<Change>) -> Result<Revision, StoreError> {
    block_on(store.commit(TENANT, Commit { guards, changes, log: vec![b"entry".to_vec()], ..Commit::default() }))
}

#[track_caller]
fn assert_taken(result: Result<Revision, StoreError>) {
    assert!(matches!(result, Err(StoreError::Taken { field: 1 })), "{result:?}");
}

/// Page by page, whatever is written in between: what was there all the time is found once, in order, and what is newer
/// than the first page is not found.
pub fn pages_are_in_a_stable_order<B: Backend>() {
    let backend = B::create();
    let store = backend.store();
    let make = |identifier: &str, owner: &str| {
        Change::Put(Put { owner: owner.into(), terms: vec![term(1, "x")], ..put(identifier, None, b"") })
    };
    for number in 0..12 {
        let both =
            vec![make(&format!("{number}-a"), "alice"), make(&format!("{number}-b"), "alice"), make(&format!("{number}"), "bob")];
        commit(store, both).expect("commit");
    }
    let query = Query { owner: Some("alice".into()), terms: vec![term(1, "x")], ..Query::default() };
    let page = |after: Option<Cursor>, limit| block_on(store.find(TENANT, &query, Page { after, limit })).expect("find");
    let change = |identifier: &str, keep: bool| {
        let expected = load(store, identifier).expect("record").revision;
        let change = match keep {
            true => Change::Put(Put { expected: Some(expected), terms: vec![term(1, "x")], ..put(identifier, None, b"changed") }),
            false => Change::Remove { identifier: identifier.into(), expected },
        };
        commit(store, vec![change]).expect("commit");
    };

    let first = page(None, 5);
    assert_eq!(first.identifiers, ["11-b", "11-a", "10-b", "10-a", "9-b"]);
    commit(store, vec![make("new", "alice")]).expect("commit");
    // The last of the page goes, and with it the place where the search goes on; so do one that was found and one that was not.
    ["9-b", "10-a", "8-b"].into_iter().for_each(|identifier| change(identifier, false));
    ["11-a", "7-a"].into_iter().for_each(|identifier| change(identifier, true));
    let second = page(first.next, 4);
    assert_eq!(second.identifiers, ["9-a", "8-a", "7-b", "7-a"]);
    // What is made again is new.
    change("6-b", false);
    commit(store, vec![make("6-b", "alice")]).expect("commit");
    let third = page(second.next, 100);
    let rest = (0..6).rev().flat_map(|number| [format!("{number}-b"), format!("{number}-a")]);
    assert_eq!(third.identifiers, std::iter::once("6-a".to_owned()).chain(rest).collect::<Vec<_>>());
    assert_eq!(third.next, None);
    assert_eq!(page(None, 2).identifiers, ["6-b", "new"]);
    let everyone = block_on(store.find(TENANT, &Query::default(), Page::first(3))).expect("find");
    assert_eq!(everyone.identifiers, ["6-b", "new", "11"]);
    let oldest = Cursor { created: Revision(0), position: 0 };
    assert_eq!(page(Some(oldest), 9), Found::default());
}

/// Both ends are included; every condition must hold; numbers are replaced and removed with their record.
pub fn finds_by_ranges_of_numbers<B: Backend>() {
    let backend = B::create();
    let store = backend.store();
    let make = |identifier: &str, owner: &str, expected, values: &[(u32, i64)]| {
        let numbers = values.iter().map(|(field, value)| Number { field: *field, value: *value }).collect();
        Change::Put(Put { owner: owner.into(), expected, numbers, terms: vec![term(1, owner)], ..put(identifier, None, b"") })
    };
    let first = commit(
        store,
        vec![
            make("a", "alice", None, &[(1, 10), (2, -5)]),
            make("b", "bob", None, &[(1, 20), (1, 40), (2, 5)]),
            make("c", "alice", None, &[(1, 30), (2, i64::MIN)]),
            make("d", "alice", None, &[(2, i64::MAX)]),
            make("e", "bob", None, &[]),
        ],
    )
    .expect("commit");
    let search = |owner: Option<&str>, terms: Vec<Term>, ranges: &[(u32, i64, i64)]| {
        let ranges = ranges.iter().map(|(field, from, to)| Range { field: *field, from: *from, to: *to }).collect();
        find_all(store, TENANT, &Query { owner: owner.map(Into::into), terms, ranges, ..Query::default() })
    };
    assert_eq!(search(None, vec![], &[(1, 10, 30)]), ["c", "b", "a"]);
    assert_eq!(search(None, vec![], &[(1, 11, 29)]), ["b"]);
    assert_eq!(search(None, vec![], &[(1, 20, 40)]), ["c", "b"]);
    assert_eq!(search(None, vec![], &[(1, 30, 30)]), ["c"]);
    assert_eq!(search(None, vec![], &[(2, i64::MIN, i64::MAX)]), ["d", "c", "b", "a"]);
    assert_eq!(search(None, vec![], &[(2, i64::MIN, -1)]), ["c", "a"]);
    assert_eq!(search(None, vec![], &[(2, 6, i64::MAX)]), ["d"]);
    assert_eq!(search(Some("alice"), vec![], &[(1, 0, 100), (2, -5, 5)]), ["a"]);
    assert_eq!(search(None, vec![term(1, "bob")], &[(1, 0, 100)]), ["b"]);
    // Two conditions on one field may be met by two numbers.
    assert_eq!(search(None, vec![], &[(1, 20, 20), (1, 40, 40)]), ["b"]);
    assert!(search(None, vec![], &[(1, 31, 39)]).is_empty() && search(None, vec![], &[(3, i64::MIN, i64::MAX)]).is_empty());
    assert!(search(None, vec![], &[(1, 30, 10)]).is_empty());
    let without = |terms: Vec<Term>, without: &[u32]| {
        find_all(store, TENANT, &Query { terms, without: without.to_vec(), ..Query::default() })
    };
    assert_eq!(without(vec![], &[1]), ["e", "d"]);
    assert_eq!(without(vec![], &[1, 2]), ["e"]);
    assert_eq!(without(vec![term(1, "alice")], &[2]), Vec::<String>::new());
    assert_eq!(without(vec![term(1, "bob")], &[3]), ["e", "b"]);
    let second = commit(store, vec![make("b", "bob", Some(first), &[(1, 41)])]).expect("commit");
    assert_eq!(search(None, vec![], &[(1, 20, 41)]), ["c", "b"]);
    assert!(search(None, vec![], &[(1, 40, 40)]).is_empty() && search(None, vec![], &[(2, 5, 5)]).is_empty());
    commit(store, vec![Change::Remove { identifier: "b".into(), expected: second }]).expect("commit");
    assert_eq!(search(None, vec![], &[(1, 20, 41)]), ["c"]);
}

/// A commit whose guard is broken writes nothing; the records that it changes do not break it.
pub fn guards_are_kept<B: Backend>() {
    let backend = B::create();
    let store = backend.store();
    let first = guarded(store, vec![guard("x"), guard("y")], vec![named("a", None, "x")]).expect("commit");
    assert_taken(guarded(store, vec![guard("x")], vec![named("b", None, "x")]));
    assert_taken(guarded(store, vec![guard("y"), guard("x")], vec![named("b", None, "y"), named("c", None, "x")]));
    assert_taken(guarded(store, vec![guard("x")], vec![]));
    assert!(load(store, "b").is_none() && load(store, "c").is_none());
    assert_eq!(block_on(store.read_log(1, 10)).expect("log").len(), 1);
    // Another owner's, another tenant's, another field's.
    let bobs = Guard { owner: "bob".into(), ..guard("x") };
    let bob = Change::Put(Put { owner: "bob".into(), terms: vec![term(1, "x")], ..put("bobs", None, b"") });
    guarded(store, vec![bobs], vec![bob]).expect("commit");
    let other = Commit { guards: vec![guard("x")], changes: vec![named("a", None, "x")], ..Commit::default() };
    block_on(store.commit(Tenant(7), other)).expect("commit");
    guarded(store, vec![Guard { term: term(2, "x"), ..guard("x") }], vec![]).expect("commit");
    // The record itself; then the name goes from one to another in one commit.
    let second = guarded(store, vec![guard("x")], vec![named("a", Some(first), "x")]).expect("commit");
    let third = guarded(store, vec![guard("x")], vec![named("a", Some(second), "was x"), named("b", None, "x")]).expect("commit");
    assert_taken(guarded(store, vec![guard("x")], vec![named("a", Some(third), "x")]));
    guarded(store, vec![guard("x")], vec![Change::Remove { identifier: "b".into(), expected: third }]).expect("commit");
    guarded(store, vec![guard("x")], vec![named("a", Some(third), "x")]).expect("commit");
    assert_eq!(find(store, Some("alice"), &[term(1, "x")]), ["a"]);
}

/// Threads give one name to a record each, again and again, in one order and the other: one of them wins.
pub fn a_name_is_given_once<B: Backend>() {
    const THREADS: usize = 8;
    const ROUNDS: usize = 20;
    let backend = B::create();
    let store = backend.store();
    let barrier = std::sync::Barrier::new(THREADS);
    let give = |thread: usize, round: usize| {
        let mut names = [format!("left {round}"), format!("right {round}")];
        if thread % 2 == 1 {
            names.reverse();
        }
        let terms = names.iter().map(|name| term(1, name)).collect();
        let guards = names.iter().map(|name| guard(name)).collect();
        barrier.wait();
        let change = Change::Put(Put { terms, ..put(&format!("{thread}-{round}"), None, b"") });
        match guarded(store, guards, vec![change]) {
            Ok(_) => 1,
            Err(StoreError::Taken { field: 1 }) => 0,
            Err(other) => panic!("{other}"),
        }
    };
    let won: usize = thread::scope(|scope| {
        let run = |thread| move || (0..ROUNDS).map(|round| give(thread, round)).sum::<usize>();
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(run(thread))).collect();
        threads.into_iter().map(|thread| thread.join().expect("thread")).sum()
    });
    assert_eq!(won, ROUNDS);
    for round in 0..ROUNDS {
        let holders = find(store, Some("alice"), &[term(1, &format!("left {round}"))]);
        assert_eq!(holders.len(), 1, "{holders:?}");
        assert_eq!(find(store, None, &[term(1, &format!("right {round}"))]), holders);
    }
    assert_eq!(block_on(store.read_log(1, usize::MAX)).expect("log").len(), ROUNDS);
}
