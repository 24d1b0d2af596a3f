//! The batch loop: items in order, each visible to the next; Stop, Continue and Undo (2.1, section 9.4).

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

use kmip::codec::ByteString;
use kmip::codec::Value as _;
use kmip::enumerations::{BatchErrorContinuationOption, Enumeration as _, ResultStatus};
use kmip::message::{RequestBatchItem, ResponseHeader};
use kmip::operation::Operation;
use kmip::result_reason::ResultReason;
use kmip::tag;
use store::{Commit, Store, Tenant};
use ttlv_codec::Writer;
use zeroize::Zeroizing;

use audit::{Action, AuditRecord, Outcome};

use crate::attestation::Offer;
use crate::commit::{CONFLICT_RETRIES, Committed};
use crate::engine::{Engine, ItemLog, Request, Response, response_header, write_header};
use crate::error::{Error, Result};
use crate::operation::Batch;
use crate::operations;
use crate::ticket::Charge;
use crate::view::View;

/// What became of an item, and where its status stands in the response.
pub(crate) struct ItemResult {
    /// Where the item begins in the response.
    start: usize,
    status_at: usize,
    log: ItemLog,
    record: AuditRecord,
    /// Whether it changed something.
    changes: bool,
    /// Whether its payload holds material.
    releases_material: bool,
    /// Whether what changed is what is left of Usage Limits.
    counted: bool,
}

/// What is noted of an item that succeeded.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Success {
    /// Where it begins in the response.
    pub(crate) start: usize,
    /// Where its status stands.
    pub(crate) status_at: usize,
    /// Whether it changed something.
    pub(crate) changes: bool,
    /// Whether its payload holds material.
    pub(crate) releases_material: bool,
    /// Whether what changed is what is left of Usage Limits.
    pub(crate) counted: bool,
}

/// Identifiers that a line of the log holds, and the record of a failed item.
const NAMED_OBJECTS: usize = 16;

/// How much of each they hold, in bytes.
const NAMED_LENGTH: usize = 64;

/// The operations that set the ID Placeholder (2.1, section 6.1).
const NAMING: &[Operation] = &[
    Operation::Create,
    Operation::CreateKeyPair,
    Operation::CreateSplitKey,
    Operation::Register,
    Operation::DeriveKey,
    Operation::Certify,
    Operation::ReCertify,
    Operation::ReKey,
    Operation::ReKeyKeyPair,
    Operation::Import,
    Operation::JoinSplitKey,
    Operation::Locate,
    Operation::Recover,
    Operation::Check,
];

/// Identifiers in one log entry: some 20 KiB, which every store takes. What concerns more objects has several entries.
const RECORD_OBJECTS: usize = 500;

impl<S: Store> Engine<S> {
    /// Runs the items of a request.
    pub(crate) async fn run_batch(&self, request: &Request<'_>) -> Response {
        if request.continuation == BatchErrorContinuationOption::Undo {
            return self.run_undoable(request).await;
        }
        let mut view = View::new(&self.store, tenant(request));
        let mut batch = Batch::default();
        let mut answer = Answer::begin(request);
        for item in &request.message.items {
            let run = Run { request, item, commit: true, prepared: &Prepared::default() };
            let failed = self.run_item(&run, &mut view, &mut batch, &mut answer).await;
            // A client that limits the size of the response is not sent a long list of failures.
            let has_room = answer.writer.len() <= request.maximum_response_size;
            if failed && (request.continuation == BatchErrorContinuationOption::Stop || !has_room) {
                break;
            }
        }
        answer.end()
    }

