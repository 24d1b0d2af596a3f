//! Which batches wait for a worker, which are being worked on, and how much is kept for each client.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

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
    /// Batches that could not be processed, and when they are tried again, in microseconds since 1970.
    later: Vec<(i64, Waiting)>,
    wakers: Vec<Waker>,
    /// Items in the store, done or not, by client.
    kept: HashMap<(Tenant, String), Amount>,
    total: Amount,
}

/// How much is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) items: usize,
    /// Of their requests and results.
    pub(crate) bytes: usize,
}

/// What a worker is to do next.
pub(crate) enum Next<'a> {
    /// This.
    Batch(Running<'a>),
    /// This, when it is time, in microseconds since 1970, unless something comes before.
    Later(Waiting, i64),
}

impl Requests {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a batch wait for a worker. One that waits already is not added again.
    pub(crate) fn push(&self, waiting: Waiting) {
        let mut state = self.state();
        state.later.retain(|(_, later)| *later != waiting);
        if !state.waiting.contains(&waiting) {
            state.waiting.push_back(waiting);
        }
        state.wake();
    }

    /// Lets a batch wait for another try, at a time in microseconds since 1970.
    pub(crate) fn push_later(&self, waiting: Waiting, at_us: i64) {
        let mut state = self.state();
        state.later.retain(|(_, later)| *later != waiting);
        state.later.push((at_us, waiting));
        state.wake();
    }

    /// The next batch, when there is one, or that with the next try.
    pub(crate) async fn next(&self) -> Next<'_> {
        poll_fn(|task| {
            if let Poll::Ready(running) = self.poll_waiting(task) {
                return Poll::Ready(Next::Batch(running));
            }
            let state = self.state();
            let running = &state.running;
            let later = state.later.iter().filter(|(_, waiting)| !running.contains(&waiting.batch));
            match later.min_by_key(|(at_us, _)| *at_us) {
                Some((at_us, waiting)) => Poll::Ready(Next::Later(*waiting, *at_us)),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// The next batch that waits, when there is one.
    pub(crate) fn poll_waiting(&self, task: &mut Context<'_>) -> Poll<Running<'_>> {
        let mut state = self.state();
        match state.take_next() {
            Some(waiting) => Poll::Ready(Running { requests: self, waiting }),
            None => {
                if !state.wakers.iter().any(|waker| waker.will_wake(task.waker())) {
                    state.wakers.push(task.waker().clone());
                }
                Poll::Pending
            }
        }
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
            state.later.retain(|(_, other)| other.batch != waiting.batch);
            state.running.insert(waiting.batch);
            Poll::Ready(Some(Running { requests: self, waiting }))
        })
        .await
    }

    /// Whether a batch waits for a worker, or one has it.
    pub(crate) fn is_open(&self, batch: BatchIdentifier) -> bool {
        let state = self.state();
        let mut waiting = state.waiting.iter().chain(state.later.iter().map(|(_, waiting)| waiting));
        state.running.contains(&batch) || waiting.any(|waiting| waiting.batch == batch)
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
        amount: Amount,
        limits: &AsynchronousSettings,
    ) -> Result<Place<'a>> {
        let mut state = self.state();
        let own = state.own(tenant, client);
        if own.items + amount.items > limits.requests_per_client {
            let text = "Too many asynchronous requests of the client are pending or kept; poll them, or wait";
            return Err(Error::new(ResultReason::ServerLimitExceeded, text).because(format_args!("{own:?} of this client")));
        }
        if state.total.items + amount.items > limits.requests {
            let text = "The server keeps as many asynchronous requests as it can; try again later, or synchronously";
            return Err(Error::new(ResultReason::ServerLimitExceeded, text).because(format_args!("{:?} in all", state.total)));
        }
        state.check_bytes(own, amount.bytes, limits)?;
        state.grow(tenant, client, amount);
        Ok(Place { requests: self, tenant, client, amount, keep: false })
    }

    /// Whether so many more bytes can be kept for a client.
    ///
    /// # Errors
    /// Server Limit Exceeded.
    pub(crate) fn check_bytes(&self, tenant: Tenant, client: &str, bytes: usize, limits: &AsynchronousSettings) -> Result<()> {
        let state = self.state();
        state.check_bytes(state.own(tenant, client), bytes, limits)
    }

    /// Gives places back.
    pub(crate) fn leave(&self, tenant: Tenant, client: &str, amount: Amount) {
        self.state().shrink(tenant, client, amount);
    }

    /// What is kept of an item has another size now.
    pub(crate) fn resize(&self, tenant: Tenant, client: &str, before: usize, now: usize) {
        let mut state = self.state();
        state.grow(tenant, client, Amount { items: 0, bytes: now });
        state.shrink(tenant, client, Amount { items: 0, bytes: before });
    }

    /// Counts anew what is kept.
    pub(crate) fn recount<'a>(&self, items: impl Iterator<Item = (Tenant, &'a str, usize)>) {
        let mut state = self.state();
        state.kept.clear();
        state.total = Amount::default();
        for (tenant, client, bytes) in items {
            state.grow(tenant, client, Amount { items: 1, bytes });
        }
    }

    /// How much is kept.
    pub(crate) fn total(&self) -> Amount {
        self.state().total
    }
}

impl State {
    fn own(&self, tenant: Tenant, client: &str) -> Amount {
        self.kept.get(&(tenant, client.to_owned())).copied().unwrap_or_default()
    }

    fn check_bytes(&self, own: Amount, bytes: usize, limits: &AsynchronousSettings) -> Result<()> {
        if own.bytes.saturating_add(bytes) > limits.bytes_per_client || self.total.bytes.saturating_add(bytes) > limits.bytes {
            let text = "The requests and results that are kept would be too many bytes; wait until some are removed, or ask synchronously";
            return Err(Error::new(ResultReason::ServerLimitExceeded, text).because(format_args!("{own:?} of {:?}", self.total)));
        }
        Ok(())
    }

    fn grow(&mut self, tenant: Tenant, client: &str, amount: Amount) {
        let own = self.kept.entry((tenant, client.to_owned())).or_default();
        for of in [own, &mut self.total] {
            of.items += amount.items;
            of.bytes = of.bytes.saturating_add(amount.bytes);
        }
    }

    fn shrink(&mut self, tenant: Tenant, client: &str, amount: Amount) {
        let key = (tenant, client.to_owned());
        let Some(own) = self.kept.get_mut(&key) else { return };
        for of in [&mut *own, &mut self.total] {
            of.items = of.items.saturating_sub(amount.items);
            of.bytes = of.bytes.saturating_sub(amount.bytes);
        }
        if own.items == 0 {
            self.kept.remove(&key);
        }
    }

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
    amount: Amount,
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
            self.requests.leave(self.tenant, self.client, self.amount);
        }
    }
}
