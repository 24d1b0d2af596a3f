//! What is configured of a sink.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Entries that a sink may be behind: some seconds of a busy server.
const BEHIND_MAX: u64 = 10_000;
/// Seconds that a sink may take for an entry.
const BEHIND_S: u64 = 5;
/// The facility of log messages of security (RFC 5424, section 6.2.1).
const FACILITY: u8 = 10;
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
    /// Of syslog: `unix:/dev/log`, `udp:HOST:PORT` or `tcp:HOST:PORT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
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
            (SinkKind::Syslog, None, Some(address)) => drop(super::syslog::Address::read(address)?),
            (SinkKind::File, ..) => return Err(format!("audit.sink {name:?}: a file has a path and no address")),
            (SinkKind::Syslog, ..) => return Err(format!("audit.sink {name:?}: syslog has an address and no path")),
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
