//! What readers, the writer and the background share, and how a reader reads.

use std::collections::{HashMap, VecDeque};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use store::index::{Facets, Index, Place, TermHasher};
use store::log::LogEnd;
use store::sealing::{DecodedRecord, Keyring, decode_record, encode_record};
use store::{Commit, Found, LogRecord, Page, Put, Query, Record, Revision, StoreError, Tenant};
use zeroize::Zeroizing;

use crate::Options;
use crate::ahead::{Ahead, Entry};
use crate::engine::{Engine, EngineError};
use crate::files;
use crate::head::Head;
use crate::journal::{Frame, LogBlock, Segments};
use crate::layout::{self, Number};
use crate::log_stream::{LogStream, first_unchained, open_block};
use crate::pending::Pending;
use crate::queue::{Job, Queue};
use crate::status::Counters;
use crate::writer;

/// The room in the journal for which log entries are taken although the disk is full, in bytes: a group of them fits.
const LOG_ROOM: u64 = 1 << 20;

/// What must be left of the segment before the thread of a commit writes a small frame to it, in bytes: more than such a frame.
const ROOM_AT_ONCE: u64 = 256 << 10;

/// Room on the file system beyond what must be left, in bytes, with which a look at it counts for a while ...
const PLENTY: u64 = 1 << 30;

/// ... and for how long. Whoever fills that much meanwhile meets no commit that fails: the journal has room made ahead, and sled is
/// written to after a look of its own.
const GLANCE: Duration = Duration::from_millis(20);

/// What a record has for a key to be found by, in bytes, about.
const FOUND_BY: usize = 256;

#[derive(Debug)]
pub(crate) struct Shared {
    /// `None` for the moment in which a new one takes the place of a damaged one.
    engine: RwLock<Option<Engine>>,
    pub(crate) keyring: Keyring,
    pub(crate) hasher: TermHasher,
    pub(crate) log: LogStream,
    /// The last entry that the log stream has on the disk.
    pub(crate) log_synced: AtomicU64,
    pub(crate) ahead: Ahead,
    /// A log entry could not be given to the kernel, and the log of the server says so.
    ahead_failed: AtomicBool,
    pub(crate) segments: Arc<Segments>,
    published: RwLock<Published>,
    pub(crate) queue: Queue,
    pub(crate) pending: Pending,
    pub(crate) counters: Counters,
    /// Why the store accepts no further commits.
    failure: Mutex<Option<String>>,
    /// Why sled could not be made again when that was tried last, if it has still to be.
    pub(crate) rebuild_failure: Mutex<Option<String>>,
    /// A record that is opened where there is none.
    stand_in: OnceLock<Vec<u8>>,
    /// Until when there is room without another look.
    plenty_until: Mutex<Option<Instant>>,
    pub(crate) directory: PathBuf,
    pub(crate) options: Options,
}

/// What readers may see: everything that is durable, nothing that is not.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) index: Index,
    /// Records that are newer than what sled has.
    pub(crate) overlay: HashMap<Number, Overlaid>,
    /// Blocks of log entries that are not in the log stream yet.
    pub(crate) log: VecDeque<LogBlock>,
    /// What the store holds, and the hash of the frame that says so.
    pub(crate) head: Head,
    pub(crate) hash: [u8; 32],
    /// The same of the last frame that sled and the log stream have on the disk, if that is known.
    pub(crate) applied: Option<(Head, [u8; 32])>,
}

/// A record that sled does not have yet.
#[derive(Debug)]
pub(crate) struct Overlaid {
    /// The frame that wrote it.
    pub(crate) frame: u64,
    /// `None`: it is gone.
    pub(crate) sealed: Option<Arc<[u8]>>,
}

impl Published {
    /// Lays the changes of a frame over what sled has.
    pub(crate) fn overlay(&mut self, frame: &Frame) {
        for change in &frame.changes {
            let overlaid = Overlaid { frame: frame.sequence, sealed: change.sealed.clone() };
            self.overlay.insert(change.number, overlaid);
        }
        self.log.extend(frame.log.clone());
    }
}

/// Where the sealed bytes of a record are.
enum Source {
    Memory(Arc<[u8]>),
    Engine(Number),
}

impl Shared {
    pub(crate) fn new(
        engine: Engine,
        keyring: Keyring,
        log: LogStream,
        ahead: Ahead,
        segments: Arc<Segments>,
        published: Published,
        directory: &Path,
        options: &Options,
    ) -> Self {
        Self {
            engine: RwLock::new(Some(engine)),
            hasher: keyring.term_hasher(),
            keyring,
            log_synced: AtomicU64::new(log.end()),
            log,
            ahead,
            ahead_failed: AtomicBool::new(false),
            segments,
            published: RwLock::new(published),
            queue: Queue::new(options.lull.clone()),
            pending: Pending::new(options),
            counters: Counters::default(),
            failure: Mutex::new(None),
            rebuild_failure: Mutex::new(None),
            stand_in: OnceLock::new(),
            plenty_until: Mutex::new(None),
            directory: directory.into(),
            options: options.clone(),
        }
    }

