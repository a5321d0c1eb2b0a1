//! The gRPC server: listening, limits on connections, shutdown.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use super::Grpc;
use crate::connections::{Connections, Place};
use crate::listen::listen;
use crate::observe::Door;

/// How long [`GrpcServer::shutdown`] waits for calls that are being answered.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(3);

/// How often a connection is asked whether its client is still there, and how long the client may take to answer.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(20));

/// Largest head of a request in bytes.
const MAX_HEAD_BYTES: u32 = 16 * 1024;

/// What a connection may buffer of its answers in bytes.
const MAX_SEND_BUFFER: usize = 256 * 1024;

/// The running server. Dropping it stops it as [`GrpcServer::shutdown`] does, without waiting.
#[derive(Debug)]
pub struct GrpcServer {
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    done: mpsc::Receiver<Infallible>,
}

/// Why the server did not start: the address is taken or not this machine's.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve gRPC on {address}: {source}")]
pub struct StartError {
    /// What was asked for.
    pub address: String,
    /// What the system said.
    pub source: std::io::Error,
}

impl GrpcServer {
    /// Listens on `door`'s address and begins to answer. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// [`StartError`]; then nothing listens.
    pub async fn start(door: Arc<Grpc>) -> Result<Self, StartError> {
        let address = door.settings().address.clone();
        let host = address.strip_prefix("tcp://").unwrap_or(&address);
        let failed = |source| StartError { address: address.clone(), source };
        let listener = listen(host).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let (stop, stopped) = watch::channel(false);
        let (running, done) = mpsc::channel(1);
        let connections = Connections::new(door.settings().max_connections, Door::Grpc, door.metrics().clone());
        tokio::spawn(accept(listener, door, connections, stopped, running));
        Ok(Self { addr, stop, done })
    }

    /// Where it listens, with the port that the system chose for port 0.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Takes no new connection, lets calls that are being answered finish (three seconds at most), and closes the rest.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(true);
        // Ends when every connection has dropped its sender.
        let _ = tokio::time::timeout(SHUTDOWN_WAIT, self.done.recv()).await;
    }
}

async fn accept(
    listener: TcpListener,
    door: Arc<Grpc>,
    connections: Arc<Connections>,
    mut stopped: watch::Receiver<bool>,
    running: mpsc::Sender<Infallible>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        match accepted {
            // Without a place every connection has a call that is being answered: the client tries again.
            Ok((stream, client)) => {
                if let Some(place) = connections.admit() {
                    tokio::spawn(serve(stream, client, door.clone(), place, stopped.clone(), running.clone()));
                }
            }
            Err(error) => {
                // Too many open files and the like: others may close theirs.
                tracing::warn!(%error, "gRPC: a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(
    stream: TcpStream,
    client: SocketAddr,
    door: Arc<Grpc>,
    place: Place,
    mut stopped: watch::Receiver<bool>,
    _running: mpsc::Sender<Infallible>,
) {
    let _ = stream.set_nodelay(true);
    let (interval, patience) = KEEP_ALIVE;
    let (max_streams, activity) = (door.settings().max_streams, place.activity());
    let handler = service_fn(move |request: Request<Incoming>| {
        let (door, activity) = (door.clone(), activity.clone());
        async move {
            activity.touch();
            let busy = activity.busy();
            let response = door.handle(request.map(Body::new), client).await;
            drop(busy);
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
    let mut connection = std::pin::pin!(connection);
    // An error means that the server was dropped.
    let stopping = async { drop(stopped.wait_for(|stopped| *stopped).await) };
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = place.closed() => match place.is_busy() {
            // A call came in just now.
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
        tracing::debug!(%client, %error, "gRPC connection ended");
    }
}
