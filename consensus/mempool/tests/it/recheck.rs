//! What happens around a commit: nobody waits who need not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;

use parking_lot::{Condvar, Mutex};
use plume_engine::CheckKind;
use plume_mempool::{MempoolConfig, MempoolError, Origin};
use plume_primitives::Height;

use crate::toy::{Bench, ToyTx, tx, until};

/// Stops the checks of some transactions until it is opened.
#[derive(Clone, Default)]
struct Gate {
    state: Arc<(Mutex<bool>, Condvar, AtomicUsize)>,
}

impl Gate {
    fn pass(&self) {
        let (open, changed, stopped) = &*self.state;
        stopped.fetch_add(1, Ordering::SeqCst);
        changed.wait_while(&mut open.lock(), |open| !*open);
    }

    fn open(&self) {
        *self.state.0.lock() = true;
        self.state.1.notify_all();
    }

    /// How many have come to it.
    fn seen(&self) -> usize {
        self.state.2.load(Ordering::SeqCst)
    }
}

fn bench() -> Bench {
    Bench::new(MempoolConfig::default())
}

fn check(bench: &Bench, signer: u64, sequence: u64) -> u32 {
    bench.mempool.check(tx(signer, sequence), Origin::Local).expect("an outcome").code
}

/// A signer who is not held up when `other` is: theirs are different lanes, which chance decides.
fn neighbour(bench: &Bench, gate_is_at: u64) -> u64 {
    (100..).find(|signer| *signer != gate_is_at && probe(bench, *signer)).expect("one of many")
}

fn probe(bench: &Bench, signer: u64) -> bool {
    let mempool = bench.mempool.clone();
    let done = Arc::new(AtomicBool::new(false));
    let told = done.clone();
    let arrival = mempool.arrive(tx(signer, 0), Origin::Local).expect("new");
    std::thread::spawn(move || {
        let _ = arrival.check();
        told.store(true, Ordering::SeqCst);
    });
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(1);
    while !done.load(Ordering::SeqCst) && std::time::Instant::now() < deadline {
        std::thread::yield_now();
    }
    done.load(Ordering::SeqCst)
}

#[test]
fn pending_sequences_survive_the_reset_of_the_check_state() {
    let mut bench = bench();
    (0..10).for_each(|sequence| assert_eq!(check(&bench, 0, sequence), 0));
    for round in 0..5u64 {
        let block = bench.mempool.reap(Some(8 * 2), None);
        assert_eq!(block, [tx(0, 2 * round), tx(0, 2 * round + 1)]);
        assert!(bench.block(&block).iter().all(|result| result.code == 0));
        // At once, without waiting for the end of the recheck.
        assert_eq!(check(&bench, 0, 10 + round), 0);
    }
    bench.settle();
    assert_eq!(bench.all(), [tx(0, 10), tx(0, 11), tx(0, 12), tx(0, 13), tx(0, 14)]);
    assert_eq!(bench.mempool.counters().evicted_txs, 0);
}

#[test]
fn a_check_waits_while_a_commit_is_under_way() {
    let bench = bench();
    assert_eq!(check(&bench, 0, 0), 0);
    let hold = bench.mempool.hold();
    // The application has reset its check state; the mempool does not know the block yet.
    let results = bench.toy.commit(&[]);
    let arrival = bench.mempool.arrive(tx(0, 1), Origin::Local).expect("new");
    let waiting = std::thread::spawn(move || arrival.check());
    assert_eq!(bench.all(), [tx(0, 0)], "reap does not wait");
    assert!(!waiting.is_finished());
    bench.mempool.update(Height(1), &[], &results);
    drop(hold);
    assert_eq!(waiting.join().expect("no panic").map(|outcome| outcome.code), Ok(0));
    assert_eq!(bench.all(), [tx(0, 0), tx(0, 1)]);
}

#[test]
fn a_slow_recheck_holds_up_neither_consensus_nor_other_signers() {
    let mut bench = bench();
    (0..2).for_each(|sequence| assert_eq!(check(&bench, 0, sequence), 0));
    let gate = Gate::default();
    let at = gate.clone();
    bench.toy.on_check(move |tx, kind| {
        if kind == CheckKind::Recheck && tx == b"0:0 1 " {
            at.pass();
        }
    });
    bench.block(&[]);
    until("the recheck has begun", || gate.seen() == 1);
    // Consensus goes on: it reaps, commits the next block, and that one too.
    assert_eq!(bench.all(), [tx(0, 0), tx(0, 1)]);
    bench.block(&[ToyTx { uses: vec![(0, 0)], gas: 1, memo: "from elsewhere".to_owned() }.bytes()]);
    let other = neighbour(&bench, 0);
    assert!(bench.mempool.is_rechecking());
    // The first recheck says something about a state of the past; 0:0 is checked again, and 0:1 after it.
    gate.open();
    bench.settle();
    assert!(gate.seen() >= 2);
    assert!(bench.all().contains(&tx(0, 1)) && bench.all().contains(&tx(other, 0)));
    assert!(!bench.all().contains(&tx(0, 0)), "its sequence was used in the block");
    assert_eq!(check(&bench, 0, 2), 0);
}

#[test]
fn a_check_that_a_commit_interrupts_is_repeated_if_it_was_refused() {
    let mut bench = bench();
    assert_eq!(check(&bench, 0, 0), 0);
    let gate = Gate::default();
    let at = gate.clone();
    bench.toy.on_check(move |tx, kind| {
        if kind == CheckKind::New && tx == b"0:1 1 " {
            at.pass();
        }
    });
    let mempool = bench.mempool.clone();
    let checking = std::thread::spawn(move || mempool.check(tx(0, 1), Origin::Local));
    until("the check has begun", || gate.seen() == 1);
    bench.block(&[]);
    // 0:0 cannot be checked again before the running check is done, which sees the new state without 0:0.
    gate.open();
    assert_eq!(checking.join().expect("no panic").map(|outcome| outcome.code), Ok(0));
    assert_eq!(gate.seen(), 2);
    bench.settle();
    assert_eq!(bench.all(), [tx(0, 0), tx(0, 1)]);
}

