//! Paths from leaves to the root, for proofs.

use super::{NodeRef, Tree};
use crate::hash::{Hash, bit, sha256};

/// One step of a path, from a child to its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PathStep {
    /// The hash of the other child.
    pub(crate) sibling: Hash,
    /// True when the other child is the left one.
    pub(crate) sibling_is_left: bool,
}

/// A leaf's key and the path from it to the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TreeLeaf {
    pub(crate) key: Vec<u8>,
    /// Bottom first.
    pub(crate) path: Vec<PathStep>,
}

/// What a tree holds around a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Neighbours {
    /// The key itself.
    Present(TreeLeaf),
    /// The leaves before and after the place where the key's hash would be; at least one.
    Absent {
        /// The leaf with the next smaller key hash.
        left: Option<TreeLeaf>,
        /// The leaf with the next larger key hash.
        right: Option<TreeLeaf>,
    },
}

/// An inner node on the way down to a key.
struct Fork {
    depth: usize,
    /// The child that does not lead to the key.
    passed: NodeRef,
    /// The child that does.
    taken: NodeRef,
}

impl Tree {
    /// The leaf of `key` below `root`, or its neighbours.
    pub(crate) fn neighbours(&self, root: NodeRef, key: &[u8]) -> Neighbours {
        let key_hash = sha256(key);
        // Top first while descending.
        let mut path = Vec::with_capacity(40);
        // Where a non-empty subtree was passed last, on either side.
        let (mut last_left, mut last_right) = (None, None);
        let mut node = root;
        while node.is_inner() {
            let inner = self.inners.get(node.index());
            let right = bit(&key_hash, path.len());
            let (next, passed) = if right { (inner.right, inner.left) } else { (inner.left, inner.right) };
            if !passed.is_empty() {
                let fork = Fork { depth: path.len(), passed, taken: next };
                *(if right { &mut last_left } else { &mut last_right }) = Some(fork);
            }
            path.push(PathStep { sibling: self.node_hash(passed), sibling_is_left: right });
            node = next;
        }
        let mut beside = [None, None];
        if !node.is_empty() {
            let found = self.keys.get(self.leaves.get(node.index()).key);
            if found == key {
                path.reverse();
                return Neighbours::Present(TreeLeaf { key: key.to_vec(), path });
            }
            let below = sha256(found) < key_hash;
            let mut own = path.clone();
            own.reverse();
            beside[usize::from(!below)] = Some(TreeLeaf { key: found.to_vec(), path: own });
        }
        let [left, right] = beside;
        Neighbours::Absent {
            left: left.or_else(|| last_left.map(|fork| self.edge_leaf(&path, &fork, true))),
            right: right.or_else(|| last_right.map(|fork| self.edge_leaf(&path, &fork, false))),
        }
    }

    /// The rightmost (or leftmost) leaf of a subtree that was passed on the way down.
    fn edge_leaf(&self, path: &[PathStep], fork: &Fork, rightmost: bool) -> TreeLeaf {
        let mut steps: Vec<PathStep> = path[..fork.depth].to_vec();
        let sibling_is_left = !path[fork.depth].sibling_is_left;
        steps.push(PathStep { sibling: self.node_hash(fork.taken), sibling_is_left });
        let mut node = fork.passed;
        while node.is_inner() {
            let inner = self.inners.get(node.index());
            let (preferred, other) = if rightmost { (inner.right, inner.left) } else { (inner.left, inner.right) };
            let (next, sibling, sibling_is_left) =
                if preferred.is_empty() { (other, preferred, !rightmost) } else { (preferred, other, rightmost) };
            steps.push(PathStep { sibling: self.node_hash(sibling), sibling_is_left });
            node = next;
        }
        steps.reverse();
        TreeLeaf { key: self.keys.get(self.leaves.get(node.index()).key).to_vec(), path: steps }
    }
}
