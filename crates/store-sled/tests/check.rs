//! What a check says of a damaged store is what a start then does with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use store::contract::{block_on, load, put, term};
use store::log::chain;
use store::sealing::RootKey;
use store::{Change, Commit, Put, Store, StoreError, Tenant};
use store_sled::{OpenError, Options, Report, SledStore, check};

const RECORDS: usize = 60;

/// Small files, so that there are many of them.
fn options() -> Options {
    Options {
        reserve_bytes: 0,
        segment_bytes: 64 << 10,
        log_segment_bytes: 4 << 10,
        apply_after: Duration::from_millis(20),
        index_bytes: 100 << 10,
        snapshot_bytes: 200 << 10,
        ..Options::default()
    }
}

fn body(number: usize) -> Vec<u8> {
    vec![number as u8; 1 + number * 137 % 9000]
}

/// A closed store with journal, snapshot, saved index, sled, and a log of many segments.
struct Fixture {
    directory: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self::with(&options())
    }

    fn with(options: &Options) -> Self {
        let fixture = Self { directory: tempfile::tempdir().expect("directory") };
        let root = RootKey::create_file(&fixture.directory.path().join("root.key")).expect("root key");
        let store = SledStore::create(&fixture.data(), &root, options).expect("create");
        let write = |number: usize| {
            let new = Put { terms: vec![term(1, &number.to_string())], ..put(&number.to_string(), None, &body(number)) };
            let log = vec![entry(number)];
            let commit = Commit { changes: vec![Change::Put(new)], log, ..Commit::default() };
            block_on(store.commit(Tenant::DEFAULT, commit)).expect("commit");
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        for number in 0..RECORDS - 5 {
            write(number);
            // A snapshot begins with what was applied: that keeps up, however slow the machine is.
            while number % 10 == 9 && store.status().overlay_bytes > 0 {
                assert!(Instant::now() < deadline, "nothing is applied");
                thread::sleep(Duration::from_millis(5));
            }
        }
        while fixture.files("snapshot").is_empty() || fixture.files("index").is_empty() {
            assert!(Instant::now() < deadline, "no snapshot was written");
            thread::sleep(Duration::from_millis(20));
        }
        // A little is behind the snapshot.
        (RECORDS - 5..RECORDS).for_each(write);
        fixture
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn root(&self) -> RootKey {
        RootKey::read_file(&self.directory.path().join("root.key")).expect("root key")
    }

    fn files(&self, part: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.data().join(part)).expect("read");
        let mut found: Vec<_> = entries.map(|entry| entry.expect("entry").path()).collect();
        found.retain(|path| path.extension().is_none_or(|extension| extension != "new"));
        found.sort();
        found
    }

    fn file(&self, part: &str) -> PathBuf {
        self.files(part).pop().expect("a file")
    }

    fn copy(&self) -> Self {
        let directory = tempfile::tempdir().expect("directory");
        copy_all(self.directory.path(), directory.path());
        Self { directory }
    }

    fn check(&self) -> Result<Report, OpenError> {
        check(&self.data(), &self.root(), &options(), &mut |_| ())
    }

    /// What was found, as one text.
    fn found(&self) -> String {
        self.check().expect("check").findings.iter().map(|finding| format!("{finding}\n")).collect()
    }

    /// Opens the store, and reads all records and all log entries.
    fn use_it(&self) -> Result<(), String> {
        let store = SledStore::open(&self.data(), &self.root(), &options()).map_err(|error| error.to_string())?;
        for number in 0..RECORDS {
            let record = block_on(store.load(Tenant::DEFAULT, &[&number.to_string()])).map_err(|error| error.to_string())?;
            let record = record.into_iter().next().flatten().ok_or(format!("{number} is missing"))?;
            assert!(record.body[..] == body(number), "never wrong bytes: {number}");
        }
        let log = block_on(store.read_log(1, 1000)).map_err(|error: StoreError| error.to_string())?;
        let mut hash = [0; 32];
        for (number, record) in log.iter().enumerate() {
            hash = chain(&hash, number as u64 + 1, &entry(number));
            assert!(record.hash == hash && record.entry == entry(number), "never a wrong entry: {number}");
        }
        if log.len() == RECORDS { Ok(()) } else { Err(format!("{} log entries", log.len())) }
    }
}

