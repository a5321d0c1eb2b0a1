//! Gas: simulation, adjustment, price.

use anyhow::{Context, Result, ensure};
use plume_client::simulate_request;
use plume_crypto::PublicKey;
use plume_primitives::{Coin, Coins, DecCoins, Gas, Rounding};
use plume_proto::cosmos::tx::v1beta1::Tx;

use super::flow::signers_of;
use crate::cli::TxArgs;
use crate::commands::keys;
use crate::commands::query::Client;
use crate::home::Home;
use crate::output;

/// Simulates the transaction of a file; prints what the chain answers, and the estimate on standard error.
pub fn run(home: &Home, tx: &Tx, args: &TxArgs) -> Result<()> {
    let client = Client::of(home, &args.node)?;
    let keyring = keys::open(home, &args.keyring)?;
    let signers = signers_of(home, args, &keyring, tx)?;
    let response = client.rpc.simulate(&simulate_request(tx, &signers)?)?;
    let used = response.gas_info.as_ref().context("the node answered without gas")?.gas_used;
    output::print(&plume_codec::encode_json(&response)?, client.format);
    eprintln!("gas estimate: {}", adjusted(used, args.gas_adjustment).get());
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
