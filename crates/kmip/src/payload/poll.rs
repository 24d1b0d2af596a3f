//! Poll: asks for the answer of an earlier request. The response is the one of the operation of that request.
//!
//! See 1.4, section 4.28; 2.1, section 6.1.38.

use crate::codec::ByteString;

structure! {
    /// The request payload of Poll.
    #[derive(Clone)]
    pub struct PollRequest {
        AsynchronousCorrelationValue => asynchronous_correlation_value: ByteString, V1_0..;
    }
}
