//! The thread that indexes what was saved.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use plume_block::FullBlock;
use plume_primitives::Height;
use rocksdb::{DB, WriteBatch};

use super::entries;
use crate::{
    BlockStore, StoreError,
    read::{MetaRecord, decode_outcome},
    store::{Inner, read_number},
    tables::{META_INDEXED, Table, height_key},
    txs::put_txs,
};

/// Bytes of records that are written at once: a block must not wait long behind them to be saved.
const BATCH_BYTES: usize = 256 << 10;

/// How long the thread waits before it tries again what failed.
const RETRY: Duration = Duration::from_secs(1);

/// How far the index is.
#[derive(Debug)]
pub(crate) struct Progress {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Every height up to here is indexed, or was not to be.
    done: u64,
    /// Every height up to here can be indexed.
    target: u64,
    stop: bool,
}

impl Progress {
    /// Where an earlier process came to; `height` is that of the store.
    pub(crate) fn read(db: &DB, height: u64) -> Result<Self, StoreError> {
        let done = read_number(db, META_INDEXED)?.unwrap_or(0);
        Ok(Self { state: Mutex::new(State { done, target: height, stop: false }), changed: Condvar::new() })
    }

    /// One more height can be indexed.
    pub(crate) fn go_to(&self, height: u64) {
        self.state.lock().target = height;
        self.changed.notify_all();
    }

    /// What is before counts as indexed. The database says so too.
    pub(crate) fn restart_at(&self, height: u64) {
        let mut state = self.state.lock();
        state.done = height;
        state.target = height;
        self.changed.notify_all();
    }

    fn stop(&self) {
        self.state.lock().stop = true;
        self.changed.notify_all();
    }

    /// Waits for work; false when the thread is to end.
    fn wait_for_work(&self) -> bool {
        let mut state = self.state.lock();
        self.changed.wait_while(&mut state, |state| !state.stop && state.done >= state.target);
        !state.stop
    }

    /// The next height to index, if there is one.
    fn next(&self) -> Option<u64> {
        let state = self.state.lock();
        (state.done < state.target).then(|| state.done.saturating_add(1))
    }

    fn is_done(&self, height: u64) {
        let mut state = self.state.lock();
        state.done = state.done.max(height);
        self.changed.notify_all();
    }

    /// Waits until a height is indexed or the time is over; says how far it came.
    fn wait(&self, height: u64, time: Duration) -> u64 {
        let until = Instant::now() + time;
        let mut state = self.state.lock();
        while state.done < height && !self.changed.wait_until(&mut state, until).timed_out() {}
        state.done
    }

    /// Waits a while, less if the thread is to end.
    fn pause(&self) {
        let until = Instant::now() + RETRY;
        let mut state = self.state.lock();
        while !state.stop && !self.changed.wait_until(&mut state, until).timed_out() {}
    }
}

/// The running thread; ends when this is dropped.
pub(crate) struct Indexer {
    inner: Arc<Inner>,
    thread: Option<JoinHandle<()>>,
}

impl Indexer {
    /// Starts the thread if the store keeps an index.
    pub(crate) fn start(inner: &Arc<Inner>) -> Self {
        let thread = inner.options.index.then(|| {
            let inner = Arc::clone(inner);
            thread::Builder::new().name("store-index".to_owned()).spawn(move || run(&inner))
        });
        let thread = match thread {
            Some(Ok(thread)) => Some(thread),
            Some(Err(error)) => {
                tracing::error!(%error, "no thread to index transactions and blocks");
                None
            }
            None => None,
        };
        Self { inner: Arc::clone(inner), thread }
    }
}

impl Drop for Indexer {
    fn drop(&mut self) {
        self.inner.progress.stop();
        if let Some(thread) = self.thread.take() {
            // It panics only on what is a bug; the index is then continued after the next start.
            if thread.join().is_err() {
                tracing::error!("the thread that indexes has panicked");
            }
        }
    }
}

fn run(inner: &Inner) {
    while inner.progress.wait_for_work() {
        if let Err(error) = inner.index_next() {
            tracing::error!(%error, "indexing failed and is tried again");
            inner.progress.pause();
        }
    }
}

impl Inner {
    fn index_next(&self) -> Result<(), StoreError> {
        // Pruning and snapshots wait: the height must be there until it is done.
        let _sweeping = self.sweeping.lock();
        let Some(height) = self.progress.next() else { return Ok(()) };
        let floor = self.floor();
        if height < floor {
            self.db.put(META_INDEXED, height_key(floor - 1))?;
            self.progress.is_done(floor - 1);
            return Ok(());
        }
        let record = self.record(Table::Outcomes, Height(height))?;
        let header = self.record(Table::Headers, Height(height))?;
        let mut batch = WriteBatch::default();
        if !MetaRecord::start(&header)?.0 {
            let block = self.record(Table::Blocks, Height(height))?;
            let block = FullBlock::decode(Bytes::copy_from_slice(&block))
                .map_err(|error| StoreError::damaged(format!("block {height}"), error))?;
            let outcome = decode_outcome(height, Bytes::copy_from_slice(&record))?;
            let success = outcome.tx_results.iter().map(|result| result.code == 0);
            put_txs(&self.db, &mut batch, height, block.tx_hashes().iter().copied().zip(success))?;
        }
        let (txs, block) = entries(height, &record)?;
        for (table, entries) in [(Table::TxEvents, txs), (Table::BlockEvents, block)] {
            let table = table.of(&self.db)?;
            for (key, record) in entries.into_records(height) {
                batch.put_cf(table, key, record);
                if batch.size_in_bytes() >= BATCH_BYTES {
                    // Searches stop at the height that the last batch writes, and a second try writes the same.
                    self.db.write(std::mem::take(&mut batch))?;
                }
            }
        }
        batch.put(META_INDEXED, height_key(height));
        self.db.write(batch)?;
        self.progress.is_done(height);
        Ok(())
    }
}

impl BlockStore {
    /// Waits until transactions and blocks up to a height can be searched, at most for `time`. Searches do so themselves.
    ///
    /// # Errors
    /// [`StoreError::IndexDisabled`], [`StoreError::IndexBehind`].
    pub fn wait_indexed(&self, height: Height, time: Duration) -> Result<(), StoreError> {
        if !self.inner.options.index {
            return Err(StoreError::IndexDisabled);
        }
        let indexed = self.inner.progress.wait(height.get(), time);
        if indexed < height.get() {
            return Err(StoreError::IndexBehind { indexed: Height(indexed), height });
        }
        Ok(())
    }
}
