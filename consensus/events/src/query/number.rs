//! Decimal numbers of any length, compared exactly.

use std::{cmp::Ordering, fmt};

/// Largest exponent that is read. Go's `big.Float` ends near 10^646,456,993.
const MAX_EXPONENT: i64 = 600_000_000;

/// A decimal number of any size.
///
/// CometBFT rounds what is no integer to 125 bits (37 digits) before it compares; here every digit counts.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Number {
    negative: bool,
    /// Significant digits, first and last not zero; empty for zero.
    digits: Vec<u8>,
    /// Power of ten of the digit before the first one: the value is 0.d1d2.. * 10^point.
    point: i64,
}

impl Number {
    /// The number at the start of an event's value, whatever follows it: `8.045stake` is 8.045. `None` when the value
    /// does not begin with a digit, so there are no negative ones.
    ///
    /// Source: `parseNumber` of `libs/pubsub/query/query.go`.
    #[must_use]
    pub fn leading(value: &str) -> Option<Self> {
        let whole = digits_at(value, 0);
        if whole == 0 {
            return None;
        }
        let fraction = match value.as_bytes().get(whole) {
            Some(b'.') => digits_at(value, whole + 1),
            _ => 0,
        };
        let (whole, rest) = value.split_at(whole);
        let fraction = if fraction == 0 { "" } else { rest.get(1..=fraction)? };
        Some(Self::new(false, whole, fraction, 0))
    }

    /// A text that is a number from its first to its last character: sign, digits with or without a point, exponent.
    ///
    /// Source: `big.Int.SetString(s, 10)`, then `big.ParseFloat(s, 10, 125, ..)`, as the indexer reads values. Not
    /// read: Go's `Inf` and its binary exponents (`1p5`).
    #[must_use]
    pub fn whole(text: &str) -> Option<Self> {
        let (negative, text) = match text.as_bytes().first()? {
            b'-' => (true, text.get(1..)?),
            b'+' => (false, text.get(1..)?),
            _ => (false, text),
        };
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (text.get(..at)?, exponent(text.get(at + 1..)?)?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        Some(Self::new(negative, whole, fraction, exponent))
    }

    fn new(negative: bool, whole: &str, fraction: &str, exponent: i64) -> Self {
        let all = || whole.bytes().chain(fraction.bytes());
        let leading_zeros = all().take_while(|digit| *digit == b'0').count();
        let mut digits: Vec<u8> = all().skip(leading_zeros).collect();
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        if digits.is_empty() {
            return Self { negative: false, digits, point: 0 };
        }
        // Texts are shorter than 2^62 bytes and exponents bounded: no overflow.
        let point = whole.len() as i64 - leading_zeros as i64 + exponent;
        Self { negative, digits, point }
    }

    /// The integer part, towards zero, at most what 64 bits hold.
    #[must_use]
    pub fn truncated(&self) -> i64 {
        let limit = if self.negative { i64::MIN } else { i64::MAX };
        if self.point > 19 {
            return limit;
        }
        let mut value: i128 = 0;
        for at in 0..self.point.max(0) {
            let digit = usize::try_from(at).ok().and_then(|at| self.digits.get(at)).map_or(0, |digit| digit - b'0');
            value = value * 10 + i128::from(digit); // at most 19 digits
        }
        i64::try_from(if self.negative { -value } else { value }).unwrap_or(limit)
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |number: &Self| match (number.digits.is_empty(), number.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        sign(self).cmp(&sign(other)).then_with(|| {
            let size = self.point.cmp(&other.point).then_with(|| self.digits.cmp(&other.digits));
            if self.negative { size.reverse() } else { size }
        })
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        write!(f, "{sign}0.{}e{}", String::from_utf8_lossy(&self.digits), self.point)
    }
}

/// How many digits stand from `start` on.
fn digits_at(text: &str, start: usize) -> usize {
    text.bytes().skip(start).take_while(u8::is_ascii_digit).count()
}

fn exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse::<i64>().ok().filter(|exponent| exponent.abs() <= MAX_EXPONENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Number {
        Number::whole(text).expect(text)
    }

    #[test]
    fn values_are_read_up_to_the_first_other_character() {
        for (value, number) in [
            ("8.045stake", "8.045"),
            ("8atom", "8"),
            ("007", "7"),
            ("5.", "5"),
            ("5.x", "5"),
            ("1.2.3", "1.2"),
            ("1e5", "1"),
            ("0", "0"),
        ] {
            assert_eq!(Number::leading(value), Some(whole(number)), "{value}");
        }
        for none in ["", "-5", "+5", ".5", "stake8", " 8", "٣"] {
            assert_eq!(Number::leading(none), None, "{none}");
        }
    }

    #[test]
    fn whole_texts_are_numbers_or_not() {
        assert_eq!(whole("-5.50"), whole("-55e-1"));
        assert_eq!(whole("+.5"), whole("5e-1"));
        assert_eq!(whole("5."), whole("5"));
        assert_eq!(whole("-0"), whole("0.000"));
        assert_eq!(whole("12E+2"), whole("1200"));
        for none in
            ["", "-", ".", "1.2.3", "8stake", "1e", "1e+", "1e9999999999999999999", "0x10", "Inf", "1p5", "1_0", " 1"]
        {
            assert_eq!(Number::whole(none), None, "{none}");
        }
    }

    #[test]
    fn order_is_that_of_the_values() {
        let ascending = [
            "-1e600000000",
            "-10.5",
            "-10.49",
            "-0.001",
            "0",
            "0.0001",
            "0.001",
            "0.5",
            "9",
            "9.000000000000000000000000000000000000000000000000001",
            "10",
            "99999999999999999999999999999999999999999",
            "100000000000000000000000000000000000000000",
            "1e600000000",
        ];
        for (at, lower) in ascending.iter().enumerate() {
            assert_eq!(whole(lower).cmp(&whole(lower)), Ordering::Equal);
            for higher in ascending.iter().skip(at + 1) {
                assert_eq!(whole(lower).cmp(&whole(higher)), Ordering::Less, "{lower} {higher}");
                assert_eq!(whole(higher).cmp(&whole(lower)), Ordering::Greater, "{lower} {higher}");
            }
        }
    }

    #[test]
    fn integer_part_saturates() {
        assert_eq!(whole("5.99").truncated(), 5);
        assert_eq!(whole("-5.99").truncated(), -5);
        assert_eq!(whole("0.9").truncated(), 0);
        assert_eq!(whole("1200e-2").truncated(), 12);
        assert_eq!(whole("9223372036854775807").truncated(), i64::MAX);
        assert_eq!(whole("9223372036854775808").truncated(), i64::MAX);
        assert_eq!(whole("-1e30").truncated(), i64::MIN);
        assert_eq!(whole("1e3").truncated(), 1_000);
    }
}
