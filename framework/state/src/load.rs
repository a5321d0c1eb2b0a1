//! Opening a state: loading values, rebuilding trees and derived stores.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use parking_lot::RwLock;
use rayon::prelude::*;

use crate::backend::{Backend, Durable};
use crate::detached::Detached;
use crate::image::{LeafHashes, StoreImage};
use crate::shared::Slot;
use crate::snapshot::Values;
use crate::tree::{Tree, TreeBuilder};
use crate::values::{PackedMap, PackedMapBuilder};
use crate::{Derivation, Direction, State, StateConfig, StateError, StateFault, Store, StoreKind};

pub(crate) fn open(config: StateConfig, backend: Arc<dyn Backend>) -> Result<State, StateError> {
    validate(&config)?;
    let Some(durable) = backend.durable()? else {
        let existing: Vec<Store> = config.stores.iter().copied().filter(Store::is_persisted).collect();
        let slots = config.stores.iter().map(|store| new_slot(*store, 0)).collect();
        return Ok(State::from_parts(sorted(slots), &existing, config.options, 0, backend));
    };
    let source = |store: Store, visit: &mut Visit<'_>| backend.scan(store, Bound::Unbounded, Bound::Unbounded, visit);
    if let Some(images) = images(&config, &*backend)? {
        // A checkpoint that is of no use costs time only.
        let loaded = load(config.clone(), &durable, backend.clone(), &source, images);
        if !matches!(loaded, Err(StateError::Fatal(StateFault::AppHash { .. }))) {
            return loaded;
        }
    }
    load(config, &durable, backend.clone(), &source, Images::new())
}

/// Leaf hashes by store name.
type Images = BTreeMap<String, StoreImage>;

/// What the backend's checkpoint says, with what changed since; `None` without a usable one.
fn images(config: &StateConfig, backend: &dyn Backend) -> Result<Option<Images>, StateError> {
    let Some(checkpoint) = backend.read_checkpoint()? else {
        return Ok(None);
    };
    let mut images = Images::new();
    for (name, chunks) in checkpoint.sections {
        let Some(store) = config.stores.iter().find(|store| store.name() == name && store.is_committed()) else {
            continue;
        };
        let mut changed = Vec::new();
        let known = backend.changed_since(*store, checkpoint.height, &mut |key, _| {
            changed.push(key.to_vec());
            Ok(())
        })?;
        if !known {
            return Ok(None);
        }
        images.insert(name, StoreImage::new(chunks, changed));
    }
    Ok(Some(images))
}

pub(crate) fn open_at(config: StateConfig, backend: &Arc<dyn Backend>, height: u64) -> Result<State, StateError> {
    validate(&config)?;
    let meta = backend.history_meta(height)?;
    let source = |store: Store, visit: &mut Visit<'_>| scan_history(&**backend, store, height, visit);
    load(config, &meta, Arc::new(Detached), &source, Images::new())
}

/// Records fetched from history at a time.
const HISTORY_CHUNK: usize = 1024;

fn scan_history(backend: &dyn Backend, store: Store, height: u64, visit: &mut Visit<'_>) -> Result<(), StateError> {
    let mut start = Bound::Unbounded;
    loop {
        let from = start.as_ref().map(|key: &bytes::Bytes| key.as_ref());
        let records =
            backend.history_range(store, from, Bound::Unbounded, Direction::Ascending, height, HISTORY_CHUNK)?;
        for (key, value) in &records {
            visit(key, value)?;
        }
        let last = records.len() < HISTORY_CHUNK;
        match records.into_iter().next_back() {
            Some((key, _)) if !last => start = Bound::Excluded(key),
            _ => return Ok(()),
        }
    }
}

type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<(), StateError> + 'a;
/// Visits the records of a store in ascending key order.
type Source<'a> = dyn Fn(Store, &mut Visit<'_>) -> Result<(), StateError> + Sync + 'a;

fn inconsistent(reason: impl Into<String>) -> StateError {
    StateError::Fatal(StateFault::Inconsistent(reason.into()))
}

fn validate(config: &StateConfig) -> Result<(), StateError> {
    let mut names = BTreeSet::new();
    for store in &config.stores {
        if store.name().is_empty() || !names.insert(store.name()) {
            return Err(StateError::misuse(*store, "registered twice, or without a name"));
        }
    }
    let registered = |store: &Store| config.stores.iter().any(|known| known == store && known.kind() == store.kind());
    for Derivation { source, target, .. } in &config.derivations {
        if !registered(source) || !source.is_persisted() {
            return Err(StateError::misuse(*source, "source of a derivation, but no registered persisted store"));
        }
        if !registered(target) || target.kind() != StoreKind::Derived {
            return Err(StateError::misuse(*target, "target of a derivation, but no registered derived store"));
        }
    }
    let underived = config.stores.iter().find(|store| {
        store.kind() == StoreKind::Derived && !config.derivations.iter().any(|derivation| derivation.target == **store)
    });
    match underived {
        Some(store) => Err(StateError::misuse(*store, "a derived store needs a derivation")),
        None => Ok(()),
    }
}

fn sorted(mut slots: Vec<Slot>) -> Vec<Slot> {
    slots.sort_by_key(|slot| slot.store);
    slots
}

fn new_slot(store: Store, version: u64) -> Slot {
    Slot { store, values: RwLock::default(), tree: store.is_committed().then(|| RwLock::new(Tree::new(version))) }
}

