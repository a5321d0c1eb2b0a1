//! Applying a block's changes: new nodes beside the old tree, each changed path hashed once.

use rayon::prelude::*;

use super::arena::{Inner, Leaf, MAX_SEGMENT_NODES, MAX_SEGMENTS, NodeRef};
use super::{Stale, Tree, TreeVersion};
use crate::hash::{EMPTY_HASH, Hash, bit, inner_hash, sha256};
use crate::undo::Undo;

/// One changed key.
pub(crate) struct Update {
    /// SHA-256 of the key; updates are sorted by it.
    pub(crate) key_hash: Hash,
    /// The new leaf's hash; `None` removes the key.
    pub(crate) leaf: Option<Hash>,
    /// The entry of the block's `Undo` that holds the key.
    pub(crate) change: u32,
}

/// The nodes that a set of updates makes and replaces.
pub(crate) struct PreparedTree {
    segments: Vec<Segment>,
    root: Subtree,
    /// SHA-256 computations inside the tree: inner nodes, and keys of leaves that move down.
    pub(crate) hashes: u64,
}

impl PreparedTree {
    pub(crate) fn root_hash(&self) -> Hash {
        self.root.hash
    }
}

/// New nodes made by one task, children before parents.
#[derive(Default)]
struct Segment {
    id: u32,
    inners: Vec<Inner>,
    leaves: Vec<NewLeaf>,
    stale: Stale,
    hashes: u64,
}

struct NewLeaf {
    hash: Hash,
    key: NewKey,
}

enum NewKey {
    /// The key of a leaf that this one replaces.
    Kept(u32),
    /// A new key: entry of the block's `Undo`.
    Added(u32),
}

#[derive(Clone, Copy)]
struct Subtree {
    node: NodeRef,
    hash: Hash,
}

const EMPTY: Subtree = Subtree { node: NodeRef::EMPTY, hash: EMPTY_HASH };

/// The levels above which the tree is cut into tasks: 16 subtrees.
const TASK_DEPTH: usize = 4;
/// Fewer updates are not worth handing to other threads.
const PARALLEL_MIN: usize = 512;

/// A subtree with the updates that fall into it.
struct Task<'a> {
    node: NodeRef,
    updates: &'a [Update],
}

impl Tree {
    /// Makes the nodes of the latest version with `updates` applied, without changing the tree.
    ///
    /// `updates` is sorted by key hash; each of them changes something.
    pub(crate) fn prepare(&self, updates: &[Update], undo: &Undo, parallel: bool) -> PreparedTree {
        let (root, _) = self.root();
        let task_depth = if updates.len() < PARALLEL_MIN { 0 } else { TASK_DEPTH };
        let mut tasks = Vec::with_capacity(MAX_SEGMENTS);
        self.cut(root, updates, 0, task_depth, &mut tasks);
        let run = |(index, task): (usize, &Task<'_>)| {
            // Segment 0 is the top of the tree.
            let id = u32::try_from(index + 1).expect("at most 16 tasks");
            let mut segment = Segment { id, ..Segment::default() };
            let subtree = Updater { tree: self, undo }.apply(&mut segment, task.node, task.updates, task_depth);
            (segment, subtree)
        };
        // The result is the same in any order: tasks share nothing and come back in the order of their subtrees.
        let (mut segments, subtrees): (Vec<_>, Vec<_>) = if parallel && tasks.len() > 1 {
            tasks.par_iter().enumerate().map(run).unzip()
        } else {
            tasks.iter().enumerate().map(run).unzip()
        };
        let mut top = Segment::default();
        let mut subtrees = subtrees.into_iter();
        let root = self.assemble(&mut top, root, task_depth, 0, &mut subtrees);
        let hashes = top.hashes + segments.iter().map(|segment| segment.hashes).sum::<u64>();
        segments.insert(0, top);
        PreparedTree { segments, root, hashes }
    }

    /// Children of a node at `depth`; a leaf or nothing counts as a node whose other side is empty.
    fn children(&self, node: NodeRef, depth: usize) -> (NodeRef, NodeRef) {
        if node.is_empty() {
            (NodeRef::EMPTY, NodeRef::EMPTY)
        } else if node.is_inner() {
            let inner = self.inners.get(node.index());
            (inner.left, inner.right)
        } else if bit(&sha256(self.keys.get(self.leaves.get(node.index()).key)), depth) {
            (NodeRef::EMPTY, node)
        } else {
            (node, NodeRef::EMPTY)
        }
    }

