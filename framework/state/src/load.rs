//! Opening a state: loading values, rebuilding trees and derived stores.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use std::sync::mpsc::{channel, sync_channel};

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
    images: Images,
) -> Result<State, StateError> {
    let mut existing = Vec::with_capacity(durable.stores.len());
    for (name, committed) in &durable.stores {
        let kind = if *committed { StoreKind::Committed } else { StoreKind::Local };
        let known = config.stores.iter().find(|store| store.name() == name && store.kind() == kind);
        existing.push(*known.ok_or_else(|| {
            inconsistent(format!("the database has a {kind:?} store {name} that this binary does not know"))
        })?);
    }
    let mut slots = sorted(load_stores(&config, &existing, durable.height, source, images)?);
    derive(&mut slots, &config.derivations)?;
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

/// Loads all stores at once, each by threads of its own: what one store waits for, another uses.
#[expect(clippy::disallowed_methods, reason = "each store is what its records make it, whatever the threads do")]
fn load_stores(
    config: &StateConfig,
    existing: &[Store],
    version: u64,
    source: &Source<'_>,
    mut images: Images,
) -> Result<Vec<Slot>, StateError> {
    std::thread::scope(|scope| {
        let loading: Vec<_> = config
            .stores
            .iter()
            .map(|store| {
                let image = images.remove(store.name());
                scope.spawn(move || match existing.contains(store) {
                    true => load_store(*store, version, source, image),
                    false => Ok(new_slot(*store, version)),
                })
            })
            .collect();
        let loaded = loading
            .into_iter()
            .map(|store| store.join().unwrap_or_else(|_| Err(StateError::backend("a loading thread panicked"))));
        // Every thread is waited for, whatever the first failure.
        loaded.collect::<Vec<_>>().into_iter().collect()
    })
}

/// Fills the derived stores, all at once.
#[expect(clippy::disallowed_methods, reason = "each store is what its sources make it, whatever the threads do")]
fn derive(slots: &mut [Slot], derivations: &[Derivation]) -> Result<(), StateError> {
    let targets: BTreeSet<Store> = derivations.iter().map(|derivation| derivation.target).collect();
    let sources = &*slots;
    let derived: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = targets
            .into_iter()
            .map(|target| {
                let rules: Vec<_> = derivations.iter().filter(|derivation| derivation.target == target).collect();
                (target, scope.spawn(move || derived(sources, target, &rules)))
            })
            .collect();
        let ended = |thread: std::thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|_| Err(StateError::backend("a deriving thread panicked")))
        };
        threads.into_iter().map(|(target, thread)| (target, ended(thread))).collect()
    });
    for (target, map) in derived {
        slots[position(slots, target)].values.get_mut().map = map?;
    }
    Ok(())
}

fn position(slots: &[Slot], store: Store) -> usize {
    slots.iter().position(|slot| slot.store == store).expect("checked by `validate`")
}

/// The records of a derived store. Where two have one key, the later rule's, or later source record's, counts.
fn derived(slots: &[Slot], target: Store, rules: &[&Derivation]) -> Result<PackedMap, StateError> {
    // Often they come in order already.
    let mut map = PackedMapBuilder::default();
    let mut in_order = true;
    each_derived(slots, target, rules, &mut |key, value| {
        in_order = map.push(key, value);
        in_order
    })?;
    if in_order {
        return Ok(map.finish());
    }
    let mut records = Batch::default();
    each_derived(slots, target, rules, &mut |key, value| {
        records.push(key, value);
        true
    })?;
    let order = records.ascending();
    let mut map = PackedMapBuilder::default();
    let following = order.iter().skip(1).map(|next| Some(records.record(*next).0)).chain([None]);
    for (index, next) in order.iter().zip(following) {
        let (key, value) = records.record(*index);
        let replaced = next == Some(key);
        if !replaced && !map.push(key, value) {
            return Err(inconsistent(format!("derived records of {target} are out of order")));
        }
    }
    Ok(map.finish())
}

/// Visits derived records as the rules make them, until `visit` returns false.
fn each_derived(
    slots: &[Slot],
    target: Store,
    rules: &[&Derivation],
    visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
) -> Result<(), StateError> {
    let mut wanted = true;
    for Derivation { source, derive, .. } in rules {
        let source = slots[position(slots, *source)].values.read();
        let mut failure = None;
        source.map.scan(Bound::Unbounded, Bound::Unbounded, Direction::Ascending, |key, value| {
            let result = derive(key, value, &mut |entry, content| {
                crate::kv::require_writable(target, entry, Some(content))?;
                wanted = wanted && visit(entry, content);
                Ok(())
            });
            failure = result.err();
            wanted && failure.is_none()
        });
        if let Some(failure) = failure {
            return Err(failure);
        }
    }
    Ok(())
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

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// The records' indices in the order of their keys; of one key, in the order in which they came.
    fn ascending(&self) -> Vec<usize> {
        let key = |index: usize| self.record(index).0;
        let count = self.ends.len();
        if (0..count).zip(1..count).all(|(before, index)| key(before) <= key(index)) {
            return (0..count).collect();
        }
        // Eight bytes after what all keys begin with decide nearly always, without a look at the keys.
        let shared = (1..count).fold(key(0).len(), |shared, index| {
            key(0).iter().zip(key(index)).take(shared).take_while(|(one, other)| one == other).count()
        });
        let mut seeds: Vec<(u64, usize)> = (0..count)
            .map(|index| {
                let mut head = [0; 8];
                head.iter_mut().zip(&key(index)[shared..]).for_each(|(to, from)| *to = *from);
                (u64::from_be_bytes(head), index)
            })
            .collect();
        seeds.par_sort_unstable_by(|(one, at), (other, behind)| {
            one.cmp(other).then_with(|| key(*at).cmp(key(*behind))).then(at.cmp(behind))
        });
        seeds.into_iter().map(|(_, index)| index).collect()
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
    // Emptied batches go back: memory that is given away and taken again would be cleared each time.
    let (emptied, empty) = channel::<Batch>();
    let gone = || StateError::backend("loading was given up");
    std::thread::scope(|scope| {
        let producer = scope.spawn(move || {
            let mut batch = Batch::default();
            source(store, &mut |key, value| {
                batch.push(key, value);
                if batch.is_full() {
                    let next = empty.try_recv().unwrap_or_default();
                    sender.send(std::mem::replace(&mut batch, next)).map_err(|_| gone())?;
                }
                Ok(())
            })?;
            sender.send(batch).map_err(|_| gone())
        });
        let mut values = PackedMapBuilder::default();
        let mut tree = store.is_committed().then(TreeBuilder::new);
        let mut failure = None;
        'batches: for mut batch in receiver {
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
            batch.clear();
            // The producer may have ended.
            let _ = emptied.send(batch);
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

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn records_come_in_the_order_of_keys_and_equal_ones_as_they_came(
            shared in vec(any::<u8>(), 0..12),
            tails in vec(vec(0_u8..3, 0..12), 0..60),
        ) {
            let keys: Vec<Vec<u8>> = tails.iter().map(|tail| [shared.as_slice(), tail].concat()).collect();
            let mut batch = Batch::default();
            keys.iter().for_each(|key| batch.push(key, b"value"));
            let mut expected: Vec<usize> = (0..keys.len()).collect();
            expected.sort_by_key(|index| &keys[*index]);
            prop_assert_eq!(batch.ascending(), expected);
        }
    }
}
