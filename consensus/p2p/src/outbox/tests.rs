use proptest::prelude::*;

use super::*;
use crate::intake::{Asked, Inbound, Intake};

const VOTES: Channel = Channel::new(1, 9, 1000, 10_000);
const BLOCKS: Channel = Channel::new(2, 5, 4 << 20, 8 << 20);
const TXS: Channel = Channel::new(3, 1, 1000, 10_000);

fn theirs(channels: &[Channel]) -> Vec<PeerChannel> {
    channels
        .iter()
        .map(|channel| PeerChannel {
            id: channel.id,
            max_message: channel.max_message as u32,
            window: channel.window as u32,
        })
        .collect()
}

fn outbox(channels: &[Channel]) -> Outbox {
    Outbox::new(channels, &theirs(channels))
}

fn message(size: usize) -> Item {
    Item::Message(vec![7; size].into())
}

/// Channel of the next frame, `None` when nothing is to be sent.
fn next(outbox: &mut Outbox) -> Option<u8> {
    let mut out = BytesMut::new();
    outbox.next(&mut out).then(|| out[1])
}

#[test]
fn an_urgent_message_overtakes_a_block_that_has_begun() {
    let mut outbox = outbox(&[TXS, BLOCKS, VOTES]);
    outbox.push(2, message(4 << 20)).expect("room");
    assert_eq!(next(&mut outbox), Some(2));
    outbox.push(3, message(10)).expect("room");
    outbox.push(1, message(200)).expect("room");
    assert_eq!([next(&mut outbox), next(&mut outbox), next(&mut outbox)], [Some(1), Some(2), Some(2)]);
}

#[test]
fn the_least_urgent_has_every_sixteenth_turn() {
    let mut outbox = outbox(&[TXS, BLOCKS, VOTES]);
    outbox.push(2, message(4 << 20)).expect("room");
    for _ in 0..3 {
        outbox.push(3, message(10)).expect("room");
    }
    let order: Vec<u8> = (0..48).filter_map(|_| next(&mut outbox)).collect();
    let turns: Vec<usize> = (0..48).filter(|index| order[*index] == 3).collect();
    assert_eq!(turns, [15, 31, 47]);
}

#[test]
fn queues_are_bounded_but_take_one_message_of_any_allowed_size() {
    let small = Channel { queue: 500, ..VOTES };
    let mut outbox = outbox(&[small]);
    outbox.push(1, message(1000)).expect("an empty queue takes it");
    assert_eq!(outbox.push(1, message(0)), Err(SendError::QueueFull));
    assert_eq!(outbox.push(1, message(1001)), Err(SendError::TooLarge { size: 1001, max: 1000 }));
    assert_eq!(outbox.push(2, message(1)), Err(SendError::UnknownChannel));
    assert_eq!(outbox.queued(), 1064);
    assert_eq!(next(&mut outbox), Some(1));
    assert_eq!(outbox.queued(), 0);
    // 500 = 7 empty messages of 64 and 52 bytes.
    for _ in 0..7 {
        outbox.push(1, message(0)).expect("room");
    }
    assert_eq!(outbox.push(1, message(0)), Err(SendError::QueueFull));
    outbox.close();
    assert_eq!(outbox.push(1, message(0)), Err(SendError::NotConnected));
    assert_eq!((outbox.queued(), next(&mut outbox)), (0, None));
}

#[test]
fn a_full_window_stops_its_channel_only_and_not_its_answers() {
    let tight = Channel { window: 1000 + 64, ..VOTES };
    let mut outbox = outbox(&[tight, TXS]);
    for size in [1000, 1] {
        outbox.push(1, message(size)).expect("room");
    }
    outbox.push(3, message(1)).expect("room");
    assert_eq!([next(&mut outbox), next(&mut outbox), next(&mut outbox)], [Some(1), Some(3), None]);
    let answer = Item::Response { id: 0, status: Status::Answer, bytes: Bytes::from_static(b"x"), serving: None };
    outbox.push(1, answer).expect("room");
    assert_eq!([next(&mut outbox), next(&mut outbox)], [Some(1), None]);
    assert_eq!(outbox.credited(1, 64), Ok(()));
    assert_eq!(next(&mut outbox), None, "64 bytes pay for an empty message, not for one byte");
    assert_eq!(outbox.credited(1, 1), Ok(()));
    assert_eq!([next(&mut outbox), next(&mut outbox)], [Some(1), None]);
    assert_eq!(outbox.credited(1, 1064), Ok(()));
    assert_eq!(outbox.credited(1, 1), Err(Violation::Credit(1)));
    assert_eq!(outbox.credited(9, 1), Err(Violation::UnknownChannel(9)));
}

