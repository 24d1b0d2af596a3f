//! A record's entry in the index.

#[cfg(test)]
use super::Facets;
use super::Place;
use super::facets::TERM;
use super::save::UUID;
use super::shapes::Shape;
use crate::{Cursor, Number, Range, Revision, Tenant};

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

/// An entry in memory: 64 bytes and one allocation. What most records have in common is in its shape.
pub(super) struct Packed {
    /// The identifier if it is a UUID; otherwise it is at the end of `details`, and this begins with its length.
    uuid: [u8; 16],
    /// The number of the owner; [`GAP`]: the record was removed, and only `created` and `position` count.
    pub(super) owner: u32,
    position: u32,
    created: u64,
    revision: u64,
    pub(super) shape: u32,
    /// How many terms it has beside those of the shape; the highest bit says that the identifier is no UUID.
    own: u32,
    /// Own terms, the values of the numbers, and the identifier unless it is a UUID.
    details: Box<[u8]>,
}

const GAP: u32 = u32::MAX;

/// In `own`: the identifier is no UUID.
const OTHER: u32 = 1 << 31;

/// Appends a value as its difference from the one before it.
fn push_value(value: i64, before: i64, bytes: &mut Vec<u8>) {
    let difference = value.wrapping_sub(before);
    let mut rest = (difference << 1 ^ difference >> 63) as u64;
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

/// Reads values one after the other.
pub(super) struct Values<'a> {
    bytes: &'a [u8],
    before: i64,
}

impl<'a> Values<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, before: 0 }
    }

    /// What follows the values that were read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// The next value; `None`: there is none.
    pub(super) fn next(&mut self) -> Option<i64> {
        let (mut difference, mut shift) = (0_u64, 0);
        loop {
            let (byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            difference |= bits << shift;
            if byte & 0x80 == 0 {
                break;
            }
            shift += 7;
            if shift > 63 {
                return None;
            }
        }
        let difference = (difference >> 1) as i64 ^ -((difference & 1) as i64);
        self.before = self.before.wrapping_add(difference);
        Some(self.before)
    }
}

impl Packed {
    /// An entry with terms beside those of its shape, and with numbers of the fields of its shape.
    pub(super) fn new(identifier: Identifier<'_>, owner: u32, place: Place, shape: u32, own: &[u64], numbers: &[Number]) -> Self {
        let terms: Vec<u8> = own.iter().flat_map(|term| term.to_be_bytes()).collect();
        let (mut values, mut before) = (Vec::new(), 0);
        for number in numbers {
            push_value(number.value, before, &mut values);
            before = number.value;
        }
        Self::from_bytes(identifier, owner, place, shape, &terms, &values)
    }

    /// The same from the bytes of the terms and the values.
    pub(super) fn from_bytes(
        identifier: Identifier<'_>,
        owner: u32,
        place: Place,
        shape: u32,
        terms: &[u8],
        values: &[u8],
    ) -> Self {
        let (uuid, other, mark) = match identifier {
            Identifier::Uuid(uuid) => (uuid, "", 0),
            Identifier::Other(other) => {
                let mut length = [0; 16];
                length[..4].copy_from_slice(&(other.len() as u32).to_ne_bytes());
                (length, other, OTHER)
            }
        };
        let mut details = Vec::with_capacity(terms.len() + values.len() + other.len());
        details.extend_from_slice(terms);
        details.extend_from_slice(values);
        details.extend_from_slice(other.as_bytes());
        Self {
            uuid,
            owner,
            position: place.position,
            created: place.created.0,
            revision: place.revision.0,
            shape,
            own: (terms.len() / TERM) as u32 | mark,
            details: details.into(),
        }
    }

    /// What is left where a record was removed.
    pub(super) fn gap(&self) -> Self {
        Self { uuid: [0; 16], owner: GAP, shape: 0, own: 0, details: Box::default(), ..*self }
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
        match self.own & OTHER {
            0 => Identifier::Uuid(self.uuid),
            _ => Identifier::Other(str::from_utf8(&self.details[self.end_of_values()..]).unwrap_or_default()),
        }
    }

    pub(super) fn name(&self) -> String {
        match self.identifier() {
            Identifier::Uuid(uuid) => text(uuid),
            Identifier::Other(other) => other.to_owned(),
        }
    }

    fn end_of_values(&self) -> usize {
        let [a, b, c, d, ..] = self.uuid;
        let other = if self.own & OTHER == 0 { 0 } else { u32::from_ne_bytes([a, b, c, d]) as usize };
        self.details.len() - other
    }

