//! The writer: it makes whatever commits are waiting durable together. Its thread does that, or, for a commit that is alone,
//! the thread that makes the commit.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use store::index::{Facets, Place};
use store::sealing::{Randomness, encode_record};
use store::{Change, Commit, Guard, LogRecord, Revision, StoreError, Tenant};

use crate::anchor::Anchor;
use crate::head::Head;
use crate::journal::{self, AppendError, Changed, Frame, Journal, LogBlock, MAX_FRAME};
use crate::layout::{self, Number};
use crate::log_stream::seal_block;
use crate::open::OpenError;
use crate::queue::{Job, Taken};
use crate::shared::Shared;

/// A disk is quick when a frame is on it after no more than this. Where it takes longer, two changes of threads hardly show.
const QUICK: Duration = Duration::from_micros(500);

/// How many frames in a row must have been quick.
const QUICK_FRAMES: u32 = 8;

/// Makes the thread of the writer.
pub(crate) fn spawn(shared: Arc<Shared>, writer: Arc<Mutex<Writer>>) -> Result<JoinHandle<()>, OpenError> {
    let run = move || {
        while let Some(taken) = shared.queue.take() {
            write(&shared, &writer, taken);
        }
        shared.pending.close();
    };
    let thread = thread::Builder::new().name("store-writer".into()).spawn(run);
    thread.map_err(|cause| OpenError::failed("starting the writer".into(), cause))
}

/// Uses a turn that the queue gave, and ends it.
pub(crate) fn write(shared: &Shared, writer: &Mutex<Writer>, taken: Taken) {
    // Free: it is locked in a turn only.
    let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
    // The answers that a panic drops say so themselves.
    if catch_unwind(AssertUnwindSafe(|| writer.write(taken))).is_err() {
        shared.fail("the writer panicked");
    }
    let quick = writer.quick_frames >= QUICK_FRAMES;
    drop(writer);
    shared.queue.done(quick);
}

#[derive(Debug)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
    /// What is durable.
    head: Head,
    journal: Journal,
    anchor: Anchor,
    /// Where its frames are made.
    buffer: journal::frame::Buffer,
    /// How many frames in a row were quickly on the disk.
    quick_frames: u32,
}

