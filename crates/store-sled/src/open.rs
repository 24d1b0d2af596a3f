//! Making and opening a store.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use store::StoreError;
use store::index::Index;
use store::sealing::{Keyring, KeyringError, RootKey, RootKeyIdentifier, SealingError};

use crate::ahead::Ahead;
use crate::anchor::{self, Anchor, Anchored};
use crate::engine::{Engine, EngineError};
use crate::head::{Head, Where};
use crate::journal::{Frame, Journal, START, scan};
use crate::keep::Marks;
use crate::log_stream::LogStream;
use crate::lull::Lull;
use crate::shared::{Published, Shared, read_log};
use crate::{SledStore, files, history, saved_index, snapshot};

/// How a store uses the machine.
#[derive(Clone, Debug)]
pub struct Options {
    /// How much memory sled may use to keep pages, in bytes as they are in the file: in memory they take several times as much.
    pub cache_bytes: u64,
    /// Commits are refused as [`StoreError::Full`] while the file system has less room than this, in bytes: sled must not
    /// meet a full disk, and a few segments of 16 MiB may be on their way. Log entries of reads are taken until half of it
    /// is used.
    pub reserve_bytes: u64,
    /// How large a segment of the journal is, in bytes. It is made ahead, of zeros.
    pub segment_bytes: u64,
    /// How large a segment of the log stream is, in bytes. Retention drops whole segments.
    pub log_segment_bytes: u64,
    /// What the journal has beyond sled is applied when it is so many bytes ...
    pub apply_bytes: usize,
    /// ... or when it has waited so long.
    pub apply_after: Duration,
    /// How many bytes may wait to be applied: they are in memory. The writer waits when there are more.
    pub overlay_bytes: usize,
    /// The index is saved after so many bytes of journal, and not before the journal has grown by half the index.
    pub index_bytes: u64,
    /// A snapshot is written after so many bytes of journal, and not before the journal has grown by the last snapshot.
    pub snapshot_bytes: u64,
    /// Who tells the writer that no commit is about to arrive.
    pub lull: Option<Lull>,
    /// Log entries of what changed nothing are durable when [`store::Store::log`] returns. Otherwise they survive the end of the process
    /// then, and a power cut some 50 ms later.
    pub durable_log: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: 32 << 20,
            reserve_bytes: 64 << 20,
            segment_bytes: 16 << 20,
            log_segment_bytes: 16 << 20,
            apply_bytes: 8 << 20,
            apply_after: Duration::from_secs(1),
            overlay_bytes: 64 << 20,
            index_bytes: 32 << 20,
            snapshot_bytes: 64 << 20,
            lull: None,
            durable_log: false,
        }
    }
}

/// Log entries that a start reads at a time, to find those that are not there.
const LOG_PAGE: usize = 1_000;

/// Why a store could not be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no store in the directory.
    #[error("there is no store in {}", .0.display())]
    Absent(PathBuf),
    /// There is one already.
    #[error("there is a store in {} already", .0.display())]
    Exists(PathBuf),
    /// Another process, or another part of this one, has it open.
    #[error("the store in {} is in use by another process", .0.display())]
    Locked(PathBuf),
    /// The store belongs to another root key.
    #[error("the store belongs to root key {expected}, not to root key {given}")]
    WrongRootKey {
        /// The root key it belongs to.
        expected: RootKeyIdentifier,
        /// The one that was given.
        given: RootKeyIdentifier,
    },
    /// A newer release wrote it.
    #[error("{what} was written by a newer release: {cause}")]
    NewerFormat {
        /// Which file or record.
        what: String,
        /// Which format, and which one this release knows.
        cause: String,
    },
    /// Something is missing, or not what was written.
    #[error("{what}: {cause}")]
    Damaged {
        /// Which file or record.
        what: String,
        /// What was found.
        cause: String,
    },
    /// The operating system or the engine failed.
    #[error("{what}: {cause}")]
    Failed {
        /// What was being done.
        what: String,
        /// What happened.
        cause: String,
    },
}

impl OpenError {
    pub(crate) fn failed(what: String, cause: impl ToString) -> Self {
        Self::Failed { what, cause: cause.to_string() }
    }

    pub(crate) fn sealing(what: impl Into<String>, error: SealingError) -> Self {
        let (what, cause) = (what.into(), error.to_string());
        match error {
            SealingError::NewerFormat(_) => Self::NewerFormat { what, cause },
            SealingError::Failed(_) => Self::Failed { what, cause },
            SealingError::Damaged(_) | SealingError::NoEpochKey(_) => Self::Damaged { what, cause },
        }
    }

