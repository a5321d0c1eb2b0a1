//! Validator sets against a simple model, and the fairness of the rotation.

use std::collections::BTreeMap;

use plume_block::{Address, MAX_TOTAL_POWER, ValidatorSet, ValidatorSetError, raw};
use plume_engine::{ValidatorKey, ValidatorUpdate};
use proptest::prelude::*;

use crate::world::{address, update};

fn change(n: u8, power: i64) -> ValidatorUpdate {
    ValidatorUpdate { key: ValidatorKey::Ed25519([n; 32]), power }
}

fn key_address(n: u8) -> Address {
    *plume_block::Validator::new(ValidatorKey::Ed25519([n; 32]), 1).address()
}

/// What the set must say about any set of members, however it came about.
fn assert_invariants(set: &ValidatorSet, model: &BTreeMap<Address, i64>) {
    let mut expected: Vec<(i64, Address)> = model.iter().map(|(address, power)| (*power, *address)).collect();
    expected.sort_by_key(|(power, address)| (-power, *address));
    let got: Vec<_> = set.validators().iter().map(|v| (v.power, *v.address())).collect();
    assert_eq!(got, expected, "power descending, then address ascending");
    assert_eq!(set.total_power(), model.values().sum::<i64>());
    let priorities: Vec<i128> = set.validators().iter().map(|v| i128::from(v.priority)).collect();
    let spread = priorities.iter().max().expect("members") - priorities.iter().min().expect("members");
    // Twice the total after scaling; one round moves two of them by at most the total together.
    assert!(spread <= 3 * i128::from(set.total_power()), "spread {spread}, total {}", set.total_power());
    let sum: i128 = priorities.iter().sum();
    assert!((0..i128::try_from(set.len()).expect("few")).contains(&sum), "centred: {priorities:?}");
    assert!(set.contains(set.proposer().expect("members").address()));
    let theirs: tendermint::validator::Set = set.to_raw().try_into().expect("a set");
    assert_eq!(theirs.hash(), tendermint::Hash::Sha256(set.hash()));
}

proptest! {
    #[test]
    fn any_history_of_changes_keeps_the_invariants(
        first in proptest::collection::btree_map(0..12_u8, 1..1_000_000_i64, 1..8),
        steps in proptest::collection::vec(
            (proptest::collection::btree_map(0..12_u8, 0..1_000_000_i64, 0..4), 1..5_u32), 1..20),
    ) {
        let updates: Vec<_> = first.iter().map(|(n, power)| change(*n, *power)).collect();
        let mut model: BTreeMap<_, _> = first.iter().map(|(n, power)| (key_address(*n), *power)).collect();
        let mut set = ValidatorSet::new(&updates).expect("a set");
        assert_invariants(&set, &model);
        for (changes, times) in steps {
            let updates: Vec<_> = changes.iter().map(|(n, power)| change(*n, *power)).collect();
            let mut after = model.clone();
            let mut missing = false;
            for (n, power) in &changes {
                if *power > 0 {
                    after.insert(key_address(*n), *power);
                } else {
                    missing |= after.remove(&key_address(*n)).is_none();
                }
            }
            let before = set.clone();
            match set.update(&updates) {
                Ok(()) => {
                    prop_assert!(!missing && !after.is_empty());
                    model = after;
                }
                Err(error) => {
                    prop_assert!(missing || after.is_empty(), "{}", error);
                    prop_assert_eq!(&set, &before);
                }
            }
            set.increment_proposer_priority(times);
            assert_invariants(&set, &model);
        }
    }

    #[test]
    fn over_as_many_rounds_as_the_total_everyone_proposes_as_often_as_its_power(
        powers in proptest::collection::vec(1..20_i64, 1..8),
    ) {
        let updates: Vec<_> = (0..).zip(&powers).map(|(n, power)| change(n, *power)).collect();
        let mut set = ValidatorSet::new(&updates).expect("a set");
        let mut counts = BTreeMap::new();
        for _ in 0..set.total_power() {
            *counts.entry(*set.proposer().expect("members").address()).or_insert(0) += 1;
            set.increment_proposer_priority(1);
        }
        let expected: BTreeMap<_, _> = (0..).zip(&powers).map(|(n, power)| (key_address(n), *power)).collect();
        prop_assert_eq!(counts, expected);
    }
}

