use std::any::Any;
use std::hash::RandomState;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex, MutexGuard};
use plume_engine::{CheckKind, CheckOutcome, Reader};
use tokio::sync::{Notify, watch};

use crate::config::{MempoolConfig, Options};
use crate::pool::Pool;
use crate::signers::Lanes;
use crate::turns::Turns;

/// What the handles, the arrivals and the rechecking thread have in common.
pub(crate) struct Shared<R> {
    pub reader: R,
    pub options: Options,
    pub seed: RandomState,
    pub state: Mutex<State>,
    /// Wakes the rechecking thread.
    pub stale: Condvar,
    /// Wakes a commit that waits for running checks.
    pub idle: Condvar,
    /// Told when a transaction enters, and after each block if there is one.
    pub present: Notify,
    /// The newest number given; up to date while somebody listens.
    pub newest: watch::Sender<u64>,
}

pub(crate) struct State {
    pub pool: Pool,
    pub turns: Turns,
}

impl State {
    /// To be called after each change of what runs, waits or is stale.
    pub fn wake<R>(&mut self, shared: &Shared<R>) {
        self.turns.wake();
        if self.turns.rechecker_sleeps && (self.turns.closed || self.turns.next_recheck(&self.pool).is_some()) {
            self.turns.rechecker_sleeps = false;
            shared.stale.notify_one();
        }
        if self.turns.is_idle() {
            shared.idle.notify_all();
        }
    }

    pub fn is_valid(&self, outcome: &CheckOutcome) -> bool {
        outcome.code == 0 && self.pool.max_gas().is_none_or(|max| outcome.gas_wanted.0 <= max)
    }
}

impl<R: Reader> Shared<R> {
    pub fn new(reader: R, config: MempoolConfig, options: Options, height: u64) -> Self {
        Self {
            reader,
            options,
            seed: RandomState::new(),
            state: Mutex::new(State { pool: Pool::new(config, height), turns: Turns::new() }),
            stale: Condvar::new(),
            idle: Condvar::new(),
            present: Notify::new(),
            newest: watch::Sender::new(0),
        }
    }

    /// Asks the application, without the lock. A panic there refuses the transaction, in the SDK's words for one.
    pub fn ask(&self, tx: &Bytes, kind: CheckKind) -> CheckOutcome {
        catch_unwind(AssertUnwindSafe(|| self.reader.check_tx(tx, kind))).unwrap_or_else(|payload| {
            let log = format!("panic: {}", panic_text(&*payload));
            tracing::error!(log, "the check of a transaction panicked");
            CheckOutcome { code: 111_222, codespace: "undefined".to_owned(), log, ..CheckOutcome::default() }
        })
    }

    /// Checks a waiting transaction again. Its lanes must be free.
    pub fn recheck(&self, state: &mut MutexGuard<'_, State>, number: u64, lanes: Lanes) {
        let Some(tx) = state.pool.tx(number) else { return };
        let began = state.turns.now();
        state.turns.start(lanes);
        let outcome = MutexGuard::unlocked(state, || self.ask(&tx, CheckKind::Recheck));
        state.turns.finish(lanes);
        state.pool.count_recheck();
        let valid = state.is_valid(&outcome);
        if valid && state.turns.is_fresh(began) {
            state.pool.stays(number);
        } else if !valid && state.turns.is_final(began) {
            tracing::debug!(code = outcome.code, log = outcome.log, "a waiting transaction is no longer valid");
            state.pool.evict(number);
        }
        state.wake(self);
    }
}

fn panic_text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no text")
}
