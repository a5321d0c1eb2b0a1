//! Taking a state over part by part: values of stores that no block has written, and marks that say which are there.
//!
//! While the marks exist there is no head record, so the database is empty to everybody; the last step removes the marks
//! and writes the head in one table file.

use std::collections::BTreeSet;

use bytes::Bytes;
use plume_state::{CommittedBlock, RestorePart, Restoring, StateError, Store};
use rocksdb::{SstFileWriter, WriteBatch};

use crate::{
    backend::{Shared, disk},
    failpoint, group,
    identity::Identity,
    keys::{self, StoreId},
    open::{self, NEW_TABLE},
};

/// A step, done by the writer thread.
pub(crate) enum Step {
    /// Begin, in place of what was begun before.
    Begin { description: Bytes, stores: Vec<Store>, parts: u32 },
    /// Keep a part.
    Part(RestorePart),
    /// Make the whole the state after a block.
    Finish(CommittedBlock),
    /// Forget what was begun.
    Discard,
}

/// Which parts of a state are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marks {
    description: Bytes,
    parts: u32,
    kept: BTreeSet<u32>,
}

impl Marks {
    pub(crate) fn progress(&self) -> Restoring {
        Restoring { description: self.description.clone(), parts: self.kept.clone() }
    }

    /// The record of kept parts: their number, then one bit for each, lowest first.
    fn encode(&self) -> Vec<u8> {
        let mut record = self.parts.to_be_bytes().to_vec();
        let mut bits = vec![0_u8; usize::try_from(self.parts.div_ceil(8)).unwrap_or(usize::MAX)];
        for part in &self.kept {
            if let Some(byte) = usize::try_from(part / 8).ok().and_then(|at| bits.get_mut(at)) {
                *byte |= 1 << (part % 8);
            }
        }
        record.append(&mut bits);
        record
    }

    /// Reads the two records; `None` when the second one is malformed.
    pub(crate) fn decode(description: Bytes, record: &[u8]) -> Option<Self> {
        let (parts, bits) = record.split_first_chunk::<4>()?;
        let parts = u32::from_be_bytes(*parts);
        if u32::try_from(bits.len()).ok()? != parts.div_ceil(8) {
            return None;
        }
        let is_kept = |part: &u32| {
            let byte = usize::try_from(part / 8).ok().and_then(|at| bits.get(at));
            byte.is_some_and(|byte| byte >> (part % 8) & 1 == 1)
        };
        Some(Self { description, parts, kept: (0..parts).filter(is_kept).collect() })
    }
}

fn nothing_begun() -> StateError {
    StateError::backend("no state is being taken over")
}

/// Begins: numbers the stores and writes empty marks.
pub(crate) fn begin(shared: &Shared, description: Bytes, stores: &[Store], parts: u32) -> Result<(), StateError> {
    discard(shared)?;
    let mut identity = shared.identity.read().clone();
    for store in stores.iter().filter(|store| store.is_persisted()) {
        identity.add(*store);
    }
    let marks = Marks { description, parts, kept: BTreeSet::new() };
    write(shared, Some(&identity), &marks, &[])?;
    *shared.identity.write() = identity;
    *shared.restoring.lock() = Some(marks);
    Ok(())
}

fn announced(shared: &Shared, store: Store) -> Result<StoreId, StateError> {
    shared.store_id(store)?.ok_or_else(|| StateError::misuse(store, "a part of a store that was not announced"))
}

/// Refuses a part that nothing announced.
pub(crate) fn require_part(shared: &Shared, part: &RestorePart) -> Result<(), StateError> {
    announced(shared, part.store)?;
    let restoring = shared.restoring.lock();
    let marks = restoring.as_ref().ok_or_else(nothing_begun)?;
    if part.index < marks.parts {
        return Ok(());
    }
    Err(StateError::backend(format!("part {} of {}", part.index, marks.parts)))
}

