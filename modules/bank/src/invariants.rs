use std::collections::{BTreeMap, BTreeSet};

use plume_kit::{Abort, Fatal, ReadCtx};
use plume_primitives::{Amount, Denom};
use plume_state::{Direction, KvRead, StateError};

use crate::state::{self, OWNERS_STORE, SUPPLY};

/// What always holds:
/// * no balance and no supply is zero;
/// * the supply of every denomination is the sum of its balances;
/// * the index of owners names exactly the holders.
pub(crate) fn check(ctx: &ReadCtx) -> Result<(), Fatal> {
    let mut sums: BTreeMap<Denom, Amount> = BTreeMap::new();
    let mut holders = BTreeSet::new();
    for entry in state::all_balances(ctx).map_err(failed)? {
        let (address, coin) = entry.map_err(failed)?;
        if coin.amount.is_zero() {
            return Err(Fatal::new(format!("{address:?} holds 0{}", coin.denom)));
        }
        let sum = sums.entry(coin.denom.clone()).or_default();
        *sum =
            sum.checked_add(coin.amount).ok_or_else(|| Fatal::new(format!("balances of {} overflow", coin.denom)))?;
        holders.insert((coin.denom, address));
    }
    let mut supply = BTreeMap::new();
    for entry in SUPPLY.iter(ctx, Direction::Ascending).map_err(failed)? {
        let (denom, amount) = entry.map_err(failed)?;
        supply.insert(denom, amount);
    }
    if supply != sums {
        return Err(Fatal::new(format!("supply is {supply:?}, balances add up to {sums:?}")));
    }
    check_owners(ctx, &holders)
}

fn check_owners(ctx: &ReadCtx, holders: &BTreeSet<(Denom, plume_primitives::Address)>) -> Result<(), Fatal> {
    let mut indexed = 0_usize;
    for denom in holders.iter().map(|(denom, _)| denom).collect::<BTreeSet<_>>() {
        let prefix = state::owners_prefix(denom).map_err(failed)?;
        let end = plume_state::prefix_end(&prefix);
        let range = ctx
            .range(
                OWNERS_STORE,
                core::ops::Bound::Included(&prefix),
                plume_state::bound_ref(&end),
                Direction::Ascending,
            )
            .map_err(failed)?;
        for entry in range {
            let (key, _) = entry.map_err(failed)?;
            let owner = state::owner_of(key.get(prefix.len()..).unwrap_or_default()).map_err(failed)?;
            if !holders.contains(&(denom.clone(), owner.clone())) {
                return Err(Fatal::new(format!("{owner:?} is indexed as an owner of {denom} and holds none")));
            }
            indexed = indexed.saturating_add(1);
        }
    }
    if indexed == holders.len() {
        return Ok(());
    }
    Err(Fatal::new(format!("{} owners are indexed, there are {}", indexed, holders.len())))
}

fn failed(e: StateError) -> Fatal {
    Abort::from(e).unexpected("bank invariants")
}
