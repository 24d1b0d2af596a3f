//! A writer: creates, changes and removes records of its own, and says so before and after.

use super::engine::{self, Engine};
use super::owner;
use super::protocol::{Body, Event, Intent, entry};
use crate::volatile::Random;
use store::{Change, Revision};

/// Records of one owner.
pub(super) type Records = Vec<(String, Revision)>;

/// The largest body: 2 to the power of this, in bytes. All orders of magnitude from 1 byte on are equally likely.
const LARGEST: u32 = 20;

/// The body of a small commit, in bytes.
const SMALL: usize = 200;

/// Records a writer keeps; with more it rather removes one.
const ENOUGH: u64 = 30;

/// Changes of the largest commit.
const MOST_CHANGES: u64 = 4;

pub(super) struct Writer<'a> {
    store: &'a Engine,
    run: u64,
    number: u64,
    random: Random,
    /// Records whose state is certain.
    living: Records,
    commits: u64,
}

/// The term of a version of a record.
pub(super) fn version(identifier: &str, body: Body) -> String {
    format!("{identifier}/{body}")
}

impl<'a> Writer<'a> {
    pub(super) fn new(store: &'a Engine, run: u64, number: u64, seed: u64, living: Records) -> Self {
        Self { store, run, number, random: Random::new(seed), living, commits: 0 }
    }

    /// Writes until a commit is answered with an error.
    pub(super) fn write_until_error(&mut self) {
        while self.write().is_ok() {
            if self.random.percent(10) && self.store.log(format!("note {} {}", self.run, self.number)).is_err() {
                return;
            }
        }
    }

    /// Makes one commit. After an error its records are left alone: nobody knows whether it was made.
    pub(super) fn write(&mut self) -> Result<(), String> {
        self.commits += 1;
        let number = self.commits;
        let several = self.random.percent(30);
        let count = if several { 2 + self.random.below(MOST_CHANGES - 1) } else { 1 };
        let (mut changes, mut announced, mut written) = (Vec::new(), Vec::new(), Vec::new());
        for position in 0..count {
            let (change, body) = self.change(number, position);
            let identifier = change.identifier().to_owned();
            announced.push((identifier.clone(), body));
            written.extend(body.map(|_| identifier));
            changes.push(change);
        }
        let entries = 1 + u64::from(self.random.percent(20));
        self.commit(number, entries, changes, announced, written)
    }

    /// Makes one commit that takes no time to seal: after some of them on a quick disk, this thread writes them itself.
    pub(super) fn write_small(&mut self) -> Result<(), String> {
        self.commits += 1;
        let number = self.commits;
        let identifier = format!("r{}-w{}-{number}-0", self.run, self.number);
        let (change, body) = self.put_bytes(identifier.clone(), None, vec![0x5A; SMALL]);
        self.commit(number, 1, vec![change], vec![(identifier.clone(), body)], vec![identifier])
    }

    /// `announced`: identifiers and new bodies; `written`: the identifiers of those that are there afterwards.
    fn commit(
        &mut self,
        number: u64,
        entries: u64,
        changes: Vec<Change>,
        announced: Vec<(String, Option<Body>)>,
        written: Vec<String>,
    ) -> Result<(), String> {
        Event::Intent(Intent { writer: self.number, number, entries, changes: announced }).print();
        let log = (0..entries).map(|position| entry(self.run, self.number, number, position).into_bytes()).collect();
        match self.store.commit(changes, log) {
            Ok(revision) => {
                Event::Done { writer: self.number, number, revision: revision.0 }.print();
                self.living.extend(written.into_iter().map(|identifier| (identifier, revision)));
                Ok(())
            }
            Err(reason) => {
                Event::Failed { writer: self.number, number, reason: reason.clone() }.print();
                Err(reason)
            }
        }
    }

    /// One change; the record it concerns is taken from the living ones until the commit is acknowledged.
    fn change(&mut self, number: u64, position: u64) -> (Change, Option<Body>) {
        let crowd = self.living.len() as u64;
        let existing = crowd > 0 && self.random.below(crowd + ENOUGH) < crowd + ENOUGH / 4;
        if !existing {
            let identifier = format!("r{}-w{}-{number}-{position}", self.run, self.number);
            return self.put(identifier, None);
        }
        let (identifier, revision) = self.living.swap_remove(self.random.below(crowd) as usize);
        if self.random.below(crowd + ENOUGH) < crowd {
            let expected = revision;
            return (Change::Remove { identifier, expected }, None);
        }
        self.put(identifier, Some(revision))
    }

    fn put(&mut self, identifier: String, expected: Option<Revision>) -> (Change, Option<Body>) {
        let mut bytes = vec![0; self.random.magnitude(LARGEST) as usize];
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.random.next().to_le_bytes()[..chunk.len()]);
        }
        self.put_bytes(identifier, expected, bytes)
    }

    fn put_bytes(&self, identifier: String, expected: Option<Revision>, bytes: Vec<u8>) -> (Change, Option<Body>) {
        let body = Body::of(&bytes);
        let change = engine::put(&identifier, &owner(self.number), expected, bytes, &version(&identifier, body));
        (change, Some(body))
    }
}
