//! Which batches wait for a worker, which are being worked on, and how much is kept for each client.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use kmip::result_reason::ResultReason;
use store::Tenant;

use crate::asynchronous::item::BatchIdentifier;
use crate::environment::AsynchronousSettings;
use crate::error::{Error, Result};

/// A batch that waits for a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) tenant: Tenant,
    pub(crate) batch: BatchIdentifier,
    /// How many items it has.
    pub(crate) count: u16,
}

/// What is known of accepted requests beside the store.
#[derive(Debug, Default)]
pub(crate) struct Requests(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Waiting>,
    running: HashSet<BatchIdentifier>,
    wakers: Vec<Waker>,
    /// Items in the store, done or not, by client.
    kept: HashMap<(Tenant, String), usize>,
    total: usize,
}

impl Requests {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a batch wait for a worker. One that waits already is not added again.
    pub(crate) fn push(&self, waiting: Waiting) {
        let mut state = self.state();
        if !state.waiting.contains(&waiting) {
            state.waiting.push_back(waiting);
        }
        state.wake();
    }

    /// The next batch, when there is one.
    pub(crate) async fn next(&self) -> Running<'_> {
        poll_fn(|task| {
            let mut state = self.state();
            match state.take_next() {
                Some(waiting) => Poll::Ready(Running { requests: self, waiting }),
                None => {
                    state.wakers.push(task.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// The next batch, if there is one now.
    pub(crate) fn try_next(&self) -> Option<Running<'_>> {
        self.state().take_next().map(|waiting| Running { requests: self, waiting })
    }

    /// A batch, out of its turn; when somebody works on it, this waits for the end of that and returns none.
    pub(crate) async fn take(&self, waiting: Waiting) -> Option<Running<'_>> {
        let mut waited = false;
        poll_fn(|task| {
            let mut state = self.state();
            if state.running.contains(&waiting.batch) {
                waited = true;
                state.wakers.push(task.waker().clone());
                return Poll::Pending;
            }
            if waited {
                return Poll::Ready(None);
            }
            state.waiting.retain(|other| other.batch != waiting.batch);
            state.running.insert(waiting.batch);
            Poll::Ready(Some(Running { requests: self, waiting }))
        })
        .await
    }

    /// Whether a batch waits for a worker, or one has it.
    pub(crate) fn is_open(&self, batch: BatchIdentifier) -> bool {
        let state = self.state();
        state.running.contains(&batch) || state.waiting.iter().any(|waiting| waiting.batch == batch)
    }

    /// Whether a worker has it.
    pub(crate) fn is_running(&self, batch: BatchIdentifier) -> bool {
        self.state().running.contains(&batch)
    }

    /// Takes places for items of a client.
    ///
    /// # Errors
    /// Server Limit Exceeded.
    pub(crate) fn enter<'a>(
        &'a self,
        tenant: Tenant,
        client: &'a str,
        count: u16,
        limits: &AsynchronousSettings,
    ) -> Result<Place<'a>> {
        let mut state = self.state();
        let count = usize::from(count);
        let own = state.kept.get(&(tenant, client.to_owned())).copied().unwrap_or(0);
        if own + count > limits.requests_per_client {
            let text = "Too many asynchronous requests of the client are pending or kept; poll them, or wait";
            return Err(Error::new(ResultReason::ServerLimitExceeded, text).because(format_args!("{own} of this client")));
        }
        if state.total + count > limits.requests {
            let text = "The server keeps as many asynchronous requests as it can; try again later, or synchronously";
            return Err(Error::new(ResultReason::ServerLimitExceeded, text).because(format_args!("{} in all", state.total)));
        }
        *state.kept.entry((tenant, client.to_owned())).or_default() += count;
        state.total += count;
        Ok(Place { requests: self, tenant, client, count, keep: false })
    }

    /// Gives places back.
    pub(crate) fn leave(&self, tenant: Tenant, client: &str, count: usize) {
        let mut state = self.state();
        state.total = state.total.saturating_sub(count);
        let key = (tenant, client.to_owned());
        if let Some(own) = state.kept.get_mut(&key) {
            *own = own.saturating_sub(count);
            if *own == 0 {
                state.kept.remove(&key);
            }
        }
    }

    /// Counts anew what is kept.
    pub(crate) fn recount<'a>(&self, items: impl Iterator<Item = (Tenant, &'a str)>) {
        let mut state = self.state();
        state.kept.clear();
        state.total = 0;
        for (tenant, client) in items {
            *state.kept.entry((tenant, client.to_owned())).or_default() += 1;
            state.total += 1;
        }
    }

    /// How many items are kept.
    pub(crate) fn total(&self) -> usize {
        self.state().total
    }
}

impl State {
    fn wake(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }

    fn take_next(&mut self) -> Option<Waiting> {
        let running = &self.running;
        let next = self.waiting.iter().position(|waiting| !running.contains(&waiting.batch))?;
        let waiting = self.waiting.remove(next)?;
        self.running.insert(waiting.batch);
        Some(waiting)
    }
}

/// A batch that a worker has.
pub(crate) struct Running<'a> {
    requests: &'a Requests,
    pub(crate) waiting: Waiting,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = self.requests.state();
        state.running.remove(&self.waiting.batch);
        state.wake();
    }
}

/// Places for items that are about to be written.
pub(crate) struct Place<'a> {
    requests: &'a Requests,
    tenant: Tenant,
    client: &'a str,
    count: usize,
    keep: bool,
}

impl Place<'_> {
    /// The items were written.
    pub(crate) fn keep(mut self) {
        self.keep = true;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.keep {
            self.requests.leave(self.tenant, self.client, self.count);
        }
    }
}
