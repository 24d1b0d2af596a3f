//! Counts the vectors of one area.

use std::collections::BTreeMap;

/// What became of the vectors of some sets. Prints itself when it is settled.
#[derive(Default)]
pub(crate) struct Tally {
    lines: Vec<String>,
    total: usize,
    set: Set,
}

#[derive(Default)]
struct Set {
    name: String,
    announced: usize,
    passed: usize,
    inapplicable: BTreeMap<&'static str, usize>,
    failed: Vec<String>,
}

impl Tally {
    /// Begins the next set, of a known number of vectors.
    pub(crate) fn set(&mut self, name: &str, announced: usize) {
        self.end_set();
        self.set = Set { name: name.to_owned(), announced, ..Set::default() };
    }

    /// One vector that applies: whether it came out as it should.
    pub(crate) fn vector(&mut self, id: usize, comment: &str, passed: bool) {
        if passed {
            self.set.passed += 1;
        } else {
            self.set.failed.push(format!("{} {id} ({comment})", self.set.name));
        }
    }

    /// One vector that is about something that is not offered.
    pub(crate) fn inapplicable(&mut self, reason: &'static str) {
        *self.set.inapplicable.entry(reason).or_default() += 1;
    }

    fn end_set(&mut self) {
        let set = std::mem::take(&mut self.set);
        assert!(set.failed.is_empty(), "{} failed: {}", set.failed.len(), set.failed.join(", "));
        let others: usize = set.inapplicable.values().sum();
        assert_eq!(set.passed + others, set.announced, "{}: every vector is counted", set.name);
        if set.announced > 0 {
            let reasons = set.inapplicable.iter().map(|(reason, count)| format!(", {count} not applicable: {reason}"));
            self.lines.push(format!("{:<28} {:>5} passed{}", set.name, set.passed, reasons.collect::<String>()));
            self.total += set.passed;
        }
    }

    /// Prints the counts and returns how many passed.
    pub(crate) fn settle(mut self, area: &str) -> usize {
        self.end_set();
        println!("Wycheproof, {area}:\n  {}\n  {} passed", self.lines.join("\n  "), self.total);
        self.total
    }
}
