use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tendermint::Hash;
use tendermint_light_client_verifier::options::Options;
use tendermint_light_client_verifier::types::TrustThreshold;
use thiserror::Error;

/// Which part of a trusted validator set must have signed a later header for it to be trusted without the headers in
/// between: at least 1/3 (then one honest validator vouches for it), at most 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustLevel {
    numerator: u64,
    denominator: u64,
}

impl TrustLevel {
    /// One third, CometBFT's and IBC's default.
    pub const ONE_THIRD: Self = Self { numerator: 1, denominator: 3 };

    /// Two thirds.
    pub const TWO_THIRDS: Self = Self { numerator: 2, denominator: 3 };

    /// Largest denominator: a total power may be 2^60, and their product must fit 64 bits.
    pub const MAX_DENOMINATOR: u64 = 15;

    /// `numerator / denominator`.
    ///
    /// # Errors
    /// [`InvalidOptions::TrustLevel`] outside `[1/3, 1]` or above [`Self::MAX_DENOMINATOR`].
    pub fn new(numerator: u64, denominator: u64) -> Result<Self, InvalidOptions> {
        // No product overflows: a numerator above the denominator, which is small, has failed before.
        let valid = (1..=Self::MAX_DENOMINATOR).contains(&denominator)
            && numerator <= denominator
            && numerator.saturating_mul(3) >= denominator;
        if valid {
            Ok(Self { numerator, denominator })
        } else {
            Err(InvalidOptions::TrustLevel { numerator, denominator })
        }
    }

    pub(crate) fn threshold(self) -> TrustThreshold {
        TrustThreshold::new(self.numerator, self.denominator).expect("new() has checked the same bounds")
    }
}

impl Default for TrustLevel {
    fn default() -> Self {
        Self::ONE_THIRD
    }
}

impl fmt::Display for TrustLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

impl FromStr for TrustLevel {
    type Err = InvalidOptions;

    /// `1/3`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || InvalidOptions::TrustLevelText { text: text.to_owned() };
        let (numerator, denominator) = text.split_once('/').ok_or_else(malformed)?;
        let number = |part: &str| part.parse().map_err(|_| malformed());
        Self::new(number(numerator)?, number(denominator)?)
    }
}

/// What the user trusts and how far that trust reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustOptions {
    /// Height of the trusted header, from 1.
    pub height: u64,
    /// Hash of the trusted header, learnt from a source that is not the node being checked.
    pub hash: Hash,
    /// How long a header's validators are trusted after its time. It must be shorter than the time for which they can be
    /// held to account (on a proof-of-stake chain the unbonding time).
    pub period: Duration,
    /// How far ahead of this machine's clock a header's time may lie.
    pub max_clock_drift: Duration,
    /// Which part of the trusted validators must have signed a header further on.
    pub trust_level: TrustLevel,
}

impl TrustOptions {
    /// CometBFT's default for clocks that are only about right.
    pub const DEFAULT_CLOCK_DRIFT: Duration = Duration::from_secs(10);

    /// Trust in the header `hash` at `height` for `period`, one third, and the default clock drift.
    pub fn new(height: u64, hash: Hash, period: Duration) -> Self {
        Self { height, hash, period, max_clock_drift: Self::DEFAULT_CLOCK_DRIFT, trust_level: TrustLevel::default() }
    }

    pub(crate) fn check(&self) -> Result<(), InvalidOptions> {
        if self.height == 0 {
            return Err(InvalidOptions::Height);
        }
        if self.hash.is_empty() {
            return Err(InvalidOptions::Hash);
        }
        if self.period.is_zero() {
            return Err(InvalidOptions::Period);
        }
        Ok(())
    }

    pub(crate) fn verifier_options(&self) -> Options {
        Options {
            trust_threshold: self.trust_level.threshold(),
            trusting_period: self.period,
            clock_drift: self.max_clock_drift,
        }
    }
}

/// Options that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidOptions {
    /// There is no block 0.
    #[error("trusted height is 0: heights begin with 1")]
    Height,
    /// No hash.
    #[error("trusted hash is empty: it has 32 bytes")]
    Hash,
    /// Nothing would be trusted.
    #[error("trusting period is 0: every header would have expired")]
    Period,
    /// Unsafe or uncomputable.
    #[error("trust level is {numerator}/{denominator}: want between 1/3 and 1 with a denominator of at most {max}", max = TrustLevel::MAX_DENOMINATOR)]
    TrustLevel {
        /// Given numerator.
        numerator: u64,
        /// Given denominator.
        denominator: u64,
    },
    /// Not a fraction.
    #[error("trust level {text:?} is not a fraction: want for example 1/3")]
    TrustLevelText {
        /// What was given.
        text: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_level_lies_between_one_third_and_one() {
        for (numerator, denominator, valid) in [
            (1, 3, true),
            (1, 1, true),
            (5, 15, true),
            (2, 3, true),
            (1, 4, false),
            (4, 3, false),
            (0, 0, false),
            (6, 16, false),
            (u64::MAX, 3, false),
        ] {
            assert_eq!(TrustLevel::new(numerator, denominator).is_ok(), valid, "{numerator}/{denominator}");
        }
        assert_eq!("2/3".parse(), Ok(TrustLevel::TWO_THIRDS));
        assert_eq!(TrustLevel::TWO_THIRDS.to_string(), "2/3");
        for text in ["", "1", "1/x", "1/3/5", "-1/3"] {
            assert_eq!(text.parse::<TrustLevel>(), Err(InvalidOptions::TrustLevelText { text: text.to_owned() }));
        }
    }

    #[test]
    fn options_that_trust_nothing_are_refused() {
        let options = TrustOptions::new(1, Hash::Sha256([1; 32]), Duration::from_secs(1));
        assert_eq!(options.check(), Ok(()));
        assert_eq!(TrustOptions { height: 0, ..options.clone() }.check(), Err(InvalidOptions::Height));
        assert_eq!(TrustOptions { hash: Hash::None, ..options.clone() }.check(), Err(InvalidOptions::Hash));
        assert_eq!(TrustOptions { period: Duration::ZERO, ..options }.check(), Err(InvalidOptions::Period));
    }
}
