//! The changes of one store in one block, packed: keys with their old values, and the new values beside them.

use bytes::Bytes;

use crate::Store;

/// The changes of one store in one block, in ascending key order, each key once; never a change that changes nothing.
///
/// The state keeps the old values in RAM while the block is within the window of recent versions; a backend stores both.
#[derive(Debug)]
pub struct StoreDelta {
    store: Store,
    entries: Vec<DeltaEntry>,
}

#[derive(Debug)]
struct DeltaEntry {
    key: Bytes,
    old: Option<Bytes>,
    new: Option<Bytes>,
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
    /// Packs changes given as key, old value and new value, ascending by key (for tests of backends; the state makes its own).
    #[must_use]
    pub fn from_changes(store: Store, changes: impl IntoIterator<Item = (Bytes, Option<Bytes>, Option<Bytes>)>) -> Self {
        let entries: Vec<_> = changes.into_iter().map(|(key, old, new)| DeltaEntry { key, old, new }).collect();
        debug_assert!(entries.windows(2).all(|pair| pair[0].key < pair[1].key), "changes are sorted");
        Self { store, entries }
    }

    /// The store changed.
    #[must_use]
    pub fn store(&self) -> Store {
        self.store
    }

    /// The number of changed keys; never 0.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Always false for a delta made by the state.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The changes, ascending by key.
    pub fn iter(&self) -> impl Iterator<Item = Change<'_>> {
        self.entries.iter().map(|e| Change { key: &e.key, old: e.old.as_deref(), new: e.new.as_deref() })
    }
}
