//! Administrative commands: one function, called through a Unix socket while the server runs and on the files while it does not.
//!
//! The socket speaks one JSON object a line: a command in, a reply out. Only the owner (and root) may connect, mode 0600, unless the
//! configuration names administrators and auditors; the system is asked for the peer's user either way.

pub use crate::command::{Command, Password, Reply, UserLine, Who};

use crate::config::{AuthorityConfig, Config};
use crate::database::Progress;
use crate::duties::{Duties, Duty, LocalUser, Needed, NoDuty};
use crate::enrolment::{self, Issued, Register};
use crate::files::{self, FileError};
use crate::live::{AuditLog, Live};
use crate::users::Users;
use crate::{hashed_password, identity};
use audit::Outcome;
use certs::{Authority, Validity};
use kmip::result_reason::ResultReason;
use policy::{Permission, Scope};
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

/// Who gives a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// As the audit log names it.
    pub name: String,
    /// What it may do.
    pub duty: Duty,
}

impl Caller {
    /// A local user, by what the configuration says of it.
    ///
    /// # Errors
    /// When it may do nothing.
    pub fn of(duties: &Duties, user: &LocalUser) -> Result<Self, NoDuty> {
        let duty = duties.of(user, rustix::process::getuid().as_raw())?;
        Ok(Self { name: format!("{} {user}", duty.name()), duty })
    }

    /// That it may do something.
    ///
    /// # Errors
    /// What to tell it.
    pub fn may(&self, what: &str, needed: Needed) -> Result<(), String> {
        if self.duty.allows(needed) {
            return Ok(());
        }
        Err(match needed {
            Needed::Auditor => {
                format!("{} must not give kmipd {what}: what was done is for auditors to read (admin.auditors)", self.name)
            }
            _ => format!("{} must not give kmipd {what}: it is for administrators (admin.administrators)", self.name),
        })
    }
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
    /// Performs a command for somebody. What changes something, or tries to, and what somebody must not do is recorded in the audit log.
    #[must_use]
    pub fn perform(&self, caller: &Caller, command: Command, progress: &mut Progress) -> Reply {
        let mut told = command.told();
        if let Err(error) = caller.may(told.name, told.needed) {
            return self.refuse(&caller.name, told.name, told.about, error);
        }
        let mut reply = self.try_perform(&caller.name, command, progress).unwrap_or_else(|error| Reply::Refused { error });
        let (Some(log), true) = (self.log(), told.is_change) else { return reply };
        let done = !matches!(reply, Reply::Refused { .. });
        if let Reply::Certificate { name, certificate_pem, .. } = &reply {
            let serial = enrolment::der_of(certificate_pem).ok().and_then(|der| serial_of(&der));
            // What was given its name is told beside it: which request, which certificate.
            told.about.retain(|told| told != name);
            told.about.insert(0, name.clone());
            told.about.extend(serial.iter().map(|serial| format!("serial {serial}")));
        }
        let recorded = log.record(&caller.name, told.name, told.about, done);
        // What was done holds all the same: a revocation must not wait for a disk.
        if let (Err(cause), Reply::Done { messages }) = (recorded, &mut reply) {
            messages.push(format!("it is not in the audit log: {cause}"));
        }
        reply
    }

    /// Refuses a command that somebody must not give, and records that.
    #[must_use]
    pub fn refuse(&self, who: &str, command: &str, about: Vec<String>, error: String) -> Reply {
        tracing::warn!(who, command, "an administrative command is refused: {error}");
        if let Some(log) = self.log() {
            // A failure is in the log of the server; it is refused either way.
            let _ = log.record_as(who, command, about, Outcome::Failure(ResultReason::PermissionDenied.0));
        }
        Reply::Refused { error }
    }

    fn log(&self) -> Option<&AuditLog> {
        self.live.as_ref().map(|live| &live.audit_log).or(self.audit_log.as_ref())
    }

    /// Who somebody is under the policy of now.
    fn who(&self, live: &Live, who: &Who) -> Result<policy::Actor, String> {
        let rules = live.policies.current();
        match who {
            Who::Certificate { certificate_pem } => {
                let (_, block) = x509_parser::pem::parse_x509_pem(certificate_pem.as_bytes())
                    .map_err(|error| format!("it is no certificate in PEM: {error}"))?;
                if block.label != "CERTIFICATE" {
                    return Err(format!("it is no certificate, but a {}", block.label.escape_debug()));
                }
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
                Ok(Reply::Waiting { waiting: register.requests })
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
                Ok(Reply::Issued { issued: register.issued })
            }
            Command::RevokeClient { certificate_pem } => self.revoke_client(&certificate_pem),
            Command::UserAdd { name, role, device_serial, hashed_password, password } => {
                let weak = self.config.protocol.weak_passwords;
                let chosen = |hash: &String| {
                    let known = || format!("{hash:?} is none of {}", hashed_password::algorithms().join(", "));
                    hashed_password::algorithm(hash).ok_or_else(known)
                };
                let hashes = hashed_password.iter().map(chosen).collect::<Result<Vec<_>, _>>()?;
                let added = self.users.add(&name, role.as_deref(), device_serial.as_deref(), &password.0, &hashes, weak);
                added.map_err(|error| error.to_string())?;
                let also = if hashes.is_empty() { "" } else { ", also with hashed passwords" };
                Ok(done(format!("user {name:?} can authenticate{also}")))
            }
            Command::UserList => {
                let line = |user: &crate::users::User| UserLine {
                    name: user.name.clone(),
                    role: user.role.clone(),
                    device_serial: user.device_serial.clone(),
                    totp: user.has_totp(),
                    hashed_password: user.hashed_password.iter().map(|hashes| hashes.algorithm.clone()).collect(),
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
            Command::PolicyExplain { who, permission, object, second_factor, attested } => {
                let live = self.live.as_ref().ok_or("no server is running: its objects are asked for")?;
                let permission = permission_of(&permission, object.is_some())?;
                // A user is somebody whom a credential has proved.
                let second_factor = second_factor || matches!(who, Who::User { .. });
                let actor = policy::Actor { second_factor, attested, ..self.who(live, &who)? };
                let mut messages = live.decisions.explain(&actor, permission, object.as_deref())?;
                if let Who::User { name, .. } = &who
                    && !self.users.list().iter().any(|user| user.name == *name)
                {
                    messages.push(format!("there is no user {name:?}, so that no credential proves this one (kmipd user list)"));
                }
                Ok(Reply::Done { messages })
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

/// The permission of a name, spelled in whatever case, for a question about an object or about none.
fn permission_of(name: &str, with_object: bool) -> Result<Permission, String> {
    let found = Permission::ALL.iter().copied().find(|permission| permission.name().eq_ignore_ascii_case(name));
    let permission = found.ok_or_else(|| {
        format!("{name:?} is no operation by its name in XML, such as Get or ReKeyKeyPair, and not WrapKey or UnwrapKey")
    })?;
    match (permission.scope(), with_object) {
        (Scope::Server, true) => Err(format!("{} concerns no stored object: leave --object away", permission.name())),
        (Scope::Object, false) => Err(format!("{} concerns an object: --object tells which", permission.name())),
        _ => Ok(permission),
    }
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

fn done(message: String) -> Reply {
    Reply::Done { messages: vec![message] }
}
