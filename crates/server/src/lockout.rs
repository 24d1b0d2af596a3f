//! Delays after failures to prove who one is, so that nobody guesses passwords.
//!
//! Failures are counted for each client (by its certificate) and name together, for each client, for each name, and for each network
//! address. The last three hold only for a client and name that have not proved themselves before: nobody who guesses, or has an
//! old password, keeps somebody out who is known. It is counted for what was claimed, so that names that do not exist behave like
//! those that do. A certificate alone is never locked.
//!
//! What makes somebody wait is in a file beside the users, written when a delay begins or is ended, so that a restart ends none. What
//! is counted is known by keyed hashes: a name may be a password that was typed in the wrong place, and takes as much room as any other.

use crate::config::CredentialsConfig;
use crate::files::{self, SECRET};
use aws_lc_rs::{hmac, rand};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Entries that are kept of each kind.
const ENTRIES_MAX: usize = 10_000;
/// Entries of each kind in the file: those that wait longest.
const KEPT_MAX: usize = 1_000;
/// The form of the file.
const VERSION: u32 = 1;

/// A keyed hash of what is counted.
type Key = [u8; 16];

/// An attempt to prove a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    client: Key,
    name: Key,
    address: Option<Key>,
}

/// The failures so far.
#[derive(Debug)]
pub struct Lockout {
    limits: CredentialsConfig,
    file: Option<PathBuf>,
    salt: [u8; 32],
    state: Mutex<State>,
    /// The state that the file has. Held while it is written.
    written: Mutex<u64>,
}

#[derive(Debug, Default)]
struct State {
    pairs: HashMap<(Key, Key), Failures>,
    clients: HashMap<Key, Failures>,
    names: HashMap<Key, Failures>,
    addresses: HashMap<Key, Failures>,
    /// Clients that have proved a name.
    known: HashSet<(Key, Key)>,
    /// Grows with each change that the file is to have.
    changes: u64,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    until: Instant,
    /// Of a client with a name: from where it failed last.
    address: Option<Key>,
}

/// The file.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    version: u32,
    salt: String,
    waiting: Vec<Waiting>,
    /// Clients that have proved a name, of clients or names that others are kept from.
    known: Vec<String>,
}

/// Who waits, or has waited not long ago.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Waiting {
    kind: Kind,
    key: String,
    count: u32,
    /// Milliseconds since 1970.
    until_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Pair,
    Client,
    Name,
    Address,
}

impl Lockout {
    /// With the limits of a configuration, and what a file has of before; it is made when somebody has to wait. A file that cannot be
    /// read is told in the log, and nobody waits.
    #[must_use]
    pub fn open(limits: &CredentialsConfig, file: Option<PathBuf>) -> Self {
        let mut salt = [0; 32];
        // Without random bytes nothing else works, either; the names of the file are guessed more easily then.
        let _ = rand::fill(&mut salt);
        let mut lockout = Self { limits: limits.clone(), file, salt, state: Mutex::default(), written: Mutex::default() };
        let read = lockout.file.as_deref().map_or(Ok(None), read);
        match read {
            Ok(None) => {}
            Ok(Some(kept)) => {
                if lockout.take(&kept, Instant::now(), now_ms()).is_none() {
                    tracing::error!("{}: it has something that is no delay; that is left out", lockout.path());
                }
            }
            Err(cause) => tracing::error!(%cause, "who had to wait for failed credentials is not known; nobody waits"),
        }
        lockout
    }

