//! A dispatcher whose clock stands still, whose random bytes repeat, whose users are known, and whose store and threads fail when
//! they are told to.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use dispatcher::{
    Attestor, Authenticator, Clock, Engine, Environment, HeavyWork, NotAttested, Pending, Proved, Refused, Settings,
};
use kmip::ProtocolVersion;
use kmip::credential::{Attestation, Credential};
use kmip::enumerations::AttestationType;
use policy::Actor;
use store::memory::MemoryStore;
use store::{Commit, Found, LogRecord, Page, Query, Record, Revision, Store, StoreError, Tenant, Token};

use crate::client::Client;

/// The moment every test starts at, in seconds since 1970.
pub(crate) const START: i64 = 1_790_000_000;

/// The versions the server speaks.
pub(crate) const VERSIONS: [ProtocolVersion; 7] = [
    ProtocolVersion::V1_0,
    ProtocolVersion::V1_1,
    ProtocolVersion::V1_2,
    ProtocolVersion::V1_3,
    ProtocolVersion::V1_4,
    ProtocolVersion::V2_0,
    ProtocolVersion::V2_1,
];

/// A dispatcher and what it runs on.
pub(crate) struct Server {
    pub(crate) engine: Engine<Unreliable>,
    /// What goes wrong.
    pub(crate) trouble: Arc<Trouble>,
    now_us: Arc<AtomicI64>,
    verified: Arc<AtomicUsize>,
    generation: Arc<AtomicU64>,
    platforms: Arc<Platforms>,
}

/// What goes wrong, and what was asked for meanwhile.
#[derive(Default)]
pub(crate) struct Trouble {
    /// How many commits from now on meet a conflict.
    pub(crate) conflicts: AtomicUsize,
    /// How many commits from now on panic.
    pub(crate) panicking_commits: AtomicUsize,
    /// Whether the store takes nothing any more.
    pub(crate) read_only: AtomicBool,
    /// Whether the disk is full: no changes, but entries of the log.
    pub(crate) full: AtomicBool,
    /// Whether the threads for slow work do nothing.
    pub(crate) idle: AtomicBool,
    /// Whether asking for random bytes panics.
    pub(crate) panic: AtomicBool,
    /// How often slow work was done.
    pub(crate) worked: AtomicUsize,
    /// How many records were loaded.
    pub(crate) loaded: AtomicUsize,
    /// How often the work of a load was done for nothing.
    pub(crate) loaded_none: AtomicUsize,
    /// How many commits from now on end with an outcome that is not known, although they were made.
    pub(crate) unknown_made: AtomicUsize,
    /// How many commits after these end so, and were not made.
    pub(crate) unknown_lost: AtomicUsize,
    /// How many entries of the log from now on end so.
    pub(crate) unknown_log: AtomicUsize,
    /// How many questions what became of a commit from now on are not answered.
    pub(crate) silent: AtomicUsize,
    /// How long the engine has waited, in milliseconds.
    pub(crate) slept_ms: AtomicU64,
    /// How many commits from now on are made until none is any more; 0: all are.
    pub(crate) commits_left: AtomicUsize,
    /// What happens while slow work is done the next time.
    pub(crate) meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

/// Counts down; whether there was anything left.
fn take_one(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::with(Settings { interop: true, ..Settings::default() })
    }

    pub(crate) fn with(settings: Settings) -> Self {
        Self::over(Arc::new(MemoryStore::new()), settings, 1)
    }

    /// Several dispatchers over one store. Their random bytes differ.
    pub(crate) fn several(count: u64) -> Vec<Self> {
        let store = Arc::new(MemoryStore::new());
        (0..count).map(|number| Self::over(Arc::clone(&store), Settings::default(), 1 + (number << 40))).collect()
    }

    fn over(store: Arc<MemoryStore>, settings: Settings, seed: u64) -> Self {
        let now_us = Arc::new(AtomicI64::new(START * 1_000_000 + 250_000));
        let verified = Arc::new(AtomicUsize::new(0));
        let generation = Arc::new(AtomicU64::new(1));
        let trouble = Arc::new(Trouble::default());
        let platforms = Arc::new(Platforms::default());
        let environment = Environment {
            clock: Box::new(StillClock(Arc::clone(&now_us), Arc::clone(&trouble))),
            heavy_work: Box::new(AtOnce(Arc::clone(&trouble))),
            authenticator: Box::new(KnownUsers(Arc::clone(&verified), Arc::clone(&generation))),
            attestor: Arc::clone(&platforms) as Arc<dyn Attestor>,
            registrar: Arc::new(dispatcher::NoRegistrar),
            random: Arc::new(crypto::SeededRandom::new(Counting(AtomicU64::new(seed), Arc::clone(&trouble)))),
        };
        let store = Unreliable { inner: store, trouble: Arc::clone(&trouble) };
        Self { engine: Engine::new(store, settings, environment), trouble, now_us, verified, generation, platforms }
    }

