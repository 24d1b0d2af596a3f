//! Whether the time of a refusal tells why it was refused.
//!
//! The method is dudect's (Reparaz, Balasch and Verbauwhede, 2017): two kinds of wrong input, in random order; the time of each call;
//! Welch's t-test of the two samples, once with everything and again without the slowest measurements, which an interrupted process makes.
//! A t beyond [`THRESHOLD`] in either direction says that the means differ. One control leaks on purpose: a run that does not find it has
//! measured nothing.

mod asymmetric;
mod symmetric;

use std::hint::black_box;
use std::io::{self, Write};
use std::time::Instant;

use crate::statistics::welch;

/// Below it, the difference of two means is no difference: chance exceeds it less than once in 100,000 tests.
pub const THRESHOLD: f64 = 4.5;

/// What is left of the samples, in thousandths: the fastest ones.
const CROPS: [usize; 6] = [1000, 990, 950, 900, 750, 500];

/// How many times fewer calls there are of what takes long.
pub const FEWER: usize = 100;

/// How many inputs of each kind there are: few, so that they stay in the first cache.
pub const INPUTS: usize = 32;

/// Takes an input and refuses it.
pub type Refuse = Box<dyn FnMut(&[u8])>;

/// One function and two kinds of input that it must not tell apart.
pub struct Case {
    /// What is refused.
    pub name: &'static str,
    /// What is wrong with the inputs of each kind.
    pub kinds: [&'static str; 2],
    /// [`INPUTS`] inputs of each kind, all of the same length.
    pub inputs: [Vec<Vec<u8>>; 2],
    /// Panics if it does not refuse: a measurement of success says nothing.
    pub refuse: Refuse,
    /// Whether the case is the control, which must be found to leak.
    pub leaks: bool,
    /// Whether a call takes long, as with private keys: there are fewer of them, by [`FEWER`].
    pub slow: bool,
}

/// Everything that is measured. The control comes first.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut cases = symmetric::cases();
    cases.extend(asymmetric::cases());
    cases
}

/// The largest t of a case, with its sign, and the mean times of both kinds in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Of all crops, the one farthest from zero.
    pub t: f64,
    /// Without the slowest tenth.
    pub means_ns: [f64; 2],
}

impl Measured {
    /// Whether the two kinds take different times.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.t.abs() > THRESHOLD
    }
}

/// Calls the case `samples` times, each time with one or the other kind, as chance will have it.
#[must_use]
pub fn measure(case: &mut Case, samples: usize) -> Measured {
    // Which kind comes next must not follow a pattern that the processor learns. It need not be secret.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64 ^ u64::from(std::process::id());
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut times = [Vec::with_capacity(samples), Vec::with_capacity(samples)];
    // One place for all inputs: where something lies must make no difference.
    let mut input = case.inputs[0][0].clone();
    for round in 0..samples + samples / 10 {
        let number = next();
        let kind = usize::from(number & 1 == 1);
        input.copy_from_slice(&case.inputs[kind][(number >> 8) as usize % INPUTS]);
        let start = Instant::now();
        (case.refuse)(black_box(&input));
        let elapsed = start.elapsed().as_nanos() as f64;
        // The first tenth warms up.
        if round >= samples / 10 {
            times[kind].push(elapsed);
        }
    }
    let mut all: Vec<f64> = times.iter().flatten().copied().collect();
    all.sort_unstable_by(f64::total_cmp);
    let mut measured = Measured { t: 0.0, means_ns: [0.0; 2] };
    for crop in CROPS {
        let slowest = all.get((all.len() * crop / 1000).saturating_sub(1)).copied().unwrap_or(f64::MAX);
        let [one, other] = [&times[0], &times[1]].map(|times| times.iter().copied().filter(move |time| *time <= slowest));
        let (t, means_ns) = welch(one, other);
        if crop == 900 {
            measured.means_ns = means_ns;
        }
        if t.abs() > measured.t.abs() {
            measured.t = t;
        }
    }
    measured
}

/// Measures every case whose name contains `only`, and the control, and prints what it found.
///
/// # Errors
/// A case whose two kinds take different times, a control that was not found, or output that cannot be written.
pub fn run(samples: usize, only: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "| refusal | first kind | second kind | ns | ns | t (threshold {THRESHOLD}) |\n|---|---|---|---|---|---|")?;
    let mut wrong = Vec::new();
    for mut case in cases().into_iter().filter(|case| case.leaks || case.name.contains(only)) {
        let samples = if case.slow { samples.div_ceil(FEWER) } else { samples };
        let measured = measure(&mut case, samples);
        let [first, second] = measured.means_ns;
        writeln!(
            out,
            "| {} | {} | {} | {first:.1} | {second:.1} | {:+.2} |",
            case.name, case.kinds[0], case.kinds[1], measured.t
        )?;
        if measured.differs() != case.leaks {
            wrong.push(case.name);
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(io::Error::other(format!("not as it should be: {}", wrong.join(", ")))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_refuses_its_inputs() {
        let cases = cases();
        assert_eq!(cases.iter().filter(|case| case.leaks).count(), 1);
        for mut case in cases {
            let length = case.inputs[0][0].len();
            for input in case.inputs.iter().flatten() {
                assert_eq!(input.len(), length, "{}", case.name);
                (case.refuse)(input);
            }
            assert!(case.inputs.iter().all(|inputs| inputs.len() == INPUTS), "{}", case.name);
        }
    }
}
