//! Operations on what is no object: other requests, tickets, the connection.
//!
//! They take a shorter path than the others: check, do, encode, check the size, commit what is kept with its log entry, then do
//! what concerns only the memory of the server.

use std::sync::Arc;

use audit::Outcome;
use kmip::codec::{ByteString, Value, to_bytes};
use kmip::enumerations::ResultStatus;
use kmip::operation::Operation as Code;
use kmip::result_reason::ResultReason;
use kmip::{ProtocolVersion, tag};
use policy::{Actor, Decision, Permission};
use store::{Change, Commit, Put, Store, StoreError};
use zeroize::Zeroizing;

use crate::attestation;
use crate::batch::{Answer, Run, Success, check_size, encode, tenant};
use crate::commit::Committed;
use crate::engine::{Engine, Request};
use crate::error::{Error, Result};
use crate::replaced::Replacement;
use crate::stream::Parked;
use crate::ticket::{Ticket, TicketIdentifier};
use crate::view::View;

/// What such an operation answers and does.
pub(crate) struct Reply {
    /// The operation the answer is of: Poll answers with that of the request it names.
    pub(crate) operation: Code,
    pub(crate) status: ResultStatus,
    /// Before the fallback for the client's version.
    pub(crate) reason: Option<ResultReason>,
    pub(crate) text: Option<String>,
    pub(crate) correlation_value: Option<ByteString>,
    /// The Response Payload as an item.
    pub(crate) payload: Option<Zeroizing<Vec<u8>>>,
    /// Records to write.
    pub(crate) kept: Vec<Put>,
    /// Whether the answer is worth more than these records: a full disk does not keep it back.
    pub(crate) is_dispensable: bool,
    /// What concerns the memory of the server alone.
    pub(crate) effects: Vec<Effect>,
}

/// What is done when all else has succeeded.
pub(crate) enum Effect {
    /// A ticket becomes valid.
    Issue(Box<Ticket>),
    /// A ticket becomes invalid.
    Withdraw(TicketIdentifier),
    /// The server takes the client's role on the connection.
    ExchangeRoles,
    /// A certificate is to be used instead of another.
    Replace(Box<Replacement>),
    /// A stream waits for its next part.
    Continue(Arc<Parked>),
}

impl Reply {
    /// A success.
    pub(crate) fn success(operation: Code, response: &impl Value, version: ProtocolVersion) -> Self {
        let payload = Zeroizing::new(to_bytes(response, tag::ResponsePayload, version));
        Self { payload: Some(payload), ..Self::of(operation, ResultStatus::Success) }
    }

    /// An answer without anything in it yet.
    pub(crate) fn of(operation: Code, status: ResultStatus) -> Self {
        Self {
            operation,
            status,
            reason: None,
            text: None,
            correlation_value: None,
            payload: None,
            kept: Vec::new(),
            is_dispensable: false,
            effects: Vec::new(),
        }
    }

    /// Adds something to be done.
    pub(crate) fn with(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }
}

/// Asks the policy about what needs no object, or none yet.
///
/// # Errors
/// Permission Denied; Attestation Required where the actor could do it if it attested its platform.
pub(crate) fn ask(request: &Request<'_>, permission: Permission) -> Result<()> {
    let (actor, now) = (&request.actor, request.now_us.div_euclid(1_000_000));
    let would_do_attested = || {
        let attested = Actor { attested: true, ..actor.clone() };
        !actor.attested && policy::decide_server(&attested, permission, now).is_allow()
    };
    match policy::decide_server(actor, permission, now) {
        Decision::Allow => Ok(()),
        Decision::Deny { reason } if would_do_attested() => Err(attestation::required(request.offer.is_some()).because(reason)),
        Decision::Deny { reason } => {
            Err(Error::new(ResultReason::PermissionDenied, "The client may not perform this operation").because(reason))
        }
        Decision::Absent => Err(Error::object_not_found()),
    }
}

/// Whether the client may do it at all.
///
/// # Errors
/// Permission Denied; with a ticket, Not Authorised or Usage Limit Exceeded.
pub(crate) fn check(run: &Run<'_>, permission: Permission) -> Result<()> {
    ask(run.request, permission)?;
    let Some(grant) = &run.request.grant else { return Ok(()) };
    let mut charge = run.prepared.take_charge();
    grant.charge_without_object(&mut charge, run.item.operation)?;
    run.prepared.keep_charge(charge);
    Ok(())
}

/// Answers, and does what is to be done. Whether it was done: if not, something changed meanwhile, and all is to be done again.
pub(crate) async fn finish<S: Store>(
    engine: &Engine<S>,
    run: &Run<'_>,
    view: &mut View<'_, S>,
    answer: &mut Answer,
    reply: Reply,
) -> Result<bool> {
    // What a Poll returns may be material.
    if run.item.operation == Code::Poll && reply.payload.is_some() {
        engine.check_release()?;
    }
    let version = run.request.message.version;
    let start = answer.writer.len();
    let (item, status_at) = answer.begin_item(run, reply.operation);
    let writer = &mut answer.writer;
    reply.status.write(writer, tag::ResultStatus, version);
    if let Some(reason) = reply.reason {
        reason.at(version).write(writer, tag::ResultReason, version);
    }
    if let Some(text) = &reply.text {
        writer.text_string(tag::ResultMessage, text);
    }
    if let Some(value) = &reply.correlation_value {
        value.write(writer, tag::AsynchronousCorrelationValue, version);
    }
    if let Some(payload) = &reply.payload {
        writer.raw(payload);
    }
    writer.end(item);
    check_size(run, writer)?;

    let record = run.record(Vec::new(), Outcome::Success);
    let changes = !reply.kept.is_empty() || !reply.effects.is_empty();
    if run.commit {
        let tenant = tenant(run.request);
        let log = || encode(std::iter::once(&record));
        let kept: Vec<Change> = reply.kept.into_iter().map(Change::Put).collect();
        if kept.is_empty() {
            engine.log(tenant, log).await?;
        } else {
            match engine.commit(tenant, Commit { changes: kept, log: log(), ..Commit::default() }).await {
                Ok(Committed::Made) => {}
                Ok(Committed::NotMade) => {
                    answer.writer.truncate(start);
                    return Ok(false);
                }
                Err(StoreError::Full) if reply.is_dispensable => engine.log(tenant, log).await?,
                Err(error) => return Err(error.into()),
            }
        }
        engine.apply(reply.effects, answer);
    } else {
        view.stage_kept(reply.kept, reply.effects);
    }
    // What a Poll returns may be material, and what Login returns is as good: none of it is given out without a record.
    let releases_material = reply.payload.is_some();
    answer.push_success(run, record, Success { start, status_at, changes, releases_material, counted: false });
    Ok(true)
}

impl<S: Store> Engine<S> {
    /// Does what concerns the memory of the server alone.
    pub(crate) fn apply(&self, effects: Vec<Effect>, answer: &mut Answer) {
        for effect in effects {
            match effect {
                Effect::Issue(ticket) => self.tickets.issue(*ticket),
                Effect::Withdraw(ticket) => self.tickets.withdraw(&ticket),
                Effect::ExchangeRoles => answer.exchanges_roles = true,
                Effect::Replace(replacement) => self.replaced.note(*replacement),
                Effect::Continue(parked) => {
                    if let Some(stream) = parked.take() {
                        self.streams.keep(stream);
                    }
                }
            }
        }
    }
}
