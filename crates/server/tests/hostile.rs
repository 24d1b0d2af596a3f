//! Clients that mean harm, against the program itself: it answers or closes in time, its memory stays, and an honest client is
//! served meanwhile.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/program.rs"]
#[allow(dead_code, unreachable_pub, reason = "every test file uses its part")]
mod program;

#[path = "common/attack.rs"]
#[allow(dead_code, unreachable_pub, reason = "every test file uses its part")]
mod attack;

use attack::{Attacked, GROWTH_MAX};
use program::{Client, create, discover_versions, succeeded};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};
use ttlv_codec::Writer;

/// Sends what is no valid request; the server must answer with a failure or close, and not take long.
fn rejected(client: &mut Client, bytes: &[u8]) -> bool {
    let begun = Instant::now();
    let open = match client.exchange(bytes) {
        Ok(answer) => {
            assert!(!succeeded(&answer), "{bytes:02x?} was answered with {answer:?}");
            true
        }
        Err(_) => false,
    };
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?} for {bytes:02x?}", begun.elapsed());
    open
}

#[test]
fn a_thousand_headers_that_announce_four_gibibytes() {
    let attacked = Attacked::begin();
    for round in 0..10 {
        // A hundred at a time, held open, so that what each would cost adds up.
        let mut clients: Vec<_> = (0..100).map(|_| attacked.connect()).collect();
        for client in &mut clients {
            client.send(&[0x42, 0, 0x78, 1, 0xFF, 0xFF, 0xFF, 0xF8]).unwrap();
        }
        for client in &mut clients {
            let answer = client.receive();
            assert!(answer.is_ok_and(|answer| !succeeded(&answer)), "round {round}: an error response");
        }
    }
    attacked.end();
}

#[test]
fn headers_that_announce_the_most_and_send_nothing_cost_nothing() {
    let attacked = Attacked::begin();
    let mut clients: Vec<_> = (0..500).map(|_| attacked.connect()).collect();
    let most = u32::try_from(server::limits::REQUEST_LENGTH_MAX - 8).unwrap().to_be_bytes();
    for client in &mut clients {
        client.send(&[&[0x42, 0, 0x78, 1], &most[..]].concat()).unwrap();
    }
    std::thread::sleep(Duration::from_millis(500));
    let grown = attacked.server.memory().saturating_sub(attacked.memory);
    assert!(grown <= GROWTH_MAX, "memory grew by {} MiB while 500 requests of 2 MiB were announced", grown >> 20);
    drop(clients);
    attacked.end();
}

#[test]
fn nesting_and_counts_that_lie() {
    let attacked = Attacked::begin();
    let mut nested = Writer::default();
    fn nest(writer: &mut Writer, depth: usize) {
        if depth > 0 {
            writer.structure(kmip::tag::BatchItem, |writer| nest(writer, depth - 1));
        }
    }
    nested.structure(kmip::tag::RequestMessage, |writer| nest(writer, 200));
    rejected(&mut attacked.connect(), &nested.finish());

    for count in [0, 2, 1_000_000, i32::MAX, -1] {
        let mut bytes = discover_versions();
        let tag = [0x42, 0x00, 0x0D, 0x02];
        let place = bytes.windows(4).position(|window| window == tag).unwrap() + 8;
        bytes[place..place + 4].copy_from_slice(&count.to_be_bytes());
        rejected(&mut attacked.connect(), &bytes);
    }
    attacked.end();
}

/// A generator with a fixed seed (xorshift64*, Vigna): a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(drawn).unwrap() % bound
    }
}

