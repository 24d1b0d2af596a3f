//! Searches: the store narrows them, page by page; the policy and the operation judge what is left.

use std::collections::HashSet;
use std::future::poll_fn;
use std::task::Poll;

use kmip::attribute::{Attribute, AttributeReference};
use kmip::enumerations::ObjectType;
use kmip::result_reason::ResultReason;
use kmip::structures::Name;
use kmip::tag;
use policy::Sight;
use store::{Query, Store};
use ttlv_codec::TreeValue;

use crate::authorise::{Authorised, authorise, may_each};
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
    let mut hits = Hits { found: Vec::new(), search, context, permission, others: Others::None };
    if search.limit == Some(0) {
        return Ok(hits.found);
    }
    if let Some(identifier) = &search.only {
        hits.judge(view, std::slice::from_ref(identifier)).await?;
        return Ok(hits.found);
    }
    let sights = if search.with_others { context.actor.standing.sights.as_slice() } else { &[] };
    let of = |owner: Option<&String>| Query {
        owner: owner.cloned(),
        terms: search.wanted.terms.clone(),
        ranges: search.wanted.ranges.clone(),
        without: search.wanted.without.clone(),
    };
    let is_exact = search.wanted.is_exact && !search.oldest_first && !view.has_staged();
    if sights.contains(&Sight::Tenant) {
        // Its own are among them.
        hits.others = Others::All;
        let all = of(None);
        match is_exact && may_each(context, permission, true) {
            true => hits.take(view, &all).await?,
            false => hits.collect(view, &all).await?,
        };
        return Ok(hits.found);
    }
    let own = of(Some(&context.actor.name));
    let is_enough = match is_exact && may_each(context, permission, false) {
        true => hits.take(view, &own).await?,
        false => hits.collect(view, &own).await?,
    };
    if is_enough {
        return Ok(hits.found);
    }
    hits.others = Others::Of(HashSet::new());
    for sight in sights {
        let mut of_others = of(None);
        let term = match sight {
            Sight::Public if !search.with_public => continue,
            Sight::Public => keys::public(),
            Sight::Group(group) => keys::text(tag::ObjectGroup, group),
            Sight::OperationPolicy(name) => keys::text(tag::OperationPolicyName, name),
            Sight::Object(identifier) => {
                if hits.judge(view, std::slice::from_ref(identifier)).await? {
                    break;
                }
                continue;
            }
            Sight::Tenant => continue,
        };
        // First, because it is what most owners have none of.
        of_others.terms.insert(0, term);
        if hits.collect(view, &of_others).await? {
            break;
        }
    }
    Ok(hits.found)
}

/// Whose objects a search is looking at.
enum Others {
    /// The actor's own.
    None,
    /// Others', which may be found on several ways: those that were.
    Of(HashSet<String>),
    /// All of the tenant.
    All,
}

/// What a search has found so far.
struct Hits<'a> {
    found: Vec<Found>,
    search: &'a Search,
    context: &'a Context<'a>,
    permission: policy::Permission,
    others: Others,
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

    /// Takes all that an exact query finds among objects of which the actor may see each; nothing is loaded. Returns whether enough is found.
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
            let is_passed_over = match &self.others {
                // An identifier that was asked for may be of either kind.
                Others::None => !is_own && (self.search.only.is_none() || !self.search.with_others),
                Others::Of(found) => is_own || found.contains(&object.identifier),
                Others::All => false,
            };
            if is_passed_over {
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
            if let Others::Of(found) = &mut self.others {
                found.insert(object.identifier.clone());
            }
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
    let mut query = name_query(&attribute, &context.actor.name);
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
pub(crate) async fn check_name_is_free<S: Store>(view: &View<'_, S>, owner: &str, name: &Name, own: &[String]) -> Result<()> {
    let attribute = Attribute::Name(name.clone());
    if view.is_name_taken(&name_query(&attribute, owner), &attribute, own).await? {
        return Err(Error::new(ResultReason::NonUniqueNameAttribute, "Another object of its owner has this Name"));
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

/// What finds an owner's living objects of a name.
fn name_query(name: &Attribute, owner: &str) -> Query {
    Query { owner: Some(owner.to_owned()), terms: vec![keys::living_name(name)], ..Query::default() }
}

#[cfg(test)]
mod tests;
