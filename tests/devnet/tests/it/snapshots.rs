//! Raft nodes that begin with a snapshot of the state: new ones, and one whose blocks nobody keeps any more.

use plume_tests_devnet::{Engine, Load, Network, Node, Program, Setup, bounded, plumed, until};
use serde_json::json;

/// Blocks that the validators keep, and their interval of snapshots.
const KEPT: u64 = 60;
const INTERVAL: u64 = 10;

/// A recent header, as an operator looks it up.
fn recent_header(node: &Node) -> (u64, String) {
    let block = until("a block", || node.rpc().call("block", &json!({})).ok());
    let height = block["block"]["header"]["height"].as_str().expect("a height").parse().expect("a number");
    (height, block["block_id"]["hash"].as_str().expect("a hash").to_owned())
}

#[test]
fn a_new_node_and_one_that_nobody_keeps_blocks_for_begin_with_a_snapshot() {
    let mut network = Network::new(Setup { program: Program::DevnetNode, ..Setup::new(Engine::Raft) });
    network.let_evidence_end_early();
    let full = network.add_full_node();
    // One that is not needed at the beginning.
    let away = (network.first_leader() + 1) % 4;
    network.set_program(away, Program::Plumed);
    for index in (0..4).filter(|index| *index != away) {
        let node = &network.nodes()[index];
        std::fs::write(node.home().join("history"), format!("{KEPT} {INTERVAL}")).expect("writable");
        std::fs::write(node.home().join("raft-log"), "20 5").expect("writable");
    }
    (0..4).for_each(|index| network.nodes_mut()[index].start());
    let load = Load::start(&network, 3);
    load.wait_for(6);
    network.wait_until_caught_up(away);
    assert_eq!(network.nodes_mut()[away].stop(), Some(0));
    let left = network.nodes()[away].stored_height();

    // A new node, while blocks go on.
    until("a snapshot", || (network.height() > left.max(INTERVAL) + INTERVAL).then_some(()));
    let source = (away + 1) % 4;
    let (height, hash) = recent_header(&network.nodes()[source]);
    network.nodes()[full].begin_with_snapshot(height, &hash);
    network.begins_later(full);
    network.nodes_mut()[full].start();
    let new = network.wait_until_caught_up(full);
    let first = network.nodes()[full].first_block();
    assert!(first > 1, "it executed every block");

    // Nobody keeps what the other one needs next: it says so, and what to do.
    until("a chain that forgets", || {
        (0..4).filter(|index| *index != away).all(|index| network.nodes()[index].first_block() > left + 1).then_some(())
    });
    (0..4).filter(|index| *index != away).for_each(|index| network.begins_later(index));
    let length = network.nodes()[away].log().len();
    network.nodes_mut()[away].start();
    let advice = until("advice", || {
        let said = network.nodes()[away].log()[length..].to_owned();
        said.lines().find(|line| line.contains("plumed comet reset-state")).map(str::to_owned)
    });
    assert!(advice.contains(&format!("this node needs block {}", left + 1)), "{advice}");
    assert_eq!(network.nodes()[away].height(), Some(left), "it answers what it has");
    assert_eq!(network.nodes_mut()[away].stop(), Some(0));

    // What it says is done.
    let signed = network.nodes()[away].signed_height();
    let home = network.nodes()[away].home().to_owned();
    let reset = bounded(plumed()).arg("--home").arg(&home).args(["comet", "reset-state"]).output();
    let reset = reset.expect("plumed runs");
    assert!(reset.status.success(), "{}", String::from_utf8_lossy(&reset.stderr));
    assert_eq!(network.nodes()[away].signed_height(), signed, "what was signed stays");
    let (height, hash) = recent_header(&network.nodes()[source]);
    network.nodes()[away].begin_with_snapshot(height, &hash);
    network.begins_later(away);
    network.nodes_mut()[away].start();
    let back = network.wait_until_caught_up(away);
    let address = network.nodes()[away].address();
    let again = until("a block that it has signed", || {
        let newest = network.nodes()[source].height()?;
        (newest.saturating_sub(5).max(network.nodes()[source].first_block())..newest)
            .find(|height| network.nodes()[source].signers(*height).contains(&address))
    });
    println!(
        "a new node at {} from a snapshot below {first} after {new:?}; one that left at {left}: back after {back:?}, signs {again}",
        network.height()
    );
    let sent = load.finish();
    network.require_agreement(&sent);
}
