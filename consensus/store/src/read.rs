//! Reading blocks, commits and results.

use bytes::Bytes;
use plume_block::{FullBlock, Hash, abci, raw};
use plume_engine::{BlockOutcome, IncludedTx};
use plume_primitives::Height;
use prost::Message;
use rocksdb::DBPinnableSlice;
use tendermint_proto::v0_38::abci::{ExecTxResult, ResponseFinalizeBlock};

use crate::{
    BlockStore, StoreError,
    store::Inner,
    tables::{Table, height_key, read_height},
    txs::TxRecord,
    wire::nth_field,
};

/// Record of a header: a byte of flags, the number of transactions, then `tendermint.types.BlockMeta`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MetaRecord {
    /// Whether the transactions were made findable by hash when the block was saved.
    pub(crate) indexed_hashes: bool,
    pub(crate) meta: raw::BlockMeta,
}

impl MetaRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut record = vec![u8::from(self.indexed_hashes)];
        record.extend_from_slice(&u32::try_from(self.meta.num_txs).unwrap_or(u32::MAX).to_be_bytes());
        record.extend_from_slice(&self.meta.encode_to_vec());
        record
    }

    pub(crate) fn decode(record: &[u8]) -> Result<Self, StoreError> {
        let damaged = |reason: &dyn ToString| StoreError::damaged("block header", reason.to_string());
        let (indexed_hashes, _) = Self::start(record)?;
        let meta = record.get(5..).ok_or_else(|| damaged(&"too short"))?;
        let meta = raw::BlockMeta::decode(meta).map_err(|error| damaged(&error))?;
        Ok(Self { indexed_hashes, meta })
    }

    /// Flag and number of transactions, without decoding the rest.
    pub(crate) fn start(record: &[u8]) -> Result<(bool, u32), StoreError> {
        match record {
            [flag @ (0 | 1), a, b, c, d, ..] => Ok((*flag == 1, u32::from_be_bytes([*a, *b, *c, *d]))),
            _ => Err(StoreError::damaged("block header", "not one of ours")),
        }
    }
}

impl BlockStore {
    /// The block of a height.
    ///
    /// # Errors
    /// [`StoreError::ZeroHeight`], [`StoreError::TooHigh`], [`StoreError::Unavailable`], [`StoreError::Damaged`],
    /// [`StoreError::Database`].
    pub fn block(&self, height: Height) -> Result<FullBlock, StoreError> {
        self.inner.require_block(height)?;
        if let Some(last) = self.inner.view.read().last_block.as_ref().filter(|last| last.height() == height) {
            return Ok(last.clone());
        }
        let record = self.inner.record(Table::Blocks, height)?;
        let block = FullBlock::decode(Bytes::copy_from_slice(&record))
            .map_err(|error| StoreError::damaged(format!("block {height}"), error))?;
        if block.height() != height {
            return Err(StoreError::damaged(format!("block {height}"), format!("it is block {}", block.height())));
        }
        Ok(block)
    }

    /// The block with this hash of its header; `None` when it is not here.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub fn block_by_hash(&self, hash: &Hash) -> Result<Option<FullBlock>, StoreError> {
        let Some(height) = self.height_of(hash)? else { return Ok(None) };
        or_pruned(self.block(height))
    }

    /// Height of the block with this hash of its header; `None` when it is not here.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub fn height_of(&self, hash: &Hash) -> Result<Option<Height>, StoreError> {
        let db = &self.inner.db;
        let Some(record) = db.get_pinned_cf(Table::Hashes.of(db)?, hash)? else { return Ok(None) };
        let height = read_height(&record).ok_or_else(|| StoreError::damaged("block hash", "not a height"))?;
        Ok((height >= self.inner.floor()).then_some(Height(height)))
    }

    /// Id, size, header and number of transactions of a height, without reading the block.
    ///
    /// # Errors
    /// As [`BlockStore::block`].
    pub fn meta(&self, height: Height) -> Result<raw::BlockMeta, StoreError> {
        self.inner.require_block(height)?;
        Ok(MetaRecord::decode(&self.inner.record(Table::Headers, height)?)?.meta)
    }

    /// The header of a height.
    ///
    /// # Errors
    /// As [`BlockStore::block`].
    pub fn header(&self, height: Height) -> Result<raw::Header, StoreError> {
        let header = self.meta(height)?.header;
        header.ok_or_else(|| StoreError::damaged(format!("header {height}"), "missing"))
    }

    /// The canonical commit of a height: the one that the next block carries, so there is none of the last height.
    ///
    /// # Errors
    /// As [`BlockStore::block`]; [`StoreError::TooHigh`] for the last height.
    pub fn commit(&self, height: Height) -> Result<raw::Commit, StoreError> {
        self.inner.require_block(height)?;
        let latest = self.inner.height();
        if height.get() == latest {
            return Err(StoreError::TooHigh { height, latest: Height(latest.saturating_sub(1)) });
        }
        self.inner.commit_in(Table::Commits, height)
    }

    /// The commit that this node decided a height with. After [`BlockStore::bootstrap`] also that of the height of the
    /// snapshot, whose block is not here.
    ///
    /// # Errors
    /// As [`BlockStore::block`].
    pub fn seen_commit(&self, height: Height) -> Result<raw::Commit, StoreError> {
        if height.get() != self.inner.height() || height == Height::ZERO {
            self.inner.require_block(height)?;
        }
        self.inner.commit_in(Table::SeenCommits, height)
    }

    /// What came of executing the block of a height.
    ///
    /// # Errors
    /// As [`BlockStore::block`].
    pub fn outcome(&self, height: Height) -> Result<BlockOutcome, StoreError> {
        self.stored_outcome(height)?.decode()
    }

    /// The same, not decoded.
    ///
    /// # Errors
    /// As [`BlockStore::block`].
    pub fn stored_outcome(&self, height: Height) -> Result<StoredOutcome, StoreError> {
        self.inner.require_block(height)?;
        let record = self.inner.record(Table::Outcomes, height)?;
        Ok(StoredOutcome { height, record: Bytes::copy_from_slice(&record) })
    }

    /// A transaction with its result, by SHA-256 of its bytes; `None` when no block here has it. Of several inclusions the
    /// last one counts, except that a failure never hides a success.
    ///
    /// # Errors
    /// [`StoreError::IndexDisabled`], [`StoreError::Damaged`], [`StoreError::Database`].
    pub fn tx(&self, hash: &Hash) -> Result<Option<IncludedTx>, StoreError> {
        if !self.inner.options.index {
            return Err(StoreError::IndexDisabled);
        }
        let Some(TxRecord { height, index, .. }) = TxRecord::read(&self.inner.db, hash)? else { return Ok(None) };
        if height < self.inner.floor() {
            return Ok(None);
        }
        let height = Height(height);
        let read = || {
            let block = self.inner.record(Table::Blocks, height)?;
            let outcome = self.inner.record(Table::Outcomes, height)?;
            included_tx(height, index, &block, &outcome)
        };
        or_pruned(read())
    }
}

