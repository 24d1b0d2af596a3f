//! Process: has a request that is answered later processed now.
//!
//! See 2.1, section 6.1.39.

use crate::codec::ByteString;

structure! {
    /// The request payload of Process.
    #[derive(Clone)]
    pub struct ProcessRequest {
        AsynchronousCorrelationValue => asynchronous_correlation_value: ByteString, V2_1..;
    }
}

structure! {
    /// The response payload of Process. It is empty.
    #[derive(Clone, Default)]
    pub struct ProcessResponse {}
}
