//! What a damaged, foreign or misplaced store says: an error that names it, never wrong bytes, never silence.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use store::contract::{block_on, commit, load, put, term};
use store::sealing::RootKey;
use store::{Change, Commit, Page, Put, Query, Revision, Store, StoreError, Tenant};
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
            let commit = Commit { changes, log: vec![vec![number as u8; 50]], ..Commit::default() };
            block_on(store.commit(Tenant::DEFAULT, commit)).expect("commit");
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

/// The records there are, by the index.
fn found(store: &SledStore) -> usize {
    block_on(store.find(Tenant::DEFAULT, &Query::default(), Page::first(1_000_000))).expect("find").identifiers.len()
}

/// Loads every record until all are right. Until then a record may be an error, but never wrong and never absent.
#[track_caller]
fn assert_heals(store: &SledStore) {
    let started = Instant::now();
    for number in 0..RECORDS {
        loop {
            match block_on(store.load(Tenant::DEFAULT, &[&number.to_string()])) {
                Ok(records) => {
                    let record = records[0].as_ref().unwrap_or_else(|| panic!("{number} is missing in silence"));
                    assert_eq!(record.body.len(), if number == 20 { 150_000 } else { 100 });
                    assert!(record.body.iter().all(|byte| *byte == number as u8), "{number} is wrong");
                    break;
                }
                Err(StoreError::Damaged { what, .. }) if what == number.to_string() => {}
                Err(other) => panic!("{number}: {other}"),
            }
            assert!(started.elapsed() < Duration::from_secs(60), "{number} does not heal");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    assert_eq!(found(store), RECORDS);
}

#[test]
fn what_sled_lost_or_changed_is_made_again() {
    type Tamper = fn(&sled::Tree);
    let cases: [(&str, &str, Tamper); 7] = [
        ("a flipped bit", "records", |tree| {
            let mut value = tree.get(key(tree, 3)).expect("get").expect("value").to_vec();
            value[80] ^= 0x10;
            tree.insert(key(tree, 3), value).expect("insert");
        }),
        ("a flipped bit in a later chunk", "records", |tree| {
            let key = key(tree, 22);
            assert_eq!(key[16..], [0, 2]);
            let mut value = tree.get(&key).expect("get").expect("value").to_vec();
            value[77] ^= 1;
            tree.insert(key, value).expect("insert");
        }),
        ("a lost record", "records", |tree| drop(tree.remove(key(tree, 5)).expect("remove"))),
        ("a lost chunk", "records", |tree| drop(tree.remove(key(tree, 21)).expect("remove"))),
        ("a lost first chunk", "records", |tree| drop(tree.remove(key(tree, 20)).expect("remove"))),
        ("records that changed places", "records", |tree| {
            let (first, second) = (key(tree, 1), key(tree, 2));
            let (one, other) = (tree.get(&first).expect("get").expect("value"), tree.get(&second).expect("get").expect("value"));
            tree.insert(first, other).expect("insert");
            tree.insert(second, one).expect("insert");
        }),
        ("no head", "head", |tree| tree.clear().expect("clear")),
    ];
    for (name, tree, tamper) in cases {
        let fixture = Fixture::new();
        fixture.tamper(tree, tamper);
        println!("{name}");
        let store = fixture.open().expect(name);
        assert_heals(&store);
        commit(&store, vec![Change::Put(put("new", None, b"new"))]).expect("commit");
        drop(store);
        let store = fixture.open().expect(name);
        assert_eq!(load(&store, "new").expect("new").body[..], *b"new");
    }
}

#[test]
fn an_older_version_of_a_record_is_made_new_again() {
    let fixture = Fixture::new();
    let old = {
        let db = fixture.sled();
        let tree = db.open_tree("records").expect("tree");
        (key(&tree, 0), tree.get(key(&tree, 0)).expect("get").expect("value"))
    };
    let store = fixture.open().expect("open");
    commit(&store, vec![Change::Put(put("0", Some(Revision(1)), &[0; 100]))]).expect("commit");
    drop(store);
    fixture.tamper("records", |tree| drop(tree.insert(&old.0, &old.1).expect("insert")));
    let store = fixture.open().expect("open");
    assert_heals(&store);
    assert_eq!(load(&store, "0").expect("record").revision, Revision(41));
}

/// Snapshots, saved indexes and dropped segments, with small thresholds: what is left makes sled and the index again.
#[test]
fn sled_and_the_index_are_made_again_from_a_snapshot() {
    let options = Options {
        segment_bytes: 64 << 10,
        apply_bytes: 16 << 10,
        index_bytes: 64 << 10,
        snapshot_bytes: 256 << 10,
        ..Options::default()
    };
    let (root, directory) = (RootKey::generate().expect("root key"), tempfile::tempdir().expect("directory"));
    let data = directory.path().join("data");
    let store = SledStore::create(&data, &root, &options).expect("create");
    let mut revisions = Vec::new();
    let body = |number: usize, round: u8| vec![number as u8 ^ round; 500 + number * 40];
    for number in 0..60 {
        revisions.push(commit(&store, vec![Change::Put(put(&number.to_string(), None, &body(number, 0)))]).expect("commit"));
    }
    let started = Instant::now();
    let mut round = 0;
    // Until the journal no longer begins at its beginning.
    while data.join("journal/0000000000000001.journal").exists() {
        round += 1;
        for (number, revision) in revisions.iter_mut().enumerate() {
            let change = Change::Put(put(&number.to_string(), Some(*revision), &body(number, round)));
            *revision = block_on(
                store.commit(Tenant::DEFAULT, Commit { changes: vec![change], log: vec![vec![7; 90]], ..Commit::default() }),
            )
            .expect("commit");
        }
        assert!(started.elapsed() < Duration::from_secs(60), "no snapshot is written");
        round %= 100;
    }
    commit(&store, vec![Change::Remove { identifier: "59".into(), expected: revisions[59] }]).expect("commit");
    drop(store);
    assert_eq!(fs::read_dir(data.join("snapshot")).expect("snapshots").count(), 1);

    for (name, part) in [("nothing", None), ("sled", Some("objects")), ("the index", Some("index"))] {
        match part {
            Some("objects") => fs::remove_dir_all(data.join("objects")).expect("remove"),
            Some(part) => fs::read_dir(data.join(part))
                .expect(part)
                .for_each(|file| fs::remove_file(file.expect("file").path()).expect("remove")),
            None => {}
        }
        let store = SledStore::open(&data, &root, &options).expect(name);
        for number in 0..59 {
            assert!(load(&store, &number.to_string()).expect("record").body[..] == body(number, round), "{name}: {number}");
        }
        assert!(load(&store, "59").is_none());
        assert_eq!(found(&store), 59);
        let log = block_on(store.read_log(1, 100_000)).expect("log");
        assert!(log.len() >= 60 && log.iter().zip(1..).all(|(record, sequence)| record.sequence == sequence));
    }
    // Without the snapshot nothing can be made again; the store that is there goes on, the one that is gone says what is missing.
    fs::read_dir(data.join("snapshot"))
        .expect("snapshots")
        .for_each(|file| fs::remove_file(file.expect("file").path()).expect("remove"));
    fs::remove_dir_all(data.join("objects")).expect("remove");
    match SledStore::open(&data, &root, &options) {
        Err(OpenError::Damaged { what, cause }) => assert!(cause.contains("there is no snapshot"), "{what}: {cause}"),
        other => panic!("{other:?}"),
    }
}

/// What was given to the kernel when the process was killed: a snapshot is there, and sled and the log stream have nothing yet.
#[test]
fn a_kill_between_a_snapshot_and_the_next_apply_is_no_damage() {
    let (root, directory) = (RootKey::generate().expect("root key"), tempfile::tempdir().expect("directory"));
    let (data, copy) = (directory.path().join("data"), directory.path().join("copy"));
    let apply_after = Duration::from_millis(1500);
    let options = Options { snapshot_bytes: 64 << 10, apply_after, ..Options::default() };
    let store = SledStore::create(&data, &root, &options).expect("create");
    let write = |number: usize| {
        let changes = vec![Change::Put(put(&number.to_string(), None, b"body"))];
        let commit = Commit { changes, log: vec![b"entry".to_vec()], ..Commit::default() };
        block_on(store.commit(Tenant::DEFAULT, commit)).expect("commit");
    };
    (0..50).for_each(write);
    let snapshots = || fs::read_dir(data.join("snapshot")).expect("snapshots").flatten();
    let is_snapshot = |entry: fs::DirEntry| entry.path().extension().is_some_and(|extension| extension == "snapshot");
    let started = Instant::now();
    let mut number = 50;
    while snapshots().all(|entry| !is_snapshot(entry)) {
        write(number);
        number += 1;
        assert!(started.elapsed() < Duration::from_secs(60), "no snapshot is written");
    }
    (number..number + 20).for_each(write);
    fs::create_dir(&copy).expect("directory");
    copy_tree(&data, &copy);
    let store = SledStore::open(&copy, &root, &options).expect("open");
    assert_eq!(found(&store), number + 20);
    assert_eq!(block_on(store.read_log(1, 1_000_000)).expect("log").len(), number + 20);
}

/// The power fails while the first commit of all is written.
#[test]
fn a_first_frame_that_was_cut_off_is_no_damage() {
    let (root, directory) = (RootKey::generate().expect("root key"), tempfile::tempdir().expect("directory"));
    let data = directory.path().join("data");
    drop(SledStore::create(&data, &root, &Options::default()).expect("create"));
    let path = data.join("journal/0000000000000001.journal");
    let mut bytes = fs::read(&path).expect("read");
    bytes[4096..4104].copy_from_slice(b"kmjf\x00\x00\x20\x00");
    bytes[4096 + 12..4096 + 20].copy_from_slice(&1_u64.to_be_bytes());
    fs::write(&path, bytes).expect("write");
    for expected in 0..2 {
        let store = SledStore::open(&data, &root, &Options::default()).expect("open");
        assert_eq!(found(&store), expected);
        commit(&store, vec![Change::Put(put(&expected.to_string(), None, b""))]).expect("commit");
    }
}

#[test]
fn a_damaged_journal_is_noticed() {
    let fixture = Fixture::new();
    let path = fixture.data().join("journal/0000000000000001.journal");
    let whole = fs::read(&path).expect("read");
    let used = whole.iter().rposition(|byte| *byte != 0).expect("contents") + 1;
    // The last frame was acknowledged: it is damaged, not torn.
    let mut bytes = whole.clone();
    bytes[used - 10] ^= 1;
    fs::write(&path, &bytes).expect("write");
    assert_damaged(fixture.open(), "frame 40");
    fs::write(&path, &whole[..used - 10]).expect("write");
    assert_damaged(fixture.open(), "frame 40");
    // What follows the last frame was never acknowledged.
    let mut bytes = whole.clone();
    bytes[used.next_multiple_of(4096)..][..100].fill(0x5a);
    fs::write(&path, &bytes).expect("write");
    assert_heals(&fixture.open().expect("open"));
    fs::remove_file(&path).expect("remove");
    assert_damaged(fixture.open(), "no segments");
}

#[test]
fn a_damaged_log_is_noticed_or_made_again() {
    let fixture = Fixture::new();
    let path = fixture.data().join("log/0000000000000001.log");
    let whole = fs::read(&path).expect("read");
    // The journal still has every entry.
    for at in [4096 + 60, whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&path, &bytes).expect("write");
        let opened = fixture.open();
        match opened {
            Ok(store) => match block_on(store.read_log(1, 100)) {
                Ok(log) => {
                    assert!(log.len() == RECORDS && log.iter().zip(0..).all(|(record, number)| record.entry == [number; 50]))
                }
                Err(StoreError::Damaged { .. }) => {}
                Err(other) => panic!("{other}"),
            },
            Err(OpenError::Damaged { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

/// Bits of sled's own files: whatever sled makes of them, the store opens, and every record is there.
#[test]
fn a_flipped_bit_of_a_file_never_gives_wrong_bytes_or_silence() {
    let fixture = Fixture::new();
    let db = fixture.data().join("objects/db");
    let whole = fs::read(&db).expect("read");
    let used = whole.iter().rposition(|byte| *byte != 0).expect("contents") + 1;
    let mut intact = 0;
    for flip in 0..60 {
        let mut bytes = whole.clone();
        let bit = flip * (used * 8 / 60) + flip % 8;
        bytes[bit / 8] ^= 1 << (bit % 8);
        let copy = TempDir::new().expect("directory");
        copy_tree(&fixture.data(), copy.path());
        fs::write(copy.path().join("objects/db"), bytes).expect("write");
        match SledStore::open(copy.path(), &fixture.root, &Options::default()) {
            Err(other) => panic!("bit {bit}: {other}"),
            Ok(store) => {
                assert_heals(&store);
                intact += 1;
            }
        }
    }
    assert_eq!(intact, 60, "sled is no reason not to start");
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
    let paths = ["keys", "keys.copy"].map(|name| fixture.data().join(name));
    let whole = fs::read(&paths[0]).expect("read");
    let are_whole = || paths.iter().all(|path| fs::read(path).is_ok_and(|copy| copy == whole));
    let changed = |at: usize, to: u8| {
        let mut bytes = whole.clone();
        bytes[at] ^= to;
        bytes
    };
    assert!(are_whole(), "there are two");
    // One of them is enough, and the other is made anew; a store of an earlier release gets its second one.
    for path in &paths {
        fs::remove_file(path).expect("remove");
        assert!(SledStore::exists(&fixture.data()));
        assert_heals(&fixture.open().expect("the other copy"));
        assert!(are_whole());
        for damaged in [changed(60, 1), changed(9, 1 ^ 3), Vec::new(), vec![7; 2 << 20]] {
            fs::write(path, damaged).expect("write");
            drop(fixture.open().expect("the other copy"));
            assert!(are_whole());
        }
    }

    paths.iter().for_each(|path| fs::remove_file(path).expect("remove"));
    assert!(SledStore::exists(&fixture.data()));
    assert_damaged(fixture.open(), "its key file is missing");
    let created = SledStore::create(&fixture.data(), &fixture.root, &Options::default());
    assert!(matches!(created, Err(OpenError::Exists(_))), "{created:?}");

    paths.iter().for_each(|path| fs::write(path, changed(60, 1)).expect("write"));
    assert_damaged(fixture.open(), "checksum");

    // A newer release wrote both, or one of them: its keys are never written over.
    for longer in [false, true] {
        let mut newer = whole.clone();
        newer[9] = 3;
        newer.extend(vec![0; if longer { 43 } else { 0 }]);
        fs::write(&paths[0], &newer).expect("write");
        fs::write(&paths[1], if longer { &whole } else { &newer }).expect("write");
        match fixture.open() {
            Err(error @ OpenError::NewerFormat { .. }) => assert!(error.to_string().contains("format 3"), "{error}"),
            result => panic!("{result:?}"),
        }
        assert!(fs::read(&paths[0]).expect("read") == newer);
    }
    paths.iter().for_each(|path| fs::write(path, &whole).expect("write"));
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
    for at in [0, 5, 30, 70, 4096, 4096 + 8, 4096 + 40, 4096 + 72] {
        damage(&[at]);
        fixture.open().expect("the other copy");
    }
    // Both are lost, and everything else agrees: it is made anew.
    damage(&[70, 4096 + 30]);
    assert_heals(&fixture.open().expect("made anew"));
    fs::remove_file(&path).expect("remove");
    let store = fixture.open().expect("made anew");
    assert_heals(&store);
    commit(&store, vec![Change::Put(put("new", None, b""))]).expect("commit");
    drop(store);
    assert!(load(&fixture.open().expect("open"), "new").is_some());
}

/// Without an anchor, a store whose end nobody vouches for is refused: what the anchor is for stays.
#[test]
fn a_lost_anchor_hides_no_lost_frame() {
    let fixture = Fixture::new();
    let (anchor, journal) = (fixture.data().join("anchor"), fixture.data().join("journal/0000000000000001.journal"));
    let earlier = TempDir::new().expect("directory");
    copy_tree(&fixture.data(), earlier.path());
    let store = fixture.open().expect("open");
    commit(&store, vec![Change::Put(put("new", None, b"new"))]).expect("commit");
    drop(store);
    fs::remove_file(&anchor).expect("remove");
    let whole = fs::read(&journal).expect("read");
    let used = whole.iter().rposition(|byte| *byte != 0).expect("contents") + 1;
    // The last frame is damaged: without the anchor it looks like a write that was cut off.
    let mut bytes = whole.clone();
    bytes[used - 10] ^= 1;
    fs::write(&journal, &bytes).expect("write");
    assert_damaged(fixture.open(), "nobody knows");
    // It is gone without a trace, and sled has what it told.
    let mut bytes = whole.clone();
    let last = (0..used).step_by(4096).rfind(|at| bytes[*at..].starts_with(b"kmjg")).expect("frame");
    bytes[last..].fill(0);
    fs::write(&journal, &bytes).expect("write");
    assert_damaged(fixture.open(), "sled has not all");
    // sled is behind, as after a kill: nobody knows whether there was more.
    fs::write(&journal, &whole).expect("write");
    let objects = fixture.data().join("objects");
    fs::rename(&objects, fixture.data().join("newer")).expect("rename");
    fs::create_dir(&objects).expect("directory");
    copy_tree(&earlier.path().join("objects"), &objects);
    assert_damaged(fixture.open(), "sled has not all");
    fs::remove_dir_all(&objects).expect("remove");
    assert_damaged(fixture.open(), "sled has not all");
    // As it was.
    fs::rename(fixture.data().join("newer"), &objects).expect("rename");
    assert_eq!(found(&fixture.open().expect("open")), RECORDS + 1);
}

/// All of sled's files from an earlier moment are consistent, and wrong.
#[test]
fn an_engine_that_went_back_is_brought_up_again() {
    let fixture = Fixture::new();
    let earlier = TempDir::new().expect("directory");
    copy_tree(&fixture.data(), earlier.path());
    let store = fixture.open().expect("open");
    commit(&store, vec![Change::Put(put("new", None, b""))]).expect("commit");
    drop(store);
    fs::remove_dir_all(fixture.data().join("objects")).expect("remove");
    fs::rename(earlier.path().join("objects"), fixture.data().join("objects")).expect("rename");
    let store = fixture.open().expect("open");
    load(&store, "new").expect("new");
    assert_eq!(found(&store), RECORDS + 1);
}

/// A journal from an earlier moment is consistent, and wrong.
#[test]
fn a_journal_that_went_back_is_noticed() {
    let fixture = Fixture::new();
    let path = fixture.data().join("journal/0000000000000001.journal");
    let earlier = fs::read(&path).expect("read");
    let store = fixture.open().expect("open");
    commit(&store, vec![Change::Put(put("new", None, b""))]).expect("commit");
    drop(store);
    fs::write(&path, earlier).expect("write");
    assert_damaged(fixture.open(), "it ends with frame 40, and frame 41 was durable already");
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
    // Between the two copies of the key file.
    fs::remove_file(fixture.data().join("keys")).expect("remove");
    fs::write(fixture.data().join("creating"), "").expect("write");
    assert!(!SledStore::exists(&fixture.data()));
    assert!(matches!(fixture.open(), Err(OpenError::Absent(_))));
    let store = SledStore::create(&fixture.data(), &fixture.root, &Options::default()).expect("create");
    assert_eq!(found(&store), 0);
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
    assert_eq!(load(&store, "7").expect("record").body[..], [7; 100]);
    // What is read is logged in the room that the journal has already.
    let mut logged = 0;
    let refused = loop {
        match block_on(store.log(Tenant::DEFAULT, vec![vec![7; 60_000]])) {
            Ok(()) => logged += 1,
            Err(refused) => break refused,
        }
        assert!(logged < 1000, "the journal never ends");
        std::thread::sleep(std::time::Duration::from_millis(3));
    };
    assert!(matches!(refused, StoreError::Full) && logged > 10, "{refused} after {logged}");
    drop(store);

    // Full for commits, but what is read can still be logged.
    let status = rustix::fs::statvfs(fixture.data()).expect("file system");
    let options = Options { reserve_bytes: status.f_bavail * status.f_frsize / 2 * 3, ..Options::default() };
    let store = SledStore::open(&fixture.data(), &fixture.root, &options).expect("open");
    assert!(matches!(commit(&store, vec![Change::Put(put("new", None, b""))]), Err(StoreError::Full)));
    block_on(store.log(Tenant::DEFAULT, vec![b"read".to_vec()])).expect("log");
    drop(store);

    let store = fixture.open().expect("open");
    assert_eq!(block_on(store.read_log(41 + logged, 9)).expect("log")[0].entry, b"read");
    assert!(store.writable().is_ok() && load(&store, "new").is_none());
    commit(&store, vec![Change::Put(put("new", None, b""))]).expect("commit");
}
