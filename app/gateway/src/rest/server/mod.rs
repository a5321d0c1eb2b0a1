//! REST behind a socket: HTTP/1.1, with gRPC-web at the same address.

mod io;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, Response, header};
use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;

use super::{Rest, cors};
use crate::connections::Connections;
use crate::listen::listen;
use crate::observe::Door;
use crate::server::{Life, Protocol, Server};

/// Largest head of a request, and what a connection buffers of its client's bytes at most.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Answers gRPC-web, which lives on the same address: requests with a content type `application/grpc-web..`.
pub type Web = Arc<dyn Fn(Request<Body>, SocketAddr) -> BoxFuture<'static, Response<Body>> + Send + Sync>;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// `api.address` is not `tcp://host:port`.
    #[error("invalid api.address {0}: use tcp://host:port")]
    Address(String),
    /// The address is taken or not this machine's.
    #[error("cannot serve REST on {address}: {source}")]
    Listen {
        /// What was asked for.
        address: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Rest {
    /// Listens on the address of the settings and begins to answer, gRPC-web by `web`. Must be called within a Tokio
    /// runtime.
    ///
    /// # Errors
    /// [`StartError`]; then nothing listens.
    pub async fn serve(self: Arc<Self>, web: Option<Web>) -> Result<Server, StartError> {
        let address = self.settings().address.clone();
        let host = address.strip_prefix("tcp://").ok_or_else(|| StartError::Address(address.clone()))?;
        let failed = |source| StartError::Listen { address: host.to_owned(), source };
        let listener = listen(host).await.map_err(failed)?;
        let limit = self.settings().max_open_connections;
        let connections = Connections::new(limit, Door::Rest, self.metrics().clone());
        Server::start(listener, Arc::new(Api { rest: self, web }), connections).map_err(failed)
    }
}

/// What lives at the API's address.
struct Api {
    rest: Arc<Rest>,
    web: Option<Web>,
}

impl Protocol for Api {
    async fn serve(self: Arc<Self>, stream: TcpStream, life: Life) {
        let settings = self.rest.settings();
        let (read_timeout, write_timeout) = (settings.read_timeout, settings.write_timeout);
        let (activity, client) = (life.activity(), life.client());
        let handler = service_fn(move |request: Request<Incoming>| {
            let (api, activity) = (self.clone(), activity.clone());
            async move {
                activity.touch();
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(activity.clone());
                let response = api.answer(request, client).await;
                activity.touch();
                Ok::<_, Infallible>(response)
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(read_timeout)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(io::WriteDeadline::new(stream, write_timeout)), handler);
        life.drive(connection, |connection| connection.graceful_shutdown()).await;
    }

    fn refuse(&self, stream: &TcpStream) {
        const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let _ = stream.try_write(BUSY);
    }
}

impl Api {
    async fn answer(&self, request: Request<Body>, client: SocketAddr) -> Response<Body> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        match &self.web {
            Some(web) if kind.starts_with("application/grpc-web") => {
                let headers = request.headers().clone();
                let mut response = web(request, client).await;
                if self.rest.settings().unsafe_cors {
                    cors::open(&headers, response.headers_mut());
                }
                response
            }
            _ => self.rest.handle(request, client).await,
        }
    }
}
