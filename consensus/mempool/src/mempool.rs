use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use bytes::Bytes;
use parking_lot::Mutex;
use plume_engine::{CheckOutcome, Reader, TxResult};
use plume_primitives::Height;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::pool::{BlockLimits, encoded_len};
use crate::shared::Shared;
use crate::{Arrival, MempoolConfig, MempoolError, Options, TxHash, recheck};

/// Transactions that wait for a block. Clones are handles to the same mempool.
pub struct Mempool<R: Reader> {
    owner: Arc<Owner<R>>,
}

/// Where a transaction came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A client of this node: the node sees to it that the leader gets it.
    Local,
    /// The node with this id, which has it too.
    Peer([u8; 20]),
}

/// A transaction that waits, with its place in the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Rises by at least 1 from each transaction to the next; never given twice.
    pub number: u64,
    /// The transaction.
    pub tx: Bytes,
    /// Where it came from.
    pub origin: Origin,
}

/// Figures for metrics. The names are those of CometBFT's `mempool_*` metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Transactions that wait.
    pub size: usize,
    /// Their bytes.
    pub size_bytes: u64,
    /// New transactions that the application refused, since the start.
    pub failed_txs: u64,
    /// New transactions refused for want of room, since the start.
    pub rejected_txs: u64,
    /// Transactions dropped because they became invalid or too old, since the start.
    pub evicted_txs: u64,
    /// Checks of waiting transactions, since the start.
    pub recheck_times: u64,
}

impl<R: Reader> Mempool<R> {
    /// An empty mempool after block `height` (0 before the first), with the usual [`Options`].
    pub fn new(reader: R, config: MempoolConfig, height: Height) -> Self {
        Self::with_options(reader, config, height, Options::default())
    }

    /// An empty mempool after block `height` (0 before the first).
    pub fn with_options(reader: R, config: MempoolConfig, height: Height, options: Options) -> Self {
        let shared = Arc::new(Shared::new(reader, config, options, height.get()));
        let for_thread = shared.clone();
        let thread = std::thread::Builder::new().name("mempool-recheck".to_owned());
        // Without it, stale transactions are checked by whoever brings a new one of the same signer.
        let thread = thread.spawn(move || recheck::run(&for_thread));
        let thread = thread.inspect_err(|e| tracing::error!(%e, "no thread for rechecks")).ok();
        Self { owner: Arc::new(Owner { shared, thread: Mutex::new(thread) }) }
    }

    fn shared(&self) -> &Arc<Shared<R>> {
        &self.owner.shared
    }

    /// Gives a transaction its place in the order of arrival, or refuses it at once. Quick; it never blocks for a
    /// check. Transactions of one connection keep their order if this is called in it.
    ///
    /// # Errors
    /// In this order: [`MempoolError::Full`], [`MempoolError::TooLarge`], [`MempoolError::LargerThanBlock`],
    /// [`MempoolError::InCache`]; [`MempoolError::Closed`] before all.
    pub fn arrive(&self, tx: Bytes, origin: Origin) -> Result<Arrival<R>, MempoolError> {
        Arrival::new(self.shared(), &tx, origin)
    }

    /// Has the application check a transaction and adds it if it is accepted: [`Self::arrive`], then
    /// [`Arrival::check`]. It blocks for the check; call it from threads that may.
    ///
    /// # Errors
    /// Those of the two. A refusal by the application is no error but an outcome with its code.
    pub fn check(&self, tx: Bytes, origin: Origin) -> Result<CheckOutcome, MempoolError> {
        self.arrive(tx, origin)?.check()
    }

    /// Transactions for a block, oldest first, as many as fit without leaving one out. A transaction takes
    /// [`encoded_len`] bytes; its gas is what it asked for. `None` is no limit.
    ///
    /// While rechecks run, what has not failed yet is among them.
    pub fn reap(&self, max_bytes: Option<u64>, max_gas: Option<u64>) -> Vec<Bytes> {
        let (max_bytes, max_gas) = (max_bytes.unwrap_or(u64::MAX), max_gas.unwrap_or(u64::MAX));
        let now = (self.shared().options.clock)();
        let (mut bytes, mut gas) = (0u64, 0u64);
        let state = self.shared().state.lock();
        let fits = |entry: &&crate::pool::Entry| {
            bytes = bytes.saturating_add(encoded_len(&entry.tx));
            gas = gas.saturating_add(entry.gas_wanted);
            bytes <= max_bytes && gas <= max_gas
        };
        state.pool.live(now).take_while(fits).map(|entry| entry.tx.clone()).collect()
    }

    /// Lets no check begin until the returned guard is dropped, and waits for those that run, but no longer than
    /// [`Options::commit_patience`]. Take it right before `Executor::commit` and keep it until [`Self::update`] has
    /// returned.
    ///
    /// The application's check state starts anew within `commit`: a transaction that is checked after it and before
    /// its predecessors would be refused.
    #[must_use = "checks go on as soon as it is dropped"]
    pub fn hold(&self) -> Hold<R> {
        let shared = self.shared();
        let deadline = Instant::now() + shared.options.commit_patience;
        let mut state = shared.state.lock();
        state.turns.hold();
        while !state.turns.is_idle() && !shared.idle.wait_until(&mut state, deadline).timed_out() {}
        state.turns.doubt();
        Hold { shared: shared.clone() }
    }

