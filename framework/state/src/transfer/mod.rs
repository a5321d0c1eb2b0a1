//! State snapshots: a state cut into chunks that are verified one by one, for nodes that take over a state.
//!
//! `docs/spec/state-snapshots.md` is the specification. A chunk is all records of one subtree of one store's tree (a range of
//! key hashes) with the hashes beside the path from the subtree to the root. So each chunk leads to its store's root by
//! itself, the roots to the app hash, and nothing can be added to, left out of or changed in any of them.

mod chunk;
mod export;
mod manifest;
mod restore;
mod shape;

pub use chunk::{Chunk, InvalidChunk, MAX_SNAPSHOT_CHUNK_BYTES, verify_chunk};
pub use export::{PinnedVersion, StateExport};
pub use manifest::{
    InvalidManifest, MAX_MANIFEST_BYTES, MAX_SNAPSHOT_CHUNKS, Manifest, SNAPSHOT_CHUNK_BYTES, SNAPSHOT_FORMAT,
    StoreManifest,
};
pub use restore::{Restore, RestoreRefused};
