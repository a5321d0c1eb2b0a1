use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::{Duration, Instant, sleep, timeout};

use super::support::*;
use crate::*;

const SECOND: Duration = Duration::from_secs(1);

fn alive() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

#[tokio::test(start_paused = true)]
async fn a_stopped_peer_is_reconnected_when_it_comes_back() {
    let network = MemoryNetwork::default();
    let (mut a, b) = pair(&network).await;
    b.stop().await;
    let text = "node stops".to_owned();
    assert_eq!(a.down().await, (id(2), PeerDownReason::Remote { code: CloseCode::Shutdown, text }));
    sleep(SECOND * 5).await;
    let start = Instant::now();
    let mut b = Setup::new(&network, 2, &[]).with(|config| config.seed = 77).start().await;
    assert_eq!((a.up().await, b.up().await), (id(2), id(1)));
    assert!(start.elapsed() <= SECOND * 13, "{:?}", start.elapsed());
    a.peers.send(id(2), VOTES, "again".into()).expect("connected");
    assert_eq!(receive(&mut b.votes).await.bytes, "again");
}

#[tokio::test(start_paused = true)]
async fn nodes_that_dial_each_other_at_once_end_with_one_connection() {
    for seed in 0..40 {
        let network = MemoryNetwork::default();
        let seeded = |own: u8, other: u8| {
            Setup::new(&network, own, &[other]).with(|config| config.seed = u64::from(own) << 32 | seed)
        };
        let (mut a, mut b) = tokio::join!(seeded(1, 2).start(), seeded(2, 1).start());
        assert_eq!((a.up().await, b.up().await), (id(2), id(1)));
        sleep(LONG).await;
        assert!(a.quiet() && b.quiet(), "it stays, seed {seed}");
        assert_ne!(a.peers.info()[0].outbound, b.peers.info()[0].outbound, "both keep the same one");
        a.peers.send(id(2), VOTES, "to b".into()).expect("connected");
        b.peers.send(id(1), VOTES, "to a".into()).expect("connected");
        assert_eq!(receive(&mut b.votes).await.bytes, "to b");
        assert_eq!(receive(&mut a.votes).await.bytes, "to a");
        a.stop().await;
        b.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_mesh_of_seven_comes_up_and_stays() {
    let network = MemoryNetwork::default();
    let mut nodes = Vec::new();
    for seed in 1..=7 {
        let others: Vec<u8> = (1..=7).filter(|other| *other != seed).collect();
        nodes.push(Setup::new(&network, seed, &others).start().await);
    }
    for node in &mut nodes {
        for _ in 0..6 {
            node.up().await;
        }
    }
    sleep(LONG).await;
    for node in &mut nodes {
        assert!(node.quiet());
        assert_eq!(node.peers.connected().len(), 6);
    }
    assert_eq!(nodes[3].peers.broadcast(VOTES, "vote".into()), 6);
    for index in [0, 1, 2, 4, 5, 6] {
        assert_eq!(receive(&mut nodes[index].votes).await.from, id(4));
    }
}

/// The dialling side has the higher or the lower id in turn: the lower one decides about doubles.
#[tokio::test(start_paused = true)]
async fn a_restarted_peer_replaces_its_stale_connection_at_once() {
    for (own, other) in [(1, 2), (2, 1)] {
        let network = MemoryNetwork::default();
        let wires = Arc::new(Mutex::new(Wires::new(&network)));
        let dialler = |seed| {
            Setup::new(&network, own, &[other]).over(wires.clone()).with(move |config| {
                config.listen = None;
                config.seed = seed;
            })
        };
        let (a, mut b) = pair_with(dialler(5), Setup::new(&network, other, &[])).await;
        // The machine of `a` is gone without a word, and back a second later.
        wires.lock().freeze();
        drop(a);
        sleep(SECOND).await;
        assert!(b.quiet());
        let start = Instant::now();
        let mut a = dialler(6).start().await;
        assert_eq!(a.up().await, id(other));
        assert!(start.elapsed() < SECOND / 10);
        let text = "replaced by a new connection".to_owned();
        let replaced = PeerDownReason::Local { code: CloseCode::Duplicate, text };
        assert_eq!(b.down().await, (id(own), replaced));
        assert_eq!(b.up().await, id(own));
        b.peers.send(id(own), VOTES, "back".into()).expect("connected");
        assert_eq!(receive(&mut a.votes).await.bytes, "back");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cut_link_is_noticed_by_both_sides_and_comes_back() {
    let network = MemoryNetwork::default();
    let wires = Arc::new(Mutex::new(Wires::new(&network)));
    let setup = |own, other| Setup::new(&network, own, &[other]).over(wires.clone());
    let (mut a, mut b) = pair_with(setup(1, 2), setup(2, 1)).await;
    wires.lock().freeze();
    let start = Instant::now();
    let (first, second) = tokio::join!(a.down(), b.down());
    assert_eq!((first.0, second.0), (id(2), id(1)));
    assert!(start.elapsed() <= SECOND * 16, "{:?}", start.elapsed());
    assert_eq!((a.up().await, b.up().await), (id(2), id(1)));
    sleep(LONG).await;
    assert!(a.quiet() && b.quiet());
}

#[tokio::test(start_paused = true)]
async fn peers_are_added_removed_and_disconnected_while_running() {
    let network = MemoryNetwork::default();
    let mut b = Setup::new(&network, 2, &[]).start().await;
    let mut a = Setup::new(&network, 1, &[]).start().await;
    let wrong = PeerAddress { port: 2, ..address(2) };
    a.peers.add_peer(wrong);
    sleep(LONG).await;
    assert!(a.quiet());
    a.peers.add_peer(address(2));
    assert_eq!((a.up().await, b.up().await), (id(2), id(1)));

    b.peers.disconnect(id(1), "bad binding");
    let (code, text) = (CloseCode::Requested, "bad binding".to_owned());
    assert_eq!(b.down().await, (id(1), PeerDownReason::Local { code, text: text.clone() }));
    assert_eq!(a.down().await, (id(2), PeerDownReason::Remote { code, text }));
    assert_eq!((a.up().await, b.up().await), (id(2), id(1)), "dialled again");

    a.peers.remove_peer(&id(2));
    a.peers.disconnect(id(2), "done");
    a.down().await;
    b.down().await;
    sleep(LONG).await;
    assert!(a.quiet() && b.quiet());
}

#[tokio::test(start_paused = true)]
async fn stopping_and_dropping_leave_no_task() {
    let before = alive();
    let network = MemoryNetwork::default();
    for drop_only in [false, true] {
        let mut setup = Setup::new(&network, 2, &[1, 3]);
        setup.capacity = 1;
        let (a, mut b) = pair_with(Setup::new(&network, 1, &[2]), setup).await;
        // A handler that waits, a request without answer, a full queue, a half-open stream.
        for _ in 0..20 {
            a.peers.send(id(2), TXS, vec![0; 100_000].into()).expect("room");
        }
        let peers = a.peers.clone();
        let asking = tokio::spawn(async move { peers.request(id(2), VOTES, "?".into(), LONG).await });
        let responder = receive(&mut b.votes).await.responder;
        let _idle = network.dial(&address(2).dial_string()).await.expect("node listens");
        sleep(SECOND).await;
        assert!(alive() > before + 5);
        let start = Instant::now();
        if drop_only {
            let TestNode { peers, mut events, txs, .. } = b;
            drop(peers);
            let ended = async { while events.recv().await.is_some() {} };
            timeout(LONG, ended).await.expect("every event told, then the end");
            drop(txs);
        } else {
            b.peers.stop().await;
            let text = "node stops".to_owned();
            let reason = PeerDownReason::Local { code: CloseCode::Shutdown, text };
            assert_eq!(b.down().await, (id(1), reason));
            assert!(b.quiet() && b.peers.connected().is_empty());
            b.peers.stop().await;
        }
        assert!(start.elapsed() <= SECOND * 2, "{:?}", start.elapsed());
        assert_eq!(asking.await.expect("no panic"), Err(RequestError::Disconnected));
        drop(responder);
        a.stop().await;
        // Timers and wake-ups of what was dropped.
        sleep(SECOND).await;
        assert_eq!(alive(), before);
    }
}

#[tokio::test(start_paused = true)]
async fn bad_configurations_and_addresses_in_use_are_refused() {
    let network = MemoryNetwork::default();
    let start = |config: Config| {
        let network = Arc::new(network.clone());
        async move {
            let (handler, _inbox) = inbox(&config.channels, 1);
            let started = Peers::start(config, key(1), network, Arc::new(|_: &PeerId| true), handler).await;
            started.map(|_| ()).map_err(|error| error.to_string())
        }
    };
    let good = || Config::new("test-1", "n", channels(), 1);
    assert_eq!(start(good()).await, Ok(()));
    let twice = Config { channels: vec![channels()[0]; 2], ..good() };
    assert_eq!(start(twice).await, Err("p2p: channel 1 is declared twice".to_owned()));
    let small = Config { channels: vec![Channel { window: 10, ..channels()[0] }], ..good() };
    assert_eq!(start(small).await, Err("p2p: channel 1 has a message size or window out of range".to_owned()));
    let nameless = Config { chain_id: String::new(), ..good() };
    let text = "p2p: chain_id is empty, too long or holds control characters";
    assert_eq!(start(nameless).await, Err(text.to_owned()));
    let extra = Config { extra: vec![0; MAX_EXTRA + 1].into(), ..good() };
    assert_eq!(start(extra).await, Err("p2p: extra has 8193 bytes, at most 8192 are allowed".to_owned()));
    assert_eq!(start(Config { send_rate: 0, ..good() }).await, Err("p2p: send_rate must not be zero".to_owned()));

    let _taken = network.listen("here:1").await.expect("free");
    let listening = Config { listen: Some("here:1".to_owned()), ..good() };
    assert_eq!(start(listening).await, Err("cannot listen on here:1: address in use".to_owned()));
}
