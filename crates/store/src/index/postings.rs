//! Which records of an owner have a term.

use std::collections::BTreeMap;

use hashbrown::hash_table::Entry;

use super::sorted::Sorted;
use super::tables::{Ordered, Tables};

/// The object numbers of every (owner, term hash).
///
/// An element of the table is the key (two words) and the object number, or the place of the numbers if there are several:
/// most terms, names above all, have one holder, and that one costs 12 bytes and no allocation.
#[derive(Default)]
pub(super) struct Postings {
    table: Tables<[u32; 3]>,
    several: Vec<Sorted<u32>>,
    free: Vec<u32>,
}

/// Marks an element whose numbers are in `several`. Object numbers stay below it.
const SEVERAL: u32 = 1 << 31;

/// The object numbers of one key.
#[derive(Clone, Copy)]
pub(super) enum Posting<'a> {
    One(u32),
    Several(&'a Sorted<u32>),
}

impl Posting<'_> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Several(numbers) => numbers.len(),
        }
    }

    /// The greatest number.
    fn last(&self) -> Option<u32> {
        match self {
            Self::One(number) => Some(*number),
            Self::Several(numbers) => numbers.last(),
        }
    }

    /// The greatest number that is less than a bound.
    pub(super) fn below(&self, bound: u32) -> Option<u32> {
        match self {
            Self::One(number) => (*number < bound).then_some(*number),
            Self::Several(numbers) => numbers.below(bound),
        }
    }
}

/// The key of a term of an owner. Term hashes are as good as random, so sums of them and anything else are, too. Two
/// owners can come to share a posting by chance: whoever reads one compares the owner of the record.
pub(super) fn key(owner: u32, term: u64) -> u64 {
    term.wrapping_add(u64::from(owner).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

fn key_of(element: &[u32; 3]) -> u64 {
    u64::from(element[0]) << 32 | u64::from(element[1])
}

/// The numbers of several lists in order, each once.
pub(super) fn in_order<'a>(lists: impl Iterator<Item = &'a [u32]>) -> Vec<u32> {
    let lists: Vec<&[u32]> = lists.collect();
    let mut all = lists.concat();
    // Those of one list are in order.
    if lists.len() > 1 {
        all.sort_unstable();
        all.dedup();
    }
    all
}

impl Postings {
    pub(super) fn get(&self, owner: u32, term: u64) -> Option<Posting<'_>> {
        let key = key(owner, term);
        let element = self.table.find(key, |element| key_of(element) == key)?;
        Some(match element[2] & SEVERAL {
            0 => Posting::One(element[2]),
            _ => Posting::Several(&self.several[(element[2] & !SEVERAL) as usize]),
        })
    }

    /// Enters a record in several postings, and returns how many records each has now.
    pub(super) fn insert_all(&mut self, owner: u32, terms: &[u64], number: u32) -> Vec<usize> {
        // Most of the time goes by waiting for memory. Looking first at all that will be needed lets the waits overlap.
        let newest = terms.iter().filter_map(|term| self.get(owner, *term)?.last());
        std::hint::black_box(newest.fold(0, u32::wrapping_add));
        terms.iter().map(|term| self.insert(key(owner, *term), number)).collect()
    }

    /// How many records of an owner have a term.
    pub(super) fn count(&self, owner: u32, term: u64) -> usize {
        self.get(owner, term).map_or(0, |posting| posting.len())
    }

    /// Makes a part of the table: of keys with object numbers, in any order, and of keys with lists of numbers in order.
    pub(super) fn fill(&mut self, part: usize, mut own: Vec<Ordered>, mut common: BTreeMap<u64, Vec<&[u32]>>) {
        Ordered::sort(&mut own);
        let mut elements = Vec::new();
        for run in own.chunk_by(|one, other| one.hash() == other.hash()) {
            let key = run[0].hash();
            let lists = common.remove(&key);
            if lists.is_none() && run.len() == 1 {
                elements.push([(key >> 32) as u32, key as u32, run[0].number]);
                continue;
            }
            let own: Vec<u32> = run.iter().map(|one| one.number).collect();
            let numbers = in_order(lists.into_iter().flatten().chain([&own[..]]));
            elements.push(self.element(key, numbers));
        }
        for (key, lists) in common {
            let numbers = in_order(lists.into_iter());
            elements.push(self.element(key, numbers));
        }
        self.table.fill(part, elements.into_iter().map(|element| (key_of(&element), element)), key_of);
    }

    fn element(&mut self, key: u64, numbers: Vec<u32>) -> [u32; 3] {
        let value = match numbers[..] {
            [number] => number,
            _ => {
                self.several.push(Sorted::of(numbers));
                SEVERAL | (self.several.len() - 1) as u32
            }
        };
        [(key >> 32) as u32, key as u32, value]
    }

    fn insert(&mut self, key: u64, number: u32) -> usize {
        match self.table.entry(key, |element| key_of(element) == key, key_of) {
            Entry::Vacant(entry) => {
                entry.insert([(key >> 32) as u32, key as u32, number]);
                1
            }
            Entry::Occupied(mut entry) => {
                let value = &mut entry.get_mut()[2];
                if *value & SEVERAL == 0 {
                    if *value == number {
                        return 1;
                    }
                    let mut numbers = Sorted::default();
                    numbers.insert(*value);
                    let place = match self.free.pop() {
                        Some(place) => {
                            self.several[place as usize] = numbers;
                            place
                        }
                        None => {
                            self.several.push(numbers);
                            (self.several.len() - 1) as u32
                        }
                    };
                    *value = SEVERAL | place;
                }
                let numbers = &mut self.several[(*value & !SEVERAL) as usize];
                numbers.insert(number);
                numbers.len()
            }
        }
    }

    pub(super) fn remove(&mut self, owner: u32, term: u64, number: u32) {
        let key = key(owner, term);
        let Ok(mut entry) = self.table.find_entry(key, |element| key_of(element) == key) else { return };
        let value = &mut entry.get_mut()[2];
        if *value & SEVERAL == 0 {
            if *value == number {
                entry.remove();
            }
            return;
        }
        let place = *value & !SEVERAL;
        let numbers = &mut self.several[place as usize];
        numbers.remove(number);
        if numbers.len() < 2 {
            let last = std::mem::take(numbers).first();
            self.free.push(place);
            match last {
                Some(last) => *value = last,
                None => drop(entry.remove()),
            }
        }
    }

    /// Replaces every object number; their order must stay the same.
    pub(super) fn renumber(&mut self, new: &[u32]) {
        for element in self.table.iter_mut().filter(|element| element[2] & SEVERAL == 0) {
            element[2] = new[element[2] as usize];
        }
        self.several.iter_mut().for_each(|numbers| numbers.replace(|number| new[number as usize]));
        self.table.shrink(key_of);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }
}