    fn cut<'a>(
        &self,
        node: NodeRef,
        updates: &'a [Update],
        depth: usize,
        task_depth: usize,
        tasks: &mut Vec<Task<'a>>,
    ) {
        if depth == task_depth {
            tasks.push(Task { node, updates });
            return;
        }
        let (left, right) = self.children(node, depth);
        let (lefts, rights) = split(updates, depth);
        self.cut(left, lefts, depth + 1, task_depth, tasks);
        self.cut(right, rights, depth + 1, task_depth, tasks);
    }

    fn assemble(
        &self,
        top: &mut Segment,
        node: NodeRef,
        task_depth: usize,
        depth: usize,
        subtrees: &mut impl Iterator<Item = Subtree>,
    ) -> Subtree {
        if depth == task_depth {
            return subtrees.next().expect("as many subtrees as tasks");
        }
        let (left, right) = self.children(node, depth);
        let new_left = self.assemble(top, left, task_depth, depth + 1, subtrees);
        let new_right = self.assemble(top, right, task_depth, depth + 1, subtrees);
        if node.is_inner() {
            if new_left.node == left && new_right.node == right {
                return Subtree { node, hash: self.node_hash(node) };
            }
            top.stale.inners.push(node.index());
        }
        top.join(new_left, new_right)
    }

    /// Installs some nodes of a prepared update and returns true when all are in. The result becomes visible with
    /// [`finish`](Self::finish) only, so readers may come in between.
    pub(crate) fn install(&mut self, installer: &mut Installer, undo: &Undo, mut budget: usize) -> bool {
        while let Some(segment) = installer.prepared.segments.get(installer.segment) {
            let places = &mut installer.places[installer.segment];
            while places.leaves.len() < segment.leaves.len() {
                if budget == 0 {
                    return false;
                }
                budget -= 1;
                let leaf = &segment.leaves[places.leaves.len()];
                let key = match leaf.key {
                    NewKey::Kept(key) => key,
                    NewKey::Added(change) => self.keys.insert(undo.key(change as usize)),
                };
                places.leaves.push(self.leaves.insert(Leaf { hash: leaf.hash, key }));
            }
            while installer.places[installer.segment].inners.len() < segment.inners.len() {
                if budget == 0 {
                    return false;
                }
                budget -= 1;
                let inner = segment.inners[installer.places[installer.segment].inners.len()];
                let (left, right) = (installer.resolve(inner.left), installer.resolve(inner.right));
                let place = self.inners.insert(Inner { hash: inner.hash, left, right });
                installer.places[installer.segment].inners.push(place);
            }
            if installer.segment == 0 {
                return true;
            }
            installer.segment += 1;
            if installer.segment == installer.prepared.segments.len() {
                // The top refers to all other segments, so it comes last.
                installer.segment = 0;
            }
        }
        true
    }

    /// Makes an installed update the tree of `version` and returns the bytes that earlier versions now hold alone.
    ///
    /// The installer is left for the caller to drop without the lock: giving megabytes back takes a while.
    pub(crate) fn finish(&mut self, installer: &mut Installer, version: u64) -> usize {
        let root = installer.resolve(installer.prepared.root.node);
        let stale = std::mem::take(&mut installer.stale);
        let bytes = stale.ram_bytes();
        self.versions.push_back(TreeVersion { version, root, hash: installer.prepared.root.hash, stale });
        bytes
    }
}

/// A prepared update on its way into the arenas.
pub(crate) struct Installer {
    prepared: PreparedTree,
    /// Where the new nodes of each segment went.
    places: Vec<Places>,
    segment: usize,
    /// What all segments replaced.
    stale: Stale,
}

#[derive(Default)]
struct Places {
    inners: Vec<u32>,
    leaves: Vec<u32>,
}

impl Installer {
    pub(crate) fn new(mut prepared: PreparedTree) -> Self {
        let mut stale = Stale::default();
        for segment in &mut prepared.segments {
            stale.append(std::mem::take(&mut segment.stale));
        }
        let places = prepared
            .segments
            .iter()
            .map(|segment| Places {
                inners: Vec::with_capacity(segment.inners.len()),
                leaves: Vec::with_capacity(segment.leaves.len()),
            })
            .collect();
        let segment = usize::from(prepared.segments.len() > 1);
        Self { prepared, places, segment, stale }
    }

    fn resolve(&self, node: NodeRef) -> NodeRef {
        if !node.is_new() {
            return node;
        }
        let (segment, index) = node.position();
        if node.is_leaf() {
            NodeRef::leaf(self.places[segment].leaves[index])
        } else {
            NodeRef::inner(self.places[segment].inners[index])
        }
    }
}

/// Splits updates by the bit at `depth`.
fn split(updates: &[Update], depth: usize) -> (&[Update], &[Update]) {
    updates.split_at(updates.partition_point(|update| !bit(&update.key_hash, depth)))
}

