//! The judge of credentials in messages: passwords, devices, one-time passwords.

use crate::policies::Policies;
use crate::users::{Claim, Proof, Users};
use crate::work::{Queues, Workshop};
use dispatcher::{Authenticator, Pending, Refused};
use kmip::credential::Credential;
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
}

impl Passwords {
    /// With so many passwords verified at one time.
    pub(crate) fn new(users: Arc<Users>, policies: Arc<Policies>, work_max: usize) -> Self {
        let workshop = Workshop::new(work_max, PASSWORDS_WAITING_MAX);
        Self { users, policies, workshop, queues: Queues::new(PASSWORDS_PER_CLIENT_MAX) }
    }
}

/// What a credential claims, and with what it proves that.
struct Claimed {
    is_device: bool,
    name: String,
    password: Zeroizing<Vec<u8>>,
    code: Option<Zeroizing<Vec<u8>>>,
}

/// # Errors
/// Why the credential cannot prove anything here.
fn claimed(credential: &Credential) -> Result<Claimed, Refused> {
    let refused = |cause: &str| Err(Refused(cause.to_owned()));
    let (is_device, name, password, code) = match credential {
        Credential::UsernameAndPassword(credential) => (false, &credential.username, &credential.password, None),
        Credential::OneTimePassword(credential) => {
            (false, &credential.username, &credential.password, Some(&credential.one_time_password))
        }
        Credential::Device(device) => match &device.device_serial_number {
            Some(serial) => (true, serial, &device.password, None),
            None => return refused("the Device credential has no Device Serial Number"),
        },
        // A Hashed Password needs what is as good as the password on the server.
        _ => return refused("credentials of this type are not verified by this server"),
    };
    let Some(password) = password else { return refused("the credential has no password") };
    let bytes = |text: &kmip::credential::SecretText| Zeroizing::new(text.0.expose().to_vec());
    Ok(Claimed { is_device, name: name.clone(), password: bytes(password), code: code.map(bytes) })
}

impl Authenticator for Passwords {
    fn generation(&self) -> u64 {
        self.users.generation()
    }

    fn user(&self, client: &Actor, name: String) -> Result<Actor, Refused> {
        let users = self.users.list();
        let role = users.iter().find(|user| user.name == name).and_then(|user| user.role.as_deref());
        self.policies.current().user(&name, role, client.tenant).map_err(|error| Refused(error.to_string()))
    }

    fn member(&self, name: &str, tenant: u32, membership: &Membership) -> Result<Actor, Refused> {
        self.policies.current().member(name, tenant, membership.clone()).map_err(|error| Refused(error.to_string()))
    }

    fn verify<'a>(
        &'a self,
        client: &'a Actor,
        peer: &'a str,
        credential: &'a Credential,
    ) -> Pending<'a, Result<String, Refused>> {
        Box::pin(async move {
            let Claimed { is_device, name, password, code } = claimed(credential)?;
            let claim = if is_device { Claim::DeviceSerial(&name) } else { Claim::Username(&name) };
            let claim = claim.to_string();
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
                return Err(Refused(cause));
            }
            let users = Arc::clone(&self.users);
            let verified = self.workshop.run(move || {
                let claim = if is_device { Claim::DeviceSerial(&name) } else { Claim::Username(&name) };
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
                let proof = Proof { password: &password, code: code.as_ref().map(|code| code.as_slice()) };
                let verified = users.verify(claim, proof, now);
                // Before the next of this client has its turn, and before it is answered.
                let wait = match &verified {
                    Ok(_) => {
                        users.lockout().succeeded(&attempt);
                        None
                    }
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
                Ok((Ok(name), _)) => Ok(name),
                Ok((Err(cause), _)) => {
                    tokio::time::sleep(REFUSAL_DELAY).await;
                    Err(Refused(format!("{claim:?}: {cause}")))
                }
                Err(error) => Err(Refused(error.to_string())),
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
