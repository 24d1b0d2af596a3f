//! What a damaged, foreign or misplaced store says: an error that names it, never wrong bytes, never silence.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use store::contract::{block_on, commit, load, put, term};
use store::sealing::RootKey;
use store::{Change, Commit, Put, Query, Revision, Store, StoreError, Tenant};
use store_sled::{OpenError, Options, SledStore};
use tempfile::TempDir;

const RECORDS: usize = 40;

struct Fixture {
    root: RootKey,
    directory: TempDir,
}

impl Fixture {
    /// A closed store with records of one chunk, one of several, and a log.
    fn new() -> Self {
        let fixture = Self { root: RootKey::generate().expect("root key"), directory: tempfile::tempdir().expect("directory") };
        let store = SledStore::create(&fixture.data(), &fixture.root, &Options::default()).expect("create");
        for number in 0..RECORDS {
            let body = vec![number as u8; if number == 20 { 150_000 } else { 100 }];
            let changes = vec![Change::Put(Put { terms: vec![term(1, "all")], ..put(&number.to_string(), None, &body) })];
            block_on(store.commit(Tenant::DEFAULT, Commit { changes, log: vec![vec![number as u8; 50]] })).expect("commit");
        }
        fixture
    }

    fn data(&self) -> std::path::PathBuf {
        self.directory.path().join("data")
    }

    fn open(&self) -> Result<SledStore, OpenError> {
        SledStore::open(&self.data(), &self.root, &Options::default())
    }

    /// Opens sled behind the store's back.
    fn sled(&self) -> sled::Db {
        let config = || sled::Config::new().path(self.data().join("objects")).segment_size(16 << 20).flush_every_ms(None).open();
        std::iter::repeat_with(config)
            .take(300)
            .find(|result| {
                std::thread::sleep(std::time::Duration::from_millis(10));
                !matches!(result, Err(error) if error.to_string().contains("acquire lock"))
            })
            .expect("an attempt")
            .expect("sled")
    }

    /// Changes one tree with sled's own means, so that sled itself finds nothing wrong.
    fn tamper(&self, tree: &str, change: impl Fn(&sled::Tree)) {
        let db = self.sled();
        change(&db.open_tree(tree).expect("tree"));
        db.flush().expect("flush");
    }
}

fn key(tree: &sled::Tree, at: usize) -> sled::IVec {
    tree.iter().keys().nth(at).expect("key").expect("key")
}

#[track_caller]
fn assert_damaged(result: Result<SledStore, OpenError>, says: &str) {
    match result {
        Err(error @ OpenError::Damaged { .. }) if error.to_string().contains(says) => {}
        other => panic!("expected damage that says {says:?}, got {other:?}"),
    }
}

#[test]
fn a_flipped_bit_of_a_record_stops_the_start_by_name() {
    let fixture = Fixture::new();
    assert_eq!(block_on(fixture.open().expect("open").find(Tenant::DEFAULT, &Query::default())).expect("find").len(), RECORDS);
    let whole = {
        let tree = fixture.sled().open_tree("records").expect("tree");
        tree.get(key(&tree, 3)).expect("get").expect("value")
    };
    // Length, format, kind, epoch, revision, wrapped key, nonce, contents, tag.
    for byte in [0, 3, 4, 5, 9, 17, 40, 60, 80, whole.len() - 1] {
        fixture.tamper("records", |tree| {
            let mut value = whole.to_vec();
            value[byte] ^= 0x10;
            tree.insert(key(tree, 3), value).expect("insert");
        });
        match fixture.open() {
            Err(OpenError::NewerFormat { .. }) if byte == 4 => {}
            result => assert_damaged(result, "the record created by commit 4, change 0, in tenant 0"),
        }
    }
    fixture.tamper("records", |tree| drop(tree.insert(key(tree, 3), &whole).expect("insert")));
    fixture.open().expect("as it was");
}

#[test]
fn a_flipped_bit_in_a_later_chunk_is_noticed() {
    let fixture = Fixture::new();
    fixture.tamper("records", |tree| {
        let key = key(tree, 22);
        assert_eq!(key[16..], [0, 2]);
        let mut value = tree.get(&key).expect("get").expect("value").to_vec();
        value[77] ^= 1;
        tree.insert(key, value).expect("insert");
    });
    assert_damaged(fixture.open(), "cannot be authenticated");
}

#[test]
fn a_lost_record_or_chunk_is_noticed() {
    let fixture = Fixture::new();
    fixture.tamper("records", |tree| drop(tree.remove(key(tree, 5)).expect("remove")));
    assert_damaged(fixture.open(), "sled has 39 records, and the head of the store counts 40");

    let fixture = Fixture::new();
    fixture.tamper("records", |tree| drop(tree.remove(key(tree, 21)).expect("remove")));
    assert_damaged(fixture.open(), "chunk 1 is missing");

    let fixture = Fixture::new();
    fixture.tamper("records", |tree| drop(tree.remove(key(tree, 20)).expect("remove")));
    assert_damaged(fixture.open(), "belongs to nothing");

    let fixture = Fixture::new();
    fixture.tamper("head", |tree| tree.clear().expect("clear"));
    assert_damaged(fixture.open(), "its head is missing");
}

