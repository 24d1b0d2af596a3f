//! How a query is answered: from the cheapest of its conditions, the newest record first.

use std::collections::BinaryHeap;

use super::objects::Objects;
use super::owners::Dated;
use super::postings::Posting;
use crate::{Found, Page, Range};

/// The conditions of a query, in the terms of the index.
pub(super) struct Conditions<'a> {
    pub(super) owner: Option<u32>,
    /// Hashes, each once.
    pub(super) terms: &'a [u64],
    pub(super) ranges: &'a [Range],
    /// Fields.
    pub(super) without: &'a [u32],
}

/// A range that is wide is answered on the way from the newest record down, because hits are likely to come soon. When as many
/// records were looked at as a part of those in the range (the whole divided by this), the range itself is read instead.
const PATIENCE: usize = 8;

/// A posting that is so many times as long as the shortest of a join is not searched for what the shortest has: most records that
/// it would rule out are none of those, and each search in a long list waits for memory many times. The term is looked up in
/// the record's entry, like all terms.
const LONG: usize = 16;

/// Where the records come from that are judged, the newest first.
enum Candidates<'a> {
    /// Every record of the tenant.
    All,
    /// Those in all postings of a join, merged over the owners: the newest of each join that was not yet returned.
    Joined { joins: Vec<Join<'a>>, newest: BinaryHeap<(u32, usize)> },
    /// Those in a range.
    Gathered(BinaryHeap<u32>),
}

/// The postings of one owner that a record must be in, the shortest first, without those that are far longer.
struct Join<'a>(Vec<Posting<'a>>);

/// The condition of an owner that the fewest records satisfy.
struct Cheapest {
    owner: u32,
    range: Range,
}

impl Join<'_> {
    /// The greatest number below a bound that all postings have.
    fn below(&self, bound: u32) -> Option<u32> {
        let (first, others) = self.0.split_first()?;
        let mut number = first.below(bound)?;
        'again: loop {
            for posting in others {
                let other = posting.below(number + 1)?;
                if other != number {
                    number = first.below(other + 1)?;
                    continue 'again;
                }
            }
            return Some(number);
        }
    }
}

impl Objects {
    pub(super) fn find(&self, conditions: &Conditions<'_>, page: Page) -> Found {
        let is_older = |cursor| self.entries.partition_point(|entry| entry.cursor() < cursor);
        let mut bound = page.after.map_or(self.entries.len(), is_older) as u32;
        let mut found = Found::default();
        let (mut candidates, mut patience, ranges) = self.plan(conditions, bound);
        let mut last = None;
        loop {
            if patience == 0 {
                candidates = self.gather(&ranges, bound);
                patience = usize::MAX;
            }
            let Some(number) = candidates.next(self, bound) else { break };
            if found.identifiers.len() >= page.limit.max(1) {
                found.next = last;
                break;
            }
            bound = number;
            patience -= 1;
            let entry = &self.entries[number as usize];
            let owner = conditions.owner.is_none_or(|owner| entry.owner == owner);
            let shape = self.shapes.get(entry.shape);
            if owner
                && conditions.terms.iter().all(|term| entry.has_term(shape, *term))
                && conditions.ranges.iter().all(|range| entry.has_number_in(shape, range))
                && !conditions.without.iter().any(|field| shape.fields.binary_search(field).is_ok())
            {
                found.identifiers.push(entry.name());
                last = Some(entry.cursor());
            }
        }
        found
    }

    /// Where to look, for how many records, and which ranges to read after that.
    fn plan(&self, conditions: &Conditions<'_>, bound: u32) -> (Candidates<'_>, usize, Vec<Cheapest>) {
        let Conditions { owner, terms, ranges, .. } = conditions;
        let all = owner.is_none() && terms.is_empty();
        if all && ranges.is_empty() {
            return (Candidates::All, usize::MAX, Vec::new());
        }
        let (mut joins, mut cheapest) = (Vec::new(), Vec::new());
        let (mut walked, mut gathered) = (0, 0);
        let mut consider = |owner: u32| {
            let Some(join) = self.join(owner, terms) else { return };
            let counts = ranges.iter().map(|range| (self.count(owner, range), range));
            if let Some((count, range)) = counts.min_by_key(|(count, _)| *count) {
                if count == 0 {
                    return;
                }
                gathered += count;
                cheapest.push(Cheapest { owner, range: *range });
            }
            walked += join.0[0].len();
            joins.push(join);
        };
        match owner {
            Some(owner) => consider(*owner),
            None => self.owners.living().for_each(consider),
        }
        if !ranges.is_empty() && cheapest.is_empty() {
            // Nobody has a number in the range.
            return (Candidates::Gathered(BinaryHeap::new()), usize::MAX, Vec::new());
        }
        if all {
            // Then the records of everybody are walked along, not only those of owners who have a number in the range.
            walked = bound as usize;
        }
        let patience = if ranges.is_empty() || walked <= gathered { usize::MAX } else { gathered / PATIENCE };
        if all {
            return (Candidates::All, patience, cheapest);
        }
        let newest = (0..).zip(&joins).filter_map(|(at, join)| Some((join.below(bound)?, at))).collect();
        (Candidates::Joined { joins, newest }, patience, cheapest)
    }

    /// The postings of an owner; `None`: it has none of a term.
    fn join(&self, owner: u32, terms: &[u64]) -> Option<Join<'_>> {
        if terms.is_empty() {
            return Some(Join(vec![Posting::Several(&self.owners.get(owner).records)]));
        }
        let mut postings = terms.iter().map(|term| self.postings.get(owner, *term)).collect::<Option<Vec<_>>>()?;
        postings.sort_by_cached_key(Posting::len);
        let long = postings[0].len().saturating_mul(LONG);
        postings.retain(|posting| posting.len() <= long);
        Some(Join(postings))
    }

    /// How many numbers an owner has in a range.
    fn count(&self, owner: u32, range: &Range) -> usize {
        let Some(column) = self.owners.get(owner).column(range.field) else { return 0 };
        column.between(Dated::new(range.from, 0), Dated::new(range.to, u32::MAX)).map(<[Dated]>::len).sum()
    }

    /// The records in ranges that are older than a bound.
    fn gather(&self, ranges: &[Cheapest], bound: u32) -> Candidates<'_> {
        let mut records = Vec::new();
        for Cheapest { owner, range } in ranges {
            if let Some(column) = self.owners.get(*owner).column(range.field) {
                let between = column.between(Dated::new(range.from, 0), Dated::new(range.to, u32::MAX));
                records.extend(between.flatten().map(|dated| dated.record).filter(|record| *record < bound));
            }
        }
        // Only as many of them are put in order as are looked at.
        Candidates::Gathered(BinaryHeap::from(records))
    }
}

impl Candidates<'_> {
    /// The newest candidate below a bound. The bound never grows from one call to the next.
    fn next(&mut self, objects: &Objects, bound: u32) -> Option<u32> {
        match self {
            Self::All => (0..bound).rev().find(|number| !objects.entries[*number as usize].is_gap()),
            Self::Joined { joins, newest } => loop {
                let (number, at) = newest.pop()?;
                newest.extend(joins[at].below(number).map(|next| (next, at)));
                if number < bound {
                    return Some(number);
                }
            },
            // A record with two numbers in the range is there twice.
            Self::Gathered(records) => loop {
                let number = records.pop()?;
                if number < bound {
                    return Some(number);
                }
            },
        }
    }
}
