//! Reads the log of a server that is not running, entry by entry.

use audit::{AuditRecord, Verifier};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use store::Store;
use store::sealing::RootKey;
use store_sled::{Options, SledStore};

/// Entries read at a time.
const PAGE: usize = 1_000;

/// Opens the store in a folder that `kmipd dev` made.
///
/// # Errors
/// What the store says.
pub(crate) fn open(folder: &Path) -> Result<SledStore, String> {
    let root = RootKey::read_file(&folder.join("root.key")).map_err(|error| error.to_string())?;
    SledStore::open(&folder.join("data"), &root, &Options::default()).map_err(|error| error.to_string())
}

/// Reads the log of the server in a folder from its beginning to its end. How many entries it has.
///
/// # Errors
/// When the store does not open, a number is missing or out of order, a hash does not fit, or an entry is no audit record.
pub(crate) fn whole(folder: &Path) -> Result<u64, String> {
    records(folder, |_| {})
}

/// As [`whole`], showing every record.
///
/// # Errors
/// As [`whole`].
pub(crate) fn records(folder: &Path, mut each: impl FnMut(&AuditRecord)) -> Result<u64, String> {
    let store = open(folder)?;
    let mut verifier = Verifier::new();
    let mut next = 1;
    loop {
        let page = wait(store.read_log(next, PAGE)).map_err(|error| format!("the log from entry {next}: {error}"))?;
        for record in &page {
            let sequence = record.sequence;
            verifier.check(sequence, &record.hash, &record.entry).map_err(|error| format!("log entry {next}: {error}"))?;
            let decoded = AuditRecord::decode(&record.entry).map_err(|error| format!("log entry {sequence}: {error}"))?;
            each(&decoded);
            next = sequence + 1;
        }
        if page.is_empty() {
            return Ok(next - 1);
        }
    }
}

/// Waits for a future of the store, which other threads complete.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}
