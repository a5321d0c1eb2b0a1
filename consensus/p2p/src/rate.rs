//! Limits and measures bytes per second.

use core::time::Duration;

use tokio::time::Instant;

/// Largest saving of a [`Bucket`] for a slow rate, so that one read or write never has to wait twice.
const LEAST_BURST: u64 = 128 << 10;

/// A token bucket that may go into debt: a taker takes first and then waits until the debt is paid.
///
/// Saves up to what one second brings.
#[derive(Debug)]
pub(crate) struct Bucket {
    rate: f64,
    burst: f64,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// Full at `now`; `rate` in bytes per second, not zero.
    pub(crate) fn new(rate: u64, now: Instant) -> Self {
        // Rates far below 2^53 lose nothing as floats, and pacing needs no exactness.
        let burst = rate.max(LEAST_BURST) as f64;
        Self { rate: rate.max(1) as f64, burst, tokens: burst, at: now }
    }

    /// Takes `bytes`; how long the taker has to wait before it takes again.
    pub(crate) fn take(&mut self, bytes: usize, now: Instant) -> Duration {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.tokens = (self.tokens + passed * self.rate).min(self.burst) - bytes as f64;
        if self.tokens >= 0.0 {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(-self.tokens / self.rate).unwrap_or(Duration::MAX)
    }
}

/// Counts bytes and estimates their rate over the last seconds.
#[derive(Debug)]
pub(crate) struct Meter {
    total: u64,
    window: u64,
    start: Instant,
    rate: f64,
}

impl Meter {
    const WINDOW: Duration = Duration::from_secs(1);

    pub(crate) fn new(now: Instant) -> Self {
        Self { total: 0, window: 0, start: now, rate: 0.0 }
    }

    pub(crate) fn add(&mut self, bytes: usize, now: Instant) {
        self.roll(now);
        self.total += bytes as u64;
        self.window += bytes as u64;
    }

    fn roll(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.start);
        if passed < Self::WINDOW {
            return;
        }
        let seconds = passed.as_secs_f64();
        // The older the estimate, the less it counts: by a third after a second, to nothing after ten.
        let old = 0.67_f64.powf(seconds);
        self.rate = self.rate * old + self.window as f64 / seconds * (1.0 - old);
        self.window = 0;
        self.start = now;
    }

    /// Bytes in all, and bytes per second.
    pub(crate) fn read(&mut self, now: Instant) -> (u64, u64) {
        self.roll(now);
        (self.total, self.rate.round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_bucket_gives_a_second_at_once_and_then_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(1_000_000, start);
        assert_eq!(bucket.take(1_000_000, start), Duration::ZERO);
        assert_eq!(bucket.take(500_000, start), SECOND / 2);
        assert_eq!(bucket.take(500_000, start + SECOND / 2), SECOND / 2);
        // An hour of rest saves a second.
        let later = start + SECOND * 3600;
        assert_eq!(bucket.take(1_000_000, later), Duration::ZERO);
        assert_eq!(bucket.take(1, later), Duration::from_micros(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_meter_finds_a_steady_rate_and_forgets_it() {
        let mut now = Instant::now();
        let mut meter = Meter::new(now);
        for _ in 0..200 {
            meter.add(100, now);
            now += SECOND / 10;
        }
        let (total, rate) = meter.read(now);
        assert_eq!(total, 20_000);
        assert!((990..=1_010).contains(&rate), "{rate}");
        assert!(meter.read(now + 20 * SECOND).1 <= 1);
    }
}
