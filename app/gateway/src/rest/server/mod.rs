//! The API server: listening, limits on connections, shutdown.

mod io;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response, header};
use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use super::{Rest, cors};
use crate::connections::{Activity, Connections, Place};
use crate::listen::listen;
use crate::observe::Door;

/// How long [`ApiServer::shutdown`] waits for answers that are being written.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(3);

/// Largest head of a request, and what a connection buffers of its client's bytes at most.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Answers gRPC-web, which lives on the same address: requests with a content type `application/grpc-web..`.
pub type Web = Arc<dyn Fn(Request<Body>, SocketAddr) -> BoxFuture<'static, Response<Body>> + Send + Sync>;

/// The running server. Dropping it stops it as [`ApiServer::shutdown`] does, without waiting.
#[derive(Debug)]
pub struct ApiServer {
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    done: mpsc::Receiver<Infallible>,
}

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

struct Shared {
    rest: Arc<Rest>,
    web: Option<Web>,
    connections: Arc<Connections>,
}

impl ApiServer {
    /// Listens on `rest`'s address and begins to answer. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// [`StartError`]; then nothing listens.
    pub async fn start(rest: Arc<Rest>, web: Option<Web>) -> Result<Self, StartError> {
        let address = rest.settings().address.clone();
        let host = address.strip_prefix("tcp://").ok_or_else(|| StartError::Address(address.clone()))?;
        let failed = |source| StartError::Listen { address: host.to_owned(), source };
        let listener = listen(host).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let (stop, stopped) = watch::channel(false);
        let (running, done) = mpsc::channel(1);
        let limit = rest.settings().max_open_connections;
        let connections = Connections::new(limit, Door::Rest, rest.metrics().clone());
        let shared = Arc::new(Shared { rest, web, connections });
        tokio::spawn(accept(listener, shared, stopped, running));
        Ok(Self { addr, stop, done })
    }

    /// Where it listens, with the port that the system chose for port 0.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Takes no new connection, lets answers that are being written finish (three seconds at most), and closes the rest.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(true);
        // Ends when every connection has dropped its sender.
        let _ = tokio::time::timeout(SHUTDOWN_WAIT, self.done.recv()).await;
    }
}

async fn accept(
    listener: TcpListener,
    shared: Arc<Shared>,
    mut stopped: watch::Receiver<bool>,
    running: mpsc::Sender<Infallible>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        match accepted {
            Ok((stream, client)) => match shared.connections.admit() {
                Some(place) => {
                    tokio::spawn(serve(stream, client, shared.clone(), place, stopped.clone(), running.clone()));
                }
                None => refuse(&stream),
            },
            Err(error) => {
                // Too many open files and the like: others may close theirs.
                tracing::warn!(%error, "REST: a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Every connection is being answered: says so, as far as one packet goes.
fn refuse(stream: &TcpStream) {
    const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let _ = stream.try_write(BUSY);
}

async fn serve(
    stream: TcpStream,
    client: SocketAddr,
    shared: Arc<Shared>,
    place: Place,
    mut stopped: watch::Receiver<bool>,
    _running: mpsc::Sender<Infallible>,
) {
    let _ = stream.set_nodelay(true);
    let settings = shared.rest.settings();
    let (read_timeout, write_timeout) = (settings.read_timeout, settings.write_timeout);
    let activity = place.activity();
    let handler = service_fn(move |request: Request<Incoming>| {
        let (shared, activity) = (shared.clone(), activity.clone());
        async move {
            activity.touch();
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(activity.clone());
            let response = answer(&shared, request, client).await;
            activity.touch();
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(read_timeout)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(io::WriteDeadline::new(stream, write_timeout)), handler);
    let mut connection = std::pin::pin!(connection);
    // An error means that the server was dropped.
    let stopping = async { drop(stopped.wait_for(|stopped| *stopped).await) };
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = place.closed() => match place.is_busy() {
            // A request came in just now.
            true => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
            false => return,
        },
        () = stopping => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%client, %error, "REST connection ended");
    }
}

async fn answer(shared: &Shared, request: Request<Body>, client: SocketAddr) -> Response<Body> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    match &shared.web {
        Some(web) if kind.starts_with("application/grpc-web") => {
            let _busy = request.extensions().get::<Activity>().map(Activity::busy);
            let headers = request.headers().clone();
            let mut response = web(request, client).await;
            if shared.rest.settings().unsafe_cors {
                cors::open(&headers, response.headers_mut());
            }
            response
        }
        _ => shared.rest.handle(request, client).await,
    }
}
