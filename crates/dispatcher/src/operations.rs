//! The table of operations, and the one path that every batch item takes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use audit::{Action, AuditRecord, Outcome};
use kmip::ProtocolVersion;
use kmip::attribute::Attribute;
use kmip::codec::{Value, from_bytes, to_bytes};
use kmip::enumerations::{Enumeration as _, ResultStatus};
use kmip::message::{Ephemeral, RequestBatchItem};
use kmip::operation::Operation as Code;
use kmip::result_reason::ResultReason;
use kmip::structures::Name;
use kmip::tag;
use store::{Commit, Guard, Store, StoreError};
use zeroize::Zeroizing;

use crate::authorise::{Authorised, ask, authorise};
use crate::batch::{Answer, Run, Success, check_size, encode, tenant};
use crate::commit::{CONFLICT_RETRIES, Committed};
use crate::direct;
use crate::engine::Engine;
use crate::environment::Settings;
use crate::error::{Error, Result};
use crate::factory::{self, Factory};
use crate::internal;
use crate::keys;
use crate::object::StoredObject;
use crate::operation::{Batch, Change, Context, KeyUse, Loaded, Material, Operation, Plan, Weight};
use crate::search;
use crate::stand_in::stand_in;
use crate::ticket::{Allowed, Reaching};
use crate::use_of_key::At;
use crate::view::{View, to_store};

/// One row per operation. An operation that is not here is answered with Operation Not Supported. The first list, in
/// brackets, are operations on what is no object: other requests, tickets, the connection (`direct.rs`).
macro_rules! operations {
    ([$($direct:ident => $function:path;)*] $($name:ident => $type:path;)*) => {
        /// The operations the server performs.
        pub const SUPPORTED: &[Code] = &[$(Code::$name,)* $(Code::$direct),*];

        // An operation that has no row in the table of permissions does not compile.
        const _: &[policy::Permission] = &[$(policy::Permission::$name,)* $(policy::Permission::$direct),*];

        /// Whether an operation is on no object: it cannot be answered later.
        pub(crate) fn is_direct(operation: Code) -> bool {
            [$(Code::$direct),*].contains(&operation)
        }

        /// A response payload as another version spells it.
        ///
        /// # Errors
        /// If that version cannot spell it.
        pub(crate) fn respell(
            operation: Code, payload: &[u8], from: ProtocolVersion, to: ProtocolVersion,
        ) -> Result<Zeroizing<Vec<u8>>> {
            if from == to {
                return Ok(Zeroizing::new(payload.to_vec()));
            }
            if !operation.known_in(to) {
                let text = "The version of the request does not know the operation whose result this is";
                return Err(Error::new(ResultReason::OperationNotSupported, text));
            }
            match operation {
                $(Code::$name => respell_as::<$type>(payload, from, to),)*
                _ => Err(Error::general_failure("the result of an operation that is not performed any more")),
            }
        }

        /// Runs one item.
        pub(crate) async fn run<S: Store>(
            engine: &Engine<S>, run: &Run<'_>, view: &mut View<'_, S>, batch: &mut Batch, answer: &mut Answer,
        ) -> Result<()> {
            check_offered(run.item.operation, run.request.message.version, &engine.settings)?;
            if let Some(grant) = &run.request.grant {
                grant.check_operation(run.item.operation)?;
            }
            match run.item.operation {
                $(Code::$name => {
                    // Boxed, so that the futures of all operations do not add up to one huge one.
                    Box::pin(perform::<$type, S>(engine, run, view, batch, answer)).await
                })*
                $(Code::$direct => {
                    direct::check(run, policy::Permission::$direct)?;
                    for _ in 0..CONFLICT_RETRIES {
                        let reply = Box::pin($function(engine, run, view)).await?;
                        if direct::finish(engine, run, view, answer, reply).await? {
                            return Ok(());
                        }
                    }
                    Err(Error::kept_changing())
                })*
                _ => Err(Error::new(ResultReason::OperationNotSupported, "The server does not perform this operation")),
            }
        }
    };
}

