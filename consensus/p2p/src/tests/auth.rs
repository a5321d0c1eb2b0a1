use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::support::*;
use crate::frame::Frame;
use crate::tls::Tls;
use crate::wire::Early;
use crate::*;

#[tokio::test(start_paused = true)]
async fn connected_peers_know_what_the_other_says_about_itself() {
    let network = MemoryNetwork::default();
    let setup = Setup::new(&network, 2, &[]).with(|config| config.extra = vec![1, 2].into());
    let mut b = setup.start().await;
    let mut a = Setup::new(&network, 1, &[2]).start().await;
    let hello = Hello {
        chain_id: "test-1".to_owned(),
        moniker: "node 2".to_owned(),
        listen_addr: "node2:1".to_owned(),
        software: concat!("plume/", env!("CARGO_PKG_VERSION")).to_owned(),
        extra: vec![1, 2].into(),
    };
    assert_eq!(**b.peers.hello(), hello);
    let expected = Event::PeerUp { id: id(2), hello: hello.into(), addr: "node2:1".to_owned(), outbound: true };
    assert_eq!(a.event().await, expected);
    assert!(matches!(b.event().await, Event::PeerUp { id: peer, outbound: false, .. } if peer == id(1)));
    let info = a.peers.info();
    assert_eq!((info.len(), info[0].id, info[0].outbound), (1, id(2), true));
    assert_eq!(a.peers.connected(), [id(2)]);
    assert!(b.peers.is_connected(&id(1)));
}

