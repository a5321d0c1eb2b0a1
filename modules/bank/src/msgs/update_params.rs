use plume_kit::{Abort, Ctx, Response};
use plume_proto::cosmos::bank::v1beta1::{MsgUpdateParams, MsgUpdateParamsResponse};

use crate::state::PARAMS;
use crate::{Bank, BankError};

/// Replaces the parameters.
///
/// Permission: the authority alone.
///
/// # Errors
/// `gov/13` another signer, `undefined/1` the list of switches that SDK 0.47 moved out of the parameters.
#[expect(deprecated, reason = "the field is read in order to refuse it")]
pub(crate) fn update_params(bank: &Bank, ctx: &mut Ctx<'_>, msg: &MsgUpdateParams) -> Result<Response, Abort> {
    bank.require_authority(ctx, &msg.authority)?;
    let params = msg.params.clone().unwrap_or_default();
    if !params.send_enabled.is_empty() {
        return Err(BankError::SendEnabledInParams.into());
    }
    PARAMS.set(ctx, &params)?;
    Ok(Response::of(&MsgUpdateParamsResponse {}))
}
