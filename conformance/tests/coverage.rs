//! Each operation that the server offers has own cases in each version that knows it: one in which it succeeds, and one in which it is
//! refused. What is offered is in docs/kmip-support.md, which is written from the server's tables; what no case can show, or shows
//! elsewhere, is in `cases/gaps.txt`, which may only shrink.

#![allow(clippy::unwrap_used)] // A failed unwrap is a failed test.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Version, operation, and whether it succeeds.
type Gap = (String, String, &'static str);

const SUCCEEDS: &str = "succeeds";
const FAILS: &str = "fails";

/// The values of the elements of a name, in order.
fn values<'a>(text: &'a str, element: &'a str) -> impl Iterator<Item = &'a str> {
    let begin = format!("<{element} type=\"Enumeration\" value=\"");
    let parts: Vec<&str> = text.split(begin.as_str()).skip(1).collect();
    parts.into_iter().filter_map(|part| part.split('"').next())
}

/// What the cases of a directory show: each request's operations with the status of the answers in the same places.
fn shown(directory: &Path) -> BTreeSet<(String, &'static str)> {
    let mut shown = BTreeSet::new();
    for entry in fs::read_dir(directory).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        for exchange in text.split("<RequestMessage>").skip(1) {
            let (request, response) = exchange.split_once("</RequestMessage>").unwrap();
            let operations = request.split("<BatchItem>").skip(1).filter_map(|item| values(item, "Operation").next());
            for (operation, status) in operations.zip(values(response, "ResultStatus")) {
                shown.insert((operation.to_owned(), if status == "OperationFailed" { FAILS } else { SUCCEEDS }));
            }
        }
    }
    shown
}

/// The operations of the page, as the XML encoding names them, by version.
fn offered(page: &str) -> BTreeMap<String, Vec<String>> {
    let table = page.split_once("## Operations").unwrap().1.split("\n## ").next().unwrap();
    let mut rows = table.lines().filter(|line| line.starts_with('|')).map(|line| {
        let cells = line.trim_matches('|').split('|').map(str::trim);
        cells.collect::<Vec<_>>()
    });
    let versions = rows.next().unwrap().split_off(1);
    let mut offered: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows.skip(1) {
        let capitalised = row[0].split([' ', '-']).map(|word| word[..1].to_uppercase() + &word[1..]);
        let operation: String = capitalised.collect();
        for (version, _) in versions.iter().zip(&row[1..]).filter(|(_, known)| **known == "yes") {
            offered.entry((*version).to_owned()).or_default().push(operation.clone());
        }
    }
    offered
}

/// Whether a line of the list means a gap; `*` stands for anything.
fn means(line: &str, (version, operation, what): &Gap) -> bool {
    let mut words = line.split_whitespace();
    let mut is = |value: &str| words.next().is_some_and(|word| word == "*" || word == value);
    is(version) && is(operation) && is(what)
}

#[test]
fn every_operation_has_its_cases_in_every_version() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("../docs/kmip-support.md")).unwrap();
    let list = fs::read_to_string(root.join("cases/gaps.txt")).unwrap();
    let lines: Vec<&str> = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let mut gaps: Vec<Gap> = Vec::new();
    let mut checked = 0;
    for (version, operations) in offered(&page) {
        let shown = shown(&root.join("cases").join(&version));
        for operation in operations {
            for what in [SUCCEEDS, FAILS] {
                checked += 1;
                if !shown.contains(&(operation.clone(), what)) {
                    gaps.push((version.clone(), operation.clone(), what));
                }
            }
        }
    }
    assert!(checked > 300, "the page has a table of operations: {checked}");
    let new: Vec<&Gap> = gaps.iter().filter(|gap| !lines.iter().any(|line| means(line, gap))).collect();
    assert!(new.is_empty(), "no case shows that: {new:#?}");
    let filled: Vec<&&str> = lines.iter().filter(|line| !gaps.iter().any(|gap| means(line, gap))).collect();
    assert!(filled.is_empty(), "these are no gaps any more: {filled:#?}");
}
