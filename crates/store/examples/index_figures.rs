//! What the find index costs: memory per record, and times of its operations, at a million records of a thousand owners, or
//! as many as the two arguments say.
//!
//! `cargo run --release -p store --example index_figures`
#![allow(clippy::print_stdout, clippy::expect_used)]

use std::hint::black_box;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use store::index::{Facets, Index, Loader, Place, Saver, TermHasher};
use store::{Guard, Number, Page, Query, Range, Revision, Tenant, Term};

fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc/self/status");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
    line.split_whitespace().nth(1).and_then(|text| text.parse::<usize>().ok()).expect("kilobytes") * 1024
}

fn mixed(number: u64) -> u64 {
    let mixed = (number ^ number >> 31).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9)
}

fn identifier(number: u64) -> String {
    let (high, low) = (mixed(number), mixed(!number));
    let group = |value: u64, bits: u32| value & ((1 << bits) - 1);
    format!("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, group(high >> 16, 16), group(high, 16), low >> 48, group(low, 48))
}

/// How many owners there are; the second argument says.
fn owners() -> u64 {
    static OWNERS: OnceLock<u64> = OnceLock::new();
    *OWNERS.get_or_init(|| std::env::args().nth(2).map_or(1000, |text| text.parse().expect("how many owners")))
}

fn owner(number: u64) -> String {
    format!("CN=client {},O=example", number % owners())
}

fn unique(field: u32, number: u64) -> Term {
    Term { field, value: format!("{field}-{number}").into_bytes().into() }
}

/// Ten terms, three of them of this record alone, and three numbers.
fn terms(number: u64) -> Vec<Term> {
    let shared = (10..17).map(|field| Term { field, value: vec![(number / owners() % 3) as u8 * u8::from(field > 13)].into() });
    (0..3).map(|field| unique(field, number)).chain(shared).collect()
}

fn numbers(number: u64) -> Vec<Number> {
    let date = 1_700_000_000 + number as i64 / 10;
    vec![
        Number { field: 1, value: date },
        Number { field: 2, value: date },
        Number { field: 3, value: date + (mixed(number) % 10_000_000) as i64 },
    ]
}

struct OwnedEntry {
    tenant: Tenant,
    identifier: String,
    owner: String,
    place: Place,
    facets: Facets,
}

fn entry(hasher: &TermHasher, number: u64) -> OwnedEntry {
    let created = Revision(number + 1);
    OwnedEntry {
        tenant: Tenant::DEFAULT,
        identifier: identifier(number),
        owner: owner(number),
        place: Place { created, position: 0, revision: created },
        facets: Facets::of(hasher, &terms(number), &numbers(number)),
    }
}

fn put(index: &mut Index, entry: OwnedEntry) {
    index.put(entry.tenant, &entry.identifier, &entry.owner, entry.place, entry.facets);
}

/// The processor time this thread has used: others may be at work on the machine.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("/proc/thread-self/schedstat");
    Duration::from_nanos(text.split_whitespace().next().and_then(|text| text.parse().ok()).expect("nanoseconds"))
}

/// The mean processor time and the longest time of an operation.
fn report(what: &str, rounds: u64, mut operation: impl FnMut(u64)) {
    let (start, mut longest) = (processor_time(), Duration::ZERO);
    for round in 0..rounds {
        let one = Instant::now();
        operation(round);
        longest = longest.max(one.elapsed());
    }
    println!("{what}: {:?} each, {longest:?} at most ({rounds} rounds)", (processor_time() - start) / rounds as u32);
}