#[test]
fn a_transaction_that_a_block_contains_during_its_check_does_not_stay() {
    for sequence in [0, 1] {
        let mut bench = bench();
        let gate = Gate::default();
        let at = gate.clone();
        bench.toy.on_check(move |_, kind| {
            if kind == CheckKind::New {
                at.pass()
            }
        });
        let mempool = bench.mempool.clone();
        let checking = std::thread::spawn(move || mempool.check(tx(0, sequence), Origin::Local));
        until("the check has begun", || gate.seen() == 1);
        let block: Vec<_> = (0..=sequence).map(|sequence| tx(0, sequence)).collect();
        bench.block(&block);
        gate.open();
        assert_eq!(checking.join().expect("no panic"), Err(MempoolError::InCache));
        assert_eq!(bench.mempool.size(), 0);
        assert_eq!(bench.mempool.check(tx(0, sequence), Origin::Local), Err(MempoolError::InCache));
    }
}

#[test]
fn without_recheck_nothing_is_checked_again() {
    let mut bench = Bench::new(MempoolConfig { recheck: false, ..MempoolConfig::default() });
    assert_eq!(check(&bench, 0, 0), 0);
    bench.block(&[ToyTx { uses: vec![(0, 0)], gas: 1, memo: "another".to_owned() }.bytes()]);
    assert!(!bench.mempool.is_rechecking());
    assert_eq!(check(&bench, 0, 1), 0);
    assert_eq!(bench.all(), [tx(0, 0), tx(0, 1)]);
    assert_eq!(bench.mempool.counters().recheck_times, 0);
}

#[test]
fn a_failed_transaction_takes_those_that_build_on_it_along() {
    let mut bench = bench();
    (0..3).for_each(|sequence| assert_eq!(check(&bench, 0, sequence), 0));
    assert_eq!(check(&bench, 1, 0), 0);
    let both = ToyTx { uses: vec![(0, 3), (1, 1)], gas: 1, memo: String::new() }.bytes();
    assert_eq!(bench.mempool.check(both, Origin::Local).map(|outcome| outcome.code), Ok(0));
    let keyless = ToyTx { uses: vec![(2, 0)], gas: 1, memo: "keyless".to_owned() }.bytes();
    assert_eq!(bench.mempool.check(keyless.clone(), Origin::Local).map(|outcome| outcome.code), Ok(0));
    bench.toy.on_check(|tx, kind| assert!(kind == CheckKind::New || tx != b"0:1 1 ", "no longer valid"));
    bench.block(&[]);
    bench.settle();
    assert_eq!(bench.all(), [tx(0, 0), tx(1, 0), keyless]);
    assert_eq!((bench.mempool.counters().evicted_txs, bench.mempool.counters().recheck_times), (3, 6));
}

#[test]
fn available_completes_when_a_transaction_waits() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut bench = bench();
    let is_available = |bench: &Bench| {
        let mut available = Box::pin(bench.mempool.available());
        runtime.block_on(std::future::poll_fn(|cx| Poll::Ready(available.as_mut().poll(cx).is_ready())))
    };
    assert!(!is_available(&bench));
    assert_eq!(check(&bench, 0, 5), 32);
    assert!(!is_available(&bench), "it was refused");
    // One who waits already is woken.
    let mempool = bench.mempool.clone();
    let mut newest = mempool.newest();
    let sender = std::thread::spawn(move || mempool.check(tx(0, 0), Origin::Local));
    runtime.block_on(bench.mempool.available());
    assert!(sender.join().expect("no panic").is_ok());
    runtime.block_on(newest.changed()).expect("open");
    assert_eq!(*newest.borrow_and_update(), 1);
    assert!(is_available(&bench), "and whoever comes later, too");
    bench.block(&[tx(0, 0)]);
    assert!(!is_available(&bench), "not after the block that empties it");
}

#[test]
fn closing_ends_what_waits() {
    let bench = bench();
    assert_eq!(check(&bench, 0, 0), 0);
    let hold = bench.mempool.hold();
    let arrival = bench.mempool.arrive(tx(0, 1), Origin::Local).expect("new");
    let waiting = std::thread::spawn(move || arrival.check());
    bench.mempool.close();
    assert_eq!(waiting.join().expect("no panic"), Err(MempoolError::Closed));
    drop(hold);
    let refused = bench.mempool.check(tx(1, 0), Origin::Local).expect_err("closed");
    assert_eq!(refused.to_string(), "mempool is closed");
    bench.mempool.close();
    assert_eq!(bench.all(), [tx(0, 0)], "reading goes on");
}

#[test]
fn dropping_the_last_handle_ends_the_mempool() {
    let bench = bench();
    let arrival = bench.mempool.arrive(tx(0, 0), Origin::Local).expect("new");
    let alive = Arc::new(());
    let weak = Arc::downgrade(&alive);
    bench.toy.on_check(move |_, _| drop(alive.clone()));
    let Bench { toy, mempool, .. } = bench;
    drop(toy);
    drop(mempool);
    assert!(weak.upgrade().is_some(), "the arrival still has the application");
    assert_eq!(arrival.check(), Err(MempoolError::Closed));
    assert!(weak.upgrade().is_none(), "the rechecking thread is gone");
}
