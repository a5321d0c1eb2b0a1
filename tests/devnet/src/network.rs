use std::collections::BTreeSet;
use std::net::TcpListener;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use plume_client::RpcClient;
use plume_home::config::Config;
use plume_home::home::Home;
use plume_primitives::Bech32Prefix;
use plume_testkit::ScheduledValidators;
use rand::Rng;
use serde_json::{Value, json};

use crate::engine::{Engine, Times};
use crate::load::Account;
use crate::node::{Node, Victim, bounded, devnet_node, plumed, until};

/// Ports of one network: `plumed devnet` puts each further validator ten ports higher.
const PORT_STEP: u16 = 10;

/// Where networks have their ports.
const PORTS: Range<u16> = 11_000..32_000;

/// Lines of each log that a failed test shows.
const LAST_LINES: usize = 20;

/// What the nodes run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Program {
    /// The product.
    #[default]
    Plumed,
    /// `devnet-node`: the same engines with a validator schedule, a clock that can be moved and a short Raft log.
    DevnetNode,
}

impl Program {
    fn path(self) -> PathBuf {
        match self {
            Self::Plumed => plumed(),
            Self::DevnetNode => devnet_node(),
        }
    }
}

/// What a network is made of.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// What decides blocks.
    pub engine: Engine,
    /// Validators.
    pub validators: u16,
    /// Funded accounts.
    pub accounts: usize,
    /// Raft's times.
    pub times: Times,
    /// What the nodes run.
    pub program: Program,
}

impl Setup {
    /// Four validators with three accounts.
    pub fn new(engine: Engine) -> Self {
        Self { engine, validators: 4, accounts: 3, times: Times::PATIENT, program: Program::Plumed }
    }
}

/// Validators in one folder, with funded accounts.
#[derive(Debug)]
pub struct Network {
    // Before the folder, so that the nodes end before it is removed.
    nodes: Vec<Node>,
    accounts: Vec<Account>,
    setup: Setup,
    chain_id: String,
    denom: String,
    /// Nodes that need not have the first blocks.
    begin_later: BTreeSet<usize>,
    folder: tempfile::TempDir,
}

impl Network {
    /// Writes the homes of `validators` with `plumed devnet`, and `accounts` funded accounts. Starts nothing.
    ///
    /// # Panics
    /// When `plumed devnet` fails.
    pub fn create(engine: Engine, validators: u16, accounts: usize) -> Self {
        Self::new(Setup { validators, accounts, ..Setup::new(engine) })
    }

    /// [`Network::create`] with everything that can be chosen.
    ///
    /// # Panics
    /// When `plumed devnet` fails.
    pub fn new(setup: Setup) -> Self {
        let folder = tempfile::tempdir().expect("temp dir");
        let output = folder.path().join("network");
        let (rpc, p2p) = free_ports(setup.validators);
        let chain_id = "plume-devnet-1".to_owned();
        let names: Vec<_> = (0..setup.accounts).map(|i| format!("a{i}")).collect();
        let made = bounded(plumed())
            .args(["devnet", "--chain-id", &chain_id])
            .args(setup.engine.flags())
            .args(["--validators", &setup.validators.to_string(), "--accounts", &names.join(",")])
            .args(["--rpc-port", &rpc.to_string(), "--p2p-port", &p2p.to_string()])
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
        let nodes: Vec<_> = (0..setup.validators)
            .map(|i| {
                Node::new(output.join(format!("node{i}")), rpc + i * PORT_STEP, setup.engine, setup.program.path())
            })
            .collect();
        nodes.iter().for_each(|node| write_times(node.home(), setup.times));
        let denom = text(&network["base_denom"]);
        Self { nodes, accounts, setup, chain_id, denom, begin_later: BTreeSet::new(), folder }
    }

    /// What it is made of.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Adds a node whose key is in no validator set; it is listed by all others. Before they start.
    pub fn add_full_node(&mut self) -> usize {
        let home = self.folder.path().join("network").join(format!("full{}", self.nodes.len()));
        let (rpc, p2p) = free_ports(1);
        let peers = self.nodes.iter().map(|node| {
            let settings = Home::new(node.home()).settings::<&str>(&[]).expect("written by devnet").0;
            format!("{}@{}", node.id(), settings.p2p.laddr.trim_start_matches("tcp://"))
        });
        let config = Config {
            moniker: "full".to_owned(),
            rpc_laddr: format!("tcp://127.0.0.1:{rpc}"),
            p2p_laddr: format!("tcp://127.0.0.1:{p2p}"),
            persistent_peers: peers.collect(),
            addr_book_strict: false,
            allow_duplicate_ip: true,
            ..Config::default()
        };
        Home::new(&home).init(&config).expect("writable");
        for file in ["genesis.json", "app.toml", "client.toml"] {
            let path = PathBuf::from("config").join(file);
            std::fs::copy(self.nodes[0].home().join(&path), home.join(&path)).expect("written by devnet");
        }
        let full = Node::new(home, rpc, self.setup.engine, plumed());
        let listed = format!("unconditional_peer_ids = \"{}\"", full.id());
        for node in &self.nodes {
            edit(&node.home().join("config/config.toml"), "unconditional_peer_ids = \"\"", &listed);
        }
        self.nodes.push(full);
        self.nodes.len() - 1
    }

    /// Lets one node run another program than the others. Before it starts.
    pub fn set_program(&mut self, index: usize, program: Program) {
        self.nodes[index].set_program(program.path());
    }

    /// A node that forgets its first blocks, or began with a snapshot: agreement is checked from its first block on.
    pub fn begins_later(&mut self, index: usize) {
        self.begin_later.insert(index);
    }