#[test]
fn five_thousand_malformed_messages() {
    let attacked = Attacked::begin();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut client = attacked.connect();
    let mut answered = 0;
    for _ in 0..5_000 {
        let mut bytes = create(None);
        match random.below(4) {
            // Damage within, with the frame intact, so that it gets past the framing.
            0..=2 => {
                for _ in 0..=random.below(4) {
                    let place = 8 + random.below(bytes.len() - 8);
                    bytes[place] = bytes[place].wrapping_add(1 + u8::try_from(random.below(255)).unwrap());
                }
            }
            // Cut short, with a length that fits what is left.
            _ => {
                bytes.truncate(8 + random.below(bytes.len() - 8));
                let length = u32::try_from(bytes.len() - 8).unwrap();
                bytes[4..8].copy_from_slice(&length.to_be_bytes());
            }
        }
        // Damage in a number or a name may leave a request that is right; every answer will do, as long as there is one or an end.
        match client.exchange(&bytes) {
            Ok(_) => answered += 1,
            Err(_) => client = attacked.connect(),
        }
    }
    assert!(answered > 1_000, "most are answered with an error: {answered}");
    for first in 0..=u8::MAX {
        let mut bytes = discover_versions();
        let place = usize::from(first % 4);
        bytes[place] ^= first | 1;
        rejected(&mut attacked.connect(), &bytes);
    }
    attacked.end();
}

/// 2,000 clients that send one byte a second: half of them before the handshake is done, half within a request.
#[test]
fn two_thousand_slow_clients_are_dropped_within_thirty_seconds() {
    // Many systems let a process have 1,024 open files until it asks for more.
    let files = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: files.maximum, maximum: files.maximum }).unwrap();
    let attacked = Attacked::begin();
    let begun = Instant::now();
    let mut plain = Vec::new();
    let mut secured = Vec::new();
    for _ in 0..1_000 {
        plain.push(TcpStream::connect(attacked.server.address).unwrap());
        secured.push(attacked.connect());
    }
    let connected = begun.elapsed();
    let hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3];
    let message = create(None);
    let mut peak = 0;
    let mut position = 0;
    let deadline = Instant::now() + Duration::from_secs(30);
    while !(plain.is_empty() && secured.is_empty()) {
        assert!(Instant::now() < deadline, "{} and {} slow clients are still connected", plain.len(), secured.len());
        let byte = [hello.get(position).copied().unwrap_or(0)];
        plain.retain_mut(|tcp| tcp.write_all(&byte).is_ok() && !is_closed(tcp));
        secured.retain_mut(|client| client.send(&message[position..=position]).is_ok() && !is_closed(&client.0.sock));
        peak = peak.max(attacked.server.memory());
        position += 1;
        std::thread::sleep(Duration::from_secs(1));
    }
    let grown = peak.saturating_sub(attacked.memory);
    assert!(grown <= GROWTH_MAX, "memory grew by {} MiB with 2,000 slow clients", grown >> 20);
    assert!(position > 3, "they were slow, not refused: connected after {connected:?}");
    attacked.end();
}

/// Whether the server has closed: the end of the stream, a reset, or a closing alert waiting to be read.
fn is_closed(mut tcp: &TcpStream) -> bool {
    tcp.set_nonblocking(true).unwrap();
    let mut scrap = [0; 4096];
    let closed = loop {
        match tcp.read(&mut scrap) {
            Ok(0) => break true,
            // Session tickets come after the handshake; whatever else comes is followed by the end.
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break false,
            Err(_) => break true,
        }
    };
    tcp.set_nonblocking(false).unwrap();
    closed
}

/// Bytes that are no TLS, and TLS that breaks off, on many connections at once.
#[test]
fn garbage_before_the_handshake() {
    let attacked = Attacked::begin();
    let mut random = Random(0x1234_5678_9ABC_DEF1);
    for _ in 0..500 {
        let mut tcp = TcpStream::connect(attacked.server.address).unwrap();
        tcp.set_read_timeout(Some(Duration::from_secs(25))).unwrap();
        let mut bytes: Vec<u8> = (0..64).map(|_| u8::try_from(random.below(256)).unwrap()).collect();
        if random.below(2) == 0 {
            bytes[..5].copy_from_slice(&[0x16, 3, 1, 0, 59]);
        }
        // The server may close while this is written.
        let _ = tcp.write_all(&bytes);
        let _ = tcp.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = tcp.read_to_end(&mut answer);
        assert!(answer.len() < 100, "an alert at most");
    }
    assert!(Path::new(&format!("/proc/{}", attacked.server.child.id())).exists());
    attacked.end();
}
