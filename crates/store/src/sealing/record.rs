//! What is sealed of a record: body, identifier, owner, terms (field, length, value each), then a footer with the lengths of
//! the four (4 bytes each). Numbers are big-endian. The body comes first so that reading it back is a truncation, not a copy.

use zeroize::Zeroizing;

use super::SealingError;
use crate::{Put, Term};

const FOOTER: usize = 4 * 4;

/// A record's sealed contents, taken apart.
#[derive(Debug)]
pub struct DecodedRecord {
    /// The identifier.
    pub identifier: String,
    /// Whose it is.
    pub owner: String,
    /// What the caller stored.
    pub body: Zeroizing<Vec<u8>>,
    /// The terms, if they were asked for.
    pub terms: Vec<Term>,
}

/// Puts a record's contents together.
pub fn encode_record(put: &Put) -> Zeroizing<Vec<u8>> {
    let terms: usize = put.terms.iter().map(|term| 8 + term.value.len()).sum();
    // The exact capacity: growing would leave copies of the body behind in freed memory.
    let capacity = put.body.len() + put.identifier.len() + put.owner.len() + terms + FOOTER;
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    bytes.extend_from_slice(&put.body);
    bytes.extend_from_slice(put.identifier.as_bytes());
    bytes.extend_from_slice(put.owner.as_bytes());
    for term in &put.terms {
        bytes.extend_from_slice(&term.field.to_be_bytes());
        bytes.extend_from_slice(&(term.value.len() as u32).to_be_bytes());
        bytes.extend_from_slice(&term.value);
    }
    for length in [put.body.len(), put.identifier.len(), put.owner.len(), terms] {
        bytes.extend_from_slice(&(length as u32).to_be_bytes());
    }
    bytes
}

/// Takes a record's contents apart.
///
/// # Errors
/// [`SealingError::Damaged`]: authentic contents that do not have this form, which only a defect can have written.
pub fn decode_record(mut bytes: Zeroizing<Vec<u8>>, with_terms: bool) -> Result<DecodedRecord, SealingError> {
    const DAMAGED: SealingError = SealingError::Damaged("its contents do not have the form of a record");
    let (rest, footer) = bytes.split_last_chunk::<FOOTER>().ok_or(DAMAGED)?;
    let length = |part: usize| u32::from_be_bytes([footer[part], footer[part + 1], footer[part + 2], footer[part + 3]]) as usize;
    let body = length(0);
    let (_, rest) = rest.split_at_checked(body).ok_or(DAMAGED)?;
    let (identifier, rest) = rest.split_at_checked(length(4)).ok_or(DAMAGED)?;
    let (owner, terms) = rest.split_at_checked(length(8)).ok_or(DAMAGED)?;
    if terms.len() != length(12) {
        return Err(DAMAGED);
    }
    let identifier = str::from_utf8(identifier).map_err(|_| DAMAGED)?.to_owned();
    let owner = str::from_utf8(owner).map_err(|_| DAMAGED)?.to_owned();
    let terms = if with_terms { decode_terms(terms).ok_or(DAMAGED)? } else { Vec::new() };
    bytes.truncate(body);
    Ok(DecodedRecord { identifier, owner, body: bytes, terms })
}

fn decode_terms(mut rest: &[u8]) -> Option<Vec<Term>> {
    let mut terms = Vec::new();
    while !rest.is_empty() {
        let (field, after) = rest.split_first_chunk()?;
        let (length, after) = after.split_first_chunk()?;
        let (value, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        terms.push(Term { field: u32::from_be_bytes(*field), value: value.into() });
        rest = after;
    }
    Some(terms)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_record_comes_back(
            identifier in ".{1,40}", owner in ".{0,40}", body in prop::collection::vec(any::<u8>(), 0..200),
            terms in prop::collection::vec((any::<u32>(), prop::collection::vec(any::<u8>(), 0..20)), 0..5),
        ) {
            let terms: Vec<_> = terms.into_iter().map(|(field, value)| Term { field, value: value.into() }).collect();
            let put = Put { identifier, owner, expected: None, body: Zeroizing::new(body), terms };
            let bytes = encode_record(&put);
            prop_assert_eq!(bytes.capacity(), bytes.len());
            let decoded = decode_record(bytes.clone(), true).expect("decode");
            prop_assert_eq!((&decoded.identifier, &decoded.owner, &decoded.body, &decoded.terms),
                (&put.identifier, &put.owner, &put.body, &put.terms));
            prop_assert!(decode_record(bytes, false).expect("decode").terms.is_empty());
        }

        #[test]
        fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = decode_record(Zeroizing::new(bytes), true);
        }
    }
}
