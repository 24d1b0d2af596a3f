//! Writes a small store of the current format: `cargo run -p store-sled --example fixture -- DIR`.
//!
//! Each released format has one under `tests/fixtures`, and a test that opens it. DIR must not exist. sled's files are not part of
//! it: they are made again.
#![allow(clippy::print_stdout, reason = "this program exists to print")]

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use store::sealing::RootKey;
use store::{Change, Commit, Number, Put, Revision, Store, Tenant, Term};
use store_sled::{Options, SledStore};
use zeroize::Zeroizing;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: fixture DIR")?);
    fs::create_dir(&directory)?;
    let root = RootKey::create_file(&directory.join("root.key"))?;
    let data = directory.join("data");
    let options = Options {
        segment_bytes: 24 << 10,
        apply_after: Duration::from_millis(50),
        index_bytes: 20 << 10,
        snapshot_bytes: 20 << 10,
        ..Options::default()
    };
    let store = SledStore::create(&data, &root, &options)?;
    let mut changing = None;
    // Until the first segment was dropped behind a snapshot.
    let mut number = 0;
    while number < 20 || data.join("journal/0000000000000001.journal").exists() {
        let put = |identifier: &str, expected: Option<Revision>| {
            Change::Put(Put {
                identifier: identifier.into(),
                owner: format!("owner {}", number % 3),
                expected,
                body: Zeroizing::new(format!("body {number}").into_bytes()),
                terms: vec![Term { field: 1, value: identifier.as_bytes().into() }],
                numbers: vec![Number { field: 2, value: number }],
            })
        };
        let changes = vec![put(&format!("record {number}"), None), put("changing", changing)];
        let log = vec![format!("entry {number}").into_bytes()];
        changing = Some(wait(store.commit(Tenant::DEFAULT, Commit { changes, log, ..Commit::default() }))?);
        number += 1;
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(store);
    fs::remove_dir_all(data.join("objects"))?;
    fs::remove_file(data.join("lock"))?;
    println!("{number} records in {}", directory.display());
    Ok(())
}

/// Polls until the future is ready: the store wakes from a thread of its own.
fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
