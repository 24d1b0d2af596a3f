//! What a commit may hold. Every backend applies the same limits before it looks at anything else.

use std::collections::HashSet;

use crate::index::NUMBER;
use crate::{Change, Commit, StoreError, Term};

/// The longest identifier in bytes.
pub const MAX_IDENTIFIER: usize = 1024;

/// The longest owner in bytes: more than any subject of a certificate that is mapped to one.
pub const MAX_OWNER: usize = 4096;

/// The largest body, terms and numbers of one record in bytes: an object of 1 MiB with 1,000 attributes, and room to spare.
pub const MAX_BODY: usize = 4 << 20;

/// How many terms and numbers one record may have, and how many guards one commit: an object of 1,000 attributes with several
/// of them each.
pub const MAX_FACETS: usize = 10_000;

/// The largest log entry in bytes: with its seal it stays under the 64 KiB a storage engine takes as one value.
pub const MAX_LOG_ENTRY: usize = 60 << 10;

/// All bodies, terms, numbers, guards and log entries of one commit in bytes: it becomes durable in one piece.
pub const MAX_COMMIT: usize = 32 << 20;

/// Checks a commit against the limits, and that it names each record once.
///
/// # Errors
/// [`StoreError::TooLarge`] names the part; [`StoreError::Failed`] too many of something, an empty identifier or one that is
/// named twice.
pub fn check_limits(commit: &Commit) -> Result<(), StoreError> {
    let mut identifiers = HashSet::with_capacity(commit.changes.len());
    for change in &commit.changes {
        let identifier = change.identifier();
        within(|| "an identifier".into(), identifier.len(), MAX_IDENTIFIER)?;
        if identifier.is_empty() || !identifiers.insert(identifier) {
            let cause =
                if identifier.is_empty() { "an identifier is empty".into() } else { format!("{identifier} is named twice") };
            return Err(StoreError::Failed { what: "checking a commit".into(), cause });
        }
        if let Change::Put(put) = change {
            within(|| format!("the owner of {identifier}"), put.owner.len(), MAX_OWNER)?;
            within(|| identifier.into(), change.size(), MAX_BODY)?;
            few(|| format!("{identifier} has"), put.terms.len() + put.numbers.len(), "terms and numbers")?;
        }
    }
    few(|| "the commit has".into(), commit.guards.len(), "guards")?;
    for guard in &commit.guards {
        within(|| "the owner of a guard".into(), guard.owner.len(), MAX_OWNER)?;
    }
    for entry in &commit.log {
        within(|| "a log entry".into(), entry.len(), MAX_LOG_ENTRY)?;
    }
    within(|| "the commit".into(), commit.size(), MAX_COMMIT)
}

fn within(what: impl FnOnce() -> String, size: usize, limit: usize) -> Result<(), StoreError> {
    if size > limit { Err(StoreError::TooLarge { what: what(), size, limit }) } else { Ok(()) }
}

fn few(what: impl FnOnce() -> String, count: usize, of: &str) -> Result<(), StoreError> {
    if count <= MAX_FACETS {
        return Ok(());
    }
    let cause = format!("{} {count} {of}; the store takes {MAX_FACETS}", what());
    Err(StoreError::Failed { what: "checking a commit".into(), cause })
}

fn term_size(term: &Term) -> usize {
    8 + term.value.len()
}

impl Commit {
    /// What counts towards [`MAX_COMMIT`]: bodies, terms, numbers, guards and log entries in bytes.
    pub fn size(&self) -> usize {
        let changes: usize = self.changes.iter().map(Change::size).sum();
        let guards: usize = self.guards.iter().map(|guard| guard.owner.len() + term_size(&guard.term)).sum();
        changes + guards + self.log.iter().map(Vec::len).sum::<usize>()
    }
}

impl Change {
    fn size(&self) -> usize {
        match self {
            Self::Put(put) => put.body.len() + put.terms.iter().map(term_size).sum::<usize>() + put.numbers.len() * NUMBER,
            Self::Remove { .. } => 0,
        }
    }

    /// The record that is changed.
    pub fn identifier(&self) -> &str {
        match self {
            Self::Put(put) => &put.identifier,
            Self::Remove { identifier, .. } => identifier,
        }
    }

    /// The revision the caller saw; `None`: the record must not exist.
    pub fn expected(&self) -> Option<crate::Revision> {
        match self {
            Self::Put(put) => put.expected,
            Self::Remove { expected, .. } => Some(*expected),
        }
    }
}
