//! The condition of the store: told when it changes, not with every request.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use store::StoreError;
use tracing::{error, info, warn};

/// What the store was found to be last, and since when.
#[derive(Debug, Default)]
pub struct Health(Mutex<Option<Trouble>>);

#[derive(Debug)]
struct Trouble {
    condition: Condition,
    since: Instant,
}

/// Why a store takes no writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    /// The disk is full: it goes on when there is room.
    Full,
    /// A write failed: it goes on after a restart.
    ReadOnly,
    /// Anything else, such as a file system that cannot be examined.
    Failing,
}

impl Condition {
    fn of(error: &StoreError) -> Self {
        match error {
            StoreError::Full => Self::Full,
            StoreError::ReadOnly(_) => Self::ReadOnly,
            _ => Self::Failing,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::ReadOnly => "read-only",
            Self::Failing => "failing",
        }
    }

    fn outlook(self) -> &'static str {
        match self {
            Self::Full => "writes are refused until there is room, reads go on",
            // What releases material must be in the log first, and the log is written to no more.
            Self::ReadOnly => "writes, and reads of key material, are refused until a restart; other reads go on",
            Self::Failing => "writes are refused meanwhile",
        }
    }
}

impl Health {
    /// Takes note of whether the store takes writes, and logs it when that has changed.
    ///
    /// # Errors
    /// The condition by name, since when, and its cause, for `/readyz`.
    pub fn observe(&self, writable: Result<(), StoreError>) -> Result<(), String> {
        let mut trouble = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cause = match writable {
            Ok(()) => {
                if let Some(Trouble { condition, since }) = trouble.take() {
                    info!(seconds = since.elapsed().as_secs(), "the store takes writes again; it was {}", condition.name());
                }
                return Ok(());
            }
            Err(cause) => cause,
        };
        let condition = Condition::of(&cause);
        if trouble.as_ref().is_none_or(|trouble| trouble.condition != condition) {
            let (name, outlook) = (condition.name(), condition.outlook());
            match condition {
                Condition::Full => warn!(%cause, "the store is {name}: {outlook}"),
                Condition::ReadOnly | Condition::Failing => error!(%cause, "the store is {name}: {outlook}"),
            }
            *trouble = Some(Trouble { condition, since: Instant::now() });
        }
        let seconds = trouble.as_ref().map_or(0, |trouble| trouble.since.elapsed().as_secs());
        Err(format!("{} since {seconds} s: {cause}; {}", condition.name(), condition.outlook()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_named_with_its_cause_and_ends() {
        let health = Health::default();
        assert_eq!(health.observe(Ok(())), Ok(()));
        let full = health.observe(Err(StoreError::Full)).unwrap_err();
        assert!(
            full.starts_with("full since 0 s: no space left on the device; writes are refused until there is room"),
            "{full}"
        );
        let failed = health.observe(Err(StoreError::ReadOnly("syncing the journal: EIO".to_owned()))).unwrap_err();
        assert!(failed.contains("reads of key material, are refused"), "{failed}");
        assert!(failed.starts_with("read-only since 0 s: ") && failed.contains("EIO") && failed.contains("restart"), "{failed}");
        assert_eq!(health.observe(Ok(())), Ok(()));
        assert!(health.0.lock().unwrap().is_none());
    }
}
