//! Poll: the answer of a request that was accepted earlier, exactly as the operation would have given it at once, in the version
//! of the poller (2.1, section 6.1.38). It stays there to be polled again until the sweeper removes it: the connection may break
//! before the client has it.

use kmip::codec::Value as _;
use kmip::enumerations::ResultStatus;
use kmip::payload::poll::PollRequest;
use store::Store;

use crate::asynchronous;
use crate::batch::Run;
use crate::direct::Reply;
use crate::engine::Engine;
use crate::error::Result;
use crate::operations;
use crate::view::View;

pub(crate) async fn poll<S: Store>(_: &Engine<S>, run: &Run<'_>, view: &View<'_, S>) -> Result<Reply> {
    let version = run.request.message.version;
    let value = PollRequest::read(&run.item.payload, version)?.asynchronous_correlation_value;
    let mut item = asynchronous::named(view, run, &value).await?.ok_or_else(asynchronous::unknown)?;
    let Some(outcome) = &mut item.outcome else {
        let reply = Reply::of(item.operation, ResultStatus::OperationPending);
        return Ok(Reply { correlation_value: Some(value), ..reply });
    };
    let payload = outcome.payload.as_ref();
    let payload = payload.map(|payload| operations::respell(item.operation, payload, item.version, version)).transpose()?;
    let is_new = !std::mem::replace(&mut outcome.obtained, true);
    let reply =
        Reply { reason: outcome.reason, text: outcome.text.clone(), payload, ..Reply::of(item.operation, outcome.status) };
    // That it was obtained is only for Query Asynchronous Requests.
    Ok(Reply { kept: if is_new { vec![item.to_put()] } else { Vec::new() }, is_dispensable: true, ..reply })
}