    pub(crate) fn published(&self) -> RwLockReadGuard<'_, Published> {
        self.published.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn publish(&self) -> RwLockWriteGuard<'_, Published> {
        self.published.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls the engine. It is there but for the moment in which it is replaced.
    pub(crate) fn engine<T>(&self, call: impl FnOnce(&Engine) -> Result<T, EngineError>) -> Result<T, EngineError> {
        match &*self.engine.read().unwrap_or_else(PoisonError::into_inner) {
            Some(engine) => call(engine),
            None => Err(EngineError::Absent),
        }
    }

    /// Closes the engine and puts another in its place.
    pub(crate) fn replace_engine(&self, open: impl FnOnce() -> Result<Engine, EngineError>) -> Result<(), EngineError> {
        let mut engine = self.engine.write().unwrap_or_else(PoisonError::into_inner);
        *engine = None;
        *engine = Some(open()?);
        Ok(())
    }

    pub(crate) fn find(&self, tenant: Tenant, query: &Query, page: Page) -> Found {
        self.published().index.find(tenant, query, page)
    }

    pub(crate) fn tenants(&self) -> Vec<Tenant> {
        self.published().index.tenants()
    }

    /// Reads records without holding a lock while the disk is read: each has the revision that was published when the load
    /// began, so they are of one moment. If the background was faster, once more under the lock, where it cannot be.
    pub(crate) fn load(&self, tenant: Tenant, identifiers: &[&str]) -> Result<Vec<Option<Record>>, StoreError> {
        let sources: Vec<_> = {
            let published = self.published();
            identifiers.iter().map(|identifier| published.source(tenant, identifier)).collect()
        };
        let read = |(identifier, source): (&&str, Option<(Place, Source)>)| {
            let Some((place, source)) = source else { return Some(None) };
            self.read(tenant, identifier, &place, source).ok().map(Some)
        };
        match identifiers.iter().zip(sources).map(read).collect() {
            Some(records) => Ok(records),
            None => self.load_locked(tenant, identifiers),
        }
    }

    /// Reads what sled does not have and opens the record that is kept for it: what the load of one record costs.
    pub(crate) fn load_none(&self, tenant: Tenant, length: usize) {
        let last = Revision(u64::MAX);
        let place = Place { created: last, position: u32::MAX, revision: last };
        let sealed = self.stand_in.get_or_init(|| {
            let put = Put {
                identifier: "0".repeat(36),
                owner: "stand-in".to_owned(),
                expected: None,
                body: Zeroizing::new(vec![0; length + FOUND_BY]),
                terms: Vec::new(),
                numbers: Vec::new(),
            };
            let contents = encode_record(&put, &Facets::default());
            // In memory alone, and under a label that no record will have.
            self.keyring.seal(&layout::label(Tenant::DEFAULT, &place), &contents).unwrap_or_default()
        });
        let absent = self.engine(|engine| engine.read(Number::of(tenant, &place)));
        let _ = black_box((absent, self.open_record(Tenant::DEFAULT, &place, &sealed.clone())));
    }

    /// Reads records while nothing can be published. What is not right now is damaged.
    pub(crate) fn load_locked(&self, tenant: Tenant, identifiers: &[&str]) -> Result<Vec<Option<Record>>, StoreError> {
        let published = self.published();
        let read = |identifier: &&str| {
            let Some((place, source)) = published.source(tenant, identifier) else { return Ok(None) };
            self.read(tenant, identifier, &place, source).map(Some)
        };
        let loaded = identifiers.iter().map(read).collect();
        if let Err(StoreError::Damaged { what, cause }) = &loaded {
            tracing::error!(record = %what, %cause, "sled is damaged");
            self.pending.rebuild();
        }
        loaded
    }

    fn read(&self, tenant: Tenant, identifier: &str, place: &Place, source: Source) -> Result<Record, StoreError> {
        let record = match source {
            Source::Memory(sealed) => self.open_record(tenant, place, &sealed),
            Source::Engine(number) => {
                let sealed = self.engine(|engine| engine.read(number)).map_err(|error| error.during(identifier))?;
                let sealed = sealed.ok_or_else(|| damaged(identifier, "sled lost it"))?;
                self.open_record(tenant, place, &sealed)
            }
        };
        let record = record.map_err(|error| damaged(identifier, error))?;
        if record.identifier != identifier {
            return Err(damaged(identifier, "another record is in its place"));
        }
        let DecodedRecord { identifier, owner, body, .. } = record;
        Ok(Record { identifier, owner, revision: place.revision, created: place.created, body })
    }

