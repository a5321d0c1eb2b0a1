//! Authenticated, versioned state in RAM over a durable backend.
//!
//! `README.md` is the specification. In short: a [`State`] has one writer, the block thread. It executes a block on an
//! [`Overlay`] over a snapshot, calls [`State::prepare`] to learn the app hash, and [`State::commit`] to make it visible.
//! A [`StateReader`] answers reads, iteration and proofs at every recent height from other threads meanwhile.

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_possible_wrap,
        clippy::float_arithmetic,
        clippy::unwrap_used,
        clippy::panic
    )
)]

mod backend;
mod changes;
pub mod collections;
mod commitment;
mod derive;
mod detached;
mod error;
mod hash;
mod image;
mod kv;
mod load;
mod memory;
mod overlay;
mod reader;
mod shared;
#[cfg_attr(not(test), expect(clippy::arithmetic_side_effects, reason = "positions in a chunk of bounded size"))]
mod snapshot;
#[cfg_attr(
    not(test),
    expect(clippy::arithmetic_side_effects, reason = "counts and sizes of what is in memory; heights are below 2^63")
)]
mod state;
mod store;
#[cfg_attr(
    not(test),
    expect(
        clippy::arithmetic_side_effects,
        reason = "positions in a chunk and levels of a tree, bounded where they are read"
    )
)]
mod transfer;
#[cfg_attr(
    not(test),
    expect(clippy::arithmetic_side_effects, reason = "indices of arenas, bounded where they are made")
)]
mod tree;
#[cfg_attr(not(test), expect(clippy::arithmetic_side_effects, reason = "offsets within one buffer"))]
mod undo;
#[cfg_attr(
    not(test),
    expect(clippy::arithmetic_side_effects, reason = "offsets within one page, and sums of page sizes")
)]
mod values;

pub use backend::{Backend, Checkpoint, ChunkIter, CommittedBlock, Durable, RestorePart, Restoring, StoredCheckpoint};
pub use changes::{ChangeSet, Write};
pub use commitment::{APP_PROOF_OP, ProofOp, STORE_PROOF_OP, StateProof, app_proof_spec, store_proof_spec};
pub use derive::{Derivation, DeriveFn, DerivedSink};
pub use error::{OutOfGas, StateError, StateFault};
pub use hash::{Hash, sha256};
pub use kv::{Direction, KvRead, KvWrite, RangeIter, Record, StateView, bound_ref, prefix_end};
pub use memory::MemoryBackend;
pub use overlay::Overlay;
pub use reader::{RamReport, StateReader, StoreRam};
pub use snapshot::Snapshot;
pub use state::{PrepareStats, Prepared, State, StateConfig, StateOptions};
pub use store::{SENTINEL_KEY, SENTINEL_VALUE, Store, StoreKind};
pub use transfer::{
    Chunk, InvalidChunk, InvalidManifest, MAX_MANIFEST_BYTES, MAX_SNAPSHOT_CHUNK_BYTES, MAX_SNAPSHOT_CHUNKS, Manifest,
    PinnedVersion, Restore, RestoreRefused, SNAPSHOT_CHUNK_BYTES, SNAPSHOT_FORMAT, StateExport, StoreManifest,
    verify_chunk,
};
pub use undo::{Change, StoreDelta};

/// The longest key, in bytes.
pub const MAX_KEY_LEN: usize = 4096;

/// The longest value, in bytes.
pub const MAX_VALUE_LEN: usize = 64 << 20;