operations! {
    [
        Cancel => crate::cancel::cancel;
        Poll => crate::poll::poll;
        Login => crate::login::login;
        Logout => crate::logout::logout;
        DelegatedLogin => crate::delegated_login::delegated_login;
        SetEndpointRole => crate::set_endpoint_role::set_endpoint_role;
        QueryAsynchronousRequests => crate::query_asynchronous_requests::query_asynchronous_requests;
        Process => crate::process::process;
    ]
    Create => crate::create::Create;
    CreateKeyPair => crate::create_key_pair::CreateKeyPair;
    Register => crate::register::Register;
    ReKey => crate::re_key::ReKey;
    DeriveKey => crate::derive_key::DeriveKey;
    Locate => crate::locate::Locate;
    Check => crate::check::Check;
    Get => crate::get::Get;
    GetAttributes => crate::get_attributes::GetAttributes;
    GetAttributeList => crate::get_attribute_list::GetAttributeList;
    AddAttribute => crate::add_attribute::AddAttribute;
    ModifyAttribute => crate::modify_attribute::ModifyAttribute;
    DeleteAttribute => crate::delete_attribute::DeleteAttribute;
    ObtainLease => crate::obtain_lease::ObtainLease;
    GetUsageAllocation => crate::get_usage_allocation::GetUsageAllocation;
    Activate => crate::activate::Activate;
    Revoke => crate::revoke::Revoke;
    Destroy => crate::destroy::Destroy;
    Archive => crate::archive::Archive;
    Recover => crate::recover::Recover;
    Query => crate::query::Query;
    ReKeyKeyPair => crate::re_key_key_pair::ReKeyKeyPair;
    DiscoverVersions => crate::discover_versions::DiscoverVersions;
    Encrypt => crate::encrypt::Encrypt;
    Decrypt => crate::decrypt::Decrypt;
    Sign => crate::sign::Sign;
    SignatureVerify => crate::signature_verify::SignatureVerify;
    MAC => crate::mac::MAC;
    MACVerify => crate::mac_verify::MACVerify;
    RNGRetrieve => crate::rng_retrieve::RNGRetrieve;
    RNGSeed => crate::rng_seed::RNGSeed;
    Hash => crate::hash::Hash;
    CreateSplitKey => crate::create_split_key::CreateSplitKey;
    JoinSplitKey => crate::join_split_key::JoinSplitKey;
    Log => crate::log::Log;
    AdjustAttribute => crate::adjust_attribute::AdjustAttribute;
    SetAttribute => crate::set_attribute::SetAttribute;
    Import => crate::import::Import;
    Export => crate::export::Export;
    Interop => crate::interop::Interop;
    ReProvision => crate::re_provision::ReProvision;
    SetDefaults => crate::set_defaults::SetDefaults;
    SetConstraints => crate::set_constraints::SetConstraints;
    GetConstraints => crate::get_constraints::GetConstraints;
    Ping => crate::ping::Ping;
}

fn respell_as<O: Operation>(payload: &[u8], from: ProtocolVersion, to: ProtocolVersion) -> Result<Zeroizing<Vec<u8>>> {
    let mut response: O::Response = from_bytes(payload, from).map_err(Error::general_failure)?;
    O::respell(&mut response, to)?;
    Ok(Zeroizing::new(to_bytes(&response, tag::ResponsePayload, to)))
}

/// That the server performs an operation.
///
/// # Errors
/// Operation Not Supported.
pub(crate) fn check_offered(operation: Code, version: ProtocolVersion, settings: &Settings) -> Result<()> {
    if offered(operation, version, settings) {
        return Ok(());
    }
    Err(Error::new(ResultReason::OperationNotSupported, "The server does not perform this operation"))
}

/// Whether the server performs an operation for clients of a version.
#[must_use]
pub fn offered(operation: Code, version: ProtocolVersion, settings: &Settings) -> bool {
    let is_enabled = match operation {
        Code::Interop => settings.interop,
        Code::ReProvision => settings.re_provision_grace_s.is_some(),
        _ => true,
    };
    SUPPORTED.contains(&operation) && operation.known_in(version) && is_enabled
}

