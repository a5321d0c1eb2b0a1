//! The validator set changes by schedule: one leaves, another's power changes, the first returns.

use std::collections::BTreeMap;

use plume_tests_devnet::{Engine, Load, Network, Node, Program, Setup, until};
use serde_json::json;

/// Updates of a block act two blocks later.
const DELAY: u64 = 2;

const LEAVES: u64 = 6;
const GROWS: u64 = 12;
const RETURNS: u64 = 18;

/// The `leaver` and the `grower` are nodes of the network.
fn leave_change_and_return(engine: Engine, choose: impl Fn(&Network) -> (usize, usize)) {
    let mut network = Network::new(Setup { program: Program::DevnetNode, accounts: 2, ..Setup::new(engine) });
    let (leaver, grower) = choose(&network);
    network.schedule(&[(LEAVES, leaver, 0), (GROWS, grower, 25), (RETURNS, leaver, 10)]);
    network.nodes_mut().iter_mut().for_each(Node::start);
    let load = Load::start(&network, 2);
    // Not asked: whoever leaves.
    let other = &network.nodes()[grower];

    let address = network.nodes()[leaver].address();
    // It follows the chain while it is away, and signs blocks again once it is back. Over CometBFT everybody proposes in
    // turn, over Raft only the leader does.
    let again = until("a block with a vote of the validator that returned", || {
        let height = network.nodes()[leaver].height()?;
        (RETURNS + DELAY..height).find(|height| other.signers(*height).contains(&address))
    });
    if engine == Engine::Cometbft {
        until("a block of the validator that returned", || {
            let height = other.height()?;
            (RETURNS + DELAY..=height).find(|height| proposer(other, *height).as_ref() == Some(&address))
        });
    }
    for height in LEAVES + DELAY..RETURNS + DELAY {
        assert!(proposer(other, height).is_some_and(|proposer| proposer != address), "height {height}");
        assert!(!other.signers(height).contains(&address), "height {height}");
    }

    let keys: Vec<_> = network.nodes().iter().map(Node::key).collect();
    let set = |present: bool, power: i64| {
        let all = (0..4).filter(|index| present || *index != leaver);
        all.map(|index| (keys[index].to_vec(), if index == grower { power } else { 10 })).collect::<BTreeMap<_, _>>()
    };
    for (height, expected) in [
        (1, set(true, 10)),
        (LEAVES + DELAY - 1, set(true, 10)),
        (LEAVES + DELAY, set(false, 10)),
        (GROWS + DELAY - 1, set(false, 10)),
        (GROWS + DELAY, set(false, 25)),
        (RETURNS + DELAY - 1, set(false, 25)),
        (RETURNS + DELAY, set(true, 25)),
        (again, set(true, 25)),
    ] {
        for node in network.nodes() {
            assert_eq!(validators(node, height), expected, "height {height}");
        }
    }
    let sent = load.finish();
    network.require_agreement(&sent);
    network.stop();
}

#[test]
fn validators_leave_change_and_return_by_schedule_on_cometbft() {
    leave_change_and_return(Engine::Cometbft, |_| (3, 1));
}

#[test]
fn validators_leave_change_and_return_by_schedule_on_raft() {
    leave_change_and_return(Engine::Raft, |network| {
        let leader = network.first_leader();
        ((leader + 1) % 4, leader)
    });
}

/// A Raft leader outside the validator set may not propose: another one must lead.
#[test]
fn the_raft_leader_leaves_the_validators_and_returns() {
    leave_change_and_return(Engine::Raft, |network| {
        let leader = network.first_leader();
        (leader, (leader + 1) % 4)
    });
}

fn proposer(node: &Node, height: u64) -> Option<String> {
    let block = node.rpc().call("block", &json!({ "height": height.to_string() })).ok()?;
    block["block"]["header"]["proposer_address"].as_str().map(str::to_owned)
}

fn validators(node: &Node, height: u64) -> BTreeMap<Vec<u8>, i64> {
    let page = until("validators", || node.rpc().validators(Some(height), 1, 100).ok());
    page.validators.iter().map(|validator| (validator.public_key.clone(), validator.voting_power)).collect()
}
