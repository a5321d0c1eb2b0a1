use plume_interfaces::MoveReason;
use plume_kit::{Abort, Ctx, Response};
use plume_proto::cosmos::bank::v1beta1::{MsgSend, MsgSendResponse};

use crate::coins::require_positive;
use crate::movement::{Leg, Movement};
use crate::{Bank, BankError};

/// Moves coins from one account to another, which is created if it does not exist.
///
/// # Errors
/// `sdk/7` addresses, `sdk/10` coins, `bank/5` a denomination whose switch is off, `sdk/4` a blocked recipient, `sdk/5`
/// funds, a hook's refusal.
pub(crate) fn send(bank: &Bank, ctx: &mut Ctx<'_>, msg: &MsgSend) -> Result<Response, Abort> {
    let prefix = &ctx.chain().prefix;
    let address =
        |role, text: &str| prefix.parse_account(text).map_err(|source| BankError::InvalidAddress { role, source });
    let from = address("from", &msg.from_address)?;
    let to = address("to", &msg.to_address)?;
    let coins = require_positive(&msg.amount)?;

    bank.require_send_enabled(ctx, &coins)?;
    bank.require_not_blocked(&to, &msg.to_address)?;

    bank.settle(
        ctx,
        Movement {
            from: Some(from),
            total: coins.clone(),
            legs: vec![Leg { to: Some(to), coins }],
            reason: MoveReason::Send,
        },
    )?;
    Ok(Response::of(&MsgSendResponse {}))
}
