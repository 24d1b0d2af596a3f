//! What an administrator does with the whole store: check it, export it, import into it. While the server runs its process does
//! it, else the command itself, on the files.

mod import;

use crate::audit_trail::{self, Filter};
use crate::config::{Config, StoreKind};
use crate::duties::Needed;
use crate::files::{self, SECRET};
use crate::live;
use crate::operated::OperatedStore;
use crate::report;
use import::{Import, Leave};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use store::sealing::RootKey;
use store::{Commit, StoreError, Tenant};
use store_sled::{OpenError, Report, SledStore, Step};
use tokio::runtime::Handle;

/// How often progress is told on a terminal, where the line is written over.
const REWRITTEN: Duration = Duration::from_millis(200);
/// How often it is told elsewhere, in a line of its own.
const REPEATED: Duration = Duration::from_secs(10);
/// How often a running server tells it to whoever asked.
const SENT: Duration = Duration::from_millis(500);

/// Why there is nothing to be done.
const IN_MEMORY: &str = "the store is in memory, and has no files (store.kind)";

/// Tells how far something has come.
pub struct Progress {
    to: To,
    told: Instant,
    /// A line was begun on the terminal.
    begun: bool,
}

/// Where progress is told.
enum To {
    Nobody,
    /// Standard error, where the line is written over.
    Terminal,
    /// Standard error, in lines.
    Lines,
    /// Whoever asked a running server.
    Somebody(Box<dyn FnMut(String) + Send>),
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Progress").field("begun", &self.begun).finish_non_exhaustive()
    }
}

impl Progress {
    /// For standard error as it is.
    #[must_use]
    pub fn new() -> Self {
        Self::to(if std::io::stderr().is_terminal() { To::Terminal } else { To::Lines })
    }

    /// Tells nothing.
    #[must_use]
    pub fn silent() -> Self {
        Self::to(To::Nobody)
    }

    /// Tells somebody else.
    #[must_use]
    pub fn through(tell: impl FnMut(String) + Send + 'static) -> Self {
        Self::to(To::Somebody(Box::new(tell)))
    }

    fn to(to: To) -> Self {
        Self { to, told: Instant::now(), begun: false }
    }

    fn tell_step(&mut self, step: &Step) {
        self.tell(step.what, step.done, step.all, step.unit);
    }

    /// Tells how far something has come, if it was not told just before.
    pub fn tell(&mut self, what: &str, done: u64, all: Option<u64>, unit: &str) {
        if self.is_due() {
            let part = all.map_or(String::new(), |all| format!(" of {all} ({} %)", done.saturating_mul(100) / all.max(1)));
            self.write(format!("{what}: {done}{part} {unit}"));
        }
    }

    /// Tells what a running server told, if nothing was told just before.
    pub fn repeat(&mut self, line: String) {
        if self.is_due() {
            self.write(line);
        }
    }

    fn is_due(&self) -> bool {
        let pause = match self.to {
            To::Nobody => return false,
            To::Terminal => REWRITTEN,
            To::Lines => REPEATED,
            To::Somebody(_) => SENT,
        };
        self.told.elapsed() >= pause
    }

