use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::io::duplex;
use tokio::sync::mpsc;

use crate::{BoxStream, Listener, Network};

/// Bytes that a stream holds in each direction, like a small socket buffer.
const BUFFER: usize = 64 << 10;

/// A stream and where it comes from.
type Accepted = (BoxStream, String);

/// A network within one process, for tests: no sockets, no delay, works in paused time.
///
/// Clones are the same network. Any text can be an address; port 0 is replaced by a free number.
#[derive(Clone, Default)]
pub struct MemoryNetwork {
    listeners: Arc<Mutex<HashMap<String, mpsc::Sender<Accepted>>>>,
    next: Arc<AtomicU32>,
}

#[async_trait]
impl Network for MemoryNetwork {
    async fn dial(&self, addr: &str) -> io::Result<BoxStream> {
        let listener = self.listeners.lock().get(addr).cloned();
        let refused = || io::Error::new(io::ErrorKind::ConnectionRefused, "nobody listens");
        let (ours, theirs) = duplex(BUFFER);
        let from = format!("memory:{}", self.next.fetch_add(1, Ordering::Relaxed));
        listener.ok_or_else(refused)?.send((Box::new(theirs), from)).await.map_err(|_| refused())?;
        Ok(Box::new(ours))
    }

    async fn listen(&self, addr: &str) -> io::Result<Box<dyn Listener>> {
        let address = match addr.strip_suffix(":0") {
            Some(host) => format!("{host}:{}", 40_000 + self.next.fetch_add(1, Ordering::Relaxed)),
            None => addr.to_owned(),
        };
        let mut listeners = self.listeners.lock();
        if listeners.get(&address).is_some_and(|sender| !sender.is_closed()) {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "address in use"));
        }
        let (sender, streams) = mpsc::channel(64);
        listeners.insert(address.clone(), sender);
        Ok(Box::new(Memory { streams, address }))
    }
}

struct Memory {
    streams: mpsc::Receiver<Accepted>,
    address: String,
}

#[async_trait]
impl Listener for Memory {
    async fn accept(&mut self) -> io::Result<(BoxStream, String)> {
        // The network keeps the sender, so it does not end while it is polled; waits if it does.
        match self.streams.recv().await {
            Some(stream) => Ok(stream),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> String {
        self.address.clone()
    }
}
