//! The ABCI 2.0 server: CometBFT's end is a client with four connections.

mod connection;
mod listener;
mod restore;
mod seat;

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use plume_engine::{Executor, Fatal};
use plume_primitives::Height;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::ListenAddress;
use crate::frame::MAX_FRAME;
use connection::Shared;
use listener::Listener;
use seat::{Seat, SeatHandle};

/// Worker threads: CometBFT's four connections never wait for each other's short calls.
const WORKERS: usize = 4;

/// Longest wait for a query in progress when the server stops.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// How a chain began, as its genesis document says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Chain id.
    pub chain_id: String,
    /// Height of the first block.
    pub initial_height: Height,
}

/// Limits of a [`Server`], and what its protocol does not tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerOptions {
    /// Largest request in bytes, at most [`MAX_FRAME`]. `InitChain` carries the whole
    /// `app_state`, so the default is CometBFT's own limit.
    pub max_frame: usize,
    /// What a snapshot of another node must agree with, since ABCI names neither with an offer. Without it none is taken
    /// over.
    pub origin: Option<Origin>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self { max_frame: MAX_FRAME, origin: None }
    }
}

/// A server that cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: ListenAddress,
        /// Why not.
        source: io::Error,
    },
    /// Another process answers on the Unix socket.
    #[error("cannot listen on {0}: another process listens there")]
    InUse(ListenAddress),
    /// The path does not fit into a socket address.
    #[error("cannot listen on {address}: a socket path has at most {max} bytes, this one has {length}", max = crate::MAX_SOCKET_PATH)]
    PathTooLong {
        /// Where.
        address: ListenAddress,
        /// Bytes of the path.
        length: usize,
    },
    /// No threads.
    #[error("cannot start the abci server: {0}")]
    Threads(io::Error),
}

/// A running ABCI server that owns an executor.
///
/// The executor lives on its own thread and sees the consensus connection's requests strictly in
/// order. `CheckTx`, `Query` and later `Info`s run on the connections' own tasks with the
/// [`plume_engine::Reader`], while a block executes.
///
/// # Security
/// ABCI has no authentication: listen on a Unix socket or a loopback address.
pub struct Server<E: Executor> {
    address: ListenAddress,
    reader: E::Reader,
    fatal: watch::Receiver<Option<Fatal>>,
    running: Option<Running<E>>,
}

struct Running<E> {
    runtime: Runtime,
    seat: SeatHandle,
    thread: JoinHandle<E>,
    /// Whether to wait until the sockets are closed; not possible while dropping in async code.
    patient: bool,
}

impl<E: Executor> Server<E> {
    /// Listens on `address` and serves `executor`. On return clients can connect.
    ///
    /// # Errors
    /// [`ServerError`]; the executor is dropped.
    pub fn start(executor: E, address: &ListenAddress, options: ServerOptions) -> Result<Self, ServerError> {
        let reader = executor.reader();
        let (fatal_sender, fatal) = watch::channel(None);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("abci")
            .enable_all()
            .build()
            .map_err(ServerError::Threads)?;
        let (listener, address) = {
            let _inside = runtime.enter();
            Listener::bind(address)?
        };
        let (seat, thread) = Seat::spawn(executor, options.origin, fatal_sender).map_err(ServerError::Threads)?;
        let shared = Arc::new(Shared { reader: reader.clone(), seat: seat.clone(), max_frame: options.max_frame });
        runtime.spawn(listener.accept_all(shared));
        tracing::info!(%address, "abci server listens");
        Ok(Self { address, reader, fatal, running: Some(Running { runtime, seat, thread, patient: false }) })
    }

    /// Where clients connect, with the port that the system chose for port 0.
    pub fn address(&self) -> &ListenAddress {
        &self.address
    }

    /// Concurrent access to the committed state.
    pub fn reader(&self) -> &E::Reader {
        &self.reader
    }

    /// Becomes `Some` when the executor met a condition that it cannot survive. Every later
    /// consensus request is answered with an exception; the owner must stop the process.
    pub fn fatal(&self) -> watch::Receiver<Option<Fatal>> {
        self.fatal.clone()
    }

    /// Closes all connections, waits for the request in progress, makes everything committed
    /// durable, and gives the executor back.
    ///
    /// # Errors
    /// The executor's fatal condition, earlier or while draining.
    pub fn stop(mut self) -> Result<E, Fatal> {
        if let Some(running) = &mut self.running {
            running.patient = true;
        }
        let mut executor = self.halt().ok_or_else(|| Fatal::new("the thread of the state machine panicked"))?;
        if let Some(fatal) = self.fatal.borrow().clone() {
            return Err(fatal);
        }
        executor.drain().map_err(|fatal| fatal.while_doing("making committed blocks durable"))?;
        Ok(executor)
    }

    fn halt(&mut self) -> Option<E> {
        let running = self.running.take()?;
        if running.patient {
            running.runtime.shutdown_timeout(CLOSE_TIMEOUT);
        } else {
            running.runtime.shutdown_background();
        }
        running.seat.close();
        if let ListenAddress::Unix(path) = &self.address {
            // It may be gone already, with the directory that it was in.
            let _ = std::fs::remove_file(path);
        }
        running.thread.join().ok()
    }
}

impl<E: Executor> Drop for Server<E> {
    fn drop(&mut self) {
        self.halt();
    }
}

/// Text of a panic's payload.
fn panic_text(payload: &(dyn std::any::Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("panic without a text")
}
