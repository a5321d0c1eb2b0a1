use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::amount::{Amount, AmountError};
use crate::dec_coin::split_expression;
use crate::decimal::DecimalError;
use crate::denom::{Denom, InvalidDenom};

/// An amount of one denomination; may be zero.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Coin {
    /// What is counted.
    pub denom: Denom,
    /// How many base units.
    pub amount: Amount,
}

/// Why coins are not acceptable; the texts are the SDK's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CoinError {
    /// A denomination with other characters or of another length.
    #[error(transparent)]
    Denom(#[from] InvalidDenom),
    /// An amount that is not a number of 128 bits.
    #[error(transparent)]
    Amount(#[from] AmountError),
    /// An amount with decimals that is not a number.
    #[error("failed to parse decimal coin amount: {text}: {error}")]
    Decimal {
        /// The amount's text.
        text: String,
        /// What is wrong with it.
        error: DecimalError,
    },
    /// Not a number followed by a denomination.
    #[error("invalid decimal coin expression: {0}")]
    Expression(String),
    /// Part of a base unit. (The SDK drops the fraction without a word.)
    #[error("amount has a fraction of a base unit: {0}")]
    Fraction(String),
    /// A zero where only coins may stand. Holds the coin where it is the first, else its denomination.
    #[error("coin {0} amount is not positive")]
    NotPositive(String),
    /// Denominations out of order.
    #[error("denomination {0} is not sorted")]
    NotSorted(Denom),
    /// One denomination twice.
    #[error("duplicate denomination {0}")]
    Duplicate(Denom),
    /// More than 2^128 - 1 base units of one denomination.
    #[error("coin {0} amount is too large")]
    Overflow(Denom),
}

impl Coin {
    /// So much of `denom`.
    pub fn new(denom: Denom, amount: Amount) -> Self {
        Self { denom, amount }
    }

    /// Takes the two strings of a protobuf coin.
    ///
    /// # Errors
    /// [`CoinError::Denom`], [`CoinError::Amount`].
    pub fn from_parts(denom: &str, amount: &str) -> Result<Self, CoinError> {
        Ok(Self { denom: Denom::new(denom)?, amount: amount.parse()? })
    }
}

impl fmt::Display for Coin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.amount, self.denom)
    }
}

/// Reads `12uplume`, spaces around and between allowed.
impl FromStr for Coin {
    type Err = CoinError;

    fn from_str(text: &str) -> Result<Self, CoinError> {
        let (amount, denom) = split_expression(text)?;
        if amount.contains('.') {
            return Err(CoinError::Fraction(text.trim().to_owned()));
        }
        Self::from_parts(denom, amount)
    }
}