#[test]
fn an_older_version_of_a_record_is_noticed() {
    let fixture = Fixture::new();
    let old = {
        let db = fixture.sled();
        let tree = db.open_tree("records").expect("tree");
        (key(&tree, 0), tree.get(key(&tree, 0)).expect("get").expect("value"))
    };
    let store = fixture.open().expect("open");
    commit(&store, vec![Change::Put(put("0", Some(Revision(1)), b"new"))]).expect("commit");
    drop(store);
    fixture.tamper("records", |tree| drop(tree.insert(&old.0, &old.1).expect("insert")));
    assert_damaged(fixture.open(), "not all of them in the version that was written last");
}

#[test]
fn records_cannot_change_places() {
    let fixture = Fixture::new();
    fixture.tamper("records", |tree| {
        let (first, second) = (key(tree, 1), key(tree, 2));
        let (one, other) = (tree.get(&first).expect("get").expect("value"), tree.get(&second).expect("get").expect("value"));
        tree.insert(first, other).expect("insert");
        tree.insert(second, one).expect("insert");
    });
    assert_damaged(fixture.open(), "(1 more are damaged)");
}

#[test]
fn a_damaged_log_is_noticed() {
    let fixture = Fixture::new();
    fixture.tamper("log", |tree| drop(tree.remove(39_u64.to_be_bytes()).expect("remove")));
    // The end is as it was, so the store opens; the reader of the log is told.
    let store = fixture.open().expect("open");
    assert_eq!(block_on(store.read_log(1, 38)).expect("log").len(), 38);
    match block_on(store.read_log(30, 20)) {
        Err(StoreError::Damaged { what, .. }) if what == "log entry 39" => {}
        other => panic!("{other:?}"),
    }
    drop(store);
    fixture.tamper("log", |tree| {
        let mut value = tree.get(40_u64.to_be_bytes()).expect("get").expect("value").to_vec();
        value[100] ^= 1;
        tree.insert(40_u64.to_be_bytes(), value).expect("insert");
    });
    assert_damaged(fixture.open(), "log entry 40");
    fixture.tamper("log", |tree| drop(tree.remove(40_u64.to_be_bytes()).expect("remove")));
    assert_damaged(fixture.open(), "its last entry is number 38, and the head of the store counts 40");
}

/// Bits of sled's own files: whatever sled makes of them, the store opens as it was or says that it is damaged.
#[test]
fn a_flipped_bit_of_a_file_never_gives_wrong_bytes_or_silence() {
    let fixture = Fixture::new();
    let db = fixture.data().join("objects/db");
    let whole = fs::read(&db).expect("read");
    let used = whole.iter().rposition(|byte| *byte != 0).expect("contents") + 1;
    let (mut intact, mut noticed) = (0, 0);
    for flip in 0..60 {
        let mut bytes = whole.clone();
        let bit = flip * (used * 8 / 60) + flip % 8;
        bytes[bit / 8] ^= 1 << (bit % 8);
        let copy = TempDir::new().expect("directory");
        copy_tree(&fixture.data(), copy.path());
        fs::write(copy.path().join("objects/db"), bytes).expect("write");
        match SledStore::open(copy.path(), &fixture.root, &Options::default()) {
            Err(OpenError::Damaged { .. } | OpenError::Failed { .. }) => noticed += 1,
            Err(other) => panic!("bit {bit}: {other}"),
            Ok(store) => {
                for number in 0..RECORDS {
                    let record = load(&store, &number.to_string()).expect("record");
                    assert!(record.body.iter().all(|byte| *byte == number as u8), "bit {bit}");
                }
                assert_eq!(block_on(store.find(Tenant::DEFAULT, &Query::default())).expect("find").len(), RECORDS);
                intact += 1;
            }
        }
    }
    assert!(noticed > 0, "{intact} flips hit nothing");
}

