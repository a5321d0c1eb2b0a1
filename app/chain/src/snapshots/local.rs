//! The snapshots in a node's folder, for commands that run beside the node or instead of it.

use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use plume_engine::SnapshotInfo;
use plume_primitives::{Height, Timestamp};
use plume_state::{Manifest, verify_chunk};

use crate::snapshots::claims::Claims;
use crate::snapshots::folder::{self, NewSnapshot, SnapshotFolder};

/// The snapshots in one folder. A node that runs with the same folder is not disturbed.
#[derive(Debug)]
pub struct LocalSnapshots(SnapshotFolder);

/// A snapshot with what its metadata says.
#[derive(Debug, Clone)]
pub struct LocalSnapshot {
    /// As engines see it.
    pub info: SnapshotInfo,
    /// Chain id that it claims; nothing proves it.
    pub chain_id: String,
    /// Time of its block, as it claims.
    pub time: Timestamp,
    /// The app hash that every chunk leads to.
    pub app_hash: [u8; 32],
    manifest: Manifest,
}

/// A snapshot that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The disk's refusal.
    #[error("snapshot folder {path}: {source}")]
    Io {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Metadata that says nothing.
    #[error("the snapshot's metadata is no good: {0}")]
    Metadata(String),
    /// A chunk that is absent.
    #[error("chunk {index} is missing")]
    Missing {
        /// Its number.
        index: u32,
    },
    /// A chunk that is not what the metadata commits to.
    #[error("chunk {index} is damaged: {reason}")]
    Damaged {
        /// Its number.
        index: u32,
        /// Why.
        reason: String,
    },
}

impl LocalSnapshot {
    fn new(metadata: Bytes) -> Result<Self, SnapshotError> {
        let info = folder::describe(metadata).map_err(SnapshotError::Metadata)?;
        let (claims, manifest) =
            Claims::decode(&info.metadata).map_err(|error| SnapshotError::Metadata(error.to_string()))?;
        let manifest = Manifest::decode(manifest).map_err(|error| SnapshotError::Metadata(error.to_string()))?;
        let app_hash = manifest.app_hash();
        Ok(Self { chain_id: claims.origin.chain_id, time: claims.time, app_hash, manifest, info })
    }

    /// Checks a chunk against the metadata.
    ///
    /// # Errors
    /// [`SnapshotError::Damaged`].
    pub fn verify(&self, index: u32, chunk: &Bytes) -> Result<(), SnapshotError> {
        verify_chunk(&self.manifest, index, chunk)
            .map(drop)
            .map_err(|error| SnapshotError::Damaged { index, reason: error.to_string() })
    }
}

impl LocalSnapshots {
    /// Looks into a folder; an absent one has no snapshots.
    ///
    /// # Errors
    /// [`SnapshotError::Io`].
    pub fn open(path: PathBuf) -> Result<Self, SnapshotError> {
        SnapshotFolder::look(path.clone()).map(Self).map_err(|source| SnapshotError::Io { path, source })
    }

    /// The snapshots, newest first.
    ///
    /// # Errors
    /// [`SnapshotError::Metadata`]: it changed since it was read.
    pub fn list(&self) -> Result<Vec<LocalSnapshot>, SnapshotError> {
        self.0.list().into_iter().map(|info| LocalSnapshot::new(info.metadata)).collect()
    }

    /// The snapshot of a height in a format.
    ///
    /// # Errors
    /// [`SnapshotError::Metadata`].
    pub fn find(&self, height: Height, format: u32) -> Result<Option<LocalSnapshot>, SnapshotError> {
        let found = self.0.get(height).filter(|info| info.format == format);
        found.map(|info| LocalSnapshot::new(info.metadata)).transpose()
    }

    /// A chunk, verified.
    ///
    /// # Errors
    /// [`SnapshotError::Missing`], [`SnapshotError::Damaged`].
    pub fn chunk(&self, snapshot: &LocalSnapshot, index: u32) -> Result<Bytes, SnapshotError> {
        let info = &snapshot.info;
        let chunk = self.0.chunk(info.height, info.format, index).ok_or(SnapshotError::Missing { index })?;
        snapshot.verify(index, &chunk)?;
        Ok(chunk)
    }

    /// Removes a snapshot; false when there is none.
    ///
    /// # Errors
    /// [`SnapshotError::Io`].
    pub fn remove(&self, height: Height, format: u32) -> Result<bool, SnapshotError> {
        if self.0.get(height).is_none_or(|info| info.format != format) {
            return Ok(false);
        }
        self.0.remove(height).map_err(|source| self.io(source))
    }

    /// Begins to add a snapshot that came from elsewhere; nobody sees it before [`AddedSnapshot::finish`].
    ///
    /// # Errors
    /// [`SnapshotError::Metadata`], [`SnapshotError::Io`].
    pub fn add(&self, metadata: Bytes) -> Result<AddedSnapshot<'_>, SnapshotError> {
        let snapshot = LocalSnapshot::new(metadata)?;
        let new = self.0.begin(snapshot.info.height).map_err(|source| self.io(source))?;
        Ok(AddedSnapshot { folder: self, new, snapshot, next: 0 })
    }

    fn io(&self, source: io::Error) -> SnapshotError {
        SnapshotError::Io { path: self.0.path().to_owned(), source }
    }
}

/// A snapshot that is being added, chunk by chunk.
pub struct AddedSnapshot<'a> {
    folder: &'a LocalSnapshots,
    new: NewSnapshot<'a>,
    snapshot: LocalSnapshot,
    /// The chunk that comes next.
    next: u32,
}

impl AddedSnapshot<'_> {
    /// What is being added.
    pub fn snapshot(&self) -> &LocalSnapshot {
        &self.snapshot
    }

    /// Adds the next chunk, verified; they come in order.
    ///
    /// # Errors
    /// [`SnapshotError::Damaged`], [`SnapshotError::Io`]; call [`give_up`](Self::give_up) then.
    pub fn chunk(&mut self, chunk: &Bytes) -> Result<(), SnapshotError> {
        self.snapshot.verify(self.next, chunk)?;
        self.new.chunk(self.next, chunk).map_err(|source| self.folder.io(source))?;
        self.next = self.next.saturating_add(1);
        Ok(())
    }

    /// Makes it one of the folder's snapshots, durably.
    ///
    /// # Errors
    /// [`SnapshotError::Missing`], [`SnapshotError::Io`].
    pub fn finish(self) -> Result<LocalSnapshot, SnapshotError> {
        if self.next != self.snapshot.info.chunks {
            let missing = SnapshotError::Missing { index: self.next };
            self.give_up()?;
            return Err(missing);
        }
        self.new.finish(self.snapshot.info.clone()).map_err(|source| self.folder.io(source))?;
        Ok(self.snapshot)
    }

    /// Removes what was added.
    ///
    /// # Errors
    /// [`SnapshotError::Io`].
    pub fn give_up(self) -> Result<(), SnapshotError> {
        self.new.give_up().map_err(|source| self.folder.io(source))
    }
}
