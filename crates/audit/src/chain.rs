//! The hash chain over the log's entries.

use std::collections::VecDeque;

use aws_lc_rs::digest;

/// A SHA-256 hash of the chain. The entry before the first has the hash of all zero bytes.
pub type Hash = [u8; 32];

/// The hash of an entry: SHA-256 over the previous hash, the sequence number (8 bytes, big-endian) and the entry.
pub fn link(previous: &Hash, sequence: u64, entry: &[u8]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(previous);
    context.update(&sequence.to_be_bytes());
    context.update(entry);
    let mut hash = Hash::default();
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// What is wrong with a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// Entries are missing, repeated or out of order.
    #[error("entry {expected} should follow, entry {found} does")]
    OutOfSequence {
        /// The sequence number that should come.
        expected: u64,
        /// The one that came.
        found: u64,
    },
    /// The entry, its hash, or one before it was altered.
    #[error("the hash of entry {sequence} does not follow from the entry and the ones before it")]
    Altered {
        /// Which entry.
        sequence: u64,
    },
    /// The log ends before an entry that is known to have been written.
    #[error("the log ends at entry {last}, entry {known} is known to have been written")]
    CutOff {
        /// The last entry there is.
        last: u64,
        /// The one that must be there.
        known: u64,
    },
    /// The log was rewritten: an entry has another hash than was noted elsewhere.
    #[error("entry {sequence} has another hash than the one noted elsewhere")]
    Replaced {
        /// Which entry.
        sequence: u64,
    },
}

/// How far a log was found intact: note it elsewhere, and a later check detects a log that was cut off or rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The last entry checked; 0: none.
    pub sequence: u64,
    /// Its hash.
    pub hash: Hash,
}

/// Checks entries one after the other, holding none of them.
#[derive(Clone, Debug)]
pub struct Verifier {
    last: Verified,
    /// What the log must have, the next first.
    known: VecDeque<Verified>,
}

impl Verifier {
    /// Starts before the first entry of a log.
    pub fn new() -> Self {
        Self::after(Verified { sequence: 0, hash: Hash::default() })
    }

    /// Starts after an entry that is trusted, for logs whose older entries were dropped.
    pub fn after(last: Verified) -> Self {
        Self { last, known: VecDeque::new() }
    }

    /// Also demands that the log has these entries, which a chain alone cannot tell: it proves order and content, not that the
    /// end is still there or that the whole was not written anew. Those before the first entry that is checked are passed over.
    pub fn containing(mut self, known: impl IntoIterator<Item = Verified>) -> Self {
        let mut known: Vec<Verified> = known.into_iter().filter(|known| known.sequence > self.last.sequence).collect();
        known.sort_by_key(|known| known.sequence);
        self.known = known.into();
        self
    }

    /// Checks the next entry.
    pub fn check(&mut self, sequence: u64, hash: &Hash, entry: &[u8]) -> Result<(), ChainError> {
        // Saturating: the entry after the last possible one is out of sequence too.
        let expected = self.last.sequence.saturating_add(1);
        if sequence != expected {
            return Err(ChainError::OutOfSequence { expected, found: sequence });
        }
        if link(&self.last.hash, sequence, entry) != *hash {
            return Err(ChainError::Altered { sequence });
        }
        while let Some(known) = self.known.front().filter(|known| known.sequence <= sequence) {
            if known.hash != *hash {
                return Err(ChainError::Replaced { sequence });
            }
            self.known.pop_front();
        }
        self.last = Verified { sequence, hash: *hash };
        Ok(())
    }

    /// Ends the check.
    pub fn finish(self) -> Result<Verified, ChainError> {
        match self.known.back() {
            Some(known) => Err(ChainError::CutOff { last: self.last.sequence, known: known.sequence }),
            None => Ok(self.last),
        }
    }
}

impl Default for Verifier {
    fn default() -> Self {
        Self::new()
    }
}

