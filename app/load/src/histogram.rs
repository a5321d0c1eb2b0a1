use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Longest time that is told apart, an hour in microseconds.
const LONGEST_US: u64 = 3_600_000_000;

/// Times in microseconds, kept with three significant digits.
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u64>);

/// Milliseconds below which this part of the times is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half of them.
    pub p50: f64,
    /// 90 of 100.
    pub p90: f64,
    /// 99 of 100.
    pub p99: f64,
    /// 999 of 1000.
    pub p999: f64,
    /// All.
    pub max: f64,
    /// Arithmetic mean.
    pub mean: f64,
    /// How many there are.
    pub count: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, LONGEST_US, 3).expect("bounds and digits are valid"))
    }
}

impl FromIterator<Duration> for Latencies {
    fn from_iter<T: IntoIterator<Item = Duration>>(times: T) -> Self {
        let mut all = Self::default();
        times.into_iter().for_each(|time| all.record(time));
        all
    }
}

impl Latencies {
    /// Adds a time.
    pub fn record(&mut self, time: Duration) {
        self.0.saturating_record(u64::try_from(time.as_micros()).unwrap_or(LONGEST_US).max(1));
    }

    /// Adds all of another one.
    pub fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("both have the same bounds");
    }

    /// The usual percentiles; zeros where there is nothing.
    pub fn percentiles(&self) -> Percentiles {
        let at = |quantile: f64| self.0.value_at_quantile(quantile) as f64 / 1e3;
        Percentiles {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: self.0.max() as f64 / 1e3,
            mean: self.0.mean() / 1e3,
            count: self.0.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_in_milliseconds() {
        let latencies: Latencies = (1..=1000).map(Duration::from_millis).collect();
        let mut twice = latencies.clone();
        twice.add(&latencies);
        let found = twice.percentiles();
        assert_eq!(found.count, 2000);
        for (value, expected) in [(found.p50, 500.0), (found.p99, 990.0), (found.max, 1000.0)] {
            assert!((value / expected - 1.0).abs() < 0.002, "{value} instead of {expected}");
        }
    }
}
