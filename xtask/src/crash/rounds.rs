//! kill -9 at random moments, the same data again and again.

use super::truth::{Object, count, find, look};
use super::writer::{InFlight, Round, Writer};
use crate::Outcome;
use crate::dice::Dice;
use crate::log_chain;
use crate::server::{DevServer, free_port};
use client::{Configuration, blocking};
use kmip::ProtocolVersion;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Clients that change things at the same time.
const WRITERS: usize = 8;
/// Objects of each writer that a round looks at although it did not touch them.
const SAMPLE: usize = 20;
/// After so many rounds, and after the last, every object is looked at.
const EVERYTHING: usize = 50;
/// The kill comes within this time of the first acknowledgement.
const KILL_WITHIN_MS: usize = 250;
/// How long the first acknowledgement of a round may take on a slow, busy machine.
const FIRST: Duration = Duration::from_secs(30);

/// Rounds of kill -9 under eight writers, and what they left verified after each.
///
/// # Errors
/// The first acknowledged thing that is lost or changed, and the first unacknowledged one that is there by half.
pub(crate) fn rounds(rounds: usize, seed: u64) -> Outcome {
    let directory = tempfile::tempdir().map_err(|error| format!("temporary directory: {error}"))?;
    let outcome = in_directory(directory.path(), rounds, seed);
    if outcome.is_err() {
        // The evidence stays.
        println!("crash: seed {seed}; the data is kept in {}", directory.keep().display());
    }
    outcome
}

fn in_directory(directory: &Path, rounds: usize, seed: u64) -> Outcome {
    let mut dice = Dice::new(seed);
    let port = free_port()?;
    let mut server = DevServer::start(directory, port, &[])?;
    let configuration = configuration(&server)?;
    let mut writers: Vec<Writer> = (0..WRITERS).map(|number| Writer::new(number, Dice::new(dice.bits()))).collect();
    let (mut acknowledged, mut slowest, mut start_ms) = (0, Duration::ZERO, 100);
    for number in 1..=rounds {
        let kill_after = Duration::from_millis(dice.below(KILL_WITHIN_MS) as u64);
        let done = load(&configuration, &mut writers, server, kill_after).map_err(|error| format!("round {number}: {error}"))?;
        acknowledged += done;
        // Now and then the next start is killed too, at any moment of it.
        let mut again = 0;
        while dice.once_in(3) && again < 3 {
            let starting = DevServer::spawn(directory, port, &[])?;
            std::thread::sleep(Duration::from_millis(dice.below(start_ms + start_ms / 4) as u64));
            starting.kill();
            again += 1;
        }
        let begun = Instant::now();
        server = DevServer::start(directory, port, &[]).map_err(|error| format!("round {number}: {error}"))?;
        let start = begun.elapsed();
        slowest = slowest.max(start);
        start_ms = usize::try_from(start.as_millis()).unwrap_or(100).max(1);
        let everything = number % EVERYTHING == 0 || number == rounds;
        let checked = verify(&configuration, &mut writers, everything).map_err(|error| {
            let kill_ms = kill_after.as_millis();
            format!("round {number}, killed {kill_ms} ms after the first of {done} acknowledgements: {error}")
        })?;
        println!(
            "crash: round {number}: {done} acknowledgements, {again} starts killed, ready after {start_ms} ms, {checked} objects \
             looked at{}",
            if everything { ", which are all" } else { "" }
        );
    }
    drop(server);
    let entries = log_chain::whole(&directory.join("dev"))?;
    if entries < acknowledged as u64 {
        return Err(format!("{acknowledged} changes were acknowledged, and the log has {entries} entries"));
    }
    let slowest = slowest.as_millis();
    println!(
        "crash: {rounds} rounds, {acknowledged} changes acknowledged, none lost; {entries} log entries in one chain; slowest start {slowest} ms"
    );
    Ok(())
}

/// How a client reaches the server: half of the writers speak 2.1, the others 1.4.
pub(crate) fn configuration(server: &DevServer) -> Result<Configuration, String> {
    Configuration::load(&server.bundle().join("client.toml")).map_err(|error| error.to_string())
}

fn spoken(configuration: &Configuration, writer: usize) -> Configuration {
    let version = if writer.is_multiple_of(2) { ProtocolVersion::V2_1 } else { ProtocolVersion::V1_4 };
    configuration.clone().with_version(version)
}

