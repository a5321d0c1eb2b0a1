use std::sync::Arc;

use bytes::Bytes;
use parking_lot::MutexGuard;
use plume_engine::{CheckKind, CheckOutcome, Reader};
use sha2::{Digest, Sha256};

use crate::pool::New;
use crate::shared::{Shared, State};
use crate::signers::Lanes;
use crate::turns::Turn;
use crate::{MempoolError, Origin, TxHash};

/// A transaction that has its place in the order of arrival and is still to be checked.
///
/// Dropped without [`Arrival::check`], it leaves and may come again.
#[must_use = "nothing is checked until `check` is called"]
pub struct Arrival<R: Reader> {
    shared: Arc<Shared<R>>,
    tx: Bytes,
    hash: TxHash,
    origin: Origin,
    lanes: Lanes,
    ticket: u64,
    done: bool,
}

impl<R: Reader> Arrival<R> {
    pub(crate) fn new(shared: &Arc<Shared<R>>, tx: &Bytes, origin: Origin) -> Result<Self, MempoolError> {
        let hash: TxHash = Sha256::digest(tx).into();
        let lanes = Lanes::of(&(shared.options.signers)(tx), tx, &shared.seed);
        let mut state = shared.state.lock();
        if state.turns.closed {
            return Err(MempoolError::Closed);
        }
        state.pool.reserve(hash, tx, origin)?;
        let ticket = state.turns.queue(lanes);
        drop(state);
        // A copy, so that a small transaction does not keep the large message alive in which it came.
        let tx = Bytes::copy_from_slice(tx);
        Ok(Self { shared: shared.clone(), tx, hash, origin, lanes, ticket, done: false })
    }

    /// SHA-256 of the transaction.
    pub fn hash(&self) -> TxHash {
        self.hash
    }

    /// Waits for earlier transactions of the same signers, has the application check this one, and adds it if it is
    /// accepted. A refusal by the application is an outcome with its code.
    ///
    /// It blocks. Where a pool of threads runs the checks, start them in the order of arrival: one that has not
    /// started keeps later ones of the same signer waiting.
    ///
    /// # Errors
    /// [`MempoolError::Closed`] when the node stops meanwhile; [`MempoolError::InCache`] when a block contains the
    /// transaction meanwhile; [`MempoolError::GasAboveBlock`].
    pub fn check(mut self) -> Result<CheckOutcome, MempoolError> {
        let shared = self.shared.clone();
        let mut state = shared.state.lock();
        let (outcome, fresh) = loop {
            self.wait_for_turn(&shared, &mut state)?;
            let began = state.turns.now();
            state.turns.leave(self.ticket);
            state.turns.start(self.lanes);
            let outcome = MutexGuard::unlocked(&mut state, || shared.ask(&self.tx, CheckKind::New));
            state.turns.finish(self.lanes);
            if outcome.code == 0 || state.turns.is_final(began) {
                break (outcome, state.turns.is_fresh(began));
            }
            // Refused, but a commit began meanwhile: perhaps only since its predecessors have to be checked first.
            state.turns.requeue(self.ticket, self.lanes);
            state.wake(&shared);
        };
        let result = self.settle(&mut state, outcome, fresh);
        state.wake(&shared);
        result
    }

    fn wait_for_turn(&self, shared: &Shared<R>, state: &mut MutexGuard<'_, State>) -> Result<(), MempoolError> {
        loop {
            match state.turns.turn(self.ticket, self.lanes, &state.pool) {
                Turn::Go => return Ok(()),
                Turn::Recheck(number, lanes) => shared.recheck(state, number, lanes),
                Turn::Wait => {
                    state.turns.sleep(self.ticket).wait(state);
                    state.turns.awake(self.ticket);
                }
                Turn::Closed => return Err(MempoolError::Closed),
            }
        }
    }

    fn settle(&mut self, state: &mut State, outcome: CheckOutcome, fresh: bool) -> Result<CheckOutcome, MempoolError> {
        self.done = true;
        let committed = state.pool.release(&self.hash, &self.tx);
        if committed {
            return if outcome.code == 0 { Ok(outcome) } else { Err(MempoolError::InCache) };
        }
        if !state.is_valid(&outcome) {
            state.pool.refuse(&self.hash);
            return match state.pool.max_gas() {
                Some(max) if outcome.code == 0 => {
                    Err(MempoolError::GasAboveBlock { wanted: outcome.gas_wanted.0, max })
                }
                _ => Ok(outcome),
            };
        }
        let new = New {
            tx: self.tx.clone(),
            hash: self.hash,
            lanes: self.lanes,
            gas_wanted: outcome.gas_wanted.0,
            origin: self.origin,
            since: (self.shared.options.clock)(),
        };
        if let Some(number) = state.pool.insert(new, fresh) {
            // Telling nobody costs as much as telling somebody.
            if self.shared.newest.receiver_count() > 0 {
                self.shared.newest.send_replace(number);
            }
            self.shared.present.notify_waiters();
            if let Some(told) = &self.shared.options.on_enter {
                told(self.tx.len());
            }
        }
        Ok(outcome)
    }
}

impl<R: Reader> Drop for Arrival<R> {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let mut state = self.shared.state.lock();
        state.turns.leave(self.ticket);
        if !state.pool.release(&self.hash, &self.tx) {
            state.pool.forget(&self.hash);
        }
        state.wake(&self.shared);
    }
}
