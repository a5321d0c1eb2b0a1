//! The database as the state sees it.

use std::{
    fs::File,
    ops::Bound,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use bytes::Bytes;
use crossbeam_channel::Sender;
use parking_lot::{Condvar, Mutex, RwLock};
use plume_state::{
    Backend, Checkpoint, CommittedBlock, Direction, Durable, Record, RestorePart, Restoring, StateError, Store,
    StoredCheckpoint,
};
use rocksdb::{Cache, DB};

use crate::{
    Config, OpenError, checkpoint, failpoint,
    filter::PruneRule,
    group,
    identity::Identity,
    keys::StoreId,
    open::{self, TREE_DIR},
    records::BlockRecord,
    restore::{Marks, Step},
    writer::{self, Command},
};

/// State of one chain in a folder. One process at a time.
///
/// Dropping it makes everything accepted durable first.
#[derive(Debug)]
pub struct RocksBackend {
    pub(crate) shared: Arc<Shared>,
    commands: Option<Sender<Command>>,
    writer: Option<JoinHandle<()>>,
    max_lag_blocks: u64,
    max_lag_bytes: u64,
}

/// What the writer thread and readers share.
pub(crate) struct Shared {
    pub(crate) path: PathBuf,
    pub(crate) db: DB,
    pub(crate) cache: Cache,
    pub(crate) identity: RwLock<Identity>,
    pub(crate) rule: Arc<PruneRule>,
    /// Height of the newest block on disk; 0: none.
    pub(crate) durable_height: AtomicU64,
    pub(crate) journal_removed: AtomicU64,
    pub(crate) progress: Mutex<Progress>,
    /// A state that is being taken over; only the writer changes it.
    pub(crate) restoring: Mutex<Option<Marks>>,
    /// Signalled when `progress` has moved.
    pub(crate) moved: Condvar,
    /// Held while checkpoint files are written, listed or removed.
    pub(crate) checkpoints: Mutex<()>,
    /// Ends with the last reader; a second process is refused until then.
    _lock: File,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("path", &self.path)
            .field("durable_height", &self.durable_height)
            .finish_non_exhaustive()
    }
}

/// How far the writer is behind.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Height of the last block accepted.
    pub(crate) accepted_height: u64,
    /// Lowest height that can be read.
    pub(crate) floor: Option<u64>,
    /// Blocks accepted and not durable.
    pub(crate) lag_blocks: u64,
    /// Bytes of their changes.
    pub(crate) lag_bytes: u64,
    /// Why the writer has stopped.
    pub(crate) failure: Option<StateError>,
}

impl RocksBackend {
    /// Opens the database in the folder `path`, creating it when the folder is absent or empty.
    ///
    /// # Errors
    /// [`OpenError`]; nothing has been written then, unless the database was just being created.
    pub fn open(path: impl AsRef<Path>, config: &Config) -> Result<Self, OpenError> {
        let opened = open::open(path.as_ref(), config)?;
        let facts = opened.facts;
        let height = facts.head.as_ref().map_or(0, |(height, _)| *height);
        let shared = Arc::new(Shared {
            path: path.as_ref().to_owned(),
            db: opened.db,
            cache: opened.cache,
            identity: RwLock::new(facts.identity),
            rule: opened.rule,
            durable_height: AtomicU64::new(height),
            journal_removed: AtomicU64::new(facts.journal_removed),
            progress: Mutex::new(Progress { accepted_height: height, floor: facts.floor, ..Progress::default() }),
            restoring: Mutex::new(facts.restoring),
            moved: Condvar::new(),
            checkpoints: Mutex::new(()),
            _lock: opened.lock,
        });
        checkpoint::remove_unfinished(&shared)
            .and_then(|()| group::remove_unfinished(&shared))
            .map_err(|source| OpenError::Io { path: shared.path.clone(), source })?;
        let (commands, writer) = writer::start(Arc::clone(&shared), config, facts.head)
            .map_err(|source| OpenError::Io { path: shared.path.clone(), source })?;
        Ok(Self {
            shared,
            commands: Some(commands),
            writer: Some(writer),
            max_lag_blocks: config.max_lag_blocks.max(1),
            max_lag_bytes: config.max_lag_bytes.max(1),
        })
    }

    /// Folder of the database.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Makes every accepted block durable; the same as [`Backend::flush`], named for shutdown.
    ///
    /// # Errors
    /// [`StateError::Fatal`] when a block could not be written.
    pub fn drain(&self) -> Result<(), StateError> {
        self.ask(Command::Flush)
    }

