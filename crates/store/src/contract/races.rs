//! Many threads on few records, judged afterwards by the whole history.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;

use super::{Backend, TENANT, block_on, commit, load_all, noise, put};
use crate::{Change, Commit, Revision, Store, StoreError};

const RECORDS: [&str; 4] = ["first", "second", "third", "fourth"];

/// What a load saw of each record: its revision and its count.
type Seen = [(u64, u64); 4];

/// One thing a thread did. Moments are numbers of a counter that all threads share.
enum Event {
    Loaded { began: u64, ended: u64, seen: Seen },
    Committed { began: u64, ended: u64, revision: u64, touched: Vec<usize> },
}

/// Loads and commits have one order, that of the revisions, and it agrees with the order in which they were made: a load that
/// begins after a commit was acknowledged sees it; none sees a commit that began after it ended; each sees all of a commit or
/// nothing; every record counts the commits that changed it.
pub fn loads_and_commits_have_one_order<B: Backend>() {
    const THREADS: u64 = 6;
    const ROUNDS: usize = 60;
    let backend = B::create();
    let store = backend.store();
    let moments = AtomicU64::new(0);
    let moment = || moments.fetch_add(1, SeqCst);
    let body = |count: u64| count.to_be_bytes();
    let first = commit(store, RECORDS.map(|name| Change::Put(put(name, None, &body(0)))).into()).expect("commit");

    let run = |thread: u64| {
        let mut events = Vec::new();
        for choice in noise(ROUNDS, 1 + thread) {
            let began = moment();
            let seen = look(store);
            events.push(Event::Loaded { began, ended: moment(), seen });
            let touched: Vec<_> = (0..RECORDS.len()).filter(|record| choice >> record & 1 == 1).collect();
            if touched.is_empty() {
                continue;
            }
            let change = |record: &usize| {
                let (revision, count) = seen[*record];
                Change::Put(put(RECORDS[*record], Some(Revision(revision)), &body(count + 1)))
            };
            let changes = touched.iter().map(change).collect();
            let began = moment();
            match block_on(store.commit(TENANT, Commit { changes, ..Commit::default() })) {
                Ok(Revision(revision)) => events.push(Event::Committed { began, ended: moment(), revision, touched }),
                Err(StoreError::Conflict { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        }
        events
    };
    let mut events: Vec<Event> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || run(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("thread")).collect()
    });
    let began = moment();
    events.push(Event::Loaded { began, ended: moment(), seen: look(store) });
    judge(first.0, &events);
}

fn look(store: &impl Store) -> Seen {
    let mut seen = [(0, 0); 4];
    for (seen, record) in seen.iter_mut().zip(load_all(store, &RECORDS)) {
        let record = record.expect("record");
        *seen = (record.revision.0, u64::from_be_bytes(record.body[..].try_into().expect("8 bytes")));
    }
    seen
}

fn judge(first: u64, events: &[Event]) {
    // By revision: when the commit began and ended, and what it changed.
    let mut commits = BTreeMap::from([(first, (0, 0, (0..RECORDS.len()).collect::<Vec<_>>()))]);
    for event in events {
        if let Event::Committed { began, ended, revision, touched } = event {
            assert!(
                commits.insert(*revision, (*began, *ended, touched.clone())).is_none(),
                "revision {revision} was given twice"
            );
        }
    }
    assert!(commits.len() > 10, "only {} commits were made", commits.len());
    let mut latest_began = 0;
    for (revision, (began, ended, _)) in &commits {
        assert!(*ended >= latest_began || *revision == first, "revision {revision} ended before an earlier one began");
        latest_began = latest_began.max(*began);
    }
    for event in events {
        let Event::Loaded { began: load_began, ended: load_ended, seen } = event else { continue };
        for (record, (revision, count)) in seen.iter().enumerate() {
            let (began, ..) = commits.get(revision).expect("a load saw a revision that no commit made");
            assert!(began < load_ended, "a load saw a commit that began after it");
            let changed = commits.range(..=*revision).skip(1).filter(|(_, (.., touched))| touched.contains(&record)).count();
            assert_eq!(*count, changed as u64, "{} lost or gained a change", RECORDS[record]);
            let missed =
                commits.range(revision + 1..).find(|(_, (_, ended, touched))| ended < load_began && touched.contains(&record));
            assert!(missed.is_none(), "a load did not see {missed:?}, which had been acknowledged");
        }
        for (revision, (.., touched)) in &commits {
            let sees = touched.iter().filter(|record| seen[**record].0 >= *revision).count();
            assert!(sees == 0 || sees == touched.len(), "a load saw a part of commit {revision}: {seen:?}");
        }
    }
}
