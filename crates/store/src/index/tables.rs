//! A hash table in parts. A table that grows hashes everything in it again, and everybody waits; parts grow one at a time.

use hashbrown::HashTable;
use hashbrown::hash_table::{AbsentEntry, Entry, OccupiedEntry};

/// A hash table of elements that know their hash.
pub(super) struct Tables<T>([HashTable<T>; PARTS]);

pub(super) const PARTS: usize = 1 << PART_BITS;
const PART_BITS: u32 = 6;

/// The bits of a hash that tell the part. A table takes its places from the lowest bits and compares the highest seven.
const PART_SHIFT: u32 = 32;

impl<T> Default for Tables<T> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| HashTable::new()))
    }
}

/// The part that a hash belongs to.
pub(super) fn part(hash: u64) -> usize {
    (hash >> PART_SHIFT) as usize % PARTS
}

impl<T> Tables<T> {
    pub(super) fn find(&self, hash: u64, matches: impl FnMut(&T) -> bool) -> Option<&T> {
        self.0[part(hash)].find(hash, matches)
    }

    pub(super) fn find_entry(
        &mut self,
        hash: u64,
        matches: impl FnMut(&T) -> bool,
    ) -> Result<OccupiedEntry<'_, T>, AbsentEntry<'_, T>> {
        self.0[part(hash)].find_entry(hash, matches)
    }

    pub(super) fn entry(&mut self, hash: u64, matches: impl FnMut(&T) -> bool, rehash: impl Fn(&T) -> u64) -> Entry<'_, T> {
        self.0[part(hash)].entry(hash, matches, rehash)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().flat_map(HashTable::iter_mut)
    }

    /// Gives memory back where most of it is not used.
    pub(super) fn shrink(&mut self, rehash: impl Fn(&T) -> u64) {
        let tables = self.0.iter_mut().filter(|table| table.capacity() / 4 > table.len());
        tables.for_each(|table| table.shrink_to_fit(&rehash));
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(HashTable::len).sum()
    }

    /// Makes a part of elements whose hashes all belong to it, each once.
    pub(super) fn fill(&mut self, part: usize, elements: impl ExactSizeIterator<Item = (u64, T)>, rehash: impl Fn(&T) -> u64) {
        let mut table = HashTable::with_capacity(elements.len());
        for (hash, element) in elements {
            table.insert_unique(hash, element, &rehash);
        }
        self.0[part] = table;
    }
}

/// A hash with an object number, in 12 bytes.
#[derive(Clone, Copy)]
pub(super) struct Ordered {
    high: u32,
    low: u32,
    pub(super) number: u32,
}

impl Ordered {
    pub(super) fn new(hash: u64, number: u32) -> Self {
        Self { high: (hash >> 32) as u32, low: hash as u32, number }
    }

    pub(super) fn hash(&self) -> u64 {
        u64::from(self.high) << 32 | u64::from(self.low)
    }

    /// Puts those of one part in the order of their places in a table of them, equal ones side by side and by number:
    /// in any other order, adding each would be a wait for memory.
    pub(super) fn sort(ordered: &mut [Self]) {
        let bits = (ordered.len().max(8) * 8 / 7).next_power_of_two().ilog2().min(31);
        ordered.sort_unstable_by_key(|one| (u64::from(one.low.rotate_right(bits)) << 32 | u64::from(one.high), one.number));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_order_is_that_of_the_places(hashes in prop::collection::hash_set(any::<u64>(), 2..40)) {
            let hashes: Vec<u64> = hashes.into_iter().collect();
            let twice = hashes.iter().chain(&hashes).zip((0..hashes.len() as u32).cycle());
            let mut ordered: Vec<_> = twice.map(|(hash, number)| Ordered::new(*hash, number)).collect();
            Ordered::sort(&mut ordered);
            let mask = (ordered.len().max(8) * 8 / 7).next_power_of_two() as u64 - 1;
            prop_assert!(ordered.is_sorted_by_key(|one| one.hash() & mask));
            for pair in ordered.chunks(2) {
                prop_assert!(pair[0].hash() == pair[1].hash() && hashes[pair[0].number as usize] == pair[0].hash());
            }
        }
    }
}