/// Lets the writers work until the server is killed, `kill_after` the first acknowledgement; how many there were.
pub(crate) fn load(
    configuration: &Configuration,
    writers: &mut [Writer],
    server: DevServer,
    kill_after: Duration,
) -> Result<usize, String> {
    let round = Round::default();
    std::thread::scope(|scope| {
        let threads: Vec<_> = writers
            .iter_mut()
            .map(|writer| {
                let (configuration, round) = (spoken(configuration, writer.number), &round);
                scope.spawn(move || writer.run(&configuration, round))
            })
            .collect();
        let begun = Instant::now();
        while round.acknowledged.load(Ordering::SeqCst) == 0 && begun.elapsed() < FIRST {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(kill_after);
        let none = round.acknowledged.load(Ordering::SeqCst) == 0;
        round.killed.store(true, Ordering::SeqCst);
        let log = if none { server.log_end() } else { String::new() };
        server.kill();
        for thread in threads {
            thread.join().map_err(|_| "a writer panicked".to_owned())??;
        }
        if none {
            return Err(format!("nothing was acknowledged in {} s; the log ends:\n{log}", FIRST.as_secs()));
        }
        Ok(round.acknowledged.load(Ordering::SeqCst))
    })
}

/// Looks at what the round touched, at a sample of the rest, or at everything. How many objects that were.
pub(crate) fn verify(configuration: &Configuration, writers: &mut [Writer], everything: bool) -> Result<usize, String> {
    let checked: Result<Vec<usize>, String> = std::thread::scope(|scope| {
        let threads: Vec<_> = writers
            .iter_mut()
            .map(|writer| {
                // The other version than the one it was written in.
                let configuration = spoken(configuration, writer.number + 1);
                scope.spawn(move || verify_one(&configuration, writer, everything))
            })
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join().map_err(|_| "a reader panicked".to_owned())?);
        joined.collect()
    });
    let checked = checked?.iter().sum();
    if everything {
        let known: usize = writers.iter().map(|writer| writer.objects.len()).sum();
        let mut client = connect(&spoken(configuration, 0))?;
        let found = count(&mut client)?;
        if found != known {
            return Err(format!("the server has {found} objects, the writers know of {known}"));
        }
    }
    Ok(checked)
}

fn connect(configuration: &Configuration) -> Result<blocking::Client, String> {
    blocking::Client::connect(configuration).map_err(|error| error.to_string())
}

fn verify_one(configuration: &Configuration, writer: &mut Writer, everything: bool) -> Result<usize, String> {
    let mut client = connect(configuration)?;
    let mut indices = std::mem::take(&mut writer.touched);
    let total = writer.objects.len();
    if everything {
        indices.extend(0..total);
    } else if total > 0 {
        indices.extend((0..SAMPLE).map(|_| writer.dice.below(total)));
    }
    match writer.in_flight.take() {
        Some(InFlight::New(mut object)) => {
            if let Some(identifier) = find(&mut client, &object.name)? {
                object.identifier = identifier;
                let seen = look(&mut client, &object.identifier)?;
                let seen = seen.ok_or_else(|| format!("{}: Locate finds it, Get does not", object.name))?;
                if !object.is(&seen) {
                    return Err(format!("half written: sent was {object:?}, there is {seen:?}"));
                }
                object.learn(&seen);
                writer.objects.push(object);
            }
        }
        Some(InFlight::Changed { index, after }) => {
            indices.remove(&index);
            let before = &writer.objects[index];
            let Some(seen) = look(&mut client, &before.identifier)? else { return Err(lost(before)) };
            let mut now = if after.is(&seen) { after } else { before.clone() };
            if !now.is(&seen) {
                return Err(format!("half written: it was {before:?}, and a change was in flight; there is {seen:?}"));
            }
            now.learn(&seen);
            writer.objects[index] = now;
        }
        None => {}
    }
    for index in &indices {
        let object = &mut writer.objects[*index];
        let Some(seen) = look(&mut client, &object.identifier)? else { return Err(lost(object)) };
        if !object.is(&seen) {
            return Err(format!("acknowledged was {object:?}, there is {seen:?}"));
        }
        object.learn(&seen);
    }
    Ok(indices.len())
}

fn lost(object: &Object) -> String {
    format!("lost: {object:?}")
}
