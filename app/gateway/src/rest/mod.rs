#![doc = include_str!("README.md")]

mod answer;
mod call;
mod comments;
mod cors;
mod fields;
mod go;
mod openapi;
mod page;
mod routes;
mod server;
mod settings;
mod template;

use std::fmt;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::body::{Body, to_bytes};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method as Verb, Request, Response, StatusCode, header};
use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body_util::LengthLimitError;
use hyper::body::Body as _;
use plume_primitives::Height;
use prost_reflect::DescriptorPool;
use serde_json::json;

pub use answer::http_status;
pub use openapi::document as openapi_document;
pub use routes::{RouteError, RouteTable};
pub use server::{StartError, Web};
pub use settings::RestSettings;

use crate::connections::Activity;
use crate::observe::{Access, Door, Metrics, PROMETHEUS_TEXT};
use crate::{Answer, Backend, Call, Code, Status};

/// The REST door: a function from HTTP requests to answers. [`Rest::serve`] puts it behind a socket.
pub struct Rest {
    backend: Arc<dyn Backend>,
    routes: RouteTable,
    settings: RestSettings,
    metrics: Metrics,
    /// The OpenAPI document, if it is served.
    openapi: Option<Bytes>,
}

/// What became of a request, for the log.
#[derive(Default)]
struct Outcome {
    method: String,
    code: Option<Code>,
    height: Option<Height>,
    received: usize,
}

impl Rest {
    /// Compiles the routes of the methods in `pool` that `backend` has.
    ///
    /// # Errors
    /// [`RouteError`] for a `google.api.http` option that cannot be followed.
    pub fn new(
        backend: Arc<dyn Backend>,
        pool: &DescriptorPool,
        settings: RestSettings,
        metrics: Metrics,
    ) -> Result<Self, RouteError> {
        let routes = RouteTable::compile(pool, |path| backend.has(path))?;
        let openapi = settings.swagger.then(|| openapi_document(&routes, &settings.title).to_string().into());
        Ok(Self { backend, routes, settings, metrics, openapi })
    }

    /// The routes.
    pub fn routes(&self) -> &RouteTable {
        &self.routes
    }

    /// The settings.
    pub fn settings(&self) -> &RestSettings {
        &self.settings
    }

    /// The figures.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Answers one request. Never fails: what is wrong becomes an answer.
    pub async fn handle(&self, request: Request<Body>, client: SocketAddr) -> Response<Body> {
        let began = Instant::now();
        let _in_flight = self.metrics.begin(Door::Rest);
        let (parts, body) = request.into_parts();
        let mut outcome = Outcome::default();
        let mut response = match &self.settings.unsafe_cors {
            true if cors::is_preflight(&parts) => cors::preflight(&parts.headers),
            _ => self.answer(&parts, body, &mut outcome).await,
        };
        if self.settings.unsafe_cors {
            cors::open(&parts.headers, response.headers_mut());
        }
        if let Ok(now) = SystemTime::now().duration_since(UNIX_EPOCH) {
            response.headers_mut().insert("x-server-time", HeaderValue::from(now.as_secs()));
        }
        let took = began.elapsed();
        // What no method answered (pages, redirects) is logged, but not counted among calls.
        if let Some(code) = outcome.code {
            self.metrics.answered(Door::Rest, &outcome.method, code, took);
        }
        let access = Access {
            door: Door::Rest,
            client,
            verb: parts.method.as_str(),
            path: parts.uri.path(),
            method: &outcome.method,
            status: response.status().as_u16(),
            code: outcome.code.unwrap_or(Code::Ok),
            height: outcome.height,
            received: outcome.received,
            sent: response.body().size_hint().exact().and_then(|size| usize::try_from(size).ok()).unwrap_or_default(),
            took,
        };
        access.log();
        response
    }

