//! From a configuration to a server that runs: the composition root.

use crate::admin::Administration;
use crate::aside::Aside;
use crate::attestation::Platforms;
use crate::checkpoints::Checkpoints;
use crate::config::{Config, ReadRecords, StoreKind};
use crate::duties::Duties;
use crate::engine::EngineService;
use crate::files::DirectoryLock;
use crate::listener::Server;
use crate::live::{AuditLog, Decisions, Live, WholeStore};
use crate::metrics::Metrics;
use crate::policies::Policies;
use crate::service::Service;
use crate::tls::{CurrentTrust, Trust};
use crate::users::Users;
use crate::{expiry, local_users, logging, monitoring, socket};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use rustls::server::{ServerSessionMemoryCache, StoresServerSessions};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use store::memory::MemoryStore;
use store::sealing::RootKey;
use store_sled::{Lull, Options, SledStore};
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

/// Connections the system holds for the server to accept: a site that reconnects after a power failure comes all at once.
const BACKLOG: u32 = 4096;
/// File descriptors beside the connections: store, log, sockets.
const OTHER_DESCRIPTORS: u64 = 512;
/// How often it is looked what ends: certificates may live for hours.
const ENDS_PERIOD: Duration = Duration::from_secs(600);
/// How often the files of revocation lists are looked at.
const LISTS_PERIOD: Duration = Duration::from_secs(2);
/// How long a stopping runtime waits for threads that still work.
const RUNTIME_PATIENCE: Duration = Duration::from_secs(5);

/// What to run.
pub struct Plan<'a> {
    /// The configuration in effect.
    pub config: Config,
    /// The configuration as the file has it, which a reload is compared with.
    pub as_written: Config,
    /// Whether it is for trying things out: then the root key may lie beside the data.
    pub dev: bool,
    /// Called when connections are accepted, with the address.
    pub ready: Box<dyn FnOnce(SocketAddr) -> Result<(), String> + Send + 'a>,
}

/// Runs a server until it is told to stop by SIGTERM or SIGINT.
///
/// # Errors
/// Why it could not start. Once it runs, it ends without an error.
pub fn run(mut plan: Plan<'_>) -> Result<(), String> {
    logging::begin(&plan.config.log)?;
    let Some(_lock) = DirectoryLock::take(plan.config.folder()).map_err(|error| error.to_string())? else {
        return Err(format!("another kmipd works in {}", plan.config.folder().display()));
    };
    forbid_core_dumps();
    let duties = Duties::read(&plan.config.admin)?;
    let absent = local_users::check(&duties).map_err(|both| format!("{}: admin: {both}", plan.config.file.display()))?;
    absent.iter().for_each(|absent| warn!("{absent}"));
    plan.config.limits.connections_max = affordable_connections(plan.config.limits.connections_max);
    let users = Arc::new(open_users(&plan.config)?);
    let policies = Arc::new(Policies::read(&plan.config).map_err(|error| error.to_string())?);
    let platforms = Platforms::read(&plan.config, &policies.current()).map_err(|error| error.to_string())?;
    let platforms = Arc::new(platforms);
    warn_of_exposed_files(&plan.config);
    if !plan.dev {
        warn_of_root_key_beside_data(&plan.config);
    }
    let metrics = Arc::new(Metrics::default());
    let aside = Arc::new(Aside::new(Arc::clone(&metrics)));
    // A thread that has nothing more to run brings no commit for now: the writer need not wait for one.
    let waits = Arc::clone(&aside);
    let lull = Lull::new().with_aside(move |commit| waits.wait(commit));
    let parked = lull.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .on_thread_park(move || parked.begins())
        .build()
        .map_err(|error| format!("start the threads: {error}"))?;
    let _guard = aside.guard(&runtime).map_err(|error| format!("start the threads: {error}"))?;
    let config = &plan.config;
    let result = match config.store.kind {
        StoreKind::Sled => {
            let key = RootKey::read_file(&config.store.root_key).map_err(|error| error.to_string())?;
            let durable_log = config.audit.reads == ReadRecords::Durable;
            let options = Options { lull: Some(lull), durable_log, ..config.store.options() };
            let store = SledStore::open(&config.store.path, &key, &options).map_err(|error| error.to_string())?;
            drop(key);
            let checkpoints = Checkpoints::open(&config.audit)?;
            let service = EngineService::new(store, config, Arc::clone(&users), Arc::clone(&policies), Arc::clone(&platforms));
            let service = service.with_checkpoints(checkpoints).with_sinks(runtime.handle())?;
            runtime.block_on(serve(service, (users, policies, platforms), plan, metrics))
        }
        StoreKind::Memory => {
            warn!("the store is in memory: everything is gone when the server stops");
            let (for_users, for_policies) = (Arc::clone(&users), Arc::clone(&policies));
            let service = EngineService::new(MemoryStore::new(), config, for_users, for_policies, Arc::clone(&platforms));
            let service = service.with_sinks(runtime.handle())?;
            runtime.block_on(serve(service, (users, policies, platforms), plan, metrics))
        }
    };
    runtime.shutdown_timeout(RUNTIME_PATIENCE);
    info!("stopped");
    result
}

