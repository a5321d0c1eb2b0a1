//! A record of a store, or its absence, by ICS-23 under an app hash.

use ics23::commitment_proof::Proof;
use ics23::{
    CommitmentProof, ExistenceProof, HashOp, HostFunctionsManager, InnerOp, InnerSpec, LeafOp, LengthOp,
    NonExistenceProof, ProofSpec, calculate_existence_root,
};
use prost::Message;
use thiserror::Error;

/// Type of the first proof step: a record in a store, or its absence; verified by [`store_proof_spec`].
pub const STORE_PROOF_OP: &str = "ics23:jmt";

/// Type of the second proof step: the store's root in the app hash; verified by [`app_proof_spec`].
pub const APP_PROOF_OP: &str = "ics23:simple";

/// Largest encoded step, in bytes. Two paths of 256 nodes take 60 kB; values come on top.
pub const MAX_PROOF_BYTES: usize = 8 << 20;

/// Longest path in a store: one node for each bit of a key's hash.
const MAX_STORE_DEPTH: usize = 256;

/// Longest path from a store's root to the app hash, far above what any number of stores needs.
const MAX_APP_DEPTH: usize = 64;

const LEAF_PREFIX: &[u8] = b"JMT::LeafNode";
const INNER_PREFIX: &[u8] = b"JMT::IntrnalNode";
const EMPTY_CHILD: &[u8] = b"SPARSE_MERKLE_PLACEHOLDER_HASH__";

/// A `tendermint.crypto.ProofOp`, as `abci_query` gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofOp {
    /// [`STORE_PROOF_OP`] or [`APP_PROOF_OP`].
    pub kind: String,
    /// What it proves: the record's key, or the store's name.
    pub key: Vec<u8>,
    /// An encoded `cosmos.ics23.v1.CommitmentProof`.
    pub data: Vec<u8>,
}

/// ICS-23 specification of proofs in a store: a Jellyfish Merkle tree over SHA-256.
pub fn store_proof_spec() -> ProofSpec {
    ProofSpec {
        leaf_spec: Some(LeafOp {
            hash: HashOp::Sha256.into(),
            prehash_key: HashOp::Sha256.into(),
            prehash_value: HashOp::Sha256.into(),
            length: LengthOp::NoPrefix.into(),
            prefix: LEAF_PREFIX.to_vec(),
        }),
        inner_spec: Some(InnerSpec {
            child_order: vec![0, 1],
            child_size: 32,
            min_prefix_length: 16,
            max_prefix_length: 16,
            empty_child: EMPTY_CHILD.to_vec(),
            hash: HashOp::Sha256.into(),
        }),
        min_depth: 0,
        // MAX_STORE_DEPTH; jmt's own 64 would let someone who grinds keys make their neighbours unprovable.
        max_depth: 256,
        prehash_key_before_comparison: true,
    }
}

/// ICS-23 specification of the proof that a store's root is in the app hash: `TendermintSpec`.
pub fn app_proof_spec() -> ProofSpec {
    ics23::tendermint_spec()
}

/// Requires that `store` holds `value` at `key` in the state whose app hash is `app_hash`: that of the header at height
/// h + 1 for the state after block h.
///
/// # Errors
/// [`ProofError`].
pub fn verify_membership(
    app_hash: &[u8],
    store: &str,
    key: &[u8],
    value: &[u8],
    ops: &[ProofOp],
) -> Result<(), ProofError> {
    if value.is_empty() {
        return Err(ProofError::EmptyValue);
    }
    let (root, proof) = store_root(app_hash, store, key, ops)?;
    let Some(Proof::Exist(exist)) = &proof.proof else {
        return Err(ProofError::Kind { step: STORE_PROOF_OP, expected: "existence", found: kind(&proof) });
    };
    if exist.value != value {
        let (proved, claimed) = (hex::encode(&exist.value), hex::encode(value));
        return Err(ProofError::Value { step: STORE_PROOF_OP, proved, claimed });
    }
    require_existence(STORE_PROOF_OP, &store_proof_spec(), MAX_STORE_DEPTH, exist, key, &root)
}

