//! Building a whole tree at once, for loading.

use rayon::prelude::*;

use super::Tree;
use super::arena::{Inner, NodeRef};
use crate::hash::{EMPTY_HASH, Hash, inner_hash, sha256};
use crate::image::LeafHashes;
use crate::{SENTINEL_KEY, SENTINEL_VALUE};

/// Collects leaves in any order and builds the tree over them and the sentinel.
pub(crate) struct TreeBuilder {
    tree: Tree,
    seeds: Vec<Seed>,
}

/// A leaf's place in the tree, as far as the first 64 bits decide it, and in the arena.
#[derive(Clone, Copy)]
struct Seed {
    prefix: u64,
    leaf: u32,
}

/// Trees of more leaves than this are built in 256 parts.
const PARTS_MIN: usize = 1 << 14;
const PART_DEPTH: usize = 8;
/// Parts built at a time: bounds the memory for nodes on their way into the arena.
const PARTS_AT_ONCE: usize = 16;

impl TreeBuilder {
    pub(crate) fn new() -> Self {
        let mut builder = Self { tree: Tree::empty(), seeds: Vec::new() };
        builder.push(SENTINEL_KEY, LeafHashes::of(SENTINEL_KEY, SENTINEL_VALUE));
        builder
    }

    /// Adds a leaf; no key comes twice.
    pub(crate) fn push(&mut self, key: &[u8], hashes: LeafHashes) {
        let leaf = self.tree.add_leaf(hashes.leaf, key).index();
        self.seeds.push(Seed { prefix: hashes.prefix, leaf });
    }

    /// Builds the tree as of `version`.
    pub(crate) fn finish(mut self, version: u64) -> Tree {
        let mut seeds = std::mem::take(&mut self.seeds);
        seeds.par_sort_unstable_by_key(|seed| seed.prefix);
        // 64 equal bits are rare but possible; there the full hashes decide.
        for run in seeds.chunk_by_mut(|left, right| left.prefix == right.prefix) {
            if run.len() > 1 {
                run.sort_unstable_by_key(|seed| self.tree.leaf_key_hash(seed.leaf));
            }
        }
        let tree = &mut self.tree;
        let (root, hash) = if seeds.len() < PARTS_MIN {
            let mut inners = Vec::new();
            let subtree = tree.build(&mut inners, &seeds, 0);
            tree.adopt(inners, subtree)
        } else {
            let mut parts = Vec::with_capacity(1 << PART_DEPTH);
            let mut rest = seeds.as_slice();
            for part in 0..(1_u64 << PART_DEPTH) {
                let (head, tail) = rest.split_at(rest.partition_point(|seed| seed.prefix >> (64 - PART_DEPTH) <= part));
                parts.push(head);
                rest = tail;
            }
            let mut subtrees = Vec::with_capacity(parts.len());
            for group in parts.chunks(PARTS_AT_ONCE) {
                let shared = &*tree;
                let built: Vec<_> = group
                    .par_iter()
                    .map(|seeds| {
                        let mut inners = Vec::with_capacity(seeds.len() * 3 / 2);
                        let subtree = shared.build(&mut inners, seeds, PART_DEPTH);
                        (inners, subtree)
                    })
                    .collect();
                for (inners, subtree) in built {
                    subtrees.push(tree.adopt(inners, subtree));
                }
            }
            while subtrees.len() > 1 {
                subtrees = subtrees.chunks(2).map(|pair| tree.join_built(pair[0], pair[1])).collect();
            }
            subtrees.first().copied().unwrap_or((NodeRef::EMPTY, EMPTY_HASH))
        };
        tree.set_root(version, root, hash);
        self.tree
    }
}

impl Tree {
    fn leaf_key_hash(&self, leaf: u32) -> Hash {
        sha256(self.keys.get(self.leaves.get(leaf).key))
    }

    fn seed_bit(&self, seed: &Seed, depth: usize) -> bool {
        if depth < 64 {
            seed.prefix >> (63 - depth) & 1 == 1
        } else {
            crate::hash::bit(&self.leaf_key_hash(seed.leaf), depth)
        }
    }

