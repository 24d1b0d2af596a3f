//! The files beside sled: the lock, the key file, and the mark of a store that is being made.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use store::sealing::{Keyring, RootKey};

use crate::open::OpenError;

const LOCK: &str = "lock";
const KEYS: &str = "keys";
/// The same once more: without it nothing else can be read.
const KEYS_COPY: &str = "keys.copy";
const CREATING: &str = "creating";
const OBJECTS: &str = "objects";
const OBJECTS_NEW: &str = "objects.new";
const JOURNAL: &str = "journal";
const LOG: &str = "log";
const SNAPSHOT: &str = "snapshot";
const INDEX: &str = "index";
const AHEAD: &str = "ahead";

/// A key file of this release has 187 bytes; one with a thousand epochs has 50 KB.
const MAX_KEY_FILE: u64 = 1 << 20;

/// Held while a store is open. The operating system releases it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock(#[allow(dead_code, reason = "the lock is released when the file is closed")] File);

pub(crate) fn exists(directory: &Path) -> bool {
    // Without a key file, objects are a damaged store, unless they were being made for the first time.
    let there = |name: &str| directory.join(name).exists();
    there(KEYS) || ((there(OBJECTS) || there(KEYS_COPY)) && !there(CREATING))
}

pub(crate) fn objects(directory: &Path) -> PathBuf {
    directory.join(OBJECTS)
}

/// Where sled is made again, before it takes the place of the old one.
pub(crate) fn new_objects(directory: &Path) -> PathBuf {
    directory.join(OBJECTS_NEW)
}

pub(crate) fn journal(directory: &Path) -> PathBuf {
    directory.join(JOURNAL)
}

pub(crate) fn log(directory: &Path) -> PathBuf {
    directory.join(LOG)
}

pub(crate) fn snapshots(directory: &Path) -> PathBuf {
    directory.join(SNAPSHOT)
}

pub(crate) fn indexes(directory: &Path) -> PathBuf {
    directory.join(INDEX)
}

/// Where log entries are until the journal has them.
pub(crate) fn ahead(directory: &Path) -> PathBuf {
    directory.join(AHEAD)
}

/// Makes the directory if it is not there; only its owner may enter it.
pub(crate) fn make_directory(directory: &Path) -> Result<(), OpenError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.map_err(|cause| OpenError::failed(format!("making the directory {}", directory.display()), cause))
}

/// Takes the lock of a directory, before anything else in it is touched.
pub(crate) fn lock(directory: &Path) -> Result<Lock, OpenError> {
    let path = directory.join(LOCK);
    let failed = |cause| OpenError::failed(format!("locking {}", path.display()), cause);
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked(directory.into())),
        Err(TryLockError::Error(cause)) => Err(failed(cause)),
    }
}

/// Marks a store as being made: until [`finish`], what is there may be thrown away. Clears what an earlier, unfinished
/// attempt left.
pub(crate) fn begin(directory: &Path) -> Result<(), OpenError> {
    let failed = |cause| OpenError::failed(format!("beginning a store in {}", directory.display()), cause);
    if exists(directory) {
        return Err(OpenError::Exists(directory.into()));
    }
    File::create(directory.join(CREATING)).and_then(|mark| mark.sync_all()).map_err(failed)?;
    sync_directory(directory).map_err(failed)?;
    for part in [OBJECTS, JOURNAL, LOG, SNAPSHOT, INDEX, AHEAD] {
        remove_all(&directory.join(part)).map_err(failed)?;
    }
    for part in [JOURNAL, LOG, SNAPSHOT, INDEX] {
        DirBuilder::new().mode(0o700).create(directory.join(part)).map_err(failed)?;
    }
    Ok(())
}

/// Removes a directory with what is in it, if it is there.
pub(crate) fn remove_all(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
        _ => Ok(()),
    }
}

