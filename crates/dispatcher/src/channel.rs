//! Connections on which the server has the client's role (2.1, section 6.1.54): what is to be sent over them, and what came back.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Poll, Waker};

use audit::{Action, AuditRecord, Outcome};
use kmip::ProtocolVersion;
use kmip::enumerations::{Enumeration as _, ResultStatus};
use kmip::message::ResponseMessage;
use kmip::operation::Operation as Code;
use kmip::payload::discover_versions::DiscoverVersionsRequest;
use kmip::result_reason::ResultReason;
use policy::{Actor, Permission};
use store::{Change, Commit, Record, Revision, Store, Tenant};
use zeroize::Zeroizing;

use crate::authorise::ask_for;
use crate::commit::{CONFLICT_RETRIES, Committed};
use crate::engine::{Engine, OFFERED};
use crate::error::{Error, Result};
use crate::factory;
use crate::internal;
use crate::notice::{self, Notice};
use crate::record;
use crate::release;
use crate::replaced::LinkCredential;
use crate::session::Session;
use crate::view::to_store;

/// Connections of one client on which the server has the client's role, and of all clients.
const CHANNELS_PER_CLIENT_MAX: usize = 16;
const CHANNELS_MAX: usize = 1_024;

/// What may wait to be sent over one of them. A client that takes it more slowly than it is made has missed something: its
/// connection ends, so that it knows.
const WAITING_MAX: usize = 256;
const WAITING_LENGTH_MAX: usize = 4 << 20;

/// All such connections.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    open: Mutex<Vec<Weak<Channel>>>,
    /// How many there are, so that commits need not look where there are none.
    count: Arc<AtomicUsize>,
    order: Mutex<Order>,
}

/// What brings the notices of commits into the order of the commits. Commits of different connections return in any order, and a client
/// that is told of two changes of an object the wrong way round believes the older one.
#[derive(Debug, Default)]
struct Order {
    /// The number of the next commit that begins.
    next: u64,
    /// Those that have begun and not ended.
    running: BTreeSet<u64>,
    /// What was made, by revision.
    made: BTreeMap<(Revision, u64), Made>,
}

/// A commit that was made, and of which nobody has been told yet.
#[derive(Debug)]
struct Made {
    /// The first number that began after it was made. Whatever was running then may have a lower revision.
    next: u64,
    tenant: Tenant,
    notices: Vec<Arc<Notice>>,
}

impl Order {
    /// What can be told now.
    fn due(&mut self) -> Vec<(Tenant, Vec<Arc<Notice>>)> {
        let oldest = self.running.first().copied().unwrap_or(u64::MAX);
        let mut due = Vec::new();
        // What began after any of them was made comes after that one, and so after those before it.
        while self.made.values().map(|made| made.next).min().is_some_and(|next| next <= oldest)
            && let Some((_, Made { tenant, notices, .. })) = self.made.pop_first()
        {
            due.push((tenant, notices));
        }
        due
    }
}

/// A commit of which somebody may be told; when it is dropped, it has ended.
pub(crate) struct Telling<'a> {
    channels: &'a Channels,
    number: u64,
}

impl Telling<'_> {
    /// The commit was made: what there is to tell is told when all that came before it is.
    pub(crate) fn made(self, revision: Revision, tenant: Tenant, notices: Vec<Arc<Notice>>) {
        if !notices.is_empty() {
            let mut order = self.channels.order();
            let next = order.next;
            order.made.insert((revision, self.number), Made { next, tenant, notices });
        }
    }
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        // Told under the lock, or the next one to end could overtake this one.
        let mut order = self.channels.order();
        order.running.remove(&self.number);
        for (tenant, notices) in order.due() {
            self.channels.publish(tenant, &notices);
        }
    }
}

/// One such connection.
#[derive(Debug)]
pub(crate) struct Channel {
    actor: Actor,
    version: ProtocolVersion,
    /// The authenticator's generation under which a credential proved the actor; `None`: the certificate did.
    proved_under: Option<u64>,
    state: Mutex<State>,
    /// Of [`Channels`].
    count: Arc<AtomicUsize>,
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::AcqRel);
    }
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Arc<Notice>>,
    length: usize,
    /// Something did not fit.
    lost: bool,
    waker: Option<Waker>,
    /// What was sent and is not answered yet.
    asked: Option<Code>,
}

