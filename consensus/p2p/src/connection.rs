//! Runs one connection: reads, writes, keeps alive.

use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::Poll;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::time::{Duration, Instant, sleep, sleep_until, timeout};

use crate::delivery::Deliveries;
use crate::frame::{self, Frame, HEADER, MAX_PAYLOAD};
use crate::intake::Inbound;
use crate::link::Link;
use crate::node::Node;
use crate::outbox::Serving;
use crate::rate::Bucket;
use crate::tls::SecureStream;
use crate::wire::{Wire, farewell};
use crate::{CloseCode, PeerDownReason, Violation};

/// Most bytes written at once: how far an urgent message is behind those before it, socket buffers aside.
const BATCH: usize = 64 << 10;

/// Most bytes read at once.
const READ: usize = 64 << 10;

/// Time for an answer when there is a reason to think that the peer is gone.
const PROBE: Duration = Duration::from_secs(2);

/// More pings than this in [`PING_WINDOW`] break the protocol.
const MAX_PINGS: u32 = 1000;
const PING_WINDOW: Duration = Duration::from_secs(10);

/// Moves messages until the connection ends, then says why, to the owner and where possible to the peer.
pub(crate) async fn run(node: Arc<Node>, link: Arc<Link>, wire: Wire, announced: impl Future) {
    // The owner hears of the peer before it hears from it.
    announced.await;
    let Wire { stream, mut input, mut output } = wire;
    let (mut read, mut write) = split(stream);
    let reason = {
        let traffic =
            either(receive(&node, &link, &mut read, &mut input), transmit(&node, &link, &mut write, &mut output));
        tokio::select! {
            biased;
            reason = link.closed() => reason,
            () = node.stopping() => PeerDownReason::local(CloseCode::Shutdown, "node stops"),
            reason = traffic => reason,
        }
    };
    node.down(&link, &reason);
    if let PeerDownReason::Local { code, text } = &reason {
        let mut stream = read.unsplit(write);
        farewell(&mut stream, &mut output, &Frame::Close { code: *code as u8, text }).await;
    }
}

/// The first result of two futures, polled first in turn: neither can starve the other, and unlike with a random order
/// a simulation can be repeated.
async fn either<T>(first: impl Future<Output = T>, second: impl Future<Output = T>) -> T {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let mut turn = false;
    poll_fn(move |cx| {
        turn = !turn;
        let (one, other): (Pin<&mut dyn Future<Output = T>>, Pin<&mut dyn Future<Output = T>>) =
            if turn { (first.as_mut(), second.as_mut()) } else { (second.as_mut(), first.as_mut()) };
        match one.poll(cx) {
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => other.poll(cx),
        }
    })
    .await
}

async fn transmit(
    node: &Node,
    link: &Link,
    stream: &mut WriteHalf<SecureStream>,
    output: &mut BytesMut,
) -> PeerDownReason {
    let rate = node.config.send_rate.min(link.peer_rate);
    // A slow connection writes less at once, so that urgent frames find a turn several times in a second.
    let batch = usize::try_from(rate / 16).unwrap_or(BATCH).clamp(MAX_PAYLOAD, BATCH);
    let stall = node.config.ping_interval + node.config.pong_timeout;
    let mut bucket = Bucket::new(rate, Instant::now());
    output.reserve(BATCH + HEADER + MAX_PAYLOAD);
    loop {
        if output.is_empty() {
            link.outbox.lock().fill(output, batch);
            if output.is_empty() {
                link.wake.notified().await;
                continue;
            }
            link.freed();
        }
        let size = output.len();
        while !output.is_empty() {
            // `write_buf` takes out of `output` what it wrote even when this future is dropped, so that a last frame
            // can follow.
            match timeout(stall, stream.write_buf(output)).await {
                Ok(Ok(1..)) => {}
                Ok(Ok(0)) => return PeerDownReason::Lost("stream takes no more bytes".to_owned()),
                Ok(Err(error)) => return error.into(),
                Err(_) => return PeerDownReason::local(CloseCode::Timeout, "peer does not read"),
            }
        }
        match timeout(stall, stream.flush()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return error.into(),
            Err(_) => return PeerDownReason::local(CloseCode::Timeout, "peer does not read"),
        }
        link.sent(size);
        let wait = bucket.take(size, Instant::now());
        if !wait.is_zero() {
            sleep(wait).await;
        }
    }
}

