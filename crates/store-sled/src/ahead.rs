//! Log entries ahead of the journal: what was read is given to the kernel before the reader has it.
//!
//! Entries of what changed nothing wait up to 50 ms for a frame of the journal. Until that frame is durable they are in a file
//! beside it, written and not synced: they survive the end of the process, however it ends. After the next start, those that no
//! frame has are logged. A power cut can take the last of them; whoever cannot bear that waits for the frame
//! ([`Options::durable_log`](crate::Options::durable_log)).
//!
//! There are two files, more after a crash. A file that has nothing left that the journal lacks is written anew from its beginning.
//! Its header tells which entry the log ended with at that moment: what the file has was logged after that entry, or not at all.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use store::sealing::{Keyring, Kind, Label, revision_of};
use store::{LogRecord, MAX_LOG_ENTRY, Revision, StoreError, Tenant};

use crate::files;

const MAGIC: &[u8; 8] = b"kmipdahd";
const FORMAT: u16 = 1;
/// Magic, format, the last entry of the log, and the checksum of these.
const HEADER: usize = 8 + 2 + 8 + 4;
const EXTENSION: &str = "ahead";

/// How long a file is made, so that entries can be written while the disk is full: of a thousand reads or so.
const MADE: usize = 256 << 10;

/// A file this long is left for another one, if that has nothing any more.
const LEFT: u64 = 64 << 10;

/// How many files are written in turns.
const FILES: usize = 2;

/// A file is read up to this length: entries that wait have a limit of their own.
const READ_MAX: u64 = 64 << 20;

/// The files.
#[derive(Debug)]
pub(crate) struct Ahead {
    directory: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    slots: Vec<Slot>,
    /// The number of the one that is written.
    current: u64,
    /// The number of the next one that is made.
    next: u64,
}

#[derive(Debug)]
struct Slot {
    number: u64,
    /// `None`: of before the start; it is not written any more.
    file: Option<File>,
    /// Where the next record goes, and which one it is.
    end: u64,
    records: u32,
    /// How many of its entries the journal lacks.
    waiting: usize,
    /// The last entry of the log when its first record was written.
    since: u64,
    /// How often it was written anew.
    turn: u64,
}

/// An entry that no frame has, and the number of the file it is in.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) bytes: Vec<u8>,
    pub(crate) file: u64,
}

