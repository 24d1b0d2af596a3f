//! Administrative commands: one function, called through a Unix socket while the server runs and on the files while it does not.
//!
//! The socket speaks one JSON object a line: a command in, a reply out. Only the owner (and root) may connect: mode 0600, and the
//! system is asked for the peer's user.

use crate::config::{AuthorityConfig, Config};
use crate::database::{Outcome, Progress, Work};
use crate::enrolment::{self, Issued, Register};
use crate::files::{self, FileError};
use crate::identity;
use crate::live::{AuditLog, Live};
use crate::users::Users;
use certs::{Authority, Validity};
use policy::Permission;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Days a client's certificate is valid unless asked otherwise: what public authorities settled on for servers.
pub const CLIENT_DAYS: u32 = 825;
/// Days until a revocation list says a newer one is due: as long as the authority lives, since every revocation writes a new one.
pub const LIST_DAYS: u32 = 3650;
/// The least and the most that can be asked for, in seconds: five minutes, since clocks differ, and ten years.
const VALID_S: std::ops::RangeInclusive<u32> = 300..=3650 * 86_400;
/// Why no certificate is made.
const NO_AUTHORITY: &str = "the configuration has no [authority]: certificates come from elsewhere";

/// An administrative command.
#[derive(Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Command {
    /// Signs a request for a client's certificate.
    SignClient {
        /// PKCS#10, PEM.
        request_pem: String,
        /// The common name, if not the request's.
        name: Option<String>,
        /// How long it is valid, in seconds.
        valid_s: u64,
    },
    /// Signs a request for another certificate of a client that has one.
    RenewClient {
        /// PKCS#10, PEM.
        request_pem: String,
        /// The client.
        name: String,
        /// How long it is valid, in seconds.
        valid_s: u64,
    },
    /// Puts a request into the queue of those that somebody has to approve.
    RequestClient {
        /// PKCS#10, PEM.
        request_pem: String,
    },
    /// Lists the requests in the queue.
    ClientRequests,
    /// Signs a request of the queue.
    ApproveRequest {
        /// Which.
        identifier: String,
        /// The common name, if not the request's.
        name: Option<String>,
        /// How long it is valid, in seconds.
        valid_s: u64,
        /// With the rest of its subject and its alternative names.
        as_requested: bool,
    },
    /// Takes a request out of the queue.
    RejectRequest {
        /// Which.
        identifier: String,
    },
    /// Lists the certificates that were issued.
    ClientList,
    /// Revokes a client's certificate.
    RevokeClient {
        /// The certificate, PEM.
        certificate_pem: String,
    },
    /// Adds a user, or changes one.
    UserAdd {
        /// The name.
        name: String,
        /// A role.
        role: Option<String>,
        /// The Device Serial Number of its Device credential.
        device_serial: Option<String>,
        /// The password.
        password: Password,
    },
    /// Gives a user a second factor, or takes it away.
    UserTotp {
        /// The name.
        name: String,
        /// Whether it is taken away.
        remove: bool,
    },
    /// Ends the delays after a user's failures.
    UserUnlock {
        /// The name.
        name: String,
    },
    /// Lists the users.
    UserList,
    /// Removes a user.
    UserRemove {
        /// The name.
        name: String,
    },
    /// Reads certificates, revocation lists, identity rules and users again.
    Reload,
    /// Tells how the server is.
    Status,
    /// Tells why the policy of the running server lets somebody do something with an object, or does not.
    PolicyExplain {
        /// Who.
        who: Who,
        /// What: a permission's name.
        permission: String,
        /// The object's identifier.
        object: String,
        /// Whether somebody proved who it is by more than a certificate.
        second_factor: bool,
    },
    /// Does something with the whole store of a running server. What changes anything is recorded where it is done.
    Db {
        /// What.
        work: Work,
    },
}

/// Whom a question is about.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Who {
    /// The holder of a certificate.
    Certificate {
        /// PEM.
        certificate_pem: String,
    },
    /// A user that a credential proves.
    User {
        /// The name.
        name: String,
        /// The tenant of the client it comes over.
        tenant: String,
    },
}

