//! A record's entry in the index: packed in memory, and as bytes of a saved index.

use super::facets::{NUMBER, TERM, number};
use super::{Facets, Place};
use crate::{Cursor, MAX_FACETS, MAX_IDENTIFIER, MAX_OWNER, Number, Range, Revision, Tenant};

/// A record as the index knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Whose store it is in.
    pub tenant: Tenant,
    /// Its identifier.
    pub identifier: String,
    /// Whose it is.
    pub owner: &'a str,
    /// Where it stands.
    pub place: Place,
    /// What it can be found by.
    pub facets: Facets,
}

/// An entry of a saved index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedEntry {
    /// Whose store it is in.
    pub tenant: Tenant,
    /// Its identifier.
    pub identifier: String,
    /// Whose it is.
    pub owner: String,
    /// Where it stands.
    pub place: Place,
    /// What it can be found by.
    pub facets: Facets,
}

/// Before the identifier: tenant, created, position, revision, and four lengths.
const HEADER: usize = 4 + 8 + 4 + 8 + 2 + 2 + 4 + 4;

/// An entry as bytes: tenant (4), creating commit (8), position in it (4), last commit (8), length of the identifier (2) and
/// of the owner (2) in bytes, how many terms (4) and numbers (4), then identifier, owner, terms (8 each) and numbers (field
/// 4, value 8 each). All numbers are big-endian.
pub fn encode_entry(entry: &Entry<'_>) -> Vec<u8> {
    let Facets { terms, numbers } = &entry.facets;
    let texts = entry.identifier.len() + entry.owner.len();
    let mut bytes = Vec::with_capacity(HEADER + texts + terms.len() * TERM + numbers.len() * NUMBER);
    bytes.extend_from_slice(&entry.tenant.0.to_be_bytes());
    bytes.extend_from_slice(&entry.place.created.0.to_be_bytes());
    bytes.extend_from_slice(&entry.place.position.to_be_bytes());
    bytes.extend_from_slice(&entry.place.revision.0.to_be_bytes());
    bytes.extend_from_slice(&(entry.identifier.len() as u16).to_be_bytes());
    bytes.extend_from_slice(&(entry.owner.len() as u16).to_be_bytes());
    bytes.extend_from_slice(&(terms.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&(numbers.len() as u32).to_be_bytes());
    bytes.extend_from_slice(entry.identifier.as_bytes());
    bytes.extend_from_slice(entry.owner.as_bytes());
    entry.facets.extend_with_terms(&mut bytes);
    entry.facets.extend_with_numbers(&mut bytes);
    bytes
}

/// Reads an entry; `None`: [`encode_entry`] did not write these bytes. Lengths are checked before anything is allocated.
pub fn decode_entry(bytes: &[u8]) -> Option<OwnedEntry> {
    let (tenant, rest) = bytes.split_first_chunk()?;
    let (created, rest) = rest.split_first_chunk()?;
    let (position, rest) = rest.split_first_chunk()?;
    let (revision, rest) = rest.split_first_chunk()?;
    let (identifier, rest) = rest.split_first_chunk()?;
    let (owner, rest) = rest.split_first_chunk()?;
    let (terms, rest) = rest.split_first_chunk()?;
    let (numbers, rest) = rest.split_first_chunk()?;
    let (identifier, owner) = (usize::from(u16::from_be_bytes(*identifier)), usize::from(u16::from_be_bytes(*owner)));
    let (terms, numbers) = (u32::from_be_bytes(*terms) as usize, u32::from_be_bytes(*numbers) as usize);
    if identifier == 0 || identifier > MAX_IDENTIFIER || owner > MAX_OWNER || terms.saturating_add(numbers) > MAX_FACETS {
        return None;
    }
    let (identifier, rest) = rest.split_at_checked(identifier)?;
    let (owner, rest) = rest.split_at_checked(owner)?;
    let (terms, numbers_) = rest.split_at_checked(terms * TERM)?;
    if numbers_.len() != numbers * NUMBER {
        return None;
    }
    Some(OwnedEntry {
        tenant: Tenant(u32::from_be_bytes(*tenant)),
        identifier: str::from_utf8(identifier).ok()?.to_owned(),
        owner: str::from_utf8(owner).ok()?.to_owned(),
        place: Place {
            created: Revision(u64::from_be_bytes(*created)),
            position: u32::from_be_bytes(*position),
            revision: Revision(u64::from_be_bytes(*revision)),
        },
        facets: Facets::from_bytes(terms, numbers_)?,
    })
}

/// An identifier in its shortest form.
#[derive(Clone, Copy, Hash, PartialEq, Eq)]
pub(super) enum Identifier<'a> {
    /// A UUID in lower case.
    Uuid([u8; 16]),
    Other(&'a str),
}

impl<'a> Identifier<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        uuid(text.as_bytes()).map_or(Self::Other(text), Self::Uuid)
    }
}

