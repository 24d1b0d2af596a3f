//! Slow computations, on threads of their own and only a few at a time: key generation and password verification must not keep
//! other clients waiting.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// A bounded number of slow computations at one time, and a bounded number waiting.
#[derive(Clone, Debug)]
pub struct Workshop {
    running: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    waiting_max: usize,
}

/// No computation was done: too many wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorkError {
    /// Too many are waiting.
    #[error("too many slow computations are waiting")]
    Crowded,
    /// It panicked.
    #[error("a slow computation failed")]
    Failed,
}

impl Workshop {
    /// At most `running` at a time (0: half of the processors) and `waiting_max` waiting.
    #[must_use]
    pub fn new(running: usize, waiting_max: usize) -> Self {
        let running = if running == 0 {
            std::thread::available_parallelism().map_or(1, |processors| processors.get().div_ceil(2))
        } else {
            running
        };
        Self { running: Arc::new(Semaphore::new(running)), waiting: Arc::default(), waiting_max }
    }

    /// Runs a computation on a thread of its own when it is its turn.
    ///
    /// # Errors
    /// When too many wait already, or it panics.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, WorkError> {
        let place = Waiting::enter(&self.waiting, self.waiting_max)?;
        let permit = Arc::clone(&self.running).acquire_owned().await.map_err(|_| WorkError::Failed)?;
        drop(place);
        let (done, result) = oneshot::channel();
        // A thread for each, since one that was made less important cannot be made important again. Beside what is computed on it,
        // making it costs nothing.
        let thread = std::thread::Builder::new().name("heavy-work".to_owned()).spawn(move || {
            // The permit goes with the work: a client that leaves does not make room for more than run.
            let _permit = permit;
            yield_to_others();
            // Nobody waits any more when the client has left.
            let _ = done.send(work());
        });
        thread.map_err(|_| WorkError::Failed)?;
        // Work that panics drops its end.
        result.await.map_err(|_| WorkError::Failed)
    }
}

/// How much less important than other threads those are that compute for long: they get about a tenth of a processor that others want,
/// all of one that nobody wants, and make way when a request comes in.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Makes the thread less important. If the system does not let it, the work is done anyway.
fn yield_to_others() {
    // Elsewhere than in Linux it would be the process, not the thread.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "slow computations are as important to the system as requests");
    }
}

/// A place among those that wait, given back also when the client leaves.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicUsize, most: usize) -> Result<Self, WorkError> {
        let entered = Self(count);
        if count.fetch_add(1, Relaxed) >= most { Err(WorkError::Crowded) } else { Ok(entered) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// A queue for each name: only so many of one name go on at a time, the others of that name wait for them.
#[derive(Debug)]
pub struct Queues {
    turns: Mutex<HashMap<String, Arc<Semaphore>>>,
    each: usize,
}

impl Queues {
    /// At most `each` of one name at a time.
    #[must_use]
    pub fn new(each: usize) -> Self {
        Self { turns: Mutex::default(), each }
    }

    /// Waits for a turn in the queue of a name, which lasts until it is dropped.
    pub async fn enter<'a>(&'a self, name: &'a str) -> Turn<'a> {
        let semaphore = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(name.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.each))))
        };
        // Made before the wait, so that a client that leaves meanwhile is forgotten too.
        let mut turn = Turn { queues: self, name, semaphore: Some(semaphore), permit: None };
        if let Some(semaphore) = &turn.semaphore {
            // The semaphore is never closed.
            turn.permit = Arc::clone(semaphore).acquire_owned().await.ok();
        }
        turn
    }
}

/// A turn in a queue.
#[derive(Debug)]
pub struct Turn<'a> {
    queues: &'a Queues,
    name: &'a str,
    semaphore: Option<Arc<Semaphore>>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        drop(self.permit.take());
        let mut turns = self.queues.turns.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.semaphore.take());
        // Only the map's own is left: nobody of this name is here any more.
        if turns.get(self.name).is_some_and(|semaphore| Arc::strong_count(semaphore) == 1) {
            turns.remove(self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn only_so_many_run_and_wait() {
        let workshop = Workshop::new(1, 1);
        let (release, gate) = mpsc::channel::<()>();
        let (started, running) = tokio::sync::oneshot::channel();
        let first = tokio::spawn({
            let workshop = workshop.clone();
            async move {
                workshop
                    .run(move || {
                        started.send(()).unwrap();
                        gate.recv().unwrap();
                        1
                    })
                    .await
            }
        });
        running.await.unwrap();
        let second = tokio::spawn({
            let workshop = workshop.clone();
            async move { workshop.run(|| 2).await }
        });
        while workshop.waiting.load(Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(workshop.run(|| 3).await, Err(WorkError::Crowded));
        release.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(1));
        assert_eq!(second.await.unwrap(), Ok(2));
        assert_eq!(workshop.run(|| 4).await, Ok(4));
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_gives_its_place_back() {
        let workshop = Workshop::new(1, 1);
        let failed: Result<(), _> = workshop.run(|| panic!("on purpose")).await;
        assert_eq!(failed, Err(WorkError::Failed));
        assert_eq!(workshop.run(|| 5).await, Ok(5));
    }

    #[tokio::test]
    async fn one_name_does_not_keep_another_waiting() {
        let queues = Queues::new(2);
        let first = queues.enter("one").await;
        let second = queues.enter("one").await;
        let wait = std::time::Duration::from_millis(20);
        assert!(tokio::time::timeout(wait, queues.enter("one")).await.is_err(), "a third of one name waits");
        drop(tokio::time::timeout(wait, queues.enter("other")).await.unwrap());
        drop(first);
        drop(tokio::time::timeout(wait, queues.enter("one")).await.unwrap());
        drop(second);
        assert!(queues.turns.lock().unwrap().is_empty(), "nobody is remembered");
    }
}
