use bytes::Bytes;
use plume_primitives::{Height, Timestamp};

use crate::{CheckOutcome, TxResult, ValidatorKey};

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

    /// How the node introduces itself to peers and clients.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] while the engine cannot be reached.
    fn node_info(&self) -> Result<NodeInfo, EngineError>;

    /// Transactions whose events match `query` (CometBFT's query language), one page of at most `per_page` of them;
    /// pages count from 1. Engines give at most [`MAX_PER_PAGE`] a page.
    ///
    /// # Errors
    /// [`EngineError::Refused`] for a query that does not parse, for one that takes too much work, for a page that is
    /// not there, and without an index.
    fn search_txs(&self, query: &str, order: SearchOrder, page: u64, per_page: u64) -> Result<FoundTxs, EngineError>;

    /// The validators of a height, all of them, in the order of the set; those of the next block when `None`. Nothing
    /// where they are not known (any more).
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] while the engine cannot be reached.
    fn validators(&self, height: Option<Height>) -> Result<Option<ValidatorsAt>, EngineError>;
}

/// Order of the results of a search, by height and position in the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchOrder {
    /// The oldest first.
    Ascending,
    /// The newest first.
    Descending,
}

/// Most entries of one page that CometBFT's RPC gives, and so every engine.
pub const MAX_PER_PAGE: u16 = 100;

/// One page of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundTxs {
    /// The transactions of the page.
    pub txs: Vec<IncludedTx>,
    /// Number of transactions on all pages.
    pub total: u64,
}

/// The validators of one height.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatorsAt {
    /// The height whose block they propose and sign.
    pub height: Height,
    /// By falling power, then by address.
    pub validators: Vec<ValidatorAt>,
}

/// A validator at one height.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatorAt {
    /// Consensus address, 20 bytes.
    pub address: Bytes,
    /// Consensus key.
    pub key: ValidatorKey,
    /// Voting power, above 0.
    pub power: i64,
    /// The validator with the highest proposes.
    pub priority: i64,
}

/// How a node introduces itself (`p2p.DefaultNodeInfo` of CometBFT).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeInfo {
    /// Version of the peer protocol (CometBFT 0.38: 8).
    pub p2p_version: u64,
    /// Version of the block format (11).
    pub block_version: u64,
    /// Version of the state machine.
    pub app_version: u64,
    /// Node id: 40 lower-case hexadecimal digits. Never empty (CosmJS refuses it).
    pub id: String,
    /// Where peers connect. Never empty.
    pub listen_addr: String,
    /// Chain id.
    pub network: String,
    /// Version of CometBFT whose RPC is served, `0.38.x`: clients choose their decoder by it.
    pub version: String,
    /// Channels of the peer protocol.
    pub channels: Bytes,
    /// Name for people. Never empty.
    pub moniker: String,
    /// Whether transactions are indexed; on the wire `on` or `off`.
    pub tx_index: bool,
    /// Where the RPC listens.
    pub rpc_address: String,
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
    /// Parts in which the block travels.
    pub parts_total: u32,
    /// Root of the parts' Merkle tree.
    pub parts_hash: Bytes,
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
