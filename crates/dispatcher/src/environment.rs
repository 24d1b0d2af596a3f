//! What the dispatcher asks of the world: time, threads for slow work, and the verification of credentials. Tests hold them still.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use kmip::credential::{Attestation, Credential};
use kmip::enumerations::AttestationType;
use policy::{Actor, Membership};

/// A future that owns or borrows what it needs.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The time of day.
pub trait Clock: Send + Sync + 'static {
    /// Micro-seconds since 1970 (UTC).
    fn now_us(&self) -> i64;

    /// Waits.
    fn sleep(&self, duration: Duration) -> Pending<'_, ()>;
}

/// Threads for work that takes long, such as making an RSA key; bounded, so that it never starves the rest.
pub trait HeavyWork: Send + Sync + 'static {
    /// Runs the work and returns when it is done.
    fn run(&self, work: Box<dyn FnOnce() + Send>) -> Pending<'_, ()>;

    /// Runs work of milliseconds, such as a signature: it should not wait behind what takes seconds.
    fn run_brief(&self, work: Box<dyn FnOnce() + Send>) -> Pending<'_, ()> {
        self.run(work)
    }
}

/// The judge of credentials in messages.
pub trait Authenticator: Send + Sync + 'static {
    /// The user or device that the credential proves, for a client whose certificate names `client`, and who connects
    /// from the address `peer`: the work of one client must not keep another's waiting.
    fn verify<'a>(&'a self, client: &'a Actor, peer: &'a str, credential: &'a Credential)
    -> Pending<'a, Result<Proved, Refused>>;

    /// The user of a name that a credential proved, as the policy has it.
    ///
    /// # Errors
    /// When the policy does not let it in over this client.
    fn user(&self, client: &Actor, name: String) -> Result<Actor, Refused> {
        Ok(Actor::of(name, client.tenant))
    }

    /// The actor that somebody of these groups and roles is under the policy of now.
    ///
    /// # Errors
    /// When the policy does not let it in.
    fn member(&self, name: &str, tenant: u32, _membership: &Membership) -> Result<Actor, Refused> {
        Ok(Actor::of(name, tenant))
    }

    /// A number that grows whenever what a credential proves may have changed, after the change holds. What was verified under
    /// an older number is verified again.
    fn generation(&self) -> u64;
}

/// What a credential proves.
#[derive(Debug)]
pub struct Proved {
    /// The name of the user or device.
    pub name: String,
    /// What the server proves in turn to a client that showed a hashed password: Server Hashed Password (2.1, section 8.5).
    pub server_hashed_password: Option<Vec<u8>>,
}

impl From<String> for Proved {
    fn from(name: String) -> Self {
        Self { name, server_hashed_password: None }
    }
}

/// A credential that proves nothing.
#[derive(Debug)]
pub struct Refused {
    /// Why, for the log.
    pub cause: String,
    /// What the client is told beside the reason; `None`: no more than anybody who proves nothing.
    pub told: Option<&'static str>,
}

impl Refused {
    /// For a cause that the client is not told.
    pub fn because(cause: impl Into<String>) -> Self {
        Self { cause: cause.into(), told: None }
    }

    /// The same, with what the client is told.
    #[must_use]
    pub fn telling(self, told: &'static str) -> Self {
        Self { told: Some(told), ..self }
    }
}

/// The judge of attestations: what the platforms of clients are.
pub trait Attestor: Send + Sync + 'static {
    /// What it evaluates, for whatever client.
    fn types(&self) -> Vec<AttestationType>;

    /// What it evaluates for a client, by its certificate.
    fn types_for(&self, client: &Actor) -> Vec<AttestationType>;

    /// A number that grows whenever what an attestation shows may have changed, after the change holds.
    fn generation(&self) -> u64;

    /// That an attestation of one of these types, whose nonce was given to this client and used by nobody, shows a platform that the client
    /// may have.
    ///
    /// # Errors
    /// Why it does not.
    fn verify(&self, client: &Actor, attestation: &Attestation) -> Result<(), NotAttested>;
}

/// An attestation that does not validate.
#[derive(Debug)]
pub struct NotAttested {
    /// Why, for the log.
    pub cause: String,
    /// What the client is told; `None`: that it does not validate.
    pub told: Option<String>,
}

impl NotAttested {
    /// For a cause that the client is not told.
    pub fn because(cause: impl Into<String>) -> Self {
        Self { cause: cause.into(), told: None }
    }

    /// For one that it is told.
    pub fn telling(told: impl Into<String>) -> Self {
        let told = told.into();
        Self { cause: told.clone(), told: Some(told) }
    }
}

/// A server that evaluates no attestations.
#[derive(Clone, Copy, Debug)]
pub struct NoAttestor;

impl Attestor for NoAttestor {
    fn types(&self) -> Vec<AttestationType> {
        Vec::new()
    }

