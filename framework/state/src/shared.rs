//! What the writer and all readers share.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

use crate::backend::Backend;
use crate::commitment::{self, ProofOp, StateProof};
use crate::hash::Hash;
use crate::snapshot::Values;
use crate::tree::{Neighbours, Tree, TreeLeaf};
use crate::{APP_PROOF_OP, SENTINEL_KEY, SENTINEL_VALUE, STORE_PROOF_OP, StateError, Store, StoreKind};

/// All stores and the window of recent versions.
pub(crate) struct Shared {
    /// Ascending by name.
    slots: Vec<Slot>,
    /// The retained versions, consecutive, ascending, never empty.
    versions: RwLock<VecDeque<Version>>,
    latest: AtomicU64,
    oldest: AtomicU64,
    /// Versions that the writer is asked to keep, with how many ask for each.
    pins: Mutex<BTreeMap<u64, usize>>,
    pub(crate) backend: Arc<dyn Backend>,
}

/// Asks the writer to keep a version while this exists. The writer may refuse (a window far above its bounds), so whoever
/// reads the version still asks [`Shared::is_retained`].
pub(crate) struct Pin {
    shared: Arc<Shared>,
    version: u64,
}

impl Pin {
    pub(crate) fn new(shared: &Arc<Shared>, version: u64) -> Result<Self, StateError> {
        {
            let mut pins = shared.pins.lock();
            let count = pins.entry(version).or_default();
            *count = count.saturating_add(1);
        }
        let pin = Self { shared: shared.clone(), version };
        // Before the first block there is no version: genesis belongs to the first one.
        if version > 0 && shared.is_retained(version) { Ok(pin) } else { Err(shared.unavailable(version)) }
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut pins = self.shared.pins.lock();
        if let Some(count) = pins.get_mut(&self.version) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                pins.remove(&self.version);
            }
        }
    }
}

/// One store.
pub(crate) struct Slot {
    pub(crate) store: Store,
    pub(crate) values: RwLock<Values>,
    /// Committed stores only.
    pub(crate) tree: Option<RwLock<Tree>>,
}

/// One committed version.
#[derive(Clone)]
pub(crate) struct Version {
    pub(crate) version: u64,
    pub(crate) app_hash: Hash,
    /// The roots of the committed stores that exist, ascending by name: (slot, root). Shared between versions without changes.
    pub(crate) roots: Arc<[(usize, Hash)]>,
    /// Bytes that are freed when this version becomes the oldest: its old values and the nodes that it replaced.
    pub(crate) held_bytes: usize,
}

impl Shared {
    pub(crate) fn new(slots: Vec<Slot>, first: Version, backend: Arc<dyn Backend>) -> Self {
        debug_assert!(slots.is_sorted_by_key(|slot| slot.store));
        Self {
            slots,
            latest: AtomicU64::new(first.version),
            oldest: AtomicU64::new(first.version),
            versions: RwLock::new(VecDeque::from([first])),
            pins: Mutex::default(),
            backend,
        }
    }

    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    pub(crate) fn index(&self, store: Store) -> Result<usize, StateError> {
        self.slots
            .binary_search_by_key(&store, |slot| slot.store)
            .map_err(|_| StateError::misuse(store, "the store is not registered"))
    }

    pub(crate) fn slot(&self, store: Store) -> Result<&Slot, StateError> {
        self.index(store).map(|index| &self.slots[index])
    }

    pub(crate) fn latest(&self) -> u64 {
        self.latest.load(Ordering::Acquire)
    }

    pub(crate) fn oldest(&self) -> u64 {
        self.oldest.load(Ordering::Acquire)
    }

    /// Whether RAM holds a version. To be asked under the lock of what is read next: the writer raises `oldest` first and
    /// waits for that lock before it frees anything.
    pub(crate) fn is_retained(&self, version: u64) -> bool {
        self.oldest() <= version && version <= self.latest()
    }

    pub(crate) fn unavailable(&self, version: u64) -> StateError {
        let history = self.backend.history_start().unwrap_or(u64::MAX);
        StateError::Unavailable { requested: version, oldest: self.oldest().min(history), latest: self.latest() }
    }

    /// Checks that the backend can answer for a version that RAM no longer holds.
    pub(crate) fn require_history(&self, store: Store, version: u64) -> Result<(), StateError> {
        let reaches = self.backend.history_start().is_some_and(|start| start <= version) && version < self.oldest();
        if reaches && store.kind() != StoreKind::Derived { Ok(()) } else { Err(self.unavailable(version)) }
    }

    /// Whether someone asks for the oldest version to stay.
    pub(crate) fn oldest_is_pinned(&self) -> bool {
        self.pins.lock().first_key_value().is_some_and(|(version, _)| *version <= self.oldest())
    }

    /// A retained version.
    pub(crate) fn version(&self, version: u64) -> Option<Version> {
        let versions = self.versions.read();
        let behind = version.checked_sub(versions.front()?.version)?;
        versions.get(usize::try_from(behind).map_or(usize::MAX, |index| index)).cloned()
    }

