//! Returning to an earlier height.

use std::sync::atomic::Ordering;

use plume_state::StateError;
use rocksdb::{ReadOptions, WriteBatch};

use crate::{
    backend::{Shared, disk},
    checkpoint, failpoint, keys, open,
    records::BlockRecord,
};

/// Restores the values after the newest block at or below `height` and forgets all later blocks.
///
/// Reads the whole history: rolling back is rare, and an index of keys by height would cost every block.
pub(crate) fn rollback(shared: &Shared, height: u64) -> Result<(u64, BlockRecord), StateError> {
    let (head, record) = shared
        .record_at_or_below(height)?
        .ok_or_else(|| StateError::backend(format!("no block at or below height {height}")))?;
    // Before the batch: the checkpoints belong to blocks that will not come again in this form.
    checkpoint::remove_above(shared, head)?;
    let mut batch = WriteBatch::default();
    restore(shared, head, &mut batch)?;
    let after = head.saturating_add(1);
    delete_all(shared, &keys::block(after), keys::BLOCK.saturating_add(1), &mut batch)?;
    delete_all(shared, &keys::journal(after), keys::JOURNAL.saturating_add(1), &mut batch)?;
    batch.put(keys::META_HEAD, head.to_be_bytes());
    let mut identity = shared.identity.read().clone();
    identity.stores.retain(|_, store| record.stores.contains(&store.id));
    batch.put(keys::META_IDENTITY, identity.encode());
    failpoint::hit(failpoint::ROLLBACK_BEFORE_WRITE);
    shared.db.write_without_wal(batch).map_err(disk)?;
    failpoint::hit(failpoint::ROLLBACK_WRITTEN);
    open::flush(&shared.db).map_err(disk)?;
    shared.durable_height.store(head, Ordering::Release);
    *shared.identity.write() = identity;
    Ok((head, record))
}

/// Removes the records from `start` up to the tag `end`.
fn delete_all(shared: &Shared, start: &[u8], end: u8, batch: &mut WriteBatch) -> Result<(), StateError> {
    let mut options = ReadOptions::default();
    options.set_iterate_upper_bound(vec![end]);
    let mut records = shared.db.raw_iterator_opt(options);
    records.seek(start);
    while let Some(key) = records.key() {
        batch.delete(key);
        records.next();
    }
    records.status().map_err(disk)
}

/// Puts each key's first old value behind `height` back, and removes all old values behind it.
fn restore(shared: &Shared, height: u64, batch: &mut WriteBatch) -> Result<(), StateError> {
    let mut options = ReadOptions::default();
    options.set_iterate_upper_bound(vec![keys::BLOCK]);
    options.fill_cache(false);
    options.set_readahead_size(2 << 20);
    let mut entries = shared.db.raw_iterator_opt(options);
    entries.seek([keys::HISTORY]);
    let mut restored: Vec<u8> = vec![];
    let mut current = vec![];
    while let Some((raw, old)) = entries.item() {
        let malformed = || StateError::backend("a history key is malformed");
        let (key, at) = keys::split_history(raw).ok_or_else(malformed)?;
        if at > height {
            if restored != key {
                restored.clear();
                restored.extend_from_slice(key);
                let (store, key, _) = keys::parse_history(raw).ok_or_else(malformed)?;
                keys::current(&mut current, store, &key);
                if old.is_empty() {
                    batch.delete(&current);
                } else {
                    batch.put(&current, old);
                }
            }
            batch.delete(raw);
        }
        entries.next();
    }
    entries.status().map_err(disk)
}