    fn end_of_terms(&self) -> usize {
        (self.own & !OTHER) as usize * TERM
    }

    fn own_bytes(&self) -> &[[u8; TERM]] {
        self.details[..self.end_of_terms()].as_chunks().0
    }

    /// All terms, sorted.
    pub(super) fn terms(&self, shape: &Shape) -> Vec<u64> {
        let own = self.own_bytes().iter().map(|bytes| u64::from_be_bytes(*bytes));
        let mut terms: Vec<u64> = shape.terms.iter().copied().chain(own).collect();
        terms.sort_unstable();
        terms
    }

    pub(super) fn numbers(&self, shape: &Shape) -> impl Iterator<Item = Number> {
        let mut values = Values::new(&self.details[self.end_of_terms()..]);
        shape.fields.iter().map_while(move |field| Some(Number { field: *field, value: values.next()? }))
    }

    pub(super) fn has_term(&self, shape: &Shape, term: u64) -> bool {
        shape.terms.binary_search(&term).is_ok() || self.own_bytes().binary_search(&term.to_be_bytes()).is_ok()
    }

    pub(super) fn has_number_in(&self, shape: &Shape, range: &Range) -> bool {
        self.numbers(shape).any(|number| number.field == range.field && range.from <= number.value && number.value <= range.to)
    }

    /// Appends the entry as [`Saver`](super::Saver) shows it, with the numbers that owner and shape have there.
    pub(super) fn encode(&self, owner: u32, shape: u32, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.created.to_be_bytes());
        bytes.extend_from_slice(&self.position.to_be_bytes());
        bytes.extend_from_slice(&self.revision.to_be_bytes());
        bytes.extend_from_slice(&owner.to_be_bytes());
        bytes.extend_from_slice(&shape.to_be_bytes());
        bytes.extend_from_slice(&(self.own & !OTHER).to_be_bytes());
        let (facets, other) = self.details.split_at(self.end_of_values());
        match self.own & OTHER {
            0 => {
                bytes.extend_from_slice(&(UUID as u16).to_be_bytes());
                bytes.extend_from_slice(&self.uuid);
            }
            _ => {
                bytes.extend_from_slice(&(other.len() as u16).to_be_bytes());
                bytes.extend_from_slice(other);
            }
        }
        bytes.extend_from_slice(facets);
    }

    #[cfg(test)]
    pub(super) fn facets(&self, shape: &Shape) -> Facets {
        Facets { terms: self.terms(shape).into(), numbers: self.numbers(shape).collect() }
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

    proptest! {
        #[test]
        fn what_is_packed_comes_back(
            identifier in prop_oneof![any::<[u8; 16]>().prop_map(text), ".{1,40}", "[0-9a-f-]{36}"],
            common in prop::collection::btree_set(any::<u64>(), 0..6), own in prop::collection::btree_set(any::<u64>(), 0..6),
            numbers in prop::collection::btree_set((any::<u32>(), any::<i64>()), 0..6),
            created in any::<u64>(), position in any::<u32>(), revision in any::<u64>(),
        ) {
            let place = Place { created: Revision(created), position, revision: Revision(revision) };
            let numbers: Box<[Number]> = numbers.into_iter().map(|(field, value)| Number { field, value }).collect();
            let fields = numbers.iter().map(|number| number.field).collect();
            let shape = Shape { terms: common.iter().copied().collect(), fields };
            let own: Vec<u64> = own.difference(&common).copied().collect();
            let packed = Packed::new(Identifier::new(&identifier), 3, place, 5, &own, &numbers);
            let terms: Vec<u64> = common.into_iter().chain(own).collect::<std::collections::BTreeSet<_>>().into_iter().collect();
            prop_assert_eq!((packed.name(), packed.place()), (identifier.clone(), place));
            prop_assert!(terms.iter().all(|term| packed.has_term(&shape, *term) && !packed.has_term(&shape, term ^ 1 << 40)));
            prop_assert_eq!(packed.facets(&shape), Facets { terms: terms.into(), numbers });
            prop_assert!(packed.identifier() == Identifier::new(&identifier));
            let gap = packed.gap();
            prop_assert!(gap.is_gap() && !packed.is_gap() && gap.place() == place);
        }

        #[test]
        fn any_bytes_of_values_never_panic(bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0x7f..0x82_u8], 0..40)) {
            let mut values = Values::new(&bytes);
            while values.next().is_some() {}
        }
    }
}
