use std::time::Duration;

use bytes::Bytes;
use plume_engine::BlockOutcome;
use plume_primitives::Height;
use plume_store::{Order, StoreError};

use crate::support::{Chain, Home, filled, raw_database, raw_records, validator};

/// The store as it would be without its last block: every byte. One that is not forgotten stays aside.
#[test]
fn a_block_that_is_taken_back_leaves_nothing_else() {
    let home = Home::new();
    let (store, mut chain, steps) = filled(&home, 6);
    store.wait_indexed(Height(6), Duration::from_secs(20)).expect("indexed");
    drop(store);
    let mut kept = steps[5].state.clone();
    let before = raw_records(&home.path());
    // The next block changes validators and parameters, too.
    let params = plume_engine::ConsensusParams {
        block: Some(tendermint_proto::v0_38::types::BlockParams { max_bytes: 22_020_096, max_gas: 7 }),
        ..Default::default()
    };
    for (updates, params) in
        [(vec![], None), (vec![validator(4, 3), validator(1, 0)], None), (vec![], Some(params)), (vec![], None)]
    {
        let store = home.open();
        let mut branch = Chain { state: chain.state.clone(), commit: chain.commit.clone() };
        let mut step = branch.transfers(2);
        let whole = updates.is_empty();
        if !whole || params.is_some() {
            branch = Chain { state: chain.state.clone(), commit: chain.commit.clone() };
            let outcome = BlockOutcome { validator_updates: updates, consensus_params: params, ..step.outcome };
            step = branch.step(step.block.txs().to_vec(), outcome);
        }
        store.save(step.decided()).expect("saved");
        store.wait_indexed(Height(7), Duration::from_secs(20)).expect("indexed");
        let state = store.rollback(b"cursor", true).expect("rolled back");
        // Height 1 has no record of a change: the set was written out twice there.
        kept.last_height_validators_changed = Height(if whole { 1 } else { 2 });
        assert_eq!(state.as_ref(), &kept);
        assert_eq!((store.height(), store.chain_state()), (Height(6), Some(state)));
        assert!(matches!(store.block(Height(7)), Err(StoreError::TooHigh { latest: Height(6), .. })));
        assert_eq!(store.tx(&step.block.tx_hashes()[0]).expect("read"), None);
        assert_eq!(store.seen_commit(Height(6)).expect("still there"), steps[5].commit);
        assert_eq!(store.taken_back().expect("read"), None);
        drop(store);
        let after = raw_records(&home.path());
        match whole {
            true => assert_eq!(after, before),
            false => {
                let other: Vec<_> = after.iter().filter(|record| !before.contains(record)).collect();
                assert_eq!(other, [&("default".to_owned(), b"state".to_vec(), kept.encode())]);
                assert_eq!(after.len(), before.len());
                // For the branches to come.
                raw_database(&home.path()).put(b"state", steps[5].state.encode()).expect("written");
            }
        }
    }

    // Two blocks aside, and nothing else of them.
    let store = home.open();
    let last = [chain.transfers(2), chain.transfers(2)];
    last.iter().for_each(|step| store.save(step.decided()).expect("saved"));
    for height in [7, 6] {
        assert_eq!(store.rollback(b"cursor", false).expect("rolled back").last_block_height, Height(height));
    }
    drop(store);
    let after = raw_records(&home.path());
    let more: Vec<_> =
        after.iter().filter(|record| !before.contains(record)).map(|(table, ..)| table.as_str()).collect();
    assert_eq!(more, ["blocks", "blocks", "seen_commits", "seen_commits"]);
    assert_eq!(after.len(), before.len() + 4);

    // They are executed and found again.
    let store = home.open();
    for step in &last {
        let (block, commit) = store.taken_back().expect("read").expect("aside");
        assert_eq!((&block, &commit), (&step.block, &step.commit));
        store.save(step.decided()).expect("saved");
    }
    assert_eq!(store.taken_back().expect("read"), None);
    store.wait_indexed(Height(8), Duration::from_secs(20)).expect("indexed");
    let all = "message.action='send'".parse().expect("a query");
    assert_eq!(store.search_txs(&all, Order::Ascending, 1, 100).expect("found").total, 16);
    assert_eq!(store.cursor().expect("read"), Some(Bytes::from_static(b"cursor")));
}

#[test]
fn what_has_nothing_before_it_stays() {
    let home = Home::new();
    assert!(matches!(home.open().rollback(b"", false), Err(StoreError::NoState)));
    let (store, _, _) = filled(&home, 2);
    store.rollback(b"one", true).expect("rolled back");
    assert_eq!(store.cursor().expect("read"), Some(Bytes::from_static(b"one")));
    // The first block has no block before it.
    assert!(store.rollback(b"none", true).is_err());
    assert_eq!(store.height(), Height(1));

    let home = Home::new();
    let (store, _, _) = filled(&home, 3);
    store.prune(Height(3)).expect("pruned");
    assert!(matches!(store.rollback(b"", false), Err(StoreError::Unavailable { height: Height(2), .. })));
    assert_eq!((store.base(), store.height()), (Height(3), Height(3)));
}
