use core::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use plume_engine::{ProofOp, QueryAnswer, QueryError};
use plume_kit::sdk::{self, Kind};
use plume_kit::{Budgeted, GrpcCode, QueryFailure, ReadCtx};
use plume_primitives::{Height, Timestamp};
use plume_state::{Direction, StateError, StateView, Store, bound_ref, prefix_end};

use crate::reader::Shared;
use crate::simulate::{app_simulate, simulate_tx};
use crate::tip::Tip;
use crate::tx::contain;

/// Simulation of a transaction: the one method of the SDK's services for which the state machine suffices.
pub(crate) const SIMULATE: &str = "/cosmos.tx.v1beta1.Service/Simulate";

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
            grpc_code: GrpcCode::Internal.number(),
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
        let ctx = limited_ctx(shared, height)?;
        let value = router.answer(&ctx, path, data).map_err(QueryFailure::into_error)?;
        return Ok(QueryAnswer { height: ctx.height(), value, ..QueryAnswer::default() });
    }
    if path == SIMULATE {
        return at_tip(shared, simulate_tx(shared, data)?);
    }
    if let Some(answer) = node(shared, path, data, height) {
        return answer;
    }
    let parts: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    match parts.as_slice() {
        ["store", store, "key"] => store_key(shared, store, data, height, prove),
        ["store", store, "subspace"] => store_subspace(shared, store, data, height),
        ["store", _, other @ ..] => {
            let other = other.join("/");
            Err(refusal(sdk::UNKNOWN_REQUEST, &format!("unexpected query path: /{other}")))
        }
        ["app", "simulate"] => at_tip(shared, app_simulate(shared, data)?),
        ["app", "version"] => at_tip(shared, Bytes::from(shared.machine.config.version.clone())),
        ["app", _, ..] => Err(refusal(sdk::UNKNOWN_REQUEST, &format!("unknown query: [{}]", parts.join(" ")))),
        ["app"] => {
            let text = "expected second parameter to be either 'simulate' or 'version', neither was present";
            Err(refusal(sdk::UNKNOWN_REQUEST, text))
        }
        // This node has no filter of its own: every peer may connect.
        ["p2p", "filter", "addr" | "id", _, ..] => at_tip(shared, Bytes::new()),
        ["p2p", "filter", _, _, ..] => Err(refusal(sdk::UNKNOWN_REQUEST, "expected third parameter to be addr or id")),
        ["p2p", _, _, _, ..] => Err(refusal(sdk::UNKNOWN_REQUEST, "expected second parameter to be 'filter'")),
        ["p2p", ..] => Err(refusal(sdk::UNKNOWN_REQUEST, "path should be p2p filter <addr|id> <parameter>")),
        [""] => Err(refusal(sdk::UNKNOWN_REQUEST, "no query path provided")),
        _ => Err(QueryError {
            grpc_code: GrpcCode::Unimplemented.number(),
            ..refusal(sdk::UNKNOWN_REQUEST, "unknown query path")
        }),
    }
}

/// What the node answers for the state machine; `None` where the path is not its own.
fn node(shared: &Shared, path: &str, data: &[u8], height: Option<Height>) -> Option<Result<QueryAnswer, QueryError>> {
    let service = shared.service()?;
    // The SDK makes a context of that height for every method, so that a height which cannot be read is refused by all.
    let tip = shared.tip();
    let height = match height.filter(|height| *height != Height::ZERO) {
        Some(asked) if service.paths().binary_search(&path).is_ok() => match view_at(shared, &tip, Some(asked)) {
            Ok((height, _)) => height,
            Err(e) => return Some(Err(e)),
        },
        _ => tip.height.max(Height(1)),
    };
    let answer = service.answer(path, data, height)?;
    Some(answer.map(|value| QueryAnswer { height, value, ..QueryAnswer::default() }))
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
        grpc_code: GrpcCode::Unknown.number(),
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

/// As [`read_ctx`], with a limit on how much may be read.
fn limited_ctx(shared: &Shared, height: Option<Height>) -> Result<ReadCtx, QueryError> {
    let ctx = read_ctx(shared, height)?;
    let view = limited(shared, ctx.view().clone());
    Ok(ReadCtx::new(view, Arc::new(ctx.chain().clone()), ctx.height(), ctx.time()))
}

fn limited(shared: &Shared, view: Arc<dyn StateView>) -> Arc<dyn StateView> {
    match shared.machine.config.query_gas_limit {
        0 => view,
        limit => Arc::new(Budgeted::new(view, limit)),
    }
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
    let store = named_store(shared, name, key)?;
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

/// `/store/<name>/subspace`: all records below a prefix, as `cosmos.store.internal.kv.v1beta1.Pairs`. Without a proof, as in
/// the SDK, whatever was asked: ICS-23 has none for a range. Unlike there the asked height counts.
fn store_subspace(
    shared: &Shared,
    name: &str,
    prefix: &[u8],
    height: Option<Height>,
) -> Result<QueryAnswer, QueryError> {
    let store = named_store(shared, name, prefix)?;
    let tip = shared.tip();
    let (height, view) = view_at(shared, &tip, height)?;
    let view = limited(shared, view);
    let failed = |e: StateError| match e {
        StateError::Unavailable { .. } => unavailable(&tip, height, &e),
        _ => QueryFailure::from(e).into_error(),
    };
    let end = prefix_end(prefix);
    let records = view.range(store, Bound::Included(prefix), bound_ref(&end), Direction::Ascending).map_err(failed)?;
    let mut pairs = Vec::new();
    for record in records {
        let (key, value) = record.map_err(failed)?;
        pairs.push(Pair { key, value });
    }
    let value = Bytes::from(prost::Message::encode_to_vec(&Pairs { pairs }));
    Ok(QueryAnswer { height, key: Bytes::copy_from_slice(prefix), value, proof: Vec::new() })
}

/// The committed store called `name`; an empty key or prefix is refused.
fn named_store(shared: &Shared, name: &str, key: &[u8]) -> Result<Store, QueryError> {
    let stores = shared.machine.modules.stores();
    let store = stores.iter().find(|store| store.is_committed() && store.name() == name);
    let store = *store.ok_or_else(|| refusal(sdk::UNKNOWN_REQUEST, &format!("no such store: {name}")))?;
    if key.is_empty() {
        return Err(refusal(sdk::TX_DECODE, "query cannot be zero length"));
    }
    Ok(store)
}

/// `cosmos.store.internal.kv.v1beta1.Pairs`.
#[derive(Clone, PartialEq, prost::Message)]
struct Pairs {
    #[prost(message, repeated, tag = "1")]
    pairs: Vec<Pair>,
}

/// `cosmos.store.internal.kv.v1beta1.Pair`.
#[derive(Clone, PartialEq, prost::Message)]
struct Pair {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    value: Bytes,
}
