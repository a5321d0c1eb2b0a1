//! The tree over a store's records, in RAM.
//!
//! A binary tree over the bits of SHA-256(key) in the shape of the Jellyfish Merkle tree: a subtree with one leaf is that leaf,
//! an empty one is a constant. Nodes stand in arenas and refer to one another by 32-bit indices: 40 bytes for an inner node,
//! 36 for a leaf, and the key's bytes once, whatever the number of versions.
//!
//! Nodes never change once committed. A block makes new nodes for the paths it changes and lists the ones it replaces; those
//! are freed when the last version that uses them leaves the window. [`Tree::prepare`] makes the new nodes aside, so it can be
//! called any number of times before one result is installed.

mod arena;
mod build;
mod proof;
mod update;

use std::collections::VecDeque;

pub(crate) use arena::NodeRef;
use arena::{Inner, KeyArena, Leaf, Slab};
pub(crate) use build::TreeBuilder;
pub(crate) use proof::{Neighbours, PathStep, TreeLeaf};
pub(crate) use update::{Installer, PreparedTree, Update};

use crate::hash::{EMPTY_HASH, Hash, leaf_hash, sha256};
use crate::{SENTINEL_KEY, SENTINEL_VALUE};

/// The tree of one store at all retained versions.
pub(crate) struct Tree {
    inners: Slab<Inner>,
    leaves: Slab<Leaf>,
    keys: KeyArena,
    /// Ascending by version, never empty; the first one serves every version from the oldest retained one on.
    versions: VecDeque<TreeVersion>,
}

/// A node as a walk over the tree sees it.
pub(crate) enum Node<'a> {
    /// Nothing.
    Empty,
    /// One record, with its key.
    Leaf(&'a [u8]),
    /// Two children, of which one may be empty.
    Inner(NodeRef, NodeRef),
}

struct TreeVersion {
    version: u64,
    root: NodeRef,
    hash: Hash,
    /// What this version replaced: in use by earlier versions only.
    stale: Stale,
}

/// Nodes and keys that a version replaced.
#[derive(Default)]
pub(crate) struct Stale {
    inners: Vec<u32>,
    leaves: Vec<u32>,
    keys: Vec<u32>,
}

impl Stale {
    fn append(&mut self, mut other: Self) {
        self.inners.append(&mut other.inners);
        self.leaves.append(&mut other.leaves);
        self.keys.append(&mut other.keys);
    }

    /// Bytes of RAM that replaced nodes hold until they are freed, the lists themselves included. Keys are few (removals
    /// only) and not counted.
    pub(crate) fn ram_bytes(&self) -> usize {
        self.inners.len() * (size_of::<Inner>() + 4) + self.leaves.len() * (size_of::<Leaf>() + 4)
    }
}

/// The hash of the sentinel's leaf.
pub(crate) fn sentinel_leaf_hash() -> Hash {
    leaf_hash(&sha256(SENTINEL_KEY), &sha256(SENTINEL_VALUE))
}

impl Tree {
    /// A tree that holds the sentinel alone.
    pub(crate) fn new(version: u64) -> Self {
        let mut tree = Self::empty();
        let hash = sentinel_leaf_hash();
        let leaf = tree.add_leaf(hash, SENTINEL_KEY);
        tree.set_root(version, leaf, hash);
        tree
    }

    fn empty() -> Self {
        Self { inners: Slab::default(), leaves: Slab::default(), keys: KeyArena::default(), versions: VecDeque::new() }
    }

    fn add_leaf(&mut self, hash: Hash, key: &[u8]) -> NodeRef {
        let key = self.keys.insert(key);
        NodeRef::leaf(self.leaves.insert(Leaf { hash, key }))
    }

    fn set_root(&mut self, version: u64, root: NodeRef, hash: Hash) {
        self.versions.push_back(TreeVersion { version, root, hash, stale: Stale::default() });
    }

    /// The root after `version`; the caller makes sure that the version is retained.
    pub(crate) fn root_at(&self, version: u64) -> (NodeRef, Hash) {
        let after = self.versions.partition_point(|entry| entry.version <= version);
        let entry = &self.versions[after.saturating_sub(1)];
        (entry.root, entry.hash)
    }

    /// The root of the latest version.
    pub(crate) fn root(&self) -> (NodeRef, Hash) {
        self.versions.back().map_or((NodeRef::EMPTY, EMPTY_HASH), |entry| (entry.root, entry.hash))
    }

    /// What a node of a retained version is.
    pub(crate) fn node(&self, node: NodeRef) -> Node<'_> {
        if node.is_empty() {
            Node::Empty
        } else if node.is_leaf() {
            Node::Leaf(self.keys.get(self.leaves.get(node.index()).key))
        } else {
            let inner = self.inners.get(node.index());
            Node::Inner(inner.left, inner.right)
        }
    }

    /// The hash of a node of a retained version.
    pub(crate) fn node_hash(&self, node: NodeRef) -> Hash {
        if node == NodeRef::EMPTY {
            EMPTY_HASH
        } else if node.is_leaf() {
            self.leaves.get(node.index()).hash
        } else {
            self.inners.get(node.index()).hash
        }
    }

    /// Frees what versions up to `oldest` replaced, once `oldest` is the oldest version that can be asked for.
    pub(crate) fn release(&mut self, oldest: u64) {
        while self.versions.get(1).is_some_and(|next| next.version <= oldest) {
            self.versions.pop_front();
        }
        if let Some(first) = self.versions.front_mut()
            && first.version <= oldest
        {
            let stale = std::mem::take(&mut first.stale);
            self.free(stale);
        }
    }

    /// True when [`release`](Self::release) would free something.
    pub(crate) fn can_release(&self, oldest: u64) -> bool {
        self.versions.get(1).is_some_and(|next| next.version <= oldest)
            || self.versions.front().is_some_and(|first| first.version <= oldest && !first.stale.inners.is_empty())
    }

    fn free(&mut self, stale: Stale) {
        self.inners.free(stale.inners);
        self.leaves.free(stale.leaves);
        for key in stale.keys {
            self.keys.remove(key);
        }
    }

    /// Bytes of RAM held by nodes and keys, of all versions.
    pub(crate) fn ram_bytes(&self) -> usize {
        self.inners.ram_bytes() + self.leaves.ram_bytes() + self.keys.ram_bytes()
    }

    /// Nodes in use by any retained version: inner nodes and leaves.
    pub(crate) fn node_counts(&self) -> (usize, usize) {
        (self.inners.len(), self.leaves.len())
    }
}