/// Characters of what the audit log tells about a certificate or a user.
const TOLD_LENGTH_MAX: usize = 512;

impl Command {
    /// For a command that changes something, its name on the command line and what it is about.
    fn change(&self) -> Option<(&'static str, Vec<String>)> {
        let (name, about) = match self {
            Self::SignClient { name, .. } => ("client sign", name.clone()),
            Self::RenewClient { name, .. } => ("client renew", Some(name.clone())),
            Self::RequestClient { request_pem } => {
                let facts = certs::RequestFacts::read(request_pem).ok();
                ("client request", facts.map(|facts| format!("{} {}", identity::fingerprint(&facts.der), facts.subject)))
            }
            Self::ApproveRequest { identifier, .. } => ("client approve", Some(identifier.clone())),
            Self::RejectRequest { identifier } => ("client reject", Some(identifier.clone())),
            Self::RevokeClient { certificate_pem } => {
                let parsed = x509_parser::pem::parse_x509_pem(certificate_pem.as_bytes());
                ("client revoke", parsed.ok().map(|(_, block)| crate::tls::describe(&block.contents)))
            }
            Self::UserAdd { name, .. } => ("user add", Some(name.clone())),
            Self::UserRemove { name } => ("user remove", Some(name.clone())),
            Self::UserTotp { name, .. } => ("user totp", Some(name.clone())),
            Self::UserUnlock { name } => ("user unlock", Some(name.clone())),
            Self::Reload => ("admin reload", None),
            Self::ClientRequests
            | Self::ClientList
            | Self::UserList
            | Self::Status
            | Self::PolicyExplain { .. }
            | Self::Db { .. } => return None,
        };
        Some((name, about.iter().map(|text| text.chars().take(TOLD_LENGTH_MAX).collect()).collect()))
    }
}

/// A password on its way to the server. Wiped when dropped, never shown.
#[derive(Serialize, Deserialize, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
#[serde(transparent)]
pub struct Password(pub String);

impl std::fmt::Debug for Password {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Password({} bytes)", self.0.len())
    }
}

/// The reply to a command.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub enum Reply {
    /// A signed certificate.
    Certificate {
        /// The common name in it.
        name: String,
        /// PEM.
        certificate_pem: String,
        /// The authority that signed it, PEM.
        authority_pem: String,
    },
    /// The users.
    Users {
        /// By name.
        users: Vec<UserLine>,
    },
    /// Done; what there is to say about it.
    Done {
        /// Sentences for people.
        messages: Vec<String>,
    },
    /// What came of work on the whole store.
    Db {
        /// It.
        outcome: Outcome,
    },
    /// How far it has come; the reply follows.
    Progress {
        /// In words.
        line: String,
    },
    /// Not done, and why.
    Refused {
        /// For people.
        error: String,
    },
}

/// A user as listed.
#[derive(Debug, Serialize, Deserialize)]
pub struct UserLine {
    /// The name.
    pub name: String,
    /// The role, if any.
    pub role: Option<String>,
    /// The Device Serial Number, if any.
    pub device_serial: Option<String>,
    /// Whether it has a second factor.
    #[serde(default)]
    pub totp: bool,
}

/// What commands work on.
#[derive(Debug)]
pub struct Administration {
    /// The configuration.
    pub config: Config,
    /// The users.
    pub users: Arc<Users>,
    /// The running server, if it is this process.
    pub live: Option<Arc<Live>>,
    /// Where commands are recorded if it is not.
    pub audit_log: Option<AuditLog>,
}

