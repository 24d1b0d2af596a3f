//! Two dispatchers, each with its own clients of the one store.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use audit::{Action, AuditRecord, Outcome};
use dispatcher::{Authenticator, Clock, Engine, Environment, HeavyWork, Pending, Refused, Settings};
use kmip::ProtocolVersion;
use kmip::attribute::{Attribute, Attributes, VendorAttribute};
use kmip::credential::Credential;
use kmip::operation::Operation;
use policy::Actor;
pub(crate) use store::contract::block_on;
use store::contract::remote::{Conditions, OtherProcess, RemoteStore};
use store::{Page, Query, Store as _, Tenant};
use ttlv_codec::TreeValue;

use crate::client::Client;

/// How many clients there are at once: half of them at each dispatcher.
pub(crate) const CLIENTS: usize = 8;

/// A dispatcher.
pub(crate) struct Server {
    pub(crate) engine: Engine<RemoteStore>,
}

/// Two dispatchers and their store.
pub(crate) struct Servers {
    servers: [Server; 2],
    /// Who looks at the store itself.
    store: RemoteStore,
    other: OtherProcess,
    moments: AtomicU64,
}

impl Servers {
    /// An empty store; the seed decides when it is unreliable.
    pub(crate) fn new(seed: u64) -> Self {
        let conditions = Conditions { seed, ..Conditions::UNRELIABLE };
        let other = OtherProcess::start("the_store_is_in_another_process", &conditions).unwrap();
        let server = || {
            let environment = Environment {
                clock: Box::new(Still),
                heavy_work: Box::new(AtOnce),
                authenticator: Box::new(Nobody),
                attestor: Arc::new(dispatcher::NoAttestor),
                registrar: Arc::new(dispatcher::NoRegistrar),
                random: Arc::new(crypto::SystemRandom::new()),
            };
            Server { engine: Engine::new(other.connect(), Settings::default(), environment) }
        };
        Self { servers: [server(), server()], store: other.connect(), other, moments: AtomicU64::new(0) }
    }

    /// A client, at one of the dispatchers in turn.
    pub(crate) fn client(&self, number: usize) -> Client<'_> {
        Client::new(&self.servers[number % 2], "fred", ProtocolVersion::V2_1)
    }

    /// Runs one client per thread, all starting together.
    pub(crate) fn together<T: Send>(&self, work: impl Fn(usize, &mut Client<'_>) -> T + Sync) -> Vec<T> {
        let barrier = Barrier::new(CLIENTS);
        thread::scope(|scope| {
            let run = |number: usize| {
                let (barrier, work) = (&barrier, &work);
                scope.spawn(move || {
                    barrier.wait();
                    work(number, &mut self.client(number))
                })
            };
            let threads: Vec<_> = (0..CLIENTS).map(run).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }

    /// A moment after all that were asked for before.
    pub(crate) fn moment(&self) -> u64 {
        self.moments.fetch_add(1, Ordering::SeqCst)
    }

    /// The identifiers of all objects, in order.
    pub(crate) fn objects(&self) -> Vec<String> {
        let page = Page::first(usize::MAX);
        let mut all = block_on(self.store.find(Tenant::DEFAULT, &Query::default(), page)).unwrap().identifiers;
        all.sort();
        all
    }

    /// How often each operation was logged as done with each object.
    pub(crate) fn logged(&self) -> Done {
        let mut done = Done::default();
        for record in block_on(self.store.read_log(1, usize::MAX)).unwrap() {
            let record = AuditRecord::decode(&record.entry).unwrap();
            if let (Action::Operation(code), Outcome::Success, [identifier]) =
                (&record.action, record.outcome, &record.identifiers[..])
            {
                done.count(Operation(*code), identifier);
            }
        }
        done
    }

    /// That the process of the store ends when nobody holds it any more.
    pub(crate) fn end(self) {
        assert!(self.other.release().unwrap().success());
    }
}

/// How often operations were done with objects.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Done(BTreeMap<(u32, String), usize>);

impl Done {
    pub(crate) fn count(&mut self, operation: Operation, identifier: &str) {
        *self.0.entry((operation.0, identifier.to_owned())).or_default() += 1;
    }

    /// Takes out what changes nothing that a client sees: it may be logged twice.
    pub(crate) fn reads(&mut self) -> Self {
        let is_read = |code: u32| [Operation::Get, Operation::GetAttributes, Operation::Locate].contains(&Operation(code));
        let all = std::mem::take(&mut self.0);
        let (reads, changes) = all.into_iter().partition(|((code, _), _)| is_read(*code));
        self.0 = changes;
        Self(reads)
    }

    /// Whether everything was done at least as often as in another count.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|(what, count)| self.0.get(what).is_some_and(|own| own >= count))
    }
}

/// A vendor attribute that is a number.
pub(crate) fn number(name: &str, value: i32) -> Attribute {
    Attribute::Vendor(VendorAttribute {
        vendor_identification: "x".to_owned(),
        attribute_name: name.to_owned(),
        attribute_value: TreeValue::Integer(value),
    })
}

/// A counter as an attribute.
pub(crate) fn counter(value: i32) -> Attribute {
    number("counter", value)
}

/// The counter among attributes.
pub(crate) fn counter_of(attributes: &Attributes) -> Option<i32> {
    attributes.iter().find_map(|attribute| match attribute {
        Attribute::Vendor(VendorAttribute { attribute_name, attribute_value: TreeValue::Integer(value), .. }) => {
            (attribute_name == "counter").then_some(*value)
        }
        _ => None,
    })
}

/// The time never changes: no date comes.
struct Still;

impl Clock for Still {
    fn now_us(&self) -> i64 {
        1_790_000_000_250_000
    }

    fn sleep(&self, duration: Duration) -> Pending<'_, ()> {
        Box::pin(async move { thread::sleep(duration) })
    }
}

/// Does slow work on the thread that asks for it.
struct AtOnce;

impl HeavyWork for AtOnce {
    fn run(&self, work: Box<dyn FnOnce() + Send>) -> Pending<'_, ()> {
        let work = Mutex::new(Some(work));
        Box::pin(async move {
            let work = work.lock().unwrap().take();
            work.unwrap()();
        })
    }
}

/// There are no users: a certificate says who it is.
struct Nobody;

impl Authenticator for Nobody {
    fn generation(&self) -> u64 {
        0
    }

    fn verify<'a>(
        &'a self,
        _client: &'a Actor,
        _peer: &'a str,
        _credential: &'a Credential,
    ) -> Pending<'a, Result<dispatcher::Proved, Refused>> {
        Box::pin(async { Err(Refused::because("there are no users")) })
    }
}
