//! The HTTP server: listening, limits on connections, shutdown.

pub(crate) mod clients;
mod cors;
mod http;
mod io;
mod pages;
mod subscription;
mod target;
mod ws;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use plume_engine::Reader;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

pub(crate) use cors::Cors;
pub(crate) use subscription::EventTexts;

use crate::core::State;
use crate::{Environment, RpcSettings};

/// How long a client may take for the request line and headers, and an idle connection is kept (`ReadTimeout`).
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long [`Server::shutdown`] waits for answers that are being written.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(3);

/// Smallest buffer for headers that the HTTP library takes.
const MIN_HEADER_BUFFER: usize = 8 * 1024;

/// The running server. Dropping it stops it as [`Server::shutdown`] does, without waiting.
#[derive(Debug)]
pub struct Server {
    addrs: Vec<SocketAddr>,
    stop: watch::Sender<bool>,
    done: mpsc::Receiver<Infallible>,
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// `laddr` is not `tcp://host:port`.
    #[error("invalid listening address {0} (use fully formed addresses, including the tcp:// prefix)")]
    Address(String),
    /// The address is taken or not this machine's.
    #[error("failed to listen on {address}: {source}")]
    Listen {
        /// What was asked for.
        address: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Server {
    /// Listens and begins to answer. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// [`StartError`]; then nothing listens.
    pub async fn start<R: Reader>(env: Environment<R>, settings: RpcSettings) -> Result<Self, StartError> {
        let mut listeners = Vec::new();
        let mut addrs = Vec::new();
        for laddr in settings.laddr.split(',').map(str::trim).filter(|laddr| !laddr.is_empty()) {
            let address = laddr.strip_prefix("tcp://").ok_or_else(|| StartError::Address(laddr.to_owned()))?;
            let failed = |source| StartError::Listen { address: address.to_owned(), source };
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            addrs.push(listener.local_addr().map_err(failed)?);
            listeners.push(listener);
        }
        let (stop, stopped) = watch::channel(false);
        let (running, done) = mpsc::channel(1);
        let state = Arc::new(State::new(env, settings));
        for listener in listeners {
            // Each address has its own limit, as in CometBFT.
            let limit = match state.settings.max_open_connections {
                0 => Semaphore::MAX_PERMITS,
                limit => limit.min(Semaphore::MAX_PERMITS),
            };
            let accept =
                accept(listener, state.clone(), Arc::new(Semaphore::new(limit)), stopped.clone(), running.clone());
            tokio::spawn(accept);
        }
        Ok(Self { addrs, stop, done })
    }

    /// Where it listens; the first address if there are several.
    pub fn addr(&self) -> SocketAddr {
        self.addrs.first().copied().unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)))
    }

    /// All addresses.
    pub fn addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// Takes no new connection, lets answers that are being written finish (three seconds at most), and closes the rest.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(true);
        // Ends when every connection has dropped its sender.
        let _ = tokio::time::timeout(SHUTDOWN_WAIT, self.done.recv()).await;
    }
}

/// What a connection holds as long as it is open, its WebSocket included.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    stopped: watch::Receiver<bool>,
    _running: mpsc::Sender<Infallible>,
    _permit: Arc<OwnedSemaphorePermit>,
}

impl Guard {
    /// Completes when the server stops.
    async fn stopped(&mut self) {
        // An error means that the server was dropped.
        let _ = self.stopped.wait_for(|stopped| *stopped).await;
    }
}

async fn accept<R: Reader>(
    listener: TcpListener,
    state: Arc<State<R>>,
    places: Arc<Semaphore>,
    stopped: watch::Receiver<bool>,
    running: mpsc::Sender<Infallible>,
) {
    let mut until = stopped.clone();
    loop {
        let next = async {
            // Connections above the limit wait in the system's queue.
            let permit = places.clone().acquire_owned().await.ok()?;
            Some((permit, listener.accept().await))
        };
        let accepted = tokio::select! {
            next = next => next,
            _ = until.wait_for(|stopped| *stopped) => None,
        };
        match accepted {
            None => return,
            Some((permit, Ok((stream, client)))) => {
                let guard = Guard { stopped: stopped.clone(), _running: running.clone(), _permit: Arc::new(permit) };
                tokio::spawn(serve(stream, client, state.clone(), guard));
            }
            Some((_, Err(error))) => {
                // Too many open files and the like: others may close theirs.
                tracing::warn!(%error, "RPC: a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve<R: Reader>(stream: TcpStream, client: SocketAddr, state: Arc<State<R>>, mut guard: Guard) {
    let _ = stream.set_nodelay(true);
    let stream = target::Encoded::new(io::WriteDeadline::new(stream, state.write_timeout()));
    let max_header = state.settings.max_header_bytes.max(MIN_HEADER_BUFFER);
    let handler = {
        let guard = guard.clone();
        service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let (state, guard) = (state.clone(), guard.clone());
            async move {
                let (parts, body) = request.into_parts();
                Ok::<_, Infallible>(http::serve(state, parts, Body::new(body), client, guard).await)
            }
        })
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(max_header)
        .serve_connection(TokioIo::new(stream), handler)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = guard.stopped() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%client, %error, "RPC connection ended");
    }
}
