use core::time::Duration;

use bytes::Bytes;

use crate::PeerAddress;

/// Bytes that every message costs on top of its length wherever queues and windows are counted, so that empty
/// messages are not free.
pub const MESSAGE_OVERHEAD: usize = 64;

/// Largest `max_message` of a channel, 64 MiB.
pub const MAX_MESSAGE: usize = 64 << 20;

/// Most bytes of [`Config::extra`], 8 KiB.
pub const MAX_EXTRA: usize = 8 << 10;

/// One kind of traffic between two nodes, with its own queues, window and urgency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channel {
    /// Number on the wire. Nodes of one network must agree on it.
    pub id: u8,
    /// Urgency: frames of a higher one are sent first.
    pub priority: u8,
    /// Bytes of the longest message, request or answer accepted; 1 to [`MAX_MESSAGE`].
    pub max_message: usize,
    /// Bytes (messages and [`MESSAGE_OVERHEAD`] for each) that may wait here to be sent to one peer. An empty queue
    /// takes a message of any allowed length. Answers to requests have a second queue of this size.
    pub queue: usize,
    /// Bytes, counted likewise, that a peer may have sent and this node's handler not yet taken. At least one message
    /// of `max_message`.
    pub window: usize,
}

impl Channel {
    /// A channel whose window holds its longest message and 1 MiB.
    pub const fn new(id: u8, priority: u8, max_message: usize, queue: usize) -> Self {
        Self { id, priority, max_message, queue, window: max_message + MESSAGE_OVERHEAD + (1 << 20) }
    }
}

/// What the transport of one node is told at its start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Chain that all peers must be part of, 1 to 50 bytes.
    pub chain_id: String,
    /// The operator's name for this node, at most 128 bytes.
    pub moniker: String,
    /// Software and version, at most 128 bytes.
    pub software: String,
    /// Opaque bytes of the owner, shown to each peer in its [`Hello`](crate::Hello); at most [`MAX_EXTRA`].
    pub extra: Bytes,
    /// Address to listen on; none: dial only.
    pub listen: Option<String>,
    /// Address told to others; none: the address listened on.
    pub external_address: Option<String>,
    /// Peers that a connection is always kept to.
    pub persistent_peers: Vec<PeerAddress>,
    /// Kinds of traffic, each id once.
    pub channels: Vec<Channel>,
    /// Connections accepted from peers that are not in `persistent_peers`.
    pub max_inbound: usize,
    /// Connections that have not finished their handshake, in all.
    pub max_handshakes: usize,
    /// Connections that have not finished their handshake, from one host.
    pub max_handshakes_per_host: usize,
    /// Bytes per second sent to one peer.
    pub send_rate: u64,
    /// Bytes per second read from one peer.
    pub recv_rate: u64,
    /// Requests to one peer that may wait for their answer, and requests of one peer answered at a time.
    pub max_pending_requests: usize,
    /// Time for a network to connect.
    pub dial_timeout: Duration,
    /// Time for TLS, hello and acceptance together.
    pub handshake_timeout: Duration,
    /// Pause between two pings.
    pub ping_interval: Duration,
    /// Silence after an unanswered ping, or time without the peer reading anything, that ends a connection.
    pub pong_timeout: Duration,
    /// First pause before a peer is dialled again; doubles up to `backoff_max`.
    pub backoff_min: Duration,
    /// Longest pause before a peer is dialled again.
    pub backoff_max: Duration,
    /// Ban after a first violation; doubles with each up to `ban_max`.
    pub ban_min: Duration,
    /// Longest ban. A peer without violation for this long after a ban starts at `ban_min` again.
    pub ban_max: Duration,
    /// Seed of the jitter and of the number that tells two starts of a node apart. Another one at each start.
    pub seed: u64,
}

impl Config {
    /// CometBFT's rates and limits where it has them (`p2p` section of its config.toml), and times for a network of
    /// few, known nodes. Listens nowhere.
    pub fn new(chain_id: impl Into<String>, moniker: impl Into<String>, channels: Vec<Channel>, seed: u64) -> Self {
        Self {
            chain_id: chain_id.into(),
            moniker: moniker.into(),
            software: concat!("plume/", env!("CARGO_PKG_VERSION")).to_owned(),
            extra: Bytes::new(),
            listen: None,
            external_address: None,
            persistent_peers: Vec::new(),
            channels,
            max_inbound: 40,
            max_handshakes: 64,
            max_handshakes_per_host: 16,
            send_rate: 5_120_000,
            recv_rate: 5_120_000,
            max_pending_requests: 64,
            dial_timeout: Duration::from_secs(3),
            handshake_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(5),
            pong_timeout: Duration::from_secs(10),
            backoff_min: Duration::from_millis(200),
            backoff_max: Duration::from_secs(10),
            ban_min: Duration::from_secs(10),
            ban_max: Duration::from_secs(3600),
            seed,
        }
    }

    /// Checks every limit named at the fields.
    ///
    /// # Errors
    /// The first one broken.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let text = |field, value: &str, max| match value.len() > max || value.chars().any(char::is_control) {
            true => Err(ConfigError::Text(field)),
            false => Ok(()),
        };
        if self.chain_id.is_empty() {
            return Err(ConfigError::Text("chain_id"));
        }
        text("chain_id", &self.chain_id, 50)?;
        text("moniker", &self.moniker, 128)?;
        text("software", &self.software, 128)?;
        text("external_address", self.external_address.as_deref().unwrap_or(""), 255)?;
        if self.extra.len() > MAX_EXTRA {
            return Err(ConfigError::Extra(self.extra.len()));
        }
        for (index, channel) in self.channels.iter().enumerate() {
            if self.channels[..index].iter().any(|other| other.id == channel.id) {
                return Err(ConfigError::ChannelTwice(channel.id));
            }
            let sized = (1..=MAX_MESSAGE).contains(&channel.max_message);
            let window = channel.max_message.saturating_add(MESSAGE_OVERHEAD)..=u32::MAX as usize;
            if !sized || !window.contains(&channel.window) {
                return Err(ConfigError::ChannelSize(channel.id));
            }
        }
        for (field, value) in [
            ("send_rate", self.send_rate),
            ("recv_rate", self.recv_rate),
            ("max_handshakes", self.max_handshakes as u64),
            ("max_handshakes_per_host", self.max_handshakes_per_host as u64),
            ("max_pending_requests", self.max_pending_requests as u64),
        ] {
            if value == 0 {
                return Err(ConfigError::Zero(field));
            }
        }
        for (field, value) in [
            ("dial_timeout", self.dial_timeout),
            ("handshake_timeout", self.handshake_timeout),
            ("ping_interval", self.ping_interval),
            ("pong_timeout", self.pong_timeout),
            ("backoff_min", self.backoff_min),
            ("ban_min", self.ban_min),
        ] {
            if value.is_zero() {
                return Err(ConfigError::Zero(field));
            }
        }
        Ok(())
    }
}

/// A configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A text is empty, too long, or holds control characters.
    #[error("p2p: {0} is empty, too long or holds control characters")]
    Text(&'static str),
    /// Too many bytes of the owner.
    #[error("p2p: extra has {0} bytes, at most {MAX_EXTRA} are allowed")]
    Extra(usize),
    /// Two channels with one id.
    #[error("p2p: channel {0} is declared twice")]
    ChannelTwice(u8),
    /// A channel's message size is out of range, or its window does not hold one message.
    #[error("p2p: channel {0} has a message size or window out of range")]
    ChannelSize(u8),
    /// A limit that must not be zero.
    #[error("p2p: {0} must not be zero")]
    Zero(&'static str),
}
