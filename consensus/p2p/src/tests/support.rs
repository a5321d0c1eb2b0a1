use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::frame::Frame;
use crate::hello::WireHello;
use crate::outbox::PeerChannel;
use crate::tls::Tls;
use crate::wire::{Early, Wire};
use crate::*;

pub(super) const VOTES: u8 = 1;
pub(super) const BLOCKS: u8 = 2;
pub(super) const TXS: u8 = 3;
pub(super) const LONG: Duration = Duration::from_secs(60);

pub(super) fn channels() -> Vec<Channel> {
    vec![
        Channel::new(VOTES, 9, 64 << 10, 1 << 20),
        Channel::new(BLOCKS, 5, 4 << 20, 16 << 20),
        Channel::new(TXS, 1, 1 << 20, 4 << 20),
    ]
}

pub(super) fn key(seed: u8) -> NodeKey {
    NodeKey::from_seed([seed; 32])
}

pub(super) fn id(seed: u8) -> PeerId {
    key(seed).id()
}

/// Address at which [`Setup::start`] lets the node of this seed listen.
pub(super) fn address(seed: u8) -> PeerAddress {
    PeerAddress { id: id(seed), host: format!("node{seed}"), port: 1 }
}

/// A node to be started.
pub(super) struct Setup {
    pub(super) seed: u8,
    pub(super) config: Config,
    pub(super) network: Arc<dyn Network>,
    pub(super) admission: Arc<dyn Admission>,
    pub(super) capacity: usize,
}

impl Setup {
    pub(super) fn new(network: &MemoryNetwork, seed: u8, dials: &[u8]) -> Self {
        let mut config = Config::new("test-1", format!("node {seed}"), channels(), u64::from(seed));
        config.listen = Some(address(seed).dial_string());
        config.persistent_peers = dials.iter().map(|seed| address(*seed)).collect();
        (config.send_rate, config.recv_rate) = (1 << 30, 1 << 30);
        Self { seed, config, network: Arc::new(network.clone()), admission: Arc::new(|_: &PeerId| true), capacity: 64 }
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    pub(super) fn admitting(mut self, admission: impl Admission) -> Self {
        self.admission = Arc::new(admission);
        self
    }

    pub(super) fn over(mut self, network: impl Network) -> Self {
        self.network = Arc::new(network);
        self
    }

    pub(super) async fn start(self) -> TestNode {
        let (handler, mut inbox) = inbox(&self.config.channels, self.capacity);
        let started = Peers::start(self.config, key(self.seed), self.network, self.admission, handler).await;
        let queue = |inbox: &mut Inbox, id| inbox.take(id);
        TestNode {
            peers: started.expect("valid configuration"),
            votes: queue(&mut inbox, VOTES),
            blocks: queue(&mut inbox, BLOCKS),
            txs: queue(&mut inbox, TXS),
            events: inbox.events,
        }
    }
}

pub(super) struct TestNode {
    pub(super) peers: Peers,
    pub(super) votes: Option<mpsc::Receiver<Incoming>>,
    pub(super) blocks: Option<mpsc::Receiver<Incoming>>,
    pub(super) txs: Option<mpsc::Receiver<Incoming>>,
    pub(super) events: mpsc::UnboundedReceiver<Event>,
}

pub(super) async fn receive(queue: &mut Option<mpsc::Receiver<Incoming>>) -> Incoming {
    let queue = queue.as_mut().expect("declared and not taken");
    timeout(LONG, queue.recv()).await.expect("a message in time").expect("queue is open")
}

impl TestNode {
    pub(super) async fn event(&mut self) -> Event {
        timeout(LONG, self.events.recv()).await.expect("an event in time").expect("queue is open")
    }

    pub(super) async fn up(&mut self) -> PeerId {
        match self.event().await {
            Event::PeerUp { id, .. } => id,
            other => panic!("expected a peer, got {other:?}"),
        }
    }

    pub(super) async fn down(&mut self) -> (PeerId, PeerDownReason) {
        match self.event().await {
            Event::PeerDown { id, reason } => (id, reason),
            other => panic!("expected the end of a connection, got {other:?}"),
        }
    }

    pub(super) fn quiet(&mut self) -> bool {
        self.events.try_recv().is_err()
    }