impl Inner {
    /// Record of a height that has to have it.
    pub(crate) fn record(&self, table: Table, height: Height) -> Result<DBPinnableSlice<'_>, StoreError> {
        let record = self.db.get_pinned_cf(table.of(&self.db)?, height_key(height.get()))?;
        record.ok_or_else(|| self.missing(table.name(), height))
    }

    fn commit_in(&self, table: Table, height: Height) -> Result<raw::Commit, StoreError> {
        let record = self.record(table, height)?;
        raw::Commit::decode(record.as_ref())
            .map_err(|error| StoreError::damaged(format!("{} {height}", table.name()), error))
    }
}

/// What was pruned between looking it up and reading it is not there.
fn or_pruned<T>(read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(StoreError::Unavailable { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What came of executing a block, as it is stored: to be compared with what comes of executing it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredOutcome {
    height: Height,
    record: Bytes,
}

impl StoredOutcome {
    /// Whether this is the outcome, to the byte. One that was written otherwise may still say the same:
    /// [`decode`](Self::decode) it then.
    #[must_use]
    pub fn is(&self, outcome: &BlockOutcome) -> bool {
        abci::encode_outcome(outcome) == self.record
    }

    /// The app hash after the block.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn app_hash(&self) -> Result<&[u8], StoreError> {
        // ResponseFinalizeBlock.app_hash is field 5; one that is empty is not written.
        let found = nth_field(&self.record, 5, 0);
        let found = found.map_err(|error| StoreError::damaged(format!("results {}", self.height), error))?;
        Ok(found.unwrap_or_default())
    }

    /// All of it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn decode(&self) -> Result<BlockOutcome, StoreError> {
        decode_outcome(self.height.get(), self.record.clone())
    }
}

pub(crate) fn decode_outcome(height: u64, record: Bytes) -> Result<BlockOutcome, StoreError> {
    let damaged = |reason: String| StoreError::damaged(format!("results {height}"), reason);
    let response = ResponseFinalizeBlock::decode(record).map_err(|error| damaged(error.to_string()))?;
    abci::outcome(response).map_err(|error| damaged(error.to_string()))
}

/// One transaction out of an encoded block and its encoded results, nothing else decoded.
pub(crate) fn included_tx(height: Height, index: u32, block: &[u8], outcome: &[u8]) -> Result<IncludedTx, StoreError> {
    let damaged = |reason: String| StoreError::damaged(format!("transaction {index} of block {height}"), reason);
    let text = |error: prost::DecodeError| damaged(error.to_string());
    // Block.data is field 2, Data.txs field 1, ResponseFinalizeBlock.tx_results field 2.
    let at = index as usize; // 32 bits fit
    let data = nth_field(block, 2, 0).map_err(text)?.ok_or_else(|| damaged("the block has no data".to_owned()))?;
    let tx = nth_field(data, 1, at).map_err(text)?.ok_or_else(|| damaged("missing".to_owned()))?;
    let result = nth_field(outcome, 2, at).map_err(text)?.ok_or_else(|| damaged("its result is missing".to_owned()))?;
    let result = ExecTxResult::decode(result).map_err(text)?;
    let result = abci::tx_result(result).map_err(|error| damaged(error.to_string()))?;
    Ok(IncludedTx { height, index, tx: Bytes::copy_from_slice(tx), result })
}
