//! Hash: computes a digest.
//!
//! See 1.4, section 4.37; 2.1, section 6.1.24.

use crate::codec::ByteString;
use crate::structures::{CryptographicParameters, Data};

structure! {
    /// The request payload of Hash.
    #[derive(Clone)]
    pub struct HashRequest {
        CryptographicParameters => cryptographic_parameters: CryptographicParameters, V1_2..;
        /// Absent where a stream begins or ends without data.
        Data => data: Option<Data>, V1_2..;
        CorrelationValue => correlation_value: Option<ByteString>, V1_3..;
        InitIndicator => init_indicator: Option<bool>, V1_3..;
        FinalIndicator => final_indicator: Option<bool>, V1_3..;
    }
}

structure! {
    /// The response payload of Hash.
    #[derive(Clone)]
    pub struct HashResponse {
        /// Absent while a stream goes on.
        Data => data: Option<Data>, V1_2..;
        CorrelationValue => correlation_value: Option<ByteString>, V1_3..;
    }
}