/// The path of a batch item: decode, plan, load, authorise, prepare, handle, encode, check the size, commit.
async fn perform<O: Operation, S: Store>(
    engine: &Engine<S>,
    run: &Run<'_>,
    view: &mut View<'_, S>,
    batch: &mut Batch,
    answer: &mut Answer,
) -> Result<()> {
    if O::RELEASES_MATERIAL {
        engine.check_release()?;
    }
    let version = run.request.message.version;
    let payload = Arc::new(O::Request::read(&run.item.payload, version)?);
    let start = answer.writer.len();
    let grant = run.request.grant.as_deref();
    let mut charge = run.prepared.take_charge();
    for _ in 0..CONFLICT_RETRIES {
        let factory = match O::USES_FACTORY {
            true => load_factory(view, &run.request.actor.name).await?,
            false => Arc::default(),
        };
        let mut context = Context {
            version,
            actor: &run.request.actor,
            now: run.request.now_us.div_euclid(1_000_000),
            settings: &engine.settings,
            batch,
            random: &*engine.environment.random,
            factory: &factory,
            streams: &engine.streams,
            link: run.request.link.as_deref(),
            replaced: &engine.replaced,
            allowed: grant.map(|grant| Allowed::new(grant, run.item.operation)),
            ephemeral: is_ephemeral(run.item),
            attestor: &*engine.environment.attestor,
            can_attest: run.request.offer.is_some(),
        };
        if O::PERMISSION.scope() != policy::Scope::Object {
            direct::ask(run.request, O::PERMISSION)?;
        }
        let plan = guarded(|| O::plan(&payload, &context))?;
        answer.name_objects(&plan.objects);
        let searches = plan.search.is_some();
        let charged;
        if let Some(grant) = grant
            && searches
        {
            charged = grant.charge_search(&mut charge, run.item.operation)?;
            context.allowed = context.allowed.map(|allowed| allowed.of_search(&charged));
        }
        let (loaded, guards) = load::<O, S>(view, &payload, plan, &context).await?;
        let reaching = match grant {
            Some(grant) if !searches => {
                let objects = loaded.objects.iter().chain(&loaded.keys).chain(&loaded.perhaps).map(|object| &**object);
                grant.charge(&mut charge, run.item.operation, objects)?
            }
            _ => Reaching::default(),
        };
        let prepared = match run.prepared.get() {
            Some(prepared) => prepared,
            None if !O::prepares(&payload) => Arc::default(),
            None => run.prepared.keep(prepare::<O, S>(engine, run, &payload, &loaded, &context, &factory).await?),
        };
        let done = guarded(|| O::handle(&payload, loaded, &prepared, &context))?;
        check_changes(&done.changes)?;
        if let Some(grant) = grant
            && !searches
        {
            grant.charge_new(&mut charge, &reaching, done.changes.iter().filter_map(new_object))?;
        }

        let (item, status_at) = answer.begin_item(run, run.item.operation);
        ResultStatus::Success.write(&mut answer.writer, tag::ResultStatus, version);
        done.response.write(&mut answer.writer, tag::ResponsePayload, version);
        answer.writer.end(item);
        check_size(run, &answer.writer)?;

        let (changes, counted) = (!done.changes.is_empty(), done.counted);
        let mut record = run.record(done.concerned, Outcome::Success);
        if let Some(message) = done.message {
            record.action = Action::Message(message);
        }
        if run.commit {
            match write::<O, S>(engine, run, done.changes, guards, &record, done.counted).await? {
                Committed::Made => engine.apply(done.effects, answer),
                Committed::NotMade => {
                    answer.writer.truncate(start);
                    continue;
                }
            }
        } else {
            view.stage(done.changes, guards)?;
            view.stage_kept(Vec::new(), done.effects);
        }
        batch.advance(done.placeholder, done.returned);
        batch.add_data(done.data);
        let success = Success { start, status_at, changes, releases_material: O::RELEASES_MATERIAL, counted };
        answer.push_success(run, record, success);
        run.prepared.keep_charge(charge);
        return Ok(());
    }
    Err(Error::kept_changing())
}

/// Whether the data that an item gives are kept out of its answer.
pub(crate) fn is_ephemeral(item: &RequestBatchItem<'_>) -> bool {
    matches!(item.ephemeral, Some(Ephemeral::Flag(true)))
}

/// What no operation may change: records that are no objects.
fn check_changes(changes: &[Change]) -> Result<()> {
    let is_internal = |change: &Change| matches!(change, Change::Write(object) if internal::is_internal(&object.identifier));
    match changes.iter().any(is_internal) {
        true => {
            Err(Error::invalid_field("The Unique Identifier begins with a control character, which the server keeps to itself"))
        }
        false => Ok(()),
    }
}

/// An object that was not loaded as one that the request names: a new one, or the rules for new ones.
fn new_object(change: &Change) -> Option<&StoredObject> {
    match change {
        Change::Write(object) if object.revision.is_none() || factory::is_reserved(&object.identifier) => Some(&**object),
        _ => None,
    }
}

