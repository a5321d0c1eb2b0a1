use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Condvar;

use crate::pool::Pool;
use crate::signers::Lanes;

/// Who may call the application next.
///
/// At most one check runs in each lane. New transactions take their turn in the order of their arrival, after what
/// is stale in their lanes; a transaction in several lanes waits for all of them.
pub(crate) struct Turns {
    /// Counts the moments at which the application's check state may have started anew. The outcome of a check that
    /// one of them interrupts is not final.
    pub epoch: u64,
    /// Reasons for which nothing starts.
    pub holds: u32,
    pub closed: bool,
    /// Where the search for stale transactions goes on.
    pub scan: u64,
    running: Lanes,
    next: u64,
    waiting: BTreeMap<u64, Waiting>,
}

struct Waiting {
    lanes: Lanes,
    wake: Arc<Condvar>,
}

/// What the thread of a waiting transaction does next.
pub(crate) enum Turn {
    /// Check it.
    Go,
    /// Check this one again first.
    Recheck(u64, Lanes),
    /// Sleep until woken.
    Wait,
    /// Give up.
    Closed,
}

impl Turns {
    pub fn new() -> Self {
        Self { epoch: 0, holds: 0, closed: false, scan: 0, running: Lanes::NONE, next: 0, waiting: BTreeMap::new() }
    }

    /// The application's check state starts anew, or may have.
    pub fn new_epoch(&mut self, pool: &mut Pool) {
        self.epoch += 1;
        self.scan = 0;
        pool.mark_all_stale();
    }

    /// A place in the queue.
    pub fn queue(&mut self, lanes: Lanes, wake: Arc<Condvar>) -> u64 {
        let ticket = self.next;
        self.next += 1;
        self.requeue(ticket, lanes, wake);
        ticket
    }

    /// The old place again, after a check whose outcome was not final.
    pub fn requeue(&mut self, ticket: u64, lanes: Lanes, wake: Arc<Condvar>) {
        self.waiting.insert(ticket, Waiting { lanes, wake });
    }

    pub fn leave(&mut self, ticket: u64) {
        self.waiting.remove(&ticket);
    }

    pub fn turn(&self, ticket: u64, lanes: Lanes, pool: &Pool) -> Turn {
        if self.closed {
            return Turn::Closed;
        }
        let behind = self.waiting.range(..ticket).any(|(_, earlier)| earlier.lanes.meets(lanes));
        if self.holds > 0 || behind || self.running.meets(lanes) {
            return Turn::Wait;
        }
        match pool.next_stale_in(lanes) {
            None => Turn::Go,
            Some((number, lanes)) if !self.running.meets(lanes) => Turn::Recheck(number, lanes),
            Some(_) => Turn::Wait,
        }
    }

    /// The next transaction that a thread without one of its own can check again.
    pub fn next_recheck(&mut self, pool: &Pool) -> Option<(u64, Lanes)> {
        if self.holds > 0 { None } else { pool.next_stale(&mut self.scan, self.running) }
    }

    pub fn start(&mut self, lanes: Lanes) {
        self.running = self.running.with(lanes);
    }

    pub fn finish(&mut self, lanes: Lanes) {
        self.running = self.running.without(lanes);
    }

    /// Wakes whoever may have something to do: in each free lane the first.
    pub fn wake(&self) {
        let mut taken = self.running;
        for waiting in self.waiting.values() {
            if self.closed || !waiting.lanes.meets(taken) {
                waiting.wake.notify_all();
            }
            taken = taken.with(waiting.lanes);
        }
    }
}
