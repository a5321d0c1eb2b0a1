//! How a store's tree is cut into subtrees.

use crate::hash::{Hash, bit};

/// The levels of a tree: bits of a key hash.
pub(crate) const MAX_DEPTH: u16 = 256;

/// A subtree: the key hashes that begin with `depth` given bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    /// The bits, then zeros.
    bits: Hash,
    depth: u16,
}

impl Prefix {
    /// The whole tree.
    pub(crate) const ROOT: Self = Self { bits: [0; 32], depth: 0 };

    pub(crate) fn depth(&self) -> u16 {
        self.depth
    }

    /// The bytes that hold the bits, unused bits of the last one zero.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bits[..usize::from(self.depth).div_ceil(8)]
    }

    /// The subtree on one side; only above the lowest level.
    pub(crate) fn child(mut self, right: bool) -> Self {
        if right {
            self.bits[usize::from(self.depth >> 3)] |= 0x80 >> (self.depth & 7);
        }
        self.depth += 1;
        self
    }

    pub(crate) fn contains(&self, key_hash: &Hash) -> bool {
        let whole = usize::from(self.depth >> 3);
        let rest = self.depth & 7;
        self.bits[..whole] == key_hash[..whole]
            && (rest == 0 || (self.bits[whole] ^ key_hash[whole]) & !(0xFF >> rest) == 0)
    }

    /// Whether the path to this subtree turns right at `depth`.
    pub(crate) fn turns_right(&self, depth: u16) -> bool {
        bit(&self.bits, usize::from(depth))
    }
}

/// Cuts of a tree in preorder: one bit per node of the cut, 1 for a node that is cut into its two children, 0 for a subtree
/// that is one chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    bits: Vec<bool>,
}

impl Shape {
    pub(crate) fn len(&self) -> usize {
        self.bits.len()
    }

    /// Appends a subtree that is one chunk.
    pub(crate) fn push_chunk(&mut self) {
        self.bits.push(false);
    }

    /// Makes the subtree at `at` one that is cut into the two that follow it.
    pub(crate) fn cut(&mut self, at: usize) {
        if let Some(bit) = self.bits.get_mut(at) {
            *bit = true;
        }
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.bits.truncate(len);
    }

    pub(crate) fn is_cut(&self, at: usize) -> bool {
        self.bits.get(at).copied().unwrap_or(false)
    }

    /// The subtrees in the order of their key hashes; `None` when the bits describe no tree, or one of more than `most`
    /// chunks or too deep.
    pub(crate) fn prefixes(&self, most: u32) -> Option<Vec<Prefix>> {
        let mut found = Vec::new();
        let mut open = vec![Prefix::ROOT];
        for cut in &self.bits {
            let prefix = open.pop()?;
            if *cut {
                if prefix.depth >= MAX_DEPTH {
                    return None;
                }
                open.push(prefix.child(true));
                open.push(prefix.child(false));
            } else {
                if found.len() >= most as usize {
                    return None;
                }
                found.push(prefix);
            }
        }
        open.is_empty().then_some(found)
    }

    /// The bits in bytes, first bit highest, unused bits of the last byte zero.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        for bits in self.bits.chunks(8) {
            out.push(bits.iter().enumerate().fold(0, |byte, (at, cut)| byte | (u8::from(*cut) << (7 - at))));
        }
    }

    /// Bytes of a shape of `chunks` chunks: a cut more than cuts.
    pub(crate) fn encoded_len(chunks: u32) -> usize {
        (chunks as usize * 2).saturating_sub(1).div_ceil(8)
    }

    /// Reads the bits of a shape of `chunks` chunks; `None` when unused bits are set.
    pub(crate) fn decode(raw: &[u8], chunks: u32) -> Option<Self> {
        let len = (chunks as usize * 2).saturating_sub(1);
        let bit_at = |at: usize| raw.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1);
        if (len..raw.len() * 8).any(bit_at) {
            return None;
        }
        Some(Self { bits: (0..len).map(bit_at).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Shape {
        Shape { bits: text.chars().map(|bit| bit == '1').collect() }
    }

    #[test]
    fn prefixes_tile_the_space_in_order() {
        let prefixes = shape("1011000").prefixes(4).unwrap();
        let shown: Vec<_> = prefixes.iter().map(|prefix| (prefix.depth(), prefix.bytes().to_vec())).collect();
        assert_eq!(shown, [(1, vec![0]), (3, vec![0x80]), (3, vec![0xA0]), (2, vec![0xC0])]);
        for first in 0..=255 {
            let mut hash = [0x5A; 32];
            hash[0] = first;
            assert_eq!(prefixes.iter().filter(|prefix| prefix.contains(&hash)).count(), 1);
        }
        assert!(prefixes[2].turns_right(0) && !prefixes[2].turns_right(1) && prefixes[2].turns_right(2));
        assert_eq!(shape("0").prefixes(1).unwrap(), [Prefix::ROOT]);
    }

    #[test]
    fn other_bits_are_no_shape() {
        for bad in ["", "1", "10", "00", "100000", "110"] {
            assert_eq!(shape(bad).prefixes(9), None, "{bad}");
        }
        assert_eq!(shape("1011000").prefixes(3), None);
        let deep = ["1".repeat(257), "0".repeat(258)].concat();
        assert_eq!(shape(&deep).prefixes(1000), None);
        assert!(shape(&deep[1..deep.len() - 1]).prefixes(1000).is_some());
    }

    #[test]
    fn bits_are_packed_and_read_back() {
        let mut raw = Vec::new();
        shape("101100010").encode(&mut raw);
        assert_eq!((raw.as_slice(), Shape::encoded_len(5)), (&[0b1011_0001, 0][..], 2));
        assert_eq!(Shape::decode(&raw, 5), Some(shape("101100010")));
        assert_eq!(Shape::decode(&[0b1011_0001, 1], 5), None);
        assert_eq!(Shape::encoded_len(1), 1);
    }
}
