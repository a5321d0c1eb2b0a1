use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use plume_client::RpcClient;
use plume_primitives::Bech32Prefix;
use serde_json::{Value, json};

use crate::load::{Account, sink};
use crate::node::{Node, cometbft, plumed, until};

/// Ports of one network: `plumed devnet` puts each further validator ten ports higher.
const PORT_STEP: u16 = 10;

/// Headers per `blockchain` answer.
const PAGE: u64 = 20;

/// Lines of each log that a failed test shows.
const LAST_LINES: usize = 20;

/// Validators in one folder, with funded accounts.
#[derive(Debug)]
pub struct Network {
    // Before the folder, so that the nodes end before it is removed.
    nodes: Vec<Node>,
    accounts: Vec<Account>,
    chain_id: String,
    denom: String,
    folder: tempfile::TempDir,
}

impl Network {
    /// Writes the homes of `validators` with `plumed devnet`, and `accounts` funded accounts. Starts nothing.
    ///
    /// # Panics
    /// When `plumed devnet` fails.
    pub fn create(validators: u16, accounts: usize) -> Self {
        let folder = tempfile::tempdir().expect("temp dir");
        let output = folder.path().join("network");
        let (rpc, p2p) = free_ports(validators);
        let chain_id = "plume-devnet-1".to_owned();
        let names: Vec<_> = (0..accounts).map(|i| format!("a{i}")).collect();
        let made = Command::new(plumed())
            .args(["devnet", "--engine", "cometbft", "--chain-id", &chain_id])
            .args(["--validators", &validators.to_string(), "--accounts", &names.join(",")])
            .args(["--rpc-port", &rpc.to_string(), "--p2p-port", &p2p.to_string()])
            .arg("--cometbft")
            .arg(cometbft())
            .arg("--output")
            .arg(&output)
            .output()
            .expect("plumed runs");
        assert!(made.status.success(), "plumed devnet: {}", String::from_utf8_lossy(&made.stderr));
        let network = read_json(&output.join("network.json"));
        let text = |value: &Value| value.as_str().expect("a string").to_owned();
        let prefix = Bech32Prefix::new(&text(&network["bech32_prefix"])).expect("a prefix");
        let accounts = network["accounts"].as_array().expect("a list");
        let accounts = accounts
            .iter()
            .enumerate()
            .map(|(number, account)| {
                Account::new(&text(&account["mnemonic"]), &text(&account["address"]), number, &prefix)
            })
            .collect();
        let nodes = (0..validators).map(|i| Node::new(output.join(format!("node{i}")), rpc + i * PORT_STEP)).collect();
        Self { nodes, accounts, chain_id, denom: text(&network["base_denom"]), folder }
    }

    /// The validators.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The validators, to start and kill them.
    pub fn nodes_mut(&mut self) -> &mut [Node] {
        &mut self.nodes
    }

    /// The funded accounts.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// Chain id.
    pub fn chain_id(&self) -> &str {
        &self.chain_id
    }

    /// Base denomination.
    pub fn denom(&self) -> &str {
        &self.denom
    }

    /// Folder of the network.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// RPCs of all nodes.
    pub fn rpcs(&self) -> Vec<RpcClient> {
        self.nodes.iter().map(|node| node.rpc().clone()).collect()
    }

    /// Starts every node and waits for the second block.
    pub fn start(&mut self) {
        for node in &mut self.nodes {
            node.start();
        }
        for node in &self.nodes {
            wait_for_height(node, 2);
        }
    }

    /// Waits until all nodes have a block that none has yet, and checks that they agree on everything: block and
    /// app hash of every height, and the accounts' sequences and payments, `sent` by account.
    ///
    /// # Panics
    /// On any disagreement, or a node that does not catch up.
    pub fn require_agreement(&self, sent: &[u64]) -> u64 {
        let target = self
            .nodes
            .iter()
            .map(|node| until("a node's status", || node.rpc().status().ok()).latest_height)
            .max()
            .expect("a validator")
            + 2;
        let mut expected: Option<BTreeMap<u64, (String, String)>> = None;
        for (index, node) in self.nodes.iter().enumerate() {
            wait_for_height(node, target);
            let headers = headers(node, target);
            assert_eq!(headers.len() as u64, target, "node {index} has every height");
            match &expected {
                None => expected = Some(headers),
                Some(expected) => assert_eq!(&headers, expected, "node {index} and node 0"),
            }
            for (account, sent) in self.accounts.iter().zip(sent) {
                assert_eq!(
                    account.sequence(node.rpc()).expect("reachable"),
                    *sent,
                    "sequence of {} on node {index}",
                    account.address()
                );
                assert_eq!(
                    sink_balance(node.rpc(), account, &self.denom),
                    u128::from(*sent),
                    "payments of {} on node {index}",
                    account.address()
                );
            }
        }
        self.require_same_state();
        target
    }

    /// The state itself, not only the header that the majority signed: an idle chain's hash stands still.
    fn require_same_state(&self) {
        let hashes: Vec<_> = self.nodes.iter().map(|node| until("abci_info", || app_hash(node.rpc()))).collect();
        assert!(hashes.iter().all(|hash| *hash == hashes[0] && !hash.is_empty()), "{hashes:?}");
    }
}

impl Drop for Network {
    /// A failed test shows what the nodes said last; their logs go with the folder.
    fn drop(&mut self) {
        if std::thread::panicking() {
            for node in &self.nodes {
                let log = node.log();
                let lines: Vec<_> = log.lines().rev().take(LAST_LINES).collect();
                eprintln!("--- the last lines of {}", node.home().join("node.log").display());
                lines.iter().rev().for_each(|line| eprintln!("{line}"));
            }
        }
    }
}

fn app_hash(rpc: &RpcClient) -> Option<String> {
    let info = rpc.call("abci_info", &json!({})).ok()?;
    info["response"]["last_block_app_hash"].as_str().map(str::to_owned)
}

fn sink_balance(rpc: &RpcClient, account: &Account, denom: &str) -> u128 {
    until("balance", || rpc.balance(sink(account), denom).ok()).amount.to_string().parse().expect("an amount")
}

fn wait_for_height(node: &Node, height: u64) {
    until(&format!("height {height} in {}", node.home().display()), || {
        node.rpc().status().ok().filter(|status| status.latest_height >= height).map(|_| ())
    });
}

/// Block hash and app hash of the heights up to `last`, as the node stores them.
fn headers(node: &Node, last: u64) -> BTreeMap<u64, (String, String)> {
    let mut headers = BTreeMap::new();
    let mut from = 1;
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

fn read_json(path: &Path) -> Value {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// First RPC port and first P2P port, all of whose followers are free now.
fn free_ports(validators: u16) -> (u16, u16) {
    until("free ports", || {
        let probe = TcpListener::bind("127.0.0.1:0").ok()?;
        let base = probe.local_addr().ok()?.port();
        drop(probe);
        let last = base.checked_add(validators * PORT_STEP)?;
        let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
        let all = (base..last).step_by(usize::from(PORT_STEP)).all(|port| free(port) && free(port + 1));
        all.then_some((base, base + 1))
    })
}
