//! The toy module: a query that answers with its request, and a message that leaves an event.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes};
use plume_kit::{Abort, Ctx, Event, Fatal, Module, QueryRouter, ReadCtx, Response, ValidatorUpdates, msgs};
use plume_state::collections::{Schema, SchemaError};
use plume_tests_toy::{ECHO, EVERYTHING};
use prost::DecodeError;
use prost::encoding::{DecodeContext, WireType};
use prost_reflect::DynamicMessage;
use serde_json::Value;

pub struct Toy;

/// The fields of `toy.v1.MsgPaint` that the module reads.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Paint {
    #[prost(string, tag = "1")]
    pub painter: String,
}

msgs! {
    /// Messages of the toy module.
    pub enum ToyMsg {
        Paint(Paint) = "/toy.v1.MsgPaint",
    }
}

impl Module for Toy {
    const NAME: &'static str = "toy";
    const VERSION: u32 = 1;
    type Msg = ToyMsg;

    fn schema(&self) -> Result<Schema, SchemaError> {
        Schema::new(Vec::new())
    }

    fn execute(&self, ctx: &mut Ctx<'_>, msg: ToyMsg) -> Result<Response, Abort> {
        let ToyMsg::Paint(paint) = msg;
        ctx.emit(Event::new("paint").with("painter", paint.painter));
        Ok(Response { type_url: "/toy.v1.MsgPaintResponse".to_owned(), value: Bytes::from_static(&[0x08, 7]) })
    }

    fn init_genesis(&self, _: &mut Ctx<'_>, _: Value) -> Result<ValidatorUpdates, Fatal> {
        Ok(Vec::new())
    }

    fn export_genesis(&self, _: &ReadCtx) -> Result<Value, Fatal> {
        Ok(Value::Null)
    }

    fn queries(self: &Arc<Self>, router: &mut QueryRouter) {
        router.add(ECHO, |_, request: Everything| Ok(request));
    }
}

/// `toy.v1.Everything` without a generated type.
#[derive(Debug, Clone, PartialEq)]
pub struct Everything(DynamicMessage);

impl Default for Everything {
    fn default() -> Self {
        let message = plume_codec::pool().get_message_by_name(EVERYTHING).expect("registered first");
        Self(DynamicMessage::new(message))
    }
}

impl prost::Message for Everything {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        self.0.encode_raw(buf);
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        self.0.merge_field(tag, wire_type, buf, ctx)
    }

    fn encoded_len(&self) -> usize {
        self.0.encoded_len()
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}
