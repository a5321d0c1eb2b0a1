//! Reading: live values at load, old values by height.

use std::{ops::Bound, sync::atomic::Ordering};

use bytes::Bytes;
use plume_state::{Direction, Durable, Record, StateError, Store};
use rocksdb::{DB, DBRawIteratorWithThreadMode, ReadOptions, SnapshotWithThreadMode};

use crate::{
    backend::{Shared, disk},
    keys::{self, HEIGHT_LEN, StoreId},
    records::{BlockRecord, decode_old, read_journal},
};

type Snapshot<'a> = SnapshotWithThreadMode<'a, DB>;
type RawIterator<'a> = DBRawIteratorWithThreadMode<'a, DB>;

/// Steps to a neighbour before seeking instead.
const STEPS: usize = 8;

impl Shared {
    /// The record of the block in force at `height`: that of the newest block at or below it.
    pub(crate) fn record_at_or_below(&self, height: u64) -> Result<Option<(u64, BlockRecord)>, StateError> {
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(vec![keys::BLOCK]);
        options.set_iterate_upper_bound(vec![keys::BLOCK.saturating_add(1)]);
        let mut records = self.db.raw_iterator_opt(options);
        records.seek_for_prev(keys::block(height));
        let Some((key, value)) = records.item() else {
            records.status().map_err(disk)?;
            return Ok(None);
        };
        let record = keys::parse_block(key).zip(BlockRecord::decode(value));
        record
            .map(Some)
            .ok_or_else(|| StateError::backend(format!("the block record at or below {height} is malformed")))
    }

    /// What is known of the block in force at `height`.
    pub(crate) fn block(&self, height: u64) -> Result<Durable, StateError> {
        let found = self.record_at_or_below(height)?;
        let (at, record) =
            found.ok_or_else(|| StateError::backend(format!("no block record at or below height {height}")))?;
        self.describe(at, &record)
    }

    /// Visits live values in key order.
    #[expect(clippy::type_complexity, reason = "the trait's signature")]
    pub(crate) fn scan(
        &self,
        store: Store,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        let Some(id) = self.store_id(store)? else { return Ok(()) };
        let Some(range) = KeyRange::new(start, end) else { return Ok(()) };
        let mut options = range.current(id);
        options.fill_cache(false);
        options.set_readahead_size(2 << 20);
        let mut values = self.db.raw_iterator_opt(options);
        values.seek_to_first();
        while let Some((raw, value)) = values.item() {
            visit(key_of_current(raw), value)?;
            values.next();
        }
        values.status().map_err(disk)
    }

    /// Boundaries of the table files below the first level: RocksDB keeps them at about equal size.
    pub(crate) fn split_points(&self, store: Store, parts: usize) -> Result<Vec<Bytes>, StateError> {
        let Some(id) = self.store_id(store)? else { return Ok(vec![]) };
        let prefix = keys::current_prefix(id);
        let files = self.db.live_files().map_err(disk)?;
        let starts = files.iter().filter(|file| file.level > 0).filter_map(|file| file.start_key.as_deref());
        let mut starts: Vec<_> = starts
            .filter_map(|key| key.strip_prefix(&prefix))
            .filter(|key| !key.is_empty())
            .map(Bytes::copy_from_slice)
            .collect();
        starts.sort();
        starts.dedup();
        let wanted = parts.saturating_sub(1);
        if wanted == 0 || starts.len() <= wanted {
            return Ok(if wanted == 0 { vec![] } else { starts });
        }
        // Evenly spread: number i of `wanted` stands i/parts of the way.
        let at = |i: usize| starts.len().saturating_mul(i).checked_div(parts).and_then(|at| starts.get(at)).cloned();
        Ok((1..parts).filter_map(at).collect())
    }

    /// The value of a key after block `height`.
    pub(crate) fn history_get(&self, store: Store, key: &[u8], height: u64) -> Result<Option<Bytes>, StateError> {
        self.require_height(height)?;
        let Some(id) = self.store_id(store)? else { return Ok(None) };
        let value = value_at(&self.db.snapshot(), id, key, height)?;
        self.require_height(height)?; // pruning may have overtaken the read
        Ok(value)
    }

    /// The records of a range after block `height`: history merged with the live values.
    pub(crate) fn history_range(
        &self,
        store: Store,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        direction: Direction,
        height: u64,
        limit: usize,
    ) -> Result<Vec<Record>, StateError> {
        self.require_height(height)?;
        let Some(id) = self.store_id(store)? else { return Ok(vec![]) };
        let Some(range) = KeyRange::new(start, end) else { return Ok(vec![]) };
        let snapshot = self.db.snapshot();
        let mut merge = Merge::new(&snapshot, id, &range, direction, height);
        let mut records = vec![];
        while records.len() < limit {
            let Some((key, value)) = merge.next_key()? else { break };
            if let Some(value) = value {
                records.push((key, value));
            }
        }
        self.require_height(height)?;
        Ok(records)
    }

