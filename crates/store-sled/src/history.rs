//! What the store holds, from the beginning: the newest snapshot and the frames behind it. sled and the index can be made again
//! from it.

use std::path::Path;

use store::index::{Index, Place};
use store::sealing::{Keyring, decode_record, revision_of};
use store::{Cursor, Revision, Tenant};

use crate::engine::{Engine, EngineError};
use crate::files;
use crate::head::{Head, Where};
use crate::journal::scan;
use crate::journal::{Changed, Frame};
use crate::layout::{self, Number};
use crate::open::{OpenError, Progress};
use crate::snapshot::{self, SavedError, Snapshot};

/// Why sled, or the index, cannot be made again.
impl From<SavedError> for OpenError {
    fn from(error: SavedError) -> Self {
        let what = "the snapshot".into();
        match error {
            SavedError::Io(cause) => Self::failed("reading the snapshot".into(), cause),
            other => Self::Damaged { what, cause: other.to_string() },
        }
    }
}

/// Shows every record of a snapshot, then every frame behind it up to one, to a visitor.
pub(crate) fn read(
    snapshot: Option<&Snapshot>,
    journal: &scan::Opened,
    keyring: &Keyring,
    until: u64,
    mut visitor: impl FnMut(&Changed, Option<&Frame>) -> Result<(), OpenError>,
) -> Result<(), OpenError> {
    let from = snapshot.map_or(0, |snapshot| snapshot.head.frame);
    if journal.first().is_some_and(|first| first > from + 1) || (journal.first().is_none() && until > from) {
        let first = journal.first().map_or("nothing".into(), |first| format!("frame {first}"));
        let cause = match snapshot {
            Some(_) => format!("it begins with {first}, and the snapshot tells up to frame {from} only"),
            None => format!("it begins with {first}, and there is no snapshot of what was before"),
        };
        return Err(OpenError::Damaged { what: "the journal".into(), cause });
    }
    if let Some(snapshot) = snapshot {
        let mut progress = Progress::new("reading the snapshot", snapshot.head.count);
        snapshot::read::<OpenError>(snapshot, keyring, |number, sealed| {
            progress.advance();
            visitor(&Changed { number, sealed: Some(sealed.into()) }, None)
        })?;
    }
    let mut progress = Progress::new("reading the journal", until.saturating_sub(from));
    journal.read(keyring, from + 1, until, until, |frame| {
        if frame.sequence <= from || frame.sequence > until {
            return Ok(());
        }
        progress.advance();
        if frame.sequence == from + 1 && snapshot.is_some_and(|snapshot| snapshot.hash != frame.previous) {
            let cause = format!("frame {} does not follow the snapshot", frame.sequence);
            return Err(OpenError::Damaged { what: "the journal".into(), cause });
        }
        frame.changes.iter().try_for_each(|change| visitor(change, Some(&frame)))
    })?;
    Ok(())
}

