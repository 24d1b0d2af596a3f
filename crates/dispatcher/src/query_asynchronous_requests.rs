//! Query Asynchronous Requests: the requests of the client whose results it has not obtained (2.1, section 6.1.41).

use kmip::codec::{DateTimeExtended, Value as _};
use kmip::enumerations::ProcessingStage;
use kmip::operation::Operation as Code;
use kmip::payload::query_asynchronous_requests::{QueryAsynchronousRequestsRequest, QueryAsynchronousRequestsResponse};
use kmip::structures::AsynchronousRequest;
use store::Store;

use crate::asynchronous;
use crate::asynchronous::item::PendingItem;
use crate::batch::Run;
use crate::direct::Reply;
use crate::engine::Engine;
use crate::error::Result;
use crate::view::View;

pub(crate) async fn query_asynchronous_requests<S: Store>(engine: &Engine<S>, run: &Run<'_>, _: &View<'_, S>) -> Result<Reply> {
    let version = run.request.message.version;
    let request = QueryAsynchronousRequestsRequest::read(&run.item.payload, version)?;
    let values = request.asynchronous_correlation_values.map(|values| values.asynchronous_correlation_values);
    let operations = request.operations.map(|operations| operations.operations);
    let wanted = |item: &PendingItem| {
        item.outcome.as_ref().is_none_or(|outcome| !outcome.obtained)
            && values.as_ref().is_none_or(|values| values.contains(&item.identifier.correlation_value()))
            && operations.as_ref().is_none_or(|operations| operations.contains(&item.operation))
    };
    let items = asynchronous::all_of(engine, run).await?;
    let asynchronous_requests = items
        .iter()
        .filter(|item| wanted(item))
        .map(|item| AsynchronousRequest {
            asynchronous_correlation_value: item.identifier.correlation_value(),
            operation: item.operation,
            submission_date: DateTimeExtended(item.submitted_us),
            processing_stage: match &item.outcome {
                Some(_) => ProcessingStage::Completed,
                None if engine.asynchronous.is_running(item.identifier.batch) => ProcessingStage::InProcess,
                None => ProcessingStage::Submitted,
            },
        })
        .collect();
    let response = QueryAsynchronousRequestsResponse { asynchronous_requests };
    Ok(Reply::success(Code::QueryAsynchronousRequests, &response, version))
}
