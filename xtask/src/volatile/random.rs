//! Reproducible random numbers: splitmix64.

use std::hash::{BuildHasher, RandomState};

/// A stream of numbers that its seed determines. Good enough to choose moments and sizes; not for keys.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The stream of a seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A seed that is another one each time.
    pub(crate) fn any_seed() -> u64 {
        // Small enough to be typed again.
        RandomState::new().hash_one(std::process::id()) >> 32
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `bound - 1`; 0 when the bound is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// True `percent` times in a hundred.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A number from 1 to `2^bits`, each order of magnitude as likely as the next.
    pub(crate) fn magnitude(&mut self, bits: u32) -> u64 {
        let order = self.below(u64::from(bits));
        (1 << order) + self.below((1 << order) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_determines_the_stream() {
        let stream = |seed| {
            let mut random = Random::new(seed);
            [random.next(), random.next(), random.below(10)]
        };
        assert_eq!(stream(1), stream(1));
        assert_ne!(stream(1), stream(2));
    }

    #[test]
    fn magnitudes_reach_both_ends() {
        let mut random = Random::new(7);
        let drawn: Vec<u64> = (0..20_000).map(|_| random.magnitude(20)).collect();
        assert!(drawn.iter().all(|size| (1..=1 << 20).contains(size)));
        assert!(drawn.contains(&1) && drawn.iter().any(|size| *size > 1_000_000));
    }
}
