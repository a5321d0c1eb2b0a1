//! What comes back to whoever sends a transaction: CometBFT's answers, word for word.

use std::time::Duration;

use bytes::Bytes;
use plume_engine::TxResult;
use plume_mempool::{BlockLimits, Counters, MempoolConfig, MempoolError, Origin, encoded_len};
use plume_primitives::Height;
use sha2::{Digest, Sha256};

use crate::toy::{Bench, ToyTx, tx};

const PEER: Origin = Origin::Peer([7; 20]);

fn refused(bench: &Bench, tx: &Bytes) -> String {
    bench.mempool.check(tx.clone(), Origin::Local).expect_err("refused").to_string()
}

fn accepted(bench: &Bench, tx: &Bytes) {
    assert_eq!(bench.mempool.check(tx.clone(), Origin::Local).map(|outcome| outcome.code), Ok(0));
}

#[test]
fn the_default_configuration_is_cometbfts() {
    let expected = MempoolConfig {
        size: 5000,
        max_txs_bytes: 1_073_741_824,
        max_tx_bytes: 1_048_576,
        cache_size: 10_000,
        ttl_duration: Duration::ZERO,
        ttl_num_blocks: 0,
        recheck: true,
        keep_invalid_txs_in_cache: false,
    };
    assert_eq!(MempoolConfig::default(), expected);
}

#[test]
fn a_transaction_is_accepted_once() {
    let mut bench = Bench::new(MempoolConfig::default());
    accepted(&bench, &tx(0, 0));
    assert_eq!(refused(&bench, &tx(0, 0)), "tx already exists in cache");
    bench.block(&[tx(0, 0)]);
    assert_eq!(refused(&bench, &tx(0, 0)), "tx already exists in cache", "in a block");
    bench.block(&[tx(0, 1)]);
    assert_eq!(refused(&bench, &tx(0, 1)), "tx already exists in cache", "in a block, never seen here");
    assert_eq!(bench.mempool.counters(), Counters::default(), "a duplicate counts nowhere");
}

#[test]
fn an_invalid_transaction_may_come_again_unless_it_is_kept() {
    for keep in [false, true] {
        let config = MempoolConfig { keep_invalid_txs_in_cache: keep, ..MempoolConfig::default() };
        let mut bench = Bench::new(config);
        let outcome = bench.mempool.check(tx(0, 1), Origin::Local).expect("an outcome");
        assert_eq!((outcome.code, outcome.log.as_str()), (32, "account sequence mismatch, expected 0, got 1"));
        assert_eq!(bench.mempool.counters(), Counters { failed_txs: 1, ..Counters::default() });
        bench.block(&[tx(0, 0)]);
        let again = bench.mempool.check(tx(0, 1), Origin::Local).map(|outcome| outcome.code);
        assert_eq!(again, if keep { Err(MempoolError::InCache) } else { Ok(0) });
        // The same for what failed in a block.
        bench.block(&[tx(5, 9)]);
        let again = bench.mempool.check(tx(5, 9), Origin::Local).map(|outcome| outcome.code);
        assert_eq!(again, Ok(32), "kept or not, it was not in the cache before");
        // And for what a block makes invalid.
        accepted(&bench, &tx(8, 0));
        bench.block(&[ToyTx { uses: vec![(8, 0)], gas: 1, memo: "another".to_owned() }.bytes()]);
        bench.settle();
        assert_eq!(bench.mempool.get(&Sha256::digest(tx(8, 0)).into()), None);
        let again = bench.mempool.check(tx(8, 0), Origin::Local).map(|outcome| outcome.code);
        assert_eq!(again, if keep { Err(MempoolError::InCache) } else { Ok(32) });
        assert_eq!(bench.mempool.counters().evicted_txs, 1);
    }
}

#[test]
fn fullness_is_told_with_both_sides_and_before_everything_else() {
    let bench = Bench::new(MempoolConfig { size: 2, max_tx_bytes: 6, ..MempoolConfig::default() });
    accepted(&bench, &tx(0, 0));
    assert_eq!(refused(&bench, &Bytes::from_static(b"1234567")), "Tx too large. Max size is 6, but got 7");
    accepted(&bench, &tx(1, 0));
    let full = "mempool is full: number of txs 2 (max: 2), total txs bytes 12 (max: 1073741824)";
    assert_eq!(refused(&bench, &tx(2, 0)), full);
    assert_eq!(refused(&bench, &tx(0, 0)), full, "also for a duplicate");
    assert_eq!(refused(&bench, &Bytes::from_static(b"1234567")), full, "and for a large one");
    let expected = Counters { size: 2, size_bytes: 12, rejected_txs: 3, ..Counters::default() };
    assert_eq!(bench.mempool.counters(), expected);

    let bench = Bench::new(MempoolConfig { max_txs_bytes: 17, ..MempoolConfig::default() });
    accepted(&bench, &tx(0, 0));
    accepted(&bench, &tx(0, 1));
    let full = "mempool is full: number of txs 2 (max: 5000), total txs bytes 12 (max: 17)";
    assert_eq!(refused(&bench, &tx(0, 2)), full);
    let exactly = Bench::new(MempoolConfig { max_txs_bytes: 18, ..MempoolConfig::default() });
    (0..3).for_each(|sequence| accepted(&exactly, &tx(0, sequence)));
}

