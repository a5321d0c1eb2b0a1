use std::sync::Arc;

use bytes::Bytes;
use plume_engine::{Event, IncludedTx, ProofOp, QueryAnswer, QueryError};
use plume_kit::sdk::{self, Kind};
use plume_kit::{GrpcCode, QueryFailure, ReadCtx};
use plume_primitives::{Gas, Height, Timestamp};
use plume_proto::cosmos::base::abci::v1beta1::{
    GasInfo, Result as TxMsgResult, SimulationResponse, TxMsgData, TxResponse,
};
use plume_proto::cosmos::tx::v1beta1::{GetTxRequest, GetTxResponse, SimulateRequest, SimulateResponse, Tx};
use plume_proto::tendermint::abci;
use plume_proto::{Any, Message, Name};
use plume_state::{StateError, StateView};

use crate::reader::Shared;
use crate::simulate::simulate;
use crate::tip::Tip;
use crate::tx::contain;

/// Simulation of a transaction.
pub(crate) const SIMULATE: &str = "/cosmos.tx.v1beta1.Service/Simulate";
/// Look-up of a transaction by hash.
pub(crate) const GET_TX: &str = "/cosmos.tx.v1beta1.Service/GetTx";

/// Answers a query by its path. A panic becomes an error, as in a transaction.
pub(crate) fn answer(
    shared: &Shared,
    path: &str,
    data: &[u8],
    height: Option<Height>,
    prove: bool,
) -> Result<QueryAnswer, QueryError> {
    contain(|| route(shared, path, data, height, prove)).unwrap_or_else(|e| {
        Err(QueryError {
            codespace: e.codespace.to_string(),
            code: e.code,
            grpc_code: GrpcCode::Internal as u32, // a field-less enum's own number
            message: e.message.clone(),
            log: e.message,
        })
    })
}

fn route(
    shared: &Shared,
    path: &str,
    data: &[u8],
    height: Option<Height>,
    prove: bool,
) -> Result<QueryAnswer, QueryError> {
    let router = shared.machine.modules.queries();
    if router.has(path) {
        let ctx = read_ctx(shared, height)?;
        let value = router.answer(&ctx, path, data).map_err(QueryFailure::into_error)?;
        return Ok(QueryAnswer { height: ctx.height(), value, ..QueryAnswer::default() });
    }
    match path {
        SIMULATE => at_tip(shared, simulate_tx(shared, data)?),
        GET_TX => at_tip(shared, get_tx(shared, data).map_err(QueryFailure::into_error)?),
        _ => {
            let parts: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
            match parts.as_slice() {
                ["store", store, "key"] => store_key(shared, store, data, height, prove),
                ["store", _, other] => Err(refusal(sdk::UNKNOWN_REQUEST, &format!("unexpected query path: {other}"))),
                ["app", "simulate"] => at_tip(shared, app_simulate(shared, data)?),
                ["app", "version"] => at_tip(shared, Bytes::from(shared.machine.config.version.clone())),
                ["app", ..] => {
                    let text = "expected second parameter to be either 'simulate' or 'version', neither was present";
                    Err(refusal(sdk::UNKNOWN_REQUEST, text))
                }
                // This node has no filter of its own: every peer may connect.
                ["p2p", "filter", ..] => at_tip(shared, Bytes::new()),
                [""] => Err(refusal(sdk::UNKNOWN_REQUEST, "no query path provided")),
                _ => Err(QueryError {
                    grpc_code: GrpcCode::Unimplemented as u32,
                    ..refusal(sdk::UNKNOWN_REQUEST, "unknown query path")
                }),
            }
        }
    }
}

/// An answer that does not depend on a height carries the last one, which is never 0.
fn at_tip(shared: &Shared, value: Bytes) -> Result<QueryAnswer, QueryError> {
    let tip = shared.tip();
    let height = tip.height.max(Height(1));
    Ok(QueryAnswer { height, value, ..QueryAnswer::default() })
}

/// The failure `kind` with `text` in front, without a gRPC status of its own.
fn refusal(kind: Kind, text: &str) -> QueryError {
    let log = format!("{text}: {}", kind.text);
    QueryError {
        codespace: kind.codespace.to_owned(),
        code: kind.code,
        grpc_code: GrpcCode::Unknown as u32, // a field-less enum's own number
        message: log.clone(),
        log,
    }
}

