//! Cancel: a request that was accepted and is not done will not be done (2.1, section 6.1.5).
//!
//! A request that a worker has can be cancelled all the same: its outcome and its changes are one commit, which is not made once
//! the request has another outcome. One item of a batch that is done as a whole (Undo) cannot be taken out of it.

use kmip::codec::Value as _;
use kmip::enumerations::{BatchErrorContinuationOption, CancellationResult, ResultStatus};
use kmip::operation::Operation as Code;
use kmip::payload::cancel::{CancelRequest, CancelResponse};
use kmip::result_reason::ResultReason;
use store::Store;

use crate::asynchronous;
use crate::asynchronous::item::{ItemIdentifier, ItemOutcome};
use crate::batch::Run;
use crate::direct::Reply;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::operation::Batch;
use crate::view::View;

pub(crate) async fn cancel<S: Store>(_: &Engine<S>, run: &Run<'_>, view: &View<'_, S>) -> Result<Reply> {
    let version = run.request.message.version;
    let value = CancelRequest::read(&run.item.payload, version)?.asynchronous_correlation_value;
    // Up to 1.4 Cancel has no errors: a value of any shape is one that matches no operation (1.4, sections 4.27 and 11.28).
    if ItemIdentifier::from_correlation_value(&value).is_none() && !version.is_1x() {
        return Err(asynchronous::unknown());
    }
    let mut kept = Vec::new();
    let cancellation_result = match asynchronous::named(view, run, &value).await? {
        None => CancellationResult::Unavailable,
        Some(mut item) => match &mut item.outcome {
            None if item.continuation == BatchErrorContinuationOption::Undo && item.count > 1 => {
                CancellationResult::UnableToCancel
            }
            None => {
                let error = Error::new(ResultReason::OperationCanceledByRequester, "The operation was canceled");
                let outcome = ItemOutcome { obtained: true, ..ItemOutcome::failure(&error, run.request.now_us) };
                item.finish(outcome, Batch::default());
                kept.push(item.to_put());
                CancellationResult::Canceled
            }
            Some(outcome) => {
                let result = match (outcome.status, outcome.reason) {
                    (ResultStatus::Success, _) => CancellationResult::Completed,
                    (_, Some(ResultReason::OperationCanceledByRequester)) => CancellationResult::Canceled,
                    _ => CancellationResult::Failed,
                };
                if !std::mem::replace(&mut outcome.obtained, true) {
                    kept.push(item.to_put());
                }
                result
            }
        },
    };
    let response = CancelResponse { asynchronous_correlation_value: value, cancellation_result };
    Ok(Reply { kept, ..Reply::success(Code::Cancel, &response, version) })
}
