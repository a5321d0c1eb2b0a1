//! The store as a whole.

use std::{fmt, path::Path, sync::Arc};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use plume_block::{ChainState, FullBlock};
use plume_primitives::Height;
use rocksdb::{DB, WriteBatch, WriteOptions};

use crate::{
    StoreError, StoreOptions,
    index::{Indexer, Progress},
    open,
    prune::Swept,
    tables::{META_CURSOR, META_FLOOR, META_STATE, read_height},
};

/// Everything that a node has decided, on disk. Clones are the same store.
///
/// Reading needs no lock that a writer holds for long; writing is for one caller at a time and others wait.
#[derive(Clone)]
pub struct BlockStore {
    pub(crate) inner: Arc<Inner>,
    /// Ends with the last clone.
    _indexer: Arc<Indexer>,
}

pub(crate) struct Inner {
    pub(crate) db: DB,
    pub(crate) options: StoreOptions,
    /// What readers see at once; written only after the database has it.
    pub(crate) view: RwLock<View>,
    /// Held by whoever saves.
    pub(crate) saving: Mutex<()>,
    /// Held by whoever adds to or takes from the index of a height, so that pruning leaves nothing behind.
    pub(crate) sweeping: Mutex<Swept>,
    pub(crate) progress: Progress,
}

/// What is true of the store as a whole.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) state: Option<Arc<ChainState>>,
    /// Lowest height that may be read; 0 before the first state.
    pub(crate) floor: u64,
    /// The block that was saved last, if it was by this process.
    pub(crate) last_block: Option<FullBlock>,
}

impl View {
    /// Height of the last block.
    pub(crate) fn height(&self) -> u64 {
        self.state.as_ref().map_or(0, |state| state.last_block_height.get())
    }

    /// Lowest height with a block; 0 when there is none.
    pub(crate) fn base(&self) -> u64 {
        if self.floor > self.height() { 0 } else { self.floor }
    }
}

impl BlockStore {
    /// Opens or creates the store in the folder `path`.
    ///
    /// What was being pruned when the process ended is taken up by the next [`BlockStore::prune`]; what was not indexed
    /// yet is indexed by a thread of the store.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::Format`], [`StoreError::Folder`], [`StoreError::Damaged`],
    /// [`StoreError::Database`].
    pub fn open(path: impl AsRef<Path>, options: StoreOptions) -> Result<Self, StoreError> {
        let db = open::open(path.as_ref(), &options)?;
        let state = match db.get_pinned(META_STATE)? {
            Some(state) => {
                let state = ChainState::decode(&state).map_err(|error| StoreError::damaged("state", error))?;
                Some(Arc::new(state))
            }
            None => None,
        };
        let floor = read_number(&db, META_FLOOR)?.unwrap_or(0);
        let view = View { state, floor, last_block: None };
        if view.state.is_some() != (floor > 0) {
            return Err(StoreError::damaged("state", "only one of the state and floor records exists"));
        }
        let progress = Progress::read(&db, view.height())?;
        let inner = Arc::new(Inner {
            db,
            options,
            view: RwLock::new(view),
            saving: Mutex::new(()),
            sweeping: Mutex::new(Swept::default()),
            progress,
        });
        let indexer = Arc::new(Indexer::start(&inner));
        Ok(Self { inner, _indexer: indexer })
    }

    /// Lowest height with a block; 0 when there is none.
    #[must_use]
    pub fn base(&self) -> Height {
        Height(self.inner.view.read().base())
    }

    /// Height of the last block, also when only its state came from a snapshot; 0 before the first.
    #[must_use]
    pub fn height(&self) -> Height {
        Height(self.inner.view.read().height())
    }

    /// The state after the last block; `None` before [`BlockStore::save_genesis`].
    #[must_use]
    pub fn chain_state(&self) -> Option<Arc<ChainState>> {
        self.inner.view.read().state.clone()
    }

    /// What the engine noted with the last block or since ([`BlockStore::save_cursor`]).
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn cursor(&self) -> Result<Option<Bytes>, StoreError> {
        Ok(self.inner.db.get(META_CURSOR)?.map(Bytes::from))
    }

    /// Replaces the engine's note and makes it durable.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn save_cursor(&self, cursor: &[u8]) -> Result<(), StoreError> {
        let _saving = self.inner.saving.lock();
        let mut batch = WriteBatch::default();
        batch.put(META_CURSOR, cursor);
        self.inner.write_synced(batch)
    }
}

impl Inner {
    /// Writes in one step that survives a loss of power.
    pub(crate) fn write_synced(&self, batch: WriteBatch) -> Result<(), StoreError> {
        let mut options = WriteOptions::default();
        options.set_sync(true);
        // Batches are in the order of their keys where they have many of one table.
        options.set_memtable_insert_hint_per_batch(true);
        Ok(self.db.write_opt(batch, &options)?)
    }

    /// Height of the last block.
    pub(crate) fn height(&self) -> u64 {
        self.view.read().height()
    }

    /// Lowest height that may be read.
    pub(crate) fn floor(&self) -> u64 {
        self.view.read().floor
    }

    /// Refuses heights that have no block.
    pub(crate) fn require_block(&self, height: Height) -> Result<(), StoreError> {
        let view = self.view.read();
        if height == Height::ZERO {
            return Err(StoreError::ZeroHeight);
        }
        if height.get() > view.height() {
            return Err(StoreError::TooHigh { height, latest: Height(view.height()) });
        }
        if height.get() < view.floor {
            return Err(StoreError::Unavailable { height, lowest: Height(view.base()) });
        }
        Ok(())
    }

    /// Why a record of a height that should have it was not found: it may have been pruned since the check.
    pub(crate) fn missing(&self, record: &str, height: Height) -> StoreError {
        match self.require_block(height) {
            Err(error) => error,
            Ok(()) => StoreError::damaged(format!("{record} {height}"), "missing"),
        }
    }
}

/// Reads a record that is a height.
pub(crate) fn read_number(db: &DB, key: &[u8]) -> Result<Option<u64>, StoreError> {
    let Some(record) = db.get_pinned(key)? else { return Ok(None) };
    let number = read_height(&record);
    number.map(Some).ok_or_else(|| StoreError::damaged(String::from_utf8_lossy(key), "not a height"))
}

impl fmt::Debug for BlockStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockStore").field("base", &self.base()).field("height", &self.height()).finish()
    }
}
