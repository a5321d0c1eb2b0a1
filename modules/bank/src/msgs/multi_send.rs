use plume_interfaces::MoveReason;
use plume_kit::{Abort, Ctx, Response};
use plume_primitives::{Address, Coins};
use plume_proto::cosmos::bank::v1beta1::{MsgMultiSend, MsgMultiSendResponse};
use plume_proto::cosmos::base::v1beta1::Coin as ProtoCoin;

use crate::coins::require_positive;
use crate::movement::{Leg, Movement};
use crate::{Bank, BankError};

/// Moves coins from one account to several, all or nothing.
///
/// # Errors
/// `bank/2`, `bank/9` not exactly one input, `bank/3` no output, `sdk/7` addresses, `sdk/10` coins, `bank/4` sums that
/// differ, `bank/5` a denomination whose switch is off, `sdk/4` a blocked recipient, `sdk/5` funds, a hook's refusal.
pub(crate) fn multi_send(bank: &Bank, ctx: &mut Ctx<'_>, msg: &MsgMultiSend) -> Result<Response, Abort> {
    let input = match msg.inputs.as_slice() {
        [] => return Err(BankError::NoInputs.into()),
        [input] => input,
        _ => return Err(BankError::MultipleSenders.into()),
    };
    if msg.outputs.is_empty() {
        return Err(BankError::NoOutputs.into());
    }
    let (from, total) = end_of(ctx, "input", &input.address, &input.coins)?;
    let legs = msg
        .outputs
        .iter()
        .map(|output| {
            let (to, coins) = end_of(ctx, "output", &output.address, &output.coins)?;
            Ok(Leg { to: Some(to), coins })
        })
        .collect::<Result<Vec<_>, BankError>>()?;
    require_equal_sums(&total, &legs)?;

    bank.require_send_enabled(ctx, &total)?;
    for (leg, output) in legs.iter().zip(&msg.outputs) {
        if let Some(to) = &leg.to {
            bank.require_not_blocked(to, &output.address)?;
        }
    }

    bank.settle(ctx, Movement { from: Some(from), total, legs, reason: MoveReason::MultiSend })?;
    Ok(Response::of(&MsgMultiSendResponse {}))
}

/// One input or output, checked.
fn end_of(
    ctx: &Ctx<'_>,
    role: &'static str,
    address: &str,
    coins: &[ProtoCoin],
) -> Result<(Address, Coins), BankError> {
    let address =
        ctx.chain().prefix.parse_account(address).map_err(|source| BankError::InvalidAddress { role, source })?;
    Ok((address, require_positive(coins)?))
}

fn require_equal_sums(total: &Coins, legs: &[Leg]) -> Result<(), BankError> {
    // Outputs beyond 128 bits cannot equal an input, which has no more.
    match Coins::sum(legs.iter().flat_map(|leg| leg.coins.iter().cloned())) {
        Ok(sum) if sum == *total => Ok(()),
        _ => Err(BankError::InputOutputMismatch),
    }
}
