//! The writer's side of the state: prepare, commit, load.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::{RwLock, RwLockWriteGuard};
use rayon::prelude::*;

use crate::backend::{Backend, CommittedBlock};
use crate::changes::Write;
use crate::commitment;
use crate::hash::{Hash, leaf_hash, sha256};
use crate::kv::require_writable;
use crate::load;
use crate::shared::{Shared, Slot, Version};
use crate::snapshot::Values;
use crate::tree::{Installer, PreparedTree, Tree, Update};
use crate::undo::{NewValues, StoreDelta, Undo};
use crate::values::PackedMap;
use crate::{ChangeSet, Derivation, Snapshot, StateError, StateFault, StateReader, Store, StoreKind};

/// What a state is made of.
#[derive(Clone, Debug, Default)]
pub struct StateConfig {
    /// Every store that this binary knows. With an empty database all of them exist from genesis; otherwise committed ones that
    /// the database lacks stay dormant until a [`ChangeSet`] activates them.
    pub stores: Vec<Store>,
    /// How derived stores are rebuilt at load.
    pub derivations: Vec<Derivation>,
    /// Sizes.
    pub options: StateOptions,
}

/// Sizes of the window of recent versions, and threads.
#[derive(Clone, Debug)]
pub struct StateOptions {
    /// Bytes that old versions may hold beyond the latest one.
    pub window_bytes: usize,
    /// Versions kept even above the byte budget.
    pub min_versions: usize,
    /// Versions with changes kept at most: a read at an old version searches the changes of every later one. Versions without
    /// changes cost next to nothing; a hundred times as many of them are kept.
    pub max_versions: usize,
    /// Hash large blocks on all cores. The result is the same either way.
    pub parallel: bool,
}

impl Default for StateOptions {
    fn default() -> Self {
        Self { window_bytes: 512 << 20, min_versions: 100, max_versions: 1_000, parallel: true }
    }
}

/// The authenticated state. One thread owns it and writes; any number of [`StateReader`]s read meanwhile.
pub struct State {
    shared: Arc<Shared>,
    options: StateOptions,
    /// Slots that exist: committed ones since genesis or their activation, all others always.
    active: Vec<bool>,
    /// The existing persisted stores, as handed to the backend.
    persisted: Arc<[Store]>,
    window_bytes: usize,
    /// Versions in the window that changed something.
    changed_versions: usize,
}

/// The result of applying changes to the latest version, not yet visible to anyone. Dropping it undoes nothing, because nothing
/// was done.
pub struct Prepared {
    base: u64,
    app_hash: Hash,
    roots: Arc<[(usize, Hash)]>,
    activated: Vec<usize>,
    stores: Vec<PreparedStore>,
    stats: PrepareStats,
}

struct PreparedStore {
    slot: usize,
    delta: Arc<StoreDelta>,
    tree: Option<PreparedTree>,
}

/// What preparing cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrepareStats {
    /// Keys changed, after dropping writes that change nothing.
    pub changed_keys: u64,
    /// SHA-256 computations, of keys and values included.
    pub hashes: u64,
}

impl Prepared {
    /// The app hash that committing will give.
    #[must_use]
    pub fn app_hash(&self) -> Hash {
        self.app_hash
    }

    /// What preparing cost.
    #[must_use]
    pub fn stats(&self) -> PrepareStats {
        self.stats
    }

    /// True when nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stores.is_empty() && self.activated.is_empty()
    }

    /// The changes per store, no-ops dropped, with old and new values (state diffs, audit trails).
    pub fn deltas(&self) -> impl Iterator<Item = &StoreDelta> {
        self.stores.iter().map(|store| &*store.delta)
    }
}

/// Keys applied while readers wait. At about a microsecond each, nobody waits for long.
const KEYS_PER_LOCK: usize = 128;
/// Tree nodes installed while readers wait.
const NODES_PER_LOCK: usize = 1024;
/// Versions kept per version with changes allowed, when most have none.
const EMPTY_VERSIONS: u64 = 100;
/// How far beyond its bounds the window may grow for the sake of a pinned version.
const PINNED_TIMES: usize = 4;
/// Writes looked up and hashed by one task.
const WRITES_PER_TASK: usize = 512;

impl State {
    /// Opens the state that `backend` holds, or an empty one.
    ///
    /// Loads all values into RAM and rebuilds the trees; the result is checked against the app hash on disk.
    ///
    /// # Errors
    /// [`StateError::Fatal`]: stores with equal names, a derived store without derivation or the reverse, a database with stores
    /// that this binary does not know, a read failure, or an app hash that does not match.
    pub fn open(config: StateConfig, backend: Arc<dyn Backend>) -> Result<Self, StateError> {
        load::open(config, backend)
    }

