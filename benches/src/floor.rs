//! The least a server must do: take a request off mutual TLS, and answer with bytes it already has.
//!
//! One thread for each connection and blocking rustls: nothing is shared, nothing is scheduled but by the kernel. A real server
//! decodes, decides, reads, writes to disk and encodes in addition; how much slower it is, is its own cost.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::connection::{prepare, receive};

/// A running floor; it stops when dropped.
pub struct Floor {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

impl Floor {
    /// Listens on a free port of the loopback interface and answers every request with `reply`.
    ///
    /// # Errors
    /// If there is no port to be had.
    pub fn start(config: Arc<ServerConfig>, reply: Vec<u8>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let stopping = Arc::new(AtomicBool::new(false));
        let seen = stopping.clone();
        let reply: Arc<[u8]> = reply.into();
        let acceptor = thread::spawn(move || {
            for stream in listener.incoming() {
                if seen.load(Ordering::Relaxed) {
                    break;
                }
                if let Ok(stream) = stream {
                    let (config, reply) = (config.clone(), reply.clone());
                    // It ends with its connection; how it ends is the client's to notice.
                    thread::spawn(move || serve(config, stream, &reply));
                }
            }
        });
        Ok(Self { address, stopping, acceptor: Some(acceptor) })
    }

    /// Where it listens, by the name that is in the certificate of a server on this machine.
    #[must_use]
    pub fn address(&self, host: &str) -> String {
        format!("{host}:{}", self.address.port())
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        // Wakes the acceptor, which then sees that it is to stop.
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            drop(acceptor.join());
        }
    }
}

fn serve(config: Arc<ServerConfig>, stream: TcpStream, reply: &[u8]) -> io::Result<()> {
    prepare(&stream)?;
    let session = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(session, stream);
    let mut request = Vec::new();
    loop {
        receive(&mut stream, &mut request)?;
        stream.write_all(reply)?;
        stream.flush()?;
    }
}
