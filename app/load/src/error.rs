use thiserror::Error;

/// Why a load could not be made or measured.
#[derive(Debug, Error)]
pub enum LoadError {
    /// A setting that no load can be made of.
    #[error("{0}")]
    Setting(String),
    /// The node cannot be reached, or the connection broke.
    #[error("{url}: {error}")]
    Io {
        /// Where the node is.
        url: String,
        /// What happened.
        error: std::io::Error,
    },
    /// An answer that CometBFT's RPC does not give.
    #[error("{url}: {method}: {reason}")]
    Answer {
        /// Where the node is.
        url: String,
        /// Method that was called.
        method: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The node refused a transaction that should be good.
    #[error("{url}: transaction {index} is refused: {reason}")]
    Refused {
        /// Where the node is.
        url: String,
        /// Place of the transaction in the load.
        index: usize,
        /// Code and log, or the RPC's error.
        reason: String,
    },
    /// Nothing was committed for too long.
    #[error("{committed} of {txs} transactions are committed, and no further one for {seconds} s")]
    Stalled {
        /// Committed so far.
        committed: u64,
        /// Transactions of the load.
        txs: u64,
        /// How long nothing came.
        seconds: u64,
    },
    /// A transaction failed in its block, or is in no block.
    #[error("{0}")]
    Failed(String),
}
