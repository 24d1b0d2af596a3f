//! RSA keys as numbers: what the transparent key structures hold.

use kmip::Secret;
use rsa::pkcs1::der::asn1::UintRef;
use rsa::pkcs1::{self, der::Decode, der::Encode};
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use rsa::{BoxedUint, RsaPrivateKey, RsaPublicKey};
use zeroize::Zeroizing;

use crate::error::CryptoError;

/// The largest modulus anything is computed with: time grows with its cube.
const MODULUS_BITS_MAX: u32 = 8_192;

/// The smallest modulus that is used: shorter ones were factored, or soon will be.
const MODULUS_BITS_MIN: u32 = 1_024;

/// The longest public exponent that is used: what both libraries take, and more than anybody has (65537 has 17 bits). The
/// time of an operation with a public key grows with it, and whoever registers the key chooses it.
const EXPONENT_BITS_MAX: u32 = 33;

const PRIVATE: &str = "RSA private key";
const PUBLIC: &str = "RSA public key";

/// The numbers of an RSA private key: unsigned, big-endian. Leading zeros do not matter.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RsaPrivateComponents {
    /// The modulus.
    pub modulus: Vec<u8>,
    /// The private exponent.
    pub private_exponent: Option<Secret>,
    /// The public exponent.
    pub public_exponent: Option<Vec<u8>>,
    /// The first prime.
    pub p: Option<Secret>,
    /// The second prime.
    pub q: Option<Secret>,
    /// The private exponent modulo P - 1.
    pub prime_exponent_p: Option<Secret>,
    /// The private exponent modulo Q - 1.
    pub prime_exponent_q: Option<Secret>,
    /// The inverse of Q modulo P.
    pub crt_coefficient: Option<Secret>,
}

impl std::fmt::Debug for RsaPrivateComponents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RsaPrivateComponents({} bits)", bits(&self.modulus))
    }
}

/// The numbers of an RSA public key: unsigned, big-endian. Leading zeros do not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RsaPublicComponents {
    /// The modulus.
    pub modulus: Vec<u8>,
    /// The public exponent.
    pub public_exponent: Vec<u8>,
}

/// The number of bits of an unsigned big-endian number.
pub(crate) fn bits(number: &[u8]) -> u32 {
    let number = significant(number);
    let Some(first) = number.first() else { return 0 };
    u32::try_from(number.len()).map_or(u32::MAX, |length| length.saturating_mul(8)) - first.leading_zeros()
}

