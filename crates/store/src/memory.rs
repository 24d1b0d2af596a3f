//! A store in memory, for tests and trials: the whole contract except durability.

use std::collections::{BTreeMap, HashMap};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use zeroize::Zeroizing;

use crate::index::{Index, Place};
use crate::log::LogEnd;
use crate::{Change, Commit, LogRecord, Query, Record, Revision, Store, StoreError, Tenant, check_limits};

/// Records and a log that live as long as this value.
#[derive(Debug)]
pub struct MemoryStore {
    state: RwLock<State>,
}

#[derive(Debug)]
struct State {
    revision: Revision,
    records: HashMap<(Tenant, String), Stored>,
    index: Index,
    log: BTreeMap<u64, LogRecord>,
    log_end: LogEnd,
}

#[derive(Debug)]
struct Stored {
    owner: String,
    place: Place,
    body: Zeroizing<Vec<u8>>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        let state = State {
            revision: Revision(0),
            records: HashMap::new(),
            index: Index::new(),
            log: BTreeMap::new(),
            log_end: LogEnd::EMPTY,
        };
        Self { state: RwLock::new(state) }
    }

    /// A panic while the lock was held can only have come from running out of memory; what was written before it counts.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    async fn load(&self, tenant: Tenant, identifiers: &[&str]) -> Result<Vec<Option<Record>>, StoreError> {
        let state = self.read();
        let load = |identifier: &&str| {
            let identifier = (*identifier).to_owned();
            let key = (tenant, identifier);
            let stored = state.records.get(&key)?;
            Some(Record {
                identifier: key.1,
                owner: stored.owner.clone(),
                revision: stored.place.revision,
                created: stored.place.created,
                body: stored.body.clone(),
            })
        };
        Ok(identifiers.iter().map(load).collect())
    }

    async fn find(&self, tenant: Tenant, query: &Query) -> Result<Vec<String>, StoreError> {
        Ok(self.read().index.find(tenant, query))
    }

    async fn commit(&self, tenant: Tenant, commit: Commit) -> Result<Revision, StoreError> {
        check_limits(&commit)?;
        let state = &mut *self.write();
        for change in &commit.changes {
            let identifier = change.identifier();
            if state.index.place(tenant, identifier).map(|place| place.revision) != change.expected() {
                return Err(StoreError::Conflict { identifier: identifier.into() });
            }
        }
        let revision = Revision(state.revision.0 + 1);
        state.revision = revision;
        for (position, change) in (0..).zip(commit.changes) {
            match change {
                Change::Put(put) => {
                    let first = Place { created: revision, position, revision };
                    let place = state.index.place(tenant, &put.identifier).map_or(first, |place| Place { revision, ..place });
                    state.index.put(tenant, &put.identifier, &put.owner, place, &put.terms);
                    state.records.insert((tenant, put.identifier), Stored { owner: put.owner, place, body: put.body });
                }
                Change::Remove { identifier, .. } => {
                    state.index.remove(tenant, &identifier);
                    state.records.remove(&(tenant, identifier));
                }
            }
        }
        for entry in commit.log {
            let record = state.log_end.append(entry);
            state.log.insert(record.sequence, record);
        }
        Ok(revision)
    }

    async fn read_log(&self, from: u64, limit: usize) -> Result<Vec<LogRecord>, StoreError> {
        Ok(self.read().log.range(from..).take(limit).map(|(_, record)| record.clone()).collect())
    }

    fn writable(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Memory(MemoryStore);

    impl crate::contract::Backend for Memory {
        type Store = MemoryStore;
        fn create() -> Self {
            Self(MemoryStore::new())
        }
        fn store(&self) -> &MemoryStore {
            &self.0
        }
    }

    crate::contract_tests!(Memory);
}
