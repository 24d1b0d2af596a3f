//! Where one request ends and the next begins.
//!
//! A KMIP message over TLS is one TTLV structure without further framing (KMIP 1.2 section 9.1): 3 bytes of tag, 1 byte of type, 4 bytes
//! of length, then that many bytes. The header is judged before anything is allocated, and the buffer grows with the bytes that
//! really arrived, never with the length that was announced.

use crate::limits::Limits;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};
use zeroize::Zeroizing;

/// Bytes of a TTLV header.
pub const HEADER_LENGTH: usize = 8;
/// Tag Request Message (0x420078) and type Structure (0x01): what every request starts with.
const REQUEST_START: [u8; 4] = [0x42, 0x00, 0x78, 0x01];
/// The same of a response, from a client that has the server's role.
const RESPONSE_START: [u8; 4] = [0x42, 0x00, 0x7B, 0x01];
/// What a connection may buffer without asking: most requests are smaller, and the first bytes of an attack cost no more.
const FIRST_LENGTH: usize = 16 * 1024;
/// The unit in which memory beyond that is counted.
const UNIT: usize = 1024;

/// Memory for requests that are arriving, shared by all connections.
#[derive(Clone, Debug)]
pub struct RequestMemory(Arc<Semaphore>);

impl RequestMemory {
    /// As many bytes as the limits allow.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self(Arc::new(Semaphore::new(limits.request_memory_max.div_ceil(UNIT).min(Semaphore::MAX_PERMITS))))
    }

    async fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).ok()?;
        Arc::clone(&self.0).acquire_many_owned(units).await.ok()
    }
}

/// A request that arrived whole. Wiped when dropped: it may register key material.
#[derive(Debug)]
pub struct Request {
    /// Header and body.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Held until the request is answered.
    _memory: Vec<OwnedSemaphorePermit>,
}

/// Why no request could be read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The first bytes are no request's.
    #[error("not a KMIP request: it starts with {}", hexadecimal(.0))]
    NotRequest([u8; HEADER_LENGTH]),
    /// The header announces more than is accepted.
    #[error("the request announces {announced} bytes, the limit is {limit}")]
    TooLong {
        /// The header.
        header: [u8; HEADER_LENGTH],
        /// Bytes the whole request would have.
        announced: u64,
        /// The configured limit.
        limit: usize,
    },
    /// The client closed or broke the connection within a request.
    #[error("the connection ended after {received} of {announced} bytes of a request")]
    Cut {
        /// Bytes that came.
        received: usize,
        /// Bytes that were announced; 8 while the header is incomplete.
        announced: usize,
    },
    /// The request did not arrive in time.
    #[error("the request did not arrive whole within {limit_ms} ms: {received} of {announced} bytes came")]
    Slow {
        /// Bytes that came.
        received: usize,
        /// Bytes that were announced; 8 while the header is incomplete.
        announced: usize,
        /// The configured time-out.
        limit_ms: u64,
    },
    /// No request was begun in time.
    #[error("no request within {limit_ms} ms")]
    Idle {
        /// The configured time-out.
        limit_ms: u64,
    },
    /// The connection broke between requests.
    #[error("the connection broke: {0}")]
    Broken(io::Error),
}