impl Ahead {
    /// Reads what an earlier process left, and makes the files to write. `log` tells what the log has from an entry on.
    ///
    /// Where no file can be made, entries are refused until one can.
    pub(crate) fn open(
        directory: &Path,
        keyring: &Keyring,
        mut log: impl FnMut(u64) -> Result<Vec<LogRecord>, StoreError>,
    ) -> Result<(Self, Vec<Entry>), StoreError> {
        let directory = files::ahead(directory);
        let failed = |cause: io::Error| StoreError::Failed {
            what: format!("reading the log entries in {}", directory.display()),
            cause: cause.to_string(),
        };
        let mut left = Vec::new();
        let mut next = 1;
        for number in list(&directory).map_err(failed)? {
            next = next.max(number + 1);
            let read = read(&path(&directory, number), keyring).map_err(failed)?;
            left.extend(read.map(|(since, entries)| (number, since, entries)));
        }
        // The order in which they were begun.
        left.sort_by_key(|(_, since, _)| *since);
        let mut entries = Vec::new();
        if let Some(since) = left.iter().filter(|(.., entries)| !entries.is_empty()).map(|(_, since, _)| *since).min() {
            let mut logged: HashMap<Vec<u8>, usize> = HashMap::new();
            let mut from = since + 1;
            loop {
                let page = log(from).unwrap_or_else(|error| {
                    // Entries that it has may be there twice then; none is missing.
                    tracing::error!(%error, from, "the log cannot be read where log entries of reads may be");
                    Vec::new()
                });
                let Some(last) = page.last() else { break };
                from = last.sequence + 1;
                page.into_iter().for_each(|record| *logged.entry(record.entry).or_default() += 1);
            }
            for (number, _, found) in &mut left {
                for bytes in std::mem::take(found) {
                    match logged.get_mut(&bytes).filter(|count| **count > 0) {
                        Some(count) => *count -= 1,
                        None => entries.push(Entry { bytes, file: *number }),
                    }
                }
            }
        }
        let mut slots = Vec::new();
        for number in list(&directory).map_err(failed)? {
            let waiting = entries.iter().filter(|entry| entry.file == number).count();
            match waiting {
                // One that stays is found to hold nothing again.
                0 => drop(fs::remove_file(path(&directory, number))),
                _ => slots.push(Slot { number, file: None, end: 0, records: 0, waiting, since: 0, turn: 0 }),
            }
        }
        let ahead = Self { directory, state: Mutex::new(State { slots, current: 0, next }) };
        for _ in 0..FILES {
            if let Err(cause) = ahead.make(&mut ahead.lock()) {
                tracing::warn!(%cause, "a file for log entries of reads cannot be made: reads wait for the journal");
            }
        }
        Ok((ahead, entries))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make(&self, state: &mut State) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(&self.directory) {
            Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => return Err(cause),
            _ => {}
        }
        let path = path(&self.directory, state.next);
        let file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&path)?;
        if let Err(cause) = file.write_all_at(&vec![0; MADE], 0) {
            // Whatever is left has no header, and is taken away at the next start, too.
            let _ = fs::remove_file(&path);
            return Err(cause);
        }
        let number = state.next;
        state.slots.push(Slot { number, file: Some(file), end: 0, records: 0, waiting: 0, since: 0, turn: 0 });
        state.next += 1;
        Ok(())
    }

    /// Gives entries to the kernel; the number of the file that has them. `log_end` tells the last entry of the log.
    pub(crate) fn write(&self, keyring: &Keyring, entries: &[Vec<u8>], log_end: impl Fn() -> u64) -> io::Result<u64> {
        let mut contents = Vec::with_capacity(entries.iter().map(|entry| 4 + entry.len()).sum());
        for entry in entries {
            contents.extend_from_slice(&(entry.len() as u32).to_be_bytes());
            contents.extend_from_slice(entry);
        }
        let mut state = self.lock();
        let slot = self.choose(&mut state, log_end)?;
        let sealed = keyring.seal(&label(slot.since, slot.records, slot.turn), &contents).map_err(io::Error::other)?;
        let mut bytes = Vec::with_capacity(HEADER + 4 + sealed.len());
        if slot.records == 0 {
            bytes.extend_from_slice(&header(slot.since));
        }
        bytes.extend_from_slice(&(sealed.len() as u32).to_be_bytes());
        bytes.extend_from_slice(&sealed);
        let file = slot.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        file.write_all_at(&bytes, slot.end)?;
        slot.end += bytes.len() as u64;
        slot.records += 1;
        slot.waiting += entries.len();
        Ok(slot.number)
    }

    /// The file to write next: the current one, from its beginning if nothing in it waits; another one if that has grown long.
    fn choose<'a>(&self, state: &'a mut State, log_end: impl Fn() -> u64) -> io::Result<&'a mut Slot> {
        let is_made = |slot: &&Slot| slot.file.is_some();
        if state.slots.iter().filter(is_made).count() == 0 {
            self.make(state)?;
        }
        let current = state.slots.iter().filter(is_made).find(|slot| slot.number == state.current);
        if !current.is_some_and(|slot| slot.waiting > 0 && slot.end < LEFT) {
            let free = state.slots.iter().filter(is_made).find(|slot| slot.waiting == 0);
            if let Some(free) = free.or(current) {
                state.current = free.number;
            }
        }
        let current = state.current;
        let slot = state.slots.iter_mut().find(|slot| slot.number == current).ok_or(io::ErrorKind::NotFound)?;
        if slot.waiting == 0 {
            (slot.end, slot.records, slot.since, slot.turn) = (0, 0, log_end(), slot.turn + 1);
        }
        Ok(slot)
    }

    /// Takes note that entries of these files are durable in the journal, or were refused.
    pub(crate) fn done(&self, files: impl Iterator<Item = u64>) {
        let mut state = self.lock();
        for number in files {
            if let Some(slot) = state.slots.iter_mut().find(|slot| slot.number == number) {
                slot.waiting = slot.waiting.saturating_sub(1);
            }
        }
        // Those of before the start have had their time.
        let directory = &self.directory;
        state
            .slots
            .retain(|slot| slot.file.is_some() || slot.waiting > 0 || fs::remove_file(path(directory, slot.number)).is_err());
    }

    /// Removes the files that have nothing the journal lacks: the store closes.
    pub(crate) fn close(&self) {
        for slot in self.lock().slots.drain(..).filter(|slot| slot.waiting == 0) {
            // One that stays is found to hold nothing at the next start.
            let _ = fs::remove_file(path(&self.directory, slot.number));
        }
    }
}

