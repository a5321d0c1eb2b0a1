use core::time::Duration;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::bans::Bans;
use crate::hello::WireHello;
use crate::link::Link;
use crate::node::{Node, State};
use crate::outbox::{Item, PeerChannel};
use crate::tls::Tls;
use crate::{
    Admission, CloseCode, Config, Event, Handler, Hello, Network, NodeKey, PeerAddress, PeerDownReason, PeerId,
    PeerInfo, RequestError, SendError, StartError, acceptor, dialler,
};

/// The connections of one node. Clones share them; dropping the last one stops the transport.
#[derive(Clone)]
pub struct Peers {
    handle: Arc<Handle>,
}

struct Handle {
    node: Arc<Node>,
    hello: Arc<Hello>,
    local_addr: Option<String>,
    /// Ends when no task is left.
    ended: tokio::sync::Mutex<mpsc::Receiver<()>>,
    events: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.node.begin_stop();
    }
}

impl Peers {
    /// Starts to listen and to dial the configured peers.
    ///
    /// # Errors
    /// [`StartError`]: a bad configuration, or an address that cannot be listened on.
    pub async fn start(
        config: Config,
        key: NodeKey,
        network: Arc<dyn Network>,
        admission: Arc<dyn Admission>,
        handler: Arc<dyn Handler>,
    ) -> Result<Self, StartError> {
        config.validate()?;
        let listener = match &config.listen {
            None => None,
            Some(addr) => {
                let listening = network.listen(addr).await;
                Some(listening.map_err(|source| StartError::Listen { addr: addr.clone(), source })?)
            }
        };
        let local_addr = listener.as_ref().map(|listener| listener.local_addr());
        let hello = hello_of(&config, local_addr.as_deref());
        let wire_hello = WireHello {
            hello: hello.clone(),
            instance: StdRng::seed_from_u64(config.seed).next_u64(),
            recv_rate: config.recv_rate,
            channels: config.channels.iter().map(announced).collect(),
        };
        let (running, ended) = mpsc::channel(1);
        let (events, queue) = mpsc::unbounded_channel();
        let state = State {
            links: BTreeMap::new(),
            admission,
            bans: Bans::new(config.ban_min, config.ban_max),
            persistent: HashMap::new(),
            events: Some(events),
        };
        let node = Arc::new(Node {
            id: key.id(),
            tls: Tls::new(&key)?,
            network,
            handler: handler.clone(),
            wire_hello: wire_hello.encode().freeze(),
            state: Mutex::new(state),
            changed: watch::Sender::new(()),
            stop: watch::Sender::new(false),
            tasks: Mutex::new(Some(running)),
            config,
        });
        let events = tokio::spawn(tell(handler, queue));
        let peers = Self {
            handle: Arc::new(Handle {
                node: node.clone(),
                hello: Arc::new(hello),
                local_addr,
                ended: tokio::sync::Mutex::new(ended),
                events: Mutex::new(Some(events)),
            }),
        };
        if let Some(listener) = listener {
            node.spawn(acceptor::run(node.clone(), listener));
        }
        for address in node.config.persistent_peers.clone() {
            peers.add_peer(address);
        }
        Ok(peers)
    }

    fn node(&self) -> &Arc<Node> {
        &self.handle.node
    }

    fn link(&self, peer: &PeerId) -> Result<Arc<Link>, SendError> {
        self.node().link(peer).ok_or(SendError::NotConnected)
    }

    /// This node's identity.
    pub fn id(&self) -> PeerId {
        self.node().id
    }

    /// What this node says about itself.
    pub fn hello(&self) -> &Arc<Hello> {
        &self.handle.hello
    }

    /// The address listened on, with the port that the network chose; `None` for a node that only dials.
    pub fn local_addr(&self) -> Option<&str> {
        self.handle.local_addr.as_deref()
    }

