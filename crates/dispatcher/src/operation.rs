//! What an operation is to the engine: what it needs, what it prepares, what it does.

use std::collections::HashMap;
use std::sync::Arc;

use kmip::ProtocolVersion;
use kmip::Secret;
use kmip::codec::Value;
use kmip::enumerations::{DataEnumeration, UniqueIdentifierEnumeration};
use kmip::identifier::ObjectReference;
use kmip::result_reason::ResultReason;
use kmip::structures::{Data, Name};
use policy::{Actor, Permission};
use store::{Put, Revision};

use crate::authorise::Authorised;
use crate::direct::Effect;
use crate::environment::{Attestor, Registrar, Settings};
use crate::error::{Error, Result};
use crate::factory::Factory;
use crate::hex;
use crate::keys::Wanted;
use crate::object::StoredObject;
use crate::replaced::{LinkCredential, Replaced};
use crate::stream::Streams;
use crate::ticket::Allowed;
use crate::use_of_key::At;

/// An operation: pure, but for the random source that the context hands in.
pub(crate) trait Operation {
    /// Its request payload.
    type Request: Value + Send + Sync + 'static;
    /// Its response payload.
    type Response: Value;
    /// What [`Operation::prepare`] makes.
    type Prepared: Default + Send + Sync + 'static;

    /// What the actor must be allowed to do.
    const PERMISSION: Permission;
    /// What the actor must be allowed to do with what a search finds.
    const SEARCHES_AS: Permission = Self::PERMISSION;
    /// Whether [`Operation::prepare`] is slow enough to need a thread of its own.
    const HEAVY: bool = false;
    /// Whether its response holds material, or what a key was used for: then it is not answered unless it is logged.
    const RELEASES_MATERIAL: bool = false;
    /// Whether [`Operation::prepare`] reads the objects.
    const PREPARES_FROM_OBJECTS: bool = false;
    /// Whether it may name archived objects; for other operations they have to be recovered first.
    const TAKES_ARCHIVED: bool = false;

    /// Whether it needs what the client has laid down for its new objects: it makes some, or tells or changes the rules.
    const USES_FACTORY: bool = false;

    /// How long [`Operation::prepare`] takes for a request.
    fn weight(_request: &Self::Request, _loaded: &Loaded) -> Weight {
        if Self::HEAVY { Weight::Heavy } else { Weight::Light }
    }

    /// Names what the operation needs from the store.
    fn plan(request: &Self::Request, context: &Context<'_>) -> Result<Plan>;

    /// Names further objects, which those that are loaded lead to by their links. Is asked again when these are loaded, until it
    /// names none. What is named is authorised like the rest.
    fn follow(_request: &Self::Request, _loaded: &[Authorised], _context: &Context<'_>) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// Names the keys that the request uses on its objects: those that wrap or unwrap. They are loaded after the objects, each
    /// authorised for its use. Is asked again when these are loaded, until it names none that are not.
    fn keys(
        _request: &Self::Request,
        _loaded: &[Authorised],
        _keys: &[Authorised],
        _context: &Context<'_>,
    ) -> Result<Vec<KeyUse>> {
        Ok(Vec::new())
    }

    /// Whether there is anything to prepare for a request. If there is not, [`Operation::prepare`] is not asked, and no object is
    /// copied for it.
    fn prepares(_request: &Self::Request) -> bool {
        true
    }

    /// Does what takes long and needs nothing from the store but templates and objects. Is done once, however often changes
    /// collide: what it takes from objects must be what never changes.
    fn prepare(_request: &Self::Request, _material: &Material<'_>) -> Result<Self::Prepared> {
        Ok(Self::Prepared::default())
    }

    /// Makes a response that was given to one version fit for another, as far as the tables of `kmip` do not: an answer that was
    /// kept may be polled in any version.
    fn respell(_response: &mut Self::Response, _version: ProtocolVersion) -> Result<()> {
        Ok(())
    }

    /// Decides what happens. May run again with fresh objects if a change collides with another.
    fn handle(
        request: &Self::Request,
        loaded: Loaded,
        prepared: &Self::Prepared,
        context: &Context<'_>,
    ) -> Result<Done<Self::Response>>;
}

/// How long something takes, and where it is therefore done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Far less than a millisecond: where the request is.
    Light,
    /// Milliseconds: on the threads for the use of keys.
    Brief,
    /// Perhaps seconds: on the threads for slow work.
    Heavy,
}

/// What [`Operation::prepare`] works with.
pub(crate) struct Material<'a> {
    /// The templates, in the order of the plan.
    pub(crate) templates: &'a [StoredObject],
    /// The objects, of an operation that says that it prepares from them.
    pub(crate) objects: &'a [StoredObject],
    /// The keys that the request uses on them, likewise.
    pub(crate) keys: &'a [StoredObject],
    /// What the configuration decides.
    pub(crate) settings: &'a Settings,
    /// Where keys come from.
    pub(crate) random: &'a dyn crypto::Random,
    /// What the client has laid down for new objects.
    pub(crate) factory: &'a Factory,
    /// The version and the time of the request.
    pub(crate) at: At,
    /// Who asks.
    pub(crate) actor: &'a Actor,
    /// What the batch did so far.
    pub(crate) batch: &'a Batch,
    /// Operations whose data come in several requests.
    pub(crate) streams: &'a Streams,
    /// The certificate of the connection, if who asks is the client that it names.
    pub(crate) link: Option<&'a LinkCredential>,
    /// Who makes such certificates.
    pub(crate) registrar: &'a dyn Registrar,
}

