//! Snapshots: all records of one moment in a sealed stream. With the frames of the journal behind it, a snapshot is everything
//! that sled has to hold.
//!
//! A snapshot is written while the store is used: it names the frame it begins at, and holds every record that was there then
//! as it was when its turn came. The frames that follow bring all of them to one moment. Each record is opened before it is
//! written, so that no damage of sled ever gets into what sled is made again from.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use store::sealing::stream::{Reader, StreamError, StreamKind, Writer};
use store::sealing::{Keyring, SealingError};
use store::{Cursor, Revision, StoreError, Tenant};

use crate::files;
use crate::head::{Head, SEALED, Where};
use crate::layout::Number;
use crate::shared::Shared;

pub(crate) const EXTENSION: &str = "snapshot";

/// How many records are listed at once.
const BATCH: usize = 256;

/// Before the sealed record: tenant, creating commit, position.
const PREFIX: usize = 4 + 8 + 4;

/// Why a snapshot, or a saved index, was not written or cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SavedError {
    #[error("{0}")]
    Stream(#[from] StreamError),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("its head: {0}")]
    Head(#[from] SealingError),
    #[error("{0}")]
    Record(#[from] StoreError),
    #[error("{0}")]
    Form(&'static str),
    /// The store closes.
    #[error("the store is closing")]
    Closing,
}

/// A snapshot that was found or written.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) path: PathBuf,
    /// What the store held when it was begun.
    pub(crate) head: Head,
    /// The hash of that frame, which the next one follows.
    pub(crate) hash: [u8; 32],
    pub(crate) bytes: u64,
}

/// Writes a file whole or not at all, and takes away those with lower numbers.
pub(crate) fn write_numbered(
    directory: &Path,
    number: u64,
    extension: &str,
    write: impl FnOnce(BufWriter<File>) -> Result<BufWriter<File>, SavedError>,
) -> Result<(PathBuf, u64), SavedError> {
    let path = directory.join(format!("{number:016x}.{extension}"));
    let new = path.with_extension("new");
    let written = (|| {
        let file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new)?;
        let file = write(BufWriter::with_capacity(256 << 10, file))?.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        let bytes = file.metadata()?.len();
        fs::rename(&new, &path)?;
        files::sync_directory(directory)?;
        Ok(bytes)
    })();
    let bytes = match written {
        Ok(bytes) => bytes,
        Err(error) => {
            let _ = fs::remove_file(&new);
            return Err(error);
        }
    };
    for (older, path) in files::numbered(directory, extension)? {
        if older < number {
            fs::remove_file(path)?;
        }
    }
    Ok((path, bytes))
}

/// Writes a snapshot of what the store holds, from the last frame on that was applied: of what is before it, nothing is
/// needed any more. `None`: nothing was applied yet.
pub(crate) fn write(shared: &Shared) -> Result<Option<Snapshot>, SavedError> {
    let Some((head, hash)) = shared.published().applied.clone() else { return Ok(None) };
    let mut header = hash.to_vec();
    header.extend_from_slice(&head.seal(&shared.keyring, Where::Snapshot)?);
    let (path, bytes) = write_numbered(&files::snapshots(&shared.directory), head.frame, EXTENSION, |file| {
        let mut stream = Writer::new(file, &shared.keyring, StreamKind::Snapshot, &header)?;
        let mut item = Vec::new();
        let mut after = None;
        loop {
            if shared.pending.is_closed() {
                return Err(SavedError::Closing);
            }
            let batch = batch(shared, &mut after, head.revision);
            let Some(batch) = batch else { break };
            for (tenant, identifier) in batch {
                // One that is gone by now is gone in a later frame, too.
                let Some((place, sealed)) = shared.sealed(tenant, &identifier)? else { continue };
                let number = Number::of(tenant, &place);
                item.clear();
                item.extend_from_slice(&number.tenant.0.to_be_bytes());
                item.extend_from_slice(&number.created.to_be_bytes());
                item.extend_from_slice(&number.position.to_be_bytes());
                item.extend_from_slice(&sealed);
                stream.item(&item)?;
            }
        }
        Ok(stream.finish()?)
    })?;
    Ok(Some(Snapshot { path, head, hash, bytes }))
}

/// The next records that were made by a commit or before it; `None`: there are no more.
fn batch(shared: &Shared, after: &mut Option<(Tenant, Cursor)>, until: Revision) -> Option<Vec<(Tenant, String)>> {
    let published = shared.published();
    let entries = published.index.entries_after(*after, BATCH);
    let last = entries.last()?;
    *after = Some((last.tenant, Cursor { created: last.place.created, position: last.place.position }));
    let made_before = entries.into_iter().filter(|entry| entry.place.created <= until);
    Some(made_before.map(|entry| (entry.tenant, entry.identifier)).collect())
}

/// The newest snapshot of a directory whose header is right; `None`: there is none.
pub(crate) fn newest(directory: &Path, keyring: &Keyring) -> io::Result<Option<Snapshot>> {
    for (_, path) in files::numbered(&files::snapshots(directory), EXTENSION)? {
        match open(&path, keyring) {
            Ok((snapshot, _)) => return Ok(Some(snapshot)),
            Err(error) => tracing::error!(snapshot = %path.display(), %error, "a snapshot is damaged"),
        }
    }
    Ok(None)
}

/// Opens a snapshot, and reads its header.
pub(crate) fn open(path: &Path, keyring: &Keyring) -> Result<(Snapshot, Reader<BufReader<File>>), SavedError> {
    const FORM: SavedError = SavedError::Form("its header does not have the form of a snapshot's");
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let (stream, header) = Reader::open(BufReader::with_capacity(256 << 10, file), keyring, StreamKind::Snapshot)?;
    let (hash, head) = header.split_first_chunk().ok_or(FORM)?;
    if head.len() != SEALED {
        return Err(FORM);
    }
    let head = Head::open(keyring, Where::Snapshot, head)?;
    Ok((Snapshot { path: path.into(), head, hash: *hash, bytes }, stream))
}

/// Shows every record of a snapshot to a visitor. Only when this has returned is it known that the snapshot was whole.
pub(crate) fn read<E: From<SavedError>>(
    snapshot: &Snapshot,
    keyring: &Keyring,
    mut visitor: impl FnMut(Number, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let (found, mut stream) = open(&snapshot.path, keyring)?;
    if found.head != snapshot.head || found.hash != snapshot.hash {
        return Err(SavedError::Form("it is not the snapshot that was there before").into());
    }
    while let Some(item) = stream.next().map_err(SavedError::from)? {
        let form = || SavedError::Form("a record of it does not have the form of one");
        let (prefix, sealed) = item.split_first_chunk::<PREFIX>().ok_or_else(form)?;
        let mut key = [0; PREFIX + 2];
        key[..PREFIX].copy_from_slice(prefix);
        let (number, _) = Number::read(&key).ok_or_else(form)?;
        visitor(number, sealed)?;
    }
    Ok(())
}
