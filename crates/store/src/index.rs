//! The find index: which records have a term or an owner, newest first. It lives in memory; a durable backend builds it
//! when it opens, by putting every record in the order of creation.
//!
//! A posting is the sorted list of the object numbers that share the keyed hash of a value. The hash only narrows the
//! search: what a query returns was compared in full, so a collision costs time and never gives a false hit. The key is
//! random, so nobody can choose values that collide.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use crate::{Query, Revision, Tenant, Term};

/// Where a record stands among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The commit that wrote the record first.
    pub created: Revision,
    /// Which change of that commit it was, from 0.
    pub position: u32,
    /// The commit that wrote it last.
    pub revision: Revision,
}

/// The find index of a store, for all tenants.
#[derive(Debug, Default)]
pub struct Index<S = RandomState> {
    hasher: S,
    tenants: HashMap<Tenant, Objects>,
}

/// The records of one tenant.
#[derive(Debug, Default)]
struct Objects {
    /// By object number: the order of creation, with gaps where records were removed.
    entries: Vec<Option<Entry>>,
    removed: usize,
    postings: HashMap<u64, Posting>,
    owners: HashSet<Arc<str>>,
}

#[derive(Debug)]
struct Entry {
    identifier: Box<str>,
    owner: Arc<str>,
    place: Place,
    terms: PackedTerms,
}

