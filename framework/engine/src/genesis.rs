use bytes::Bytes;
use plume_primitives::{Height, Timestamp};

use crate::block::ValidatorUpdate;

/// CometBFT's consensus parameters, in the protobuf form that every engine shares.
pub use tendermint_proto::v0_38::types::ConsensusParams;

/// What an engine passes to [`crate::Executor::init_chain`].
#[derive(Debug, Clone, PartialEq)]
pub struct Genesis {
    /// Chain id; at most 50 bytes (CometBFT `MaxChainIDLen`).
    pub chain_id: String,
    /// Genesis time: the time of the first block.
    pub time: Timestamp,
    /// Height of the first block, at least 1.
    pub initial_height: Height,
    /// Consensus parameters of the genesis document.
    pub consensus_params: ConsensusParams,
    /// Validators of the genesis document.
    pub validators: Vec<ValidatorUpdate>,
    /// The JSON text of `app_state`.
    pub app_state: Bytes,
}

/// What the application makes of a genesis document.
#[derive(Debug, Clone, PartialEq)]
pub struct InitOutcome {
    /// Hash of the genesis state; the first header carries it.
    pub app_hash: Bytes,
    /// Replaces the document's validators when not empty.
    pub validators: Vec<ValidatorUpdate>,
    /// Replaces the document's consensus parameters when present.
    pub consensus_params: Option<ConsensusParams>,
}

/// A validator's consensus key (`tendermint.crypto.PublicKey`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ValidatorKey {
    /// Ed25519, 32 bytes.
    Ed25519([u8; 32]),
    /// Secp256k1, 33 bytes compressed.
    Secp256k1([u8; 33]),
}
