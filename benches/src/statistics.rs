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
}
