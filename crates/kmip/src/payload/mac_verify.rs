//! MAC Verify: verifies a message authentication code.
//!
//! See 1.4, section 4.34; 2.1, section 6.1.33.

use crate::codec::ByteString;
use crate::enumerations::ValidityIndicator;
use crate::identifier::{ObjectReference, UniqueIdentifier};
use crate::structures::{CryptographicParameters, Data};

structure! {
    /// The request payload of MAC Verify.
    #[derive(Clone)]
    pub struct MACVerifyRequest {
        /// The object; the ID Placeholder if it is left out, which 3.0 does not allow.
        UniqueIdentifier => unique_identifier: Option<ObjectReference>, V1_2..;
        CryptographicParameters => cryptographic_parameters: Option<CryptographicParameters>, V1_2..;
        /// Absent where a stream begins or ends without data.
        Data => data: Option<Data>, V1_2..;
        /// Absent until the end of a stream.
        MACData => mac_data: Option<ByteString>, V1_2..;
        CorrelationValue => correlation_value: Option<ByteString>, V1_3..;
        InitIndicator => init_indicator: Option<bool>, V1_3..;
        FinalIndicator => final_indicator: Option<bool>, V1_3..;
    }
}

structure! {
    /// The response payload of MAC Verify.
    #[derive(Clone)]
    pub struct MACVerifyResponse {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_2..;
        /// Absent while a stream goes on.
        ValidityIndicator => validity_indicator: Option<ValidityIndicator>, V1_2..;
        CorrelationValue => correlation_value: Option<ByteString>, V1_3..;
    }
}