#[test]
fn pings_and_credit_go_before_messages_and_do_not_pile_up() {
    let mut outbox = outbox(&[VOTES]);
    outbox.push(1, message(1)).expect("room");
    for number in 1..=3 {
        outbox.pong(number);
        outbox.ping(number);
        outbox.credit(1, 10);
    }
    let mut out = BytesMut::new();
    outbox.fill(&mut out, 1 << 20);
    let mut frames = Vec::new();
    let mut rest = &out[..];
    while let Ok(Some((frame, length))) = frame::decode(rest) {
        frames.push(frame);
        rest = &rest[length..];
    }
    assert_eq!(
        frames,
        [
            Frame::Pong(3),
            Frame::Ping(3),
            Frame::Credit { channel: 1, bytes: 30 },
            Frame::Message { channel: 1, total: 1, part: &[7] }
        ]
    );
}

#[test]
fn answers_count_until_they_are_sent() {
    let count = Arc::new(AtomicUsize::new(0));
    let first = Serving::begin(&count, 1);
    assert!(first.is_some() && Serving::begin(&count, 1).is_none());
    let mut outbox = outbox(&[VOTES]);
    let answer = Item::Response { id: 0, status: Status::Answer, bytes: Bytes::new(), serving: first };
    outbox.push(1, answer).expect("room");
    assert_eq!(count.load(Ordering::Acquire), 1);
    assert_eq!(next(&mut outbox), Some(1));
    assert_eq!(count.load(Ordering::Acquire), 0);
}

proptest! {
    /// Whatever is sent arrives whole and in order of its channel, and the window never blocks for good.
    #[test]
    fn outbox_and_intake_agree(
        messages in proptest::collection::vec((1u8..4, 0usize..40_000, any::<bool>()), 1..40),
        slack in 0usize..3000,
        budget in 1usize..100_000,
    ) {
        let channels: Vec<Channel> = (1..4)
            .map(|id| Channel { id, priority: id, max_message: 40_000, queue: 4 << 20, window: 40_064 + slack })
            .collect();
        let mut outbox = outbox(&channels);
        let mut intake = Intake::new(&channels);
        let mut expected: Vec<(u8, usize)> = Vec::new();
        for (index, (channel, size, request)) in messages.iter().enumerate() {
            let bytes = Bytes::from(vec![*channel; *size]);
            let item = if *request { Item::Request(index as u64, bytes) } else { Item::Message(bytes) };
            outbox.push(*channel, item).expect("room");
            expected.push((*channel, *size));
        }
        let mut arrived = Vec::new();
        loop {
            let mut out = BytesMut::new();
            outbox.fill(&mut out, budget);
            if out.is_empty() {
                break;
            }
            let mut rest = &out[..];
            while let Some((frame, length)) = frame::decode(rest).expect("valid") {
                rest = &rest[length..];
                let (Some(Inbound::Message { channel, bytes }) | Some(Inbound::Request { channel, bytes, .. })) =
                    intake.accept(&frame, |_, _| Asked::Never).expect("valid")
                else {
                    continue;
                };
                prop_assert!(bytes.iter().all(|byte| *byte == channel));
                arrived.push((channel, bytes.len()));
                if let Some(credit) = intake.taken(channel, bytes.len()) {
                    outbox.credited(channel, credit).expect("owed");
                }
            }
            prop_assert!(rest.is_empty());
        }
        arrived.sort_by_key(|(channel, _)| *channel);
        expected.sort_by_key(|(channel, _)| *channel);
        prop_assert_eq!(arrived, expected);
    }
}