/// Keeps a part together with its mark.
pub(crate) fn part(shared: &Shared, part: &RestorePart) -> Result<(), StateError> {
    let mut marks = shared.restoring.lock().clone().ok_or_else(nothing_begun)?;
    let id = announced(shared, part.store)?;
    let mut values = Vec::with_capacity(part.records.len());
    for (key, value) in &part.records {
        let mut raw = Vec::new();
        keys::current(&mut raw, id, key);
        values.push((raw, value));
    }
    marks.kept.insert(part.index);
    write(shared, None, &marks, &values)?;
    failpoint::hit(failpoint::RESTORE_PART_KEPT);
    *shared.restoring.lock() = Some(marks);
    Ok(())
}

/// Refuses to finish while parts are missing.
pub(crate) fn require_whole(shared: &Shared) -> Result<(), StateError> {
    let restoring = shared.restoring.lock();
    let marks = restoring.as_ref().ok_or_else(nothing_begun)?;
    let kept = u32::try_from(marks.kept.len()).unwrap_or(u32::MAX);
    if kept == marks.parts {
        return Ok(());
    }
    Err(StateError::backend(format!("{kept} of {} parts of the state are there", marks.parts)))
}

/// Writes marks and values (ascending) as one table file.
fn write(
    shared: &Shared,
    identity: Option<&Identity>,
    marks: &Marks,
    values: &[(Vec<u8>, &Bytes)],
) -> Result<(), StateError> {
    let path = shared.path.join(NEW_TABLE);
    let options = open::table_options(&shared.cache);
    let mut table = SstFileWriter::create(&options);
    table.open(&path).map_err(disk)?;
    if let Some(identity) = identity {
        table.put(keys::META_IDENTITY, identity.encode()).map_err(disk)?;
    }
    table.put(keys::META_RESTORE, &marks.description).map_err(disk)?;
    table.put(keys::META_RESTORED, marks.encode()).map_err(disk)?;
    for (key, value) in values {
        table.put(key, value).map_err(disk)?;
    }
    table.finish().map_err(disk)?; // synced
    failpoint::hit(failpoint::RESTORE_WRITTEN);
    group::ingest(shared, &path)
}

/// Forgets what was begun, durably and at once; nothing to do when nothing was.
pub(crate) fn discard(shared: &Shared) -> Result<(), StateError> {
    if shared.restoring.lock().is_none() {
        return Ok(());
    }
    failpoint::hit(failpoint::RESTORE_DISCARDING);
    let identity = Identity::new(&shared.identity.read().chain_id);
    // One small batch goes to disk as a whole: the values are covered by one range.
    let mut batch = WriteBatch::default();
    batch.delete_range([keys::CURRENT], [keys::HISTORY]);
    batch.delete(keys::META_RESTORE);
    batch.delete(keys::META_RESTORED);
    batch.put(keys::META_IDENTITY, identity.encode());
    shared.db.write_without_wal(batch).map_err(disk)?;
    failpoint::hit(failpoint::RESTORE_DISCARDED);
    open::flush(&shared.db).map_err(disk)?;
    *shared.identity.write() = identity;
    *shared.restoring.lock() = None;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_pinned_and_read_back() {
        let marks = Marks { description: Bytes::from_static(b"what"), parts: 11, kept: BTreeSet::from([0, 3, 10]) };
        assert_eq!(marks.encode(), [0, 0, 0, 11, 0b1001, 0b100]);
        assert_eq!(Marks::decode(marks.description.clone(), &marks.encode()), Some(marks.clone()));
        assert_eq!(marks.progress(), Restoring { description: marks.description.clone(), parts: marks.kept.clone() });
        for malformed in [&b""[..], &[0, 0, 0, 11, 1], &[0, 0, 0, 11, 1, 2, 3]] {
            assert_eq!(Marks::decode(Bytes::new(), malformed), None);
        }
    }
}
