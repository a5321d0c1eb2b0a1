use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use ruint::Uint;
use ruint::aliases::U256;
use thiserror::Error;

use crate::amount::{Amount, ArithmeticError};
use crate::text_serde::text_serde;

type U512 = Uint<512, 8>;

/// 10^18, the units of [`Decimal`] in one.
const SCALE: u64 = 1_000_000_000_000_000_000;
const PLACES: usize = 18;

/// A signed number with 18 decimal places and a magnitude below 2^256 / 10^18 (about 1.15 * 10^59).
///
/// Results equal those of the SDK's `LegacyDec`, except that what exceeds the range is an error and not a panic, and
/// that [`Decimal::quo_ceil`] of a negative quotient is the true ceiling (the SDK's lies one unit higher).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// Never true for zero, so equal numbers are equal values.
    negative: bool,
    /// Number of 10^-18 units.
    magnitude: U256,
}

/// Where a result goes that lies between two representable numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearer one, from the middle to the even one (banker's rounding): the SDK's `Mul` and `Quo`.
    HalfEven,
    /// Toward zero: the SDK's `MulTruncate` and `QuoTruncate`.
    TowardZero,
    /// To the lower one.
    Floor,
    /// To the higher one: the SDK's `MulRoundUp`.
    Ceil,
}

/// Why text is not a decimal; the texts are the SDK's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecimalError {
    /// Nothing, or only a sign.
    #[error("decimal string cannot be empty")]
    Empty,
    /// A point without digits on both sides.
    #[error("invalid decimal length")]
    Length,
    /// More than one point.
    #[error("invalid decimal string")]
    Points,
    /// More than 18 places. The SDK prints the excess as a negative number.
    #[error("value '{text}' exceeds max precision by -{excess} decimal places: max precision 18")]
    Precision {
        /// The number without its sign.
        text: String,
        /// Places beyond 18.
        excess: usize,
    },
    /// Something else than digits. Holds the digits with 18 places and without the point.
    #[error("failed to set decimal string with base 10: {0}")]
    Digits(String),
    /// Beyond 256 bits.
    #[error("out of range: invalid decimal string")]
    Range,
}

impl Decimal {
    /// 0.
    pub const ZERO: Self = Self { negative: false, magnitude: U256::ZERO };
    /// 1.
    pub const ONE: Self = Self { negative: false, magnitude: U256::from_limbs([SCALE, 0, 0, 0]) };
    /// 10^-18.
    pub const SMALLEST: Self = Self { negative: false, magnitude: U256::ONE };

    /// A whole number.
    pub fn from_amount(amount: Amount) -> Self {
        // Below 2^128 * 2^60.
        Self::new(false, U256::from(amount.units()).wrapping_mul(U256::from(SCALE)))
    }

    /// `numerator / 10^places`: `with_places(25, 3)` is 0.025. `None` if `places` exceeds 18.
    pub fn with_places(numerator: u128, places: u32) -> Option<Self> {
        let factor = 10u64.checked_pow(18u32.checked_sub(places)?)?;
        // Below 2^128 * 2^60.
        Some(Self::new(false, U256::from(numerator).wrapping_mul(U256::from(factor))))
    }

    /// `numerator / denominator`, rounded as told.
    ///
    /// # Errors
    /// [`ArithmeticError::DivisionByZero`].
    pub fn from_ratio(numerator: Amount, denominator: Amount, rounding: Rounding) -> Result<Self, ArithmeticError> {
        Self::from_amount(numerator).quo_with(Self::from_amount(denominator), rounding)
    }

    fn new(negative: bool, magnitude: U256) -> Self {
        Self { negative: negative && !magnitude.is_zero(), magnitude }
    }

    /// Whether it is zero.
    pub fn is_zero(self) -> bool {
        self.magnitude.is_zero()
    }

    /// Whether it is below zero.
    pub fn is_negative(self) -> bool {
        self.negative
    }

    /// Whether it is above zero.
    pub fn is_positive(self) -> bool {
        !self.negative && !self.is_zero()
    }

    /// The number with the other sign.
    #[must_use]
    pub fn negate(self) -> Self {
        Self::new(!self.negative, self.magnitude)
    }

    /// The distance to zero.
    #[must_use]
    pub fn abs(self) -> Self {
        Self::new(false, self.magnitude)
    }

