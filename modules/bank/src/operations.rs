//! Random messages for simulations: the caller brings the randomness and the accounts that can sign.

use plume_kit::ChainInfo;
use plume_primitives::{Address, Amount, Coin, Coins};
use plume_proto::cosmos::bank::v1beta1::{Input, MsgMultiSend, MsgSend, Output};
use plume_state::{KvRead, StateError};

use crate::coins::to_proto;
use crate::state;

/// How often [`random_send`] is chosen relative to the others.
pub const SEND_WEIGHT: u64 = 100;
/// How often [`random_multi_send`] is chosen relative to the others.
pub const MULTI_SEND_WEIGHT: u64 = 10;

/// A send of some of what one of `accounts` holds to another one, or to an address without account.
///
/// `None` when the chosen account holds nothing. `next` gives 64 random bits at a time.
///
/// # Errors
/// State that cannot be read.
pub fn random_send(
    next: &mut dyn FnMut() -> u64,
    chain: &ChainInfo,
    state: &dyn KvRead,
    accounts: &[Address],
) -> Result<Option<(Address, MsgSend)>, StateError> {
    let Some(from) = pick(next, accounts) else { return Ok(None) };
    let coins = random_part(next, &state::balances(state, from)?);
    if coins.is_empty() {
        return Ok(None);
    }
    let to = random_recipient(next, accounts);
    let msg = MsgSend {
        from_address: chain.prefix.account(from),
        to_address: chain.prefix.account(&to),
        amount: to_proto(&coins),
    };
    Ok(Some((from.clone(), msg)))
}

/// A multi-send of some of what one of `accounts` holds, split over up to five recipients.
///
/// `None` when the chosen account holds nothing. `next` gives 64 random bits at a time.
///
/// # Errors
/// State that cannot be read.
pub fn random_multi_send(
    next: &mut dyn FnMut() -> u64,
    chain: &ChainInfo,
    state: &dyn KvRead,
    accounts: &[Address],
) -> Result<Option<(Address, MsgMultiSend)>, StateError> {
    let Some(from) = pick(next, accounts) else { return Ok(None) };
    let mut left = random_part(next, &state::balances(state, from)?);
    let total = left.clone();
    let mut outputs = Vec::new();
    for _ in 0..below(next, 5) {
        let coins = random_part(next, &left);
        left = left.checked_sub(&coins).unwrap_or_default();
        if !coins.is_empty() {
            outputs.push(output(chain, &random_recipient(next, accounts), &coins));
        }
    }
    if !left.is_empty() {
        outputs.push(output(chain, &random_recipient(next, accounts), &left));
    }
    if outputs.is_empty() {
        return Ok(None);
    }
    let inputs = vec![Input { address: chain.prefix.account(from), coins: to_proto(&total) }];
    Ok(Some((from.clone(), MsgMultiSend { inputs, outputs })))
}

fn output(chain: &ChainInfo, to: &Address, coins: &Coins) -> Output {
    Output { address: chain.prefix.account(to), coins: to_proto(coins) }
}

/// One in eight recipients has no account yet.
fn random_recipient(next: &mut dyn FnMut() -> u64, accounts: &[Address]) -> Address {
    match pick(next, accounts) {
        Some(known) if below(next, 8) != 0 => known.clone(),
        _ => {
            let mut bytes = [0_u8; 20];
            for (byte, random) in bytes.iter_mut().zip(core::iter::repeat_with(|| next().to_le_bytes()[0])) {
                *byte = random;
            }
            Address::from(bytes)
        }
    }
}

/// Of each denomination nothing, a part, or all.
fn random_part(next: &mut dyn FnMut() -> u64, held: &Coins) -> Coins {
    let parts = held.iter().map(|coin| {
        let amount = match below(next, 4) {
            0 => Amount::ZERO,
            1 => coin.amount,
            _ => coin.amount.mul_ratio_floor(u128::from(below(next, 1000)), 1000).unwrap_or(Amount::ZERO),
        };
        Coin::new(coin.denom.clone(), amount)
    });
    Coins::from_unsorted(parts).expect("what an account holds has each denomination once")
}

fn pick<'a, T>(next: &mut dyn FnMut() -> u64, items: &'a [T]) -> Option<&'a T> {
    let len = u64::try_from(items.len()).unwrap_or(u64::MAX);
    items.get(usize::try_from(below(next, len)).unwrap_or(usize::MAX))
}

/// A number below `bound`, or 0.
fn below(next: &mut dyn FnMut() -> u64, bound: u64) -> u64 {
    next().checked_rem(bound).unwrap_or(0)
}
