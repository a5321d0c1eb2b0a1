//! Numbers as people read them: an apostrophe after every three digits, no zeros at the end of a fraction.
//!
//! All of it works on digits, so that no value is too large and nothing is rounded by accident.

/// Places behind the point of a decimal that travels as an integer.
const PLACES: usize = 18;

/// Why a number has no rendering.
pub(super) type Problem = &'static str;

/// `1234567` becomes `1'234'567`; zeros in front go away.
pub(super) fn format_int(text: &str) -> Result<String, Problem> {
    if text.is_empty() {
        return Err("number without digits");
    }
    let (sign, digits) = split_sign(text);
    let digits = if digits.len() > 1 { digits.trim_start_matches('0') } else { digits };
    require_digits(digits)?;
    let mut out = String::with_capacity(text.len().saturating_add(text.len() / 3));
    out.push_str(sign);
    for (index, digit) in digits.chars().enumerate() {
        let left = digits.len().saturating_sub(index);
        if index > 0 && left.is_multiple_of(3) {
            out.push('\'');
        }
        out.push(digit);
    }
    Ok(out)
}

/// `-1234.5000` becomes `-1'234.5`.
pub(super) fn format_dec(text: &str) -> Result<String, Problem> {
    let Some((whole, fraction)) = text.split_once('.') else { return format_int(text) };
    if fraction.contains('.') {
        return Err("number with two points");
    }
    let mut out = format_int(whole)?;
    let fraction = fraction.trim_end_matches('0');
    if !fraction.is_empty() {
        require_digits(fraction)?;
        out.push('.');
        out.push_str(fraction);
    }
    Ok(out)
}

/// The text of a field that is a decimal: with a point it is one already, without one it counts units of 10^-18.
pub(super) fn format_dec_field(text: &str) -> Result<String, Problem> {
    if text.contains('.') {
        return format_dec(text);
    }
    let (sign, digits) = split_sign(text);
    let digits = if sign.is_empty() { digits.strip_prefix('+').unwrap_or(digits) } else { digits };
    require_digits(digits)?;
    let digits = digits.trim_start_matches('0');
    // Zero has no sign.
    let sign = if digits.is_empty() { "" } else { sign };
    format_dec(&format!("{sign}{}", with_point(digits)))
}

/// `amount`, which counts units of 10^`from`, in units of 10^`to`, as text with 18 places. What does not fit is rounded
/// to the nearest, a half to the even neighbour, as the SDK's decimals are.
pub(super) fn rescale(amount: &str, from: u32, to: u32) -> Result<String, Problem> {
    /// The SDK's decimals hold 315 bits; within this bound none of ours or its numbers overflows.
    const MOST_DIGITS: usize = 76;

    let (sign, digits) = split_sign(amount);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    require_digits(whole)?;
    if digits.contains('.') && (fraction.is_empty() || fraction.len() > PLACES) {
        return Err("amount with more than 18 decimals, or with none behind the point");
    }
    let mut units = format!("{whole}{fraction:0<PLACES$}");
    require_digits(&units)?;

    let shift = usize::try_from(from.abs_diff(to)).map_err(|_| "exponent out of range")?;
    if shift > MOST_DIGITS {
        return Err("exponents are too far apart");
    }
    if from > to {
        units.extend(std::iter::repeat_n('0', shift));
    } else {
        units = divide(&units, shift);
    }
    let units = units.trim_start_matches('0');
    if units.len() > MOST_DIGITS.saturating_add(PLACES) {
        return Err("amount out of range");
    }
    let sign = if units.is_empty() { "" } else { sign };
    Ok(format!("{sign}{}", with_point(units)))
}