async fn serve<S: Service>(
    service: S,
    (users, policies, platforms): (Arc<Users>, Arc<Policies>, Arc<Platforms>),
    plan: Plan<'_>,
    metrics: Arc<Metrics>,
) -> Result<(), String> {
    let Plan { config, as_written, ready, dev: _ } = plan;
    let sessions: Arc<dyn StoresServerSessions> = ServerSessionMemoryCache::new(config.limits.tls_sessions_max);
    let trust = Trust::read(&config.tls, Arc::clone(&sessions), 1).map_err(|error| error.to_string())?;
    let trust = Arc::new(CurrentTrust::new(trust.with_rules(policies.current())));
    service.begin(&trust).await?;
    let listener = listen(config.listen)?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let server = Server::new(service, Arc::clone(&trust), config.limits, Arc::clone(&metrics));

    let live = Arc::new(Live {
        started_with: as_written,
        address,
        trust,
        users: Arc::clone(&users),
        policies,
        platforms,
        metrics,
        sessions,
        since: Instant::now(),
        reloading: Mutex::new(()),
        lists_refused: Mutex::new(None),
        audit_log: audit_log(Arc::clone(&server)),
        whole_store: whole_store(Arc::clone(&server), config.clone()),
        decisions: decisions(Arc::clone(&server)),
    });
    let socket_path = config.admin.socket.clone();
    let admin_listener = socket::bind(&config.admin).map_err(|error| error.to_string())?;
    let duties = Duties::read(&config.admin)?;
    let monitoring_listen = config.monitoring.as_ref().map(|monitoring| monitoring.listen);
    let workers = config.asynchronous.workers;
    let administration = Arc::new(Administration { config, users, live: Some(Arc::clone(&live)), audit_log: None });
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(socket::run(admin_listener, administration, duties));
    if let Some(address) = monitoring_listen {
        let monitoring_listener = listen(address)?;
        let address = monitoring_listener.local_addr().map_err(|error| error.to_string())?;
        info!(%address, "health and metrics");
        tasks.spawn(monitoring::run(Arc::clone(&server), monitoring_listener));
    }
    tasks.spawn(watch_lists(Arc::clone(&live)));
    tasks.spawn(watch_ends(Arc::clone(&live)));
    tasks.spawn(signals(Arc::clone(&server), live)?);
    tasks.spawn({
        let server = Arc::clone(&server);
        async move { server.service().tend().await }
    });
    tasks.spawn({
        let server = Arc::clone(&server);
        async move { server.service().rotate().await }
    });
    for _ in 0..workers {
        let server = Arc::clone(&server);
        tasks.spawn(async move { server.service().work().await });
    }

    info!(%address, version = env!("CARGO_PKG_VERSION"), "accepting connections");
    ready(address)?;
    Arc::clone(&server).run(listener).await;
    tasks.shutdown().await;
    server.service().finish().await;
    // A socket left behind only makes the next client say that the server is gone, which is true.
    let _ = std::fs::remove_file(socket_path);
    Ok(())
}

/// The audit log of the server's store, for threads on which one may wait.
fn audit_log<S: Service>(server: Arc<Server<S>>) -> AuditLog {
    let runtime = tokio::runtime::Handle::current();
    AuditLog::new(move |entry| runtime.block_on(server.service().record(entry)))
}

/// Decisions about the server's objects, for threads on which one may wait.
fn decisions<S: Service>(server: Arc<Server<S>>) -> Decisions {
    let runtime = tokio::runtime::Handle::current();
    Decisions::new(move |actor, permission, identifier| runtime.block_on(server.service().explain(actor, permission, identifier)))
}

/// The server's whole store, for threads on which one may wait.
fn whole_store<S: Service>(server: Arc<Server<S>>, config: Config) -> WholeStore {
    let runtime = tokio::runtime::Handle::current();
    WholeStore::new(move |actor, work, progress| server.service().work_on_store(&config, actor, work, &runtime, progress))
}

