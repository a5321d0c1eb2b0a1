//! Decides which frame is sent next.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};

use crate::frame::{self, Frame, MAX_PAYLOAD, MESSAGE_HEAD, REQUEST_HEAD, RESPONSE_HEAD, Status};
use crate::intake::cost;
use crate::{Channel, SendError, Violation};

/// Every so many frames of messages, the channel that waited longest has its turn whatever its priority, so that
/// urgent traffic slows the rest down but never stops it.
const TURN: u64 = 16;

/// Counts one request that is being answered; until it is dropped.
#[derive(Debug)]
pub(crate) struct Serving(Arc<AtomicUsize>);

impl Serving {
    /// One more, unless `max` are counted already.
    pub(crate) fn begin(count: &Arc<AtomicUsize>, max: usize) -> Option<Self> {
        count
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| (now < max).then_some(now + 1))
            .is_ok()
            .then(|| Self(count.clone()))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What waits to be sent.
#[derive(Debug)]
pub(crate) enum Item {
    Message(Bytes),
    Request(u64, Bytes),
    Response {
        id: u64,
        status: Status,
        bytes: Bytes,
        /// Counts as being answered until it is sent.
        #[allow(dead_code, reason = "held for its drop")]
        serving: Option<Serving>,
    },
}

impl Item {
    fn bytes(&self) -> &Bytes {
        match self {
            Self::Message(bytes) | Self::Request(_, bytes) | Self::Response { bytes, .. } => bytes,
        }
    }
}

/// What the peer said about a channel in its hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PeerChannel {
    pub id: u8,
    pub max_message: u32,
    pub window: u32,
}

/// Sending half of a connection, without I/O: queues, credit and the order of frames.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// By priority, most urgent first.
    lanes: Vec<Lane>,
    /// Frames of messages sent; the clock of turns.
    clock: u64,
    ping: Option<u64>,
    pong: Option<u64>,
    credits: BTreeMap<u8, u32>,
    closed: bool,
}

#[derive(Debug)]
struct Lane {
    channel: u8,
    priority: u8,
    /// Answers have a lane beside that of messages and requests: they are not held back by the window, because the
    /// peer asked for them, and so cannot wait for messages that wait for them.
    answers: bool,
    max_message: usize,
    queue: VecDeque<Item>,
    queued: usize,
    limit: usize,
    /// Of the first item.
    sent: usize,
    credit: usize,
    window: usize,
    served: u64,
}

impl Lane {
    fn ready(&self) -> bool {
        let Some(item) = self.queue.front() else { return false };
        let rest = item.bytes().len() - self.sent;
        let overhead = if self.sent == 0 { cost(0) } else { 0 };
        // Waits for a sensible part, not for every byte of credit. The window holds the longest message, so the
        // credit for it comes.
        self.answers || self.credit >= overhead + rest.min(MAX_PAYLOAD / 4)
    }

    fn write(&mut self, out: &mut BytesMut) {
        let Some(item) = self.queue.front() else { return };
        let bytes = item.bytes();
        let (overhead, head) = match (self.sent, item) {
            (1.., _) => (0, 0),
            (0, Item::Message(_)) => (cost(0), MESSAGE_HEAD),
            (0, Item::Request(..)) => (cost(0), REQUEST_HEAD),
            (0, Item::Response { .. }) => (cost(0), RESPONSE_HEAD),
        };
        let mut size = (bytes.len() - self.sent).min(MAX_PAYLOAD - head);
        if !self.answers {
            size = size.min(self.credit.saturating_sub(overhead));
            self.credit = self.credit.saturating_sub(overhead + size);
        }
        let part = &bytes[self.sent..self.sent + size];
        let channel = self.channel;
        // `push` let nothing in that is longer than `max_message`, which is below 4 GiB.
        let total = bytes.len() as u32;
        let frame = match (self.sent, item) {
            (0, Item::Message(_)) => Frame::Message { channel, total, part },
            (0, Item::Request(id, _)) => Frame::Request { channel, id: *id, total, part },
            (0, Item::Response { id, status, .. }) => {
                Frame::Response { channel, id: *id, status: *status, total, part }
            }
            (_, Item::Response { .. }) => Frame::MoreResponse { channel, part },
            (_, _) => Frame::More { channel, part },
        };
        frame::encode(&frame, out);
        self.sent += size;
        if self.sent == bytes.len() {
            self.queued -= cost(bytes.len());
            self.queue.pop_front();
            self.sent = 0;
        }
    }
}

