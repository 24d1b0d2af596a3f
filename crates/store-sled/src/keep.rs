//! The keeper: one thread that saves the index, writes snapshots and drops the journal behind them, reads everything once after
//! a start, and makes sled again when it is found to be damaged.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use store::{Cursor, StoreError, Tenant};

use crate::head::Head;
use crate::journal::{DropError, Segments, scan};
use crate::layout::Number;
use crate::open::OpenError;
use crate::shared::Shared;
use crate::snapshot::{SavedError, Snapshot};
use crate::{files, history, saved_index, snapshot};

/// How often the keeper looks whether something is to be done.
const PERIOD: Duration = Duration::from_millis(500);

/// How long after a failure it tries again.
const RETRY: Duration = Duration::from_secs(30);

/// How long after sled could not be made again: commits may wait for it. Twice as long each time, since it reads everything, up to
/// the longer time.
const RETRY_REBUILD: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));

/// Reading everything once: so many records at a time, and then a pause of so many times as long as that took.
const SCRUB: (usize, u32) = (64, 9);

/// So many bytes of a snapshot, or of the journal, at a time.
const SCRUB_BYTES: usize = 1 << 20;

/// What was saved last, in bytes of journal since the store was opened: negative before.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// How much journal there was when the index was saved, and how long that is.
    index: (i64, u64),
    snapshot: (i64, u64),
    /// There is no snapshot that is whole, and the journal does not go back to the beginning or is damaged: the frame at which, or
    /// behind which, one must begin.
    needs_snapshot: Option<u64>,
}

impl Marks {
    /// As the files tell at a start.
    pub(crate) fn at(index: Option<(u64, u64)>, snapshot: Option<&Snapshot>, segments: &Segments) -> Self {
        let before = |frame: u64| -(segments.bytes_behind(frame) as i64);
        Self {
            index: index.map_or((before(0), 0), |(frame, bytes)| (before(frame), bytes)),
            snapshot: snapshot.map_or((before(0), 0), |snapshot| (before(snapshot.head.frame), snapshot.bytes)),
            needs_snapshot: (snapshot.is_none() && segments.first().is_some_and(|first| first > 1)).then_some(0),
        }
    }
}

pub(crate) fn spawn(shared: Arc<Shared>, marks: Marks, applying: Arc<Mutex<()>>) -> Result<JoinHandle<()>, OpenError> {
    let mut keeper = Keeper {
        shared,
        marks,
        applying,
        droppable: None,
        rebuild: false,
        rebuild_pause: RETRY_REBUILD.0,
        not_before: None,
        no_rebuild_before: None,
        no_scrub_before: None,
        scrub: Scrub::default(),
    };
    let thread = thread::Builder::new().name("store-keeper".into()).spawn(move || keeper.run());
    thread.map_err(|cause| OpenError::failed("starting the keeper".into(), cause))
}

struct Keeper {
    shared: Arc<Shared>,
    marks: Marks,
    /// Held while sled is written to.
    applying: Arc<Mutex<()>>,
    /// What a snapshot has, and the journal need not keep.
    droppable: Option<Head>,
    /// sled is to be made again.
    rebuild: bool,
    /// How long to wait when that fails.
    rebuild_pause: Duration,
    /// After a failure: when to try again.
    not_before: Option<Instant>,
    no_rebuild_before: Option<Instant>,
    no_scrub_before: Option<Instant>,
    scrub: Scrub,
}

/// How far everything was read.
#[derive(Debug, Default)]
struct Scrub {
    after: Option<(Tenant, Cursor)>,
    read: u64,
    /// All records of the index were read; up to where it was looked whether sled has others.
    others: Option<Option<Number>>,
    done: bool,
}