    /// Visits the keys that changed behind `height`, with their live values.
    #[expect(clippy::type_complexity, reason = "the trait's signature")]
    pub(crate) fn changed_since(
        &self,
        store: Store,
        height: u64,
        visit: &mut dyn FnMut(&[u8], Option<&[u8]>) -> Result<(), StateError>,
    ) -> Result<bool, StateError> {
        let durable = self.durable_height.load(Ordering::Acquire);
        if height > durable || (height < durable && height < self.journal_removed.load(Ordering::Acquire)) {
            return Ok(false);
        }
        let Some(id) = self.store_id(store)? else { return Ok(true) };
        let mut changed = self.journal(id, height, durable)?;
        changed.sort_unstable();
        changed.dedup();
        let mut live = self.db.raw_iterator_opt(bounded(
            keys::current_prefix(id).to_vec(),
            keys::after_prefix(&keys::current_prefix(id)),
        ));
        live.seek_to_first();
        let mut raw = vec![];
        for key in changed {
            keys::current(&mut raw, id, &key);
            move_to(&mut live, &raw);
            live.status().map_err(disk)?;
            visit(&key, live.item().filter(|(found, _)| *found == raw).map(|(_, value)| value))?;
        }
        Ok(true)
    }

    /// The keys of one store in the journal of the blocks behind `height` up to `durable`.
    fn journal(&self, id: StoreId, height: u64, durable: u64) -> Result<Vec<Bytes>, StateError> {
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(keys::journal(durable.saturating_add(1)).to_vec());
        options.fill_cache(false);
        let mut records = self.db.raw_iterator_opt(options);
        records.seek(keys::journal(height.saturating_add(1)));
        let mut changed = vec![];
        while let Some((raw, value)) = records.item() {
            let malformed = || StateError::backend(format!("a journal record behind block {height} is malformed"));
            let (_, store) = keys::parse_journal(raw).ok_or_else(malformed)?;
            if store == id {
                changed.extend(read_journal(value).ok_or_else(malformed)?);
            }
            records.next();
        }
        records.status().map_err(disk)?;
        Ok(changed)
    }
}

/// Moves an iterator forward to the first key at or behind `target`: step by step as long as that is near.
fn move_to(iterator: &mut RawIterator<'_>, target: &[u8]) {
    for _ in 0..STEPS {
        match iterator.key() {
            Some(key) if key < target => iterator.next(),
            _ => return,
        }
    }
    if iterator.key().is_some_and(|key| key < target) {
        iterator.seek(target);
    }
}

/// The key part of a current value's raw key.
fn key_of_current(raw: &[u8]) -> &[u8] {
    raw.get(3..).unwrap_or_default()
}

/// A non-empty interval of keys, from one included to one excluded.
struct KeyRange {
    start: Vec<u8>,
    end: Option<Vec<u8>>,
}

impl KeyRange {
    fn new(start: Bound<&[u8]>, end: Bound<&[u8]>) -> Option<Self> {
        // Nothing lies between a key and the same key with a zero byte appended.
        let successor = |key: &[u8]| [key, &[0]].concat();
        let start = match start {
            Bound::Unbounded => vec![],
            Bound::Included(key) => key.to_vec(),
            Bound::Excluded(key) => successor(key),
        };
        let end = match end {
            Bound::Unbounded => None,
            Bound::Included(key) => Some(successor(key)),
            Bound::Excluded(key) => Some(key.to_vec()),
        };
        end.as_ref().is_none_or(|end| start < *end).then_some(Self { start, end })
    }

    /// Bounds over current values.
    fn current(&self, id: StoreId) -> ReadOptions {
        let (mut start, mut end) = (vec![], vec![]);
        keys::current(&mut start, id, &self.start);
        match &self.end {
            Some(key) => keys::current(&mut end, id, key),
            None => end = keys::after_prefix(&keys::current_prefix(id)),
        }
        bounded(start, end)
    }

    /// Bounds over the old values of the same keys.
    fn history(&self, id: StoreId) -> ReadOptions {
        let (mut start, mut end) = (vec![], vec![]);
        keys::history_start(&mut start, id, &self.start);
        match &self.end {
            Some(key) => keys::history_start(&mut end, id, key),
            None => {
                keys::history_start(&mut end, id, b"");
                end = keys::after_prefix(&end);
            }
        }
        bounded(start, end)
    }
}

fn bounded(start: Vec<u8>, end: Vec<u8>) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_iterate_lower_bound(start);
    options.set_iterate_upper_bound(end);
    options
}

/// One seek: the first old value behind `height` was in force at `height`; without one the live value was.
fn value_at(snapshot: &Snapshot<'_>, id: StoreId, key: &[u8], height: u64) -> Result<Option<Bytes>, StateError> {
    let mut raw = vec![];
    if let Some(behind) = height.checked_add(1) {
        keys::history_prefix(&mut raw, id, key);
        let mut end = raw.clone();
        end.push(0xFF); // above every height that occurs
        end.extend_from_slice(&[0xFF; HEIGHT_LEN]);
        raw.extend_from_slice(&behind.to_be_bytes());
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(end);
        let mut entries = snapshot.raw_iterator_opt(options);
        entries.seek(&raw);
        if let Some(old) = entries.value() {
            return Ok(decode_old(old));
        }
        entries.status().map_err(disk)?;
    }
    keys::current(&mut raw, id, key);
    Ok(snapshot.get(&raw).map_err(disk)?.map(Bytes::from))
}

