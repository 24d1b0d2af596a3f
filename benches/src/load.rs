//! The load generator.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use kmip::ProtocolVersion;
use kmip::operation::Operation;
use kmip::payload::create::CreateResponse;
use kmip::payload::get::GetResponse;
use rustls::ClientConfig;

use crate::connection::{Connection, Identity};
use crate::drive::{Until, drive};
use crate::floor::Floor;
use crate::messages::{create_payload, get_payload, request, success};
use crate::statistics::{Summary, middle, summarise};

/// What is measured.
#[derive(Clone, Debug)]
pub struct Load {
    /// The server, HOST:PORT.
    pub endpoint: String,
    /// The client's certificate.
    pub client: Identity,
    /// The server's certificate, for the floor.
    pub server: Identity,
    /// The version of the messages.
    pub version: ProtocolVersion,
    /// Which operations, in this order.
    pub operations: Vec<Measured>,
    /// With how many connections at once, one measurement for each.
    pub connections: Vec<usize>,
    /// How long one round takes.
    pub round: Duration,
    /// How many rounds; floor and server take turns, and the middle one of each counts.
    pub rounds: usize,
}

/// An operation that can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Measured {
    /// Get of an AES-256 key, one key for each connection.
    Get,
    /// Create of an AES-256 key.
    Create,
}

impl Measured {
    fn check(self, response: &[u8]) -> io::Result<()> {
        match self {
            Self::Get => success::<GetResponse>(response).map(drop),
            Self::Create => success::<CreateResponse>(response).map(drop),
        }
        .map_err(io::Error::other)
    }
}

/// One line of the result.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Which operation.
    pub operation: Measured,
    /// With how many connections.
    pub connections: usize,
    /// What the server did.
    pub server: Summary,
    /// What the floor did.
    pub floor: Summary,
}

impl Line {
    /// The server's rate as a part of the floor's.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.server.rate / self.floor.rate
    }
}

/// Measures, and writes each line as it is known.
///
/// # Errors
/// If a file cannot be used, or the server cannot be reached or refuses.
pub fn run(load: &Load, out: &mut dyn Write) -> io::Result<Vec<Line>> {
    let client = load.client.client()?;
    let mut probe = Connection::open(&client, &load.endpoint)?;
    let (tls, suite) = probe.agreed().ok_or_else(|| io::Error::other("no cipher suite was agreed on"))?;
    let server = load.server.server(suite)?;
    let host = load.endpoint.rsplit_once(':').map_or("localhost", |(host, _)| host);
    writeln!(
        out,
        "{}, {tls:?}, {:?}, KMIP {}, {} rounds of {:?} each",
        load.endpoint,
        suite.suite(),
        load.version,
        load.rounds,
        load.round
    )?;
    writeln!(
        out,
        "{:<9} {:>11} | {:>9} {:>8} {:>8} | {:>9} {:>8} {:>8} | ratio",
        "operation", "connections", "server/s", "p50 us", "p99 us", "floor/s", "p50 us", "p99 us"
    )?;

    let mut lines = Vec::new();
    for &operation in &load.operations {
        for &connections in &load.connections {
            let requests = requests(load, operation, connections, &mut probe)?;
            let mut reply = Vec::new();
            probe.exchange(&requests[0], &mut reply)?;
            operation.check(&reply)?;
            let floor = Floor::start(server.clone(), reply)?;
            let floor_address = floor.address(host);

            let (mut server_rounds, mut floor_rounds) = (Vec::new(), Vec::new());
            for _ in 0..load.rounds {
                floor_rounds.push(round(&client, &floor_address, operation, &requests, load.round)?);
                server_rounds.push(round(&client, &load.endpoint, operation, &requests, load.round)?);
            }
            let (Some(server), Some(floor)) = (middle(server_rounds), middle(floor_rounds)) else {
                return Err(io::Error::other("there was no round"));
            };
            let line = Line { operation, connections, server, floor };
            writeln!(
                out,
                "{:<9} {connections:>11} | {:>9.0} {:>8.0} {:>8.0} | {:>9.0} {:>8.0} {:>8.0} | {:.2}",
                format!("{operation:?}"),
                server.rate,
                server.median_us,
                server.p99_us,
                floor.rate,
                floor.median_us,
                floor.p99_us,
                line.ratio()
            )?;
            out.flush()?;
            lines.push(line);
        }
    }
    Ok(lines)
}

/// The request of each connection.
fn requests(load: &Load, operation: Measured, connections: usize, probe: &mut Connection) -> io::Result<Vec<Vec<u8>>> {
    let create = request(load.version, Operation::Create, &create_payload(None));
    if operation == Measured::Create {
        return Ok(vec![create; connections]);
    }
    let mut all = Vec::with_capacity(connections);
    for _ in 0..connections {
        let mut response = Vec::new();
        probe.exchange(&create, &mut response)?;
        let created: CreateResponse = success(&response).map_err(io::Error::other)?;
        all.push(request(load.version, Operation::Get, &get_payload(&created.unique_identifier.0)));
    }
    Ok(all)
}

/// One thread for each request sends it again and again for a time. Connecting is not measured.
fn round(
    client: &Arc<ClientConfig>,
    address: &str,
    operation: Measured,
    requests: &[Vec<u8>],
    length: Duration,
) -> io::Result<Summary> {
    let request = |number: usize, _| Cow::Borrowed(requests[number].as_slice());
    let driven = drive(client, address, requests.len(), Until::Elapsed(length), request, |response| operation.check(response))?;
    summarise(driven.latencies_ns, driven.elapsed).ok_or_else(|| io::Error::other("no request was answered"))
}
