//! Commits, and what became of those of which the store cannot say whether they were made.
//!
//! A store on another machine may break off while it commits. Every commit therefore has a token, by which the store is asked
//! what became of it. What was made is a success; what was not made is done again from load on. Where the store does not answer
//! that either, the client gets General Failure: then the change may have been made or not, and nothing else. It was never made
//! twice or in part. The client looks (Locate, Get Attributes) before it tries again; the log of the server says for each such
//! commit that its outcome is not known, and what was made has its own entry in the audit log.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use store::{Commit, Revision, Store, StoreError, Tenant, Token};

use crate::engine::Engine;

/// How often a request is tried again because another request changed its objects meanwhile, or took its names.
pub(crate) const CONFLICT_RETRIES: usize = 64;

/// The pauses before each question what became of a commit, in milliseconds. In all well below the time a client waits.
const SETTLE_PAUSES_MS: [u64; 5] = [0, 50, 250, 1_000, 3_000];

/// What became of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Committed {
    /// It is durable.
    Made,
    /// Nothing of it is: the request has to be tried again from load on.
    NotMade,
}

impl<S: Store> Engine<S> {
    /// Commits, and finds out what became of the commit if need be.
    ///
    /// # Errors
    /// Those of the store, but for Conflict and Taken; Unknown Outcome only where the store cannot be asked.
    pub(crate) async fn commit(&self, tenant: Tenant, mut commit: Commit) -> Result<Committed, StoreError> {
        let token = self.token();
        commit.token = token;
        let telling = self.channels.begin_commit();
        let notices = if telling.is_some() { self.notices(tenant, &commit).await } else { Vec::new() };
        let revision = match self.store.commit(tenant, commit).await {
            Ok(revision) => Some(revision),
            Err(StoreError::Conflict { .. } | StoreError::Taken { .. }) => None,
            Err(StoreError::UnknownOutcome { cause }) => self.settle(tenant, token, cause).await?,
            Err(error) => return Err(error),
        };
        if let (Some(telling), Some(revision)) = (telling, revision) {
            telling.made(revision, tenant, notices);
        }
        Ok(if revision.is_some() { Committed::Made } else { Committed::NotMade })
    }

    /// Logs what changed nothing. Entries of which the store cannot tell whether it took them are given to it again, in a
    /// commit whose outcome can be found out: an entry may be there twice, but is not missing.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn log(&self, tenant: Tenant, entries: impl Fn() -> Vec<Vec<u8>>) -> Result<(), StoreError> {
        match self.store.log(tenant, entries()).await {
            Err(StoreError::UnknownOutcome { .. }) => {
                for _ in 0..CONFLICT_RETRIES {
                    match self.commit(tenant, Commit { log: entries(), ..Commit::default() }).await? {
                        Committed::Made => return Ok(()),
                        Committed::NotMade => {}
                    }
                }
                Err(StoreError::Failed { what: "writing to the log".into(), cause: "no commit was made".into() })
            }
            logged => logged,
        }
    }

    /// The revision of a commit that was made; `None`: it was not.
    async fn settle(&self, tenant: Tenant, token: Option<Token>, mut cause: String) -> Result<Option<Revision>, StoreError> {
        let Some(token) = token else { return Err(StoreError::UnknownOutcome { cause }) };
        for pause in SETTLE_PAUSES_MS {
            if pause > 0 {
                self.environment.clock.sleep(Duration::from_millis(pause)).await;
            }
            match self.store.settle(tenant, token).await {
                Ok(settled) => return Ok(settled),
                Err(error) => {
                    tracing::warn!(%error, %cause, "the store cannot tell yet whether a commit was made");
                    cause = error.to_string();
                }
            }
        }
        tracing::error!(%cause, "the outcome of a commit is unknown");
        Err(StoreError::UnknownOutcome { cause })
    }

    /// Without random bytes there is no token: a commit that succeeds or fails needs none. Nor does one whose outcome is always known.
    fn token(&self) -> Option<Token> {
        if !self.store.has_unknown_outcomes() {
            return None;
        }
        let mut bytes = [0; 16];
        let filled = catch_unwind(AssertUnwindSafe(|| self.environment.random.fill(&mut bytes).is_ok())).unwrap_or(false);
        filled.then_some(Token(bytes))
    }
}