    fn path(&self) -> String {
        self.file.as_deref().map_or(String::new(), |file| file.display().to_string())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, kind: u8, bytes: &[u8]) -> Key {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &self.salt));
        context.update(&[kind]);
        context.update(bytes);
        let mut key = Key::default();
        key.copy_from_slice(&context.sign().as_ref()[..16]);
        key
    }

    /// An attempt of a client to prove a name, from an address.
    #[must_use]
    pub fn attempt(&self, client: &str, name: &str, address: Option<IpAddr>) -> Attempt {
        // A host of IPv6 has all addresses of its network, which is no smaller than this.
        let network = address.map(|address| match address.to_canonical() {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets()[..8].to_vec(),
        });
        Attempt {
            client: self.key(1, client.as_bytes()),
            name: self.key(2, name.as_bytes()),
            address: network.filter(|_| self.limits.address_failures_max > 0).map(|network| self.key(3, &network)),
        }
    }

    /// That a client may try to prove a name.
    ///
    /// # Errors
    /// How long it has to wait yet.
    pub fn check(&self, attempt: &Attempt, now: Instant) -> Result<(), Duration> {
        let state = self.state();
        let pair = (attempt.client, attempt.name);
        let address = attempt.address.and_then(|address| state.addresses.get(&address));
        let many = [state.clients.get(&attempt.client), state.names.get(&attempt.name), address];
        let many = many.into_iter().filter(|_| !state.known.contains(&pair));
        let found = many.chain([state.pairs.get(&pair)]);
        let wait = found.flatten().map(|failures| failures.until.saturating_duration_since(now)).max();
        wait.filter(|wait| !wait.is_zero()).map_or(Ok(()), Err)
    }

    /// Takes note of a failure; how long the client has to wait now, if it has to. That is on the disk then: never call it on a thread
    /// that serves sockets.
    pub fn failed(&self, attempt: &Attempt, now: Instant) -> Option<Duration> {
        let wait = {
            let mut state = self.state();
            let pair = (attempt.client, attempt.name);
            let is_known = state.known.contains(&pair);
            let mut wait = self.count(Kind::Pair, &mut state.pairs, pair, now);
            if let Some(failures) = state.pairs.get_mut(&pair) {
                failures.address = attempt.address;
            }
            if !is_known {
                wait = wait.max(self.count(Kind::Client, &mut state.clients, attempt.client, now));
                wait = wait.max(self.count(Kind::Name, &mut state.names, attempt.name, now));
                if let Some(address) = attempt.address {
                    wait = wait.max(self.count(Kind::Address, &mut state.addresses, address, now));
                }
            }
            state.changes += u64::from(!wait.is_zero());
            Some(wait).filter(|wait| !wait.is_zero())
        };
        if wait.is_some() {
            self.keep(now);
        }
        wait
    }

    /// Takes note of a success. If it ends what made the client wait, that is on the disk then: never call it on a thread that serves
    /// sockets.
    pub fn succeeded(&self, attempt: &Attempt) {
        let was_kept = {
            let mut state = self.state();
            let pair = (attempt.client, attempt.name);
            let was_kept = state.pairs.remove(&pair).is_some_and(|failures| failures.count >= self.limits.failures_max);
            if state.known.len() >= ENTRIES_MAX {
                state.known.clear();
            }
            state.known.insert(pair);
            state.changes += u64::from(was_kept);
            was_kept
        };
        if was_kept {
            self.keep(Instant::now());
        }
    }

    /// Forgets the failures with these names, and of the clients and addresses that failed with them; whether there were any. That is
    /// on the disk then.
    pub fn unlock(&self, names: &[String]) -> bool {
        let names: HashSet<Key> = names.iter().map(|name| self.key(2, name.as_bytes())).collect();
        let found = {
            let mut state = self.state();
            let of_them = state.pairs.iter().filter(|((_, name), _)| names.contains(name));
            // Those who tried them may be the user's own clients.
            let (clients, addresses): (HashSet<Key>, HashSet<Option<Key>>) =
                of_them.map(|((client, _), failures)| (*client, failures.address)).unzip();
            let before = state.pairs.len() + state.names.len();
            state.pairs.retain(|(_, name), _| !names.contains(name));
            state.names.retain(|name, _| !names.contains(name));
            state.clients.retain(|client, _| !clients.contains(client));
            state.addresses.retain(|address, _| !addresses.contains(&Some(*address)));
            state.changes += 1;
            before > state.pairs.len() + state.names.len()
        };
        if found {
            self.keep(Instant::now());
        }
        found
    }

    /// Failures after which one of a kind waits, and how long at the most.
    fn limits(&self, kind: Kind) -> (u32, Duration) {
        let CredentialsConfig { failures_max, many_failures_max, address_failures_max, .. } = self.limits;
        let longest = Duration::from_secs(self.limits.delay_max_s);
        // These may be one that guesses and one that is in a hurry.
        let many = longest.min(Duration::from_secs(self.limits.many_delay_max_s));
        match kind {
            Kind::Pair => (failures_max, longest),
            Kind::Client | Kind::Name => (many_failures_max.max(failures_max), many),
            Kind::Address => (address_failures_max.max(failures_max), many),
        }
    }

    /// Counts a failure; how long to wait from now.
    fn count<K: Eq + std::hash::Hash>(&self, kind: Kind, entries: &mut HashMap<K, Failures>, key: K, now: Instant) -> Duration {
        let (after, longest) = self.limits(kind);
        if entries.len() >= ENTRIES_MAX && !entries.contains_key(&key) {
            // What is over goes, and every other of the rest: whoever fails ten thousand times makes room for himself, at the price of
            // the delays that are bought with each.
            let mut keep = false;
            entries.retain(|_, failures| {
                keep = !keep;
                keep && failures.until + longest > now
            });
        }
        let failures = entries.entry(key).or_insert(Failures { count: 0, until: now, address: None });
        // Whoever has waited long after the last one begins anew.
        if now > failures.until + longest {
            failures.count = 0;
        }
        failures.count = failures.count.saturating_add(1);
        let wait = match failures.count.checked_sub(after) {
            None => Duration::ZERO,
            Some(more) => Duration::from_secs(1_u64 << more.min(32)).min(longest),
        };
        failures.until = now + wait;
        wait
    }

    /// Writes the file, unless somebody has since the caller's change.
    fn keep(&self, now: Instant) {
        let Some(file) = &self.file else { return };
        let changes = self.state().changes;
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if *written >= changes {
            return;
        }
        let (changes, kept) = {
            let state = self.state();
            (state.changes, self.kept(&state, now, now_ms()))
        };
        let text = serde_json::to_string(&kept).map_err(|error| error.to_string());
        let done = text.and_then(|text| files::replace(file, text.as_bytes(), SECRET).map_err(|error| error.to_string()));
        match done {
            Ok(()) => *written = changes,
            // In memory it holds.
            Err(cause) => tracing::error!(%cause, "who has to wait for failed credentials does not outlive a restart"),
        }
    }

    fn kept(&self, state: &State, now: Instant, now_ms: u64) -> Kept {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let waiting = |kind: Kind, entries: Vec<(String, Failures)>| {
            let (after, longest) = self.limits(kind);
            let mut entries: Vec<_> =
                entries.into_iter().filter(|(_, failures)| failures.count >= after && failures.until + longest > now).collect();
            entries.sort_by_key(|(_, failures)| std::cmp::Reverse(failures.until));
            entries.truncate(KEPT_MAX);
            entries.into_iter().map(move |(key, failures)| {
                let left = millis(failures.until.saturating_duration_since(now));
                let gone = millis(now.saturating_duration_since(failures.until));
                let until_ms = now_ms.saturating_add(left).saturating_sub(gone);
                Waiting { kind, key, count: failures.count, until_ms, address: failures.address.map(|address| digits(&address)) }
            })
        };
        let each = |entries: &HashMap<Key, Failures>| entries.iter().map(|(key, failures)| (digits(key), *failures)).collect();
        let pairs = state.pairs.iter().map(|(pair, failures)| (pair_digits(pair), *failures)).collect();
        let known =
            state.known.iter().filter(|(client, name)| state.names.contains_key(name) || state.clients.contains_key(client));
        Kept {
            version: VERSION,
            salt: digits(&self.salt),
            waiting: waiting(Kind::Pair, pairs)
                .chain(waiting(Kind::Client, each(&state.clients)))
                .chain(waiting(Kind::Name, each(&state.names)))
                .chain(waiting(Kind::Address, each(&state.addresses)))
                .collect(),
            known: known.take(KEPT_MAX).map(pair_digits).collect(),
        }
    }

    /// Takes over what a file has; `None`: some of it is damaged. A clock that was wrong makes nobody wait longer than ever.
    fn take(&mut self, kept: &Kept, now: Instant, now_ms: u64) -> Option<()> {
        self.salt = bytes(&kept.salt)?;
        let mut state = State::default();
        let mut whole = Some(());
        for waiting in &kept.waiting {
            let (_, longest) = self.limits(waiting.kind);
            let left = Duration::from_millis(waiting.until_ms.saturating_sub(now_ms)).min(longest);
            if Duration::from_millis(now_ms.saturating_sub(waiting.until_ms)) > longest {
                continue;
            }
            let address = waiting.address.as_deref().and_then(bytes);
            let failures = Failures { count: waiting.count, until: now + left, address };
            let taken = match waiting.kind {
                Kind::Pair => pair_of(&waiting.key).map(|pair| {
                    state.pairs.insert(pair, failures);
                }),
                kind => bytes(&waiting.key).map(|key| {
                    let entries = match kind {
                        Kind::Client => &mut state.clients,
                        Kind::Name => &mut state.names,
                        Kind::Pair | Kind::Address => &mut state.addresses,
                    };
                    entries.insert(key, failures);
                }),
            };
            whole = whole.and(taken);
        }
        state.known.extend(kept.known.iter().filter_map(|known| pair_of(known)));
        *self.state() = state;
        whole
    }
}

