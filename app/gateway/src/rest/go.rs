//! Numbers and times in the forms that Go reads, with Go's words for what it cannot read: parameters of a gateway are
//! read by `strconv` and `time`.

use std::fmt;

/// Why text is no value of its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("strconv.{function}: parsing {text:?}: {problem}")]
pub(crate) struct NumError {
    function: &'static str,
    text: String,
    problem: Problem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Problem {
    Syntax,
    Range,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "invalid syntax",
            Self::Range => "value out of range",
        })
    }
}

/// `strconv.ParseInt(text, 0, bits)`: also hexadecimal, octal, binary, and underscores between digits.
pub(crate) fn int<T: TryFrom<i128>>(text: &str) -> Result<T, NumError> {
    let failed = |problem| NumError { function: "ParseInt", text: text.to_owned(), problem };
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let magnitude = i128::from(magnitude(digits).map_err(failed)?);
    T::try_from(if negative { -magnitude } else { magnitude }).map_err(|_| failed(Problem::Range))
}

/// `strconv.ParseUint(text, 0, bits)`.
pub(crate) fn uint<T: TryFrom<u64>>(text: &str) -> Result<T, NumError> {
    let failed = |problem| NumError { function: "ParseUint", text: text.to_owned(), problem };
    T::try_from(magnitude(text).map_err(failed)?).map_err(|_| failed(Problem::Range))
}

fn magnitude(text: &str) -> Result<u64, Problem> {
    let (base, digits) = match text.as_bytes() {
        [] => return Err(Problem::Syntax),
        [b'0', b'x' | b'X', _, ..] => (16, &text[2..]),
        [b'0', b'o' | b'O', _, ..] => (8, &text[2..]),
        [b'0', b'b' | b'B', _, ..] => (2, &text[2..]),
        [b'0', ..] => (8, &text[1..]),
        _ => (10, text),
    };
    // After a prefix an underscore may come at once; elsewhere it stands between digits.
    let mut after_digit = digits.len() != text.len();
    let mut value: u64 = 0;
    for letter in digits.chars() {
        match letter.to_digit(base) {
            Some(digit) => {
                let next = value.checked_mul(u64::from(base)).and_then(|value| value.checked_add(u64::from(digit)));
                value = next.ok_or(Problem::Range)?;
                after_digit = true;
            }
            None if letter == '_' && after_digit => after_digit = false,
            None => return Err(Problem::Syntax),
        }
    }
    if digits.ends_with('_') { Err(Problem::Syntax) } else { Ok(value) }
}

/// `strconv.ParseBool`.
pub(crate) fn boolean(text: &str) -> Result<bool, NumError> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(NumError { function: "ParseBool", text: text.to_owned(), problem: Problem::Syntax }),
    }
}

/// `strconv.ParseFloat`, without hexadecimal.
pub(crate) fn double(text: &str) -> Result<f64, NumError> {
    let value: Result<f64, _> = text.parse();
    finite(text, value.is_err(), value.clone().is_ok_and(f64::is_infinite))?;
    Ok(value.unwrap_or_default())
}

/// [`double`] of 32 bits, read as such, since a wide number made narrow is rounded twice.
pub(crate) fn float(text: &str) -> Result<f32, NumError> {
    let value: Result<f32, _> = text.parse();
    finite(text, value.is_err(), value.clone().is_ok_and(f32::is_infinite))?;
    Ok(value.unwrap_or_default())
}

/// A number that digits make infinite is out of range.
fn finite(text: &str, is_malformed: bool, is_infinite: bool) -> Result<(), NumError> {
    let failed = |problem| Err(NumError { function: "ParseFloat", text: text.to_owned(), problem });
    match (is_malformed, is_infinite && text.bytes().any(|byte| byte.is_ascii_digit())) {
        (true, _) => failed(Problem::Syntax),
        (false, true) => failed(Problem::Range),
        (false, false) => Ok(()),
    }
}

