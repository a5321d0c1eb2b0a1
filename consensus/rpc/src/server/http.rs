//! One HTTP request: checks, routing, and the two ways of calling a method.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::{Body, Bytes, to_bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method as Verb, Response, StatusCode, header};
use plume_engine::Reader;

use super::cors::Cors;
use super::{Guard, pages, ws};
use crate::answer::Failure;
use crate::core::{Checking, Outcome, State};
use crate::methods::{self, Access, Cache, Method, Spec};
use crate::request::{self, Args, Id, Pairs, Request};

/// How long a client may take to send a body (`ReadTimeout`).
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// What Go's `reflect` says of a call without its arguments; CometBFT passes it on.
pub(super) const TOO_FEW_ARGUMENTS: &str = "reflect: Call with too few input arguments";

/// Answers one request.
pub(super) async fn serve<R: Reader>(
    state: Arc<State<R>>,
    parts: Parts,
    body: Body,
    client: SocketAddr,
    guard: Guard,
) -> Response<Body> {
    let body = match read_body(body, state.settings.max_body_bytes).await {
        Ok(body) => body,
        Err(error) => {
            let failure = Failure::invalid_request(format!("error reading request body: {error}"));
            let mut response = json(StatusCode::BAD_REQUEST, failure.answer(None));
            // What is left of the body is not read.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            return response;
        }
    };
    let parsed = (!body.is_empty()).then(|| request::parse_body(&body));
    let limit = state.settings.max_request_batch_size;
    if let Some(Ok(parsed)) = &parsed
        && limit > 0
        && parsed.batch
        && parsed.requests.len() > limit
    {
        let text = format!("batch request exceeds maximum ({limit}) allowed number of requests");
        return json(StatusCode::OK, Failure::invalid_request(text).answer(None));
    }

    let mut extra = HeaderMap::new();
    if let Ok(now) = SystemTime::now().duration_since(UNIX_EPOCH) {
        extra.insert("x-server-time", HeaderValue::from(now.as_secs()));
    }
    let mut response = match &state.cors {
        Some(cors) if Cors::is_preflight(&parts.method, &parts.headers) => {
            extra.extend(cors.preflight(&parts.headers));
            empty(StatusCode::NO_CONTENT)
        }
        cors => {
            if let Some(cors) = cors {
                extra.extend(cors.actual(&parts.method, &parts.headers));
            }
            match parts.uri.path() {
                "/" => match parsed {
                    None => endpoints(&state, &parts),
                    Some(Ok(parsed)) => rpc(&state, parsed.requests, client).await,
                    Some(Err(error)) => {
                        let failure = Failure::parse(format!("error unmarshaling request: {error}"));
                        json(StatusCode::INTERNAL_SERVER_ERROR, failure.answer(None))
                    }
                },
                "/websocket" => ws::upgrade(state.clone(), parts, client, guard).await,
                path => {
                    match path.strip_prefix('/').and_then(|name| methods::find(name, state.settings.unsafe_methods)) {
                        Some(spec) => uri(&state, spec, &parts, &body, client).await,
                        None => text(StatusCode::NOT_FOUND, "404 page not found\n"),
                    }
                }
            }
        }
    };
    response.headers_mut().extend(extra);
    response
}

async fn read_body(body: Body, limit: usize) -> Result<Bytes, String> {
    match tokio::time::timeout(READ_TIMEOUT, to_bytes(body, limit)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) => {
            let too_large =
                std::error::Error::source(&error).is_some_and(|source| source.is::<http_body_util::LengthLimitError>());
            Err(if too_large { "http: request body too large".to_owned() } else { "unexpected EOF".to_owned() })
        }
        Err(_) => Err("i/o timeout".to_owned()),
    }
}

/// The answer to one call of a batch.
enum Answer {
    Ready(Vec<u8>),
    /// Its transaction is being checked.
    Checking(Checking),
}

/// Waits for the transactions that are being checked, and gives all answers; `None` after a bug of a method.
async fn settle(answers: Vec<Answer>) -> Option<Vec<Vec<u8>>> {
    let mut settled = Vec::with_capacity(answers.len());
    // They are checked in their order: when the last one is, the others are, or nearly.
    for answer in answers.into_iter().rev() {
        settled.push(match answer {
            Answer::Ready(answer) => answer,
            Answer::Checking(checking) => match checking.outcome().await {
                Outcome::Done(answer) | Outcome::Failed(answer) => answer,
                Outcome::Panicked => return None,
            },
        });
    }
    settled.reverse();
    Some(settled)
}

