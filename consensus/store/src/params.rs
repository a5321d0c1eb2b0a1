//! Consensus parameters by height: whole where they change, a pointer elsewhere.

use plume_block::ChainState;
use plume_engine::ConsensusParams;
use plume_primitives::Height;
use prost::Message;
use rocksdb::{DB, WriteBatch};
use tendermint_proto::v0_38::state::ConsensusParamsInfo;

use crate::{
    BlockStore, StoreError,
    store::Inner,
    tables::{Table, height_key},
};

impl BlockStore {
    /// Parameters in force at a height. Known from the first block here up to one height after the last.
    ///
    /// # Errors
    /// As [`BlockStore::validators`].
    pub fn consensus_params(&self, height: Height) -> Result<ConsensusParams, StoreError> {
        match read_params(&self.inner.db, height.get())? {
            Some(params) => Ok(params),
            None => Err(self.inner.no_parameters("parameters", height, 1)),
        }
    }
}

impl Inner {
    /// Why there is no record of a kind that reaches `ahead` heights beyond the last block.
    pub(crate) fn no_parameters(&self, record: &str, height: Height, ahead: u64) -> StoreError {
        let view = self.view.read();
        if view.state.is_none() {
            return StoreError::NoState;
        }
        if height == Height::ZERO {
            return StoreError::ZeroHeight;
        }
        // Before the first block everything is counted from the first height.
        let latest = view.height().max(view.floor.saturating_sub(1)).saturating_add(ahead);
        if height.get() > latest {
            return StoreError::TooHigh { height, latest: Height(latest) };
        }
        if height.get() < view.floor {
            return StoreError::Unavailable { height, lowest: Height(view.floor) };
        }
        StoreError::damaged(format!("{record} {height}"), "missing")
    }
}

/// Where the parameters lie that are in force at `height`.
pub(crate) fn params_at(db: &DB, height: u64) -> Result<Option<u64>, StoreError> {
    Ok(read_info(db, height)?.map(|info| anchor(height, &info)))
}

/// Adds the record of `height`, the next one of `state`: whole if they changed there or if there is nothing to point to.
pub(crate) fn put_params(db: &DB, batch: &mut WriteBatch, height: u64, state: &ChainState) -> Result<(), StoreError> {
    let changed = state.last_height_params_changed.get() == height;
    let previous = match height.checked_sub(1) {
        Some(previous) if !changed => params_at(db, previous)?,
        _ => None,
    };
    put(db, batch, height, &state.consensus_params, previous)
}

/// Adds a whole record.
pub(crate) fn put_whole_params(
    db: &DB,
    batch: &mut WriteBatch,
    height: u64,
    params: &ConsensusParams,
) -> Result<(), StoreError> {
    put(db, batch, height, params, None)
}

fn put(
    db: &DB,
    batch: &mut WriteBatch,
    height: u64,
    params: &ConsensusParams,
    previous: Option<u64>,
) -> Result<(), StoreError> {
    let info = match previous {
        Some(anchor) => ConsensusParamsInfo { consensus_params: None, last_height_changed: Height(anchor).to_i64() },
        None => {
            ConsensusParamsInfo { consensus_params: Some(params.clone()), last_height_changed: Height(height).to_i64() }
        }
    };
    batch.put_cf(Table::Params.of(db)?, height_key(height), info.encode_to_vec());
    Ok(())
}

fn read_params(db: &DB, height: u64) -> Result<Option<ConsensusParams>, StoreError> {
    let Some(info) = read_info(db, height)? else { return Ok(None) };
    let at = anchor(height, &info);
    let params = match info.consensus_params {
        Some(params) => Some(params),
        None => read_info(db, at)?.and_then(|info| info.consensus_params),
    };
    let missing = || StoreError::damaged(format!("parameters {height}"), format!("no parameters at height {at}"));
    params.map(Some).ok_or_else(missing)
}

fn read_info(db: &DB, height: u64) -> Result<Option<ConsensusParamsInfo>, StoreError> {
    let Some(record) = db.get_pinned_cf(Table::Params.of(db)?, height_key(height))? else { return Ok(None) };
    let info = ConsensusParamsInfo::decode(record.as_ref());
    info.map(Some).map_err(|error| StoreError::damaged(format!("parameters {height}"), error))
}

fn anchor(height: u64, info: &ConsensusParamsInfo) -> u64 {
    if info.consensus_params.is_some() { height } else { u64::try_from(info.last_height_changed).unwrap_or(0) }
}
