//! How a key is wrapped, and how it is to be wrapped.

use crate::attribute::AttributeReference;
use crate::codec::ByteString;
use crate::enumerations::{EncodingOption, WrappingMethod};
use crate::identifier::ObjectReference;
use crate::structures::CryptographicParameters;

structure! {
    /// The key that encrypts, and how (2.1, section 3.3).
    #[derive(Clone, Eq, Hash)]
    pub struct EncryptionKeyInformation {
        UniqueIdentifier => unique_identifier: ObjectReference, V1_0..;
        CryptographicParameters => cryptographic_parameters: Option<CryptographicParameters>, V1_0..;
    }
}

structure! {
    /// The key that authenticates, and how (2.1, section 3.3).
    #[derive(Clone, Eq, Hash)]
    pub struct MACSignatureKeyInformation {
        UniqueIdentifier => unique_identifier: ObjectReference, V1_0..;
        CryptographicParameters => cryptographic_parameters: Option<CryptographicParameters>, V1_0..;
    }
}

structure! {
    /// How a key value is wrapped (2.1, section 3.3).
    #[derive(Clone, Eq, Hash)]
    pub struct KeyWrappingData {
        WrappingMethod => wrapping_method: WrappingMethod, V1_0..;
        EncryptionKeyInformation => encryption_key_information: Option<EncryptionKeyInformation>, V1_0..;
        MACSignatureKeyInformation => mac_signature_key_information: Option<MACSignatureKeyInformation>, V1_0..;
        MACSignature => mac_signature: Option<ByteString>, V1_0..;
        IVCounterNonce => iv_counter_nonce: Option<ByteString>, V1_0..;
        /// Without it, TTLV Encoding.
        EncodingOption => encoding_option: Option<EncodingOption>, V1_1..;
    }
}

structure! {
    /// How a client wants a key value wrapped (2.1, section 7.18).
    #[derive(Clone)]
    pub struct KeyWrappingSpecification {
        WrappingMethod => wrapping_method: WrappingMethod, V1_0..;
        EncryptionKeyInformation => encryption_key_information: Option<EncryptionKeyInformation>, V1_0..;
        MACSignatureKeyInformation => mac_signature_key_information: Option<MACSignatureKeyInformation>, V1_0..;
        /// Attributes to wrap together with the key material.
        AttributeName => attribute_names: Vec<String>, V1_0..V3_0;
        /// The same in 3.0.
        AttributeReference => attribute_references: Vec<AttributeReference>, V3_0..;
        /// Without it, TTLV Encoding.
        EncodingOption => encoding_option: Option<EncodingOption>, V1_1..;
    }
}
