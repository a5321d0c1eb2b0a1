use plume_kit::{TxError, sdk};
use plume_params::ChainParams;
use plume_primitives::{Amount, Coin, Coins, DecCoins, Decimal, Denom, Rounding};
use plume_proto::cosmos::tx::v1beta1 as proto;

/// The fee as the transaction states it: not necessarily sorted, positive or distinct.
#[derive(Debug, Default)]
pub(crate) struct Fee {
    pub gas_limit: u64,
    pub payer: String,
    pub granter: String,
    /// Whether the transaction has a fee at all.
    pub present: bool,
    coins: Vec<StatedCoin>,
}

#[derive(Debug)]
struct StatedCoin {
    denom: String,
    amount: StatedAmount,
}

#[derive(Debug)]
enum StatedAmount {
    /// Empty text.
    Missing,
    Negative(String),
    /// Above 2^128 - 1.
    TooLarge(String),
    Amount(Amount),
}

/// The SDK's integers have at most this many digits (256 bits).
const MAX_DIGITS: usize = 78;

impl Fee {
    /// Reads the fee of an auth info.
    ///
    /// # Errors
    /// An amount that is no integer: such a transaction cannot be decoded.
    pub fn read(fee: Option<&proto::Fee>) -> Result<Self, String> {
        let Some(fee) = fee else { return Ok(Self::default()) };
        let coins = fee
            .amount
            .iter()
            .map(|coin| Ok(StatedCoin { denom: coin.denom.clone(), amount: StatedAmount::read(&coin.amount)? }))
            .collect::<Result<_, String>>()?;
        Ok(Self {
            gas_limit: fee.gas_limit,
            payer: fee.payer.clone(),
            granter: fee.granter.clone(),
            present: true,
            coins,
        })
    }

    /// What no state could make valid: an amount that is absent, negative or beyond 128 bits.
    ///
    /// # Errors
    /// `sdk/13` as the SDK; `sdk/10` beyond 128 bits.
    pub fn validate(&self) -> Result<(), TxError> {
        for coin in &self.coins {
            match &coin.amount {
                StatedAmount::Missing => {
                    return Err(TxError::wrap(sdk::INSUFFICIENT_FEE, "invalid fee provided: null"));
                }
                StatedAmount::Negative(_) => {
                    return Err(TxError::wrap(
                        sdk::INSUFFICIENT_FEE,
                        format_args!("invalid fee provided: {}", self.text()),
                    ));
                }
                StatedAmount::TooLarge(_) => {
                    let text = format!("fee {} exceeds 2^128-1", self.text());
                    return Err(TxError::wrap(sdk::INVALID_COINS, text));
                }
                StatedAmount::Amount(_) => {}
            }
        }
        Ok(())
    }

    /// The coins that the fee takes; `None` when all amounts are zero.
    ///
    /// # Errors
    /// `sdk/13` unless they are valid denominations, sorted, positive and distinct.
    pub fn coins(&self) -> Result<Option<Coins>, TxError> {
        let amount = |coin: &StatedCoin| match coin.amount {
            StatedAmount::Amount(amount) => amount,
            // Refused by `validate`, which recheck skips: then the fee was valid when it entered the mempool.
            _ => Amount::ZERO,
        };
        if self.coins.iter().all(|coin| amount(coin).is_zero()) {
            return Ok(None);
        }
        let invalid = || TxError::wrap(sdk::INSUFFICIENT_FEE, format_args!("invalid fee amount: {}", self.text()));
        let coins = self
            .coins
            .iter()
            .map(|coin| Ok(Coin::new(Denom::new(&coin.denom).map_err(|_| invalid())?, amount(coin))))
            .collect::<Result<Vec<_>, TxError>>()?;
        Coins::from_sorted(coins).map(Some).map_err(|_| invalid())
    }

    /// Requires that every denomination is one in which this chain takes fees.
    ///
    /// # Errors
    /// `sdk/13`.
    pub fn require_accepted_denoms(&self, params: &ChainParams) -> Result<(), TxError> {
        match self.coins.iter().find(|coin| !params.accepts_fee_in(&coin.denom)) {
            None => Ok(()),
            Some(coin) => {
                let accepted: Vec<&str> = params.fee_denoms.iter().map(Denom::as_str).collect();
                let text = format!("fees are not accepted in {}; accepted: {}", coin.denom, accepted.join(","));
                Err(TxError::wrap(sdk::INSUFFICIENT_FEE, text))
            }
        }
    }