    /// Runs the items as one change: all of them are committed, or none.
    async fn run_undoable(&self, request: &Request<'_>) -> Response {
        let prepared: Vec<Prepared> = request.message.items.iter().map(|_| Prepared::default()).collect();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut view = View::new(&self.store, tenant(request));
            let mut batch = Batch::default();
            let mut answer = Answer::begin(request);
            let mut failed = false;
            for (item, prepared) in request.message.items.iter().zip(&prepared) {
                let run = Run { request, item, commit: false, prepared };
                failed = self.run_item(&run, &mut view, &mut batch, &mut answer).await;
                if failed {
                    break;
                }
            }
            if failed {
                answer.undo();
                return match self.log(tenant(request), || encode(answer.records())).await {
                    // What releases material is not answered unless it is logged.
                    Err(error) if answer.items.iter().any(|item| item.releases_material) => {
                        self.refuse_items(request, &error.into()).await
                    }
                    Err(error) => {
                        tracing::error!(%error, "the log entries of an undone batch could not be written");
                        answer.end()
                    }
                    Ok(()) => answer.end(),
                };
            }
            let log = encode(answer.records());
            match self.commit(tenant(request), Commit { log, ..view.take_staged() }).await {
                Ok(Committed::Made) => {
                    self.apply(view.take_effects(), &mut answer);
                    return answer.end();
                }
                Ok(Committed::NotMade) if attempt < CONFLICT_RETRIES => {}
                Ok(Committed::NotMade) => return self.refuse_items(request, &Error::kept_changing()).await,
                Err(error) => return self.refuse_items(request, &error.into()).await,
            }
        }
    }

    /// Runs one item and writes its answer. Returns whether it failed.
    async fn run_item(&self, run: &Run<'_>, view: &mut View<'_, S>, batch: &mut Batch, answer: &mut Answer) -> bool {
        let start = answer.writer.len();
        answer.named.clear();
        let result = operations::run(self, run, view, batch, answer).await;
        let error = match result {
            Ok(()) => return false,
            Err(error) => error,
        };
        answer.writer.truncate(start);
        // What would have named an object names none; what does not keeps what its predecessors named (2.1, section 6.1).
        if NAMING.contains(&run.item.operation) {
            batch.fail();
        }
        let record = answer.write_failure(run, &error);
        if run.commit {
            self.record(run.request, std::iter::once(&record)).await;
        }
        answer.push(run, record, start, &error.reason, Some(error.to_string()));
        true
    }

    /// Answers every item with the same failure.
    pub(crate) async fn refuse_items(&self, request: &Request<'_>, error: &Error) -> Response {
        let mut answer = Answer::begin(request);
        for item in &request.message.items {
            let start = answer.writer.len();
            if start > request.maximum_response_size && !answer.items.is_empty() {
                break;
            }
            let run = Run { request, item, commit: false, prepared: &Prepared::default() };
            let record = answer.write_failure(&run, error);
            answer.push(&run, record, start, &error.reason, Some(error.to_string()));
        }
        self.record(request, answer.records()).await;
        answer.end()
    }

    /// Logs what changed nothing. A log that cannot be written is reported by the store's own health.
    async fn record<'a>(&self, request: &Request<'_>, records: impl Iterator<Item = &'a AuditRecord> + Clone) {
        if let Err(error) = self.log(tenant(request), || encode(records.clone())).await {
            tracing::error!(%error, "the log entry of a refused request could not be written");
        }
    }
}

/// One item while it runs.
pub(crate) struct Run<'a> {
    pub(crate) request: &'a Request<'a>,
    pub(crate) item: &'a RequestBatchItem<'a>,
    /// Whether its changes are committed at once.
    pub(crate) commit: bool,
    /// What is kept of it over all attempts.
    pub(crate) prepared: &'a Prepared,
}

/// What is kept of an item over all attempts to commit it, alone or with its batch.
#[derive(Default)]
pub(crate) struct Prepared {
    /// What the slow part of its operation made.
    made: Mutex<Option<Arc<dyn Any + Send + Sync>>>,
    /// What it took from the ticket of the request.
    charge: Mutex<Charge>,
}

impl Prepared {
    /// What was made earlier.
    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner).clone();
        made.and_then(|made| made.downcast().ok())
    }

    /// Keeps what was made.
    pub(crate) fn keep<T: Send + Sync + 'static>(&self, made: T) -> Arc<T> {
        let made = Arc::new(made);
        *self.made.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::<T>::clone(&made));
        made
    }

    /// What the item took from the ticket in earlier attempts.
    pub(crate) fn take_charge(&self) -> Charge {
        std::mem::take(&mut self.charge.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps what the item took from the ticket.
    pub(crate) fn keep_charge(&self, charge: Charge) {
        *self.charge.lock().unwrap_or_else(PoisonError::into_inner) = charge;
    }
}

impl Run<'_> {
    /// The log entry of the item.
    pub(crate) fn record(&self, identifiers: Vec<String>, outcome: Outcome) -> AuditRecord {
        AuditRecord {
            time_us: self.request.now_us,
            tenant: self.request.actor.tenant,
            actor: self.request.actor.name.clone(),
            peer: Some(self.request.peer.to_owned()),
            action: Action::Operation(self.item.operation.0),
            identifiers,
            outcome,
        }
    }
}

/// The tenant of a request.
pub(crate) const fn tenant(request: &Request<'_>) -> Tenant {
    Tenant(request.actor.tenant)
}

/// Log entries as bytes.
pub(crate) fn encode<'a>(records: impl Iterator<Item = &'a AuditRecord>) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    for record in records {
        if record.identifiers.len() <= RECORD_OBJECTS {
            entries.push(record.encode());
            continue;
        }
        let mut part = record.clone();
        for identifiers in record.identifiers.chunks(RECORD_OBJECTS) {
            part.identifiers = identifiers.to_vec();
            entries.push(part.encode());
        }
    }
    entries
}

