//! `cargo xtask audit`: no key is released without its record.
//!
//! kill -9 at random moments under eight readers: every Get that was answered, with a key or with a refusal, is in the audit log after the
//! next start, once; and every record is in the file of a sink, once and in order. Then sinks whose target is removed, full, or takes nothing: Gets are
//! refused, changes go on, and when the target is back all that was missed is delivered.

use crate::dice::Dice;
use crate::full::Mount;
use crate::options::Options;
use crate::server::{DevServer, free_port};
use crate::{Outcome, crash, log_chain, run};
use audit::{Action, Outcome as Done};
use client::{AttributeList, Error, blocking};
use kmip::ProtocolVersion;
use kmip::enumerations::CryptographicAlgorithm;
use kmip::identifier::UniqueIdentifier;
use kmip::operation::Operation;
use kmip::result_reason::ResultReason;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Clients that read at the same time, each a key of its own.
const READERS: usize = 8;
/// Rounds of kill -9 that `cargo xtask test` runs.
const SHORT: usize = 10;
/// The kill comes within this time of the start of the load.
const KILL_WITHIN_MS: usize = 300;
/// How soon a server notices that a sink has failed, or is back, on a slow and busy machine.
const NOTICE: Duration = Duration::from_secs(30);
/// The size of the file system of a sink, in KiB: it takes what a fast machine does until the server notices that another sink is behind.
const SMALL_KIB: u32 = 32_768;

/// `--rounds N`: so many kills. `--seed N`: the moments.
pub(crate) fn audit(arguments: &[&str]) -> Outcome {
    let mut options = Options::read(arguments)?;
    let rounds: usize = options.number("rounds")?.unwrap_or(SHORT);
    let seed: u64 = options.number("seed")?.unwrap_or_else(Dice::seed);
    options.end()?;
    run::build_server()?;
    println!("audit: seed {seed}");
    killed(rounds, seed)?;
    sinks()
}

fn temporary() -> Result<tempfile::TempDir, String> {
    tempfile::tempdir().map_err(|error| format!("temporary directory: {error}"))
}

fn connect(server: &DevServer) -> Result<blocking::Client, String> {
    let configuration = crash::configuration(server)?.with_version(ProtocolVersion::V2_1);
    blocking::Client::connect(&configuration).map_err(|error| error.to_string())
}

/// Makes a key, and reads it once: the first Get of a key is a change.
fn key(client: &mut blocking::Client) -> Result<UniqueIdentifier, String> {
    let made =
        client.wait(async |client| client.create_symmetric_key(CryptographicAlgorithm::AES, 256, AttributeList::new()).await);
    made.map_err(|error| format!("Create: {error}"))
}

fn get(client: &mut blocking::Client, identifier: &UniqueIdentifier) -> Result<(), Error> {
    client.wait(async |client| client.get(identifier).await).map(drop)
}

/// One of the clients that read.
struct Reader {
    /// Its key, and how many Gets of it were answered.
    key: UniqueIdentifier,
    answered: usize,
    /// What nobody has, and how many Gets of it were refused.
    absent: UniqueIdentifier,
    refused: usize,
}

impl Reader {
    /// Reads what there is and what there is not, in turn, until the server ends.
    fn read(&mut self, client: &mut blocking::Client, is_stopping: &AtomicBool) -> Outcome {
        let is_end = |error: &Error| matches!(error, Error::Ended { .. }) && is_stopping.load(Ordering::SeqCst);
        loop {
            match get(client, &self.key) {
                Ok(()) => self.answered += 1,
                Err(error) if is_end(&error) => return Ok(()),
                Err(error) => return Err(format!("Get of {}: {error}", self.key.0)),
            }
            match get(client, &self.absent) {
                Err(Error::Operation(error)) if error.reason == ResultReason::ObjectNotFound => self.refused += 1,
                Err(error) if is_end(&error) => return Ok(()),
                other => return Err(format!("Get of {}, which nobody has: {other:?}", self.absent.0)),
            }
        }
    }
}

