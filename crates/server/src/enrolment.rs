//! Who was given a certificate, and who waits for one: the register of the authority, a file beside its certificate.
//!
//! Nothing in it lets anybody in; who is let in follows from certificates and revocation lists alone. It tells which requests wait for
//! an administrator, and whose certificates end.

use crate::config::AuthorityConfig;
use crate::files::{self, SECRET};
use crate::identity;
use crate::tls;
use certs::RequestFacts;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The form of the file.
const VERSION: u32 = 1;
/// Requests that wait at one time: whoever hands them in has a shell on the server, or a script that runs wild.
const REQUESTS_MAX: usize = 256;
/// Days a request waits before it is forgotten.
const REQUEST_DAYS: i64 = 30;
/// Days a certificate is remembered after its end.
const ISSUED_DAYS: i64 = 90;
/// A certificate is to be renewed in the last third of its life, or in the last so many days if that is less.
const RENEWAL_DAYS: i64 = 30;
const DAY_S: i64 = 24 * 3600;
/// Digits of a request's identifier, of its fingerprint: enough for a few hundred requests, and what a person can read out.
const IDENTIFIER_DIGITS: usize = 12;

/// Held while the file is changed: several commands may be performed at one time.
static CHANGING: Mutex<()> = Mutex::new(());

/// The register.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    version: u32,
    /// Requests that wait, the oldest first.
    #[serde(default)]
    pub requests: Vec<Waiting>,
    /// Certificates, in the order they were issued.
    #[serde(default)]
    pub issued: Vec<Issued>,
}

/// A request that waits for somebody to decide.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    /// The beginning of its fingerprint.
    pub identifier: String,
    /// SHA-256 of the request (DER), in hexadecimal: what `openssl req -outform DER | sha256sum` says on the device.
    pub fingerprint: String,
    /// The subject it asks for.
    pub subject: String,
    /// The alternative names it asks for.
    pub alternative_names: Vec<String>,
    /// Kind and size of its key.
    pub key: String,
    /// Who handed it in.
    pub by: String,
    /// When, in seconds since 1970.
    pub received: i64,
    /// The request, PEM.
    pub request_pem: String,
}

/// A certificate that was issued.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issued {
    /// The common name.
    pub name: String,
    /// The serial number, as `openssl x509 -serial` prints it but with colons.
    pub serial: String,
    /// SHA-256 of the certificate, in hexadecimal.
    pub fingerprint: String,
    /// When it was issued, in seconds since 1970.
    pub issued: i64,
    /// When it ends.
    pub ends: i64,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<i64>,
}

impl Default for Register {
    fn default() -> Self {
        Self { version: VERSION, requests: Vec::new(), issued: Vec::new() }
    }
}

impl Register {
    /// Reads the register; a file that is not there is an empty one.
    ///
    /// # Errors
    /// When it cannot be read, or is of a newer form.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(format!("read {}: {error}", path.display())),
        };
        let register: Self = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        if register.version != VERSION {
            let (found, own) = (register.version, VERSION);
            return Err(format!("{}: its form is {found}, this release reads {own}", path.display()));
        }
        Ok(register)
    }

    /// Its text.
    ///
    /// # Errors
    /// None that are known of.
    pub fn text(&self) -> Result<String, String> {
        serde_json::to_string_pretty(self).map_err(|error| error.to_string())
    }

    /// Notes a certificate, given as PEM.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn note(&mut self, certificate_pem: &str) -> Result<(), String> {
        let der = der_of(certificate_pem)?;
        let (_, certificate) = X509Certificate::from_der(&der).map_err(|error| format!("the certificate: {error}"))?;
        let name = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok()).last();
        self.issued.push(Issued {
            name: name.unwrap_or_default().to_owned(),
            serial: certificate.raw_serial_as_string(),
            fingerprint: identity::fingerprint(&der),
            issued: tls::now(),
            ends: certificate.validity().not_after.timestamp(),
            revoked: None,
        });
        Ok(())
    }

    /// The certificate of each name that ends last, without those that were revoked.
    #[must_use]
    pub fn current(&self) -> Vec<&Issued> {
        let mut current: BTreeMap<&str, &Issued> = BTreeMap::new();
        for issued in self.issued.iter().filter(|issued| issued.revoked.is_none()) {
            let newest = current.entry(&issued.name).or_insert(issued);
            if issued.ends >= newest.ends {
                *newest = issued;
            }
        }
        current.into_values().collect()
    }

    fn forget_old(&mut self, now: i64) {
        self.requests.retain(|waiting| waiting.received > now - REQUEST_DAYS * DAY_S);
        self.issued.retain(|issued| issued.ends > now - ISSUED_DAYS * DAY_S);
    }
}

