//! `cargo xtask crash`: what was acknowledged survives the server's sudden end.
//!
//! Two parts, because neither proves the other. kill -9 at random moments under eight writers: after a restart everything
//! acknowledged is there, and nothing is there by half. That alone would pass without a single fsync, the kernel still has
//! the pages; so a trace of the system calls must show that what an acknowledgement promises was synced before it left
//! (trace.rs).

mod ready;
mod rounds;
mod truth;
mod writer;

use crate::dice::Dice;
use crate::options::Options;
use crate::server::{DevServer, free_port};
use crate::{Outcome, run, trace};
use client::{AttributeList, blocking};
use kmip::enumerations::CryptographicAlgorithm;
use std::path::Path;
use std::time::Duration;

pub(crate) use ready::identity;
pub(crate) use rounds::configuration;

/// Keys created under the tracer.
const TRACED: usize = 20;

/// Rounds that `cargo xtask test` runs.
pub(crate) const SHORT: usize = 30;

/// `--rounds N`: kill -9 N times, then the trace. `--objects N`: how soon a store of N objects is ready after kill -9.
pub(crate) fn crash(arguments: &[&str]) -> Outcome {
    let mut options = Options::read(arguments)?;
    let objects: Option<usize> = options.number("objects")?;
    let rounds: Option<usize> = options.number("rounds")?;
    let seed: u64 = options.number("seed")?.unwrap_or_else(Dice::seed);
    options.end()?;
    run::build_server()?;
    println!("crash: seed {seed}");
    if let Some(objects) = objects.filter(|objects| *objects > 0) {
        ready::ready(objects, seed)?;
    }
    match rounds {
        None if objects.is_some() => Ok(()),
        rounds => {
            rounds::rounds(rounds.unwrap_or(SHORT), seed)?;
            traced()
        }
    }
}

/// Creates under strace: an fsync or fdatasync between the last write to the data files and each acknowledgement.
fn traced() -> Outcome {
    let directory = tempfile::tempdir().map_err(|error| format!("temporary directory: {error}"))?;
    let port = free_port()?;
    // The first start makes keys and certificates; it is over before the trace begins.
    DevServer::start(directory.path(), port, &[])?.kill();
    let file = directory.path().join("trace");
    let Some(path) = file.to_str() else { return Err("the temporary directory is not UTF-8".to_owned()) };
    let server = DevServer::start(directory.path(), port, &trace::strace(path))?;
    let mut client = blocking::Client::connect(&configuration(&server)?).map_err(|error| error.to_string())?;
    for number in 1..=TRACED {
        let made =
            client.wait(async |client| client.create_symmetric_key(CryptographicAlgorithm::AES, 256, AttributeList::new()).await);
        made.map_err(|error| format!("key {number} under the tracer: {error}; the log ends:\n{}", server.log_end()))?;
    }
    server.kill();
    let text = finished(&file).map_err(|error| format!("{path}: {error}"))?;
    // The truth. (The anchor beside it follows without a sync on purpose, and sled in the background.)
    let data = directory.path().join("dev").join("data");
    let truth = Some(data.join("journal")).filter(|journal| journal.is_dir()).unwrap_or_else(|| data.join("objects"));
    let verdict = trace::judge(&text, &truth.to_string_lossy(), port)?;
    println!("crash: trace: {} acknowledgements, each after a sync of everything written", verdict.synced);
    if verdict.synced < TRACED {
        return Err(format!("{TRACED} keys were acknowledged, but only {} answers followed a sync", verdict.synced));
    }
    Ok(())
}

/// The text of a file once its writer, which is not our child, has stopped writing.
fn finished(file: &Path) -> std::io::Result<String> {
    loop {
        let length = std::fs::metadata(file)?.len();
        std::thread::sleep(Duration::from_millis(500));
        if std::fs::metadata(file)?.len() == length {
            return std::fs::read_to_string(file);
        }
    }
}
