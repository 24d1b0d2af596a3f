//! Mutual TLS to the endpoint, one blocking connection per client of a case.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// Key generation and hashing of passwords take seconds on a loaded machine.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest response that is received.
const RESPONSE_LIMIT: usize = 16 << 20;
/// Tag, type and length in front of a message.
const HEADER_LENGTH: usize = 8;

/// Sends requests and receives their responses.
pub trait Exchange {
    /// The response to `request`, sent on the connection of `client`.
    ///
    /// # Errors
    /// If the endpoint cannot be reached, or closes the connection without an answer.
    fn exchange(&mut self, client: &str, request: &[u8]) -> io::Result<Vec<u8>>;
}

/// The endpoint under test.
pub struct Endpoint {
    address: String,
    server_name: ServerName<'static>,
    /// By name of the client; the one called "" serves all that have none of their own.
    identities: HashMap<String, Arc<ClientConfig>>,
    connections: HashMap<String, StreamOwned<ClientConnection, TcpStream>>,
}

impl Endpoint {
    /// The endpoint at `HOST:PORT`, with the identity (`ca.pem`, `cert.pem`, `key.pem`) in `certificates`. `second` is the identity of
    /// every client of a case but the first.
    ///
    /// # Errors
    /// If a file cannot be read or is not what its name says, or the endpoint has no port.
    pub fn new(address: &str, certificates: &Path, second: Option<&Path>) -> io::Result<Self> {
        let host = address
            .rsplit_once(':')
            .map(|(host, _)| host.trim_matches(['[', ']']))
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, format!("{address} is not HOST:PORT")))?;
        let server_name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let mut identities = HashMap::from([(crate::case::FIRST_CLIENT.to_owned(), Arc::new(identity(certificates)?))]);
        let others =
            second.map_or_else(|| Ok(identities[crate::case::FIRST_CLIENT].clone()), |second| identity(second).map(Arc::new))?;
        identities.insert(String::new(), others);
        Ok(Self { address: address.to_owned(), server_name, identities, connections: HashMap::new() })
    }

    fn connect(&self, client: &str) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let missing = || io::Error::other("no identity for this client");
        let identity = self.identities.get(client).or_else(|| self.identities.get("")).ok_or_else(missing)?;
        let address = self.address.to_socket_addrs()?.next().ok_or_else(|| io::Error::other("the host has no address"))?;
        let socket = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(READ_TIMEOUT))?;
        socket.set_write_timeout(Some(READ_TIMEOUT))?;
        let session = ClientConnection::new(identity.clone(), self.server_name.clone()).map_err(io::Error::other)?;
        Ok(StreamOwned::new(session, socket))
    }
}

impl Exchange for Endpoint {
    fn exchange(&mut self, client: &str, request: &[u8]) -> io::Result<Vec<u8>> {
        if let Some(mut connection) = self.connections.remove(client) {
            // A server may close a connection that was idle; the request is sent again only if nothing of it can have been read.
            match connection.write_all(request).and_then(|()| connection.flush()) {
                Ok(()) => {
                    let response = receive(&mut connection)?;
                    self.connections.insert(client.to_owned(), connection);
                    return Ok(response);
                }
                Err(_) => drop(connection),
            }
        }
        let mut connection = self.connect(client)?;
        connection.write_all(request)?;
        connection.flush()?;
        let response = receive(&mut connection)?;
        self.connections.insert(client.to_owned(), connection);
        Ok(response)
    }
}

/// One message: its header says how long it is.
fn receive(connection: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut message = vec![0; HEADER_LENGTH];
    connection.read_exact(&mut message)?;
    let length = message.last_chunk::<4>().map_or(0, |length| u32::from_be_bytes(*length));
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > RESPONSE_LIMIT {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("a response of {length} bytes, the limit is {RESPONSE_LIMIT}"),
        ));
    }
    message.resize(HEADER_LENGTH + length, 0);
    connection.read_exact(&mut message[HEADER_LENGTH..])?;
    Ok(message)
}

fn identity(directory: &Path) -> io::Result<ClientConfig> {
    let file = |name: &str| directory.join(name);
    let wrong = |path: PathBuf, error: String| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()));
    let certificates = |name: &str| -> io::Result<Vec<CertificateDer<'static>>> {
        let found = CertificateDer::pem_file_iter(file(name)).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        found.map_err(|error| wrong(file(name), error.to_string()))
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates("ca.pem")? {
        roots.add(certificate).map_err(|error| wrong(file("ca.pem"), error.to_string()))?;
    }
    let key = PrivateKeyDer::from_pem_file(file("key.pem")).map_err(|error| wrong(file("key.pem"), error.to_string()))?;
    let config = ClientConfig::builder().with_root_certificates(roots).with_client_auth_cert(certificates("cert.pem")?, key);
    config.map_err(|error| wrong(file("cert.pem"), error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_received_whole() {
        let bytes = [0x42, 0, 0x7b, 1, 0, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        assert_eq!(receive(&mut &bytes[..]).unwrap(), bytes[..16]);
        assert!(receive(&mut &bytes[..12]).is_err());
    }

    #[test]
    fn a_response_that_announces_too_much_is_refused() {
        let error = receive(&mut &[0x42, 0, 0x7b, 1, 0xff, 0xff, 0xff, 0xff][..]).unwrap_err();
        assert!(error.to_string().contains("4294967295 bytes"), "{error}");
    }

    #[test]
    fn an_identity_names_the_file_that_is_missing() {
        let directory = tempfile::tempdir().unwrap();
        let error = Endpoint::new("127.0.0.1:1", directory.path(), None).err().unwrap();
        assert!(error.to_string().contains("ca.pem"), "{error}");
        assert!(Endpoint::new("127.0.0.1", directory.path(), None).is_err());
    }
}
