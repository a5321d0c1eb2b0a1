use std::collections::BTreeMap;

use plume_kit::{Abort, Fatal, ReadCtx};
use plume_state::{Direction, StateError};

use crate::state::{self, NEXT_NUMBER, NUMBERS};

/// What always holds:
/// * an account's key is the address that it states, and its public key is that address's;
/// * no two accounts have one number, and every number is below the next one;
/// * the index of numbers names exactly the accounts.
pub(crate) fn check(ctx: &ReadCtx) -> Result<(), Fatal> {
    let next = NEXT_NUMBER.peek(ctx).map_err(failed)?;
    let mut by_number = BTreeMap::new();
    for entry in state::all(ctx).map_err(failed)? {
        let (address, record) = entry.map_err(failed)?;
        let stated =
            record.validate(&ctx.chain().prefix).map_err(|e| Fatal::new(format!("account {address:?}: {e}")))?;
        if stated != address {
            return Err(Fatal::new(format!("account {address:?} says that it is {stated:?}")));
        }
        let number = record.number();
        if number >= next {
            return Err(Fatal::new(format!("account {address:?} has number {number}, the next one is {next}")));
        }
        if let Some(other) = by_number.insert(number, address.clone()) {
            return Err(Fatal::new(format!("accounts {other:?} and {address:?} both have number {number}")));
        }
    }
    let indexed = NUMBERS
        .iter(ctx, Direction::Ascending)
        .map_err(failed)?
        .collect::<Result<BTreeMap<_, _>, _>>()
        .map_err(failed)?;
    if indexed == by_number {
        return Ok(());
    }
    Err(Fatal::new(format!("account numbers are indexed as {indexed:?}, accounts have {by_number:?}")))
}

fn failed(e: StateError) -> Fatal {
    Abort::from(e).unexpected("auth invariants")
}
