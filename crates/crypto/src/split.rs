//! Secret sharing: a key in parts, of which a number suffices to have it back (2.1, section 13.1).
//!
//! A part is as long as the secret (XOR, GF(2^8), GF(2^16)) or as the prime (prime field). Whoever has fewer parts than the threshold
//! knows the length of the secret and nothing else of it. Everything that touches a secret or a part takes a time that depends on
//! lengths and Key Part Identifiers alone.

mod field;
mod prime;

use kmip::Secret;
use kmip::enumerations::SplitKeyMethod;
use zeroize::Zeroizing;

use self::field::{Field, Gf256, Gf65536};
use self::prime::PrimeField;
use crate::digest::equal;
use crate::error::CryptoError;
use crate::random::Random;

/// Parts of one secret: GF(2^8) has that many points other than the secret's own.
pub const SPLIT_KEY_PARTS_MAX: u32 = 255;

/// How a secret is divided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitScheme {
    method: SplitKeyMethod,
    parts: u32,
    threshold: u32,
    prime: Option<PrimeField>,
}

impl SplitScheme {
    /// A scheme, as a request or a part describes it; `prime` is the Prime Field Size, big-endian.
    ///
    /// # Errors
    /// A method that is not offered; parts and threshold that make no sense; a prime that is missing, beside another method, even, or
    /// larger than is computed with.
    pub fn new(method: SplitKeyMethod, parts: i32, threshold: i32, prime: Option<&[u8]>) -> Result<Self, CryptoError> {
        let bad = |text: String| Err(CryptoError::BadParameters(text));
        let polynomial = match method {
            SplitKeyMethod::XOR => false,
            SplitKeyMethod::PolynomialSharingGF2_8
            | SplitKeyMethod::PolynomialSharingGF2_16
            | SplitKeyMethod::PolynomialSharingPrimeField => true,
            _ => return Err(CryptoError::UnsupportedParameters("the Split Key Method is not offered".to_owned())),
        };
        let in_range = |number: i32| u32::try_from(number).ok().filter(|number| (2..=SPLIT_KEY_PARTS_MAX).contains(number));
        let Some(parts) = in_range(parts) else {
            return bad(format!("Split Key Parts must be from 2 to {SPLIT_KEY_PARTS_MAX}"));
        };
        // With a threshold of 1, each part would be the key.
        let Some(threshold) = in_range(threshold).filter(|threshold| *threshold <= parts) else {
            return bad("Split Key Threshold must be from 2 to Split Key Parts".to_owned());
        };
        if !polynomial && threshold != parts {
            return bad("Split Key Threshold must be Split Key Parts with XOR: all parts are needed".to_owned());
        }
        let prime = match (method == SplitKeyMethod::PolynomialSharingPrimeField, prime) {
            (true, Some(prime)) => Some(PrimeField::new(prime)?),
            (false, None) => None,
            (true, None) => return bad("Prime Field Size is missing".to_owned()),
            (false, Some(_)) => return bad("Prime Field Size belongs to Polynomial Sharing Prime Field alone".to_owned()),
        };
        Ok(Self { method, parts, threshold, prime })
    }

    /// How many parts are needed.
    #[must_use]
    pub const fn threshold(&self) -> u32 {
        self.threshold
    }

    /// Divides a secret: the part of Key Part Identifier 1 comes first.
    ///
    /// # Errors
    /// A secret that is empty, or not a whole number of pieces, or not smaller than the prime; a Prime Field Size that is no prime;
    /// no random bytes.
    pub fn split(&self, secret: &[u8], random: &dyn Random) -> Result<Vec<Secret>, CryptoError> {
        if secret.is_empty() {
            return Err(CryptoError::BadParameters("an empty secret cannot be split".to_owned()));
        }
        match (self.method, &self.prime) {
            (_, Some(prime)) => prime.split(secret, self.parts, self.threshold, random),
            (SplitKeyMethod::PolynomialSharingGF2_8, _) => split_pieces::<Gf256>(secret, self.parts, self.threshold, random),
            (SplitKeyMethod::PolynomialSharingGF2_16, _) => split_pieces::<Gf65536>(secret, self.parts, self.threshold, random),
            _ => split_xor(secret, self.parts, random),
        }
    }

