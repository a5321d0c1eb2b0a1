//! A group of blocks on its way to disk: one table file, all or nothing.

use std::{fs, io, path::Path};

use plume_state::{Change, CommittedBlock, StateError, StoreDelta};
use rocksdb::{IngestExternalFileOptions, SstFileWriter};

use crate::{
    backend::{Shared, disk},
    failpoint,
    keys::{self, StoreId},
    open::{self, NEW_TABLE},
    records::{BlockRecord, JournalWriter},
};

/// What becomes durable together.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// Blocks, ascending.
    pub(crate) blocks: Vec<CommittedBlock>,
    /// Bytes of their changes.
    pub(crate) bytes: u64,
    /// A new floor.
    pub(crate) floor: Option<u64>,
    /// A new end of the removed part of the journal.
    pub(crate) journal_removed: Option<u64>,
    /// The blocks make a state that was taken over whole: its marks go.
    pub(crate) ends_restore: bool,
}

impl Group {
    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.floor.is_none() && self.journal_removed.is_none()
    }
}

/// A change and the height of its block.
type Dated<'a> = (u64, Change<'a>);

/// Writes a group and makes it durable. Returns the bytes of old values written since the first block, given those before.
pub(crate) fn write(shared: &Shared, group: &Group, history_bytes: u64) -> Result<u64, StateError> {
    let (identity_record, block_stores) = number_stores(shared, group);
    let stores = changes_by_store(shared, group)?;
    let path = shared.path.join(NEW_TABLE);
    let options = open::table_options(&shared.cache);
    let mut table = SstFileWriter::create(&options);
    table.open(&path).map_err(disk)?;
    // Keys must ascend: metadata, current values, history, block records, journal.
    if let Some(floor) = group.floor {
        table.put(keys::META_FLOOR, floor.to_be_bytes()).map_err(disk)?;
    }
    if let Some(last) = group.blocks.last() {
        table.put(keys::META_HEAD, last.height.to_be_bytes()).map_err(disk)?;
    }
    if let Some(record) = identity_record {
        table.put(keys::META_IDENTITY, record).map_err(disk)?;
    }
    if let Some(removed) = group.journal_removed {
        table.put(keys::META_JOURNAL, removed.to_be_bytes()).map_err(disk)?;
    }
    if group.ends_restore {
        table.delete(keys::META_RESTORE).map_err(disk)?;
        table.delete(keys::META_RESTORED).map_err(disk)?;
    }
    put_current(&mut table, &stores)?;
    failpoint::hit(failpoint::WRITER_WRITING);
    let bytes_by_block = put_history(&mut table, &stores, group)?;
    let history_bytes = put_blocks(&mut table, group, block_stores, bytes_by_block, history_bytes)?;
    put_journal(&mut table, shared, group)?;
    table.finish().map_err(disk)?; // synced
    failpoint::hit(failpoint::WRITER_WRITTEN);
    ingest(shared, &path)?;
    Ok(history_bytes)
}

/// Makes a finished table file part of the database, durably.
pub(crate) fn ingest(shared: &Shared, path: &Path) -> Result<(), StateError> {
    let mut options = IngestExternalFileOptions::default();
    options.set_move_files(true);
    // Syncs the file in its new place and the folder, then the manifest.
    shared.db.ingest_external_file_opts(&options, vec![path]).map_err(disk)?;
    remove_unfinished(shared).map_err(|error| StateError::backend(error.to_string())) // the old name
}

