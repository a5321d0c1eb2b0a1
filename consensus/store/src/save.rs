//! Saving what was decided.

use std::sync::Arc;

use plume_block::{BlockId, ChainState, FullBlock, abci::encode_outcome, raw};
use plume_engine::BlockOutcome;
use plume_primitives::Height;
use prost::Message;
use rocksdb::WriteBatch;

use crate::{
    BlockStore, StoreError,
    params::{put_params, put_whole_params},
    read::MetaRecord,
    store::View,
    tables::{META_CURSOR, META_FLOOR, META_INDEXED, META_STATE, Table, height_key},
    txs::put_txs,
    validators::{put_next_validators, put_validators},
};

/// One decided block with all that belongs to it.
#[derive(Debug, Clone, Copy)]
pub struct Decided<'a> {
    /// The block.
    pub block: &'a FullBlock,
    /// The commit that this node decided it with; the next block may carry another one.
    pub seen_commit: &'a raw::Commit,
    /// What came of executing it.
    pub outcome: &'a BlockOutcome,
    /// The state after it.
    pub state: &'a ChainState,
    /// What the engine wants to find again, opaque here.
    pub cursor: &'a [u8],
}

impl BlockStore {
    /// Saves the state before the first block. May come again as long as there is no block: the last one counts.
    ///
    /// # Errors
    /// [`StoreError::Behind`] when there are blocks, [`StoreError::OtherChain`], [`StoreError::Database`].
    pub fn save_genesis(&self, state: &ChainState) -> Result<(), StoreError> {
        let inner = &self.inner;
        let _saving = inner.saving.lock();
        let view = inner.view.read().clone();
        require_chain(&view, state)?;
        if view.height() > 0 || state.last_block_height != Height::ZERO {
            return Err(StoreError::Behind { height: Height(view.height()), got: state.last_block_height });
        }
        let first = state.initial_height.get().max(1);
        let mut batch = WriteBatch::default();
        put_validators(&inner.db, &mut batch, first, &state.validators)?;
        put_validators(&inner.db, &mut batch, first.saturating_add(1), &state.next_validators)?;
        put_whole_params(&inner.db, &mut batch, first, &state.consensus_params)?;
        batch.put(META_STATE, state.encode());
        batch.put(META_FLOOR, height_key(first));
        batch.put(META_INDEXED, height_key(first - 1));
        inner.write_synced(batch)?;
        inner.progress.restart_at(first - 1);
        *inner.view.write() = View { state: Some(Arc::new(state.clone())), floor: first, last_block: None };
        Ok(())
    }

    /// Saves a block with everything that belongs to it in one step, which is durable when this returns. Its
    /// transactions can be found by hash then; their events are indexed by a thread of the store right after.
    ///
    /// # Errors
    /// [`StoreError::NoState`], [`StoreError::NotNext`], [`StoreError::Inconsistent`], [`StoreError::OtherChain`]: nothing
    /// was written. [`StoreError::Database`]: what the disk has is known only after opening the store again.
    pub fn save(&self, decided: Decided<'_>) -> Result<(), StoreError> {
        let inner = &self.inner;
        let _saving = inner.saving.lock();
        let view = inner.view.read().clone();
        let current = view.state.as_deref().ok_or(StoreError::NoState)?;
        check(current, &decided)?;
        let Decided { block, seen_commit, outcome, state, cursor } = decided;
        let (db, height) = (&inner.db, block.height().get());
        let key = height_key(height);
        let outcome_bytes = encode_outcome(outcome);

        let mut batch = WriteBatch::default();
        batch.put_cf(Table::Blocks.of(db)?, key, block.bytes());
        let meta = MetaRecord { indexed_hashes: inner.options.index, meta: meta_of(block) };
        batch.put_cf(Table::Headers.of(db)?, key, meta.encode());
        batch.put_cf(Table::SeenCommits.of(db)?, key, seen_commit.encode_to_vec());
        if block.height() > state.initial_height {
            batch.put_cf(Table::Commits.of(db)?, height_key(height - 1), block.last_commit().encode_to_vec());
        }
        batch.put_cf(Table::Hashes.of(db)?, block.hash(), key);
        batch.put_cf(Table::Outcomes.of(db)?, key, outcome_bytes);
        // Heights end at 2^63 - 1.
        put_next_validators(db, &mut batch, height.saturating_add(2), state)?;
        put_params(db, &mut batch, height.saturating_add(1), state)?;
        if inner.options.index {
            let success = outcome.tx_results.iter().map(|result| result.code == 0);
            put_txs(db, &mut batch, height, block.tx_hashes().iter().copied().zip(success))?;
        }
        batch.put(META_STATE, state.encode());
        batch.put(META_CURSOR, cursor);
        inner.write_synced(batch)?;

        *inner.view.write() =
            View { state: Some(Arc::new(state.clone())), floor: view.floor, last_block: Some(block.clone()) };
        inner.progress.go_to(height);
        Ok(())
    }
}

/// Refuses a state of another chain than the store's.
pub(crate) fn require_chain(view: &View, state: &ChainState) -> Result<(), StoreError> {
    match &view.state {
        Some(known) if known.chain_id != state.chain_id => {
            Err(StoreError::OtherChain { expected: known.chain_id.clone(), got: state.chain_id.clone() })
        }
        _ => Ok(()),
    }
}

/// Whether a commit says that it is for this block.
pub(crate) fn is_for(commit: &raw::Commit, height: Height, id: &BlockId) -> bool {
    let named = commit.block_id.as_ref().map(BlockId::from_raw);
    commit.height == height.to_i64() && named.is_some_and(|named| named.as_ref() == Ok(id))
}

fn check(current: &ChainState, decided: &Decided<'_>) -> Result<(), StoreError> {
    let Decided { block, seen_commit, outcome, state, .. } = decided;
    let height = block.height();
    let expected = current.next_height().map_err(|error| StoreError::damaged("state", error))?;
    if height != expected {
        return Err(StoreError::NotNext { expected, got: height });
    }
    if block.header().chain_id != current.chain_id || state.chain_id != current.chain_id {
        let got = if state.chain_id == current.chain_id { &block.header().chain_id } else { &state.chain_id };
        return Err(StoreError::OtherChain { expected: current.chain_id.clone(), got: got.clone() });
    }
    let inconsistent = |reason| Err(StoreError::Inconsistent { height, reason });
    if *block.last_block_id() != current.last_block_id {
        return inconsistent("it does not follow the last block");
    }
    if state.last_block_height != height || state.last_block_id != block.id() {
        return inconsistent("the state is not the one after it");
    }
    if !is_for(seen_commit, height, &block.id()) {
        return inconsistent("the commit is not for it");
    }
    if outcome.tx_results.len() != block.txs().len() {
        return inconsistent("there is not one result for each transaction");
    }
    Ok(())
}

fn meta_of(block: &FullBlock) -> raw::BlockMeta {
    // A block has at most 100 MiB, and each of its transactions at least two bytes.
    let size = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    raw::BlockMeta {
        block_id: Some(block.id().to_raw()),
        block_size: size(block.bytes().len()),
        header: Some(block.header().clone()),
        num_txs: size(block.txs().len()),
    }
}
