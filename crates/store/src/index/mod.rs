//! The find index: which records have an owner, a term or a number, newest first. It lives in memory; a durable backend
//! saves it item by item ([`Saver`]) and makes it of the items when it opens ([`Loader`]).
//!
//! Records are numbered in the order of creation. What one owner has among millions costs only that owner: postings are per
//! owner and term, and the numbers of an owner are in order per field. Of terms only keyed hashes are kept
//! ([`TermHasher`]); of owners, and of what many records have in common, each once; of identifiers that are UUIDs, 16 bytes.

mod entry;
mod facets;
mod find;
mod load;
mod objects;
mod owners;
mod postings;
mod save;
mod shapes;
mod sorted;
mod tables;
#[cfg(test)]
mod tests;

pub use entry::Entry;
pub use facets::{Facets, TermHasher};
pub(crate) use facets::{NUMBER, TERM};
pub use load::Loader;
pub use save::Saver;

use std::collections::BTreeMap;
use std::fmt;
use std::hash::RandomState;

use crate::{Cursor, Found, Guard, Page, Query, Revision, Tenant};
use entry::Packed;
use find::Conditions;
use objects::Objects;

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

impl Place {
    /// The record's position in the order of creation.
    pub const fn cursor(&self) -> Cursor {
        Cursor { created: self.created, position: self.position }
    }
}

/// The find index of a store, for all tenants.
pub struct Index {
    hasher: TermHasher,
    /// For names, of which no hash is kept.
    names: RandomState,
    tenants: BTreeMap<Tenant, Objects>,
}

impl Index {
    /// An empty index.
    pub fn new(hasher: TermHasher) -> Self {
        Self { hasher, names: RandomState::new(), tenants: BTreeMap::new() }
    }

    /// What hashes the terms of the records.
    pub fn hasher(&self) -> &TermHasher {
        &self.hasher
    }

    /// The tenants that have records, or had some, in order.
    pub fn tenants(&self) -> Vec<Tenant> {
        self.tenants.keys().copied().collect()
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.tenants.values().map(Objects::len).sum()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where a record stands; `None`: there is no such record.
    pub fn place(&self, tenant: Tenant, identifier: &str) -> Option<Place> {
        let objects = self.tenants.get(&tenant)?;
        Some(objects.entries[objects.number(&self.names, identifier)? as usize].place())
    }

    /// Finds identifiers, the newest record first. Costs grow with the records that satisfy the most selective condition,
    /// among those of the owner if the query names one.
    pub fn find(&self, tenant: Tenant, query: &Query, page: Page) -> Found {
        let Some(objects) = self.tenants.get(&tenant) else { return Found::default() };
        let owner = match &query.owner {
            Some(name) => match objects.owners.number(&self.names, name) {
                Some(owner) => Some(owner),
                None => return Found::default(),
            },
            None => None,
        };
        let mut terms: Vec<u64> = query.terms.iter().map(|term| self.hasher.hash(term.field, &term.value)).collect();
        terms.sort_unstable();
        terms.dedup();
        objects.find(&Conditions { owner, terms: &terms, ranges: &query.ranges, without: &query.without }, page)
    }

    /// Whether a record that is not excepted has what a guard forbids.
    pub fn taken(&self, tenant: Tenant, guard: &Guard, except: impl Fn(&str) -> bool) -> bool {
        let Some(objects) = self.tenants.get(&tenant) else { return false };
        let Some(owner) = objects.owners.number(&self.names, &guard.owner) else { return false };
        let Some(posting) = objects.postings.get(owner, self.hasher.hash(guard.term.field, &guard.term.value)) else {
            return false;
        };
        let mut bound = u32::MAX;
        std::iter::from_fn(|| {
            bound = posting.below(bound)?;
            Some(&objects.entries[bound as usize])
        })
        .any(|entry| entry.owner == owner && !except(&entry.name()))
    }

    /// Enters a record, or replaces the owner, revision and facets of one that is there. New records come in the order of
    /// creation, within each tenant.
    pub fn put(&mut self, tenant: Tenant, identifier: &str, owner: &str, place: Place, facets: Facets) {
        self.tenants.entry(tenant).or_default().put(&self.names, identifier, owner, place, &facets);
    }

    /// Takes a record out; returns whether it was there.
    pub fn remove(&mut self, tenant: Tenant, identifier: &str) -> bool {
        self.tenants.get_mut(&tenant).is_some_and(|objects| objects.remove(&self.names, identifier))
    }

    /// Where every record stands, in order of tenant and creation.
    pub fn places(&self) -> impl Iterator<Item = (Tenant, Place)> {
        self.tenants.iter().flat_map(|(tenant, objects)| {
            let entries = objects.entries.iter().filter(|entry| !entry.is_gap());
            entries.map(|entry| (*tenant, entry.place()))
        })
    }

    /// Up to `limit` entries in order of tenant and creation, from the one after a position on. Whoever goes on from the last
    /// entry of one call with the next sees every record that was there all the time, whatever is written in between.
    pub fn entries_after(&self, after: Option<(Tenant, Cursor)>, limit: usize) -> Vec<Entry<'_>> {
        let entries = self.packed_after(after).map(|(tenant, objects, entry)| Entry {
            tenant,
            identifier: entry.name(),
            owner: &objects.owners.get(entry.owner).name,
            place: entry.place(),
        });
        entries.take(limit).collect()
    }

    fn packed_after(&self, after: Option<(Tenant, Cursor)>) -> impl Iterator<Item = (Tenant, &Objects, &Packed)> {
        let first = after.map_or(Tenant(0), |(tenant, _)| tenant);
        self.tenants.range(first..).flat_map(move |(tenant, objects)| {
            let start = match after {
                Some((of, cursor)) if of == *tenant => objects.entries.partition_point(|entry| entry.cursor() <= cursor),
                _ => 0,
            };
            let entries = objects.entries[start..].iter().filter(|entry| !entry.is_gap());
            entries.map(move |entry| (*tenant, objects, entry))
        })
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Index({} records)", self.len())
    }
}