#[tokio::test(start_paused = true)]
async fn a_listener_with_another_key_is_refused_by_the_dialler() {
    let network = MemoryNetwork::default();
    let mut b = Setup::new(&network, 2, &[]).start().await;
    let wrong = PeerAddress { id: id(3), ..address(2) };
    let mut a = Setup::new(&network, 1, &[]).with(|config| config.persistent_peers = vec![wrong]).start().await;
    // Many attempts.
    tokio::time::sleep(LONG).await;
    assert!(a.quiet() && b.quiet() && a.peers.connected().is_empty() && b.peers.connected().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_claimed_key_without_its_private_half_is_refused_on_both_sides() {
    let forged = NodeKey::forged([9; 32], *key(2).public());
    assert_eq!(forged.id(), id(2));
    let forged = Tls::new(&forged).expect("loads");
    let honest = Tls::new(&key(1)).expect("loads");
    let attempt = |dialler: Tls, listener: Tls, expected: PeerId| async move {
        let (a, b) = tokio::io::duplex(1 << 16);
        let dial = async {
            let stream = dialler.dial(Box::new(a), expected).await?;
            crate::wire::Wire::new(stream).stream.read_u8().await
        };
        let (dialled, accepted) = tokio::join!(dial, async { listener.accept(Box::new(b)).await.map(|(_, id)| id) });
        (dialled.map_err(|error| error.to_string()), accepted.map_err(|error| error.to_string()))
    };
    let (dialled, accepted) = attempt(forged, honest, id(1)).await;
    assert!(dialled.is_err());
    assert!(accepted.as_ref().is_err_and(|error| error.contains("BadSignature")), "{accepted:?}");

    let forged = Tls::new(&NodeKey::forged([9; 32], *key(2).public())).expect("loads");
    let honest = Tls::new(&key(1)).expect("loads");
    let (dialled, accepted) = attempt(honest, forged, id(2)).await;
    assert!(dialled.as_ref().is_err_and(|error| error.contains("BadSignature")), "{dialled:?}");
    assert!(accepted.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_unknown_peer_is_told_so_and_nothing_of_it_is_read() {
    let network = MemoryNetwork::default();
    let mut b = Setup::new(&network, 2, &[]).admitting(|peer: &PeerId| *peer == id(1)).start().await;
    let mut stranger = secure(&network, 3, 2).await;
    // Garbage would be a violation and lead to a ban, if it were read.
    stranger.stream.write_all(&[0xff; 100]).await.expect("sent");
    stranger.stream.flush().await.expect("sent");
    assert_eq!(closed(&mut stranger).await, (CloseCode::NotAdmitted, "node is not admitted".to_owned()));
    let mut stranger = secure(&network, 3, 2).await;
    assert_eq!(closed(&mut stranger).await.0, CloseCode::NotAdmitted, "not banned");
    let mut a = Setup::new(&network, 1, &[2]).start().await;
    assert_eq!((a.up().await, b.up().await), (id(2), id(1)));
    assert!(b.quiet());
}

#[tokio::test(start_paused = true)]
async fn a_dialler_does_not_dial_whom_it_does_not_admit() {
    let network = MemoryNetwork::default();
    let mut b = Setup::new(&network, 2, &[]).start().await;
    let mut a = Setup::new(&network, 1, &[2]).admitting(|_: &PeerId| false).start().await;
    tokio::time::sleep(LONG).await;
    assert!(a.quiet() && b.quiet());
    a.peers.set_admission(Arc::new(|_: &PeerId| true));
    assert_eq!((a.up().await, b.up().await), (id(2), id(1)));
    b.peers.set_admission(Arc::new(|_: &PeerId| false));
    let text = "node is not admitted any more".to_owned();
    let code = CloseCode::NotAdmitted;
    assert_eq!(b.down().await, (id(1), PeerDownReason::Local { code, text: text.clone() }));
    assert_eq!(a.down().await, (id(2), PeerDownReason::Remote { code, text }));
}

#[tokio::test(start_paused = true)]
async fn another_chain_is_refused_and_both_sides_learn_why() {
    let network = MemoryNetwork::default();
    let mut b = Setup::new(&network, 2, &[]).start().await;
    let mut other = secure(&network, 1, 2).await;
    other.send(&Frame::Hello(&hello("other-1").encode())).await.expect("sent");
    assert!(matches!(other.receive().await, Ok(Early::Hello(theirs)) if theirs.hello.chain_id == "test-1"));
    let text = "chain id is other-1, ours is test-1".to_owned();
    assert_eq!(closed(&mut other).await, (CloseCode::WrongChain, text));

    let setup = Setup::new(&network, 1, &[2]).with(|config| config.chain_id = "other-1".to_owned());
    let a = setup.start().await;
    tokio::time::sleep(LONG).await;
    assert!(b.quiet() && a.peers.connected().is_empty());
}

#[tokio::test(start_paused = true)]
async fn another_protocol_version_is_refused_without_a_ban() {
    let network = MemoryNetwork::default();
    let mut b = Setup::new(&network, 2, &[]).start().await;
    for _ in 0..2 {
        let mut other = secure(&network, 1, 2).await;
        other.send(&Frame::Hello(&[0, 2, 1, 2, 3])).await.expect("sent");
        assert_eq!(closed(&mut other).await, (CloseCode::WrongVersion, "protocol version is 2, ours is 1".to_owned()));
    }
    assert!(b.quiet());
}

#[tokio::test(start_paused = true)]
async fn a_recorded_connection_played_again_is_refused() {
    let network = MemoryNetwork::default();
    let wires = Arc::new(Mutex::new(Wires::new(&network)));
    let (a, mut b) = pair_with(Setup::new(&network, 1, &[2]).over(wires.clone()), Setup::new(&network, 2, &[])).await;
    a.peers.send(id(2), VOTES, "pay twice".into()).expect("queued");
    assert_eq!(receive(&mut b.votes).await.bytes, "pay twice");
    a.stop().await;
    b.down().await;
    let recorded = wires.lock().written.lock().clone();
    assert!(recorded.len() > 500, "handshake, hello, message");

    let mut stream = network.dial(&address(2).dial_string()).await.expect("node listens");
    let (mut answer, _) = (Vec::new(), stream.write_all(&recorded).await);
    timeout(LONG, stream.read_to_end(&mut answer)).await.expect("closed").expect("closed in order");
    assert!(b.quiet() && b.votes.as_mut().is_some_and(|votes| votes.try_recv().is_err()));
}

#[tokio::test(start_paused = true)]
async fn a_node_does_not_connect_to_itself() {
    let network = MemoryNetwork::default();
    let mut b = Setup::new(&network, 2, &[2]).start().await;
    let mut mirror = secure(&network, 2, 2).await;
    assert_eq!(closed(&mut mirror).await.0, CloseCode::NotAdmitted);
    assert!(b.quiet());
}
