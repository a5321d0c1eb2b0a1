//! Raft leaders that die or stand still under load.

use std::os::unix::process::ExitStatusExt;

use plume_tests_devnet::{Engine, Load, Network, Victim, until};

#[test]
fn killed_leaders_are_replaced() {
    let mut network = Network::create(Engine::Raft, 4, 3);
    network.start();
    let load = Load::start(&network, 3);
    for run in 0..3 {
        load.wait_for(4);
        let leader = network.proposer();
        assert_eq!(network.nodes_mut()[leader].kill(Victim::App).signal(), Some(9));
        let without = network.wait_for_blocks(2);
        load.wait_for(4);
        assert_ne!(network.proposer(), leader);
        network.nodes_mut()[leader].start();
        let back = network.wait_until_caught_up(leader);
        println!("leader {run} killed: two blocks without it after {without:?}, itself back after {back:?}");
    }
    let sent = load.finish();
    network.require_agreement(&sent);
}

/// It still believes that it leads when it wakes up.
#[test]
fn a_leader_that_stood_still_follows_the_new_one() {
    let mut network = Network::create(Engine::Raft, 4, 3);
    network.start();
    let load = Load::start(&network, 3);
    for run in 0..2 {
        load.wait_for(4);
        let leader = network.proposer();
        network.nodes_mut()[leader].pause();
        let without = network.wait_for_blocks(2);
        assert_ne!(network.proposer(), leader);
        network.nodes_mut()[leader].resume();
        let back = network.wait_until_caught_up(leader);
        println!("leader {run} stopped: two blocks without it after {without:?}, itself back after {back:?}");
    }
    let sent = load.finish();
    network.require_agreement(&sent);
}

/// It has no vote; that it is listed by the others is enough to follow.
#[test]
fn a_full_node_follows() {
    let mut network = Network::create(Engine::Raft, 4, 3);
    let full = network.add_full_node();
    network.start();
    let load = Load::start(&network, 3);
    load.wait_for(6);
    network.nodes_mut()[full].kill(Victim::App);
    load.wait_for(6);
    network.nodes_mut()[full].start();
    network.wait_until_caught_up(full);
    // The validators' majority does not count it.
    let leader = network.proposer();
    network.nodes_mut()[leader].kill(Victim::App);
    network.wait_for_blocks(2);
    network.nodes_mut()[leader].start();
    let power = until("the full node's status", || network.nodes()[full].rpc().status().ok()).voting_power;
    assert_eq!(power.to_string(), "0");
    let sent = load.finish();
    network.require_agreement(&sent);
}
