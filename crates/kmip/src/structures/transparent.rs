//! The fields of transparent keys: the Key Material of the Key Format Types that begin with Transparent (2.1, sections 3.4 to 3.12).
//!
//! All numbers are Big Integers, wiped when dropped.

use crate::codec::{self, BigInteger, Value};
use crate::enumerations::RecommendedCurve;
use crate::object::KeyMaterial;
use crate::secret::Secret;
use crate::tag;
use crate::version::ProtocolVersion;

structure! {
    /// A symmetric key.
    #[derive(Clone)]
    pub struct TransparentSymmetricKey {
        Key => key: Secret, V1_0..;
    }
}

structure! {
    /// A DSA private key.
    #[derive(Clone)]
    pub struct TransparentDSAPrivateKey {
        P => p: BigInteger, V1_0..;
        Q => q: BigInteger, V1_0..;
        G => g: BigInteger, V1_0..;
        X => x: BigInteger, V1_0..;
    }
}

structure! {
    /// A DSA public key.
    #[derive(Clone)]
    pub struct TransparentDSAPublicKey {
        P => p: BigInteger, V1_0..;
        Q => q: BigInteger, V1_0..;
        G => g: BigInteger, V1_0..;
        Y => y: BigInteger, V1_0..;
    }
}

structure! {
    /// An RSA private key: the modulus, and enough of the rest to compute the private exponent.
    #[derive(Clone)]
    pub struct TransparentRSAPrivateKey {
        Modulus => modulus: BigInteger, V1_0..;
        PrivateExponent => private_exponent: Option<BigInteger>, V1_0..;
        PublicExponent => public_exponent: Option<BigInteger>, V1_0..;
        P => p: Option<BigInteger>, V1_0..;
        Q => q: Option<BigInteger>, V1_0..;
        PrimeExponentP => prime_exponent_p: Option<BigInteger>, V1_0..;
        PrimeExponentQ => prime_exponent_q: Option<BigInteger>, V1_0..;
        CRTCoefficient => crt_coefficient: Option<BigInteger>, V1_0..;
    }
}

structure! {
    /// An RSA public key.
    #[derive(Clone)]
    pub struct TransparentRSAPublicKey {
        Modulus => modulus: BigInteger, V1_0..;
        PublicExponent => public_exponent: BigInteger, V1_0..;
    }
}

structure! {
    /// A Diffie-Hellman private key.
    #[derive(Clone)]
    pub struct TransparentDHPrivateKey {
        P => p: BigInteger, V1_0..;
        Q => q: Option<BigInteger>, V1_0..;
        G => g: BigInteger, V1_0..;
        J => j: Option<BigInteger>, V1_0..;
        X => x: BigInteger, V1_0..;
    }
}

structure! {
    /// A Diffie-Hellman public key.
    #[derive(Clone)]
    pub struct TransparentDHPublicKey {
        P => p: BigInteger, V1_0..;
        Q => q: Option<BigInteger>, V1_0..;
        G => g: BigInteger, V1_0..;
        J => j: Option<BigInteger>, V1_0..;
        Y => y: BigInteger, V1_0..;
    }
}

structure! {
    /// An elliptic-curve private key, under any of the Key Format Types for EC, ECDSA, ECDH and ECMQV.
    #[derive(Clone)]
    pub struct TransparentECPrivateKey {
        RecommendedCurve => recommended_curve: RecommendedCurve, V1_0..;
        D => d: BigInteger, V1_0..;
    }
}

structure! {
    /// An elliptic-curve public key, under any of the Key Format Types for EC, ECDSA, ECDH and ECMQV.
    #[derive(Clone)]
    pub struct TransparentECPublicKey {
        RecommendedCurve => recommended_curve: RecommendedCurve, V1_0..;
        QString => q_string: Secret, V1_0..;
    }
}

impl KeyMaterial {
    /// The key material as the fields of a transparent key.
    ///
    /// # Errors
    /// If it does not have them.
    pub fn transparent<T: Value>(&self) -> codec::Result<T> {
        // The trees go through their wire form: one decoder knows the rows, and the copy is wiped.
        let bytes = zeroize::Zeroizing::new(codec::to_bytes(self, tag::KeyMaterial, ProtocolVersion::V3_0));
        codec::from_bytes(&bytes, ProtocolVersion::V3_0)
    }
}