/// Writes what an item changed together with its log entry.
async fn write<O: Operation, S: Store>(
    engine: &Engine<S>,
    run: &Run<'_>,
    changes: Vec<Change>,
    guards: Vec<Guard>,
    record: &AuditRecord,
    counted: bool,
) -> Result<Committed> {
    let tenant = tenant(run.request);
    let log = || encode(std::iter::once(record));
    if changes.is_empty() {
        match engine.log(tenant, log).await {
            // A full disk must not stop what releases no material: reads of attributes go on.
            Err(error) if !O::RELEASES_MATERIAL => tracing::error!(%error, "the log entry of a read could not be written"),
            written => written?,
        }
        return Ok(Committed::Made);
    }
    let commit = Commit { guards, changes: to_store(changes), log: log(), token: None };
    match engine.commit(tenant, commit).await {
        // A full disk must not keep a key from its owner: all that is not written is that it is no longer fresh.
        Err(StoreError::Full) if O::RELEASES_MATERIAL && !counted => {
            engine.log(tenant, log).await?;
            Ok(Committed::Made)
        }
        committed => Ok(committed?),
    }
}

/// That a name which a request gives is still free when it is committed.
fn guard(owner: &str, name: &Name) -> Guard {
    Guard { owner: owner.to_owned(), term: keys::living_name(&Attribute::Name(name.clone())) }
}

/// A panic fails one item, not the connection. The item changed nothing yet, so that nothing is left half done.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(Error::general_failure("an operation panicked")))
}

/// How often an operation may follow links: from a key over its public half to a chain of certificates, which are no longer.
const FOLLOWED: usize = 2 + crypto::PKCS12_CHAIN_MAX;

/// What a client has laid down for its new objects.
async fn load_factory<S: Store>(view: &View<'_, S>, owner: &str) -> Result<Arc<Factory>> {
    let kept = view.load(&[&factory::identifier(owner)]).await?.pop().flatten();
    Factory::of(kept).map(Arc::new)
}

/// Loads what a plan names, and asks the policy about each object. Also what must be so still when the request is committed.
async fn load<O: Operation, S: Store>(
    view: &View<'_, S>,
    payload: &O::Request,
    plan: Plan,
    context: &Context<'_>,
) -> Result<(Loaded, Vec<Guard>)> {
    let mut loaded = Loaded::default();
    let mut own = plan.objects;
    let mut next = own.clone();
    let mut steps = 0;
    while !next.is_empty() {
        if steps == FOLLOWED {
            let text = format!("The chain that begins at the object has more than {FOLLOWED} links");
            return Err(Error::new(ResultReason::ServerLimitExceeded, text));
        }
        steps += 1;
        if next.iter().any(|identifier| factory::is_reserved(identifier)) {
            return Err(Error::object_not_found());
        }
        let identifiers: Vec<&str> = next.iter().map(String::as_str).collect();
        for (object, identifier) in view.load(&identifiers).await?.into_iter().zip(&identifiers) {
            let Some(object) = object else {
                stand_in(view, identifier, context).await;
                return Err(Error::object_not_found());
            };
            let object = authorise(context, O::PERMISSION, object)?;
            if !O::TAKES_ARCHIVED {
                object.check_is_on_line()?;
            }
            loaded.objects.push(object);
        }
        next = guarded(|| O::follow(payload, &loaded.objects, context))?;
        own.extend(next.iter().cloned());
    }
    let mut seen: Vec<KeyUse> = Vec::new();
    for _ in 0..FOLLOWED {
        let mut needed = guarded(|| O::keys(payload, &loaded.objects, &loaded.keys, context))?;
        needed.retain(|key| !seen.contains(key));
        needed.dedup();
        if needed.is_empty() {
            break;
        }
        for key in &needed {
            loaded.keys.push(load_key(view, key, context).await?);
        }
        seen.append(&mut needed);
    }
    if let Some(identifier) = plan.perhaps {
        if factory::is_reserved(&identifier) {
            return Err(Error::invalid_field("The server keeps this Unique Identifier to itself"));
        }
        if let Some(object) = view.load(&[&identifier]).await?.pop().flatten() {
            loaded.perhaps = Some(authorise(context, O::PERMISSION, object)?);
        }
        own.push(identifier);
    }
    let mut templates = Vec::with_capacity(plan.templates.len());
    for name in &plan.templates {
        let object = search::template(view, name, context).await?;
        if !ask(context, policy::Permission::GetAttributes, &object).is_allow() {
            return Err(Error::object_not_found());
        }
        object.check_is_on_line()?;
        templates.push(object);
    }
    loaded.templates = Arc::new(templates);
    let mut guards = Vec::new();
    if !plan.free_names.is_empty() {
        let named = loaded.objects.first().or(loaded.perhaps.as_ref()).filter(|_| plan.names_the_object);
        let owner = named.map_or(context.actor.name.as_str(), |object| object.owner.as_str());
        for name in &plan.free_names {
            search::check_name_is_free(view, owner, name, &own).await?;
            guards.push(guard(owner, name));
        }
    }
    for group in &plan.groups {
        search::check_group(view, group, context).await?;
    }
    if let Some(search) = &plan.search {
        loaded.found = search::find(view, search, context, O::SEARCHES_AS).await?;
    }
    Ok((loaded, guards))
}