impl Administration {
    /// Performs a command for somebody. What changes something, or tries to, is recorded in the audit log.
    #[must_use]
    pub fn perform(&self, actor: &str, command: Command, progress: &mut Progress) -> Reply {
        let change = command.change();
        let mut reply = self.try_perform(actor, command, progress).unwrap_or_else(|error| Reply::Refused { error });
        let log = self.live.as_ref().map(|live| &live.audit_log).or(self.audit_log.as_ref());
        let (Some(log), Some((name, mut identifiers))) = (log, change) else { return reply };
        let done = !matches!(reply, Reply::Refused { .. });
        if let Reply::Certificate { name, certificate_pem, .. } = &reply {
            let serial = enrolment::der_of(certificate_pem).ok().and_then(|der| serial_of(&der));
            // What was given its name is told beside it: which request, which certificate.
            identifiers.retain(|told| told != name);
            identifiers.insert(0, name.clone());
            identifiers.extend(serial.iter().map(|serial| format!("serial {serial}")));
        }
        let recorded = log.record(actor, name, identifiers, done);
        // What was done holds all the same: a revocation must not wait for a disk.
        if let (Err(cause), Reply::Done { messages }) = (recorded, &mut reply) {
            messages.push(format!("it is not in the audit log: {cause}"));
        }
        reply
    }

    /// Who somebody is under the policy of now.
    fn who(&self, live: &Live, who: &Who) -> Result<policy::Actor, String> {
        let rules = live.policies.current();
        match who {
            Who::Certificate { certificate_pem } => {
                let (_, block) =
                    x509_parser::pem::parse_x509_pem(certificate_pem.as_bytes()).map_err(|error| error.to_string())?;
                identity::identify(&block.contents, &self.config.tls.identity, &rules).map_err(|error| error.to_string())
            }
            Who::User { name, tenant } => {
                let tenants: Vec<_> = rules.tenants().collect();
                let number = tenants.iter().find(|(known, _)| known == tenant).map(|(_, number)| *number);
                let number = number.ok_or_else(|| format!("there is no tenant {tenant:?}"))?;
                let role = self.users.list().iter().find(|user| user.name == *name).and_then(|user| user.role.clone());
                rules.user(name, role.as_deref(), number).map_err(|error| error.to_string())
            }
        }
    }

