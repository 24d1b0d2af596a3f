//! Names that are being given: between the look that finds one free and the commit that takes it.
//!
//! The store compares revisions of records, and a name is no record: two requests that make two objects of one name would both
//! find it free. So a request reserves the name first. One server process is all that this covers; a store that several
//! servers share has to hold the reservation itself.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kmip::structures::Name;
use policy::Actor;

/// Tenant, owner, text and type of a name.
type Key = (u32, String, String, u32);

/// The names that some request is about to give.
#[derive(Debug, Default)]
pub(crate) struct NamesBeingGiven(Mutex<BTreeSet<Key>>);

impl NamesBeingGiven {
    /// None.
    #[must_use]
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(BTreeSet::new()))
    }

    fn keys(&self) -> MutexGuard<'_, BTreeSet<Key>> {
        // A set of keys is whole after every single change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The names that one request has reserved. They are given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Reservation<'a> {
    names: &'a NamesBeingGiven,
    mine: BTreeSet<Key>,
}

impl<'a> Reservation<'a> {
    /// Nothing reserved yet.
    #[must_use]
    pub(crate) const fn new(names: &'a NamesBeingGiven) -> Self {
        Self { names, mine: BTreeSet::new() }
    }

    /// Reserves a name of the actor. Returns whether it could be had: not while another request is about to give it.
    pub(crate) fn reserve(&mut self, actor: &Actor, name: &Name) -> bool {
        let key = (actor.tenant, actor.name.clone(), name.name_value.clone(), name.name_type.0);
        if self.mine.contains(&key) {
            return true;
        }
        let free = self.names.keys().insert(key.clone());
        if free {
            self.mine.insert(key);
        }
        free
    }

    /// Gives all names back: they are taken now, or will not be.
    pub(crate) fn release(&mut self) {
        if !self.mine.is_empty() {
            let mut keys = self.names.keys();
            for key in std::mem::take(&mut self.mine) {
                keys.remove(&key);
            }
        }
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_reserved_once_per_owner_and_tenant() {
        let names = NamesBeingGiven::new();
        let (fred, barney) = (Actor::new("fred"), Actor::new("barney"));
        let elsewhere = Actor { tenant: 1, ..fred.clone() };
        let name = Name::text("n");
        let mut first = Reservation::new(&names);
        assert!(first.reserve(&fred, &name));
        assert!(first.reserve(&fred, &name), "one's own reservation stands in nobody's way");
        {
            let mut second = Reservation::new(&names);
            assert!(!second.reserve(&fred, &name));
            assert!(second.reserve(&fred, &Name::text("other")));
            assert!(second.reserve(&barney, &name) && second.reserve(&elsewhere, &name));
        }
        let mut third = Reservation::new(&names);
        assert!(third.reserve(&barney, &name), "a dropped reservation is over");
        first.release();
        assert!(third.reserve(&fred, &name));
    }
}
