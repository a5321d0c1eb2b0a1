use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use plume_primitives::Height;
use plume_store::{Order, StoreError};

use crate::support::{Home, filled, raw_database, raw_records};

/// Height of a record, where its key or value has one.
fn height_of(table: &str, key: &[u8], value: &[u8]) -> Option<u64> {
    let number = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_be_bytes);
    match table {
        "default" => None,
        "hashes" => number(value),
        "tx_hashes" => number(&value[..8]),
        _ => number(&key[key.len() - 8..]),
    }
}

/// Tables and heights of all records below a height.
fn below(home: &Home, floor: u64) -> Vec<(String, u64)> {
    raw_records(&home.path())
        .iter()
        .filter_map(|(table, key, value)| Some((table.clone(), height_of(table, key, value)?)))
        .filter(|(_, height)| *height < floor)
        .collect()
}

#[test]
fn pruning_leaves_nothing_but_what_is_pointed_to() {
    let home = Home::new();
    let (store, _, steps) = filled(&home, 12);
    store.wait_indexed(Height(12), Duration::from_secs(20)).expect("indexed");
    assert_eq!(store.prune(Height(9)).expect("pruned"), 8);
    assert_eq!((store.base(), store.height()), (Height(9), Height(12)));
    let unavailable = "height 5 is not available, lowest height is 9";
    assert_eq!(store.block(Height(5)).expect_err("pruned").to_string(), unavailable);
    assert_eq!(store.meta(Height(5)).expect_err("pruned").to_string(), unavailable);
    assert_eq!(store.commit(Height(5)).expect_err("pruned").to_string(), unavailable);
    assert_eq!(store.seen_commit(Height(5)).expect_err("pruned").to_string(), unavailable);
    assert_eq!(store.outcome(Height(5)).expect_err("pruned").to_string(), unavailable);
    assert_eq!(store.validators(Height(5)).expect_err("pruned").to_string(), unavailable);
    assert_eq!(store.consensus_params(Height(5)).expect_err("pruned").to_string(), unavailable);
    assert_eq!(store.tx(&steps[4].block.tx_hashes()[0]).expect("read"), None);
    assert_eq!(store.block_by_hash(&steps[4].block.hash()).expect("read"), None);
    assert!(store.tx(&steps[8].block.tx_hashes()[0]).expect("read").is_some());
    let all = "message.action='send'".parse().expect("a query");
    assert_eq!(store.search_txs(&all, Order::Ascending, 1, 100).expect("found").total, 8);

    assert_eq!(store.prune(Height(9)).expect("again"), 0);
    assert_eq!(store.prune(Height(3)).expect("below"), 0);
    assert!(matches!(store.prune(Height(13)), Err(StoreError::PruneAhead { latest: Height(12) })));
    assert_eq!(store.prune(Height(12)).expect("all but the last"), 3);
    drop(store);
    assert_eq!(below(&home, 12), [("validators".to_owned(), 2), ("params".to_owned(), 1)]);
    let store = home.open();
    assert_eq!((store.base(), store.height()), (Height(12), Height(12)));
    assert!(store.validators(Height(14)).is_ok());
}

/// The process ended after the floor had moved and before anything was removed.
#[test]
fn an_interrupted_pruning_is_invisible_and_is_finished_later() {
    let home = Home::new();
    let (store, _, steps) = filled(&home, 6);
    store.wait_indexed(Height(6), Duration::from_secs(20)).expect("indexed");
    drop(store);
    raw_database(&home.path()).put(b"floor", 5_u64.to_be_bytes()).expect("written");
    let store = home.open();
    assert_eq!(store.base(), Height(5));
    assert_eq!(
        store.block(Height(4)).expect_err("pruned").to_string(),
        "height 4 is not available, lowest height is 5"
    );
    assert_eq!(store.tx(&steps[3].block.tx_hashes()[0]).expect("read"), None);
    for query in ["message.action='send'", "message.action EXISTS", "tx.height<100"] {
        let query = query.parse().expect("a query");
        assert_eq!(store.search_txs(&query, Order::Ascending, 1, 100).expect("found").total, 4, "{query}");
    }
    assert_eq!(store.prune(Height(5)).expect("finished"), 4);
    drop(store);
    assert_eq!(below(&home, 5), [("validators".to_owned(), 2), ("params".to_owned(), 1)]);
}

/// Readers see a height whole or not at all, while blocks come and go.
#[test]
fn reading_goes_on_while_blocks_are_pruned() {
    let home = Home::new();
    let (store, mut chain, _) = filled(&home, 50);
    let stop = AtomicBool::new(false);
    let query = "message.action='send' AND message.sender CONTAINS 'every'".parse().expect("a query");
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut reads = 0_u64;
                    while !stop.load(Ordering::Relaxed) {
                        let height = Height(store.base().get() + reads % 3);
                        match (store.block(height), store.outcome(height), store.validators(height)) {
                            (Ok(block), Ok(outcome), Ok(_)) => {
                                assert_eq!(block.txs().len(), outcome.tx_results.len());
                                store.tx(&block.tx_hashes()[0]).expect("there or pruned");
                            }
                            (block, outcome, validators) => {
                                let errors = [block.err(), outcome.err(), validators.err()];
                                for error in errors.into_iter().flatten() {
                                    assert!(
                                        matches!(error, StoreError::Unavailable { .. } | StoreError::TooHigh { .. }),
                                        "{error}"
                                    );
                                }
                            }
                        }
                        let found = store.search_txs(&query, Order::Ascending, 1, 5).expect("found");
                        assert!(found.total >= 2, "{}", found.total);
                        reads += 1;
                    }
                    reads
                })
            })
            .collect();
        for _ in 0..100 {
            let step = chain.transfers(2);
            store.save(step.decided()).expect("saved");
            store.prune(Height(step.block.height().get() - 20)).expect("pruned");
        }
        stop.store(true, Ordering::Relaxed);
        for reader in readers {
            assert!(reader.join().expect("no panic") > 0);
        }
    });
    drop(store);
    assert_eq!(below(&home, 130), [("validators".to_owned(), 2), ("params".to_owned(), 1)]);
}