    /// Puts a secret together from parts and their Key Part Identifiers. Parts beyond the threshold must lie on the same polynomial.
    /// `length` is the number of bytes of the secret, which a prime field does not know by itself: without it, leading zero bytes are
    /// lost.
    ///
    /// # Errors
    /// Too few parts, one that is there twice, parts of different lengths, or an identifier that none can have;
    /// [`CryptoError::Refused`] for parts that do not belong together, as far as that can be seen.
    pub fn join(&self, parts: &[(i32, &[u8])], length: Option<usize>) -> Result<Secret, CryptoError> {
        let bad = |text: &str| Err(CryptoError::BadParameters(text.to_owned()));
        let mut points = Vec::with_capacity(parts.len());
        for (identifier, part) in parts {
            let Some(identifier) = u32::try_from(*identifier).ok().filter(|one| (1..=self.parts).contains(one)) else {
                return bad("a Key Part Identifier is not from 1 to Split Key Parts");
            };
            if points.iter().any(|(other, _)| *other == identifier) {
                return bad("a part of the key is there twice");
            }
            points.push((identifier, *part));
        }
        if points.len() < self.threshold as usize {
            return bad("there are fewer parts than Split Key Threshold");
        }
        let size = points.first().map_or(0, |(_, part)| part.len());
        if size == 0 || points.iter().any(|(_, part)| part.len() != size) {
            return bad("the parts of the key differ in length");
        }
        let (points, beyond) = points.split_at(self.threshold as usize);
        let joined = match (self.method, &self.prime) {
            (_, Some(prime)) => return prime.join(points, beyond, length),
            (SplitKeyMethod::PolynomialSharingGF2_8, _) => join_pieces::<Gf256>(points, beyond)?,
            (SplitKeyMethod::PolynomialSharingGF2_16, _) => join_pieces::<Gf65536>(points, beyond)?,
            _ => join_xor(points),
        };
        match length {
            Some(length) if length != joined.len() => Err(CryptoError::Refused),
            _ => Ok(joined),
        }
    }
}

/// A prime that is large enough for secrets of a number of bytes, for a client that names none: big-endian. `None`: the secret is
/// larger than is computed with.
#[must_use]
pub fn default_prime(secret_bytes: usize) -> Option<Vec<u8>> {
    prime::default_prime(secret_bytes)
}

fn split_xor(secret: &[u8], parts: u32, random: &dyn Random) -> Result<Vec<Secret>, CryptoError> {
    let mut rest = Zeroizing::new(secret.to_vec());
    let mut shares = Vec::with_capacity(parts as usize);
    for _ in 1..parts {
        let mut share = Zeroizing::new(vec![0; secret.len()]);
        random.fill(&mut share)?;
        rest.iter_mut().zip(share.iter()).for_each(|(rest, share)| *rest ^= share);
        shares.push(Secret::from_slice(&share));
    }
    shares.push(Secret::from_slice(&rest));
    Ok(shares)
}

fn join_xor(points: &[(u32, &[u8])]) -> Secret {
    let mut joined = Zeroizing::new(vec![0; points.first().map_or(0, |(_, part)| part.len())]);
    for (_, part) in points {
        joined.iter_mut().zip(part.iter()).for_each(|(joined, part)| *joined ^= part);
    }
    Secret::from_slice(&joined)
}

