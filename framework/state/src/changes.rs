//! The net writes of a block, ready to be prepared and committed.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::Store;

/// One write: the key and its new value, `None` for a removal.
pub type Write = (Bytes, Option<Bytes>);

/// The writes of one block: per store, in ascending key order, one write per key.
///
/// Writes that change nothing (an equal value, the removal of an absent key) are allowed here; `State::prepare` drops them,
/// so they leave neither the app hash nor the disk touched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeSet {
    writes: BTreeMap<Store, Vec<Write>>,
    activated: Vec<Store>,
}

impl ChangeSet {
    /// No changes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Collects writes given in any order; the last write to a key wins.
    #[must_use]
    pub fn from_writes(writes: impl IntoIterator<Item = (Store, Bytes, Option<Bytes>)>) -> Self {
        let mut sorted: BTreeMap<Store, BTreeMap<Bytes, Option<Bytes>>> = BTreeMap::new();
        for (store, key, value) in writes {
            sorted.entry(store).or_default().insert(key, value);
        }
        Self {
            writes: sorted.into_iter().map(|(store, writes)| (store, writes.into_iter().collect())).collect(),
            activated: Vec::new(),
        }
    }

    /// Adds a store's writes, already in ascending order without duplicates (used by the overlay).
    pub(crate) fn insert_sorted(&mut self, store: Store, writes: Vec<Write>) {
        debug_assert!(writes.windows(2).all(|pair| pair[0].0 < pair[1].0), "writes are sorted");
        if !writes.is_empty() {
            self.writes.insert(store, writes);
        }
    }

    /// Brings a registered but dormant store into being with this block (a store added by an upgrade).
    ///
    /// The store's root becomes part of the app hash with the block that these changes belong to.
    pub fn activate(&mut self, store: Store) {
        if !self.activated.contains(&store) {
            self.activated.push(store);
        }
    }

    /// The stores that come into being with these changes.
    #[must_use]
    pub fn activated(&self) -> &[Store] {
        &self.activated
    }

    /// The writes, by store (ascending name), each in ascending key order.
    pub fn stores(&self) -> impl Iterator<Item = (Store, &[Write])> {
        self.writes.iter().map(|(store, writes)| (*store, writes.as_slice()))
    }

    /// The writes to one store.
    #[must_use]
    pub fn writes(&self, store: Store) -> &[Write] {
        self.writes.get(&store).map_or(&[], Vec::as_slice)
    }

    /// True when there is neither a write nor a new store.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.activated.is_empty()
    }

    /// The number of writes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.writes.values().map(Vec::len).sum()
    }
}
