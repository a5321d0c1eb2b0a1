use std::path::PathBuf;

use plume_engine::{Block, Fatal};
use plume_primitives::DecCoins;
use plume_state::{SNAPSHOT_CHUNK_BYTES, StateOptions};

/// Gas for one query if nobody says otherwise: about a million balances, which takes a second. The SDK's default is no
/// limit, which lets one client keep a processor busy.
const QUERY_GAS_LIMIT: u64 = 300_000_000;

/// What an operator decides for one node. None of it changes the outcome of a block.
#[derive(Debug, Clone)]
pub struct ChainConfig {
    /// Name that `Info` reports.
    pub name: String,
    /// Version of the software that `Info` and `/app/version` report.
    pub version: String,
    /// The least that this node's mempool takes per unit of gas; one of the prices suffices.
    pub minimum_gas_prices: DecCoins,
    /// How many verified signatures are remembered between CheckTx and FinalizeBlock (about 50 bytes each).
    pub remembered_signatures: usize,
    /// Bytes of transactions in the mempool whose decoded form is kept until they are in a block; it takes a few times
    /// as much memory.
    pub remembered_tx_bytes: usize,
    /// Whether the signatures of transactions are verified in blocks that were decided without this node's judgement,
    /// as when it catches up (`verify-decided-signatures`). Without it their commit is taken as proof that they are
    /// valid; a difference to what the other nodes found shows in the app hash either way.
    pub verify_decided_signatures: bool,
    /// How many recent blocks the engine must keep; 0 keeps all.
    pub min_retain_blocks: u64,
    /// Block that this node does not execute any more, nor one after it (`halt-height`); 0 for none.
    pub halt_height: u64,
    /// Unix time in seconds from which on this node executes no block (`halt-time`); 0 for none.
    pub halt_time: u64,
    /// How many past heights stay readable on disk; 0 keeps all.
    pub history_blocks: u64,
    /// Gas that one query may spend on reading state, and one simulation in all (`query-gas-limit`); 0 for no limit.
    pub query_gas_limit: u64,
    /// State snapshots for other nodes.
    pub snapshots: SnapshotConfig,
    /// Sizes of the window of recent versions, and threads.
    pub state: StateOptions,
}

impl ChainConfig {
    /// Refuses a block at which the operator wants the node to stop, as the SDK does.
    ///
    /// # Errors
    /// [`Fatal`] that says so: nothing of the block is executed, and the node goes on with it when the setting is gone.
    pub(crate) fn require_no_halt(&self, block: &Block) -> Result<(), Fatal> {
        let by_height = self.halt_height > 0 && block.height.get() >= self.halt_height;
        // A time before 1970 halts nothing.
        let by_time =
            self.halt_time > 0 && u64::try_from(block.time.seconds()).is_ok_and(|time| time >= self.halt_time);
        if by_height || by_time {
            let (height, time) = (self.halt_height, self.halt_time);
            return Err(Fatal::new(format!("halt per configuration height {height} time {time}")));
        }
        Ok(())
    }
}

/// Which state snapshots a node writes and serves (section `state-sync` of `app.toml`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotConfig {
    /// Where they are kept, `data/snapshots` in a home; `None`: nothing is written or served.
    pub folder: Option<PathBuf>,
    /// A snapshot is written at heights that are multiples of this (`snapshot-interval`); 0: only on demand.
    pub interval: u64,
    /// How many are kept after one was written at the interval (`snapshot-keep-recent`); 0 keeps all.
    pub keep_recent: u32,
    /// Bytes of records up to which a part of the state is one chunk. Snapshots of one height are identical only among nodes
    /// with the same value, so it is no setting of operators.
    pub chunk_bytes: u32,
}

impl Default for SnapshotConfig {
    fn default() -> Self {
        // The SDK's defaults.
        Self { folder: None, interval: 0, keep_recent: 2, chunk_bytes: SNAPSHOT_CHUNK_BYTES }
    }
}

impl Default for ChainConfig {
    fn default() -> Self {
        Self {
            name: "plume".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            minimum_gas_prices: DecCoins::new(),
            remembered_signatures: 200_000,
            remembered_tx_bytes: 16 << 20,
            verify_decided_signatures: true,
            min_retain_blocks: 0,
            halt_height: 0,
            halt_time: 0,
            history_blocks: 0,
            query_gas_limit: QUERY_GAS_LIMIT,
            snapshots: SnapshotConfig::default(),
            state: StateOptions::default(),
        }
    }
}
