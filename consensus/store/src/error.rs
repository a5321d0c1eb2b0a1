//! What can go wrong; where CometBFT answers a client, the words are its.

use std::path::PathBuf;

use plume_primitives::Height;

/// Why the store refuses or cannot do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the folder open.
    #[error("block store {path} is in use by another process; stop that node first, or choose another home")]
    Locked {
        /// Folder of the store.
        path: PathBuf,
    },
    /// The folder holds another program's database, or a newer format.
    #[error("block store {path} has format {found:?}, this program reads {}", crate::FORMAT)]
    Format {
        /// Folder of the store.
        path: PathBuf,
        /// What its format record says.
        found: String,
    },
    /// The folder cannot be made.
    #[error("block store {path}: {source}")]
    Folder {
        /// Folder of the store.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The height has been removed, or was before the node's first block.
    #[error("height {height} is not available, lowest height is {lowest}")]
    Unavailable {
        /// The height asked for.
        height: Height,
        /// The lowest that can be read; 0 while there is no block.
        lowest: Height,
    },
    /// The height is not there yet.
    #[error("height {height} must be less than or equal to the current blockchain height {latest}")]
    TooHigh {
        /// The height asked for.
        height: Height,
        /// The highest that can be read.
        latest: Height,
    },
    /// There is no block 0.
    #[error("height must be greater than 0, but got 0")]
    ZeroHeight,
    /// A block that is not the next one.
    #[error("cannot save block {got}, the next height is {expected}")]
    NotNext {
        /// The next height.
        expected: Height,
        /// The block's.
        got: Height,
    },
    /// Parts of one decision that do not belong together.
    #[error("cannot save block {height}: {reason}")]
    Inconsistent {
        /// Height of the block.
        height: Height,
        /// What does not fit.
        reason: &'static str,
    },
    /// A first state on top of blocks, or a snapshot behind them.
    #[error("cannot start at height {got}: the store is at height {height} already")]
    Behind {
        /// Height of the store.
        height: Height,
        /// The height asked for.
        got: Height,
    },
    /// Another chain's state or block.
    #[error("the block store is of chain {expected}, got {got}")]
    OtherChain {
        /// Chain of the store.
        expected: String,
        /// The other chain.
        got: String,
    },
    /// A block before the first state.
    #[error("the block store has no state yet")]
    NoState,
    /// Pruning that would take the latest block.
    #[error("cannot prune beyond the latest height {latest}")]
    PruneAhead {
        /// Height of the store.
        latest: Height,
    },
    /// The node keeps no index.
    #[error("transaction indexing is disabled")]
    IndexDisabled,
    /// The index has not caught up in time.
    #[error("the index is at height {indexed}, the chain at {height}: try again")]
    IndexBehind {
        /// Height up to which everything is indexed.
        indexed: Height,
        /// Height of the store.
        height: Height,
    },
    /// A search by anything but `=` that has too many hits to be ordered in memory.
    #[error("the query matches more than {limit} events before they are combined: narrow it, for example by height")]
    TooBroad {
        /// Most events.
        limit: usize,
    },
    /// A search that took too long.
    #[error("the query took more than {seconds} s: narrow it, for example by height")]
    TooSlow {
        /// The time allowed.
        seconds: u64,
    },
    /// A page that does not exist.
    #[error("page should be within [1, {pages}] range, given {given}")]
    Page {
        /// Number of pages.
        pages: usize,
        /// The page asked for.
        given: usize,
    },
    /// A `tx.hash` that is no hash.
    #[error("error during searching for a hash in the query: {0}")]
    Hash(String),
    /// A record that is damaged or missing. The store has to be restored or filled again.
    #[error(
        "block store is damaged: {record}: {reason}; restore the folder from a backup, or remove it and let the node sync"
    )]
    Damaged {
        /// Which record.
        record: String,
        /// What is wrong.
        reason: String,
    },
    /// The database or the disk under it failed.
    #[error("block store: {0}")]
    Database(#[from] rocksdb::Error),
}

impl StoreError {
    pub(crate) fn damaged(record: impl Into<String>, reason: impl ToString) -> Self {
        Self::Damaged { record: record.into(), reason: reason.to_string() }
    }
}