/// `POST /`: one call or a batch. Transactions that follow each other in a batch are checked together; any other call
/// begins when those before it are done.
async fn rpc<R: Reader>(
    state: &Arc<State<R>>,
    requests: Vec<Option<Request<'_>>>,
    client: SocketAddr,
) -> Response<Body> {
    let mut cache = true;
    let mut answers = Vec::new();
    // Since the last call that was waited for.
    let mut begun = Vec::new();
    for request in requests.into_iter().flatten() {
        let spec = methods::find(&request.method, state.settings.unsafe_methods);
        let Some(spec) = spec.filter(|spec| spec.access != Access::WebSocket) else {
            begun.push(Answer::Ready(Failure::method_not_found().answer(Some(&request.id))));
            cache = false;
            continue;
        };
        let args = match arguments(spec, request.params) {
            Ok(Some(args)) => args,
            // CometBFT's handler panics here, which ends the whole batch.
            Ok(None) => return server_error(TOO_FEW_ARGUMENTS),
            Err(error) => {
                let text = format!("error converting json params to arguments: {error}");
                begun.push(Answer::Ready(Failure::invalid_params(text).answer(Some(&request.id))));
                cache = false;
                continue;
            }
        };
        cache = cache && may_cache(spec, &args);
        if spec.method == Method::BroadcastTxSync {
            begun.push(Answer::Checking(state.begin_broadcast_tx_sync(request.id, args.bytes(0))));
            continue;
        }
        let Some(settled) = settle(std::mem::take(&mut begun)).await else { return server_error("") };
        answers.extend(settled);
        match state.call(request.id, spec, args, client).await {
            Outcome::Done(answer) | Outcome::Failed(answer) => answers.push(answer),
            Outcome::Panicked => return server_error(""),
        }
    }
    let Some(settled) = settle(begun).await else { return server_error("") };
    answers.extend(settled);
    let body = match answers.len() {
        0 => return empty(StatusCode::OK),
        1 => answers.remove(0),
        _ => [&b"["[..], &answers.join(&b","[..]), b"]"].concat(),
    };
    cached(json(StatusCode::OK, body), cache)
}

/// The arguments of a call; `None` where the method takes some and the request has no `params` at all.
pub(super) fn arguments(spec: &Spec, params: Option<&[u8]>) -> Result<Option<Args>, String> {
    match params {
        Some(params) => request::from_json(spec, params).map(Some),
        None if spec.params.is_empty() => Ok(Some(Args::new(Vec::new()))),
        None => Ok(None),
    }
}

/// `/method?param=value`.
async fn uri<R: Reader>(
    state: &Arc<State<R>>,
    spec: &'static Spec,
    parts: &Parts,
    body: &[u8],
    client: SocketAddr,
) -> Response<Body> {
    if spec.access == Access::WebSocket {
        return json(StatusCode::NOT_FOUND, Failure::method_not_found().answer(Some(&Id::NONE)));
    }
    let query = Pairs::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let form = is_form(parts).then(|| Pairs::parse(body));
    let args = match request::from_uri(spec, &query, form.as_ref()) {
        Ok(args) => args,
        Err(error) => {
            let failure = Failure::invalid_params(format!("error converting http params to arguments: {error}"));
            return json(StatusCode::INTERNAL_SERVER_ERROR, failure.answer(Some(&Id::NONE)));
        }
    };
    let cache = may_cache(spec, &args);
    match state.call(Id::NONE, spec, args, client).await {
        Outcome::Done(answer) => cached(json(StatusCode::OK, answer), cache),
        Outcome::Failed(answer) => json(StatusCode::INTERNAL_SERVER_ERROR, answer),
        Outcome::Panicked => server_error(""),
    }
}

fn is_form(parts: &Parts) -> bool {
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    matches!(parts.method, Verb::POST | Verb::PUT | Verb::PATCH)
        && kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

fn may_cache(spec: &Spec, args: &Args) -> bool {
    match spec.cache {
        Cache::Never => false,
        Cache::Always => true,
        Cache::WithHeight => args.is_set(0),
    }
}

fn cached(mut response: Response<Body>, cache: bool) -> Response<Body> {
    if cache {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));
    }
    response
}

fn endpoints<R: Reader>(state: &State<R>, parts: &Parts) -> Response<Body> {
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let page = pages::endpoints(host, state.settings.unsafe_methods);
    with_type(StatusCode::OK, "text/html", page.into())
}

fn server_error(data: &str) -> Response<Body> {
    json(StatusCode::INTERNAL_SERVER_ERROR, Failure::internal(data).answer(Some(&Id::NONE)))
}

fn json(status: StatusCode, body: Vec<u8>) -> Response<Body> {
    with_type(status, "application/json", body.into())
}

/// `http.Error` of Go.
pub(super) fn text(status: StatusCode, body: &'static str) -> Response<Body> {
    let mut response = with_type(status, "text/plain; charset=utf-8", body.into());
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn with_type(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = empty(status);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    *response.body_mut() = body;
    response
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