    fn write(&mut self, line: String) {
        self.told = Instant::now();
        // Nobody may be reading; that is no reason to stop.
        match &mut self.to {
            To::Nobody => {}
            To::Terminal => {
                let _ = write!(std::io::stderr(), "\r\x1b[K{line}");
                self.begun = true;
            }
            To::Lines => {
                let _ = writeln!(std::io::stderr(), "{line}");
            }
            To::Somebody(tell) => tell(line),
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.begun {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

fn text(error: impl ToString) -> String {
    error.to_string()
}

/// What can be done with the whole store.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "work", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Work {
    /// Read everything and compare it.
    Check,
    /// Write all objects to a new file, sealed under a root key.
    Export {
        /// The file, with its absolute path.
        out: PathBuf,
        /// The root key of the server that will import it, if it is another.
        for_root_key: Option<PathBuf>,
        /// Leave out objects that are damaged, and name them.
        #[serde(default)]
        skip_damaged: bool,
        /// Export even if the audit log takes no record of it.
        #[serde(default)]
        unrecorded: bool,
    },
    /// Take over the objects of an export.
    Import {
        /// The file, with its absolute path.
        file: PathBuf,
        /// Leave out objects whose identifier exists.
        skip_existing: bool,
        /// Import objects whose name another object of their owner has.
        #[serde(default)]
        double_names: bool,
    },
    /// Recompute the chain of the audit log, and compare it with signed checkpoints.
    AuditVerify {
        /// The file of checkpoints, with its absolute path; none: the server's own.
        checkpoints: Option<PathBuf>,
        /// The public key that signed them, likewise.
        public_key: Option<PathBuf>,
    },
    /// Show records of the audit log.
    AuditShow {
        /// Which.
        filter: Filter,
    },
    /// Report about the objects.
    Report {
        /// What.
        ask: report::Ask,
    },
}

impl Work {
    /// Its name on the command line, and whose it is.
    #[must_use]
    pub const fn told(&self) -> (&'static str, Needed) {
        match self {
            Self::Check => ("db check", Needed::Administrator),
            Self::Export { .. } => ("db export", Needed::Administrator),
            Self::Import { .. } => ("db import", Needed::Administrator),
            Self::AuditVerify { .. } => ("audit verify", Needed::Either),
            Self::AuditShow { .. } => ("audit show", Needed::Auditor),
            // It tells who obtained a key, and when.
            Self::Report { ask: report::Ask { about: report::About::Impact { .. }, .. } } => ("report impact", Needed::Auditor),
            Self::Report { .. } => ("report", Needed::Either),
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// What there is to say.
    pub messages: Vec<String>,
    /// If anything is not as it was written: what to do.
    pub found: Option<String>,
}

impl Outcome {
    fn said(message: String) -> Self {
        Self { messages: vec![message], found: None }
    }
}

/// Does something with the store of a server that does not run, for somebody. The caller holds the lock of the server's folder.
///
/// # Errors
/// Why it was not done, or not all of it.
pub fn work_on_files(config: &Config, actor: &str, work: &Work) -> Result<Outcome, String> {
    if config.store.kind != StoreKind::Sled {
        return Err(IN_MEMORY.to_owned());
    }
    let key = RootKey::read_file(&config.store.root_key).map_err(text)?;
    let mut progress = Progress::new();
    if let Work::Check = work {
        let report = store_sled::check(&config.store.path, &key, &config.store.options(), &mut |step| progress.tell_step(&step));
        return Ok(told(config, &report.map_err(text)?));
    }
    let store = SledStore::open(&config.store.path, &key, &config.store.options()).map_err(|error| match error {
        OpenError::Damaged { .. } => format!("{error}; kmipd db check tells more"),
        other => other.to_string(),
    })?;
    drop(key);
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(text)?;
    work_on(&store, config, actor, work, runtime.handle(), &mut progress)
}

/// Makes an entry of the audit log durable in the store of a server that does not run. The caller holds the lock of its folder.
///
/// # Errors
/// Why it was not recorded: the store is in memory, there is none yet, it cannot be opened, or takes no writes.
pub fn note_on_files(config: &Config, entry: Vec<u8>) -> Result<(), String> {
    if config.store.kind != StoreKind::Sled {
        return Err(IN_MEMORY.to_owned());
    }
    let key = RootKey::read_file(&config.store.root_key).map_err(text)?;
    let store = SledStore::open(&config.store.path, &key, &config.store.options()).map_err(text)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(text)?;
    runtime.block_on(note(&store, entry)).map_err(text)
}

/// Does something with a store that is open, for somebody. Waits for the disk: never on a thread that serves sockets.
///
/// # Errors
/// Why it was not done, or not all of it.
pub fn work_on<S: OperatedStore>(
    store: &S,
    config: &Config,
    actor: &str,
    work: &Work,
    runtime: &Handle,
    progress: &mut Progress,
) -> Result<Outcome, String> {
    if config.store.kind != StoreKind::Sled {
        return Err(IN_MEMORY.to_owned());
    }
    let key = RootKey::read_file(&config.store.root_key).map_err(text)?;
    match work {
        Work::Check => {
            let report = store.check(&mut |step| progress.tell_step(&step)).map_err(text)?;
            Ok(told(config, &report))
        }
        Work::Export { out, for_root_key, skip_damaged, unrecorded } => {
            let given = for_root_key.as_deref().map(RootKey::read_file).transpose().map_err(text)?;
            let key = given.unwrap_or(key);
            let file = OpenOptions::new().write(true).create_new(true).mode(SECRET).open(out);
            let file = file.map_err(|error| format!("make {}: {error}", out.display()))?;
            let about = vec![out.display().to_string()];
            let record = live::administrative(actor, "db export", about, audit::Outcome::Success);
            // Who gets all keys is in the log before the keys are out.
            let recorded = runtime.block_on(note(store, record.encode()));
            let unrecorded = match recorded {
                Ok(()) => Ok(None),
                Err(cause) if *unrecorded => {
                    tracing::warn!(actor, out = %out.display(), %cause, "ALL OBJECTS ARE EXPORTED WITHOUT A RECORD IN THE AUDIT LOG");
                    Ok(Some(format!("the audit log has no record of this export: {cause}")))
                }
                Err(cause) => Err(format!("the audit log takes no record of it: {cause}; --unrecorded exports all the same")),
            };
            let mut damaged = Vec::new();
            let exported = unrecorded.and_then(|unrecorded| {
                let skipped = skip_damaged.then_some(&mut damaged);
                let exported = export(store, &file, out, &key, skipped, progress)?;
                Ok(unrecorded.into_iter().chain([exported]).collect::<Vec<_>>())
            });
            let outcome = exported.map(|mut messages| {
                messages.extend(damaged.iter().map(|damaged| format!("MISSING {damaged}")));
                let found = match damaged.len() {
                    0 => None,
                    count => {
                        Some(format!("{count} damaged object(s) are not in the export; kmipd db check tells what can be done"))
                    }
                };
                Outcome { messages, found }
            });
            outcome.map_err(|error| {
                // A part of an export is of no use, and says so when it is read.
                let _ = std::fs::remove_file(out);
                format!("nothing was exported: {error}")
            })
        }
        Work::Import { file, skip_existing, double_names } => {
            let may = Leave { skip_existing: *skip_existing, double_names: *double_names };
            Import::new(store, runtime, actor, file, may).run(&key, progress).map(Outcome::said)
        }
        Work::AuditVerify { checkpoints, public_key } => {
            let (checkpoints, public_key) = (checkpoints.as_ref(), public_key.as_ref());
            let checked = audit_trail::verify(store, &config.audit, checkpoints, public_key, runtime, progress)?;
            let found = checked.found.map(|found| format!("the audit log is not intact: {found}"));
            Ok(Outcome { messages: checked.messages, found })
        }
        Work::AuditShow { filter } => {
            let messages = audit_trail::show(store, filter, runtime, progress)?;
            Ok(Outcome { messages, found: None })
        }
        Work::Report { ask } => report::report(store, config, ask, runtime, progress),
    }
}

/// Notes something in the audit log before it is done; on a full disk in the room that is kept for entries of reads.
async fn note<S: OperatedStore>(store: &S, entry: Vec<u8>) -> Result<(), StoreError> {
    let commit = Commit { log: vec![entry.clone()], ..Commit::default() };
    match store.commit(Tenant::DEFAULT, commit).await {
        Err(StoreError::Full) => store.log(Tenant::DEFAULT, vec![entry]).await,
        other => other.map(drop),
    }
}

/// What a check read and found, in lines.
fn told(config: &Config, report: &Report) -> Outcome {
    let number = |count: Option<u64>| count.map_or("none yet".to_owned(), |count| format!("{count} record(s)"));
    let mut messages = vec![
        format!("store:       {}", config.store.path.display()),
        format!("records:     {}", report.records),
        format!("journal:     {} frame(s)", report.frames),
        format!("snapshot:    {}", number(report.snapshot_records)),
        format!("saved index: {}", number(report.index_records)),
        format!("sled:        {} record(s)", report.sled_records),
        format!("log stream:  {} entries", report.log_entries),
    ];
    messages.extend(report.findings.iter().map(|finding| format!("FOUND {finding}")));
    if report.unreported > 0 {
        messages.push(format!("FOUND {} more of the same kinds", report.unreported));
    }
    if report.is_clean() {
        messages.push("clean: everything is as it was written".to_owned());
        return Outcome { messages, found: None };
    }
    let count = report.findings.len() as u64 + report.unreported;
    let found = if report.needs_backup() {
        format!("{count} finding(s), and not all of them heal: keep a copy of the files as they are, and restore a backup")
    } else {
        format!("{count} finding(s), no key is lost: the server makes good what is damaged, at its next start at the latest")
    };
    Outcome { messages, found: Some(found) }
}

fn export<S: OperatedStore>(
    store: &S,
    file: &File,
    out: &Path,
    key: &RootKey,
    damaged: Option<&mut Vec<String>>,
    progress: &mut Progress,
) -> Result<String, String> {
    let records = store.export(key, file, damaged, &mut |done, all| progress.tell("exporting", done, Some(all), "records"))?;
    file.sync_all().map_err(text)?;
    files::sync_parent(out).map_err(text)?;
    let identifier = key.identifier();
    Ok(format!("{}: {records} record(s), sealed under root key {identifier}", out.display()))
}
