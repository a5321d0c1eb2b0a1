//! Threads that check transactions, in the order in which they arrived.

use std::thread;

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, unbounded};
use parking_lot::Mutex;
use plume_engine::{CheckOutcome, Reader};
use plume_mempool::{Arrival, Mempool, MempoolError, Origin};
use tokio::sync::oneshot;

/// Checks under way and waiting. The mempool counts them among its transactions, which bounds the queue.
///
/// A check waits for earlier ones of the same signer, so a check must never start before one that arrived earlier:
/// arriving and queueing is one step here, under one lock. A pool that reorders could block all its threads on a check
/// that is still in its queue.
pub(super) struct Checks<R: Reader> {
    queue: Mutex<Sender<Check<R>>>,
}

struct Check<R: Reader> {
    arrival: Arrival<R>,
    answer: oneshot::Sender<Result<CheckOutcome, MempoolError>>,
}

/// A transaction that was taken for checking.
pub(super) struct Taken {
    /// Its SHA-256.
    pub(super) hash: [u8; 32],
    outcome: oneshot::Receiver<Result<CheckOutcome, MempoolError>>,
}

impl Taken {
    /// Waits for the check. Dropping it does not stop the check.
    ///
    /// # Errors
    /// The mempool's text.
    pub(super) async fn outcome(self) -> Result<CheckOutcome, String> {
        let checked = self.outcome.await.map_err(|_| "the check was abandoned".to_owned())?;
        checked.map_err(|error| error.to_string())
    }
}

impl<R: Reader> Checks<R> {
    /// A thread for each core, and two at least, since some wait for others' turns: more only get in each other's way.
    /// They end with the last handle to the queue.
    pub(super) fn new() -> Self {
        let threads = thread::available_parallelism().map_or(2, usize::from).max(2);
        let (queue, checks) = unbounded();
        for _ in 0..threads {
            let checks: Receiver<Check<R>> = checks.clone();
            let thread = thread::Builder::new().name("rpc-check".to_owned()).spawn(move || {
                for check in checks {
                    // Nobody waits for the outcome of an asynchronous broadcast.
                    let _ = check.answer.send(check.arrival.check());
                }
            });
            if let Err(error) = thread {
                tracing::error!(%error, "RPC: no thread for checks");
            }
        }
        Self { queue: Mutex::new(queue) }
    }

    /// Takes a transaction, or refuses it at once.
    ///
    /// # Errors
    /// The mempool's text.
    pub(super) fn take(&self, mempool: &Mempool<R>, tx: Bytes) -> Result<Taken, String> {
        let (answer, outcome) = oneshot::channel();
        let queue = self.queue.lock();
        let arrival = mempool.arrive(tx, Origin::Local).map_err(|error| error.to_string())?;
        let hash = arrival.hash();
        queue.send(Check { arrival, answer }).map_err(|_| "no thread checks transactions".to_owned())?;
        Ok(Taken { hash, outcome })
    }
}
