mod genesis;
mod message;
mod next;
mod propose;
mod validate;

use bytes::Bytes;
use plume_engine::ConsensusParams;
use plume_primitives::{Height, Timestamp};

use crate::params::ParamsError;
use crate::{BlockError, BlockId, CommitError, Hash, ValidatorSet, ValidatorSetError, params};

pub use propose::{commit_info, to_execute};
pub use validate::InvalidBlock;

/// Everything that the next block is checked against: CometBFT's `State`.
#[derive(Debug, Clone, PartialEq)]
pub struct ChainState {
    /// Chain id, at most 50 bytes; constant.
    pub chain_id: String,
    /// Height of the first block; constant.
    pub initial_height: Height,
    /// Version of the application that headers carry.
    pub app_version: u64,
    /// Height of the last block; 0 before the first.
    pub last_block_height: Height,
    /// The last block; [`BlockId::ZERO`] before the first.
    pub last_block_id: BlockId,
    /// Time of the last block; before the first, the time of the genesis document.
    pub last_block_time: Timestamp,
    /// Validators of the next block.
    pub validators: ValidatorSet,
    /// Validators of the block after the next.
    pub next_validators: ValidatorSet,
    /// Validators of the last block; empty before the first.
    pub last_validators: ValidatorSet,
    /// First height at which `next_validators`, priorities aside, were in force.
    pub last_height_validators_changed: Height,
    /// Parameters of the next block, complete.
    pub consensus_params: ConsensusParams,
    /// First height at which they were in force.
    pub last_height_params_changed: Height,
    /// Hash of the last block's results.
    pub last_results_hash: Hash,
    /// Hash of the state after the last block.
    pub app_hash: Bytes,
}

/// Why there is no next state, no first state, or no block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Neither the genesis document nor the application names a validator.
    #[error("validator set is nil in genesis and still empty after InitChain")]
    NoValidators,
    /// Changes of validators that cannot be.
    #[error("changing validator set: {0}")]
    Validators(#[from] ValidatorSetError),
    /// A validator with a kind of key that the parameters do not allow.
    #[error("validator {address} is using pubkey {kind}, which is unsupported for consensus (allowed: {allowed})")]
    KeyType {
        /// Its address in hex.
        address: String,
        /// The kind of its key.
        kind: &'static str,
        /// `validator.pub_key_types`, joined by commas.
        allowed: String,
    },
    /// Parameters that cannot be.
    #[error("validating new consensus params: {0}")]
    Params(#[from] ParamsError),
    /// Not one result for each transaction.
    #[error("expected tx results length to match size of transactions in block. Expected {expected}, got {got}")]
    Results {
        /// Transactions in the block.
        expected: usize,
        /// Results of the application.
        got: usize,
    },
    /// A block that is not the next one.
    #[error("expected block {expected}, got {got}")]
    Height {
        /// The next height.
        expected: Height,
        /// The block's.
        got: Height,
    },
    /// The chain has come to the last height that can be written.
    #[error("no height after {0}")]
    LastHeight(Height),
    /// A last commit that gives no time.
    #[error("error making block while calculating median time: {0}")]
    Commit(#[from] CommitError),
    /// A block that is impossible in itself.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// Not the protobuf of a state.
    #[error("malformed state: {0}")]
    Malformed(String),
}

impl ChainState {
    /// Height of the next block.
    ///
    /// # Errors
    /// [`StateError::LastHeight`].
    pub fn next_height(&self) -> Result<Height, StateError> {
        if self.last_block_height == Height::ZERO {
            return Ok(self.initial_height);
        }
        self.last_block_height.next().ok_or(StateError::LastHeight(self.last_block_height))
    }

    /// Largest next block in bytes.
    pub fn max_block_bytes(&self) -> u64 {
        params::max_block_bytes(&self.consensus_params)
    }
}
