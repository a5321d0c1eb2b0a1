//! Durations as Go writes and reads them: `500ms`, `1m30s`, `168h0m0s`.

use core::fmt::Write as _;
use core::time::Duration;

/// Nanoseconds per unit, in the order in which Go prints them.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Reads Go's duration syntax (`time.ParseDuration`), without negative values: numbers, each with a unit of `ns`,
/// `us`, `ms`, `s`, `m`, `h` and perhaps a fraction, added up; `0` needs no unit. At most 2^63 - 1 ns, 292 years.
/// `None` for anything else.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = after.strip_prefix('.').map_or(("", after), digits);
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total = total.checked_add(whole.checked_mul(*nanos)?)?.checked_add(part(fraction, *nanos))?;
        rest = after;
    }
    i64::try_from(total).is_ok().then_some(Duration::from_nanos(total))
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// Nanoseconds of a fraction of a unit, rounded down.
fn part(fraction: &str, unit: u64) -> u64 {
    // An hour has 4e12 ns: digits behind the 18th do not count.
    let (mut value, mut scale) = (0_u128, 1_u128);
    for digit in fraction.bytes().take(18) {
        value = value * 10 + u128::from(digit - b'0');
        scale *= 10;
    }
    u64::try_from(value * u128::from(unit) / scale).expect("below one unit")
}

/// Writes a duration as Go does (`Duration.String`).
pub fn format_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    for (unit, size, above) in [("ns", 1, 1_000), ("\u{b5}s", 1_000, 1_000_000), ("ms", 1_000_000, 1_000_000_000)] {
        if nanos < above {
            return decimal(nanos, size) + unit;
        }
    }
    let minutes = nanos / 60_000_000_000;
    let mut out = String::new();
    if minutes >= 60 {
        let _ = write!(out, "{}h", minutes / 60);
    }
    if minutes > 0 {
        let _ = write!(out, "{}m", minutes % 60);
    }
    out + &decimal(nanos % 60_000_000_000, 1_000_000_000) + "s"
}

fn decimal(value: u128, unit: u128) -> String {
    let (whole, fraction) = (value / unit, value % unit);
    if fraction == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    format!("{whole}.{}", format!("{fraction:0width$}").trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations_are_read() {
        for (text, nanos) in [
            ("0", 0),
            ("0s", 0),
            ("500ms", 500_000_000),
            ("1m30s", 90_000_000_000),
            ("1.5h", 5_400_000_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("+3us", 3_000),
            ("3\u{b5}s", 3_000),
            ("3\u{3bc}s", 3_000),
            ("1s1s", 2_000_000_000),
            ("0.3333333333333333333s", 333_333_333),
            ("168h0m0s", 604_800_000_000_000),
            ("9223372036854775807ns", i64::MAX as u64),
        ] {
            assert_eq!(parse_duration(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
        for text in [
            "",
            "+",
            "1",
            "s",
            ".s",
            "1x",
            "1 s",
            "-1s",
            "1s ",
            "1.2.3s",
            "ms5",
            "1S",
            "1d",
            "9223372036854775808ns",
            "2562048h",
            "99999999999999999999h",
        ] {
            assert_eq!(parse_duration(text), None, "{text:?}");
        }
    }

    #[test]
    fn durations_are_written_as_go_writes_them() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1\u{b5}s"),
            (2_200_000, "2.2ms"),
            (500_000_000, "500ms"),
            (1_000_000_000, "1s"),
            (3_300_000_001, "3.300000001s"),
            (60_000_000_000, "1m0s"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
            (604_800_000_000_000, "168h0m0s"),
        ] {
            assert_eq!(format_duration(Duration::from_nanos(nanos)), text);
            assert_eq!(parse_duration(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
    }
}
