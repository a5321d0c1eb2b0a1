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

mod errors;
mod msgs;
mod queries;
mod rules;
mod text;

use std::sync::Arc;

use plume_kit::{Abort, Ctx, Fatal, Module, QueryRouter, ReadCtx, Response, ValidatorUpdates};
use plume_primitives::Address;
use plume_proto::tendermint::types::ConsensusParams;
use plume_state::collections::{Item, Proto, Schema, SchemaError};
use plume_state::{KvRead, StateError, Store};
use serde_json::Value;

pub use errors::ConsensusParamsError;
pub use msgs::ConsensusMsg;
pub use rules::{RuleError, validate};

/// The module's store.
pub const STORE: Store = Store::committed("consensus");

/// `"Consensus" -> tendermint.types.ConsensusParams`.
const PARAMS: Item<ConsensusParams, Proto> = Item::new(STORE, b"Consensus");

/// The consensus parameters in force, as blocks and validators must obey them.
///
/// # Errors
/// State that cannot be read, gas.
pub fn params(state: &(impl KvRead + ?Sized)) -> Result<Option<ConsensusParams>, StateError> {
    PARAMS.get(state)
}

/// The parameters in `state` if they differ from `before`: what the executor returns to the engine after a block.
///
/// # Errors
/// State that cannot be read.
pub fn changed_params(
    before: Option<&ConsensusParams>,
    state: &(impl KvRead + ?Sized),
) -> Result<Option<ConsensusParams>, StateError> {
    Ok(params(state)?.filter(|now| before != Some(now)))
}

/// Stores the parameters that the engine brought: at genesis, where they stand beside `app_state`, not in it.
///
/// # Errors
/// [`Fatal`] for parameters that [`validate`] refuses.
pub fn init_params(ctx: &mut Ctx<'_>, params: &ConsensusParams) -> Result<(), Fatal> {
    validate(params).map_err(|e| Fatal::new(format!("consensus_params: {e}")))?;
    PARAMS.set(ctx, params).map_err(|e| Abort::from(e).unexpected("consensus_params"))
}

/// The consensus module: stores the parameters of blocks and lets one authority change them.
pub struct ConsensusParamsModule {
    authority: Address,
}

impl ConsensusParamsModule {
    /// `authority` is who may change the parameters.
    pub fn new(authority: Address) -> Self {
        Self { authority }
    }
}

impl Module for ConsensusParamsModule {
    const NAME: &'static str = "consensus";
    const VERSION: u32 = 1;
    type Msg = ConsensusMsg;

    fn schema(&self) -> Result<Schema, SchemaError> {
        Schema::new(vec![PARAMS.schema("params")])
    }

    fn execute(&self, ctx: &mut Ctx<'_>, msg: ConsensusMsg) -> Result<Response, Abort> {
        match msg {
            ConsensusMsg::UpdateParams(msg) => msgs::update_params(&self.authority, ctx, &msg),
        }
    }

    fn init_genesis(&self, _: &mut Ctx<'_>, json: Value) -> Result<ValidatorUpdates, Fatal> {
        match json {
            Value::Null => Ok(ValidatorUpdates::new()),
            _ => Err(Fatal::new("consensus parameters stand in the field consensus_params of the genesis document")),
        }
    }

    fn export_genesis(&self, _: &ReadCtx) -> Result<Value, Fatal> {
        Ok(Value::Null)
    }

    fn queries(self: &Arc<Self>, router: &mut QueryRouter) {
        queries::register(router);
    }

    /// The stored parameters are acceptable.
    fn invariants(&self, ctx: &ReadCtx) -> Result<(), Fatal> {
        match params(ctx).map_err(|e| Abort::from(e).unexpected("consensus parameters"))? {
            Some(params) => validate(&params).map_err(|e| Fatal::new(format!("stored consensus parameters: {e}"))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_the_sdks() {
        assert_eq!((STORE.name(), PARAMS.key()), ("consensus", &b"Consensus"[..]));
    }
}
