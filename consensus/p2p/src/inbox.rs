use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;

use crate::{Channel, Event, Handler, PeerId, Responder};

/// What a peer sent on a channel.
#[derive(Debug)]
pub struct Incoming {
    /// The sender.
    pub from: PeerId,
    /// The message or request.
    pub bytes: Bytes,
    /// Present when the peer waits for an answer.
    pub responder: Option<Responder>,
}

/// A [`Handler`] that puts everything into queues, one for each channel, and events into another.
///
/// A full queue holds back its own channel only.
#[derive(Debug)]
pub struct InboxHandler {
    channels: HashMap<u8, mpsc::Sender<Incoming>>,
    events: mpsc::UnboundedSender<Event>,
}

/// The reading ends of an [`InboxHandler`].
#[derive(Debug)]
pub struct Inbox {
    channels: HashMap<u8, mpsc::Receiver<Incoming>>,
    /// Connections that came up or ended, in order. At most two for each connection that passed the handshake.
    pub events: mpsc::UnboundedReceiver<Event>,
}

impl Inbox {
    /// Takes the queue of a channel; `None` when it was not declared or is taken already.
    pub fn take(&mut self, channel: u8) -> Option<mpsc::Receiver<Incoming>> {
        self.channels.remove(&channel)
    }
}

/// Queues of `capacity` messages for each of `channels`.
pub fn inbox(channels: &[Channel], capacity: usize) -> (Arc<InboxHandler>, Inbox) {
    let (senders, receivers) = channels
        .iter()
        .map(|channel| {
            let (sender, receiver) = mpsc::channel(capacity.max(1));
            ((channel.id, sender), (channel.id, receiver))
        })
        .unzip();
    let (sender, events) = mpsc::unbounded_channel();
    (Arc::new(InboxHandler { channels: senders, events: sender }), Inbox { channels: receivers, events })
}

impl InboxHandler {
    async fn deliver(&self, channel: u8, incoming: Incoming) {
        if let Some(sender) = self.channels.get(&channel) {
            // A dropped receiver means that nobody wants the channel: its messages go, and requests are refused.
            let _ = sender.send(incoming).await;
        }
    }
}

#[async_trait]
impl Handler for InboxHandler {
    async fn message(&self, from: PeerId, channel: u8, message: Bytes) {
        self.deliver(channel, Incoming { from, bytes: message, responder: None }).await;
    }

    async fn request(&self, from: PeerId, channel: u8, request: Bytes, responder: Responder) {
        self.deliver(channel, Incoming { from, bytes: request, responder: Some(responder) }).await;
    }

    fn event(&self, event: Event) {
        let _ = self.events.send(event);
    }
}
