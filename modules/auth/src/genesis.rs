use std::collections::{BTreeMap, BTreeSet};

use plume_codec::{decode_json, encode_json};
use plume_interfaces::Accounts;
use plume_kit::{Abort, Ctx, Fatal, ReadCtx, ValidatorUpdates};
use plume_primitives::Address;
use plume_proto::cosmos::auth::v1beta1::GenesisState;
use plume_state::StateError;
use serde_json::Value;

use crate::record::Record;
use crate::state::{self, NEXT_NUMBER, PARAMS};
use crate::{Auth, FEE_COLLECTOR, params};

/// Writes the genesis state: accounts keep their numbers, except that those which have another's number get the lowest
/// unused ones; the fee collector follows if the chain lists it.
pub(crate) fn init(auth: &Auth, ctx: &mut Ctx<'_>, json: Value) -> Result<ValidatorUpdates, Fatal> {
    let genesis = match json {
        Value::Null => GenesisState { params: Some(params::default_params()), accounts: Vec::new() },
        json => decode_json::<GenesisState>(&json).map_err(|e| Fatal::new(e.to_string()))?,
    };
    let params = genesis.params.clone().unwrap_or_default();
    params::validate(&params).map_err(|e| Fatal::new(format!("params: {e}")))?;
    PARAMS.set(ctx, &params).map_err(failed)?;

    let accounts = with_unique_numbers(read_accounts(ctx, &genesis)?);
    if let Some(highest) = accounts.keys().next_back() {
        let next =
            highest.checked_add(1).ok_or_else(|| Fatal::new("account number 18446744073709551615 is the last"))?;
        NEXT_NUMBER.set(ctx, next).map_err(failed)?;
    }
    for (address, record) in accounts.values() {
        state::create(ctx, address, record).map_err(|e| e.unexpected("accounts"))?;
    }
    if auth.module_accounts.contains_key(FEE_COLLECTOR) {
        auth.module_account(ctx, FEE_COLLECTOR).map_err(|e| e.unexpected("accounts"))?;
    }
    Ok(ValidatorUpdates::new())
}

/// The inverse of [`init`].
pub(crate) fn export(ctx: &ReadCtx) -> Result<Value, Fatal> {
    let accounts = state::all(ctx)
        .map_err(failed)?
        .map(|entry| entry.map(|(_, record)| record.to_any()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    encode_json(&GenesisState { params: PARAMS.get(ctx).map_err(failed)?, accounts })
        .map_err(|e| Fatal::new(e.to_string()))
}

fn read_accounts(ctx: &Ctx<'_>, genesis: &GenesisState) -> Result<Vec<(Address, Record)>, Fatal> {
    let mut seen = BTreeSet::new();
    genesis
        .accounts
        .iter()
        .enumerate()
        .map(|(index, stored)| {
            let at = |e: &dyn core::fmt::Display| Fatal::new(format!("accounts[{index}]: {e}"));
            let record = Record::from_any(stored).map_err(|e| at(&e))?;
            let address = record.validate(&ctx.chain().prefix).map_err(|e| {
                at(&format!(
                    "invalid account found in genesis state; address: {}, error: {e}",
                    record.as_base().address
                ))
            })?;
            if !seen.insert(address.clone()) {
                let text = &record.as_base().address;
                return Err(at(&format!("duplicate account found in genesis state; address: {text}")));
            }
            Ok((address, record))
        })
        .collect()
}

/// The accounts by number. The first with a number keeps it; the others, in ascending order of the number that they
/// share, get the lowest numbers that no account has.
fn with_unique_numbers(accounts: Vec<(Address, Record)>) -> BTreeMap<u64, (Address, Record)> {
    let mut unique = BTreeMap::new();
    let mut rest: BTreeMap<u64, Vec<(Address, Record)>> = BTreeMap::new();
    for (address, record) in accounts {
        let number = record.number();
        match unique.entry(number) {
            std::collections::btree_map::Entry::Vacant(free) => {
                free.insert((address, record));
            }
            std::collections::btree_map::Entry::Occupied(_) => rest.entry(number).or_default().push((address, record)),
        }
    }
    let mut free = 0_u64;
    for (address, mut record) in rest.into_values().flatten() {
        while unique.contains_key(&free) {
            free = free.saturating_add(1);
        }
        record.as_base_mut().account_number = free;
        unique.insert(free, (address, record));
    }
    unique
}

fn failed(e: StateError) -> Fatal {
    Abort::from(e).unexpected("auth state")
}

#[cfg(test)]
mod tests {
    use plume_primitives::Bech32Prefix;

    use super::*;

    #[test]
    fn doubled_numbers_move_to_the_lowest_unused() {
        let prefix = Bech32Prefix::new("plume").unwrap();
        let numbers = [5, 0, 5, 2, 0, 5];
        let accounts = (0_u8..)
            .zip(numbers)
            .map(|(id, number)| {
                let address = Address::from([id; 20]);
                (address.clone(), Record::base(&prefix, &address, number))
            })
            .collect();
        let by_number: Vec<(u64, u8)> =
            with_unique_numbers(accounts).into_iter().map(|(n, (a, _))| (n, a.as_bytes()[0])).collect();
        // Accounts 1, 0 and 3 keep 0, 5 and 2; then account 4 (shared 0), then 2 and 5 (shared 5).
        assert_eq!(by_number, [(0, 1), (1, 4), (2, 3), (3, 2), (4, 5), (5, 0)]);
    }
}
