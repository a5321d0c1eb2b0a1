//! Writing the snapshot of a version while blocks go on.

use std::sync::Arc;

use crate::hash::Hash;
use crate::shared::{Pin, Shared};
use crate::transfer::chunk::{RECORD_OVERHEAD, head, push_record};
use crate::transfer::manifest::{Manifest, StoreManifest};
use crate::transfer::shape::{Prefix, Shape};
use crate::tree::{Node, NodeRef};
use crate::{SENTINEL_KEY, Snapshot, StateError, StateFault};

/// A version that stays in RAM while this exists, so that its trees can be read slowly.
///
/// The window of recent versions grows meanwhile, up to four times its bounds; beyond them the version goes all the same and
/// reading it fails with [`StateError::Unavailable`].
pub struct PinnedVersion {
    shared: Arc<Shared>,
    pin: Pin,
}

impl PinnedVersion {
    pub(crate) fn new(shared: &Arc<Shared>, version: u64) -> Result<Self, StateError> {
        Ok(Self { shared: shared.clone(), pin: Pin::new(shared, version)? })
    }

    /// The height of the version.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.pin.version()
    }

    /// The state at the version.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.shared.clone(), self.height())
    }

    /// Decides how the version's trees are cut into chunks: a subtree whose records take at most `chunk_bytes` is one chunk, a
    /// larger one is cut in two, unless it is a single record. So the cuts depend on the contents only. Takes
    /// about two microseconds per key, and writing as much again.
    ///
    /// # Errors
    /// [`StateError::Unavailable`] when the version is gone (above); [`StateError::Fatal`] for more stores or chunks than a
    /// snapshot can have.
    pub fn export(self, chunk_bytes: u32) -> Result<StateExport, StateError> {
        let Self { shared, pin } = self;
        let version = shared.version(pin.version()).ok_or_else(|| shared.unavailable(pin.version()))?;
        let mut walk = Walk { shared: &shared, slot: 0, version: version.version, key: Vec::new() };
        let mut stores = Vec::with_capacity(version.roots.len());
        let mut roots = Vec::with_capacity(version.roots.len());
        for (slot, root) in version.roots.iter() {
            walk.slot = *slot;
            let node = walk.root()?;
            let mut shape = Shape::default();
            walk.measure(node, u64::from(chunk_bytes), &mut shape)?;
            // As many cuts as chunks less one.
            let chunks = u32::try_from(shape.len() / 2 + 1).unwrap_or(u32::MAX);
            stores.push(StoreManifest {
                name: shared.slots()[*slot].store.name().to_owned(),
                root: *root,
                shape,
                chunks,
            });
            roots.push((*slot, node));
        }
        let manifest = Manifest::new(version.version, chunk_bytes, stores)
            .map_err(|e| StateError::Fatal(StateFault::Inconsistent(format!("a snapshot of this state: {e}"))))?;
        Ok(StateExport { shared, pin, manifest, roots })
    }
}

/// A version about to be written as a snapshot.
pub struct StateExport {
    shared: Arc<Shared>,
    pin: Pin,
    manifest: Manifest,
    /// Slot and root of each store of the manifest.
    roots: Vec<(usize, NodeRef)>,
}

impl StateExport {
    /// What the snapshot is made of.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Gives every chunk to `sink`, in order. Holds one chunk in memory.
    ///
    /// # Errors
    /// [`StateError::Unavailable`] when the version is gone ([`PinnedVersion`]); an error of `sink` is passed on.
    pub fn write(&self, sink: &mut dyn FnMut(u32, Vec<u8>) -> Result<(), StateError>) -> Result<(), StateError> {
        let mut index = 0;
        for (store, (slot, root)) in self.manifest.stores.iter().zip(&self.roots) {
            let walk = Walk { shared: &self.shared, slot: *slot, version: self.pin.version(), key: Vec::new() };
            let mut cut = Cut { walk, store, at: 0, siblings: Vec::new(), index, sink };
            cut.write(*root, Prefix::ROOT)?;
            index = cut.index;
        }
        Ok(())
    }
}

/// Reads the tree and the values of one store at a pinned version, a node per lock.
struct Walk<'a> {
    shared: &'a Shared,
    slot: usize,
    version: u64,
    /// The key of the leaf at hand.
    key: Vec<u8>,
}