/// Walks the union of live keys and keys with old values, in one direction.
struct Merge<'a> {
    current: RawIterator<'a>,
    history: RawIterator<'a>,
    direction: Direction,
    height: u64,
}

impl<'a> Merge<'a> {
    fn new(snapshot: &'a Snapshot<'a>, id: StoreId, range: &KeyRange, direction: Direction, height: u64) -> Self {
        let mut current = snapshot.raw_iterator_opt(range.current(id));
        let mut history = snapshot.raw_iterator_opt(range.history(id));
        for iterator in [&mut current, &mut history] {
            match direction {
                Direction::Ascending => iterator.seek_to_first(),
                Direction::Descending => iterator.seek_to_last(),
            }
        }
        Self { current, history, direction, height }
    }

    /// The next key and its value at the height; `None` at the end.
    fn next_key(&mut self) -> Result<Option<(Bytes, Option<Bytes>)>, StateError> {
        let live = self.current.item().map(|(raw, value)| (Bytes::copy_from_slice(key_of_current(raw)), value));
        let live = live.map(|(key, value)| (key, Bytes::copy_from_slice(value)));
        let changed = match self.history.key() {
            Some(raw) => {
                Some(keys::parse_history(raw).ok_or_else(|| StateError::backend("a history key is malformed"))?.1)
            }
            None => None,
        };
        self.current.status().and_then(|()| self.history.status()).map_err(disk)?;
        let take_live = match (&live, &changed) {
            (None, None) => return Ok(None),
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some((live, _)), Some(changed)) => match self.direction {
                Direction::Ascending => live.as_ref() < changed.as_slice(),
                Direction::Descending => live.as_ref() > changed.as_slice(),
            },
        };
        if take_live {
            self.step_live();
            return Ok(live.map(|(key, value)| (key, Some(value))));
        }
        let old = self.pass_history()?;
        let key = changed.map(Bytes::from).unwrap_or_default();
        let is_live = live.as_ref().is_some_and(|(live, _)| *live == key);
        if is_live {
            self.step_live();
        }
        let live = live.filter(|_| is_live).map(|(_, value)| value);
        Ok(Some((key, old.unwrap_or(live))))
    }

    fn step_live(&mut self) {
        match self.direction {
            Direction::Ascending => self.current.next(),
            Direction::Descending => self.current.prev(),
        }
    }

    /// Moves the history iterator past the key it stands at; the key's first old value behind the height, if there is one.
    fn pass_history(&mut self) -> Result<Option<Option<Bytes>>, StateError> {
        let Some((prefix, _)) = self.history.key().and_then(keys::split_history) else { return Ok(None) };
        let prefix = prefix.to_vec();
        let old = match self.direction {
            Direction::Ascending => self.pass_ascending(&prefix),
            Direction::Descending => self.pass_descending(&prefix),
        };
        self.history.status().map_err(disk)?;
        Ok(old)
    }

    /// Height and value of the entry that the iterator stands at, if it is still one of this key.
    fn entry(&self, prefix: &[u8]) -> Option<(u64, &[u8])> {
        let (raw, value) = self.history.item()?;
        let (key, height) = keys::split_history(raw)?;
        (key == prefix).then_some((height, value))
    }

    fn pass_ascending(&mut self, prefix: &[u8]) -> Option<Option<Bytes>> {
        let mut steps = 0usize;
        while self.entry(prefix).is_some_and(|(height, _)| height <= self.height) {
            if steps < STEPS {
                self.history.next();
            } else {
                self.seek_behind(prefix);
                break;
            }
            steps = steps.saturating_add(1);
        }
        let old = self.entry(prefix).map(|(_, value)| decode_old(value));
        let mut steps = 0usize;
        while self.entry(prefix).is_some() {
            if steps < STEPS {
                self.history.next();
            } else {
                self.history.seek(keys::after_prefix(prefix));
                break;
            }
            steps = steps.saturating_add(1);
        }
        old
    }

    fn pass_descending(&mut self, prefix: &[u8]) -> Option<Option<Bytes>> {
        let mut old = None;
        let mut steps = 0usize;
        while let Some((height, value)) = self.entry(prefix) {
            if height > self.height {
                old = Some(decode_old(value));
            }
            if steps < STEPS {
                self.history.prev();
            } else {
                self.seek_behind(prefix);
                old = self.entry(prefix).map(|(_, value)| decode_old(value));
                self.history.seek_for_prev(prefix);
                break;
            }
            steps = steps.saturating_add(1);
        }
        old
    }

    /// Goes to the key's first entry behind the height, or to whatever follows.
    fn seek_behind(&mut self, prefix: &[u8]) {
        let mut target = prefix.to_vec();
        target.extend_from_slice(&self.height.saturating_add(1).to_be_bytes());
        self.history.seek(target);
    }
}
