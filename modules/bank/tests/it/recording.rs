//! What simd v8.8.0 did (`tests/interop/recordings`), brought into a world.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use plume_auth::{Auth, AuthConfig, NUMBERS_STORE, STORE as ACC};
use plume_bank::{Bank, BankConfig, OWNERS_STORE, STORE as BANK};
use plume_interfaces::Permission;
use plume_kit::{ChainInfo, GasMeter, ModulesBuilder, Response};
use plume_primitives::Bech32Prefix;
use plume_state::{KvWrite, Store};
use plume_testkit::World;
use serde_json::Value;

/// A store name and a key, as the recording has them.
pub(crate) type Place = (String, Vec<u8>);
/// Records of `acc` and `bank`.
pub(crate) type Records = BTreeMap<Place, Vec<u8>>;

pub(crate) fn load(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/interop/recordings/simd-v8.8.0").join(file);
    serde_json::from_slice(&std::fs::read(path).expect("recording is there")).expect("recording is JSON")
}

pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().expect("hexadecimal text")).expect("hexadecimal text")
}

pub(crate) fn records(stores: &Value) -> Records {
    let stores = stores.as_object().expect("stores by name");
    let record =
        |store: &str, (key, value): (&String, &Value)| ((store.to_owned(), hex::decode(key).unwrap()), bytes(value));
    stores.iter().flat_map(|(store, all)| all.as_object().unwrap().iter().map(|entry| record(store, entry))).collect()
}

/// Applies a list of changes as the recording states them.
pub(crate) fn apply(records: &mut Records, changes: &Value) {
    for change in changes.as_array().map_or(&[][..], Vec::as_slice) {
        let place = (change["store"].as_str().unwrap().to_owned(), bytes(&change["key"]));
        match &change["after"] {
            Value::Null => records.remove(&place),
            after => records.insert(place, bytes(after)),
        };
    }
}

/// Which of our stores has the record; simd keeps its indexes beside the data.
fn our_store((store, key): &Place) -> Store {
    match store.as_str() {
        "acc" if key.starts_with(b"accountNumber") => NUMBERS_STORE,
        "acc" => ACC,
        "bank" if key.starts_with(&[3]) => OWNERS_STORE,
        "bank" => BANK,
        other => panic!("store {other} is not recorded"),
    }
}

/// A world of simapp's module accounts and prefix with these records.
pub(crate) fn world(records: &Records) -> (World, Arc<Auth>, Arc<Bank>) {
    use Permission::{Burner, Minter, Staking};
    let module_accounts = [
        ("bonded_tokens_pool", vec![Burner, Staking]),
        ("distribution", vec![]),
        ("fee_collector", vec![]),
        ("feeibc", vec![]),
        ("gov", vec![Burner]),
        ("interchainaccounts", vec![]),
        ("mint", vec![Minter]),
        ("mock", vec![]),
        ("not_bonded_tokens_pool", vec![Burner, Staking]),
        ("transfer", vec![Minter, Burner]),
    ];
    let module_accounts = module_accounts.map(|(name, permissions)| (name.to_owned(), permissions));
    let auth =
        Arc::new(Auth::new(AuthConfig { module_accounts: BTreeMap::from(module_accounts), ..AuthConfig::default() }));
    let config = BankConfig {
        blocked_modules: vec!["fee_collector".to_owned()],
        locked: vec![auth.clone()],
        ..BankConfig::default()
    };
    let bank = Arc::new(Bank::new(auth.clone(), config));
    let modules = ModulesBuilder::new().with(auth.clone()).with(bank.clone()).build().expect("modules do not collide");
    let chain = ChainInfo { chain_id: "recording-1".to_owned(), prefix: Bech32Prefix::new("cosmos").unwrap() };

    let mut world = World::empty(modules, chain);
    let filled = world.execute(GasMeter::unlimited(), None, |ctx| {
        for (place, value) in records {
            // The SDK stores nothing where we store one byte: in the index of owners, and for a false switch.
            let value: &[u8] = match value.as_slice() {
                [] if our_store(place) == OWNERS_STORE => &[1],
                [] => &[0],
                value => value,
            };
            ctx.set(our_store(place), &place.1, Bytes::copy_from_slice(value))?;
        }
        Ok(Response::default())
    });
    filled.expect_success();
    (world, auth, bank)
}

/// The world's records as simd would store them.
pub(crate) fn as_recorded(world: &World) -> Records {
    let theirs = |((store, key), value): (Place, Vec<u8>)| match store.as_str() {
        "acc" | "acc.numbers" => Some((("acc".to_owned(), key), value)),
        "bank.owners" => Some((("bank".to_owned(), key), Vec::new())),
        "bank" if value == [0] => Some((("bank".to_owned(), key), Vec::new())),
        "bank" => Some((("bank".to_owned(), key), value)),
        _ => None,
    };
    world.records().into_iter().filter_map(theirs).collect()
}
