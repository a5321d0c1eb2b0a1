//! Settings of a node in its files, answers of its RPC, and payments one by one.

use std::path::Path;

use plume_client::RpcClient;
use plume_tests_devnet::{Network, Node, until};
use serde_json::{Value, json};

/// Replaces the value of a key in a section of a TOML file that has it; `""` is the part before the first section.
fn set(file: &Path, section: &str, key: &str, value: &str) {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let (mut current, mut found) = ("", false);
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.starts_with('[') {
            current = line.trim_matches(['[', ']']);
        }
        let is_it = current == section && line.split('=').next().map(str::trim) == Some(key);
        found |= is_it;
        lines.push(if is_it { format!("{key} = {value}") } else { line.to_owned() });
    }
    assert!(found, "{} has no {section}.{key}", file.display());
    std::fs::write(file, lines.join("\n") + "\n").expect("writable");
}

/// Sets a key of `config.toml`.
pub fn config(node: &Node, section: &str, key: &str, value: &str) {
    set(&node.home().join("config/config.toml"), section, key, value);
}

/// Sets a key of `app.toml`.
pub fn app(node: &Node, section: &str, key: &str, value: &str) {
    set(&node.home().join("config/app.toml"), section, key, value);
}

/// An answer of a node that may not listen yet.
pub fn call(rpc: &RpcClient, method: &str, params: &Value) -> Value {
    until(method, || rpc.call(method, params).ok())
}

/// A number that is a string in JSON.
pub fn number(value: &Value) -> u64 {
    value.as_str().expect("a string").parse().expect("a number")
}

/// Height and app hash of the node's state machine.
pub fn state(node: &Node) -> (u64, String) {
    let info = call(node.rpc(), "abci_info", &json!({}));
    let hash = info["response"]["last_block_app_hash"].as_str().expect("a hash").to_owned();
    (number(&info["response"]["last_block_height"]), hash)
}

/// Hash of a block, and the app hash in its header.
pub fn block(node: &Node, height: u64) -> (String, String) {
    let block = call(node.rpc(), "block", &json!({ "height": height.to_string() }));
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    (text(&block["block_id"]["hash"]), text(&block["block"]["header"]["app_hash"]))
}

/// Makes payments through the first node, each in a block before the next.
pub fn pay(network: &Network, payments: u64) {
    let (account, rpc) = (&network.accounts()[0], network.nodes()[0].rpc());
    let first = until("the account's sequence", || account.sequence(rpc));
    for sequence in first..first + payments {
        let tx = account.pay(network.chain_id(), network.denom(), sequence);
        until("the payment's block", || {
            // Refused when it is in a block already.
            let _ = rpc.broadcast_tx_sync(&tx);
            account.sequence(rpc).filter(|found| *found > sequence)
        });
    }
}
