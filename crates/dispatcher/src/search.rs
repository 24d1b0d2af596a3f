//! Searches: the store narrows them, page by page; the policy and the operation judge what is left.

use std::future::poll_fn;
use std::task::Poll;

use kmip::attribute::{Attribute, AttributeReference};
use kmip::enumerations::ObjectType;
use kmip::result_reason::ResultReason;
use kmip::structures::Name;
use kmip::tag;
use store::{Query, Store};
use ttlv_codec::TreeValue;

use crate::authorise::{Authorised, authorise, may_all_own};
use crate::error::{Error, Result};
use crate::factory;
use crate::internal;
use crate::keys;
use crate::object::StoredObject;
use crate::operation::{Context, Found, Judge, Search};
use crate::operations::guarded;
use crate::view::View;

/// Objects loaded at once while a search is judged: bounds the memory of a Locate over everything.
const SEARCH_CHUNK: usize = 32;

/// Identifiers asked for at once where they are all collected before the first is judged.
const IDENTIFIER_CHUNK: usize = 4_096;

/// Runs a search.
pub(crate) async fn find<S: Store>(
    view: &View<'_, S>,
    search: &Search,
    context: &Context<'_>,
    permission: policy::Permission,
) -> Result<Vec<Found>> {
    let mut hits = Hits { found: Vec::new(), search, context, permission, others: false };
    if search.limit == Some(0) {
        return Ok(hits.found);
    }
    if let Some(identifier) = &search.only {
        hits.judge(view, std::slice::from_ref(identifier)).await?;
        return Ok(hits.found);
    }
    let own = Query {
        owner: Some(context.actor.name.clone()),
        terms: search.wanted.terms.clone(),
        ranges: search.wanted.ranges.clone(),
        without: search.wanted.without.clone(),
    };
    let is_exact = search.wanted.is_exact && !search.oldest_first && !view.has_staged() && may_all_own(context, permission);
    let is_enough = if is_exact { hits.take(view, &own).await? } else { hits.collect(view, &own).await? };
    if is_enough || !search.with_public {
        return Ok(hits.found);
    }
    let mut of_others = Query { owner: None, ..own };
    // First, because it is what most owners have none of.
    of_others.terms.insert(0, keys::public());
    hits.others = true;
    hits.collect(view, &of_others).await?;
    Ok(hits.found)
}

/// What a search has found so far.
struct Hits<'a> {
    found: Vec<Found>,
    search: &'a Search,
    context: &'a Context<'a>,
    permission: policy::Permission,
    /// Whether it is the turn of the objects of others.
    others: bool,
}