/// Every piece of the secret is the value at zero of a polynomial of its own, whose other coefficients are random.
fn split_pieces<F: Field>(secret: &[u8], parts: u32, threshold: u32, random: &dyn Random) -> Result<Vec<Secret>, CryptoError> {
    if !secret.len().is_multiple_of(F::BYTES) {
        // The standard divides a secret into pieces of 16 bits and says nothing of a rest (2.1, section 13.1): a part that was filled up
        // in a way of our own would be joined to another secret elsewhere.
        let text = format!(
            "the secret has {} bytes; the Split Key Method divides it into pieces of {}, and the standard says nothing of a rest: \
             Polynomial Sharing GF(2^8), Prime Field and XOR divide secrets of any length",
            secret.len(),
            F::BYTES
        );
        return Err(CryptoError::UnsupportedParameters(text));
    }
    // One row of coefficients after the other, from that of the first power on.
    let mut coefficients = Zeroizing::new(vec![0; secret.len() * (threshold as usize - 1)]);
    random.fill(&mut coefficients)?;
    let share = |identifier: u32| {
        let point = F::at(identifier);
        let mut share = Zeroizing::new(vec![0; secret.len()]);
        for (at, out) in share.chunks_exact_mut(F::BYTES).enumerate() {
            let piece = |row: &[u8]| F::read(row.get(at * F::BYTES..).unwrap_or_default());
            let mut value = F::ZERO;
            for row in coefficients.chunks_exact(secret.len()).rev() {
                value = value.add(piece(row)).multiply(point);
            }
            value.add(piece(secret)).write(out);
        }
        Secret::from_slice(&share)
    };
    Ok((1..=parts).map(share).collect())
}

fn join_pieces<F: Field>(points: &[(u32, &[u8])], beyond: &[(u32, &[u8])]) -> Result<Secret, CryptoError> {
    let size = points.first().map_or(0, |(_, part)| part.len());
    if !size.is_multiple_of(F::BYTES) {
        return Err(CryptoError::Refused);
    }
    let nodes: Vec<F> = points.iter().map(|(identifier, _)| F::at(*identifier)).collect();
    let value_at = |target: F| {
        let weights = weights(&nodes, target);
        let mut value = Zeroizing::new(vec![0; size]);
        for (at, out) in value.chunks_exact_mut(F::BYTES).enumerate() {
            let terms = weights
                .iter()
                .zip(points)
                .map(|(weight, (_, part))| weight.multiply(F::read(part.get(at * F::BYTES..).unwrap_or_default())));
            terms.fold(F::ZERO, F::add).write(out);
        }
        value
    };
    for (identifier, part) in beyond {
        if !equal(&value_at(F::at(*identifier)), part) {
            return Err(CryptoError::Refused);
        }
    }
    Ok(Secret::from_slice(&value_at(F::ZERO)))
}

