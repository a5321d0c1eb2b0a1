//! A stack of write layers over a snapshot: the writes of a block, of a transaction in it, of a message in that.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use crate::{ChangeSet, Direction, KvRead, KvWrite, RangeIter, StateError, StateView, Store};

/// Write layers over an immutable view. Reads see the topmost write; dropping a layer is the rollback.
///
/// A new overlay has one layer, which cannot be dropped. `push` opens a layer, `commit` merges it into the one below,
/// `revert` forgets it.
pub struct Overlay {
    base: Arc<dyn StateView>,
    layers: Vec<Layer>,
}

type Layer = BTreeMap<Store, BTreeMap<Bytes, Option<Bytes>>>;

impl Overlay {
    /// An overlay with one empty layer.
    #[must_use]
    pub fn new(base: Arc<dyn StateView>) -> Self {
        Self { base, layers: vec![Layer::new()] }
    }

    /// The view below all layers.
    #[must_use]
    pub fn base(&self) -> &Arc<dyn StateView> {
        &self.base
    }

    /// Opens a layer on top.
    pub fn push(&mut self) {
        self.layers.push(Layer::new());
    }

    /// The number of layers, at least 1.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.layers.len()
    }

    /// Merges the topmost layer into the one below. With only the bottom layer left it does nothing.
    pub fn commit(&mut self) {
        todo_skeleton()
    }

    /// Forgets the topmost layer with all its writes. With only the bottom layer left it empties that one.
    pub fn revert(&mut self) {
        todo_skeleton()
    }

    /// All writes, merged over the layers: one per key, sorted.
    #[must_use]
    pub fn into_changes(self) -> ChangeSet {
        todo_skeleton()
    }

    /// The same without consuming the overlay.
    #[must_use]
    pub fn changes(&self) -> ChangeSet {
        todo_skeleton()
    }
}

fn todo_skeleton<T>() -> T {
    unreachable!("skeleton of the interface; the implementation follows")
}

impl KvRead for Overlay {
    fn get(&self, store: Store, key: &[u8]) -> Result<Option<Bytes>, StateError> {
        for layer in self.layers.iter().rev() {
            if let Some(write) = layer.get(&store).and_then(|writes| writes.get(key)) {
                return Ok(write.clone());
            }
        }
        self.base.get(store, key)
    }

    fn range(
        &self,
        _store: Store,
        _start: Bound<&[u8]>,
        _end: Bound<&[u8]>,
        _direction: Direction,
    ) -> Result<RangeIter<'_>, StateError> {
        todo_skeleton()
    }
}

impl KvWrite for Overlay {
    fn set(&mut self, _store: Store, _key: &[u8], _value: Bytes) -> Result<(), StateError> {
        todo_skeleton()
    }

    fn delete(&mut self, _store: Store, _key: &[u8]) -> Result<(), StateError> {
        todo_skeleton()
    }
}