    fn types_for(&self, _: &Actor) -> Vec<AttestationType> {
        Vec::new()
    }

    fn generation(&self) -> u64 {
        0
    }

    fn verify(&self, _: &Actor, _: &Attestation) -> Result<(), NotAttested> {
        Err(NotAttested::because("there is no judge of attestations"))
    }
}

/// Who makes the certificates that clients connect with.
pub trait Registrar: Send + Sync + 'static {
    /// Makes a certificate with the names of another: that of a connection, which is the first of its chain. All is DER.
    ///
    /// # Errors
    /// Why there is no such certificate.
    fn certify(&self, chain: &[Vec<u8>], key: NewKey<'_>) -> Result<Vec<u8>, NotCertified>;

    /// That a certificate from elsewhere connects the same client as the first of this chain.
    ///
    /// # Errors
    /// Why it does not.
    fn admit(&self, chain: &[Vec<u8>], certificate: &[u8]) -> Result<(), NotCertified>;
}

/// The key that a new certificate is about.
#[derive(Clone, Copy, Debug)]
pub enum NewKey<'a> {
    /// That of a certification request of PKCS#10, DER or PEM, which proves that its maker has the private key.
    Request(&'a [u8]),
    /// A Subject Public Key Info, DER.
    PublicKey(&'a [u8]),
}

/// Why there is no certificate.
#[derive(Debug)]
pub enum NotCertified {
    /// What was asked for cannot be. The client is told.
    Request(String),
    /// The certificate of the connection cannot be replaced. The cause is for the log.
    Client(String),
    /// The authority failed. The cause is for the log.
    Failed(String),
}

/// A server without an authority.
#[derive(Clone, Copy, Debug)]
pub struct NoRegistrar;

impl Registrar for NoRegistrar {
    fn certify(&self, _: &[Vec<u8>], _: NewKey<'_>) -> Result<Vec<u8>, NotCertified> {
        Err(NotCertified::Failed("there is no authority".to_owned()))
    }

    fn admit(&self, _: &[Vec<u8>], _: &[u8]) -> Result<(), NotCertified> {
        Err(NotCertified::Failed("there is no authority".to_owned()))
    }
}

/// The world, as the engine sees it.
pub struct Environment {
    /// The time of day.
    pub clock: Box<dyn Clock>,
    /// Threads for slow work.
    pub heavy_work: Box<dyn HeavyWork>,
    /// The judge of credentials.
    pub authenticator: Box<dyn Authenticator>,
    /// The judge of attestations.
    pub attestor: std::sync::Arc<dyn Attestor>,
    /// Who makes the certificates that clients connect with.
    pub registrar: std::sync::Arc<dyn Registrar>,
    /// Where keys and identifiers come from.
    pub random: std::sync::Arc<dyn crypto::Random>,
}

/// What a configuration decides.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Limits of a message.
    pub limits: ttlv_codec::Limits,
    /// Batch items in a message.
    pub batch_items: usize,
    /// The size of a response that no client may exceed, in bytes.
    pub response_size: usize,
    /// Bytes of all responses that wait for their clients, beyond the first 16 KiB of each.
    pub response_memory: usize,
    /// Identifiers in the response to a Locate that names no maximum itself.
    pub located_items: usize,
    /// The size of the material of one object, in bytes.
    pub object_size: usize,
    /// Attribute values of one object that are not the server's own.
    pub attributes_per_object: usize,
    /// The clients, by their certificates, whose requests need a credential, too; `*`: all.
    pub credential_required_for: Vec<String>,
    /// How far the time stamp of a request may be from the server's clock, in seconds; `None`: not checked.
    pub time_stamp_tolerance_s: Option<u64>,
    /// Whether the Interop operation is offered: for tests only, since it removes objects.
    pub interop: bool,
    /// What Query says the server's maker is. Some clients recognise servers by it.
    pub vendor_identification: String,
    /// The Lease Time of new objects, in seconds.
    pub lease_time_s: u32,
    /// Iterations of PBKDF2 for one derived key, times the blocks of the hash it has.
    pub derivation_iterations: u64,
    /// Requests that are answered later.
    pub asynchronous: AsynchronousSettings,
    /// Tickets.
    pub tickets: TicketSettings,
    /// Attestations.
    pub attestation: AttestationSettings,
    /// Cryptographic operations whose data come in several requests.
    pub streams: StreamSettings,
    /// Whether RSA keys decrypt with the padding PKCS1 v1.5. Whoever can tell a wrong padding from a right one, by an error or by a
    /// time, decrypts anything with some thousand questions (Bleichenbacher's attack), and the standard's answer tells it.
    pub pkcs1_decryption: bool,
    /// How long a certificate that Re-Provision replaced holds at most, in seconds, while the new one is not used; `None`:
    /// Re-Provision is not offered.
    pub re_provision_grace_s: Option<u64>,
    /// What becomes of the seeds that clients send.
    pub rng_seed: RngSeed,
}

