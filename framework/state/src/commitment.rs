//! The app hash over the stores' roots, and the ICS-23 form of all proofs.

use bytes::Bytes;
use ics23::commitment_proof::Proof;
use ics23::{
    CommitmentProof, ExistenceProof, HashOp, InnerOp, InnerSpec, LeafOp, LengthOp, NonExistenceProof, ProofSpec,
};
use prost::Message;

use crate::hash::{EMPTY_HASH, Hash, INNER_DOMAIN, LEAF_DOMAIN, sha256};
use crate::tree::{PathStep, TreeLeaf};

/// The type of the first proof operation: a record in, or absent from, a store. Verifiers check it with
/// [`store_proof_spec`].
pub const STORE_PROOF_OP: &str = "ics23:jmt";

/// The type of the second proof operation: the store's root in the app hash. Verifiers check it with [`app_proof_spec`].
pub const APP_PROOF_OP: &str = "ics23:simple";

/// The ICS-23 specification of proofs in a store.
///
/// As `jmt` 0.12 publishes it, but for `max_depth`: 256 instead of 64. Two keys whose hashes share more than 64 bits can be
/// ground out, and would make their neighbours unprovable.
#[must_use]
pub fn store_proof_spec() -> ProofSpec {
    ProofSpec {
        leaf_spec: Some(store_leaf_op()),
        inner_spec: Some(InnerSpec {
            child_order: vec![0, 1],
            child_size: 32,
            min_prefix_length: 16,
            max_prefix_length: 16,
            empty_child: EMPTY_HASH.to_vec(),
            hash: HashOp::Sha256.into(),
        }),
        min_depth: 0,
        max_depth: 256,
        prehash_key_before_comparison: true,
    }
}

/// The ICS-23 specification of the proof that a store's root is in the app hash: `TendermintSpec`.
#[must_use]
pub fn app_proof_spec() -> ProofSpec {
    ics23::tendermint_spec()
}

fn store_leaf_op() -> LeafOp {
    LeafOp {
        hash: HashOp::Sha256.into(),
        prehash_key: HashOp::Sha256.into(),
        prehash_value: HashOp::Sha256.into(),
        length: LengthOp::NoPrefix.into(),
        prefix: LEAF_DOMAIN.to_vec(),
    }
}

/// The answer to a question with proof.
#[derive(Clone, Debug)]
pub struct StateProof {
    /// The height whose state the proof is about. Its app hash stands in the header of the next block.
    pub height: u64,
    /// The value; `None` when the proof shows absence.
    pub value: Option<Bytes>,
    /// The root of the store, under which `store_proof` verifies.
    pub store_root: Hash,
    /// The app hash, under which `app_proof` verifies.
    pub app_hash: Hash,
    /// Existence or non-existence of the key in the store.
    pub store_proof: CommitmentProof,
    /// Existence of (store name, store root).
    pub app_proof: CommitmentProof,
    /// The two proofs as `ResponseQuery.proof_ops`, store first.
    pub ops: [ProofOp; 2],
}

/// A `tendermint.crypto.ProofOp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofOp {
    /// The operation's type: [`STORE_PROOF_OP`] or [`APP_PROOF_OP`].
    pub kind: &'static str,
    /// The key proved: the record's key, or the store's name.
    pub key: Vec<u8>,
    /// The `CommitmentProof`, encoded.
    pub data: Vec<u8>,
}

impl ProofOp {
    pub(crate) fn new(kind: &'static str, key: &[u8], proof: &CommitmentProof) -> Self {
        Self { kind, key: key.to_vec(), data: proof.encode_to_vec() }
    }
}

/// The proof that a leaf is in a store's tree.
pub(crate) fn store_existence(leaf: TreeLeaf, value: &[u8]) -> ExistenceProof {
    ExistenceProof {
        key: leaf.key,
        value: value.to_vec(),
        leaf: Some(store_leaf_op()),
        path: leaf.path.iter().map(store_step).collect(),
    }
}

fn store_step(step: &PathStep) -> InnerOp {
    let mut prefix = INNER_DOMAIN.to_vec();
    let mut suffix = Vec::new();
    if step.sibling_is_left { &mut prefix } else { &mut suffix }.extend_from_slice(&step.sibling);
    InnerOp { hash: HashOp::Sha256.into(), prefix, suffix }
}

pub(crate) fn existence(proof: ExistenceProof) -> CommitmentProof {
    CommitmentProof { proof: Some(Proof::Exist(proof)) }
}

pub(crate) fn non_existence(
    key: &[u8],
    left: Option<ExistenceProof>,
    right: Option<ExistenceProof>,
) -> CommitmentProof {
    CommitmentProof { proof: Some(Proof::Nonexist(NonExistenceProof { key: key.to_vec(), left, right })) }
}

/// # Consensus
/// A leaf of the app hash: SHA-256(0x00 || uvarint len || name || 0x20 || SHA-256(root)).
fn app_leaf(name: &str, root: &Hash) -> Hash {
    let mut preimage = vec![0];
    // Writing to a vector cannot fail, and a store name's length is a small varint.
    prost::encoding::encode_varint(name.len() as u64, &mut preimage);
    preimage.extend_from_slice(name.as_bytes());
    preimage.push(32);
    preimage.extend_from_slice(&sha256(root));
    sha256(&preimage)
}

fn app_inner(left: &Hash, right: &Hash) -> Hash {
    let mut preimage = [1_u8; 65];
    preimage[1..33].copy_from_slice(left);
    preimage[33..].copy_from_slice(right);
    sha256(&preimage)
}

/// CometBFT's split: the largest power of two below the number of leaves (two or more).
fn split_point(leaves: usize) -> usize {
    leaves.next_power_of_two() / 2
}

fn simple_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(b""),
        [only] => *only,
        _ => {
            let (left, right) = leaves.split_at(split_point(leaves.len()));
            app_inner(&simple_root(left), &simple_root(right))
        }
    }
}

/// # Consensus
/// CometBFT's simple Merkle hash over the stores' (name, root), ascending by name.
pub(crate) fn app_hash<'a>(roots: impl IntoIterator<Item = (&'a str, Hash)>) -> Hash {
    let leaves: Vec<Hash> = roots.into_iter().map(|(name, root)| app_leaf(name, &root)).collect();
    simple_root(&leaves)
}

/// The proof that the store at `index` of the ascending list has its root in the app hash.
pub(crate) fn app_existence(roots: &[(&str, Hash)], index: usize) -> ExistenceProof {
    let leaves: Vec<Hash> = roots.iter().map(|(name, root)| app_leaf(name, root)).collect();
    let mut path = Vec::new();
    let (mut range, mut position) = (leaves.as_slice(), index);
    while range.len() > 1 {
        let (left, right) = range.split_at(split_point(range.len()));
        let (prefix, suffix) = if position < left.len() {
            range = left;
            (vec![1], simple_root(right).to_vec())
        } else {
            position = position.saturating_sub(left.len());
            range = right;
            ([&[1], &simple_root(left)[..]].concat(), Vec::new())
        };
        path.push(InnerOp { hash: HashOp::Sha256.into(), prefix, suffix });
    }
    path.reverse();
    let (name, root) = &roots[index];
    ExistenceProof { key: name.as_bytes().to_vec(), value: root.to_vec(), leaf: app_proof_spec().leaf_spec, path }
}
