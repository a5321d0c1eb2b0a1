use plume_interfaces::Accounts;
use plume_primitives::module_address;
use plume_testkit::{Signer, World};
use serde_json::{Value, json};

use crate::world::{address, base_account, call, modules, params_json, refused, text, world};

fn genesis(accounts: &[Value]) -> Value {
    json!({ "params": params_json(), "accounts": accounts })
}

fn numbers(world: &World) -> Vec<(String, u64)> {
    let exported = world.export().unwrap();
    let account = |account: &Value| {
        let base = account.get("base_account").unwrap_or(account);
        (base["address"].as_str().unwrap().to_owned(), base["account_number"].as_str().unwrap().parse().unwrap())
    };
    exported["auth"]["accounts"].as_array().unwrap().iter().map(account).collect()
}

#[test]
fn numbers_are_kept_except_doubles_and_the_fee_collector_follows() {
    let accounts = [base_account(&address(1), 4), base_account(&address(2), 0), base_account(&address(3), 4)];
    let (world, auth) = world(genesis(&accounts));
    let mut expected = vec![
        (text(&address(1)), 4),
        (text(&address(2)), 0),
        (text(&address(3)), 1),
        (text(&module_address("fee_collector")), 5),
    ];
    expected.sort();
    let mut found = numbers(&world);
    found.sort();
    assert_eq!(found, expected);
    assert_eq!(auth.account(&world.read(), &address(3)).unwrap().unwrap().number, 1);
    world.assert_invariants();
}

#[test]
fn export_is_the_inverse_of_genesis() {
    let (mut world, auth) = world(genesis(&[base_account(&address(2), 3)]));
    let signer = Signer::named("alice");
    call(&mut world, |ctx| {
        auth.create(ctx, &signer.address())?;
        auth.set_public_key(ctx, &signer.address(), &signer.public_key())?;
        auth.increment_sequence(ctx, &signer.address())?;
        auth.module_account(ctx, "mint")
    })
    .0
    .expect_success();

    let exported = world.export().unwrap();
    let again = World::new(modules().0, &exported);
    assert_eq!(again.records(), world.records());
    assert_eq!(again.export().unwrap(), exported);
}

#[test]
fn absent_genesis_has_the_default_parameters_and_the_fee_collector() {
    let (world, _) = world(Value::Null);
    assert_eq!(numbers(&world), [(text(&module_address("fee_collector")), 0)]);
    assert_eq!(world.export().unwrap()["auth"]["params"], params_json());
}

#[test]
fn genesis_is_refused_for_each_reason() {
    let one = base_account(&address(1), 0);
    let alice = text(&address(1));
    assert_eq!(
        refused(genesis(&[one.clone(), base_account(&address(1), 1)])),
        format!("app_state.auth: accounts[1]: duplicate account found in genesis state; address: {alice}")
    );
    let mut foreign_key = one.clone();
    foreign_key["pub_key"] = json!({
        "@type": "/cosmos.crypto.secp256k1.PubKey",
        "key": "A/RGsXb7uPZ/Ou7gzEm/CHLyxEdougV+oSkXWxeD9U7w",
    });
    assert_eq!(
        refused(genesis(&[foreign_key])),
        format!(
            "app_state.auth: accounts[0]: invalid account found in genesis state; address: {alice}, error: account \
             address and pubkey address do not match"
        )
    );
    let mut elsewhere = one.clone();
    elsewhere["address"] = "cosmos1lzhsh0esalx0fmjrspx7deky4d7dcpq3nf52l8".into();
    assert!(refused(genesis(&[elsewhere])).contains("hrp does not match bech32 prefix: expected 'plume' got 'cosmos'"));
    let mut impostor = json!({
        "@type": "/cosmos.auth.v1beta1.ModuleAccount",
        "base_account": one,
        "name": "mint",
        "permissions": ["minter"],
    });
    impostor["base_account"].as_object_mut().unwrap().remove("@type");
    assert!(refused(genesis(&[impostor])).contains("module account \"mint\" has another address than its name gives"));
    let mut zero = params_json();
    zero["tx_sig_limit"] = "0".into();
    assert_eq!(refused(json!({ "params": zero })), "app_state.auth: params: invalid tx signature limit: 0");
    assert_eq!(
        refused(genesis(&[base_account(&address(1), u64::MAX)])),
        "app_state.auth: account number 18446744073709551615 is the last"
    );
    assert_eq!(
        refused(genesis(&[base_account(&module_address("fee_collector"), 0)])),
        "app_state.auth: accounts: account of module fee_collector is not a module account: internal logic error \
         (sdk/35)"
    );
}
