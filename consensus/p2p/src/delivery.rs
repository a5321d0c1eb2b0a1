//! Hands messages to the owner, each channel at its own pace.

use core::time::Duration;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::link::Link;
use crate::node::Node;
use crate::outbox::Serving;
use crate::{PeerDownReason, Responder};

/// Time for a running call of the handler after its connection has ended.
const GRACE: Duration = Duration::from_secs(5);

enum Delivery {
    Message(Bytes),
    Request(Bytes, Responder),
}

/// The channels of one connection. The window of each bounds what waits in its queue.
pub(crate) struct Deliveries {
    node: Arc<Node>,
    link: Arc<Link>,
    queues: HashMap<u8, mpsc::UnboundedSender<Delivery>>,
}

impl Deliveries {
    pub(crate) fn new(node: Arc<Node>, link: Arc<Link>) -> Self {
        Self { node, link, queues: HashMap::new() }
    }

    pub(crate) fn message(&mut self, channel: u8, bytes: Bytes) -> Result<(), PeerDownReason> {
        self.push(channel, Delivery::Message(bytes))
    }

    pub(crate) fn request(
        &mut self,
        channel: u8,
        id: u64,
        bytes: Bytes,
        serving: Serving,
    ) -> Result<(), PeerDownReason> {
        let link = self.link.clone();
        let responder = Responder::new(move |answer| link.answer(channel, id, answer, Some(serving)));
        self.push(channel, Delivery::Request(bytes, responder))
    }

    fn push(&mut self, channel: u8, delivery: Delivery) -> Result<(), PeerDownReason> {
        let queue = self.queues.entry(channel).or_insert_with(|| {
            let (sender, queue) = mpsc::unbounded_channel();
            self.node.spawn(deliver(self.node.clone(), self.link.clone(), channel, queue));
            sender
        });
        // The task ends before its queue only when the handler panicked.
        queue.send(delivery).map_err(|_| PeerDownReason::Lost("handler of a channel has failed".to_owned()))
    }
}

async fn deliver(node: Arc<Node>, link: Arc<Link>, channel: u8, mut queue: mpsc::UnboundedReceiver<Delivery>) {
    while let Some(delivery) = queue.recv().await {
        if link.is_closed() {
            return;
        }
        let length = match &delivery {
            Delivery::Message(bytes) | Delivery::Request(bytes, _) => bytes.len(),
        };
        let call = async {
            match delivery {
                Delivery::Message(bytes) => node.handler.message(link.id, channel, bytes).await,
                Delivery::Request(bytes, responder) => {
                    node.handler.request(link.id, channel, bytes, responder).await;
                }
            }
        };
        let abandoned = async {
            link.closed().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            biased;
            () = call => {}
            () = abandoned => return,
            () = node.stopping() => return,
        }
        link.taken(channel, length);
    }
}
