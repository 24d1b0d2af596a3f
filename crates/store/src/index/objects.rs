//! The records of one tenant, by object number.

use std::hash::{BuildHasher, RandomState};

use hashbrown::hash_table::Entry as HashEntry;

use super::entry::{Identifier, Packed};
use super::owners::{Dated, Owners};
use super::postings::Postings;
use super::shapes::Shapes;
use super::tables::Tables;
use super::{Facets, Place};
use crate::Number;

/// The records of one tenant.
#[derive(Default)]
pub(super) struct Objects {
    /// By object number: the order of creation, with gaps where records were removed. At most 2^31.
    pub(super) entries: Vec<Packed>,
    pub(super) gaps: usize,
    pub(super) identifiers: Tables<u32>,
    pub(super) postings: Postings,
    pub(super) owners: Owners,
    pub(super) shapes: Shapes,
}

/// A term is one of a record's shape and not its own if so many records of the owner have it, and one in so many of them. So there are few
/// shapes, whatever clients do.
const COMMON: usize = 128;
const COMMON_PART: usize = 16;

/// Gaps are closed when there are this many and they are at least half of all numbers.
pub(super) const GAPS: usize = 1024;

impl Objects {
    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.gaps
    }

    pub(super) fn number(&self, hasher: &RandomState, identifier: &str) -> Option<u32> {
        let identifier = Identifier::new(identifier);
        let matches = |number: &u32| self.entries[*number as usize].identifier() == identifier;
        self.identifiers.find(hasher.hash_one(identifier), matches).copied()
    }

    pub(super) fn put(&mut self, hasher: &RandomState, identifier: &str, owner: &str, place: Place, facets: &Facets) {
        let owner = self.owners.intern(hasher, owner);
        let identifier = Identifier::new(identifier);
        let (entries, next) = (&self.entries, self.entries.len() as u32);
        let matches = |number: &u32| entries[*number as usize].identifier() == identifier;
        let rehash = |number: &u32| hasher.hash_one(entries[*number as usize].identifier());
        let number = match self.identifiers.entry(hasher.hash_one(identifier), matches, rehash) {
            HashEntry::Occupied(entry) => *entry.get(),
            HashEntry::Vacant(entry) => {
                entry.insert(next);
                self.owners.get_mut(owner).records.insert(next);
                let counts = self.post(owner, next, &facets.terms, &facets.numbers);
                let packed = self.pack(identifier, owner, place, facets, None, Some(&counts));
                self.entries.push(packed);
                return;
            }
        };
        let before = &self.entries[number as usize];
        let (former, place) = (before.owner, Place { revision: place.revision, ..before.place() });
        let known = before.shape;
        let shape = self.shapes.get(known);
        let (mut gone_terms, mut gone_numbers): (Vec<_>, Vec<_>) = (before.terms(shape), before.numbers(shape).collect());
        if former != owner {
            self.unpost(former, number, &gone_terms, &gone_numbers);
            self.owners.get_mut(former).records.remove(number);
            self.owners.forget_if_empty(hasher, former);
            self.owners.get_mut(owner).records.insert(number);
            self.post(owner, number, &facets.terms, &facets.numbers);
        } else {
            // Most of them stay as they were, and are left alone.
            let new_terms = without(&facets.terms, &gone_terms);
            let new_numbers = without(&facets.numbers, &gone_numbers);
            gone_terms = without(&gone_terms, &facets.terms);
            gone_numbers = without(&gone_numbers, &facets.numbers);
            self.unpost(owner, number, &gone_terms, &gone_numbers);
            self.post(owner, number, &new_terms, &new_numbers);
        }
        self.entries[number as usize] = self.pack(identifier, owner, place, facets, (former == owner).then_some(known), None);
        self.shapes.release(known);
    }

    /// Makes an entry of a record whose terms are posted: so many records have each of them, if that is known already. What was common
    /// in the shape it had stays common.
    fn pack(
        &mut self,
        identifier: Identifier<'_>,
        owner: u32,
        place: Place,
        facets: &Facets,
        known: Option<u32>,
        counts: Option<&[usize]>,
    ) -> Packed {
        let least = COMMON.max(self.owners.get(owner).records.len() / COMMON_PART);
        let known = known.map_or(&[][..], |known| &self.shapes.get(known).terms);
        let count = |at: usize| match counts {
            Some(counts) => counts[at],
            None => self.postings.count(owner, facets.terms[at]),
        };
        let (mut common, mut own) = (Vec::with_capacity(facets.terms.len()), Vec::new());
        for (at, term) in facets.terms.iter().enumerate() {
            let is_common = known.binary_search(term).is_ok() || count(at) >= least;
            if is_common { common.push(*term) } else { own.push(*term) }
        }
        let fields: Vec<u32> = facets.numbers.iter().map(|number| number.field).collect();
        let shape = self.shapes.hold(&common, &fields);
        Packed::new(identifier, owner, place, shape, &own, &facets.numbers)
    }

    pub(super) fn remove(&mut self, hasher: &RandomState, identifier: &str) -> bool {
        let hash = hasher.hash_one(Identifier::new(identifier));
        let Some(number) = self.number(hasher, identifier) else { return false };
        if let Ok(entry) = self.identifiers.find_entry(hash, |known| *known == number) {
            entry.remove();
        }
        let gap = self.entries[number as usize].gap();
        let entry = std::mem::replace(&mut self.entries[number as usize], gap);
        let shape = self.shapes.get(entry.shape);
        let (terms, numbers): (Vec<_>, Vec<_>) = (entry.terms(shape), entry.numbers(shape).collect());
        self.shapes.release(entry.shape);
        self.unpost(entry.owner, number, &terms, &numbers);
        self.owners.get_mut(entry.owner).records.remove(number);
        self.owners.forget_if_empty(hasher, entry.owner);
        self.gaps += 1;
        if self.gaps >= GAPS && self.gaps * 2 >= self.entries.len() {
            self.close_gaps(hasher);
        }
        true
    }

    /// Enters a record, and returns how many have each of the terms now.
    fn post(&mut self, owner: u32, number: u32, terms: &[u64], numbers: &[Number]) -> Vec<usize> {
        let counts = self.postings.insert_all(owner, terms, number);
        let owner = self.owners.get_mut(owner);
        numbers.iter().for_each(|of| owner.insert_number(of.field, Dated::new(of.value, number)));
        counts
    }

    fn unpost(&mut self, owner: u32, number: u32, terms: &[u64], numbers: &[Number]) {
        terms.iter().for_each(|term| self.postings.remove(owner, *term, number));
        let owner = self.owners.get_mut(owner);
        numbers.iter().for_each(|of| owner.remove_number(of.field, Dated::new(of.value, number)));
    }

    /// Numbers the records afresh, without gaps: otherwise a store that creates and removes for years would grow. The order
    /// stays, so every number is replaced where it stands.
    fn close_gaps(&mut self, hasher: &RandomState) {
        let mut next = 0;
        let new = |entry: &Packed| {
            let number = next;
            next += u32::from(!entry.is_gap());
            number
        };
        let new: Vec<u32> = self.entries.iter().map(new).collect();
        self.entries.retain(|entry| !entry.is_gap());
        self.entries.shrink_to_fit();
        self.gaps = 0;
        self.identifiers.iter_mut().for_each(|number| *number = new[*number as usize]);
        self.identifiers.shrink(|number| hasher.hash_one(self.entries[*number as usize].identifier()));
        self.postings.renumber(&new);
        self.owners.renumber(&new);
    }
}

/// What one sorted list has and the other has not.
fn without<T: Copy + Ord>(of: &[T], other: &[T]) -> Vec<T> {
    of.iter().copied().filter(|one| other.binary_search(one).is_err()).collect()
}
