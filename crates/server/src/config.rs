//! kmipd.toml: what can be configured, its defaults, and errors that name line and key.

use crate::attestation::AttestationConfig;
use crate::duties::Duties;
use crate::identity::IdentityRule;
use crate::limits::Limits;
use crate::sink::config::{self as sink_config, SinkConfig};
use dispatcher::{AsynchronousSettings, StreamSettings, TicketSettings};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use store::sealing::{RootKey, SecretSeal};
use store_sled::Options;

/// The port the standard registers for KMIP.
pub const PORT: u16 = 5696;

/// A whole configuration. Paths are relative to the file's folder until [`Config::read`] makes them absolute.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where clients connect.
    pub listen: SocketAddr,
    /// The users file.
    #[serde(default = "default_users")]
    pub users: PathBuf,
    /// The policy file: who clients are and what they may do. Absent: `policy.toml`, which need not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PathBuf>,
    /// What the server answers.
    #[serde(default)]
    pub protocol: ProtocolConfig,
    /// Certificates.
    pub tls: TlsConfig,
    /// The authority that `kmipd client` signs with; absent: certificates come from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<AuthorityConfig>,
    /// Where objects are kept.
    pub store: StoreConfig,
    /// Requests that are answered later.
    #[serde(default)]
    pub asynchronous: AsynchronousConfig,
    /// Tickets.
    #[serde(default)]
    pub tickets: TicketsConfig,
    /// Cryptographic services.
    #[serde(default)]
    pub services: ServicesConfig,
    /// How long the audit log is kept.
    #[serde(default)]
    pub audit: AuditConfig,
    /// Credentials in messages.
    #[serde(default)]
    pub credentials: CredentialsConfig,
    /// Attestations in messages.
    #[serde(default)]
    pub attestation: AttestationConfig,
    /// The administrative socket.
    #[serde(default)]
    pub admin: AdminConfig,
    /// The log.
    #[serde(default)]
    pub log: LogConfig,
    /// The listener for health checks and metrics; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitoring: Option<MonitoringConfig>,
    /// Limits.
    #[serde(default)]
    pub limits: Limits,
    /// The file it was read from.
    #[serde(skip)]
    pub file: PathBuf,
}

/// What the server answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProtocolConfig {
    /// Vendor Identification in the answer to Query. Some clients choose their profile by it: set it once.
    pub vendor: String,
    /// Whether the Interop operation is answered. Reset removes the caller's own objects: for tests only.
    pub interop: bool,
    /// Whether passwords of fewer than 12 characters are accepted by `kmipd user add`.
    pub weak_passwords: bool,
    /// How far the Time Stamp of a request may be from the server's clock, in seconds. Absent: not checked, since the clocks of
    /// many devices are wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_stamp_tolerance_s: Option<u64>,
    /// Lease Time of new objects, in seconds.
    pub lease_time_s: u32,
}

/// Lease Time of new objects: an hour, after which a client should ask again.
const LEASE_TIME_S: u32 = 3_600;

impl Default for ProtocolConfig {
    fn default() -> Self {
        Self {
            vendor: "kmipd".to_owned(),
            interop: false,
            weak_passwords: false,
            time_stamp_tolerance_s: None,
            lease_time_s: LEASE_TIME_S,
        }
    }
}

/// Certificates.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The server's certificate with its intermediates, PEM.
    pub certificate: PathBuf,
    /// The server's private key, PEM.
    pub key: PathBuf,
    /// The authorities whose clients are accepted, PEM.
    pub client_ca: PathBuf,
    /// Revocation lists, PEM or DER.
    #[serde(default)]
    pub crls: Vec<PathBuf>,
    /// Whether a client is refused when no revocation list covers its authority. Has no effect without `crls`.
    #[serde(default)]
    pub crl_required: bool,
    /// Whether clients are refused when their revocation list has expired. Off, so that a late list does not stop every array.
    #[serde(default)]
    pub crl_must_be_current: bool,
    /// Which part of the client's certificate names the actor; the first rule that gives a name decides.
    #[serde(default = "default_identity")]
    pub identity: Vec<IdentityRule>,
}