fn entry(number: usize) -> Vec<u8> {
    format!("entry of {number}, {}", "x".repeat(300)).into_bytes()
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("directory");
    for entry in fs::read_dir(from).expect("read") {
        let path = entry.expect("entry").path();
        let copy = to.join(path.file_name().expect("name"));
        if path.is_dir() {
            copy_all(&path, &copy);
        } else {
            fs::copy(&path, copy).expect("copy");
        }
    }
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).expect("read");
    bytes[at] ^= 4;
    fs::write(path, bytes).expect("write");
}

#[test]
fn a_whole_store_is_clean_and_is_not_changed() {
    let fixture = Fixture::new();
    let files = || ["journal", "log", "snapshot", "index"].map(|part| fixture.files(part)).concat();
    let contents = || files().iter().map(|path| fs::read(path).expect("read")).collect::<Vec<_>>();
    let before = (files(), contents());
    let mut steps = Vec::new();
    let report = check(&fixture.data(), &fixture.root(), &options(), &mut |step| steps.push(step.what)).expect("check");
    assert!(report.is_clean(), "{:?}", report.findings);
    assert_eq!((report.records, report.sled_records, report.log_entries), (60, 60, 60));
    assert!(report.snapshot_records.is_some_and(|records| records > 20) && report.index_records.is_some(), "{report:?}");
    steps.dedup();
    assert_eq!(steps, ["snapshot", "saved index", "opening sled", "log", "journal", "sled"]);
    assert!((files(), contents()) == before);
    assert!(!fixture.files("journal")[0].ends_with("0000000000000001.journal"), "the journal's beginning was dropped");

    let store = SledStore::open(&fixture.data(), &fixture.root(), &options()).expect("open");
    assert!(matches!(fixture.check(), Err(OpenError::Locked(_))));
    assert!(load(&store, "7").is_some());
    drop(store);
    let other = RootKey::generate().expect("root key");
    assert!(matches!(check(&fixture.data(), &other, &options(), &mut |_| ()), Err(OpenError::WrongRootKey { .. })));
    let nowhere = fixture.data().join("nowhere");
    assert!(matches!(check(&nowhere, &other, &options(), &mut |_| ()), Err(OpenError::Absent(_))));
    assert!(!nowhere.exists());
}

