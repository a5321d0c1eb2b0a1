use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::amount::Amount;
use crate::coin::{Coin, CoinError};
use crate::denom::Denom;

/// Amounts of several denominations: sorted by denomination, none zero, none twice.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct Coins(Vec<Coin>);

impl Coins {
    /// No coins.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Takes coins that are already sorted, positive and distinct, as every message and genesis entry must state them.
    ///
    /// # Errors
    /// The first violation in the SDK's order: [`CoinError::NotPositive`], [`CoinError::NotSorted`],
    /// [`CoinError::Duplicate`].
    pub fn from_sorted(coins: Vec<Coin>) -> Result<Self, CoinError> {
        let mut previous: Option<&Denom> = None;
        for coin in &coins {
            match previous {
                // The SDK prints the whole coin for the first entry and the denomination for the others.
                None if coin.amount.is_zero() => return Err(CoinError::NotPositive(coin.to_string())),
                Some(low) if coin.denom < *low => return Err(CoinError::NotSorted(coin.denom.clone())),
                Some(low) if coin.denom == *low => return Err(CoinError::Duplicate(coin.denom.clone())),
                Some(_) if coin.amount.is_zero() => return Err(CoinError::NotPositive(coin.denom.to_string())),
                _ => previous = Some(&coin.denom),
            }
        }
        Ok(Self(coins))
    }

    /// Sorts coins and drops zeros (the SDK's `NewCoins`).
    ///
    /// # Errors
    /// [`CoinError::Duplicate`].
    pub fn from_unsorted(coins: impl IntoIterator<Item = Coin>) -> Result<Self, CoinError> {
        let mut coins: Vec<Coin> = coins.into_iter().filter(|coin| !coin.amount.is_zero()).collect();
        coins.sort_by(|a, b| a.denom.cmp(&b.denom));
        Self::from_sorted(coins)
    }

    /// One coin, or none if its amount is zero.
    pub fn of(coin: Coin) -> Self {
        if coin.amount.is_zero() { Self::new() } else { Self(vec![coin]) }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of denominations.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The coins in order of denomination.
    pub fn iter(&self) -> std::slice::Iter<'_, Coin> {
        self.0.iter()
    }

    /// The coins in order of denomination.
    pub fn as_slice(&self) -> &[Coin] {
        &self.0
    }

    /// The coins in order of denomination.
    pub fn into_vec(self) -> Vec<Coin> {
        self.0
    }

    /// How much of `denom`; zero if absent.
    pub fn amount_of(&self, denom: &str) -> Amount {
        match self.0.binary_search_by(|coin| coin.denom.as_str().cmp(denom)) {
            Ok(at) => self.0.get(at).map_or(Amount::ZERO, |coin| coin.amount),
            Err(_) => Amount::ZERO,
        }
    }

    /// Sum, or `None` if an amount exceeds 2^128 - 1.
    #[must_use]
    pub fn checked_add(&self, other: &Self) -> Option<Self> {
        self.merge(other, Amount::checked_add)
    }

    /// Difference, or `None` if `other` has more of anything.
    #[must_use]
    pub fn checked_sub(&self, other: &Self) -> Option<Self> {
        self.merge(other, Amount::checked_sub)
    }

    /// `factor` times as much of each, or `None` if an amount exceeds 2^128 - 1.
    #[must_use]
    pub fn checked_mul(&self, factor: u128) -> Option<Self> {
        if factor == 0 {
            return Some(Self::new());
        }
        self.0
            .iter()
            .map(|coin| Some(Coin::new(coin.denom.clone(), coin.amount.checked_mul(factor)?)))
            .collect::<Option<_>>()
            .map(Self)
    }

    /// The smaller amount of each denomination (absent is zero).
    #[must_use]
    pub fn min(&self, other: &Self) -> Self {
        self.merge(other, |a, b| Some(a.min(b))).expect("the smaller of two amounts always exists")
    }

