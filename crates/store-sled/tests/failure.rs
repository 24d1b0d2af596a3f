//! The operating system refuses a write: nothing is acknowledged from then on, readers go on, a restart finds what was
//! acknowledged.

use std::process::{Command, Stdio};
use std::{env, fs, path::Path};

use store::contract::{block_on, commit, load, put, term};
use store::sealing::RootKey;
use store::{Change, Page, Put, Query, Revision, Store, StoreError, Tenant};
use store_sled::{Options, SledStore};

/// Set in the child: the directory to work in.
const DIRECTORY: &str = "STORE_SLED_FAILURE_DIRECTORY";

/// No file of the child may be longer, in KiB: sled's second segment of 16 MiB does not fit.
const LIMIT_KIB: u64 = 20 << 10;

#[test]
fn a_refused_write_is_never_acknowledged() {
    if let Some(directory) = env::var_os(DIRECTORY) {
        return write_until_refused(Path::new(&directory));
    }
    let directory = tempfile::tempdir().expect("directory");
    let (root, data) = (directory.path().join("root.key"), directory.path().join("data"));
    // With the signal ignored, a write beyond the limit fails with EFBIG.
    let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" --exact a_refused_write_is_never_acknowledged", LIMIT_KIB * 2);
    let mut child = Command::new("sh");
    child.args(["-c", &script]).arg(env::current_exe().expect("this program"));
    let output = child.env(DIRECTORY, directory.path()).stdin(Stdio::null()).output().expect("sh");
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));

    let acknowledged = fs::read_to_string(directory.path().join("acknowledged")).expect("the child's note");
    let acknowledged: usize = acknowledged.parse().expect("a number");
    assert!(acknowledged > 5, "{acknowledged}");
    let store = SledStore::open(&data, &RootKey::read_file(&root).expect("root key"), &Options::default()).expect("open");
    for number in 0..acknowledged {
        assert!(load(&store, &number.to_string()).expect("acknowledged").body[..] == body(number), "{number}");
    }
    store.writable().expect("writable again");
    commit(&store, vec![Change::Put(put("after", None, b""))]).expect("commit");
}

fn body(number: usize) -> Vec<u8> {
    vec![number as u8; 1 << 20]
}

fn write_until_refused(directory: &Path) {
    let root = RootKey::create_file(&directory.join("root.key")).expect("root key");
    let store = SledStore::create(&directory.join("data"), &root, &Options::default()).expect("create");
    let mut changing = commit(&store, vec![Change::Put(put("changing", None, b"0"))]).expect("commit");
    let mut number = 0;
    let write = |number: usize, changing: Revision| {
        let new = Put { terms: vec![term(1, "x")], ..put(&number.to_string(), None, &body(number)) };
        commit(&store, vec![Change::Put(new), Change::Put(put("changing", Some(changing), number.to_string().as_bytes()))])
    };
    let refusal = loop {
        match write(number, changing) {
            Ok(revision) => changing = revision,
            Err(refusal) => break refusal,
        }
        number += 1;
        assert!(number < 100, "the limit does not work");
    };
    // sled is what is refused: the journal goes on until no more can wait in memory.
    let refused = matches!(refusal, StoreError::Failed { .. } | StoreError::Full | StoreError::ReadOnly(_));
    assert!(refused, "{refusal:?}");
    fs::write(directory.join("acknowledged"), number.to_string()).expect("write");

    // No later write is tried, and the one that failed is not seen, whatever the engine has of it.
    for _ in 0..3 {
        assert!(store.writable().is_err());
        assert!(write(number, changing).is_err());
        assert!(load(&store, &number.to_string()).is_none());
        let record = load(&store, "changing").expect("changing");
        assert_eq!(record.revision, changing);
        assert_eq!(record.body[..], *(number - 1).to_string().as_bytes());
        let query = Query { terms: vec![term(1, "x")], ..Query::default() };
        let found = block_on(store.find(Tenant::DEFAULT, &query, Page::first(1000))).expect("find");
        assert_eq!(found.identifiers.len(), number);
        assert!(load(&store, "0").expect("the first").body[..] == body(0));
    }
}
