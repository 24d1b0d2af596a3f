//! What is in the store, known from a seed alone.

use crate::Outcome;
use crate::dice::Dice;
use crate::log_chain::wait;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};
use store::log::LogEnd;
use store::sealing::RootKey;
use store::{Change, Commit, Page, Put, Query, Store, Tenant, Term};
use store_sled::{Options, SledStore};
use zeroize::Zeroizing;

/// What the process that makes the store prints when it is made.
pub(super) const MADE: &str = "made";

/// Records.
const RECORDS: usize = 300;
/// Every one of so many is large, up to [`LARGE`] bytes.
const LARGE_EVERY: usize = 25;
const LARGE: usize = 200_000;
/// Records with the same second term.
const GROUP: usize = 10;
/// Log entries read at a time.
const PAGE: usize = 100;
/// How long the background may take to write an index and a snapshot.
const BACKGROUND: Duration = Duration::from_secs(30);
/// The owner of all.
const OWNER: &str = "demo";

/// A record as it must be read.
struct Expected {
    identifier: String,
    /// `None`: it was removed.
    body: Option<Vec<u8>>,
    name: Term,
    group: Term,
}

/// An error that was given instead of something.
pub(super) struct Refusal {
    pub(super) cause: String,
    /// The store did not even open.
    pub(super) at_start: bool,
}

/// Everything that is in the store.
pub(super) struct Contents {
    seed: u64,
    records: Vec<Expected>,
    log: Vec<Vec<u8>>,
}

/// Files as small as the store: several segments, a saved index and snapshots, as a large store has them.
fn options() -> Options {
    Options {
        segment_bytes: 1 << 20,
        log_segment_bytes: 64 << 10,
        apply_bytes: 256 << 10,
        index_bytes: 512 << 10,
        snapshot_bytes: 1 << 20,
        ..Options::default()
    }
}

/// Waits for a file that the store writes in the background.
///
/// # Errors
/// When there is none after a while: then nothing would be proved about files of its kind.
fn wait_for_file(directory: &Path) -> Outcome {
    let begun = Instant::now();
    while begun.elapsed() < BACKGROUND {
        if directory.read_dir().is_ok_and(|mut files| files.any(|file| file.is_ok_and(|file| is_whole(&file.path())))) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Err(format!("there is no file in {} after {} s", directory.display(), BACKGROUND.as_secs()))
}

/// A file that is being written ends in `.new`.
fn is_whole(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending != "new")
}

fn term(field: u32, text: String) -> Term {
    Term { field, value: text.into_bytes().into() }
}