    fn try_perform(&self, actor: &str, command: Command, progress: &mut Progress) -> Result<Reply, String> {
        match command {
            Command::SignClient { request_pem, name, valid_s } => self.issue(
                valid_s,
                |authority, validity| authority.sign_request(&request_pem, name.as_deref(), validity),
                |_| Ok(()),
            ),
            Command::RenewClient { request_pem, name, valid_s } => {
                let known = |register: &mut Register| match register.issued.iter().rfind(|issued| issued.name == name) {
                    None => Err(format!("no certificate of {name:?} is in the register; kmipd client add makes one")),
                    Some(Issued { revoked: Some(_), .. }) => {
                        Err(format!("the certificate of {name:?} was revoked; kmipd client add makes another one"))
                    }
                    Some(_) => Ok(()),
                };
                self.issue(
                    valid_s,
                    |authority, validity| authority.sign_key_of_request(&request_pem, Some(&name), validity),
                    known,
                )
            }
            Command::RequestClient { request_pem } => {
                let waiting = enrolment::request(self.authority()?, &request_pem, actor)?;
                let mut messages = enrolment::lines(&waiting);
                messages.push(format!("it waits for: kmipd client approve {}", waiting.identifier));
                Ok(Reply::Done { messages })
            }
            Command::ClientRequests => {
                let register = Register::read(&self.authority()?.register)?;
                Ok(Reply::Done { messages: register.requests.iter().flat_map(enrolment::lines).collect() })
            }
            Command::ApproveRequest { identifier, name, valid_s, as_requested } => {
                let register = Register::read(&self.authority()?.register)?;
                let waiting = enrolment::find(&register, &identifier)?;
                let (pem, name) = (&waiting.request_pem, name.as_deref());
                let sign = |authority: &Authority, validity| match as_requested {
                    true => authority.sign_request(pem, name, validity),
                    false => authority.sign_key_of_request(pem, name, validity),
                };
                self.issue(valid_s, sign, |register| take_out(register, &waiting.fingerprint))
            }
            Command::RejectRequest { identifier } => enrolment::change(self.authority()?, |register| {
                let fingerprint = enrolment::find(register, &identifier)?.fingerprint.clone();
                take_out(register, &fingerprint)?;
                Ok(done(format!("request {fingerprint} is rejected")))
            }),
            Command::ClientList => {
                let register = Register::read(&self.authority()?.register)?;
                Ok(Reply::Done { messages: register.issued.iter().map(issued_line).collect() })
            }
            Command::RevokeClient { certificate_pem } => self.revoke_client(&certificate_pem),
            Command::UserAdd { name, role, device_serial, password } => {
                let weak = self.config.protocol.weak_passwords;
                let added = self.users.add(&name, role.as_deref(), device_serial.as_deref(), &password.0, weak);
                added.map_err(|error| error.to_string())?;
                Ok(done(format!("user {name:?} can authenticate")))
            }
            Command::UserList => {
                let line = |user: &crate::users::User| UserLine {
                    name: user.name.clone(),
                    role: user.role.clone(),
                    device_serial: user.device_serial.clone(),
                    totp: user.totp.is_some(),
                };
                Ok(Reply::Users { users: self.users.list().iter().map(line).collect() })
            }
            Command::UserTotp { name, remove: true } => {
                self.users.set_totp(&name, None).map_err(|error| error.to_string())?;
                Ok(done(format!("user {name:?} needs no one-time password any more")))
            }
            Command::UserTotp { name, remove: false } => {
                let secret = crate::totp::generate()?;
                self.users.set_totp(&name, Some(&secret)).map_err(|error| error.to_string())?;
                let messages = vec![
                    format!("secret: {}", *secret),
                    crate::totp::uri(&name, &secret).to_string(),
                    format!("user {name:?} needs a one-time password with the password; this is shown once"),
                ];
                Ok(Reply::Done { messages })
            }
            Command::UserUnlock { name } => {
                // The delays are in the memory of a server: where none runs, there are none.
                let was_locked = self.users.unlock(&name).map_err(|error| error.to_string())?;
                Ok(done(format!("user {name:?} {}", if was_locked { "can try again" } else { "had no failures" })))
            }
            Command::UserRemove { name } => {
                self.users.remove(&name).map_err(|error| error.to_string())?;
                Ok(done(format!("user {name:?} is removed, for open connections too")))
            }
            Command::Reload => {
                let live = self.live.as_ref().ok_or("no server is running")?;
                Ok(Reply::Done { messages: live.reload()? })
            }
            Command::Status => {
                let live = self.live.as_ref().ok_or("no server is running")?;
                Ok(Reply::Done { messages: live.status() })
            }
            Command::PolicyExplain { who, permission, object, second_factor } => {
                let live = self.live.as_ref().ok_or("no server is running: its objects are asked for")?;
                let permission = Permission::named(&permission).ok_or_else(|| format!("{permission:?} is no permission"))?;
                let actor = policy::Actor { second_factor, ..self.who(live, &who)? };
                Ok(Reply::Done { messages: live.decisions.explain(&actor, permission, &object)? })
            }
            Command::Db { work } => {
                let live = self.live.as_ref().ok_or("no server is running")?;
                Ok(Reply::Db { outcome: live.whole_store.work(actor, &work, progress)? })
            }
        }
    }

    fn authority(&self) -> Result<&AuthorityConfig, String> {
        self.config.authority.as_ref().ok_or_else(|| NO_AUTHORITY.to_owned())
    }

