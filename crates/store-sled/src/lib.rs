//! The embedded store: sealed records in sled 0.34.7, durable when a commit returns.
//!
//! sled keeps the bytes, and nothing else is left to it. Its `flush` does not fsync on Linux, so every group of commits is
//! followed by an fsync of its file. It can lose records silently when a bit flips, so a sealed head counts them, and a copy of it is kept outside sled. It makes
//! index keys slow, so [`Store::find`] is answered from memory. It panics on damage, so every call into it is guarded.
//!
//! One thread writes. It takes whatever commits are waiting, applies them as one atomic batch, syncs once, makes them
//! visible and then acknowledges them all; it never waits for more. Readers never wait for it: they look up in memory
//! which revision is visible and read that one from sled, or the image that was put aside while a newer one is on its way.
//!
//! Architecture invariant: nothing is visible to a reader before it is durable.
//!
//! The files:
//!
//! ```text
//! DIR/lock       held while the store is open
//! DIR/keys       the keys of the store, wrapped under the root key
//! DIR/anchor     what the store held a moment ago, in case sled goes back
//! DIR/creating   there while the store is being made for the first time
//! DIR/objects/   sled: trees "records", "log" and "head"
//! ```

mod anchor;
mod answer;
mod engine;
mod files;
mod head;
mod layout;
mod open;
mod shared;
mod writer;

pub use open::{OpenError, Options};

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use store::sealing::RootKey;
use store::{Commit, LogRecord, Query, Record, Revision, Store, StoreError, Tenant, check_limits};

use crate::shared::Shared;

/// A store in a directory of this machine. Closing it (dropping it) finishes the commits that are under way.
#[derive(Debug)]
pub struct SledStore {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
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

    /// Opens a store and reads every record once: to build the find index, and to compare what is there with what the head
    /// says must be there.
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
        let writer = writer::spawn(Arc::clone(&shared), opened.head, opened.anchor)?;
        Ok(Self { shared, writer: Some(writer), _lock: opened.lock })
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        self.shared.queue.close();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has answered its commits with an error already.
            let _ = writer.join();
        }
    }
}

impl Store for SledStore {
    async fn load(&self, tenant: Tenant, identifiers: &[&str]) -> Result<Vec<Option<Record>>, StoreError> {
        self.shared.load(tenant, identifiers)
    }

    async fn find(&self, tenant: Tenant, query: &Query) -> Result<Vec<String>, StoreError> {
        Ok(self.shared.find(tenant, query))
    }

    async fn commit(&self, tenant: Tenant, commit: Commit) -> Result<Revision, StoreError> {
        check_limits(&commit)?;
        self.shared.queue.push(tenant, commit)?.await
    }

    /// Durable with the next commit, or after 50 ms. While the disk is full for commits, half of the reserve is left for
    /// these: reads go on, and what is read is logged.
    async fn log(&self, tenant: Tenant, entries: Vec<Vec<u8>>) -> Result<(), StoreError> {
        self.shared.loggable()?;
        let commit = Commit { changes: Vec::new(), log: entries };
        check_limits(&commit)?;
        self.shared.queue.push_log(tenant, commit.log)
    }

    async fn read_log(&self, from: u64, limit: usize) -> Result<Vec<LogRecord>, StoreError> {
        self.shared.read_log(from, limit)
    }

    fn writable(&self) -> Result<(), StoreError> {
        self.shared.writable()
    }
}