impl Keeper {
    fn run(&mut self) {
        let mut pause = PERIOD;
        loop {
            let wanted = self.shared.pending.wait_for_keeper(pause);
            if wanted.closed {
                return;
            }
            self.rebuild |= wanted.rebuild;
            self.marks.needs_snapshot = self.marks.needs_snapshot.max(wanted.snapshot);
            pause = PERIOD;
            let is_due = |not_before: Option<Instant>| not_before.is_none_or(|not_before| not_before <= Instant::now());
            if self.rebuild && is_due(self.no_rebuild_before) {
                let failed = self.guarded("making sled again", Self::rebuild_or_tell);
                self.no_rebuild_before = failed.map(|_| Instant::now() + self.rebuild_pause);
                self.rebuild_pause = failed.map_or(RETRY_REBUILD.0, |_| (self.rebuild_pause * 2).min(RETRY_REBUILD.1));
            }
            if is_due(self.not_before) && !self.shared.has_failed() {
                let journaled = wanted.journaled as i64;
                let grown = |(mark, bytes): (i64, u64), least: u64, part: u64| journaled - mark > least.max(bytes / part) as i64;
                let options = &self.shared.options;
                if grown(self.marks.index, options.index_bytes, 2) {
                    self.not_before = self.guarded("saving the index", |keeper| keeper.save_index(journaled));
                }
                let options = &self.shared.options;
                if self.marks.needs_snapshot.is_some_and(|frame| self.is_applied(frame))
                    || grown(self.marks.snapshot, options.snapshot_bytes, 1)
                {
                    self.not_before = self.guarded("writing a snapshot", |keeper| keeper.write_snapshot(journaled));
                }
                if let Some(not_before) = self.guarded("dropping segments of the journal", Self::drop_journal) {
                    self.not_before = Some(not_before);
                }
            }
            if !self.scrub.done && is_due(self.no_scrub_before) {
                let started = Instant::now();
                self.no_scrub_before = self.guarded("reading all records", Self::scrub);
                pause = if self.rebuild { Duration::ZERO } else { (started.elapsed() * SCRUB.1).min(PERIOD) };
            }
        }
    }

    /// Whether sled has what a frame told.
    fn is_applied(&self, frame: u64) -> bool {
        frame == 0 || self.shared.published().applied.as_ref().is_some_and(|(head, _)| head.frame >= frame)
    }

    /// Does something that may fail without harm: it is tried again later. Returns when, if it failed.
    fn guarded(&mut self, what: &'static str, work: impl FnOnce(&mut Self) -> Result<(), StoreError>) -> Option<Instant> {
        let result = catch_unwind(AssertUnwindSafe(|| work(self)));
        let error = match result {
            Ok(Ok(())) => return None,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "a panic".to_owned(),
        };
        if !self.shared.pending.is_closed() {
            tracing::error!(%error, "{what} failed; it is tried again");
        }
        Some(Instant::now() + RETRY)
    }

    fn save_index(&mut self, journaled: i64) -> Result<(), StoreError> {
        self.check_room(self.marks.index.1)?;
        let started = Instant::now();
        let (frame, bytes) = saved_index::write(&self.shared).map_err(|error| failed("saving the index", &error))?;
        tracing::debug!(frame, bytes, milliseconds = started.elapsed().as_millis(), "index saved");
        self.marks.index = (journaled, bytes);
        Ok(())
    }

    fn write_snapshot(&mut self, journaled: i64) -> Result<(), StoreError> {
        self.check_room(self.marks.snapshot.1)?;
        let started = Instant::now();
        let written = match snapshot::write(&self.shared) {
            Ok(Some(written)) => written,
            Ok(None) => return Ok(()),
            Err(SavedError::Record(error)) => {
                self.rebuild |= matches!(error, StoreError::Damaged { .. });
                return Err(error);
            }
            Err(error) => return Err(failed("writing a snapshot", &error)),
        };
        self.marks.snapshot = (journaled, written.bytes);
        self.marks.needs_snapshot = None;
        let (frame, bytes) = (written.head.frame, written.bytes);
        self.shared.counters.snapshots.fetch_add(1, Ordering::Relaxed);
        tracing::info!(frame, bytes, milliseconds = started.elapsed().as_millis(), "snapshot written");
        // The saved index must not need what is dropped: it is brought up from the journal.
        self.droppable = None;
        self.save_index(journaled)?;
        self.droppable = Some(written.head);
        Ok(())
    }