    /// Blocks and bytes of changes that are accepted and not yet durable.
    #[must_use]
    pub fn lag(&self) -> (u64, u64) {
        let progress = self.shared.progress.lock();
        (progress.lag_blocks, progress.lag_bytes)
    }

    /// Makes everything durable, then removes all values that no readable height needs, and returns when the disk has shrunk.
    ///
    /// Pruning does the same by itself when enough has come together.
    ///
    /// # Errors
    /// [`StateError::Fatal`] on a disk failure.
    pub fn compact(&self) -> Result<(), StateError> {
        self.ask(Command::Compact)
    }

    /// Returns the database to the state after block `height`, in one atomic step that is durable on return.
    ///
    /// Nothing else may use the database meanwhile: open it, roll back, and only then give it to the state.
    ///
    /// # Errors
    /// * [`StateError::Unavailable`]: `height` lies above the newest block or below what pruning has left.
    /// * [`StateError::Fatal`] on a disk failure.
    pub fn rollback_to(&self, height: u64) -> Result<Durable, StateError> {
        self.ask(|reply| Command::Rollback(height, reply))?;
        self.durable()?.ok_or_else(|| StateError::backend("rollback left no block"))
    }

    /// Old values dropped by pruning since the database was opened.
    #[must_use]
    pub fn pruned_values(&self) -> u64 {
        self.shared.rule.dropped.load(Ordering::Relaxed)
    }

    fn send(&self, command: Command) -> Result<(), StateError> {
        let stopped = || StateError::backend("the writer thread has stopped");
        self.commands
            .as_ref()
            .ok_or_else(stopped)?
            .send(command)
            .map_err(|_| self.shared.failure().unwrap_or_else(stopped))
    }

    /// Sends a command and waits for its answer.
    fn ask(&self, command: impl FnOnce(Sender<Result<(), StateError>>) -> Command) -> Result<(), StateError> {
        let (reply, answer) = crossbeam_channel::bounded(1);
        self.send(command(reply))?;
        answer.recv().unwrap_or_else(|_| {
            Err(self.shared.failure().unwrap_or_else(|| StateError::backend("the writer thread has stopped")))
        })
    }
}

impl Drop for RocksBackend {
    fn drop(&mut self) {
        drop(self.commands.take()); // the writer finishes its queue and flushes
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!(path = %self.shared.path.display(), "state writer thread panicked");
        }
    }
}

impl Shared {
    /// Why the writer has stopped, if it has.
    pub(crate) fn failure(&self) -> Option<StateError> {
        self.progress.lock().failure.clone()
    }

    /// The store's number; `None` when no block has written to it or brought it into being.
    pub(crate) fn store_id(&self, store: Store) -> Result<Option<StoreId>, StateError> {
        if !store.is_persisted() {
            return Err(StateError::misuse(store, "a derived store is not on disk"));
        }
        Ok(self.identity.read().id(store.name()))
    }

    /// Refuses heights that cannot be read.
    pub(crate) fn require_height(&self, height: u64) -> Result<(), StateError> {
        let latest = self.durable_height.load(Ordering::Acquire);
        let floor = self.progress.lock().floor;
        match floor {
            Some(floor) if height <= latest && self.rule.is_readable(height, floor) => Ok(()),
            _ => Err(StateError::Unavailable { requested: height, oldest: floor.unwrap_or(latest), latest }),
        }
    }

    /// Refuses heights from which not every later change is in the history.
    pub(crate) fn require_complete_history(&self, height: u64) -> Result<(), StateError> {
        self.require_height(height)?;
        let floor = self.progress.lock().floor.unwrap_or(u64::MAX);
        if height >= floor {
            return Ok(());
        }
        let latest = self.durable_height.load(Ordering::Acquire);
        Err(StateError::Unavailable { requested: height, oldest: floor, latest })
    }

    /// What a block record says, with names for numbers.
    pub(crate) fn describe(&self, height: u64, record: &BlockRecord) -> Result<Durable, StateError> {
        let identity = self.identity.read();
        let mut stores = record
            .stores
            .iter()
            .map(|id| identity.by_id(*id).map(|(name, known)| (name.to_owned(), known.committed)))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| StateError::backend(format!("the record of block {height} names an unknown store")))?;
        stores.sort();
        Ok(Durable { height, app_hash: record.app_hash, stores })
    }

    pub(crate) fn tree_dir(&self) -> PathBuf {
        self.path.join(TREE_DIR)
    }
}

