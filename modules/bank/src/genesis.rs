use std::collections::{BTreeMap, BTreeSet};

use plume_codec::{decode_json, encode_json};
use plume_kit::{Abort, Ctx, Fatal, ReadCtx, ValidatorUpdates};
use plume_primitives::{Address, Amount, Coins, Denom};
use plume_proto::cosmos::bank::v1beta1::{Balance, GenesisState, Metadata, Params, SendEnabled};
use plume_state::{Direction, StateError};
use serde_json::Value;

use crate::coins::{parse, to_proto};
use crate::metadata;
use crate::state::{self, METADATA, PARAMS, SEND_ENABLED, SUPPLY};

/// Writes the genesis state. Balances create no accounts and pass no hooks.
pub(crate) fn init(ctx: &mut Ctx<'_>, json: Value) -> Result<ValidatorUpdates, Fatal> {
    let genesis = match json {
        Value::Null => default_state(),
        json => decode_json::<GenesisState>(&json).map_err(|e| Fatal::new(e.to_string()))?,
    };
    let params = genesis.params.clone().unwrap_or_default();
    let default_send_enabled = params.default_send_enabled;
    PARAMS.set(ctx, &Params { default_send_enabled, ..Params::default() }).map_err(failed)?;
    for (denom, enabled) in switches(&genesis)? {
        SEND_ENABLED.set(ctx, &denom, &enabled).map_err(failed)?;
    }

    let mut supply: BTreeMap<Denom, Amount> = BTreeMap::new();
    for (address, coins) in balances(ctx, &genesis.balances)? {
        for coin in &coins {
            let sum = supply.entry(coin.denom.clone()).or_default();
            *sum = sum
                .checked_add(coin.amount)
                .ok_or_else(|| Fatal::new(format!("supply of {} exceeds {}", coin.denom, Amount::MAX)))?;
            state::set_balance(ctx, &address, &coin.denom, Amount::ZERO, coin.amount)
                .map_err(|e| e.unexpected("balances"))?;
        }
    }
    require_stated_supply(&genesis, &supply)?;
    for (denom, amount) in &supply {
        SUPPLY.set(ctx, denom, amount).map_err(failed)?;
    }
    for (base, metadata) in checked_metadata(genesis.denom_metadata)? {
        METADATA.set(ctx, &base, &metadata).map_err(failed)?;
    }
    Ok(ValidatorUpdates::new())
}

/// The inverse of [`init`].
pub(crate) fn export(ctx: &ReadCtx) -> Result<Value, Fatal> {
    let mut genesis = GenesisState { params: PARAMS.get(ctx).map_err(failed)?, ..GenesisState::default() };
    for entry in state::all_balances(ctx).map_err(failed)? {
        let (address, coin) = entry.map_err(failed)?;
        let address = ctx.chain().prefix.account(&address);
        let coin = crate::coins::coin_to_proto(&coin);
        match genesis.balances.last_mut() {
            Some(last) if last.address == address => last.coins.push(coin),
            _ => genesis.balances.push(Balance { address, coins: vec![coin] }),
        }
    }
    for entry in SUPPLY.iter(ctx, Direction::Ascending).map_err(failed)? {
        let (denom, amount) = entry.map_err(failed)?;
        genesis.supply.extend(to_proto(&Coins::of(plume_primitives::Coin::new(denom, amount))));
    }
    for entry in METADATA.iter(ctx, Direction::Ascending).map_err(failed)? {
        genesis.denom_metadata.push(entry.map_err(failed)?.1);
    }
    for entry in SEND_ENABLED.iter(ctx, Direction::Ascending).map_err(failed)? {
        let (denom, enabled) = entry.map_err(failed)?;
        genesis.send_enabled.push(SendEnabled { denom: denom.as_str().to_owned(), enabled });
    }
    encode_json(&genesis).map_err(|e| Fatal::new(e.to_string()))
}

fn default_state() -> GenesisState {
    GenesisState { params: Some(Params { default_send_enabled: true, ..Params::default() }), ..GenesisState::default() }
}

/// The switches of both places where a genesis may have them; the newer place wins.
#[expect(deprecated, reason = "older genesis files have the switches there")]
fn switches(genesis: &GenesisState) -> Result<BTreeMap<Denom, bool>, Fatal> {
    let old = genesis.params.as_ref().map_or(&[][..], |params| params.send_enabled.as_slice());
    let mut all = BTreeMap::new();
    for (place, entries) in [("params.send_enabled", old), ("send_enabled", &genesis.send_enabled)] {
        let mut seen = BTreeSet::new();
        for entry in entries {
            let denom = Denom::new(&entry.denom).map_err(|e| Fatal::new(e.to_string()).while_doing(place))?;
            if !seen.insert(denom.clone()) {
                return Err(Fatal::new(format!("duplicate send enabled found: '{denom}'")));
            }
            all.insert(denom, entry.enabled);
        }
    }
    Ok(all)
}

fn balances(ctx: &Ctx<'_>, entries: &[Balance]) -> Result<BTreeMap<Address, Coins>, Fatal> {
    let mut all = BTreeMap::new();
    for Balance { address: text, coins } in entries {
        let at = |e: &dyn core::fmt::Display| Fatal::new(format!("balance of {text}: {e}"));
        let address = ctx.chain().prefix.parse_account(text).map_err(|e| at(&e))?;
        let coins = parse(coins).map_err(|e| at(&e))?;
        if all.insert(address, coins).is_some() {
            return Err(Fatal::new(format!("duplicate balance for address {text}")));
        }
    }
    Ok(all)
}

/// A genesis need not state its supply; when it does it must be right.
fn require_stated_supply(genesis: &GenesisState, supply: &BTreeMap<Denom, Amount>) -> Result<(), Fatal> {
    if genesis.supply.is_empty() {
        return Ok(());
    }
    let stated = parse(&genesis.supply).map_err(|e| Fatal::new(format!("supply: {e}")))?;
    let equal = stated.len() == supply.len() && stated.iter().all(|coin| supply.get(&coin.denom) == Some(&coin.amount));
    if equal {
        return Ok(());
    }
    let sum: Vec<String> = supply.iter().map(|(denom, amount)| format!("{amount}{denom}")).collect();
    Err(Fatal::new(format!("genesis supply is incorrect, expected {stated}, got {}", sum.join(","))))
}

fn checked_metadata(entries: Vec<Metadata>) -> Result<BTreeMap<Denom, Metadata>, Fatal> {
    let mut all = BTreeMap::new();
    for entry in entries {
        let base =
            metadata::validate(&entry).map_err(|e| Fatal::new(format!("denom_metadata of {:?}: {e}", entry.base)))?;
        if all.insert(base.clone(), entry).is_some() {
            return Err(Fatal::new(format!("duplicate client metadata for denom {base}")));
        }
    }
    Ok(all)
}

fn failed(e: StateError) -> Fatal {
    Abort::from(e).unexpected("bank state")
}