    pub(crate) fn keyring(error: KeyringError) -> Self {
        let (what, cause) = ("the key file of the store".into(), error.to_string());
        match error {
            KeyringError::WrongRootKey { expected, given } => Self::WrongRootKey { expected, given },
            KeyringError::NewerFormat(_) => Self::NewerFormat { what, cause },
            KeyringError::Damaged(_) => Self::Damaged { what, cause },
            KeyringError::Random => Self::Failed { what, cause },
        }
    }
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Damaged { what, cause } => Self::Damaged { what, cause },
            StoreError::NewerFormat(cause) => Self::NewerFormat { what: "a file of the store".into(), cause },
            StoreError::Failed { what, cause } => Self::Failed { what, cause },
            other => Self::failed("opening the store".into(), other),
        }
    }
}

impl From<EngineError> for OpenError {
    fn from(error: EngineError) -> Self {
        let what = "reading sled's files".into();
        match error {
            EngineError::Damaged(cause) => Self::Damaged { what, cause },
            other => Self::failed(what, other),
        }
    }
}

/// A store that was opened; its threads are not running yet.
pub(crate) struct Opened {
    pub(crate) shared: Shared,
    pub(crate) journal: Journal,
    pub(crate) anchor: Anchor,
    pub(crate) marks: Marks,
    pub(crate) lock: files::Lock,
}

pub(crate) fn create(
    directory: &Path,
    root: &RootKey,
    options: &Options,
    keys: impl FnOnce(Keyring) -> Keyring,
) -> Result<Opened, OpenError> {
    files::make_directory(directory)?;
    let lock = files::lock(directory)?;
    files::begin(directory)?;
    let (keyring, key_file) = Keyring::generate(root).map_err(OpenError::keyring)?;
    let keyring = keys(keyring);
    let head = Head::EMPTY;
    let engine = Engine::open(&files::objects(directory), options.cache_bytes)?;
    engine.write_head(&head.seal(&keyring, Where::Engine).map_err(|error| OpenError::sealing("the head", error))?)?;
    engine.sync()?;
    let failed = |cause| OpenError::failed(format!("making the journal in {}", directory.display()), cause);
    let journal = Journal::create(&files::journal(directory), options.segment_bytes).map_err(failed)?;
    let log = LogStream::open(&files::log(directory), options.log_segment_bytes, 0)?;
    let anchor = Anchor::create(directory, &keyring, 0, &START)?;
    files::finish(directory, &key_file)?;
    let (ahead, _) = Ahead::open(directory, &keyring, |_| Ok(Vec::new()))?;
    let published = Published {
        index: Index::new(keyring.term_hasher()),
        overlay: HashMap::new(),
        log: VecDeque::new(),
        head: head.clone(),
        hash: START,
        applied: Some((head, START)),
    };
    let segments = journal.segments().clone();
    let shared = Shared::new(engine, keyring, log, ahead, segments, published, directory, options);
    Ok(Opened { shared, journal, anchor, marks: Marks::default(), lock })
}

