//! What slow work of some clients costs the others: the latency of Get while clients generate RSA key pairs.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use kmip::ProtocolVersion;
use kmip::attribute::{Attribute, Attributes, TemplateAttribute};
use kmip::enumerations::CryptographicAlgorithm;
use kmip::masks::CryptographicUsageMask;
use kmip::operation::Operation;
use kmip::payload::create::CreateResponse;
use kmip::payload::create_key_pair::{CreateKeyPairRequest, CreateKeyPairResponse};
use kmip::payload::get::GetResponse;
use rustls::ClientConfig;

use crate::connection::{Connection, Identity};
use crate::drive::{Until, drive};
use crate::messages::{create_payload, get_payload, request, success};
use crate::statistics::{Summary, median, summarise};

/// What is measured.
#[derive(Clone, Debug)]
pub struct Heavy {
    /// The server, HOST:PORT.
    pub endpoint: String,
    /// The client's certificate.
    pub client: Identity,
    /// The version of the messages.
    pub version: ProtocolVersion,
    /// How many clients generate key pairs, one after the other.
    pub generators: usize,
    /// The length of their keys, in bits.
    pub bits: i32,
    /// With how many connections Get is measured.
    pub connections: usize,
    /// How long one round takes.
    pub round: Duration,
    /// How many rounds; quiet and busy ones take turns, and the median of each counts.
    pub rounds: usize,
}

/// What it gave.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// The median of the rounds' p99 of Get with nothing else to do, in microseconds.
    pub quiet_us: f64,
    /// The same while pairs are generated.
    pub busy_us: f64,
    /// How many pairs were made.
    pub pairs: usize,
}

impl Outcome {
    /// How many times as long Get takes.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.busy_us / self.quiet_us
    }
}

/// Measures, and writes each round as it is known.
///
/// # Errors
/// If a file cannot be used, or the server cannot be reached or refuses; if no pair was made in all busy rounds.
pub fn run(heavy: &Heavy, out: &mut dyn Write) -> io::Result<Outcome> {
    let client = heavy.client.client()?;
    let mut probe = Connection::open(&client, &heavy.endpoint)?;
    let create = request(heavy.version, Operation::Create, &create_payload(None));
    let mut gets = Vec::with_capacity(heavy.connections);
    for _ in 0..heavy.connections {
        let mut response = Vec::new();
        probe.exchange(&create, &mut response)?;
        let created: CreateResponse = success(&response).map_err(io::Error::other)?;
        gets.push(request(heavy.version, Operation::Get, &get_payload(&created.unique_identifier.0)));
    }
    let pair = request(heavy.version, Operation::CreateKeyPair, &pair_payload(heavy.bits));
    writeln!(
        out,
        "{}, KMIP {}, Get on {} connections, quiet and while {} clients generate RSA-{} pairs, {} rounds of {:?} each",
        heavy.endpoint, heavy.version, heavy.connections, heavy.generators, heavy.bits, heavy.rounds, heavy.round
    )?;
    writeln!(out, "{:<7} {:>9} {:>8} {:>8} {:>6}", "", "Get/s", "p50 us", "p99 us", "pairs")?;
    let (mut quiet, mut busy, mut pairs) = (Vec::new(), Vec::new(), 0);
    for _ in 0..heavy.rounds {
        let alone = measure(heavy, &client, &gets)?;
        line(out, "quiet", &alone, 0)?;
        quiet.push(alone.p99_us);
        let (beside, made) = beside_generators(heavy, &client, &gets, &pair)?;
        line(out, "busy", &beside, made)?;
        busy.push(beside.p99_us);
        pairs += made;
    }
    if pairs == 0 {
        return Err(io::Error::other("no key pair was made: the rounds are too short"));
    }
    let outcome = Outcome { quiet_us: median(quiet), busy_us: median(busy), pairs };
    writeln!(out, "p99 of Get: {:.0} us quiet, {:.0} us busy: {:.2} times", outcome.quiet_us, outcome.busy_us, outcome.ratio())?;
    Ok(outcome)
}

fn line(out: &mut dyn Write, name: &str, summary: &Summary, pairs: usize) -> io::Result<()> {
    writeln!(out, "{name:<7} {:>9.0} {:>8.0} {:>8.0} {pairs:>6}", summary.rate, summary.median_us, summary.p99_us)?;
    out.flush()
}

fn measure(heavy: &Heavy, client: &Arc<ClientConfig>, gets: &[Vec<u8>]) -> io::Result<Summary> {
    let request = |number: usize, _| Cow::Borrowed(gets[number].as_slice());
    let check = |response: &[u8]| success::<GetResponse>(response).map(drop).map_err(io::Error::other);
    let driven = drive(client, &heavy.endpoint, gets.len(), Until::Elapsed(heavy.round), request, check)?;
    summarise(driven.latencies_ns, driven.elapsed).ok_or_else(|| io::Error::other("no request was answered"))
}

/// The same, while the generators are at work: from before the first Get until after the last.
fn beside_generators(heavy: &Heavy, client: &Arc<ClientConfig>, gets: &[Vec<u8>], pair: &[u8]) -> io::Result<(Summary, usize)> {
    let (ended, made) = (AtomicBool::new(false), AtomicUsize::new(0));
    let generate = || -> io::Result<()> {
        let mut connection = Connection::open(client, &heavy.endpoint)?;
        let mut response = Vec::new();
        while !ended.load(Relaxed) {
            connection.exchange(pair, &mut response)?;
            success::<CreateKeyPairResponse>(&response).map_err(io::Error::other)?;
            made.fetch_add(1, Relaxed);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let generators: Vec<_> = (0..heavy.generators).map(|_| scope.spawn(generate)).collect();
        // All of them have sent their first request by then.
        thread::sleep(Duration::from_millis(300));
        let summary = measure(heavy, client, gets);
        ended.store(true, Relaxed);
        for generator in generators {
            generator.join().unwrap_or_else(|_| Err(io::Error::other("a generator panicked")))?;
        }
        Ok((summary?, made.load(Relaxed)))
    })
}

/// The payload of a Create Key Pair of RSA keys.
fn pair_payload(bits: i32) -> CreateKeyPairRequest {
    let mut attributes = Attributes::default();
    attributes.push(Attribute::CryptographicAlgorithm(CryptographicAlgorithm::RSA));
    attributes.push(Attribute::CryptographicLength(bits));
    let template = |attributes| Some(TemplateAttribute { names: Vec::new(), attributes });
    let mask = |mask| {
        let mut attributes = Attributes::default();
        attributes.push(Attribute::CryptographicUsageMask(mask));
        template(attributes)
    };
    CreateKeyPairRequest {
        common_attributes: template(attributes),
        private_key_attributes: mask(CryptographicUsageMask::Sign),
        public_key_attributes: mask(CryptographicUsageMask::Verify),
        common_protection_storage_masks: None,
        private_protection_storage_masks: None,
        public_protection_storage_masks: None,
    }
}
