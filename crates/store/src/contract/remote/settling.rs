//! A caller of an unreliable store who finds out what became of every commit.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::client::random_token;
use super::{INJECTED_CONFLICT, RemoteStore};
use crate::{Change, Commit, Found, LogRecord, Page, Put, Query, Record, Revision, Store, StoreError, Tenant, Token};

/// Clients of one store, used in turn, so that each request comes by another way than the one before. Settles every unknown
/// outcome and tries again what met a conflict that was injected: what is left are the answers of the store.
#[derive(Debug)]
pub struct Settling {
    clients: Vec<RemoteStore>,
    turn: AtomicUsize,
    /// How many outcomes were unknown and how many conflicts injected.
    troubles: AtomicUsize,
}

impl Settling {
    /// A caller with these clients, at least one.
    pub fn new(clients: Vec<RemoteStore>) -> Self {
        Self { clients, turn: AtomicUsize::new(0), troubles: AtomicUsize::new(0) }
    }

    /// How many outcomes were unknown and how many conflicts injected until now.
    pub fn troubles(&self) -> usize {
        self.troubles.load(Ordering::Relaxed)
    }

    fn client(&self) -> &RemoteStore {
        &self.clients[self.turn.fetch_add(1, Ordering::Relaxed) % self.clients.len()]
    }
}

/// A commit to send again.
fn copy(commit: &Commit, token: Token) -> Commit {
    let copy = |change: &Change| match change {
        Change::Put(put) => Change::Put(Put {
            identifier: put.identifier.clone(),
            owner: put.owner.clone(),
            expected: put.expected,
            body: put.body.clone(),
            terms: put.terms.clone(),
            numbers: put.numbers.clone(),
        }),
        Change::Remove { identifier, expected } => Change::Remove { identifier: identifier.clone(), expected: *expected },
    };
    let changes = commit.changes.iter().map(copy).collect();
    Commit { token: Some(token), guards: commit.guards.clone(), changes, log: commit.log.clone() }
}

impl Store for Settling {
    async fn load(&self, tenant: Tenant, identifiers: &[&str]) -> Result<Vec<Option<Record>>, StoreError> {
        self.client().load(tenant, identifiers).await
    }

    async fn find(&self, tenant: Tenant, query: &Query, page: Page) -> Result<Found, StoreError> {
        self.client().find(tenant, query, page).await
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        self.client().tenants().await
    }

    async fn commit(&self, tenant: Tenant, commit: Commit) -> Result<Revision, StoreError> {
        loop {
            let token = random_token()?;
            match self.client().commit(tenant, copy(&commit, token)).await {
                Err(StoreError::Conflict { identifier }) if identifier == INJECTED_CONFLICT => {}
                Err(StoreError::UnknownOutcome { .. }) => {
                    if let Some(revision) = self.client().settle(tenant, token).await? {
                        self.troubles.fetch_add(1, Ordering::Relaxed);
                        return Ok(revision);
                    }
                }
                answered => return answered,
            }
            self.troubles.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn settle(&self, tenant: Tenant, token: Token) -> Result<Option<Revision>, StoreError> {
        self.client().settle(tenant, token).await
    }

    async fn read_log(&self, from: u64, limit: usize) -> Result<Vec<LogRecord>, StoreError> {
        self.client().read_log(from, limit).await
    }

    async fn drop_log(&self, before: u64) -> Result<(), StoreError> {
        self.client().drop_log(before).await
    }

    fn writable(&self) -> Result<(), StoreError> {
        self.clients.iter().try_for_each(Store::writable)
    }
}
