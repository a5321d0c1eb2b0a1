//! Gas: simulation, adjustment, price.

use anyhow::{Context, Result, ensure};
use plume_client::{required_signers, simulate_request};
use plume_crypto::PublicKey;
use plume_primitives::{Coin, Coins, DecCoins, Gas, Rounding};
use plume_proto::cosmos::tx::v1beta1::Tx;

use crate::cli::TxArgs;
use crate::commands::query::Client;
use crate::home::Home;

/// Simulates the transaction of a file and prints the estimate.
pub fn run(home: &Home, tx: &Tx, args: &TxArgs) -> Result<()> {
    let client = Client::of(home, &args.node)?;
    let prefix = home.prefix()?;
    let signers = required_signers(tx, &prefix)?
        .iter()
        .map(|address| {
            let text = prefix.account(address);
            let account = client.rpc.account(&text)?.with_context(|| format!("no account has the address {text}"))?;
            let key = match account.public_key {
                Some(key) => key,
                None => {
                    super::super::keys::open(home, &args.keyring)?
                        .get(&text)
                        .context("the account has signed nothing yet, so its key must be in the keyring")?
                        .public_key
                }
            };
            Ok((key, account.sequence))
        })
        .collect::<Result<Vec<_>>>()?;
    println!("gas estimate: {}", estimate(home, args, tx, &signers)?.get());
    Ok(())
}

/// Gas of a transaction by simulation, times `--gas-adjustment`.
pub fn estimate(home: &Home, args: &TxArgs, tx: &Tx, signers: &[(PublicKey, u64)]) -> Result<Gas> {
    ensure!(args.gas_adjustment.is_finite() && args.gas_adjustment > 0.0, "--gas-adjustment must be above 0");
    let client = Client::of(home, &args.node)?;
    let response = client.rpc.simulate(&simulate_request(tx, signers)?)?;
    let used = response.gas_info.context("the node answered without gas")?.gas_used;
    Ok(adjusted(used, args.gas_adjustment))
}

/// `used` times `factor`, rounded up; a float is enough for an estimate.
fn adjusted(used: u64, factor: f64) -> Gas {
    Gas((used as f64 * factor).ceil() as u64)
}

/// Price times limit, each coin rounded up.
pub fn fee(prices: &DecCoins, limit: Gas) -> Result<Coins> {
    let limit = u128::from(limit.get());
    let coins = prices.iter().map(|price| {
        let amount = price.amount.mul_int(limit)?.to_amount(Rounding::Ceil)?;
        Ok(Coin { denom: price.denom.clone(), amount })
    });
    Ok(Coins::from_unsorted(coins.collect::<Result<Vec<_>>>()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimate_is_rounded_up() {
        assert_eq!(adjusted(100, 1.0), Gas(100));
        assert_eq!(adjusted(101, 1.5), Gas(152));
    }

    #[test]
    fn fee_is_rounded_up() {
        let fee = fee(&"0.0251uplume".parse().unwrap(), Gas(1001)).unwrap();
        assert_eq!(fee.to_string(), "26uplume");
    }
}