    /// Drops the journal that the snapshot has, once the log stream has its log entries.
    fn drop_journal(&mut self) -> Result<(), StoreError> {
        let Some(head) = &self.droppable else { return Ok(()) };
        if self.shared.log_synced.load(Ordering::Relaxed) < head.log.sequence {
            return Ok(());
        }
        let dropped = self.shared.segments.drop_until(head.frame);
        if let Err(DropError::Sync(cause)) = &dropped {
            self.shared.fail(&format!("syncing the journal's directory: {cause}"));
        }
        let segments = dropped.map_err(|cause| failed("dropping segments of the journal", &cause))?;
        tracing::debug!(segments, frame = head.frame, "journal dropped");
        self.droppable = None;
        Ok(())
    }

    /// What is written here is as long as what it replaces, about; the reserve stays.
    fn check_room(&self, bytes: u64) -> Result<(), StoreError> {
        let free = self.shared.free().map_err(|cause| failed("examining the file system", &cause))?;
        if files::has_room(free, self.shared.options.reserve_bytes, bytes) { Ok(()) } else { Err(StoreError::Full) }
    }

    fn rebuild_or_tell(&mut self) -> Result<(), StoreError> {
        let rebuilt = self.rebuild();
        let failure = rebuilt.as_ref().err().map(ToString::to_string);
        *self.shared.rebuild_failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
        rebuilt
    }

    /// Makes sled again from snapshot and journal, and puts it in the place of the one in use. Readers wait for the exchange
    /// alone.
    fn rebuild(&mut self) -> Result<(), StoreError> {
        let old = files::size(&files::objects(&self.shared.directory));
        self.check_room(old.map_err(|cause| failed("examining sled's files", &cause))?)?;
        let shared = &self.shared;
        let started = Instant::now();
        let _applying = self.applying.lock().unwrap_or_else(PoisonError::into_inner);
        let head = shared.published().head.clone();
        let options = &shared.options;
        let journal = scan::look(shared.segments.directory())?;
        let is_cancelled = || shared.pending.is_closed();
        history::rebuild_engine(&shared.directory, &shared.keyring, &journal, &head, options.cache_bytes, &is_cancelled)?;
        let installed = shared.replace_engine(|| history::install_engine(&shared.directory, options.cache_bytes));
        installed.map_err(|error| error.during("opening sled again"))?;
        shared.counters.rebuilds.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(records = head.count, milliseconds = started.elapsed().as_millis(), "sled was made again");
        self.rebuild = false;
        self.scrub = Scrub { done: true, ..Scrub::default() };
        Ok(())
    }

    /// Reads the next records, without haste. Damage asks for sled to be made again.
    fn scrub(&mut self) -> Result<(), StoreError> {
        let (batch, last) = {
            let published = self.shared.published();
            let entries = published.index.entries_after(self.scrub.after, SCRUB.0);
            let last =
                entries.last().map(|last| (last.tenant, Cursor { created: last.place.created, position: last.place.position }));
            (entries.into_iter().map(|entry| (entry.tenant, entry.identifier)).collect::<Vec<_>>(), last)
        };
        if last.is_none() {
            return self.scrub_others();
        }
        let read = batch.len() as u64;
        for (tenant, identifier) in batch {
            match self.shared.sealed(tenant, &identifier) {
                Ok(_) => {}
                Err(error @ StoreError::Damaged { .. }) => {
                    self.damaged(&error);
                    return Ok(());
                }
                // The batch is read again later.
                Err(error) => return Err(error),
            }
        }
        self.scrub.after = last;
        self.scrub.read += read;
        Ok(())
    }
}

