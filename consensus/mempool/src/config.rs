use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::signers::{Signers, cosmos_signers};

/// The section `[mempool]` of `config.toml`, as far as it concerns this crate.
///
/// The default is CometBFT's; the two settings of age are those of its versions 0.34 to 0.37 and are off by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MempoolConfig {
    /// `size`: most transactions at a time.
    pub size: usize,
    /// `max_txs_bytes`: most bytes of all transactions together.
    pub max_txs_bytes: u64,
    /// `max_tx_bytes`: most bytes of one transaction.
    pub max_tx_bytes: usize,
    /// `cache_size`: hashes of transactions seen that are remembered; 0 remembers none.
    pub cache_size: usize,
    /// `ttl-duration`: a transaction that is older when a block comes is dropped; zero keeps all.
    pub ttl_duration: Duration,
    /// `ttl-num-blocks`: a transaction that has waited for more blocks is dropped; 0 keeps all.
    pub ttl_num_blocks: u64,
    /// `recheck`: whether what remains is checked again after each block.
    pub recheck: bool,
    /// `keep-invalid-txs-in-cache`: whether a refused transaction is remembered, so that it is not checked twice.
    pub keep_invalid_txs_in_cache: bool,
}

impl Default for MempoolConfig {
    fn default() -> Self {
        Self {
            size: 5000,
            max_txs_bytes: 1 << 30,
            max_tx_bytes: 1 << 20,
            cache_size: 10_000,
            ttl_duration: Duration::ZERO,
            ttl_num_blocks: 0,
            recheck: true,
            keep_invalid_txs_in_cache: false,
        }
    }
}

/// What a mempool takes from its surroundings.
#[derive(Clone)]
pub struct Options {
    /// Time since some moment in the past; it never goes back. Ages of transactions are measured with it.
    pub clock: Arc<dyn Fn() -> Duration + Send + Sync>,
    /// Whose sequences a transaction uses. Checks of different signers run at the same time.
    pub signers: fn(&[u8]) -> Signers<'_>,
    /// How long a commit may wait for checks that run when it begins. A check that takes longer goes on beside the
    /// commit; see the README.
    pub commit_patience: Duration,
    /// Told the bytes of each transaction that enters, for a histogram. It must not call the mempool.
    pub on_enter: Option<Arc<dyn Fn(usize) + Send + Sync>>,
}

impl Default for Options {
    /// The monotonic clock, transactions of the Cosmos SDK, a patience of 20 ms, nobody told.
    fn default() -> Self {
        let start = Instant::now();
        Self {
            clock: Arc::new(move || start.elapsed()),
            signers: cosmos_signers,
            commit_patience: Duration::from_millis(20),
            on_enter: None,
        }
    }
}