impl Segment {
    fn leaf(&mut self, hash: Hash, key: NewKey) -> Subtree {
        let index = self.leaves.len();
        assert!(index < MAX_SEGMENT_NODES, "a block makes fewer than 2^25 leaves per subtree");
        self.leaves.push(NewLeaf { hash, key });
        let index = u32::try_from(index).expect("below 2^25");
        Subtree { node: NodeRef::new_leaf(self.id, index), hash }
    }

    /// The node over two subtrees: nothing over nothing, a lone leaf itself, else an inner node.
    fn join(&mut self, left: Subtree, right: Subtree) -> Subtree {
        match (left.node.is_empty(), right.node.is_empty()) {
            (true, true) => return EMPTY,
            (true, false) if right.node.is_leaf() => return right,
            (false, true) if left.node.is_leaf() => return left,
            _ => {}
        }
        let index = self.inners.len();
        assert!(index < MAX_SEGMENT_NODES, "a block makes fewer than 2^25 nodes per subtree");
        let hash = inner_hash(&left.hash, &right.hash);
        self.hashes += 1;
        self.inners.push(Inner { hash, left: left.node, right: right.node });
        let index = u32::try_from(index).expect("below 2^25");
        Subtree { node: NodeRef::new_inner(self.id, index), hash }
    }
}

/// Applies updates to subtrees of a tree.
struct Updater<'a> {
    tree: &'a Tree,
    undo: &'a Undo,
}

impl Updater<'_> {
    fn unchanged(&self, node: NodeRef) -> Subtree {
        Subtree { node, hash: self.tree.node_hash(node) }
    }

    fn apply(&self, segment: &mut Segment, node: NodeRef, updates: &[Update], depth: usize) -> Subtree {
        if updates.is_empty() {
            return self.unchanged(node);
        }
        if node.is_empty() {
            return self.build(segment, updates, None, depth);
        }
        if node.is_leaf() {
            return self.apply_to_leaf(segment, node, updates, depth);
        }
        let inner = self.tree.inners.get(node.index());
        let (lefts, rights) = split(updates, depth);
        // The hash of an untouched side is fetched before descending into the other, so that both cache misses overlap.
        let (left, right) = if lefts.is_empty() {
            let left = self.unchanged(inner.left);
            (left, self.apply(segment, inner.right, rights, depth + 1))
        } else {
            let right = rights.is_empty().then(|| self.unchanged(inner.right));
            let left = self.apply(segment, inner.left, lefts, depth + 1);
            (left, right.unwrap_or_else(|| self.apply(segment, inner.right, rights, depth + 1)))
        };
        if left.node == inner.left && right.node == inner.right {
            return Subtree { node, hash: inner.hash };
        }
        segment.stale.inners.push(node.index());
        segment.join(left, right)
    }

    fn apply_to_leaf(&self, segment: &mut Segment, node: NodeRef, updates: &[Update], depth: usize) -> Subtree {
        let leaf = self.tree.leaves.get(node.index());
        let key = self.tree.keys.get(leaf.key);
        let own = updates.iter().find(|update| self.undo.key(update.change as usize) == key);
        let Some(update) = own else {
            segment.hashes += 1;
            let kept = (sha256(key), Subtree { node, hash: leaf.hash });
            return self.build(segment, updates, Some(kept), depth);
        };
        segment.stale.leaves.push(node.index());
        match update.leaf {
            Some(hash) => {
                let replaced = segment.leaf(hash, NewKey::Kept(leaf.key));
                if updates.len() == 1 {
                    return replaced;
                }
                self.build(segment, updates, Some((update.key_hash, replaced)), depth)
            }
            None => {
                segment.stale.keys.push(leaf.key);
                self.build(segment, updates, None, depth)
            }
        }
    }

    /// A subtree of new leaves and at most one that was there (`kept`, which stands in for an update of the same key).
    fn build(&self, segment: &mut Segment, updates: &[Update], kept: Option<(Hash, Subtree)>, depth: usize) -> Subtree {
        let mut added = updates.iter().filter(|update| {
            update.leaf.is_some() && kept.as_ref().is_none_or(|(key_hash, _)| *key_hash != update.key_hash)
        });
        match (added.next(), &kept) {
            (None, None) => return EMPTY,
            (None, Some((_, subtree))) => return *subtree,
            (Some(only), None) if added.next().is_none() => {
                return segment.leaf(only.leaf.unwrap_or(EMPTY_HASH), NewKey::Added(only.change));
            }
            _ => {}
        }
        let (lefts, rights) = split(updates, depth);
        let (kept_left, kept_right) = match kept {
            Some(kept) if bit(&kept.0, depth) => (None, Some(kept)),
            kept => (kept, None),
        };
        let left = self.build(segment, lefts, kept_left, depth + 1);
        let right = self.build(segment, rights, kept_right, depth + 1);
        segment.join(left, right)
    }
}