impl FrameError {
    /// The header of a request that can be answered with an error message.
    #[must_use]
    pub fn answerable(&self) -> Option<&[u8]> {
        match self {
            Self::NotRequest(header) | Self::TooLong { header, .. } => Some(header),
            _ => None,
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The first bytes of a request.
#[derive(Debug)]
pub struct Begun {
    header: [u8; HEADER_LENGTH],
    received: usize,
}

/// Waits for the first bytes of the next request; `None`: the client closed the connection between requests. Can be cancelled
/// without losing bytes, which is how a shutdown ends idle connections at once.
///
/// # Errors
/// See [`FrameError`]; the connection is of no further use.
pub async fn begin_request<R: AsyncRead + Unpin>(reader: &mut R, limits: &Limits) -> Result<Option<Begun>, FrameError> {
    let mut header = [0; HEADER_LENGTH];
    match timeout(limits.idle_timeout(), reader.read(&mut header)).await {
        Err(_) => Err(FrameError::Idle { limit_ms: limits.idle_timeout_ms }),
        // Many clients close without a close_notify, or abort with a reset; between requests both only mean that they are done.
        Ok(Err(error)) if is_end(&error) => Ok(None),
        Ok(Err(error)) => Err(FrameError::Broken(error)),
        Ok(Ok(0)) => Ok(None),
        Ok(Ok(received)) => Ok(Some(Begun { header, received })),
    }
}

/// Reads the rest of a request, which must arrive whole within the time-out.
///
/// # Errors
/// See [`FrameError`]; the connection is of no further use.
pub async fn finish_request<R: AsyncRead + Unpin>(
    reader: &mut R,
    begun: Begun,
    limits: &Limits,
    memory: &RequestMemory,
) -> Result<Request, FrameError> {
    finish(reader, begun, limits, memory, REQUEST_START).await
}

/// Reads a response of a client that has the server's role; `None`: it closed the connection instead.
///
/// # Errors
/// See [`FrameError`]; the connection is of no further use.
pub async fn read_response<R: AsyncRead + Unpin>(
    reader: &mut R,
    limits: &Limits,
    memory: &RequestMemory,
) -> Result<Option<Request>, FrameError> {
    let limits = Limits { idle_timeout_ms: limits.response_timeout_ms, ..*limits };
    match begin_request(reader, &limits).await? {
        Some(begun) => finish(reader, begun, &limits, memory, RESPONSE_START).await.map(Some),
        None => Ok(None),
    }
}

async fn finish<R: AsyncRead + Unpin>(
    reader: &mut R,
    begun: Begun,
    limits: &Limits,
    memory: &RequestMemory,
    start: [u8; 4],
) -> Result<Request, FrameError> {
    let Begun { mut header, mut received } = begun;
    let deadline = Instant::now() + limits.request_timeout();
    let mut announced = HEADER_LENGTH;
    let rest = read_rest(reader, limits, memory, start, &mut header, &mut received, &mut announced);
    match timeout_at(deadline, rest).await {
        Ok(result) => result,
        Err(_) => Err(FrameError::Slow { received, announced, limit_ms: limits.request_timeout_ms }),
    }
}

async fn read_rest<R: AsyncRead + Unpin>(
    reader: &mut R,
    limits: &Limits,
    memory: &RequestMemory,
    start: [u8; 4],
    header: &mut [u8; HEADER_LENGTH],
    received: &mut usize,
    announced: &mut usize,
) -> Result<Request, FrameError> {
    while *received < HEADER_LENGTH {
        *received += read_some(reader, &mut header[*received..], *received, *announced).await?;
    }
    if header[..4] != start {
        return Err(FrameError::NotRequest(*header));
    }
    let body = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
    let total = HEADER_LENGTH as u64 + u64::from(body);
    let length = match usize::try_from(total) {
        Ok(length) if length <= limits.request_length_max => length,
        _ => return Err(FrameError::TooLong { header: *header, announced: total, limit: limits.request_length_max }),
    };
    *announced = length;

    let mut held = Vec::new();
    let mut bytes = Zeroizing::new(vec![0; length.min(FIRST_LENGTH)]);
    bytes[..HEADER_LENGTH].copy_from_slice(header);
    while *received < length {
        if *received == bytes.len() {
            // Doubling keeps the copies below the size of the request; the old buffer is wiped when it is dropped.
            let larger = length.min(bytes.len() * 2);
            if let Some(permit) = memory.take(larger - bytes.len()).await {
                held.push(permit);
            }
            let mut grown = Zeroizing::new(vec![0; larger]);
            grown[..*received].copy_from_slice(&bytes);
            bytes = grown;
        }
        *received += read_some(reader, &mut bytes[*received..], *received, length).await?;
    }
    Ok(Request { bytes, _memory: held })
}

async fn read_some<R: AsyncRead + Unpin>(
    reader: &mut R,
    buffer: &mut [u8],
    received: usize,
    announced: usize,
) -> Result<usize, FrameError> {
    match reader.read(buffer).await {
        Ok(0) => Err(FrameError::Cut { received, announced }),
        Ok(count) => Ok(count),
        Err(error) if is_end(&error) => Err(FrameError::Cut { received, announced }),
        Err(error) => Err(FrameError::Broken(error)),
    }
}

/// Whether an error of the socket only means that the peer is gone.
pub(crate) fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::AsyncWriteExt;

    fn limits() -> Limits {
        Limits { request_timeout_ms: 200, idle_timeout_ms: 200, ..Limits::default() }
    }

    async fn read_request<R: AsyncRead + Unpin>(
        reader: &mut R,
        limits: &Limits,
        memory: &RequestMemory,
    ) -> Result<Option<Request>, FrameError> {
        match begin_request(reader, limits).await? {
            Some(begun) => finish_request(reader, begun, limits, memory).await.map(Some),
            None => Ok(None),
        }
    }

    async fn read(bytes: &[u8]) -> Result<Option<Request>, FrameError> {
        let limits = limits();
        read_request(&mut &*bytes, &limits, &RequestMemory::new(&limits)).await
    }

    fn message(length: usize) -> Vec<u8> {
        let mut bytes = REQUEST_START.to_vec();
        bytes.extend((length as u32).to_be_bytes());
        bytes.extend((0..length).map(|index| index as u8));
        bytes
    }

    #[tokio::test]
    async fn requests_in_a_row_are_told_apart() {
        let mut bytes = message(3);
        bytes.extend(message(70_000));
        let limits = limits();
        let memory = RequestMemory::new(&limits);
        let mut reader = &bytes[..];
        assert_eq!(*read_request(&mut reader, &limits, &memory).await.unwrap().unwrap().bytes, message(3));
        assert_eq!(*read_request(&mut reader, &limits, &memory).await.unwrap().unwrap().bytes, message(70_000));
        assert!(read_request(&mut reader, &limits, &memory).await.unwrap().is_none());
        assert_eq!(memory.0.available_permits(), limits.request_memory_max / UNIT, "all memory is given back");
    }

    #[tokio::test]
    async fn a_header_that_announces_four_gibibytes_is_refused_at_once() {
        let error = read(&[0x42, 0, 0x78, 1, 0xFF, 0xFF, 0xFF, 0xF8]).await.unwrap_err();
        assert!(matches!(error, FrameError::TooLong { announced: 0x1_0000_0000, .. }), "{error}");
    }

    #[tokio::test]
    async fn other_bytes_are_no_request() {
        let error = read(b"GET / HTTP/1.1\r\n").await.unwrap_err();
        assert!(matches!(error, FrameError::NotRequest(header) if &header == b"GET / HT"));
        assert!(matches!(read(&[0x42, 0, 0x7B, 1, 0, 0, 0, 0]).await.unwrap_err(), FrameError::NotRequest(_)));
    }

    #[tokio::test]
    async fn an_end_within_a_request_is_told_from_one_between_requests() {
        assert!(read(b"").await.unwrap().is_none());
        assert!(matches!(read(&[0x42, 0]).await.unwrap_err(), FrameError::Cut { received: 2, announced: 8 }));
        assert!(matches!(read(&message(9)[..10]).await.unwrap_err(), FrameError::Cut { received: 10, announced: 17 }));
    }

    #[tokio::test]
    async fn a_client_that_trickles_is_dropped_although_it_never_pauses() {
        let (mut client, mut server) = tokio::io::duplex(64);
        let limits = limits();
        let trickle = tokio::spawn(async move {
            for byte in message(1000) {
                if client.write_all(&[byte]).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        let error = read_request(&mut server, &limits, &RequestMemory::new(&limits)).await.unwrap_err();
        assert!(matches!(error, FrameError::Slow { received: 3..=5, .. }), "{error}");
        drop(server);
        trickle.await.unwrap();
    }

    #[tokio::test]
    async fn a_silent_connection_is_idle_and_not_slow() {
        let (_client, mut server) = tokio::io::duplex(64);
        let limits = limits();
        let error = read_request(&mut server, &limits, &RequestMemory::new(&limits)).await.unwrap_err();
        assert!(matches!(error, FrameError::Idle { limit_ms: 200 }));
    }

    #[tokio::test]
    async fn requests_beyond_the_shared_memory_wait_within_their_time_out() {
        let limits = Limits { request_memory_max: 64 * 1024, ..limits() };
        let memory = RequestMemory::new(&limits);
        let whole = message(70_000);
        let first = read_request(&mut &whole[..], &limits, &memory).await.unwrap().unwrap();
        let error = read_request(&mut &whole[..], &limits, &memory).await.unwrap_err();
        assert!(matches!(error, FrameError::Slow { .. }));
        drop(first);
        assert!(read_request(&mut &whole[..], &limits, &memory).await.unwrap().is_some());
    }
}
