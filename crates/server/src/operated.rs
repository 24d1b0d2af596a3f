//! What the server does with its store beside requests: measures it, and drops what of the audit log is old enough.

use crate::audit_trail::RETENTION;
use crate::config::AuditConfig;
use crate::live;
use audit::Outcome;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use store::memory::MemoryStore;
use store::sealing::RootKey;
use store::{Commit, Store, StoreError, Tenant};
use store_sled::{LogSegment, Report, SledStore, Status, Step, TellDamaged};

/// How often old entries of the audit log are looked for.
pub const RETENTION_PERIOD: Duration = Duration::from_secs(3600);

const IN_MEMORY: &str = "the store is in memory";

/// A store that can be operated.
pub trait OperatedStore: Store {
    /// How it is doing, if it can tell.
    fn status(&self) -> Option<Status> {
        None
    }

    /// The parts in which its log can be dropped, the oldest first; none: it cannot.
    ///
    /// # Errors
    /// When its files cannot be examined.
    fn log_segments(&self) -> Result<Vec<LogSegment>, StoreError> {
        Ok(Vec::new())
    }

    /// Whether there is an object of this identifier.
    fn contains(&self, _tenant: Tenant, _identifier: &str) -> bool {
        false
    }

    /// Reads everything it has, while it is in use.
    ///
    /// # Errors
    /// When reading itself fails. Damage is a finding.
    fn check(&self, _progress: &mut dyn FnMut(Step)) -> Result<Report, String> {
        Err(IN_MEMORY.to_owned())
    }

    /// Writes all its records to a file, sealed under a root key; how many there are. With `damaged`, a record that cannot be read is
    /// left out, and named there with the cause.
    ///
    /// # Errors
    /// When anything cannot be read or written.
    fn export(
        &self,
        _key: &RootKey,
        _file: &File,
        _damaged: Option<&mut Vec<String>>,
        _progress: &mut dyn FnMut(u64, u64),
    ) -> Result<u64, String> {
        Err(IN_MEMORY.to_owned())
    }
}

impl OperatedStore for MemoryStore {}

impl<S: OperatedStore> OperatedStore for Arc<S> {
    fn status(&self) -> Option<Status> {
        S::status(self)
    }

    fn log_segments(&self) -> Result<Vec<LogSegment>, StoreError> {
        S::log_segments(self)
    }

    fn contains(&self, tenant: Tenant, identifier: &str) -> bool {
        S::contains(self, tenant, identifier)
    }

    fn check(&self, progress: &mut dyn FnMut(Step)) -> Result<Report, String> {
        S::check(self, progress)
    }

    fn export(
        &self,
        key: &RootKey,
        file: &File,
        damaged: Option<&mut Vec<String>>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<u64, String> {
        S::export(self, key, file, damaged, progress)
    }
}

impl OperatedStore for SledStore {
    fn status(&self) -> Option<Status> {
        Some(Self::status(self))
    }

    fn log_segments(&self) -> Result<Vec<LogSegment>, StoreError> {
        Self::log_segments(self)
    }

    fn contains(&self, tenant: Tenant, identifier: &str) -> bool {
        Self::contains(self, tenant, identifier)
    }

    fn check(&self, progress: &mut dyn FnMut(Step)) -> Result<Report, String> {
        Self::check(self, progress).map_err(|error| error.to_string())
    }

