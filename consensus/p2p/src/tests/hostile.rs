use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::time::{Duration, Instant, sleep, timeout};

use super::support::*;
use crate::frame::{Frame, Status};
use crate::wire::Wire;
use crate::*;

const SECOND: Duration = Duration::from_secs(1);

async fn refused_now(network: &MemoryNetwork, seed: u8) -> CloseCode {
    closed(&mut secure(network, seed, 2).await).await.0
}

#[tokio::test(start_paused = true)]
async fn each_violation_ends_the_connection_with_its_reason_and_a_growing_ban() {
    let network = MemoryNetwork::default();
    let mut b = Setup::new(&network, 2, &[]).start().await;
    let message = |channel, total, part| Frame::Message { channel, total, part };
    let cases: [(Frame<'_>, &str); 7] = [
        (message(VOTES, 65_537, b"x"), "message of 65537 bytes on channel 1, which allows 65536"),
        (message(VOTES, u32::MAX, b"x"), "message of 4294967295 bytes on channel 1, which allows 65536"),
        (message(99, 1, b"x"), "frame on unknown channel 99"),
        (Frame::Ready, "unexpected handshake frame"),
        (Frame::Credit { channel: VOTES, bytes: 1 }, "credit beyond the window of channel 1"),
        (
            Frame::Response { channel: VOTES, id: 0, status: Status::Answer, total: 1, part: b"x" },
            "answer to a request that was never made",
        ),
        (Frame::More { channel: VOTES, part: b"x" }, "unexpected continuation frame"),
    ];
    let mut ban = SECOND * 10;
    for (frame, text) in cases {
        let mut wire = played(&network, 1, &mut b, 2).await;
        wire.send(&frame).await.expect("sent");
        let (code, text) = (CloseCode::Violation, text.to_owned());
        assert_eq!(closed(&mut wire).await, (code, text.clone()));
        assert_eq!(b.down().await, (id(1), PeerDownReason::Local { code, text }));
        sleep(ban - SECOND).await;
        assert_eq!(refused_now(&network, 1).await, CloseCode::Banned);
        sleep(SECOND * 2).await;
        ban *= 2;
    }
    assert!(b.votes.as_mut().is_some_and(|votes| votes.try_recv().is_err()), "no message came through");
}

#[tokio::test(start_paused = true)]
async fn a_giant_length_is_refused_before_its_bytes_come() {
    let network = MemoryNetwork::default();
    let mut b = Setup::new(&network, 2, &[]).start().await;
    let mut wire = played(&network, 1, &mut b, 2).await;
    wire.stream.write_all(&[0x10, VOTES, 0xff, 0xff]).await.expect("sent");
    wire.stream.flush().await.expect("sent");
    assert_eq!(closed(&mut wire).await.1, "frame of kind 0x10 with 65535 bytes");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_ignores_the_window_is_banned_and_its_bytes_stay_bounded() {
    let network = MemoryNetwork::default();
    let mut setup = Setup::new(&network, 2, &[]);
    setup.capacity = 1;
    let mut b = setup.start().await;
    let mut wire = played(&network, 1, &mut b, 2).await;
    let part = vec![0; 10_000];
    let flood = async {
        // Window of 64 KiB + 64 + 1 MiB; the queue of the test takes two messages off.
        for _ in 0..130 {
            if wire.send(&Frame::Message { channel: VOTES, total: 10_000, part: &part }).await.is_err() {
                break;
            }
        }
    };
    timeout(LONG, flood).await.expect("b reads on");
    let text = "sent beyond the window of channel 1".to_owned();
    assert_eq!(b.down().await, (id(1), PeerDownReason::Local { code: CloseCode::Violation, text }));
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_read_at_the_rate_and_no_faster() {
    let network = MemoryNetwork::default();
    let setup = Setup::new(&network, 2, &[]).with(|config| config.recv_rate = 1_000_000);
    let mut b = setup.start().await;
    let mut wire = played(&network, 1, &mut b, 2).await;
    let start = Instant::now();
    let taken = async {
        let mut count = 0;
        while count < 500 {
            receive(&mut b.votes).await;
            count += 1;
        }
    };
    let part = vec![0; 10_000];
    let flood = async {
        // The hostile peer announced no limit of its own and minds the window only.
        for _ in 0..500 {
            wire.send(&Frame::Message { channel: VOTES, total: 10_000, part: &part }).await.expect("read in time");
        }
    };
    // 5 MB; credit is not awaited, so the consumer keeps up only if reading is what limits.
    tokio::join!(taken, flood);
    let took = start.elapsed().as_secs_f64();
    assert!((3.9..4.3).contains(&took), "{took} s");
    assert!(b.quiet());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_reads_costs_a_full_queue_and_is_dropped() {
    let network = MemoryNetwork::default();
    let mut b = Setup::new(&network, 2, &[]).start().await;
    let mut wire = played(&network, 1, &mut b, 2).await;
    let start = Instant::now();
    let block = Bytes::from(vec![0; 4 << 20]);
    let mut sent = 0;
    while b.peers.send(id(1), BLOCKS, block.clone()).is_ok() {
        sent += 1;
        sleep(Duration::from_millis(1)).await;
    }
    assert!(sent <= 4, "{sent} blocks of 4 MiB in a queue of 16 MiB");
    // Shows signs of life, but reads nothing.
    let alive = async {
        loop {
            sleep(SECOND).await;
            if wire.send(&Frame::Ping(1)).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        () = alive => {}
        (peer, reason) = b.down() => {
            let text = "peer does not read".to_owned();
            assert_eq!((peer, reason), (id(1), PeerDownReason::Local { code: CloseCode::Timeout, text }));
        }
    }
    assert!((14..=16).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_falls_silent_is_dropped_after_an_unanswered_ping() {
    let network = MemoryNetwork::default();
    let mut b = Setup::new(&network, 2, &[]).start().await;
    let _wire = played(&network, 1, &mut b, 2).await;
    let start = Instant::now();
    let text = "no sign of life".to_owned();
    assert_eq!(b.down().await, (id(1), PeerDownReason::Local { code: CloseCode::Timeout, text }));
    assert!((9..=15).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn quiet_peers_stay_connected_and_measure_their_round_trip() {
    let network = MemoryNetwork::default();
    let (mut a, mut b) = pair(&network).await;
    sleep(SECOND * 3600).await;
    assert!(a.quiet() && b.quiet());
    let info = &a.peers.info()[0];
    assert!(info.round_trip.is_some() && info.age >= SECOND * 3600, "{info:?}");
}

#[tokio::test(start_paused = true)]
async fn pings_without_end_are_a_violation() {
    let network = MemoryNetwork::default();
    let mut b = Setup::new(&network, 2, &[]).start().await;
    let mut wire = played(&network, 1, &mut b, 2).await;
    for number in 0..1001 {
        wire.send(&Frame::Ping(number)).await.expect("sent");
    }
    assert_eq!(closed(&mut wire).await, (CloseCode::Violation, "too many pings".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn half_open_streams_are_dropped_and_do_not_keep_others_out() {
    let network = MemoryNetwork::default();
    let mut b = Setup::new(&network, 2, &[]).with(|config| config.max_handshakes = 4).start().await;
    let mut idle = Vec::new();
    for _ in 0..50 {
        idle.push(network.dial(&address(2).dial_string()).await.expect("node listens"));
    }
    let mut a = Setup::new(&network, 1, &[2]).start().await;
    assert_eq!((a.up().await, b.up().await), (id(2), id(1)));
    // One that trickles a TLS record byte by byte is cut off by the same clock.
    let mut slow = network.dial(&address(2).dial_string()).await.expect("node listens");
    let start = Instant::now();
    let trickle = async {
        while slow.write_all(&[0x16]).await.is_ok() {
            sleep(Duration::from_millis(500)).await;
        }
    };
    timeout(LONG, trickle).await.expect("cut off");
    assert!(start.elapsed() <= SECOND * 11, "{:?}", start.elapsed());
    assert!(b.quiet());
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_stops_after_tls_or_hello_times_out() {
    let network = MemoryNetwork::default();
    let mut b = Setup::new(&network, 2, &[]).start().await;
    for with_hello in [false, true] {
        let mut wire = secure(&network, 1, 2).await;
        if with_hello {
            wire.send(&Frame::Hello(&hello("test-1").encode())).await.expect("sent");
        }
        let start = Instant::now();
        let end = async { while !matches!(wire.receive().await, Err(PeerDownReason::Lost(_))) {} };
        timeout(LONG, end).await.expect("dropped");
        assert!((9..=10).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    }
    assert!(b.quiet());
}

#[tokio::test(start_paused = true)]
async fn inbound_connections_are_bounded_except_for_configured_peers() {
    let network = MemoryNetwork::default();
    let setup = Setup::new(&network, 2, &[7]).with(|config| config.max_inbound = 2);
    let mut b = setup.start().await;
    let mut wires: Vec<Wire> = Vec::new();
    for seed in [3, 4] {
        wires.push(played(&network, seed, &mut b, 2).await);
    }
    assert_eq!(refused_now(&network, 5).await, CloseCode::Full);
    wires.push(played(&network, 7, &mut b, 2).await);
    drop(wires.remove(0));
    assert_eq!(b.down().await.0, id(3));
    wires.push(played(&network, 5, &mut b, 2).await);
    assert_eq!(b.peers.connected().len(), 3);
}
