//! The dispatcher's engine as a [`Service`], and what it asks of the world: the clock, threads for slow work, credentials.

use crate::attestation::Platforms;
use crate::authentication::Passwords;
use crate::checkpoints::Checkpoints;
use crate::config::{AuditConfig, Config, SeedPolicy};
use crate::database::{self, Outcome, Progress, Work};
use crate::health::Health;
use crate::operated::{self, OperatedStore, RETENTION_PERIOD};
use crate::policies::Policies;
use crate::registrar::{self, ConfiguredAuthority};
use crate::service::{Hold, ItemLog, Measure, Response, Service};
use crate::sink::Sinks;
use crate::tls::CurrentTrust;
use crate::users::Users;
use crate::work::Workshop;
use dispatcher::{
    AsynchronousSettings, AttestationSettings, Clock, Engine, Environment, HeavyWork, Pending, Registrar, RngSeed, Rotations,
    Sending, Session, Settings, StreamSettings, TicketSettings,
};
use policy::{Actor, Permission};
use rustls::pki_types::CertificateDer;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use store::{Commit, Tenant};
use tokio::runtime::Handle;

/// How often keys are looked for that are to be rotated. Intervals of rotation are days; looking costs nothing where nothing is due.
const ROTATION_PERIOD: Duration = Duration::from_secs(5);
/// How often the server looks whether its store takes writes.
const HEALTH_PERIOD: Duration = Duration::from_secs(1);

/// How often results that were kept long enough are removed.
const SWEEP_PERIOD: Duration = Duration::from_secs(60);

/// The engine over a store.
pub struct EngineService<S> {
    engine: Engine<Arc<S>>,
    health: Health,
    audit: AuditConfig,
    checkpoints: Option<Checkpoints>,
    authority: Arc<ConfiguredAuthority>,
    sinks: Arc<Sinks>,
}

impl<S: OperatedStore> EngineService<S> {
    /// The engine a configuration describes.
    #[must_use]
    pub fn new(store: S, config: &Config, users: Arc<Users>, policies: Arc<Policies>, platforms: Arc<Platforms>) -> Self {
        let limits = &config.limits;
        let authority = Arc::new(ConfiguredAuthority::new(config.clone()));
        let environment = Environment {
            clock: Box::new(SystemClock),
            heavy_work: Box::new(Workers {
                slow: Workshop::new(limits.heavy_work_max, limits.heavy_work_waiting_max),
                brief: Workshop::new(
                    std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
                    limits.heavy_work_waiting_max,
                ),
            }),
            authenticator: Box::new(Passwords::new(
                users,
                policies,
                limits.password_work_max,
                config.credentials.hashed_password_tolerance_s,
            )),
            attestor: platforms,
            registrar: Arc::clone(&authority) as Arc<dyn Registrar>,
            random: match config.services.rng_seed {
                SeedPolicy::Accept => Arc::new(crypto::SeededRandom::new(crypto::SystemRandom::default())),
                SeedPolicy::Ignore | SeedPolicy::Refuse => Arc::new(crypto::SystemRandom::default()),
            },
        };
        let settings = Settings {
            limits: ttlv_codec::Limits {
                length: limits.request_length_max,
                depth: limits.nesting_max,
                items: limits.message_items_max,
            },
            batch_items: limits.batch_items_max,
            response_size: limits.response_length_max,
            response_memory: limits.response_memory_max,
            located_items: limits.located_items_max,
            object_size: limits.object_length_max,
            attributes_per_object: limits.attributes_per_object_max,
            derivation_iterations: limits.derivation_iterations_max,
            interop: config.protocol.interop,
            vendor_identification: config.protocol.vendor.clone(),
            credential_required_for: config.credentials.required_for.clone(),
            time_stamp_tolerance_s: config.protocol.time_stamp_tolerance_s,
            lease_time_s: config.protocol.lease_time_s,
            asynchronous: AsynchronousSettings {
                requests_per_client: config.asynchronous.requests_per_client_max,
                requests: config.asynchronous.requests_max,
                bytes_per_client: config.asynchronous.bytes_per_client_max,
                bytes: config.asynchronous.bytes_max,
                keep_s: config.asynchronous.keep_s,
                when_optional: config.asynchronous.when_optional,
            },
            tickets: TicketSettings {
                lease_time_s: config.tickets.lease_time_s,
                lease_time_max_s: config.tickets.lease_time_max_s,
                tickets_per_client: config.tickets.per_client_max,
                tickets: config.tickets.tickets_max,
            },
            attestation: AttestationSettings {
                nonce_expiry_s: config.attestation.nonce_expiry_s,
                valid_s: config.attestation.valid_s,
            },
            streams: StreamSettings {
                streams_per_client: config.services.streams_per_client_max,
                streams: config.services.streams_max,
                stream_memory: config.services.stream_memory_max,
                stream_expiry_s: config.services.stream_expiry_s,
            },
            pkcs1_decryption: config.services.pkcs1_decryption,
            re_provision_grace_s: registrar::grace_s(config),
            rng_seed: match config.services.rng_seed {
                SeedPolicy::Ignore => RngSeed::Ignore,
                SeedPolicy::Accept => RngSeed::Accept { bytes: config.services.rng_seed_bytes_max },
                SeedPolicy::Refuse => RngSeed::Refuse,
            },
        };
        let engine = Engine::new(Arc::new(store), settings, environment);
        Self {
            engine,
            health: Health::default(),
            audit: config.audit.clone(),
            checkpoints: None,
            authority,
            sinks: Arc::default(),
        }
    }

