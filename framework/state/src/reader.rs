//! The readers' side of the state.

use std::sync::Arc;

use crate::shared::Shared;
use crate::{PinnedVersion, Snapshot, StateError, StateProof, Store};

/// Answers reads and proofs at every recent height, from any thread, while blocks are being committed.
#[derive(Clone)]
pub struct StateReader {
    shared: Arc<Shared>,
}

impl StateReader {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The state after the last committed block.
    #[must_use]
    pub fn latest(&self) -> Snapshot {
        Snapshot::new(self.shared.clone(), self.shared.latest())
    }

    /// The state after block `height`.
    ///
    /// # Errors
    /// [`StateError::Unavailable`] for a height above the latest, or below what RAM and history hold.
    pub fn at(&self, height: u64) -> Result<Snapshot, StateError> {
        let in_history = || self.shared.backend.history_start().is_some_and(|start| start <= height);
        if self.shared.is_retained(height) || (height < self.shared.oldest() && in_history()) {
            Ok(Snapshot::new(self.shared.clone(), height))
        } else {
            Err(self.shared.unavailable(height))
        }
    }

    /// The height of the last committed block; 0 before the first one.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.shared.latest()
    }

    /// The oldest height at which proofs can be made.
    #[must_use]
    pub fn oldest_provable(&self) -> u64 {
        self.shared.oldest()
    }

    /// The registered store of this name, for queries that name one.
    #[must_use]
    pub fn store(&self, name: &str) -> Option<Store> {
        self.shared.slots().iter().map(|slot| slot.store).find(|store| store.name() == name)
    }

    /// Proves the value at `key` of a committed store after block `height`, or its absence.
    ///
    /// # Errors
    /// * [`StateError::Unavailable`]: the height is not in the window of recent versions (`sdk/26`).
    /// * [`StateError::InvalidQuery`]: an empty key, or a store that was not part of the app hash at that height.
    /// * [`StateError::Fatal`]: the store is not registered.
    pub fn prove(&self, store: Store, key: &[u8], height: u64) -> Result<StateProof, StateError> {
        self.shared.prove(store, key, height)
    }

    /// Keeps a recent version in RAM, so that a snapshot of it can be written while blocks go on.
    ///
    /// # Errors
    /// [`StateError::Unavailable`] when the height is not in the window of recent versions.
    pub fn pin(&self, height: u64) -> Result<PinnedVersion, StateError> {
        PinnedVersion::new(&self.shared, height)
    }

    /// Writes a tree checkpoint of the last committed block to the backend, from which the next start is faster, and returns its
    /// height. Takes about a microsecond per key; blocks may be committed meanwhile.
    ///
    /// # Errors
    /// [`StateError::Unavailable`] when blocks came so fast that the height left both window and history: try again later.
    /// [`StateError::Fatal`] when the backend failed.
    pub fn write_checkpoint(&self) -> Result<u64, StateError> {
        let snapshot = self.latest();
        crate::image::write(&self.shared, &snapshot)?;
        Ok(snapshot.height())
    }

    /// What the state holds in RAM.
    #[must_use]
    pub fn ram_report(&self) -> RamReport {
        let stores = self
            .shared
            .slots()
            .iter()
            .map(|slot| {
                let values = slot.values.read();
                let (keys, values_bytes) = (values.map.len(), values.map.ram_bytes());
                drop(values);
                let (tree_bytes, inner_nodes, leaves) = slot.tree.as_ref().map_or((0, 0, 0), |tree| {
                    let tree = tree.read();
                    let (inners, leaves) = tree.node_counts();
                    (tree.ram_bytes(), inners, leaves)
                });
                StoreRam { store: slot.store, keys, values_bytes, tree_bytes, inner_nodes, leaves }
            })
            .collect();
        let (versions, window_bytes) = self.shared.window();
        RamReport { stores, versions, window_bytes }
    }
}

/// What the state holds in RAM, estimated from its own bookkeeping.
#[derive(Clone, Debug)]
pub struct RamReport {
    /// Per store, ascending by name.
    pub stores: Vec<StoreRam>,
    /// The number of versions in the window.
    pub versions: usize,
    /// Bytes that old versions need beyond the latest one: old values and replaced nodes. The replaced nodes are part of
    /// `tree_bytes`, too.
    pub window_bytes: usize,
}

/// What one store holds in RAM.
#[derive(Clone, Debug)]
pub struct StoreRam {
    /// The store.
    pub store: Store,
    /// Live records.
    pub keys: usize,
    /// Bytes of live records with their index.
    pub values_bytes: usize,
    /// Bytes of tree nodes and their keys, of all versions in the window.
    pub tree_bytes: usize,
    /// Inner nodes of all versions; versions share those that did not change.
    pub inner_nodes: usize,
    /// Leaves of all versions.
    pub leaves: usize,
}

impl RamReport {
    /// All bytes.
    #[must_use]
    pub fn total_bytes(&self) -> usize {
        self.stores.iter().map(|store| store.values_bytes.saturating_add(store.tree_bytes)).sum()
    }
}
