use bytes::Bytes;
use plume_primitives::Height;
use prost::Message;
use tendermint_proto::v0_38::state;
use tendermint_proto::v0_38::version::Consensus;

use super::{ChainState, StateError};
use crate::canonical::{fill_state, raw_time, time};
use crate::{BLOCK_PROTOCOL, BlockId, ValidatorSet, merkle, params, raw};

/// CometBFT's version that this code is compatible with; it stands in the stored state.
const SOFTWARE: &str = "0.38.25";

impl ChainState {
    /// The state as `tendermint.state.State`, byte for byte as CometBFT v0.38.25 stores it.
    pub fn encode(&self) -> Vec<u8> {
        let mut message = state::State {
            version: Some(state::Version {
                consensus: Some(Consensus { block: BLOCK_PROTOCOL, app: self.app_version }),
                software: SOFTWARE.to_owned(),
            }),
            chain_id: self.chain_id.clone(),
            initial_height: self.initial_height.to_i64(),
            last_block_height: self.last_block_height.to_i64(),
            last_block_id: Some(self.last_block_id.to_raw()),
            last_block_time: Some(raw_time(self.last_block_time)),
            next_validators: Some(self.next_validators.to_raw()),
            validators: Some(self.validators.to_raw()),
            last_validators: (self.last_block_height > Height::ZERO).then(|| self.last_validators.to_raw()),
            last_height_validators_changed: self.last_height_validators_changed.to_i64(),
            consensus_params: Some(self.consensus_params.clone()),
            last_height_consensus_params_changed: self.last_height_params_changed.to_i64(),
            last_results_hash: self.last_results_hash.to_vec(),
            app_hash: self.app_hash.to_vec(),
        };
        fill_state(&mut message);
        message.encode_to_vec()
    }

    /// Reads what [`encode`](Self::encode) or CometBFT wrote.
    ///
    /// # Errors
    /// [`StateError::Malformed`], [`StateError::Validators`], [`StateError::Params`].
    pub fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let message = state::State::decode(bytes).map_err(|error| malformed("protobuf", error))?;
        let height = |what, height| Height::try_from(height).map_err(|error| malformed(what, error));
        let set = |set: &Option<raw::ValidatorSet>| {
            ValidatorSet::from_raw(set.as_ref().unwrap_or(&raw::ValidatorSet::default()))
        };
        let version = message.version.as_ref().and_then(|version| version.consensus).unwrap_or_default();
        if version.block != BLOCK_PROTOCOL {
            return Err(malformed("version", format!("block protocol {}, needs {BLOCK_PROTOCOL}", version.block)));
        }
        let last_block_height = height("last_block_height", message.last_block_height)?;
        let consensus_params = params::completed(&message.consensus_params.unwrap_or_default());
        params::require_valid(&consensus_params)?;
        Ok(Self {
            chain_id: message.chain_id,
            initial_height: height("initial_height", message.initial_height)?,
            app_version: version.app,
            last_block_height,
            last_block_id: BlockId::from_option(message.last_block_id.as_ref())
                .map_err(|error| malformed("last_block_id", error))?,
            last_block_time: time(message.last_block_time.as_ref())
                .map_err(|error| malformed("last_block_time", error))?,
            validators: set(&message.validators)?,
            next_validators: set(&message.next_validators)?,
            last_validators: if last_block_height == Height::ZERO {
                ValidatorSet::default()
            } else {
                set(&message.last_validators)?
            },
            last_height_validators_changed: height(
                "last_height_validators_changed",
                message.last_height_validators_changed,
            )?,
            consensus_params,
            last_height_params_changed: height(
                "last_height_consensus_params_changed",
                message.last_height_consensus_params_changed,
            )?,
            last_results_hash: match message.last_results_hash.len() {
                // Before InitChain CometBFT has none.
                0 => merkle::EMPTY,
                got => message
                    .last_results_hash
                    .try_into()
                    .map_err(|_| malformed("last_results_hash", format!("{got} bytes, needs 32")))?,
            },
            app_hash: Bytes::from(message.app_hash),
        })
    }
}

fn malformed(what: &str, error: impl std::fmt::Display) -> StateError {
    StateError::Malformed(format!("{what}: {error}"))
}
