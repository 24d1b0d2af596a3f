//! What of a running server can be changed or asked: reload and status.

use crate::attestation::Platforms;
use crate::config::Config;
use crate::database::{self, Progress, Work};
use crate::metrics::Metrics;
use crate::policies::Policies;
use crate::tls::{CurrentTrust, Trust};
use crate::users::Users;
use audit::{Action, AuditRecord, Outcome};
use kmip::result_reason::ResultReason;
use policy::{Actor, Permission};
use rustls::server::StoresServerSessions;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tracing::{error, info};

/// A running server, as its administration sees it.
#[derive(Debug)]
pub struct Live {
    /// The configuration it was started with.
    pub started_with: Config,
    /// Where it listens.
    pub address: SocketAddr,
    /// What connections are judged by.
    pub trust: Arc<CurrentTrust>,
    /// The users.
    pub users: Arc<Users>,
    /// The policy.
    pub policies: Arc<Policies>,
    /// The platforms whose attestations are evaluated.
    pub platforms: Arc<Platforms>,
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// Sessions to resume; they outlive reloads.
    pub sessions: Arc<dyn StoresServerSessions>,
    /// When it began.
    pub since: Instant,
    /// Held by a reload: two at a time could end with the older files.
    pub reloading: Mutex<()>,
    /// Why changed revocation lists were not taken, if they were not: it is told once.
    pub lists_refused: Mutex<Option<String>>,
    /// The audit log.
    pub audit_log: AuditLog,
    /// The whole store.
    pub whole_store: WholeStore,
    /// Decisions of the policy.
    pub decisions: Decisions,
}

type Explain = dyn Fn(&Actor, Permission, Option<&str>) -> Result<Vec<String>, String> + Send + Sync;

/// Decisions of the policy about the objects there are, for administrators. Asking waits for the disk: never on a thread that serves
/// sockets.
pub struct Decisions(Box<Explain>);

impl Decisions {
    /// Those that a function explains.
    pub fn new(
        explain: impl Fn(&Actor, Permission, Option<&str>) -> Result<Vec<String>, String> + Send + Sync + 'static,
    ) -> Self {
        Self(Box::new(explain))
    }

    /// Why an actor may do something, with an object if there is one, or may not.
    ///
    /// # Errors
    /// When the object cannot be read.
    pub fn explain(&self, actor: &Actor, permission: Permission, identifier: Option<&str>) -> Result<Vec<String>, String> {
        (self.0)(actor, permission, identifier)
    }
}

impl std::fmt::Debug for Decisions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Decisions")
    }
}

type DoWork = dyn Fn(&str, &Work, &mut Progress) -> Result<database::Outcome, String> + Send + Sync;

/// What administrators do with the whole store. It waits for the disk: never on a thread that serves sockets.
pub struct WholeStore(Box<DoWork>);

impl WholeStore {
    /// The store that a function works on, for somebody.
    pub fn new(work: impl Fn(&str, &Work, &mut Progress) -> Result<database::Outcome, String> + Send + Sync + 'static) -> Self {
        Self(Box::new(work))
    }

    /// Does something with it, for somebody.
    ///
    /// # Errors
    /// Why it was not done, or not all of it.
    pub fn work(&self, actor: &str, work: &Work, progress: &mut Progress) -> Result<database::Outcome, String> {
        (self.0)(actor, work, progress)
    }
}

impl std::fmt::Debug for WholeStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("WholeStore")
    }
}

type Write = dyn Fn(Vec<u8>) -> Result<(), String> + Send + Sync;

/// Where administrative changes are recorded. Writing waits for the disk: never on a thread that serves sockets.
pub struct AuditLog(Box<Write>);

impl AuditLog {
    /// A log that entries are written to by a function, which returns when they are durable.
    pub fn new(write: impl Fn(Vec<u8>) -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self(Box::new(write))
    }

    /// Records a command of an administrator, done or refused, about users or certificates. A failure is logged too.
    ///
    /// # Errors
    /// When the log takes no entries.
    pub fn record(&self, actor: &str, command: &str, identifiers: Vec<String>, done: bool) -> Result<(), String> {
        let outcome = if done { Outcome::Success } else { Outcome::Failure(ResultReason::GeneralFailure.0) };
        self.record_as(actor, command, identifiers, outcome)
    }

    /// Records a command of an administrator with what came of it. A failure is logged too.
    ///
    /// # Errors
    /// When the log takes no entries.
    pub fn record_as(&self, actor: &str, command: &str, identifiers: Vec<String>, outcome: Outcome) -> Result<(), String> {
        let record = administrative(actor, command, identifiers, outcome);
        (self.0)(record.encode()).inspect_err(|cause| error!(%cause, "not in the audit log: {record}"))
    }
}

/// The record of a command of an administrator, now.
pub(crate) fn administrative(actor: &str, command: &str, identifiers: Vec<String>, outcome: Outcome) -> AuditRecord {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    AuditRecord {
        time_us: i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX),
        tenant: store::Tenant::DEFAULT.0,
        actor: actor.to_owned(),
        peer: None,
        action: Action::Administrative(command.to_owned()),
        identifiers,
        outcome,
    }
}

