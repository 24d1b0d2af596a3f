//! Cancel: cancels a request that is answered later.
//!
//! See 1.4, section 4.27; 2.1, section 6.1.5.

use crate::codec::ByteString;
use crate::enumerations::CancellationResult;

structure! {
    /// The request payload of Cancel.
    #[derive(Clone)]
    pub struct CancelRequest {
        AsynchronousCorrelationValue => asynchronous_correlation_value: ByteString, V1_0..;
    }
}

structure! {
    /// The response payload of Cancel.
    #[derive(Clone)]
    pub struct CancelResponse {
        AsynchronousCorrelationValue => asynchronous_correlation_value: ByteString, V1_0..;
        CancellationResult => cancellation_result: CancellationResult, V1_0..;
    }
}
