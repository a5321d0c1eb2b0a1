use std::collections::BTreeMap;
use std::sync::Arc;

use plume_auth::{Auth, AuthConfig, FEE_COLLECTOR};
use plume_interfaces::Permission;
use plume_kit::{Abort, Ctx, GasMeter, Modules, ModulesBuilder, Response};
use plume_primitives::{Address, Bech32Prefix};
use plume_testkit::{Outcome, World};
use serde_json::{Value, json};

pub(crate) fn modules() -> (Modules, Arc<Auth>) {
    let module_accounts =
        [(FEE_COLLECTOR, vec![]), ("gov", vec![Permission::Burner]), ("mint", vec![Permission::Minter])];
    let module_accounts = module_accounts.map(|(name, permissions)| (name.to_owned(), permissions));
    let auth =
        Arc::new(Auth::new(AuthConfig { module_accounts: BTreeMap::from(module_accounts), ..AuthConfig::default() }));
    (ModulesBuilder::new().with(auth.clone()).build().expect("one module does not collide"), auth)
}

/// A world with this genesis of auth; `null` for the default one.
pub(crate) fn world(auth_genesis: Value) -> (World, Arc<Auth>) {
    let (modules, auth) = modules();
    (World::new(modules, &json!({ "auth": auth_genesis })), auth)
}

pub(crate) fn refused(auth_genesis: Value) -> String {
    match World::try_new(modules().0, &json!({ "auth": auth_genesis })) {
        Ok(_) => panic!("genesis is accepted"),
        Err(fatal) => fatal.to_string(),
    }
}

pub(crate) fn call<T>(world: &mut World, work: impl FnOnce(&mut Ctx<'_>) -> Result<T, Abort>) -> (Outcome, Option<T>) {
    let mut given = None;
    let outcome = world.execute(GasMeter::unlimited(), None, |ctx| {
        given = Some(work(ctx)?);
        Ok(Response::default())
    });
    (outcome, given)
}

pub(crate) fn address(id: u8) -> Address {
    Address::from([id; 20])
}

pub(crate) fn text(address: &Address) -> String {
    Bech32Prefix::new("plume").unwrap().account(address)
}

pub(crate) fn params_json() -> Value {
    json!({
        "max_memo_characters": "256",
        "tx_sig_limit": "7",
        "tx_size_cost_per_byte": "10",
        "sig_verify_cost_ed25519": "590",
        "sig_verify_cost_secp256k1": "1000",
    })
}

pub(crate) fn base_account(address: &Address, number: u64) -> Value {
    json!({
        "@type": "/cosmos.auth.v1beta1.BaseAccount",
        "address": text(address),
        "pub_key": null,
        "account_number": number.to_string(),
        "sequence": "0",
    })
}