    /// Sum, or `None` out of range.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        if self.negative == other.negative {
            return Some(Self::new(self.negative, self.magnitude.checked_add(other.magnitude)?));
        }
        let (larger, smaller) = if self.magnitude >= other.magnitude { (self, other) } else { (other, self) };
        Some(Self::new(larger.negative, larger.magnitude.checked_sub(smaller.magnitude)?))
    }

    /// Difference, or `None` out of range.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.checked_add(other.negate())
    }

    /// Product, rounded as told.
    ///
    /// # Errors
    /// [`ArithmeticError::Overflow`].
    pub fn mul_with(self, other: Self, rounding: Rounding) -> Result<Self, ArithmeticError> {
        // Two 256-bit factors: the 512-bit product is exact.
        let product = widen(self.magnitude).wrapping_mul(widen(other.magnitude));
        divide(product, U512::from(SCALE), self.negative != other.negative, rounding)
    }

    /// Product, to the nearest, middle to even (the SDK's `Mul`).
    ///
    /// # Errors
    /// [`ArithmeticError::Overflow`].
    #[expect(clippy::should_implement_trait, reason = "an operator could not report overflow")]
    pub fn mul(self, other: Self) -> Result<Self, ArithmeticError> {
        self.mul_with(other, Rounding::HalfEven)
    }

    /// Product rounded toward zero (the SDK's `MulTruncate`).
    ///
    /// # Errors
    /// [`ArithmeticError::Overflow`].
    pub fn mul_truncate(self, other: Self) -> Result<Self, ArithmeticError> {
        self.mul_with(other, Rounding::TowardZero)
    }

    /// Product rounded down.
    ///
    /// # Errors
    /// [`ArithmeticError::Overflow`].
    pub fn mul_floor(self, other: Self) -> Result<Self, ArithmeticError> {
        self.mul_with(other, Rounding::Floor)
    }

    /// Product rounded up (the SDK's `MulRoundUp`).
    ///
    /// # Errors
    /// [`ArithmeticError::Overflow`].
    pub fn mul_ceil(self, other: Self) -> Result<Self, ArithmeticError> {
        self.mul_with(other, Rounding::Ceil)
    }

    /// Product with a whole number, exact.
    ///
    /// # Errors
    /// [`ArithmeticError::Overflow`].
    pub fn mul_int(self, factor: u128) -> Result<Self, ArithmeticError> {
        let magnitude = self.magnitude.checked_mul(U256::from(factor)).ok_or(ArithmeticError::Overflow)?;
        Ok(Self::new(self.negative, magnitude))
    }

    /// Quotient, rounded as told.
    ///
    /// # Errors
    /// [`ArithmeticError::DivisionByZero`], [`ArithmeticError::Overflow`].
    pub fn quo_with(self, other: Self, rounding: Rounding) -> Result<Self, ArithmeticError> {
        if other.is_zero() {
            return Err(ArithmeticError::DivisionByZero);
        }
        let negative = self.negative != other.negative;
        // 256 + 60 bits.
        let scaled = widen(self.magnitude).wrapping_mul(U512::from(SCALE));
        if rounding != Rounding::HalfEven {
            return divide(scaled, widen(other.magnitude), negative, rounding);
        }
        // # Consensus
        // The SDK computes 36 places, truncates, then rounds to 18: what lies above the middle by less than 10^-36
        // counts as the middle. 256 + 120 bits.
        let (quotient, _) = scaled.wrapping_mul(U512::from(SCALE)).div_rem(widen(other.magnitude));
        divide(quotient, U512::from(SCALE), negative, rounding)
    }

    /// Quotient, to the nearest, middle to even (the SDK's `Quo`).
    ///
    /// # Errors
    /// [`ArithmeticError::DivisionByZero`], [`ArithmeticError::Overflow`].
    pub fn quo(self, other: Self) -> Result<Self, ArithmeticError> {
        self.quo_with(other, Rounding::HalfEven)
    }

    /// Quotient rounded toward zero (the SDK's `QuoTruncate`).
    ///
    /// # Errors
    /// [`ArithmeticError::DivisionByZero`], [`ArithmeticError::Overflow`].
    pub fn quo_truncate(self, other: Self) -> Result<Self, ArithmeticError> {
        self.quo_with(other, Rounding::TowardZero)
    }

    /// Quotient rounded down.
    ///
    /// # Errors
    /// [`ArithmeticError::DivisionByZero`], [`ArithmeticError::Overflow`].
    pub fn quo_floor(self, other: Self) -> Result<Self, ArithmeticError> {
        self.quo_with(other, Rounding::Floor)
    }

    /// Quotient rounded up (the SDK's `QuoRoundUp` where the quotient is not negative).
    ///
    /// # Errors
    /// [`ArithmeticError::DivisionByZero`], [`ArithmeticError::Overflow`].
    pub fn quo_ceil(self, other: Self) -> Result<Self, ArithmeticError> {
        self.quo_with(other, Rounding::Ceil)
    }

    /// The power, each multiplication rounded as [`Decimal::mul`] does, in the SDK's order.
    ///
    /// # Errors
    /// [`ArithmeticError::Overflow`].
    pub fn power(self, mut exponent: u64) -> Result<Self, ArithmeticError> {
        if exponent == 0 {
            return Ok(Self::ONE);
        }
        let (mut base, mut odd_part) = (self, Self::ONE);
        while exponent > 1 {
            if exponent & 1 == 1 {
                odd_part = odd_part.mul(base)?;
            }
            exponent >>= 1;
            base = base.mul(base)?;
        }
        base.mul(odd_part)
    }

    /// The whole number that rounding leads to.
    ///
    /// # Errors
    /// [`ArithmeticError::Negative`]; [`ArithmeticError::Overflow`] above 2^128 - 1.
    pub fn to_amount(self, rounding: Rounding) -> Result<Amount, ArithmeticError> {
        let (quotient, remainder) = self.magnitude.div_rem(U256::from(SCALE));
        let whole = round(widen(quotient), widen(remainder), U512::from(SCALE), self.negative, rounding)?;
        if whole.negative {
            return Err(ArithmeticError::Negative);
        }
        u128::try_from(whole.magnitude).map(Amount::new).map_err(|_| ArithmeticError::Overflow)
    }

    /// The integer that protobuf messages and stored values carry: the number of 10^-18 units, in decimal.
    pub fn to_wire(self) -> String {
        format!("{}{}", if self.negative { "-" } else { "" }, self.magnitude)
    }

    /// Reads the integer of protobuf messages and stored values.
    ///
    /// # Errors
    /// [`DecimalError::Empty`], [`DecimalError::Digits`], [`DecimalError::Range`].
    pub fn from_wire(text: &str) -> Result<Self, DecimalError> {
        let (negative, digits) = split_sign(text);
        Ok(Self::new(negative, parse_digits(digits)?))
    }
}

