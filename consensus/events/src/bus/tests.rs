use bytes::Bytes;
use plume_engine::{Event, TxResult, ValidatorKey, ValidatorUpdate};
use plume_primitives::Height;

use super::*;
use crate::RoundState;

fn query(text: &str) -> Query {
    text.parse().expect(text)
}

fn step(height: u64) -> EventData {
    EventData::NewRoundStep(RoundState { height: Height(height), round: 0, step: "RoundStepPropose".to_owned() })
}

/// Everything that a subscription holds.
fn drain(subscription: &mut Subscription) -> Vec<Message> {
    std::iter::from_fn(|| subscription.try_recv().expect("open")).collect()
}

fn block() -> FullBlock {
    let header = plume_block::raw::Header {
        version: Some(tendermint_proto::v0_38::version::Consensus { block: plume_block::BLOCK_PROTOCOL, app: 0 }),
        chain_id: "test-1".to_owned(),
        height: 7,
        time: Some(tendermint_proto::google::protobuf::Timestamp { seconds: 1, nanos: 0 }),
        last_block_id: Some(
            plume_block::BlockId { hash: [1; 32], parts: plume_block::PartSetHeader { total: 1, hash: [2; 32] } }
                .to_raw(),
        ),
        validators_hash: vec![3; 32],
        next_validators_hash: vec![3; 32],
        consensus_hash: vec![4; 32],
        app_hash: vec![5; 32],
        last_results_hash: vec![6; 32],
        proposer_address: vec![7; 20],
        ..Default::default()
    };
    let commit = plume_block::raw::Commit {
        height: 6,
        round: 0,
        block_id: header.last_block_id.clone(),
        signatures: vec![plume_block::raw::CommitSig {
            block_id_flag: 2,
            validator_address: vec![7; 20],
            timestamp: header.time,
            signature: vec![8; 64],
        }],
    };
    FullBlock::build(header, vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")], commit).expect("a block")
}

fn outcome(updates: Vec<ValidatorUpdate>) -> Arc<BlockOutcome> {
    let result = |to: &str| TxResult {
        events: vec![Event::new("transfer").with("to", to).with("to", "all"), Event::new("").with("x", "y")],
        ..TxResult::default()
    };
    Arc::new(BlockOutcome {
        tx_results: vec![result("alice"), result("bob")],
        events: vec![Event::new("mint").with("amount", "5stake")],
        validator_updates: updates,
        ..BlockOutcome::default()
    })
}

#[test]
fn a_blocks_events_come_in_order_with_their_keys() {
    let bus = EventBus::new();
    let mut all = bus.subscribe(Query::all(), 100).expect("open");
    let update = ValidatorUpdate { key: ValidatorKey::Ed25519([9; 32]), power: 3 };
    let (block, outcome) = (block(), outcome(vec![update.clone()]));
    bus.publish_block(&block, &outcome);
    let messages = drain(&mut all);
    let kinds: Vec<_> = messages.iter().map(|message| message.data.kind().as_str()).collect();
    assert_eq!(kinds, ["NewBlock", "NewBlockHeader", "NewBlockEvents", "Tx", "Tx", "ValidatorSetUpdates"]);
    let keys = |at: usize| -> Vec<(String, Vec<String>)> {
        messages[at].events.iter().map(|(key, values)| (key.to_owned(), values.to_vec())).collect()
    };
    let pair = |key: &str, values: &[&str]| (key.to_owned(), values.iter().map(|v| (*v).to_owned()).collect());
    assert_eq!(keys(0), [pair("mint.amount", &["5stake"]), pair("tm.event", &["NewBlock"])]);
    assert_eq!(keys(1), [pair("tm.event", &["NewBlockHeader"])]);
    assert_eq!(keys(2), [pair("mint.amount", &["5stake"]), pair("tm.event", &["NewBlockEvents"])]);
    // SHA-256 of "two".
    let hash = "3FC4CCFE745870E2C0D99F71F30FF0656C8DEDD41CC1D7D3D376B0DBE685E2F3";
    assert_eq!(
        keys(4),
        [
            pair("tm.event", &["Tx"]),
            pair("transfer.to", &["bob", "all"]),
            pair("tx.hash", &[hash]),
            pair("tx.height", &["7"]),
        ]
    );
    let EventData::Tx { height: Height(7), index: 1, tx, result, .. } = &messages[4].data else { panic!("a tx") };
    assert_eq!((tx.as_ref(), result.as_ref()), (&b"two"[..], &outcome.tx_results[1]));
    let EventData::ValidatorSetUpdates { updates } = &messages[5].data else { panic!("updates") };
    assert_eq!(updates.as_slice(), [Validator::new(update.key, 3)]);

    bus.publish_block(&block, &self::outcome(vec![]));
    assert_eq!(drain(&mut all).len(), 5, "no event without changes of validators");
}

#[test]
fn a_subscriber_gets_what_its_query_matches() {
    let bus = EventBus::new();
    let mut bob = bus.subscribe(query("tm.event='Tx' AND transfer.to='bob'"), 10).expect("open");
    let mut blocks = bus.subscribe(query("tm.event='NewBlock'"), 10).expect("open");
    let mut minted = bus.subscribe(query("mint.amount > 4"), 10).expect("open");
    assert!(bus.wants(EventKind::Tx));
    assert!(!EventBus::new().wants(EventKind::Tx));
    bus.publish_block(&block(), &outcome(vec![]));
    bus.publish(step(8));
    let kinds = |subscription: &mut Subscription| -> Vec<_> {
        drain(subscription).iter().map(|message| message.data.kind()).collect()
    };
    assert_eq!(kinds(&mut bob), [EventKind::Tx]);
    assert_eq!(kinds(&mut blocks), [EventKind::NewBlock]);
    assert_eq!(kinds(&mut minted), [EventKind::NewBlock, EventKind::NewBlockEvents]);
}

#[test]
fn a_slow_subscriber_is_cut_off_and_nobody_else() {
    let bus = EventBus::new();
    let mut slow = bus.subscribe(query("tm.event='NewRoundStep'"), 2).expect("open");
    let mut fast = bus.subscribe(query("tm.event='NewRoundStep'"), 3).expect("open");
    for height in 1..=2 {
        bus.publish(step(height));
    }
    assert_eq!(bus.subscriptions(), 2);
    bus.publish(step(3));
    assert_eq!(bus.subscriptions(), 1);
    assert_eq!(slow.try_recv().expect("buffered").expect("first").data, step(1));
    assert_eq!(slow.try_recv().expect("buffered").expect("second").data, step(2));
    assert_eq!(slow.try_recv(), Err(Cancelled::OutOfCapacity));
    assert_eq!(slow.try_recv(), Err(Cancelled::OutOfCapacity));
    assert_eq!(Cancelled::OutOfCapacity.to_string(), "internal subscription event buffer is out of capacity");
    assert_eq!(drain(&mut fast).len(), 3);
}

#[test]
fn subscriptions_end() {
    let bus = EventBus::new();
    let mut left = bus.subscribe(Query::all(), 1).expect("open");
    bus.publish(step(1));
    left.unsubscribe();
    assert_eq!(bus.subscriptions(), 0);
    assert_eq!(left.try_recv().expect("buffered").expect("one").data, step(1));
    assert_eq!(left.try_recv(), Err(Cancelled::Unsubscribed));
    let dropped = bus.subscribe(Query::all(), 1).expect("open");
    drop(dropped);
    assert_eq!(bus.subscriptions(), 0);
    assert_eq!(bus.subscribe(Query::all(), 0).err(), Some(SubscribeError::NoCapacity));
    let mut open = bus.subscribe(Query::all(), 1).expect("open");
    bus.close();
    assert_eq!(open.try_recv(), Err(Cancelled::Closed));
    assert_eq!(bus.subscribe(Query::all(), 1).err(), Some(SubscribeError::Closed));
    bus.publish(step(2));
}

#[tokio::test]
async fn a_waiting_subscriber_wakes_up() {
    let bus = EventBus::new();
    let mut subscription = bus.subscribe(query("tm.event='NewRoundStep'"), 1).expect("open");
    let waiting = tokio::spawn(async move { subscription.recv().await });
    bus.publish(step(5));
    assert_eq!(waiting.await.expect("no panic").expect("open").data, step(5));
}
