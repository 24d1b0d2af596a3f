//! The codec alone, in one thread.

use std::hint::black_box;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use kmip::ProtocolVersion;
use kmip::identifier::UniqueIdentifier;
use kmip::message::RequestMessage;
use kmip::operation::Operation;
use kmip::payload::create::CreateRequest;
use kmip::payload::get::GetResponse;
use kmip::payload::locate::LocateResponse;
use ttlv_codec::{Limits, Tree, check};

use crate::messages::{create_payload, got_payload, request, response, success};

/// One thing that is timed.
pub struct Case {
    /// What.
    pub name: &'static str,
    /// The bytes of the message it reads or writes.
    pub bytes: usize,
    once: Box<dyn FnMut()>,
}

impl Case {
    /// Does it once.
    pub fn once(&mut self) {
        (self.once)();
    }
}

/// An identifier as servers give them.
const IDENTIFIER: &str = "9b3f6d0e-5f0a-4b56-8a43-0c5c6f9b7d21";

/// Everything that is timed.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name, bytes, once: Box<dyn FnMut()>| cases.push(Case { name, bytes, once });

    for version in [ProtocolVersion::V1_4, ProtocolVersion::V2_1] {
        let old = version == ProtocolVersion::V1_4;
        let payload = create_payload(Some("disk-7"));
        let create = request(version, Operation::Create, &payload);
        let length = create.len();
        let name = if old { "write Create request, 1.4" } else { "write Create request, 2.1" };
        add(name, length, Box::new(move || drop(black_box(request(version, Operation::Create, black_box(&payload))))));
        let name = if old { "read Create request, 1.4" } else { "read Create request, 2.1" };
        add(name, length, Box::new(move || drop(black_box(read_request::<CreateRequest>(black_box(&create))))));

        let payload = got_payload(IDENTIFIER);
        let got = response(version, Operation::Get, &payload);
        let length = got.len();
        let name = if old { "write Get response, 1.4" } else { "write Get response, 2.1" };
        add(name, length, Box::new(move || drop(black_box(response(version, Operation::Get, black_box(&payload))))));
        let name = if old { "read Get response, 1.4" } else { "read Get response, 2.1" };
        add(name, length, Box::new(move || drop(black_box(success::<GetResponse>(black_box(&got))))));
    }

    let unique_identifiers = vec![UniqueIdentifier(IDENTIFIER.to_owned()); 10_000];
    let payload = LocateResponse { located_items: Some(10_000), unique_identifiers };
    let located = response(ProtocolVersion::V2_1, Operation::Locate, &payload);
    let length = located.len();
    add(
        "write Locate response, 10,000 objects",
        length,
        Box::new(move || drop(black_box(response(ProtocolVersion::V2_1, Operation::Locate, black_box(&payload))))),
    );
    let bytes = located.clone();
    add(
        "check Locate response, 10,000 objects",
        length,
        Box::new(move || {
            black_box(check(black_box(&bytes), &Limits::default()).is_ok());
        }),
    );
    let bytes = located.clone();
    add(
        "read Locate response, 10,000 objects",
        length,
        Box::new(move || drop(black_box(success::<LocateResponse>(black_box(&bytes))))),
    );
    add(
        "read Locate response as a tree",
        length,
        Box::new(move || drop(black_box(Tree::parse(black_box(&located), &Limits::default())))),
    );
    cases
}

fn read_request<T: kmip::codec::Value>(bytes: &[u8]) -> Option<T> {
    let message = RequestMessage::read(bytes, &Limits::default(), 32).ok()?;
    T::read(&message.items.first()?.payload, message.version).ok()
}

/// Times all cases for about `length` each, and writes a line for each.
///
/// # Errors
/// If nothing can be written.
pub fn run(length: Duration, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{:<40} {:>8} {:>12} {:>10}", "case", "bytes", "ns", "MB/s")?;
    for mut case in cases() {
        let nanoseconds = time(&mut case, length);
        let rate = case.bytes as f64 * 1000.0 / nanoseconds;
        writeln!(out, "{:<40} {:>8} {nanoseconds:>12.0} {rate:>10.0}", case.name, case.bytes)?;
    }
    Ok(())
}

/// How long doing it once takes, in nanoseconds: the fastest of ten batches, since everything that disturbs makes slower.
fn time(case: &mut Case, length: Duration) -> f64 {
    let mut count = 1_u32;
    // Doubled until a batch takes its tenth of the time.
    loop {
        let elapsed = batch(case, count);
        if elapsed >= length / 10 || count >= 1 << 30 {
            break;
        }
        count *= 2;
    }
    let fastest = (0..9).map(|_| batch(case, count)).min().unwrap_or_default();
    fastest.as_nanos() as f64 / f64::from(count)
}

fn batch(case: &mut Case, count: u32) -> Duration {
    let started = Instant::now();
    for _ in 0..count {
        case.once();
    }
    started.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_timed_is_right() {
        let create = create_payload(Some("disk-7"));
        let got = got_payload(IDENTIFIER);
        for version in [ProtocolVersion::V1_4, ProtocolVersion::V2_1] {
            let bytes = request(version, Operation::Create, &create);
            let read = read_request::<CreateRequest>(&bytes).unwrap();
            assert_eq!(read.attributes.attributes.iter().count(), create.attributes.attributes.iter().count());
            assert_eq!(success::<GetResponse>(&response(version, Operation::Get, &got)).unwrap(), got);
        }
    }

    #[test]
    fn every_case_runs() {
        let mut out = Vec::new();
        run(Duration::from_micros(1), &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap().lines().count(), 1 + cases().len());
    }
}