    /// Opens the state as it was after block `height`, from history, detached: commits stay in RAM.
    ///
    /// For exports at a height and for re-execution.
    ///
    /// # Errors
    /// As [`open`](Self::open); [`StateError::Unavailable`] when history does not hold the height.
    pub fn open_at(config: StateConfig, backend: &Arc<dyn Backend>, height: u64) -> Result<Self, StateError> {
        load::open_at(config, backend, height)
    }

    pub(crate) fn from_parts(
        slots: Vec<Slot>,
        existing: &[Store],
        options: StateOptions,
        version: u64,
        backend: Arc<dyn Backend>,
    ) -> Self {
        let active: Vec<bool> = slots
            .iter()
            // What is outside the app hash needs no upgrade height to come into being.
            .map(|slot| slot.store.kind() != StoreKind::Committed || existing.contains(&slot.store))
            .collect();
        let roots: Arc<[(usize, Hash)]> = slots
            .iter()
            .enumerate()
            .filter(|(index, _)| active[*index])
            .filter_map(|(index, slot)| slot.tree.as_ref().map(|tree| (index, tree.read().root().1)))
            .collect();
        let app_hash = commitment::app_hash(roots.iter().map(|(index, root)| (slots[*index].store.name(), *root)));
        let persisted = persisted_stores(&slots, &active);
        let first = Version { version, app_hash, roots, held_bytes: 0 };
        let shared = Arc::new(Shared::new(slots, first, backend));
        Self { shared, options, active, persisted, window_bytes: 0, changed_versions: 0 }
    }

    /// A handle for readers.
    #[must_use]
    pub fn reader(&self) -> StateReader {
        StateReader::new(self.shared.clone())
    }

    /// The state after the last committed block.
    #[must_use]
    pub fn latest(&self) -> Snapshot {
        Snapshot::new(self.shared.clone(), self.shared.latest())
    }