pub(crate) fn open(directory: &Path, root: &RootKey, options: &Options) -> Result<Opened, OpenError> {
    if !SledStore::exists(directory) {
        return Err(OpenError::Absent(directory.into()));
    }
    let started = Instant::now();
    let lock = files::lock(directory)?;
    let (keyring, lost_keys) = files::read_keys(directory, root)?;
    files::make_sure(directory).map_err(|cause| OpenError::failed(format!("syncing {}", directory.display()), cause))?;
    if let Some(lost) = lost_keys {
        let (path, cause) = (lost.path(directory), &lost.cause);
        match lost.is_new {
            true => tracing::info!(path = %path.display(), "the key file gets a second copy"),
            false => {
                tracing::error!(path = %path.display(), %cause, "A COPY OF THE KEY FILE IS LOST. It is made anew from the other; look after the disk")
            }
        }
        if let Err(cause) = lost.write(directory) {
            tracing::error!(path = %path.display(), %cause, "the key file has one copy only");
        }
    }
    let failed = |what: &'static str| move |cause| OpenError::failed(format!("reading {what}"), cause);
    // What was left of a sled that was being made again.
    files::remove_all(&files::new_objects(directory)).map_err(failed("the directory of the store"))?;
    let found = Anchor::open(directory, &keyring)?;
    let anchored = match &found {
        anchor::Found::Known(_, anchored) => Some(anchored.clone()),
        anchor::Found::Lost(_) => None,
    };
    let scan = scan::open(&files::journal(directory))?;
    let snapshot = snapshot::newest(directory, &keyring).map_err(failed("the snapshots"))?;
    // The journal has the log entries from its first frame on; those before must be in the log stream.
    let log = LogStream::open(&files::log(directory), options.log_segment_bytes, scan.log_before(&keyring)?)?;

    // sled opens while the index is read: both take seconds when there are many records.
    let (engine, saved) = thread::scope(|scope| {
        let engine = scope.spawn(|| open_engine(directory, &keyring, options));
        let saved = saved_index::read(directory, &keyring);
        (engine.join(), saved)
    });
    let engine = engine.unwrap_or_else(|_| Err("opening it panicked".into()));
    let saved = saved.map_err(failed("the saved index"))?;

    let Tail { head, hash, end, applied, behind, engine, index, index_mark } =
        Tail::read(&scan, &keyring, engine, saved, log.end(), anchored.as_ref())?;
    if let anchor::Found::Lost(cause) = &found {
        let is_applied = engine.is_ok() && applied.as_ref().is_some_and(|(sled, _)| *sled == head);
        let sound = journal_is_all(end.torn, is_applied, head_in_log(&log, &keyring, &head)?);
        let lost = |why| OpenError::Damaged { what: anchor::WHAT.into(), cause: format!("{cause}, and {why}") };
        sound.map_err(lost)?;
    }
    let index = match index {
        Some(index) => index,
        None => {
            match &snapshot {
                Some(_) => tracing::warn!("there is no saved index that fits; it is made from snapshot and journal"),
                // A young store: neither was due yet.
                None => tracing::info!("no index was saved yet; it is made from the journal"),
            }
            let index = history::rebuild_index(snapshot.as_ref(), &scan, &keyring, head.frame)?;
            check_index(&index, &keyring, &head)?;
            index
        }
    };
    let engine = match engine {
        Ok(engine) => engine,
        Err(cause) => {
            tracing::error!(%cause, "sled cannot be used; it is made again from snapshot and journal");
            let old = files::size(&files::objects(directory)).map_err(failed("sled's files"))?;
            let free = files::free(directory).map_err(failed("the room on the file system"))?;
            if old > 0 && !files::has_room(free, options.reserve_bytes, old) {
                // The old one goes first, but not before it is known that nothing of it is needed.
                let index = history::rebuild_index(snapshot.as_ref(), &scan, &keyring, head.frame)?;
                check_index(&index, &keyring, &head)?;
                tracing::warn!(
                    bytes = old,
                    free,
                    "there is no room for a second sled: the one that cannot be used is removed first"
                );
                files::remove_all(&files::objects(directory)).map_err(failed("sled's files"))?;
            }
            history::rebuild_engine(directory, &keyring, &scan, &head, options.cache_bytes, &|| false)?;
            history::install_engine(directory, options.cache_bytes)?
        }
    };
    check_log(&log, &behind, &head)?;
    let anchor = match found {
        anchor::Found::Known(anchor, _) => anchor,
        anchor::Found::Lost(cause) => {
            tracing::error!(
                %cause, frame = head.frame,
                "THE ANCHOR IS LOST. Journal, sled, index and log agree, so nothing is missing, and it is made anew; look after the disk"
            );
            Anchor::create(directory, &keyring, head.frame, &hash)?
        }
    };
    let journal = scan.resume(&end, options.segment_bytes)?;

    tracing::info!(
        records = head.count,
        log = head.log.sequence,
        behind = behind.len(),
        milliseconds = started.elapsed().as_millis(),
        "store opened"
    );
    let mut published = Published { index, overlay: HashMap::new(), log: VecDeque::new(), head, hash, applied };
    behind.iter().for_each(|frame| published.overlay(frame));
    let marks = Marks::at(index_mark, snapshot.as_ref(), journal.segments());
    let segments = journal.segments().clone();
    let blocks: Vec<_> = published.log.iter().cloned().collect();
    let (ahead, reads) = Ahead::open(directory, &keyring, |from| read_log(&log, &blocks, &keyring, from, LOG_PAGE))?;
    let shared = Shared::new(engine, keyring, log, ahead, segments, published, directory, options);
    if !reads.is_empty() {
        tracing::info!(entries = reads.len(), "log entries of reads that the journal did not have yet are logged now");
        shared.queue.put_back(reads);
    }
    for frame in behind {
        let bytes = frame.changes.iter().map(|change| change.sealed.as_deref().map_or(0, <[u8]>::len)).sum::<usize>();
        shared.pending.push(frame, bytes);
    }
    Ok(Opened { shared, journal, anchor, marks, lock })
}

