use anyhow::{Context, Result, ensure};
use plume_primitives::{Amount, Coin, Coins};
use plume_proto::cosmos::bank::v1beta1::{Input, MsgMultiSend, MsgSend, Output};
use plume_proto::cosmos::base::v1beta1::Coin as ProtoCoin;
use plume_proto::{Any, any};

use super::flow;
use crate::cli::TxBankCommand;
use crate::home::Home;

/// Messages of bank.
pub fn run(home: &Home, command: TxBankCommand) -> Result<()> {
    match command {
        TxBankCommand::Send { giver, to, amount, tx } => {
            let coins: Coins = amount.parse().with_context(|| format!("amount {amount}"))?;
            home.prefix()?.parse_account(&to).with_context(|| format!("recipient {to}"))?;
            flow::run(home, &tx, &giver, |address| {
                Ok(vec![any(&MsgSend { from_address: address.to_owned(), to_address: to, amount: proto(&coins) })])
            })
        }
        TxBankCommand::MultiSend { giver, to_and_amount, split, tx } => {
            let (amount, recipients) = to_and_amount.split_last().context("name recipients, then coins")?;
            let coins: Coins = amount.parse().with_context(|| format!("amount {amount}"))?;
            let prefix = home.prefix()?;
            for recipient in recipients {
                prefix.parse_account(recipient).with_context(|| format!("recipient {recipient}"))?;
            }
            flow::run(home, &tx, &giver, |address| Ok(vec![multi_send(address, recipients, &coins, split)?]))
        }
    }
}

fn multi_send(from: &str, recipients: &[String], coins: &Coins, split: bool) -> Result<Any> {
    let count = recipients.len() as u128; // usize is never wider
    let each = if split { divided(coins, count)? } else { coins.clone() };
    let total = each.checked_mul(count).context("the sum is more than 2^128 - 1")?;
    let outputs = recipients.iter().map(|to| Output { address: to.clone(), coins: proto(&each) }).collect();
    Ok(any(&MsgMultiSend { inputs: vec![Input { address: from.to_owned(), coins: proto(&total) }], outputs }))
}

/// Each coin divided by `count`, rounded down as the SDK does: what is left over stays with the sender.
fn divided(coins: &Coins, count: u128) -> Result<Coins> {
    let share = |coin: &Coin| {
        let amount = coin.amount.mul_ratio_floor(1, count)?;
        ensure!(amount != Amount::ZERO, "{coin} cannot be split among {count} recipients");
        Ok(Coin { denom: coin.denom.clone(), amount })
    };
    Ok(Coins::from_unsorted(coins.iter().map(share).collect::<Result<Vec<_>>>()?)?)
}

fn proto(coins: &Coins) -> Vec<ProtoCoin> {
    coins.iter().map(|coin| ProtoCoin { denom: coin.denom.to_string(), amount: coin.amount.to_string() }).collect()
}