/// The state that a query reads, and its height: the last committed one for `None` and 0.
pub(crate) fn read_ctx(shared: &Shared, height: Option<Height>) -> Result<ReadCtx, QueryError> {
    let tip = shared.tip();
    let (height, view) = view_at(shared, &tip, height)?;
    let rules = tip.rules.as_ref().ok_or_else(|| not_ready(shared))?;
    let time = if height == tip.height { Ok(tip.time) } else { Shared::time_of(view.as_ref()) };
    let time: Timestamp = time.map_err(|e| QueryFailure::from(e).into_error())?;
    Ok(ReadCtx::new(view, Arc::new(rules.chain.clone()), height, time))
}

fn not_ready(shared: &Shared) -> QueryError {
    let text = format!("{} is not ready; please wait for first block", shared.machine.config.name);
    refusal(sdk::INVALID_HEIGHT, &text)
}

fn view_at(shared: &Shared, tip: &Tip, height: Option<Height>) -> Result<(Height, Arc<dyn StateView>), QueryError> {
    if tip.height == Height::ZERO {
        return Err(not_ready(shared));
    }
    match height.filter(|height| *height != Height::ZERO && *height != tip.height) {
        None => Ok((tip.height, tip.state.clone())),
        Some(future) if future > tip.height => {
            let text = "cannot query with height in the future; please provide a valid height";
            Err(refusal(sdk::INVALID_HEIGHT, text))
        }
        Some(past) => match shared.state_at(past) {
            Ok(view) => Ok((past, view)),
            Err(e) => Err(unavailable(tip, past, &e)),
        },
    }
}

fn unavailable(tip: &Tip, height: Height, e: &StateError) -> QueryError {
    match e {
        StateError::Unavailable { .. } => {
            let text = format!("failed to load state at height {height}; {e} (latest height: {})", tip.height);
            refusal(sdk::INVALID_HEIGHT, &text)
        }
        _ => QueryFailure::from(e.clone()).into_error(),
    }
}

/// `/store/<name>/key`: a stored value, or its absence, with a proof against the app hash in the next header.
fn store_key(
    shared: &Shared,
    name: &str,
    key: &[u8],
    height: Option<Height>,
    prove: bool,
) -> Result<QueryAnswer, QueryError> {
    let stores = shared.machine.modules.stores();
    let store = stores.iter().find(|store| store.is_committed() && store.name() == name);
    let store = *store.ok_or_else(|| refusal(sdk::UNKNOWN_REQUEST, &format!("no such store: {name}")))?;
    if key.is_empty() {
        return Err(refusal(sdk::TX_DECODE, "query cannot be zero length"));
    }
    let tip = shared.tip();
    let (height, view) = view_at(shared, &tip, height)?;
    let failed = |e: StateError| unavailable(&tip, height, &e);
    let key = Bytes::copy_from_slice(key);
    if !prove {
        let value = view.get(store, &key).map_err(failed)?.unwrap_or_default();
        return Ok(QueryAnswer { height, key, value, proof: Vec::new() });
    }
    let proven = shared.state().prove(store, &key, height.get()).map_err(failed)?;
    let proof =
        proven.ops.into_iter().map(|op| ProofOp { kind: op.kind.to_owned(), key: op.key.into(), data: op.data.into() });
    Ok(QueryAnswer { height, key, value: proven.value.unwrap_or_default(), proof: proof.collect() })
}

fn simulate_tx(shared: &Shared, data: &[u8]) -> Result<Bytes, QueryError> {
    let request = SimulateRequest::decode(data).map_err(|e| QueryFailure::plain(e.to_string()).into_error())?;
    let tx = requested_tx(request).map_err(QueryFailure::into_error)?;
    let done = simulate(shared, &tx).map_err(|failed| failed.into_error())?;
    let (gas_info, result) = simulation_parts(done).map_err(QueryFailure::into_error)?;
    Ok(Bytes::from(SimulateResponse { gas_info: Some(gas_info), result: Some(result) }.encode_to_vec()))
}

#[expect(deprecated, reason = "old clients send the transaction as a message instead of its bytes")]
fn requested_tx(request: SimulateRequest) -> Result<Bytes, QueryFailure> {
    match request {
        SimulateRequest { tx: Some(tx), tx_bytes } if tx_bytes.is_empty() => Ok(Bytes::from(tx.encode_to_vec())),
        SimulateRequest { tx_bytes, .. } if tx_bytes.is_empty() => {
            Err(QueryFailure::invalid("empty txBytes is not allowed"))
        }
        SimulateRequest { tx_bytes, .. } => Ok(Bytes::from(tx_bytes)),
    }
}

