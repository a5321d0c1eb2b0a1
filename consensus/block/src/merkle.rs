//! The Merkle tree of RFC 6962 over SHA-256, as CometBFT's `crypto/merkle` has it.

use sha2::{Digest, Sha256};
use tendermint_proto::v0_38::crypto::Proof;

use crate::Hash;

/// Root of a tree without leaves: SHA-256 of nothing.
pub const EMPTY: Hash = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
    0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// Root over `leaves` in their order.
pub fn root<T: AsRef<[u8]>>(leaves: &[T]) -> Hash {
    root_of(&leaf_hashes(leaves))
}

/// Proof that leaf `index` is part of the tree over `leaves`, as RPC answers carry it; `None` if there is no such leaf.
pub fn proof<T: AsRef<[u8]>>(leaves: &[T], index: usize) -> Option<Proof> {
    let hashes = leaf_hashes(leaves);
    let leaf = hashes.get(index)?;
    let mut aunts = Vec::new();
    collect_aunts(&hashes, index, &mut aunts);
    Some(Proof {
        total: i64::try_from(hashes.len()).ok()?,
        index: i64::try_from(index).ok()?,
        leaf_hash: leaf.to_vec(),
        aunts: aunts.into_iter().map(|hash| hash.to_vec()).collect(),
    })
}

fn leaf_hashes<T: AsRef<[u8]>>(leaves: &[T]) -> Vec<Hash> {
    leaves.iter().map(|leaf| Sha256::new_with_prefix([0]).chain_update(leaf.as_ref()).finalize().into()).collect()
}

fn root_of(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => EMPTY,
        [leaf] => *leaf,
        _ => {
            let (left, right) = hashes.split_at(split_point(hashes.len()));
            inner(&root_of(left), &root_of(right))
        }
    }
}

fn inner(left: &Hash, right: &Hash) -> Hash {
    Sha256::new_with_prefix([1]).chain_update(left).chain_update(right).finalize().into()
}

/// Siblings on the way from the leaf up to the root, lowest first.
fn collect_aunts(hashes: &[Hash], index: usize, aunts: &mut Vec<Hash>) {
    if hashes.len() < 2 {
        return;
    }
    let split = split_point(hashes.len());
    let (left, right) = hashes.split_at(split);
    if index < split {
        collect_aunts(left, index, aunts);
        aunts.push(root_of(right));
    } else {
        collect_aunts(right, index - split, aunts);
        aunts.push(root_of(left));
    }
}

/// The largest power of two below `length`, which is at least 2.
fn split_point(length: usize) -> usize {
    length.next_power_of_two() / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recomputes the root from a proof the way a client does.
    fn climb(proof: &Proof) -> Hash {
        fn up(index: usize, total: usize, leaf: Hash, aunts: &[Vec<u8>]) -> Hash {
            let Some((last, rest)) = aunts.split_last() else { return leaf };
            let sibling: Hash = last.as_slice().try_into().unwrap();
            let split = split_point(total);
            if index < split {
                inner(&up(index, split, leaf, rest), &sibling)
            } else {
                inner(&sibling, &up(index - split, total - split, leaf, rest))
            }
        }
        let leaf = proof.leaf_hash.as_slice().try_into().unwrap();
        up(usize::try_from(proof.index).unwrap(), usize::try_from(proof.total).unwrap(), leaf, &proof.aunts)
    }

    #[test]
    fn roots_agree_with_the_tendermint_crate() {
        for count in 0..40_u8 {
            let leaves: Vec<Vec<u8>> = (0..count).map(|i| vec![i; usize::from(i)]).collect();
            let expected =
                tendermint::merkle::simple_hash_from_byte_vectors::<tendermint::crypto::default::Sha256>(&leaves);
            assert_eq!(root(&leaves), expected, "{count} leaves");
        }
        assert_eq!(sha256(b""), EMPTY);
    }

    #[test]
    fn every_proof_leads_to_the_root() {
        for count in 1..40_u8 {
            let leaves: Vec<[u8; 1]> = (0..count).map(|i| [i]).collect();
            for index in 0..usize::from(count) {
                assert_eq!(climb(&proof(&leaves, index).unwrap()), root(&leaves), "{index} of {count}");
            }
            assert_eq!(proof(&leaves, usize::from(count)), None);
        }
    }
}
