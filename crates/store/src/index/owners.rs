//! The owners: each is kept once, with the records it has and their numbers in order.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::sorted::Sorted;

/// The owners of a tenant. Their numbers are used again when an owner has no records any more.
#[derive(Default)]
pub(super) struct Owners {
    by_name: HashTable<u32>,
    all: Vec<Owner>,
    free: Vec<u32>,
}

/// One owner.
#[derive(Default)]
pub(super) struct Owner {
    pub(super) name: Box<str>,
    /// The object numbers of its records.
    pub(super) records: Sorted<u32>,
    /// The numbers of its records by field, in order of the field.
    columns: Vec<(u32, Sorted<Dated>)>,
}

/// A number of a record: the value in two words whose order is that of the value, and the object number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Dated {
    high: u32,
    low: u32,
    pub(super) record: u32,
}

impl Dated {
    pub(super) fn new(value: i64, record: u32) -> Self {
        let ordered = (value as u64) ^ (1 << 63);
        Self { high: (ordered >> 32) as u32, low: ordered as u32, record }
    }
}

impl Owners {
    pub(super) fn number(&self, hasher: &RandomState, name: &str) -> Option<u32> {
        let matches = |number: &u32| *self.all[*number as usize].name == *name;
        self.by_name.find(hasher.hash_one(name), matches).copied()
    }

    /// The number of an owner, which may be a new one.
    pub(super) fn intern(&mut self, hasher: &RandomState, name: &str) -> u32 {
        if let Some(number) = self.number(hasher, name) {
            return number;
        }
        let owner = Owner { name: name.into(), ..Owner::default() };
        let number = match self.free.pop() {
            Some(number) => {
                self.all[number as usize] = owner;
                number
            }
            None => {
                self.all.push(owner);
                (self.all.len() - 1) as u32
            }
        };
        let rehash = |number: &u32| hasher.hash_one(&*self.all[*number as usize].name);
        self.by_name.insert_unique(hasher.hash_one(name), number, rehash);
        number
    }

    pub(super) fn get(&self, number: u32) -> &Owner {
        &self.all[number as usize]
    }

    pub(super) fn get_mut(&mut self, number: u32) -> &mut Owner {
        &mut self.all[number as usize]
    }

    /// Forgets an owner that has no records.
    pub(super) fn forget_if_empty(&mut self, hasher: &RandomState, number: u32) {
        let owner = &mut self.all[number as usize];
        if owner.records.is_empty() {
            let name = std::mem::take(owner).name;
            if let Ok(entry) = self.by_name.find_entry(hasher.hash_one(&*name), |known| *known == number) {
                entry.remove();
            }
            self.free.push(number);
        }
    }

    /// The owners that have records.
    pub(super) fn living(&self) -> impl Iterator<Item = u32> {
        (0..).zip(&self.all).filter(|(_, owner)| !owner.records.is_empty()).map(|(number, _)| number)
    }

    /// Replaces every object number; their order must stay the same.
    pub(super) fn renumber(&mut self, new: &[u32]) {
        for owner in &mut self.all {
            owner.records.replace(|number| new[number as usize]);
            for (_, column) in &mut owner.columns {
                column.replace(|dated| Dated { record: new[dated.record as usize], ..dated });
            }
        }
    }
}

impl Owner {
    pub(super) fn column(&self, field: u32) -> Option<&Sorted<Dated>> {
        let at = self.columns.binary_search_by_key(&field, |(field, _)| *field).ok()?;
        Some(&self.columns[at].1)
    }

    pub(super) fn insert_number(&mut self, field: u32, dated: Dated) {
        let at = match self.columns.binary_search_by_key(&field, |(field, _)| *field) {
            Ok(at) => at,
            Err(at) => {
                self.columns.insert(at, (field, Sorted::default()));
                at
            }
        };
        self.columns[at].1.insert(dated);
    }

    /// Makes all numbers of a field, in any order; of the fields, the least comes first.
    pub(super) fn set_column(&mut self, field: u32, mut dated: Vec<Dated>) {
        if !dated.is_sorted_by(|a, b| a < b) {
            dated.sort_unstable();
            dated.dedup();
        }
        self.columns.push((field, Sorted::of(dated)));
    }

    pub(super) fn remove_number(&mut self, field: u32, dated: Dated) {
        if let Ok(at) = self.columns.binary_search_by_key(&field, |(field, _)| *field) {
            self.columns[at].1.remove(dated);
            if self.columns[at].1.is_empty() {
                self.columns.remove(at);
            }
        }
    }
}
