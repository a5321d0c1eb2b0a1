//! Reading the state at one version while later ones are being written.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use crate::hash::Hash;
use crate::kv::{bound_ref, interval_contains, interval_is_empty};
use crate::shared::Shared;
use crate::undo::Undo;
use crate::values::PackedMap;
use crate::{Direction, KvRead, RangeIter, Record, StateError, Store};

/// The live values of a store and what recent blocks changed.
///
/// A reader at an earlier version looks into the old values of the blocks after it first. Whoever changes the map pushes the
/// block's old values before the first change, under the same lock: so readers see one version, whatever part of a block is
/// applied.
#[derive(Default)]
pub(crate) struct Values {
    pub(crate) map: PackedMap,
    /// Old values by version, ascending; versions that changed nothing in this store have none.
    pub(crate) undo: VecDeque<(u64, Arc<Undo>)>,
}

impl Values {
    /// The old values of all versions after `version`, oldest first.
    fn later(&self, version: u64) -> impl DoubleEndedIterator<Item = &Undo> {
        let first = match self.undo.back() {
            // The usual case: the reader is at the latest version.
            Some((newest, _)) if *newest > version => self.undo.partition_point(|(changed, _)| *changed <= version),
            _ => self.undo.len(),
        };
        self.undo.range(first..).map(|(_, undo)| &**undo)
    }

    /// The value of `key` after `version`.
    pub(crate) fn get(&self, key: &[u8], version: u64) -> Option<&[u8]> {
        // The first change after the version holds the value as of the version.
        self.later(version).find_map(|undo| undo.get(key)).unwrap_or_else(|| self.map.get(key))
    }

    /// About `limit` records between two bounds after `version`, and how far they cover the interval.
    fn chunk(&self, version: u64, start: Bound<&[u8]>, end: Bound<&[u8]>, direction: Direction, limit: usize) -> Chunk {
        let mut records = Vec::with_capacity(limit);
        self.map.scan(start, end, direction, |key, value| {
            records.push((Bytes::copy_from_slice(key), Bytes::copy_from_slice(value)));
            records.len() < limit
        });
        let mut covered = if records.len() < limit { None } else { records.last().map(|(key, _)| key.to_vec()) };
        if self.later(version).next().is_none() {
            return Chunk { records: records.into(), covered };
        }
        // Many old values at one place shorten the chunk, so that the lock is held for a bounded time.
        let most = limit * 2;
        for undo in self.later(version) {
            let range = reach(undo, start, end, direction, covered.as_deref());
            if range.len() > most {
                let last = match direction {
                    Direction::Ascending => range.start + most - 1,
                    Direction::Descending => range.end - most,
                };
                covered = Some(undo.key(last).to_vec());
            }
        }
        let within = |key: &[u8]| match (&covered, direction) {
            (None, _) => true,
            (Some(last), Direction::Ascending) => key <= last.as_slice(),
            (Some(last), Direction::Descending) => key >= last.as_slice(),
        };
        let mut merged: BTreeMap<Bytes, Bytes> = records.into_iter().filter(|(key, _)| within(key)).collect();
        // Newest first, so that the oldest change has the last word.
        for undo in self.later(version).rev() {
            for index in reach(undo, start, end, direction, covered.as_deref()) {
                let (key, old) = undo.entry(index);
                match old {
                    Some(old) => merged.insert(Bytes::copy_from_slice(key), Bytes::copy_from_slice(old)),
                    None => merged.remove(key),
                };
            }
        }
        let records = match direction {
            Direction::Ascending => merged.into_iter().collect(),
            Direction::Descending => merged.into_iter().rev().collect(),
        };
        Chunk { records, covered }
    }
}

struct Chunk {
    records: VecDeque<Record>,
    /// The last key looked at; `None` when the interval's end was reached.
    covered: Option<Vec<u8>>,
}

/// The entries between two bounds, no further than `covered`.
fn reach(
    undo: &Undo,
    start: Bound<&[u8]>,
    end: Bound<&[u8]>,
    direction: Direction,
    covered: Option<&[u8]>,
) -> std::ops::Range<usize> {
    match (covered, direction) {
        (None, _) => undo.range(start, end),
        (Some(last), Direction::Ascending) => undo.range(start, Bound::Included(last)),
        (Some(last), Direction::Descending) => undo.range(Bound::Included(last), end),
    }
}

