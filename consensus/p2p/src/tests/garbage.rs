use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::support::*;
use crate::frame::Frame;
use crate::*;

fn garbage(rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = vec![0; rng.gen_range(0..3000)];
    rng.fill_bytes(&mut bytes);
    // Half of them look like the start of a TLS record, a quarter like that of a client hello.
    match rng.gen_range(0..4) {
        0 | 1 => {}
        2 => bytes.splice(..0, [0x16, 3, 1, 2, 0]).for_each(drop),
        _ => bytes.splice(..0, [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]).for_each(drop),
    }
    bytes
}

#[tokio::test(start_paused = true)]
async fn a_thousand_garbage_streams_do_no_harm() {
    let network = MemoryNetwork::default();
    let (a, mut b) = pair(&network).await;
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let mut rng = StdRng::seed_from_u64(1);
    for _ in 0..1000 {
        let mut stream = network.dial(&address(2).dial_string()).await.expect("node listens");
        // The node may close before it has read everything.
        let _ = stream.write_all(&garbage(&mut rng)).await;
        let _ = stream.shutdown().await;
        let mut rest = Vec::new();
        timeout(LONG, stream.read_to_end(&mut rest)).await.expect("closed by the node").expect("read");
    }
    tokio::time::sleep(LONG).await;
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), before, "no task is left behind");
    a.peers.send(id(2), VOTES, "still here".into()).expect("connected");
    assert_eq!(receive(&mut b.votes).await.bytes, "still here");
    assert!(b.quiet());
}

#[tokio::test(start_paused = true)]
async fn garbage_from_a_proved_peer_ends_its_connection_only() {
    let network = MemoryNetwork::default();
    let (a, mut b) = pair_with(
        Setup::new(&network, 1, &[2]),
        Setup::new(&network, 2, &[]).with(|config| config.ban_max = config.ban_min),
    )
    .await;
    let mut rng = StdRng::seed_from_u64(2);
    for round in 0..100 {
        let late = round % 2 == 0;
        let mut wire = if late { played(&network, 3, &mut b, 2).await } else { secure(&network, 3, 2).await };
        // A stream that never ends: any garbage is found to be such, or waits for more.
        for _ in 0..100 {
            let mut bytes = vec![0; rng.gen_range(1..400)];
            rng.fill_bytes(&mut bytes);
            if wire.stream.write_all(&bytes).await.is_err() || wire.stream.flush().await.is_err() {
                break;
            }
        }
        let code = closed(&mut wire).await.0;
        assert_eq!(code, CloseCode::Violation, "round {round}");
        if late {
            assert_eq!(b.down().await.0, id(3));
        }
        drop(wire);
        tokio::time::sleep(core::time::Duration::from_secs(11)).await;
    }
    a.peers.send(id(2), VOTES, "still here".into()).expect("connected");
    assert_eq!(receive(&mut b.votes).await.bytes, "still here");
    assert!(b.quiet());
}

/// Frames that are valid each, in any order: a connection survives or ends with a violation, nothing else.
#[tokio::test(start_paused = true)]
async fn valid_frames_in_any_order_do_no_harm() {
    let network = MemoryNetwork::default();
    let mut b = Setup::new(&network, 2, &[]).with(|config| config.ban_max = config.ban_min).start().await;
    let mut rng = StdRng::seed_from_u64(3);
    for _ in 0..200 {
        let mut wire = played(&network, 3, &mut b, 2).await;
        let part = vec![1; 64];
        let mut open = true;
        for _ in 0..30 {
            let channel = rng.gen_range(1..4);
            let frame = match rng.gen_range(0..40) {
                0..20 => Frame::Message { channel, total: 64, part: &part },
                20..30 => Frame::Request { channel, id: rng.next_u64(), total: 64, part: &part },
                30..35 => Frame::Ping(rng.next_u64()),
                35..37 => Frame::Pong(rng.next_u64()),
                37 => Frame::Message { channel, total: 65 + rng.gen_range(0..9), part: &part },
                38 => Frame::More { channel, part: &part },
                _ => Frame::Credit { channel, bytes: rng.gen_range(1..100) },
            };
            open = open && wire.send(&frame).await.is_ok();
        }
        drop(wire);
        let reason = b.down().await.1;
        assert!(matches!(reason.code(), None | Some(CloseCode::Violation)), "{reason}");
        while b.votes.as_mut().is_some_and(|queue| queue.try_recv().is_ok()) {}
        while b.blocks.as_mut().is_some_and(|queue| queue.try_recv().is_ok()) {}
        while b.txs.as_mut().is_some_and(|queue| queue.try_recv().is_ok()) {}
        tokio::time::sleep(core::time::Duration::from_secs(11)).await;
    }
}