impl Outbox {
    /// For the channels that both sides declared.
    pub(crate) fn new(ours: &[Channel], theirs: &[PeerChannel]) -> Self {
        let mut lanes = Vec::new();
        for channel in ours {
            let Some(peer) = theirs.iter().find(|peer| peer.id == channel.id) else { continue };
            for answers in [false, true] {
                lanes.push(Lane {
                    channel: channel.id,
                    priority: channel.priority,
                    answers,
                    max_message: channel.max_message.min(peer.max_message as usize),
                    queue: VecDeque::new(),
                    queued: 0,
                    limit: channel.queue,
                    sent: 0,
                    credit: peer.window as usize,
                    window: peer.window as usize,
                    served: 0,
                });
            }
        }
        lanes.sort_by_key(|lane| core::cmp::Reverse(lane.priority));
        Self { lanes, clock: 0, ping: None, pong: None, credits: BTreeMap::new(), closed: false }
    }

    fn lane(&mut self, channel: u8, answers: bool) -> Result<&mut Lane, SendError> {
        self.lanes
            .iter_mut()
            .find(|lane| lane.channel == channel && lane.answers == answers)
            .ok_or(SendError::UnknownChannel)
    }

    /// Whether a message of `size` bytes has room now.
    pub(crate) fn room(&mut self, channel: u8, answers: bool, size: usize) -> Result<(), SendError> {
        if self.closed {
            return Err(SendError::NotConnected);
        }
        let lane = self.lane(channel, answers)?;
        if size > lane.max_message {
            return Err(SendError::TooLarge { size, max: lane.max_message });
        }
        if lane.queued > 0 && lane.queued + cost(size) > lane.limit {
            return Err(SendError::QueueFull);
        }
        Ok(())
    }

    /// Queues `item`.
    pub(crate) fn push(&mut self, channel: u8, item: Item) -> Result<(), SendError> {
        let answers = matches!(item, Item::Response { .. });
        self.room(channel, answers, item.bytes().len())?;
        let lane = self.lane(channel, answers)?;
        lane.queued += cost(item.bytes().len());
        lane.queue.push_back(item);
        Ok(())
    }

    /// The peer took messages.
    pub(crate) fn credited(&mut self, channel: u8, bytes: u32) -> Result<(), Violation> {
        let lane = self.lane(channel, false).map_err(|_| Violation::UnknownChannel(channel))?;
        let credit = lane.credit + bytes as usize;
        if credit > lane.window {
            return Err(Violation::Credit(channel));
        }
        lane.credit = credit;
        Ok(())
    }

    /// Tells the peer that it may send more.
    pub(crate) fn credit(&mut self, channel: u8, bytes: u32) {
        let owed = self.credits.entry(channel).or_default();
        *owed = owed.saturating_add(bytes);
    }

    pub(crate) fn ping(&mut self, number: u64) {
        self.ping = Some(number);
    }

    /// Only the last of several unanswered pings is answered, so nothing piles up.
    pub(crate) fn pong(&mut self, number: u64) {
        self.pong = Some(number);
    }

    /// Forgets what waits and takes nothing more.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.lanes.clear();
    }

    /// Bytes of messages that wait.
    pub(crate) fn queued(&self) -> usize {
        self.lanes.iter().map(|lane| lane.queued).sum()
    }

    /// Appends frames to `out` until it holds `budget` bytes or there is nothing to send.
    pub(crate) fn fill(&mut self, out: &mut BytesMut, budget: usize) {
        while out.len() < budget && self.next(out) {}
    }

    fn next(&mut self, out: &mut BytesMut) -> bool {
        if self.closed {
            return false;
        }
        if let Some(number) = self.pong.take() {
            frame::encode(&Frame::Pong(number), out);
        } else if let Some(number) = self.ping.take() {
            frame::encode(&Frame::Ping(number), out);
        } else if let Some((channel, bytes)) = self.credits.pop_first() {
            frame::encode(&Frame::Credit { channel, bytes }, out);
        } else if let Some(index) = self.choose() {
            self.clock += 1;
            let lane = &mut self.lanes[index];
            lane.served = self.clock;
            lane.write(out);
        } else {
            return false;
        }
        true
    }

    fn choose(&self) -> Option<usize> {
        let ready = self.lanes.iter().enumerate().filter(|(_, lane)| lane.ready());
        let longest = |lane: &Lane| lane.served;
        let chosen = if (self.clock + 1).is_multiple_of(TURN) {
            ready.min_by_key(|(_, lane)| longest(lane))
        } else {
            ready.min_by_key(|(_, lane)| (core::cmp::Reverse(lane.priority), longest(lane)))
        };
        chosen.map(|(index, _)| index)
    }
}

#[cfg(test)]
mod tests;
