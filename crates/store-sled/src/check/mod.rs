//! Reading everything a store has: `kmipd db check`.
//!
//! What must be there is told twice over: by the snapshot with the frames behind it, and by the saved index with the frames
//! behind that. sled is compared with it record by record. What is found is told with what it means for who runs the store:
//! whether the next start makes it good by itself, or a backup is needed.

mod closed;
mod compare;
mod in_use;

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use store::index::{Index, Place};
use store::sealing::{Keyring, RootKey, decode_record, revision_of};
use store::{Revision, StoreError};

use crate::head::Head;
use crate::layout::{self, Number};
use crate::snapshot::Snapshot;
use crate::{OpenError, Options, SledStore, files, history, log_stream, saved_index, snapshot};

/// How many findings about single records are reported one by one.
const MAX_REPORTS: usize = 1000;

/// What a finding means for who runs the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// Nothing is lost, and nothing is to be done: everything that is damaged is made again from what is whole.
    Heals,
    /// What is damaged is nowhere else.
    NeedsBackup,
}

impl fmt::Display for Consequence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Heals => "heals by itself at the next start",
            Self::NeedsBackup => "needs a backup",
        })
    }
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which file, record or entry.
    pub what: String,
    /// What was found.
    pub cause: String,
    /// What it means.
    pub consequence: Consequence,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {} ({})", self.what, self.cause, self.consequence)
    }
}

/// What a check read, and what it found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How many records the store must hold.
    pub records: u64,
    /// How many frames of the journal are as they were written.
    pub frames: u64,
    /// How many records the snapshot has; `None`: there is none yet.
    pub snapshot_records: Option<u64>,
    /// How many records the saved index has; `None`: there is none yet.
    pub index_records: Option<u64>,
    /// How many records sled has.
    pub sled_records: u64,
    /// How many entries of the log stream are as they were written.
    pub log_entries: u64,
    /// What is not as it was written; of single records, the first thousand.
    pub findings: Vec<Finding>,
    /// How many further findings there are.
    pub unreported: u64,
}

impl Report {
    /// Whether everything is as it was written.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether anything was found that a start does not make good.
    pub fn needs_backup(&self) -> bool {
        self.findings.iter().any(|finding| finding.consequence == Consequence::NeedsBackup)
    }

    fn add(&mut self, what: impl Into<String>, cause: impl ToString, consequence: Consequence) {
        if self.findings.len() < MAX_REPORTS {
            self.findings.push(Finding { what: what.into(), cause: cause.to_string(), consequence });
        } else {
            self.unreported += 1;
        }
    }
}

/// How far a check has come.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// What is being read.
    pub what: &'static str,
    /// How much of it was read ...
    pub done: u64,
    /// ... of how much, if that is known.
    pub all: Option<u64>,
    /// Of what: "records", "frames", "bytes".
    pub unit: &'static str,
}

/// Reads everything that a closed store has, and compares it.
///
/// Nothing is changed: what a start would cut off or make again is only told. sled is opened, though, and may tidy up its own
/// files as it does at any start.
///
/// # Errors
/// [`OpenError::Absent`], [`OpenError::Locked`], [`OpenError::WrongRootKey`], [`OpenError::NewerFormat`], and
/// [`OpenError::Failed`] when reading itself fails. Damage is no error, but a finding.
pub fn check(directory: &Path, root: &RootKey, options: &Options, progress: &mut dyn FnMut(Step)) -> Result<Report, OpenError> {
    if !SledStore::exists(directory) {
        return Err(OpenError::Absent(directory.into()));
    }
    let _lock = files::lock(directory)?;
    let mut report = Report::default();
    let keyring = match files::read_keys(directory, root) {
        Ok((keyring, lost)) => {
            if let Some(lost) = lost.filter(|lost| !lost.is_new) {
                let what = format!("a copy of the key file, {}", lost.path(directory).display());
                report.add(what, &lost.cause, Consequence::Heals);
            }
            keyring
        }
        Err(OpenError::Damaged { what, cause }) => {
            let cause = format!("{cause}; without it nothing else can be read");
            report.add(what, cause, Consequence::NeedsBackup);
            return Ok(report);
        }
        Err(other) => return Err(other),
    };
    let mut check = Check { directory, keyring: &keyring, options, report, progress };
    check.run()?;
    Ok(check.report)
}

