//! A store in memory, for tests and trials: the whole contract except durability.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use zeroize::Zeroizing;

use crate::index::{Facets, Index, Place, TermHasher};
use crate::log::LogEnd;
use crate::{Change, Commit, Found, LogRecord, Page, Query, Record, Revision, Store, StoreError, Tenant, Token, check_limits};

/// How many outcomes of commits are remembered, the newest.
const OUTCOMES: usize = 100_000;

/// Records and a log that live as long as this value.
///
/// It can be the far side of a store that is reached through a network: it remembers what became of the newest 100,000
/// commits that had a token, and a commit that is sent again is answered as the first time ([`Store::settle`]).
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
    outcomes: Outcomes,
}

#[derive(Debug)]
struct Stored {
    owner: String,
    place: Place,
    body: Zeroizing<Vec<u8>>,
}

/// What became of commits, by their tokens; the oldest are forgotten.
#[derive(Debug, Default)]
struct Outcomes {
    by_token: HashMap<(Tenant, Token), Outcome>,
    in_order: VecDeque<(Tenant, Token)>,
}

/// What became of a commit. One that was not made stays so: otherwise a copy of it that was long on its way would still be
/// made after its caller had gone on with another.
#[derive(Clone, Debug)]
enum Outcome {
    Made(Revision),
    Conflict {
        identifier: String,
    },
    Taken {
        field: u32,
    },
    /// Settled before it came.
    Settled,
}

impl Outcome {
    fn result(self) -> Result<Revision, StoreError> {
        match self {
            Self::Made(revision) => Ok(revision),
            Self::Conflict { identifier } => Err(StoreError::Conflict { identifier }),
            Self::Taken { field } => Err(StoreError::Taken { field }),
            Self::Settled => Err(StoreError::Failed {
                what: "making a commit".into(),
                cause: "it was settled before as one that will never be made".into(),
            }),
        }
    }
}

impl Outcomes {
    fn get(&self, tenant: Tenant, token: Token) -> Option<&Outcome> {
        self.by_token.get(&(tenant, token))
    }

    fn remember(&mut self, tenant: Tenant, token: Token, outcome: Outcome) {
        if self.by_token.insert((tenant, token), outcome).is_none() {
            self.in_order.push_back((tenant, token));
        }
        if self.in_order.len() > OUTCOMES
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.by_token.remove(&oldest);
        }
    }
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
            index: Index::new(TermHasher::random()),
            log: BTreeMap::new(),
            log_end: LogEnd::EMPTY,
            outcomes: Outcomes::default(),
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

