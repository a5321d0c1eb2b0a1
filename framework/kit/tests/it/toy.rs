use std::sync::Arc;

use bytes::Bytes;
use plume_kit::{
    Abort, Ctx, Event, Fatal, Module, QueryFailure, QueryRouter, ReadCtx, Response, TxError, ValidatorUpdates, msgs,
    sdk,
};
use plume_primitives::Address;
use plume_proto::cosmos::bank::v1beta1::{MsgSend, MsgSendResponse, QueryBalanceRequest, QueryBalanceResponse};
use plume_proto::cosmos::base::v1beta1::Coin;
use plume_state::collections::{Schema, SchemaError};
use plume_state::{KvRead, KvWrite, Store};
use serde_json::{Value, json};

pub const STORE: Store = Store::committed("toy");
pub const KEY: &[u8] = b"\x01k";

msgs! {
    /// Messages of the toy; borrowed from bank, whose signer option the descriptors know.
    pub enum ToyMsg {
        Send(MsgSend) = "/cosmos.bank.v1beta1.MsgSend",
    }
}

/// What the one message does is written in its denomination.
pub struct Toy;

impl Module for Toy {
    const NAME: &'static str = "toy";
    const VERSION: u32 = 3;
    type Msg = ToyMsg;

    fn schema(&self) -> Result<Schema, SchemaError> {
        Ok(Schema::default())
    }

    fn execute(&self, ctx: &mut Ctx<'_>, ToyMsg::Send(msg): ToyMsg) -> Result<Response, Abort> {
        let verb = msg.amount.first().map_or("", |coin| coin.denom.as_str());
        match verb {
            "write" => ctx.set(STORE, KEY, Bytes::from_static(b"12345"))?,
            "read" => drop(ctx.get(STORE, KEY)?),
            "fail" => {
                ctx.set(STORE, KEY, Bytes::from_static(b"lost"))?;
                ctx.emit(Event::new("lost"));
                return Err(TxError::plain(sdk::UNAUTHORIZED).into());
            }
            "branch" => {
                let inner: Result<(), Abort> = ctx.branch(|ctx| {
                    ctx.set(STORE, b"\x01inner", Bytes::from_static(b"x"))?;
                    ctx.emit(Event::new("inner"));
                    Err(TxError::plain(sdk::LOGIC).into())
                });
                assert!(inner.is_err());
                ctx.set(STORE, b"\x01outer", Bytes::from_static(b"x"))?;
                ctx.emit(Event::new("outer"));
            }
            "dispatch" | "recurse" => {
                let authority = ctx
                    .chain()
                    .prefix
                    .parse_account(&msg.to_address)
                    .map_err(|e| TxError::wrap(sdk::INVALID_ADDRESS, e))?;
                let denom = if verb == "recurse" { "recurse" } else { "write" };
                let inner = MsgSend { amount: vec![Coin { denom: denom.into(), amount: "1".into() }], ..msg };
                let packed = plume_proto::any(&inner);
                return ctx.dispatch(&packed.type_url, &packed.value, &authority);
            }
            other => return Err(TxError::wrap(sdk::INVALID_REQUEST, format_args!("unknown verb {other:?}")).into()),
        }
        Ok(Response::of(&MsgSendResponse {}))
    }

    fn init_genesis(&self, ctx: &mut Ctx<'_>, json: Value) -> Result<ValidatorUpdates, Fatal> {
        if let Some(text) = json.as_str() {
            ctx.set(STORE, KEY, Bytes::copy_from_slice(text.as_bytes())).map_err(|e| Fatal::new(e.to_string()))?;
        }
        Ok(ValidatorUpdates::new())
    }

    fn export_genesis(&self, ctx: &ReadCtx) -> Result<Value, Fatal> {
        let value = ctx.get(STORE, KEY).map_err(|e| Fatal::new(e.to_string()))?;
        Ok(value.map_or(Value::Null, |v| json!(String::from_utf8_lossy(&v))))
    }

    fn queries(self: &Arc<Self>, router: &mut QueryRouter) {
        router.add("/cosmos.bank.v1beta1.Query/Balance", |_: &ReadCtx, request: QueryBalanceRequest| {
            match request.denom.as_str() {
                "" => Err(QueryFailure::invalid("empty denom")),
                denom => Ok(QueryBalanceResponse { balance: Some(Coin { denom: denom.into(), amount: "7".into() }) }),
            }
        });
    }

    fn migrate(&self, ctx: &mut Ctx<'_>, from: u32) -> Result<(), Fatal> {
        let step = Bytes::from(format!("migrated from {from}"));
        let key = [b"\x02".as_slice(), &from.to_be_bytes()].concat();
        ctx.set(STORE, &key, step).map_err(|e| Fatal::new(e.to_string()))
    }
}

/// A message whose verb is `verb`, signed by and addressed to `address`.
pub fn message(verb: &str, from: &str, to: &str) -> MsgSend {
    MsgSend {
        from_address: from.into(),
        to_address: to.into(),
        amount: vec![Coin { denom: verb.into(), amount: "1".into() }],
    }
}

pub fn address(byte: u8) -> Address {
    Address::new(&[byte; 20]).unwrap()
}
