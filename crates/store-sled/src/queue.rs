//! Commits on their way to the writer.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use store::index::Facets;
use store::{Commit, MAX_COMMIT, Revision, StoreError, Tenant};

use crate::ahead::Entry;
use crate::answer::{self, Receiver, Sender};
use crate::lull::Lull;

/// How long log entries of what changed nothing may wait for a commit to be synced with.
const LOG_DELAY: Duration = Duration::from_millis(50);

/// Bytes of such entries that may wait. A disk that is further behind refuses what would have to be logged.
const LOG_WAITING_MAX: usize = 16 << 20;

/// How long the writer waits for requests that are being handled, at the most.
const GATHERING: Duration = Duration::from_millis(1);

/// What the thread of a lone commit writes itself, in bytes with the log entries that wait: nothing that takes long to seal.
const ALONE_MAX: usize = 64 << 10;

/// Commits on their way to the writer.
///
/// One at a time has the turn to write: the writer's thread, or a thread that makes a commit while nobody writes, no other
/// commit waits, and the disk is quick. Then a change of threads, there and back, would take longer than the sync.
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
    log: Vec<Entry>,
    log_size: usize,
    /// Since when the first of them waits.
    log_since: Option<Instant>,
    /// How many commits the writer took last.
    last: usize,
    /// How many lulls there were when the last commit arrived.
    lulls: u64,
    /// Somebody has the turn to write.
    writing: bool,
    /// Whether the disk was quick lately.
    quick: bool,
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

impl Job {
    pub(crate) fn new(tenant: Tenant, commit: Commit, facets: Vec<Facets>) -> (Self, Receiver<Revision>) {
        let (answer, receiver) = answer::channel();
        (Self { tenant, commit, facets, answer }, receiver)
    }
}

impl Waiting {
    fn check_log(&self, size: usize) -> Result<(), StoreError> {
        let refused = |cause: &str| StoreError::Failed { what: "logging".into(), cause: cause.into() };
        if self.closed {
            return Err(refused("the store is closing"));
        }
        if self.log_size + size > LOG_WAITING_MAX {
            return Err(refused("the disk is too far behind"));
        }
        Ok(())
    }

    /// Begins a turn with the first commits and all log entries.
    fn begin(&mut self, count: usize) -> Taken {
        self.writing = true;
        self.last = count;
        self.log_size = 0;
        self.log_since = None;
        Taken { jobs: self.jobs.drain(..count).collect(), log: std::mem::take(&mut self.log) }
    }
}

