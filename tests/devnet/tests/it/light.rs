//! A light client on a real chain whose validators change until none of the first is left: every header in sequence,
//! by skipping, and from the command line.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;

use plume_client::RpcClient;
use plume_light_client::rpc::{self, RpcProvider};
use plume_light_client::{LightBlock, Mode, Provider, Sources, verify_absence, verify_membership};
use plume_primitives::Bech32Prefix;
use plume_tests_devnet::light::{Http, client, now, providers, verify_sequentially};
use plume_tests_devnet::{Engine, Load, Network, Node, Program, Setup, bounded, light_chain, plumed, until};
use serde_json::{Value, json};

/// The last height that is verified.
const LAST: u64 = 60;

/// Height, validator, power: the first three leave one after the other, return, and then the fourth leaves.
const SCHEDULE: [(u64, usize, i64); 8] =
    [(6, 0, 0), (10, 1, 0), (14, 2, 0), (30, 0, 10), (32, 1, 25), (34, 2, 10), (40, 3, 0), (50, 3, 7)];

/// A height that the fourth validates alone, and one without it.
const ALONE: u64 = 25;
const WITHOUT: u64 = 45;

/// Validator 0 of the table is node 0, and so on. Who validates a height: updates act two blocks later.
fn members(height: u64) -> BTreeSet<(usize, i64)> {
    let mut powers = [10_i64; 4];
    for (at, validator, power) in SCHEDULE {
        if at + 2 <= height {
            powers[validator] = power;
        }
    }
    powers.into_iter().enumerate().filter(|(_, power)| *power > 0).collect()
}

#[test]
fn a_light_client_follows_changing_validators_on_cometbft() {
    follow(Engine::Cometbft);
}

#[test]
fn a_light_client_follows_changing_validators_on_raft() {
    follow(Engine::Raft);
}

/// The short form of `devnet-light-chain`.
#[test]
fn a_light_client_follows_a_raft_chain_whose_leaders_die() {
    let report = light_chain::run(100, 2);
    println!("{report:?}");
    assert!(report.leader_changes >= 1, "{report:?}");
    assert!(report.validator_sets >= 7, "{report:?}");
}

fn follow(engine: Engine) {
    let mut network = Network::new(Setup { program: Program::DevnetNode, accounts: 2, ..Setup::new(engine) });
    network.schedule(&SCHEDULE);
    network.nodes_mut().iter_mut().for_each(Node::start);
    let load = Load::start(&network, 2);
    for node in network.nodes() {
        until("the last height", || node.height().filter(|height| *height > LAST));
    }
    let sent = load.finish();

    let keys: Vec<_> = network.nodes().iter().map(Node::key).collect();
    let nodes = providers(&network);
    let trusted = nodes[0].light_block(1).expect("the first block");
    every_header_verifies(&nodes, &trusted, &keys);
    values_and_their_absence_are_proved(&network, &nodes[0], &trusted);
    the_command_line_verifies(&network, &trusted);
    if let Some(folder) = std::env::var_os("PLUME_LIGHT_VECTORS") {
        record(&network, Path::new(&folder));
    }
    network.require_agreement(&sent);
    network.stop();
}

fn every_header_verifies(nodes: &[RpcProvider<Http>], trusted: &LightBlock, keys: &[[u8; 32]]) {
    let sequence = verify_sequentially(nodes, trusted, LAST);

    // The last set has much of the first again: one step. On the way it was the fourth alone, then the three others, and
    // neither signed with a third of what was trusted before: headers in between are needed.
    let sources = Sources { primary: &nodes[0], witnesses: &[] };
    let mut skipping = client(trusted);
    for (height, bisected) in [(LAST, false), (ALONE, true), (WITHOUT, true)] {
        let skipped = skipping.verify(sources, height, Mode::Skipping, now()).expect("an honest chain");
        assert!(sequence.trace.contains(&(height, skipped.block.hash())), "{:?}", skipped.trace);
        assert_eq!(skipped.steps > 1, bisected, "{:?}", skipped.trace);
        assert!(skipped.steps < LAST / 4, "{:?}", skipped.trace);
    }

    for (height, hash) in &sequence.trace {
        let block = nodes[1].light_block(*height).expect("another node has it too");
        assert_eq!(block.hash(), *hash);
        let found: BTreeSet<_> = block
            .validators()
            .validators()
            .iter()
            .map(|found| {
                let place = keys.iter().position(|key| found.pub_key.to_bytes() == key.as_slice());
                (place.expect("a validator of this network"), i64::try_from(found.power()).expect("small"))
            })
            .collect();
        assert_eq!(found, members(*height), "validators of height {height}");
    }
    // Backwards, from the last.
    let back = client(&sequence.block).verify(sources, 2, Mode::Skipping, now()).expect("an honest chain");
    assert_eq!((back.steps, back.block.hash()), (LAST - 2, sequence.trace[1].1));
}

