//! Nodes on simulated hosts: partitions, crashes, and that a run can be repeated exactly.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use turmoil::net::{TcpListener, TcpStream};

use super::support::{VOTES, channels, id, key};
use crate::*;

const SECOND: Duration = Duration::from_secs(1);

struct Simulated;

#[async_trait]
impl Network for Simulated {
    async fn dial(&self, addr: &str) -> io::Result<BoxStream> {
        Ok(Box::new(TcpStream::connect(addr).await?))
    }

    async fn listen(&self, addr: &str) -> io::Result<Box<dyn Listener>> {
        Ok(Box::new(SimulatedListener(TcpListener::bind(addr).await?)))
    }
}

struct SimulatedListener(TcpListener);

#[async_trait]
impl Listener for SimulatedListener {
    async fn accept(&mut self) -> io::Result<(BoxStream, String)> {
        let (stream, from) = self.0.accept().await?;
        Ok((Box::new(stream), from.to_string()))
    }

    fn local_addr(&self) -> String {
        self.0.local_addr().map(|addr| addr.to_string()).unwrap_or_default()
    }
}

/// Time in milliseconds, who reports, what.
type Log = Arc<Mutex<Vec<(u128, u8, String)>>>;

struct Reporter {
    own: u8,
    log: Log,
}

impl Reporter {
    fn note(&self, what: String) {
        self.log.lock().push((turmoil::sim_elapsed().unwrap_or_default().as_millis(), self.own, what));
    }
}

#[async_trait]
impl Handler for Reporter {
    async fn message(&self, from: PeerId, _: u8, message: bytes::Bytes) {
        self.note(format!("{from} says {message:?}"));
    }

    fn event(&self, event: Event) {
        self.note(match event {
            Event::PeerUp { id, .. } => format!("{id} up"),
            Event::PeerDown { id, .. } => format!("{id} down"),
        });
    }
}

async fn host(own: u8, log: Log) -> turmoil::Result {
    let peers = (1..=3).filter(|other| *other != own);
    let mut config = Config::new("test-1", format!("node {own}"), channels(), u64::from(own));
    config.listen = Some("0.0.0.0:26656".to_owned());
    config.persistent_peers =
        peers.map(|other| PeerAddress { id: id(other), host: format!("host{other}"), port: 26656 }).collect();
    (config.ping_interval, config.pong_timeout) = (SECOND, 2 * SECOND);
    (config.dial_timeout, config.backoff_max) = (SECOND, SECOND);
    let handler = Arc::new(Reporter { own, log });
    let admission = Arc::new(|_: &PeerId| true);
    let peers = Peers::start(config, key(own), Arc::new(Simulated), admission, handler).await?;
    loop {
        tokio::time::sleep(SECOND).await;
        peers.broadcast(VOTES, bytes::Bytes::from(vec![own]));
    }
}

/// Hosts 1 and 2 are cut off from each other from 5 s to 15 s; host 3 is down from 20 s to 25 s, if `crash`; 32 s in all.
fn run(crash: bool) -> Vec<(u128, u8, String)> {
    let log = Log::default();
    let mut sim = turmoil::Builder::new()
        .simulation_duration(100 * SECOND)
        .tick_duration(Duration::from_millis(5))
        .max_message_latency(Duration::from_millis(20))
        .rng_seed(4)
        .build();
    for own in 1..=3 {
        let log = log.clone();
        sim.host(format!("host{own}"), move || host(own, log.clone()));
    }
    let until = |sim: &mut turmoil::Sim<'_>, seconds| {
        while sim.elapsed() < seconds * SECOND {
            sim.step().expect("hosts run");
        }
    };
    until(&mut sim, 5);
    sim.partition("host1", "host2");
    until(&mut sim, 15);
    sim.repair("host1", "host2");
    until(&mut sim, 20);
    if crash {
        sim.crash("host3");
        until(&mut sim, 25);
        sim.bounce("host3");
    }
    until(&mut sim, 32);
    drop(sim);
    log.lock().clone()
}

/// The ups and downs that `own` reports of `other`, in whole seconds.
fn story(log: &[(u128, u8, String)], own: u8, other: u8) -> Vec<(&str, u128)> {
    let prefix = format!("{} ", id(other));
    let of = log.iter().filter(|(_, reporter, _)| *reporter == own);
    of.filter_map(|(at, _, what)| what.strip_prefix(&prefix).map(|what| (what, at / 1000)))
        .filter(|(what, _)| !what.starts_with("says"))
        .collect()
}

#[test]
fn partitions_and_crashes_end_with_every_pair_connected_again() {
    let log = run(true);
    for (own, other, down, up) in
        [(1, 2, 5..=8, 15..=18), (2, 1, 5..=8, 15..=18), (1, 3, 20..=23, 25..=28), (2, 3, 20..=23, 25..=28)]
    {
        let story = story(&log, own, other);
        let names: Vec<&str> = story.iter().map(|(what, _)| *what).collect();
        assert_eq!(names, ["up", "down", "up"], "{own} of {other}: {story:?}");
        assert!(story[0].1 == 0 && down.contains(&story[1].1) && up.contains(&story[2].1), "{story:?}");
    }
    for (own, other) in [(1, 2), (2, 1), (1, 3), (3, 1), (2, 3), (3, 2)] {
        let says = format!("{} says", id(other));
        let last = log.iter().rfind(|(_, reporter, what)| *reporter == own && what.starts_with(&says));
        assert!(last.is_some_and(|(at, ..)| *at > 30_000), "{own} hears {other}: {last:?}");
    }
}

/// A crash is left out: in which order a runtime drops its tasks depends on what else runs in the process.
#[test]
fn a_simulation_with_the_same_seed_repeats_itself() {
    let log = run(false);
    assert!(log.len() > 150);
    assert!(run(false) == log);
}