/// The authority's files.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityConfig {
    /// Its certificate, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// The revocation list that `kmipd client revoke` keeps; it works when `tls.crls` names it too.
    #[serde(default = "default_revocation_list")]
    pub crl: PathBuf,
    /// Which certificates were issued, and which requests wait.
    #[serde(default = "default_register")]
    pub register: PathBuf,
    /// Whether clients get new certificates by Re-Provision: whoever has a client's certificate and key can then have another one,
    /// until somebody revokes it. Needs the key where the server can read it.
    #[serde(default)]
    pub re_provision: bool,
    /// How long the old certificate holds at most after a Re-Provision, in seconds, while the client has not used the new one.
    #[serde(default = "default_re_provision_grace_s")]
    pub re_provision_grace_s: u64,
}

/// The kinds of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// The embedded store in files, sealed.
    Sled,
    /// In memory, gone when the server stops: for tests.
    Memory,
}

/// Where objects are kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// Which store.
    pub kind: StoreKind,
    /// Its folder.
    #[serde(default = "default_data")]
    pub path: PathBuf,
    /// The file with the root key.
    #[serde(default = "default_root_key")]
    pub root_key: PathBuf,
    /// Memory for pages of the objects' files, in MiB.
    #[serde(default = "default_cache_mib")]
    pub cache_mib: u64,
    /// Writes are refused while the file system has less room than this, in MiB.
    #[serde(default = "default_reserve_mib")]
    pub reserve_mib: u64,
}

impl StoreConfig {
    /// How the embedded store uses the machine.
    #[must_use]
    pub fn options(&self) -> Options {
        Options { cache_bytes: self.cache_mib << 20, reserve_bytes: self.reserve_mib << 20, ..Options::default() }
    }
}

/// Requests that are answered later: accepted, done by workers, polled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AsynchronousConfig {
    /// Batches that are worked on at one time. Key generation has threads of its own (`limits.heavy_work_max`).
    pub workers: usize,
    /// Batch items of one client that may wait, or be kept with their results.
    pub requests_per_client_max: usize,
    /// The same of all clients.
    pub requests_max: usize,
    /// Bytes of the requests and results that are kept for one client.
    pub bytes_per_client_max: usize,
    /// The same of all clients.
    pub bytes_max: usize,
    /// How long a result is kept, in seconds from the end of the operation.
    pub keep_s: u64,
    /// Whether a request that may be answered later (Optional, or True in 1.x) is. A client that polls needs more messages.
    pub when_optional: bool,
}

/// Batches worked on at one time: one that waits for a key to be generated does not keep the others waiting.
const ASYNCHRONOUS_WORKERS: usize = 4;

impl Default for AsynchronousConfig {
    fn default() -> Self {
        let AsynchronousSettings { requests_per_client, requests, bytes_per_client, bytes, keep_s, when_optional } =
            AsynchronousSettings::default();
        Self {
            workers: ASYNCHRONOUS_WORKERS,
            requests_per_client_max: requests_per_client,
            requests_max: requests,
            bytes_per_client_max: bytes_per_client,
            bytes_max: bytes,
            keep_s,
            when_optional,
        }
    }
}

/// Tickets: what Login and Delegated Login give out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TicketsConfig {
    /// How long a ticket is valid when Login does not say, in seconds.
    pub lease_time_s: u32,
    /// How long it can be valid at most, in seconds.
    pub lease_time_max_s: u32,
    /// Valid tickets of one client.
    pub per_client_max: usize,
    /// Valid tickets of all clients.
    pub tickets_max: usize,
}

impl Default for TicketsConfig {
    fn default() -> Self {
        let TicketSettings { lease_time_s, lease_time_max_s, tickets_per_client, tickets } = TicketSettings::default();
        Self { lease_time_s, lease_time_max_s, per_client_max: tickets_per_client, tickets_max: tickets }
    }
}

/// Cryptographic services: what the server computes with the keys of its clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServicesConfig {
    /// Streams of one client: operations whose data come in several requests.
    pub streams_per_client_max: usize,
    /// Streams of all clients.
    pub streams_max: usize,
    /// Bytes that all streams keep in memory until they may be given out.
    pub stream_memory_max: usize,
    /// How long a stream waits for its next part, in seconds.
    pub stream_expiry_s: u64,
    /// Whether RSA keys decrypt with the padding PKCS1 v1.5. Off, because a server that says whether a padding was right can be made to
    /// decrypt anything by some thousand questions; clients should use OAEP.
    pub pkcs1_decryption: bool,
    /// What becomes of the seeds that clients send for the random number generator.
    pub rng_seed: SeedPolicy,
    /// With `accept`, how many bytes of a seed are used; the rest is ignored, and the client told so.
    pub rng_seed_bytes_max: usize,
}