/// Reads a UUID, if its text is the one that [`text`] makes of it.
fn uuid(text: &[u8]) -> Option<[u8; 16]> {
    const DIGITS: [u8; 256] = {
        let mut digits = [0xff; 256];
        let mut digit = 0;
        while digit < 16 {
            digits[HEXADECIMAL[digit] as usize] = digit as u8;
            digit += 1;
        }
        digits
    };
    let text: &[u8; 36] = text.try_into().ok()?;
    let (mut uuid, mut wrong) = ([0; 16], false);
    for (byte, at) in uuid.iter_mut().zip(PAIRS) {
        let (high, low) = (DIGITS[usize::from(text[at])], DIGITS[usize::from(text[at + 1])]);
        wrong |= high | low > 15;
        *byte = high << 4 | low & 15;
    }
    let wrong = wrong || HYPHENS.iter().any(|at| text[*at] != b'-');
    (!wrong).then_some(uuid)
}

fn text(uuid: [u8; 16]) -> String {
    let mut text = [b'-'; 36];
    for (byte, at) in uuid.into_iter().zip(PAIRS) {
        text[at] = HEXADECIMAL[usize::from(byte >> 4)];
        text[at + 1] = HEXADECIMAL[usize::from(byte & 15)];
    }
    String::from_utf8_lossy(&text).into_owned()
}

const HEXADECIMAL: &[u8; 16] = b"0123456789abcdef";

/// Where the bytes of a UUID are in its text, and the hyphens.
const PAIRS: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// An entry in memory: 64 bytes and one allocation.
pub(super) struct Packed {
    /// If the identifier is a UUID; otherwise it is at the end of `details`.
    uuid: [u8; 16],
    /// The number of the owner; [`GAP`]: the record was removed, and only `created` and `position` count.
    pub(super) owner: u32,
    position: u32,
    created: u64,
    revision: u64,
    terms: u32,
    numbers: u32,
    /// Terms, numbers, and the identifier unless it is a UUID.
    details: Box<[u8]>,
}

const GAP: u32 = u32::MAX;

impl Packed {
    pub(super) fn new(identifier: Identifier<'_>, owner: u32, place: Place, facets: &Facets) -> Self {
        let (uuid, other) = match identifier {
            Identifier::Uuid(uuid) => (uuid, ""),
            Identifier::Other(other) => ([0; 16], other),
        };
        let mut details = Vec::with_capacity(facets.terms.len() * TERM + facets.numbers.len() * NUMBER + other.len());
        facets.extend_with_terms(&mut details);
        facets.extend_with_numbers(&mut details);
        details.extend_from_slice(other.as_bytes());
        Self {
            uuid,
            owner,
            position: place.position,
            created: place.created.0,
            revision: place.revision.0,
            terms: facets.terms.len() as u32,
            numbers: facets.numbers.len() as u32,
            details: details.into(),
        }
    }

    /// What is left where a record was removed.
    pub(super) fn gap(&self) -> Self {
        Self { uuid: [0; 16], owner: GAP, terms: 0, numbers: 0, details: Box::default(), ..*self }
    }

    pub(super) fn is_gap(&self) -> bool {
        self.owner == GAP
    }

    pub(super) fn place(&self) -> Place {
        Place { created: Revision(self.created), position: self.position, revision: Revision(self.revision) }
    }

    pub(super) fn cursor(&self) -> Cursor {
        Cursor { created: Revision(self.created), position: self.position }
    }

