//! How syslog messages travel: a local socket, UDP (RFC 5426), TCP (RFC 6587), TLS (RFC 5425).

use super::config::{Framing, SinkConfig};
use crate::tls;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long the other side may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    Unix(PathBuf),
    Udp(String),
    Tcp(String),
    Tls(String),
}

impl Address {
    pub(super) fn read(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Unix(path.into())),
            Some(("udp", address)) if address.contains(':') => Ok(Self::Udp(address.to_owned())),
            Some(("tcp", address)) if address.contains(':') => Ok(Self::Tcp(address.to_owned())),
            Some(("tls", address)) if address.contains(':') => Ok(Self::Tls(address.to_owned())),
            _ => Err(format!("audit.sink.address = {text:?}: must be unix:/PATH, udp:HOST:PORT, tcp:HOST:PORT or tls:HOST:PORT")),
        }
    }
}

/// The other side, and how it is spoken to.
pub(super) struct Route {
    pub(super) address: Address,
    framing: Framing,
    ca: PathBuf,
    server_name: Option<String>,
    client: Option<(PathBuf, PathBuf)>,
}

impl Route {
    pub(super) fn of(config: &SinkConfig) -> Result<Self, String> {
        let address = Address::read(config.address.as_deref().unwrap_or_default())?;
        Ok(Self {
            address,
            framing: config.framing.unwrap_or_default(),
            ca: config.ca.clone().unwrap_or_default(),
            server_name: config.server_name.clone(),
            client: config.certificate.clone().zip(config.key.clone()),
        })
    }

    /// The files are read for each connection: one that was renewed counts from the next one on.
    fn tls(&self) -> io::Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        for authority in tls::certificates(&self.ca).map_err(io::Error::other)? {
            roots.add(authority).map_err(|error| io::Error::other(format!("{}: {error}", self.ca.display())))?;
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(io::Error::other)?
            .with_root_certificates(roots);
        let Some((certificate, key)) = &self.client else { return Ok(Arc::new(builder.with_no_client_auth())) };
        let chain = tls::certificates(certificate).map_err(io::Error::other)?;
        let secret =
            PrivateKeyDer::from_pem_file(key).map_err(|error| io::Error::other(format!("{}: {error}", key.display())))?;
        let config = builder.with_client_auth_cert(chain, secret);
        Ok(Arc::new(config.map_err(|error| io::Error::other(format!("{}: {error}", certificate.display())))?))
    }

    fn connect_tls(&self, address: &str) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
        let name = self.server_name.as_deref().unwrap_or(host);
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let connection = ClientConnection::new(self.tls()?, name).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, connect(address)?);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(stream)
    }

    pub(super) fn connect(&self) -> io::Result<Connection> {
        match &self.address {
            Address::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.set_write_timeout(Some(PATIENCE))?;
                match socket.connect(path) {
                    Ok(()) => Ok(Connection::Datagram(socket)),
                    // It is a socket of the other kind.
                    Err(error) if error.raw_os_error() == Some(rustix::io::Errno::PROTOTYPE.raw_os_error()) => {
                        let stream = UnixStream::connect(path)?;
                        stream.set_write_timeout(Some(PATIENCE))?;
                        Ok(Connection::Stream(Stream::Unix(stream), self.framing))
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
                Ok(Connection::Udp(socket))
            }
            Address::Tcp(address) => Ok(Connection::Stream(Stream::Tcp(connect(address)?), self.framing)),
            Address::Tls(address) => {
                Ok(Connection::Stream(Stream::Tls(Box::new(self.connect_tls(address)?)), Framing::OctetCounting))
            }
        }
    }
}

fn resolve(address: &str) -> io::Result<SocketAddr> {
    address.to_socket_addrs()?.next().ok_or_else(|| io::Error::other("the name has no address"))
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&resolve(address)?, PATIENCE)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A connection, or what stands for one.
pub(super) enum Connection {
    Datagram(UnixDatagram),
    Udp(UdpSocket),
    Stream(Stream, Framing),
}

impl Connection {
    /// Whether what was written can be lost on its way, with the connection.
    pub(super) const fn is_stream(&self) -> bool {
        matches!(self, Self::Stream(..))
    }

    /// Sends messages; with an error, how many were taken. Of a stream nobody knows that.
    pub(super) fn send(&mut self, messages: &[String]) -> Result<(), (usize, io::Error)> {
        let each = |send: &dyn Fn(&[u8]) -> io::Result<()>| {
            let mut sent = messages.iter().enumerate();
            sent.try_for_each(|(count, message)| send(message.as_bytes()).map_err(|error| (count, error)))
        };
        match self {
            Self::Datagram(socket) => each(&|message| socket.send(message).map(drop)),
            // A host that is near says at once that nobody listens there: this message is not with anybody.
            Self::Udp(socket) => each(&|message| {
                socket.send(message)?;
                refused(socket)
            }),
            Self::Stream(stream, framing) => stream.write(framed(messages, *framing).as_bytes()).map_err(|error| (0, error)),
        }
    }

    /// Whether the other side is there, as far as that can be told without sending anything.
    pub(super) fn probe(&mut self, route: &Route) -> io::Result<()> {
        match self {
            Self::Datagram(_) => {
                *self = route.connect()?;
                Ok(())
            }
            Self::Udp(socket) => refused(socket),
            Self::Stream(stream, _) => stream.probe(),
        }
    }
}

fn refused(socket: &UdpSocket) -> io::Result<()> {
    socket.take_error()?.map_or(Ok(()), Err)
}

/// Messages of a stream: each begins with its length in bytes (RFC 6587, section 3.4.1; RFC 5425, section 4.3), or ends with its line
/// (section 3.4.2). There is no line feed in a message: it is JSON, which spells those of texts otherwise.
fn framed(messages: &[String], framing: Framing) -> String {
    let frame = |message: &String| match framing {
        Framing::OctetCounting => format!("{} {message}", message.len()),
        Framing::Newline => format!("{message}\n"),
    };
    messages.iter().map(frame).collect()
}

/// What takes bytes in order.
pub(super) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.write_all(bytes),
            Self::Tcp(stream) => stream.write_all(bytes),
            // What the last record met is told by the flush.
            Self::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }

    fn probe(&mut self) -> io::Result<()> {
        self.set_nonblocking(true)?;
        // The other side has nothing to say but that it ends; over TLS it also gives out tickets.
        let mut said = [0; 256];
        let read = match self {
            Self::Unix(stream) => stream.read(&mut said),
            Self::Tcp(stream) => stream.read(&mut said),
            Self::Tls(stream) => stream.read(&mut said),
        };
        self.set_nonblocking(false)?;
        match read {
            Ok(0) => Err(io::ErrorKind::ConnectionAborted.into()),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn set_nonblocking(&self, is: bool) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.set_nonblocking(is),
            Self::Tcp(stream) => stream.set_nonblocking(is),
            Self::Tls(stream) => stream.sock.set_nonblocking(is),
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Self::Tls(stream) = self {
            // As far as it goes without waiting: the other side knows then that nothing was cut off.
            stream.conn.send_close_notify();
            let _ = stream.sock.set_nonblocking(true).and_then(|()| stream.conn.write_tls(&mut stream.sock));
        }
    }
}
