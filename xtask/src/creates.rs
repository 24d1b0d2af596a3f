//! `cargo xtask creates`: how many Creates share a sync, and what one alone waits for.

use crate::options::Options;
use crate::run::{build_server, is_release};
use crate::scale::quiet;
use crate::server::{DevServer, free_port};
use crate::{Outcome, crash};
use benches::connection::Connection;
use benches::drive::{Driven, Until, drive};
use benches::fill::VERSION;
use benches::messages::{create_payload, get_payload, request, success};
use benches::process;
use benches::statistics::median;
use benches::sync::{self, Place};
use kmip::operation::Operation;
use kmip::payload::create::CreateResponse;
use kmip::payload::get::GetResponse;
use std::borrow::Cow;
use std::path::Path;
use std::time::{Duration, Instant};

/// Connections that share syncs.
const CONNECTIONS: usize = 32;
/// How long the many create.
const LENGTH: Duration = Duration::from_secs(5);
/// The single connection: short turns of syncs, Get and Create, so that whatever else the machine does meets all three.
const TURN: Duration = Duration::from_millis(250);
const TURNS: usize = 20;
/// Creates for each sync at least.
const SHARE: f64 = 8.0;
/// Syncs of 4 KiB that a Create may take longer than a Get.
const SYNCS: u32 = 2;

/// `--dir DIR`: on which file system.
pub(crate) fn creates(arguments: &[&str]) -> Outcome {
    let mut options = Options::read(arguments)?;
    let parent = options.path("dir").unwrap_or_else(std::env::temp_dir);
    options.end()?;
    build_server()?;
    let directory = tempfile::tempdir_in(&parent).map_err(|error| format!("{}: {error}", parent.display()))?;
    println!("creates: load average {}", process::load_average().map_err(|error| error.to_string())?);
    let shared = shared(directory.path())?;
    let alone = alone(directory.path())?;
    println!("creates: load average at the end {}", process::load_average().map_err(|error| error.to_string())?);
    if !is_release() {
        println!("creates: this is a build without optimisation: measured, not judged (cargo xtask runs the release build)");
        return Ok(());
    }
    if shared && alone { Ok(()) } else { Err("a target was missed".to_owned()) }
}

fn text(error: std::io::Error) -> String {
    error.to_string()
}

/// Many connections under strace: Creates for each sync of any file.
fn shared(directory: &Path) -> Result<bool, String> {
    let port = free_port()?;
    let folder = directory.join("shared");
    DevServer::start(&folder, port, &[])?.kill();
    let trace = folder.join("trace");
    let Some(path) = trace.to_str() else { return Err("the directory is not UTF-8".to_owned()) };
    // Only the traced calls stop: the server is hardly slower.
    let calls = "trace=fsync,fdatasync,msync,sync_file_range,syncfs,sync";
    let prefix = ["strace", "-D", "-f", "--seccomp-bpf", "-y", "-qq", "-e", "signal=none", "-e", calls, "-o", path];
    let server = DevServer::start(&folder, port, &prefix)?;
    quiet(&server)?;
    let before = counted(&trace)?;
    let driven = create(&server, port, CONNECTIONS, LENGTH)?;
    let answered = driven.latencies_ns.len();
    let after = counted(&trace)?;
    server.kill();
    let syncs = after.all - before.all;
    let (journal, others) = (after.journal - before.journal, syncs - (after.journal - before.journal));
    let share = answered as f64 / syncs.max(1) as f64;
    let rate = answered as f64 / driven.elapsed.as_secs_f64();
    let holds = share >= SHARE;
    println!(
        "creates: {CONNECTIONS} connections: {answered} Creates ({rate:.0}/s under strace), {syncs} syncs ({journal} of the journal, \
         {others} of other files): {share:.1} Creates for each sync, target >= {SHARE}: {}",
        verdict(holds)
    );
    Ok(holds)
}

const fn verdict(holds: bool) -> &'static str {
    if holds { "pass" } else { "FAIL" }
}

#[derive(Clone, Copy)]
struct Syncs {
    all: usize,
    journal: usize,
}

/// Syncs in the trace so far.
fn counted(trace: &Path) -> Result<Syncs, String> {
    // The tracer's lines come a little later than the calls.
    std::thread::sleep(Duration::from_millis(500));
    let text = std::fs::read_to_string(trace).map_err(|error| format!("{}: {error}", trace.display()))?;
    Ok(syncs(&text))
}

fn syncs(trace: &str) -> Syncs {
    // A call that others interrupt has two lines, of which the first names the file.
    let begun = trace.lines().filter(|line| !line.contains("<... ") && line.contains('('));
    let mut syncs = Syncs { all: 0, journal: 0 };
    for line in begun {
        syncs.all += 1;
        syncs.journal += usize::from(line.contains("/data/journal/"));
    }
    syncs
}

