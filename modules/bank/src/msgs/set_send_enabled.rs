use std::collections::BTreeSet;

use plume_kit::{Abort, Ctx, Response};
use plume_primitives::Denom;
use plume_proto::cosmos::bank::v1beta1::{MsgSetSendEnabled, MsgSetSendEnabledResponse};

use crate::state::SEND_ENABLED;
use crate::{Bank, BankError};

/// Switches sending of denominations on or off, or back to the default.
///
/// Permission: the authority alone.
///
/// # Errors
/// `gov/13` another signer, `sdk/18` a denomination twice or malformed.
pub(crate) fn set_send_enabled(bank: &Bank, ctx: &mut Ctx<'_>, msg: &MsgSetSendEnabled) -> Result<Response, Abort> {
    bank.require_authority(ctx, &msg.authority)?;

    let mut seen = BTreeSet::new();
    let mut switches = Vec::with_capacity(msg.send_enabled.len());
    for entry in &msg.send_enabled {
        if !seen.insert(entry.denom.as_str()) {
            return Err(BankError::DuplicateSendEnabled(entry.denom.clone()).into());
        }
        let denom = Denom::new(&entry.denom).map_err(|_| BankError::InvalidSendEnabledDenom(entry.denom.clone()))?;
        switches.push((denom, entry.enabled));
    }
    let defaults = msg
        .use_default_for
        .iter()
        .map(|denom| Denom::new(denom).map_err(|_| BankError::InvalidUseDefaultDenom(denom.clone())))
        .collect::<Result<Vec<_>, _>>()?;

    for (denom, enabled) in &switches {
        SEND_ENABLED.set(ctx, denom, enabled)?;
    }
    for denom in &defaults {
        SEND_ENABLED.remove(ctx, denom)?;
    }
    Ok(Response::of(&MsgSetSendEnabledResponse {}))
}
