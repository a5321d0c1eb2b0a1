//! Durations and times.

use plume_primitives::Timestamp;

use super::numbers::Problem;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// RFC 3339 in UTC, with as many places as are needed.
pub(super) fn format_time(seconds: i64, nanos: i32) -> Result<String, Problem> {
    let nanos = u32::try_from(nanos).map_err(|_| "time out of range")?;
    Timestamp::new(seconds, nanos).map(|time| time.to_string()).map_err(|_| "time out of range")
}

/// `17 days, 0 hours, 1 minute, 0.1 seconds`: from the largest unit that is not zero to the last that is not; days always
/// have 24 hours.
pub(super) fn format_duration(seconds: i64, nanos: i32) -> Result<String, Problem> {
    /// Ten thousand years: the bound that protobuf sets.
    const MOST_SECONDS: u64 = 315_576_000_000;

    let negative = seconds < 0 || nanos < 0;
    if (seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0) {
        return Err("duration with two signs");
    }
    let (seconds, nanos) = (seconds.unsigned_abs(), nanos.unsigned_abs());
    if seconds > MOST_SECONDS || nanos >= 1_000_000_000 {
        return Err("duration out of range");
    }
    let (days, rest) = (seconds / DAY, seconds % DAY);
    let (hours, rest) = (rest / HOUR, rest % HOUR);
    let (minutes, seconds) = (rest / MINUTE, rest % MINUTE);
    let has_seconds = seconds > 0 || nanos > 0;

    let mut parts = Vec::new();
    if days > 0 {
        parts.push(counted(days, "day"));
    }
    if hours > 0 || (!parts.is_empty() && (minutes > 0 || has_seconds)) {
        parts.push(counted(hours, "hour"));
    }
    if minutes > 0 || (!parts.is_empty() && has_seconds) {
        parts.push(counted(minutes, "minute"));
    }
    if has_seconds && nanos == 0 {
        parts.push(counted(seconds, "second"));
    } else if has_seconds {
        let fraction = format!("{nanos:09}");
        parts.push(format!("{seconds}.{} seconds", fraction.trim_end_matches('0')));
    }
    if parts.is_empty() {
        return Ok("0 seconds".to_owned());
    }
    Ok(format!("{}{}", if negative { "-" } else { "" }, parts.join(", ")))
}

fn counted(count: u64, unit: &str) -> String {
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}
