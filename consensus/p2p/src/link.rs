//! One connection as the rest of the node sees it.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;

use crate::frame::Status;
use crate::hello::WireHello;
use crate::intake::{Asked, Intake};
use crate::outbox::{Item, Outbox, Serving};
use crate::rate::Meter;
use crate::{Channel, Hello, PeerDownReason, PeerId, PeerInfo, RequestError, SendError};

/// Shared by the task that runs the connection and everybody who sends on it.
pub(crate) struct Link {
    pub(crate) id: PeerId,
    pub(crate) hello: Arc<Hello>,
    pub(crate) addr: String,
    pub(crate) outbound: bool,
    /// Start of the peer that this connection belongs to.
    pub(crate) instance: u64,
    /// Bytes per second that the peer says it reads.
    pub(crate) peer_rate: u64,
    pub(crate) outbox: Mutex<Outbox>,
    pub(crate) intake: Mutex<Intake>,
    /// There is something to send.
    pub(crate) wake: Notify,
    /// Something was sent: queues may have room.
    room: Notify,
    /// Somebody doubts that the peer is alive.
    pub(crate) probe: Notify,
    /// Requests of the peer that are being answered.
    pub(crate) serving: Arc<AtomicUsize>,
    requests: Mutex<Requests>,
    traffic: Mutex<Traffic>,
    ended: watch::Sender<Option<PeerDownReason>>,
}

#[derive(Default)]
struct Requests {
    next: u64,
    waiting: BTreeMap<u64, (u8, oneshot::Sender<Result<Bytes, RequestError>>)>,
}

struct Traffic {
    since: Instant,
    sent: Meter,
    received: Meter,
    round_trip: Option<Duration>,
}

impl Link {
    pub(crate) fn new(id: PeerId, peer: WireHello, addr: String, outbound: bool, channels: &[Channel]) -> Self {
        let now = Instant::now();
        Self {
            id,
            addr,
            outbound,
            instance: peer.instance,
            peer_rate: peer.recv_rate,
            outbox: Mutex::new(Outbox::new(channels, &peer.channels)),
            intake: Mutex::new(Intake::new(channels)),
            hello: Arc::new(peer.hello),
            wake: Notify::new(),
            room: Notify::new(),
            probe: Notify::new(),
            serving: Arc::default(),
            requests: Mutex::default(),
            traffic: Mutex::new(Traffic {
                since: now,
                sent: Meter::new(now),
                received: Meter::new(now),
                round_trip: None,
            }),
            ended: watch::Sender::new(None),
        }
    }

    /// Ends the connection; the first reason counts.
    pub(crate) fn close(&self, reason: PeerDownReason) {
        let first = self.ended.send_if_modified(|ended| {
            let first = ended.is_none();
            ended.get_or_insert(reason);
            first
        });
        if first {
            self.outbox.lock().close();
            self.requests.lock().waiting.clear();
            self.room.notify_waiters();
        }
    }

    /// Waits for [`Link::close`].
    pub(crate) async fn closed(&self) -> PeerDownReason {
        let mut ended = self.ended.subscribe();
        let reason = ended.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
        reason.unwrap_or_else(|| PeerDownReason::Lost("connection dropped".to_owned()))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.ended.borrow().is_some()
    }

    pub(crate) fn send(&self, channel: u8, item: Item) -> Result<(), SendError> {
        self.outbox.lock().push(channel, item)?;
        self.wake.notify_one();
        Ok(())
    }

    /// Waits until a message of `size` bytes seemed to have room.
    pub(crate) async fn wait_for_room(&self, channel: u8, size: usize) -> Result<(), SendError> {
        loop {
            let mut freed = std::pin::pin!(self.room.notified());
            // From here on no notice is missed.
            freed.as_mut().enable();
            match self.outbox.lock().room(channel, false, size) {
                Err(SendError::QueueFull) => {}
                other => return other,
            }
            freed.await;
        }
    }

    /// Frames were taken out of the queues.
    pub(crate) fn freed(&self) {
        self.room.notify_waiters();
    }

