//! Administrative commands: one function, called through a Unix socket while the server runs and on the files while it does not.
//!
//! The socket speaks one JSON object a line: a command in, a reply out. Only the owner (and root) may connect: mode 0600, and the
//! system is asked for the peer's user.

use crate::config::Config;
use crate::database::{Outcome, Work};
use crate::files::{self, FileError};
use crate::live::Live;
use crate::users::Users;
use certs::{Authority, Validity};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Days a client's certificate is valid unless asked otherwise: what public authorities settled on for servers.
pub const CLIENT_DAYS: u32 = 825;
/// Days until a revocation list says a newer one is due: as long as the authority lives, since every revocation writes a new one.
pub const LIST_DAYS: u32 = 3650;
/// The most that can be asked for.
const CLIENT_DAYS_MAX: u32 = 3650;

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
        /// How long it is valid.
        days: u32,
    },
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
    /// Does something with the whole store of a running server. What changes anything is recorded where it is done.
    Db {
        /// What.
        work: Work,
    },
}

/// Characters of what the audit log tells about a certificate or a user.
const TOLD_LENGTH_MAX: usize = 512;

impl Command {
    /// For a command that changes something, its name on the command line and what it is about.
    fn change(&self) -> Option<(&'static str, Vec<String>)> {
        let (name, about) = match self {
            Self::SignClient { name, .. } => ("client sign", name.clone()),
            Self::RevokeClient { certificate_pem } => {
                let parsed = x509_parser::pem::parse_x509_pem(certificate_pem.as_bytes());
                ("client revoke", parsed.ok().map(|(_, block)| crate::tls::describe(&block.contents)))
            }
            Self::UserAdd { name, .. } => ("user add", Some(name.clone())),
            Self::UserRemove { name } => ("user remove", Some(name.clone())),
            Self::Reload => ("admin reload", None),
            Self::UserList | Self::Status | Self::Db { .. } => return None,
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
}

impl Administration {
    /// Performs a command for somebody. What changes something, or tries to, is recorded in the audit log of the running server.
    #[must_use]
    pub fn perform(&self, actor: &str, command: Command) -> Reply {
        let change = command.change();
        let mut reply = self.try_perform(actor, command).unwrap_or_else(|error| Reply::Refused { error });
        let (Some(live), Some((name, mut identifiers))) = (&self.live, change) else { return reply };
        let done = !matches!(reply, Reply::Refused { .. });
        if let Reply::Certificate { name, .. } = &reply {
            identifiers = vec![name.clone()];
        }
        let recorded = live.audit_log.record(actor, name, identifiers, done);
        // What was done holds all the same: a revocation must not wait for a disk.
        if let (Err(cause), Reply::Done { messages }) = (recorded, &mut reply) {
            messages.push(format!("it is not in the audit log: {cause}"));
        }
        reply
    }

    fn try_perform(&self, actor: &str, command: Command) -> Result<Reply, String> {
        match command {
            Command::SignClient { request_pem, name, days } => self.sign_client(&request_pem, name.as_deref(), days),
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
                };
                Ok(Reply::Users { users: self.users.list().iter().map(line).collect() })
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
            Command::Db { work } => {
                let live = self.live.as_ref().ok_or("no server is running")?;
                Ok(Reply::Db { outcome: live.whole_store.work(actor, &work)? })
            }
        }
    }

    fn sign_client(&self, request_pem: &str, name: Option<&str>, days: u32) -> Result<Reply, String> {
        if !(1..=CLIENT_DAYS_MAX).contains(&days) {
            return Err(format!("a certificate can be valid for 1 to {CLIENT_DAYS_MAX} days"));
        }
        let authority = read_authority(&self.config)?;
        let (name, certificate_pem) =
            authority.sign_request(request_pem, name, Validity::days(days)).map_err(|error| error.to_string())?;
        tracing::info!(name, days, "client certificate signed");
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
        let what = crate::tls::describe(&block.contents);
        tracing::info!(certificate = what, "client certificate revoked");
        let mut messages = vec![format!("revoked in {}: {what}", files.crl.display())];
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
        return Err("the configuration has no [authority]: certificates come from elsewhere".to_owned());
    };
    let text = |error: FileError| error.to_string();
    let certificate = files::read_text(&files.certificate).map_err(text)?;
    let key = zeroize::Zeroizing::new(files::read_text(&files.key).map_err(text)?);
    Authority::read(&certificate, &key).map_err(|error| error.to_string())
}

fn done(message: String) -> Reply {
    Reply::Done { messages: vec![message] }
}
