use std::sync::Arc;

use bytes::Bytes;
use plume_engine::{Fatal, ValidatorUpdate};
use plume_state::collections::{Schema, SchemaError};
use plume_state::{Derivation, Store};
use prost::{Message, Name};
use serde_json::Value;

use crate::{Abort, ChainInfo, Ctx, MsgSet, ProofJob, QueryRouter, ReadCtx, TxError};

/// Validator changes that a module gives back; at most one module per block gives any.
pub type ValidatorUpdates = Vec<ValidatorUpdate>;

/// One module of the state machine: its messages, queries, block hooks, genesis and state.
///
/// A module is deterministic: it reads state and the block through its context and nothing
/// else. It holds no state itself, only handles to other modules given at construction.
pub trait Module: Send + Sync + 'static {
    /// Name: codespace of its errors and field of `app_state`.
    const NAME: &'static str;
    /// Version of the layout of its state; raised together with a migration.
    const VERSION: u32;
    /// Its messages.
    type Msg: MsgSet;

    /// The stores it owns; by default one committed store of its own name.
    fn stores(&self) -> Vec<Store> {
        vec![Store::committed(Self::NAME)]
    }

    /// How its derived stores are rebuilt from the others when a node starts.
    fn derivations(&self) -> Vec<Derivation> {
        Vec::new()
    }

    /// What its keys and values mean, for traces and proofs; called at start-up.
    ///
    /// # Errors
    /// Two of its collections that could write one key.
    fn schema(&self) -> Result<Schema, SchemaError>;

    /// Stateless validation (the SDK's `ValidateBasic`); may run in parallel and more than once.
    ///
    /// # Errors
    /// The failure of a message that no state could make valid.
    fn check(&self, _chain: &ChainInfo, _msg: &Self::Msg) -> Result<(), TxError> {
        Ok(())
    }

    /// Executes a message. Everything that depends on state is checked here, in one place.
    ///
    /// # Errors
    /// The message's failure; whatever was written is dropped by the caller.
    fn execute(&self, ctx: &mut Ctx<'_>, msg: Self::Msg) -> Result<Response, Abort>;

    /// Proofs in a message that can be verified without state, batched over a block.
    fn proofs(&self, _msg: &Self::Msg) -> Vec<ProofJob> {
        Vec::new()
    }

    /// Writes the genesis state. `json` is the module's field of `app_state`, `null` when absent.
    /// May give the first validators.
    ///
    /// # Errors
    /// A genesis that is refused, with the field that is wrong.
    fn init_genesis(&self, ctx: &mut Ctx<'_>, json: Value) -> Result<ValidatorUpdates, Fatal>;

    /// The inverse of [`Module::init_genesis`]: importing it gives the same state.
    ///
    /// # Errors
    /// State that cannot be read.
    fn export_genesis(&self, ctx: &ReadCtx) -> Result<Value, Fatal>;

    /// Runs before everything else of a block; consensus parameters may change here.
    ///
    /// # Errors
    /// Only what the node cannot survive.
    fn pre_block(&self, _ctx: &mut Ctx<'_>) -> Result<(), Fatal> {
        Ok(())
    }

    /// Runs before the transactions of a block.
    ///
    /// # Errors
    /// Only what the node cannot survive.
    fn begin_block(&self, _ctx: &mut Ctx<'_>) -> Result<(), Fatal> {
        Ok(())
    }

    /// Runs after each transaction that executed its messages, failed or not, outside their
    /// rollback: settles fees.
    ///
    /// # Errors
    /// A [`TxError`] fails the transaction as if a message had failed.
    fn post_execution(&self, _ctx: &mut Ctx<'_>, _succeeded: bool) -> Result<(), Abort> {
        Ok(())
    }

    /// Runs after the transactions of a block; may change validators.
    ///
    /// # Errors
    /// Only what the node cannot survive.
    fn end_block(&self, _ctx: &mut Ctx<'_>) -> Result<ValidatorUpdates, Fatal> {
        Ok(ValidatorUpdates::new())
    }

    /// Registers its queries.
    fn queries(self: &Arc<Self>, _router: &mut QueryRouter) {}

    /// Checks what must always hold. Tests, simulation and `verify-state` call it, blocks never.
    ///
    /// # Errors
    /// Names the broken invariant and both sides of it.
    fn invariants(&self, _ctx: &ReadCtx) -> Result<(), Fatal> {
        Ok(())
    }

    /// Brings state from version `from` to `from + 1`; called once for each step.
    ///
    /// # Errors
    /// State that cannot be migrated; the upgrade stops.
    fn migrate(&self, _ctx: &mut Ctx<'_>, from: u32) -> Result<(), Fatal> {
        Err(Fatal::new(format!("module {} has no migration from version {from}", Self::NAME)))
    }
}

/// The response of a message, as it goes into `TxMsgData`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    /// Type URL of the response message.
    pub type_url: String,
    /// Its encoding.
    pub value: Bytes,
}

impl Response {
    /// Encodes a response message.
    pub fn of<T: Message + Name>(message: &T) -> Self {
        Self { type_url: T::type_url(), value: Bytes::from(message.encode_to_vec()) }
    }
}