    /// The same, with checkpoints of its audit log.
    #[must_use]
    pub fn with_checkpoints(self, checkpoints: Checkpoints) -> Self {
        Self { checkpoints: Some(checkpoints), ..self }
    }

    /// The same, with copies of its audit log. While one of them has failed or is behind, what releases key material is refused.
    ///
    /// # Errors
    /// When their positions cannot be read.
    pub fn with_sinks(mut self, runtime: &Handle) -> Result<Self, String> {
        let sinks = Sinks::start(self.engine.store(), &self.audit.sinks, &self.audit.positions, runtime)?;
        self.sinks = Arc::new(sinks);
        if !self.sinks.is_empty() {
            let sinks = Arc::clone(&self.sinks);
            self.engine.refuse_releases_while(move || sinks.refusal());
        }
        Ok(self)
    }

    /// What the copies of the audit log are, by name.
    fn observe_sinks(&self) -> Vec<(String, Result<(), String>)> {
        self.sinks.observe(self.log_end())
    }

    fn log_end(&self) -> u64 {
        self.engine.store().status().map_or(0, |status| status.log_entries)
    }
}

impl<S: OperatedStore> Service for EngineService<S> {
    type Session = Session;

    async fn begin(&self, trust: &Arc<CurrentTrust>) -> Result<(), String> {
        self.authority.begin(trust);
        let recalled = self.engine.recall_replaced().await;
        let count = recalled.map_err(|cause| format!("which certificates were replaced cannot be read: {cause}"))?;
        if count > 0 {
            tracing::info!(count, "client certificates were replaced by Re-Provision");
        }
        Ok(())
    }

    fn session(&self, actor: Actor, chain: &[CertificateDer<'_>], peer: SocketAddr) -> Session {
        let chain = chain.iter().map(|certificate| certificate.to_vec()).collect();
        Session::new(actor, peer.to_string()).with_certificate(chain)
    }

    fn renew(&self, session: &mut Session, actor: Actor) {
        session.renew(actor);
    }

    async fn handle(&self, session: &mut Session, request: &[u8]) -> Response {
        let response = self.engine.handle(session, request).await;
        let items = response.items.into_iter().map(|item| ItemLog {
            operation: item.operation.unwrap_or("unreadable").to_owned(),
            actor: item.actor,
            identifier: (!item.identifiers.is_empty()).then(|| item.identifiers.join("+")),
            result: item.result.to_owned(),
            cause: item.cause,
        });
        Response {
            items: items.collect(),
            bytes: response.bytes,
            close: response.close,
            hold: Hold::new(response.hold),
            exchanges_roles: response.exchanges_roles,
            correlation: response.correlation,
        }
    }

    async fn has_to_send(&self, session: &Session) {
        self.engine.has_to_send(session).await;
    }

    async fn next_to_send(&self, session: &Session) -> Sending {
        self.engine.next_to_send(session).await
    }

    fn probe(&self, session: &Session) -> Sending {
        self.engine.probe(session)
    }

    fn answered(&self, session: &Session, response: &[u8]) -> Result<(), String> {
        self.engine.answered(session, response)
    }

    async fn explain(&self, actor: &Actor, permission: Permission, identifier: Option<&str>) -> Result<Vec<String>, String> {
        self.engine.explain(actor, permission, identifier).await
    }

    async fn record(&self, entry: Vec<u8>) -> Result<(), String> {
        let commit = Commit { log: vec![entry], ..Commit::default() };
        self.engine.store().commit(Tenant::DEFAULT, commit).await.map(|_| ()).map_err(|error| error.to_string())
    }

    fn ready(&self) -> Vec<(&'static str, Result<(), String>)> {
        let objects = self.engine.store().status().and_then(|status| status.rebuild_failure);
        let objects =
            objects.map_or(Ok(()), |cause| Err(format!("the objects' files are damaged and cannot be made again: {cause}")));
        let mut checks = vec![("store", self.health.observe(self.engine.store().writable())), ("objects", objects)];
        if !self.sinks.is_empty() {
            let failed: Vec<String> = self
                .observe_sinks()
                .into_iter()
                .filter_map(|(name, state)| state.err().map(|cause| format!("{name}: {cause}")))
                .collect();
            checks.push(("audit sinks", if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }));
        }
        checks
    }