    fn export(
        &self,
        key: &RootKey,
        file: &File,
        damaged: Option<&mut Vec<String>>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<u64, String> {
        let out = BufWriter::with_capacity(1 << 20, file);
        let mut tell =
            damaged.map(|damaged| move |identifier: &str, error: StoreError| damaged.push(format!("{identifier}: {error}")));
        let tell = tell.as_mut().map(|tell| tell as &mut TellDamaged<'_>);
        let (mut out, records) = Self::export(self, key, out, tell, progress).map_err(|error| error.to_string())?;
        out.flush().map_err(|error| error.to_string())?;
        Ok(records)
    }
}

/// Drops the entries of the audit log that are old enough, whole segments of them, and notes that in the log itself first. What some
/// sink lacks, from the entry `undelivered` on, is kept.
///
/// # Errors
/// When the store fails, or does not take the note.
pub async fn drop_old_log<S: OperatedStore>(
    store: &S,
    config: &AuditConfig,
    undelivered: Option<u64>,
    now: SystemTime,
) -> Result<(), StoreError> {
    let mut segments = store.log_segments()?;
    if let Some(undelivered) = undelivered {
        // The last one stays in any case.
        let delivered = segments.iter().take_while(|segment| segment.last < undelivered).count();
        segments.truncate(delivered + 1);
    }
    let Some((first, last)) = droppable(&segments, config, now) else { return Ok(()) };
    let about = format!("entries {first} to {last}");
    // The hash of the last of them is where the chain of what stays begins.
    let end = store.read_log(last, 1).await?;
    let hash = end.first().map(|entry| entry.hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    let told = [Some(about.clone()), hash.map(|hash| format!("hash {hash}"))].into_iter().flatten().collect();
    let record = live::administrative("kmipd", RETENTION, told, Outcome::Success);
    store.commit(Tenant::DEFAULT, Commit { log: vec![record.encode()], ..Commit::default() }).await?;
    store.drop_log(last + 1).await?;
    tracing::info!("{about} of the audit log are older than audit.keep_days and dropped");
    Ok(())
}

/// The first and the last entry that may go: whole segments, from the oldest on, never the last, none with an entry that is
/// younger than it may be, and so many that enough is left.
///
/// Time passes between entries; where more than `keep_days` lie between a segment and the next, or now, it was the clock that jumped,
/// and that time does not count: otherwise a clock that is years ahead would make everything old at once.
fn droppable(segments: &[LogSegment], config: &AuditConfig, now: SystemTime) -> Option<(u64, u64)> {
    let keep = Duration::from_secs(u64::from(config.keep_days) * 24 * 3600);
    let mut ages = Vec::with_capacity(segments.len());
    let (mut later, mut jumped) = (now, Duration::ZERO);
    for segment in segments.iter().rev() {
        let step = later.duration_since(segment.modified).unwrap_or_default();
        if step > keep && !keep.is_zero() {
            let days = step.as_secs() / (24 * 3600);
            tracing::warn!(
                days,
                "a jump of the clock, which ages nothing in the audit log; if it was none, more is kept than need be"
            );
            jumped += step;
        }
        later = segment.modified;
        // A segment from the future has an age that nobody knows.
        ages.push(now.duration_since(segment.modified).ok().map(|age| age.saturating_sub(jumped)));
    }
    let mut left: u64 = segments.iter().map(|segment| segment.bytes).sum();
    let mut last = None;
    let (_, candidates) = segments.split_last()?;
    for (segment, age) in candidates.iter().zip(ages.into_iter().rev()) {
        left -= segment.bytes;
        let is_old = age.is_some_and(|age| age > keep);
        if !is_old || left < config.keep_mib << 20 {
            break;
        }
        last = Some(segment.last);
    }
    Some((segments.first()?.first, last?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use store_sled::Options;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn only_whole_segments_that_are_old_go_and_enough_is_left() {
        let now = SystemTime::UNIX_EPOCH + 1000 * DAY;
        let segment = |number: u64, days: u32| LogSegment {
            first: number * 10 + 1,
            last: number * 10 + 10,
            bytes: 1 << 20,
            modified: now - days * DAY,
        };
        let segments = [segment(0, 500), segment(1, 450), segment(2, 401), segment(3, 400), segment(4, 1)];
        let keep = |keep_days, keep_mib| AuditConfig { keep_days, keep_mib, ..AuditConfig::default() };
        for (config, expected) in [
            (keep(400, 0), Some((1, 30))),
            (keep(400, 2), Some((1, 30))),
            (keep(400, 3), Some((1, 20))),
            (keep(400, 5), None),
            (keep(449, 0), Some((1, 20))),
            (keep(500, 0), None),
            (keep(0, 0), Some((1, 40))),
        ] {
            assert_eq!(droppable(&segments, &config, now), expected, "{config:?}");
        }
        assert_eq!(
            droppable(&segments, &keep(0, 0), now - 2000 * DAY.min(now.duration_since(SystemTime::UNIX_EPOCH).unwrap() / 2000)),
            None
        );
        assert_eq!(droppable(&segments[4..], &keep(0, 0), now), None, "the last one stays");
        assert_eq!(droppable(&[], &keep(0, 0), now), None);
    }

    #[test]
    fn a_clock_that_jumps_makes_nothing_old() {
        let now = SystemTime::UNIX_EPOCH + 20_000 * DAY;
        let segment = |number: u64, days: u32| LogSegment {
            first: number * 10 + 1,
            last: number * 10 + 10,
            bytes: 1 << 20,
            modified: now - days * DAY,
        };
        let keep = AuditConfig { keep_days: 400, keep_mib: 0, ..AuditConfig::default() };
        // Nobody has written since the clock jumped by ten years; then somebody has.
        assert_eq!(droppable(&[segment(0, 3900), segment(1, 3700), segment(2, 3651)], &keep, now), None);
        assert_eq!(droppable(&[segment(0, 3900), segment(1, 3651), segment(2, 1), segment(3, 0)], &keep, now), None);
        // What was old before it is old.
        let segments = [segment(0, 4400), segment(1, 4100), segment(2, 3900), segment(3, 3651), segment(4, 1)];
        assert_eq!(droppable(&segments, &keep, now), Some((1, 20)));
        assert!(AuditConfig::default().keep_mib > 0, "and something is left in any case");
    }

    #[tokio::test]
    async fn a_drop_is_in_the_log_and_younger_entries_stay() {
        let directory = tempfile::tempdir().unwrap();
        let root = RootKey::generate().unwrap();
        let options =
            Options { reserve_bytes: 0, log_segment_bytes: 2048, apply_after: Duration::from_millis(5), ..Options::default() };
        let store = SledStore::create(&directory.path().join("data"), &root, &options).unwrap();
        for number in 0..20_u8 {
            store.commit(Tenant::DEFAULT, Commit { log: vec![vec![number; 500]], ..Commit::default() }).await.unwrap();
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        let segments = store.log_segments().unwrap();
        assert!(segments.len() > 3, "{segments:?}");
        let now = SystemTime::now();
        let log = directory.path().join("data/log");
        for segment in &segments[..segments.len() - 1] {
            let file = File::options().write(true).open(log.join(format!("{:016x}.log", segment.first))).unwrap();
            file.set_modified(now - 300 * DAY).unwrap();
        }
        let keep = AuditConfig { keep_days: 400, keep_mib: 0, ..AuditConfig::default() };
        drop_old_log(&store, &keep, None, now + 99 * DAY).await.unwrap();
        assert_eq!(store.log_segments().unwrap().len(), segments.len(), "nothing is old enough");

        drop_old_log(&store, &keep, Some(segments[0].last), now + 101 * DAY).await.unwrap();
        assert_eq!(store.log_segments().unwrap().len(), segments.len(), "a sink lacks the last entry of the oldest");

        drop_old_log(&store, &keep, Some(u64::MAX), now + 101 * DAY).await.unwrap();
        let kept = store.read_log(1, 1000).await.unwrap();
        let last_dropped = segments[segments.len() - 2].last;
        assert!(kept[0].sequence == last_dropped + 1, "{} {segments:?}", kept[0].sequence);
        let note = audit::AuditRecord::decode(&kept.last().unwrap().entry).unwrap();
        assert!(
            note.to_string().contains(&format!("command=\"log retention\" object=\"entries 1 to {last_dropped}\"")),
            "{note}"
        );
    }
}
