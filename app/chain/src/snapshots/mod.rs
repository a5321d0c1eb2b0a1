//! State snapshots: serving those of this chain, and taking one over.

mod claims;
mod folder;
mod local;
mod restoring;
mod writer;

pub(crate) use folder::SnapshotFolder;
pub use local::{AddedSnapshot, LocalSnapshot, LocalSnapshots, SnapshotError};
pub(crate) use restoring::Restoring;
pub(crate) use writer::{SnapshotWriter, take};