    fn measures(&self) -> Vec<Measure> {
        let writable = if self.engine.store().writable().is_ok() { 1.0 } else { 0.0 };
        let gauge = |name, help, value| Measure { name, kind: "gauge", help, value };
        let counter = |name, help, value: u64| Measure { name, kind: "counter", help, value: value as f64 };
        let asynchronous = self.engine.asynchronous_requests() as f64;
        let mut measures = vec![
            gauge("kmipd_store_writable", "Whether the store takes writes.", writable),
            gauge("kmipd_asynchronous_requests", "Asynchronous requests that wait or are kept with their results.", asynchronous),
        ];
        let Some(status) = self.engine.store().status() else { return measures };
        measures.extend([
            gauge("kmipd_store_objects", "Objects in the store.", status.records as f64),
            counter("kmipd_store_frames_total", "Groups of commits ever made durable.", status.frames),
            gauge("kmipd_store_journal_bytes", "Length of the journal, about.", status.journal_bytes as f64),
            gauge("kmipd_store_overlay_bytes", "Bytes of the journal that the objects' files lack.", status.overlay_bytes as f64),
            gauge("kmipd_store_behind_seconds", "How long the oldest of them waits.", status.behind.as_secs_f64()),
            counter("kmipd_store_snapshots_total", "Snapshots written since the start.", status.snapshots),
            counter("kmipd_store_rebuilds_total", "Times the objects' files were made again since the start.", status.rebuilds),
            counter("kmipd_store_log_entries_total", "Entries the audit log ever had.", status.log_entries),
            counter("kmipd_store_log_dropped_total", "Entries of it that were dropped.", status.log_dropped),
        ]);
        if !self.sinks.is_empty() {
            let failed = self.observe_sinks().iter().filter(|(_, state)| state.is_err()).count();
            let behind = self.sinks.behind(status.log_entries);
            measures.extend([
                gauge("kmipd_audit_sinks_failed", "Audit sinks that have failed or are behind.", failed as f64),
                gauge("kmipd_audit_sink_behind_entries", "Entries that the audit sink farthest behind lacks.", behind as f64),
            ]);
        }
        measures.extend(
            status.free_bytes.map(|bytes| gauge("kmipd_store_free_bytes", "Room on the store's file system.", bytes as f64)),
        );
        measures
    }

    fn work_on_store(
        &self,
        config: &Config,
        actor: &str,
        work: &Work,
        runtime: &Handle,
        progress: &mut Progress,
    ) -> Result<Outcome, String> {
        database::work_on(&**self.engine.store(), config, actor, work, runtime, progress)
    }

    async fn work(&self) {
        self.engine.work().await;
    }