#[test]
fn each_damage_is_named_with_what_it_means() {
    let whole = Fixture::new();
    type Damage<'a> = &'a dyn Fn(&Fixture);
    let cases: [(&str, Damage<'_>, &str, bool); 11] = [
        ("the key file", &|fixture| flip(&fixture.data().join("keys"), 100), "a copy of the key file", true),
        (
            "both copies of the key file",
            &|fixture| ["keys", "keys.copy"].iter().for_each(|name| flip(&fixture.data().join(name), 100)),
            "nothing else can be read",
            false,
        ),
        ("the anchor", &|fixture| fs::remove_file(fixture.data().join("anchor")).expect("remove"), "the anchor", true),
        ("the snapshot", &|fixture| flip(&fixture.file("snapshot"), 3000), "the snapshot", true),
        ("the saved index", &|fixture| flip(&fixture.file("index"), 300), "the saved index", true),
        ("sled is gone", &|fixture| fs::remove_dir_all(fixture.data().join("objects")).expect("remove"), "sled", true),
        (
            "snapshot and sled",
            &|fixture| {
                flip(&fixture.file("snapshot"), 3000);
                fs::remove_dir_all(fixture.data().join("objects")).expect("remove");
            },
            "the snapshot",
            false,
        ),
        ("a middle segment of the log", &|fixture| flip(&fixture.files("log")[1], 500), "log entr", false),
        ("a segment of the log is gone", &|fixture| fs::remove_file(&fixture.files("log")[1]).expect("remove"), "log", false),
        (
            "the end of the log",
            &|fixture| {
                let path = fixture.file("log");
                let bytes = fs::read(&path).expect("read");
                fs::write(path, &bytes[..bytes.len() - 7]).expect("write");
            },
            "the log stream",
            true,
        ),
        (
            "the journal is gone",
            &|fixture| fixture.files("journal").iter().for_each(|path| fs::remove_file(path).expect("remove")),
            "the journal",
            false,
        ),
    ];
    for (name, damage, words, heals) in cases {
        let fixture = whole.copy();
        damage(&fixture);
        let found = fixture.found();
        assert!(found.contains(words), "{name}: {found}");
        let report = fixture.check().expect("check");
        assert_eq!(report.needs_backup(), !heals, "{name}: {found}");
        let used = fixture.use_it();
        assert_eq!(used.is_ok(), heals, "{name}: {used:?}\n{found}");
    }

    // Whether the first frame that is kept is needed depends on how far sled and the snapshot had come.
    let fixture = whole.copy();
    flip(&fixture.files("journal")[0], 4096 + 70);
    let found = fixture.found();
    assert!(found.contains("the journal segment"), "{found}");
    if !fixture.check().expect("check").needs_backup() {
        let used = fixture.use_it();
        assert!(used.is_ok(), "{used:?}\n{found}");
    }
}

/// A single flipped bit anywhere: what is said to heal heals, and what a start cannot use was found.
#[test]
fn what_is_said_of_a_flipped_bit_is_true() {
    let whole = Fixture::new();
    let parts = ["journal", "log", "snapshot", "index", "objects"];
    let mut files: Vec<PathBuf> = parts.iter().flat_map(|part| whole.files(part)).filter(|path| path.is_file()).collect();
    files.extend(["keys", "anchor"].map(|name| whole.data().join(name)));
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    let mut healed = 0;
    for _ in 0..40 {
        let fixture = whole.copy();
        let path = &files[next(files.len())];
        let bytes = fs::read(path).expect("read");
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        if used == 0 {
            continue;
        }
        let at = next(used);
        let relative = path.strip_prefix(whole.directory.path()).expect("inside");
        flip(&fixture.directory.path().join(relative), at);
        let name = format!("{} at byte {at}", relative.display());
        let report = match fixture.check() {
            Ok(report) => report,
            Err(error) => {
                // A flipped format number or identifier of the root key is told as what it looks like.
                assert!(matches!(error, OpenError::NewerFormat { .. } | OpenError::WrongRootKey { .. }), "{name}: {error}");
                continue;
            }
        };
        let findings: String = report.findings.iter().map(|finding| format!("{finding}\n")).collect();
        match fixture.use_it() {
            Ok(()) => healed += 1,
            Err(error) => assert!(report.needs_backup(), "{name}: {error}, and the check found\n{findings}"),
        }
        if !report.needs_backup() {
            let again = fixture.found();
            assert!(!again.contains("needs a backup"), "{name}: {again}");
        }
    }
    assert!(healed > 12, "{healed}");
}

/// A closed store with much journal behind its snapshot that neither sled nor the saved index needs, and the place of a frame of it.
fn with_journal_behind_the_snapshot() -> (Fixture, PathBuf, usize) {
    let fixture = Fixture::new();
    let files_of = |part: &str| -> Vec<u64> {
        let stems = fixture.files(part).into_iter().filter_map(|path| path.file_stem()?.to_str().map(ToOwned::to_owned));
        stems.map(|stem| u64::from_str_radix(&stem, 16).expect("number")).collect()
    };
    let options = Options { index_bytes: 1, snapshot_bytes: u64::MAX >> 2, ..options() };
    let store = SledStore::open(&fixture.data(), &fixture.root(), &options).expect("open");
    // What is read after the start is read by now, or does not see the damage.
    let begun = Instant::now();
    let from = *files_of("snapshot").last().expect("snapshot");
    for number in 0.. {
        let change = Change::Put(put(&format!("later {number}"), None, &[1; 5000]));
        block_on(store.commit(Tenant::DEFAULT, Commit { changes: vec![change], ..Commit::default() })).expect("commit");
        if number > 40 && files_of("index").last().is_some_and(|index| *index > from + 40) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "no index is saved");
        thread::sleep(Duration::from_millis(50));
    }
    drop(store);
    // The fifth frame behind the snapshot.
    let wanted = (from + 5).to_be_bytes();
    for path in fixture.files("journal") {
        let bytes = fs::read(&path).expect("read");
        let found =
            (0..bytes.len()).step_by(4096).find(|at| bytes[*at..].starts_with(b"kmjg") && bytes[at + 12..at + 20] == wanted);
        if let Some(at) = found {
            return (fixture, path, at);
        }
    }
    panic!("the frame is not there");
}