type OpenedEngine = Result<(Engine, Head), String>;

/// Opens sled and reads up to where it was applied. What is wrong with it is no error: it can be made again.
fn open_engine(directory: &Path, keyring: &Keyring, options: &Options) -> OpenedEngine {
    let objects = files::objects(directory);
    if !objects.exists() {
        return Err("its directory is missing".into());
    }
    let engine = Engine::open(&objects, options.cache_bytes).map_err(|error| error.to_string())?;
    let sealed = engine.read_head().map_err(|error| error.to_string())?.ok_or("its head is missing")?;
    let head = Head::open(keyring, Where::Engine, &sealed).map_err(|error| format!("its head: {error}"))?;
    Ok((engine, head))
}

/// What the end of the journal tells: what the store holds, and what the log stream and a sled that can be used may lack.
struct Tail {
    head: Head,
    hash: [u8; 32],
    end: scan::End,
    /// What sled had when the store was closed, if it can be used.
    applied: Option<(Head, [u8; 32])>,
    behind: Vec<Frame>,
    /// sled, or why it is to be made again.
    engine: Result<Engine, String>,
    /// The saved index, brought up to the end; `None`: it is to be made again.
    index: Option<Index>,
    /// The frame at which the index was saved, and its length.
    index_mark: Option<(u64, u64)>,
}

impl Tail {
    fn read(
        scan: &scan::Opened,
        keyring: &Keyring,
        engine: OpenedEngine,
        saved: Option<(Head, Index, u64)>,
        log_end: u64,
        anchored: Option<&Anchored>,
    ) -> Result<Self, OpenError> {
        let durable = anchored.map_or(0, |anchored| anchored.frame);
        // What the journal no longer has cannot be brought up.
        let is_covered = |head: &Head| scan.first().is_none_or(|first| head.frame + 1 >= first);
        let engine = engine.and_then(|(engine, sled)| match is_covered(&sled) {
            true => Ok((engine, sled)),
            false => Err(format!("it has what frame {} told, and the journal begins later", sled.frame)),
        });
        let mut saved = saved.filter(|(head, ..)| is_covered(head));
        let sled = engine.as_ref().ok().map(|(_, head)| head.clone());
        let lacks_log = sled.as_ref().is_none_or(|sled| sled.log.sequence > log_end);
        let applied = sled.as_ref().filter(|_| !lacks_log).map_or(0, |sled| sled.frame);
        let from = saved.as_ref().map_or(applied, |(head, ..)| head.frame.min(applied));

        let mut differs = None;
        let mut applied = sled.as_ref().filter(|sled| sled.frame == 0).map(|sled| (sled.clone(), START));
        let (mut behind, mut last) = (Vec::new(), None);
        let end = scan.read(keyring, from.max(1), u64::MAX, durable, |mut frame| {
            if frame.sequence == durable && anchored.is_some_and(|anchored| !anchored.is(&frame.head, &frame.hash)) {
                let cause = format!("frame {} is not the one that was durable", frame.sequence);
                return Err(OpenError::Damaged { what: "the journal".into(), cause });
            }
            last = Some((frame.head.clone(), frame.hash));
            if let Some((saved, index, _)) = &mut saved
                && saved.frame < frame.sequence
            {
                frame.changes.iter().try_for_each(|change| history::enter(index, keyring, change))?;
            }
            match &sled {
                Some(sled) if sled.frame == frame.sequence => {
                    applied = Some((sled.clone(), frame.hash));
                    if *sled != frame.head {
                        differs = Some(frame.sequence);
                    }
                    frame.changes.clear();
                }
                Some(sled) if sled.frame < frame.sequence => {}
                _ => frame.changes.clear(),
            }
            frame.log = frame.log.filter(|block| block.first > log_end);
            if !frame.changes.is_empty() || frame.log.is_some() {
                behind.push(frame);
            }
            Ok(())
        })?;
        let (head, hash) = last.unwrap_or((Head::EMPTY, START));
        // A first frame that was cut off is nothing: the store never held anything.
        if head.frame == 0 && scan.first().is_some_and(|first| first > 1) {
            return Err(OpenError::Damaged { what: "the journal".into(), cause: "none of its frames can be read".into() });
        }
        let engine = engine.and_then(|(engine, sled)| match differs {
            Some(frame) => Err(format!("what it has is not what frame {frame} told")),
            None if sled.frame > head.frame => Err(format!("it has what frame {} told, and there is none", sled.frame)),
            None => Ok(engine),
        });
        if engine.is_err() {
            applied = None;
            behind.iter_mut().for_each(|frame| frame.changes.clear());
        }
        let saved = saved.filter(|(saved, index, _)| {
            let fits = saved.frame <= head.frame && contents(index, keyring) == (head.count, head.set);
            if !fits {
                tracing::error!(frame = saved.frame, "the saved index is not what the journal tells");
            }
            fits
        });
        let (index, index_mark) = match saved {
            Some((saved, index, bytes)) => (Some(index), Some((saved.frame, bytes))),
            None => (None, None),
        };
        Ok(Self { head, hash, end, applied, behind, engine, index, index_mark })
    }
}