impl State {
    fn commit(&mut self, tenant: Tenant, commit: Commit) -> Outcome {
        for change in &commit.changes {
            let identifier = change.identifier();
            if self.index.place(tenant, identifier).map(|place| place.revision) != change.expected() {
                return Outcome::Conflict { identifier: identifier.into() };
            }
        }
        for guard in &commit.guards {
            let is_changed = |identifier: &str| commit.changes.iter().any(|change| change.identifier() == identifier);
            if self.index.taken(tenant, guard, is_changed) {
                return Outcome::Taken { field: guard.term.field };
            }
        }
        let revision = Revision(self.revision.0 + 1);
        self.revision = revision;
        for (position, change) in (0..).zip(commit.changes) {
            match change {
                Change::Put(put) => {
                    let first = Place { created: revision, position, revision };
                    let place = self.index.place(tenant, &put.identifier).map_or(first, |place| Place { revision, ..place });
                    let facets = Facets::of(self.index.hasher(), &put.terms, &put.numbers);
                    self.index.put(tenant, &put.identifier, &put.owner, place, facets);
                    self.records.insert((tenant, put.identifier), Stored { owner: put.owner, place, body: put.body });
                }
                Change::Remove { identifier, .. } => {
                    self.index.remove(tenant, &identifier);
                    self.records.remove(&(tenant, identifier));
                }
            }
        }
        for entry in commit.log {
            let record = self.log_end.append(entry);
            self.log.insert(record.sequence, record);
        }
        Outcome::Made(revision)
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

    async fn find(&self, tenant: Tenant, query: &Query, page: Page) -> Result<Found, StoreError> {
        Ok(self.read().index.find(tenant, query, page))
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        Ok(self.read().index.tenants())
    }

    async fn commit(&self, tenant: Tenant, commit: Commit) -> Result<Revision, StoreError> {
        check_limits(&commit)?;
        let token = commit.token;
        let state = &mut *self.write();
        if let Some(known) = token.and_then(|token| state.outcomes.get(tenant, token)) {
            return known.clone().result();
        }
        let outcome = state.commit(tenant, commit);
        if let Some(token) = token {
            state.outcomes.remember(tenant, token, outcome.clone());
        }
        outcome.result()
    }

    async fn settle(&self, tenant: Tenant, token: Token) -> Result<Option<Revision>, StoreError> {
        let outcomes = &mut self.write().outcomes;
        match outcomes.get(tenant, token) {
            Some(Outcome::Made(revision)) => Ok(Some(*revision)),
            Some(_) => Ok(None),
            None => {
                outcomes.remember(tenant, token, Outcome::Settled);
                Ok(None)
            }
        }
    }

    async fn read_log(&self, from: u64, limit: usize) -> Result<Vec<LogRecord>, StoreError> {
        Ok(self.read().log.range(from..).take(limit).map(|(_, record)| record.clone()).collect())
    }

    async fn drop_log(&self, before: u64) -> Result<(), StoreError> {
        let log = &mut self.write().log;
        *log = log.split_off(&before);
        Ok(())
    }

    fn writable(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{block_on, load, put, term};
    use crate::{Guard, Put};

    const TENANT: Tenant = Tenant::DEFAULT;

    fn made_once(number: u8, identifier: &str, guards: Vec<Guard>) -> Commit {
        let changes = vec![Change::Put(put(identifier, None, b""))];
        Commit { token: Some(Token([number; 16])), guards, changes, log: vec![b"entry".to_vec()] }
    }

    #[test]
    fn a_commit_that_is_sent_again_is_answered_as_the_first_time() {
        let store = MemoryStore::new();
        let send = |commit| block_on(store.commit(TENANT, commit));
        let settle = |number| block_on(store.settle(TENANT, Token([number; 16]))).expect("settle");
        let revision = send(made_once(1, "a", vec![])).expect("commit");
        assert_eq!(send(made_once(1, "a", vec![])).expect("commit"), revision);
        assert_eq!(settle(1), Some(revision));
        assert_eq!(block_on(store.read_log(1, 9)).expect("log").len(), 1);
        // Another tenant's token is another.
        assert!(block_on(store.commit(Tenant(1), made_once(1, "a", vec![]))).expect("commit") > revision);

        // What was refused stays refused, although it could be made now.
        let conflict = |result| matches!(result, Err(StoreError::Conflict { identifier }) if identifier == "a");
        assert!(conflict(send(made_once(2, "a", vec![]))));
        let change = Put { terms: vec![term(1, "x")], ..put("a", Some(revision), b"") };
        let guard = Guard { owner: "alice".into(), term: term(1, "x") };
        let changed = send(Commit { changes: vec![Change::Put(change)], ..Commit::default() }).expect("commit");
        assert!(matches!(send(made_once(3, "b", vec![guard.clone()])), Err(StoreError::Taken { field: 1 })));
        send(Commit { changes: vec![Change::Remove { identifier: "a".into(), expected: changed }], ..Commit::default() })
            .expect("commit");
        assert!(conflict(send(made_once(2, "a", vec![]))));
        assert!(matches!(send(made_once(3, "b", vec![guard])), Err(StoreError::Taken { field: 1 })));
        assert_eq!((settle(2), settle(3)), (None, None));
        assert!(load(&store, "a").is_none() && load(&store, "b").is_none());
    }

    #[test]
    fn what_was_settled_as_not_made_is_never_made() {
        let store = MemoryStore::new();
        let token = Token([1; 16]);
        assert_eq!(block_on(store.settle(TENANT, token)).expect("settle"), None);
        assert!(matches!(block_on(store.commit(TENANT, made_once(1, "a", vec![]))), Err(StoreError::Failed { .. })));
        assert!(load(&store, "a").is_none());
        assert_eq!(block_on(store.settle(TENANT, token)).expect("settle"), None);
        block_on(store.commit(TENANT, made_once(2, "a", vec![]))).expect("commit");
    }

    #[test]
    fn the_oldest_outcomes_are_forgotten() {
        let mut outcomes = Outcomes::default();
        let token = |number: usize| Token((number as u128).to_be_bytes());
        for number in 0..=OUTCOMES {
            outcomes.remember(TENANT, token(number), Outcome::Made(Revision(number as u64)));
            outcomes.remember(TENANT, token(number), Outcome::Made(Revision(number as u64)));
        }
        assert!(outcomes.get(TENANT, token(0)).is_none() && outcomes.get(TENANT, token(1)).is_some());
        assert_eq!((outcomes.by_token.len(), outcomes.in_order.len()), (OUTCOMES, OUTCOMES));
    }

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
