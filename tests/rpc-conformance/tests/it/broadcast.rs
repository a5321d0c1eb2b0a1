//! Sending transactions: what is taken, what waits, what is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use plume_tests_rpc_conformance::chain::{FUNDS, send};
use serde_json::json;

use crate::pair::Pair;

fn post(method: &str, tx: &Bytes) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"tx": STANDARD.encode(tx)}}).to_string()
}

/// The payments of the test: (transaction, what it is for).
pub fn payments() -> Vec<Bytes> {
    vec![
        send("alice", 0, "bob", 100, ""),
        send("bob", 0, "carol", 200, "a <b> & c"),
        send("carol", 0, "dave", 300, ""),
        // Passes the check, which knows the fee only, and fails in its block.
        send("dave", 0, "alice", FUNDS + 1, "too much"),
        send("alice", 1, "carol", 400, ""),
        send("bob", 1, "alice", 500, ""),
    ]
}

/// Six payments in three blocks, each followed by the block that proves its state.
pub fn transactions(pair: &mut Pair) {
    let txs = payments();
    pair.get("/num_unconfirmed_txs");
    pair.get("/unconfirmed_txs");
    pair.post(&post("broadcast_tx_sync", &txs[0]));
    pair.mirror_to(pair.height() + 1);
    // CometBFT pauses after a block: what comes now waits for the next one.
    pair.post(&post("broadcast_tx_async", &txs[1]));
    pair.get(&format!("/broadcast_tx_sync?tx=0x{}", hex::encode(&txs[2])));
    pair.post(&post("broadcast_tx_sync", &txs[3]));
    pair.get("/num_unconfirmed_txs");
    pair.get("/unconfirmed_txs");
    pair.get("/unconfirmed_txs?limit=1");
    pair.call("unconfirmed_txs", &json!({"limit": "2"}));
    pair.call("unconfirmed_txs", &json!({"limit": "1000"}));
    pair.post(&post("broadcast_tx_async", &txs[1]));
    pair.mirror();

    let [real, ours] = pair.both();
    let body = post("broadcast_tx_commit", &txs[4]);
    let waiting = std::thread::spawn(move || ours.post(body.as_bytes()).to_value());
    let real = real.post(post("broadcast_tx_commit", &txs[4]).as_bytes()).to_value();
    pair.mirror();
    pair.same("broadcast_tx_commit", &real, &waiting.join().expect("no panic"));

    pair.get(&format!("/broadcast_tx_async?tx=0x{}", hex::encode(&txs[5])));
    pair.mirror();
}

/// What neither takes.
pub fn refusals(pair: &mut Pair) {
    let txs = payments();
    let fresh = send("alice", 2, "bob", 1, "checked only");
    for method in ["broadcast_tx_sync", "broadcast_tx_async", "broadcast_tx_commit"] {
        pair.post(&post(method, &txs[0]));
    }
    for method in ["broadcast_tx_sync", "broadcast_tx_commit", "check_tx"] {
        pair.post(&post(method, &Bytes::from_static(b"no transaction")));
        pair.post(&post(method, &send("alice", 9, "bob", 1, method)));
        pair.post(&post(method, &Bytes::new()));
        pair.get(&format!("/{method}"));
        pair.get(&format!("/{method}?tx=\"text\""));
        pair.get(&format!("/{method}?tx=bare"));
        pair.get(&format!("/{method}?tx=0x0"));
        pair.call(method, &json!({"tx": "no base64!"}));
        pair.call(method, &json!({"tx": 5}));
    }
    pair.post(&post("check_tx", &fresh));
    pair.get(&format!("/check_tx?tx=0x{}", hex::encode(&fresh)));
}