impl std::fmt::Debug for AuditLog {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("AuditLog")
    }
}

impl Live {
    /// Reads configuration, certificates, revocation lists, policy, platforms and users again, and takes them all, or none of them.
    ///
    /// # Errors
    /// What is wrong with a file; the server goes on with what it has.
    pub fn reload(&self) -> Result<Vec<String>, String> {
        let _reloading = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let result = self.try_reload();
        match &result {
            Ok(messages) => info!("reloaded: {}", messages.join("; ")),
            Err(cause) => error!("not reloaded, everything stays as it was: {cause}"),
        }
        result
    }

    fn try_reload(&self) -> Result<Vec<String>, String> {
        let config = Config::read(&self.started_with.file).map_err(|error| error.to_string())?;
        let generation = self.trust.load().generation + 1;
        let trust = Trust::read(&config.tls, Arc::clone(&self.sessions), generation).map_err(|error| error.to_string())?;
        let policy = self.policies.read_again(&config).map_err(|error| error.to_string())?;
        // Tenants are those of the new policy.
        let before = self.policies.current();
        let platforms = Platforms::read_again(&config, policy.as_ref().unwrap_or(&before)).map_err(|error| error.to_string())?;
        // The users last of what can fail, so that nothing is taken when anything is wrong. What was proved before is proved again,
        // and is then judged by the new policy.
        if let Some(policy) = &policy {
            self.policies.take(Arc::clone(policy));
        }
        let users = self.users.reload().map_err(|error| {
            self.policies.take(before);
            error.to_string()
        })?;
        let platforms = self.platforms.take(platforms);
        let mut messages = vec![
            format!("{} certificate(s), authority(ies) and revocation list(s) in use", trust.expiries.len()),
            format!("{users} user(s), {platforms} platform(s)"),
            match policy {
                Some(_) => "the policy has changed".to_owned(),
                None => "the policy is the same".to_owned(),
            },
        ];
        self.trust.store(trust.with_rules(self.policies.current()));
        let restart = needs_restart(&self.started_with, &config);
        if !restart.is_empty() {
            messages.push(format!("changes of {} need a restart", restart.join(", ")));
        }
        Ok(messages)
    }

    /// Takes the revocation lists whose files have changed since they were read. A file that is being written, or is damaged, is looked
    /// at again the next time; until then what was read before holds.
    pub fn take_lists(&self) {
        let _reloading = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.trust.load();
        if !current.lists_changed() {
            return;
        }
        let mut refused = self.lists_refused.lock().unwrap_or_else(PoisonError::into_inner);
        let files = || current.config.crls.iter().map(|path| path.display().to_string()).collect();
        match Trust::read(&current.config, Arc::clone(&self.sessions), current.generation + 1) {
            Ok(trust) => {
                self.trust.store(trust.with_rules(self.policies.current()));
                *refused = None;
                info!("revocation lists have changed, and hold for open connections, too");
                let _ = self.audit_log.record("kmipd", "crl reload", files(), true);
            }
            Err(cause) => {
                let cause = cause.to_string();
                if refused.as_ref() != Some(&cause) {
                    error!("revocation lists have changed and cannot be taken, those read before hold: {cause}");
                    let _ = self.audit_log.record("kmipd", "crl reload", files(), false);
                    *refused = Some(cause);
                }
            }
        }
    }

    /// How the server is, in sentences.
    #[must_use]
    pub fn status(&self) -> Vec<String> {
        let mut messages = vec![
            format!("process {} serves on {} since {} s", std::process::id(), self.address, self.since.elapsed().as_secs()),
            format!(
                "{} connection(s) open, {} accepted, {} request(s) answered",
                self.metrics.connections_open.load(Relaxed),
                self.metrics.connections_accepted.load(Relaxed),
                self.metrics.requests_answered()
            ),
            format!("{} user(s)", self.users.list().len()),
        ];
        for expiry in &self.trust.load().expiries {
            let days = expiry.seconds_left().div_euclid(24 * 3600);
            messages.push(format!("{} {} ends in {days} day(s)", expiry.what, expiry.path.display()));
        }
        messages
    }
}

/// The sections that differ and are read at the start only. Compared as text: one comparison for every key there will ever be.
fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let text = |config: &Config| {
        [
            ("listen", format!("{:?}", config.listen)),
            ("users", format!("{:?}", config.users)),
            ("protocol", format!("{:?}", config.protocol)),
            ("authority", format!("{:?}", config.authority)),
            ("store", format!("{:?}", config.store)),
            ("audit", format!("{:?}", config.audit)),
            ("credentials", format!("{:?}", config.credentials)),
            ("attestation", format!("{:?}", config.attestation)),
            ("admin", format!("{:?}", config.admin)),
            ("log", format!("{:?}", config.log)),
            ("monitoring", format!("{:?}", config.monitoring)),
            ("limits", format!("{:?}", config.limits)),
        ]
    };
    let pairs = text(old).into_iter().zip(text(new));
    pairs.filter(|(old, new)| old.1 != new.1).map(|(old, _)| old.0).collect()
}
