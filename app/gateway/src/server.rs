//! One server for every protocol: listening, a place for each connection, and an orderly end.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use crate::connections::{Activity, Connections, Place};
use crate::observe::Door;

/// How long [`Server::shutdown`] waits for answers that are being written.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(3);

/// What a door does with its connections.
pub(crate) trait Protocol: Send + Sync + 'static {
    /// Answers what comes over `stream` until it ends. Drives it with [`Life::drive`], which ends it when it must.
    fn serve(self: Arc<Self>, stream: TcpStream, life: Life) -> impl Future<Output = ()> + Send;

    /// Every connection waits for an answer: tells the client to come again, as far as one packet goes.
    fn refuse(&self, stream: &TcpStream);
}

/// A running server. Dropping it stops it as [`Server::shutdown`] does, without waiting.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    done: mpsc::Receiver<Infallible>,
}

impl Server {
    /// Serves `protocol` to whoever connects to `listener`. Must be called within a Tokio runtime.
    pub(crate) fn start<P: Protocol>(
        listener: TcpListener,
        protocol: Arc<P>,
        connections: Arc<Connections>,
    ) -> std::io::Result<Self> {
        let addr = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let (running, done) = mpsc::channel(1);
        tokio::spawn(accept(listener, protocol, connections, stopped, running));
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

async fn accept<P: Protocol>(
    listener: TcpListener,
    protocol: Arc<P>,
    connections: Arc<Connections>,
    mut stopped: watch::Receiver<bool>,
    running: mpsc::Sender<Infallible>,
) {
    let door = connections.door();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        match accepted {
            Ok((stream, client)) => match connections.admit() {
                Some(place) => {
                    let _ = stream.set_nodelay(true);
                    let life = Life { client, door, place, stopped: stopped.clone(), _running: running.clone() };
                    tokio::spawn(protocol.clone().serve(stream, life));
                }
                None => protocol.refuse(&stream),
            },
            Err(error) => {
                // Too many open files and the like: others may close theirs.
                tracing::warn!(door = door.name(), %error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// The life of one connection: who it belongs to, and when it must end.
pub(crate) struct Life {
    client: SocketAddr,
    door: Door,
    place: Place,
    stopped: watch::Receiver<bool>,
    /// The server waits until all are dropped.
    _running: mpsc::Sender<Infallible>,
}

impl Life {
    /// The other end.
    pub(crate) fn client(&self) -> SocketAddr {
        self.client
    }

    /// Where the connection tells what it does.
    pub(crate) fn activity(&self) -> Activity {
        self.place.activity()
    }

    /// Drives a connection to its end. When its place is needed it is dropped, unless a call came in just then; then, and
    /// when the server stops, `finish` lets it answer what it has begun, and it ends.
    pub(crate) async fn drive<C>(mut self, connection: C, finish: impl Fn(Pin<&mut C>))
    where
        C: Future<Output = hyper::Result<()>>,
    {
        let mut connection = std::pin::pin!(connection);
        let stopping = async {
            // An error means that the server was dropped.
            let _ = self.stopped.wait_for(|stopped| *stopped).await;
        };
        let ended = tokio::select! {
            ended = connection.as_mut() => Some(ended),
            () = self.place.closed() => match self.place.is_busy() {
                true => None,
                false => return,
            },
            () = stopping => None,
        };
        let ended = match ended {
            Some(ended) => ended,
            None => {
                finish(connection.as_mut());
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(door = self.door.name(), client = %self.client, %error, "connection ended");
        }
    }
}
