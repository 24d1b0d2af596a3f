//! Sign: signs data or their digest.
//!
//! See 1.4, section 4.31; 2.1, section 6.1.55.

use crate::codec::ByteString;
use crate::identifier::{ObjectReference, UniqueIdentifier};
use crate::structures::{CryptographicParameters, Data};

structure! {
    /// The request payload of Sign.
    #[derive(Clone)]
    pub struct SignRequest {
        /// The object; the ID Placeholder if it is left out, which 3.0 does not allow.
        UniqueIdentifier => unique_identifier: Option<ObjectReference>, V1_2..;
        CryptographicParameters => cryptographic_parameters: Option<CryptographicParameters>, V1_2..;
        /// Absent where a stream begins or ends without data.
        Data => data: Option<Data>, V1_2..;
        DigestedData => digested_data: Option<ByteString>, V1_4..;
        CorrelationValue => correlation_value: Option<ByteString>, V1_3..;
        InitIndicator => init_indicator: Option<bool>, V1_3..;
        FinalIndicator => final_indicator: Option<bool>, V1_3..;
    }
}

structure! {
    /// The response payload of Sign.
    #[derive(Clone)]
    pub struct SignResponse {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_2..;
        /// Absent while a stream goes on.
        SignatureData => signature_data: Option<ByteString>, V1_2..;
        CorrelationValue => correlation_value: Option<ByteString>, V1_3..;
    }
}
