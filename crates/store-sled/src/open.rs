//! Making and opening a store.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use store::index::{Index, Place};
use store::sealing::{Keyring, KeyringError, RootKey, RootKeyIdentifier, SealingError, decode_record, revision_of};
use store::{Revision, StoreError};

use crate::anchor::Anchor;
use crate::engine::{Engine, EngineError, Writes};
use crate::head::{Head, Where};
use crate::layout::{self, Number};
use crate::shared::{Shared, open_log_record};
use crate::{SledStore, files};

/// How a store uses the machine.
#[derive(Clone, Debug)]
pub struct Options {
    /// How much memory sled may use to keep pages, in bytes.
    pub cache_bytes: u64,
    /// Commits are refused as [`StoreError::Full`] while the file system has less room than this, in bytes: sled must not
    /// meet a full disk, and a few segments of 16 MiB may be on their way.
    pub reserve_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 64 << 20, reserve_bytes: 64 << 20 }
    }
}

/// Why a store could not be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no store in the directory.
    #[error("there is no store in {}", .0.display())]
    Absent(PathBuf),
    /// There is one already.
    #[error("there is a store in {} already", .0.display())]
    Exists(PathBuf),
    /// Another process, or another part of this one, has it open.
    #[error("the store in {} is in use by another process", .0.display())]
    Locked(PathBuf),
    /// The store belongs to another root key.
    #[error("the store belongs to root key {expected}, not to root key {given}")]
    WrongRootKey {
        /// The root key it belongs to.
        expected: RootKeyIdentifier,
        /// The one that was given.
        given: RootKeyIdentifier,
    },
    /// A newer release wrote it.
    #[error("{what} was written by a newer release: {cause}")]
    NewerFormat {
        /// Which file or record.
        what: String,
        /// Which format, and which one this release knows.
        cause: String,
    },
    /// Something is missing, or not what was written.
    #[error("{what}: {cause}")]
    Damaged {
        /// Which file or record.
        what: String,
        /// What was found.
        cause: String,
    },
    /// The operating system or the engine failed.
    #[error("{what}: {cause}")]
    Failed {
        /// What was being done.
        what: String,
        /// What happened.
        cause: String,
    },
}

impl OpenError {
    pub(crate) fn failed(what: String, cause: impl ToString) -> Self {
        Self::Failed { what, cause: cause.to_string() }
    }

    fn sealing(what: impl Into<String>, error: SealingError) -> Self {
        let (what, cause) = (what.into(), error.to_string());
        match error {
            SealingError::NewerFormat(_) => Self::NewerFormat { what, cause },
            SealingError::Failed(_) => Self::Failed { what, cause },
            SealingError::Damaged(_) | SealingError::NoEpochKey(_) => Self::Damaged { what, cause },
        }
    }

    fn keyring(error: KeyringError) -> Self {
        let (what, cause) = ("the key file of the store".into(), error.to_string());
        match error {
            KeyringError::WrongRootKey { expected, given } => Self::WrongRootKey { expected, given },
            KeyringError::NewerFormat(_) => Self::NewerFormat { what, cause },
            KeyringError::Damaged(_) => Self::Damaged { what, cause },
            KeyringError::Random => Self::Failed { what, cause },
        }
    }
}

impl From<EngineError> for OpenError {
    fn from(error: EngineError) -> Self {
        let what = "reading sled's files".into();
        match error {
            EngineError::Damaged(cause) => Self::Damaged { what, cause },
            other => Self::failed(what, other),
        }
    }
}

/// A store that was opened; the writer is not running yet.
pub(crate) struct Opened {
    pub(crate) shared: Shared,
    pub(crate) head: Head,
    pub(crate) anchor: Anchor,
    pub(crate) lock: files::Lock,
}

pub(crate) fn create(
    directory: &Path,
    root: &RootKey,
    options: &Options,
    keys: impl FnOnce(Keyring) -> Keyring,
) -> Result<Opened, OpenError> {
    files::make_directory(directory)?;
    let lock = files::lock(directory)?;
    files::begin(directory)?;
    let (keyring, key_file) = Keyring::generate(root).map_err(OpenError::keyring)?;
    let keyring = keys(keyring);
    let engine = Engine::open(directory, options.cache_bytes)?;
    let head = Head::EMPTY;
    let sealed = head.seal(&keyring, Where::Engine).map_err(|error| OpenError::sealing("the head", error))?;
    engine.apply(&Writes { head: sealed, ..Writes::default() })?;
    engine.sync()?;
    let anchor = Anchor::create(directory, &keyring, &head)?;
    files::finish(directory, &key_file)?;
    let shared = Shared::new(engine, keyring, Index::new(), 0, directory, options.reserve_bytes);
    Ok(Opened { shared, head, anchor, lock })
}

pub(crate) fn open(directory: &Path, root: &RootKey, options: &Options) -> Result<Opened, OpenError> {
    if !SledStore::exists(directory) {
        return Err(OpenError::Absent(directory.into()));
    }
    let started = Instant::now();
    let lock = files::lock(directory)?;
    let keyring = Keyring::read(root, &files::read_keys(directory)?).map_err(OpenError::keyring)?;
    let engine = Engine::open(directory, options.cache_bytes)?;
    let sealed = engine.read_head()?;
    let sealed = sealed.ok_or_else(|| OpenError::Damaged { what: "the store".into(), cause: "its head is missing".into() })?;
    let head =
        Head::open(&keyring, Where::Engine, &sealed).map_err(|error| OpenError::sealing("the head of the store", error))?;
    let anchor = Anchor::open(directory, &keyring, &head)?;
    let index = read_records(&engine, &keyring, &head)?;
    check_log(&engine, &keyring, &head)?;
    tracing::info!(records = head.count, log = head.log.sequence, milliseconds = started.elapsed().as_millis(), "store opened");
    let shared = Shared::new(engine, keyring, index, head.log.sequence, directory, options.reserve_bytes);
    Ok(Opened { shared, head, anchor, lock })
}

