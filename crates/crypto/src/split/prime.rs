//! Secret sharing over the integers modulo a prime (2.1, section 13.1): a secret is a number, the first byte its highest.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd, Resize as _};
use crypto_primes::{Flavor, is_prime};
use kmip::Secret;
use zeroize::{Zeroize, Zeroizing};

use crate::digest::equal;
use crate::error::CryptoError;
use crate::random::Random;

/// Bits of the largest prime: its test takes a good part of a second at a client's request. Longer secrets, such as encoded RSA keys,
/// are for the other methods.
const PRIME_BITS_MAX: u32 = 4_423;

/// The exponents of Mersenne primes: what is chosen for a client that names no prime.
const MERSENNE: [u32; 9] = [127, 521, 607, 1_279, 2_203, 2_281, 3_217, 4_253, PRIME_BITS_MAX];

/// Draws of a coefficient. Each succeeds in at least one of two cases.
const DRAWS: usize = 128;

pub(super) fn default_prime(secret_bytes: usize) -> Option<Vec<u8>> {
    let bits = u32::try_from(secret_bytes.checked_mul(8)?).ok()?;
    let exponent = MERSENNE.into_iter().find(|exponent| *exponent > bits)?;
    let mut prime = vec![0xFF; exponent.div_ceil(8) as usize];
    if let (Some(first), partial @ 1..) = (prime.first_mut(), exponent % 8) {
        *first = 0xFF >> (8 - partial);
    }
    Some(prime)
}

/// A field of integers modulo a number that is taken to be prime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PrimeField {
    prime: Odd<BoxedUint>,
    bits: u32,
}

impl PrimeField {
    /// The field of a number; whether it is prime is not asked yet.
    pub(super) fn new(prime: &[u8]) -> Result<Self, CryptoError> {
        let zeros = prime.iter().take_while(|byte| **byte == 0).count();
        let prime = prime.get(zeros..).unwrap_or_default();
        if prime.len() > PRIME_BITS_MAX.div_ceil(8) as usize {
            return Err(CryptoError::BadParameters(format!("Prime Field Size must have at most {PRIME_BITS_MAX} bits")));
        }
        let number = BoxedUint::from_be_slice_vartime(prime);
        let bits = number.bits_vartime();
        let odd = Option::<Odd<BoxedUint>>::from(number.into_odd()).filter(|_| bits > 8);
        let prime = odd.ok_or_else(|| CryptoError::BadParameters("Prime Field Size is no prime above 256".to_owned()))?;
        Ok(Self { prime, bits })
    }

    const fn bytes(&self) -> usize {
        self.bits.div_ceil(8) as usize
    }

    fn parameters(&self) -> BoxedMontyParams {
        BoxedMontyParams::new_vartime(self.prime.clone())
    }

    /// The element of a number that is smaller than the prime.
    fn element(&self, bytes: &[u8], parameters: &BoxedMontyParams) -> Option<BoxedMontyForm> {
        let mut number = BoxedUint::from_be_slice(bytes, self.prime.bits_precision()).ok()?;
        // One bit leaves: whether the number is in the field at all.
        let inside = bool::from(crypto_bigint::CtLt::ct_lt(&number, self.prime.as_ref()));
        let element = inside.then(|| BoxedMontyForm::new(number.clone(), parameters));
        number.zeroize();
        element
    }

    fn small(&self, number: u32, parameters: &BoxedMontyParams) -> BoxedMontyForm {
        let number = BoxedUint::from(number).resize(self.prime.bits_precision());
        BoxedMontyForm::new(number, parameters)
    }

    /// The number of an element, as long as the prime.
    fn encode(&self, element: &BoxedMontyForm) -> Zeroizing<Vec<u8>> {
        let mut number = element.retrieve();
        let bytes = Zeroizing::new(number.to_be_bytes());
        number.zeroize();
        Zeroizing::new(bytes.get(bytes.len().saturating_sub(self.bytes())..).unwrap_or_default().to_vec())
    }

    fn coefficient(&self, parameters: &BoxedMontyParams, random: &dyn Random) -> Result<BoxedMontyForm, CryptoError> {
        let mut bytes = Zeroizing::new(vec![0; self.bytes()]);
        for _ in 0..DRAWS {
            random.fill(&mut bytes)?;
            if let (Some(first), partial @ 1..) = (bytes.first_mut(), self.bits % 8) {
                *first &= 0xFF >> (8 - partial);
            }
            if let Some(element) = self.element(&bytes, parameters) {
                return Ok(element);
            }
        }
        Err(CryptoError::NoRandomBytes)
    }

    pub(super) fn split(
        &self,
        secret: &[u8],
        parts: u32,
        threshold: u32,
        random: &dyn Random,
    ) -> Result<Vec<Secret>, CryptoError> {
        if secret.len().saturating_mul(8) >= self.bits as usize {
            let text = format!("Prime Field Size must have more than {} bits for this secret", secret.len().saturating_mul(8));
            return Err(CryptoError::BadParameters(text));
        }
        if !is_prime(Flavor::Any, self.prime.as_ref()) {
            return Err(CryptoError::BadParameters("Prime Field Size is no prime".to_owned()));
        }
        let parameters = self.parameters();
        let mut coefficients = vec![self.element(secret, &parameters).ok_or(CryptoError::Failed("secret sharing"))?];
        for _ in 1..threshold {
            coefficients.push(self.coefficient(&parameters, random)?);
        }
        let share = |identifier: u32| {
            let point = self.small(identifier, &parameters);
            let mut value = BoxedMontyForm::zero(&parameters);
            for coefficient in coefficients.iter().rev() {
                let mut product = value.mul(&point);
                value.zeroize();
                value = product.add(coefficient);
                product.zeroize();
            }
            let share = Secret::from_slice(&self.encode(&value));
            value.zeroize();
            share
        };
        let shares = (1..=parts).map(share).collect();
        coefficients.iter_mut().for_each(Zeroize::zeroize);
        Ok(shares)
    }

