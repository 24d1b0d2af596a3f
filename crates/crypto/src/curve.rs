//! Elliptic curves: those whose keys can be recognised, and those keys can be made on.

use aws_lc_rs::signature::{self, EcdsaSigningAlgorithm};
use kmip::enumerations::RecommendedCurve;
use pkcs8::ObjectIdentifier;

/// One curve.
#[derive(Debug)]
pub struct CurveRow {
    /// Which.
    pub curve: RecommendedCurve,
    /// The Cryptographic Length of its keys, in bits.
    pub length: u32,
    pub(crate) oid: ObjectIdentifier,
    // Any algorithm on the curve makes and checks its keys; which hash goes with it does not matter for that.
    pub(crate) algorithm: Option<&'static EcdsaSigningAlgorithm>,
}

impl CurveRow {
    /// Whether keys on the curve can be made.
    #[must_use]
    pub fn offered(&self) -> bool {
        self.algorithm.is_some()
    }

    /// The number of bytes of a coordinate, and of a private key.
    pub(crate) fn bytes(&self) -> usize {
        self.length.div_ceil(8) as usize
    }
}

impl PartialEq for CurveRow {
    fn eq(&self, other: &Self) -> bool {
        self.curve == other.curve
    }
}

impl Eq for CurveRow {}

macro_rules! curves {
    ($($curve:ident, $length:literal, $oid:literal $(, $algorithm:ident)?;)*) => {
        /// The curves that are known, those that are offered first among those of a length.
        pub static CURVES: &[CurveRow] = &[$(CurveRow {
            curve: RecommendedCurve::$curve,
            length: $length,
            oid: ObjectIdentifier::new_unwrap($oid),
            algorithm: curves!(@ $($algorithm)?),
        }),*];
    };
    (@ $algorithm:ident) => { Some(&signature::$algorithm) };
    (@) => { None };
}

curves! {
    P_256, 256, "1.2.840.10045.3.1.7", ECDSA_P256_SHA256_ASN1_SIGNING;
    P_384, 384, "1.3.132.0.34", ECDSA_P384_SHA384_ASN1_SIGNING;
    P_521, 521, "1.3.132.0.35", ECDSA_P521_SHA512_ASN1_SIGNING;
    SECP256K1, 256, "1.3.132.0.10", ECDSA_P256K1_SHA256_ASN1_SIGNING;
    P_192, 192, "1.2.840.10045.3.1.1";
    P_224, 224, "1.3.132.0.33";
    SECP192K1, 192, "1.3.132.0.31";
    SECP224K1, 224, "1.3.132.0.32";
    K_163, 163, "1.3.132.0.1";
    B_163, 163, "1.3.132.0.15";
    K_233, 233, "1.3.132.0.26";
    B_233, 233, "1.3.132.0.27";
    K_283, 283, "1.3.132.0.16";
    B_283, 283, "1.3.132.0.17";
    K_409, 409, "1.3.132.0.36";
    B_409, 409, "1.3.132.0.37";
    K_571, 571, "1.3.132.0.38";
    B_571, 571, "1.3.132.0.39";
    BRAINPOOLP160R1, 160, "1.3.36.3.3.2.8.1.1.1";
    BRAINPOOLP192R1, 192, "1.3.36.3.3.2.8.1.1.3";
    BRAINPOOLP224R1, 224, "1.3.36.3.3.2.8.1.1.5";
    BRAINPOOLP256R1, 256, "1.3.36.3.3.2.8.1.1.7";
    BRAINPOOLP320R1, 320, "1.3.36.3.3.2.8.1.1.9";
    BRAINPOOLP384R1, 384, "1.3.36.3.3.2.8.1.1.11";
    BRAINPOOLP512R1, 512, "1.3.36.3.3.2.8.1.1.13";
}

/// What is known of a curve.
#[must_use]
pub fn curve(wanted: RecommendedCurve) -> Option<&'static CurveRow> {
    CURVES.iter().find(|row| row.curve == wanted)
}

/// The curve that a Cryptographic Length alone means: P-256, P-384 or P-521, and of older lengths the NIST prime curve.
#[must_use]
pub fn curve_of_length(length: i32) -> Option<&'static CurveRow> {
    CURVES.iter().find(|row| i32::try_from(row.length) == Ok(length))
}

pub(crate) fn curve_of_oid(oid: ObjectIdentifier) -> Option<&'static CurveRow> {
    CURVES.iter().find(|row| row.oid == oid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_alone_means_the_nist_prime_curve() {
        let of = |length| curve_of_length(length).map(|row| row.curve);
        assert_eq!(of(256), Some(RecommendedCurve::P_256));
        assert_eq!(of(384), Some(RecommendedCurve::P_384));
        assert_eq!(of(521), Some(RecommendedCurve::P_521));
        assert_eq!(of(192), Some(RecommendedCurve::P_192));
        assert_eq!(of(224), Some(RecommendedCurve::P_224));
        assert_eq!(of(-256), None);
        assert_eq!(of(512).map(|curve| curve == RecommendedCurve::BRAINPOOLP512R1), Some(true));
    }

    #[test]
    fn rows_are_single() {
        for (number, row) in CURVES.iter().enumerate() {
            for other in &CURVES[number + 1..] {
                assert!(row.curve != other.curve && row.oid != other.oid, "{:?}", row.curve);
            }
        }
    }
}