/// Checks a whole log from its first entry: sequence number, hash and entry of each.
pub fn verify<'a>(entries: impl IntoIterator<Item = (u64, &'a Hash, &'a [u8])>) -> Result<Verified, ChainError> {
    let mut verifier = Verifier::new();
    for (sequence, hash, entry) in entries {
        verifier.check(sequence, hash, entry)?;
    }
    verifier.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone)]
    struct Entry {
        sequence: u64,
        hash: Hash,
        bytes: Vec<u8>,
    }

    fn log(count: u64) -> Vec<Entry> {
        let mut previous = Hash::default();
        (1..=count)
            .map(|sequence| {
                let bytes = format!("entry {sequence}").into_bytes();
                previous = link(&previous, sequence, &bytes);
                Entry { sequence, hash: previous, bytes }
            })
            .collect()
    }

    fn check(log: &[Entry]) -> Result<Verified, ChainError> {
        verify(log.iter().map(|entry| (entry.sequence, &entry.hash, &entry.bytes[..])))
    }

    fn verified(entry: &Entry) -> Verified {
        Verified { sequence: entry.sequence, hash: entry.hash }
    }

    #[test]
    fn the_definition() {
        // SHA-256 of 32 zero bytes, 00 00 00 00 00 00 00 01, "abc"; computed with another implementation.
        let hex: String = link(&Hash::default(), 1, b"abc").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "328976acf07e9b1c4a8967f2d63902c9a724235b6363ac83087246ad84cd222a");
    }

    #[test]
    fn an_intact_log_is_intact() {
        let log = log(100);
        assert_eq!(check(&log), Ok(verified(&log[99])));
        assert_eq!(check(&[]), Ok(Verified { sequence: 0, hash: Hash::default() }));
        let mut verifier =
            Verifier::after(verified(&log[49])).containing([verified(&log[9]), verified(&log[99]), verified(&log[59])]);
        for entry in &log[50..] {
            verifier.check(entry.sequence, &entry.hash, &entry.bytes).expect("the entry is intact");
        }
        assert_eq!(verifier.finish(), Ok(verified(&log[99])));
    }

    #[test]
    fn removed_repeated_and_swapped_entries_are_detected() {
        let log = log(10);
        let mut removed = log.clone();
        removed.remove(4);
        assert_eq!(check(&removed), Err(ChainError::OutOfSequence { expected: 5, found: 6 }));
        for (number, entry) in removed.iter_mut().enumerate() {
            entry.sequence = number as u64 + 1;
        }
        assert_eq!(check(&removed), Err(ChainError::Altered { sequence: 5 }));
        let mut repeated = log.clone();
        repeated.insert(4, log[3].clone());
        assert_eq!(check(&repeated), Err(ChainError::OutOfSequence { expected: 5, found: 4 }));
        let mut swapped = log.clone();
        swapped.swap(2, 3);
        assert_eq!(check(&swapped), Err(ChainError::OutOfSequence { expected: 3, found: 4 }));
        assert_eq!(check(&log[1..]), Err(ChainError::OutOfSequence { expected: 1, found: 2 }));
    }

    #[test]
    fn a_cut_or_rewritten_log_needs_a_noted_hash() {
        let noted = verified(&log(10)[9]);
        let run = |log: &[Entry]| {
            let mut verifier = Verifier::new().containing([noted]);
            log.iter().try_for_each(|entry| verifier.check(entry.sequence, &entry.hash, &entry.bytes))?;
            verifier.finish()
        };
        assert_eq!(run(&log(10)), Ok(noted));
        assert_eq!(run(&log(9)), Err(ChainError::CutOff { last: 9, known: 10 }));
        let mut previous = Hash::default();
        let mut rewritten = log(12);
        rewritten[0].bytes = b"never happened".to_vec();
        for entry in &mut rewritten {
            previous = link(&previous, entry.sequence, &entry.bytes);
            entry.hash = previous;
        }
        assert!(check(&rewritten).is_ok(), "a consistent rewrite passes the chain alone");
        assert_eq!(run(&rewritten), Err(ChainError::Replaced { sequence: 10 }));
    }

    /// Bits flipped, entries cut out, swapped, made up, doubled, the end cut off, and the chain made anew behind any of it.
    #[test]
    fn ten_thousand_mutations_are_all_detected() {
        let intact = log(20);
        // What was noted elsewhere: at the end, and once before.
        let noted = [verified(&intact[19]), verified(&intact[7])];
        let mut random = 0x9E37_79B9_7F4A_7C15_u64;
        let mut next = |below: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random % below as u64) as usize
        };
        let mut detected = [0; 10];
        for round in 0..10_000 {
            let mut log = intact.clone();
            let (one, other) = (next(20), next(20));
            let kind = round % detected.len();
            match kind {
                0 => log[one].sequence ^= 1 << next(64),
                1 => log[one].hash[next(32)] ^= 1 << next(8),
                2 => {
                    let position = next(log[one].bytes.len());
                    log[one].bytes[position] ^= 1 << next(8);
                }
                3 => {
                    let length = next(log[one].bytes.len());
                    log[one].bytes.truncate(length);
                }
                4 => drop(log.remove(one)),
                5 => log.swap(one, if one == other { (one + 1) % 20 } else { other }),
                6 => log.insert(one, intact[other].clone()),
                7 => log.truncate(one),
                8 => {
                    // Made up, with the right hash and in place of nothing.
                    let previous = if one == 0 { Hash::default() } else { log[one - 1].hash };
                    let (sequence, bytes) = (one as u64 + 1, b"never happened".to_vec());
                    log.insert(one, Entry { sequence, hash: link(&previous, sequence, &bytes), bytes });
                }
                _ => {
                    log[one].bytes = b"never happened".to_vec();
                    let mut previous = Hash::default();
                    for entry in &mut log {
                        previous = link(&previous, entry.sequence, &entry.bytes);
                        entry.hash = previous;
                    }
                }
            }
            let mut verifier = Verifier::new().containing(noted);
            let checked = log.iter().try_for_each(|entry| verifier.check(entry.sequence, &entry.hash, &entry.bytes));
            assert!(checked.and_then(|()| verifier.finish()).is_err(), "{kind} {one} {other}");
            detected[kind] += 1;
        }
        assert_eq!(detected, [1_000; 10]);
    }

    proptest! {
        #[test]
        fn any_input_is_judged_without_panic(entries in prop::collection::vec((any::<u64>(), any::<Hash>(), any::<Vec<u8>>()), 1..5)) {
            // A random hash is right with probability 2^-256.
            prop_assert!(verify(entries.iter().map(|(sequence, hash, bytes)| (*sequence, hash, &bytes[..]))).is_err());
        }
    }
}
