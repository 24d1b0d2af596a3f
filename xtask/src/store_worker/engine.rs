//! The store behind the worker: all that is known here of its interface.

use super::Tuning;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use store::log::LogEnd;
use store::sealing::RootKey;
use store::{Change, Commit, LogRecord, Page, Put, Query, Record, Revision, Store, Tenant, Term};
use store_sled::{Options, SledStore};
use zeroize::Zeroizing;

/// The field of the term that says which version of a record this is.
const VERSION: u32 = 1;

/// How many identifiers are asked for at once: fewer than there are.
const PAGE: usize = 100;

/// An open store.
#[derive(Debug)]
pub(super) struct Engine(SledStore);

impl Engine {
    /// Opens the store of a directory, or makes it where that is allowed.
    pub(super) fn open(directory: &Path, key: &Path, may_create: bool, tuning: Tuning) -> Result<Self, String> {
        let root = RootKey::read_file(key).map_err(|error| error.to_string())?;
        let options = options(tuning);
        let opened = if may_create && !SledStore::exists(directory) {
            SledStore::create(directory, &root, &options)
        } else {
            SledStore::open(directory, &root, &options)
        };
        opened.map(Self).map_err(|error| error.to_string())
    }

    pub(super) fn load(&self, identifiers: &[&str]) -> Result<Vec<Option<Record>>, String> {
        block_on(self.0.load(Tenant::DEFAULT, identifiers)).map_err(|error| error.to_string())
    }

    /// Finds all records of an owner, or all; those of one version if that is given.
    pub(super) fn find(&self, owner: Option<&str>, version: Option<&str>) -> Result<Vec<String>, String> {
        let terms = version.map(term).into_iter().collect();
        let query = Query { owner: owner.map(Into::into), terms, ..Query::default() };
        let (mut all, mut page) = (Vec::new(), Page::first(PAGE));
        loop {
            let found = block_on(self.0.find(Tenant::DEFAULT, &query, page)).map_err(|error| error.to_string())?;
            all.extend(found.identifiers);
            match found.next {
                Some(_) => page.after = found.next,
                None => return Ok(all),
            }
        }
    }

    pub(super) fn commit(&self, changes: Vec<Change>, log: Vec<Vec<u8>>) -> Result<Revision, String> {
        let commit = Commit { changes, log, ..Commit::default() };
        block_on(self.0.commit(Tenant::DEFAULT, commit)).map_err(|error| error.to_string())
    }

    /// How many frames the thread that made the commit wrote itself.
    pub(super) fn frames_alone(&self) -> u64 {
        self.0.status().frames_alone
    }

    pub(super) fn log(&self, entry: String) -> Result<(), String> {
        block_on(self.0.log(Tenant::DEFAULT, vec![entry.into_bytes()])).map_err(|error| error.to_string())
    }

    pub(super) fn read_log(&self, from: u64, limit: usize) -> Result<Vec<LogRecord>, String> {
        // A fault comes once: what met it is read again.
        let read = || block_on(self.0.read_log(from, limit));
        read().or_else(|_| read()).map_err(|error| error.to_string())
    }
}

/// How the store is used.
fn options(tuning: Tuning) -> Options {
    match tuning {
        Tuning::Default => Options::default(),
        Tuning::Small => Options {
            cache_bytes: 4 << 20,
            // The disk itself is what is full, not a reserve of it.
            reserve_bytes: 0,
            segment_bytes: 1 << 20,
            log_segment_bytes: 64 << 10,
            apply_bytes: 256 << 10,
            apply_after: Duration::from_millis(50),
            overlay_bytes: 4 << 20,
            index_bytes: 256 << 10,
            snapshot_bytes: 1 << 20,
            ..Options::default()
        },
    }
}

/// A record to write.
pub(super) fn put(identifier: &str, owner: &str, expected: Option<Revision>, body: Vec<u8>, version: &str) -> Change {
    let (identifier, owner) = (identifier.into(), owner.into());
    let (body, terms, numbers) = (Zeroizing::new(body), vec![term(version)], Vec::new());
    Change::Put(Put { identifier, owner, expected, body, terms, numbers })
}

fn term(version: &str) -> Term {
    Term { field: VERSION, value: version.as_bytes().into() }
}

/// Whether a log entry is the one that follows another.
pub(super) fn follows(previous: Option<&LogRecord>, record: &LogRecord) -> bool {
    let end = previous.map_or(LogEnd::EMPTY, |previous| LogEnd { sequence: previous.sequence, hash: previous.hash });
    end.precedes(record)
}

/// Runs a future on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        std::thread::park();
    }
}
