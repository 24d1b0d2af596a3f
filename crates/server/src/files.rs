//! Files that must never be half written, and the lock on a server's directory.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Mode of files that hold secrets.
pub const SECRET: u32 = 0o600;
/// Mode of files that anybody may read.
pub const PUBLIC: u32 = 0o644;
/// Name of the lock file, beside kmipd.toml.
const LOCK_NAME: &str = "kmipd.lock";

/// An error of a file, with its path.
#[derive(Debug, thiserror::Error)]
#[error("{what} {}: {cause}", path.display())]
pub struct FileError {
    /// What was being done.
    pub what: &'static str,
    /// With which file.
    pub path: PathBuf,
    /// What the system said.
    pub cause: io::Error,
}

impl FileError {
    pub(crate) fn new(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self { what, path, cause }
    }
}

/// Reads a text file.
///
/// # Errors
/// When it cannot be read or is no UTF-8.
pub fn read_text(path: &Path) -> Result<String, FileError> {
    std::fs::read_to_string(path).map_err(FileError::new("read", path))
}

/// Makes a directory for the owner alone, with its parents; one that is there already is left as it is.
///
/// # Errors
/// When it cannot be made.
pub fn make_directory(path: &Path) -> Result<(), FileError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(FileError::new("make the directory", path))
}

/// Writes a file that must not exist yet, durably.
///
/// # Errors
/// When it exists or cannot be written.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(FileError::new("make", path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(FileError::new("write", path))?;
    sync_parent(path)
}

/// Replaces a file so that at every moment, a power cut included, either the old or the new content is there whole.
///
/// # Errors
/// When it cannot be written.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    })();
    if let Err(cause) = written {
        // The failure is what counts; a leftover temporary file is overwritten the next time.
        let _ = std::fs::remove_file(&temporary);
        return Err(FileError::new("write", path)(cause));
    }
    sync_parent(path)
}

/// Makes the name of a file durable.
///
/// # Errors
/// When its folder cannot be synced.
pub fn sync_parent(path: &Path) -> Result<(), FileError> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    sync_directory(parent)
}

/// Makes the names in a folder durable.
///
/// # Errors
/// When it cannot be synced.
pub fn sync_directory(path: &Path) -> Result<(), FileError> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(FileError::new("sync", path))
}

/// Makes everything below a folder durable, and its names.
///
/// # Errors
/// When anything cannot be synced.
pub fn sync_tree(path: &Path) -> Result<(), FileError> {
    let failed = |cause| FileError::new("sync", path)(cause);
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let below = entry.path();
        if entry.file_type().map_err(failed)?.is_dir() {
            sync_tree(&below)?;
        } else {
            File::open(&below).and_then(|file| file.sync_all()).map_err(FileError::new("sync", &below))?;
        }
    }
    sync_directory(path)
}

/// Whether others than the owner may read a file that holds a secret.
#[must_use]
pub fn is_exposed(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

/// The lock on a server's directory: held by the server while it runs, else by an administrative command while it works on the files.
#[derive(Debug)]
pub struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Takes the lock; `None`: another process holds it. Released when dropped, or by the system when the process ends.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn take(directory: &Path) -> Result<Option<Self>, FileError> {
        let path = directory.join(LOCK_NAME);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(SECRET)
            .open(&path)
            .map_err(FileError::new("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(cause)) => Err(FileError::new("lock", &path)(cause)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_is_whole_private_and_leaves_nothing_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users.toml");
        replace(&path, b"one", SECRET).unwrap();
        replace(&path, b"two", SECRET).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert!(!is_exposed(&path));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_new_file_never_overwrites() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        write_new(&path, b"one", PUBLIC).unwrap();
        assert!(is_exposed(&path));
        let error = write_new(&path, b"two", PUBLIC).unwrap_err().to_string();
        assert!(error.contains("ca.pem"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
    }

    #[test]
    fn the_lock_is_held_once() {
        let directory = tempfile::tempdir().unwrap();
        let held = DirectoryLock::take(directory.path()).unwrap();
        assert!(held.is_some());
        assert!(DirectoryLock::take(directory.path()).unwrap().is_none());
        drop(held);
        assert!(DirectoryLock::take(directory.path()).unwrap().is_some());
    }
}
