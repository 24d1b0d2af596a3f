//! kill -9 at any moment under four writers: what was acknowledged is there, what is there is whole, and the store goes on.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, thread};

use store::contract::{block_on, load, put, term};
use store::log::LogEnd;
use store::sealing::RootKey;
use store::{Change, Commit, Page, Put, Query, Revision, Store, Tenant};
use store_sled::{Options, SledStore};

/// Set in the child: the directory to work in.
const DIRECTORY: &str = "STORE_SLED_CRASH_DIRECTORY";
const ROUNDS: u64 = 5;
const WRITERS: u64 = 4;

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    if let Some(directory) = env::var_os(DIRECTORY) {
        return write_until_killed(Path::new(&directory));
    }
    let directory = tempfile::tempdir().expect("directory");
    let root = RootKey::create_file(&directory.path().join("root.key")).expect("root key");
    drop(SledStore::create(&directory.path().join("data"), &root, &Options::default()).expect("create"));
    let mut before = 0;
    for round in 0..ROUNDS {
        let mut child = Command::new(env::current_exe().expect("this program"));
        child.args(["--exact", "nothing_acknowledged_is_lost_when_the_process_is_killed"]);
        let mut child = child.env(DIRECTORY, directory.path()).stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("child");
        // Not before something was acknowledged, and at another moment each round.
        while acknowledged(directory.path()).len() <= before {
            thread::sleep(Duration::from_millis(5));
            assert!(child.try_wait().expect("child").is_none(), "the child ended by itself");
        }
        thread::sleep(Duration::from_millis(37 * round + 11));
        child.kill().expect("kill");
        child.wait().expect("child");
        before = check(directory.path(), &root);
    }
}

/// One line for each acknowledged commit: identifier and revision.
fn acknowledged(directory: &Path) -> Vec<(String, u64)> {
    let text = fs::read_to_string(directory.join("acknowledged")).unwrap_or_default();
    // A line that the kill cut off was not finished being acknowledged.
    let lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    lines
        .filter_map(|line| line.split_once(' '))
        .map(|(identifier, revision)| (identifier.into(), revision.parse().expect("number")))
        .collect()
}

fn check(directory: &Path, root: &RootKey) -> usize {
    let store = SledStore::open(&directory.join("data"), root, &Options::default()).expect("open");
    let acknowledged = acknowledged(directory);
    for (identifier, revision) in &acknowledged {
        let record = load(&store, identifier).expect("an acknowledged record");
        assert_eq!(record.revision, Revision(*revision));
        assert!(record.body[..] == body(identifier));
    }
    // What is there is whole: body, term and log entry of each, acknowledged or not.
    let all = block_on(store.find(Tenant::DEFAULT, &Query::default(), Page::first(usize::MAX))).expect("find").identifiers;
    assert!(all.len() >= acknowledged.len());
    for identifier in &all {
        assert!(load(&store, identifier).expect("a found record").body[..] == body(identifier));
        let query = Query { terms: vec![term(1, identifier)], ..Query::default() };
        assert_eq!(
            block_on(store.find(Tenant::DEFAULT, &query, Page::first(9))).expect("find").identifiers,
            std::slice::from_ref(identifier)
        );
    }
    let log = block_on(store.read_log(1, usize::MAX)).expect("log");
    let mut logged = HashMap::new();
    let mut end = LogEnd::EMPTY;
    for record in log {
        assert!(end.precedes(&record));
        end = LogEnd { sequence: record.sequence, hash: record.hash };
        *logged.entry(String::from_utf8(record.entry).expect("text")).or_insert(0) += 1;
    }
    assert_eq!(logged.len(), all.len());
    assert!(all.iter().all(|identifier| logged[identifier] == 1));
    acknowledged.len()
}

/// One record in nine has several chunks.
fn body(identifier: &str) -> Vec<u8> {
    let number: usize = identifier.rsplit('-').next().and_then(|number| number.parse().ok()).expect("number");
    identifier.bytes().cycle().take(if number % 9 == 5 { 90_000 } else { 200 }).collect()
}

fn write_until_killed(directory: &Path) {
    let root = RootKey::read_file(&directory.join("root.key")).expect("root key");
    let store = SledStore::open(&directory.join("data"), &root, &Options::default()).expect("open");
    let note = OpenOptions::new().create(true).append(true).open(directory.join("acknowledged")).expect("note");
    let process = std::process::id();
    let (store, note) = (&store, &note);
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            scope.spawn(move || {
                for number in 0_u64.. {
                    let identifier = format!("{process}-{writer}-{number}");
                    let new = Put { terms: vec![term(1, &identifier)], ..put(&identifier, None, &body(&identifier)) };
                    let commit =
                        Commit { changes: vec![Change::Put(new)], log: vec![identifier.clone().into()], ..Commit::default() };
                    let Revision(revision) = block_on(store.commit(Tenant::DEFAULT, commit)).expect("commit");
                    (&mut &*note).write_all(format!("{identifier} {revision}\n").as_bytes()).expect("note");
                }
            });
        }
    });
}