fn ask(rpc: &RpcClient, store: &str, key: &[u8], height: u64) -> Value {
    let path = format!("/store/{store}/key");
    let params = json!({ "path": path, "data": hex::encode(key), "height": height.to_string(), "prove": true });
    rpc.call("abci_query", &params).expect("an answer")
}

/// Key of the first account's balance, and of one in a denomination that nobody holds.
fn balance_keys(network: &Network) -> [Vec<u8>; 2] {
    let prefix = Bech32Prefix::new("plume").expect("devnet's prefix");
    let address = prefix.parse_account(network.accounts()[0].address()).expect("written by plumed");
    let key = |denom: &str| [&[2, 20][..], address.as_bytes(), denom.as_bytes()].concat();
    [key(network.denom()), key("nobody")]
}

fn values_and_their_absence_are_proved(network: &Network, node: &RpcProvider<Http>, trusted: &LightBlock) {
    let header = client(trusted).verify_to_height(node, LAST, now()).expect("an honest chain").block;
    let [held, missing] = balance_keys(network);
    let rpc = network.nodes()[2].rpc();
    let answer = rpc::query(&ask(rpc, "bank", &held, LAST - 1)).expect("an answer");
    assert!(!answer.value.is_empty());
    verify_membership(header.app_hash(), "bank", &held, &answer.value, &answer.proof).expect("an honest node");
    let answer = rpc::query(&ask(rpc, "bank", &missing, LAST - 1)).expect("an answer");
    assert!(answer.value.is_empty());
    verify_absence(header.app_hash(), "bank", &missing, &answer.proof).expect("an honest node");
}

fn light(network: &Network, command: &str, arguments: &[&str]) -> Output {
    let url = network.nodes()[0].rpc().url();
    let mut plumed = bounded(plumed());
    plumed.args(["--home"]).arg(network.folder()).args(["light", command, "--rpc", url, "--output", "json"]);
    plumed.args(arguments).env_remove("PLUMED_NODE").env_remove("PLUMED_CHAIN_ID").output().expect("plumed runs")
}

fn the_command_line_verifies(network: &Network, trusted: &LightBlock) {
    let hash = trusted.hash().to_string();
    let trust = ["--trust-height", "1", "--trust-hash", &hash];
    let witness = network.nodes()[3].rpc().url();
    let last = LAST.to_string();
    for (mode, way, steps) in [(&[][..], "skipping", None), (&["--sequential"], "sequential", Some(LAST - 1))] {
        let done = light(network, "verify", &[&trust[..], &["--height", &last, "--witness", witness], mode].concat());
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let shown: Value = serde_json::from_slice(&done.stdout).expect("JSON");
        assert_eq!((&shown["height"], &shown["chain_id"]), (&json!(last), &json!(network.chain_id())));
        assert_eq!(shown["verified"]["way"], way);
        assert_eq!(shown["verified"]["witnesses"], json!([{ "node": witness, "agrees": true, "says": "agrees" }]));
        if let Some(steps) = steps {
            assert_eq!(shown["verified"]["headers_verified"], steps.to_string());
        }
    }
    let [held, missing] = balance_keys(network);
    for (key, exists) in [(held, true), (missing, false)] {
        let key = hex::encode(key);
        let done = light(network, "query", &[&trust[..], &["--store", "bank", "--key", &key]].concat());
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let shown: Value = serde_json::from_slice(&done.stdout).expect("JSON");
        assert_eq!(shown["exists"], exists);
        assert_eq!(shown["value_text"].is_string(), exists, "{shown}");
    }
    let wrong = ["--trust-height", "1", "--trust-hash", &"5c".repeat(32)];
    let done = light(network, "verify", &wrong);
    let error = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{error}");
    assert!(error.contains(&hash) && error.contains("Ask a second source"), "{error}");
}

/// Writes what the nodes answer, as the vectors of the light client's own tests.
fn record(network: &Network, folder: &Path) {
    let rpc = network.nodes()[0].rpc();
    let mut chain = String::new();
    for height in 1..=LAST {
        let at = json!({ "height": height.to_string() });
        let commit = rpc.call("commit", &at).expect("a commit");
        let validators = rpc.call("validators", &at).expect("validators");
        chain.push_str(&json!({ "commit": commit, "validators": validators }).to_string());
        chain.push('\n');
    }
    std::fs::write(folder.join("chain.jsonl"), chain).expect("writable");
    let [held, missing] = balance_keys(network);
    let mut proofs = String::new();
    for (key, height) in [(&held, LAST - 1), (&missing, LAST - 1), (&held, 1)] {
        proofs.push_str(
            &json!({ "store": "bank", "key": hex::encode(key), "answer": ask(rpc, "bank", key, height) }).to_string(),
        );
        proofs.push('\n');
    }
    std::fs::write(folder.join("proofs.jsonl"), proofs).expect("writable");
}
