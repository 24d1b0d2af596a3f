//! The judge of credentials in messages: passwords, devices, one-time and hashed passwords.

use crate::hashed_password::Shown;
use crate::policies::Policies;
use crate::users::{Claim, Proof, Unproved, Users};
use crate::work::{Queues, Workshop};
use dispatcher::{Authenticator, Pending, Proved, Refused};
use kmip::credential::Credential;
use kmip::enumerations::HashingAlgorithm;
use policy::{Actor, Membership};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

/// Passwords that may wait for their turn; more clients at once with new credentials are turned away.
const PASSWORDS_WAITING_MAX: usize = 1_024;

/// Passwords of one client, by its certificate, that may wait among the others' for their turn. More of them wait behind these:
/// a client with a thousand connections is served in turn with one that has a single one.
const PASSWORDS_PER_CLIENT_MAX: usize = 4;

/// How long the answer to a wrong password waits: guessing over one connection is slow, a typing mistake is not punished.
const REFUSAL_DELAY: Duration = Duration::from_secs(1);

/// The users' passwords.
pub(crate) struct Passwords {
    users: Arc<Users>,
    policies: Arc<Policies>,
    workshop: Workshop,
    queues: Queues,
    /// How far the time stamp of a hashed password may be from the clock.
    tolerance_s: u64,
}

impl Passwords {
    /// With so many passwords verified at one time, and hashed ones of so many seconds before or after now.
    pub(crate) fn new(users: Arc<Users>, policies: Arc<Policies>, work_max: usize, tolerance_s: u64) -> Self {
        let workshop = Workshop::new(work_max, PASSWORDS_WAITING_MAX);
        Self { users, policies, workshop, queues: Queues::new(PASSWORDS_PER_CLIENT_MAX), tolerance_s }
    }
}

/// What a credential claims, and with what it proves that.
struct Claimed {
    is_device: bool,
    name: String,
    evidence: Evidence,
}

enum Evidence {
    Password { password: Zeroizing<Vec<u8>>, code: Option<Zeroizing<Vec<u8>>> },
    Hashed { stamp_us: i64, algorithm: HashingAlgorithm, hashed: Zeroizing<Vec<u8>> },
}

impl Claimed {
    fn claim(&self) -> Claim<'_> {
        if self.is_device { Claim::DeviceSerial(&self.name) } else { Claim::Username(&self.name) }
    }

    /// Takes its time.
    fn verify(&self, users: &Users, tolerance_s: u64, now: Duration) -> Result<Proved, Unproved> {
        match &self.evidence {
            Evidence::Password { password, code } => {
                let proof = Proof { password, code: code.as_ref().map(|code| code.as_slice()) };
                users.verify(self.claim(), proof, now.as_secs()).map(Proved::from)
            }
            Evidence::Hashed { stamp_us, algorithm, hashed } => {
                let shown = Shown { name: &self.name, stamp_us: *stamp_us, algorithm: *algorithm, hashed };
                let now_us = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
                let proved = users.verify_hashed(shown, tolerance_s, now_us)?;
                Ok(Proved { name: proved.name, server_hashed_password: Some(proved.answer) })
            }
        }
    }
}

/// What a client is told that knows the password, and may not know why it is refused.
const fn told(cause: Unproved) -> Option<&'static str> {
    match cause {
        Unproved::Stale => Some("The Timestamp of the Hashed Password is too far from the time of the server"),
        Unproved::NotLater => Some("The Timestamp of the Hashed Password is not later than the last one of the user"),
        Unproved::Wrong | Unproved::Replayed | Unproved::NotKept | Unproved::Sealed => None,
    }
}

/// # Errors
/// Why the credential cannot prove anything here.
fn claimed(credential: &Credential) -> Result<Claimed, Refused> {
    let refused = |cause: &str| Err(Refused::because(cause));
    let (is_device, name, password, code) = match credential {
        Credential::UsernameAndPassword(credential) => (false, &credential.username, &credential.password, None),
        Credential::OneTimePassword(credential) => {
            (false, &credential.username, &credential.password, Some(&credential.one_time_password))
        }
        Credential::Device(device) => match &device.device_serial_number {
            Some(serial) => (true, serial, &device.password, None),
            None => return refused("the Device credential has no Device Serial Number"),
        },
        Credential::HashedPassword(credential) => {
            let evidence = Evidence::Hashed {
                stamp_us: credential.timestamp.0,
                algorithm: credential.hashing_algorithm.unwrap_or(HashingAlgorithm::SHA_256),
                hashed: Zeroizing::new(credential.hashed_password.expose().to_vec()),
            };
            return Ok(Claimed { is_device: false, name: credential.username.clone(), evidence });
        }
        _ => return refused("credentials of this type are not verified by this server"),
    };
    let Some(password) = password else { return refused("the credential has no password") };
    let bytes = |text: &kmip::credential::SecretText| Zeroizing::new(text.0.expose().to_vec());
    let evidence = Evidence::Password { password: bytes(password), code: code.map(bytes) };
    Ok(Claimed { is_device, name: name.clone(), evidence })
}

