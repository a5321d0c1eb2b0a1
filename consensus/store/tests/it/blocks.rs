use plume_block::raw;
use plume_engine::{Event, IncludedTx};
use plume_primitives::Height;
use plume_store::{BlockStore, Decided, StoreError, StoreOptions};

use crate::support::{Chain, Home, filled, genesis, options, raw_database};

/// Everything about one height is what was saved.
fn assert_saved(store: &BlockStore, step: &crate::support::Step) {
    let (block, height) = (&step.block, step.block.height());
    let read = store.block(height).expect("the block");
    assert_eq!((&read, read.id()), (block, block.id()));
    assert_eq!(store.block_by_hash(&block.hash()).expect("read").expect("there"), *block);
    assert_eq!(store.height_of(&block.hash()).expect("read"), Some(height));
    assert_eq!(store.header(height).expect("the header"), *block.header());
    let meta = raw::BlockMeta {
        block_id: Some(block.id().to_raw()),
        block_size: block.bytes().len() as i64,
        header: Some(block.header().clone()),
        num_txs: block.txs().len() as i64,
    };
    assert_eq!(store.meta(height).expect("the meta"), meta);
    assert_eq!(store.seen_commit(height).expect("the commit"), step.commit);
    assert_eq!(store.outcome(height).expect("the outcome"), step.outcome);
    let stored = store.stored_outcome(height).expect("the outcome");
    assert_eq!(stored.app_hash().expect("a whole record"), step.outcome.app_hash);
    assert!(stored.is(&step.outcome));
    let mut other = step.outcome.clone();
    other.events.push(Event::new("other"));
    assert!(!stored.is(&other));
    for (index, tx) in block.txs().iter().enumerate() {
        let result = step.outcome.tx_results[index].clone();
        let included = IncludedTx { height, index: index as u32, tx: tx.clone(), result };
        assert_eq!(store.tx(&block.tx_hashes()[index]).expect("read"), Some(included));
    }
}

#[test]
fn what_is_saved_is_read_also_by_the_next_process() {
    let home = Home::new();
    let (store, chain, steps) = filled(&home, 5);
    assert_eq!((store.base(), store.height()), (Height(1), Height(5)));
    steps.iter().for_each(|step| assert_saved(&store, step));
    drop(store);
    let store = home.open();
    assert_eq!((store.base(), store.height()), (Height(1), Height(5)));
    assert_eq!(store.chain_state().as_deref(), Some(&chain.state));
    assert_eq!(store.cursor().expect("read").as_deref(), Some(&b"cursor"[..]));
    steps.iter().for_each(|step| assert_saved(&store, step));
    // The commit of a height is the one in the next block.
    for pair in steps.windows(2) {
        assert_eq!(store.commit(pair[0].block.height()).expect("the commit"), *pair[1].block.last_commit());
    }
    assert_eq!(
        store.commit(Height(5)).expect_err("not yet").to_string(),
        "height 5 must be less than or equal to the current blockchain height 4"
    );
    assert_eq!(store.tx(&[0; 32]).expect("read"), None);
    assert_eq!(store.block_by_hash(&[0; 32]).expect("read"), None);
    store.save_cursor(b"other").expect("saved");
    assert_eq!(store.cursor().expect("read").as_deref(), Some(&b"other"[..]));
}

#[test]
fn heights_that_are_not_there_say_so() {
    let home = Home::new();
    let store = home.open();
    assert_eq!((store.base(), store.height(), store.chain_state()), (Height(0), Height(0), None));
    assert!(matches!(store.validators(Height(1)), Err(StoreError::NoState)));
    let mut chain = Chain::new(7);
    store.save_genesis(&chain.state).expect("saved");
    assert_eq!((store.base(), store.height()), (Height(0), Height(0)));
    assert_eq!(
        store.block(Height(7)).expect_err("not yet").to_string(),
        "height 7 must be less than or equal to the current blockchain height 0"
    );
    let step = chain.transfers(1);
    store.save(step.decided()).expect("saved");
    assert_eq!((store.base(), store.height()), (Height(7), Height(7)));
    let text = |height| store.block(Height(height)).expect_err("not there").to_string();
    assert_eq!(text(0), "height must be greater than 0, but got 0");
    assert_eq!(text(6), "height 6 is not available, lowest height is 7");
    assert_eq!(text(8), "height 8 must be less than or equal to the current blockchain height 7");
    assert_eq!(
        store.outcome(Height(6)).expect_err("not there").to_string(),
        "height 6 is not available, lowest height is 7"
    );
}