    /// The subtree over sorted seeds; new inner nodes go to `inners`, children before parents.
    fn build(&self, inners: &mut Vec<Inner>, seeds: &[Seed], depth: usize) -> (NodeRef, Hash) {
        match seeds {
            [] => (NodeRef::EMPTY, EMPTY_HASH),
            [only] => (NodeRef::leaf(only.leaf), self.leaves.get(only.leaf).hash),
            _ => {
                let (lefts, rights) = seeds.split_at(seeds.partition_point(|seed| !self.seed_bit(seed, depth)));
                let left = self.build(inners, lefts, depth + 1);
                let right = self.build(inners, rights, depth + 1);
                // Two seeds or more, so this is an inner node even if one side is empty.
                let hash = inner_hash(&left.1, &right.1);
                inners.push(Inner { hash, left: left.0, right: right.0 });
                let index = u32::try_from(inners.len() - 1).expect("a part has fewer than 2^25 nodes");
                (NodeRef::new_inner(0, index), hash)
            }
        }
    }

    /// Moves the nodes of a part into the arena.
    fn adopt(&mut self, inners: Vec<Inner>, subtree: (NodeRef, Hash)) -> (NodeRef, Hash) {
        let mut places = Vec::with_capacity(inners.len());
        let resolve = |node: NodeRef, places: &[u32]| {
            if node.is_new() && node.is_inner() { NodeRef::inner(places[node.position().1]) } else { node }
        };
        for inner in inners {
            let (left, right) = (resolve(inner.left, &places), resolve(inner.right, &places));
            places.push(self.inners.insert(Inner { hash: inner.hash, left, right }));
        }
        (resolve(subtree.0, &places), subtree.1)
    }

    fn join_built(&mut self, left: (NodeRef, Hash), right: (NodeRef, Hash)) -> (NodeRef, Hash) {
        match (left.0.is_empty(), right.0.is_empty()) {
            (true, true) => return left,
            (true, false) if right.0.is_leaf() => return right,
            (false, true) if left.0.is_leaf() => return left,
            _ => {}
        }
        let hash = inner_hash(&left.1, &right.1);
        (NodeRef::inner(self.inners.insert(Inner { hash, left: left.0, right: right.0 })), hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::leaf_hash;
    use crate::tree::Update;
    use crate::undo::Undo;

    #[test]
    fn building_at_once_gives_the_root_of_building_by_updates() {
        for count in [0_u32, 1, 2, 300, 40_000] {
            let mut builder = TreeBuilder::new();
            let mut undo = Undo::default();
            let mut updates = Vec::new();
            for n in 0..count {
                let key = n.to_be_bytes();
                let key_hash = sha256(&key);
                let leaf = leaf_hash(&key_hash, &sha256(b"value"));
                builder.push(&key, LeafHashes::of(&key, b"value"));
                undo.push(&key, None);
                updates.push(Update { key_hash, leaf: Some(leaf), change: n });
            }
            updates.sort_unstable_by_key(|update| update.key_hash);
            let built = builder.finish(3);
            let (_, expected) = built.root();
            for parallel in [false, true] {
                assert_eq!(Tree::new(0).prepare(&updates, &undo, parallel).root_hash(), expected, "{count}");
            }
        }
    }

    #[test]
    fn equal_leading_64_bits_are_told_apart_by_the_rest() {
        // Real keys with such hashes cannot be found, so the prefixes are forged to be equal; the keys' own hashes then differ
        // from bit 64 on only by pretending that they do.
        let mut tree = Tree::empty();
        let seeds: Vec<Seed> =
            (0_u8..9).map(|n| Seed { prefix: 7, leaf: tree.add_leaf([n; 32], &[n]).index() }).collect();
        let builder = TreeBuilder { tree, seeds };
        let built = builder.finish(1);
        assert_eq!(built.node_counts().1, 9);
        // Every leaf is reachable: 64 single-child levels on top and a full tree below.
        let mut reachable = 0;
        let mut queue = vec![built.root().0];
        while let Some(node) = queue.pop() {
            if node.is_inner() {
                let inner = built.inners.get(node.index());
                queue.extend([inner.left, inner.right]);
            } else if !node.is_empty() {
                reachable += 1;
            }
        }
        assert_eq!(reachable, 9);
    }
}
