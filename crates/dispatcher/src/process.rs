//! Process: a request that was accepted is processed now, so that the next Poll is not answered Operation Pending (2.1, section
//! 6.1.39). The items before it in its batch are done first, in their order, and so are those after it.

use kmip::codec::Value as _;
use kmip::enumerations::BatchErrorContinuationOption;
use kmip::operation::Operation as Code;
use kmip::payload::process::{ProcessRequest, ProcessResponse};
use kmip::result_reason::ResultReason;
use store::Store;

use crate::asynchronous::{self, Waiting};
use crate::batch::{Run, tenant};
use crate::direct::Reply;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::view::View;

pub(crate) async fn process<S: Store>(engine: &Engine<S>, run: &Run<'_>, view: &View<'_, S>) -> Result<Reply> {
    let version = run.request.message.version;
    let value = ProcessRequest::read(&run.item.payload, version)?.asynchronous_correlation_value;
    let item = asynchronous::named(view, run, &value).await?.ok_or_else(asynchronous::unknown)?;
    if item.outcome.is_some() {
        return Err(Error::new(ResultReason::DuplicateProcessRequest, "The request has been processed already"));
    }
    // What the other request did could not be undone with the batch of this one.
    if run.request.continuation == BatchErrorContinuationOption::Undo && run.request.message.items.len() > 1 {
        return Err(Error::new(ResultReason::FeatureNotSupported, "Process cannot be part of a batch that may be undone"));
    }
    let waiting = Waiting { tenant: tenant(run.request), batch: item.identifier.batch, count: item.count };
    engine.run_now(waiting).await?;
    Ok(Reply::success(Code::Process, &ProcessResponse {}, version))
}
