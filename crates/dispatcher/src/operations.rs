//! The table of operations, and the one path that every batch item takes.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use audit::Outcome;
use kmip::ProtocolVersion;
use kmip::codec::Value as _;
use kmip::enumerations::{Enumeration as _, ObjectType, ResultStatus};
use kmip::message::MessageExtension;
use kmip::operation::Operation as Code;
use kmip::result_reason::ResultReason;
use kmip::tag;
use store::{Commit, Query, Store, StoreError};

use crate::authorise::{Authorised, authorise};
use crate::batch::{Answer, Run, check_size, encode, tenant};
use crate::engine::{CONFLICT_RETRIES, Engine};
use crate::environment::Settings;
use crate::error::{Error, Result};
use crate::object::StoredObject;
use crate::operation::{Batch, Context, Found, Loaded, Material, Operation, Plan, Search};
use crate::view::{View, to_store};

/// Objects loaded at once while a search is judged: bounds the memory of a Locate over everything.
const SEARCH_CHUNK: usize = 32;

/// One row per operation. An operation that is not here is answered with Operation Not Supported.
macro_rules! operations {
    ($($name:ident => $type:path;)*) => {
        /// The operations the server performs, in the order of their codes.
        pub const SUPPORTED: &[Code] = &[$(Code::$name),*];

        /// Runs one item.
        pub(crate) async fn run<S: Store>(
            engine: &Engine<S>, run: &Run<'_>, view: &mut View<'_, S>, batch: &mut Batch, answer: &mut Answer,
        ) -> Result<()> {
            let version = run.request.message.version;
            if !offered(run.item.operation, version, &engine.settings) {
                return Err(Error::new(ResultReason::OperationNotSupported, "The server does not perform this operation"));
            }
            check_extensions(&run.item.message_extensions)?;
            match run.item.operation {
                $(Code::$name => {
                    // Boxed, so that the futures of all operations do not add up to one huge one.
                    Box::pin(perform::<$type, S>(engine, run, view, batch, answer)).await
                })*
                _ => Err(Error::new(ResultReason::OperationNotSupported, "The server does not perform this operation")),
            }
        }
    };
}

operations! {
    Create => crate::create::Create;
    CreateKeyPair => crate::create_key_pair::CreateKeyPair;
    Register => crate::register::Register;
    Locate => crate::locate::Locate;
    Check => crate::check::Check;
    Get => crate::get::Get;
    GetAttributes => crate::get_attributes::GetAttributes;
    GetAttributeList => crate::get_attribute_list::GetAttributeList;
    AddAttribute => crate::add_attribute::AddAttribute;
    ModifyAttribute => crate::modify_attribute::ModifyAttribute;
    DeleteAttribute => crate::delete_attribute::DeleteAttribute;
    Activate => crate::activate::Activate;
    Revoke => crate::revoke::Revoke;
    Destroy => crate::destroy::Destroy;
    Query => crate::query::Query;
    DiscoverVersions => crate::discover_versions::DiscoverVersions;
    Interop => crate::interop::Interop;
}

/// Whether the server performs an operation for clients of a version.
#[must_use]
pub fn offered(operation: Code, version: ProtocolVersion, settings: &Settings) -> bool {
    SUPPORTED.contains(&operation) && operation.known_in(version) && (operation != Code::Interop || settings.interop)
}

/// Vendors' extensions are unknown here: those that are critical stop the item (2.1, section 9.13).
fn check_extensions(extensions: &[MessageExtension]) -> Result<()> {
    if extensions.iter().any(|extension| extension.criticality_indicator) {
        return Err(Error::new(ResultReason::FeatureNotSupported, "The server does not know a critical Message Extension"));
    }
    Ok(())
}