fn create(server: &DevServer, port: u16, connections: usize, length: Duration) -> Result<Driven, String> {
    let client = crash::identity(&server.bundle()).client().map_err(text)?;
    let create = request(VERSION, Operation::Create, &create_payload(None));
    let check = |response: &[u8]| success::<CreateResponse>(response).map(drop).map_err(std::io::Error::other);
    let address = format!("127.0.0.1:{port}");
    drive(&client, &address, connections, Until::Elapsed(length), |_, _| Cow::Borrowed(&create[..]), check).map_err(text)
}

/// One connection: the median of Create against that of a Get and two syncs of 4 KiB, one after the other. The syncs are
/// of blocks that exist, which are the quicker ones: a journal is made ahead.
///
/// A sync between requests takes longer than one in a loop of nothing but syncs, which has the processor's caches for itself. A
/// Create makes its sync between requests, and is judged by such; the others are printed beside them.
fn alone(directory: &Path) -> Result<bool, String> {
    let port = free_port()?;
    let server = DevServer::start(&directory.join("alone"), port, &[])?;
    let client = crash::identity(&server.bundle()).client().map_err(text)?;
    let address = format!("127.0.0.1:{port}");
    // A key that has been read before: its first Get is a change.
    let create_one = request(VERSION, Operation::Create, &create_payload(None));
    let mut connection = Connection::open(&client, &address).map_err(text)?;
    let mut response = Vec::new();
    connection.exchange(&create_one, &mut response).map_err(text)?;
    let key: CreateResponse = success(&response).map_err(|error| error.to_string())?;
    let get = request(VERSION, Operation::Get, &get_payload(&key.unique_identifier.0));
    connection.exchange(&get, &mut response).map_err(text)?;
    let check = |response: &[u8]| success::<GetResponse>(response).map(drop).map_err(std::io::Error::other);

    let (mut gets, mut creates, mut syncs, mut growing) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut with_syncs = Vec::new();
    let turn = Until::Elapsed(TURN);
    for _ in 0..TURNS {
        syncs.extend(sync::measure(directory, Place::Existing, TURN).map_err(text)?);
        growing.extend(sync::measure(directory, Place::End, TURN / 2).map_err(text)?);
        gets.extend(drive(&client, &address, 1, turn, |_, _| Cow::Borrowed(&get[..]), check).map_err(text)?.latencies_ns);
        creates.extend(create(&server, port, 1, TURN)?.latencies_ns);
        with_syncs.extend(get_and_sync(&mut connection, &get, directory)?);
    }
    server.kill();
    let (get, create, sync, growing) = (middle(gets), middle(creates), middle(syncs), middle(growing));
    let limit = middle(with_syncs);
    let holds = create <= limit;
    println!(
        "creates: one connection, medians in us: Create {create:.0}; Get and {SYNCS} writes and fdatasyncs of 4 KiB in place, one after \
         the other, {limit:.0}: {}",
        verdict(holds)
    );
    println!(
        "creates: each by itself: Get {get:.0}, write and fdatasync {sync:.0} ({growing:.0} where a file grows), so Get and {SYNCS} such \
         syncs {:.0}",
        get + f64::from(SYNCS) * sync
    );
    Ok(holds)
}

/// What a Get and the syncs after it take, again and again for a turn, in nanoseconds.
fn get_and_sync(connection: &mut Connection, get: &[u8], directory: &Path) -> Result<Vec<u32>, String> {
    let mut response = Vec::new();
    let mut file = sync::Syncs::begin(directory, Place::Existing).map_err(text)?;
    let mut times = Vec::new();
    let started = Instant::now();
    while started.elapsed() < TURN {
        let sent = Instant::now();
        connection.exchange(get, &mut response).map_err(text)?;
        for _ in 0..SYNCS {
            file.once().map_err(text)?;
        }
        times.push(u32::try_from(sent.elapsed().as_nanos()).unwrap_or(u32::MAX));
        success::<GetResponse>(&response).map_err(|error| error.to_string())?;
    }
    Ok(times)
}

/// The median of times, in microseconds.
fn middle(times_ns: Vec<u32>) -> f64 {
    median(times_ns.into_iter().map(|time| f64::from(time) / 1000.0).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_in_two_lines_is_one_sync() {
        let trace = "7 fdatasync(9</t/dev/data/journal/1.journal>) = 0\n\
                     7 fdatasync(9</t/dev/data/journal/1.journal> <unfinished ...>\n\
                     8 fsync(10</t/dev/data/objects/db>) = 0\n\
                     7 <... fdatasync resumed>) = 0\n";
        let syncs = syncs(trace);
        assert_eq!((syncs.all, syncs.journal), (3, 2));
    }
}
