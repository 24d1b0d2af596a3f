//! What the server asks of a store: records with revisions, atomic commits, and a log whose entries are hash-chained.
//!
//! The store knows nothing of KMIP. A record is an identifier, an owner, opaque bytes and the terms it can be found by.
//!
//! [`memory::MemoryStore`] forgets everything when it is dropped; durable backends are crates of their own. They share
//! the [`index`] that answers [`Store::find`], the hash chain of the [`log`], the [`sealing`] of what they write, and the
//! contract tests (module `contract`, feature `contract`).

#[cfg(any(test, feature = "contract"))]
pub mod contract;
pub mod index;
mod limits;
pub mod log;
pub mod memory;
pub mod sealing;

pub use limits::{MAX_BODY, MAX_COMMIT, MAX_FACETS, MAX_IDENTIFIER, MAX_LOG_ENTRY, MAX_OWNER, check_limits};

use std::future::Future;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A tenant. Every key of the store starts with it; one server without tenants uses [`Tenant::DEFAULT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenant(pub u32);

impl Tenant {
    /// The tenant of a server that does not tell tenants apart.
    pub const DEFAULT: Self = Self(0);
}

/// The number of the commit that wrote a record last: grows with every commit, never repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// One thing a record can be found by: a field and the bytes of its value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    /// Which field; the caller's own numbering (the dispatcher uses KMIP tags).
    pub field: u32,
    /// The canonical bytes of the value.
    pub value: Box<[u8]>,
}

/// A number a record can be found by, alone or in a range: a date in seconds, a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number {
    /// Which field; the caller's own numbering, as of [`Term::field`].
    pub field: u32,
    /// The value.
    pub value: i64,
}

/// Distinguishes a commit from all others, so that what became of it can be found out: 16 random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token(pub [u8; 16]);

/// A record as it was read.
#[derive(Debug)]
pub struct Record {
    /// The identifier, unique within its tenant.
    pub identifier: String,
    /// Whose it is.
    pub owner: String,
    /// The commit that wrote it last.
    pub revision: Revision,
    /// The commit that wrote it first: the order of creation.
    pub created: Revision,
    /// What the caller stored, wiped from memory when dropped.
    pub body: Zeroizing<Vec<u8>>,
}

/// One change of a commit.
#[derive(Debug)]
pub enum Change {
    /// Writes a record.
    Put(Put),
    /// Removes a record that has this revision.
    Remove {
        /// The identifier of the record.
        identifier: String,
        /// The revision the caller saw.
        expected: Revision,
    },
}

/// A record to write.
#[derive(Debug)]
pub struct Put {
    /// The identifier, 1 to 1,024 bytes.
    pub identifier: String,
    /// Whose it is.
    pub owner: String,
    /// The revision the caller saw; `None`: the record must not exist yet.
    pub expected: Option<Revision>,
    /// What to store.
    pub body: Zeroizing<Vec<u8>>,
    /// What it can be found by. Replaces all earlier terms of the record.
    pub terms: Vec<Term>,
    /// The numbers it can be found by. Replaces all earlier numbers of the record.
    pub numbers: Vec<Number>,
}

/// Something that must be so when a commit is made: no record but those the commit changes belongs to this owner and has
/// this term. Two commits that would give one name cannot both be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// Whose records.
    pub owner: String,
    /// What none of them may have.
    pub term: Term,
}

/// Changes and log entries that become durable and visible together, or not at all.
#[derive(Debug, Default)]
pub struct Commit {
    /// What tells the commit from others; needed where its outcome can be unknown ([`Store::settle`]). A commit is made at
    /// most once: a store that has seen the token not long ago answers as the first time, be it with the revision, with
    /// [`StoreError::Conflict`] or with [`StoreError::Taken`]. One that another call has settled as not made fails.
    pub token: Option<Token>,
    /// What must be so.
    pub guards: Vec<Guard>,
    /// The changes, of distinct identifiers.
    pub changes: Vec<Change>,
    /// Log entries, opaque to the store, in order. A commit may have only these.
    pub log: Vec<Vec<u8>>,
}

/// Which records to find: those that satisfy every condition.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Only records of this owner; `None`: of any.
    pub owner: Option<String>,
    /// Only records that have all these terms.
    pub terms: Vec<Term>,
    /// Only records that have, for each of these, a number in the range.
    pub ranges: Vec<Range>,
    /// Only records that have no number of any of these fields.
    pub without: Vec<u32>,
}

/// Numbers of a field from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Which field.
    pub field: u32,
    /// The least value.
    pub from: i64,
    /// The greatest value.
    pub to: i64,
}

impl Range {
    /// Every number of a field.
    #[must_use]
    pub const fn whole(field: u32) -> Self {
        Self { field, from: i64::MIN, to: i64::MAX }
    }
}

/// Which part of what a query finds is wanted. What is found is always in one order, the newest record first, so that a
/// search can go on where it stopped, whatever was written in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Only records that are older than this one.
    pub after: Option<Cursor>,
    /// How many at most; at least 1.
    pub limit: usize,
}

impl Page {
    /// The newest records.
    pub const fn first(limit: usize) -> Self {
        Self { after: None, limit }
    }
}

/// A position in the order of creation: the commit that made a record, and which change of that commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    /// The commit that wrote the record first.
    pub created: Revision,
    /// Which change of that commit it was, from 0.
    pub position: u32,
}

/// A page of what a query found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The identifiers, the newest record first.
    pub identifiers: Vec<String>,
    /// Where the next page begins; `None`: this was the last.
    pub next: Option<Cursor>,
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// Position in the log, from 1, without gaps.
    pub sequence: u64,
    /// SHA-256 over the previous entry's hash, the sequence (8 bytes, big-endian) and the entry.
    pub hash: [u8; 32],
    /// What the caller logged.
    pub entry: Vec<u8>,
}

/// Why a store refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A record has another revision than the caller saw, exists although it must not, or is gone.
    #[error("{identifier} was changed by another request")]
    Conflict {
        /// The record.
        identifier: String,
    },
    /// A record has a term that a guard of the commit forbids; nothing was written.
    #[error("another record has what the commit is about to give (field {field:06X})")]
    Taken {
        /// The field of the term.
        field: u32,
    },
    /// Whether the commit was made cannot be told: [`Store::settle`] finds out.
    #[error("the outcome of a commit is unknown: {cause}")]
    UnknownOutcome {
        /// What happened.
        cause: String,
    },
    /// Something is larger than the store takes; nothing was written.
    #[error("{what} has {size} bytes; the store takes {limit}")]
    TooLarge {
        /// Which part of the commit.
        what: String,
        /// Its size in bytes.
        size: usize,
        /// The largest size in bytes.
        limit: usize,
    },
    /// The disk is full: reads go on, writes are refused until there is room.
    #[error("no space left on the device")]
    Full,
    /// An earlier write failed; the store accepts no further ones.
    #[error("the store is read-only since a write failed: {0}")]
    ReadOnly(String),
    /// A record cannot be authenticated or decoded.
    #[error("{what} is damaged: {cause}")]
    Damaged {
        /// Which record or file.
        what: String,
        /// What was found.
        cause: String,
    },
    /// The files were written by a newer release.
    #[error("{0}")]
    NewerFormat(String),
    /// The operating system or the engine failed.
    #[error("{what}: {cause}")]
    Failed {
        /// What was being done.
        what: String,
        /// What happened.
        cause: String,
    },
}

/// A store of records, durable when a commit returns.
///
/// Asynchronous at its edge only: a backend whose reads are ready at once returns ready futures.
pub trait Store: Send + Sync + 'static {
    /// Reads records by identifier; absent ones are `None`. All from one moment in time.
    fn load(&self, tenant: Tenant, identifiers: &[&str]) -> impl Future<Output = Result<Vec<Option<Record>>, StoreError>> + Send;

    /// Does what the load of one record of about this length costs, and tells nothing: so that nobody can tell by the time of an answer
    /// that there was nothing to load. A backend whose loads cost nothing leaves it out.
    fn load_none(&self, _tenant: Tenant, _length: usize) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Finds identifiers, the newest record first, page by page. Costs grow with the records that satisfy the most
    /// selective condition, not with the number of records.
    fn find(&self, tenant: Tenant, query: &Query, page: Page) -> impl Future<Output = Result<Found, StoreError>> + Send;

    /// The tenants that have records, or had some, in order: for what the server does by itself.
    fn tenants(&self) -> impl Future<Output = Result<Vec<Tenant>, StoreError>> + Send;

    /// Makes changes and log entries durable, all or none, and returns the revision all changed records now have.
    fn commit(&self, tenant: Tenant, commit: Commit) -> impl Future<Output = Result<Revision, StoreError>> + Send;

    /// Whether a commit can end in [`StoreError::UnknownOutcome`], so that each is given a token to settle it by.
    fn has_unknown_outcomes(&self) -> bool {
        false
    }

    /// Finds out what became of a commit that ended in [`StoreError::UnknownOutcome`]: the revision it made, or `None`: it was
    /// not made and never will be, even if it is still on its way to the store. Called soon afterwards, with the token of the
    /// commit: a store remembers outcomes for a while only (the one in memory, the newest 100,000).
    ///
    /// A store in the same process always knows; what is here says so.
    fn settle(&self, _tenant: Tenant, _token: Token) -> impl Future<Output = Result<Option<Revision>, StoreError>> + Send {
        async { Err(StoreError::Failed { what: "settling a commit".into(), cause: "no outcome is unknown here".into() }) }
    }

    /// Takes log entries of what changed nothing. They are in the order of the commits around them, and durable soon: a
    /// backend need not sync for them alone, and says in its documentation how long it may take.
    fn log(&self, tenant: Tenant, entries: Vec<Vec<u8>>) -> impl Future<Output = Result<(), StoreError>> + Send {
        async move { self.commit(tenant, Commit { log: entries, ..Commit::default() }).await.map(|_| ()) }
    }

    /// Reads log entries from a sequence number on, at most `limit` of them. Entries that were dropped are not there: the
    /// first that is returned tells by its sequence number.
    fn read_log(&self, from: u64, limit: usize) -> impl Future<Output = Result<Vec<LogRecord>, StoreError>> + Send;

    /// Drops log entries before a sequence number. A backend may keep some of them: it drops whole files.
    fn drop_log(&self, before: u64) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Whether writes are accepted, for `/readyz`.
    fn writable(&self) -> Result<(), StoreError>;
}

/// A store that several parts of a server share.
impl<S: Store> Store for Arc<S> {
    async fn load(&self, tenant: Tenant, identifiers: &[&str]) -> Result<Vec<Option<Record>>, StoreError> {
        S::load(self, tenant, identifiers).await
    }

    async fn load_none(&self, tenant: Tenant, length: usize) {
        S::load_none(self, tenant, length).await;
    }

    async fn find(&self, tenant: Tenant, query: &Query, page: Page) -> Result<Found, StoreError> {
        S::find(self, tenant, query, page).await
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        S::tenants(self).await
    }

    async fn commit(&self, tenant: Tenant, commit: Commit) -> Result<Revision, StoreError> {
        S::commit(self, tenant, commit).await
    }

    async fn settle(&self, tenant: Tenant, token: Token) -> Result<Option<Revision>, StoreError> {
        S::settle(self, tenant, token).await
    }

    async fn log(&self, tenant: Tenant, entries: Vec<Vec<u8>>) -> Result<(), StoreError> {
        S::log(self, tenant, entries).await
    }

    async fn read_log(&self, from: u64, limit: usize) -> Result<Vec<LogRecord>, StoreError> {
        S::read_log(self, from, limit).await
    }

    async fn drop_log(&self, before: u64) -> Result<(), StoreError> {
        S::drop_log(self, before).await
    }

    fn writable(&self) -> Result<(), StoreError> {
        S::writable(self)
    }
}
