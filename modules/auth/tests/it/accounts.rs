use std::collections::BTreeMap;

use plume_auth::{FEE_COLLECTOR, NUMBERS_STORE};
use plume_crypto::PublicKey;
use plume_interfaces::{Account, Accounts, LockedAmounts, Permission};
use plume_primitives::{Coins, module_address};
use plume_testkit::{Signer, World};
use serde_json::Value;

use crate::world::{address, base_account, call, params_json, text, world};

#[test]
fn accounts_get_ascending_numbers() {
    let (mut world, auth) = world(Value::Null);
    // The fee collector of genesis has number 0.
    for (id, number) in [(7, 1), (3, 2), (5, 3)] {
        let (outcome, account) = call(&mut world, |ctx| auth.create(ctx, &address(id)));
        outcome.expect_success();
        assert_eq!(outcome.events, []);
        let expected = Account { address: address(id), public_key: None, number, sequence: 0, module: None };
        assert_eq!(account, Some(expected.clone()));
        assert_eq!(auth.account(&world.read(), &address(id)).unwrap(), Some(expected));
    }
    assert!(auth.exists(&world.read(), &address(3)).unwrap());
    assert!(!auth.exists(&world.read(), &address(4)).unwrap());
    assert_eq!(auth.account(&world.read(), &address(4)).unwrap(), None);
    world.assert_invariants();
}

#[test]
fn key_is_set_once_and_sequence_counts() {
    let (mut world, auth) = world(Value::Null);
    let (signer, other) = (Signer::named("alice"), Signer::named("bob"));
    let alice = signer.address();
    call(&mut world, |ctx| auth.create(ctx, &alice)).0.expect_success();

    call(&mut world, |ctx| auth.set_public_key(ctx, &alice, &signer.public_key())).0.expect_success();
    let before = world.records();
    call(&mut world, |ctx| auth.set_public_key(ctx, &alice, &other.public_key())).0.expect_success();
    assert_eq!(world.records(), before);

    for _ in 0..3 {
        call(&mut world, |ctx| auth.increment_sequence(ctx, &alice)).0.expect_success();
    }
    let account = auth.account(&world.read(), &alice).unwrap().unwrap();
    assert_eq!((account.public_key, account.sequence, account.number), (Some(signer.public_key()), 3, 1));
    world.assert_invariants();
}

#[test]
fn account_that_is_not_there_cannot_sign() {
    let (mut world, auth) = world(Value::Null);
    let before = world.records();
    let expected = format!("account {} does not exist: unknown address", text(&address(9)));
    let key = PublicKey::Ed25519([1; 32]);
    let (outcome, _) = call(&mut world, |ctx| auth.set_public_key(ctx, &address(9), &key));
    assert_eq!(outcome.expect_failure(), ("sdk", 9, expected.as_str()));
    let (outcome, _) = call(&mut world, |ctx| auth.increment_sequence(ctx, &address(9)));
    assert_eq!(outcome.expect_failure(), ("sdk", 9, expected.as_str()));
    assert_eq!(world.records(), before);
}

#[test]
fn last_sequence_cannot_be_passed() {
    let mut account = base_account(&address(1), 0);
    account["sequence"] = u64::MAX.to_string().into();
    let (mut world, auth) = world(serde_json::json!({ "params": params_json(), "accounts": [account] }));
    let (outcome, _) = call(&mut world, |ctx| auth.increment_sequence(ctx, &address(1)));
    let expected = format!("sequence of account {} is used up: internal logic error", text(&address(1)));
    assert_eq!(outcome.expect_failure(), ("sdk", 35, expected.as_str()));
}

#[test]
fn module_account_is_created_when_it_is_first_asked_for() {
    let (mut world, auth) = world(Value::Null);
    let (_, first) = call(&mut world, |ctx| auth.module_account(ctx, "mint"));
    let expected = Account {
        address: module_address("mint"),
        public_key: None,
        number: 1,
        sequence: 0,
        module: Some("mint".to_owned()),
    };
    assert_eq!(first, Some(expected.clone()));
    let before = world.records();
    let (_, again) = call(&mut world, |ctx| auth.module_account(ctx, "mint"));
    assert_eq!((again, world.records()), (Some(expected), before));

    let (outcome, _) = call(&mut world, |ctx| auth.module_account(ctx, "staking"));
    assert_eq!(outcome.expect_failure(), ("sdk", 9, "module account staking does not exist: unknown address"));
    assert!(auth.has_permission("mint", Permission::Minter));
    assert!(!auth.has_permission("mint", Permission::Burner));
    assert!(!auth.has_permission("staking", Permission::Staking));
    world.assert_invariants();
}

#[test]
fn module_address_of_an_ordinary_account_is_an_error() {
    let (mut world, auth) = world(Value::Null);
    call(&mut world, |ctx| auth.create(ctx, &module_address("gov"))).0.expect_success();
    let (outcome, _) = call(&mut world, |ctx| auth.module_account(ctx, "gov"));
    assert_eq!(
        outcome.expect_failure(),
        ("sdk", 35, "account of module gov is not a module account: internal logic error")
    );
}

#[test]
fn ordinary_and_module_accounts_lock_nothing() {
    let (world, auth) = world(Value::Null);
    assert_eq!(auth.locked(&world.read(), &module_address(FEE_COLLECTOR)).unwrap(), Coins::new());
    assert_eq!(auth.locked(&world.read(), &address(1)).unwrap(), Coins::new());
}

#[test]
fn index_of_numbers_is_what_a_restarted_node_rebuilds() {
    let (mut world, auth) = world(Value::Null);
    for id in 1..20 {
        call(&mut world, |ctx| auth.create(ctx, &address(id))).0.expect_success();
        call(&mut world, |ctx| auth.increment_sequence(ctx, &address(id))).0.expect_success();
    }
    assert_eq!(rebuilt(&world).len(), 20);
    assert_eq!(rebuilt(&world), stored(&world));
}

fn rebuilt(world: &World) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut index = BTreeMap::new();
    for derivation in world.modules().derivations().iter().filter(|d| d.target == NUMBERS_STORE) {
        for ((store, key), value) in world.records() {
            if store == derivation.source.name() {
                (derivation.derive)(&key, &value, &mut |key, value| {
                    index.insert(key.to_vec(), value.to_vec());
                    Ok(())
                })
                .unwrap();
            }
        }
    }
    index
}

fn stored(world: &World) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let own = |((store, key), value): ((String, Vec<u8>), Vec<u8>)| (store == "acc.numbers").then_some((key, value));
    world.records().into_iter().filter_map(own).collect()
}
