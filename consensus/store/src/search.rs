//! Finding transactions and blocks by their events, with the meaning that CometBFT's `kv` indexer gives to queries.

mod combine;
mod plan;
mod streams;

use std::time::Instant;

use plume_block::Hash;
use plume_engine::IncludedTx;
use plume_events::Query;
use plume_primitives::Height;
use rocksdb::{DB, DBPinnableSlice, SnapshotWithThreadMode};

use crate::{
    BlockStore, StoreError,
    read::included_tx,
    search::{
        combine::{Window, matches},
        plan::{Kind, Plan},
        streams::Limits,
    },
    tables::{META_FLOOR, META_INDEXED, Table, height_key, read_height},
};

/// Most events that one search may hold in memory at once; they take 16 bytes each.
pub const MAX_COLLECTED: usize = 1_000_000;

/// Order of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Lowest height first, within a block the first transaction first.
    Ascending,
    /// The reverse.
    Descending,
}

/// One page of results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<T> {
    /// The results of the page, in order.
    pub items: Vec<T>,
    /// Number of results on all pages.
    pub total: usize,
}

impl BlockStore {
    /// Transactions whose events match, one page of `per_page` (at least 1) results; pages count from 1.
    ///
    /// Waits until the index has caught up with the chain.
    ///
    /// # Errors
    /// [`StoreError::Page`], [`StoreError::Hash`], [`StoreError::TooBroad`], [`StoreError::TooSlow`],
    /// [`StoreError::IndexDisabled`], [`StoreError::IndexBehind`], [`StoreError::Damaged`], [`StoreError::Database`].
    pub fn search_txs(
        &self,
        query: &Query,
        order: Order,
        page: usize,
        per_page: usize,
    ) -> Result<Found<IncludedTx>, StoreError> {
        let plan = plan::plan(query.conditions(), Kind::Tx);
        let window = Window { order, page, per_page: per_page.max(1) };
        if let Plan::Hash(text) = &plan {
            // Alone, whatever else the query says.
            let found: Vec<_> = self.tx(&read_hash(text)?)?.into_iter().collect();
            return window.of_all(found);
        }
        let view = self.searchable()?;
        let found = matches(&view, Kind::Tx, &plan, window)?;
        let mut items = Vec::with_capacity(found.items.len());
        let mut at: Option<(u64, DBPinnableSlice<'_>, DBPinnableSlice<'_>)> = None;
        for place in &found.items {
            // Neighbours are often of one block.
            if at.as_ref().is_none_or(|(height, ..)| *height != place.height) {
                let block = view.record(Table::Blocks, place.height)?;
                let outcome = view.record(Table::Outcomes, place.height)?;
                at = Some((place.height, block, outcome));
            }
            let Some((_, block, outcome)) = &at else { continue };
            items.push(included_tx(Height(place.height), place.index, block, outcome)?);
        }
        Ok(Found { items, total: found.total })
    }

    /// Heights of the blocks whose events match, one page of `per_page` (at least 1) results; pages count from 1.
    ///
    /// Waits until the index has caught up with the chain.
    ///
    /// # Errors
    /// As [`BlockStore::search_txs`], without [`StoreError::Hash`].
    pub fn search_blocks(
        &self,
        query: &Query,
        order: Order,
        page: usize,
        per_page: usize,
    ) -> Result<Found<Height>, StoreError> {
        let plan = plan::plan(query.conditions(), Kind::Block);
        let view = self.searchable()?;
        let found = matches(&view, Kind::Block, &plan, Window { order, page, per_page: per_page.max(1) })?;
        Ok(Found { items: found.items.iter().map(|place| Height(place.height)).collect(), total: found.total })
    }

    fn searchable(&self) -> Result<SearchView<'_>, StoreError> {
        let options = &self.inner.options;
        self.wait_indexed(self.height(), options.index_wait)?;
        let snapshot = self.inner.db.snapshot();
        // Both from the snapshot: what is pruned or indexed meanwhile does not change this search.
        let number = |key: &[u8]| -> Result<u64, StoreError> {
            let number = snapshot.get(key)?;
            Ok(number.as_deref().and_then(read_height).unwrap_or(0))
        };
        let (floor, indexed) = (number(META_FLOOR)?, number(META_INDEXED)?);
        let limits = Limits::new(options.search_time);
        Ok(SearchView { db: &self.inner.db, snapshot, floor, indexed, limits })
    }
}

/// The database as one search sees it.
pub(crate) struct SearchView<'a> {
    db: &'a DB,
    snapshot: SnapshotWithThreadMode<'a, DB>,
    /// Lowest and highest height that can match.
    floor: u64,
    indexed: u64,
    limits: Limits,
}

impl SearchView<'_> {
    fn record(&self, table: Table, height: u64) -> Result<DBPinnableSlice<'_>, StoreError> {
        let record = self.snapshot.get_pinned_cf(table.of(self.db)?, height_key(height))?;
        record.ok_or_else(|| StoreError::damaged(format!("{} {height}", table.name()), "missing"))
    }
}

/// The value of `tx.hash`: hexadecimal, of either case.
fn read_hash(text: &str) -> Result<Hash, StoreError> {
    let bytes = hex::decode(text).map_err(|error| StoreError::Hash(error.to_string()))?;
    if bytes.is_empty() {
        return Err(StoreError::Hash("transaction hash cannot be empty".to_owned()));
    }
    // No transaction has a hash of another length: nothing is found, as with a hash that is not there.
    Ok(bytes.try_into().unwrap_or([0; 32]))
}

impl Limits {
    fn new(time: std::time::Duration) -> Self {
        Self { until: Instant::now() + time, seconds: time.as_secs() }
    }
}

#[cfg(test)]
mod tests;