    /// A connection of a client that its certificate names.
    pub(crate) fn client(&self, name: &str, version: ProtocolVersion) -> Client<'_> {
        Client::new(self, name, version)
    }

    /// Sets the clock, in seconds since 1970.
    pub(crate) fn set_time(&self, seconds: i64) {
        self.now_us.store(seconds * 1_000_000, Ordering::SeqCst);
    }

    /// How often a credential was judged.
    pub(crate) fn verified(&self) -> usize {
        self.verified.load(Ordering::SeqCst)
    }

    /// As after a change of the users: what credentials proved must be proved again.
    pub(crate) fn users_changed(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// Attestations of this client are evaluated from now on.
    pub(crate) fn attests(&self, client: &str) {
        *self.platforms.client.lock().unwrap() = Some(client.to_owned());
        self.platforms.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// The log, decoded.
    pub(crate) fn log(&self) -> Vec<audit::AuditRecord> {
        self.raw_log().iter().map(|entry| audit::AuditRecord::decode(entry).unwrap()).collect()
    }

    /// The log as bytes.
    pub(crate) fn raw_log(&self) -> Vec<Vec<u8>> {
        let records = block_on(self.engine.store().read_log(1, usize::MAX)).unwrap();
        records.into_iter().map(|record| record.entry).collect()
    }

    /// How many objects there are, whoever owns them.
    pub(crate) fn objects(&self) -> usize {
        let page = Page::first(usize::MAX);
        block_on(self.engine.store().find(Tenant::DEFAULT, &Query::default(), page)).unwrap().identifiers.len()
    }

    /// What all records hold.
    pub(crate) fn bodies(&self) -> Vec<zeroize::Zeroizing<Vec<u8>>> {
        let page = Page::first(usize::MAX);
        let found = block_on(self.engine.store().find(Tenant::DEFAULT, &Query::default(), page)).unwrap();
        found.identifiers.iter().filter_map(|identifier| self.record(identifier)).map(|record| record.body).collect()
    }

    /// All objects as the store has them; what is kept for later is left out.
    pub(crate) fn snapshot(&self) -> std::collections::BTreeMap<String, (Revision, zeroize::Zeroizing<Vec<u8>>)> {
        let page = Page::first(usize::MAX);
        let found = block_on(self.engine.store().find(Tenant::DEFAULT, &Query::default(), page)).unwrap();
        let objects = found.identifiers.into_iter().filter(|identifier| !identifier.starts_with('\u{1}'));
        objects
            .filter_map(|identifier| self.record(&identifier))
            .map(|record| (record.identifier, (record.revision, record.body)))
            .collect()
    }

    /// The record of an object, as the store has it.
    pub(crate) fn record(&self, identifier: &str) -> Option<Record> {
        block_on(self.engine.store().inner.load(Tenant::DEFAULT, &[identifier])).unwrap().pop().unwrap()
    }
}

/// Waits for a future on this thread.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

struct StillClock(Arc<AtomicI64>, Arc<Trouble>);

impl Clock for StillClock {
    fn now_us(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    fn sleep(&self, duration: Duration) -> Pending<'_, ()> {
        self.1.slept_ms.fetch_add(u64::try_from(duration.as_millis()).unwrap(), Ordering::SeqCst);
        Box::pin(async {})
    }
}

/// Does slow work on the thread that asks for it.
struct AtOnce(Arc<Trouble>);

impl HeavyWork for AtOnce {
    fn run(&self, work: Box<dyn FnOnce() + Send>) -> Pending<'_, ()> {
        if self.0.idle.load(Ordering::SeqCst) {
            return Box::pin(async {});
        }
        self.0.worked.fetch_add(1, Ordering::SeqCst);
        if let Some(meanwhile) = self.0.meanwhile.lock().unwrap().take() {
            meanwhile();
        }
        let work = Mutex::new(Some(work));
        Box::pin(async move {
            if let Some(work) = work.lock().unwrap().take() {
                work();
            }
        })
    }
}

/// Every user's password is `password of <user>`; every device's name is its serial number.
struct KnownUsers(Arc<AtomicUsize>, Arc<AtomicU64>);

impl Authenticator for KnownUsers {
    fn generation(&self) -> u64 {
        self.1.load(Ordering::SeqCst)
    }

    fn verify<'a>(
        &'a self,
        _client: &'a Actor,
        _peer: &'a str,
        credential: &'a Credential,
    ) -> Pending<'a, Result<Proved, Refused>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            match credential {
                Credential::UsernameAndPassword(user) => {
                    let expected = format!("password of {}", user.username);
                    let given = user.password.as_ref().map(|password| password.0.expose());
                    let good = given == Some(expected.as_bytes());
                    if good { Ok(user.username.clone().into()) } else { Err(Refused::because("wrong password")) }
                }
                Credential::Device(device) => {
                    let serial = device.device_serial_number.clone();
                    serial.map(Proved::from).ok_or_else(|| Refused::because("no serial number"))
                }
                // Whatever is shown, and not twice the same: with what the server shows in turn.
                Credential::HashedPassword(hashed) => match hashed.timestamp.0 {
                    0 => Err(Refused::because("an old one").telling("Too old")),
                    _ => {
                        let answer = [b"answer to ", hashed.hashed_password.expose()].concat();
                        Ok(Proved { name: hashed.username.clone(), server_hashed_password: Some(answer) })
                    }
                },
                _ => Err(Refused::because("not supported")),
            }
        })
    }
}