/// Makes sled again in a directory of its own, up to a head, and reads all of it back. What failed leaves nothing behind: it
/// would take the room of the next attempt.
pub(crate) fn rebuild_engine(
    directory: &Path,
    keyring: &Keyring,
    journal: &scan::Opened,
    head: &Head,
    cache_bytes: u64,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<(), OpenError> {
    let made = make_engine(directory, keyring, journal, head, cache_bytes, is_cancelled);
    if made.is_err() {
        // The first error is the one that counts.
        let _ = files::remove_all(&files::new_objects(directory));
    }
    made
}

fn make_engine(
    directory: &Path,
    keyring: &Keyring,
    journal: &scan::Opened,
    head: &Head,
    cache_bytes: u64,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<(), OpenError> {
    let new = files::new_objects(directory);
    let failed = |cause| OpenError::failed(format!("making sled again in {}", new.display()), cause);
    files::remove_all(&new).map_err(failed)?;
    let snapshot = snapshot::newest(directory, keyring).map_err(failed)?;
    let engine = Engine::open(&new, cache_bytes)?;
    read(snapshot.as_ref(), journal, keyring, head.frame, |change, _| {
        if is_cancelled() {
            return Err(OpenError::failed("making sled again".into(), "the store is closing"));
        }
        Ok(engine.apply(change)?)
    })?;
    let found = contents(&engine, keyring)?;
    if found != (head.count, head.set) {
        let cause = format!("snapshot and journal tell of {} records, and the store has {}", found.0, head.count);
        return Err(OpenError::Damaged { what: "the store".into(), cause });
    }
    let sealed = head.seal(keyring, Where::Engine).map_err(|error| OpenError::sealing("the head", error))?;
    engine.write_head(&sealed)?;
    engine.sync()?;
    drop(engine);
    // The directory is there a moment before sled lets go of it; its files are on the disk now.
    files::sync_all(&new).map_err(failed)
}

/// Puts the sled that was made again in the place of the old one, which nobody has open.
pub(crate) fn install_engine(directory: &Path, cache_bytes: u64) -> Result<Engine, EngineError> {
    let (objects, new) = (files::objects(directory), files::new_objects(directory));
    files::remove_all(&objects)?;
    std::fs::rename(&new, &objects)?;
    files::sync_directory(directory)?;
    Engine::open(&objects, cache_bytes)
}

/// How many records sled has, and their set hash. Every one is read and found to be right.
pub(crate) fn contents(engine: &Engine, keyring: &Keyring) -> Result<(u64, [u8; 32]), OpenError> {
    let mut found = Head::EMPTY;
    engine.visit::<OpenError>(|number, sealed| {
        let sealed = sealed?;
        let place = place(number, &sealed);
        let opened = keyring.open(&layout::label(number.tenant, &place), &sealed);
        opened.map_err(|error| OpenError::sealing(name(number), error))?;
        found.enter(keyring, number.tenant, &place);
        Ok(())
    })?;
    Ok((found.count, found.set))
}

/// Makes the index from the beginning, up to a frame.
pub(crate) fn rebuild_index(
    snapshot: Option<&Snapshot>,
    journal: &scan::Opened,
    keyring: &Keyring,
    until: u64,
) -> Result<Index, OpenError> {
    let mut index = Index::new(keyring.term_hasher());
    read(snapshot, journal, keyring, until, |change, frame| match frame {
        Some(_) => enter(&mut index, keyring, change),
        None => put(&mut index, keyring, change),
    })?;
    Ok(index)
}

/// Enters what a frame changed into an index that has what was there before it, but perhaps for records that are removed by a
/// later frame: an index or a snapshot is written while the store is used.
pub(crate) fn enter(index: &mut Index, keyring: &Keyring, change: &Changed) -> Result<(), OpenError> {
    let number = change.number;
    let Some(sealed) = &change.sealed else {
        if let Some(identifier) = identifier(index, number) {
            index.remove(number.tenant, &identifier);
        }
        return Ok(());
    };
    let place = place(number, sealed);
    let is_known = place.revision == place.created || identifier(index, number).is_some();
    // One that was changed and then removed while the others were written: its removal follows. Entered here it would stand after
    // younger ones, where the removal would not find it.
    if is_known { put(index, keyring, change) } else { Ok(()) }
}

/// Enters a record as it is.
fn put(index: &mut Index, keyring: &Keyring, change: &Changed) -> Result<(), OpenError> {
    let (number, Some(sealed)) = (change.number, &change.sealed) else { return Ok(()) };
    let place = place(number, sealed);
    let contents = keyring.open(&layout::label(number.tenant, &place), sealed);
    let record = contents.and_then(|contents| decode_record(contents, true));
    let record = record.map_err(|error| OpenError::sealing(name(number), error))?;
    index.put(number.tenant, &record.identifier, &record.owner, place, record.facets);
    Ok(())
}

/// The identifier of a record, by where it was made.
pub(crate) fn identifier(index: &Index, number: Number) -> Option<String> {
    let before = match number.position.checked_sub(1) {
        Some(position) => Cursor { created: Revision(number.created), position },
        None => Cursor { created: Revision(number.created.checked_sub(1)?), position: u32::MAX },
    };
    let entry = index.entries_after(Some((number.tenant, before)), 1).pop()?;
    (Number::of(entry.tenant, &entry.place) == number).then_some(entry.identifier)
}

fn place(number: Number, sealed: &[u8]) -> Place {
    let revision = revision_of(sealed).unwrap_or(Revision(0));
    Place { created: Revision(number.created), position: number.position, revision }
}

/// A record that cannot be opened has no identifier: where it was created names it.
pub(crate) fn name(number: Number) -> String {
    let Number { tenant: Tenant(tenant), created, position } = number;
    format!("the record created by commit {created}, change {position}, in tenant {tenant}")
}

#[cfg(test)]
mod tests {
    use store::Put;
    use store::index::Facets;
    use store::sealing::{RootKey, encode_record};
    use zeroize::Zeroizing;

    use super::*;

    const TENANT: Tenant = Tenant::DEFAULT;

    fn keyring() -> Keyring {
        Keyring::generate(&RootKey::generate().expect("root key")).expect("keyring").0
    }

    fn at(created: u64, revision: u64) -> Place {
        Place { created: Revision(created), position: 0, revision: Revision(revision) }
    }

    /// A record as a frame has it.
    fn written(keyring: &Keyring, identifier: &str, place: Place) -> Changed {
        let (identifier, owner) = (identifier.to_owned(), "fred".to_owned());
        let body = Zeroizing::new(b"body".to_vec());
        let put = Put { identifier, owner, expected: None, body, terms: Vec::new(), numbers: Vec::new() };
        let contents = encode_record(&put, &Facets::default());
        let sealed = keyring.seal(&layout::label(TENANT, &place), &contents).expect("seal");
        Changed { number: Number::of(TENANT, &place), sealed: Some(sealed.into()) }
    }

    fn removed(place: Place) -> Changed {
        Changed { number: Number::of(TENANT, &place), sealed: None }
    }

    /// While an index is saved, entry by entry in the order of creation, a record that is still to come can be changed and then removed:
    /// the saved index lacks it, and the frames that follow tell of the change first.
    #[test]
    fn what_was_changed_and_removed_while_an_index_was_saved_is_not_there() {
        let keyring = keyring();
        let mut index = Index::new(keyring.term_hasher());
        for change in [written(&keyring, "first", at(1, 1)), written(&keyring, "third", at(3, 3))] {
            enter(&mut index, &keyring, &change).expect("enter");
        }
        enter(&mut index, &keyring, &written(&keyring, "second", at(2, 4))).expect("enter");
        assert!(index.place(TENANT, "second").is_none(), "its removal follows");
        enter(&mut index, &keyring, &removed(at(2, 4))).expect("enter");
        assert_eq!(index.len(), 2);

        // What is there is changed, what is new is entered, what goes is gone.
        enter(&mut index, &keyring, &written(&keyring, "first", at(1, 6))).expect("enter");
        enter(&mut index, &keyring, &written(&keyring, "fourth", at(7, 7))).expect("enter");
        enter(&mut index, &keyring, &removed(at(3, 3))).expect("enter");
        let places: Vec<Place> = index.places().map(|(_, place)| place).collect();
        assert_eq!(places, [at(1, 6), at(7, 7)]);
        assert_eq!(index.place(TENANT, "first"), Some(at(1, 6)));
    }

    #[test]
    fn a_snapshot_has_records_as_they_are() {
        let keyring = keyring();
        let mut index = Index::new(keyring.term_hasher());
        put(&mut index, &keyring, &written(&keyring, "changed", at(2, 4))).expect("put");
        assert_eq!(index.place(TENANT, "changed"), Some(at(2, 4)));
    }
}
