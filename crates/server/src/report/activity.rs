//! What the audit log tells of objects: when each was obtained, used or found last.

use crate::audit_trail::Log;
use crate::database::Progress;
use audit::{Action, AuditRecord, Outcome};
use kmip::operation::Operation;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use store::{Store, Tenant};
use tokio::runtime::Handle;

/// What an operation is to an object that its record names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Its material was given out.
    Obtained,
    /// A search for few found it.
    Located,
    /// Anything else that was done with it by somebody who knew it.
    Used,
    /// It was made, so that it is there.
    Made,
}

/// What an operation is to the object that its record names at a place: the first is what it was about.
pub(super) fn act(operation: u32, place: usize) -> Act {
    match Operation(operation) {
        Operation::Get | Operation::Export if place == 0 => Act::Obtained,
        Operation::Locate => Act::Located,
        Operation::Create | Operation::CreateKeyPair | Operation::Register | Operation::Import | Operation::CreateSplitKey => {
            Act::Made
        }
        _ => Act::Used,
    }
}

/// When something was done last, in seconds since 1970.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) obtained: Option<i64>,
    pub(super) located: Option<i64>,
    pub(super) used: Option<i64>,
}

impl Seen {
    /// When anything was done last.
    pub(super) fn last(&self) -> Option<i64> {
        self.obtained.max(self.located).max(self.used)
    }
}

/// When each object was seen last. By hash: a table of all identifiers would be several times as large.
#[derive(Debug, Default)]
pub(super) struct Activity {
    hasher: RandomState,
    seen: HashMap<u64, Seen>,
    /// When the oldest record was written, in microseconds.
    pub(super) begins_us: Option<i64>,
    pub(super) records: u64,
    pub(super) unreadable: u64,
}

impl Activity {
    /// Reads the whole log.
    pub(super) fn read<S: Store>(store: &S, runtime: &Handle, progress: &mut Progress) -> Result<Self, String> {
        let mut activity = Self::default();
        let mut log = Log { store, runtime, progress, what: "reading the audit log", next: 1 };
        loop {
            let page = log.page()?;
            if page.is_empty() {
                return Ok(activity);
            }
            for entry in &page {
                match AuditRecord::decode(&entry.entry) {
                    Ok(record) => activity.add(&record),
                    Err(_) => activity.unreadable += 1,
                }
            }
        }
    }

    fn add(&mut self, record: &AuditRecord) {
        self.records += 1;
        self.begins_us = self.begins_us.or(Some(record.time_us));
        let (Action::Operation(operation), Outcome::Success) = (&record.action, record.outcome) else { return };
        let time = record.time_us.div_euclid(1_000_000);
        for (place, identifier) in record.identifiers.iter().enumerate() {
            let act = act(*operation, place);
            if act == Act::Made {
                continue;
            }
            let key = self.hasher.hash_one((record.tenant, identifier.as_str()));
            let seen = self.seen.entry(key).or_default();
            let last = match act {
                Act::Obtained => &mut seen.obtained,
                Act::Located => &mut seen.located,
                Act::Used | Act::Made => &mut seen.used,
            };
            *last = (*last).max(Some(time));
        }
    }

    /// What the log knows of an object.
    pub(super) fn of(&self, tenant: Tenant, identifier: &str) -> Seen {
        self.seen.get(&self.hasher.hash_one((tenant.0, identifier))).copied().unwrap_or_default()
    }
}
