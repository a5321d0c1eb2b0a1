use bytes::Bytes;
use tokio::time::{Duration, Instant, sleep, timeout};

use super::support::*;
use crate::*;

const SECOND: Duration = Duration::from_secs(1);

fn pattern(size: usize) -> Bytes {
    (0..size).map(|index| (index * 31 % 251) as u8).collect::<Vec<_>>().into()
}

#[tokio::test(start_paused = true)]
async fn messages_of_every_size_arrive_whole_and_in_order_both_ways() {
    let network = MemoryNetwork::default();
    let (mut a, mut b) = pair(&network).await;
    let sizes = [0, 1, 16_379, 16_380, 16_381, 32_764, 32_765, 100_000, 4 << 20];
    for size in sizes {
        a.peers.send_wait(id(2), BLOCKS, pattern(size)).await.expect("connected");
        b.peers.send_wait(id(1), BLOCKS, pattern(size)).await.expect("connected");
    }
    for size in sizes {
        let (at_a, at_b) = (receive(&mut a.blocks).await, receive(&mut b.blocks).await);
        assert!(at_a.bytes == pattern(size) && at_a.from == id(2) && at_a.responder.is_none());
        assert!(at_b.bytes == pattern(size) && at_b.from == id(1));
    }
    let too_large = SendError::TooLarge { size: (4 << 20) + 1, max: 4 << 20 };
    assert_eq!(a.peers.send(id(2), BLOCKS, pattern((4 << 20) + 1)), Err(too_large));
    assert_eq!(a.peers.send(id(2), 77, Bytes::new()), Err(SendError::UnknownChannel));
    assert_eq!(a.peers.send(id(3), VOTES, Bytes::new()), Err(SendError::NotConnected));
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_the_peer_lacks_cannot_be_sent_on_and_limits_are_the_smaller_ones() {
    let network = MemoryNetwork::default();
    let fewer = Setup::new(&network, 2, &[]).with(|config| {
        config.channels.retain(|channel| channel.id != TXS);
        config.channels[0].max_message = 10;
    });
    let (a, mut b) = pair_with(Setup::new(&network, 1, &[2]), fewer).await;
    assert_eq!(a.peers.send(id(2), TXS, Bytes::new()), Err(SendError::UnknownChannel));
    assert_eq!(a.peers.send(id(2), VOTES, pattern(11)), Err(SendError::TooLarge { size: 11, max: 10 }));
    assert_eq!(a.peers.broadcast(TXS, Bytes::new()), 0);
    assert_eq!(a.peers.broadcast(VOTES, pattern(10)), 1);
    assert_eq!(receive(&mut b.votes).await.bytes, pattern(10));
}

#[tokio::test(start_paused = true)]
async fn a_small_vote_overtakes_a_queued_block() {
    let network = MemoryNetwork::default();
    // 1 MB/s: the block takes over three seconds after the first megabyte.
    let slow = Setup::new(&network, 1, &[2]).with(|config| config.send_rate = 1_000_000);
    let (a, mut b) = pair_with(slow, Setup::new(&network, 2, &[])).await;
    a.peers.send(id(2), BLOCKS, pattern(4 << 20)).expect("queued");
    sleep(SECOND).await;
    let start = Instant::now();
    a.peers.send(id(2), VOTES, pattern(200)).expect("queued");
    assert_eq!(receive(&mut b.votes).await.bytes, pattern(200));
    let vote = start.elapsed();
    assert_eq!(receive(&mut b.blocks).await.bytes, pattern(4 << 20));
    let block = start.elapsed();
    // One batch of 1/16 s is before it.
    assert!(vote <= SECOND / 8 && block > SECOND * 2, "vote after {vote:?}, block after {block:?}");
}

#[tokio::test(start_paused = true)]
async fn both_sides_hold_to_the_slower_rate() {
    let network = MemoryNetwork::default();
    for (sends, reads) in [(1_000_000, 1 << 30), (1 << 30, 1_000_000)] {
        let (a, mut b) = pair_with(
            Setup::new(&network, 1, &[2]).with(|config| config.send_rate = sends),
            Setup::new(&network, 2, &[]).with(|config| config.recv_rate = reads),
        )
        .await;
        let start = Instant::now();
        for _ in 0..3 {
            a.peers.send_wait(id(2), BLOCKS, pattern(2_000_000)).await.expect("connected");
        }
        for _ in 0..3 {
            receive(&mut b.blocks).await;
        }
        // 6 MB, the first one saved up.
        let took = start.elapsed().as_secs_f64();
        assert!((4.9..5.3).contains(&took), "{took} s");
        let info = &a.peers.info()[0];
        assert!((900_000..1_300_000).contains(&info.send_rate), "{info:?}");
        assert!((6_000_000..6_100_000).contains(&info.sent), "{info:?}");
        assert!(b.peers.info()[0].received >= 6_000_000);
        a.stop().await;
        b.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_consumer_holds_back_its_channel_only() {
    let network = MemoryNetwork::default();
    let mut b = Setup::new(&network, 2, &[]);
    b.capacity = 1;
    let (a, mut b) = pair_with(Setup::new(&network, 1, &[2]), b).await;
    // Nobody takes transactions at b. Queue 4 MiB, window 2 MiB: much less than 20 MB find room.
    let tx = pattern(100_000);
    let mut sent = 0;
    let last = loop {
        match a.peers.send(id(2), TXS, tx.clone()) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
        // Lets everything run that can.
        sleep(Duration::from_millis(1)).await;
    };
    assert_eq!(last, SendError::QueueFull);
    assert!((40..70).contains(&sent), "{sent}");
    for number in 0..100_u8 {
        a.peers.send_wait(id(2), VOTES, vec![number; 60_000].into()).await.expect("connected");
        assert_eq!(receive(&mut b.votes).await.bytes, vec![number; 60_000]);
    }
    // A waiting sender goes on when the consumer does.
    let waiting = a.peers.send_wait(id(2), TXS, tx.clone());
    let mut waiting = core::pin::pin!(waiting);
    assert!(timeout(LONG, &mut waiting).await.is_err(), "no room, no end");
    for _ in 0..sent {
        assert_eq!(receive(&mut b.txs).await.bytes, tx);
    }
    timeout(LONG, waiting).await.expect("room").expect("connected");
    assert_eq!(receive(&mut b.txs).await.bytes, tx);
}

#[tokio::test(start_paused = true)]
async fn requests_are_answered_refused_or_time_out() {
    let network = MemoryNetwork::default();
    let (a, mut b) = pair(&network).await;
    let ask = |question: &'static str| {
        let peers = a.peers.clone();
        tokio::spawn(async move { peers.request(id(2), BLOCKS, question.into(), SECOND).await })
    };
    let answered = ask("height 7?");
    let incoming = receive(&mut b.blocks).await;
    assert_eq!((incoming.from, incoming.bytes), (id(1), Bytes::from("height 7?")));
    incoming.responder.expect("a request").respond(pattern(4 << 20)).expect("connected");
    assert_eq!(answered.await.expect("no panic"), Ok(pattern(4 << 20)));

    let refused = ask("height 8?");
    drop(receive(&mut b.blocks).await.responder);
    assert_eq!(refused.await.expect("no panic"), Err(RequestError::Refused));

    let late = ask("height 9?");
    let responder = receive(&mut b.blocks).await.responder.expect("a request");
    let start = Instant::now();
    assert_eq!(late.await.expect("no panic"), Err(RequestError::Timeout));
    assert_eq!(start.elapsed().as_secs(), 1);
    responder.respond(pattern(100_000)).expect("connected");

    // The late answer disturbs nobody.
    let too_large = ask("everything?");
    let responder = receive(&mut b.blocks).await.responder.expect("a request");
    let error = SendError::TooLarge { size: 5 << 20, max: 4 << 20 };
    assert_eq!(responder.respond(pattern(5 << 20)), Err(error));
    assert_eq!(too_large.await.expect("no panic"), Err(RequestError::Refused));

    let cut = ask("height 10?");
    let _responder = receive(&mut b.blocks).await.responder;
    b.peers.disconnect(id(1), "enough");
    assert_eq!(cut.await.expect("no panic"), Err(RequestError::Disconnected));
    assert_eq!(
        a.peers.request(id(2), BLOCKS, Bytes::new(), SECOND).await,
        Err(RequestError::Send(SendError::NotConnected))
    );
}

#[tokio::test(start_paused = true)]
async fn requests_in_flight_are_bounded_on_both_sides() {
    let network = MemoryNetwork::default();
    let (a, mut b) = pair_with(
        Setup::new(&network, 1, &[2]).with(|config| config.max_pending_requests = 3),
        Setup::new(&network, 2, &[]).with(|config| config.max_pending_requests = 2),
    )
    .await;
    let ask = || {
        let peers = a.peers.clone();
        tokio::spawn(async move { peers.request(id(2), VOTES, "?".into(), SECOND).await })
    };
    let first = ask();
    let second = ask();
    let (one, two) = (receive(&mut b.votes).await, receive(&mut b.votes).await);
    assert_eq!(ask().await.expect("no panic"), Err(RequestError::Busy), "b answers two at a time");
    one.responder.expect("a request").respond("!".into()).expect("connected");
    assert_eq!(first.await.expect("no panic"), Ok("!".into()));
    let third = ask();
    let three = receive(&mut b.votes).await;
    let (busy, over) = (ask(), ask());
    assert_eq!(over.await.expect("no panic"), Err(RequestError::TooManyPending), "a asks three at a time");
    assert_eq!(busy.await.expect("no panic"), Err(RequestError::Busy));
    for incoming in [two, three] {
        incoming.responder.expect("a request").respond("!".into()).expect("connected");
    }
    assert_eq!(second.await.expect("no panic"), Ok("!".into()));
    assert_eq!(third.await.expect("no panic"), Ok("!".into()));
}

#[tokio::test(start_paused = true)]
async fn answers_pass_a_channel_whose_messages_nobody_takes() {
    let network = MemoryNetwork::default();
    let mut setup = Setup::new(&network, 2, &[]);
    setup.capacity = 1;
    let (mut a, b) = pair_with(Setup::new(&network, 1, &[2]), setup).await;
    while a.peers.send(id(2), TXS, pattern(500_000)).is_ok() {
        sleep(Duration::from_millis(1)).await;
    }
    let peers = b.peers.clone();
    let asked = tokio::spawn(async move { peers.request(id(1), TXS, "?".into(), SECOND).await });
    receive(&mut a.txs).await.responder.expect("a request").respond(pattern(900_000)).expect("connected");
    assert_eq!(asked.await.expect("no panic"), Ok(pattern(900_000)));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_request_frees_its_place() {
    let network = MemoryNetwork::default();
    let setup = Setup::new(&network, 1, &[2]).with(|config| config.max_pending_requests = 1);
    let (a, mut b) = pair_with(setup, Setup::new(&network, 2, &[])).await;
    let request = a.peers.request(id(2), VOTES, "?".into(), LONG);
    assert!(timeout(SECOND, request).await.is_err());
    let _unanswered = receive(&mut b.votes).await;
    let request = a.peers.request(id(2), VOTES, "?".into(), LONG);
    let answer = async { receive(&mut b.votes).await.responder.expect("a request").respond("!".into()) };
    let (request, answer) = tokio::join!(request, answer);
    assert_eq!((request, answer), (Ok("!".into()), Ok(())));
}