    /// Takes out the transactions of the block at `height` and those that have waited too long, and starts checking
    /// the rest again. Rechecks of earlier blocks that are not done are abandoned. Returns at once.
    ///
    /// `results` belong to `txs`, in the same order; transactions without a result count as failed.
    pub fn update(&self, height: Height, txs: &[Bytes], results: &[TxResult]) {
        let missing = TxResult { code: 1, ..TxResult::default() };
        let results = results.iter().chain(core::iter::repeat(&missing));
        let block: Vec<(TxHash, &TxResult)> = txs.iter().map(|tx| Sha256::digest(tx).into()).zip(results).collect();
        let now = (self.shared().options.clock)();
        let mut state = self.shared().state.lock();
        let state = &mut *state;
        state.pool.commit(height.get(), &block, now);
        state.turns.new_block(&mut state.pool);
        state.wake(self.shared());
        if state.pool.len() > 0 {
            self.shared().present.notify_waiters();
        }
    }

    /// What a block can hold from now on; new transactions that exceed it are refused. No limits until it is called.
    pub fn set_limits(&self, limits: BlockLimits) {
        self.shared().state.lock().pool.set_limits(limits);
    }

    /// Completes as soon as a transaction waits. Never completes after [`Self::close`] on an empty mempool.
    pub async fn available(&self) {
        loop {
            let mut present = std::pin::pin!(self.shared().present.notified());
            present.as_mut().enable();
            if self.size() > 0 {
                return;
            }
            present.await;
        }
    }

    /// The number of the newest transaction that entered, 0 before the first; it changes with each.
    /// Each is told to those who listen: listen only while there is something to do about it.
    pub fn newest(&self) -> watch::Receiver<u64> {
        // Under the lock, so that nothing enters between the two.
        let state = self.shared().state.lock();
        self.shared().newest.send_replace(state.pool.newest());
        self.shared().newest.subscribe()
    }

    /// Transactions that wait.
    pub fn size(&self) -> usize {
        self.shared().state.lock().pool.len()
    }

    /// Their bytes.
    pub fn bytes(&self) -> u64 {
        self.shared().state.lock().pool.bytes()
    }

    /// The oldest transactions, at most `limit`.
    ///
    /// CometBFT's `unconfirmed_txs` answers with one more than its limit if there are that many
    /// (`ReapMaxTxs` counts to `len <= max`).
    pub fn list(&self, limit: usize) -> Vec<Bytes> {
        self.shared().state.lock().pool.after(0).take(limit).map(|(_, entry)| entry.tx.clone()).collect()
    }

    /// A transaction that waits.
    pub fn get(&self, hash: &TxHash) -> Option<Bytes> {
        self.shared().state.lock().pool.get(hash)
    }

    /// Transactions of this node's clients with a number above `after`, oldest first. After a change of leader begin
    /// with 0 again; within one term go on after the last number sent.
    pub fn pending_local(&self, after: u64) -> Vec<(u64, Bytes)> {
        self.pending_local_within(after, u64::MAX)
    }

    /// The same, but no more than fit into `max_bytes` (their own bytes, not encoded); at least one.
    pub fn pending_local_within(&self, after: u64, max_bytes: u64) -> Vec<(u64, Bytes)> {
        let mut bytes = 0u64;
        let state = self.shared().state.lock();
        let pending = state.pool.local_after(after).take_while(|(_, entry)| {
            let first = bytes == 0;
            bytes = bytes.saturating_add(entry.tx.len() as u64);
            first || bytes <= max_bytes
        });
        pending.map(|(number, entry)| (number, entry.tx.clone())).collect()
    }

    /// Transactions of whatever origin with a number above `after`, oldest first, at most `limit`.
    pub fn pending_from(&self, after: u64, limit: usize) -> Vec<Pending> {
        let state = self.shared().state.lock();
        let pending = state.pool.after(after).take(limit);
        pending.map(|(number, entry)| Pending { number, tx: entry.tx.clone(), origin: entry.origin }).collect()
    }

    /// Whether transactions that wait are still to be checked on the state of the last block.
    pub fn is_rechecking(&self) -> bool {
        self.shared().state.lock().pool.has_stale()
    }

    /// Figures for metrics.
    pub fn counters(&self) -> Counters {
        self.shared().state.lock().pool.counters()
    }

    /// Forgets all transactions, also those only remembered. The application still counts the sequences that they
    /// used until its next commit.
    pub fn flush(&self) {
        let mut state = self.shared().state.lock();
        state.pool.clear();
        state.wake(self.shared());
    }

    /// Refuses everything from now on: checks that wait end with [`MempoolError::Closed`], those that run are
    /// finished. Returns when no recheck runs any more. Happens by itself when the last handle is dropped.
    pub fn close(&self) {
        self.owner.close();
    }
}

impl<R: Reader> Clone for Mempool<R> {
    fn clone(&self) -> Self {
        Self { owner: self.owner.clone() }
    }
}

/// Keeps checks from beginning; see [`Mempool::hold`].
pub struct Hold<R: Reader> {
    shared: Arc<Shared<R>>,
}

impl<R: Reader> Drop for Hold<R> {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.turns.release();
        state.wake(&self.shared);
    }
}

/// Ends the rechecking thread with the last handle.
struct Owner<R: Reader> {
    shared: Arc<Shared<R>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl<R: Reader> Owner<R> {
    fn close(&self) {
        let mut state = self.shared.state.lock();
        state.turns.closed = true;
        state.wake(&self.shared);
        drop(state);
        let thread = self.thread.lock().take().filter(|thread| thread.thread().id() != std::thread::current().id());
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the rechecking thread panicked");
        }
    }
}

impl<R: Reader> Drop for Owner<R> {
    fn drop(&mut self) {
        self.close();
    }
}
