//! What the operator and the chain can choose.

use std::time::Duration;

use plume_state::Store;

/// Settings of a database.
#[derive(Debug, Clone)]
pub struct Config {
    /// Chain whose state is kept here; a database of another chain is refused.
    pub chain_id: String,
    /// Every store that the program has, those that an upgrade will bring included. Derived ones are ignored.
    pub stores: Vec<Store>,
    /// Heights that stay readable behind the durable one; `None` keeps all until [`prune`](plume_state::Backend::prune) is called.
    pub keep_recent: Option<u64>,
    /// Of the heights that pruning takes away, multiples of this stay readable; 0: none.
    pub keep_every: u64,
    /// Blocks that may be committed and not durable; `persist` waits when there are more.
    pub max_lag_blocks: u64,
    /// Bytes of changes that may be committed and not durable; `persist` waits when there are more.
    pub max_lag_bytes: u64,
    /// Blocks after which the writer makes durable what it wrote.
    pub flush_blocks: u64,
    /// Bytes of changes after which the writer makes durable what it wrote.
    pub flush_bytes: u64,
    /// Time without a new block after which the writer makes durable what it wrote.
    pub idle_flush: Duration,
    /// Bytes of dead old values that must have come together before a compaction removes them.
    pub compact_dead_bytes: u64,
    /// RAM for blocks read from disk.
    pub cache_bytes: usize,
}

impl Config {
    /// The defaults: everything kept; at most 1,000 blocks or 256 MiB behind, durable each 256 blocks, each 32 MiB or when
    /// two seconds pass without a block.
    #[must_use]
    pub fn new(chain_id: impl Into<String>, stores: impl IntoIterator<Item = Store>) -> Self {
        Self {
            chain_id: chain_id.into(),
            stores: stores.into_iter().filter(Store::is_persisted).collect(),
            keep_recent: None,
            keep_every: 0,
            max_lag_blocks: 1_000,
            max_lag_bytes: 256 << 20,
            flush_blocks: 256,
            flush_bytes: 32 << 20,
            idle_flush: Duration::from_secs(2),
            compact_dead_bytes: 16 << 20,
            cache_bytes: 32 << 20,
        }
    }

    /// Blocks per flush: never more than the allowed lag, or `persist` would wait for a flush that waits for `persist`.
    pub(crate) fn flush_at_blocks(&self) -> u64 {
        self.flush_blocks.min(self.max_lag_blocks).max(1)
    }

    /// Bytes per flush, likewise.
    pub(crate) fn flush_at_bytes(&self) -> u64 {
        self.flush_bytes.min(self.max_lag_bytes).max(1)
    }
}