/// What becomes of the bytes of an RNG Seed (2.1, section 6.1.50).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RngSeed {
    /// None are used, and the client is told that.
    Ignore,
    /// The first of them are mixed into what the generator gives.
    Accept {
        /// How many of one request.
        bytes: usize,
    },
    /// The request is refused.
    Refuse,
}

/// What a configuration decides about requests that are answered later.
#[derive(Clone, Debug)]
pub struct AsynchronousSettings {
    /// Batch items of one client that may wait, or be kept with their results.
    pub requests_per_client: usize,
    /// The same of all clients.
    pub requests: usize,
    /// Bytes of requests and results that are kept for one client.
    pub bytes_per_client: usize,
    /// The same of all clients.
    pub bytes: usize,
    /// How long a result is kept, in seconds from the end of the operation.
    pub keep_s: u64,
    /// Whether a request that may be answered later (Optional, or True in 1.x) is.
    pub when_optional: bool,
}

impl Default for AsynchronousSettings {
    fn default() -> Self {
        Self {
            // Four of the largest batches, and room for a hundred clients that do nothing else.
            requests_per_client: 1_024,
            requests: 16_384,
            // Sixteen of the largest results.
            bytes_per_client: 64 << 20,
            bytes: 512 << 20,
            // An hour to come back for a result.
            keep_s: 3_600,
            when_optional: false,
        }
    }
}

/// What a configuration decides about tickets.
#[derive(Clone, Debug)]
pub struct TicketSettings {
    /// How long a ticket is valid when Login does not say, in seconds.
    pub lease_time_s: u32,
    /// How long it can be valid at most, in seconds.
    pub lease_time_max_s: u32,
    /// Valid tickets of one client.
    pub tickets_per_client: usize,
    /// Valid tickets of all clients.
    pub tickets: usize,
}

impl Default for TicketSettings {
    fn default() -> Self {
        Self { lease_time_s: 3_600, lease_time_max_s: 86_400, tickets_per_client: 64, tickets: 4_096 }
    }
}

/// What a configuration decides about attestations.
#[derive(Clone, Copy, Debug)]
pub struct AttestationSettings {
    /// How long a nonce may be used, in seconds.
    pub nonce_expiry_s: u32,
    /// How long an attestation holds on its connection, in seconds; 0: for its own request alone.
    pub valid_s: u32,
}

impl Default for AttestationSettings {
    fn default() -> Self {
        // A TPM signs within a second or two, after it has done what it was asked before. What a platform is changes when it starts
        // again, which ends its connections.
        Self { nonce_expiry_s: 60, valid_s: 300 }
    }
}

/// What a configuration decides about cryptographic operations whose data come in several requests.
#[derive(Clone, Debug)]
pub struct StreamSettings {
    /// Streams of one client.
    pub streams_per_client: usize,
    /// Streams of all clients.
    pub streams: usize,
    /// Bytes that all streams keep: what cannot be given out yet, such as plaintext that is not authenticated.
    pub stream_memory: usize,
    /// How long a stream waits for its next part, in seconds.
    pub stream_expiry_s: u64,
}

impl Default for StreamSettings {
    fn default() -> Self {
        // A backup program encrypts a few files at a time; parts follow each other quickly, or the client is gone.
        Self { streams_per_client: 64, streams: 1_024, stream_memory: 64 << 20, stream_expiry_s: 300 }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: ttlv_codec::Limits::default(),
            // Tape libraries send batches of 32.
            batch_items: 256,
            response_size: 16 << 20,
            // Two of the largest, or thirty objects of a mebibyte.
            response_memory: 32 << 20,
            // MySQL asks for 65,535 at start-up.
            located_items: 65_536,
            // The largest that a client is known to register.
            object_size: 1 << 20,
            // Tape libraries keep 30 and more custom attributes with a key.
            attributes_per_object: 1_000,
            credential_required_for: Vec::new(),
            time_stamp_tolerance_s: None,
            interop: false,
            vendor_identification: concat!("kmipd ", env!("CARGO_PKG_VERSION")).to_owned(),
            lease_time_s: 3_600,
            // Several times what is recommended for any hash (OWASP: 1,300,000 for SHA-1); some seconds of one thread of those for slow work.
            derivation_iterations: 10_000_000,
            asynchronous: AsynchronousSettings::default(),
            tickets: TicketSettings::default(),
            attestation: AttestationSettings::default(),
            streams: StreamSettings::default(),
            pkcs1_decryption: false,
            re_provision_grace_s: None,
            rng_seed: RngSeed::Ignore,
        }
    }
}