/// Requires that `store` holds nothing at `key` in the state whose app hash is `app_hash`: that of the header at height
/// h + 1 for the state after block h.
///
/// # Errors
/// [`ProofError`].
pub fn verify_absence(app_hash: &[u8], store: &str, key: &[u8], ops: &[ProofOp]) -> Result<(), ProofError> {
    let (root, proof) = store_root(app_hash, store, key, ops)?;
    let Some(Proof::Nonexist(absent)) = &proof.proof else {
        return Err(ProofError::Kind { step: STORE_PROOF_OP, expected: "absence", found: kind(&proof) });
    };
    if absent.key != key {
        return Err(key_error(STORE_PROOF_OP, key, &absent.key));
    }
    let spec = store_proof_spec();
    for neighbour in [&absent.left, &absent.right].into_iter().flatten() {
        require_existence(STORE_PROOF_OP, &spec, MAX_STORE_DEPTH, neighbour, &neighbour.key, &root)?;
    }
    require_fork(absent)?;
    if ics23::verify_non_membership::<HostFunctionsManager>(&proof, &spec, &root, key) {
        return Ok(());
    }
    Err(ProofError::NotNeighbours { key: hex::encode(key) })
}

/// The store's root, proved under the app hash, and the undecided proof of the record.
fn store_root(
    app_hash: &[u8],
    store: &str,
    key: &[u8],
    ops: &[ProofOp],
) -> Result<(Vec<u8>, CommitmentProof), ProofError> {
    let [in_store, in_app] = ops else { return Err(ProofError::StepCount { found: ops.len() }) };
    let proof = decode(in_store, STORE_PROOF_OP, key)?;
    let app_proof = decode(in_app, APP_PROOF_OP, store.as_bytes())?;
    let Some(Proof::Exist(exist)) = &app_proof.proof else {
        return Err(ProofError::Kind { step: APP_PROOF_OP, expected: "existence", found: kind(&app_proof) });
    };
    require_existence(APP_PROOF_OP, &app_proof_spec(), MAX_APP_DEPTH, exist, store.as_bytes(), app_hash)?;
    let root = exist.value.clone();
    if root.len() != 32 {
        return Err(ProofError::RootLength { found: root.len() });
    }
    Ok((root, proof))
}

fn decode(op: &ProofOp, step: &'static str, key: &[u8]) -> Result<CommitmentProof, ProofError> {
    if op.kind != step {
        return Err(ProofError::StepType { expected: step, found: op.kind.clone() });
    }
    if op.key != key {
        return Err(key_error(step, key, &op.key));
    }
    if op.data.len() > MAX_PROOF_BYTES {
        return Err(ProofError::TooLarge { step, size: op.data.len() });
    }
    CommitmentProof::decode(op.data.as_slice())
        .map_err(|error| ProofError::Malformed { step, reason: error.to_string() })
}

/// Requires that `exist` puts its value at `key` under `root`. Says first which of the two sides is wrong; `ics23` decides.
fn require_existence(
    step: &'static str,
    spec: &ProofSpec,
    max_depth: usize,
    exist: &ExistenceProof,
    key: &[u8],
    root: &[u8],
) -> Result<(), ProofError> {
    if exist.key != key {
        return Err(key_error(step, key, &exist.key));
    }
    // `ics23` 0.12 looks at max_depth only where min_depth is set.
    if exist.path.len() > max_depth {
        return Err(ProofError::TooDeep { step, depth: exist.path.len(), max: max_depth });
    }
    require_shape(step, spec, exist)?;
    let computed = calculate_existence_root::<HostFunctionsManager>(exist)
        .map_err(|error| ProofError::Malformed { step, reason: error.to_string() })?;
    if computed != root {
        let (expected, computed) = (hex::encode_upper(root), hex::encode_upper(computed));
        return Err(ProofError::Root { step, expected, computed });
    }
    let proof = CommitmentProof { proof: Some(Proof::Exist(exist.clone())) };
    if ics23::verify_membership::<HostFunctionsManager>(&proof, spec, &root.to_vec(), key, &exist.value) {
        return Ok(());
    }
    Err(ProofError::Malformed { step, reason: "it is not of the store's specification".to_owned() })
}

/// The leaf is the specification's, byte by byte, and each node has the tree's prefix and exactly one sibling. `ics23` looks
/// at lengths only.
fn require_shape(step: &'static str, spec: &ProofSpec, exist: &ExistenceProof) -> Result<(), ProofError> {
    if exist.leaf != spec.leaf_spec {
        return Err(ProofError::Malformed { step, reason: "its leaf is not of the specification".to_owned() });
    }
    let prefix: &[u8] = if step == STORE_PROOF_OP { INNER_PREFIX } else { &[1] };
    let fits = |node: &InnerOp| {
        let sibling = node.prefix.strip_prefix(prefix).map(<[u8]>::len);
        node.hash == i32::from(HashOp::Sha256) && matches!((sibling, node.suffix.len()), (Some(0), 32) | (Some(32), 0))
    };
    match exist.path.iter().position(|node| !fits(node)) {
        None => Ok(()),
        Some(index) => {
            Err(ProofError::Malformed { step, reason: format!("node {index} of its path is not of the specification") })
        }
    }
}

