//! What readers and the writer share, and how a reader reads.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use store::index::{Index, Place};
use store::log::LogEnd;
use store::sealing::{DecodedRecord, Keyring, Kind, Label, SealingError, decode_record, revision_of};
use store::{LogRecord, Query, Record, Revision, StoreError, Tenant};

use crate::engine::Engine;
use crate::layout::{self, Number};
use crate::writer::Queue;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) keyring: Keyring,
    published: RwLock<Published>,
    pub(crate) queue: Queue,
    /// Why the store accepts no further commits.
    failure: Mutex<Option<String>>,
    directory: PathBuf,
    reserve_bytes: u64,
}

/// What readers may see: everything that is durable, nothing that is not.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) index: Index,
    /// The published bytes of records that the engine has newer bytes of, not yet durable. Kept when making them durable
    /// fails, so that a reader never sees what may be gone after a restart.
    pub(crate) aside: HashMap<Number, Vec<u8>>,
    pub(crate) log_end: u64,
}

impl Shared {
    pub(crate) fn new(
        engine: Engine,
        keyring: Keyring,
        index: Index,
        log_end: u64,
        directory: &Path,
        reserve_bytes: u64,
    ) -> Self {
        Self {
            engine,
            keyring,
            published: RwLock::new(Published { index, aside: HashMap::new(), log_end }),
            queue: Queue::new(),
            failure: Mutex::new(None),
            directory: directory.into(),
            reserve_bytes,
        }
    }

    pub(crate) fn published(&self) -> RwLockReadGuard<'_, Published> {
        self.published.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn publish(&self) -> RwLockWriteGuard<'_, Published> {
        self.published.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn find(&self, tenant: Tenant, query: &Query) -> Vec<String> {
        self.published().index.find(tenant, query)
    }

    /// Reads records without holding a lock: each has the revision that was published when the load began, so they are of
    /// one moment. If the writer was faster, once more under the lock, where it cannot be.
    pub(crate) fn load(&self, tenant: Tenant, identifiers: &[&str]) -> Result<Vec<Option<Record>>, StoreError> {
        let places: Vec<_> = {
            let published = self.published();
            identifiers.iter().map(|identifier| published.index.place(tenant, identifier)).collect()
        };
        let read = |(identifier, place): (&&str, Option<Place>)| {
            let Some(place) = place else { return Some(None) };
            let sealed = self.engine.read(Number::of(tenant, &place)).ok()??;
            self.open_record(tenant, identifier, &place, &sealed).ok().map(Some)
        };
        match identifiers.iter().zip(places).map(read).collect() {
            Some(records) => Ok(records),
            None => self.load_locked(tenant, identifiers),
        }
    }

    fn load_locked(&self, tenant: Tenant, identifiers: &[&str]) -> Result<Vec<Option<Record>>, StoreError> {
        let published = self.published();
        let read = |identifier: &&str| {
            let Some(place) = published.index.place(tenant, identifier) else { return Ok(None) };
            let number = Number::of(tenant, &place);
            if let Some(sealed) = published.aside.get(&number) {
                return self.open_record(tenant, identifier, &place, sealed).map(Some);
            }
            let sealed = self.engine.read(number).map_err(|error| error.during(*identifier))?;
            let sealed = sealed.ok_or_else(|| damaged(identifier, "the engine lost it"))?;
            self.open_record(tenant, identifier, &place, &sealed).map(Some)
        };
        identifiers.iter().map(read).collect()
    }

    fn open_record(&self, tenant: Tenant, identifier: &str, place: &Place, sealed: &[u8]) -> Result<Record, StoreError> {
        let contents = self.keyring.open(&layout::label(tenant, place), sealed);
        let record = contents.and_then(|contents| decode_record(contents, false)).map_err(|error| damaged(identifier, error))?;
        if record.identifier != identifier {
            return Err(damaged(identifier, "another record is in its place"));
        }
        let DecodedRecord { identifier, owner, body, .. } = record;
        Ok(Record { identifier, owner, revision: place.revision, created: place.created, body })
    }

