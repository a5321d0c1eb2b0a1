//! A backend that keeps everything in memory: for tests, tools and the simplest dev chains.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::backend::{Backend, Checkpoint, CommittedBlock, Durable, RestorePart, Restoring, StoredCheckpoint};
use crate::kv::interval_is_empty;
use crate::{Direction, Record, StateError, StateFault, Store};

/// Values and full history in memory. Every block is "durable" at once. Cloning gives another handle to the same contents, so a
/// test can drop a state and open it again.
#[derive(Clone, Default)]
pub struct MemoryBackend(Arc<Mutex<Contents>>);

#[derive(Default)]
struct Contents {
    /// Whether nobody will open a state from what blocks leave here.
    forgets: bool,
    live: BTreeMap<&'static str, BTreeMap<Vec<u8>, Bytes>>,
    /// All blocks since the start of history, ascending.
    blocks: Vec<CommittedBlock>,
    start: Option<u64>,
    checkpoint: Option<Image>,
    restore: Option<Restored>,
}

/// Parts of a state that is being taken over.
struct Restored {
    progress: Restoring,
    wanted: u32,
    records: BTreeMap<&'static str, BTreeMap<Vec<u8>, Bytes>>,
}

#[derive(Clone)]
struct Image {
    height: u64,
    app_hash: [u8; 32],
    sections: Vec<(String, Vec<Vec<u8>>)>,
}

impl MemoryBackend {
    /// An empty backend.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty backend for one run of a state that nobody opens again: of the blocks that come nothing is kept, and past
    /// heights are not readable. A state that is taken over is kept until its first block. Execution over millions of blocks
    /// needs no more memory than the state itself.
    #[must_use]
    pub fn for_one_run() -> Self {
        Self(Arc::new(Mutex::new(Contents { forgets: true, ..Contents::default() })))
    }
}

impl Contents {
    fn require(&self, height: u64) -> Result<(), StateError> {
        let latest = self.blocks.last().map_or(0, |block| block.height);
        match self.start {
            Some(oldest) if oldest <= height && height <= latest => Ok(()),
            start => Err(StateError::Unavailable { requested: height, oldest: start.unwrap_or(latest), latest }),
        }
    }

    fn meta(block: &CommittedBlock) -> Durable {
        Durable {
            height: block.height,
            app_hash: block.app_hash,
            stores: block.stores.iter().map(|store| (store.name().to_owned(), store.is_committed())).collect(),
        }
    }

    /// Makes a block's changes.
    fn apply(&mut self, block: CommittedBlock) {
        for delta in &block.deltas {
            let records = self.live.entry(delta.store().name()).or_default();
            for change in delta.iter() {
                match change.new {
                    Some(new) => records.insert(change.key.to_vec(), Bytes::copy_from_slice(new)),
                    None => records.remove(change.key),
                };
            }
        }
        self.start.get_or_insert(block.height);
        self.blocks.push(block);
    }

    fn restore(&mut self) -> Result<&mut Restored, StateError> {
        self.restore.as_mut().ok_or_else(|| StateError::backend("no state is being taken over"))
    }

    /// The records of a store after block `height`.
    fn store_at(&self, store: Store, height: u64) -> BTreeMap<Vec<u8>, Bytes> {
        let mut records = self.live.get(store.name()).cloned().unwrap_or_default();
        for block in self.blocks.iter().rev().take_while(|block| block.height > height) {
            for change in block.deltas.iter().filter(|delta| delta.store() == store).flat_map(|delta| delta.iter()) {
                match change.old {
                    Some(old) => records.insert(change.key.to_vec(), Bytes::copy_from_slice(old)),
                    None => records.remove(change.key),
                };
            }
        }
        records
    }
}

impl Backend for MemoryBackend {
    fn durable(&self) -> Result<Option<Durable>, StateError> {
        Ok(self.0.lock().blocks.last().map(Contents::meta))
    }

    fn durable_height(&self) -> u64 {
        self.0.lock().blocks.last().map_or(0, |block| block.height)
    }

