//! The embedded store: a journal of sealed records, sled 0.34.7 behind it, durable when a commit returns.
//!
//! The journal is the truth. One thread writes it: it takes whatever commits are waiting, writes them as one frame, syncs
//! once, makes them visible and then acknowledges them all; it waits for none that nobody is about to make. A commit that is alone
//! is written by the thread that makes it, as long as the disk is quick. What is in the journal and not yet in sled is kept in
//! memory, over sled; a second thread applies it to sled and to the log stream in large groups. A third one, the keeper, saves
//! the find index, writes snapshots and drops the journal behind them.
//!
//! sled keeps the objects, and nothing else is left to it. Its `flush` does not fsync on Linux, it can lose records silently
//! when a bit flips, and it panics on damage. So every call into it is guarded, every record is sealed, the index knows which
//! records there must be, and a sled that is damaged or gone is made again from snapshot and journal.
//!
//! Architecture invariant: nothing is visible to a reader before it is durable in the journal, and nothing leaves the journal
//! before a snapshot has it, in which every record was read back and found to be right.
//!
//! The files:
//!
//! ```text
//! DIR/lock        held while the store is open
//! DIR/keys        the keys of the store, wrapped under the root key; once more in DIR/keys.copy
//! DIR/anchor      what was durable a moment ago, so that an end of the journal can be told from damage
//! DIR/creating    there while the store is being made for the first time
//! DIR/journal/    segments of frames
//! DIR/log/        the log stream
//! DIR/ahead/      log entries of reads that are not in the journal yet
//! DIR/snapshot/   all records at one moment
//! DIR/index/      the find index, saved
//! DIR/objects/    sled: trees "records" and "head"
//! ```

mod ahead;
mod anchor;
mod answer;
mod apply;
mod check;
mod engine;
mod files;
mod head;
mod history;
mod journal;
mod keep;
mod layout;
mod log_stream;
mod lull;
mod open;
mod pending;
mod queue;
mod saved_index;
mod shared;
mod snapshot;
mod status;
mod transfer;
mod writer;

pub use check::{Consequence, Finding, Report, Step, check};
pub use lull::Lull;
pub use open::{OpenError, Options};
pub use status::{LogSegment, Status};
pub use transfer::{Export, ExportedRecord, TellDamaged, TransferError};

use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use store::index::Facets;
use store::sealing::RootKey;
use store::{Change, Commit, Found, LogRecord, Page, Query, Record, Revision, Store, StoreError, Tenant, check_limits};

use crate::queue::Job;
use crate::shared::Shared;
use crate::writer::Writer;

/// A store in a directory of this machine. Closing it (dropping it) finishes the commits that are under way.
#[derive(Debug)]
pub struct SledStore {
    shared: Arc<Shared>,
    writer: Arc<Mutex<Writer>>,
    /// Those of the writer, of what applies, and of the keeper.
    threads: Vec<JoinHandle<()>>,
    /// Dropped last: nobody else opens the directory while the engine is still closing.
    _lock: files::Lock,
}

impl SledStore {
    /// Whether a directory holds a store. One that was cut off while it was being made does not count: it never held anything.
    pub fn exists(directory: &Path) -> bool {
        files::exists(directory)
    }