impl Issued {
    /// Whether it is time for another one.
    #[must_use]
    pub fn is_due(&self, now: i64) -> bool {
        let third = (self.ends - self.issued) / 3;
        self.ends - now < third.min(RENEWAL_DAYS * DAY_S)
    }

    fn state(&self, now: i64) -> &'static str {
        match self.revoked {
            Some(_) => "revoked",
            None if self.ends <= now => "ended",
            None if self.is_due(now) => "to be renewed",
            None => "good",
        }
    }

    /// A line that tells of it.
    #[must_use]
    pub fn line(&self, now: i64) -> String {
        let state = self.state(now);
        let when = self.revoked.map_or(String::new(), |at| format!(" {}", moment(at)));
        format!("{}  serial {}  ends {}  {state}{when}", self.name.escape_debug(), self.serial, moment(self.ends))
    }

    /// The same for programs.
    #[must_use]
    pub fn json(&self, now: i64) -> serde_json::Value {
        serde_json::json!({
            "name": self.name,
            "serial": self.serial,
            "fingerprint": self.fingerprint,
            "issued": moment(self.issued),
            "ends": moment(self.ends),
            "revoked": self.revoked.map(moment),
            "state": self.state(now),
        })
    }
}

impl Waiting {
    /// What is to be known of it before it is approved, for programs.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "identifier": self.identifier,
            "fingerprint": self.fingerprint,
            "subject": self.subject,
            "alternative_names": self.alternative_names,
            "key": self.key,
            "by": self.by,
            "received": moment(self.received),
            "request_pem": self.request_pem,
        })
    }
}

fn moment(seconds: i64) -> String {
    crate::audit_trail::moment(seconds.saturating_mul(1_000_000))
}

/// Changes the register of an authority; what the change returns.
///
/// # Errors
/// As the change, or when the file cannot be read or written: then nothing has changed.
pub fn change<T>(authority: &AuthorityConfig, change: impl FnOnce(&mut Register) -> Result<T, String>) -> Result<T, String> {
    let _changing = CHANGING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut register = Register::read(&authority.register)?;
    let changed = change(&mut register)?;
    register.forget_old(tls::now());
    files::replace(&authority.register, register.text()?.as_bytes(), SECRET).map_err(|error| error.to_string())?;
    Ok(changed)
}

/// Takes a request into the queue. One that waits already is not taken twice.
///
/// # Errors
/// When it could not be signed anyway, or too many wait.
pub fn request(authority: &AuthorityConfig, request_pem: &str, by: &str) -> Result<Waiting, String> {
    let facts = RequestFacts::read(request_pem).map_err(|error| error.to_string())?;
    let fingerprint = identity::fingerprint(&facts.der);
    change(authority, |register| {
        if let Some(waiting) = register.requests.iter().find(|waiting| waiting.fingerprint == fingerprint) {
            return Ok(waiting.clone());
        }
        if register.requests.len() >= REQUESTS_MAX {
            return Err(format!("{REQUESTS_MAX} requests wait already: approve or reject some"));
        }
        let waiting = Waiting {
            identifier: fingerprint[..IDENTIFIER_DIGITS].to_owned(),
            fingerprint,
            subject: facts.subject,
            alternative_names: facts.alternative_names,
            key: facts.key,
            by: by.to_owned(),
            received: tls::now(),
            request_pem: request_pem.to_owned(),
        };
        register.requests.push(waiting.clone());
        Ok(waiting)
    })
}

/// The request of an identifier, which may be the whole fingerprint.
///
/// # Errors
/// When none waits, or the identifier is cut so short that it may be another's.
pub fn find<'a>(register: &'a Register, identifier: &str) -> Result<&'a Waiting, String> {
    let wanted = identifier.to_ascii_lowercase().replace(':', "");
    let found =
        register.requests.iter().find(|waiting| wanted.len() >= IDENTIFIER_DIGITS && waiting.fingerprint.starts_with(&wanted));
    found.ok_or_else(|| format!("no request {identifier:?} waits; kmipd client requests lists them"))
}

