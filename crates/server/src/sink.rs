//! Copies of the audit log outside the store: files of JSON lines, syslog.
//!
//! A sink reads the log of the store by sequence number, so that nothing is lost while its target is away: it goes on where it
//! was when that is back. A thread of its own for each, since a target may keep it waiting. While one has failed or is behind,
//! the engine refuses what releases key material ([`Sinks::refusal`]); what was answered before has its record in the store.

pub mod config;
mod file;
mod position;
mod syslog;
mod transport;

use crate::audit_trail;
use crate::operated::OperatedStore;
use audit::AuditRecord;
use config::{SinkConfig, SinkKind};
use file::LineFile;
use position::{Position, PositionFile};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use store::LogRecord;
use syslog::Syslog;
use tokio::runtime::Handle;
use tracing::{error, info, warn};

/// Entries that are delivered at a time.
const PAGE: usize = 256;
/// How often a sink looks for new entries.
const PERIOD: Duration = Duration::from_millis(50);
/// How often it looks at a target that it has nothing for, or that has failed.
const PROBE: Duration = Duration::from_millis(500);
/// How long the server waits at its end for what is not delivered yet. It is delivered after the next start otherwise.
const FAREWELL: Duration = Duration::from_secs(5);

/// Where records go.
trait Target: Send {
    /// Makes it ready, and tells up to where it has records, if it can tell.
    fn open(&mut self) -> Result<Option<Position>, String>;

    /// Writes records. An error comes with how many are surely there; [`Target::open`] follows.
    fn write(&mut self, records: &[LogRecord]) -> Result<(), (usize, String)>;

    /// Whether it is still what was opened.
    fn probe(&mut self) -> Result<(), String>;

    /// Lets go of what it has open, and opens it again.
    fn reopen(&mut self) -> Result<(), String>;
}

/// All sinks of a server.
#[derive(Debug, Default)]
pub struct Sinks {
    states: Vec<Arc<State>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    stop: Arc<AtomicBool>,
    /// What a client is told while a sink has failed or is behind.
    refusal: RwLock<Option<String>>,
}

/// How a sink is doing.
#[derive(Debug)]
struct State {
    name: String,
    behind_max: u64,
    behind_s: u64,
    /// The last entry it has delivered.
    delivered: AtomicU64,
    reopen: AtomicBool,
    trouble: Mutex<Trouble>,
}

#[derive(Debug)]
struct Trouble {
    /// Why it cannot deliver, since when.
    cause: Option<(String, Instant)>,
    /// When it had everything last.
    up_to_date: Instant,
}

impl State {
    fn trouble(&self) -> std::sync::MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, cause: String) {
        let mut trouble = self.trouble();
        match &mut trouble.cause {
            Some((known, _)) if *known == cause => {}
            Some((known, _)) => *known = cause,
            none => {
                error!(sink = self.name, %cause, "an audit sink has failed: what releases key material is refused until it is back");
                *none = Some((cause, Instant::now()));
            }
        }
    }

    fn works(&self) {
        if let Some((_, since)) = self.trouble().cause.take() {
            info!(sink = self.name, seconds = since.elapsed().as_secs(), "an audit sink is back");
        }
    }

    /// Why what releases material is refused, if it is, when the log ends with an entry.
    fn condition(&self, end: u64) -> Result<(), String> {
        let mut trouble = self.trouble();
        let behind = end.saturating_sub(self.delivered.load(Ordering::Acquire));
        if behind == 0 {
            trouble.up_to_date = Instant::now();
        }
        if let Some((cause, since)) = &trouble.cause {
            return Err(format!("failed since {} s, {behind} entries behind: {cause}", since.elapsed().as_secs()));
        }
        let waits = trouble.up_to_date.elapsed().as_secs();
        if behind > self.behind_max || waits > self.behind_s {
            return Err(format!("{behind} entries and {waits} s behind"));
        }
        Ok(())
    }
}