fn copy_tree(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("directory") {
        let entry = entry.expect("entry");
        let to = to.join(entry.file_name());
        if entry.file_type().expect("type").is_dir() {
            fs::create_dir(&to).expect("directory");
            copy_tree(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("copy");
        }
    }
}

#[test]
fn another_root_key_is_told_by_name() {
    let fixture = Fixture::new();
    let other = RootKey::generate().expect("root key");
    match SledStore::open(&fixture.data(), &other, &Options::default()) {
        Err(OpenError::WrongRootKey { expected, given }) => {
            assert!(expected == fixture.root.identifier() && given == other.identifier());
        }
        result => panic!("{result:?}"),
    }
    fixture.open().expect("the right one");
}

#[test]
fn a_key_file_is_missing_damaged_or_newer() {
    let fixture = Fixture::new();
    let path = fixture.data().join("keys");
    let whole = fs::read(&path).expect("read");
    fs::remove_file(&path).expect("remove");
    assert!(SledStore::exists(&fixture.data()));
    assert_damaged(fixture.open(), "its key file is missing");
    let created = SledStore::create(&fixture.data(), &fixture.root, &Options::default());
    assert!(matches!(created, Err(OpenError::Exists(_))), "{created:?}");

    let mut damaged = whole.clone();
    damaged[60] ^= 1;
    fs::write(&path, damaged).expect("write");
    assert_damaged(fixture.open(), "checksum");

    let mut newer = whole.clone();
    newer[9] = 2;
    fs::write(&path, newer).expect("write");
    match fixture.open() {
        Err(error @ OpenError::NewerFormat { .. }) => assert!(error.to_string().contains("format 2"), "{error}"),
        result => panic!("{result:?}"),
    }
    fs::write(&path, whole).expect("write");
    fixture.open().expect("as it was");
}

#[test]
fn an_anchor_is_missing_torn_or_damaged() {
    let fixture = Fixture::new();
    let path = fixture.data().join("anchor");
    let whole = fs::read(&path).expect("read");
    let damage = |at: &[usize]| {
        let mut bytes = whole.clone();
        at.iter().for_each(|at| bytes[*at] ^= 1);
        fs::write(&path, bytes).expect("write");
    };
    // One copy may be torn.
    for at in [100, 4096 + 100] {
        damage(&[at]);
        fixture.open().expect("the other copy");
    }
    damage(&[100, 4096 + 100]);
    assert_damaged(fixture.open(), "both copies of its anchor are damaged");
    fs::remove_file(&path).expect("remove");
    assert_damaged(fixture.open(), "its anchor is missing");
}

/// All of sled's files from an earlier moment are consistent, and wrong.
#[test]
fn an_engine_that_went_back_is_noticed() {
    let fixture = Fixture::new();
    let earlier = TempDir::new().expect("directory");
    copy_tree(&fixture.data(), earlier.path());
    let store = fixture.open().expect("open");
    commit(&store, vec![Change::Put(put("new", None, b""))]).expect("commit");
    drop(store);
    fs::remove_dir_all(fixture.data().join("objects")).expect("remove");
    fs::rename(earlier.path().join("objects"), fixture.data().join("objects")).expect("rename");
    assert_damaged(fixture.open(), "sled went back to commit 40, and commit 41 was durable already");
}

#[test]
fn a_directory_without_a_store_is_never_a_new_one() {
    let directory = tempfile::tempdir().expect("directory");
    let root = RootKey::generate().expect("root key");
    for path in [directory.path().join("absent"), directory.path().into()] {
        assert!(!SledStore::exists(&path));
        assert!(matches!(SledStore::open(&path, &root, &Options::default()), Err(OpenError::Absent(_))));
    }
    assert!(!directory.path().join("absent").exists());
}

#[test]
fn a_store_that_was_cut_off_while_being_made_is_made_again() {
    let fixture = Fixture::new();
    fs::remove_file(fixture.data().join("keys")).expect("remove");
    fs::write(fixture.data().join("creating"), "").expect("write");
    assert!(!SledStore::exists(&fixture.data()));
    assert!(matches!(fixture.open(), Err(OpenError::Absent(_))));
    let store = SledStore::create(&fixture.data(), &fixture.root, &Options::default()).expect("create");
    assert!(block_on(store.find(Tenant::DEFAULT, &Query::default())).expect("find").is_empty());
}

#[test]
fn a_store_is_open_once_and_private() {
    let fixture = Fixture::new();
    let store = fixture.open().expect("open");
    assert!(matches!(fixture.open(), Err(OpenError::Locked(_))));
    drop(store);
    drop(fixture.open().expect("open again"));
    assert_eq!(fs::metadata(fixture.data()).expect("directory").permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_full_disk_refuses_writes_and_recovers() {
    let fixture = Fixture::new();
    let options = Options { reserve_bytes: u64::MAX, ..Options::default() };
    let store = SledStore::open(&fixture.data(), &fixture.root, &options).expect("open");
    assert!(matches!(store.writable(), Err(StoreError::Full)));
    assert!(matches!(commit(&store, vec![Change::Put(put("new", None, b""))]), Err(StoreError::Full)));
    assert!(matches!(block_on(store.log(Tenant::DEFAULT, vec![b"read".to_vec()])), Err(StoreError::Full)));
    assert_eq!(load(&store, "7").expect("record").body[..], [7; 100]);
    drop(store);

    // Full for commits, but what is read can still be logged.
    let status = rustix::fs::statvfs(fixture.data()).expect("file system");
    let options = Options { reserve_bytes: status.f_bavail * status.f_frsize / 2 * 3, ..Options::default() };
    let store = SledStore::open(&fixture.data(), &fixture.root, &options).expect("open");
    assert!(matches!(commit(&store, vec![Change::Put(put("new", None, b""))]), Err(StoreError::Full)));
    block_on(store.log(Tenant::DEFAULT, vec![b"read".to_vec()])).expect("log");
    drop(store);

    let store = fixture.open().expect("open");
    assert_eq!(block_on(store.read_log(41, 9)).expect("log")[0].entry, b"read");
    assert!(store.writable().is_ok() && load(&store, "new").is_none());
    commit(&store, vec![Change::Put(put("new", None, b""))]).expect("commit");
}
