//! The changes of one store in one block, packed: keys with their old values, and the new values beside them.

use std::cmp::Ordering;
use std::ops::Bound;
use std::sync::Arc;

use crate::Store;

/// The changes of one store in one block, in ascending key order, each key once; never a change that changes nothing.
///
/// The state keeps the old values in RAM while the block is within the window of recent versions; a backend stores both.
#[derive(Debug)]
pub struct StoreDelta {
    store: Store,
    undo: Arc<Undo>,
    new: NewValues,
}

/// One change of a [`StoreDelta`], borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'a> {
    /// The changed key.
    pub key: &'a [u8],
    /// The value before the block; `None` when there was none.
    pub old: Option<&'a [u8]>,
    /// The value after the block; `None` when it was removed.
    pub new: Option<&'a [u8]>,
}

impl StoreDelta {
    /// A delta from its changes (tests of backends; the state makes its own).
    ///
    /// The caller gives them in ascending key order without duplicates.
    #[must_use]
    pub fn from_changes<'a>(store: Store, changes: impl IntoIterator<Item = Change<'a>>) -> Self {
        let mut undo = Undo::default();
        let mut new = NewValues::default();
        for change in changes {
            undo.push(change.key, change.old);
            new.push(change.new);
        }
        Self::new(store, Arc::new(undo), new)
    }

    pub(crate) fn new(store: Store, undo: Arc<Undo>, new: NewValues) -> Self {
        debug_assert_eq!(undo.len(), new.len());
        Self { store, undo, new }
    }

    /// The store changed.
    #[must_use]
    pub fn store(&self) -> Store {
        self.store
    }

    /// The number of changed keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.undo.len()
    }

    /// True without changes; the state makes no such delta.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.undo.is_empty()
    }

    /// Bytes of keys, old and new values: what a backend has to write, and what it may count for its lag.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        self.undo.bytes.len().saturating_add(self.new.bytes.len())
    }

    /// The changes, ascending by key.
    pub fn iter(&self) -> impl Iterator<Item = Change<'_>> {
        (0..self.len()).map(|index| {
            let (key, old) = self.undo.entry(index);
            Change { key, old, new: self.new.get(index) }
        })
    }

    pub(crate) fn undo(&self) -> &Arc<Undo> {
        &self.undo
    }
}

/// New values in the order of their keys, packed.
#[derive(Debug, Default)]
pub(crate) struct NewValues {
    /// Where each value starts, and its length or `ABSENT`.
    entries: Vec<(u64, u32)>,
    bytes: Vec<u8>,
}

impl NewValues {
    pub(crate) fn with_capacity(entries: usize) -> Self {
        Self { entries: Vec::with_capacity(entries), bytes: Vec::with_capacity(entries.saturating_mul(16)) }
    }

    pub(crate) fn push(&mut self, value: Option<&[u8]>) {
        self.entries.push((self.bytes.len() as u64, stored_len(value))); // usize has at most 64 bits
        self.bytes.extend_from_slice(value.unwrap_or_default());
    }

    /// Appends all values of another one, whose keys come after these.
    pub(crate) fn append(&mut self, other: &Self) {
        let shift = self.bytes.len() as u64; // usize has at most 64 bits
        self.entries.extend(other.entries.iter().map(|(start, len)| (start + shift, *len)));
        self.bytes.extend_from_slice(&other.bytes);
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn get(&self, index: usize) -> Option<&[u8]> {
        let (start, len) = self.entries[index];
        let start = usize::try_from(start).expect("was a usize when stored");
        (len != ABSENT).then(|| &self.bytes[start..start + len as usize])
    }
}

/// A value's length, or `ABSENT` without one.
fn stored_len(value: Option<&[u8]>) -> u32 {
    value.map_or(ABSENT, |value| u32::try_from(value.len()).expect("values are shorter than MAX_VALUE_LEN"))
}

/// Old values by key, sorted; what a reader at an earlier version sees instead of the live values.
#[derive(Debug, Default)]
pub(crate) struct Undo {
    entries: Vec<Entry>,
    /// Key and old value of each entry, one after the other.
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    start: u64,
    /// The old value's length, `ABSENT` for none.
    old_len: u32,
    key_len: u16,
}

const ABSENT: u32 = u32::MAX;

impl Undo {
    pub(crate) fn with_capacity(entries: usize) -> Self {
        Self { entries: Vec::with_capacity(entries), bytes: Vec::with_capacity(entries.saturating_mul(48)) }
    }

    /// Appends an entry; keys come in ascending order.
    pub(crate) fn push(&mut self, key: &[u8], old: Option<&[u8]>) {
        debug_assert!(self.is_empty() || self.entry(self.len() - 1).0 < key, "keys ascend");
        self.entries.push(Entry {
            start: self.bytes.len() as u64, // usize has at most 64 bits
            old_len: stored_len(old),
            key_len: u16::try_from(key.len()).expect("keys are shorter than MAX_KEY_LEN"),
        });
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(old.unwrap_or_default());
    }

    /// Appends all entries of another one, whose keys come after these.
    pub(crate) fn append(&mut self, other: &Self) {
        let shift = self.bytes.len() as u64; // usize has at most 64 bits
        self.entries.extend(other.entries.iter().map(|entry| Entry { start: entry.start + shift, ..*entry }));
        self.bytes.extend_from_slice(&other.bytes);
    }

    pub(crate) fn shrink(&mut self) {
        self.entries.shrink_to_fit();
        self.bytes.shrink_to_fit();
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of RAM held.
    pub(crate) fn ram_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>() + self.bytes.capacity() + size_of::<Self>() + 48
    }

    pub(crate) fn entry(&self, index: usize) -> (&[u8], Option<&[u8]>) {
        let entry = self.entries[index];
        let start = usize::try_from(entry.start).expect("was a usize when stored");
        let value = start + usize::from(entry.key_len);
        let old = (entry.old_len != ABSENT).then(|| &self.bytes[value..value + entry.old_len as usize]);
        (&self.bytes[start..value], old)
    }

    pub(crate) fn key(&self, index: usize) -> &[u8] {
        self.entry(index).0
    }

    /// The old value of `key`: `None` when the block did not change it, `Some(None)` when it was absent before.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        let (mut low, mut high) = (0, self.entries.len());
        while low < high {
            let middle = low.midpoint(high);
            let (candidate, old) = self.entry(middle);
            match candidate.cmp(key) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Some(old),
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// The indices of the entries between two bounds.
    pub(crate) fn range(&self, start: Bound<&[u8]>, end: Bound<&[u8]>) -> std::ops::Range<usize> {
        let before = |below: &dyn Fn(&[u8]) -> bool| {
            let (mut low, mut high) = (0, self.entries.len());
            while low < high {
                let middle = low.midpoint(high);
                if below(self.key(middle)) { low = middle + 1 } else { high = middle }
            }
            low
        };
        let first = match start {
            Bound::Included(start) => before(&|key| key < start),
            Bound::Excluded(start) => before(&|key| key <= start),
            Bound::Unbounded => 0,
        };
        let last = match end {
            Bound::Included(end) => before(&|key| key <= end),
            Bound::Excluded(end) => before(&|key| key < end),
            Bound::Unbounded => self.entries.len(),
        };
        first..last.max(first)
    }
}
