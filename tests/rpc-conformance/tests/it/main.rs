//! CometBFT and ours, the same chain, the same requests.

mod broadcast;
mod events;
mod limits;
mod pair;
mod reads;
mod requests;

use std::time::Duration;

use plume_rpc::RpcSettings;
use plume_tests_rpc_conformance::{Follower, Ours, Raft};

/// Limits small enough to be reached.
fn settings() -> RpcSettings {
    RpcSettings {
        laddr: "tcp://127.0.0.1:0".to_owned(),
        cors_allowed_origins: vec!["https://*.example.com".to_owned()],
        max_subscription_clients: 16,
        max_subscriptions_per_client: 3,
        max_request_batch_size: 4,
        max_body_bytes: 20_000,
        timeout_broadcast_tx_commit: Duration::from_secs(20),
        ..RpcSettings::default()
    }
}

#[test]
fn answers_are_cometbfts() {
    everything(Ours::start(settings()));
}

#[test]
fn answers_over_raft_are_cometbfts() {
    everything(Raft::start(settings()));
}

fn everything(ours: impl Follower + 'static) {
    let mut pair = pair::Pair::start(&settings(), ours);
    pair.mirror();
    let subscribed = events::subscribe(&pair);
    broadcast::transactions(&mut pair);
    events::compare(&mut pair, subscribed);
    reads::compare(&mut pair);
    requests::compare(&mut pair);
    events::requests(&mut pair);
    broadcast::refusals(&mut pair);
    pair.finish();
}
