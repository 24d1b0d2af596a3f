//! What must be in the store, from what its worker said; and the comparison with what is.

use super::WRITERS;
use super::protocol::{Body, Event, Expected, Intent, Record, entry};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

/// Removed records that are still asked for.
const REMEMBERED: usize = 300;

/// What is known of a store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    /// Records whose last change was acknowledged, or seen after an opening.
    living: BTreeMap<String, (Body, u64)>,
    removed: VecDeque<String>,
    /// Commits that were announced and not answered.
    in_flight: HashMap<(u64, u64), Intent>,
    /// Commits whose outcome is unknown: answered with an error, or never.
    unknown: Vec<(u64, Intent)>,
    /// Log entries of acknowledged commits that were not seen in the log yet.
    owed: HashSet<String>,
    log: (u64, String),
    /// The run that is going on.
    run: u64,
    /// Acknowledged commits.
    pub(crate) acknowledged: u64,
    /// Commits answered with an error.
    pub(crate) refused: u64,
}

/// What the worker reports after opening.
#[derive(Debug, Default)]
pub(crate) struct Dump {
    records: BTreeMap<String, Record>,
    entries: Vec<(u64, String, String)>,
    wrong: Vec<String>,
}

/// How the store differs from what must be in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Difference {
    /// Acknowledged changes that are not there, one line each.
    pub(crate) lost: Vec<String>,
    /// Anything else that must not be.
    pub(crate) wrong: Vec<String>,
}

impl Difference {
    pub(crate) fn is_empty(&self) -> bool {
        self.lost.is_empty() && self.wrong.is_empty()
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const SHOWN: usize = 10;
        write!(formatter, "{} acknowledged changes lost, {} other contradictions", self.lost.len(), self.wrong.len())?;
        let mut lines = self.lost.iter().take(SHOWN).chain(self.wrong.iter().take(SHOWN));
        lines.try_for_each(|line| write!(formatter, "\n  {line}"))
    }
}

impl Dump {
    /// Takes an event that belongs to the report.
    pub(crate) fn take(&mut self, event: Event) {
        match event {
            Event::Record(record) => {
                self.records.insert(record.identifier.clone(), record);
            }
            Event::Entry { sequence, hash, text } => self.entries.push((sequence, hash, text)),
            Event::Wrong(what) => self.wrong.push(what),
            _ => {}
        }
    }
}

impl Model {
    /// What to tell a worker of a new run.
    pub(crate) fn begin(&mut self, run: u64) -> Expected {
        self.run = run;
        let unknown = self.unknown.iter().flat_map(|(_, intent)| intent.changes.iter().map(|(identifier, _)| identifier));
        let mut identifiers: Vec<String> = self.living.keys().chain(&self.removed).chain(unknown).cloned().collect();
        identifiers.sort_unstable();
        identifiers.dedup();
        Expected { log: self.log.clone(), identifiers }
    }

    /// How many records there must be.
    pub(crate) fn records(&self) -> usize {
        self.living.len()
    }

    /// Takes what the worker says of its commits.
    pub(crate) fn take(&mut self, event: Event) {
        match event {
            Event::Intent(intent) => {
                self.in_flight.insert((intent.writer, intent.number), intent);
            }
            Event::Done { writer, number, revision } => {
                let Some(intent) = self.in_flight.remove(&(writer, number)) else { return };
                self.acknowledged += 1;
                self.owed.extend(entries(self.run, &intent));
                self.apply(&intent, revision);
            }
            Event::Failed { writer, number, .. } => {
                self.refused += 1;
                self.unknown.extend(self.in_flight.remove(&(writer, number)).map(|intent| (self.run, intent)));
            }
            _ => {}
        }
    }

    /// The worker has ended: what was not answered never will be.
    pub(crate) fn end(&mut self) {
        self.unknown.extend(self.in_flight.drain().map(|(_, intent)| (self.run, intent)));
    }

    fn apply(&mut self, intent: &Intent, revision: u64) {
        for (identifier, body) in &intent.changes {
            match body {
                Some(body) => {
                    self.living.insert(identifier.clone(), (*body, revision));
                }
                None => {
                    self.living.remove(identifier);
                    self.removed.push_back(identifier.clone());
                }
            }
        }
        let surplus = self.removed.len().saturating_sub(REMEMBERED);
        self.removed.drain(..surplus);
    }