    async fn rotate(&self) {
        loop {
            // While the store takes nothing, nothing is rotated; it is due still when it does.
            if self.engine.store().writable().is_ok() {
                match self.engine.rotate().await {
                    Ok(rotations) if rotations == Rotations::default() => {}
                    Ok(rotations) => tracing::info!(done = rotations.done, failed = rotations.failed, "keys were rotated"),
                    Err(cause) => tracing::warn!(%cause, "what is to be rotated cannot be told; it is tried again"),
                }
            }
            tokio::time::sleep(ROTATION_PERIOD).await;
        }
    }

    async fn tend(&self) {
        let store = &**self.engine.store();
        let mut next_retention = Instant::now();
        let mut next_checkpoint = Instant::now() + Duration::from_secs(self.audit.checkpoint_s);
        let mut next_sweep = Instant::now() + SWEEP_PERIOD;
        let mut resumed = false;
        loop {
            // What changed is in the log; who asks gets it from `/readyz`.
            let _ = self.health.observe(store.writable());
            if !self.sinks.is_empty() {
                let _ = self.observe_sinks();
            }
            if !resumed {
                match self.engine.resume().await {
                    Ok(0) => resumed = true,
                    Ok(count) => {
                        tracing::info!(count, "asynchronous requests of before the start, and their results, are there");
                        resumed = true;
                    }
                    Err(cause) => {
                        tracing::error!(%cause, "asynchronous requests of before the start cannot be read; it is tried again")
                    }
                }
            }
            if Instant::now() >= next_sweep {
                next_sweep = Instant::now() + SWEEP_PERIOD;
                if let Err(cause) = self.engine.sweep().await {
                    tracing::warn!(%cause, "old results of asynchronous requests are not removed; it is tried again in a minute");
                }
            }
            if Instant::now() >= next_retention {
                next_retention += RETENTION_PERIOD;
                // It waits for the disk.
                let dropped = tokio::task::block_in_place(|| {
                    Handle::current().block_on(operated::drop_old_log(
                        store,
                        &self.audit,
                        self.sinks.first_undelivered(),
                        SystemTime::now(),
                    ))
                });
                if let Err(cause) = dropped {
                    tracing::warn!(%cause, "old entries of the audit log are not dropped; it is tried again in an hour");
                }
            }
            if Instant::now() >= next_checkpoint {
                next_checkpoint += Duration::from_secs(self.audit.checkpoint_s);
                self.note_checkpoint().await;
            }
            tokio::time::sleep(HEALTH_PERIOD).await;
        }
    }

    fn reopen(&self) {
        self.sinks.reopen();
    }

    async fn finish(&self) {
        self.note_checkpoint().await;
        tokio::task::block_in_place(|| self.sinks.stop());
    }
}

impl<S: OperatedStore> EngineService<S> {
    /// Signs how far the audit log reaches.
    async fn note_checkpoint(&self) {
        let Some(checkpoints) = &self.checkpoints else { return };
        let noting = checkpoints.note(&**self.engine.store(), SystemClock.now_us());
        // It waits for the disk.
        if let Err(cause) = tokio::task::block_in_place(|| Handle::current().block_on(noting)) {
            tracing::warn!(%cause, "the audit log has no new checkpoint");
        }
    }
}

/// The system's clock.
struct SystemClock;

impl Clock for SystemClock {
    fn now_us(&self) -> i64 {
        let micros = |elapsed: Duration| i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX);
        // A clock before 1970 is wrong, but no reason to stop.
        SystemTime::now().duration_since(UNIX_EPOCH).map_or_else(|before| -micros(before.duration()), micros)
    }

    fn sleep(&self, duration: Duration) -> Pending<'_, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// Threads for slow work, and others for the use of keys: a signature takes its turn behind signatures, and not behind the search for
/// the primes of a long RSA key.
struct Workers {
    slow: Workshop,
    brief: Workshop,
}

/// Work that is not done leaves no result behind, which is what the engine looks for.
async fn work_in(workshop: &Workshop, work: Box<dyn FnOnce() + Send>) {
    if let Err(error) = workshop.run(work).await {
        tracing::warn!(%error, "limits.heavy_work_waiting_max");
    }
}

impl HeavyWork for Workers {
    fn run(&self, work: Box<dyn FnOnce() + Send>) -> Pending<'_, ()> {
        Box::pin(work_in(&self.slow, work))
    }

    fn run_brief(&self, work: Box<dyn FnOnce() + Send>) -> Pending<'_, ()> {
        Box::pin(work_in(&self.brief, work))
    }
}
