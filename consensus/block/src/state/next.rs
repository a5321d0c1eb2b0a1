use plume_engine::BlockOutcome;

use super::genesis::require_key_types;
use super::{ChainState, StateError};
use crate::{FullBlock, params, results_hash};

impl ChainState {
    /// The state after `block`, which was valid here and gave `outcome` (`updateState`).
    ///
    /// Changes of validators act two heights later, changes of parameters and of the version one height later.
    ///
    /// # Errors
    /// [`StateError`]: an outcome that CometBFT stops at. The state machine is then broken, not the block.
    pub fn next(&self, block: &FullBlock, outcome: &BlockOutcome) -> Result<Self, StateError> {
        let expected = self.next_height()?;
        let height = block.height();
        if height != expected {
            return Err(StateError::Height { expected, got: height });
        }
        if block.txs().len() != outcome.tx_results.len() {
            return Err(StateError::Results { expected: block.txs().len(), got: outcome.tx_results.len() });
        }
        let after = height.next().ok_or(StateError::LastHeight(height))?;
        require_key_types(&self.consensus_params, &outcome.validator_updates)?;
        let mut next_validators = self.next_validators.clone();
        let mut last_height_validators_changed = self.last_height_validators_changed;
        if !outcome.validator_updates.is_empty() {
            next_validators.update(&outcome.validator_updates)?;
            last_height_validators_changed = after.next().ok_or(StateError::LastHeight(height))?;
        }
        next_validators.increment_proposer_priority(1);
        let mut next = Self {
            last_block_height: height,
            last_block_id: block.id(),
            last_block_time: block.time(),
            last_validators: self.validators.clone(),
            validators: self.next_validators.clone(),
            next_validators,
            last_height_validators_changed,
            last_results_hash: results_hash(&outcome.tx_results),
            app_hash: outcome.app_hash.clone(),
            chain_id: self.chain_id.clone(),
            initial_height: self.initial_height,
            app_version: self.app_version,
            consensus_params: self.consensus_params.clone(),
            last_height_params_changed: self.last_height_params_changed,
        };
        if let Some(changes) = &outcome.consensus_params {
            next.consensus_params = params::updated(&self.consensus_params, changes);
            params::require_valid(&next.consensus_params)?;
            params::require_allowed_update(&self.consensus_params, changes, height.to_i64())?;
            next.app_version = params::app_version(&next.consensus_params);
            next.last_height_params_changed = after;
        }
        Ok(next)
    }
}
