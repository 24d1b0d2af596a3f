//! What is durable in the journal and not yet in sled and in the log stream, and how the threads of a store tell each other.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::Options;
use crate::journal::Frame;

#[derive(Debug)]
pub(crate) struct Pending {
    state: Mutex<State>,
    /// For the thread that applies.
    arrived: Condvar,
    /// For the writer, which waits for room.
    applied: Condvar,
    /// For the keeper.
    wanted: Condvar,
    /// How many bytes are applied at once at the latest, how long they may wait, and how many may be there.
    apply_bytes: usize,
    apply_after: Duration,
    limit: usize,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<(Arc<Frame>, usize)>,
    bytes: usize,
    /// Since when the first of them waits.
    since: Option<Instant>,
    /// Bytes that the journal took since the store was opened.
    journaled: u64,
    /// Nothing will come any more.
    closed: bool,
    /// Nothing is applied now: the writer does not wait.
    halted: bool,
    rebuild: bool,
    /// A snapshot is wanted that begins at this frame or behind it.
    snapshot: Option<u64>,
}

/// What the keeper is told.
pub(crate) struct Wanted {
    pub(crate) closed: bool,
    pub(crate) rebuild: bool,
    pub(crate) snapshot: Option<u64>,
    pub(crate) journaled: u64,
}

impl Pending {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            state: Mutex::default(),
            arrived: Condvar::new(),
            applied: Condvar::new(),
            wanted: Condvar::new(),
            apply_bytes: options.apply_bytes,
            apply_after: options.apply_after,
            limit: options.overlay_bytes,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a frame that is durable and visible, and how long it is in the journal.
    pub(crate) fn push(&self, frame: Frame, bytes: usize) {
        let mut state = self.lock();
        state.frames.push_back((Arc::new(frame), bytes));
        state.bytes += bytes;
        state.journaled += bytes as u64;
        let first = state.since.is_none();
        if first {
            state.since = Some(Instant::now());
        }
        if first || state.bytes >= self.apply_bytes {
            self.arrived.notify_one();
        }
    }

    /// Waits until less is pending than may be; not while nothing is applied. Returns whether there is room.
    pub(crate) fn wait_for_room(&self) -> bool {
        let mut state = self.lock();
        while state.bytes > self.limit && !state.halted {
            self.arrived.notify_one();
            state = self.applied.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.bytes <= self.limit
    }

    /// Whether nothing can be applied now, and no more may wait.
    pub(crate) fn is_stuck(&self) -> bool {
        let state = self.lock();
        state.halted && state.bytes > self.limit
    }

    /// Whether less is pending than may be.
    pub(crate) fn has_room(&self) -> bool {
        self.lock().bytes <= self.limit
    }

    /// The frames to apply next, when there are enough of them, or they have waited long enough. They stay until they are
    /// [`done`](Self::done). `None`: all are applied, and nothing will come any more.
    pub(crate) fn take(&self) -> Option<Vec<Arc<Frame>>> {
        let mut state = self.lock();
        loop {
            if state.closed && state.frames.is_empty() {
                return None;
            }
            let due = state.since.map(|since| since + self.apply_after);
            let now = Instant::now();
            if !state.frames.is_empty() && (state.closed || state.bytes >= self.apply_bytes || due.is_some_and(|due| due <= now))
            {
                break;
            }
            state = match due {
                None => self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(due) => {
                    let waited = self.arrived.wait_timeout(state, due.saturating_duration_since(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        let mut bytes = 0;
        let fits = |(_, length): &&(Arc<Frame>, usize)| {
            let first = bytes == 0;
            bytes += length;
            first || bytes <= 2 * self.apply_bytes
        };
        Some(state.frames.iter().take_while(fits).map(|(frame, _)| Arc::clone(frame)).collect())
    }

    /// The first frames are applied.
    pub(crate) fn done(&self, count: usize) {
        let mut state = self.lock();
        for _ in 0..count {
            if let Some((_, bytes)) = state.frames.pop_front() {
                state.bytes -= bytes;
            }
        }
        state.since = (!state.frames.is_empty()).then(Instant::now);
        state.halted = false;
        self.applied.notify_all();
        self.wanted.notify_one();
    }

    /// Nothing can be applied for now. Waits a little; returns whether the store is closing.
    pub(crate) fn halt(&self, pause: Duration) -> bool {
        let mut state = self.lock();
        state.halted = true;
        self.applied.notify_all();
        if !state.closed {
            state = self.arrived.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.closed
    }

    /// How many bytes wait to be applied, and since when.
    pub(crate) fn behind(&self) -> (u64, Duration) {
        let state = self.lock();
        (state.bytes as u64, state.since.map_or(Duration::ZERO, |since| since.elapsed()))
    }

    /// The store accepts nothing any more: nobody waits for room.
    pub(crate) fn wake(&self) {
        self.lock().halted = true;
        self.applied.notify_all();
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
        self.applied.notify_all();
        self.wanted.notify_all();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Asks for sled to be made again from snapshot and journal.
    pub(crate) fn rebuild(&self) {
        self.lock().rebuild = true;
        self.wanted.notify_one();
    }

    /// Asks for a snapshot that begins at a frame or behind it.
    pub(crate) fn want_snapshot(&self, frame: u64) {
        let mut state = self.lock();
        state.snapshot = state.snapshot.max(Some(frame));
        self.wanted.notify_one();
    }

    /// Waits until the keeper may be wanted, but not longer than a pause.
    pub(crate) fn wait_for_keeper(&self, pause: Duration) -> Wanted {
        let mut state = self.lock();
        if !state.closed && !state.rebuild {
            state = self.wanted.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0;
        }
        let (rebuild, snapshot) = (std::mem::take(&mut state.rebuild), state.snapshot.take());
        Wanted { closed: state.closed, rebuild, snapshot, journaled: state.journaled }
    }
}
