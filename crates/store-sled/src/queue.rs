//! Commits on their way to the writer.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use store::index::Facets;
use store::{Commit, MAX_COMMIT, Revision, StoreError, Tenant};

use crate::answer::{self, Receiver, Sender};
use crate::lull::Lull;

/// How long log entries of what changed nothing may wait for a commit to be synced with.
const LOG_DELAY: Duration = Duration::from_millis(50);

/// Bytes of such entries that may wait. A disk that is further behind refuses what would have to be logged.
const LOG_WAITING_MAX: usize = 16 << 20;

/// How long the writer waits for requests that are being handled, at the most.
const GATHERING: Duration = Duration::from_millis(1);

/// Commits on their way to the writer.
#[derive(Debug)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    lull: Option<Lull>,
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    /// Log entries nobody waits for.
    log: Vec<(Tenant, Vec<u8>)>,
    log_size: usize,
    /// Since when the first of them waits.
    log_since: Option<Instant>,
    /// How many commits the writer took last.
    last: usize,
    /// How many lulls there were when the last commit arrived.
    lulls: u64,
    closed: bool,
}

/// A commit and who waits for it.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) tenant: Tenant,
    pub(crate) commit: Commit,
    /// What each change can be found by, hashed where the commit came from: the writer has enough to do.
    pub(crate) facets: Vec<Facets>,
    pub(crate) answer: Sender<Revision>,
}

impl Queue {
    pub(crate) fn new(lull: Option<Lull>) -> Self {
        Self { waiting: Mutex::default(), arrived: Condvar::new(), lull }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, tenant: Tenant, commit: Commit, facets: Vec<Facets>) -> Result<Receiver<Revision>, StoreError> {
        let (sender, receiver) = answer::channel();
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(StoreError::Failed { what: "committing".into(), cause: "the store is closing".into() });
        }
        waiting.lulls = self.lull.as_ref().map_or(0, Lull::count);
        waiting.jobs.push_back(Job { tenant, commit, facets, answer: sender });
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

    /// Puts commits back that did not fit: they are the oldest.
    pub(crate) fn put_back_jobs(&self, jobs: impl DoubleEndedIterator<Item = Job>) {
        let mut waiting = self.lock();
        jobs.rev().for_each(|job| waiting.jobs.push_front(job));
    }

    /// Puts log entries back that could not be written: they are the oldest.
    pub(crate) fn put_back(&self, log: Vec<(Tenant, Vec<u8>)>) {
        let mut waiting = self.lock();
        if waiting.closed && !log.is_empty() {
            tracing::error!(entries = log.len(), "the store closes with a full disk: log entries of reads are lost");
            return;
        }
        waiting.log_size += log.iter().map(|(_, entry)| entry.len()).sum::<usize>();
        waiting.log.splice(0..0, log);
        if !waiting.log.is_empty() {
            waiting.log_since = Some(Instant::now());
        }
    }

    /// Takes what is waiting, up to the size of the largest commit, and the log entries with it. `None`: nothing will come
    /// any more.
    pub(crate) fn take(&self) -> Option<Taken> {
        let mut waiting = self.lock();
        while waiting.jobs.is_empty() && !waiting.closed {
            let now = Instant::now();
            waiting = match waiting.log_since.map(|since| since + LOG_DELAY) {
                Some(due) if due <= now => break,
                None => self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                Some(due) => {
                    let waited = self.arrived.wait_timeout(waiting, due.saturating_duration_since(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        waiting = self.let_others_arrive(waiting);
        let mut size = 0;
        let mut fits = |job: &Job| {
            size += job.commit.size();
            size <= MAX_COMMIT
        };
        let count = waiting.jobs.iter().take_while(|job| fits(job)).count().max(1).min(waiting.jobs.len());
        if count == 0 && waiting.log.is_empty() {
            return None;
        }
        let log = std::mem::take(&mut waiting.log);
        waiting.log_size = 0;
        waiting.log_since = None;
        waiting.last = count;
        Some(Taken { jobs: waiting.jobs.drain(..count).collect(), log })
    }

    /// Lets those commits arrive whose requests are being handled now: until a thread that handles requests has nothing more
    /// to do, and no longer than [`GATHERING`]. One client alone is never kept.
    fn let_others_arrive<'a>(&'a self, mut waiting: MutexGuard<'a, Waiting>) -> MutexGuard<'a, Waiting> {
        let Some(lull) = &self.lull else { return waiting };
        let until = Instant::now() + GATHERING;
        while waiting.jobs.len() + waiting.last > 2 && !waiting.jobs.is_empty() && !waiting.closed {
            let lulls = waiting.lulls;
            if lull.count() > lulls || Instant::now() >= until {
                break;
            }
            drop(waiting);
            lull.wait(lulls, until);
            waiting = self.lock();
        }
        waiting
    }
}

/// What the writer got from the queue.
pub(crate) struct Taken {
    pub(crate) jobs: Vec<Job>,
    /// Log entries that are older.
    pub(crate) log: Vec<(Tenant, Vec<u8>)>,
}
