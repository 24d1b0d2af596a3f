//! What an operation sees of the store: committed objects, over which a batch with Undo lays its own changes.

use std::collections::HashMap;

use kmip::attribute::Attribute;
use kmip::result_reason::ResultReason;
use store::{Commit, Cursor, Guard, Page, Put, Query, Store, Tenant};

use crate::direct::Effect;
use crate::error::{Error, Result};
use crate::internal::{self, Kept};
use crate::object::StoredObject;
use crate::operation::{Change, Found};
use crate::record;

/// The store as one batch sees it.
pub(crate) struct View<'a, S> {
    store: &'a S,
    tenant: Tenant,
    /// Changes of this batch that are not committed yet; `None`: removed.
    staged: HashMap<String, Staged>,
    /// The order in which identifiers were staged for the first time.
    order: Vec<String>,
    /// What must be so when the staged changes are committed.
    guards: Vec<Guard>,
    /// What the staged changes add to the commit, in bytes.
    size: usize,
    /// Records of this batch that are no objects, and are not committed yet.
    kept: Vec<Put>,
    /// What is to happen in memory when the staged changes are committed.
    effects: Vec<Effect>,
}

struct Staged {
    now: Option<StoredObject>,
    expected: Option<store::Revision>,
    /// What it adds to the commit, in bytes.
    size: usize,
}

impl<'a, S: Store> View<'a, S> {
    /// A view without changes of its own.
    pub(crate) fn new(store: &'a S, tenant: Tenant) -> Self {
        Self {
            store,
            tenant,
            staged: HashMap::new(),
            order: Vec::new(),
            guards: Vec::new(),
            size: 0,
            kept: Vec::new(),
            effects: Vec::new(),
        }
    }

    /// Whether there are changes of this batch that the store does not know.
    pub(crate) fn has_staged(&self) -> bool {
        !self.staged.is_empty()
    }

    /// Loads objects; absent ones are `None`.
    pub(crate) async fn load(&self, identifiers: &[&str]) -> Result<Vec<Option<StoredObject>>> {
        let mut found = Vec::with_capacity(identifiers.len());
        for (record, identifier) in self.store.load(self.tenant, identifiers).await?.into_iter().zip(identifiers) {
            found.push(match self.staged.get(*identifier) {
                Some(staged) => staged.now.clone(),
                // What is no object is not there for those that ask for objects.
                None => {
                    record.filter(|record| !internal::is_internal(&record.identifier)).map(record::from_record).transpose()?
                }
            });
        }
        Ok(found)
    }

    /// Takes as long as the load of one object whose record has about this length.
    pub(crate) async fn load_none(&self, length: usize) {
        self.store.load_none(self.tenant, length).await;
    }

