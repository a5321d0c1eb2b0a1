use plume_block::raw;
use plume_engine::{BlockOutcome, ConsensusParams};
use plume_primitives::Height;
use plume_store::VALIDATORS_INTERVAL;

use crate::support::{Chain, Home, raw_records, validator};

/// Every height answers with exactly what its state had, priorities included, although few sets are stored.
#[test]
fn validators_and_parameters_of_each_height_are_those_of_its_state() {
    let home = Home::new();
    let store = home.open();
    let mut chain = Chain::new(1);
    store.save_genesis(&chain.state).expect("saved");
    let last = 2 * VALIDATORS_INTERVAL + 20;
    let mut expected = vec![(Height(1), chain.state.clone())];
    for height in 1..=last {
        let mut outcome = BlockOutcome::default();
        match height {
            5 | 40 => outcome.validator_updates = vec![validator(4, height as i64)],
            1_500 => outcome.validator_updates = vec![validator(2, 0), validator(1, 1_000_003), validator(9, 1)],
            7 | 1_900 => {
                let block = Some(raw::BlockParams { max_bytes: 2_000_000 + height as i64, max_gas: -1 });
                outcome.consensus_params = Some(ConsensusParams { block, ..ConsensusParams::default() });
            }
            _ => {}
        }
        let step = chain.step(vec![], outcome);
        store.save(step.decided()).expect("saved");
        expected.push((Height(height + 1), step.state));
    }
    let check = |store: &plume_store::BlockStore, from: u64| {
        for (height, state) in expected.iter().filter(|(height, _)| height.get() >= from) {
            assert_eq!(store.validators(*height).expect("known"), state.validators, "{height}");
            assert_eq!(store.consensus_params(*height).expect("known"), state.consensus_params, "{height}");
        }
        let (latest, state) = expected.last().expect("some");
        assert_eq!(store.validators(latest.next().expect("in range")).expect("known"), state.next_validators);
        let text = |height: u64| store.validators(Height(height)).expect_err("unknown").to_string();
        assert_eq!(
            text(last + 3),
            format!("height {} must be less than or equal to the current blockchain height {}", last + 3, last + 2)
        );
        assert_eq!(
            store.consensus_params(Height(last + 2)).expect_err("unknown").to_string(),
            format!("height {} must be less than or equal to the current blockchain height {}", last + 2, last + 1)
        );
        assert_eq!(text(0), "height must be greater than 0, but got 0");
    };
    check(&store, 1);
    for below in [2, 42, 43, 999, 1_000, 1_001, 1_501, 1_502, 1_901, last] {
        store.prune(Height(below)).expect("pruned");
        check(&store, below);
    }
    drop(store);
    check(&home.open(), last);
    // What is kept below is only what is pointed to.
    let below = |table: &str| -> Vec<u64> {
        raw_records(&home.path())
            .iter()
            .filter(|(of, ..)| of == table)
            .map(|(_, key, _)| u64::from_be_bytes(key.as_slice().try_into().expect("a height")))
            .filter(|height| *height < last)
            .collect()
    };
    assert_eq!(below("validators"), [2 * VALIDATORS_INTERVAL]);
    assert_eq!(below("params"), [1_901]);
}

#[test]
fn a_chain_may_begin_at_any_height() {
    let home = Home::new();
    let store = home.open();
    let mut chain = Chain::new(500);
    store.save_genesis(&chain.state).expect("saved");
    assert_eq!(store.validators(Height(500)).expect("known"), chain.state.validators);
    assert_eq!(store.validators(Height(501)).expect("known"), chain.state.next_validators);
    assert!(store.validators(Height(502)).is_err() && store.validators(Height(499)).is_err());
    assert_eq!(store.consensus_params(Height(500)).expect("known"), chain.state.consensus_params);
    let step = chain.transfers(1);
    store.save(step.decided()).expect("saved");
    assert_eq!(store.validators(Height(502)).expect("known"), step.state.next_validators);
}
