//! Blocking mutual TLS: one thread, one connection, as the floor and the load generator use it.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ClientConfig, ClientConnection, ProtocolVersion as TlsVersion, RootCertStore, ServerConfig, StreamOwned, SupportedCipherSuite,
};

/// A server that has not answered by then never will.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest message that is received: no message of a measurement is near.
const MESSAGE_LENGTH_MAX: usize = 1 << 20;
/// Tag, type and length in front of a message.
const HEADER_LENGTH: usize = 8;

/// Where certificates and keys are, all PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The authorities the other side is judged by.
    pub authorities: PathBuf,
    /// The own certificate.
    pub certificate: PathBuf,
    /// The key of the own certificate.
    pub key: PathBuf,
}

fn invalid(what: &Path, cause: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{}: {cause}", what.display()))
}

fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|error| invalid(path, error))
}

fn roots(path: &Path) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| invalid(path, error))?;
    }
    Ok(roots)
}

impl Identity {
    fn key(&self) -> io::Result<PrivateKeyDer<'static>> {
        PrivateKeyDer::from_pem_file(&self.key).map_err(|error| invalid(&self.key, error))
    }

    /// The settings of a client.
    ///
    /// # Errors
    /// If a file cannot be read, or is not what it should be.
    pub fn client(&self) -> io::Result<Arc<ClientConfig>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots(&self.authorities)?)
            .with_client_auth_cert(certificates(&self.certificate)?, self.key()?)
            .map_err(|error| invalid(&self.certificate, error))?;
        Ok(Arc::new(config))
    }

    /// The settings of a server that demands a client certificate and has one cipher suite only.
    ///
    /// # Errors
    /// If a file cannot be read, or is not what it should be.
    pub fn server(&self, suite: SupportedCipherSuite) -> io::Result<Arc<ServerConfig>> {
        let defaults = rustls::crypto::aws_lc_rs::default_provider();
        let provider = Arc::new(CryptoProvider { cipher_suites: vec![suite], ..defaults });
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(&self.authorities)?), provider.clone())
            .build()
            .map_err(|error| invalid(&self.authorities, error))?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[suite.version()])
            .map_err(io::Error::other)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(certificates(&self.certificate)?, self.key()?)
            .map_err(|error| invalid(&self.certificate, error))?;
        Ok(Arc::new(config))
    }
}

/// A client's connection.
pub struct Connection(StreamOwned<ClientConnection, TcpStream>);

impl Connection {
    /// Connects and shakes hands. The server's certificate must bear the host's name.
    ///
    /// # Errors
    /// If the address has no port, or nobody acceptable answers there.
    pub fn open(config: &Arc<ClientConfig>, address: &str) -> io::Result<Self> {
        let wrong = || io::Error::new(io::ErrorKind::InvalidInput, format!("{address} is not HOST:PORT"));
        let (host, _) = address.rsplit_once(':').ok_or_else(wrong)?;
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(|_| wrong())?;
        let mut last = wrong();
        for address in address.to_socket_addrs()? {
            let stream = match TcpStream::connect_timeout(&address, TIMEOUT) {
                Ok(stream) => stream,
                Err(error) => {
                    last = error;
                    continue;
                }
            };
            prepare(&stream)?;
            let session = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
            let mut this = Self(StreamOwned::new(session, stream));
            while this.0.conn.is_handshaking() {
                this.0.conn.complete_io(&mut this.0.sock)?;
            }
            return Ok(this);
        }
        Err(last)
    }

    /// The version of TLS and the cipher suite that were agreed on.
    #[must_use]
    pub fn agreed(&self) -> Option<(TlsVersion, SupportedCipherSuite)> {
        Some((self.0.conn.protocol_version()?, self.0.conn.negotiated_cipher_suite()?))
    }

    /// Sends a request and receives the response into `response`, whose contents are replaced.
    ///
    /// # Errors
    /// If the connection fails or ends, or the response is too long.
    pub fn exchange(&mut self, request: &[u8], response: &mut Vec<u8>) -> io::Result<()> {
        self.0.write_all(request)?;
        self.0.flush()?;
        receive(&mut self.0, response)
    }
}

/// Sets what both sides set: no waiting for more to send, no waiting for ever.
pub(crate) fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))
}

/// Receives one message, whose length its header announces.
pub(crate) fn receive(stream: &mut impl Read, message: &mut Vec<u8>) -> io::Result<()> {
    message.resize(HEADER_LENGTH, 0);
    stream.read_exact(message)?;
    let length = u32::from_be_bytes([message[4], message[5], message[6], message[7]]) as usize;
    if length > MESSAGE_LENGTH_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a message of {length} bytes is announced")));
    }
    message.resize(HEADER_LENGTH + length, 0);
    stream.read_exact(&mut message[HEADER_LENGTH..])
}
