//! A hash table in parts. A table that grows hashes everything in it again, and everybody waits; parts grow one at a time.

use hashbrown::HashTable;
use hashbrown::hash_table::{AbsentEntry, Entry, OccupiedEntry};

/// A hash table of elements that know their hash.
pub(super) struct Tables<T>([HashTable<T>; PARTS]);

const PARTS: usize = 1 << PART_BITS;
const PART_BITS: u32 = 6;

/// The bits of a hash that tell the part. A table takes its places from the lowest bits and compares the highest seven.
const PART_SHIFT: u32 = 32;

impl<T> Default for Tables<T> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| HashTable::new()))
    }
}

fn part(hash: u64) -> usize {
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

    /// Adds an element that is not there yet.
    pub(super) fn insert_unique(&mut self, hash: u64, element: T, rehash: impl Fn(&T) -> u64) {
        self.0[part(hash)].insert_unique(hash, element, rehash);
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

    /// How hashes are put in the order of their places, while about as many elements are there as now and some more.
    pub(super) fn order(&self, more: usize) -> Order {
        let elements = self.0[0].len() + more / PARTS;
        Order { bits: (elements.max(8) * 8 / 7).next_power_of_two().ilog2().min(PART_SHIFT) }
    }
}

/// Turns hashes into numbers that are in the order of the places in the tables.
#[derive(Clone, Copy)]
pub(super) struct Order {
    /// How many of the lowest bits of a hash tell the place in its part.
    bits: u32,
}

impl Order {
    pub(super) fn of(self, hash: u64) -> u64 {
        // The bits of the part, then those of the place, then the rest.
        let low = (hash as u32).rotate_right(self.bits);
        let high = ((hash >> 32) as u32).rotate_right(PART_BITS);
        let part = high >> (32 - PART_BITS);
        u64::from(part) << (64 - PART_BITS) | u64::from(low) << (32 - PART_BITS) | u64::from(high) & ((1 << (32 - PART_BITS)) - 1)
    }

    pub(super) fn hash(self, order: u64) -> u64 {
        let low = ((order >> (32 - PART_BITS)) as u32).rotate_left(self.bits);
        let part = (order >> (64 - PART_BITS)) as u32;
        let high = part << (32 - PART_BITS) | (order as u32) & ((1 << (32 - PART_BITS)) - 1);
        u64::from(high.rotate_left(PART_BITS)) << 32 | u64::from(low)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_order_is_that_of_part_and_place_and_can_be_undone(one: u64, other: u64, bits in 3..33_u32) {
            let order = Order { bits };
            prop_assert_eq!(order.hash(order.of(one)), one);
            let place = |hash: u64| (part(hash), hash & ((1 << bits) - 1));
            prop_assert!(place(one) == place(other) || (place(one) < place(other)) == (order.of(one) < order.of(other)));
        }
    }
}