#[test]
fn room_is_taken_when_a_transaction_arrives_and_given_back_when_it_leaves() {
    let bench = Bench::new(MempoolConfig { size: 1, ..MempoolConfig::default() });
    let arrival = bench.mempool.arrive(tx(0, 0), Origin::Local).expect("room");
    let full = "mempool is full: number of txs 1 (max: 1), total txs bytes 6 (max: 1073741824)";
    assert_eq!(refused(&bench, &tx(1, 0)), full);
    drop(arrival);
    assert_eq!(bench.mempool.size(), 0);
    accepted(&bench, &tx(0, 0));
}

#[test]
fn limits_of_a_block_are_those_of_a_transaction() {
    let bench = Bench::new(MempoolConfig::default());
    bench.mempool.set_limits(BlockLimits { max_data_bytes: Some(8), max_gas: Some(10) });
    let with_gas = |signer: u64, gas: u64| ToyTx { uses: vec![(signer, 0)], gas, memo: String::new() }.bytes();
    assert_eq!(refused(&bench, &with_gas(0, 10)), "tx pre check: tx size is too big: 9, max: 8");
    bench.mempool.set_limits(BlockLimits { max_data_bytes: Some(9), max_gas: Some(10) });
    accepted(&bench, &with_gas(0, 10));
    assert_eq!(refused(&bench, &with_gas(1, 11)), "gas wanted 11 is greater than max gas 10");
    assert_eq!((bench.mempool.size(), bench.mempool.counters().failed_txs), (1, 1));
}

#[test]
fn a_transaction_in_a_block_takes_its_tag_and_its_length_too() {
    for (len, expected) in [(0, 2), (1, 3), (127, 129), (128, 131), (16_383, 16_386), (16_384, 16_388)] {
        assert_eq!(encoded_len(&vec![0; len]), expected, "{len} bytes");
    }
}

#[test]
fn reap_takes_what_fits_in_order() {
    let bench = Bench::new(MempoolConfig::default());
    let all: Vec<Bytes> =
        [3, 4, 5].into_iter().map(|gas| ToyTx { uses: vec![(gas, 0)], gas, memo: "m".to_owned() }.bytes()).collect();
    all.iter().for_each(|tx| accepted(&bench, tx));
    let reap = |bytes, gas| bench.mempool.reap(bytes, gas);
    assert_eq!(reap(None, None), all);
    assert_eq!(reap(Some(27), Some(12)), all, "9 bytes and their gas each");
    assert_eq!(reap(Some(26), None), all[..2]);
    assert_eq!(reap(None, Some(11)), all[..2]);
    assert_eq!(reap(Some(8), None), all[..0]);
    assert_eq!(reap(None, Some(2)), all[..0], "the first does not fit, so none does");
    assert_eq!(bench.mempool.list(2), all[..2]);
    assert_eq!(bench.mempool.list(usize::MAX), all);
    assert_eq!((bench.mempool.size(), bench.mempool.bytes()), (3, 21), "nothing was taken out");
    assert_eq!(bench.mempool.get(&Sha256::digest(&all[1]).into()), Some(all[1].clone()));
    bench.mempool.flush();
    assert_eq!((bench.mempool.size(), bench.mempool.bytes(), reap(None, None)), (0, 0, Vec::new()));
    let again = bench.mempool.check(all[0].clone(), Origin::Local);
    assert_eq!(again.map(|outcome| outcome.code), Ok(32), "not in the cache any more");
}

#[test]
fn old_transactions_leave_with_the_next_block() {
    let mut by_time = Bench::new(MempoolConfig { ttl_duration: Duration::from_secs(10), ..MempoolConfig::default() });
    accepted(&by_time, &tx(0, 0));
    by_time.pass(10);
    accepted(&by_time, &tx(1, 0));
    by_time.block(&[]);
    assert_eq!(by_time.all(), [tx(0, 0), tx(1, 0)], "exactly 10 s old");
    by_time.pass(1);
    assert_eq!(by_time.all(), [tx(1, 0)], "a block does not get it either");
    by_time.block(&[]);
    by_time.settle();
    assert_eq!(by_time.mempool.list(9), [tx(1, 0)]);
    assert_eq!(by_time.mempool.counters().evicted_txs, 1);
    accepted(&by_time, &tx(0, 0));

    let mut by_blocks = Bench::new(MempoolConfig { ttl_num_blocks: 2, ..MempoolConfig::default() });
    accepted(&by_blocks, &tx(0, 0));
    by_blocks.block(&[]);
    accepted(&by_blocks, &tx(1, 0));
    by_blocks.block(&[]);
    assert_eq!(by_blocks.all(), [tx(0, 0), tx(1, 0)]);
    by_blocks.block(&[]);
    assert_eq!(by_blocks.all(), [tx(1, 0)]);
    by_blocks.block(&[]);
    assert_eq!(by_blocks.mempool.size(), 0);
}

