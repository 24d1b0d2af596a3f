//! What is sealed of a record: body, identifier, owner, terms (hashes, 8 bytes each), numbers (field and value, 12 bytes each),
//! then a footer with the lengths of the five (4 bytes each). All are big-endian. The body comes first so that reading it back
//! is a truncation, not a copy.

use zeroize::Zeroizing;

use super::SealingError;
use crate::Put;
use crate::index::{Facets, NUMBER, TERM};

const FOOTER: usize = 5 * 4;

/// A record's sealed contents, taken apart.
#[derive(Debug)]
pub struct DecodedRecord {
    /// The identifier.
    pub identifier: String,
    /// Whose it is.
    pub owner: String,
    /// What the caller stored.
    pub body: Zeroizing<Vec<u8>>,
    /// What it can be found by; empty unless it was asked for.
    pub facets: Facets,
}

/// Puts a record's contents together. The facets are those of its terms and numbers: with them the index can be rebuilt from
/// the records.
pub fn encode_record(put: &Put, facets: &Facets) -> Zeroizing<Vec<u8>> {
    let (terms, numbers) = (facets.terms.len() * TERM, facets.numbers.len() * NUMBER);
    // The exact capacity: growing would leave copies of the body behind in freed memory.
    let capacity = put.body.len() + put.identifier.len() + put.owner.len() + terms + numbers + FOOTER;
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    bytes.extend_from_slice(&put.body);
    bytes.extend_from_slice(put.identifier.as_bytes());
    bytes.extend_from_slice(put.owner.as_bytes());
    facets.extend_with_terms(&mut bytes);
    facets.extend_with_numbers(&mut bytes);
    for length in [put.body.len(), put.identifier.len(), put.owner.len(), terms, numbers] {
        bytes.extend_from_slice(&(length as u32).to_be_bytes());
    }
    bytes
}

/// Takes a record's contents apart.
///
/// # Errors
/// [`SealingError::Damaged`]: authentic contents that do not have this form, which only a defect can have written.
pub fn decode_record(mut bytes: Zeroizing<Vec<u8>>, with_facets: bool) -> Result<DecodedRecord, SealingError> {
    const DAMAGED: SealingError = SealingError::Damaged("its contents do not have the form of a record");
    let (rest, footer) = bytes.split_last_chunk::<FOOTER>().ok_or(DAMAGED)?;
    let length = |part: usize| u32::from_be_bytes([footer[part], footer[part + 1], footer[part + 2], footer[part + 3]]) as usize;
    let body = length(0);
    let (_, rest) = rest.split_at_checked(body).ok_or(DAMAGED)?;
    let (identifier, rest) = rest.split_at_checked(length(4)).ok_or(DAMAGED)?;
    let (owner, rest) = rest.split_at_checked(length(8)).ok_or(DAMAGED)?;
    let (terms, numbers) = rest.split_at_checked(length(12)).ok_or(DAMAGED)?;
    if numbers.len() != length(16) {
        return Err(DAMAGED);
    }
    let identifier = str::from_utf8(identifier).map_err(|_| DAMAGED)?.to_owned();
    let owner = str::from_utf8(owner).map_err(|_| DAMAGED)?.to_owned();
    let facets = if with_facets { Facets::from_bytes(terms, numbers).ok_or(DAMAGED)? } else { Facets::default() };
    bytes.truncate(body);
    Ok(DecodedRecord { identifier, owner, body: bytes, facets })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::index::TermHasher;
    use crate::{Number, Term};

    proptest! {
        #[test]
        fn a_record_comes_back(
            identifier in ".{1,40}", owner in ".{0,40}", body in prop::collection::vec(any::<u8>(), 0..200),
            terms in prop::collection::vec((any::<u32>(), prop::collection::vec(any::<u8>(), 0..20)), 0..5),
            numbers in prop::collection::vec((any::<u32>(), any::<i64>()), 0..5),
        ) {
            let terms: Vec<_> = terms.into_iter().map(|(field, value)| Term { field, value: value.into() }).collect();
            let numbers: Vec<_> = numbers.into_iter().map(|(field, value)| Number { field, value }).collect();
            let facets = Facets::of(&TermHasher::random(), &terms, &numbers);
            let put = Put { identifier, owner, expected: None, body: Zeroizing::new(body), terms, numbers };
            let bytes = encode_record(&put, &facets);
            prop_assert_eq!(bytes.capacity(), bytes.len());
            let decoded = decode_record(bytes.clone(), true).expect("decode");
            prop_assert_eq!((&decoded.identifier, &decoded.owner, &decoded.body, &decoded.facets),
                (&put.identifier, &put.owner, &put.body, &facets));
            prop_assert!(decode_record(bytes, false).expect("decode").facets == Facets::default());
        }

        #[test]
        fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = decode_record(Zeroizing::new(bytes), true);
        }
    }
}