#[test]
fn only_the_next_block_is_saved() {
    let home = Home::new();
    let store = home.open();
    let mut chain = Chain::new(1);
    let (one, two) = (chain.transfers(1), chain.transfers(1));
    assert!(matches!(store.save(one.decided()), Err(StoreError::NoState)));
    store.save_genesis(&genesis(1)).expect("saved");
    store.save_genesis(&genesis(1)).expect("saved again");
    let error = store.save(two.decided()).expect_err("not next");
    assert_eq!(error.to_string(), "cannot save block 2, the next height is 1");
    store.save(one.decided()).expect("saved");
    let error = store.save(one.decided()).expect_err("not next");
    assert_eq!(error.to_string(), "cannot save block 1, the next height is 2");

    let refused = |decided: Decided<'_>| match store.save(decided) {
        Err(StoreError::Inconsistent { height: Height(2), reason }) => reason,
        other => panic!("{other:?}"),
    };
    let good = two.decided();
    assert_eq!(refused(Decided { seen_commit: &one.commit, ..good }), "the commit is not for it");
    assert_eq!(refused(Decided { state: &one.state, ..good }), "the state is not the one after it");
    let mut fewer = two.outcome.clone();
    fewer.tx_results.pop();
    assert_eq!(refused(Decided { outcome: &fewer, ..good }), "there is not one result for each transaction");
    let mut fork = Chain::new(1);
    fork.transfers(3);
    let other = fork.transfers(1);
    assert_eq!(refused(other.decided()), "it does not follow the last block");
    let mut foreign = two.state.clone();
    foreign.chain_id = "other-1".to_owned();
    let error = store.save(Decided { state: &foreign, ..good }).expect_err("another chain");
    assert_eq!(error.to_string(), "the block store is of chain test-1, got other-1");
    assert!(matches!(store.save_genesis(&genesis(1)), Err(StoreError::Behind { height: Height(1), got: Height(0) })));
    // Nothing of all this was written.
    assert_eq!(store.height(), Height(1));
    assert_eq!(store.chain_state().as_deref(), Some(&one.state));
    store.save(good).expect("saved");
}

#[test]
fn a_snapshot_of_the_state_starts_a_store() {
    let source = Home::new();
    let (_, mut chain, steps) = filled(&source, 6);
    let home = Home::new();
    let store = home.open();
    let (at, next) = (&steps[5], chain.transfers(2));
    let error = store.bootstrap(&at.state, &steps[4].commit, b"s").expect_err("another commit");
    assert!(matches!(error, StoreError::Inconsistent { height: Height(6), .. }), "{error}");
    store.bootstrap(&at.state, &at.commit, b"s").expect("started");
    for _ in 0..2 {
        assert_eq!((store.base(), store.height()), (Height(0), Height(6)));
        assert_eq!(store.seen_commit(Height(6)).expect("kept"), at.commit);
        assert_eq!(store.validators(Height(6)).expect("kept"), at.state.last_validators);
        assert_eq!(store.validators(Height(7)).expect("kept"), at.state.validators);
        assert_eq!(store.validators(Height(8)).expect("kept"), at.state.next_validators);
        assert_eq!(store.consensus_params(Height(7)).expect("kept"), at.state.consensus_params);
        assert_eq!(
            store.block(Height(6)).expect_err("not there").to_string(),
            "height 6 is not available, lowest height is 0"
        );
        assert_eq!(store.cursor().expect("read").as_deref(), Some(&b"s"[..]));
    }
    assert!(matches!(store.bootstrap(&at.state, &at.commit, b""), Err(StoreError::Behind { .. })));
    store.save(next.decided()).expect("saved");
    assert_eq!((store.base(), store.height()), (Height(7), Height(7)));
    assert_eq!(
        store.commit(Height(6)).map(|_| ()).expect_err("no block").to_string(),
        "height 6 is not available, lowest height is 7"
    );
    assert_saved(&store, &next);
    assert_eq!(store.validators(Height(9)).expect("known"), next.state.next_validators);
}

/// A node that was away for long jumps over what it missed.
#[test]
fn a_snapshot_ahead_replaces_old_blocks() {
    let home = Home::new();
    let (store, mut chain, steps) = filled(&home, 3);
    let later: Vec<_> = (0..5).map(|_| chain.transfers(2)).collect();
    store.bootstrap(&later[3].state, &later[3].commit, b"").expect("started");
    assert_eq!((store.base(), store.height()), (Height(0), Height(7)));
    assert!(matches!(store.block(Height(3)), Err(StoreError::Unavailable { .. })));
    assert_eq!(store.block_by_hash(&steps[0].block.hash()).expect("read"), None);
    assert_eq!(store.tx(&steps[0].block.tx_hashes()[0]).expect("read"), None);
    store.save(later[4].decided()).expect("saved");
    assert_eq!(store.prune(Height(8)).expect("pruned"), 3);
    assert_saved(&store, &later[4]);
}

