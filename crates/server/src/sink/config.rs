//! What is configured of a sink.

use super::transport::Address;
use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Entries that a sink may be behind: some seconds of a busy server.
const BEHIND_MAX: u64 = 10_000;
/// Seconds that a sink may take for an entry.
const BEHIND_S: u64 = 5;
/// The facility of log messages of security (RFC 5424, section 6.2.1).
const FACILITY: u8 = 10;
/// Bytes of a message: what every receiver must take (RFC 5426, section 3.2), and what a datagram holds.
const MESSAGE_MAX: std::ops::RangeInclusive<usize> = 480..=65_000;
/// The greatest facility of RFC 5424.
const FACILITY_MAX: u8 = 23;

/// What a sink writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SinkKind {
    /// A file, one JSON object a line.
    File,
    /// RFC 5424 over a socket.
    Syslog,
}

/// How the messages of a stream are told apart (RFC 6587, section 3.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// Each begins with its length.
    #[default]
    OctetCounting,
    /// Each is a line.
    Newline,
}

/// A copy of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SinkConfig {
    /// What it is called in `/readyz`, in the log, and in the name of the file of its position.
    pub name: String,
    /// What it writes to.
    pub kind: SinkKind,
    /// Of a file: its path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// Of syslog: `unix:/dev/log`, `udp:HOST:PORT`, `tcp:HOST:PORT` or `tls:HOST:PORT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Of syslog over TCP: how the receiver tells where a message ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub framing: Option<Framing>,
    /// Of syslog: the longest message in bytes. Absent: 2,048 over UDP, else 8,192.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_max: Option<usize>,
    /// Of syslog over TLS: the authorities of the receiver, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// Of syslog over TLS: the name in the receiver's certificate, if it is not the address's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// Of syslog over TLS: the certificate that is shown to the receiver, PEM; none: none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// Its key, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// Of syslog: the facility, 0 to 23.
    #[serde(default = "default_facility")]
    pub facility: u8,
    /// Entries it may be behind before what releases key material is refused.
    #[serde(default = "default_behind_max")]
    pub behind_max: u64,
    /// Seconds it may be behind before that.
    #[serde(default = "default_behind_s")]
    pub behind_s: u64,
    /// Whether a sink that is new gets all that is kept, and not only what comes.
    #[serde(default)]
    pub from_start: bool,
}

fn default_facility() -> u8 {
    FACILITY
}

fn default_behind_max() -> u64 {
    BEHIND_MAX
}

fn default_behind_s() -> u64 {
    BEHIND_S
}

impl SinkConfig {
    /// The paths in it.
    pub fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        [&mut self.path, &mut self.ca, &mut self.certificate, &mut self.key].into_iter().flatten()
    }

    /// What is wrong with its address and what goes with that.
    fn check_syslog(&self, address: &str) -> Result<(), String> {
        let address = Address::read(address)?;
        let name = &self.name;
        let is_tls = matches!(address, Address::Tls(_));
        if is_tls && self.ca.is_none() {
            return Err(format!("audit.sink {name:?}: TLS needs the authorities of the receiver: ca"));
        }
        if !is_tls && (self.ca.is_some() || self.server_name.is_some() || self.certificate.is_some() || self.key.is_some()) {
            return Err(format!("audit.sink {name:?}: ca, server_name, certificate and key are for tls:HOST:PORT"));
        }
        if self.certificate.is_some() != self.key.is_some() {
            return Err(format!("audit.sink {name:?}: certificate and key go together"));
        }
        if self.server_name.as_deref().is_some_and(|name| ServerName::try_from(name).is_err()) {
            return Err(format!("audit.sink {name:?}: server_name is no name of a host"));
        }
        if self.framing == Some(Framing::Newline) && !matches!(address, Address::Tcp(_) | Address::Unix(_)) {
            return Err(format!(
                "audit.sink {name:?}: framing = \"newline\" is for TCP; TLS counts octets, and a datagram is one message"
            ));
        }
        if self.message_max.is_some_and(|most| !MESSAGE_MAX.contains(&most)) {
            let (least, most) = (MESSAGE_MAX.start(), MESSAGE_MAX.end());
            return Err(format!("audit.sink {name:?}: message_max must be between {least} and {most}"));
        }
        Ok(())
    }
}

/// What is wrong with the sinks of a configuration, if anything is.
///
/// # Errors
/// The key and the reason.
pub fn check(sinks: &[SinkConfig]) -> Result<(), String> {
    for (number, sink) in sinks.iter().enumerate() {
        let name = &sink.name;
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || name.len() > 32 || !name.bytes().all(is_plain) {
            return Err(format!("audit.sink.name = {name:?}: must have 1 to 32 small letters, digits and hyphens"));
        }
        if sinks[..number].iter().any(|other| other.name == *name) {
            return Err(format!("audit.sink.name = {name:?}: there are two of this name"));
        }
        match (sink.kind, &sink.path, &sink.address) {
            (SinkKind::File, Some(_), None) => {}
            (SinkKind::Syslog, None, Some(address)) => sink.check_syslog(address)?,
            (SinkKind::File, ..) => return Err(format!("audit.sink {name:?}: a file has a path and no address")),
            (SinkKind::Syslog, ..) => return Err(format!("audit.sink {name:?}: syslog has an address and no path")),
        }
        let of_syslog = [sink.ca.is_some(), sink.certificate.is_some(), sink.key.is_some(), sink.server_name.is_some()];
        if sink.kind == SinkKind::File && (of_syslog.contains(&true) || sink.framing.is_some() || sink.message_max.is_some()) {
            return Err(format!(
                "audit.sink {name:?}: a file has none of ca, server_name, certificate, key, framing, message_max"
            ));
        }
        if sink.facility > FACILITY_MAX {
            return Err(format!("audit.sink.facility = {}: must be at most {FACILITY_MAX}", sink.facility));
        }
        if sink.behind_max == 0 || !(1..=3_600).contains(&sink.behind_s) {
            return Err(format!("audit.sink {name:?}: behind_max must be at least 1, behind_s from 1 to 3600"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_go_together_is_refused_by_name() {
        for (lines, words) in [
            ("address = \"tls:h:1\"", "needs the authorities"),
            ("address = \"tcp:h:1\"\nca = \"ca.pem\"", "are for tls"),
            ("address = \"tls:h:1\"\nca = \"ca.pem\"\nkey = \"k.pem\"", "go together"),
            ("address = \"tls:h:1\"\nca = \"ca.pem\"\nserver_name = \"a b\"", "server_name"),
            ("address = \"tls:h:1\"\nca = \"ca.pem\"\nframing = \"newline\"", "TLS counts octets"),
            ("address = \"udp:h:1\"\nframing = \"newline\"", "a datagram is one message"),
            ("address = \"udp:h:1\"\nmessage_max = 479", "between 480 and 65000"),
            ("address = \"http:h:1\"", "tls:HOST:PORT"),
            ("address = \"udp:h:1\"\npath = \"x\"", "no path"),
        ] {
            let sink: SinkConfig = toml::from_str(&format!("name = \"a\"\nkind = \"syslog\"\n{lines}")).unwrap();
            let error = check(&[sink]).unwrap_err();
            assert!(error.contains(words), "{lines}: {error}");
        }
        let file: SinkConfig = toml::from_str("name = \"a\"\nkind = \"file\"\npath = \"x\"\nmessage_max = 500").unwrap();
        assert!(check(&[file]).unwrap_err().contains("a file has none"));
    }
}
