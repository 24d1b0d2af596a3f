//! RNG Seed: gives random bytes to the server.
//!
//! See 1.4, section 4.36; 2.1, section 6.1.50.

use crate::structures::Data;

structure! {
    /// The request payload of RNG Seed.
    #[derive(Clone)]
    pub struct RNGSeedRequest {
        Data => data: Data, V1_2..;
    }
}

structure! {
    /// The response payload of RNG Seed.
    #[derive(Clone)]
    pub struct RNGSeedResponse {
        /// How many bytes were used.
        DataLength => data_length: i32, V1_2..;
    }
}
