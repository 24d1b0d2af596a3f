//! `cargo xtask scale`: what a million objects cost, beside a thousand.
//!
//! Two servers, one with each number of objects, made through the protocol. They are measured in turns, so that whatever else
//! the machine does meets both.

use crate::dice::Dice;
use crate::options::Options;
use crate::run::{build_server, is_release};
use crate::server::{DevServer, free_port};
use crate::{Outcome, crash};
use benches::connection::Connection;
use benches::drive::{Until, drive};
use benches::fill::{Fill, SHARED, SITE, VERSION, fill, group, name};
use benches::messages::{get_payload, locate_payload, request, success};
use benches::process;
use benches::statistics::median;
use kmip::attribute::Attribute;
use kmip::operation::Operation;
use kmip::payload::get::GetResponse;
use kmip::payload::locate::LocateResponse;
use kmip::structures::Name;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The store that the large one is compared with.
const SMALL: usize = 1_000;
/// The default size of the large one.
const LARGE: usize = 1_000_000;
/// Connections that fill, and that measure.
const FILLING: usize = 64;
const MEASURING: usize = 4;
/// Requests of a round, over all connections; rounds, of which the middle one counts.
const REQUESTS: usize = 10_000;
const ROUNDS: usize = 5;
/// A round of requests that are slow ends with fewer of them.
const ROUND: Duration = Duration::from_secs(6);
/// Starts that are measured; the slowest counts.
const STARTS: usize = 3;
/// A server that did not use the processor for this long has nothing left to do; and how long that may take.
const QUIET: Duration = Duration::from_secs(2);
const QUIET_WITHIN: Duration = Duration::from_secs(900);

/// What the design demands.
const START_S: f64 = 5.0;
const GET_RATIO: f64 = 2.0;
const LOCATE_RATIO: f64 = 1.5;
const RESIDENT_MB: f64 = 700.0;

/// A server with a number of objects.
struct Stocked {
    folder: PathBuf,
    objects: usize,
    port: u16,
    identifiers: Vec<String>,
}

/// What is asked of both servers.
#[derive(Clone, Copy)]
enum Question {
    Get,
    Name,
    Group,
    Site,
}

const QUESTIONS: [(Question, &str, f64); 4] = [
    (Question::Get, "Get, drawn uniformly", GET_RATIO),
    (Question::Name, "Locate by name, 10 found", LOCATE_RATIO),
    (Question::Group, "Locate by group, 10 found", LOCATE_RATIO),
    (Question::Site, "Locate by group of all, Maximum Items 10", LOCATE_RATIO),
];

/// `--objects N`, `--dir DIR` (kept, and used again), `--seed N`.
pub(crate) fn scale(arguments: &[&str]) -> Outcome {
    let mut options = Options::read(arguments)?;
    let objects: usize = options.number("objects")?.unwrap_or(LARGE);
    let seed: u64 = options.number("seed")?.unwrap_or_else(Dice::seed);
    let kept = options.path("dir");
    options.end()?;
    build_server()?;
    let temporary = tempfile::tempdir().map_err(|error| format!("temporary directory: {error}"))?;
    let folder = kept.unwrap_or_else(|| temporary.path().to_path_buf());
    let small = Stocked::prepare(&folder, SMALL)?;
    let large = Stocked::prepare(&folder, objects)?;
    println!("scale: seed {seed}, load average {}", process::load_average().map_err(|error| error.to_string())?);

    let mut table = Table::default();
    let (small_server, small_start) = small.starts()?;
    let (large_server, large_start) = large.starts()?;
    println!(
        "scale: from exec to the ready line and the first Get, {} objects: {small_start}; {objects} objects: {large_start}",
        SMALL
    );
    table.row("accepting connections", "s", small_start.line, large_start.line, None, (large_start.line, START_S));
    table.row("first Get answered", "s", small_start.answer, large_start.answer, None, (large_start.answer, START_S));
    quiet(&small_server)?;
    quiet(&large_server)?;
    for (question, what, target) in QUESTIONS {
        let (mut few, mut many) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let seed = seed ^ ((round as u64) << 32);
            few.push(small.cost(&small_server, question, seed)?);
            many.push(large.cost(&large_server, question, seed)?);
        }
        let (few, many) = (median(few), median(many));
        table.row(what, "CPU us", few, many, Some(many / few), (many / few, target));
    }
    let [few, many] = [&small_server, &large_server].map(|server| process::memory(server.process()));
    let (few, many) = (few.map_err(|error| error.to_string())?, many.map_err(|error| error.to_string())?);
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    table.row("resident", "MB", megabytes(few.resident), megabytes(many.resident), None, (megabytes(many.resident), RESIDENT_MB));
    println!("scale: peak of resident memory: {:.0} and {:.0} MB", megabytes(few.peak), megabytes(many.peak));
    println!("scale: load average at the end {}", process::load_average().map_err(|error| error.to_string())?);
    table.print(objects);
    if !is_release() {
        println!("scale: this is a build without optimisation: measured, not judged (cargo xtask runs the release build)");
        return Ok(());
    }
    table.judge()
}