/// Loads a key that wraps or unwraps, and asks the policy about it.
async fn load_key<S: Store>(view: &View<'_, S>, key: &KeyUse, context: &Context<'_>) -> Result<Authorised> {
    // What is only read, such as the password of a PKCS#12 file, wraps nothing.
    let is_read = key.permission == policy::Permission::Get;
    let absent = || if is_read { Error::object_not_found() } else { Error::wrapping_object_not_found() };
    if factory::is_reserved(&key.identifier) {
        return Err(absent());
    }
    let Some(object) = view.load(&[&key.identifier]).await?.pop().flatten() else {
        stand_in(view, &key.identifier, context).await;
        return Err(absent());
    };
    let object = authorise(context, key.permission, object).map_err(|error| match error.reason {
        // Absent and forbidden by another tenant are the same here, too.
        ResultReason::ObjectNotFound => absent(),
        _ => error,
    })?;
    if is_read {
        object.check_is_on_line()?;
    } else if object.is_archived() {
        let text = "The wrapping key is archived; it has to be recovered first";
        return Err(Error::new(ResultReason::WrappingObjectArchived, text));
    }
    Ok(object)
}

/// Runs the slow part of an operation, on a thread of its own if it is heavy.
async fn prepare<O: Operation, S: Store>(
    engine: &Engine<S>,
    run: &Run<'_>,
    payload: &Arc<O::Request>,
    loaded: &Loaded,
    context: &Context<'_>,
    factory: &Arc<Factory>,
) -> Result<O::Prepared> {
    let (settings, random) = (&engine.settings, &engine.environment.random);
    let templates = &loaded.templates;
    let at = At::from(context);
    let copies = |of: &[Authorised]| -> Vec<StoredObject> {
        if O::PREPARES_FROM_OBJECTS { of.iter().map(|object| (**object).clone()).collect() } else { Vec::new() }
    };
    let (objects, keys) = (copies(&loaded.objects), copies(&loaded.keys));
    let weight = O::weight(payload, loaded);
    if weight == Weight::Light {
        let Context { actor, batch, streams, link, .. } = *context;
        let material = Material {
            templates,
            objects: &objects,
            keys: &keys,
            settings,
            random: &**random,
            factory,
            at,
            actor,
            batch,
            streams,
            link,
            registrar: &*engine.environment.registrar,
        };
        return guarded(|| O::prepare(payload, &material));
    }
    let result = Arc::new(Mutex::new(None));
    let work = {
        let (result, payload, templates) = (Arc::clone(&result), Arc::clone(payload), Arc::clone(templates));
        let (settings, random, factory) = (settings.clone(), Arc::clone(random), Arc::clone(factory));
        let (actor, batch, streams) = (context.actor.clone(), context.batch.clone(), Arc::clone(&engine.streams));
        let (link, registrar) = (run.request.link.clone(), Arc::clone(&engine.environment.registrar));
        move || {
            let material = Material {
                templates: &templates,
                objects: &objects,
                keys: &keys,
                settings: &settings,
                random: &*random,
                factory: &factory,
                at,
                actor: &actor,
                batch: &batch,
                streams: &streams,
                link: link.as_deref(),
                registrar: &*registrar,
            };
            let prepared = guarded(|| O::prepare(&payload, &material));
            if let Ok(mut slot) = result.lock() {
                *slot = Some(prepared);
            }
        }
    };
    match weight {
        Weight::Brief => engine.environment.heavy_work.run_brief(Box::new(work)).await,
        _ => engine.environment.heavy_work.run(Box::new(work)).await,
    }
    let prepared = result.lock().ok().and_then(|mut slot| slot.take());
    prepared.unwrap_or_else(|| Err(Error::general_failure("the work was not done")))
}