    /// Requires this node's minimum gas prices (CheckTx only): one of them suffices.
    ///
    /// # Errors
    /// `sdk/13` with what was offered and what is required.
    pub fn require_minimum(&self, prices: &DecCoins) -> Result<(), TxError> {
        if prices.is_empty() {
            return Ok(());
        }
        // # Units
        // price [coin per gas] * gas, rounded up: never less than the price asks.
        let gas = Decimal::from_amount(Amount::new(u128::from(self.gas_limit)));
        let required = prices
            .iter()
            .map(|price| {
                let amount = price.amount.mul(gas).and_then(|fee| fee.to_amount(Rounding::Ceil));
                amount.map(|amount| Coin::new(price.denom.clone(), amount))
            })
            .collect::<Result<Vec<_>, _>>();
        let Ok(required) = required else {
            return Err(TxError::wrap(sdk::INSUFFICIENT_FEE, "required fee exceeds 2^128-1"));
        };
        let suffices = self.coins.iter().any(|offered| {
            required.iter().any(|wanted| {
                let offered_amount = match offered.amount {
                    StatedAmount::Amount(amount) => amount,
                    _ => Amount::ZERO,
                };
                wanted.denom.as_str() == offered.denom && !wanted.amount.is_zero() && offered_amount >= wanted.amount
            })
        });
        if suffices {
            return Ok(());
        }
        let required: Vec<String> = required.iter().map(ToString::to_string).collect();
        let text = format!("insufficient fees; got: {} required: {}", self.text(), required.join(","));
        Err(TxError::wrap(sdk::INSUFFICIENT_FEE, text))
    }

    /// The coins as the SDK prints them, valid or not.
    pub fn text(&self) -> String {
        let coins: Vec<String> = self.coins.iter().map(|coin| format!("{}{}", coin.amount, coin.denom)).collect();
        coins.join(",")
    }
}

impl StatedAmount {
    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::Missing);
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.is_empty() || digits.len() > MAX_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("invalid integer: {text:?}"));
        }
        let is_zero = digits.bytes().all(|byte| byte == b'0');
        Ok(match digits.parse::<u128>() {
            _ if digits.len() < text.len() && !is_zero => Self::Negative(text.to_owned()),
            Ok(amount) => Self::Amount(Amount::new(amount)),
            Err(_) => Self::TooLarge(digits.to_owned()),
        })
    }
}

impl core::fmt::Display for StatedAmount {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Missing => f.write_str("<nil>"),
            Self::Negative(text) | Self::TooLarge(text) => f.write_str(text),
            Self::Amount(amount) => amount.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plume_primitives::DecCoin;
    use plume_proto::cosmos::base::v1beta1::Coin as ProtoCoin;

    fn fee(coins: &[(&str, &str)]) -> Result<Fee, String> {
        let amount = coins.iter().map(|(a, d)| ProtoCoin { amount: (*a).into(), denom: (*d).into() }).collect();
        Fee::read(Some(&proto::Fee { amount, gas_limit: 100_000, ..Default::default() }))
    }

    fn code_and_text(e: TxError) -> (u32, String) {
        (e.code, e.message)
    }

    #[test]
    fn amounts_that_are_no_integers_cannot_be_read() {
        for bad in ["x", "1.5", "-", "+1", " 1", &"9".repeat(79)] {
            assert!(fee(&[(bad, "uplume")]).is_err(), "{bad}");
        }
    }

    #[test]
    fn absent_negative_and_huge_amounts_are_invalid() {
        let of = |a: &str| code_and_text(fee(&[(a, "uplume")]).unwrap().validate().unwrap_err());
        assert_eq!(of(""), (13, "invalid fee provided: null: insufficient fee".into()));
        assert_eq!(of("-5"), (13, "invalid fee provided: -5uplume: insufficient fee".into()));
        let huge = "340282366920938463463374607431768211456";
        assert_eq!(of(huge), (10, format!("fee {huge}uplume exceeds 2^128-1: invalid coins")));
        assert!(fee(&[("-0", "uplume")]).unwrap().validate().is_ok());
    }

    #[test]
    fn zero_fees_take_nothing_and_disorder_is_refused() {
        assert_eq!(fee(&[]).unwrap().coins().unwrap(), None);
        assert_eq!(fee(&[("0", "uplume")]).unwrap().coins().unwrap(), None);
        let twice = fee(&[("1", "a2c"), ("1", "a2c")]).unwrap().coins().unwrap_err();
        assert_eq!(code_and_text(twice), (13, "invalid fee amount: 1a2c,1a2c: insufficient fee".into()));
    }

    #[test]
    fn one_of_the_minimum_prices_suffices() {
        let price =
            |amount: &str, denom: &str| DecCoin { amount: amount.parse().unwrap(), denom: Denom::new(denom).unwrap() };
        let prices = DecCoins::from_unsorted([price("0.0251", "uplume"), price("1", "uusd")]).unwrap();
        assert!(fee(&[("2510", "uplume")]).unwrap().require_minimum(&prices).is_ok());
        assert!(fee(&[("100000", "uusd")]).unwrap().require_minimum(&prices).is_ok());
        let e = fee(&[("2509", "uplume")]).unwrap().require_minimum(&prices).unwrap_err();
        let text = "insufficient fees; got: 2509uplume required: 2510uplume,100000uusd: insufficient fee";
        assert_eq!(code_and_text(e), (13, text.into()));
        let e = fee(&[]).unwrap().require_minimum(&prices).unwrap_err();
        assert!(e.message.starts_with("insufficient fees; got:  required: 2510uplume"));
    }
}
