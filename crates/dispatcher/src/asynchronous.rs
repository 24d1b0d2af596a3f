//! Requests that outlive their message: accepted, kept in the store, processed by workers, polled (2.1, sections 6.1.5, 6.1.38,
//! 6.1.39, 6.1.41 and 9.2).
//!
//! A message whose Asynchronous Indicator is Mandatory is committed item by item as it came, without its credentials, and answered
//! Operation Pending. Workers run the items of a batch in order. What an item changes and what it answers are one commit, so that
//! whatever happens to the server in between, an item is done once: after a start, what has no outcome is run, and what has one is
//! not. An item is done on behalf of the client that sent it, and nobody else can poll it.
//!
//! The standard lets a server decide about Optional, and about 1.x, whose Boolean says no more than that: such a request is
//! answered at once, unless the configuration says otherwise.

pub(crate) mod item;
mod queue;
mod run;

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use audit::Outcome;
use kmip::codec::{ByteString, Value as _};
use kmip::enumerations::{AsynchronousIndicator, ResultStatus};
use kmip::operation::Operation as Code;
use kmip::result_reason::ResultReason;
use kmip::tag;
use store::{Change, Commit, Page, Query, Range, Store, StoreError, Tenant};
use zeroize::Zeroizing;

use crate::batch::{Answer, Prepared, Run, Success, check_size, encode, tenant};
use crate::commit::Committed;
use crate::engine::{Engine, Request, Response};
use crate::error::{Error, Result};
use crate::internal::{self, Kept};
use crate::operation::Batch;
use crate::operations;
use crate::search::yield_once;
use crate::view::View;

use item::{BatchIdentifier, ItemIdentifier, PendingItem};
use queue::Amount;
pub(crate) use queue::{Requests, Waiting};

/// Records looked at together when the store is searched for requests: each may hold a result of 4 MiB.
const CHUNK: usize = 8;

/// Whether an operation can be answered later: those that concern other requests, the connection or what the server is cannot
/// (2.1, sections 6.1.5 and 6.1.38).
fn may_wait(operation: Code) -> bool {
    !operations::is_direct(operation)
        && !matches!(operation, Code::Query | Code::DiscoverVersions | Code::Ping | Code::Interop | Code::ReProvision)
}

impl<S: Store> Engine<S> {
    /// Whether a message is to be answered later.
    pub(crate) fn is_asynchronous(&self, request: &Request<'_>) -> bool {
        let message = request.message;
        match message.header.asynchronous_indicator.map(|preference| preference.0) {
            _ if message.items.is_empty() => false,
            Some(AsynchronousIndicator::Mandatory) => true,
            Some(AsynchronousIndicator::Optional) => {
                self.settings.asynchronous.when_optional && message.items.iter().all(|item| may_wait(item.operation))
            }
            _ => false,
        }
    }

    /// Accepts all items of a message, or none.
    pub(crate) async fn accept(&self, request: &Request<'_>) -> Response {
        match self.try_accept(request).await {
            Ok(response) => response,
            Err(error) => self.refuse_items(request, &error).await,
        }
    }

    async fn try_accept(&self, request: &Request<'_>) -> Result<Response> {
        let message = request.message;
        for item in &message.items {
            operations::check_offered(item.operation, message.version, &self.settings)?;
            if !may_wait(item.operation) {
                let text = "An operation of the request cannot be performed asynchronously";
                return Err(Error::new(ResultReason::FeatureNotSupported, text));
            }
        }
        if request.grant.as_ref().is_some_and(|grant| grant.is_restricted()) {
            let text = "A ticket that is limited to some operations or to a number of them allows no asynchronous request";
            return Err(Error::new(ResultReason::FeatureNotSupported, text));
        }
        let limit = || Error::new(ResultReason::ServerLimitExceeded, "The request has too many items for an asynchronous one");
        let count = u16::try_from(message.items.len()).map_err(|_| limit())?;
        let batch = self.new_batch()?;
        let bytes = message.items.iter().map(|item| item.payload.raw().len()).sum();
        let amount = Amount { items: usize::from(count), bytes };
        let place = self.asynchronous.enter(tenant(request), &request.actor.name, amount, &self.settings.asynchronous)?;

        let mut answer = Answer::begin(request);
        let mut changes = Vec::with_capacity(message.items.len());
        for (item, identifier) in message.items.iter().zip(ItemIdentifier::of(batch, count)) {
            let run = Run { request, item, commit: true, prepared: &Prepared::default() };
            let (open, status_at) = answer.begin_item(&run, item.operation);
            ResultStatus::OperationPending.write(&mut answer.writer, tag::ResultStatus, message.version);
            identifier.correlation_value().write(&mut answer.writer, tag::AsynchronousCorrelationValue, message.version);
            answer.writer.end(open);
            check_size(&run, &answer.writer)?;
            let record = run.record(Vec::new(), Outcome::Pending);
            answer.push_success(&run, record, Success { status_at, changes: true, ..Success::default() });
            let pending = PendingItem {
                identifier,
                revision: None,
                client: request.actor.name.clone(),
                membership: request.actor.standing.membership.clone(),
                second_factor: request.actor.second_factor,
                peer: request.peer.to_owned(),
                version: message.version,
                operation: item.operation,
                ephemeral: operations::is_ephemeral(item),
                count,
                continuation: request.continuation,
                submitted_us: request.now_us,
                request: Zeroizing::new(item.payload.raw().to_vec()),
                outcome: None,
                batch: Batch::default(),
                size: item.payload.raw().len(),
            };
            changes.push(Change::Put(pending.to_put()));
        }
        let commit = Commit { changes, log: encode(answer.records()), ..Commit::default() };
        let accepted = match self.commit(tenant(request), commit).await {
            Ok(Committed::Made) => Ok(answer.end()),
            // It may be in the store: then it is done now, and not by surprise after the next start.
            Err(error @ StoreError::UnknownOutcome { .. }) => Err(error.into()),
            Ok(Committed::NotMade) => return Err(Error::kept_changing()),
            Err(error) => return Err(error.into()),
        };
        place.keep();
        self.asynchronous.push(Waiting { tenant: tenant(request), batch, count });
        accepted
    }

