//! gRPC: every method of the backend over HTTP/2, by its raw bytes, with reflection and health; and gRPC-web over HTTP/1.1.
//!
//! Nothing here knows a message: requests and responses pass as bytes.

mod deadline;
mod frame;
mod health;
mod reflection;
mod server;
mod status;
mod web;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use bytes::Bytes;
use futures_util::Stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use plume_primitives::Height;
use tokio::sync::mpsc;
use tokio::time::Instant as Deadline;

use crate::connections::Activity;
use crate::observe::{Access, Door, Metrics};
use crate::{Answer, Backend, Call, Code, Descriptors, GrpcSettings, Status};

pub use server::StartError;

/// Header and metadata that name the height to read, and the height that was read.
pub(crate) const HEIGHT: &str = "x-cosmos-block-height";

/// The gRPC door: a function from HTTP requests to answers. [`Grpc::serve`] puts it behind a socket.
pub struct Grpc {
    backend: Arc<dyn Backend>,
    reflection: reflection::Reflection,
    health: health::Health,
    settings: GrpcSettings,
    metrics: Metrics,
    room: Arc<frame::Room>,
}

impl Grpc {
    /// The door to `backend`, whose methods are among those of `descriptors`. `ready` says whether the node answers with
    /// the chain's present state, for health checks.
    pub fn new(
        backend: Arc<dyn Backend>,
        descriptors: Arc<Descriptors>,
        settings: GrpcSettings,
        metrics: Metrics,
        ready: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        let services = served(&*backend, &descriptors);
        let reflection = reflection::Reflection::new(descriptors, services.clone());
        let health = health::Health::new(services, Arc::new(ready));
        let room = frame::Room::new(settings.max_request_memory);
        Self { backend, reflection, health, settings, metrics, room }
    }

    /// The settings.
    pub fn settings(&self) -> &GrpcSettings {
        &self.settings
    }

    /// The figures.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Answers one gRPC request. Never fails: what is wrong becomes an answer.
    pub async fn handle(self: &Arc<Self>, request: Request<Body>, client: SocketAddr) -> Response<Body> {
        self.answer(request, client, Door::Grpc).await
    }

    /// Answers one gRPC-web request, binary or text.
    pub async fn handle_web(self: &Arc<Self>, request: Request<Body>, client: SocketAddr) -> Response<Body> {
        web::handle(self, request, client).await
    }

