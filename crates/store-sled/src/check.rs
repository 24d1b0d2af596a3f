//! Reading everything a closed store has: `kmipd db check`.
//!
//! What must be there is told twice over: by the snapshot with the frames behind it, and by the saved index with the frames
//! behind that. sled is compared with it record by record. What is found is told with what it means for who runs the store:
//! whether the next start makes it good by itself, or a backup is needed.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use store::index::{Index, Place};
use store::log::LogEnd;
use store::sealing::{Keyring, RootKey, decode_record, revision_of};
use store::{Cursor, Revision, StoreError};

use crate::anchor::Anchor;
use crate::engine::Engine;
use crate::head::{Head, Where};
use crate::journal::{Frame, LogBlock, START, scan};
use crate::layout::{self, Number};
use crate::log_stream::{self, LogStream, first_unchained, open_block};
use crate::shared::Shared;
use crate::snapshot::Snapshot;
use crate::{OpenError, Options, SledStore, files, history, saved_index, snapshot};

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
    let keyring = match files::read_keys(directory).and_then(|keys| Keyring::read(root, &keys).map_err(OpenError::keyring)) {
        Ok(keyring) => keyring,
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

impl SledStore {
    /// Reads everything the store has while it is in use: every record as a client would get it, the snapshot, the saved index,
    /// the journal as far as it was durable when it was looked at, the log stream. A record that is damaged is made good at once.
    ///
    /// # Errors
    /// [`OpenError::Failed`] when reading itself fails. Damage is no error, but a finding.
    pub fn check(&self, progress: &mut dyn FnMut(Step)) -> Result<Report, OpenError> {
        let shared = &self.shared;
        let (directory, keyring, options) = (&*shared.directory, &shared.keyring, &shared.options);
        let mut check = Check { directory, keyring, options, report: Report::default(), progress };
        check.records(shared)?;
        for extension in [snapshot::EXTENSION, saved_index::EXTENSION] {
            check.saved(extension)?;
        }
        check.durable_journal(shared)?;
        check.log_in_use(shared)?;
        Ok(check.report)
    }
}

struct Check<'a> {
    directory: &'a Path,
    keyring: &'a Keyring,
    options: &'a Options,
    report: Report,
    progress: &'a mut dyn FnMut(Step),
}

/// sled as it was found.
struct Opened {
    engine: Engine,
    head: Head,
}

/// What the journal tells.
struct Told {
    /// The heads of the frames that something else names, with the hash of each frame.
    named: HashMap<u64, (Head, [u8; 32])>,
    /// The first frame that was read, and what it follows.
    first: Option<(u64, [u8; 32])>,
    /// The last head.
    head: Head,
    /// What became of which record, by which frame: its revision, or `None`: it is gone.
    changes: Vec<(u64, Number, Option<Revision>)>,
    torn: u64,
}

/// The revision of every record there must be.
type Expected = HashMap<Number, Revision>;