    /// Makes a new store in a directory that holds none, and opens it.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn create(directory: &Path, root: &RootKey, options: &Options) -> Result<Self, OpenError> {
        Self::start(open::create(directory, root, options, |keyring| keyring)?)
    }

    /// Opens a store: reads the saved index and the end of the journal, and compares what sled has with what it must have.
    /// A write that was cut off at the end of the journal is removed; sled is made again if it is damaged. All records are
    /// read once afterwards, in the background.
    ///
    /// # Errors
    /// [`OpenError`] names what is wrong. A directory without a store is an error, never a new store: an unmounted disk
    /// must not look like an empty one.
    pub fn open(directory: &Path, root: &RootKey, options: &Options) -> Result<Self, OpenError> {
        Self::start(open::open(directory, root, options)?)
    }

    /// Makes a new store that seals nothing, so that a search for key bytes has a control run in which it finds them.
    ///
    /// # Errors
    /// [`OpenError`].
    #[cfg(feature = "insecure-unsealed-for-tests")]
    pub fn create_unsealed_for_tests(directory: &Path, root: &RootKey, options: &Options) -> Result<Self, OpenError> {
        Self::start(open::create(directory, root, options, store::sealing::Keyring::unsealed_for_tests)?)
    }

    fn start(opened: open::Opened) -> Result<Self, OpenError> {
        let shared = Arc::new(opened.shared);
        let applying = Arc::new(Mutex::new(()));
        let anchor = opened.anchor.file();
        let writer = Arc::new(Mutex::new(Writer::new(Arc::clone(&shared), opened.journal, opened.anchor)));
        let threads = Vec::with_capacity(3);
        let mut store = Self { shared: Arc::clone(&shared), writer: Arc::clone(&writer), threads, _lock: opened.lock };
        store.threads.push(apply::spawn(Arc::clone(&shared), anchor, Arc::clone(&applying))?);
        store.threads.push(keep::spawn(Arc::clone(&shared), opened.marks, applying)?);
        store.threads.push(writer::spawn(shared, writer)?);
        Ok(store)
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        self.shared.queue.close();
        if self.threads.len() < 3 {
            // There is no writer to tell the others.
            self.shared.pending.close();
        }
        // The writer ends first; what it wrote is applied.
        for thread in self.threads.drain(..).rev() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
        self.shared.ahead.close();
    }
}

impl Store for SledStore {
    async fn load(&self, tenant: Tenant, identifiers: &[&str]) -> Result<Vec<Option<Record>>, StoreError> {
        self.shared.load(tenant, identifiers)
    }

    async fn load_none(&self, tenant: Tenant, length: usize) {
        self.shared.load_none(tenant, length);
    }

    async fn find(&self, tenant: Tenant, query: &Query, page: Page) -> Result<Found, StoreError> {
        Ok(self.shared.find(tenant, query, page))
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        Ok(self.shared.tenants())
    }

    async fn commit(&self, tenant: Tenant, commit: Commit) -> Result<Revision, StoreError> {
        check_limits(&commit)?;
        let facets = |change: &Change| match change {
            Change::Put(put) => Facets::of(&self.shared.hasher, &put.terms, &put.numbers),
            Change::Remove { .. } => Facets::default(),
        };
        let facets = commit.changes.iter().map(facets).collect();
        let (job, answer) = Job::new(tenant, commit, facets);
        if let Some(taken) = self.shared.queue.push(job, self.shared.has_room_at_once())? {
            self.shared.counters.alone.fetch_add(1, Relaxed);
            self.shared.queue.aside(|| writer::write(&self.shared, &self.writer, taken));
        }
        answer.await
    }

    /// With the kernel at once, so that the entries survive the end of the process, and durable with the next commit, or after
    /// 50 ms; with [`Options::durable_log`], durable. While the disk is full for commits, half of the reserve is left for these:
    /// reads go on, and what is read is logged.
    async fn log(&self, tenant: Tenant, entries: Vec<Vec<u8>>) -> Result<(), StoreError> {
        self.shared.loggable()?;
        let commit = Commit { log: entries, ..Commit::default() };
        check_limits(&commit)?;
        if commit.log.is_empty() {
            return Ok(());
        }
        // What would be refused then is not given to the kernel: whoever goes on asking while the disk hangs fills no file with that.
        self.shared.queue.check_log(commit.size())?;
        match self.shared.write_ahead(&commit.log) {
            Some(file) => self.shared.log_soon(file, commit.log),
            // Where that is not wanted, or not possible, the journal is waited for.
            None => self.commit(tenant, commit).await.map(|_| ()),
        }
    }

    async fn read_log(&self, from: u64, limit: usize) -> Result<Vec<LogRecord>, StoreError> {
        self.shared.read_log(from, limit)
    }

    /// Whole segments go; the last one stays.
    async fn drop_log(&self, before: u64) -> Result<(), StoreError> {
        self.shared.log.drop_before(before).map(drop)
    }

    fn writable(&self) -> Result<(), StoreError> {
        self.shared.writable()
    }
}