    /// Makes a certificate and notes it, in one change of the register.
    fn issue(
        &self,
        valid_s: u64,
        sign: impl FnOnce(&Authority, Validity) -> Result<(String, String), certs::CertificateError>,
        check: impl FnOnce(&mut Register) -> Result<(), String>,
    ) -> Result<Reply, String> {
        let seconds = u32::try_from(valid_s).ok().filter(|seconds| VALID_S.contains(seconds)).ok_or_else(|| {
            let (least, most) = (VALID_S.start() / 60, VALID_S.end() / 86_400);
            format!("a certificate can be valid for {least} minutes to {most} days")
        })?;
        let authority = read_authority(&self.config)?;
        let (name, certificate_pem) = enrolment::change(self.authority()?, |register| {
            check(register)?;
            let signed = sign(&authority, Validity::seconds(seconds)).map_err(|error| error.to_string())?;
            register.note(&signed.1)?;
            Ok(signed)
        })?;
        tracing::info!(name, valid_s, "client certificate signed");
        Ok(Reply::Certificate { name, certificate_pem, authority_pem: authority.certificate_pem().to_owned() })
    }

    fn revoke_client(&self, certificate_pem: &str) -> Result<Reply, String> {
        let authority = read_authority(&self.config)?;
        let Some(files) = &self.config.authority else { return Err("the configuration has no [authority]".to_owned()) };
        let (_, block) =
            x509_parser::pem::parse_x509_pem(certificate_pem.as_bytes()).map_err(|error| format!("the certificate: {error}"))?;
        let current = crate::tls::read_list(&files.crl).map_err(|error| error.to_string())?;
        let list = authority.revoke(current.as_deref(), &block.contents, LIST_DAYS).map_err(|error| error.to_string())?;
        files::replace(&files.crl, list.pem.as_bytes(), files::PUBLIC).map_err(|error| error.to_string())?;
        let fingerprint = identity::fingerprint(&block.contents);
        // The list is what counts, and holds already.
        let noted = enrolment::change(files, |register| {
            let of_it = register.issued.iter_mut().filter(|issued| issued.fingerprint == fingerprint);
            of_it.for_each(|issued| issued.revoked = Some(crate::tls::now()));
            Ok(())
        });
        let what = crate::tls::describe(&block.contents);
        tracing::info!(certificate = what, "client certificate revoked");
        let mut messages = vec![format!("revoked in {}: {what}", files.crl.display())];
        messages.extend(noted.err().map(|cause| format!("the register does not have it: {cause}")));
        if !self.config.tls.crls.contains(&files.crl) {
            messages.push(format!("it does not hold yet: tls.crls does not name {}", files.crl.display()));
        } else if let Some(live) = &self.live {
            messages.extend(live.reload()?);
        }
        Ok(Reply::Done { messages })
    }
}

/// The authority of a configuration, with its key.
///
/// # Errors
/// When there is none, or its files cannot be read.
pub fn read_authority(config: &Config) -> Result<Authority, String> {
    let Some(files) = &config.authority else {
        return Err(NO_AUTHORITY.to_owned());
    };
    let text = |error: FileError| error.to_string();
    let certificate = files::read_text(&files.certificate).map_err(text)?;
    let key = zeroize::Zeroizing::new(files::read_text(&files.key).map_err(text)?);
    Authority::read(&certificate, &key).map_err(|error| error.to_string())
}

fn take_out(register: &mut Register, fingerprint: &str) -> Result<(), String> {
    let before = register.requests.len();
    register.requests.retain(|waiting| waiting.fingerprint != fingerprint);
    // Somebody else may have decided meanwhile.
    if register.requests.len() == before { Err(format!("request {fingerprint} does not wait any more")) } else { Ok(()) }
}

fn serial_of(der: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(certificate.raw_serial_as_string())
}

fn issued_line(issued: &Issued) -> String {
    let now = crate::tls::now();
    let moment = |seconds: i64| crate::audit_trail::moment(seconds.saturating_mul(1_000_000));
    let state = match issued.revoked {
        Some(at) => format!("revoked {}", moment(at)),
        None if issued.ends <= now => "ended".to_owned(),
        None if issued.is_due(now) => "to be renewed".to_owned(),
        None => "good".to_owned(),
    };
    format!("{}  serial {}  ends {}  {state}", issued.name.escape_debug(), issued.serial, moment(issued.ends))
}

fn done(message: String) -> Reply {
    Reply::Done { messages: vec![message] }
}
