//! How a thread that answers requests waits for the disk by itself.
//!
//! While it waits, somebody else must run the other tasks, and look after the sockets if the other threads sleep. `block_in_place` wakes a
//! thread for that at each commit: with it, the Create of a client that is alone takes a sixth longer. So a thread just waits
//! while no other request is in hand, and a guard wakes another thread if that takes long: a disk that hangs keeps nobody but
//! those who wait for it.

use crate::metrics::Metrics;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;
use tokio::runtime::Runtime;

/// How often the guard looks. A request that arrives while the disk hangs waits for so long, at the most twice.
const LOOK: Duration = Duration::from_millis(5);

/// Looks at nothing before the guard sleeps until it is woken.
const QUIET_LOOKS: u32 = 200;

/// A way to wait for the disk.
#[derive(Debug)]
pub(crate) struct Aside {
    metrics: Arc<Metrics>,
    /// Counts each beginning and each end of a wait: odd while a thread waits.
    turns: AtomicU64,
    guard: OnceLock<Thread>,
    /// The guard looks.
    guarded: AtomicBool,
    closing: AtomicBool,
}

/// Ends the guard when it is dropped.
pub(crate) struct Guard {
    aside: Arc<Aside>,
    thread: Option<JoinHandle<()>>,
}

impl Aside {
    /// For requests that these metrics count.
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        let (guarded, closing) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { metrics, turns: AtomicU64::new(0), guard: OnceLock::new(), guarded, closing }
    }

    /// Runs what waits for the disk, on this thread.
    pub(crate) fn wait(&self, turn: &mut dyn FnMut()) {
        match self.guard.get() {
            Some(guard) if self.metrics.in_hand.load(SeqCst) <= 1 => {
                let _ended = Ended::after(&self.turns);
                if !self.guarded.swap(true, SeqCst) {
                    guard.unpark();
                }
                turn();
            }
            _ => tokio::task::block_in_place(turn),
        }
    }

    /// Starts the guard of a runtime. One with a single thread has none: its thread never just waits.
    ///
    /// # Errors
    /// When the system starts no thread.
    pub(crate) fn guard(self: &Arc<Self>, runtime: &Runtime) -> io::Result<Guard> {
        let mut guard = Guard { aside: Arc::clone(self), thread: None };
        if runtime.metrics().num_workers() > 1 {
            let (aside, handle) = (Arc::clone(self), runtime.handle().clone());
            // A task for nobody wakes a thread, which looks after the sockets when it has run it.
            let wake = move || drop(handle.spawn(async {}));
            let thread = thread::Builder::new().name("disk-guard".into()).spawn(move || aside.watch(wake))?;
            let _ = self.guard.set(thread.thread().clone());
            guard.thread = Some(thread);
        }
        Ok(guard)
    }

    fn watch(&self, wake: impl Fn()) {
        let (mut quiet, mut told) = (0, 0);
        while !self.closing.load(SeqCst) {
            if !self.guarded.load(SeqCst) {
                quiet = 0;
                thread::park();
                continue;
            }
            let before = self.turns.load(SeqCst);
            thread::sleep(LOOK);
            let now = self.turns.load(SeqCst);
            if now != before {
                quiet = 0;
            } else if now.is_multiple_of(2) {
                quiet += 1;
            } else if told != now {
                told = now;
                wake();
            }
            if quiet > QUIET_LOOKS {
                self.guarded.store(false, SeqCst);
                // One that began before this was seen believes that it is guarded.
                if self.turns.load(SeqCst) != now {
                    self.guarded.store(true, SeqCst);
                }
            }
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.aside.closing.store(true, SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It keeps its panics to itself.
            let _ = thread.join();
        }
    }
}

/// A wait that ends when this is dropped.
struct Ended<'a>(&'a AtomicU64);

impl<'a> Ended<'a> {
    fn after(turns: &'a AtomicU64) -> Self {
        turns.fetch_add(1, SeqCst);
        Self(turns)
    }
}

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket as Client;
    use std::time::Instant;
    use tokio::net::UdpSocket;

    const HANG: Duration = Duration::from_secs(3);

    /// How long another client waits for its answer while the disk hangs.
    fn waited(in_hand: usize) -> Duration {
        let metrics = Arc::new(Metrics::default());
        let aside = Arc::new(Aside::new(Arc::clone(&metrics)));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let _guard = aside.guard(&runtime).unwrap();
        let bind = || runtime.block_on(UdpSocket::bind("127.0.0.1:0")).unwrap();
        let (writing, reading) = (bind(), bind());
        let (to_writing, to_reading) = (writing.local_addr().unwrap(), reading.local_addr().unwrap());
        runtime.spawn(async move {
            let mut byte = [0; 1];
            while writing.recv(&mut byte).await.is_ok() {
                aside.wait(&mut || thread::sleep(HANG));
            }
        });
        runtime.spawn(async move {
            let mut byte = [0; 1];
            while let Ok((_, from)) = reading.recv_from(&mut byte).await {
                reading.send_to(&byte, from).await.unwrap();
            }
        });
        let client = Client::bind("127.0.0.1:0").unwrap();
        let mut byte = [0; 1];
        // Now all threads but that of the sockets sleep.
        client.send_to(&[1], to_reading).unwrap();
        client.recv(&mut byte).unwrap();
        thread::sleep(Duration::from_millis(50));
        metrics.in_hand.store(in_hand, SeqCst);
        client.send_to(&[1], to_writing).unwrap();
        thread::sleep(Duration::from_millis(50));
        let sent = Instant::now();
        client.send_to(&[1], to_reading).unwrap();
        client.recv(&mut byte).unwrap();
        runtime.shutdown_background();
        sent.elapsed()
    }

    #[test]
    fn a_disk_that_hangs_keeps_nobody_else() {
        for in_hand in [1, 2] {
            let waited = waited(in_hand);
            assert!(waited < HANG / 3, "{waited:?} with {in_hand} requests in hand");
        }
    }
}
