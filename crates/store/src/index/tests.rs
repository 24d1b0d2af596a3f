use std::collections::{BTreeMap, HashMap, HashSet};

use proptest::prelude::*;

use super::objects::GAPS;
use super::*;
use crate::{Number, Range, Term};

const TENANT: Tenant = Tenant(1);

fn term(field: u32, value: &str) -> Term {
    Term { field, value: value.as_bytes().into() }
}

fn place(created: u64) -> Place {
    Place { created: Revision(created), position: 0, revision: Revision(created) }
}

fn query(owner: Option<&str>, terms: &[Term]) -> Query {
    Query { owner: owner.map(Into::into), terms: terms.to_vec(), ..Query::default() }
}

fn find(index: &Index, query: &Query) -> Vec<String> {
    let found = index.find(TENANT, query, Page::first(usize::MAX));
    assert_eq!(found.next, None);
    found.identifiers
}

fn put(index: &mut Index, identifier: &str, owner: &str, place: Place, terms: &[Term], numbers: &[Number]) {
    let facets = Facets::of(index.hasher(), terms, numbers);
    index.put(TENANT, identifier, owner, place, facets);
}

#[test]
fn a_store_that_creates_and_removes_does_not_grow() {
    let mut index = Index::new(TermHasher::random());
    for number in 0..20_000 {
        let numbers = [Number { field: 1, value: number as i64 }];
        let terms = [term(1, "same"), term(2, &number.to_string())];
        put(&mut index, &number.to_string(), if number % 1000 == 0 { "bob" } else { "alice" }, place(number), &terms, &numbers);
        if number >= 10 {
            assert!(index.remove(TENANT, &(number - 10).to_string()));
        }
    }
    let objects = &index.tenants[&TENANT];
    assert!(objects.entries.len() <= 2 * GAPS + 20 && objects.postings.len() < 50);
    assert_eq!((index.len(), objects.owners.living().count()), (10, 1));
    let newest: Vec<_> = (19_990..20_000).rev().map(|number| number.to_string()).collect();
    assert_eq!(find(&index, &query(Some("alice"), &[term(1, "same")])), newest);
    let ranges = vec![Range { field: 1, from: 19_995, to: i64::MAX }];
    assert_eq!(find(&index, &Query { ranges, ..Query::default() }), newest[..5]);
    for number in 19_990..20_000 {
        assert!(index.remove(TENANT, &number.to_string()));
    }
    assert_eq!((index.len(), index.tenants[&TENANT].postings.len()), (0, 0));
}

/// A range of which nothing is among the newest records, and one that all of them are in.
#[test]
fn wide_ranges_are_found_from_both_sides() {
    let mut index = Index::new(TermHasher::random());
    for number in 0..10_000_u64 {
        let numbers = [Number { field: 1, value: number as i64 }, Number { field: 2, value: (number % 7) as i64 - 3 }];
        put(&mut index, &format!("{number}"), "alice", place(number), &[term(1, "same")], &numbers);
    }
    let old = Query { ranges: vec![Range { field: 1, from: i64::MIN, to: 4999 }], ..query(Some("alice"), &[term(1, "same")]) };
    let found = index.find(TENANT, &old, Page::first(3));
    assert_eq!(found.identifiers, ["4999", "4998", "4997"]);
    let found = index.find(TENANT, &old, Page { after: found.next, limit: 3 });
    assert_eq!(found.identifiers, ["4996", "4995", "4994"]);
    assert_eq!(find(&index, &old).len(), 5000);
    let wide = Query { ranges: vec![Range { field: 2, from: -3, to: 2 }], ..query(Some("alice"), &[]) };
    assert_eq!(find(&index, &wide).len(), 10_000 / 7 * 6 + 4);
    let none = Query { ranges: vec![Range { field: 1, from: 5, to: 4 }], ..Query::default() };
    assert!(find(&index, &none).is_empty());
}

