//! Checking a store that is closed.

use std::collections::HashMap;

use store::log::LogEnd;
use store::sealing::Keyring;
use store::{Revision, StoreError};

use super::{Check, Consequence, Step, verify};
use crate::anchor::{self, Anchor};
use crate::engine::Engine;
use crate::head::{Head, Where};
use crate::journal::{Frame, LogBlock, scan};
use crate::layout::Number;
use crate::log_stream::{LogStream, first_unchained, open_block};
use crate::open::journal_is_all;
use crate::{OpenError, files};

/// sled as it was found.
pub(super) struct Opened {
    pub(super) engine: Engine,
    pub(super) head: Head,
}

/// What the journal tells.
pub(super) struct Told {
    /// The heads of the frames that something else names, with the hash of each frame.
    pub(super) named: HashMap<u64, (Head, [u8; 32])>,
    /// The first frame that was read, and what it follows.
    pub(super) first: Option<(u64, [u8; 32])>,
    /// The last head.
    pub(super) head: Head,
    /// What became of which record, by which frame: its revision, or `None`: it is gone.
    pub(super) changes: Vec<(u64, Number, Option<Revision>)>,
    pub(super) torn: u64,
}

impl Check<'_> {
    pub(super) fn run(&mut self) -> Result<(), OpenError> {
        let (anchored, lost_anchor) = match Anchor::open(self.directory, self.keyring)? {
            anchor::Found::Known(_, anchored) => (Some(anchored), None),
            anchor::Found::Lost(cause) => (None, Some(cause)),
        };
        let (snapshot, mut snapshot_damage) = self.snapshot()?;
        let (saved, index_damage) = self.saved_index()?;
        let sled = self.open_sled();
        let mut log_end = self.log()?;
        let log_itself = (log_end.last, log_end.end.clone());

        let mut named: Vec<u64> = vec![anchored.as_ref().map_or(0, |anchored| anchored.frame)];
        named.extend(snapshot.as_ref().map(|(snapshot, _)| snapshot.head.frame));
        named.extend(saved.as_ref().map(|(head, _)| head.frame));
        named.extend(sled.as_ref().ok().map(|sled| sled.head.frame));
        let durable = anchored.as_ref().map_or(0, |anchored| anchored.frame);
        let oldest_needed = match (&sled, &saved) {
            (Ok(sled), Some((saved, _))) => Some(sled.head.frame.min(saved.frame)),
            _ => None,
        };
        let told = match self.journal(1, durable, &named, &mut log_end) {
            Ok(told) => Some(told),
            Err(OpenError::Damaged { what, cause }) => {
                // What is damaged is needed, unless the end of the journal and what sled and the index have is enough.
                let rest = oldest_needed.map(|from| self.journal(from.max(1), durable, &named, &mut log_end));
                let told = match rest {
                    Some(Ok(told)) => Some(told),
                    Some(Err(OpenError::Damaged { .. })) | None => None,
                    Some(Err(other)) => return Err(other),
                };
                let consequence = if told.is_some() { Consequence::Heals } else { Consequence::NeedsBackup };
                self.report.add(what, cause, consequence);
                told
            }
            Err(other) => return Err(other),
        };
        let Some(told) = told else {
            // There is nothing to compare the rest with.
            let anchor = lost_anchor.map(|cause| (anchor::WHAT.to_owned(), cause));
            for (what, cause) in snapshot_damage.into_iter().chain(index_damage).chain(anchor) {
                self.report.add(what, cause, Consequence::NeedsBackup);
            }
            return Ok(());
        };
        if told.torn > 0 {
            let cause = format!("it ends in {} bytes of a write that was cut off and never acknowledged", told.torn);
            self.report.add("the journal", cause, Consequence::Heals);
        }
        if let Some(anchored) = &anchored
            && told.named.get(&anchored.frame).is_some_and(|(head, mark)| !anchored.is(head, mark))
        {
            let cause = format!("frame {} is not the one that was durable", anchored.frame);
            self.report.add("the journal", cause, Consequence::NeedsBackup);
        }
        if let Some(cause) = lost_anchor {
            // As a start judges it.
            let is_applied = sled.as_ref().is_ok_and(|sled| sled.head == told.head);
            let (last, end) = log_itself;
            let is_in_log = last == told.head.log.sequence && end.is_none_or(|end| end.hash == told.head.log.hash);
            match journal_is_all(told.torn, is_applied, is_in_log) {
                Ok(()) => self.report.add(anchor::WHAT, cause, Consequence::Heals),
                Err(why) => self.report.add(anchor::WHAT, format!("{cause}, and {why}"), Consequence::NeedsBackup),
            }
        }
        self.report.records = told.head.count;
        self.end_of_log(log_end, &told.head);

        // From the snapshot, or from the beginning.
        let mut history = None;
        if snapshot_damage.is_none() {
            match self.history(snapshot, &told) {
                Ok(expected) => history = Some(expected),
                Err(damage) => snapshot_damage = Some(damage),
            }
        }
        let by_index = match saved {
            Some((head, index)) => self.by_index(&head, &index, &told),
            None => Err(None),
        };
        let heals_by_history = if history.is_some() { Consequence::Heals } else { Consequence::NeedsBackup };
        for (what, cause) in index_damage.into_iter().chain(by_index.as_ref().err().and_then(Clone::clone)) {
            self.report.add(what, cause, heals_by_history);
        }
        let sled_is_right = match sled {
            Ok(sled) => {
                let expected = history.as_ref().or(by_index.as_ref().ok());
                self.compare_sled(&sled, expected, &told, heals_by_history)?
            }
            Err(error) => {
                self.report.add("sled's files", error, heals_by_history);
                false
            }
        };
        if let Some((what, cause)) = snapshot_damage {
            let heals = sled_is_right && by_index.is_ok();
            self.report.add(what, cause, if heals { Consequence::Heals } else { Consequence::NeedsBackup });
        }
        Ok(())
    }

    fn open_sled(&mut self) -> Result<Opened, String> {
        let objects = files::objects(self.directory);
        self.tell("opening sled", "records", 0, None);
        // Opening what is not there would make it.
        if !objects.join("db").exists() {
            return Err("they are missing".into());
        }
        let engine = Engine::open(&objects, self.options.cache_bytes).map_err(|error| error.to_string())?;
        let sealed = engine.read_head().map_err(|error| error.to_string())?.ok_or("the head is missing")?;
        let head = Head::open(self.keyring, Where::Engine, &sealed).map_err(|error| format!("the head: {error}"))?;
        Ok(Opened { engine, head })
    }

    /// Reads the log stream, and returns its end, if it is known.
    fn log(&mut self) -> Result<LogState, OpenError> {
        // Where the journal cannot tell, nothing counts on it.
        let durable = scan::look(&files::journal(self.directory)).and_then(|journal| journal.log_before(self.keyring));
        let (log, torn) = match LogStream::examine(&files::log(self.directory), durable.unwrap_or(u64::MAX)) {
            Ok(examined) => examined,
            Err(StoreError::Damaged { what, cause }) => {
                self.report.add(what, cause, Consequence::NeedsBackup);
                return Ok(LogState { end: None, last: 0, torn: None });
            }
            Err(other) => return Err(other.into()),
        };
        let all = log.segments()?.iter().map(|segment| segment.bytes).sum();
        let mut done = 0;
        let progress = &mut *self.progress;
        let found = log.check(self.keyring, &mut |bytes| {
            done += bytes;
            progress(Step { what: "log", done, all: Some(all), unit: "bytes" });
        })?;
        self.report.log_entries = found.entries;
        let end = found.end.clone();
        self.damaged_log(found)?;
        let torn = torn.map(|torn| (torn.error, torn.bytes));
        Ok(LogState { end: end.or((log.end() == 0).then_some(LogEnd::EMPTY)), last: log.end(), torn })
    }

    /// Reads the journal from the segment on that has a frame. Every record and every log entry in it is opened.
    fn journal(&mut self, from: u64, durable: u64, named: &[u64], log: &mut LogState) -> Result<Told, OpenError> {
        let journal = scan::look(&files::journal(self.directory))?;
        let mut told = Told { named: HashMap::new(), first: None, head: Head::EMPTY, changes: Vec::new(), torn: 0 };
        self.report.frames = 0;
        let keyring = self.keyring;
        let end = journal.read(keyring, from, u64::MAX, durable, |frame| {
            let Frame { sequence, previous, hash, head, changes, log: block } = frame;
            told.first.get_or_insert((sequence, previous));
            for change in &changes {
                let revision = match &change.sealed {
                    Some(sealed) => Some(verify(keyring, change.number, sealed)?),
                    None => None,
                };
                told.changes.push((sequence, change.number, revision));
            }
            if let Some(block) = &block {
                log.follow(keyring, block)?;
            }
            if named.contains(&sequence) {
                told.named.insert(sequence, (head.clone(), hash));
            }
            told.head = head;
            self.report.frames += 1;
            (self.progress)(Step { what: "journal", done: self.report.frames, all: None, unit: "frames" });
            Ok(())
        })?;
        told.torn = end.torn;
        for needless in end.needless {
            let (what, cause) = needless.describe(&files::journal(self.directory));
            self.report.add(what, cause, Consequence::Heals);
        }
        Ok(told)
    }

    /// The log ends where the journal says, with what the journal still has of it.
    fn end_of_log(&mut self, log: LogState, head: &Head) {
        let reached = log.last == head.log.sequence;
        if let Some((error, bytes)) = &log.torn {
            let cause = format!("{bytes} bytes at its end are not whole ({error})");
            let consequence = if reached { Consequence::Heals } else { Consequence::NeedsBackup };
            self.report.add("the log stream", cause, consequence);
        }
        if !reached {
            let cause = format!("it ends with entry {}, and the journal counts {}", log.last, head.log.sequence);
            self.report.add("the log stream", cause, Consequence::NeedsBackup);
        } else if log.end.is_some_and(|end| end.hash != head.log.hash) {
            let cause = format!("its last entry, {}, is not the one that the journal tells of", log.last);
            self.report.add("the log stream", cause, Consequence::NeedsBackup);
        }
    }
}

/// The end of the log, as far as it was followed.
struct LogState {
    /// Its last entry and hash; `None`: it is not known.
    end: Option<LogEnd>,
    /// Its last entry.
    last: u64,
    /// What follows the last whole frame, and how long it is.
    torn: Option<(StoreError, u64)>,
}

impl LogState {
    /// Goes on with what the journal has behind the log stream.
    fn follow(&mut self, keyring: &Keyring, block: &LogBlock) -> Result<(), OpenError> {
        let name = || format!("log entries {} to {} in the journal", block.first, block.last());
        let records =
            open_block(keyring, block.first, block.count, &block.sealed).map_err(|error| OpenError::sealing(name(), error))?;
        if block.first != self.last + 1 {
            return Ok(());
        }
        self.last = block.last();
        if let Some(end) = &mut self.end
            && let Some(broken) = first_unchained(end, &records)
        {
            let cause = format!("entry {broken} does not follow the entry before it");
            return Err(OpenError::Damaged { what: name(), cause });
        }
        Ok(())
    }
}