    fn new_batch(&self) -> Result<BatchIdentifier> {
        let mut batch = BatchIdentifier::default();
        let fill = || self.environment.random.fill(&mut batch);
        let filled = catch_unwind(AssertUnwindSafe(fill));
        filled.map_err(|_| Error::general_failure("no random bytes"))?.map_err(Error::general_failure)?;
        Ok(batch)
    }

    /// Loads an item.
    async fn load_pending(&self, tenant: Tenant, identifier: ItemIdentifier) -> Result<Option<PendingItem>> {
        let record = self.store.load(tenant, &[&identifier.record()]).await?.pop().flatten();
        record.map(|record| PendingItem::from_kept(&Kept::from(record))).transpose()
    }

    /// Takes up the requests that were accepted before the server was started: those that are not done are done by
    /// [`Engine::work`]. To be called once, before any other request for workers; returns how many items it found.
    ///
    /// # Errors
    /// Why they could not all be read; it can be called again.
    pub async fn resume(&self) -> std::result::Result<usize, String> {
        self.try_resume().await.map_err(|error| error.to_string())
    }

    async fn try_resume(&self) -> Result<usize> {
        let mut items = Vec::new();
        for tenant in self.store.tenants().await? {
            let query = Query { terms: vec![item::term()], ..Query::default() };
            items.extend(self.pending_items(tenant, &query).await?.into_iter().map(|item| (tenant, item)));
        }
        // The oldest first, as they came.
        items.sort_by_key(|(_, item)| (item.submitted_us, item.identifier.batch, item.identifier.position));
        self.asynchronous.recount(items.iter().map(|(tenant, item)| (*tenant, item.client.as_str(), item.size)));
        let mut batches = HashSet::new();
        for &(tenant, ref item) in &items {
            if item.outcome.is_none() && batches.insert(item.identifier.batch) {
                self.asynchronous.push(Waiting { tenant, batch: item.identifier.batch, count: item.count });
            }
        }
        Ok(items.len())
    }

    /// The items that a query finds, without their requests and results: there may be many. What is damaged is left out, with a
    /// line in the log: it must not keep the others from being done.
    async fn pending_items(&self, tenant: Tenant, query: &Query) -> Result<Vec<PendingItem>> {
        let mut items = Vec::new();
        let mut page = Page::first(CHUNK);
        loop {
            let found = self.store.find(tenant, query, page).await?;
            items.extend(self.load_items(tenant, &found.identifiers).await?);
            match found.next {
                Some(cursor) => page.after = Some(cursor),
                None => return Ok(items),
            }
            yield_once().await;
        }
    }

    async fn load_items(&self, tenant: Tenant, identifiers: &[String]) -> Result<Vec<PendingItem>> {
        let identifiers: Vec<&str> = identifiers.iter().map(String::as_str).collect();
        let mut items = Vec::with_capacity(identifiers.len());
        for record in self.store.load(tenant, &identifiers).await?.into_iter().flatten() {
            match PendingItem::from_kept(&Kept::from(record)) {
                Ok(item) => items.push(item.without_contents()),
                Err(error) => tracing::error!(%error, "an asynchronous request cannot be read"),
            }
        }
        Ok(items)
    }