    pub(super) fn identifier(&self) -> Identifier<'_> {
        let (_, other) = self.details.split_at(self.facets_length());
        match str::from_utf8(other) {
            Ok(other) if !other.is_empty() => Identifier::Other(other),
            _ => Identifier::Uuid(self.uuid),
        }
    }

    pub(super) fn name(&self) -> String {
        match self.identifier() {
            Identifier::Uuid(uuid) => text(uuid),
            Identifier::Other(other) => other.to_owned(),
        }
    }

    fn facets_length(&self) -> usize {
        self.terms as usize * TERM + self.numbers as usize * NUMBER
    }

    fn term_bytes(&self) -> &[[u8; TERM]] {
        self.details[..self.terms as usize * TERM].as_chunks().0
    }

    fn number_bytes(&self) -> &[[u8; NUMBER]] {
        self.details[self.terms as usize * TERM..self.facets_length()].as_chunks().0
    }

    pub(super) fn terms(&self) -> impl Iterator<Item = u64> {
        self.term_bytes().iter().map(|bytes| u64::from_be_bytes(*bytes))
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = Number> {
        self.number_bytes().iter().map(number)
    }

    pub(super) fn has_term(&self, term: u64) -> bool {
        self.term_bytes().binary_search(&term.to_be_bytes()).is_ok()
    }

    pub(super) fn has_number_in(&self, range: &Range) -> bool {
        self.numbers().any(|number| number.field == range.field && range.from <= number.value && number.value <= range.to)
    }

    pub(super) fn facets(&self) -> Facets {
        Facets { terms: self.terms().collect(), numbers: self.numbers().collect() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_uuids_as_they_are_written_are_packed() {
        let example = "0123abcd-4567-89ef-0011-aabbccddeeff";
        assert!(uuid(example.as_bytes()).is_some_and(|bytes| text(bytes) == example));
        let others = [
            "0123ABCD-4567-89ef-0011-aabbccddeeff",
            "0123abcd-4567-89ef-0011-aabbccddeef",
            "0123abcd-4567-89ef-0011-aabbccddeeff0",
            "0123abcd04567-89ef-0011-aabbccddeeff",
            "0123abc--4567-89ef-0011-aabbccddeeff",
            "0123abcd-4567-89ef-0011-aabbccddeefg",
            "",
        ];
        assert!(others.iter().all(|other| uuid(other.as_bytes()).is_none()));
        assert_eq!(size_of::<Packed>(), 64);
    }

    prop_compose! {
        fn facets()(
            terms in prop::collection::btree_set(any::<u64>(), 0..6),
            numbers in prop::collection::btree_set((any::<u32>(), any::<i64>()), 0..6),
        ) -> Facets {
            let numbers = numbers.into_iter().map(|(field, value)| Number { field, value }).collect();
            Facets { terms: terms.into_iter().collect(), numbers }
        }
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(
            identifier in prop_oneof![any::<[u8; 16]>().prop_map(text), ".{1,40}", "[0-9a-f-]{36}"], facets in facets(),
            created in any::<u64>(), position in any::<u32>(), revision in any::<u64>(), tenant in any::<u32>(), owner in ".{0,20}",
        ) {
            let place = Place { created: Revision(created), position, revision: Revision(revision) };
            let packed = Packed::new(Identifier::new(&identifier), 3, place, &facets);
            prop_assert_eq!((packed.name(), packed.place(), packed.facets()), (identifier.clone(), place, facets.clone()));
            prop_assert!(packed.identifier() == Identifier::new(&identifier));
            prop_assert!(facets.terms.iter().all(|term| packed.has_term(*term) && !packed.has_term(term ^ 1 << 40)));
            let gap = packed.gap();
            prop_assert!(gap.is_gap() && !packed.is_gap() && gap.place() == place);

            let entry = Entry { tenant: Tenant(tenant), identifier, owner: &owner, place, facets };
            let bytes = encode_entry(&entry);
            prop_assert_eq!(bytes.capacity(), bytes.len());
            let Entry { tenant, identifier, owner, place, facets } = entry;
            let expected = OwnedEntry { tenant, identifier, owner: owner.to_owned(), place, facets };
            prop_assert_eq!(decode_entry(&bytes), Some(expected));
            for length in 0..bytes.len() {
                prop_assert_eq!(decode_entry(&bytes[..length]), None);
            }
            prop_assert_eq!(decode_entry(&[&bytes[..], &[0]].concat()), None);
        }

        #[test]
        fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), small in prop::collection::vec(0..3_u8, 30..100)) {
            let _ = decode_entry(&bytes);
            let _ = decode_entry(&small);
        }
    }
}
