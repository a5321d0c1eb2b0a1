//! Commands whose arguments no descriptor can say: the SDK has its own form for them, and scripts use it.

use anyhow::{Context, Result, ensure};
use clap::{Arg, ArgAction, ArgMatches, Command};
use plume_primitives::{Amount, Coin, Coins};
use serde_json::{Map, Value, json};

use super::arguments::AddressOf;

/// A command of the SDK's own form.
pub struct Custom {
    /// The method, as in [`Method::path`](super::catalog::Method::path).
    pub path: &'static str,
    /// Adds the arguments.
    pub augment: fn(Command) -> Command,
    /// An example's arguments.
    pub example: &'static str,
    /// Reads the arguments.
    pub build: fn(&ArgMatches, AddressOf<'_>) -> Result<Request>,
}

/// Who signs, as the user wrote it, and the request's JSON.
pub type Request = (String, Map<String, Value>);

/// The form of the method at `path`, if it has one.
pub fn find(path: &str) -> Option<&'static Custom> {
    CUSTOM.iter().find(|custom| custom.path == path)
}

const CUSTOM: &[Custom] = &[Custom {
    path: "/cosmos.bank.v1beta1.Msg/MultiSend",
    augment: |command| {
        command
            .arg(Arg::new("giver").value_name("FROM_KEY_OR_ADDRESS").help("Key or address that gives").required(true))
            .arg(
                Arg::new("to_and_amount")
                    .value_name("TO_ADDRESS... AMOUNT")
                    .help("Addresses that get, then the coins that each of them gets")
                    .required(true)
                    .num_args(2..),
            )
            .arg(
                Arg::new("split")
                    .long("split")
                    .action(ArgAction::SetTrue)
                    .help("Divide the coins among the addresses, rounded down, instead of giving each the whole"),
            )
    },
    example: "alice plume1a... plume1b... 10uplume",
    build: multi_send,
}];

fn multi_send(matches: &ArgMatches, address_of: AddressOf<'_>) -> Result<Request> {
    let giver = matches.get_one::<String>("giver").context("name who gives")?;
    let words: Vec<&String> = matches.get_many("to_and_amount").context("name recipients, then coins")?.collect();
    let (amount, recipients) = words.split_last().context("name recipients, then coins")?;
    let coins: Coins = amount.parse().with_context(|| format!("amount {amount}"))?;
    let count = recipients.len() as u128; // usize is never wider
    let each = if matches.get_flag("split") { divided(&coins, count)? } else { coins };
    let total = each.checked_mul(count).context("the sum is more than 2^128 - 1")?;
    let outputs = recipients.iter().map(|to| {
        let to = address_of(to).with_context(|| format!("recipient {to}"))?;
        Ok(json!({"address": to, "coins": coins_json(&each)}))
    });
    let outputs = outputs.collect::<Result<Vec<_>>>()?;
    let from = address_of(giver)?;
    let fields = [
        ("inputs".to_owned(), json!([{"address": from, "coins": coins_json(&total)}])),
        ("outputs".to_owned(), Value::Array(outputs)),
    ];
    Ok((giver.clone(), fields.into_iter().collect()))
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

fn coins_json(coins: &Coins) -> Value {
    coins.iter().map(|coin| json!({"denom": coin.denom.to_string(), "amount": coin.amount.to_string()})).collect()
}
