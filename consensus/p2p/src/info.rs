use core::time::Duration;
use std::sync::Arc;

use crate::{Hello, PeerId};

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