    /// Queues a message and returns at once.
    ///
    /// A queued message is lost when the connection ends before it is sent.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn send(&self, peer: PeerId, channel: u8, message: Bytes) -> Result<(), SendError> {
        self.link(&peer)?.send(channel, Item::Message(message))
    }

    /// Queues a message, waiting for room in the channel's queue.
    ///
    /// # Errors
    /// [`SendError`], never `QueueFull`.
    pub async fn send_wait(&self, peer: PeerId, channel: u8, message: Bytes) -> Result<(), SendError> {
        loop {
            let link = self.link(&peer)?;
            match link.send(channel, Item::Message(message.clone())) {
                Err(SendError::QueueFull) => link.wait_for_room(channel, message.len()).await?,
                other => return other,
            }
        }
    }

    /// Queues a message for each connected peer that has room; gives the number of them.
    pub fn broadcast(&self, channel: u8, message: Bytes) -> usize {
        let links: Vec<_> = self.node().state.lock().links.values().cloned().collect();
        links.iter().filter(|link| link.send(channel, Item::Message(message.clone())).is_ok()).count()
    }

    /// Asks a peer and waits for its answer. The future may be dropped; the answer is then ignored.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn request(
        &self,
        peer: PeerId,
        channel: u8,
        request: Bytes,
        timeout: Duration,
    ) -> Result<Bytes, RequestError> {
        let link = self.link(&peer)?;
        link.ask(channel, request, self.node().config.max_pending_requests)?.answer(timeout).await
    }

    /// The peers that messages can be exchanged with now, by identity.
    pub fn connected(&self) -> Vec<PeerId> {
        self.node().state.lock().links.keys().copied().collect()
    }

    /// Whether `peer` is connected now.
    pub fn is_connected(&self, peer: &PeerId) -> bool {
        self.node().state.lock().links.contains_key(peer)
    }

    /// The connected peers and their traffic, by identity.
    pub fn info(&self) -> Vec<PeerInfo> {
        let links: Vec<_> = self.node().state.lock().links.values().cloned().collect();
        links.iter().map(|link| link.info()).collect()
    }

    /// Replaces the policy and ends the connections that the new one does not allow.
    pub fn set_admission(&self, admission: Arc<dyn Admission>) {
        let links: Vec<_> = {
            let mut state = self.node().state.lock();
            state.admission = admission.clone();
            state.links.values().filter(|link| !admission.admits(&link.id)).cloned().collect()
        };
        for link in links {
            let reason = PeerDownReason::local(CloseCode::NotAdmitted, "node is not admitted any more");
            self.node().down(&link, &reason);
        }
        self.node().changed.send_replace(());
    }

    /// Keeps a connection to `address` from now on; replaces an earlier address of the same identity.
    pub fn add_peer(&self, address: PeerAddress) {
        let node = self.node();
        if address.id == node.id {
            return;
        }
        let (keep, cancelled) = oneshot::channel();
        {
            let mut state = node.state.lock();
            if state.persistent.get(&address.id).is_some_and(|(known, _)| *known == address) {
                return;
            }
            state.persistent.insert(address.id, (address.clone(), keep));
        }
        node.spawn(dialler::run(node.clone(), address, cancelled));
    }

    /// Stops dialling `peer`; an existing connection stays.
    pub fn remove_peer(&self, peer: &PeerId) {
        self.node().state.lock().persistent.remove(peer);
    }

    /// Ends the connection to `peer`, telling it `reason`. A persistent peer is dialled again after a pause.
    pub fn disconnect(&self, peer: PeerId, reason: &str) {
        if let Some(link) = self.node().link(&peer) {
            self.node().down(&link, &PeerDownReason::local(CloseCode::Requested, reason));
        }
    }

    /// Tells every peer that the node stops, and returns when no task of the transport is left.
    pub async fn stop(&self) {
        self.node().begin_stop();
        // Nothing is ever sent: this ends when the last task drops its sender.
        while self.handle.ended.lock().await.recv().await.is_some() {}
        self.node().close_books();
        let events = self.handle.events.lock().take();
        if let Some(events) = events {
            // An error is a panic of the owner's handler, which has been reported.
            let _ = events.await;
        }
    }
}

/// Hands events to the owner, in order.
async fn tell(handler: Arc<dyn Handler>, mut queue: mpsc::UnboundedReceiver<(Event, Option<oneshot::Sender<()>>)>) {
    while let Some((event, told)) = queue.recv().await {
        handler.event(event);
        // The connection may have ended meanwhile.
        told.map(|told| told.send(()));
    }
}

fn hello_of(config: &Config, local_addr: Option<&str>) -> Hello {
    let listen_addr = config.external_address.as_deref().or(local_addr).unwrap_or_default();
    Hello {
        chain_id: config.chain_id.clone(),
        moniker: config.moniker.clone(),
        // A network's own idea of an address may be longer than the protocol has room for.
        listen_addr: if listen_addr.len() <= 255 { listen_addr.to_owned() } else { String::new() },
        software: config.software.clone(),
        extra: config.extra.clone(),
    }
}

fn announced(channel: &crate::Channel) -> PeerChannel {
    // The configuration's check keeps both below 4 GiB.
    PeerChannel { id: channel.id, max_message: channel.max_message as u32, window: channel.window as u32 }
}