#[test]
fn each_impossible_change_has_its_error_and_changes_nothing() {
    let set = ValidatorSet::new(&[change(1, 10), change(2, 20)]).expect("a set");
    let refused = |updates: &[ValidatorUpdate]| {
        let mut changed = set.clone();
        let error = changed.update(updates).expect_err("impossible");
        assert_eq!(changed, set);
        error
    };
    use ValidatorSetError as E;
    assert_eq!(refused(&[change(1, 1), change(1, 2)]), E::Duplicate(key_address(1)));
    assert_eq!(refused(&[change(1, -1)]), E::NegativePower(-1));
    assert_eq!(refused(&[change(3, MAX_TOTAL_POWER + 1)]), E::PowerTooHigh(MAX_TOTAL_POWER + 1));
    assert_eq!(refused(&[change(3, 0)]), E::NotFound(key_address(3)));
    assert_eq!(refused(&[change(1, 0), change(2, 0)]), E::Empty);
    assert_eq!(refused(&[change(3, MAX_TOTAL_POWER - 29)]), E::TotalTooHigh);
    assert_eq!(ValidatorSet::new(&[change(1, 0)]), Err(E::ZeroPower(key_address(1))));
    // Exactly the maximum, and room made by a removal in the same change.
    let mut full = set.clone();
    assert_eq!(full.update(&[change(3, MAX_TOTAL_POWER - 30)]), Ok(()));
    assert_eq!(full.total_power(), MAX_TOTAL_POWER);
    let mut swapped = set.clone();
    assert_eq!(swapped.update(&[change(1, 0), change(3, MAX_TOTAL_POWER - 20)]), Ok(()));
    assert_eq!(swapped.total_power(), MAX_TOTAL_POWER);
    let mut same = set.clone();
    assert_eq!((same.update(&[]), same), (Ok(()), set));
}

#[test]
fn a_newcomer_starts_behind_everyone() {
    let mut set = ValidatorSet::new(&[update(1, 8), update(2, 8)]).expect("a set");
    set.update(&[update(3, 16)]).expect("a change");
    // -(32 + 32 / 8) = -36, members had -8 and 8; scaled to within 64 (nothing to do), average -12.
    let priorities: Vec<_> = [3, 1, 2].map(|n| set.get(&address(n)).expect("a member").1.priority).into();
    assert_eq!(priorities[0], -24);
    assert_eq!(priorities[1..].iter().sum::<i64>(), 24);
}

#[test]
fn messages_that_are_not_a_set_are_refused() {
    use ValidatorSetError as E;
    let set = ValidatorSet::new(&[update(1, 10), update(2, 20), update(101, 5)]).expect("a set");
    assert_eq!(ValidatorSet::from_raw(&set.to_raw()), Ok(set.clone()));
    let with = |change: &dyn Fn(&mut raw::ValidatorSet)| {
        let mut raw = set.to_raw();
        change(&mut raw);
        ValidatorSet::from_raw(&raw)
    };
    assert_eq!(with(&|s| s.validators.clear()), Err(E::Nobody));
    assert_eq!(with(&|s| s.proposer = None), Err(E::Proposer));
    let stranger = plume_block::Validator::new(update(9, 1).key, 1).to_raw();
    assert_eq!(with(&|s| s.proposer = Some(stranger.clone())), Err(E::Proposer));
    assert_eq!(with(&|s| s.validators.swap(0, 1)), Err(E::Order(1)));
    assert_eq!(with(&|s| s.validators[1] = s.validators[0].clone()), Err(E::Order(1)));
    assert_eq!(with(&|s| s.validators[2].voting_power = -5), Err(E::NegativePower(-5)));
    assert_eq!(with(&|s| s.validators[0].voting_power = i64::MAX), Err(E::TotalTooHigh));
    let (expected, got) = (*set.validators()[0].address(), vec![0; 20]);
    assert_eq!(with(&|s| s.validators[0].address = vec![0; 20]), Err(E::Address { index: 0, expected, got }));
    assert!(matches!(with(&|s| s.validators[0].pub_key = None), Err(E::Key { index: 0, .. })));
    // A total that somebody wrote is not believed.
    assert_eq!(with(&|s| s.total_voting_power = 1), Ok(set.clone()));
}