#[test]
fn without_a_cache_the_mempool_still_holds_a_transaction_once() {
    let mut bench = Bench::new(MempoolConfig { cache_size: 0, recheck: false, ..MempoolConfig::default() });
    accepted(&bench, &tx(0, 0));
    bench.toy.commit(&[]);
    accepted(&bench, &tx(0, 0));
    assert_eq!(bench.all(), [tx(0, 0)]);
    assert_eq!(bench.mempool.counters().rejected_txs, 1);
    bench.block(&[tx(0, 0)]);
    assert_eq!(bench.mempool.size(), 0);
}

#[test]
fn a_panic_of_the_application_refuses_the_transaction_only() {
    let mut bench = Bench::new(MempoolConfig::default());
    accepted(&bench, &tx(0, 0));
    bench.toy.on_check(|tx, _| assert!(!tx.ends_with(b"panic"), "tripped"));
    let bad = ToyTx { uses: vec![(0, 1)], gas: 1, memo: "panic".to_owned() }.bytes();
    for _ in 0..2 {
        let outcome = bench.mempool.check(bad.clone(), Origin::Local).expect("an outcome");
        assert_eq!((outcome.code, outcome.codespace.as_str()), (111_222, "undefined"));
        assert_eq!(outcome.log, "panic: tripped");
    }
    accepted(&bench, &tx(0, 1));
    // In a recheck, too.
    bench.toy.on_check(|tx, _| assert!(tx != b"0:1 1 ", "tripped"));
    bench.block(&[]);
    bench.settle();
    assert_eq!(bench.all(), [tx(0, 0)]);
}

#[test]
fn results_that_are_missing_count_as_failures() {
    let mut bench = Bench::new(MempoolConfig::default());
    accepted(&bench, &tx(0, 0));
    accepted(&bench, &tx(0, 1));
    bench.mempool.update(Height(1), &[tx(0, 0), tx(0, 1)], &[TxResult::default()]);
    assert_eq!(bench.mempool.size(), 0);
    bench.block(&[]);
    assert_eq!(refused(&bench, &tx(0, 0)), "tx already exists in cache");
    assert_eq!(bench.mempool.check(tx(0, 1), Origin::Local).map(|outcome| outcome.code), Ok(32));
}

#[test]
fn what_clients_sent_is_forwarded_in_order() {
    let mut bench = Bench::new(MempoolConfig::default());
    for (sequence, origin) in [(0, Origin::Local), (1, PEER), (2, Origin::Local), (3, PEER)] {
        assert_eq!(bench.mempool.check(tx(0, sequence), origin).map(|outcome| outcome.code), Ok(0));
    }
    let all: Vec<_> = bench.mempool.pending_from(0, 9).into_iter().map(|p| (p.number, p.tx, p.origin)).collect();
    let expected =
        [(1, Origin::Local), (2, PEER), (3, Origin::Local), (4, PEER)].map(|(n, origin)| (n, tx(0, n - 1), origin));
    assert_eq!(all, expected);
    assert_eq!(bench.mempool.pending_from(2, 1)[0].number, 3);
    assert_eq!(bench.mempool.pending_local(0), [(1, tx(0, 0)), (3, tx(0, 2))]);
    assert_eq!(bench.mempool.pending_local(1), [(3, tx(0, 2))]);
    assert_eq!(bench.mempool.pending_local_within(0, 11), [(1, tx(0, 0))]);
    assert_eq!(bench.mempool.pending_local_within(0, 12).len(), 2);
    assert_eq!(bench.mempool.pending_local_within(0, 1).len(), 1, "always one");
    assert_eq!(*bench.mempool.newest().borrow(), 4);
    // A client brings what a peer brought before.
    assert_eq!(bench.mempool.check(tx(0, 3), Origin::Local), Err(MempoolError::InCache));
    assert_eq!(bench.mempool.pending_local(3), [(4, tx(0, 3))]);
    bench.block(&[tx(0, 0), tx(0, 1), tx(0, 2)]);
    assert_eq!(bench.mempool.pending_local(0), [(4, tx(0, 3))]);
}
