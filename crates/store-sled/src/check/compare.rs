//! What must be in a store, and what of it is in sled.

use std::collections::HashSet;

use store::Cursor;
use store::index::Index;

use super::closed::{Opened, Told};
use super::{Check, Consequence, Damage, Expected, Step, place, verify};
use crate::head::Head;
use crate::journal::START;
use crate::layout::Number;
use crate::snapshot::Snapshot;
use crate::{OpenError, history};

impl Check<'_> {
    /// What the store must hold by the snapshot and the frames behind it, or by all frames.
    pub(super) fn history(&self, snapshot: Option<(Snapshot, Expected)>, told: &Told) -> Result<Expected, Damage> {
        let (from, hash, mut expected) = match snapshot {
            Some((snapshot, expected)) => (snapshot.head.frame, snapshot.hash, expected),
            None => (0, START, Expected::new()),
        };
        let name = || "snapshot and journal".to_owned();
        match told.first {
            Some((first, _)) if first > from + 1 => {
                let cause = format!("the journal begins with frame {first}, and the snapshot tells up to frame {from} only");
                return Err((name(), cause));
            }
            Some((first, previous)) if first == from + 1 && previous != hash => {
                return Err((name(), format!("frame {first} does not follow the snapshot")));
            }
            _ if told.named.get(&from).is_some_and(|(_, found)| from > 0 && *found != hash) => {
                return Err((name(), format!("frame {from} is not the one that the snapshot begins at")));
            }
            _ => {}
        }
        apply(&mut expected, told, from);
        self.compare(&expected, &told.head).map_err(|cause| (name(), cause))?;
        Ok(expected)
    }

    /// What the store must hold by the saved index and the frames behind it.
    pub(super) fn by_index(&self, head: &Head, index: &Index, told: &Told) -> Result<Expected, Option<Damage>> {
        let damaged = |cause: String| Err(Some(("the saved index".to_owned(), cause)));
        if head.frame > told.head.frame {
            return damaged(format!("it is of frame {}, and the journal ends with frame {}", head.frame, told.head.frame));
        }
        if told.first.is_some_and(|(first, _)| first > head.frame + 1) {
            return damaged(format!("it is of frame {}, and the journal begins later", head.frame));
        }
        let mut expected = Expected::new();
        let mut after = None;
        loop {
            let entries = index.entries_after(after, 4096);
            let Some(last) = entries.last() else { break };
            after = Some((last.tenant, Cursor { created: last.place.created, position: last.place.position }));
            expected.extend(entries.iter().map(|entry| (Number::of(entry.tenant, &entry.place), entry.place.revision)));
        }
        apply(&mut expected, told, head.frame);
        match self.compare(&expected, &told.head) {
            Ok(()) => Ok(expected),
            Err(cause) => damaged(cause),
        }
    }

    /// Compares what there is with the number of records and the set hash that the journal tells of.
    fn compare(&self, expected: &Expected, head: &Head) -> Result<(), String> {
        let mut found = Head::EMPTY;
        for (number, revision) in expected {
            found.enter(self.keyring, number.tenant, &place(*number, *revision));
        }
        if found.count != head.count {
            return Err(format!("{} records were found, and the journal counts {}", found.count, head.count));
        }
        if found.set != head.set {
            return Err(format!("{} records were found, but not all of them as they were written last", found.count));
        }
        Ok(())
    }

    /// Reads every record of sled and compares it with what must be there. What frames tell that sled may not have yet is left
    /// out: the next start applies them.
    pub(super) fn compare_sled(
        &mut self,
        sled: &Opened,
        expected: Option<&Expected>,
        told: &Told,
        consequence: Consequence,
    ) -> Result<bool, OpenError> {
        let before = self.report.findings.len() as u64 + self.report.unreported;
        let Opened { engine, head } = sled;
        const SLED: &str = "sled's files";
        if head.frame > told.head.frame {
            let cause = format!("they are of frame {}, and the journal ends with frame {}", head.frame, told.head.frame);
            self.report.add(SLED, cause, consequence);
            return Ok(false);
        }
        if told.first.is_some_and(|(first, _)| first > head.frame + 1) {
            let cause = format!("they are of frame {}, and the journal begins later", head.frame);
            self.report.add(SLED, cause, consequence);
            return Ok(false);
        }
        if told.named.get(&head.frame).is_some_and(|(found, _)| found != head) {
            self.report.add(SLED, "they are not what the journal tells", consequence);
            return Ok(false);
        }
        let pending: HashSet<Number> =
            told.changes.iter().filter(|(frame, ..)| *frame > head.frame).map(|(_, number, _)| *number).collect();
        let mut seen = HashSet::new();
        let mut read = 0;
        let (keyring, report, progress) = (self.keyring, &mut self.report, &mut *self.progress);
        let visited = engine.visit::<OpenError>(|number, sealed| {
            read += 1;
            progress(Step { what: "sled", done: read, all: Some(told.head.count.max(read)), unit: "records" });
            if pending.contains(&number) {
                return Ok(());
            }
            let found = sealed.map_err(|error| error.to_string()).and_then(|sealed| {
                verify(keyring, number, &sealed).map_err(|error| match error {
                    OpenError::Damaged { cause, .. } => cause,
                    other => other.to_string(),
                })
            });
            match found {
                Ok(revision) => {
                    seen.insert(number);
                    match expected.map(|expected| expected.get(&number)) {
                        Some(None) => report.add(history::name(number), "sled has it, and it was removed", consequence),
                        Some(Some(written)) if *written != revision => {
                            let cause =
                                format!("sled has it as commit {} wrote it, and commit {} was later", revision.0, written.0);
                            report.add(history::name(number), cause, consequence);
                        }
                        _ => {}
                    }
                }
                Err(cause) => report.add(history::name(number), format!("in sled: {cause}"), consequence),
            }
            Ok(())
        });
        match visited {
            Ok(()) => {}
            Err(OpenError::Damaged { cause, .. }) => self.report.add(SLED, cause, consequence),
            Err(other) => return Err(other),
        }
        self.report.sled_records = seen.len() as u64;
        if let Some(expected) = expected {
            let missing = expected.keys().filter(|number| !seen.contains(number) && !pending.contains(number)).count();
            if missing > 0 {
                self.report.add(SLED, format!("{missing} records are missing, or are not as they were written"), consequence);
            }
        }
        Ok(self.report.findings.len() as u64 + self.report.unreported == before)
    }
}

/// Applies what the frames behind one tell.
fn apply(expected: &mut Expected, told: &Told, from: u64) {
    for (_, number, revision) in told.changes.iter().filter(|(frame, ..)| *frame > from) {
        match revision {
            Some(revision) => expected.insert(*number, *revision),
            None => expected.remove(number),
        };
    }
}