/// A response while it is written.
pub(crate) struct Answer {
    pub(crate) writer: Writer,
    message: ttlv_codec::OpenStructure,
    /// The header as it stands there, in an answer that is sent.
    header: Option<ResponseHeader>,
    batch_count_at: usize,
    /// What the client is offered where an item asks for an attestation.
    offer: Option<Offer>,
    /// Whether an item does.
    asks_attestation: bool,
    items: Vec<ItemResult>,
    /// The objects that the running item names, as far as they go into the records if it fails.
    named: Vec<String>,
    /// Whether the server takes the client's role when the answer has been sent.
    pub(crate) exchanges_roles: bool,
}

impl Answer {
    pub(crate) fn begin(request: &Request<'_>) -> Self {
        let mut writer = Writer::with_capacity(1024);
        let message = writer.begin(tag::ResponseMessage);
        let header = &request.message.header;
        let answer = request.server_hashed_password.clone();
        let header = response_header(header.protocol_version, request.now_us, request.correlation.as_ref(), answer, 0);
        write_header(&mut writer, &header);
        // Batch Count is the last item of the header: 16 bytes.
        let batch_count_at = writer.len() - 16;
        Self { writer, message, header: Some(header), batch_count_at, offer: request.offer.clone(), ..Self::detached() }
    }

    /// An answer that is not sent as it is: its items are taken out one by one.
    pub(crate) fn detached() -> Self {
        let mut writer = Writer::new();
        let message = writer.begin(tag::ResponseMessage);
        Self {
            writer,
            message,
            header: None,
            batch_count_at: 0,
            offer: None,
            asks_attestation: false,
            items: Vec::new(),
            named: Vec::new(),
            exchanges_roles: false,
        }
    }

    /// The payload of the last item, which succeeded.
    pub(crate) fn last_payload(&self) -> &[u8] {
        // Behind Result Status, which takes 16 bytes.
        let start = self.items.last().map_or(self.writer.len(), |item| item.status_at + 16);
        self.writer.bytes().get(start..).unwrap_or_default()
    }

    /// The item that begins at `start` failed, whatever was written of it.
    pub(crate) fn fail(&mut self, run: &Run<'_>, start: usize, error: &Error) {
        self.writer.truncate(start);
        self.items.retain(|item| item.status_at < start);
        let record = self.write_failure(run, error);
        self.push(run, record, start, &error.reason, Some(error.to_string()));
    }

    /// Notes which objects the running item names. Clients choose what they send, so that only the beginning is kept.
    pub(crate) fn name_objects(&mut self, identifiers: &[String]) {
        let cut = |identifier: &String| {
            let end = (0..=NAMED_LENGTH.min(identifier.len())).rev().find(|end| identifier.is_char_boundary(*end));
            identifier[..end.unwrap_or(0)].to_owned()
        };
        self.named = identifiers.iter().take(NAMED_OBJECTS).map(cut).collect();
    }

    /// Writes what stands before the status of an item, and returns where the status will stand.
    pub(crate) fn begin_item(&mut self, run: &Run<'_>, operation: Operation) -> (ttlv_codec::OpenStructure, usize) {
        let version = run.request.message.version;
        let item = self.writer.begin(tag::BatchItem);
        operation.write(&mut self.writer, tag::Operation, version);
        if let Some(ByteString(identifier)) = &run.item.unique_batch_item_id {
            self.writer.byte_string(tag::UniqueBatchItemID, identifier);
        }
        (item, self.writer.len())
    }

    fn write_failure(&mut self, run: &Run<'_>, error: &Error) -> AuditRecord {
        let version = run.request.message.version;
        let reason = error.reason.at(version);
        self.asks_attestation |= matches!(error.reason, ResultReason::AttestationRequired | ResultReason::AttestationFailed);
        let (item, _) = self.begin_item(run, run.item.operation);
        ResultStatus::OperationFailed.write(&mut self.writer, tag::ResultStatus, version);
        reason.write(&mut self.writer, tag::ResultReason, version);
        self.writer.text_string(tag::ResultMessage, &error.text);
        self.writer.end(item);
        run.record(std::mem::take(&mut self.named), Outcome::Failure(reason.0))
    }

    fn push(
        &mut self,
        run: &Run<'_>,
        record: AuditRecord,
        status_at: usize,
        reason: &kmip::result_reason::ResultReason,
        cause: Option<String>,
    ) {
        let version = run.request.message.version;
        let log = ItemLog {
            operation: run.item.operation.name(version),
            actor: record.actor.clone(),
            identifiers: record.identifiers.iter().take(NAMED_OBJECTS).cloned().collect(),
            result: reason.at(version).name(version).unwrap_or("unknown reason"),
            cause,
        };
        let start = status_at;
        self.items.push(ItemResult { start, status_at, log, record, changes: false, releases_material: false, counted: false });
    }