/// What an operation needs from the store.
#[derive(Default)]
pub(crate) struct Plan {
    /// Objects by identifier. Each must exist, and the actor must hold the operation's permission on it.
    pub(crate) objects: Vec<String>,
    /// An object that need not exist. If it does, the actor must hold the operation's permission on it.
    pub(crate) perhaps: Option<String>,
    /// Objects by what they are.
    pub(crate) search: Option<Search>,
    /// Names that no other living object of their owner may have.
    pub(crate) free_names: Vec<Name>,
    /// Whether the names are for the object that the plan names, whose owner may be another than the actor.
    pub(crate) names_the_object: bool,
    /// Templates by name (1.x).
    pub(crate) templates: Vec<Name>,
    /// Object groups that at least one object of the actor must be in.
    pub(crate) groups: Vec<String>,
}

/// A key that a request uses on its objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyUse {
    /// Its identifier.
    pub(crate) identifier: String,
    /// What the actor must be allowed to do with it.
    pub(crate) permission: Permission,
}

/// A search over the actor's own objects and, where it says so, those of others that it may perhaps see.
#[derive(Default)]
pub(crate) struct Search {
    /// What the store narrows the search with.
    pub(crate) wanted: Wanted,
    /// The only object that can be meant.
    pub(crate) only: Option<String>,
    /// Judges what is left; `None`: all of it is wanted.
    pub(crate) judge: Option<Box<dyn Judge>>,
    /// The search ends when so many objects are found; `None`: all are wanted.
    pub(crate) limit: Option<usize>,
    /// Whether objects of others are found, too, that the policy lets the actor see; after its own.
    pub(crate) with_others: bool,
    /// Whether there may be one among them that everybody may read.
    pub(crate) with_public: bool,
    /// Whether what the client has laid down is found, too.
    pub(crate) with_reserved: bool,
    /// Whether the oldest objects are found first, and not the newest.
    pub(crate) oldest_first: bool,
}

/// Whether an object that a [`Search`] came by is wanted.
pub(crate) trait Judge: Send + Sync {
    /// Judges one object.
    fn wants(&self, object: &StoredObject, context: &Context<'_>) -> Result<bool>;
}

/// An object that a [`Search`] found: all that is kept of it, since there may be very many.
pub(crate) struct Found {
    /// Its identifier.
    pub(crate) identifier: String,
    /// The revision it was seen at; `None`: it is new in this batch, or was found without being loaded.
    pub(crate) revision: Option<Revision>,
}

/// What was loaded for a plan.
#[derive(Default)]
pub(crate) struct Loaded {
    /// The objects, in the order of the plan, and those that were followed from them.
    pub(crate) objects: Vec<Authorised>,
    /// The keys that the request uses on them.
    pub(crate) keys: Vec<Authorised>,
    /// The object that need not exist.
    pub(crate) perhaps: Option<Authorised>,
    /// The templates, in the order of the plan. Shared, because the work of a heavy operation reads them on another thread.
    pub(crate) templates: Arc<Vec<StoredObject>>,
    /// What the search found, in its order.
    pub(crate) found: Vec<Found>,
}

impl Loaded {
    /// The first object: for operations that plan exactly one.
    pub(crate) fn one(self) -> Result<Authorised> {
        self.objects.into_iter().next().ok_or_else(Error::object_not_found)
    }
}

/// What an operation did.
pub(crate) struct Done<R> {
    /// Its response payload.
    pub(crate) response: R,
    /// What is to change.
    pub(crate) changes: Vec<Change>,
    /// What happens to the ID Placeholder.
    pub(crate) placeholder: Placeholder,
    /// Identifiers the response returns and what an item that follows may call them.
    pub(crate) returned: Vec<(UniqueIdentifierEnumeration, String)>,
    /// The objects concerned, for the records.
    pub(crate) concerned: Vec<String>,
    /// What the client wants to have logged.
    pub(crate) message: Option<String>,
    /// Whether the changes count a use: the answer must not leave before they are made.
    pub(crate) counted: bool,
    /// What is done in memory once the changes are committed.
    pub(crate) effects: Vec<Effect>,
    /// The result of a cryptographic operation, which an item that follows may use as its Data.
    pub(crate) data: Option<(DataEnumeration, Arc<Secret>)>,
}

impl<R> Done<R> {
    /// A response that changes nothing.
    pub(crate) const fn reply(response: R) -> Self {
        Self {
            response,
            changes: Vec::new(),
            placeholder: Placeholder::Keep,
            returned: Vec::new(),
            concerned: Vec::new(),
            message: None,
            counted: false,
            effects: Vec::new(),
            data: None,
        }
    }