/// Adds lines to the configuration of a server that does not run.
fn configure(directory: &Path, lines: &str) -> Outcome {
    let path = directory.join("dev").join("kmipd.toml");
    let append = || std::fs::OpenOptions::new().append(true).open(&path)?.write_all(lines.as_bytes());
    append().map_err(|error| format!("{}: {error}", path.display()))
}

fn killed(rounds: usize, seed: u64) -> Outcome {
    let directory = temporary()?;
    let mut dice = Dice::new(seed);
    let port = free_port()?;
    DevServer::start(directory.path(), port, &[])?.kill();
    configure(
        directory.path(),
        "\n[[audit.sink]]\nname = \"copy\"\nkind = \"file\"\npath = \"audit.jsonl\"\nfrom_start = true\n",
    )?;
    let mut server = DevServer::start(directory.path(), port, &[])?;
    let mut readers: Vec<Reader> = Vec::new();
    let mut client = connect(&server)?;
    for number in 0..READERS {
        let absent = UniqueIdentifier(format!("nobody has this, nor has number {number}"));
        readers.push(Reader { key: key(&mut client)?, answered: 0, absent, refused: 0 });
    }
    drop(client);
    for number in 1..=rounds {
        let clients: Result<Vec<_>, String> = readers.iter().map(|_| connect(&server)).collect();
        let stop = AtomicBool::new(false);
        let all = |readers: &[Reader]| readers.iter().map(|reader| reader.answered + reader.refused).sum::<usize>();
        let before = all(&readers);
        std::thread::scope(|scope| {
            let threads: Vec<_> = readers
                .iter_mut()
                .zip(clients?)
                .map(|(reader, mut client)| {
                    let stop = &stop;
                    scope.spawn(move || reader.read(&mut client, stop))
                })
                .collect();
            std::thread::sleep(Duration::from_millis(20 + dice.below(KILL_WITHIN_MS) as u64));
            stop.store(true, Ordering::SeqCst);
            server.kill();
            for thread in threads {
                thread.join().map_err(|_| "a reader panicked".to_owned())??;
            }
            Ok::<(), String>(())
        })?;
        println!("audit: round {number}: {} Gets answered", all(&readers) - before);
        server = DevServer::start(directory.path(), port, &[])?;
    }
    // A second start has nothing left to log; the sink has caught up when it has the last entry.
    server.kill();
    let server = DevServer::start(directory.path(), port, &[])?;
    let file = directory.path().join("dev").join("audit.jsonl");
    settled(&file)?;
    server.kill();
    let mut recorded: BTreeMap<String, usize> = BTreeMap::new();
    let entries = log_chain::records(&directory.path().join("dev"), |record| {
        let is_told = matches!(record.outcome, Done::Success | Done::Failure(_));
        if record.action == Action::Operation(Operation::Get.0) && is_told {
            record.identifiers.iter().for_each(|identifier| *recorded.entry(identifier.clone()).or_default() += 1);
        }
    })?;
    let (mut all, mut refusals) = (0, 0);
    for Reader { key, answered, absent, refused } in &readers {
        for (identifier, answered) in [(key, answered), (absent, refused)] {
            let recorded = recorded.get(&identifier.0).copied().unwrap_or_default();
            // A Get whose answer was on its way when the server ended is recorded, too: one of each reader in a round.
            if !(*answered..=answered + rounds).contains(&recorded) {
                return Err(format!("{}: {answered} Gets were answered, and {recorded} are in the audit log", identifier.0));
            }
        }
        all += answered;
        refusals += refused;
    }
    let delivered = in_order(&std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?)?;
    if delivered < entries {
        return Err(format!("the audit log has {entries} entries, and the file of the sink {delivered}"));
    }
    println!(
        "audit: {rounds} rounds, {all} Gets answered and {refusals} refused, each in the audit log; {delivered} records in the file of the \
         sink, each once"
    );
    Ok(())
}

