//! A dispatcher whose clock stands still, whose random bytes repeat, and whose users are known.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use dispatcher::{Authenticator, Clock, Engine, Environment, HeavyWork, Pending, Refused, Settings};
use kmip::ProtocolVersion;
use kmip::credential::Credential;
use policy::Actor;
use store::memory::MemoryStore;
use store::{Store as _, Tenant};

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
    pub(crate) engine: Engine<MemoryStore>,
    now_us: Arc<AtomicI64>,
    verified: Arc<AtomicUsize>,
    generation: Arc<AtomicU64>,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::with(Settings { interop: true, ..Settings::default() })
    }

    pub(crate) fn with(settings: Settings) -> Self {
        let now_us = Arc::new(AtomicI64::new(START * 1_000_000 + 250_000));
        let verified = Arc::new(AtomicUsize::new(0));
        let generation = Arc::new(AtomicU64::new(1));
        let environment = Environment {
            clock: Box::new(StillClock(Arc::clone(&now_us))),
            heavy_work: Box::new(AtOnce),
            authenticator: Box::new(KnownUsers(Arc::clone(&verified), Arc::clone(&generation))),
            random: Arc::new(Counting(AtomicU64::new(1))),
        };
        Self { engine: Engine::new(MemoryStore::new(), settings, environment), now_us, verified, generation }
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
        block_on(self.engine.store().find(Tenant::DEFAULT, &store::Query::default())).unwrap().len()
    }

    /// The record of an object, as the store has it.
    pub(crate) fn record(&self, identifier: &str) -> Option<store::Record> {
        block_on(self.engine.store().load(Tenant::DEFAULT, &[identifier])).unwrap().pop().unwrap()
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

struct StillClock(Arc<AtomicI64>);

impl Clock for StillClock {
    fn now_us(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Does slow work on the thread that asks for it.
struct AtOnce;

impl HeavyWork for AtOnce {
    fn run(&self, work: Box<dyn FnOnce() + Send>) -> Pending<'_, ()> {
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

    fn verify<'a>(&'a self, _client: &'a Actor, credential: &'a Credential) -> Pending<'a, Result<String, Refused>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            match credential {
                Credential::UsernameAndPassword(user) => {
                    let expected = format!("password of {}", user.username);
                    let given = user.password.as_ref().map(|password| password.0.expose());
                    let good = given == Some(expected.as_bytes());
                    if good { Ok(user.username.clone()) } else { Err(Refused("wrong password".to_owned())) }
                }
                Credential::Device(device) => {
                    device.device_serial_number.clone().ok_or_else(|| Refused("no serial number".to_owned()))
                }
                _ => Err(Refused("not supported".to_owned())),
            }
        })
    }
}

/// Bytes that differ from call to call and are the same in every run.
struct Counting(AtomicU64);

impl crypto::Random for Counting {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), crypto::CryptoError> {
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