    /// Adds a change.
    pub(crate) fn with(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }

    /// Adds changes that count uses of keys.
    pub(crate) fn count(&mut self, changes: Vec<Change>) {
        self.counted |= !changes.is_empty();
        self.changes.extend(changes);
    }

    /// Adds an object that was concerned.
    pub(crate) fn about(mut self, identifier: &str) -> Self {
        self.concerned.push(identifier.to_owned());
        self
    }

    /// Notes a new object: it is returned, and the ID Placeholder names it.
    pub(crate) fn returning(mut self, kind: UniqueIdentifierEnumeration, identifier: &str) -> Self {
        self.placeholder = Placeholder::Set(identifier.to_owned());
        self.returned.push((kind, identifier.to_owned()));
        self.about(identifier)
    }
}

/// A change of one object.
pub(crate) enum Change {
    /// It is written as it is now.
    Write(Box<StoredObject>),
    /// It is removed, with all that was known of it.
    Remove(Found),
    /// A new record that is no object.
    Keep(Box<Put>),
}

/// What happens to the ID Placeholder.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Placeholder {
    /// It stays what it is.
    Keep,
    /// It names this object.
    Set(String),
    /// It names nothing.
    Clear,
}

/// What the items of a batch know of their predecessors (2.1, section 6.1).
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch {
    placeholder: Option<String>,
    by_kind: HashMap<UniqueIdentifierEnumeration, String>,
    returned: Vec<String>,
    /// Results of cryptographic operations. Of a batch that is done later they are in memory alone: where a restart comes between two of
    /// its items, the second does not find what the first gave.
    data: Vec<(DataEnumeration, Arc<Secret>)>,
}

impl Batch {
    /// Takes over what an item did.
    pub(crate) fn advance(&mut self, placeholder: Placeholder, returned: Vec<(UniqueIdentifierEnumeration, String)>) {
        match placeholder {
            Placeholder::Keep => {}
            Placeholder::Set(identifier) => self.placeholder = Some(identifier),
            Placeholder::Clear => self.placeholder = None,
        }
        for (kind, identifier) in returned {
            self.by_kind.insert(kind, identifier.clone());
            self.returned.push(identifier);
        }
    }

    /// Notes the result of a cryptographic operation.
    pub(crate) fn add_data(&mut self, data: Option<(DataEnumeration, Arc<Secret>)>) {
        self.data.extend(data);
    }

    /// The bytes of Data: its own, or those of an earlier item's result (2.1, section 7.9).
    ///
    /// # Errors
    /// Invalid Field, if no earlier item has such a result.
    pub(crate) fn data<'a>(&'a self, data: &'a Data) -> Result<&'a Secret> {
        let found = match data {
            Data::Bytes(bytes) => return Ok(bytes),
            Data::Enumeration(kind) => self.data.iter().rev().find(|(of, _)| of == kind),
            Data::Position(position) => {
                let length = i64::try_from(self.data.len()).unwrap_or(i64::MAX);
                let position = i64::from(*position);
                let index = if position < 0 { length + position } else { position };
                usize::try_from(index).ok().and_then(|index| self.data.get(index))
            }
        };
        let missing = || Error::invalid_field("Data names the result of an earlier item, and there is none");
        found.map(|(_, bytes)| &**bytes).ok_or_else(missing)
    }

    /// The identifier of the object that a request names, or leaves to the ID Placeholder.
    ///
    /// # Errors
    /// Object Not Found, if that names none.
    pub(crate) fn identifier(&self, reference: Option<&ObjectReference>) -> Result<String> {
        if let Some(ObjectReference::Identifier(identifier)) = reference {
            return Ok(identifier.clone());
        }
        // After a Locate that found nothing: Item Not Found in 1.x (TC-152), as for an identifier nobody has.
        self.resolve(reference).map(str::to_owned).ok_or_else(|| {
            Error::new(ResultReason::ObjectNotFound, "The request names no object and the ID Placeholder is empty")
        })
    }

    /// An item failed, so that the ID Placeholder names nothing.
    pub(crate) fn fail(&mut self) {
        self.placeholder = None;
    }

