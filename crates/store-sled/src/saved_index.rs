//! The find index on disk, so that a start need not open every record. It is brought up from the frames that follow it; when
//! it is damaged or missing, or of an earlier release, the index is made from snapshot and journal.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::thread;

use store::index::{Index, Loader, Saver};
use store::sealing::Keyring;
use store::sealing::stream::{Reader, StreamError, StreamKind, Writer};

use crate::files;
use crate::head::{Head, SEALED, Where};
use crate::shared::Shared;
use crate::snapshot::{SavedError, write_numbered};

pub(crate) const EXTENSION: &str = "index";

/// What the header of a saved index begins with. That of the first release began with the sealed head.
const FORMAT: [u8; 2] = 2_u16.to_be_bytes();

/// How many entries are taken at once: readers and the writer wait as long as that takes.
const BATCH: usize = 512;

/// How many items, of about 64 KiB, may wait between the thread that opens them and the one that makes the index.
const WAITING: usize = 32;

/// Writes the index. Returns the frame it begins at and its length in bytes.
///
/// It is in use meanwhile: what was made since is left out, and what was changed since is there in one state or the other.
/// The frames that follow settle both.
pub(crate) fn write(shared: &Shared) -> Result<(u64, u64), SavedError> {
    let head = shared.published().head.clone();
    let header = [&FORMAT[..], &head.seal(&shared.keyring, Where::Index)?].concat();
    let (_, bytes) = write_numbered(&files::indexes(&shared.directory), head.frame, EXTENSION, |file| {
        let mut stream = Writer::new(file, &shared.keyring, StreamKind::Index, &header)?;
        let mut saver = Saver::default();
        loop {
            if shared.pending.is_closed() {
                return Err(SavedError::Closing);
            }
            let items = saver.next(&shared.published().index, head.revision, BATCH);
            let Some(items) = items else { break };
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
    const FORM: SavedError = SavedError::Form("an entry of it does not have the form of one");
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let (mut stream, header) = Reader::open(BufReader::with_capacity(256 << 10, file), keyring, StreamKind::Index)?;
    let head = match header.strip_prefix(&FORMAT) {
        Some(head) if head.len() == SEALED => Head::open(keyring, Where::Index, head)?,
        _ => return Err(SavedError::Form("it has the form of another release")),
    };
    // One thread opens what the other takes apart: a start waits for this.
    let (sender, items) = sync_channel(WAITING);
    let index = thread::scope(|scope| {
        scope.spawn(move || {
            loop {
                let item = stream.next();
                let ends = !matches!(item, Ok(Some(_)));
                if sender.send(item).is_err() || ends {
                    return;
                }
            }
        });
        let mut loader = Loader::new(keyring.term_hasher());
        loop {
            match items.recv() {
                Ok(Ok(Some(item))) => loader.item(&item).ok_or(FORM)?,
                // Only now it is known to be whole.
                Ok(Ok(None)) => return loader.finish().ok_or(FORM),
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => return Err(StreamError::Failed("the thread that opens it").into()),
            }
        }
    })?;
    Ok((head, index, bytes))
}
