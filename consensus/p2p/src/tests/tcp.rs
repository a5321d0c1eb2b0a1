//! The same over sockets of the operating system, on the loopback interface.

use std::sync::Arc;

use super::support::*;
use crate::*;

fn tcp(seed: u8, peers: Vec<PeerAddress>) -> Setup {
    Setup::new(&MemoryNetwork::default(), seed, &[]).over(TcpNetwork).with(|config| {
        config.listen = Some("127.0.0.1:0".to_owned());
        config.persistent_peers = peers;
    })
}

fn listening(node: &TestNode, seed: u8) -> PeerAddress {
    format!("{}@{}", id(seed), node.peers.local_addr().expect("it listens")).parse().expect("an address")
}

#[tokio::test]
async fn nodes_talk_over_tcp_and_reconnect_after_a_kill() {
    let mut b = tcp(2, Vec::new()).start().await;
    let there = listening(&b, 2);
    let mut a = tcp(1, vec![there.clone()]).with(|config| config.backoff_max = config.backoff_min).start().await;
    assert_eq!((a.up().await, b.up().await), (id(2), id(1)));
    let block = bytes::Bytes::from(vec![7; 4 << 20]);
    a.peers.send(id(2), BLOCKS, block.clone()).expect("connected");
    a.peers.send(id(2), VOTES, "vote".into()).expect("connected");
    assert_eq!(receive(&mut b.votes).await.bytes, "vote");
    assert!(receive(&mut b.blocks).await.bytes == block);

    drop(b);
    assert_eq!(a.down().await.0, id(2));
    // The port is free as soon as the acceptor's task has ended.
    let mut tries = 0;
    let mut b = loop {
        let (handler, inbox) = inbox(&channels(), 8);
        let mut config = Config::new("test-1", "node 2", channels(), 99);
        config.listen = Some(there.dial_string());
        let admission = Arc::new(|_: &PeerId| true);
        match Peers::start(config, key(2), Arc::new(TcpNetwork), admission, handler).await {
            Ok(peers) => break (peers, inbox),
            Err(error) => {
                tries += 1;
                assert!(tries < 1000, "{error}");
                tokio::task::yield_now().await;
            }
        }
    };
    assert_eq!(a.up().await, id(2));
    a.peers.send(id(2), VOTES, "again".into()).expect("connected");
    let mut votes = b.1.take(VOTES);
    assert_eq!(receive(&mut votes).await.bytes, "again");
    b.0.stop().await;
    a.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_messages_cross_on_several_threads() {
    let mut b = tcp(2, Vec::new()).start().await;
    let mut a = tcp(1, vec![listening(&b, 2)]).start().await;
    assert_eq!((a.up().await, b.up().await), (id(2), id(1)));
    let send = |peers: Peers, to: PeerId| async move {
        for number in 0..5000_u32 {
            peers.send_wait(to, TXS, number.to_be_bytes().to_vec().into()).await.expect("connected");
        }
    };
    let senders = [tokio::spawn(send(a.peers.clone(), id(2))), tokio::spawn(send(b.peers.clone(), id(1)))];
    for number in 0..5000_u32 {
        assert_eq!(receive(&mut a.txs).await.bytes[..], number.to_be_bytes());
        assert_eq!(receive(&mut b.txs).await.bytes[..], number.to_be_bytes());
    }
    for sender in senders {
        sender.await.expect("no panic");
    }
    a.stop().await;
    b.stop().await;
}