fn saved(index: &Index, limit: usize) -> Vec<Vec<u8>> {
    let (mut saver, mut items) = (Saver::default(), Vec::new());
    while let Some(more) = saver.next(index, Revision(u64::MAX), limit) {
        items.extend(more);
    }
    items
}

fn loaded(hasher: &TermHasher, items: &[Vec<u8>]) -> Option<Index> {
    let mut loader = Loader::new(hasher.clone());
    items.iter().try_for_each(|item| loader.item(item))?;
    loader.finish()
}

/// Everything that an index has, entry by entry.
fn everything(index: &Index) -> Vec<(Tenant, String, String, Place, Facets)> {
    let entry = |(tenant, objects, entry): (Tenant, &Objects, &Packed)| {
        let (owner, facets) = (objects.owners.get(entry.owner).name.to_string(), entry.facets(objects.shapes.get(entry.shape)));
        (tenant, entry.name(), owner, entry.place(), facets)
    };
    index.packed_after(None).map(entry).collect()
}

/// Enough records that terms become common, numbers fill blocks and gaps are closed; some are changed, and some go.
#[test]
fn what_is_saved_is_loaded() {
    let mut index = Index::new(TermHasher::random());
    let put_one = |index: &mut Index, revision: u64, number: u64| {
        let name =
            if number.is_multiple_of(2) { format!("{number:08x}-0000-4000-8000-000000000000") } else { number.to_string() };
        let (created, revision) = (Revision(number + 1), Revision(revision));
        let mut terms = vec![term(1, &(number / 7 % 5).to_string()), term(2, &revision.0.to_string()), term(3, "same")];
        terms.extend(number.is_multiple_of(3).then(|| term(4, &(number / 10).to_string())));
        let numbers = [Number { field: 1, value: number as i64 % 10 }, Number { field: 2, value: -(revision.0 as i64) }];
        let place = Place { created, position: 0, revision };
        put(index, &name, &(number % 3).to_string(), place, &terms, &numbers[..if number.is_multiple_of(11) { 1 } else { 2 }]);
        name
    };
    let names: Vec<_> = (0..6000).map(|number| put_one(&mut index, number + 1, number)).collect();
    for number in (0..6000).step_by(13) {
        put_one(&mut index, 6001 + number, number);
    }
    names.iter().skip(4).step_by(5).for_each(|name| assert!(index.remove(TENANT, name)));
    let shapes = index.tenants[&TENANT].shapes.len();
    assert!((10..100).contains(&shapes), "{shapes} shapes");
    let items = saved(&index, 500);
    let bytes = items.iter().map(Vec::len).sum::<usize>() / index.len();
    assert!(bytes < 80, "{bytes} bytes each");
    let mut again = loaded(&index.hasher, &items).expect("load");
    assert_eq!(everything(&again), everything(&index));
    for owner in [None, Some("0"), Some("1")] {
        let ranges = vec![Range { field: 1, from: 3, to: 6 }, Range { field: 2, from: -2500, to: 0 }];
        for query in [query(owner, &[]), query(owner, &[term(1, "3"), term(3, "same")]), Query { ranges, ..query(owner, &[]) }] {
            let found = find(&again, &query);
            assert!(found.len() > 50 && found == find(&index, &query), "{query:?}");
        }
    }
    // What was loaded is used like what was put: nothing is left where all of it goes.
    put_one(&mut again, 20_000, 6_000);
    put_one(&mut again, 20_001, 0);
    for name in names.iter().map(String::as_str).chain(["00001770-0000-4000-8000-000000000000"]) {
        assert_eq!(again.remove(TENANT, name), index.place(TENANT, name).is_some() || name.starts_with("00001770"));
    }
    let objects = &again.tenants[&TENANT];
    assert_eq!((again.len(), objects.postings.len(), objects.owners.living().count(), objects.shapes.len()), (0, 0, 0, 0));
}

