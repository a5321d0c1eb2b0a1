use plume_engine::{ConsensusParams, Genesis, InitOutcome, ValidatorUpdate};
use plume_primitives::Height;

use super::{ChainState, StateError};
use crate::params::{self, allows_key};
use crate::{BlockId, Validator, ValidatorSet, key_type, merkle};

impl ChainState {
    /// The state before the first block (`MakeGenesisState`, then `ReplayBlocks` after InitChain).
    ///
    /// `app_version` is what the application answered to Info. Validators of `outcome` replace those of the document;
    /// its parameters change the document's, and then their version is the application's.
    ///
    /// # Errors
    /// [`StateError::NoValidators`], [`StateError::Validators`], [`StateError::KeyType`], [`StateError::Params`].
    pub fn genesis(genesis: &Genesis, outcome: &InitOutcome, app_version: u64) -> Result<Self, StateError> {
        let document = params::completed(&genesis.consensus_params);
        let (consensus_params, app_version) = match &outcome.consensus_params {
            Some(changes) => {
                let changed = params::updated(&document, changes);
                let version = params::app_version(&changed);
                (changed, version)
            }
            None => (document, app_version),
        };
        params::require_valid(&consensus_params)?;
        let updates = if outcome.validators.is_empty() { &genesis.validators } else { &outcome.validators };
        if updates.is_empty() {
            return Err(StateError::NoValidators);
        }
        require_key_types(&consensus_params, updates)?;
        let validators = ValidatorSet::new(updates)?;
        let mut next_validators = validators.clone();
        next_validators.increment_proposer_priority(1);
        Ok(Self {
            chain_id: genesis.chain_id.clone(),
            initial_height: genesis.initial_height,
            app_version,
            last_block_height: Height::ZERO,
            last_block_id: BlockId::ZERO,
            last_block_time: genesis.time,
            validators,
            next_validators,
            last_validators: ValidatorSet::default(),
            last_height_validators_changed: genesis.initial_height,
            consensus_params,
            last_height_params_changed: genesis.initial_height,
            last_results_hash: merkle::EMPTY,
            app_hash: outcome.app_hash.clone(),
        })
    }
}

/// Checks that whoever stays or comes has a kind of key that `params` allow (`validateValidatorUpdates`).
pub(super) fn require_key_types(params: &ConsensusParams, updates: &[ValidatorUpdate]) -> Result<(), StateError> {
    match updates.iter().find(|update| update.power > 0 && !allows_key(params, &update.key)) {
        Some(update) => Err(StateError::KeyType {
            address: hex::encode_upper(Validator::from(update).address()),
            kind: key_type(&update.key),
            allowed: params.validator.as_ref().map(|types| types.pub_key_types.join(",")).unwrap_or_default(),
        }),
        None => Ok(()),
    }
}