/// The state after one committed block. Cheap to clone; reads never wait for a block.
///
/// It stays readable while its version is within the window of recent versions. After that, reads go to the backend's history
/// where it reaches back far enough, and otherwise fail with [`StateError::Unavailable`]. Never does a read return data of
/// another version.
#[derive(Clone)]
pub struct Snapshot {
    shared: Arc<Shared>,
    version: u64,
}

impl Snapshot {
    pub(crate) fn new(shared: Arc<Shared>, version: u64) -> Self {
        Self { shared, version }
    }

    /// The height of the block.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.version
    }

    /// The app hash after the block.
    ///
    /// # Errors
    /// [`StateError::Unavailable`] when neither the window nor history holds the height any more.
    pub fn app_hash(&self) -> Result<Hash, StateError> {
        self.shared.app_hash(self.version)
    }
}

impl KvRead for Snapshot {
    fn get(&self, store: Store, key: &[u8]) -> Result<Option<Bytes>, StateError> {
        let slot = self.shared.slot(store)?;
        {
            let values = slot.values.read();
            if self.shared.is_retained(self.version) {
                return Ok(values.get(key, self.version).map(Bytes::copy_from_slice));
            }
        }
        self.shared.require_history(store, self.version)?;
        self.shared.backend.history_get(store, key, self.version)
    }

    fn range(
        &self,
        store: Store,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        direction: Direction,
    ) -> Result<RangeIter<'_>, StateError> {
        self.shared.slot(store)?;
        let own = |bound: Bound<&[u8]>| bound.map(<[u8]>::to_vec);
        Ok(RangeIter::new(Cursor {
            snapshot: self,
            store,
            start: own(start),
            end: own(end),
            direction,
            buffer: VecDeque::new(),
            done: interval_is_empty(start, end),
            limit: FIRST_CHUNK,
        }))
    }

    fn has(&self, store: Store, key: &[u8]) -> Result<bool, StateError> {
        let slot = self.shared.slot(store)?;
        {
            let values = slot.values.read();
            if self.shared.is_retained(self.version) {
                return Ok(values.get(key, self.version).is_some());
            }
        }
        Ok(self.get(store, key)?.is_some())
    }
}

/// Records fetched at first; many iterations stop early.
const FIRST_CHUNK: usize = 8;
/// Chunks grow up to this; it bounds the time for which an iteration holds a lock.
const LARGEST_CHUNK: usize = 128;

/// An iteration that fetches chunks and holds no lock in between.
struct Cursor<'a> {
    snapshot: &'a Snapshot,
    store: Store,
    start: Bound<Vec<u8>>,
    end: Bound<Vec<u8>>,
    direction: Direction,
    buffer: VecDeque<Record>,
    done: bool,
    limit: usize,
}

impl Cursor<'_> {
    fn fetch(&self) -> Result<Chunk, StateError> {
        let Snapshot { shared, version } = self.snapshot;
        let (start, end) = (bound_ref(&self.start), bound_ref(&self.end));
        {
            let values = shared.slot(self.store)?.values.read();
            if shared.is_retained(*version) {
                return Ok(values.chunk(*version, start, end, self.direction, self.limit));
            }
        }
        shared.require_history(self.store, *version)?;
        let records = shared.backend.history_range(self.store, start, end, self.direction, *version, self.limit)?;
        let covered = if records.len() < self.limit { None } else { records.last().map(|(key, _)| key.to_vec()) };
        Ok(Chunk { records: records.into(), covered })
    }
}

impl Iterator for Cursor<'_> {
    type Item = Result<Record, StateError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.buffer.is_empty() && !self.done {
            match self.fetch() {
                Ok(chunk) => {
                    self.buffer = chunk.records;
                    debug_assert!(self.buffer.iter().all(|(key, _)| interval_contains(
                        bound_ref(&self.start),
                        bound_ref(&self.end),
                        key
                    )));
                    match (chunk.covered, self.direction) {
                        (None, _) => self.done = true,
                        (Some(last), Direction::Ascending) => self.start = Bound::Excluded(last),
                        (Some(last), Direction::Descending) => self.end = Bound::Excluded(last),
                    }
                    self.done |= interval_is_empty(bound_ref(&self.start), bound_ref(&self.end));
                    self.limit = (self.limit * 4).min(LARGEST_CHUNK);
                }
                Err(error) => {
                    self.done = true;
                    return Some(Err(error));
                }
            }
        }
        self.buffer.pop_front().map(Ok)
    }
}
