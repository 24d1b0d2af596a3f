//! Syslog (RFC 5424): over a local socket, UDP (RFC 5426), or TCP with counted octets (RFC 6587).
//!
//! No acknowledgement exists in any of these: what the kernel took counts as delivered. Over TCP, what it took and the other side
//! did not read before it went away is lost there; the store has it, and a file of JSON lines proves more.

use super::config::SinkConfig;
use super::position::Position;
use super::{Target, line};
use audit::Outcome;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;
use std::time::Duration;
use store::LogRecord;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// How long the other side may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// The longest message, in bytes: receivers cut longer ones, and datagrams do not take them.
const LENGTH_MAX: usize = 8 << 10;
/// Identifiers that a record which is too long keeps.
const OBJECTS_KEPT: usize = 16;

/// Where messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    Unix(PathBuf),
    Udp(String),
    Tcp(String),
}

impl Address {
    pub(super) fn read(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Unix(path.into())),
            Some(("udp", address)) if address.contains(':') => Ok(Self::Udp(address.to_owned())),
            Some(("tcp", address)) if address.contains(':') => Ok(Self::Tcp(address.to_owned())),
            _ => Err(format!("audit.sink.address = {text:?}: must be unix:/PATH, udp:HOST:PORT or tcp:HOST:PORT")),
        }
    }
}

enum Connection {
    Datagram(UnixDatagram),
    Stream(UnixStream),
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Connection {
    fn open(address: &Address) -> io::Result<Self> {
        match address {
            Address::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.set_write_timeout(Some(PATIENCE))?;
                match socket.connect(path) {
                    Ok(()) => Ok(Self::Datagram(socket)),
                    // It is a socket of the other kind.
                    Err(error) if error.raw_os_error() == Some(rustix::io::Errno::PROTOTYPE.raw_os_error()) => {
                        let stream = UnixStream::connect(path)?;
                        stream.set_write_timeout(Some(PATIENCE))?;
                        Ok(Self::Stream(stream))
                    }
                    Err(error) => Err(error),
                }
            }
            Address::Udp(address) => {
                let to = resolve(address)?;
                let any: SocketAddr = if to.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
                let socket = UdpSocket::bind(any)?;
                socket.connect(to)?;
                socket.set_write_timeout(Some(PATIENCE))?;
                Ok(Self::Udp(socket))
            }
            Address::Tcp(address) => {
                let stream = TcpStream::connect_timeout(&resolve(address)?, PATIENCE)?;
                stream.set_write_timeout(Some(PATIENCE))?;
                stream.set_nodelay(true)?;
                Ok(Self::Tcp(stream))
            }
        }
    }

    /// Sends messages; with an error, how many were taken. Of a stream nobody knows that.
    fn send(&mut self, messages: &[String]) -> Result<(), (usize, io::Error)> {
        let each = |send: &dyn Fn(&[u8]) -> io::Result<usize>| {
            let mut sent = messages.iter().enumerate();
            sent.try_for_each(|(count, message)| send(message.as_bytes()).map(drop).map_err(|error| (count, error)))
        };
        match self {
            Self::Datagram(socket) => each(&|message| socket.send(message)),
            Self::Udp(socket) => each(&|message| socket.send(message)),
            Self::Stream(stream) => stream.write_all(framed(messages).as_bytes()).map_err(|error| (0, error)),
            Self::Tcp(stream) => stream.write_all(framed(messages).as_bytes()).map_err(|error| (0, error)),
        }
    }

    /// Whether the other side is there, as far as that can be told without sending anything.
    fn probe(&mut self, address: &Address) -> io::Result<()> {
        let closed = |read: io::Result<usize>| match read {
            Ok(0) => Err(io::ErrorKind::ConnectionAborted.into()),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        };
        match self {
            Self::Datagram(_) => {
                *self = Self::open(address)?;
                Ok(())
            }
            Self::Udp(_) => Ok(()),
            Self::Stream(stream) => {
                stream.set_nonblocking(true)?;
                let read = closed(stream.read(&mut [0]));
                stream.set_nonblocking(false)?;
                read
            }
            Self::Tcp(stream) => {
                stream.set_nonblocking(true)?;
                let read = closed(stream.read(&mut [0]));
                stream.set_nonblocking(false)?;
                read
            }
        }
    }
}

fn resolve(address: &str) -> io::Result<SocketAddr> {
    address.to_socket_addrs()?.next().ok_or_else(|| io::Error::other("the name has no address"))
}

/// Messages of a stream: each begins with its length (RFC 6587, section 3.4.1).
fn framed(messages: &[String]) -> String {
    messages.iter().map(|message| format!("{} {message}", message.len())).collect()
}

pub(super) struct Syslog {
    address: Address,
    facility: u8,
    host: String,
    connection: Option<Connection>,
}

impl Syslog {
    pub(super) fn new(config: &SinkConfig) -> Result<Self, String> {
        let address = Address::read(config.address.as_deref().unwrap_or_default())?;
        let uname = rustix::system::uname();
        let host: String = uname.nodename().to_string_lossy().chars().filter(char::is_ascii_graphic).take(255).collect();
        let host = if host.is_empty() { "-".to_owned() } else { host };
        Ok(Self { address, facility: config.facility, host, connection: None })
    }

    fn message(&self, record: &LogRecord) -> String {
        let (mut text, decoded) = line(record);
        let (severity, time_us) = match &decoded {
            // Notice; informational.
            Some(decoded) if matches!(decoded.outcome, Outcome::Failure(_)) => (5, decoded.time_us),
            Some(decoded) => (6, decoded.time_us),
            None => (4, 0),
        };
        if text.len() > LENGTH_MAX
            && let Some(mut decoded) = decoded
        {
            let left_out = decoded.identifiers.len().saturating_sub(OBJECTS_KEPT);
            decoded.identifiers.truncate(OBJECTS_KEPT);
            decoded.identifiers.push(format!("({left_out} more)"));
            if let audit::Action::Message(message) = &mut decoded.action {
                *message = message.chars().take(LENGTH_MAX / 8).collect();
            }
            text = crate::audit_trail::json(record.sequence, &record.hash, &decoded);
        }
        let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(time_us.div_euclid(1_000)) * 1_000_000);
        let moment = moment.ok().and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_else(|| "-".to_owned());
        let priority = u32::from(self.facility) * 8 + severity;
        format!("<{priority}>1 {moment} {} kmipd {} audit - {text}", self.host, std::process::id())
    }

    fn failed(&self, what: &str, error: &io::Error) -> String {
        format!("{what} {:?}: {error}", self.address)
    }
}

impl Target for Syslog {
    fn open(&mut self) -> Result<Option<Position>, String> {
        self.connection = None;
        let connection = Connection::open(&self.address).map_err(|error| self.failed("connect to", &error))?;
        self.connection = Some(connection);
        Ok(None)
    }

    fn write(&mut self, records: &[LogRecord]) -> Result<(), (usize, String)> {
        let messages: Vec<String> = records.iter().map(|record| self.message(record)).collect();
        let Some(connection) = &mut self.connection else { return Err((0, "it is not connected".to_owned())) };
        let sent = connection.send(&messages);
        sent.map_err(|(count, error)| (count, format!("send to {:?}: {error}", self.address)))
    }

    fn probe(&mut self) -> Result<(), String> {
        let Some(connection) = &mut self.connection else { return Err("it is not connected".to_owned()) };
        connection.probe(&self.address).map_err(|error| format!("look at {:?}: {error}", self.address))
    }

    fn reopen(&mut self) -> Result<(), String> {
        self.open().map(drop)
    }
}
