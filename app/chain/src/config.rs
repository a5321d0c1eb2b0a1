use plume_primitives::DecCoins;
use plume_state::StateOptions;

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
    /// How many recent blocks the engine must keep; 0 keeps all.
    pub min_retain_blocks: u64,
    /// How many past heights stay readable on disk; 0 keeps all.
    pub history_blocks: u64,
    /// Sizes of the window of recent versions, and threads.
    pub state: StateOptions,
}

impl Default for ChainConfig {
    fn default() -> Self {
        Self {
            name: "plume".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            minimum_gas_prices: DecCoins::new(),
            remembered_signatures: 200_000,
            min_retain_blocks: 0,
            history_blocks: 0,
            state: StateOptions::default(),
        }
    }
}
