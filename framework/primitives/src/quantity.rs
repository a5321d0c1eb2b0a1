use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

/// Number of a block; 0 stands before the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Height(pub u64);

/// An amount of gas, the measure of a transaction's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Gas(pub u64);

impl Height {
    /// Before the first block.
    pub const ZERO: Self = Self(0);

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The block after this one. CometBFT's heights are signed: the largest is 2^63 - 1.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        let next = self.0.checked_add(1)?;
        i64::try_from(next).is_ok().then_some(Self(next))
    }

    /// The block before this one; `None` at 0.
    #[must_use]
    pub fn previous(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }

    /// The height `blocks` later, or `None` beyond 64 bits.
    #[must_use]
    pub fn checked_add(self, blocks: u64) -> Option<Self> {
        self.0.checked_add(blocks).map(Self)
    }

    /// The signed form that protobuf messages of CometBFT carry.
    pub fn to_i64(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }
}

/// A signed height of a protobuf message; negative ones are refused.
impl TryFrom<i64> for Height {
    type Error = std::num::TryFromIntError;

    fn try_from(height: i64) -> Result<Self, Self::Error> {
        u64::try_from(height).map(Self)
    }
}

impl Gas {
    /// None.
    pub const ZERO: Self = Self(0);
    /// 2^64 - 1; what an unlimited meter shows as its limit.
    pub const MAX: Self = Self(u64::MAX);

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Sum, or `None` beyond 64 bits.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Difference, or `None` if `other` is larger.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// `factor` times as much, or `None` beyond 64 bits.
    #[must_use]
    pub fn checked_mul(self, factor: u64) -> Option<Self> {
        self.0.checked_mul(factor).map(Self)
    }

    /// Sum, at most [`Gas::MAX`].
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Difference, at least zero.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The signed form that ABCI carries, at most 2^63 - 1.
    pub fn to_i64(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }
}

macro_rules! number {
    ($($type:ident),+) => {$(
        impl From<u64> for $type {
            fn from(value: u64) -> Self {
                Self(value)
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
        impl FromStr for $type {
            type Err = ParseIntError;

            fn from_str(text: &str) -> Result<Self, ParseIntError> {
                text.parse().map(Self)
            }
        }
    )+};
}
number!(Height, Gas);
