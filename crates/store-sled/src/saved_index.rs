//! The find index on disk, so that a start need not open every record. It is brought up from the frames that follow it; when
//! it is damaged or missing, the index is made from snapshot and journal.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use store::Cursor;
use store::index::{Index, decode_entry, encode_entry};
use store::sealing::Keyring;
use store::sealing::stream::{Reader, StreamKind, Writer};

use crate::files;
use crate::head::{Head, Where};
use crate::shared::Shared;
use crate::snapshot::{SavedError, write_numbered};

pub(crate) const EXTENSION: &str = "index";

/// How many entries are taken at once: readers and the writer wait as long as that takes.
const BATCH: usize = 512;

/// How many entries are put into the index at once while it is read: about 20 MB of them.
const READ_BATCH: usize = 32_768;

/// Writes the index. Returns the frame it begins at and its length in bytes.
///
/// It is in use meanwhile: what was made since is left out, and what was changed since is there in one state or the other.
/// The frames that follow settle both.
pub(crate) fn write(shared: &Shared) -> Result<(u64, u64), SavedError> {
    let head = shared.published().head.clone();
    let header = head.seal(&shared.keyring, Where::Index)?;
    let (_, bytes) = write_numbered(&files::indexes(&shared.directory), head.frame, EXTENSION, |file| {
        let mut stream = Writer::new(file, &shared.keyring, StreamKind::Index, &header)?;
        let mut after = None;
        loop {
            if shared.pending.is_closed() {
                return Err(SavedError::Closing);
            }
            let items: Vec<_> = {
                let published = shared.published();
                let entries = published.index.entries_after(after, BATCH);
                let Some(last) = entries.last() else { break };
                after = Some((last.tenant, Cursor { created: last.place.created, position: last.place.position }));
                entries.iter().filter(|entry| entry.place.created <= head.revision).map(encode_entry).collect()
            };
            items.iter().try_for_each(|item| stream.item(item))?;
        }
        Ok(stream.finish()?)
    })?;
    Ok((head.frame, bytes))
}

/// Reads the newest saved index that is whole.
pub(crate) fn read(directory: &Path, keyring: &Keyring) -> std::io::Result<Option<(Head, Index, u64)>> {
    for (_, path) in files::numbered(&files::indexes(directory), EXTENSION)? {
        match read_one(&path, keyring) {
            Ok(read) => return Ok(Some(read)),
            Err(error) => tracing::warn!(index = %path.display(), %error, "a saved index cannot be used"),
        }
    }
    Ok(None)
}

/// Reads one saved index: what the store held then, the index, and how long the file is in bytes.
pub(crate) fn read_one(path: &Path, keyring: &Keyring) -> Result<(Head, Index, u64), SavedError> {
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let (mut stream, header) = Reader::open(BufReader::with_capacity(256 << 10, file), keyring, StreamKind::Index)?;
    let head = Head::open(keyring, Where::Index, &header)?;
    let mut index = Index::new(keyring.term_hasher());
    let mut entries = Vec::new();
    while let Some(item) = stream.next()? {
        entries.push(decode_entry(&item).ok_or(SavedError::Form("an entry of it does not have the form of one"))?);
        if entries.len() >= READ_BATCH {
            index.put_all(&entries);
            entries.clear();
        }
    }
    index.put_all(&entries);
    Ok((head, index, bytes))
}
