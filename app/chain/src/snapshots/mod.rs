//! State snapshots: serving those of this chain, and taking one over.

mod claims;
mod folder;
mod restoring;
mod writer;

pub(crate) use folder::SnapshotFolder;
pub(crate) use restoring::Restoring;
pub(crate) use writer::{SnapshotWriter, take};
