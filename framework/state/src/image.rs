//! Tree checkpoints: leaf hashes in key order, so that a restart need not hash every key and value again.
//!
//! One section per committed store. An entry is the first 64 bits of the key's hash, then the leaf's hash, 40 bytes, without
//! the key: entries stand in the order of the keys at the checkpoint's height, and what changed since is known from the
//! backend. The app hash is checked after loading; a checkpoint that does not lead to it is left aside.

use std::iter::Peekable;
use std::ops::Bound;

use crate::backend::{Checkpoint, ChunkIter};
use crate::hash::{Hash, leaf_hash, sha256};
use crate::shared::Shared;
use crate::snapshot::Snapshot;
use crate::{Direction, KvRead, StateError, Store};

const ENTRY: usize = 40;
const ENTRIES_PER_CHUNK: usize = 1 << 15;

/// What the tree needs to know of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeafHashes {
    /// The first 64 bits of the key's hash.
    pub(crate) prefix: u64,
    /// The leaf's hash.
    pub(crate) leaf: Hash,
}

impl LeafHashes {
    pub(crate) fn of(key: &[u8], value: &[u8]) -> Self {
        let key_hash = sha256(key);
        Self { prefix: prefix(&key_hash), leaf: leaf_hash(&key_hash, &sha256(value)) }
    }
}

fn prefix(key_hash: &Hash) -> u64 {
    let (head, _) = key_hash.split_first_chunk().expect("a hash has 32 bytes");
    u64::from_be_bytes(*head)
}

/// Writes a checkpoint of a snapshot to the backend.
pub(crate) fn write(shared: &Shared, snapshot: &Snapshot) -> Result<(), StateError> {
    let version = shared.version(snapshot.height()).ok_or_else(|| shared.unavailable(snapshot.height()))?;
    let mut sections: Vec<(String, ChunkIter<'_>)> = Vec::with_capacity(version.roots.len());
    for (slot, _) in version.roots.iter() {
        let store = shared.slots()[*slot].store;
        sections.push((store.name().to_owned(), Box::new(Chunks { snapshot, store, after: None, done: false })));
    }
    shared.backend.write_checkpoint(Checkpoint { height: snapshot.height(), app_hash: version.app_hash, sections })
}

struct Chunks<'a> {
    snapshot: &'a Snapshot,
    store: Store,
    /// The last key written.
    after: Option<Vec<u8>>,
    done: bool,
}

impl Chunks<'_> {
    fn chunk(&mut self) -> Result<Vec<u8>, StateError> {
        let start = self.after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut bytes = Vec::new();
        let mut last = None;
        let range = self.snapshot.range(self.store, start, Bound::Unbounded, Direction::Ascending)?;
        for record in range.take(ENTRIES_PER_CHUNK) {
            let (key, value) = record?;
            let LeafHashes { prefix, leaf } = LeafHashes::of(&key, &value);
            bytes.extend_from_slice(&prefix.to_be_bytes());
            bytes.extend_from_slice(&leaf);
            last = Some(key);
        }
        self.after = last.map(|key| key.to_vec());
        Ok(bytes)
    }
}

impl Iterator for Chunks<'_> {
    type Item = Result<Vec<u8>, StateError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let chunk = self.chunk();
        match &chunk {
            Ok(bytes) if bytes.is_empty() => return None,
            Ok(_) => {}
            Err(_) => self.done = true,
        }
        Some(chunk)
    }
}

/// The leaf hashes of one store, to be asked for in key order.
pub(crate) struct StoreImage {
    entries: Entries,
    /// Keys that changed since the checkpoint, ascending.
    changed: Peekable<std::vec::IntoIter<Vec<u8>>>,
}

struct Entries {
    chunks: ChunkIter<'static>,
    chunk: Vec<u8>,
    at: usize,
}

impl Entries {
    fn peek(&mut self) -> Result<Option<LeafHashes>, StateError> {
        while self.at >= self.chunk.len() {
            match self.chunks.next().transpose()? {
                Some(chunk) => (self.chunk, self.at) = (chunk, 0),
                None => return Ok(None),
            }
        }
        let entry = self.chunk.get(self.at..).and_then(|rest| rest.split_first_chunk::<8>());
        let Some((prefix, rest)) = entry else { return Ok(None) };
        let Some((leaf, _)) = rest.split_first_chunk::<32>() else { return Ok(None) };
        Ok(Some(LeafHashes { prefix: u64::from_be_bytes(*prefix), leaf: *leaf }))
    }

    fn skip(&mut self) {
        self.at = self.at.saturating_add(ENTRY);
    }

    /// Steps over the entry of a key whose record changed, if it was there already.
    fn skip_key(&mut self, key: &[u8]) -> Result<(), StateError> {
        if self.peek()?.is_some_and(|entry| entry.prefix == prefix(&sha256(key))) {
            self.skip();
        }
        Ok(())
    }
}

impl StoreImage {
    pub(crate) fn new(chunks: ChunkIter<'static>, changed: Vec<Vec<u8>>) -> Self {
        Self { entries: Entries { chunks, chunk: Vec::new(), at: 0 }, changed: changed.into_iter().peekable() }
    }

    /// The hashes of the next record in key order.
    pub(crate) fn next(&mut self, key: &[u8], value: &[u8]) -> Result<LeafHashes, StateError> {
        // Keys below this one that changed and are no longer there.
        while let Some(removed) = self.changed.next_if(|changed| changed.as_slice() < key) {
            self.entries.skip_key(&removed)?;
        }
        if self.changed.next_if(|changed| changed == key).is_some() {
            self.entries.skip_key(key)?;
            return Ok(LeafHashes::of(key, value));
        }
        match self.entries.peek()? {
            Some(hashes) => {
                self.entries.skip();
                Ok(hashes)
            }
            // Too short: the app hash will tell whether the rest fits together.
            None => Ok(LeafHashes::of(key, value)),
        }
    }
}