impl Sinks {
    /// Begins to deliver the log of a store. A sink that was not there before begins with what is logged from now on, or with the
    /// oldest entry that is kept, as it is configured.
    ///
    /// # Errors
    /// When a position cannot be read, or a thread cannot be made. A target that cannot be reached is no error here.
    pub fn start<S: OperatedStore>(
        store: &Arc<S>,
        configs: &[SinkConfig],
        positions: &Path,
        runtime: &Handle,
    ) -> Result<Self, String> {
        let sinks = Self::default();
        let Self { stop, .. } = &sinks;
        let (mut states, mut threads) = (Vec::new(), Vec::new());
        for config in configs {
            let position = PositionFile::open(positions, &config.name)?;
            let end = store.status().map_or(0, |status| status.log_entries);
            let begin = position.read().unwrap_or(if config.from_start { Position::START } else { Position::at(end) });
            let state = Arc::new(State {
                name: config.name.clone(),
                behind_max: config.behind_max,
                behind_s: config.behind_s,
                delivered: AtomicU64::new(begin.sequence),
                reopen: AtomicBool::new(false),
                trouble: Mutex::new(Trouble { cause: None, up_to_date: Instant::now() }),
            });
            let target: Box<dyn Target> = match config.kind {
                SinkKind::File => Box::new(LineFile::new(config.path.clone().unwrap_or_default())),
                SinkKind::Syslog => Box::new(Syslog::new(config)?),
            };
            let sink = Sink { store: Arc::clone(store), state: Arc::clone(&state), target, position, at: begin, is_open: false };
            let (stop, runtime) = (Arc::clone(stop), runtime.clone());
            let thread =
                std::thread::Builder::new().name(format!("audit-{}", config.name)).spawn(move || sink.run(&runtime, &stop));
            threads.push(thread.map_err(|error| format!("start the thread of the audit sink {}: {error}", config.name))?);
            states.push(state);
        }
        Ok(Self { states, threads: Mutex::new(threads), ..sinks })
    }

    /// What each sink is, by name: `Err` while what releases material is refused because of it. Looks at all of them.
    pub fn observe(&self, end: u64) -> Vec<(String, Result<(), String>)> {
        let found: Vec<_> = self.states.iter().map(|state| (state.name.clone(), state.condition(end))).collect();
        let mut refused = String::new();
        for (name, condition) in &found {
            if let Err(cause) = condition {
                let _ = write!(refused, "{}audit sink {name}: {cause}", if refused.is_empty() { "" } else { "; " });
            }
        }
        let mut refusal = self.refusal.write().unwrap_or_else(PoisonError::into_inner);
        if refusal.is_none() && !refused.is_empty() {
            warn!(cause = refused, "what releases key material is refused");
        } else if refusal.is_some() && refused.is_empty() {
            info!("what releases key material is answered again");
        }
        *refusal = (!refused.is_empty()).then_some(refused);
        found
    }

    /// Why what releases material is refused, as [`Sinks::observe`] found it last.
    pub fn refusal(&self) -> Option<String> {
        let failed = self.states.iter().find_map(|state| {
            let trouble = state.trouble();
            trouble.cause.as_ref().map(|(cause, _)| format!("audit sink {}: {cause}", state.name))
        });
        failed.or_else(|| self.refusal.read().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Whether there are any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// The first entry that some sink lacks; `None`: there are no sinks.
    #[must_use]
    pub fn first_undelivered(&self) -> Option<u64> {
        self.states.iter().map(|state| state.delivered.load(Ordering::Acquire) + 1).min()
    }

    /// How many entries the sink that is farthest behind lacks.
    #[must_use]
    pub fn behind(&self, end: u64) -> u64 {
        self.first_undelivered().map_or(0, |first| (end + 1).saturating_sub(first))
    }

    /// Lets the files be opened again: they were moved.
    pub fn reopen(&self) {
        self.states.iter().for_each(|state| state.reopen.store(true, Ordering::Release));
    }

    /// Delivers what is left, as far as that is possible soon, and ends.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        let begun = Instant::now();
        for thread in self.threads.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            while !thread.is_finished() && begun.elapsed() < FAREWELL + Duration::from_secs(1) {
                std::thread::sleep(Duration::from_millis(10));
            }
            // One that a target keeps waiting ends with the process.
            if thread.is_finished() {
                let _ = thread.join();
            }
        }
    }
}

struct Sink<S> {
    store: Arc<S>,
    state: Arc<State>,
    target: Box<dyn Target>,
    position: PositionFile,
    /// Up to where the target has records.
    at: Position,
    is_open: bool,
}

