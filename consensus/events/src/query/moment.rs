//! Times and dates as Go's `time.Parse` reads them with the layouts of the query language.

/// Nanoseconds since 1970 of a moment, and the year in its own zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) nanos: i128,
    pub(crate) year: i64,
}

/// Reads `2006-01-02`.
pub(crate) fn date(text: &str) -> Option<Moment> {
    let mut rest = text;
    let moment = take_date(&mut rest)?;
    rest.is_empty().then_some(moment)
}

/// Reads RFC 3339 as Go does: the hour may have one digit, the fraction may follow a comma and have any length (what is
/// beyond nanoseconds is dropped), offsets go up to 24:60.
pub(crate) fn time(text: &str) -> Option<Moment> {
    let mut rest = text;
    let day = take_date(&mut rest)?;
    take(&mut rest, "T")?;
    let hour = match number(&mut rest, 2) {
        Some(hour) => hour,
        None => number(&mut rest, 1)?,
    };
    take(&mut rest, ":")?;
    let minute = number(&mut rest, 2)?;
    take(&mut rest, ":")?;
    let second = number(&mut rest, 2)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let nanos = take_fraction(&mut rest);
    let offset = take_offset(&mut rest)?;
    if !rest.is_empty() {
        return None;
    }
    let seconds = i128::from(hour * 3_600 + minute * 60 + second - offset);
    Some(Moment { nanos: day.nanos + seconds * 1_000_000_000 + i128::from(nanos), year: day.year })
}

fn take_date(rest: &mut &str) -> Option<Moment> {
    let year = number(rest, 4)?;
    take(rest, "-")?;
    let month = number(rest, 2)?;
    take(rest, "-")?;
    let day = number(rest, 2)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in_month = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days_in_month).contains(&day) {
        return None;
    }
    Some(Moment { nanos: i128::from(days_since_1970(year, month, day)) * 86_400_000_000_000, year })
}

/// Nanoseconds of the fraction, if there is one: a mark without a digit is left for whoever reads on.
fn take_fraction(rest: &mut &str) -> i64 {
    let digits = match rest.strip_prefix(['.', ',']) {
        Some(after) => after.bytes().take_while(u8::is_ascii_digit).count(),
        None => 0,
    };
    if digits == 0 {
        return 0;
    }
    let nanos = (1..10).fold(0, |nanos, at| {
        let digit = rest.as_bytes().get(at).filter(|_| at <= digits).map_or(0, |byte| i64::from(byte - b'0'));
        nanos * 10 + digit
    });
    *rest = rest.get(digits + 1..).unwrap_or_default();
    nanos
}

/// Seconds east of Greenwich.
fn take_offset(rest: &mut &str) -> Option<i64> {
    if take(rest, "Z").is_some() {
        return Some(0);
    }
    let sign = match take(rest, "+") {
        Some(()) => 1,
        None => take(rest, "-").map(|()| -1)?,
    };
    let hours = number(rest, 2)?;
    take(rest, ":")?;
    let minutes = number(rest, 2)?;
    (hours <= 24 && minutes <= 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

fn take(rest: &mut &str, what: &str) -> Option<()> {
    *rest = rest.strip_prefix(what)?;
    Some(())
}

/// A number of exactly `width` digits.
fn number(rest: &mut &str, width: usize) -> Option<i64> {
    let digits = rest.get(..width).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    *rest = rest.get(width..)?;
    digits.parse().ok()
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar, years 0 to 9999.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so the leap day is the last one.
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let before = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    before + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds, from a calendar that is not this file's.
    fn seconds(text: &str) -> Option<i128> {
        time(text).map(|moment| moment.nanos.div_euclid(1_000_000_000))
    }

    #[test]
    fn known_times_are_read() {
        // Each with `date -u -d .. +%s`.
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2013-05-03T14:45:00Z", 1_367_592_300),
            ("2013-05-03T14:45:00+02:00", 1_367_585_100),
            ("2000-02-29T23:59:59-07:30", 951_895_799),
            ("1900-03-01T00:00:00Z", -2_203_891_200),
            ("2013-05-03T4:45:00Z", 1_367_556_300),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        let fraction = time("1970-01-01T00:00:01,1234567899Z").expect("comma and ten digits");
        assert_eq!(fraction.nanos, 1_123_456_789);
        assert_eq!(time("1970-01-01T00:00:00.5Z").expect("one digit").nanos, 500_000_000);
        assert_eq!(date("1970-01-02").expect("a date").nanos, 86_400_000_000_000);
    }

    #[test]
    fn other_texts_are_no_times() {
        for text in [
            "",
            "2013-05-03",
            "2013-05-03 14:45:00Z",
            "2013-05-03t14:45:00Z",
            "2013-05-03T14:45:00z",
            "2013-05-03T14:45:00",
            "2013-05-03T14:45:00.Z",
            "2013-05-03T14:45:60Z",
            "2013-05-03T24:00:00Z",
            "2013-02-29T00:00:00Z",
            "2013-13-01T00:00:00Z",
            "2013-05-00T00:00:00Z",
            "2013-05-03T14:45:00+25:00",
            "2013-05-03T14:45:00Zx",
            "2013-05-03T14:45:00+0200",
            "é13-05-03T14:45:00Z",
        ] {
            assert_eq!(time(text), None, "{text}");
        }
        for text in ["", "2013-5-03", "2013-05-3", "2013-05-03T14:45:00Z", "+013-05-03", "1900-02-29"] {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