/// Reads every record into the index and compares them with the head.
fn read_records(engine: &Engine, keyring: &Keyring, head: &Head) -> Result<Index, OpenError> {
    let mut index = Index::new();
    let mut found = Head { revision: head.revision, log: head.log.clone(), ..Head::EMPTY };
    let mut damage = Damage::default();
    let mut progress = Progress::new(head.count);
    engine.visit::<OpenError>(|number, sealed| {
        match read_record(keyring, number, sealed) {
            Ok((place, record)) if place.revision <= head.revision => {
                found.enter(keyring, number.tenant, &place);
                index.put(number.tenant, &record.identifier, &record.owner, place, &record.terms);
            }
            Ok(_) => damage.note(name(number), "it is newer than the head of the store"),
            Err(error @ OpenError::Damaged { .. }) => damage.note(name(number), error),
            Err(other) => return Err(other),
        }
        progress.advance();
        Ok(())
    })?;
    damage.report()?;
    let what = || "the store".into();
    if found.count != head.count {
        let cause = format!("sled has {} records, and the head of the store counts {}", found.count, head.count);
        return Err(OpenError::Damaged { what: what(), cause });
    }
    if found.set != head.set {
        let cause =
            "sled has as many records as the head counts, but not all of them in the version that was written last".into();
        return Err(OpenError::Damaged { what: what(), cause });
    }
    if index.len() as u64 != head.count {
        return Err(OpenError::Damaged { what: what(), cause: "two records have one identifier".into() });
    }
    Ok(index)
}

fn read_record(
    keyring: &Keyring,
    number: Number,
    sealed: Result<Vec<u8>, EngineError>,
) -> Result<(Place, store::sealing::DecodedRecord), OpenError> {
    let sealed = sealed?;
    let place = Place {
        created: Revision(number.created),
        position: number.position,
        revision: revision_of(&sealed).unwrap_or(Revision(0)),
    };
    let contents = keyring.open(&layout::label(number.tenant, &place), &sealed);
    let record = contents.and_then(|contents| decode_record(contents, true));
    Ok((place, record.map_err(|error| OpenError::sealing(name(number), error))?))
}

/// A record that cannot be opened has no identifier: where it was created names it.
fn name(number: Number) -> String {
    format!("the record created by commit {}, change {}, in tenant {}", number.created, number.position, number.tenant.0)
}

/// The log ends where the head says.
fn check_log(engine: &Engine, keyring: &Keyring, head: &Head) -> Result<(), OpenError> {
    let last = engine.last_log()?;
    let sequence = last.as_ref().map_or(0, |(sequence, _)| *sequence);
    if sequence != head.log.sequence {
        let cause = format!("its last entry is number {sequence}, and the head of the store counts {}", head.log.sequence);
        return Err(OpenError::Damaged { what: "the log".into(), cause });
    }
    let Some((_, sealed)) = last else { return Ok(()) };
    let record = open_log_record(keyring, sequence, &sealed);
    let record = record.map_err(|error| OpenError::sealing(format!("log entry {sequence}"), error))?;
    if record.hash != head.log.hash {
        return Err(OpenError::Damaged {
            what: "the log".into(),
            cause: "its last hash is not the one the head of the store has".into(),
        });
    }
    Ok(())
}

/// Damage is counted to the end, so that one start tells how much there is.
#[derive(Default)]
struct Damage {
    count: u64,
    first: Option<(String, String)>,
}

impl Damage {
    fn note(&mut self, what: String, cause: impl ToString) {
        let cause = cause.to_string();
        tracing::error!(%what, %cause, "damaged");
        self.count += 1;
        self.first.get_or_insert((what, cause));
    }

    fn report(self) -> Result<(), OpenError> {
        let Some((what, cause)) = self.first else { return Ok(()) };
        let others = if self.count > 1 { format!(" ({} more are damaged)", self.count - 1) } else { String::new() };
        Err(OpenError::Damaged { what, cause: format!("{cause}{others}") })
    }
}

/// Tells how far reading has come, every two seconds.
struct Progress {
    done: u64,
    all: u64,
    told: Instant,
}

impl Progress {
    fn new(all: u64) -> Self {
        Self { done: 0, all, told: Instant::now() }
    }

    fn advance(&mut self) {
        self.done += 1;
        if self.done.is_multiple_of(1024) && self.told.elapsed() >= Duration::from_secs(2) {
            self.told = Instant::now();
            tracing::info!(done = self.done, all = self.all, "reading records");
        }
    }
}

impl From<OpenError> for StoreError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::NewerFormat { .. } => Self::NewerFormat(error.to_string()),
            OpenError::Damaged { what, cause } => Self::Damaged { what, cause },
            other => Self::Failed { what: "opening the store".into(), cause: other.to_string() },
        }
    }
}