/// What becomes of the seeds that clients send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeedPolicy {
    /// They are ignored, and the client is told that nothing was used.
    Ignore,
    /// They are mixed into what the generator gives.
    Accept,
    /// The request is refused.
    Refuse,
}

/// Bytes of a seed that are used: far more than the generator's pool has.
const RNG_SEED_BYTES: usize = 4_096;

impl Default for ServicesConfig {
    fn default() -> Self {
        let StreamSettings { streams_per_client, streams, stream_memory, stream_expiry_s } = StreamSettings::default();
        Self {
            streams_per_client_max: streams_per_client,
            streams_max: streams,
            stream_memory_max: stream_memory,
            stream_expiry_s,
            pkcs1_decryption: false,
            rng_seed: SeedPolicy::Ignore,
            rng_seed_bytes_max: RNG_SEED_BYTES,
        }
    }
}

/// The audit log in the store, and its checkpoints.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditConfig {
    /// Entries younger than this many days are kept.
    pub keep_days: u32,
    /// The newest entries are kept up to this many MiB, however old they are.
    pub keep_mib: u64,
    /// The key that signs checkpoints, 32 bytes; the public key is beside it, in a file that ends in `.pub`.
    pub key: PathBuf,
    /// The file of checkpoints. Copies of it elsewhere show that the end of the log was cut off.
    pub checkpoints: PathBuf,
    /// Seconds between checkpoints while there are new entries.
    pub checkpoint_s: u64,
    /// When the record of what was read has to be where before the answer leaves.
    pub reads: ReadRecords,
    /// The folder in which sinks note up to where they have delivered the log.
    pub positions: PathBuf,
    /// Copies of the log outside the store.
    #[serde(rename = "sink", skip_serializing_if = "Vec::is_empty")]
    pub sinks: Vec<SinkConfig>,
}

/// Where the record of what was read is before the answer leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadRecords {
    /// With the kernel: it survives the end of the process, and a power cut some 50 ms later.
    Kernel,
    /// On the disk: each read waits for a sync.
    Durable,
}

/// Days that entries of the audit log are kept: a year, and the weeks in which somebody looks back at it.
const KEEP_DAYS: u32 = 400;
/// MiB of entries that are kept whatever their age: near a million of them. A clock that is wrong makes everything old at once.
const KEEP_MIB: u64 = 256;
/// Seconds between checkpoints: what was done in the last five minutes before somebody cuts the log off is all that can be hidden.
const CHECKPOINT_S: u64 = 300;
/// The least and the most of [`StoreConfig::reserve_mib`] and [`StoreConfig::cache_mib`]: a segment of the journal fits in the
/// reserve, and what is multiplied out to bytes fits in 64 bits.
const RESERVE_MIB: std::ops::RangeInclusive<u64> = 32..=1 << 30;
const CACHE_MIB: std::ops::RangeInclusive<u64> = 8..=1 << 30;

impl Default for AuditConfig {
    fn default() -> Self {
        Self {
            keep_days: KEEP_DAYS,
            keep_mib: KEEP_MIB,
            key: PathBuf::from("audit.key"),
            checkpoints: PathBuf::from("audit.checkpoints"),
            checkpoint_s: CHECKPOINT_S,
            reads: ReadRecords::Kernel,
            positions: PathBuf::from("audit.positions"),
            sinks: Vec::new(),
        }
    }
}

/// Credentials in messages, beside certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CredentialsConfig {
    /// The names of clients, by their certificates, whose requests need a credential, too; `*`: all.
    pub required_for: Vec<String>,
    /// Failures of one client with one name after which it waits: a second, then twice as long each time.
    pub failures_max: u32,
    /// What it waits at the most, in seconds.
    pub delay_max_s: u64,
    /// Failures of one client with many names, and of many clients with one name, after which they wait.
    pub many_failures_max: u32,
    /// Failures from one network address, with any client and name, after which those that are not known wait; 0: addresses are not
    /// counted, since all clients come through one.
    pub address_failures_max: u32,
    /// What these wait at the most, in seconds.
    pub many_delay_max_s: u64,
    /// How far the time stamp of a hashed password may be from the server's clock, in seconds.
    pub hashed_password_tolerance_s: u64,
}