/// The lines that tell of a request what is to be known before it is approved.
#[must_use]
pub fn lines(waiting: &Waiting) -> Vec<String> {
    // What the device chose is quoted: it cannot look like a line of its own.
    let names: Vec<String> = waiting.alternative_names.iter().map(|name| format!("{name:?}")).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    vec![
        format!("{}  subject {:?}  key {}", waiting.identifier, waiting.subject, waiting.key),
        format!("              SHA-256 {}", waiting.fingerprint),
        format!("              alternative names {names}; from {:?}, {}", waiting.by, moment(waiting.received)),
    ]
}

/// The contents of a certificate in PEM.
///
/// # Errors
/// When it is none.
pub fn der_of(certificate_pem: &str) -> Result<Vec<u8>, String> {
    let (_, block) = parse_x509_pem(certificate_pem.as_bytes()).map_err(|error| format!("the certificate: {error}"))?;
    Ok(block.contents)
}

#[cfg(test)]
mod tests {
    use super::*;
    use certs::{Authority, ClientProfile, Validity};
    use std::path::PathBuf;

    fn authority(folder: &Path) -> AuthorityConfig {
        let path = |name: &str| folder.join(name);
        AuthorityConfig {
            certificate: path("ca.pem"),
            key: path("ca-key.pem"),
            crl: path("ca.crl"),
            register: path("enrolment.json"),
            re_provision: false,
            re_provision_grace_s: 0,
        }
    }

    fn request_of(name: &str) -> String {
        Authority::request(&ClientProfile::named(name, Validity::days(1))).unwrap().request_pem.clone()
    }

    #[test]
    fn a_request_waits_once_and_is_found_by_its_fingerprint() {
        let folder = tempfile::tempdir().unwrap();
        let authority = authority(folder.path());
        let pem = request_of("array-1");
        let waiting = request(&authority, &pem, "fred").unwrap();
        assert_eq!(request(&authority, &pem, "fred").unwrap().identifier, waiting.identifier);
        request(&authority, &request_of("array-2"), "fred").unwrap();
        let register = Register::read(&authority.register).unwrap();
        assert_eq!(register.requests.len(), 2);
        for identifier in [&waiting.identifier, &waiting.fingerprint, &waiting.fingerprint.to_uppercase()] {
            assert_eq!(find(&register, identifier).unwrap().fingerprint, waiting.fingerprint);
        }
        for identifier in ["", "ab", &waiting.identifier[..11], "000000000000"] {
            assert!(find(&register, identifier).is_err(), "{identifier:?}");
        }
        assert!(!files::is_exposed(&authority.register));
        let told = lines(&Waiting { subject: "CN=x\nabcdef012345  subject".into(), ..waiting }).join("\n");
        assert_eq!(told.lines().count(), 3, "{told}");
    }

    #[test]
    fn requests_do_not_grow_without_bound_and_old_ones_go() {
        let folder = tempfile::tempdir().unwrap();
        let authority = authority(folder.path());
        let first = request(&authority, &request_of("a"), "fred").unwrap();
        change(&authority, |register| {
            register.requests = vec![first.clone(); REQUESTS_MAX];
            Ok(())
        })
        .unwrap();
        assert!(request(&authority, &request_of("b"), "fred").unwrap_err().contains("wait already"));
        change(&authority, |register| {
            register.requests.iter_mut().for_each(|waiting| waiting.received -= 31 * DAY_S);
            Ok(())
        })
        .unwrap();
        assert!(Register::read(&authority.register).unwrap().requests.is_empty());
    }

    #[test]
    fn a_certificate_is_due_in_its_last_third() {
        let issued = |days: i64| Issued {
            name: "a".into(),
            serial: String::new(),
            fingerprint: String::new(),
            issued: 0,
            ends: days * DAY_S,
            revoked: None,
        };
        for (days, at_hours, due) in [(825, 24 * 790, false), (825, 24 * 796, true), (1, 15, false), (1, 17, true), (1, 25, true)]
        {
            assert_eq!(issued(days).is_due(at_hours * 3600), due, "{days} days, after {at_hours} h");
        }
        let all = vec![issued(10), issued(30), Issued { revoked: Some(1), ..issued(90) }];
        let register = Register { issued: all, ..Register::default() };
        assert_eq!(register.current().iter().map(|issued| issued.ends / DAY_S).collect::<Vec<_>>(), [30]);
        assert!(Register::read(&PathBuf::from("/no/such/file")).unwrap().issued.is_empty());
    }
}
