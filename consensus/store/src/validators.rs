//! Validators by height: the whole set where it changes and every [`VALIDATORS_INTERVAL`] heights, a pointer elsewhere.

use plume_block::{ChainState, ValidatorSet};
use plume_primitives::Height;
use prost::Message;
use rocksdb::{DB, WriteBatch};
use tendermint_proto::v0_38::state::ValidatorsInfo;

use crate::{
    BlockStore, StoreError,
    tables::{Table, height_key},
};

/// Heights after which the whole set is written again although nobody joined or left, so that reading a height never has to
/// repeat more changes of priorities. (CometBFT: 100,000.)
pub const VALIDATORS_INTERVAL: u64 = 1_000;

impl BlockStore {
    /// Validators of a height, with the priorities that they had when it was proposed. Known from the first block here up
    /// to two heights after the last.
    ///
    /// # Errors
    /// [`StoreError::ZeroHeight`], [`StoreError::TooHigh`], [`StoreError::Unavailable`], [`StoreError::Damaged`],
    /// [`StoreError::Database`].
    pub fn validators(&self, height: Height) -> Result<ValidatorSet, StoreError> {
        match read_validators(&self.inner.db, height.get())? {
            Some(set) => Ok(set),
            None => Err(self.inner.no_parameters("validators", height, 2)),
        }
    }
}

/// Where the whole set lies that the set of `height` follows from.
pub(crate) fn validators_at(db: &DB, height: u64) -> Result<Option<u64>, StoreError> {
    Ok(read_info(db, height)?.map(|info| anchor(height, &info)))
}

/// Adds the record of the set of `height`, which its state calls next: the whole set if it changed there, or if there is
/// nothing to point to.
pub(crate) fn put_next_validators(
    db: &DB,
    batch: &mut WriteBatch,
    height: u64,
    state: &ChainState,
) -> Result<(), StoreError> {
    let changed = state.last_height_validators_changed.get() == height;
    let previous = if changed || height.is_multiple_of(VALIDATORS_INTERVAL) {
        None
    } else {
        height.checked_sub(1).map(|previous| validators_at(db, previous)).transpose()?.flatten()
    };
    put(db, batch, height, &state.next_validators, previous)
}

/// Adds the record of a whole set.
pub(crate) fn put_validators(
    db: &DB,
    batch: &mut WriteBatch,
    height: u64,
    set: &ValidatorSet,
) -> Result<(), StoreError> {
    put(db, batch, height, set, None)
}

fn put(
    db: &DB,
    batch: &mut WriteBatch,
    height: u64,
    set: &ValidatorSet,
    previous: Option<u64>,
) -> Result<(), StoreError> {
    let info = match previous {
        Some(anchor) => ValidatorsInfo { validator_set: None, last_height_changed: Height(anchor).to_i64() },
        None => ValidatorsInfo { validator_set: Some(set.to_raw()), last_height_changed: Height(height).to_i64() },
    };
    batch.put_cf(Table::Validators.of(db)?, height_key(height), info.encode_to_vec());
    Ok(())
}

fn read_validators(db: &DB, height: u64) -> Result<Option<ValidatorSet>, StoreError> {
    let damaged = |reason: String| StoreError::damaged(format!("validators {height}"), reason);
    let Some(info) = read_info(db, height)? else { return Ok(None) };
    let at = anchor(height, &info);
    let rounds = height.checked_sub(at).and_then(|rounds| u32::try_from(rounds).ok());
    let rounds = rounds.ok_or_else(|| damaged(format!("they point to height {at}")))?;
    let raw = match info.validator_set {
        Some(raw) => raw,
        None => read_info(db, at)?
            .and_then(|info| info.validator_set)
            .ok_or_else(|| damaged(format!("they point to height {at}, which has none")))?,
    };
    let mut set = ValidatorSet::from_raw(&raw).map_err(|error| damaged(error.to_string()))?;
    set.increment_proposer_priority(rounds);
    Ok(Some(set))
}

fn read_info(db: &DB, height: u64) -> Result<Option<ValidatorsInfo>, StoreError> {
    let Some(record) = db.get_pinned_cf(Table::Validators.of(db)?, height_key(height))? else { return Ok(None) };
    let info = ValidatorsInfo::decode(record.as_ref());
    info.map(Some).map_err(|error| StoreError::damaged(format!("validators {height}"), error))
}

fn anchor(height: u64, info: &ValidatorsInfo) -> u64 {
    // A negative pointer leads to a height without a record, which is reported.
    if info.validator_set.is_some() { height } else { u64::try_from(info.last_height_changed).unwrap_or(0) }
}
