//! What all nodes must agree on, read from each one's RPC.

use std::collections::BTreeMap;

use plume_client::RpcClient;
use serde_json::{Value, json};

use crate::load::Account;
use crate::network::wait_for_height;
use crate::node::{Node, until};
use crate::{Engine, Network};

/// Headers per `blockchain` answer.
const PAGE: u64 = 20;

impl Network {
    /// Waits until all nodes have a block that none has yet, and checks that they agree on everything: block and
    /// app hash of every height, and the accounts' sequences and payments, `sent` by account. Over Raft it then stops
    /// them and compares the signatures that each has stored.
    ///
    /// # Panics
    /// On any disagreement, or a node that does not catch up.
    pub fn require_agreement(&mut self, sent: &[u64]) -> u64 {
        let height = self.require_same_chain(sent);
        if self.setup().engine == Engine::Raft {
            self.stop();
            self.require_single_signatures();
        }
        height
    }

    /// [`Network::require_agreement`] of nodes that go on.
    ///
    /// # Panics
    /// On any disagreement, or a node that does not catch up.
    pub fn require_same_chain(&self, sent: &[u64]) -> u64 {
        let heights = self.nodes().iter().map(|node| until("a node's status", || node.height()));
        let target = heights.max().expect("a validator") + 2;
        let mut expected: BTreeMap<u64, (String, String)> = BTreeMap::new();
        for (index, node) in self.nodes().iter().enumerate() {
            wait_for_height(node, target);
            let from = if self.may_begin_later(index) { node.first_block() } else { 1 };
            let headers = headers(node, from, target);
            // It may have forgotten some more meanwhile.
            let first = if from == 1 { 1 } else { headers.keys().next().copied().unwrap_or(from) };
            assert!(headers.keys().copied().eq(first..=target), "node {index} has every height from {first} on");
            for (height, hashes) in headers {
                let known = expected.entry(height).or_insert_with(|| hashes.clone());
                assert_eq!(*known, hashes, "height {height} on node {index} and on one before it");
            }
            for (account, sent) in self.accounts().iter().zip(sent) {
                let address = account.address();
                let sequence = account.sequence(node.rpc()).expect("reachable");
                assert_eq!(sequence, *sent, "sequence of {address} on node {index}");
                let paid = sink_balance(node.rpc(), account, self.denom());
                assert_eq!(paid, u128::from(*sent), "payments of {address} on node {index}");
            }
        }
        self.require_same_state();
        target
    }

    /// The state itself, not only the header that the majority signed: an idle chain's hash stands still.
    fn require_same_state(&self) {
        let hashes: Vec<_> = self.nodes().iter().map(|node| until("abci_info", || app_hash(node.rpc()))).collect();
        assert!(hashes.iter().all(|hash| *hash == hashes[0] && !hash.is_empty()), "{hashes:?}");
    }
}

fn app_hash(rpc: &RpcClient) -> Option<String> {
    let info = rpc.call("abci_info", &json!({})).ok()?;
    info["response"]["last_block_app_hash"].as_str().map(str::to_owned)
}

fn sink_balance(rpc: &RpcClient, account: &Account, denom: &str) -> u128 {
    until("balance", || rpc.balance(account.sink(), denom).ok()).amount.to_string().parse().expect("an amount")
}

/// Block hash and app hash of the heights `from` to `last`, as the node stores them.
fn headers(node: &Node, mut from: u64, last: u64) -> BTreeMap<u64, (String, String)> {
    let mut headers = BTreeMap::new();
    while from <= last {
        let to = (from + PAGE - 1).min(last);
        let params = json!({ "minHeight": from.to_string(), "maxHeight": to.to_string() });
        let page = until("headers", || node.rpc().call("blockchain", &params).ok());
        for meta in page["block_metas"].as_array().expect("a list") {
            let text = |value: &Value| value.as_str().expect("a string").to_owned();
            let height = text(&meta["header"]["height"]).parse().expect("a height");
            headers.insert(height, (text(&meta["block_id"]["hash"]), text(&meta["header"]["app_hash"])));
        }
        from = to + 1;
    }
    headers
}