/// `digits` divided by 10^`places`, rounded to the even neighbour.
///
/// # Consensus
/// The SDK divides with 36 places, drops what is beyond, and rounds then: beyond 18 places a half that is a little more
/// than a half is still taken for a half.
fn divide(digits: &str, places: usize) -> String {
    let dropped = places.saturating_sub(PLACES);
    let kept = digits.len().saturating_sub(dropped);
    let digits = digits.get(..kept).unwrap_or_default();
    let places = places.min(PLACES);
    let padded = format!("{digits:0>width$}", width = places.saturating_add(1));
    let (quotient, rest) = padded.split_at(padded.len().saturating_sub(places));
    let half = format!("{:0<places$}", if places == 0 { "" } else { "5" });
    let is_odd = quotient.as_bytes().last().is_some_and(|digit| digit % 2 == 1);
    let up = places > 0 && (rest > half.as_str() || (rest == half && is_odd));
    if up { increment(quotient) } else { quotient.to_owned() }
}

fn increment(digits: &str) -> String {
    let kept = digits.trim_end_matches('9');
    let nines = digits.len().saturating_sub(kept.len());
    let mut out = match kept.split_at_checked(kept.len().saturating_sub(1)) {
        Some((front, last)) if !last.is_empty() => {
            let next = last.bytes().next().unwrap_or(b'0').saturating_add(1);
            format!("{front}{}", char::from(next))
        }
        _ => "1".to_owned(),
    };
    out.extend(std::iter::repeat_n('0', nines));
    out
}

/// Puts the point in front of the last 18 digits.
fn with_point(digits: &str) -> String {
    let padded = format!("{digits:0>width$}", width = PLACES.saturating_add(1));
    let (whole, fraction) = padded.split_at(padded.len().saturating_sub(PLACES));
    format!("{whole}.{fraction}")
}

fn split_sign(text: &str) -> (&str, &str) {
    match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    }
}

fn require_digits(text: &str) -> Result<(), Problem> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) { Ok(()) } else { Err("not a number") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_half_to_even() {
        for (amount, from, to, expected) in [
            ("1", 0, 18, "0.000000000000000001"),
            ("1", 0, 19, "0.000000000000000000"),
            ("5", 0, 19, "0.000000000000000000"),
            ("15", 0, 19, "0.000000000000000002"),
            ("25", 0, 19, "0.000000000000000002"),
            ("26", 0, 19, "0.000000000000000003"),
            ("-15", 0, 19, "-0.000000000000000002"),
            ("9999999999999999995", 0, 19, "1.000000000000000000"),
            // A little more than a half, but only in what the SDK has dropped before.
            ("5000000000000000000000000000000000001", 0, 55, "0.000000000000000000"),
            ("5000000000000000001", 0, 37, "0.000000000000000000"),
            ("500000000000000001", 0, 36, "0.000000000000000001"),
            ("1.5", 6, 0, "1500000.000000000000000000"),
            ("007", 0, 0, "7.000000000000000000"),
            ("0", 6, 0, "0.000000000000000000"),
        ] {
            assert_eq!(rescale(amount, from, to).as_deref(), Ok(expected), "{amount} {from} {to}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for amount in ["", "-", "--1", "+1", "1.", ".1", "1.2.3", "1e3", "1.0000000000000000001", " 1"] {
            assert!(rescale(amount, 0, 6).is_err(), "{amount}");
        }
        assert!(rescale("1", 77, 0).is_err());
        assert!(rescale(&"9".repeat(77), 0, 0).is_err());
        assert!(rescale(&"9".repeat(76), 0, 0).is_ok());
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "-", "00", "+1", "1a", "1 000"] {
            assert!(format_int(text).is_err(), "{text}");
        }
        for text in ["1.2.3", "1.x", ".5", "1.-5"] {
            assert!(format_dec(text).is_err(), "{text}");
        }
        assert_eq!(format_dec_field("+5").as_deref(), Ok("0.000000000000000005"));
        assert_eq!(format_dec_field("-0").as_deref(), Ok("0"));
        assert!(format_dec_field("-+5").is_err());
        assert!(format_dec_field("").is_err());
    }
}