    /// The larger amount of each denomination (absent is zero).
    #[must_use]
    pub fn max(&self, other: &Self) -> Self {
        self.merge(other, |a, b| Some(a.max(b))).expect("the larger of two amounts always exists")
    }

    /// Whether these hold at least as much as `other` of every denomination in `other`.
    pub fn is_all_gte(&self, other: &Self) -> bool {
        other.iter().all(|coin| self.amount_of(coin.denom.as_str()) >= coin.amount)
    }

    /// Whether these hold at least as much as `other` of some denomination in both; false if `other` is empty.
    pub fn is_any_gte(&self, other: &Self) -> bool {
        other.iter().any(|coin| {
            let held = self.amount_of(coin.denom.as_str());
            !held.is_zero() && held >= coin.amount
        })
    }

    /// Whether each denomination here is also in `other`.
    pub fn denoms_subset_of(&self, other: &Self) -> bool {
        self.iter().all(|coin| !other.amount_of(coin.denom.as_str()).is_zero())
    }

    /// Combines the amounts of each denomination in either; an absent one counts as zero and a zero result is dropped.
    fn merge(&self, other: &Self, combine: impl Fn(Amount, Amount) -> Option<Amount>) -> Option<Self> {
        let mut merged = Vec::with_capacity(self.len().saturating_add(other.len()));
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        loop {
            let denom = match (left.peek(), right.peek()) {
                (None, None) => return Some(Self(merged)),
                (Some(coin), None) | (None, Some(coin)) => coin.denom.clone(),
                (Some(a), Some(b)) => a.denom.clone().min(b.denom.clone()),
            };
            let a = left.next_if(|coin| coin.denom == denom).map_or(Amount::ZERO, |coin| coin.amount);
            let b = right.next_if(|coin| coin.denom == denom).map_or(Amount::ZERO, |coin| coin.amount);
            let amount = combine(a, b)?;
            if !amount.is_zero() {
                merged.push(Coin { denom, amount });
            }
        }
    }

    /// Sum of many coins, which may repeat denominations and be zero.
    ///
    /// # Errors
    /// [`CoinError::Overflow`] if an amount exceeds 2^128 - 1.
    pub fn sum(coins: impl IntoIterator<Item = Coin>) -> Result<Self, CoinError> {
        let mut sums = BTreeMap::new();
        for coin in coins {
            let sum: &mut Amount = sums.entry(coin.denom.clone()).or_default();
            *sum = sum.checked_add(coin.amount).ok_or(CoinError::Overflow(coin.denom))?;
        }
        Ok(Self(
            sums.into_iter()
                .filter(|(_, amount)| !amount.is_zero())
                .map(|(denom, amount)| Coin { denom, amount })
                .collect(),
        ))
    }
}

impl From<Coin> for Coins {
    fn from(coin: Coin) -> Self {
        Self::of(coin)
    }
}

impl TryFrom<Vec<Coin>> for Coins {
    type Error = CoinError;

    fn try_from(coins: Vec<Coin>) -> Result<Self, CoinError> {
        Self::from_sorted(coins)
    }
}

impl<'a> IntoIterator for &'a Coins {
    type Item = &'a Coin;
    type IntoIter = std::slice::Iter<'a, Coin>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Coins {
    type Item = Coin;
    type IntoIter = std::vec::IntoIter<Coin>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// `1a,2b`; nothing for no coins.
impl fmt::Display for Coins {
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

/// Reads `1a,2b` in any order; zeros are dropped, an empty string is no coins.
impl FromStr for Coins {
    type Err = CoinError;

    fn from_str(text: &str) -> Result<Self, CoinError> {
        if text.trim().is_empty() {
            return Ok(Self::new());
        }
        let coins = text.split(',').map(Coin::from_str).collect::<Result<Vec<_>, _>>()?;
        Self::from_unsorted(coins)
    }
}

impl<'de> Deserialize<'de> for Coins {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_sorted(Vec::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