/// Why a group was not made durable.
#[derive(Debug, thiserror::Error)]
enum GroupError {
    /// There was no room; nothing of it is left.
    #[error("no space left on the device")]
    Full,
    /// Nothing was written, and it may be tried again.
    #[error("{0}")]
    Refused(String),
    /// Whether it is kept shows after a restart.
    #[error("{0}")]
    Failed(String),
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, journal: Journal, anchor: Anchor) -> Self {
        let head = shared.published().head.clone();
        Self { shared, head, journal, anchor, buffer: journal::frame::Buffer::default(), quick_frames: 0 }
    }

    fn write(&mut self, taken: Taken) {
        // The background keeps up, or nothing more is taken.
        let has_room = self.shared.pending.wait_for_room();
        let shared = Arc::clone(&self.shared);
        // What is sealed besides the changes: log entries, the head.
        let seals = 2 + taken.jobs.iter().map(|job| job.commit.changes.len()).sum::<usize>();
        let mut group = Group::new(&shared, self.head.clone(), seals, taken.jobs.len());
        let mut log = taken.log;
        // After a failure nothing is written any more; commits are refused below.
        if shared.has_failed() && !log.is_empty() {
            tracing::error!(entries = log.len(), "the store is read-only: log entries of reads are logged at the next start");
            log.clear();
        }
        if !has_room && !log.is_empty() {
            shared.queue.put_back(std::mem::take(&mut log));
        }
        for entry in &log {
            group.log(entry.bytes.clone());
        }
        let mut answers = Vec::with_capacity(taken.jobs.len());
        let mut jobs = taken.jobs.into_iter();
        // Once it was found that a commit can be made, so can those after it.
        let (mut accepting, mut logging) = (false, false);
        while let Some(Job { tenant, commit, facets, answer }) = jobs.next() {
            if !group.has_room_for(&commit) {
                let job = Job { tenant, commit, facets, answer };
                shared.queue.put_back_jobs(std::iter::once(job).chain(jobs));
                break;
            }
            // What was read is logged in a part of the reserve.
            let only_logs = commit.changes.is_empty() && !commit.log.is_empty();
            let accepted = match accepting || (only_logs && logging) {
                true => Ok(()),
                false => {
                    let accepted = if only_logs { shared.loggable() } else { shared.writable() };
                    accepted.and_then(|()| if has_room { Ok(()) } else { Err(behind()) })
                }
            };
            logging |= accepted.is_ok();
            accepting |= accepted.is_ok() && !only_logs;
            answers.push((answer, accepted.and_then(|()| group.stage(tenant, commit, facets))));
        }
        // A refused commit is answered after the group, too: what it was in conflict with is visible then.
        let written = if group.is_empty() { Ok(()) } else { self.make_durable(group) };
        let error = match written {
            Ok(()) => {
                shared.ahead.done(log.iter().map(|entry| entry.file));
                answers.into_iter().for_each(|(answer, staged)| answer.send(staged));
                return;
            }
            Err(error) => error,
        };
        match &error {
            // These were accepted: they wait for room, with a limit of their own.
            GroupError::Full | GroupError::Refused(_) => shared.queue.put_back(log),
            GroupError::Failed(cause) => shared.fail(cause),
        }
        for (answer, _) in answers {
            // Also to those in conflict: it may have been with a commit that is not made now.
            answer.send(Err(match &error {
                GroupError::Full => StoreError::Full,
                GroupError::Refused(cause) | GroupError::Failed(cause) => {
                    StoreError::Failed { what: "writing a commit".into(), cause: cause.clone() }
                }
            }));
        }
    }

    /// Makes the group durable, then visible.
    fn make_durable(&mut self, group: Group<'_>) -> Result<(), GroupError> {
        let shared = Arc::clone(&self.shared);
        let keyring = &shared.keyring;
        let failed = |error: store::sealing::SealingError| GroupError::Failed(error.to_string());
        let Group { mut head, entries, changes, index, mut random, .. } = group;
        let log = match entries.first() {
            Some(first) => {
                let sealed = seal_block(keyring, &mut random, head.revision, &entries).map_err(failed)?;
                Some(LogBlock { first: first.sequence, count: entries.len() as u32, sealed: sealed.into() })
            }
            None => None,
        };
        let (sequence, previous) = self.journal.next();
        head.frame = sequence;
        let buffer = &mut self.buffer;
        let hash = journal::frame::encode(buffer, keyring, &mut random, &previous, &head, &changes, log.as_ref());
        let hash = hash.map_err(failed)?;
        let bytes = self.buffer.frame();
        let begun = Instant::now();
        self.journal.append(bytes, hash).map_err(|error| match error {
            AppendError::Full => GroupError::Full,
            AppendError::Refused(cause) => GroupError::Refused(format!("writing the journal: {cause}")),
            AppendError::Failed(cause) => GroupError::Failed(format!("writing the journal: {cause}")),
        })?;
        self.journal.sync().map_err(|cause| GroupError::Failed(format!("syncing the journal: {cause}")))?;
        self.quick_frames = if begun.elapsed() <= QUICK { self.quick_frames.saturating_add(1) } else { 0 };

        // It is durable: nothing from here on takes it back.
        self.head = head.clone();
        let frame = Frame { sequence, previous, hash, head, changes, log };
        {
            let mut published = shared.publish();
            published.overlay(&frame);
            for change in index {
                match change {
                    IndexChange::Put { tenant, identifier, owner, place, facets } => {
                        published.index.put(tenant, &identifier, &owner, place, facets);
                    }
                    IndexChange::Remove { tenant, identifier } => drop(published.index.remove(tenant, &identifier)),
                }
            }
            published.head = frame.head.clone();
            published.hash = hash;
        }
        shared.pending.push(frame, bytes.len());
        match self.anchor.write(keyring, sequence, &hash) {
            Ok(()) => {}
            // The group is durable. The anchor says less until the next group.
            Err(cause) if journal::is_full(&cause) => tracing::warn!(%cause, "the anchor could not be written"),
            Err(cause) => shared.fail(&format!("writing the anchor: {cause}")),
        }
        Ok(())
    }
}