    /// The height of the last committed block; 0 before the first one.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.shared.latest()
    }

    /// The app hash after the last committed block. Before the first one: of stores that hold their sentinels only.
    #[must_use]
    pub fn app_hash(&self) -> Hash {
        self.latest_version().app_hash
    }

    /// The stores that exist, dormant ones excluded.
    pub fn stores(&self) -> impl Iterator<Item = Store> {
        self.shared.slots().iter().zip(&self.active).filter(|(_, active)| **active).map(|(slot, _)| slot.store)
    }

    /// The backend.
    #[must_use]
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.shared.backend
    }

    fn latest_version(&self) -> Version {
        self.shared.version(self.shared.latest()).expect("the latest version is always retained")
    }

    /// Applies changes to the latest version aside, and computes the app hash. Nothing becomes visible; several results may
    /// exist at once, of which at most one can be committed.
    ///
    /// # Errors
    /// [`StateError::Fatal`] for writes that break the rules of [`KvWrite::set`](crate::KvWrite::set), and for unknown or
    /// dormant stores.
    pub fn prepare(&self, changes: &ChangeSet) -> Result<Prepared, StateError> {
        let base = self.latest_version();
        let mut activated = Vec::new();
        for store in changes.activated() {
            let slot = self.shared.index(*store)?;
            if self.active[slot] {
                return Err(StateError::misuse(*store, "the store exists already"));
            }
            activated.push(slot);
        }
        let mut stores = Vec::new();
        let mut stats = PrepareStats::default();
        for (store, writes) in changes.stores() {
            let slot = self.shared.index(store)?;
            if !self.active[slot] && !activated.contains(&slot) {
                return Err(StateError::misuse(store, "the store does not exist yet"));
            }
            if let Some(prepared) = self.prepare_store(slot, writes, &mut stats)? {
                stores.push(prepared);
            }
        }
        let (roots, app_hash) = self.new_roots(&base, &stores, &activated);
        Ok(Prepared { base: base.version, app_hash, roots, activated, stores, stats })
    }

    fn new_roots(&self, base: &Version, stores: &[PreparedStore], activated: &[usize]) -> (Arc<[(usize, Hash)]>, Hash) {
        let slots = self.shared.slots();
        let changed: Vec<(usize, Hash)> =
            stores.iter().filter_map(|store| store.tree.as_ref().map(|tree| (store.slot, tree.root_hash()))).collect();
        if changed.is_empty() && activated.is_empty() {
            return (base.roots.clone(), base.app_hash);
        }
        let mut roots: BTreeMap<usize, Hash> = base.roots.iter().copied().collect();
        for slot in activated {
            if let Some(tree) = &slots[*slot].tree {
                roots.insert(*slot, tree.read().root().1);
            }
        }
        roots.extend(changed);
        let roots: Arc<[(usize, Hash)]> = roots.into_iter().collect();
        let app_hash = commitment::app_hash(self.shared.named_roots(&roots));
        (roots, app_hash)
    }

    fn prepare_store(
        &self,
        index: usize,
        writes: &[Write],
        stats: &mut PrepareStats,
    ) -> Result<Option<PreparedStore>, StateError> {
        let slot = &self.shared.slots()[index];
        let hashed = slot.tree.is_some();
        let Diff { mut undo, new, mut updates } = {
            let values = slot.values.read();
            if self.options.parallel && writes.len() >= 2 * WRITES_PER_TASK {
                let parts = writes
                    .par_chunks(WRITES_PER_TASK)
                    .map(|part| diff(slot.store, &values.map, part, hashed))
                    .collect::<Result<Vec<_>, _>>()?;
                Diff::concat(parts)
            } else {
                diff(slot.store, &values.map, writes, hashed)?
            }
        };
        if undo.is_empty() {
            return Ok(None);
        }
        undo.shrink();
        stats.changed_keys += undo.len() as u64; // usize has at most 64 bits
        let tree = slot.tree.as_ref().map(|tree| {
            updates.sort_unstable_by_key(|update| update.key_hash);
            // Key, value and leaf; a removed key has no value and no leaf.
            stats.hashes += updates.iter().map(|update| if update.leaf.is_some() { 3 } else { 1 }).sum::<u64>();
            let prepared = tree.read().prepare(&updates, &undo, self.options.parallel);
            stats.hashes += prepared.hashes;
            prepared
        });
        let delta = Arc::new(StoreDelta::new(slot.store, Arc::new(undo), new));
        Ok(Some(PreparedStore { slot: index, delta, tree }))
    }

    /// Makes prepared changes the state after block `height` and hands them to the backend.
    ///
    /// Heights are consecutive; the first one may be any (the chain's initial height). Readers of earlier versions go on
    /// undisturbed, and none waits for more than a small part of the block.
    ///
    /// # Errors
    /// [`StateError::Fatal`] when the changes were prepared on another version, the height is not the next one, or the backend
    /// failed. After an error of the backend the node must stop: RAM is ahead of what can ever become durable.
    pub fn commit(&mut self, prepared: Prepared, height: u64) -> Result<(), StateError> {
        let latest = self.shared.latest();
        if prepared.base != latest {
            return Err(inconsistent(format!("changes prepared on version {}, latest is {latest}", prepared.base)));
        }
        if height <= latest || (latest != 0 && height != latest + 1) {
            return Err(inconsistent(format!("height {height} cannot follow height {latest}")));
        }
        let Prepared { app_hash, roots, activated, stores, .. } = prepared;
        let mut held_bytes = 0;
        let mut deltas = Vec::with_capacity(stores.len());
        for store in stores {
            let slot = &self.shared.slots()[store.slot];
            held_bytes += store.delta.undo().ram_bytes();
            apply_values(&slot.values, &store.delta, height);
            if let (Some(tree), Some(prepared)) = (&slot.tree, store.tree) {
                held_bytes += apply_tree(tree, prepared, store.delta.undo(), height);
            }
            if slot.store.is_persisted() {
                deltas.push(store.delta);
            }
        }
        if !activated.is_empty() {
            for slot in activated {
                self.active[slot] = true;
            }
            self.persisted = persisted_stores(self.shared.slots(), &self.active);
        }
        self.shared.publish(Version { version: height, app_hash, roots, held_bytes });
        self.window_bytes += held_bytes;
        self.changed_versions += usize::from(held_bytes > 0);
        self.shared.backend.persist(CommittedBlock {
            height,
            previous_height: latest,
            app_hash,
            stores: self.persisted.clone(),
            deltas,
        })?;
        if latest == 0 {
            // What was before the first block is no version: nobody asks for it, and genesis can be large.
            self.drop_oldest();
        }
        self.shrink_window();
        Ok(())
    }

    /// Lets go of versions beyond the budget. A version goes only after its successor is durable, so that history holds it.
    fn shrink_window(&mut self) {
        let mut versions = self.shared.latest() - self.shared.oldest() + 1;
        let durable = self.shared.backend.durable_height();
        // usize has at most 64 bits.
        let (least, most) = (self.options.min_versions.max(1) as u64, self.options.max_versions.max(1));
        while versions > least
            && (self.exceeds(1) || versions > most as u64 * EMPTY_VERSIONS)
            && self.shared.oldest() < durable
            && (!self.shared.oldest_is_pinned() || self.exceeds(PINNED_TIMES))
        {
            self.drop_oldest();
            versions -= 1;
        }
    }

    /// Whether the window is larger than `times` its bounds.
    fn exceeds(&self, times: usize) -> bool {
        self.window_bytes > self.options.window_bytes.saturating_mul(times)
            || self.changed_versions > self.options.max_versions.max(1).saturating_mul(times)
    }

    fn drop_oldest(&mut self) {
        let freed = self.shared.drop_oldest();
        self.window_bytes -= freed;
        self.changed_versions -= usize::from(freed > 0);
    }

    /// Waits until everything committed is durable.
    ///
    /// # Errors
    /// As [`Backend::flush`].
    pub fn flush(&self) -> Result<(), StateError> {
        self.shared.backend.flush()
    }
}