#[test]
fn what_no_saver_made_is_not_loaded() {
    let mut index = Index::new(TermHasher::random());
    for number in 0..300 {
        let terms = [term(1, "same"), term(2, &number.to_string())];
        put(&mut index, &format!("name {number}"), "alice", place(number), &terms, &[Number { field: 1, value: number as i64 }]);
    }
    let items = saved(&index, usize::MAX);
    assert!(loaded(&index.hasher, &items).is_some_and(|again| again.len() == 300));
    let (last, definitions) = items.split_last().expect("items");
    // A record that comes twice, one that comes too early, and entries before what they name.
    let twice = |items: &[&[u8]]| loaded(&index.hasher, &items.iter().map(|item| item.to_vec()).collect::<Vec<_>>()).is_none();
    assert!(twice(&[&items[0], &items[1], last, last]) && twice(&[last]));
    let mut renamed = last.clone();
    let at = renamed.windows(6).position(|bytes| bytes == b"name 1").expect("name");
    renamed[at + 5] = b'0';
    assert!(loaded(&index.hasher, &[definitions, &[renamed]].concat()).is_none());
    for length in (0..last.len()).step_by(7) {
        let mut loader = Loader::new(index.hasher.clone());
        definitions.iter().for_each(|item| loader.item(item).expect("definition"));
        // It may end between two entries.
        if loader.item(&last[..length]).is_some() {
            assert!(loader.finish().is_some_and(|part| part.len() < 300));
        }
    }
}