/// The path of a batch item: decode, plan, load, authorise, prepare, handle, encode, check the size, commit.
async fn perform<O: Operation, S: Store>(
    engine: &Engine<S>,
    run: &Run<'_>,
    view: &mut View<'_, S>,
    batch: &mut Batch,
    answer: &mut Answer,
) -> Result<()> {
    let version = run.request.message.version;
    let payload = Arc::new(O::Request::read(&run.item.payload, version)?);
    let start = answer.writer.len();
    for _ in 0..CONFLICT_RETRIES {
        let context = Context {
            version,
            actor: &run.request.actor,
            now: run.request.now_us.div_euclid(1_000_000),
            settings: &engine.settings,
            batch,
            random: &*engine.environment.random,
        };
        if !policy::decide_server(&run.request.actor, O::PERMISSION).is_allow()
            && !matches!(O::PERMISSION.scope(), policy::Scope::Object)
        {
            return Err(Error::new(ResultReason::PermissionDenied, "The client may not perform this operation"));
        }
        let plan = guarded(|| O::plan(&payload, &context))?;
        answer.name_objects(&plan.objects);
        let loaded = load::<O, S>(view, plan, &context).await?;
        let prepared = match run.prepared.get() {
            Some(prepared) => prepared,
            None => run.prepared.keep(prepare::<O, S>(engine, &payload, &loaded.templates).await?),
        };
        let done = guarded(|| O::handle(&payload, loaded, &prepared, &context))?;

        let (item, status_at) = answer.begin_item(run);
        ResultStatus::Success.write(&mut answer.writer, tag::ResultStatus, version);
        done.response.write(&mut answer.writer, tag::ResponsePayload, version);
        answer.writer.end(item);
        check_size(run, &answer.writer)?;

        let changes = !done.changes.is_empty();
        let record = run.record(done.concerned, Outcome::Success);
        if run.commit {
            let log = encode(std::iter::once(&record));
            let written = if done.changes.is_empty() {
                match engine.store.log(tenant(run.request), log).await {
                    // A full disk must not stop what releases no material: reads of attributes go on.
                    Err(error) if !O::RELEASES_MATERIAL => {
                        tracing::error!(%error, "the log entry of a read could not be written");
                        Ok(())
                    }
                    written => written,
                }
            } else {
                let commit = Commit { changes: to_store(done.changes), log };
                match engine.store.commit(tenant(run.request), commit).await {
                    // A full disk must not keep a key from its owner: all that is not written is that it is no longer fresh.
                    Err(StoreError::Full) if O::RELEASES_MATERIAL => {
                        engine.store.log(tenant(run.request), encode(std::iter::once(&record))).await
                    }
                    committed => committed.map(|_| ()),
                }
            };
            match written {
                Ok(()) => {}
                Err(StoreError::Conflict { .. }) => {
                    answer.writer.truncate(start);
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
        } else {
            view.stage(done.changes)?;
        }
        batch.advance(done.placeholder, done.returned);
        answer.push_success(run, record, status_at, changes, O::RELEASES_MATERIAL);
        return Ok(());
    }
    Err(Error::general_failure("the objects of the request kept changing"))
}

/// A panic fails one item, not the connection. The item changed nothing yet, so that nothing is left half done.
fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(Error::general_failure("an operation panicked")))
}

/// Loads what a plan names, and asks the policy about each object.
async fn load<O: Operation, S: Store>(view: &mut View<'_, S>, plan: Plan, context: &Context<'_>) -> Result<Loaded> {
    let mut loaded = Loaded::default();
    let authorised = |object: StoredObject| authorise(context.actor, context.actor.tenant, O::PERMISSION, object);
    if !plan.objects.is_empty() {
        let identifiers: Vec<&str> = plan.objects.iter().map(String::as_str).collect();
        for object in view.load(&identifiers).await? {
            loaded.objects.push(authorised(object.ok_or_else(Error::object_not_found)?)?);
        }
    }
    let mut templates = Vec::with_capacity(plan.templates.len());
    for name in &plan.templates {
        let object = template(view, name, context).await?;
        let facts = policy::ObjectFacts { tenant: context.actor.tenant, owner: &object.owner };
        if !policy::decide(context.actor, policy::Permission::GetAttributes, &facts).is_allow() {
            return Err(Error::object_not_found());
        }
        templates.push(object);
    }
    loaded.templates = Arc::new(templates);
    for name in &plan.free_names {
        check_name_is_free(view, name, &plan.objects, context).await?;
    }
    if let Some(search) = plan.search {
        loaded.found = find(view, &search, context, &authorised).await?;
    }
    Ok(loaded)
}