/// How much room the files below a path take, in bytes; 0: there is nothing.
pub(crate) fn size(path: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    let entries = match fs::read_dir(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        // What was removed meanwhile takes none.
        let Ok(metadata) = entry.metadata() else { continue };
        bytes += if metadata.is_dir() { size(&entry.path())? } else { metadata.blocks() * 512 };
    }
    Ok(bytes)
}

/// The room that is left on the file system of a path, in bytes.
pub(crate) fn free(path: &Path) -> io::Result<u64> {
    let status = rustix::fs::statvfs(path)?;
    Ok(status.f_bavail.saturating_mul(status.f_frsize))
}

/// Whether there is room for so many bytes, about, beside what is kept free.
pub(crate) fn has_room(free: u64, reserve: u64, bytes: u64) -> bool {
    free >= reserve.saturating_add(bytes + bytes / 4)
}

/// Files of a directory named by a number in hexadecimal and an extension, the greatest number first. What was left of one
/// that was being written is removed.
pub(crate) fn numbered(directory: &Path, extension: &str) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.ends_with(".new") {
            fs::remove_file(&path)?;
        } else if let Some(number) = name.strip_suffix(extension).and_then(|name| name.strip_suffix('.')) {
            let number = u64::from_str_radix(number, 16).map_err(|_| io::Error::other(format!("{name} has no number")))?;
            found.push((number, path));
        }
    }
    found.sort_unstable_by(|one, other| other.cmp(one));
    Ok(found)
}

/// Writes the key file, twice, which makes the store a complete one, and takes the mark away. All other files are synced before.
pub(crate) fn finish(directory: &Path, keys: &[u8]) -> Result<(), OpenError> {
    let failed = |cause| OpenError::failed(format!("writing the key file of {}", directory.display()), cause);
    for part in [OBJECTS, JOURNAL, LOG, SNAPSHOT, INDEX] {
        sync_all(&directory.join(part)).map_err(failed)?;
    }
    replace(directory, KEYS_COPY, keys).map_err(failed)?;
    replace(directory, KEYS, keys).map_err(failed)?;
    make_sure(directory).map_err(failed)
}

/// Makes sure that the store is found again after a power cut: who made it may have ended, or failed, between the key file and the
/// syncs that follow it.
pub(crate) fn make_sure(directory: &Path) -> io::Result<()> {
    match fs::remove_file(directory.join(CREATING)) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    sync_directory(directory)?;
    match directory.parent().filter(|parent| !parent.as_os_str().is_empty()).map(sync_directory) {
        // The directory was made by somebody else, who alone may read the one around it.
        Some(Err(cause)) if cause.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Some(synced) => synced,
        None => Ok(()),
    }
}

/// One of the two copies of the key file, which is to be written anew from the other.
#[derive(Debug)]
pub(crate) struct LostKeys {
    name: &'static str,
    /// Why it cannot be used.
    pub(crate) cause: String,
    /// It was never there: an earlier release wrote only one.
    pub(crate) is_new: bool,
    contents: Vec<u8>,
}

impl LostKeys {
    /// Its path.
    pub(crate) fn path(&self, directory: &Path) -> PathBuf {
        directory.join(self.name)
    }

    /// Writes it anew.
    pub(crate) fn write(&self, directory: &Path) -> io::Result<()> {
        replace(directory, self.name, &self.contents)
    }
}