impl Authenticator for Passwords {
    fn generation(&self) -> u64 {
        self.users.generation()
    }

    fn user(&self, client: &Actor, name: String) -> Result<Actor, Refused> {
        let users = self.users.list();
        let role = users.iter().find(|user| user.name == name).and_then(|user| user.role.as_deref());
        self.policies.current().user(&name, role, client.tenant).map_err(|error| Refused::because(error.to_string()))
    }

    fn member(&self, name: &str, tenant: u32, membership: &Membership) -> Result<Actor, Refused> {
        self.policies.current().member(name, tenant, membership.clone()).map_err(|error| Refused::because(error.to_string()))
    }

    fn verify<'a>(
        &'a self,
        client: &'a Actor,
        peer: &'a str,
        credential: &'a Credential,
    ) -> Pending<'a, Result<Proved, Refused>> {
        Box::pin(async move {
            let claimed = claimed(credential)?;
            let claim = claimed.claim().to_string();
            // Names are the client's to choose: what is kept of them is bounded.
            let counted: String = claim.chars().take(COUNTED_MAX).collect();
            let from = origin(client);
            let address = peer.parse::<SocketAddr>().ok().map(|peer| peer.ip());
            let attempt = self.users.lockout().attempt(&from, &counted, address);
            let turn = self.queues.enter(&from).await;
            // Whoever waits is not answered sooner: neither how long a refusal takes nor what it says tells that a name is locked.
            if let Err(wait) = self.users.lockout().check(&attempt, Instant::now()) {
                drop(turn);
                tokio::time::sleep(REFUSAL_DELAY).await;
                let cause = format!("{claim:?}: too many failures; the next attempt counts in {} s", wait.as_secs() + 1);
                return Err(Refused::because(cause));
            }
            let users = Arc::clone(&self.users);
            let tolerance_s = self.tolerance_s;
            let verified = self.workshop.run(move || {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let verified = claimed.verify(&users, tolerance_s, now);
                // Before the next of this client has its turn, and before it is answered.
                let wait = match &verified {
                    Ok(_) => {
                        users.lockout().succeeded(&attempt);
                        None
                    }
                    // Whoever has shown the right one guesses nothing: his clock is wrong, or two of his clients share a user.
                    Err(Unproved::Stale | Unproved::NotLater) => None,
                    Err(_) => users.lockout().failed(&attempt, Instant::now()),
                };
                (verified, wait)
            });
            let verified = verified.await;
            if let Ok((_, Some(wait))) = &verified {
                let (client, seconds) = (&client.name, wait.as_secs());
                tracing::warn!(client, peer, claim, seconds, "too many failures: attempts are refused");
            }
            drop(turn);
            match verified {
                Ok((Ok(proved), _)) => Ok(proved),
                Ok((Err(cause), _)) => {
                    tokio::time::sleep(REFUSAL_DELAY).await;
                    Err(Refused { cause: format!("{claim:?}: {cause}"), told: told(cause) })
                }
                Err(error) => Err(Refused::because(error.to_string())),
            }
        })
    }
}

/// Characters of a claimed name by which failures are counted.
const COUNTED_MAX: usize = 300;

/// The client as failures are counted, and turns are taken: names are unique within a tenant only, and no tenant is to lock out
/// another's client.
fn origin(client: &Actor) -> String {
    format!("{}/{}", client.tenant, client.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_of_one_name_in_two_tenants_are_two() {
        assert_ne!(origin(&Actor::of("array-1", 1)), origin(&Actor::of("array-1", 2)));
        assert_ne!(origin(&Actor::of("1/a", 1)), origin(&Actor::of("a", 11)));
    }
}
