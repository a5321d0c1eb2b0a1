use plume_bank::BankConfig;
use plume_primitives::{Address, module_address};
use plume_testkit::World;
use serde_json::{Value, json};

use crate::world::{address, genesis, held, modules, parse, supply, text, world};

#[track_caller]
fn refused(bank: Value) -> String {
    let (modules, _) = modules(BankConfig::default());
    match World::try_new(modules, &json!({ "bank": bank })) {
        Ok(_) => panic!("genesis is accepted"),
        Err(fatal) => fatal.to_string(),
    }
}

fn coin(amount: &str, denom: &str) -> Value {
    json!({ "denom": denom, "amount": amount })
}

#[test]
fn export_is_the_inverse_of_genesis() {
    let long = Address::new(&[9; 32]).unwrap();
    let (mut world, bank) = world(&[
        (&address(2), "10alpha,7beta"),
        (&address(1), "5alpha"),
        (&long, "1alpha"),
        (&module_address("gov"), "3beta"),
    ]);
    world
        .run(&plume_proto::cosmos::bank::v1beta1::MsgUpdateParams {
            authority: text(&module_address("gov")),
            params: None,
        })
        .expect_success();
    assert_eq!(supply(&world, &bank, "alpha"), 16_u64.into());

    let exported = world.export().unwrap();
    assert_eq!(exported["bank"]["params"], json!({ "send_enabled": [], "default_send_enabled": false }));
    assert_eq!(exported["bank"]["supply"], json!([coin("16", "alpha"), coin("10", "beta")]));
    assert_eq!(exported["bank"]["send_enabled"], json!([{ "denom": "frozen", "enabled": false }]));
    // By length of address, then address, then denomination: the order of keys.
    let order: Vec<&str> =
        exported["bank"]["balances"].as_array().unwrap().iter().map(|b| b["address"].as_str().unwrap()).collect();
    let mut short = [address(1), address(2), module_address("gov")];
    short.sort();
    assert_eq!(order, [text(&short[0]), text(&short[1]), text(&short[2]), text(&long)]);

    let (modules, _) = modules(BankConfig::default());
    let again = World::new(modules, &exported);
    assert_eq!(again.records(), world.records());
    assert_eq!(again.export().unwrap(), exported);
}

#[test]
fn absent_genesis_is_an_empty_bank_that_sends() {
    let (modules, bank) = modules(BankConfig::default());
    let world = World::new(modules, &json!({}));
    assert_eq!(world.records()[&("bank".to_owned(), vec![5])], [0x10, 1]);
    assert_eq!(supply(&world, &bank, "alpha"), 0_u64.into());
    world.assert_invariants();
}

#[test]
fn balance_creates_no_account_and_order_does_not_matter() {
    let (one, _) = world(&[(&address(1), "5alpha"), (&address(2), "1alpha")]);
    let (two, bank) = world(&[(&address(2), "1alpha"), (&address(1), "5alpha")]);
    assert_eq!(one.records(), two.records());
    assert_eq!(held(&two, &bank, &address(1)), parse("5alpha").to_string());
    let accounts = two.records().keys().filter(|(store, key)| store == "acc" && key[0] == 1).count();
    assert_eq!(accounts, 1, "the fee collector alone");
}

#[test]
fn genesis_is_refused_for_each_reason() {
    let alice = text(&address(1));
    let balance = |coins: Value| json!({ "address": alice, "coins": coins });

    let mut stated = genesis(&[(&address(1), "5alpha")])["bank"].clone();
    stated["supply"] = json!([coin("6", "alpha")]);
    assert_eq!(refused(stated.clone()), "app_state.bank: genesis supply is incorrect, expected 6alpha, got 5alpha");
    stated["supply"] = json!([coin("5", "alpha"), coin("1", "beta")]);
    assert_eq!(refused(stated), "app_state.bank: genesis supply is incorrect, expected 5alpha,1beta, got 5alpha");

    assert_eq!(
        refused(json!({ "balances": [balance(json!([])), balance(json!([]))] })),
        format!("app_state.bank: duplicate balance for address {alice}")
    );
    assert_eq!(
        refused(json!({ "balances": [balance(json!([coin("1", "beta"), coin("1", "alpha")]))] })),
        format!("app_state.bank: balance of {alice}: denomination alpha is not sorted")
    );
    assert_eq!(
        refused(json!({ "balances": [balance(json!([coin("340282366920938463463374607431768211456", "alpha")]))] })),
        format!(
            "app_state.bank: balance of {alice}: amount 340282366920938463463374607431768211456 is too large: the \
             largest is 340282366920938463463374607431768211455"
        )
    );
    let max = coin("340282366920938463463374607431768211455", "alpha");
    let other = json!({ "address": text(&address(2)), "coins": [coin("1", "alpha")] });
    assert_eq!(
        refused(json!({ "balances": [balance(json!([max])), other] })),
        "app_state.bank: supply of alpha exceeds 340282366920938463463374607431768211455"
    );
    assert_eq!(
        refused(
            json!({ "send_enabled": [{ "denom": "alpha", "enabled": true }, { "denom": "alpha", "enabled": true }] })
        ),
        "app_state.bank: duplicate send enabled found: 'alpha'"
    );
    let metadata = json!({ "base": "ualpha", "display": "alpha", "name": "", "symbol": "A", "denom_units": [] });
    assert_eq!(
        refused(json!({ "denom_metadata": [metadata] })),
        "app_state.bank: denom_metadata of \"ualpha\": name field cannot be blank"
    );
    let unknown = refused(json!({ "balanced": [] }));
    assert!(unknown.starts_with("app_state.bank: ") && unknown.contains("balanced"), "{unknown}");
}
