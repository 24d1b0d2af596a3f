//! What a commit may hold. Every backend applies the same limits before it looks at anything else.

use std::collections::HashSet;

use crate::{Change, Commit, StoreError};

/// The longest identifier in bytes.
pub const MAX_IDENTIFIER: usize = 1024;

/// The longest owner in bytes: more than any subject of a certificate that is mapped to one.
pub const MAX_OWNER: usize = 4096;

/// The largest body and terms of one record in bytes: an object of 1 MiB with 1,000 attributes, and room to spare.
pub const MAX_BODY: usize = 4 << 20;

/// The largest log entry in bytes: with its seal it stays under the 64 KiB a storage engine takes as one value.
pub const MAX_LOG_ENTRY: usize = 60 << 10;

/// All bodies, terms and log entries of one commit in bytes: it becomes durable in one piece.
pub const MAX_COMMIT: usize = 32 << 20;

/// Checks a commit against the limits, and that it names each record once.
///
/// # Errors
/// [`StoreError::TooLarge`] names the part; [`StoreError::Failed`] an empty identifier or one that is named twice.
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
        }
    }
    for entry in &commit.log {
        within(|| "a log entry".into(), entry.len(), MAX_LOG_ENTRY)?;
    }
    within(|| "the commit".into(), commit.size(), MAX_COMMIT)
}

fn within(what: impl FnOnce() -> String, size: usize, limit: usize) -> Result<(), StoreError> {
    if size > limit { Err(StoreError::TooLarge { what: what(), size, limit }) } else { Ok(()) }
}

impl Commit {
    /// What counts towards [`MAX_COMMIT`]: bodies, terms and log entries in bytes.
    pub fn size(&self) -> usize {
        let changes: usize = self.changes.iter().map(Change::size).sum();
        changes + self.log.iter().map(Vec::len).sum::<usize>()
    }
}

impl Change {
    fn size(&self) -> usize {
        match self {
            Self::Put(put) => put.body.len() + put.terms.iter().map(|term| 8 + term.value.len()).sum::<usize>(),
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