/// Uses the store until a segment of its journal is gone, and finds it to be clean then.
#[track_caller]
fn assert_becomes_clean(fixture: &Fixture, damaged: &Path) {
    // No snapshot is due.
    let options = Options { snapshot_bytes: u64::MAX >> 2, ..options() };
    let store = SledStore::open(&fixture.data(), &fixture.root(), &options).expect("open");
    let begun = Instant::now();
    while damaged.exists() {
        assert!(begun.elapsed() < Duration::from_secs(100), "it is not left behind");
        thread::sleep(Duration::from_millis(50));
    }
    drop(store);
    let report = fixture.check().expect("check");
    assert!(report.is_clean(), "{:?}", report.findings);
}

/// Nobody needs that part of the journal before sled is lost; by then it must be whole.
#[test]
fn a_journal_that_is_damaged_behind_the_snapshot_heals() {
    let (fixture, path, at) = with_journal_behind_the_snapshot();
    flip(&path, at + 300);
    let report = fixture.check().expect("check");
    assert!(!report.is_clean() && !report.needs_backup(), "{:?}", report.findings);
    assert_becomes_clean(&fixture, &path);
    fs::remove_dir_all(fixture.data().join("objects")).expect("remove");
    fixture.use_it().expect("sled is made again");
}

#[test]
fn a_journal_that_is_found_damaged_while_it_is_used_is_left_behind() {
    let (fixture, path, at) = with_journal_behind_the_snapshot();
    let options = Options { snapshot_bytes: u64::MAX >> 2, ..options() };
    let store = SledStore::open(&fixture.data(), &fixture.root(), &options).expect("open");
    thread::sleep(Duration::from_secs(2));
    flip(&path, at + 300);
    let report = store.check(&mut |_| ()).expect("check");
    assert!(!report.is_clean() && !report.needs_backup(), "{:?}", report.findings);
    drop(store);
    assert_becomes_clean(&fixture, &path);
    fixture.use_it().expect("as before");
}

/// Where there is no room for two, a sled that cannot be used goes first, but only if another can be made; what was not made to its
/// end takes no room either.
#[test]
fn sled_is_made_again_where_there_is_no_room_for_two() {
    let fixture = Fixture::new();
    let (db, snapshot) = (fixture.data().join("objects/db"), fixture.file("snapshot"));
    let mut bytes = fs::read(&db).expect("read");
    bytes.fill(0x5a);
    fs::write(&db, &bytes).expect("write");
    let whole = fs::read(&snapshot).expect("read");
    flip(&snapshot, whole.len() / 2);
    for reserve_bytes in [u64::MAX, 0] {
        let options = Options { reserve_bytes, ..options() };
        let refused = SledStore::open(&fixture.data(), &fixture.root(), &options);
        assert!(matches!(refused, Err(OpenError::Damaged { .. })), "{refused:?}");
        assert!(db.exists(), "nothing is removed that may be needed");
        assert!(!fixture.data().join("objects.new").exists());
    }
    fs::write(&snapshot, whole).expect("write");
    let options = Options { reserve_bytes: u64::MAX, ..options() };
    drop(SledStore::open(&fixture.data(), &fixture.root(), &options).expect("open"));
    fixture.use_it().expect("made again");
}

/// Entries of the log that the journal no longer has: what is damaged is lost, is told, and is no reason to refuse keys.
#[test]
fn a_damaged_end_of_the_log_does_not_refuse_the_start() {
    let options = Options { log_segment_bytes: 16 << 20, ..options() };
    let fixture = Fixture::with(&options);
    assert_eq!(fixture.files("log").len(), 1);
    let before = fs::read(fixture.file("log")).expect("read");
    flip(&fixture.file("log"), 100);
    assert!(fixture.found().contains("log entries 1 to 1 cannot be read"), "{}", fixture.found());
    for round in 1..=2 {
        let store = SledStore::open(&fixture.data(), &fixture.root(), &options).expect("open");
        for number in 0..RECORDS {
            assert!(load(&store, &number.to_string()).expect("record").body[..] == body(number));
        }
        assert!(matches!(block_on(store.read_log(1, 10)), Err(StoreError::Damaged { .. })), "never silence");
        let commit = Commit { log: vec![entry(RECORDS + round)], ..Commit::default() };
        block_on(store.commit(Tenant::DEFAULT, commit)).expect("commit");
        let log = block_on(store.read_log(30, 1000)).expect("behind the damage");
        assert_eq!(log.len(), RECORDS - 29 + round);
    }
    assert_eq!(fixture.files("log").len(), 2, "what came is in a segment of its own");
    assert_eq!(fs::read(&fixture.files("log")[0]).expect("read").len(), before.len(), "the file is kept");
}