/// Reads the keys of a complete store from whichever of the two copies of the key file is right, and tells of the other.
pub(crate) fn read_keys(directory: &Path, root: &RootKey) -> Result<(Keyring, Option<LostKeys>), OpenError> {
    if !exists(directory) {
        return Err(OpenError::Absent(directory.into()));
    }
    let open = |contents: &[u8]| Keyring::read(root, contents).map_err(OpenError::keyring);
    let (first, second) = (read_key_file(directory, KEYS), read_key_file(directory, KEYS_COPY));
    let opened = first.as_deref().map_err(LostFile::to_error).and_then(open);
    let error = match opened {
        Ok(keyring) => {
            let contents = first.unwrap_or_default();
            let lost = |cause: String, is_new| LostKeys { name: KEYS_COPY, cause, is_new, contents: contents.clone() };
            let lost = match second {
                Ok(second) if second == contents => None,
                Ok(_) => Some(lost("it is not the same as the first copy".into(), false)),
                Err(LostFile { is_missing, error }) => Some(lost(error.to_string(), is_missing)),
            };
            return Ok((keyring, lost));
        }
        Err(error) => error,
    };
    let may_be_damage = match &error {
        OpenError::Damaged { .. } | OpenError::Failed { .. } => true,
        // Unless it is a flipped bit that says so.
        OpenError::NewerFormat { .. } => {
            first.as_ref().is_ok_and(|first| second.as_ref().is_ok_and(|second| differ_by_a_byte(first, second)))
        }
        _ => false,
    };
    match second {
        Ok(contents) if may_be_damage => match open(&contents) {
            Ok(keyring) => Ok((keyring, Some(LostKeys { name: KEYS, cause: error.to_string(), is_new: false, contents }))),
            Err(_) => Err(error),
        },
        _ => Err(error),
    }
}

fn differ_by_a_byte(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).filter(|(one, other)| one != other).count() == 1
}

/// Why a copy of the key file cannot be read.
struct LostFile {
    is_missing: bool,
    error: OpenError,
}

impl LostFile {
    fn to_error(&self) -> OpenError {
        match &self.error {
            OpenError::Damaged { what, cause } => OpenError::Damaged { what: what.clone(), cause: cause.clone() },
            other => OpenError::failed("reading the key file".into(), other),
        }
    }
}

fn read_key_file(directory: &Path, name: &str) -> Result<Vec<u8>, LostFile> {
    let path = directory.join(name);
    let damaged =
        |is_missing, what: String, cause: &str| LostFile { is_missing, error: OpenError::Damaged { what, cause: cause.into() } };
    let failed = |cause: io::Error| match cause.kind() {
        io::ErrorKind::NotFound => damaged(true, format!("the store in {}", directory.display()), "its key file is missing"),
        _ => LostFile { is_missing: false, error: OpenError::failed(format!("reading the key file {}", path.display()), cause) },
    };
    if fs::metadata(&path).map_err(failed)?.len() > MAX_KEY_FILE {
        return Err(damaged(false, path.display().to_string(), "it is too large for a key file"));
    }
    fs::read(&path).map_err(failed)
}

/// Replaces a file by one with new contents, whole or not at all.
fn replace(directory: &Path, name: &str, contents: &[u8]) -> io::Result<()> {
    let (new, path) = (directory.join(format!("{name}.new")), directory.join(name));
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(&new, &path)?;
    sync_directory(directory)
}

/// Syncs every file and directory below a path.
pub(crate) fn sync_all(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_all(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync_directory(path)
}

pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Whether an error is over by itself: the process, or the machine, had too many files open, or no memory, at that moment. Nothing
/// is wrong with the disk.
pub(crate) fn is_passing(cause: &io::Error) -> bool {
    let passing = [Errno::MFILE, Errno::NFILE, Errno::NOMEM];
    cause.raw_os_error().is_some_and(|code| passing.iter().any(|errno| errno.raw_os_error() == code))
}

/// An error of a sync, after which nobody knows what the disk has: trying again does not mend it, whatever the cause.
pub(crate) fn final_error(cause: io::Error) -> io::Error {
    if is_passing(&cause) { io::Error::other(cause) } else { cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_whose_maker_ended_after_the_key_file_is_made_sure_of() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        fs::create_dir(&data).unwrap();
        for name in [KEYS, KEYS_COPY, CREATING] {
            fs::write(data.join(name), b"x").unwrap();
        }
        assert!(exists(&data));
        make_sure(&data).unwrap();
        assert!(exists(&data) && !data.join(CREATING).exists());
        make_sure(&data).unwrap();
        fs::remove_dir_all(&data).unwrap();
        assert_eq!(make_sure(&data).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