    /// Notes an item that succeeded.
    pub(crate) fn push_success(&mut self, run: &Run<'_>, record: AuditRecord, success: Success) {
        let log = ItemLog {
            operation: run.item.operation.name(run.request.message.version),
            actor: record.actor.clone(),
            identifiers: record.identifiers.iter().take(NAMED_OBJECTS).cloned().collect(),
            result: if record.outcome == Outcome::Pending { "OperationPending" } else { "Success" },
            cause: None,
        };
        let Success { start, status_at, changes, releases_material, counted } = success;
        self.items.push(ItemResult { start, status_at, log, record, changes, releases_material, counted });
    }

    /// The last item failed: all before it were undone. Their payloads stay (1.4, section 11.1), and so does the record that
    /// they were given out. But what Usage Limits count is not given out where they get it back: otherwise a batch that is bound to fail
    /// would use a key without end. Returns for each item whether its payload was taken out.
    pub(crate) fn undo(&mut self) -> Vec<bool> {
        let before = self.items.len().saturating_sub(1);
        for item in &mut self.items[..before] {
            self.writer.overwrite(item.status_at, ResultStatus::OperationUndone.0);
            item.log.result = "OperationUndone";
            if item.changes && (!item.releases_material || item.counted) {
                item.record.outcome = Outcome::Undone;
            }
        }
        let withheld: Vec<bool> = self.items.iter().enumerate().map(|(at, item)| at < before && item.counted).collect();
        for at in (0..before).rev().filter(|at| withheld[*at]) {
            self.withhold(at);
        }
        withheld
    }

    /// Takes the payload of an item out of the response.
    fn withhold(&mut self, at: usize) {
        let (start, status_at) = (self.items[at].start, self.items[at].status_at);
        let end = self.items.get(at + 1).map_or(self.writer.len(), |next| next.start);
        // Behind Result Status, which takes 16 bytes.
        let head = self.writer.bytes()[start + 8..status_at + 16].to_vec();
        let rest = Zeroizing::new(self.writer.bytes()[end..].to_vec());
        self.writer.truncate(start);
        let item = self.writer.begin(tag::BatchItem);
        self.writer.raw(&head);
        self.writer.end(item);
        let removed = end - self.writer.len();
        self.writer.raw(&rest);
        for later in &mut self.items[at + 1..] {
            later.start -= removed;
            later.status_at -= removed;
        }
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = &AuditRecord> + Clone {
        self.items.iter().map(|item| &item.record)
    }

    /// Writes what the client is offered into the header (2.1, section 8.5). There was room for it from the beginning.
    fn write_offer(&mut self, header: ResponseHeader, offer: Offer) {
        // Behind Batch Count, which takes 16 bytes.
        let items = Zeroizing::new(self.writer.bytes()[self.batch_count_at + 16..].to_vec());
        let mut writer = Writer::with_capacity(self.writer.len() + offer.size() + 8);
        self.message = writer.begin(tag::ResponseMessage);
        write_header(&mut writer, &ResponseHeader { nonce: Some(offer.nonce), attestation_types: offer.types, ..header });
        self.batch_count_at = writer.len() - 16;
        writer.raw(&items);
        // Wipes itself.
        self.writer = writer;
    }

    pub(crate) fn end(mut self) -> Response {
        let offered = self.offer.take().filter(|_| self.asks_attestation).zip(self.header.take());
        let offers = offered.is_some();
        if let Some((offer, header)) = offered {
            self.write_offer(header, offer);
        }
        let count = u32::try_from(self.items.len()).unwrap_or(u32::MAX);
        self.writer.overwrite(self.batch_count_at, count);
        self.writer.end(self.message);
        let items = self.items.into_iter().map(|item| item.log).collect();
        Response {
            bytes: Zeroizing::new(self.writer.finish()),
            items,
            close: false,
            hold: None,
            exchanges_roles: self.exchanges_roles,
            correlation: None,
            offers,
        }
    }
}

/// A size that a response must not exceed.
///
/// # Errors
/// Response Too Large (1.4, section 6.3).
pub(crate) fn check_size(run: &Run<'_>, writer: &Writer) -> Result<()> {
    if writer.len() > run.request.maximum_response_size {
        return Err(Error::new(
            kmip::result_reason::ResultReason::ResponseTooLarge,
            "The response would be larger than Maximum Response Size",
        ));
    }
    if !run.request.hold.grow(writer.len()) {
        return Err(Error::new(
            kmip::result_reason::ResultReason::ServerLimitExceeded,
            "Too many large responses wait for their clients; try again later",
        ));
    }
    Ok(())
}