fn significant(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// Reads PKCS#1: checked in shape, not in arithmetic.
pub(crate) fn read_private(pkcs1: &[u8]) -> Result<RsaPrivateComponents, CryptoError> {
    let key = pkcs1::RsaPrivateKeyRef::from_der(pkcs1).map_err(|error| CryptoError::invalid_key("PKCS#1 private key", error))?;
    if key.other_prime_infos.is_some() {
        return Err(CryptoError::invalid_key(PRIVATE, "more than two primes"));
    }
    let secret = |value: UintRef<'_>| Some(Secret::from_slice(value.as_bytes()));
    Ok(RsaPrivateComponents {
        modulus: key.modulus.as_bytes().to_vec(),
        private_exponent: secret(key.private_exponent),
        public_exponent: Some(key.public_exponent.as_bytes().to_vec()),
        p: secret(key.prime1),
        q: secret(key.prime2),
        prime_exponent_p: secret(key.exponent1),
        prime_exponent_q: secret(key.exponent2),
        crt_coefficient: secret(key.coefficient),
    })
}

/// Writes PKCS#1, after computing what is missing.
pub(crate) fn write_private(components: &RsaPrivateComponents) -> Result<Secret, CryptoError> {
    if let Some(der) = write_complete(components)? {
        return Ok(der);
    }
    write_complete(&complete(components)?)?.ok_or(CryptoError::Failed("completing an RSA private key"))
}

/// Writes PKCS#1 where no number is missing.
fn write_complete(components: &RsaPrivateComponents) -> Result<Option<Secret>, CryptoError> {
    let (Some(d), Some(e), Some(p), Some(q), Some(dp), Some(dq), Some(coefficient)) = (
        &components.private_exponent,
        &components.public_exponent,
        &components.p,
        &components.q,
        &components.prime_exponent_p,
        &components.prime_exponent_q,
        &components.crt_coefficient,
    ) else {
        return Ok(None);
    };
    let write = || {
        let key = pkcs1::RsaPrivateKey {
            modulus: UintRef::new(&components.modulus)?,
            public_exponent: UintRef::new(e)?,
            private_exponent: UintRef::new(d.expose())?,
            prime1: UintRef::new(p.expose())?,
            prime2: UintRef::new(q.expose())?,
            exponent1: UintRef::new(dp.expose())?,
            exponent2: UintRef::new(dq.expose())?,
            coefficient: UintRef::new(coefficient.expose())?,
            other_prime_infos: None,
        };
        key.to_der()
    };
    write().map(|der| Some(Secret::new(der))).map_err(|error| CryptoError::invalid_key(PRIVATE, error))
}

/// Computes the missing numbers from those that are there: the private exponent and public exponent, or the primes.
fn complete(components: &RsaPrivateComponents) -> Result<RsaPrivateComponents, CryptoError> {
    let completed = from_crate(&crate_private(components)?)?;
    if significant(&completed.modulus) != significant(&components.modulus) {
        return Err(CryptoError::invalid_key(PRIVATE, "the primes do not multiply to the modulus"));
    }
    Ok(completed)
}

/// The key as the crate `rsa` has it, its arithmetic checked.
pub(crate) fn crate_private(components: &RsaPrivateComponents) -> Result<RsaPrivateKey, CryptoError> {
    if bits(&components.modulus) > MODULUS_BITS_MAX {
        return Err(CryptoError::invalid_key(PRIVATE, format!("a modulus of more than {MODULUS_BITS_MAX} bits")));
    }
    // No part of a key is longer than its modulus, so that no part makes the arithmetic slow.
    let number = |value: &[u8]| {
        if bits(value) > bits(&components.modulus) {
            return Err(CryptoError::invalid_key(PRIVATE, "a number is longer than the modulus"));
        }
        Ok(BoxedUint::from_be_slice_vartime(significant(value)))
    };
    let secret = |value: &Option<Secret>| value.as_ref().map(|value| number(value.expose())).transpose();
    let modulus = number(&components.modulus)?;
    let exponent = components.public_exponent.as_deref();
    let exponent = number(exponent.ok_or_else(|| CryptoError::invalid_key(PRIVATE, "the public exponent is missing"))?)?;
    let primes = [secret(&components.p)?, secret(&components.q)?].into_iter().flatten().collect::<Vec<_>>();
    let key = match secret(&components.private_exponent)? {
        Some(private_exponent) => {
            // One prime alone is ignored: both follow from the exponents.
            let primes = if primes.len() == 2 { primes } else { Vec::new() };
            RsaPrivateKey::from_components(modulus, exponent, private_exponent, primes)
        }
        None if primes.len() == 2 => RsaPrivateKey::from_primes(primes, exponent),
        None => return Err(CryptoError::invalid_key(PRIVATE, "the private exponent and a prime are missing")),
    };
    let key = key.map_err(|error| CryptoError::invalid_key(PRIVATE, error))?;
    key.validate().map_err(|error| CryptoError::invalid_key(PRIVATE, error))?;
    Ok(key)
}

/// The key as the crate `rsa` has it.
pub(crate) fn crate_public(components: &RsaPublicComponents) -> Result<RsaPublicKey, CryptoError> {
    usable(&components.modulus, &components.public_exponent)?;
    let number = |value: &[u8]| BoxedUint::from_be_slice_vartime(significant(value));
    RsaPublicKey::new(number(&components.modulus), number(&components.public_exponent))
        .map_err(|error| CryptoError::invalid_key(PUBLIC, error))
}

/// Whether a key may be used: its numbers are of a length that is safe and that does not take too long. A key that may not be
/// is still kept and given back.
pub(crate) fn usable(modulus: &[u8], public_exponent: &[u8]) -> Result<(), CryptoError> {
    let (modulus, exponent) = (bits(modulus), bits(public_exponent));
    if !(MODULUS_BITS_MIN..=MODULUS_BITS_MAX).contains(&modulus) {
        return Err(CryptoError::BadParameters(format!(
            "RSA keys of {modulus} bits are not used, only of {MODULUS_BITS_MIN} to {MODULUS_BITS_MAX}"
        )));
    }
    if exponent > EXPONENT_BITS_MAX {
        return Err(CryptoError::BadParameters(format!(
            "an RSA public exponent of {exponent} bits is not used, only of at most {EXPONENT_BITS_MAX}"
        )));
    }
    Ok(())
}

/// The numbers of a key of the crate `rsa`.
pub(crate) fn from_crate(key: &RsaPrivateKey) -> Result<RsaPrivateComponents, CryptoError> {
    let missing = CryptoError::Failed("computing the parts of an RSA private key");
    let mut key = key.clone();
    key.precompute().map_err(|_| missing.clone())?;
    let secret = |number: &BoxedUint| Secret::from_slice(significant(&Zeroizing::new(number.to_be_bytes().into_vec())));
    let [p, q] = key.primes() else { return Err(missing) };
    let coefficient = key.crt_coefficient().ok_or_else(|| missing.clone())?;
    Ok(RsaPrivateComponents {
        modulus: significant(&key.n_bytes()).to_vec(),
        private_exponent: Some(secret(key.d())),
        public_exponent: Some(significant(&key.e_bytes()).to_vec()),
        p: Some(secret(p)),
        q: Some(secret(q)),
        prime_exponent_p: key.dp().map(secret),
        prime_exponent_q: key.dq().map(secret),
        crt_coefficient: Some(secret(&coefficient)),
    })
}

/// Reads a PKCS#1 public key.
pub(crate) fn read_public(pkcs1: &[u8]) -> Result<RsaPublicComponents, CryptoError> {
    let key = pkcs1::RsaPublicKeyRef::from_der(pkcs1).map_err(|error| CryptoError::invalid_key("PKCS#1 public key", error))?;
    Ok(RsaPublicComponents { modulus: key.modulus.as_bytes().to_vec(), public_exponent: key.public_exponent.as_bytes().to_vec() })
}

/// Writes a PKCS#1 public key.
pub(crate) fn write_public(components: &RsaPublicComponents) -> Result<Vec<u8>, CryptoError> {
    let write = || {
        let key = pkcs1::RsaPublicKey {
            modulus: UintRef::new(&components.modulus)?,
            public_exponent: UintRef::new(&components.public_exponent)?,
        };
        key.to_der()
    };
    write().map_err(|error: pkcs1::der::Error| CryptoError::invalid_key(PUBLIC, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_of_bits() {
        for (number, expected) in [(&[][..], 0), (&[0, 0], 0), (&[1], 1), (&[0, 0x80, 0], 16), (&[0x7F, 0xFF], 15)] {
            assert_eq!(bits(number), expected, "{number:?}");
        }
    }

    #[test]
    fn debug_shows_no_number() {
        let components =
            RsaPrivateComponents { modulus: vec![0xAB; 128], p: Some(Secret::new(vec![0xCD; 64])), ..Default::default() };
        assert_eq!(format!("{components:?}"), "RsaPrivateComponents(1024 bits)");
    }
}
