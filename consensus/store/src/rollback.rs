//! Taking the last block back.

use std::sync::Arc;

use bytes::Bytes;
use plume_block::{BlockId, ChainState, FullBlock, raw};
use plume_primitives::Height;
use prost::Message;
use rocksdb::WriteBatch;

use crate::{
    BlockStore, StoreError,
    params::params_at,
    store::View,
    tables::{META_CURSOR, META_INDEXED, META_STATE, Table, height_key},
    validators::validators_at,
};

impl BlockStore {
    /// Takes the last block back in one step that is durable on return, and gives the state before it: for an operator whose
    /// state machine went wrong in that block. `cursor` replaces the engine's note.
    ///
    /// The block and the commit that this node decided it with stay aside for [`taken_back`](Self::taken_back), unless
    /// `forget` says that the block is to come again from elsewhere. What was signed is not recorded here.
    ///
    /// # Errors
    /// [`StoreError::NoState`]; [`StoreError::Unavailable`] when the block before is not here (the last one is the first, or
    /// follows a snapshot); [`StoreError::Damaged`], [`StoreError::Database`].
    pub fn rollback(&self, cursor: &[u8], forget: bool) -> Result<Arc<ChainState>, StoreError> {
        let inner = &self.inner;
        let _saving = inner.saving.lock();
        // The thread that indexes must not come back to a height that is gone.
        let _sweeping = inner.sweeping.lock();
        let view = inner.view.read().clone();
        let last = view.state.as_deref().ok_or(StoreError::NoState)?;
        let state = Arc::new(self.before(last)?);
        let (db, height) = (&inner.db, last.last_block_height.get());
        let key = height_key(height);

        // Removing many events takes several steps; a crash between them must leave work for the thread that indexes.
        let mut first = WriteBatch::default();
        first.put(META_INDEXED, height_key(height.saturating_sub(1)));
        inner.write_synced(first)?;
        let mut batch = WriteBatch::default();
        inner.remove_index(&mut batch, height)?;
        for table in [Table::Headers, Table::Outcomes] {
            batch.delete_cf(table.of(db)?, key);
        }
        if forget {
            for table in [Table::Blocks, Table::SeenCommits] {
                batch.delete_cf(table.of(db)?, key);
            }
        }
        batch.delete_cf(Table::Commits.of(db)?, height_key(height.saturating_sub(1)));
        batch.delete_cf(Table::Validators.of(db)?, height_key(height.saturating_add(2)));
        batch.delete_cf(Table::Params.of(db)?, height_key(height.saturating_add(1)));
        batch.put(META_STATE, state.encode());
        batch.put(META_CURSOR, cursor);
        inner.write_synced(batch)?;

        inner.progress.restart_at(height.saturating_sub(1));
        *inner.view.write() = View { state: Some(state.clone()), floor: view.floor, last_block: None };
        Ok(state)
    }

    /// The block after the last one, if it was here before and was taken back, with the commit that this node decided it
    /// with: it is final, and wants to be executed and saved anew.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub fn taken_back(&self) -> Result<Option<(FullBlock, raw::Commit)>, StoreError> {
        let (db, next) = (&self.inner.db, self.inner.height().saturating_add(1));
        let read =
            |table: Table| -> Result<Option<Vec<u8>>, StoreError> { Ok(db.get_cf(table.of(db)?, height_key(next))?) };
        let (Some(block), Some(commit)) = (read(Table::Blocks)?, read(Table::SeenCommits)?) else { return Ok(None) };
        let damaged = |error: String| StoreError::damaged(format!("block {next}, which was taken back"), error);
        let block = FullBlock::decode(Bytes::from(block)).map_err(|error| damaged(error.to_string()))?;
        let commit = raw::Commit::decode(&commit[..]).map_err(|error| damaged(error.to_string()))?;
        Ok(Some((block, commit)))
    }

    /// The state before the last block, from that block's header and the sets of its heights.
    fn before(&self, last: &ChainState) -> Result<ChainState, StoreError> {
        let height = last.last_block_height;
        self.inner.require_block(height)?;
        let previous = height.previous().unwrap_or_default();
        // The first block has no block before it, and neither has the first after a snapshot.
        self.inner.require_block(previous)?;
        let (header, before) = (self.header(height)?, self.header(previous)?);
        let damaged = |what: &str| StoreError::damaged(format!("header {height}"), what);
        let id = header.last_block_id.as_ref().ok_or_else(|| damaged("no last block"))?;
        let results = <[u8; 32]>::try_from(&header.last_results_hash[..]).map_err(|_| damaged("no hash of results"))?;
        let db = &self.inner.db;
        // Where the last block changed them, the record says where they changed before.
        let next = height.get().saturating_add(1);
        let before_change = |found: Option<u64>, what: &str| {
            found.map(Height).ok_or_else(|| StoreError::damaged(format!("{what} {height}"), "missing"))
        };
        let last_height_validators_changed = match last.last_height_validators_changed {
            changed if changed.get() <= next => changed,
            _ => before_change(validators_at(db, next)?, "validators")?,
        };
        let last_height_params_changed = match last.last_height_params_changed {
            changed if changed <= height => changed,
            _ => before_change(params_at(db, height.get())?, "consensus parameters")?,
        };
        Ok(ChainState {
            chain_id: last.chain_id.clone(),
            initial_height: last.initial_height,
            app_version: header.version.as_ref().map_or(0, |version| version.app),
            last_block_height: previous,
            last_block_id: BlockId::from_raw(id).map_err(|error| damaged(&error.to_string()))?,
            last_block_time: plume_block::abci::time(before.time).map_err(|error| damaged(&error.to_string()))?,
            validators: last.last_validators.clone(),
            next_validators: last.validators.clone(),
            last_validators: self.validators(previous)?,
            last_height_validators_changed,
            consensus_params: self.consensus_params(height)?,
            last_height_params_changed,
            last_results_hash: results,
            app_hash: Bytes::from(header.app_hash),
        })
    }
}
