//! Measures two nodes on the loopback interface of this machine: round trips of a small message, alone and beside a
//! stream of 4 MiB blocks, and throughput.
//!
//! `cargo run --release -p plume-p2p --example latency`

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use plume_p2p::{Channel, Config, Event, Inbox, NodeKey, PeerId, Peers, TcpNetwork, inbox};

const VOTES: u8 = 1;
const BLOCKS: u8 = 2;
const ROUNDS: usize = 10_000;

async fn start(seed: u8, peer: Option<String>, rate: u64) -> (Peers, Inbox) {
    let channels = vec![Channel::new(VOTES, 9, 1 << 16, 1 << 20), Channel::new(BLOCKS, 1, 4 << 20, 32 << 20)];
    let mut config = Config::new("latency-1", format!("node {seed}"), channels, u64::from(seed));
    config.listen = Some("127.0.0.1:0".to_owned());
    config.persistent_peers = peer.iter().map(|peer| peer.parse().expect("an address")).collect();
    (config.send_rate, config.recv_rate) = (rate, rate);
    let (handler, inbox) = inbox(&config.channels, 64);
    let admission = Arc::new(|_: &PeerId| true);
    let key = NodeKey::from_seed([seed; 32]);
    let peers = Peers::start(config, key, Arc::new(TcpNetwork), admission, handler).await.expect("loopback is there");
    (peers, inbox)
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    println!("  {what}: p50 {:?}, p99 {:?}, max {:?} of {}", at(50), at(99), at(100), times.len());
}

async fn round_trips(
    peers: &Peers,
    to: PeerId,
    echoes: &mut tokio::sync::mpsc::Receiver<plume_p2p::Incoming>,
    rounds: usize,
) -> Vec<Duration> {
    let vote = Bytes::from(vec![7; 200]);
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let start = Instant::now();
        peers.send_wait(to, VOTES, vote.clone()).await.expect("connected");
        echoes.recv().await.expect("open");
        times.push(start.elapsed());
    }
    times
}

#[tokio::main]
async fn main() {
    for (name, rate) in [("no limit", 10 << 30), ("limit of 50 MB/s", 50_000_000)] {
        println!("{name}");
        measure(rate).await;
    }
}

async fn measure(rate: u64) {
    let (b, mut at_b) = start(2, None, rate).await;
    let address = format!("{}@{}", b.id(), b.local_addr().expect("it listens"));
    let (a, mut at_a) = start(1, Some(address), rate).await;
    let Some(Event::PeerUp { id: to, .. }) = at_a.events.recv().await else { panic!("no connection") };
    at_b.events.recv().await;

    let (mut votes, mut blocks) = (at_b.take(VOTES).expect("declared"), at_b.take(BLOCKS).expect("declared"));
    let mut echoes = at_a.take(VOTES).expect("declared");
    let echo = b.clone();
    tokio::spawn(async move {
        while let Some(incoming) = votes.recv().await {
            if echo.send_wait(incoming.from, VOTES, incoming.bytes).await.is_err() {
                return;
            }
        }
    });

    round_trips(&a, to, &mut echoes, ROUNDS / 10).await;
    report("200 bytes there and back", round_trips(&a, to, &mut echoes, ROUNDS).await);

    let sender = a.clone();
    let flood = tokio::spawn(async move {
        let block = Bytes::from(vec![1; 4 << 20]);
        while sender.send_wait(to, BLOCKS, block.clone()).await.is_ok() {}
    });
    let start = Instant::now();
    let counting = tokio::spawn(async move {
        let mut bytes = 0;
        while let Some(incoming) = blocks.recv().await {
            bytes += incoming.bytes.len();
            if start.elapsed() > Duration::from_secs(5) {
                break;
            }
        }
        bytes as f64 / start.elapsed().as_secs_f64() / f64::from(1 << 20)
    });
    let mut beside = Vec::new();
    if rate < 1 << 30 {
        // The savings of the first second.
        round_trips(&a, to, &mut echoes, 200).await;
    }
    while !counting.is_finished() {
        beside.extend(round_trips(&a, to, &mut echoes, 10).await);
    }
    println!("  4 MiB blocks one way: {:.0} MiB/s", counting.await.expect("no panic"));
    report("200 bytes there and back beside them", beside);
    flood.abort();
    a.stop().await;
    b.stop().await;
}
