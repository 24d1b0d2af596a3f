//! The log: chained, and dropped from its beginning.

use super::{Backend, DurableBackend, TENANT, block_on, put};
use crate::log::LogEnd;
use crate::{Change, Commit, LogRecord, Store};

fn write(store: &impl Store, entries: usize) {
    for number in 0..entries {
        block_on(store.commit(TENANT, Commit { log: vec![vec![number as u8; 40]], ..Commit::default() })).expect("commit");
    }
}

fn read(store: &impl Store, from: u64) -> Vec<LogRecord> {
    block_on(store.read_log(from, usize::MAX)).expect("log")
}

fn end(records: &[LogRecord]) -> LogEnd {
    records.last().map_or(LogEnd::EMPTY, |last| LogEnd { sequence: last.sequence, hash: last.hash })
}

/// Entries come back in order, without gaps, each hash covering the one before.
pub fn the_log_is_chained<B: Backend>() {
    let backend = B::create();
    let store = backend.store();
    for number in 0..10_u8 {
        let log = vec![vec![number; 3], vec![number; 300], Vec::new()];
        let changes = vec![Change::Put(put(&number.to_string(), None, b""))];
        block_on(store.commit(TENANT, Commit { changes, log, ..Commit::default() })).expect("commit");
    }
    let all = block_on(store.read_log(1, usize::MAX)).expect("log");
    assert_eq!(all.len(), 30);
    let mut end = LogEnd::EMPTY;
    for (record, number) in all.iter().zip(0..) {
        assert!(end.precedes(record), "{record:?}");
        let expected = [vec![number / 3; 3], vec![number / 3; 300], Vec::new()];
        assert_eq!(record.entry, expected[usize::from(number % 3)]);
        end = LogEnd { sequence: record.sequence, hash: record.hash };
    }
    assert_eq!(block_on(store.read_log(7, 2)).expect("log"), all[6..8]);
    assert_eq!(block_on(store.read_log(0, 2)).expect("log"), all[..2]);
    assert_eq!(block_on(store.read_log(30, 5)).expect("log"), all[29..]);
    assert!(block_on(store.read_log(31, 5)).expect("log").is_empty());
    assert!(block_on(store.read_log(1, 0)).expect("log").is_empty());
}

/// From the number on, everything stays; before it, whatever the backend keeps is one piece. The chain goes on.
pub fn the_log_is_dropped_from_its_beginning<B: Backend>() {
    let backend = B::create();
    let store = backend.store();
    write(store, 30);
    let all = read(store, 1);
    let mut dropped = 1;
    for before in [0, 1, 16, 9, 31, 1000] {
        block_on(store.drop_log(before)).expect("drop");
        dropped = before.max(dropped);
        let kept = read(store, 1);
        assert_eq!(kept, all[all.len() - kept.len()..], "after dropping what is before {before}");
        let expected = 30_u64.saturating_sub(dropped - 1) as usize;
        assert!(kept.len() >= expected, "{} entries are left after dropping what is before {before}", kept.len());
    }
    write(store, 2);
    let after = read(store, 31);
    assert!(after.len() == 2 && end(&all).precedes(&after[0]) && end(&after[..1]).precedes(&after[1]), "{after:?}");
}

/// Sequence and chain go on after reopening, even if nothing is left of the log.
pub fn a_dropped_log_goes_on_after_reopening<B: DurableBackend>() {
    let mut backend = B::create();
    let mut last = LogEnd::EMPTY;
    for _ in 0..3 {
        let store = backend.store();
        write(store, 5);
        let records = read(store, last.sequence + 1);
        assert!(records.len() == 5 && last.precedes(&records[0]), "{records:?}");
        last = end(&records);
        block_on(store.drop_log(u64::MAX)).expect("drop");
        let kept = read(store, 1);
        backend = backend.reopen();
        let again = read(backend.store(), 1);
        assert_eq!(again, kept);
    }
}