    async fn answer(&self, parts: &Parts, body: Body, outcome: &mut Outcome) -> Response<Body> {
        let refused = |status: Status, outcome: &mut Outcome| {
            outcome.code = Some(status.code);
            answer::error(&status)
        };
        let path = match fields::unescape(parts.uri.path(), false) {
            Ok(path) => path,
            Err(text) => return refused(Status::new(Code::InvalidArgument, text), outcome),
        };
        if let Some(page) = self.page(parts, &path) {
            return page;
        }
        let body = match self.read(parts, body).await {
            Ok(body) => body,
            Err(status) => {
                let mut response = refused(status, outcome);
                // What is left of the body is not read.
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                return response;
            }
        };
        outcome.received = body.len();
        // From here on the client waits for us, and its connection is not closed to make room.
        let _busy = parts.extensions.get::<Activity>().map(Activity::busy);
        match self.call(parts, &path, &body, outcome).await {
            Ok((json, height)) => {
                (outcome.code, outcome.height) = (Some(Code::Ok), Some(height));
                answer::success(json, height)
            }
            Err(status) => refused(status, outcome),
        }
    }

    /// Pages and redirects, which are no methods.
    fn page(&self, parts: &Parts, path: &str) -> Option<Response<Body>> {
        let reads = parts.method == Verb::GET || parts.method == Verb::HEAD;
        if let Some(clean) = page::clean(parts.uri.path()) {
            let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
            return Some(answer::moved(&format!("{clean}{query}")));
        }
        match path {
            "/metrics" if reads && self.metrics.telemetry().enabled => Some(self.scrape(parts)),
            "/swagger" if reads && self.openapi.is_some() => Some(answer::moved("/swagger/")),
            _ if reads => page::swagger(path.strip_prefix("/swagger/")?, self.openapi.as_ref()?),
            _ => None,
        }
    }

    /// `/metrics`, `?format=prometheus`.
    fn scrape(&self, parts: &Parts) -> Response<Body> {
        let mut parameters = fields::Parameters::default();
        let format = match parameters.read(parts.uri.query().unwrap_or_default()) {
            Ok(()) => parameters.first("format").unwrap_or_default().trim().to_owned(),
            Err(_) => String::new(),
        };
        let refused = |problem: String| {
            let body = json!({ "error": format!("failed to gather metrics: {problem}") });
            answer::with_type(StatusCode::BAD_REQUEST, "application/json", body.to_string())
        };
        match format.as_str() {
            "" | "text" => answer::with_type(StatusCode::OK, "application/json", self.metrics.json()),
            "prometheus" if self.metrics.telemetry().prometheus_retention_time == 0 => {
                refused("prometheus metrics are not enabled".to_owned())
            }
            "prometheus" => answer::with_type(StatusCode::OK, PROMETHEUS_TEXT, self.metrics.prometheus()),
            other => refused(format!("unsupported metrics format: {other}")),
        }
    }

    /// The body, within the limits on size and time.
    async fn read(&self, parts: &Parts, body: Body) -> Result<Bytes, Status> {
        if body.is_end_stream() || parts.method == Verb::GET || parts.method == Verb::HEAD {
            return Ok(Bytes::new());
        }
        let reading = to_bytes(body, self.settings.max_body_bytes);
        match tokio::time::timeout(self.settings.read_timeout, reading).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(error)) => {
                let too_large = std::error::Error::source(&error).is_some_and(|source| source.is::<LengthLimitError>());
                let text = if too_large { "http: request body too large" } else { "unexpected EOF" };
                Err(Status::new(Code::InvalidArgument, text))
            }
            Err(_) => Err(Status::new(Code::Canceled, "the request body did not arrive in time")),
        }
    }

    async fn call(
        &self,
        parts: &Parts,
        path: &str,
        body: &Bytes,
        outcome: &mut Outcome,
    ) -> Result<(String, Height), Status> {
        let query = parts.uri.query().unwrap_or_default();
        let request = call::Request { verb: &parts.method, path, query, headers: &parts.headers, body };
        let (route, values) = call::route(&self.routes, &request)?;
        outcome.method.clone_from(&route.method);
        let timeout = call::timeout(&parts.headers)?;
        let height = call::height(&parts.headers)?;
        let message = call::message(route, &values, &request)?;
        let called = self.backend.call(Call { path: route.method.clone(), request: message, height });
        let called = AssertUnwindSafe(called).catch_unwind();
        let called = match timeout {
            None => called.await,
            Some(timeout) => tokio::time::timeout(timeout, called)
                .await
                .map_err(|_| Status::new(Code::DeadlineExceeded, "context deadline exceeded"))?,
        };
        let Answer { response, height } = called.map_err(|_| Status::new(Code::Internal, "the method panicked"))??;
        Ok((call::json(route, &response)?, height))
    }
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rest")
            .field("routes", &self.routes.len())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