impl Hits<'_> {
    /// Judges all that a query finds. Returns whether enough is found.
    async fn collect<S: Store>(&mut self, view: &View<'_, S>, query: &Query) -> Result<bool> {
        let mut pages = view.pages(query);
        if self.search.oldest_first {
            let mut identifiers = Vec::new();
            while let Some(page) = pages.next(IDENTIFIER_CHUNK).await? {
                identifiers.extend(page);
                yield_once().await;
            }
            identifiers.reverse();
            for chunk in identifiers.chunks(SEARCH_CHUNK) {
                if self.judge(view, chunk).await? {
                    return Ok(true);
                }
                yield_once().await;
            }
            return Ok(false);
        }
        while let Some(page) = pages.next(SEARCH_CHUNK).await? {
            if self.judge(view, &page).await? {
                return Ok(true);
            }
            yield_once().await;
        }
        Ok(false)
    }

    /// Takes all that an exact query finds among the actor's own objects; nothing is loaded. Returns whether enough is found.
    async fn take<S: Store>(&mut self, view: &View<'_, S>, query: &Query) -> Result<bool> {
        let mut pages = view.pages(query);
        let chunk = self.search.limit.map_or(IDENTIFIER_CHUNK, |limit| limit.min(IDENTIFIER_CHUNK));
        while let Some(page) = pages.next(chunk).await? {
            for identifier in page {
                let is_hidden = factory::is_reserved(&identifier) && !self.search.with_reserved;
                if is_hidden || internal::is_internal(&identifier) {
                    continue;
                }
                self.found.push(Found { identifier, revision: None });
                if Some(self.found.len()) == self.search.limit {
                    return Ok(true);
                }
            }
            yield_once().await;
        }
        Ok(false)
    }

    /// Loads and judges objects. Returns whether enough are found.
    async fn judge<S: Store>(&mut self, view: &View<'_, S>, identifiers: &[String]) -> Result<bool> {
        let identifiers: Vec<&str> = identifiers.iter().map(String::as_str).collect();
        for object in view.load(&identifiers).await?.into_iter().flatten() {
            let is_own = object.owner == self.context.actor.name;
            // An identifier that was asked for may be of either kind.
            if self.search.only.is_none() && is_own == self.others {
                continue;
            }
            let is_shown = is_own || (self.search.with_public && object.is_public());
            if !is_shown {
                continue;
            }
            if factory::is_reserved(&object.identifier) && !self.search.with_reserved {
                continue;
            }
            let Ok(object) = authorise(self.context, self.permission, object) else { continue };
            if !self.wants(&object)? {
                continue;
            }
            let object = object.into_inner();
            self.found.push(Found { identifier: object.identifier, revision: object.revision });
            if Some(self.found.len()) == self.search.limit {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn wants(&self, object: &Authorised) -> Result<bool> {
        match &self.search.judge {
            Some(judge) => guarded(|| judge.wants(object, self.context)),
            None => Ok(true),
        }
    }
}

/// Lets other work of this thread go on: a store that answers at once would otherwise hold it through a whole search.
pub(crate) async fn yield_once() {
    let mut yielded = false;
    poll_fn(|task| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        task.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The actor's newest template of a name. The terms are exact: no more than one object is in memory at a time.
pub(crate) async fn template<S: Store>(view: &View<'_, S>, name: &Name, context: &Context<'_>) -> Result<StoredObject> {
    let attribute = Attribute::Name(name.clone());
    let mut query = name_query(&attribute, context);
    query.terms.push(keys::object_type(ObjectType::Template));
    let mut pages = view.pages(&query);
    while let Some(page) = pages.next(SEARCH_CHUNK).await? {
        for identifier in page {
            if let Some(object) = view.load(&[&identifier]).await?.pop().flatten()
                && object.object_type == ObjectType::Template
                && object.owner == context.actor.name
                && !object.is_destroyed()
                && object.attributes().any(|own| *own == attribute)
            {
                return Ok(object);
            }
        }
    }
    Err(Error::new(ResultReason::ItemNotFound, "No template has this Name"))
}

/// From 2.0 on a name belongs to one living object of its owner: no other than those of the request may have it. What is free
/// now may be taken until the commit, whose guards see to it.
pub(crate) async fn check_name_is_free<S: Store>(
    view: &View<'_, S>,
    name: &Name,
    own: &[String],
    context: &Context<'_>,
) -> Result<()> {
    let attribute = Attribute::Name(name.clone());
    if view.is_name_taken(&name_query(&attribute, context), &attribute, own).await? {
        return Err(Error::new(ResultReason::NonUniqueNameAttribute, "Another object of the client has this Name"));
    }
    Ok(())
}

/// That an object of the actor is in a group.
///
/// # Errors
/// Unknown Object Group.
pub(crate) async fn check_group<S: Store>(view: &View<'_, S>, group: &str, context: &Context<'_>) -> Result<()> {
    let mut search = Search { limit: Some(1), ..Search::default() };
    let values = [TreeValue::TextString(group.to_owned())];
    search.wanted.add(&AttributeReference::Standard(tag::ObjectGroup), &values, context.now);
    let wanted = Attribute::ObjectGroup(group.to_owned());
    search.judge = Some(Box::new(Has(wanted)));
    match find(view, &search, context, policy::Permission::Locate).await?.is_empty() {
        true => Err(Error::new(ResultReason::UnknownObjectGroup, "No object of the client is in an object group that is named")),
        false => Ok(()),
    }
}

/// Wants what has an attribute.
struct Has(Attribute);

impl Judge for Has {
    fn wants(&self, object: &StoredObject, _: &Context<'_>) -> Result<bool> {
        Ok(object.attributes().any(|own| *own == self.0))
    }
}

/// What finds the actor's living objects of a name.
fn name_query(name: &Attribute, context: &Context<'_>) -> Query {
    Query { owner: Some(context.actor.name.clone()), terms: vec![keys::living_name(name)], ..Query::default() }
}

#[cfg(test)]
mod tests;
