use plume_kit::{Abort, Ctx, Fatal, Module, MsgDecodeError, MsgSet, ReadCtx, Response, ValidatorUpdates};
use plume_proto::plume::params::v1;
use plume_state::collections::{Item, Proto, Schema, SchemaError};
use plume_state::{KvRead, StateError, Store};
use serde_json::Value;

use crate::ChainParams;

/// The store of the parameters.
pub const STORE: Store = Store::committed("plume");

/// The parameters, set at genesis.
pub const PARAMS: Item<v1::Params, Proto> = Item::new(STORE, b"params");

/// Keeps the chain-wide parameters.
#[derive(Debug, Clone, Copy, Default)]
pub struct Params;

impl Params {
    /// The parameters that the module's field of `app_state` states; the defaults for `null`.
    ///
    /// # Errors
    /// JSON that is no `plume.params.v1.GenesisState`, or a field that is not valid.
    pub fn from_genesis(json: &Value) -> Result<ChainParams, Fatal> {
        if json.is_null() {
            return ChainParams::from_proto(&v1::Params::default());
        }
        let genesis: v1::GenesisState = plume_codec::decode_json(json).map_err(|e| Fatal::new(e.to_string()))?;
        ChainParams::from_proto(&genesis.params.unwrap_or_default())
    }

    /// The parameters in `state`; `None` before genesis.
    ///
    /// # Errors
    /// State that cannot be read.
    pub fn load(state: &(impl KvRead + ?Sized)) -> Result<Option<ChainParams>, Fatal> {
        let stored = PARAMS.get(state).map_err(fatal)?;
        stored.map(|params| ChainParams::from_proto(&params)).transpose()
    }
}

fn fatal(e: StateError) -> Fatal {
    Abort::from(e).unexpected("parameters")
}

impl Module for Params {
    const NAME: &'static str = "plume";
    const VERSION: u32 = 1;
    type Msg = NoMsgs;

    fn stores(&self) -> Vec<Store> {
        vec![STORE]
    }

    fn schema(&self) -> Result<Schema, SchemaError> {
        Schema::new(vec![PARAMS.schema("plume.params")])
    }

    fn execute(&self, _: &mut Ctx<'_>, msg: NoMsgs) -> Result<Response, Abort> {
        match msg {}
    }

    fn init_genesis(&self, ctx: &mut Ctx<'_>, json: Value) -> Result<ValidatorUpdates, Fatal> {
        let params = Self::from_genesis(&json)?;
        PARAMS.set(ctx, &params.to_proto()).map_err(fatal)?;
        Ok(ValidatorUpdates::new())
    }

    fn export_genesis(&self, ctx: &ReadCtx) -> Result<Value, Fatal> {
        let params = PARAMS.get(ctx).map_err(fatal)?;
        plume_codec::encode_json(&v1::GenesisState { params }).map_err(|e| Fatal::new(e.to_string()))
    }

    fn invariants(&self, ctx: &ReadCtx) -> Result<(), Fatal> {
        Self::load(ctx)?.map(|_| ()).ok_or_else(|| Fatal::new("the parameters are missing"))
    }
}

/// The parameters have no messages: they never change after genesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoMsgs {}

impl MsgSet for NoMsgs {
    const TYPE_URLS: &'static [&'static str] = &[];

    fn decode(type_url: &str, _: &[u8]) -> Result<Self, MsgDecodeError> {
        Err(MsgDecodeError::Unknown(type_url.to_owned()))
    }

    fn type_url(&self) -> &'static str {
        match *self {}
    }
}
