//! WebSockets: the same methods, one request a message, and subscriptions.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::FromRequestParts as _;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method as Verb, Response, StatusCode, header};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use plume_engine::Reader;
use tokio::sync::mpsc;
use tokio::time::{Instant, interval_at, timeout};

use super::Guard;
use super::clients::Place;
use super::http::{TOO_FEW_ARGUMENTS, arguments, text};
use super::subscription::{Active, feed};
use crate::MAX_QUERY;
use crate::answer::{self, Failure};
use crate::core::{Outcome, State};
use crate::methods::{self, Access, Method, Spec};
use crate::request::{self, Args, Id, Request};

/// A write that takes longer ends the connection (`defaultWSWriteWait`).
pub(super) const WRITE_WAIT: Duration = Duration::from_secs(10);
/// A client that sends nothing for so long, not even a pong, is gone (`defaultWSReadWait`).
const READ_WAIT: Duration = Duration::from_secs(30);
/// Pings go out this often (`defaultWSPingPeriod`).
const PING_PERIOD: Duration = Duration::from_secs(27);

/// A message on its way out. What several subscribers get is shared and joined only when it is sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) head: Vec<u8>,
    pub(super) shared: Bytes,
}

impl Outgoing {
    pub(super) fn whole(text: Vec<u8>) -> Self {
        Self { head: text, shared: Bytes::new() }
    }

    fn into_message(mut self) -> Option<Message> {
        self.head.extend_from_slice(&self.shared);
        // What the server writes is UTF-8 by construction.
        Utf8Bytes::try_from(Bytes::from(self.head)).ok().map(Message::Text)
    }
}

/// Answers `GET /websocket`.
pub(super) async fn upgrade<R: Reader>(
    state: Arc<State<R>>,
    mut parts: Parts,
    client: SocketAddr,
    guard: Guard,
) -> Response<Body> {
    let refused = |status, body| {
        let mut response = text(status, body);
        response.headers_mut().insert("sec-websocket-version", HeaderValue::from_static("13"));
        response
    };
    let names = |name, token: &str| {
        let values = parts.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|list| list.split(',')).any(|value| value.trim().eq_ignore_ascii_case(token))
    };
    let asks = names(header::CONNECTION, "upgrade") && names(header::UPGRADE, "websocket");
    if asks && parts.method != Verb::GET {
        return refused(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n");
    }
    let Ok(upgrade) = WebSocketUpgrade::from_request_parts(&mut parts, &()).await else {
        return refused(StatusCode::BAD_REQUEST, "Bad Request\n");
    };
    let limit = state.settings.max_body_bytes;
    upgrade
        .max_message_size(limit)
        .max_frame_size(limit)
        .on_upgrade(move |socket| async move { Session::run(state, client, socket, guard).await })
}

/// One open WebSocket.
struct Session<R: Reader> {
    state: Arc<State<R>>,
    client: SocketAddr,
    out: mpsc::Sender<Outgoing>,
    /// By the text form of the query.
    subscriptions: HashMap<String, Active>,
}

impl<R: Reader> Session<R> {
    /// Ends when the client goes, is too slow or the server stops; subscriptions end with it.
    async fn run(state: Arc<State<R>>, client: SocketAddr, socket: WebSocket, mut guard: Guard) {
        let (sink, stream) = socket.split();
        let (out, queue) = mpsc::channel(state.settings.websocket_write_buffer_size.max(1));
        let mut session = Self { state, client, out, subscriptions: HashMap::new() };
        tokio::select! {
            () = write(sink, queue) => {}
            () = session.read(stream) => {}
            () = guard.stopped() => {}
        }
    }

    async fn read(&mut self, mut stream: SplitStream<WebSocket>) {
        while let Ok(Some(Ok(message))) = timeout(READ_WAIT, stream.next()).await {
            let answer = match message {
                Message::Text(text) => self.handle(text.as_bytes()).await,
                Message::Binary(bytes) => self.handle(&bytes).await,
                Message::Close(_) => return,
                Message::Ping(_) | Message::Pong(_) => None,
            };
            if let Some(answer) = answer
                && self.out.send(Outgoing::whole(answer)).await.is_err()
            {
                return;
            }
        }
    }

