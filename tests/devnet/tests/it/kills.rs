use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use plume_tests_devnet::{Load, Network, Storm, Victim, storm, until};

/// Three of four go on without the killed one, which then catches up.
#[test]
fn a_validator_killed_in_each_way_under_load_catches_up() {
    let mut network = Network::create(4, 4);
    network.start();
    let load = Load::start(&network, 4);
    load.wait_for(4);
    for (index, victim) in [(1, Victim::App), (2, Victim::Engine), (3, Victim::Both)] {
        let status = network.nodes_mut()[index].kill(victim);
        match victim {
            Victim::Engine => assert_eq!(status.code(), Some(137), "plumed ends in order and tells why"),
            Victim::App => assert_eq!(status.signal(), Some(9)),
            // Whichever was first: the signal, or the end of its CometBFT.
            Victim::Both => assert!(status.signal() == Some(9) || status.code() == Some(137), "{status}"),
        }
        load.wait_for(4);
        network.nodes_mut()[index].start();
        let (killed, other) = (network.nodes()[index].rpc(), network.nodes()[0].rpc());
        let height = until("status of a live node", || other.status().ok()).latest_height;
        until("a node that caught up", || {
            killed.status().ok().filter(|status| status.latest_height >= height).map(|_| ())
        });
    }
    let sent = load.finish();
    assert!(sent.iter().sum::<u64>() >= 16, "{sent:?}");
    network.require_agreement(&sent);
    for node in network.nodes_mut() {
        assert!(node.is_running());
        assert_eq!(node.stop(), Some(0));
    }
}

/// The short form of `devnet-kills`.
#[test]
fn kills_at_random_times_lose_nothing() {
    let mut network = Network::create(4, 3);
    network.start();
    let load = Load::start(&network, 3);
    load.wait_for(3);
    storm(network.nodes_mut(), Storm { kills: 10, seed: 7, longest_life: Duration::from_secs(3) }, |_| {});
    load.wait_for(3);
    let sent = load.finish();
    network.require_agreement(&sent);
}

/// Not one node is left that remembers more than its disk.
#[test]
fn a_chain_whose_nodes_all_die_at_once_goes_on() {
    let mut network = Network::create(4, 3);
    network.start();
    let load = Load::start(&network, 3);
    load.wait_for(6);
    std::thread::scope(|scope| {
        for node in network.nodes_mut() {
            scope.spawn(|| node.kill(Victim::App));
        }
    });
    for node in network.nodes_mut() {
        node.start();
    }
    load.wait_for(6);
    let sent = load.finish();
    network.require_agreement(&sent);
}
