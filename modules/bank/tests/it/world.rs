//! A world of auth and bank, and short names for what tests say often.

use std::collections::BTreeMap;
use std::sync::Arc;

use plume_auth::{Auth, AuthConfig};
use plume_bank::{Bank, BankConfig};
use plume_interfaces::Permission;
use plume_kit::{Event, Modules, ModulesBuilder};
use plume_primitives::{Address, Amount, Coins, Denom};
use plume_proto::cosmos::bank::v1beta1::{Input, MsgMultiSend, MsgSend, Output};
use plume_proto::cosmos::base::v1beta1::Coin as ProtoCoin;
use plume_testkit::World;
use serde_json::{Value, json};

/// The modules whose accounts the tests use.
pub(crate) fn auth() -> Arc<Auth> {
    let module_accounts = [
        ("fee_collector", vec![]),
        ("gov", vec![Permission::Burner]),
        ("mint", vec![Permission::Minter]),
        ("transfer", vec![Permission::Minter, Permission::Burner]),
    ];
    let module_accounts = module_accounts.map(|(name, permissions)| (name.to_owned(), permissions));
    Arc::new(Auth::new(AuthConfig { module_accounts: BTreeMap::from(module_accounts), ..AuthConfig::default() }))
}

pub(crate) fn modules(config: BankConfig) -> (Modules, Arc<Bank>) {
    let auth = auth();
    let bank = Arc::new(Bank::new(auth.clone(), config));
    let modules = ModulesBuilder::new().with(auth).with(bank.clone()).build().expect("modules do not collide");
    (modules, bank)
}

/// A world in which these accounts hold these coins; `frozen` cannot be sent, `fee_collector` and `mint` are blocked.
pub(crate) fn world_with(config: BankConfig, balances: &[(&Address, &str)]) -> (World, Arc<Bank>) {
    let (modules, bank) =
        modules(BankConfig { blocked_modules: vec!["fee_collector".to_owned(), "mint".to_owned()], ..config });
    (World::new(modules, &genesis(balances)), bank)
}

pub(crate) fn world(balances: &[(&Address, &str)]) -> (World, Arc<Bank>) {
    world_with(BankConfig::default(), balances)
}

pub(crate) fn genesis(balances: &[(&Address, &str)]) -> Value {
    let balances: Vec<Value> = balances
        .iter()
        .map(|(address, coins)| json!({ "address": text(address), "coins": coins_json(coins) }))
        .collect();
    json!({
        "bank": {
            "params": { "default_send_enabled": true },
            "balances": balances,
            "send_enabled": [{ "denom": "frozen", "enabled": false }],
        }
    })
}

fn coins_json(coins: &str) -> Value {
    let coins: Vec<Value> = parse(coins)
        .iter()
        .map(|coin| json!({ "denom": coin.denom.as_str(), "amount": coin.amount.to_string() }))
        .collect();
    Value::Array(coins)
}

/// The account number `id` of the tests.
pub(crate) fn address(id: u8) -> Address {
    Address::from([id; 20])
}

/// As text with the prefix of test worlds.
pub(crate) fn text(address: &Address) -> String {
    plume_primitives::Bech32Prefix::new("plume").unwrap().account(address)
}

pub(crate) fn parse(coins: &str) -> Coins {
    coins.parse().unwrap()
}

pub(crate) fn denom(text: &str) -> Denom {
    Denom::new(text).unwrap()
}

/// `1a,2b` as a message states it, in the order given, valid or not.
pub(crate) fn wire(coins: &str) -> Vec<ProtoCoin> {
    let split = |coin: &str| {
        let at = coin.find(|c: char| c.is_ascii_alphabetic()).unwrap();
        ProtoCoin { amount: coin[..at].to_owned(), denom: coin[at..].to_owned() }
    };
    coins.split(',').filter(|coin| !coin.is_empty()).map(split).collect()
}

pub(crate) fn send(from: &Address, to: &Address, coins: &str) -> MsgSend {
    MsgSend { from_address: text(from), to_address: text(to), amount: wire(coins) }
}

pub(crate) fn multi_send(from: &Address, total: &str, outputs: &[(&Address, &str)]) -> MsgMultiSend {
    MsgMultiSend {
        inputs: vec![Input { address: text(from), coins: wire(total) }],
        outputs: outputs.iter().map(|(to, coins)| Output { address: text(to), coins: wire(coins) }).collect(),
    }
}

/// Everything that an account holds, as text.
pub(crate) fn held(world: &World, bank: &Bank, address: &Address) -> String {
    plume_interfaces::Bank::balances(bank, &world.read(), address).unwrap().to_string()
}

pub(crate) fn supply(world: &World, bank: &Bank, denom_text: &str) -> Amount {
    plume_interfaces::Bank::supply(bank, &world.read(), &denom(denom_text)).unwrap()
}

/// `kind{key=value,key=value}` for each event.
pub(crate) fn show(events: &[Event]) -> Vec<String> {
    let show = |event: &Event| {
        let attributes: Vec<String> = event.attributes.iter().map(|a| format!("{}={}", a.key, a.value)).collect();
        format!("{}{{{}}}", event.kind, attributes.join(","))
    };
    events.iter().map(show).collect()
}
