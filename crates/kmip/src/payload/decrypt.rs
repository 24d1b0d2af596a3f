//! Decrypt: decrypts data.
//!
//! See 1.4, section 4.30; 2.1, section 6.1.11.

use crate::codec::ByteString;
use crate::identifier::{ObjectReference, UniqueIdentifier};
use crate::structures::{CryptographicParameters, Data};

structure! {
    /// The request payload of Decrypt.
    #[derive(Clone)]
    pub struct DecryptRequest {
        /// The object; the ID Placeholder if it is left out, which 3.0 does not allow.
        UniqueIdentifier => unique_identifier: Option<ObjectReference>, V1_2..;
        CryptographicParameters => cryptographic_parameters: Option<CryptographicParameters>, V1_2..;
        /// Absent where a stream begins or ends without data.
        Data => data: Option<Data>, V1_2..;
        IVCounterNonce => iv_counter_nonce: Option<ByteString>, V1_2..;
        CorrelationValue => correlation_value: Option<ByteString>, V1_3..;
        InitIndicator => init_indicator: Option<bool>, V1_3..;
        FinalIndicator => final_indicator: Option<bool>, V1_3..;
        AuthenticatedEncryptionAdditionalData => authenticated_encryption_additional_data: Option<ByteString>, V1_4..;
        /// Up to 1.3 the tag is the end of the data.
        AuthenticatedEncryptionTag => authenticated_encryption_tag: Option<ByteString>, V1_4..;
    }
}

structure! {
    /// The response payload of Decrypt.
    #[derive(Clone)]
    pub struct DecryptResponse {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_2..;
        /// Absent where a stream begins or ends without data.
        Data => data: Option<Data>, V1_2..;
        CorrelationValue => correlation_value: Option<ByteString>, V1_3..;
    }
}
