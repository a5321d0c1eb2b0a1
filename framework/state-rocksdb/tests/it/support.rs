//! A chain small enough to be compared as a whole: blocks that follow from a seed, and every version of the state in RAM.

use std::{collections::BTreeMap, ops::Bound, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use plume_state::{Backend, Change, CommittedBlock, Direction, Durable, Record, Store, StoreDelta};
use plume_state_rocksdb::{Config, RocksBackend};
use rand::{Rng, SeedableRng, rngs::StdRng};
use sha2::{Digest, Sha256};

pub const CHAIN: &str = "plume-test-1";
pub const BANK: Store = Store::committed("bank");
pub const AUTH: Store = Store::committed("acc");
pub const LOCAL: Store = Store::local("records");
/// Comes into being at [`LATE_HEIGHT`], like a store added by an upgrade.
pub const LATE: Store = Store::committed("late");
pub const LATE_HEIGHT: u64 = 12;
pub const STORES: [Store; 4] = [BANK, AUTH, LOCAL, LATE];

pub type Contents = BTreeMap<(Store, Vec<u8>), Vec<u8>>;

/// Settings under which small histories meet every step of the writer.
pub fn config() -> Config {
    Config {
        flush_blocks: 3,
        flush_bytes: 1 << 20,
        idle_flush: Duration::from_secs(600),
        compact_dead_bytes: 1 << 10,
        ..Config::new(CHAIN, STORES)
    }
}

pub fn open(path: &Path) -> RocksBackend {
    RocksBackend::open(path, &config()).expect("the database opens")
}

/// The stores that exist after a block.
pub fn stores_at(height: u64) -> Arc<[Store]> {
    STORES.into_iter().filter(|store| *store != LATE || height >= LATE_HEIGHT).collect()
}

/// The writes of block `height` of chain `seed`: keys that are prefixes of one another, zero bytes, removals, few and many.
pub fn writes_of(seed: u64, height: u64) -> BTreeMap<(Store, Vec<u8>), Option<Vec<u8>>> {
    let mut rng = StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(height));
    let mut writes = BTreeMap::new();
    if rng.gen_ratio(1, 8) {
        return writes; // an empty block
    }
    let stores = stores_at(height);
    for _ in 0..rng.gen_range(1..40) {
        let store = stores[rng.gen_range(0..stores.len())];
        let length = rng.gen_range(1..5);
        let key = (0..length).map(|_| [0, 1, b'a', 0xFF][rng.gen_range(0..4)]).collect();
        let value = rng.gen_ratio(3, 4).then(|| {
            let mut value = height.to_be_bytes().to_vec();
            value.resize(rng.gen_range(1..64), rng.r#gen());
            value
        });
        writes.insert((store, key), value);
    }
    writes
}

/// Key, old value, new value.
type KeyChange = (Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>);

fn delta(store: Store, changes: &[KeyChange]) -> StoreDelta {
    let changes = changes.iter().map(|(key, old, new)| Change { key, old: old.as_deref(), new: new.as_deref() });
    StoreDelta::from_changes(store, changes)
}

/// What a node has in RAM: the state after `height`.
#[derive(Clone, Default)]
pub struct Node {
    pub height: u64,
    pub contents: Contents,
}

impl Node {
    /// Loads what the database holds.
    pub fn load(backend: &impl Backend) -> Self {
        let mut node = Self::default();
        let Some(durable) = backend.durable().expect("metadata is readable") else { return node };
        node.height = durable.height;
        for store in STORES {
            let mut last: Option<Vec<u8>> = None;
            backend
                .scan(store, Bound::Unbounded, Bound::Unbounded, &mut |key, value| {
                    assert!(last.as_deref() < Some(key), "keys ascend");
                    last = Some(key.to_vec());
                    node.contents.insert((store, key.to_vec()), value.to_vec());
                    Ok(())
                })
                .expect("values are readable");
        }
        assert_eq!(durable.app_hash, node.app_hash(), "the database holds the state of its own height");
        node
    }

    /// A hash of the content alone.
    pub fn app_hash(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        for ((store, key), value) in self.contents.iter().filter(|((store, _), _)| store.is_committed()) {
            hasher.update(store.name());
            hasher.update([key.len() as u8]);
            hasher.update(key);
            hasher.update([value.len() as u8]);
            hasher.update(value);
        }
        hasher.finalize().into()
    }

    /// Executes the next block of chain `seed`.
    pub fn next_block(&mut self, seed: u64) -> CommittedBlock {
        let height = self.height + 1;
        let writes = writes_of(seed, height);
        self.block(height, writes)
    }

    /// Executes a block.
    pub fn block(&mut self, height: u64, writes: BTreeMap<(Store, Vec<u8>), Option<Vec<u8>>>) -> CommittedBlock {
        let mut changes: BTreeMap<Store, Vec<KeyChange>> = BTreeMap::new();
        for ((store, key), new) in writes {
            let old = match &new {
                Some(new) => self.contents.insert((store, key.clone()), new.clone()),
                None => self.contents.remove(&(store, key.clone())),
            };
            if old != new {
                changes.entry(store).or_default().push((key, old, new));
            }
        }
        let previous_height = std::mem::replace(&mut self.height, height);
        CommittedBlock {
            height,
            previous_height,
            app_hash: self.app_hash(),
            stores: stores_at(height),
            deltas: changes.iter().map(|(store, changes)| Arc::new(delta(*store, changes))).collect(),
        }
    }

    /// What the database should say of this height.
    pub fn durable(&self) -> Durable {
        let mut stores: Vec<_> =
            stores_at(self.height).iter().map(|store| (store.name().to_owned(), store.is_committed())).collect();
        stores.sort();
        Durable { height: self.height, app_hash: self.app_hash(), stores }
    }

    pub fn range(&self, store: Store, start: Bound<&[u8]>, end: Bound<&[u8]>, direction: Direction) -> Vec<Record> {
        let above = |key: &[u8]| match start {
            Bound::Unbounded => true,
            Bound::Included(start) => key >= start,
            Bound::Excluded(start) => key > start,
        };
        let below = |key: &[u8]| match end {
            Bound::Unbounded => true,
            Bound::Included(end) => key <= end,
            Bound::Excluded(end) => key < end,
        };
        let mut records: Vec<Record> = self
            .contents
            .iter()
            .filter(|((of, key), _)| *of == store && above(key) && below(key))
            .map(|((_, key), value)| (Bytes::copy_from_slice(key), Bytes::copy_from_slice(value)))
            .collect();
        if direction == Direction::Descending {
            records.reverse();
        }
        records
    }
}

/// The states of chain `seed` after blocks 0 to `last`, never interrupted.
pub fn uninterrupted(seed: u64, last: u64) -> Vec<Node> {
    let mut node = Node::default();
    let mut nodes = vec![node.clone()];
    for _ in 0..last {
        node.next_block(seed);
        nodes.push(node.clone());
    }
    nodes
}

/// Gives the backend all blocks behind its durable height up to `last`; the node afterwards.
pub fn replay(backend: &impl Backend, seed: u64, last: u64) -> Node {
    let mut node = Node::load(backend);
    while node.height < last {
        let block = node.next_block(seed);
        backend.persist(block).expect("the block is accepted");
    }
    backend.flush().expect("the blocks become durable");
    assert_eq!(backend.durable_height(), last);
    node
}

/// Compares everything that can be asked about the heights `from..=to`.
pub fn assert_history(backend: &impl Backend, nodes: &[Node], from: u64, to: u64) {
    let mut keys: Vec<&(Store, Vec<u8>)> = nodes.iter().flat_map(|node| node.contents.keys()).collect();
    keys.sort();
    keys.dedup();
    for height in from..=to {
        let node = &nodes[height as usize];
        assert_eq!(backend.history_meta(height).expect("readable"), node.durable(), "height {height}");
        // Another third of the keys at each height.
        for (store, key) in keys.iter().copied().skip((height % 3) as usize).step_by(3) {
            let found = backend.history_get(*store, key, height).expect("readable");
            let expected = node.contents.get(&(*store, key.clone())).cloned().map(Bytes::from);
            assert_eq!(found, expected, "{store} {key:?} at height {height}");
        }
        for store in STORES {
            for direction in [Direction::Ascending, Direction::Descending] {
                let (start, end) = (Bound::Unbounded, Bound::Unbounded);
                let found = backend.history_range(store, start, end, direction, height, usize::MAX).expect("readable");
                assert_eq!(found, node.range(store, start, end, direction), "{store} {direction:?} at height {height}");
            }
        }
    }
}

/// Bytes of all files under a folder.
pub fn size_of_dir(path: &Path) -> u64 {
    let entries = std::fs::read_dir(path).expect("folder").map(|entry| entry.expect("entry").path());
    // A compaction may remove a file between listing and asking.
    entries
        .map(|path| if path.is_dir() { size_of_dir(&path) } else { path.metadata().map_or(0, |meta| meta.len()) })
        .sum()
}

/// All files under a folder with their contents.
pub fn files(path: &Path) -> BTreeMap<std::path::PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(path).expect("folder") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = std::fs::read(&path).expect("file");
            found.insert(path, bytes);
        }
    }
    found
}

/// Copies a folder.
pub fn copy_dir(from: &Path, to: &Path) {
    for (path, bytes) in files(from) {
        let target = to.join(path.strip_prefix(from).expect("inside"));
        std::fs::create_dir_all(target.parent().expect("has one")).expect("folder");
        std::fs::write(target, bytes).expect("file");
    }
}