fn widen(value: U256) -> U512 {
    U512::from(value)
}

/// `dividend / divisor` with the given sign, rounded. The divisor is not zero.
fn divide(dividend: U512, divisor: U512, negative: bool, rounding: Rounding) -> Result<Decimal, ArithmeticError> {
    let (quotient, remainder) = dividend.div_rem(divisor);
    round(quotient, remainder, divisor, negative, rounding)
}

fn round(
    quotient: U512,
    remainder: U512,
    divisor: U512,
    negative: bool,
    rounding: Rounding,
) -> Result<Decimal, ArithmeticError> {
    let away_from_zero = !remainder.is_zero()
        && match rounding {
            Rounding::TowardZero => false,
            Rounding::Floor => negative,
            Rounding::Ceil => !negative,
            Rounding::HalfEven => match remainder.cmp(&divisor.wrapping_sub(remainder)) {
                Ordering::Less => false,
                Ordering::Greater => true,
                Ordering::Equal => quotient.bit(0),
            },
        };
    let quotient =
        if away_from_zero { quotient.checked_add(U512::ONE).ok_or(ArithmeticError::Overflow)? } else { quotient };
    match *quotient.as_limbs() {
        [a, b, c, d, 0, 0, 0, 0] => Ok(Decimal::new(negative, U256::from_limbs([a, b, c, d]))),
        _ => Err(ArithmeticError::Overflow),
    }
}

fn split_sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    }
}

fn parse_digits(digits: &str) -> Result<U256, DecimalError> {
    if digits.is_empty() {
        return Err(DecimalError::Empty);
    }
    let mut value = Some(U256::ZERO);
    for byte in digits.bytes() {
        if !byte.is_ascii_digit() {
            return Err(DecimalError::Digits(digits.to_owned()));
        }
        let digit = U256::from(byte.saturating_sub(b'0'));
        value = value.and_then(|value| value.checked_mul(U256::from(10u8))?.checked_add(digit));
    }
    value.ok_or(DecimalError::Range)
}

impl Default for Decimal {
    fn default() -> Self {
        Self::ZERO
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.magnitude.cmp(&other.magnitude),
            (true, true) => other.magnitude.cmp(&self.magnitude),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl From<Amount> for Decimal {
    fn from(amount: Amount) -> Self {
        Self::from_amount(amount)
    }
}

/// Always 18 places: `0.025000000000000000`.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = self.magnitude.div_rem(U256::from(SCALE));
        let fraction = u64::try_from(fraction).map_err(|_| fmt::Error)?;
        write!(f, "{}{whole}.{fraction:018}", if self.negative { "-" } else { "" })
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads `12`, `-0.5`, at most 18 places.
impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let (negative, text) = split_sign(text);
        if text.is_empty() {
            return Err(DecimalError::Empty);
        }
        let (whole, fraction) = match text.split_once('.') {
            None => (text, ""),
            Some((_, fraction)) if fraction.contains('.') => return Err(DecimalError::Points),
            Some((whole, fraction)) if whole.is_empty() || fraction.is_empty() => return Err(DecimalError::Length),
            Some(parts) => parts,
        };
        if let Some(excess) = fraction.len().checked_sub(PLACES).filter(|excess| *excess > 0) {
            return Err(DecimalError::Precision { text: text.to_owned(), excess });
        }
        let digits = format!("{whole}{fraction:0<PLACES$}");
        Ok(Self::new(negative, parse_digits(&digits)?))
    }
}

text_serde!(Decimal);
