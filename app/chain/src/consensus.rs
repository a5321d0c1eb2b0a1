//! The consensus parameters as the chain itself uses them.

use plume_consensus_params as module;
use plume_engine::{ConsensusParams, Fatal};
use plume_state::KvRead;

/// The parameters in `state`; empty ones before genesis.
pub(crate) fn params(state: &(impl KvRead + ?Sized)) -> Result<ConsensusParams, Fatal> {
    let params = module::params(state).map_err(|e| Fatal::new(format!("consensus parameters: {e}")))?;
    Ok(params.unwrap_or_default())
}

/// Gas limit of a block; `None` for no limit, which CometBFT writes as -1 and 0.
pub(crate) fn max_gas(params: &ConsensusParams) -> Option<u64> {
    match u64::try_from(params.block.as_ref()?.max_gas) {
        Ok(0) | Err(_) => None,
        Ok(max) => Some(max),
    }
}

/// Version of the state machine in block headers.
pub(crate) fn app_version(params: &ConsensusParams) -> u64 {
    params.version.as_ref().map_or(0, |version| version.app)
}

/// Age in blocks up to which evidence of misbehaviour is taken; 0 when it is not set.
pub(crate) fn evidence_blocks(params: &ConsensusParams) -> u64 {
    params.evidence.as_ref().map_or(0, |evidence| u64::try_from(evidence.max_age_num_blocks).unwrap_or(0))
}
