//! What the state asks of a durable backend, and the backend that keeps everything in memory.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use crate::undo::StoreDelta;
use crate::{Direction, Record, StateError, Store};

/// Persists committed blocks off the critical path and answers questions about heights that RAM no longer holds.
///
/// The state calls [`persist`](Self::persist) once per committed block, in ascending height order, from the block thread. The
/// backend hands the block to its own writer thread and returns; it may block for back-pressure when durability lags behind by
/// more than its bound of blocks or bytes. One block is one atomic batch together with its height: after a crash the backend
/// holds exactly the state of some height that was given to it, and the engine replays the rest.
///
/// All methods may be called from many threads at once, except `persist`, `write_checkpoint` and `prune`, which never run
/// concurrently with themselves.
#[expect(clippy::type_complexity, reason = "the visitors' types say what they are called with")]
pub trait Backend: Send + Sync + 'static {
    /// What is durable now; `None` for an empty database. Called once at open, before everything else.
    ///
    /// # Errors
    /// [`StateError::Fatal`] when the database is foreign, damaged or of a newer format.
    fn durable(&self) -> Result<Option<Durable>, StateError>;

    /// The height of the last block that would survive a crash of the machine at this moment; 0 when there is none.
    fn durable_height(&self) -> u64;

    /// Accepts a committed block for writing.
    ///
    /// # Errors
    /// [`StateError::Fatal`] when this or an earlier block could not be written: the node must stop.
    fn persist(&self, block: CommittedBlock) -> Result<(), StateError>;

    /// Returns when every block accepted so far is durable (shutdown, before an upgrade halt).
    ///
    /// # Errors
    /// As [`persist`](Self::persist).
    fn flush(&self) -> Result<(), StateError>;

    /// Visits the live records of a persisted store at the durable height, in ascending key order.
    ///
    /// Used at load only, possibly for several stores and disjoint ranges in parallel.
    ///
    /// # Errors
    /// [`StateError::Fatal`] on a read failure; an error of `visit` is passed on.
    fn scan(
        &self,
        store: Store,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> Result<(), StateError>,
    ) -> Result<(), StateError>;

    /// Up to `parts - 1` keys that split a store into ranges of roughly equal size, ascending; empty when unknown. A hint for
    /// loading in parallel.
    fn split_points(&self, store: Store, parts: usize) -> Vec<Bytes> {
        let _ = (store, parts);
        Vec::new()
    }

    /// The oldest height that `history_get` and `history_range` can answer; `None` when no history is kept.
    fn history_start(&self) -> Option<u64>;

    /// The value of `key` after block `height`, for `history_start() <= height <= durable_height()`.
    ///
    /// # Errors
    /// [`StateError::Unavailable`] outside that interval, [`StateError::Fatal`] on a read failure.
    fn history_get(&self, store: Store, key: &[u8], height: u64) -> Result<Option<Bytes>, StateError>;

    /// The first `limit` records between two bounds after block `height`, in the given direction; fewer only at the end.
    ///
    /// # Errors
    /// As [`history_get`](Self::history_get).
    fn history_range(
        &self,
        store: Store,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        direction: Direction,
        height: u64,
        limit: usize,
    ) -> Result<Vec<Record>, StateError>;

    /// The app hash and the active stores after block `height`, when history reaches it.
    ///
    /// # Errors
    /// As [`history_get`](Self::history_get).
    fn history_meta(&self, height: u64) -> Result<Durable, StateError>;

    /// Visits every key of a persisted store that changed in blocks after `height` up to the durable height, ascending, each
    /// once, with its live value (`None`: removed). Returns false, having visited nothing, when history does not reach back to
    /// `height`.
    ///
    /// # Errors
    /// [`StateError::Fatal`] on a read failure; an error of `visit` is passed on.
    fn changed_since(
        &self,
        store: Store,
        height: u64,
        visit: &mut dyn FnMut(&[u8], Option<&[u8]>) -> Result<(), StateError>,
    ) -> Result<bool, StateError>;

    /// Forgets the history of heights below `keep_from`, so that the disk shrinks.
    ///
    /// # Errors
    /// [`StateError::Fatal`] on a write failure.
    fn prune(&self, keep_from: u64) -> Result<(), StateError>;

    /// The state that is being taken over, with the parts kept so far; `None` when there is none. Read at open and after a
    /// failure; a crash loses no part that was acknowledged.
    ///
    /// # Errors
    /// [`StateError::Fatal`] on a read failure.
    fn restoring(&self) -> Result<Option<Restoring>, StateError> {
        Ok(None)
    }

    /// Begins to take over a state of `parts` parts into an empty database, in place of one that was begun before. Durable on
    /// return. Until [`restore_finish`](Self::restore_finish) the database is empty to all other methods, and a block that
    /// comes to [`persist`](Self::persist) discards what was kept.
    ///
    /// # Errors
    /// [`StateError::Fatal`] when the database has a block, on a write failure, or when the backend cannot do this.
    fn restore_begin(&self, description: &[u8], stores: &[Store], parts: u32) -> Result<(), StateError> {
        let _ = (description, stores, parts);
        Err(StateError::backend("this backend takes over no state"))
    }

    /// Keeps a part: its records and the mark that it is there, in one atomic step that is durable on return.
    ///
    /// # Errors
    /// [`StateError::Fatal`] when nothing was begun, on a write failure.
    fn restore_part(&self, part: RestorePart) -> Result<(), StateError> {
        let _ = part;
        Err(StateError::backend("this backend takes over no state"))
    }

    /// Makes the parts the state after `block.height`, in one atomic step that is durable on return. `block` lists all stores
    /// and carries the records of local ones; its `previous_height` is 0. History begins with it.
    ///
    /// # Errors
    /// [`StateError::Fatal`] when parts are missing, on a write failure.
    fn restore_finish(&self, block: CommittedBlock) -> Result<(), StateError> {
        let _ = block;
        Err(StateError::backend("this backend takes over no state"))
    }

    /// Forgets what was begun; the database is empty again. Durable on return; a crash leaves all or nothing of it.
    ///
    /// # Errors
    /// [`StateError::Fatal`] on a write failure.
    fn restore_discard(&self) -> Result<(), StateError> {
        Ok(())
    }

    /// Stores a checkpoint, replacing an older one once it is durable. A failed or interrupted write leaves the older one.
    ///
    /// The chunks are opaque: the backend returns them unchanged, in order, guarded by a checksum. Called from a background
    /// thread; `checkpoint.height` may be above the durable height at that moment, and then the backend must not offer the
    /// checkpoint before that height is durable.
    ///
    /// # Errors
    /// [`StateError::Fatal`] on a write failure; errors of the chunk iterators are passed on.
    fn write_checkpoint(&self, checkpoint: Checkpoint<'_>) -> Result<(), StateError>;

    /// The newest checkpoint whose height is at most the durable height, if one exists and its checksums hold.
    ///
    /// # Errors
    /// [`StateError::Fatal`] on a read failure. A damaged checkpoint is no error: it is `None`, and loading takes the long way.
    fn read_checkpoint(&self) -> Result<Option<StoredCheckpoint>, StateError>;
}