fn read(file: &Path) -> Result<Option<Kept>, String> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("read {}: {error}", file.display())),
    };
    let kept: Kept = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    if kept.version != VERSION {
        return Err(format!("{}: its form is {}, this release reads {VERSION}", file.display(), kept.version));
    }
    Ok(Some(kept))
}

fn now_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn pair_digits((client, name): &(Key, Key)) -> String {
    digits(client) + &digits(name)
}

fn bytes<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if digits.len() != 2 * N || !digits.is_ascii() {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

fn pair_of(digits: &str) -> Option<(Key, Key)> {
    let (client, name) = digits.split_at_checked(32)?;
    Some((bytes(client)?, bytes(name)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_secs(900);
    const MANY: u32 = 20;
    const MANY_MAX: Duration = Duration::from_secs(60);

    fn lockout() -> Lockout {
        Lockout::open(&CredentialsConfig::default(), None)
    }

    fn attempt(lockout: &Lockout, client: &str, name: &str) -> Attempt {
        lockout.attempt(client, name, None)
    }

    #[test]
    fn delays_double_after_some_failures_and_end() {
        let (lockout, now) = (lockout(), Instant::now());
        let alice = attempt(&lockout, "c", "alice");
        for _ in 0..4 {
            assert_eq!(lockout.failed(&alice, now), None);
        }
        for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            assert_eq!(lockout.failed(&alice, now), Some(Duration::from_secs(seconds)));
        }
        assert_eq!(lockout.check(&alice, now), Err(LONGEST));
        assert_eq!(lockout.check(&attempt(&lockout, "c", "bob"), now), Ok(()));
        assert_eq!(lockout.check(&attempt(&lockout, "other", "alice"), now), Ok(()));
        assert_eq!(lockout.check(&alice, now + LONGEST), Ok(()));
        // Twice as long, and nothing is left of it.
        assert_eq!(lockout.failed(&alice, now + 2 * LONGEST + Duration::from_secs(1)), None);
    }

    #[test]
    fn guessing_from_everywhere_does_not_keep_out_a_client_that_is_known() {
        let (lockout, now) = (lockout(), Instant::now());
        lockout.succeeded(&attempt(&lockout, "array-1", "alice"));
        for number in 0..100 {
            lockout.failed(&attempt(&lockout, &format!("client {number}"), "alice"), now);
        }
        let stranger = attempt(&lockout, "stranger", "alice");
        assert_eq!(lockout.check(&stranger, now), Err(MANY_MAX));
        assert_eq!(lockout.check(&attempt(&lockout, "array-1", "alice"), now), Ok(()));
        assert!(lockout.unlock(&["alice".to_owned()]) && !lockout.unlock(&["alice".to_owned()]));
        assert_eq!(lockout.check(&stranger, now), Ok(()));
    }

    #[test]
    fn one_client_that_tries_many_names_waits_and_memory_is_bounded() {
        let (lockout, now) = (lockout(), Instant::now());
        for number in 0..MANY {
            lockout.failed(&attempt(&lockout, "c", &format!("name {number}")), now);
        }
        assert!(lockout.check(&attempt(&lockout, "c", "another"), now).is_err());
        let known = attempt(&lockout, "c", "known");
        lockout.succeeded(&known);
        assert_eq!(lockout.check(&known, now), Ok(()));
        for number in 0..3 * ENTRIES_MAX as u32 {
            let from = Some(IpAddr::from(number.to_be_bytes()));
            lockout.failed(&lockout.attempt(&format!("client {number}"), &format!("name {number}"), from), now);
        }
        let state = lockout.state();
        for length in [state.pairs.len(), state.names.len(), state.clients.len(), state.addresses.len()] {
            assert!(length <= ENTRIES_MAX, "{length}");
        }
    }

    #[test]
    fn a_host_that_guesses_through_many_clients_and_names_waits_and_others_do_not() {
        let limits = CredentialsConfig { address_failures_max: 30, ..CredentialsConfig::default() };
        let (lockout, now) = (Lockout::open(&limits, None), Instant::now());
        let from = |address: &str| Some(address.parse::<IpAddr>().unwrap());
        lockout.succeeded(&lockout.attempt("array-1", "alice", from("10.0.0.1")));
        for number in 0..29 {
            assert_eq!(
                lockout.failed(&lockout.attempt(&format!("c {number}"), &format!("n {number}"), from("10.0.0.1")), now),
                None
            );
        }
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            let other = lockout.attempt(&format!("c {seconds}"), &format!("n {seconds}"), from("::ffff:10.0.0.1"));
            assert_eq!(lockout.failed(&other, now), Some(Duration::from_secs(seconds)), "the same host");
        }
        let of = |address: &str| lockout.check(&lockout.attempt("new", "bob", from(address)), now);
        assert_eq!((of("10.0.0.1"), of("10.0.0.2")), (Err(MANY_MAX), Ok(())));
        assert_eq!(lockout.check(&lockout.attempt("array-1", "alice", from("10.0.0.1")), now), Ok(()), "who is known");
        assert_eq!(lockout.check(&lockout.attempt("new", "bob", None), now), Ok(()));
        // A network of IPv6 is a host.
        for number in 0..40 {
            lockout.failed(
                &lockout.attempt(&format!("d {number}"), &format!("m {number}"), from(&format!("2001:db8::{number:x}"))),
                now,
            );
        }
        assert_eq!((of("2001:db8::ffff:1"), of("2001:db8:0:1::1")), (Err(MANY_MAX), Ok(())));
        // Who is let in again by name is let in from where it came.
        assert!(lockout.unlock(&["n 3".to_owned()]));
        assert_eq!(of("10.0.0.1"), Ok(()));
        let off = Lockout::open(&CredentialsConfig { address_failures_max: 0, ..limits }, None);
        for number in 0..1_000 {
            off.failed(&off.attempt(&format!("c {number}"), &format!("n {number}"), from("10.0.0.1")), now);
        }
        assert_eq!(off.check(&off.attempt("new", "bob", from("10.0.0.1")), now), Ok(()));
    }

    #[test]
    fn a_success_ends_the_count() {
        let (lockout, now) = (lockout(), Instant::now());
        let alice = attempt(&lockout, "c", "alice");
        for _ in 0..4 {
            assert_eq!(lockout.failed(&alice, now), None);
        }
        lockout.succeeded(&alice);
        assert_eq!(lockout.failed(&alice, now), None);
    }

    #[test]
    fn delays_outlive_a_restart_and_their_ends_do_too() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users.locked");
        let open = || Lockout::open(&CredentialsConfig::default(), Some(path.clone()));
        let from = Some(IpAddr::from([10, 0, 0, 1]));
        let (first, now) = (open(), Instant::now());
        let alice = |lockout: &Lockout| lockout.attempt("array-1", "user alice", from);
        for _ in 0..4 {
            first.failed(&alice(&first), now);
        }
        assert!(!path.exists(), "nobody waits");
        for _ in 0..10 {
            first.failed(&alice(&first), now);
        }
        for number in 0..60 {
            first.failed(&first.attempt(&format!("c {number}"), &format!("n {number}"), from), now);
        }
        assert!(!files::is_exposed(&path));
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("alice") && !text.contains("array-1") && !text.contains("10.0.0"), "{text}");
        // The process ends, however it does.
        let second = open();
        let wait = second.check(&alice(&second), Instant::now()).unwrap_err();
        assert!(wait > Duration::from_secs(400) && wait <= Duration::from_secs(512), "{wait:?}");
        assert!(second.check(&second.attempt("new", "bob", from), Instant::now()).is_err(), "the address");
        assert_eq!(second.check(&second.attempt("new", "bob", None), Instant::now()), Ok(()));
        assert_eq!(second.failed(&alice(&second), Instant::now()), Some(LONGEST), "it goes on doubling");
        assert!(second.unlock(&["user alice".to_owned()]));
        let third = open();
        assert_eq!(third.check(&alice(&third), Instant::now()), Ok(()));
        for _ in 0..5 {
            third.failed(&alice(&third), Instant::now());
        }
        assert!(open().check(&alice(&open()), Instant::now()).is_err());
        third.succeeded(&alice(&third));
        assert_eq!(open().check(&alice(&open()), Instant::now()), Ok(()), "a success ends it");
    }

    #[test]
    fn what_a_file_has_is_bounded_and_a_wrong_clock_makes_nobody_wait_longer() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users.locked");
        let limits = CredentialsConfig { failures_max: 1, ..CredentialsConfig::default() };
        let (lockout, now) = (Lockout::open(&limits, None), Instant::now());
        for number in 0..3 * KEPT_MAX {
            lockout.failed(&attempt(&lockout, &format!("c {number}"), &format!("n {number}")), now);
        }
        let count = |now_ms| lockout.kept(&lockout.state(), now, now_ms).waiting.len();
        assert_eq!(count(0), KEPT_MAX);
        let mut other = Lockout::open(&limits, None);
        let alice = attempt(&lockout, "c 1", "n 1");
        lockout.failed(&alice, now);
        let kept = lockout.kept(&lockout.state(), now, u64::MAX / 2);
        other.take(&kept, now, 1_000).unwrap();
        assert_eq!(other.check(&alice, now), Err(LONGEST), "the file is of the future");
        other.take(&kept, now, u64::MAX).unwrap();
        assert_eq!(other.check(&alice, now), Ok(()), "long ago");
        for damaged in [
            "",
            "{}",
            "x",
            "{\"version\":2,\"salt\":\"\",\"waiting\":[],\"known\":[]}",
            "{\"version\":1,\"salt\":\"zz\",\"waiting\":[],\"known\":[]}",
        ] {
            std::fs::write(&path, damaged).unwrap();
            let lockout = Lockout::open(&limits, Some(path.clone()));
            assert_eq!(lockout.check(&attempt(&lockout, "c", "alice"), now), Ok(()), "{damaged:?}");
            lockout.failed(&attempt(&lockout, "c", "alice"), now);
            assert!(std::fs::read_to_string(&path).unwrap().contains("\"waiting\":[{"), "it is written anew");
        }
    }
}