proptest! {
    #[test]
    fn any_items_never_panic(items in prop::collection::vec((0..5_u8, prop::collection::vec(0..4_u8, 0..120)), 0..6)) {
        let items: Vec<_> = items.into_iter().map(|(kind, bytes)| [&[kind][..], &bytes].concat()).collect();
        let _ = loaded(&TermHasher::random(), &items);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Put {
        name: u8,
        owner: u8,
        terms: Vec<(u32, u8)>,
        numbers: Vec<(u32, i64)>,
    },
    Remove(u8),
    /// Many records come and go, so that gaps are closed.
    Churn,
}

fn step() -> impl Strategy<Value = Step> {
    let terms = prop::collection::vec((0..3_u32, 0..3_u8), 0..4);
    let numbers = prop::collection::vec((0..2_u32, prop_oneof![-3..4_i64, Just(i64::MIN), Just(i64::MAX)]), 0..4);
    let put = (0..24_u8, 0..3_u8, terms, numbers);
    prop_oneof![
        30 => put.prop_map(|(name, owner, terms, numbers)| Step::Put { name, owner, terms, numbers }),
        10 => (0..24_u8).prop_map(Step::Remove),
        1 => Just(Step::Churn),
    ]
}

/// UUIDs and others.
fn identifier(name: u8) -> String {
    if name.is_multiple_of(2) { format!("{name:08x}-0000-4000-8000-00000000000{}", name % 10) } else { format!("name {name}") }
}

/// The model: records by creation, searched one by one.
#[derive(Clone, Default)]
struct Model {
    now: u64,
    records: BTreeMap<u64, Known>,
}

#[derive(Clone)]
struct Known {
    identifier: String,
    owner: String,
    revision: Revision,
    terms: Vec<Term>,
    numbers: Vec<Number>,
}

impl Model {
    fn apply(&mut self, index: &mut Index, step: &Step) {
        self.now += 1;
        let created_as = |records: &BTreeMap<u64, Known>, identifier: &str| {
            records.iter().find(|(_, known)| known.identifier == identifier).map(|(created, _)| *created)
        };
        match step {
            Step::Put { name, owner, terms, numbers } => {
                let known = Known {
                    identifier: identifier(*name),
                    owner: owner.to_string(),
                    revision: Revision(self.now),
                    terms: terms.iter().map(|(field, value)| term(*field, &value.to_string())).collect(),
                    numbers: numbers.iter().map(|(field, value)| Number { field: *field, value: *value }).collect(),
                };
                let created = created_as(&self.records, &known.identifier).unwrap_or(self.now);
                let place = Place { created: Revision(created), position: 0, revision: known.revision };
                put(index, &known.identifier, &known.owner, place, &known.terms, &known.numbers);
                assert_eq!(index.place(TENANT, &known.identifier), Some(place));
                self.records.insert(created, known);
            }
            Step::Remove(name) => {
                let created = created_as(&self.records, &identifier(*name));
                assert_eq!(index.remove(TENANT, &identifier(*name)), created.is_some());
                assert_eq!(index.place(TENANT, &identifier(*name)), None);
                created.map(|created| self.records.remove(&created));
            }
            Step::Churn => {
                for number in 0..GAPS + 50 {
                    self.now += 1;
                    let numbers = [Number { field: 0, value: number as i64 % 5 }];
                    let place = place(self.now);
                    put(index, &format!("churn {number}"), "0", place, &[term(0, "0"), term(9, &number.to_string())], &numbers);
                }
                for number in 0..GAPS + 50 {
                    assert!(index.remove(TENANT, &format!("churn {number}")));
                }
            }
        }
        assert_eq!(index.tenants.get(&TENANT).map_or(0, Objects::len), self.records.len());
    }

    fn find(&self, query: &Query) -> Vec<String> {
        let satisfies = |known: &&Known| {
            query.owner.as_ref().is_none_or(|owner| *owner == known.owner)
                && query.terms.iter().all(|term| known.terms.contains(term))
                && query.ranges.iter().all(|range| {
                    let within = |number: &Number| (range.from..=range.to).contains(&number.value);
                    known.numbers.iter().any(|number| number.field == range.field && within(number))
                })
        };
        self.records.values().rev().filter(satisfies).map(|known| known.identifier.clone()).collect()
    }
}

fn queries() -> Vec<Query> {
    let terms = [vec![], vec![term(0, "0")], vec![term(1, "2"), term(1, "2")], vec![term(0, "1"), term(1, "1")]];
    let range = |field, from, to| Range { field, from, to };
    let ranges = [
        vec![],
        vec![range(0, 0, 0)],
        vec![range(0, i64::MIN, i64::MAX)],
        vec![range(1, -1, 2), range(0, -5, 5)],
        vec![range(1, 3, i64::MAX)],
        vec![range(7, 0, 9)],
        vec![range(0, 2, 1)],
    ];
    let mut queries = Vec::new();
    for owner in [None, Some("0"), Some("1"), Some("none")] {
        for terms in &terms {
            for ranges in &ranges {
                queries.push(Query {
                    owner: owner.map(Into::into),
                    terms: terms.clone(),
                    ranges: ranges.clone(),
                    ..Query::default()
                });
            }
        }
    }
    queries
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_finds_what_a_search_of_all_records_finds(steps in prop::collection::vec(step(), 0..80), limit in 1..5_usize) {
        let (mut index, mut model) = (Index::new(TermHasher::random()), Model::default());
        steps.iter().for_each(|step| model.apply(&mut index, step));
        for query in queries() {
            let expected = model.find(&query);
            prop_assert_eq!(&find(&index, &query), &expected, "{:?}", query);
            prop_assert!(index.find(Tenant(2), &query, Page::first(9)).identifiers.is_empty());
            // The same page by page.
            let (mut page, mut found) = (Page::first(limit), Vec::new());
            loop {
                let part = index.find(TENANT, &query, page);
                prop_assert!(part.identifiers.len() <= limit);
                prop_assert!(part.next.is_none() || part.identifiers.len() == limit);
                found.extend(part.identifiers);
                page.after = part.next;
                if page.after.is_none() {
                    break;
                }
            }
            prop_assert_eq!(found, expected, "{:?}", query);
        }
        for owner in ["0", "1", "none"] {
            for wanted in [term(0, "0"), term(1, "2"), term(5, "0")] {
                let holders: HashSet<_> = model.find(&query(Some(owner), std::slice::from_ref(&wanted))).into_iter().collect();
                let guard = Guard { owner: owner.into(), term: wanted };
                prop_assert_eq!(index.taken(TENANT, &guard, |_| false), !holders.is_empty());
                prop_assert!(!index.taken(TENANT, &guard, |identifier| holders.contains(identifier)));
                prop_assert!(!index.taken(Tenant(2), &guard, |_| false));
                for one in &holders {
                    prop_assert_eq!(index.taken(TENANT, &guard, |identifier| identifier == one), holders.len() > 1);
                }
            }
        }
    }

    /// Pages walked while records come and go: what was there all the time is found exactly once, in order.
    #[test]
    fn pages_give_everything_that_stays_once(
        before in prop::collection::vec(step(), 20..80), between in prop::collection::vec(step(), 30), limit in 1..4_usize,
        which in 0..112_usize,
    ) {
        let (mut index, mut model) = (Index::new(TermHasher::random()), Model::default());
        before.iter().for_each(|step| model.apply(&mut index, step));
        let query = &queries()[which];
        let mut stayed: HashSet<_> = model.find(query).into_iter().collect();
        let created = |model: &Model| -> HashMap<String, u64> {
            model.records.iter().map(|(created, known)| (known.identifier.clone(), *created)).collect()
        };
        let first = created(&model);
        let (mut page, mut found, mut steps) = (Page::first(limit), Vec::new(), between.iter());
        loop {
            let part = index.find(TENANT, query, page);
            let now = created(&model);
            found.extend(part.identifiers.iter().map(|identifier| (now[identifier], identifier.clone())));
            page.after = part.next;
            if page.after.is_none() {
                break;
            }
            for step in steps.by_ref().take(2) {
                model.apply(&mut index, step);
                let now = created(&model);
                let satisfying: HashSet<_> = model.find(query).into_iter().collect();
                stayed.retain(|identifier| satisfying.contains(identifier) && now.get(identifier) == first.get(identifier));
            }
        }
        prop_assert!(found.is_sorted_by(|(a, _), (b, _)| a > b), "{:?}", found);
        for identifier in &stayed {
            prop_assert_eq!(found.iter().filter(|(created, name)| name == identifier && *created == first[identifier]).count(), 1);
        }
    }

    /// What is shown entry by entry, with changes in between, makes an index that answers alike.
    #[test]
    fn entries_make_the_index_again(
        steps in prop::collection::vec(step(), 0..80), other in prop::collection::vec(step(), 0..5), limit in 1..9_usize,
    ) {
        let (mut index, mut model) = (Index::new(TermHasher::from_key(&[3; 16])), Model::default());
        steps.iter().for_each(|step| model.apply(&mut index, step));
        let facets = Facets::of(index.hasher(), &[term(1, "x")], &[]);
        index.put(Tenant(0), "other", "zoe", place(5), facets.clone());
        index.put(Tenant(9), "other", "zoe", place(5), facets);
        let mut again = loaded(&index.hasher, &saved(&index, limit)).expect("load");
        prop_assert_eq!(everything(&again), everything(&index));
        let mut after = None;
        for known in everything(&index).chunks(limit) {
            let entries = index.entries_after(after, limit);
            prop_assert!(entries.iter().map(|entry| (&entry.identifier, entry.owner)).eq(known.iter().map(|known| (&known.1, &*known.2))));
            after = entries.last().map(|last| (last.tenant, last.place.cursor()));
        }
        prop_assert!(index.entries_after(after, limit).is_empty() || index.is_empty());
        prop_assert_eq!(again.len(), index.len());
        for (known, name) in (0..24).map(identifier).map(|name| (index.place(TENANT, &name), name)) {
            prop_assert_eq!(again.place(TENANT, &name), known);
        }
        let mut model_again = model.clone();
        other.iter().for_each(|step| model_again.apply(&mut again, step));
        other.iter().for_each(|step| model.apply(&mut index, step));
        for query in queries() {
            prop_assert_eq!(find(&again, &query), find(&index, &query));
        }
        prop_assert_eq!(again.find(Tenant(9), &query(Some("zoe"), &[term(1, "x")]), Page::first(2)).identifiers, ["other"]);
    }
}