/// What a posting is about; hashed, so that all postings fit one map.
#[derive(Hash)]
enum Key<'a> {
    Identifier(&'a str),
    Owner(&'a str),
    Term(u32, &'a [u8]),
}

/// Gaps are closed when there are this many and they are at least half of all numbers.
const GAPS: usize = 1024;

impl Index {
    /// An empty index.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<S: BuildHasher> Index<S> {
    /// An empty index that hashes with a given key.
    pub fn with_hasher(hasher: S) -> Self {
        Self { hasher, tenants: HashMap::new() }
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.tenants.values().map(|objects| objects.entries.len() - objects.removed).sum()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where a record stands; `None`: there is no such record.
    pub fn place(&self, tenant: Tenant, identifier: &str) -> Option<Place> {
        let objects = self.tenants.get(&tenant)?;
        Some(objects.entry(objects.number(&self.hasher, identifier)?)?.place)
    }

    /// Finds identifiers, the newest record first. Costs grow with the shortest posting of the query.
    pub fn find(&self, tenant: Tenant, query: &Query) -> Vec<String> {
        let Some(objects) = self.tenants.get(&tenant) else { return Vec::new() };
        let owner = query.owner.iter().map(|owner| Key::Owner(owner));
        let terms = query.terms.iter().map(|term| Key::Term(term.field, &term.value));
        let mut shortest: Option<&[u32]> = None;
        for key in owner.chain(terms) {
            let Some(posting) = objects.postings.get(&self.hasher.hash_one(key)) else { return Vec::new() };
            let numbers = posting.numbers();
            if shortest.is_none_or(|shortest| numbers.len() < shortest.len()) {
                shortest = Some(numbers);
            }
        }
        let matches = |entry: &&Entry| {
            query.owner.as_deref().is_none_or(|owner| *entry.owner == *owner)
                && query.terms.iter().all(|term| entry.terms.contains(term))
        };
        let identifier = |entry: &Entry| entry.identifier.to_string();
        match shortest {
            Some(numbers) => {
                numbers.iter().rev().filter_map(|number| objects.entry(*number)).filter(matches).map(identifier).collect()
            }
            None => objects.entries.iter().rev().flatten().map(identifier).collect(),
        }
    }

    /// Enters a record, or replaces the owner, revision and terms of one that is there. New records come in the order of
    /// creation.
    pub fn put(&mut self, tenant: Tenant, identifier: &str, owner: &str, place: Place, terms: &[Term]) {
        let objects = self.tenants.entry(tenant).or_default();
        let hasher = &self.hasher;
        let owner = objects.intern(owner);
        let terms = PackedTerms::new(terms);
        let number = objects.number(hasher, identifier);
        let before = match number.and_then(|number| objects.entry(number)) {
            Some(entry) => entry.keys(hasher),
            None => Vec::new(),
        };
        let entry = Entry { identifier: identifier.into(), owner, place, terms };
        let after = entry.keys(hasher);
        let number = match number {
            Some(number) => {
                objects.entries[number as usize] = Some(entry);
                number
            }
            None => {
                objects.entries.push(Some(entry));
                (objects.entries.len() - 1) as u32
            }
        };
        // Most terms stay as they were: those postings are left alone.
        let only_in = |these: &[u64], those: &[u64]| -> Vec<u64> {
            these.iter().copied().filter(|key| those.binary_search(key).is_err()).collect()
        };
        only_in(&before, &after).into_iter().for_each(|key| objects.unpost(key, number));
        only_in(&after, &before).into_iter().for_each(|key| objects.postings.entry(key).or_default().insert(number));
    }

    /// Takes a record out; returns whether it was there.
    pub fn remove(&mut self, tenant: Tenant, identifier: &str) -> bool {
        let Some(objects) = self.tenants.get_mut(&tenant) else { return false };
        let Some(number) = objects.number(&self.hasher, identifier) else { return false };
        let Some(entry) = objects.entries[number as usize].take() else { return false };
        entry.keys(&self.hasher).into_iter().for_each(|key| objects.unpost(key, number));
        objects.removed += 1;
        if objects.removed >= GAPS && objects.removed * 2 >= objects.entries.len() {
            objects.close_gaps(&self.hasher);
        }
        true
    }
}

impl Objects {
    fn entry(&self, number: u32) -> Option<&Entry> {
        self.entries.get(number as usize)?.as_ref()
    }

    fn number<S: BuildHasher>(&self, hasher: &S, identifier: &str) -> Option<u32> {
        let numbers = self.postings.get(&hasher.hash_one(Key::Identifier(identifier)))?.numbers();
        numbers.iter().copied().find(|number| self.entry(*number).is_some_and(|entry| *entry.identifier == *identifier))
    }

    /// Owners are few and records many: each owner is kept once.
    fn intern(&mut self, owner: &str) -> Arc<str> {
        if let Some(known) = self.owners.get(owner) {
            return Arc::clone(known);
        }
        let owner: Arc<str> = owner.into();
        self.owners.insert(Arc::clone(&owner));
        owner
    }

    fn unpost(&mut self, key: u64, number: u32) {
        if let Some(posting) = self.postings.get_mut(&key)
            && posting.remove(number)
        {
            self.postings.remove(&key);
        }
    }

    /// Numbers the records afresh, without gaps: otherwise a store that creates and removes for years would grow.
    fn close_gaps<S: BuildHasher>(&mut self, hasher: &S) {
        self.entries.retain(Option::is_some);
        self.entries.shrink_to_fit();
        self.removed = 0;
        self.postings = HashMap::new();
        self.owners.retain(|owner| Arc::strong_count(owner) > 1);
        for (number, entry) in (0..).zip(self.entries.iter().flatten()) {
            entry.keys(hasher).into_iter().for_each(|key| self.postings.entry(key).or_default().insert(number));
        }
    }
}

impl Entry {
    /// The postings the record is in: sorted, each once.
    fn keys<S: BuildHasher>(&self, hasher: &S) -> Vec<u64> {
        let own = [Key::Identifier(&self.identifier), Key::Owner(&self.owner)];
        let terms = self.terms.iter().map(|(field, value)| Key::Term(field, value));
        let mut keys: Vec<_> = own.into_iter().chain(terms).map(|key| hasher.hash_one(key)).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

/// The terms of a record in one allocation: field (4 bytes), length (4 bytes), value, and so on.
#[derive(Debug)]
struct PackedTerms(Box<[u8]>);

impl PackedTerms {
    fn new(terms: &[Term]) -> Self {
        let mut bytes = Vec::with_capacity(terms.iter().map(|term| 8 + term.value.len()).sum());
        for term in terms {
            bytes.extend_from_slice(&term.field.to_ne_bytes());
            bytes.extend_from_slice(&(term.value.len() as u32).to_ne_bytes());
            bytes.extend_from_slice(&term.value);
        }
        Self(bytes.into())
    }

    fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        let mut rest = &*self.0;
        std::iter::from_fn(move || {
            let (field, after) = rest.split_first_chunk()?;
            let (length, after) = after.split_first_chunk()?;
            let (value, after) = after.split_at_checked(u32::from_ne_bytes(*length) as usize)?;
            rest = after;
            Some((u32::from_ne_bytes(*field), value))
        })
    }

    fn contains(&self, term: &Term) -> bool {
        self.iter().any(|(field, value)| field == term.field && *value == *term.value)
    }
}

/// Sorted object numbers. Most values, names above all, have one holder: that one needs no allocation.
#[derive(Debug)]
enum Posting {
    One(u32),
    Many(Vec<u32>),
}

impl Default for Posting {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl Posting {
    fn numbers(&self) -> &[u32] {
        match self {
            Self::One(number) => std::slice::from_ref(number),
            Self::Many(numbers) => numbers,
        }
    }

    fn insert(&mut self, number: u32) {
        match self {
            Self::Many(numbers) if numbers.is_empty() => *self = Self::One(number),
            Self::One(one) if *one == number => {}
            Self::One(one) => *self = Self::Many(vec![number.min(*one), number.max(*one)]),
            Self::Many(numbers) => {
                if let Err(at) = numbers.binary_search(&number) {
                    numbers.insert(at, number);
                }
            }
        }
    }

    /// Returns whether none is left.
    fn remove(&mut self, number: u32) -> bool {
        match self {
            Self::One(one) => *one == number,
            Self::Many(numbers) => {
                if let Ok(at) = numbers.binary_search(&number) {
                    numbers.remove(at);
                }
                numbers.is_empty()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::hash::{BuildHasherDefault, DefaultHasher, Hasher};

    use proptest::prelude::*;

    use super::*;

    /// Every value collides with every other.
    #[derive(Default)]
    struct Constant;

    impl Hasher for Constant {
        fn finish(&self) -> u64 {
            7
        }
        fn write(&mut self, _: &[u8]) {}
    }

    fn term(field: u32, value: &str) -> Term {
        Term { field, value: value.as_bytes().into() }
    }

    fn place(created: u64) -> Place {
        Place { created: Revision(created), position: 0, revision: Revision(created) }
    }

    fn query(owner: Option<&str>, terms: &[Term]) -> Query {
        Query { owner: owner.map(Into::into), terms: terms.to_vec() }
    }

    #[test]
    fn a_collision_never_gives_a_false_hit() {
        let mut index = Index::with_hasher(BuildHasherDefault::<Constant>::default());
        let tenant = Tenant::DEFAULT;
        index.put(tenant, "a", "alice", place(1), &[term(1, "x")]);
        index.put(tenant, "b", "bob", place(2), &[term(1, "y"), term(2, "x")]);
        assert_eq!(index.find(tenant, &query(None, &[term(1, "x")])), ["a"]);
        assert_eq!(index.find(tenant, &query(None, &[term(2, "x")])), ["b"]);
        assert_eq!(index.find(tenant, &query(Some("bob"), &[])), ["b"]);
        assert!(index.find(tenant, &query(Some("bob"), &[term(1, "x")])).is_empty());
        assert!(index.remove(tenant, "a"));
        assert_eq!(index.place(tenant, "a"), None);
        assert_eq!(index.find(tenant, &query(None, &[])), ["b"]);
    }

    #[test]
    fn a_store_that_creates_and_removes_does_not_grow() {
        let mut index = Index::new();
        for number in 0..20_000 {
            index.put(
                Tenant::DEFAULT,
                &number.to_string(),
                "alice",
                place(number),
                &[term(1, "same"), term(2, &number.to_string())],
            );
            if number >= 10 {
                assert!(index.remove(Tenant::DEFAULT, &(number - 10).to_string()));
            }
        }
        let objects = &index.tenants[&Tenant::DEFAULT];
        assert!(objects.entries.len() <= 2 * GAPS + 20 && objects.postings.len() < 50);
        assert_eq!(index.len(), 10);
        let newest: Vec<_> = (19_990..20_000).rev().map(|number| number.to_string()).collect();
        assert_eq!(index.find(Tenant::DEFAULT, &query(Some("alice"), &[term(1, "same")])), newest);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Put(u8, u8, Vec<(u32, u8)>),
        Remove(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0..12_u8, 0..3_u8, prop::collection::vec((0..3_u32, 0..3_u8), 0..4)).prop_map(|(i, o, t)| Step::Put(i, o, t)),
            1 => (0..12_u8).prop_map(Step::Remove),
        ]
    }

    /// The model: records by creation, searched one by one.
    fn check<S: BuildHasher>(mut index: Index<S>, steps: &[Step]) {
        let mut model: BTreeMap<u64, (String, String, Vec<Term>)> = BTreeMap::new();
        for (now, step) in (1..).zip(steps) {
            let name = match step {
                Step::Put(name, ..) | Step::Remove(name) => name.to_string(),
            };
            let known = model.iter().find(|(_, (identifier, ..))| *identifier == name).map(|(created, _)| *created);
            match step {
                Step::Put(_, owner, terms) => {
                    let terms: Vec<_> = terms.iter().map(|(field, value)| term(*field, &value.to_string())).collect();
                    let created = known.unwrap_or(now);
                    let place = Place { created: Revision(created), position: 0, revision: Revision(now) };
                    index.put(Tenant(1), &name, &owner.to_string(), place, &terms);
                    assert_eq!(index.place(Tenant(1), &name), Some(place));
                    model.insert(created, (name, owner.to_string(), terms));
                }
                Step::Remove(_) => {
                    assert_eq!(index.remove(Tenant(1), &name), known.is_some());
                    known.map(|created| model.remove(&created));
                    assert_eq!(index.place(Tenant(1), &name), None);
                }
            }
        }
        assert_eq!(index.len(), model.len());
        for owner in [None, Some("0"), Some("1")] {
            for wanted in [vec![], vec![term(0, "0")], vec![term(1, "2")], vec![term(0, "1"), term(1, "1")]] {
                let found = model.values().rev().filter(|(_, o, terms)| {
                    owner.is_none_or(|owner| owner == o) && wanted.iter().all(|term| terms.contains(term))
                });
                let found: Vec<_> = found.map(|(identifier, ..)| identifier.clone()).collect();
                assert_eq!(index.find(Tenant(1), &query(owner, &wanted)), found);
                assert!(index.find(Tenant(2), &query(owner, &wanted)).is_empty());
            }
        }
    }

    proptest! {
        #[test]
        fn it_finds_what_a_search_of_all_records_finds(steps in prop::collection::vec(step(), 0..60)) {
            check(Index::new(), &steps);
            check(Index::with_hasher(BuildHasherDefault::<Constant>::default()), &steps);
            check(Index::with_hasher(BuildHasherDefault::<DefaultHasher>::default()), &steps);
        }
    }
}
