//! Administrative commands and their replies, as they go over the socket, and what duty each needs.

use crate::database::{Outcome, Work};
use crate::duties::Needed;
use crate::enrolment::{Issued, Waiting};
use crate::identity;
use serde::{Deserialize, Serialize};

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
        /// The hash functions of hashed passwords that prove it, too, by their names in XML.
        #[serde(default)]
        hashed_password: Vec<String>,
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
        /// The object's identifier; none: an operation that concerns none.
        object: Option<String>,
        /// Whether somebody proved who it is by more than a certificate.
        second_factor: bool,
        /// Whether its platform is attested.
        #[serde(default)]
        attested: bool,
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

/// What the audit log tells of a command, and who may give it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is about.
    pub about: Vec<String>,
    /// Whose it is.
    pub needed: Needed,
    /// Whether it changes something, and is recorded where commands are performed. What works on the whole store is recorded there.
    pub is_change: bool,
}

impl Command {
    /// What is told of it.
    #[must_use]
    pub fn told(&self) -> Told {
        use Needed::{Administrator, Either};
        let (name, needed, is_change, about) = match self {
            Self::SignClient { name, .. } => ("client sign", Administrator, true, name.clone()),
            Self::RenewClient { name, .. } => ("client renew", Administrator, true, Some(name.clone())),
            Self::RequestClient { request_pem } => {
                let facts = certs::RequestFacts::read(request_pem).ok();
                let about = facts.map(|facts| format!("{} {}", identity::fingerprint(&facts.der), facts.subject));
                ("client request", Administrator, true, about)
            }
            Self::ClientRequests => ("client requests", Either, false, None),
            Self::ApproveRequest { identifier, .. } => ("client approve", Administrator, true, Some(identifier.clone())),
            Self::RejectRequest { identifier } => ("client reject", Administrator, true, Some(identifier.clone())),
            Self::ClientList => ("client list", Either, false, None),
            Self::RevokeClient { certificate_pem } => {
                let parsed = x509_parser::pem::parse_x509_pem(certificate_pem.as_bytes());
                let about = parsed.ok().map(|(_, block)| crate::tls::describe(&block.contents));
                ("client revoke", Administrator, true, about)
            }
            Self::UserAdd { name, .. } => ("user add", Administrator, true, Some(name.clone())),
            Self::UserTotp { name, .. } => ("user totp", Administrator, true, Some(name.clone())),
            Self::UserUnlock { name } => ("user unlock", Administrator, true, Some(name.clone())),
            Self::UserList => ("user list", Either, false, None),
            Self::UserRemove { name } => ("user remove", Administrator, true, Some(name.clone())),
            Self::Reload => ("admin reload", Administrator, true, None),
            Self::Status => ("admin status", Either, false, None),
            Self::PolicyExplain { object, .. } => ("policy explain", Either, false, object.clone()),
            Self::Db { work } => {
                let (name, needed) = work.told();
                (name, needed, false, None)
            }
        };
        let about = about.iter().map(|text| text.chars().take(TOLD_LENGTH_MAX).collect()).collect();
        Told { name, about, needed, is_change }
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
    /// Certificates that were issued.
    Issued {
        /// In the order they were.
        issued: Vec<Issued>,
    },
    /// Requests for certificates that wait.
    Waiting {
        /// The oldest first.
        waiting: Vec<Waiting>,
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
    /// The hash functions of hashed passwords that prove it.
    #[serde(default)]
    pub hashed_password: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit_trail::Filter;
    use crate::duties::Duty;
    use crate::report::{About, Ask, Format};

    fn work(work: Work) -> Command {
        Command::Db { work }
    }

    fn report(about: About) -> Command {
        work(Work::Report { ask: Ask { about, format: Format::Text, limit: 1 } })
    }

    /// Each command, and whether an administrator may give it, and an auditor.
    #[test]
    fn duties_are_separate() {
        let text = || "x".to_owned();
        let inventory = About::Inventory { policy: None, expiring_days: 1, orphan_days: 1 };
        let export = Work::Export { out: "x".into(), for_root_key: None, skip_damaged: false, unrecorded: false };
        let table = [
            (Command::SignClient { request_pem: text(), name: None, valid_s: 1 }, true, false),
            (Command::RenewClient { request_pem: text(), name: text(), valid_s: 1 }, true, false),
            (Command::RequestClient { request_pem: text() }, true, false),
            (Command::ClientRequests, true, true),
            (Command::ApproveRequest { identifier: text(), name: None, valid_s: 1, as_requested: true }, true, false),
            (Command::RejectRequest { identifier: text() }, true, false),
            (Command::ClientList, true, true),
            (Command::RevokeClient { certificate_pem: text() }, true, false),
            (
                Command::UserAdd {
                    name: text(),
                    role: None,
                    device_serial: None,
                    hashed_password: Vec::new(),
                    password: Password(text()),
                },
                true,
                false,
            ),
            (Command::UserTotp { name: text(), remove: true }, true, false),
            (Command::UserUnlock { name: text() }, true, false),
            (Command::UserList, true, true),
            (Command::UserRemove { name: text() }, true, false),
            (Command::Reload, true, false),
            (Command::Status, true, true),
            (work(Work::Check), true, false),
            (work(export), true, false),
            (work(Work::Import { file: "x".into(), skip_existing: true, double_names: false }), true, false),
            (work(Work::AuditVerify { checkpoints: None, public_key: None }), true, true),
            (work(Work::AuditShow { filter: Filter::default() }), false, true),
            (report(inventory), true, true),
            (report(About::Impact { key: text() }), false, true),
        ];
        for (command, administrator, auditor) in table {
            let Told { name, needed, .. } = command.told();
            assert_eq!(Duty::Administrator.allows(needed), administrator, "{name}");
            assert_eq!(Duty::Auditor.allows(needed), auditor, "{name}");
            assert!(Duty::Everything.allows(needed), "{name}");
        }
    }
}
