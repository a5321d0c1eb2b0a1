//! Starting from a snapshot of the state.

use std::sync::Arc;

use plume_block::{ChainState, raw};
use plume_primitives::Height;
use prost::Message;
use rocksdb::WriteBatch;

use crate::{
    BlockStore, StoreError,
    params::put_whole_params,
    save::{is_for, require_chain},
    store::View,
    tables::{META_CURSOR, META_FLOOR, META_INDEXED, META_STATE, Table, height_key},
    validators::put_validators,
};

impl BlockStore {
    /// Makes `state` the current one without the blocks before it. `seen_commit` is the commit of its last block, which
    /// the next block builds on. Blocks that are here already can no longer be read; the next [`BlockStore::prune`]
    /// removes them.
    ///
    /// The caller has verified state and commit.
    ///
    /// # Errors
    /// [`StoreError::Behind`] unless the state is ahead of the store, [`StoreError::OtherChain`],
    /// [`StoreError::Inconsistent`], [`StoreError::Database`].
    pub fn bootstrap(&self, state: &ChainState, seen_commit: &raw::Commit, cursor: &[u8]) -> Result<(), StoreError> {
        let inner = &self.inner;
        let _saving = inner.saving.lock();
        // The thread that indexes must not come back to a height that is gone.
        let _sweeping = inner.sweeping.lock();
        let view = inner.view.read().clone();
        require_chain(&view, state)?;
        let at = state.last_block_height;
        if at.get() <= view.height() {
            return Err(StoreError::Behind { height: Height(view.height()), got: at });
        }
        if !is_for(seen_commit, at, &state.last_block_id) {
            return Err(StoreError::Inconsistent { height: at, reason: "the commit is not for its last block" });
        }
        let first = at.get().saturating_add(1);
        let mut batch = WriteBatch::default();
        if !state.last_validators.is_empty() {
            put_validators(&inner.db, &mut batch, at.get(), &state.last_validators)?;
        }
        put_validators(&inner.db, &mut batch, first, &state.validators)?;
        put_validators(&inner.db, &mut batch, first.saturating_add(1), &state.next_validators)?;
        put_whole_params(&inner.db, &mut batch, first, &state.consensus_params)?;
        batch.put_cf(Table::SeenCommits.of(&inner.db)?, height_key(at.get()), seen_commit.encode_to_vec());
        batch.put(META_STATE, state.encode());
        batch.put(META_CURSOR, cursor);
        batch.put(META_FLOOR, height_key(first));
        batch.put(META_INDEXED, height_key(at.get()));
        inner.write_synced(batch)?;
        inner.progress.restart_at(at.get());
        *inner.view.write() = View { state: Some(Arc::new(state.clone())), floor: first, last_block: None };
        Ok(())
    }
}