    /// Compares with what is there. From then on, what is there is what must be there.
    pub(crate) fn verify(&mut self, dump: Dump) -> Difference {
        let mut difference = Difference { lost: Vec::new(), wrong: dump.wrong.clone() };
        let mut seen: HashMap<&str, u32> = HashMap::new();
        dump.entries.iter().for_each(|(_, _, text)| *seen.entry(text).or_default() += 1);
        let mut allowed = std::mem::take(&mut self.owed);
        for text in &allowed {
            if !seen.contains_key(text.as_str()) {
                difference.lost.push(format!("the log entry \"{text}\" of an acknowledged commit is not there"));
            }
        }
        for (run, intent) in std::mem::take(&mut self.unknown) {
            let entries = entries(run, &intent);
            match self.outcome(&intent, &dump) {
                Ok(Some(revision)) => {
                    for text in entries.iter().filter(|text| !seen.contains_key(text.as_str())) {
                        difference.wrong.push(format!("a commit was made, but its log entry \"{text}\" is not there"));
                    }
                    allowed.extend(entries);
                    self.apply(&intent, revision);
                }
                Ok(None) => {
                    for text in entries.iter().filter(|text| seen.contains_key(text.as_str())) {
                        difference.wrong.push(format!("the log entry \"{text}\" is there, but its commit was not made"));
                        allowed.insert(text.clone());
                    }
                }
                Err(half) => difference.wrong.push(half),
            }
        }
        for (text, times) in &seen {
            if *times > 1 && text.starts_with("commit ") {
                difference.wrong.push(format!("the log entry \"{text}\" is there {times} times"));
            }
            if !allowed.contains(*text) && !text.starts_with("note ") {
                difference.wrong.push(format!("nobody wrote the log entry \"{text}\""));
            }
        }
        self.compare(&dump, &mut difference);
        if let Some((sequence, hash, _)) = dump.entries.last() {
            self.log = (*sequence, hash.clone());
        }
        self.living = dump.records.into_iter().map(|(identifier, record)| (identifier, (record.body, record.revision))).collect();
        difference
    }

    /// Whether a commit was made, and its revision; an error if it was made in part.
    fn outcome(&self, intent: &Intent, dump: &Dump) -> Result<Option<u64>, String> {
        let (mut made, mut revisions, mut states) = (0, HashSet::new(), Vec::new());
        for (identifier, body) in &intent.changes {
            let before = self.living.get(identifier).copied();
            let now = dump.records.get(identifier).map(|record| (record.body, record.revision));
            let is_made = match (body, now) {
                (Some(body), Some((there, revision))) => {
                    *body == there && before.is_none_or(|(_, before)| revision > before) && {
                        revisions.insert(revision);
                        true
                    }
                }
                (None, None) => true,
                _ => false,
            };
            made += usize::from(is_made);
            states.push(format!("{identifier}: {}", if is_made { "new" } else { "old" }));
        }
        match made {
            0 => Ok(None),
            all if all == intent.changes.len() && revisions.len() <= 1 => Ok(Some(revisions.into_iter().next().unwrap_or(0))),
            _ => Err(format!("half a commit, or one with several revisions ({revisions:?}): {}", states.join(", "))),
        }
    }

    /// Every record is there in its last version, and no other record is.
    fn compare(&self, dump: &Dump, difference: &mut Difference) {
        for (identifier, (body, revision)) in &self.living {
            match dump.records.get(identifier) {
                Some(record) if record.body == *body && record.revision == *revision => {}
                Some(record) => {
                    let (there, at) = (record.body, record.revision);
                    let line = format!("{identifier} must be {body} of revision {revision}; there is {there} of {at}");
                    difference.lost.push(line);
                }
                None => difference.lost.push(format!("{identifier} ({body}, revision {revision}) is not there")),
            }
        }
        for (identifier, record) in &dump.records {
            if !self.living.contains_key(identifier) {
                let (removed, revision) = (self.removed.contains(identifier), record.revision);
                if removed {
                    difference.lost.push(format!("{identifier} was removed and is there again, in revision {revision}"));
                } else {
                    difference.wrong.push(format!("{identifier} of revision {revision} is there and must not be"));
                }
            }
            if !(0..WRITERS).any(|writer| super::owner(writer) == record.owner) {
                difference.wrong.push(format!("{identifier} belongs to {}, whom nobody knows", record.owner));
            }
        }
    }
}

fn entries(run: u64, intent: &Intent) -> Vec<String> {
    (0..intent.entries).map(|position| entry(run, intent.writer, intent.number, position)).collect()
}
