use thiserror::Error;

use crate::light_block::{InvalidBlock, LightBlock};
use crate::rpc::AnswerError;

/// Where light blocks come from: a full node, reached however the user likes. Nothing that it says is believed.
///
/// [`RpcProvider`](crate::rpc::RpcProvider) is one over a node's JSON-RPC.
pub trait Provider {
    /// The light block at `height`, from 1.
    ///
    /// # Errors
    /// [`ProviderError`].
    fn light_block(&self, height: u64) -> Result<LightBlock, ProviderError>;

    /// The newest height that has a commit.
    ///
    /// # Errors
    /// [`ProviderError`].
    fn latest_height(&self) -> Result<u64, ProviderError>;

    /// Its name in errors and reports, for example its address.
    fn name(&self) -> String;
}

/// Why a provider gives no block.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProviderError {
    /// It does not have the block: too new, or pruned.
    #[error("it has no block {height}: {reason}")]
    NoBlock {
        /// Height that was asked for.
        height: u64,
        /// What it says.
        reason: String,
    },
    /// It does not answer.
    #[error("it does not answer: {reason}")]
    Unavailable {
        /// What went wrong.
        reason: String,
    },
    /// It answers something else than what the RPC of CometBFT 0.38 answers.
    #[error("its answer cannot be read")]
    Answer(#[from] AnswerError),
    /// It answers with a block that no chain can have made.
    #[error("it gives an impossible block")]
    Block(#[from] InvalidBlock),
}
