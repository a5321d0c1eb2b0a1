//! Where nodes and keys live: growing arenas addressed by 32-bit indices.

use std::collections::BTreeMap;

use crate::hash::Hash;

/// A reference to a node: nothing, an inner node or a leaf; committed, or new in a prepared update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeRef(u32);

const LEAF: u32 = 1 << 31;
const NEW: u32 = 1 << 30;
const INDEX: u32 = NEW - 1;
/// A new node's index within its segment.
const SEGMENT_BITS: u32 = 25;

/// The most nodes of one kind in a tree. The all-ones pattern stands for the empty tree.
pub(super) const MAX_NODES: usize = INDEX as usize - 1;
/// The most new nodes of one kind in a segment of a prepared update.
pub(super) const MAX_SEGMENT_NODES: usize = (1 << SEGMENT_BITS) - 1;
/// The most segments in a prepared update.
pub(super) const MAX_SEGMENTS: usize = 1 << (30 - SEGMENT_BITS);

impl NodeRef {
    /// The empty subtree.
    pub(crate) const EMPTY: Self = Self(u32::MAX);

    pub(super) fn inner(index: u32) -> Self {
        debug_assert!(index < INDEX);
        Self(index)
    }

    pub(super) fn leaf(index: u32) -> Self {
        debug_assert!(index < INDEX);
        Self(index | LEAF)
    }

    pub(super) fn new_inner(segment: u32, index: u32) -> Self {
        Self(NEW | segment << SEGMENT_BITS | index)
    }

    pub(super) fn new_leaf(segment: u32, index: u32) -> Self {
        Self(LEAF | NEW | segment << SEGMENT_BITS | index)
    }

    pub(crate) fn is_empty(self) -> bool {
        self == Self::EMPTY
    }

    /// True for a leaf; meaningless for the empty subtree.
    pub(crate) fn is_leaf(self) -> bool {
        self.0 & LEAF != 0
    }

    pub(super) fn is_inner(self) -> bool {
        self.0 & LEAF == 0
    }

    /// True for a node that a prepared update made; the empty subtree is none.
    pub(super) fn is_new(self) -> bool {
        !self.is_empty() && self.0 & NEW != 0
    }

    /// The index in the arena of its kind.
    pub(super) fn index(self) -> u32 {
        self.0 & INDEX
    }

    /// Segment and index of a new node.
    pub(super) fn position(self) -> (usize, usize) {
        let index = self.0 & INDEX;
        // Lossless: at most 30 bits.
        ((index >> SEGMENT_BITS) as usize, (index & ((1 << SEGMENT_BITS) - 1)) as usize)
    }
}

/// An inner node.
#[derive(Clone, Copy)]
pub(super) struct Inner {
    pub(super) hash: Hash,
    pub(super) left: NodeRef,
    pub(super) right: NodeRef,
}

/// A leaf: the hash over key and value, and where the key's bytes are.
#[derive(Clone, Copy)]
pub(super) struct Leaf {
    pub(super) hash: Hash,
    pub(super) key: u32,
}

/// Items addressed by index. It grows by whole chunks, so nothing is ever moved or over-allocated by half.
pub(super) struct Slab<T> {
    chunks: Vec<Vec<T>>,
    /// Freed indices, in the lists in which they were freed; the last list is used first.
    free: Vec<Vec<u32>>,
    free_len: usize,
    len: usize,
}

const CHUNK_BITS: u32 = 12;
const CHUNK: usize = 1 << CHUNK_BITS;

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), free: Vec::new(), free_len: 0, len: 0 }
    }
}

impl<T: Copy> Slab<T> {
    pub(super) fn get(&self, index: u32) -> &T {
        // Lossless: usize has at least 32 bits on every platform we build for.
        &self.chunks[(index >> CHUNK_BITS) as usize][index as usize & (CHUNK - 1)]
    }

    pub(super) fn insert(&mut self, item: T) -> u32 {
        self.len += 1;
        while let Some(list) = self.free.last_mut() {
            if let Some(index) = list.pop() {
                self.free_len -= 1;
                self.chunks[(index >> CHUNK_BITS) as usize][index as usize & (CHUNK - 1)] = item;
                return index;
            }
            self.free.pop();
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            // The first chunk grows as it fills: most stores are small.
            self.chunks.push(if self.chunks.is_empty() { Vec::new() } else { Vec::with_capacity(CHUNK) });
        }
        let before = (self.chunks.len() - 1) << CHUNK_BITS;
        let chunk = self.chunks.last_mut().expect("pushed above");
        let index = before + chunk.len();
        assert!(index < MAX_NODES, "a tree holds fewer than 2^30 nodes of a kind");
        chunk.push(item);
        u32::try_from(index).expect("below 2^30")
    }

