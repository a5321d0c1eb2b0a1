//! Clocks and counters of this process.

use std::time::Duration;

use anyhow::{Context, Result};
use nix::time::{ClockId, clock_gettime};

/// CPU time of the calling thread.
pub(crate) fn thread_cpu() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

/// CPU time of all threads, ended ones included.
pub(crate) fn process_cpu() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?.into())
}

/// Resident memory, bytes.
pub(crate) fn resident_bytes() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024)
}

/// Bytes that this process caused to be written to storage.
pub(crate) fn written_bytes() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/self/io")?;
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes:")).context("no write_bytes")?;
    Ok(line.trim().parse()?)
}

/// Size of all files below a folder, bytes.
pub(crate) fn folder_bytes(path: &std::path::Path) -> Result<u64> {
    let mut total = 0;
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        total += if meta.is_dir() { folder_bytes(&entry.path())? } else { meta.len() };
    }
    Ok(total)
}

/// Microseconds per item.
pub(crate) fn micros_per(time: Duration, items: u64) -> f64 {
    time.as_secs_f64() * 1e6 / items as f64
}

/// Tells waiting apart from being descheduled: time that the calling thread spent neither running nor waiting for a core.
pub(crate) struct Blocked {
    schedule: std::fs::File,
    wall: std::time::Instant,
    cpu: Duration,
    delay: Duration,
}

impl Blocked {
    /// For the calling thread.
    pub(crate) fn new() -> Result<Self> {
        let schedule = std::fs::File::open("/proc/thread-self/schedstat")?;
        Ok(Self { schedule, wall: std::time::Instant::now(), cpu: Duration::ZERO, delay: Duration::ZERO })
    }

    /// Starts an interval.
    pub(crate) fn start(&mut self) -> Result<()> {
        (self.delay, self.cpu, self.wall) = (self.run_delay()?, thread_cpu()?, std::time::Instant::now());
        Ok(())
    }

    /// Ends it.
    pub(crate) fn stop(&self) -> Result<Duration> {
        let (wall, cpu) = (self.wall.elapsed(), thread_cpu()? - self.cpu);
        Ok(wall.saturating_sub(cpu).saturating_sub(self.run_delay()? - self.delay))
    }

    fn run_delay(&self) -> Result<Duration> {
        use std::os::unix::fs::FileExt;
        let mut text = [0; 96];
        let length = self.schedule.read_at(&mut text, 0)?;
        let text = std::str::from_utf8(&text[..length])?;
        Ok(Duration::from_nanos(text.split_whitespace().nth(1).context("schedstat")?.parse()?))
    }
}