    fn persist(&self, block: CommittedBlock) -> Result<(), StateError> {
        let contents = &mut *self.0.lock();
        let latest = contents.blocks.last().map_or(0, |block| block.height);
        if block.height <= latest || block.previous_height != latest {
            return Err(StateError::Fatal(StateFault::Backend(format!(
                "block {} after {} given after {latest}",
                block.height, block.previous_height
            ))));
        }
        contents.restore = None;
        if contents.forgets {
            contents.live = BTreeMap::new();
            contents.start = None;
            contents.blocks = vec![CommittedBlock { deltas: Vec::new(), ..block }];
        } else {
            contents.apply(block);
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), StateError> {
        Ok(())
    }

    fn scan(
        &self,
        store: Store,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        let contents = self.0.lock();
        if let Some(records) = contents.live.get(store.name())
            && !interval_is_empty(start, end)
        {
            for (key, value) in records.range::<[u8], _>((start, end)) {
                visit(key, value)?;
            }
        }
        Ok(())
    }

    fn history_start(&self) -> Option<u64> {
        self.0.lock().start
    }

    fn history_get(&self, store: Store, key: &[u8], height: u64) -> Result<Option<Bytes>, StateError> {
        let contents = self.0.lock();
        contents.require(height)?;
        let change = contents
            .blocks
            .iter()
            .filter(|block| block.height > height)
            .flat_map(|block| block.deltas.iter().filter(|delta| delta.store() == store))
            .find_map(|delta| delta.undo().get(key));
        Ok(match change {
            Some(old) => old.map(Bytes::copy_from_slice),
            None => contents.live.get(store.name()).and_then(|records| records.get(key)).cloned(),
        })
    }

    fn history_range(
        &self,
        store: Store,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        direction: Direction,
        height: u64,
        limit: usize,
    ) -> Result<Vec<Record>, StateError> {
        let contents = self.0.lock();
        contents.require(height)?;
        if interval_is_empty(start, end) {
            return Ok(Vec::new());
        }
        let records = contents.store_at(store, height);
        let range = records.range::<[u8], _>((start, end));
        let record = |(key, value): (&Vec<u8>, &Bytes)| (Bytes::copy_from_slice(key), value.clone());
        Ok(match direction {
            Direction::Ascending => range.take(limit).map(record).collect(),
            Direction::Descending => range.rev().take(limit).map(record).collect(),
        })
    }

    fn history_meta(&self, height: u64) -> Result<Durable, StateError> {
        let contents = self.0.lock();
        contents.require(height)?;
        let block = contents.blocks.iter().rev().find(|block| block.height <= height);
        block
            .map(|block| Durable { height, ..Contents::meta(block) })
            .ok_or_else(|| StateError::backend("history starts before the first block"))
    }

    fn changed_since(
        &self,
        store: Store,
        height: u64,
        visit: &mut dyn FnMut(&[u8], Option<&[u8]>) -> Result<(), StateError>,
    ) -> Result<bool, StateError> {
        let contents = self.0.lock();
        if contents.require(height).is_err() {
            return Ok(false);
        }
        let keys: BTreeSet<Vec<u8>> = contents
            .blocks
            .iter()
            .filter(|block| block.height > height)
            .flat_map(|block| block.deltas.iter().filter(|delta| delta.store() == store))
            .flat_map(|delta| delta.iter().map(|change| change.key.to_vec()))
            .collect();
        let live = contents.live.get(store.name());
        for key in keys {
            visit(&key, live.and_then(|records| records.get(&key)).map(|value| &value[..]))?;
        }
        Ok(true)
    }

    fn prune(&self, keep_from: u64) -> Result<(), StateError> {
        let contents = &mut *self.0.lock();
        let latest = contents.blocks.last().map_or(0, |block| block.height);
        if let Some(start) = &mut contents.start {
            *start = (*start).max(keep_from.min(latest));
            let start = *start;
            // The block at `start` stays for its meta data; its old values are of no more use.
            contents.blocks.retain(|block| block.height >= start);
        }
        Ok(())
    }

    fn restoring(&self) -> Result<Option<Restoring>, StateError> {
        Ok(self.0.lock().restore.as_ref().map(|restore| restore.progress.clone()))
    }

    fn restore_begin(&self, description: &[u8], _: &[Store], parts: u32) -> Result<(), StateError> {
        let contents = &mut *self.0.lock();
        if !contents.blocks.is_empty() {
            return Err(StateError::backend("a state can be taken over only into an empty database"));
        }
        let progress = Restoring { description: Bytes::copy_from_slice(description), parts: BTreeSet::new() };
        contents.restore = Some(Restored { progress, wanted: parts, records: BTreeMap::new() });
        Ok(())
    }

    fn restore_part(&self, part: RestorePart) -> Result<(), StateError> {
        let contents = &mut *self.0.lock();
        let restore = contents.restore()?;
        let records = restore.records.entry(part.store.name()).or_default();
        // Copies: slices of a chunk would keep the whole chunk.
        let copied = part.records.iter().map(|(key, value)| (key.to_vec(), Bytes::copy_from_slice(value)));
        records.extend(copied);
        restore.progress.parts.insert(part.index);
        Ok(())
    }

    fn restore_finish(&self, block: CommittedBlock) -> Result<(), StateError> {
        let contents = &mut *self.0.lock();
        let restore = contents.restore()?;
        if restore.progress.parts.len() != restore.wanted as usize {
            return Err(StateError::backend("parts of the state that is being taken over are missing"));
        }
        contents.live = std::mem::take(&mut restore.records);
        contents.restore = None;
        contents.apply(block);
        Ok(())
    }

    fn restore_discard(&self) -> Result<(), StateError> {
        self.0.lock().restore = None;
        Ok(())
    }

    fn write_checkpoint(&self, checkpoint: Checkpoint<'_>) -> Result<(), StateError> {
        let mut sections = Vec::with_capacity(checkpoint.sections.len());
        for (name, chunks) in checkpoint.sections {
            sections.push((name, chunks.collect::<Result<Vec<_>, _>>()?));
        }
        let image = Image { height: checkpoint.height, app_hash: checkpoint.app_hash, sections };
        self.0.lock().checkpoint = Some(image);
        Ok(())
    }

    fn read_checkpoint(&self) -> Result<Option<StoredCheckpoint>, StateError> {
        let contents = self.0.lock();
        let latest = contents.blocks.last().map_or(0, |block| block.height);
        Ok(contents.checkpoint.clone().filter(|image| image.height <= latest).map(|image| StoredCheckpoint {
            height: image.height,
            app_hash: image.app_hash,
            sections: image
                .sections
                .into_iter()
                .map(|(name, chunks)| (name, Box::new(chunks.into_iter().map(Ok)) as crate::ChunkIter<'static>))
                .collect(),
        }))
    }
}
