use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use plume_tests_devnet::{Engine, Load, Network, Storm, Victim, storm};

/// Three of four go on without the killed one, which then catches up.
fn each_way(engine: Engine) {
    let mut network = Network::create(engine, 4, 4);
    network.start();
    let load = Load::start(&network, 4);
    load.wait_for(4);
    for (index, victim) in [(1, Victim::App), (2, Victim::Engine), (3, Victim::Both)] {
        let status = network.nodes_mut()[index].kill(victim);
        match victim {
            _ if engine == Engine::Raft => assert_eq!(status.signal(), Some(9)),
            Victim::Engine => assert_eq!(status.code(), Some(137), "plumed ends in order and tells why"),
            Victim::App => assert_eq!(status.signal(), Some(9)),
            // Whichever was first: the signal, or the end of its CometBFT.
            Victim::Both => assert!(status.signal() == Some(9) || status.code() == Some(137), "{status}"),
        }
        load.wait_for(4);
        network.nodes_mut()[index].start();
        network.wait_until_caught_up(index);
    }
    let sent = load.finish();
    assert!(sent.iter().sum::<u64>() >= 16, "{sent:?}");
    network.require_same_chain(&sent);
    for node in network.nodes_mut() {
        assert!(node.is_running());
    }
    network.require_agreement(&sent);
}

/// The short form of `devnet-kills`.
fn at_random(engine: Engine) {
    let mut network = Network::create(engine, 4, 3);
    network.start();
    let load = Load::start(&network, 3);
    load.wait_for(3);
    storm(network.nodes_mut(), Storm { kills: 10, seed: 7, longest_life: Duration::from_secs(3) }, |_| {});
    load.wait_for(3);
    let sent = load.finish();
    network.require_agreement(&sent);
}

/// Not one node is left that remembers more than its disk.
fn all_at_once(engine: Engine) {
    let mut network = Network::create(engine, 4, 3);
    network.start();
    let load = Load::start(&network, 3);
    load.wait_for(6);
    network.kill_and_start_all();
    let time = network.wait_for_blocks(1);
    println!("{}: all four killed at once: next block {time:?} after the start", engine.name());
    load.wait_for(6);
    let sent = load.finish();
    network.require_agreement(&sent);
}

#[test]
fn a_validator_killed_in_each_way_under_load_catches_up_on_raft() {
    each_way(Engine::Raft);
}

#[test]
fn a_validator_killed_in_each_way_under_load_catches_up_on_cometbft() {
    each_way(Engine::Cometbft);
}

#[test]
fn kills_at_random_times_lose_nothing_on_raft() {
    at_random(Engine::Raft);
}

#[test]
fn kills_at_random_times_lose_nothing_on_cometbft() {
    at_random(Engine::Cometbft);
}

#[test]
fn a_chain_whose_nodes_all_die_at_once_goes_on_on_raft() {
    all_at_once(Engine::Raft);
}

#[test]
fn a_chain_whose_nodes_all_die_at_once_goes_on_on_cometbft() {
    all_at_once(Engine::Cometbft);
}
