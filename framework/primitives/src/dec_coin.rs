use std::fmt;
use std::str::FromStr;

use crate::coin::CoinError;
use crate::decimal::Decimal;
use crate::denom::Denom;

/// A decimal amount of one denomination, never negative: prices of gas, rewards.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DecCoin {
    /// What is counted.
    pub denom: Denom,
    /// How much, in base units.
    pub amount: Decimal,
}

/// Decimal amounts of several denominations: sorted, none zero, none negative, none twice.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct DecCoins(Vec<DecCoin>);

impl DecCoins {
    /// No coins.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Sorts coins and drops zeros.
    ///
    /// # Errors
    /// [`CoinError::Duplicate`]; [`CoinError::NotPositive`] for a negative amount.
    pub fn from_unsorted(coins: impl IntoIterator<Item = DecCoin>) -> Result<Self, CoinError> {
        let mut coins: Vec<DecCoin> = coins.into_iter().filter(|coin| !coin.amount.is_zero()).collect();
        coins.sort_by(|a, b| a.denom.cmp(&b.denom));
        for coin in &coins {
            if coin.amount.is_negative() {
                return Err(CoinError::NotPositive(coin.to_string()));
            }
        }
        for pair in coins.windows(2) {
            if let [a, b] = pair
                && a.denom == b.denom
            {
                return Err(CoinError::Duplicate(b.denom.clone()));
            }
        }
        Ok(Self(coins))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The coins in order of denomination.
    pub fn iter(&self) -> std::slice::Iter<'_, DecCoin> {
        self.0.iter()
    }

    /// How much of `denom`; zero if absent.
    pub fn amount_of(&self, denom: &str) -> Decimal {
        self.0.iter().find(|coin| coin.denom.as_str() == denom).map_or(Decimal::ZERO, |coin| coin.amount)
    }
}

impl fmt::Display for DecCoin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.amount, self.denom)
    }
}

impl FromStr for DecCoin {
    type Err = CoinError;

    fn from_str(text: &str) -> Result<Self, CoinError> {
        let (amount, denom) = split_expression(text)?;
        let amount = amount.parse().map_err(|error| CoinError::Decimal { text: amount.to_owned(), error })?;
        Ok(Self { denom: Denom::new(denom)?, amount })
    }
}

impl fmt::Display for DecCoins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, coin) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            coin.fmt(f)?;
        }
        Ok(())
    }
}

/// Reads `0.025uplume,1.5b` in any order; zeros are dropped, an empty string is no coins.
impl FromStr for DecCoins {
    type Err = CoinError;

    fn from_str(text: &str) -> Result<Self, CoinError> {
        if text.trim().is_empty() {
            return Ok(Self::new());
        }
        let coins = text.split(',').map(DecCoin::from_str).collect::<Result<Vec<_>, _>>()?;
        Self::from_unsorted(coins)
    }
}

/// Splits `12.5 uplume` into number and denomination, by the SDK's expression
/// `([0-9]+(.[0-9]+)?|.[0-9]+)[[:space:]]*([a-zA-Z][a-zA-Z0-9/:._-]{2,127})`.
pub(crate) fn split_expression(text: &str) -> Result<(&str, &str), CoinError> {
    let text = text.trim();
    let refuse = || CoinError::Expression(text.to_owned());
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(refuse)?;
    let (number, rest) = text.split_at(end);
    let denom = rest.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    let number_is_sound = match number.split_once('.') {
        None => !number.is_empty(),
        Some((_, fraction)) => !fraction.is_empty() && !fraction.contains('.'),
    };
    if !number_is_sound || !Denom::is_valid(denom) {
        return Err(refuse());
    }
    Ok((number, denom))
}