fn listen(address: SocketAddr) -> Result<TcpListener, String> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let bound = socket.and_then(|socket| {
        // A restart must not wait for the old connections' ends to be forgotten.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    });
    bound.map_err(|error| format!("listen on {address}: {error}"))
}

/// Takes revocation lists when their files change: a list is written by whoever has the authority, and must not wait for a command.
async fn watch_lists(live: Arc<Live>) {
    loop {
        tokio::time::sleep(LISTS_PERIOD).await;
        let live = Arc::clone(&live);
        // The result is in the log; files may be slow, and a reload that panics must not end the server.
        let _ = tokio::task::spawn_blocking(move || live.take_lists()).await;
    }
}

/// Tells what ends before it does.
async fn watch_ends(live: Arc<Live>) {
    let mut watch = expiry::Watch::default();
    loop {
        let expiries = live.trust.load();
        let clients = watch.look(&live.started_with, &expiries.expiries);
        live.metrics.clients_ending.store(clients.ending, Relaxed);
        live.metrics.clients_ended.store(clients.ended, Relaxed);
        tokio::time::sleep(ENDS_PERIOD).await;
    }
}

/// SIGTERM and SIGINT stop the server, SIGHUP reloads. The signals are caught from the call on, not from the first poll.
fn signals<S: Service>(server: Arc<Server<S>>, live: Arc<Live>) -> Result<impl Future<Output = ()> + Send, String> {
    let catch = |kind| signal(kind).map_err(|error| format!("catch signals: {error}"));
    let mut terminate = catch(SignalKind::terminate())?;
    let mut interrupt = catch(SignalKind::interrupt())?;
    let mut hangup = catch(SignalKind::hangup())?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                received = hangup.recv() => {
                    if received.is_none() {
                        break;
                    }
                    let live = Arc::clone(&live);
                    server.service().reopen();
                    // The result is in the log; a reload that panics must not end the server.
                    let reloading = tokio::task::spawn_blocking(move || {
                        let done = live.reload().is_ok();
                        let _ = live.audit_log.record("SIGHUP", "admin reload", Vec::new(), done);
                    });
                    let _ = reloading.await;
                }
            }
        }
        info!("stopping: no new connections, requests in flight are finished");
        server.stop();
    })
}

fn open_users(config: &Config) -> Result<Users, String> {
    Users::open(&config.users, config.secret_seal(), &config.credentials).map_err(|error| error.to_string())
}

/// Keys are in this process's memory: no core file of it, and no other process of its user may read it.
fn forbid_core_dumps() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let limited = setrlimit(Resource::Core, none).and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable));
    if let Err(error) = limited {
        warn!(%error, "core dumps cannot be forbidden");
    }
}

/// Raises the soft limit of file descriptors to what the connections need, as far as the system lets, and returns how many
/// connections there can be: the store must never want for one because of them.
fn affordable_connections(connections_max: usize) -> usize {
    let wanted = connections_max as u64 + OTHER_DESCRIPTORS;
    let now = getrlimit(Resource::Nofile);
    if now.current.is_some_and(|current| current < wanted) {
        let possible = now.maximum.map_or(wanted, |maximum| maximum.min(wanted));
        if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(possible), maximum: now.maximum }) {
            warn!(%error, possible, "the limit of file descriptors cannot be raised");
        }
    }
    // What was really got, whatever was asked for.
    let limit = getrlimit(Resource::Nofile).current;
    let affordable = connections_within(limit, connections_max);
    if affordable < connections_max {
        let descriptors = limit.unwrap_or_default();
        warn!(
            connections_max,
            descriptors,
            "at most {affordable} connections at one time, for want of file descriptors: raise the hard limit to {wanted} (ulimit -Hn)"
        );
    }
    affordable
}

/// How many connections there can be with so many file descriptors: the store and the rest of the server keep theirs, or half of
/// all if there are only few.
fn connections_within(descriptors: Option<u64>, connections_max: usize) -> usize {
    let Some(descriptors) = descriptors else { return connections_max };
    let left = descriptors - OTHER_DESCRIPTORS.min(descriptors / 2);
    usize::try_from(left).map_or(connections_max, |left| left.min(connections_max)).max(1)
}

fn warn_of_exposed_files(config: &Config) {
    let mut secrets = vec![&config.tls.key, &config.users];
    secrets.extend(config.authority.as_ref().map(|authority| &authority.key));
    for path in secrets {
        if crate::files::is_exposed(path) {
            warn!("{} can be read by others: chmod 600", path.display());
        }
    }
}

/// Whoever takes away a disk, or a copy of it, must not have data and key at once.
fn warn_of_root_key_beside_data(config: &Config) {
    let device = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.dev()).ok();
    let (key, data) = (&config.store.root_key, &config.store.path);
    let (Some(key_device), Some(data_device)) = (device(key), device(data)) else { return };
    if config.store.kind == StoreKind::Sled && key_device == data_device {
        let (key, data) = (key.display(), data.display());
        warn!("the root key {key} is on the same file system as {data}: who gets the disk gets both; move it to another medium");
    }
}

#[cfg(test)]
mod tests {
    use super::connections_within;

    #[test]
    fn connections_leave_descriptors_for_the_store() {
        for (descriptors, expected) in [
            (None, 10_000),
            (Some(1 << 20), 10_000),
            (Some(10_512), 10_000),
            (Some(4_096), 3_584),
            (Some(256), 128),
            (Some(0), 1),
        ] {
            assert_eq!(connections_within(descriptors, 10_000), expected, "{descriptors:?}");
        }
    }
}
