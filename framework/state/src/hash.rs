//! The hashes of the tree. SHA-256 throughout.

use sha2::{Digest, Sha256};

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// Prefix of a leaf's preimage, followed by the hashes of key and value.
pub(crate) const LEAF_DOMAIN: &[u8] = b"JMT::LeafNode";

/// Prefix of an inner node's preimage, followed by the hashes of both children. The missing vowel is the standard's.
pub(crate) const INNER_DOMAIN: &[u8] = b"JMT::IntrnalNode";

/// Stands for an empty subtree.
pub(crate) const EMPTY_HASH: Hash = *b"SPARSE_MERKLE_PLACEHOLDER_HASH__";

/// SHA-256 of some bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// # Consensus
/// H("JMT::LeafNode" || H(key) || H(value)), as `jmt` 0.12.
pub(crate) fn leaf_hash(key_hash: &Hash, value_hash: &Hash) -> Hash {
    let mut preimage = [0_u8; 77];
    preimage[..13].copy_from_slice(LEAF_DOMAIN);
    preimage[13..45].copy_from_slice(key_hash);
    preimage[45..].copy_from_slice(value_hash);
    sha256(&preimage)
}

/// # Consensus
/// H("JMT::IntrnalNode" || left || right), as `jmt` 0.12.
pub(crate) fn inner_hash(left: &Hash, right: &Hash) -> Hash {
    let mut preimage = [0_u8; 80];
    preimage[..16].copy_from_slice(INNER_DOMAIN);
    preimage[16..48].copy_from_slice(left);
    preimage[48..].copy_from_slice(right);
    sha256(&preimage)
}

/// The bit of a key hash that decides at `depth` (0 is the root): false is left.
pub(crate) fn bit(hash: &Hash, depth: usize) -> bool {
    hash[depth >> 3] & (0x80 >> (depth & 7)) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_hashes_are_sha256_of_their_preimages() {
        for n in 0_u8..50 {
            let (left, right) = (sha256(&[n]), sha256(&[n, n]));
            assert_eq!(leaf_hash(&left, &right), sha256(&[LEAF_DOMAIN, &left, &right].concat()));
            assert_eq!(inner_hash(&left, &right), sha256(&[INNER_DOMAIN, &left, &right].concat()));
        }
    }
}