fn load(
    config: StateConfig,
    durable: &Durable,
    backend: Arc<dyn Backend>,
    source: &Source<'_>,
    mut images: Images,
) -> Result<State, StateError> {
    let mut existing = Vec::with_capacity(durable.stores.len());
    for (name, committed) in &durable.stores {
        let kind = if *committed { StoreKind::Committed } else { StoreKind::Local };
        let known = config.stores.iter().find(|store| store.name() == name && store.kind() == kind);
        existing.push(*known.ok_or_else(|| {
            inconsistent(format!("the database has a {kind:?} store {name} that this binary does not know"))
        })?);
    }
    let mut slots = Vec::with_capacity(config.stores.len());
    for store in &config.stores {
        slots.push(if existing.contains(store) {
            load_store(*store, durable.height, source, images.remove(store.name()))?
        } else {
            new_slot(*store, durable.height)
        });
    }
    let mut slots = sorted(slots);
    for derivation in &config.derivations {
        derive(&mut slots, derivation)?;
    }
    let state = State::from_parts(slots, &existing, config.options, durable.height, backend);
    if state.app_hash() != durable.app_hash {
        return Err(StateError::Fatal(StateFault::AppHash {
            height: durable.height,
            stated: durable.app_hash,
            found: state.app_hash(),
        }));
    }
    Ok(state)
}

fn derive(slots: &mut [Slot], derivation: &Derivation) -> Result<(), StateError> {
    let at = |store: Store| slots.iter().position(|slot| slot.store == store).expect("checked by `validate`");
    let (source, target) = (at(derivation.source), at(derivation.target));
    let mut derived = PackedMap::default();
    std::mem::swap(&mut derived, &mut slots[target].values.get_mut().map);
    let mut failure = None;
    let records = &slots[source].values.get_mut().map;
    records.scan(Bound::Unbounded, Bound::Unbounded, Direction::Ascending, |key, value| {
        let result = (derivation.derive)(key, value, &mut |entry, content| {
            crate::kv::require_writable(derivation.target, entry, Some(content))?;
            derived.set(entry, content);
            Ok(())
        });
        failure = result.err();
        failure.is_none()
    });
    slots[target].values.get_mut().map = derived;
    failure.map_or(Ok(()), Err)
}

/// Records on their way from the backend, packed.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    /// Where each record's key ends and its value ends.
    ends: Vec<(usize, usize)>,
}

const BATCH_RECORDS: usize = 8192;
const BATCH_BYTES: usize = 4 << 20;
const BATCHES_AHEAD: usize = 4;

impl Batch {
    fn push(&mut self, key: &[u8], value: &[u8]) {
        self.bytes.extend_from_slice(key);
        let key_end = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.ends.push((key_end, self.bytes.len()));
    }

    fn is_full(&self) -> bool {
        self.ends.len() >= BATCH_RECORDS || self.bytes.len() >= BATCH_BYTES
    }

    fn record(&self, index: usize) -> (&[u8], &[u8]) {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before].1);
        let (key_end, end) = self.ends[index];
        (&self.bytes[start..key_end], &self.bytes[key_end..end])
    }
}

/// Loads one store: one thread reads the disk, the others hash.
#[expect(clippy::disallowed_methods, reason = "records arrive in key order whatever the threads do")]
fn load_store(
    store: Store,
    version: u64,
    source: &Source<'_>,
    mut image: Option<StoreImage>,
) -> Result<Slot, StateError> {
    let (sender, receiver) = sync_channel::<Batch>(BATCHES_AHEAD);
    let gone = || StateError::backend("loading was given up");
    std::thread::scope(|scope| {
        let producer = scope.spawn(move || {
            let mut batch = Batch::default();
            source(store, &mut |key, value| {
                batch.push(key, value);
                if batch.is_full() {
                    sender.send(std::mem::take(&mut batch)).map_err(|_| gone())?;
                }
                Ok(())
            })?;
            sender.send(batch).map_err(|_| gone())
        });
        let mut values = PackedMapBuilder::default();
        let mut tree = store.is_committed().then(TreeBuilder::new);
        let mut failure = None;
        'batches: for batch in receiver {
            let hashes: Vec<LeafHashes> = if tree.is_some() && image.is_none() {
                (0..batch.ends.len())
                    .into_par_iter()
                    .with_min_len(256)
                    .map(|index| {
                        let (key, value) = batch.record(index);
                        LeafHashes::of(key, value)
                    })
                    .collect()
            } else {
                Vec::new()
            };
            let mut hashes = hashes.into_iter();
            for index in 0..batch.ends.len() {
                let (key, value) = batch.record(index);
                let checked = crate::kv::require_writable(store, key, Some(value)).map_err(|_| "invalid record");
                if let Err(reason) = checked
                    && failure.is_none()
                {
                    failure = Some(StateError::corrupt(store, key, reason));
                    break 'batches;
                }
                if !values.push(key, value) {
                    failure = Some(StateError::corrupt(store, key, "keys out of order"));
                    break 'batches;
                }
                if let Some(tree) = &mut tree {
                    let known = match &mut image {
                        Some(image) => image.next(key, value),
                        None => Ok(hashes.next().expect("one for each record of the batch")),
                    };
                    match known {
                        Ok(hashes) => tree.push(key, hashes),
                        Err(error) => {
                            failure = Some(error);
                            break 'batches;
                        }
                    }
                }
            }
        }
        // The receiver is gone here, so the producer ends, too.
        let produced = producer.join().unwrap_or_else(|_| Err(StateError::backend("the loading thread panicked")));
        if let Some(failure) = failure {
            return Err(failure);
        }
        produced?;
        Ok(Slot {
            store,
            values: RwLock::new(Values { map: values.finish(), ..Values::default() }),
            tree: tree.map(|tree| RwLock::new(tree.finish(version))),
        })
    })
}