    fn open_record(&self, tenant: Tenant, place: &Place, sealed: &[u8]) -> Result<DecodedRecord, store::sealing::SealingError> {
        decode_record(self.keyring.open(&layout::label(tenant, place), sealed)?, false)
    }

    /// The sealed bytes of a record as it is now, after they were found to be right; `None`: it is gone.
    pub(crate) fn sealed(&self, tenant: Tenant, identifier: &str) -> Result<Option<(Place, Vec<u8>)>, StoreError> {
        let source = self.published().source(tenant, identifier);
        let Some((place, source)) = source else { return Ok(None) };
        match self.sealed_from(tenant, identifier, &place, source) {
            Ok(sealed) => Ok(Some((place, sealed))),
            // The background was faster, or it is damaged.
            Err(_) => {
                let published = self.published();
                let Some((place, source)) = published.source(tenant, identifier) else { return Ok(None) };
                self.sealed_from(tenant, identifier, &place, source).map(|sealed| Some((place, sealed)))
            }
        }
    }

    fn sealed_from(&self, tenant: Tenant, identifier: &str, place: &Place, source: Source) -> Result<Vec<u8>, StoreError> {
        let sealed = match source {
            Source::Memory(sealed) => sealed.to_vec(),
            Source::Engine(number) => {
                let sealed = self.engine(|engine| engine.read(number)).map_err(|error| error.during(identifier))?;
                sealed.ok_or_else(|| damaged(identifier, "sled lost it"))?
            }
        };
        let record = self.open_record(tenant, place, &sealed).map_err(|error| damaged(identifier, error))?;
        if record.identifier != identifier {
            return Err(damaged(identifier, "another record is in its place"));
        }
        Ok(sealed)
    }

    pub(crate) fn read_log(&self, from: u64, limit: usize) -> Result<Vec<LogRecord>, StoreError> {
        // First what is in memory: what leaves it meanwhile is in the stream by then.
        let blocks: Vec<LogBlock> = self.published().log.iter().cloned().collect();
        read_log(&self.log, &blocks, &self.keyring, from, limit)
    }

    /// Gives log entries of what changed nothing to the kernel; the number of the file that has them. `None`: the journal has to be
    /// waited for.
    pub(crate) fn write_ahead(&self, entries: &[Vec<u8>]) -> Option<u64> {
        if self.options.durable_log {
            return None;
        }
        let written = self.ahead.write(&self.keyring, entries, || self.published().head.log.sequence);
        match written {
            Ok(file) => {
                if self.ahead_failed.load(Ordering::Relaxed) && self.ahead_failed.swap(false, Ordering::Relaxed) {
                    tracing::info!("log entries of reads are written ahead of the journal again");
                }
                Some(file)
            }
            Err(cause) => {
                if !self.ahead_failed.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%cause, "log entries of reads cannot be written ahead of the journal: reads wait for it");
                }
                None
            }
        }
    }

    /// Logs entries that the kernel has, with the next frame.
    pub(crate) fn log_soon(&self, file: u64, entries: Vec<Vec<u8>>) -> Result<(), StoreError> {
        let count = entries.len();
        let pushed = self.queue.push_log(entries.into_iter().map(|bytes| Entry { bytes, file }));
        if pushed.is_err() {
            self.ahead.done(std::iter::repeat_n(file, count));
        }
        pushed
    }

    /// Makes the journal so far needless, since not all of it can be read any more: a snapshot is written that has what it told, and
    /// what is written from now on is in other files. Returns the frame at or behind which the snapshot begins.
    pub(crate) fn leave_journal_behind(&self) -> u64 {
        self.segments.leave();
        // One group may be on its way into the old segment; the next, if only of this commit of nothing, is in a new one.
        let last = self.published().head.frame + 1;
        let (job, _) = Job::new(Tenant::DEFAULT, Commit::default(), Vec::new());
        if let Err(error) = self.queue.push(job, false) {
            tracing::warn!(%error, "the journal is left behind with the next commit");
        }
        self.pending.want_snapshot(last);
        last
    }

    fn failure(&self) -> MutexGuard<'_, Option<String>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failure().is_some()
    }

    /// Refuses every commit from now on. The first cause is kept: later ones follow from it.
    pub(crate) fn fail(&self, cause: &str) {
        tracing::error!(cause, "the store is read-only until it is opened again");
        self.failure().get_or_insert_with(|| cause.into());
        self.pending.wake();
    }

    /// Why commits are refused, if they are.
    pub(crate) fn writable(&self) -> Result<(), StoreError> {
        self.accepts(self.options.reserve_bytes)
    }

    /// Why log entries of what changed nothing are refused, if they are. They need no room on the disk as long as they fit into
    /// what the journal has made ahead.
    pub(crate) fn loggable(&self) -> Result<(), StoreError> {
        match self.accepts(self.options.reserve_bytes / 2) {
            Err(StoreError::Full) if self.segments.room() >= LOG_ROOM => Ok(()),
            other => other,
        }
    }

    fn accepts(&self, reserve_bytes: u64) -> Result<(), StoreError> {
        if let Some(cause) = &*self.failure() {
            return Err(StoreError::ReadOnly(cause.clone()));
        }
        if self.pending.is_stuck() {
            return Err(writer::behind());
        }
        let mut plenty_until = self.plenty_until.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if plenty_until.is_some_and(|until| now < until) {
            return Ok(());
        }
        // sled does not survive a full disk. So it never meets one: commits are refused before.
        match self.free() {
            Ok(free) if free < reserve_bytes => Err(StoreError::Full),
            Ok(free) => {
                *plenty_until = (free >= self.options.reserve_bytes.saturating_add(PLENTY)).then(|| now + GLANCE);
                Ok(())
            }
            Err(cause) => Err(StoreError::Failed { what: "examining the file system".into(), cause: cause.to_string() }),
        }
    }

    /// Whether a small frame would be taken without waiting for anything but the disk: the background keeps up, and the segment
    /// is not full.
    pub(crate) fn has_room_at_once(&self) -> bool {
        self.segments.left() >= ROOM_AT_ONCE && self.pending.has_room()
    }

    /// The room that is left on the file system, in bytes.
    pub(crate) fn free(&self) -> std::io::Result<u64> {
        files::free(&self.directory)
    }
}