    pub(crate) fn read_log(&self, from: u64, limit: usize) -> Result<Vec<LogRecord>, StoreError> {
        let end = self.published().log_end;
        let from = from.max(1);
        let mut records: Vec<LogRecord> = Vec::new();
        for sequence in (from..=end).take(limit) {
            let record = self.log_record(sequence)?;
            if let Some(previous) = records.last()
                && !(LogEnd { sequence: previous.sequence, hash: previous.hash }).precedes(&record)
            {
                return Err(damaged(&log_name(sequence), "it does not follow the entry before it"));
            }
            records.push(record);
        }
        Ok(records)
    }

    fn log_record(&self, sequence: u64) -> Result<LogRecord, StoreError> {
        let name = || log_name(sequence);
        let sealed = self.engine.read_log(sequence).map_err(|error| error.during(name()))?;
        let sealed = sealed.ok_or_else(|| damaged(&name(), "the engine lost it"))?;
        open_log_record(&self.keyring, sequence, &sealed).map_err(|error| damaged(&name(), error))
    }

    fn failure(&self) -> MutexGuard<'_, Option<String>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failure().is_some()
    }

    /// Refuses every commit from now on. The first cause is kept: later ones follow from it.
    pub(crate) fn fail(&self, cause: &str) {
        self.failure().get_or_insert_with(|| cause.into());
    }

    /// Why commits are refused, if they are.
    pub(crate) fn writable(&self) -> Result<(), StoreError> {
        self.accepts(self.reserve_bytes)
    }

    /// Why log entries of what changed nothing are refused, if they are.
    pub(crate) fn loggable(&self) -> Result<(), StoreError> {
        self.accepts(self.reserve_bytes / 2)
    }

    fn accepts(&self, reserve_bytes: u64) -> Result<(), StoreError> {
        if let Some(cause) = &*self.failure() {
            return Err(StoreError::ReadOnly(cause.clone()));
        }
        // sled does not survive a full disk until a restart. So it never meets one: commits are refused before.
        let free = rustix::fs::statvfs(&self.directory).map(|status| status.f_bavail.saturating_mul(status.f_frsize));
        match free {
            Ok(free) if free < reserve_bytes => Err(StoreError::Full),
            Ok(_) => Ok(()),
            Err(cause) => Err(StoreError::Failed { what: "examining the file system".into(), cause: cause.to_string() }),
        }
    }
}

fn damaged(what: &str, cause: impl ToString) -> StoreError {
    StoreError::Damaged { what: what.into(), cause: cause.to_string() }
}

fn log_name(sequence: u64) -> String {
    format!("log entry {sequence}")
}

/// Seals a log entry: its hash (32 bytes), then the entry.
pub(crate) fn seal_log_record(keyring: &Keyring, revision: Revision, record: &LogRecord) -> Result<Vec<u8>, SealingError> {
    let mut contents = Vec::with_capacity(record.hash.len() + record.entry.len());
    contents.extend_from_slice(&record.hash);
    contents.extend_from_slice(&record.entry);
    keyring.seal(&log_label(record.sequence, revision), &contents)
}

pub(crate) fn open_log_record(keyring: &Keyring, sequence: u64, sealed: &[u8]) -> Result<LogRecord, SealingError> {
    let revision = revision_of(sealed).unwrap_or(Revision(0));
    let contents = keyring.open(&log_label(sequence, revision), sealed)?;
    let (hash, entry) =
        contents.split_first_chunk().ok_or(SealingError::Damaged("its contents do not have the form of an entry"))?;
    Ok(LogRecord { sequence, hash: *hash, entry: entry.to_vec() })
}

fn log_label(sequence: u64, revision: Revision) -> Label {
    Label { kind: Kind::LogEntry, tenant: Tenant::DEFAULT, number: sequence, position: 0, revision }
}