    /// Both doors: the body of `request` is framed as in gRPC.
    async fn answer(self: &Arc<Self>, request: Request<Body>, client: SocketAddr, door: Door) -> Response<Body> {
        let began = Instant::now();
        let _in_flight = self.metrics.begin(door);
        if request.method() != Method::POST {
            return plain(StatusCode::METHOD_NOT_ALLOWED);
        }
        let kind = request.headers().get(header::CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
        if !kind.starts_with(b"application/grpc") {
            return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let mut seen = Seen::default();
        let outcome = match deadline::of(&parts.headers, self.settings.timeout) {
            Ok(limit) => {
                let deadline = Deadline::now() + limit;
                let answered = self.dispatch(&path, &parts, body, deadline, &mut seen);
                match tokio::time::timeout_at(deadline, answered).await {
                    Ok(outcome) => outcome,
                    Err(_) => Err(Status::new(Code::DeadlineExceeded, "context deadline exceeded")),
                }
            }
            Err(status) => Err(status),
        };
        let code = outcome.as_ref().err().map_or(Code::Ok, |status| status.code);
        let known = if seen.known { path.as_str() } else { "" };
        let took = began.elapsed();
        self.metrics.answered(door, known, code, took);
        let access = Access {
            door,
            client,
            verb: parts.method.as_str(),
            path: &path,
            method: known,
            status: StatusCode::OK.as_u16(),
            code,
            height: seen.height,
            received: seen.received,
            sent: seen.sent,
            took,
        };
        access.log();
        outcome.unwrap_or_else(|status| status::refusal(&status))
    }

    async fn dispatch(
        self: &Arc<Self>,
        path: &str,
        Parts { headers, extensions, .. }: &Parts,
        body: Body,
        deadline: Deadline,
        seen: &mut Seen,
    ) -> Result<Response<Body>, Status> {
        if headers.get("grpc-encoding").is_some_and(|encoding| encoding != "identity") {
            let encoding = headers.get("grpc-encoding").and_then(|encoding| encoding.to_str().ok()).unwrap_or_default();
            let text = format!("grpc: Decompressor is not installed for grpc-encoding {encoding:?}");
            return Err(Status::new(Code::Unimplemented, text));
        }
        let mut messages = frame::Messages::new(body, self.settings.max_recv_msg_size, self.room.clone());
        if let Some(version) = reflection::Version::of(path) {
            seen.known = true;
            return Ok(self.reflect(version, messages, deadline));
        }
        if path == health::WATCH {
            seen.known = true;
            let request = one(&mut messages).await?;
            return Ok(self.watch(&request));
        }
        if path != health::CHECK && !self.backend.has(path) {
            return Err(self.unknown(path));
        }
        seen.known = true;
        let height = height(headers)?;
        let request = one(&mut messages).await?;
        // # Security
        // Only now: connections whose request never comes whole make room for others.
        let _busy = extensions.get::<Activity>().map(Activity::busy);
        seen.received = request.len();
        let answer = match path {
            health::CHECK => Answer { response: self.health.check(&request)?, height: Height::ZERO },
            _ => self.backend.call(Call { path: path.to_owned(), request, height }).await?,
        };
        let (size, most) = (answer.response.len(), self.settings.max_send_msg_size);
        if size > most {
            let text = format!("grpc: trying to send message larger than max ({size} vs. {most})");
            return Err(Status::new(Code::ResourceExhausted, text));
        }
        seen.height = Some(answer.height).filter(|height| *height != Height::ZERO);
        seen.sent = size;
        let frames = [Frame::data(frame::framed(&answer.response)), Frame::trailers(status::trailers(Code::Ok, ""))];
        let frames = futures_util::stream::iter(frames.map(Ok::<_, std::convert::Infallible>));
        let mut response = streamed(Body::new(StreamBody::new(frames)));
        if let Some(height) = seen.height {
            response.headers_mut().insert(HEIGHT, HeaderValue::from(height.get()));
        }
        Ok(response)
    }

    /// The texts are those of Go's server; relayers match them to learn what a chain lacks.
    fn unknown(&self, path: &str) -> Status {
        let text = match path.trim_start_matches('/').rsplit_once('/') {
            None => format!("malformed method name: {path:?}"),
            Some((service, method)) if self.health.knows(service) => {
                format!("unknown method {method} for service {service}")
            }
            Some((service, _)) => format!("unknown service {service}"),
        };
        Status::new(Code::Unimplemented, text)
    }

    /// Answers each question of reflection as it comes.
    fn reflect(
        self: &Arc<Self>,
        version: reflection::Version,
        mut messages: frame::Messages,
        deadline: Deadline,
    ) -> Response<Body> {
        let (answers, body) = channel();
        let door = self.clone();
        tokio::spawn(async move {
            let served = async {
                while let Some(request) = messages.next().await? {
                    let response = door.reflection.answer(version, &request)?;
                    messages.give_back();
                    if answers.send(Frame::data(frame::framed(&response))).await.is_err() {
                        break;
                    }
                }
                Ok(())
            };
            let expired = || Err(Status::new(Code::DeadlineExceeded, "context deadline exceeded"));
            let end = tokio::time::timeout_at(deadline, served).await.unwrap_or_else(|_| expired());
            let (code, message) = end.map_or_else(|e: Status| (e.code, e.message), |()| (Code::Ok, String::new()));
            // A client that is gone learns nothing more.
            let _ = answers.send(Frame::trailers(status::trailers(code, &message))).await;
        });
        streamed(body)
    }

    /// Says how a service is now, and whenever that changes, until the client goes.
    fn watch(self: &Arc<Self>, request: &[u8]) -> Response<Body> {
        let (answers, body) = channel();
        let (door, request) = (self.clone(), Bytes::copy_from_slice(request));
        tokio::spawn(async move {
            let mut last = None;
            loop {
                let now = match door.health.watch(&request) {
                    Ok(now) => now,
                    Err(e) => {
                        let _ = answers.send(Frame::trailers(status::trailers(e.code, &e.message))).await;
                        return;
                    }
                };
                if last.as_ref() != Some(&now) && answers.send(Frame::data(frame::framed(&now))).await.is_err() {
                    return;
                }
                last = Some(now);
                tokio::select! {
                    () = answers.closed() => return,
                    () = tokio::time::sleep(health::PERIOD) => {}
                }
            }
        });
        streamed(body)
    }
}

/// What a call came to, for figures and log.
#[derive(Default)]
struct Seen {
    known: bool,
    height: Option<Height>,
    received: usize,
    sent: usize,
}

/// Full names of the services of which the backend has a method, and of those that the door itself answers.
fn served(backend: &dyn Backend, descriptors: &Descriptors) -> Arc<[String]> {
    let has = |service: &prost_reflect::ServiceDescriptor| {
        let name = service.full_name();
        let own = reflection::Version::is_service(name) || name == health::SERVICE;
        own || service.methods().any(|method| backend.has(&format!("/{name}/{}", method.name())))
    };
    let mut names: Vec<String> =
        descriptors.pool().services().filter(has).map(|service| service.full_name().to_owned()).collect();
    names.sort_unstable();
    names.into()
}

/// The one message of a unary call.
async fn one(messages: &mut frame::Messages) -> Result<Bytes, Status> {
    let missing = || Status::new(Code::Internal, "unexpected end of the request: it holds no message");
    let message = messages.next().await?.ok_or_else(missing)?;
    match messages.next().await? {
        None => Ok(message),
        Some(_) => Err(Status::new(Code::Internal, "the method takes one message and got more")),
    }
}

/// The height that metadata names; 0 and none are the last one. More than one value counts as none, as in the SDK.
fn height(headers: &HeaderMap) -> Result<Option<Height>, Status> {
    let mut values = headers.get_all(HEIGHT).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let number: i64 = text.parse().map_err(|_| {
        let text = format!("Baseapp.RegisterGRPCServer: invalid height header {HEIGHT:?}: {text:?}: invalid request");
        Status::new(Code::Unknown, text)
    })?;
    let height = Height::try_from(number).map_err(|_| {
        let text = "cannot query with height < 0; please provide a valid height: invalid request";
        Status::new(Code::Unknown, text)
    })?;
    Ok(Some(height).filter(|height| *height != Height::ZERO))
}

/// An answer of plain HTTP to what is no gRPC.
fn plain(code: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = code;
    response
}

fn streamed(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// A body whose frames come one by one; its sender waits for the client.
fn channel() -> (mpsc::Sender<Frame<Bytes>>, Body) {
    let (sender, receiver) = mpsc::channel(1);
    (sender, Body::new(StreamBody::new(Frames(receiver))))
}

struct Frames(mpsc::Receiver<Frame<Bytes>>);

impl Stream for Frames {
    type Item = Result<Frame<Bytes>, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|frame| frame.map(Ok))
    }
}

#[cfg(test)]
mod tests;