    /// The answer to one message; a notification has none, and a subscription has sent its own.
    async fn handle(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        let request = match request::first_request(message) {
            Ok(request) => request?,
            Err(error) => return Some(Failure::parse(format!("error unmarshaling request: {error}")).answer(None)),
        };
        let Some(spec) = methods::find(&request.method, self.state.settings.unsafe_methods) else {
            return Some(Failure::method_not_found().answer(Some(&request.id)));
        };
        let args = match arguments(spec, request.params) {
            Ok(Some(args)) => args,
            Ok(None) => {
                let failure = Failure::internal(format!("WSJSONRPC: {TOO_FEW_ARGUMENTS}"));
                return Some(failure.answer(Some(&Id::NONE)));
            }
            Err(error) => {
                let failure = Failure::internal(format!("error converting json params to arguments: {error}"));
                return Some(failure.answer(Some(&request.id)));
            }
        };
        self.call(request, spec, args).await
    }

    async fn call(&mut self, request: Request<'_>, spec: &'static Spec, args: Args) -> Option<Vec<u8>> {
        if spec.access != Access::WebSocket {
            return Some(match self.state.call(request.id, spec, args, self.client).await {
                Outcome::Done(answer) | Outcome::Failed(answer) => answer,
                Outcome::Panicked => Failure::internal("").answer(Some(&Id::NONE)),
            });
        }
        let id = request.id;
        let result = match spec.method {
            Method::Subscribe => return self.subscribe(id, args.string(0)).await,
            Method::Unsubscribe => self.unsubscribe(args.string(0)),
            _ => self.unsubscribe_all(),
        };
        Some(answer::answer(&id, |json| {
            result?;
            json.object(|_| ());
            Ok(())
        }))
    }

    async fn subscribe(&mut self, id: Id, query: &str) -> Option<Vec<u8>> {
        // Those that were cancelled free their places.
        self.subscriptions.retain(|_, active| !active.ended());
        match self.open(query) {
            Err(error) => Some(Failure::internal(error).answer(Some(&id))),
            Ok((key, place, subscription)) => {
                // The answer goes out before the first event.
                let answer = answer::answer(&id, |json| {
                    json.object(|_| ());
                    Ok(())
                });
                self.out.send(Outgoing::whole(answer)).await.ok()?;
                let task = feed(self.state.clone(), self.out.clone(), id, query.to_owned(), subscription);
                self.subscriptions.insert(key, Active::new(place, task));
                None
            }
        }
    }

    fn open(&self, query: &str) -> Result<(String, Place, plume_events::Subscription), String> {
        self.state.clients.admit(self.client)?;
        if query.len() > MAX_QUERY {
            return Err("maximum query length exceeded".to_owned());
        }
        let parsed: plume_events::Query = query.parse().map_err(|error| format!("failed to parse query: {error}"))?;
        let key = parsed.to_string();
        let place = self.state.clients.enter(self.client, key.clone())?;
        let capacity = self.state.settings.subscription_buffer_size;
        let subscription = self.state.env.events.subscribe(parsed, capacity).map_err(|error| error.to_string())?;
        Ok((key, place, subscription))
    }

    fn unsubscribe(&mut self, query: &str) -> Result<(), String> {
        let parsed: plume_events::Query = query.parse().map_err(|error| format!("failed to parse query: {error}"))?;
        self.subscriptions.remove(&parsed.to_string()).map(drop).ok_or_else(|| "subscription not found".to_owned())
    }

    fn unsubscribe_all(&mut self) -> Result<(), String> {
        if self.subscriptions.is_empty() {
            return Err("subscription not found".to_owned());
        }
        self.subscriptions.clear();
        Ok(())
    }
}

/// Sends what is queued, and pings in between. Ends when the client takes nothing any more.
async fn write(mut sink: SplitSink<WebSocket, Message>, mut queue: mpsc::Receiver<Outgoing>) {
    let mut pings = interval_at(Instant::now() + PING_PERIOD, PING_PERIOD);
    loop {
        let message = tokio::select! {
            outgoing = queue.recv() => match outgoing {
                Some(outgoing) => outgoing.into_message(),
                None => return,
            },
            _ = pings.tick() => Some(Message::Ping(Bytes::new())),
        };
        let Some(message) = message else { continue };
        if !matches!(timeout(WRITE_WAIT, sink.send(message)).await, Ok(Ok(()))) {
            return;
        }
    }
}