/// Waits until a server uses no processor time.
pub(crate) fn quiet(server: &DevServer) -> Outcome {
    let text = |error: std::io::Error| error.to_string();
    let begun = Instant::now();
    let (mut since, mut last) = (begun, process::cpu(server.process()).map_err(text)?);
    while since.elapsed() < QUIET {
        if begun.elapsed() > QUIET_WITHIN {
            return Err(format!("the server is still busy after {} s without a request", QUIET_WITHIN.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(100));
        let now = process::cpu(server.process()).map_err(text)?;
        // A tick or two are timers.
        if now > last + Duration::from_millis(20) {
            since = Instant::now();
            last = now;
        }
    }
    Ok(())
}

/// The slowest of several starts, in seconds.
struct Start {
    line: f64,
    answer: f64,
}

impl std::fmt::Display for Start {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3} s and {:.3} s", self.line, self.answer)
    }
}

impl Stocked {
    /// Makes a server with so many objects in the folder, or takes the one that is there.
    fn prepare(folder: &Path, objects: usize) -> Result<Self, String> {
        let folder = folder.join(format!("{objects}-objects"));
        let port = free_port()?;
        let list = folder.join("identifiers");
        if let Ok(text) = std::fs::read_to_string(&list) {
            let identifiers: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
            println!("scale: {} has {} objects", folder.display(), identifiers.len());
            return Ok(Self { folder, objects, port, identifiers });
        }
        if folder.exists() {
            return Err(format!("{} was not finished: remove it", folder.display()));
        }
        let server = DevServer::start(&folder, port, &[])?;
        let begun = Instant::now();
        let client = crash::identity(&server.bundle()).client().map_err(|error| error.to_string())?;
        // Read once, too: the first Get of an object is a change, and all later ones are to be measured.
        let order = Fill { endpoint: format!("127.0.0.1:{port}"), numbers: 0..objects, connections: FILLING, read: true };
        let step = (objects / 10).max(1);
        let identifiers = fill(&order, &client, |done| {
            if done / step != (done.saturating_sub(32)) / step {
                println!("scale: {done} of {objects} objects after {:.0} s", begun.elapsed().as_secs_f64());
            }
        });
        let identifiers = identifiers.map_err(|error| format!("fill: {error}; the log ends:\n{}", server.log_end()))?;
        quiet(&server)?;
        server.kill();
        std::fs::write(&list, identifiers.join("\n")).map_err(|error| format!("{}: {error}", list.display()))?;
        Ok(Self { folder, objects, port, identifiers })
    }

    fn endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts the server several times, each after kill -9; the last one goes on running.
    fn starts(&self) -> Result<(DevServer, Start), String> {
        let mut slowest = Start { line: 0.0, answer: 0.0 };
        let mut running: Option<DevServer> = None;
        for number in 0..STARTS {
            if let Some(server) = running.take() {
                server.kill();
            }
            let begun = Instant::now();
            let server = DevServer::start(&self.folder, self.port, &[])?;
            slowest.line = slowest.line.max(begun.elapsed().as_secs_f64());
            let client = crash::identity(&server.bundle()).client().map_err(|error| error.to_string())?;
            // The client's files are read: what is left is connecting and the Get.
            let get = self.question(Question::Get, number as u64);
            let mut response = Vec::new();
            let answered = Connection::open(&client, &self.endpoint()).and_then(|mut open| open.exchange(&get, &mut response));
            answered.map_err(|error| format!("the first Get: {error}"))?;
            success::<GetResponse>(&response).map_err(|error| format!("the first Get: {error}"))?;
            slowest.answer = slowest.answer.max(begun.elapsed().as_secs_f64());
            running = Some(server);
        }
        running.map(|server| (server, slowest)).ok_or_else(|| "no start".to_owned())
    }

