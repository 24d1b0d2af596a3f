//! Syslog (RFC 5424): over a local socket, UDP (RFC 5426), TCP (RFC 6587) or TLS (RFC 5425).
//!
//! No acknowledgement exists in any of these: what the kernel took counts as delivered. What went into a connection shortly before it
//! broke is sent again over the next one. What the other side let lie longer and did not read before it went away is lost there; the
//! store has it, and a file of JSON lines proves more.

use super::config::SinkConfig;
use super::position::Position;
use super::transport::{Address, Connection, Route};
use super::{Target, line};
use audit::{AuditRecord, Outcome};
use std::io;
use store::LogRecord;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The longest message in bytes that receivers of UDP are expected to take (RFC 5426, section 3.2), and those of streams (RFC 5425,
/// section 4.3.1).
const DATAGRAM_LENGTH: usize = 2 << 10;
const STREAM_LENGTH: usize = 8 << 10;
/// What is left of a record that is too long, in steps: how many objects, and which part of the message's length a client's text may have.
const CUTS: [(usize, usize); 5] = [(16, 8), (8, 8), (4, 16), (2, 16), (0, 32)];

pub(super) struct Syslog {
    route: Route,
    facility: u8,
    length_max: usize,
    host: String,
    connection: Option<Connection>,
    /// Up to where the other side of a stream has the records, or had time to say that it has not; none: nothing was written.
    sure: Option<Position>,
    /// What it has if the connection is still there at the next look.
    nearly: Option<Position>,
    /// What was written last.
    written: Option<Position>,
}

impl Syslog {
    pub(super) fn new(config: &SinkConfig) -> Result<Self, String> {
        let route = Route::of(config)?;
        let length = if matches!(route.address, Address::Udp(_)) { DATAGRAM_LENGTH } else { STREAM_LENGTH };
        let uname = rustix::system::uname();
        let host: String = uname.nodename().to_string_lossy().chars().filter(char::is_ascii_graphic).take(255).collect();
        let host = if host.is_empty() { "-".to_owned() } else { host };
        let length_max = config.message_max.unwrap_or(length);
        let (sure, nearly, written) = (None, None, None);
        Ok(Self { route, facility: config.facility, length_max, host, connection: None, sure, nearly, written })
    }

    fn message(&self, record: &LogRecord) -> String {
        let (text, decoded) = line(record);
        let (severity, time_us) = match &decoded {
            // Notice; informational.
            Some(decoded) if matches!(decoded.outcome, Outcome::Failure(_)) => (5, decoded.time_us),
            Some(decoded) => (6, decoded.time_us),
            None => (4, 0),
        };
        let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(time_us.div_euclid(1_000)) * 1_000_000);
        let moment = moment.ok().and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_else(|| "-".to_owned());
        let priority = u32::from(self.facility) * 8 + severity;
        let head = format!("<{priority}>1 {moment} {} kmipd {} audit - ", self.host, std::process::id());
        let room = self.length_max.saturating_sub(head.len());
        let text = if text.len() <= room { text } else { shortened(record, decoded, room) };
        head + &text
    }

    fn failed(&self, what: &str, error: &io::Error) -> String {
        format!("{what} {:?}: {error}", self.route.address)
    }
}

/// A record as JSON of at most so many bytes, with what is left of it.
fn shortened(record: &LogRecord, decoded: Option<AuditRecord>, room: usize) -> String {
    for (objects, part) in decoded.iter().flat_map(|_| CUTS) {
        let Some(mut decoded) = decoded.clone() else { break };
        let left_out = decoded.identifiers.len().saturating_sub(objects);
        decoded.identifiers.truncate(objects);
        if left_out > 0 {
            decoded.identifiers.push(format!("({left_out} more)"));
        }
        let cut = |text: &mut String| *text = text.chars().take(room / part).collect();
        cut(&mut decoded.actor);
        if let audit::Action::Message(text) | audit::Action::Administrative(text) = &mut decoded.action {
            cut(text);
        }
        let text = crate::audit_trail::json(record.sequence, &record.hash, &decoded);
        if text.len() <= room {
            return text;
        }
    }
    let hash: String = record.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    serde_json::json!({ "sequence": record.sequence, "too_long": true, "hash": hash }).to_string()
}

impl Target for Syslog {
    fn open(&mut self) -> Result<Option<Position>, String> {
        let was_stream = self.connection.take().is_some_and(|connection| connection.is_stream());
        if was_stream {
            (self.nearly, self.written) = (None, self.sure.clone());
        }
        let connection = self.route.connect().map_err(|error| self.failed("connect to", &error))?;
        let is_stream = connection.is_stream();
        self.connection = Some(connection);
        Ok(self.sure.clone().filter(|_| is_stream))
    }

    fn write(&mut self, records: &[LogRecord]) -> Result<(), (usize, String)> {
        let (Some(first), Some(last)) = (records.first(), records.last()) else { return Ok(()) };
        let messages: Vec<String> = records.iter().map(|record| self.message(record)).collect();
        let Some(connection) = &mut self.connection else { return Err((0, "it is not connected".to_owned())) };
        if connection.is_stream() {
            self.sure.get_or_insert_with(|| Position::at(first.sequence.saturating_sub(1)));
        }
        let sent = connection.send(&messages);
        if connection.is_stream() {
            self.written = Some(Position { sequence: last.sequence, hash: last.hash });
        }
        sent.map_err(|(count, error)| (count, self.failed("send to", &error)))
    }

    fn probe(&mut self) -> Result<(), String> {
        let Some(connection) = &mut self.connection else { return Err("it is not connected".to_owned()) };
        let probed = connection.probe(&self.route);
        if let Err(error) = probed {
            return Err(self.failed("look at", &error));
        }
        // What was written before the last look, and the connection is there still.
        if self.nearly.is_some() {
            self.sure = self.nearly.take();
        }
        self.nearly = self.written.clone();
        Ok(())
    }

    fn reopen(&mut self) -> Result<(), String> {
        // Certificates may be new ones. The old connection ends when the new one is there, with all that was written to it.
        let connection = self.route.connect().map_err(|error| self.failed("connect to", &error))?;
        self.connection = Some(connection);
        self.nearly = None;
        Ok(())
    }
}

#[cfg(test)]
#[path = "syslog_tests.rs"]
mod tests;