/// The actor's newest template of a name. The terms are exact: no more than one object is in memory at a time.
async fn template<S: Store>(view: &View<'_, S>, name: &kmip::structures::Name, context: &Context<'_>) -> Result<StoredObject> {
    let attribute = kmip::attribute::Attribute::Name(name.clone());
    let mut query = name_query(&attribute, context);
    query.terms.push(crate::record::object_type_term(ObjectType::Template));
    for identifier in view.find(&query).await? {
        if let Some(object) = view.load(&[&identifier]).await?.pop().flatten()
            && object.object_type == ObjectType::Template
            && object.owner == context.actor.name
            && !object.is_destroyed()
            && object.attributes().any(|own| *own == attribute)
        {
            return Ok(object);
        }
    }
    Err(Error::new(ResultReason::ItemNotFound, "No template has this Name"))
}

/// What finds the actor's living objects of a name.
fn name_query(name: &kmip::attribute::Attribute, context: &Context<'_>) -> Query {
    Query { owner: Some(context.actor.name.clone()), terms: vec![crate::record::living_name_term(name)] }
}

/// From 2.0 on a name belongs to one living object of its owner: no other than those of the request may have it.
async fn check_name_is_free<S: Store>(
    view: &mut View<'_, S>,
    name: &kmip::structures::Name,
    own: &[String],
    context: &Context<'_>,
) -> Result<()> {
    // Reserved first, then looked for: whoever took it in between has given the reservation back, and is found.
    let reserved = view.names.reserve(context.actor, name);
    let attribute = kmip::attribute::Attribute::Name(name.clone());
    if !reserved || view.is_name_taken(&name_query(&attribute, context), &attribute, own).await? {
        return Err(Error::new(ResultReason::NonUniqueNameAttribute, "Another object of the client has this Name"));
    }
    Ok(())
}

/// Runs a search: the store narrows it, the policy and the operation judge what is left.
async fn find<S: Store>(
    view: &View<'_, S>,
    search: &Search,
    context: &Context<'_>,
    authorised: &(impl Fn(StoredObject) -> Result<Authorised> + Sync),
) -> Result<Vec<Found>> {
    let limit = search.limit.unwrap_or(usize::MAX);
    let mut wanted = Vec::new();
    if limit == 0 {
        return Ok(wanted);
    }
    let query = Query { owner: Some(context.actor.name.clone()), terms: search.terms.clone() };
    for chunk in view.find(&query).await?.chunks(SEARCH_CHUNK) {
        let identifiers: Vec<&str> = chunk.iter().map(String::as_str).collect();
        for object in view.load(&identifiers).await?.into_iter().flatten() {
            let Ok(object) = authorised(object) else { continue };
            let is_wanted = match &search.judge {
                Some(judge) => guarded(|| judge.wants(&object, context))?,
                None => true,
            };
            if is_wanted {
                let object = object.into_inner();
                wanted.push(Found { identifier: object.identifier, revision: object.revision });
                if wanted.len() == limit {
                    return Ok(wanted);
                }
            }
        }
        yield_once().await;
    }
    Ok(wanted)
}

/// Lets other work of this thread go on: a store that answers at once would otherwise hold it through a whole search.
async fn yield_once() {
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

/// Runs the slow part of an operation, on a thread of its own if it is heavy.
async fn prepare<O: Operation, S: Store>(
    engine: &Engine<S>,
    payload: &Arc<O::Request>,
    templates: &Arc<Vec<StoredObject>>,
) -> Result<O::Prepared> {
    let (settings, random) = (&engine.settings, &engine.environment.random);
    if !O::HEAVY {
        return guarded(|| O::prepare(payload, &Material { templates, settings, random: &**random }));
    }
    let result = Arc::new(Mutex::new(None));
    let work = {
        let (result, payload, templates) = (Arc::clone(&result), Arc::clone(payload), Arc::clone(templates));
        let (settings, random) = (settings.clone(), Arc::clone(random));
        move || {
            let material = Material { templates: &templates, settings: &settings, random: &*random };
            let prepared = guarded(|| O::prepare(&payload, &material));
            if let Ok(mut slot) = result.lock() {
                *slot = Some(prepared);
            }
        }
    };
    engine.environment.heavy_work.run(Box::new(work)).await;
    let prepared = result.lock().ok().and_then(|mut slot| slot.take());
    prepared.unwrap_or_else(|| Err(Error::general_failure("the work was not done")))
}
