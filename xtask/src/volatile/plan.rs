//! What is to go wrong, and how many operations there have been.

use fuser::Errno;
use std::fmt;

/// Kinds of operations that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// write, fallocate and truncate.
    Write,
    /// fsync and fdatasync, of files and directories.
    Sync,
    /// rename.
    Rename,
    /// open, create and mkdir.
    Open,
}

/// All of them, in the order in which they are counted.
pub(crate) const CLASSES: [Class; 4] = [Class::Write, Class::Sync, Class::Rename, Class::Open];

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// EIO.
    InputOutput,
    /// ENOSPC.
    NoSpace,
    /// Half of a write is done and counted; the next write fails with ENOSPC.
    Short,
}

/// The operation that is to fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) class: Class,
    /// Which one of its class, from 1.
    pub(crate) number: u64,
    pub(crate) kind: Kind,
}

impl fmt::Display for Class {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Write => "write",
            Self::Sync => "fsync",
            Self::Rename => "rename",
            Self::Open => "open",
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::InputOutput => "EIO",
            Self::NoSpace => "ENOSPC",
            Self::Short => "short",
        })
    }
}

/// Counts operations and says which of them fail. A copy of a disk starts without one.
#[derive(Debug, Default)]
pub(super) struct Plan {
    counts: [u64; CLASSES.len()],
    fault: Option<Fault>,
    /// The write after a short one fails.
    short_was: bool,
    /// What was made to fail, for the report.
    pub(super) fired: Vec<String>,
    /// Changes that are still let through before the power fails.
    changes_left: Option<u64>,
    off: bool,
}

/// What becomes of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Go,
    /// Only half of the write.
    Half,
}

impl Plan {
    /// Counts from here on, and lets one operation fail.
    pub(super) fn arm(&mut self, fault: Option<Fault>) {
        *self = Self { fault, ..Self::default() };
    }

    /// The power fails after so many more changes.
    pub(super) fn cut_after(&mut self, changes: u64) {
        self.changes_left = Some(changes);
    }

    /// The power fails now.
    pub(super) fn cut(&mut self) {
        self.off = true;
    }

    pub(super) fn is_off(&self) -> bool {
        self.off
    }

    pub(super) fn counts(&self) -> [u64; CLASSES.len()] {
        self.counts
    }

    /// Before anything that changes nothing.
    pub(super) fn read(&self) -> Result<(), Errno> {
        if self.off { Err(Errno::EIO) } else { Ok(()) }
    }

    /// Before a change of no class.
    pub(super) fn change(&mut self) -> Result<(), Errno> {
        match &mut self.changes_left {
            Some(0) => self.off = true,
            Some(left) => *left -= 1,
            None => {}
        }
        self.read()
    }

    /// Before an operation of a class.
    pub(super) fn admit(&mut self, class: Class, what: impl FnOnce() -> String) -> Result<Verdict, Errno> {
        self.change()?;
        let count = &mut self.counts[class as usize];
        *count += 1;
        if class == Class::Write && std::mem::take(&mut self.short_was) {
            self.fired.push(format!("then ENOSPC: write {}", what()));
            return Err(Errno::ENOSPC);
        }
        let Some(fault) = self.fault.take_if(|fault| fault.class == class && fault.number == *count) else {
            return Ok(Verdict::Go);
        };
        self.fired.push(format!("{}: {class} {}", fault.kind, what()));
        match fault.kind {
            Kind::InputOutput => Err(Errno::EIO),
            Kind::NoSpace => Err(Errno::ENOSPC),
            Kind::Short => {
                self.short_was = true;
                Ok(Verdict::Half)
            }
        }
    }
}
