//! What the index keeps of a record's terms and numbers.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};

use aws_lc_rs::hmac;
use siphasher::sip::SipHasher24;
use zeroize::Zeroizing;

use crate::{Number, Term};

/// Hashes terms: SipHash-2-4 of the field (4 bytes, big-endian) and the value, under a key of 128 bits. Without the key nobody
/// can choose values that collide, nor tell a value from its hash; and a record of twenty terms is hashed in less time than
/// one HMAC takes.
///
/// Equality is judged by the hash alone. That among `n` records one has a term that collides with a given other one has the
/// probability `n / 2^64`: 5 in 10^14 for a million. Whoever loads what was found compares the values.
#[derive(Clone)]
pub struct TermHasher(Keyed);

/// A store keeps the function it was made with, because its records have hashes and no values.
#[derive(Clone)]
enum Keyed {
    SipHash(Zeroizing<[u8; 16]>),
    Hmac(Box<hmac::Key>),
}

impl TermHasher {
    /// A hasher with a key of its own that is kept nowhere: for an index that lives no longer than the process.
    pub fn random() -> Self {
        let mut key = Zeroizing::new([0; 16]);
        let random = RandomState::new();
        for (number, word) in (0_u64..).zip(key.chunks_exact_mut(8)) {
            word.copy_from_slice(&random.hash_one(number).to_ne_bytes());
        }
        Self(Keyed::SipHash(key))
    }

    /// A hasher with a given key.
    pub fn from_key(key: &[u8; 16]) -> Self {
        Self(Keyed::SipHash(Zeroizing::new(*key)))
    }

    /// The hasher of stores whose key file has format 1: HMAC-SHA-256, of which the first 8 bytes count.
    pub fn hmac(key: &[u8; 32]) -> Self {
        Self(Keyed::Hmac(Box::new(hmac::Key::new(hmac::HMAC_SHA256, key))))
    }

    /// The hash of a term.
    pub fn hash(&self, field: u32, value: &[u8]) -> u64 {
        match &self.0 {
            Keyed::SipHash(key) => {
                let mut hasher = SipHasher24::new_with_key(key);
                hasher.write(&field.to_be_bytes());
                hasher.write(value);
                hasher.finish()
            }
            Keyed::Hmac(key) => {
                let mut context = hmac::Context::with_key(key);
                context.update(&field.to_be_bytes());
                context.update(value);
                context.sign().as_ref().first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
            }
        }
    }
}

impl fmt::Debug for TermHasher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TermHasher")
    }
}

/// What a record can be found by, as the index keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facets {
    /// The hashes of the terms, sorted, each once.
    pub terms: Box<[u64]>,
    /// The numbers, sorted, each once.
    pub numbers: Box<[Number]>,
}

impl Facets {
    /// The facets of a record with these terms and numbers.
    pub fn of(hasher: &TermHasher, terms: &[Term], numbers: &[Number]) -> Self {
        let mut terms: Vec<u64> = terms.iter().map(|term| hasher.hash(term.field, &term.value)).collect();
        terms.sort_unstable();
        terms.dedup();
        let mut numbers = numbers.to_vec();
        numbers.sort_unstable();
        numbers.dedup();
        Self { terms: terms.into(), numbers: numbers.into() }
    }

    /// The terms as bytes: 8 each.
    pub(crate) fn extend_with_terms(&self, bytes: &mut Vec<u8>) {
        self.terms.iter().for_each(|term| bytes.extend_from_slice(&term.to_be_bytes()));
    }

    /// The numbers as bytes: field (4), value (8) each.
    pub(crate) fn extend_with_numbers(&self, bytes: &mut Vec<u8>) {
        for number in &self.numbers {
            bytes.extend_from_slice(&number.field.to_be_bytes());
            bytes.extend_from_slice(&number.value.to_be_bytes());
        }
    }

    /// Reads what the two functions above wrote; `None`: they cannot have written that.
    pub(crate) fn from_bytes(terms: &[u8], numbers: &[u8]) -> Option<Self> {
        let (terms, no_rest) = terms.as_chunks::<TERM>();
        let (numbers, no_rest_either) = numbers.as_chunks::<NUMBER>();
        let terms: Box<[u64]> = terms.iter().map(|bytes| u64::from_be_bytes(*bytes)).collect();
        let numbers: Box<[Number]> = numbers.iter().map(number).collect();
        let whole = no_rest.is_empty() && no_rest_either.is_empty();
        let sorted = terms.is_sorted_by(|a, b| a < b) && numbers.is_sorted_by(|a, b| a < b);
        (whole && sorted).then_some(Self { terms, numbers })
    }
}

/// The length of a term in bytes.
pub(crate) const TERM: usize = 8;

/// The length of a number in bytes.
pub(crate) const NUMBER: usize = 4 + 8;

fn number(bytes: &[u8; NUMBER]) -> Number {
    let [a, b, c, d, value @ ..] = *bytes;
    Number { field: u32::from_be_bytes([a, b, c, d]), value: i64::from_be_bytes(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_depends_on_key_field_and_value() {
        for of in [|key: u8| TermHasher::from_key(&[key; 16]), |key: u8| TermHasher::hmac(&[key; 32])] {
            let hasher = of(1);
            assert_eq!(hasher.hash(1, b"a"), of(1).hash(1, b"a"));
            assert_ne!(hasher.hash(1, b"a"), of(2).hash(1, b"a"));
            assert_ne!(hasher.hash(1, b"a"), hasher.hash(2, b"a"));
            assert_ne!(hasher.hash(1, b"a"), hasher.hash(1, b"b"));
            assert_eq!(format!("{hasher:?}"), "TermHasher");
        }
        assert_ne!(TermHasher::random().hash(1, b"a"), TermHasher::random().hash(1, b"a"));
    }

    #[test]
    fn the_hash_is_that_of_field_and_value() {
        // The example of the paper that defines SipHash: key 00 to 0f, message 00 to 0e.
        let key = std::array::from_fn(|at| at as u8);
        let value: [u8; 11] = std::array::from_fn(|at| at as u8 + 4);
        assert_eq!(TermHasher::from_key(&key).hash(0x0001_0203, &value), 0xa129_ca61_49be_45e5);
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]), b"\0\x42\0\x53name");
        assert_eq!(TermHasher::hmac(&[7; 32]).hash(0x42_0053, b"name").to_be_bytes(), mac.as_ref()[..8]);
    }
}