#[test]
fn a_failure_never_hides_a_success() {
    let home = Home::new();
    let store = home.open();
    let mut chain = Chain::new(1);
    store.save_genesis(&chain.state).expect("saved");
    let tx = bytes::Bytes::from_static(b"again");
    let mut include = |codes: &[u32]| {
        let tx_results =
            codes.iter().map(|code| plume_engine::TxResult { code: *code, ..Default::default() }).collect();
        let outcome = plume_engine::BlockOutcome { tx_results, ..Default::default() };
        let step = chain.step(vec![tx.clone(); codes.len()], outcome);
        store.save(step.decided()).expect("saved");
        let found = store.tx(&step.block.tx_hashes()[0]).expect("read").expect("there");
        (found.height.get(), found.index, found.result.code)
    };
    assert_eq!(include(&[5]), (1, 0, 5));
    assert_eq!(include(&[6]), (2, 0, 6), "the last failure");
    assert_eq!(include(&[0, 7]), (3, 0, 0), "the success");
    assert_eq!(include(&[8]), (3, 0, 0), "still the success");
    assert_eq!(include(&[9, 0]), (5, 1, 0), "the last success");
}

#[test]
fn folders_are_told_apart() {
    let home = Home::new();
    let (store, ..) = filled(&home, 1);
    // RocksDB knows a second handle in one process too.
    assert!(matches!(BlockStore::open(home.path(), options()), Err(StoreError::Locked { .. })));
    drop(store);
    let db = raw_database(&home.path());
    db.put(b"format", b"plume-store 2").expect("written");
    drop(db);
    let error = BlockStore::open(home.path(), options()).expect_err("newer");
    assert!(matches!(&error, StoreError::Format { found, .. } if found == "plume-store 2"), "{error}");
}

#[test]
fn a_store_without_index_says_so_and_gets_one_later() {
    let home = Home::new();
    let without = StoreOptions { index: false, ..options() };
    let store = BlockStore::open(home.path(), without).expect("opens");
    let mut chain = Chain::new(1);
    store.save_genesis(&chain.state).expect("saved");
    let step = chain.transfers(2);
    store.save(step.decided()).expect("saved");
    let hash = step.block.tx_hashes()[1];
    assert_eq!(store.tx(&hash).expect_err("no index").to_string(), "transaction indexing is disabled");
    drop(store);
    let store = home.open();
    store.wait_indexed(Height(1), std::time::Duration::from_secs(20)).expect("indexed");
    assert_eq!(store.tx(&hash).expect("read").expect("there").index, 1);
    assert_saved(&store, &step);
}

#[test]
fn damaged_records_are_errors() {
    let home = Home::new();
    let (store, _, steps) = filled(&home, 3);
    drop(store);
    let db = raw_database(&home.path());
    for table in ["blocks", "headers", "commits", "seen_commits", "outcomes", "validators", "params"] {
        let handle = db.cf_handle(table).expect("there");
        db.put_cf(handle, 2_u64.to_be_bytes(), b"\xff\xff\xff").expect("written");
    }
    db.put_cf(db.cf_handle("hashes").expect("there"), steps[1].block.hash(), b"x").expect("written");
    db.put_cf(db.cf_handle("tx_hashes").expect("there"), steps[1].block.tx_hashes()[0], b"x").expect("written");
    drop(db);
    let store = home.open();
    let height = Height(2);
    let errors = [
        store.block(height).err(),
        store.meta(height).err(),
        store.commit(height).err(),
        store.seen_commit(height).err(),
        store.outcome(height).err(),
        store.validators(height).err(),
        store.consensus_params(height).err(),
        store.block_by_hash(&steps[1].block.hash()).err(),
        store.tx(&steps[1].block.tx_hashes()[0]).err(),
        store.tx(&steps[1].block.tx_hashes()[1]).err(),
    ];
    for (at, error) in errors.into_iter().enumerate() {
        assert!(matches!(&error, Some(StoreError::Damaged { .. })), "{at}: {error:?}");
    }
    assert!(store.block(Height(3)).is_ok());
    // Pruning is not stopped by it.
    assert_eq!(store.prune(Height(3)).expect("pruned"), 2);
}

#[test]
fn ten_thousand_blocks() {
    let home = Home::new();
    let (store, mut chain, _) = filled(&home, 0);
    for _ in 0..10_000 {
        let step = chain.transfers(1);
        store.save(step.decided()).expect("saved");
    }
    assert_eq!((store.base(), store.height()), (Height(1), Height(10_000)));
    let middle = store.block(Height(5_000)).expect("there");
    assert_eq!(store.tx(&middle.tx_hashes()[0]).expect("read").expect("there").height, Height(5_000));
    store.wait_indexed(Height(10_000), std::time::Duration::from_secs(60)).expect("indexed");
    let query = "message.action='send' AND tx.height>9000".parse().expect("a query");
    let found = store.search_txs(&query, plume_store::Order::Descending, 2, 10).expect("found");
    assert_eq!(found.total, 1_000);
    let heights: Vec<_> = found.items.iter().map(|tx| tx.height.get()).collect();
    assert_eq!(heights, (9_981..=9_990).rev().collect::<Vec<_>>());
    assert_eq!(store.prune(Height(9_999)).expect("pruned"), 9_998);
    assert_eq!(store.search_txs(&query, plume_store::Order::Ascending, 1, 10).expect("found").total, 2);
}