    pub(super) fn free(&mut self, indices: Vec<u32>) {
        self.len -= indices.len();
        self.free_len += indices.len();
        if !indices.is_empty() {
            self.free.push(indices);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn ram_bytes(&self) -> usize {
        let held: usize = self.chunks.iter().map(Vec::capacity).sum();
        held * size_of::<T>() + self.free_len * 4
    }
}

/// Key bytes, each behind its length, in units of eight bytes.
#[derive(Default)]
pub(super) struct KeyArena {
    chunks: Vec<Vec<u8>>,
    /// Freed places by their size in units.
    free: BTreeMap<usize, Vec<u32>>,
}

const UNIT: usize = 8;
const KEY_CHUNK: usize = 1 << 17;
const UNITS_PER_CHUNK: usize = KEY_CHUNK / UNIT;

impl KeyArena {
    fn units(key_len: usize) -> usize {
        (key_len + 2).div_ceil(UNIT)
    }

    pub(super) fn get(&self, place: u32) -> &[u8] {
        let chunk = &self.chunks[place as usize / UNITS_PER_CHUNK];
        let at = place as usize % UNITS_PER_CHUNK * UNIT;
        let len = usize::from(u16::from_le_bytes([chunk[at], chunk[at + 1]]));
        &chunk[at + 2..at + 2 + len]
    }

    pub(super) fn insert(&mut self, key: &[u8]) -> u32 {
        let units = Self::units(key.len());
        let len = u16::try_from(key.len()).expect("keys are shorter than MAX_KEY_LEN").to_le_bytes();
        if let Some(places) = self.free.get_mut(&units) {
            if let Some(place) = places.pop() {
                let at = place as usize % UNITS_PER_CHUNK * UNIT;
                let chunk = &mut self.chunks[place as usize / UNITS_PER_CHUNK];
                chunk[at..at + 2].copy_from_slice(&len);
                chunk[at + 2..at + 2 + key.len()].copy_from_slice(key);
                return place;
            }
            self.free.remove(&units);
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() + units * UNIT > KEY_CHUNK) {
            self.chunks.push(if self.chunks.is_empty() { Vec::new() } else { Vec::with_capacity(KEY_CHUNK) });
        }
        let before = (self.chunks.len() - 1) * UNITS_PER_CHUNK;
        let chunk = self.chunks.last_mut().expect("pushed above");
        let place = before + chunk.len() / UNIT;
        chunk.extend_from_slice(&len);
        chunk.extend_from_slice(key);
        chunk.resize(chunk.len().next_multiple_of(UNIT), 0);
        u32::try_from(place).expect("a tree's keys take less than 32 GiB")
    }

    pub(super) fn remove(&mut self, place: u32) {
        let units = Self::units(self.get(place).len());
        self.free.entry(units).or_default().push(place);
    }

    pub(super) fn ram_bytes(&self) -> usize {
        let free: usize = self.free.values().map(|places| places.capacity() * 4).sum();
        self.chunks.iter().map(Vec::capacity).sum::<usize>() + free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slab_reuses_freed_places() {
        let mut slab = Slab::default();
        let places: Vec<u32> = (0..10_000_u64).map(|n| slab.insert(n)).collect();
        assert!(places.iter().zip(0_u64..).all(|(place, n)| *slab.get(*place) == n));
        slab.free(vec![5, 7]);
        slab.free(vec![9]);
        assert_eq!((slab.len(), slab.insert(90), slab.insert(70), slab.insert(50)), (9_997, 9, 7, 5));
        assert_eq!(slab.insert(1), 10_000);
        assert_eq!((*slab.get(9), *slab.get(7), *slab.get(5)), (90, 70, 50));
    }

    #[test]
    fn key_arena_keeps_every_length_and_reuses_places() {
        let mut arena = KeyArena::default();
        let keys: Vec<Vec<u8>> = (1..=crate::MAX_KEY_LEN).step_by(37).map(|len| vec![len as u8; len]).collect();
        let places: Vec<u32> = keys.iter().map(|key| arena.insert(key)).collect();
        assert!(keys.iter().zip(&places).all(|(key, place)| arena.get(*place) == key));
        let before = arena.ram_bytes();
        arena.remove(places[3]);
        assert_eq!(arena.insert(&vec![1; keys[3].len()]), places[3]);
        assert_eq!(arena.get(places[3]), vec![1; keys[3].len()]);
        assert!(keys.iter().zip(&places).enumerate().all(|(n, (key, place))| n == 3 || arena.get(*place) == key));
        // The list of free places stays; no chunk was added.
        assert!(arena.ram_bytes() < before + 64);
    }
}
