//! Removing old heights.

use bytes::Bytes;
use plume_block::FullBlock;
use plume_primitives::Height;
use rocksdb::{DBPinnableSlice, ReadOptions, WriteBatch};

use crate::{
    BlockStore, StoreError, index,
    params::params_at,
    store::Inner,
    tables::{META_FLOOR, Table, height_key, read_height},
    txs::TxRecord,
    validators::validators_at,
};

/// Size of a batch of removals, in bytes, after which it is written: a block must not wait long behind it to be saved.
const BATCH_BYTES: usize = 256 << 10;

/// What pruning knows of the heights below the floor; it starts from nothing with each process.
#[derive(Debug, Default)]
pub(crate) struct Swept {
    /// Nothing is left below this height but what `kept` names.
    below: u64,
    /// Records below that are still pointed to.
    kept: Vec<(Table, u64)>,
}

impl BlockStore {
    /// Removes every block below a height, with its commits, results and index, and says how many there were.
    ///
    /// The heights can no longer be read from the first moment on; a crash leaves at most some of their records behind,
    /// which the next call removes. Validators and parameters stay as far as later heights need them. A height that is
    /// pruned already only takes up what was left behind.
    ///
    /// # Errors
    /// [`StoreError::PruneAhead`] if the last block would go, [`StoreError::Database`].
    pub fn prune(&self, below: Height) -> Result<u64, StoreError> {
        let inner = &self.inner;
        {
            let _saving = inner.saving.lock();
            let (height, floor) = (inner.height(), inner.floor());
            if below.get() > height {
                return Err(StoreError::PruneAhead { latest: Height(height) });
            }
            if below.get() > floor {
                let mut batch = WriteBatch::default();
                batch.put(META_FLOOR, height_key(below.get()));
                inner.write_synced(batch)?;
                inner.view.write().floor = below.get();
            }
        }
        inner.sweep()
    }
}

impl Inner {
    /// Removes what is below the floor, a batch at a time so that indexing goes on in between.
    fn sweep(&self) -> Result<u64, StoreError> {
        let mut removed = 0;
        loop {
            let mut swept = self.sweeping.lock();
            let floor = self.floor();
            let heights = self.heights_below(Table::Headers, swept.below, floor)?;
            let mut batch = WriteBatch::default();
            let mut done = 0;
            for height in &heights {
                self.remove_height(&mut batch, *height)?;
                done += 1;
                if batch.size_in_bytes() >= BATCH_BYTES {
                    break;
                }
            }
            removed += done as u64;
            if done < heights.len() {
                self.db.write(batch)?;
                continue;
            }
            // The last heights, then what is known by height of validators and parameters.
            let mut kept = Vec::new();
            for (table, anchor) in
                [(Table::Validators, validators_at(&self.db, floor)?), (Table::Params, params_at(&self.db, floor)?)]
            {
                let mut old = self.heights_below(table, swept.below, floor)?;
                old.extend(swept.kept.iter().filter(|(of, _)| *of == table).map(|(_, height)| *height));
                for height in old {
                    if Some(height) == anchor {
                        kept.push((table, height));
                    } else {
                        batch.delete_cf(table.of(&self.db)?, height_key(height));
                    }
                }
            }
            self.db.write(batch)?;
            *swept = Swept { below: floor, kept };
            return Ok(removed);
        }
    }

    /// Heights with a record, from `from` to before `to`.
    fn heights_below(&self, table: Table, from: u64, to: u64) -> Result<Vec<u64>, StoreError> {
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(height_key(to));
        let mut records = self.db.raw_iterator_cf_opt(table.of(&self.db)?, options);
        records.seek(height_key(from));
        let mut heights = Vec::new();
        while let Some(key) = records.key() {
            heights.push(read_height(key).ok_or_else(|| StoreError::damaged(table.name(), "a key is not a height"))?);
            records.next();
        }
        records.status()?;
        Ok(heights)
    }

    fn remove_height(&self, batch: &mut WriteBatch, height: u64) -> Result<(), StoreError> {
        let db = &self.db;
        let key = height_key(height);
        // The index goes first, in several steps if need be: it can be named only as long as block and results are there.
        // Damage must not stop pruning: what can no longer be named stays behind, out of reach.
        if let Err(error) = self.remove_index(batch, height) {
            tracing::warn!(height, %error, "pruning leaves index entries behind");
        }
        for table in [Table::Blocks, Table::Headers, Table::Outcomes, Table::Commits, Table::SeenCommits] {
            batch.delete_cf(table.of(db)?, key);
        }
        // The commits of a snapshot's height have no header of their own.
        for table in [Table::Commits, Table::SeenCommits] {
            batch.delete_cf(table.of(db)?, height_key(height.saturating_sub(1)));
        }
        Ok(())
    }

    pub(crate) fn remove_index(&self, batch: &mut WriteBatch, height: u64) -> Result<(), StoreError> {
        let db = &self.db;
        let read = |table: Table| -> Result<DBPinnableSlice<'_>, StoreError> {
            let record = db.get_pinned_cf(table.of(db)?, height_key(height))?;
            record.ok_or_else(|| StoreError::damaged(format!("{} {height}", table.name()), "missing"))
        };
        let block = FullBlock::decode(Bytes::copy_from_slice(&read(Table::Blocks)?))
            .map_err(|error| StoreError::damaged(format!("block {height}"), error))?;
        batch.delete_cf(Table::Hashes.of(db)?, block.hash());
        for hash in block.tx_hashes() {
            if TxRecord::read(db, hash)?.is_some_and(|record| record.height == height) {
                batch.delete_cf(Table::TxHashes.of(db)?, hash);
            }
        }
        let (txs, block) = index::entries(height, &read(Table::Outcomes)?)?;
        for (table, entries) in [(Table::TxEvents, txs), (Table::BlockEvents, block)] {
            let table = table.of(db)?;
            for key in entries.into_keys(height) {
                batch.delete_cf(table, key);
                if batch.size_in_bytes() >= BATCH_BYTES {
                    db.write(std::mem::take(batch))?;
                }
            }
        }
        Ok(())
    }
}