/// Nobody mistypes a password more often.
const FAILURES_MAX: u32 = 5;
/// A hundred guesses a day.
const DELAY_MAX_S: u64 = 900;
/// Failures that a client with many users has in a bad moment.
const MANY_FAILURES_MAX: u32 = 20;
/// Several clients may come through one address.
const ADDRESS_FAILURES_MAX: u32 = 50;
/// They may be one that guesses and one that is in a hurry.
const MANY_DELAY_MAX_S: u64 = 60;
/// Seconds between the clocks of a client that shows a hashed password and the server: what Kerberos allows.
const HASHED_PASSWORD_TOLERANCE_S: u64 = 300;

impl Default for CredentialsConfig {
    fn default() -> Self {
        Self {
            required_for: Vec::new(),
            failures_max: FAILURES_MAX,
            delay_max_s: DELAY_MAX_S,
            many_failures_max: MANY_FAILURES_MAX,
            address_failures_max: ADDRESS_FAILURES_MAX,
            many_delay_max_s: MANY_DELAY_MAX_S,
            hashed_password_tolerance_s: HASHED_PASSWORD_TOLERANCE_S,
        }
    }
}

/// The administrative socket, and who of the local users may do what over it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdminConfig {
    /// Its path.
    pub socket: PathBuf,
    /// Local users (`alice`, `1000`) and groups (`@keyadmins`, `@1000`) that administer the server. They do not read the audit log.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub administrators: Vec<String>,
    /// Those that read the audit log and reports, and change nothing. Nobody is both.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub auditors: Vec<String>,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self { socket: PathBuf::from("kmipd.sock"), administrators: Vec::new(), auditors: Vec::new() }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The log, written to standard error.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// How lines look.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,server=debug`.
    pub level: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}

/// The listener for health checks and metrics.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonitoringConfig {
    /// Its address. Plain HTTP without authentication: loopback or a management network.
    pub listen: SocketAddr,
}

/// The policy file where the configuration names none.
const POLICY: &str = "policy.toml";

fn default_revocation_list() -> PathBuf {
    PathBuf::from("ca.crl")
}

fn default_register() -> PathBuf {
    PathBuf::from("enrolment.json")
}

/// An hour: enough for a device to fetch its new certificate and to connect with it.
const fn default_re_provision_grace_s() -> u64 {
    3_600
}

fn default_users() -> PathBuf {
    PathBuf::from("users.toml")
}

fn default_identity() -> Vec<IdentityRule> {
    vec![IdentityRule::CommonName]
}

fn default_data() -> PathBuf {
    PathBuf::from("data")
}

fn default_cache_mib() -> u64 {
    Options::default().cache_bytes >> 20
}

fn default_reserve_mib() -> u64 {
    Options::default().reserve_bytes >> 20
}

fn default_root_key() -> PathBuf {
    PathBuf::from("root.key")
}

/// Why a configuration is not usable.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] crate::files::FileError),
    /// It is not what is expected; the text shows line and column.
    #[error("{}: {text}", file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// The parser's message.
        text: String,
    },
    /// A value is not acceptable.
    #[error("{}: {text}", file.display())]
    Value {
        /// The file.
        file: PathBuf,
        /// Key and reason.
        text: String,
    },
}

impl Config {
    /// Where the policy is, or would be.
    #[must_use]
    pub fn policy_file(&self) -> PathBuf {
        self.policy.clone().unwrap_or_else(|| self.folder().join(POLICY))
    }

    /// What seals secrets outside of the store, under the root key.
    ///
    /// # Errors
    /// When the root key cannot be read.
    pub fn secret_seal(&self) -> Result<SecretSeal, String> {
        let key = RootKey::read_file(&self.store.root_key).map_err(|error| error.to_string())?;
        SecretSeal::of(&key).map_err(|error| error.to_string())
    }

    /// Where platforms are described, or would be; whether the file has to be there.
    #[must_use]
    pub fn attestation_file(&self) -> (PathBuf, bool) {
        match &self.attestation.file {
            Some(file) => (file.clone(), true),
            None => (self.folder().join(crate::attestation::FILE), false),
        }
    }

