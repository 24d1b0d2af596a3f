//! The writer: one thread that makes whatever commits are waiting durable together.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use store::index::Place;
use store::sealing::encode_record;
use store::{Change, Commit, LogRecord, MAX_COMMIT, Revision, StoreError, Tenant, Term};

use crate::anchor::Anchor;
use crate::answer::{self, Receiver, Sender};
use crate::engine::{EngineError, Writes};
use crate::head::{Head, Where};
use crate::layout::{self, Number};
use crate::open::OpenError;
use crate::shared::{Shared, seal_log_record};

/// How long after the last commit the anchor follows.
const ANCHOR_DELAY: Duration = Duration::from_millis(100);

/// How long log entries of what changed nothing may wait for a commit to be synced with.
const LOG_DELAY: Duration = Duration::from_millis(50);

/// Bytes of such entries that may wait. A disk that is further behind refuses what would have to be logged.
const LOG_WAITING_MAX: usize = 16 << 20;

/// Commits on their way to the writer.
#[derive(Debug)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    /// Log entries nobody waits for.
    log: Vec<(Tenant, Vec<u8>)>,
    log_size: usize,
    /// Since when the first of them waits.
    log_since: Option<Instant>,
    closed: bool,
}

#[derive(Debug)]
struct Job {
    tenant: Tenant,
    commit: Commit,
    answer: Sender<Revision>,
}

impl Queue {
    pub(crate) fn new() -> Self {
        Self { waiting: Mutex::default(), arrived: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, tenant: Tenant, commit: Commit) -> Result<Receiver<Revision>, StoreError> {
        let (sender, receiver) = answer::channel();
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(StoreError::Failed { what: "committing".into(), cause: "the store is closing".into() });
        }
        waiting.jobs.push_back(Job { tenant, commit, answer: sender });
        drop(waiting);
        self.arrived.notify_one();
        Ok(receiver)
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
    }