    /// Queues a request.
    pub(crate) fn ask(&self, channel: u8, request: Bytes, max_pending: usize) -> Result<Asking<'_>, RequestError> {
        let mut requests = self.requests.lock();
        if requests.waiting.len() >= max_pending {
            return Err(RequestError::TooManyPending);
        }
        let number = requests.next;
        self.send(channel, Item::Request(number, request))?;
        let (sender, answer) = oneshot::channel();
        requests.next += 1;
        requests.waiting.insert(number, (channel, sender));
        Ok(Asking { link: self, number, answer })
    }

    pub(crate) fn asked(&self, channel: u8, number: u64) -> Asked {
        let requests = self.requests.lock();
        match requests.waiting.get(&number) {
            Some((of, _)) if *of == channel => Asked::Waiting,
            Some(_) => Asked::Never,
            None if number < requests.next => Asked::GivenUp,
            None => Asked::Never,
        }
    }

    pub(crate) fn answered(&self, number: u64, status: Status, bytes: Bytes) {
        if let Some((_, sender)) = self.requests.lock().waiting.remove(&number) {
            // The asker may have given up.
            let _ = sender.send(match status {
                Status::Answer => Ok(bytes),
                Status::Busy => Err(RequestError::Busy),
                Status::Refused => Err(RequestError::Refused),
            });
        }
    }

    /// Queues the answer to request `id` of the peer, or the word that there will be none.
    pub(crate) fn answer(
        &self,
        channel: u8,
        id: u64,
        answer: Option<Bytes>,
        serving: Option<Serving>,
    ) -> Result<(), SendError> {
        let none = |status| Item::Response { id, status, bytes: Bytes::new(), serving: None };
        let Some(bytes) = answer else { return self.send(channel, none(Status::Refused)) };
        let sent = self.send(channel, Item::Response { id, status: Status::Answer, bytes, serving });
        if let Err(error) = sent {
            let status = if error == SendError::QueueFull { Status::Busy } else { Status::Refused };
            // With a full queue this may fail too; then the asker runs into its timeout.
            let _ = self.send(channel, none(status));
        }
        sent
    }

    /// Refuses request `id` for want of capacity.
    pub(crate) fn busy(&self, channel: u8, id: u64) {
        // As in `answer`: a peer that does not read its answers gets none.
        let _ = self.send(channel, Item::Response { id, status: Status::Busy, bytes: Bytes::new(), serving: None });
    }

    /// The handler took a message of `length` bytes.
    pub(crate) fn taken(&self, channel: u8, length: usize) {
        let credit = self.intake.lock().taken(channel, length);
        if let Some(bytes) = credit {
            self.outbox.lock().credit(channel, bytes);
            self.wake.notify_one();
        }
    }

    pub(crate) fn ping(&self, number: u64) {
        self.outbox.lock().ping(number);
        self.wake.notify_one();
    }

    pub(crate) fn pong(&self, number: u64) {
        self.outbox.lock().pong(number);
        self.wake.notify_one();
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.traffic.lock().sent.add(bytes, Instant::now());
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.traffic.lock().received.add(bytes, Instant::now());
    }

    pub(crate) fn round_trip(&self, time: Duration) {
        self.traffic.lock().round_trip = Some(time);
    }

    pub(crate) fn info(&self) -> PeerInfo {
        let now = Instant::now();
        let queued = self.outbox.lock().queued();
        let mut traffic = self.traffic.lock();
        let (sent, send_rate) = traffic.sent.read(now);
        let (received, recv_rate) = traffic.received.read(now);
        PeerInfo {
            id: self.id,
            hello: self.hello.clone(),
            addr: self.addr.clone(),
            outbound: self.outbound,
            age: now.saturating_duration_since(traffic.since),
            sent,
            received,
            send_rate,
            recv_rate,
            queued,
            round_trip: traffic.round_trip,
        }
    }
}

/// A request on its way; dropped, its answer is ignored.
pub(crate) struct Asking<'a> {
    link: &'a Link,
    number: u64,
    answer: oneshot::Receiver<Result<Bytes, RequestError>>,
}

impl Asking<'_> {
    pub(crate) async fn answer(mut self, timeout: Duration) -> Result<Bytes, RequestError> {
        match tokio::time::timeout(timeout, &mut self.answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(RequestError::Disconnected),
            Err(_) => Err(RequestError::Timeout),
        }
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.link.requests.lock().waiting.remove(&self.number);
    }
}