    /// What was added to what was known before.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let new = |(kind, identifier): &(&UniqueIdentifierEnumeration, &String)| before.by_kind.get(kind) != Some(*identifier);
        let by_kind = self.by_kind.iter().filter(new).map(|(kind, identifier)| (*kind, identifier.clone())).collect();
        let returned = self.returned.get(before.returned.len()..).unwrap_or_default().to_vec();
        let data = self.data.get(before.data.len()..).unwrap_or_default().to_vec();
        Self { data, ..Self::from_parts(self.placeholder.clone(), by_kind, returned) }
    }

    /// Adds what an item added.
    pub(crate) fn add(&mut self, added: Self) {
        self.placeholder = added.placeholder;
        self.by_kind.extend(added.by_kind);
        self.returned.extend(added.returned);
        self.data.extend(added.data);
    }

    /// What it knows, to be kept.
    pub(crate) fn parts(&self) -> (Option<&String>, &HashMap<UniqueIdentifierEnumeration, String>, &[String]) {
        (self.placeholder.as_ref(), &self.by_kind, &self.returned)
    }

    /// What was kept.
    pub(crate) fn from_parts(
        placeholder: Option<String>,
        by_kind: Vec<(UniqueIdentifierEnumeration, String)>,
        returned: Vec<String>,
    ) -> Self {
        Self { placeholder, by_kind: by_kind.into_iter().collect(), returned, data: Vec::new() }
    }

    fn resolve(&self, reference: Option<&ObjectReference>) -> Option<&str> {
        match reference {
            None => self.placeholder.as_deref(),
            Some(ObjectReference::Enumeration(UniqueIdentifierEnumeration::IDPlaceholder)) => self.placeholder.as_deref(),
            Some(ObjectReference::Enumeration(kind)) => self.by_kind.get(kind).map(String::as_str),
            Some(ObjectReference::Position(position)) => {
                let length = i64::try_from(self.returned.len()).ok()?;
                let position = i64::from(*position);
                let index = if position < 0 { length + position } else { position };
                self.returned.get(usize::try_from(index).ok()?).map(String::as_str)
            }
            // An identifier needs no batch to resolve it; references are spellings of 3.0.
            Some(ObjectReference::Identifier(_) | ObjectReference::Reference(_) | ObjectReference::NameReference(_)) => None,
        }
    }
}

/// What an operation knows beside its request and its objects.
pub(crate) struct Context<'a> {
    /// The version of the request.
    pub(crate) version: ProtocolVersion,
    /// Who asks.
    pub(crate) actor: &'a Actor,
    /// The time, in seconds since 1970.
    pub(crate) now: i64,
    /// What the configuration decides.
    pub(crate) settings: &'a Settings,
    /// What the batch did so far.
    pub(crate) batch: &'a Batch,
    /// Where identifiers come from.
    pub(crate) random: &'a dyn crypto::Random,
    /// What the client has laid down for its new objects; nothing for operations that do not ask.
    pub(crate) factory: &'a Factory,
    /// Operations whose data come in several requests.
    pub(crate) streams: &'a Streams,
    /// The certificate of the connection, if who asks is the client that it names.
    pub(crate) link: Option<&'a LinkCredential>,
    /// The certificates that were replaced.
    pub(crate) replaced: &'a Replaced,
    /// What the ticket allows that the client came with.
    pub(crate) allowed: Option<Allowed<'a>>,
    /// Whether the data that a service gives are for later items of the batch only (2.1, section 8.3).
    pub(crate) ephemeral: bool,
    /// The judge of attestations.
    pub(crate) attestor: &'a dyn Attestor,
    /// Whether the client can attest its platform, if it has to.
    pub(crate) can_attest: bool,
}

impl Context<'_> {
    /// The identifier of the object that a request names, or leaves to the ID Placeholder.
    pub(crate) fn identifier(&self, reference: Option<&ObjectReference>) -> Result<String> {
        self.batch.identifier(reference)
    }

    /// A plan of one object.
    pub(crate) fn plan_one(&self, reference: Option<&ObjectReference>) -> Result<Plan> {
        Ok(Plan { objects: vec![self.identifier(reference)?], ..Plan::default() })
    }

    /// A new identifier: a random UUID, 36 characters of ASCII, as every client can hold.
    pub(crate) fn new_identifier(&self) -> Result<String> {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes).map_err(Error::general_failure)?;
        bytes[6] = bytes[6] & 0x0F | 0x40;
        bytes[8] = bytes[8] & 0x3F | 0x80;
        let mut identifier = String::with_capacity(36);
        for (part, bytes) in [&bytes[..4], &bytes[4..6], &bytes[6..8], &bytes[8..10], &bytes[10..]].into_iter().enumerate() {
            if part > 0 {
                identifier.push('-');
            }
            hex::push(bytes, &mut identifier);
        }
        Ok(identifier)
    }
}
