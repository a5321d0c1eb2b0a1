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
mod coins;
mod errors;
mod events;
mod genesis;
mod invariants;
mod metadata;
mod movement;
mod msgs;
pub mod operations;
mod queries;
mod state;

use std::collections::BTreeSet;
use std::sync::Arc;

use plume_interfaces::{Accounts, LockedAmounts, TransferHook};
use plume_kit::{Abort, Ctx, Fatal, Module, QueryRouter, ReadCtx, Response, ValidatorUpdates};
use plume_primitives::{Address, module_address};
use plume_state::collections::{Schema, SchemaError};
use plume_state::{Derivation, Store};
use serde_json::Value;

pub use errors::BankError;
pub use msgs::BankMsg;
pub use state::{OWNERS_STORE, STORE};

/// What a chain decides about its bank.
pub struct BankConfig {
    /// Who may change parameters and switches; the gov module's address by default.
    pub authority: Address,
    /// Names of the modules whose accounts users cannot send to.
    pub blocked_modules: Vec<String>,
    /// Asked before every movement, in this order.
    pub hooks: Vec<Arc<dyn TransferHook>>,
    /// What cannot be spent is the sum of what these say.
    pub locked: Vec<Arc<dyn LockedAmounts>>,
}

impl Default for BankConfig {
    fn default() -> Self {
        Self { authority: module_address("gov"), blocked_modules: Vec::new(), hooks: Vec::new(), locked: Vec::new() }
    }
}

/// The bank module: balances, supply, and the rules by which they change.
pub struct Bank {
    accounts: Arc<dyn Accounts>,
    authority: Address,
    blocked: BTreeSet<Address>,
    hooks: Vec<Arc<dyn TransferHook>>,
    locked: Vec<Arc<dyn LockedAmounts>>,
}

impl Bank {
    /// A bank over the accounts of `accounts`.
    pub fn new(accounts: Arc<dyn Accounts>, config: BankConfig) -> Self {
        Self {
            accounts,
            authority: config.authority,
            blocked: config.blocked_modules.iter().map(|name| module_address(name)).collect(),
            hooks: config.hooks,
            locked: config.locked,
        }
    }

    /// Whether users cannot send to `address`.
    pub fn is_blocked(&self, address: &Address) -> bool {
        self.blocked.contains(address)
    }

    /// `gov/13` unless `authority` is the text of this module's authority.
    fn require_authority(&self, ctx: &Ctx<'_>, authority: &str) -> Result<(), BankError> {
        let expected = ctx.chain().prefix.account(&self.authority);
        if authority == expected {
            return Ok(());
        }
        Err(BankError::InvalidAuthority { expected, got: authority.to_owned() })
    }
}

impl Module for Bank {
    const NAME: &'static str = "bank";
    const VERSION: u32 = 1;
    type Msg = BankMsg;

    fn stores(&self) -> Vec<Store> {
        vec![STORE, OWNERS_STORE]
    }

    fn derivations(&self) -> Vec<Derivation> {
        state::derivations()
    }

    fn schema(&self) -> Result<Schema, SchemaError> {
        state::schema()
    }

    fn check(&self, _: &plume_kit::ChainInfo, msg: &BankMsg) -> Result<(), plume_kit::TxError> {
        msgs::check(msg)
    }

    fn execute(&self, ctx: &mut Ctx<'_>, msg: BankMsg) -> Result<Response, Abort> {
        match msg {
            BankMsg::Send(msg) => msgs::send(self, ctx, &msg),
            BankMsg::MultiSend(msg) => msgs::multi_send(self, ctx, &msg),
            BankMsg::SetSendEnabled(msg) => msgs::set_send_enabled(self, ctx, &msg),
            BankMsg::UpdateParams(msg) => msgs::update_params(self, ctx, &msg),
        }
    }

    fn init_genesis(&self, ctx: &mut Ctx<'_>, json: Value) -> Result<ValidatorUpdates, Fatal> {
        genesis::init(ctx, json)
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
