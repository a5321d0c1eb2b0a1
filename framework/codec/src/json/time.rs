//! Text of `google.protobuf.Timestamp` and `google.protobuf.Duration`.

use plume_primitives::Timestamp;

use crate::JsonProblem;

const NANOS_PER_SECOND: i32 = 1_000_000_000;
/// 10,000 years, protobuf's limit.
const MAX_DURATION_SECONDS: u64 = 315_576_000_000;

/// `2025-01-02T03:04:05.600Z`: the fraction has 0, 3, 6 or 9 digits.
pub(super) fn timestamp_text(seconds: i64, nanos: i32) -> Result<String, JsonProblem> {
    let problem = |error: &dyn std::fmt::Display| JsonProblem::Time(error.to_string());
    let nanos = u32::try_from(nanos).map_err(|error| problem(&error))?;
    let whole = Timestamp::new(seconds, 0).map_err(|error| problem(&error))?.to_string();
    Timestamp::new(seconds, nanos).map_err(|error| problem(&error))?;
    Ok(format!("{}{}Z", whole.trim_end_matches('Z'), fraction(nanos)))
}

pub(super) fn timestamp_from_text(text: &str) -> Result<(i64, i32), JsonProblem> {
    let time: Timestamp = text.parse().map_err(|_| JsonProblem::Time(text.to_owned()))?;
    Ok((time.seconds(), i32::try_from(time.nanos()).expect("below 10^9")))
}

/// `-1.500s`: the fraction has 0, 3, 6 or 9 digits.
pub(super) fn duration_text(seconds: i64, nanos: i32) -> Result<String, JsonProblem> {
    let signs_agree = (seconds <= 0 || nanos >= 0) && (seconds >= 0 || nanos <= 0);
    if !signs_agree
        || nanos.unsigned_abs() >= NANOS_PER_SECOND.unsigned_abs()
        || seconds.unsigned_abs() > MAX_DURATION_SECONDS
    {
        return Err(JsonProblem::OutOfRange);
    }
    let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
    Ok(format!("{sign}{}{}s", seconds.unsigned_abs(), fraction(nanos.unsigned_abs())))
}

pub(super) fn duration_from_text(text: &str) -> Result<(i64, i32), JsonProblem> {
    let invalid = || JsonProblem::Time(text.to_owned());
    let number = text.strip_suffix('s').ok_or_else(invalid)?;
    let (negative, number) = number.strip_prefix('-').map_or((false, number), |number| (true, number));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) || fraction.len() > 9 {
        return Err(invalid());
    }
    let seconds: i64 = whole.parse().map_err(|_| JsonProblem::OutOfRange)?;
    if seconds.unsigned_abs() > MAX_DURATION_SECONDS {
        return Err(JsonProblem::OutOfRange);
    }
    let nanos: i32 = format!("{fraction:0<9}").parse().map_err(|_| invalid())?;
    Ok(if negative { (seconds.saturating_neg(), nanos.saturating_neg()) } else { (seconds, nanos) })
}

fn fraction(nanos: u32) -> String {
    let digits = format!(".{nanos:09}");
    let digits = digits.strip_suffix("000").unwrap_or(&digits);
    let digits = digits.strip_suffix("000").unwrap_or(digits);
    digits.strip_suffix(".000").unwrap_or(digits).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_have_a_multiple_of_three_digits() {
        for (seconds, nanos, text) in [
            (0, 0, "1970-01-01T00:00:00Z"),
            (1_735_786_800, 600_000_000, "2025-01-02T03:00:00.600Z"),
            (1_735_786_800, 1_000, "2025-01-02T03:00:00.000001Z"),
            (-62_135_596_800, 1, "0001-01-01T00:00:00.000000001Z"),
        ] {
            assert_eq!(timestamp_text(seconds, nanos).expect("valid"), text);
            assert_eq!(timestamp_from_text(text), Ok((seconds, nanos)));
        }
        assert!(timestamp_text(0, -1).is_err());
        assert!(timestamp_text(i64::MAX, 0).is_err());
    }

    #[test]
    fn durations_round_trip() {
        for (seconds, nanos, text) in [
            (0, 0, "0s"),
            (1_814_400, 0, "1814400s"),
            (-1, -500_000_000, "-1.500s"),
            (0, -1, "-0.000000001s"),
            (3, 20_000, "3.000020s"),
        ] {
            assert_eq!(duration_text(seconds, nanos).expect("valid"), text);
            assert_eq!(duration_from_text(text), Ok((seconds, nanos)));
        }
        assert_eq!(duration_text(1, -1), Err(JsonProblem::OutOfRange));
        for wrong in ["", "s", "1", "1.s", "-s", "+1s", "1.1234567890s", "1e3s", "--1s"] {
            assert!(duration_from_text(wrong).is_err(), "{wrong}");
        }
    }
}
