//! The background that applies what the journal holds to sled and to the log stream, syncs them, and lets go of the memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, TryLockError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use store::StoreError;

use crate::engine::{Engine, EngineError};
use crate::files;
use crate::head::Where;
use crate::journal::{Changed, Frame};
use crate::layout::Number;
use crate::open::OpenError;
use crate::shared::Shared;

/// How long to wait before trying again what could not be applied.
const PAUSE: Duration = Duration::from_millis(500);

pub(crate) fn spawn(shared: Arc<Shared>, anchor: Arc<File>, applying: Arc<Mutex<()>>) -> Result<JoinHandle<()>, OpenError> {
    let mut applier = Applier { shared, anchor, applying, reopen: false, told: false };
    let thread = thread::Builder::new().name("store-apply".into()).spawn(move || applier.run());
    thread.map_err(|cause| OpenError::failed("starting the thread that applies".into(), cause))
}

struct Applier {
    shared: Arc<Shared>,
    anchor: Arc<File>,
    /// Held while sled is written to: nobody replaces it then.
    applying: Arc<Mutex<()>>,
    /// sled met an error: it is opened again before it is used.
    reopen: bool,
    /// The log says already that the disk is full.
    told: bool,
}

/// Why frames were not applied.
#[derive(Debug, thiserror::Error)]
enum ApplyError {
    /// sled is not to be met with a full disk.
    #[error("no space left on the device")]
    Full,
    #[error("sled: {0}")]
    Engine(#[from] EngineError),
    #[error("the log stream: {0}")]
    Log(StoreError),
    /// Nothing that counts was written, and nothing is wrong with the disk: it may be tried again.
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Other(String),
}

impl ApplyError {
    fn is_full(&self) -> bool {
        match self {
            Self::Full => true,
            Self::Engine(error) => error.is_full(),
            Self::Log(error) => matches!(error, StoreError::Full),
            Self::Refused(_) | Self::Other(_) => false,
        }
    }

    /// Whether it is over by itself.
    fn is_passing(&self) -> bool {
        match self {
            Self::Refused(_) => true,
            Self::Engine(error) => error.is_passing(),
            Self::Full | Self::Log(_) | Self::Other(_) => false,
        }
    }
}

impl Applier {
    fn run(&mut self) {
        while let Some(frames) = self.shared.pending.take() {
            let applied = catch_unwind(AssertUnwindSafe(|| self.apply(&frames)));
            let applied = applied.unwrap_or_else(|_| Err(ApplyError::Other("the thread that applies panicked".into())));
            let Err(error) = applied else {
                self.shared.pending.done(frames.len());
                self.told = false;
                continue;
            };
            // The journal has it all: nothing is lost if this is the end.
            if error.is_full() || error.is_passing() {
                if !std::mem::replace(&mut self.told, true) {
                    tracing::warn!(%error, "what is in the journal cannot be applied; it is tried again until it can");
                }
                self.reopen |= matches!(error, ApplyError::Engine(EngineError::Io(_)));
            } else if matches!(error, ApplyError::Engine(_)) {
                // Whatever it was, all that sled has can be made again. It is not written to before: after an error nobody knows
                // what the disk has of it.
                tracing::error!(%error, "sled is damaged; it is made again from snapshot and journal");
                if self.wait_for_another_engine() {
                    tracing::warn!("closing: sled is made again from snapshot and journal at the next start, or while it runs");
                    return;
                }
                self.reopen = false;
                continue;
            } else if !self.shared.has_failed() {
                self.shared.fail(&format!("applying the journal: {error}"));
            }
            while self.shared.has_failed() {
                // A sync that failed is not tried again into success.
                if self.shared.pending.halt(PAUSE) {
                    return;
                }
            }
            if self.shared.pending.halt(PAUSE) {
                tracing::warn!(%error, "closing: what is not applied is taken from the journal at the next start");
                return;
            }
        }
    }

    /// Asks for sled to be made again, and waits for it. Returns whether the store is closing.
    fn wait_for_another_engine(&self) -> bool {
        let rebuilds = || self.shared.counters.rebuilds.load(Ordering::Relaxed);
        let before = rebuilds();
        self.shared.pending.rebuild();
        while rebuilds() == before {
            if self.shared.pending.halt(PAUSE) {
                return true;
            }
        }
        false
    }

