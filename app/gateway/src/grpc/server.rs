//! gRPC behind a socket: HTTP/2, with limits on what one connection may ask at a time.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;

use super::Grpc;
use crate::connections::Connections;
use crate::listen::listen;
use crate::observe::Door;
use crate::server::{Life, Protocol, Server};

/// How often a connection is asked whether its client is still there, and how long the client may take to answer.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(20));

/// Largest head of a request in bytes.
const MAX_HEAD_BYTES: u32 = 16 * 1024;

/// What a connection may buffer of its answers in bytes.
const MAX_SEND_BUFFER: usize = 256 * 1024;

/// Why the server did not start: the address is taken or not this machine's.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve gRPC on {address}: {source}")]
pub struct StartError {
    /// What was asked for.
    pub address: String,
    /// What the system said.
    pub source: std::io::Error,
}

impl Grpc {
    /// Listens on the address of the settings and begins to answer. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// [`StartError`]; then nothing listens.
    pub async fn serve(self: Arc<Self>) -> Result<Server, StartError> {
        let address = self.settings().address.clone();
        let host = address.strip_prefix("tcp://").unwrap_or(&address);
        let failed = |source| StartError { address: address.clone(), source };
        let listener = listen(host).await.map_err(failed)?;
        let connections = Connections::new(self.settings().max_connections, Door::Grpc, self.metrics().clone());
        Server::start(listener, self, connections).map_err(failed)
    }
}

impl Protocol for Grpc {
    async fn serve(self: Arc<Self>, stream: TcpStream, life: Life) {
        let (interval, patience) = KEEP_ALIVE;
        let (max_streams, activity, client) = (self.settings().max_streams, life.activity(), life.client());
        let handler = service_fn(move |request: Request<Incoming>| {
            let (door, activity) = (self.clone(), activity.clone());
            async move {
                activity.touch();
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(activity.clone());
                let response = door.handle(request, client).await;
                activity.touch();
                Ok::<_, Infallible>(response)
            }
        });
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(interval)
            .keep_alive_timeout(patience)
            .max_concurrent_streams(max_streams)
            .max_header_list_size(MAX_HEAD_BYTES)
            .max_send_buf_size(MAX_SEND_BUFFER)
            .serve_connection(TokioIo::new(stream), handler);
        life.drive(connection, |connection| connection.graceful_shutdown()).await;
    }

    /// HTTP/2 has no word for this before its greeting: the connection closes, and the client tries again.
    fn refuse(&self, _: &TcpStream) {}
}

#[cfg(test)]
mod tests;