fn path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:016x}.{EXTENSION}"))
}

/// The numbers of the files in a directory, in order; none: there is no directory.
fn list(directory: &Path) -> io::Result<Vec<u64>> {
    let entries = match fs::read_dir(directory) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let stem =
            path.file_stem().and_then(|stem| stem.to_str()).filter(|_| path.extension().is_some_and(|has| has == EXTENSION));
        numbers.extend(stem.and_then(|stem| u64::from_str_radix(stem, 16).ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn header(since: u64) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(MAGIC);
    header[8..10].copy_from_slice(&FORMAT.to_be_bytes());
    header[10..18].copy_from_slice(&since.to_be_bytes());
    let checksum = crc32c::crc32c(&header[..18]);
    header[18..].copy_from_slice(&checksum.to_be_bytes());
    header
}

/// Records of a file that was written anew are of another label than those that were there before.
fn label(since: u64, record: u32, turn: u64) -> Label {
    Label { kind: Kind::LogAhead, tenant: Tenant::DEFAULT, number: since, position: record, revision: Revision(turn) }
}

/// The entries of a file, up to the first record that is not whole, or one of before the file was written anew; `None`: it has no
/// header.
fn read(path: &Path, keyring: &Keyring) -> io::Result<Option<(u64, Vec<Vec<u8>>)>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len().min(READ_MAX);
    let mut bytes = Vec::with_capacity(length as usize);
    io::Read::read_to_end(&mut io::Read::take(&mut file, length), &mut bytes)?;
    let Some((head, mut rest)) = bytes.split_at_checked(HEADER) else { return Ok(None) };
    let since = u64::from_be_bytes(head[10..18].try_into().unwrap_or_default());
    if head != header(since) {
        return Ok(None);
    }
    let (mut entries, mut turn) = (Vec::new(), None);
    for record in 0.. {
        let Some((length, after)) = rest.split_first_chunk() else { break };
        let Some((sealed, after)) = after.split_at_checked(u32::from_be_bytes(*length) as usize) else { break };
        let Some(Revision(turn)) = turn.get_or_insert_with(|| revision_of(sealed)) else { break };
        let Ok(contents) = keyring.open(&label(since, record, *turn), sealed) else { break };
        let mut contents = contents.as_slice();
        while let Some((length, after)) = contents.split_first_chunk() {
            let length = u32::from_be_bytes(*length) as usize;
            let Some((entry, after)) = after.split_at_checked(length).filter(|_| length <= MAX_LOG_ENTRY) else { break };
            entries.push(entry.to_vec());
            contents = after;
        }
        rest = after;
    }
    Ok(Some((since, entries)))
}

#[cfg(test)]
mod tests {
    use store::Store;
    use store::contract::block_on;
    use store::log::LogEnd;
    use store::sealing::RootKey;

    use super::*;
    use crate::{Options, SledStore};

    fn keyring() -> Keyring {
        Keyring::generate(&RootKey::generate().expect("root key")).expect("keyring").0
    }

    fn open(directory: &Path, keyring: &Keyring, log: &[LogRecord]) -> (Ahead, Vec<Vec<u8>>) {
        let tell = |from: u64| Ok(log.iter().filter(|record| record.sequence >= from).take(2).cloned().collect());
        let (ahead, entries) = Ahead::open(directory, keyring, tell).expect("open");
        (ahead, entries.into_iter().map(|entry| entry.bytes).collect())
    }

    fn entry(number: usize) -> Vec<u8> {
        format!("entry {number}").into_bytes()
    }

    #[test]
    fn what_the_journal_has_not_is_found_again_and_what_it_has_is_not() {
        let (directory, keyring) = (tempfile::tempdir().expect("directory"), keyring());
        let (ahead, none) = open(directory.path(), &keyring, &[]);
        assert!(none.is_empty());
        let mut end = LogEnd::EMPTY;
        let mut log = Vec::new();
        for number in 0..5 {
            let file = ahead.write(&keyring, &[entry(number), entry(number)], || end.sequence).expect("write");
            if number < 2 {
                // Logged both, and then in the order of somebody else.
                log.extend([end.append(entry(number)), end.append(b"other".to_vec()), end.append(entry(number))]);
                ahead.done([file, file].into_iter());
            }
        }
        // Of entry 2, the journal has one; nobody was told.
        log.push(end.append(entry(2)));
        drop(ahead);
        let (again, found) = open(directory.path(), &keyring, &log);
        assert_eq!(found, [2, 3, 3, 4, 4].map(entry));
        drop(again);
        for found in found {
            log.push(end.append(found));
        }
        let (again, found) = open(directory.path(), &keyring, &log);
        assert!(found.is_empty());
        again.close();
        assert_eq!(list(&files::ahead(directory.path())).expect("list"), [0; 0]);
    }

    #[test]
    fn files_are_written_anew_and_do_not_grow() {
        let (directory, keyring) = (tempfile::tempdir().expect("directory"), keyring());
        let (ahead, _) = open(directory.path(), &keyring, &[]);
        let (mut waiting, mut sequence) = (std::collections::VecDeque::new(), 0);
        for number in 0..5_000 {
            let file = ahead.write(&keyring, &[vec![number as u8; 200]], || sequence).expect("write");
            waiting.push_back(file);
            // A hundred are on their way at any moment.
            if waiting.len() > 100 {
                ahead.done(waiting.drain(..1));
                sequence += 1;
            }
        }
        let folder = files::ahead(directory.path());
        let numbers = list(&folder).expect("list");
        assert_eq!(numbers.len(), FILES);
        for number in numbers {
            assert_eq!(fs::metadata(path(&folder, number)).expect("file").len(), MADE as u64);
        }
        drop(ahead);
        // The hundred are there, and at most what is behind a file that was not left yet.
        let (_, found) = open(directory.path(), &keyring, &[]);
        assert!(found.len() >= 100 && found.ends_with(&[vec![(4_999 % 256) as u8; 200]]), "{}", found.len());
    }

    #[test]
    fn what_is_torn_ends_a_file_and_nothing_is_in_clear() {
        let (directory, keyring) = (tempfile::tempdir().expect("directory"), keyring());
        let (ahead, _) = open(directory.path(), &keyring, &[]);
        for number in 0..3 {
            ahead.write(&keyring, &[entry(number)], || 7).expect("write");
        }
        drop(ahead);
        let folder = files::ahead(directory.path());
        let file = path(&folder, list(&folder).expect("list")[0]);
        let whole = fs::read(&file).expect("read");
        assert!(!whole.windows(5).any(|window| window == b"entry"));
        let record = 4 + store::sealing::OVERHEAD + 4 + entry(0).len();
        for (at, left) in [(HEADER + 2 * record + 30, 2), (HEADER + record, 1), (HEADER + 8, 0), (3, 0), (12, 0)] {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            fs::write(&file, damaged).expect("write");
            let found = read(&file, &keyring).expect("read").map_or(0, |(_, entries)| entries.len());
            assert_eq!(found, left, "byte {at}");
        }
    }

    #[test]
    fn what_is_refused_while_the_disk_hangs_fills_no_file() {
        let (directory, root) = (tempfile::tempdir().expect("directory"), RootKey::generate().expect("root key"));
        let data = directory.path().join("data");
        let store = SledStore::create(&data, &root, &Options::default()).expect("create");
        let log = || block_on(store.log(Tenant::DEFAULT, vec![vec![7; MAX_LOG_ENTRY]]));
        let length = || -> u64 {
            let folder = files::ahead(&data);
            let numbers = list(&folder).expect("list").into_iter();
            numbers.map(|number| fs::metadata(path(&folder, number)).expect("file").len()).sum()
        };
        let writer = store.writer.lock().expect("writer");
        // The writer's thread takes what waits, and waits itself.
        log().expect("log");
        while !store.shared.queue.is_written() {
            std::thread::yield_now();
        }
        while log().is_ok() {}
        let full = length();
        for _ in 0..100 {
            log().expect_err("the disk is too far behind");
        }
        assert_eq!(length(), full);
        drop(writer);
        while log().is_err() {
            std::thread::yield_now();
        }
    }
}