/// How many records an index has, and their set hash.
fn contents(index: &Index, keyring: &Keyring) -> (u64, [u8; 32]) {
    // Every record is a MAC: two threads compute half of them each.
    let half = |first: usize| {
        let mut found = Head::EMPTY;
        index.places().skip(first).step_by(2).for_each(|(tenant, place)| found.enter(keyring, tenant, &place));
        found
    };
    let (mut found, other) = thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        (half(0), other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    found.set.iter_mut().zip(other.set).for_each(|(set, other)| *set ^= other);
    (found.count + other.count, found.set)
}

fn check_index(index: &Index, keyring: &Keyring, head: &Head) -> Result<(), OpenError> {
    let (count, set) = contents(index, keyring);
    if (count, set) == (head.count, head.set) {
        return Ok(());
    }
    let cause = if count == head.count {
        format!("{count} records were found, but not all of them in the version that was written last")
    } else {
        format!("{count} records were found, and the journal counts {}", head.count)
    };
    Err(OpenError::Damaged { what: "the store".into(), cause })
}

/// Whether nothing can be missing at the end of a journal of which no anchor tells how long it was: why not, if not.
pub(crate) fn journal_is_all(torn: u64, is_applied: bool, is_in_log: bool) -> Result<(), &'static str> {
    if torn > 0 {
        return Err("the journal ends in bytes that are no frame: nobody knows whether they were one");
    }
    if !is_applied {
        return Err("sled has not all that the journal tells: nobody knows whether the journal told more");
    }
    if !is_in_log { Err("the log stream does not end where the journal says") } else { Ok(()) }
}

/// Whether the log stream itself, without what the journal still has, ends with the entry that a head tells of.
pub(crate) fn head_in_log(log: &LogStream, keyring: &Keyring, head: &Head) -> Result<bool, StoreError> {
    if log.end() != head.log.sequence || log.first() > head.log.sequence {
        // There may be no entry that is kept.
        return Ok(log.end() == head.log.sequence);
    }
    let last = log.read(head.log.sequence, 1, keyring)?;
    Ok(last.first().is_some_and(|last| last.hash == head.log.hash))
}

/// The log stream, with what the journal still has of it, ends where the journal says, without a gap.
fn check_log(log: &LogStream, behind: &[Frame], head: &Head) -> Result<(), OpenError> {
    let mut end = log.end();
    for block in behind.iter().filter_map(|frame| frame.log.as_ref()) {
        if block.first != end + 1 {
            let cause = format!("entries {} to {} are missing", end + 1, block.first - 1);
            return Err(OpenError::Damaged { what: "the log stream".into(), cause });
        }
        end = block.last();
    }
    if end != head.log.sequence {
        let cause = format!("it ends with entry {end}, and the journal counts {}", head.log.sequence);
        return Err(OpenError::Damaged { what: "the log stream".into(), cause });
    }
    Ok(())
}

/// Tells how far something has come, every two seconds.
pub(crate) struct Progress {
    what: &'static str,
    done: u64,
    all: u64,
    told: Instant,
}

impl Progress {
    pub(crate) fn new(what: &'static str, all: u64) -> Self {
        Self { what, done: 0, all, told: Instant::now() }
    }

    pub(crate) fn advance(&mut self) {
        self.done += 1;
        if self.done.is_multiple_of(1024) && self.told.elapsed() >= Duration::from_secs(2) {
            self.told = Instant::now();
            tracing::info!(done = self.done, all = self.all, "{}", self.what);
        }
    }
}

impl From<OpenError> for StoreError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::NewerFormat { .. } => Self::NewerFormat(error.to_string()),
            OpenError::Damaged { what, cause } => Self::Damaged { what, cause },
            other => Self::Failed { what: "opening the store".into(), cause: other.to_string() },
        }
    }
}