/// Nobody's platform is known, or one client's. Its measurements are right when they end with the nonce.
#[derive(Default)]
pub(crate) struct Platforms {
    client: Mutex<Option<String>>,
    generation: AtomicU64,
}

impl Attestor for Platforms {
    fn types(&self) -> Vec<AttestationType> {
        let is_known = self.client.lock().unwrap().is_some();
        if is_known { vec![AttestationType::TPMQuote] } else { Vec::new() }
    }

    fn types_for(&self, client: &Actor) -> Vec<AttestationType> {
        let is_known = self.client.lock().unwrap().as_ref() == Some(&client.name);
        if is_known { vec![AttestationType::TPMQuote] } else { Vec::new() }
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    fn verify(&self, _: &Actor, attestation: &Attestation) -> Result<(), NotAttested> {
        match &attestation.attestation_measurement {
            None => Err(NotAttested::telling("No measurement")),
            Some(measurement) if measurement.0.ends_with(&attestation.nonce.nonce_value.0) => Ok(()),
            Some(_) => Err(NotAttested::because("it is for another nonce")),
        }
    }
}

/// Bytes that differ from call to call and are the same in every run.
struct Counting(AtomicU64, Arc<Trouble>);

impl crypto::Random for Counting {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), crypto::CryptoError> {
        assert!(!self.1.panic.load(Ordering::SeqCst), "the source of random bytes is broken");
        for chunk in buffer.chunks_mut(8) {
            // The mixing function of splitmix64.
            let mut state = self.0.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            state = (state ^ state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            state = (state ^ state >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
            chunk.copy_from_slice(&(state ^ state >> 31).to_be_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// The store in memory, with trouble.
pub(crate) struct Unreliable {
    inner: Arc<MemoryStore>,
    trouble: Arc<Trouble>,
}

impl Store for Unreliable {
    async fn load(&self, tenant: Tenant, identifiers: &[&str]) -> Result<Vec<Option<Record>>, StoreError> {
        self.trouble.loaded.fetch_add(identifiers.len(), Ordering::SeqCst);
        self.inner.load(tenant, identifiers).await
    }

    async fn load_none(&self, _: Tenant, length: usize) {
        assert!((500..5_000).contains(&length), "the record of a key has not {length} bytes");
        self.trouble.loaded_none.fetch_add(1, Ordering::SeqCst);
    }

    async fn find(&self, tenant: Tenant, query: &Query, page: Page) -> Result<Found, StoreError> {
        self.inner.find(tenant, query, page).await
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        self.inner.tenants().await
    }

    async fn commit(&self, tenant: Tenant, commit: Commit) -> Result<Revision, StoreError> {
        self.writable()?;
        if self.trouble.full.load(Ordering::SeqCst) {
            return Err(StoreError::Full);
        }
        match self.trouble.commits_left.load(Ordering::SeqCst) {
            0 => {}
            1 => {
                self.trouble.commits_left.store(0, Ordering::SeqCst);
                self.trouble.read_only.store(true, Ordering::SeqCst);
            }
            left => self.trouble.commits_left.store(left - 1, Ordering::SeqCst),
        }
        assert!(!take_one(&self.trouble.panicking_commits), "the store panics, as it was told to");
        if take_one(&self.trouble.conflicts) {
            return Err(StoreError::Conflict { identifier: "somebody else's change".to_owned() });
        }
        let unknown = || StoreError::UnknownOutcome { cause: "the connection broke".to_owned() };
        if take_one(&self.trouble.unknown_made) {
            self.inner.commit(tenant, commit).await?;
            return Err(unknown());
        }
        if take_one(&self.trouble.unknown_lost) {
            return Err(unknown());
        }
        self.inner.commit(tenant, commit).await
    }

    fn has_unknown_outcomes(&self) -> bool {
        true
    }

    async fn settle(&self, tenant: Tenant, token: Token) -> Result<Option<Revision>, StoreError> {
        if take_one(&self.trouble.silent) {
            return Err(StoreError::Failed { what: "asking".to_owned(), cause: "nobody answers".to_owned() });
        }
        self.inner.settle(tenant, token).await
    }

    async fn log(&self, tenant: Tenant, entries: Vec<Vec<u8>>) -> Result<(), StoreError> {
        self.writable()?;
        if take_one(&self.trouble.unknown_log) {
            return Err(StoreError::UnknownOutcome { cause: "the connection broke".to_owned() });
        }
        self.inner.log(tenant, entries).await
    }

    async fn read_log(&self, from: u64, limit: usize) -> Result<Vec<LogRecord>, StoreError> {
        self.inner.read_log(from, limit).await
    }

    async fn drop_log(&self, before: u64) -> Result<(), StoreError> {
        self.inner.drop_log(before).await
    }

    fn writable(&self) -> Result<(), StoreError> {
        if self.trouble.read_only.load(Ordering::SeqCst) {
            return Err(StoreError::ReadOnly("a write failed".to_owned()));
        }
        Ok(())
    }
}
