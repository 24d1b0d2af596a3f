//! The threads that bring commits: when all that were ready to run have run, and how one of them waits for the disk.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Tells the writer of a store that no commit is about to arrive: whoever runs the requests calls [`Lull::begins`] when a
/// thread of theirs has nothing more to run (a runtime, when it parks one).
///
/// With it, the writer takes the commits of all requests that are being handled as one group, and syncs once. Without it, it
/// takes those that have arrived.
#[derive(Clone, Debug, Default)]
pub struct Lull {
    state: Arc<State>,
    aside: Option<Aside>,
}

/// Does something that may take long, while another thread does what this one would.
#[derive(Clone)]
pub(crate) struct Aside(Arc<DoAside>);

type DoAside = dyn Fn(&mut dyn FnMut()) + Send + Sync;

impl Aside {
    pub(crate) fn wait(&self, work: &mut dyn FnMut()) {
        (self.0)(work);
    }
}

impl fmt::Debug for Aside {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Aside")
    }
}

#[derive(Debug, Default)]
struct State {
    count: AtomicU64,
    waiting: AtomicBool,
    lock: Mutex<()>,
    begun: Condvar,
}

impl Lull {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With a way in which a thread that brings commits can wait for the disk without keeping whatever else it had to run (in
    /// tokio, `block_in_place`): then it writes a commit that is alone by itself, if the disk is quick. Without it, none does.
    #[must_use]
    pub fn with_aside(self, aside: impl Fn(&mut dyn FnMut()) + Send + Sync + 'static) -> Self {
        Self { aside: Some(Aside(Arc::new(aside))), ..self }
    }

    pub(crate) fn aside(&self) -> Option<&Aside> {
        self.aside.as_ref()
    }

    /// A thread that brings commits has nothing more to run. Costs next to nothing while nobody waits for it.
    pub fn begins(&self) {
        self.state.count.fetch_add(1, Ordering::SeqCst);
        if self.state.waiting.load(Ordering::SeqCst) {
            // The one who waits is between its look at the count and its wait, or waits: not while this is held.
            drop(self.state.lock.lock().unwrap_or_else(PoisonError::into_inner));
            self.state.begun.notify_one();
        }
    }

    /// How many there were.
    pub(crate) fn count(&self) -> u64 {
        self.state.count.load(Ordering::SeqCst)
    }

    /// Waits until there were more than so many, but no longer than until a moment.
    pub(crate) fn wait(&self, count: u64, until: Instant) {
        let mut guard = self.state.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.state.waiting.store(true, Ordering::SeqCst);
        while self.count() <= count {
            let left = until.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                break;
            }
            guard = self.state.begun.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        self.state.waiting.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_lull_ends_the_wait_and_so_does_time() {
        let lull = Lull::new();
        let far = || Instant::now() + Duration::from_secs(60);
        lull.begins();
        lull.wait(0, far());
        let other = lull.clone();
        let begun = lull.count();
        let waiting = thread::spawn(move || other.wait(begun, far()));
        thread::sleep(Duration::from_millis(20));
        assert!(!waiting.is_finished());
        lull.begins();
        waiting.join().expect("thread");
        lull.wait(lull.count(), Instant::now() + Duration::from_millis(5));
    }
}