    /// Takes log entries without a promise to say when they are durable.
    pub(crate) fn push_log(&self, tenant: Tenant, entries: Vec<Vec<u8>>) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let refused = |cause: &str| StoreError::Failed { what: "logging".into(), cause: cause.into() };
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(refused("the store is closing"));
        }
        let size = waiting.log_size + entries.iter().map(Vec::len).sum::<usize>();
        if size > LOG_WAITING_MAX {
            return Err(refused("the disk is too far behind"));
        }
        waiting.log_size = size;
        waiting.log.extend(entries.into_iter().map(|entry| (tenant, entry)));
        let first = waiting.log_since.is_none();
        if first {
            waiting.log_since = Some(Instant::now());
        }
        drop(waiting);
        if first {
            // The writer begins to count the time.
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Takes what is waiting, up to the size of the largest commit, and the log entries with it.
    fn take(&self, patience: Option<Duration>) -> Taken {
        let until = patience.map(|patience| Instant::now() + patience);
        let mut waiting = self.lock();
        while waiting.jobs.is_empty() && !waiting.closed {
            let now = Instant::now();
            let due = waiting.log_since.map(|since| since + LOG_DELAY);
            let next = match (due, until) {
                (Some(due), _) if due <= now => break,
                (None, Some(until)) if until <= now => return Taken::Nothing,
                (due, until) => due.or(until),
            };
            waiting = match next {
                None => self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                Some(next) => {
                    let waited = self.arrived.wait_timeout(waiting, next.saturating_duration_since(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        let mut size = 0;
        let mut fits = |job: &Job| {
            size += job.commit.size();
            size <= MAX_COMMIT
        };
        let count = waiting.jobs.iter().take_while(|job| fits(job)).count().max(1).min(waiting.jobs.len());
        if count == 0 && waiting.log.is_empty() {
            return Taken::Closed;
        }
        let log = std::mem::take(&mut waiting.log);
        waiting.log_size = 0;
        waiting.log_since = None;
        Taken::Jobs(waiting.jobs.drain(..count).collect(), log)
    }
}

/// What the writer got from the queue.
enum Taken {
    /// Commits, and log entries that are older.
    Jobs(Vec<Job>, Vec<(Tenant, Vec<u8>)>),
    /// Nothing came in time.
    Nothing,
    /// Nothing will come any more.
    Closed,
}

pub(crate) fn spawn(shared: Arc<Shared>, head: Head, anchor: Anchor) -> Result<JoinHandle<()>, OpenError> {
    let mut writer = Writer { shared, head, anchor };
    let thread = thread::Builder::new().name("store-writer".into()).spawn(move || writer.run());
    thread.map_err(|cause| OpenError::failed("starting the writer".into(), cause))
}

struct Writer {
    shared: Arc<Shared>,
    /// What is durable.
    head: Head,
    anchor: Anchor,
}

impl Writer {
    fn run(&mut self) {
        loop {
            match self.shared.queue.take(self.is_anchor_behind().then_some(ANCHOR_DELAY)) {
                Taken::Jobs(jobs, log) => {
                    // The answers that a panic drops say so themselves.
                    if catch_unwind(AssertUnwindSafe(|| self.write(jobs, log))).is_err() {
                        self.fail("the writer panicked");
                    }
                }
                Taken::Nothing => self.follow(true),
                Taken::Closed => return self.follow(true),
            }
        }
    }

    /// Whether the anchor has to follow. Not after a failure: nothing is written then.
    fn is_anchor_behind(&self) -> bool {
        self.anchor.is_behind(&self.head) && !self.shared.has_failed()
    }

    /// Lets the anchor follow the head, which is durable.
    fn follow(&mut self, sync: bool) {
        if !self.is_anchor_behind() {
            return;
        }
        let written = self.anchor.write(&self.shared.keyring, &self.head);
        if let Err(cause) = written.and_then(|()| if sync { self.anchor.sync() } else { Ok(()) }) {
            self.fail(&format!("writing the anchor: {cause}"));
        }
    }

    fn write(&mut self, jobs: Vec<Job>, log: Vec<(Tenant, Vec<u8>)>) {
        // Before the group is synced, so that nothing is written between its fsync and its acknowledgement.
        self.follow(false);
        let mut group = Group::new(&self.shared, self.head.clone());
        // After a failure nothing is written any more; commits are refused below.
        for (tenant, entry) in log.into_iter().filter(|_| !self.shared.has_failed()) {
            let commit = Commit { changes: Vec::new(), log: vec![entry] };
            // They were accepted: what is left of the reserve is for them.
            if let Err(error) = group.stage(tenant, commit) {
                // From now on nothing is answered that would have to be logged.
                self.fail(&format!("logging: {error}"));
            }
        }
        let mut answers = Vec::with_capacity(jobs.len());
        for Job { tenant, commit, answer } in jobs {
            let staged = self.shared.writable().and_then(|()| group.stage(tenant, commit));
            answers.push((answer, staged));
        }
        // A refused commit is answered after the group, too: what it was in conflict with is visible then.
        let written = if group.revisions > 0 { group.write() } else { Ok(self.head.clone()) };
        match written {
            Ok(head) => {
                self.head = head;
                answers.into_iter().for_each(|(answer, staged)| answer.send(staged));
            }
            Err(error) => {
                let cause = error.to_string();
                self.fail(&cause);
                for (answer, staged) in answers {
                    answer.send(staged.and_then(|_| {
                        let failed = StoreError::Failed { what: "writing a commit".into(), cause: cause.clone() };
                        Err(if error.is_full() { StoreError::Full } else { failed })
                    }));
                }
            }
        }
    }

    /// No commit is accepted from now on. What readers see stays as it is.
    fn fail(&self, cause: &str) {
        tracing::error!(cause, "a write failed; the store is read-only until it is opened again");
        self.shared.fail(cause);
    }
}

/// Commits that become durable together.
struct Group<'a> {
    shared: &'a Shared,
    head: Head,
    revisions: u64,
    writes: Writes,
    /// What the group did to a record so far: where it is now and in how many chunks, or that it is gone.
    staged: HashMap<(Tenant, String), Option<(Place, u16)>>,
    aside: HashMap<Number, Vec<u8>>,
    index: Vec<IndexChange>,
}

/// What to tell the index, in the order of the commits.
enum IndexChange {
    Put { tenant: Tenant, identifier: String, owner: String, place: Place, terms: Vec<Term> },
    Remove { tenant: Tenant, identifier: String },
}

/// A change that was checked and sealed.
struct Sealed {
    before: Option<(Place, u16)>,
    /// The published bytes, if this group did not change the record before.
    aside: Option<Vec<u8>>,
    after: Option<(Place, Vec<u8>)>,
    index: IndexChange,
}

impl<'a> Group<'a> {
    fn new(shared: &'a Shared, head: Head) -> Self {
        Self {
            shared,
            head,
            revisions: 0,
            writes: Writes::default(),
            staged: HashMap::new(),
            aside: HashMap::new(),
            index: Vec::new(),
        }
    }

    /// Adds a commit to the group, all of it or, with an error, nothing.
    fn stage(&mut self, tenant: Tenant, commit: Commit) -> Result<Revision, StoreError> {
        for change in &commit.changes {
            let identifier = change.identifier();
            if self.place(tenant, identifier).map(|place| place.revision) != change.expected() {
                return Err(StoreError::Conflict { identifier: identifier.into() });
            }
        }
        let revision = Revision(self.head.revision.0 + 1);
        let mut changes = Vec::with_capacity(commit.changes.len());
        for (position, change) in (0..).zip(commit.changes) {
            changes.push(self.seal(tenant, revision, position, change)?);
        }
        let mut end = self.head.log.clone();
        let entries: Vec<LogRecord> = commit.log.into_iter().map(|entry| end.append(entry)).collect();
        let mut log = Vec::with_capacity(entries.len());
        for entry in entries {
            let sealed = seal_log_record(&self.shared.keyring, revision, &entry);
            log.push((entry.sequence, sealed.map_err(|error| failed("sealing a log entry", error))?));
        }

        // Nothing fails from here on.
        changes.into_iter().for_each(|change| self.enter(tenant, change));
        for (sequence, sealed) in log {
            self.writes.log.insert(&sequence.to_be_bytes(), sealed);
        }
        self.head.log = end;
        self.head.revision = revision;
        self.revisions += 1;
        Ok(revision)
    }

    fn place(&self, tenant: Tenant, identifier: &str) -> Option<Place> {
        match self.staged.get(&(tenant, identifier.to_owned())) {
            Some(staged) => staged.map(|(place, _)| place),
            None => self.shared.published().index.place(tenant, identifier),
        }
    }

    fn seal(&self, tenant: Tenant, revision: Revision, position: u32, change: Change) -> Result<Sealed, StoreError> {
        let identifier = change.identifier();
        let (before, aside) = match self.staged.get(&(tenant, identifier.to_owned())) {
            Some(staged) => (*staged, None),
            None => match self.shared.published().index.place(tenant, identifier) {
                None => (None, None),
                Some(place) => {
                    let sealed = self
                        .shared
                        .engine
                        .read(Number::of(tenant, &place))
                        .and_then(|sealed| sealed.ok_or_else(|| EngineError::Damaged("the engine lost it".into())));
                    let sealed = sealed.map_err(|error| error.during(identifier))?;
                    (Some((place, layout::chunks(sealed.len()))), Some(sealed))
                }
            },
        };
        let put = match change {
            Change::Remove { identifier, .. } => {
                return Ok(Sealed { before, aside, after: None, index: IndexChange::Remove { tenant, identifier } });
            }
            Change::Put(put) => put,
        };
        let place = match before {
            Some((place, _)) => Place { revision, ..place },
            None => Place { created: revision, position, revision },
        };
        let sealed = self.shared.keyring.seal(&layout::label(tenant, &place), &encode_record(&put));
        let sealed = sealed.map_err(|error| failed("sealing a record", error))?;
        let index = IndexChange::Put { tenant, identifier: put.identifier, owner: put.owner, place, terms: put.terms };
        Ok(Sealed { before, aside, after: Some((place, sealed)), index })
    }

    fn enter(&mut self, tenant: Tenant, change: Sealed) {
        let keyring = &self.shared.keyring;
        if let Some((place, chunks)) = change.before {
            let number = Number::of(tenant, &place);
            (0..chunks).for_each(|part| self.writes.records.remove(&number.key(part)));
            self.head.leave(keyring, tenant, &place);
            if let Some(sealed) = change.aside {
                self.aside.insert(number, sealed);
            }
        }
        let staged = change.after.map(|(place, sealed)| {
            let number = Number::of(tenant, &place);
            // Of a removal and an insertion of one key the later counts.
            for (part, chunk) in (0..).zip(layout::split(&sealed)) {
                self.writes.records.insert(&number.key(part), chunk);
            }
            self.head.enter(keyring, tenant, &place);
            (place, layout::chunks(sealed.len()))
        });
        let identifier = match &change.index {
            IndexChange::Put { identifier, .. } | IndexChange::Remove { identifier, .. } => identifier.clone(),
        };
        self.staged.insert((tenant, identifier), staged);
        self.index.push(change.index);
    }

    /// Makes the group durable, then visible.
    fn write(mut self) -> Result<Head, EngineError> {
        let sealed = self.head.seal(&self.shared.keyring, Where::Engine);
        self.writes.head = sealed.map_err(|error| EngineError::Failed(error.to_string()))?;
        // From here on the engine may have newer bytes than readers may see.
        self.shared.publish().aside = self.aside;
        self.shared.engine.apply(&self.writes)?;
        self.shared.engine.sync()?;
        let mut published = self.shared.publish();
        for change in self.index {
            match change {
                IndexChange::Put { tenant, identifier, owner, place, terms } => {
                    published.index.put(tenant, &identifier, &owner, place, &terms);
                }
                IndexChange::Remove { tenant, identifier } => drop(published.index.remove(tenant, &identifier)),
            }
        }
        published.aside = HashMap::new();
        published.log_end = self.head.log.sequence;
        Ok(self.head)
    }
}

fn failed(what: &str, cause: impl ToString) -> StoreError {
    StoreError::Failed { what: what.into(), cause: cause.to_string() }
}
