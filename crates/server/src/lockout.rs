//! Delays after failures to prove who one is, so that nobody guesses passwords.
//!
//! Failures are counted for each client (by its certificate) and name together, for each client, and for each name. The last two
//! hold only for a client and name that have not proved themselves before: nobody who guesses, or has an old password, keeps
//! somebody out who is known. It is counted for what was claimed, so that names that do not exist behave like those that do. A
//! certificate alone is never locked.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Failures of one client with many names, and of many clients with one name, after which they wait.
const MANY: u32 = 20;
/// What these wait at the most: they may be one that guesses and one that is in a hurry.
const MANY_MAX: Duration = Duration::from_secs(60);
/// Entries that are kept of each kind.
const ENTRIES_MAX: usize = 10_000;

/// The failures so far.
#[derive(Debug)]
pub struct Lockout {
    /// Failures of a client with one name after which it waits.
    after: u32,
    /// What it waits at the most.
    longest: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pairs: HashMap<(String, String), Failures>,
    clients: HashMap<String, Failures>,
    names: HashMap<String, Failures>,
    /// Clients that have proved a name since the start.
    known: HashSet<(String, String)>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    until: Instant,
}

impl Lockout {
    /// A client waits after so many failures with one name: a second, then twice as long each time, up to `longest`.
    #[must_use]
    pub fn new(after: u32, longest: Duration) -> Self {
        Self { after: after.max(1), longest, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// That a client may try to prove a name.
    ///
    /// # Errors
    /// How long it has to wait yet.
    pub fn check(&self, client: &str, name: &str, now: Instant) -> Result<(), Duration> {
        let state = self.state();
        let pair = (client.to_owned(), name.to_owned());
        let many = [state.clients.get(client), state.names.get(name)];
        let many = many.into_iter().filter(|_| !state.known.contains(&pair));
        let found = many.chain([state.pairs.get(&pair)]);
        let wait = found.flatten().map(|failures| failures.until.saturating_duration_since(now)).max();
        wait.filter(|wait| !wait.is_zero()).map_or(Ok(()), Err)
    }

    /// Takes note of a failure; how long the client has to wait now, if it has to.
    pub fn failed(&self, client: &str, name: &str, now: Instant) -> Option<Duration> {
        let mut state = self.state();
        let pair = (client.to_owned(), name.to_owned());
        let is_known = state.known.contains(&pair);
        let mut wait = count(&mut state.pairs, pair, self.after, self.longest, now);
        if !is_known {
            let (many, longest) = (MANY.max(self.after), self.longest.min(MANY_MAX));
            wait = wait.max(count(&mut state.clients, client.to_owned(), many, longest, now));
            wait = wait.max(count(&mut state.names, name.to_owned(), many, longest, now));
        }
        Some(wait).filter(|wait| !wait.is_zero())
    }

    /// Takes note of a success.
    pub fn succeeded(&self, client: &str, name: &str) {
        let mut state = self.state();
        let pair = (client.to_owned(), name.to_owned());
        state.pairs.remove(&pair);
        if state.known.len() >= ENTRIES_MAX {
            state.known.clear();
        }
        state.known.insert(pair);
    }

    /// Forgets the failures with these names; whether there were any.
    pub fn unlock(&self, names: &[String]) -> bool {
        let mut state = self.state();
        let clients: HashSet<String> =
            state.pairs.keys().filter(|(_, name)| names.contains(name)).map(|(client, _)| client.clone()).collect();
        let before = state.pairs.len() + state.names.len();
        state.pairs.retain(|(_, name), _| !names.contains(name));
        state.names.retain(|name, _| !names.contains(name));
        // Those who tried them may be the user's own clients.
        state.clients.retain(|client, _| !clients.contains(client));
        before > state.pairs.len() + state.names.len()
    }
}

/// Counts a failure; how long to wait from now.
fn count<K: Eq + std::hash::Hash>(
    entries: &mut HashMap<K, Failures>,
    key: K,
    after: u32,
    longest: Duration,
    now: Instant,
) -> Duration {
    if entries.len() >= ENTRIES_MAX && !entries.contains_key(&key) {
        // What is over goes, and every other of the rest: whoever fails ten thousand times makes room for himself, at the price of the
        // delays that are bought with each.
        let mut keep = false;
        entries.retain(|_, failures| {
            keep = !keep;
            keep && failures.until + longest > now
        });
    }
    let failures = entries.entry(key).or_insert(Failures { count: 0, until: now });
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

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_secs(900);

    fn lockout() -> Lockout {
        Lockout::new(5, LONGEST)
    }

    #[test]
    fn delays_double_after_some_failures_and_end() {
        let (lockout, now) = (lockout(), Instant::now());
        for _ in 0..4 {
            assert_eq!(lockout.failed("c", "alice", now), None);
        }
        for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            assert_eq!(lockout.failed("c", "alice", now), Some(Duration::from_secs(seconds)));
        }
        assert_eq!(lockout.check("c", "alice", now), Err(LONGEST));
        assert_eq!(lockout.check("c", "bob", now), Ok(()));
        assert_eq!(lockout.check("other", "alice", now), Ok(()));
        assert_eq!(lockout.check("c", "alice", now + LONGEST), Ok(()));
        // Twice as long, and nothing is left of it.
        assert_eq!(lockout.failed("c", "alice", now + 2 * LONGEST + Duration::from_secs(1)), None);
    }

    #[test]
    fn guessing_from_everywhere_does_not_keep_out_a_client_that_is_known() {
        let (lockout, now) = (lockout(), Instant::now());
        lockout.succeeded("array-1", "alice");
        for number in 0..100 {
            lockout.failed(&format!("client {number}"), "alice", now);
        }
        assert_eq!(lockout.check("stranger", "alice", now), Err(MANY_MAX));
        assert_eq!(lockout.check("array-1", "alice", now), Ok(()));
        assert!(lockout.unlock(&["alice".to_owned()]) && !lockout.unlock(&["alice".to_owned()]));
        assert_eq!(lockout.check("stranger", "alice", now), Ok(()));
    }

    #[test]
    fn one_client_that_tries_many_names_waits_and_memory_is_bounded() {
        let (lockout, now) = (lockout(), Instant::now());
        for number in 0..MANY {
            lockout.failed("c", &format!("name {number}"), now);
        }
        assert!(lockout.check("c", "another", now).is_err());
        lockout.succeeded("c", "known");
        assert_eq!(lockout.check("c", "known", now), Ok(()));
        for number in 0..3 * ENTRIES_MAX {
            lockout.failed(&format!("client {number}"), &format!("name {number}"), now);
        }
        let state = lockout.state();
        assert!(state.pairs.len() <= ENTRIES_MAX && state.names.len() <= ENTRIES_MAX && state.clients.len() <= ENTRIES_MAX);
    }

    #[test]
    fn a_success_ends_the_count() {
        let (lockout, now) = (lockout(), Instant::now());
        for _ in 0..4 {
            assert_eq!(lockout.failed("c", "alice", now), None);
        }
        lockout.succeeded("c", "alice");
        assert_eq!(lockout.failed("c", "alice", now), None);
    }
}
