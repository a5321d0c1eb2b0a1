#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_possible_wrap,
        clippy::float_arithmetic,
        clippy::unwrap_used,
        clippy::panic
    )
)]

mod api;
mod errors;
mod genesis;
mod invariants;
mod msgs;
mod params;
mod queries;
mod record;
mod state;
mod stored;

use std::collections::BTreeMap;
use std::sync::Arc;

use plume_interfaces::Permission;
use plume_kit::{Abort, Ctx, Fatal, Module, QueryRouter, ReadCtx, Response, ValidatorUpdates};
use plume_primitives::{Address, module_address};
use plume_state::collections::{Schema, SchemaError};
use plume_state::{Derivation, Store};
use serde_json::Value;

pub use errors::AuthError;
pub use msgs::AuthMsg;
pub use state::{NUMBERS_STORE, STORE};

/// Name of the module account that fees are paid to.
pub const FEE_COLLECTOR: &str = "fee_collector";

/// What a chain decides about its accounts.
pub struct AuthConfig {
    /// Who may change parameters; the gov module's address by default.
    pub authority: Address,
    /// The module accounts that may exist, by name, with what each may do.
    pub module_accounts: BTreeMap<String, Vec<Permission>>,
}

impl Default for AuthConfig {
    /// The gov module's authority, and the fee collector without permissions.
    fn default() -> Self {
        Self {
            authority: module_address("gov"),
            module_accounts: BTreeMap::from([(FEE_COLLECTOR.to_owned(), Vec::new())]),
        }
    }
}

/// The auth module: accounts, their numbers, keys and sequences, and the parameters of transactions.
pub struct Auth {
    authority: Address,
    module_accounts: BTreeMap<String, ModuleAccountRule>,
}

/// A module account that may exist.
struct ModuleAccountRule {
    address: Address,
    permissions: Vec<Permission>,
}

impl Auth {
    /// The module of a chain that decides `config`.
    pub fn new(config: AuthConfig) -> Self {
        let module_accounts = config
            .module_accounts
            .into_iter()
            .map(|(name, permissions)| {
                let rule = ModuleAccountRule { address: module_address(&name), permissions };
                (name, rule)
            })
            .collect();
        Self { authority: config.authority, module_accounts }
    }
}

impl Module for Auth {
    const NAME: &'static str = "auth";
    const VERSION: u32 = 1;
    type Msg = AuthMsg;

    fn stores(&self) -> Vec<Store> {
        vec![STORE, NUMBERS_STORE]
    }

    fn derivations(&self) -> Vec<Derivation> {
        state::derivations()
    }

    fn schema(&self) -> Result<Schema, SchemaError> {
        state::schema()
    }

    fn execute(&self, ctx: &mut Ctx<'_>, msg: AuthMsg) -> Result<Response, Abort> {
        match msg {
            AuthMsg::UpdateParams(msg) => msgs::update_params(self, ctx, &msg),
        }
    }

    fn init_genesis(&self, ctx: &mut Ctx<'_>, json: Value) -> Result<ValidatorUpdates, Fatal> {
        genesis::init(self, ctx, json)
    }

    fn export_genesis(&self, ctx: &ReadCtx) -> Result<Value, Fatal> {
        genesis::export(ctx)
    }

    fn queries(self: &Arc<Self>, router: &mut QueryRouter) {
        queries::register(self, router);
    }

    fn invariants(&self, ctx: &ReadCtx) -> Result<(), Fatal> {
        invariants::check(ctx)
    }
}
