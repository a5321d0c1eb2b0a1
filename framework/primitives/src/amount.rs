use std::fmt;
use std::str::FromStr;

use ruint::aliases::U256;
use thiserror::Error;

use crate::text_serde::text_serde;

/// A number of base units of some coin, below 2^128.
///
/// The SDK allows 256 bits; larger amounts are refused wherever they enter ([`AmountError::TooLarge`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(u128);

/// Why text is not an amount.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AmountError {
    /// Nothing where a number should be.
    #[error("amount is empty")]
    Empty,
    /// Something else than decimal digits.
    #[error("invalid integer: {0}")]
    NotAnInteger(String),
    /// A number below zero.
    #[error("negative amount: {0}")]
    Negative(String),
    /// A number that needs more than 128 bits.
    #[error("amount {0} is too large: the largest is 340282366920938463463374607431768211455")]
    TooLarge(String),
}

/// Why a calculation has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ArithmeticError {
    /// The result does not fit its type.
    #[error("arithmetic overflow")]
    Overflow,
    /// The divisor is zero.
    #[error("division by zero")]
    DivisionByZero,
    /// The result is negative and its type has no sign.
    #[error("negative result")]
    Negative,
}

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// One base unit.
    pub const ONE: Self = Self(1);
    /// 2^128 - 1 base units.
    pub const MAX: Self = Self(u128::MAX);

    /// An amount of so many base units.
    pub const fn new(units: u128) -> Self {
        Self(units)
    }

    /// Number of base units.
    pub const fn units(self) -> u128 {
        self.0
    }

    /// Whether there is nothing.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Sum, or `None` above [`Amount::MAX`].
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(units) => Some(Self(units)),
            None => None,
        }
    }

    /// Difference, or `None` if `other` is larger.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(units) => Some(Self(units)),
            None => None,
        }
    }

    /// Difference, or zero if `other` is larger.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// `factor` times as much, or `None` above [`Amount::MAX`].
    #[must_use]
    pub const fn checked_mul(self, factor: u128) -> Option<Self> {
        match self.0.checked_mul(factor) {
            Some(units) => Some(Self(units)),
            None => None,
        }
    }

    /// Sum of all, or `None` above [`Amount::MAX`].
    pub fn checked_sum(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }

    /// `self * numerator / denominator` rounded down. The product has 256 bits, so it never overflows midway.
    ///
    /// # Errors
    /// [`ArithmeticError::DivisionByZero`]; [`ArithmeticError::Overflow`] if the result needs more than 128 bits.
    pub fn mul_ratio_floor(self, numerator: u128, denominator: u128) -> Result<Self, ArithmeticError> {
        self.mul_ratio(numerator, denominator).map(|(quotient, _)| quotient)
    }

    /// `self * numerator / denominator` rounded up.
    ///
    /// # Errors
    /// As [`Amount::mul_ratio_floor`].
    pub fn mul_ratio_ceil(self, numerator: u128, denominator: u128) -> Result<Self, ArithmeticError> {
        match self.mul_ratio(numerator, denominator)? {
            (quotient, true) => Ok(quotient),
            (quotient, false) => quotient.checked_add(Self::ONE).ok_or(ArithmeticError::Overflow),
        }
    }

    /// Quotient rounded down, and whether the division was exact.
    fn mul_ratio(self, numerator: u128, denominator: u128) -> Result<(Self, bool), ArithmeticError> {
        if denominator == 0 {
            return Err(ArithmeticError::DivisionByZero);
        }
        // Both factors are below 2^128, so the wrapping product is the product.
        let product = U256::from(self.0).wrapping_mul(U256::from(numerator));
        let (quotient, remainder) = product.div_rem(U256::from(denominator));
        let quotient = u128::try_from(quotient).map_err(|_| ArithmeticError::Overflow)?;
        Ok((Self(quotient), remainder.is_zero()))
    }
}

impl From<u64> for Amount {
    fn from(units: u64) -> Self {
        Self(units.into())
    }
}

impl From<u128> for Amount {
    fn from(units: u128) -> Self {
        Self(units)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Reads decimal digits with an optional sign, as the SDK's `math.Int` does; leading zeros are allowed.
impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        if text.is_empty() {
            return Err(AmountError::Empty);
        }
        let (negative, digits) = match text.as_bytes() {
            [b'-', digits @ ..] => (true, digits),
            [b'+', digits @ ..] => (false, digits),
            digits => (false, digits),
        };
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(AmountError::NotAnInteger(text.to_owned()));
        }
        let mut units = Some(0u128);
        for digit in digits {
            let digit = u128::from(digit.saturating_sub(b'0'));
            units = units.and_then(|units| units.checked_mul(10)?.checked_add(digit));
        }
        match units {
            Some(0) => Ok(Self::ZERO),
            _ if negative => Err(AmountError::Negative(text.to_owned())),
            Some(units) => Ok(Self(units)),
            None => Err(AmountError::TooLarge(text.to_owned())),
        }
    }
}

text_serde!(Amount);
