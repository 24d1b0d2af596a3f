//! `cargo xtask reports`: what a report of a running server with many objects takes, and what it costs the clients meanwhile.

use crate::options::Options;
use crate::run::{build_server, built, is_release};
use crate::scale::quiet;
use crate::server::{DevServer, free_port};
use crate::{Outcome, crash};
use benches::drive::{Until, drive};
use benches::fill::{Fill, VERSION, fill};
use benches::messages::{get_payload, request, success};
use benches::process;
use benches::statistics::{Summary, median, summarise};
use kmip::operation::Operation;
use kmip::payload::get::GetResponse;
use std::borrow::Cow;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The default number of objects.
const OBJECTS: usize = 100_000;
/// Connections that fill.
const FILLING: usize = 64;
/// How long Gets are measured at a time, and how often, quiet and beside reports in turns.
const ROUND: Duration = Duration::from_secs(5);
const ROUNDS: usize = 3;
/// What the p99 of Get may become, as a multiple of what it is alone: as much as beside clients that generate key pairs.
const MOST: f64 = 3.0;

/// `--objects N`.
pub(crate) fn reports(arguments: &[&str]) -> Outcome {
    let mut options = Options::read(arguments)?;
    let objects: usize = options.number("objects")?.unwrap_or(OBJECTS);
    options.end()?;
    build_server()?;
    let directory = tempfile::tempdir().map_err(|error| format!("temporary directory: {error}"))?;
    let port = free_port()?;
    let server = DevServer::start(directory.path(), port, &[])?;
    let endpoint = format!("127.0.0.1:{port}");
    let text = |error: std::io::Error| error.to_string();
    let client = crash::identity(&server.bundle()).client().map_err(text)?;
    let begun = Instant::now();
    let order = Fill { endpoint: endpoint.clone(), numbers: 0..objects, connections: FILLING, read: true };
    let identifiers = fill(&order, &client, |_| {}).map_err(text)?;
    println!("reports: {objects} objects, each read once, after {:.0} s", begun.elapsed().as_secs_f64());
    quiet(&server)?;
    let key = identifiers.first().ok_or("no objects")?;
    let memory = || process::memory(server.process()).map_err(text);
    let config = server.directory().join("kmipd.toml").display().to_string();
    for what in [vec!["report"], vec!["report", "impact", key]] {
        let before = memory()?;
        let took = report(&what, &config)?;
        let after = memory()?;
        println!(
            "reports: kmipd {} takes {took:.1} s; the server has {:.0} MB before and {:.0} MB after it, {:.0} MB at the most",
            what[..what.len().min(2)].join(" "),
            before.resident as f64 / 1e6,
            after.resident as f64 / 1e6,
            after.peak as f64 / 1e6
        );
    }
    let get = |_: usize, sequence: usize| {
        let identifier = &identifiers[sequence * 7_919 % identifiers.len()];
        Cow::Owned(request(VERSION, Operation::Get, &get_payload(identifier)))
    };
    let check = |response: &[u8]| success::<GetResponse>(response).map(drop).map_err(std::io::Error::other);
    let measure = || -> Result<Summary, String> {
        let driven = drive(&client, &endpoint, 1, Until::Elapsed(ROUND), get, check).map_err(text)?;
        summarise(driven.latencies_ns, driven.elapsed).ok_or_else(|| "no Get was answered".to_owned())
    };
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let gets = measure()?;
        tell("alone", &gets, 0);
        alone.push(gets.p99_us);
        let (gets, count) = beside_reports(&config, &measure)?;
        tell("beside reports", &gets, count);
        beside.push(gets.p99_us);
    }
    let (alone, beside) = (median(alone), median(beside));
    let ratio = beside / alone;
    println!("reports: p99 of Get {alone:.0} us alone and {beside:.0} us beside reports: {ratio:.2} times, target <= {MOST}");
    if !is_release() {
        println!("reports: this is a build without optimisation: measured, not judged (cargo xtask runs the release build)");
        return Ok(());
    }
    if ratio <= MOST { Ok(()) } else { Err("reports keep clients waiting".to_owned()) }
}

fn tell(when: &str, gets: &Summary, reports: usize) {
    println!(
        "reports: {when}: {:.0} Gets/s, p50 {:.0} us, p99 {:.0} us; {reports} report(s)",
        gets.rate, gets.median_us, gets.p99_us
    );
}

/// Makes one report; how long it takes, in seconds.
fn report(what: &[&str], config: &str) -> Result<f64, String> {
    let begun = Instant::now();
    let mut command = Command::new(built("kmipd"));
    command.args(what).args(["--config", config, "--format", "json"]).stdin(Stdio::null()).stdout(Stdio::null());
    let output = command.stderr(Stdio::piped()).output().map_err(|error| format!("kmipd report: {error}"))?;
    match output.status.success() {
        true => Ok(begun.elapsed().as_secs_f64()),
        false => Err(format!("kmipd report: {}: {}", output.status, String::from_utf8_lossy(&output.stderr))),
    }
}

/// Gets, while one report follows the other: from before the first Get until after the last. And how many reports were made.
fn beside_reports(config: &str, measure: &impl Fn() -> Result<Summary, String>) -> Result<(Summary, usize), String> {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reports = scope.spawn(|| {
            let mut count = 0;
            while !is_over.load(Ordering::SeqCst) {
                report(&["report"], config)?;
                count += 1;
            }
            Ok::<usize, String>(count)
        });
        std::thread::sleep(Duration::from_millis(200));
        let gets = measure();
        is_over.store(true, Ordering::SeqCst);
        let count = reports.join().map_err(|_| "the reporting thread panicked".to_owned())??;
        Ok((gets?, count))
    })
}
