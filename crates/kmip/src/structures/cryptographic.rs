//! Parameters of cryptographic operations and of random number generators.

use crate::codec::ByteString;
use crate::enumerations::{
    BlockCipherMode, CryptographicAlgorithm, DRBGAlgorithm, DigitalSignatureAlgorithm, FIPS186Variation, HashingAlgorithm,
    KeyRoleType, MaskGenerator, PaddingMethod, RNGAlgorithm, RecommendedCurve,
};
use crate::secret::Secret;

structure! {
    /// How a key is to be used (2.1, section 4.16).
    #[derive(Clone, Default, Eq, Hash)]
    pub struct CryptographicParameters {
        BlockCipherMode => block_cipher_mode: Option<BlockCipherMode>, V1_0..;
        PaddingMethod => padding_method: Option<PaddingMethod>, V1_0..;
        HashingAlgorithm => hashing_algorithm: Option<HashingAlgorithm>, V1_0..;
        KeyRoleType => key_role_type: Option<KeyRoleType>, V1_0..;
        DigitalSignatureAlgorithm => digital_signature_algorithm: Option<DigitalSignatureAlgorithm>, V1_2..;
        CryptographicAlgorithm => cryptographic_algorithm: Option<CryptographicAlgorithm>, V1_2..;
        /// Whether the server makes the IV.
        RandomIV => random_iv: Option<bool>, V1_2..;
        /// In bits.
        IVLength => iv_length: Option<i32>, V1_2..;
        /// In bytes.
        TagLength => tag_length: Option<i32>, V1_2..;
        /// In bits.
        FixedFieldLength => fixed_field_length: Option<i32>, V1_2..;
        /// In bits.
        InvocationFieldLength => invocation_field_length: Option<i32>, V1_2..;
        /// In bits.
        CounterLength => counter_length: Option<i32>, V1_2..;
        InitialCounterValue => initial_counter_value: Option<i32>, V1_2..;
        /// In bytes; without it, the length of the hash.
        SaltLength => salt_length: Option<i32>, V1_4..;
        MaskGenerator => mask_generator: Option<MaskGenerator>, V1_4..;
        /// Without it, SHA-1.
        MaskGeneratorHashingAlgorithm => mask_generator_hashing_algorithm: Option<HashingAlgorithm>, V1_4..;
        PSource => p_source: Option<ByteString>, V1_4..;
        TrailerField => trailer_field: Option<i32>, V1_4..;
    }
}

structure! {
    /// What a key pair is generated with (2.1, section 4.14).
    #[derive(Clone, Default, Eq, Hash)]
    pub struct CryptographicDomainParameters {
        Qlength => qlength: Option<i32>, V1_0..;
        RecommendedCurve => recommended_curve: Option<RecommendedCurve>, V1_0..;
    }
}

structure! {
    /// What Derive Key computes with (1.4, section 4.6; 2.1, section 7.12). What is required depends on the method.
    #[derive(Clone, Default)]
    pub struct DerivationParameters {
        CryptographicParameters => cryptographic_parameters: Option<CryptographicParameters>, V1_0..;
        InitializationVector => initialization_vector: Option<ByteString>, V1_0..;
        /// May be a password. More than one only since 2.0 (AWS Signature Version 4: date, region and service).
        DerivationData => derivation_data: Vec<Secret>, V1_0..;
        Salt => salt: Option<ByteString>, V1_0..;
        IterationCount => iteration_count: Option<i32>, V1_0..;
    }
}

structure! {
    /// A random number generator (2.1, section 7.36).
    #[derive(Clone, Eq, Hash)]
    pub struct RNGParameters {
        RNGAlgorithm => rng_algorithm: RNGAlgorithm, V1_3..;
        CryptographicAlgorithm => cryptographic_algorithm: Option<CryptographicAlgorithm>, V1_3..;
        /// In bits.
        CryptographicLength => cryptographic_length: Option<i32>, V1_3..;
        HashingAlgorithm => hashing_algorithm: Option<HashingAlgorithm>, V1_3..;
        DRBGAlgorithm => drbg_algorithm: Option<DRBGAlgorithm>, V1_3..;
        RecommendedCurve => recommended_curve: Option<RecommendedCurve>, V1_3..;
        FIPS186Variation => fips186_variation: Option<FIPS186Variation>, V1_3..;
        PredictionResistance => prediction_resistance: Option<bool>, V1_3..;
    }
}