impl Keeper {
    /// Looks whether sled has records that are gone: a flipped bit can bring back what was destroyed.
    fn scrub_others(&mut self) -> Result<(), StoreError> {
        let after = self.scrub.others.unwrap_or_default();
        let numbers = self.shared.engine(|engine| engine.numbers_after(after, SCRUB.0));
        let numbers = match numbers.map_err(|error| error.during("the records of sled")) {
            Ok(numbers) => numbers,
            Err(error @ StoreError::Damaged { .. }) => {
                self.damaged(&error);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.scrub.others = Some(numbers.last().copied());
        if numbers.is_empty() {
            self.read_snapshot()?;
            self.scrub.done = true;
            return Ok(());
        }
        let published = self.shared.published();
        // What is gone since is in the overlay until sled has forgotten it.
        let unknown = numbers
            .into_iter()
            .find(|number| !published.overlay.contains_key(number) && history::identifier(&published.index, *number).is_none());
        let Some(unknown) = unknown else { return Ok(()) };
        drop(published);
        // It may have been applied between the two looks.
        if self.shared.engine(|engine| engine.read(unknown)).is_ok_and(|read| read.is_none()) {
            return Ok(());
        }
        self.damaged(&StoreError::Damaged { what: history::name(unknown), cause: "sled has it, and it is gone".into() });
        Ok(())
    }

    /// sled is not as it should be: it is made again, and there is nothing more to read in it.
    fn damaged(&mut self, error: &StoreError) {
        tracing::error!(%error, "sled is damaged; it is made again from snapshot and journal");
        self.rebuild = true;
        self.scrub.done = true;
    }

    /// Reads the snapshot and the journal behind it, too: they must be whole when they are needed. While sled is right, another
    /// snapshot makes good whatever is wrong with them.
    fn read_snapshot(&mut self) -> Result<(), StoreError> {
        let newest = snapshot::newest(&self.shared.directory, &self.shared.keyring);
        let newest = newest.map_err(|cause| failed("reading the snapshots", &cause))?;
        let mut pace = Pace::default();
        let read = newest.as_ref().map_or(Ok(()), |newest| {
            snapshot::read::<SavedError>(newest, &self.shared.keyring, |_, sealed| match pace.go_on(&self.shared, sealed.len()) {
                true => Ok(()),
                false => Err(SavedError::Closing),
            })
        });
        match read {
            Ok(()) => {
                if newest.is_none() && self.shared.segments.first().is_some_and(|first| first > 1) {
                    self.marks.needs_snapshot.get_or_insert(0);
                    return Ok(());
                }
                self.read_journal(newest.as_ref(), pace)
            }
            Err(SavedError::Closing) => Ok(()),
            Err(error) => {
                tracing::error!(%error, "the snapshot is damaged; another is written");
                self.marks.needs_snapshot.get_or_insert(0);
                Ok(())
            }
        }
    }

    /// Reads the journal behind the snapshot, up to what is durable now.
    fn read_journal(&mut self, snapshot: Option<&Snapshot>, mut pace: Pace) -> Result<(), StoreError> {
        let shared = &self.shared;
        let (from, durable) = (snapshot.map_or(0, |snapshot| snapshot.head.frame), shared.published().head.frame);
        let mut closing = false;
        let read = scan::look(shared.segments.directory()).and_then(|journal| {
            journal.read(&shared.keyring, from + 1, durable, durable, |frame| {
                if frame.sequence == from + 1 && snapshot.is_some_and(|snapshot| snapshot.hash != frame.previous) {
                    let cause = format!("frame {} does not follow the snapshot", frame.sequence);
                    return Err(OpenError::Damaged { what: "the journal".into(), cause });
                }
                let bytes = frame.changes.iter().filter_map(|change| change.sealed.as_deref()).map(<[u8]>::len).sum();
                closing |= !pace.go_on(shared, bytes);
                if closing { Err(OpenError::failed("reading the journal".into(), SavedError::Closing)) } else { Ok(()) }
            })
        });
        match read {
            Ok(_) => {
                tracing::info!(
                    records = self.scrub.read,
                    "all records, snapshot and journal were read and are as they were written"
                );
                Ok(())
            }
            Err(_) if closing => Ok(()),
            Err(OpenError::Damaged { what, cause }) => {
                tracing::error!(%what, %cause, "the journal is damaged; a snapshot is written that does not need it");
                shared.leave_journal_behind();
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Reads without haste.
struct Pace {
    since: Instant,
    bytes: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { since: Instant::now(), bytes: 0 }
    }
}

impl Pace {
    /// So many bytes were read: waits, if it is time to. Returns whether to go on: the store is not closing.
    fn go_on(&mut self, shared: &Shared, bytes: usize) -> bool {
        self.bytes += bytes;
        if self.bytes > SCRUB_BYTES {
            if shared.pending.is_closed() {
                return false;
            }
            thread::sleep(self.since.elapsed() * SCRUB.1);
            *self = Self::default();
        }
        true
    }
}

fn failed(what: &str, cause: &dyn std::fmt::Display) -> StoreError {
    StoreError::Failed { what: what.into(), cause: cause.to_string() }
}