    pub(super) fn join(
        &self,
        points: &[(u32, &[u8])],
        beyond: &[(u32, &[u8])],
        length: Option<usize>,
    ) -> Result<Secret, CryptoError> {
        let parameters = self.parameters();
        let nodes: Vec<BoxedMontyForm> = points.iter().map(|(identifier, _)| self.small(*identifier, &parameters)).collect();
        let values: Option<Vec<BoxedMontyForm>> = points.iter().map(|(_, part)| self.element(part, &parameters)).collect();
        let mut values = values.ok_or(CryptoError::Refused)?;
        let joined = self.join_values(&nodes, &values, beyond, length, &parameters);
        values.iter_mut().for_each(Zeroize::zeroize);
        joined
    }

    fn join_values(
        &self,
        nodes: &[BoxedMontyForm],
        values: &[BoxedMontyForm],
        beyond: &[(u32, &[u8])],
        length: Option<usize>,
        parameters: &BoxedMontyParams,
    ) -> Result<Secret, CryptoError> {
        let value_at = |target: &BoxedMontyForm| {
            let mut sum = BoxedMontyForm::zero(parameters);
            for (at, (node, value)) in nodes.iter().zip(values).enumerate() {
                let (mut above, mut below) = (BoxedMontyForm::one(parameters), BoxedMontyForm::one(parameters));
                for (_, other) in nodes.iter().enumerate().filter(|(other, _)| *other != at) {
                    above = above.mul(&target.sub(other));
                    below = below.mul(&node.sub(other));
                }
                // The nodes are no secret. Without an inverse, the number is no prime.
                let inverse = Option::<BoxedMontyForm>::from(below.invert_vartime()).ok_or(CryptoError::Refused)?;
                let mut term = above.mul(&inverse).mul(value);
                let next = sum.add(&term);
                sum.zeroize();
                term.zeroize();
                sum = next;
            }
            let number = self.encode(&sum);
            sum.zeroize();
            Ok(number)
        };
        for (identifier, part) in beyond {
            if !equal(&value_at(&self.small(*identifier, parameters))?, part) {
                return Err(CryptoError::Refused);
            }
        }
        let number = value_at(&BoxedMontyForm::zero(parameters))?;
        let length = length.unwrap_or_else(|| number.len() - number.iter().take_while(|byte| **byte == 0).count());
        let (zeros, secret) = number.split_at_checked(number.len().saturating_sub(length)).ok_or(CryptoError::Refused)?;
        // A number that is larger than the secret can be was put together from the wrong parts.
        if zeros.iter().fold(0, |all, byte| all | byte) != 0 || secret.len() != length {
            return Err(CryptoError::Refused);
        }
        Ok(Secret::from_slice(secret))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    #[test]
    fn defaults_are_primes_large_enough() {
        for bytes in [1, 15, 16, 32, 64, 65, 66, 552] {
            let prime = default_prime(bytes).unwrap();
            let field = PrimeField::new(&prime).unwrap();
            assert!(field.bits as usize > bytes * 8, "{bytes}");
        }
        assert_eq!(default_prime(553), None);
        assert_eq!(default_prime(usize::MAX), None);
        for exponent in [127, 521, 607, 1_279] {
            let prime = default_prime((exponent - 1) / 8).unwrap();
            assert!(is_prime(Flavor::Any, PrimeField::new(&prime).unwrap().prime.as_ref()), "{exponent}");
        }
    }

    #[test]
    fn what_is_no_prime_splits_nothing() {
        // 257 is a prime, 259 is 7 times 37.
        let field = |number: u16| PrimeField::new(&number.to_be_bytes()).unwrap();
        assert!(field(257).split(&[200], 3, 2, &SystemRandom::new()).is_ok());
        let error = field(259).split(&[200], 3, 2, &SystemRandom::new()).unwrap_err();
        assert!(error.to_string().contains("no prime"));
        let error = field(257).split(&[1, 2], 3, 2, &SystemRandom::new()).unwrap_err();
        assert!(error.to_string().contains("more than 16 bits"));
    }

    #[test]
    fn a_part_outside_of_the_field_is_refused() {
        let field = PrimeField::new(&[1, 1]).unwrap();
        let shares = field.split(&[200], 3, 2, &SystemRandom::new()).unwrap();
        assert_eq!(field.join(&[(1, shares[0].expose()), (2, &[1, 1])], &[], Some(1)), Err(CryptoError::Refused));
        // 200 needs a byte.
        assert_eq!(field.join(&[(1, shares[0].expose()), (2, shares[1].expose())], &[], Some(0)), Err(CryptoError::Refused));
    }

    /// Over the smallest field, a single part is compatible with every secret.
    #[test]
    fn parts_by_hand() {
        // 42 + 100 x modulo 257: 142 and 242.
        let field = PrimeField::new(&[1, 1]).unwrap();
        let joined = field.join(&[(1, &[0, 142]), (2, &[0, 242])], &[(3, &[0, 85])], None).unwrap();
        assert_eq!(joined.expose(), [42]);
    }
}