fn main() {
    let records: u64 = std::env::args().nth(1).map_or(1_000_000, |text| text.parse().expect("how many records"));
    let mut index = Index::new(TermHasher::random());
    // As many bytes as a batch of entries takes, so that they do not count.
    let warm: Vec<_> = (0..10_000).map(|number| entry(index.hasher(), number)).collect();
    drop(warm);
    let (before, mut time, mut slowest, mut batches) = (resident(), Duration::ZERO, Duration::ZERO, Vec::new());
    for first in (0..records).step_by(1000) {
        let batch: Vec<_> = (first..records.min(first + 1000)).map(|number| entry(index.hasher(), number)).collect();
        let (used, start) = (processor_time(), Instant::now());
        for entry in batch {
            let one = Instant::now();
            put(&mut index, entry);
            slowest = slowest.max(one.elapsed());
        }
        batches.push(start.elapsed());
        time += processor_time() - used;
    }
    println!("{} records put in {time:?}: {:?} each, {slowest:?} at most", index.len(), time / records as u32);
    batches.sort_unstable();
    let quickest = batches[batches.len() / 10] / 1000;
    println!("{quickest:?} each in the tenth of the batches that was least disturbed by others on this machine");
    println!("{} bytes per record", (resident() - before) / records as usize);
    let (mut saver, mut items) = (Saver::default(), Vec::new());
    let start = processor_time();
    while let Some(more) = saver.next(&index, Revision(u64::MAX), 512) {
        items.extend(more);
    }
    let bytes = items.iter().map(Vec::len).sum::<usize>() as u64 / records;
    println!("{bytes} bytes per record to save, shown in {:?} each", (processor_time() - start) / records as u32);
    let (mut loader, start) = (Loader::new(index.hasher().clone()), processor_time());
    for item in items {
        loader.item(&item).expect("item");
    }
    let collected = processor_time();
    let again = loader.finish().expect("index");
    let (collect, finish) = (collected - start, processor_time() - collected);
    println!("{} of them collected in {collect:?} and loaded in {finish:?}", again.len());
    println!("{} bytes per record", (resident() - before) / records as usize / 2);
    let used = processor_time();
    drop(again);
    println!("dropped in {:?}", processor_time() - used);

    let tenant = Tenant::DEFAULT;
    let some = |round: u64| mixed(round) % records;
    report("hash of a term", 100_000, |round| {
        black_box(index.hasher().hash(1, &round.to_be_bytes()));
    });
    report("place of an identifier", 100_000, |round| {
        assert!(index.place(tenant, &identifier(some(round))).is_some());
    });
    report("find by a unique term of an owner", 100_000, |round| {
        let number = some(round);
        let query = Query { owner: Some(owner(number)), terms: vec![unique(1, number)], ..Query::default() };
        assert_eq!(index.find(tenant, &query, Page::first(10)).identifiers.len(), 1);
    });
    report("find by a unique term of anyone", 1000, |round| {
        let query = Query { owner: None, terms: vec![unique(1, some(round))], ..Query::default() };
        assert_eq!(index.find(tenant, &query, Page::first(10)).identifiers.len(), 1);
    });
    let shared = |field: u32| Term { field, value: vec![0].into() };
    report("first page of 10 of a posting of an owner", 100_000, |round| {
        let query = Query { owner: Some(owner(some(round))), terms: vec![shared(10)], ..Query::default() };
        assert_eq!(index.find(tenant, &query, Page::first(10)).identifiers.len(), 10);
    });
    report("first page of 10 of three postings of an owner", 100_000, |round| {
        let terms = vec![shared(10), shared(14), shared(16)];
        let query = Query { owner: Some(owner(some(round))), terms, ..Query::default() };
        assert_eq!(index.find(tenant, &query, Page::first(10)).identifiers.len(), 10);
    });
    let range = |field, from, to| vec![Range { field, from, to }];
    report("first page of 10 of a wide range of an owner", 100_000, |round| {
        let query =
            Query { owner: Some(owner(some(round))), terms: Vec::new(), ranges: range(1, 0, i64::MAX), ..Query::default() };
        assert_eq!(index.find(tenant, &query, Page::first(10)).identifiers.len(), 10);
    });
    report("first page of 10 of a narrow range of an owner", 10_000, |round| {
        let number = some(round);
        let date = numbers(number)[0].value;
        let query = Query { owner: Some(owner(number)), terms: Vec::new(), ranges: range(1, date, date), ..Query::default() };
        assert!(!index.find(tenant, &query, Page::first(10)).identifiers.is_empty());
    });
    report("first page of 10 of the oldest half of everyone's", 20, |_| {
        let ranges = range(1, 0, 1_700_000_000 + records as i64 / 20);
        assert_eq!(index.find(tenant, &Query { ranges, ..Query::default() }, Page::first(10)).identifiers.len(), 10);
    });
    report("guard", 100_000, |round| {
        let number = some(round);
        let guard = Guard { owner: owner(number), term: unique(1, number + records) };
        assert!(!index.taken(tenant, &guard, |_| false));
    });
    report("1,000 entries to save", 1000, |round| {
        let after = store::Cursor { created: Revision(some(round)), position: 0 };
        black_box(index.entries_after(Some((tenant, after)), 1000).len());
    });
    report("put again with another date", 100_000, |round| {
        let mut entry = entry(index.hasher(), some(round));
        entry.facets.numbers = [numbers(some(round)), vec![Number { field: 4, value: round as i64 }]].concat().into();
        entry.place.revision = Revision(records + round + 1);
        put(&mut index, entry);
    });
    report("remove", records * 49 / 100, |round| {
        assert!(index.remove(tenant, &identifier(round * 2)));
    });
    println!("{} bytes per record that is left", (resident() - before) / index.len());
    report("remove until gaps are closed", records / 50, |round| {
        assert!(index.remove(tenant, &identifier(round * 2 + 1)));
    });
    println!("{} bytes per record that is left", (resident() - before) / index.len());
}