async fn receive(
    node: &Arc<Node>,
    link: &Arc<Link>,
    stream: &mut ReadHalf<SecureStream>,
    input: &mut BytesMut,
) -> PeerDownReason {
    let start = Instant::now();
    let mut bucket = Bucket::new(node.config.recv_rate, start);
    let mut pulse = Pulse::new(node, start);
    let mut deliveries = Deliveries::new(node.clone(), link.clone());
    loop {
        if let Err(reason) = take_frames(node, link, input, &mut deliveries, &mut pulse) {
            return reason;
        }
        input.reserve(READ);
        let size = tokio::select! {
            biased;
            read = stream.read_buf(input) => match read {
                Ok(0) => return PeerDownReason::Lost("peer closed the stream".to_owned()),
                Ok(size) => size,
                Err(error) => return error.into(),
            },
            () = sleep_until(pulse.next()) => match pulse.beat(link, node) {
                Ok(()) => continue,
                Err(reason) => return reason,
            },
            () = link.probe.notified() => {
                pulse.probe(link);
                continue;
            }
        };
        let now = Instant::now();
        link.received(size);
        let wait = bucket.take(size, now);
        if !wait.is_zero() {
            // TCP holds back what exceeds the rate.
            sleep(wait).await;
        }
        pulse.heard();
    }
}

fn take_frames(
    node: &Arc<Node>,
    link: &Arc<Link>,
    input: &mut BytesMut,
    deliveries: &mut Deliveries,
    pulse: &mut Pulse,
) -> Result<(), PeerDownReason> {
    let mut taken = 0;
    while let Some((frame, length)) = frame::decode(&input[taken..]).map_err(Violation::from)? {
        taken += length;
        match frame {
            Frame::Close { code, text } => return Err(PeerDownReason::remote(code, text)),
            Frame::Hello(_) | Frame::Ready => return Err(Violation::Unexpected("handshake").into()),
            Frame::Ping(number) => {
                pulse.pinged()?;
                link.pong(number);
            }
            Frame::Pong(number) => pulse.ponged(number, link),
            Frame::Credit { channel, bytes } => {
                link.outbox.lock().credited(channel, bytes)?;
                link.wake.notify_one();
            }
            frame => {
                let whole = link.intake.lock().accept(&frame, |channel, number| link.asked(channel, number))?;
                match whole {
                    None => {}
                    Some(Inbound::Response { id, status, bytes }) => link.answered(id, status, bytes),
                    Some(Inbound::Message { channel, bytes }) => deliveries.message(channel, bytes)?,
                    Some(Inbound::Request { channel, id, bytes }) => {
                        match Serving::begin(&link.serving, node.config.max_pending_requests) {
                            Some(serving) => deliveries.request(channel, id, bytes, serving)?,
                            None => {
                                link.taken(channel, bytes.len());
                                link.busy(channel, id);
                            }
                        }
                    }
                }
            }
        }
    }
    input.advance(taken);
    Ok(())
}

/// Finds out whether the peer is alive, and how far away.
struct Pulse {
    interval: Duration,
    timeout: Duration,
    ping_at: Instant,
    dead_at: Option<Instant>,
    number: u64,
    sent_at: Instant,
    pings: u32,
    pings_since: Instant,
}

impl Pulse {
    fn new(node: &Node, now: Instant) -> Self {
        Self {
            interval: node.config.ping_interval,
            timeout: node.config.pong_timeout,
            // The first one soon, for the round trip.
            ping_at: now,
            dead_at: None,
            number: 0,
            sent_at: now,
            pings: 0,
            pings_since: now,
        }
    }

    fn next(&self) -> Instant {
        self.dead_at.map_or(self.ping_at, |dead| dead.min(self.ping_at))
    }

    fn beat(&mut self, link: &Link, node: &Node) -> Result<(), PeerDownReason> {
        let now = Instant::now();
        if self.dead_at.is_some_and(|dead| now >= dead) {
            tracing::debug!(peer = %link.id, node = %node.id, "no sign of life");
            return Err(PeerDownReason::local(CloseCode::Timeout, "no sign of life"));
        }
        if now >= self.ping_at {
            self.ping(link, now, self.timeout);
        }
        Ok(())
    }

    fn probe(&mut self, link: &Link) {
        self.ping(link, Instant::now(), self.timeout.min(PROBE));
    }

    fn ping(&mut self, link: &Link, now: Instant, patience: Duration) {
        self.number += 1;
        self.sent_at = now;
        self.ping_at = now + self.interval;
        let dead = now + patience;
        self.dead_at = Some(self.dead_at.map_or(dead, |before| before.min(dead)));
        link.ping(self.number);
    }

    fn heard(&mut self) {
        self.dead_at = None;
    }

    fn pinged(&mut self) -> Result<(), Violation> {
        let now = Instant::now();
        if now.saturating_duration_since(self.pings_since) > PING_WINDOW {
            self.pings = 0;
            self.pings_since = now;
        }
        self.pings += 1;
        if self.pings > MAX_PINGS { Err(Violation::Pings) } else { Ok(()) }
    }

    fn ponged(&mut self, number: u64, link: &Link) {
        if number == self.number {
            link.round_trip(Instant::now().saturating_duration_since(self.sent_at));
        }
    }
}
