//! Query Asynchronous Requests: lists requests that are answered later.
//!
//! See 2.1, section 6.1.41.

use crate::structures::{AsynchronousCorrelationValues, AsynchronousRequest, Operations};

structure! {
    /// The request payload of Query Asynchronous Requests.
    #[derive(Clone)]
    pub struct QueryAsynchronousRequestsRequest {
        AsynchronousCorrelationValues => asynchronous_correlation_values: Option<AsynchronousCorrelationValues>, V2_1..;
        Operations => operations: Option<Operations>, V2_1..;
    }
}

structure! {
    /// The response payload of Query Asynchronous Requests.
    #[derive(Clone)]
    pub struct QueryAsynchronousRequestsResponse {
        AsynchronousRequest => asynchronous_requests: Vec<AsynchronousRequest>, V2_1..;
    }
}