    /// What a query finds, page by page, the newest first. Staged objects are newer than all others, and are all found: the
    /// caller judges what it loads.
    pub(crate) fn pages<'v>(&'v self, query: &'v Query) -> Pages<'v, 'a, S> {
        let is_there = |identifier: &&String| self.staged.get(*identifier).is_some_and(|staged| staged.now.is_some());
        let staged: Vec<&str> = self.order.iter().filter(is_there).map(String::as_str).collect();
        Pages { view: self, query, staged, position: Position::Begin }
    }

    /// Whether a living object other than `own` has a name. The query must be exact: nothing is loaded.
    pub(crate) async fn is_name_taken(&self, query: &Query, name: &Attribute, own: &[String]) -> Result<bool> {
        let has = |object: &StoredObject| !object.is_destroyed() && object.attributes().any(|attribute| attribute == name);
        let staged = self.staged.values().filter_map(|staged| staged.now.as_ref());
        if staged.into_iter().any(|object| has(object) && !own.contains(&object.identifier)) {
            return Ok(true);
        }
        // Of so many, at least one is another's.
        let page = Page::first(self.staged.len() + own.len() + 1);
        let found = self.store.find(self.tenant, query, page).await?.identifiers;
        Ok(found.iter().any(|identifier| !self.staged.contains_key(identifier) && !own.contains(identifier)))
    }

    /// Lays changes over the store, with what must be so when they are committed.
    ///
    /// # Errors
    /// Server Limit Exceeded, if the changes of the batch are more than one commit takes.
    pub(crate) fn stage(&mut self, changes: Vec<Change>, guards: Vec<Guard>) -> Result<()> {
        self.guards.extend(guards);
        for change in changes {
            let (identifier, expected, size, now) = match change {
                Change::Write(object) => {
                    let put = vec![store::Change::Put(record::to_put(&object))];
                    let size = Commit { changes: put, ..Commit::default() }.size();
                    (object.identifier.clone(), object.revision, size, Some(*object))
                }
                Change::Remove(Found { identifier, revision }) => (identifier, revision, 0, None),
                Change::Keep(put) => {
                    self.stage_kept(vec![*put], Vec::new());
                    continue;
                }
            };
            self.size += size;
            match self.staged.get_mut(&identifier) {
                Some(staged) => {
                    self.size -= std::mem::replace(&mut staged.size, size);
                    staged.now = now;
                }
                None => {
                    self.order.push(identifier.clone());
                    self.staged.insert(identifier, Staged { now, expected, size });
                }
            }
            if self.size > store::MAX_COMMIT {
                return Err(Error::new(ResultReason::ServerLimitExceeded, "The batch changes more than can be changed at once"));
            }
        }
        Ok(())
    }

    /// Loads a record that is no object.
    pub(crate) async fn kept(&self, identifier: &str) -> Result<Option<Kept>> {
        if let Some(put) = self.kept.iter().find(|put| put.identifier == identifier) {
            return Ok(Some(Kept::from(put)));
        }
        Ok(self.store.load(self.tenant, &[identifier]).await?.pop().flatten().map(Kept::from))
    }

    /// Stages records that are no objects, and what is to happen in memory when they are committed.
    pub(crate) fn stage_kept(&mut self, puts: Vec<Put>, effects: Vec<Effect>) {
        for put in puts {
            self.kept.retain(|staged| staged.identifier != put.identifier);
            self.kept.push(put);
        }
        self.effects.extend(effects);
    }

    /// Takes out what is to happen in memory.
    pub(crate) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Takes the staged changes out, as a commit.
    pub(crate) fn take_staged(&mut self) -> Commit {
        let mut changes = Vec::new();
        for identifier in std::mem::take(&mut self.order) {
            match self.staged.remove(&identifier) {
                Some(Staged { now: Some(object), .. }) => changes.push(store::Change::Put(record::to_put(&object))),
                Some(Staged { now: None, expected: Some(expected), .. }) => {
                    changes.push(store::Change::Remove { identifier, expected });
                }
                // Made and removed within the batch.
                _ => {}
            }
        }
        changes.extend(std::mem::take(&mut self.kept).into_iter().map(store::Change::Put));
        Commit { guards: std::mem::take(&mut self.guards), changes, ..Commit::default() }
    }
}

/// What a query finds, page by page.
pub(crate) struct Pages<'v, 'a, S> {
    view: &'v View<'a, S>,
    query: &'v Query,
    /// Staged objects that are still to come, the newest last.
    staged: Vec<&'v str>,
    position: Position,
}

/// How far the pages of the store have come.
enum Position {
    Begin,
    After(Cursor),
    End,
}

impl<S: Store> Pages<'_, '_, S> {
    /// The next page: at most `limit` identifiers, perhaps fewer or none although there are more; `None` after the last.
    pub(crate) async fn next(&mut self, limit: usize) -> Result<Option<Vec<String>>> {
        if !self.staged.is_empty() {
            let rest = self.staged.len().saturating_sub(limit);
            return Ok(Some(self.staged.drain(rest..).rev().map(str::to_owned).collect()));
        }
        let after = match self.position {
            Position::Begin => None,
            Position::After(cursor) => Some(cursor),
            Position::End => return Ok(None),
        };
        let mut found = self.view.store.find(self.view.tenant, self.query, Page { after, limit }).await?;
        self.position = found.next.map_or(Position::End, Position::After);
        found.identifiers.retain(|identifier| !self.view.staged.contains_key(identifier));
        Ok(Some(found.identifiers))
    }
}

/// Changes as a commit wants them.
pub(crate) fn to_store(changes: Vec<Change>) -> Vec<store::Change> {
    changes
        .into_iter()
        .filter_map(|change| match change {
            Change::Write(object) => Some(store::Change::Put(record::to_put(&object))),
            Change::Remove(Found { identifier, revision }) => {
                revision.map(|expected| store::Change::Remove { identifier, expected })
            }
            Change::Keep(put) => Some(store::Change::Put(*put)),
        })
        .collect()
}
