//! Checking a store while it is in use.

use std::thread;
use std::time::{Duration, Instant};

use store::{Cursor, StoreError};

use super::{Check, Consequence, Report, Step, verify};
use crate::journal::scan;
use crate::shared::Shared;
use crate::{OpenError, SledStore, files, saved_index, snapshot};

/// How long a snapshot is waited for that makes a damaged journal needless.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often something is read again that was replaced, or dropped, while it was read.
const ATTEMPTS: usize = 5;

impl SledStore {
    /// Reads everything the store has while it is in use: every record as a client would get it, the snapshot, the saved index,
    /// the journal as far as it was durable when it was looked at, the log stream. A record that is damaged is made good at once.
    ///
    /// # Errors
    /// [`OpenError::Failed`] when reading itself fails. Damage is no error, but a finding.
    pub fn check(&self, progress: &mut dyn FnMut(Step)) -> Result<Report, OpenError> {
        let shared = &self.shared;
        let (directory, keyring, options) = (&*shared.directory, &shared.keyring, &shared.options);
        let mut check = Check { directory, keyring, options, report: Report::default(), progress };
        check.records(shared)?;
        for extension in [snapshot::EXTENSION, saved_index::EXTENSION] {
            check.saved(extension)?;
        }
        check.durable_journal(shared)?;
        check.log_in_use(shared)?;
        Ok(check.report)
    }
}

impl Check<'_> {
    fn records(&mut self, shared: &Shared) -> Result<(), OpenError> {
        let mut after = None;
        loop {
            let (batch, all) = {
                let published = shared.published();
                let entries = published.index.entries_after(after, 64);
                let Some(last) = entries.last() else { break };
                after = Some((last.tenant, Cursor { created: last.place.created, position: last.place.position }));
                let batch: Vec<_> = entries.into_iter().map(|entry| (entry.tenant, entry.identifier)).collect();
                (batch, published.head.count)
            };
            for (tenant, identifier) in batch {
                match shared.sealed(tenant, &identifier) {
                    Ok(None) => {}
                    Ok(Some(_)) => self.report.sled_records += 1,
                    Err(StoreError::Damaged { what, cause }) => {
                        shared.pending.rebuild();
                        self.report.add(what, format!("in sled, which is made again now: {cause}"), Consequence::Heals);
                    }
                    Err(other) => return Err(other.into()),
                }
            }
            self.report.records = all;
            self.tell("records", "records", self.report.sled_records, Some(all.max(self.report.sled_records)));
        }
        Ok(())
    }

    /// Reads the newest snapshot, or the newest saved index; once more if another took its place meanwhile.
    fn saved(&mut self, extension: &str) -> Result<(), OpenError> {
        let is_snapshot = extension == snapshot::EXTENSION;
        let folder = if is_snapshot { files::snapshots(self.directory) } else { files::indexes(self.directory) };
        for _ in 0..ATTEMPTS {
            let Some(path) = self.newest(folder.clone(), extension)? else { return Ok(()) };
            let damage = if is_snapshot {
                self.snapshot().map(|(_, damage)| damage)
            } else {
                self.saved_index().map(|(_, damage)| damage)
            };
            let is_there = path.exists();
            match damage {
                Ok(None) => return Ok(()),
                Ok(Some((what, cause))) if is_there => {
                    self.report.add(what, cause, Consequence::Heals);
                    return Ok(());
                }
                Err(error) if is_there => return Err(error),
                Ok(Some(_)) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Reads the journal up to the frame that is durable now; what is behind it is being written.
    fn durable_journal(&mut self, shared: &Shared) -> Result<(), OpenError> {
        let durable = shared.published().head.frame;
        for attempt in 1..=ATTEMPTS {
            let first = shared.segments.first();
            let mut frames = 0;
            let keyring = self.keyring;
            let read = scan::look(shared.segments.directory()).and_then(|journal| {
                journal.read(keyring, 1, durable, durable, |frame| {
                    for change in frame.changes.iter().filter(|change| change.sealed.is_some()) {
                        verify(keyring, change.number, change.sealed.as_deref().unwrap_or_default())?;
                    }
                    frames += 1;
                    (self.progress)(Step { what: "journal", done: frames, all: None, unit: "frames" });
                    Ok(())
                })
            });
            self.report.frames = frames;
            match read {
                Ok(_) => return Ok(()),
                // Dropped meanwhile.
                Err(_) if shared.segments.first() != first && attempt < ATTEMPTS => {}
                Err(OpenError::Damaged { what, cause }) => {
                    let needed_from = shared.leave_journal_behind();
                    self.tell("snapshot", "records", 0, None);
                    if self.is_left_behind(needed_from) {
                        self.report.add(
                            what,
                            format!("{cause}; a snapshot was written that does not need it"),
                            Consequence::Heals,
                        );
                    } else {
                        let cause = format!("{cause}; the server still has every object: export them before it is stopped");
                        self.report.add(what, cause, Consequence::NeedsBackup);
                    }
                    return Ok(());
                }
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    /// Waits for a snapshot that begins at a frame or behind it.
    fn is_left_behind(&self, frame: u64) -> bool {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            // Only the number in its name is looked at: one that is there under it was synced before.
            let newest = self.newest(files::snapshots(self.directory), snapshot::EXTENSION);
            let name = newest.ok().flatten().and_then(|path| path.file_stem().map(ToOwned::to_owned));
            let begins = name.and_then(|name| u64::from_str_radix(name.to_str()?, 16).ok());
            if begins.is_some_and(|begins| begins >= frame) {
                return true;
            }
            thread::sleep(PATIENCE / 300);
        }
        false
    }

    fn log_in_use(&mut self, shared: &Shared) -> Result<(), OpenError> {
        let all = shared.log.segments()?.iter().map(|segment| segment.bytes).sum();
        let mut done = 0;
        let progress = &mut *self.progress;
        let found = shared.log.check(self.keyring, &mut |bytes| {
            done += bytes;
            progress(Step { what: "log", done, all: Some(done.max(all)), unit: "bytes" });
        })?;
        self.report.log_entries = found.entries;
        self.damaged_log(found)
    }
}
