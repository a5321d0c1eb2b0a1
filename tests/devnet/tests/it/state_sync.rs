//! A node that joins by a snapshot of the state instead of by every block.

use std::path::PathBuf;

use plume_home::home::Home;
use plume_light_client::{rpc, verify_absence, verify_membership};
use plume_primitives::Bech32Prefix;
use plume_tests_devnet::{Engine, Load, Network, Node, until};
use serde_json::json;

use crate::settings::{app, call, config, number, pay, state};

/// Blocks between two snapshots.
const INTERVAL: u64 = 8;

/// Runs of the joining node until a liar was asked for a chunk: CometBFT draws whom to ask, one of four is honest, and
/// there are five chunks or more.
const TRIES: u32 = 4;

/// The heights of the snapshots that are whole.
fn snapshots(node: &Node) -> Vec<u64> {
    let entries = std::fs::read_dir(node.home().join("data/snapshots")).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn chunks(node: &Node, height: u64) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(node.home().join(format!("data/snapshots/{height}"))).expect("a snapshot").flatten();
    let is_chunk = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("chunk-"));
    entries.map(|entry| entry.path()).filter(is_chunk).collect()
}

/// Both have the same state at the same height, and the node proves values of it.
pub fn require_same_state(network: &Network, joined: &Node) {
    let reference = &network.nodes()[0];
    let (height, hash) = until("equal heights", || {
        let (ours, theirs) = (state(joined), state(reference));
        (ours.0 == theirs.0).then(|| {
            assert_eq!(ours.1, theirs.1, "height {}", ours.0);
            ours
        })
    });
    assert!(!hash.is_empty());
    let below = height - 1;
    let header = call(joined.rpc(), "block", &json!({ "height": height.to_string() }));
    let app_hash = hex::decode(header["block"]["header"]["app_hash"].as_str().expect("a hash")).expect("hexadecimal");
    let address = Bech32Prefix::new("plume").expect("devnet's prefix");
    let address = address.parse_account(network.accounts()[0].address()).expect("written by plumed");
    for (denom, exists) in [(network.denom(), true), ("nobody", false)] {
        let key = [&[2, 20][..], address.as_bytes(), denom.as_bytes()].concat();
        let params = json!({
            "path": "/store/bank/key", "data": hex::encode(&key), "height": below.to_string(), "prove": true
        });
        let answer = rpc::query(&call(joined.rpc(), "abci_query", &params)).expect("an answer");
        assert_eq!(!answer.value.is_empty(), exists);
        match exists {
            true => verify_membership(&app_hash, "bank", &key, &answer.value, &answer.proof).expect("a proof"),
            false => verify_absence(&app_hash, "bank", &key, &answer.proof).expect("a proof"),
        }
    }
}

/// Starts the joining node until one of the liars was asked; its log of the last run.
fn join(network: &mut Network, joining: usize, snapshot: u64) -> String {
    let mut seen = 0;
    for _ in 0..TRIES {
        let node = &mut network.nodes_mut()[joining];
        node.start();
        let node = &network.nodes()[joining];
        let log = until("the snapshot's state", || {
            let log = node.log().split_off(seen);
            log.contains("took over a snapshot of the state").then_some(log)
        });
        until("a block after the snapshot", || node.height().filter(|height| *height > snapshot));
        if log.contains("chunk refused") {
            return log;
        }
        let node = &mut network.nodes_mut()[joining];
        assert_eq!(node.stop(), Some(0));
        seen = node.log().len();
        Home::new(node.home()).unsafe_reset_all(true).expect("writable");
    }
    panic!("no liar was ever asked");
}

#[test]
fn a_node_joins_cometbft_by_a_snapshot_and_liars_are_named() {
    let mut network = Network::create(Engine::Cometbft, 4, 2);
    let joining = network.add_full_node();
    for node in network.nodes() {
        app(node, "state-sync", "snapshot-interval", &INTERVAL.to_string());
        app(node, "state-sync", "snapshot-keep-recent", "0");
        // An idle chain stands still, so that the newest snapshot stays the newest.
        config(node, "consensus", "create_empty_blocks_interval", "\"0s\"");
    }
    network.nodes_mut()[..joining].iter_mut().for_each(Node::start);
    let load = Load::start(&network, 2);
    // Headers up to two heights after the snapshot are needed to believe in it.
    until("blocks after a snapshot", || network.nodes()[0].height().filter(|height| *height > 2 * INTERVAL + 3));
    load.finish();
    let snapshot = until("the same newest snapshot everywhere", || {
        let newest: Vec<_> = network.nodes()[..joining].iter().map(|node| snapshots(node).into_iter().max()).collect();
        newest.iter().all(|height| *height == newest[0]).then_some(newest[0])?
    });
    assert_eq!(snapshot % INTERVAL, 0);
    if network.nodes()[0].height().is_none_or(|height| height < snapshot + 3) {
        // The last block was the snapshot's own: its proof must come first.
        pay(&network, 3);
    }

    // All but the first turn a bit in every chunk.
    let mut liars = Vec::new();
    for node in &network.nodes()[1..joining] {
        liars.push(node.id());
        let files = chunks(node, snapshot);
        assert!(files.len() >= 3, "{files:?}");
        for file in files {
            let mut bytes = std::fs::read(&file).expect("a chunk");
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            std::fs::write(&file, bytes).expect("writable");
        }
    }
    let first = call(network.nodes()[0].rpc(), "block", &json!({ "height": "1" }));
    let trust_hash = first["block_id"]["hash"].clone();
    let servers: Vec<_> = network.nodes()[..2].iter().map(|node| node.rpc().url().to_owned()).collect();
    let node = &network.nodes()[joining];
    for (key, value) in [
        ("enable", "true".to_owned()),
        ("rpc_servers", format!("{:?}", servers.join(","))),
        ("trust_height", "1".to_owned()),
        ("trust_hash", trust_hash.to_string()),
        ("discovery_time", "\"5s\"".to_owned()),
        ("chunk_request_timeout", "\"5s\"".to_owned()),
    ] {
        config(node, "statesync", key, &value);
    }

    let log = join(&mut network, joining, snapshot);
    let refusal = log.lines().find(|line| line.contains("chunk refused")).expect("seen by join");
    assert!(liars.iter().any(|id| refusal.contains(id.as_str())), "{refusal}\n{liars:?}");
    assert!(refusal.contains(&format!("height={snapshot}")), "{refusal}");
    let honest = network.nodes()[0].id();
    assert!(!log.lines().any(|line| line.contains("chunk refused") && line.contains(&honest)), "{log}");

    // Blocks go on, with this node; there is nothing before the snapshot.
    pay(&network, 2);
    network.wait_until_caught_up(joining);
    let status = call(network.nodes()[joining].rpc(), "status", &json!({}));
    assert!(number(&status["sync_info"]["earliest_block_height"]) > snapshot, "{status}");

    // And after a restart, which is an ordinary one.
    assert_eq!(network.nodes_mut()[joining].stop(), Some(0));
    let seen = network.nodes()[joining].log().len();
    pay(&network, 1);
    network.nodes_mut()[joining].start();
    pay(&network, 1);
    network.wait_until_caught_up(joining);
    let node = &network.nodes()[joining];
    require_same_state(&network, node);
    assert!(!node.log()[seen..].contains("taking over a snapshot"), "it has a state");
}
