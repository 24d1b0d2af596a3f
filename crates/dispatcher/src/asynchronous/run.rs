//! The work on accepted requests.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use kmip::enumerations::{BatchErrorContinuationOption, ResultStatus};
use kmip::message::RequestMessage;
use kmip::result_reason::ResultReason;
use policy::Actor;
use store::{Change, Commit, Store, StoreError, Tenant};
use zeroize::Zeroizing;

use crate::asynchronous::item::{ItemIdentifier, ItemOutcome, PendingItem};
use crate::asynchronous::queue::{Next, Running};
use crate::asynchronous::{Waiting, is_final, not_performed};
use crate::batch::{Answer, Prepared, Run, encode};
use crate::commit::{CONFLICT_RETRIES, Committed};
use crate::engine::{Engine, Request};
use crate::environment::Pending;
use crate::error::{Error, Result};
use crate::operation::Batch;
use crate::operations;
use crate::view::View;

/// How long a batch waits when the store did not take its results.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// The largest result that is kept, in bytes: a record of the store holds it, with some bytes around it.
const RESULT_LENGTH_MAX: usize = store::MAX_BODY - (64 << 10);

impl<S: Store> Engine<S> {
    /// A worker: processes accepted requests until it is dropped. Several of them work side by side, each on one batch at a time.
    pub async fn work(&self) {
        loop {
            let running = self.next_batch().await;
            self.work_on(running).await;
        }
    }