/// What the values at the nodes count for the value at another point (Lagrange).
fn weights<F: Field>(nodes: &[F], target: F) -> Vec<F> {
    let weight = |(at, node): (usize, &F)| {
        let others = nodes.iter().enumerate().filter(|(other, _)| *other != at);
        // In these fields, subtraction is addition.
        let (above, below) = others.fold((F::ONE, F::ONE), |(above, below), (_, other)| {
            (above.multiply(target.add(*other)), below.multiply(node.add(*other)))
        });
        above.multiply(below.invert())
    };
    nodes.iter().enumerate().map(weight).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::random::SystemRandom;
    use crate::random::tests::Dry;

    const METHODS: [SplitKeyMethod; 4] = [
        SplitKeyMethod::XOR,
        SplitKeyMethod::PolynomialSharingGF2_8,
        SplitKeyMethod::PolynomialSharingGF2_16,
        SplitKeyMethod::PolynomialSharingPrimeField,
    ];

    fn scheme(method: SplitKeyMethod, parts: i32, threshold: i32, secret: &[u8]) -> SplitScheme {
        let prime = (method == SplitKeyMethod::PolynomialSharingPrimeField).then(|| default_prime(secret.len()).unwrap());
        SplitScheme::new(method, parts, threshold, prime.as_deref()).unwrap()
    }

    fn chosen(shares: &[Secret], subset: u32) -> Vec<(i32, &[u8])> {
        let chosen = shares.iter().enumerate().filter(|(at, _)| subset & (1 << at) != 0);
        chosen.map(|(at, share)| (at as i32 + 1, share.expose())).collect()
    }

    #[test]
    fn every_subset_of_enough_parts_joins_and_no_smaller_one_does() {
        let secret: Vec<u8> = (0..16).map(|byte| byte * 17).collect();
        let mut subsets = 0;
        for method in METHODS {
            for parts in 2..=6 {
                for threshold in 2..=parts {
                    if method == SplitKeyMethod::XOR && threshold != parts {
                        continue;
                    }
                    let scheme = scheme(method, parts, threshold, &secret);
                    let shares = scheme.split(&secret, &SystemRandom::new()).unwrap();
                    assert_eq!(shares.len(), parts as usize);
                    for subset in 0..1_u32 << parts {
                        subsets += 1;
                        let joined = scheme.join(&chosen(&shares, subset), Some(16));
                        match subset.count_ones() >= threshold as u32 {
                            true => assert_eq!(joined.unwrap().expose(), secret, "{method:?} {threshold}/{parts} {subset:b}"),
                            false => assert!(matches!(joined, Err(CryptoError::BadParameters(_))), "{method:?} {subset:b}"),
                        }
                    }
                }
            }
        }
        println!("{subsets} subsets of parts judged");
    }

    /// One byte, threshold 2: whatever one part says, every secret is still possible, and equally so.
    #[test]
    fn one_part_of_two_says_nothing() {
        struct Fixed(u8);
        impl Random for Fixed {
            fn fill(&self, buffer: &mut [u8]) -> Result<(), CryptoError> {
                buffer.fill(self.0);
                Ok(())
            }
        }
        for method in [SplitKeyMethod::XOR, SplitKeyMethod::PolynomialSharingGF2_8] {
            let scheme = scheme(method, 2, 2, &[0]);
            for part in 0..2 {
                for secret in [0, 1, 0x53, 0xFF] {
                    let mut seen = [false; 256];
                    for random in 0..=255 {
                        let shares = scheme.split(&[secret], &Fixed(random)).unwrap();
                        seen[usize::from(shares[part].expose()[0])] = true;
                    }
                    assert!(seen.iter().all(|seen| *seen), "{method:?} part {part} of {secret}");
                }
            }
        }
    }

    #[test]
    fn parts_that_do_not_belong_together() {
        let secret = [7; 16];
        for method in METHODS {
            let all = method == SplitKeyMethod::XOR;
            let scheme = scheme(method, 4, if all { 4 } else { 2 }, &secret);
            let one = scheme.split(&secret, &SystemRandom::new()).unwrap();
            let other = scheme.split(&[9; 16], &SystemRandom::new()).unwrap();
            let twice = [(1, one[0].expose()), (1, one[0].expose()), (2, one[1].expose()), (3, one[2].expose())];
            assert!(matches!(scheme.join(&twice, None), Err(CryptoError::BadParameters(_))), "{method:?}");
            let outside = [(0, one[0].expose()), (2, one[1].expose()), (3, one[2].expose()), (4, one[3].expose())];
            assert!(matches!(scheme.join(&outside, None), Err(CryptoError::BadParameters(_))), "{method:?}");
            let short = [(1, &one[0].expose()[1..]), (2, one[1].expose()), (3, one[2].expose()), (4, one[3].expose())];
            assert!(matches!(scheme.join(&short, None), Err(CryptoError::BadParameters(_))), "{method:?}");
            if !all {
                let foreign = [(1, one[0].expose()), (2, one[1].expose()), (3, other[2].expose())];
                assert_eq!(scheme.join(&foreign, None), Err(CryptoError::Refused), "{method:?}");
            }
            assert_eq!(scheme.split(&secret, &Dry), Err(CryptoError::NoRandomBytes), "{method:?}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |method, parts, threshold, prime: Option<&[u8]>| {
            SplitScheme::new(method, parts, threshold, prime).unwrap_err().to_string()
        };
        let gf = SplitKeyMethod::PolynomialSharingGF2_8;
        for (parts, threshold) in [(1, 1), (0, 0), (-1, 2), (256, 2), (i32::MAX, 2)] {
            assert!(refused(gf, parts, threshold, None).contains("Split Key Parts"), "{parts}");
        }
        for threshold in [i32::MIN, 0, 1, 6] {
            assert!(refused(gf, 5, threshold, None).contains("Split Key Threshold"), "{threshold}");
        }
        assert!(refused(SplitKeyMethod::XOR, 5, 4, None).contains("all parts"));
        assert!(refused(gf, 5, 4, Some(&[0x01, 0x01])).contains("Prime Field Size belongs"));
        let prime = SplitKeyMethod::PolynomialSharingPrimeField;
        assert!(refused(prime, 5, 4, None).contains("missing"));
        for even in [&[][..], &[0], &[2], &[1, 0]] {
            assert!(refused(prime, 5, 4, Some(even)).contains("Prime Field Size"), "{even:?}");
        }
        assert!(refused(prime, 5, 4, Some(&[0xFF; 1_000])).contains("bits"));
        assert!(refused(SplitKeyMethod(0x8000_0001), 5, 4, None).contains("not offered"));
        let odd = scheme(SplitKeyMethod::PolynomialSharingGF2_16, 3, 2, &[]).split(&[1, 2, 3], &SystemRandom::new());
        assert!(matches!(odd, Err(CryptoError::UnsupportedParameters(_))));
        for method in METHODS {
            assert!(scheme(method, 3, 3, &[1]).split(&[], &SystemRandom::new()).is_err(), "{method:?}");
        }
    }

    /// Parts published for GF(2^8) with the polynomial of the standard: the sharing is linear, so that two of them give the others.
    #[test]
    fn known_parts() {
        let bytes = |hex: &str| -> Vec<u8> {
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
        };
        // The secret 01 02 and the coefficient 67 C6: at 2, C6 doubled needs the reduction by 0x11D.
        let parts = [bytes("66c4"), bytes("cf93"), bytes("a855"), bytes("803d")];
        let scheme = scheme(SplitKeyMethod::PolynomialSharingGF2_8, 4, 2, &[0; 2]);
        for one in 0..4 {
            for other in (0..4).filter(|other| *other != one) {
                let joined = scheme.join(&[(one as i32 + 1, &parts[one]), (other as i32 + 1, &parts[other])], None);
                assert_eq!(joined.unwrap().expose(), [1, 2], "{one} {other}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_split_joins(
            secret in proptest::collection::vec(any::<u8>(), 1..80), method in 0..4_usize, parts in 2..20_i32, threshold in 2..20_i32,
            order in any::<u64>(),
        ) {
            let mut secret = secret;
            let method = METHODS[method];
            if method == SplitKeyMethod::PolynomialSharingGF2_16 && secret.len() % 2 == 1 {
                secret.push(0);
            }
            let threshold = if method == SplitKeyMethod::XOR { parts } else { threshold.min(parts) };
            let scheme = scheme(method, parts, threshold, &secret);
            let shares = scheme.split(&secret, &SystemRandom::new()).unwrap();
            let mut all = chosen(&shares, u32::MAX);
            let turn = order as usize % all.len();
            all.rotate_left(turn);
            let joined = scheme.join(&all[..threshold as usize], Some(secret.len())).unwrap();
            prop_assert_eq!(joined.expose(), &secret[..]);
            let joined = scheme.join(&all, Some(secret.len())).unwrap();
            prop_assert_eq!(joined.expose(), &secret[..]);
        }
    }
}