    pub(crate) fn app_hash(&self, version: u64) -> Result<Hash, StateError> {
        match self.version(version) {
            Some(retained) => Ok(retained.app_hash),
            None if self.backend.history_start().is_some_and(|start| start <= version) && version < self.oldest() => {
                Ok(self.backend.history_meta(version)?.app_hash)
            }
            None => Err(self.unavailable(version)),
        }
    }

    /// Makes a version the latest one.
    pub(crate) fn publish(&self, version: Version) {
        let height = version.version;
        self.versions.write().push_back(version);
        self.latest.store(height, Ordering::Release);
    }

    /// The number of retained versions, and the bytes that all but the oldest hold for their predecessors.
    pub(crate) fn window(&self) -> (usize, usize) {
        let versions = self.versions.read();
        (versions.len(), versions.iter().skip(1).map(|version| version.held_bytes).sum())
    }

    /// Drops the oldest version and returns the bytes freed. The latest one stays.
    pub(crate) fn drop_oldest(&self) -> usize {
        let (oldest, freed) = {
            let mut versions = self.versions.write();
            if versions.len() < 2 {
                return 0;
            }
            versions.pop_front();
            let Some(first) = versions.front() else {
                return 0;
            };
            (first.version, first.held_bytes)
        };
        self.oldest.store(oldest, Ordering::Release);
        for slot in &self.slots {
            let has_undo = slot.values.read().undo.front().is_some_and(|(version, _)| *version <= oldest);
            if has_undo {
                let mut dropped = Vec::new();
                let mut values = slot.values.write();
                while values.undo.front().is_some_and(|(version, _)| *version <= oldest) {
                    dropped.extend(values.undo.pop_front());
                }
                // Readers need not wait while the memory is given back.
                drop(values);
                drop(dropped);
            }
            if let Some(tree) = &slot.tree
                && tree.read().can_release(oldest)
            {
                tree.write().release(oldest);
            }
        }
        freed
    }

    /// Names and roots of the committed stores of a version, ascending by name.
    pub(crate) fn named_roots(&self, roots: &[(usize, Hash)]) -> Vec<(&'static str, Hash)> {
        roots.iter().map(|(slot, root)| (self.slots[*slot].store.name(), *root)).collect()
    }

    /// The proof of a record, or of its absence, at a retained version.
    pub(crate) fn prove(&self, store: Store, key: &[u8], version: u64) -> Result<StateProof, StateError> {
        if key.is_empty() {
            return Err(StateError::InvalidQuery("a proof needs a key"));
        }
        let index = self.index(store)?;
        let retained = self.version(version).ok_or_else(|| self.unavailable(version))?;
        let (Some(tree), Some(place)) =
            (&self.slots[index].tree, retained.roots.iter().position(|(slot, _)| *slot == index))
        else {
            return Err(StateError::InvalidQuery("the store is not part of the app hash at this height"));
        };
        let neighbours = {
            let tree = tree.read();
            if !self.is_retained(version) {
                return Err(self.unavailable(version));
            }
            let (root, _) = tree.root_at(version);
            tree.neighbours(root, key)
        };
        let existence = |leaf: TreeLeaf| -> Result<ics23::ExistenceProof, StateError> {
            let value = self.value_at(index, &leaf.key, version)?.ok_or_else(|| {
                StateError::corrupt(store, &leaf.key, "the tree holds a leaf for a key without a value")
            })?;
            Ok(commitment::store_existence(leaf, &value))
        };
        let (value, store_proof) = match neighbours {
            Neighbours::Present(leaf) => {
                let proof = existence(leaf)?;
                (Some(proof.value.clone().into()), commitment::existence(proof))
            }
            Neighbours::Absent { left, right } => {
                let (left, right) = (left.map(existence).transpose()?, right.map(existence).transpose()?);
                (None, commitment::non_existence(key, left, right))
            }
        };
        let app_proof = commitment::existence(commitment::app_existence(&self.named_roots(&retained.roots), place));
        let ops = [
            ProofOp::new(STORE_PROOF_OP, key, &store_proof),
            ProofOp::new(APP_PROOF_OP, store.name().as_bytes(), &app_proof),
        ];
        Ok(StateProof {
            height: version,
            value,
            store_root: retained.roots[place].1,
            app_hash: retained.app_hash,
            store_proof,
            app_proof,
            ops,
        })
    }

    /// A value for a proof: the sentinel has one, too.
    fn value_at(&self, slot: usize, key: &[u8], version: u64) -> Result<Option<Vec<u8>>, StateError> {
        if key == SENTINEL_KEY {
            return Ok(Some(SENTINEL_VALUE.to_vec()));
        }
        let values = self.slots[slot].values.read();
        if self.is_retained(version) {
            Ok(values.get(key, version).map(<[u8]>::to_vec))
        } else {
            Err(self.unavailable(version))
        }
    }
}