    /// The next batch, be it one that waits for another try.
    async fn next_batch(&self) -> Running<'_> {
        loop {
            let (again, at_us) = match self.asynchronous.next().await {
                Next::Batch(running) => return running,
                Next::Later(again, at_us) => (again, at_us),
            };
            let left_us = at_us.saturating_sub(self.environment.clock.now_us());
            // A clock that was set back must not make it wait for longer.
            let pause = Duration::from_micros(u64::try_from(left_us).unwrap_or(0)).min(RETRY_PAUSE);
            let mut pause = self.environment.clock.sleep(pause);
            let next = poll_fn(|task| match self.asynchronous.poll_waiting(task) {
                Poll::Ready(running) => Poll::Ready(Some(running)),
                Poll::Pending => pause.as_mut().poll(task).map(|()| None),
            });
            match next.await {
                Some(running) => return running,
                None => self.asynchronous.push(again),
            }
        }
    }

    /// Processes the requests that wait now; returns how many batches.
    pub async fn work_off(&self) -> usize {
        let mut batches = 0;
        while let Some(running) = self.asynchronous.try_next() {
            if let Err(error) = self.run_supervised(running.waiting).await {
                tracing::warn!(%error, "an asynchronous request could not be processed");
                let waiting = running.waiting;
                drop(running);
                self.asynchronous.push(waiting);
                return batches;
            }
            batches += 1;
        }
        batches
    }

    async fn work_on(&self, running: Running<'_>) {
        let waiting = running.waiting;
        if let Err(error) = self.run_supervised(waiting).await {
            tracing::warn!(%error, "an asynchronous request could not be processed; it is tried again in {RETRY_PAUSE:?}");
            let pause_us = i64::try_from(RETRY_PAUSE.as_micros()).unwrap_or(i64::MAX);
            self.asynchronous.push_later(waiting, self.environment.clock.now_us().saturating_add(pause_us));
        }
    }

    /// Runs what is not done of a batch. A panic fails what is left of it, and leaves the worker alone.
    async fn run_supervised(&self, waiting: Waiting) -> Result<()> {
        match caught(self.run_pending(waiting)).await {
            Some(done) => done,
            None => caught(self.give_up(waiting)).await.unwrap_or_else(|| Err(Error::general_failure("a worker panicked"))),
        }
    }

    /// Fails what is not done of a batch.
    async fn give_up(&self, waiting: Waiting) -> Result<()> {
        let Waiting { tenant, batch, count } = waiting;
        let error = Error::general_failure("the worker panicked");
        for identifier in ItemIdentifier::of(batch, count) {
            for _ in 0..CONFLICT_RETRIES {
                let item = self.load_pending(tenant, identifier).await?;
                let Some(mut item) = item.filter(|item| item.outcome.is_none()) else { break };
                item.finish(ItemOutcome::failure(&error, self.environment.clock.now_us()), Batch::default());
                let commit = Commit { changes: vec![Change::Put(item.to_put())], ..Commit::default() };
                if self.commit_pending(tenant, commit, std::slice::from_ref(&item)).await? == Committed::Made {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Commits items that are done, and counts what is kept of them from then on.
    async fn commit_pending(&self, tenant: Tenant, commit: Commit, items: &[PendingItem]) -> Result<Committed, StoreError> {
        let committed = self.commit(tenant, commit).await?;
        if committed == Committed::Made {
            for item in items {
                self.asynchronous.resize(tenant, &item.client, item.size, item.contents());
            }
        }
        Ok(committed)
    }

    /// Processes a batch out of its turn, as Process asks; if a worker has it, waits for the worker, and does what that one could
    /// not do.
    pub(crate) async fn run_now(&self, waiting: Waiting) -> Result<()> {
        let running = loop {
            if let Some(running) = self.asynchronous.take(waiting).await {
                break running;
            }
        };
        let done = self.run_supervised(waiting).await;
        drop(running);
        if done.is_err() {
            // It is as far as it was, and waits for a worker as before.
            self.asynchronous.push(waiting);
        }
        done
    }

    /// Runs what is not done of a batch. Boxed: Process, itself an operation, runs operations.
    fn run_pending(&self, waiting: Waiting) -> Pending<'_, Result<()>> {
        Box::pin(async move {
            let Waiting { tenant, batch, count } = waiting;
            // One that was cancelled may have been removed already.
            let mut first = None;
            for identifier in ItemIdentifier::of(batch, count) {
                first = self.load_pending(tenant, identifier).await?;
                if first.is_some() {
                    break;
                }
            }
            let Some(first) = first else { return Ok(()) };
            if first.continuation == BatchErrorContinuationOption::Undo && count > 1 {
                return self.run_pending_undoable(waiting).await;
            }
            let mut known = Batch::default();
            let mut stopped = false;
            for identifier in ItemIdentifier::of(batch, count) {
                let Some(item) = self.run_pending_item(tenant, identifier, &known, stopped).await? else { continue };
                let Some(outcome) = &item.outcome else { continue };
                let failed = outcome.status != ResultStatus::Success;
                stopped |= failed && item.continuation != BatchErrorContinuationOption::Continue;
                if outcome.reason == Some(ResultReason::OperationCanceledByRequester) {
                    // Whoever cancelled it did not know what came before it.
                    known.fail();
                } else {
                    known.add(item.batch);
                }
            }
            Ok(())
        })
    }

    /// Runs an item unless it is done, and commits its outcome with its changes; the item as it is then.
    async fn run_pending_item(
        &self,
        tenant: Tenant,
        identifier: ItemIdentifier,
        known: &Batch,
        stopped: bool,
    ) -> Result<Option<PendingItem>> {
        let prepared = Prepared::default();
        for _ in 0..CONFLICT_RETRIES {
            let Some(mut item) = self.load_pending(tenant, identifier).await? else { return Ok(None) };
            if item.outcome.is_some() {
                return Ok(Some(item));
            }
            let mut view = View::new(&self.store, tenant);
            let mut answer = Answer::detached();
            let mut batch = known.clone();
            let outcome = if stopped {
                batch.fail();
                ItemOutcome::failure(&not_performed(), self.environment.clock.now_us())
            } else {
                self.attempt(tenant, &item, &prepared, &mut view, &mut batch, &mut answer).await
            };
            // What a failed item staged is left out.
            let staged = if outcome.status == ResultStatus::Success { view.take_staged() } else { Commit::default() };
            item.finish(outcome, batch.since(known));
            let mut commit = Commit { log: encode(answer.records()), ..staged };
            commit.changes.push(Change::Put(item.to_put()));
            match self.commit_pending(tenant, commit, std::slice::from_ref(&item)).await {
                Ok(Committed::Made) => {
                    if item.outcome.as_ref().is_some_and(|outcome| outcome.status == ResultStatus::Success) {
                        self.apply(view.take_effects(), &mut answer);
                    }
                    return Ok(Some(item));
                }
                // An object was changed meanwhile, or the item was cancelled.
                Ok(Committed::NotMade) => {}
                Err(error) if is_final(&error) => {
                    item.finish(ItemOutcome::failure(&error.into(), self.environment.clock.now_us()), Batch::default());
                    let commit = Commit { changes: vec![Change::Put(item.to_put())], ..Commit::default() };
                    if self.commit_pending(tenant, commit, std::slice::from_ref(&item)).await? == Committed::Made {
                        return Ok(Some(item));
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::kept_changing())
    }

    /// Runs a batch as one change: all of its items are done, or none (2.1, section 9.6).
    async fn run_pending_undoable(&self, waiting: Waiting) -> Result<()> {
        let Waiting { tenant, batch, count } = waiting;
        let prepared: Vec<Prepared> = (0..count).map(|_| Prepared::default()).collect();
        for _ in 0..CONFLICT_RETRIES {
            let mut items = Vec::with_capacity(usize::from(count));
            for identifier in ItemIdentifier::of(batch, count) {
                // They are done together, so that none is missing while one is to be done.
                items.extend(self.load_pending(tenant, identifier).await?.filter(|item| item.outcome.is_none()));
            }
            if items.len() != usize::from(count) {
                return Ok(());
            }
            let mut view = View::new(&self.store, tenant);
            let mut answer = Answer::detached();
            let mut known = Batch::default();
            let mut failed = false;
            let mut before = known.clone();
            for (item, prepared) in items.iter_mut().zip(&prepared) {
                let outcome = if failed {
                    ItemOutcome::failure(&not_performed(), self.environment.clock.now_us())
                } else {
                    self.attempt(tenant, item, prepared, &mut view, &mut known, &mut answer).await
                };
                failed |= outcome.status != ResultStatus::Success;
                item.finish(outcome, known.since(&before));
                before = known.clone();
            }
            let mut commit = if failed { Commit::default() } else { view.take_staged() };
            if failed {
                let withheld = answer.undo().into_iter().chain(std::iter::repeat(false));
                for (item, withheld) in items.iter_mut().zip(withheld) {
                    let Some(outcome) = item.outcome.as_mut() else { continue };
                    if outcome.status == ResultStatus::Success {
                        outcome.status = ResultStatus::OperationUndone;
                        outcome.payload = outcome.payload.take().filter(|_| !withheld);
                    }
                }
            }
            commit.log = encode(answer.records());
            commit.changes.extend(items.iter().map(|item| Change::Put(item.to_put())));
            match self.commit_pending(tenant, commit, &items).await {
                Ok(Committed::Made) => {
                    if !failed {
                        self.apply(view.take_effects(), &mut answer);
                    }
                    return Ok(());
                }
                Ok(Committed::NotMade) => {}
                Err(error) if is_final(&error) => {
                    let error = Error::from(error);
                    for item in &mut items {
                        item.finish(ItemOutcome::failure(&error, self.environment.clock.now_us()), Batch::default());
                    }
                    let changes = items.iter().map(|item| Change::Put(item.to_put())).collect();
                    if self.commit_pending(tenant, Commit { changes, ..Commit::default() }, &items).await? == Committed::Made {
                        return Ok(());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::kept_changing())
    }

    /// Runs an item over the view; what it changes is staged there, and what is to be logged is in the answer.
    async fn attempt(
        &self,
        tenant: Tenant,
        item: &PendingItem,
        prepared: &Prepared,
        view: &mut View<'_, S>,
        batch: &mut Batch,
        answer: &mut Answer,
    ) -> ItemOutcome {
        let now_us = self.environment.clock.now_us();
        let bytes = item.message();
        let message = match RequestMessage::read(&bytes, &self.settings.limits, 1) {
            Ok(message) if message.items.len() == 1 => message,
            // It was read before it was accepted: the limits are others now.
            Ok(_) => return ItemOutcome::failure(&Error::general_failure("a kept request has no item"), now_us),
            Err(error) => {
                let error = Error::new(ResultReason::InvalidMessage, error.to_string());
                return ItemOutcome::failure(&error, now_us);
            }
        };
        // Its groups and roles are those of the request; what they may do is what the policy says now.
        let actor = match self.environment.authenticator.member(&item.client, tenant.0, &item.membership) {
            Ok(actor) => Actor { second_factor: item.second_factor, ..actor },
            Err(cause) => {
                let text = "The client may not perform this operation";
                let error = Error::new(ResultReason::PermissionDenied, text).because(cause.cause);
                return ItemOutcome::failure(&error, now_us);
            }
        };
        let request = Request {
            message: &message,
            actor,
            grant: None,
            proved_under: None,
            peer: &item.peer,
            link: None,
            correlation: None,
            server_hashed_password: None,
            // Nobody is there to attest anything now.
            offer: None,
            now_us,
            maximum_response_size: self.settings.response_size,
            hold: self.kept_results.begin(),
            continuation: item.continuation,
        };
        let run = Run { request: &request, item: &message.items[0], commit: false, prepared };
        let start = answer.writer.len();
        let done = operations::run(self, &run, view, batch, answer).await;
        let done = done.and_then(|()| {
            let payload = answer.last_payload();
            if payload.len() > RESULT_LENGTH_MAX {
                let text = format!("The result has {} bytes; the server keeps at most {RESULT_LENGTH_MAX}", payload.len());
                return Err(Error::new(ResultReason::ResponseTooLarge, text));
            }
            self.asynchronous.check_bytes(tenant, &item.client, payload.len(), &self.settings.asynchronous)?;
            Ok(ItemOutcome::success(payload, now_us))
        });
        done.unwrap_or_else(|error| {
            batch.fail();
            answer.fail(&run, start, &error);
            ItemOutcome::failure(&error, now_us)
        })
    }
}

/// The end of a future; `None`: it panicked.
async fn caught<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|task| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(task))) {
        Ok(poll) => poll.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}

impl PendingItem {
    /// The item is done: its request is not needed any more.
    pub(crate) fn finish(&mut self, outcome: ItemOutcome, batch: Batch) {
        self.request = Zeroizing::default();
        self.outcome = Some(outcome);
        self.batch = batch;
    }
}
