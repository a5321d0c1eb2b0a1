use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;

use crate::{
    Admission, Config, Handler, Hello, Network, NodeKey, PeerAddress, PeerId, RequestError, SendError, StartError,
};

/// A connected peer, for `net_info`.
#[derive(Debug, Clone)]
pub struct PeerInfo {
    /// Proved identity.
    pub id: PeerId,
    /// What it says about itself.
    pub hello: Arc<Hello>,
    /// Its address as seen here.
    pub addr: String,
    /// Whether this node dialled.
    pub outbound: bool,
    /// Time since the connection was accepted on both sides.
    pub age: Duration,
    /// Bytes of frames sent.
    pub sent: u64,
    /// Bytes of frames received.
    pub received: u64,
    /// Bytes per second sent, over the last seconds.
    pub send_rate: u64,
    /// Bytes per second received, over the last seconds.
    pub recv_rate: u64,
    /// Bytes that wait to be sent, over all channels.
    pub queued: usize,
    /// Last measured round trip; `None` before the first.
    pub round_trip: Option<Duration>,
}

/// The connections of one node. Clones share them; dropping the last one stops the transport.
#[derive(Clone)]
pub struct Peers {
    id: PeerId,
    hello: Arc<Hello>,
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
        let _ = (network, admission, handler);
        let hello = Hello {
            chain_id: config.chain_id,
            moniker: config.moniker,
            listen_addr: config.external_address.unwrap_or_default(),
            software: config.software,
            extra: config.extra,
        };
        Ok(Self { id: key.id(), hello: Arc::new(hello) })
    }

    /// This node's identity.
    pub fn id(&self) -> PeerId {
        self.id
    }

    /// What this node says about itself.
    pub fn hello(&self) -> &Arc<Hello> {
        &self.hello
    }

    /// The address listened on, with the port that the network chose; `None` for a node that only dials.
    pub fn local_addr(&self) -> Option<&str> {
        None
    }

    /// Queues a message and returns at once.
    ///
    /// A queued message is lost when the connection ends before it is sent.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn send(&self, peer: PeerId, channel: u8, message: Bytes) -> Result<(), SendError> {
        let _ = (peer, channel, message);
        Err(SendError::NotConnected)
    }

    /// Queues a message, waiting for room in the channel's queue.
    ///
    /// # Errors
    /// [`SendError`], never `QueueFull`.
    pub async fn send_wait(&self, peer: PeerId, channel: u8, message: Bytes) -> Result<(), SendError> {
        self.send(peer, channel, message)
    }

    /// Queues a message for each connected peer that has room; gives the number of them.
    pub fn broadcast(&self, channel: u8, message: Bytes) -> usize {
        let _ = (channel, message);
        0
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
        let _ = timeout;
        self.send(peer, channel, request)?;
        Err(RequestError::Disconnected)
    }

    /// The peers that messages can be exchanged with now, by identity.
    pub fn connected(&self) -> Vec<PeerId> {
        Vec::new()
    }

    /// Whether `peer` is connected now.
    pub fn is_connected(&self, peer: &PeerId) -> bool {
        self.connected().contains(peer)
    }

    /// The connected peers and their traffic, by identity.
    pub fn info(&self) -> Vec<PeerInfo> {
        Vec::new()
    }

    /// Replaces the policy and ends the connections that the new one does not allow.
    pub fn set_admission(&self, admission: Arc<dyn Admission>) {
        let _ = admission;
    }

    /// Keeps a connection to `address` from now on; replaces an earlier address of the same identity.
    pub fn add_peer(&self, address: PeerAddress) {
        let _ = address;
    }

    /// Stops dialling `peer`; an existing connection stays.
    pub fn remove_peer(&self, peer: &PeerId) {
        let _ = peer;
    }

    /// Ends the connection to `peer`, telling it `reason`. A persistent peer is dialled again after a pause.
    pub fn disconnect(&self, peer: PeerId, reason: &str) {
        let _ = (peer, reason);
    }

    /// Tells every peer that the node stops, and returns when no task of the transport is left.
    pub async fn stop(&self) {}
}