impl Channel {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, notice: &Arc<Notice>) {
        let mut state = self.state();
        let length = state.length + notice.size;
        if state.waiting.len() >= WAITING_MAX || length > WAITING_LENGTH_MAX {
            state.lost = true;
            state.waiting.clear();
        } else if !state.lost {
            state.length = length;
            state.waiting.push_back(Arc::clone(notice));
        }
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }
}

impl Channels {
    fn open(&self) -> MutexGuard<'_, Vec<Weak<Channel>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a client can have one more.
    ///
    /// # Errors
    /// Server Limit Exceeded.
    pub(crate) fn check_room(&self, actor: &Actor) -> Result<()> {
        let living: Vec<_> = self.open().iter().filter_map(Weak::upgrade).collect();
        let own = living.iter().filter(|channel| channel.actor == *actor).count();
        if own >= CHANNELS_PER_CLIENT_MAX || living.len() >= CHANNELS_MAX {
            let text = "The server has the role of the client on too many connections";
            return Err(Error::new(ResultReason::ServerLimitExceeded, text));
        }
        Ok(())
    }

    /// The server takes the client's role on a connection.
    pub(crate) fn begin(&self, actor: Actor, version: ProtocolVersion, proved_under: Option<u64>) -> Arc<Channel> {
        self.count.fetch_add(1, Ordering::AcqRel);
        let count = Arc::clone(&self.count);
        let channel = Arc::new(Channel { actor, version, proved_under, state: Mutex::default(), count });
        let mut open = self.open();
        open.retain(|channel| channel.strong_count() > 0);
        open.push(Arc::downgrade(&channel));
        channel
    }

    /// Whether somebody may be told of a change.
    fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    fn has_listener(&self, tenant: Tenant, owner: &str) -> bool {
        let is_for = |channel: &Arc<Channel>| channel.actor.tenant == tenant.0 && channel.actor.name == owner;
        self.open().iter().filter_map(Weak::upgrade).any(|channel| is_for(&channel))
    }

    fn order(&self) -> MutexGuard<'_, Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A commit begins; `None`: there is nobody to tell.
    pub(crate) fn begin_commit(&self) -> Option<Telling<'_>> {
        if self.is_empty() {
            return None;
        }
        let mut order = self.order();
        let number = order.next;
        order.next += 1;
        order.running.insert(number);
        Some(Telling { channels: self, number })
    }

    /// Tells those whom it concerns.
    fn publish(&self, tenant: Tenant, notices: &[Arc<Notice>]) {
        let mut open = self.open();
        open.retain(|channel| channel.strong_count() > 0);
        let living: Vec<_> = open.iter().filter_map(Weak::upgrade).collect();
        drop(open);
        for notice in notices {
            let is_for = |channel: &&Arc<Channel>| channel.actor.tenant == tenant.0 && channel.actor.name == notice.owner();
            living.iter().filter(is_for).for_each(|channel| channel.push(notice));
        }
    }
}

/// What the server sends over a connection on which it has the client's role.
#[derive(Debug)]
pub enum Sending {
    /// A request, to be answered.
    Request(Zeroizing<Vec<u8>>),
    /// There was nothing to send after all.
    Nothing,
    /// The connection has to end: the client has missed something.
    End(&'static str),
}

impl<S: Store> Engine<S> {
    /// What there is to tell of a commit that is about to be made.
    pub(crate) async fn notices(&self, tenant: Tenant, commit: &Commit) -> Vec<Arc<Notice>> {
        let mut notices = Vec::new();
        let now = self.environment.clock.now_us().div_euclid(1_000_000);
        for change in &commit.changes {
            let Change::Put(put) = change else { continue };
            let is_hidden = internal::is_internal(&put.identifier) || factory::is_reserved(&put.identifier);
            if is_hidden || !self.channels.has_listener(tenant, &put.owner) {
                continue;
            }
            let before = match put.expected {
                None => None,
                // What the commit expects is what is there, or the commit is not made.
                Some(_) => match self.store.load(tenant, &[&put.identifier]).await {
                    Ok(mut found) => found.pop().flatten().and_then(|record| record::from_record(record).ok()),
                    Err(_) => continue,
                },
            };
            let record = Record {
                identifier: put.identifier.clone(),
                owner: put.owner.clone(),
                revision: Revision(0),
                created: Revision(0),
                body: put.body.clone(),
            };
            if let Ok(object) = record::from_record(record) {
                notices.extend(Notice::new(before, object, now));
            }
        }
        notices
    }