impl Contents {
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let record = |number: usize, dice: &mut Dice| {
            let magnitude = 1 << dice.below(12);
            let length =
                if number.is_multiple_of(LARGE_EVERY) { LARGE - dice.below(LARGE / 2) } else { 1 + dice.below(magnitude) };
            Expected {
                identifier: format!("record-{number}"),
                // Every seventh is removed in the end.
                body: (number % 7 != 6).then(|| dice.bytes(length)),
                name: term(1, format!("name-{number}")),
                group: term(2, format!("group-{}", number / GROUP)),
            }
        };
        let records = (0..RECORDS).map(|number| record(number, &mut dice)).collect();
        // An entry for each of the three commits that a record sees.
        let log =
            (0..RECORDS * 3).map(|number| [format!("entry {number} ").into_bytes(), dice.bytes(number % 90)].concat()).collect();
        Self { seed, records, log }
    }

    pub(super) fn records(&self) -> usize {
        self.records.iter().filter(|record| record.body.is_some()).count()
    }

    fn root(&self) -> RootKey {
        let mut bytes = Zeroizing::new([0; 32]);
        bytes.copy_from_slice(&Dice::new(self.seed ^ 1).bytes(32));
        RootKey::from_bytes(bytes)
    }

    /// Makes the store, says so, and closes it when the standard input ends; or is killed before.
    pub(super) fn make(&self, directory: &Path) -> Outcome {
        let data = directory.join("data");
        let store = SledStore::create(&data, &self.root(), &options()).map_err(|error| error.to_string())?;
        let mut log = self.log.iter();
        let mut commit = |changes: Vec<Change>| {
            let entries = log.by_ref().take(changes.len()).cloned().collect();
            let commit = Commit { changes, log: entries, ..Commit::default() };
            wait(store.commit(Tenant::DEFAULT, commit)).map_err(|error| error.to_string())
        };
        // In groups, so that commits of several records are there too.
        for records in self.records.chunks(GROUP) {
            let put = |record: &Expected, expected, body: Vec<u8>| Put {
                identifier: record.identifier.clone(),
                owner: OWNER.to_owned(),
                expected,
                body: Zeroizing::new(body),
                terms: vec![record.name.clone(), record.group.clone()],
                numbers: Vec::new(),
            };
            let first = records.iter().map(|record| Change::Put(put(record, None, b"an older body".to_vec()))).collect();
            let mut revision = commit(first)?;
            for last in [false, true] {
                let second = records.iter().map(|record| match &record.body {
                    None if last => Change::Remove { identifier: record.identifier.clone(), expected: revision },
                    None => Change::Put(put(record, Some(revision), b"to be removed".to_vec())),
                    Some(body) => Change::Put(put(record, Some(revision), body.clone())),
                });
                let second = second.collect();
                revision = commit(second)?;
            }
        }
        wait_for_file(&data.join("index"))?;
        wait_for_file(&data.join("snapshot"))?;
        println!("{MADE}");
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        drop(store);
        Ok(())
    }

    /// Reads everything. `Some`: an error that was given instead of something.
    ///
    /// # Errors
    /// What is wrong and was not said to be, in words.
    pub(super) fn verify(&self, directory: &Path) -> Result<Option<Refusal>, String> {
        let data = directory.join("data");
        let store = match SledStore::open(&data, &self.root(), &options()) {
            Ok(store) => store,
            Err(error) => return Ok(Some(Refusal { cause: error.to_string(), at_start: true })),
        };
        let refusals = [self.verify_records(&store)?, self.verify_finds(&store)?, self.verify_log(&store)?];
        Ok(refusals.into_iter().flatten().next().map(|cause| Refusal { cause, at_start: false }))
    }

    fn verify_records(&self, store: &SledStore) -> Result<Option<String>, String> {
        let mut refusal = None;
        for expected in &self.records {
            let identifier = expected.identifier.as_str();
            let mut loaded = match wait(store.load(Tenant::DEFAULT, &[identifier])) {
                Ok(loaded) => loaded,
                Err(error) => {
                    refusal = refusal.or(Some(error.to_string()));
                    continue;
                }
            };
            match (loaded.pop().flatten(), &expected.body) {
                (None, None) => {}
                (None, Some(_)) => return Err(format!("{identifier} is silently missing")),
                (Some(_), None) => return Err(format!("{identifier} is there again, although it was removed")),
                (Some(record), Some(body)) => {
                    if *record.body != *body || record.owner != OWNER || record.identifier != identifier {
                        return Err(format!("{identifier} is read with other bytes"));
                    }
                }
            }
        }
        Ok(refusal)
    }

    fn verify_finds(&self, store: &SledStore) -> Result<Option<String>, String> {
        // Each group by its term, and every seventh record by its own.
        let groups = self.records.chunks(GROUP).map(|records| &records[0].group);
        let names = self.records.iter().step_by(7).map(|record| &record.name);
        for term in groups.chain(names) {
            let has = |record: &&Expected| record.body.is_some() && (record.name == *term || record.group == *term);
            let expected: BTreeSet<&str> = self.records.iter().filter(has).map(|record| record.identifier.as_str()).collect();
            let query = Query { owner: Some(OWNER.to_owned()), terms: vec![term.clone()], ..Query::default() };
            let found = match wait(store.find(Tenant::DEFAULT, &query, Page::first(RECORDS))) {
                Ok(found) => found.identifiers,
                Err(error) => return Ok(Some(error.to_string())),
            };
            let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
            if found != expected {
                return Err(format!("find by {term:?} gives {found:?}, not {expected:?}"));
            }
        }
        Ok(None)
    }

    fn verify_log(&self, store: &SledStore) -> Result<Option<String>, String> {
        let mut end = LogEnd::EMPTY;
        for page in self.log.chunks(PAGE) {
            let read = match wait(store.read_log(end.sequence + 1, PAGE)) {
                Ok(read) => read,
                Err(error) => return Ok(Some(error.to_string())),
            };
            if read.len() != page.len() {
                let from = end.sequence + 1;
                return Err(format!("the log silently has {} entries from {from} on, not {}", read.len(), page.len()));
            }
            for (record, entry) in read.into_iter().zip(page) {
                if !end.precedes(&record) || record.entry != *entry {
                    return Err(format!("log entry {} is read with other bytes", record.sequence));
                }
                end = LogEnd { sequence: record.sequence, hash: record.hash };
            }
        }
        Ok(None)
    }
}
