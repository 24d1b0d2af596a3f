//! RNG Retrieve: returns random bytes.
//!
//! See 1.4, section 4.35; 2.1, section 6.1.49.

use crate::structures::Data;

structure! {
    /// The request payload of RNG Retrieve.
    #[derive(Clone)]
    pub struct RNGRetrieveRequest {
        /// In bytes.
        DataLength => data_length: i32, V1_2..;
    }
}

structure! {
    /// The response payload of RNG Retrieve.
    #[derive(Clone)]
    pub struct RNGRetrieveResponse {
        Data => data: Option<Data>, V1_2..;
    }
}