impl Walk<'_> {
    fn gone(&self) -> StateError {
        self.shared.unavailable(self.version)
    }

    /// Runs `read` on the store's tree as long as it holds the version.
    fn tree<T>(&self, read: impl FnOnce(&crate::tree::Tree) -> T) -> Result<T, StateError> {
        let slot = &self.shared.slots()[self.slot];
        let tree = slot.tree.as_ref().ok_or_else(|| StateError::misuse(slot.store, "a store without a tree"))?.read();
        if self.shared.is_retained(self.version) { Ok(read(&tree)) } else { Err(self.gone()) }
    }

    fn root(&self) -> Result<NodeRef, StateError> {
        self.tree(|tree| tree.root_at(self.version).0)
    }

    /// The children of an inner node; of a leaf, its key goes to `self.key`.
    fn node(&mut self, node: NodeRef) -> Result<Kind, StateError> {
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        let kind = self.tree(|tree| match tree.node(node) {
            Node::Empty => Kind::Empty,
            Node::Leaf(found) => {
                key.extend_from_slice(found);
                Kind::Leaf
            }
            Node::Inner(left, right) => Kind::Inner(left, right),
        });
        self.key = key;
        kind
    }

    /// Passes the value of the leaf at hand; not called for the sentinel, which is in the tree only.
    fn value<T>(&self, read: impl FnOnce(&[u8], &[u8]) -> T) -> Result<Option<T>, StateError> {
        if self.key == SENTINEL_KEY {
            return Ok(None);
        }
        let slot = &self.shared.slots()[self.slot];
        let values = slot.values.read();
        if !self.shared.is_retained(self.version) {
            return Err(self.gone());
        }
        let value = values.get(&self.key, self.version);
        let value = value.ok_or_else(|| {
            StateError::corrupt(slot.store, &self.key, "the tree holds a leaf for a key without a value")
        })?;
        Ok(Some(read(&self.key, value)))
    }

    /// Bytes of the records below a node when they make one chunk, and appends the cuts of its subtree.
    fn measure(&mut self, node: NodeRef, most: u64, shape: &mut Shape) -> Result<Option<u64>, StateError> {
        let at = shape.len();
        shape.push_chunk();
        let (left, right) = match self.node(node)? {
            Kind::Empty => return Ok(Some(0)),
            Kind::Leaf => {
                let bytes = self.value(|key, value| RECORD_OVERHEAD + key.len() + value.len())?;
                return Ok(Some(bytes.unwrap_or(0) as u64)); // usize has at most 64 bits
            }
            Kind::Inner(left, right) => (left, right),
        };
        let left = self.measure(left, most, shape)?;
        let right = self.measure(right, most, shape)?;
        let whole = left.zip(right).map(|(left, right)| left + right).filter(|bytes| *bytes <= most);
        match whole {
            Some(_) => shape.truncate(at + 1),
            None => shape.cut(at),
        }
        Ok(whole)
    }

    /// Appends the records below a node, in the order of their key hashes, and counts them.
    fn collect(&mut self, node: NodeRef, out: &mut Vec<u8>) -> Result<u32, StateError> {
        match self.node(node)? {
            Kind::Empty => Ok(0),
            Kind::Leaf => Ok(u32::from(self.value(|key, value| push_record(out, key, value))?.is_some())),
            Kind::Inner(left, right) => Ok(self.collect(left, out)? + self.collect(right, out)?),
        }
    }
}

enum Kind {
    Empty,
    Leaf,
    Inner(NodeRef, NodeRef),
}

/// Walks down the cuts of a store and writes its chunks.
struct Cut<'a, 'b> {
    walk: Walk<'a>,
    store: &'a StoreManifest,
    /// The next bit of the store's shape.
    at: usize,
    /// From the root down.
    siblings: Vec<Hash>,
    index: u32,
    sink: &'b mut dyn FnMut(u32, Vec<u8>) -> Result<(), StateError>,
}

impl Cut<'_, '_> {
    fn write(&mut self, node: NodeRef, prefix: Prefix) -> Result<(), StateError> {
        let cut = self.store.shape.is_cut(self.at);
        self.at += 1;
        if !cut {
            let mut chunk = head(&self.store.name, prefix, &self.siblings, 0);
            let start = chunk.len();
            let records = self.walk.collect(node, &mut chunk)?;
            chunk[start - 4..start].copy_from_slice(&records.to_be_bytes());
            (self.sink)(self.index, chunk)?;
            self.index += 1;
            return Ok(());
        }
        let Kind::Inner(left, right) = self.walk.node(node)? else {
            return Err(StateError::Fatal(StateFault::Inconsistent("a cut at a leaf".to_owned())));
        };
        for (child, other, is_right) in [(left, right, false), (right, left, true)] {
            let sibling = self.walk.tree(|tree| tree.node_hash(other))?;
            self.siblings.push(sibling);
            self.write(child, prefix.child(is_right))?;
            self.siblings.pop();
        }
        Ok(())
    }
}