impl Published {
    fn source(&self, tenant: Tenant, identifier: &str) -> Option<(Place, Source)> {
        let place = self.index.place(tenant, identifier)?;
        let number = Number::of(tenant, &place);
        let source = match self.overlay.get(&number) {
            Some(Overlaid { sealed: Some(sealed), .. }) => Source::Memory(Arc::clone(sealed)),
            _ => Source::Engine(number),
        };
        Some((place, source))
    }
}

/// Reads the log: from the stream, and from blocks that it does not have yet.
pub(crate) fn read_log(
    log: &LogStream,
    blocks: &[LogBlock],
    keyring: &Keyring,
    from: u64,
    limit: usize,
) -> Result<Vec<LogRecord>, StoreError> {
    let newest = blocks.first().map_or(u64::MAX, |block| block.first);
    let mut records = if from < newest { log.read(from, limit, keyring)? } else { Vec::new() };
    records.retain(|record| record.sequence < newest);
    for block in blocks.iter().filter(|block| block.last() >= from) {
        if records.len() >= limit {
            break;
        }
        let opened = open_block(keyring, block.first, block.count, &block.sealed);
        let opened = opened.map_err(|error| damaged(&log_name(block.first), error))?;
        records.extend(opened.into_iter().filter(|record| record.sequence >= from));
    }
    records.truncate(limit);
    if let Some((first, rest)) = records.split_first() {
        let mut end = LogEnd { sequence: first.sequence, hash: first.hash };
        if let Some(broken) = first_unchained(&mut end, rest) {
            return Err(damaged(&log_name(broken), "it does not follow the entry before it"));
        }
    }
    Ok(records)
}

pub(crate) fn damaged(what: &str, cause: impl ToString) -> StoreError {
    StoreError::Damaged { what: what.into(), cause: cause.to_string() }
}

fn log_name(sequence: u64) -> String {
    format!("log entry {sequence}")
}

#[cfg(test)]
mod tests {
    use store::sealing::RootKey;

    use super::*;
    use crate::SledStore;

    #[test]
    fn a_load_of_nothing_opens_what_stands_in_and_leaves_no_trace() {
        let (directory, root) = (tempfile::tempdir().expect("directory"), RootKey::generate().expect("root key"));
        let store = SledStore::create(&directory.path().join("data"), &root, &Options::default()).expect("create");
        store.shared.load_none(Tenant(7), 900);
        let sealed = store.shared.stand_in.get().expect("a record that stands in");
        let last = Revision(u64::MAX);
        let place = Place { created: last, position: u32::MAX, revision: last };
        let record = store.shared.open_record(Tenant::DEFAULT, &place, sealed).expect("it opens");
        assert_eq!(record.body.len(), 900 + FOUND_BY);
        assert!(store.shared.published().head.count == 0 && store.shared.tenants().is_empty());
    }
}