impl Check<'_> {
    fn run(&mut self) -> Result<(), OpenError> {
        let anchored = self.anchor()?;
        let (snapshot, mut snapshot_damage) = self.snapshot()?;
        let (saved, index_damage) = self.saved_index()?;
        let sled = self.open_sled();
        let mut log_end = self.log()?;

        let mut named: Vec<u64> = vec![anchored.as_ref().map_or(0, |anchored| anchored.frame)];
        named.extend(snapshot.as_ref().map(|(snapshot, _)| snapshot.head.frame));
        named.extend(saved.as_ref().map(|(head, _)| head.frame));
        named.extend(sled.as_ref().ok().map(|sled| sled.head.frame));
        let durable = anchored.as_ref().map_or(0, |anchored| anchored.frame);
        let oldest_needed = match (&sled, &saved) {
            (Ok(sled), Some((saved, _))) => Some(sled.head.frame.min(saved.frame)),
            _ => None,
        };
        let told = match self.journal(1, durable, &named, &mut log_end) {
            Ok(told) => Some(told),
            Err(OpenError::Damaged { what, cause }) => {
                // What is damaged is needed, unless the end of the journal and what sled and the index have is enough.
                let rest = oldest_needed.map(|from| self.journal(from.max(1), durable, &named, &mut log_end));
                let told = match rest {
                    Some(Ok(told)) => Some(told),
                    Some(Err(OpenError::Damaged { .. })) | None => None,
                    Some(Err(other)) => return Err(other),
                };
                let consequence = if told.is_some() { Consequence::Heals } else { Consequence::NeedsBackup };
                self.report.add(what, cause, consequence);
                told
            }
            Err(other) => return Err(other),
        };
        let Some(told) = told else {
            // There is nothing to compare the rest with.
            for (what, cause) in snapshot_damage.into_iter().chain(index_damage) {
                self.report.add(what, cause, Consequence::NeedsBackup);
            }
            return Ok(());
        };
        if told.torn > 0 {
            let cause = format!("it ends in {} bytes of a write that was cut off and never acknowledged", told.torn);
            self.report.add("the journal", cause, Consequence::Heals);
        }
        if let Some(anchored) = &anchored
            && told.named.get(&anchored.frame).is_some_and(|(head, _)| head != anchored)
        {
            let cause = format!("frame {} is not the one that was durable", anchored.frame);
            self.report.add("the journal", cause, Consequence::NeedsBackup);
        }
        self.report.records = told.head.count;
        self.end_of_log(log_end, &told.head);

        // From the snapshot, or from the beginning.
        let mut history = None;
        if snapshot_damage.is_none() {
            match self.history(snapshot, &told) {
                Ok(expected) => history = Some(expected),
                Err(damage) => snapshot_damage = Some(damage),
            }
        }
        let by_index = match saved {
            Some((head, index)) => self.by_index(&head, &index, &told),
            None => Err(None),
        };
        let heals_by_history = if history.is_some() { Consequence::Heals } else { Consequence::NeedsBackup };
        for (what, cause) in index_damage.into_iter().chain(by_index.as_ref().err().and_then(Clone::clone)) {
            self.report.add(what, cause, heals_by_history);
        }
        let sled_is_right = match sled {
            Ok(sled) => {
                let expected = history.as_ref().or(by_index.as_ref().ok());
                self.compare_sled(&sled, expected, &told, heals_by_history)?
            }
            Err(error) => {
                self.report.add("sled's files", error, heals_by_history);
                false
            }
        };
        if let Some((what, cause)) = snapshot_damage {
            let heals = sled_is_right && by_index.is_ok();
            self.report.add(what, cause, if heals { Consequence::Heals } else { Consequence::NeedsBackup });
        }
        Ok(())
    }

    fn tell(&mut self, what: &'static str, unit: &'static str, done: u64, all: Option<u64>) {
        (self.progress)(Step { what, done, all, unit });
    }

    fn anchor(&mut self) -> Result<Option<Head>, OpenError> {
        match Anchor::open(self.directory, self.keyring) {
            Ok((_, head)) => Ok(Some(head)),
            Err(OpenError::Damaged { what, cause }) => {
                self.report.add(what, cause, Consequence::NeedsBackup);
                Ok(None)
            }
            Err(other) => Err(other),
        }
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
    fn snapshot(&mut self) -> Result<(Option<(Snapshot, Expected)>, Option<(String, String)>), OpenError> {
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
    fn saved_index(&mut self) -> Result<(Option<(Head, Index)>, Option<(String, String)>), OpenError> {
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

    fn open_sled(&mut self) -> Result<Opened, String> {
        let objects = files::objects(self.directory);
        self.tell("opening sled", "records", 0, None);
        // Opening what is not there would make it.
        if !objects.join("db").exists() {
            return Err("they are missing".into());
        }
        let engine = Engine::open(&objects, self.options.cache_bytes).map_err(|error| error.to_string())?;
        let sealed = engine.read_head().map_err(|error| error.to_string())?.ok_or("the head is missing")?;
        let head = Head::open(self.keyring, Where::Engine, &sealed).map_err(|error| format!("the head: {error}"))?;
        Ok(Opened { engine, head })
    }

    /// Reads the log stream, and returns its end, if it is known.
    fn log(&mut self) -> Result<LogState, OpenError> {
        let (log, torn) = match LogStream::examine(&files::log(self.directory)) {
            Ok(examined) => examined,
            Err(StoreError::Damaged { what, cause }) => {
                self.report.add(what, cause, Consequence::NeedsBackup);
                return Ok(LogState { end: None, last: 0, torn: None });
            }
            Err(other) => return Err(other.into()),
        };
        let all = log.segments()?.iter().map(|segment| segment.bytes).sum();
        let mut done = 0;
        let progress = &mut *self.progress;
        let found = log.check(self.keyring, &mut |bytes| {
            done += bytes;
            progress(Step { what: "log", done, all: Some(all), unit: "bytes" });
        })?;
        self.report.log_entries = found.entries;
        let end = found.end.clone();
        self.damaged_log(found)?;
        let torn = torn.map(|torn| (torn.error, torn.bytes));
        Ok(LogState { end: end.or((log.end() == 0).then_some(LogEnd::EMPTY)), last: log.end(), torn })
    }

    /// Reads the journal from the segment on that has a frame. Every record and every log entry in it is opened.
    fn journal(&mut self, from: u64, durable: u64, named: &[u64], log: &mut LogState) -> Result<Told, OpenError> {
        let journal = scan::look(&files::journal(self.directory))?;
        let mut told = Told { named: HashMap::new(), first: None, head: Head::EMPTY, changes: Vec::new(), torn: 0 };
        self.report.frames = 0;
        let keyring = self.keyring;
        let end = journal.read(keyring, from, u64::MAX, durable, |frame| {
            let Frame { sequence, previous, hash, head, changes, log: block } = frame;
            told.first.get_or_insert((sequence, previous));
            for change in &changes {
                let revision = match &change.sealed {
                    Some(sealed) => Some(verify(keyring, change.number, sealed)?),
                    None => None,
                };
                told.changes.push((sequence, change.number, revision));
            }
            if let Some(block) = &block {
                log.follow(keyring, block)?;
            }
            if named.contains(&sequence) {
                told.named.insert(sequence, (head.clone(), hash));
            }
            told.head = head;
            self.report.frames += 1;
            (self.progress)(Step { what: "journal", done: self.report.frames, all: None, unit: "frames" });
            Ok(())
        })?;
        told.torn = end.torn;
        Ok(told)
    }

    /// The log ends where the journal says, with what the journal still has of it.
    fn end_of_log(&mut self, log: LogState, head: &Head) {
        let reached = log.last == head.log.sequence;
        if let Some((error, bytes)) = &log.torn {
            let cause = format!("{bytes} bytes at its end are not whole ({error})");
            let consequence = if reached { Consequence::Heals } else { Consequence::NeedsBackup };
            self.report.add("the log stream", cause, consequence);
        }
        if !reached {
            let cause = format!("it ends with entry {}, and the journal counts {}", log.last, head.log.sequence);
            self.report.add("the log stream", cause, Consequence::NeedsBackup);
        } else if log.end.is_some_and(|end| end.hash != head.log.hash) {
            let cause = format!("its last entry, {}, is not the one that the journal tells of", log.last);
            self.report.add("the log stream", cause, Consequence::NeedsBackup);
        }
    }

    /// What the store must hold by the snapshot and the frames behind it, or by all frames.
    fn history(&self, snapshot: Option<(Snapshot, Expected)>, told: &Told) -> Result<Expected, (String, String)> {
        let (from, hash, mut expected) = match snapshot {
            Some((snapshot, expected)) => (snapshot.head.frame, snapshot.hash, expected),
            None => (0, START, Expected::new()),
        };
        let name = || "snapshot and journal".to_owned();
        match told.first {
            Some((first, _)) if first > from + 1 => {
                let cause = format!("the journal begins with frame {first}, and the snapshot tells up to frame {from} only");
                return Err((name(), cause));
            }
            Some((first, previous)) if first == from + 1 && previous != hash => {
                return Err((name(), format!("frame {first} does not follow the snapshot")));
            }
            _ if told.named.get(&from).is_some_and(|(_, found)| from > 0 && *found != hash) => {
                return Err((name(), format!("frame {from} is not the one that the snapshot begins at")));
            }
            _ => {}
        }
        apply(&mut expected, told, from);
        self.compare(&expected, &told.head).map_err(|cause| (name(), cause))?;
        Ok(expected)
    }

    /// What the store must hold by the saved index and the frames behind it.
    fn by_index(&self, head: &Head, index: &Index, told: &Told) -> Result<Expected, Option<(String, String)>> {
        let damaged = |cause: String| Err(Some(("the saved index".to_owned(), cause)));
        if head.frame > told.head.frame {
            return damaged(format!("it is of frame {}, and the journal ends with frame {}", head.frame, told.head.frame));
        }
        if told.first.is_some_and(|(first, _)| first > head.frame + 1) {
            return damaged(format!("it is of frame {}, and the journal begins later", head.frame));
        }
        let mut expected = Expected::new();
        let mut after = None;
        loop {
            let entries = index.entries_after(after, 4096);
            let Some(last) = entries.last() else { break };
            after = Some((last.tenant, Cursor { created: last.place.created, position: last.place.position }));
            expected.extend(entries.iter().map(|entry| (Number::of(entry.tenant, &entry.place), entry.place.revision)));
        }
        apply(&mut expected, told, head.frame);
        match self.compare(&expected, &told.head) {
            Ok(()) => Ok(expected),
            Err(cause) => damaged(cause),
        }
    }

    /// Compares what there is with the number of records and the set hash that the journal tells of.
    fn compare(&self, expected: &Expected, head: &Head) -> Result<(), String> {
        let mut found = Head::EMPTY;
        for (number, revision) in expected {
            found.enter(self.keyring, number.tenant, &place(*number, *revision));
        }
        if found.count != head.count {
            return Err(format!("{} records were found, and the journal counts {}", found.count, head.count));
        }
        if found.set != head.set {
            return Err(format!("{} records were found, but not all of them as they were written last", found.count));
        }
        Ok(())
    }

    /// Reads every record of sled and compares it with what must be there. What frames tell that sled may not have yet is left
    /// out: the next start applies them.
    fn compare_sled(
        &mut self,
        sled: &Opened,
        expected: Option<&Expected>,
        told: &Told,
        consequence: Consequence,
    ) -> Result<bool, OpenError> {
        let before = self.report.findings.len() as u64 + self.report.unreported;
        let Opened { engine, head } = sled;
        const SLED: &str = "sled's files";
        if head.frame > told.head.frame {
            let cause = format!("they are of frame {}, and the journal ends with frame {}", head.frame, told.head.frame);
            self.report.add(SLED, cause, consequence);
            return Ok(false);
        }
        if told.first.is_some_and(|(first, _)| first > head.frame + 1) {
            let cause = format!("they are of frame {}, and the journal begins later", head.frame);
            self.report.add(SLED, cause, consequence);
            return Ok(false);
        }
        if told.named.get(&head.frame).is_some_and(|(found, _)| found != head) {
            self.report.add(SLED, "they are not what the journal tells", consequence);
            return Ok(false);
        }
        let pending: HashSet<Number> =
            told.changes.iter().filter(|(frame, ..)| *frame > head.frame).map(|(_, number, _)| *number).collect();
        let mut seen = HashSet::new();
        let mut read = 0;
        let (keyring, report, progress) = (self.keyring, &mut self.report, &mut *self.progress);
        let visited = engine.visit::<OpenError>(|number, sealed| {
            read += 1;
            progress(Step { what: "sled", done: read, all: Some(told.head.count.max(read)), unit: "records" });
            if pending.contains(&number) {
                return Ok(());
            }
            let found = sealed.map_err(|error| error.to_string()).and_then(|sealed| {
                verify(keyring, number, &sealed).map_err(|error| match error {
                    OpenError::Damaged { cause, .. } => cause,
                    other => other.to_string(),
                })
            });
            match found {
                Ok(revision) => {
                    seen.insert(number);
                    match expected.map(|expected| expected.get(&number)) {
                        Some(None) => report.add(history::name(number), "sled has it, and it was removed", consequence),
                        Some(Some(written)) if *written != revision => {
                            let cause =
                                format!("sled has it as commit {} wrote it, and commit {} was later", revision.0, written.0);
                            report.add(history::name(number), cause, consequence);
                        }
                        _ => {}
                    }
                }
                Err(cause) => report.add(history::name(number), format!("in sled: {cause}"), consequence),
            }
            Ok(())
        });
        match visited {
            Ok(()) => {}
            Err(OpenError::Damaged { cause, .. }) => self.report.add(SLED, cause, consequence),
            Err(other) => return Err(other),
        }
        self.report.sled_records = seen.len() as u64;
        if let Some(expected) = expected {
            let missing = expected.keys().filter(|number| !seen.contains(number) && !pending.contains(number)).count();
            if missing > 0 {
                self.report.add(SLED, format!("{missing} records are missing, or are not as they were written"), consequence);
            }
        }
        Ok(self.report.findings.len() as u64 + self.report.unreported == before)
    }
}

/// How often something is read again that was replaced, or dropped, while it was read.
const ATTEMPTS: usize = 5;

/// Of a store that is in use.
impl Check<'_> {
    fn records(&mut self, shared: &Shared) -> Result<(), OpenError> {
        let mut after = None;
        loop {
            let (batch, all) = {
                let published = shared.published();
                let entries = published.index.entries_after(after, 64);
                let Some(last) = entries.last() else { break };
                after = Some((last.tenant, Cursor { created: last.place.created, position: last.place.position }));
                let batch: Vec<_> = entries.into_iter().map(|entry| (entry.tenant, entry.identifier)).collect();
                (batch, published.head.count)
            };
            for (tenant, identifier) in batch {
                match shared.sealed(tenant, &identifier) {
                    Ok(None) => {}
                    Ok(Some(_)) => self.report.sled_records += 1,
                    Err(StoreError::Damaged { what, cause }) => {
                        shared.pending.rebuild();
                        self.report.add(what, format!("in sled, which is made again now: {cause}"), Consequence::Heals);
                    }
                    Err(other) => return Err(other.into()),
                }
            }
            self.report.records = all;
            self.tell("records", "records", self.report.sled_records, Some(all.max(self.report.sled_records)));
        }
        Ok(())
    }

    /// Reads the newest snapshot, or the newest saved index; once more if another took its place meanwhile.
    fn saved(&mut self, extension: &str) -> Result<(), OpenError> {
        let is_snapshot = extension == snapshot::EXTENSION;
        let folder = if is_snapshot { files::snapshots(self.directory) } else { files::indexes(self.directory) };
        for _ in 0..ATTEMPTS {
            let Some(path) = self.newest(folder.clone(), extension)? else { return Ok(()) };
            let damage = if is_snapshot {
                self.snapshot().map(|(_, damage)| damage)
            } else {
                self.saved_index().map(|(_, damage)| damage)
            };
            let is_there = path.exists();
            match damage {
                Ok(None) => return Ok(()),
                Ok(Some((what, cause))) if is_there => {
                    self.report.add(what, cause, Consequence::Heals);
                    return Ok(());
                }
                Err(error) if is_there => return Err(error),
                Ok(Some(_)) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Reads the journal up to the frame that is durable now; what is behind it is being written.
    fn durable_journal(&mut self, shared: &Shared) -> Result<(), OpenError> {
        let durable = shared.published().head.frame;
        for attempt in 1..=ATTEMPTS {
            let first = shared.segments.first();
            let mut frames = 0;
            let keyring = self.keyring;
            let read = scan::look(shared.segments.directory()).and_then(|journal| {
                journal.read(keyring, 1, durable, durable, |frame| {
                    for change in frame.changes.iter().filter(|change| change.sealed.is_some()) {
                        verify(keyring, change.number, change.sealed.as_deref().unwrap_or_default())?;
                    }
                    frames += 1;
                    (self.progress)(Step { what: "journal", done: frames, all: None, unit: "frames" });
                    Ok(())
                })
            });
            self.report.frames = frames;
            match read {
                Ok(_) => return Ok(()),
                // Dropped meanwhile.
                Err(_) if shared.segments.first() != first && attempt < ATTEMPTS => {}
                Err(OpenError::Damaged { what, cause }) => {
                    let cause = format!("{cause}; the server still has every object: export them before it is stopped");
                    self.report.add(what, cause, Consequence::NeedsBackup);
                    return Ok(());
                }
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    fn log_in_use(&mut self, shared: &Shared) -> Result<(), OpenError> {
        let all = shared.log.segments()?.iter().map(|segment| segment.bytes).sum();
        let mut done = 0;
        let progress = &mut *self.progress;
        let found = shared.log.check(self.keyring, &mut |bytes| {
            done += bytes;
            progress(Step { what: "log", done, all: Some(done.max(all)), unit: "bytes" });
        })?;
        self.report.log_entries = found.entries;
        self.damaged_log(found)
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

/// The end of the log, as far as it was followed.
struct LogState {
    /// Its last entry and hash; `None`: it is not known.
    end: Option<LogEnd>,
    /// Its last entry.
    last: u64,
    /// What follows the last whole frame, and how long it is.
    torn: Option<(StoreError, u64)>,
}

impl LogState {
    /// Goes on with what the journal has behind the log stream.
    fn follow(&mut self, keyring: &Keyring, block: &LogBlock) -> Result<(), OpenError> {
        let name = || format!("log entries {} to {} in the journal", block.first, block.last());
        let records =
            open_block(keyring, block.first, block.count, &block.sealed).map_err(|error| OpenError::sealing(name(), error))?;
        if block.first != self.last + 1 {
            return Ok(());
        }
        self.last = block.last();
        if let Some(end) = &mut self.end
            && let Some(broken) = first_unchained(end, &records)
        {
            let cause = format!("entry {broken} does not follow the entry before it");
            return Err(OpenError::Damaged { what: name(), cause });
        }
        Ok(())
    }
}

/// Applies what the frames behind one tell.
fn apply(expected: &mut Expected, told: &Told, from: u64) {
    for (_, number, revision) in told.changes.iter().filter(|(frame, ..)| *frame > from) {
        match revision {
            Some(revision) => expected.insert(*number, *revision),
            None => expected.remove(number),
        };
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
