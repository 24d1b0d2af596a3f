//! Reports everything that is in the store, and where it contradicts itself.

use super::engine::{self, Engine};
use super::protocol::{Body, Event, Expected, Record};
use super::{Living, WRITERS, owner, writer};
use std::collections::BTreeSet;

/// Records that are loaded at once.
const AT_ONCE: usize = 32;

/// Log entries that are read at once.
const ENTRIES: usize = 1000;

/// Reports records and log; returns the records by owner.
pub(super) fn report(store: &Engine, expected: &Expected) -> Result<Living, String> {
    let found: BTreeSet<String> = store.find(None, None)?.into_iter().collect();
    let mut owned = BTreeSet::new();
    for number in 0..WRITERS {
        owned.extend(store.find(Some(&owner(number)), None)?);
    }
    if owned != found {
        let difference: Vec<_> = found.symmetric_difference(&owned).take(5).collect();
        Event::Wrong(format!("find by owner and find of all differ: {difference:?}")).print();
    }
    let known: BTreeSet<String> = expected.identifiers.iter().cloned().collect();
    let all: Vec<&str> = found.union(&known).map(String::as_str).collect();
    let mut living = Living::new();
    for identifiers in all.chunks(AT_ONCE) {
        for (identifier, record) in identifiers.iter().zip(store.load(identifiers)?) {
            if record.is_some() != found.contains(*identifier) {
                let (loaded, found) = (record.is_some(), found.contains(*identifier));
                Event::Wrong(format!("{identifier}: load finds it: {loaded}; find finds it: {found}")).print();
            }
            let Some(record) = record else {
                Event::Absent((*identifier).to_owned()).print();
                continue;
            };
            let body = Body::of(&record.body);
            let version = writer::version(identifier, body);
            if store.find(None, Some(&version))? != [*identifier] {
                Event::Wrong(format!("{identifier} is not found by the term of its version {body}")).print();
            }
            living.entry(record.owner.clone()).or_default().push((record.identifier.clone(), record.revision));
            let (identifier, owner, revision) = (record.identifier, record.owner, record.revision.0);
            Event::Record(Record { identifier, owner, revision, body }).print();
        }
    }
    log(store, expected)?;
    Ok(living)
}

/// Reports the log entries after the last one the parent knows, and checks the chain from there.
fn log(store: &Engine, expected: &Expected) -> Result<(), String> {
    let (sequence, hash) = &expected.log;
    let mut last = None;
    if *sequence > 0 {
        let read = store.read_log(*sequence, 1)?;
        match read.into_iter().next() {
            Some(record) if record.sequence == *sequence && hex(&record.hash) == *hash => last = Some(record),
            other => {
                let there = other.map(|record| record.sequence);
                Event::Wrong(format!("log entry {sequence} was there with hash {hash}; now entry {there:?} is")).print();
                return Ok(());
            }
        }
    }
    loop {
        let records = store.read_log(last.as_ref().map_or(1, |last| last.sequence + 1), ENTRIES)?;
        if records.is_empty() {
            return Ok(());
        }
        for record in records {
            if !engine::follows(last.as_ref(), &record) {
                let before = last.map(|last| last.sequence);
                Event::Wrong(format!("log entry {} does not continue the chain after {before:?}", record.sequence)).print();
                return Ok(());
            }
            let text = String::from_utf8_lossy(&record.entry).into_owned();
            Event::Entry { sequence: record.sequence, hash: hex(&record.hash), text }.print();
            last = Some(record);
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