/// What a group may have: room is left in the frame for what seals the log entries.
const GROUP_MAX: usize = MAX_FRAME / 2;

/// What a record adds at the most to what a client gave: seal, footer, numbers.
const RECORD: usize = 256;

/// Why commits are refused while nothing can be applied, and no more can wait.
pub(crate) fn behind() -> StoreError {
    let cause = "what was written before cannot be applied to sled; see the log".into();
    StoreError::Failed { what: "committing".into(), cause }
}

/// Commits that become durable together.
struct Group<'a> {
    shared: &'a Shared,
    head: Head,
    /// What the group did to a record so far: where it is now, or that it is gone. Kept where another commit may follow.
    staged: Option<HashMap<(Tenant, String), Option<Place>>>,
    changes: Vec<Changed>,
    index: Vec<IndexChange>,
    entries: Vec<LogRecord>,
    /// Bytes of the changes and entries.
    size: usize,
    random: Randomness,
}

/// What to tell the index, in the order of the commits.
enum IndexChange {
    Put { tenant: Tenant, identifier: String, owner: String, place: Place, facets: Facets },
    Remove { tenant: Tenant, identifier: String },
}

/// A change that was checked and sealed.
struct Sealed {
    before: Option<Place>,
    after: Option<Place>,
    change: Changed,
    index: IndexChange,
}

impl<'a> Group<'a> {
    /// A group of so many commits at the most, with about so much to seal.
    fn new(shared: &'a Shared, head: Head, seals: usize, commits: usize) -> Self {
        Self {
            shared,
            head,
            staged: (commits > 1).then(HashMap::new),
            changes: Vec::new(),
            index: Vec::new(),
            entries: Vec::new(),
            size: 0,
            // Without random bytes, the sealing that needs some says so.
            random: Randomness::for_seals(seals).unwrap_or_default(),
        }
    }

    fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.entries.is_empty() && self.head.revision == self.shared.published().head.revision
    }

    /// Whether a commit fits into what is left of the frame; into an empty one it is tried.
    fn has_room_for(&self, commit: &Commit) -> bool {
        let names = |change: &Change| match change {
            Change::Put(put) => put.identifier.len() + put.owner.len() + 12 * put.numbers.len() + RECORD,
            Change::Remove { .. } => RECORD,
        };
        let size = commit.size() + commit.changes.iter().map(names).sum::<usize>();
        self.size == 0 || self.size + size <= GROUP_MAX
    }

    fn log(&mut self, entry: Vec<u8>) {
        self.size += entry.len();
        self.entries.push(self.head.log.append(entry));
    }

    /// Adds a commit to the group, all of it or, with an error, nothing.
    fn stage(&mut self, tenant: Tenant, commit: Commit, facets: Vec<Facets>) -> Result<Revision, StoreError> {
        let mut places = Vec::with_capacity(commit.changes.len());
        for change in &commit.changes {
            let identifier = change.identifier();
            let place = self.place(tenant, identifier);
            if place.map(|place| place.revision) != change.expected() {
                return Err(StoreError::Conflict { identifier: identifier.into() });
            }
            places.push(place);
        }
        for guard in &commit.guards {
            if self.is_taken(tenant, guard, &commit.changes) {
                return Err(StoreError::Taken { field: guard.term.field });
            }
        }
        let revision = Revision(self.head.revision.0 + 1);
        let mut changes = Vec::with_capacity(commit.changes.len());
        let mut size = 0;
        for (position, ((change, before), facets)) in (0..).zip(commit.changes.into_iter().zip(places).zip(facets)) {
            let sealed = self.seal(tenant, revision, position, before, change, facets)?;
            size += journal::frame::size_of_change(sealed.change.sealed.as_deref().map(<[u8]>::len));
            changes.push(sealed);
        }
        size += commit.log.iter().map(Vec::len).sum::<usize>();
        if self.size + size > GROUP_MAX {
            return Err(StoreError::TooLarge { what: "the commit with its names and seals".into(), size, limit: GROUP_MAX });
        }

        // Nothing fails from here on.
        self.size += size;
        changes.into_iter().for_each(|change| self.enter(tenant, change));
        for entry in commit.log {
            self.entries.push(self.head.log.append(entry));
        }
        self.head.revision = revision;
        Ok(revision)
    }

    fn place(&self, tenant: Tenant, identifier: &str) -> Option<Place> {
        let staged = self.staged.as_ref().filter(|staged| !staged.is_empty());
        match staged.and_then(|staged| staged.get(&(tenant, identifier.to_owned()))) {
            Some(staged) => *staged,
            None => self.shared.published().index.place(tenant, identifier),
        }
    }

    /// Whether a record that the commit does not change has what a guard forbids. What this group has given is taken, even if
    /// the group took it away again: the request tries once more.
    fn is_taken(&self, tenant: Tenant, guard: &Guard, changes: &[Change]) -> bool {
        let own: HashSet<&str> = changes.iter().map(Change::identifier).collect();
        let published = self.shared.published();
        let term = published.index.hasher().hash(guard.term.field, &guard.term.value);
        let given = self.index.iter().any(|change| match change {
            IndexChange::Put { tenant: of, identifier, owner, facets, .. } => {
                *of == tenant
                    && *owner == guard.owner
                    && !own.contains(&**identifier)
                    && facets.terms.binary_search(&term).is_ok()
            }
            IndexChange::Remove { .. } => false,
        });
        // A record that the group changed counts as it is after the change.
        let is_staged =
            |identifier: &str| self.staged.as_ref().is_some_and(|staged| staged.contains_key(&(tenant, identifier.to_owned())));
        let excepted = |identifier: &str| own.contains(identifier) || is_staged(identifier);
        given || published.index.taken(tenant, guard, excepted)
    }

    fn seal(
        &mut self,
        tenant: Tenant,
        revision: Revision,
        position: u32,
        before: Option<Place>,
        change: Change,
        facets: Facets,
    ) -> Result<Sealed, StoreError> {
        let put = match (change, before) {
            (Change::Put(put), _) => put,
            (Change::Remove { identifier, .. }, Some(place)) => {
                let change = Changed { number: Number::of(tenant, &place), sealed: None };
                return Ok(Sealed { before, after: None, change, index: IndexChange::Remove { tenant, identifier } });
            }
            (Change::Remove { identifier, .. }, None) => return Err(StoreError::Conflict { identifier }),
        };
        let place = match before {
            Some(place) => Place { revision, ..place },
            None => Place { created: revision, position, revision },
        };
        let contents = encode_record(&put, &facets);
        let sealed = self.shared.keyring.seal_with(&mut self.random, &layout::label(tenant, &place), &contents);
        let sealed = sealed.map_err(|error| StoreError::Failed { what: "sealing a record".into(), cause: error.to_string() })?;
        let change = Changed { number: Number::of(tenant, &place), sealed: Some(sealed.into()) };
        let index = IndexChange::Put { tenant, identifier: put.identifier, owner: put.owner, place, facets };
        Ok(Sealed { before, after: Some(place), change, index })
    }

    fn enter(&mut self, tenant: Tenant, sealed: Sealed) {
        let keyring = &self.shared.keyring;
        if let Some(place) = &sealed.before {
            self.head.leave(keyring, tenant, place);
        }
        if let Some(place) = &sealed.after {
            self.head.enter(keyring, tenant, place);
        }
        if let Some(staged) = &mut self.staged {
            let (IndexChange::Put { identifier, .. } | IndexChange::Remove { identifier, .. }) = &sealed.index;
            staged.insert((tenant, identifier.clone()), sealed.after);
        }
        self.changes.push(sealed.change);
        self.index.push(sealed.index);
    }
}
