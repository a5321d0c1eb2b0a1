use plume_kit::{Abort, Ctx, Event, Response, msgs};
use plume_primitives::Address;
use plume_proto::cosmos::consensus::v1::{MsgUpdateParams, MsgUpdateParamsResponse};
use plume_proto::tendermint::types::{ConsensusParams, VersionParams};

use crate::{ConsensusParamsError, PARAMS, rules, text};

msgs! {
    /// Messages of consensus.
    pub enum ConsensusMsg {
        UpdateParams(MsgUpdateParams) = "/cosmos.consensus.v1.MsgUpdateParams",
    }
}

/// Replaces the parameters of blocks, evidence and validators, and those of ABCI if they are stated. The version stays.
///
/// Permission: the authority alone.
///
/// # Errors
/// `gov/13` another signer, `undefined/1` parameters that are missing or that CometBFT refuses.
pub(crate) fn update_params(authority: &Address, ctx: &mut Ctx<'_>, msg: &MsgUpdateParams) -> Result<Response, Abort> {
    let expected = ctx.chain().prefix.account(authority);
    if msg.authority != expected {
        return Err(ConsensusParamsError::InvalidAuthority { expected, got: msg.authority.clone() }.into());
    }
    let (Some(block), Some(evidence), Some(validator)) = (&msg.block, &msg.evidence, &msg.validator) else {
        return Err(ConsensusParamsError::NotAllPresent.into());
    };

    let now = PARAMS.get(ctx)?.ok_or(ConsensusParamsError::NotStored)?;
    let stated = ConsensusParams {
        block: Some(*block),
        evidence: Some(*evidence),
        validator: Some(validator.clone()),
        version: Some(VersionParams::default()),
        abci: msg.abci,
    };
    // # Consensus
    // Where the SDK would reset the version to 0 we keep it: the headers' version must stay the one that the
    // application reports.
    let next = ConsensusParams {
        version: Some(now.version.unwrap_or_default()),
        abci: Some(msg.abci.or(now.abci).unwrap_or_default()),
        ..stated.clone()
    };
    rules::validate(&next).map_err(ConsensusParamsError::from)?;
    rules::validate_update(&now, &stated, ctx.block().height.to_i64()).map_err(ConsensusParamsError::from)?;

    PARAMS.set(ctx, &next)?;
    let parameters = text::compact(&stated);
    ctx.emit(
        Event::new("update_consensus_params").with("authority", msg.authority.as_str()).with("parameters", parameters),
    );
    Ok(Response::of(&MsgUpdateParamsResponse {}))
}
