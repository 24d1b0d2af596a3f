//! One TLS connection that carries one request and one answer at a time.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use ttlv_codec::HEADER_LENGTH;
use zeroize::{Zeroize, Zeroizing};

use crate::configuration::{ClientLimits, Configuration};
use crate::error::Error;
use crate::tls;

/// Tag Response Message (0x42007B) and type Structure: what every answer starts with.
const RESPONSE_START: [u8; 4] = [0x42, 0x00, 0x7B, 0x01];
/// How much is allocated on the word of a header alone; beyond that the buffer grows with the bytes that really arrive.
const FIRST_LENGTH: usize = 64 * 1024;

/// A connection. After a failed or abandoned exchange it refuses further ones: an answer that comes late must not be taken for
/// the answer to another request.
pub(crate) struct Connection {
    stream: TlsStream<TcpStream>,
    endpoint: String,
    limits: ClientLimits,
    usable: bool,
    /// Whether the server has ever answered: in TLS 1.3 it may refuse the client's certificate after the handshake.
    answered: bool,
}

impl Connection {
    /// Connects and shakes hands.
    pub(crate) async fn open(configuration: &Configuration) -> Result<Self, Error> {
        let endpoint = configuration.endpoint();
        let limit = configuration.limits.connect_timeout;
        match timeout(limit, Self::shake_hands(configuration, endpoint.clone())).await {
            Ok(result) => result,
            Err(_) => Err(Error::TimedOut { endpoint, doing: "connecting", limit }),
        }
    }

    async fn shake_hands(configuration: &Configuration, endpoint: String) -> Result<Self, Error> {
        let target = (configuration.host.as_str(), configuration.port);
        let tcp = TcpStream::connect(target)
            .await
            .map_err(|error| Error::Connect { endpoint: endpoint.clone(), explanation: explain_connect(&error) })?;
        // Requests are one small write each; waiting for more to send costs 40 ms.
        tcp.set_nodelay(true).map_err(|error| ended(&endpoint, &error, true))?;
        let connector = TlsConnector::from(configuration.tls.clone());
        let stream =
            connector.connect(configuration.server_name.clone(), tcp).await.map_err(|error| ended(&endpoint, &error, true))?;
        Ok(Self { stream, endpoint, limits: configuration.limits, usable: true, answered: false })
    }

    /// Where the server is, as `HOST:PORT`.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Sends a request and returns the whole answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        if !std::mem::replace(&mut self.usable, false) {
            return Err(Error::Unusable);
        }
        let limit: Duration = self.limits.request_timeout;
        let response = match timeout(limit, self.send_and_receive(request)).await {
            Ok(result) => result?,
            Err(_) => {
                return Err(Error::TimedOut { endpoint: self.endpoint.clone(), doing: "waiting for the answer", limit });
            }
        };
        self.usable = true;
        self.answered = true;
        Ok(response)
    }

    async fn send_and_receive(&mut self, request: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let sent = async {
            self.stream.write_all(request).await?;
            self.stream.flush().await
        };
        let sent = sent.await;
        // A server that refuses sends its reason before it closes: read it even if writing failed.
        let mut header = [0; HEADER_LENGTH];
        let received = self.stream.read_exact(&mut header).await;
        let failed = |error: &io::Error| ended(&self.endpoint, error, !self.answered);
        match (sent, received) {
            (_, Ok(_)) => {}
            (Err(sent), Err(received)) => {
                return Err(failed(if tls_error(&received).is_some() { &received } else { &sent }));
            }
            (Ok(()), Err(received)) => return Err(failed(&received)),
        }
        if !header.starts_with(&RESPONSE_START) {
            return Err(Error::Mismatch("it does not begin with a Response Message"));
        }
        let announced = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
        let total = u64::from(announced) + HEADER_LENGTH as u64;
        let limit = self.limits.response_length_max;
        let total = usize::try_from(total)
            .ok()
            .filter(|total| *total <= limit)
            .ok_or(Error::ResponseTooLong { announced: total, limit })?;
        let mut response = Zeroizing::new(Vec::with_capacity(total.min(FIRST_LENGTH)));
        response.extend_from_slice(&header);
        while response.len() < total {
            let start = response.len();
            grow(&mut response, total);
            let read = match self.stream.read(&mut response[start..]).await {
                Ok(read) => read,
                // The end of a connection that was not closed in the orderly way.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
                Err(error) => return Err(failed(&error)),
            };
            response.truncate(start + read);
            if read == 0 {
                let explanation = format!("after {start} of {total} bytes of the answer");
                return Err(Error::Ended { endpoint: self.endpoint.clone(), explanation });
            }
        }
        Ok(response)
    }

    /// Says goodbye. A server that has already gone makes no difference.
    pub(crate) async fn close(&mut self) {
        self.usable = false;
        // Nothing depends on the close_notify; the connection ends either way.
        let _ = timeout(Duration::from_secs(1), self.stream.shutdown()).await;
    }
}

/// Makes room for the bytes up to `total`, doubling what is there; the old buffer is wiped, since it may hold a key.
fn grow(buffer: &mut Zeroizing<Vec<u8>>, total: usize) {
    let wanted = total.min(buffer.len().saturating_mul(2).max(FIRST_LENGTH));
    if wanted > buffer.capacity() {
        let mut larger = Vec::with_capacity(wanted);
        larger.extend_from_slice(buffer);
        buffer.zeroize();
        **buffer = larger;
    }
    buffer.resize(wanted, 0);
}

fn explain_connect(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there; is the server running, and is this its port?".to_owned(),
        io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            format!("no way there ({error}); look at the network and the firewall")
        }
        // Errors of the resolver have no number of the system's.
        _ if error.raw_os_error().is_none() => format!("its address is not known ({error}); is the name right?"),
        _ => error.to_string(),
    }
}

/// The TLS error inside an I/O error.
fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>())
}

fn ended(endpoint: &str, error: &io::Error, before_first_answer: bool) -> Error {
    let endpoint = endpoint.to_owned();
    if let Some(error) = tls_error(error) {
        return Error::Tls { endpoint, explanation: tls::explain(error) };
    }
    let gone = matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    );
    let explanation = match (gone, before_first_answer) {
        (true, true) => {
            "the server closed it without an answer; it may have refused this client's certificate (its log says why)".to_owned()
        }
        (true, false) => "the server closed it".to_owned(),
        (false, _) => error.to_string(),
    };
    Error::Ended { endpoint, explanation }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn unknown_hosts_and_closed_ports_are_told_apart() {
        // A label of 64 characters is too long for any resolver.
        let name = format!("{}.invalid", "x".repeat(64));
        let unknown = TcpStream::connect((name.as_str(), 5696)).await.unwrap_err();
        assert!(explain_connect(&unknown).contains("address is not known"), "{unknown:?}");
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert!(explain_connect(&refused).contains("nothing listens"));
    }

    #[test]
    fn room_grows_with_what_arrived() {
        let mut buffer = Zeroizing::new(vec![7; 8]);
        grow(&mut buffer, 1 << 30);
        assert_eq!((buffer.len(), buffer[7], buffer[8]), (FIRST_LENGTH, 7, 0));
        grow(&mut buffer, FIRST_LENGTH + 3);
        assert_eq!((buffer.len(), buffer[7]), (FIRST_LENGTH + 3, 7));
    }
}