impl<S: OperatedStore> Sink<S> {
    fn run(mut self, runtime: &Handle, stop: &AtomicBool) {
        let mut stopping: Option<Instant> = None;
        let mut probed = Instant::now();
        loop {
            if stopping.is_none() && stop.load(Ordering::Acquire) {
                stopping = Some(Instant::now());
            }
            let delivered = self.step(runtime, &mut probed);
            let pause = match &delivered {
                Ok(count) if *count > 0 => Duration::ZERO,
                Ok(_) if stopping.is_some() => break,
                Ok(_) => PERIOD,
                Err(_) => PROBE,
            };
            match delivered {
                Ok(_) => self.state.works(),
                Err(cause) => {
                    self.is_open = false;
                    self.state.failed(cause);
                }
            }
            if stopping.is_some_and(|since| since.elapsed() >= FAREWELL || !self.is_open) {
                break;
            }
            std::thread::sleep(pause);
        }
        if let Err(cause) = self.position.sync() {
            warn!(sink = self.state.name, %cause, "the position of an audit sink may be behind after the next start");
        }
    }

    /// Delivers the next records, if there are any; how many.
    fn step(&mut self, runtime: &Handle, probed: &mut Instant) -> Result<usize, String> {
        if !self.is_open {
            if let Some(told) = self.target.open()? {
                self.at = told;
            }
            self.is_open = true;
            self.check_position(runtime)?;
        }
        if self.state.reopen.swap(false, Ordering::AcqRel) {
            self.target.reopen()?;
        }
        if probed.elapsed() >= PROBE {
            *probed = Instant::now();
            self.target.probe()?;
        }
        let records = self.read(runtime, self.at.sequence + 1, PAGE)?;
        if let Some(first) = records.first().filter(|first| first.sequence > self.at.sequence + 1) {
            let (from, to) = (self.at.sequence + 1, first.sequence - 1);
            error!(sink = self.state.name, from, to, "entries were dropped from the audit log before an audit sink had them");
        }
        let written = self.target.write(&records);
        let count = written.as_ref().map_or_else(|(count, _)| *count, |()| records.len());
        if let Some(last) = records[..count].last() {
            self.at = Position { sequence: last.sequence, hash: last.hash };
            self.state.delivered.store(last.sequence, Ordering::Release);
            self.position.write(&self.at).map_err(|error| format!("its position: {error}"))?;
        }
        written.map(|()| count).map_err(|(_, cause)| cause)
    }

    /// That the log is the one of which the target has records: not that of a backup, or of another server.
    fn check_position(&mut self, runtime: &Handle) -> Result<(), String> {
        if self.at.sequence > 0 {
            let found = self.read(runtime, self.at.sequence, 1)?;
            let found = found.first();
            let is_same = match found.filter(|found| found.sequence == self.at.sequence) {
                Some(found) => self.at.hash == [0; 32] || self.at.hash == found.hash,
                // Dropped since; or the log ends before.
                None => found.is_some(),
            };
            if !is_same {
                warn!(
                    sink = self.state.name,
                    at = self.at.sequence,
                    "the audit log is not the one that this sink had records of: all of it is delivered"
                );
                self.at = Position::START;
            }
        }
        self.state.delivered.store(self.at.sequence, Ordering::Release);
        Ok(())
    }

    fn read(&self, runtime: &Handle, from: u64, limit: usize) -> Result<Vec<LogRecord>, String> {
        runtime.block_on(self.store.read_log(from, limit)).map_err(|error| format!("reading the audit log: {error}"))
    }
}

/// A record as a line of JSON, without its end. What cannot be read is there with its number and hash.
fn line(record: &LogRecord) -> (String, Option<AuditRecord>) {
    match AuditRecord::decode(&record.entry) {
        Ok(decoded) => (audit_trail::json(record.sequence, &record.hash, &decoded), Some(decoded)),
        Err(cause) => {
            let hash: String = record.hash.iter().map(|byte| format!("{byte:02x}")).collect();
            (serde_json::json!({ "sequence": record.sequence, "unreadable": cause.to_string(), "hash": hash }).to_string(), None)
        }
    }
}
