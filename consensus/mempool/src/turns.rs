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
    now: Moment,
    /// Reasons for which nothing starts.
    holds: u32,
    pub closed: bool,
    /// Where the search for stale transactions goes on.
    pub scan: u64,
    running: Lanes,
    next: u64,
    waiting: BTreeMap<u64, Waiting>,
    /// How many of those have a thread that sleeps.
    asleep: usize,
    /// The rechecking thread found nothing to do.
    pub rechecker_sleeps: bool,
}

struct Waiting {
    lanes: Lanes,
    /// Wakes its thread, if that sleeps. Most have none: they wait in a queue of their caller.
    wake: Option<Arc<Condvar>>,
}

/// When a check began.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    /// Counts the blocks: an acceptance from before one has to be repeated.
    blocks: u64,
    /// Counts the blocks and the beginnings of their commits: the application's check state starts anew somewhere in
    /// a commit, so a refusal from then may be due to predecessors that were still to be checked again.
    doubts: u64,
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
        let now = Moment { blocks: 0, doubts: 0 };
        Self {
            now,
            holds: 0,
            closed: false,
            scan: 0,
            running: Lanes::NONE,
            next: 0,
            waiting: BTreeMap::new(),
            asleep: 0,
            rechecker_sleeps: false,
        }
    }

    /// A commit comes: nothing starts until [`Self::release`].
    pub fn hold(&mut self) {
        self.holds += 1;
    }

    /// Nothing runs.
    pub fn is_idle(&self) -> bool {
        self.running == Lanes::NONE
    }

    /// A commit begins: refusals by checks that still run are not the last word.
    pub fn doubt(&mut self) {
        self.now.doubts += 1;
    }

    pub fn release(&mut self) {
        self.holds -= 1;
    }

    /// The application's check state has started anew.
    pub fn new_block(&mut self, pool: &mut Pool) {
        self.now.blocks += 1;
        self.now.doubts += 1;
        self.scan = 0;
        pool.mark_all_stale();
    }

    pub fn now(&self) -> Moment {
        self.now
    }

    /// Whether an acceptance by a check that began then still counts.
    pub fn is_fresh(&self, began: Moment) -> bool {
        self.now.blocks == began.blocks
    }

    /// Whether a refusal by a check that began then is the last word.
    pub fn is_final(&self, began: Moment) -> bool {
        self.now.doubts == began.doubts
    }

    /// A place in the queue.
    pub fn queue(&mut self, lanes: Lanes) -> u64 {
        let ticket = self.next;
        self.next += 1;
        self.requeue(ticket, lanes);
        ticket
    }

    /// The old place again, after a check whose outcome was not final.
    pub fn requeue(&mut self, ticket: u64, lanes: Lanes) {
        self.waiting.insert(ticket, Waiting { lanes, wake: None });
    }

    /// The thread of a transaction in the queue is about to sleep on what this returns; it calls [`Self::awake`] after.
    pub fn sleep(&mut self, ticket: u64) -> Arc<Condvar> {
        let wake = Arc::new(Condvar::new());
        if let Some(waiting) = self.waiting.get_mut(&ticket) {
            waiting.wake = Some(wake.clone());
            self.asleep += 1;
        }
        wake
    }

    pub fn awake(&mut self, ticket: u64) {
        if self.waiting.get_mut(&ticket).and_then(|waiting| waiting.wake.take()).is_some() {
            self.asleep -= 1;
        }
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

    /// Wakes the threads that may have something to do: in each free lane the first. This comes with every check, so
    /// it looks no further than threads sleep.
    pub fn wake(&self) {
        let (mut taken, mut asleep) = (self.running, self.asleep);
        for waiting in self.waiting.values() {
            if asleep == 0 {
                return;
            }
            if let Some(wake) = &waiting.wake {
                asleep -= 1;
                if self.closed || !waiting.lanes.meets(taken) {
                    wake.notify_one();
                }
            }
            taken = taken.with(waiting.lanes);
        }
    }
}
