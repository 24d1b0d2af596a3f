//! The store of a server that does not run: checked, exported, imported into.

use crate::config::{Config, StoreKind};
use crate::files::{self, DirectoryLock, SECRET};
use crate::{live, socket};
use audit::Outcome;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};
use store::sealing::RootKey;
use store::{Change, Commit, MAX_LOG_ENTRY, Put, Record, Revision, Store, Tenant};
use store_sled::{Export, ExportedRecord, OpenError, SledStore};

/// Records of one commit of an import: large enough that syncs do not count, small enough to wait for.
const GROUP_RECORDS: usize = 256;
/// Bytes of records of one commit of an import.
const GROUP_BYTES: usize = 8 << 20;
/// Bytes of identifiers in the audit record of a group, which must fit in a log entry with the rest of the record.
const GROUP_NAMES: usize = MAX_LOG_ENTRY / 2;
/// How often progress is told on a terminal, where the line is written over.
const REWRITTEN: Duration = Duration::from_millis(200);
/// How often it is told elsewhere, in a line of its own.
const REPEATED: Duration = Duration::from_secs(10);

/// Tells on standard error how far something has come.
#[derive(Debug)]
pub struct Progress {
    terminal: bool,
    told: Instant,
    /// A line was begun on the terminal.
    begun: bool,
}