    /// Lets the node be forgotten while it runs, as a process that loses its peers without a word.
    pub(super) async fn stop(self) {
        self.peers.stop().await;
    }
}

/// Two connected nodes; the first dials.
pub(super) async fn pair(network: &MemoryNetwork) -> (TestNode, TestNode) {
    pair_with(Setup::new(network, 1, &[2]), Setup::new(network, 2, &[])).await
}

pub(super) async fn pair_with(a: Setup, b: Setup) -> (TestNode, TestNode) {
    let (first, second) = (id(a.seed), id(b.seed));
    let mut b = b.start().await;
    let mut a = a.start().await;
    assert_eq!((a.up().await, b.up().await), (second, first));
    (a, b)
}

/// A peer played by the test: TLS done, not one frame sent.
pub(super) async fn secure(network: &MemoryNetwork, seed: u8, to: u8) -> Wire {
    let stream = network.dial(&address(to).dial_string()).await.expect("node listens");
    Wire::new(Tls::new(&key(seed)).expect("valid key").dial(stream, id(to)).await.expect("right key"))
}

pub(super) fn hello(chain_id: &str) -> WireHello {
    WireHello {
        hello: Hello {
            chain_id: chain_id.to_owned(),
            moniker: "played".to_owned(),
            listen_addr: String::new(),
            software: String::new(),
            extra: Bytes::new(),
        },
        instance: 99,
        recv_rate: 1 << 30,
        channels: channels()
            .iter()
            .map(|c| PeerChannel { id: c.id, max_message: c.max_message as u32, window: c.window as u32 })
            .collect(),
    }
}

/// A peer played by the test, connected: the node has reported it.
pub(super) async fn played(network: &MemoryNetwork, seed: u8, to: &mut TestNode, to_seed: u8) -> Wire {
    let mut wire = secure(network, seed, to_seed).await;
    wire.send(&Frame::Hello(&hello("test-1").encode())).await.expect("sent");
    assert!(matches!(wire.receive().await, Ok(Early::Hello(_))));
    wire.send(&Frame::Ready).await.expect("sent");
    assert!(matches!(wire.receive().await, Ok(Early::Ready)));
    assert_eq!(to.up().await, id(seed));
    wire
}

/// Reads frames until the close frame; its code and text.
pub(super) async fn closed(wire: &mut Wire) -> (CloseCode, String) {
    use tokio::io::AsyncReadExt as _;
    let reading = async {
        loop {
            while let Some((frame, length)) = frame::decode(&wire.input).expect("frames") {
                if let Frame::Close { code, text } = frame {
                    return (CloseCode::from_u8(code).expect("known code"), text.to_owned());
                }
                let _ = wire.input.split_to(length);
            }
            wire.input.reserve(1 << 16);
            assert_ne!(wire.stream.read_buf(&mut wire.input).await.expect("open stream"), 0, "closed without a word");
        }
    };
    timeout(LONG, reading).await.expect("a close frame in time")
}

/// A network whose streams can be frozen: no bytes pass, no end is seen. Keeps what was written by the diallers.
#[derive(Clone)]
pub(super) struct Wires {
    inner: MemoryNetwork,
    frozen: watch::Sender<bool>,
    pub(super) written: Arc<Mutex<Vec<u8>>>,
}

impl Wires {
    pub(super) fn new(network: &MemoryNetwork) -> Self {
        Self { inner: network.clone(), frozen: watch::Sender::new(false), written: Arc::default() }
    }

    /// Freezes the streams dialled until now.
    pub(super) fn freeze(&mut self) {
        self.frozen.send_replace(true);
        self.frozen = watch::Sender::new(false);
    }
}

#[async_trait]
impl Network for Arc<Mutex<Wires>> {
    async fn dial(&self, addr: &str) -> io::Result<BoxStream> {
        let (inner, frozen, written) = {
            let wires = self.lock();
            (wires.inner.clone(), wires.frozen.subscribe(), wires.written.clone())
        };
        Ok(Box::new(Frozen { stream: inner.dial(addr).await?, frozen, written }))
    }

    async fn listen(&self, addr: &str) -> io::Result<Box<dyn Listener>> {
        let inner = self.lock().inner.clone();
        inner.listen(addr).await
    }
}

struct Frozen {
    stream: BoxStream,
    frozen: watch::Receiver<bool>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Drop for Frozen {
    fn drop(&mut self) {
        if *self.frozen.borrow() {
            // The other end must not see that this one is gone.
            let stream = core::mem::replace(&mut self.stream, Box::new(tokio::io::duplex(1).0));
            core::mem::forget(stream);
        }
    }
}

impl AsyncRead for Frozen {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if *self.frozen.borrow() {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Frozen {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if *self.frozen.borrow() {
            return Poll::Pending;
        }
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        if let Poll::Ready(Ok(size)) = &result {
            self.written.lock().extend_from_slice(&buf[..*size]);
        }
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if *self.frozen.borrow() {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