/// Removes the table file that a crash has left.
pub(crate) fn remove_unfinished(shared: &Shared) -> io::Result<()> {
    match fs::remove_file(shared.path.join(NEW_TABLE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Numbers the stores that the blocks bring into being. The identity record if it has changed, and each block's stores.
fn number_stores(shared: &Shared, group: &Group) -> (Option<Vec<u8>>, Vec<Vec<StoreId>>) {
    let mut identity = shared.identity.write();
    let mut grown = false;
    let mut by_block = Vec::with_capacity(group.blocks.len());
    for block in &group.blocks {
        for store in block.stores.iter().filter(|store| store.is_persisted()) {
            grown |= identity.add(*store);
        }
        by_block.push(block.stores.iter().filter_map(|store| identity.id(store.name())).collect());
    }
    (grown.then(|| identity.encode()), by_block)
}

/// All changes, by store number, ascending by key and then by height.
fn changes_by_store<'a>(shared: &Shared, group: &'a Group) -> Result<Vec<(StoreId, Vec<Dated<'a>>)>, StateError> {
    let mut stores: Vec<(StoreId, Vec<Dated<'a>>)> = vec![];
    for block in &group.blocks {
        for delta in &block.deltas {
            let id = number(shared, delta)?;
            let at = stores.partition_point(|(other, _)| *other < id);
            if stores.get(at).is_none_or(|(other, _)| *other != id) {
                stores.insert(at, (id, vec![]));
            }
            if let Some((_, changes)) = stores.get_mut(at) {
                changes.extend(delta.iter().map(|change| (block.height, change)));
            }
        }
    }
    for (_, changes) in &mut stores {
        // Stable, and quick on what are a few sorted runs: changes of one key stay in the order of their blocks.
        changes.sort_by(|(_, a), (_, b)| a.key.cmp(b.key));
    }
    Ok(stores)
}

fn number(shared: &Shared, delta: &StoreDelta) -> Result<StoreId, StateError> {
    let store = delta.store();
    shared.store_id(store)?.ok_or_else(|| StateError::misuse(store, "written to in a block that does not list it"))
}

/// The last value of each key.
fn put_current(table: &mut SstFileWriter<'_>, stores: &[(StoreId, Vec<Dated<'_>>)]) -> Result<(), StateError> {
    let mut raw = vec![];
    for (id, changes) in stores {
        for versions in changes.chunk_by(|(_, a), (_, b)| a.key == b.key) {
            let Some((_, last)) = versions.last() else { continue };
            keys::current(&mut raw, *id, last.key);
            match last.new {
                Some(value) => table.put(&raw, value),
                None => table.delete(&raw),
            }
            .map_err(disk)?;
        }
    }
    Ok(())
}

/// Every old value; the bytes written for each block of the group.
fn put_history(
    table: &mut SstFileWriter<'_>,
    stores: &[(StoreId, Vec<Dated<'_>>)],
    group: &Group,
) -> Result<Vec<u64>, StateError> {
    let mut bytes_by_block = vec![0u64; group.blocks.len()];
    let mut raw = vec![];
    for (id, changes) in stores {
        for (height, change) in changes {
            keys::history_prefix(&mut raw, *id, change.key);
            raw.extend_from_slice(&height.to_be_bytes());
            let old = change.old.unwrap_or_default();
            table.put(&raw, old).map_err(disk)?;
            let at = group.blocks.partition_point(|block| block.height < *height);
            if let Some(bytes) = bytes_by_block.get_mut(at) {
                let written = raw.len().saturating_add(old.len());
                *bytes = bytes.saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
            }
        }
    }
    Ok(bytes_by_block)
}

fn put_blocks(
    table: &mut SstFileWriter<'_>,
    group: &Group,
    stores: Vec<Vec<StoreId>>,
    bytes: Vec<u64>,
    mut history_bytes: u64,
) -> Result<u64, StateError> {
    for ((block, stores), bytes) in group.blocks.iter().zip(stores).zip(bytes) {
        history_bytes = history_bytes.saturating_add(bytes);
        let record = BlockRecord { app_hash: block.app_hash, history_bytes, stores };
        table.put(keys::block(block.height), record.encode()).map_err(disk)?;
    }
    Ok(history_bytes)
}

/// The changed keys of each block.
fn put_journal(table: &mut SstFileWriter<'_>, shared: &Shared, group: &Group) -> Result<(), StateError> {
    let mut journal = JournalWriter::default();
    let mut raw = vec![];
    for block in &group.blocks {
        let deltas = block.deltas.iter().map(|delta| number(shared, delta).map(|id| (id, delta)));
        let mut deltas = deltas.collect::<Result<Vec<_>, _>>()?;
        deltas.sort_unstable_by_key(|(id, _)| *id);
        for (id, delta) in deltas {
            journal.clear();
            delta.iter().for_each(|change| journal.push(change.key));
            raw.clear();
            raw.extend_from_slice(&keys::journal(block.height));
            raw.extend_from_slice(&id.to_be_bytes());
            table.put(&raw, &journal.bytes).map_err(disk)?;
        }
    }
    Ok(())
}
