//! The process has no more file descriptors, for a while: what cannot be done then is tried again, and the store goes on.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use store::contract::{block_on, load, put};
use store::sealing::RootKey;
use store::{Change, Commit, Store, StoreError, Tenant};
use store_sled::{Options, SledStore};

/// Set in the child: the directory to work in.
const DIRECTORY: &str = "STORE_SLED_DESCRIPTORS_DIRECTORY";

const TEST: &str = "a_want_of_descriptors_is_over_when_there_are_some";

#[test]
fn a_want_of_descriptors_is_over_when_there_are_some() {
    if let Some(directory) = env::var_os(DIRECTORY) {
        return want_descriptors(Path::new(&directory));
    }
    let directory = tempfile::tempdir().expect("directory");
    let mut child = Command::new("sh");
    child.args(["-c", &format!("ulimit -n 128; exec \"$0\" --exact {TEST}")]).arg(env::current_exe().expect("this program"));
    let output = child.env(DIRECTORY, directory.path()).stdin(Stdio::null()).output().expect("sh");
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}

/// Segments so small that new files are wanted all the time.
fn options() -> Options {
    let apply_after = Duration::from_millis(5);
    Options { reserve_bytes: 0, segment_bytes: 64 << 10, log_segment_bytes: 4 << 10, apply_after, ..Options::default() }
}

fn want_descriptors(directory: &Path) {
    let (root, data) = (RootKey::generate().expect("root key"), directory.join("data"));
    let store = SledStore::create(&data, &root, &options()).expect("create");
    let mut acknowledged = Vec::new();
    let mut write = |number: usize| {
        let changes = vec![Change::Put(put(&number.to_string(), None, &[number as u8; 3000]))];
        let commit = Commit { changes, log: vec![vec![number as u8; 1000]], ..Commit::default() };
        let written = block_on(store.commit(Tenant::DEFAULT, commit));
        if written.is_ok() {
            acknowledged.push(number);
        }
        written
    };
    for number in 0..20 {
        write(number).expect("commit");
    }
    let mut taken = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        taken.push(file);
    }
    assert!(taken.len() > 10, "the limit works");
    let mut refused = 0;
    for number in 20..100 {
        match write(number) {
            Ok(_) => {}
            Err(StoreError::Failed { .. }) => refused += 1,
            Err(other) => panic!("{number}: {other}"),
        }
        thread::sleep(Duration::from_millis(10));
    }
    assert!(refused > 0, "segments of the journal were wanted");
    // A log segment was wanted by then, too.
    thread::sleep(Duration::from_secs(1));
    store.writable().expect("it is over with its cause");
    drop(taken);
    let started = Instant::now();
    while let Err(error) = write(100) {
        assert!(matches!(error, StoreError::Failed { .. }) && started.elapsed() < Duration::from_secs(20), "{error}");
        thread::sleep(Duration::from_millis(50));
    }
    while store.status().overlay_bytes > 0 {
        assert!(started.elapsed() < Duration::from_secs(20), "it is applied");
        thread::sleep(Duration::from_millis(50));
    }
    let check = |store: &SledStore| {
        for number in &acknowledged {
            assert!(load(store, &number.to_string()).expect("acknowledged").body[..] == [*number as u8; 3000], "{number}");
        }
        let log = block_on(store.read_log(1, 1000)).expect("log");
        assert!(log.iter().map(|record| usize::from(record.entry[0])).eq(acknowledged.iter().copied()));
    };
    check(&store);
    drop(store);
    check(&SledStore::open(&data, &root, &options()).expect("open"));
}
