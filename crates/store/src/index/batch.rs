//! Many records entered at once, as when a store opens.
//!
//! One at a time, most of the time goes by waiting for memory, because every term and number of a record belongs somewhere
//! else. Here those of many records are first put in the order of where they belong.

use std::hash::{BuildHasher, RandomState};

use super::OwnedEntry;
use super::entry::{Identifier, Packed};
use super::objects::Objects;
use super::owners::Dated;
use super::postings::key;

/// Fewer records than this are entered one at a time.
const FEW: usize = 256;

impl Objects {
    /// Does what `put` does for each of these in turn.
    pub(super) fn put_all(&mut self, hasher: &RandomState, entries: &[OwnedEntry]) {
        if entries.len() < FEW || !self.insert_identifiers(hasher, entries) {
            for entry in entries {
                self.put(hasher, &entry.identifier, &entry.owner, entry.place, &entry.facets);
            }
            return;
        }
        let first = self.entries.len() as u32;
        let facets = entries.iter().map(|entry| &entry.facets);
        let mut keys = Vec::with_capacity(facets.clone().map(|facets| facets.terms.len()).sum());
        let mut numbers = Vec::with_capacity(facets.map(|facets| facets.numbers.len()).sum());
        let mut records = Vec::with_capacity(entries.len());
        self.entries.reserve(entries.len());
        for (number, entry) in (first..).zip(entries) {
            let owner = self.owners.intern(hasher, &entry.owner);
            records.push((owner, number));
            keys.extend(entry.facets.terms.iter().map(|term| (key(owner, *term), number)));
            numbers.extend(entry.facets.numbers.iter().map(|of| (owner, of.field, Dated::new(of.value, number))));
            self.entries.push(Packed::new(Identifier::new(&entry.identifier), owner, entry.place, &entry.facets));
        }
        self.postings.insert_batch(keys);
        records.sort_unstable();
        records.into_iter().for_each(|(owner, number)| self.owners.get_mut(owner).records.insert(number));
        numbers.sort_unstable();
        numbers.into_iter().for_each(|(owner, field, dated)| self.owners.get_mut(owner).insert_number(field, dated));
    }

    /// Enters the identifiers of records that are about to be numbered from the end on. Returns whether all of them are
    /// new; if not, none was entered.
    fn insert_identifiers(&mut self, hasher: &RandomState, entries: &[OwnedEntry]) -> bool {
        let identifier = |at: u32| Identifier::new(&entries[at as usize].identifier);
        let order = self.identifiers.order(entries.len());
        let ordered = |at: u32| (order.of(hasher.hash_one(identifier(at))), at);
        let mut hashes: Vec<(u64, u32)> = (0..entries.len() as u32).map(ordered).collect();
        hashes.sort_unstable();
        let hashed = || hashes.iter().map(|(ordered, at)| (order.hash(*ordered), *at));
        let is_known = |(hash, at): (u64, u32)| {
            let matches = |number: &u32| self.entries[*number as usize].identifier() == identifier(at);
            self.identifiers.find(hash, matches).is_some()
        };
        // Two that are the same have the same hash; two that only have the same hash are entered one at a time, too.
        if hashes.windows(2).any(|two| two[0].0 == two[1].0) || hashed().any(is_known) {
            return false;
        }
        let first = self.entries.len() as u32;
        for (hash, at) in hashed() {
            let rehash = |number: &u32| match self.entries.get(*number as usize) {
                Some(entry) => hasher.hash_one(entry.identifier()),
                None => hasher.hash_one(identifier(number - first)),
            };
            self.identifiers.insert_unique(hash, first + at, rehash);
        }
        true
    }
}
