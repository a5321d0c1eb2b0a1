//! Coins between their wire form, where anything may stand, and their checked form.

use plume_primitives::{AmountError, Coin, CoinError, Coins};
use plume_proto::cosmos::base::v1beta1::Coin as ProtoCoin;

use crate::BankError;

/// Takes the coins of a message: at least one, sorted, distinct, positive.
///
/// # Errors
/// `sdk/10`, with the coins as the message states them.
pub(crate) fn require_positive(coins: &[ProtoCoin]) -> Result<Coins, BankError> {
    let checked = parse(coins).map_err(|error| match error {
        CoinError::Amount(AmountError::TooLarge(amount)) => BankError::AmountTooLarge(amount),
        _ => BankError::InvalidCoins(text(coins)),
    })?;
    if checked.is_empty() { Err(BankError::InvalidCoins(text(coins))) } else { Ok(checked) }
}

/// Takes coins that may be none at all.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn parse(coins: &[ProtoCoin]) -> Result<Coins, CoinError> {
    let checked = coins.iter().map(|coin| Coin::from_parts(&coin.denom, &coin.amount)).collect::<Result<_, _>>()?;
    Coins::from_sorted(checked)
}

/// The wire form.
pub(crate) fn to_proto(coins: &Coins) -> Vec<ProtoCoin> {
    coins.iter().map(coin_to_proto).collect()
}

pub(crate) fn coin_to_proto(coin: &Coin) -> ProtoCoin {
    ProtoCoin { denom: coin.denom.as_str().to_owned(), amount: coin.amount.to_string() }
}

/// As the SDK prints coins, valid or not: `1a,2b`.
fn text(coins: &[ProtoCoin]) -> String {
    coins.iter().map(|coin| format!("{}{}", coin.amount, coin.denom)).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(coins: &[(&str, &str)]) -> Vec<ProtoCoin> {
        coins.iter().map(|(amount, denom)| ProtoCoin { denom: (*denom).into(), amount: (*amount).into() }).collect()
    }

    #[test]
    fn coins_of_a_message_are_sorted_distinct_and_positive() {
        let good = require_positive(&wire(&[("1", "alpha"), ("2", "beta")])).unwrap();
        assert_eq!(good.to_string(), "1alpha,2beta");
        for (bad, text) in [
            (wire(&[]), ""),
            (wire(&[("0", "alpha")]), "0alpha"),
            (wire(&[("-1", "alpha")]), "-1alpha"),
            (wire(&[("2", "beta"), ("1", "alpha")]), "2beta,1alpha"),
            (wire(&[("1", "alpha"), ("1", "alpha")]), "1alpha,1alpha"),
            (wire(&[("1", "ab")]), "1ab"),
        ] {
            assert_eq!(require_positive(&bad), Err(BankError::InvalidCoins(text.to_owned())));
        }
    }

    #[test]
    fn amount_of_129_bits_is_refused_by_its_own_name() {
        let large = "340282366920938463463374607431768211456";
        assert_eq!(require_positive(&wire(&[(large, "alpha")])), Err(BankError::AmountTooLarge(large.to_owned())));
    }
}