    /// Removes results that were kept as long as the configuration says, and returns how many; ends streams that nobody continues.
    ///
    /// # Errors
    /// Why they are still there; it can be called again.
    pub async fn sweep(&self) -> std::result::Result<usize, String> {
        self.try_sweep().await.map_err(|error| error.to_string())
    }

    async fn try_sweep(&self) -> Result<usize> {
        let now = self.environment.clock.now_us().div_euclid(1_000_000);
        self.streams.sweep(now);
        self.forget_replaced(now).await?;
        let to = now.saturating_sub(i64::try_from(self.settings.asynchronous.keep_s).unwrap_or(i64::MAX));
        let due = Range { field: item::COMPLETED.0, from: i64::MIN, to };
        let query = Query { terms: vec![item::term()], ranges: vec![due], ..Query::default() };
        let mut removed = 0;
        for tenant in self.store.tenants().await? {
            // Batches of which some items are due, and whether their last item is done.
            let mut ended = HashMap::new();
            let mut page = Page::first(CHUNK);
            loop {
                let found = self.store.find(tenant, &query, page).await?;
                for item in self.load_items(tenant, &found.identifiers).await? {
                    let ItemIdentifier { batch, .. } = item.identifier;
                    let is_ended = match ended.get(&batch) {
                        Some(is_ended) => *is_ended,
                        None => *ended.entry(batch).or_insert(self.is_ended(tenant, &item).await?),
                    };
                    removed += usize::from(is_ended && self.remove(tenant, &item).await?);
                }
                match found.next {
                    Some(cursor) => page.after = Some(cursor),
                    None => break,
                }
                yield_once().await;
            }
        }
        Ok(removed)
    }

    /// Whether nothing is left to be done of the batch of an item: what comes after the item needs to know what it did.
    async fn is_ended(&self, tenant: Tenant, item: &PendingItem) -> Result<bool> {
        let ItemIdentifier { batch, position } = item.identifier;
        if self.asynchronous.is_open(batch) {
            return Ok(false);
        }
        let last = ItemIdentifier { batch, position: item.count.saturating_sub(1) };
        if last.position == position {
            return Ok(item.outcome.is_some());
        }
        Ok(self.load_pending(tenant, last).await?.is_none_or(|last| last.outcome.is_some()))
    }

    /// Removes an item; whether it did: somebody may poll it just now.
    async fn remove(&self, tenant: Tenant, item: &PendingItem) -> Result<bool> {
        let Some(expected) = item.revision else { return Ok(false) };
        let change = Change::Remove { identifier: item.identifier.record(), expected };
        let removed = self.commit(tenant, Commit { changes: vec![change], ..Commit::default() }).await? == Committed::Made;
        if removed {
            self.asynchronous.leave(tenant, &item.client, Amount { items: 1, bytes: item.size });
        }
        Ok(removed)
    }

    /// How many items wait or are kept, for the server's metrics.
    #[must_use]
    pub fn asynchronous_requests(&self) -> usize {
        self.asynchronous.total().items
    }
}

/// What a client asks for by an Asynchronous Correlation Value, if it is its own.
pub(crate) async fn named<S: Store>(view: &View<'_, S>, run: &Run<'_>, value: &ByteString) -> Result<Option<PendingItem>> {
    let Some(identifier) = ItemIdentifier::from_correlation_value(value) else { return Ok(None) };
    let kept = view.kept(&identifier.record()).await?;
    kept.filter(|kept| internal::is_of(&run.request.actor, &kept.owner)).map(|kept| PendingItem::from_kept(&kept)).transpose()
}

/// All that is kept for a client, the oldest first.
pub(crate) async fn all_of<S: Store>(engine: &Engine<S>, run: &Run<'_>) -> Result<Vec<PendingItem>> {
    let owner = Some(internal::owner(&run.request.actor.name));
    let query = Query { owner, terms: vec![item::term()], ..Query::default() };
    let mut items = engine.pending_items(tenant(run.request), &query).await?;
    items.sort_by_key(|item| (item.submitted_us, item.identifier.batch, item.identifier.position));
    Ok(items)
}

/// No request of the client has this value.
pub(crate) fn unknown() -> Error {
    Error::new(
        ResultReason::InvalidAsynchronousCorrelationValue,
        "No request of the client has this Asynchronous Correlation Value; its result may have been removed",
    )
}

/// The text for what is not performed any more.
pub(crate) fn not_performed() -> Error {
    Error::new(ResultReason::GeneralFailure, "The operation was not performed because another item of its batch failed")
}

/// Whether an error of the store says that this item can never be written, and not that the store takes nothing now.
fn is_final(error: &StoreError) -> bool {
    matches!(error, StoreError::TooLarge { .. })
}
