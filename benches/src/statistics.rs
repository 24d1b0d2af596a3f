//! Rates and latencies.

use std::time::Duration;

/// What one measurement gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Requests answered in a second, over all connections.
    pub rate: f64,
    /// Half of the requests were answered within this many microseconds.
    pub median_us: f64,
    /// 99 of 100 requests were answered within this many microseconds.
    pub p99_us: f64,
}

/// Sums up the latencies of all requests, in nanoseconds, of a measurement that took `elapsed`. None: there were none.
#[must_use]
pub fn summarise(mut latencies_ns: Vec<u32>, elapsed: Duration) -> Option<Summary> {
    latencies_ns.sort_unstable();
    let rate = latencies_ns.len() as f64 / elapsed.as_secs_f64();
    Some(Summary { rate, median_us: percentile(&latencies_ns, 50)?, p99_us: percentile(&latencies_ns, 99)? })
}

/// The smallest value that `percent` of 100 values do not exceed, in thousands.
fn percentile(sorted: &[u32], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map(|value| f64::from(*value) / 1000.0)
}

/// The value that half of the values do not exceed; 0 if there are none.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

/// The middle of several measurements, by rate: robust against one that something else disturbed.
#[must_use]
pub fn middle(mut measurements: Vec<Summary>) -> Option<Summary> {
    measurements.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    measurements.get(measurements.len() / 2).copied()
}

/// Welch's t of two samples, and their means: how many standard errors the means are apart. 0 where there is too little to say.
#[must_use]
pub fn welch(one: impl Iterator<Item = f64>, other: impl Iterator<Item = f64>) -> (f64, [f64; 2]) {
    let (one, other) = (Moments::of(one), Moments::of(other));
    let error = (one.variance() / one.count + other.variance() / other.count).sqrt();
    let t = (one.mean - other.mean) / error;
    (if t.is_finite() { t } else { 0.0 }, [one.mean, other.mean])
}

/// Count, mean and the sum of squared distances from it, of values seen one at a time (Welford, 1962).
#[derive(Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut moments = Self::default();
        for value in values {
            moments.count += 1.0;
            let distance = value - moments.mean;
            moments.mean += distance / moments.count;
            moments.squares += distance * (value - moments.mean);
        }
        moments
    }

    fn variance(&self) -> f64 {
        self.squares / (self.count - 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles() {
        let summary = summarise((1..=1000).rev().map(|number| number * 1000).collect(), Duration::from_secs(2)).unwrap();
        assert_eq!(summary, Summary { rate: 500.0, median_us: 500.0, p99_us: 990.0 });
        assert_eq!(summarise(vec![7000], Duration::from_secs(1)).map(|summary| summary.p99_us), Some(7.0));
        assert_eq!(summarise(Vec::new(), Duration::from_secs(1)), None);
    }

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0]), 1.0);
        assert_eq!(median(Vec::new()), 0.0);
    }

    #[test]
    fn the_middle_ignores_an_outlier() {
        let of = |rate| Summary { rate, median_us: 0.0, p99_us: 0.0 };
        assert_eq!(middle(vec![of(100.0), of(1.0), of(99.0)]).map(|summary| summary.rate), Some(99.0));
        assert_eq!(middle(Vec::new()), None);
    }

    #[test]
    fn the_t_of_welch() {
        // Means 3 and 6, variances 2.5 and 10, five values each: -3 / sqrt(2.5).
        let (t, means) = welch([1.0, 2.0, 3.0, 4.0, 5.0].into_iter(), [2.0, 4.0, 6.0, 8.0, 10.0].into_iter());
        assert_eq!(means, [3.0, 6.0]);
        assert!((t + 3.0 / 2.5_f64.sqrt()).abs() < 1e-12, "{t}");
        assert_eq!(welch([1.0].into_iter(), std::iter::empty()).0, 0.0);
        assert_eq!(welch([1.0, 1.0].into_iter(), [1.0, 1.0].into_iter()).0, 0.0);
    }
}