    pub(crate) fn may_begin_later(&self, index: usize) -> bool {
        self.begin_later.contains(&index)
    }

    /// Who begins a Raft chain: the first in set order, of equal powers the least address.
    pub fn first_leader(&self) -> usize {
        (0..self.nodes.len()).min_by_key(|index| self.nodes[*index].address()).expect("a node")
    }

    /// Changes the genesis document so that blocks may be forgotten as soon as the operator says so: evidence is taken for
    /// one block. Before nodes are added, and before they start.
    ///
    /// # Panics
    /// When the document has no such parameter.
    pub fn let_evidence_end_early(&self) {
        for node in &self.nodes {
            let genesis = node.home().join("config/genesis.json");
            let mut document = read_json(&genesis);
            let age = &mut document["consensus_params"]["evidence"]["max_age_num_blocks"];
            assert!(age.is_string(), "{}", genesis.display());
            *age = json!("1");
            std::fs::write(&genesis, document.to_string()).expect("writable");
        }
    }

    /// Gives every node the same changes of validators: height, index of the node, power. Only for
    /// [`Program::DevnetNode`].
    pub fn schedule(&self, changes: &[(u64, usize, i64)]) {
        let key = |index: usize| hex::encode(self.nodes[index].key());
        let entries: Vec<_> = changes
            .iter()
            .map(|(height, index, power)| json!({ "height": height, "key": key(*index), "power": power }))
            .collect();
        let schedule = Value::from(entries);
        ScheduledValidators::from_json(&schedule).expect("what the node will read");
        for node in &self.nodes {
            std::fs::write(node.home().join("schedule.json"), schedule.to_string()).expect("writable");
        }
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

    /// Kills every node at once and starts them again.
    pub fn kill_and_start_all(&mut self) {
        std::thread::scope(|scope| {
            for node in self.nodes.iter_mut().filter(|node| node.is_up()) {
                scope.spawn(|| node.kill(Victim::App));
            }
        });
        self.nodes.iter_mut().for_each(Node::start);
    }

    /// Stops every node that runs, as an operator would.
    ///
    /// # Panics
    /// When one does not end in order.
    pub fn stop(&mut self) {
        std::thread::scope(|scope| {
            for node in self.nodes.iter_mut().filter(|node| node.is_up()) {
                scope.spawn(|| assert_eq!(node.stop(), Some(0), "a clean stop of {}", node.home().display()));
            }
        });
    }

    /// The greatest height of the nodes that are up.
    pub fn height(&self) -> u64 {
        until("a status", || self.nodes.iter().filter(|node| node.is_up()).filter_map(Node::height).max())
    }

    /// Which node proposed the newest block: over Raft the leader.
    pub fn proposer(&self) -> usize {
        let newest = |node: &Node| {
            let block = node.rpc().call("block", &json!({})).ok()?;
            let header = &block["block"]["header"];
            let height: u64 = header["height"].as_str()?.parse().ok()?;
            Some((height, header["proposer_address"].as_str()?.to_owned()))
        };
        let (_, proposer) =
            until("a newest block", || self.nodes.iter().filter(|node| node.is_up()).filter_map(newest).max());
        self.nodes.iter().position(|node| node.address() == proposer).expect("a node of this network")
    }

    /// Waits until the nodes that are up have decided `more` further heights; how long that took.
    pub fn wait_for_blocks(&self, more: u64) -> Duration {
        let (start, target) = (Instant::now(), self.height() + more);
        until(&format!("height {target}"), || (self.height() >= target).then_some(()));
        start.elapsed()
    }

    /// Waits until every node has what the first of them has now.
    pub fn wait_until_all_caught_up(&self) {
        for index in 0..self.nodes.len() {
            self.wait_until_caught_up(index);
        }
    }

    /// Waits until a node has what the others have now; how long that took.
    pub fn wait_until_caught_up(&self, index: usize) -> Duration {
        let (start, target) = (Instant::now(), self.height());
        wait_for_height(&self.nodes[index], target);
        start.elapsed()
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

pub(crate) fn wait_for_height(node: &Node, height: u64) {
    until(&format!("height {height} in {}", node.home().display()), || {
        node.rpc().status().ok().filter(|status| status.latest_height >= height).map(|_| ())
    });
}

pub(crate) fn read_json(path: &Path) -> Value {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn write_times(home: &Path, times: Times) {
    let file = home.join("config/app.toml");
    let values = |times: Times| {
        let [heartbeat, min, max] =
            [times.heartbeat, times.election_min, times.election_max].map(|time| time.as_millis());
        format!("heartbeat-ms = {heartbeat}\nelection-min-ms = {min}\nelection-max-ms = {max}\n")
    };
    if times != Times::DEFAULT {
        edit(&file, &values(Times::DEFAULT), &values(times));
        let pause = format!("\ntimeout_commit = \"{}ms\"", times.pause.as_millis());
        edit(&home.join("config/config.toml"), "\ntimeout_commit = \"0s\"", &pause);
    }
}

/// Replaces what must stand in a file.
pub(crate) fn edit(file: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    assert!(text.contains(from), "{} does not contain {from}", file.display());
    std::fs::write(file, text.replace(from, to)).expect("writable");
}

/// First RPC port and first P2P port, all of whose followers are free now.
///
/// Below those that the kernel gives to outgoing connections: a node's port must stay free while it is down.
fn free_ports(validators: u16) -> (u16, u16) {
    until("free ports", || {
        let base = rand::thread_rng().gen_range(PORTS.start..PORTS.end - validators * PORT_STEP);
        let last = base + validators * PORT_STEP;
        let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
        let all = (base..last).step_by(usize::from(PORT_STEP)).all(|port| free(port) && free(port + 1));
        all.then_some((base, base + 1))
    })
}