#[expect(deprecated, reason = "clients of SDK 0.45 read the responses from `data`")]
fn simulation_parts(done: plume_engine::SimulationOutcome) -> Result<(GasInfo, TxMsgResult), QueryFailure> {
    let data = TxMsgData::decode(done.data.as_ref()).map_err(|e| QueryFailure::plain(e.to_string()))?;
    let gas_info = GasInfo { gas_wanted: done.gas_wanted.get(), gas_used: done.gas_used.get() };
    let result = TxMsgResult {
        data: done.data.to_vec(),
        events: done.events.into_iter().map(to_proto_event).collect(),
        msg_responses: data.msg_responses,
        ..TxMsgResult::default()
    };
    Ok((gas_info, result))
}

/// `/app/simulate`: the bytes of a transaction in, `SimulationResponse` as JSON out.
fn app_simulate(shared: &Shared, tx: &[u8]) -> Result<Bytes, QueryError> {
    let done = simulate(shared, &Bytes::copy_from_slice(tx)).map_err(|failed| {
        let result = *failed.result;
        let log = format!("failed to simulate tx: {}", result.log);
        QueryError {
            codespace: result.codespace,
            code: result.code,
            grpc_code: GrpcCode::Unknown as u32, // a field-less enum's own number
            message: log.clone(),
            log,
        }
    })?;
    let (gas_info, result) = simulation_parts(done).map_err(QueryFailure::into_error)?;
    let response = SimulationResponse { gas_info: Some(gas_info), result: Some(result) };
    let json = plume_codec::encode_json(&response).map_err(|e| QueryFailure::plain(e.to_string()).into_error())?;
    Ok(Bytes::from(json.to_string()))
}

fn get_tx(shared: &Shared, data: &[u8]) -> Result<Bytes, QueryFailure> {
    let request = GetTxRequest::decode(data).map_err(|e| QueryFailure::plain(e.to_string()))?;
    if request.hash.is_empty() {
        return Err(QueryFailure::invalid("tx hash cannot be empty"));
    }
    let not_found = || QueryFailure::not_found(format!("tx not found: {}", request.hash));
    let hash =
        hex::decode(&request.hash).map_err(|e| QueryFailure::invalid(format!("tx hash {}: {e}", request.hash)))?;
    let hash: [u8; 32] = hash.try_into().map_err(|_| not_found())?;
    let unavailable = |e: &dyn core::fmt::Display| QueryFailure::status(GrpcCode::Unavailable, e.to_string());
    let engine = shared.engine().ok_or_else(|| unavailable(&"the consensus engine is not running"))?;
    let included = engine.tx(hash).map_err(|e| unavailable(&e))?.ok_or_else(not_found)?;
    let block = engine.block(Some(included.height)).map_err(|e| unavailable(&e))?.ok_or_else(not_found)?;
    let tx = Tx::decode(included.tx.as_ref()).map_err(|e| QueryFailure::plain(e.to_string()))?;
    let response = GetTxResponse { tx: Some(tx), tx_response: Some(tx_response(&hash, included, block.time)) };
    Ok(Bytes::from(response.encode_to_vec()))
}

fn tx_response(hash: &[u8], included: IncludedTx, time: Timestamp) -> TxResponse {
    let IncludedTx { height, tx, result, .. } = included;
    TxResponse {
        height: height.to_i64(),
        txhash: hex::encode_upper(hash),
        codespace: result.codespace,
        code: result.code,
        data: hex::encode_upper(&result.data),
        raw_log: result.log,
        gas_wanted: Gas::to_i64(result.gas_wanted),
        gas_used: Gas::to_i64(result.gas_used),
        // `TxRaw` and `Tx` share their encoding, so the received bytes are the value.
        tx: Some(Any { type_url: Tx::type_url(), value: tx.to_vec() }),
        timestamp: Timestamp::new(time.seconds(), 0).unwrap_or(time).to_string(),
        events: result.events.into_iter().map(to_proto_event).collect(),
        ..TxResponse::default()
    }
}

fn to_proto_event(event: Event) -> abci::Event {
    let attribute = |a: plume_engine::Attribute| abci::EventAttribute { key: a.key, value: a.value, index: a.index };
    abci::Event { r#type: event.kind, attributes: event.attributes.into_iter().map(attribute).collect() }
}