    /// Waits until there is something to send over a connection on which the server has the client's role; for ever on others.
    /// Can be dropped without losing anything.
    pub async fn has_to_send(&self, session: &Session) {
        let Some(channel) = &session.channel else { return std::future::pending().await };
        poll_fn(|task| {
            let mut state = channel.state();
            if state.lost || !state.waiting.is_empty() {
                return Poll::Ready(());
            }
            state.waker = Some(task.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// The next request to send. Its record is in the log before it is given out.
    pub async fn next_to_send(&self, session: &Session) -> Sending {
        let Some(channel) = &session.channel else { return Sending::Nothing };
        let now_us = self.environment.clock.now_us();
        let generation = self.environment.authenticator.generation();
        if channel.proved_under.is_some_and(|proved| proved != generation) {
            return Sending::End("the users have changed: the client has to prove again who it is");
        }
        if channel.actor.standing.generation != session.certificate_actor.standing.generation {
            return Sending::End("the policy has changed: the client has to take the server's role again");
        }
        let ended = |link: &Arc<LinkCredential>| self.replaced.has_ended(&link.fingerprint, now_us.div_euclid(1_000_000));
        if session.link.as_ref().is_some_and(ended) {
            return Sending::End("the certificate of the connection was replaced by Re-Provision");
        }
        loop {
            let notice = {
                let mut state = channel.state();
                if state.lost {
                    return Sending::End("the client did not take what the server had to tell in time");
                }
                let Some(notice) = state.waiting.pop_front() else { return Sending::Nothing };
                state.length = state.length.saturating_sub(notice.size);
                notice
            };
            let correlation = self.server_correlation();
            let now = now_us.div_euclid(1_000_000);
            // The policy may let a client make what it may not read.
            let actor = Actor { attested: self.is_attested(session, now_us), ..channel.actor.clone() };
            let may = |permission| ask_for(&actor, permission, notice.object(), now).is_allow();
            if !may(Permission::GetAttributes) {
                continue;
            }
            let telling = notice.telling(channel.version, &correlation, now, may(Permission::Get));
            let Some(telling) = telling else { continue };
            if telling.operation == Code::Put
                && let Err(error) = self.check_release()
            {
                tracing::error!(%error, "an object is not put: its client loses the connection, and looks for it later");
                return Sending::End("no key material is released now");
            }
            let identifier = telling.identifier;
            let record = AuditRecord {
                time_us: now_us,
                tenant: channel.actor.tenant,
                actor: channel.actor.name.clone(),
                peer: Some(session.peer.clone()),
                action: Action::Operation(telling.operation.0),
                identifiers: vec![identifier.clone()],
                outcome: Outcome::Success,
            };
            let logged = self.log(Tenant(channel.actor.tenant), || vec![record.encode()]).await;
            if let Err(error) = logged {
                tracing::error!(%error, "the log entry of a {:?} could not be written", telling.operation);
                return Sending::End("the log takes nothing");
            }
            if telling.operation == Code::Put {
                self.note_served(Tenant(channel.actor.tenant), &identifier).await;
            }
            channel.state().asked = Some(telling.operation);
            return Sending::Request(telling.bytes);
        }
    }

    /// That the client of an object has it now (2.1, section 4.24). What cannot be written is no reason to keep the object back.
    async fn note_served(&self, tenant: Tenant, identifier: &str) {
        for _ in 0..CONFLICT_RETRIES {
            let record = match self.store.load(tenant, &[identifier]).await {
                Ok(mut found) => found.pop().flatten(),
                Err(error) => return tracing::warn!(%error, identifier, "an object that was put stays fresh"),
            };
            let used = record.and_then(|record| record::from_record(record).ok()).and_then(release::used);
            let Some(change) = used else { return };
            match self.commit(tenant, Commit { changes: to_store(vec![change]), ..Commit::default() }).await {
                Ok(Committed::Made) => return,
                Ok(Committed::NotMade) => {}
                Err(error) => return tracing::warn!(%error, identifier, "an object that was put stays fresh"),
            }
        }
    }

    /// A request that only shows whether the client is still there: Discover Versions (2.1, section 6.2.1).
    pub fn probe(&self, session: &Session) -> Sending {
        let Some(channel) = &session.channel else { return Sending::Nothing };
        let now = self.environment.clock.now_us().div_euclid(1_000_000);
        let payload = DiscoverVersionsRequest { protocol_versions: OFFERED.into_iter().map(Into::into).collect() };
        channel.state().asked = Some(Code::DiscoverVersions);
        Sending::Request(notice::message(Code::DiscoverVersions, &payload, channel.version, &self.server_correlation(), now))
    }

    /// What the client answered.
    ///
    /// # Errors
    /// Why it is no answer to what was sent: then the connection is of no further use.
    pub fn answered(&self, session: &Session, response: &[u8]) -> std::result::Result<(), String> {
        let asked = session.channel.as_ref().and_then(|channel| channel.state().asked.take()).ok_or("nothing was asked")?;
        let message = ResponseMessage::read(response, &self.settings.limits).map_err(|error| error.to_string())?;
        let [item] = &message.items[..] else { return Err(format!("it has {} batch items", message.items.len())) };
        if item.operation.is_some_and(|operation| operation != asked) {
            return Err(format!("it answers {:?}, and {asked:?} was sent", item.operation));
        }
        if item.result_status != ResultStatus::Success {
            let reason = item.result_reason.and_then(|reason| reason.name(message.version)).unwrap_or("no reason");
            let operation = asked.name(message.version);
            tracing::info!(peer = session.peer, operation, reason, "the client did not accept what the server sent");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use kmip::enumerations::ObjectType;

    use super::*;
    use crate::object::StoredObject;

    const V2: ProtocolVersion = ProtocolVersion::V2_1;

    fn notice(identifier: &str) -> Vec<Arc<Notice>> {
        let object = StoredObject::new(identifier.to_owned(), "fred".to_owned(), ObjectType::SymmetricKey, V2);
        Notice::new(None, object, 0).into_iter().collect()
    }

    fn told(channel: &Channel) -> Vec<String> {
        let waiting = std::mem::take(&mut channel.state().waiting);
        waiting.iter().map(|notice| notice.identifier().to_owned()).collect()
    }

    #[test]
    fn what_is_told_is_in_the_order_of_the_commits() {
        let channels = Channels::default();
        let channel = channels.begin(Actor::new("fred"), V2, None);
        let commit = || channels.begin_commit().unwrap();
        let (first, second, refused) = (commit(), commit(), commit());
        second.made(Revision(2), Tenant::DEFAULT, notice("two"));
        assert!(told(&channel).is_empty(), "the one that runs may have come before it");
        let third = commit();
        first.made(Revision(1), Tenant::DEFAULT, notice("one"));
        assert!(told(&channel).is_empty(), "so may this one");
        drop(refused);
        assert_eq!(told(&channel), ["one", "two"], "what began later comes later");
        third.made(Revision(3), Tenant::DEFAULT, notice("three"));
        assert_eq!(told(&channel), ["three"]);
    }

    #[test]
    fn a_connection_that_ended_costs_nothing_any_more() {
        let channels = Channels::default();
        assert!(channels.begin_commit().is_none());
        let channel = channels.begin(Actor::new("fred"), V2, None);
        assert!(channels.begin_commit().is_some());
        drop(channel);
        assert!(channels.begin_commit().is_none());
    }
}