/// `time.ParseDuration`: `1h30m`, `-1.5s`, `100ms`. Gives nanoseconds.
pub(crate) fn duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').filter(|end| *end > 0)?;
        let (number, tail) = rest.split_at(end);
        let end = tail.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let unit: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
            return None;
        }
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        // Beyond 15 places nothing is left of an hour's nanoseconds.
        let fraction: String = fraction.chars().take(15).collect();
        let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let part: i128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
        total = total.checked_add(whole.checked_mul(unit)?)?.checked_add(part.checked_mul(unit)? / scale)?;
        rest = tail;
    }
    if text.trim_start_matches(['-', '+']).is_empty() {
        return None;
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_go_literals() {
        for (text, value) in [
            ("0", 0),
            ("7", 7),
            ("+7", 7),
            ("-7", -7),
            ("0x1f", 31),
            ("0X1F", 31),
            ("0b101", 5),
            ("0o17", 15),
            ("017", 15),
            ("1_000", 1000),
            ("0x_1", 1),
            ("0_7", 7),
            ("-9223372036854775808", i64::MIN),
            ("9223372036854775807", i64::MAX),
        ] {
            assert_eq!(int::<i64>(text), Ok(value), "{text}");
        }
        assert_eq!(uint::<u64>("18446744073709551615"), Ok(u64::MAX));
    }

    #[test]
    fn what_is_no_number_is_named_in_gos_words() {
        let text = |error: NumError| error.to_string();
        for wrong in ["", "a", "1a", "--1", "08", "0x", "1__0", "_1", "1_", "1.0", " 1", "0b2"] {
            let expected = format!("strconv.ParseInt: parsing {wrong:?}: invalid syntax");
            assert_eq!(int::<i64>(wrong).map_err(text), Err(expected));
        }
        let out_of_range = "strconv.ParseInt: parsing \"2147483648\": value out of range";
        assert_eq!(int::<i32>("2147483648").map_err(text), Err(out_of_range.to_owned()));
        let out_of_range = "strconv.ParseUint: parsing \"18446744073709551616\": value out of range";
        assert_eq!(uint::<u64>("18446744073709551616").map_err(text), Err(out_of_range.to_owned()));
        for wrong in ["-1", "+1"] {
            let expected = format!("strconv.ParseUint: parsing {wrong:?}: invalid syntax");
            assert_eq!(uint::<u64>(wrong).map_err(text), Err(expected));
        }
        let expected = "strconv.ParseBool: parsing \"yes\": invalid syntax";
        assert_eq!(boolean("yes").map_err(text), Err(expected.to_owned()));
        let expected = "strconv.ParseFloat: parsing \"1e400\": value out of range";
        assert_eq!(double("1e400").map_err(text), Err(expected.to_owned()));
        assert!(float("1e39").is_err() && float("x").is_err());
        assert_eq!((double("-1.5e3"), float("0.1")), (Ok(-1500.0), Ok(0.1)));
        assert_eq!(double("Inf"), Ok(f64::INFINITY));
    }

    #[test]
    fn booleans_have_gos_spellings() {
        for (text, value) in [("1", true), ("t", true), ("TRUE", true), ("0", false), ("False", false)] {
            assert_eq!(boolean(text), Ok(value));
        }
    }

    #[test]
    fn durations_have_units() {
        for (text, nanos) in [
            ("0", 0),
            ("1s", 1_000_000_000),
            ("1.5s", 1_500_000_000),
            ("-1.5s", -1_500_000_000),
            ("1h30m", 5_400_000_000_000),
            ("100ms", 100_000_000),
            (".5m", 30_000_000_000),
            ("1us2ns", 1_002),
        ] {
            assert_eq!(duration(text), Some(nanos), "{text}");
        }
        for wrong in ["", "-", "1", "s", "1x", "1.2.3s", ".s", "1e3s", "10000000000h"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }
}