    fn apply(&mut self, frames: &[Arc<Frame>]) -> Result<(), ApplyError> {
        let shared = &self.shared;
        let Some(last) = frames.last() else { return Ok(()) };
        match shared.free() {
            Ok(free) if free < shared.options.reserve_bytes / 4 => return Err(ApplyError::Full),
            Ok(_) => {}
            Err(cause) => return Err(ApplyError::Refused(format!("examining the file system: {cause}"))),
        }
        let _applying = match self.applying.try_lock() {
            Ok(applying) => applying,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // It may take long: who would have to wait for room is told meanwhile.
            Err(TryLockError::WouldBlock) => return Err(ApplyError::Refused("sled is being made again".into())),
        };
        if self.reopen {
            let (objects, cache_bytes) = (files::objects(&shared.directory), shared.options.cache_bytes);
            shared.replace_engine(|| Engine::open(&objects, cache_bytes))?;
            self.reopen = false;
        }
        // Of several changes of a record the last one counts.
        let mut changes: BTreeMap<Number, &Changed> = BTreeMap::new();
        for change in frames.iter().flat_map(|frame| &frame.changes) {
            changes.insert(change.number, change);
        }
        let head = last.head.seal(&shared.keyring, Where::Engine).map_err(|error| ApplyError::Other(error.to_string()))?;
        for log in frames.iter().filter_map(|frame| frame.log.as_ref()) {
            shared.log.append(log.first, log.count, &log.sealed).map_err(|error| match error {
                error if shared.log.may_try_again() => ApplyError::Refused(format!("the log stream: {error}")),
                error => ApplyError::Log(error),
            })?;
        }
        shared.log.sync().map_err(|cause| ApplyError::Other(format!("syncing the log stream: {cause}")))?;
        shared.log_synced.store(shared.log.end(), Ordering::Relaxed);
        shared.engine(|engine| {
            changes.values().try_for_each(|change| engine.apply(change))?;
            engine.write_head(&head)?;
            engine.sync()
        })?;
        self.anchor.sync_data().map_err(|cause| ApplyError::Other(format!("syncing the anchor: {cause}")))?;

        let mut published = shared.publish();
        published.applied = Some((last.head.clone(), last.hash));
        for number in changes.keys() {
            if published.overlay.get(number).is_some_and(|overlaid| overlaid.frame <= last.sequence) {
                published.overlay.remove(number);
            }
        }
        while published.log.front().is_some_and(|log| log.last() <= last.head.log.sequence) {
            published.log.pop_front();
        }
        drop(published);
        match shared.segments.prepare() {
            Ok(()) => Ok(()),
            // The writer tries again when it needs it, and tells.
            Err(cause) => {
                tracing::warn!(%cause, "the next segment of the journal could not be made ahead");
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use store::contract::{block_on, commit, load, put};
    use store::sealing::RootKey;
    use store::{Change, Revision, Store, Tenant};

    use super::*;
    use crate::{Options, SledStore};

    fn options() -> Options {
        Options { apply_after: Duration::from_millis(5), ..Options::default() }
    }

    /// A store with records in sled, which cannot be read from here on.
    fn with_an_unreadable_sled(options: &Options) -> (tempfile::TempDir, RootKey, SledStore) {
        let (directory, root) = (tempfile::tempdir().expect("directory"), RootKey::generate().expect("root key"));
        let store = SledStore::create(&directory.path().join("data"), &root, options).expect("create");
        for number in 0..20_u8 {
            commit(&store, vec![Change::Put(put(&number.to_string(), None, &[number; 100]))]).expect("commit");
        }
        wait("nothing is applied", || store.status().overlay_bytes == 0);
        let broken = store.shared.engine(|engine| {
            engine.unreadable.store(true, Ordering::SeqCst);
            Ok(())
        });
        broken.expect("engine");
        (directory, root, store)
    }

    #[track_caller]
    fn wait(what: &str, enough: impl Fn() -> bool) {
        let started = Instant::now();
        while !enough() {
            assert!(started.elapsed() < Duration::from_secs(60), "{what}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// A sector that cannot be read is no reason to be read-only, and not for ever.
    #[test]
    fn a_read_error_of_sled_heals() {
        let (_directory, _root, store) = with_an_unreadable_sled(&options());
        // The keeper reads everything, too: this is about what a client meets.
        let refused = block_on(store.load(Tenant::DEFAULT, &["7"])).expect_err("it cannot be read");
        assert!(matches!(refused, StoreError::Damaged { .. }), "{refused}");
        wait("it does not heal", || block_on(store.load(Tenant::DEFAULT, &["7"])).is_ok());
        assert_eq!(load(&store, "7").expect("record").body[..], [7; 100]);
        // It is counted when it is in its place already.
        wait("it is not counted", || store.status().rebuilds > 0);
        assert!(store.writable().is_ok());
    }

    /// What cannot be applied waits in memory, up to a limit; beyond it commits are refused, and who asks is told before.
    #[test]
    fn a_store_that_cannot_be_made_good_says_so() {
        let options = Options { overlay_bytes: 50_000, ..options() };
        let (directory, _root, store) = with_an_unreadable_sled(&options);
        // Nor can sled be made again.
        let path = directory.path().join("data/journal/0000000000000001.journal");
        let mut bytes = std::fs::read(&path).expect("read");
        bytes[4096 + 100] ^= 1;
        std::fs::write(&path, bytes).expect("write");
        let mut revision = Revision(8);
        let refused = loop {
            match block_on(store.commit(
                Tenant::DEFAULT,
                store::Commit { changes: vec![Change::Put(put("7", Some(revision), &[7; 5000]))], ..store::Commit::default() },
            )) {
                Ok(next) => revision = next,
                Err(refused) => break refused,
            }
            assert!(revision < Revision(1000), "no limit");
        };
        assert!(refused.to_string().contains("cannot be applied"), "{refused}");
        let told = store.writable().expect_err("not while commits are refused");
        assert!(told.to_string().contains("cannot be applied"), "{told}");
        wait("nobody is told", || store.status().rebuild_failure.is_some_and(|cause| cause.contains("checksum")));
        // Everything that is in memory is there.
        assert_eq!(load(&store, "7").expect("record").revision, revision);
    }

    #[test]
    fn an_error_of_sled_while_it_is_written_to_heals() {
        let (directory, root, store) = with_an_unreadable_sled(&options());
        commit(&store, vec![Change::Put(put("7", Some(Revision(8)), b"changed"))]).expect("commit");
        wait("it is not applied", || {
            store.writable().expect("writable meanwhile");
            store.status().overlay_bytes == 0
        });
        assert!(store.status().rebuilds > 0);
        drop(store);
        let store = SledStore::open(&directory.path().join("data"), &root, &options()).expect("open");
        assert_eq!(load(&store, "7").expect("record").body[..], *b"changed");
    }
}