struct Check<'a> {
    directory: &'a Path,
    keyring: &'a Keyring,
    options: &'a Options,
    report: Report,
    progress: &'a mut dyn FnMut(Step),
}

/// The revision of every record there must be.
type Expected = HashMap<Number, Revision>;

/// What is damaged, and how.
type Damage = (String, String);

impl Check<'_> {
    fn tell(&mut self, what: &'static str, unit: &'static str, done: u64, all: Option<u64>) {
        (self.progress)(Step { what, done, all, unit });
    }

    /// The newest file of a kind.
    fn newest(&self, directory: PathBuf, extension: &str) -> Result<Option<PathBuf>, OpenError> {
        let failed = |cause| OpenError::failed(format!("reading {}", directory.display()), cause);
        let mut paths = Vec::new();
        let entries = match fs::read_dir(&directory) {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|found| found == extension) {
                paths.push(path);
            }
        }
        // Their names are numbers of one length.
        Ok(paths.into_iter().max())
    }

    /// Reads the newest snapshot: which record it has in which revision.
    #[expect(clippy::type_complexity, reason = "used once")]
    fn snapshot(&mut self) -> Result<(Option<(Snapshot, Expected)>, Option<Damage>), OpenError> {
        let Some(path) = self.newest(files::snapshots(self.directory), snapshot::EXTENSION)? else { return Ok((None, None)) };
        let name = format!("the snapshot {}", path.display());
        let read = snapshot::open(&path, self.keyring).map_err(OpenError::from).and_then(|(found, _)| {
            let mut expected = Expected::new();
            let (keyring, all) = (self.keyring, found.head.count);
            snapshot::read::<OpenError>(&found, keyring, |number, sealed| {
                let revision = verify(keyring, number, sealed)?;
                expected.insert(number, revision);
                let done = expected.len() as u64;
                (self.progress)(Step { what: "snapshot", done, all: Some(all.max(done)), unit: "records" });
                Ok(())
            })?;
            Ok((found, expected))
        });
        match read {
            Ok((found, expected)) => {
                self.report.snapshot_records = Some(expected.len() as u64);
                Ok((Some((found, expected)), None))
            }
            Err(OpenError::Damaged { what, cause }) if what == "the snapshot" => Ok((None, Some((name, cause)))),
            Err(OpenError::Damaged { what, cause }) => Ok((None, Some((name, format!("{what}: {cause}"))))),
            Err(other) => Err(other),
        }
    }

    #[expect(clippy::type_complexity, reason = "used once")]
    fn saved_index(&mut self) -> Result<(Option<(Head, Index)>, Option<Damage>), OpenError> {
        let Some(path) = self.newest(files::indexes(self.directory), saved_index::EXTENSION)? else { return Ok((None, None)) };
        self.tell("saved index", "records", 0, None);
        match saved_index::read_one(&path, self.keyring).map_err(OpenError::from) {
            Ok((head, index, _)) => {
                self.report.index_records = Some(index.len() as u64);
                Ok((Some((head, index)), None))
            }
            Err(OpenError::Damaged { cause, .. }) => Ok((None, Some((format!("the saved index {}", path.display()), cause)))),
            Err(other) => Err(other),
        }
    }

    fn damaged_log(&mut self, found: log_stream::Check) -> Result<(), OpenError> {
        self.report.unreported += found.damaged - found.damages.len() as u64;
        for damage in found.damages {
            match damage {
                StoreError::Damaged { what, cause } => self.report.add(what, cause, Consequence::NeedsBackup),
                other => return Err(other.into()),
            }
        }
        Ok(())
    }
}

fn place(number: Number, revision: Revision) -> Place {
    Place { created: Revision(number.created), position: number.position, revision }
}

/// Opens a record and takes it apart; returns its revision.
fn verify(keyring: &Keyring, number: Number, sealed: &[u8]) -> Result<Revision, OpenError> {
    let place = place(number, revision_of(sealed).unwrap_or(Revision(0)));
    let opened = keyring.open(&layout::label(number.tenant, &place), sealed).and_then(|contents| decode_record(contents, true));
    opened.map_err(|error| OpenError::sealing(history::name(number), error))?;
    Ok(place.revision)
}
