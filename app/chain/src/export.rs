use bytes::Bytes;
use plume_engine::{Fatal, Genesis};
use plume_kit::ReadCtx;

use crate::machine::Machine;
use crate::{consensus, records};

/// The genesis document of the state that `ctx` reads: a new chain that begins with it has the same app hash.
pub(crate) fn export(machine: &Machine, ctx: &ReadCtx) -> Result<Genesis, Fatal> {
    let app_state = machine.modules.export_genesis(ctx)?;
    let text = serde_json::to_vec(&app_state).map_err(|e| Fatal::new(format!("app_state: {e}")))?;
    let next = ctx.height().next().ok_or_else(|| Fatal::new("the chain is at its last height"))?;
    Ok(Genesis {
        chain_id: ctx.chain().chain_id.clone(),
        time: ctx.time(),
        initial_height: next,
        consensus_params: consensus::params(ctx)?,
        validators: records::validators(ctx)?,
        app_state: Bytes::from(text),
    })
}
