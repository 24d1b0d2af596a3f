//! `cargo xtask store-worker`: the process that uses a store while `powercut` and `faults` break the disk under it.
//!
//! It is not for people. It opens the store in a directory, reports everything that is in it, and then writes: with eight
//! threads until it is killed, or a fixed script. On standard output it announces each commit before it is made and confirms
//! it afterwards (protocol.rs), so that its parent knows what must be there, whatever happens to the process.

mod dump;
mod engine;
pub(crate) mod model;
pub(crate) mod parent;
pub(crate) mod protocol;
mod script;
mod writer;

use crate::Outcome;
use crate::volatile::Random;
use engine::Engine;
pub(crate) use engine::block_on;
use protocol::{Event, Expected};
use std::collections::HashMap;
use std::io::BufRead;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Threads that write at the same time.
pub(crate) const WRITERS: u64 = 8;

/// How long a script tries to open a store on a disk that was broken for a moment.
const OPENING: Duration = Duration::from_secs(5);

/// Which parts of the store are made small, so that rare things happen often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tuning {
    /// As a server has it.
    Default,
    /// Small segments and early checkpoints.
    Small,
}

/// What the worker is to do. Parent and worker agree on it through the command line.
#[derive(Clone, Debug)]
pub(crate) struct Orders {
    /// Make the store if it is not there; otherwise it must be there.
    pub(crate) may_create: bool,
    pub(crate) tuning: Tuning,
    /// Names this run in identifiers and log entries: different each time.
    pub(crate) run: u64,
    pub(crate) seed: u64,
    pub(crate) work: Work,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    /// Report what is there, and end.
    Report,
    /// Write with eight threads until killed.
    Write,
    /// Write so many commits, one after the other, and end. After an error, go on trying for so long that writes are
    /// accepted again.
    Script { commits: u64, patience: Duration },
}

impl Orders {
    /// As words for the command line.
    pub(crate) fn words(&self) -> Vec<String> {
        let tuning = if self.tuning == Tuning::Small { "small" } else { "default" };
        let create = if self.may_create { "create" } else { "open" };
        let mut words = vec![create.to_owned(), tuning.to_owned(), self.run.to_string(), self.seed.to_string()];
        match self.work {
            Work::Report => words.push("report".to_owned()),
            Work::Write => words.push("write".to_owned()),
            Work::Script { commits, patience } => {
                words.extend(["script".to_owned(), commits.to_string(), patience.as_millis().to_string()]);
            }
        }
        words
    }

    /// From the words of the command line.
    fn read(words: &[&str]) -> Option<Self> {
        let [create, tuning, run, seed, work @ ..] = words else { return None };
        let work = match work {
            ["report"] => Work::Report,
            ["write"] => Work::Write,
            ["script", commits, patience] => {
                Work::Script { commits: commits.parse().ok()?, patience: Duration::from_millis(patience.parse().ok()?) }
            }
            _ => return None,
        };
        Some(Self {
            may_create: *create == "create",
            tuning: if *tuning == "small" { Tuning::Small } else { Tuning::Default },
            run: run.parse().ok()?,
            seed: seed.parse().ok()?,
            work,
        })
    }
}

/// The whole life of a worker.
pub(crate) fn run(directory: &str, key: &str, words: &[&str]) -> Outcome {
    let orders = Orders::read(words).ok_or("store-worker is run by powercut and faults, not by hand")?;
    let expected = read_expected()?;
    end_with_parent();
    let store = open(Path::new(directory), Path::new(key), &orders)?;
    let living = dump::report(&store, &expected)?;
    Event::Dumped.print();
    let mut seeds = Random::new(orders.seed);
    match orders.work {
        Work::Report => {}
        Work::Write => {
            std::thread::scope(|scope| {
                for number in 0..WRITERS {
                    let living = living.get(&owner(number)).cloned().unwrap_or_default();
                    let mut writer = writer::Writer::new(&store, orders.run, number, seeds.next(), living);
                    scope.spawn(move || writer.write_until_error());
                }
            });
            // Every thread met an error. What is left to do is to be killed.
            std::thread::sleep(Duration::from_secs(60));
        }
        Work::Script { commits, patience } => {
            let living = living.get(&owner(0)).cloned().unwrap_or_default();
            script::run(&mut writer::Writer::new(&store, orders.run, 0, seeds.next(), living), commits, patience);
            Event::Alone { frames: store.frames_alone() }.print();
        }
    }
    drop(store);
    Event::Closed.print();
    Ok(())
}

/// The owner of everything a writer writes.
fn owner(writer: u64) -> String {
    format!("writer-{writer}")
}

/// Opens the store. A script goes on trying, as its disk is broken only for a moment; otherwise the first attempt counts.
fn open(directory: &Path, key: &Path, orders: &Orders) -> Result<Engine, String> {
    let begun = Instant::now();
    let patience = if matches!(orders.work, Work::Script { .. }) { OPENING } else { Duration::ZERO };
    loop {
        match Engine::open(directory, key, orders.may_create, orders.tuning) {
            Ok(store) => {
                Event::Opened { milliseconds: begun.elapsed().as_millis() as u64 }.print();
                return Ok(store);
            }
            Err(reason) if begun.elapsed() < patience => {
                Event::OpenFailed(reason).print();
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(reason) => {
                Event::OpenFailed(reason.clone()).print();
                return Err(reason);
            }
        }
    }
}

/// What the parent knows, from standard input: up to a line with a dot.
fn read_expected() -> Result<Expected, String> {
    let mut expected = Expected::default();
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| format!("standard input: {error}"))?;
        if line == "." {
            return Ok(expected);
        }
        expected.read(&line)?;
    }
    Err("standard input ended too early".to_owned())
}

/// When the parent is gone, so are we: nobody would unmount the disk while we use it.
fn end_with_parent() {
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(3);
    });
}

/// Records by owner: identifier and revision.
type Living = HashMap<String, writer::Records>;

/// How `main` runs it: an error is for the parent, which has standard error.
pub(crate) fn main(arguments: &[&str]) -> ExitCode {
    let [directory, key, words @ ..] = arguments else { return ExitCode::from(2) };
    match run(directory, key, words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("store-worker: {reason}");
            ExitCode::FAILURE
        }
    }
}