fn inconsistent(reason: String) -> StateError {
    StateError::Fatal(StateFault::Inconsistent(reason))
}

fn persisted_stores(slots: &[Slot], active: &[bool]) -> Arc<[Store]> {
    slots
        .iter()
        .zip(active)
        .filter(|(slot, active)| **active && slot.store.is_persisted())
        .map(|(slot, _)| slot.store)
        .collect()
}

/// What writes change in a store.
#[derive(Default)]
struct Diff {
    undo: Undo,
    new: NewValues,
    updates: Vec<Update>,
}

impl Diff {
    fn concat(parts: Vec<Self>) -> Self {
        let keys = parts.iter().map(|part| part.new.len()).sum();
        let mut all =
            Self { undo: Undo::with_capacity(keys), new: NewValues::with_capacity(keys), updates: Vec::new() };
        all.updates.reserve_exact(keys);
        for part in parts {
            let shift = u32::try_from(all.new.len()).expect("a block changes fewer than 2^32 keys");
            all.undo.append(&part.undo);
            all.new.append(&part.new);
            all.updates
                .extend(part.updates.into_iter().map(|update| Update { change: update.change + shift, ..update }));
        }
        all
    }
}

/// Compares writes with the live values; hashes what changes when the store has a tree.
fn diff(store: Store, live: &PackedMap, writes: &[Write], hashed: bool) -> Result<Diff, StateError> {
    let mut diff = Diff {
        undo: Undo::with_capacity(writes.len()),
        new: NewValues::with_capacity(writes.len()),
        updates: Vec::with_capacity(if hashed { writes.len() } else { 0 }),
    };
    for (key, value) in writes {
        require_writable(store, key, value.as_deref())?;
        let old = live.get(key);
        if old == value.as_deref() {
            continue;
        }
        if hashed {
            let key_hash = sha256(key);
            let leaf = value.as_ref().map(|value| leaf_hash(&key_hash, &sha256(value)));
            let change = u32::try_from(diff.new.len()).expect("a block changes fewer than 2^32 keys");
            diff.updates.push(Update { key_hash, leaf, change });
        }
        diff.undo.push(key, old);
        diff.new.push(value.as_deref());
    }
    Ok(diff)
}

/// Brings a store's live values to the new version, a few keys at a time.
fn apply_values(values: &RwLock<Values>, delta: &StoreDelta, height: u64) {
    let mut guard = values.write();
    guard.undo.push_back((height, delta.undo().clone()));
    for (index, change) in delta.iter().enumerate() {
        if index % KEYS_PER_LOCK == KEYS_PER_LOCK - 1 {
            // Waiting readers get their turn now, not when the scheduler thinks so.
            RwLockWriteGuard::bump(&mut guard);
        }
        match change.new {
            Some(value) => guard.map.set(change.key, value),
            None => {
                guard.map.remove(change.key);
            }
        }
    }
}

/// Installs a tree's new nodes, some at a time, and makes them the new version.
fn apply_tree(tree: &RwLock<Tree>, prepared: PreparedTree, undo: &Undo, height: u64) -> usize {
    // Declared before the guard, so it is dropped after the lock is released.
    let mut installer = Installer::new(prepared);
    let mut guard = tree.write();
    while !guard.install(&mut installer, undo, NODES_PER_LOCK) {
        RwLockWriteGuard::bump(&mut guard);
    }
    guard.finish(&mut installer, height)
}