#[cfg(test)]
mod tests {
    use store::contract::{block_on, commit, load, put};
    use store::sealing::{RootKey, encode_record};
    use store::{Change, Store};
    use tempfile::TempDir;

    use super::*;
    use crate::engine::Writes;
    use crate::{Options, SledStore};

    const TENANT: Tenant = Tenant::DEFAULT;

    fn store() -> (SledStore, TempDir) {
        let directory = tempfile::tempdir().expect("directory");
        let root = RootKey::generate().expect("root key");
        let store = SledStore::create(&directory.path().join("data"), &root, &Options::default()).expect("create");
        let changes = ["a", "b"].map(|name| Change::Put(put(name, None, name.as_bytes())));
        commit(&store, changes.into()).expect("commit");
        (store, directory)
    }

    /// What the engine has of a record, and its key and place.
    fn engine_bytes(shared: &Shared, identifier: &str) -> (Number, Place, Vec<u8>) {
        let place = shared.published().index.place(TENANT, identifier).expect("place");
        let number = Number::of(TENANT, &place);
        (number, place, shared.engine.read(number).expect("read").expect("record"))
    }

    /// Gives the engine other bytes of a record, as the writer does before they are durable.
    fn overwrite(shared: &Shared, number: Number, sealed: Option<&[u8]>) {
        let mut writes = Writes { head: shared.engine.read_head().expect("read").expect("head").to_vec(), ..Writes::default() };
        match sealed {
            Some(sealed) => {
                (0..).zip(layout::split(sealed)).for_each(|(part, chunk)| writes.records.insert(&number.key(part), chunk))
            }
            None => writes.records.remove(&number.key(0)),
        }
        shared.engine.apply(&writes).expect("apply");
    }

    #[test]
    fn a_damaged_record_is_an_error_by_name_and_the_others_are_read() {
        let (store, _directory) = store();
        let (number, _, sealed) = engine_bytes(&store.shared, "a");
        for byte in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[byte] ^= 0x40;
            overwrite(&store.shared, number, Some(&flipped));
            match block_on(store.load(TENANT, &["b", "a"])) {
                Err(StoreError::Damaged { what, .. }) if what == "a" => {}
                other => panic!("byte {byte}: {other:?}"),
            }
            assert_eq!(load(&store, "b").expect("b").body[..], *b"b");
        }
        overwrite(&store.shared, number, None);
        assert!(matches!(block_on(store.load(TENANT, &["a"])), Err(StoreError::Damaged { .. })));
    }

    #[test]
    fn an_authentic_record_in_the_place_of_another_is_an_error() {
        let (store, _directory) = store();
        let (number, place, _) = engine_bytes(&store.shared, "a");
        let other = store.shared.keyring.seal(&layout::label(TENANT, &place), &encode_record(&put("other", None, b"")));
        overwrite(&store.shared, number, Some(&other.expect("seal")));
        assert!(matches!(block_on(store.load(TENANT, &["a"])), Err(StoreError::Damaged { .. })));
    }

    #[test]
    fn what_is_not_durable_is_not_seen() {
        let (store, _directory) = store();
        let shared = &store.shared;
        for identifier in ["a", "b"] {
            let (number, place, sealed) = engine_bytes(shared, identifier);
            shared.publish().aside.insert(number, sealed);
            let newer = Place { revision: Revision(place.revision.0 + 1), ..place };
            let newer = shared.keyring.seal(&layout::label(TENANT, &newer), &encode_record(&put(identifier, None, b"newer")));
            let newer = newer.expect("seal");
            overwrite(shared, number, (identifier == "a").then_some(&newer[..]));
        }
        let records = block_on(store.load(TENANT, &["a", "b", "c"])).expect("load");
        let bodies: Vec<_> = records.iter().map(|record| record.as_ref().map(|record| &record.body[..])).collect();
        assert_eq!(bodies, [Some(&b"a"[..]), Some(b"b"), None]);
    }
}
