use bytes::Bytes;
use plume_primitives::{Height, Timestamp};

use crate::{CheckOutcome, TxResult};

/// What a node asks of its consensus engine, whichever it is.
pub trait Engine: Send + Sync + 'static {
    /// Name for logs and status: `cometbft`, `raft`.
    fn name(&self) -> &'static str;

    /// Where the engine stands.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] while the engine cannot be reached.
    fn status(&self) -> Result<Status, EngineError>;

    /// Hands a transaction to the mempool.
    ///
    /// # Errors
    /// [`EngineError`] when the mempool refuses it for a reason of its own (full, duplicate).
    fn broadcast(&self, tx: Bytes, mode: BroadcastMode) -> Result<BroadcastOutcome, EngineError>;

    /// A transaction that is in a block, by SHA-256 of its bytes.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] while the engine cannot be reached.
    fn tx(&self, hash: [u8; 32]) -> Result<Option<IncludedTx>, EngineError>;

    /// A block by height; the latest when `None`.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] while the engine cannot be reached.
    fn block(&self, height: Option<Height>) -> Result<Option<BlockRecord>, EngineError>;
}

/// How long [`Engine::broadcast`] waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BroadcastMode {
    /// Until the mempool has checked the transaction.
    Sync,
    /// Not at all.
    Async,
}

/// What became of a broadcast transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BroadcastOutcome {
    /// SHA-256 of the transaction.
    pub hash: [u8; 32],
    /// The mempool's check; a default one after an asynchronous broadcast.
    pub check: CheckOutcome,
}

/// A transaction in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncludedTx {
    /// Height of its block.
    pub height: Height,
    /// Position in the block, from 0.
    pub index: u32,
    /// The transaction.
    pub tx: Bytes,
    /// Its outcome.
    pub result: TxResult,
}

/// A decided block as the engine stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockRecord {
    /// Height of the block.
    pub height: Height,
    /// Time of the block.
    pub time: Timestamp,
    /// Hash of the block's header.
    pub hash: Bytes,
    /// Encoded `tendermint.types.Block`.
    pub block: Bytes,
}

/// Where an engine stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Chain id.
    pub chain_id: String,
    /// Latest block height.
    pub height: Height,
    /// Time of the latest block.
    pub time: Timestamp,
    /// State hash in the latest header.
    pub app_hash: Bytes,
    /// Whether the node is still fetching old blocks.
    pub catching_up: bool,
}

/// A failure of the engine, not of the state machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The engine cannot be reached.
    #[error("the consensus engine cannot be reached: {0}")]
    Unavailable(String),
    /// The engine refused the request.
    #[error("the consensus engine refused the request: {0}")]
    Refused(String),
}
