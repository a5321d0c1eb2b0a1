//! Many threads at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use plume_mempool::{Arrival, MempoolConfig, MempoolError, Origin};

use crate::toy::{Bench, Sequences, Toy, ToyTx, tx};

/// Longer than any check of these tests on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Lets threads meet in every order: some checks give way to others, by a sequence that is the same in each run.
fn unsteady(toy: &Toy) {
    let state = AtomicU64::new(1);
    toy.on_check(move |_, _| {
        let drawn = state.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        (0..(drawn >> 61)).for_each(|_| std::thread::yield_now());
    });
}

/// Asserts that a block's transactions of each signer go on without a gap.
fn assert_in_order(block: &[Bytes], mut sequences: Sequences) {
    for tx in block {
        let parsed = ToyTx::parse(tx).expect("well-formed");
        assert_eq!(parsed.apply(&mut sequences), Ok(()), "{tx:?} in {block:?}");
    }
}

/// Six signers send 300 transactions each, every one from any of eight threads, while blocks of at most 40 are made as
/// fast as they can be. Every transaction is accepted at its first check and ends in a block, in order.
#[test]
fn arrivals_of_a_signer_keep_their_order_on_many_threads() {
    const SIGNERS: u64 = 6;
    const EACH: u64 = 300;
    let mut bench = Bench::with_patience(MempoolConfig { size: 200, ..MempoolConfig::default() }, PATIENCE);
    unsteady(&bench.toy);
    let (queue, work) = sync_channel::<Arrival<Toy>>(64);
    let work = Arc::new(Mutex::new(work));
    let deadline = Instant::now() + Duration::from_secs(120);
    let mut committed = 0;
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let work = work.clone();
            scope.spawn(move || {
                loop {
                    let Ok(arrival) = work.lock().recv() else { break };
                    assert_eq!(arrival.check().map(|outcome| outcome.code), Ok(0));
                }
            });
        }
        drop(work);
        let mempool = bench.mempool.clone();
        scope.spawn(move || {
            for at in 0..SIGNERS * EACH {
                let tx = tx(at % SIGNERS, at / SIGNERS);
                loop {
                    match mempool.arrive(tx.clone(), Origin::Local) {
                        Ok(arrival) => {
                            assert!(queue.send(arrival).is_ok(), "somebody checks");
                            break;
                        }
                        Err(MempoolError::Full { .. }) => std::thread::yield_now(),
                        Err(other) => panic!("{other}"),
                    }
                    assert!(Instant::now() < deadline, "not within 120 s");
                }
            }
        });
        while committed < SIGNERS * EACH {
            let block = bench.mempool.reap(Some(40 * 9), None);
            assert_in_order(&block, bench.toy.committed());
            assert!(bench.block(&block).iter().all(|result| result.code == 0));
            committed += block.len() as u64;
            assert!(Instant::now() < deadline, "not within 120 s: {committed}");
        }
    });
    assert_eq!(bench.toy.committed(), (0..SIGNERS).map(|signer| (signer, EACH)).collect::<BTreeMap<_, _>>());
    let counters = bench.mempool.counters();
    assert_eq!((counters.size, counters.failed_txs, counters.evicted_txs), (0, 0, 0));
}

/// Without any order among the senders: whatever is accepted stands in a valid order.
#[test]
fn whatever_is_accepted_stands_in_order() {
    let mut bench = Bench::with_patience(MempoolConfig { size: 300, ..MempoolConfig::default() }, PATIENCE);
    unsteady(&bench.toy);
    let next = AtomicU64::new(0);
    let over = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            let (mempool, next, over) = (bench.mempool.clone(), &next, &over);
            scope.spawn(move || {
                for _ in 0..400 {
                    let drawn = next.fetch_add(1, Ordering::Relaxed);
                    let (signer, sequence) = (drawn % 3, drawn / 9);
                    let memo = if drawn % 16 == 0 { "keyless" } else { "" };
                    let mut uses = vec![(signer, sequence)];
                    if drawn % 8 == 0 {
                        uses.push((signer + 1, sequence));
                    }
                    let tx = ToyTx { uses, gas: 1, memo: memo.to_owned() }.bytes();
                    match mempool.check(tx, Origin::Local) {
                        Ok(_) | Err(MempoolError::InCache | MempoolError::Full { .. }) => {}
                        Err(other) => panic!("{other}"),
                    }
                }
                over.fetch_add(1, Ordering::SeqCst);
            });
        }
        while over.load(Ordering::SeqCst) < 6 {
            let block = bench.mempool.reap(Some(100), None);
            assert_in_order(&block, bench.toy.committed());
            bench.block(&block);
        }
    });
    bench.settle();
    let mut blocks = 0;
    while !bench.all().is_empty() {
        let all = bench.all();
        assert_in_order(&all, bench.toy.committed());
        bench.block(&all);
        blocks += 1;
    }
    assert!(blocks <= 1, "the last block takes everything");
}

/// Every operation from every thread: nothing deadlocks, and all room is given back.
#[test]
fn all_operations_at_once_end() {
    let mut bench = Bench::new(MempoolConfig { size: 20, cache_size: 30, ..MempoolConfig::default() });
    unsteady(&bench.toy);
    let over = AtomicU64::new(0);
    let first = Arc::new(Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for thread in 0..5u64 {
            let (mempool, over, first) = (bench.mempool.clone(), &over, first.clone());
            scope.spawn(move || {
                for at in 0..500u64 {
                    let tx = tx(at % 7, (at + thread) / 50);
                    match at % 11 {
                        0 => drop(mempool.arrive(tx, Origin::Local)),
                        1 => drop(mempool.hold()),
                        2 => drop(mempool.list(3)),
                        3 => drop(mempool.pending_local(0)),
                        4 if at % 55 == 4 => mempool.flush(),
                        5 => first.lock().extend(mempool.get(&[0; 32])),
                        _ => drop(mempool.check(tx, Origin::Local)),
                    }
                }
                over.fetch_add(1, Ordering::SeqCst);
            });
        }
        while over.load(Ordering::SeqCst) < 5 {
            let block = bench.mempool.reap(Some(50), None);
            bench.block(&block);
        }
    });
    bench.settle();
    bench.mempool.flush();
    assert!(first.lock().is_empty());
    // All the room is free again.
    bench.block(&[]);
    for signer in 1000..1020 {
        assert_eq!(bench.mempool.check(tx(signer, 0), Origin::Local).map(|outcome| outcome.code), Ok(0));
    }
    let full = bench.mempool.check(tx(2000, 0), Origin::Local);
    assert!(matches!(full, Err(MempoolError::Full { txs: 20, .. })), "{full:?}");
}
