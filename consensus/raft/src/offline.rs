//! The blocks of a node that does not run, for the operator's commands.

use std::path::Path;
use std::sync::mpsc;

use bytes::Bytes;
use plume_block::{commit_info, to_execute};
use plume_engine::{Block, CommitInfo, Fatal, Reader};
use plume_primitives::Height;
use plume_store::{BlockStore, StoreError, StoreOptions, StoredOutcome};

use crate::raft::machine::LogCursor;
use crate::worker::fatal;

/// Folder of the Raft log in `data`, which only a node with this engine has.
const LOG: &str = "raft.wal";
/// Blocks that are read before their turn.
const READ_AHEAD: usize = 4;

/// The blocks in a node's `data`, with everything that was recorded with them. Holds the store's lock.
pub struct StoredBlocks {
    store: BlockStore,
}

/// Why the last block cannot be taken back.
#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    /// The store's refusal.
    #[error("block store: {0}")]
    Store(#[from] StoreError),
    /// Nothing could give the block again.
    #[error(
        "block {0} has no other copy: this node is the only validator. Run the command without --hard: the block stays and is \
         executed anew"
    )]
    OnlyCopy(Height),
}

impl StoredBlocks {
    /// Opens the blocks of a node over Raft; `None` when no such node has run with this folder.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while the node runs; a store that is damaged or foreign.
    pub fn find(data: &Path) -> Result<Option<Self>, StoreError> {
        let blocks = data.join("blockstore.db");
        if !data.join(LOG).is_dir() || !blocks.is_dir() {
            return Ok(None);
        }
        // The index is kept up by whoever runs; here it only shrinks with its blocks.
        let options = StoreOptions { index: false, ..StoreOptions::default() };
        Ok(Some(Self { store: BlockStore::open(blocks, options)? }))
    }

    /// Height of the last block; 0 before the first.
    pub fn height(&self) -> Height {
        self.store.height()
    }

    /// Lowest height with a block; 0 when there is none.
    pub fn base(&self) -> Height {
        self.store.base()
    }

    /// The app hash after a height, as the header of the next one or the last state has it; `None` when neither is here.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn app_hash_after(&self, height: Height) -> Result<Option<[u8; 32]>, StoreError> {
        let last = self.store.chain_state();
        let found = match last {
            Some(state) if state.last_block_height == height => state.app_hash.clone(),
            _ => match height.next().map(|next| self.store.header(next)) {
                Some(Ok(header)) => Bytes::from(header.app_hash),
                Some(Err(StoreError::TooHigh { .. } | StoreError::Unavailable { .. } | StoreError::ZeroHeight))
                | None => return Ok(None),
                Some(Err(error)) => return Err(error),
            },
        };
        Ok(<[u8; 32]>::try_from(&found[..]).ok())
    }

    fn initial_height(&self) -> Height {
        self.store.chain_state().map_or(Height(1), |state| state.initial_height)
    }

    /// Gives `visit` the blocks from `first` to `last` with what came of them, in order. Another thread reads the next ones
    /// meanwhile and has `reader` prepare their transactions.
    ///
    /// # Errors
    /// A height that is not here, a record that is damaged; what `visit` fails with.
    pub fn visit_executed<R: Reader, F: From<Fatal>>(
        &self,
        heights: (Height, Height),
        reader: &R,
        visit: impl FnMut(Height, (Block, StoredOutcome)) -> Result<(), F>,
    ) -> Result<(), F> {
        visit_executed(&self.store, self.initial_height(), heights, reader, visit)
    }

    /// Takes the last block back, so that it is executed anew when the node starts; gives the height and app hash before
    /// it. With `forget` the block is removed, too, and comes again from the Raft log or from peers: what Raft has
    /// committed is final. What this node's validator, whose address is `own`, has signed stays on record either way.
    ///
    /// The state machine's state must be at most at the new height before the node starts.
    ///
    /// # Errors
    /// [`RollbackError`].
    pub fn rollback(&self, own: &[u8; 20], forget: bool) -> Result<(Height, Bytes), RollbackError> {
        let state = self.store.chain_state().ok_or(StoreError::NoState)?;
        let last = state.last_block_height;
        // # Security
        // A validator votes for a block that it lacks, and one that has signed a later height must not vote again: others
        // have to have it.
        if forget && state.validators.validators().iter().all(|validator| validator.address() == own) {
            return Err(RollbackError::OnlyCopy(last));
        }
        let cursor = LogCursor::at(last.previous().unwrap_or(Height::ZERO));
        let before = self.store.rollback(&cursor.encode(), forget)?;
        Ok((before.last_block_height, before.app_hash.clone()))
    }

    /// Removes the blocks below a height; how many there were.
    ///
    /// # Errors
    /// [`StoreError::PruneAhead`]; a store that cannot be written.
    pub fn prune(&self, below: Height) -> Result<u64, StoreError> {
        self.store.prune(below)
    }
}

/// A stored block as it is executed, with what came of it.
fn executed(store: &BlockStore, initial_height: Height, height: Height) -> Result<(Block, StoredOutcome), Fatal> {
    Ok((decided(store, initial_height, height)?, store.stored_outcome(height).map_err(fatal)?))
}

/// [`StoredBlocks::visit_executed`] of any store.
pub(crate) fn visit_executed<R: Reader, F: From<Fatal>>(
    store: &BlockStore,
    initial_height: Height,
    (first, last): (Height, Height),
    reader: &R,
    mut visit: impl FnMut(Height, (Block, StoredOutcome)) -> Result<(), F>,
) -> Result<(), F> {
    std::thread::scope(|scope| {
        let heights = || (first.get()..=last.get()).map(Height);
        let (found, queue) = mpsc::sync_channel(READ_AHEAD);
        let reading = scope.spawn(move || {
            for height in heights() {
                let (block, outcome) = executed(store, initial_height, height)?;
                reader.anticipate_txs(&block.txs);
                if found.send((block, outcome)).is_err() {
                    break;
                }
            }
            Ok(())
        });
        for (height, executed) in heights().zip(&queue) {
            visit(height, executed)?;
        }
        drop(queue);
        let read = reading.join().unwrap_or_else(|_| Err(Fatal::new("reading blocks ahead panicked")));
        read.map_err(F::from)
    })
}

/// A stored block as it is executed.
fn decided(store: &BlockStore, initial_height: Height, height: Height) -> Result<Block, Fatal> {
    let block = store.block(height).map_err(fatal)?;
    let last_commit = match height.previous().filter(|_| height > initial_height) {
        None => CommitInfo::default(),
        Some(previous) => {
            let validators = store.validators(previous).map_err(fatal)?;
            commit_info(block.last_commit(), &validators).map_err(fatal)?
        }
    };
    Ok(to_execute(&block, last_commit))
}