    /// A request about an object that the seed draws.
    fn question(&self, question: Question, seed: u64) -> Vec<u8> {
        let number = Dice::new(seed).below(self.objects);
        let locate = |attribute| {
            let maximum = i32::try_from(SHARED).ok();
            request(VERSION, Operation::Locate, &locate_payload(&attribute, maximum, VERSION))
        };
        match question {
            Question::Get => request(VERSION, Operation::Get, &get_payload(&self.identifiers[number])),
            Question::Name => locate(Attribute::Name(Name::text(&name(number)))),
            Question::Group => locate(Attribute::ObjectGroup(group(number))),
            Question::Site => locate(Attribute::ObjectGroup(SITE.to_owned())),
        }
    }

    /// Processor time of the server for one request, in microseconds.
    fn cost(&self, server: &DevServer, question: Question, seed: u64) -> Result<f64, String> {
        let text = |error: std::io::Error| format!("{} objects: {error}", self.objects);
        let client = crash::identity(&server.bundle()).client().map_err(text)?;
        let each = REQUESTS / MEASURING;
        let make = |connection: usize, sequence: usize| {
            let draw = Dice::new(seed ^ ((connection as u64) << 24) ^ sequence as u64).bits();
            Cow::Owned(self.question(question, draw))
        };
        let check = |response: &[u8]| match question {
            Question::Get => success::<GetResponse>(response).map(drop).map_err(std::io::Error::other),
            _ => {
                let found = success::<LocateResponse>(response).map_err(std::io::Error::other)?.unique_identifiers.len();
                if found == SHARED { Ok(()) } else { Err(std::io::Error::other(format!("Locate found {found}, not {SHARED}"))) }
            }
        };
        let before = process::cpu(server.process()).map_err(text)?;
        let driven = drive(&client, &self.endpoint(), MEASURING, Until::Requests(each, ROUND), make, check).map_err(text)?;
        // The records of the reads go to the log within 50 ms; what that costs belongs to them.
        std::thread::sleep(Duration::from_millis(200));
        let used = process::cpu(server.process()).map_err(text)? - before;
        Ok(used.as_secs_f64() * 1e6 / driven.latencies_ns.len() as f64)
    }
}

/// Lines of what, unit, small, large, ratio, measured against target.
#[derive(Default)]
struct Table(Vec<Line>);

struct Line {
    what: String,
    unit: &'static str,
    small: f64,
    large: f64,
    ratio: Option<f64>,
    measured: f64,
    target: f64,
}

impl Table {
    fn row(&mut self, what: &str, unit: &'static str, small: f64, large: f64, ratio: Option<f64>, against: (f64, f64)) {
        let (measured, target) = against;
        self.0.push(Line { what: what.to_owned(), unit, small, large, ratio, measured, target });
    }

    fn print(&self, objects: usize) {
        println!("{:<42} {:>7} {:>12} {:>12} {:>7} {:>8}", "", "unit", SMALL, objects, "ratio", "target");
        for line in &self.0 {
            let ratio = line.ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"));
            let verdict = if line.holds() { "pass" } else { "FAIL" };
            println!(
                "{:<42} {:>7} {:>12.3} {:>12.3} {ratio:>7} {:>8} {verdict}",
                line.what,
                line.unit,
                line.small,
                line.large,
                format!("<= {}", line.target)
            );
        }
    }

    fn judge(&self) -> Outcome {
        let missed: Vec<&str> = self.0.iter().filter(|line| !line.holds()).map(|line| line.what.as_str()).collect();
        if missed.is_empty() { Ok(()) } else { Err(format!("missed: {}", missed.join(", "))) }
    }
}

impl Line {
    fn holds(&self) -> bool {
        self.measured <= self.target
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_over_its_target_fails() {
        let mut table = Table::default();
        table.row("Get", "CPU us", 10.0, 19.0, Some(1.9), (1.9, 2.0));
        assert_eq!(table.judge(), Ok(()));
        table.row("Locate", "CPU us", 10.0, 16.0, Some(1.6), (1.6, 1.5));
        assert_eq!(table.judge(), Err("missed: Locate".to_owned()));
    }
}