/// Requires that the paths of two neighbours part below the root: `ics23` 0.12 panics where one is the end of the other.
fn require_fork(absent: &NonExistenceProof) -> Result<(), ProofError> {
    let malformed = |reason: &str| Err(ProofError::Malformed { step: STORE_PROOF_OP, reason: reason.to_owned() });
    match (&absent.left, &absent.right) {
        (Some(left), Some(right)) => {
            let parts = left.path.iter().rev().zip(right.path.iter().rev()).any(|(left, right)| left != right);
            if parts { Ok(()) } else { malformed("the paths of its neighbours do not part") }
        }
        (None, None) => malformed("it has no neighbour"),
        _ => Ok(()),
    }
}

fn key_error(step: &'static str, expected: &[u8], found: &[u8]) -> ProofError {
    ProofError::Key { step, expected: hex::encode(expected), found: hex::encode(found) }
}

fn kind(proof: &CommitmentProof) -> &'static str {
    match &proof.proof {
        Some(Proof::Exist(_)) => "existence",
        Some(Proof::Nonexist(_)) => "absence",
        // Plume never makes these, and they would have to be unpacked first.
        Some(Proof::Batch(_)) => "a batch",
        Some(Proof::Compressed(_)) => "a compressed batch",
        None => "nothing",
    }
}

/// Why a proof does not show what it should.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProofError {
    /// No stored value is empty.
    #[error("an empty value cannot be stored: verify its absence")]
    EmptyValue,
    /// A proof is a step in the store and one to the app hash.
    #[error("the proof has {found} steps: want {STORE_PROOF_OP} and {APP_PROOF_OP}")]
    StepCount {
        /// How many it has.
        found: usize,
    },
    /// Another step than expected.
    #[error("a step of the proof is {found}: want {expected}")]
    StepType {
        /// Type that is wanted.
        expected: &'static str,
        /// Type that it has.
        found: String,
    },
    /// It is about something else.
    #[error("step {step} is about key {found}, not {expected}")]
    Key {
        /// The step.
        step: &'static str,
        /// Key that was asked about, hexadecimal.
        expected: String,
        /// Key of the proof, hexadecimal.
        found: String,
    },
    /// It proves another value.
    #[error("step {step} proves the value {proved}, not {claimed}")]
    Value {
        /// The step.
        step: &'static str,
        /// Value of the proof, hexadecimal.
        proved: String,
        /// Value that was claimed, hexadecimal.
        claimed: String,
    },
    /// It proves something of another kind.
    #[error("step {step} proves {found}: want {expected}")]
    Kind {
        /// The step.
        step: &'static str,
        /// What is wanted.
        expected: &'static str,
        /// What it proves.
        found: &'static str,
    },
    /// It leads to another root.
    #[error("step {step} leads to {computed}, not to {expected}")]
    Root {
        /// The step.
        step: &'static str,
        /// The app hash, or the root of the store that the app hash contains; hexadecimal.
        expected: String,
        /// What the step leads to, hexadecimal.
        computed: String,
    },
    /// Roots are SHA-256 hashes.
    #[error("the store's root has {found} bytes: want 32")]
    RootLength {
        /// How many it has.
        found: usize,
    },
    /// The shown neighbours do not enclose the key, or are none.
    #[error("the records shown are not the neighbours of key {key}: its absence is not proved")]
    NotNeighbours {
        /// Key that was asked about, hexadecimal.
        key: String,
    },
    /// Deeper than a tree can be.
    #[error("step {step} has a path of {depth} nodes: at most {max}")]
    TooDeep {
        /// The step.
        step: &'static str,
        /// Nodes of the path.
        depth: usize,
        /// Most nodes allowed.
        max: usize,
    },
    /// Too large to be read.
    #[error("step {step} has {size} bytes: at most {MAX_PROOF_BYTES}")]
    TooLarge {
        /// The step.
        step: &'static str,
        /// Its size in bytes.
        size: usize,
    },
    /// It cannot be read, or is of another tree.
    #[error("step {step} is malformed: {reason}")]
    Malformed {
        /// The step.
        step: &'static str,
        /// What is wrong.
        reason: String,
    },
}
