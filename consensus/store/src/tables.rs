//! The tables (column families) and the keys of their records. Numbers in keys are big-endian, so that they are in order.

use rocksdb::{ColumnFamily, DB};

use crate::StoreError;

/// One column family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    /// Single records, see the `META_` keys.
    Meta,
    /// height -> encoded block.
    Blocks,
    /// height -> [`crate::read::MetaRecord`].
    Headers,
    /// height -> `tendermint.types.Commit` from the next block.
    Commits,
    /// height -> `tendermint.types.Commit` that the node decided with.
    SeenCommits,
    /// block hash -> height.
    Hashes,
    /// height -> `tendermint.abci.ResponseFinalizeBlock`.
    Outcomes,
    /// height -> `tendermint.state.ValidatorsInfo`.
    Validators,
    /// height -> `tendermint.state.ConsensusParamsInfo`.
    Params,
    /// SHA-256 of a transaction -> [`crate::txs::TxRecord`].
    TxHashes,
    /// Events of transactions, see [`crate::index`].
    TxEvents,
    /// Events of blocks, see [`crate::index`].
    BlockEvents,
}

impl Table {
    pub(crate) const ALL: [Self; 12] = [
        Self::Meta,
        Self::Blocks,
        Self::Headers,
        Self::Commits,
        Self::SeenCommits,
        Self::Hashes,
        Self::Outcomes,
        Self::Validators,
        Self::Params,
        Self::TxHashes,
        Self::TxEvents,
        Self::BlockEvents,
    ];

    /// Name of the column family; part of the format.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Meta => "default",
            Self::Blocks => "blocks",
            Self::Headers => "headers",
            Self::Commits => "commits",
            Self::SeenCommits => "seen_commits",
            Self::Hashes => "hashes",
            Self::Outcomes => "outcomes",
            Self::Validators => "validators",
            Self::Params => "params",
            Self::TxHashes => "tx_hashes",
            Self::TxEvents => "tx_events",
            Self::BlockEvents => "block_events",
        }
    }

    /// The column family. Opening made sure that it is there.
    pub(crate) fn of(self, db: &DB) -> Result<&ColumnFamily, StoreError> {
        db.cf_handle(self.name()).ok_or_else(|| StoreError::damaged(self.name(), "the column family is missing"))
    }
}

/// Format of the store, as text.
pub(crate) const META_FORMAT: &[u8] = b"format";
/// `tendermint.state.State` after the last block.
pub(crate) const META_STATE: &[u8] = b"state";
/// The engine's cursor.
pub(crate) const META_CURSOR: &[u8] = b"cursor";
/// Lowest height that may be read.
pub(crate) const META_FLOOR: &[u8] = b"floor";
/// Height up to which events are indexed.
pub(crate) const META_INDEXED: &[u8] = b"indexed";

/// A height as key or value.
pub(crate) fn height_key(height: u64) -> [u8; 8] {
    height.to_be_bytes()
}

/// Reads a height.
pub(crate) fn read_height(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}