impl Queue {
    pub(crate) fn new(lull: Option<Lull>) -> Self {
        Self { waiting: Mutex::default(), arrived: Condvar::new(), lull }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a commit to the writer's thread; or gives the caller the turn to write it, which ends with [`Queue::done`].
    /// `at_once`: nothing but the disk would be waited for.
    pub(crate) fn push(&self, job: Job, at_once: bool) -> Result<Option<Taken>, StoreError> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(StoreError::Failed { what: "committing".into(), cause: "the store is closing".into() });
        }
        let may_wait = self.lull.as_ref().is_none_or(|lull| lull.aside().is_some());
        // Where the last group had several commits, others are about to arrive.
        let is_alone = !waiting.writing && waiting.jobs.is_empty() && waiting.last <= 1;
        let is_small = job.commit.size() + waiting.log_size <= ALONE_MAX;
        waiting.jobs.push_back(job);
        if may_wait && at_once && is_alone && is_small && waiting.quick {
            return Ok(Some(waiting.begin(1)));
        }
        waiting.lulls = self.lull.as_ref().map_or(0, Lull::count);
        // Who has the turn looks for more at its end.
        let is_awaited = !waiting.writing;
        drop(waiting);
        if is_awaited {
            self.arrived.notify_one();
        }
        Ok(None)
    }

    /// Uses a turn in the thread that makes a commit: whatever else it had to run goes on elsewhere.
    pub(crate) fn aside(&self, turn: impl FnOnce()) {
        let mut turn = Some(turn);
        let mut use_turn = || {
            if let Some(turn) = turn.take() {
                turn();
            }
        };
        if let Some(aside) = self.lull.as_ref().and_then(Lull::aside) {
            // What panics there is not the turn, which keeps its panics to itself.
            let _ = catch_unwind(AssertUnwindSafe(|| aside.wait(&mut use_turn)));
        }
        // Whatever became of that: a turn that is not used would never end.
        use_turn();
    }

    /// Ends a turn, and says whether the disk was quick lately.
    pub(crate) fn done(&self, quick: bool) {
        let mut waiting = self.lock();
        waiting.writing = false;
        waiting.quick = quick;
        let is_more = !waiting.jobs.is_empty() || waiting.log_since.is_some() || waiting.closed;
        drop(waiting);
        if is_more {
            self.arrived.notify_one();
        }
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
    }

    /// Whether log entries of so many bytes would be taken now.
    pub(crate) fn check_log(&self, size: usize) -> Result<(), StoreError> {
        self.lock().check_log(size)
    }

    /// Whether somebody has the turn.
    #[cfg(test)]
    pub(crate) fn is_written(&self) -> bool {
        self.lock().writing
    }

    /// Takes log entries without a promise to say when they are durable.
    pub(crate) fn push_log(&self, entries: impl Iterator<Item = Entry>) -> Result<(), StoreError> {
        let entries: Vec<Entry> = entries.collect();
        let size = entries.iter().map(|entry| entry.bytes.len()).sum::<usize>();
        let mut waiting = self.lock();
        waiting.check_log(size)?;
        waiting.log_size += size;
        waiting.log.extend(entries);
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

    /// Puts log entries back that could not be written, or were left by an earlier process: they are the oldest.
    pub(crate) fn put_back(&self, log: Vec<Entry>) {
        let mut waiting = self.lock();
        if waiting.closed && !log.is_empty() {
            tracing::error!(
                entries = log.len(),
                "the store closes with a full disk: log entries of reads are logged at the next start"
            );
            return;
        }
        waiting.log_size += log.iter().map(|entry| entry.bytes.len()).sum::<usize>();
        waiting.log.splice(0..0, log);
        if !waiting.log.is_empty() {
            waiting.log_since = Some(Instant::now());
        }
    }

    /// Takes the turn to write what is waiting, up to the size of the largest commit, and the log entries with it; it ends with
    /// [`Queue::done`]. `None`: nothing will come any more.
    pub(crate) fn take(&self) -> Option<Taken> {
        let mut waiting = self.lock();
        while waiting.writing || (waiting.jobs.is_empty() && !waiting.closed) {
            let now = Instant::now();
            waiting = match waiting.log_since.map(|since| since + LOG_DELAY).filter(|_| !waiting.writing) {
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
        Some(waiting.begin(count))
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

/// What is written in one turn.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) jobs: Vec<Job>,
    /// Log entries that are older.
    pub(crate) log: Vec<Entry>,
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn job(size: usize) -> Job {
        let commit = Commit { log: vec![vec![0; size]], ..Commit::default() };
        Job::new(Tenant::DEFAULT, commit, Vec::new()).0
    }

    fn queue_of_a_quick_disk() -> Queue {
        let queue = Queue::new(None);
        queue.done(true);
        queue
    }

    #[test]
    fn a_lone_small_commit_gets_the_turn_and_the_log_entries_before_it() {
        let queue = queue_of_a_quick_disk();
        queue.push_log(std::iter::once(Entry { bytes: vec![1], file: 1 })).expect("log");
        let taken = queue.push(job(10), true).expect("push").expect("the turn");
        assert_eq!((taken.jobs.len(), taken.log.len()), (1, 1));
        // Others wait for its end, and are then the writer's.
        assert!(queue.push(job(10), true).expect("push").is_none());
        assert!(queue.push(job(10), true).expect("push").is_none());
        queue.done(true);
        assert_eq!(queue.take().expect("taken").jobs.len(), 2);
        queue.done(true);
        // There were two: more are about to arrive.
        assert!(queue.push(job(10), true).expect("push").is_none());
        assert_eq!(queue.take().expect("taken").jobs.len(), 1);
        queue.done(true);
        assert!(queue.push(job(10), true).expect("push").is_some());
    }

    #[test]
    fn the_threads_of_a_runtime_wait_only_aside() {
        static ASIDE: AtomicBool = AtomicBool::new(false);
        let with_lull = |lull| {
            let queue = Queue::new(Some(lull));
            queue.done(true);
            queue
        };
        assert!(with_lull(Lull::new()).push(job(10), true).expect("push").is_none());
        let queue = with_lull(Lull::new().with_aside(|turn| {
            ASIDE.store(true, Ordering::SeqCst);
            turn();
        }));
        assert!(queue.push(job(10), true).expect("push").is_some());
        let mut used = 0;
        queue.aside(|| used += 1);
        assert!(used == 1 && ASIDE.load(Ordering::SeqCst));
        with_lull(Lull::new().with_aside(|_| panic!("on purpose"))).aside(|| used += 1);
        assert_eq!(used, 2);
    }

    #[test]
    fn what_may_take_long_is_the_writers() {
        let queue = queue_of_a_quick_disk();
        assert!(queue.push(job(ALONE_MAX + 1), true).expect("push").is_none());
        assert_eq!(queue.take().expect("taken").jobs.len(), 1);
        queue.done(true);
        assert!(queue.push(job(10), false).expect("push").is_none());
        assert_eq!(queue.take().expect("taken").jobs.len(), 1);
        queue.done(false);
        assert!(queue.push(job(10), true).expect("push").is_none());
    }

    #[test]
    fn nobody_takes_while_another_has_the_turn() {
        let queue = queue_of_a_quick_disk();
        let _taken = queue.push(job(10), true).expect("push").expect("the turn");
        assert!(queue.push(job(10), true).expect("push").is_none());
        std::thread::scope(|scope| {
            let taking = scope.spawn(|| queue.take().expect("taken").jobs.len());
            std::thread::sleep(Duration::from_millis(20));
            assert!(!taking.is_finished());
            queue.done(true);
            assert_eq!(taking.join().expect("thread"), 1);
        });
        queue.close();
    }
}
