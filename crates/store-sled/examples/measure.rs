//! Measures the store on the file system of a directory: `cargo run --release -p store-sled --example measure -- DIR [RECORDS]`.
//!
//! DIR is made, and must not hold a store. Prints commits per second from 1 and 32 threads, the time of one load, and how long
//! opening takes.
#![allow(clippy::print_stdout, reason = "this program exists to print")]

use std::error::Error;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Instant;

use store::sealing::RootKey;
use store::{Change, Commit, Number, Page, Put, Query, Store, StoreError, Tenant, Term};
use store_sled::{Options, SledStore};
use zeroize::Zeroizing;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let directory = PathBuf::from(arguments.next().ok_or("usage: measure DIR [RECORDS]")?);
    let records: usize = arguments.next().map_or(Ok(10_000), |count| count.to_string_lossy().parse())?;
    let root = RootKey::generate()?;
    let store = SledStore::create(&directory, &root, &Options::default())?;

    let mut done = 0;
    for (threads, each) in [(1, records / 10), (32, records.saturating_sub(records / 10) / 32)] {
        let started = Instant::now();
        thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|worker| {
                    let (store, first) = (&store, done + worker * each);
                    scope.spawn(move || (first..first + each).try_for_each(|number| create(store, number)))
                })
                .collect();
            workers
                .into_iter()
                .try_for_each(|worker| worker.join().map_err(|_| "a worker panicked")?.map_err(Box::<dyn Error>::from))
        })?;
        done += threads * each;
        let seconds = started.elapsed().as_secs_f64();
        println!("{threads:2} threads: {:.0} commits/s", (threads * each) as f64 / seconds);
    }

    let identifiers: Vec<_> = (0..done).map(name).collect();
    let started = Instant::now();
    for identifier in &identifiers {
        wait(store.load(Tenant::DEFAULT, &[identifier]))?.pop().flatten().ok_or("a record is gone")?;
    }
    println!("load: {:.2} us", started.elapsed().as_secs_f64() * 1e6 / done as f64);
    let started = Instant::now();
    for identifier in &identifiers {
        let terms = vec![Term { field: 1, value: identifier.as_bytes().into() }];
        let query = Query { owner: Some("demo".into()), terms, ..Query::default() };
        if wait(store.find(Tenant::DEFAULT, &query, Page::first(10)))?.identifiers.len() != 1 {
            return Err("a record was not found".into());
        }
    }
    println!("find by name: {:.2} us", started.elapsed().as_secs_f64() * 1e6 / done as f64);

    drop(store);
    let started = Instant::now();
    drop(SledStore::open(&directory, &root, &Options::default())?);
    println!("open with {done} records: {:.0} ms", started.elapsed().as_secs_f64() * 1e3);
    Ok(())
}

fn name(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// A record like that of a symmetric key: 700 bytes, a name, some other terms, and one log entry.
fn create(store: &SledStore, number: usize) -> Result<(), StoreError> {
    let identifier = name(number);
    let common = (2..8).map(|field| Term { field, value: Box::new([0; 4]) });
    let terms = common.chain([Term { field: 1, value: identifier.as_bytes().into() }]).collect();
    let numbers = (20..23).map(|field| Number { field, value: number as i64 }).collect();
    let body = Zeroizing::new(vec![0x5a; 700]);
    let put = Put { identifier, owner: "demo".into(), expected: None, body, terms, numbers };
    wait(
        store
            .commit(Tenant::DEFAULT, Commit { changes: vec![Change::Put(put)], log: vec![vec![0x5a; 200]], ..Commit::default() }),
    )
    .map(drop)
}

/// Runs a future on this thread.
fn wait<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
