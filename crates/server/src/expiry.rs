//! What of the server's own files ends: its certificate, the authorities it trusts, revocation lists, and the certificates it gave to
//! clients; told in the log and in a number while there is time.

use crate::config::Config;
use crate::enrolment::Register;
use crate::tls::{self, Expiry};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::{Duration, Instant};

/// A file that ends within this is told of.
const SOON_S: i64 = 30 * 24 * 3600;
/// How often the same is told again.
const AGAIN: Duration = Duration::from_secs(24 * 3600);
/// For how long it is told that the certificate of a client has ended: then nobody misses it.
const ENDED_S: i64 = 7 * 24 * 3600;

/// What of a configuration's files ends, and when: what it is, which, and the moment in seconds since 1970. What cannot be read ends
/// nothing; other commands tell of that.
#[must_use]
pub fn of_configuration(config: &Config) -> Vec<(&'static str, String, i64)> {
    let told = |expiry: Expiry| {
        let what = match expiry.what {
            "certificate" => "the server's certificate",
            other => other,
        };
        (what, expiry.path.display().to_string(), expiry.not_after)
    };
    let mut ends: Vec<_> = tls::expiries(&config.tls).unwrap_or_default().into_iter().map(told).collect();
    let register = register(config);
    let clients = register.current().into_iter().map(|issued| ("a client's certificate", issued.name.clone(), issued.ends));
    ends.extend(clients);
    ends
}

fn register(config: &Config) -> Register {
    let register = config.authority.as_ref().map(|authority| Register::read(&authority.register));
    register.transpose().inspect_err(|cause| tracing::warn!("{cause}")).ok().flatten().unwrap_or_default()
}

/// Certificates of clients that are to be renewed, and that have ended without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clients {
    /// In the last part of their life.
    pub ending: i64,
    /// Over.
    pub ended: i64,
}

/// Tells in the log what ends, each day once.
#[derive(Debug, Default)]
pub struct Watch {
    told: HashMap<String, Instant>,
}

impl Watch {
    /// Looks at what connections are judged by, and at the register of the authority.
    pub fn look(&mut self, config: &Config, expiries: &[Expiry]) -> Clients {
        self.told.retain(|_, at| at.elapsed() < AGAIN);
        for expiry in expiries.iter().filter(|expiry| expiry.seconds_left() < SOON_S) {
            let (what, path) = (expiry.what, expiry.path.display());
            self.tell(format!("{what} {path}"), &left(expiry.seconds_left()));
        }
        let mut clients = Clients::default();
        let now = tls::now();
        for issued in register(config).current() {
            let seconds = issued.ends - now;
            if seconds <= 0 {
                clients.ended += 1;
            } else if issued.is_due(now) {
                clients.ending += 1;
            } else {
                continue;
            }
            if seconds > -ENDED_S {
                let name = &issued.name;
                let left = format!("{}: kmipd client renew makes another", left(seconds));
                self.tell(format!("the certificate of client {name:?}"), &left);
            }
        }
        clients
    }

    fn tell(&mut self, what: String, when: &str) {
        if let Entry::Vacant(entry) = self.told.entry(what) {
            tracing::warn!("{} {when}", entry.key());
            entry.insert(Instant::now());
        }
    }
}

fn left(seconds: i64) -> String {
    match seconds {
        ..=0 => "has ended".to_owned(),
        1..172_800 => format!("ends in {} hour(s)", seconds / 3600),
        _ => format!("ends in {} day(s)", seconds / (24 * 3600)),
    }
}
