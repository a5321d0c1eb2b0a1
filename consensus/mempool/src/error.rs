/// Why a transaction did not enter, other than that the application refused it.
///
/// The texts are CometBFT's (`mempool/errors.go`, `mempool/mempool.go`); wallets and relayers match them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MempoolError {
    /// It was seen before: it waits, is in a block, or is being checked.
    #[error("tx already exists in cache")]
    InCache,
    /// There is no room.
    #[error(
        "mempool is full: number of txs {txs} (max: {max_txs}), total txs bytes {txs_bytes} (max: {max_txs_bytes})"
    )]
    Full {
        /// Transactions in the mempool, those being checked included.
        txs: usize,
        /// [`crate::MempoolConfig::size`].
        max_txs: usize,
        /// Their bytes.
        txs_bytes: u64,
        /// [`crate::MempoolConfig::max_txs_bytes`].
        max_txs_bytes: u64,
    },
    /// It is larger than [`crate::MempoolConfig::max_tx_bytes`].
    #[error("Tx too large. Max size is {max}, but got {actual}")]
    TooLarge {
        /// The limit.
        max: usize,
        /// Its bytes.
        actual: usize,
    },
    /// It fits into no block.
    #[error("tx pre check: tx size is too big: {actual}, max: {max}")]
    LargerThanBlock {
        /// Bytes of all transactions of a block.
        max: u64,
        /// Its bytes, encoded as one of a block's transactions.
        actual: u64,
    },
    /// It asks for more gas than a block has. CometBFT answers code 0 and drops it in silence.
    #[error("gas wanted {wanted} is greater than max gas {max}")]
    GasAboveBlock {
        /// Gas limit of the transaction.
        wanted: u64,
        /// Gas limit of a block.
        max: u64,
    },
    /// The node is stopping.
    #[error("mempool is closed")]
    Closed,
}