/// Waits until nothing is added to a file any more.
fn settled(file: &Path) -> Outcome {
    let length =
        || std::fs::metadata(file).map(|metadata| metadata.len()).map_err(|error| format!("{}: {error}", file.display()));
    loop {
        let before = length()?;
        std::thread::sleep(Duration::from_secs(1));
        if length()? == before {
            return Ok(());
        }
    }
}

/// The number of records, of lines of JSON with sequence numbers from 1 without a gap.
fn in_order(lines: &str) -> Result<u64, String> {
    let mut last = 0;
    for line in lines.lines() {
        let sequence = serde_json::from_str::<serde_json::Value>(line).ok().and_then(|value| value["sequence"].as_u64());
        if sequence != Some(last + 1) {
            return Err(format!("after record {last}, the sink has {line}"));
        }
        last += 1;
    }
    Ok(last)
}

/// Waits until a Get is answered, or refused for the sinks.
fn wait_for(client: &mut blocking::Client, identifier: &UniqueIdentifier, answered: bool, what: &str) -> Outcome {
    let begun = Instant::now();
    loop {
        match get(client, identifier) {
            Ok(()) if answered => break,
            Err(Error::Operation(error)) if error.reason == ResultReason::GeneralFailure && !answered => break,
            Ok(()) | Err(Error::Operation(_)) if begun.elapsed() < NOTICE => std::thread::sleep(Duration::from_millis(50)),
            other => return Err(format!("a sink {what}: a Get ends in {other:?} after {} s", begun.elapsed().as_secs())),
        }
    }
    let word = if answered { "answered" } else { "refused" };
    println!("audit: a sink {what}: Gets are {word} after {} ms", begun.elapsed().as_millis());
    Ok(())
}

fn sinks() -> Outcome {
    let directory = temporary()?;
    let port = free_port()?;
    DevServer::start(directory.path(), port, &[])?.kill();
    let (small, socket) = (directory.path().join("small"), directory.path().join("syslog"));
    std::fs::create_dir(&small).map_err(|error| format!("{}: {error}", small.display()))?;
    let _mount = Mount::new(&small, SMALL_KIB)?;
    let listener = UnixListener::bind(&socket).map_err(|error| format!("{}: {error}", socket.display()))?;
    let file = small.join("audit.jsonl");
    configure(
        directory.path(),
        &format!(
            "\n[[audit.sink]]\nname = \"copy\"\nkind = \"file\"\npath = \"{}\"\nfrom_start = true\n\
             \n[[audit.sink]]\nname = \"syslog\"\nkind = \"syslog\"\naddress = \"unix:{}\"\nfrom_start = true\nbehind_s = 2\n",
            file.display(),
            socket.display()
        ),
    )?;
    let server = DevServer::start(directory.path(), port, &[])?;
    let told = |error: String| format!("{error}; the log ends:\n{}", server.log_end());
    in_trouble(&server, &small, &socket, listener).map_err(told)?;
    server.kill();
    Ok(())
}

