//! Several operations in one exchange.

use std::marker::PhantomData;
use std::ops::Range;

use kmip::ProtocolVersion;
use kmip::codec::Value;
use kmip::enumerations::{BatchErrorContinuationOption, ResultStatus};
use kmip::message::{RequestHeader, ResponseMessage, write_request_item};
use kmip::operation::Operation;
use kmip::result_reason::ResultReason;
use ttlv_codec::{Limits, Reader, Writer};
use zeroize::Zeroizing;

use crate::client::read_empty;
use crate::error::{Error, OperationError};
use crate::operations::Request;

/// Operations to perform together, in their order. [`crate::Client::batch`] makes one, [`crate::Client::send`] performs it.
///
/// An operation that names no object means the one that an earlier operation of the batch created or found: the ID Placeholder.
pub struct Batch {
    version: ProtocolVersion,
    items: Writer,
    operations: Vec<Operation>,
    error_continuation: Option<BatchErrorContinuationOption>,
}

/// Where the result of an operation will be.
#[derive(Debug)]
pub struct Slot<A> {
    index: usize,
    answer: PhantomData<fn() -> A>,
}

impl Batch {
    pub(crate) const fn new(version: ProtocolVersion) -> Self {
        Self { version, items: Writer::new(), operations: Vec::new(), error_continuation: None }
    }

    /// Adds an operation.
    pub fn push<R: Request>(&mut self, request: &R) -> Slot<R::Response> {
        let index = self.operations.len();
        self.operations.push(R::OPERATION);
        write_request_item(&mut self.items, self.version, R::OPERATION, Some(&item_id(index)), request);
        Slot { index, answer: PhantomData }
    }

    /// What the server does with the rest when an operation fails: Stop (which is what it does when nobody says), Continue or Undo.
    pub const fn on_error(&mut self, option: BatchErrorContinuationOption) {
        self.error_continuation = Some(option);
    }

    /// Number of operations.
    #[must_use]
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether there are no operations.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    pub(crate) fn count(&self) -> i32 {
        i32::try_from(self.len()).unwrap_or(i32::MAX)
    }

    pub(crate) fn items(&self) -> &[u8] {
        self.items.bytes()
    }

    pub(crate) fn configure(&self, header: &mut RequestHeader) {
        header.batch_error_continuation_option = self.error_continuation;
        // Without it a server before 1.2 may perform the items in any order.
        header.batch_order_option = Some(true);
    }
}

/// The name of an item: its number.
fn item_id(index: usize) -> [u8; 4] {
    u32::try_from(index).unwrap_or(u32::MAX).to_be_bytes()
}

/// How the operations of a batch went.
pub struct BatchResults {
    response: Zeroizing<Vec<u8>>,
    version: ProtocolVersion,
    operations: Vec<Operation>,
    /// One per operation: where its payload is (nowhere if it is empty), or why there is none.
    outcomes: Vec<Result<Option<Range<usize>>, OperationError>>,
}

impl BatchResults {
    pub(crate) fn read(response: Zeroizing<Vec<u8>>, batch: &Batch, limits: &Limits) -> Result<Self, Error> {
        let message = ResponseMessage::read(&response, limits)?;
        let version = message.version;
        if message.items.len() > batch.len() {
            return Err(Error::Mismatch("it has more batch items than the request"));
        }
        // After an error with Stop, the rest was not performed and has no item.
        let mut outcomes: Vec<_> = batch.operations.iter().map(|operation| Err(not_performed(*operation))).collect();
        for (position, item) in message.items.iter().enumerate() {
            let index = match &item.unique_batch_item_id {
                Some(id) => (0..batch.len()).find(|index| item_id(*index) == id.0.as_slice()),
                None => Some(position),
            };
            let index = index.ok_or(Error::Mismatch("it has a batch item of another request"))?;
            outcomes[index] = if item.result_status == ResultStatus::Success {
                Ok(item.payload.as_ref().map(|payload| payload.offset..payload.offset + payload.raw().len()))
            } else {
                Err(OperationError {
                    operation: Some(batch.operations[index]),
                    status: item.result_status,
                    reason: item.result_reason.unwrap_or(ResultReason::GeneralFailure),
                    message: item.result_message.clone(),
                })
            };
        }
        Ok(Self { response, version, operations: batch.operations.clone(), outcomes })
    }

    /// The result of one operation.
    ///
    /// # Errors
    /// If it failed, was undone, or was not performed since an earlier one failed.
    pub fn get<A: Value>(&self, slot: &Slot<A>) -> Result<A, Error> {
        let wrong = Error::Mismatch("the slot is of another batch");
        let (Some(outcome), Some(operation)) = (self.outcomes.get(slot.index), self.operations.get(slot.index)) else {
            return Err(wrong);
        };
        let payload = |error| Error::Payload { operation: *operation, error };
        match outcome {
            Err(error) => Err(error.clone().into()),
            Ok(None) => read_empty(self.version).map_err(payload),
            Ok(Some(range)) => match Reader::new(&self.response[range.clone()]).next_item() {
                Ok(Some(item)) => A::read(&item, self.version).map_err(payload),
                _ => Err(wrong),
            },
        }
    }

    /// The first operation that did not succeed.
    #[must_use]
    pub fn first_error(&self) -> Option<&OperationError> {
        self.outcomes.iter().find_map(|outcome| outcome.as_ref().err())
    }
}

fn not_performed(operation: Operation) -> OperationError {
    OperationError {
        operation: Some(operation),
        status: ResultStatus::OperationFailed,
        reason: ResultReason::OperationCanceledByRequester,
        message: Some("not performed: an earlier operation of the batch failed".to_owned()),
    }
}