/// What a database holds at one height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Durable {
    /// The height of the last durable block.
    pub height: u64,
    /// The app hash after that block.
    pub app_hash: [u8; 32],
    /// The names of the persisted stores that exist at that height, with `true` for committed and `false` for local ones.
    pub stores: Vec<(String, bool)>,
}

/// A state that is being taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restoring {
    /// As given to [`Backend::restore_begin`].
    pub description: Bytes,
    /// The parts that are kept.
    pub parts: BTreeSet<u32>,
}

/// A part of a state that is being taken over.
#[derive(Clone, Debug)]
pub struct RestorePart {
    /// Its number, below the number of parts.
    pub index: u32,
    /// The store that the records belong to.
    pub store: Store,
    /// The records, ascending by key. No other part holds one of these keys.
    pub records: Vec<Record>,
}

/// A committed block on its way to disk.
#[derive(Clone, Debug)]
pub struct CommittedBlock {
    /// The block's height; larger than that of the block before.
    pub height: u64,
    /// The height of the block before (0 for the first one). History between the two reads as the block before.
    pub previous_height: u64,
    /// The app hash after this block.
    pub app_hash: [u8; 32],
    /// The persisted stores that exist after this block.
    pub stores: Arc<[Store]>,
    /// The changes of each persisted store that changed, ascending by store name.
    pub deltas: Vec<Arc<StoreDelta>>,
}

/// A checkpoint to be written: a compact image from which a restart is fast.
pub struct Checkpoint<'a> {
    /// The height whose state the image holds.
    pub height: u64,
    /// The app hash at that height.
    pub app_hash: [u8; 32],
    /// Named sections of opaque chunks, to be drained one after the other.
    pub sections: Vec<(String, ChunkIter<'a>)>,
}

/// Opaque chunks of at most a few MiB.
pub type ChunkIter<'a> = Box<dyn Iterator<Item = Result<Vec<u8>, StateError>> + Send + 'a>;

/// A checkpoint found on disk.
pub struct StoredCheckpoint {
    /// The height whose state the image holds.
    pub height: u64,
    /// The app hash at that height.
    pub app_hash: [u8; 32],
    /// The sections as written, in the same order, chunk boundaries included. Different sections may be read in parallel.
    pub sections: Vec<(String, ChunkIter<'static>)>,
}