impl Progress {
    /// For standard error as it is.
    #[must_use]
    pub fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), told: Instant::now(), begun: false }
    }

    /// Tells how far something has come, if it was not told just before.
    pub fn tell(&mut self, what: &str, done: u64, all: Option<u64>, unit: &str) {
        if self.told.elapsed() < if self.terminal { REWRITTEN } else { REPEATED } {
            return;
        }
        self.told = Instant::now();
        let part = all.map_or(String::new(), |all| format!(" of {all} ({} %)", done.saturating_mul(100) / all.max(1)));
        let line = format!("{what}: {done}{part} {unit}");
        // Nobody may be reading; that is no reason to stop.
        let _ = if self.terminal { write!(std::io::stderr(), "\r\x1b[K{line}") } else { writeln!(std::io::stderr(), "{line}") };
        self.begun = self.terminal;
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

/// Takes the server's folder for a command that needs the files for itself.
fn take(config: &Config) -> Result<(DirectoryLock, RootKey), String> {
    if config.store.kind != StoreKind::Sled {
        return Err("the store is in memory: store.kind in the configuration".to_owned());
    }
    let Some(lock) = DirectoryLock::take(config.folder()).map_err(text)? else {
        let running = match socket::give(config, crate::admin::Command::Status) {
            Ok(crate::admin::Reply::Done { messages }) => messages.into_iter().next(),
            _ => None,
        };
        let running = running.unwrap_or_else(|| "another kmipd holds its lock".to_owned());
        return Err(format!("the store in {} is in use: {running}; stop it first", config.store.path.display()));
    };
    let key = RootKey::read_file(&config.store.root_key).map_err(text)?;
    Ok((lock, key))
}

fn open(config: &Config, key: &RootKey) -> Result<SledStore, String> {
    SledStore::open(&config.store.path, key, &config.store.options()).map_err(|error| match error {
        OpenError::Damaged { .. } => format!("{error}; kmipd db check tells more"),
        other => other.to_string(),
    })
}

/// Reads everything the store of a stopped server has. What there is to say; an error if anything is not as it was written.
///
/// # Errors
/// A summary of what was found, or why the store could not be read; `say` was told every finding.
pub fn check(config: &Config, say: &mut dyn FnMut(&str)) -> Result<(), String> {
    let (_lock, key) = take(config)?;
    let mut progress = Progress::new();
    let report = store_sled::check(&config.store.path, &key, &config.store.options(), &mut |step| {
        progress.tell(step.what, step.done, step.all, step.unit);
    });
    drop(progress);
    let report = report.map_err(text)?;
    let number = |count: Option<u64>| count.map_or("none yet".to_owned(), |count| format!("{count} record(s)"));
    say(&format!("store:       {}", config.store.path.display()));
    say(&format!("records:     {}", report.records));
    say(&format!("journal:     {} frame(s)", report.frames));
    say(&format!("snapshot:    {}", number(report.snapshot_records)));
    say(&format!("saved index: {}", number(report.index_records)));
    say(&format!("sled:        {} record(s)", report.sled_records));
    say(&format!("log stream:  {} entries", report.log_entries));
    for finding in &report.findings {
        say(&format!("FOUND {finding}"));
    }
    if report.unreported > 0 {
        say(&format!("FOUND {} more of the same kinds", report.unreported));
    }
    if report.is_clean() {
        say("clean: everything is as it was written");
        return Ok(());
    }
    let count = report.findings.len() as u64 + report.unreported;
    if report.needs_backup() {
        return Err(format!(
            "{count} finding(s), and not all of them heal: keep a copy of the files as they are, and restore a backup"
        ));
    }
    Err(format!("{count} finding(s), no key is lost: start the server, and it makes good what is damaged"))
}

/// Writes all records of the store to a new file, sealed under a root key: the server's own, or that of another one.
///
/// # Errors
/// When anything cannot be read or written; then there is no such file.
pub fn export(config: &Config, out: &Path, for_root_key: Option<&Path>) -> Result<String, String> {
    let (_lock, own) = take(config)?;
    let given = for_root_key.map(RootKey::read_file).transpose().map_err(text)?;
    let key = given.as_ref().unwrap_or(&own);
    let file = OpenOptions::new().write(true).create_new(true).mode(SECRET).open(out);
    let file = file.map_err(|error| format!("make {}: {error}", out.display()))?;
    let written: Result<u64, String> = (|| {
        let store = open(config, &own)?;
        let mut progress = Progress::new();
        let (file, records) = store
            .export(key, BufWriter::with_capacity(1 << 20, file), &mut |done, all| {
                progress.tell("exporting", done, Some(all), "records");
            })
            .map_err(text)?;
        let file = file.into_inner().map_err(text)?;
        file.sync_all().map_err(text)?;
        files::sync_parent(out).map_err(text)?;
        Ok(records)
    })();
    match written {
        Ok(records) => {
            let identifier = key.identifier();
            Ok(format!("{}: {records} record(s), sealed under root key {identifier}", out.display()))
        }
        Err(error) => {
            // A part of an export is of no use, and says so when it is read.
            let _ = std::fs::remove_file(out);
            Err(format!("nothing was exported: {error}"))
        }
    }
}

/// Takes the records of an export into the store. All of it is read and found to be whole before anything is written.
///
/// # Errors
/// When the export is damaged, of another root key, or has an identifier that exists and `skip_existing` is not set: then
/// nothing was imported. When writing fails: then what was imported stays, and the import can be repeated with `skip_existing`.
pub fn import(config: &Config, path: &Path, skip_existing: bool) -> Result<String, String> {
    let (_lock, key) = take(config)?;
    let store = open(config, &key)?;
    let mut progress = Progress::new();
    let nothing = |error: String| format!("nothing was imported: {}: {error}", path.display());
    let mut export = read(path, &key).map_err(nothing)?;
    let (mut records, mut existing, mut first_existing) = (0_u64, 0_u64, None);
    while let Some(record) = export.next().map_err(text).map_err(nothing)? {
        records += 1;
        progress.tell("verifying", records, Some(export.announced().max(records)), "records");
        if store.contains(record.tenant, &record.identifier) {
            existing += 1;
            first_existing.get_or_insert_with(|| record.identifier.clone());
        }
        to_put(record).map_err(nothing)?;
    }
    if let Some(first) = first_existing.filter(|_| !skip_existing) {
        let others = if existing > 1 { format!(", and {} more,", existing - 1) } else { String::new() };
        return Err(nothing(format!("{first:?}{others} exists already; --skip-existing leaves out what exists")));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(text)?;
    let mut import =
        Import { store: &store, runtime, path, group: Vec::new(), tenant: Tenant::DEFAULT, bytes: 0, names: 0, done: 0 };
    let mut export = read(path, &key)?;
    while let Some(record) = export.next().map_err(|error| import.interrupted(error))? {
        if !store.contains(record.tenant, &record.identifier) {
            import.add(record)?;
        }
        progress.tell("importing", import.done, Some(records - existing), "records");
    }
    import.commit()?;
    let skipped = if existing > 0 { format!(", {existing} existed and were left as they are") } else { String::new() };
    Ok(format!("{}: {} record(s) imported{skipped}", path.display(), import.done))
}

fn read(path: &Path, key: &RootKey) -> Result<Export<BufReader<File>>, String> {
    let file = File::open(path).map_err(text)?;
    Export::open(BufReader::with_capacity(1 << 20, file), key).map_err(text)
}

fn to_put(record: ExportedRecord) -> Result<Put, String> {
    let ExportedRecord { identifier, owner, body, .. } = record;
    dispatcher::take_over(Record { identifier, owner, revision: Revision(0), created: Revision(0), body })
}

/// Records on their way into a store.
struct Import<'a> {
    store: &'a SledStore,
    runtime: tokio::runtime::Runtime,
    path: &'a Path,
    group: Vec<Put>,
    tenant: Tenant,
    bytes: usize,
    names: usize,
    done: u64,
}

impl Import<'_> {
    fn add(&mut self, record: ExportedRecord) -> Result<(), String> {
        let tenant = record.tenant;
        let put = to_put(record).map_err(|error| self.interrupted(error))?;
        let names = self.names + put.identifier.len() + 5;
        let full = self.group.len() >= GROUP_RECORDS || self.bytes + put.body.len() > GROUP_BYTES || names > GROUP_NAMES;
        if full || tenant != self.tenant {
            self.commit()?;
        }
        self.tenant = tenant;
        self.bytes += put.body.len();
        self.names += put.identifier.len() + 5;
        self.group.push(put);
        Ok(())
    }

    /// Makes a group durable together with the record of who imported it.
    fn commit(&mut self) -> Result<(), String> {
        if self.group.is_empty() {
            return Ok(());
        }
        let group = std::mem::take(&mut self.group);
        (self.bytes, self.names) = (0, 0);
        let count = group.len() as u64;
        let identifiers = group.iter().map(|put| put.identifier.clone()).collect();
        let actor = format!("administrator (system user {})", rustix::process::getuid().as_raw());
        let mut record = live::administrative(&actor, "db import", identifiers, Outcome::Success);
        record.tenant = self.tenant.0;
        let commit =
            Commit { changes: group.into_iter().map(Change::Put).collect(), log: vec![record.encode()], ..Commit::default() };
        self.runtime.block_on(self.store.commit(self.tenant, commit)).map_err(|error| self.interrupted(error))?;
        self.done += count;
        Ok(())
    }

    fn interrupted(&self, error: impl ToString) -> String {
        let (path, error) = (self.path.display(), error.to_string());
        format!("{path}: {} record(s) were imported, then: {error}; repeat it with --skip-existing", self.done)
    }
}
