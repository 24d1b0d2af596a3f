//! The names of a directory, and which of them the next power cut may take back.

use super::Random;
use super::disk::Survival;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// One operation on a directory: names that point to an inode from now on, or to nothing. It survives whole or not at all.
pub(super) type Operation = Vec<(OsString, Option<u64>)>;

#[derive(Clone, Debug, Default)]
pub(super) struct Directory {
    names: BTreeMap<OsString, u64>,
    durable: BTreeMap<OsString, u64>,
    unsynced: Vec<Operation>,
}

impl Directory {
    pub(super) fn find(&self, name: &OsStr) -> Option<u64> {
        self.names.get(name).copied()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = (&OsString, u64)> {
        self.names.iter().map(|(name, inode)| (name, *inode))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    pub(super) fn apply(&mut self, operation: Operation) {
        change(&mut self.names, &operation);
        self.unsynced.push(operation);
    }

    /// fsync of the directory: the names are durable.
    pub(super) fn sync(&mut self) {
        self.unsynced.drain(..).for_each(|operation| change(&mut self.durable, &operation));
    }

    /// What a power cut leaves becomes what the directory holds, durably.
    pub(super) fn cut(&mut self, survival: Survival, random: &mut Random) {
        let all = self.unsynced.len();
        let survivors = match survival {
            Survival::Nothing => 0,
            Survival::Some => random.below(all as u64 + 1) as usize,
            Survival::All => all,
        };
        self.unsynced.truncate(survivors);
        self.sync();
        self.names.clone_from(&self.durable);
    }
}

fn change(names: &mut BTreeMap<OsString, u64>, operation: &Operation) {
    for (name, inode) in operation {
        match inode {
            Some(inode) => names.insert(name.clone(), *inode),
            None => names.remove(name),
        };
    }
}
