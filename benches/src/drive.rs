//! Sends requests over several connections at once and takes the time of each.

use std::borrow::Cow;
use std::io;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use rustls::ClientConfig;

use crate::connection::Connection;

/// When a connection has sent enough.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// After this time.
    Elapsed(Duration),
    /// After so many requests, or after this time when that is earlier.
    Requests(usize, Duration),
}

/// What was sent and answered.
#[derive(Clone, Debug)]
pub struct Driven {
    /// The time of each request, in nanoseconds.
    pub latencies_ns: Vec<u32>,
    /// From the first request of the slowest connection to its last answer.
    pub elapsed: Duration,
}

/// One thread for each connection sends a request when the answer to the one before is there and was checked. `request` makes
/// that of a connection, by its number, and of a sequence number in it; making it is not measured, and neither is connecting.
///
/// # Errors
/// If a connection fails, or `check` refuses an answer.
pub fn drive<'a>(
    client: &Arc<ClientConfig>,
    address: &str,
    connections: usize,
    until: Until,
    request: impl Fn(usize, usize) -> Cow<'a, [u8]> + Sync,
    check: impl Fn(&[u8]) -> io::Result<()> + Sync,
) -> io::Result<Driven> {
    let barrier = Barrier::new(connections);
    let run = |number: usize| -> io::Result<(Vec<u32>, Duration)> {
        let connection = Connection::open(client, address);
        // Even a thread without a connection meets the others, or they would wait for ever.
        barrier.wait();
        let mut connection = connection?;
        let mut latencies = Vec::new();
        let mut response = Vec::new();
        let started = Instant::now();
        loop {
            let enough = match until {
                Until::Elapsed(length) => started.elapsed() >= length,
                Until::Requests(count, length) => latencies.len() >= count || started.elapsed() >= length,
            };
            if enough {
                return Ok((latencies, started.elapsed()));
            }
            let request = request(number, latencies.len());
            let sent = Instant::now();
            connection.exchange(&request, &mut response)?;
            latencies.push(u32::try_from(sent.elapsed().as_nanos()).unwrap_or(u32::MAX));
            check(&response)?;
        }
    };
    let results: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..connections).map(|number| scope.spawn(move || run(number))).collect();
        let panicked = || Err(io::Error::other("a thread of the load generator panicked"));
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| panicked())).collect()
    });
    let mut driven = Driven { latencies_ns: Vec::new(), elapsed: Duration::ZERO };
    for result in results {
        let (more, elapsed) = result?;
        driven.latencies_ns.extend(more);
        driven.elapsed = driven.elapsed.max(elapsed);
    }
    Ok(driven)
}
