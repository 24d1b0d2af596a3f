//! The table of what is done with key pairs.

use kmip::enumerations::{CryptographicAlgorithm, PaddingMethod, RecommendedCurve};

/// What a pair is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsymmetricUse {
    /// Sign and Signature Verify.
    Signature,
    /// Encrypt and Decrypt, and wrapping.
    Encryption,
    /// Two pairs make one secret: Derive Key.
    Agreement,
    /// A secret is made for the owner of a public key. No operation up to KMIP 2.1 does it.
    Encapsulation,
}

/// One algorithm in one use.
#[derive(Debug)]
pub struct AsymmetricRow {
    /// Which. Several names of the standard may mean it: EC keys do what ECDSA and ECDH keys do.
    pub algorithm: CryptographicAlgorithm,
    /// The curve of the key, where there are several.
    pub curve: Option<RecommendedCurve>,
    /// What for.
    pub usage: AsymmetricUse,
    /// The Padding Method. None: there is none.
    pub padding: Option<PaddingMethod>,
    /// Whether the Hashing Algorithm may be any that is offered (with MD5 nothing new is signed). Else the algorithm has its own.
    pub any_hash: bool,
    /// The crates that do the work.
    pub library: &'static str,
    /// Whether NIST approves of it (FIPS 186-5, 203, 204, SP 800-56A and B), with keys of 2,048 bits and more and approved hashes.
    pub approved: bool,
}

macro_rules! asymmetric {
    ($($algorithm:ident $(on $curve:ident)?, $usage:ident $(with $padding:ident)?, $any_hash:literal, $library:literal, $approved:literal;)*) => {
        /// What key pairs are used for, and by what.
        pub const ASYMMETRIC: &[AsymmetricRow] = &[$(AsymmetricRow {
            algorithm: CryptographicAlgorithm::$algorithm,
            curve: asymmetric!(@ RecommendedCurve $($curve)?),
            usage: AsymmetricUse::$usage,
            padding: asymmetric!(@ PaddingMethod $($padding)?),
            any_hash: $any_hash,
            library: $library,
            approved: $approved,
        }),*];
    };
    (@ $type:ident $value:ident) => { Some($type::$value) };
    (@ $type:ident) => { None };
}

asymmetric! {
    RSA, Signature with PKCS1V1_5, true, "aws-lc-rs; rsa below 2048 bits and with hashes other than SHA-256, SHA-384 and SHA-512", true;
    RSA, Signature with PSS, true, "aws-lc-rs; rsa below 2048 bits, with hashes other than SHA-256, SHA-384 and SHA-512 and with two hashes", true;
    RSA, Encryption with OAEP, true, "aws-lc-rs; rsa below 2048 bits, with hashes other than SHA-1, SHA-256, SHA-384 and SHA-512 and with two hashes", true;
    RSA, Encryption with PKCS1V1_5, false, "aws-lc-rs; rsa below 2048 bits", false;
    ECDSA on P_256, Signature, true, "aws-lc-rs", true;
    ECDSA on P_384, Signature, true, "aws-lc-rs", true;
    ECDSA on P_521, Signature, true, "aws-lc-rs", true;
    ECDSA on SECP256K1, Signature, true, "aws-lc-rs", false;
    Ed25519, Signature, false, "aws-lc-rs", true;
    ML_DSA_44, Signature, false, "aws-lc-rs", true;
    ML_DSA_65, Signature, false, "aws-lc-rs", true;
    ML_DSA_87, Signature, false, "aws-lc-rs", true;
    ECDH on P_256, Agreement, false, "aws-lc-rs", true;
    ECDH on P_384, Agreement, false, "aws-lc-rs", true;
    ECDH on P_521, Agreement, false, "aws-lc-rs", true;
    ECDH on SECP256K1, Agreement, false, "k256", false;
    ECDH on CURVE25519, Agreement, false, "aws-lc-rs", false;
    ML_KEM_512, Encapsulation, false, "aws-lc-rs", true;
    ML_KEM_768, Encapsulation, false, "aws-lc-rs", true;
    ML_KEM_1024, Encapsulation, false, "aws-lc-rs", true;
}

/// Whether RSA keys are used in this way with a padding.
pub(crate) fn rsa_padding_offered(usage: AsymmetricUse, padding: PaddingMethod) -> bool {
    let row = |row: &&AsymmetricRow| row.algorithm == CryptographicAlgorithm::RSA && row.usage == usage;
    ASYMMETRIC.iter().filter(row).any(|row| row.padding == Some(padding))
}