/// Turns a RocksDB failure into the state's.
pub(crate) fn disk(error: rocksdb::Error) -> StateError {
    StateError::backend(error.into_string())
}

impl Backend for RocksBackend {
    fn durable(&self) -> Result<Option<Durable>, StateError> {
        match self.durable_height() {
            0 => Ok(None),
            height => self.shared.block(height).map(Some),
        }
    }

    fn durable_height(&self) -> u64 {
        self.shared.durable_height.load(Ordering::Acquire)
    }

    fn persist(&self, block: CommittedBlock) -> Result<(), StateError> {
        let bytes = writer::size(&block);
        {
            let mut progress = self.shared.progress.lock();
            if block.height <= progress.accepted_height || block.previous_height != progress.accepted_height {
                return Err(StateError::backend(format!(
                    "block {} after block {} cannot follow block {}",
                    block.height, block.previous_height, progress.accepted_height
                )));
            }
            while progress.failure.is_none()
                && (progress.lag_blocks >= self.max_lag_blocks || progress.lag_bytes >= self.max_lag_bytes)
            {
                self.shared.moved.wait(&mut progress);
            }
            if let Some(failure) = &progress.failure {
                return Err(failure.clone());
            }
            progress.accepted_height = block.height;
            progress.lag_blocks = progress.lag_blocks.saturating_add(1);
            progress.lag_bytes = progress.lag_bytes.saturating_add(bytes);
        }
        self.send(Command::Block(block, bytes))?;
        failpoint::hit(failpoint::PERSIST_QUEUED);
        Ok(())
    }

    fn flush(&self) -> Result<(), StateError> {
        self.drain()
    }

    fn scan(
        &self,
        store: Store,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        self.shared.scan(store, start, end, visit)
    }

    fn split_points(&self, store: Store, parts: usize) -> Vec<Bytes> {
        self.shared.split_points(store, parts).unwrap_or_else(|error| {
            tracing::warn!(%error, %store, "no hints for loading in parallel");
            vec![]
        })
    }

    fn history_start(&self) -> Option<u64> {
        self.shared.progress.lock().floor
    }

    fn history_get(&self, store: Store, key: &[u8], height: u64) -> Result<Option<Bytes>, StateError> {
        self.shared.history_get(store, key, height)
    }

    fn history_range(
        &self,
        store: Store,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        direction: Direction,
        height: u64,
        limit: usize,
    ) -> Result<Vec<Record>, StateError> {
        self.shared.history_range(store, start, end, direction, height, limit)
    }

    fn history_meta(&self, height: u64) -> Result<Durable, StateError> {
        self.shared.require_height(height)?;
        let found = self.shared.block(height)?;
        self.shared.require_height(height)?;
        Ok(Durable { height, ..found }) // between two blocks the one before is in force
    }

    fn changed_since(
        &self,
        store: Store,
        height: u64,
        visit: &mut dyn FnMut(&[u8], Option<&[u8]>) -> Result<(), StateError>,
    ) -> Result<bool, StateError> {
        self.shared.changed_since(store, height, visit)
    }

    fn prune(&self, keep_from: u64) -> Result<(), StateError> {
        self.send(Command::Prune(keep_from))
    }

    fn restoring(&self) -> Result<Option<Restoring>, StateError> {
        Ok(self.shared.restoring.lock().as_ref().map(Marks::progress))
    }

    fn restore_begin(&self, description: &[u8], stores: &[Store], parts: u32) -> Result<(), StateError> {
        let (description, stores) = (Bytes::copy_from_slice(description), stores.to_vec());
        self.ask(|reply| Command::Restore(Step::Begin { description, stores, parts }, reply))
    }

    fn restore_part(&self, part: RestorePart) -> Result<(), StateError> {
        self.ask(|reply| Command::Restore(Step::Part(part), reply))
    }

    fn restore_finish(&self, block: CommittedBlock) -> Result<(), StateError> {
        self.ask(|reply| Command::Restore(Step::Finish(block), reply))
    }

    fn restore_discard(&self) -> Result<(), StateError> {
        self.ask(|reply| Command::Restore(Step::Discard, reply))
    }

    fn write_checkpoint(&self, checkpoint: Checkpoint<'_>) -> Result<(), StateError> {
        checkpoint::write(&self.shared, checkpoint)?;
        self.send(Command::CheckpointWritten)
    }

    fn read_checkpoint(&self) -> Result<Option<StoredCheckpoint>, StateError> {
        checkpoint::read_newest(&self.shared)
    }
}