fn in_trouble(server: &DevServer, small: &Path, socket: &Path, listener: UnixListener) -> Outcome {
    let io = |error: std::io::Error| format!("the place of a sink: {error}");
    let file = small.join("audit.jsonl");
    let (syslog, _) = listener.accept().map_err(io)?;
    let mut client = connect(server)?;
    let identifier = key(&mut client)?;
    wait_for(&mut client, &identifier, true, "that works")?;

    // Removed: a file is made anew, a folder is not.
    settled(&file)?;
    let lines = std::fs::read_to_string(&file).map_err(io)?;
    std::fs::remove_file(&file).map_err(io)?;
    std::fs::create_dir(&file).map_err(io)?;
    wait_for(&mut client, &identifier, false, "whose file is a folder")?;
    key(&mut client)?;
    std::fs::remove_dir(&file).map_err(io)?;
    wait_for(&mut client, &identifier, true, "whose file can be made again")?;

    // Full.
    let mut ballast = std::fs::File::create(small.join("ballast")).map_err(io)?;
    while ballast.write_all(&[1; 1024]).is_ok() {}
    let mut made = 0;
    let begun = Instant::now();
    // The last page of the file takes some records yet.
    while get(&mut client, &identifier).is_ok() {
        made += 1;
        if begun.elapsed() > NOTICE {
            return Err(format!("{made} Gets were answered although the sink is full"));
        }
    }
    wait_for(&mut client, &identifier, false, "that is full")?;
    key(&mut client)?;
    drop(ballast);
    std::fs::remove_file(small.join("ballast")).map_err(io)?;
    wait_for(&mut client, &identifier, true, "that has room again")?;

    // Blocked: syslog is not read until its socket takes nothing more.
    let begun = Instant::now();
    while get(&mut client, &identifier).is_ok() {
        if begun.elapsed() > 2 * NOTICE {
            return Err("Gets are answered although syslog takes nothing".to_owned());
        }
    }
    wait_for(&mut client, &identifier, false, "that takes nothing")?;
    // It is read again, and over every connection that follows.
    // What came over each connection.
    let received = Mutex::new(Vec::new());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let received = &received;
        let hear = move |mut stream: UnixStream| {
            let (mut buffer, poisoned) = ([0; 4096], |_| "poisoned".to_owned());
            let at = {
                let mut received = received.lock().map_err(poisoned)?;
                received.push(Vec::new());
                received.len() - 1
            };
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                received.lock().map_err(|_| "poisoned".to_owned())?[at].extend_from_slice(&buffer[..count]);
            }
            Ok::<(), String>(())
        };
        let first = scope.spawn(move || hear(syslog));
        let (listener, is_stopping) = (&listener, &stop);
        let reader = scope.spawn(move || {
            // The file system of the socket lets a reader end: it is told to by a connection of our own.
            for stream in listener.incoming() {
                if is_stopping.load(Ordering::SeqCst) {
                    break;
                }
                hear(stream.map_err(io)?)?;
            }
            Ok::<(), String>(())
        });
        let checked =
            wait_for(&mut client, &identifier, true, "that is read again").and_then(|()| caught_up(received, &file, &lines));
        stop.store(true, Ordering::SeqCst);
        server.signal_stop()?;
        let _ = UnixStream::connect(socket);
        first.join().map_err(|_| "the reader panicked".to_owned())??;
        reader.join().map_err(|_| "the reader panicked".to_owned())??;
        checked
    })
}

/// That both sinks have every record up to one that is made now.
fn caught_up(received: &Mutex<Vec<Vec<u8>>>, file: &Path, before: &str) -> Outcome {
    let begun = Instant::now();
    loop {
        let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let in_file = in_order(&format!("{before}{text}"))?;
        let received = received.lock().map_err(|_| "poisoned".to_owned())?;
        let in_syslog: BTreeSet<u64> =
            received.iter().flat_map(|text| syslog_sequences(&String::from_utf8_lossy(text))).collect();
        drop(received);
        if (1..=in_file).all(|sequence| in_syslog.contains(&sequence)) {
            println!("audit: both sinks have all {in_file} records");
            return Ok(());
        }
        if begun.elapsed() > NOTICE {
            let missing = (1..=in_file).find(|sequence| !in_syslog.contains(sequence));
            return Err(format!("the file has {in_file} records; syslog lacks record {missing:?}"));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn syslog_sequences(text: &str) -> BTreeSet<u64> {
    let numbers = text.split("\"sequence\":").skip(1);
    numbers.filter_map(|rest| rest.split(|digit: char| !digit.is_ascii_digit()).next()?.parse().ok()).collect()
}
