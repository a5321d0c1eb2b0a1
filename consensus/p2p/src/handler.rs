use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Hello, PeerDownReason, PeerId, SendError};

/// Receives what the peers send.
///
/// Messages and requests of one peer on one channel come one after another, in the order sent: the next one waits
/// until the future of the one before is done. Different peers and different channels do not wait for one another.
/// While a call takes long the peer may send a bounded number of bytes more on that channel, then it waits; other
/// channels go on. When the connection ends, what was not handed over yet is dropped, and a running call has a few
/// seconds to finish before it is dropped at one of its await points.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// A message of `from` on `channel`.
    async fn message(&self, from: PeerId, channel: u8, message: Bytes);

    /// A request of `from` on `channel`. The responder may outlive the call; one that is dropped unused refuses.
    async fn request(&self, from: PeerId, channel: u8, request: Bytes, responder: Responder) {
        let _ = (from, channel, request);
        drop(responder);
    }

    /// A connection came up or ended. Must not block. For one peer `PeerUp` and `PeerDown` alternate; `PeerUp` comes
    /// before the first message.
    fn event(&self, event: Event) {
        let _ = event;
    }
}

/// A change of the set of connected peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Messages can be exchanged with this peer now.
    PeerUp {
        /// Proved identity.
        id: PeerId,
        /// What it says about itself.
        hello: Arc<Hello>,
        /// Its address as seen here.
        addr: String,
        /// Whether this node dialled.
        outbound: bool,
    },
    /// The connection is gone.
    PeerDown {
        /// Proved identity.
        id: PeerId,
        /// Why.
        reason: PeerDownReason,
    },
}

/// Answers one request; dropped unused, it tells the peer that the request is refused.
pub struct Responder {
    answer: Option<Answer>,
}

/// Takes the answer, or `None` for a refusal.
type Answer = Box<dyn FnOnce(Option<Bytes>) -> Result<(), SendError> + Send + Sync>;

impl Responder {
    /// A responder that gives the answer to `answer`, or `None` when it is dropped unused.
    pub fn new(answer: impl FnOnce(Option<Bytes>) -> Result<(), SendError> + Send + Sync + 'static) -> Self {
        Self { answer: Some(Box::new(answer)) }
    }

    /// Sends the answer.
    ///
    /// # Errors
    /// [`SendError::NotConnected`] when the peer has gone, [`SendError::TooLarge`] and [`SendError::QueueFull`] when
    /// the answer cannot be queued; the peer is told "refused" and "busy" in the latter two cases.
    pub fn respond(mut self, answer: Bytes) -> Result<(), SendError> {
        self.answer.take().map_or(Ok(()), |send| send(Some(answer)))
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if let Some(send) = self.answer.take() {
            // Nobody is left to hear about a refusal that could not be queued.
            let _ = send(None);
        }
    }
}

impl core::fmt::Debug for Responder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Responder").finish_non_exhaustive()
    }
}