    /// Reads a configuration file.
    ///
    /// # Errors
    /// When it cannot be read, has an unknown key, or a value is out of bounds.
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        let text = crate::files::read_text(file)?;
        let absolute = std::path::absolute(file).map_err(crate::files::FileError::new("find", file))?;
        Self::parse(&text, &absolute)
    }

    /// Parses the text of a configuration file.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let mut config: Self =
            toml::from_str(text).map_err(|error| ConfigError::Syntax { file: file.to_owned(), text: error.to_string() })?;
        config.file = file.to_owned();
        let value = |text: String| ConfigError::Value { file: file.to_owned(), text };
        config.limits.check().map_err(value)?;
        if config.tls.identity.is_empty() {
            return Err(value("tls.identity: name at least one rule".to_owned()));
        }
        if config.protocol.vendor.is_empty() || config.protocol.vendor.len() > 128 {
            return Err(value("protocol.vendor: must have 1 to 128 bytes".to_owned()));
        }
        let (asynchronous, tickets, services) = (&config.asynchronous, &config.tickets, &config.services);
        for (key, number, least, most) in [
            ("asynchronous.workers", asynchronous.workers as u64, 1, 256),
            ("asynchronous.requests_per_client_max", asynchronous.requests_per_client_max as u64, 1, 65_535),
            ("asynchronous.requests_max", asynchronous.requests_max as u64, 1, 1_000_000),
            ("asynchronous.bytes_per_client_max", asynchronous.bytes_per_client_max as u64, 1 << 20, 1 << 40),
            ("asynchronous.bytes_max", asynchronous.bytes_max as u64, 1 << 20, 1 << 40),
            ("asynchronous.keep_s", asynchronous.keep_s, 1, 366 * 86_400),
            ("audit.checkpoint_s", config.audit.checkpoint_s, 1, 86_400),
            ("credentials.failures_max", config.credentials.failures_max.into(), 1, 1_000),
            ("credentials.delay_max_s", config.credentials.delay_max_s, 1, 86_400),
            ("credentials.many_failures_max", config.credentials.many_failures_max.into(), 1, 1_000_000),
            ("credentials.address_failures_max", config.credentials.address_failures_max.into(), 0, 1_000_000),
            ("credentials.many_delay_max_s", config.credentials.many_delay_max_s, 1, 86_400),
            ("attestation.nonce_expiry_s", config.attestation.nonce_expiry_s.into(), 1, 3_600),
            ("attestation.valid_s", config.attestation.valid_s.into(), 0, 86_400),
            ("credentials.hashed_password_tolerance_s", config.credentials.hashed_password_tolerance_s, 1, 3_600),
            ("tickets.lease_time_s", tickets.lease_time_s.into(), 1, tickets.lease_time_max_s.into()),
            ("tickets.per_client_max", tickets.per_client_max as u64, 1, 65_536),
            ("tickets.tickets_max", tickets.tickets_max as u64, 1, 1_000_000),
            ("services.streams_per_client_max", services.streams_per_client_max as u64, 1, 65_536),
            ("services.streams_max", services.streams_max as u64, 1, 1_000_000),
            ("services.stream_memory_max", services.stream_memory_max as u64, 1, 1 << 40),
            ("services.stream_expiry_s", services.stream_expiry_s, 1, 86_400),
        ] {
            if !(least..=most).contains(&number) {
                return Err(value(format!("{key} = {number}: must be between {least} and {most}")));
            }
        }
        for (key, mib, range) in
            [("cache_mib", config.store.cache_mib, CACHE_MIB), ("reserve_mib", config.store.reserve_mib, RESERVE_MIB)]
        {
            if !range.contains(&mib) {
                return Err(value(format!("store.{key} = {mib}: must be from {} to {}", range.start(), range.end())));
            }
        }
        sink_config::check(&config.audit.sinks).map_err(value)?;
        Duties::read(&config.admin).map_err(value)?;
        let folder = config.folder().to_owned();
        for path in config.paths_mut() {
            *path = folder.join(&*path);
        }
        if config.store.kind == StoreKind::Sled && config.store.root_key.starts_with(&config.store.path) {
            return Err(value("store.root_key: must lie outside store.path, or a copy of the data carries its key".to_owned()));
        }
        Ok(config)
    }

    /// The folder of the file.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("/"))
    }

    fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        let mut paths = vec![
            &mut self.users,
            &mut self.tls.certificate,
            &mut self.tls.key,
            &mut self.tls.client_ca,
            &mut self.store.path,
            &mut self.store.root_key,
            &mut self.admin.socket,
            &mut self.audit.key,
            &mut self.audit.checkpoints,
            &mut self.audit.positions,
        ];
        paths.extend(&mut self.policy);
        paths.extend(&mut self.attestation.file);
        paths.extend(self.audit.sinks.iter_mut().flat_map(SinkConfig::paths_mut));
        paths.extend(&mut self.tls.crls);
        if let Some(authority) = &mut self.authority {
            paths.push(&mut authority.certificate);
            paths.push(&mut authority.key);
            paths.push(&mut authority.crl);
            paths.push(&mut authority.register);
        }
        paths
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
